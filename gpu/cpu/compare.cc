// setp: PTX ISA 9.7.6 "Comparison and Selection Instructions".
#include "gpu/cpu/lane_ops.h"
#include "gpu/ptx/operation.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace souk::gpu::cpu::SOUK_SIMD {
namespace {

using ptx::Compare;

// On single values bool, on vectors of the compiler all ones where it holds.
template <Compare kCompare, typename T>
SOUK_INLINE auto Holds(T a, T b) {
  if constexpr (kCompare == Compare::kEq) return a == b;
  if constexpr (kCompare == Compare::kNe) return (a < b) | (a > b);  // false where a NaN is
  if constexpr (kCompare == Compare::kLt) return a < b;
  if constexpr (kCompare == Compare::kLe) return a <= b;
  if constexpr (kCompare == Compare::kGt) return a > b;
  if constexpr (kCompare == Compare::kGe) return a >= b;
  if constexpr (kCompare == Compare::kEqu) return (a == b) | (a != a) | (b != b);
  if constexpr (kCompare == Compare::kNeu) return a != b;
  if constexpr (kCompare == Compare::kLtu) return (a < b) | (a != a) | (b != b);
  if constexpr (kCompare == Compare::kLeu) return (a <= b) | (a != a) | (b != b);
  if constexpr (kCompare == Compare::kGtu) return (a > b) | (a != a) | (b != b);
  if constexpr (kCompare == Compare::kGeu) return (a >= b) | (a != a) | (b != b);
  if constexpr (kCompare == Compare::kNum) return (a == a) & (b == b);
  if constexpr (kCompare == Compare::kNan) return (a != a) | (b != b);
}

template <typename T>
inline constexpr bool kIsFloat = static_cast<T>(0.5) != static_cast<T>(0);

// The mask of lanes whose flag is not zero; flags are 0 or ~0.
inline uint32_t Gather(const int32_t* flags) {
  uint32_t mask = 0;
  for (int i = 0; i < kLanes; ++i) mask |= (static_cast<uint32_t>(flags[i]) & 1) << i;
  return mask;
}

#if defined(__AVX512DQ__)
inline constexpr int kVectorBytes = 64;

// What the instructions call the comparisons: of integers, and of floats without signalling.
template <Compare kCompare, typename T>
constexpr int Predicate() {
  constexpr bool kFloat = kIsFloat<T>;
  switch (kCompare) {
    case Compare::kEq:
      return kFloat ? _CMP_EQ_OQ : _MM_CMPINT_EQ;
    case Compare::kNe:
      return kFloat ? _CMP_NEQ_OQ : _MM_CMPINT_NE;
    case Compare::kLt:
      return kFloat ? _CMP_LT_OQ : _MM_CMPINT_LT;
    case Compare::kLe:
      return kFloat ? _CMP_LE_OQ : _MM_CMPINT_LE;
    case Compare::kGt:
      return kFloat ? _CMP_GT_OQ : _MM_CMPINT_NLE;
    case Compare::kGe:
      return kFloat ? _CMP_GE_OQ : _MM_CMPINT_NLT;
    case Compare::kEqu:
      return _CMP_EQ_UQ;
    case Compare::kNeu:
      return _CMP_NEQ_UQ;
    case Compare::kLtu:
      return _CMP_NGE_UQ;
    case Compare::kLeu:
      return _CMP_NGT_UQ;
    case Compare::kGtu:
      return _CMP_NLE_UQ;
    case Compare::kGeu:
      return _CMP_NLT_UQ;
    case Compare::kNum:
      return _CMP_ORD_Q;
    default:
      return _CMP_UNORD_Q;
  }
}
SOUK_INLINE __m512i Bits512(const void* at) {
  return _mm512_loadu_si512(at);
}
// Of one vector: compilers make vectors of flags of what their own comparisons find.
template <Compare kCompare, typename T>
SOUK_INLINE uint32_t CompareVector(const T* a, const T* b) {
  constexpr int kPredicate = Predicate<kCompare, T>();
  if constexpr (kIsFloat<T> && sizeof(T) == 4) {
    return _mm512_cmp_ps_mask(_mm512_loadu_ps(a), _mm512_loadu_ps(b), kPredicate);
  } else if constexpr (kIsFloat<T>) {
    return _mm512_cmp_pd_mask(_mm512_loadu_pd(a), _mm512_loadu_pd(b), kPredicate);
  } else if constexpr (sizeof(T) == 4 && kIsSigned<T>) {
    return _mm512_cmp_epi32_mask(Bits512(a), Bits512(b), kPredicate);
  } else if constexpr (sizeof(T) == 4) {
    return _mm512_cmp_epu32_mask(Bits512(a), Bits512(b), kPredicate);
  } else if constexpr (kIsSigned<T>) {
    return _mm512_cmp_epi64_mask(Bits512(a), Bits512(b), kPredicate);
  } else {
    return _mm512_cmp_epu64_mask(Bits512(a), Bits512(b), kPredicate);
  }
}
#elif defined(__AVX2__)
inline constexpr int kVectorBytes = 32;
SOUK_INLINE uint32_t Signs32(__m256i v) {
  return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(v)));
}
SOUK_INLINE uint32_t Signs64(__m256i v) {
  return static_cast<uint32_t>(_mm256_movemask_pd(_mm256_castsi256_pd(v)));
}
using Raw = __m256i;
#endif

template <Compare kCompare, typename T>
SOUK_INLINE uint32_t CompareLanes(Warp& w, const Op* op) {
  const T* a = w.Lanes<T>(op->a);
  const T* b = w.Lanes<T>(op->b);
#if defined(__AVX512DQ__)
  if constexpr (sizeof(T) >= 4) {
    constexpr int kStep = kVectorBytes / static_cast<int>(sizeof(T));
    uint32_t mask = 0;
    for (int i = 0; i < kLanes; i += kStep) {
      mask |= CompareVector<kCompare, T>(a + i, b + i) << i;
    }
    return mask;
  }
#elif defined(__AVX2__)
  if constexpr (sizeof(T) >= 4) {
    typedef T Vector __attribute__((vector_size(kVectorBytes)));
    constexpr int kStep = kVectorBytes / static_cast<int>(sizeof(T));
    uint32_t mask = 0;
    for (int i = 0; i < kLanes; i += kStep) {
      Vector x;
      Vector y;
      __builtin_memcpy(&x, a + i, kVectorBytes);
      __builtin_memcpy(&y, b + i, kVectorBytes);
      const auto holds = Holds<kCompare, Vector>(x, y);
      Raw raw;
      __builtin_memcpy(&raw, &holds, kVectorBytes);
      mask |= (sizeof(T) == 4 ? Signs32(raw) : Signs64(raw)) << i;
    }
    return mask;
  }
#endif
  alignas(64) int32_t flags[kLanes];
  SOUK_LANES(i) {
    flags[i] = Holds<kCompare, T>(a[i], b[i]) ? -1 : 0;
  }
  return Gather(flags);
}

template <Compare kCompare, typename T>
struct Setp {
  static const Op* Full(Warp& w, const Op* op) {
    w.Predicate(op->dst) = CompareLanes<kCompare, T>(w, op);
    return Next(w, op);
  }
  static const Op* Some(Warp& w, const Op* op) {
    const uint32_t mask = w.Mask(op);
    const uint32_t r = CompareLanes<kCompare, T>(w, op);
    uint32_t& d = w.Predicate(op->dst);
    d = (d & ~mask) | (r & mask);
    return op + 1;
  }
};

// The comparison, joined with the predicate c.
template <Compare kCompare, typename T>
SOUK_INLINE uint32_t Joined(Warp& w, const Op* op) {
  const uint32_t turn = 0 - static_cast<uint32_t>(op->imm);
  return ((CompareLanes<kCompare, T>(w, op) ^ turn) & (w.Predicate(op->c) ^ turn)) ^ turn;
}

template <Compare kCompare, typename T>
struct SetpJoin {
  static const Op* Full(Warp& w, const Op* op) {
    w.Predicate(op->dst) = Joined<kCompare, T>(w, op);
    return Next(w, op);
  }
  static const Op* Some(Warp& w, const Op* op) {
    const uint32_t mask = w.Mask(op);
    const uint32_t r = Joined<kCompare, T>(w, op);
    uint32_t& d = w.Predicate(op->dst);
    d = (d & ~mask) | (r & mask);
    return op + 1;
  }
};

// A branch has no guard but its comparison.
template <Compare kCompare, typename T, bool kGoesOn>
const Op* SetpBranch(Warp& w, const Op* op) {
  const uint32_t r = Joined<kCompare, T>(w, op);
  uint32_t& d = w.Predicate(op->dst);
  d = (d & ~w.active) | (r & w.active);
  const uint32_t taken = w.active & (r ^ op->guard_flip);
  return op->flags & kEndsLanes ? EndLanes<kGoesOn>(w, op, taken) : Divide<kGoesOn>(w, op, taken);
}

// Subnormal operands count as zero (.ftz).
template <Compare kCompare>
const Op* SetpFtz(Warp& w, const Op* op) {
  const uint32_t mask = w.Mask(op);
  const float* a = w.Lanes<float>(op->a);
  const float* b = w.Lanes<float>(op->b);
  alignas(64) int32_t flags[kLanes];
  SOUK_LANES(i) {
    const float x = (Bits<uint32_t>(a[i]) & 0x7f800000) == 0 ? 0.0f : a[i];
    const float y = (Bits<uint32_t>(b[i]) & 0x7f800000) == 0 ? 0.0f : b[i];
    flags[i] = Holds<kCompare, float>(x, y) ? -1 : 0;
  }
  uint32_t& d = w.Predicate(op->dst);
  d = (d & ~mask) | (Gather(flags) & mask);
  return op + 1;
}

template <Compare kCompare, typename T>
void PutSetp(HandlerTable& t, Ty ty) {
  t.At(Fn::kSetp + static_cast<uint32_t>(kCompare), ty) =
      HandlerPair{&Setp<kCompare, T>::Some, &Setp<kCompare, T>::Full};
  if constexpr (sizeof(T) >= 4) {  // what FuseComparisons takes
    const auto index = static_cast<uint32_t>(kCompare);
    t.At(Fn::kSetpJoin + index, ty) =
        HandlerPair{&SetpJoin<kCompare, T>::Some, &SetpJoin<kCompare, T>::Full};
    t.At(Fn::kSetpBranch + index, ty) =
        HandlerPair{&SetpBranch<kCompare, T, false>, &SetpBranch<kCompare, T, true>};
  }
}

template <typename T>
void RegisterOrdered(HandlerTable& t, Ty ty) {
  PutSetp<Compare::kEq, T>(t, ty);
  PutSetp<Compare::kNe, T>(t, ty);
  PutSetp<Compare::kLt, T>(t, ty);
  PutSetp<Compare::kLe, T>(t, ty);
  PutSetp<Compare::kGt, T>(t, ty);
  PutSetp<Compare::kGe, T>(t, ty);
}
template <typename T>
void RegisterUnordered(HandlerTable& t, Ty ty) {
  PutSetp<Compare::kEqu, T>(t, ty);
  PutSetp<Compare::kNeu, T>(t, ty);
  PutSetp<Compare::kLtu, T>(t, ty);
  PutSetp<Compare::kLeu, T>(t, ty);
  PutSetp<Compare::kGtu, T>(t, ty);
  PutSetp<Compare::kGeu, T>(t, ty);
  PutSetp<Compare::kNum, T>(t, ty);
  PutSetp<Compare::kNan, T>(t, ty);
}

template <Compare kCompare>
void PutFtz(HandlerTable& t) {
  // f32 with .ftz stands where no other type does.
  Put(t, Fn::kSetp + static_cast<uint32_t>(kCompare), Ty::kNone, &SetpFtz<kCompare>);
}

}  // namespace

void RegisterCompares(HandlerTable& t) {
  RegisterOrdered<uint16_t>(t, Ty::kU16);
  RegisterOrdered<int16_t>(t, Ty::kS16);
  RegisterOrdered<uint32_t>(t, Ty::kU32);
  RegisterOrdered<int32_t>(t, Ty::kS32);
  RegisterOrdered<uint64_t>(t, Ty::kU64);
  RegisterOrdered<int64_t>(t, Ty::kS64);
  RegisterOrdered<float>(t, Ty::kF32);
  RegisterOrdered<double>(t, Ty::kF64);
  RegisterUnordered<float>(t, Ty::kF32);
  RegisterUnordered<double>(t, Ty::kF64);
  PutFtz<Compare::kEq>(t);
  PutFtz<Compare::kNe>(t);
  PutFtz<Compare::kLt>(t);
  PutFtz<Compare::kLe>(t);
  PutFtz<Compare::kGt>(t);
  PutFtz<Compare::kGe>(t);
  PutFtz<Compare::kEqu>(t);
  PutFtz<Compare::kNeu>(t);
  PutFtz<Compare::kLtu>(t);
  PutFtz<Compare::kLeu>(t);
  PutFtz<Compare::kGtu>(t);
  PutFtz<Compare::kGeu>(t);
  PutFtz<Compare::kNum>(t);
  PutFtz<Compare::kNan>(t);
}

}  // namespace souk::gpu::cpu::SOUK_SIMD
