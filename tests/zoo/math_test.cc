// mathematics.cu, half.cu: the mathematical libraries within the bounds that the CUDA C++
// Programming Guide states ("Mathematical Functions"), half precision to the bit.
#include <algorithm>
#include <functional>

#include "zoo/zoo.h"

namespace souk::gpu::zoo {
namespace {

using Real = long double;
using Unary = std::function<Real(Real)>;
using Binary = std::function<Real(Real, Real)>;
constexpr Real kPi = 3.14159265358979323846264338327950288L;

Real SinPi(Real x) {
  const Real r = x - 2 * std::round(x / 2), a = std::fabs(r);
  return std::copysign(a <= 0.25L  ? std::sin(kPi * a)
                       : a < 0.75L ? std::cos(kPi * (0.5L - a))
                                   : std::sin(kPi * (1 - a)),
                       r);
}
Real CosPi(Real x) {
  return SinPi(x + 0.5L);
}
// y with f(y) = x, f rising with the derivative given.
Real Inverse(Real x, const Unary& f, const Unary& slope) {
  Real y = 0;
  for (int k = 0; k < 200; ++k) {
    const Real step = (f(y) - x) / slope(y);
    y -= std::clamp(step, -0.5L, 0.5L);
    if (std::fabs(step) < 1e-19L * std::fabs(y)) break;
  }
  return y;
}
Real ErfInv(Real x) {
  return Inverse(
      x, [](Real y) { return std::erf(y); },
      [](Real y) { return 2 / std::sqrt(kPi) * std::exp(-y * y); });
}
Real NormCdf(Real x) {
  return 0.5L * std::erfc(-x / std::sqrt(2.0L));
}
Real NormCdfInv(Real x) {
  return Inverse(x, NormCdf, [](Real y) { return std::exp(-y * y / 2) / std::sqrt(2 * kPi); });
}

// ulps: what the guide states; off: where it states an absolute error instead, that one.
struct Column {
  const char* name;
  Real ulps;
  Real off;
  Unary f;
};
struct Column2 {
  const char* name;
  Real ulps;
  Real off;
  Binary f;
};

template <typename T>
void ExpectColumn(const std::vector<T>& got, size_t column, size_t n, const char* name, Real ulps,
                  Real off, const std::function<Real(size_t)>& want) {
  Real worst = 0;
  for (size_t i = 0; i < n; ++i) {
    const T v = got[column * n + i];
    const Real w = want(i), error = UlpsOff(v, w);
    if (error > ulps && std::fabs(static_cast<Real>(v) - w) > off) {
      ADD_FAILURE() << name << " of row " << i << " is " << v << ", not " << w << ": " << error
                    << " ulp";
    } else {
      worst = std::max(worst, off == 0 ? error : 0);
    }
  }
  testing::Test::RecordProperty(name, std::to_string(double(worst)));
}

template <typename T>
void CheckUnary(const std::string& kernel, const std::vector<T>& in,
                const std::vector<Column>& columns) {
  const size_t n = in.size();
  Zoo zoo("mathematics");
  const Arg out = zoo.Zeros<T>(columns.size() * n);
  zoo.Launch(kernel, {uint32_t(n + 63) / 64}, {64}, {out, zoo.Add(in), Val(int(n))});
  zoo.Run();
  const std::vector<T> got = zoo.Get<T>(out);
  for (size_t c = 0; c < columns.size(); ++c) {
    ExpectColumn<T>(got, c, n, columns[c].name, columns[c].ulps, columns[c].off,
                    [&](size_t i) { return columns[c].f(in[i]); });
  }
}
template <typename T>
void CheckBinary(const std::string& kernel, const std::vector<T>& a, const std::vector<T>& b,
                 const std::vector<Column2>& columns) {
  const size_t n = a.size();
  Zoo zoo("mathematics");
  const Arg out = zoo.Zeros<T>(columns.size() * n);
  zoo.Launch(kernel, {uint32_t(n + 63) / 64}, {64}, {out, zoo.Add(a), zoo.Add(b), Val(int(n))});
  zoo.Run();
  const std::vector<T> got = zoo.Get<T>(out);
  for (size_t c = 0; c < columns.size(); ++c) {
    ExpectColumn<T>(got, c, n, columns[c].name, columns[c].ulps, columns[c].off,
                    [&](size_t i) { return columns[c].f(a[i], b[i]); });
  }
}

#define F(expression) [](Real x) -> Real { return expression; }
#define F2(expression)         \
  [](Real x, Real y) -> Real { \
    (void)x, (void)y;          \
    return expression;         \
  }

// Sums, products and quotients by one that the kernel forms in T before it calls.
template <typename T>
Real T_(Real x) {
  return static_cast<Real>(static_cast<T>(x));
}

TEST(Mathematics, DoubleFunctionsOfOneNumber) {
  std::vector<double> in = Random(1).Doubles(150, -8, 8);
  for (const double v : {0.5, 1.0, -1.0, 2.0, 1e-10, -3.5, 7.999, 1.0 / 3}) in.push_back(v);
  CheckUnary<double>("math_f64_1", in,
                     {{"sin", 2, 0, F(std::sin(x))},
                      {"cos", 2, 0, F(std::cos(x))},
                      {"tan", 2, 0, F(std::tan(x))},
                      {"asin", 2, 0, F(std::asin(x / 8))},
                      {"acos", 2, 0, F(std::acos(x / 8))},
                      {"atan", 2, 0, F(std::atan(x))},
                      {"sinh", 2, 0, F(std::sinh(x))},
                      {"cosh", 1, 0, F(std::cosh(x))},
                      {"tanh", 2, 0, F(std::tanh(x))},
                      {"asinh", 3, 0, F(std::asinh(x))},
                      {"acosh", 3, 0, F(std::acosh(T_<double>(1 + std::fabs(x))))},
                      {"atanh", 2, 0, F(std::atanh(x / 8))},
                      {"exp", 1, 0, F(std::exp(x))},
                      {"exp2", 1, 0, F(std::exp2(x))},
                      {"exp10", 1, 0, F(std::pow(10.0L, x))},
                      {"expm1", 1, 0, F(std::expm1(x))},
                      {"log", 1, 0, F(std::log(std::fabs(x)))},
                      {"log2", 1, 0, F(std::log2(std::fabs(x)))},
                      {"log10", 1, 0, F(std::log10(std::fabs(x)))},
                      {"log1p", 1, 0, F(std::log1p(std::fabs(x)))},
                      {"sqrt", 0, 0, F(std::sqrt(std::fabs(x)))},
                      {"rsqrt", 1, 0, F(1 / std::sqrt(std::fabs(x)))},
                      {"cbrt", 1, 0, F(std::cbrt(x))},
                      {"rcbrt", 1, 0, F(1 / std::cbrt(x))},
                      {"erf", 2, 0, F(std::erf(x))},
                      {"erfc", 5, 0, F(std::erfc(x))},
                      {"tgamma", 10, 0, F(x == std::floor(x) && x < 0 ? NAN : std::tgamma(x))},
                      {"lgamma", 4, 1e-14L, F(std::lgamma(x))},
                      {"j0", 7, 5e-12L, F(j0l(x))},
                      {"j1", 7, 5e-12L, F(j1l(x))},
                      {"y0", 7, 5e-12L, F(y0l(std::fabs(x)))},
                      {"y1", 7, 5e-12L, F(y1l(std::fabs(x)))},
                      {"sinpi", 2, 0, F(SinPi(x))},
                      {"cospi", 2, 0, F(CosPi(x))},
                      {"normcdf", 5, 0, F(NormCdf(x))},
                      {"erfinv", 5, 0, F(ErfInv(x / 8))},
                      {"logb", 0, 0, F(std::logb(x))},
                      {"round", 0, 0, F(std::round(T_<double>(x * 10)))},
                      {"nearbyint", 0, 0, F(std::nearbyint(T_<double>(x * 10)))},
                      {"erfcx", 4, 0, F(std::exp(x * x) * std::erfc(x))},
                      {"normcdfinv", 8, 0, F(x == 8 ? INFINITY : NormCdfInv(std::fabs(x) / 8))}});
}

TEST(Mathematics, FloatFunctionsOfOneNumber) {
  std::vector<float> in = Random(2).Floats(150, -8, 8);
  for (const float v : {0.5f, 1.0f, -1.0f, 2.0f, 1e-10f, -3.5f, 7.999f, 1.0f / 3}) in.push_back(v);
  CheckUnary<float>("math_f32_1", in,
                    {{"sinf", 2, 0, F(std::sin(x))},
                     {"cosf", 2, 0, F(std::cos(x))},
                     {"tanf", 4, 0, F(std::tan(x))},
                     {"asinf", 2, 0, F(std::asin(x / 8))},
                     {"acosf", 2, 0, F(std::acos(x / 8))},
                     {"atanf", 2, 0, F(std::atan(x))},
                     {"sinhf", 3, 0, F(std::sinh(x))},
                     {"coshf", 2, 0, F(std::cosh(x))},
                     {"tanhf", 2, 0, F(std::tanh(x))},
                     {"asinhf", 3, 0, F(std::asinh(x))},
                     {"acoshf", 4, 0, F(std::acosh(T_<float>(1 + std::fabs(x))))},
                     {"atanhf", 3, 0, F(std::atanh(x / 8))},
                     {"expf", 2, 0, F(std::exp(x))},
                     {"exp2f", 2, 0, F(std::exp2(x))},
                     {"exp10f", 2, 0, F(std::pow(10.0L, x))},
                     {"expm1f", 1, 0, F(std::expm1(x))},
                     {"logf", 1, 0, F(std::log(std::fabs(x)))},
                     {"log2f", 1, 0, F(std::log2(std::fabs(x)))},
                     {"log10f", 2, 0, F(std::log10(std::fabs(x)))},
                     {"log1pf", 1, 0, F(std::log1p(std::fabs(x)))},
                     {"sqrtf", 0, 0, F(std::sqrt(std::fabs(x)))},
                     {"rsqrtf", 2, 0, F(1 / std::sqrt(std::fabs(x)))},
                     {"cbrtf", 1, 0, F(std::cbrt(x))},
                     {"rcbrtf", 1, 0, F(1 / std::cbrt(x))},
                     {"erff", 2, 0, F(std::erf(x))},
                     {"erfcf", 4, 0, F(std::erfc(x))},
                     {"tgammaf", 5, 0, F(x == std::floor(x) && x < 0 ? NAN : std::tgamma(x))},
                     {"lgammaf", 6, 1e-5L, F(std::lgamma(x))},
                     {"j0f", 9, 2.2e-6L, F(j0l(x))},
                     {"j1f", 9, 2.2e-6L, F(j1l(x))},
                     {"y0f", 9, 2.2e-6L, F(y0l(std::fabs(x)))},
                     {"y1f", 9, 2.2e-6L, F(y1l(std::fabs(x)))},
                     {"sinpif", 1, 0, F(SinPi(x))},
                     {"cospif", 1, 0, F(CosPi(x))},
                     {"normcdff", 5, 0, F(NormCdf(x))},
                     {"erfinvf", 2, 0, F(ErfInv(x / 8))},
                     {"logbf", 0, 0, F(std::logb(x))},
                     {"roundf", 0, 0, F(std::round(T_<float>(x * 10)))},
                     {"rintf", 0, 0, F(std::nearbyint(T_<float>(x * 10)))},
                     {"erfcxf", 4, 0, F(std::exp(x * x) * std::erfc(x))},
                     // Arguments that need all the digits of pi.
                     {"sinf of millions", 2, 0, F(std::sin(T_<float>(x * 1e6f)))},
                     {"cosf of billions", 2, 0, F(std::cos(T_<float>(x * 3e9f)))},
                     {"tanf of thousands", 4, 0, F(std::tan(T_<float>(x * 1e5f)))}});
}

template <typename T>
Real NextAfter(Real x, Real y) {
  return std::nextafter(static_cast<T>(x), static_cast<T>(y));
}
template <typename T>
int Quotient(Real x, Real y) {
  int quotient = 0;
  std::remquo(static_cast<T>(T_<T>(x * 10)), static_cast<T>(y), &quotient);
  return std::abs(quotient) & 7;
}
int Exponent(Real x) {
  int exponent = 0;
  std::frexp(x, &exponent);
  return exponent;
}
Real Mantissa(Real x) {
  int exponent = 0;
  return std::frexp(x, &exponent);
}

TEST(Mathematics, DoubleFunctionsOfTwoNumbers) {
  Random random(3);
  const std::vector<double> a = random.Doubles(150, -8, 8), b = random.Doubles(150, 0.1, 8);
  using D = double;
  CheckBinary<double>("math_f64_2", a, b,
                      {{"pow", 2, 0, F2(std::pow(std::fabs(x), y))},
                       {"atan2", 2, 0, F2(std::atan2(x, y))},
                       {"hypot", 2, 0, F2(std::hypot(x, y))},
                       {"fmod", 0, 0, F2(std::fmod(T_<D>(x * 1000), y))},
                       {"remainder", 0, 0, F2(std::remainder(T_<D>(x * 1000), y))},
                       {"remquo", 0, 0, F2(std::remainder(T_<D>(x * 10), y))},
                       {"quotient", 0, 0, F2((x < 0 ? -Quotient<D>(x, y) : Quotient<D>(x, y)) & 7)},
                       {"fdim", 0, 0, F2(std::fdim(x, y))},
                       {"fmin", 0, 0, F2(std::fmin(x, y))},
                       {"fmax", 0, 0, F2(std::fmax(x, y))},
                       {"copysign", 0, 0, F2(std::copysign(x, y))},
                       {"nextafter", 0, 0, F2(NextAfter<D>(x, y))},
                       {"ldexp", 0, 0, F2(std::ldexp(x, int(y * 5)))},
                       {"frexp", 0, 0, F2(Mantissa(x))},
                       {"exponent", 0, 0, F2(Exponent(x))},
                       {"modf", 0, 0, F2(T_<D>(x * 7) - std::trunc(T_<D>(x * 7)))},
                       {"whole", 0, 0, F2(std::trunc(T_<D>(x * 7)))},
                       {"scalbn", 0, 0, F2(std::scalbn(x, 12))},
                       {"ilogb", 0, 0, F2(std::ilogb(y))},
                       {"fma", 0, 0, F2(std::fma(double(x), double(y), double(x)))},
                       {"sincos.sin", 2, 0, F2(std::sin(x))},
                       {"sincos.cos", 2, 0, F2(std::cos(x))},
                       {"rhypot", 1, 0, F2(1 / std::hypot(x, y))},
                       {"norm3d", 2, 0, F2(std::sqrt(x * x + y * y + 1))},
                       {"division", 0, 0, F2(x / y)},
                       {"jn", 0, 1e-13L, F2(jnl(3, x))},
                       {"pow of a negative", 2, 0, F2(-std::pow(std::fabs(x), 3))},
                       {"add up", 1, 0, F2(x + y)},
                       {"multiply down", 1, 0, F2(x * y)},
                       {"divide to zero", 1, 0, F2(x / y)},
                       {"fma up", 1, 1e-15L, F2(x * y + 0.1)},
                       {"root down", 1, 0, F2(std::sqrt(std::fabs(x)))}});
}

TEST(Mathematics, FloatFunctionsOfTwoNumbers) {
  Random random(4);
  const std::vector<float> a = random.Floats(150, -8, 8), b = random.Floats(150, 0.1, 8);
  CheckBinary<float>(
      "math_f32_2", a, b,
      {{"powf", 4, 0, F2(std::pow(std::fabs(x), y))},
       {"atan2f", 3, 0, F2(std::atan2(x, y))},
       {"hypotf", 3, 0, F2(std::hypot(x, y))},
       {"fmodf", 0, 0, F2(std::fmod(T_<float>(x * 1000), y))},
       {"remainderf", 0, 0, F2(std::remainder(T_<float>(x * 1000), y))},
       {"remquof", 0, 0, F2(std::remainder(T_<float>(x * 10), y))},
       {"quotient", 0, 0, F2((x < 0 ? -Quotient<float>(x, y) : Quotient<float>(x, y)) & 7)},
       {"fdimf", 0, 0, F2(std::fdim(x, y))},
       {"fminf", 0, 0, F2(std::fmin(x, y))},
       {"fmaxf", 0, 0, F2(std::fmax(x, y))},
       {"copysignf", 0, 0, F2(std::copysign(x, y))},
       {"nextafterf", 0, 0, F2(NextAfter<float>(x, y))},
       {"ldexpf", 0, 0, F2(std::ldexp(x, int(float(y) * 5)))},
       {"frexpf", 0, 0, F2(Mantissa(x))},
       {"exponent", 0, 0, F2(Exponent(x))},
       {"modff", 0, 0, F2(T_<float>(x * 7) - std::trunc(T_<float>(x * 7)))},
       {"whole", 0, 0, F2(std::trunc(T_<float>(x * 7)))},
       {"scalbnf", 0, 0, F2(std::scalbn(x, 12))},
       {"ilogbf", 0, 0, F2(std::ilogb(y))},
       {"fmaf", 0, 0, F2(x * y + x)},
       {"sincosf.sin", 2, 0, F2(std::sin(x))},
       {"sincosf.cos", 2, 0, F2(std::cos(x))},
       {"division", 0, 0, F2(x / y)},
       {"norm3df", 3, 0, F2(std::sqrt(x * x + y * y + 1))},
       {"divide up", 1, 0, F2(x / y)},
       {"root to zero", 1, 0, F2(std::sqrt(std::fabs(x)))},
       {"reciprocal down", 1, 0, F2(1 / y)},
       {"add to zero", 1, 0, F2(x + y)},
       {"multiply up", 1, 0, F2(x * y)},
       {"fma down", 1, 1e-7L, F2(x * y + 0.1f)},
       {"rsqrt_rn", 0, 0, F2(1 / std::sqrt(std::fabs(x)))},
       {"saturate", 0, 0, F2(std::clamp(x, 0.0L, 1.0L))}});
}

TEST(Mathematics, FastIntrinsics) {
  Random random(5);
  const std::vector<float> a = random.Floats(200, -3, 3), b = random.Floats(200, 0.1, 3);
  const size_t n = a.size();
  Zoo zoo("mathematics");
  const Arg out = zoo.Zeros<float>(13 * n);
  zoo.Launch("math_fast", {4}, {64}, {out, zoo.Add(a), zoo.Add(b), Val(int(n))});
  zoo.Run();
  const std::vector<float> got = zoo.Get<float>(out);
  for (size_t i = 0; i < n; ++i) {
    const Real x = a[i], y = b[i], p = std::fabs(x);
    const auto off = [&](size_t c, Real want) { return std::fabs(got[c * n + i] - want); };
    const auto ulps = [&](size_t c, Real want) { return UlpsOff(got[c * n + i], want); };
    const bool near_one = p >= 0.5L && p <= 2;
    EXPECT_LE(off(0, std::sin(x)), std::exp2(-21.41L)) << x;
    EXPECT_LE(off(1, std::cos(x)), std::exp2(-21.19L)) << x;
    EXPECT_LE(ulps(2, std::exp(x)), 2 + std::floor(std::fabs(1.173L * x))) << x;
    EXPECT_LE(ulps(3, std::pow(10.0L, x)), 2 + std::floor(std::fabs(2.97L * x))) << x;
    // Near one the bound is absolute.
    const auto logarithm = [&](size_t c, Real want, Real absolute, Real units) {
      EXPECT_TRUE(near_one ? off(c, want) <= absolute : ulps(c, want) <= units) << c << " of " << x;
    };
    logarithm(4, std::log(p), std::exp2(-21.41L), 3);
    logarithm(5, std::log2(p), std::exp2(-22.0L), 2);
    logarithm(6, std::log10(p), std::exp2(-24.0L), 3);
    EXPECT_LE(off(7, std::pow(p, y)), 1e-5L * std::pow(p, y) + 1e-7L) << x;  // no bound is stated
    EXPECT_LE(ulps(8, x / y), 2) << x;
    EXPECT_LE(off(9, std::tan(x)), 1e-6L * (1 + std::pow(std::tan(x), 2.0L))) << x;  // nor here
    EXPECT_LE(ulps(10, 1 / y), 0) << x;
    EXPECT_LE(ulps(11, 1 / std::sqrt(p)), 2) << x;
    EXPECT_LE(off(12, std::tanh(x)), std::exp2(-10.987L)) << x;
  }
}

// ---- Half precision ----

// A binary format of 1 + exponent + mantissa bits: what is the value, and the nearest of one.
struct Format {
  int mantissa;
  int bias;
  Real Value(uint32_t bits) const {
    const int exponent = int(bits >> mantissa & (bias == 15 ? 31 : 255));
    if (exponent == 2 * bias + 1) return (bits >> 15 & 1) != 0 ? -INFINITY : INFINITY;
    const Real m = bits & ((1u << mantissa) - 1);
    const Real v = exponent == 0
                       ? std::ldexp(m, 1 - bias - mantissa)
                       : std::ldexp(m + std::ldexp(1.0L, mantissa), exponent - bias - mantissa);
    return (bits >> 15 & 1) != 0 ? -v : v;
  }
  // Rounds with f: std::nearbyint (to even), std::trunc, std::floor, std::ceil.
  template <typename F>
  uint16_t Bits(Real v, F f) const {
    const uint32_t sign = std::signbit(v) ? 0x8000 : 0;
    if (std::isinf(v)) return uint16_t(sign | uint32_t(2 * bias + 1) << mantissa);
    int exponent = 0;
    std::frexp(v, &exponent);
    exponent = std::max(exponent - 1, 1 - bias);  // of the leading bit
    const Real scaled = std::ldexp(v, mantissa - exponent);
    const Real whole = std::fabs(f(scaled));
    uint32_t bits = uint32_t(exponent + bias - 1) << mantissa;
    bits += uint32_t(whole);  // a full mantissa carries into the exponent
    if (whole < std::ldexp(1.0L, mantissa)) bits = uint32_t(whole);
    const uint32_t infinity = uint32_t(2 * bias + 1) << mantissa;
    return uint16_t(sign | std::min(bits, infinity));
  }
  uint16_t Near(Real v) const {
    return Bits(v, [](Real x) { return std::nearbyint(x); });
  }
};
constexpr Format kHalf{10, 15}, kBfloat{7, 127};

// Values of moderate size, so that exact sums and products fit the reference's 64 bits.
std::vector<uint16_t> Halves(uint64_t seed, size_t count, int mantissa, int bias) {
  Random random(seed);
  return Random::Make<uint16_t>(count, [&] {
    const uint32_t exponent = uint32_t(bias) - 9 + random.Below(18);
    return random.Below(2) << 15 | exponent << mantissa | random.Below(1u << mantissa);
  });
}

TEST(Half, ScalarsToTheBit) {
  const size_t n = 300;
  const auto a = Halves(6, n, 10, 15), b = Halves(7, n, 10, 15);
  Zoo zoo("half");
  const Arg out = zoo.Zeros<uint32_t>(24 * n);
  zoo.Launch("half_scalar", {5}, {64}, {out, zoo.Add(a), zoo.Add(b), Val(int(n))});
  zoo.Run();
  std::vector<uint32_t> want;
  for (size_t i = 0; i < n; ++i) {
    const Real x = kHalf.Value(a[i]), y = kHalf.Value(b[i]), p = std::fabs(x);
    const auto near = [](Real v) { return uint32_t{kHalf.Near(v)}; };
    const auto pair = [](uint32_t high, uint32_t low) { return high << 16 | low; };
    const auto put = [&](auto v) { want.push_back(uint32_t(v)); };
    put(near(x + y));
    put(near(x - y));
    put(near(x * y));
    put(near(x * y + x));
    put(near(x / y));
    put(pair(near(-x), near(p)));
    put(near(std::clamp(kHalf.Value(kHalf.Near(x + y)), 0.0L, 1.0L)));
    put(pair(near(std::min(x, y)), near(std::max(x, y))));
    put((x == y) | (x != y) << 1 | (x < y) << 2 | (x <= y) << 3 | (x > y) << 4 | (x >= y) << 5 |
        (x < y) << 6 | (x >= y) << 7);
    put(BitsOf(float(x)));
    put(kHalf.Bits(float(x) * 1.0009f, [](Real v) { return std::trunc(v); }));
    put(int(std::nearbyint(x)));
    put(short(std::trunc(x)));
    put(near(Real(int(a[i]) * 3 - 70000)));
    put(kHalf.Bits(b[i], [](Real v) { return std::ceil(v); }));
    put(pair(near(std::floor(x)), near(std::nearbyint(x))));
    put(pair(near(std::ceil(x)), near(std::trunc(y))));
    put(near(std::sqrt(p)));
    put(near(1 / y));
    put(near(float(x) * 0.3333));
    put(std::trunc(std::fabs(y)));
    put(uint32_t(std::max(0.0L, std::floor(y))));
    put(near(std::max(0.0L, kHalf.Value(kHalf.Near(x * y + y)))));
    // a + b·i, c + d·i, e + f·i: __hcmadd fuses a·c then b·d, as its documentation's formula has
    // it.
    const Real re = kHalf.Value(kHalf.Near(x * y + x)), im = kHalf.Value(kHalf.Near(x * x + x));
    put(pair(near(y * y + im), near(-y * x + re)));
  }
  // __hcmadd gives a pair of which the kernel keeps both halves.
  ExpectSame(zoo.Get<uint32_t>(out), want, "half_scalar");
}

TEST(Half, PairsToTheBit) {
  const size_t n = 300;
  const auto a = Halves(8, 2 * n, 10, 15), b = Halves(9, 2 * n, 10, 15);
  Zoo zoo("half");
  const Arg out = zoo.Zeros<uint32_t>(16 * n);
  zoo.Launch("half_pairs", {5}, {64}, {out, zoo.Add(a), zoo.Add(b), Val(int(n))});
  zoo.Run();
  std::vector<uint32_t> want;
  for (size_t i = 0; i < n; ++i) {
    const Real x[2] = {kHalf.Value(a[2 * i]), kHalf.Value(a[2 * i + 1])};
    const Real y[2] = {kHalf.Value(b[2 * i]), kHalf.Value(b[2 * i + 1])};
    const auto both = [&](auto f) {
      want.push_back(uint32_t{kHalf.Near(f(x[0], y[0]))} | uint32_t{kHalf.Near(f(x[1], y[1]))}
                                                               << 16);
    };
    both([](Real p, Real q) { return p + q; });
    both([](Real p, Real q) { return p - q; });
    both([](Real p, Real q) { return p * q; });
    both([](Real p, Real q) { return p * q + q; });
    both([](Real p, Real q) { return p / q; });
    both([](Real p, Real) { return -p; });
    both([](Real p, Real) { return std::fabs(p); });
    both([](Real p, Real q) { return std::min(p, q); });
    both([](Real p, Real q) { return std::max(p, q); });
    both([](Real p, Real q) -> Real { return p == q; });
    both([](Real p, Real q) -> Real { return p < q; });
    want.push_back(uint32_t(x[0] > y[0] && x[1] > y[1]) |
                   uint32_t(x[0] != y[0] && x[1] != y[1]) << 1 | (x[0] == y[0] ? 0xffff : 0) |
                   (x[1] == y[1] ? 0xffff0000 : 0));
    const auto join = [](uint16_t low, uint16_t high) { return low | uint32_t{high} << 16; };
    want.push_back(join(a[2 * i + 1], a[2 * i]));
    want.push_back(join(a[2 * i], b[2 * i]));
    want.push_back(join(a[2 * i + 1], b[2 * i + 1]));
    want.push_back(join(a[2 * i], b[2 * i + 1]));
  }
  ExpectSame(zoo.Get<uint32_t>(out), want, "half_pairs");
}

TEST(Half, BfloatsToTheBit) {
  const size_t n = 300;
  const auto a = Halves(10, n, 7, 127), b = Halves(11, n, 7, 127);
  Zoo zoo("half");
  const Arg out = zoo.Zeros<uint32_t>(16 * n);
  zoo.Launch("bfloat_scalar", {5}, {64}, {out, zoo.Add(a), zoo.Add(b), Val(int(n))});
  zoo.Run();
  std::vector<uint32_t> want;
  for (size_t i = 0; i < n; ++i) {
    const Real x = kBfloat.Value(a[i]), y = kBfloat.Value(b[i]);
    const auto near = [](Real v) { return uint32_t{kBfloat.Near(v)}; };
    const auto pair = [](uint32_t high, uint32_t low) { return high << 16 | low; };
    const auto put = [&](auto v) { want.push_back(uint32_t(v)); };
    put(near(x + y));
    put(near(x - y));
    put(near(x * y));
    put(near(x * y + x));
    put(near(x / y));
    put(pair(near(-x), near(std::fabs(x))));
    put(pair(near(std::min(x, y)), near(std::max(x, y))));
    put((x == y) | (x != y) << 1 | (x < y) << 2 | (x > y) << 3);
    put(uint32_t{a[i]} << 16);
    put(kBfloat.Bits(float(x) * 1.01f, [](Real v) { return std::trunc(v); }));
    put(int(std::trunc(x)));
    put(near(Real(int(a[i]) * 12345)));
    put(near(float(y) / 3.0f));
    put(pair(near(y + y), near(x + y)));
    put(pair(near(y * y + x), near(x * y + x)));
    put(pair(near(y * x), near(x * y)));
  }
  ExpectSame(zoo.Get<uint32_t>(out), want, "bfloat_scalar");
}

TEST(Half, FunctionsWithinAnUlp) {
  const size_t n = 300;
  const auto a = Halves(12, n, 10, 13);
  Zoo zoo("half");
  const Arg out = zoo.Zeros<uint16_t>(10 * n);
  zoo.Launch("half_functions", {5}, {64}, {out, zoo.Add(a), Val(int(n))});
  zoo.Run();
  const auto got = zoo.Get<uint16_t>(out);
  const Unary functions[10] = {F(std::sin(x)),
                               F(std::cos(x)),
                               F(std::exp(x)),
                               F(std::exp2(x)),
                               F(std::pow(10.0L, x)),
                               F(std::log(std::fabs(x))),
                               F(std::log2(std::fabs(x))),
                               F(std::log10(std::fabs(x))),
                               F(1 / std::sqrt(std::fabs(x))),
                               F(std::tanh(x))};
  for (size_t i = 0; i < n; ++i) {
    for (size_t c = 0; c < 10; ++c) {
      const Real want = functions[c](kHalf.Value(a[i]));
      const int off = std::abs(int(got[10 * i + c]) - int(kHalf.Near(want)));
      EXPECT_LE(off, 1) << "function " << c << " of " << kHalf.Value(a[i]) << " is "
                        << kHalf.Value(got[10 * i + c]) << ", not " << want;
    }
  }
}

TEST(Mathematics, KernelsAreTolerant) {
  ExpectClasses("mathematics", {{"math_f64_1", kTolerant},
                                {"math_f64_2", kTolerant},
                                {"math_f32_1", kTolerant},
                                {"math_f32_2", kTolerant},
                                {"math_fast", kTolerant}});
  ExpectClasses("half", {{"half_scalar", kTolerant},
                         {"half_pairs", kTolerant},
                         {"bfloat_scalar", kTolerant},
                         {"half_functions", kTolerant}});
}

}  // namespace
}  // namespace souk::gpu::zoo
