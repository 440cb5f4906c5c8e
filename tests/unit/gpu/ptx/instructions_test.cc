// Instructions of families with many rules of their own, judged by ptxas too.
#include <gtest/gtest.h>

#include "gpu/ptx/operation.h"
#include "unit/gpu/ptx/verdicts.h"

namespace souk::ptx {
namespace {

TEST(PtxInstructions, AccessWhatOthersSeeAsVolatileAndWhatDevicesSeeAsMmio) {
  ExpectInstructions(
      {},
      {"ld.volatile.param.u64 %l0, [kp]", "ld.volatile.local.u32 %r0, [lv]",
       "st.volatile.local.u32 [lv], %r0", "st.volatile.param.u32 [pv], %r0",
       "ld.mmio.relaxed.sys.shared.u32 %r0, [sv]",
       "ld.mmio.relaxed.sys.shared::cluster.u32 %r0, [sv]",
       "st.mmio.relaxed.sys.shared.u32 [sv], %r0"},
      {"ld.volatile.global.u32 %r0, [gv]", "ld.volatile.shared.u32 %r0, [sv]",
       "ld.volatile.shared::cluster.u32 %r0, [sv]", "st.volatile.u32 [%l0], %r0",
       "ld.mmio.relaxed.sys.global.u32 %r0, [gv]", "st.mmio.relaxed.sys.u32 [%l0], %r0"});
}

TEST(PtxInstructions, CopyFromGlobalToSharedMemoryAndReadNoMoreThanThat) {
  ExpectInstructions(
      {},
      {"cp.async.ca.global.shared [gv], [sv], 16", "cp.async.cg.global.shared [gv], [sv], 16",
       "cp.async.ca.shared.global [sv], [gv], 4, 8", "cp.async.ca.shared.global [sv], [gv], 8, 9",
       "cp.async.ca.shared.global.L2::cache_hint [sv], [gv], 4, 8, %l0",
       "cp.async.ca.shared::cluster.global [sv], [gv], 16", "cp.async.shared.global [sv], [gv], 16",
       "cp.async.ca.shared.global.foo [sv], [gv], 16", "cp.async.foo", "cp.async.commit_group.foo"},
      {"cp.async.ca.shared.global [sv], [gv], 8, 8", "cp.async.ca.shared.global [sv], [gv], 8, 3",
       "cp.async.ca.shared.global.L2::cache_hint [sv], [gv], 4, 4, %l0",
       "cp.async.ca.shared::cta.global [sv], [gv], 16"});
}

TEST(PtxInstructions, CopyInBulkBySixteens) {
  const std::string load = "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes";
  const std::string store = "cp.async.bulk.global.shared::cta.bulk_group";
  const std::string add = "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.";
  const std::string near =
      "cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes.";
  ExpectInstructions(
      {},
      {load + " [sv], [gv], 15, [sv]",
       load + " [sv], [gv], -16, [sv]",
       load + " [sv], [gv], 1048576, [sv]",
       load + " [sv], [gv], %l0, [sv]",
       load + " [sv], [gv], 16",
       load + " [%r0], [%l0], 16, [gv]",
       load + " [gv], [%l0], 16, [sv]",
       load + " [sv], [sv], 16, [sv]",
       load + ".foo [sv], [gv], 16, [sv]",
       load + ".multicast::cluster [sv], [gv], 16, [sv]",
       load + ".multicast::cluster [sv], [gv], 16, [sv], %r0",
       load + ".L2::cache_hint [sv], [gv], 16, [sv], %r0",
       "cp.async.bulk.shared::cluster.global [sv], [gv], 16, [sv]",
       store + " [gv], [sv], 24",
       store + " [sv], [sv], 16",
       store + " [gv], [gv], 16",
       store + ".cp_mask [gv], [sv], 16, %h0",
       "cp.async.bulk.global.shared.bulk_group [gv], [sv], 16",
       "cp.async.bulk.foo",
       "cp.async.bulk.prefetch.L2.global [gv], 8",
       "cp.async.bulk.prefetch.L2 [gv], 16",
       "cp.async.bulk.wait_group.foo 0",
       add + "u32 [gv], [sv], 12",
       add + "s64 [gv], [sv], 16",
       add + "f16 [gv], [sv], 16",
       near + "add.f32 [sv], [sv], 16, [sv]",
       near + "and.b64 [sv], [sv], 16, [sv]",
       "cp.async.bulk.tensor.2d.global.shared::cta.foo.bulk_group [%l0, {%r1, %r2}], [%r0]"},
      {load + " [sv], [gv], 16, [sv]", load + " [sv], [gv], %r0, [sv]",
       load + " [%r0], [%l0], 1048560, [%r1]",
       load + ".multicast::cluster [sv], [gv], 16, [sv], %h0",
       load + ".multicast::cluster.L2::cache_hint [sv], [gv], 16, [sv], 5, %l0",
       ("cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [sv], [sv], 16, "
        "[sv]"),
       store + ".L2::cache_hint [gv], [sv], 16, %l0", "cp.async.bulk.prefetch.L2.global [gv], 16",
       add + "u32 [gv], [sv], 16", add + "noftz.f16 [gv], [sv], 16", add + "f64 [gv], [sv], 16",
       near + "inc.u32 [sv], [sv], 16, [sv]",
       "cp.async.bulk.tensor.2d.global.shared::cta.tile.bulk_group [%l0, {%r1, %r2}], [%r0]"});
  ExpectInstructions({"9.0", "sm_100a"}, {store + ".cp_mask [gv], [sv], 16, %r0"},
                     {store + ".cp_mask [gv], [sv], 16, %h0"});
}

TEST(PtxInstructions, MoveWholeSpecialRegisters) {
  ExpectInstructions(
      {},
      {"mov.v4.u32 {_, _, _, _}, %tid", "mov.v4.u32 {%r0, %r1}, %tid",
       "mov.v4.u32 {%l0, %l1, %l2, %l3}, %tid", "mov.v4.u32 %r0, %tid",
       ".reg .v4 .f32 v; mov.v4.u32 v, %ntid", "mov.u32 %r0, %tid"},
      {"mov.v4.u32 {%r0, %r1, %r2, %r3}, %tid", "mov.v4.b32 {_, %r1, _, %r3}, %ctaid",
       ".reg .v4 .u32 v; mov.v4.u32 v, %ntid", "@%p0 mov.v4.u32 {%r0, %r1, %r2, %r3}, %nctaid",
       "mov.v4.u32 {%r0, %r1, %r2, %r3}, %cluster_ctaid"});
}

TEST(PtxInstructions, CountEventsUpToFifteen) {
  ExpectInstructions({},
                     {"pmevent 16", "pmevent -1", "pmevent %r0", "pmevent 1, 2",
                      "pmevent.mask 0x10000", "pmevent.mask %r0"},
                     {"pmevent 0", "pmevent 15", "pmevent.mask 0xffff"});
}

TEST(PtxInstructions, ArriveAtBarriersWithCountsWhereThereIsOne) {
  ExpectInstructions(
      {},
      {"mbarrier.arrive.b64 [sv]",
       "mbarrier.arrive.b64 %r0, [sv]",
       "mbarrier.arrive.b64 %d0, [sv]",
       "mbarrier.arrive.b64 %l0, [gv]",
       "mbarrier.arrive.b64 %l0, [%r1]",
       "mbarrier.arrive.b64 %l0, [sv], 0",
       "mbarrier.arrive.b64 %l0, [sv], -5",
       "mbarrier.pending_count.b64 %r0, gv+8",
       "mbarrier.arrive.b64 %l0, [sv], %l1",
       "mbarrier.arrive.b64 %l0, [sv], 1, 2",
       "mbarrier.arrive.shared::cluster.b64 %l0, [%r1]",
       "mbarrier.arrive.noComplete.b64 %l0, [sv]",
       "mbarrier.arrive.noComplete.b64 %l0, [sv], 0",
       "mbarrier.arrive.expect_tx.b64 %l0, [sv]",
       "mbarrier.arrive.expect_tx.b64 _, [sv], 1, 2",
       "mbarrier.arrive_drop.noComplete.b64 %l0, [sv]",
       "mbarrier.expect_tx.b64 [sv]",
       "mbarrier.pending_count.b64 %l0, %l1",
       "mbarrier.pending_count.b64 %r0, %r1",
       "mbarrier.pending_count.b64 _, %l0",
       "mbarrier.foo.b64 [sv]"},
      {"mbarrier.arrive.b64 %l0, [sv]", "mbarrier.arrive.b64 _, [sv], %r0",
       "mbarrier.arrive.shared::cta.b64 %l0, [%r1], 5",
       "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r1], 1",
       "mbarrier.arrive.relaxed.cta.b64 %l0, [sv]",
       "mbarrier.arrive.noComplete.release.cta.b64 %l0, [sv], 1",
       "mbarrier.arrive.expect_tx.b64 _, [sv], 0", "mbarrier.arrive_drop.b64 %l0, [sv], 2",
       "mbarrier.expect_tx.b64 [sv], 16", "mbarrier.pending_count.b64 %r0, %l0"});
  const std::string count = "mbarrier.arrive.b64 %l0, [sv], 1";
  const std::string relaxed = "mbarrier.arrive.relaxed.cta.b64 %l0, [sv]";
  ExpectInstructions({"9.0", "sm_80"}, {count}, {"mbarrier.arrive.b64 %l0, [sv]"});
  ExpectInstructions({"8.5", "sm_90"}, {relaxed}, {count});
  ExpectInstructions({"8.6", "sm_90"}, {}, {relaxed});
}

TEST(PtxInstructions, WaitForAParityOfABitAndOnlyTryForSomeTime) {
  ExpectInstructions(
      {},
      {"mbarrier.test_wait.b64 %p0, [sv], %r0", "mbarrier.test_wait.b64 %p0, [sv]",
       "mbarrier.test_wait.b64 %p0, [sv], gv+8", "mbarrier.test_wait.b64 %p0, [sv], %l0, %r0",
       "mbarrier.test_wait.b64 _, [sv], %l0", "mbarrier.test_wait.b64 %r0, [sv], %l0",
       "mbarrier.test_wait.parity.b64 %p0, [sv], 2", "mbarrier.test_wait.parity.b64 %p0, [sv], -1",
       "mbarrier.test_wait.parity.b64 %p0, [sv], %l0",
       "mbarrier.test_wait.parity.b64 %p0, [sv], 1, 5", "mbarrier.try_wait.b64 %p0, [sv], %l0, %l1",
       "mbarrier.try_wait.b64 %p0, [sv], %l0, 5, 6", "mbarrier.try_wait.parity.b64 %p0, [sv], 2, 5",
       "mbarrier.try_wait.parity.b64 %p0, [sv], %f0"},
      {"mbarrier.test_wait.b64 %p0, [sv], %l0", "mbarrier.test_wait.parity.b64 %p0, [sv], 1",
       "mbarrier.test_wait.parity.acquire.cluster.b64 %p0, [sv], %r0",
       "mbarrier.try_wait.b64 %p0, [sv], %l0, %r0",
       "mbarrier.try_wait.parity.relaxed.cta.b64 %p0, [sv], 0, 5"});
}

TEST(PtxInstructions, FenceWhatTheModifiersNameTogether) {
  const std::string tensormap = "fence.proxy.tensormap::generic.";
  ExpectInstructions(
      {},
      {"fence.foo", "fence", "fence.sc", "fence.sc.gl", "fence.sc.gpu.foo", "fence.proxy",
       "fence.proxy.foo", "fence.proxy.async.shared", "fence.proxy.async 5",
       "fence.acquire.sync_restrict::shared::cta.cluster",
       "fence.release.sync_restrict::shared::cta.gpu", "fence.mbarrier_init.release.gpu",
       "fence.mbarrier_init", tensormap + "release.gpu [%l0], 128",
       tensormap + "acquire.gpu [%l0], 64", tensormap + "acquire.gpu", tensormap + "acq_rel.gpu",
       "fence.proxy.async::generic.acquire.cluster",
       "fence.proxy.async::generic.release.sync_restrict::shared::cluster.cluster"},
      {"fence.gpu", "fence.acquire.sync_restrict::shared::cluster.cluster",
       "fence.mbarrier_init.release.cluster", "fence.proxy.async.shared::cta",
       tensormap + "release.cta", tensormap + "acquire.sys [%l0], 128",
       "fence.proxy.async::generic.release.sync_restrict::shared::cta.cluster"});
}

TEST(PtxInstructions, CreatePoliciesOfAFractionOrARange) {
  const std::string fraction = "createpolicy.fractional.L2::evict_last.";
  const std::string range = "createpolicy.range.global.L2::evict_last.b64 %l0, ";
  ExpectInstructions(
      {"9.0", "sm_80"},
      {"createpolicy.foo %l0",
       "createpolicy.fractional.b64 %l0",
       "createpolicy.fractional.L2::foo.b64 %l0",
       fraction + "b64 %l0, 0.0",
       fraction + "b64 %l0, 1.5",
       fraction + "b64 %l0, 1",
       fraction + "b64 %l0, 1.0, 1.0",
       fraction + "b64 %r0, 1.0",
       fraction + "b64 %d0, 1.0",
       fraction + "b64 _, 1.0",
       fraction + "u64 %l0, 1.0",
       fraction + "L2::evict_normal.b64 %l0, 1.0",
       "createpolicy.fractional.L2::evict_first.L2::evict_last.b64 %l0",
       range + "[%l1], 4096",
       range + "[%l1], gv+8, %r1",
       range + "[%l1], 8192, 4096",
       range + "[sv], %r0, %r1",
       range + "[%l1], %l0, %r1",
       "createpolicy.range.shared.L2::evict_last.b64 %l0, [%l1], %r0, %r1",
       "createpolicy.cvt.b64 %l0, %l1",
       "createpolicy.cvt.L2.b64 %l0, %r1"},
      {fraction + "b64 %l0", fraction + "b64 %l0, 0.5", fraction + "b64 %l0, %f0",
       fraction + "L2::evict_first.b64 %l0, 1.0", range + "[gv], 4096, 8192",
       range + "[%l1], %r0, %r1", "createpolicy.range.L2::evict_unchanged.b64 %l0, [%l1], 0, 0",
       "createpolicy.cvt.L2.b64 %l0, %l1"});
}

TEST(PtxInstructions, HaveNoUnknownWordsInOpenFamilies) {
  for (const char* spelling : {"tex.1d.foo.v4.f32.f32",
                               "tld4.foo.2d.v4.f32.f32",
                               "txq.foo.b32",
                               "suld.b.foo.b32.trap",
                               "sust.b.1d.foo.b32.trap",
                               "suq.foo.b32",
                               "sured.b.add.foo.u32.trap",
                               "wgmma.foo.sync.aligned",
                               "tcgen05.foo",
                               "tensormap.foo.tile.b1024.b64",
                               "multimem.foo.global.add.u32",
                               "red.async.foo.u32",
                               "st.async.foo.b32",
                               "st.bulk.foo",
                               "clusterlaunchcontrol.foo",
                               "ldmatrix.sync.aligned.foo.x1.b16",
                               "stmatrix.sync.aligned.foo.x1.b16",
                               "mma.sync.aligned.foo.row.col.f16.f16.f16.f16",
                               "wmma.foo.sync.aligned.row.m16n16k16.f16",
                               "mma.sync.sync.aligned.m8n8k32.row.col.s32"}) {
    EXPECT_EQ(DecodeOperation(spelling).opcode, Opcode::kUnknown) << spelling;
  }
}

}  // namespace
}  // namespace souk::ptx
