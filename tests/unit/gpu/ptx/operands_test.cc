// Which operands the parser lets instructions have.
#include "gpu/ptx/operands.h"

#include <gtest/gtest.h>

#include "unit/gpu/ptx/parsing.h"

namespace souk::ptx {
namespace {

// Verdicts of ptxas 13.0, each asked alone.
constexpr const char* kTyped =
    ".global .b64 gv[4]; .shared .b64 sv[4]; .const .b64 cv[4];\n"
    ".entry k(.param .u64 kp) { .local .b64 lv[4];\n"
    ".reg .b16 %h<4>; .reg .b32 %r<4>; .reg .b64 %l<4>; .reg .f32 %f<4>; .reg .f64 %d<4>;\n"
    ".reg .u32 %u<4>; .reg .u16 %s<4>; .reg .f16 %g<4>; .reg .f16x2 %x<4>; .reg .pred %p<4>;\n";

void ExpectVerdicts(std::initializer_list<std::string> bad,
                    std::initializer_list<std::string> good) {
  const std::string head = std::string(".version 9.0\n.target sm_100a\n") + kTyped;
  for (const std::string& line : bad) {
    const std::string refusal = Refusal(head + line + "; ret; }");
    EXPECT_EQ(refusal.substr(0, 8), "line 7: ") << line << ": " << refusal;
  }
  for (const std::string& line : good)
    EXPECT_EQ(Refusal(head + line + "; ret; }"), "accepted") << line;
}

TEST(PtxParse, TakesConstantsInTheRangeThatTheInstructionHas) {
  ExpectVerdicts(
      {"bfe.u32 %r0, %r1, 256, 3", "bfe.u64 %l0, %l1, 3, -1", "bfi.b32 %r0, %r1, %r2, 0, 256",
       "cp.async.ca.shared.global [sv], [gv], 5", "cp.async.cg.shared.global [sv], [gv], 8",
       "cp.async.cg.shared.global [sv], [gv], 16, 17",
       "cp.async.cg.shared.global [sv], [gv], 16, %l0", "discard.global.L2 [gv], 64",
       "applypriority.global.L2::evict_normal [gv], 1", "setmaxnreg.inc.sync.aligned.u32 23",
       "setmaxnreg.dec.sync.aligned.u32 264", "ld.global.L2::cache_hint.u32 %r0, [gv], gv+8"},
      {"bfe.u32 %r0, %r1, 255, %u0", "bfi.b64 %l0, %l1, %l2, 0, 255",
       "cp.async.ca.shared.global [sv], [gv], 4", "cp.async.cg.shared.global [sv], [gv], 16, 16",
       "cp.async.cg.shared.global [sv], [gv], 16, !%p0", "discard.global.L2 [gv], 128",
       "ld.global.L2::cache_hint.u32 %r0, [gv], 5"});
  ExpectVerdicts({"bar.arrive 0, 0", "barrier.cta.arrive.aligned %r0, 0"}, {"bar.sync 0, 0"});
}

TEST(PtxParse, TakesAddressesOf64BitsForGlobalMemory) {
  ExpectVerdicts({"ld.global.u32 %r0, [%r1]", "ld.u32 %r0, [%u1]", "st.u32 [%r1], %r0",
                  "atom.global.add.u32 %r0, [%r1], 1", "prefetch.global.L1 [%r1]",
                  "mbarrier.init.b64 [%r0], 1", "atom.add.u32 %r0, [lv], 1",
                  "red.add.u32 [lv+8], 1", "discard.global.L2 [%r1], 128", "mov.u32 %r0, gv"},
                 {"ld.shared.u32 %r0, [%r1]", "ld.const.u32 %r0, [%u1]", "st.local.u32 [%r1], %r0",
                  "mov.u32 %r0, sv", "mov.u64 %l0, gv", "cvta.shared.u64 %l0, %l1"});
}

TEST(PtxParse, PacksIntegersOrFloatsOfOneType) {
  ExpectVerdicts({"mov.b64 {%u0, %f0}, %l0", "mov.b64 %l0, {%f0, 5}", "mov.b64 %l0, {%f0, %x0}",
                  "mov.b32 {%g0, %s0}, %r0", "mov.b64 {%h0, %s0, _, %g0}, %l0"},
                 {"mov.b64 {%r0, %f0}, %l0", "mov.b64 %l0, {%x0, %x1}", "mov.b64 %l0, {%u0, 5}",
                  "mov.b64 {%f0, _}, %l0", "mov.b32 %r0, {%g0, %h0}"});
}

TEST(PtxParse, TakesNoHalfPairForANumber) {
  ExpectVerdicts(
      {"redux.sync.add.u32 %r0, %x0, -1", "bar.sync %x0", "shl.b32 %r0, %r1, %x0",
       "popc.b32 %x0, %r1", "vote.sync.ballot.b32 %r0, %p0, %x0", "match.any.sync.b32 %x0, %r0, -1",
       "add.f32.bf16 %f0, %g0, %f1", "set.eq.bf16.b64 %g0, %l0, %l1", "isspacep.global %p0, %x0",
       "add.s16x2 %r0, gv+8, %r1", "fma.rn.f32.bf16 %f0, gv+8, %g0, %f1",
       "cvt.rp.ue8m0x2.bf16x2 %h0, 7", "cvt.rn.bf16x2.ue8m0x2 %r0, 7"},
      {"add.u32 %x0, %x1, %x2", "mad24.lo.u32 %x0, %x1, %r0, %r1",
       "match.any.sync.b32 %r0, %x0, -1", "add.f32.bf16 %f0, %s0, %f1"});
}

TEST(PtxParse, TakesNoCacheOperatorBesideVolatile) {
  for (const char* spelling :
       {"ld.volatile.cs.u32", "ld.volatile.global.cv.u32", "st.volatile.wt.u32"}) {
    EXPECT_EQ(DecodeOperation(spelling).opcode, Opcode::kUnknown) << spelling;
  }
}

TEST(PtxParse, FetchesGlobalVariablesByGenericAddressesOnly) {
  ExpectVerdicts({"prefetch.L1 [lv]", "prefetch.L2 [sv+8]", "prefetchu.L1 [sv]"},
                 {"prefetch.L1 [gv]", "prefetch.local.L1 [lv]", "prefetchu.L1 [gv]"});
}

TEST(PtxParse, TakesVectorsWithAllTheirValues) {
  const auto variable = [](const char* text) {
    return std::string(".version 9.0\n.target sm_75\n") + text + "\n";
  };
  EXPECT_EQ(Refusal(variable(".global .v4 .f32 v[2] = {{1.0, 2.0, 3.0, 4.0}};")), "accepted");
  EXPECT_EQ(Refusal(variable(".global .v2 .u32 v = {1, 2};")), "accepted");
  EXPECT_EQ(RefusalCode(variable(".global .v4 .f32 v[2] = {{1.0, 2.0}, {5.0}};")),
            Code::kMalformed);
  EXPECT_EQ(RefusalCode(variable(".global .v2 .u32 v = {1};")), Code::kMalformed);
}

TEST(PtxParse, ReadsSpecialRegistersWhole) {
  ExpectVerdicts({"mov.u64 %l0, %tid.x", "mov.u16 %h0, %laneid", "mov.u32 %r0, %clock64",
                  "mov.u64 %l0, %clock", "mov.b64 %l0, %envreg3", "mov.u64 %l0, %pm0",
                  "mov.u32 %r0, %pm0_64", "mov.f32 %f0, %tid.x", "cvt.rn.f32.u32 %f0, %tid.x",
                  "add.u64 %l0, %clock64, 1", "cvt.s32.u64 %r0, %clock"},
                 {"mov.u32 %r0, %tid.x", "mov.u16 %h0, %ctaid.x", "mov.u64 %l0, %clock64",
                  "mov.b32 %r0, %laneid", "mov.u64 %l0, %pm0_64", "cvt.u64.u32 %l0, %tid.x"});
}

TEST(PtxParse, ConvertsDoublesIntoWiderRegistersWithoutFtzOnly) {
  ExpectVerdicts(
      {"cvt.rz.ftz.f32.f64 %l0, %d0", "cvt.rn.ftz.sat.f32.f64 %l0, %d0"},
      {"cvt.rz.f32.f64 %l0, %d0", "cvt.rz.ftz.f32.f64 %r0, %d0", "cvt.ftz.f32.f16 %l0, %h0"});
}

TEST(PtxParse, TakesSecondPredicatesAsPtxasDoes) {
  ExpectVerdicts({"setp.eq.f16 %p0|%p1, %h0, %h1", "setp.eq.and.bf16 %p0|%p1, %h0, %h1, %p2",
                  "setp.eq.u32 _|_, %r0, %r1", "lop3.or.b32 %r0|_, %r1, %r2, %r3, 5, %p0",
                  "elect.sync %r0|_, -1", "elect.sync %x0|%p0, -1",
                  "set.eq.and.bf16.bf16 %h0, %h1, %h2, 1", "setp.eq.or.bf16x2 %p0, %r0, %r1, 1",
                  "@%p2 setp.eq.u32 _|%p0, %r0, %r1", "shfl.sync.up.b32 _|%p0, %r0, 1, 0, -1",
                  "match.all.sync.b32 _|_, %r0, -1", "atom.global.add.noftz.bf16 _, [gv], %h0"},
                 {"setp.eq.f16x2 %p0|%p1, %r0, %r1", "setp.eq.u32 _|%p0, %r0, %r1",
                  "setp.eq.u32 %p0|_, %r0, %r1", "lop3.or.b32 _|%p0, %r1, %r2, %r3, 5, 1",
                  "elect.sync _|%p0, -1", "set.eq.and.u32.f16 %r0, %h1, %h2, 1",
                  "@%p2 setp.eq.u32 %p0|_, %r0, %r1", "shfl.sync.up.b32 %r0|_, %r1, 1, 0, -1",
                  "match.all.sync.b32 _|%p0, %r0, -1", "atom.global.add.noftz.f16 _, [gv], %h0"});
}

TEST(PtxParse, TakesPartsAndSignsOfVideoOperandsAsPtxasDoes) {
  ExpectVerdicts(
      {"vadd.u32.u32.u32 %f0, %r1, %r2", "vadd.u32.u32.u32 %r0, %l1, %r2",
       "vadd.u32.u32.u32 %r0, -%r1, %r2", "vadd.u32.u32.u32 %r0.b0, %r1, %r2",
       "vshr.u32.u32.u32.clamp -%r1, %r2, %r3", "vset2.s32.s32.lt -%r1, %r2, %r3, %r0",
       "vadd.u32.u32.u32.add %r0.b0, %r1, %r2, %r3", "vadd.u32.u32.u32 %r0, %r1, %r2, %r3.b0",
       "vadd.u32.u32.u32 %r0, 1.5, %r2", "vadd4.u32.u32.u32 %r0, 5, %r1, %r2",
       "vadd4.u32.u32.u32 %r0, %r1.b1024, %r2, %r3", "vadd4.u32.u32.u32 %r0.h0, %r3, %r1, %r2",
       "vadd2.u32.u32.u32 %r0.b0, %r3, %r1, %r2", "vadd2.u32.u32.u32 %r0, %r3.h1, %r1, %r2",
       "vmad.u32.u32.u32 %r0, -%r1, %r2, -%r3", "vset.u32.u32.lt %x0, %r1, %r2",
       "vset4.u32.u32.lt %x0, %r1, %r2, %r3", "vmad.u32.u32.u32.po %r0, -%r1, %r2, %r3",
       "vmad.u32.u32.u32 %r0.b0, %r1, %r2, %r3"},
      {"vadd.u32.u32.u32 %x0, %r1.b3, %u2.h1", "vadd.u32.u32.u32 %r0.b0, %r1, 5, %r3",
       "vset.u32.u32.lt.add %r0, %r2.b3, %r3.h1, %r1", "vadd4.u32.u32.u32 %r0.b3, %r3, %r1, %r2",
       "vadd2.u32.u32.u32.add %r0.h1, %r3, %r1, %r2", "vmad.u32.u32.u32 %r0, -%r1, -%r2, -%r3",
       "vmad.s32.u32.s32 %r0, %r1.b0, %r2.h0, -%r3"});
}

TEST(PtxParse, TakesVotesAndShufflesWithoutSyncWhereThatWasAllowed) {
  const auto module = [](const char* head, const char* line) {
    return std::string(head) + ".entry k() { .reg .pred %p<2>; .reg .b32 %r<2>; " + line +
           " ret; }";
  };
  for (const char* line : {"vote.all.pred %p0, %p1;", "shfl.up.b32 %r0, %r1, 1, 0;"}) {
    EXPECT_EQ(Refusal(module(".version 6.3\n.target sm_75\n", line)), "accepted") << line;
    EXPECT_EQ(Refusal(module(".version 9.0\n.target sm_60\n", line)), "accepted") << line;
    EXPECT_EQ(RefusalCode(module(".version 6.4\n.target sm_70\n", line)), Code::kMalformed) << line;
  }
}

TEST(PtxParse, TakesImmediateAddressesOfLocalMemoryOnly) {
  ExpectVerdicts(
      {"ld.global.u32 %r0, [16]", "st.global.u32 [16], %r0", "ld.shared.u32 %r0, [16]",
       "ld.const.u32 %r0, [16]", "ld.param.u32 %r0, [16]", "ld.u32 %r0, [16]", "st.u32 [16+4], %r0",
       "ldu.global.u32 %r0, [16]", "atom.global.add.u32 %r0, [16], %r1", "red.add.u32 [16], %r1",
       "prefetch.global.L1 [16]", "cp.async.ca.shared.global [16], [%l0], 16",
       "cp.async.ca.shared.global [sv], [16], 16", "mbarrier.init.b64 [16], 1"},
      {"ld.local.u32 %r0, [16]", "st.local.u32 [WARP_SZ], %r0", "ld.local.v2.u32 {%r0, %r1}, [8]",
       "prefetch.local.L2 [16]"});
}

TEST(PtxParse, TakesVariablesOfTheSpaceThatTheInstructionNames) {
  ExpectVerdicts(
      {"ld.shared.u32 %r0, [gv]", "ld.global.u32 %r0, [sv]", "ld.local.u32 %r0, [gv]",
       "ld.const.u32 %r0, [gv]", "ld.param.u32 %r0, [lv]", "ld.u32 %r0, [kp]", "ld.u32 %r0, [cv]",
       "atom.shared.add.u32 %r0, [gv], %r1", "red.global.add.u32 [sv], %r1",
       "cp.async.ca.shared.global [gv], [gv], 16", "cp.async.ca.shared.global [sv], [sv], 16",
       "mbarrier.init.b64 [gv], 1", "cvta.shared.u64 %l0, gv"},
      {"ld.global.u32 %r0, [gv]", "ld.u32 %r0, [gv]", "ld.u32 %r0, [sv]", "ld.u32 %r0, [lv]",
       "ld.param.u32 %r0, [kp]", "ld.shared::cluster.u32 %r0, [sv]", "ld.const.u32 %r0, [cv]",
       "cp.async.ca.shared.global [sv], [gv], 16", "mbarrier.init.b64 [sv], 1",
       "cvta.shared.u64 %l0, sv", "cvta.global.u64 %l0, gv+4"});
}

TEST(PtxParse, TakesNoFloatWhereANumberOfLanesThreadsOrBitsIsMeant) {
  ExpectVerdicts(
      {"bar.sync %f0",
       "bar.sync 0, %f0",
       "bar.sync 0f3F800000",
       "bar.sync 16",
       "bar.sync 0, 33",

       "bar.red.popc.u32 %r0, %f0, %p0",
       "bar.warp.sync %f0",
       "shfl.sync.idx.b32 %r0, %r1, %r2, %r3, %f0",
       "shfl.sync.idx.b32 %r0, %r1, 0, 31, 0f3F800000",
       "vote.sync.ballot.b32 %r0, %p0, %f0",
       "vote.sync.all.pred %p1, %p0, 0f3F800000",
       "match.any.sync.b32 %r0, %r1, %f0",
       "match.any.sync.b32 %f0, %r1, -1",
       "redux.sync.add.u32 %r0, %r1, %f0",
       "redux.sync.and.b32 %r0, %f0, -1",
       "elect.sync %r0|%p0, %f0",
       "shl.b32 %r0, %r1, %f0",
       "shf.l.wrap.b32 %r0, %r1, %r2, %f0",
       "bfe.u32 %r0, %r1, %f0, 4",
       "popc.b32 %f0, %r1",
       "dp4a.u32.u32 %r0, %f0, %r1, %r2",
       "nanosleep.u32 %f0",
       "isspacep.global %p0, %d0",
       "isspacep.global %p0, 1.5"},
      {"bar.sync %r0, %u0", "bar.sync 15, 64", "bar.sync 0, 0", "barrier.arrive 1, 64",
       "bar.red.popc.u32 %r0, 0, 32, %p0", "bar.warp.sync -1",
       "shfl.sync.idx.b32 %f0, %f1, %f2, %f3, %u0", "shfl.sync.idx.b32 %r0|%p0, %r1, %x0, 31, -1",
       "vote.sync.ballot.b32 %f0, %p0, %r0", "match.any.sync.b32 %r0, %f0, -1",
       "redux.sync.min.f32 %f0, %f1, -1", "shl.b32 %r0, %r1, %u0", "prmt.b32 %f0, %f1, %f2, %f3",
       "lop3.b32 %f0, %f1, %f2, %f3, 1", "dp4a.u32.u32 %r0, %x0, %r1, %r2",
       "isspacep.global %p0, %u0", "isspacep.global %p0, gv+4"});
}

TEST(PtxParse, TakesNamedValuesOnlyWhereThereIsSuchAnInstruction) {
  ExpectVerdicts(
      {"add.s64 %l0, %l1, gv", "add.u32 %r0, %r1, %tid.x", "setp.eq.u32 %p0, %tid.x, 0",
       "selp.b64 %l0, gv, %l1, %p0", "st.global.u64 [%l0], gv", "cvt.u64.u64 %l0, gv",
       "cvta.to.global.u64 %l0, gv", "cvta.global.u64 %l0, %clock64", "cvt.rn.f32.u32 %f0, %tid.x",
       "mad.lo.s32 %r0, %r1, %ntid.x, %r2", "shfl.sync.idx.b32 %r0, %r1, %laneid, 31, -1"},
      {"mov.u64 %l0, gv", "mov.u64 %l0, gv+4", "add.s64 %l0, %l1, gv+4", "cvta.global.u64 %l0, gv",
       "mov.u32 %r0, %tid.x", "cvt.u64.u32 %l0, %tid.x", "cvt.u16.u32 %h0, %tid.x",
       "add.u32 %r0, %r1, WARP_SZ"});
  // Ptxas divides 64 bits in a routine of its own, which takes no expression.
  ExpectVerdicts({"div.s64 %l0, %l1, sv+8", "rem.u64 %l0, gv+8, %l1", "div.s64 %l0, %l1, sv"},
                 {"div.s32 %r0, %r1, sv+8", "div.s64 %l0, %l1, 8"});
}

TEST(PtxParse, TakesVectorsWhoseElementsAgree) {
  ExpectVerdicts(
      {"ld.shared.v4.f32 {%f0, %f1, %l0, %f2}, [sv]", "st.global.v2.u32 [gv], {%r0, %l0}",
       "ld.global.v2.u8 {%h0, %r0}, [gv]", "ld.global.v2.b32 {%f0, %u0}, [gv]",
       "st.global.v2.b32 [gv], {%f0, 1}", "ld.global.v2.u32 {_, _}, [gv]", "mov.b64 {_, _}, %l0",
       "mov.b64 {%r0, %r1}, {%r2, %r3}", "mov.u64 %l0, {%r0, %r1}"},
      {"ld.global.v2.f32 {%f0, %r0}, [gv]", "st.shared.v4.u32 [sv], {%r0, %f0, %r1, %u0}",
       "ld.global.v2.f32 {%u0, %r0}, [gv]", "ld.global.v2.f32 {%l0, %l1}, [gv]",
       "ld.global.v4.b32 {%f0, %r0, %u0, _}, [gv]", "st.global.v2.b32 [gv], {%r0, 1}",
       "st.global.v4.f32 [gv], {%f0, 0f00000000, 1.0, %f1}", "ld.global.v2.u8 {%u0, %r0}, [gv]",
       "ld.global.v2.b64 {%l0, %d0}, [gv]", "mov.b64 %l0, {%f0, %r0}", "mov.b64 {%r0, _}, %d0"});
}

TEST(PtxParse, TakesMatricesInAsManyRegistersOfTheirTypeAsTheyHave) {
  const std::string load = "wmma.load.c.sync.aligned.row.m8n8k4.global.f64 ";
  const std::string a8 = "wmma.load.a.sync.aligned.row.m16n16k16.s8 ";
  const std::string mma = "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 ";
  const std::string bytes = "mma.sync.aligned.m8n8k16.row.col.s32.s8.u8.s32 ";
  const std::string rows = "ldmatrix.sync.aligned.m8n8.x2.shared.b16 ";
  const std::string four = "{%f0, %f1, %f2, %f3}, ";
  ExpectVerdicts(
      {load + "{%d0}, [%l0]",
       load + "{%d0, %d1, %d2}, [%l0]",
       load + "{%d0, %f1}, [%l0]",
       load + "{_, _}, [%l0]",
       load + "{%d0, %d1}, [%l0], %l1",
       load + "{%d0, %d1}, [%l0], %f0",
       load + "{%d0, %d1}, [sv]",
       load + "%d0, [%l0]",
       a8 + "{%r0, %f1}, [%l0]",
       a8 + "{%r0, %x1}, [%l0]",
       mma + four + "{%r0, %u1}, {%r2}, {%f0, %f1, %f2, %f3}",
       mma + four + "{%r0, %r1}, %r2, {%f0, %f1, %f2, %f3}",
       mma + four + "{%r0, %r1}, {%r2}, {_, %f1, %f2, %f3}",
       mma + four + "{%r0, %f1}, {%r2}, {%f0, %f1, %f2, %f3}",
       mma + four + "{%r0, %r1}, {%r2}, {%f0, %f1}",
       bytes + "{%r0, %f1}, {%r0}, {%r1}, {%r2, %r3}",
       rows + "{%r0}, [sv]",
       rows + "{%f0, %u0}, [sv]",
       rows + "{%r0, %l0}, [sv]",
       rows + "{%r0, %r1}, [gv]",
       rows + "{_, _}, [sv]"},
      {load + "{%d0, %l1}, [%l0]", load + "{%d0, _}, [gv]", load + "{%d0, %d1}, [%l0], 4",
       load + "{%d0, %d1}, [%l0], %u0", a8 + "{%r0, %u0}, [%l0]", a8 + "{_, %r0}, [%l0+16], %r1",
       mma + four + "{%r0, %x1}, {%r2}, {%f0, %r1, %f2, %f3}",
       mma + "{%f0, _, %r2, %f3}, {%r0, %r1}, {%r2}, {%f0, %f1, %f2, %f3}",
       bytes + "{%r0, %u1}, {%r0}, {%u0}, {%r2, %r3}", rows + "{%r0, %f1}, [sv]",
       rows + "{%u0, %r1}, [%r0]", rows + "{_, %x1}, [%l0]"});
}

TEST(PtxParse, KnowsMatrixInstructionsByTheOrderOfTheirWords) {
  for (const char* bad : {"wmma.load.sync.a.aligned.row.m16n16k16.f16",
                          "wmma.sync.mma.aligned.row.col.m16n16k16.f32.f32",
                          "mma.sync.aligned.m16n8k16.col.row.f32.f16.f16.f32"}) {
    EXPECT_EQ(DecodeOperation(bad).opcode, Opcode::kUnknown) << bad;
  }
  EXPECT_EQ(DecodeOperation("mma.row.col.aligned.sync.m16n8k16.f32.f16.f16.f32").opcode,
            Opcode::kMma);
}

TEST(PtxParse, MovesAWholeVectorRegisterAsItsElements) {
  const std::string vectors =
      ".reg .v2 .u32 v; .reg .v4 .b16 w; .reg .v4 .f32 z; .reg .v2 .f16 y; ";
  for (const char* move : {"mov.b64 %l0, v", "mov.b64 v, %l0", "mov.b64 %d0, w", "mov.b32 y, %r0",
                           "mov.b128 z, q", "mov.b128 q, z"}) {
    const std::string text = ".version 9.0\n.target sm_100a\n" + std::string(kTyped) + vectors +
                             ".reg .b128 q; " + move + "; ret; }";
    const Module module = Parsed(text);
    ASSERT_EQ(module.functions.size(), 1u) << move;
    const Function& k = module.functions[0];
    const auto operands = k.Operands(k.body[0]);
    const Operand& vector = operands[operands[0].kind == OperandKind::kVector ? 0 : 1];
    ASSERT_EQ(vector.kind, OperandKind::kVector) << move;
    EXPECT_EQ(k.Elements(vector)[1].component, Component::kY) << move;
  }
  const std::string head = ".version 9.0\n.target sm_100a\n" + std::string(kTyped) + vectors;
  for (const char* bad : {"mov.b64 v, v", "mov.u64 %l0, v", "mov.b32 %r0, v", "mov.b64 %l0, z",
                          "mov.f32 %f0, z", "add.u32 %r0, v, %r1"}) {
    EXPECT_EQ(RefusalCode(head + bad + "; ret; }"), Code::kMalformed) << bad;
  }
}

TEST(PtxParse, TakesHalvesAndPackedPairsInRegistersOfTheirOwnOrNoType) {
  ExpectVerdicts(
      {"add.f16 %s0, %h0, %h1", "neg.f16 %h0, %s0", "cvt.rn.f16.f32 %s0, %f0",
       "cvt.f32.bf16 %f0, %s0", "cvt.f32.bf16 %f0, %r0", "add.f16x2 %u0, %r0, %r1",
       "add.rn.bf16x2 %r0, %x0, %r1", "max.u16x2 %r0, %u0, %r1", "max.u16x2 %r0, %r1, 1",
       "cvt.rn.f16x2.f32 %u0, %f0, %f1", "cvt.rn.satfinite.e4m3x2.f32 %r0, %f0, %f1",
       "cvt.rna.tf32.f32 %f0, %f1", "set.eq.f16.f16 %s0, %h0, %h1",
       "fma.rn.f32.f16 %f0, %s0, %h0, %f1"},
      {"add.f16 %g0, %h0, %g1", "cvt.rn.f16.f32 %r0, %f0", "cvt.f32.f16 %f0, %r0",
       "add.f16x2 %x0, %r0, %x1", "max.u16x2 %x0, %r0, %r1", "add.s32 %x0, %r0, %u0",
       "set.eq.bf16.bf16 %s0, %h0, %h1", "add.rn.f32.bf16 %f0, %s0, %f1",
       "cvt.rn.f16x2.f32 %l0, %f0, %f1", "cvt.rn.bf16x2.ue8m0x2 %u0, %h0", "mov.b16 %g0, %s0"});
}

}  // namespace
}  // namespace souk::ptx
