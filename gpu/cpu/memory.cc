// Loads and stores: PTX ISA 9.7.9 (ld, ld.global.nc, st), 5.1 (state spaces). An access of a warp
// is checked as a whole against the allocation that the instruction met last; only where that fails
// are the lanes looked at one by one (Resolve).
#include "gpu/cpu/lane_ops.h"

namespace souk::gpu::cpu::SOUK_SIMD {
namespace {

// kOpen: global and generic; kShared; kOther: local and param.
enum class Kind : uint8_t { kOpen, kShared, kOther };

// Offsets within the windows fit in 32 bits, those within device memory need not.
template <Kind kKind>
struct OffsetOf {
  using Type = uint32_t;
};
template <>
struct OffsetOf<Kind::kOpen> {
  using Type = uint64_t;
};
template <Kind kKind>
using Offset = typename OffsetOf<kKind>::Type;

struct View {
  uint64_t begin;
  uint64_t size;
  uint8_t* host;
  uint32_t stride;  // between threads (local)
  bool writable;
  uint8_t notes;
};

SOUK_INLINE Window WindowOf(const Op* op) {
  return static_cast<Window>(op->flags >> kWindowShift);
}

template <Kind kKind>
SOUK_INLINE View ViewOf(Warp& w, const Op* op) {
  const Memory& m = *w.memory;
  if constexpr (kKind == Kind::kOpen) {
    const Site& site = m.sites[op->target];
    return View{site.begin, site.size, site.host, 0, site.writable, site.notes};
  }
  if constexpr (kKind == Kind::kShared) return View{0, m.shared_bytes, m.shared, 0, true, 0};
  if (WindowOf(op) == Window::kParam) return View{0, m.param_bytes, m.params, 0, false, 0};
  return View{0,
              m.local_bytes,
              m.local + uint64_t{w.index} * kLanes * m.local_bytes,
              static_cast<uint32_t>(m.local_bytes),
              true,
              0};
}

// The lanes' offsets into the view.
template <Kind kKind>
SOUK_INLINE void FindOffsets(Warp& w, const Op* op, const View& v, Offset<kKind>* off) {
  const uint64_t delta = op->imm - v.begin;
  if (op->flags & kNarrowAddress) {
    const uint32_t* a = w.Lanes<uint32_t>(op->a);
    const auto d = static_cast<Offset<kKind>>(delta);
    SOUK_LANES(i) {
      off[i] = a[i] + d;
    }
    return;
  }
  const uint64_t* a = w.Lanes<uint64_t>(op->a);
  if constexpr (kKind == Kind::kOpen) {
    SOUK_LANES(i) {
      off[i] = a[i] + delta;
    }
  } else {
    SOUK_LANES(i) {
      const uint64_t at = a[i] + delta;
      off[i] = static_cast<uint32_t>(at >> 32 != 0 ? 0xffffffff : at);
    }
  }
}

// What the offsets have in common.
struct Shape {
  bool bad;   // some lane is out of bounds or misaligned
  bool same;  // all lanes name one place
  bool step;  // lane after lane without gaps
};

// For accesses of 2^shift bytes.
template <typename O, bool kFull>
SOUK_INLINE Shape Measure(const View& v, uint32_t mask, uint32_t shift, O* off) {
  const O bytes = O{1} << shift;
  if constexpr (!kFull) {
    const O first = off[__builtin_ctz(mask)];
    SOUK_LANES(i) {
      off[i] = Blend(mask, i, off[i], first);
    }
  }
  const O zero = off[0];
  const O limit = static_cast<O>(v.size) - bytes;  // wraps where the view is too small: top bit set
  O over = limit;
  O low = 0;
  O same = 0;
  O step = 0;
  SOUK_LANES(i) {
    // The top bit is set where off > limit, both taken as unsigned.
    over |= off[i] | (limit - off[i]);
    low |= off[i];
    same |= off[i] ^ zero;
    step |= (off[i] - zero) ^ (static_cast<O>(i) << shift);
  }
  return Shape{(over >> (kBits<O> - 1)) != 0 || (low & (bytes - 1)) != 0, same == 0, step == 0};
}

// False: the access must not be made.
template <Kind kKind>
SOUK_INLINE bool MayGoOn(Warp& w, const Op* op, const View& v, const Offset<kKind>* off,
                         uint32_t bytes, bool write, bool step) {
  if constexpr (kKind == Kind::kOpen) {
    if ((v.notes & (write ? kNoteWrites : kNoteReads)) != 0) [[unlikely]] {
      return step ? NoteRun(w, op, v.begin + off[0], bytes * kLanes, write)
                  : NoteEach(w, op, v.begin, off, bytes, write);
    }
  }
  return true;
}

// Lane by lane: several allocations, windows of the generic space, faults.
template <typename M, typename R>
SOUK_APART const Op* LoadSlowly(Warp& w, const Op* op, uint32_t mask) {
  const uint32_t bytes = static_cast<uint32_t>(sizeof(M)) * op->count;
  const uint8_t* from[kLanes] = {};
  for (uint32_t i = 0; i < kLanes; ++i) {
    if (!Runs(mask, static_cast<int>(i))) continue;
    const uint64_t base =
        op->flags & kNarrowAddress ? w.Lanes<uint32_t>(op->a)[i] : w.Lanes<uint64_t>(op->a)[i];
    from[i] = Resolve(w, op, i, WindowOf(op), base + op->imm, bytes, Touch::kRead);
    if (from[i] == nullptr) return nullptr;
  }
  for (uint32_t e = 0; e < op->count; ++e) {
    R* d = w.Lanes<R>(op->count == 1 ? op->dst : w.extra[op->extra + e]);
    for (int i = 0; i < kLanes; ++i) {
      if (Runs(mask, i)) d[i] = static_cast<R>(reinterpret_cast<const M*>(from[i])[e]);
    }
  }
  return op + 1;
}

// One element of each lane, at `at` plus the lane's offset. Lanes that do not run have a valid
// offset too (Measure).
template <typename M, typename R, bool kFull, typename O>
SOUK_INLINE void Take(R* d, const uint8_t* at, const O* off, uint32_t mask) {
  for (int i = 0; i < kLanes; ++i) {
    const R r = static_cast<R>(*reinterpret_cast<const M*>(at + off[i]));
    d[i] = kFull ? r : Blend(mask, i, r, d[i]);
  }
}

template <Kind kKind, typename M, typename R, bool kFull>
const Op* Load(Warp& w, const Op* op) {
  const uint32_t mask = kFull ? kAllLanes : w.Mask(op);
  if (!kFull && mask == 0) return op + 1;
  const uint32_t count = op->count;
  constexpr uint32_t kShift = sizeof(M) == 1 ? 0 : sizeof(M) == 2 ? 1 : sizeof(M) == 4 ? 2 : 3;
  const View v = ViewOf<kKind>(w, op);
  alignas(64) Offset<kKind> off[kLanes];
  FindOffsets<kKind>(w, op, v, off);
  if (count == 1) [[likely]] {
    const Shape shape = Measure<Offset<kKind>, kFull>(v, mask, kShift, off);
    if (shape.bad) [[unlikely]]
      return LoadSlowly<M, R>(w, op, mask);
    if (!MayGoOn<kKind>(w, op, v, off, sizeof(M), false, shape.step)) return nullptr;
    R* d = w.Lanes<R>(op->dst);
    if (kKind == Kind::kOther && v.stride != 0) {
      SOUK_LANES(i) {
        off[i] += static_cast<uint32_t>(i) * v.stride;
      }
    } else if (shape.same) {
      const R r = static_cast<R>(*reinterpret_cast<const M*>(v.host + off[0]));
      SOUK_LANES(i) {
        d[i] = kFull ? r : Blend(mask, i, r, d[i]);
      }
      return op + 1;
    } else if (kFull && shape.step) {
      const M* from = reinterpret_cast<const M*>(v.host + off[0]);
      SOUK_LANES(i) {
        d[i] = static_cast<R>(from[i]);
      }
      return op + 1;
    }
    Take<M, R, kFull>(d, v.host, off, mask);
    return op + 1;
  }
  const uint32_t shift = kShift + static_cast<uint32_t>(__builtin_ctz(count));
  const Shape shape = Measure<Offset<kKind>, kFull>(v, mask, shift, off);
  if (shape.bad) [[unlikely]]
    return LoadSlowly<M, R>(w, op, mask);
  if (!MayGoOn<kKind>(w, op, v, off, uint32_t{1} << shift, false, shape.step)) return nullptr;
  if (kKind == Kind::kOther && v.stride != 0) {
    SOUK_LANES(i) {
      off[i] += static_cast<uint32_t>(i) * v.stride;
    }
  }
  for (uint32_t e = 0; e < count; ++e) {
    Take<M, R, kFull>(w.Lanes<R>(w.extra[op->extra + e]), v.host + e * sizeof(M), off, mask);
  }
  return op + 1;
}

template <typename M, typename R>
SOUK_APART const Op* StoreSlowly(Warp& w, const Op* op, uint32_t mask) {
  const uint32_t bytes = static_cast<uint32_t>(sizeof(M)) * op->count;
  for (uint32_t i = 0; i < kLanes; ++i) {
    if (!Runs(mask, static_cast<int>(i))) continue;
    const uint64_t base =
        op->flags & kNarrowAddress ? w.Lanes<uint32_t>(op->a)[i] : w.Lanes<uint64_t>(op->a)[i];
    uint8_t* to = Resolve(w, op, i, WindowOf(op), base + op->imm, bytes, Touch::kWrite);
    if (to == nullptr) return nullptr;
    for (uint32_t e = 0; e < op->count; ++e) {
      const R* b = w.Lanes<R>(op->count == 1 ? op->b : w.extra[op->extra + e]);
      reinterpret_cast<M*>(to)[e] = static_cast<M>(b[i]);
    }
  }
  return op + 1;
}

// Where lanes store to one place the highest lane's value stays.
template <Kind kKind, typename M, typename R, bool kFull>
const Op* Store(Warp& w, const Op* op) {
  const uint32_t mask = kFull ? kAllLanes : w.Mask(op);
  if (!kFull && mask == 0) return op + 1;
  const uint32_t count = op->count;
  constexpr uint32_t kShift = sizeof(M) == 1 ? 0 : sizeof(M) == 2 ? 1 : sizeof(M) == 4 ? 2 : 3;
  const uint32_t shift = kShift + static_cast<uint32_t>(__builtin_ctz(count));
  const View v = ViewOf<kKind>(w, op);
  alignas(64) Offset<kKind> off[kLanes];
  FindOffsets<kKind>(w, op, v, off);
  const Shape shape = Measure<Offset<kKind>, kFull>(v, mask, shift, off);
  if (shape.bad || !v.writable) [[unlikely]]
    return StoreSlowly<M, R>(w, op, mask);
  if (!MayGoOn<kKind>(w, op, v, off, uint32_t{1} << shift, true, shape.step)) return nullptr;
  if (kKind == Kind::kOther && v.stride != 0) {
    SOUK_LANES(i) {
      off[i] += static_cast<uint32_t>(i) * v.stride;
    }
  } else if (kFull && shape.step && count == 1) {
    const R* b = w.Lanes<R>(op->b);
    M* to = reinterpret_cast<M*>(v.host + off[0]);
    SOUK_LANES(i) {
      to[i] = static_cast<M>(b[i]);
    }
    return op + 1;
  }
  for (uint32_t e = 0; e < count; ++e) {
    const R* b = w.Lanes<R>(count == 1 ? op->b : w.extra[op->extra + e]);
    uint8_t* at = v.host + e * sizeof(M);
    if constexpr (kFull) {
      for (int i = 0; i < kLanes; ++i) *reinterpret_cast<M*>(at + off[i]) = static_cast<M>(b[i]);
    } else {
      for (uint32_t left = mask; left != 0; left &= left - 1) {
        const int i = __builtin_ctz(left);
        *reinterpret_cast<M*>(at + off[i]) = static_cast<M>(b[i]);
      }
    }
  }
  return op + 1;
}

constexpr uint32_t WidthIndex(size_t bytes) {
  return bytes == 2 ? 0 : bytes == 4 ? 1 : 2;
}

template <typename M, typename R>
void PutLoad(HandlerTable& t, Ty ty) {
  const auto put = [&](Window window, HandlerPair pair) {
    t.At(Fn::kLd + 3 * static_cast<uint32_t>(window) + WidthIndex(sizeof(R)), ty) = pair;
  };
  const HandlerPair open{&Load<Kind::kOpen, M, R, false>, &Load<Kind::kOpen, M, R, true>};
  const HandlerPair shared{&Load<Kind::kShared, M, R, false>, &Load<Kind::kShared, M, R, true>};
  const HandlerPair other{&Load<Kind::kOther, M, R, false>, &Load<Kind::kOther, M, R, true>};
  put(Window::kGeneric, open);
  put(Window::kGlobal, open);
  put(Window::kShared, shared);
  put(Window::kLocal, other);
  put(Window::kParam, other);
}
template <typename M, typename R>
void PutStore(HandlerTable& t, Ty ty) {
  const auto put = [&](Window window, HandlerPair pair) {
    t.At(Fn::kSt + 3 * static_cast<uint32_t>(window) + WidthIndex(sizeof(R)), ty) = pair;
  };
  const HandlerPair open{&Store<Kind::kOpen, M, R, false>, &Store<Kind::kOpen, M, R, true>};
  const HandlerPair shared{&Store<Kind::kShared, M, R, false>, &Store<Kind::kShared, M, R, true>};
  const HandlerPair other{&Store<Kind::kOther, M, R, false>, &Store<Kind::kOther, M, R, true>};
  put(Window::kGeneric, open);
  put(Window::kGlobal, open);
  put(Window::kShared, shared);
  put(Window::kLocal, other);
  put(Window::kParam, other);
}

template <typename R>
void RegisterWidth(HandlerTable& t) {
  PutLoad<uint8_t, R>(t, Ty::kU8);
  PutLoad<int8_t, R>(t, Ty::kS8);
  PutLoad<uint16_t, R>(t, Ty::kU16);
  PutStore<uint8_t, R>(t, Ty::kU8);
  PutStore<uint16_t, R>(t, Ty::kU16);
  if constexpr (sizeof(R) > 2) {
    PutLoad<int16_t, R>(t, Ty::kS16);
    PutLoad<uint32_t, R>(t, Ty::kU32);
    PutStore<uint32_t, R>(t, Ty::kU32);
  }
  if constexpr (sizeof(R) > 4) {
    PutLoad<int32_t, R>(t, Ty::kS32);
    PutLoad<uint64_t, R>(t, Ty::kU64);
    PutStore<uint64_t, R>(t, Ty::kU64);
  }
}

}  // namespace

void RegisterMemory(HandlerTable& t) {
  RegisterWidth<uint16_t>(t);
  RegisterWidth<uint32_t>(t);
  RegisterWidth<uint64_t>(t);
}

}  // namespace souk::gpu::cpu::SOUK_SIMD
