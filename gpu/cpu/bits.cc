// Logic, shifts, bit fields, moves and selections: PTX ISA 9.7.1 (bit instructions), 9.7.8 (logic
// and shift), 9.7.9 (mov, prmt).
#include "gpu/cpu/lane_ops.h"

namespace souk::gpu::cpu::SOUK_SIMD {
namespace {

template <typename T>
struct Move : Lane1<T> {
  static T Do(T a) { return a; }
};
template <typename T>
struct And : Lane2<T> {
  static T Do(T a, T b) { return a & b; }
};
template <typename T>
struct Or : Lane2<T> {
  static T Do(T a, T b) { return a | b; }
};
template <typename T>
struct Xor : Lane2<T> {
  static T Do(T a, T b) { return a ^ b; }
};
template <typename T>
struct Not : Lane1<T> {
  static T Do(T a) { return static_cast<T>(~a); }
};
template <typename T>
struct Cnot : Lane1<T> {
  static T Do(T a) { return a == 0 ? 1 : 0; }
};

// Amounts are unsigned and clamp at the width (ISA shl, shr).
template <typename T>
struct Shl : Lane1<T> {
  using B = uint32_t;
  static T Do(T a, uint32_t b) {
    const T shifted = static_cast<T>(a << (b & (kBits<T> - 1)));
    return b >= kBits<T> ? T{0} : shifted;
  }
};
template <typename T>
struct Shr : Lane1<T> {
  using B = uint32_t;
  static T Do(T a, uint32_t b) {
    if constexpr (kIsSigned<T>) {
      return static_cast<T>(a >> (b >= kBits<T> ? kBits<T> - 1 : static_cast<int>(b)));
    } else {
      const T shifted = static_cast<T>(a >> (b & (kBits<T> - 1)));
      return b >= kBits<T> ? T{0} : shifted;
    }
  }
};

// a holds the low 32 bits, b the high ones.
template <bool kRight, bool kClamp>
struct Shf : Lane3<uint32_t> {
  static uint32_t Do(uint32_t a, uint32_t b, uint32_t c) {
    const uint32_t n = kClamp ? (c > 32 ? 32 : c) : c & 31;
    const uint64_t both = static_cast<uint64_t>(b) << 32 | a;
    return kRight ? static_cast<uint32_t>(both >> n) : static_cast<uint32_t>((both << n) >> 32);
  }
};

// Bit k of the table is the result where (a, b, c) are the bits of k.
struct Lop3 : Lane3<uint32_t> {
  static uint32_t Do(uint32_t a, uint32_t b, uint32_t c, uint64_t imm) {
    const auto row = [&](int k) { return imm >> k & 1 ? ~uint32_t{0} : 0; };
    const auto mux = [](uint32_t s, uint32_t one, uint32_t zero) {
      return zero ^ (s & (one ^ zero));
    };
    const uint32_t b0 = mux(b, mux(c, row(3), row(2)), mux(c, row(1), row(0)));
    const uint32_t b1 = mux(b, mux(c, row(7), row(6)), mux(c, row(5), row(4)));
    return mux(a, b1, b0);
  }
};

inline uint32_t PickByte(uint64_t both, uint32_t selector) {
  const uint32_t byte = static_cast<uint32_t>(both >> (8 * (selector & 7))) & 0xff;
  const uint32_t sign = byte & 0x80 ? 0xff : 0;
  return selector & 8 ? sign : byte;
}
struct Prmt : Lane3<uint32_t> {
  static uint32_t Do(uint32_t a, uint32_t b, uint32_t c) {
    const uint64_t both = static_cast<uint64_t>(b) << 32 | a;
    uint32_t r = 0;
    for (int i = 0; i < 4; ++i) r |= PickByte(both, c >> (4 * i)) << (8 * i);
    return r;
  }
};
// The named modes (ISA prmt): the selector's low two bits choose a row of four bytes. imm is
// ptx::PermuteMode: 1 f4e, 2 b4e, 3 rc8, 4 ecl, 5 ecr, 6 rc16.
struct PrmtMode : Lane3<uint32_t> {
  static uint32_t Do(uint32_t a, uint32_t b, uint32_t c, uint64_t imm) {
    const uint32_t s = c & 3;
    const uint64_t both = static_cast<uint64_t>(b) << 32 | a;
    uint32_t r = 0;
    for (uint32_t i = 0; i < 4; ++i) {
      uint32_t from = 0;
      if (imm == 1) from = s + i;
      if (imm == 2) from = (s - i) & 7;
      if (imm == 3) from = s;
      if (imm == 4) from = i > s ? i : s;
      if (imm == 5) from = i < s ? i : s;
      if (imm == 6) from = 2 * (s & 1) + (i & 1);
      r |= PickByte(both, from & 7) << (8 * i);
    }
    return r;
  }
};

template <typename T>
struct Bfe : Lane1<T> {
  using B = uint32_t;
  using C = uint32_t;
  static T Do(T a, uint32_t b, uint32_t c) {
    using U = Unsigned<T>;
    const uint32_t pos = b & 0xff;
    const uint32_t len = c & 0xff;
    const uint32_t last = pos + len - 1;
    const bool top = kIsSigned<T> && len != 0 &&
                     (static_cast<U>(a) >> (last < kBits<T> ? last : kBits<T> - 1)) & 1;
    const U fill = top ? static_cast<U>(~U{0}) : U{0};
    const U field = pos < kBits<T> ? static_cast<U>(a) >> (pos & (kBits<T> - 1)) : U{0};
    const uint32_t there = pos < kBits<T> ? kBits<T> - pos : 0;
    const uint32_t n = len < there ? len : there;
    const U keep = n >= kBits<T> ? static_cast<U>(~U{0}) : (U{1} << (n & (kBits<T> - 1))) - 1;
    return static_cast<T>((field & keep) | (fill & ~keep));
  }
};

template <typename T>
const Op* Bfi(Warp& w, const Op* op) {
  const uint32_t mask = w.Mask(op);
  T* d = w.Lanes<T>(op->dst);
  const T* a = w.Lanes<T>(op->a);
  const T* b = w.Lanes<T>(op->b);
  const uint32_t* c = w.Lanes<uint32_t>(op->c);
  const uint32_t* l = w.Lanes<uint32_t>(w.extra[op->extra]);
  SOUK_LANES(i) {
    const uint32_t pos = c[i] & 0xff;
    const uint32_t len = l[i] & 0xff;
    const uint32_t there = pos < kBits<T> ? kBits<T> - pos : 0;
    const uint32_t n = len < there ? len : there;
    const T low = n >= kBits<T> ? static_cast<T>(~T{0}) : (T{1} << (n & (kBits<T> - 1))) - 1;
    const T field = low << (pos & (kBits<T> - 1));
    const T r = (b[i] & ~field) | ((a[i] << (pos & (kBits<T> - 1))) & field);
    d[i] = Blend(mask, i, r, d[i]);
  }
  return op + 1;
}

inline uint32_t LeadingZeros(uint32_t v) {
  return v == 0 ? 32 : __builtin_clz(v);
}
inline uint32_t LeadingZeros(uint64_t v) {
  return v == 0 ? 64 : __builtin_clzll(v);
}
template <typename T>
struct Clz {
  using D = uint32_t;
  using A = T;
  static uint32_t Do(T a) { return LeadingZeros(a); }
};
template <typename T>
struct Popc {
  using D = uint32_t;
  using A = T;
  static uint32_t Do(T a) {
    uint64_t v = a;
    v = v - ((v >> 1) & 0x5555555555555555);
    v = (v & 0x3333333333333333) + ((v >> 2) & 0x3333333333333333);
    v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f;
    v = v + (v >> 8);
    v = v + (v >> 16);
    v = v + (v >> 32);
    return static_cast<uint32_t>(v & 0x7f);
  }
};
// The highest bit that differs from the sign; all ones where there is none.
template <typename T, bool kShiftAmount>
struct Bfind {
  using D = uint32_t;
  using A = T;
  static uint32_t Do(T a) {
    using U = Unsigned<T>;
    const U v = static_cast<U>(a < 0 ? ~a : a);
    const uint32_t zeros = LeadingZeros(v);
    return v == 0 ? ~uint32_t{0} : kShiftAmount ? zeros : kBits<T> - 1 - zeros;
  }
};
template <typename T>
struct Brev : Lane1<T> {
  static T Do(T a) {
    uint64_t v = a;
    v = ((v >> 1) & 0x5555555555555555) | ((v & 0x5555555555555555) << 1);
    v = ((v >> 2) & 0x3333333333333333) | ((v & 0x3333333333333333) << 2);
    v = ((v >> 4) & 0x0f0f0f0f0f0f0f0f) | ((v & 0x0f0f0f0f0f0f0f0f) << 4);
    v = ((v >> 8) & 0x00ff00ff00ff00ff) | ((v & 0x00ff00ff00ff00ff) << 8);
    v = ((v >> 16) & 0x0000ffff0000ffff) | ((v & 0x0000ffff0000ffff) << 16);
    v = (v >> 32) | (v << 32);
    return static_cast<T>(v >> (64 - kBits<T>));
  }
};

// ISA bmsk: b ones from bit a on.
template <bool kClamp>
struct Bmsk : Lane2<uint32_t> {
  static uint32_t Do(uint32_t a, uint32_t b) {
    const uint32_t first = a & 31;
    const uint32_t width = b & 31;
    const bool above = kClamp && a >= 32;
    const bool wide = kClamp && b >= 32;
    const uint32_t sum = first + width;
    const uint32_t mask0 = above ? 0 : ~uint32_t{0} << first;
    const uint32_t mask1 = sum >= 32 || above || wide ? 0 : ~uint32_t{0} << (sum & 31);
    return ~mask1 & mask0;
  }
};
// ISA szext: sign- or zero-extends the low b bits.
template <typename T, bool kClamp>
struct Szext : Lane1<T> {
  using B = uint32_t;
  static T Do(T a, uint32_t b) {
    const uint32_t n = b & 31;
    const bool large = kClamp && b >= 32;
    const uint32_t mask = large ? 0 : ~uint32_t{0} << n;
    const bool sign = kIsSigned<T> && n != 0 && !large && (static_cast<uint32_t>(a) >> (n - 1)) & 1;
    return static_cast<T>((static_cast<uint32_t>(a) & ~mask) | (sign ? mask : 0));
  }
};
// ISA fns: the offset-th set bit from base on; negative offsets look down.
struct Fns {
  using D = uint32_t;
  using A = uint32_t;
  using B = uint32_t;
  using C = int32_t;
  static uint32_t Do(uint32_t mask, uint32_t base, int32_t offset) {
    if (base >= 32) return ~uint32_t{0};
    if (offset == 0) return (mask >> base) & 1 ? base : ~uint32_t{0};
    const int step = offset > 0 ? 1 : -1;
    int64_t left = (offset > 0 ? int64_t{offset} : -int64_t{offset}) - 1;
    for (int pos = static_cast<int>(base); pos >= 0 && pos < 32; pos += step) {
      if (((mask >> pos) & 1) == 0) continue;
      if (left == 0) return static_cast<uint32_t>(pos);
      --left;
    }
    return ~uint32_t{0};
  }
};

// d = extra[0] | extra[1] << bits …; the elements are E, in registers of R; d is T.
template <typename T, typename E, typename R = E>
const Op* Pack(Warp& w, const Op* op) {
  const uint32_t mask = w.Mask(op);
  T r[kLanes] = {};
  for (uint32_t e = 0; e < op->count; ++e) {
    const R* part = w.Lanes<R>(w.extra[op->extra + e]);
    SOUK_LANES(i) {
      r[i] = static_cast<T>(r[i] | static_cast<T>(T{static_cast<E>(part[i])} << (kBits<E> * e)));
    }
  }
  T* d = w.Lanes<T>(op->dst);
  SOUK_LANES(i) {
    d[i] = Blend(mask, i, r[i], d[i]);
  }
  return op + 1;
}
template <typename T, typename E, typename R = E>
const Op* Unpack(Warp& w, const Op* op) {
  const uint32_t mask = w.Mask(op);
  T a[kLanes];
  const T* from = w.Lanes<T>(op->a);
  SOUK_LANES(i) {
    a[i] = from[i];
  }
  for (uint32_t e = 0; e < op->count; ++e) {
    R* part = w.Lanes<R>(w.extra[op->extra + e]);
    SOUK_LANES(i) {
      const R r = static_cast<E>(a[i] >> (kBits<E> * e));
      part[i] = Blend(mask, i, r, part[i]);
    }
  }
  return op + 1;
}

template <typename T>
struct Selp {
  static const Op* Some(Warp& w, const Op* op) {
    const uint32_t mask = w.Mask(op);
    const uint32_t p = w.Predicate(op->c);
    T* d = w.Lanes<T>(op->dst);
    const T* a = w.Lanes<T>(op->a);
    const T* b = w.Lanes<T>(op->b);
    SOUK_LANES(i) {
      const T r = Blend(p, i, a[i], b[i]);
      d[i] = Blend(mask, i, r, d[i]);
    }
    return op + 1;
  }
  static const Op* Full(Warp& w, const Op* op) {
    const uint32_t p = w.Predicate(op->c);
    T* d = w.Lanes<T>(op->dst);
    const T* a = w.Lanes<T>(op->a);
    const T* b = w.Lanes<T>(op->b);
    SOUK_LANES(i) {
      d[i] = Blend(p, i, a[i], b[i]);
    }
    return Next(w, op);
  }
};
// d = c >= 0 ? a : b.
template <typename T>
struct SlctInt {
  using D = T;
  using A = T;
  using B = T;
  using C = int32_t;
  static T Do(T a, T b, int32_t c) { return c >= 0 ? a : b; }
};
// A NaN chooses b; with .ftz a subnormal is zero, which -0.0 and 0.0 both are.
template <typename T>
struct SlctFloat {
  using D = T;
  using A = T;
  using B = T;
  using C = float;
  static T Do(T a, T b, float c, uint64_t imm) {
    const bool tiny = (Bits<uint32_t>(c) & 0x7f800000) == 0;
    return c >= 0 || (tiny && (imm & kFtz)) ? a : b;
  }
};

// Predicates: one word.
template <int kOperation>
const Op* PredicateLogic(Warp& w, const Op* op) {
  const uint32_t mask = w.Mask(op);
  const uint32_t a = w.Predicate(op->a);
  uint32_t r = 0;
  switch (kOperation) {
    case 0:
      r = a;
      break;
    case 1:
      r = ~a;
      break;
    case 2:
      r = a & w.Predicate(op->b);
      break;
    case 3:
      r = a | w.Predicate(op->b);
      break;
    default:
      r = a ^ w.Predicate(op->b);
      break;
  }
  uint32_t& d = w.Predicate(op->dst);
  d = (d & ~mask) | (r & mask);
  return op + 1;
}

template <typename T>
void RegisterLogic(HandlerTable& t, Ty ty) {
  Put1<Move<T>>(t, Fn::kMov, ty);
  Put2<And<T>>(t, Fn::kAnd, ty);
  Put2<Or<T>>(t, Fn::kOr, ty);
  Put2<Xor<T>>(t, Fn::kXor, ty);
  Put1<Not<T>>(t, Fn::kNot, ty);
  Put1<Cnot<T>>(t, Fn::kCnot, ty);
  Put2<Shl<T>>(t, Fn::kShl, ty);
  t.At(Fn::kSelp, ty) = HandlerPair{&Selp<T>::Some, &Selp<T>::Full};
  Put3<SlctInt<T>>(t, Fn::kSlctS32, ty);
  PutImm3<SlctFloat<T>>(t, Fn::kSlctF32, ty);
}

template <typename U, typename S>
void RegisterFields(HandlerTable& t, Ty u, Ty s) {
  Put3<Bfe<U>>(t, Fn::kBfe, u);
  Put3<Bfe<S>>(t, Fn::kBfe, s);
  Put(t, Fn::kBfi, u, &Bfi<U>);
  Put1<Clz<U>>(t, Fn::kClz, u);
  Put1<Popc<U>>(t, Fn::kPopc, u);
  Put1<Brev<U>>(t, Fn::kBrev, u);
  Put1<Bfind<U, false>>(t, Fn::kBfind, u);
  Put1<Bfind<S, false>>(t, Fn::kBfind, s);
  Put1<Bfind<U, true>>(t, Fn::kBfindShift, u);
  Put1<Bfind<S, true>>(t, Fn::kBfindShift, s);
}

}  // namespace

void RegisterBits(HandlerTable& t) {
  RegisterLogic<uint16_t>(t, Ty::kU16);
  RegisterLogic<uint32_t>(t, Ty::kU32);
  RegisterLogic<uint64_t>(t, Ty::kU64);
  Put2<Shr<uint16_t>>(t, Fn::kShr, Ty::kU16);
  Put2<Shr<int16_t>>(t, Fn::kShr, Ty::kS16);
  Put2<Shr<uint32_t>>(t, Fn::kShr, Ty::kU32);
  Put2<Shr<int32_t>>(t, Fn::kShr, Ty::kS32);
  Put2<Shr<uint64_t>>(t, Fn::kShr, Ty::kU64);
  Put2<Shr<int64_t>>(t, Fn::kShr, Ty::kS64);
  RegisterFields<uint32_t, int32_t>(t, Ty::kU32, Ty::kS32);
  RegisterFields<uint64_t, int64_t>(t, Ty::kU64, Ty::kS64);
  Put3<Shf<false, false>>(t, Fn::kShfLeftWrap, Ty::kU32);
  Put3<Shf<false, true>>(t, Fn::kShfLeftClamp, Ty::kU32);
  Put3<Shf<true, false>>(t, Fn::kShfRightWrap, Ty::kU32);
  Put3<Shf<true, true>>(t, Fn::kShfRightClamp, Ty::kU32);
  PutImm3<Lop3>(t, Fn::kLop3, Ty::kU32);
  Put3<Prmt>(t, Fn::kPrmt, Ty::kU32);
  PutImm3<PrmtMode>(t, Fn::kPrmt, Ty::kS32);  // the named modes
  Put2<Bmsk<true>>(t, Fn::kBmskClamp, Ty::kU32);
  Put2<Bmsk<false>>(t, Fn::kBmskWrap, Ty::kU32);
  Put2<Szext<uint32_t, true>>(t, Fn::kSzextClamp, Ty::kU32);
  Put2<Szext<uint32_t, false>>(t, Fn::kSzextWrap, Ty::kU32);
  Put2<Szext<int32_t, true>>(t, Fn::kSzextClamp, Ty::kS32);
  Put2<Szext<int32_t, false>>(t, Fn::kSzextWrap, Ty::kS32);
  Put3<Fns>(t, Fn::kFns, Ty::kU32);
  Put(t, Fn::kPack, Ty::kU16, &Pack<uint32_t, uint16_t>);
  Put(t, Fn::kPack, Ty::kU32, &Pack<uint64_t, uint32_t>);
  Put(t, Fn::kPack, Ty::kU64, &Pack<uint64_t, uint16_t>);  // four halves
  Put(t, Fn::kPack, Ty::kU8, &Pack<uint16_t, uint8_t, uint16_t>);
  Put(t, Fn::kPack, Ty::kS8, &Pack<uint32_t, uint8_t, uint16_t>);  // four bytes
  Put(t, Fn::kUnpack, Ty::kU16, &Unpack<uint32_t, uint16_t>);
  Put(t, Fn::kUnpack, Ty::kU32, &Unpack<uint64_t, uint32_t>);
  Put(t, Fn::kUnpack, Ty::kU64, &Unpack<uint64_t, uint16_t>);
  Put(t, Fn::kUnpack, Ty::kU8, &Unpack<uint16_t, uint8_t, uint16_t>);
  Put(t, Fn::kUnpack, Ty::kS8, &Unpack<uint32_t, uint8_t, uint16_t>);
  Put(t, Fn::kMov, Ty::kPred, &PredicateLogic<0>);
  Put(t, Fn::kNot, Ty::kPred, &PredicateLogic<1>);
  Put(t, Fn::kAnd, Ty::kPred, &PredicateLogic<2>);
  Put(t, Fn::kOr, Ty::kPred, &PredicateLogic<3>);
  Put(t, Fn::kXor, Ty::kPred, &PredicateLogic<4>);
}

}  // namespace souk::gpu::cpu::SOUK_SIMD
