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
  EXPECT_NE(ptx.error().message.find("broken.cu(1): error: identifier \"y\" is undefined"),
            std::string::npos)
      << ptx.error().message;
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

TEST(Nvrtc, SaysWhatIsMissingWhereThereIsNoToolkit) {
  if (!FindToolkit().empty()) GTEST_SKIP() << "there is a CUDA Toolkit here";
  const auto ptx = CompileCuda("__global__ void k() {}", {});
  if (ptx) GTEST_SKIP() << "the linker finds an NVRTC";
  EXPECT_EQ(ptx.error().code, Code::kUnavailable);
  EXPECT_NE(ptx.error().message.find("CUDA_HOME"), std::string::npos);
}

}  // namespace
}  // namespace souk::ptx
