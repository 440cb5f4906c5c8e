#include "gpu/challenge/plan.h"

#include <gtest/gtest.h>

#include "gpu/challenge/matrix.h"

namespace souk::gpu {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

TEST(Int8GigaOps, KnowsModelsByTheirNames) {
  EXPECT_EQ(Int8GigaOps({"cuda", "NVIDIA H200"}), 118'000u);
  EXPECT_EQ(Int8GigaOps({"cuda", "NVIDIA A100-SXM4-80GB"}), 77'000u);
  EXPECT_EQ(Int8GigaOps({"cuda", "NVIDIA A10"}), 62'000u);
  EXPECT_EQ(Int8GigaOps({"cuda", "Tesla T4"}), 32'000u);
  EXPECT_EQ(Int8GigaOps({"cuda", "NVIDIA GeForce RTX 4090"}), 165'000u);
}

TEST(Int8GigaOps, TakesNoModelForOneWhoseNameItOnlyBeginsWith) {
  EXPECT_EQ(Int8GigaOps({"cuda", "NVIDIA A1000"}), 0u);
  EXPECT_EQ(Int8GigaOps({"cuda", "NVIDIA RTX A2000"}), 0u);
  EXPECT_EQ(Int8GigaOps({"cuda", "NVIDIA T400"}), 0u);
}

TEST(Int8GigaOps, GoesByTheClaimedFiguresOtherwise) {
  EXPECT_EQ(Int8GigaOps({"cuda", "a new one", 0, 40'000'000}), 80'000u);
  EXPECT_EQ(Int8GigaOps({"cuda", "a new one"}), 0u);
}

TEST(PlanChallenge, FitsTheDevicesMemoryAndItsTime) {
  const auto h200 = PlanChallenge({"cuda", "NVIDIA H200", 139 * kGiB}, {});
  ASSERT_TRUE(h200);
  EXPECT_EQ(h200->size, 32'768u);
  EXPECT_LT(h200->deadline_ms, 10'000u);
  const auto small = PlanChallenge({"cuda", "NVIDIA H200", 1 * kGiB}, {});
  ASSERT_TRUE(small);
  EXPECT_LE(ProductBytes(small->size), kGiB / 2);
  EXPECT_GT(small->size, 4096u);
  const auto unknown = PlanChallenge({"cuda", "a new one", 8 * kGiB}, {});
  ASSERT_TRUE(unknown);
  EXPECT_GT(unknown->size, 1024u);
  const auto cpu = PlanChallenge({"cpu", "CPU reference", kGiB}, {});
  ASSERT_TRUE(cpu);
  EXPECT_EQ(cpu->size, 512u);
}

TEST(PlanChallenge, GivesASlowerDeviceALongerDeadlineForTheSame) {
  const auto fast = PlanChallenge({"cuda", "NVIDIA H100", 80 * kGiB}, 16'384);
  const auto slow = PlanChallenge({"cuda", "Tesla T4", 16 * kGiB}, 16'384);
  ASSERT_TRUE(fast && slow);
  // What is asked of an H100 a T4 does not do in time, be it at its peak.
  EXPECT_GT(slow->deadline_ms, fast->deadline_ms);
}

TEST(PlanChallenge, RefusesSizesThatCannotBe) {
  for (const uint32_t size : {0u, 1u, 100u, 131'072u}) {
    EXPECT_EQ(PlanChallenge({"cuda", "NVIDIA H200", 139 * kGiB}, size).error().code,
              Code::kInvalidArgument);
  }
  EXPECT_FALSE(PlanChallenge({"cuda", "NVIDIA H200", kGiB}, 65'536)) << "does not fit";
  EXPECT_FALSE(PlanChallenge({"cpu", "CPU reference", kGiB}, 8192)) << "takes too long";
}

}  // namespace
}  // namespace souk::gpu
