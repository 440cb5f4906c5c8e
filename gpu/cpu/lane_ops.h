// How handlers are written: a functor says what one lane does, Map1 … Map3 make of it the handler
// of a whole warp and that of some of its lanes. The files that include this are compiled once for
// each SimdLevel, with SOUK_SIMD as the level's namespace: nothing here may have external linkage
// outside that namespace, and no library header with inline functions may be included, or the
// linker could pick, say, AVX-512 code for a machine without it.
//
// A functor computes every lane, also those that do not run, whose results are dropped: it must be
// defined on any bits. dst may be the same register as a source (lane by lane that is harmless) but
// never overlaps it otherwise: registers of different width come from different pools.
#pragma once

#include <cstddef>

#include "gpu/cpu/handlers.h"

#ifndef SOUK_SIMD
#error "set SOUK_SIMD to the namespace of the level"
#endif

#if defined(__clang__)
#define SOUK_LANES(i) \
  _Pragma("clang loop vectorize(assume_safety)") for (int i = 0; i < kLanes; ++i)
#else
#define SOUK_LANES(i) _Pragma("GCC ivdep") for (int i = 0; i < kLanes; ++i)
#endif

namespace souk::gpu::cpu::SOUK_SIMD {

// The types of a functor whose result and operands are all of one type.
template <typename T>
struct Lane1 {
  using D = T;
  using A = T;
};
template <typename T>
struct Lane2 : Lane1<T> {
  using B = T;
};
template <typename T>
struct Lane3 : Lane2<T> {
  using C = T;
};

template <typename T>
SOUK_INLINE bool Runs(T mask, int lane) {
  return (mask >> lane) & 1;
}

template <size_t kBytes>
struct WordOf;
template <>
struct WordOf<2> {
  using Type = uint16_t;
};
template <>
struct WordOf<4> {
  using Type = uint32_t;
};
template <>
struct WordOf<8> {
  using Type = uint64_t;
};

template <typename To, typename From>
SOUK_INLINE To Bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &from, sizeof(to));
  return to;
}

// r where the lane's bit is set, else old. In bit operations: compilers turn a choice between a
// value and what is stored already into a branch around the store, lane by lane.
template <typename D>
SOUK_INLINE D Blend(uint32_t mask, int lane, D r, D old) {
  using U = typename WordOf<sizeof(D)>::Type;
  const U keep = static_cast<U>(U{0} - static_cast<U>((mask >> lane) & 1));
  return Bits<D>(static_cast<U>((Bits<U>(r) & keep) | (Bits<U>(old) & static_cast<U>(~keep))));
}

template <class F>
struct Map1 {
  using D = typename F::D;
  using A = typename F::A;

  static const Op* Full(Warp& w, const Op* op) {
    D* d = w.Lanes<D>(op->dst);
    const A* a = w.Lanes<A>(op->a);
    SOUK_LANES(i) {
      d[i] = F::Do(a[i]);
    }
    return Next(w, op);
  }
  static const Op* Some(Warp& w, const Op* op) {
    const uint32_t mask = w.Mask(op);
    D* d = w.Lanes<D>(op->dst);
    const A* a = w.Lanes<A>(op->a);
    SOUK_LANES(i) {
      const D r = F::Do(a[i]);
      d[i] = Blend(mask, i, r, d[i]);
    }
    return op + 1;
  }
};

template <class F>
struct Map2 {
  using D = typename F::D;
  using A = typename F::A;
  using B = typename F::B;

  static const Op* Full(Warp& w, const Op* op) {
    D* d = w.Lanes<D>(op->dst);
    const A* a = w.Lanes<A>(op->a);
    const B* b = w.Lanes<B>(op->b);
    SOUK_LANES(i) {
      d[i] = F::Do(a[i], b[i]);
    }
    return Next(w, op);
  }
  static const Op* Some(Warp& w, const Op* op) {
    const uint32_t mask = w.Mask(op);
    D* d = w.Lanes<D>(op->dst);
    const A* a = w.Lanes<A>(op->a);
    const B* b = w.Lanes<B>(op->b);
    SOUK_LANES(i) {
      const D r = F::Do(a[i], b[i]);
      d[i] = Blend(mask, i, r, d[i]);
    }
    return op + 1;
  }
};

template <class F>
struct Map3 {
  using D = typename F::D;
  using A = typename F::A;
  using B = typename F::B;
  using C = typename F::C;

  static const Op* Full(Warp& w, const Op* op) {
    D* d = w.Lanes<D>(op->dst);
    const A* a = w.Lanes<A>(op->a);
    const B* b = w.Lanes<B>(op->b);
    const C* c = w.Lanes<C>(op->c);
    SOUK_LANES(i) {
      d[i] = F::Do(a[i], b[i], c[i]);
    }
    return Next(w, op);
  }
  static const Op* Some(Warp& w, const Op* op) {
    const uint32_t mask = w.Mask(op);
    D* d = w.Lanes<D>(op->dst);
    const A* a = w.Lanes<A>(op->a);
    const B* b = w.Lanes<B>(op->b);
    const C* c = w.Lanes<C>(op->c);
    SOUK_LANES(i) {
      const D r = F::Do(a[i], b[i], c[i]);
      d[i] = Blend(mask, i, r, d[i]);
    }
    return op + 1;
  }
};

// The same for functors whose modifiers stand in Op::imm.
template <class F>
struct MapImm1 {
  using D = typename F::D;
  using A = typename F::A;
  static const Op* Some(Warp& w, const Op* op) {
    const uint32_t mask = w.Mask(op);
    const uint64_t imm = op->imm;
    D* d = w.Lanes<D>(op->dst);
    const A* a = w.Lanes<A>(op->a);
    SOUK_LANES(i) {
      const D r = F::Do(a[i], imm);
      d[i] = Blend(mask, i, r, d[i]);
    }
    return op + 1;
  }
};
template <class F>
struct MapImm2 {
  using D = typename F::D;
  using A = typename F::A;
  using B = typename F::B;
  static const Op* Some(Warp& w, const Op* op) {
    const uint32_t mask = w.Mask(op);
    const uint64_t imm = op->imm;
    D* d = w.Lanes<D>(op->dst);
    const A* a = w.Lanes<A>(op->a);
    const B* b = w.Lanes<B>(op->b);
    SOUK_LANES(i) {
      const D r = F::Do(a[i], b[i], imm);
      d[i] = Blend(mask, i, r, d[i]);
    }
    return op + 1;
  }
};
template <class F>
struct MapImm3 {
  using D = typename F::D;
  using A = typename F::A;
  using B = typename F::B;
  using C = typename F::C;
  static const Op* Some(Warp& w, const Op* op) {
    const uint32_t mask = w.Mask(op);
    const uint64_t imm = op->imm;
    D* d = w.Lanes<D>(op->dst);
    const A* a = w.Lanes<A>(op->a);
    const B* b = w.Lanes<B>(op->b);
    const C* c = w.Lanes<C>(op->c);
    SOUK_LANES(i) {
      const D r = F::Do(a[i], b[i], c[i], imm);
      d[i] = Blend(mask, i, r, d[i]);
    }
    return op + 1;
  }
};

template <class F>
void Put1(HandlerTable& t, Fn fn, Ty ty) {
  t.At(fn, ty) = HandlerPair{&Map1<F>::Some, &Map1<F>::Full};
}
template <class F>
void Put2(HandlerTable& t, Fn fn, Ty ty) {
  t.At(fn, ty) = HandlerPair{&Map2<F>::Some, &Map2<F>::Full};
}
template <class F>
void Put3(HandlerTable& t, Fn fn, Ty ty) {
  t.At(fn, ty) = HandlerPair{&Map3<F>::Some, &Map3<F>::Full};
}
template <class F>
void PutImm1(HandlerTable& t, Fn fn, Ty ty) {
  t.At(fn, ty) = HandlerPair{&MapImm1<F>::Some, &MapImm1<F>::Some};
}
template <class F>
void PutImm2(HandlerTable& t, Fn fn, Ty ty) {
  t.At(fn, ty) = HandlerPair{&MapImm2<F>::Some, &MapImm2<F>::Some};
}
template <class F>
void PutImm3(HandlerTable& t, Fn fn, Ty ty) {
  t.At(fn, ty) = HandlerPair{&MapImm3<F>::Some, &MapImm3<F>::Some};
}
inline void Put(HandlerTable& t, Fn fn, Ty ty, Handler handler) {
  t.At(fn, ty) = HandlerPair{handler, handler};
}

template <typename T>
struct UnsignedOf;
template <>
struct UnsignedOf<uint16_t> {
  using Type = uint16_t;
};
template <>
struct UnsignedOf<int16_t> {
  using Type = uint16_t;
};
template <>
struct UnsignedOf<uint32_t> {
  using Type = uint32_t;
};
template <>
struct UnsignedOf<int32_t> {
  using Type = uint32_t;
};
template <>
struct UnsignedOf<uint64_t> {
  using Type = uint64_t;
};
template <>
struct UnsignedOf<int64_t> {
  using Type = uint64_t;
};
template <typename T>
using Unsigned = typename UnsignedOf<T>::Type;
template <typename T>
inline constexpr bool kIsSigned = static_cast<T>(-1) < static_cast<T>(0);
template <typename T>
inline constexpr int kBits = static_cast<int>(sizeof(T) * 8);

void RegisterIntegers(HandlerTable& table);
void RegisterBits(HandlerTable& table);
void RegisterCompares(HandlerTable& table);
void RegisterFloats(HandlerTable& table);
void RegisterHalves(HandlerTable& table);
void RegisterApproximations(HandlerTable& table);
void RegisterConversions(HandlerTable& table);
void RegisterMemory(HandlerTable& table);
void RegisterArrayMemory(HandlerTable& table);
void RegisterAtomics(HandlerTable& table);
void RegisterWarp(HandlerTable& table);
void RegisterMatrices(HandlerTable& table);

}  // namespace souk::gpu::cpu::SOUK_SIMD
