#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <tuple>
#include <vector>

#include "gpu/ptx/module.h"
#include "unit/gpu/ptx/parsing.h"

namespace souk::ptx {
namespace {

TEST(PtxParse, ReadsTheHeader) {
  const Module module = Parsed(".version 9.0\n.target sm_100a, debug\n.address_size 64\n");
  EXPECT_EQ(module.version, 90u);
  EXPECT_EQ(module.target, 100u);
  EXPECT_EQ(module.target_suffix, "a");
}

TEST(PtxParse, RefusesHeadersItCannotHonour) {
  EXPECT_EQ(Refusal(".target sm_75\n"),
            "line 1: expected '.version' as the first statement, found '.target'");
  EXPECT_EQ(RefusalCode(".version 6.3\n.target sm_75\n.address_size 32\n"), Code::kUnsupported);
  EXPECT_EQ(RefusalCode(".version 6.3\n.target compute_75\n"), Code::kUnsupported);
  EXPECT_EQ(RefusalCode(".version 6\n.target sm_75\n"), Code::kMalformed);
  EXPECT_EQ(RefusalCode(".version 6.33\n.target sm_75\n"), Code::kMalformed);
  EXPECT_EQ(RefusalCode(""), Code::kMalformed);
}

TEST(PtxParse, TakesVersionsAndTargetsThatThereAre) {
  const auto header = [](const char* version, const char* target) {
    return fmt::format(".version {}\n.target {}\n.address_size 64\n", version, target);
  };
  for (const char* version : {"6.0", "6.5", "7.0", "7.8", "8.0", "8.8", "9.0"}) {
    EXPECT_EQ(Refusal(header(version, "sm_50")), "accepted") << version;
  }
  for (const char* version : {"1.0", "5.0", "5.9", "6.6", "6.9", "7.9", "8.9", "9.1", "99.0"}) {
    EXPECT_EQ(RefusalCode(header(version, "sm_50")), Code::kUnsupported) << version;
  }
  for (const char* target :
       {"sm_50",  "sm_52",   "sm_53",   "sm_60",   "sm_61",   "sm_62",  "sm_70",   "sm_72",
        "sm_75",  "sm_80",   "sm_86",   "sm_87",   "sm_88",   "sm_89",  "sm_90",   "sm_90a",
        "sm_100", "sm_100a", "sm_100f", "sm_101a", "sm_103f", "sm_110", "sm_120a", "sm_121f"}) {
    EXPECT_EQ(Refusal(header("9.0", target)), "accepted") << target;
  }
  for (const char* target : {"sm_5", "sm_35", "sm_51", "sm_81", "sm_999", "sm_9000000000", "sm_90f",
                             "sm_75a", "sm_100b", "sm_100af", "sm_", "gfx_90a", "compute_80"}) {
    EXPECT_EQ(RefusalCode(header("9.0", target)), Code::kUnsupported) << target;
  }
}

TEST(PtxParse, RefusesAVersionOlderThanItsTarget) {
  const std::tuple<const char*, const char*, const char*> rows[] = {
      {"sm_72", "6.0", "6.1"},   {"sm_75", "6.2", "6.3"},  {"sm_80", "6.5", "7.0"},
      {"sm_86", "7.0", "7.1"},   {"sm_87", "7.3", "7.4"},  {"sm_89", "7.7", "7.8"},
      {"sm_90", "7.7", "7.8"},   {"sm_90a", "7.8", "8.0"}, {"sm_100", "8.5", "8.6"},
      {"sm_100f", "8.7", "8.8"}, {"sm_103", "8.7", "8.8"}, {"sm_120", "8.6", "8.7"}};
  const auto header_of = [](const char* version, const char* target) {
    return fmt::format(".version {}\n.target {}\n.address_size 64\n", version, target);
  };
  for (const auto& [target, before, first] : rows) {
    EXPECT_EQ(Refusal(header_of(before, target)),
              fmt::format("line 2: .target {} needs .version {}", target, first));
    EXPECT_EQ(Refusal(header_of(first, target)), "accepted") << target;
  }
}

TEST(PtxParse, LaysParametersOutByAlignment) {
  const Module module = Parsed(
      std::string(kHeader) +
      ".entry k(.param .u8 a, .param .f64 b, .param .align 16 .b8 c[3], .param .u16 d) { ret; }");
  const Function& k = *module.FindKernel("k");
  ASSERT_EQ(k.params.size(), 4u);
  EXPECT_EQ(k.params[0].offset, 0u);
  EXPECT_EQ(k.params[1].offset, 8u);
  EXPECT_EQ(k.params[2].offset, 16u);
  EXPECT_EQ(k.params[3].offset, 20u);
  EXPECT_EQ(k.param_bytes, 22u);
}

TEST(PtxParse, KeepsOnlyRegistersInUseInOrderOfUse) {
  const Module module =
      Parsed(Kernel(".reg .b32 %r<1000000000>; .reg .f32 %f<3>;\nadd.rn.f32 %f2, %f1, %f2;\n"
                    "mov.u32 %r999999999, 7; ret;"));
  const Function& k = *module.FindKernel("k");
  ASSERT_EQ(k.registers.size(), 3u);
  EXPECT_EQ(k.registers[0].name, "%f2");
  EXPECT_EQ(k.registers[1].name, "%f1");
  EXPECT_EQ(k.registers[2].name, "%r999999999");
  EXPECT_EQ(RefusalCode(Kernel(".reg .b32 %r<2>; mov.u32 %r2, 0; ret;")), Code::kMalformed);
}

TEST(PtxParse, GivesOneNameInTwoScopesTwoRegisters) {
  const Module module =
      Parsed(Kernel(".reg .b32 %r<2>; mov.u32 %r1, 1;\n{ .reg .b64 %r<2>; mov.u64 %r1, 2; }\n"
                    "{ .reg .b64 %r1; mov.u64 %r1, 3; }\nmov.u32 %r1, 4; ret;"));
  const Function& k = *module.FindKernel("k");
  ASSERT_EQ(k.registers.size(), 3u);
  EXPECT_EQ(k.Operands(k.body[0])[0].index, 0u);
  EXPECT_EQ(k.Operands(k.body[1])[0].index, 1u);
  EXPECT_EQ(k.Operands(k.body[2])[0].index, 2u);
  EXPECT_EQ(k.Operands(k.body[3])[0].index, 0u);
}

TEST(PtxParse, RefusesANameThatIsDeclaredTwiceInOneScope) {
  for (const char* twice : {".reg .b32 %r<20>; .reg .u32 %r3;", ".reg .b32 %r3; .reg .b32 %r<20>;",
                            ".reg .b32 %r<20>, %r3;", ".reg .b32 %r<20>; .reg .b32 %r03;",
                            ".reg .b32 q<5>; .local .b32 q3;", ".local .b32 q3; .reg .b32 q<5>;",
                            ".reg .b32 q<5>; .reg .b32 q<9>;", ".reg .b32 q; q: ret;",
                            "q: ret; .reg .b32 q;", "q: ret; .local .b32 q;", "s: ret;"}) {
    EXPECT_NE(Refusal(Kernel(twice)).find("declared twice"), std::string::npos) << twice;
  }
  for (const char* once :
       {".reg .b32 %r<20>; .reg .b32 %r20;", ".reg .b32 %r<20>; { .reg .b32 %r3; } ret;",
        "{ .reg .b32 %r<20>; } .reg .b32 %r3;", ".reg .b32 %r3; { .reg .b32 %r<20>; } ret;",
        ".reg .b32 %r<20>; .reg .b32 %r;", ".reg .b32 %r<20>; .reg .b32 %r1<5>;",
        ".reg .b32 %r<20>; mov.b32 %r12, 1; .reg .b32 %r1<5>;", ".reg .b32 q; { q: ret; }",
        "{ .reg .b32 q; } q: ret;", ".reg .b32 q<5>; mov.b32 q1, 0; q1: ret;", "k: ret;"}) {
    EXPECT_EQ(Refusal(Kernel(once)), "accepted") << once;
  }
  EXPECT_EQ(Refusal(std::string(kHeader) + ".func f(.reg .b32 %r3) { .reg .b32 %r<20>; ret; }"),
            "line 4: '%r' is declared twice");
}

TEST(PtxParse, ResolvesLabelsForwardBackwardAndByScope) {
  const Module module =
      Parsed(Kernel(".reg .pred %p<2>;\ntop: bra end;\n{ again: @%p1 bra again; bra top; }\n"
                    "{ again: @!%p1 bra again; bra end; }\nend: ret;"));
  const Function& k = *module.FindKernel("k");
  const auto target = [&](size_t i) { return k.labels[k.Operands(k.body[i])[0].index].target; };
  EXPECT_EQ(target(0), 5u);
  EXPECT_EQ(target(1), 1u);
  EXPECT_EQ(target(2), 0u);
  EXPECT_EQ(target(3), 3u);
  EXPECT_EQ(target(4), 5u);
  EXPECT_TRUE(k.body[3].guard_negated);
  EXPECT_EQ(k.body[3].guard, k.body[1].guard);
}

TEST(PtxParse, RefusesLabelsThatAreUnknownTwiceDeclaredOrHidden) {
  EXPECT_EQ(Refusal(Kernel("bra nowhere; ret;")), "line 5: unknown label 'nowhere'");
  EXPECT_EQ(Refusal(Kernel("c: ret; c: ret;")), "line 5: label 'c' is declared twice");
  EXPECT_EQ(Refusal(Kernel("bra in; { in: ret; }")), "line 5: unknown label 'in'");
}

TEST(PtxParse, DecodesOperandsOfEveryKind) {
  const Module module = Parsed(
      std::string(kHeader) +
      ".global .align 16 .f32 g[8];\n.entry k() {\n.reg .b32 %r<8>; .reg .b64 %l<4>; .reg .f32 "
      "%f<8>; .reg .pred %p<4>;\n"
      "ld.global.v4.f32 {%f0, %f1, _, %f3}, [g+16];\n"
      "ld.global.u32 %r0, [%l0+-4];\n"
      "st.global.f32 [%l1], 0f3F800000;\n"
      "shfl.sync.down.b32 %r1|%p1, %r0, 1, 31, 0xffffffff;\n"
      "setp.lt.and.s32 %p2|_, %r0, -5, !%p1;\n"
      "mov.u32 %r2, %tid.y;\n"
      "mov.u64 %l2, g;\n"
      "mov.b64 {%r3, %r4}, %l2;\n"
      "ret;\n}");
  const Function& k = *module.FindKernel("k");
  const auto op = [&](size_t i, size_t n) { return k.Operands(k.body[i])[n]; };
  EXPECT_EQ(op(0, 0).kind, OperandKind::kVector);
  EXPECT_EQ(k.Elements(op(0, 0))[2].kind, OperandKind::kSink);
  EXPECT_EQ(op(0, 1).base, BaseKind::kVariable);
  EXPECT_EQ(op(0, 1).offset(), 16);
  EXPECT_EQ(op(1, 1).base, BaseKind::kRegister);
  EXPECT_EQ(op(1, 1).offset(), -4);
  EXPECT_EQ(op(2, 1).kind, OperandKind::kFloat32);
  EXPECT_EQ(FloatBits(op(2, 1), Type::kF32), 0x3F800000u);
  EXPECT_EQ(FloatBits(op(2, 1), Type::kF64), std::bit_cast<uint64_t>(1.0));
  EXPECT_EQ(op(3, 0).kind, OperandKind::kPair);
  EXPECT_EQ(op(3, 4).value, 0xffffffffu);
  EXPECT_EQ(k.Elements(op(4, 0))[1].kind, OperandKind::kSink);
  EXPECT_EQ(op(4, 2).value, static_cast<uint64_t>(-5));
  EXPECT_TRUE(op(4, 3).negated);
  EXPECT_EQ(op(5, 1).index, static_cast<uint32_t>(Special::kTidY));
  EXPECT_EQ(op(6, 1).kind, OperandKind::kVariable);
  EXPECT_EQ(op(7, 0).count, 2u);
}

TEST(PtxParse, DecodesModifiersIntoFields) {
  const Operation atom = DecodeOperation("atom.acq_rel.cta.shared::cta.cas.b64");
  EXPECT_EQ(atom.order, Order::kAcqRel);
  EXPECT_EQ(atom.scope, Scope::kCta);
  EXPECT_EQ(atom.space, Space::kShared);
  EXPECT_EQ(atom.combine, Combine::kCas);
  EXPECT_EQ(atom.type, Type::kB64);
  const Operation plain = DecodeOperation("atom.global.add.u32");
  EXPECT_EQ(plain.order, Order::kRelaxed);
  EXPECT_EQ(plain.scope, Scope::kGpu);
  const Operation setp = DecodeOperation("setp.lo.or.u32");
  EXPECT_EQ(setp.compare, Compare::kLo);
  EXPECT_EQ(setp.combine, Combine::kOr);
  EXPECT_EQ(DecodeOperation("mul.lo.u32").mul_mode, MulMode::kLo);
  EXPECT_EQ(DecodeOperation("bra.uni").vote, VoteMode::kNone);
  EXPECT_TRUE(DecodeOperation("bra.uni").uni);
  EXPECT_EQ(DecodeOperation("vote.sync.uni.pred").vote, VoteMode::kUni);
  const Operation cvt = DecodeOperation("cvt.rzi.ftz.sat.s32.f32");
  EXPECT_EQ(cvt.type, Type::kS32);
  EXPECT_EQ(cvt.type2, Type::kF32);
  EXPECT_EQ(cvt.rounding, Rounding::kRzi);
  EXPECT_TRUE(cvt.ftz && cvt.sat);
  EXPECT_TRUE(DecodeOperation("bar.sync").aligned);
  EXPECT_FALSE(DecodeOperation("barrier.sync").aligned);
}

TEST(PtxParse, RefusesAnEmptyStatementAsPtxasDoes) {
  EXPECT_EQ(Refusal(Kernel("bar.sync 0;\n; ret;")), "line 6: expected an instruction, found ';'");
  EXPECT_EQ(Refusal(Kernel("{ ; }\nret;")), "line 5: expected an instruction, found ';'");
  EXPECT_EQ(Refusal(Kernel("ret;") + "\n;"),
            "line 7: expected a variable, function or section, found ';'");
}

TEST(PtxParse, ListsInstructionsThatItDoesNotKnowAndGoesOn) {
  const Module module =
      Parsed(Kernel("frobnicate.f32 %x, [what, {ever}];\nadd.wide.f32 q, q, q;\nret;"));
  ASSERT_EQ(module.operations.size(), 3u);
  EXPECT_EQ(module.operations[0].unknown, "instruction 'frobnicate'");
  EXPECT_EQ(module.operations[1].unknown, "modifier '.wide' of 'add'");
  EXPECT_EQ(module.operations[2].opcode, Opcode::kRet);
  EXPECT_EQ(module.functions[0].body[1].line, 6u);
}

TEST(PtxParse, NamesTheLineOfWhatIsWrong) {
  EXPECT_EQ(Refusal(Kernel(".reg .b32 %r<2>;\n\nadd.s32 %r0, %r1;")),
            "line 7: 'add.s32': it takes 3 operands, not 2");
  EXPECT_EQ(Refusal(Kernel("ret;\nmov.u32 %r1, 2;")), "line 6: unknown name '%r1'");
  EXPECT_EQ(Refusal(Kernel("/* never ends")), "line 5: a comment that never ends");
  EXPECT_EQ(Refusal(Kernel("ret;\n\x01")), "line 6: a character that PTX does not have: '?'");
}

TEST(PtxParse, RefusesOperandsOfTheWrongKindOrSize) {
  const std::string registers =
      ".reg .b16 %h<2>; .reg .b32 %r<4>; .reg .b64 %l<4>; .reg .f32 %f<4>; .reg .pred %p<4>; "
      ".reg .v4 .f32 %v<2>;\n";
  for (const char* bad : {"add.s32 %r0, %r1, %l0",
                          "add.s32 %f0, %r1, %r2",
                          "add.s32 %r0, %r1, 0f3F800000",
                          "add.s32 5, %r1, %r2",
                          "add.s32 %r0, [%l0], %r1",
                          "add.f32 %f0, %f1, 1",
                          "setp.eq.s32 %r0, %r1, %r2",
                          "setp.eq.s32 %p0|%r0, %r1, %r2",
                          "selp.b32 %r0, %r1, %r2, %r3",
                          "ld.global.u32 %r0, %l0",
                          "ld.global.v2.u32 {%r0, %r1, %r2}, [%l0]",
                          "ld.global.v2.u32 %r0, [%l0]",
                          "ld.global.u32 %r0, [%f0]",
                          "ld.global.u32 %r0, [%h0]",
                          "ld.global.u64 %r0, [%l0]",
                          "st.global.u32 [%l0], {%r0, %r1}",
                          "mov.b64 {%r0, %h0}, %l0",
                          "mov.b32 {%r0, %r1}, %r2",
                          "mul.wide.s32 %r0, %r1, %r2",
                          "bra 5",
                          "@%r0 ret",
                          "ret %r0",
                          "atom.global.add.u32 [%l0], %r0",
                          "red.global.add.u32 %r0, [%l0], %r1",
                          "shfl.sync.up.b32 %r0, %r1, 1",
                          "cvt.u32.u64 %r0, %f0",
                          "not.pred %r0, %p0",
                          "add.s32 %r0, -%r1, %r2",
                          "mov.f32 %v0, %f0",
                          "mov.f32 %f0, %v0",
                          "add.s32 %r0.x, %r1, %r2",
                          "vote.sync.ballot.b32 %r0, %r1, 1",
                          "bar.sync",
                          "bar.sync 0, 32, 3",
                          "add.s32 _, %r0, %r1",
                          "add.f16 %h0, %h1, 1",
                          "mov.f32 %f0, 3",
                          "mov.b32 %r0, 1.5"}) {
    EXPECT_EQ(RefusalCode(Kernel(registers + bad + "; ret;")), Code::kMalformed) << bad;
  }
  for (const char* good :
       {"ld.global.u16 %r0, [%l0]", "st.global.u8 [%l0], %r1", "cvt.u64.u8 %l0, %r0",
        "mov.f32 %f0, %v1.y", "ld.global.v4.f32 %v0, [%l0]", "mov.b32 {%h0, _}, %r0",
        "mov.u32 %r0, %tid.x", "setp.eq.s32 %p0|%p1, %r1, %r2", "mov.b32 %r0, %f0",
        "vmad.s32.u32.s32.sat %r0, %r1.b0, -%r2.h1, %r1", "mov.pred %p0, 1", "bar.sync 0, 32",
        "atom.global.add.u32 _, [%l0], %r0", "and.b32 %r0, %f0, 7", "abs.s32 %r0, %r1"}) {
    EXPECT_EQ(Refusal(Kernel(registers + good + "; ret;")), "accepted") << good;
  }
}

TEST(PtxParse, EvaluatesConstantExpressionsAsPtxas) {
  const auto value = [](const std::string& expression) {
    const Module module = Parsed(Kernel(".reg .b64 %l<2>; mov.s64 %l0, " + expression + "; ret;"));
    if (module.functions.empty()) return int64_t{0};
    const Function& k = module.functions[0];
    return static_cast<int64_t>(k.Operands(k.body[0])[1].value);
  };
  EXPECT_EQ(value("(1 + 2) * 3 - 4 / 2"), 7);
  EXPECT_EQ(value("-7 / 2"), -3);
  // ~ and ^ give .u64, % takes it: as the assembler folds them, not as C would.
  EXPECT_EQ(value("-7 % 3"), 0);
  EXPECT_EQ(value("7 % -7"), 7);
  EXPECT_EQ(value("(~0) >> 1"), INT64_MAX);
  EXPECT_EQ(value("(-8 ^ 0) / 2"), 0x7ffffffffffffffc);
  EXPECT_EQ(value("(~1) <= 5"), 0);
  EXPECT_EQ(value("-1 >> 4"), -1);
  EXPECT_EQ(value("(.u64)-1 >> 60"), 15);
  EXPECT_EQ(value("1 << 62 >> 61"), 2);
  EXPECT_EQ(value("1 << 64"), 0);
  EXPECT_EQ(value("-1 < 0U"), 0);
  EXPECT_EQ(value("-1 < 0"), 1);
  EXPECT_EQ(value("0x10 | 0b11 ^ 01"), 0x12);
  EXPECT_EQ(value("1 ? 2 : 3 ? 4 : 5"), 2);
  EXPECT_EQ(value("!(5 && 0) + ~0"), 0);
  EXPECT_EQ(value("(0 - 0x7fffffffffffffff - 1) / -1"), INT64_MIN);
  EXPECT_EQ(value("WARP_SZ * 2"), 64);
  EXPECT_EQ(value("-0x8000000000000000"), INT64_MIN);
  EXPECT_EQ(RefusalCode(Kernel(".reg .b64 %l<2>; mov.s64 %l0, 1 / 0; ret;")), Code::kMalformed);
  EXPECT_EQ(RefusalCode(Kernel(".reg .b64 %l<2>; mov.s64 %l0, 0x1ffffffffffffffff; ret;")),
            Code::kMalformed);
}

TEST(PtxParse, ReadsInitialisersWithAddresses) {
  const Module module =
      Parsed(std::string(".version 7.1\n.target sm_75\n") +
             ".func f() { ret; }\n.global .u32 a = 7;\n"
             ".const .align 8 .u64 t[4] = {f, generic(a), a+4, 9};\n"
             ".global .s16 m[2][3] = {{1, -2}, {3}};\n.global .f32 x[] = {1.5, 0f3F800000};\n"
             ".global .u8 b[2] = {0xFF(a), 0xFF00(generic(a))};");
  const Variable& t = *module.FindVariable("t");
  ASSERT_EQ(t.relocations.size(), 3u);
  EXPECT_TRUE(t.relocations[0].is_function);
  EXPECT_TRUE(t.relocations[1].generic);
  EXPECT_EQ(t.relocations[2].addend, 4);
  EXPECT_EQ(t.bytes[24], 9);
  const Variable& m = *module.FindVariable("m");
  EXPECT_EQ(m.elements, 6u);
  EXPECT_EQ(m.bytes, (Bytes{1, 0, 0xfe, 0xff, 0, 0, 3, 0}));
  const Variable& x = *module.FindVariable("x");
  EXPECT_EQ(x.elements, 2u);
  EXPECT_EQ(GetLe<uint32_t>(x.bytes.data()), 0x3fc00000u);
  EXPECT_EQ(module.FindVariable("b")->relocations[1].shift, 8);
}

TEST(PtxParse, RefusesInitialisersThatDoNotFit) {
  for (const char* bad : {".global .u32 a[2] = {1, 2, 3};",
                          ".global .u32 a = {1};",
                          ".global .u32 a[2] = 1;",
                          ".global .u32 a[2] = {{1}, {2}};",
                          ".shared .u32 a = 1;",
                          ".global .u32 a = b;",
                          ".global .u32 b; .global .u32 a = b;",
                          ".global .u32 a = 1.5;",
                          ".global .u32 a[];",
                          ".global .u32 a[99999999999999999];",
                          ".global .u32 a[9999999][9999999][9999999];",
                          ".global .u8 a[3][1099511627776] = {{1}, {2}};",
                          ".global .align 3 .u32 a;",
                          ".shared .u32 a[];",
                          ".global .f32 a = 1;",
                          ".global .u32 a[2][2] = {1, 2, 3, 4};",
                          ".global .u32 a[2][2] = {{1, 2}, 3};",
                          ".global .pred p;",
                          ".global .u32 a; .global .u32 a;",
                          ".global .u32 %a;"}) {
    EXPECT_FALSE(Parse(std::string(kHeader) + bad)) << bad;
  }
}

TEST(PtxParse, NormalisesCalls) {
  const Module module =
      Parsed(std::string(kHeader) +
             ".extern .func (.param .b32 r) ext(.param .b64 a);\n.func leaf() { ret; }\n"
             ".entry k() { .reg .b64 %l<2>; .reg .b32 %r<2>;\ncall leaf;\ncall.uni leaf, ();\n"
             "{ .param .b64 p; .param .b32 q; st.param.b64 [p], %l0;\n"
             "call.uni (q), ext, (p); ld.param.b32 %r0, [q]; }\n"
             "proto: .callprototype (.param .b32 _) _ (.param .b64 _);\n"
             "{ .param .b64 p; .param .b32 q; st.param.b64 [p], %l0;\n"
             "call (q), %l1, (p), proto; ld.param.b32 %r0, [q]; }\nret; }");
  const Function& k = *module.FindKernel("k");
  std::vector<std::span<const Operand>> calls;
  for (const Instruction& i : k.body) {
    if (module.OperationOf(i).opcode == Opcode::kCall) calls.push_back(k.Operands(i));
  }
  ASSERT_EQ(calls.size(), 4u);
  for (const auto& call : calls) {
    EXPECT_EQ(call[0].kind, OperandKind::kTuple);
    EXPECT_EQ(call[2].kind, OperandKind::kTuple);
  }
  EXPECT_EQ(calls[0][1].kind, OperandKind::kFunction);
  EXPECT_EQ(calls[2][2].count, 1u);
  EXPECT_EQ(calls[3][1].kind, OperandKind::kRegister);
  EXPECT_EQ(calls[3][3].kind, OperandKind::kPrototype);
}

TEST(PtxParse, ReadsBranchTables) {
  const Module module = Parsed(Kernel(
      ".reg .b32 %r<2>;\nt: .branchtargets c, d, c;\nbrx.idx.uni %r0, t;\nc: ret;\nd: ret;"));
  const Function& k = *module.FindKernel("k");
  EXPECT_EQ(k.Operands(k.body[0])[1].kind, OperandKind::kTable);
  ASSERT_EQ(k.tables.size(), 1u);
  ASSERT_EQ(k.tables[0].targets.size(), 3u);
  EXPECT_EQ(k.labels[k.tables[0].targets[1]].target, 2u);
}

TEST(PtxParse, KeepsSourceLocationsAndSkipsDebugSections) {
  const Module module =
      Parsed(std::string(kHeader) +
             ".file 1 \"k.cu\", 5, 6\n.entry k() {\n.loc 1 10 3\n.loc 1 11 5, function_name $L0, "
             "inlined_at 1 10 3\nret;\n}\n.section .debug_str { $L0: .b8 65 .b8 0 }");
  ASSERT_EQ(module.files.size(), 1u);
  EXPECT_EQ(module.files[0].name, "k.cu");
  const Function& k = *module.FindKernel("k");
  ASSERT_EQ(k.locations.size(), 2u);
  EXPECT_EQ(k.locations[1].line, 11u);
}

TEST(PtxParse, StopsAtItsBounds) {
  Limits small;
  small.text_bytes = 10;
  EXPECT_EQ(RefusalCode(Kernel("ret;"), small), Code::kTooLarge);
  EXPECT_EQ(RefusalCode(Kernel(std::string(100, '{') + std::string(100, '}'))), Code::kTooLarge);
  EXPECT_EQ(RefusalCode(Kernel(".reg .b64 %l<2>; mov.u64 %l0, " + std::string(1000, '(') + "1;")),
            Code::kTooLarge);
  EXPECT_EQ(RefusalCode(Kernel(".reg .b64 %l<2>; mov.u64 %l0, " + std::string(1000, '-') + "1;")),
            Code::kTooLarge);
  EXPECT_EQ(RefusalCode(Kernel(std::string(5000, 'a') + ": ret;")), Code::kTooLarge);
  Limits few;
  few.tokens = 20;
  EXPECT_EQ(RefusalCode(Kernel("ret; ret; ret;"), few), Code::kTooLarge);
  few = Limits{};
  few.names = 3;
  EXPECT_EQ(RefusalCode(Kernel("c: d: e: f: ret;"), few), Code::kTooLarge);
  std::string elements = "{%r0";
  for (int i = 0; i < 300; ++i) elements += ", %r0";
  EXPECT_EQ(RefusalCode(Kernel(".reg .b32 %r<2>; mov.b32 %r0, " + elements + "};")),
            Code::kTooLarge);
  few = Limits{};
  few.initialiser_bytes = 100;
  EXPECT_EQ(RefusalCode(std::string(kHeader) + ".global .b8 a[2][1000] = {{1}, {2}};", few),
            Code::kTooLarge);
}

TEST(PtxParse, MatchesEveryPrefixOfAModuleToAnErrorOrAModule) {
  // Truncation at any byte must end in an answer, not in a crash.
  const std::string text = Kernel(
      ".reg .b32 %r<4>; .reg .b64 %l<2>; .reg .pred %p<2>;\nL: @!%p0 bra L;\n"
      "ld.global.v2.u32 {%r0, %r1}, [%l0+8]; t: .branchtargets L; brx.idx %r0, t;\nret;");
  for (size_t n = 0; n < text.size(); ++n) {
    const auto module = Parse(text.substr(0, n));
    if (!module) {
      EXPECT_NE(module.error().message, "");
    }
  }
}

TEST(PtxParse, TakesBranchesAndCallsOnlyToWhatTheyMayGoTo) {
  const auto refusal = [](const std::string& line, const std::string& after = "") {
    return Refusal(kHeader + (".func f() { ret; }\n.entry k() {\n.reg .b32 %r; .reg .b64 %l; L:\n"
                              "t: .branchtargets L; c: .calltargets f; p: .callprototype _ ();\n" +
                              line + "\n" + after + "\n}"));
  };
  for (const char* line : {"bra L;", "brx.idx %r, t;", "call %l, p;", "call %l, c;", "call f;",
                           "{ brx.idx %r, t; }", "{ call %l, p; }"}) {
    EXPECT_EQ(refusal(line), "accepted") << line;
  }
  for (const char* line : {"bra t;", "bra c;", "bra p;"}) {
    EXPECT_EQ(refusal(line), "line 8: bra needs a label") << line;
  }
  for (const char* line : {"brx.idx %r, L;", "brx.idx %r, c;", "brx.idx %r, p;"}) {
    EXPECT_NE(refusal(line), "accepted") << line;
  }
  for (const char* line : {"call %l;", "call %l, L;", "call %l, t;", "call f, p;", "call f, c;"}) {
    EXPECT_NE(refusal(line), "accepted") << line;
  }
  EXPECT_NE(refusal("brx.idx %r, u;", "u: .branchtargets L;"), "accepted");
  EXPECT_NE(refusal("call %l, q;", "q: .callprototype _ ();"), "accepted");
  EXPECT_NE(refusal("call %l, d;", "d: .calltargets f;"), "accepted");
}

// ptxas's rules: tests/reference/ptxas_test.cc asks it.
TEST(PtxParse, RefusesKernelsWithMoreStaticSharedMemoryThanTheirTargetGrants) {
  const auto refusal = [](const std::string& target, uint32_t bytes) {
    return Refusal(
        fmt::format(".version 9.0\n.target {}\n.visible .entry k() {{\n"
                    ".shared .b8 s[{}]; ret; }}\n",
                    target, bytes));
  };
  for (const char* target : {"sm_50", "sm_75", "sm_90", "sm_100", "sm_100f", "sm_120"}) {
    EXPECT_EQ(refusal(target, 49152), "accepted") << target;
    EXPECT_EQ(refusal(target, 49153),
              fmt::format("line 3: kernel 'k' has 49153 bytes of static shared memory; 49152 are "
                          "the most on {}",
                          target));
  }
  EXPECT_EQ(refusal("sm_90a", 232448), "accepted");
  EXPECT_NE(refusal("sm_90a", 232449), "accepted");
  EXPECT_EQ(refusal("sm_120a", 101376), "accepted");
  EXPECT_NE(refusal("sm_120a", 101377), "accepted");
  EXPECT_EQ(RefusalCode(std::string(kHeader) + ".entry k() { .shared .b8 s[60000]; ret; }"),
            Code::kTooLarge);
}

TEST(PtxParse, CountsSharedVariablesOfWhatAKernelReaches) {
  const auto accepted = [](const std::string& text) {
    return Refusal(kHeader + text) == "accepted";
  };
  const std::string kernel = ".entry k() { .reg .b64 %l; ";
  const std::string far = ".func f() { .shared .b8 s[30000]; ret; }\n";
  const std::string own = ".shared .b8 s[30000]; ";
  EXPECT_TRUE(accepted(far + kernel + own + "ret; }"));
  EXPECT_FALSE(accepted(far + kernel + own + "call f; ret; }"));
  EXPECT_FALSE(accepted(far + kernel + own + "mov.u64 %l, f; ret; }"));
  const std::string table = ".global .u64 t[1] = {f};\n";
  EXPECT_TRUE(accepted(far + table + kernel + own + "ret; }"));
  EXPECT_FALSE(accepted(far + table + kernel + own + "mov.u64 %l, t; ret; }"));
  EXPECT_FALSE(accepted(far + table + kernel + own + "p: .callprototype _ (.param .b32 x); " +
                        ".param .b32 a; mov.u64 %l, 0; call %l, (a), p; ret; }"));
  const std::string both = ".shared .b8 a[30000];\n.shared .b8 b[30000];\n";
  EXPECT_TRUE(accepted(both + kernel + "mov.u64 %l, a; ret; }"));
  EXPECT_FALSE(accepted(both + kernel + "mov.u64 %l, a; mov.u64 %l, b; ret; }"));
  EXPECT_TRUE(accepted(".entry a() { " + own + "ret; }\n.entry b() { " + own + "ret; }"));
  // Padding counts; the dynamic part does but to where it would begin.
  EXPECT_TRUE(accepted(kernel + ".shared .b8 a; .shared .align 16 .b8 b[49136]; ret; }"));
  EXPECT_FALSE(accepted(kernel + ".shared .b8 a; .shared .align 16 .b8 b[49137]; ret; }"));
  const std::string dynamic = ".extern .shared .align 32768 .b8 d[];\n";
  EXPECT_TRUE(accepted(dynamic + kernel + "mov.u64 %l, d; ret; }"));
  EXPECT_TRUE(accepted(dynamic + kernel + ".shared .b8 a[32768]; ret; }"));
  EXPECT_FALSE(accepted(dynamic + kernel + ".shared .b8 a[32769]; ret; }"));
}

TEST(PtxParse, RefusesMoreConstantsThanAModuleMayHave) {
  const auto refusal = [](const std::string& text) { return Refusal(kHeader + text); };
  EXPECT_EQ(refusal(".const .b8 c[65536];\n"), "accepted");
  EXPECT_EQ(refusal(".const .b8 a[65535];\n.const .b8 c[2];\n"),
            "line 5: with 'c' the module has 65537 bytes of constants; 65536 are the most");
  EXPECT_EQ(RefusalCode(std::string(kHeader) + ".const .b8 c[65537];"), Code::kTooLarge);
  EXPECT_NE(refusal(".visible .const .b8 c[65537] = {1};"), "accepted");
  EXPECT_NE(refusal(".const .b8 c[40000], d[40000]; .entry k() { ret; }"), "accepted");
  // Padding counts.
  EXPECT_EQ(refusal(".const .b8 c; .const .align 4 .b8 d[65532];"), "accepted");
  EXPECT_NE(refusal(".const .b8 c; .const .align 4 .b8 d[65533];"), "accepted");
}

TEST(PtxParse, GivesUpOnSharedMemoryThatKernelsReachTooOften) {
  // 4,000 kernels, each of which names 5,000 variables through a function.
  std::string text = std::string(kHeader) + ".shared .b8 most[49152];\n";
  std::string names;
  for (int i = 0; i < 5000; ++i) {
    text += fmt::format(".shared .b8 v{};\n", i);
    names += fmt::format("mov.u64 %l, v{};\n", i);
  }
  text += ".func f() { .reg .b64 %l;\n" + names + "ret; }\n";
  for (int i = 0; i < 4000; ++i) text += fmt::format(".entry k{}() {{ call f; ret; }}\n", i);
  EXPECT_EQ(RefusalCode(text), Code::kTooLarge);
}

TEST(PtxParse, RefusesWhatTheHeadersTargetOrVersionLacks) {
  const auto refusal = [](const std::string& version, const std::string& target,
                          const std::string& text) {
    return Refusal(".version " + version + "\n.target " + target + "\n" + text);
  };
  const auto line = [&](const std::string& version, const std::string& target,
                        const std::string& text) {
    return refusal(
        version, target,
        ".entry k() { .reg .f32 %f<4>; .reg .b32 %r<4>; .reg .b16 %h<4>;\n" + text + "; ret; }");
  };
  constexpr const char* kRedux = "redux.sync.add.s32 %r0, %r1, %r2";
  EXPECT_EQ(line("9.0", "sm_75", kRedux), "line 4: 'redux.sync.add.s32': it needs .target sm_80");
  EXPECT_EQ(line("7.0", "sm_80", kRedux), "accepted");
  EXPECT_EQ(line("7.5", "sm_80", "bmsk.clamp.b32 %r0, %r1, %r2"),
            "line 4: 'bmsk.clamp.b32': it needs .version 7.6");
  // What only targets with a suffix have.
  const std::tuple<const char*, std::vector<std::string>, std::vector<std::string>> suffixed[] = {
      {"setmaxnreg.dec.sync.aligned.u32 64", {"sm_90a", "sm_100f", "sm_121a"}, {"sm_90", "sm_120"}},
      {"redux.sync.max.f32 %f0, %f1, %r2",
       {"sm_100a", "sm_103f"},
       {"sm_100", "sm_110a", "sm_120a"}},
      {"cvt.rs.f16x2.f32 %r0, %f1, %f2, %r3", {"sm_100a", "sm_103a"}, {"sm_100f", "sm_120a"}},
      {"cvt.rp.ue8m0x2.bf16x2 %h0, %r1", {"sm_100f", "sm_120a"}, {"sm_90a", "sm_100"}},
      {"wgmma.fence.sync.aligned", {"sm_90a"}, {"sm_90", "sm_100a"}}};
  for (const auto& [text, good, bad] : suffixed) {
    for (const std::string& target : good) EXPECT_EQ(line("9.0", target, text), "accepted") << text;
    for (const std::string& target : bad) EXPECT_NE(line("9.0", target, text), "accepted") << text;
  }
  EXPECT_EQ(line("9.0", "sm_90", "wgmma.fence.sync.aligned"),
            "line 4: 'wgmma.fence.sync.aligned': sm_90 lacks it");
  EXPECT_EQ(refusal("9.0", "sm_75", ".entry k() .maxclusterrank 4 { ret; }"),
            "line 3: 'k' needs .target sm_90");
  EXPECT_EQ(line("9.0", "sm_80", "mov.u32 %r0, %cluster_ctarank"),
            "line 3: 'k' needs .target sm_90");
  EXPECT_EQ(line("8.0", "sm_90", "mov.u32 %r0, %aggr_smem_size"), "line 3: 'k' needs .version 8.1");
  EXPECT_EQ(refusal("8.0", "sm_75", ".entry k(.param .b8 p[4353]) { ret; }"),
            "line 3: 'k' needs .version 8.1");
  EXPECT_EQ(refusal("9.0", "sm_62", ".entry k(.param .b8 p[4353]) { ret; }"),
            "line 3: 'k' needs .target sm_70");
  EXPECT_EQ(refusal("9.0", "sm_75", ".entry k(.param .b8 p[32764]) { ret; }"), "accepted");
  EXPECT_EQ(refusal("9.0", "sm_75", ".entry k(.param .b8 p[32765]) { ret; }"),
            "line 3: 'k' has 32765 bytes of parameters; 32764 are the most");
  EXPECT_EQ(refusal("9.0", "sm_75", ".entry k() .maxntid 32 .reqntid 32 { ret; }"),
            "line 3: 'k' has .maxntid beside .reqntid");
  EXPECT_EQ(refusal("7.0", "sm_75", ".global .u32 x; .global .u8 m[1] = {0xff(x)};"),
            "the module's variables need .version 7.1");
  EXPECT_NE(refusal("9.0", "sm_75", ".local .b8 l[8];"), "accepted");
}

}  // namespace
}  // namespace souk::ptx
