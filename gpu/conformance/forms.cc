#include "gpu/conformance/forms.h"

#include "gpu/cpu/choose.h"
#include "gpu/cpu/supported.h"
#include "gpu/ptx/forms.h"
#include "gpu/ptx/module.h"
#include "gpu/ptx/operands.h"

namespace souk::gpu::conformance {
namespace {

using cpu::Choice;
using cpu::Form;
using ptx::Opcode;
using ptx::Operation;
using ptx::Rounding;
using ptx::Type;

const char* FloatFamily(Type t) {
  if (t == Type::kF64) return "f64 arithmetic";
  if (t == Type::kF16 || t == Type::kF16x2) return "f16 arithmetic";
  if (t == Type::kBf16 || t == Type::kBf16x2) return "bf16 arithmetic";
  return "f32 arithmetic";
}

// The line of the report that an operation counts for.
std::string FamilyOf(const Operation& o) {
  if (o.approx || o.full) return "approximate";
  if (o.cc) return "carry chains";
  if (ptx::IsVideo(o.opcode)) return "video";
  switch (o.opcode) {
    case Opcode::kAddc:
    case Opcode::kSubc:
    case Opcode::kMadc:
      return "carry chains";
    case Opcode::kDp4a:
    case Opcode::kDp2a:
      return "dot products";
    case Opcode::kShl:
    case Opcode::kShr:
    case Opcode::kShf:
      return "shifts";
    case Opcode::kSetp:
    case Opcode::kSet:
    case Opcode::kTestp:
      return "compare";
    case Opcode::kSelp:
    case Opcode::kSlct:
    case Opcode::kMov:
      return "select and move";
    case Opcode::kCvt:
      return "convert";
    case Opcode::kTanh:
      return "approximate";
    case Opcode::kAnd:
    case Opcode::kOr:
    case Opcode::kXor:
    case Opcode::kNot:
    case Opcode::kCnot:
    case Opcode::kLop3:
    case Opcode::kBfe:
    case Opcode::kBfi:
    case Opcode::kBfind:
    case Opcode::kBrev:
    case Opcode::kPopc:
    case Opcode::kClz:
    case Opcode::kBmsk:
    case Opcode::kSzext:
    case Opcode::kFns:
    case Opcode::kPrmt:
      return "bits";
    default:
      return ptx::IsFloat(o.type) ? FloatFamily(o.type) : "integer";
  }
}

std::string GroupOf(const Operation& o) {
  std::string group = ptx::OpcodeName(o.opcode);
  for (const Type t : {o.type, o.type2}) {
    if (t != Type::kNone) group += std::string(".") + ptx::TypeName(t);
  }
  return group;
}

// PTX ISA 9.7.3: NaN payloads are the device's own, except that halves, and .NaN, give the
// canonical one.
Agreement AgreementOf(const Operation& o, Type result) {
  if (!ptx::IsFloat(result)) return Agreement::kBits;
  switch (o.opcode) {
    case Opcode::kSelp:
    case Opcode::kSlct:
    case Opcode::kMov:
    case Opcode::kCopysign:
    case Opcode::kSet:
      return Agreement::kBits;
    default:
      return Agreement::kAnyNan;
  }
}

Approximation ApproximationOf(const Operation& o) {
  const bool wide = o.type == Type::kF64;
  switch (o.opcode) {
    case Opcode::kDiv:
      return o.full     ? Approximation::kDivFull
             : o.approx ? Approximation::kDivApprox
                        : Approximation::kNone;
    case Opcode::kRcp:
      if (!o.approx) return Approximation::kNone;
      return wide ? Approximation::kRcpFtz64 : Approximation::kRcp;
    case Opcode::kSqrt:
      return o.approx ? Approximation::kSqrt : Approximation::kNone;
    case Opcode::kRsqrt:
      if (!wide) return Approximation::kRsqrt;
      return o.ftz ? Approximation::kRsqrtFtz64 : Approximation::kRsqrt64;
    case Opcode::kSin:
      return Approximation::kSin;
    case Opcode::kCos:
      return Approximation::kCos;
    case Opcode::kLg2:
      return Approximation::kLg2;
    case Opcode::kEx2:
      return Approximation::kEx2;
    case Opcode::kTanh:
      return Approximation::kTanh;
    default:
      return Approximation::kNone;
  }
}

Role RoleOf(const Operation& o, size_t source) {
  switch (o.opcode) {
    case Opcode::kShl:
    case Opcode::kShr:
    case Opcode::kSzext:
      return source == 1 ? Role::kCount : Role::kValue;
    case Opcode::kShf:
    case Opcode::kBfi:
      return source >= 2 ? Role::kCount : Role::kValue;
    case Opcode::kBfe:
      return source >= 1 ? Role::kCount : Role::kValue;
    case Opcode::kBmsk:
      return Role::kCount;
    case Opcode::kFns:
      return source == 0 ? Role::kValue : source == 1 ? Role::kBase : Role::kOffset;
    case Opcode::kSin:
    case Opcode::kCos:
      return Role::kAngle;
    default:
      return Role::kValue;
  }
}

const char* const kSourceNames[] = {"%a", "%b", "%c", "%e"};

FormCase Outline(const Operation& o, Type result) {
  FormCase c;
  c.family = FamilyOf(o);
  c.form = o.spelling;
  c.group = GroupOf(o);
  c.result = result;
  c.agreement = AgreementOf(o, result);
  c.approximation = ApproximationOf(o);
  if (c.approximation != Approximation::kNone) c.agreement = Agreement::kBounded;
  c.ftz = o.ftz;
  c.target = std::max(c.target, o.needs_target);
  c.version = std::max(c.version, o.needs_version);
  return c;
}

void AddSource(FormCase& c, const Operation& o, Type type) {
  c.sources.push_back({type, RoleOf(o, c.sources.size())});
}

// "op %d, %a, %b, %c TAIL;" for the sources that the case has.
void Spell(FormCase& c, const Operation& o, const std::string& tail = "") {
  c.code = o.spelling + " %d";
  for (size_t i = 0; i < c.sources.size(); ++i) c.code += std::string(", ") + kSourceNames[i];
  c.code += tail + ";";
}

// The result is that of the widest reading: what is stored is the register.
std::vector<FormCase> Plain(const Operation& o, const Choice& choice) {
  Type result = choice.dst;
  // mul.wide and mad.wide write twice the width, signed or not.
  FormCase c = Outline(o, result);
  for (size_t i = 0; i < choice.sources; ++i) AddSource(c, o, choice.source[i]);
  if (o.opcode != Opcode::kLop3) {
    Spell(c, o);
    return {c};
  }
  // Every single input, the usual three-input functions, and both constants.
  std::vector<FormCase> cases;
  for (const char* table : {"0x00", "0x01", "0x80", "0x96", "0xe8", "0xca", "0xb8", "0xf0", "0xcc",
                            "0xaa", "0x1e", "0x6a", "0x3f", "0xff"}) {
    FormCase one = c;
    one.form += std::string(", table ") + table;
    Spell(one, o, std::string(", ") + table);
    cases.push_back(std::move(one));
  }
  return cases;
}

// The flag is made first: %e + all ones carries where %e is not 0 (as sub.cc borrows). What an
// instruction leaves in the flag is its second form.
std::vector<FormCase> Carries(const Operation& o, const Choice& choice) {
  FormCase c = Outline(o, o.type);
  for (size_t i = 0; i < 4; ++i) AddSource(c, o, o.type);
  const std::string type = ptx::TypeName(o.type);
  const std::string bits = std::to_string(ptx::TypeBits(o.type));
  const std::string third = choice.sources == 3 ? ", %c" : "";
  const std::string ones = "0x" + std::string(ptx::TypeBits(o.type) / 4, 'f');
  const bool borrows = o.opcode == Opcode::kSub || o.opcode == Opcode::kSubc;
  const std::string flag =
      borrows ? "sub.cc.u" + bits + " %t, 0, %e; " : "add.cc.u" + bits + " %t, %e, " + ones + "; ";
  const std::string before = ".reg .b" + bits + " %t; " + flag + o.spelling;
  std::vector<FormCase> cases = {c};
  cases[0].code = before + " %d, %a, %b" + third + ";";
  if (o.cc) {
    FormCase out = c;
    out.form += ", flag";
    out.code = before + " %t, %a, %b" + third + "; " + (borrows ? "subc" : "addc") + ".u" + bits +
               " %d, 0, 0;";
    cases.push_back(std::move(out));
  }
  return cases;
}

std::vector<FormCase> Converts(const Operation& o, const Choice& choice) {
  FormCase c = Outline(o, choice.dst);
  for (size_t i = 0; i < choice.sources; ++i) AddSource(c, o, choice.source[i]);
  Spell(c, o);
  // A byte stands in a wider register, but beside .bf16 ptxas wants one of its own size.
  const Type byte = ptx::TypeBits(choice.dst) == 8 ? choice.dst : choice.source[0];
  const Type other = byte == choice.dst ? choice.source[0] : choice.dst;
  if (ptx::TypeBits(byte) != 8 || other != Type::kBf16) return {c};
  const std::string name = ptx::TypeName(byte);
  const std::string wide = name.substr(0, 1) + "16";
  c.code = ".reg ." + name + " %byte; " +
           (byte == choice.dst
                ? o.spelling + " %byte, %a; cvt." + wide + "." + name + " %d, %byte;"
                : "cvt." + name + "." + wide + " %byte, %a; " + o.spelling + " %d, %byte;");
  return {c};
}

std::vector<FormCase> Compares(const Operation& o, const Choice& choice) {
  const bool setp = choice.form == Form::kSetp;
  FormCase c = Outline(o, setp ? Type::kPred : o.type);
  const Type source = setp ? o.type : o.type2;
  AddSource(c, o, source);
  AddSource(c, o, source);
  if (o.combine != ptx::Combine::kNone) AddSource(c, o, Type::kPred);
  Spell(c, o);
  std::vector<FormCase> cases = {c};
  // setp's second result, which halves do not have.
  if (!setp || (ptx::TypeBits(o.type) == 16 && ptx::IsFloat(o.type))) return cases;
  FormCase second = c;
  second.form += ", second result";
  const size_t end = c.code.find("%d");
  second.code = ".reg .pred %t; " + c.code.substr(0, end) + "%t|%d" + c.code.substr(end + 2);
  cases.push_back(std::move(second));
  return cases;
}

std::vector<FormCase> Tests(const Operation& o) {
  FormCase c = Outline(o, Type::kPred);
  AddSource(c, o, o.type);
  Spell(c, o);
  return {c};
}

std::vector<FormCase> Pairs(const Operation& o) {
  FormCase c = Outline(o, Type::kB32);
  AddSource(c, o, Type::kB32);
  AddSource(c, o, Type::kB32);
  Spell(c, o);
  return {c};
}

std::vector<FormCase> Moves(const Operation& o) {
  FormCase c = Outline(o, o.type);
  AddSource(c, o, o.type);
  Spell(c, o);
  std::vector<FormCase> cases = {c};
  const auto add = [&](const char* form, const char* code, Type result,
                       std::initializer_list<Type> sources) {
    FormCase more = c;
    more.form += form;
    more.code = code;
    more.result = result;
    more.sources.clear();
    for (const Type t : sources) more.sources.push_back({t, Role::kValue});
    cases.push_back(std::move(more));
  };
  if (o.type == Type::kB32) {
    add(", packs", "mov.b32 %d, {%a, %b};", Type::kB32, {Type::kB16, Type::kB16});
    add(", unpacks low", ".reg .b16 %t; mov.b32 {%d, %t}, %a;", Type::kB16, {Type::kB32});
    add(", unpacks high", ".reg .b16 %t; mov.b32 {%t, %d}, %a;", Type::kB16, {Type::kB32});
  }
  if (o.type == Type::kB64) {
    add(", packs", "mov.b64 %d, {%a, %b};", Type::kB64, {Type::kB32, Type::kB32});
    add(", packs four", "mov.b64 %d, {%a, %b, %c, %e};", Type::kB64,
        {Type::kB16, Type::kB16, Type::kB16, Type::kB16});
    add(", unpacks low", ".reg .b32 %t; mov.b64 {%d, %t}, %a;", Type::kB32, {Type::kB64});
    add(", unpacks high", ".reg .b32 %t; mov.b64 {%t, %d}, %a;", Type::kB32, {Type::kB64});
  }
  return cases;
}

// Whether the syntax has such an instruction: which selectors, signs and merges go together is
// written there and nowhere else.
bool Parses(const std::string& code) {
  return static_cast<bool>(
      ptx::Parse(".version 9.0\n.target sm_90\n.address_size 64\n.visible .entry k() {\n"
                 ".reg .b32 %d, %a, %b, %c;\n" +
                 code + "\nret;\n}\n"));
}

// Whole registers, and parts of them; into a whole register, and into a part of %c.
std::vector<FormCase> Videos(const Operation& o) {
  std::vector<const char*> operands;
  switch (ptx::VideoWays(o.opcode)) {
    case 2:
      operands = {"%d, %a, %b, %c", "%d.h1, %a.h21, %b.h03, %c"};
      break;
    case 4:
      operands = {"%d, %a, %b, %c", "%d.b20, %a.b7531, %b.b0246, %c"};
      break;
    default:
      operands = {"%d, %a, %b", "%d, %a.b2, %b.h1", "%d, %a, %b, %c", "%d, %a.b3, %b.h0, %c",
                  "%d.h1, %a.b1, %b.b0, %c"};
      break;
  }
  std::vector<FormCase> cases;
  for (const char* const one : operands) {
    FormCase c = Outline(o, Type::kB32);
    c.form += std::string(" ") + one;
    c.code = o.spelling + " " + one + ";";
    for (size_t i = 0; i < 3; ++i) AddSource(c, o, Type::kB32);
    if (Parses(c.code)) cases.push_back(std::move(c));
  }
  return cases;
}

// Float additions without a rounding are those with .rn in canonical form.
bool IsRewritten(const Operation& o) {
  const bool fusible =
      o.opcode == Opcode::kAdd || o.opcode == Opcode::kSub || o.opcode == Opcode::kMul;
  return fusible && ptx::IsFloat(o.type) && o.rounding == Rounding::kNone;
}

}  // namespace

bool HasNoRegisterForm(Opcode opcode) {
  switch (opcode) {
    case Opcode::kLd:
    case Opcode::kLdu:
    case Opcode::kSt:
    case Opcode::kAtom:
    case Opcode::kRed:
    case Opcode::kCp:
    case Opcode::kCvta:
    case Opcode::kIsspacep:
    case Opcode::kMbarrier:
    case Opcode::kShfl:
    case Opcode::kVote:
    case Opcode::kMatch:
    case Opcode::kRedux:
    case Opcode::kElect:
    case Opcode::kActivemask:
    case Opcode::kWmma:
    case Opcode::kMma:
    case Opcode::kLdmatrix:
    case Opcode::kBar:
    case Opcode::kBarrier:
    case Opcode::kBra:
    case Opcode::kBrx:
    case Opcode::kCall:
    case Opcode::kAlloca:
    case Opcode::kStacksave:
    case Opcode::kStackrestore:
    case Opcode::kRet:
    case Opcode::kExit:
    case Opcode::kTrap:
    case Opcode::kBrkpt:
    case Opcode::kFence:
    case Opcode::kMembar:
    case Opcode::kNanosleep:
    case Opcode::kPrefetch:
    case Opcode::kPrefetchu:
    case Opcode::kDiscard:
    case Opcode::kApplypriority:
    case Opcode::kPmevent:
    case Opcode::kCreatepolicy:
    case Opcode::kGriddepcontrol:
      return true;
    default:
      return false;
  }
}

std::vector<FormCase> CasesOf(const Operation& o) {
  if (cpu::WhyUnsupportedOperation(o) || IsRewritten(o)) return {};
  const Choice choice = cpu::Choose(o);
  switch (choice.form) {
    case Form::kPlain:
      return Plain(o, choice);
    case Form::kCarry:
      return Carries(o, choice);
    case Form::kCvt:
      return Converts(o, choice);
    case Form::kSetp:
    case Form::kSet:
    case Form::kHalfPairSet:
      return Compares(o, choice);
    case Form::kTestp:
      return Tests(o);
    case Form::kIntegerPair:
      return Pairs(o);
    case Form::kVideo:
      return Videos(o);
    case Form::kMov:
      return Moves(o);
    default:
      return {};
  }
}

void AddCase(std::vector<FormCase>& cases, const std::string& spelling, FormCase one) {
  const Operation o = ptx::DecodeOperation(spelling);
  if (cpu::WhyUnsupportedOperation(o)) return;
  one.target = std::max(one.target, o.needs_target);
  one.version = std::max(one.version, o.needs_version);
  cases.push_back(std::move(one));
}

std::vector<FormCase> RegisterForms() {
  std::vector<FormCase> all;
#define X(name, text) Opcode::name,
  for (const Opcode opcode : {SOUK_PTX_OPCODES(X)}) {
#undef X
    if (HasNoRegisterForm(opcode)) continue;
    for (const std::string& spelling : ptx::Spellings(opcode)) {
      for (FormCase& one : CasesOf(ptx::DecodeOperation(spelling))) all.push_back(std::move(one));
    }
  }
  return all;
}

}  // namespace souk::gpu::conformance
