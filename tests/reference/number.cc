#include "reference/number.h"

#include <bit>
#include <utility>

#include "protocol/base/check.h"

namespace souk::reference {
namespace {

// The place of the highest set bit; the significand is not 0.
int Top(Uint128 significand) {
  const auto high = static_cast<uint64_t>(significand >> 64);
  if (high != 0) return 127 - std::countl_zero(high);
  return 63 - std::countl_zero(static_cast<uint64_t>(significand));
}

Number Nan() {
  Number n;
  n.kind = Kind::kNan;
  return n;
}
Number Infinity(bool negative) {
  Number n;
  n.kind = Kind::kInfinite;
  n.negative = negative;
  return n;
}
Number Zero(bool negative) {
  Number n;
  n.negative = negative;
  return n;
}

// The same number with its highest bit at `top`.
Number WithTopAt(Number n, int top) {
  CHECK(n.significand != 0);
  const int by = top - Top(n.significand);
  CHECK(by >= 0);
  n.significand <<= by;
  n.exponent -= by;
  return n;
}

// A significand divided by 2^by and rounded to a whole number.
Uint128 RoundedShift(const Number& n, int by, Mode mode) {
  if (by <= 0) {
    CHECK(!n.more);
    return n.significand << -by;
  }
  const bool all_gone = by >= 128;
  const Uint128 kept = all_gone ? 0 : n.significand >> by;
  const Uint128 lost = all_gone ? n.significand : n.significand & ((Uint128{1} << by) - 1);
  if (lost == 0 && !n.more) return kept;
  // Beyond 2^128 less than half is lost whatever the significand.
  const Uint128 half = by > 128 ? ~Uint128{0} : Uint128{1} << (by - 1);
  bool up = false;
  switch (mode) {
    case Mode::kNearestEven:
      up = lost > half || (lost == half && (n.more || (kept & 1) != 0));
      if (by > 128) up = false;
      break;
    case Mode::kTowardZero:
      break;
    case Mode::kDown:
      up = n.negative;
      break;
    case Mode::kUp:
      up = !n.negative;
      break;
  }
  return kept + (up ? 1 : 0);
}

uint64_t Overflowed(Format format, bool negative, Mode mode) {
  const bool infinite = mode == Mode::kNearestEven || (mode == Mode::kUp && !negative) ||
                        (mode == Mode::kDown && negative);
  return (negative ? format.sign() : 0) | (infinite ? format.infinity() : format.infinity() - 1);
}

Uint128 RootOf(Uint128 n) {
  Uint128 root = 0;
  for (int bit = 63; bit >= 0; --bit) {
    const Uint128 candidate = root | Uint128{1} << bit;
    if (candidate * candidate <= n) root = candidate;
  }
  return root;
}

}  // namespace

Number Unpack(Format format, uint64_t bits) {
  const uint64_t exponent = (bits & format.infinity()) >> format.fraction_bits;
  const uint64_t fraction = bits & ((uint64_t{1} << format.fraction_bits) - 1);
  const bool negative = (bits & format.sign()) != 0;
  if (exponent == (uint64_t{1} << format.exponent_bits) - 1) {
    return fraction != 0 ? Nan() : Infinity(negative);
  }
  Number n = Zero(negative);
  const uint64_t hidden = exponent == 0 ? 0 : uint64_t{1} << format.fraction_bits;
  n.significand = fraction | hidden;
  n.exponent =
      (exponent == 0 ? format.least_exponent() : static_cast<int>(exponent) - format.bias()) -
      format.fraction_bits;
  return n;
}

Number FromInteger(Int128 value) {
  Number n;
  n.negative = value < 0;
  n.significand = value < 0 ? -static_cast<Uint128>(value) : static_cast<Uint128>(value);
  return n;
}

Number Negate(Number a) {
  a.negative = !a.negative;
  return a;
}

Number Add(const Number& a, const Number& b, Mode mode) {
  if (a.IsNan() || b.IsNan()) return Nan();
  if (a.IsInfinite() && b.IsInfinite() && a.negative != b.negative) return Nan();
  if (a.IsInfinite()) return a;
  if (b.IsInfinite()) return b;
  if (a.IsZero() && b.IsZero()) {
    return a.negative == b.negative ? a : Zero(mode == Mode::kDown);
  }
  if (a.IsZero()) return b;
  if (b.IsZero()) return a;
  CHECK(!a.more && !b.more);
  // Two places stay free above, for the carry; what is shifted out below is `more`.
  constexpr int kTop = 125;
  Number high = WithTopAt(a, kTop);
  Number low = WithTopAt(b, kTop);
  if (low.exponent > high.exponent ||
      (low.exponent == high.exponent && low.significand > high.significand)) {
    std::swap(high, low);
  }
  const int by = high.exponent - low.exponent;
  const Uint128 aligned = by >= 128 ? 0 : low.significand >> by;
  const bool lost = by >= 128 || (aligned << by) != low.significand;
  Number sum = high;
  sum.more = lost;
  if (high.negative == low.negative) {
    sum.significand = high.significand + aligned;
  } else {
    // high - (aligned + rest) = (high - aligned - 1) + (1 - rest)
    sum.significand = high.significand - aligned - (lost ? 1 : 0);
    if (sum.significand == 0 && !lost) return Zero(mode == Mode::kDown);
  }
  return sum;
}

Number Multiply(const Number& a, const Number& b) {
  const bool negative = a.negative != b.negative;
  if (a.IsNan() || b.IsNan()) return Nan();
  if ((a.IsInfinite() && b.IsZero()) || (a.IsZero() && b.IsInfinite())) return Nan();
  if (a.IsInfinite() || b.IsInfinite()) return Infinity(negative);
  Number product = Zero(negative);
  product.significand = a.significand * b.significand;
  product.exponent = a.exponent + b.exponent;
  return product;
}

Number Divide(const Number& a, const Number& b) {
  const bool negative = a.negative != b.negative;
  if (a.IsNan() || b.IsNan()) return Nan();
  if ((a.IsInfinite() && b.IsInfinite()) || (a.IsZero() && b.IsZero())) return Nan();
  if (a.IsInfinite() || b.IsZero()) return Infinity(negative);
  if (b.IsInfinite() || a.IsZero()) return Zero(negative);
  const Number dividend = WithTopAt(a, 127);
  Number quotient = Zero(negative);
  quotient.significand = dividend.significand / b.significand;
  quotient.more = dividend.significand % b.significand != 0;
  quotient.exponent = dividend.exponent - b.exponent;
  return quotient;
}

Number SquareRoot(const Number& a) {
  if (a.IsNan()) return Nan();
  if (a.IsZero()) return a;
  if (a.negative) return Nan();
  if (a.IsInfinite()) return a;
  Number even = WithTopAt(a, 126);
  if (even.exponent % 2 != 0) even = WithTopAt(a, 127);
  Number root = Zero(false);
  root.significand = RootOf(even.significand);
  root.more = root.significand * root.significand != even.significand;
  root.exponent = even.exponent / 2;
  return root;
}

Number ToIntegral(const Number& a, Mode mode) {
  if (a.kind != Kind::kFinite || a.significand == 0 || a.exponent >= 0) return a;
  Number whole = Zero(a.negative);
  whole.significand = RoundedShift(a, -a.exponent, mode);
  return whole;
}

Int128 ToInteger(const Number& whole) {
  const Int128 most = Int128{1} << 126;
  Int128 size = 0;
  if (whole.IsInfinite() ||
      (whole.significand != 0 && Top(whole.significand) + whole.exponent > 125)) {
    size = most;
  } else if (whole.significand != 0) {
    CHECK(whole.exponent >= 0);
    size = static_cast<Int128>(whole.significand << whole.exponent);
  }
  return whole.negative ? -size : size;
}

int Compare(const Number& a, const Number& b) {
  if (a.IsInfinite() && b.IsInfinite() && a.negative == b.negative) return 0;
  const Number difference = Add(a, Negate(b), Mode::kNearestEven);
  if (difference.IsZero()) return 0;
  return difference.negative ? -1 : 1;
}

uint64_t Pack(Format format, const Number& number, Mode mode, bool flush) {
  CHECK(!number.IsNan());
  const uint64_t sign = number.negative ? format.sign() : 0;
  if (number.IsInfinite()) return sign | format.infinity();
  if (number.IsZero()) return sign;
  CHECK(number.significand != 0);
  const int exponent = number.exponent + Top(number.significand);
  const int least_unit = format.least_exponent() - format.fraction_bits;
  // What the last place counts, with unbounded exponents and with the format's.
  const int free_unit = exponent - format.fraction_bits;
  const int unit = free_unit > least_unit ? free_unit : least_unit;
  if (flush && free_unit < least_unit) {
    const Uint128 rounded = RoundedShift(number, free_unit - number.exponent, mode);
    const bool carried = rounded >> (format.fraction_bits + 1) != 0;
    if (exponent + (carried ? 1 : 0) < format.least_exponent()) return sign;
  }
  const auto kept = static_cast<uint64_t>(RoundedShift(number, unit - number.exponent, mode));
  // The significand's highest bit, where it is set, adds one to the exponent's field.
  const uint64_t steps = static_cast<uint64_t>(unit - least_unit);
  if (steps >= (uint64_t{1} << format.exponent_bits))
    return Overflowed(format, number.negative, mode);
  const uint64_t bits = (steps << format.fraction_bits) + kept;
  if (bits >= format.infinity()) return Overflowed(format, number.negative, mode);
  return sign | bits;
}

}  // namespace souk::reference
