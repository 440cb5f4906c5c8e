// Integer arithmetic in 128 bits, cut to the type at the end: PTX ISA 9.7.1, 9.7.2.
#include <cstdlib>

#include "reference/rules.h"

namespace souk::reference {

using ptx::MulMode;
using ptx::Opcode;
using ptx::Operation;
using ptx::Type;

uint64_t TruncateTo(uint32_t width, Int128 value) {
  const auto bits = static_cast<uint64_t>(static_cast<Uint128>(value));
  return width >= 64 ? bits : bits & ((uint64_t{1} << width) - 1);
}
uint64_t Truncate(Type type, uint64_t bits) {
  return TruncateTo(ptx::TypeBits(type), static_cast<Int128>(bits));
}

Int128 ValueOf(Type type, uint64_t bits) {
  const uint32_t width = ptx::TypeBits(type);
  const auto value = static_cast<Int128>(Truncate(type, bits));
  const Int128 sign = Int128{1} << (width - 1);
  return ptx::IsSigned(type) && (value & sign) != 0 ? value - 2 * sign : value;
}

namespace {

Int128 Least(Type type) {
  return ptx::IsSigned(type) ? -(Int128{1} << (ptx::TypeBits(type) - 1)) : 0;
}
Int128 Most(Type type) {
  return (Int128{1} << (ptx::TypeBits(type) - (ptx::IsSigned(type) ? 1 : 0))) - 1;
}
Int128 Clamp(Type type, Int128 value) {
  return value < Least(type) ? Least(type) : value > Most(type) ? Most(type) : value;
}

// add, sub .sat.s32; mad.hi.sat.s32 (ISA 9.7.1.1, .2, .4): to the type's range instead of wrapping.
uint64_t Finish(const Operation& op, Type type, Int128 value) {
  return TruncateTo(ptx::TypeBits(type), op.sat ? Clamp(type, value) : value);
}

// The half of a × b that .lo and .hi name, as a value of the type (ISA 9.7.1.3, 9.7.1.4).
Int128 ProductHalf(const Operation& op, Int128 a, Int128 b) {
  const uint32_t width = ptx::TypeBits(op.type);
  // An unsigned 64-bit product needs all 128 bits, so the shift is of its bits, not of its value.
  const auto product = static_cast<Uint128>(a) * static_cast<Uint128>(b);
  const Uint128 half = op.mul_mode == MulMode::kHi ? product >> width : product;
  return ValueOf(op.type, static_cast<uint64_t>(half));
}

// mul24, mad24 (ISA 9.7.1.5, .6): the low 24 bits of each source by the type's sign; of the 48-bit
// product the low or the high 32 bits.
Int128 Product24(const Operation& op, uint64_t a, uint64_t b) {
  const auto low24 = [&](uint64_t bits) {
    const auto value = static_cast<Int128>(bits & 0xffffff);
    return ptx::IsSigned(op.type) && value >= 0x800000 ? value - 0x1000000 : value;
  };
  const Int128 product = low24(a) * low24(b);
  const Int128 half = op.mul_mode == MulMode::kHi ? product >> 16 : product;
  return ValueOf(op.type, static_cast<uint64_t>(static_cast<Uint128>(half)));
}

// div, rem (ISA 9.7.1.8, .9): the ISA leaves division by zero open ("machine-specific"); as on
// hardware it gives all ones. The quotient rounds toward zero; the least number by -1 wraps.
Int128 Quotient(Int128 a, Int128 b) {
  return b == 0 ? -1 : a / b;
}
Int128 Remainder(Int128 a, Int128 b) {
  return b == 0 ? -1 : a % b;
}

// dp4a, dp2a (ISA 9.7.1.23, .24): bytes of a (or its halves) times bytes of b, summed onto c in 32
// bits.
uint64_t DotProduct(const Operation& op, const Sources& s, int terms) {
  const bool halves = op.opcode == Opcode::kDp2a;
  const int first = halves && op.mul_mode == MulMode::kHi ? 2 : 0;
  const Type a_type = halves ? (ptx::IsSigned(op.type) ? Type::kS16 : Type::kU16)
                             : (ptx::IsSigned(op.type) ? Type::kS8 : Type::kU8);
  const Type b_type = ptx::IsSigned(op.type2) ? Type::kS8 : Type::kU8;
  auto sum = static_cast<Int128>(s[2]);
  for (int i = 0; i < terms; ++i) {
    const uint64_t a = s[0] >> (i * static_cast<int>(ptx::TypeBits(a_type)));
    sum += ValueOf(a_type, a) * ValueOf(b_type, s[1] >> (8 * (first + i)));
  }
  return TruncateTo(32, sum);
}

uint64_t OneResult(const Operation& op, Type type, const Sources& s) {
  const Int128 a = ValueOf(type, s[0]);
  const Int128 b = ValueOf(type, s[1]);
  const Int128 c = ValueOf(type, s[2]);
  const uint32_t width = ptx::TypeBits(type);
  switch (op.opcode) {
    case Opcode::kAdd:
      return Finish(op, type, a + b);
    case Opcode::kSub:
      return Finish(op, type, a - b);
    case Opcode::kMul:
      if (op.mul_mode == MulMode::kWide) return TruncateTo(2 * width, a * b);
      return TruncateTo(width, ProductHalf(op, a, b));
    case Opcode::kMad:
      if (op.mul_mode == MulMode::kWide) {
        return TruncateTo(2 * width, a * b + static_cast<Int128>(s[2]));
      }
      return Finish(op, type, ProductHalf(op, a, b) + c);
    case Opcode::kMul24:
      return TruncateTo(width, Product24(op, s[0], s[1]));
    case Opcode::kMad24:
      return Finish(op, type, Product24(op, s[0], s[1]) + c);
    case Opcode::kSad:  // ISA 9.7.1.7: c + |a - b|
      return TruncateTo(width, c + (a < b ? b - a : a - b));
    case Opcode::kDiv:
      return TruncateTo(width, Quotient(a, b));
    case Opcode::kRem:
      return TruncateTo(width, Remainder(a, b));
    case Opcode::kAbs:  // ISA 9.7.1.10; of the least number itself, as 2^(width - 1) wraps
      return TruncateTo(width, a < 0 ? -a : a);
    case Opcode::kNeg:
      return TruncateTo(width, -a);
    case Opcode::kMin:
    case Opcode::kMax: {  // ISA 9.7.1.12, .13; .relu: not below zero
      const Int128 chosen = (op.opcode == Opcode::kMin) == (a < b) ? a : b;
      return TruncateTo(width, op.relu && chosen < 0 ? 0 : chosen);
    }
    default:
      break;
  }
  std::abort();  // not an integer instruction that the reference knows
}

}  // namespace

uint64_t IntegerResult(const Operation& op, const Sources& s) {
  if (op.opcode == Opcode::kDp4a) return DotProduct(op, s, 4);
  if (op.opcode == Opcode::kDp2a) return DotProduct(op, s, 2);
  if (op.type == Type::kU16x2 || op.type == Type::kS16x2) {
    const Type half = op.type == Type::kS16x2 ? Type::kS16 : Type::kU16;
    const uint64_t low = OneResult(op, half, s);
    return low | OneResult(op, half, {s[0] >> 16, s[1] >> 16, s[2] >> 16, 0}) << 16;
  }
  return OneResult(op, op.type, s);
}

// ISA 9.7.2: add.cc, addc, sub.cc, subc, mad.cc, madc. Sums are of the operands' bits; the flag is
// what does not fit. The ISA has differences borrow, which within chains of sub.cc and subc is the
// same as what ptxas makes of them. .hi is the upper half of the signed or unsigned
// product.
WithCarry CarryResult(const Operation& op, const Sources& s, bool carry) {
  const uint32_t width = ptx::TypeBits(op.type);
  const bool reads =
      op.opcode == Opcode::kAddc || op.opcode == Opcode::kSubc || op.opcode == Opcode::kMadc;
  const auto a = static_cast<Int128>(Truncate(op.type, s[0]));
  const auto b = static_cast<Int128>(Truncate(op.type, s[1]));
  const auto c = static_cast<Int128>(Truncate(op.type, s[2]));
  const Int128 in = reads && carry ? 1 : 0;
  Int128 exact = 0;
  switch (op.opcode) {
    case Opcode::kAdd:
    case Opcode::kAddc:
      exact = a + b + in;
      break;
    case Opcode::kSub:
    case Opcode::kSubc:
      // An adder's: a + ~b + 1, so that the flag is set where nothing was borrowed.
      exact = a + static_cast<Int128>(Truncate(op.type, ~s[1])) +
              (op.opcode == Opcode::kSub ? Int128{1} : in);
      break;
    default: {
      const Int128 half = ProductHalf(op, ValueOf(op.type, s[0]), ValueOf(op.type, s[1]));
      exact = static_cast<Int128>(TruncateTo(width, half)) + c + in;
      break;
    }
  }
  return {TruncateTo(width, exact), exact >> width != 0};
}

}  // namespace souk::reference
