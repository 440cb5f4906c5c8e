// NaNs, whose bits the ISA leaves open.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/gpu/cpu/checking_support.h"

namespace souk::gpu::cpu_test {
namespace {

// %f0, %d0: a NaN that the kernel makes.
std::string WithNan(const std::string& body) {
  return ".reg .f32 %f<8>; .reg .f64 %d<8>; mov.f32 %f1, 0f7F800000; sub.f32 %f0, %f1, %f1; "
         "mov.f64 %d1, 0d7FF0000000000000; sub.f64 %d0, %d1, %d1; " +
         body;
}

TEST(Checking, FindsNansWhoseBitsTheIsaLeavesOpenWhereTheyAreSeen) {
  for (const char* body :
       {"st.global.f32 [%l1], %f0;", "mov.b32 %r6, %f0; st.global.u32 [%l1], %r6;",
        "add.f32 %f2, %f0, 0f3F800000; st.global.f32 [%l1], %f2;",
        "neg.f32 %f2, %f0; st.global.f32 [%l1], %f2;",
        "abs.f32 %f2, %f0; st.global.f32 [%l1], %f2;",
        "fma.rn.f64 %d2, %d0, %d0, %d1; st.global.f64 [%l0], %d2;",
        "cvt.f64.f32 %d2, %f0; st.global.f64 [%l0], %d2;",
        "min.f64 %d2, %d0, %d0; st.global.f64 [%l0], %d2;",
        "copysign.f32 %f2, %f0, 0f3F800000; st.global.f32 [%l1], %f2;",
        "mov.b64 {%r6, %r7}, %d0; st.global.u32 [%l1], %r6;",
        "mov.b32 %r6, %f0; setp.lt.s32 %p1, %r6, 0; @%p1 exit;",
        ("shl.b32 %r1, %r0, 2; st.shared.f32 [%r1], %f0; ld.shared.f32 %f3, [%r1]; st.global.f32 "
         "[%l1], %f3;"),
        // The lower word of a double is no number of its own.
        ("shl.b32 %r1, %r0, 3; st.shared.f64 [%r1], %d0; ld.shared.f32 %f3, [%r1]; setp.lt.f32 "
         "%p1, %f3, 0f00000000; @%p1 exit;"),
        // Its sign, and the rest of what it carries.
        "mov.b64 {%r6, %r7}, %d0; st.global.u32 [%l1], %r7;",
        "mov.b64 {%r6, %r7}, %d0; setp.lt.s32 %p1, %r7, 0; @%p1 exit;",
        "mov.b32 %r6, %f0; slct.u32.s32 %r7, 1, 2, %r6; st.global.u32 [%l1], %r7;",
        "mov.b32 %r6, %f0; and.b32 %r6, %r6, 0x3fffff; setp.eq.u32 %p1, %r6, 0; @%p1 exit;",
        "mov.b32 %r6, %f0; shr.u32 %r6, %r6, 23; st.global.u32 [%l1], %r6;",
        "copysign.f32 %f2, %f0, 0f3F800000; min.f32 %f3, %f2, %f0; st.global.f32 [%l1], %f3;",
        "mov.b32 %r6, %f0; min.s32 %r7, %r6, 5; st.global.u32 [%l1], %r7;",
        // Not the one that decides, but what it chooses.
        "slct.f32.f32 %f2, %f1, %f0, %f0; st.global.f32 [%l1], %f2;",
        "mov.b64 {%r6, %r7}, %d0; mov.b64 %d2, {%r7, %r6}; setp.nan.f64 %p1, %d2, %d2; @%p1 exit;",
        "mov.b32 %r6, %f0; shfl.sync.bfly.b32 %r1, %r6, 1, 31, -1; st.global.u32 [%l1], %r1;",
        "cvt.rn.f16.f32 %h1, %f0; st.global.b16 [%l1], %h1;",
        "mov.b16 %h1, 0x7C00; sub.f16 %h2, %h1, %h1; st.global.b16 [%l1], %h2;",
        ("mov.b16 %h1, 0x7F80; fma.rn.bf16 %h2, %h1, %h1, %h1; neg.bf16 %h3, %h1; fma.rn.bf16 %h2, "
         "%h2, %h3, %h1; st.global.b16 [%l1], %h2;"),
        "mov.b32 %r6, 0x7C003C00; sub.f16x2 %r7, %r6, %r6; st.global.u32 [%l1], %r7;",
        "mov.b16 %h1, 0x7E01; cvt.f32.f16 %f2, %h1; st.global.f32 [%l1], %f2;",
        "cvt.rn.f16x2.f32 %r6, %f0, %f1; st.global.u32 [%l1], %r6;",
        // Half of a double, read as a number.
        ("mov.b64 %l2, %d0; shl.b32 %r1, %r0, 2; st.shared.u32 [%r1], %l2; ld.shared.f32 %f3, "
         "[%r1]; setp.lt.f32 %p1, %f3, 0f00000000; @%p1 exit;"),
        ("shl.b32 %r1, %r0, 2; st.shared.f32 [%r1], %f0; ld.shared.u32 %l2, [%r1]; mov.b64 %d2, "
         "%l2; "
         "setp.lt.f64 %p1, %d2, 0d0000000000000000; @%p1 exit;"),
        "selp.f32 %f2, %f0, %f1, %p1; st.global.f32 [%l1], %f2;"}) {
    const Checked checked = CheckPtx(WithNan("setp.lt.u32 %p1, %r0, 40; " + std::string(body)));
    EXPECT_THAT(checked.Kinds(), testing::Contains(FindingKind::kUnspecified)) << body;
    if (checked.report.findings.empty()) continue;
    EXPECT_EQ(checked.report.findings[0].first.what, "NaN") << body;
  }
}

// However it is done: by integers, of the words of a double, behind a shuffle of both.
TEST(Checking, ATestForANanDoesNotDependOnItsBits) {
  for (const char* body :
       {("mov.b32 %r6, %f0; and.b32 %r6, %r6, 0x7fffffff; setp.gt.u32 %p1, %r6, 0x7f800000; @%p1 "
         "exit;"),
        ("mov.b32 %r6, %f0; and.b32 %r6, %r6, 0x7fffffff; setp.gt.s32 %p1, %r6, 0x7f800000; "
         "selp.u32 %r7, 1, 2, %p1; st.global.u32 [%l1], %r7;"),
        "mov.b32 %r6, %f0; shl.b32 %r6, %r6, 1; setp.gt.u32 %p1, %r6, 0xff000000; @%p1 exit;",
        "mov.b32 %r6, %f0; add.u32 %r6, %r6, %r6; setp.gt.u32 %p1, %r6, 0xff000000; @%p1 exit;",
        "mov.b32 %r6, %f0; bfe.u32 %r7, %r6, 23, 8; st.global.u32 [%l1], %r7;",
        "mov.b32 %r6, %f0; shr.u32 %r7, %r6, 23; and.b32 %r7, %r7, 255; st.global.u32 [%l1], %r7;",
        "mov.b32 %r6, %f0; and.b32 %r7, %r6, 0x7fffff; setp.ne.s32 %p1, %r7, 0; @%p1 exit;",
        "mov.b32 %r6, %f0; lop3.b32 %r7, %r6, 0x7f800000, 0, 0xc0; st.global.u32 [%l1], %r7;",
        ("mov.b64 {%r6, %r7}, %d0; and.b32 %r7, %r7, 0x7fffffff; setp.gt.u32 %p1, %r7, 0x7ff00000; "
         "@%p1 exit;"),
        "mov.b64 {%r6, %r7}, %d0; and.b32 %r7, %r7, 0x7ff00000; st.global.u32 [%l1], %r7;",
        // What is asked of the lower word no longer matters.
        ("mov.b64 {%r6, %r7}, %d0; and.b32 %r7, %r7, 0xfffff; or.b32 %r7, %r7, %r6; setp.ne.u32 "
         "%p1, %r7, 0; @%p1 exit;"),
        ("mov.b64 %l2, %d0; and.b64 %l2, %l2, 0x7fffffffffffffff; setp.gt.s64 %p1, %l2, "
         "0x7ff0000000000000; @%p1 exit;"),
        ("mov.b64 {%r6, %r7}, %d0; shfl.sync.bfly.b32 %r1, %r6, 1, 31, -1; shfl.sync.bfly.b32 %r2, "
         "%r7, 1, 31, -1; mov.b64 %d2, {%r1, %r2}; max.f64 %d3, %d2, 0d3FF0000000000000; mov.b64 "
         "{%r3, %r4}, %d3; st.global.u32 [%l1], %r4;"),
        // The sign of another on it.
        ("mov.b64 {%r6, %r7}, %d0; and.b32 %r7, %r7, 0x7fffffff; or.b32 %r7, %r7, 0x80000000; "
         "mov.b64 %d2, {%r6, %r7}; setp.nan.f64 %p1, %d2, %d2; @%p1 exit;"),
        "copysign.f64 %d2, 0dBFF0000000000000, %d0; setp.nan.f64 %p1, %d2, %d2; @%p1 exit;",
        ("shl.b32 %r1, %r0, 3; st.shared.f64 [%r1], %d0; ld.shared.v2.u32 {%r6, %r7}, [%r1]; "
         "mov.b64 %d2, {%r6, %r7}; setp.nan.f64 %p1, %d2, %d2; @%p1 exit;"),
        ("shl.b32 %r1, %r0, 3; st.shared.f64 [%r1], %d0; ld.shared.s16 %r6, [%r1+6]; and.b32 %r6, "
         "%r6, 0x7ff0; st.global.u32 [%l1], %r6;"),
        // The upper word of a double that is a NaN is one as a float.
        ("shl.b32 %r1, %r0, 3; st.shared.f64 [%r1], %d0; ld.shared.f32 %f3, [%r1+4]; setp.lt.f32 "
         "%p1, %f3, 0f00000000; @%p1 exit;"),
        "setp.nan.ftz.f32 %p1, %f0, %f0; @%p1 exit;",
        "slct.f32.f32 %f2, %f0, %f1, %f0; st.global.f32 [%l1], %f2;",
        "slct.ftz.u32.f32 %r6, 1, 2, %f0; st.global.u32 [%l1], %r6;",
        "slct.u32.s32 %r6, %r0, 2, 0; st.global.u32 [%l1], %r6;",
        // One NaN fixes what comes out, whatever the sign on the other is (round), and so does an
        // unordered operand (atan2).
        ("copysign.f32 %f2, %f0, 0f3F000000; add.rz.f32 %f3, %f0, %f2; setp.le.f32 %p1, %f3, "
         "0f7F800000; @%p1 exit;"),
        "copysign.f32 %f2, %f0, 0f3F000000; setp.gt.f32 %p1, %f2, %f0; @%p1 exit;",
        ("mov.b32 %r6, %f0; and.b32 %r6, %r6, 0x7fffffff; min.s32 %r7, %r6, 5; st.global.u32 "
         "[%l1], %r7;"),
        // One half of a pair leaves the other alone.
        ("mov.b32 %r6, 0x7C003C00; sub.f16x2 %r7, %r6, %r6; mov.b32 {%h1, %h2}, %r7; st.global.b16 "
         "[%l1], %h1;"),
        ("mov.b32 %r6, 0x7C003C00; sub.f16x2 %r7, %r6, %r6; mov.b32 {%h1, %h2}, %r7; setp.nan.f16 "
         "%p1, %h2, %h2; @%p1 exit;"),
        ("mov.b32 %r6, 0x7C003C00; sub.f16x2 %r7, %r6, %r6; mov.b32 %r5, 0x3C003C00; max.f16x2 "
         "%r7, "
         "%r7, %r5; "
         "st.global.u32 [%l1], %r7;")}) {
    const Checked checked = CheckPtx(WithNan(body));
    EXPECT_TRUE(checked.report.clean()) << body << "\n" << Describe(checked.report);
  }
}

TEST(Checking, ANanIsANumberLikeAnyOther) {
  for (const char* body :
       {"setp.nan.f32 %p1, %f0, %f0; @%p1 exit;", "testp.infinite.f32 %p1, %f0; @%p1 exit;",
        "max.f32 %f2, %f0, 0f3F800000; st.global.f32 [%l1], %f2;",
        "cvt.rzi.s32.f32 %r6, %f0; st.global.u32 [%l1], %r6;",
        "max.NaN.f32 %f2, %f0, 0f3F800000; st.global.f32 [%l1], %f2;",
        ("add.f32 %f2, %f0, %f0; mov.f32 %f3, %f2; setp.gt.f32 %p1, %f3, 0f00000000; selp.f32 %f4, "
         "%f3, %f1, %p1; st.global.f32 [%l1], %f4;"),
        ("shl.b32 %r1, %r0, 2; st.shared.f32 [%r1], %f0; ld.shared.f32 %f3, [%r1]; max.f32 %f3, "
         "%f3, 0f3F800000; st.global.f32 [%l1], %f3;"),
        ("shl.b32 %r1, %r0, 3; st.shared.f64 [%r1], %d0; ld.shared.f64 %d3, [%r1]; setp.nan.f64 "
         "%p1, %d3, %d3; @%p1 exit;"),
        ("mov.b32 %r6, %f0; shfl.sync.bfly.b32 %r1, %r6, 1, 31, -1; mov.b32 %f2, %r1; min.f32 %f2, "
         "%f2, 0f00000000; st.global.f32 [%l1], %f2;"),
        "mov.b16 %h1, 0x7C00; sub.f16 %h2, %h1, %h1; setp.nan.f16 %p1, %h2, %h2; @%p1 exit;",
        ("mov.b16 %h1, 0x7C00; sub.f16 %h2, %h1, %h1; cvt.f32.f16 %f2, %h2; setp.nan.f32 %p1, %f2, "
         "%f2; @%p1 exit;"),
        ("shl.b32 %r1, %r0, 1; cvt.rn.f16.f32 %h1, %f0; st.shared.b16 [%r1], %h1; ld.shared.b16 "
         "%h2, "
         "[%r1]; setp.nan.f16 %p1, %h2, %h2; @%p1 exit;"),
        "add.sat.f32 %f2, %f0, %f0; st.global.f32 [%l1], %f2;"}) {
    const Checked checked = CheckPtx(WithNan(body));
    EXPECT_TRUE(checked.report.clean()) << body << "\n" << Describe(checked.report);
  }
  // What the host gave is fixed, and so is what is only moved.
  const Checked given = CheckedRun{
      .text = CheckedText("ld.global.u32 %r1, [%l1]; st.global.u32 [%l1], %r1;"),
      .block = {32},
      .buffers = {
          Bytes(256, 0xff)}}.Go();
  EXPECT_TRUE(given.report.clean()) << Describe(given.report);
}

}  // namespace
}  // namespace souk::gpu::cpu_test
