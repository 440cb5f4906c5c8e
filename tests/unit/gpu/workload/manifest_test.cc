#include "gpu/workload/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "gpu/ptx/module.h"
#include "gpu/ptx/nvrtc.h"
#include "gpu/workload/manifest_values.h"
#include "gpu/workload/npy.h"
#include "gpu/workload/schedule.h"
#include "gpu/workload/symbols.h"
#include "gpu/workload/workload_codec.h"
#include "protocol/base/file.h"

namespace souk::gpu {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPtx = R"(
.version 6.3
.target sm_75
.address_size 64
.visible .entry copy(.param .u64 copy_a, .param .u64 copy_b, .param .u32 copy_n, .param .f32 copy_s)
{
  ret;
}
.visible .entry other(.param .u64 other_a, .param .align 4 .b8 other_raw[12])
{
  ret;
}
)";

// A folder with k.ptx, x.npy (f32, 4 × 2), m.npy (u8, 3).
class ManifestTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    folder_ = fs::temp_directory_path() / ("souk-manifest-" + std::to_string(getpid()) + name);
    fs::create_directories(folder_);
    Put("k.ptx", AsBytes(kPtx));
    Put("x.npy", WriteNpy(DType::kF32, {4, 2}, Bytes(32, 1)));
    Put("m.npy", WriteNpy(DType::kU8, {3}, Bytes{1, 2, 3}));
  }
  void TearDown() override { fs::remove_all(folder_); }

  void Put(const std::string& name, ByteView bytes) {
    ASSERT_TRUE(WriteFileAtomic(folder_ / name, bytes));
  }
  Result<Manifest> Parse(const std::string& toml) {
    Put("workload.toml", AsBytes(toml));
    return LoadManifest(folder_ / "workload.toml");
  }
  // The message, with the folder cut off: "workload.toml:3: buffer[1].shape: …".
  std::string Failure(const std::string& toml) {
    const Result<Manifest> manifest = Parse(toml);
    EXPECT_FALSE(manifest) << toml;
    if (manifest) return "";
    const std::string& message = manifest.error().message;
    const std::string prefix = folder_.string() + "/";
    EXPECT_EQ(message.substr(0, prefix.size()), prefix);
    return message.substr(std::min(prefix.size(), message.size()));
  }

  fs::path folder_;
};

const std::string kBase = R"(name = "t"
[[module]]
path = "k.ptx"
[[buffer]]
name = "x"
input = "x.npy"
output = "x_out.npy"
[[buffer]]
name = "y"
dtype = "f32"
shape = [4, 2]
fill = 1.5
)";
const std::string kLaunch = R"([[launch]]
kernel = "copy"
grid = [2, 3]
block = 64
args = ["x", "y", 8, 0.5]
)";

TEST_F(ManifestTest, ResolvesFilesBuffersAndLaunches) {
  const Result<Manifest> manifest = Parse(kBase + kLaunch);
  ASSERT_TRUE(manifest) << manifest.error().message;
  const Workload& w = manifest->workload;
  EXPECT_EQ(w.name, "t");
  ASSERT_EQ(w.buffers.size(), 2u);
  EXPECT_EQ(w.buffers[0].shape, (std::vector<uint64_t>{4, 2}));
  EXPECT_EQ(w.buffers[0].input->bytes, 128 + 32u);
  EXPECT_EQ(w.buffers[1].fill, (Bytes{0, 0, 0xc0, 0x3f}));
  ASSERT_EQ(w.steps.size(), 1u);
  const KernelLaunch& launch = *w.steps[0].launch;
  EXPECT_EQ(launch.grid.y, 3u);
  EXPECT_EQ(launch.block.x, 64u);
  EXPECT_EQ(launch.arguments[2].kind, ArgumentKind::kInteger);
  EXPECT_EQ(launch.arguments[2].width, 4);
  EXPECT_EQ(launch.arguments[3].kind, ArgumentKind::kFloat);
  EXPECT_EQ(launch.arguments[3].width, 4);
  EXPECT_EQ(w.outputs.size(), 1u);
  for (const BlobRef& blob : BlobsOf(w)) {
    MemoryBlobs blobs = manifest->blobs;
    EXPECT_EQ(Sha256(*blobs.Read(blob)), blob.digest);
  }
}

TEST_F(ManifestTest, SendsCanonicalPtxAndNotTheFile) {
  const Result<Manifest> manifest = Parse(kBase + kLaunch);
  ASSERT_TRUE(manifest) << manifest.error().message;
  MemoryBlobs blobs = manifest->blobs;
  const Bytes text = *blobs.Read(manifest->workload.modules[0]);
  const Result<ptx::Module> module = ptx::Parse(AsText(text));
  ASSERT_TRUE(module);
  EXPECT_EQ(ptx::Write(*ptx::Canonicalize(*module)), AsText(text));
}

TEST_F(ManifestTest, PutsTheValuesOfVariablesIntoTheModule) {
  Put("v.ptx", AsBytes(".version 6.0\n.target sm_50\n.address_size 64\n"
                       ".const .align 4 .b8 taps[12];\n.global .align 8 .u64 seed = 7;\n"
                       ".global .align 8 .u64 where = seed;\n"
                       ".visible .entry k(.param .u64 p) {\n.reg .b64 %rd<3>; .reg .b32 %r<3>;\n"
                       "ld.param.u64 %rd1, [p]; ld.const.u32 %r1, [taps+4]; "
                       "ld.global.u32 %r2, [seed];\nst.global.u32 [%rd1], %r1; "
                       "st.global.u32 [%rd1+4], %r2; ret; }\n"));
  Put("taps.npy", WriteNpy(DType::kU8, {12}, Bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0}));
  Put("seed.npy", WriteNpy(DType::kU64, {}, Bytes{9, 0, 0, 0, 0, 0, 0, 0}));
  const auto with = [](const std::string& variables) {
    return "[[module]]\npath = \"v.ptx\"\nvariables = " + variables +
           "\n[[buffer]]\nname = \"b\"\ndtype = \"u32\"\nshape = [2]\noutput = \"b.npy\"\n"
           "[[launch]]\nkernel = \"k\"\ngrid = 1\nblock = 1\nargs = [\"b\"]\n";
  };
  const Result<Manifest> manifest = Parse(with("{ taps = \"taps.npy\", seed = \"seed.npy\" }"));
  ASSERT_TRUE(manifest) << manifest.error().message;
  MemoryBlobs blobs = manifest->blobs;
  const std::string text(AsText(*blobs.Read(manifest->workload.modules[0])));
  const Result<ptx::Module> module = ptx::Parse(text);
  ASSERT_TRUE(module) << module.error().message;
  EXPECT_EQ(module->FindVariable("taps")->bytes, (Bytes{1, 2, 3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(module->FindVariable("seed")->bytes[0], 9);
  EXPECT_EQ(ptx::Write(*ptx::Canonicalize(*module)), text);

  using testing::HasSubstr;
  EXPECT_THAT(Failure(with("3")), HasSubstr("is not a table"));
  EXPECT_THAT(Failure(with("{ taps = 3 }")),
              HasSubstr("module[1].variables.taps: is not a string"));
  EXPECT_THAT(Failure(with("{ taps = \"seed.npy\" }")), HasSubstr("has 12 bytes, given are 8"));
  EXPECT_THAT(Failure(with("{ tap = \"taps.npy\" }")),
              HasSubstr("no variable \"tap\" in the module; it has taps, seed, where"));
  EXPECT_THAT(Failure(with("{ where = \"seed.npy\" }")), HasSubstr("holds addresses"));
  EXPECT_THAT(Failure(with("{ taps = \"k.ptx\" }")), HasSubstr("not a .npy"));
  EXPECT_THAT(Failure(with("{ taps = \"../taps.npy\" }")), HasSubstr("no file"));
}

TEST(SourceName, IsWhatTheSourceCallsIt) {
  EXPECT_EQ(SourceName("step"), "step");
  EXPECT_EQ(SourceName("_Z5scalePfi"), "scale");
  EXPECT_EQ(SourceName("_Z4fillIiEvPT_S0_"), "fill");
  EXPECT_EQ(SourceName("_ZN2ns5inner5scaleEPf"), "ns::inner::scale");
  EXPECT_EQ(SourceName("_ZL4taps"), "taps");
  EXPECT_EQ(SourceName("_ZN12_GLOBAL__N_14tapsE"), "taps");
  EXPECT_EQ(SourceName("_ZN38_INTERNAL_8a7b6c5d_8_whole_cu_f00dcafe4tapsE"), "taps");
  for (const char* odd :
       {"_Z", "_ZN", "_Z9x", "_Z99999999999999999999x", "_ZL", "_ZNE", "_Zplus"}) {
    EXPECT_EQ(SourceName(odd), odd);
  }
}

TEST_F(ManifestTest, FindsKernelsByTheirNamesInTheSource) {
  const std::string head = ".version 6.0\n.target sm_50\n.address_size 64\n";
  Put("n.ptx", AsBytes(head + ".visible .entry _Z4fillIiEvPT_(.param .u64 p) { ret; }\n"
                              ".visible .entry _Z4fillIfEvPT_(.param .u64 p) { ret; }\n"
                              ".visible .entry _ZN2ns5scaleEPf(.param .u64 p) { ret; }\n"));
  const auto launch = [](const std::string& kernel) {
    return "[[module]]\npath = \"n.ptx\"\n[[buffer]]\nname = \"b\"\ndtype = \"u32\"\nshape = [2]\n"
           "[[launch]]\nkernel = \"" +
           kernel + "\"\ngrid = 1\nblock = 1\nargs = [\"b\"]\n";
  };
  const Result<Manifest> manifest = Parse(launch("ns::scale"));
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->workload.steps[0].launch->kernel, "_ZN2ns5scaleEPf");
  EXPECT_TRUE(Parse(launch("_Z4fillIfEvPT_")));
  EXPECT_THAT(Failure(launch("fill")),
              testing::HasSubstr("several kernels are called \"fill\"; name one as the PTX does: "
                                 "there are _Z4fillIiEvPT_, _Z4fillIfEvPT_"));
}

TEST_F(ManifestTest, GivesTheSameWorkloadWhateverItsComments) {
  const Result<Manifest> a = Parse(kBase + kLaunch);
  const Result<Manifest> b = Parse("# hello\n" + kBase + "\n\n" + kLaunch + "\n[limits]\n");
  ASSERT_TRUE(a && b);
  EXPECT_EQ(*EncodeWorkload(a->workload), *EncodeWorkload(b->workload));
}

TEST_F(ManifestTest, NestsLoopsWithVariablesAndSwaps) {
  const Result<Manifest> manifest = Parse(kBase + R"toml(
[[launch]]
repeat = 3
var = "epoch"
swap = [["x", "y"]]
[[launch.do]]
kernel = "copy"
grid = 1
block = 1
args = ["x", "y", { u32 = "epoch * 10 + i" }, { f32 = "1 / (1 + epoch)" }]
repeat = 2
var = "i"
[[launch.do]]
kernel = "other"
grid = 1
block = 1
args = [{ buffer = "x", offset = "epoch * 2" }, { bytes = "000102030405060708090a0b" }]
)toml");
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(*CountLaunches(manifest->workload.steps), 9u);
  Schedule schedule(manifest->workload);
  std::vector<ScheduledLaunch> launches;
  while (auto next = *schedule.Next()) launches.push_back(*next);
  ASSERT_EQ(launches.size(), 9u);
  EXPECT_EQ(GetLe<uint32_t>(launches[4].arguments[2].bytes.data()), 11u);
  EXPECT_EQ(launches[3].arguments[0].buffer, 1u);  // swapped once
  EXPECT_EQ(launches[8].arguments[0].offset_bytes, 16u);
  EXPECT_EQ(launches[8].arguments[1].bytes.size(), 12u);
}

TEST_F(ManifestTest, ReadsLimitsAndTheMarket) {
  const Result<Manifest> manifest = Parse("commit_every = 5\n" + kBase + kLaunch + R"(
[limits]
memory = "2 MiB"
time = "30s"
instructions = 5_000
[market]
query = "gpu.memory >= 1GiB"
duration = "10m"
max_cost = "0.05"
cpu = false
)");
  ASSERT_TRUE(manifest) << manifest.error().message;
  EXPECT_EQ(manifest->workload.limits, (Limits{2 << 20, 30'000, 5'000}));
  EXPECT_EQ(manifest->workload.commit_interval, 5u);
  EXPECT_EQ(manifest->market.query, "gpu.memory >= 1GiB");
  EXPECT_EQ(manifest->market.duration_ms, 600'000u);
  EXPECT_EQ(manifest->market.max_cost_ucredits, 50'000u);
  EXPECT_FALSE(manifest->market.allow_cpu);
}

TEST_F(ManifestTest, NamesFileLineAndKeyOfWhatIsWrong) {
  EXPECT_EQ(Failure(kBase + "[[launch]]\nkernel = \"copy\"\ngrid = 1\nblock = 1\n"
                            "args = [\"x\", \"z\", 8, 0.5]\n"),
            "workload.toml:17: launch[1].args[2]: no buffer \"z\"");
  EXPECT_EQ(Failure("x = 1\n"),
            "workload.toml:1: unknown key \"x\"; known are name, module, buffer, launch, limits, "
            "market, commit_every, keep_states");
  EXPECT_EQ(Failure("[[buffer]]\nname = \"b\"\ndtype = \"f32\"\nshape = [2, -1]\n"),
            "workload.toml:4: buffer[1].shape: is negative");
  EXPECT_EQ(Failure("[[module]]\npath = \"none.ptx\"\n")
                .find("workload.toml:2: module[1].path: no "
                      "file \"none.ptx\""),
            0u);
  EXPECT_EQ(Failure("name = \n").substr(0, 16), "workload.toml:1:");
}

struct Bad {
  const char* what;  // must stand in the message
  std::string toml;
};

TEST_F(ManifestTest, RefusesWhatMakesNoSense) {
  const std::string module = "[[module]]\npath = \"k.ptx\"\n";
  const auto buffer = [](const std::string& keys) {
    return "[[buffer]]\nname = \"b\"\n" + keys + "\n";
  };
  const auto launch = [](const std::string& keys) { return kBase + "[[launch]]\n" + keys + "\n"; };
  const std::string copy = "kernel = \"copy\"\ngrid = 1\nblock = 1\n";
  const std::string ok = "args = [\"x\", \"y\", 8, 0.5]\n";
  const std::vector<Bad> table = {
      {"not a string", "name = 3"},
      {"is negative", "commit_every = -1"},
      {"path is missing", "[[module]]\n"},
      {"unknown key", "[[module]]\npath = \"k.ptx\"\nfoo = 1"},
      {"is taken", module + module},
      {"is for .cu", "[[module]]\npath = \"k.ptx\"\narch = 75"},
      {"[[module]]", "module = 3"},
      {"is not a table", "module = [3]"},
      {"name is missing", "[[buffer]]\ndtype = \"f32\"\nshape = [1]"},
      {"shape is missing", buffer("dtype = \"f32\"")},
      {"dtype is missing", buffer("shape = [1]")},
      {"none of bool", buffer("dtype = \"float\"\nshape = [1]")},
      {"has a zero", buffer("dtype = \"f32\"\nshape = [0]")},
      {"beyond", buffer("dtype = \"f32\"\nshape = [4294967296, 4294967296]")},
      {"more than 8", buffer("dtype = \"f32\"\nshape = [1,1,1,1,1,1,1,1,1]")},
      {"not a list", buffer("dtype = \"f32\"\nshape = 3")},
      {"holds f32", buffer("dtype = \"u8\"\ninput = \"x.npy\"")},
      {"is empty", buffer("dtype = \"f32\"\nshape = [2]\noutput = \"\"")},
      {"holds no NUL", buffer("input = \"x.npy\\u0000z\"")},
      {"has shape (4, 2), the buffer (2, 4)", buffer("shape = [2, 4]\ninput = \"x.npy\"")},
      {"not a .npy", buffer("input = \"k.ptx\"")},
      {"either an input", buffer("input = \"x.npy\"\nfill = 1")},
      {"does not fit u8", buffer("dtype = \"u8\"\nshape = [1]\nfill = 256")},
      {"does not fit f32", buffer("dtype = \"f32\"\nshape = [1]\nfill = 1e39")},
      {"float does not fit", buffer("dtype = \"i32\"\nshape = [1]\nfill = 0.5")},
      {"is not a number", buffer("dtype = \"i32\"\nshape = [1]\nfill = \"1\"")},
      {"needs output", buffer("dtype = \"u8\"\nshape = [4, 4]\nimage = \"a.png\"")},
      {"plain NAME.npy",
       kBase + buffer("dtype = \"u8\"\nshape = [4, 4]\noutput = \"../a.npy\"") + kLaunch},
      {"height", kBase +
                     buffer("dtype = \"f32\"\nshape = [4, 4]\noutput = \"a.npy\"\n"
                            "image = \"a.png\"") +
                     kLaunch},
      {"either kernel or", launch("grid = 1")},
      {"either kernel or", launch(copy + ok + "[[launch.do]]\n" + copy + ok)},
      {"no kernel \"none\"; there are copy, other",
       launch("kernel = \"none\"\ngrid = 1\nblock = 1")},
      {"no module", launch(copy + ok + "module = \"zzz\"")},
      {"grid is missing", launch("kernel = \"copy\"\nblock = 1\n" + ok)},
      {"one to three", launch("kernel = \"copy\"\ngrid = [1,1,1,1]\nblock = 1\n" + ok)},
      {"zero or too large", launch("kernel = \"copy\"\ngrid = 0\nblock = 1\n" + ok)},
      {"beyond what CUDA", launch("kernel = \"copy\"\ngrid = 1\nblock = 2000\n" + ok)},
      {"takes 4 arguments", launch(copy + "args = [\"x\"]")},
      {"takes a float", launch(copy + "args = [\"x\", \"y\", 8, { u32 = 1 }]")},
      {"takes an integer", launch(copy + "args = [\"x\", \"y\", { f32 = 1 }, 0.5]")},
      {"takes 4 bytes", launch(copy + "args = [\"x\", \"y\", \"x\", 0.5]")},
      {"takes 8 bytes", launch(copy + "args = [\"x\", { u32 = 1 }, 8, 0.5]")},
      {"is not { TYPE", launch(copy + "args = [\"x\", \"y\", { u33 = 1 }, 0.5]")},
      {"is not { TYPE", launch(copy + "args = [\"x\", \"y\", { u32 = 1, i32 = 2 }, 0.5]")},
      {"does not fit u32", launch(copy + "args = [\"x\", \"y\", 4294967296, 0.5]")},
      {"no loop variable", launch(copy + "args = [\"x\", \"y\", { u32 = \"epoch\" }, 0.5]")},
      {"var and swap need repeat", launch(copy + ok + "var = \"i\"")},
      {"not between", launch(copy + ok + "repeat = 0")},
      {"not between", launch(copy + ok + "repeat = 1000000000000")},
      {"is negative", launch(copy + ok + "repeat = -5")},
      {"not a name", launch(copy + ok + "repeat = 2\nvar = \"a b\"")},
      {"more than 1000000 launches",
       launch("repeat = 1000000\n[[launch.do]]\nrepeat = 2\n" + copy + ok)},
      {"loop around",
       launch("repeat = 2\nvar = \"i\"\n[[launch.do]]\nrepeat = 2\nvar = \"i\"\n" + copy + ok)},
      {"pairs of buffers", launch(copy + ok + "repeat = 2\nswap = [[\"x\"]]")},
      {"differ in dtype", kBase + buffer("dtype = \"u8\"\nshape = [1]") + "[[launch]]\n" + copy +
                              ok + "repeat = 2\nswap = [[\"x\", \"b\"]]"},
      {"outside", launch(copy + "repeat = 9\nvar = \"i\"\nargs = [{ buffer = \"x\", offset = \"i * "
                                "2\" }, \"y\", 8, 0.5]")},
      {"does not fit u32",
       launch(copy + "repeat = 3\nvar = \"i\"\nargs = [\"x\", \"y\", { u32 = \"1 - i\" }, 0.5]")},
      {"launches nothing", kBase},
      {"above limits.memory", kBase + kLaunch + "[limits]\nmemory = \"1 B\""},
      {"with a unit", kBase + kLaunch + "[limits]\nmemory = \"1 MB\""},
      {"with its unit", kBase + kLaunch + "[limits]\ntime = 30"},
      {"limits.time is zero", kBase + kLaunch + "[limits]\ntime = \"0s\""},
      {"leaves 64 bits", kBase + kLaunch + "[limits]\nmemory = \"99999999999 TiB\""},
      {"unknown key", kBase + kLaunch + "[limits]\nmem = 1"},
      {"amount as text", kBase + kLaunch + "[market]\nmax_cost = 0.05"},
      {"not an amount", kBase + kLaunch + "[market]\nmax_cost = \"-1\""},
      {"neither true nor false", kBase + kLaunch + "[market]\ncpu = 1"},
  };
  for (const Bad& bad : table) {
    const std::string message = Failure(bad.toml);
    EXPECT_NE(message.find(bad.what), std::string::npos) << message << "\n--- in\n" << bad.toml;
  }
}

TEST_F(ManifestTest, SendsNoFileFromOutsideItsFolder) {
  const fs::path secret =
      folder_.parent_path() / ("souk-secret-" + std::to_string(getpid()) + ".npy");
  ASSERT_TRUE(WriteFileAtomic(secret, WriteNpy(DType::kU8, {3}, Bytes(3))));
  fs::create_symlink(secret, folder_ / "link.npy");
  for (const std::string& name :
       {"../" + secret.filename().string(), secret.string(), std::string("link.npy")}) {
    EXPECT_NE(Failure("[[buffer]]\nname = \"b\"\ninput = \"" + name + "\"\n").find("not below"),
              std::string::npos);
  }
  fs::remove(secret);
}

TEST_F(ManifestTest, RefusesDeepNestingWithoutOverflowingTheStack) {
  std::string dotted = "a";
  for (int i = 0; i < 300'000; ++i) dotted += ".a";
  EXPECT_NE(Failure("[" + dotted + "]\n").find("dots"), std::string::npos);
  EXPECT_FALSE(Parse("x = " + std::string(200'000, '[') + std::string(200'000, ']')));
  std::string nested = "[[launch]]\n";
  std::string header = "launch";
  for (int i = 0; i < 60; ++i) nested += "[[" + (header += ".do") + "]]\n";
  EXPECT_NE(Failure(nested).find("nested too deeply"), std::string::npos);
  EXPECT_FALSE(Parse(std::string(kMaxManifestBytes + 1, '#')));
}

TEST_F(ManifestTest, CompilesCudaSourcesAndNamesTheirErrors) {
  if (const Result<std::string> nvrtc = ptx::NvrtcVersion(); !nvrtc) {
    GTEST_SKIP() << nvrtc.error().message;
  }
  Put("k.cu", AsBytes("extern \"C\" __global__ void zero(float* x) { x[threadIdx.x] = 0; }"));
  Put("bad.cu", AsBytes("extern \"C\" __global__ void zero(float* x) { y = 0; }"));
  const std::string rest =
      "[[buffer]]\nname = \"b\"\ndtype = \"f32\"\nshape = [32]\n"
      "[[launch]]\nkernel = \"zero\"\ngrid = 1\nblock = 32\nargs = [\"b\"]\n";
  const Result<Manifest> manifest = Parse("[[module]]\npath = \"k.cu\"\narch = 80\n" + rest);
  ASSERT_TRUE(manifest) << manifest.error().message;
  MemoryBlobs blobs = manifest->blobs;
  const Bytes text = *blobs.Read(manifest->workload.modules[0]);
  EXPECT_NE(AsText(text).find(".target sm_80"), std::string_view::npos);
  const std::string message = Failure("[[module]]\npath = \"bad.cu\"\n" + rest);
  EXPECT_EQ(message.find("workload.toml:2: module[1].path: bad.cu does not compile"), 0u)
      << message;
  EXPECT_NE(message.find("identifier \"y\" is undefined"), std::string::npos) << message;
}

TEST_F(ManifestTest, CompilesNothingFromOutsideItsFolder) {
  const std::string secret = folder_.parent_path() / ("secret-" + std::to_string(getpid()));
  ASSERT_TRUE(WriteFileAtomic(secret, AsBytes("1, 2, 3")));
  Put("ok.h", AsBytes("#include \"../none.h\"\n"));
  fs::create_symlink(secret, folder_ / "link.h");
  for (const std::string& line :
       {"#include \"" + secret + "\"", "#include <" + secret + ">",
        "#include \"../" + fs::path(secret).filename().string() + "\"",
        "#include \"a/../../" + fs::path(secret).filename().string() + "\"",
        std::string("%: /* x */ include \"/etc/hostname\""),
        std::string("#inc\\\nlude \"/etc/hostname\""),
        std::string("#define F \"/etc/hostname\"\n#include F"), std::string("#embed <x>"),
        std::string("#include \"ok.h\""), std::string("#include \"link.h\"")}) {
    Put("k.cu", AsBytes("__device__ int s[] = {\n" + line + "\n};\n"));
    const Result<Manifest> manifest = Parse("[[module]]\npath = \"k.cu\"\n");
    ASSERT_FALSE(manifest) << line;
    EXPECT_EQ(manifest.error().code, Code::kDenied) << line << manifest.error().message;
  }
  fs::remove(secret);
}

TEST_F(ManifestTest, CompilesWithTheHeadersBesideIt) {
  if (const Result<std::string> nvrtc = ptx::NvrtcVersion(); !nvrtc) {
    GTEST_SKIP() << nvrtc.error().message;
  }
  Put("n.h", AsBytes("#include \"n2.h\"\n"));
  Put("n2.h", AsBytes("#include <cuda_fp16.h>\n#define N 7\n"));
  Put("k.cu", AsBytes("#include \"n.h\"\n#include \"cuda_fp16.h\"\n"
                      "extern \"C\" __global__ void k(int* x) { x[0] = N; }\n"));
  const Result<Manifest> manifest = Parse(
      "[[module]]\npath = \"k.cu\"\n[[buffer]]\nname = \"b\"\ndtype = \"i32\"\n"
      "shape = [1]\n[[launch]]\nkernel = \"k\"\ngrid = 1\nblock = 1\nargs = [\"b\"]\n");
  EXPECT_TRUE(manifest) << manifest.error().message;
}

TEST_F(ManifestTest, RefusesBytesThatAreNoToml) {
  EXPECT_FALSE(Parse(std::string("name = \"\xff\xfe\"\n")));
  EXPECT_FALSE(Parse(std::string("\0\0\0", 3)));
  EXPECT_FALSE(Parse("[[launch]\n"));
  EXPECT_FALSE(LoadManifest(folder_ / "none.toml"));
  EXPECT_FALSE(LoadManifest(folder_));
}

TEST(ManifestValues, ReadCreditsExactly) {
  EXPECT_EQ(*ParseCredits("0.05"), 50'000u);
  EXPECT_EQ(*ParseCredits("12"), 12'000'000u);
  EXPECT_EQ(*ParseCredits("0.000001"), 1u);
  for (const char* text : {"", ".5", "1.", "0.0000001", "1e3", "-1", "+1", " 1", "1 ", "1.2.3"}) {
    EXPECT_FALSE(ParseCredits(text)) << text;
  }
  EXPECT_EQ(ParseCredits("18446744073709551615").error().code, Code::kOverflow);
}

TEST(ManifestValues, RoundHalvesToNearestEven) {
  const std::pair<double, uint16_t> table[] = {
      {0.0, 0x0000},         {-0.0, 0x8000},          {1.0, 0x3c00},
      {-2.0, 0xc000},        {65504.0, 0x7bff},       {65519.0, 0x7bff},
      {0x1p-14, 0x0400},     {0x1p-24, 0x0001},       {0x1p-25, 0x0000},
      {0x1.8p-24, 0x0002},   {1.0 + 0x1p-11, 0x3c00}, {1.0 + 0x3p-11, 0x3c02},
      {0x1.ff8p-15, 0x03ff}, {0x1.fffp-15, 0x0400},   {65520.0, 0x7c00}};
  for (const auto& row : table) EXPECT_EQ(HalfFromReal(row.first), row.second) << row.first;
  EXPECT_FALSE(ElementFromReal(DType::kF16, 65520.0));
}

}  // namespace
}  // namespace souk::gpu
