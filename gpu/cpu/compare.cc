// setp: PTX ISA 9.7.6 "Comparison and Selection Instructions".
#include "gpu/cpu/lane_ops.h"
#include "gpu/ptx/operation.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace souk::gpu::cpu::SOUK_SIMD {
namespace {

using ptx::Compare;

template <Compare kCompare, typename T>
inline bool Holds(T a, T b) {
  const bool unordered = a != a || b != b;
  switch (kCompare) {
    case Compare::kEq:
      return a == b;
    case Compare::kNe:
      return a < b || a > b;  // false where a NaN is; integers have none
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
      return !(a >= b);
    case Compare::kLeu:
      return !(a > b);
    case Compare::kGtu:
      return !(a <= b);
    case Compare::kGeu:
      return !(a < b);
    case Compare::kNum:
      return !unordered;
    case Compare::kNan:
      return unordered;
    default:
      return false;
  }
}

// The mask of lanes whose flag is not zero; flags are 0 or ~0.
inline uint32_t Gather(const int32_t* flags) {
#if defined(__AVX512DQ__)
  const uint32_t low = _mm512_movepi32_mask(_mm512_loadu_si512(flags));
  const uint32_t high = _mm512_movepi32_mask(_mm512_loadu_si512(flags + 16));
  return low | high << 16;
#elif defined(__AVX2__)
  uint32_t mask = 0;
  for (int i = 0; i < 4; ++i) {
    const __m256 part =
        _mm256_castsi256_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(flags + 8 * i)));
    mask |= static_cast<uint32_t>(_mm256_movemask_ps(part)) << (8 * i);
  }
  return mask;
#else
  uint32_t mask = 0;
  for (int i = 0; i < kLanes; ++i) mask |= (static_cast<uint32_t>(flags[i]) & 1) << i;
  return mask;
#endif
}

template <Compare kCompare, typename T>
inline uint32_t CompareLanes(Warp& w, const Op* op) {
  const T* a = w.Lanes<T>(op->a);
  const T* b = w.Lanes<T>(op->b);
  alignas(64) int32_t flags[kLanes];
  SOUK_LANES(i) { flags[i] = Holds<kCompare, T>(a[i], b[i]) ? -1 : 0; }
  return Gather(flags);
}

template <Compare kCompare, typename T>
struct Setp {
  static const Op* Full(Warp& w, const Op* op) {
    w.Predicate(op->dst) = CompareLanes<kCompare, T>(w, op);
    return op + 1;
  }
  static const Op* Some(Warp& w, const Op* op) {
    const uint32_t mask = w.Mask(op);
    const uint32_t r = CompareLanes<kCompare, T>(w, op);
    uint32_t& d = w.Predicate(op->dst);
    d = (d & ~mask) | (r & mask);
    return op + 1;
  }
};

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
