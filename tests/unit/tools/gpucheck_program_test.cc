// souk-gpucheck, as it is carried to a GPU machine, with no GPU and with the stand-in for libcuda.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "sanitized.h"
#include "unit/tools/run_program.h"

namespace souk::tools {
namespace {

using nlohmann::json;

// `wishes`: what the stand-in is to do (tests/unit/gpu/cuda/standin.h).
Ran WithGpus(const std::string& arguments, const std::string& wishes = "") {
  return RunProgram("env LD_LIBRARY_PATH='" SOUK_STANDIN_FOLDER "' " + wishes +
                    " souk-gpucheck --no-timing " + arguments);
}

json FamilyOf(const json& document, const std::string& name, size_t device = 0) {
  for (const json& family : document["devices"][device]["families"]) {
    if (family["family"] == name) return family;
  }
  ADD_FAILURE() << "no family " << name;
  return {};
}

// The whole set takes a sanitized program a minute for each device.
const std::string kSet = kSanitized ? "--family shifts --family warp --family atomics " : "";

std::string Line(const std::string& text, const std::string& start) {
  const size_t at = ("\n" + text).find("\n" + start);
  if (at == std::string::npos) return "";
  return text.substr(at, text.find('\n', at) - at);
}

TEST(GpuCheckProgram, NeedsTheCLibraryAloneAndNoNewerOneThanDebians) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer brings libraries of its own";
  const Ran needed = RunProgram("readelf -d " SOUK_BINARY_DIR "/bin/souk-gpucheck");
  if (needed.code != 0) GTEST_SKIP() << "no readelf here";
  const std::set<std::string> allowed = {"libc.so.6", "libm.so.6", "ld-linux-x86-64.so.2"};
  size_t libraries = 0;
  for (size_t at = needed.out.find("(NEEDED)"); at != std::string::npos;
       at = needed.out.find("(NEEDED)", at + 1)) {
    const size_t open = needed.out.find('[', at);
    const std::string name = needed.out.substr(open + 1, needed.out.find(']', open) - open - 1);
    EXPECT_TRUE(allowed.contains(name)) << name;
    ++libraries;
  }
  EXPECT_GE(libraries, 1u);
  const Ran versions = RunProgram("readelf -V " SOUK_BINARY_DIR "/bin/souk-gpucheck");
  size_t seen = 0;
  for (size_t at = versions.out.find("GLIBC_2."); at != std::string::npos;
       at = versions.out.find("GLIBC_2.", at + 1)) {
    EXPECT_LE(std::stoi(versions.out.substr(at + 8)), 36);
    ++seen;
  }
  EXPECT_GE(seen, 1u);
  EXPECT_EQ(versions.out.find("GLIBCXX"), std::string::npos);
}

TEST(GpuCheckProgram, SaysWhatItIsAndRefusesWhatItDoesNotKnow) {
  for (const char* option : {"-h", "--help"}) {
    const Ran help = RunProgram(std::string("souk-gpucheck ") + option);
    EXPECT_EQ(help.code, 0) << option;
    EXPECT_NE(help.out.find("usage: souk-gpucheck"), std::string::npos);
    EXPECT_LE(WidestLine(help.out), 80u);
  }
  EXPECT_EQ(RunProgram("souk-gpucheck --version").out.rfind("souk-gpucheck ", 0), 0u);
  EXPECT_NE(RunProgram("souk-gpucheck --list").out.find("\nshifts\n"), std::string::npos);
  for (const char* wrong : {"--nonsense", "extra", "--family", "--family nonsense", "--shrink 0",
                            "--shrink x", "--device cuda:7", "--device cpu"}) {
    const Ran ran = RunProgram(std::string("souk-gpucheck ") + wrong);
    EXPECT_EQ(ran.code, 2) << wrong;
    EXPECT_TRUE(IsOneLine(ran.err, "souk-gpucheck")) << wrong;
  }
}

TEST(GpuCheckProgram, WithoutAGpuChecksTheReferenceAndSaysThatThisIsAll) {
  const Ran ran = RunProgram("souk-gpucheck " + kSet);
  if (ran.out.find("cuda:0") != std::string::npos) GTEST_SKIP() << "there is a GPU here";
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_NE(ran.out.find("\nNO GPU CHECKED: no CUDA driver here"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("this says nothing of any GPU"), std::string::npos);
  EXPECT_NE(Line(ran.out, "shifts").find(" ok"), std::string::npos) << ran.out;
  EXPECT_EQ(RunProgram("souk-gpucheck --require-gpu --family shifts").code, 1);
  const Ran as_json = RunProgram("souk-gpucheck --json --family shifts");
  const json document = json::parse(as_json.out);
  EXPECT_EQ(document["gpu"], false);
  EXPECT_EQ(document["ok"], true);
  EXPECT_GT(FamilyOf(document, "shifts")["values"], 10'000);
}

TEST(GpuCheckProgram, PassesDevicesThatComputeAsTheReferenceDoes) {
  const Ran ran = WithGpus(kSet);
  EXPECT_EQ(ran.code, 0) << ran.out;
  EXPECT_NE(ran.out.find("\ncuda:0  Stand-in A, sm_90"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("\ncuda:1  Stand-in B, sm_90"), std::string::npos);
  EXPECT_NE(ran.out.find("\nPASS: cuda:0, cuda:1 agrees with the reference"), std::string::npos);
  const json one = json::parse(WithGpus("--json --device cuda:1 --family convert").out);
  ASSERT_EQ(one["devices"].size(), 1u);
  EXPECT_EQ(one["devices"][0]["device"], "cuda:1");
  EXPECT_EQ(one["gpu"], true);
  EXPECT_EQ(FamilyOf(one, "convert")["wrong"], 0);
}

TEST(GpuCheckProgram, NamesTheFamilyOfAnInstructionThatADeviceComputesWrongly) {
  const Ran ran = WithGpus(
      "--device cuda:0 --family shifts --family integer --family bits --family warp "
      "--family 'f32 arithmetic'",
      "SOUK_STANDIN_WRONG='shl.b32=shr.b32'");
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(Line(ran.out, "shifts").find("FAIL"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("\n  shl.b32 of b32 "), std::string::npos) << ran.out;
  for (const char* family : {"integer", "bits", "f32 arithmetic"}) {
    EXPECT_NE(Line(ran.out, family).find(" ok"), std::string::npos) << family;
  }
  EXPECT_NE(ran.out.find("\nFAIL: shifts"), std::string::npos);
  const Ran as_json =
      WithGpus("--json --device cuda:0 --family shifts", "SOUK_STANDIN_WRONG='shl.b32=shr.b32'");
  EXPECT_EQ(as_json.code, 1);
  const json family = FamilyOf(json::parse(as_json.out), "shifts");
  EXPECT_EQ(family["ok"], false);
  EXPECT_GT(family["wrong"], 1000);
  EXPECT_EQ(family["differences"].size(), 1u);
  EXPECT_EQ(family["differences"][0]["form"], "shl.b32");
}

TEST(GpuCheckProgram, NamesAnApproximationThatIsOutOfBounds) {
  const Ran ran = WithGpus("--family approximate --device cuda:0",
                           "SOUK_STANDIN_WRONG='sin.approx.f32=cos.approx.f32'");
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.out.find("\n  sin.approx.f32 of f32 "), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("expected 2^-20.5 within 2 pi"), std::string::npos);
}

TEST(GpuCheckProgram, GoesOnAfterAKernelThatBreaksTheDevice) {
  const Ran ran =
      WithGpus("--device cuda:0 --family shifts --family bits", "SOUK_STANDIN_FAULT='k0=214'");
  EXPECT_EQ(ran.code, 1);
  for (const char* family : {"bits", "shifts"}) {
    EXPECT_NE(Line(ran.out, family).find("FAIL"), std::string::npos) << ran.out;
  }
  EXPECT_NE(ran.out.find("uncorrectable ECC error encountered"), std::string::npos);
  EXPECT_NE(ran.out.find("take it out of rent, reset it"), std::string::npos);
}

TEST(GpuCheckProgram, ADriverThatFailsIsNotTheSameAsNone) {
  const Ran ran = WithGpus("--family shifts", "SOUK_STANDIN_FAIL='cuInit=802'");
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.out.find("nvidia-fabricmanager"), std::string::npos) << ran.out;
  const Ran none = WithGpus("--family shifts", "SOUK_STANDIN_DEVICES=0");
  EXPECT_EQ(none.code, 0);
  EXPECT_NE(none.out.find("NO GPU CHECKED: the driver has no device"), std::string::npos);
}

TEST(GpuCheckProgram, OpensTheMigInstanceThatIsNamed) {
  const std::string second = "MIG-90919293-9495-9697-9899-9a9b9c9d9e9f";
  const Ran ran = WithGpus("--family shifts --device cuda:" + second, "SOUK_STANDIN_MIG=1");
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find(second), std::string::npos);
  const Ran first = WithGpus("--family shifts", "SOUK_STANDIN_MIG=1");
  EXPECT_NE(first.out.find("MIG-80818283-8485"), std::string::npos) << first.out;
  const Ran none =
      WithGpus("--family shifts --device cuda:MIG-00000000-9495-9697-9899-9a9b9c9d9e9f",
               "SOUK_STANDIN_MIG=1");
  EXPECT_EQ(none.code, 2);
}

TEST(GpuCheckProgram, TimesKernelsAgainstTheSamePtxByHand) {
  const Ran ran =
      RunProgram("env LD_LIBRARY_PATH='" SOUK_STANDIN_FOLDER
                 "' SOUK_STANDIN_DEVICES=1 souk-gpucheck --json --family shifts --shrink 4096");
  EXPECT_EQ(ran.code, 0);
  const json document = json::parse(ran.out);
  const json& timings = document["devices"][0]["timings"];
  ASSERT_EQ(timings.size(), 5u);
  for (const json& timing : timings) {
    EXPECT_GT(timing["value"], 0) << timing;
    EXPECT_GT(timing["floor"], 0) << timing;
  }
}

}  // namespace
}  // namespace souk::tools
