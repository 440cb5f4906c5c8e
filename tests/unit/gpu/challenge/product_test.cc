#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>

#include "gpu/challenge/device_product.h"
#include "gpu/challenge/kernels.h"
#include "gpu/challenge/plan.h"
#include "gpu/challenge/verify.h"
#include "gpu/cpu/cpu_device.h"
#include "gpu/cpu/supported.h"
#include "gpu/ptx/classify.h"
#include "gpu/ptx/module.h"
#include "unit/gpu/challenge/honest.h"

namespace souk::gpu {
namespace {

std::unique_ptr<Device> Reference(uint64_t bytes) {
  CpuDeviceOptions options;
  options.memory_bytes = bytes;
  return MakeCpuDevice(options);
}

Status GoOn() {
  return Ok();
}

TEST(DeviceProduct, IsTheProductThatTheHostComputes) {
  for (const uint32_t size : {64u, 128u, 256u}) {
    const auto device = Reference(uint64_t{64} << 20);
    auto product = DeviceProduct::Load(*device, size);
    ASSERT_TRUE(product) << product.error().message;
    const auto root = product->Commit(TestSeed(size), GoOn);
    ASSERT_TRUE(root) << root.error().message;
    const Rows expected = HostProduct(TestSeed(size), size);
    EXPECT_EQ(*root, TreeOf(expected).root());
    std::vector<uint32_t> rows(size);
    for (uint32_t i = 0; i < size; ++i) rows[i] = i;
    const auto opening = product->Open(rows);
    ASSERT_TRUE(opening) << opening.error().message;
    for (const OpenedRow& row : opening->rows) EXPECT_EQ(row.elements, expected[row.row]);
  }
}

TEST(DeviceProduct, PassesTheVerifiersCheck) {
  constexpr uint32_t kSize = 256;
  const auto device = Reference(uint64_t{64} << 20);
  auto product = DeviceProduct::Load(*device, kSize);
  ASSERT_TRUE(product);
  const auto root = product->Commit(TestSeed(), GoOn);
  ASSERT_TRUE(root);
  const Digest secret = NumberedDigest("secret", 1), challenge = NumberedDigest("challenge", 1);
  const ProductClaim claim = {challenge, TestSeed(), kSize, *root,
                              ChosenRows(secret, challenge, kSize, 64)};
  const auto opening = product->Open(claim.rows);
  ASSERT_TRUE(opening);
  const Status checked = CheckOpening(claim, secret, EncodeOpening(*opening));
  EXPECT_TRUE(checked) << checked.error().message;
}

TEST(DeviceProduct, TakesTheMemoryThatThePlanSays) {
  const auto enough = Reference(ProductBytes(256));
  auto product = DeviceProduct::Load(*enough, 256);
  ASSERT_TRUE(product);
  EXPECT_TRUE(product->Commit(TestSeed(), GoOn));
  const auto scarce = Reference(ProductBytes(256) - 4096);
  auto starved = DeviceProduct::Load(*scarce, 256);
  ASSERT_TRUE(starved);
  EXPECT_EQ(starved->Commit(TestSeed(), GoOn).error().code, Code::kExhausted);
}

TEST(DeviceProduct, GivesItsMemoryBack) {
  const auto device = Reference(ProductBytes(128));
  for (int round = 0; round < 3; ++round) {
    auto product = DeviceProduct::Load(*device, 128);
    ASSERT_TRUE(product);
    EXPECT_TRUE(product->Commit(TestSeed(), GoOn)) << round;
  }
}

TEST(DeviceProduct, EndsWhenItIsNotWantedAnyMore) {
  const auto device = Reference(uint64_t{64} << 20);
  auto product = DeviceProduct::Load(*device, 256);
  ASSERT_TRUE(product);
  const auto root =
      product->Commit(TestSeed(), [] { return Error(Code::kUnavailable, "cancelled"); });
  ASSERT_FALSE(root);
  EXPECT_EQ(root.error().message, "cancelled");
}

TEST(DeviceProduct, OpensNothingThatIsNotThere) {
  const auto device = Reference(uint64_t{64} << 20);
  auto product = DeviceProduct::Load(*device, 64);
  ASSERT_TRUE(product);
  const std::vector<uint32_t> first = {0}, beyond = {64};
  EXPECT_EQ(product->Open(first).error().code, Code::kWrongState);
  ASSERT_TRUE(product->Commit(TestSeed(), GoOn));
  EXPECT_EQ(product->Open(beyond).error().code, Code::kInvalidArgument);
  EXPECT_EQ(DeviceProduct::Load(*device, 96).error().code, Code::kInvalidArgument);
}

// Every result is fixed by the ISA, on every device.
TEST(ChallengeKernels, AreExact) {
  auto parsed = ptx::Parse(ChallengeKernels());
  ASSERT_TRUE(parsed) << parsed.error().message;
  const auto canonical = ptx::Canonicalize(std::move(*parsed));
  ASSERT_TRUE(canonical) << canonical.error().message;
  const auto reports = ptx::ReportAll(*canonical, cpu::WhyUnsupported);
  EXPECT_EQ(reports.size(), 3u);
  for (const ptx::KernelReport& report : reports) {
    EXPECT_EQ(report.verdict.cls, ptx::Class::kExact) << report.name << ": " << report.verdict.why;
    EXPECT_TRUE(report.unsupported.empty()) << report.name;
  }
}

TEST(DeviceProduct, IsDoneWithinTheDeadlineOfTheReference) {
  const auto device = Reference(uint64_t{64} << 20);
  const auto plan = PlanChallenge({"cpu", device->info().name, device->info().memory_bytes}, {});
  ASSERT_TRUE(plan);
  auto product = DeviceProduct::Load(*device, plan->size);
  ASSERT_TRUE(product);
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(product->Commit(TestSeed(), GoOn));
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begun);
  std::printf("n = %u: %lld ms of %llu\n", plan->size, static_cast<long long>(took.count()),
              static_cast<unsigned long long>(plan->deadline_ms));
  EXPECT_LT(static_cast<uint64_t>(took.count()), plan->deadline_ms);
}

}  // namespace
}  // namespace souk::gpu
