#include "gpu/cpu/choose.h"

#include "gpu/cpu/choices.h"
#include "gpu/ptx/matrix.h"

namespace souk::gpu::cpu {

using ptx::Opcode;
using ptx::Operation;
using ptx::Rounding;
using ptx::Type;

namespace {

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

Choice Selection(const Operation& o) {
  if (o.opcode == Opcode::kSelp) {
    Choice c = BitwiseChoice(Fn::kSelp, o.type, 3);
    if (c.ty == Ty::kPred) return NoChoice("type");
    c.source[2] = Type::kPred;
    return c;
  }
  Choice c = BitwiseChoice(o.type2 == Type::kF32 ? Fn::kSlctF32 : Fn::kSlctS32, o.type, 3);
  if (c.ty == Ty::kPred) return NoChoice("type");
  c.source[2] = o.type2;
  c.imm = o.ftz ? kFtz : 0;
  return c;
}

Choice Comparison(const Operation& o) {
  const Ty ty = TyOf(o.opcode == Opcode::kSetp ? o.type : o.type2);
  if (ty == Ty::kNone || ty == Ty::kPred || ty == Ty::kU8 || ty == Ty::kS8) return NoChoice("type");
  if (o.opcode == Opcode::kSetp) {
    if (ty == Ty::kF16x2 || ty == Ty::kBf16x2) return NoChoice("type");
    return ChoiceOf(Form::kSetp);
  }
  if (ty == Ty::kF16x2 || ty == Ty::kBf16x2) return ChoiceOf(Form::kHalfPairSet);
  if (TyOf(o.type) == Ty::kNone) return NoChoice("type");
  return ChoiceOf(Form::kSet);
}

Choice ConversionOf(const Operation& o) {
  const Ty to = TyOf(o.type);
  const Ty from = TyOf(o.type2);
  if (o.rounding == Rounding::kRs || o.rounding == Rounding::kRna) return NoChoice("rounding mode");
  if (o.HasRest("pack")) return NoChoice("packing");
  Choice c = ChoiceOf(Form::kCvt);
  c.dst = o.type;
  c.source[0] = c.source[1] = o.type2;
  c.imm = FloatModifiers(o) | RoundIndex(o);
  if (to == Ty::kF16x2 || to == Ty::kBf16x2) {
    if (from != Ty::kF32) return NoChoice("type");
    c.fn = Fn::kCvtPack;
    c.ty = to;
    c.sources = 2;
    return c;
  }
  const auto scalar = [](Ty ty) {
    return ty != Ty::kNone && ty != Ty::kPred && ty != Ty::kF16x2 && ty != Ty::kBf16x2;
  };
  if (!scalar(to) || !scalar(from)) return NoChoice("type");
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

Choice WarpOperation(const Operation& o) {
  if (!o.sync) return NoChoice("deprecated form without .sync");
  switch (o.opcode) {
    case Opcode::kShfl:
      return ChoiceOf(Form::kShuffle);
    case Opcode::kVote:
      return ChoiceOf(Form::kVote);
    case Opcode::kMatch:
      return ChoiceOf(Form::kMatch);
    case Opcode::kRedux:
      if (!Is32BitType(o.type)) return NoChoice("type");
      return ChoiceOf(Form::kRedux);
    default:
      return ChoiceOf(Form::kElect);
  }
}

Choice BarrierOperation(const Operation& o) {
  if (o.cluster) return NoChoice("clusters");
  if (o.warp) return ChoiceOf(Form::kWarpSync);
  return ChoiceOf(Form::kBarrier);
}

Choice MatrixOperation(const Operation& o) {
  if (!ptx::MatrixOf(o)) return NoChoice("matrices of this shape or type");
  return ChoiceOf(Form::kMatrix);
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

Ty UntypedOf(Type t) {
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

Choice Choose(const Operation& o) {
  switch (o.opcode) {
    case Opcode::kAdd:
    case Opcode::kSub:
    case Opcode::kMul:
    case Opcode::kMad:
    case Opcode::kFma:
    case Opcode::kMul24:
    case Opcode::kMad24: {
      const Choice c = ChooseArithmetic(o);
      return c.reason == nullptr && c.form == Form::kCarry ? ChooseCarry(o) : c;
    }
    case Opcode::kAddc:
    case Opcode::kSubc:
    case Opcode::kMadc:
      return ChooseCarry(o);
    case Opcode::kDiv:
    case Opcode::kRem:
    case Opcode::kRcp:
    case Opcode::kSqrt:
      return ChooseDivision(o);
    case Opcode::kMin:
    case Opcode::kMax:
    case Opcode::kAbs:
    case Opcode::kNeg:
    case Opcode::kCopysign:
      return ChooseMinMax(o);
    case Opcode::kSad:
      return IsIntegerType(o.type) ? PlainChoice(Fn::kSad, o.type, 3) : NoChoice("type");
    case Opcode::kEx2:
    case Opcode::kLg2:
    case Opcode::kSin:
    case Opcode::kCos:
    case Opcode::kRsqrt:
    case Opcode::kTanh:
      return ChooseApproximation(o);
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
      return ChooseBits(o);
    case Opcode::kLop3: {
      if (o.combine != ptx::Combine::kNone) return NoChoice("boolean output");
      Choice c = BitwiseChoice(Fn::kLop3, Type::kB32, 3);  // the table follows the sources
      return c;
    }
    case Opcode::kSelp:
    case Opcode::kSlct:
      return Selection(o);
    case Opcode::kSetp:
    case Opcode::kSet:
      return Comparison(o);
    case Opcode::kTestp:
      if (o.type != Type::kF32 && o.type != Type::kF64) return NoChoice("type");
      return ChoiceOf(Form::kTestp);
    case Opcode::kMov:
      return UntypedOf(o.type) == Ty::kNone ? NoChoice("type") : ChoiceOf(Form::kMov);
    case Opcode::kCvt:
      return ConversionOf(o);
    case Opcode::kCvta:
      return ChoiceOf(Form::kCvta);
    case Opcode::kIsspacep:
      if (o.space == ptx::Space::kConst) return NoChoice("state space");
      return ChoiceOf(Form::kIsspacep);
    case Opcode::kLd:
    case Opcode::kLdu:
    case Opcode::kSt:
      return ChooseAccess(o);
    case Opcode::kAtom:
    case Opcode::kRed:
      return ChooseAtomic(o);
    case Opcode::kCp:
      return ChooseCopy(o);
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
      return PlainChoice(Fn::kActivemask, Type::kB32, 0);
    }
    case Opcode::kBar:
    case Opcode::kBarrier:
      return BarrierOperation(o);
    case Opcode::kBra:
      return ChoiceOf(Form::kBranch);
    case Opcode::kBrx:
      return ChoiceOf(Form::kBranchIndexed);
    case Opcode::kRet:
      return ChoiceOf(Form::kReturn);
    case Opcode::kExit:
      return ChoiceOf(Form::kExit);
    case Opcode::kTrap:
      return ChoiceOf(Form::kTrap);
    case Opcode::kCall:
      return ChoiceOf(Form::kCall);
    case Opcode::kAlloca:
      return ChoiceOf(Form::kAlloca);
    case Opcode::kStacksave:
      return ChoiceOf(Form::kStackSave);
    case Opcode::kStackrestore:
      return ChoiceOf(Form::kStackRestore);
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
      return ChoiceOf(Form::kNothing);
    case Opcode::kCreatepolicy:
      return ChoiceOf(Form::kCachePolicy);
    case Opcode::kUnknown:
      return NoChoice("not a known instruction");
    case Opcode::kMbarrier:
      if (o.space != ptx::Space::kGeneric && o.space != ptx::Space::kShared)
        return NoChoice("clusters");
      return ChoiceOf(Form::kMbarrier);
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
      return ChoiceOf(Form::kVideo);
    default:
      return NoChoice("not run by the cpu device");
  }
}

}  // namespace souk::gpu::cpu
