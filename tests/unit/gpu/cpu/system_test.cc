// System calls and what else of the driver kernels meet, as nvcc compiles them (cuda/system.cu).
#include <gtest/gtest.h>

#include <cstdio>

#include "protocol/base/file.h"
#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

PtxRun Kernel(const std::string& name, Dim3 grid, Dim3 block) {
  const auto text =
      ReadFile(std::string(SOUK_SOURCE_DIR) + "/tests/unit/gpu/cpu/cuda/system.ptx", 1 << 20);
  EXPECT_TRUE(text);
  PtxRun run;
  if (text) run.text = std::string(AsText(*text));
  run.whole = true;
  run.kernel = name;
  run.grid = grid;
  run.block = block;
  return run;
}

TEST(SystemCalls, PrintfWritesWhatTheHostsDoes) {
  for (const SimdLevel level : Levels()) {
    PtxRun run = Kernel("say", {2, 1, 1}, {40, 1, 1});
    const std::string word = "souk market";
    Bytes text = ToBytes(AsBytes(word));
    text.push_back(0);
    run.buffers = {Bytes(2 * 40 * 4, 0), text};
    run.level = level;
    ASSERT_TRUE(run.Go());
    std::string expected;
    for (int block = 0; block < 2; ++block) {
      for (unsigned t = 0; t < 40; ++t) {
        char line[200];
        std::snprintf(line, sizeof(line), "%d/%02u: %-6s|%6.2f|%c|%lld|%#x|%5.3s|%e|%%\n", block, t,
                      word.c_str(), 1.5 * t, static_cast<int>('a' + t), -5000000000ll - t, 255u,
                      word.c_str(), static_cast<double>(12345.678f));
        expected += line;
      }
    }
    EXPECT_EQ(run.printed, expected);
    // CUDA's printf returns how many arguments it took.
    for (const uint32_t n : FromBuffer<uint32_t>(run.buffers[0])) EXPECT_EQ(n, 9u);
  }
}

TEST(SystemCalls, AFloodOfPrintsIsCutAndCostsBudget) {
  PtxRun run = Kernel("flood", {64, 1, 1}, {256, 1, 1});
  run.scalars = {100};
  const auto stats = run.Go();
  ASSERT_TRUE(stats) << stats.error().message;
  EXPECT_LE(run.printed.size(), (1u << 20) + 100);
  EXPECT_GE(run.printed.size(), (1u << 20) - 100);
  EXPECT_NE(run.printed.find("[what was printed beyond 1 MiB is not kept]"), std::string::npos);
  EXPECT_GE(stats->thread_instructions, 64u * 256 * 100 * 101);
  run.budget.thread_instructions = 1'000'000;
  const auto stopped = run.Go();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kExhausted);
}

TEST(SystemCalls, AFailedAssertionIsTheFaultsOwnSentence) {
  PtxRun run = Kernel("claim", {1, 1, 1}, {40, 1, 1});
  run.buffers = {Bytes(64 * 4, 0)};
  EXPECT_TRUE(run.Go());
  run.block.x = 64;
  run.threads = 2;
  const auto stats = run.Go();
  ASSERT_FALSE(stats);
  EXPECT_EQ(stats.error().code, Code::kFault);
  EXPECT_NE(stats.error().message.find("thread (40,0,0)"), std::string::npos)
      << stats.error().message;
  EXPECT_NE(stats.error().message.find("system.cu:21: "), std::string::npos)
      << stats.error().message;
  EXPECT_NE(stats.error().message.find("claim"), std::string::npos);
  EXPECT_NE(stats.error().message.find("assertion `threadIdx.x < 40` failed"), std::string::npos)
      << stats.error().message;
}

TEST(SystemCalls, TheHeapGivesAndTakesMemory) {
  PtxRun run = Kernel("heap", {50, 1, 1}, {128, 1, 1});
  run.buffers = {Bytes(50 * 128 * 4, 0)};
  ASSERT_TRUE(run.Go());
  const auto out = FromBuffer<uint32_t>(run.buffers[0]);
  for (uint32_t i = 0; i < out.size(); ++i) {
    const uint32_t t = i % 128;
    EXPECT_EQ(out[i], t * t * (t + 1) / 2) << i;
  }
}

TEST(SystemCalls, FreeingTwiceIsAFault) {
  PtxRun run = Kernel("free_twice", {1, 1, 1}, {1, 1, 1});
  run.buffers = {Bytes(4, 0)};
  const auto stats = run.Go();
  ASSERT_FALSE(stats);
  EXPECT_EQ(stats.error().code, Code::kFault);
  EXPECT_NE(stats.error().message.find("which malloc did not give"), std::string::npos)
      << stats.error().message;
}

TEST(CooperativeGrid, WaitsForItself) {
  constexpr uint32_t kThreads = 24 * 96;
  std::vector<uint32_t> data(kThreads);
  for (uint32_t i = 0; i < kThreads; ++i) data[i] = i * 7 + 1;
  std::vector<uint32_t> expected = data;
  for (uint32_t r = 0; r < 5; ++r) {
    const std::vector<uint32_t> before = expected;
    for (uint32_t i = 0; i < kThreads; ++i) {
      expected[i] += before[(i + 100) % kThreads] * 3 + r;
    }
  }
  for (const SimdLevel level : Levels()) {
    PtxRun run = Kernel("grid_sum", {6, 4, 1}, {96, 1, 1});
    run.cooperative = true;
    run.buffers = {ToBuffer(data)};
    run.scalars = {5};
    run.level = level;
    const auto stats = run.Go();
    ASSERT_TRUE(stats) << stats.error().message;
    EXPECT_EQ(FromBuffer<uint32_t>(run.buffers[0]), expected);
  }
}

TEST(CooperativeGrid, IsAFaultWhereTheLaunchIsNotCooperative) {
  PtxRun run = Kernel("grid_sum", {2, 1, 1}, {32, 1, 1});
  run.buffers = {Bytes(64 * 4, 0)};
  run.scalars = {1};
  const auto stats = run.Go();
  ASSERT_FALSE(stats);
  EXPECT_EQ(stats.error().code, Code::kFault);
}

TEST(CooperativeGrid, OfTooManyBlocksIsRefused) {
  PtxRun run = Kernel("grid_sum", {5000, 1, 1}, {32, 1, 1});
  run.cooperative = true;
  run.buffers = {Bytes(5000 * 32 * 4, 0)};
  run.scalars = {1};
  const auto stats = run.Go();
  ASSERT_FALSE(stats);
  EXPECT_EQ(stats.error().code, Code::kTooLarge);
}

TEST(Clocks, GoOnInALoopThatWaits) {
  PtxRun run = Kernel("clocks", {1, 1, 1}, {64, 1, 1});
  run.buffers = {Bytes(64 * 4, 0)};
  ASSERT_TRUE(run.Go());
  for (const uint32_t v : FromBuffer<uint32_t>(run.buffers[0])) EXPECT_EQ(v, 2u);
}

}  // namespace
}  // namespace souk::gpu::cpu_test
