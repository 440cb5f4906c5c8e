// Binary floating point the obvious way: numbers are whole significands times powers of two, held
// exactly, and rounded once. Nothing here asks the host's floating-point unit, whose results the
// interpreter of gpu/cpu is made of.
#pragma once

#include <cstdint>

namespace souk::reference {

__extension__ using Uint128 = unsigned __int128;
__extension__ using Int128 = __int128;

// An IEEE 754 interchange format, or one of its shape: sign, exponent, fraction.
struct Format {
  int exponent_bits;
  int fraction_bits;

  constexpr int bits() const { return 1 + exponent_bits + fraction_bits; }
  constexpr int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  constexpr int least_exponent() const { return 1 - bias(); }  // of a normal number
  constexpr uint64_t sign() const { return uint64_t{1} << (bits() - 1); }
  constexpr uint64_t infinity() const {
    return ((uint64_t{1} << exponent_bits) - 1) << fraction_bits;
  }
};
// PTX ISA 5.2.1 (fundamental types) and 5.2.3 (alternate formats: bf16).
inline constexpr Format kHalf{5, 10};
inline constexpr Format kBfloat{8, 7};
inline constexpr Format kSingle{8, 23};
inline constexpr Format kDouble{11, 52};

enum class Mode : uint8_t { kNearestEven, kTowardZero, kDown, kUp };

enum class Kind : uint8_t { kFinite, kInfinite, kNan };

// (-1)^negative × (significand + rest) × 2^exponent, where 0 < rest < 1 if `more` and else 0.
// `more` only stands beside significands of 64 bits or more, so that rounding sees enough.
struct Number {
  Kind kind = Kind::kFinite;
  bool negative = false;
  bool more = false;
  int exponent = 0;
  Uint128 significand = 0;

  bool IsNan() const { return kind == Kind::kNan; }
  bool IsInfinite() const { return kind == Kind::kInfinite; }
  bool IsZero() const { return kind == Kind::kFinite && significand == 0 && !more; }
};

Number Unpack(Format format, uint64_t bits);
Number FromInteger(Int128 value);

// The exact results, of which those that are too long carry `more`. NaN where IEEE 754 has an
// invalid operation or an operand is NaN. An exact sum of zero is +0, or -0 where the mode is kDown
// (IEEE 754 6.3); that is all that `mode` decides.
Number Add(const Number& a, const Number& b, Mode mode);
Number Multiply(const Number& a, const Number& b);
Number Divide(const Number& a, const Number& b);
Number SquareRoot(const Number& a);
Number Negate(Number a);

// To a whole number by the mode; infinities and NaN stay.
Number ToIntegral(const Number& a, Mode mode);
// The value of a whole finite number within ±2^126; what is beyond is cut to ±2^126.
Int128 ToInteger(const Number& whole);

// -1, 0, 1; neither is NaN. Zeros are equal. No `more`.
int Compare(const Number& a, const Number& b);

// Rounded to the format. flush (.ftz): a result that is below the least normal number after it is
// rounded to the format's precision with unbounded exponent becomes a zero of its sign. `number`
// is not NaN: NaNs are each instruction's own.
uint64_t Pack(Format format, const Number& number, Mode mode, bool flush);

}  // namespace souk::reference
