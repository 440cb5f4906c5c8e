// System calls and what else of the driver kernels meet, as nvcc compiles them (cuda/system.cu).
#include <gtest/gtest.h>

#include <cstdio>

#include "protocol/base/file.h"
#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

PtxRun Kernel(const std::string& name, Dim3 grid, Dim3 block, const char* file = "system.ptx") {
  const auto text =
      ReadFile(std::string(SOUK_SOURCE_DIR) + "/tests/unit/gpu/cpu/cuda/" + file, 1 << 20);
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

// Prints the format with one argument of 7; what vprintf returned.
std::pair<std::string, uint32_t> Print(const std::string& format) {
  std::string bytes;
  for (const char c : format) bytes += std::to_string(static_cast<int>(c)) + ", ";
  PtxRun run;
  run.text =
      ".extern .func (.param .b32 r) vprintf(.param .b64 f, .param .b64 a);\n"
      ".global .align 1 .b8 text[" +
      std::to_string(format.size() + 1) + "] = {" + bytes +
      "0};\n.visible .entry k(.param .u64 p)\n{\n"
      ".local .align 8 .b8 list[8];\n.reg .b32 %r<3>;\n.reg .b64 %rd<6>;\n"
      "mov.u64 %rd1, list;\nmov.u32 %r1, 7;\nst.local.u32 [%rd1], %r1;\n"
      "cvta.local.u64 %rd2, %rd1;\nmov.u64 %rd3, text;\ncvta.global.u64 %rd4, %rd3;\n"
      "{ .param .b64 f; .param .b64 a; .param .b32 r; st.param.b64 [f], %rd4;\n"
      "st.param.b64 [a], %rd2; call.uni (r), vprintf, (f, a); ld.param.b32 %r2, [r]; }\n"
      "ld.param.u64 %rd5, [p];\nst.global.u32 [%rd5], %r2;\nret;\n}\n";
  run.buffers = {Bytes(4, 0)};
  const auto ran = run.Go();
  EXPECT_TRUE(ran) << ran.error().message;
  return {run.printed, FromBuffer<uint32_t>(run.buffers[0])[0]};
}

TEST(SystemCalls, PrintfPrintsAsItStandsWhatItCannotFollow) {
  using Printed = std::pair<std::string, uint32_t>;
  const auto lost = static_cast<uint32_t>(-2);
  EXPECT_EQ(Print("a %d b\n"), Printed("a 7 b\n", 1u));
  EXPECT_EQ(Print("a %d %n %d b\n"), Printed("a 7 %n %d b\n", lost));
  EXPECT_EQ(Print("a %2000d b\n"), Printed("a %2000d b\n", lost));
  EXPECT_EQ(Print("100 %"), Printed("100 %", lost));
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

TEST(Mbarrier, HandsTilesFromProducersToConsumers) {
  constexpr uint32_t kTiles = 9;
  std::vector<uint32_t> in(kTiles * 64);
  for (uint32_t i = 0; i < in.size(); ++i) in[i] = i * i + 7;
  std::vector<uint32_t> expected(64, 0);
  for (uint32_t i = 0; i < in.size(); ++i) expected[i % 64] += in[i] * 3;
  for (const SimdLevel level : Levels()) {
    PtxRun run = Kernel("producer_consumer", {1, 1, 1}, {128, 1, 1}, "barriers.ptx");
    run.buffers = {ToBuffer(in), Bytes(64 * 4, 0)};
    run.scalars = {kTiles};
    run.level = level;
    const auto stats = run.Go();
    ASSERT_TRUE(stats) << stats.error().message;
    EXPECT_EQ(FromBuffer<uint32_t>(run.buffers[1]), expected);
    // Waiting costs next to nothing: who waits lets the others go on.
    EXPECT_LT(stats->thread_instructions, 1'000'000u);
  }
}

TEST(Mbarrier, IsWhatAPipelineOfCopiesIsMadeOf) {
  constexpr uint32_t kStages = 7;
  std::vector<uint32_t> in(kStages * 64);
  for (uint32_t i = 0; i < in.size(); ++i) in[i] = i * 31 + 5;
  std::vector<uint32_t> expected(64, 0);
  for (uint32_t s = 0; s < kStages; ++s) {
    for (uint32_t t = 0; t < 64; ++t) expected[t] = expected[t] * 5 + in[s * 64 + (t + 1) % 64];
  }
  PtxRun run = Kernel("pipelined", {1, 1, 1}, {64, 1, 1}, "barriers.ptx");
  run.buffers = {ToBuffer(in), Bytes(64 * 4, 0)};
  run.scalars = {kStages};
  const auto stats = run.Go();
  ASSERT_TRUE(stats) << stats.error().message;
  EXPECT_EQ(FromBuffer<uint32_t>(run.buffers[1]), expected);
}

// PTX ISA 9.7.13.15: phases, drops, counts and bytes, one thread after the other.
TEST(Mbarrier, FollowsTheIsaPhaseByPhase) {
  PtxRun run;
  run.block = {1, 1, 1};
  run.buffers = {Bytes(8 * 16, 0xff)};
  run.text =
      ".visible .entry k(.param .u64 o)\n{\n.shared .align 8 .b64 bar; .reg .b64 %rd<9>; .reg .b32 "
      "%r<9>; .reg .pred %p<9>;\nld.param.u64 %rd1, [o]; cvta.to.global.u64 %rd1, %rd1;\n"
      "mov.u64 %rd2, bar; mbarrier.init.shared.b64 [%rd2], 3;\n"
      "mbarrier.test_wait.parity.shared.b64 %p1, [%rd2], 0; selp.u32 %r1, 1, 0, %p1; st.global.u32 "
      "[%rd1], %r1;\n"
      "mbarrier.test_wait.parity.shared.b64 %p1, [%rd2], 1; selp.u32 %r1, 1, 0, %p1; st.global.u32 "
      "[%rd1+4], %r1;\n"
      "mbarrier.arrive.shared.b64 %rd3, [%rd2]; mbarrier.pending_count.b64 %r1, %rd3; "
      "st.global.u32 [%rd1+8], %r1;\n"
      "mbarrier.test_wait.shared.b64 %p1, [%rd2], %rd3; selp.u32 %r1, 1, 0, %p1; st.global.u32 "
      "[%rd1+12], %r1;\n"
      "mbarrier.arrive_drop.shared.b64 %rd4, [%rd2]; mov.b32 %r2, 0;\n"
      "mbarrier.arrive.noComplete.shared.b64 %rd5, [%rd2], %r2;\n"
      "ret;\n}\n";
  // noComplete with a count of 0 is outside its range.
  const auto bad = run.Go();
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().message.find("no mbarrier there, or a count"), std::string::npos)
      << bad.error().message;
  const size_t at = run.text.find("mbarrier.arrive.noComplete");
  run.text = run.text.substr(0, at) +
             "mbarrier.arrive.shared.b64 %rd5, [%rd2];\n"
             "mbarrier.test_wait.shared.b64 %p1, [%rd2], %rd3; selp.u32 %r1, 1, 0, %p1; "
             "st.global.u32 [%rd1+16], %r1;\n"
             "mbarrier.arrive.shared.b64 %rd6, [%rd2]; mbarrier.pending_count.b64 %r1, %rd6; "
             "st.global.u32 [%rd1+20], %r1;\n"
             "mbarrier.arrive.shared.b64 %rd7, [%rd2];\n"
             "mbarrier.test_wait.shared.b64 %p1, [%rd2], %rd6; selp.u32 %r1, 1, 0, %p1; "
             "st.global.u32 [%rd1+24], %r1;\n"
             "mbarrier.inval.shared.b64 [%rd2];\nret;\n}\n";
  const auto stats = run.Go();
  ASSERT_TRUE(stats) << stats.error().message;
  const auto out = FromBuffer<uint32_t>(run.buffers[0]);
  // Phase 0 is open, the one before it counts as over; three pending; not over after one; over
  // after three, of which one dropped out: two make the next phase.
  const std::vector<uint32_t> expected = {0, 1, 3, 0, 1, 2, 1};
  EXPECT_EQ(std::vector<uint32_t>(out.begin(), out.begin() + 7), expected);
}

TEST(Clocks, GoOnInALoopThatWaits) {
  PtxRun run = Kernel("clocks", {1, 1, 1}, {64, 1, 1});
  run.buffers = {Bytes(64 * 4, 0)};
  ASSERT_TRUE(run.Go());
  for (const uint32_t v : FromBuffer<uint32_t>(run.buffers[0])) EXPECT_EQ(v, 2u);
}

}  // namespace
}  // namespace souk::gpu::cpu_test
