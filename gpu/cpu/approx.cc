// Approximate instructions (PTX ISA: .approx, .full): the ISA bounds their error only, so kernels
// that use them are `tolerant`. Computed in double precision with basic operations alone, hence far
// inside the bounds and the same on every machine.
#include "gpu/cpu/float_core.h"

namespace souk::gpu::cpu::SOUK_SIMD {
namespace {

struct LaneF32 {
  using D = float;
  using A = float;
  using B = float;
};

SOUK_INLINE float In(float v, uint64_t imm) {
  return imm & kFtz ? Flush(v) : v;
}
SOUK_INLINE float Out(float v, uint64_t imm) {
  return Canonical(imm & kFtz ? Flush(v) : v);
}

struct Ex2 : LaneF32 {
  static float Do(float v, uint64_t imm) {
    const double x = In(v, imm);
    const double clamped = x > 200.0 ? 200.0 : x < -200.0 ? -200.0 : x;
    const float r = static_cast<float>(Exp2(clamped == clamped ? clamped : 0.0));
    return Out(x != x ? v : r, imm);
  }
};

// log2 by 2 / ln 2 × artanh((m - 1) / (m + 1)), m in [sqrt(1/2), sqrt(2)).
struct Lg2 : LaneF32 {
  static float Do(float v, uint64_t imm) {
    const float f = In(v, imm);
    const double x = f;
    const bool regular = x > 0 && x < __builtin_inf();
    const uint64_t bits = Bits<uint64_t>(regular ? x : 1.0);
    // Where the mantissa is above sqrt(2), the next power of two is nearer.
    const uint64_t up = (bits & 0x000fffffffffffff) > 0x6a09e667f3bccull ? 1 : 0;
    const uint64_t exponent = (bits >> 52) + up;
    const double m = Bits<double>((bits & 0x000fffffffffffff) | (uint64_t{1023} - up) << 52);
    const double e = Bits<double>(exponent | 0x4330000000000000) - (0x1p52 + 1023);
    const double t = (m - 1.0) / (m + 1.0);
    const double t2 = t * t;
    double p = 1.0 / 15;
    p = p * t2 + 1.0 / 13;
    p = p * t2 + 1.0 / 11;
    p = p * t2 + 1.0 / 9;
    p = p * t2 + 1.0 / 7;
    p = p * t2 + 1.0 / 5;
    p = p * t2 + 1.0 / 3;
    p = p * t2 + 1.0;
    const float r = static_cast<float>(e + p * t * (2 * 0x1.71547652b82fep+0));
    const float special = x == 0  ? -__builtin_inff()
                          : x > 0 ? __builtin_inff()
                                  : __builtin_nanf("");
    return Out(regular ? r : special, imm);
  }
};

// Sine of x + quarter × pi/2. Beyond 2^30 there is no accuracy to keep (ISA: none is promised);
// results stay within [-1, 1].
SOUK_INLINE float Sine(float v, uint64_t imm, double quarter) {
  const double x = In(v, imm);
  const bool finite = x - x == 0;
  const double bounded = finite && x < 0x1p50 && x > -0x1p50 ? x : 0.0;
  const double k = Nearest(bounded * 0x1.45f306dc9c883p-1);
  // pi/2 in two parts.
  const double r = (bounded - k * 0x1.921fb54442d18p+0) - k * 0x1.1a62633145c07p-54;
  const uint64_t turn = Bits<uint64_t>(k + quarter + 0x1.8p52);
  const double s = r * r;
  double sine = 1.0 / 6227020800;
  sine = sine * s - 1.0 / 39916800;
  sine = sine * s + 1.0 / 362880;
  sine = sine * s - 1.0 / 5040;
  sine = sine * s + 1.0 / 120;
  sine = sine * s - 1.0 / 6;
  sine = (sine * s) * r + r;
  double cosine = -1.0 / 87178291200;
  cosine = cosine * s + 1.0 / 479001600;
  cosine = cosine * s - 1.0 / 3628800;
  cosine = cosine * s + 1.0 / 40320;
  cosine = cosine * s - 1.0 / 720;
  cosine = cosine * s + 1.0 / 24;
  cosine = cosine * s - 0.5;
  cosine = cosine * s + 1.0;
  double y = turn & 1 ? cosine : sine;
  y = turn & 2 ? -y : y;
  y = y > 1.0 ? 1.0 : y < -1.0 ? -1.0 : y;
  return Out(finite ? static_cast<float>(y) : __builtin_nanf(""), imm);
}
struct Sin : LaneF32 {
  static float Do(float v, uint64_t imm) {
    const float flushed = In(v, imm);
    return flushed == 0 ? flushed : Sine(v, imm, 0);
  }
};
struct Cos : LaneF32 {
  static float Do(float v, uint64_t imm) { return Sine(v, imm, 1); }
};

struct Tanh : LaneF32 {
  static float Do(float v, uint64_t imm) {
    const double x = In(v, imm);
    const float r = static_cast<float>(TanhOfSize(x < 0 ? -x : x));
    const float s = Bits<float>(Bits<uint32_t>(r) | (Bits<uint32_t>(v) & 0x80000000));
    return Out(x != x ? v : s, imm);
  }
};

struct Rcp : LaneF32 {
  static float Do(float v, uint64_t imm) { return Out(static_cast<float>(1.0 / In(v, imm)), imm); }
};
struct Sqrt : LaneF32 {
  static float Do(float v, uint64_t imm) {
    return Out(static_cast<float>(__builtin_sqrt(static_cast<double>(In(v, imm)))), imm);
  }
};
struct Rsqrt : LaneF32 {
  static float Do(float v, uint64_t imm) {
    return Out(static_cast<float>(1.0 / __builtin_sqrt(static_cast<double>(In(v, imm)))), imm);
  }
};
struct Div : LaneF32 {
  static float Do(float x, float y, uint64_t imm) {
    const double a = In(x, imm);
    const double b = In(y, imm);
    const double r = a / b;
    // ISA div.approx: a divisor beyond 2^126 gives 0, or NaN for an infinite dividend: a times the
    // reciprocal, which is a zero.
    const double size = b < 0 ? -b : b;
    const bool huge = !(imm & kFull) && size > 0x1p126 && size < 0x1p128;
    return Out(static_cast<float>(huge ? a * (b < 0 ? -0.0 : 0.0) : r), imm);
  }
};

// ISA rcp.approx.ftz.f64, rsqrt.approx.ftz.f64: the lower 32 bits of operand and result are zero.
SOUK_INLINE double Upper(double v) {
  const uint64_t bits = Bits<uint64_t>(v) & 0xffffffff00000000;
  return Bits<double>((bits & 0x7ff0000000000000) == 0 ? bits & 0x8000000000000000 : bits);
}
struct LaneF64 {
  using D = double;
  using A = double;
};
struct Rcp64 : LaneF64 {
  static double Do(double v) {
    const double r = Upper(1.0 / Upper(v));
    return v != v ? Bits<double>(0x7fffffff00000000) : r;
  }
};
struct Rsqrt64 : LaneF64 {
  static double Do(double v) {
    const double x = Upper(v);
    const double r = Upper(1.0 / __builtin_sqrt(x));
    return v != v || x < 0 ? Bits<double>(0x7fffffff00000000) : r;
  }
};
struct Rsqrt64Full : LaneF64 {
  static double Do(double v) { return Canonical(1.0 / __builtin_sqrt(v), v); }
};

}  // namespace

void RegisterApproximations(HandlerTable& t) {
  PutImm1<Ex2>(t, Fn::kEx2, Ty::kF32);
  PutImm1<Lg2>(t, Fn::kLg2, Ty::kF32);
  PutImm1<Sin>(t, Fn::kSin, Ty::kF32);
  PutImm1<Cos>(t, Fn::kCos, Ty::kF32);
  PutImm1<Tanh>(t, Fn::kTanh, Ty::kF32);
  PutImm1<Rcp>(t, Fn::kRcpApprox, Ty::kF32);
  PutImm1<Sqrt>(t, Fn::kSqrtApprox, Ty::kF32);
  PutImm1<Rsqrt>(t, Fn::kRsqrt, Ty::kF32);
  PutImm2<Div>(t, Fn::kDivApprox, Ty::kF32);
  Put1<Rcp64>(t, Fn::kRcpFtz64, Ty::kF64);
  Put1<Rsqrt64>(t, Fn::kRsqrtFtz64, Ty::kF64);
  Put1<Rsqrt64Full>(t, Fn::kRsqrt, Ty::kF64);
}

}  // namespace souk::gpu::cpu::SOUK_SIMD
