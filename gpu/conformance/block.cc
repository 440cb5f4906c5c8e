// Between the lanes of a warp, and between the warps of a block. Only what the ISA fixes: members
// take part, and nobody reads from a lane that does not. PTX ISA 9.7.9 (shfl), 9.7.13 and
// 9.7.14.
#include "gpu/conformance/forms.h"

namespace souk::gpu::conformance {
namespace {

using ptx::Type;

FormCase BlockCase(const char* family, const std::string& form, const std::string& group,
                   const std::string& code, Type result, std::vector<FormCase::Source> sources) {
  return {.family = family,
          .form = form,
          .group = group,
          .code = code,
          .result = result,
          .sources = std::move(sources),
          .surroundings = Surroundings::kBlock};
}

constexpr char kWarp[] = "warp";
constexpr char kBarrier[] = "barrier";
constexpr char kMatrix[] = "matrix";

// All lanes; or the odd ones in one branch and the even ones in the other. `code` has MEMBERS where
// the mask stands.
std::string InHalves(const std::string& code) {
  const auto with = [&](const char* mask) {
    std::string text = code;
    const size_t at = text.find("MEMBERS");
    return text.replace(at, 7, mask);
  };
  return ".reg .pred %odd; and.b32 %flag, %lane, 1; setp.eq.u32 %odd, %flag, 1; "
         "@%odd bra ODD; " +
         with("0x55555555") + " bra BOTH; ODD: " + with("0xaaaaaaaa") + " BOTH: ";
}
std::string ByAll(const std::string& code) {
  std::string text = code;
  return text.replace(text.find("MEMBERS"), 7, "-1");
}

void AddShuffles(std::vector<FormCase>& cases) {
  const FormCase::Source value{Type::kB32, Role::kValue};
  for (const std::string mode : {"up", "down", "bfly", "idx"}) {
    const std::string spelling = "shfl.sync." + mode + ".b32";
    // Segments of 32, 16, 8 and 2 lanes: mask << 8 | clamp; up clamps at the segment's start.
    for (const auto& [width, mask] :
         {std::pair("32", 0x00), {"16", 0x10}, {"8", 0x18}, {"2", 0x1e}}) {
      const int bounds = mask << 8 | (mode == "up" ? 0 : 0x1f);
      for (const int by : {0, 1, 2, 5, 16, 31, 33}) {
        const std::string form = spelling + ", width " + width + ", by " + std::to_string(by);
        const std::string tail =
            ", " + std::to_string(by) + ", " + std::to_string(bounds) + ", MEMBERS;";
        AddCase(cases, spelling,
                BlockCase(kWarp, form, "shfl." + mode, ByAll(spelling + " %d, %a" + tail),
                          Type::kB32, {value}));
        AddCase(cases, spelling,
                BlockCase(kWarp, form + ", in range", "shfl." + mode,
                          ByAll(".reg .b32 %t; " + spelling + " %t|%d, %a" + tail), Type::kPred,
                          {value}));
      }
    }
    if (mode == "idx") continue;
    // Odd lanes read odd lanes, even lanes even ones.
    AddCase(cases, spelling,
            BlockCase(
                kWarp, spelling + ", odd and even lanes apart", "shfl." + mode,
                InHalves(spelling + " %d, %a, 2, " + (mode == "up" ? "0" : "0x1f") + ", MEMBERS;"),
                Type::kB32, {value}));
  }
  const std::string idx = "shfl.sync.idx.b32";
  AddCase(
      cases, idx,
      BlockCase(kWarp, idx + ", from any lane", "shfl.idx",
                ByAll(".reg .b32 %t; and.b32 %t, %b, 31; " + idx + " %d, %a, %t, 0x1f, MEMBERS;"),
                Type::kB32, {value, value}));
}

// Predicates by warp: none, all, one, or as the inputs have it.
std::string Votes() {
  return ".reg .pred %votes, %one; .reg .b32 %kind; shr.u32 %kind, %row, 5; "
         "and.b32 %kind, %kind, 3; and.b32 %flag, %a, 1; setp.ne.u32 %votes, %flag, 0; "
         "setp.eq.and.u32 %votes, %kind, 1, %votes; setp.eq.or.u32 %votes, %kind, 2, %votes; "
         "setp.eq.u32 %one, %lane, 9; setp.eq.and.u32 %one, %kind, 3, %one; "
         "or.pred %votes, %votes, %one; ";
}

void AddVotes(std::vector<FormCase>& cases) {
  const FormCase::Source value{Type::kB32, Role::kValue};
  for (const std::string mode : {"all", "any", "uni", "ballot"}) {
    const bool ballot = mode == "ballot";
    const std::string spelling = "vote.sync." + mode + (ballot ? ".b32" : ".pred");
    const Type result = ballot ? Type::kB32 : Type::kPred;
    const std::string code = spelling + " %d, %votes, MEMBERS;";
    AddCase(cases, spelling,
            BlockCase(kWarp, spelling, "vote", Votes() + ByAll(code), result, {value}));
    AddCase(cases, spelling,
            BlockCase(kWarp, spelling + ", odd and even lanes apart", "vote",
                      Votes() + InHalves(code), result, {value}));
  }
  for (const std::string bits : {"32", "64"}) {
    // Few values, so that many lanes have the same.
    const std::string few = ".reg .b" + bits + " %few; and.b" + bits + " %few, %a, 3; ";
    const Type type = bits == "32" ? Type::kB32 : Type::kB64;
    const std::string any = "match.any.sync.b" + bits;
    const std::string all = "match.all.sync.b" + bits;
    AddCase(cases, any,
            BlockCase(kWarp, any, "match", few + ByAll(any + " %d, %few, MEMBERS;"), Type::kB32,
                      {{type, Role::kValue}}));
    AddCase(
        cases, any,
        BlockCase(kWarp, any + ", odd and even lanes apart", "match",
                  few + InHalves(any + " %d, %few, MEMBERS;"), Type::kB32, {{type, Role::kValue}}));
    // Every other warp agrees.
    const std::string agree = few +
                              ".reg .pred %agree; and.b32 %flag, %row, 32; "
                              "setp.eq.u32 %agree, %flag, 0; selp.b" +
                              bits + " %few, 7, %few, %agree; ";
    AddCase(cases, all,
            BlockCase(kWarp, all, "match", agree + ByAll(all + " %d, %few, MEMBERS;"), Type::kB32,
                      {{type, Role::kValue}}));
    AddCase(cases, all,
            BlockCase(kWarp, all + ", agreement", "match",
                      agree + ByAll(".reg .b32 %t; " + all + " %t|%d, %few, MEMBERS;"), Type::kPred,
                      {{type, Role::kValue}}));
  }
}

void AddReductions(std::vector<FormCase>& cases) {
  for (const char* tail : {"add.u32", "add.s32", "min.u32", "min.s32", "max.u32", "max.s32",
                           "and.b32", "or.b32", "xor.b32"}) {
    const std::string spelling = std::string("redux.sync.") + tail;
    const std::string code = spelling + " %d, %a, MEMBERS;";
    const FormCase::Source value{Type::kB32, Role::kValue};
    AddCase(cases, spelling, BlockCase(kWarp, spelling, "redux", ByAll(code), Type::kB32, {value}));
    AddCase(cases, spelling,
            BlockCase(kWarp, spelling + ", odd and even lanes apart", "redux", InHalves(code),
                      Type::kB32, {value}));
  }
  // Whoever is elected: it is one, and all are told who.
  AddCase(cases, "elect.sync",
          BlockCase(kWarp, "elect.sync", "elect",
                    ".reg .pred %me; .reg .b32 %who, %told; elect.sync %who|%me, -1; "
                    "vote.sync.ballot.b32 %told, %me, -1; shl.b32 %who, 1, %who; "
                    "xor.b32 %d, %who, %told;",
                    Type::kB32, {}));
  AddCase(cases, "bar.warp.sync",
          BlockCase(kWarp, "bar.warp.sync", "bar.warp",
                    ".reg .b64 %at; .reg .b32 %t; st.shared.b32 [%slot], %a; bar.warp.sync -1; "
                    "xor.b32 %t, %self, 21; mul.wide.u32 %at, %t, 8; .reg .b64 %base; "
                    "mov.u64 %base, sh; add.s64 %at, %at, %base; ld.shared.b32 %d, [%at];",
                    Type::kB32, {{Type::kB32, Role::kValue}}));
}

// %d of a thread's registers %t0 …, so that each of them shows.
std::string Mixed(size_t registers) {
  std::string text = " mov.b32 %d, %t0;";
  for (size_t i = 1; i < registers; ++i) {
    text += " mad.lo.u32 %d, %d, 0x9e3779b1, %t" + std::to_string(i) + ";";
  }
  return text;
}

// Products of bytes, which are exact: the sums begin near the ends of their range where the inputs
// do, and so wrap or saturate.
void AddProducts(std::vector<FormCase>& cases) {
  const FormCase::Source value{Type::kB32, Role::kValue};
  struct Shape {
    const char* name;
    const char* a;
    const char* b;
    const char* c;
    size_t sums;
  };
  const Shape shapes[] = {{"m8n8k16", "{%a}", "{%b}", "{%c, %e}", 2},
                          {"m16n8k16", "{%a, %e}", "{%b}", "{%c, %e, %a, %b}", 4},
                          {"m16n8k32", "{%a, %e, %b, %c}", "{%b, %e}", "{%c, %e, %a, %b}", 4}};
  for (const Shape& shape : shapes) {
    for (const std::string satfinite : {"", ".satfinite"}) {
      for (const char* types : {"s8.s8", "s8.u8", "u8.s8", "u8.u8"}) {
        const std::string spelling = std::string("mma.sync.aligned.") + shape.name + ".row.col" +
                                     satfinite + ".s32." + types + ".s32";
        const std::string sums = shape.sums == 2 ? "{%t0, %t1}" : "{%t0, %t1, %t2, %t3}";
        const std::string code = ".reg .b32 %t<4>; " + spelling + " " + sums + ", " + shape.a +
                                 ", " + shape.b + ", " + shape.c + ";" + Mixed(shape.sums);
        AddCase(cases, spelling,
                BlockCase(kMatrix, spelling, std::string("mma.") + shape.name + satfinite, code,
                          Type::kB32, {value, value, value, value}));
      }
    }
  }
}

// A warp's 32 slots are 16 rows of 16 bytes.
void AddMatrixLoads(std::vector<FormCase>& cases) {
  const std::string address =
      ".reg .b32 %t<4>, %at; st.shared.b64 [%slot], %a; bar.warp.sync -1; mov.u32 %at, sh; "
      "and.b32 %t0, %self, 96; mad.lo.u32 %at, %t0, 8, %at; mul.lo.u32 %t0, %lane, 5; and.b32 "
      "%t0, %t0, 15; mad.lo.u32 %at, %t0, 16, %at; ";
  for (const size_t count : {1, 2, 4}) {
    for (const std::string transposed : {"", ".trans"}) {
      const std::string spelling =
          "ldmatrix.sync.aligned.m8n8.x" + std::to_string(count) + transposed + ".shared.b16";
      std::string registers = "%t0";
      for (size_t i = 1; i < count; ++i) registers += ", %t" + std::to_string(i);
      AddCase(cases, spelling,
              BlockCase(kMatrix, spelling, "ldmatrix",
                        address + spelling + " {" + registers + "}, [%at];" + Mixed(count),
                        Type::kB32, {{Type::kB64, Role::kValue}}));
    }
  }
}

// Each thread leaves its value and takes that of a thread of another warp.
std::string Exchange(const std::string& barrier) {
  return ".reg .b64 %at, %base; .reg .b32 %t; st.shared.b32 [%slot], %a; " + barrier +
         " mad.lo.u32 %t, %self, 7, 37; and.b32 %t, %t, 127; mul.wide.u32 %at, %t, 8; "
         "mov.u64 %base, sh; add.s64 %at, %at, %base; ld.shared.b32 %d, [%at];";
}

void AddBarriers(std::vector<FormCase>& cases) {
  const FormCase::Source value{Type::kB32, Role::kValue};
  const std::pair<const char*, const char*> whole[] = {{"bar.sync", " 0;"},
                                                       {"bar.sync", " 3, 128;"},
                                                       {"barrier.sync", " 1;"},
                                                       {"barrier.sync", " 15, 128;"},
                                                       {"barrier.sync.aligned", " 2;"},
                                                       {"bar.cta.sync", " 4;"},
                                                       {"barrier.cta.sync", " 5, 128;"}};
  for (const auto& [spelling, operands] : whole) {
    AddCase(cases, spelling,
            BlockCase(kBarrier, std::string(spelling) + operands, "sync",
                      Exchange(std::string(spelling) + operands), Type::kB32, {value}));
  }
  // Two halves of the block at barriers of their own: warps 0 and 1, and 2 and 3.
  AddCase(cases, "barrier.sync",
          BlockCase(kBarrier, "barrier.sync of half a block", "sync",
                    ".reg .b64 %at, %base; .reg .b32 %t, %id; st.shared.b32 [%slot], %a; "
                    "shr.u32 %id, %self, 6; add.u32 %id, %id, 1; barrier.sync %id, 64; "
                    "xor.b32 %t, %self, 45; mul.wide.u32 %at, %t, 8; mov.u64 %base, sh; "
                    "add.s64 %at, %at, %base; ld.shared.b32 %d, [%at];",
                    Type::kB32, {value}));
  // The lower half produces and goes on, the upper half waits for it.
  AddCase(cases, "barrier.arrive",
          BlockCase(kBarrier, "barrier.arrive", "arrive",
                    ".reg .b64 %at, %base; .reg .b32 %t; .reg .pred %upper; "
                    "st.shared.b32 [%slot], %a; mov.b32 %d, %a; setp.ge.u32 %upper, %self, 64; "
                    "@%upper bra WAITS; membar.cta; barrier.arrive 7, 128; bra DONE; WAITS: "
                    "barrier.sync 7, 128; sub.u32 %t, %self, 64; mul.wide.u32 %at, %t, 8; "
                    "mov.u64 %base, sh; add.s64 %at, %at, %base; ld.shared.b32 %d, [%at]; DONE: ",
                    Type::kB32, {value}));
  for (const std::string base : {"bar.red", "barrier.red", "barrier.red.aligned"}) {
    const size_t dot = base.find(".aligned");
    const std::string stem = base.substr(0, dot);
    const std::string aligned = dot == std::string::npos ? "" : ".aligned";
    for (const std::string operation : {"popc", "and", "or"}) {
      const bool popc = operation == "popc";
      const std::string spelling = stem + "." + operation + aligned + (popc ? ".u32" : ".pred");
      // Blocks of which all, none, or some say yes.
      AddCase(cases, spelling,
              BlockCase(kBarrier, spelling, "red",
                        ".reg .pred %yes; .reg .b32 %kind; rem.u32 %kind, %block, 3; "
                        "and.b32 %flag, %a, 1; setp.ne.u32 %yes, %flag, 0; "
                        "setp.ge.and.u32 %yes, %kind, 1, %yes; setp.eq.or.u32 %yes, %kind, 2, "
                        "%yes; " +
                            spelling + " %d, 6, %yes;",
                        popc ? Type::kB32 : Type::kPred, {value}));
    }
  }
}

}  // namespace

std::vector<FormCase> BlockForms() {
  std::vector<FormCase> cases;
  AddShuffles(cases);
  AddVotes(cases);
  AddReductions(cases);
  AddProducts(cases);
  AddMatrixLoads(cases);
  AddBarriers(cases);
  return cases;
}

}  // namespace souk::gpu::conformance
