// Providers that cheat (R7), against sampled replay: how often each is caught, beside what the
// samples say it should be. SOUK_ADVERSARY_JOBS: jobs of each.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "gpu/ptx/module.h"
#include "gpu/workload/fault.h"
#include "gpu/workload/npy.h"
#include "unit/gpu/workload/forged_run.h"

namespace souk::gpu {
namespace {

constexpr uint32_t kBlocks = 40;  // of each launch
constexpr uint32_t kThreads = 64;
constexpr uint32_t kElements = kBlocks * kThreads;
constexpr uint32_t kLaunches = 2;
constexpr uint64_t kSampledBlocks = 8;
constexpr uint64_t kSampledWords = 16;

// x[i] = x[i] * a + b sixteen times in single precision; then with other numbers. `other` is what a
// provider could run instead.
std::string Kernels(int rounds) {
  std::string body;
  for (int i = 0; i < rounds; ++i) body += "fma.rn.f32 %f1, %f1, %f2, %f3;\n";
  return ".version 6.3\n.target sm_50\n.address_size 64\n.visible .entry step(.param .u64 "
         "step_param_0, .param .f32 step_param_1)\n{\n.reg .b32 %r<5>;\n.reg .f32 %f<4>;\n.reg "
         ".b64 "
         "%rd<5>;\nld.param.u64 %rd1, [step_param_0];\nld.param.f32 %f2, [step_param_1];\n"
         "cvta.to.global.u64 %rd2, %rd1;\nmov.u32 %r1, %ctaid.x;\nmov.u32 %r2, %ntid.x;\nmov.u32 "
         "%r3, %tid.x;\nmad.lo.s32 %r4, %r1, %r2, %r3;\nmul.wide.u32 %rd3, %r4, 4;\nadd.s64 %rd4, "
         "%rd2, %rd3;\nld.global.f32 %f1, [%rd4];\nmov.f32 %f3, 0f3F9D70A4;\n" +
         body + "st.global.f32 [%rd4], %f1;\nret;\n}\n";
}

struct Task {
  Workload workload = {};
  MemoryBlobs blobs = {};
};

Task MakeTask(uint32_t seed, int rounds = 16) {
  Task task;
  auto module = ptx::Parse(Kernels(rounds));
  auto canonical = ptx::Canonicalize(std::move(*module));
  task.workload.name = "cheat";
  task.workload.modules = {task.blobs.Add(ToBytes(AsBytes(ptx::Write(*canonical))))};
  Bytes npy = NpyHeaderFor(DType::kF32, {kElements});
  std::mt19937 random(seed);
  for (uint32_t i = 0; i < kElements; ++i) {
    PutLe(npy, static_cast<uint32_t>(0x3f000000 + random() % 0x800000));
  }
  Buffer buffer;
  buffer.name = "x";
  buffer.shape = {kElements};
  buffer.input = task.blobs.Add(std::move(npy));
  task.workload.buffers = {buffer};
  for (uint32_t i = 0; i < kLaunches; ++i) {
    KernelLaunch launch;
    launch.kernel = "step";
    launch.grid = {kBlocks, 1, 1};
    launch.block = {kThreads, 1, 1};
    Argument x;
    x.kind = ArgumentKind::kPointer;
    x.value = Expression::Integer(0);
    Argument a;
    a.kind = ArgumentKind::kFloat;
    a.width = 4;
    a.value = Expression::Float(0.75 + 0.125 * i);
    launch.arguments = {x, a};
    Step step;
    step.launch = launch;
    task.workload.steps.push_back(step);
  }
  task.workload.outputs = {{0, "x.npy", ""}};
  task.workload.limits = {
      .memory_bytes = 1 << 20, .milliseconds = 60'000, .thread_instructions = uint64_t{1} << 40};
  task.workload.commit_interval = 1;
  task.workload.keep_states = true;
  return task;
}

using States = std::vector<HostBuffers>;

struct Adversary {
  const char* name;
  // From the honest states to those that it claims.
  void (*cheat)(States& states, const Task& task, std::mt19937& random);
  double computed;
};

void PutElement(HostBuffers& state, uint32_t element, const HostBuffers& from) {
  std::copy_n(from[0].begin() + element * 4, 4, state[0].begin() + element * 4);
}

void ReturnsZeros(States& states, const Task&, std::mt19937&) {
  for (size_t i = 1; i < states.size(); ++i) states[i][0].assign(states[i][0].size(), 0);
}

// Blocks of the last launch that it leaves out keep what stood there before.
void SkipsATenthOfTheBlocks(States& states, const Task&, std::mt19937& random) {
  std::vector<uint32_t> blocks(kBlocks);
  for (uint32_t b = 0; b < kBlocks; ++b) blocks[b] = b;
  std::shuffle(blocks.begin(), blocks.end(), random);
  for (uint32_t k = 0; k < kBlocks / 10; ++k) {
    for (uint32_t t = 0; t < kThreads; ++t) {
      PutElement(states.back(), blocks[k] * kThreads + t, states[states.size() - 2]);
    }
  }
}

void ComputesInHalfPrecision(States& states, const Task&, std::mt19937&) {
  for (size_t i = 1; i < states.size(); ++i) {
    for (size_t at = 0; at < states[i][0].size(); at += 4) {
      // Eleven bits of significand, as binary16 has.
      const uint32_t bits = GetLe<uint32_t>(&states[i][0][at]) + 0x1000;
      Bytes rounded;
      PutLe(rounded, bits & ~uint32_t{0x1fff});
      std::copy(rounded.begin(), rounded.end(), states[i][0].begin() + static_cast<ptrdiff_t>(at));
    }
  }
}

void ReplaysAnOldResult(States& states, const Task&, std::mt19937& random) {
  Task old = MakeTask(static_cast<uint32_t>(random()));
  const auto before = HonestStates(old.workload, old.blobs);
  for (size_t i = 1; i < states.size(); ++i) states[i] = (*before)[i];
}

void SwapsTheKernel(States& states, const Task& task, std::mt19937&) {
  Task cheap = MakeTask(0, 1);
  cheap.workload.buffers = task.workload.buffers;
  for (const auto& [digest, bytes] : task.blobs.all()) cheap.blobs.Add(bytes);
  const auto cheaper = HonestStates(cheap.workload, cheap.blobs);
  for (size_t i = 1; i < states.size(); ++i) states[i] = (*cheaper)[i];
}

void TampersWithOneWord(States& states, const Task&, std::mt19937& random) {
  const size_t element = random() % kElements;
  states.back()[0][4 * element] ^= 1;
}

double OfBlocks(uint64_t bad) {
  return CatchProbability(uint64_t{kBlocks} * kLaunches, bad, kSampledBlocks);
}
double OfWords(uint64_t bad) {
  return CatchProbability(uint64_t{kElements} * kLaunches, bad, kSampledWords);
}

TEST(Adversary, IsCaughtAsOftenAsTheSamplesSay) {
  const char* const wished = std::getenv("SOUK_ADVERSARY_JOBS");
  const int jobs = wished != nullptr ? std::atoi(wished) : 60;
  const Adversary adversaries[] = {
      {"returns zeros", &ReturnsZeros, 1},
      {"skips 10 % of the blocks", &SkipsATenthOfTheBlocks, OfBlocks(kBlocks / 10)},
      {"computes in lower precision", &ComputesInHalfPrecision, 1},
      {"replays an old result", &ReplaysAnOldResult, 1},
      {"swaps the kernel", &SwapsTheKernel, 1},
      // Its block is run where it is drawn, or a word of it.
      {"tampers with one word", &TampersWithOneWord,
       1 - (1 - OfBlocks(1)) * (1 - OfWords(kThreads))},
  };
  std::printf("%-28s %8s %8s %8s\n", "adversary", "jobs", "caught", "computed");
  for (const Adversary& adversary : adversaries) {
    int caught = 0;
    for (int job = 0; job < jobs; ++job) {
      std::mt19937 random(static_cast<uint32_t>(job) * 7919 + 1);
      Task task = MakeTask(static_cast<uint32_t>(job));
      auto states = HonestStates(task.workload, task.blobs);
      ASSERT_TRUE(states) << states.error().message;
      adversary.cheat(*states, task, random);
      const ForgedRun run = Claimed(task.workload, *states);
      const auto file = StatesFile::Open(run.states, task.workload);
      ASSERT_TRUE(file) << file.error().message;
      ReplayOptions options;
      options.blocks = kSampledBlocks;
      options.words = kSampledWords;
      options.seed = static_cast<uint64_t>(job) * 104729 + 17;
      const auto report = Replay(task.workload, task.blobs, run.claim, &*file, options);
      ASSERT_TRUE(report) << report.error().message;
      ASSERT_FALSE(report->whole);
      caught += report->agrees() ? 0 : 1;
    }
    const double rate = static_cast<double>(caught) / jobs;
    std::printf("%-28s %8d %7.1f%% %7.1f%%\n", adversary.name, jobs, 100 * rate,
                100 * adversary.computed);
    const double sigma = std::sqrt(adversary.computed * (1 - adversary.computed) / jobs);
    EXPECT_NEAR(rate, adversary.computed, 4 * sigma + 1e-9) << adversary.name;
  }
}

TEST(Adversary, NoneIsSeenInAnHonestRun) {
  for (uint32_t job = 0; job < 20; ++job) {
    Task task = MakeTask(job);
    const auto states = HonestStates(task.workload, task.blobs);
    ASSERT_TRUE(states);
    const ForgedRun run = Claimed(task.workload, *states);
    const auto file = StatesFile::Open(run.states, task.workload);
    ASSERT_TRUE(file);
    const auto sampled = Replay(task.workload, task.blobs, run.claim, &*file, {.seed = job});
    ASSERT_TRUE(sampled) << sampled.error().message;
    EXPECT_TRUE(sampled->agrees());
    EXPECT_EQ(sampled->blocks_checked, 64u);
    EXPECT_EQ(sampled->words_checked, 64u);
    const auto whole = Replay(task.workload, task.blobs, run.claim, &*file, {.check = true});
    ASSERT_TRUE(whole);
    EXPECT_TRUE(whole->agrees());
    EXPECT_TRUE(whole->check->clean());
    const auto fault = FindFault(task.workload, task.blobs, run.claim, &*file);
    ASSERT_TRUE(fault);
    EXPECT_FALSE(*fault);
  }
}

TEST(Adversary, IsAlwaysConvictedByTheWholeLaunchInCheckingMode) {
  for (const auto cheat : {&ReturnsZeros, &SkipsATenthOfTheBlocks, &ComputesInHalfPrecision,
                           &ReplaysAnOldResult, &SwapsTheKernel, &TampersWithOneWord}) {
    for (uint32_t job = 0; job < 4; ++job) {
      std::mt19937 random(job);
      Task task = MakeTask(job);
      auto states = HonestStates(task.workload, task.blobs);
      ASSERT_TRUE(states);
      cheat(*states, task, random);
      const ForgedRun run = Claimed(task.workload, *states);
      const auto file = StatesFile::Open(run.states, task.workload);
      ASSERT_TRUE(file);
      // With the states a step is opened; without them an output.
      for (const StatesFile* kept : {&*file, static_cast<const StatesFile*>(nullptr)}) {
        const auto fault = FindFault(task.workload, task.blobs, run.claim, kept);
        ASSERT_TRUE(fault) << fault.error().message;
        ASSERT_TRUE(*fault);
        EXPECT_EQ((*fault)->output.empty(), kept != nullptr);
        const Status proven = CheckFault(task.workload, task.blobs, run.claim, **fault);
        EXPECT_TRUE(proven) << proven.error().message;
        // The same evidence convicts nobody who was honest.
        Task honest = MakeTask(job);
        const auto right = HonestStates(honest.workload, honest.blobs);
        const ForgedRun truth = Claimed(honest.workload, *right);
        EXPECT_FALSE(CheckFault(honest.workload, honest.blobs, truth.claim, **fault));
      }
    }
  }
}

TEST(Adversary, AFaultIsLookedForNoLongerThanAsked) {
  Task task = MakeTask(1);
  auto states = HonestStates(task.workload, task.blobs);
  ASSERT_TRUE(states);
  std::mt19937 random(1);
  TampersWithOneWord(*states, task, random);
  const ForgedRun run = Claimed(task.workload, *states);
  std::vector<uint64_t> done;
  FaultOptions options;
  options.progress = [&](const RunProgress& now) {
    EXPECT_EQ(now.launches_total, kLaunches);
    done.push_back(now.launches_done);
    return Ok();
  };
  const auto fault = FindFault(task.workload, task.blobs, run.claim, nullptr, options);
  ASSERT_TRUE(fault && *fault);
  EXPECT_EQ(done, (std::vector<uint64_t>{0, 1, 2}));
  options.milliseconds = 0;
  const Status late = CheckFault(task.workload, task.blobs, run.claim, **fault, options);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kExhausted) << late.error().message;
}

TEST(Adversary, AReplayTakesNoLongerThanAsked) {
  Task task = MakeTask(1);
  const auto states = HonestStates(task.workload, task.blobs);
  ASSERT_TRUE(states);
  const ForgedRun run = Claimed(task.workload, *states);
  const auto file = StatesFile::Open(run.states, task.workload);
  ASSERT_TRUE(file);
  for (const bool whole : {false, true}) {
    std::vector<uint64_t> done;
    ReplayOptions options;
    options.whole = whole;
    options.progress = [&](const RunProgress& now) {
      EXPECT_EQ(now.launches_total, kLaunches);
      done.push_back(now.launches_done);
      return Ok();
    };
    const auto report = Replay(task.workload, task.blobs, run.claim, &*file, options);
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->whole, whole) << report->why_whole;
    ASSERT_EQ(done.size(), kLaunches + 1) << whole;
    EXPECT_EQ(done.front(), 0u);
    EXPECT_EQ(done.back(), kLaunches);
    options.milliseconds = 0;
    const auto late = Replay(task.workload, task.blobs, run.claim, &*file, options);
    ASSERT_FALSE(late) << whole;
    EXPECT_EQ(late.error().code, Code::kExhausted) << late.error().message;
  }
}

TEST(Adversary, MissesAreBoundedAsTheHypergeometricDistributionHasIt) {
  EXPECT_EQ(MostMissed(100, 100, 0.99), 0u);
  EXPECT_EQ(MostMissed(100, 0, 0.99), 100u);
  // One sampled of two: one bad one is missed half of the time.
  EXPECT_EQ(MostMissed(2, 1, 0.99), 1u);
  EXPECT_EQ(MostMissed(2, 1, 0.4), 0u);
  for (const uint64_t checked : {10u, 64u, 300u}) {
    const uint64_t most = MostMissed(1000, checked, 0.99);
    EXPECT_GE(1 - CatchProbability(1000, most, checked), 0.01);
    EXPECT_LT(1 - CatchProbability(1000, most + 1, checked), 0.01);
  }
  EXPECT_NEAR(CatchProbability(10, 3, 4), 1 - 35.0 / 210.0, 1e-9);
}

}  // namespace
}  // namespace souk::gpu
