// What the checking mode says of its findings, and its bounds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/gpu/cpu/checking_support.h"

namespace souk::gpu::cpu_test {
namespace {

using testing::ElementsAre;

TEST(Checking, NamesLinesThreadsAndPlaces) {
  const Checked checked = CheckedRun{
      .text = CheckedText("add.s32 %r1, %r0, 1;\nst.global.u32 [%l0+8], %r1;"),
      .grid = {2, 3},
      .block = {2, 2},
      .buffers = {Words(8)}}.Go();
  ASSERT_EQ(checked.report.findings.size(), 2u);
  const Finding& race = checked.report.findings[0];
  EXPECT_EQ(race.kind, FindingKind::kRace);
  EXPECT_EQ(race.kernel, "k");
  EXPECT_EQ(race.launch, 0u);
  EXPECT_EQ(race.first.line, 6u);
  EXPECT_EQ(race.first.what, "store");
  EXPECT_EQ(race.first.block, 0u);
  EXPECT_EQ(race.first.thread, 0u);
  EXPECT_EQ(race.second.line, 6u);
  EXPECT_EQ(race.second.block, 0u);
  EXPECT_EQ(race.second.thread, 1u);
  EXPECT_STREQ(race.space, "global");
  EXPECT_EQ(race.allocation, 0u);
  EXPECT_EQ(race.offset, 8u);
  EXPECT_EQ(race.times, 6u * 3);
  EXPECT_EQ(race.grid.y, 3u);
  const Finding& conflict = checked.report.findings[1];
  EXPECT_EQ(conflict.kind, FindingKind::kBlockConflict);
  EXPECT_EQ(conflict.first.block, 0u);
  EXPECT_EQ(conflict.second.block, 1u);
  EXPECT_EQ(conflict.times, 5u);
  EXPECT_EQ(checked.report.distinct, 2u);
}

TEST(Checking, NamesTheVariableAndTheRegisterThatWasNotWritten) {
  const Checked checked = CheckPtx("st.global.u32 [%l1], %r5;");
  ASSERT_EQ(checked.report.findings.size(), 1u);
  EXPECT_EQ(checked.report.findings[0].first.line, 0u);
  EXPECT_EQ(checked.report.findings[0].first.what, "a register that was never written");
  EXPECT_EQ(checked.report.findings[0].times, 32u);
  const Checked load =
      CheckPtx("shl.b32 %r1, %r0, 2;\nld.shared.u32 %r2, [%r1+64];\nst.global.u32 [%l1], %r2;");
  ASSERT_EQ(load.report.findings.size(), 1u);
  EXPECT_EQ(load.report.findings[0].first.line, 6u);
  EXPECT_EQ(load.report.findings[0].second.line, 7u);
  EXPECT_STREQ(load.report.findings[0].space, "shared");
  EXPECT_EQ(load.report.findings[0].offset, 64u);
}

TEST(Checking, ListsTheFirstPairsOfLinesAndCountsTheRest) {
  std::string body;
  for (int i = 0; i < 100; ++i) body += "st.global.u32 [%l0+" + std::to_string(i * 4) + "], 1;\n";
  const Checked checked =
      CheckedRun{.text = CheckedText(body), .block = {32}, .buffers = {Zeros(100)}}.Go();
  EXPECT_EQ(checked.report.findings.size(), 64u);
  EXPECT_EQ(checked.report.distinct, 100u);
}

TEST(Checking, ReportsEveryLaunchUntilItIsAsked) {
  const std::unique_ptr<CheckingDevice> device = MakeCheckingDevice();
  CheckedRun run{
      .text = CheckedText("st.global.u32 [%l0], %r0;"), .block = {1}, .buffers = {Words(8)}};
  ASSERT_TRUE(run.On(*device));
  run.block = {2};
  ASSERT_TRUE(run.On(*device));
  ASSERT_TRUE(run.On(*device));
  const CheckReport report = device->TakeReport();
  EXPECT_EQ(report.launches, 3u);
  ASSERT_EQ(report.findings.size(), 2u) << "of two modules";
  EXPECT_EQ(report.findings[0].launch, 1u);
  EXPECT_EQ(report.findings[0].allocation, 1u);
  EXPECT_TRUE(device->TakeReport().clean());
  EXPECT_EQ(device->TakeReport().launches, 0u);
}

TEST(Checking, RefusesALaunchThatIsTooLargeAndGoesOn) {
  const CheckingOptions small{.record_bytes = 1 << 20};
  const std::unique_ptr<CheckingDevice> device = MakeCheckingDevice(small);
  CheckedRun run{.kernel = "vector_add",
                 .grid = {1024},
                 .block = {128},
                 .buffers = {Zeros(1 << 17), Zeros(1 << 17), Zeros(1 << 17)},
                 .scalars = {1 << 17}};
  const Result<std::vector<Bytes>> after = run.On(*device);
  ASSERT_FALSE(after);
  EXPECT_EQ(after.error().code, Code::kExhausted);
  EXPECT_THAT(after.error().message, testing::HasSubstr("too large to check"));
  run.scalars = {32};
  EXPECT_TRUE(run.On(*device)) << "the records of the launch before were given back";
  EXPECT_TRUE(device->TakeReport().clean());
}

TEST(Checking, RefusesCopiesThatPileUp) {
  const Checked checked =
      CheckedRun{.text = CheckedText("L: cp.async.ca.shared.global [sh], [%l0], 4; bra L;"),
                 .block = {1},
                 .buffers = {Words(8)},
                 .options = {.record_bytes = 1 << 20}}
          .Go();
  ASSERT_TRUE(checked.error);
  EXPECT_EQ(checked.error->code, Code::kExhausted);
}

TEST(Checking, StopsAtTheBudget) {
  const std::unique_ptr<CheckingDevice> device = MakeCheckingDevice();
  const Result<ModuleHandle> module =
      LoadText(*device, ".visible .entry k() { L: bar.warp.sync -1; bra L; }");
  ASSERT_TRUE(module);
  LaunchRequest request;
  request.kernel = "k";
  const Result<LaunchStats> stats = device->Launch(*module, request, {.thread_instructions = 1000});
  ASSERT_FALSE(stats);
  EXPECT_EQ(stats.error().code, Code::kExhausted);
}

TEST(Checking, FaultsWhereAnAddressLeavesItsBufferEvenForAnother) {
  const CheckedRun run{
      .kernel = "beyond", .block = {32}, .buffers = {Words(32), Zeros(128)}, .scalars = {96}};
  const Result<std::vector<Bytes>> plain = run.On(*NewDevice(SimdLevel::kAvx512));
  EXPECT_TRUE(plain) << "the neighbour's bytes: " << plain.error().message;
  const Checked checked = run.Go();
  ASSERT_TRUE(checked.error);
  EXPECT_EQ(checked.error->code, Code::kFault);
}

// The distance between two buffers is known here, and another one elsewhere.
TEST(Checking, FindsABufferThatIsReachedFromAnother) {
  const std::string body = R"(.visible .entry k(.param .u64 a, .param .u64 b, .param .u64 to) {
.reg .b64 %l<9>; .reg .b32 %r<4>; .reg .pred %p;
ld.param.u64 %l0, [a]; ld.param.u64 %l1, [b]; ld.param.u64 %l2, [to];
ld.global.u64 %l3, [%l2]; add.s64 %l4, %l0, %l3; ld.global.u32 %r1, [%l4]; st.global.u32 [%l2+8], %r1;
mov.u32 %r2, %tid.x; setp.eq.u32 %p, %r2, 0; selp.b64 %l5, %l0, %l1, %p; ld.global.u32 %r1, [%l5];
ret; })";
  const std::unique_ptr<CheckingDevice> device = MakeCheckingDevice();
  const Result<ModuleHandle> module = LoadText(*device, body);
  ASSERT_TRUE(module) << module.error().message;
  const DeviceAddress a = *device->Allocate(64);
  const DeviceAddress b = *device->Allocate(64);
  const DeviceAddress to = *device->Allocate(64);
  LaunchRequest request;
  request.kernel = "k";
  request.params = Params().U64(a).U64(b).U64(to).bytes();
  for (const uint64_t distance : {uint64_t{16}, b - a}) {
    ASSERT_TRUE(device->Write(to, ToBuffer(std::vector<uint64_t>{distance})));
    ASSERT_TRUE(device->Launch(*module, request, {}));
    const CheckReport report = device->TakeReport();
    if (distance == 16) {
      EXPECT_TRUE(report.clean()) << Describe(report);
      continue;
    }
    ASSERT_EQ(report.findings.size(), 1u) << Describe(report);
    EXPECT_EQ(report.findings[0].kind, FindingKind::kStrayAddress);
    EXPECT_EQ(report.findings[0].allocation, 1u);
  }
}

TEST(Checking, KeepsWhatItFoundBeforeAFault) {
  const Checked checked = CheckedRun{
      .text = CheckedText("st.global.u32 [%l0], 1; trap;"),
      .block = {32},
      .buffers = {Words(8)}}.Go();
  ASSERT_TRUE(checked.error);
  EXPECT_EQ(checked.error->code, Code::kFault);
  EXPECT_THAT(checked.Kinds(), ElementsAre(FindingKind::kRace));
}

}  // namespace
}  // namespace souk::gpu::cpu_test
