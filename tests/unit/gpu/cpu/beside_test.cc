// Blocks on several threads: whatever they do to each other's data, the result is that of one
// thread.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <random>

#include "gpu/cpu/accesses.h"
#include "sanitized.h"
#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

using ::testing::HasSubstr;

constexpr uint32_t kBlocks = 64;
constexpr uint32_t kThreads = 64;
constexpr uint32_t kWords = kBlocks * kThreads;

// A kernel of two buffers %rd0 and %rd1. %r0: block, %r1: thread, %r2: both, %rd2: 4 × %r2.
std::string Kernel(const std::string& body) {
  return R"(.visible .entry k(.param .u64 x, .param .u64 y) {
    .reg .b64 %rd<16>; .reg .b32 %r<16>; .reg .b16 %rs<8>; .reg .pred %p<8>;
    ld.param.u64 %rd0, [x]; ld.param.u64 %rd1, [y];
    mov.u32 %r0, %ctaid.x; mov.u32 %r1, %tid.x; mad.lo.u32 %r2, %r0, 64, %r1;
    mul.wide.u32 %rd2, %r2, 4;
    )" + body +
         "\nret; }";
}

// Some thousand turns, so that blocks on other threads get ahead.
const char* const kDelay = R"(
    mov.u32 %r14, 0;
    WAIT: add.u32 %r14, %r14, 1; setp.lt.u32 %p7, %r14, 3000; @%p7 bra WAIT;
)";

struct Outcome {
  std::vector<Bytes> buffers = {};
  std::string error = {};
  uint64_t executed = 0;
};

// Of buffers that are written in their place, and of those that are written aside.
enum class Size { kSmall, kLarge };

Outcome RunOn(uint32_t threads, const std::string& text, SimdLevel level, uint64_t budget = 0,
              Size size = Size::kSmall) {
  PtxRun run;
  run.text = text;
  run.grid = Dim3{kBlocks, 1, 1};
  run.block = Dim3{kThreads, 1, 1};
  std::vector<uint32_t> numbers(kWords + kThreads);
  std::iota(numbers.begin(), numbers.end(), 1000);
  run.buffers = {ToBuffer(numbers), Bytes((kWords + kThreads) * 4, 7)};
  if (size == Size::kLarge) {
    for (Bytes& buffer : run.buffers) buffer.resize(cpu::Arena::kLargeBytes + 36, 5);
  }
  run.threads = threads;
  run.level = level;
  if (budget != 0) run.budget.thread_instructions = budget;
  const Result<LaunchStats> stats = run.Go();
  if (!stats) return Outcome{{}, stats.error().message, 0};
  return Outcome{run.buffers, {}, stats->thread_instructions};
}

// The same on one thread as on several, again and again. Returns what one thread gives.
Outcome ExpectSame(const std::string& body, uint64_t budget = 0) {
  const std::string text = Kernel(body);
  Outcome small;
  for (const Size size : {Size::kLarge, Size::kSmall}) {
    const Outcome one = RunOn(1, text, SimdLevel::kBaseline, budget, size);
    for (const SimdLevel level : Levels()) {
      for (const uint32_t threads : {2u, 3u, 8u}) {
        for (size_t turn = 0; turn < Thinned(8); ++turn) {
          const Outcome other = RunOn(threads, text, level, budget, size);
          EXPECT_EQ(other.error, one.error) << threads << " threads";
          EXPECT_EQ(other.executed, one.executed) << threads << " threads";
          EXPECT_TRUE(other.buffers == one.buffers) << threads << " threads";
        }
      }
    }
    small = one;
  }
  return small;
}

std::vector<uint32_t> Words(const Outcome& outcome, size_t buffer) {
  EXPECT_EQ(outcome.error, "");
  return outcome.buffers.empty() ? std::vector<uint32_t>(kWords + kThreads)
                                 : FromBuffer<uint32_t>(outcome.buffers[buffer]);
}

TEST(Beside, BlocksThatHaveTheirOwnPlacesAreNotRunAgain) {
  const Outcome one = ExpectSame(R"(
    add.u64 %rd3, %rd0, %rd2; add.u64 %rd4, %rd1, %rd2;
    ld.global.u32 %r3, [%rd3]; mad.lo.u32 %r3, %r3, 3, %r0; st.global.u32 [%rd4], %r3;
    ld.global.u32 %r4, [%rd4]; add.u32 %r4, %r4, 1; st.global.u32 [%rd3], %r4;)");
  for (uint32_t i = 0; i < kWords; ++i) {
    ASSERT_EQ(Words(one, 0)[i], (1000 + i) * 3 + i / kThreads + 1);
  }
}

TEST(Beside, TheLastBlockWinsWhereAllStoreToOneWord) {
  const Outcome one = ExpectSame("st.global.u32 [%rd1+8], %r2;");
  EXPECT_EQ(Words(one, 1)[2], kWords - 1);
}

TEST(Beside, ABlockSeesWhatTheBlockBeforeItWrote) {
  const Outcome one = ExpectSame(R"(
    add.u64 %rd3, %rd0, %rd2; ld.global.u32 %r3, [%rd3]; add.u32 %r3, %r3, 1;
    st.global.u32 [%rd3+256], %r3;)");
  for (uint32_t i = 0; i < kWords; ++i) {
    ASSERT_EQ(Words(one, 0)[i + kThreads], 1000 + i % kThreads + i / kThreads + 1);
  }
}

TEST(Beside, ABlockDoesNotSeeWhatTheBlockAfterItWrote) {
  const Outcome one = ExpectSame(std::string(kDelay) + R"(
    add.u64 %rd3, %rd0, %rd2; ld.global.u32 %r3, [%rd3+256]; add.u32 %r3, %r3, 1;
    st.global.u32 [%rd3], %r3;)");
  for (uint32_t i = 0; i < kWords; ++i) ASSERT_EQ(Words(one, 0)[i], 1000 + i + kThreads + 1);
}

// What only a run out of order writes is not there afterwards.
TEST(Beside, WritesOfARunThatIsUndoneAreGone) {
  const Outcome one = ExpectSame(R"(
    ld.global.u32 %r3, [%rd0]; setp.ne.u32 %p0, %r3, 1000; @%p0 bra SKIP;
    )" + std::string(kDelay) + R"(
    add.u64 %rd4, %rd1, %rd2; st.global.u32 [%rd4], %r2; st.global.u32 [%rd0], 1;
    SKIP:)");
  EXPECT_EQ(Words(one, 0)[0], 1u);
  for (uint32_t i = 0; i < kWords; ++i) {
    ASSERT_EQ(Words(one, 1)[i], i < kThreads ? i : 0x07070707u) << i;
  }
}

// Two blocks share words of a page, and words of bytes.
TEST(Beside, NeighboursInAWordDoNotMeet) {
  const Outcome one = ExpectSame(R"(
    mul.wide.u32 %rd3, %r1, 64; cvt.u64.u32 %rd4, %r0; add.u64 %rd3, %rd3, %rd4;
    add.u64 %rd3, %rd3, %rd1; cvt.u16.u32 %rs0, %r2; st.global.u8 [%rd3], %rs0;)");
  for (uint32_t b = 0; b < kBlocks; ++b) {
    for (uint32_t t = 0; t < kThreads; ++t) {
      ASSERT_EQ(one.buffers[1][t * 64 + b], static_cast<uint8_t>(b * 64 + t));
    }
  }
}

TEST(Beside, StoresThroughPointersFromMemory) {
  const Outcome one = ExpectSame(R"(
    setp.ne.u32 %p0, %r0, 0; add.u64 %rd5, %rd0, 16384; @!%p0 st.global.u64 [%rd5], %rd1;
    ld.global.u64 %rd6, [%rd5]; setp.eq.u32 %p1, %r0, 0; @%p1 bra END;
    add.u64 %rd6, %rd6, %rd2; st.global.u32 [%rd6], %r2; END:)");
  EXPECT_EQ(Words(one, 1)[100], 100u);
}

TEST(Beside, StoresThroughPointersOfLocalMemory) {
  const Outcome one = ExpectSame(R"(
    .local .align 8 .b8 keep[16]; st.local.u64 [keep], %rd1; ld.local.u64 %rd6, [keep];
    add.u64 %rd6, %rd6, %rd2; st.global.u32 [%rd6], %r2;)");
  EXPECT_EQ(Words(one, 1)[4000], 4000u);
}

TEST(Beside, VectorsAndWideWords) {
  ExpectSame(R"(
    mul.wide.u32 %rd3, %r2, 4; and.b64 %rd3, %rd3, -16; add.u64 %rd4, %rd1, %rd3;
    st.global.v4.u32 [%rd4], {%r0, %r1, %r2, %r0};
    add.u64 %rd5, %rd0, %rd3; ld.global.v2.u64 {%rd6, %rd7}, [%rd5];
    add.u64 %rd6, %rd6, %rd7; st.global.u64 [%rd5+256], %rd6;)");
}

TEST(Beside, AFaultOfARunOutOfOrderIsNone) {
  // Where the word before is not written yet its value leads out of bounds.
  const Outcome one = ExpectSame(R"(
    setp.eq.u32 %p0, %r0, 0; add.u64 %rd3, %rd1, %rd2; @%p0 bra WRITE;
    ld.global.u32 %r3, [%rd3+-256]; setp.eq.u32 %p1, %r3, 5; @%p1 bra WRITE;
    mov.u64 %rd9, 0; st.global.u32 [%rd9], %r3;
    WRITE: st.global.u32 [%rd3], 5;)");
  EXPECT_EQ(Words(one, 1)[kWords - 1], 5u);
}

TEST(Beside, AFaultOfARunInOrderIsFound) {
  // The word before is always written.
  const Outcome one = ExpectSame(R"(
    add.u64 %rd3, %rd1, %rd2; add.u64 %rd4, %rd3, 256;
    ld.global.u32 %r3, [%rd3]; setp.eq.u32 %p1, %r3, 5; setp.eq.and.u32 %p2, %r0, 40, %p1;
    mov.u64 %rd9, 0; @%p2 st.global.u32 [%rd9], %r3;
    st.global.u32 [%rd4], 5;)");
  EXPECT_THAT(one.error, HasSubstr("block (40,0,0)"));
}

// On one thread the first block waits for ever; on two it would not.
TEST(Beside, WaitingForALaterBlockIsEndless) {
  const Outcome one = ExpectSame(R"(
    setp.eq.u32 %p0, %r0, 63; @%p0 st.volatile.global.u32 [%rd0], 5; @%p0 bra END;
    AGAIN: ld.volatile.global.u32 %r3, [%rd0]; setp.ne.u32 %p1, %r3, 5; @%p1 bra AGAIN;
    END: )",
                                 2'000'000);
  EXPECT_THAT(one.error, HasSubstr("used up its budget"));
}

// In order no block ever waits; beside each other an earlier one waits for what a later one has
// changed.
TEST(Beside, ABlockThatWouldWaitForEverIsStopped) {
  const Outcome one = ExpectSame(R"(
    AGAIN: ld.global.u32 %r3, [%rd0]; sub.u32 %r3, %r3, 1000; setp.gt.u32 %p1, %r3, %r0;
    @%p1 bra AGAIN;
    add.u32 %r4, %r0, 1000; st.global.u32 [%rd0], %r4;)");
  EXPECT_EQ(Words(one, 0)[0], 1000 + kBlocks - 1);
}

// A block that runs for long is begun anew, once nothing shows that it waits for another.
TEST(Beside, LongBlocksComeToTheirEnd) {
  const Outcome one = ExpectSame(R"(
    setp.gt.u32 %p0, %r0, 1; @%p0 bra END; mov.u32 %r3, 0;
    AGAIN: add.u32 %r3, %r3, 1; setp.lt.u32 %p1, %r3, 300000; @%p1 bra AGAIN;
    END: add.u64 %rd3, %rd1, %rd2; st.global.u32 [%rd3], %r2;)");
  EXPECT_EQ(Words(one, 1)[kWords - 1], kWords - 1);
}

// Where the budget ends just where a kernel faults, what comes first is the same.
TEST(Beside, TheEdgeOfTheBudgetIsWhereItIs) {
  const std::string text = Kernel(R"(
    setp.eq.u32 %p0, %r0, 1; setp.gt.and.u32 %p1, %r1, 31, %p0; mov.u64 %rd9, 0;
    @%p1 st.global.u32 [%rd9], %r0;)" +
                                  std::string(kDelay));
  for (uint64_t budget = 570'000; budget < 1'200'000; budget += 9'973) {
    const Outcome one = RunOn(1, text, SimdLevel::kBaseline, budget);
    for (int turn = 0; turn < 3; ++turn) {
      ASSERT_EQ(RunOn(2, text, SimdLevel::kBaseline, budget).error, one.error) << budget;
    }
  }
}

// The same where blocks are apart, where they write aside, and where what they write is saved.
TEST(Beside, TheLastInstructionOfTheBudgetIsTheSame) {
  for (const std::string body : {
           "add.u64 %rd3, %rd0, %rd2; add.u64 %rd4, %rd1, %rd2; ld.global.u32 %r3, [%rd3];"
           "st.global.u32 [%rd4], %r3;",
           "ld.global.u32 %r3, [%rd0]; and.b32 %r3, %r3, 3; mul.wide.u32 %rd5, %r3, 4;"
           "add.u64 %rd4, %rd1, %rd2; add.u64 %rd4, %rd4, %rd5; st.global.u32 [%rd4], %r2;",
           "add.u64 %rd4, %rd1, %rd2; ld.global.u32 %r3, [%rd4]; st.global.u32 [%rd4], %r2;",
       }) {
    const uint64_t all = RunOn(1, Kernel(body), SimdLevel::kBaseline).executed;
    for (const uint64_t budget : {uint64_t{1}, all / 3, all - 1, all, all + 1}) {
      EXPECT_EQ(ExpectSame(body, budget).error == "", budget >= all) << body;
    }
  }
}

// Allocations of all sizes that come and go, in memory that is full now and then, written by the
// host, and by launches in each of the ways that there are.
TEST(Beside, AllocationsHoldWhatWasWrittenLast) {
  constexpr uint64_t kMemory = uint64_t{4} << 20;
  const std::string fill = R"(
    ld.param.u32 %r3, [v]; ld.param.u32 %r4, [n]; setp.ge.u32 %p0, %r2, %r4; @%p0 bra END;
    add.u32 %r5, %r2, %r3; )";
  const std::string own = "add.u64 %rd4, %rd1, %rd2; ";
  const std::string hidden =
      "ld.global.u32 %r6, [%rd0]; mad.lo.u32 %r7, %r6, %r6, %r2;"
      "mul.wide.u32 %rd5, %r7, 4; add.u64 %rd4, %rd1, %rd5; ";
  const std::string store = "st.global.u32 [%rd4], %r5; END: ";
  std::string text;
  const std::string bodies[] = {fill + own + store, fill + hidden + store,
                                fill + hidden +
                                    "ld.global.u32 %r8, [%rd4]; and.b32 %r8, %r8, 0;"
                                    "add.u32 %r5, %r5, %r8; " +
                                    store};
  for (size_t i = 0; i < std::size(bodies); ++i) {
    std::string kernel = Kernel(bodies[i]);
    kernel.replace(
        kernel.find("k(.param .u64 x, .param .u64 y"), 30,
        "k" + std::to_string(i) + "(.param .u64 x, .param .u64 y, .param .u32 v, .param .u32 n");
    text += kernel + "\n";
  }
  for (uint32_t seed = 1; seed <= Thinned(8); ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](uint64_t n) { return random() % n; };
    const auto device = NewDevice(BestSimdLevel(), 1 + seed % 4, kMemory);
    const auto module = LoadText(*device, text);
    ASSERT_TRUE(module) << module.error().message;
    const auto zero = device->Allocate(4);
    ASSERT_TRUE(zero);
    std::map<DeviceAddress, Bytes> held;
    uint64_t used = 4;
    for (int turn = 0; turn < 150; ++turn) {
      auto some = held.begin();
      if (!held.empty()) std::advance(some, static_cast<ptrdiff_t>(below(held.size())));
      const uint64_t kind = below(8);
      if (held.empty() || kind < 2) {
        const uint64_t left = kMemory - used;
        const uint64_t sizes[] = {1 + below(5000), cpu::Arena::kLargeBytes + below(3) - 1,
                                  cpu::Arena::kLargeBytes * 2 + below(9000), left};
        const uint64_t size = sizes[below(std::size(sizes))];
        const auto at = device->Allocate(size);
        ASSERT_EQ(at.has_value(), size != 0 && size <= left) << seed << " " << size;
        if (!at) continue;
        used += size;
        some = held.emplace(*at, Bytes(size, 0)).first;
      } else if (kind == 2 || (kind == 3 && below(2) == 0)) {
        ASSERT_TRUE(device->Free(some->first));
        used -= some->second.size();
        held.erase(some);
        continue;
      } else if (kind == 3) {
        for (uint8_t& byte : some->second) byte = static_cast<uint8_t>(random());
        ASSERT_TRUE(device->Write(some->first, some->second));
      } else {
        const uint64_t words = some->second.size() / 4;
        const auto n = static_cast<uint32_t>(below(3) == 0 ? below(words + 1) : words);
        const auto value = static_cast<uint32_t>(random());
        LaunchRequest request;
        request.kernel = "k" + std::to_string(below(std::size(bodies)));
        request.grid = Dim3{n / kThreads + 1, 1, 1};
        request.block = Dim3{kThreads, 1, 1};
        request.params = Params().U64(*zero).U64(some->first).U32(value).U32(n).bytes();
        const auto stats = device->Launch(*module, request, {});
        ASSERT_TRUE(stats) << stats.error().message;
        for (uint32_t i = 0; i < n; ++i) {
          const uint32_t word = value + i;
          std::memcpy(some->second.data() + size_t{i} * 4, &word, 4);
        }
      }
      for (const auto& [address, bytes] : held) {
        if (turn % 10 != 0 && address != some->first) continue;
        Bytes found(bytes.size());
        ASSERT_TRUE(device->Read(address, found));
        ASSERT_TRUE(found == bytes) << "seed " << seed << ", turn " << turn;
      }
    }
  }
}

// What a launch that is stopped has written depends on how far each thread had come.
TEST(Beside, NothingIsReadAfterALaunchThatUsedUpItsBudget) {
  for (const uint32_t threads : {4u, 1u}) {
    const auto device = NewDevice(SimdLevel::kBaseline, threads);
    const Result<ModuleHandle> module = LoadText(*device, Kernel(R"(
      setp.eq.u32 %p0, %r0, 0; @!%p0 bra STORE;
      mov.u32 %r14, 0; WAIT: add.u32 %r14, %r14, 1; setp.ne.u32 %p7, %r14, 0; @%p7 bra WAIT;
      STORE: add.u64 %rd3, %rd1, %rd2; st.global.u32 [%rd3], %r2;)"));
    ASSERT_TRUE(module) << module.error().message;
    const Result<DeviceAddress> x = device->Allocate(kWords * 4);
    const Result<DeviceAddress> y = device->Allocate(kWords * 4);
    ASSERT_TRUE(x && y);
    LaunchRequest request;
    request.kernel = "k";
    request.grid = Dim3{kBlocks, 1, 1};
    request.block = Dim3{kThreads, 1, 1};
    request.params = Params().U64(*x).U64(*y).bytes();
    const LaunchBudget budget{.thread_instructions = 20'000'000};
    EXPECT_EQ(device->Launch(*module, request, budget).error().code, Code::kExhausted);
    Bytes held(kWords * 4);
    const Status read = device->Read(*y, held);
    ASSERT_FALSE(read) << threads << " threads; all as it was: " << (held == Bytes(kWords * 4, 0));
    EXPECT_EQ(read.error().code, Code::kWrongState);
    EXPECT_EQ(device->Launch(*module, request, {}).error().code, Code::kWrongState);
    EXPECT_TRUE(device->Free(*x));
    EXPECT_TRUE(device->Allocate(kWords * 4));
  }
}

// Registers of lanes that are not there hold what other blocks left.
TEST(Beside, NothingComesFromLanesThatAreNotThere) {
  for (const SimdLevel level : Levels()) {
    Bytes first;
    for (const uint32_t threads : {1u, 2u, 2u, 2u, 3u, 8u, 8u}) {
      PtxRun run;
      run.text = R"(.visible .entry k(.param .u64 x) {
        .reg .b64 %rd<4>; .reg .b32 %r<8>; ld.param.u64 %rd0, [x];
        mov.u32 %r0, %ctaid.x; mov.u32 %r1, %tid.x; mad.lo.u32 %r2, %r0, 40, %r1;
        mul.wide.u32 %rd1, %r2, 4; add.u64 %rd1, %rd1, %rd0;
        shfl.sync.down.b32 %r3, %r2, 16, 31, -1; add.u32 %r2, %r2, %r3;
        shfl.sync.bfly.b32 %r4, %r2, 31, 31, -1; add.u32 %r2, %r2, %r4;
        st.global.u32 [%rd1], %r2; ret; })";
      run.grid = Dim3{500, 1, 1};
      run.block = Dim3{40, 1, 1};
      run.buffers = {Bytes(500 * 40 * 4)};
      run.threads = threads;
      run.level = level;
      ASSERT_TRUE(run.Go());
      if (first.empty()) first = run.buffers[0];
      EXPECT_TRUE(run.buffers[0] == first) << threads;
    }
  }
}

// More than the device gives for it: then blocks run in order.
TEST(Beside, WithoutMemoryForUndoingBlocksRunInOrder) {
  const uint64_t words = 3u << 20;
  for (const uint32_t threads : {1u, 2u}) {
    const auto device = NewDevice(SimdLevel::kAvx512, threads, words * 4 + 4096);
    const auto module = LoadText(*device, R"(.visible .entry k(.param .u64 x) {
      .reg .b64 %rd<4>; .reg .b32 %r<4>;
      ld.param.u64 %rd0, [x]; mov.u32 %r0, %ctaid.x; mov.u32 %r1, %tid.x;
      mad.lo.u32 %r0, %r0, 1024, %r1; mul.wide.u32 %rd1, %r0, 4; add.u64 %rd0, %rd0, %rd1;
      ld.global.u32 %r2, [%rd0]; add.u32 %r2, %r2, %r0; st.global.u32 [%rd0], %r2; ret; })");
    ASSERT_TRUE(module);
    const auto address = device->Allocate(words * 4);
    ASSERT_TRUE(address);
    LaunchRequest request;
    request.kernel = "k";
    request.grid = Dim3{static_cast<uint32_t>(words / 1024), 1, 1};
    request.block = Dim3{1024, 1, 1};
    request.params = Params().U64(*address).bytes();
    for (uint32_t turn = 1; turn <= 2; ++turn) {
      const auto stats = device->Launch(*module, request, {});
      ASSERT_TRUE(stats) << stats.error().message;
      Bytes out(words * 4);
      ASSERT_TRUE(device->Read(*address, out));
      const auto values = FromBuffer<uint32_t>(out);
      for (uint32_t i = 0; i < words; ++i) ASSERT_EQ(values[i], turn * i);
    }
  }
}

// What seems to be written only, and is read through a pointer that nothing shows.
TEST(Beside, BlocksMayReadWhatTheySeemToWriteOnly) {
  const std::string hide = R"(
    .local .align 8 .b8 hidden[8]; st.local.u64 [hidden], %rd1; ld.local.u64 %rd7, [hidden];
    add.u64 %rd7, %rd7, %rd2; add.u64 %rd4, %rd1, %rd2;)";
  const Outcome one = ExpectSame(hide + R"(
    st.global.u32 [%rd4], %r2; ld.global.u32 %r3, [%rd7]; add.u32 %r3, %r3, 1;
    st.global.u32 [%rd4], %r3;)");
  for (uint32_t i = 0; i < kWords; ++i) ASSERT_EQ(Words(one, 1)[i], i + 1);
  // The word of the block before: what that block wrote.
  const Outcome chain = ExpectSame(hide + R"(
    ld.global.u32 %r3, [%rd7]; add.u32 %r3, %r3, 1; st.global.u32 [%rd4+256], %r3;)");
  for (uint32_t i = 0; i < kWords; ++i) {
    ASSERT_EQ(Words(chain, 1)[i + kThreads], 0x07070707u + i / kThreads + 1);
  }
  // Atomics read as well.
  const Outcome sum =
      ExpectSame(hide + "atom.global.add.u32 %r3, [%rd7], 5; st.global.u32 [%rd4], %r3;");
  for (uint32_t i = 0; i < kWords; ++i) ASSERT_EQ(Words(sum, 1)[i], 0x07070707u);
}

// A few words of a large buffer, most of it, every other word, and pieces of words: what was not
// written stays.
TEST(Beside, WhatIsWrittenAsideLeavesTheRest) {
  for (const char* body : {
           "add.u64 %rd4, %rd1, %rd2; st.global.u32 [%rd4], %r2;",
           "shl.b64 %rd3, %rd2, 1; add.u64 %rd4, %rd1, %rd3; st.global.u32 [%rd4], %r2;",
           "shl.b64 %rd3, %rd2, 4; add.u64 %rd4, %rd1, %rd3; st.global.v4.u32 [%rd4], {%r2, %r1, "
           "%r0, %r2}; st.global.v2.u32 [%rd4+16], {%r1, %r2}; st.global.v2.u32 [%rd4+32], {%r1, "
           "%r2};",
           "mul.lo.u64 %rd3, %rd2, 15; add.u64 %rd4, %rd1, %rd3; st.global.u8 [%rd4+3], %r2;",
           "setp.eq.u32 %p0, %r0, 5; add.u64 %rd4, %rd1, %rd2; @%p0 st.global.u16 [%rd4+262144], "
           "%r2;",
       }) {
    ExpectSame(body);
  }
}

// Again and again on one device: what was aside last time is the buffer this time.
TEST(Beside, LaunchesFollowEachOther) {
  constexpr uint32_t kAll = cpu::Arena::kLargeBytes / 4 + 900;
  for (const uint32_t threads : {1u, 3u}) {
    const std::unique_ptr<Device> device = NewDevice(SimdLevel::kAvx512, threads);
    const auto module = LoadText(*device, Kernel(R"(
      add.u64 %rd3, %rd0, %rd2; add.u64 %rd4, %rd1, %rd2;
      ld.global.u32 %r3, [%rd3]; add.u32 %r3, %r3, 1; st.global.u32 [%rd4], %r3;)"));
    ASSERT_TRUE(module) << module.error().message;
    std::vector<DeviceAddress> buffers;
    std::vector<std::vector<uint32_t>> expected(2, std::vector<uint32_t>(kAll));
    for (size_t b = 0; b < 2; ++b) {
      for (uint32_t i = 0; i < kAll; ++i) expected[b][i] = i * 7 + static_cast<uint32_t>(b);
      const auto buffer = device->Allocate(kAll * 4);
      ASSERT_TRUE(buffer);
      ASSERT_TRUE(device->Write(*buffer, ToBuffer(expected[b])));
      buffers.push_back(*buffer);
    }
    for (uint32_t turn = 0; turn < 12; ++turn) {
      const size_t from = turn % 3 == 0 ? 0 : 1;
      const uint32_t words = turn % 2 == 0 ? kAll / 64 * 64 : 4096;
      LaunchRequest request;
      request.kernel = "k";
      request.grid = Dim3{words / kThreads, 1, 1};
      request.block = Dim3{kThreads, 1, 1};
      request.params = Params().U64(buffers[from]).U64(buffers[1 - from]).bytes();
      const auto stats = device->Launch(*module, request, {});
      ASSERT_TRUE(stats) << stats.error().message;
      for (uint32_t i = 0; i < words; ++i) expected[1 - from][i] = expected[from][i] + 1;
      if (turn == 5) {  // written by the host in between
        expected[0][77] = 1;
        ASSERT_TRUE(device->Write(buffers[0] + 77 * 4, ToBuffer(std::vector<uint32_t>{1})));
      }
      for (size_t b = 0; b < 2; ++b) {
        Bytes out(kAll * 4);
        ASSERT_TRUE(device->Read(buffers[b], out));
        ASSERT_TRUE(FromBuffer<uint32_t>(out) == expected[b]) << turn << " " << b;
      }
    }
    // Freed memory is zero again, whichever side it was.
    for (const DeviceAddress buffer : buffers) ASSERT_TRUE(device->Free(buffer));
    const auto again = device->Allocate(kAll * 8);
    ASSERT_TRUE(again);
    Bytes out(kAll * 8);
    ASSERT_TRUE(device->Read(*again, out));
    EXPECT_TRUE(out == Bytes(kAll * 8, 0));
  }
}

// ---- the records themselves ----

class Records : public testing::Test {
 protected:
  Records() {
    for (const uint64_t bytes : {kBytes, uint64_t{700}}) EXPECT_TRUE(arena_.Allocate(bytes));
    memory_.allocations = arena_.allocations().data();
    memory_.allocation_count = arena_.allocations().size();
    std::fill_n(Host(), kBytes, uint8_t{9});
  }
  // The first allocation.
  uint8_t* Host() { return arena_.allocations()[0].host; }
  Bytes Held() { return Bytes(Host(), Host() + kBytes); }
  bool Begin(uint32_t smallest_write, uint64_t budget = 1u << 20) {
    accesses_ = std::make_unique<cpu::Accesses>(budget);
    cpu::Accesses::Expected expected;
    expected.written = {cpu::kGlobalBase};
    return accesses_->Begin(memory_, arena_, smallest_write, 3, expected);
  }
  // An access to the first allocation.
  bool Note(size_t thread, uint64_t offset, uint32_t bytes, bool write) {
    uint8_t notes = 0;
    const cpu::Touch touch = write ? cpu::Touch::kWrite : cpu::Touch::kRead;
    return accesses_->Of(thread).Note(0, cpu::kGlobalBase + offset, bytes, touch, &notes);
  }

  static constexpr uint64_t kBytes = 9000;
  cpu::Arena arena_{1 << 20};
  cpu::Memory memory_ = {};
  std::unique_ptr<cpu::Accesses> accesses_ = nullptr;
};

TEST_F(Records, OnlyWhatAnotherWroteConflicts) {
  for (const uint32_t smallest : {1u, 2u, 4u}) {
    ASSERT_TRUE(Begin(smallest));
    for (uint32_t at = 0; at < 8192; at += 4) {
      ASSERT_TRUE(Note(at / 4 % 3, at, smallest, true));
      ASSERT_TRUE(Note(at / 4 % 3, at, smallest, false));
    }
    EXPECT_FALSE(accesses_->Conflict());
    ASSERT_TRUE(Note(2, 4096, 4, false));  // the first thread's
    EXPECT_TRUE(accesses_->Conflict());
    accesses_->End();
    EXPECT_FALSE(accesses_->Conflict());
    for (const size_t thread : {0u, 1u, 2u}) ASSERT_TRUE(Note(thread, 100, 16, false));
    EXPECT_FALSE(accesses_->Conflict());
    ASSERT_TRUE(Note(1, 4092, 8, true));  // of two pages
    ASSERT_TRUE(Note(0, 4100 - smallest, smallest, true));
    EXPECT_TRUE(accesses_->Conflict());
  }
}

TEST_F(Records, UndoingRestoresWhatStoodThereFirst) {
  ASSERT_TRUE(Begin(4));
  const Bytes before = Held();
  for (const size_t thread : {2u, 0u, 1u}) {
    ASSERT_TRUE(Note(thread, 4090, 12, true));
    std::fill_n(Host() + 4090, 12, static_cast<uint8_t>(thread));
  }
  accesses_->Undo();
  EXPECT_EQ(Held(), before);
  ASSERT_TRUE(Note(0, 0, 4, true));
  *Host() = 1;
  accesses_->Undo();
  EXPECT_EQ(Held(), before);
}

TEST_F(Records, WritesElsewhereAreASurprise) {
  ASSERT_TRUE(Begin(4));
  uint8_t notes = 0;
  const uint64_t elsewhere = arena_.allocations()[1].begin;
  EXPECT_TRUE(accesses_->Of(1).Note(1, elsewhere, 4, cpu::Touch::kRead, &notes));
  EXPECT_EQ(notes & cpu::kNoteReads, 0);
  EXPECT_FALSE(accesses_->stopped());
  EXPECT_FALSE(accesses_->Of(1).Note(1, elsewhere, 4, cpu::Touch::kWrite, &notes));
  EXPECT_EQ(accesses_->why(), cpu::Accesses::Stopped::kWrittenToo);
  EXPECT_EQ(accesses_->surprise(), elsewhere);
}

// Where there was no memory for a launch's registers it never came to an end.
TEST_F(Records, WhatWasBegunAndNotEndedLeavesNothing) {
  const Result<uint64_t> large = arena_.Allocate(cpu::Arena::kLargeBytes);
  ASSERT_TRUE(large);
  memory_.allocations = arena_.allocations().data();
  memory_.allocation_count = arena_.allocations().size();
  cpu::Accesses accesses(1u << 20);
  cpu::Accesses::Expected expected;
  expected.written = {*large};
  ASSERT_TRUE(accesses.Begin(memory_, arena_, 4, 2, expected));
  ASSERT_NE(accesses.Of(0).AsideOf(2), nullptr);
  expected.read = {*large};
  ASSERT_TRUE(accesses.Begin(memory_, arena_, 4, 2, expected));
  ASSERT_EQ(accesses.Of(0).AsideOf(2), nullptr);
  uint8_t notes = 0;
  ASSERT_TRUE(accesses.Of(0).Note(2, *large, 4, cpu::Touch::kWrite, &notes));
  uint8_t* const host = arena_.allocations()[2].host;
  *host = 1;
  accesses.Undo();
  EXPECT_EQ(*host, 0);
}

TEST_F(Records, NoMoreMemoryThanTheyMayTake) {
  ASSERT_TRUE(Begin(4, 70'000));
  ASSERT_TRUE(Note(0, 0, 4, false));
  EXPECT_FALSE(Note(1, 0, 4, true));
  EXPECT_EQ(accesses_->why(), cpu::Accesses::Stopped::kNoMemory);
}

}  // namespace
}  // namespace souk::gpu::cpu_test
