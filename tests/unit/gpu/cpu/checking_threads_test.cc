// Lanes, warps and barriers in checking mode, and what the device chooses of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/gpu/cpu/checking_support.h"

namespace souk::gpu::cpu_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Checked CheckWarps(const std::string& body, uint32_t warps) {
  return CheckedRun{.text = CheckedText("shr.u32 %r7, %r0, 5; setp.lt.u32 %p1, %r7, 2; " + body),
                    .block = {warps * 32},
                    .buffers = {Words(256)}}
      .Go();
}

TEST(Checking, FindsBarriersThatLeaveOpenWhoMeetsWhom) {
  for (const char* body :
       {"bar.sync 1, 64;", "bar.red.popc.u32 %r1, 1, 64, %p1; st.global.u32 [%l1], %r1;",
        "@%p1 bar.sync 1, 64; @!%p1 bar.sync 1, 64;",
        "@!%p1 bar.arrive 1, 64; @%p1 bar.sync 1, 64;"}) {
    const Checked four = CheckWarps(body, 4);
    EXPECT_THAT(four.Kinds(), testing::Contains(FindingKind::kOpenBarrier)) << body;
    EXPECT_THAT(CheckWarps("bar.sync 1, 64;", 2).Kinds(), IsEmpty());
  }
  // Different counts.
  EXPECT_THAT(CheckWarps("@%p1 bar.sync 1, 128; @!%p1 bar.sync 1, 96;", 4).Kinds(),
              testing::Contains(FindingKind::kOpenBarrier));
  // Two pairs with two barriers; with one barrier and all between them.
  EXPECT_THAT(CheckWarps("@%p1 bar.sync 1, 64; @!%p1 bar.sync 2, 64;", 4).Kinds(), IsEmpty());
  EXPECT_THAT(CheckWarps("@%p1 bar.sync 1, 64; bar.sync 0; @!%p1 bar.sync 1, 64;", 4).Kinds(),
              IsEmpty());
}

TEST(Checking, FindsLanesThatAWarpBarrierDoesNotName) {
  EXPECT_THAT(CheckPtx("bar.warp.sync 0xffff;").Kinds(),
              testing::Contains(FindingKind::kAbsentLane));
  EXPECT_THAT(CheckPtx("bar.warp.sync -1;").Kinds(), IsEmpty());
}

TEST(Checking, FindsLanesThatPartWhereTheyArePromisedNotTo) {
  for (const char* body :
       {"setp.lt.u32 %p2, %r0, 7; @%p2 bra.uni L; st.global.u32 [%l1], 1; L:",
        "setp.lt.u32 %p2, %r0, 7; @%p2 ret.uni;",
        "T: .branchtargets A, B; and.b32 %r1, %r0, 1; brx.idx.uni %r1, T; A: B:"}) {
    EXPECT_THAT(CheckPtx(body).Kinds(), ElementsAre(FindingKind::kUnspecified)) << body;
  }
  for (const char* body : {"setp.lt.u32 %p2, %r0, 32; @%p2 bra.uni L; st.global.u32 [%l1], 1; L:",
                           "bra.uni L; L:", "setp.lt.u32 %p2, %r0, 0; @%p2 ret.uni;",
                           "T: .branchtargets A, B; mov.u32 %r1, 1; brx.idx.uni %r1, T; A: B:"}) {
    EXPECT_THAT(CheckPtx(body).Kinds(), IsEmpty()) << body;
  }
}

TEST(Checking, FindsWhatTheDeviceChooses) {
  for (const char* body :
       {"mov.u32 %r1, %warpid; st.global.u32 [%l1], %r1;",
        "mov.u32 %r1, %smid; setp.eq.u32 %p1, %r1, 0; @%p1 bra L; st.global.u32 [%l1], 1; L:",
        "mov.u32 %r1, %nsmid; st.global.u32 [%l1], %r1;", "activemask.b32 %r1; bar.warp.sync %r1;",
        "elect.sync %r1|%p1, -1; @%p1 st.global.u32 [%l0], 1;"}) {
    EXPECT_THAT(CheckPtx(body, "sm_90").Kinds(), ElementsAre(FindingKind::kDeviceChoice)) << body;
  }
  EXPECT_TRUE(CheckPtx("mov.u32 %r1, %smid; mov.u32 %r2, %laneid; st.global.u32 [%l1], %r2;")
                  .report.clean());
}

TEST(Checking, FindsLanesThatMeetAtDifferentInstructionsOrAreNotNamed) {
  for (const char* body :
       {("setp.lt.u32 %p1, %r0, 9; @%p1 bra L; shfl.sync.idx.b32 %r1, %r0, 0, 31, -1; bra M; "
         "L: shfl.sync.idx.b32 %r1, %r0, 3, 31, -1; M: st.global.u32 [%l1], %r1;"),
        "vote.sync.any.pred %p1, 1, 0x7fffffff;", "match.any.sync.b32 %r1, %r0, 0xfffffffe;",
        ("setp.lt.u32 %p1, %r0, 31; @!%p1 exit; shfl.sync.down.b32 %r1, %r0, 1, 31, -1; "
         "st.global.u32 [%l1], %r1;")}) {
    EXPECT_THAT(CheckPtx(body).Kinds(), ElementsAre(FindingKind::kAbsentLane)) << body;
  }
  // Exited lanes may be named, and what comes from them dropped.
  EXPECT_TRUE(CheckPtx("setp.lt.u32 %p1, %r0, 31; @!%p1 exit; shfl.sync.down.b32 %r1, %r0, 1, 31, "
                       "-1; setp.lt.u32 %p1, %r0, 30; @%p1 st.global.u32 [%l1], %r1;")
                  .report.clean());
}

TEST(Checking, OrdersLanesThatMeetAtDifferentWarpBarriers) {
  const std::string meet =
      "shl.b32 %r1, %r0, 2; st.shared.u32 [%r1], %r0; setp.lt.u32 %p1, %r0, 16; @%p1 bra L; "
      "bar.warp.sync -1; bra M; L: bar.warp.sync ";
  const std::string read =
      "; M: xor.b32 %r1, %r1, 64; ld.shared.u32 %r2, [%r1]; st.global.u32 [%l1], %r2;";
  EXPECT_TRUE(CheckPtx(meet + "-1" + read).report.clean());
  EXPECT_THAT(CheckPtx("shl.b32 %r1, %r0, 2; st.shared.u32 [%r1], %r0; setp.lt.u32 %p1, %r0, 16; "
                       "@%p1 bra L; bar.warp.sync 0xffff0000; bra M; L: bar.warp.sync 0xffff" +
                       read)
                  .Kinds(),
              testing::Contains(FindingKind::kRace));
}

TEST(Checking, FollowsGenericAddressesToTheirWindow) {
  const std::string body =
      "cvta.shared.u64 %l2, 0; mul.wide.u32 %l3, %r0, 4; add.s64 %l3, %l3, %l2; st.u32 [%l3], "
      "%r0; ";
  const std::string read =
      "xor.b32 %r1, %r0, 1; shl.b32 %r1, %r1, 2; ld.shared.u32 %r2, [%r1]; st.global.u32 [%l1], "
      "%r2;";
  EXPECT_THAT(CheckPtx(body + read).Kinds(), ElementsAre(FindingKind::kRace));
  EXPECT_THAT(CheckPtx(body + "bar.sync 0; " + read).Kinds(), IsEmpty());
}

TEST(Checking, TakesACopysSourceToBeReadUntilItsThreadHasWaited) {
  const std::string copy = "shl.b32 %r1, %r0, 2; cp.async.ca.shared.global [%r1], [%l1], 4; ";
  const std::string use =
      "cp.async.wait_all; ld.shared.u32 %r2, [%r1]; st.global.u32 [%l1+128], %r2;";
  EXPECT_THAT(CheckPtx(copy + use).Kinds(), IsEmpty());
  EXPECT_THAT(CheckPtx(copy + "st.global.u32 [%l1], 5; " + use).Kinds(),
              ElementsAre(FindingKind::kRace));
  EXPECT_THAT(CheckPtx(copy + "st.shared.u32 [%r1], 5; " + use).Kinds(),
              ElementsAre(FindingKind::kRace));
}

}  // namespace
}  // namespace souk::gpu::cpu_test
