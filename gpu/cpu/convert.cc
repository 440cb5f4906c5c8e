// cvt: PTX ISA 9.7.9 "Data Movement and Conversion Instructions: cvt". 8-bit values stand in 16-bit
// registers; wider registers are narrowed and widened by lower.cc.
#include "gpu/cpu/float_core.h"

namespace souk::gpu::cpu::SOUK_SIMD {
namespace {

// How a PTX type is stored and what it holds.
template <Ty kTy>
struct Kind;
#define SOUK_KIND(ty, storage, value) \
  template <>                         \
  struct Kind<ty> {                   \
    using Storage = storage;          \
    using Value = value;              \
  }
SOUK_KIND(Ty::kU8, uint16_t, uint8_t);
SOUK_KIND(Ty::kS8, uint16_t, int8_t);
SOUK_KIND(Ty::kU16, uint16_t, uint16_t);
SOUK_KIND(Ty::kS16, uint16_t, int16_t);
SOUK_KIND(Ty::kU32, uint32_t, uint32_t);
SOUK_KIND(Ty::kS32, uint32_t, int32_t);
SOUK_KIND(Ty::kU64, uint64_t, uint64_t);
SOUK_KIND(Ty::kS64, uint64_t, int64_t);
SOUK_KIND(Ty::kF16, uint16_t, uint16_t);
SOUK_KIND(Ty::kBf16, uint16_t, uint16_t);
SOUK_KIND(Ty::kF32, float, float);
SOUK_KIND(Ty::kF64, double, double);
#undef SOUK_KIND

template <typename V>
struct Range;
#define SOUK_RANGE(type, low, high)            \
  template <>                                  \
  struct Range<type> {                         \
    static constexpr type kLow = low;          \
    static constexpr type kHigh = high;        \
    static constexpr bool kSigned = (low) < 0; \
  }
SOUK_RANGE(uint8_t, 0, UINT8_MAX);
SOUK_RANGE(int8_t, INT8_MIN, INT8_MAX);
SOUK_RANGE(uint16_t, 0, UINT16_MAX);
SOUK_RANGE(int16_t, INT16_MIN, INT16_MAX);
SOUK_RANGE(uint32_t, 0, UINT32_MAX);
SOUK_RANGE(int32_t, INT32_MIN, INT32_MAX);
SOUK_RANGE(uint64_t, 0, UINT64_MAX);
SOUK_RANGE(int64_t, INT64_MIN, INT64_MAX);
#undef SOUK_RANGE

// An 8-bit result fills its 16-bit register by its own signedness.
template <Ty kTy, typename V>
SOUK_INLINE typename Kind<kTy>::Storage StoreInt(V v) {
  using S = typename Kind<kTy>::Storage;
  return static_cast<S>(static_cast<typename Kind<kTy>::Value>(v));
}

template <Ty kFrom, Ty kTo>
struct IntToInt {
  using D = typename Kind<kTo>::Storage;
  using A = typename Kind<kFrom>::Storage;
  static constexpr uint64_t kImm = 0;
  static D Do(A a) { return StoreInt<kTo>(static_cast<typename Kind<kFrom>::Value>(a)); }
};
template <Ty kFrom, Ty kTo>
struct IntToIntSat {
  using D = typename Kind<kTo>::Storage;
  using A = typename Kind<kFrom>::Storage;
  static D Do(A a, uint64_t) {
    using V = typename Kind<kFrom>::Value;
    using R = Range<typename Kind<kTo>::Value>;
    const V v = static_cast<V>(a);
    // Negative values first, so that the rest compares as unsigned.
    if constexpr (Range<V>::kSigned) {
      if (v < 0) {
        if (!R::kSigned) return StoreInt<kTo>(0);
        const int64_t low = static_cast<int64_t>(R::kLow);
        return StoreInt<kTo>(v < low ? low : static_cast<int64_t>(v));
      }
    }
    const uint64_t high = static_cast<uint64_t>(R::kHigh);
    return StoreInt<kTo>(static_cast<uint64_t>(v) > high ? high : static_cast<uint64_t>(v));
  }
};

// v rounded to an integral value. Beyond 2^52 it is one already.
SOUK_INLINE double Integral(double v, uint64_t rounding) {
  const double size = v < 0 ? -v : v;
  const double magic = 0x1p52;
  double near = (size + magic) - magic;
  // near is within 1/2 of size; directed modes correct it.
  const bool negative = Bits<uint64_t>(v) >> 63;
  const bool up = (rounding == static_cast<uint64_t>(Round::kUp) && !negative) ||
                  (rounding == static_cast<uint64_t>(Round::kDown) && negative);
  if (rounding != static_cast<uint64_t>(Round::kNearest)) {
    const double below = near > size ? near - 1 : near;
    const double above = near < size ? near + 1 : near;
    near = up ? above : below;
  }
  near = size < magic ? near : size;
  near = negative ? -near : near;
  return v != v ? v : near;
}

// Clamped to the integer's range; NaN becomes 0, or the lone highest bit where a 64-bit type is
// involved (ISA cvt).
template <Ty kFrom, typename V>
SOUK_INLINE V FloatToInt(double v, uint64_t rounding) {
  const double whole = Integral(v, rounding);
  using R = Range<V>;
  // 2^bits, exact in double; kHigh itself is not where V has 64 bits.
  // NOLINTNEXTLINE(bugprone-integer-division): it drops the last bit of an odd number, as meant.
  const double past = static_cast<double>(R::kHigh / 2 + 1) * 2.0;
  const double low = static_cast<double>(R::kLow);
  const bool high = whole >= past;
  const bool under = whole < low;
  const bool nan = v != v;
  const V inside = static_cast<V>(high || under || nan ? 0.0 : whole);
  constexpr bool kWide = kFrom == Ty::kF64 || sizeof(V) == 8;
  const V none = kWide ? static_cast<V>(uint64_t{1} << (8 * sizeof(V) - 1)) : V{0};
  return nan ? none : high ? R::kHigh : under ? R::kLow : inside;
}

template <Ty kTy>
SOUK_INLINE double LoadFloat(typename Kind<kTy>::Storage a, uint64_t imm) {
  if constexpr (kTy == Ty::kF16) return HalfToFloat(a);
  if constexpr (kTy == Ty::kBf16) return Bf16ToFloat(a);
  if constexpr (kTy == Ty::kF32) return imm & kFtz ? Flush(a) : a;
  if constexpr (kTy == Ty::kF64) return a;
}

SOUK_INLINE float RoundDouble(double v, double error, uint64_t imm) {
  const Inexact x{v, error};
  switch (static_cast<Round>(imm & kRoundMask)) {
    case Round::kZero:
      return RoundToFloat<Round::kZero>(x);
    case Round::kDown:
      return RoundToFloat<Round::kDown>(x);
    case Round::kUp:
      return RoundToFloat<Round::kUp>(x);
    case Round::kNearest:
      break;
  }
  return RoundToFloat<Round::kNearest>(x);
}

// v + error rounded to the destination's format, with .sat, .ftz and .relu.
template <Ty kTo>
SOUK_INLINE typename Kind<kTo>::Storage StoreFloat(double v, double error, uint64_t imm) {
  if (imm & kSat) {
    v = Saturate(v);
    if (v == 0 || v == 1) error = 0;
  }
  if ((imm & kRelu) && v <= 0) v = 0;  // -0 too, as of fma.relu
  if constexpr (kTo == Ty::kF16 || kTo == Ty::kBf16) {
    uint16_t r = kTo == Ty::kF16 ? ToHalf(Odd(Inexact{v, error}), imm & kRoundMask)
                                 : ToBf16(Odd(Inexact{v, error}), imm & kRoundMask);
    const uint16_t infinity = kTo == Ty::kF16 ? 0x7c00 : 0x7f80;
    if ((imm & kSatfinite) && (r & 0x7fff) == infinity) r = static_cast<uint16_t>(r - 1);
    return r;
  }
  if constexpr (kTo == Ty::kF32) {
    const float r = RoundDouble(v, error, imm);
    if (!(imm & kFtz)) return Canonical(r);
    return Canonical(FlushTiny(r, RoundDouble(v * kRaise, error * kRaise, imm)));
  }
  if constexpr (kTo == Ty::kF64) return Canonical(v, v);
}

template <Ty kFrom, Ty kTo>
struct FloatToFloat {
  using D = typename Kind<kTo>::Storage;
  using A = typename Kind<kFrom>::Storage;
  static D Do(A a, uint64_t imm) {
    double v = LoadFloat<kFrom>(a, imm);
    if (imm & kIntegral) v = Integral(v, imm & kRoundMask);
    return StoreFloat<kTo>(v, 0, imm);
  }
};
template <Ty kFrom, Ty kTo>
struct FloatToIntLane {
  using D = typename Kind<kTo>::Storage;
  using A = typename Kind<kFrom>::Storage;
  static D Do(A a, uint64_t imm) {
    using V = typename Kind<kTo>::Value;
    return StoreInt<kTo>(FloatToInt<kFrom, V>(LoadFloat<kFrom>(a, imm), imm & kRoundMask));
  }
};
template <Ty kFrom, Ty kTo>
struct IntToFloat {
  using D = typename Kind<kTo>::Storage;
  using A = typename Kind<kFrom>::Storage;
  static D Do(A a, uint64_t imm) {
    using V = typename Kind<kFrom>::Value;
    const V v = static_cast<V>(a);
    const double near = static_cast<double>(v);
    double error = 0;
    if constexpr (sizeof(V) == 8) {
      error = static_cast<double>(static_cast<__int128>(v) - static_cast<__int128>(near));
    }
    if constexpr (kTo == Ty::kF64) return Directed(near, error, imm);
    return StoreFloat<kTo>(near, error, imm);
  }
  // To double in a directed mode: one place towards where the error points.
  static double Directed(double near, double error, uint64_t imm) {
    const auto rounding = static_cast<Round>(imm & kRoundMask);
    const bool positive = near > 0;
    const bool down = rounding == Round::kDown || (rounding == Round::kZero && positive);
    const bool up = rounding == Round::kUp || (rounding == Round::kZero && !positive);
    const uint64_t bits = Bits<uint64_t>(near);
    if (down && error < 0) near = Bits<double>(positive ? bits - 1 : bits + 1);
    if (up && error > 0) near = Bits<double>(positive ? bits + 1 : bits - 1);
    return imm & kSat ? Saturate(near) : near;
  }
};

// The usual conversions have a loop of their own.
template <class General, class Fast>
struct Convert {
  using D = typename Fast::D;
  using A = typename Fast::A;
  static const Op* Full(Warp& w, const Op* op) {
    if (op->imm != Fast::kImm) return MapImm1<General>::Some(w, op);
    return Map1<Fast>::Full(w, op);
  }
  static const Op* Some(Warp& w, const Op* op) {
    if (op->imm != Fast::kImm) return MapImm1<General>::Some(w, op);
    return Map1<Fast>::Some(w, op);
  }
};
template <Ty kFrom, Ty kTo>
struct IntToF32Nearest {
  using D = float;
  using A = typename Kind<kFrom>::Storage;
  static constexpr uint64_t kImm = 0;
  static float Do(A a) { return static_cast<float>(static_cast<typename Kind<kFrom>::Value>(a)); }
};
template <Ty kFrom>
struct IntToF64Nearest {
  using D = double;
  using A = typename Kind<kFrom>::Storage;
  static constexpr uint64_t kImm = 0;
  static double Do(A a) { return static_cast<double>(static_cast<typename Kind<kFrom>::Value>(a)); }
};
struct F32ToS32Zero {
  using D = uint32_t;
  using A = float;
  static constexpr uint64_t kImm = static_cast<uint64_t>(Round::kZero);
  static uint32_t Do(float v) {
    const bool inside = v >= -0x1p31f && v < 0x1p31f;
    const auto r = static_cast<uint32_t>(static_cast<int32_t>(inside ? v : 0.0f));
    const uint32_t outside = v != v ? 0 : v < 0 ? 0x80000000 : 0x7fffffff;
    return inside ? r : outside;
  }
};
struct HalfToF32 {
  using D = float;
  using A = uint16_t;
  static constexpr uint64_t kImm = 0;
  static float Do(uint16_t a) { return Canonical(HalfToFloat(a)); }
};
struct F32ToHalf {
  using D = uint16_t;
  using A = float;
  static constexpr uint64_t kImm = 0;
  static uint16_t Do(float a) { return FloatToHalf(a); }
};
struct F32ToF64 {
  using D = double;
  using A = float;
  static constexpr uint64_t kImm = 0;
  static double Do(float a) { return Canonical(a, a); }
};
struct F64ToF32 {
  using D = float;
  using A = double;
  static constexpr uint64_t kImm = 0;
  static float Do(double a) { return Canonical(static_cast<float>(a)); }
};

template <class General, class Fast>
void PutConvert(HandlerTable& t, Ty from, Ty to) {
  using C = Convert<General, Fast>;
  t.At(Fn::kCvt + Index(from), to) = HandlerPair{&C::Some, &C::Full};
}
template <Ty kFrom, Ty kTo>
void PutInt(HandlerTable& t) {
  PutConvert<IntToIntSat<kFrom, kTo>, IntToInt<kFrom, kTo>>(t, kFrom, kTo);
}
template <Ty kFrom, Ty kTo>
void PutToInt(HandlerTable& t) {
  PutImm1<FloatToIntLane<kFrom, kTo>>(t, Fn::kCvt + Index(kFrom), kTo);
}
template <Ty kFrom, Ty kTo>
void PutFloat(HandlerTable& t) {
  PutImm1<FloatToFloat<kFrom, kTo>>(t, Fn::kCvt + Index(kFrom), kTo);
}

template <Ty kFrom>
void RegisterFromInt(HandlerTable& t) {
  PutInt<kFrom, Ty::kU8>(t);
  PutInt<kFrom, Ty::kS8>(t);
  PutInt<kFrom, Ty::kU16>(t);
  PutInt<kFrom, Ty::kS16>(t);
  PutInt<kFrom, Ty::kU32>(t);
  PutInt<kFrom, Ty::kS32>(t);
  PutInt<kFrom, Ty::kU64>(t);
  PutInt<kFrom, Ty::kS64>(t);
  PutImm1<IntToFloat<kFrom, Ty::kF16>>(t, Fn::kCvt + Index(kFrom), Ty::kF16);
  PutImm1<IntToFloat<kFrom, Ty::kBf16>>(t, Fn::kCvt + Index(kFrom), Ty::kBf16);
  PutConvert<IntToFloat<kFrom, Ty::kF32>, IntToF32Nearest<kFrom, Ty::kF32>>(t, kFrom, Ty::kF32);
  PutConvert<IntToFloat<kFrom, Ty::kF64>, IntToF64Nearest<kFrom>>(t, kFrom, Ty::kF64);
}
template <Ty kFrom>
void RegisterFromFloat(HandlerTable& t) {
  PutToInt<kFrom, Ty::kU8>(t);
  PutToInt<kFrom, Ty::kS8>(t);
  PutToInt<kFrom, Ty::kU16>(t);
  PutToInt<kFrom, Ty::kS16>(t);
  PutToInt<kFrom, Ty::kU32>(t);
  PutToInt<kFrom, Ty::kS32>(t);
  PutToInt<kFrom, Ty::kU64>(t);
  PutToInt<kFrom, Ty::kS64>(t);
  PutFloat<kFrom, Ty::kF16>(t);
  PutFloat<kFrom, Ty::kBf16>(t);
  PutFloat<kFrom, Ty::kF32>(t);
  PutFloat<kFrom, Ty::kF64>(t);
}

// cvt.f16x2.f32 d, a, b and bf16x2: a to the high half. Ty is the pair's.
template <Ty kTo>
struct PackPair {
  using D = uint32_t;
  using A = float;
  using B = float;
  static uint32_t Do(float a, float b, uint64_t imm) {
    const uint32_t high = StoreFloat<kTo>(LoadFloat<Ty::kF32>(a, 0), 0, imm);
    const uint32_t low = StoreFloat<kTo>(LoadFloat<Ty::kF32>(b, 0), 0, imm);
    return high << 16 | low;
  }
};

}  // namespace

void RegisterConversions(HandlerTable& t) {
  RegisterFromInt<Ty::kU8>(t);
  RegisterFromInt<Ty::kS8>(t);
  RegisterFromInt<Ty::kU16>(t);
  RegisterFromInt<Ty::kS16>(t);
  RegisterFromInt<Ty::kU32>(t);
  RegisterFromInt<Ty::kS32>(t);
  RegisterFromInt<Ty::kU64>(t);
  RegisterFromInt<Ty::kS64>(t);
  RegisterFromFloat<Ty::kF16>(t);
  RegisterFromFloat<Ty::kBf16>(t);
  RegisterFromFloat<Ty::kF32>(t);
  RegisterFromFloat<Ty::kF64>(t);
  PutConvert<FloatToIntLane<Ty::kF32, Ty::kS32>, F32ToS32Zero>(t, Ty::kF32, Ty::kS32);
  PutConvert<FloatToFloat<Ty::kF16, Ty::kF32>, HalfToF32>(t, Ty::kF16, Ty::kF32);
  PutConvert<FloatToFloat<Ty::kF32, Ty::kF16>, F32ToHalf>(t, Ty::kF32, Ty::kF16);
  PutConvert<FloatToFloat<Ty::kF32, Ty::kF64>, F32ToF64>(t, Ty::kF32, Ty::kF64);
  PutConvert<FloatToFloat<Ty::kF64, Ty::kF32>, F64ToF32>(t, Ty::kF64, Ty::kF32);
  PutImm2<PackPair<Ty::kF16>>(t, Fn::kCvtPack, Ty::kF16x2);
  PutImm2<PackPair<Ty::kBf16>>(t, Fn::kCvtPack, Ty::kBf16x2);
}

}  // namespace souk::gpu::cpu::SOUK_SIMD
