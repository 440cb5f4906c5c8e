#include "gpu/conformance/approximations.h"

#include <bit>
#include <cmath>
#include <cstdlib>

namespace souk::gpu::conformance {
namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr double kLeastNormal = 0x1p-126;
constexpr double kMostFloat = 0x1.fffffep127;

double FloatValue(uint64_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits));
}

double Flushed(double v, double least) {
  return std::fabs(v) < least ? std::copysign(0.0, v) : v;
}

// A unit in the last place of a float of this size.
double UlpAt(double v) {
  const double size = std::max(std::fabs(v), kLeastNormal);
  return std::ldexp(1.0, std::ilogb(size) - 23);
}

// What a result may differ by: the larger of both.
struct Bound {
  double absolute = 0;
  double relative = 0;
  double ulps = 0;
};

Bound BoundOf(Approximation approximation, std::span<const double> x) {
  switch (approximation) {
    case Approximation::kDivApprox:
    case Approximation::kDivFull:
      return {.ulps = 2};
    case Approximation::kRcp:
      return {.ulps = 1};
    case Approximation::kSqrt:
      return {.relative = 0x1p-23};
    case Approximation::kRsqrt:
      return {.relative = std::exp2(-22.9)};
    case Approximation::kSin:
    case Approximation::kCos:
      return {.absolute = std::exp2(std::fabs(x[0]) <= 2 * kPi ? -20.5 : -14.7)};
    case Approximation::kLg2:
      if (x[0] > 0.5 && x[0] < 2) return {.absolute = 0x1p-22};
      return {.relative = 0x1p-22};
    case Approximation::kEx2:
      return {.relative = 0x1p-22};
    case Approximation::kTanh:
      return {.relative = 0x1p-11};
    case Approximation::kRcpFtz64:
    case Approximation::kRsqrtFtz64:
      // Only the upper words take part.
      return {.relative = 0x1p-19};
    case Approximation::kRsqrt64:
      return {.relative = std::exp2(-22.9)};
    case Approximation::kNone:
      break;
  }
  std::abort();
}

double Truth(Approximation approximation, std::span<const double> x) {
  switch (approximation) {
    case Approximation::kDivApprox:
    case Approximation::kDivFull:
      return x[0] / x[1];
    case Approximation::kRcp:
    case Approximation::kRcpFtz64:
      return 1 / x[0];
    case Approximation::kSqrt:
      return std::sqrt(x[0]);
    case Approximation::kRsqrt:
    case Approximation::kRsqrt64:
    case Approximation::kRsqrtFtz64:
      return 1 / std::sqrt(x[0]);
    case Approximation::kSin:
      return std::sin(x[0]);
    case Approximation::kCos:
      return std::cos(x[0]);
    case Approximation::kLg2:
      return std::log2(x[0]);
    case Approximation::kEx2:
      return std::exp2(x[0]);
    case Approximation::kTanh:
      return std::tanh(x[0]);
    case Approximation::kNone:
      break;
  }
  std::abort();
}

// Whether the result stands for a truth that no finite float of normal size does. `wide`: doubles.
bool IsSpecialMatch(double truth, double result, double most) {
  if (std::isnan(truth)) return std::isnan(result);
  if (std::isinf(truth)) return result == truth;
  // Beyond the largest: that, or infinity.
  if (std::fabs(truth) > most) return std::fabs(result) >= most && (result > 0) == (truth > 0);
  return false;
}

Judgement JudgeValue(Approximation approximation, bool flushes, std::span<const double> x,
                     double result, bool wide) {
  const double truth = Truth(approximation, x);
  const double most = wide ? 0x1.fffffffffffffp1023 : kMostFloat;
  const double least = wide ? 0x1p-1022 : kLeastNormal;
  if (IsSpecialMatch(truth, result, most)) return {.within = true};
  if (std::isnan(truth) || std::isinf(truth) || std::isnan(result)) return {};
  if (flushes && result == 0 && std::fabs(truth) < least * (1 + 0x1p-20)) return {.within = true};
  const double unit = wide ? std::fabs(truth) * 0x1p-20 : UlpAt(truth);
  // A result that rounds up to infinity from within the bound.
  const double seen =
      std::isinf(result) ? std::copysign(std::ldexp(1.0, wide ? 1023 : 127) * 2, result) : result;
  const double off = std::fabs(seen - truth);
  const Bound bound = BoundOf(approximation, x);
  // The true value is rounded once, too; among subnormals, where only the last place counts, twice.
  double allowed = std::max({bound.absolute, bound.relative * std::fabs(truth), bound.ulps * unit});
  if (bound.absolute == 0)
    allowed = std::max(allowed, std::fabs(truth) < least ? unit : 0.5 * unit);
  const bool within = off <= allowed * (1 + 0x1p-20);
  return {.within = within,
          .share = allowed > 0 ? off / allowed : 0,
          .ulp = bound.absolute == 0 && unit > 0 ? off / unit : 0};
}

bool IsWide(Approximation approximation) {
  return approximation == Approximation::kRcpFtz64 || approximation == Approximation::kRsqrtFtz64 ||
         approximation == Approximation::kRsqrt64;
}

// div.approx promises nothing for divisors above 2^126: the quotient is 0, or NaN for an infinite
// dividend. The same hardware step is behind the reciprocal of a subnormal divisor.
bool IsBeyondDivision(std::span<const double> x) {
  return std::fabs(x[1]) > 0x1p126 || (std::fabs(x[1]) < kLeastNormal && x[1] != 0);
}

// Of f16 and bf16.
struct SmallFormat {
  int fraction;  // bits
  int least;     // exponent of the least normal number
  double most;
};
constexpr SmallFormat kHalfFormat = {10, -14, 65504};
constexpr SmallFormat kBrainFormat = {7, -126, 0x1.fep127};

bool IsBrain(ptx::Type type) {
  return type == ptx::Type::kBf16 || type == ptx::Type::kBf16x2;
}

double SmallValue(const SmallFormat& f, uint64_t bits) {
  const int exponent = static_cast<int>(bits >> f.fraction) & ((1 << (15 - f.fraction)) - 1);
  const uint64_t fraction = bits & ((uint64_t{1} << f.fraction) - 1);
  const uint64_t whole = exponent == 0 ? fraction : fraction | uint64_t{1} << f.fraction;
  double size =
      std::ldexp(static_cast<double>(whole), std::max(exponent, 1) - 1 + f.least - f.fraction);
  if (exponent == (1 << (15 - f.fraction)) - 1) size = fraction != 0 ? NAN : INFINITY;
  return bits & 0x8000 ? -size : size;
}

// ISA 9.7.4, ex2 and tanh. The true value is rounded once, too.
Judgement JudgeSmall(Approximation approximation, bool brain, bool ftz, uint64_t operand,
                     uint64_t result) {
  const SmallFormat& f = brain ? kBrainFormat : kHalfFormat;
  const double x = SmallValue(f, operand);
  const double y = SmallValue(f, result);
  const double truth = Truth(approximation, {&x, 1});
  if (IsSpecialMatch(truth, y, f.most)) return {.within = true};
  if (std::isnan(truth) || std::isinf(truth) || std::isnan(y)) return {};
  const double least = std::ldexp(1.0, f.least);
  const double size = std::fabs(truth);
  if (ftz && y == 0 && size < least) return {.within = true};
  const double unit = std::ldexp(1.0, std::max(std::ilogb(size), f.least) - f.fraction);
  const double seen = std::isinf(y) ? std::copysign(f.most + unit, y) : y;
  const double off = std::fabs(seen - truth);
  const double bound = approximation == Approximation::kTanh ? std::exp2(brain ? -8 : -10.987)
                                                             : std::exp2(brain ? -7 : -9.9) * size;
  const double allowed = std::max(bound, size < least ? unit : 0.5 * unit);
  return {.within = off <= allowed,
          .share = off / allowed,
          .ulp = approximation == Approximation::kTanh ? 0 : off / unit};
}

}  // namespace

Judgement Judge(Approximation approximation, ptx::Type type, bool ftz,
                std::span<const uint64_t> operands, uint64_t result) {
  if (type != ptx::Type::kF32 && type != ptx::Type::kF64) {
    Judgement worst{.within = true};
    for (uint32_t at = 0; at < ptx::TypeBits(type); at += 16) {
      const Judgement half = JudgeSmall(approximation, IsBrain(type), ftz,
                                        operands[0] >> at & 0xffff, result >> at & 0xffff);
      worst = {.within = worst.within && half.within,
               .share = std::max(worst.share, half.share),
               .ulp = std::max(worst.ulp, half.ulp)};
    }
    return worst;
  }
  const bool wide = IsWide(approximation);
  double x[2] = {};
  for (size_t i = 0; i < operands.size() && i < 2; ++i) {
    x[i] = wide ? std::bit_cast<double>(operands[i]) : FloatValue(operands[i]);
  }
  const double y = wide ? std::bit_cast<double>(result) : FloatValue(result);
  const bool flush64 =
      approximation == Approximation::kRcpFtz64 || approximation == Approximation::kRsqrtFtz64;
  // The upper word alone is read, so that a NaN whose payload is in the lower word is an infinity.
  if (flush64) {
    x[0] = std::bit_cast<double>(operands[0] & 0xffffffff00000000);
    if (std::isnan(std::bit_cast<double>(operands[0])) && std::isinf(x[0])) return {.within = true};
  }
  if (approximation == Approximation::kDivApprox && std::isfinite(x[1]) && IsBeyondDivision(x)) {
    return {.within = true};
  }
  const bool flushes = ftz || flush64;
  const double least = wide ? 0x1p-1022 : kLeastNormal;
  const std::span<const double> given(x, 2);
  const Judgement exact = JudgeValue(approximation, flushes, given, y, wide);
  if (!flushes) return exact;
  const double zeros[2] = {Flushed(x[0], least), Flushed(x[1], least)};
  const Judgement flushed = JudgeValue(approximation, flushes, zeros, y, wide);
  if (!flushed.within) return exact;
  return exact.within && exact.share < flushed.share ? exact : flushed;
}

const char* BoundText(Approximation approximation, ptx::Type type) {
  const bool tanh = approximation == Approximation::kTanh;
  if (IsBrain(type)) return tanh ? "2^-8" : "2^-7 of the value";
  if (type == ptx::Type::kF16 || type == ptx::Type::kF16x2) {
    return tanh ? "2^-10.987" : "2^-9.9 of the value";
  }
  switch (approximation) {
    case Approximation::kNone:
      return "exact";
    case Approximation::kDivApprox:
      return "2 ulp, divisors of 2^-126 to 2^126";
    case Approximation::kDivFull:
      return "2 ulp";
    case Approximation::kEx2:
      return "2^-22 of the value";
    case Approximation::kRcp:
      return "1 ulp";
    case Approximation::kSqrt:
      return "2^-23 of the value";
    case Approximation::kRsqrt:
    case Approximation::kRsqrt64:
      return "2^-22.9 of the value";
    case Approximation::kSin:
    case Approximation::kCos:
      return "2^-20.5 within 2 pi, 2^-14.7 within 100 pi";
    case Approximation::kLg2:
      return "2^-22, of the value outside (0.5, 2)";
    case Approximation::kTanh:
      return "2^-11 of the value";
    case Approximation::kRcpFtz64:
    case Approximation::kRsqrtFtz64:
      return "2^-19 of the value";
  }
  std::abort();
}

}  // namespace souk::gpu::conformance
