#include "gpu/workload/schedule.h"

#include <gtest/gtest.h>

#include <bit>

#include "unit/gpu/workload/sample.h"

namespace souk::gpu {
namespace {

std::vector<ScheduledLaunch> All(const Workload& workload) {
  EXPECT_TRUE(CheckWorkload(workload)) << CheckWorkload(workload).error().message;
  Schedule schedule(workload);
  std::vector<ScheduledLaunch> launches;
  while (true) {
    Result<std::optional<ScheduledLaunch>> next = schedule.Next();
    EXPECT_TRUE(next) << next.error().message;
    if (!next || !*next) return launches;
    launches.push_back(std::move(**next));
  }
}

// The sample with its first launch's argument n replaced.
Result<std::optional<ScheduledLaunch>> FirstWith(size_t n, Argument argument) {
  Workload workload = SampleWorkload();
  workload.steps[0].launch->arguments[n] = std::move(argument);
  EXPECT_TRUE(CheckWorkload(workload));
  return Schedule(workload).Next();
}

TEST(Schedule, RunsLoopsInOrderWithTheirVariables) {
  const Workload workload = SampleWorkload();  // which the launches point into
  const std::vector<ScheduledLaunch> launches = All(workload);
  ASSERT_EQ(launches.size(), 7u);
  EXPECT_EQ(*CountLaunches(workload.steps), 7u);
  EXPECT_EQ(launches[0].launch->kernel, "init");
  const uint32_t expected[] = {0, 1, 2, 10, 11, 12};
  for (size_t i = 0; i < 6; ++i) {
    const ScheduledLaunch& launch = launches[i + 1];
    EXPECT_EQ(launch.index, i + 1);
    EXPECT_EQ(launch.launch->kernel, "step");
    EXPECT_EQ(GetLe<uint32_t>(launch.arguments[2].bytes.data()), expected[i]);
    const double rate = std::bit_cast<double>(GetLe<uint64_t>(launch.arguments[3].bytes.data()));
    EXPECT_EQ(rate, i < 3 ? 1.0 : 0.5);
    EXPECT_EQ(launch.arguments[0].offset_bytes, 4 * (i % 3));
  }
}

TEST(Schedule, SwapsBuffersAfterEachIterationForAllThatFollows) {
  const Workload workload = SampleWorkload();
  const std::vector<ScheduledLaunch> launches = All(workload);
  // Inner swaps after each of 3, outer once more after each of 2: a b a | a b a, then even again.
  const uint32_t first[] = {0, 1, 0, 0, 1, 0};
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(launches[i + 1].arguments[0].buffer, first[i]) << i;
    EXPECT_EQ(launches[i + 1].arguments[1].buffer, 1 - first[i]) << i;
  }
  Schedule schedule(workload);
  while (*schedule.Next()) continue;
  EXPECT_EQ(schedule.bindings(), (std::vector<uint32_t>{0, 1, 2, 3}));
}

TEST(Schedule, LeavesAnOddNumberOfSwapsStanding) {
  Workload workload = SampleWorkload();
  workload.steps[1].loop->count = 1;
  workload.steps[1].loop->swaps.clear();
  Schedule schedule(workload);
  while (*schedule.Next()) continue;
  EXPECT_EQ(schedule.bindings(), (std::vector<uint32_t>{1, 0, 2, 3}));
}

TEST(Schedule, GivesIntegersTheirWidthAndRefusesWhatDoesNotFit) {
  const auto integer = [](uint8_t width, bool is_signed, int64_t value) {
    return FirstWith(1, Argument{.kind = ArgumentKind::kInteger,
                                 .width = width,
                                 .is_signed = is_signed,
                                 .value = Expression::Integer(value)});
  };
  EXPECT_EQ((*integer(2, true, -2))->arguments[1].bytes, (Bytes{0xfe, 0xff}));
  EXPECT_EQ((*integer(1, false, 255))->arguments[1].bytes, (Bytes{0xff}));
  EXPECT_EQ((*integer(8, true, INT64_MIN))->arguments[1].bytes.size(), 8u);
  for (const auto& [width, is_signed, value] : {std::tuple<uint8_t, bool, int64_t>{1, false, 256},
                                                {1, false, -1},
                                                {1, true, 128},
                                                {1, true, -129},
                                                {2, false, 65536},
                                                {4, false, int64_t{1} << 32},
                                                {4, true, int64_t{1} << 31},
                                                {8, false, -1}}) {
    const auto launch = integer(width, is_signed, value);
    ASSERT_FALSE(launch) << value;
    EXPECT_EQ(launch.error().code, Code::kOverflow);
  }
}

TEST(Schedule, RefusesFloatsForIntegersAndFloatsBeyondTheirType) {
  const auto value = [](ArgumentKind kind, Expression expression) {
    return FirstWith(1, Argument{.kind = kind, .width = 4, .value = std::move(expression)});
  };
  EXPECT_EQ(value(ArgumentKind::kInteger, Expression::Float(1)).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(value(ArgumentKind::kFloat, Expression::Float(3.5e38)).error().code, Code::kOverflow);
  const auto largest = value(ArgumentKind::kFloat, Expression::Float(3.4028235e38));
  EXPECT_EQ((*largest)->arguments[1].bytes, (Bytes{0xff, 0xff, 0x7f, 0x7f}));
}

TEST(Schedule, RefusesOffsetsOutsideTheirBuffer) {
  const auto at = [](int64_t offset) {
    return FirstWith(
        0, Argument{
               .kind = ArgumentKind::kPointer, .buffer = 0, .value = Expression::Integer(offset)});
  };
  EXPECT_EQ((*at(63))->arguments[0].offset_bytes, 252u);
  EXPECT_EQ((*at(64))->arguments[0].offset_bytes, 256u);  // the end is an address too
  EXPECT_FALSE(at(65));
  EXPECT_FALSE(at(-1));
  EXPECT_FALSE(at(INT64_MAX));
}

TEST(Schedule, NamesTheLaunchAndArgumentThatFail) {
  const auto launch = FirstWith(
      1, Argument{.kind = ArgumentKind::kInteger, .width = 1, .value = Expression::Integer(1000)});
  ASSERT_FALSE(launch);
  EXPECT_EQ(launch.error().message, "launch 1 (init), argument 2: 1000 does not fit u8");
}

}  // namespace
}  // namespace souk::gpu
