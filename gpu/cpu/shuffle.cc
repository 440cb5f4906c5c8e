// Exchanges between the lanes of a warp: PTX ISA 9.7.9 (shfl.sync), 9.7.13 (vote, match, redux,
// activemask, elect). extra[0] is the member mask's register.
#include "gpu/cpu/lane_ops.h"
#include "gpu/ptx/operation.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace souk::gpu::cpu::SOUK_SIMD {
namespace {

using ptx::Combine;

// All lanes that the active lanes name must have come. A member mask may differ between lanes.
SOUK_INLINE bool Arrived(Warp& w, const Op* op, const Op** next) {
  const uint32_t away = w.live & ~w.active;
  if (away != 0) [[unlikely]] {
    const uint32_t* m = w.Lanes<uint32_t>(w.extra[op->extra]);
    uint32_t members = 0;
    for (uint32_t left = w.active; left != 0; left &= left - 1) members |= m[__builtin_ctz(left)];
    if ((members & away) != 0) return w.PassMembers(op, members, next);
  }
  w.released &= ~w.active;  // a release holds for one meeting
  return true;
}

// r[i] = a[from[i]], 0 <= from < 32. All are aligned to 64 bytes.
SOUK_INLINE void Pick(const uint32_t* a, const int32_t* from, uint32_t* r) {
#if defined(__AVX512F__)
  const __m512i low = _mm512_loadu_si512(a);
  const __m512i high = _mm512_loadu_si512(a + 16);
  for (int i = 0; i < kLanes; i += 16) {
    const __m512i index = _mm512_load_si512(from + i);
    _mm512_store_si512(r + i, _mm512_permutex2var_epi32(low, index, high));
  }
#elif defined(__AVX2__)
  // Of each of the four vectors that a lane may come from, then one of them by the index's bits 3
  // and 4, moved to the sign, which a blend looks at.
  const auto load = [](const void* p) { return _mm256_load_si256(static_cast<const __m256i*>(p)); };
  const __m256i source[4] = {load(a), load(a + 8), load(a + 16), load(a + 24)};
  for (int i = 0; i < kLanes; i += 8) {
    const __m256i index = load(from + i);
    const __m256 bit3 = _mm256_castsi256_ps(_mm256_slli_epi32(index, 28));
    const __m256 bit4 = _mm256_castsi256_ps(_mm256_slli_epi32(index, 27));
    const auto picked = [&](int k) {
      return _mm256_castsi256_ps(_mm256_permutevar8x32_epi32(source[k], index));
    };
    const __m256 low = _mm256_blendv_ps(picked(0), picked(1), bit3);
    const __m256 high = _mm256_blendv_ps(picked(2), picked(3), bit3);
    _mm256_store_ps(reinterpret_cast<float*>(r + i), _mm256_blendv_ps(low, high, bit4));
  }
#else
  for (int i = 0; i < kLanes; ++i) r[i] = a[from[i] & 31];
#endif
}

enum class Mode : uint8_t { kUp, kDown, kBfly, kIdx };

// ISA shfl.sync: c holds the clamp in bits 4:0 and the segment mask in 12:8. A lane whose source
// lies outside its segment keeps its own value, with the predicate false.
template <Mode kMode>
const Op* Shuffle(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (!Arrived(w, op, &next)) return next;
  const uint32_t* a = w.Lanes<uint32_t>(op->a);
  const uint32_t* b = w.Lanes<uint32_t>(op->b);
  const uint32_t* c = w.Lanes<uint32_t>(op->c);
  alignas(64) uint32_t r[kLanes];
  alignas(64) int32_t from[kLanes];
  alignas(64) int32_t inside[kLanes];
  SOUK_LANES(i) {
    const int32_t lane = i;
    const int32_t value = static_cast<int32_t>(b[i] & 31);
    const int32_t clamp = static_cast<int32_t>(c[i] & 31);
    const int32_t segment = static_cast<int32_t>((c[i] >> 8) & 31);
    const int32_t most = (lane & segment) | (clamp & ~segment);
    const int32_t least = lane & segment;
    int32_t j = 0;
    bool in = false;
    if constexpr (kMode == Mode::kUp) {
      j = lane - value;
      in = j >= most;
    } else if constexpr (kMode == Mode::kDown) {
      j = lane + value;
      in = j <= most;
    } else if constexpr (kMode == Mode::kBfly) {
      j = lane ^ value;
      in = j <= most;
    } else {
      j = least | (value & ~segment);
      in = j <= most;
    }
    from[i] = in ? j : lane;
    inside[i] = in ? 1 : 0;
  }
  const uint32_t active = w.active;
  // What comes from a lane that is not there the ISA leaves open. Its register may hold what
  // another block left: the lane keeps its own value.
  if (active != kAllLanes) {
    for (int i = 0; i < kLanes; ++i) from[i] = Runs(active, from[i]) ? from[i] : i;
  }
  Pick(a, from, r);
  uint32_t* d = w.Lanes<uint32_t>(op->dst);
  SOUK_LANES(i) {
    d[i] = Blend(active, i, r[i], d[i]);
  }
  if (op->count > 1) {
    uint32_t p = 0;
    for (int i = 0; i < kLanes; ++i) p |= static_cast<uint32_t>(inside[i]) << i;
    uint32_t& out = w.Predicate(w.extra[op->extra + 1]);
    out = (out & ~active) | (p & active);
  }
  return op + 1;
}

// Calls act(group) for each distinct member mask: group are the active lanes that name it.
template <typename F>
SOUK_INLINE void ForGroups(Warp& w, const Op* op, F act) {
  const uint32_t* m = w.Lanes<uint32_t>(w.extra[op->extra]);
  uint32_t left = w.active;
  const uint32_t active = w.active;
  const uint32_t usual = m[__builtin_ctz(active)];
  uint32_t differs = 0;
  SOUK_LANES(i) {
    differs |= Runs(active, i) ? m[i] ^ usual : 0;
  }
  if (differs == 0) return act(active);
  while (left != 0) {
    const uint32_t mask = m[__builtin_ctz(left)];
    uint32_t group = 0;
    for (uint32_t rest = left; rest != 0; rest &= rest - 1) {
      const int lane = __builtin_ctz(rest);
      if (m[lane] == mask) group |= uint32_t{1} << lane;
    }
    act(group);
    left &= ~group;
  }
}

enum class Vote : uint8_t { kAll, kAny, kUni, kBallot };

// a: the predicate.
template <Vote kVote>
const Op* TakeVote(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (!Arrived(w, op, &next)) return next;
  const uint32_t p = w.Predicate(op->a);
  ForGroups(w, op, [&](uint32_t group) {
    const uint32_t yes = p & group;
    if constexpr (kVote == Vote::kBallot) {
      uint32_t* d = w.Lanes<uint32_t>(op->dst);
      SOUK_LANES(i) {
        d[i] = Blend(group, i, yes, d[i]);
      }
    } else {
      const bool r = kVote == Vote::kAll   ? yes == group
                     : kVote == Vote::kAny ? yes != 0
                                           : yes == 0 || yes == group;
      uint32_t& d = w.Predicate(op->dst);
      d = (d & ~group) | (r ? group : 0);
    }
  });
  return op + 1;
}

// d: which lanes of the group hold the same value as this one (any); the group where all do, with
// the predicate, else 0 (all).
template <typename T, bool kAll>
const Op* Match(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (!Arrived(w, op, &next)) return next;
  const T* a = w.Lanes<T>(op->a);
  uint32_t r[kLanes] = {};
  uint32_t p = 0;
  ForGroups(w, op, [&](uint32_t group) {
    for (uint32_t left = group; left != 0; left &= left - 1) {
      const int lane = __builtin_ctz(left);
      uint32_t equal = 0;
      for (uint32_t rest = group; rest != 0; rest &= rest - 1) {
        const int other = __builtin_ctz(rest);
        if (a[other] == a[lane]) equal |= uint32_t{1} << other;
      }
      if (equal == group) p |= uint32_t{1} << lane;
      r[lane] = !kAll || equal == group ? equal : 0;
    }
  });
  uint32_t* d = w.Lanes<uint32_t>(op->dst);
  for (int i = 0; i < kLanes; ++i) {
    if (Runs(w.active, i)) d[i] = r[i];
  }
  if (op->count > 1) {
    uint32_t& out = w.Predicate(w.extra[op->extra + 1]);
    out = (out & ~w.active) | (p & w.active);
  }
  return op + 1;
}

template <typename T>
SOUK_INLINE T Reduce(Combine combine, T x, T y) {
  switch (combine) {
    case Combine::kAdd:
      return static_cast<T>(static_cast<uint32_t>(x) + static_cast<uint32_t>(y));
    case Combine::kMin:
      return x < y ? x : y;
    case Combine::kMax:
      return x > y ? x : y;
    case Combine::kAnd:
      return x & y;
    case Combine::kOr:
      return x | y;
    default:
      return x ^ y;
  }
}
template <typename T>
const Op* Redux(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (!Arrived(w, op, &next)) return next;
  const T* a = w.Lanes<T>(op->a);
  T r[kLanes] = {};
  ForGroups(w, op, [&](uint32_t group) {
    T sum = a[__builtin_ctz(group)];
    for (uint32_t rest = group & (group - 1); rest != 0; rest &= rest - 1) {
      sum = Reduce<T>(static_cast<Combine>(op->imm), sum, a[__builtin_ctz(rest)]);
    }
    for (uint32_t rest = group; rest != 0; rest &= rest - 1) r[__builtin_ctz(rest)] = sum;
  });
  T* d = w.Lanes<T>(op->dst);
  for (int i = 0; i < kLanes; ++i) {
    if (Runs(w.active, i)) d[i] = r[i];
  }
  return op + 1;
}

const Op* WarpSync(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (!Arrived(w, op, &next)) return next;
  return op + 1;
}

const Op* WholeWarp(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (!Arrived(w, op, &next)) return next;
  if (w.active == kAllLanes) return op + 1;
  return w.Fail(op, FaultKind::kPartialWarp, static_cast<uint32_t>(__builtin_ctz(w.active)));
}

const Op* Activemask(Warp& w, const Op* op) {
  const uint32_t mask = w.Mask(op);
  uint32_t* d = w.Lanes<uint32_t>(op->dst);
  SOUK_LANES(i) {
    d[i] = Blend(mask, i, mask, d[i]);
  }
  return op + 1;
}

// The lowest member lane is elected: d its number, the predicate true for it alone.
const Op* Elect(Warp& w, const Op* op) {
  const Op* next = nullptr;
  if (!Arrived(w, op, &next)) return next;
  ForGroups(w, op, [&](uint32_t group) {
    const uint32_t leader = static_cast<uint32_t>(__builtin_ctz(group));
    uint32_t* d = w.Lanes<uint32_t>(op->dst);
    SOUK_LANES(i) {
      d[i] = Blend(group, i, leader, d[i]);
    }
    uint32_t& p = w.Predicate(w.extra[op->extra + 1]);
    p = (p & ~group) | (uint32_t{1} << leader);
  });
  return op + 1;
}

}  // namespace

void RegisterWarp(HandlerTable& t) {
  Put(t, Fn::kShflUp, Ty::kU32, &Shuffle<Mode::kUp>);
  Put(t, Fn::kShflDown, Ty::kU32, &Shuffle<Mode::kDown>);
  Put(t, Fn::kShflBfly, Ty::kU32, &Shuffle<Mode::kBfly>);
  Put(t, Fn::kShflIdx, Ty::kU32, &Shuffle<Mode::kIdx>);
  Put(t, Fn::kVoteAll, Ty::kPred, &TakeVote<Vote::kAll>);
  Put(t, Fn::kVoteAny, Ty::kPred, &TakeVote<Vote::kAny>);
  Put(t, Fn::kVoteUni, Ty::kPred, &TakeVote<Vote::kUni>);
  Put(t, Fn::kVoteBallot, Ty::kU32, &TakeVote<Vote::kBallot>);
  Put(t, Fn::kMatchAny, Ty::kU32, &Match<uint32_t, false>);
  Put(t, Fn::kMatchAny, Ty::kU64, &Match<uint64_t, false>);
  Put(t, Fn::kMatchAll, Ty::kU32, &Match<uint32_t, true>);
  Put(t, Fn::kMatchAll, Ty::kU64, &Match<uint64_t, true>);
  Put(t, Fn::kRedux, Ty::kU32, &Redux<uint32_t>);
  Put(t, Fn::kRedux, Ty::kS32, &Redux<int32_t>);
  Put(t, Fn::kActivemask, Ty::kU32, &Activemask);
  Put(t, Fn::kElect, Ty::kU32, &Elect);
  Put(t, Fn::kWarpSync, Ty::kNone, &WarpSync);
  Put(t, Fn::kWholeWarp, Ty::kNone, &WholeWarp);
}

}  // namespace souk::gpu::cpu::SOUK_SIMD
