// Floating-point building blocks of the handlers: PTX ISA 9.7.3 "Floating Point Instructions".
// Compiled without contraction and without fast-math, so that every level gives the same bits.
#pragma once

#include <cfenv>

#include "gpu/cpu/lane_ops.h"

namespace souk::gpu::cpu::SOUK_SIMD {

// Results that are NaN have no payload in single precision (ISA 9.7.3: canonical NaN 0x7fffffff).
SOUK_INLINE float Canonical(float r) {
  return r != r ? Bits<float>(0x7fffffffu) : r;
}

// Double precision keeps the payload of the first NaN operand; an operation that makes one gives
// CUDA's own, 0xfff8000000000000.
SOUK_INLINE double Quiet(double v) {
  return Bits<double>(Bits<uint64_t>(v) | 0x0008000000000000);
}
SOUK_INLINE double Canonical(double r, double a) {
  const double nan = a != a ? Quiet(a) : Bits<double>(0xfff8000000000000);
  return r != r ? nan : r;
}
SOUK_INLINE double Canonical(double r, double a, double b) {
  const double nan = a != a ? Quiet(a) : b != b ? Quiet(b) : Bits<double>(0xfff8000000000000);
  return r != r ? nan : r;
}
SOUK_INLINE double Canonical(double r, double a, double b, double c) {
  const double nan = a != a   ? Quiet(a)
                     : b != b ? Quiet(b)
                     : c != c ? Quiet(c)
                              : Bits<double>(0xfff8000000000000);
  return r != r ? nan : r;
}

// Subnormals to zero of the same sign (.ftz).
SOUK_INLINE float Flush(float v) {
  const uint32_t bits = Bits<uint32_t>(v);
  return Bits<float>((bits & 0x7f800000) == 0 ? bits & 0x80000000 : bits);
}
// .ftz of an inexact result. It counts as subnormal if it is below the least normal number once
// rounded to 24 bits as though exponents had no bound: what only rounding as a subnormal brings up
// to the least normal number is zero. So ptxas folds mul.rn and cvt.rn, and so the code compares
// that it makes of cvt.rz, .rm and .rp; what it does not fold (fma, other modes, halves) follows
// the same rule here. r: the result; raised: the same, of operands that make it kRaise times as
// large, where nothing near is subnormal (where these overflow, r is large).
inline constexpr float kRaise = 0x1p24f;
SOUK_INLINE float FlushTiny(float r, float raised) {
  const uint32_t bits = Bits<uint32_t>(r);
  const float size = Bits<float>(Bits<uint32_t>(raised) & 0x7fffffff);
  return Bits<float>(size < 0x1p-126f * kRaise ? bits & 0x80000000 : bits);
}
// To [0, 1]; NaN to +0 (.sat).
SOUK_INLINE float Saturate(float v) {
  return v > 0.0f ? (v < 1.0f ? v : 1.0f) : 0.0f;
}
SOUK_INLINE double Saturate(double v) {
  return v > 0.0 ? (v < 1.0 ? v : 1.0) : 0.0;
}

SOUK_INLINE float NextDown(float f) {
  const uint32_t bits = Bits<uint32_t>(f);
  const uint32_t moved = bits & 0x80000000 ? bits + 1 : bits - 1;
  return Bits<float>((bits & 0x7fffffff) == 0 ? 0x80000001 : moved);
}
SOUK_INLINE float NextUp(float f) {
  const uint32_t bits = Bits<uint32_t>(f);
  const uint32_t moved = bits & 0x80000000 ? bits - 1 : bits + 1;
  return Bits<float>((bits & 0x7fffffff) == 0 ? 0x00000001 : moved);
}

// An exact value that doubles cannot hold: value is it rounded to nearest, error has the sign of
// what was lost.
struct Inexact {
  double value;
  double error;
};
// Knuth's TwoSum: the error is exact.
SOUK_INLINE Inexact AddExactly(double a, double b) {
  const double s = a + b;
  const double t = s - a;
  return Inexact{s, (a - (s - t)) + (b - t)};
}
SOUK_INLINE double Fma(double a, double b, double c) {
  return __builtin_fma(a, b, c);
}

// The double whose last bit says that something was lost ("round to odd"): rounding it again to a
// narrower type gives what rounding the exact value once would.
SOUK_INLINE double Odd(Inexact x) {
  const uint64_t bits = Bits<uint64_t>(x.value);
  const bool even = (bits & 1) == 0;
  const bool away = (x.error > 0) == (x.value > 0);
  const uint64_t moved = away ? bits + 1 : bits - 1;
  return x.error != 0 && x.error == x.error && even ? Bits<double>(moved) : x.value;
}

template <Round kRound>
SOUK_INLINE float RoundToFloat(Inexact x) {
  if constexpr (kRound == Round::kNearest) return static_cast<float>(Odd(x));
  const float f = static_cast<float>(x.value);
  const double wide = f;
  const bool above = wide > x.value || (wide == x.value && x.error < 0);
  const bool below = wide < x.value || (wide == x.value && x.error > 0);
  if constexpr (kRound == Round::kDown) return above ? NextDown(f) : f;
  if constexpr (kRound == Round::kUp) return below ? NextUp(f) : f;
  const bool positive = x.value > 0;
  return positive ? (above ? NextDown(f) : f) : (below ? NextUp(f) : f);
}

// An exact sum of zero is -0 when rounding down, unless both addends are +0.
template <Round kRound>
SOUK_INLINE float SignZero(float sum, double a, double b) {
  if constexpr (kRound != Round::kDown) return sum;
  const bool negative = (Bits<uint64_t>(a) | Bits<uint64_t>(b)) >> 63;
  return sum == 0 && negative ? -0.0f : sum;
}

template <Round kRound>
SOUK_INLINE float AddRounded(float a, float b) {
  if constexpr (kRound == Round::kNearest) return a + b;
  const Inexact exact = AddExactly(a, b);
  const float r = RoundToFloat<kRound>(exact);
  return exact.value == 0 ? SignZero<kRound>(r, a, b) : r;
}
template <Round kRound>
SOUK_INLINE float MulRounded(float a, float b) {
  if constexpr (kRound == Round::kNearest) return a * b;
  return RoundToFloat<kRound>(Inexact{static_cast<double>(a) * b, 0});
}
template <Round kRound>
SOUK_INLINE float FmaRounded(float a, float b, float c) {
#if defined(__FMA__)
  if constexpr (kRound == Round::kNearest) return __builtin_fmaf(a, b, c);
#endif
  const double product = static_cast<double>(a) * b;  // 48 bits: exact
  const Inexact exact = AddExactly(product, c);
  const float r = RoundToFloat<kRound>(exact);
  return exact.value == 0 ? SignZero<kRound>(r, product, c) : r;
}
template <Round kRound>
SOUK_INLINE float DivRounded(float a, float b) {
  if constexpr (kRound == Round::kNearest) return a / b;
  const double q = static_cast<double>(a) / b;
  const double rest = Fma(-q, b, a);
  return RoundToFloat<kRound>(Inexact{q, b < 0 ? -rest : rest});
}
template <Round kRound>
SOUK_INLINE float SqrtRounded(float a) {
  if constexpr (kRound == Round::kNearest) return __builtin_sqrtf(a);
  const double s = __builtin_sqrt(static_cast<double>(a));
  return RoundToFloat<kRound>(Inexact{s, Fma(-s, s, a)});
}

// The same with .ftz. Sums that are subnormal are exact, and roots are never.
template <Round kRound>
SOUK_INLINE float AddFlushed(float a, float b) {
  return Flush(AddRounded<kRound>(Flush(a), Flush(b)));
}
template <Round kRound>
SOUK_INLINE float MulFlushed(float x, float y) {
  const float a = Flush(x);
  const float b = Flush(y);
  return FlushTiny(MulRounded<kRound>(a, b), MulRounded<kRound>(a * kRaise, b));
}
template <Round kRound>
SOUK_INLINE float FmaFlushed(float x, float y, float z) {
  const float a = Flush(x);
  const float b = Flush(y);
  const float c = Flush(z);
  return FlushTiny(FmaRounded<kRound>(a, b, c), FmaRounded<kRound>(a * kRaise, b, c * kRaise));
}
template <Round kRound>
SOUK_INLINE float DivFlushed(float x, float y) {
  const float a = Flush(x);
  const float b = Flush(y);
  return FlushTiny(DivRounded<kRound>(a, b), DivRounded<kRound>(a * kRaise, b));
}
template <Round kRound>
SOUK_INLINE float SqrtFlushed(float a) {
  return SqrtRounded<kRound>(Flush(a));
}

SOUK_INLINE float HalfToFloat(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16;
  const uint32_t rest = h & 0x7fff;
  // Subnormals: the mantissa counts 2^-24.
  const float tiny = static_cast<float>(static_cast<int32_t>(rest)) * 0x1p-24f;
  const uint32_t normal = (rest << 13) + (rest >= 0x7c00 ? 0x70000000u : 0x38000000u);
  return Bits<float>(sign | (rest < 0x0400 ? Bits<uint32_t>(tiny) : normal));
}
SOUK_INLINE float Bf16ToFloat(uint16_t h) {
  return Bits<float>(static_cast<uint32_t>(h) << 16);
}

// A double rounded once to a 16-bit format with kMantissa explicit bits and the exponent's bias;
// NaN to the canonical 0x7fff. rounding: Round.
template <int kMantissa, int kBias>
SOUK_INLINE uint16_t RoundToSixteen(double v, uint64_t rounding) {
  const uint64_t bits = Bits<uint64_t>(v);
  const uint16_t sign = static_cast<uint16_t>((bits >> 48) & 0x8000);
  const uint64_t magnitude = bits & 0x7fffffffffffffff;
  constexpr uint16_t kInfinity = static_cast<uint16_t>(((2 * kBias + 1) << kMantissa) & 0x7fff);
  if (magnitude > 0x7ff0000000000000) return 0x7fff;
  if (magnitude == 0x7ff0000000000000) return static_cast<uint16_t>(sign | kInfinity);
  const int exponent = static_cast<int>(magnitude >> 52) - 1023;
  const uint64_t mantissa = (magnitude & 0x000fffffffffffff) | 0x0010000000000000;
  // How many of the mantissa's 53 bits fall away.
  int drop = 52 - kMantissa;
  if (exponent < 1 - kBias) drop += 1 - kBias - exponent;
  if (magnitude < 0x0010000000000000 || drop > 54) drop = 55;
  const uint64_t m = magnitude < 0x0010000000000000 ? (magnitude != 0 ? 1 : 0) : mantissa;
  const uint64_t kept = drop > 54 ? 0 : m >> drop;
  const uint64_t lost = drop > 54 ? m : m & ((uint64_t{1} << drop) - 1);
  const uint64_t half = drop > 54 ? ~uint64_t{0} : uint64_t{1} << (drop - 1);
  bool up = false;
  if (rounding == static_cast<uint64_t>(Round::kNearest)) {
    up = lost > half || (lost == half && (kept & 1));
  } else if (rounding == static_cast<uint64_t>(Round::kUp)) {
    up = lost != 0 && sign == 0;
  } else if (rounding == static_cast<uint64_t>(Round::kDown)) {
    up = lost != 0 && sign != 0;
  }
  // A subnormal that rounds up to 2^kMantissa becomes the least normal by itself.
  const int64_t biased = exponent < 1 - kBias ? 0 : exponent + kBias - 1;
  const int64_t whole = (biased << kMantissa) + static_cast<int64_t>(kept) + (up ? 1 : 0);
  const bool toward_zero = rounding == static_cast<uint64_t>(Round::kZero) ||
                           (rounding == static_cast<uint64_t>(Round::kUp) && sign != 0) ||
                           (rounding == static_cast<uint64_t>(Round::kDown) && sign == 0);
  const uint16_t most = static_cast<uint16_t>(toward_zero ? kInfinity - 1 : kInfinity);
  return static_cast<uint16_t>(sign | (whole >= kInfinity ? most : static_cast<uint16_t>(whole)));
}
SOUK_INLINE uint16_t ToHalf(double v, uint64_t rounding) {
  return RoundToSixteen<10, 15>(v, rounding);
}
SOUK_INLINE uint16_t ToBf16(double v, uint64_t rounding) {
  return RoundToSixteen<7, 127>(v, rounding);
}

// float to half, to nearest: the fast way.
SOUK_INLINE uint16_t FloatToHalf(float v) {
  const uint32_t bits = Bits<uint32_t>(v);
  const uint32_t sign = (bits >> 16) & 0x8000;
  const uint32_t magnitude = bits & 0x7fffffff;
  // Normal results: rebias, round to nearest even by adding.
  const uint32_t normal = (magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  // Subnormal ones: adding 0.5 puts their last place where a float's last bit is.
  const uint32_t tiny = Bits<uint32_t>(Bits<float>(magnitude) + 0.5f) - 0x3f000000;
  uint32_t r = magnitude < 0x38800000 ? tiny : normal;
  r = magnitude >= 0x477ff000 ? 0x7c00 : r;
  r = sign | r;
  return static_cast<uint16_t>(magnitude > 0x7f800000 ? 0x7fff : r);
}

// For fesetround: directed rounding of doubles goes through the processor's own mode.
SOUK_INLINE int HostMode(Round round) {
  switch (round) {
    case Round::kZero:
      return FE_TOWARDZERO;
    case Round::kDown:
      return FE_DOWNWARD;
    case Round::kUp:
      return FE_UPWARD;
    case Round::kNearest:
      break;
  }
  return FE_TONEAREST;
}

// What approximate instructions are computed with: basic operations on doubles alone.

// v to the nearest integer, |v| < 2^51.
SOUK_INLINE double Nearest(double v) {
  const double magic = 0x1.8p52;
  return (v + magic) - magic;
}
SOUK_INLINE double PowerOfTwo(double whole) {
  // The integer stands in the low bits of whole + 1.5 × 2^52.
  const uint64_t bits = Bits<uint64_t>(whole + 1023 + 0x1.8p52);
  return Bits<double>(bits << 52);
}

// 2^x for |x| < 1000: 2^whole × e^(part × ln 2), Taylor up to the tenth power (part <= 1/2).
SOUK_INLINE double Exp2(double x) {
  const double whole = Nearest(x);
  const double t = (x - whole) * 0x1.62e42fefa39efp-1;
  double p = 1.0 / 3628800;
  p = p * t + 1.0 / 362880;
  p = p * t + 1.0 / 40320;
  p = p * t + 1.0 / 5040;
  p = p * t + 1.0 / 720;
  p = p * t + 1.0 / 120;
  p = p * t + 1.0 / 24;
  p = p * t + 1.0 / 6;
  p = p * t + 0.5;
  p = p * t + 1.0;
  p = p * t + 1.0;
  return p * PowerOfTwo(whole);
}

// tanh of v >= 0; 1 for NaN.
SOUK_INLINE double TanhOfSize(double v) {
  const double bounded = v < 20 ? v : 20.0;
  const double t = Exp2(bounded * (-2 * 0x1.71547652b82fep+0));
  return bounded < 1e-4 ? bounded - bounded * bounded * bounded / 3 : (1 - t) / (1 + t);
}

}  // namespace souk::gpu::cpu::SOUK_SIMD
