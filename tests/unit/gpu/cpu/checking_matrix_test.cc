// Matrix instructions in checking mode.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/gpu/cpu/checking_support.h"

namespace souk::gpu::cpu_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Each lane writes 8 bytes of sh.
const std::string kFill =
    "shl.b32 %r1, %r0, 3; mov.b64 %l2, {%r0, %r0}; st.shared.u64 [%r1], %l2; ";
const std::string kLoadA = "wmma.load.a.sync.aligned.row.m16n16k16.shared.s8 {%r2, %r3}, [%r8]; ";
const std::string kSquare =
    "mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%r4, %r5}, {%r2}, {%r3}, {%r2, %r3}; ";

TEST(Checking, FollowsMatrixInstructions) {
  const std::string store = "st.global.u32 [%l1], %r4;";
  EXPECT_THAT(CheckPtx(kFill + "bar.warp.sync -1; " + kLoadA + kSquare + store).Kinds(), IsEmpty());
  EXPECT_THAT(CheckPtx(kFill + kLoadA + kSquare + store).Kinds(), ElementsAre(FindingKind::kRace));
  EXPECT_THAT(CheckPtx(kLoadA + kSquare + store).Kinds(), ElementsAre(FindingKind::kUninitialised));
  EXPECT_THAT(CheckPtx("mov.u32 %r2, 1; " + kSquare + store).Kinds(),
              ElementsAre(FindingKind::kUninitialised));
  EXPECT_THAT(CheckPtx("mov.u32 %r2, 1; " + kSquare).Kinds(), IsEmpty());
}

// The rest of a product of what kLoadA has loaded.
std::string Product(const std::string& sums, const std::string& before) {
  return "{ .reg .b32 %b<2>, %c<8>, %q; " + before +
         "wmma.load.b.sync.aligned.col.m16n16k16.shared.s8 {%b0, %b1}, [%r8]; "
         "wmma.mma.sync.aligned.row.col.m16n16k16.s32.s8.s8.s32 {%c0, %c1, %c2, %c3, %c4, %c5, "
         "%c6, "
         "%c7}, {%r2, %r3}, {%b0, %b1}, " +
         sums +
         "; wmma.store.d.sync.aligned.row.m16n16k16.global.s32 [%l0], {%c0, %c1, %c2, %c3, %c4, "
         "%c5, %c6, %c7}; }";
}

TEST(Checking, FindsResultsThatDependOnWhereTheDevicePutsAMatrix) {
  const std::string load = kFill + "bar.warp.sync -1; " + kLoadA;
  const std::string sums = "{%c0, %c1, %c2, %c3, %c4, %c5, %c6, %c7}";
  const auto kinds = [&](const std::string& values, const std::string& before) {
    CheckedRun run{.text = CheckedText(load + Product(values, before)), .block = {32}};
    run.buffers = {Words(256)};
    const Checked checked = run.Go();
    EXPECT_FALSE(checked.error) << checked.error->message;
    return checked.Kinds();
  };
  std::string zeros = "mov.u32 %c0, 0; ";
  for (const char* c : {"%c1", "%c2", "%c3", "%c4", "%c5", "%c6", "%c7"}) {
    zeros += std::string("mov.u32 ") + c + ", %c0; ";
  }
  EXPECT_THAT(kinds(sums, zeros), IsEmpty());
  EXPECT_THAT(kinds(sums, "ld.global.u32 %c0, [%l0+12]; bar.warp.sync -1; " +
                              zeros.substr(zeros.find(';') + 1)),
              IsEmpty());
  // The same in all lanes, or from a matrix; not now in some.
  const std::vector<FindingKind> choice = {FindingKind::kDeviceChoice};
  EXPECT_EQ(kinds(sums, zeros + "mov.u32 %c3, %r0; "), choice);
  EXPECT_EQ(kinds(sums, zeros + "setp.lt.u32 %p1, %r0, 9; @%p1 mov.u32 %c3, 0; "), choice);
  EXPECT_EQ(kinds(sums, zeros + "setp.lt.u32 %p1, %r0, 9; @%p1 bra L; mov.u32 %c3, 0; L: "),
            choice);
  EXPECT_EQ(kinds("{%r0, %c1, %c2, %c3, %c4, %c5, %c6, %c7}", zeros), choice);
  // A register of A, and sums in another order.
  const std::string loaded =
      "wmma.load.c.sync.aligned.row.m16n16k16.global.s32 " + sums + ", [%l0]; ";
  EXPECT_THAT(kinds(sums, loaded), IsEmpty());
  for (const std::string values :
       {"{%r2, %c1, %c2, %c3, %c4, %c5, %c6, %c7}", "{%c1, %c0, %c2, %c3, %c4, %c5, %c6, %c7}"}) {
    const Checked checked = CheckedRun{
        .text = CheckedText(load + Product(values, loaded)),
        .block = {32},
        .buffers = {Words(256)}}.Go();
    ASSERT_TRUE(checked.error) << values;
    EXPECT_EQ(checked.error->code, Code::kUnsupported) << checked.error->message;
  }
}

// Rows are undefined one by one: lanes 0 to 7 have written those of the first matrix.
TEST(Checking, FollowsTheRowsOfLdmatrix) {
  const std::string first =
      "and.b32 %r1, %r0, 15; mad.lo.u32 %r1, %r1, 16, %r8; setp.lt.u32 %p1, %r0, 8; mov.b64 %l2, "
      "{%r0, %r0}; @%p1 st.shared.v2.u64 [%r1], {%l2, %l2}; ";
  for (const char* transposed : {"", ".trans"}) {
    const std::string load = std::string("ldmatrix.sync.aligned.m8n8.x2") + transposed +
                             ".shared.b16 {%r2, %r3}, [%r1]; ";
    const std::string synced = first + "bar.warp.sync -1; " + load;
    EXPECT_THAT(CheckPtx(synced + "st.global.u32 [%l1], %r2;").Kinds(), IsEmpty());
    EXPECT_THAT(CheckPtx(synced + "st.global.u32 [%l1], %r3;").Kinds(),
                ElementsAre(FindingKind::kUninitialised));
  }
}

}  // namespace
}  // namespace souk::gpu::cpu_test
