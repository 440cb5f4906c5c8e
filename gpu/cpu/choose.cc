#include "gpu/cpu/choose.h"

#include "gpu/ptx/matrix.h"

namespace souk::gpu::cpu {
namespace {

using ptx::Opcode;
using ptx::Operation;
using ptx::Rounding;
using ptx::Type;

Choice No(const char* reason) {
  Choice c;
  c.reason = reason;
  return c;
}
Choice Special(Form form) {
  Choice c;
  c.form = form;
  return c;
}
// d and `sources` operands, all of one type.
Choice Plain(Fn fn, Type type, uint8_t sources) {
  Choice c;
  c.fn = fn;
  c.ty = TyOf(type);
  c.dst = type;
  c.sources = sources;
  for (Type& t : c.source) t = type;
  return c;
}

Round RoundOf(Rounding rounding) {
  switch (rounding) {
    case Rounding::kRz:
    case Rounding::kRzi:
      return Round::kZero;
    case Rounding::kRm:
    case Rounding::kRmi:
      return Round::kDown;
    case Rounding::kRp:
    case Rounding::kRpi:
      return Round::kUp;
    default:
      return Round::kNearest;
  }
}

bool IsHalf(Type t) {
  return t == Type::kF16 || t == Type::kF16x2 || t == Type::kBf16 || t == Type::kBf16x2;
}
bool IsInt(Type t) {
  const Ty ty = TyOf(t);
  return ty >= Ty::kU16 && ty <= Ty::kS64;
}
bool Is32(Type t) {
  return t == Type::kU32 || t == Type::kS32 || t == Type::kB32;
}
// The unsigned lane type of the same width.
Ty Untyped(Type t) {
  switch (ptx::TypeBits(t)) {
    case 1:
      return Ty::kPred;
    case 16:
      return Ty::kU16;
    case 32:
      return Ty::kU32;
    case 64:
      return Ty::kU64;
    default:
      return Ty::kNone;
  }
}
Ty Signed(Type t) {
  switch (ptx::TypeBits(t)) {
    case 16:
      return Ty::kS16;
    case 32:
      return Ty::kS32;
    default:
      return Ty::kS64;
  }
}
Choice Bitwise(Fn fn, Type type, uint8_t sources) {
  Choice c = Plain(fn, type, sources);
  c.ty = Untyped(type);
  return c;
}

// add, sub, mul, fma and mad on floats. plain: the Fn without modifiers; any: the first of four by
// rounding.
Choice FloatArithmetic(const Operation& o, Fn plain, Fn ftz, Fn any, uint8_t sources) {
  const Type t = o.type;
  const uint64_t modifiers = FloatModifiers(o);
  if (IsHalf(t)) {
    if (o.rounding != Rounding::kNone && o.rounding != Rounding::kRn) return No("rounding mode");
    Choice c = Plain(any, t, sources);
    c.imm = modifiers;
    return c;
  }
  if (t != Type::kF32 && t != Type::kF64) return No("type");
  if (t == Type::kF64 && modifiers != 0) return No("modifier");
  const bool nearest = RoundIndex(o) == 0;
  if (nearest && modifiers == 0) return Plain(plain, t, sources);
  if (nearest && modifiers == kFtz) return Plain(ftz, t, sources);
  Choice c = Plain(any + RoundIndex(o), t, sources);
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

Choice Arithmetic(const Operation& o) {
  const Type t = o.type;
  const bool is_float = ptx::IsFloat(t);
  switch (o.opcode) {
    case Opcode::kAdd:
    case Opcode::kSub: {
      const bool add = o.opcode == Opcode::kAdd;
      if (o.cc) break;
      if (add && IsIntegerPair(t)) return IntegerPair(Fn::kAdd, Type::kU16x2);
      if (is_float) {
        if (o.type2 != Type::kNone) return No("mixed precision");
        return add ? FloatArithmetic(o, Fn::kAdd, Fn::kAddFtz, Fn::kFAdd, 2)
                   : FloatArithmetic(o, Fn::kSub, Fn::kSubFtz, Fn::kFSub, 2);
      }
      if (!IsInt(t)) return No("type");
      if (o.sat) return Plain(add ? Fn::kAddSat : Fn::kSubSat, t, 2);
      return Plain(add ? Fn::kAdd : Fn::kSub, t, 2);
    }
    case Opcode::kMul: {
      if (is_float) return FloatArithmetic(o, Fn::kMulLo, Fn::kMulFtz, Fn::kFMul, 2);
      if (!IsInt(t)) return No("type");
      if (o.mul_mode == ptx::MulMode::kHi) return Plain(Fn::kMulHi, t, 2);
      if (o.mul_mode != ptx::MulMode::kWide) return Plain(Fn::kMulLo, t, 2);
      Choice c = Plain(Fn::kMulWide, t, 2);
      c.dst = ptx::TypeBits(t) == 16 ? Type::kU32 : Type::kU64;
      return c;
    }
    case Opcode::kFma:
      if (o.type2 != Type::kNone) return No("mixed precision");
      return FloatArithmetic(o, Fn::kFma, Fn::kFmaFtz, Fn::kFFma, 3);
    case Opcode::kMad: {
      if (o.cc) break;
      if (is_float) return FloatArithmetic(o, Fn::kFma, Fn::kFmaFtz, Fn::kFFma, 3);
      if (!IsInt(t)) return No("type");
      if (o.mul_mode == ptx::MulMode::kHi) return Plain(o.sat ? Fn::kMadHiSat : Fn::kMadHi, t, 3);
      if (o.mul_mode != ptx::MulMode::kWide) return Plain(Fn::kMadLo, t, 3);
      Choice c = Plain(Fn::kMadWide, t, 3);
      c.dst = ptx::TypeBits(t) == 16 ? Type::kU32 : Type::kU64;
      c.source[2] = c.dst;
      return c;
    }
    case Opcode::kMul24:
      if (!Is32(t)) return No("type");
      return Plain(o.mul_mode == ptx::MulMode::kHi ? Fn::kMul24Hi : Fn::kMul24Lo, t, 2);
    case Opcode::kMad24:
      if (!Is32(t)) return No("type");
      if (o.mul_mode != ptx::MulMode::kHi) return Plain(Fn::kMad24Lo, t, 3);
      return Plain(o.sat ? Fn::kMad24HiSat : Fn::kMad24Hi, t, 3);
    default:
      return No("instruction");
  }
  // Extended precision: the carry flag is a register that lowering knows.
  if (!Is32(t) && t != Type::kU64 && t != Type::kS64 && t != Type::kB64) return No("type");
  return Special(Form::kCarry);
}

Choice Carry(const Operation& o) {
  Fn fn = Fn::kAddCarry;
  uint8_t sources = 2;
  if (o.opcode == Opcode::kSub || o.opcode == Opcode::kSubc) fn = Fn::kSubCarry;
  if (o.opcode == Opcode::kMad || o.opcode == Opcode::kMadc) {
    fn = o.mul_mode == ptx::MulMode::kHi ? Fn::kMadHiCarry : Fn::kMadLoCarry;
    sources = 3;
  }
  Choice c = Plain(fn, o.type, sources);
  c.form = Form::kCarry;
  const bool reads =
      o.opcode == Opcode::kAddc || o.opcode == Opcode::kSubc || o.opcode == Opcode::kMadc;
  c.imm = (reads ? 1 : 0) | (o.cc ? 2 : 0);
  return c;
}

Choice DivideLike(const Operation& o) {
  const Type t = o.type;
  if (!ptx::IsFloat(t)) {
    if (!IsInt(t)) return No("type");
    return Plain(o.opcode == Opcode::kRem ? Fn::kRem : Fn::kDiv, t, 2);
  }
  const uint8_t sources = o.opcode == Opcode::kDiv ? 2 : 1;
  if (t != Type::kF32 && t != Type::kF64) return No("type");
  Choice c = Plain(Fn::kFDiv, t, sources);
  c.imm = FloatModifiers(o);
  if (o.approx || o.full) {
    if (o.opcode == Opcode::kDiv) c.fn = Fn::kDivApprox;
    if (o.opcode == Opcode::kRcp) c.fn = Fn::kRcpApprox;
    if (o.opcode == Opcode::kSqrt) c.fn = Fn::kSqrtApprox;
    if (t == Type::kF64) {
      if (o.opcode != Opcode::kRcp) return No("type");
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

Choice MinMaxLike(const Operation& o) {
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
  if (o.abs && !o.xorsign) return No("modifier");
  if (!is_float && !IsInt(t)) return No("type");
  if (is_float && !IsHalf(t) && t != Type::kF32 && t != Type::kF64) return No("type");
  if (is_float && t == Type::kF64 && (FloatModifiers(o) & ~kRoundMask) != 0) return No("modifier");
  Choice c = Plain(fn, t, sources);
  if (is_float) c.imm = FloatModifiers(o);
  return c;
}

Choice Approximation(const Operation& o) {
  Fn fn = Fn::kTanh;
  if (o.opcode == Opcode::kEx2) fn = Fn::kEx2;
  if (o.opcode == Opcode::kLg2) fn = Fn::kLg2;
  if (o.opcode == Opcode::kSin) fn = Fn::kSin;
  if (o.opcode == Opcode::kCos) fn = Fn::kCos;
  if (o.opcode == Opcode::kRsqrt) fn = Fn::kRsqrt;
  if (o.type == Type::kF64 && fn == Fn::kRsqrt) {
    return Plain(o.ftz ? Fn::kRsqrtFtz64 : Fn::kRsqrt, o.type, 1);
  }
  if (o.type != Type::kF32 && !IsHalf(o.type)) return No("type");
  Choice c = Plain(fn, o.type, 1);
  c.imm = FloatModifiers(o);
  return c;
}

Choice BitOperation(const Operation& o) {
  const Type t = o.type;
  switch (o.opcode) {
    case Opcode::kAnd:
      return Bitwise(Fn::kAnd, t, 2);
    case Opcode::kOr:
      return Bitwise(Fn::kOr, t, 2);
    case Opcode::kXor:
      return Bitwise(Fn::kXor, t, 2);
    case Opcode::kNot:
      return Bitwise(Fn::kNot, t, 1);
    case Opcode::kCnot:
      return Bitwise(Fn::kCnot, t, 1);
    case Opcode::kShl:
    case Opcode::kShr: {
      Choice c = Bitwise(o.opcode == Opcode::kShl ? Fn::kShl : Fn::kShr, t, 2);
      if (o.opcode == Opcode::kShr && ptx::IsSigned(t)) c.ty = Signed(t);
      c.source[1] = Type::kU32;
      return c;
    }
    case Opcode::kShf: {
      if (!o.wrap && !o.clamp) return No("mode");
      const Fn left = o.wrap ? Fn::kShfLeftWrap : Fn::kShfLeftClamp;
      const Fn right = o.wrap ? Fn::kShfRightWrap : Fn::kShfRightClamp;
      return Bitwise(o.right ? right : left, Type::kB32, 3);
    }
    case Opcode::kPrmt: {
      Choice c = Bitwise(Fn::kPrmt, Type::kB32, 3);
      c.imm = static_cast<uint64_t>(o.permute);
      if (c.imm != 0) c.ty = Ty::kS32;
      return c;
    }
    case Opcode::kBfe: {
      Choice c = Plain(Fn::kBfe, t, 3);
      c.source[1] = c.source[2] = Type::kU32;
      return c;
    }
    case Opcode::kBfi: {
      Choice c = Bitwise(Fn::kBfi, t, 4);
      c.source[2] = c.source[3] = Type::kU32;
      return c;
    }
    case Opcode::kBfind: {
      Choice c = Plain(o.shiftamt ? Fn::kBfindShift : Fn::kBfind, t, 1);
      c.dst = Type::kU32;
      return c;
    }
    case Opcode::kBrev:
      return Bitwise(Fn::kBrev, t, 1);
    case Opcode::kPopc:
    case Opcode::kClz: {
      Choice c = Bitwise(o.opcode == Opcode::kPopc ? Fn::kPopc : Fn::kClz, t, 1);
      c.dst = Type::kU32;
      return c;
    }
    case Opcode::kBmsk:
      return Bitwise(o.wrap ? Fn::kBmskWrap : Fn::kBmskClamp, Type::kB32, 2);
    case Opcode::kSzext: {
      if (!Is32(t)) return No("type");
      Choice c = Plain(o.wrap ? Fn::kSzextWrap : Fn::kSzextClamp, t, 2);
      c.source[1] = Type::kU32;
      return c;
    }
    case Opcode::kFns: {
      Choice c = Bitwise(Fn::kFns, Type::kB32, 3);
      return c;
    }
    case Opcode::kDp4a:
    case Opcode::kDp2a: {
      Fn fn = Fn::kDp4a;
      if (o.opcode == Opcode::kDp2a) {
        fn = o.mul_mode == ptx::MulMode::kHi ? Fn::kDp2aHi : Fn::kDp2aLo;
      }
      Choice c = Bitwise(fn, Type::kB32, 3);
      c.imm = (ptx::IsSigned(o.type) ? 1 : 0) | (ptx::IsSigned(o.type2) ? 2 : 0);
      return c;
    }
    default:
      return No("instruction");
  }
}

Choice Selection(const Operation& o) {
  if (o.opcode == Opcode::kSelp) {
    Choice c = Bitwise(Fn::kSelp, o.type, 3);
    if (c.ty == Ty::kPred) return No("type");
    c.source[2] = Type::kPred;
    return c;
  }
  Choice c = Bitwise(o.type2 == Type::kF32 ? Fn::kSlctF32 : Fn::kSlctS32, o.type, 3);
  if (c.ty == Ty::kPred) return No("type");
  c.source[2] = o.type2;
  c.imm = o.ftz ? kFtz : 0;
  return c;
}

bool IsLaneType(Type t) {
  const Ty ty = TyOf(t);
  return ty != Ty::kNone && ty != Ty::kPred;
}

Choice MemoryAccess(const Operation& o) {
  switch (o.space) {
    case ptx::Space::kGeneric:
    case ptx::Space::kGlobal:
    case ptx::Space::kConst:
    case ptx::Space::kLocal:
    case ptx::Space::kShared:
    case ptx::Space::kParam:
      break;
    default:
      return No("state space");
  }
  if (!IsLaneType(o.type)) return No("type");
  for (const std::string& rest : o.rest) {
    // Cache hints change no result.
    if (rest.rfind("L1::", 0) != 0 && rest.rfind("L2::", 0) != 0 && rest != "unified") {
      return No("modifier");
    }
    if (rest == "unified") return No("cache policy");
  }
  return Special(o.opcode == Opcode::kSt ? Form::kStore : Form::kLoad);
}

Choice Atomic(const Operation& o) {
  if (o.space != ptx::Space::kGeneric && o.space != ptx::Space::kGlobal &&
      o.space != ptx::Space::kShared) {
    return No("state space");
  }
  // Vectors: element by element (ISA atom: "each individual operation is atomic").
  if (o.vector != 1 && o.combine != ptx::Combine::kAdd) return No("vector atomics");
  if (!o.rest.empty()) return No("modifier");
  const Ty ty = TyOf(o.type);
  const bool integer = ty == Ty::kU32 || ty == Ty::kS32 || ty == Ty::kU64 || ty == Ty::kS64;
  switch (o.combine) {
    case ptx::Combine::kAdd:
      if (!integer && ty != Ty::kF32 && ty != Ty::kF64 && !IsHalf(o.type)) return No("type");
      break;
    case ptx::Combine::kMin:
    case ptx::Combine::kMax:
    case ptx::Combine::kAnd:
    case ptx::Combine::kOr:
    case ptx::Combine::kXor:
    case ptx::Combine::kExch:
      if (!integer) return No("type");
      break;
    case ptx::Combine::kCas:
      if (!integer && ty != Ty::kU16) return No("type");
      break;
    case ptx::Combine::kInc:
    case ptx::Combine::kDec:
      if (ty != Ty::kU32) return No("type");
      break;
    default:
      return No("operation");
  }
  return Special(o.opcode == Opcode::kRed ? Form::kRed : Form::kAtom);
}

Choice ConversionOf(const Operation& o) {
  const Ty to = TyOf(o.type);
  const Ty from = TyOf(o.type2);
  if (o.rounding == Rounding::kRs || o.rounding == Rounding::kRna) return No("rounding mode");
  if (o.HasRest("pack")) return No("packing");
  Choice c = Special(Form::kCvt);
  c.dst = o.type;
  c.source[0] = c.source[1] = o.type2;
  c.imm = FloatModifiers(o) | RoundIndex(o);
  if (to == Ty::kF16x2 || to == Ty::kBf16x2) {
    if (from != Ty::kF32) return No("type");
    c.fn = Fn::kCvtPack;
    c.ty = to;
    c.sources = 2;
    return c;
  }
  const auto scalar = [](Ty ty) {
    return ty != Ty::kNone && ty != Ty::kPred && ty != Ty::kF16x2 && ty != Ty::kBf16x2;
  };
  if (!scalar(to) || !scalar(from)) return No("type");
  c.fn = Fn::kCvt + Index(from);
  c.ty = to;
  c.sources = 1;
  const bool from_float = ptx::IsFloat(o.type2);
  const bool to_float = ptx::IsFloat(o.type);
  const bool integral = o.rounding == Rounding::kRni || o.rounding == Rounding::kRzi ||
                        o.rounding == Rounding::kRmi || o.rounding == Rounding::kRpi;
  if (from_float && to_float && integral) c.imm |= kIntegral;
  if (!from_float && !to_float) c.imm &= kSat;
  // Conversions to integers clamp anyway.
  if (from_float && !to_float) c.imm &= kFtz | kRoundMask;
  return c;
}

Choice Compare(const Operation& o) {
  const Ty ty = TyOf(o.opcode == Opcode::kSetp ? o.type : o.type2);
  if (ty == Ty::kNone || ty == Ty::kPred || ty == Ty::kU8 || ty == Ty::kS8) return No("type");
  if (o.opcode == Opcode::kSetp) {
    if (ty == Ty::kF16x2 || ty == Ty::kBf16x2) return No("type");
    return Special(Form::kSetp);
  }
  if (ty == Ty::kF16x2 || ty == Ty::kBf16x2) return Special(Form::kHalfPairSet);
  if (TyOf(o.type) == Ty::kNone) return No("type");
  return Special(Form::kSet);
}

Choice WarpOperation(const Operation& o) {
  if (!o.sync) return No("deprecated form without .sync");
  switch (o.opcode) {
    case Opcode::kShfl:
      return Special(Form::kShuffle);
    case Opcode::kVote:
      return Special(Form::kVote);
    case Opcode::kMatch:
      return Special(Form::kMatch);
    case Opcode::kRedux:
      if (!Is32(o.type)) return No("type");
      return Special(Form::kRedux);
    default:
      return Special(Form::kElect);
  }
}

Choice BarrierOperation(const Operation& o) {
  if (o.cluster) return No("clusters");
  if (o.warp) return Special(Form::kWarpSync);
  return Special(Form::kBarrier);
}

Choice MatrixOperation(const Operation& o) {
  if (!ptx::MatrixOf(o)) return No("matrices of this shape or type");
  return Special(Form::kMatrix);
}

Choice CopyAsync(const Operation& o) {
  // cp.async.{ca,cg} copies at once; groups then have nothing to wait for.
  if (o.HasRest("reduce") || o.HasRest("tensor")) return No("bulk copies of this kind");
  if (o.HasRest("bulk")) {
    if (o.HasRest("prefetch") || o.HasRest("commit_group") || o.HasRest("wait_group")) {
      return Special(Form::kNothing);
    }
    const bool to_shared =
        o.space2 == ptx::Space::kGlobal && o.HasRest("mbarrier::complete_tx::bytes");
    const bool to_global = o.space == ptx::Space::kGlobal && o.space2 == ptx::Space::kShared;
    if (o.HasRest("multicast::cluster") || (!to_shared && !to_global)) return No("clusters");
    return Special(Form::kCopyBulk);
  }
  if (o.HasRest("mbarrier")) return Special(Form::kCopyArrive);
  if (o.HasRest("commit_group") || o.HasRest("wait_group") || o.HasRest("wait_all")) {
    return Special(Form::kAsyncGroup);
  }
  if (o.HasRest("L2::cache_hint")) return No("cache policy");
  return Special(Form::kCopyAsync);
}

}  // namespace

Ty TyOf(Type type) {
  switch (type) {
    case Type::kPred:
      return Ty::kPred;
    case Type::kB8:
    case Type::kU8:
      return Ty::kU8;
    case Type::kS8:
      return Ty::kS8;
    case Type::kB16:
    case Type::kU16:
      return Ty::kU16;
    case Type::kS16:
      return Ty::kS16;
    case Type::kB32:
    case Type::kU32:
      return Ty::kU32;
    case Type::kS32:
      return Ty::kS32;
    case Type::kB64:
    case Type::kU64:
      return Ty::kU64;
    case Type::kS64:
      return Ty::kS64;
    case Type::kF16:
      return Ty::kF16;
    case Type::kF16x2:
      return Ty::kF16x2;
    case Type::kBf16:
      return Ty::kBf16;
    case Type::kBf16x2:
      return Ty::kBf16x2;
    case Type::kF32:
      return Ty::kF32;
    case Type::kF64:
      return Ty::kF64;
    default:
      return Ty::kNone;
  }
}

uint32_t RoundIndex(const Operation& o) {
  return static_cast<uint32_t>(RoundOf(o.rounding));
}

uint64_t FloatModifiers(const Operation& o) {
  return (o.ftz ? kFtz : 0) | (o.sat ? kSat : 0) | (o.nan ? kNanWins : 0) |
         (o.xorsign ? kXorsign : 0) | (o.relu ? kRelu : 0) | (o.satfinite ? kSatfinite : 0);
}

Choice Choose(const Operation& o) {
  switch (o.opcode) {
    case Opcode::kAdd:
    case Opcode::kSub:
    case Opcode::kMul:
    case Opcode::kMad:
    case Opcode::kFma:
    case Opcode::kMul24:
    case Opcode::kMad24: {
      const Choice c = Arithmetic(o);
      return c.reason == nullptr && c.form == Form::kCarry ? Carry(o) : c;
    }
    case Opcode::kAddc:
    case Opcode::kSubc:
    case Opcode::kMadc:
      return Carry(o);
    case Opcode::kDiv:
    case Opcode::kRem:
    case Opcode::kRcp:
    case Opcode::kSqrt:
      return DivideLike(o);
    case Opcode::kMin:
    case Opcode::kMax:
    case Opcode::kAbs:
    case Opcode::kNeg:
    case Opcode::kCopysign:
      return MinMaxLike(o);
    case Opcode::kSad:
      return IsInt(o.type) ? Plain(Fn::kSad, o.type, 3) : No("type");
    case Opcode::kEx2:
    case Opcode::kLg2:
    case Opcode::kSin:
    case Opcode::kCos:
    case Opcode::kRsqrt:
    case Opcode::kTanh:
      return Approximation(o);
    case Opcode::kAnd:
    case Opcode::kOr:
    case Opcode::kXor:
    case Opcode::kNot:
    case Opcode::kCnot:
    case Opcode::kShl:
    case Opcode::kShr:
    case Opcode::kShf:
    case Opcode::kPrmt:
    case Opcode::kBfe:
    case Opcode::kBfi:
    case Opcode::kBfind:
    case Opcode::kBrev:
    case Opcode::kPopc:
    case Opcode::kClz:
    case Opcode::kBmsk:
    case Opcode::kSzext:
    case Opcode::kFns:
    case Opcode::kDp4a:
    case Opcode::kDp2a:
      return BitOperation(o);
    case Opcode::kLop3: {
      if (o.combine != ptx::Combine::kNone) return No("boolean output");
      Choice c = Bitwise(Fn::kLop3, Type::kB32, 3);  // the table follows the sources
      return c;
    }
    case Opcode::kSelp:
    case Opcode::kSlct:
      return Selection(o);
    case Opcode::kSetp:
    case Opcode::kSet:
      return Compare(o);
    case Opcode::kTestp:
      if (o.type != Type::kF32 && o.type != Type::kF64) return No("type");
      return Special(Form::kTestp);
    case Opcode::kMov:
      return Untyped(o.type) == Ty::kNone ? No("type") : Special(Form::kMov);
    case Opcode::kCvt:
      return ConversionOf(o);
    case Opcode::kCvta:
      return Special(Form::kCvta);
    case Opcode::kIsspacep:
      if (o.space == ptx::Space::kConst) return No("state space");
      return Special(Form::kIsspacep);
    case Opcode::kLd:
    case Opcode::kLdu:
    case Opcode::kSt:
      return MemoryAccess(o);
    case Opcode::kAtom:
    case Opcode::kRed:
      return Atomic(o);
    case Opcode::kCp:
      return CopyAsync(o);
    case Opcode::kShfl:
    case Opcode::kVote:
    case Opcode::kMatch:
    case Opcode::kRedux:
    case Opcode::kElect:
      return WarpOperation(o);
    case Opcode::kWmma:
    case Opcode::kMma:
    case Opcode::kLdmatrix:
      return MatrixOperation(o);
    case Opcode::kActivemask: {
      return Plain(Fn::kActivemask, Type::kB32, 0);
    }
    case Opcode::kBar:
    case Opcode::kBarrier:
      return BarrierOperation(o);
    case Opcode::kBra:
      return Special(Form::kBranch);
    case Opcode::kBrx:
      return Special(Form::kBranchIndexed);
    case Opcode::kRet:
      return Special(Form::kReturn);
    case Opcode::kExit:
      return Special(Form::kExit);
    case Opcode::kTrap:
      return Special(Form::kTrap);
    case Opcode::kCall:
      return Special(Form::kCall);
    case Opcode::kAlloca:
      return Special(Form::kAlloca);
    case Opcode::kStacksave:
      return Special(Form::kStackSave);
    case Opcode::kStackrestore:
      return Special(Form::kStackRestore);
    // One thread runs a block, in order: nothing to fence, wait for or fetch ahead.
    // Nor is there another proxy.
    case Opcode::kMembar:
    case Opcode::kFence:
    case Opcode::kNanosleep:
    case Opcode::kPrefetch:
    case Opcode::kPrefetchu:
    case Opcode::kDiscard:
    case Opcode::kApplypriority:
    case Opcode::kPmevent:
    case Opcode::kGriddepcontrol:  // a grid begins when the one before it has ended
      return Special(Form::kNothing);
    case Opcode::kCreatepolicy:
      return Special(Form::kCachePolicy);
    case Opcode::kUnknown:
      return No("not a known instruction");
    case Opcode::kMbarrier:
      if (o.space != ptx::Space::kGeneric && o.space != ptx::Space::kShared) return No("clusters");
      return Special(Form::kMbarrier);
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
      return Special(Form::kVideo);
    default:
      return No("not run by the cpu device");
  }
}

}  // namespace souk::gpu::cpu
