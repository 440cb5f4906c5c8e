// souk as a program: kernels and local runs.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/tools/run_program.h"

namespace souk::tools {
namespace {

using nlohmann::json;

// A quoted #include is looked for beside the source, wherever souk is started.
TEST(Souk, CompilesWithTheHeadersBesideTheSource) {
  const TestFolder folder;
  std::filesystem::create_directories(folder / "src");
  std::ofstream(folder.path() / "src" / "value.h") << "#define VALUE 4711\n";
  std::ofstream(folder / "value.h") << "#define VALUE 1234\n";
  std::ofstream(folder.path() / "src" / "k.cu")
      << "#include \"value.h\"\nextern \"C\" __global__ void k(int* x) { *x = VALUE; }\n";
  const Ran ran = RunProgram("souk compile src/k.cu -o k.ptx", folder.path());
  if (ran.err.find("needs the CUDA Toolkit") != std::string::npos) GTEST_SKIP() << ran.err;
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ReadAll(folder / "k.ptx").find("4711"), std::string::npos);
  // Nothing is lost to a slip of the hand.
  for (const char* line :
       {"souk compile src/k.cu -o src/k.cu", "souk compile k.ptx -o o.ptx --arch 80",
        "souk compile src/k.cu -o - --json"}) {
    EXPECT_EQ(RunProgram(line, folder.path()).code, 2) << line;
  }
  EXPECT_EQ(ReadAll(folder.path() / "src" / "k.cu").rfind("#include", 0), 0u);
}

// A source may be a stranger's: what it includes lies beside it, and nothing is waited for.
TEST(Souk, CompilesWithWhatAManifestMayIncludeAlone) {
  const TestFolder folder;
  std::filesystem::create_directories(folder / "src");
  std::ofstream(folder / "value.h") << "1\n";
  ASSERT_EQ(RunProgram("mkfifo src/pipe.h", folder.path()).code, 0);
  for (const std::string header : {"../value.h", "/etc/hostname", "pipe.h", "none.h"}) {
    std::ofstream(folder.path() / "src" / "k.cu") << "#include \"" << header << "\"\n";
    for (const char* line : {"souk compile src/k.cu -o k.ptx", "souk inspect src/k.cu"}) {
      const Ran ran = RunProgram(std::string("timeout 20 ") + line, folder.path());
      EXPECT_EQ(ran.code, 1) << line << header << ran.err;
      EXPECT_TRUE(IsOneLine(ran.err, "souk")) << ran.err;
    }
  }
}

// One instruction that nobody knows is no reason to say nothing of the other kernels.
TEST(Inspect, ReportsTheOtherKernelsBesideAnUnknownInstruction) {
  const TestFolder folder;
  std::ofstream(folder / "odd.ptx") << ".version 8.0\n.target sm_80\n.address_size 64\n"
                                       ".visible .entry plain() { ret; }\n"
                                       ".visible .entry odd() {\n.reg .b32 %r;\n"
                                       "frobnicate.u32 %r, %r;\nret;\n}\n";
  const Ran ran = RunProgram("souk inspect odd.ptx --json", folder.path());
  ASSERT_EQ(ran.code, 0) << ran.err;
  const json report = json::parse(ran.out);
  EXPECT_EQ(report["canonical"], false);
  EXPECT_NE(report["canonical_why"].get<std::string>().find("line 7"), std::string::npos)
      << ran.out;
  ASSERT_EQ(report["kernels"].size(), 2u);
  EXPECT_EQ(report["kernels"][0]["class"], "exact");
  EXPECT_EQ(report["kernels"][1]["class"], "opaque");
  EXPECT_EQ(report["kernels"][1]["unsupported"][0]["line"], 7);
  const Ran text = RunProgram("souk inspect odd.ptx", folder.path());
  EXPECT_NE(text.out.find("cannot be run: line 7"), std::string::npos) << text.out;
  EXPECT_EQ(RunProgram("souk compile odd.ptx -o k.ptx", folder.path()).code, 1);
}

TEST(Inspect, ReportsEachKernelOfTheSamples) {
  const Ran ran = RunProgram("souk inspect " + kWorkloads + "digits/digits.ptx --json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const json report = json::parse(ran.out);
  EXPECT_EQ(report["canonical"], true);
  EXPECT_GE(report["kernels"].size(), 8u);
  for (const json& kernel : report["kernels"]) {
    EXPECT_EQ(kernel["class"], "exact") << kernel["name"] << kernel["why"];
    EXPECT_GT(kernel["instructions"], 0);
    EXPECT_GT(kernel["registers"], 0);
    EXPECT_TRUE(kernel["unsupported"].empty());
    EXPECT_FALSE(kernel["parameters"].empty());
    EXPECT_TRUE(kernel.contains("shared_bytes"));
  }
}

TEST(Inspect, SaysWhyAKernelIsNotExact) {
  const Ran ran = RunProgram("souk inspect " + kWorkloads + "histogram/histogram.ptx");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("exact-ordered"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("line "), std::string::npos) << ran.out;
}

TEST(Inspect, SaysWhichExactKernelCannotBeChecked) {
  const TestFolder folder;
  std::ofstream(folder / "deep.ptx") << ".version 8.0\n.target sm_80\n.address_size 64\n"
                                        ".func f() { call f; ret; }\n"
                                        ".visible .entry deep() { call f; ret; }\n"
                                        ".visible .entry flat() { ret; }\n";
  const Ran text = RunProgram("souk inspect deep.ptx", folder.path());
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_NE(text.out.find("deep is exact, but cannot be checked"), std::string::npos) << text.out;
  EXPECT_EQ(text.out.find("flat is"), std::string::npos) << text.out;
  const json report = json::parse(RunProgram("souk inspect deep.ptx --json", folder.path()).out);
  const json& deep = report["kernels"].at(0);
  EXPECT_EQ(deep["class"], "exact");
  EXPECT_NE(deep["unchecked"].get<std::string>().find("call themselves"), std::string::npos);
  EXPECT_FALSE(report["kernels"].at(1).contains("unchecked"));
}

TEST(Inspect, GivesNoLineWhereAKernelIsRefusedAsAWhole) {
  const TestFolder folder;
  std::ofstream(folder / "big.ptx") << ".version 8.0\n.target sm_80\n.address_size 64\n"
                                       ".visible .entry k() { .local .b8 s[600000]; "
                                       ".reg .b32 %r; ld.local.b32 %r, [s]; ret; }\n";
  const Ran text = RunProgram("souk inspect big.ptx", folder.path());
  ASSERT_EQ(text.code, 0) << text.err;
  EXPECT_NE(text.out.find("local memory over 512 KiB"), std::string::npos) << text.out;
  EXPECT_EQ(text.out.find("line "), std::string::npos) << text.out;
  const json report = json::parse(RunProgram("souk inspect big.ptx --json", folder.path()).out);
  const json& kernel = report["kernels"].at(0);
  EXPECT_EQ(kernel["class"], "opaque");
  EXPECT_FALSE(kernel.contains("line"));
  ASSERT_EQ(kernel["unsupported"].size(), 1u);
  EXPECT_FALSE(kernel["unsupported"][0].contains("line"));
}

TEST(Inspect, NamesTheLineThatDoesNotParse) {
  const TestFolder folder;
  std::ofstream(folder / "bad.ptx") << ".version 8.0\n.target sm_80\n.address_size 64\n"
                                       ".visible .entry k() {\n  mov.u32 %r1\n}\n";
  const Ran ran = RunProgram("souk inspect bad.ptx", folder.path());
  EXPECT_EQ(ran.code, 1);
  EXPECT_TRUE(IsOneLine(ran.err, "souk"));
  EXPECT_NE(ran.err.find("bad.ptx: line "), std::string::npos) << ran.err;
}

TEST(RunLocal, DrawsTheMandelbrotSet) {
  const TestFolder folder;
  const Ran ran = RunProgram(
      "souk run " + kWorkloads + "mandelbrot/workload.toml --local --device cpu -o out --json",
      folder.path());
  ASSERT_EQ(ran.code, 0) << ran.err;
  const json run = json::parse(ran.out);
  EXPECT_EQ(run["class"], "exact");
  EXPECT_EQ(run["launches"], 1);
  EXPECT_EQ(ReadAll(folder.path() / "out" / "mandelbrot.png").substr(1, 3), "PNG");
  EXPECT_EQ(ReadAll(folder.path() / "out" / "mandelbrot.npy").substr(1, 5), "NUMPY");
  EXPECT_EQ(json::parse(ReadAll(folder.path() / "out" / "run.json"))["states_root"],
            run["states_root"]);
}

// Every thread of two blocks stores into one word of b.
void WriteColliding(const std::filesystem::path& folder) {
  std::ofstream(folder / "k.ptx")
      << ".version 6.3\n.target sm_75\n.address_size 64\n.visible .entry k(.param .u64 p)\n{\n.reg "
         ".b64 %l; .reg .b32 %r;\nld.param.u64 %l, [p];\nmov.u32 %r, %tid.x;\nst.global.u32 "
         "[%l+8], "
         "%r;\nret;\n}\n";
  std::ofstream(folder / "w.toml")
      << "[[module]]\npath = \"k.ptx\"\n[[launch]]\nkernel = \"k\"\n"
         "grid = 2\nblock = [2, 2]\nargs = [\"b\"]\n[[buffer]]\nname = "
         "\"b\"\ndtype = \"u32\"\nshape = [4]\noutput = \"b.npy\"\n";
}

TEST(RunLocal, ChecksALaunchAndExitsOneWhereItFindsSomething) {
  const TestFolder folder;
  WriteColliding(folder.path());
  const Ran ran = RunProgram("souk run w.toml --local --check --json", folder.path());
  EXPECT_EQ(ran.code, 1) << ran.err;
  const json check = json::parse(ran.out)["check"];
  EXPECT_EQ(check["clean"], false);
  EXPECT_EQ(check["launches"], 1);
  EXPECT_EQ(check["distinct"], 2);
  const json& race = check["findings"][0];
  EXPECT_EQ(race["kind"], "race");
  EXPECT_EQ(race["kernel"], "k");
  EXPECT_EQ(race["launch"], 1);
  EXPECT_EQ(race["first"]["what"], "store");
  EXPECT_EQ(race["first"]["thread"], 0);
  EXPECT_EQ(race["second"]["thread"], 1);
  EXPECT_EQ(race["second"]["line"], race["first"]["line"]);
  EXPECT_TRUE(race["first"]["source"].is_null()) << "this text has no .loc";
  EXPECT_EQ(race["place"]["buffer"], "b");
  EXPECT_EQ(race["place"]["offset"], 8);
  EXPECT_EQ(race["times"], 6);
  EXPECT_EQ(check["findings"][1]["kind"], "block-conflict");
  const Ran text = RunProgram("souk run w.toml --local --check", folder.path());
  EXPECT_EQ(text.code, 1);
  EXPECT_NE(text.out.find("race within a block"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("thread 1,0"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("b + 8"), std::string::npos) << text.out;
}

TEST(RunLocal, NamesTheLineOfTheSourceWhereSomethingIsFound) {
  const TestFolder folder;
  WriteColliding(folder.path());
  std::string text = ReadAll(folder.path() / "k.ptx");
  text.insert(text.find("st.global"), ".loc 1 7 0\n");
  std::ofstream(folder / "k.ptx") << text << ".file 1 \"k.cu\"\n";
  const std::string module = ReadAll(folder.path() / "w.toml");
  // The module before it has no lines, and a kernel of the same name.
  std::ofstream(folder / "other.ptx")
      << ".version 6.3\n.target sm_75\n.address_size 64\n.visible .entry k(.param .u64 p)\n{\n"
         "ret;\n}\n";
  std::string manifest = "[[module]]\npath = \"other.ptx\"\nname = \"first\"\n" + module;
  manifest.replace(manifest.find("k.ptx\"\n"), 7, "k.ptx\"\nname = \"second\"\n");
  manifest.replace(manifest.find("kernel = \"k\"\n"), 13, "kernel = \"k\"\nmodule = \"second\"\n");
  std::ofstream(folder / "w.toml") << manifest;
  const Ran ran = RunProgram("souk run w.toml --local --check --json", folder.path());
  ASSERT_EQ(ran.code, 1) << ran.err;
  const json race = json::parse(ran.out)["check"]["findings"][0];
  EXPECT_EQ(race["first"]["source"], "k.cu:7");
  EXPECT_TRUE(race["first"]["line"].is_number());
  const Ran shown = RunProgram("souk run w.toml --local --check", folder.path());
  EXPECT_NE(shown.out.find("store at k.cu:7 (PTX line "), std::string::npos) << shown.out;
}

TEST(Programs, PrintNoLineThatIsWiderThanTheTerminal) {
  const TestFolder folder;
  WriteColliding(folder.path());
  const std::string run = "souk run " + kWorkloads;
  const std::string digits = "souk inspect " + kWorkloads + "digits/digits.ptx";
  for (const std::string& line :
       {run + "histogram/workload.toml --local", run + "digits/workload.toml --local --profile",
        std::string("souk run w.toml --local --check"), digits,
        "souk inspect " + kWorkloads + "histogram/histogram.ptx",
        std::string("souk doctor --dir nowhere"),
        std::string("souk-bench kernel --shrink 64 --seconds 0.001 --only hash")}) {
    const std::string shown = RunInTerminal(line, folder.path(), 80);
    EXPECT_GT(shown.size(), 80u) << line;
    EXPECT_LE(WidestLine(shown), 80u) << line << "\n" << shown;
  }
  // Programs read one kernel on one line.
  EXPECT_NE(RunProgram(digits).out.find("\nupdate_hidden    exact  4×u64 2×u32 2×f32 "),
            std::string::npos)
      << RunProgram(digits).out;
}

TEST(RunLocal, SaysThatALaunchIsCleanAndWhatItComputed) {
  const TestFolder folder;
  const std::string line = "souk run " + kWorkloads + "reduction/workload.toml --local ";
  const Ran checked = RunProgram(line + "--check --json -o checked", folder.path());
  const Ran plain = RunProgram(line + "--device cpu --json -o plain", folder.path());
  ASSERT_EQ(checked.code, 0) << checked.err;
  const json one = json::parse(checked.out);
  const json other = json::parse(plain.out);
  EXPECT_EQ(one["check"]["clean"], true);
  EXPECT_EQ(one["check"]["findings"], json::array());
  EXPECT_EQ(one["states_root"], other["states_root"]);
  EXPECT_FALSE(other.contains("check"));
  EXPECT_NE(RunProgram(line + "--check", folder.path()).out.find("check 2 launches: clean\n"),
            std::string::npos);
}

TEST(RunLocal, AProfilesSharesSumUpToTheWhole) {
  const TestFolder folder;
  WriteColliding(folder.path());
  std::string text = ReadAll(folder.path() / "k.ptx");
  text.insert(text.find("mov.u32"), ".loc 1 7 0\n");
  std::ofstream(folder / "k.ptx") << text << ".file 1 \"k.cu\"\n";
  const Ran ran = RunProgram("souk run w.toml --local --profile --json", folder.path());
  ASSERT_EQ(ran.code, 0) << ran.err;
  const json kernel = json::parse(ran.out)["profile"][0];
  std::map<std::string, uint64_t> shares;
  uint64_t sum = 0;
  for (const json& line : kernel["hottest"]) {
    shares[line["where"]] = line["thread_instructions"];
    sum += line["thread_instructions"].get<uint64_t>();
  }
  EXPECT_EQ(sum, kernel["thread_instructions"].get<uint64_t>()) << kernel.dump(1);
  EXPECT_EQ(shares["k.cu:7"], 24u) << kernel.dump(1);
  EXPECT_EQ(shares["no line of the source"], 8u) << kernel.dump(1);
  // This one has more lines than are listed.
  const Ran many = RunProgram(
      "souk run " + kWorkloads + "reduction/workload.toml --local --profile --json -o out",
      folder.path());
  const json profile = json::parse(many.out)["profile"];
  for (const json& one : profile) {
    sum = 0;
    for (const json& line : one["hottest"]) sum += line["thread_instructions"].get<uint64_t>();
    EXPECT_EQ(sum, one["thread_instructions"].get<uint64_t>()) << one.dump(1);
  }
}

TEST(RunLocal, PutsResultsUnderTheWorkloadsOwnId) {
  const TestFolder folder;
  const std::string line =
      "souk run " + kWorkloads + "reduction/workload.toml --local --device cpu";
  const Ran ran = RunProgram(line, folder.path());
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("done  reduction, exact, "), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find(" → results/"), std::string::npos) << ran.out;
  const Ran again = RunProgram(line + " --json", folder.path());
  EXPECT_EQ(json::parse(again.out)["dir"].get<std::string>().rfind("results/", 0), 0u);
  size_t folders = 0;
  for (const auto& item : std::filesystem::directory_iterator(folder.path() / "results")) {
    folders += item.is_directory() ? 1 : 0;
  }
  EXPECT_EQ(folders, 1u);
}

TEST(RunLocal, LooksWhereResultsGoBeforeItRuns) {
  const TestFolder folder;
  std::ofstream(folder / "afile") << "x";
  const Ran ran = RunProgram("souk run " + kWorkloads + "reduction/workload.toml --local -o afile",
                             folder.path());
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.err.find("results cannot go to afile"), std::string::npos) << ran.err;
}

TEST(RunLocal, SaysOfWhichTextALineIs) {
  const TestFolder folder;
  std::ofstream(folder / "k.ptx") << "// a comment\n.version 6.3\n.target sm_75\n.address_size 64\n"
                                     ".visible .entry k()\n{\n  trap;\n}\n";
  std::ofstream(folder / "w.toml") << "[[module]]\npath = \"k.ptx\"\n[[launch]]\nkernel = \"k\"\n"
                                      "grid = 1\nblock = 1\n[[buffer]]\nname = \"b\"\n"
                                      "dtype = \"u8\"\nshape = [1]\n";
  const Ran ran = RunProgram("souk run w.toml --local --device cpu", folder.path());
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.err.find("canonical PTX"), std::string::npos) << ran.err;
  std::ofstream(folder / "k.ptx")
      << ".version 6.3\n.target sm_75\n.address_size 64\n.visible .entry k()\n{\n.loc 1 12 0\n"
         "  trap;\n}\n.file 1 \"/src/k.cu\"\n";
  EXPECT_NE(RunProgram("souk run w.toml --local --device cpu", folder.path())
                .err.find("comes from k.cu:12)\n"),
            std::string::npos);
  std::ofstream(folder / "k.ptx") << "// a comment\n.version 6.3\n.target sm_75\n.address_size 64\n"
                                     ".visible .entry k()\n{\n  trap;\n}\n";
  const Ran canonical = RunProgram("souk compile k.ptx -o -", folder.path());
  EXPECT_EQ(canonical.code, 0) << canonical.err;
  EXPECT_NE(canonical.out.find("trap;"), std::string::npos);
  EXPECT_EQ(canonical.out.find("comment"), std::string::npos);
}

TEST(RunLocal, NamesWhatIsWrongWithAManifest) {
  const TestFolder folder;
  std::ofstream(folder / "w.toml") << "name = \"x\"\n[[module]]\npath = \"missing.ptx\"\n";
  const Ran ran = RunProgram("souk run w.toml --local", folder.path());
  EXPECT_EQ(ran.code, 1);
  EXPECT_TRUE(IsOneLine(ran.err, "souk"));
  EXPECT_NE(ran.err.find("missing.ptx"), std::string::npos) << ran.err;
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "results"));
}

TEST(Compile, WritesCanonicalPtxWhereTheToolkitIs) {
  const TestFolder folder;
  std::ofstream(folder / "k.cu") << "extern \"C\" __global__ void k(float* x) {\n"
                                    "  x[threadIdx.x] = x[threadIdx.x] * 2.0f + 1.0f;\n}\n";
  const Ran ran = RunProgram("souk compile k.cu -o k.ptx --json", folder.path());
  if (ran.code == 1 && ran.err.find("NVRTC") != std::string::npos) {
    GTEST_SKIP() << "no CUDA Toolkit: " << ran.err;
  }
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(json::parse(ran.out)["kernels"][0]["name"], "k");
  const json inspected = json::parse(RunProgram("souk inspect k.ptx --json", folder.path()).out);
  EXPECT_EQ(inspected["canonical"], true);
  if (RunProgram("sh -c 'command -v ptxas'").code == 0) {
    EXPECT_EQ(RunProgram("ptxas -arch=sm_75 k.ptx -o k.cubin", folder.path()).code, 0);
  }
  std::ofstream(folder / "bad.cu") << "__global__ void k() { undeclared = 1; }\n";
  const Ran bad = RunProgram("souk compile bad.cu -o bad.ptx", folder.path());
  EXPECT_EQ(bad.code, 1);
  EXPECT_NE(bad.err.find("undeclared"), std::string::npos) << bad.err;
}

TEST(RunLocal, GivesTheSameStatesAndOutputsThroughTheDriver) {
  for (const std::string name : {"mandelbrot", "reduction", "histogram", "matmul"}) {
    const std::string run = "souk run " + kWorkloads + name + "/workload.toml --local --json ";
    const Ran cpu = RunProgram(run + "--device cpu");
    ASSERT_EQ(cpu.code, 0) << cpu.err;
    const Ran cuda =
        RunProgram("env LD_LIBRARY_PATH='" SOUK_STANDIN_FOLDER "' " + run + "--device cuda:0");
    ASSERT_EQ(cuda.code, 0) << name << ": " << cuda.err;
    const json by_cpu = json::parse(cpu.out);
    const json by_cuda = json::parse(cuda.out);
    EXPECT_EQ(by_cuda["device"], "Stand-in A");
    EXPECT_EQ(by_cuda["states_root"], by_cpu["states_root"]) << name;
    EXPECT_TRUE(by_cpu["states_root"].is_string());
    ASSERT_EQ(by_cuda["files"].size(), by_cpu["files"].size()) << name;
    for (size_t i = 0; i < by_cpu["files"].size(); ++i) {
      EXPECT_EQ(by_cuda["files"][i]["digest"], by_cpu["files"][i]["digest"]) << name;
    }
  }
}

TEST(RunLocal, PrintsWhatACudaSourceDoes) {
  const TestFolder folder;
  std::ofstream(folder / "k.cu")
      << "#include <cstdarg>\n#include <cstdio>\n"
         "__device__ __noinline__ int Sum(int n, ...) {\n"
         "  std::va_list all;\n  va_start(all, n);\n  int sum = 0;\n"
         "  for (int i = 0; i < n; ++i) sum += va_arg(all, int);\n  va_end(all);\n"
         "  return sum;\n}\n"
         "__device__ __noinline__ void Say(const char* format, ...) {\n"
         "  va_list all;\n  va_start(all, format);\n  std::vprintf(format, all);\n"
         "  va_end(all);\n}\n"
         "extern \"C\" __global__ void k(int* b) {\n"
         "  *b = Sum(3, 1, 2, 40);\n  Say(\"%s is %.1f\\n\", \"it\", 2.5);\n}\n";
  std::ofstream(folder / "w.toml")
      << "[[module]]\npath = \"k.cu\"\n[[launch]]\nkernel = \"k\"\ngrid = 1\nblock = [2, 1]\n"
         "args = [\"b\"]\n[[buffer]]\nname = \"b\"\ndtype = \"i32\"\nshape = [1]\n"
         "output = \"b.npy\"\n";
  const Ran ran = RunProgram("souk run w.toml --local --device cpu", folder.path());
  if (ran.err.find("NVRTC") != std::string::npos) GTEST_SKIP() << "no CUDA Toolkit: " << ran.err;
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("it is 2.5\nit is 2.5\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("b = 43\n"), std::string::npos) << ran.out;
  // Both threads store into the same word.
  const Ran checked = RunProgram("souk run w.toml --local --check", folder.path());
  EXPECT_EQ(checked.code, 1) << checked.err;
  EXPECT_NE(checked.out.find("store at k.cu:18 (PTX line "), std::string::npos) << checked.out;
}

}  // namespace
}  // namespace souk::tools
