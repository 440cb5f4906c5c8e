#include "gpu/ptx/operands.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace souk::ptx {
namespace {

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
    {Opcode::kBfe, "Dt St S3 S3"},
    {Opcode::kBfi, "Dt St St S3 S3"},
    {Opcode::kBfind, "D3 St"},
    {Opcode::kBmsk, "D3 S3 S3"},
    {Opcode::kBra, "L"},
    {Opcode::kBrev, "Dt St"},
    {Opcode::kBrkpt, ""},
    {Opcode::kBrx, "S3 B"},
    {Opcode::kClz, "D3 St"},
    {Opcode::kCnot, "Dt St"},
    {Opcode::kCopysign, "Dt St St"},
    {Opcode::kCos, "Dt St"},
    {Opcode::kCvta, "Dt St"},
    {Opcode::kDiscard, "A I"},
    {Opcode::kDiv, "Dt St St"},
    {Opcode::kDp2a, "D3 S3 S3 S3"},
    {Opcode::kDp4a, "D3 S3 S3 S3"},
    {Opcode::kElect, "P3 S3"},
    {Opcode::kEx2, "Dt St"},
    {Opcode::kExit, ""},
    {Opcode::kFma, "Dt St St St"},
    {Opcode::kFns, "D3 S3 S3 S3"},
    {Opcode::kGriddepcontrol, ""},
    {Opcode::kIsspacep, "D1 Sx"},
    {Opcode::kLdu, "Vt A"},
    {Opcode::kLg2, "Dt St"},
    {Opcode::kMad24, "Dt St St St"},
    {Opcode::kMadc, "Dt St St St"},
    {Opcode::kMembar, ""},
    {Opcode::kMov, "Mt Mt"},
    {Opcode::kMul24, "Dt St St"},
    {Opcode::kNanosleep, "S3"},
    {Opcode::kNeg, "Dt St"},
    {Opcode::kNot, "Dt St"},
    {Opcode::kOr, "Dt St St"},
    {Opcode::kPopc, "D3 St"},
    {Opcode::kPrefetch, "A"},
    {Opcode::kPrefetchu, "A"},
    {Opcode::kPrmt, "D3 S3 S3 S3"},
    {Opcode::kRcp, "Dt St"},
    {Opcode::kRedux, "Dt St S3"},
    {Opcode::kRem, "Dt St St"},
    {Opcode::kRet, ""},
    {Opcode::kRsqrt, "Dt St"},
    {Opcode::kSad, "Dt St St St"},
    {Opcode::kSelp, "Dt St St S1"},
    {Opcode::kSetmaxnreg, "I"},
    {Opcode::kShf, "D3 S3 S3 S3"},
    {Opcode::kShl, "Dt St S3"},
    {Opcode::kShr, "Dt St S3"},
    {Opcode::kSin, "Dt St"},
    {Opcode::kSlct, "Dt St St Su"},
    {Opcode::kSqrt, "Dt St"},
    {Opcode::kSub, "Dt St St"},
    {Opcode::kSubc, "Dt St St"},
    {Opcode::kSzext, "Dt St S3"},
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
        return op.combine == Combine::kPopc ? "D3 S3 ?S3 S1" : "D1 S3 ?S3 S1";
      }
      if (op.warp) return "S3";
      return op.barrier == BarrierMode::kArrive ? "S3 S3" : "S3 ?S3";
    case Opcode::kCp:
      if (op.HasRest("commit_group") || op.HasRest("wait_all")) return "";
      if (op.HasRest("wait_group")) return "I";
      if (op.HasRest("arrive")) return "A";
      return op.HasRest("bulk") || op.HasRest("reduce") ? nullptr
             : hint                                     ? "A A I ?Sx S6"
                                                        : "A A I ?Sx";
    case Opcode::kCvt:
      if (op.HasRest("pack")) return op.type3 == Type::kNone ? "D3 Su Su" : "D3 Su Su S3";
      if (op.rounding == Rounding::kRs) return nullptr;
      return IsPackedFloat(op.type) && op.type2 == Type::kF32 ? "Dt Su Su" : "Dt Su";
    case Opcode::kLop3:
      return op.combine == Combine::kNone ? "D3 S3 S3 S3 I" : "P3 S3 S3 S3 I S1";
    case Opcode::kMatch:
      return op.vote == VoteMode::kAll ? "Q3 St S3" : "D3 St S3";
    case Opcode::kSet:
      return op.combine == Combine::kNone ? "Dt Su Su" : "Dt Su Su S1";
    case Opcode::kSetp:
      return op.combine == Combine::kNone ? "Et St St" : "Et St St S1";
    case Opcode::kShfl:
      return op.sync ? "Q3 S3 S3 S3 S3" : "Q3 S3 S3 S3";
    case Opcode::kVote:
      if (op.vote == VoteMode::kBallot) return op.sync ? "D3 S1 S3" : "D3 S1";
      return op.sync ? "D1 S1 S3" : "D1 S1";
    case Opcode::kMbarrier:
      if (op.HasRest("init")) return "A S3";
      if (op.HasRest("inval")) return "A";
      return nullptr;
    case Opcode::kFence:
      return op.HasRest("proxy") ? nullptr : "";
    default:
      return nullptr;
  }
}

bool IsPackedPair(Type type) {
  return type == Type::kF16x2 || type == Type::kBf16x2 || type == Type::kU16x2 ||
         type == Type::kS16x2 || type == Type::kF32x2;
}

// ISA table 25: sizes agree; untyped registers take all; integers of either sign mix; floats do not
// mix with integers. `wider`: the register may be wider (table 26; ld, st, cvt).
bool Suits(Type reg, Type wanted, bool wider) {
  if (wanted == Type::kNone || reg == wanted) return true;
  if (reg == Type::kPred || wanted == Type::kPred) return false;
  const bool packed = IsPackedPair(wanted) || wanted > Type::kF64;
  const bool untyped_reg = reg >= Type::kB8 && reg <= Type::kB128;
  const bool untyped_wanted = wanted >= Type::kB8 && wanted <= Type::kB128;
  const bool integers = !IsFloat(reg) && !IsFloat(wanted);
  const uint32_t have = TypeBits(reg);
  const uint32_t need = wanted == Type::kTf32 ? 32 : TypeBits(wanted);
  const bool size_suits =
      have == need ||
      (wider && have > need && !IsFloat(reg) && (!IsFloat(wanted) || untyped_reg || need < 16)) ||
      (wanted > Type::kTf32 && have >= need);
  if (!size_suits) return false;
  // Half formats live in any 16-bit register that is no float of another kind.
  const bool half = wanted == Type::kF16 || wanted == Type::kBf16;
  return untyped_reg || untyped_wanted || integers || packed || (half && !IsFloat(reg));
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
  OperandChecker(const Operation& op, const Function& f) : op_(op), f_(f) {
    wider_ = op.opcode == Opcode::kLd || op.opcode == Opcode::kSt || op.opcode == Opcode::kCvt ||
             op.opcode == Opcode::kLdu;
    video_ =
        op.opcode >= Opcode::kVabsdiff && op.opcode <= Opcode::kVsub4 && op.opcode != Opcode::kVote;
  }

  std::string Check(std::string_view signature, std::span<const Operand> operands);

 private:
  Type Wanted(char type) const {
    switch (type) {
      case 't':
        return op_.type;
      case 'u':
        return op_.type2;
      case 'w':
        return Widened(op_.type);
      case '1':
        return Type::kPred;
      case '3':
        return Type::kB32;
      case '6':
        return Type::kB64;
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

  bool IsSource(const Operand& o, Type wanted) const {
    switch (o.kind) {
      case OperandKind::kRegister:
        return IsRegister(o, wanted) && (!o.negated || wanted == Type::kPred || video_);
      case OperandKind::kInteger:
        return !IsFloat(wanted);
      case OperandKind::kFloat32:
      case OperandKind::kFloat64:
        return wanted == Type::kF32 || wanted == Type::kF64 || wanted == Type::kNone ||
               (wanted == Type::kB32 && o.kind == OperandKind::kFloat32) ||
               (wanted == Type::kB64 && o.kind == OperandKind::kFloat64);
      case OperandKind::kSpecial:
      case OperandKind::kVariable:
      case OperandKind::kFunction:
        return !IsFloat(wanted) && wanted != Type::kPred &&
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
    const std::span<const Operand> parts = f_.Elements(o);
    return o.kind == OperandKind::kVector && parts.size() == op_.vector &&
           std::all_of(parts.begin(), parts.end(), fits);
  }

  // mov packs and unpacks: the parts' sizes add up to the whole.
  bool IsMoved(const Operand& o, bool destination) const {
    if (o.kind != OperandKind::kVector) {
      return destination ? IsRegister(o, op_.type) && !o.negated : IsSource(o, op_.type);
    }
    const std::span<const Operand> parts = f_.Elements(o);
    if ((parts.size() != 2 && parts.size() != 4) || IsFloat(op_.type)) return false;
    const uint32_t bits = TypeBits(op_.type) / static_cast<uint32_t>(parts.size());
    return std::all_of(parts.begin(), parts.end(), [&](const Operand& part) {
      if (part.kind == OperandKind::kSink) return destination;
      if (part.kind == OperandKind::kInteger) return !destination;
      return IsRegister(part, Type::kNone) && !part.negated &&
             TypeBits(f_.registers[part.index].type) == bits;
    });
  }

  bool Fits(char role, char type, const Operand& o, size_t position) const {
    const Type wanted = Wanted(type);
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
        return o.kind == OperandKind::kAddress && AddressFits(o);
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

  bool AddressFits(const Operand& o) const {
    if (o.base != BaseKind::kRegister) return true;
    const Register& reg = f_.registers[o.index];
    return reg.vector == 1 && !IsFloat(reg.type) &&
           (TypeBits(reg.type) == 64 || TypeBits(reg.type) == 32);
  }

  const Operation& op_;
  const Function& f_;
  bool wider_ = false;
  bool video_ = false;
};

const char* RoleName(char role) {
  switch (role) {
    case 'A':
      return "an address";
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
      return fmt::format("operand {} must be {}", at + 1, RoleName(role));
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

std::string OperandFault(const Operation& op, const Function& f,
                         std::span<const Operand> operands) {
  const char* const signature = OperandSignature(op);
  return signature == nullptr ? "" : OperandChecker(op, f).Check(signature, operands);
}

}  // namespace souk::ptx
