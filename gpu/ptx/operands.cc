#include "gpu/ptx/operands.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace souk::ptx {
namespace {

constexpr uint64_t kBarriers = 16;     // of one block: ISA 9.7.13.1
constexpr uint64_t kWarpThreads = 32;  // a barrier waits for whole warps

struct SignatureRow {
  Opcode opcode;
  const char* signature;
};

constexpr SignatureRow kSignatures[] = {
    {Opcode::kAbs, "Dt St"},
    {Opcode::kActivemask, "D3"},
    {Opcode::kAdd, "Dt St St"},
    {Opcode::kAddc, "Dt St St"},
    {Opcode::kAnd, "Dt St St"},
    {Opcode::kApplypriority, "A I"},
    {Opcode::kBfe, "Dt St S4 S4"},
    {Opcode::kBfi, "Dt St St S4 S4"},
    {Opcode::kBfind, "D4 St"},
    {Opcode::kBmsk, "D4 S4 S4"},
    {Opcode::kBra, "L"},
    {Opcode::kBrev, "Dt St"},
    {Opcode::kBrkpt, ""},
    {Opcode::kBrx, "S4 B"},
    {Opcode::kClz, "D4 St"},
    {Opcode::kCnot, "Dt St"},
    {Opcode::kCopysign, "Dt St St"},
    {Opcode::kCos, "Dt St"},
    {Opcode::kCvta, "Dt St"},
    {Opcode::kDiscard, "A I"},
    {Opcode::kDiv, "Dt St St"},
    {Opcode::kDp2a, "D4 S4 S4 S4"},
    {Opcode::kDp4a, "D4 S4 S4 S4"},
    {Opcode::kElect, "P3 S4"},
    {Opcode::kEx2, "Dt St"},
    {Opcode::kExit, ""},
    {Opcode::kFma, "Dt St St St"},
    {Opcode::kFns, "D3 S3 S3 S3"},
    {Opcode::kGriddepcontrol, ""},
    {Opcode::kIsspacep, "D1 Sp"},
    {Opcode::kLdu, "Vt A"},
    {Opcode::kLg2, "Dt St"},
    {Opcode::kMad24, "Dt St St St"},
    {Opcode::kMadc, "Dt St St St"},
    {Opcode::kMembar, ""},
    {Opcode::kMov, "Mt Mt"},
    {Opcode::kMul24, "Dt St St"},
    {Opcode::kNanosleep, "S4"},
    {Opcode::kNeg, "Dt St"},
    {Opcode::kNot, "Dt St"},
    {Opcode::kOr, "Dt St St"},
    {Opcode::kPopc, "D4 St"},
    {Opcode::kPrefetch, "A"},
    {Opcode::kPrefetchu, "A"},
    {Opcode::kPrmt, "D3 S3 S3 S3"},
    {Opcode::kRcp, "Dt St"},
    {Opcode::kRem, "Dt St St"},
    {Opcode::kRet, ""},
    {Opcode::kRsqrt, "Dt St"},
    {Opcode::kSad, "Dt St St St"},
    {Opcode::kSelp, "Dt St St S1"},
    {Opcode::kSetmaxnreg, "I"},
    {Opcode::kShf, "D3 S3 S3 S4"},
    {Opcode::kShl, "Dt St S4"},
    {Opcode::kShr, "Dt St S4"},
    {Opcode::kSin, "Dt St"},
    {Opcode::kSlct, "Dt St St Su"},
    {Opcode::kSqrt, "Dt St"},
    {Opcode::kSub, "Dt St St"},
    {Opcode::kSubc, "Dt St St"},
    {Opcode::kSzext, "Dt St S4"},
    {Opcode::kTanh, "Dt St"},
    {Opcode::kTestp, "D1 St"},
    {Opcode::kTrap, ""},
    {Opcode::kVmad, "Dx Sx Sx Sx"},
    {Opcode::kVabsdiff2, "Dx Sx Sx Sx"},
    {Opcode::kVabsdiff4, "Dx Sx Sx Sx"},
    {Opcode::kVadd2, "Dx Sx Sx Sx"},
    {Opcode::kVadd4, "Dx Sx Sx Sx"},
    {Opcode::kVavrg2, "Dx Sx Sx Sx"},
    {Opcode::kVavrg4, "Dx Sx Sx Sx"},
    {Opcode::kVmax2, "Dx Sx Sx Sx"},
    {Opcode::kVmax4, "Dx Sx Sx Sx"},
    {Opcode::kVmin2, "Dx Sx Sx Sx"},
    {Opcode::kVmin4, "Dx Sx Sx Sx"},
    {Opcode::kVset2, "Dx Sx Sx Sx"},
    {Opcode::kVset4, "Dx Sx Sx Sx"},
    {Opcode::kVsub2, "Dx Sx Sx Sx"},
    {Opcode::kVsub4, "Dx Sx Sx Sx"},
    {Opcode::kXor, "Dt St St"},
};

bool IsPackedFloat(Type type) {
  return type == Type::kF16x2 || type == Type::kBf16x2 ||
         (type >= Type::kE4m3x2 && type <= Type::kE2m1x4);
}

const char* SignatureByModifiers(const Operation& op) {
  const bool hint = op.HasRest("L2::cache_hint");
  switch (op.opcode) {
    case Opcode::kAdd:
    case Opcode::kSub:
      return op.type2 != Type::kNone ? "Dt Su St" : nullptr;
    case Opcode::kFma:
      return op.type2 != Type::kNone ? "Dt Su Su St" : nullptr;
    case Opcode::kMul:
      return op.mul_mode == MulMode::kWide ? "Dw St St" : "Dt St St";
    case Opcode::kMad:
      return op.mul_mode == MulMode::kWide ? "Dw St St Sw" : "Dt St St St";
    case Opcode::kLd:
      return hint ? "Vt A S6" : "Vt A";
    case Opcode::kSt:
      if (op.HasRest("async") || op.HasRest("bulk")) return nullptr;
      return hint ? "A Wt S6" : "A Wt";
    case Opcode::kMin:
    case Opcode::kMax:
      if (op.type != Type::kF32) return "Dt St St";
      return op.abs && !op.xorsign ? "Dt St St St" : op.xorsign ? "Dt St St" : "Dt St St ?St";
    case Opcode::kVabsdiff:
    case Opcode::kVadd:
    case Opcode::kVmax:
    case Opcode::kVmin:
    case Opcode::kVset:
    case Opcode::kVshl:
    case Opcode::kVshr:
    case Opcode::kVsub:
      // Without a second operation a fourth operand is for merging into part of the destination.
      return op.combine == Combine::kNone ? "Dx Sx Sx ?Sx" : "Dx Sx Sx Sx";
    case Opcode::kAtom:
      if (op.vector > 1) return nullptr;
      if (op.combine == Combine::kCas) return hint ? "Gt A St St S6" : "Gt A St St";
      return hint ? "Gt A St S6" : "Gt A St";
    case Opcode::kRed:
      if (op.vector > 1 || op.HasRest("async")) return nullptr;
      return hint ? "A St S6" : "A St";
    case Opcode::kBar:
    case Opcode::kBarrier:
      if (op.cluster) return "";
      if (op.barrier == BarrierMode::kRed) {
        return op.combine == Combine::kPopc ? "D4 Sb ?Sc S1" : "D1 Sb ?Sc S1";
      }
      if (op.warp) return "S4";
      return op.barrier == BarrierMode::kArrive ? "Sb Sc" : "Sb ?Sc";
    case Opcode::kCp:
      if (op.HasRest("commit_group") || op.HasRest("wait_all")) return "";
      if (op.HasRest("wait_group")) return "I";
      if (op.HasRest("arrive")) return "A";
      return op.HasRest("bulk") || op.HasRest("reduce") ? nullptr
             : hint                                     ? "A A I ?Sx S6"
                                                        : "A A I ?Sx";
    case Opcode::kCvt:
      if (op.HasRest("pack")) return op.type3 == Type::kNone ? "D4 Su Su" : "D4 Su Su S3";
      if (op.rounding == Rounding::kRs) return nullptr;
      return IsPackedFloat(op.type) && op.type2 == Type::kF32 ? "Dt Su Su" : "Dt Su";
    case Opcode::kLop3:
      return op.combine == Combine::kNone ? "D3 S3 S3 S3 I" : "P3 S3 S3 S3 I S1";
    case Opcode::kMatch:
      return op.vote == VoteMode::kAll ? "Q4 St S4" : "D4 St S4";
    case Opcode::kRedux:
      return IsFloat(op.type) ? "Dt St S4" : "D4 S4 S4";
    case Opcode::kSet:
      return op.combine == Combine::kNone ? "Dt Su Su" : "Dt Su Su S1";
    case Opcode::kSetp:
      return op.combine == Combine::kNone ? "Et St St" : "Et St St S1";
    case Opcode::kShfl:
      return op.sync ? "Q3 S3 S3 S3 S4" : "Q3 S3 S3 S3";
    case Opcode::kVote:
      if (op.vote == VoteMode::kBallot) return op.sync ? "D3 S1 S4" : "D3 S1";
      return op.sync ? "D1 S1 S4" : "D1 S1";
    case Opcode::kMbarrier:
      if (op.HasRest("init")) return "A S4";
      if (op.HasRest("inval")) return "A";
      return nullptr;
    case Opcode::kFence:
      return op.HasRest("proxy") ? nullptr : "";
    default:
      return nullptr;
  }
}

bool IsUntyped(Type type) {
  return type >= Type::kB8 && type <= Type::kB128;
}

// ISA table 25: sizes agree; untyped registers take all; integers of either sign mix; floats do not
// mix with integers. `wider`: the register may be wider (table 26; ld, st, cvt). Where ptxas (CUDA
// 13.0) and the table differ, this is what ptxas does: formats of half size and packed ones live in
// registers of their own type and in untyped ones only.
bool Suits(Type reg, Type wanted, bool wider) {
  if (wanted == Type::kNone || reg == wanted) return true;
  if (reg == Type::kPred || wanted == Type::kPred) return false;
  const uint32_t have = TypeBits(reg);
  const uint32_t need = TypeBits(wanted);
  if (wanted == Type::kU16x2 || wanted == Type::kS16x2) {
    return reg == Type::kB32 || reg == Type::kF16x2;
  }
  if (IsFloat(wanted)) {
    return IsUntyped(reg) && (have == need || (wider && have > need));
  }
  if (have != need && !(wider && have > need && !IsFloat(reg))) return false;
  return reg == Type::kF16x2 || IsUntyped(reg) || IsUntyped(wanted) || !IsFloat(reg);
}

bool IsClassic(Type type) {
  return !IsFloat(type) || type == Type::kF16 || type == Type::kF16x2 || type == Type::kF32 ||
         type == Type::kF64;
}

Type AnyIfBf16(Type type) {
  if (type == Type::kBf16) return Type::kB16;
  return type == Type::kBf16x2 ? Type::kB32 : type;
}

// Whether an instruction on this space may name a variable of that one.
bool SpaceSuits(Space instruction, Space variable) {
  switch (instruction) {
    case Space::kGeneric:
      return variable != Space::kConst && variable != Space::kParam;
    case Space::kSharedCluster:
      return variable == Space::kShared || variable == Space::kSharedCluster;
    default:
      return variable == instruction;
  }
}

Type Widened(Type type) {
  switch (type) {
    case Type::kU16:
      return Type::kU32;
    case Type::kS16:
      return Type::kS32;
    case Type::kU32:
      return Type::kU64;
    case Type::kS32:
      return Type::kS64;
    default:
      return Type::kNone;
  }
}

class OperandChecker {
 public:
  OperandChecker(const Operation& op, const Module& m, const Function& f) : op_(op), m_(m), f_(f) {
    wider_ = op.opcode == Opcode::kLd || op.opcode == Opcode::kSt || op.opcode == Opcode::kLdu ||
             (op.opcode == Opcode::kCvt && IsClassic(op.type) && IsClassic(op.type2));
    video_ = IsVideo(op.opcode);
  }

  std::string Check(std::string_view signature, std::span<const Operand> operands);

 private:
  Type Wanted(char type) const {
    switch (type) {
      case 't':
        return TakesAnyForBf16(/*first_type=*/true) ? AnyIfBf16(op_.type) : op_.type;
      case 'u':
        return TakesAnyForBf16(/*first_type=*/false) ? AnyIfBf16(op_.type2) : op_.type2;
      case 'w':
        return Widened(op_.type);
      case '1':
        return Type::kPred;
      case '3':
        return Type::kB32;
      case '4':
      case 'b':
      case 'c':
        return Type::kU32;
      case '6':
        return Type::kU64;
      default:
        return Type::kNone;
    }
  }

  bool IsRegister(const Operand& o, Type wanted) const {
    if (o.kind != OperandKind::kRegister) return false;
    const Register& reg = f_.registers[o.index];
    const bool element = o.component >= Component::kX && o.component <= Component::kW;
    if (o.component != Component::kAll && !element && !video_) return false;
    if (element != (reg.vector > 1)) return false;
    if (element && static_cast<int>(o.component) - static_cast<int>(Component::kX) >= reg.vector) {
      return false;
    }
    return Suits(reg.type, wanted, wider_);
  }

  // Where ptxas takes any register of the size for .bf16 and .bf16x2.
  bool TakesAnyForBf16(bool first_type) const {
    switch (op_.opcode) {
      case Opcode::kSet:
        return first_type;
      case Opcode::kAdd:
      case Opcode::kSub:
      case Opcode::kFma:
        return !first_type;
      case Opcode::kCvt:
        return op_.type == Type::kUe8m0x2 || op_.type2 == Type::kUe8m0x2;
      default:
        return false;
    }
  }

  Space SpaceOf(const Operand& o) const {
    return o.scope == VariableScope::kModule ? m_.variables[o.index].space
                                             : f_.variables[o.index].space;
  }

  // An address or a special register stands for a value in few instructions. A variable with an
  // offset is a constant to ptxas, which may stand wherever an integer may.
  bool MayBeNamed(const Operand& o) const {
    switch (o.kind) {
      case OperandKind::kSpecial:
        return op_.opcode == Opcode::kMov ||
               (op_.opcode == Opcode::kCvt && !IsFloat(op_.type) && !op_.HasRest("pack"));
      case OperandKind::kVariable:
        if (op_.opcode == Opcode::kCvta && !op_.to) return SpaceSuits(op_.space, SpaceOf(o));
        return o.value != 0 || op_.opcode == Opcode::kMov;
      default:
        return true;
    }
  }

  bool IsSource(const Operand& o, Type wanted) const {
    switch (o.kind) {
      case OperandKind::kRegister:
        return IsRegister(o, wanted) && (!o.negated || wanted == Type::kPred || video_);
      case OperandKind::kInteger:
        return !IsFloat(wanted) && wanted != Type::kU16x2 && wanted != Type::kS16x2;
      case OperandKind::kFloat32:
      case OperandKind::kFloat64:
        return wanted == Type::kF32 || wanted == Type::kF64 || wanted == Type::kNone ||
               (wanted == Type::kB32 && o.kind == OperandKind::kFloat32) ||
               (wanted == Type::kB64 && o.kind == OperandKind::kFloat64);
      case OperandKind::kSpecial:
      case OperandKind::kVariable:
      case OperandKind::kFunction:
        return MayBeNamed(o) && !IsFloat(wanted) && wanted != Type::kPred &&
               (wanted == Type::kNone || TypeBits(wanted) >= 16);
      default:
        return false;
    }
  }

  bool IsPairOf(const Operand& o, Type first, Type second) const {
    if (o.kind != OperandKind::kPair) return false;
    const std::span<const Operand> parts = f_.Elements(o);
    return IsRegisterOrSink(parts[0], first) && IsRegisterOrSink(parts[1], second);
  }

  bool IsRegisterOrSink(const Operand& o, Type wanted) const {
    return o.kind == OperandKind::kSink || (IsRegister(o, wanted) && !o.negated);
  }

  // {a, b}: as many as the access is wide, or a whole vector register.
  bool IsAccess(const Operand& o, bool store) const {
    const auto fits = [&](const Operand& part) {
      return store ? IsSource(part, op_.type) && part.kind != OperandKind::kSpecial
                   : IsRegisterOrSink(part, op_.type);
    };
    if (op_.vector == 1) return fits(o) && o.kind != OperandKind::kSink;
    if (o.kind == OperandKind::kRegister) {
      const Register& reg = f_.registers[o.index];
      return reg.vector == op_.vector && o.component == Component::kAll && !o.negated &&
             Suits(reg.type, op_.type, wider_);
    }
    if (o.kind != OperandKind::kVector) return false;
    const std::span<const Operand> parts = f_.Elements(o);
    const bool untyped = std::any_of(parts.begin(), parts.end(), [&](const Operand& part) {
      return IsRegister(part, op_.type) && IsUntyped(f_.registers[part.index].type);
    });
    // An untyped register makes the vector untyped: then AgreeInType has said enough of the rest.
    return parts.size() == op_.vector && AgreeInType(parts) &&
           std::all_of(parts.begin(), parts.end(), [&](const Operand& part) {
             return fits(part) || (untyped && IsRegister(part, Type::kNone) && !part.negated);
           });
  }

  static bool AreSinks(std::span<const Operand> parts) {
    return std::all_of(parts.begin(), parts.end(),
                       [](const Operand& part) { return part.kind == OperandKind::kSink; });
  }

  // The registers of one access have one size, and are not floats and integers together unless an
  // untyped one is among them. At least one is there that is not _.
  bool AgreeInType(std::span<const Operand> parts) const {
    uint32_t bits = 0;
    bool floats = false;
    bool integers = false;
    bool untyped = false;
    for (const Operand& part : parts) {
      Type type = Type::kNone;
      if (part.kind == OperandKind::kRegister) type = f_.registers[part.index].type;
      integers |= part.kind == OperandKind::kInteger;
      if (type == Type::kNone) continue;
      if (bits != 0 && bits != TypeBits(type)) return false;
      bits = TypeBits(type);
      untyped |= IsUntyped(type);
      floats |= IsFloat(type);
      integers |= !IsUntyped(type) && !IsFloat(type);
    }
    return !AreSinks(parts) && (untyped || !floats || !integers);
  }

  // mov packs and unpacks: the parts' sizes add up to the whole.
  bool IsMoved(const Operand& o, bool destination) const {
    if (o.kind != OperandKind::kVector) {
      return destination ? IsRegister(o, op_.type) && !o.negated : IsSource(o, op_.type);
    }
    const std::span<const Operand> parts = f_.Elements(o);
    if ((parts.size() != 2 && parts.size() != 4) || !IsUntyped(op_.type)) return false;
    const uint32_t bits = TypeBits(op_.type) / static_cast<uint32_t>(parts.size());
    if (AreSinks(parts)) return false;
    return std::all_of(parts.begin(), parts.end(), [&](const Operand& part) {
      if (part.kind == OperandKind::kSink) return destination;
      if (part.kind == OperandKind::kInteger) return !destination;
      return IsRegister(part, Type::kNone) && !part.negated &&
             TypeBits(f_.registers[part.index].type) == bits;
    });
  }

  bool Fits(char role, char type, const Operand& o, size_t position) const {
    const Type wanted = Wanted(type);
    if (type == 'p') return IsPointer(o);
    if (o.kind == OperandKind::kInteger && type == 'b') return o.value < kBarriers;
    if (o.kind == OperandKind::kInteger && type == 'c') return o.value % kWarpThreads == 0;
    switch (role) {
      case 'D':
        return IsRegister(o, wanted) && !o.negated;
      case 'G':
        return IsRegisterOrSink(o, wanted);
      case 'Q':
        return (IsRegister(o, wanted) && !o.negated) || IsPairOf(o, wanted, Type::kPred);
      case 'P':
        return IsPairOf(o, wanted, Type::kPred);
      case 'E':
        return (IsRegister(o, Type::kPred) && !o.negated) || IsPairOf(o, Type::kPred, Type::kPred);
      case 'S':
        return IsSource(o, wanted);
      case 'A':
        return o.kind == OperandKind::kAddress && AddressFits(o, position);
      case 'V':
        return IsAccess(o, /*store=*/false);
      case 'W':
        return IsAccess(o, /*store=*/true);
      case 'M':
        return IsMoved(o, /*destination=*/position == 0);
      case 'L':
        return o.kind == OperandKind::kLabel;
      case 'B':
        return o.kind == OperandKind::kLabel || o.kind == OperandKind::kTable;
      default:
        return o.kind == OperandKind::kInteger;
    }
  }

  bool IsPointer(const Operand& o) const {
    if (o.kind == OperandKind::kInteger) return true;
    if (o.kind == OperandKind::kVariable) return MayBeNamed(o);
    return !o.negated && (IsRegister(o, Type::kU64) || IsRegister(o, Type::kU32));
  }

  bool AddressFits(const Operand& o, size_t position) const {
    const Space space = op_.opcode == Opcode::kMbarrier              ? Space::kShared
                        : op_.opcode == Opcode::kCp && position == 1 ? op_.space2
                                                                     : op_.space;
    if (o.base == BaseKind::kNone) return space == Space::kLocal;
    if (o.base == BaseKind::kVariable) return SpaceSuits(space, SpaceOf(o));
    const Register& reg = f_.registers[o.index];
    return reg.vector == 1 && !IsFloat(reg.type) &&
           (TypeBits(reg.type) == 64 || TypeBits(reg.type) == 32);
  }

  const Operation& op_;
  const Module& m_;
  const Function& f_;
  bool wider_ = false;
  bool video_ = false;
};

const char* RoleName(char role, char type) {
  if (type == 'b') return "a barrier's number, from 0 to 15 or in an integer register";
  if (type == 'c') return "a number of threads, a multiple of 32 or in an integer register";
  if (type == 'p') return "a pointer in an integer register";
  switch (role) {
    case 'A':
      return "an address that the instruction takes";
    case 'L':
      return "a label";
    case 'B':
      return "a branch table";
    case 'I':
      return "an integer constant";
    case 'V':
      return "registers that suit the access";
    case 'W':
      return "values that suit the access";
    case 'S':
    case 'M':
      return "a value of the instruction's type";
    default:
      return "a register of the instruction's type";
  }
}

std::string OperandChecker::Check(std::string_view signature, std::span<const Operand> operands) {
  const size_t least =
      static_cast<size_t>(std::count_if(signature.begin(), signature.end(), [](char c) {
        return std::string_view("DGQPESAVWMLBI").find(c) != std::string_view::npos;
      }));
  const size_t optional = static_cast<size_t>(std::count(signature.begin(), signature.end(), '?'));
  const auto is_vector = [](const Operand& o) { return o.kind == OperandKind::kVector; };
  if (op_.opcode == Opcode::kMov && std::all_of(operands.begin(), operands.end(), is_vector)) {
    return "a vector is moved to or from a scalar";
  }
  if (operands.size() > least || operands.size() + optional < least) {
    return fmt::format("it takes {} operands, not {}", least, operands.size());
  }
  size_t absent = least - operands.size();  // optional ones are left out from the back
  size_t remaining = optional;
  size_t at = 0;
  for (size_t i = 0; i < signature.size(); ++i) {
    if (signature[i] == ' ') continue;
    if (signature[i] == '?') {
      // The last `absent` optional operands are the ones that are not there.
      if (remaining-- <= absent) {
        i = std::min(signature.find(' ', i), signature.size());
      }
      continue;
    }
    const char role = signature[i];
    const bool typed = i + 1 < signature.size() && signature[i + 1] != ' ';
    const char type = typed ? signature[++i] : 'x';
    if (!Fits(role, type, operands[at], at)) {
      return fmt::format("operand {} must be {}", at + 1, RoleName(role, type));
    }
    ++at;
  }
  return "";
}

}  // namespace

const char* OperandSignature(const Operation& op) {
  if (const char* const found = SignatureByModifiers(op)) return found;
  for (const SignatureRow& row : kSignatures) {
    if (row.opcode == op.opcode) return row.signature;
  }
  return nullptr;
}

std::string OperandFault(const Operation& op, const Module& m, const Function& f,
                         std::span<const Operand> operands) {
  const char* const signature = OperandSignature(op);
  if (signature == nullptr) return "";
  std::string fault = OperandChecker(op, m, f).Check(signature, operands);
  return fault.empty() && IsVideo(op.opcode) ? VideoOperandFault(op, operands) : fault;
}

}  // namespace souk::ptx
