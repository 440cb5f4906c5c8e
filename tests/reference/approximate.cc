#include "reference/approximate.h"

#include <cmath>

#include "protocol/base/check.h"
#include "reference/floats.h"

namespace souk::reference {
namespace {

using ptx::Opcode;
using ptx::Operation;
using ptx::Type;

// Exact: at most 53 bits.
long double ToLongDouble(const Number& n) {
  if (n.IsNan()) return std::nanl("");
  const long double size =
      n.IsInfinite()
          ? HUGE_VALL
          : std::ldexp(static_cast<long double>(static_cast<uint64_t>(n.significand)), n.exponent);
  return n.negative ? -size : size;
}

Bounded Exactly(Type type, uint64_t bits) {
  Bounded b;
  b.type = type;
  b.bits = bits;
  return b;
}
Bounded NanOf(Type type) {
  return Exactly(type, CanonicalNan(FormatOf(type)));
}
Bounded InfinityOf(Type type, bool negative) {
  const Format format = FormatOf(type);
  return Exactly(type, format.infinity() | (negative ? format.sign() : 0));
}
Bounded ZeroOf(Type type, bool negative) {
  return Exactly(type, negative ? FormatOf(type).sign() : 0);
}
Bounded OfKind(Type type, Bounded::Kind kind) {
  Bounded b;
  b.type = type;
  b.kind = kind;
  return b;
}
Bounded Within(const Operation& op, long double value, long double error) {
  Bounded b = OfKind(op.type, Bounded::Kind::kWithin);
  b.value = value;
  b.error = error;
  b.flush = op.ftz;
  return b;
}
Bounded Relative(const Operation& op, long double value, long double error) {
  return Within(op, value, std::fabs(value) * error);
}

// ISA 9.7.3.21: 2 ulp, here as the relative 2^-22; .f16: 2^-9.9; .bf16: 2^-7 (9.7.4).
Bounded Ex2(const Operation& op, const Number& a) {
  if (a.IsInfinite()) return a.negative ? ZeroOf(op.type, false) : InfinityOf(op.type, false);
  const long double error = op.type == Type::kF32   ? 0x1p-22L
                            : op.type == Type::kF16 ? std::exp2(-9.9L)
                                                    : 0x1p-7L;
  return Relative(op, std::exp2(ToLongDouble(a)), error);
}

// ISA 9.7.3.20: absolute 2^-22 in (0.5, 2), relative 2^-22 elsewhere.
Bounded Lg2(const Operation& op, const Number& a) {
  if (a.IsZero()) return InfinityOf(op.type, true);
  if (a.negative) return NanOf(op.type);
  if (a.IsInfinite()) return InfinityOf(op.type, false);
  const long double x = ToLongDouble(a);
  if (x > 0.5L && x < 2) return Within(op, std::log2(x), 0x1p-22L);
  return Relative(op, std::log2(x), 0x1p-22L);
}

// ISA 9.7.3.18, .19: absolute 2^-20.5 in [-2π, 2π], 2^-14.7 in [-100π, 100π].
Bounded SinCos(const Operation& op, const Number& a) {
  if (a.IsInfinite()) return NanOf(op.type);
  const bool sine = op.opcode == Opcode::kSin;
  if (sine && a.IsZero()) return ZeroOf(op.type, a.negative);
  const long double x = ToLongDouble(a);
  constexpr long double kPi = 3.14159265358979323846L;
  if (std::fabs(x) > 100 * kPi) return OfKind(op.type, Bounded::Kind::kUnit);
  const long double error = std::exp2(std::fabs(x) <= 2 * kPi ? -20.5L : -14.7L);
  return Within(op, sine ? std::sin(x) : std::cos(x), error);
}

// ISA 9.7.3.22: relative 2^-11; .f16: absolute 2^-10.987, .bf16: 2^-8.
Bounded Tanh(const Operation& op, const Number& a) {
  if (a.IsZero()) return ZeroOf(op.type, a.negative);
  const long double value = std::tanh(ToLongDouble(a));
  if (op.type == Type::kF32) return Relative(op, value, 0x1p-11L);
  return Within(op, value, std::exp2(op.type == Type::kF16 ? -10.987L : -8.0L));
}

// ISA 9.7.3.13: 1 ulp. 9.7.3.14 (.ftz.f64): the upper words alone; 20 bits of fraction.
Bounded Rcp(const Operation& op, const Number& a) {
  if (a.IsZero()) return InfinityOf(op.type, a.negative);
  if (a.IsInfinite()) return ZeroOf(op.type, a.negative);
  Bounded b = Relative(op, 1 / ToLongDouble(a), op.type == Type::kF64 ? 0x1p-19L : 0x1p-23L);
  b.upper_word = op.type == Type::kF64;
  return b;
}

// ISA 9.7.3.15: relative 2^-23.
Bounded Sqrt(const Operation& op, const Number& a) {
  if (a.IsZero()) return ZeroOf(op.type, a.negative);
  if (a.negative) return NanOf(op.type);
  if (a.IsInfinite()) return InfinityOf(op.type, false);
  return Relative(op, std::sqrt(ToLongDouble(a)), 0x1p-23L);
}

// ISA 9.7.3.16: relative 2^-22.9; for .f64 the ISA names no bound: two units in the last place, as
// CUDA's rsqrt(). 9.7.3.17 (.ftz.f64): the upper words alone.
Bounded Rsqrt(const Operation& op, const Number& a) {
  if (a.IsZero()) return InfinityOf(op.type, a.negative);
  if (a.negative) return NanOf(op.type);
  if (a.IsInfinite()) return ZeroOf(op.type, false);
  const long double error = op.type == Type::kF32 ? std::exp2(-22.9L)
                            : op.ftz              ? 0x1p-19L
                                                  : 0x1p-51L;
  Bounded b = Relative(op, 1 / std::sqrt(ToLongDouble(a)), error);
  b.upper_word = op.type == Type::kF64 && op.ftz;
  return b;
}

// ISA 9.7.3.8: .approx: 2 ulp for |b| in [2^-126, 2^126]; above, 0 or, of an infinity, NaN; below,
// nothing is said. .full: 2 ulp in the full range.
Bounded Div(const Operation& op, const Number& a, const Number& b) {
  const Number quotient = Divide(a, b);
  const long double size = std::fabs(ToLongDouble(b));
  const bool above = !op.full && size > 0x1p126L && !b.IsInfinite();
  const bool below = !op.full && size < 0x1p-126L && !b.IsZero();
  if (quotient.IsNan() || (above && a.IsInfinite())) return NanOf(op.type);
  if (above) return ZeroOf(op.type, quotient.negative);
  if (below && !a.IsInfinite() && !a.IsZero()) return OfKind(op.type, Bounded::Kind::kAny);
  if (quotient.IsInfinite()) return InfinityOf(op.type, quotient.negative);
  if (quotient.IsZero()) return ZeroOf(op.type, quotient.negative);
  return Relative(op, ToLongDouble(a) / ToLongDouble(b), 0x1p-22L);
}

}  // namespace

bool IsApproximate(const Operation& op) {
  switch (op.opcode) {
    case Opcode::kEx2:
    case Opcode::kLg2:
    case Opcode::kSin:
    case Opcode::kCos:
    case Opcode::kTanh:
    case Opcode::kRsqrt:
      return true;
    case Opcode::kDiv:
    case Opcode::kRcp:
    case Opcode::kSqrt:
      return op.approx || op.full;
    default:
      return false;
  }
}

Bounded Approximate(const Operation& op, const Sources& s) {
  const Format format = FormatOf(op.type);
  const bool upper = op.type == Type::kF64 && op.ftz;
  const auto input = [&](uint64_t bits) {
    bits = Truncate(op.type, bits);
    if (upper) bits &= 0xffffffff00000000;
    return Unpack(format, op.ftz ? FlushInput(format, bits) : bits);
  };
  const Number a = input(s[0]);
  const Number b = input(s[1]);
  const bool nan =
      IsNanBits(format, Truncate(op.type, s[0])) || (op.opcode == Opcode::kDiv && b.IsNan());
  if (nan) return NanOf(op.type);
  switch (op.opcode) {
    case Opcode::kEx2:
      return Ex2(op, a);
    case Opcode::kLg2:
      return Lg2(op, a);
    case Opcode::kSin:
    case Opcode::kCos:
      return SinCos(op, a);
    case Opcode::kTanh:
      return Tanh(op, a);
    case Opcode::kRcp:
      return Rcp(op, a);
    case Opcode::kSqrt:
      return Sqrt(op, a);
    case Opcode::kRsqrt:
      return Rsqrt(op, a);
    default:
      return Div(op, a, b);
  }
}

bool Accepts(const Bounded& bounded, uint64_t bits) {
  const Format format = FormatOf(bounded.type);
  const bool exact_nan = bounded.kind == Bounded::Kind::kExact && IsNanBits(format, bounded.bits);
  // The ISA fixes no NaN of double precision.
  if (exact_nan && bounded.type == Type::kF64) return IsNanBits(format, bits);
  if (bounded.kind == Bounded::Kind::kExact) return bits == bounded.bits;
  if (bounded.kind == Bounded::Kind::kAny) return true;
  if (IsNanBits(format, bits)) return false;
  const Number n = Unpack(format, bits);
  const long double result = ToLongDouble(n);
  if (bounded.kind == Bounded::Kind::kUnit) return result >= -1 && result <= 1;
  if (bounded.upper_word && (bits & 0xffffffff) != 0) return false;
  const long double largest = ToLongDouble(Unpack(format, format.infinity() - 1));
  const long double least_normal = std::ldexp(1.0L, format.least_exponent());
  const long double unit = std::ldexp(1.0L, format.least_exponent() - format.fraction_bits);
  if (n.IsInfinite()) {
    return n.negative == (bounded.value < 0) && std::fabs(bounded.value) + bounded.error >= largest;
  }
  const bool tiny = std::fabs(bounded.value) - bounded.error < least_normal;
  if (n.IsZero() && bounded.flush && tiny) return n.negative == std::signbit(bounded.value);
  return std::fabs(result - bounded.value) <= bounded.error + unit;
}

}  // namespace souk::reference
