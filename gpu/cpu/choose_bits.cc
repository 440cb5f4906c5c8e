// The choice for operations on bits.
#include "gpu/cpu/choices.h"

namespace souk::gpu::cpu {

using ptx::Opcode;
using ptx::Operation;
using ptx::Type;

namespace {

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

}  // namespace

Choice ChooseBits(const Operation& o) {
  const Type t = o.type;
  switch (o.opcode) {
    case Opcode::kAnd:
      return BitwiseChoice(Fn::kAnd, t, 2);
    case Opcode::kOr:
      return BitwiseChoice(Fn::kOr, t, 2);
    case Opcode::kXor:
      return BitwiseChoice(Fn::kXor, t, 2);
    case Opcode::kNot:
      return BitwiseChoice(Fn::kNot, t, 1);
    case Opcode::kCnot:
      return BitwiseChoice(Fn::kCnot, t, 1);
    case Opcode::kShl:
    case Opcode::kShr: {
      Choice c = BitwiseChoice(o.opcode == Opcode::kShl ? Fn::kShl : Fn::kShr, t, 2);
      if (o.opcode == Opcode::kShr && ptx::IsSigned(t)) c.ty = Signed(t);
      c.source[1] = Type::kU32;
      return c;
    }
    case Opcode::kShf: {
      if (!o.wrap && !o.clamp) return NoChoice("mode");
      const Fn left = o.wrap ? Fn::kShfLeftWrap : Fn::kShfLeftClamp;
      const Fn right = o.wrap ? Fn::kShfRightWrap : Fn::kShfRightClamp;
      return BitwiseChoice(o.right ? right : left, Type::kB32, 3);
    }
    case Opcode::kPrmt: {
      Choice c = BitwiseChoice(Fn::kPrmt, Type::kB32, 3);
      c.imm = static_cast<uint64_t>(o.permute);
      if (c.imm != 0) c.ty = Ty::kS32;
      return c;
    }
    case Opcode::kBfe: {
      Choice c = PlainChoice(Fn::kBfe, t, 3);
      c.source[1] = c.source[2] = Type::kU32;
      return c;
    }
    case Opcode::kBfi: {
      Choice c = BitwiseChoice(Fn::kBfi, t, 4);
      c.source[2] = c.source[3] = Type::kU32;
      return c;
    }
    case Opcode::kBfind: {
      Choice c = PlainChoice(o.shiftamt ? Fn::kBfindShift : Fn::kBfind, t, 1);
      c.dst = Type::kU32;
      return c;
    }
    case Opcode::kBrev:
      return BitwiseChoice(Fn::kBrev, t, 1);
    case Opcode::kPopc:
    case Opcode::kClz: {
      Choice c = BitwiseChoice(o.opcode == Opcode::kPopc ? Fn::kPopc : Fn::kClz, t, 1);
      c.dst = Type::kU32;
      return c;
    }
    case Opcode::kBmsk:
      return BitwiseChoice(o.wrap ? Fn::kBmskWrap : Fn::kBmskClamp, Type::kB32, 2);
    case Opcode::kSzext: {
      if (!Is32BitType(t)) return NoChoice("type");
      Choice c = PlainChoice(o.wrap ? Fn::kSzextWrap : Fn::kSzextClamp, t, 2);
      c.source[1] = Type::kU32;
      return c;
    }
    case Opcode::kFns: {
      Choice c = BitwiseChoice(Fn::kFns, Type::kB32, 3);
      return c;
    }
    case Opcode::kDp4a:
    case Opcode::kDp2a: {
      Fn fn = Fn::kDp4a;
      if (o.opcode == Opcode::kDp2a) {
        fn = o.mul_mode == ptx::MulMode::kHi ? Fn::kDp2aHi : Fn::kDp2aLo;
      }
      Choice c = BitwiseChoice(fn, Type::kB32, 3);
      c.imm = (ptx::IsSigned(o.type) ? 1 : 0) | (ptx::IsSigned(o.type2) ? 2 : 0);
      return c;
    }
    default:
      return NoChoice("instruction");
  }
}

}  // namespace souk::gpu::cpu
