// Integer arithmetic: PTX ISA 9.7.1 and 9.7.2 (extended precision).
#include "gpu/cpu/lane_ops.h"

namespace souk::gpu::cpu::SOUK_SIMD {
namespace {

// Narrow types are computed in 32 bits so that promotion to int never overflows.
template <typename T>
struct WideOf {
  using Type = uint32_t;
};
template <>
struct WideOf<uint64_t> {
  using Type = uint64_t;
};
template <>
struct WideOf<int64_t> {
  using Type = uint64_t;
};
template <typename T>
using Wide = typename WideOf<T>::Type;

// Twice as wide, of the same signedness.
template <typename T>
struct DoubleOf;
template <>
struct DoubleOf<uint16_t> {
  using Type = uint32_t;
};
template <>
struct DoubleOf<int16_t> {
  using Type = int32_t;
};
template <>
struct DoubleOf<uint32_t> {
  using Type = uint64_t;
};
template <>
struct DoubleOf<int32_t> {
  using Type = int64_t;
};
template <>
struct DoubleOf<uint64_t> {
  using Type = unsigned __int128;
};
template <>
struct DoubleOf<int64_t> {
  using Type = __int128;
};
template <typename T>
using Double = typename DoubleOf<T>::Type;

template <typename T>
struct Add : Lane2<T> {
  static T Do(T a, T b) {
    return static_cast<T>(static_cast<Wide<T>>(a) + static_cast<Wide<T>>(b));
  }
};
template <typename T>
struct Sub : Lane2<T> {
  static T Do(T a, T b) {
    return static_cast<T>(static_cast<Wide<T>>(a) - static_cast<Wide<T>>(b));
  }
};
template <typename T>
struct MulLo : Lane2<T> {
  static T Do(T a, T b) {
    return static_cast<T>(static_cast<Wide<T>>(a) * static_cast<Wide<T>>(b));
  }
};
template <typename T>
struct MulHi : Lane2<T> {
  static T Do(T a, T b) {
    return static_cast<T>((static_cast<Double<T>>(a) * static_cast<Double<T>>(b)) >> kBits<T>);
  }
};
template <typename T>
struct MulWide {
  using D = Double<T>;
  using A = T;
  using B = T;
  // The product of two int16 or int32 fits; of two uint16 too, but in unsigned arithmetic.
  static D Do(T a, T b) { return static_cast<D>(static_cast<D>(a) * static_cast<D>(b)); }
};
template <typename T>
struct MadLo : Lane3<T> {
  static T Do(T a, T b, T c) {
    using W = Wide<T>;
    return static_cast<T>(static_cast<W>(a) * static_cast<W>(b) + static_cast<W>(c));
  }
};
template <typename T>
struct MadHi : Lane3<T> {
  static T Do(T a, T b, T c) { return Add<T>::Do(MulHi<T>::Do(a, b), c); }
};
template <typename T>
struct MadWide {
  using D = Double<T>;
  using A = T;
  using B = T;
  using C = D;
  static D Do(T a, T b, D c) { return Add<D>::Do(MulWide<T>::Do(a, b), c); }
};

inline int32_t Saturate(int64_t v) {
  return static_cast<int32_t>(v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : v);
}
struct AddSat : Lane2<int32_t> {
  static int32_t Do(int32_t a, int32_t b) { return Saturate(int64_t{a} + b); }
};
struct SubSat : Lane2<int32_t> {
  static int32_t Do(int32_t a, int32_t b) { return Saturate(int64_t{a} - b); }
};
struct MadHiSat : Lane3<int32_t> {
  static int32_t Do(int32_t a, int32_t b, int32_t c) {
    return Saturate(((int64_t{a} * b) >> 32) + c);
  }
};

// 24-bit operands, the 48-bit product's lower or upper 32 bits (ISA mul24).
template <typename T>
inline int64_t Product24(T a, T b) {
  const int64_t x = kIsSigned<T> ? static_cast<int32_t>(static_cast<uint32_t>(a) << 8) >> 8
                                 : static_cast<int64_t>(static_cast<uint32_t>(a) & 0xffffff);
  const int64_t y = kIsSigned<T> ? static_cast<int32_t>(static_cast<uint32_t>(b) << 8) >> 8
                                 : static_cast<int64_t>(static_cast<uint32_t>(b) & 0xffffff);
  return x * y;
}
template <typename T>
struct Mul24Lo : Lane2<T> {
  static T Do(T a, T b) { return static_cast<T>(Product24(a, b)); }
};
template <typename T>
struct Mul24Hi : Lane2<T> {
  static T Do(T a, T b) { return static_cast<T>(Product24(a, b) >> 16); }
};
template <typename T>
struct Mad24Lo : Lane3<T> {
  static T Do(T a, T b, T c) { return Add<T>::Do(Mul24Lo<T>::Do(a, b), c); }
};
template <typename T>
struct Mad24Hi : Lane3<T> {
  static T Do(T a, T b, T c) { return Add<T>::Do(Mul24Hi<T>::Do(a, b), c); }
};
struct Mad24HiSat : Lane3<int32_t> {
  static int32_t Do(int32_t a, int32_t b, int32_t c) {
    return Saturate(int64_t{Mul24Hi<int32_t>::Do(a, b)} + c);
  }
};

// Division by zero gives all ones, as the hardware does; the most negative number by -1 wraps.
template <typename T>
struct Div : Lane2<T> {
  static T Do(T a, T b) {
    if constexpr (kIsSigned<T>) {
      const bool wraps = b == -1;
      const T quotient = static_cast<T>(a / (b == 0 || wraps ? T{1} : b));
      return b == 0 ? static_cast<T>(-1) : wraps ? Sub<T>::Do(0, a) : quotient;
    } else {
      return b == 0 ? static_cast<T>(~T{0}) : static_cast<T>(a / (b == 0 ? T{1} : b));
    }
  }
};
template <typename T>
struct Rem : Lane2<T> {
  static T Do(T a, T b) {
    if constexpr (kIsSigned<T>) {
      const bool special = b == 0 || b == -1;
      const T rest = static_cast<T>(a % (special ? T{1} : b));
      return b == 0 ? static_cast<T>(-1) : b == -1 ? T{0} : rest;
    } else {
      return b == 0 ? static_cast<T>(~T{0}) : static_cast<T>(a % (b == 0 ? T{1} : b));
    }
  }
};

template <typename T>
struct Abs {
  using D = T;
  using A = T;
  static T Do(T a) { return a < 0 ? Sub<T>::Do(0, a) : a; }
};
template <typename T>
struct Neg {
  using D = T;
  using A = T;
  static T Do(T a) { return Sub<T>::Do(0, a); }
};
template <typename T>
struct Min : Lane2<T> {
  static T Do(T a, T b) { return a < b ? a : b; }
};
template <typename T>
struct Max : Lane2<T> {
  static T Do(T a, T b) { return a > b ? a : b; }
};
template <typename T>
struct MinRelu : Lane2<T> {
  static T Do(T a, T b) { return Max<T>::Do(Min<T>::Do(a, b), 0); }
};
template <typename T>
struct MaxRelu : Lane2<T> {
  static T Do(T a, T b) { return Max<T>::Do(Max<T>::Do(a, b), 0); }
};
template <typename T>
struct Sad : Lane3<T> {
  static T Do(T a, T b, T c) { return Add<T>::Do(c, a < b ? Sub<T>::Do(b, a) : Sub<T>::Do(a, b)); }
};

// d = a ± b ± carry; the flag is a mask with a bit per lane (ISA "Extended-Precision Integer
// Arithmetic Instructions"). Subtraction is the adder's too, a + ~b + 1, and leaves the adder's
// carry: set where nothing was borrowed. The ISA speaks of a borrow, which within chains of sub.cc
// and subc is the same; code that mixes both kinds (CUDA's 128-bit division) shows what ptxas makes
// of it.
template <typename T, bool kSubtract>
const Op* Carry(Warp& w, const Op* op) {
  const uint32_t mask = w.Mask(op);
  const uint32_t in = op->imm & 1 ? w.Predicate(op->c) : kSubtract ? kAllLanes : 0;
  T* d = w.Lanes<T>(op->dst);
  const T* a = w.Lanes<T>(op->a);
  const T* b = w.Lanes<T>(op->b);
  uint32_t out = 0;
  for (int i = 0; i < kLanes; ++i) {
    const T carry = static_cast<T>((in >> i) & 1);
    const T t = static_cast<T>(a[i] + (kSubtract ? static_cast<T>(~b[i]) : b[i]));
    const T r = static_cast<T>(t + carry);
    if (t < a[i] || r < t) out |= uint32_t{1} << i;
    if (Runs(mask, i)) d[i] = r;
  }
  if (op->imm & 2) w.Predicate(op->c) = (w.Predicate(op->c) & ~mask) | (out & mask);
  return op + 1;
}

// d = low or high half of a × b, plus extra[0], plus carry.
template <typename T, bool kHigh>
const Op* MadCarry(Warp& w, const Op* op) {
  const uint32_t mask = w.Mask(op);
  const uint32_t in = op->imm & 1 ? w.Predicate(op->c) : 0;
  T* d = w.Lanes<T>(op->dst);
  const T* a = w.Lanes<T>(op->a);
  const T* b = w.Lanes<T>(op->b);
  const Unsigned<T>* c = w.Lanes<Unsigned<T>>(w.extra[op->extra]);
  uint32_t out = 0;
  for (int i = 0; i < kLanes; ++i) {
    using U = Unsigned<T>;
    const U carry = static_cast<U>((in >> i) & 1);
    const U product = static_cast<U>(kHigh ? MulHi<T>::Do(a[i], b[i]) : MulLo<T>::Do(a[i], b[i]));
    const U t = product + c[i];
    const U r = t + carry;
    if (t < product || r < t) out |= uint32_t{1} << i;
    if (Runs(mask, i)) d[i] = static_cast<T>(r);
  }
  if (op->imm & 2) w.Predicate(op->c) = (w.Predicate(op->c) & ~mask) | (out & mask);
  return op + 1;
}

// Which bytes are signed stands in imm.
inline int32_t Byte(uint32_t v, int index, bool is_signed) {
  const uint32_t byte = (v >> (8 * index)) & 0xff;
  return is_signed ? static_cast<int8_t>(byte) : static_cast<int32_t>(byte);
}
inline int32_t Short(uint32_t v, int index, bool is_signed) {
  const uint32_t half = (v >> (16 * index)) & 0xffff;
  return is_signed ? static_cast<int16_t>(half) : static_cast<int32_t>(half);
}
struct Dp4a : Lane3<uint32_t> {
  static uint32_t Do(uint32_t a, uint32_t b, uint32_t c, uint64_t imm) {
    for (int i = 0; i < 4; ++i) {
      c += static_cast<uint32_t>(Byte(a, i, imm & 1) * Byte(b, i, imm & 2));
    }
    return c;
  }
};
template <int kFirst>
struct Dp2a : Lane3<uint32_t> {
  static uint32_t Do(uint32_t a, uint32_t b, uint32_t c, uint64_t imm) {
    for (int i = 0; i < 2; ++i) {
      c += static_cast<uint32_t>(Short(a, i, imm & 1) * Byte(b, kFirst + i, imm & 2));
    }
    return c;
  }
};

template <typename T>
void RegisterAll(HandlerTable& t, Ty ty) {
  Put2<Add<T>>(t, Fn::kAdd, ty);
  Put2<Sub<T>>(t, Fn::kSub, ty);
  Put2<MulLo<T>>(t, Fn::kMulLo, ty);
  Put2<MulHi<T>>(t, Fn::kMulHi, ty);
  Put3<MadLo<T>>(t, Fn::kMadLo, ty);
  Put3<MadHi<T>>(t, Fn::kMadHi, ty);
  Put2<Div<T>>(t, Fn::kDiv, ty);
  Put2<Rem<T>>(t, Fn::kRem, ty);
  Put2<Min<T>>(t, Fn::kMin, ty);
  Put2<Max<T>>(t, Fn::kMax, ty);
  Put3<Sad<T>>(t, Fn::kSad, ty);
  if constexpr (sizeof(T) < 8) {
    Put2<MulWide<T>>(t, Fn::kMulWide, ty);
    Put3<MadWide<T>>(t, Fn::kMadWide, ty);
  }
  if constexpr (kIsSigned<T>) {
    Put1<Abs<T>>(t, Fn::kAbs, ty);
    Put1<Neg<T>>(t, Fn::kNeg, ty);
  }
}

template <typename T>
void RegisterCarries(HandlerTable& t, Ty unsigned_type, Ty signed_type) {
  for (const Ty ty : {unsigned_type, signed_type}) {
    Put(t, Fn::kAddCarry, ty, &Carry<T, false>);
    Put(t, Fn::kSubCarry, ty, &Carry<T, true>);
    Put(t, Fn::kMadLoCarry, ty, &MadCarry<T, false>);
  }
}

}  // namespace

void RegisterIntegers(HandlerTable& t) {
  RegisterAll<uint16_t>(t, Ty::kU16);
  RegisterAll<int16_t>(t, Ty::kS16);
  RegisterAll<uint32_t>(t, Ty::kU32);
  RegisterAll<int32_t>(t, Ty::kS32);
  RegisterAll<uint64_t>(t, Ty::kU64);
  RegisterAll<int64_t>(t, Ty::kS64);
  Put2<AddSat>(t, Fn::kAddSat, Ty::kS32);
  Put2<SubSat>(t, Fn::kSubSat, Ty::kS32);
  Put3<MadHiSat>(t, Fn::kMadHiSat, Ty::kS32);
  Put2<Mul24Lo<uint32_t>>(t, Fn::kMul24Lo, Ty::kU32);
  Put2<Mul24Lo<int32_t>>(t, Fn::kMul24Lo, Ty::kS32);
  Put2<Mul24Hi<uint32_t>>(t, Fn::kMul24Hi, Ty::kU32);
  Put2<Mul24Hi<int32_t>>(t, Fn::kMul24Hi, Ty::kS32);
  Put3<Mad24Lo<uint32_t>>(t, Fn::kMad24Lo, Ty::kU32);
  Put3<Mad24Lo<int32_t>>(t, Fn::kMad24Lo, Ty::kS32);
  Put3<Mad24Hi<uint32_t>>(t, Fn::kMad24Hi, Ty::kU32);
  Put3<Mad24Hi<int32_t>>(t, Fn::kMad24Hi, Ty::kS32);
  Put3<Mad24HiSat>(t, Fn::kMad24HiSat, Ty::kS32);
  Put2<MinRelu<int32_t>>(t, Fn::kMinRelu, Ty::kS32);
  Put2<MaxRelu<int32_t>>(t, Fn::kMaxRelu, Ty::kS32);
  RegisterCarries<uint32_t>(t, Ty::kU32, Ty::kS32);
  RegisterCarries<uint64_t>(t, Ty::kU64, Ty::kS64);
  Put(t, Fn::kMadHiCarry, Ty::kU32, &MadCarry<uint32_t, true>);
  Put(t, Fn::kMadHiCarry, Ty::kS32, &MadCarry<int32_t, true>);
  Put(t, Fn::kMadHiCarry, Ty::kU64, &MadCarry<uint64_t, true>);
  Put(t, Fn::kMadHiCarry, Ty::kS64, &MadCarry<int64_t, true>);
  PutImm3<Dp4a>(t, Fn::kDp4a, Ty::kU32);
  PutImm3<Dp2a<0>>(t, Fn::kDp2aLo, Ty::kU32);
  PutImm3<Dp2a<2>>(t, Fn::kDp2aHi, Ty::kU32);
}

}  // namespace souk::gpu::cpu::SOUK_SIMD
