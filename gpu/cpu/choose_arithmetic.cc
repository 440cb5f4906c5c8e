// The choice for arithmetic.
#include "gpu/cpu/choices.h"

namespace souk::gpu::cpu {

using ptx::Opcode;
using ptx::Operation;
using ptx::Rounding;
using ptx::Type;

namespace {

// add, sub, mul, fma and mad on floats. plain: the Fn without modifiers; any: the first of four by
// rounding.
Choice FloatArithmetic(const Operation& o, Fn plain, Fn ftz, Fn any, uint8_t sources) {
  const Type t = o.type;
  const uint64_t modifiers = FloatModifiers(o);
  if (IsHalfType(t)) {
    if (o.rounding != Rounding::kNone && o.rounding != Rounding::kRn)
      return NoChoice("rounding mode");
    Choice c = PlainChoice(any, t, sources);
    c.imm = modifiers;
    return c;
  }
  if (t != Type::kF32 && t != Type::kF64) return NoChoice("type");
  if (t == Type::kF64 && modifiers != 0) return NoChoice("modifier");
  const bool nearest = RoundIndex(o) == 0;
  if (nearest && modifiers == 0) return PlainChoice(plain, t, sources);
  if (nearest && modifiers == kFtz) return PlainChoice(ftz, t, sources);
  Choice c = PlainChoice(any + RoundIndex(o), t, sources);
  c.imm = modifiers;
  return c;
}

bool IsIntegerPair(Type t) {
  return t == Type::kU16x2 || t == Type::kS16x2;
}

Choice IntegerPair(Fn fn, Type pair) {
  Choice c;
  c.form = Form::kIntegerPair;
  c.fn = fn;
  c.ty = pair == Type::kS16x2 ? Ty::kS16 : Ty::kU16;
  return c;
}

}  // namespace

Choice ChooseArithmetic(const Operation& o) {
  const Type t = o.type;
  const bool is_float = ptx::IsFloat(t);
  switch (o.opcode) {
    case Opcode::kAdd:
    case Opcode::kSub: {
      const bool add = o.opcode == Opcode::kAdd;
      if (o.cc) break;
      if (add && IsIntegerPair(t)) return IntegerPair(Fn::kAdd, Type::kU16x2);
      if (is_float) {
        if (o.type2 != Type::kNone) return NoChoice("mixed precision");
        return add ? FloatArithmetic(o, Fn::kAdd, Fn::kAddFtz, Fn::kFAdd, 2)
                   : FloatArithmetic(o, Fn::kSub, Fn::kSubFtz, Fn::kFSub, 2);
      }
      if (!IsIntegerType(t)) return NoChoice("type");
      if (o.sat) return PlainChoice(add ? Fn::kAddSat : Fn::kSubSat, t, 2);
      return PlainChoice(add ? Fn::kAdd : Fn::kSub, t, 2);
    }
    case Opcode::kMul: {
      if (is_float) return FloatArithmetic(o, Fn::kMulLo, Fn::kMulFtz, Fn::kFMul, 2);
      if (!IsIntegerType(t)) return NoChoice("type");
      if (o.mul_mode == ptx::MulMode::kHi) return PlainChoice(Fn::kMulHi, t, 2);
      if (o.mul_mode != ptx::MulMode::kWide) return PlainChoice(Fn::kMulLo, t, 2);
      Choice c = PlainChoice(Fn::kMulWide, t, 2);
      c.dst = ptx::TypeBits(t) == 16 ? Type::kU32 : Type::kU64;
      return c;
    }
    case Opcode::kFma:
      if (o.type2 != Type::kNone) return NoChoice("mixed precision");
      return FloatArithmetic(o, Fn::kFma, Fn::kFmaFtz, Fn::kFFma, 3);
    case Opcode::kMad: {
      if (o.cc) break;
      if (is_float) return FloatArithmetic(o, Fn::kFma, Fn::kFmaFtz, Fn::kFFma, 3);
      if (!IsIntegerType(t)) return NoChoice("type");
      if (o.mul_mode == ptx::MulMode::kHi)
        return PlainChoice(o.sat ? Fn::kMadHiSat : Fn::kMadHi, t, 3);
      if (o.mul_mode != ptx::MulMode::kWide) return PlainChoice(Fn::kMadLo, t, 3);
      Choice c = PlainChoice(Fn::kMadWide, t, 3);
      c.dst = ptx::TypeBits(t) == 16 ? Type::kU32 : Type::kU64;
      c.source[2] = c.dst;
      return c;
    }
    case Opcode::kMul24:
      if (!Is32BitType(t)) return NoChoice("type");
      return PlainChoice(o.mul_mode == ptx::MulMode::kHi ? Fn::kMul24Hi : Fn::kMul24Lo, t, 2);
    case Opcode::kMad24:
      if (!Is32BitType(t)) return NoChoice("type");
      if (o.mul_mode != ptx::MulMode::kHi) return PlainChoice(Fn::kMad24Lo, t, 3);
      return PlainChoice(o.sat ? Fn::kMad24HiSat : Fn::kMad24Hi, t, 3);
    default:
      return NoChoice("instruction");
  }
  // Extended precision: the carry flag is a register that lowering knows.
  if (!Is32BitType(t) && t != Type::kU64 && t != Type::kS64 && t != Type::kB64)
    return NoChoice("type");
  return ChoiceOf(Form::kCarry);
}

Choice ChooseCarry(const Operation& o) {
  Fn fn = Fn::kAddCarry;
  uint8_t sources = 2;
  if (o.opcode == Opcode::kSub || o.opcode == Opcode::kSubc) fn = Fn::kSubCarry;
  if (o.opcode == Opcode::kMad || o.opcode == Opcode::kMadc) {
    fn = o.mul_mode == ptx::MulMode::kHi ? Fn::kMadHiCarry : Fn::kMadLoCarry;
    sources = 3;
  }
  Choice c = PlainChoice(fn, o.type, sources);
  c.form = Form::kCarry;
  const bool reads =
      o.opcode == Opcode::kAddc || o.opcode == Opcode::kSubc || o.opcode == Opcode::kMadc;
  c.imm = (reads ? 1 : 0) | (o.cc ? 2 : 0);
  return c;
}

Choice ChooseDivision(const Operation& o) {
  const Type t = o.type;
  if (!ptx::IsFloat(t)) {
    if (!IsIntegerType(t)) return NoChoice("type");
    return PlainChoice(o.opcode == Opcode::kRem ? Fn::kRem : Fn::kDiv, t, 2);
  }
  const uint8_t sources = o.opcode == Opcode::kDiv ? 2 : 1;
  if (t != Type::kF32 && t != Type::kF64) return NoChoice("type");
  Choice c = PlainChoice(Fn::kFDiv, t, sources);
  c.imm = FloatModifiers(o);
  if (o.approx || o.full) {
    if (o.opcode == Opcode::kDiv) c.fn = Fn::kDivApprox;
    if (o.opcode == Opcode::kRcp) c.fn = Fn::kRcpApprox;
    if (o.opcode == Opcode::kSqrt) c.fn = Fn::kSqrtApprox;
    if (t == Type::kF64) {
      if (o.opcode != Opcode::kRcp) return NoChoice("type");
      c.fn = Fn::kRcpFtz64;
    }
    if (o.full) c.imm |= kFull;
    return c;
  }
  if (o.opcode == Opcode::kRcp) c.fn = Fn::kFRcp;
  if (o.opcode == Opcode::kSqrt) c.fn = Fn::kFSqrt;
  c.fn = c.fn + RoundIndex(o);
  return c;
}

Choice ChooseMinMax(const Operation& o) {
  const Type t = o.type;
  if (IsIntegerPair(t) && (o.opcode == Opcode::kMin || o.opcode == Opcode::kMax)) {
    return IntegerPair(o.opcode == Opcode::kMin ? Fn::kMin : Fn::kMax, t);
  }
  const bool is_float = ptx::IsFloat(t);
  Fn fn = Fn::kNone;
  uint8_t sources = 2;
  switch (o.opcode) {
    case Opcode::kMin:
      fn = is_float ? Fn::kFMin : o.relu ? Fn::kMinRelu : Fn::kMin;
      break;
    case Opcode::kMax:
      fn = is_float ? Fn::kFMax : o.relu ? Fn::kMaxRelu : Fn::kMax;
      break;
    case Opcode::kAbs:
      fn = is_float ? Fn::kFAbs : Fn::kAbs;
      sources = 1;
      break;
    case Opcode::kNeg:
      fn = is_float ? Fn::kFNeg : Fn::kNeg;
      sources = 1;
      break;
    default:
      fn = Fn::kCopysign;
      break;
  }
  // min.abs and max.abs without .xorsign take three operands.
  if (o.abs && !o.xorsign) return NoChoice("modifier");
  if (!is_float && !IsIntegerType(t)) return NoChoice("type");
  if (is_float && !IsHalfType(t) && t != Type::kF32 && t != Type::kF64) return NoChoice("type");
  if (is_float && t == Type::kF64 && (FloatModifiers(o) & ~kRoundMask) != 0)
    return NoChoice("modifier");
  Choice c = PlainChoice(fn, t, sources);
  if (is_float) c.imm = FloatModifiers(o);
  return c;
}

Choice ChooseApproximation(const Operation& o) {
  Fn fn = Fn::kTanh;
  if (o.opcode == Opcode::kEx2) fn = Fn::kEx2;
  if (o.opcode == Opcode::kLg2) fn = Fn::kLg2;
  if (o.opcode == Opcode::kSin) fn = Fn::kSin;
  if (o.opcode == Opcode::kCos) fn = Fn::kCos;
  if (o.opcode == Opcode::kRsqrt) fn = Fn::kRsqrt;
  if (o.type == Type::kF64 && fn == Fn::kRsqrt) {
    return PlainChoice(o.ftz ? Fn::kRsqrtFtz64 : Fn::kRsqrt, o.type, 1);
  }
  if (o.type != Type::kF32 && !IsHalfType(o.type)) return NoChoice("type");
  Choice c = PlainChoice(fn, o.type, 1);
  c.imm = FloatModifiers(o);
  return c;
}

}  // namespace souk::gpu::cpu
