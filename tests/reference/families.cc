#include "reference/families.h"

#include <string>

#include "reference/approximate.h"

namespace souk::reference {

using ptx::Opcode;
using ptx::Operation;
using ptx::Type;

namespace {

bool IsScalarFloat(Type t) {
  return t == Type::kF16 || t == Type::kBf16 || t == Type::kF32 || t == Type::kF64;
}
bool IsKnownFloat(Type t) {
  return IsScalarFloat(t) || t == Type::kF16x2 || t == Type::kBf16x2 || t == Type::kF32x2;
}
bool IsPlainInteger(Type t) {
  return !ptx::IsFloat(t) && ptx::TypeBits(t) >= 8 && ptx::TypeBits(t) <= 64 && t != Type::kU8x4 &&
         t != Type::kS8x4;
}

Family ConversionFamily(const Operation& op) {
  if (op.rounding == ptx::Rounding::kRs || op.rounding == ptx::Rounding::kRna) return Family::kNone;
  if (op.HasRest("pack")) return ptx::TypeBits(op.type) >= 8 ? Family::kCvt : Family::kNone;
  const bool pairs = op.type == Type::kF16x2 || op.type == Type::kBf16x2;
  if (pairs) return op.type2 == Type::kF32 ? Family::kCvt : Family::kNone;
  const auto known = [](Type t) { return IsScalarFloat(t) || IsPlainInteger(t); };
  return known(op.type) && known(op.type2) ? Family::kCvt : Family::kNone;
}

Family MemoryFamily(const Operation& op, Family family) {
  switch (op.space) {
    case ptx::Space::kSharedCluster:
    case ptx::Space::kTex:
      return Family::kNone;
    default:
      break;
  }
  for (const std::string& rest : op.rest) {
    // A policy says nothing about values.
    if (rest == "L2::cache_hint" && family != Family::kAtom) continue;
    if (rest == "L2::cache_hint" || rest == "unified" || rest == "async" || rest == "bulk") {
      return Family::kNone;
    }
  }
  return ptx::TypeBits(op.type) <= 64 ? family : Family::kNone;
}

Family ArithmeticFamily(const Operation& op) {
  if (ptx::IsFloat(op.type)) {
    if (IsApproximate(op)) return Family::kApproximate;
    return IsKnownFloat(op.type) ? Family::kFloat : Family::kNone;
  }
  const bool reads_carry =
      op.opcode == Opcode::kAddc || op.opcode == Opcode::kSubc || op.opcode == Opcode::kMadc;
  return op.cc || reads_carry ? Family::kCarry : Family::kInteger;
}

}  // namespace

Family FamilyOf(const Operation& op) {
  switch (op.opcode) {
    case Opcode::kAdd:
    case Opcode::kAddc:
    case Opcode::kSub:
    case Opcode::kSubc:
    case Opcode::kMul:
    case Opcode::kMad:
    case Opcode::kMadc:
    case Opcode::kFma:
    case Opcode::kDiv:
    case Opcode::kRcp:
    case Opcode::kSqrt:
    case Opcode::kRem:
    case Opcode::kAbs:
    case Opcode::kNeg:
    case Opcode::kMin:
    case Opcode::kMax:
    case Opcode::kCopysign:
    case Opcode::kEx2:
    case Opcode::kLg2:
    case Opcode::kSin:
    case Opcode::kCos:
    case Opcode::kTanh:
    case Opcode::kRsqrt:
      return ArithmeticFamily(op);
    case Opcode::kMul24:
    case Opcode::kMad24:
    case Opcode::kSad:
    case Opcode::kDp4a:
    case Opcode::kDp2a:
      return Family::kInteger;
    case Opcode::kAnd:
    case Opcode::kOr:
    case Opcode::kXor:
    case Opcode::kNot:
    case Opcode::kCnot:
    case Opcode::kShl:
    case Opcode::kShr:
    case Opcode::kShf:
    case Opcode::kBfe:
    case Opcode::kBfi:
    case Opcode::kBfind:
    case Opcode::kFns:
    case Opcode::kBmsk:
    case Opcode::kSzext:
    case Opcode::kPrmt:
    case Opcode::kPopc:
    case Opcode::kClz:
    case Opcode::kBrev:
      return Family::kBits;
    case Opcode::kLop3:
      return Family::kLop3;
    case Opcode::kSelp:
      return Family::kSelp;
    case Opcode::kSlct:
      return Family::kSlct;
    case Opcode::kSet:
      return Family::kSet;
    case Opcode::kSetp:
      return IsKnownFloat(op.type) || IsPlainInteger(op.type) ? Family::kSetp : Family::kNone;
    case Opcode::kTestp:
      return Family::kTestp;
    case Opcode::kMov:
      return op.type == Type::kB128 ? Family::kNone : Family::kMov;
    case Opcode::kCvt:
      return ConversionFamily(op);
    case Opcode::kVabsdiff:
    case Opcode::kVabsdiff2:
    case Opcode::kVabsdiff4:
    case Opcode::kVadd:
    case Opcode::kVadd2:
    case Opcode::kVadd4:
    case Opcode::kVavrg2:
    case Opcode::kVavrg4:
    case Opcode::kVmad:
    case Opcode::kVmax:
    case Opcode::kVmax2:
    case Opcode::kVmax4:
    case Opcode::kVmin:
    case Opcode::kVmin2:
    case Opcode::kVmin4:
    case Opcode::kVset:
    case Opcode::kVset2:
    case Opcode::kVset4:
    case Opcode::kVshl:
    case Opcode::kVshr:
    case Opcode::kVsub:
    case Opcode::kVsub2:
    case Opcode::kVsub4:
      return Family::kVideo;
    case Opcode::kLd:
    case Opcode::kLdu:
      return MemoryFamily(op, Family::kLoad);
    case Opcode::kSt:
      return MemoryFamily(op, Family::kStore);
    case Opcode::kAtom:
    case Opcode::kRed:
      return MemoryFamily(op, Family::kAtom);
    case Opcode::kCvta:
      return op.type == Type::kU64 ? Family::kCvta : Family::kNone;
    case Opcode::kIsspacep:
      return Family::kIsspacep;
    case Opcode::kRet:
    case Opcode::kExit:
      return Family::kEnd;
    // One thread alone has nothing to order or to wait for.
    case Opcode::kMembar:
    case Opcode::kFence:
    case Opcode::kNanosleep:
    case Opcode::kPrefetch:
    case Opcode::kPrefetchu:
    case Opcode::kPmevent:
      return Family::kNothing;
    default:
      return Family::kNone;
  }
}

Type SourceType(const Operation& op, size_t i) {
  switch (op.opcode) {
    case Opcode::kShl:
    case Opcode::kShr:
    case Opcode::kSzext:
      return i == 1 ? Type::kU32 : op.type;
    case Opcode::kBfe:
      return i >= 1 ? Type::kU32 : op.type;
    case Opcode::kBfi:
      return i >= 2 ? Type::kU32 : op.type;
    case Opcode::kDp4a:
    case Opcode::kDp2a:
      return Type::kU32;
    case Opcode::kMad:
      if (op.mul_mode != ptx::MulMode::kWide || i != 2) return op.type;
      return ptx::TypeBits(op.type) == 16 ? Type::kU32 : Type::kU64;
    case Opcode::kSlct:
      return i == 2 ? op.type2 : op.type;
    case Opcode::kSet:
    case Opcode::kCvt:
      if (op.HasRest("pack") && i == 2) return Type::kB32;
      return op.type2;
    case Opcode::kAdd:
    case Opcode::kSub:
      return op.type2 != Type::kNone && i == 0 ? op.type2 : op.type;
    case Opcode::kFma:
      return op.type2 != Type::kNone && i <= 1 ? op.type2 : op.type;
    default:
      return op.type;
  }
}

Type DestinationType(const Operation& op) {
  switch (op.opcode) {
    case Opcode::kMul:
    case Opcode::kMad:
      if (op.mul_mode != ptx::MulMode::kWide || ptx::IsFloat(op.type)) return op.type;
      return ptx::TypeBits(op.type) == 16 ? Type::kU32 : Type::kU64;
    case Opcode::kPopc:
    case Opcode::kClz:
    case Opcode::kBfind:
    case Opcode::kDp4a:
    case Opcode::kDp2a:
      return Type::kU32;
    case Opcode::kCvt:
      return op.HasRest("pack") ? Type::kU32 : op.type;
    default:
      return op.type;
  }
}

}  // namespace souk::reference
