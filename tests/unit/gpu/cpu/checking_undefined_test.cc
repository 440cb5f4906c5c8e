// What was never written, and decides something.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/gpu/cpu/checking_support.h"

namespace souk::gpu::cpu_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Checking, FindsRegistersThatWereNeverWrittenWhereTheyDecide) {
  for (const char* body :
       {"st.global.u32 [%l1], %r5;", "add.s32 %r6, %r5, 1; st.global.u32 [%l1], %r6;",
        "mov.b32 %r6, %r5; mov.b32 %r7, %r6; st.global.u32 [%l1], %r7;",
        "@%p1 st.global.u32 [%l1], 1;",
        "@%p1 bra L; st.global.u32 [%l1], 1; L:", "@%p1 exit; st.global.u32 [%l1], 1;",
        "setp.lt.u32 %p1, %r5, 4; selp.u32 %r6, 1, 2, %p1; st.global.u32 [%l1], %r6;",
        "mov.u32 %r6, 1; @%p1 mov.u32 %r6, 2; st.global.u32 [%l1], %r6;",
        "setp.lt.u32 %p1, %r0, 9; @%p1 mov.u32 %r6, 2; st.global.u32 [%l1], %r6;",
        ("cvt.u64.u32 %l2, %r5; and.b64 %l2, %l2, 4; add.s64 %l2, %l2, %l0; ld.global.u32 %r1, "
         "[%l2];"),
        "mov.b64 %l2, {%r0, %r5}; st.global.u64 [%l0], %l2;",
        "setp.eq.u32 %p2, %r0, 0; @!%p2 exit; red.global.add.u32 [%l0], %r5;",
        ("shl.b32 %r1, %r0, 2; st.shared.u32 [%r1], %r5; ld.shared.u32 %r2, [%r1]; st.global.u32 "
         "[%l1], %r2;"),
        "shfl.sync.bfly.b32 %r1, %r5, 1, 31, -1; st.global.u32 [%l1], %r1;",
        "vote.sync.any.pred %p2, %p1, -1; selp.u32 %r1, 1, 2, %p2; st.global.u32 [%l1], %r1;",
        "bar.red.popc.u32 %r1, 0, %p1; st.global.u32 [%l1], %r1;", "bar.warp.sync %r5;",
        "add.cc.u32 %r1, %r5, %r5; addc.u32 %r2, 0, 0; st.global.u32 [%l1], %r2;"}) {
    const Checked checked = CheckPtx(body);
    ASSERT_THAT(checked.Kinds(), testing::Contains(FindingKind::kUninitialised)) << body;
    EXPECT_EQ(checked.report.findings[0].second.line, 5u) << body;
  }
}

TEST(Checking, LetsUndefinedValuesBeMovedAndDropped) {
  for (const char* body :
       {"mov.b32 %r6, %r5; add.s32 %r6, %r6, %r5; shl.b32 %r1, %r0, 2; st.shared.u32 [%r1], %r6;",
        "setp.lt.u32 %p1, %r0, 99; selp.u32 %r6, %r0, %r5, %p1; st.global.u32 [%l1], %r6;",
        "setp.lt.u32 %p1, %r0, 9; @%p1 mov.u32 %r6, 2; @%p1 st.global.u32 [%l1], %r6;",
        "add.s32 %r6, %r5, 1; mov.u32 %r6, 3; st.global.u32 [%l1], %r6;",
        "shfl.sync.bfly.b32 %r1, %r5, 1, 31, -1; mov.u32 %r1, 1; st.global.u32 [%l1], %r1;",
        ("{ .local .b64 x; ld.local.u64 %l2, [x]; st.local.u32 [x], %r0; ld.local.u32 %r1, [x]; "
         "st.global.u32 [%l1], %r1; }")}) {
    const Checked checked = CheckPtx(body);
    EXPECT_TRUE(checked.report.clean()) << body << "\n" << Describe(checked.report);
  }
}

TEST(Checking, OneOperandOfAnAndMayDecideAlone) {
  for (const char* body : {"setp.lt.u32 %p2, %r0, 0; and.pred %p3, %p1, %p2; @%p3 exit;",
                           "setp.lt.u32 %p2, %r0, 99; or.pred %p3, %p2, %p1; @%p3 exit;",
                           "and.b32 %r6, %r5, 0; st.global.u32 [%l1], %r6;",
                           "or.b32 %r6, -1, %r5; st.global.u32 [%l1], %r6;"}) {
    const Checked checked = CheckPtx(body);
    EXPECT_TRUE(checked.report.clean()) << body << "\n" << Describe(checked.report);
  }
  for (const char* body :
       {"setp.lt.u32 %p2, %r0, 99; and.pred %p3, %p1, %p2; @%p3 exit;",
        "setp.lt.u32 %p2, %r0, 0; or.pred %p3, %p2, %p1; @%p3 exit;",
        "and.pred %p3, %p1, %p1; @%p3 exit;", "and.b32 %r6, %r5, 1; st.global.u32 [%l1], %r6;"}) {
    EXPECT_THAT(CheckPtx(body).Kinds(), testing::Contains(FindingKind::kUninitialised)) << body;
  }
}

TEST(Checking, FindsWhatFnsLeavesOpen) {
  EXPECT_THAT(
      CheckPtx("mov.u32 %r1, 40; fns.b32 %r2, -1, %r1, 1; st.global.u32 [%l1], %r2;").Kinds(),
      ElementsAre(FindingKind::kUnspecified));
  EXPECT_THAT(
      CheckPtx("mov.u32 %r1, 4; fns.b32 %r2, -1, %r1, 1; st.global.u32 [%l1], %r2;").Kinds(),
      IsEmpty());
}

// ISA rem leaves it to the machine, but CUDA C++'s % is rem, and C++ says what it gives.
TEST(Checking, ARemainderOfANegativeNumberIsFixed) {
  EXPECT_THAT(CheckPtx("rem.s32 %r1, -7, 3; st.global.u32 [%l1], %r1;").Kinds(), IsEmpty());
  EXPECT_THAT(
      CheckPtx("sub.s32 %r1, %r0, 40; rem.s32 %r1, 9, %r1; st.global.u32 [%l1], %r1;").Kinds(),
      IsEmpty());
  EXPECT_THAT(
      CheckPtx("sub.s32 %r1, %r0, 9; rem.s32 %r1, -7, %r1; st.global.u32 [%l1], %r1;").Kinds(),
      ElementsAre(FindingKind::kUnspecified));
}

// printf("%d %f", …) of a list that `fill` writes, at %l3; %l1: the thread's own 16 bytes.
Checked CheckPrint(const std::string& fill, const std::string& format = "37,100,32,37,102,0") {
  const std::string text =
      ".version 8.0\n.target sm_80\n.address_size 64\n"
      ".extern .func (.param .b32 r) vprintf(.param .b64 f, .param .b64 a);\n"
      ".global .align 1 .b8 text[] = {" +
      format +
      "};\n.visible .entry k(.param .u64 p) { .local .align 8 .b8 list[16]; .reg .b32 %r<9>; .reg "
      ".b64 %l<9>; .reg .f64 %d<3>; .reg .pred %p<3>; ld.param.u64 %l1, [p]; mov.u64 %l3, list; "
      "cvta.local.u64 %l4, %l3; cvta.global.u64 %l5, text; mov.u32 %r0, %tid.x; mul.wide.u32 %l6, "
      "%r0, 16; add.s64 %l1, %l1, %l6;\n" +
      fill +
      "\n{ .param .b64 f; .param .b64 a; .param .b32 r; st.param.b64 [f], %l5; st.param.b64 [a], "
      "%l4; call.uni (r), vprintf, (f, a); }\nret; }";
  Checked checked = CheckedRun{.text = text, .block = {32}, .buffers = {Words(256)}}.Go();
  EXPECT_FALSE(checked.error) << checked.error->message;
  return checked;
}

TEST(Checking, FindsUndefinedValuesThatArePrinted) {
  const std::string number = "st.local.u32 [%l3], %r0; ";
  const std::string both = number + "mov.f64 %d0, 0d3FF0000000000000; st.local.f64 [%l3+8], %d0;";
  // Between the two lie four bytes that nobody writes or reads.
  EXPECT_THAT(CheckPrint(both).Kinds(), IsEmpty());
  EXPECT_THAT(CheckPrint(number, "37,100,0").Kinds(), IsEmpty());
  EXPECT_THAT(CheckPrint("", "37,37,0").Kinds(), IsEmpty());
  const Checked half = CheckPrint(number);
  ASSERT_THAT(half.Kinds(), ElementsAre(FindingKind::kUninitialised));
  EXPECT_EQ(half.report.findings[0].second.what, "printf: what is printed");
  for (const char* body : {"st.local.u32 [%l3], %r5;", "st.local.u16 [%l3], %r0;",
                           ("setp.lt.u32 %p1, %r0, 9; @%p1 "
                            "st.local.u32 [%l3], 1;")}) {
    EXPECT_THAT(CheckPrint(body, "37,100,0").Kinds(), ElementsAre(FindingKind::kUninitialised))
        << body;
  }
  EXPECT_THAT(CheckPrint("@%p1 exit;" + both).Kinds(), ElementsAre(FindingKind::kUninitialised));
  EXPECT_THAT(CheckPrint(both + "add.s64 %l4, %l4, %l8;").Kinds(),
              ElementsAre(FindingKind::kUninitialised));
  // Nor is a string read that another thread writes.
  const std::string text_of_neighbour =
      "st.global.u32 [%l1], 65; add.s64 %l2, %l1, 16; setp.eq.u32 %p1, %r0, 31; @%p1 mov.u64 %l2, "
      "%l1; cvta.global.u64 %l2, %l2; st.local.u64 [%l3], %l2;";
  EXPECT_THAT(CheckPrint(text_of_neighbour, "37,115,0").Kinds(), ElementsAre(FindingKind::kRace));
}

// In a loop an inlined body has the registers of the turn before.
TEST(Checking, ACallsRegistersAreNew) {
  const auto check = [](const std::string& callee) {
    const std::string text =
        ".version 8.0\n.target sm_80\n.address_size 64\n.func (.reg .u32 r) f(.reg .u32 n) { .reg "
        ".u32 %a<4>; .reg .pred %p<2>; setp.eq.u32 %p0, n, 0; " +
        callee +
        " ret; }\n.visible .entry k(.param .u64 p) { .reg .pred %p<2>; .reg .u32 %r<4>; .reg .u64 "
        "%l0; ld.param.u64 %l0, [p]; mov.u32 %r0, 0;\nAGAIN: call (%r1), f, (%r0);\n"
        "st.global.u32 [%l0], %r1; add.u32 %r0, %r0, 1; setp.lt.u32 %p0, %r0, 3; @%p0 bra AGAIN; "
        "ret; }";
    return CheckedRun{.text = text, .block = {1}, .buffers = {Words(64)}}.Go();
  };
  EXPECT_THAT(check("@%p0 mov.u32 %a1, 5; mov.u32 r, %a1;").Kinds(),
              ElementsAre(FindingKind::kUninitialised));
  EXPECT_THAT(check("@%p0 mov.u32 r, 5;").Kinds(), ElementsAre(FindingKind::kUninitialised));
  EXPECT_THAT(check("mov.u32 %a1, 5; add.u32 r, %a1, n;").Kinds(), IsEmpty());
  EXPECT_THAT(check("@%p0 mov.u32 %a1, 5; @!%p0 mov.u32 %a1, 6; mov.u32 r, %a1;").Kinds(),
              IsEmpty());
}

TEST(Checking, ACallsVariablesAreNew) {
  const auto check = [](const std::string& callee) {
    const std::string text =
        ".version 8.0\n.target sm_80\n.address_size 64\n.func (.param .b32 r) f(.param .b32 n) { "
        ".local .align 4 .b8 keep[16]; .reg .u32 %a<4>; .reg .pred %p<2>; ld.param.u32 %a0, [n]; "
        "setp.eq.u32 %p0, %a0, 0; mov.u32 %a1, 5; " +
        callee +
        " ret; }\n.visible .entry k(.param .u64 p) { .reg .pred %p<2>; .reg .u32 %r<4>; .reg .u64 "
        "%l0; .param .b32 arg; .param .b32 res; ld.param.u64 %l0, [p]; mov.u32 %r0, 0;\nAGAIN: "
        "st.param.b32 [arg], %r0; call (res), f, (arg); ld.param.b32 %r1, [res]; "
        "st.global.u32 [%l0], %r1; add.u32 %r0, %r0, 1; setp.lt.u32 %p0, %r0, 3; @%p0 bra AGAIN; "
        "ret; }";
    return CheckedRun{.text = text, .block = {1}, .buffers = {Words(64)}}.Go().Kinds();
  };
  EXPECT_THAT(check("@%p0 st.param.b32 [r], %a1;"), ElementsAre(FindingKind::kUninitialised));
  EXPECT_THAT(check("@%p0 st.local.u32 [keep+4], %a1; ld.local.u32 %a2, [keep+4]; st.param.b32 "
                    "[r], %a2;"),
              ElementsAre(FindingKind::kUninitialised));
  EXPECT_THAT(check("st.local.u32 [keep+4], %a0; ld.local.u32 %a2, [keep+4]; st.param.b32 [r], "
                    "%a2;"),
              IsEmpty());
}

TEST(Checking, ACallLeavesTheCarryFlagOpen) {
  const auto check = [](const std::string& body) {
    const std::string text =
        ".version 8.0\n.target sm_80\n.address_size 64\n.func f() { .reg .u32 %a<3>; mov.u32 %a0, "
        "1; add.cc.u32 %a1, %a0, %a0; addc.u32 %a2, %a1, 0; ret; }\n.visible .entry k(.param .u64 "
        "p) { .reg .u32 %r<4>; .reg .u64 %l0; ld.param.u64 %l0, [p]; mov.u32 %r0, -1; " +
        body + " st.global.u32 [%l0], %r2; ret; }";
    return CheckedRun{.text = text, .block = {1}, .buffers = {Words(64)}}.Go().Kinds();
  };
  EXPECT_THAT(check("add.cc.u32 %r1, %r0, %r0; call f; addc.u32 %r2, 0, 0;"),
              ElementsAre(FindingKind::kUninitialised));
  EXPECT_THAT(check("call f; add.cc.u32 %r1, %r0, %r0; addc.u32 %r2, 0, 0;"), IsEmpty());
}

TEST(Checking, FindsUnwrittenBytesOfAWord) {
  EXPECT_THAT(CheckPtx("shl.b32 %r1, %r0, 2; st.shared.u16 [%r1], %r0; ld.shared.u32 %r2, [%r1]; "
                       "st.global.u32 [%l1], %r2;")
                  .Kinds(),
              ElementsAre(FindingKind::kUninitialised));
  EXPECT_THAT(CheckPtx("{ .local .align 8 .b8 x[8]; st.local.u32 [x], %r0; ld.local.v2.u32 {%r1, "
                       "%r2}, [x]; st.global.u32 [%l1], %r1; }")
                  .Kinds(),
              IsEmpty());
  EXPECT_THAT(CheckPtx("{ .local .align 8 .b8 x[8]; st.local.u32 [x], %r0; ld.local.v2.u32 {%r1, "
                       "%r2}, [x]; st.global.u32 [%l1], %r2; }")
                  .Kinds(),
              ElementsAre(FindingKind::kUninitialised));
}

TEST(Checking, ForgetsWhatAnEarlierBlockWroteToItsSharedMemory) {
  const std::string body =
      "mov.u32 %r2, %ctaid.x; setp.eq.u32 %p1, %r2, 0; shl.b32 %r1, %r0, 2; "
      "@%p1 st.shared.u32 [%r1], %r0; ld.shared.u32 %r3, [%r1]; @!%p1 st.global.u32 [%l1], %r3;";
  const Checked checked = CheckedRun{
      .text = CheckedText(body),
      .grid = {2},
      .block = {32},
      .buffers = {Words(32)}}.Go();
  EXPECT_THAT(checked.Kinds(), ElementsAre(FindingKind::kUninitialised))
      << Describe(checked.report);
}

}  // namespace
}  // namespace souk::gpu::cpu_test
