// The handlers of every internal instruction, compiled once for each SimdLevel (lane_ops.h).
#pragma once

#include "gpu/cpu/cpu_device.h"
#include "gpu/cpu/warp.h"

#if defined(__has_feature)
#define SOUK_HAS_FEATURE(name) __has_feature(name)
#else
#define SOUK_HAS_FEATURE(name) 0
#endif

// Whether compilers make tail calls here: sanitizers put code behind calls.
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !SOUK_HAS_FEATURE(address_sanitizer) && !SOUK_HAS_FEATURE(thread_sanitizer) &&              \
    !SOUK_HAS_FEATURE(memory_sanitizer)
#define SOUK_TAIL_CALLS 1
#else
#define SOUK_TAIL_CALLS 0
#endif

namespace souk::gpu::cpu {

struct HandlerPair {
  Handler some = nullptr;  // the lanes of active that the guard lets through
  // All 32. May go straight on to the next op (Next): then the loop around them is saved, and the
  // processor learns what follows what. Not for those who look at each op: they take `some`.
  Handler full = nullptr;
};

// The active lanes part: those of `taken` go to op's target (control.cc).
const Op* DivideLanes(Warp& w, const Op* op, uint32_t taken);

// How `full` goes on. A tail call, so that the stack does not grow (handlers_test.cc looks).
template <bool kGoesOn = true>
SOUK_INLINE const Op* Next(Warp& w, const Op* op) {
  if constexpr (SOUK_TAIL_CALLS && kGoesOn) return op[1].run[1](w, op + 1);
  return op + 1;
}
// Continue (warp.h), likewise.
template <bool kGoesOn>
SOUK_INLINE const Op* GoTo(Warp& w, uint32_t pc) {
  if (!SOUK_TAIL_CALLS || !kGoesOn || w.executed >= w.limit || pc >= w.next_pc)
    return Continue(w, pc);
  const Op* const op = w.code + pc;
  return op->run[w.full](w, op);
}

// Control ops carry the cost of what ran since the last one.
SOUK_INLINE void Count(Warp& w, const Op* op) {
  w.executed += uint64_t{op->cost} * w.lanes;
}
// Sends the lanes `taken` of the active ones to op's target, the others behind op.
template <bool kGoesOn>
SOUK_INLINE const Op* Divide(Warp& w, const Op* op, uint32_t taken) {
  Count(w, op);
  const uint32_t after = static_cast<uint32_t>(op - w.code) + 1;
  if (taken == 0) return GoTo<kGoesOn>(w, after);
  if (taken == w.active) return GoTo<kGoesOn>(w, op->target);
  return DivideLanes(w, op, taken);
}
template <bool kGoesOn>
SOUK_INLINE const Op* EndLanes(Warp& w, const Op* op, uint32_t mask) {
  Count(w, op);
  if (mask == 0) return Next<kGoesOn>(w, op);
  if (!w.EndsWith(mask)) return w.Exit(op, mask);
  w.live &= ~mask;
  w.released &= ~mask;
  w.SetActive(0);
  w.stop = Stop::kDone;
  return nullptr;
}

struct HandlerTable {
  HandlerPair pairs[Index(Fn::kCount) * kTyCount];

  SOUK_INLINE HandlerPair& At(Fn fn, Ty ty) { return pairs[Index(fn) * kTyCount + Index(ty)]; }
  SOUK_INLINE const HandlerPair& At(Fn fn, Ty ty) const {
    return pairs[Index(fn) * kTyCount + Index(ty)];
  }
};

const HandlerTable& Handlers(SimdLevel level);
// Whether handlers were compiled to go on to the next op (HandlerPair::full).
bool GoOn();

// control.cc: the same at each level.
void RegisterControl(HandlerTable& table);
// video.cc, system_calls.cc and mbarrier.cc: likewise.
void RegisterVideo(HandlerTable& table);
void RegisterSystemCalls(HandlerTable& table);
void RegisterMbarriers(HandlerTable& table);

}  // namespace souk::gpu::cpu
