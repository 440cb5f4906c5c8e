// Half precision and bfloat16, scalar and packed: PTX ISA 9.7.4. One result is computed in double
// precision and rounded once, by way of rounding to odd, so that it is the exact result rounded.
#include "gpu/cpu/float_core.h"
#include "gpu/ptx/operation.h"

namespace souk::gpu::cpu::SOUK_SIMD {
namespace {

using ptx::Compare;

// kLeast: the least number that rounds to a normal one where exponents have no bound. What is below
// it .ftz makes zero: see FlushTiny.
struct Half {
  static double Load(uint16_t h) { return HalfToFloat(h); }
  static uint16_t Store(double v) { return ToHalf(v, 0); }
  static uint16_t Flush(uint16_t h) { return (h & 0x7c00) == 0 ? h & 0x8000 : h; }
  static constexpr double kLeast = 0x1p-14 - 0x1p-26;
  static bool IsNan(uint16_t h) { return (h & 0x7fff) > 0x7c00; }
};
struct Bfloat {
  static double Load(uint16_t h) { return Bf16ToFloat(h); }
  static uint16_t Store(double v) { return ToBf16(v, 0); }
  static uint16_t Flush(uint16_t h) { return (h & 0x7f80) == 0 ? h & 0x8000 : h; }
  static constexpr double kLeast = 0x1p-126 - 0x1p-135;
  static bool IsNan(uint16_t h) { return (h & 0x7fff) > 0x7f80; }
};

template <class H>
SOUK_INLINE uint16_t In(uint16_t h, uint64_t imm) {
  return imm & kFtz ? H::Flush(h) : h;
}
// exact: the result before it is rounded, or that rounded to odd.
template <class H>
SOUK_INLINE uint16_t Out(double exact, uint64_t imm) {
  const bool flushed = (imm & kFtz) && exact < H::kLeast && exact > -H::kLeast;
  uint16_t r = H::Store(flushed ? exact * 0.0 : exact);
  const bool nan = H::IsNan(r);
  if (imm & kSat) {
    const double v = H::Load(r);
    r = nan || !(v > 0) ? 0 : v < 1 ? r : H::Store(1.0);
  }
  if ((imm & kRelu) && !H::IsNan(r) && (r & 0x8000)) r = 0;
  return H::IsNan(r) ? 0x7fff : r;
}

template <class H>
struct AddHalf {
  static uint16_t Do(uint16_t a, uint16_t b, uint64_t imm) {
    return Out<H>(Odd(AddExactly(H::Load(In<H>(a, imm)), H::Load(In<H>(b, imm)))), imm);
  }
};
template <class H>
struct SubHalf {
  static uint16_t Do(uint16_t a, uint16_t b, uint64_t imm) {
    return Out<H>(Odd(AddExactly(H::Load(In<H>(a, imm)), -H::Load(In<H>(b, imm)))), imm);
  }
};
template <class H>
struct MulHalf {
  static uint16_t Do(uint16_t a, uint16_t b, uint64_t imm) {
    return Out<H>(H::Load(In<H>(a, imm)) * H::Load(In<H>(b, imm)), imm);
  }
};
template <class H>
struct FmaHalf {
  static uint16_t Do(uint16_t a, uint16_t b, uint16_t c, uint64_t imm) {
    const double product = H::Load(In<H>(a, imm)) * H::Load(In<H>(b, imm));
    return Out<H>(Odd(AddExactly(product, H::Load(In<H>(c, imm)))), imm);
  }
};
template <class H, bool kMax>
struct MinMaxHalf {
  static uint16_t Do(uint16_t x, uint16_t y, uint64_t imm) {
    uint16_t a = In<H>(x, imm);
    uint16_t b = In<H>(y, imm);
    const bool nan = H::IsNan(a) || H::IsNan(b);
    if (imm & kXorsign) {
      a &= 0x7fff;
      b &= 0x7fff;
    }
    const double va = H::Load(a);
    const double vb = H::Load(b);
    const bool a_first = va < vb || (va == vb && (a & 0x8000));
    uint16_t r = kMax == a_first ? b : a;
    if (H::IsNan(a)) r = b;
    if (H::IsNan(b)) r = a;
    if (imm & kXorsign) r = static_cast<uint16_t>(r ^ ((x ^ y) & 0x8000));
    if ((imm & kNanWins) && nan) return 0x7fff;
    return H::IsNan(r) ? 0x7fff : r;
  }
};
template <class H>
struct AbsHalf {
  static uint16_t Do(uint16_t a, uint64_t imm) { return In<H>(a, imm) & 0x7fff; }
};
template <class H>
struct NegHalf {
  static uint16_t Do(uint16_t a, uint64_t imm) { return In<H>(a, imm) ^ 0x8000; }
};
template <class H>
struct CopysignHalf {
  static uint16_t Do(uint16_t a, uint16_t b, uint64_t) { return (a & 0x8000) | (b & 0x7fff); }
};

// .approx: like those of f32 (approx.cc), rounded once more.
template <class H>
struct Ex2Half {
  static uint16_t Do(uint16_t a, uint64_t imm) {
    const double x = H::Load(In<H>(a, imm));
    const double clamped = x > 200.0 ? 200.0 : x < -200.0 ? -200.0 : x;
    return x != x ? 0x7fff : Out<H>(Exp2(clamped == clamped ? clamped : 0.0), imm);
  }
};
template <class H>
struct TanhHalf {
  static uint16_t Do(uint16_t a, uint64_t imm) {
    const double x = H::Load(a);
    const uint16_t size = Out<H>(TanhOfSize(x < 0 ? -x : x), imm);
    return x != x ? 0x7fff : static_cast<uint16_t>(size | (a & 0x8000));
  }
};

// A functor on halves as one on lanes: one half, or two in a word.
template <class F, typename T>
struct Spread1 {
  using D = T;
  using A = T;
  static T Do(T a, uint64_t imm) {
    const uint32_t low = F::Do(static_cast<uint16_t>(a), imm);
    if constexpr (sizeof(T) == 2) return static_cast<T>(low);
    return static_cast<T>(low | static_cast<uint32_t>(F::Do(static_cast<uint16_t>(a >> 16), imm))
                                    << 16);
  }
};
template <class F, typename T>
struct Spread2 {
  using D = T;
  using A = T;
  using B = T;
  static T Do(T a, T b, uint64_t imm) {
    const uint32_t low = F::Do(static_cast<uint16_t>(a), static_cast<uint16_t>(b), imm);
    if constexpr (sizeof(T) == 2) return static_cast<T>(low);
    const uint32_t high =
        F::Do(static_cast<uint16_t>(a >> 16), static_cast<uint16_t>(b >> 16), imm);
    return static_cast<T>(low | high << 16);
  }
};
template <class F, typename T>
struct Spread3 {
  using D = T;
  using A = T;
  using B = T;
  using C = T;
  static T Do(T a, T b, T c, uint64_t imm) {
    const uint32_t low =
        F::Do(static_cast<uint16_t>(a), static_cast<uint16_t>(b), static_cast<uint16_t>(c), imm);
    if constexpr (sizeof(T) == 2) return static_cast<T>(low);
    const uint32_t high = F::Do(static_cast<uint16_t>(a >> 16), static_cast<uint16_t>(b >> 16),
                                static_cast<uint16_t>(c >> 16), imm);
    return static_cast<T>(low | high << 16);
  }
};

inline bool Holds(Compare compare, double a, double b) {
  const bool unordered = a != a || b != b;
  switch (compare) {
    case Compare::kEq:
      return a == b;
    case Compare::kNe:
      return a != b && !unordered;
    case Compare::kLt:
      return a < b;
    case Compare::kLe:
      return a <= b;
    case Compare::kGt:
      return a > b;
    case Compare::kGe:
      return a >= b;
    case Compare::kEqu:
      return a == b || unordered;
    case Compare::kNeu:
      return a != b;
    case Compare::kLtu:
      return a < b || unordered;
    case Compare::kLeu:
      return a <= b || unordered;
    case Compare::kGtu:
      return a > b || unordered;
    case Compare::kGeu:
      return a >= b || unordered;
    case Compare::kNum:
      return !unordered;
    case Compare::kNan:
      return unordered;
    default:
      return false;
  }
}

// imm: the comparison, plus kFtz << 8.
template <class H>
const Op* SetpHalf(Warp& w, const Op* op) {
  const uint32_t mask = w.Mask(op);
  const auto compare = static_cast<Compare>(op->imm & 0xff);
  const uint64_t modifiers = op->imm >> 8;
  const uint16_t* a = w.Lanes<uint16_t>(op->a);
  const uint16_t* b = w.Lanes<uint16_t>(op->b);
  uint32_t r = 0;
  for (int i = 0; i < kLanes; ++i) {
    const double x = H::Load(In<H>(a[i], modifiers));
    const double y = H::Load(In<H>(b[i], modifiers));
    if (Holds(compare, x, y)) r |= uint32_t{1} << i;
  }
  uint32_t& d = w.Predicate(op->dst);
  d = (d & ~mask) | (r & mask);
  return op + 1;
}

template <class H, typename T>
void RegisterType(HandlerTable& t, Ty ty) {
  PutImm2<Spread2<AddHalf<H>, T>>(t, Fn::kFAdd, ty);
  PutImm2<Spread2<SubHalf<H>, T>>(t, Fn::kFSub, ty);
  PutImm2<Spread2<MulHalf<H>, T>>(t, Fn::kFMul, ty);
  PutImm3<Spread3<FmaHalf<H>, T>>(t, Fn::kFFma, ty);
  PutImm2<Spread2<MinMaxHalf<H, false>, T>>(t, Fn::kFMin, ty);
  PutImm2<Spread2<MinMaxHalf<H, true>, T>>(t, Fn::kFMax, ty);
  PutImm1<Spread1<AbsHalf<H>, T>>(t, Fn::kFAbs, ty);
  PutImm1<Spread1<NegHalf<H>, T>>(t, Fn::kFNeg, ty);
  PutImm2<Spread2<CopysignHalf<H>, T>>(t, Fn::kCopysign, ty);
  PutImm1<Spread1<Ex2Half<H>, T>>(t, Fn::kEx2, ty);
  PutImm1<Spread1<TanhHalf<H>, T>>(t, Fn::kTanh, ty);
}

}  // namespace

void RegisterHalves(HandlerTable& t) {
  RegisterType<Half, uint16_t>(t, Ty::kF16);
  RegisterType<Half, uint32_t>(t, Ty::kF16x2);
  RegisterType<Bfloat, uint16_t>(t, Ty::kBf16);
  RegisterType<Bfloat, uint32_t>(t, Ty::kBf16x2);
  Put(t, Fn::kSetp, Ty::kF16, &SetpHalf<Half>);
  Put(t, Fn::kSetp, Ty::kBf16, &SetpHalf<Bfloat>);
}

}  // namespace souk::gpu::cpu::SOUK_SIMD
