#include "gpu/ptx/canonical.h"

#include <gtest/gtest.h>

#include "unit/gpu/ptx/sample.h"

namespace souk::ptx {
namespace {

constexpr const char* kHeader = ".version 9.0\n.target sm_75\n.address_size 64\n";

std::string Canonical(const std::string& text) {
  auto module = Parse(text);
  EXPECT_TRUE(module) << (module ? "" : module.error().message) << "\n" << text;
  if (!module) return "";
  auto canonical = Canonicalize(std::move(*module));
  EXPECT_TRUE(canonical) << (canonical ? "" : canonical.error().message);
  return canonical ? Write(*canonical) : "";
}

TEST(PtxCanonical, RoundsWhatTheDriverMightFuse) {
  for (const char* spelling :
       {"add.f32", "sub.f32", "mul.f32", "add.ftz.sat.f32", "add.f64", "sub.f64", "mul.f64",
        "add.f16", "sub.f16x2", "mul.bf16", "add.bf16x2", "mul.ftz.f32x2", "sub.sat.f16"}) {
    const std::string unfused = UnfusedSpelling(DecodeOperation(spelling));
    const Operation operation = DecodeOperation(unfused);
    EXPECT_EQ(operation.rounding, Rounding::kRn) << unfused;
    EXPECT_EQ(operation.opcode, DecodeOperation(spelling).opcode) << unfused;
    EXPECT_EQ(unfused.size(), std::string(spelling).size() + 3);
  }
  EXPECT_EQ(UnfusedSpelling(DecodeOperation("add.ftz.sat.f32")), "add.rn.ftz.sat.f32");
}

TEST(PtxCanonical, LeavesEveryOtherInstructionAsItIs) {
  for (const char* spelling :
       {"add.rz.f32", "mul.rm.f64", "add.s32", "mul.lo.u32", "mul.wide.s16", "fma.rn.f32",
        "add.cc.u32", "neg.f32", "div.rn.f32", "max.f32", "atom.global.add.f32", "sub.s64"}) {
    EXPECT_EQ(UnfusedSpelling(DecodeOperation(spelling)), spelling);
  }
}

// Loads x0, x1, x2, runs the lines, stores x3.
std::string ArithmeticKernel(const std::string& type, const std::string& reg,
                             const std::string& lines) {
  const std::string load = reg == "f32" || reg == "f64" ? type : reg;
  return ".version 9.0\n.target sm_90\n.address_size 64\n.entry k(.param .u64 p) {\n.reg .u64 %a; "
         ".reg ." +
         reg + " %x<4>;\nld.param.u64 %a, [p]; ld.global." + load + " %x0, [%a]; ld.global." +
         load + " %x1, [%a+8]; ld.global." + load + " %x2, [%a+16];\n" + lines + "\nst.global." +
         load + " [%a], %x3; ret; }";
}

TEST(PtxCanonical, KeepsMultiplyAndAddApartInMachineCode) {
  if (!HavePtxas()) GTEST_SKIP() << "no ptxas here";
  const std::pair<std::string, std::string> rows[] = {{"f32", "f32"},  {"f64", "f64"},
                                                      {"f16", "b16"},  {"f16x2", "b32"},
                                                      {"bf16", "b16"}, {"bf16x2", "b32"}};
  for (const auto& [type, reg] : rows) {
    const auto code = [&, t = type, r = reg](const std::string& lines) {
      return MachineCode(ArithmeticKernel(t, r, lines), "sm_90");
    };
    const std::string bare = "mul." + type + " %x3, %x0, %x1; add." + type + " %x3, %x3, %x2;";
    const std::string rounded =
        "mul.rn." + type + " %x3, %x0, %x1; add.rn." + type + " %x3, %x3, %x2;";
    const std::string fused = "fma.rn." + type + " %x3, %x0, %x1, %x2;";
    ASSERT_NE(code(rounded), "");
    // The driver fuses what is bare, so the program alone does not say what the result is …
    EXPECT_EQ(code(bare), code(fused)) << type;
    EXPECT_NE(code(bare), code(rounded)) << type;
    // … and the canonical form is the one that does.
    EXPECT_EQ(MachineCode(Canonical(ArithmeticKernel(type, reg, bare)), "sm_90"), code(rounded))
        << type;
  }
}

TEST(PtxCanonical, LowersTheVersionToWhatIsNeeded) {
  const auto version = [](const std::string& target, const std::string& body) {
    auto module = Parse(".version 9.0\n.target " + target +
                        "\n.address_size 64\n.entry k() { .reg .b32 %r<4>; .reg .b64 %l<4>; .reg "
                        ".pred %p<4>; .reg .b16 %h<4>; .reg .f32 %f<4>;\n" +
                        body + "\nret; }");
    EXPECT_TRUE(module) << (module ? "" : module.error().message);
    return module ? LeastVersion(*module) : 0u;
  };
  EXPECT_EQ(version("sm_50", ""), 60u);
  EXPECT_EQ(version("sm_75", "add.s32 %r0, %r1, %r2;"), 63u);
  EXPECT_EQ(version("sm_80", ""), 70u);
  EXPECT_EQ(version("sm_80", "cp.async.wait_all;"), 70u);
  EXPECT_EQ(version("sm_90a", ""), 80u);
  EXPECT_EQ(version("sm_90", "griddepcontrol.wait;"), 78u);
  EXPECT_EQ(version("sm_90", "barrier.cluster.wait.aligned;"), 80u);
  EXPECT_EQ(version("sm_75", "bmsk.clamp.b32 %r0, %r1, %r2;"), 76u);
  EXPECT_EQ(version("sm_90", "mov.u32 %r0, %aggr_smem_size;"), 81u);
  EXPECT_EQ(version("sm_100a", "max.f32 %f0, %f1, %f2, %f3;"), 88u);
  EXPECT_EQ(version("sm_90a", "wgmma.fence.sync.aligned;"), 90u) << "not tabled: as written";
  // Pragmas: the assembler refuses these before the version that brought them.
  EXPECT_EQ(version("sm_75", ".pragma \"nounroll\";"), 63u);
  EXPECT_EQ(version("sm_75", ".pragma \"used_bytes_mask 0xfff\";"), 83u);
  EXPECT_EQ(version("sm_75", ".pragma \"enable_smem_spilling\";"), 87u);
  EXPECT_EQ(version("sm_75", ".pragma \"frequency 5\";"), 90u);
  EXPECT_EQ(version("sm_75", ".pragma \"not tabled\";"), 90u);
}

TEST(PtxCanonical, ForgetsNamesCommentsSpacingAndScopes) {
  const std::string one =
      std::string(kHeader) +
      "// a comment\n.visible .entry k(.param .u64 p)\n{\n.reg .b32 %r<9>; .reg .pred %q;\n"
      "{ .reg .b32 tmp; .shared .b32 buf[4]; mov.u32 tmp, buf; mov.u32 %r7, tmp; }\n"
      "LOOP: setp.eq.s32 %q, %r7, 0x10; @%q bra LOOP;\nUNUSED: ret;\n}\n";
  const std::string two =
      std::string(kHeader) +
      ".visible .entry k ( .param .u64 p ) { .shared .b32 s[4]; .reg .pred %p<5>;\n"
      ".reg .b32 %a, %b; mov.u32 %a,s;mov.u32 %b,%a; $L: $M: setp.eq.s32 %p3,%b,16;"
      "@%p3 bra $M; ret; }";
  EXPECT_EQ(Canonical(one), Canonical(two));
  EXPECT_NE(Canonical(one), Canonical(std::string(two).replace(two.find("16;"), 2, "17")));
}

TEST(PtxCanonical, KeepsNamesThatOthersSeeAndNeverCapturesThem) {
  const std::string text = std::string(kHeader) +
                           ".global .b32 $L_0;\n.visible .entry k(.param .u64 $__v_0) {\n.reg .b64 "
                           "%x; .local .b32 mine;\n"
                           "mov.u64 %x, mine; mov.u64 %x, $L_0; a: bra a; }\n";
  const std::string canonical = Canonical(text);
  EXPECT_NE(canonical.find(".global .b32 $L_0;"), std::string::npos);
  EXPECT_NE(canonical.find("$___L_0:"), std::string::npos) << canonical;
  EXPECT_NE(canonical.find(".local .b32 $___v_0;"), std::string::npos) << canonical;
  EXPECT_EQ(Canonical(canonical), canonical);
}

TEST(PtxCanonical, DeclaresFunctionsBeforeTheirUse) {
  const std::string text =
      std::string(kHeader) +
      ".func (.param .b32 r) f(.param .b32 a);\n.global .u64 t = f;\n"
      ".entry k() { .reg .b64 %l; .param .b32 x; .param .b32 y; st.param.b32 [x], 1;\n"
      "call (y), f, (x); mov.u64 %l, k; ret; }\n.func (.param .b32 r) f(.param .b32 a) {\n"
      ".param .b32 x; .param .b32 y; st.param.b32 [x], 2; call (y), f, (x); ret; }";
  const std::string canonical = Canonical(text);
  EXPECT_EQ(Canonical(canonical), canonical);
  if (HavePtxas()) {
    EXPECT_EQ(PtxasErrors(canonical, "sm_75"), "") << canonical;
  }
}

TEST(PtxCanonical, WritesEveryKindOfVariableSoThatItReadsBackTheSame) {
  const std::string text =
      std::string(kHeader) +
      ".func g(.param .b32 a) { ret; }\n.extern .global .u32 e;\n.weak .global .u32 w;\n"
      ".common .global .u32 c;\n.visible .const .align 32 .f64 d[3] = {1.5, 0d7FF8000000000000};\n"
      ".global .v4 .f32 v[2] = {{1.0, 2.0, 3.0, 4.0}, {5.0, 6.0, 7.0, 8.0}};\n.global .s8 s[4] = "
      "{-1, 2, -128, "
      "0};\n"
      ".global .u64 p[2] = {g, generic(w)};\n.global .u8 m[8] = {0xFF(w), 0xFF00(w), 1};\n"
      ".global .u32 zero[4] = {0, 0};\n.extern .shared .align 16 .b8 dyn[];\n"
      ".global .attribute(.managed) .u32 mg;\n"
      ".visible .entry k(.param .u64 .ptr .global .align 16 q, .param .align 8 .b8 z[24])\n"
      ".maxntid 128, 2, 1 .minnctapersm 2\n{ .pragma \"nounroll\"; ret; }";
  const std::string canonical = Canonical(text);
  EXPECT_EQ(Canonical(canonical), canonical);
  for (const char* part :
       {".extern .global .u32 e;", ".weak .global .u32 w;", ".common .global .u32 c;",
        ".visible .const .align 32 .f64 d[3] = {0d3FF8000000000000, 0d7FF8000000000000};",
        "{-1, 2, -128}", "{g, generic(w)}", "{0xFF(w), 0xFF00(w), 1}", ".global .u32 zero[4];",
        ".extern .shared .align 16 .b8 dyn[];", ".param .u64 .ptr .global .align 16 q",
        ".maxntid 128, 2, 1\n.minnctapersm 2\n", ".pragma \"nounroll\";"}) {
    EXPECT_NE(canonical.find(part), std::string::npos) << part << "\n" << canonical;
  }
  if (HavePtxas()) {
    EXPECT_EQ(PtxasErrors(canonical, "sm_75"), "") << canonical;
  }
}

TEST(PtxCanonical, WritesEveryKindOfOperandSoThatItReadsBackTheSame) {
  const std::string text =
      std::string(kHeader) +
      ".global .align 16 .b8 g[64]; .func leaf() { ret; }\n"
      ".visible .entry k(.param .u64 p) { .reg .b32 %r<9>; .reg .b64 %l<9>; .reg .f32 %f<9>;\n"
      ".reg .f64 %d<3>; .reg .pred %p<9>; .reg .b16 %h<4>; .reg .v4 .f32 %v; .local .b32 loc[4];\n"
      "ld.param.u64 %l0, [p]; cvta.to.global.u64 %l0, %l0; mov.u64 %l3, g+8;\n"
      "ld.global.v4.f32 %v, [%l0]; mov.f32 %f0, %v.z; st.global.f32 [%l0+-16], %f0;\n"
      "ld.global.v2.u32 {%r0, %r1}, [g+8]; st.global.v2.u32 [%l0+8], {%r1, 7};\n"
      "mov.b64 {%r2, %r3}, %l0; mov.b32 %r4, {%h0, %h1}; st.local.u32 [loc+4], %r4;\n"
      "shfl.sync.bfly.b32 %r5|%p1, %r0, 1, 31, -1; setp.gt.and.f32 %p2|%p3, %f0, 0f40000000, "
      "!%p1;\n"
      "vadd.s32.u32.s32.sat %r6, %r5.b0, %r4.h1; mov.u64 %l1, -9223372036854775808;\n"
      "mov.u64 %l2, %clock64; mov.u32 %r7, %envreg3; add.f64 %d0, %d1, 2.5; add.f32 %f1, %f0, "
      "1.5;\n"
      "t: .branchtargets A, B; @%p2 brx.idx %r0, t; A: call leaf; B: bar.sync 0;\n"
      "red.global.add.u32 [%l0], 1; atom.global.cas.b64 %l1, [%l0], %l2, %l1; ret; END: }";
  const std::string canonical = Canonical(text);
  EXPECT_EQ(Canonical(canonical), canonical);
  if (HavePtxas()) {
    EXPECT_EQ(PtxasErrors(canonical, "sm_75"), "") << canonical;
  }
}

TEST(PtxCanonical, RefusesWhatItCannotVouchFor) {
  auto module = Parse(std::string(kHeader) + ".entry k() {\nret;\nfrobnicate.f32 a, b;\n}");
  ASSERT_TRUE(module);
  const auto canonical = Canonicalize(std::move(*module));
  ASSERT_FALSE(canonical);
  EXPECT_EQ(canonical.error().code, Code::kUnsupported);
  EXPECT_EQ(canonical.error().message, "line 6: instruction 'frobnicate' is not known");
}

TEST(PtxCanonical, KeepsLinesAndLocationsOfTheTextItCameFrom) {
  auto module =
      Parse(std::string(kHeader) + ".file 1 \"a.cu\"\n.entry k() {\n\n\n.loc 1 5 1\nret;\n}");
  ASSERT_TRUE(module);
  const auto canonical = Canonicalize(std::move(*module));
  ASSERT_TRUE(canonical);
  EXPECT_EQ(canonical->functions[0].body[0].line, 9u);
  EXPECT_EQ(canonical->functions[0].locations[0].line, 5u);
  EXPECT_EQ(Write(*canonical).find(".loc"), std::string::npos);
}

}  // namespace
}  // namespace souk::ptx
