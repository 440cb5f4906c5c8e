// Floating point: the processor's own arithmetic under its own rounding modes is the reference.
#include <fenv.h>
#include <gtest/gtest.h>

#include <cmath>

#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

using Row = std::vector<uint64_t>;

uint64_t F32(float v) {
  return std::isnan(v) ? 0x7fffffff : BitsOf(v);
}

struct Mode {
  const char* name;
  int host;
};
const Mode kModes[] = {
    {"rn", FE_TONEAREST}, {"rz", FE_TOWARDZERO}, {"rm", FE_DOWNWARD}, {"rp", FE_UPWARD}};

template <typename T>
T Rounded(int mode, T (*f)(T, T, T), T a, T b, T c) {
  fesetround(mode);
  volatile T r = f(a, b, c);
  fesetround(FE_TONEAREST);
  return r;
}

template <typename T>
struct Named {
  const char* name;
  size_t sources;
  T (*f)(T, T, T);
};
template <typename T>
T HostFma(T a, T b, T c) {
  return std::fma(a, b, c);
}
template <typename T>
T HostSqrt(T a, T, T) {
  return std::sqrt(a);
}
template <typename T>
std::vector<Named<T>> Operations() {
  return {{"add", 2, [](T a, T b, T) -> T { return a + b; }},
          {"sub", 2, [](T a, T b, T) -> T { return a - b; }},
          {"mul", 2, [](T a, T b, T) -> T { return a * b; }},
          {"fma", 3, &HostFma<T>},
          {"div", 2, [](T a, T b, T) -> T { return a / b; }},
          {"rcp", 1, [](T a, T, T) -> T { return T{1} / a; }},
          {"sqrt", 1, &HostSqrt<T>}};
}

TEST(Float, SinglePrecisionRoundsAsIeeeInEachMode) {
  for (const auto& o : Operations<float>()) {
    for (const Mode& mode : kModes) {
      const std::vector<std::string> types(o.sources, "f32");
      const char* const operands[] = {"", " %d, %a;", " %d, %a, %b;", " %d, %a, %b, %c;"};
      ExpectRows(
          {std::string(o.name) + "." + mode.name + ".f32" + operands[o.sources], "f32", types},
          Samples(types, 4000), [&](const Row& r) {
            const float b = o.sources > 1 ? FloatOf(r[1]) : 0;
            const float c = o.sources > 2 ? FloatOf(r[2]) : 0;
            return F32(Rounded<float>(mode.host, o.f, FloatOf(r[0]), b, c));
          });
    }
  }
}

TEST(Float, DoublePrecisionRoundsAsIeeeInEachMode) {
  for (const auto& o : Operations<double>()) {
    for (const Mode& mode : kModes) {
      const std::vector<std::string> types(o.sources, "f64");
      const char* const operands[] = {"", " %d, %a;", " %d, %a, %b;", " %d, %a, %b, %c;"};
      ExpectRows(
          {std::string(o.name) + "." + mode.name + ".f64" + operands[o.sources], "f64", types},
          Samples(types, 3000), [&](const Row& r) -> uint64_t {
            const double a = DoubleOf(r[0]);
            const double b = o.sources > 1 ? DoubleOf(r[1]) : 0;
            const double c = o.sources > 2 ? DoubleOf(r[2]) : 0;
            const double v = Rounded<double>(mode.host, o.f, a, b, c);
            if (!std::isnan(v)) return BitsOf(v);
            // The first NaN operand, quiet; else CUDA's own.
            for (size_t i = 0; i < o.sources; ++i) {
              if (std::isnan(DoubleOf(r[i]))) return r[i] | 0x0008000000000000;
            }
            return 0xfff8000000000000;
          });
    }
  }
}

uint64_t FlushBits(uint64_t v) {
  return (v & 0x7f800000) == 0 ? v & 0x80000000 : v;
}

// ---- .ftz near the least normal number: flushed is what is below it once rounded to as many bits
// as a normal number has, whatever the exponent. ----

using Wide = __float128;

// Rounded so, the value is below 2^exponent. One bit at a time: no library's rounding.
bool IsTiny(Wide value, int bits, int mode, int exponent) {
  const bool negative = value < 0;
  Wide size = negative ? -value : value;
  if (!(size < 1)) return false;  // infinite and NaN too
  if (size == 0) return true;
  int places = 0;  // size is the value × 2^places, with `bits` bits before the point
  for (; size < static_cast<Wide>(std::ldexp(1.0, bits - 1)); ++places) size *= 2;
  for (; size >= static_cast<Wide>(std::ldexp(1.0, bits)); --places) size /= 2;
  auto whole = static_cast<uint64_t>(size);
  const Wide rest = size - static_cast<Wide>(whole);
  const bool up = mode == FE_TONEAREST ? rest > 0.5 || (rest == 0.5 && (whole & 1) != 0)
                  : mode == FE_UPWARD  ? rest > 0 && !negative
                                       : mode == FE_DOWNWARD && rest > 0 && negative;
  if (up) ++whole;
  return std::ldexp(static_cast<double>(whole), -places) < std::ldexp(1.0, exponent);
}
uint64_t Flushed(Wide exact, uint64_t rounded, int mode) {
  return IsTiny(exact, 24, mode, -126) ? rounded & 0x80000000 : rounded;
}

TEST(Float, FtzMakesSubnormalOperandsAndResultsZero) {
  for (const auto& o : Operations<float>()) {
    const std::string name = o.name;
    const std::vector<std::string> types(o.sources, "f32");
    const char* const operands[] = {"", " %d, %a;", " %d, %a, %b;", " %d, %a, %b, %c;"};
    ExpectRows({name + ".rn.ftz.f32" + operands[o.sources], "f32", types}, Samples(types, 2500),
               [&](const Row& r) {
                 const float a = FloatOf(FlushBits(r[0]));
                 const float b = o.sources > 1 ? FloatOf(FlushBits(r[1])) : 0;
                 const float c = o.sources > 2 ? FloatOf(FlushBits(r[2])) : 0;
                 const float rounded = Rounded<float>(FE_TONEAREST, o.f, a, b, c);
                 const bool product = name == "mul" || name == "fma";
                 return Flushed(product ? static_cast<Wide>(a) * b + c : rounded, F32(rounded),
                                FE_TONEAREST);
               });
  }
}

uint64_t Random(uint64_t& state) {
  state = state * 6364136223846793005 + 1442695040888963407;
  return state >> 20;
}
float RandomFloat(uint64_t& state, int exponent) {
  const double mantissa = 1.0 + static_cast<double>(Random(state) & 0x7fffff) * 0x1p-23;
  return static_cast<float>(std::ldexp((Random(state) & 1) != 0 ? -mantissa : mantissa, exponent));
}
// a, b, c with a × b + c at 2^-126, give or take a few places.
std::vector<std::vector<uint64_t>> TinySums(bool add) {
  std::vector<std::vector<uint64_t>> columns(add ? 3 : 2);
  uint64_t state = 1;
  for (int i = 0; i < 6000; ++i) {
    const float a = RandomFloat(state, static_cast<int>(Random(state) % 100) - 50);
    const float c = add ? RandomFloat(state, -126 + static_cast<int>(Random(state) % 3)) : 0.0f;
    const double off = static_cast<double>(Random(state) % 64) / 16 - 2;
    const double b = (0x1p-126 - c + off * 0x1p-149) / a;
    columns[0].push_back(BitsOf(a));
    columns[1].push_back(BitsOf(static_cast<float>(b)));
    if (add) columns[2].push_back(BitsOf(c));
  }
  if (add) return columns;
  // Products of 2^-126 × (1 - 2^-24), the same halfway to the next with 24 bits, and one above.
  const uint32_t pairs[][2] = {
      {0x3f7fffff, 0x00800000},
      {0x3f000000 | (18631 << 9 & 0x7fffff), 0x00800000 | (1801 << 13 & 0x7fffff)},
      {0x3f7ffffe, 0x00800001}};
  for (const auto& pair : pairs) {
    for (const uint32_t sign : {0u, 0x80000000u}) {
      columns[0].push_back(pair[0]);
      columns[1].push_back(pair[1] | sign);
    }
  }
  return columns;
}

TEST(Float, FtzFlushesProductsBelowTheLeastNormalWhateverRoundingAsSubnormalWouldGive) {
  for (const Mode& mode : kModes) {
    ExpectRows({std::string("mul.") + mode.name + ".ftz.f32 %d, %a, %b;", "f32", {"f32", "f32"}},
               TinySums(false), [&](const Row& r) {
                 const float a = FloatOf(FlushBits(r[0]));
                 const float b = FloatOf(FlushBits(r[1]));
                 const auto product = [](float x, float y, float) { return x * y; };
                 return Flushed(static_cast<Wide>(a) * b,
                                BitsOf(Rounded<float>(mode.host, product, a, b, 0)), mode.host);
               });
    ExpectRows({std::string("fma.") + mode.name + ".ftz.f32 %d, %a, %b, %c;",
                "f32",
                {"f32", "f32", "f32"}},
               TinySums(true), [&](const Row& r) {
                 const float a = FloatOf(FlushBits(r[0]));
                 const float b = FloatOf(FlushBits(r[1]));
                 const float c = FloatOf(r[2]);
                 return Flushed(static_cast<Wide>(a) * b + c,
                                BitsOf(Rounded<float>(mode.host, &HostFma<float>, a, b, c)),
                                mode.host);
               });
  }
  // As ptxas folds it.
  EXPECT_EQ(Apply({"mul.rn.ftz.f32 %d, %a, %b;", "f32", {"f32", "f32"}},
                  {{0x3f7fffff, 0x3f7fffff, 0x3f7ffffe}, {0x00800000, 0x80800000, 0x80800001}}),
            (std::vector<uint64_t>{0, 0x80000000, 0x80800000}));
  EXPECT_EQ(Apply({"mul.rn.ftz.sat.f32 %d, %a, %b;", "f32", {"f32", "f32"}},
                  {{0x3f7fffff}, {0x00800000}})[0],
            0u);
}

TEST(Float, FtzFlushesQuotientsBelowTheLeastNormalWhateverRoundingAsSubnormalWouldGive) {
  std::vector<std::vector<uint64_t>> columns(2);
  std::vector<uint64_t> large = {0x7e800000};
  uint64_t state = 2;
  for (int i = 0; i < 3000; ++i) {
    const float b = RandomFloat(state, static_cast<int>(Random(state) % 60) + 5);
    const auto a = BitsOf(static_cast<float>(0x1p-126 * b));
    columns[0].push_back(a + static_cast<uint32_t>(Random(state) % 5) - 2);
    columns[1].push_back(BitsOf(b));
    large.push_back((0x7e7ffffe + Random(state) % 5) | (Random(state) & 1) << 31);
  }
  for (const Mode& mode : kModes) {
    ExpectRows({std::string("div.") + mode.name + ".ftz.f32 %d, %a, %b;", "f32", {"f32", "f32"}},
               columns, [&](const Row& r) {
                 const auto quotient = [](float x, float y, float) { return x / y; };
                 const float a = FloatOf(r[0]);
                 const float b = FloatOf(r[1]);
                 return Flushed(static_cast<Wide>(a) / b,
                                BitsOf(Rounded<float>(mode.host, quotient, a, b, 0)), mode.host);
               });
    ExpectRows({std::string("rcp.") + mode.name + ".ftz.f32 %d, %a;", "f32", {"f32"}}, {large},
               [&](const Row& r) {
                 const auto reciprocal = [](float x, float, float) { return 1 / x; };
                 const float a = FloatOf(r[0]);
                 return Flushed(1 / static_cast<Wide>(a),
                                BitsOf(Rounded<float>(mode.host, reciprocal, a, 0, 0)), mode.host);
               });
  }
}

TEST(Float, FtzFlushesDoublesBelowTheLeastNormalWhateverRoundingAsSubnormalWouldGive) {
  std::vector<uint64_t> doubles;
  for (const uint64_t sign : {uint64_t{0}, uint64_t{1} << 63}) {
    // Around each quarter of a float's last place below 2^-126.
    for (uint64_t quarter = 0; quarter < 24; ++quarter) {
      const uint64_t there = 0x3810000000000000 + (quarter << 27) - (uint64_t{12} << 27);
      for (const uint64_t v : {there - 1, there, there + 1}) doubles.push_back(sign | v);
    }
  }
  for (const Mode& mode : kModes) {
    ExpectRows({std::string("cvt.") + mode.name + ".ftz.f32.f64 %d, %a;", "f32", {"f64"}},
               {doubles}, [&](const Row& r) {
                 fesetround(mode.host);
                 const volatile float rounded = static_cast<float>(DoubleOf(r[0]));
                 fesetround(FE_TONEAREST);
                 return Flushed(DoubleOf(r[0]), BitsOf(rounded), mode.host);
               });
  }
}

TEST(Float, SatClampsToZeroAndOneAndNanToZero) {
  ExpectRows({"add.rn.sat.f32 %d, %a, %b;", "f32", {"f32", "f32"}}, Samples({"f32", "f32"}, 2000),
             [](const Row& r) {
               const float v = FloatOf(r[0]) + FloatOf(r[1]);
               return v > 0 ? BitsOf(v < 1 ? v : 1.0f) : 0;
             });
  ExpectRows({"fma.rz.sat.f32 %d, %a, %b, %c;", "f32", {"f32", "f32", "f32"}},
             Samples({"f32", "f32", "f32"}, 2000), [](const Row& r) {
               const float v = Rounded<float>(FE_TOWARDZERO, &HostFma<float>, FloatOf(r[0]),
                                              FloatOf(r[1]), FloatOf(r[2]));
               return v > 0 ? BitsOf(v < 1 ? v : 1.0f) : 0;
             });
}

// ISA min, max: -0.0 < +0.0, a number wins over NaN, two NaN give the canonical one.
uint64_t MinMax(uint64_t a, uint64_t b, bool max, bool nan_wins) {
  const float x = FloatOf(a);
  const float y = FloatOf(b);
  if (nan_wins && (std::isnan(x) || std::isnan(y))) return 0x7fffffff;
  if (std::isnan(x)) return F32(y);
  if (std::isnan(y)) return a;
  if (x == y) return ((a >> 31) != 0) == max ? b : a;
  return (x < y) == max ? b : a;
}

TEST(Float, MinAndMaxOrderZerosAndPreferNumbers) {
  for (const bool max : {false, true}) {
    const std::string name = max ? "max" : "min";
    ExpectRows({name + ".f32 %d, %a, %b;", "f32", {"f32", "f32"}}, Samples({"f32", "f32"}, 1500),
               [&](const Row& r) { return MinMax(r[0], r[1], max, false); });
    ExpectRows({name + ".NaN.f32 %d, %a, %b;", "f32", {"f32", "f32"}},
               Samples({"f32", "f32"}, 1500),
               [&](const Row& r) { return MinMax(r[0], r[1], max, true); });
    ExpectRows({name + ".ftz.f32 %d, %a, %b;", "f32", {"f32", "f32"}},
               Samples({"f32", "f32"}, 1500),
               [&](const Row& r) { return MinMax(FlushBits(r[0]), FlushBits(r[1]), max, false); });
  }
}

TEST(Float, SignsAreBits) {
  ExpectRows({"neg.f32 %d, %a;", "f32", {"f32"}}, Samples({"f32"}, 100),
             [](const Row& r) { return r[0] ^ 0x80000000; });
  ExpectRows({"abs.ftz.f32 %d, %a;", "f32", {"f32"}}, Samples({"f32"}, 100),
             [](const Row& r) { return FlushBits(r[0]) & 0x7fffffff; });
  ExpectRows(
      {"copysign.f64 %d, %a, %b;", "f64", {"f64", "f64"}}, Samples({"f64", "f64"}, 600),
      [](const Row& r) { return (r[0] & 0x8000000000000000) | (r[1] & 0x7fffffffffffffff); });
}

TEST(Float, ComparisonsTreatNanAsTheirNameSays) {
  const struct {
    const char* name;
    bool (*holds)(double, double);
  } kCompares[] = {
      {"eq", [](double a, double b) { return a == b; }},
      {"ne", [](double a, double b) { return a < b || a > b; }},
      {"lt", [](double a, double b) { return a < b; }},
      {"ge", [](double a, double b) { return a >= b; }},
      {"equ", [](double a, double b) { return !(a < b || a > b); }},
      {"neu", [](double a, double b) { return !(a == b); }},
      {"ltu", [](double a, double b) { return !(a >= b); }},
      {"leu", [](double a, double b) { return !(a > b); }},
      {"gtu", [](double a, double b) { return !(a <= b); }},
      {"geu", [](double a, double b) { return !(a < b); }},
      {"num", [](double a, double b) { return a == a && b == b; }},
      {"nan", [](double a, double b) { return a != a || b != b; }},
  };
  for (const auto& compare : kCompares) {
    ExpectRows({std::string("setp.") + compare.name + ".f32 %d, %a, %b;", "pred", {"f32", "f32"}},
               Samples({"f32", "f32"}, 800), [&](const Row& r) -> uint64_t {
                 return compare.holds(FloatOf(r[0]), FloatOf(r[1])) ? 1 : 0;
               });
    ExpectRows({std::string("setp.") + compare.name + ".f64 %d, %a, %b;", "pred", {"f64", "f64"}},
               Samples({"f64", "f64"}, 700), [&](const Row& r) -> uint64_t {
                 return compare.holds(DoubleOf(r[0]), DoubleOf(r[1])) ? 1 : 0;
               });
    ExpectRows(
        {std::string("setp.") + compare.name + ".ftz.f32 %d, %a, %b;", "pred", {"f32", "f32"}},
        Samples({"f32", "f32"}, 800), [&](const Row& r) -> uint64_t {
          return compare.holds(FloatOf(FlushBits(r[0])), FloatOf(FlushBits(r[1]))) ? 1 : 0;
        });
  }
}

TEST(Float, TestpSortsValuesIntoClasses) {
  const struct {
    const char* name;
    bool (*holds)(float);
  } kProperties[] = {
      {"finite", [](float v) { return std::isfinite(v); }},
      {"infinite", [](float v) { return std::isinf(v); }},
      {"number", [](float v) { return !std::isnan(v); }},
      {"notanumber", [](float v) { return std::isnan(v); }},
      {"normal", [](float v) { return std::isnormal(v); }},
      {"subnormal", [](float v) { return std::fpclassify(v) == FP_SUBNORMAL; }},
  };
  for (const auto& property : kProperties) {
    ExpectRows({std::string("testp.") + property.name + ".f32 %d, %a;", "pred", {"f32"}},
               Samples({"f32"}, 200),
               [&](const Row& r) -> uint64_t { return property.holds(FloatOf(r[0])) ? 1 : 0; });
  }
}

// ---- Halves: every result is the exact one rounded once. ----

double HalfValue(uint64_t h) {
  const double sign = h & 0x8000 ? -1 : 1;
  const int exponent = static_cast<int>((h >> 10) & 31);
  const double mantissa = static_cast<double>(h & 0x3ff);
  if (exponent == 31) return mantissa != 0 ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(mantissa + 1024, exponent - 25);
}
// The nearest half by search; ties to even. Exact for what doubles hold.
uint64_t NearestHalf(double v) {
  if (std::isnan(v)) return 0x7fff;
  const uint64_t sign = std::signbit(v) ? 0x8000 : 0;
  const double size = std::fabs(v);
  if (size >= 65520) return sign | 0x7c00;
  uint64_t low = 0;
  uint64_t high = 0x7c00;
  while (high - low > 1) {
    const uint64_t middle = (low + high) / 2;
    (HalfValue(middle) <= size ? low : high) = middle;
  }
  const double below = size - HalfValue(low);
  const double above = (high == 0x7c00 ? 65536.0 : HalfValue(high)) - size;
  if (below == above) return sign | ((low & 1) != 0 ? high : low);
  return sign | (below < above ? low : high);
}

TEST(Half, ArithmeticRoundsTheExactResultOnce) {
  ExpectRows({"add.rn.f16 %d, %a, %b;", "f16", {"f16", "f16"}}, Samples({"f16", "f16"}, 3000),
             [](const Row& r) { return NearestHalf(HalfValue(r[0]) + HalfValue(r[1])); });
  ExpectRows({"mul.rn.f16 %d, %a, %b;", "f16", {"f16", "f16"}}, Samples({"f16", "f16"}, 3000),
             [](const Row& r) { return NearestHalf(HalfValue(r[0]) * HalfValue(r[1])); });
  ExpectRows({"fma.rn.f16 %d, %a, %b, %c;", "f16", {"f16", "f16", "f16"}},
             Samples({"f16", "f16", "f16"}, 8000), [](const Row& r) {
               const __float128 exact =
                   static_cast<__float128>(HalfValue(r[0])) * HalfValue(r[1]) + HalfValue(r[2]);
               return NearestHalf(static_cast<double>(exact));
             });
  ExpectRows({"add.rn.f16x2 %d, %a, %b;", "f16x2", {"f16x2", "f16x2"}},
             Samples({"f16x2", "f16x2"}, 1000), [](const Row& r) {
               const uint64_t low =
                   NearestHalf(HalfValue(r[0] & 0xffff) + HalfValue(r[1] & 0xffff));
               const uint64_t high = NearestHalf(HalfValue(r[0] >> 16) + HalfValue(r[1] >> 16));
               return high << 16 | low;
             });
}

// As cuda_fp16.h's __heq2_mask and __hltu2_mask ask.
TEST(Half, AComparisonOfPairsGivesAMaskForEachHalf) {
  const auto mask = [](const Row& r, const auto& holds) {
    const uint64_t low = holds(HalfValue(r[0] & 0xffff), HalfValue(r[1] & 0xffff)) ? 0xffff : 0;
    const uint64_t high = holds(HalfValue(r[0] >> 16), HalfValue(r[1] >> 16)) ? 0xffff : 0;
    return high << 16 | low;
  };
  ExpectRows({"set.eq.u32.f16x2 %d, %a, %b;", "u32", {"f16x2", "f16x2"}},
             Samples({"f16x2", "f16x2"}, 1000),
             [&](const Row& r) { return mask(r, [](double a, double b) { return a == b; }); });
  ExpectRows({"set.ltu.s32.f16x2 %d, %a, %b;", "s32", {"f16x2", "f16x2"}},
             Samples({"f16x2", "f16x2"}, 1000),
             [&](const Row& r) { return mask(r, [](double a, double b) { return !(a >= b); }); });
}

TEST(Half, FtzFlushesWhatIsBelowTheLeastNormalWhateverRoundingAsSubnormalWouldGive) {
  const auto flushed = [](Wide exact) {
    const uint64_t rounded = NearestHalf(static_cast<double>(exact));
    return IsTiny(exact, 11, FE_TONEAREST, -14) ? rounded & 0x8000 : rounded;
  };
  std::vector<std::vector<uint64_t>> columns(2);
  std::vector<std::vector<uint64_t>> sums(3);
  for (uint64_t mantissa = 0; mantissa < 1024; ++mantissa) {
    const uint64_t a = 0x3000 | mantissa;
    const uint64_t b = NearestHalf(0x1p-14 / HalfValue(a));
    for (const uint64_t sign : {uint64_t{0}, uint64_t{0x8000}}) {
      for (const uint64_t near : {b - 2, b - 1, b, b + 1}) {
        columns[0].push_back(a);
        columns[1].push_back(near | sign);
        // a × b is 2^-13 here, and c takes half of it away.
        sums[0].push_back(a + 0x400);
        sums[1].push_back(near | sign);
        sums[2].push_back(0x8400 ^ sign);
      }
    }
  }
  ExpectRows({"mul.rn.ftz.f16 %d, %a, %b;", "f16", {"f16", "f16"}}, columns, [&](const Row& r) {
    return flushed(static_cast<Wide>(HalfValue(r[0])) * HalfValue(r[1]));
  });
  ExpectRows(
      {"fma.rn.ftz.f16 %d, %a, %b, %c;", "f16", {"f16", "f16", "f16"}}, sums, [&](const Row& r) {
        return flushed(static_cast<Wide>(HalfValue(r[0])) * HalfValue(r[1]) + HalfValue(r[2]));
      });
}

TEST(Half, ConvertsEveryHalfAndBack) {
  std::vector<uint64_t> all;
  for (uint64_t h = 0; h < 65536; ++h) all.push_back(h);
  ExpectRows({"cvt.f32.f16 %d, %a;", "f32", {"f16"}}, {all},
             [](const Row& r) { return F32(static_cast<float>(HalfValue(r[0]))); });
  ExpectRows({"{ .reg .f32 %x; cvt.f32.f16 %x, %a; cvt.rn.f16.f32 %d, %x; }", "f16", {"f16"}},
             {all}, [](const Row& r) { return std::isnan(HalfValue(r[0])) ? 0x7fff : r[0]; });
  ExpectRows({"cvt.rn.f16.f32 %d, %a;", "f16", {"f32"}}, Samples({"f32"}, 20000),
             [](const Row& r) { return NearestHalf(FloatOf(r[0])); });
  ExpectRows({"cvt.rn.f16.f64 %d, %a;", "f16", {"f64"}}, Samples({"f64"}, 5000),
             [](const Row& r) { return NearestHalf(DoubleOf(r[0])); });
  ExpectRows({"cvt.rn.f16.s32 %d, %a;", "f16", {"s32"}}, Samples({"s32"}, 3000), [](const Row& r) {
    return NearestHalf(static_cast<double>(static_cast<int32_t>(r[0])));
  });
}

// The ISA says "clamps the result to 0 if negative" of fma and cvt alike, and nothing of -0; ptxas
// folds neither, and no GPU was asked. A public simulator (TVM's NumSim), whose conversions are
// checked against results recorded on GPUs, has +0 for cvt; so both are +0 here.
TEST(Half, ReluMakesNegativeZeroPositive) {
  const std::vector<std::vector<uint64_t>> singles = {
      {0x80000000, 0, 0x80000001, 0xbf800000, 0x3f800000, 0xff800000}};
  for (const std::string rounding : {"rn", "rz"}) {
    for (const std::string type : {"f16", "bf16"}) {
      const uint64_t one = type == "f16" ? 0x3c00 : 0x3f80;
      ExpectRows({"cvt." + rounding + ".relu." + type + ".f32 %d, %a;", "b16", {"f32"}}, singles,
                 [&](const Row& r) { return r[0] == 0x3f800000 ? one : 0; });
      ExpectRows({"cvt." + rounding + ".relu." + type + "x2.f32 %d, %a, %a;", "b32", {"f32"}},
                 singles, [&](const Row& r) { return r[0] == 0x3f800000 ? one << 16 | one : 0; });
      ExpectRows({"fma.rn.relu." + type + " %d, %a, %b, %a;", "b16", {"b16", "b16"}},
                 {{0x8000}, {0x0000}}, [](const Row&) { return 0; });
    }
  }
}

TEST(Half, BfloatConversionRoundsToNearestEven) {
  ExpectRows({"cvt.rn.bf16.f32 %d, %a;", "bf16", {"f32"}}, Samples({"f32"}, 8000),
             [](const Row& r) -> uint64_t {
               if (std::isnan(FloatOf(r[0]))) return 0x7fff;
               const uint64_t rounded = r[0] + 0x7fff + ((r[0] >> 16) & 1);
               return (rounded >> 16) & 0xffff;
             });
  ExpectRows(
      {"cvt.rn.f16x2.f32 %d, %a, %b;", "f16x2", {"f32", "f32"}}, Samples({"f32", "f32"}, 2000),
      [](const Row& r) { return NearestHalf(FloatOf(r[0])) << 16 | NearestHalf(FloatOf(r[1])); });
}

// ---- Approximations: far inside the ISA's bounds. ----

TEST(Approximation, StaysWithinTwoUnitsOfTheLastPlace) {
  const struct {
    const char* code;
    double (*f)(double);
    double low;
    double high;
    double absolute;  // ISA: sin, cos and lg2 are bounded absolutely
  } kFunctions[] = {
      {"ex2.approx.f32 %d, %a;", [](double v) { return std::exp2(v); }, -140, 127, 0},
      {"lg2.approx.f32 %d, %a;", [](double v) { return std::log2(v); }, 1e-30, 1e30, 1e-6},
      {"sin.approx.f32 %d, %a;", [](double v) { return std::sin(v); }, -10, 10, 1e-7},
      {"cos.approx.f32 %d, %a;", [](double v) { return std::cos(v); }, -10, 10, 1e-7},
      {"rcp.approx.f32 %d, %a;", [](double v) { return 1 / v; }, 1e-20, 1e20, 0},
      {"sqrt.approx.f32 %d, %a;", [](double v) { return std::sqrt(v); }, 0, 1e30, 0},
      {"rsqrt.approx.f32 %d, %a;", [](double v) { return 1 / std::sqrt(v); }, 1e-30, 1e30, 0},
      {"tanh.approx.f32 %d, %a;", [](double v) { return std::tanh(v); }, -12, 12, 0},
  };
  for (const auto& function : kFunctions) {
    std::vector<uint64_t> inputs;
    for (int i = 0; i <= 2000; ++i) {
      inputs.push_back(
          BitsOf(static_cast<float>(function.low + (function.high - function.low) * i / 2000)));
    }
    const std::vector<uint64_t> results = Apply({function.code, "f32", {"f32"}}, {inputs});
    for (size_t i = 0; i < results.size(); ++i) {
      const double want = function.f(FloatOf(inputs[i]));
      const double unit = std::max(std::fabs(want) * 0x1p-23, 0x1p-149);
      ASSERT_NEAR(FloatOf(results[i]), want, std::max(2 * unit, function.absolute))
          << function.code << " of " << FloatOf(inputs[i]);
    }
  }
}

TEST(Approximation, OfHalvesIsTheTrueValueRounded) {
  std::vector<uint64_t> all;
  for (uint64_t bits = 0; bits < 0x10000; ++bits) all.push_back(bits);
  const auto is_nan = [](uint64_t bits) { return (bits & 0x7fff) > 0x7c00; };
  const std::vector<uint64_t> powers = Apply({"ex2.approx.f16 %d, %a;", "b16", {"b16"}}, {all});
  const std::vector<uint64_t> tangents = Apply({"tanh.approx.f16 %d, %a;", "b16", {"b16"}}, {all});
  for (const uint64_t bits : all) {
    if (is_nan(bits)) {
      ASSERT_EQ(powers[bits], 0x7fffu) << bits;
      ASSERT_EQ(tangents[bits], 0x7fffu) << bits;
      continue;
    }
    const double x = HalfValue(bits);
    ASSERT_EQ(powers[bits], NearestHalf(std::exp2(x))) << x;
    ASSERT_EQ(tangents[bits], NearestHalf(std::tanh(x))) << x;
  }
  const auto one = [](const std::string& code, uint64_t bits) {
    return Apply({code, "b32", {"b32"}}, {{bits}})[0];
  };
  // 2 and -1; 3 and -infinity.
  EXPECT_EQ(one("ex2.approx.f16x2 %d, %a;", 0x4000bc00), 0x44003800u);
  EXPECT_EQ(one("ex2.approx.ftz.bf16x2 %d, %a;", 0x4040ff80), 0x41000000u);
  EXPECT_EQ(one("ex2.approx.ftz.bf16x2 %d, %a;", 0xc3000080), 0x00003f80u);  // 2^-128; subnormal
  EXPECT_EQ(one("tanh.approx.bf16x2 %d, %a;", 0x7f80ff80), 0x3f80bf80u);
  EXPECT_EQ(one("tanh.approx.f16x2 %d, %a;", 0x80003800), 0x80003765u);
}

TEST(Approximation, SpecialValuesFollowTheIsaTables) {
  const auto one = [](const std::string& code, uint64_t bits) {
    return Apply({code, "f32", {"f32"}}, {{bits}})[0];
  };
  EXPECT_EQ(one("ex2.approx.f32 %d, %a;", 0xff800000), 0u);
  EXPECT_EQ(one("ex2.approx.f32 %d, %a;", 0x7f800000), 0x7f800000u);
  EXPECT_EQ(one("ex2.approx.ftz.f32 %d, %a;", 0x00000001), 0x3f800000u);
  EXPECT_EQ(one("lg2.approx.f32 %d, %a;", 0x80000000), 0xff800000u);
  EXPECT_EQ(one("lg2.approx.f32 %d, %a;", 0xbf800000), 0x7fffffffu);
  EXPECT_EQ(one("sin.approx.f32 %d, %a;", 0x7f800000), 0x7fffffffu);
  EXPECT_EQ(one("sin.approx.f32 %d, %a;", 0x80000000), 0x80000000u);
  EXPECT_EQ(one("cos.approx.f32 %d, %a;", 0x00000000), 0x3f800000u);
  EXPECT_EQ(one("rcp.approx.f32 %d, %a;", 0x80000000), 0xff800000u);
  EXPECT_EQ(one("rsqrt.approx.f32 %d, %a;", 0x80000000), 0xff800000u);
  EXPECT_EQ(one("rsqrt.approx.f32 %d, %a;", 0xbf800000), 0x7fffffffu);
  EXPECT_EQ(one("sqrt.approx.f32 %d, %a;", 0x80000000), 0x80000000u);
  EXPECT_EQ(Apply({"rcp.approx.ftz.f64 %d, %a;", "f64", {"f64"}}, {{BitsOf(3.0)}})[0],
            BitsOf(1.0 / 3.0) & 0xffffffff00000000);
}

// ISA div.approx: for 2^126 < |b| < 2^128 the result is 0, as of a times the flushed 1 / b.
TEST(Approximation, DivisionByTheLargestNumbersIsAZeroOfTheQuotientsSign) {
  const auto divide = [](uint64_t a, uint64_t b) {
    return Apply({"div.approx.f32 %d, %a, %b;", "f32", {"f32", "f32"}}, {{a}, {b}})[0];
  };
  EXPECT_EQ(divide(0x3f800000, 0x7f7fffff), 0u);
  EXPECT_EQ(divide(0x3f800000, 0xff7fffff), 0x80000000u);
  EXPECT_EQ(divide(0xbf800000, 0xff7fffff), 0u);
  EXPECT_EQ(divide(0x7f800000, 0xff7fffff), 0x7fffffffu);
}

TEST(Half, SetOfPairsCombinesEachHalfWithThePredicate) {
  // 1.0, 2.0 against 1.0, 1.0: the low halves are equal.
  const auto set = [](const std::string& code, uint64_t p) {
    return Apply({code, "b32", {"f16x2", "f16x2", "pred"}}, {{0x40003c00}, {0x3c003c00}, {p}})[0];
  };
  EXPECT_EQ(set("set.eq.and.u32.f16x2 %d, %a, %b, %c;", 1), 0x0000ffffu);
  EXPECT_EQ(set("set.eq.and.u32.f16x2 %d, %a, %b, %c;", 0), 0u);
  EXPECT_EQ(set("set.eq.xor.f16x2.f16x2 %d, %a, %b, %c;", 1), 0x3c000000u);
  EXPECT_EQ(set("set.eq.or.f16x2.f16x2 %d, %a, %b, !%c;", 0), 0x3c003c00u);
}

// 2^-126 - 2^-150 has 24 bits, so it is subnormal however it is rounded; only as a subnormal number
// would it round up to the least normal one.
TEST(Float, AQuotientThatOnlySubnormalRoundingWouldMakeNormalIsFlushed) {
  for (const char* rounding : {"rn", "rz", "rm", "rp"}) {
    const std::string code = std::string("div.") + rounding + ".ftz.f32 %d, %a, %b;";
    EXPECT_EQ(Apply({code, "f32", {"f32", "f32"}}, {{0x3f7fffff}, {0x7e800000}})[0], 0u) << code;
    EXPECT_EQ(Apply({code, "f32", {"f32", "f32"}}, {{0xbf7fffff}, {0x7e800000}})[0], 0x80000000u)
        << code;
  }
}

}  // namespace
}  // namespace souk::gpu::cpu_test
