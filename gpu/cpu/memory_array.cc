// Loads and stores of [base + i * scale] (indexed.cc): base is one for all lanes, so that lanes
// differ by their 32-bit indices only, and the whole warp is within bounds where its lowest and
// highest index are.
#include "gpu/cpu/lane_ops.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace souk::gpu::cpu::SOUK_SIMD {
namespace {

// Bytes.
inline constexpr uint64_t kAhead = 512;

// One access of a warp.
struct Array {
  const Site* site = nullptr;
  uint64_t base = 0;   // device address of index 0
  uint64_t start = 0;  // its offset into the site's allocation, modulo 2^64
  uint64_t scale = 0;
};

SOUK_INLINE Array ArrayOf(Warp& w, const Op* op) {
  const Site& site = w.memory->sites[op->target];
  const uint64_t base = w.Lanes<uint64_t>(op->a)[0] + op->imm;
  return Array{&site, base, base - site.begin, op->count};
}

template <typename I>
SOUK_INLINE uint64_t Scaled(I index, uint64_t scale) {
  return static_cast<uint64_t>(static_cast<int64_t>(index)) * scale;
}
// The same from a pointer: it may lie before it.
template <typename I>
SOUK_INLINE int64_t Distance(I index, uint64_t scale) {
  return static_cast<int64_t>(Scaled(index, scale));
}

// The indices of the lanes that run, and the first of them in the others' place. Where all run they
// are read where they stand: a copy is stored in halves of a vector and loaded whole, for which a
// processor waits.
template <typename I, bool kFull>
SOUK_INLINE const I* TakeIndices(const I* from, uint32_t mask, I* to) {
  if constexpr (kFull) return from;
  const I first = from[__builtin_ctz(mask)];
  SOUK_LANES(i) {
    to[i] = Blend(mask, i, from[i], first);
  }
  return to;
}

template <typename I>
struct Span {
  I low;
  I high;
  bool same;
  bool step;  // lane after lane
};

// x[i] == x[0] + i, modulo 2^32.
SOUK_INLINE bool IsStep(const uint32_t* x) {
#if defined(__AVX512F__)
  const __m512i first =
      _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(x[0])),
                       _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  const __m512i second = _mm512_add_epi32(first, _mm512_set1_epi32(16));
  return (_mm512_cmpneq_epi32_mask(_mm512_loadu_si512(x), first) |
          _mm512_cmpneq_epi32_mask(_mm512_loadu_si512(x + 16), second)) == 0;
#elif defined(__AVX2__)
  __m256i want = _mm256_add_epi32(_mm256_set1_epi32(static_cast<int>(x[0])),
                                  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  __m256i differ = _mm256_setzero_si256();
  for (int i = 0; i < kLanes; i += 8) {
    const __m256i here = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i));
    differ = _mm256_or_si256(differ, _mm256_xor_si256(here, want));
    want = _mm256_add_epi32(want, _mm256_set1_epi32(8));
  }
  return _mm256_testz_si256(differ, differ) != 0;
#else
  uint32_t differ = 0;
  SOUK_LANES(i) {
    differ |= (x[i] - x[0]) ^ static_cast<uint32_t>(i);
  }
  return differ == 0;
#endif
}

template <typename I>
SOUK_INLINE Span<I> SpanOf(const I* x) {
  // Indices that wrap around are no neighbours.
  if (IsStep(reinterpret_cast<const uint32_t*>(x)) && x[kLanes - 1] > x[0]) {
    return {x[0], x[kLanes - 1], false, true};
  }
  using U = Unsigned<I>;
  U same = 0;
  SOUK_LANES(i) {
    same |= static_cast<U>(x[i]) ^ static_cast<U>(x[0]);
  }
  if (same == 0) return {x[0], x[0], true, false};
  Span<I> span{x[0], x[0], false, false};
  SOUK_LANES(i) {
    span.low = x[i] < span.low ? x[i] : span.low;
    span.high = x[i] > span.high ? x[i] : span.high;
  }
  return span;
}

// Whether every element from low to high lies in the allocation, aligned.
template <typename I>
SOUK_INLINE bool IsInside(const Array& array, const Span<I>& span, uint64_t bytes) {
  const uint64_t low = array.start + Scaled(span.low, array.scale);
  const uint64_t high = array.start + Scaled(span.high, array.scale);
  const uint64_t last = array.site->size - bytes;  // wraps where the site is too small
  return array.site->size >= bytes && low <= high && high <= last &&
         ((array.base | array.scale) & (bytes - 1)) == 0;
}

template <typename I>
SOUK_APART bool NoteArray(Warp& w, const Op* op, const Array& array, const I* x, uint32_t bytes,
                          bool write, bool step) {
  if (step && array.scale == bytes) {
    return NoteRun(w, op, array.base + Scaled(x[0], bytes), bytes * kLanes, write);
  }
  alignas(64) uint64_t offsets[kLanes];
  SOUK_LANES(i) {
    offsets[i] = array.start + Scaled(x[i], array.scale);
  }
  return NoteEach(w, op, array.site->begin, offsets, bytes, write);
}

// False: the access must not be made.
template <typename I>
SOUK_INLINE bool MayGoOn(Warp& w, const Op* op, const Array& array, const I* x, uint32_t bytes,
                         bool write, bool step) {
  if ((array.site->notes & (write ? kNoteWrites : kNoteReads)) == 0) [[likely]]
    return true;
  return NoteArray(w, op, array, x, bytes, write, step);
}

template <typename I>
SOUK_INLINE uint8_t* ResolveAt(Warp& w, const Op* op, uint32_t lane, uint64_t base, I index,
                               uint32_t bytes, Touch touch) {
  const auto window = static_cast<Window>(op->flags >> kWindowShift);
  const uint64_t address = base + Scaled(index, op->count);
  return Resolve(w, op, lane, window, address, bytes, touch);
}

template <typename M, typename R, typename I>
SOUK_APART const Op* LoadEach(Warp& w, const Op* op, uint32_t mask, uint64_t base, const I* x) {
  const uint8_t* from[kLanes] = {};
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    from[lane] = ResolveAt<I>(w, op, lane, base, x[lane], sizeof(M), Touch::kRead);
    if (from[lane] == nullptr) return nullptr;
  }
  R* d = w.Lanes<R>(op->dst);
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    d[lane] = static_cast<R>(*reinterpret_cast<const M*>(from[lane]));
  }
  return op + 1;
}

template <typename M, typename R, typename I>
SOUK_APART const Op* StoreEach(Warp& w, const Op* op, uint32_t mask, uint64_t base) {
  const I* const x = w.Lanes<I>(op->c);
  const R* b = w.Lanes<R>(op->b);
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    uint8_t* to = ResolveAt<I>(w, op, lane, base, x[lane], sizeof(M), Touch::kWrite);
    if (to == nullptr) return nullptr;
    *reinterpret_cast<M*>(to) = static_cast<M>(b[lane]);
  }
  return op + 1;
}

// The usual way: neighbours; *at: lane 0's place, whether it runs or not. False: this is another.
// shift: added to each index, modulo 2^32.
template <typename I>
SOUK_INLINE bool AreNeighbours(Warp& w, const Op* op, uint32_t mask, uint32_t shift, uint32_t bytes,
                               uint8_t notes, uint8_t** at) {
  if (op->count != bytes) return false;
  const uint32_t* const x = w.Lanes<uint32_t>(op->c);
  const int low = __builtin_ctz(mask);
  const int high = 31 - __builtin_clz(mask);
  const I first = static_cast<I>(x[low] + shift);
  const I last = static_cast<I>(x[high] + shift);
  if (!IsStep(x) || last < first) return false;
  const Array array = ArrayOf(w, op);
  if (!IsInside(array, Span<I>{first, last, false, true}, bytes)) return false;
  if ((array.site->notes & notes) != 0) return false;
  *at = array.site->host + static_cast<int64_t>(array.start) + Distance(first, bytes) -
        static_cast<int64_t>(bytes) * low;
  // The next warp's, most often: what comes between two accesses is too much for the processor to
  // look past.
  __builtin_prefetch(*at + kAhead);
  __builtin_prefetch(*at + kAhead + 64);
  return true;
}

// Lanes of the mask, where lane 0's place is `at`.
template <typename M, typename R, bool kFull>
SOUK_INLINE void TakeNeighbours(R* d, const uint8_t* at, uint32_t mask) {
  const M* const from = reinterpret_cast<const M*>(at);
  if constexpr (kFull) {
    SOUK_LANES(i) {
      d[i] = static_cast<R>(from[i]);
    }
    return;
  }
#if defined(__AVX512F__)
  if constexpr (sizeof(M) == 4 && sizeof(R) == 4) {
    for (int i = 0; i < kLanes; i += 16) {
      const auto lanes = static_cast<__mmask16>(mask >> i);
      _mm512_storeu_si512(d + i,
                          _mm512_mask_loadu_epi32(_mm512_loadu_si512(d + i), lanes, from + i));
    }
    return;
  }
#endif
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    d[lane] = static_cast<R>(from[lane]);
  }
}
template <typename M, typename R, bool kFull>
SOUK_INLINE void PutNeighbours(uint8_t* at, const R* b, uint32_t mask) {
  M* const to = reinterpret_cast<M*>(at);
  if constexpr (kFull) {
    SOUK_LANES(i) {
      to[i] = static_cast<M>(b[i]);
    }
    return;
  }
#if defined(__AVX512F__)
  if constexpr (sizeof(M) == 4 && sizeof(R) == 4) {
    for (int i = 0; i < kLanes; i += 16) {
      _mm512_mask_storeu_epi32(to + i, static_cast<__mmask16>(mask >> i),
                               _mm512_loadu_si512(b + i));
    }
    return;
  }
#endif
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    to[lane] = static_cast<M>(b[lane]);
  }
}

// Any other way. indices: of the lanes.
template <typename M, typename R, typename I, bool kFull>
__attribute__((noinline)) const Op* LoadArray(Warp& w, const Op* op, const I* indices) {
  const uint32_t mask = kFull ? kAllLanes : w.Mask(op);
  if (!kFull && mask == 0) return op + 1;
  const Array array = ArrayOf(w, op);
  alignas(64) I copy[kLanes];
  const I* const x = TakeIndices<I, kFull>(indices, mask, copy);
  const Span<I> span = SpanOf(x);
  if (!IsInside(array, span, sizeof(M))) [[unlikely]] {
    return LoadEach<M, R, I>(w, op, mask, array.base, indices);
  }
  if (!MayGoOn(w, op, array, x, sizeof(M), false, span.step)) return nullptr;
  R* d = w.Lanes<R>(op->dst);
  const uint8_t* at = array.site->host + static_cast<int64_t>(array.start);
  if (kFull && span.step && array.scale == sizeof(M)) {
    const M* from = reinterpret_cast<const M*>(at + Distance(x[0], sizeof(M)));
    SOUK_LANES(i) {
      d[i] = static_cast<R>(from[i]);
    }
    return op + 1;
  }
  if (span.same) {
    const R r = static_cast<R>(*reinterpret_cast<const M*>(at + Distance(x[0], array.scale)));
    SOUK_LANES(i) {
      d[i] = kFull ? r : Blend(mask, i, r, d[i]);
    }
    return op + 1;
  }
  for (int i = 0; i < kLanes; ++i) {
    const R r = static_cast<R>(*reinterpret_cast<const M*>(at + Distance(x[i], array.scale)));
    d[i] = kFull ? r : Blend(mask, i, r, d[i]);
  }
  return op + 1;
}

template <typename M, typename R, typename I, bool kFull>
__attribute__((noinline)) const Op* StoreArray(Warp& w, const Op* op) {
  const uint32_t mask = kFull ? kAllLanes : w.Mask(op);
  if (!kFull && mask == 0) return op + 1;
  const Array array = ArrayOf(w, op);
  alignas(64) I copy[kLanes];
  const I* const x = TakeIndices<I, kFull>(w.Lanes<I>(op->c), mask, copy);
  const Span<I> span = SpanOf(x);
  const R* b = w.Lanes<R>(op->b);
  if (!IsInside(array, span, sizeof(M)) || !array.site->writable) [[unlikely]] {
    return StoreEach<M, R, I>(w, op, mask, array.base);
  }
  if (!MayGoOn(w, op, array, x, sizeof(M), true, span.step)) return nullptr;
  uint8_t* at = array.site->host + static_cast<int64_t>(array.start);
  if (kFull && span.step && array.scale == sizeof(M)) {
    M* to = reinterpret_cast<M*>(at + Distance(x[0], sizeof(M)));
    SOUK_LANES(i) {
      to[i] = static_cast<M>(b[i]);
    }
    return op + 1;
  }
  for (uint32_t left = mask; left != 0; left &= left - 1) {
    const int lane = __builtin_ctz(left);
    *reinterpret_cast<M*>(at + Distance(x[lane], array.scale)) = static_cast<M>(b[lane]);
  }
  return op + 1;
}

// Lanes that run, and what follows.
template <bool kFull>
SOUK_INLINE uint32_t Running(Warp& w, const Op* op) {
  return kFull ? kAllLanes : w.Mask(op);
}

template <typename M, typename R, typename I, bool kFull>
SOUK_INLINE const Op* LoadBy(Warp& w, const Op* op) {
  const uint32_t mask = Running<kFull>(w, op);
  uint8_t* at = nullptr;
  if ((kFull || mask != 0) && AreNeighbours<I>(w, op, mask, 0, sizeof(M), kNoteReads, &at))
      [[likely]] {
    TakeNeighbours<M, R, kFull>(w.Lanes<R>(op->dst), at, mask);
    return Next<kFull>(w, op);
  }
  return LoadArray<M, R, I, kFull>(w, op, w.Lanes<I>(op->c));
}
template <typename M, typename R, typename I, bool kFull>
SOUK_INLINE const Op* StoreBy(Warp& w, const Op* op) {
  const uint32_t mask = Running<kFull>(w, op);
  uint8_t* at = nullptr;
  if ((kFull || mask != 0) && w.memory->sites[op->target].writable &&
      AreNeighbours<I>(w, op, mask, 0, sizeof(M), kNoteWrites, &at)) [[likely]] {
    PutNeighbours<M, R, kFull>(at, w.Lanes<R>(op->b), mask);
    return Next<kFull>(w, op);
  }
  return StoreArray<M, R, I, kFull>(w, op);
}

template <typename R, typename I, bool kFull>
__attribute__((noinline)) const Op* LoadShiftedArray(Warp& w, const Op* op, uint32_t shift) {
  const uint32_t* const x = w.Lanes<uint32_t>(op->c);
  alignas(64) I shifted[kLanes];
  SOUK_LANES(i) {
    shifted[i] = static_cast<I>(x[i] + shift);
  }
  return LoadArray<R, R, I, kFull>(w, op, shifted);
}
template <typename R, typename I, bool kFull>
SOUK_INLINE const Op* LoadShiftedBy(Warp& w, const Op* op) {
  const uint32_t offset = w.Lanes<uint32_t>(op->b)[0];
  const uint32_t shift = op->flags & kMinusOffset ? 0 - offset : offset;
  const uint32_t mask = Running<kFull>(w, op);
  uint8_t* at = nullptr;
  if ((kFull || mask != 0) && AreNeighbours<I>(w, op, mask, shift, sizeof(R), kNoteReads, &at))
      [[likely]] {
    TakeNeighbours<R, R, kFull>(w.Lanes<R>(op->dst), at, mask);
    return Next<kFull>(w, op);
  }
  return LoadShiftedArray<R, I, kFull>(w, op, shift);
}

template <typename M, typename R, bool kFull>
const Op* Load(Warp& w, const Op* op) {
  return op->flags & kSignedIndex ? LoadBy<M, R, int32_t, kFull>(w, op)
                                  : LoadBy<M, R, uint32_t, kFull>(w, op);
}
template <typename R, bool kFull>
const Op* LoadShifted(Warp& w, const Op* op) {
  return op->flags & kSignedIndex ? LoadShiftedBy<R, int32_t, kFull>(w, op)
                                  : LoadShiftedBy<R, uint32_t, kFull>(w, op);
}
template <typename M, typename R, bool kFull>
const Op* Store(Warp& w, const Op* op) {
  return op->flags & kSignedIndex ? StoreBy<M, R, int32_t, kFull>(w, op)
                                  : StoreBy<M, R, uint32_t, kFull>(w, op);
}

template <typename R>
constexpr uint32_t ArrayWidth() {
  return sizeof(R) == 2 ? 0 : sizeof(R) == 4 ? 1 : 2;
}
template <typename M, typename R>
void PutArrayLoad(HandlerTable& t, Ty ty) {
  t.At(Fn::kLdArray + ArrayWidth<R>(), ty) = HandlerPair{&Load<M, R, false>, &Load<M, R, true>};
}
template <typename M, typename R>
void PutArrayStore(HandlerTable& t, Ty ty) {
  t.At(Fn::kStArray + ArrayWidth<R>(), ty) = HandlerPair{&Store<M, R, false>, &Store<M, R, true>};
}

template <typename R>
void RegisterArrays(HandlerTable& t) {
  PutArrayLoad<uint8_t, R>(t, Ty::kU8);
  PutArrayLoad<int8_t, R>(t, Ty::kS8);
  PutArrayLoad<uint16_t, R>(t, Ty::kU16);
  PutArrayStore<uint8_t, R>(t, Ty::kU8);
  PutArrayStore<uint16_t, R>(t, Ty::kU16);
  if constexpr (sizeof(R) > 2) {
    PutArrayLoad<int16_t, R>(t, Ty::kS16);
    PutArrayLoad<uint32_t, R>(t, Ty::kU32);
    PutArrayStore<uint32_t, R>(t, Ty::kU32);
  }
  if constexpr (sizeof(R) > 4) {
    PutArrayLoad<int32_t, R>(t, Ty::kS32);
    PutArrayLoad<uint64_t, R>(t, Ty::kU64);
    PutArrayStore<uint64_t, R>(t, Ty::kU64);
  }
}

}  // namespace

void RegisterArrayMemory(HandlerTable& t) {
  t.At(Fn::kLdShifted, Ty::kU32) =
      HandlerPair{&LoadShifted<uint32_t, false>, &LoadShifted<uint32_t, true>};
  t.At(Fn::kLdShiftedLast, Ty::kU64) =
      HandlerPair{&LoadShifted<uint64_t, false>, &LoadShifted<uint64_t, true>};
  RegisterArrays<uint16_t>(t);
  RegisterArrays<uint32_t>(t);
  RegisterArrays<uint64_t>(t);
}

}  // namespace souk::gpu::cpu::SOUK_SIMD
