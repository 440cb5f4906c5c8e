// Divergence, calls, barriers, warp operations, shared memory and atomics, in small kernels.
#include <gtest/gtest.h>

#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

// Runs the body for each thread t (%r0) of one block, with %rd0 the address of out[t] and %p, %r,
// %rd, %h, %f registers to use. Gives out.
std::vector<uint32_t> Threads(const std::string& body, uint32_t threads, uint32_t blocks = 1,
                              const std::string& before = "") {
  std::vector<uint32_t> expected;
  for (const SimdLevel level : Levels()) {
    PtxRun run;
    run.level = level;
    run.text = before +
               ".visible .entry k(.param .u64 p0) {\n"
               ".reg .pred %p<10>; .reg .b16 %h<10>; .reg .b32 %r<40>; .reg .b64 %rd<20>; "
               ".reg .f32 %f<10>;\n"
               "mov.u32 %r39, %ctaid.x; mov.u32 %r38, %ntid.x; mov.u32 %r0, %tid.x;\n"
               "mad.lo.s32 %r37, %r39, %r38, %r0; ld.param.u64 %rd19, [p0];\n"
               "cvta.to.global.u64 %rd19, %rd19; mul.wide.u32 %rd18, %r37, 4; "
               "add.s64 %rd0, %rd19, %rd18;\n" +
               body + "\nret;\n}\n";
    run.block = Dim3{threads, 1, 1};
    run.grid = Dim3{blocks, 1, 1};
    run.buffers = {Bytes(size_t{4} * threads * blocks, 0)};
    const Result<LaunchStats> stats = run.Go();
    EXPECT_TRUE(stats) << (stats ? "" : stats.error().message);
    if (!stats) return std::vector<uint32_t>(threads * blocks, 0xdead);
    const std::vector<uint32_t> out = FromBuffer<uint32_t>(run.buffers[0]);
    if (expected.empty()) expected = out;
    EXPECT_EQ(out, expected) << SimdLevelName(level);
  }
  return expected;
}

void ExpectThreads(const std::string& body, uint32_t threads,
                   const std::function<uint32_t(uint32_t)>& want, const std::string& before = "") {
  const std::vector<uint32_t> out = Threads(body, threads, 1, before);
  for (uint32_t t = 0; t < threads; ++t) EXPECT_EQ(out[t], want(t)) << "thread " << t;
}

TEST(Control, NestedIfsReconverge) {
  ExpectThreads(
      "mov.u32 %r1, 0; and.b32 %r2, %r0, 1; setp.eq.u32 %p1, %r2, 0; @%p1 bra EVEN;\n"
      "and.b32 %r3, %r0, 2; setp.eq.u32 %p2, %r3, 0; @%p2 bra ONE;\n"
      "add.u32 %r1, %r1, 30; bra.uni JOIN2;\nONE: add.u32 %r1, %r1, 10;\n"
      "JOIN2: add.u32 %r1, %r1, 1; bra.uni JOIN;\nEVEN: add.u32 %r1, %r1, 200;\n"
      "JOIN: activemask.b32 %r5; add.u32 %r1, %r1, 1000; popc.b32 %r6, %r5; "
      "mul.lo.u32 %r6, %r6, 10000; add.u32 %r1, %r1, %r6; st.global.u32 [%rd0], %r1;",
      64, [](uint32_t t) {
        const uint32_t path = t % 2 == 0 ? 200 : (t % 4 == 1 ? 10 : 30) + 1;
        return path + 1000 + 320000;  // all 32 lanes together again
      });
}

TEST(Control, AComparisonMayOverwriteItsOwnGuard) {
  // Threads where the guard holds get %p1 = false, %p2 = true; the others keep theirs.
  for (const char* pair : {"@%p1 setp.gt.u32 %p1|%p2, 1, 2;", "@%p1 setp.lt.u32 %p2|%p1, 1, 2;"}) {
    ExpectThreads(std::string("and.b32 %r1, %r0, 1; setp.eq.u32 %p1, %r1, 0; "
                              "setp.eq.u32 %p2, %r0, 99; ") +
                      pair +
                      " selp.u32 %r2, 1, 0, %p1; @%p2 add.u32 %r2, %r2, 2; "
                      "st.global.u32 [%rd0], %r2;",
                  32, [&](uint32_t t) { return t % 2 == 0 ? 2u : 0u; });
  }
}

TEST(Control, LoopsWithDifferentTripCounts) {
  ExpectThreads(
      "mov.u32 %r1, 0; mov.u32 %r2, 0;\n"
      "LOOP: setp.ge.u32 %p1, %r2, %r0; @%p1 bra DONE;\n"
      "and.b32 %r3, %r2, 3; setp.eq.u32 %p2, %r3, 3; @%p2 bra NEXT;\n"      // continue
      "add.u32 %r1, %r1, %r2; setp.gt.u32 %p3, %r1, 300; @%p3 bra DONE;\n"  // break
      "NEXT: add.u32 %r2, %r2, 1; bra LOOP;\n"
      "DONE: activemask.b32 %r4; popc.b32 %r4, %r4; shl.b32 %r4, %r4, 16; or.b32 %r1, %r1, %r4; "
      "st.global.u32 [%rd0], %r1;",
      64, [](uint32_t t) {
        uint32_t sum = 0;
        for (uint32_t i = 0; i < t; ++i) {
          if (i % 4 == 3) continue;
          sum += i;
          if (sum > 300) break;
        }
        return sum | 32u << 16;
      });
}

TEST(Control, EarlyExitLeavesTheOthersRunning) {
  ExpectThreads(
      "setp.lt.u32 %p1, %r0, 20; @%p1 ret; bar.sync 0; mov.u32 %r1, 7; st.global.u32 [%rd0], %r1;",
      96, [](uint32_t t) { return t < 20 ? 0 : 7; });
  ExpectThreads("setp.ge.u32 %p1, %r0, 20; @%p1 bra OUT; bar.sync 0; st.global.u32 [%rd0], 7; OUT:",
                96, [](uint32_t t) { return t >= 20 ? 0 : 7; });
  ExpectThreads(
      "setp.eq.u32 %p1, %r0, 5; @%p1 exit; setp.eq.u32 %p2, %r0, 6; @!%p2 st.global.u32 [%rd0], 1;",
      32, [](uint32_t t) { return t == 5 || t == 6 ? 0 : 1; });
}

TEST(Control, IndexedBranchesGoWhereTheirLaneSays) {
  ExpectThreads(
      "and.b32 %r1, %r0, 3; T: .branchtargets A, B, C, A;\nbrx.idx %r1, T;\n"
      "A: mov.u32 %r2, 1; bra D; B: mov.u32 %r2, 2; bra D; C: mov.u32 %r2, 3;\n"
      "D: st.global.u32 [%rd0], %r2;",
      40, [](uint32_t t) { return t % 4 == 1   ? 2
                                  : t % 4 == 2 ? 3
                                               : 1; });
}

TEST(Control, FunctionsAreCalledWithTheirArguments) {
  const std::string function =
      ".func (.param .b32 r) twice(.param .b32 a, .param .b32 b) {\n"
      ".reg .b32 %x<4>; .reg .pred %q; ld.param.b32 %x1, [a]; ld.param.b32 %x2, [b];\n"
      "setp.gt.u32 %q, %x1, 10; @%q bra BIG; mad.lo.u32 %x3, %x1, 2, %x2; "
      "st.param.b32 [r], %x3; ret;\nBIG: st.param.b32 [r], %x2; ret; }\n";
  ExpectThreads(
      "{ .param .b32 a0; .param .b32 a1; .param .b32 rv;\n"
      "st.param.b32 [a0], %r0; st.param.b32 [a1], 5; call.uni (rv), twice, (a0, a1);\n"
      "ld.param.b32 %r1, [rv]; }\n"
      "{ .param .b32 a0; .param .b32 a1; .param .b32 rv;\n"
      "st.param.b32 [a0], 3; st.param.b32 [a1], %r1; call.uni (rv), twice, (a0, a1);\n"
      "ld.param.b32 %r1, [rv]; }\nst.global.u32 [%rd0], %r1;",
      40, [](uint32_t t) { return 6 + (t > 10 ? 5 : 2 * t + 5); }, function);
}

TEST(Control, RegistersThatAreNeverWrittenReadAsZero) {
  ExpectThreads(
      "setp.lt.u32 %p1, %r0, 7; @%p1 mov.u32 %r20, 9; add.u32 %r20, %r20, %r21; "
      "st.global.u32 [%rd0], %r20;",
      64, [](uint32_t t) { return t < 7 ? 9 : 0; });
}

TEST(Control, SpecialRegistersNameThreadAndBlock) {
  PtxRun run;
  run.text =
      ".visible .entry k(.param .u64 p0) { .reg .b32 %r<20>; .reg .b64 %rd<4>;\n"
      "mov.u32 %r0, %tid.x; mov.u32 %r1, %tid.y; mov.u32 %r2, %tid.z; mov.u32 %r3, %ntid.x;\n"
      "mov.u32 %r4, %ntid.y; mov.u32 %r5, %ctaid.x; mov.u32 %r6, %ctaid.y; mov.u32 %r7, "
      "%nctaid.x;\n"
      "mad.lo.u32 %r8, %r2, %r4, %r1; mad.lo.u32 %r8, %r8, %r3, %r0;\n"  // thread in block
      "mad.lo.u32 %r9, %r6, %r7, %r5; mov.u32 %r10, %ntid.z; mul.lo.u32 %r11, %r3, %r4;\n"
      "mul.lo.u32 %r11, %r11, %r10; mad.lo.u32 %r12, %r9, %r11, %r8;\n"
      "mov.u32 %r13, %laneid; mov.u32 %r14, %warpid; mov.u32 %r15, %lanemask_lt;\n"
      "popc.b32 %r15, %r15; shl.b32 %r14, %r14, 8; add.u32 %r13, %r13, %r14; shl.b32 %r15, %r15, "
      "16;\nadd.u32 %r13, %r13, %r15; ld.param.u64 %rd0, [p0]; mul.wide.u32 %rd1, %r12, 4;\n"
      "add.s64 %rd0, %rd0, %rd1; st.global.u32 [%rd0], %r13; ret; }";
  run.grid = Dim3{3, 2, 1};
  run.block = Dim3{5, 4, 3};
  run.buffers = {Bytes(size_t{4} * 6 * 60, 0)};
  ASSERT_TRUE(run.Go());
  const std::vector<uint32_t> out = FromBuffer<uint32_t>(run.buffers[0]);
  for (uint32_t i = 0; i < out.size(); ++i) {
    const uint32_t thread = i % 60;
    EXPECT_EQ(out[i], thread % 32 + (thread / 32 << 8) + (thread % 32 << 16)) << i;
  }
}

// ---- Between lanes ----

TEST(Warp, ShufflesMoveValuesWithinTheirSegment) {
  ExpectThreads("shfl.sync.down.b32 %r1, %r0, 3, 31, -1; st.global.u32 [%rd0], %r1;", 32,
                [](uint32_t t) { return t + 3 < 32 ? t + 3 : t; });
  ExpectThreads("shfl.sync.up.b32 %r1, %r0, 5, 0, -1; st.global.u32 [%rd0], %r1;", 32,
                [](uint32_t t) { return t >= 5 ? t - 5 : t; });
  ExpectThreads("shfl.sync.bfly.b32 %r1, %r0, 9, 31, -1; st.global.u32 [%rd0], %r1;", 32,
                [](uint32_t t) { return t ^ 9; });
  // Segments of eight: c = (32 - 8) << 8 | 31.
  ExpectThreads("shfl.sync.idx.b32 %r1, %r0, 2, 6175, -1; st.global.u32 [%rd0], %r1;", 32,
                [](uint32_t t) { return t / 8 * 8 + 2; });
  ExpectThreads(
      "shfl.sync.down.b32 %r1|%p1, %r0, 6, 6175, -1; selp.u32 %r2, 100, 0, %p1; "
      "add.u32 %r1, %r1, %r2; st.global.u32 [%rd0], %r1;",
      32, [](uint32_t t) { return t % 8 + 6 < 8 ? t + 106 : t; });
}

// Each lane has an operand b and c of its own, from these bits. PTX ISA shfl.sync, its pseudocode.
uint32_t Scrambled(uint32_t t) {
  return (t + 1) * 0x9e3779b1 ^ (t << 7);
}
uint32_t ShuffledFrom(const std::string& mode, uint32_t lane, bool* inside) {
  const int b = static_cast<int>(Scrambled(lane) & 31);
  const int c = static_cast<int>(Scrambled(lane) >> 5 & 31);
  const int segment = static_cast<int>(Scrambled(lane) >> 13 & 31);
  const int own = static_cast<int>(lane);
  const int most = (own & segment) | (c & ~segment);
  const int least = own & segment;
  const int j = mode == "up"     ? own - b
                : mode == "down" ? own + b
                : mode == "bfly" ? own ^ b
                                 : least | (b & ~segment);
  *inside = mode == "up" ? j >= most : j <= most;
  return static_cast<uint32_t>(*inside ? j : own);
}

TEST(Warp, ShufflesFollowEachLanesOwnOperands) {
  for (const std::string mode : {"up", "down", "bfly", "idx"}) {
    SCOPED_TRACE(mode);
    const std::string operands =
        "add.u32 %r1, %r0, 1; mul.lo.u32 %r1, %r1, 0x9e3779b1; shl.b32 %r2, %r0, 7; "
        "xor.b32 %r1, %r1, %r2; and.b32 %r2, %r1, 31; shr.u32 %r3, %r1, 5;\n";
    // The predicate is read in one and not in the other.
    ExpectThreads(operands + "shfl.sync." + mode +
                      ".b32 %r4|%p1, %r0, %r2, %r3, -1; selp.u32 %r5, 100, 0, %p1; "
                      "add.u32 %r4, %r4, %r5; st.global.u32 [%rd0], %r4;",
                  32, [&](uint32_t t) {
                    bool inside = false;
                    const uint32_t from = ShuffledFrom(mode, t, &inside);
                    return from + (inside ? 100 : 0);
                  });
    ExpectThreads(operands + "shfl.sync." + mode +
                      ".b32 %r4|%p1, %r0, %r2, %r3, -1; st.global.u32 [%rd0], %r4;",
                  32, [&](uint32_t t) {
                    bool inside = false;
                    return ShuffledFrom(mode, t, &inside);
                  });
  }
}

TEST(Warp, VotesCountTheMembers) {
  ExpectThreads(
      "and.b32 %r1, %r0, 1; setp.ne.u32 %p1, %r1, 0; vote.sync.ballot.b32 %r2, %p1, -1; "
      "vote.sync.any.pred %p2, %p1, -1; vote.sync.all.pred %p3, !%p1, -1; "
      "selp.u32 %r3, 1, 0, %p2; selp.u32 %r4, 2, 0, %p3; add.u32 %r2, %r2, %r3; "
      "add.u32 %r2, %r2, %r4; st.global.u32 [%rd0], %r2;",
      32, [](uint32_t) { return 0xaaaaaaaa + 1; });
  // Where only some lanes are there, members that have exited are not waited for.
  ExpectThreads(
      "setp.ge.u32 %p1, %r0, 8; @%p1 ret; setp.lt.u32 %p2, %r0, 4; "
      "vote.sync.ballot.b32 %r2, %p2, -1; st.global.u32 [%rd0], %r2;",
      32, [](uint32_t t) { return t < 8 ? 0xf : 0; });
}

TEST(Warp, MembersThatCameByDifferentPathsMeet) {
  // Half the lanes take a detour first; the full mask makes the others wait.
  ExpectThreads(
      "mov.u32 %r1, %r0; setp.lt.u32 %p1, %r0, 16; @%p1 bra LOW;\n"
      "mov.u32 %r2, 0; L: add.u32 %r2, %r2, 1; setp.lt.u32 %p2, %r2, %r0; @%p2 bra L;\n"
      "add.u32 %r1, %r1, 100;\nbar.warp.sync -1; bra J;\nLOW: bar.warp.sync -1;\n"
      "J: shfl.sync.bfly.b32 %r3, %r1, 31, 31, -1; st.global.u32 [%rd0], %r3;",
      32, [](uint32_t t) { return 31 - t < 16 ? 31 - t : 131 - t; });
  // Two groups, each with its own mask, in one instruction.
  ExpectThreads(
      "setp.lt.u32 %p1, %r0, 16; selp.b32 %r1, 65535, -65536, %p1; setp.eq.u32 %p2, %r0, 20; "
      "vote.sync.ballot.b32 %r2, %p2, %r1; st.global.u32 [%rd0], %r2;",
      32, [](uint32_t t) { return t < 16 ? 0 : 1u << 20; });
}

TEST(Warp, EveryMeetingIsWaitedForAnew) {
  // Three times over: the upper half arrives late, by a place of its own.
  ExpectThreads(
      "mov.u32 %r1, %r0; mov.u32 %r7, 0;\nAGAIN: setp.lt.u32 %p1, %r0, 16; @%p1 bra LOW;\n"
      "mov.u32 %r2, 0; L: add.u32 %r2, %r2, 1; setp.lt.u32 %p2, %r2, 50; @%p2 bra L;\n"
      "add.u32 %r1, %r1, 100; bar.warp.sync -1; bra J;\nLOW: bar.warp.sync -1;\n"
      "J: shfl.sync.bfly.b32 %r1, %r1, 31, 31, -1; @!%p1 add.u32 %r1, %r1, 1000;\n"
      "add.u32 %r7, %r7, 1; setp.lt.u32 %p3, %r7, 3; @%p3 bra AGAIN;\n"
      "st.global.u32 [%rd0], %r1;",
      32, [](uint32_t t) {
        std::vector<uint32_t> v(32);
        for (uint32_t i = 0; i < 32; ++i) v[i] = i;
        for (int round = 0; round < 3; ++round) {
          for (uint32_t i = 16; i < 32; ++i) v[i] += 100;
          std::vector<uint32_t> w(32);
          for (uint32_t i = 0; i < 32; ++i) w[i] = v[i ^ 31] + (i >= 16 ? 1000 : 0);
          v = w;
        }
        return v[t];
      });
}

TEST(Warp, MatchReduxAndElect) {
  ExpectThreads("and.b32 %r1, %r0, 3; match.any.sync.b32 %r2, %r1, -1; st.global.u32 [%rd0], %r2;",
                32, [](uint32_t t) { return 0x11111111u << (t % 4); });
  ExpectThreads(
      "shr.u32 %r1, %r0, 5; match.all.sync.b32 %r2|%p1, %r1, -1; selp.u32 %r2, %r2, 5, %p1; "
      "st.global.u32 [%rd0], %r2;",
      64, [](uint32_t) { return 0xffffffff; });
  ExpectThreads("redux.sync.add.s32 %r1, %r0, -1; st.global.u32 [%rd0], %r1;", 32,
                [](uint32_t) { return 31 * 16; });
  ExpectThreads(
      "sub.s32 %r1, %r0, 10; redux.sync.min.s32 %r2, %r1, -1; redux.sync.max.u32 %r3, %r0, -1; "
      "add.u32 %r2, %r2, %r3; st.global.u32 [%rd0], %r2;",
      32, [](uint32_t) { return 21; });
}

TEST(Warp, GuardedWarpOperationsRunForTheirLanesAlone) {
  ExpectThreads(
      "mov.u32 %r1, 77; setp.lt.u32 %p1, %r0, 8; @%p1 shfl.sync.idx.b32 %r1, %r0, 3, 31, 255; "
      "st.global.u32 [%rd0], %r1;",
      32, [](uint32_t t) { return t < 8 ? 3 : 77; });
}

// ---- Shared memory and barriers ----

const char* const kReduce =
    ".shared .align 4 .b32 part[8];\n"
    "mov.u32 %r1, %r37; mov.u32 %r2, 16;\n"
    "R: shfl.sync.down.b32 %r3, %r1, %r2, 31, -1; add.u32 %r1, %r1, %r3; shr.u32 %r2, %r2, 1; "
    "setp.ne.u32 %p1, %r2, 0; @%p1 bra R;\n"
    "and.b32 %r4, %r0, 31; setp.ne.u32 %p2, %r4, 0; shr.u32 %r5, %r0, 5; shl.b32 %r5, %r5, 2;\n"
    "mov.u32 %r6, part; add.u32 %r6, %r6, %r5; @!%p2 st.shared.u32 [%r6], %r1;\n"
    "bar.sync 0; mov.u32 %r7, 0; mov.u32 %r8, 0;\n"
    "S: shl.b32 %r9, %r8, 2; mov.u32 %r10, part; add.u32 %r10, %r10, %r9; ld.shared.u32 %r11, "
    "[%r10]; add.u32 %r7, %r7, %r11; add.u32 %r8, %r8, 1; setp.lt.u32 %p3, %r8, 8; @%p3 bra S;\n"
    "st.global.u32 [%rd0], %r7;";

TEST(Block, ReducesThroughShufflesAndSharedMemory) {
  const std::vector<uint32_t> out = Threads(kReduce, 256, 3);
  for (uint32_t i = 0; i < out.size(); ++i) {
    const uint32_t first = i / 256 * 256;
    EXPECT_EQ(out[i], 256 * first + 255 * 128) << i;
  }
}

TEST(Block, BarriersReduceAndCount) {
  ExpectThreads(
      "setp.lt.u32 %p1, %r0, 10; bar.red.popc.u32 %r1, 0, %p1; bar.red.or.pred %p2, 1, %p1; "
      "bar.red.and.pred %p3, 0, %p1; selp.u32 %r2, 100, 0, %p2; selp.u32 %r3, 1000, 0, %p3; "
      "add.u32 %r1, %r1, %r2; add.u32 %r1, %r1, %r3; st.global.u32 [%rd0], %r1;",
      96, [](uint32_t) { return 110; });
  // Warp 0 writes and arrives; warp 1 waits for both.
  ExpectThreads(
      ".shared .b32 s[1]; setp.lt.u32 %p1, %r0, 32; @!%p1 bra W1;\n"
      "st.shared.u32 [s], 9; bar.arrive 3, 64; bra E;\n"
      "W1: bar.sync 3, 64; ld.shared.u32 %r1, [s]; st.global.u32 [%rd0], %r1;\nE:",
      64, [](uint32_t t) { return t < 32 ? 0 : 9; });
}

TEST(Block, ABarrierLetsAsManyGoOnAsItCounts) {
  ExpectThreads(
      "setp.ge.u32 %p1, %r0, 0; bar.red.popc.u32 %r1, 1, 32, %p1; st.global.u32 [%rd0], %r1;", 96,
      [](uint32_t) { return 32; });
  // Four warps by twos: the lower ones first.
  ExpectThreads(
      "setp.lt.u32 %p1, %r0, 64; bar.red.popc.u32 %r1, 1, 64, %p1; st.global.u32 [%rd0], %r1;", 128,
      [](uint32_t t) { return t < 64 ? 64 : 0; });
  // Who only arrives has let the others know: it counts before warps that have come since.
  ExpectThreads(
      ".shared .b32 s[1]; shr.u32 %r2, %r0, 5; setp.eq.u32 %p1, %r2, 2; setp.eq.u32 %p2, %r2, 1; "
      "@%p1 bra A; @%p2 bra B; bar.sync 1, 64; ld.shared.u32 %r1, [s]; st.global.u32 [%rd0], %r1; "
      "ret;\nA: st.shared.u32 [s], 6; bar.arrive 1, 64; ret;\nB: ret;",
      96, [](uint32_t t) { return t < 32 ? 6 : 0; });
}

// Warps 1 and 2 wait for warp 0, which arrives as `arrives` says, and for warp 3, which comes late:
// what warp 3 stored they must see.
void ExpectOneArrival(const std::string& arrives) {
  ExpectThreads(
      ".shared .b32 s[1]; shr.u32 %r2, %r0, 5; setp.eq.u32 %p1, %r2, 0; "
      "setp.eq.u32 %p2, %r2, 3; and.b32 %r4, %r0, 1; setp.eq.u32 %p3, %r4, 1; @%p1 bra A; "
      "@%p2 bra D;\n"
      "barrier.sync 1, 128; ld.volatile.shared.u32 %r3, [s]; st.global.u32 [%rd0], %r3; ret;\n"
      "D: mov.u32 %r5, 0; L: add.u32 %r5, %r5, 1; setp.lt.u32 %p4, %r5, 20000; @%p4 bra L;\n"
      "st.volatile.shared.u32 [s], 77; barrier.sync 1, 128; ret;\n" +
          arrives,
      128, [](uint32_t t) { return t >= 32 && t < 96 ? 77u : 0u; });
}

TEST(Block, AWarpThatComesInPartsArrivesOnce) {
  ExpectOneArrival("A: @%p3 bra B; barrier.arrive 1, 128; ret; B: barrier.arrive 1, 128;");
  ExpectOneArrival("A: @%p3 bra B; barrier.arrive 1, 128; ret; B: barrier.sync 1, 128;");
  // Lanes that have exited are not waited for, before or after the others arrive.
  ExpectOneArrival("A: @%p3 ret; barrier.arrive 1, 128;");
  ExpectOneArrival("A: @%p3 bra B; barrier.arrive 1, 128; ret; B: add.u32 %r4, %r4, 1;");
}

TEST(Block, PartsOfAWarpThatArriveAgainCountAgain) {
  ExpectThreads(
      "setp.lt.u32 %p1, %r0, 32; and.b32 %r4, %r0, 1; setp.eq.u32 %p3, %r4, 1; @%p1 bra A;\n"
      "bar.sync 1, 64; bar.sync 2, 64; bar.sync 1, 64; st.global.u32 [%rd0], 5; ret;\n"
      "A: @%p3 bra B; barrier.arrive 1, 64; barrier.sync 2, 64; barrier.arrive 1, 64; ret;\n"
      "B: barrier.arrive 1, 64; barrier.sync 2, 64; barrier.arrive 1, 64;",
      64, [](uint32_t t) { return t < 32 ? 0u : 5u; });
  // Twice by one half, then twice by the other: two arrivals, as many as the barrier lacks.
  ExpectThreads(
      "setp.lt.u32 %p1, %r0, 32; and.b32 %r4, %r0, 1; setp.eq.u32 %p3, %r4, 1; @%p1 bra A;\n"
      "bar.sync 1, 96; st.global.u32 [%rd0], 5; ret;\n"
      "A: @%p3 bra B; barrier.arrive 1, 96; barrier.arrive 1, 96; ret;\n"
      "B: barrier.arrive 1, 96; barrier.arrive 1, 96;",
      64, [](uint32_t t) { return t < 32 ? 0u : 5u; });
}

TEST(Block, UnalignedBarriersMayBeMetThreadByThread) {
  ExpectThreads(
      "setp.lt.u32 %p1, %r0, 16; @%p1 bra A; barrier.sync 0; mov.u32 %r1, 1; bra J;\n"
      "A: barrier.sync 0; mov.u32 %r1, 2;\nJ: st.global.u32 [%rd0], %r1;",
      64, [](uint32_t t) { return t < 16 ? 2 : 1; });
}

TEST(Block, DynamicSharedMemoryFollowsTheStatic) {
  PtxRun run;
  run.text =
      ".extern .shared .align 8 .b8 dyn[];\n.visible .entry k(.param .u64 p0) {\n"
      ".shared .align 4 .b8 fixed[20]; .reg .b32 %r<8>; .reg .b64 %rd<6>;\n"
      "mov.u32 %r0, %tid.x; mov.u32 %r1, dyn; mov.u32 %r2, fixed; shl.b32 %r3, %r0, 2;\n"
      "add.u32 %r1, %r1, %r3; st.shared.u32 [%r1], %r0; st.shared.u32 [fixed+16], 5;\n"
      "bar.sync 0; xor.b32 %r4, %r3, 4; mov.u32 %r5, dyn; add.u32 %r5, %r5, %r4;\n"
      "cvt.u64.u32 %rd1, %r5; cvta.shared.u64 %rd1, %rd1; ld.u32 %r6, [%rd1];\n"
      "ld.shared.u32 %r7, [%r2+16]; mad.lo.u32 %r6, %r6, 10, %r7; ld.param.u64 %rd2, [p0];\n"
      "mul.wide.u32 %rd3, %r0, 4; add.s64 %rd2, %rd2, %rd3; st.global.u32 [%rd2], %r6; ret; }";
  run.block = Dim3{64, 1, 1};
  run.dynamic_shared_bytes = 256;
  run.buffers = {Bytes(256, 0)};
  const Result<LaunchStats> stats = run.Go();
  ASSERT_TRUE(stats) << stats.error().message;
  const std::vector<uint32_t> out = FromBuffer<uint32_t>(run.buffers[0]);
  for (uint32_t t = 0; t < 64; ++t) EXPECT_EQ(out[t], (t ^ 1) * 10 + 5);
}

TEST(Block, IsAClusterOfItsOwn) {
  ExpectThreads(
      "mov.u64 %rd5, x; cvta.shared::cluster.u64 %rd6, %rd5; isspacep.shared::cluster %p1, %rd6;\n"
      "isspacep.shared::cta %p2, %rd6; isspacep.shared::cluster %p3, %rd0; mov.u32 %r1, 0;\n"
      "@%p1 add.u32 %r1, %r1, 1; @%p2 add.u32 %r1, %r1, 2; @%p3 add.u32 %r1, %r1, 4;\n"
      "st.global.u32 [%rd0], %r1;",
      32, [](uint32_t) { return 3u; }, ".shared .align 4 .b8 x[4];\n");
}

// ISA "%reserved_smem_offset_begin", …: a part of .shared that no variable lies in.
TEST(Block, TheReservedSharedMemoryLiesApartFromVariables) {
  ExpectThreads(
      "mov.u32 %r1, %reserved_smem_offset_begin; mov.u32 %r2, %reserved_smem_offset_end;\n"
      "mov.u32 %r3, %reserved_smem_offset_1; mov.u32 %r4, x; mov.u32 %r5, 0;\n"
      "setp.ge.u32 %p1, %r4, %r2; @%p1 add.u32 %r5, %r5, 1;\n"
      "setp.ge.u32 %p1, %r3, %r1; @%p1 add.u32 %r5, %r5, 2;\n"
      "setp.lt.u32 %p1, %r3, %r2; @%p1 add.u32 %r5, %r5, 4;\n"
      "st.shared.u32 [%r3], 70; st.shared.u32 [x], 100; ld.shared.u32 %r6, [%r3];\n"
      "add.u32 %r5, %r5, %r6; st.global.u32 [%rd0], %r5;",
      32, [](uint32_t) { return 77u; }, ".shared .align 4 .b8 x[4];\n");
}

TEST(Block, SharedAndLocalMemoryBeginAtZeroInEveryBlock) {
  const std::vector<uint32_t> out = Threads(
      ".shared .b32 s[64]; .local .b32 l[4]; shl.b32 %r1, %r0, 2; mov.u32 %r2, s; "
      "add.u32 %r2, %r2, %r1; ld.shared.u32 %r3, [%r2]; ld.local.u32 %r4, [l+8]; "
      "add.u32 %r5, %r3, %r4; st.global.u32 [%rd0], %r5; st.shared.u32 [%r2], 1; "
      "st.local.u32 [l+8], 2;",
      64, 5);
  for (const uint32_t v : out) EXPECT_EQ(v, 0u);
}

TEST(Memory, LocalArraysBelongToTheirThread) {
  ExpectThreads(
      ".local .align 4 .b32 a[8]; mov.u64 %rd1, a; cvta.local.u64 %rd2, %rd1; mov.u32 %r1, 0;\n"
      "L: mul.wide.u32 %rd3, %r1, 4; add.s64 %rd4, %rd2, %rd3; mad.lo.u32 %r2, %r1, 100, %r0; "
      "st.u32 [%rd4], %r2; add.u32 %r1, %r1, 1; setp.lt.u32 %p1, %r1, 8; @%p1 bra L;\n"
      "and.b32 %r3, %r0, 7; mul.wide.u32 %rd5, %r3, 4; add.s64 %rd6, %rd1, %rd5; "
      "ld.local.u32 %r4, [%rd6]; st.global.u32 [%rd0], %r4;",
      64, [](uint32_t t) { return t % 8 * 100 + t; });
}

TEST(Memory, VectorsAndNarrowTypes) {
  PtxRun run;
  run.text =
      ".visible .entry k(.param .u64 p0, .param .u64 p1) {\n"
      ".reg .b16 %h<6>; .reg .b32 %r<12>; .reg .b64 %rd<8>; .reg .f32 %f<4>;\n"
      "ld.param.u64 %rd0, [p0]; ld.param.u64 %rd1, [p1]; mov.u32 %r0, %tid.x;\n"
      "mul.wide.u32 %rd2, %r0, 16; add.s64 %rd3, %rd0, %rd2; add.s64 %rd4, %rd1, %rd2;\n"
      "ld.global.v4.f32 {%f0, %f1, %f2, %f3}, [%rd3]; ld.global.nc.v2.u16 {%h0, %h1}, [%rd3+4];\n"
      "ld.global.s8 %r1, [%rd3+3]; ld.global.u8 %h2, [%rd3+3]; cvt.u32.u16 %r2, %h2;\n"
      "cvt.u32.u16 %r3, %h0; cvt.u32.u16 %r4, %h1;\n"
      "mov.b32 %r5, %f3; add.u32 %r6, %r3, %r4;\n"
      "st.global.v4.u32 [%rd4], {%r1, %r2, %r6, %r5}; st.global.u8 [%rd4+14], 7; ret; }";
  run.block = Dim3{48, 1, 1};
  std::vector<uint32_t> in(48 * 4);
  for (uint32_t i = 0; i < in.size(); ++i) in[i] = i * 0x9e3779b9u;
  run.buffers = {ToBuffer(in), Bytes(in.size() * 4, 0)};
  const Result<LaunchStats> stats = run.Go();
  ASSERT_TRUE(stats) << stats.error().message;
  const std::vector<uint32_t> out = FromBuffer<uint32_t>(run.buffers[1]);
  for (uint32_t t = 0; t < 48; ++t) {
    const uint32_t top = in[4 * t] >> 24;
    EXPECT_EQ(out[4 * t], static_cast<uint32_t>(static_cast<int8_t>(top)));
    EXPECT_EQ(out[4 * t + 1], top);
    EXPECT_EQ(out[4 * t + 2], (in[4 * t + 1] & 0xffff) + (in[4 * t + 1] >> 16));
    EXPECT_EQ(out[4 * t + 3], (in[4 * t + 3] & 0xff00ffff) | 7u << 16);
  }
}

TEST(Memory, ModuleVariablesHoldTheirInitialisers) {
  const std::string variables =
      ".const .align 4 .b32 table[4] = {10, 20, 30, 40};\n.global .align 4 .u32 counter = 5;\n"
      ".global .align 8 .u64 pointer = counter;\n";
  ExpectThreads(
      "and.b32 %r1, %r0, 3; mul.wide.u32 %rd1, %r1, 4; mov.u64 %rd2, table; "
      "add.s64 %rd2, %rd2, %rd1; ld.const.u32 %r2, [%rd2]; ld.global.u64 %rd3, [pointer]; "
      "ld.global.u32 %r3, [%rd3]; add.u32 %r2, %r2, %r3; st.global.u32 [%rd0], %r2;",
      40, [](uint32_t t) { return (t % 4 + 1) * 10 + 5; }, variables);
}

TEST(Memory, CachePoliciesChangeNoResult) {
  ExpectThreads(
      "createpolicy.fractional.L2::evict_last.b64 %rd5, 1.0; add.u32 %r1, %r0, 40;\n"
      "st.global.L2::cache_hint.u32 [%rd0], %r1, %rd5;\n"
      "ld.global.L2::cache_hint.u32 %r2, [%rd0], %rd5; add.u32 %r2, %r2, 1;\n"
      "st.global.u32 [%rd0], %r2;",
      40, [](uint32_t t) { return t + 41; });
}

TEST(Memory, CopyAsyncFillsWhatItDoesNotRead) {
  ExpectThreads(
      ".shared .align 16 .b8 s[1024]; st.global.u32 [%rd0], %r0; mov.u32 %r1, s; "
      "shl.b32 %r2, %r0, 3; add.u32 %r1, %r1, %r2; st.shared.u32 [%r1+4], 99; "
      "and.b32 %r4, %r0, 1; setp.eq.u32 %p1, %r4, 0; and.b64 %rd1, %rd0, -8; "
      "bar.sync 0; cp.async.ca.shared.global [%r1], [%rd1], 8, 4; cp.async.commit_group; "
      "cp.async.wait_group 0; ld.shared.v2.u32 {%r5, %r6}, [%r1]; mad.lo.u32 %r5, %r6, 1000, %r5; "
      "bar.sync 0; st.global.u32 [%rd0], %r5;",
      64, [](uint32_t t) { return t & ~1u; });
}

// ---- Atomics ----

TEST(Atomics, LanesActOneAfterTheOther) {
  const std::vector<uint32_t> out = Threads("atom.global.add.u32 %r1, [%rd19], 3;", 256, 4);
  EXPECT_EQ(out[0], 3 * 1024u);
  ExpectThreads(
      ".shared .b32 s[1]; setp.eq.u32 %p1, %r0, 0; @%p1 st.shared.u32 [s], 0; bar.sync 0; "
      "atom.shared.add.u32 %r1, [s], 2; st.global.u32 [%rd0], %r1;",
      32, [](uint32_t t) { return 2 * t; });
}

TEST(Atomics, EveryOperationAsTheIsaDefinesIt) {
  struct Case {
    const char* code;
    uint32_t start;
    uint32_t want;
  };
  // 32 lanes act on s; what stays in it.
  const Case kCases[] = {
      {"atom.shared.min.s32 %r1, [s], %r2;", 100, static_cast<uint32_t>(-5)},
      {"atom.shared.max.s32 %r1, [s], %r2;", 3, 26},
      {"atom.shared.min.u32 %r1, [s], %r2;", 100, 0},
      {"atom.shared.max.u32 %r1, [s], %r2;", 3, static_cast<uint32_t>(-1)},
      {"red.shared.or.b32 [s], %r0;", 64, 95},
      {"red.shared.xor.b32 [s], %r0;", 64, 64},
      {"red.shared.and.b32 [s], %r0;", 255, 0},
      {"atom.shared.exch.b32 %r1, [s], %r0;", 255, 31},
      {"atom.shared.cas.b32 %r1, [s], %r0, %r3;", 0, 32},
      {"atom.shared.inc.u32 %r1, [s], 9;", 0, 2},
      {"atom.shared.dec.u32 %r1, [s], 9;", 0, 8},
  };
  for (const Case& c : kCases) {
    ExpectThreads(std::string(".shared .b32 s[1]; st.shared.u32 [s], ") + std::to_string(c.start) +
                      "; sub.s32 %r2, %r0, 5; add.u32 %r3, %r0, 1; " + c.code +
                      " ld.shared.u32 %r9, [s]; st.global.u32 [%rd0], %r9;",
                  32, [&](uint32_t) { return c.want; });
  }
}

TEST(Atomics, FloatsAndWideIntegers) {
  ExpectThreads(
      ".shared .align 8 .b8 s[16]; st.shared.u64 [s], 0; atom.shared.add.u64 %rd1, [s], "
      "4294967296; ld.shared.u64 %rd2, [s]; shr.u64 %rd2, %rd2, 32; cvt.u32.u64 %r1, %rd2; "
      "st.shared.f32 [s+8], 0f00000000; mov.f32 %f1, 0f3F000000; red.shared.add.f32 [s+8], %f1; "
      "ld.shared.f32 %f2, [s+8]; cvt.rzi.u32.f32 %r2, %f2; mad.lo.u32 %r1, %r1, 100, %r2; "
      "st.global.u32 [%rd0], %r1;",
      32, [](uint32_t) { return 3216; });
  // On global memory a float sum flushes subnormals (ISA atom); on shared memory it does not.
  ExpectThreads(
      "setp.ne.u32 %p1, %r0, 0; @%p1 ret; .shared .b32 s[1]; st.global.u32 [%rd0], 1; "
      "mov.b32 %f1, 1; atom.global.add.f32 %f2, [%rd0], %f1; st.shared.u32 [s], 1; "
      "atom.shared.add.f32 %f3, [s], %f1; ld.global.u32 %r1, [%rd0]; ld.shared.u32 %r2, [s]; "
      "mad.lo.u32 %r1, %r1, 10, %r2; st.global.u32 [%rd0], %r1;",
      32, [](uint32_t t) { return t == 0 ? 2 : 0; });
}

TEST(Atomics, VectorsAreAddedElementByElement) {
  // Results may stand where sources stood.
  ExpectThreads(
      "mov.f32 %f1, 0f3F800000; mov.f32 %f2, 0f40000000; mov.u64 %rd5, x;\n"
      "setp.eq.u32 %p1, %r0, 0; @%p1 atom.global.add.v2.f32 {%f2, %f1}, [%rd5], {%f1, %f2};\n"
      "@%p1 red.global.add.v2.f32 [%rd5], {%f2, %f1};\n"
      "@%p1 ld.global.v2.f32 {%f3, %f4}, [%rd5];\n"
      "fma.rn.f32 %f3, %f4, 0f42C80000, %f3; fma.rn.f32 %f3, %f1, 0f447A0000, %f3;\n"
      "cvt.rzi.u32.f32 %r1, %f3; @!%p1 mov.u32 %r1, 5; st.global.u32 [%rd0], %r1;",
      32, [](uint32_t t) { return t == 0 ? 5007u : 5u; },
      ".global .align 8 .f32 x[2] = {3.0, 4.0};\n");
}

TEST(Atomics, ASpinLockAmongTheLanesOfOneWarpIsLetGo) {
  ExpectThreads(
      ".shared .b32 lock[1]; .shared .b32 sum[1];\n"
      "A: atom.shared.cas.b32 %r1, [lock], 0, 1; setp.ne.u32 %p1, %r1, 0; @%p1 bra A;\n"
      "ld.shared.u32 %r2, [sum]; add.u32 %r2, %r2, %r0; st.shared.u32 [sum], %r2; membar.cta; "
      "atom.shared.exch.b32 %r3, [lock], 0;\n"
      "bar.warp.sync -1; ld.shared.u32 %r4, [sum]; st.global.u32 [%rd0], %r4;",
      32, [](uint32_t) { return 31 * 16; });
}

TEST(Atomics, AWarpThatWaitsForAnotherThroughMemoryGetsThere) {
  ExpectThreads(
      ".shared .b32 flag[1]; setp.lt.u32 %p1, %r0, 32; @!%p1 bra SET;\n"
      "W: ld.volatile.shared.u32 %r1, [flag]; setp.eq.u32 %p2, %r1, 0; @%p2 bra W; bra E;\n"
      "SET: st.volatile.shared.u32 [flag], 1; mov.u32 %r1, 1;\nE: st.global.u32 [%rd0], %r1;",
      64, [](uint32_t) { return 1; });
}

}  // namespace
}  // namespace souk::gpu::cpu_test
