// cvt between every pair of types.
#include <fenv.h>
#include <gtest/gtest.h>

#include <cmath>

#include "unit/gpu/cpu/run_ptx.h"

namespace souk::gpu::cpu_test {
namespace {

using Row = std::vector<uint64_t>;
using I128 = __int128;

int BitsOfType(const std::string& type) {
  return std::stoi(type.substr(1));
}
I128 Value(uint64_t v, const std::string& type) {
  const int bits = BitsOfType(type);
  if (bits < 64) v &= (uint64_t{1} << bits) - 1;
  if (type[0] == 'u') return static_cast<I128>(v);
  return static_cast<I128>(static_cast<int64_t>(v << (64 - bits)) >> (64 - bits));
}
// As the register holds it: 8-bit values fill their 16 bits by their sign.
uint64_t Stored(I128 v, const std::string& type) {
  const int bits = std::max(BitsOfType(type), 16);
  const auto low = static_cast<uint64_t>(Value(static_cast<uint64_t>(v), type));
  return bits == 64 ? low : low & ((uint64_t{1} << bits) - 1);
}
I128 Lowest(const std::string& type) {
  return type[0] == 'u' ? 0 : -(static_cast<I128>(1) << (BitsOfType(type) - 1));
}
I128 Highest(const std::string& type) {
  return (static_cast<I128>(1) << (BitsOfType(type) - (type[0] == 's' ? 1 : 0))) - 1;
}

const char* const kInts[] = {"u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64"};

TEST(Convert, IntegersTruncateExtendOrSaturate) {
  for (const std::string from : kInts) {
    for (const std::string to : kInts) {
      ExpectRows({"cvt." + to + "." + from + " %d, %a;", to, {from}}, Samples({from}, 200),
                 [&](const Row& r) { return Stored(Value(r[0], from), to); });
      // PTX has no .sat where every value fits.
      if (Lowest(to) <= Lowest(from) && Highest(from) <= Highest(to)) continue;
      ExpectRows(
          {"cvt.sat." + to + "." + from + " %d, %a;", to, {from}}, Samples({from}, 200),
          [&](const Row& r) {
            const I128 v = Value(r[0], from);
            return Stored(v < Lowest(to) ? Lowest(to) : v > Highest(to) ? Highest(to) : v, to);
          });
    }
  }
}

TEST(Convert, BytesArePackedAndUnpacked) {
  ExpectRows({"{ .reg .b8 %x, %y; cvt.u8.u32 %x, %a; cvt.s8.s32 %y, %b; mov.b16 %d, {%x, %y}; }",
              "u16",
              {"u32", "s32"}},
             Samples({"u32", "s32"}, 200),
             [](const Row& r) { return (r[1] & 0xff) << 8 | (r[0] & 0xff); });
  ExpectRows({"{ .reg .b8 %x; cvt.rzi.u8.f32 %x, %a; mov.b16 %d, {%x, 0}; }", "u16", {"f32"}},
             Samples({"f32"}, 200), [](const Row& r) {
               const float f = FloatOf(r[0]);
               if (!(f > 0)) return uint64_t{0};
               return f >= 255 ? uint64_t{255} : static_cast<uint64_t>(f);
             });
  ExpectRows(
      {"{ .reg .b8 %x<4>; mov.b32 {%x0, %x1, %x2, %x3}, %a; mov.b32 %d, {%x3, %x2, %x1, %x0}; }",
       "u32",
       {"u32"}},
      Samples({"u32"}, 200),
      [](const Row& r) { return __builtin_bswap32(static_cast<uint32_t>(r[0])); });
}

TEST(Convert, WiderRegistersAreNarrowedAndFilled) {
  ExpectRows({"cvt.u32.u8 %d, %a;", "u32", {"u32"}}, Samples({"u32"}, 200),
             [](const Row& r) { return r[0] & 0xff; });
  ExpectRows({"cvt.s32.s8 %d, %a;", "s32", {"u64"}}, Samples({"u64"}, 200), [](const Row& r) {
    return static_cast<uint32_t>(static_cast<int32_t>(static_cast<int8_t>(r[0])));
  });
  ExpectRows({"cvt.s8.s32 %d, %a;", "u32", {"s32"}}, Samples({"s32"}, 200), [](const Row& r) {
    return static_cast<uint32_t>(static_cast<int32_t>(static_cast<int8_t>(r[0])));
  });
}

struct Rounding {
  const char* name;
  int host;
};
const Rounding kToInt[] = {
    {"rni", FE_TONEAREST}, {"rzi", FE_TOWARDZERO}, {"rmi", FE_DOWNWARD}, {"rpi", FE_UPWARD}};
const Rounding kToFloat[] = {
    {"rn", FE_TONEAREST}, {"rz", FE_TOWARDZERO}, {"rm", FE_DOWNWARD}, {"rp", FE_UPWARD}};

double Integral(double v, int mode) {
  fesetround(mode);
  const volatile double in = v;
  const volatile double r = std::nearbyint(in);
  fesetround(FE_TONEAREST);
  return r;
}

// ISA cvt: clamped to the range; NaN is 0, or the highest bit alone where 64 bits are involved.
uint64_t Clamped(double v, const std::string& from, const std::string& to, int mode) {
  if (std::isnan(v)) {
    const bool wide = from == "f64" || BitsOfType(to) == 64;
    return wide ? Stored(static_cast<I128>(1) << (BitsOfType(to) - 1), to) : 0;
  }
  const double whole = Integral(v, mode);
  if (whole < static_cast<double>(Lowest(to))) return Stored(Lowest(to), to);
  if (whole >= std::ldexp(1.0, BitsOfType(to) - (to[0] == 's' ? 1 : 0))) {
    return Stored(Highest(to), to);
  }
  return Stored(static_cast<I128>(whole), to);
}

TEST(Convert, FloatsToIntegersClampAndRound) {
  for (const std::string to : {"u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64"}) {
    for (const Rounding& mode : kToInt) {
      ExpectRows({std::string("cvt.") + mode.name + "." + to + ".f32 %d, %a;", to, {"f32"}},
                 Samples({"f32"}, 1500),
                 [&](const Row& r) { return Clamped(FloatOf(r[0]), "f32", to, mode.host); });
      ExpectRows({std::string("cvt.") + mode.name + "." + to + ".f64 %d, %a;", to, {"f64"}},
                 Samples({"f64"}, 1500),
                 [&](const Row& r) { return Clamped(DoubleOf(r[0]), "f64", to, mode.host); });
    }
  }
}

template <typename T, typename V>
T HostConvert(V v, int mode) {
  fesetround(mode);
  const volatile V in = v;
  const volatile T r = static_cast<T>(in);
  fesetround(FE_TONEAREST);
  return r;
}

TEST(Convert, IntegersToFloatsRoundInEachMode) {
  for (const Rounding& mode : kToFloat) {
    const std::string prefix = std::string("cvt.") + mode.name;
    ExpectRows({prefix + ".f32.s32 %d, %a;", "f32", {"s32"}}, Samples({"s32"}, 1500),
               [&](const Row& r) {
                 return BitsOf(HostConvert<float>(static_cast<int32_t>(r[0]), mode.host));
               });
    ExpectRows({prefix + ".f32.u64 %d, %a;", "f32", {"u64"}}, Samples({"u64"}, 1500),
               [&](const Row& r) {
                 // Through the value's exact neighbours: the host has no single instruction.
                 float f = static_cast<float>(r[0]);
                 const auto exact = static_cast<I128>(r[0]);
                 const auto above = static_cast<I128>(f) > exact;
                 const auto below = static_cast<I128>(f) < exact;
                 if (above && (mode.host == FE_DOWNWARD || mode.host == FE_TOWARDZERO)) {
                   f = std::nextafterf(f, 0);
                 }
                 if (below && mode.host == FE_UPWARD) f = std::nextafterf(f, INFINITY);
                 return BitsOf(f);
               });
    ExpectRows({prefix + ".f64.s64 %d, %a;", "f64", {"s64"}}, Samples({"s64"}, 1500),
               [&](const Row& r) {
                 return BitsOf(HostConvert<double>(static_cast<int64_t>(r[0]), mode.host));
               });
    ExpectRows({prefix + ".f32.f64 %d, %a;", "f32", {"f64"}}, Samples({"f64"}, 3000),
               [&](const Row& r) -> uint64_t {
                 const float f = HostConvert<float>(DoubleOf(r[0]), mode.host);
                 return std::isnan(f) ? 0x7fffffff : BitsOf(f);
               });
  }
  ExpectRows({"cvt.rn.f64.u32 %d, %a;", "f64", {"u32"}}, Samples({"u32"}, 300),
             [](const Row& r) { return BitsOf(static_cast<double>(r[0])); });
  ExpectRows({"cvt.rn.f32.s8 %d, %a;", "f32", {"s8"}}, Samples({"s8"}, 300),
             [](const Row& r) { return BitsOf(static_cast<float>(static_cast<int8_t>(r[0]))); });
}

TEST(Convert, FloatsRoundToIntegralFloats) {
  for (const Rounding& mode : kToInt) {
    ExpectRows({std::string("cvt.") + mode.name + ".f32.f32 %d, %a;", "f32", {"f32"}},
               Samples({"f32"}, 1500), [&](const Row& r) -> uint64_t {
                 const float v = FloatOf(r[0]);
                 if (std::isnan(v)) return 0x7fffffff;
                 return BitsOf(static_cast<float>(Integral(v, mode.host)));
               });
    ExpectRows({std::string("cvt.") + mode.name + ".f64.f64 %d, %a;", "f64", {"f64"}},
               Samples({"f64"}, 1500), [&](const Row& r) -> uint64_t {
                 const double v = DoubleOf(r[0]);
                 if (std::isnan(v)) return r[0] | 0x0008000000000000;
                 return BitsOf(Integral(v, mode.host));
               });
  }
}

TEST(Convert, SatAndFtzOnFloats) {
  ExpectRows({"cvt.sat.f32.f32 %d, %a;", "f32", {"f32"}}, Samples({"f32"}, 500), [](const Row& r) {
    const float v = FloatOf(r[0]);
    return v > 0 ? BitsOf(v < 1 ? v : 1.0f) : 0;
  });
  ExpectRows({"cvt.ftz.f64.f32 %d, %a;", "f64", {"f32"}}, Samples({"f32"}, 500),
             [](const Row& r) -> uint64_t {
               uint64_t bits = r[0];
               if ((bits & 0x7f800000) == 0) bits &= 0x80000000;
               const double v = FloatOf(bits);
               return BitsOf(v) | (std::isnan(v) ? 0x0008000000000000 : 0);
             });
}

}  // namespace
}  // namespace souk::gpu::cpu_test
