// Single and double precision arithmetic: PTX ISA 9.7.3.
#include <fenv.h>

#include <type_traits>

#include "gpu/cpu/float_core.h"
#include "gpu/ptx/operation.h"

namespace souk::gpu::cpu::SOUK_SIMD {
namespace {

// The plain forms: .rn, no .ftz, no .sat.
struct AddF32 : Lane2<float> {
  static float Do(float a, float b) { return Canonical(a + b); }
};
struct SubF32 : Lane2<float> {
  static float Do(float a, float b) { return Canonical(a - b); }
};
struct MulF32 : Lane2<float> {
  static float Do(float a, float b) { return Canonical(a * b); }
};
struct FmaF32 : Lane3<float> {
  static float Do(float a, float b, float c) {
    return Canonical(FmaRounded<Round::kNearest>(a, b, c));
  }
};
struct AddFtz : Lane2<float> {
  static float Do(float a, float b) { return Canonical(AddFlushed<Round::kNearest>(a, b)); }
};
struct SubFtz : Lane2<float> {
  static float Do(float a, float b) { return Canonical(AddFlushed<Round::kNearest>(a, -b)); }
};
struct MulFtz : Lane2<float> {
  static float Do(float a, float b) { return Canonical(MulFlushed<Round::kNearest>(a, b)); }
};
struct FmaFtz : Lane3<float> {
  static float Do(float a, float b, float c) {
    return Canonical(FmaFlushed<Round::kNearest>(a, b, c));
  }
};
struct AddF64 : Lane2<double> {
  static double Do(double a, double b) { return Canonical(a + b, a, b); }
};
struct SubF64 : Lane2<double> {
  static double Do(double a, double b) { return Canonical(a - b, a, b); }
};
struct MulF64 : Lane2<double> {
  static double Do(double a, double b) { return Canonical(a * b, a, b); }
};
struct FmaF64 : Lane3<double> {
  static double Do(double a, double b, double c) { return Canonical(Fma(a, b, c), a, b, c); }
};
struct DivF64 : Lane2<double> {
  static double Do(double a, double b) { return Canonical(a / b, a, b); }
};
struct RcpF64 : Lane1<double> {
  static double Do(double a) { return Canonical(1.0 / a, a); }
};
struct SqrtF64 : Lane1<double> {
  static double Do(double a) { return Canonical(__builtin_sqrt(a), a); }
};

// With modifiers. .ftz has loops of its own: it does some arithmetic twice.
SOUK_INLINE float Out(float v, uint64_t imm) {
  return Canonical(imm & kSat ? Saturate(v) : v);
}
template <Round kRound, bool kFlushes>
struct AddMod : Lane2<float> {
  static float Do(float a, float b, uint64_t imm) {
    return Out(kFlushes ? AddFlushed<kRound>(a, b) : AddRounded<kRound>(a, b), imm);
  }
};
template <Round kRound, bool kFlushes>
struct SubMod : Lane2<float> {
  static float Do(float a, float b, uint64_t imm) {
    return AddMod<kRound, kFlushes>::Do(a, -b, imm);
  }
};
template <Round kRound, bool kFlushes>
struct MulMod : Lane2<float> {
  static float Do(float a, float b, uint64_t imm) {
    return Out(kFlushes ? MulFlushed<kRound>(a, b) : MulRounded<kRound>(a, b), imm);
  }
};
template <Round kRound, bool kFlushes>
struct FmaMod : Lane3<float> {
  static float Do(float a, float b, float c, uint64_t imm) {
    return Out(kFlushes ? FmaFlushed<kRound>(a, b, c) : FmaRounded<kRound>(a, b, c), imm);
  }
};
template <Round kRound, bool kFlushes>
struct DivMod : Lane2<float> {
  static float Do(float a, float b, uint64_t imm) {
    return Out(kFlushes ? DivFlushed<kRound>(a, b) : DivRounded<kRound>(a, b), imm);
  }
};
template <Round kRound, bool kFlushes>
struct RcpMod : Lane1<float> {
  static float Do(float a, uint64_t imm) { return DivMod<kRound, kFlushes>::Do(1.0f, a, imm); }
};
template <Round kRound, bool kFlushes>
struct SqrtMod : Lane1<float> {
  static float Do(float a, uint64_t imm) {
    return Out(kFlushes ? SqrtFlushed<kRound>(a) : SqrtRounded<kRound>(a), imm);
  }
};
template <template <class> class Map, class Plain, class Flushing>
const Op* ByFtz(Warp& w, const Op* op) {
  return op->imm & kFtz ? Map<Flushing>::Some(w, op) : Map<Plain>::Some(w, op);
}

// Directed rounding of doubles goes through the processor's own rounding mode. Operands and result
// are volatile so that the arithmetic stays between the two changes of mode.
enum class Arithmetic : uint8_t { kAdd, kSub, kMul, kFma, kDiv, kRcp, kSqrt };

template <Arithmetic kArithmetic>
double Directed(double x, double y, double z) {
  volatile double a = x;
  volatile double b = y;
  volatile double c = z;
  volatile double r = 0;
  switch (kArithmetic) {
    case Arithmetic::kAdd:
      r = a + b;
      break;
    case Arithmetic::kSub:
      r = a - b;
      break;
    case Arithmetic::kMul:
      r = a * b;
      break;
    case Arithmetic::kFma:
      r = Fma(a, b, c);
      break;
    case Arithmetic::kDiv:
      r = a / b;
      break;
    case Arithmetic::kRcp:
      r = b / a;
      break;
    case Arithmetic::kSqrt:
      r = __builtin_sqrt(a);
      break;
  }
  return r;
}

template <Arithmetic kArithmetic, Round kRound>
const Op* DirectedF64(Warp& w, const Op* op) {
  const uint32_t mask = w.Mask(op);
  const double* a = w.Lanes<double>(op->a);
  const double* b = w.Lanes<double>(op->b);
  const double* c = w.Lanes<double>(op->c);
  double* d = w.Lanes<double>(op->dst);
  fesetround(HostMode(kRound));
  for (int i = 0; i < kLanes; ++i) {
    if (!Runs(mask, i)) continue;
    constexpr bool kOne = kArithmetic == Arithmetic::kRcp || kArithmetic == Arithmetic::kSqrt;
    const double x = a[i];
    const double y = kOne ? 1.0 : b[i];
    const double z = kArithmetic == Arithmetic::kFma ? c[i] : 0.0;
    const double r = Directed<kArithmetic>(x, y, z);
    d[i] = Canonical(r, x, y, z);
  }
  fesetround(FE_TONEAREST);
  return op + 1;
}

SOUK_INLINE float In(float v, uint64_t imm) {
  return imm & kFtz ? Flush(v) : v;
}

// Sign bits only; what happens to a NaN's payload the ISA leaves open: it is kept.
struct AbsF32 : Lane1<float> {
  static float Do(float a, uint64_t imm) {
    return Bits<float>(Bits<uint32_t>(In(a, imm)) & 0x7fffffff);
  }
};
struct NegF32 : Lane1<float> {
  static float Do(float a, uint64_t imm) {
    return Bits<float>(Bits<uint32_t>(In(a, imm)) ^ 0x80000000);
  }
};
struct AbsF64 : Lane1<double> {
  static double Do(double a) { return Bits<double>(Bits<uint64_t>(a) & 0x7fffffffffffffff); }
};
struct NegF64 : Lane1<double> {
  static double Do(double a) { return Bits<double>(Bits<uint64_t>(a) ^ 0x8000000000000000); }
};
// The sign of a on the value of b.
struct CopysignF32 : Lane2<float> {
  static float Do(float a, float b) {
    return Bits<float>((Bits<uint32_t>(a) & 0x80000000) | (Bits<uint32_t>(b) & 0x7fffffff));
  }
};
struct CopysignF64 : Lane2<double> {
  static double Do(double a, double b) {
    return Bits<double>((Bits<uint64_t>(a) & 0x8000000000000000) |
                        (Bits<uint64_t>(b) & 0x7fffffffffffffff));
  }
};

// ISA min, max: -0 < +0; a number wins over a NaN unless .NaN.
template <bool kMax>
struct MinMaxF32 : Lane2<float> {
  static float Do(float x, float y, uint64_t imm) {
    float a = In(x, imm);
    float b = In(y, imm);
    const uint32_t sign = (Bits<uint32_t>(x) ^ Bits<uint32_t>(y)) & 0x80000000;
    if (imm & kXorsign) {
      a = Bits<float>(Bits<uint32_t>(a) & 0x7fffffff);
      b = Bits<float>(Bits<uint32_t>(b) & 0x7fffffff);
    }
    const bool a_negative = Bits<uint32_t>(a) >> 31;
    const bool a_first = a < b || (a == b && a_negative);  // a is the smaller
    float r = kMax == a_first ? b : a;
    const bool a_nan = a != a;
    const bool b_nan = b != b;
    r = a_nan ? b : r;
    r = b_nan ? a : r;
    if (imm & kXorsign) r = Bits<float>(Bits<uint32_t>(r) ^ sign);
    if (imm & kNanWins) r = a_nan || b_nan ? Bits<float>(0x7fffffffu) : r;
    return Canonical(r);
  }
};
template <bool kMax>
struct MinMaxF64 : Lane2<double> {
  static double Do(double a, double b) {
    const bool a_negative = Bits<uint64_t>(a) >> 63;
    const bool a_first = a < b || (a == b && a_negative);
    double r = kMax == a_first ? b : a;
    r = a != a ? b : r;
    r = b != b ? a : r;
    return Canonical(r, a, b);
  }
};

template <typename T>
const Op* Testp(Warp& w, const Op* op) {
  using ptx::TestProperty;
  using U = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
  constexpr int kMantissa = sizeof(T) == 4 ? 23 : 52;
  constexpr U kExponents = sizeof(T) == 4 ? 0xff : 0x7ff;
  const uint32_t mask = w.Mask(op);
  const U* a = w.Lanes<U>(op->a);
  uint32_t r = 0;
  for (int i = 0; i < kLanes; ++i) {
    const U exponent = (a[i] >> kMantissa) & kExponents;
    const bool fraction = (a[i] & ((U{1} << kMantissa) - 1)) != 0;
    const bool nan = exponent == kExponents && fraction;
    bool holds = false;
    switch (static_cast<TestProperty>(op->imm)) {
      case TestProperty::kFinite:
        holds = exponent != kExponents;
        break;
      case TestProperty::kInfinite:
        holds = exponent == kExponents && !fraction;
        break;
      case TestProperty::kNumber:
        holds = !nan;
        break;
      case TestProperty::kNotanumber:
        holds = nan;
        break;
      case TestProperty::kNormal:
        holds = exponent != 0 && exponent != kExponents;
        break;
      case TestProperty::kSubnormal:
        holds = exponent == 0 && fraction;
        break;
      case TestProperty::kNone:
        break;
    }
    if (holds) r |= uint32_t{1} << i;
  }
  uint32_t& d = w.Predicate(op->dst);
  d = (d & ~mask) | (r & mask);
  return op + 1;
}

template <template <class> class Map, Round kRound, template <Round, bool> class F>
void PutRounding(HandlerTable& t, Fn first) {
  Put(t, first + static_cast<uint32_t>(kRound), Ty::kF32,
      &ByFtz<Map, F<kRound, false>, F<kRound, true>>);
}

template <Round kRound>
void RegisterRounding(HandlerTable& t) {
  constexpr auto kOffset = static_cast<uint32_t>(kRound);
  PutRounding<MapImm2, kRound, AddMod>(t, Fn::kFAdd);
  PutRounding<MapImm2, kRound, SubMod>(t, Fn::kFSub);
  PutRounding<MapImm2, kRound, MulMod>(t, Fn::kFMul);
  PutRounding<MapImm3, kRound, FmaMod>(t, Fn::kFFma);
  PutRounding<MapImm2, kRound, DivMod>(t, Fn::kFDiv);
  PutRounding<MapImm1, kRound, RcpMod>(t, Fn::kFRcp);
  PutRounding<MapImm1, kRound, SqrtMod>(t, Fn::kFSqrt);
  if constexpr (kRound != Round::kNearest) {
    Put(t, Fn::kFAdd + kOffset, Ty::kF64, &DirectedF64<Arithmetic::kAdd, kRound>);
    Put(t, Fn::kFSub + kOffset, Ty::kF64, &DirectedF64<Arithmetic::kSub, kRound>);
    Put(t, Fn::kFMul + kOffset, Ty::kF64, &DirectedF64<Arithmetic::kMul, kRound>);
    Put(t, Fn::kFFma + kOffset, Ty::kF64, &DirectedF64<Arithmetic::kFma, kRound>);
    Put(t, Fn::kFDiv + kOffset, Ty::kF64, &DirectedF64<Arithmetic::kDiv, kRound>);
    Put(t, Fn::kFRcp + kOffset, Ty::kF64, &DirectedF64<Arithmetic::kRcp, kRound>);
    Put(t, Fn::kFSqrt + kOffset, Ty::kF64, &DirectedF64<Arithmetic::kSqrt, kRound>);
  }
}

}  // namespace

void RegisterFloats(HandlerTable& t) {
  Put2<AddF32>(t, Fn::kAdd, Ty::kF32);
  Put2<SubF32>(t, Fn::kSub, Ty::kF32);
  Put2<MulF32>(t, Fn::kMulLo, Ty::kF32);
  Put3<FmaF32>(t, Fn::kFma, Ty::kF32);
  Put2<AddFtz>(t, Fn::kAddFtz, Ty::kF32);
  Put2<SubFtz>(t, Fn::kSubFtz, Ty::kF32);
  Put2<MulFtz>(t, Fn::kMulFtz, Ty::kF32);
  Put3<FmaFtz>(t, Fn::kFmaFtz, Ty::kF32);
  Put2<AddF64>(t, Fn::kAdd, Ty::kF64);
  Put2<SubF64>(t, Fn::kSub, Ty::kF64);
  Put2<MulF64>(t, Fn::kMulLo, Ty::kF64);
  Put3<FmaF64>(t, Fn::kFma, Ty::kF64);
  Put2<DivF64>(t, Fn::kFDiv, Ty::kF64);
  Put1<RcpF64>(t, Fn::kFRcp, Ty::kF64);
  Put1<SqrtF64>(t, Fn::kFSqrt, Ty::kF64);
  RegisterRounding<Round::kNearest>(t);
  RegisterRounding<Round::kZero>(t);
  RegisterRounding<Round::kDown>(t);
  RegisterRounding<Round::kUp>(t);
  PutImm1<AbsF32>(t, Fn::kFAbs, Ty::kF32);
  PutImm1<NegF32>(t, Fn::kFNeg, Ty::kF32);
  Put1<AbsF64>(t, Fn::kFAbs, Ty::kF64);
  Put1<NegF64>(t, Fn::kFNeg, Ty::kF64);
  Put2<CopysignF32>(t, Fn::kCopysign, Ty::kF32);
  Put2<CopysignF64>(t, Fn::kCopysign, Ty::kF64);
  PutImm2<MinMaxF32<false>>(t, Fn::kFMin, Ty::kF32);
  PutImm2<MinMaxF32<true>>(t, Fn::kFMax, Ty::kF32);
  Put2<MinMaxF64<false>>(t, Fn::kFMin, Ty::kF64);
  Put2<MinMaxF64<true>>(t, Fn::kFMax, Ty::kF64);
  Put(t, Fn::kTestp, Ty::kF32, &Testp<float>);
  Put(t, Fn::kTestp, Ty::kF64, &Testp<double>);
}

}  // namespace souk::gpu::cpu::SOUK_SIMD
