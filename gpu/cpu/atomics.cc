// atom, red (PTX ISA 9.7.13) and cp.async. Lanes act one after the other, lowest first.
#include "gpu/cpu/float_core.h"
#include "gpu/ptx/operation.h"

namespace souk::gpu::cpu::SOUK_SIMD {
namespace {

using ptx::Combine;

template <typename T>
SOUK_INLINE T Apply(Combine combine, T old, T b, T c) {
  switch (combine) {
    case Combine::kAdd:
      return static_cast<T>(static_cast<Unsigned<T>>(old) + static_cast<Unsigned<T>>(b));
    case Combine::kMin:
      return old < b ? old : b;
    case Combine::kMax:
      return old > b ? old : b;
    case Combine::kAnd:
      return old & b;
    case Combine::kOr:
      return old | b;
    case Combine::kXor:
      return old ^ b;
    case Combine::kExch:
      return b;
    case Combine::kCas:
      return old == b ? c : old;
    case Combine::kInc:
      return old >= b ? T{0} : static_cast<T>(old + 1);
    case Combine::kDec:
      return old == 0 || old > b ? b : static_cast<T>(old - 1);
    default:
      return old;
  }
}

// ISA atom.add.f32: on global memory subnormals count as zero, on shared memory they do not.
SOUK_INLINE float AddAtomically(float old, float b, bool shared) {
  return Canonical(shared ? old + b : Flush(Flush(old) + Flush(b)));
}
SOUK_INLINE uint16_t AddHalf(uint16_t x, uint16_t y, bool bfloat) {
  if (bfloat) return ToBf16(Odd(AddExactly(Bf16ToFloat(x), Bf16ToFloat(y))), 0);
  return ToHalf(Odd(AddExactly(HalfToFloat(x), HalfToFloat(y))), 0);
}

// Where most lanes of an atomic find their word: shared memory, or the allocation met last.
struct AtomView {
  uint64_t begin;
  uint64_t last;  // offset of the last word; none: nothing is inside
  uint8_t* host;
  bool usable;
};

SOUK_INLINE AtomView ViewOfAtom(Warp& w, const Op* op, uint32_t bytes) {
  const Memory& m = *w.memory;
  if (static_cast<Window>(op->flags >> kWindowShift) == Window::kShared) {
    return {0, m.shared_bytes - bytes, m.shared, m.shared_bytes >= bytes};
  }
  const Site& site = m.sites[op->target];
  const bool usable = site.writable && site.notes == 0 && site.size >= bytes;
  return {site.begin, site.size - bytes, site.host, usable};
}

SOUK_INLINE bool InShared(Warp& w, const Op* op, const uint8_t* at) {
  (void)op;
  return at >= w.memory->shared && at < w.memory->shared + w.memory->shared_bytes;
}

// F: (old, lane, where) to new. A: the address register's type.
template <typename T, typename A, typename F>
SOUK_INLINE const Op* OneByOne(Warp& w, const Op* op, F f) {
  T* d = w.Lanes<T>(op->dst);
  const A* a = w.Lanes<A>(op->a);
  AtomView view = ViewOfAtom(w, op, sizeof(T));
  for (uint32_t left = w.Mask(op); left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    const uint64_t address = a[lane] + op->imm;
    const uint64_t offset = address - view.begin;
    const bool inside = view.usable && offset <= view.last && (address & (sizeof(T) - 1)) == 0;
    uint8_t* at = inside ? view.host + offset : nullptr;
    if (!inside) [[unlikely]] {
      const auto window = static_cast<Window>(op->flags >> kWindowShift);
      at = Resolve(w, op, lane, window, address, sizeof(T), Touch::kUpdate);
      if (at == nullptr) return nullptr;
      view = ViewOfAtom(w, op, sizeof(T));
    }
    T* place = reinterpret_cast<T*>(at);
    const T old = *place;
    *place = f(old, lane, at);
    d[lane] = old;
  }
  return op + 1;
}

template <typename T, typename F>
SOUK_INLINE const Op* EachLane(Warp& w, const Op* op, F f) {
  return op->flags & kNarrowAddress ? OneByOne<T, uint32_t>(w, op, f)
                                    : OneByOne<T, uint64_t>(w, op, f);
}

template <typename T>
const Op* AtomInteger(Warp& w, const Op* op) {
  const auto combine = static_cast<Combine>(op->count);
  const T* b = w.Lanes<T>(op->b);
  const T* c = w.Lanes<T>(op->c);
  if (combine == Combine::kAdd) {
    return EachLane<T>(w, op, [&](T old, uint32_t lane, uint8_t*) {
      return Apply<T>(Combine::kAdd, old, b[lane], 0);
    });
  }
  const bool cas = combine == Combine::kCas;
  return EachLane<T>(w, op, [&](T old, uint32_t lane, uint8_t*) {
    return Apply<T>(combine, old, b[lane], cas ? c[lane] : T{0});
  });
}

const Op* AtomFloat(Warp& w, const Op* op) {
  const float* b = w.Lanes<float>(op->b);
  return EachLane<float>(w, op, [&](float old, uint32_t lane, uint8_t* at) {
    return AddAtomically(old, b[lane], InShared(w, op, at));
  });
}
const Op* AtomDouble(Warp& w, const Op* op) {
  const double* b = w.Lanes<double>(op->b);
  return EachLane<double>(w, op, [&](double old, uint32_t lane, uint8_t*) {
    return Canonical(old + b[lane], old, b[lane]);
  });
}
template <bool kBfloat>
const Op* AtomHalf(Warp& w, const Op* op) {
  const uint16_t* b = w.Lanes<uint16_t>(op->b);
  return EachLane<uint16_t>(
      w, op, [&](uint16_t old, uint32_t lane, uint8_t*) { return AddHalf(old, b[lane], kBfloat); });
}
template <bool kBfloat>
const Op* AtomHalfPair(Warp& w, const Op* op) {
  const uint32_t* b = w.Lanes<uint32_t>(op->b);
  return EachLane<uint32_t>(w, op, [&](uint32_t old, uint32_t lane, uint8_t*) {
    const uint32_t low =
        AddHalf(static_cast<uint16_t>(old), static_cast<uint16_t>(b[lane]), kBfloat);
    const uint32_t high =
        AddHalf(static_cast<uint16_t>(old >> 16), static_cast<uint16_t>(b[lane] >> 16), kBfloat);
    return low | high << 16;
  });
}

// imm bytes from global b to shared a; of them c are read, the rest is zero. Done at once: the
// groups that a program waits for are then always complete.
const Op* CopyAsync(Warp& w, const Op* op) {
  const auto bytes = static_cast<uint32_t>(op->imm);
  const uint64_t* to = w.Lanes<uint64_t>(op->a);
  const uint64_t* from = w.Lanes<uint64_t>(op->b);
  const uint32_t* size = w.Lanes<uint32_t>(op->c);
  for (uint32_t left = w.Mask(op); left != 0; left &= left - 1) {
    const uint32_t lane = static_cast<uint32_t>(__builtin_ctz(left));
    if (size[lane] > bytes) return w.Fail(op, FaultKind::kAsyncSize, lane);
    uint8_t* shared = Resolve(w, op, lane, Window::kShared, to[lane], bytes, Touch::kWrite);
    if (shared == nullptr) return nullptr;
    uint8_t* global = nullptr;
    if (size[lane] != 0) {
      global = Resolve(w, op, lane, Window::kGlobal, from[lane], bytes, Touch::kRead);
      if (global == nullptr) return nullptr;
    }
    for (uint32_t k = 0; k < bytes; ++k) {
      shared[k] = global != nullptr && k < size[lane] ? global[k] : 0;
    }
  }
  return op + 1;
}

}  // namespace

void RegisterAtomics(HandlerTable& t) {
  Put(t, Fn::kAtom, Ty::kU16, &AtomInteger<uint16_t>);
  Put(t, Fn::kAtom, Ty::kU32, &AtomInteger<uint32_t>);
  Put(t, Fn::kAtom, Ty::kS32, &AtomInteger<int32_t>);
  Put(t, Fn::kAtom, Ty::kU64, &AtomInteger<uint64_t>);
  Put(t, Fn::kAtom, Ty::kS64, &AtomInteger<int64_t>);
  Put(t, Fn::kAtom, Ty::kF32, &AtomFloat);
  Put(t, Fn::kAtom, Ty::kF64, &AtomDouble);
  Put(t, Fn::kAtom, Ty::kF16, &AtomHalf<false>);
  Put(t, Fn::kAtom, Ty::kBf16, &AtomHalf<true>);
  Put(t, Fn::kAtom, Ty::kF16x2, &AtomHalfPair<false>);
  Put(t, Fn::kAtom, Ty::kBf16x2, &AtomHalfPair<true>);
  Put(t, Fn::kCopyAsync, Ty::kNone, &CopyAsync);
}

}  // namespace souk::gpu::cpu::SOUK_SIMD
