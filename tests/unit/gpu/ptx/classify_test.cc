#include "gpu/ptx/classify.h"

#include <gtest/gtest.h>

#include "gpu/ptx/reach.h"
#include "sanitized.h"

namespace souk::ptx {
namespace {

const SupportCheck kAll = [](const Module&, const Function&, const Instruction&) {
  return std::optional<std::string>();
};

// Declarations on line 4, the body from line 5 on.
Module ModuleOf(const std::string& body, const std::string& more = "") {
  auto module = Parse(
      ".version 9.0\n.target sm_100a\n.address_size 64\n" + more +
      ".extern .func (.param .b32 r) vprintf(.param .b64 a, .param .b64 b); .extern .func "
      "__assertfail(.param .b64 a); .shared .align 16 .b8 sh[64]; .entry k(.param .u64 p) { .reg "
      ".b32 %r<9>; .reg .b64 %l<9>; .reg .f32 %f<9>; .reg .f64 %d<9>; .reg .pred %p<9>; "
      "ld.param.u64 %l0, [p]; cvta.to.global.u64 %l1, %l0;\n" +
      body + "\nret; }");
  EXPECT_TRUE(module) << (module ? "" : module.error().message) << "\n" << body;
  return module ? std::move(*module) : Module{};
}

Verdict VerdictOf(const std::string& body, const std::string& more = "") {
  const Module module = ModuleOf(body, more);
  const Function* const kernel = module.FindKernel("k");
  return kernel != nullptr ? Classify(module, *kernel, kAll) : Verdict{};
}

TEST(PtxClassify, CallsExactWhatTheIsaFixes) {
  for (const char* body :
       {"add.f32 %f0, %f1, %f2; st.global.f32 [%l1], %f0;", "sqrt.rn.f32 %f0, %f1;",
        "bar.sync 0; ld.shared.f32 %f0, [sh]; ld.volatile.shared.f32 %f1, [sh];",
        "shfl.sync.down.b32 %r0, %r1, 1, 31, -1; vote.sync.ballot.b32 %r2, %p0, -1;",
        "membar.cta; fence.acq_rel.cta;", "mov.u32 %r0, %tid.x; mov.u32 %r1, %laneid;",
        "red.shared.add.u32 [sh], 1; atom.shared.add.s32 %r0, [sh], %r1;",
        "atom.shared.max.s32 _, [sh], %r1;", "ld.global.nc.f32 %f0, [%l1]; trap;",
        "cvt.rzi.s32.f32 %r0, %f0; div.rn.f64 %d0, %d1, %d2; fma.rz.f64 %d0, %d1, %d2, %d0;"}) {
    const Verdict verdict = VerdictOf(body);
    EXPECT_EQ(verdict.cls, Class::kExact) << body << ": " << verdict.why;
    EXPECT_EQ(verdict.line, 0u);
  }
}

TEST(PtxClassify, CallsOrderedWhatShowsAnOrderOrAPlace) {
  for (const char* body :
       {"atom.global.add.u32 %r0, [%l1], 1;",
        "red.global.add.f32 [%l1], %f0;",
        "atom.add.u32 %r0, [%l0], 1;",
        "red.shared.add.f32 [sh], %f0;",
        "atom.shared.add.u32 %r0, [sh], 1; st.global.u32 [%l1], %r0;",
        "red.shared.add.u32 [sh], 1; red.shared.max.u32 [sh], 5;",
        "red.shared.min.u32 [sh], 1; red.shared.min.s32 [sh], 5;",
        "red.shared.add.u32 [sh], 1; red.shared.add.u64 [sh], 5;",
        "atom.shared.exch.b32 %r0, [sh], 1;",
        "atom.shared.cas.b32 %r0, [sh], 1, 2;",
        "red.shared.inc.u32 [sh], 7;",
        "ld.volatile.global.u32 %r0, [%l1];",
        "st.volatile.u32 [%l0], 1;",
        "ld.acquire.gpu.u32 %r0, [%l0];",
        "membar.gl;",
        "membar.sys;",
        "st.relaxed.cta.global.u32 [%l1], 1;",
        "fence.sc.gpu;",
        "mov.u32 %r0, %clock;",
        "mov.u64 %l2, %globaltimer;",
        "mov.u32 %r0, %smid;",
        "mov.u32 %r0, %warpid;",
        "mov.u64 %l2, %gridid;",
        "activemask.b32 %r0;",
        "mov.u32 %r0, %envreg2;",
        "ld.global.cv.u32 %r0, [%l1];",
        "barrier.cluster.arrive;",
        "mapa.shared::cluster.u32 %r0, %r1, %r2;",
        "ld.shared::cluster.u32 %r0, [%r1];",
        "elect.sync %r0|%p0, -1;",
        "griddepcontrol.wait;",
        "mbarrier.init.shared.b64 [sh], 1;",
        "mbarrier.arrive.shared.b64 %l2, [sh];",
        "mbarrier.pending_count.b64 %r0, %l2;",
        "cp.async.bulk.tensor.1d.global.shared::cta.bulk_group [%l1, {%r1}], [sh];",
        "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%l1], [sh], 16;",
        "mov.u32 %r0, %nsmid;"}) {
    const Verdict verdict = VerdictOf(body);
    EXPECT_EQ(verdict.cls, Class::kExactOrdered) << body << ": " << verdict.why;
    EXPECT_EQ(verdict.line, 5u) << body;
  }
}

TEST(PtxClassify, CallsOrderedAKernelWhoseResultHoldsAnAddress) {
  for (const char* body :
       {"st.global.u64 [%l1], %l0;", "add.s64 %l2, %l1, 8; st.global.u64 [%l1], %l2;",
        "mov.u64 %l2, sh; cvt.u32.u64 %r0, %l2; st.global.u32 [%l1], %r0;",
        "mov.u64 %l3, sh; cvta.shared.u64 %l2, %l3; mov.b64 {%r0, %r1}, %l2; st.global.v2.u32 "
        "[%l1], {%r1, 5};",
        "mov.u64 %l3, k; st.u64 [%l0], %l3;"}) {
    const Verdict verdict = VerdictOf(body);
    EXPECT_EQ(verdict.cls, Class::kExactOrdered) << body << ": " << verdict.why;
    EXPECT_NE(verdict.why.find("stores an address"), std::string::npos) << verdict.why;
  }
}

// ret reads the registers that a function gives back.
TEST(PtxClassify, SeesWhatAnAtomicFoundInAReturnRegister) {
  const Verdict verdict = VerdictOf(
      "call (%r1), f; st.global.u32 [%l1], %r1;",
      ".shared .u32 c; .func (.reg .u32 rv) f() { atom.shared.add.u32 rv, [c], 1; ret; }\n");
  EXPECT_EQ(verdict.cls, Class::kExactOrdered) << verdict.why;
  EXPECT_NE(verdict.why.find("depends on its turn"), std::string::npos) << verdict.why;
}

TEST(PtxClassify, FollowsAddressesIntoTheCarryFlag) {
  for (const char* body : {"add.cc.u64 %l2, %l1, 99; addc.u32 %r1, 0, 0; st.global.u32 [%l1], %r1;",
                           "sub.cc.u64 %l2, 5, %l1; subc.u32 %r1, 0, 0; st.global.u32 [%l1], %r1;",
                           "mov.u32 %r1, sh; mad.lo.cc.u32 %r2, %r1, 7, 1; addc.u32 %r1, 0, 0; "
                           "st.global.u32 [%l1], %r1;"}) {
    const Verdict verdict = VerdictOf(body);
    EXPECT_EQ(verdict.cls, Class::kExactOrdered) << body << ": " << verdict.why;
  }
  const Verdict numbers =
      VerdictOf("add.cc.u32 %r2, %r3, %r4; addc.u32 %r1, 0, 0; st.global.u32 [%l1], %r1;");
  EXPECT_EQ(numbers.cls, Class::kExact) << numbers.why;
}

TEST(PtxClassify, FollowsAddressesThroughMemoryPredicatesAndCalls) {
  const std::string more =
      ".global .u32 w; .const .u64 q = generic(w); "
      ".func (.param .u64 r) f(.param .u64 n) { .reg .b64 %q; ld.param.u64 %q, [n]; "
      "st.param.u64 [r], %q; ret; } ";
  for (const char* body :
       {"ld.param.u64 %l2, [p]; st.global.u64 [%l1], %l2;",
        "st.shared.u64 [sh], %l0; ld.shared.u64 %l2, [sh]; st.global.u64 [%l1], %l2;",
        "{ .local .b64 x; st.local.u64 [x], %l0; ld.local.u32 %r1, [x]; st.global.u32 [%l1], %r1; "
        "}",
        "st.shared.u64 [sh], %l0; ld.u32 %r1, [%l2]; st.global.u32 [%l1], %r1;",
        "and.b64 %l2, %l0, 256; setp.ne.u64 %p1, %l2, 0; selp.u32 %r1, 1, 0, %p1; "
        "st.global.u32 [%l1], %r1;",
        "setp.lt.u64 %p1, %l0, 4096; @%p1 bra L; st.global.u32 [%l1], 1; L:",
        "add.s64 %l2, %l0, -4096; setp.eq.s64 %p1, %l2, 0; @%p1 st.global.u32 [%l1], 1;",
        "setp.lt.u64 %p1, %l0, 4096; vote.sync.ballot.b32 %r1, %p1, -1; st.global.u32 [%l1], %r1;",
        "and.b64 %l2, %l0, 252; add.s64 %l2, %l1, %l2; ld.global.u32 %r1, [%l2];",
        "{ .param .u64 a; .param .u64 b; st.param.u64 [a], %l0; call (b), f, (a); "
        "ld.param.u64 %l2, [b]; st.global.u64 [%l1], %l2; }",
        "ld.const.u64 %l2, [q]; st.global.u64 [%l1], %l2;"}) {
    const Verdict verdict = VerdictOf(body, more);
    EXPECT_EQ(verdict.cls, Class::kExactOrdered) << body << ": " << verdict.why;
  }
  for (const char* body :
       {"st.shared.u32 [sh], %r0; ld.shared.u32 %r1, [sh]; st.global.u32 [%l1], %r1;",
        "mul.wide.u32 %l2, %r0, 4; add.s64 %l3, %l1, %l2; ld.global.u32 %r1, [%l3]; "
        "st.global.u32 [%l3+4], %r1;",
        "setp.ne.s64 %p1, %l0, 0; @%p1 st.global.u32 [%l1], 1;",
        "mov.u32 %r1, sh; add.s32 %r1, %r1, %r2; ld.shared.u32 %r3, [%r1]; "
        "st.global.u32 [%l1], %r3;",
        "{ .param .u64 a; .param .u64 b; st.param.u64 [a], %l0; call (b), f, (a); "
        "ld.param.u64 %l2, [b]; ld.u32 %r1, [%l2]; st.global.u32 [%l1], %r1; }"}) {
    const Verdict verdict = VerdictOf(body, more);
    EXPECT_EQ(verdict.cls, Class::kExact) << body << ": " << verdict.why;
  }
}

TEST(PtxClassify, CallsOrderedAKernelThatNamesAVariableWhichOutlivesIt) {
  const std::string more = ".global .u32 g; .const .u32 c = 5; .const .u64 q = g; ";
  for (const char* body : {"ld.global.u32 %r1, [g];", "st.global.u32 [g], 1;",
                           "mov.u64 %l2, g; ld.global.u32 %r1, [%l2];",
                           "ld.const.u64 %l2, [q]; ld.global.u32 %r1, [%l2];"}) {
    const Verdict verdict = VerdictOf(body, more);
    EXPECT_EQ(verdict.cls, Class::kExactOrdered) << body;
    EXPECT_NE(verdict.why.find("outlives the launch"), std::string::npos) << verdict.why;
  }
  EXPECT_EQ(VerdictOf("ld.const.u32 %r1, [c]; st.global.u32 [%l1], %r1;", more).cls, Class::kExact);
}

// What a kernel does with a number as if it were an address: no launch gives it one.
TEST(PtxClassify, CallsOrderedAKernelThatFollowsANumber) {
  const std::string more = ".const .u64 numbers[4]; ";
  for (const char* body :
       {"ld.global.u64 %l2, [%l1]; ld.u32 %r1, [%l2]; st.global.u32 [%l1], %r1;",
        "ld.global.u64 %l2, [%l1]; cvta.to.global.u64 %l3, %l2; ld.global.u32 %r1, [%l3];",
        "ld.const.u64 %l2, [numbers]; st.global.u32 [%l2], 1;",
        "mov.u32 %r1, 64; ld.shared.u32 %r2, [%r1];", "cvta.shared.u64 %l2, 16; ld.u32 %r1, [%l2];",
        "mov.u32 %r1, 8; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r2}, [%r1];",
        "mov.u32 %r1, 8; cp.async.ca.shared.global [%r1], [%l1], 4;",
        "ld.global.u64 %l2, [%l1]; cp.async.ca.shared.global [sh], [%l2], 4;",
        "ld.global.u64 %l2, [%l1]; pr: .callprototype _ (); call %l2, (), pr;"}) {
    const Verdict verdict = VerdictOf(body, more);
    EXPECT_EQ(verdict.cls, Class::kExactOrdered) << body << ": " << verdict.why;
    EXPECT_NE(verdict.why.find("follows a number"), std::string::npos) << verdict.why;
  }
  for (const char* body :
       {"ld.global.u64 %l2, [%l1]; prefetch.global.L2 [%l2];",
        "mov.u64 %l2, %l0; add.s64 %l2, %l2, 4; ld.u32 %r1, [%l2];",
        "cvta.shared.u64 %l2, %l3; mov.u64 %l3, sh; ld.u32 %r1, [%l2];",
        "mov.u32 %r1, sh; cp.async.ca.shared.global [%r1], [%l1], 4;",
        "{ .local .b8 x[8]; mov.u64 %l2, x; cvta.local.u64 %l3, %l2; st.u32 [%l3], 1; }"}) {
    const Verdict verdict = VerdictOf(body, more);
    EXPECT_EQ(verdict.cls, Class::kExact) << body << ": " << verdict.why;
  }
}

TEST(PtxClassify, TakesAParameterForWhatLaunchesGiveIt) {
  const auto of = [](const std::string& body, Bound bound) {
    const Module module = ModuleOf(body);
    return Classify(module, *module.FindKernel("k"), kAll, std::vector<Bound>{bound}).cls;
  };
  const std::string counts =
      "mov.u64 %l3, sh; cvt.u64.u32 %l2, %r1; setp.lt.u64 %p1, %l2, %l0; @%p1 st.shared.u32 [sh], "
      "1;";
  EXPECT_EQ(of(counts, Bound::kAddress), Class::kExactOrdered);
  EXPECT_EQ(of(counts, Bound::kNumber), Class::kExactOrdered) << "cvta.to.global of a number";
  EXPECT_EQ(of("st.global.u32 [%l1], 1;", Bound::kAddress), Class::kExact);
  EXPECT_EQ(of("st.global.u32 [%l1], 1;", Bound::kNumber), Class::kExactOrdered);
  EXPECT_EQ(of("st.global.u32 [%l1], 1;", Bound::kEither), Class::kExactOrdered);
}

TEST(PtxClassify, CallsOrderedWhatAsksInWhichWindowANumberLies) {
  const std::string ask = "isspacep.shared %p1, %l2; selp.u32 %r1, 1, 0, %p1; ";
  EXPECT_EQ(VerdictOf("ld.global.u64 %l2, [%l1]; " + ask + "st.global.u32 [%l1], %r1;").cls,
            Class::kExactOrdered);
  EXPECT_EQ(VerdictOf("add.s64 %l2, %l0, 4; " + ask + "st.global.u32 [%l1], %r1;").cls,
            Class::kExact);
}

TEST(PtxClassify, CallsOrderedWhoeverWritesAnAddressThere) {
  for (const char* body :
       {"st.shared.u64 [sh], %l0; cp.async.bulk.global.shared::cta.bulk_group [%l1], [sh], 16;",
        "mov.u32 %r1, sh; wmma.store.d.sync.aligned.row.m16n16k16.global.s32 [%l1], {%r1, %r1, "
        "%r1, "
        "%r1, %r1, %r1, %r1, %r1};",
        "st.global.v2.u64 [%l1], {%l2, %l0};",
        "createpolicy.fractional.L2::evict_first.b64 %l2, 1.0; st.global.u64 [%l1], %l2;"}) {
    const Verdict verdict = VerdictOf(body);
    EXPECT_EQ(verdict.cls, Class::kExactOrdered) << body;
    EXPECT_NE(verdict.why.find("stores an address"), std::string::npos) << verdict.why;
  }
  EXPECT_EQ(VerdictOf("createpolicy.fractional.L2::evict_first.b64 %l2, 1.0; "
                      "st.global.L2::cache_hint.u32 [%l1], %r1, %l2;")
                .cls,
            Class::kExact);
}

TEST(PtxClassify, CallsOrderedWhatLooksIntoAMatrixThatTheDeviceSpreads) {
  const std::string load =
      "wmma.load.a.sync.aligned.row.m16n16k16.global.s8 {%r0, %r1}, [%l1]; "
      "wmma.load.b.sync.aligned.col.m16n16k16.global.s8 {%r2, %r3}, [%l1]; ";
  const std::string multiply =
      "wmma.mma.sync.aligned.row.col.m16n16k16.s32.s8.s8.s32 {%r4, %r5, %r6, %r7, %r10, %r11, "
      "%r12, "
      "%r13}, {%r0, %r1}, {%r2, %r3}, {%r4, %r5, %r6, %r7, %r10, %r11, %r12, %r13}; ";
  const std::string store =
      "wmma.store.d.sync.aligned.row.m16n16k16.global.s32 [%l1], {%r4, %r5, %r6, %r7, %r10, %r11, "
      "%r12, %r13};";
  const auto of = [&](const std::string& body) {
    return VerdictOf("{ .reg .b32 %r<14>; " + body + " }").cls;
  };
  EXPECT_EQ(of("mov.u32 %r4, 0; " + load + multiply + store), Class::kExact);
  EXPECT_EQ(of(load + multiply + "mov.b32 %r6, %r4; " + store), Class::kExact);
  EXPECT_EQ(of(load + multiply + "add.s32 %r4, %r4, 1; " + store), Class::kExactOrdered);
  EXPECT_EQ(of(load + "st.global.u32 [%l1], %r0;"), Class::kExactOrdered);
  EXPECT_EQ(of(load + "mov.b32 %r4, %r1; st.global.v2.u32 [%l1], {%r5, %r4};"),
            Class::kExactOrdered);
  EXPECT_EQ(of(load + "bar.sync %r1;"), Class::kExactOrdered);
  // A register that has another value since, in the same block, is no part; a guarded write, or one
  // in another block, may not have been made.
  const std::string use = "add.s32 %r5, %r4, 1; st.global.u32 [%l1], %r5; ";
  const std::string zero = "mov.u32 %r4, 0; ";
  EXPECT_EQ(of(zero + use + load + multiply + store), Class::kExact);
  EXPECT_EQ(of(load + multiply + store + zero + use), Class::kExact);
  EXPECT_EQ(of(load + multiply + store + "mov.b32 %r4, %r5; " + use), Class::kExactOrdered);
  EXPECT_EQ(of(load + multiply + store + "@%p1 " + zero + use), Class::kExactOrdered);
  EXPECT_EQ(of(load + multiply + store + "@%p1 bra L; " + zero + "L: " + use),
            Class::kExactOrdered);
  EXPECT_EQ(of("L: " + use + zero + load + multiply + store + " @%p1 bra L;"),
            Class::kExactOrdered);
}

TEST(PtxClassify, TakesWhatBuffersHoldForNoAddress) {
  EXPECT_EQ(VerdictOf("ld.global.u64 %l2, [%l1]; st.global.u64 [%l1+8], %l2;").cls, Class::kExact);
  EXPECT_EQ(
      VerdictOf("setp.eq.s64 %p0, %l1, 0; selp.u32 %r0, 1, 2, %p0; st.global.u32 [%l1], %r0;").cls,
      Class::kExact);
}

TEST(PtxClassify, CallsTolerantWhatIsApproximate) {
  constexpr const char* kMatrixProduct =
      "wmma.mma.sync.aligned.row.col.m16n16k16.f32.f32 {%f0, %f1, %f2, %f3, %f4, %f5, %f6, %f7}, "
      "{%r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7}, {%r0, %r1, %r2, %r3, %r4, %r5, %r6, %r7}, {%f0, "
      "%f1, %f2, %f3, %f4, %f5, %f6, %f7};";
  for (const char* body :
       {"sin.approx.f32 %f0, %f1;", "div.full.f32 %f0, %f1, %f2;", "rsqrt.approx.f64 %d0, %d1;",
        "rcp.approx.ftz.f64 %d0, %d1; atom.global.add.u32 %r0, [%l1], 1;",
        "tanh.approx.f32 %f0, %f1;", "ex2.approx.f16x2 %r1, %r2;", "div.approx.f32 %f0, %f1, %f2;",
        "tcgen05.mma.cta_group::1.kind::f16 [%r1], %l2, %l3, %r2, %p1;",
        "mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%d0, %d1}, {%d2}, {%d3}, {%d0, %d1};",
        kMatrixProduct}) {
    const Verdict verdict = VerdictOf(body);
    EXPECT_EQ(verdict.cls, Class::kTolerant) << body << ": " << verdict.why;
  }
}

TEST(PtxClassify, NamesTheLineAndTheInstructionThatDecide) {
  const Verdict verdict = VerdictOf("add.s32 %r0, %r1, %r2;\natom.global.add.u32 %r0, [%l1+4], 1;");
  EXPECT_EQ(verdict.line, 6u);
  EXPECT_EQ(verdict.why,
            "line 6: atom.global.add.u32 %r0, [%l1+4], 1: atomics on memory that blocks share");
}

TEST(PtxClassify, FollowsCallsAndFunctionPointers) {
  const std::string leaf =
      ".func clocked() { .reg .b32 %x; mov.u32 %x, %clock; ret; } .func idle() { ret; } "
      ".func middle() { call clocked; ret; } .global .u64 table = clocked; ";
  EXPECT_EQ(VerdictOf("call idle;", leaf).cls, Class::kExact);
  EXPECT_EQ(VerdictOf("call middle;", leaf).cls, Class::kExactOrdered);
  EXPECT_EQ(VerdictOf("pr: .callprototype _ (); call %l2, (), pr;", leaf).cls,
            Class::kExactOrdered);
  EXPECT_EQ(VerdictOf("{ .param .b64 a; .param .b64 b; .param .b32 r; st.param.b64 [a], 0; "
                      "st.param.b64 [b], 0; call (r), vprintf, (a, b); }")
                .cls,
            Class::kExactOrdered);
  EXPECT_EQ(VerdictOf("{ .param .b64 a; st.param.b64 [a], 0; call __assertfail, (a); }").cls,
            Class::kExact);
}

TEST(PtxClassify, CallsOpaqueWhatTheDeviceRefusesWhateverElseIsThere) {
  const Module module =
      ModuleOf("sin.approx.f32 %f0, %f1;\nfrob.f32 %f0;\ndp4a.s32.s32 %r0, %r1, %r2, %r3;");
  const SupportCheck no_dp4a = [](const Module& m, const Function&, const Instruction& i) {
    return m.OperationOf(i).opcode == Opcode::kDp4a ? std::optional<std::string>("no dot products")
                                                    : std::nullopt;
  };
  const Verdict verdict = Classify(module, *module.FindKernel("k"), no_dp4a);
  EXPECT_EQ(verdict.cls, Class::kOpaque);
  EXPECT_EQ(verdict.why, "line 6: frob.f32: instruction 'frob' is not known");
  const KernelReport report = Report(module, *module.FindKernel("k"), no_dp4a);
  ASSERT_EQ(report.unsupported.size(), 2u);
  EXPECT_EQ(report.unsupported[0].line, 6u);
  EXPECT_EQ(report.unsupported[1].line, 7u);
  EXPECT_EQ(report.unsupported[1].instruction, "dp4a.s32.s32 %r0, %r1, %r2, %r3");
  EXPECT_EQ(report.unsupported[1].reason, "no dot products");
}

TEST(PtxReport, CountsWhatAKernelHoldsAndReaches) {
  auto module = Parse(
      ".version 9.0\n.target sm_75\n.address_size 64\n.shared .align 16 .b8 used[20]; .shared .b64 "
      "unused[9]; .extern .shared .align 16 .b8 dyn[]; .func leaf() { .local .align 8 .b8 buf[24]; "
      "ret; }\n.entry a(.param .u32 n, .param .align 8 .b8 s[12]) { .reg .b32 %r<9>; .reg .pred "
      "%p; "
      ".shared .b32 own[3]; .local .b16 tmp; mov.u32 %r1, used; mov.u32 %r2, dyn; @%p mov.u32 %r3, "
      "own; call leaf; ret; }\n.entry b() { ret; }");
  ASSERT_TRUE(module) << module.error().message;
  const std::vector<KernelReport> reports = ReportAll(*module, kAll);
  ASSERT_EQ(reports.size(), 2u);
  const KernelReport& a = reports[0];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.instructions, 6u);
  ASSERT_EQ(a.parameters.size(), 2u);
  EXPECT_EQ(a.parameters[1].type, "b8[12]");
  EXPECT_EQ(a.parameters[1].offset, 8u);
  EXPECT_EQ(a.parameter_bytes, 20u);
  EXPECT_EQ(a.shared_bytes, 16u + 20u);  // own (12 bytes), then used at 16
  EXPECT_TRUE(a.dynamic_shared);
  EXPECT_EQ(a.local_bytes, 8u + 24u);
  EXPECT_EQ(a.calls, std::vector<std::string>{"leaf"});
  ASSERT_EQ(a.registers.size(), 2u);
  EXPECT_EQ(a.registers[0].type, "b32");
  EXPECT_EQ(a.registers[0].count, 3u);
  EXPECT_EQ(reports[1].shared_bytes, 0u);
  EXPECT_FALSE(reports[1].dynamic_shared);
}

uint64_t SizeOf(const std::string& functions) {
  const auto module = Parse(".version 9.0\n.target sm_75\n.address_size 64\n" + functions);
  EXPECT_TRUE(module) << (module ? "" : module.error().message);
  return module ? InlinedSize(*module) : 0;
}

TEST(PtxInlinedSize, CountsACalleeForEveryCall) {
  const uint64_t kernel = SizeOf(".entry k() { ret; }");
  const uint64_t leaf = SizeOf(".entry k() { membar.cta; membar.cta; membar.cta; ret; }");
  EXPECT_EQ(leaf, kernel + 3);
  const std::string f = ".func f() { membar.cta; membar.cta; membar.cta; ret; } ";
  EXPECT_EQ(SizeOf(f), 0u);  // nobody runs it
  EXPECT_EQ(SizeOf(f + ".entry a() { call f; ret; } .entry b() { call f; call f; ret; }"),
            2 * kernel + 3 + 3 * leaf);
  EXPECT_EQ(SizeOf(".func v() { A: B: C: D: E: F: G: H: ret; } .entry k() { call v; ret; }"),
            2 * kernel + 1 + 1);
}

TEST(PtxInlinedSize, CountsTheModuleWhereNoInliningCanFollow) {
  const std::string big = ".func big() { membar.cta; membar.cta; membar.cta; ret; } ";
  EXPECT_GE(SizeOf(big + ".func f() { call f; ret; } .entry k() { call f; ret; }"), 10u);
  EXPECT_GE(SizeOf(big + ".entry k() { .reg .b64 %l<2>; P: .callprototype _ (); mov.u64 %l0, big; "
                         "call %l0, P; ret; }"),
            10u);
}

TEST(PtxInlinedSize, IsFoundSoonForDeepAndForDoublingChains) {
  const size_t deep = Thinned(100'000);
  std::string functions = ".func f0() { ret; }\n";
  for (size_t i = 1; i < deep; ++i) {
    const std::string call = "call f" + std::to_string(i - 1) + "; ";
    functions +=
        ".func f" + std::to_string(i) + "() { " + call + (i < 100 ? call : "") + "ret; }\n";
  }
  const std::string last = std::to_string(deep - 1);
  EXPECT_GT(SizeOf(functions + ".entry k() { call f" + last + "; ret; }"), uint64_t{1} << 61);
}

}  // namespace
}  // namespace souk::ptx
