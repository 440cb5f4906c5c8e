#include "gpu/ptx/nvrtc.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "gpu/ptx/canonical.h"
#include "gpu/ptx/classify.h"
#include "protocol/base/file.h"
#include "test_folder.h"
#include "unit/gpu/ptx/sample.h"

namespace souk::ptx {
namespace {

std::string ReadText(const std::string& name) {
  std::ifstream file(std::string(SOUK_SOURCE_DIR) + "/tests/unit/gpu/ptx/cuda/" + name);
  return {std::istreambuf_iterator<char>(file), {}};
}

#define SKIP_WITHOUT_NVRTC() \
  if (FindToolkit().empty()) GTEST_SKIP() << "no CUDA Toolkit here"

TEST(Nvrtc, CompilesAKernel) {
  SKIP_WITHOUT_NVRTC();
  CompileOptions options;
  options.defines = {"STEP=3"};
  options.line_info = true;
  const auto ptx = CompileCuda("extern \"C\" __global__ void k(int* x) { *x += STEP; }", options);
  ASSERT_TRUE(ptx) << ptx.error().message;
  const auto module = Parse(*ptx);
  ASSERT_TRUE(module) << module.error().message;
  ASSERT_NE(module->FindKernel("k"), nullptr);
  EXPECT_FALSE(module->FindKernel("k")->locations.empty());
}

TEST(Nvrtc, TakesTheLanguageThatNvccTakes) {
  SKIP_WITHOUT_NVRTC();
  const auto ptx = CompileCuda(
      "extern \"C\" __global__ void k(unsigned long long* x) {\n"
      "  const auto apply = [](auto f, auto v) { return f(v); };\n"
      "  const unsigned __int128 wide = (unsigned __int128)x[0] * x[1];\n"
      "  x[2] = apply([](auto v) { return v >> 64; }, wide);\n}",
      {});
  ASSERT_TRUE(ptx) << ptx.error().message;
  EXPECT_NE(ptx->find("mul.hi.u64"), std::string::npos);
}

TEST(Nvrtc, GivesTheCompilersLogWhereTheSourceIsWrong) {
  SKIP_WITHOUT_NVRTC();
  CompileOptions options;
  options.name = "broken.cu";
  const auto ptx = CompileCuda("__global__ void k(int* x) { y = 1; }", options);
  ASSERT_FALSE(ptx);
  EXPECT_EQ(ptx.error().code, Code::kInvalidArgument);
  // The first line is the sentence, the log stands below it.
  const std::string& message = ptx.error().message;
  EXPECT_EQ(message.substr(0, message.find('\n')),
            "broken.cu does not compile: broken.cu(1): error: identifier \"y\" is undefined");
  EXPECT_NE(message.find("\nbroken.cu(1): error: identifier \"y\" is undefined\n  __global__"),
            std::string::npos)
      << message;
}

TEST(Nvrtc, SaysWhatTakesHostCode) {
  SKIP_WITHOUT_NVRTC();
  for (const char* source : {"#include <vector>\n__global__ void k() {}",
                             "__global__ void k() {}\nint main() { k<<<1, 1>>>(); }"}) {
    const auto ptx = CompileCuda(source, {});
    ASSERT_FALSE(ptx) << source;
    EXPECT_NE(ptx.error().message.find("nvcc -ptx"), std::string::npos) << ptx.error().message;
  }
}

TEST(Nvrtc, SaysForWhatItDoesNotCompile) {
  SKIP_WITHOUT_NVRTC();
  const auto ptx = CompileCuda("__global__ void k() {}", {.architecture = 10});
  ASSERT_FALSE(ptx);
  EXPECT_EQ(ptx.error().code, Code::kUnsupported);
  EXPECT_NE(ptx.error().message.find("compute_10"), std::string::npos) << ptx.error().message;
}

TEST(Nvrtc, AFileOfAStandardHeadersNameComesFirst) {
  SKIP_WITHOUT_NVRTC();
  const TestFolder folder;
  ASSERT_TRUE(WriteFileAtomic(folder / "limits.h", AsBytes("#define MINE 7\n")));
  CompileOptions options;
  options.name = folder / "kernel.cu";
  constexpr const char* kSource =
      "#include <climits>\n#include \"limits.h\"\nextern \"C\" __global__ void k(int* x) { *x = "
      "MINE; }";
  EXPECT_TRUE(CompileCuda(kSource, options));
  options.name = "kernel.cu";
  options.include_dirs = {folder.path()};
  EXPECT_TRUE(CompileCuda(kSource, options));
  options.include_dirs = {};
  options.headers = {{"limits.h", "#define MINE 8\n"}};
  EXPECT_TRUE(CompileCuda(kSource, options));
  options.headers = {};
  EXPECT_FALSE(CompileCuda(kSource, options));
}

TEST(Nvrtc, BoundsTheLog) {
  SKIP_WITHOUT_NVRTC();
  std::string source;
  for (int i = 0; i < 90; ++i)
    source += fmt::format("void f{}() {{ {}{}; }}\n", i, std::string(900, 'z'), i);
  const auto ptx = CompileCuda(source, {});
  ASSERT_FALSE(ptx);
  EXPECT_LT(ptx.error().message.size(), 17000u);
}

// One of those that Souk brings, or one that the toolkit has.
bool FindHeader(const std::string& name) {
  const auto& ours = StandardHeaders();
  const auto named = [&](const Header& header) { return header.name == name; };
  const std::filesystem::path include = FindToolkit() / "include";
  return std::any_of(ours.begin(), ours.end(), named) || std::filesystem::exists(include / name) ||
         std::filesystem::exists(include / "cccl" / name);
}

class NvrtcCorpus : public testing::TestWithParam<std::tuple<const char*, uint32_t>> {};

TEST_P(NvrtcCorpus, IsReadRewrittenAndTakenByPtxas) {
  SKIP_WITHOUT_NVRTC();
  const auto [name, architecture] = GetParam();
  CompileOptions options;
  options.architecture = architecture;
  options.name = name;
  options.line_info = true;
  const auto ptx = CompileCuda(ReadText(name), options);
  ASSERT_TRUE(ptx) << ptx.error().message;
  auto module = Parse(*ptx);
  ASSERT_TRUE(module) << module.error().message;
  const size_t functions = module->functions.size();
  auto canonical = Canonicalize(std::move(*module));
  ASSERT_TRUE(canonical) << canonical.error().message;
  EXPECT_EQ(canonical->functions.size(), functions);
  EXPECT_LT(canonical->version, 90u);
  const std::string text = Write(*canonical);
  for (const Operation& operation : canonical->operations) {
    EXPECT_EQ(UnfusedSpelling(operation), operation.spelling);
  }
  auto again = Parse(text);
  ASSERT_TRUE(again) << again.error().message;
  auto twice = Canonicalize(std::move(*again));
  ASSERT_TRUE(twice) << twice.error().message;
  EXPECT_EQ(Write(*twice), text);
  const std::string target = fmt::format("sm_{}", architecture);
  if (HavePtxas()) {
    EXPECT_EQ(PtxasErrors(text, target), "") << text;
  }
}

INSTANTIATE_TEST_SUITE_P(Sources, NvrtcCorpus,
                         testing::Combine(testing::Values("arithmetic.cu", "memory.cu",
                                                          "control.cu", "warp.cu", "half.cu",
                                                          "matrix.cu", "standard.cu"),
                                          testing::Values(75u, 80u, 90u, 100u)),
                         [](const auto& row) {
                           std::string name = std::get<0>(row.param);
                           return name.substr(0, name.find('.')) +
                                  std::to_string(std::get<1>(row.param));
                         });

TEST(Nvrtc, ASourceThatNeverCompilesIsGivenUp) {
  SKIP_WITHOUT_NVRTC();
  CompileOptions options;
  options.milliseconds = 1000;
  const auto ptx = CompileCuda(
      "template <int D, long P> struct T { static constexpr long v = T<D - 1, 2 * P>::v + T<D - 1, "
      "2 * P + 1>::v; };\ntemplate <long P> struct T<0, P> { static constexpr long v = P; };\n"
      "__global__ void k(long* x) { *x = T<40, 1>::v; }",
      options);
  ASSERT_FALSE(ptx);
  EXPECT_EQ(ptx.error().code, Code::kExhausted) << ptx.error().message;
}

// The front end says so in its log; the back end ends its process.
TEST(Nvrtc, ASourceThatTakesAllMemoryIsGivenUp) {
  SKIP_WITHOUT_NVRTC();
  CompileOptions options;
  options.memory_bytes = uint64_t{512} << 20;
  for (const char* source :
       {("#define A(x) x x x x x x x x x x\n#define B(x) A(A(A(A(A(x)))))\n"
         "__global__ void k(long* x) { B(B(x[threadIdx.x] += 3;)) }"),
        "__device__ long big[2000000000] = {1};\n__global__ void k(long* x) { *x = big[7]; }"}) {
    testing::internal::CaptureStderr();
    const auto ptx = CompileCuda(source, options);
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << source;
    ASSERT_FALSE(ptx) << source;
    EXPECT_EQ(ptx.error().code, Code::kExhausted) << ptx.error().message;
    EXPECT_EQ(ptx.error().message, "kernel.cu takes more than 512 MiB of memory to compile");
  }
  EXPECT_TRUE(CompileCuda("#include <cuda_fp16.h>\n__global__ void k() {}", options));
}

TEST(Nvrtc, HasTheHeadersThatKernelsInclude) {
  SKIP_WITHOUT_NVRTC();
  for (const char* header : {"assert.h",
                             "cassert",
                             "cfloat",
                             "climits",
                             "cmath",
                             "cooperative_groups.h",
                             "cooperative_groups/reduce.h",
                             "cstdarg",
                             "cstddef",
                             "cstdint",
                             "cstdio",
                             "cstdlib",
                             "cstring",
                             "cub/block/block_reduce.cuh",
                             "cuda/atomic",
                             "cuda/barrier",
                             "cuda_bf16.h",
                             "cuda_fp16.h",
                             "cuda_runtime.h",
                             "curand_kernel.h",
                             "device_launch_parameters.h",
                             "math.h",
                             "mma.h",
                             "stdalign.h",
                             "stdarg.h",
                             "stdbool.h",
                             "stddef.h",
                             "stdint.h",
                             "stdio.h",
                             "string.h"}) {
    if (!FindHeader(header)) continue;  // another toolkit, or a part of one
    const auto ptx = CompileCuda(
        fmt::format("#include <{}>\nextern \"C\" __global__ void k(int* x) {{ *x = 1; }}", header),
        {.architecture = 80});
    EXPECT_TRUE(ptx) << header << ": " << ptx.error().message;
  }
}

TEST(Nvrtc, SaysWhatIsMissingWhereThereIsNoToolkit) {
  if (!FindToolkit().empty()) GTEST_SKIP() << "there is a CUDA Toolkit here";
  const auto ptx = CompileCuda("__global__ void k() {}", {});
  if (ptx) GTEST_SKIP() << "the linker finds an NVRTC";
  EXPECT_EQ(ptx.error().code, Code::kUnavailable);
  EXPECT_NE(ptx.error().message.find("CUDA_HOME"), std::string::npos);
}

}  // namespace
}  // namespace souk::ptx
