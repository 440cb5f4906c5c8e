// Matrix products of a warp, and the rows of ldmatrix among its lanes: PTX ISA 9.7.14.
//
// Floats: "the accumulation order, rounding … of intermediate operations is unspecified". Here each
// element of D begins as C's; the products are added to it in the order of k, each rounded to .f32,
// which changes it only where it over- or underflows; each sum is rounded to .f32, and a .f16 D
// once more at the end. Of .tf32 the lower 13 bits are not looked at. Doubles: one fma after
// another. Integers are exact.
#include "gpu/cpu/matrix.h"

#include "gpu/cpu/float_core.h"

namespace souk::gpu::cpu::SOUK_SIMD {
namespace {

constexpr uint32_t kGroup = 4;   // lanes that share a place across
constexpr uint32_t kGroups = 8;  // of a warp

// The first element of a piece of lane 0. Lane i's stands i / 4 further across and i % 4 * width
// further along: a piece of all lanes is a tile of 8 by 4 · width, row after row where across is
// down.
struct Place {
  uint32_t across;
  uint32_t along;
};
SOUK_INLINE Place PlaceOf(uint32_t piece, uint32_t across, uint32_t along, uint32_t width,
                          bool along_first) {
  const uint32_t step = kGroup * width;
  const uint32_t count = along_first ? along / step : across / kGroups;
  const uint32_t inner = piece % count;
  const uint32_t outer = piece / count;
  return along_first ? Place{outer * kGroups, inner * step} : Place{inner * kGroups, outer * step};
}

// How A's and B's elements stand in registers, one after another through all lanes, and what they
// are computed as.
struct F16 {
  using Stored = uint16_t;
  static float Value(uint16_t v) { return HalfToFloat(v); }
};
struct Bf16 {
  using Stored = uint16_t;
  static float Value(uint16_t v) { return Bf16ToFloat(v); }
};
struct Tf32 {
  using Stored = uint32_t;
  static float Value(uint32_t v) { return Bits<float>(v & 0xffffe000); }
};
struct F64 {
  using Stored = double;
  static double Value(double v) { return v; }
};
struct U8 {
  using Stored = uint8_t;
  static uint32_t Value(uint8_t v) { return v; }
};
struct S8 {
  using Stored = int8_t;
  static uint32_t Value(int8_t v) { return static_cast<uint32_t>(v); }
};

// A as rows of k, B (turned) as rows of n: what the innermost loop runs over is contiguous. Returns
// the number of registers.
template <class E, bool kTurned, typename T>
uint32_t Gather(Warp& w, const uint32_t* slots, uint32_t across, uint32_t along, T* to) {
  using Stored = typename E::Stored;
  constexpr uint32_t kWidth = sizeof(Stored) >= 4 ? 1 : 4 / sizeof(Stored);
  constexpr uint32_t kStep = kGroup * kWidth;
  const uint32_t pieces = across / kGroups * (along / kStep);
  for (uint32_t p = 0; p < pieces; ++p) {
    const Place at = PlaceOf(p, across, along, kWidth, kTurned);
    const Stored* from = w.Lanes<Stored>(slots[p]);
    alignas(64) T tile[kGroups * kStep];
    for (uint32_t i = 0; i < kGroups * kStep; ++i) tile[i] = E::Value(from[i]);
    if constexpr (kTurned) {
      T* corner = to + at.along * across + at.across;
      for (uint32_t y = 0; y < kStep; ++y) {
        for (uint32_t x = 0; x < kGroups; ++x) corner[y * across + x] = tile[x * kStep + y];
      }
    } else {
      T* corner = to + at.across * along + at.along;
      for (uint32_t x = 0; x < kGroups; ++x) {
        for (uint32_t y = 0; y < kStep; ++y) corner[x * along + y] = tile[x * kStep + y];
      }
    }
  }
  return pieces;
}

// What is read of the matrices was gathered before: the analyzer does not follow their sizes, and
// clearing them would take longer than the product. NOLINTBEGIN(clang-analyzer-core.*)

// C's and D's tiles of 8 × 8, as rows of n.
constexpr uint32_t kTile = 64;
template <typename T>
SOUK_INLINE void PutTile(const T* tile, Place at, uint32_t n, T* sums) {
  T* corner = sums + at.across * n + at.along;
  for (uint32_t x = 0; x < 8; ++x) {
    for (uint32_t y = 0; y < 8; ++y) corner[x * n + y] = tile[8 * x + y];
  }
}
template <typename T>
SOUK_INLINE void TakeTile(const T* sums, Place at, uint32_t n, T* tile) {
  const T* corner = sums + at.across * n + at.along;
  for (uint32_t x = 0; x < 8; ++x) {
    for (uint32_t y = 0; y < 8; ++y) tile[8 * x + y] = corner[x * n + y];
  }
}

// Two registers hold a tile's neighbours, lane by lane.
template <typename T>
void GatherSums(Warp& w, const uint32_t* slots, const Product& p, T* sums) {
  const uint32_t pieces = p.m / 8 * (p.n / 8);
  for (uint32_t i = 0; i < pieces; ++i) {
    const T* left = w.Lanes<T>(slots[2 * i]);
    const T* right = w.Lanes<T>(slots[2 * i + 1]);
    alignas(64) T tile[kTile];
    for (uint32_t k = 0; k < kLanes; ++k) {
      tile[2 * k] = left[k];
      tile[2 * k + 1] = right[k];
    }
    PutTile(tile, PlaceOf(i, p.m, p.n, 2, false), p.n, sums);
  }
}
template <typename T, class F>
void ScatterSums(Warp& w, const uint32_t* slots, const Product& p, const T* sums, F value) {
  const uint32_t pieces = p.m / 8 * (p.n / 8);
  for (uint32_t i = 0; i < pieces; ++i) {
    T* left = w.Lanes<T>(slots[2 * i]);
    T* right = w.Lanes<T>(slots[2 * i + 1]);
    alignas(64) T tile[kTile];
    TakeTile(sums, PlaceOf(i, p.m, p.n, 2, false), p.n, tile);
    for (uint32_t k = 0; k < kLanes; ++k) {
      left[k] = value(tile[2 * k]);
      right[k] = value(tile[2 * k + 1]);
    }
  }
}
// One register of halves holds a tile.
void GatherHalfSums(Warp& w, const uint32_t* slots, const Product& p, float* sums) {
  const uint32_t pieces = p.m / 8 * (p.n / 8);
  for (uint32_t i = 0; i < pieces; ++i) {
    const uint16_t* from = w.Lanes<uint16_t>(slots[i]);
    alignas(64) float tile[kTile];
    for (uint32_t k = 0; k < kTile; ++k) tile[k] = HalfToFloat(from[k]);
    PutTile(tile, PlaceOf(i, p.m, p.n, 2, false), p.n, sums);
  }
}
void ScatterHalfSums(Warp& w, const uint32_t* slots, const Product& p, const float* sums) {
  const uint32_t pieces = p.m / 8 * (p.n / 8);
  for (uint32_t i = 0; i < pieces; ++i) {
    uint16_t* to = w.Lanes<uint16_t>(slots[i]);
    alignas(64) float tile[kTile];
    TakeTile(sums, PlaceOf(i, p.m, p.n, 2, false), p.n, tile);
    for (uint32_t k = 0; k < kTile; ++k) to[k] = FloatToHalf(tile[k]);
  }
}

// Rows of a multiple of 8, as vectors of the compiler's, which it does not find by itself here.
template <typename T, uint32_t kColumns>
void Accumulate(const T* a, const T* b, T* sums, uint32_t m, uint32_t k) {
  typedef T Eight __attribute__((vector_size(8 * sizeof(T))));
  constexpr uint32_t kVectors = kColumns / 8;
  for (uint32_t i = 0; i < m; ++i) {
    auto* const row = reinterpret_cast<Eight*>(sums + i * kColumns);
    Eight sum[kVectors];
    for (uint32_t j = 0; j < kVectors; ++j) sum[j] = row[j];
    for (uint32_t x = 0; x < k; ++x) {
      const auto* const from = reinterpret_cast<const Eight*>(b + x * kColumns);
      const T factor = a[i * k + x];
      for (uint32_t j = 0; j < kVectors; ++j) sum[j] = sum[j] + factor * from[j];
    }
    for (uint32_t j = 0; j < kVectors; ++j) row[j] = sum[j];
  }
}
template <typename T>
SOUK_INLINE void AccumulateAny(const T* a, const T* b, T* sums, const Product& p) {
  if (p.n == 8) return Accumulate<T, 8>(a, b, sums, p.m, p.k);
  if (p.n == 16) return Accumulate<T, 16>(a, b, sums, p.m, p.k);
  return Accumulate<T, 32>(a, b, sums, p.m, p.k);
}
void AccumulateDoubles(const double* a, const double* b, double* sums, const Product& p) {
  for (uint32_t i = 0; i < p.m; ++i) {
    double* const row = sums + i * p.n;
    for (uint32_t x = 0; x < p.k; ++x) {
      for (uint32_t j = 0; j < p.n; ++j) row[j] = Fma(a[i * p.k + x], b[x * p.n + j], row[j]);
    }
  }
}
// Operands and results are volatile so that the arithmetic stays between the two changes of mode.
void AccumulateDirected(const double* a, const double* b, double* sums, const Product& p) {
  fesetround(HostMode(static_cast<Round>(p.rounding)));
  for (uint32_t i = 0; i < p.m; ++i) {
    for (uint32_t j = 0; j < p.n; ++j) {
      volatile double sum = sums[i * p.n + j];
      for (uint32_t x = 0; x < p.k; ++x) {
        volatile double from_a = a[i * p.k + x];
        volatile double from_b = b[x * p.n + j];
        sum = Fma(from_a, from_b, sum);
      }
      sums[i * p.n + j] = sum;
    }
  }
  fesetround(FE_TONEAREST);
}

template <typename T>
struct Matrices {
  alignas(64) T a[kMostAcross * kMostAlong];
  alignas(64) T b[kMostAcross * kMostAlong];
  alignas(64) T sums[kMostAcross * kMostAcross];
};

// The slots of A, B and C stand behind those of D.
SOUK_INLINE const uint32_t* SourceSlots(Warp& w, const Op* op, const Product& p) {
  return w.extra + op->extra + p.m / 8 * (p.n / 8) * (p.half_d ? 1 : 2);
}
template <class A, class B, typename T>
SOUK_INLINE const uint32_t* GatherBoth(Warp& w, const uint32_t* slots, const Product& p,
                                       Matrices<T>& x) {
  slots += Gather<A, false>(w, slots, p.m, p.k, x.a);
  return slots + Gather<B, true>(w, slots, p.n, p.k, x.b);
}

template <class E>
const Op* MultiplyFloats(Warp& w, const Op* op) {
  const Product p = Product::Unpack(op->imm);
  Matrices<float> x;
  const uint32_t* const c = GatherBoth<E, E>(w, SourceSlots(w, op, p), p, x);
  if (p.half_c) {
    GatherHalfSums(w, c, p, x.sums);
  } else {
    GatherSums(w, c, p, x.sums);
  }
  AccumulateAny(x.a, x.b, x.sums, p);
  if (p.half_d) {
    ScatterHalfSums(w, w.extra + op->extra, p, x.sums);
  } else {
    ScatterSums(w, w.extra + op->extra, p, x.sums, [](float v) { return Canonical(v); });
  }
  return op + 1;
}

const Op* MultiplyDoubles(Warp& w, const Op* op) {
  const Product p = Product::Unpack(op->imm);
  Matrices<double> x;
  const uint32_t* const c = GatherBoth<F64, F64>(w, SourceSlots(w, op, p), p, x);
  GatherSums(w, c, p, x.sums);
  if (p.rounding == static_cast<uint8_t>(Round::kNearest)) {
    AccumulateDoubles(x.a, x.b, x.sums, p);
  } else {
    AccumulateDirected(x.a, x.b, x.sums, p);
  }
  ScatterSums(w, w.extra + op->extra, p, x.sums, [](double v) { return Canonical(v, 0.0); });
  return op + 1;
}

SOUK_INLINE uint32_t Clamped(int64_t v) {
  const int64_t most = INT32_MAX;
  const int64_t least = INT32_MIN;
  return static_cast<uint32_t>(v > most ? most : v < least ? least : v);
}

// The sum of the products fits in 32 bits; only C may take it beyond.
template <class A, class B>
const Op* MultiplyBytes(Warp& w, const Op* op) {
  const Product p = Product::Unpack(op->imm);
  Matrices<uint32_t> x;
  const uint32_t* const c = GatherBoth<A, B>(w, SourceSlots(w, op, p), p, x);
  if (!p.satfinite) {
    GatherSums(w, c, p, x.sums);
    AccumulateAny(x.a, x.b, x.sums, p);
  } else {
    alignas(64) uint32_t before[kMostAcross * kMostAcross];
    GatherSums(w, c, p, before);
    for (uint32_t i = 0; i < p.m * p.n; ++i) x.sums[i] = 0;
    AccumulateAny(x.a, x.b, x.sums, p);
    for (uint32_t i = 0; i < p.m * p.n; ++i) {
      const auto sum = static_cast<int32_t>(x.sums[i]);
      x.sums[i] = Clamped(int64_t{sum} + static_cast<int32_t>(before[i]));
    }
  }
  ScatterSums(w, w.extra + op->extra, p, x.sums, [](uint32_t v) { return v; });
  return op + 1;
}

// NOLINTEND(clang-analyzer-core.*)

const Op* MatrixAddress(Warp& w, const Op* op) {
  const bool varies = op->b != 0;
  const uint64_t* base = w.Lanes<uint64_t>(op->a);
  const uint64_t* strides = varies ? w.Lanes<uint64_t>(op->b) : base;
  uint64_t differs = 0;
  SOUK_LANES(i) {
    differs |= (base[i] ^ base[0]) | (strides[i] ^ strides[0]);
  }
  if (differs != 0) return w.Fail(op, FaultKind::kDivergentMatrix, 0);
  const uint64_t align = op->imm & 0xff;
  const uint64_t stride = varies ? strides[0] : op->imm >> 8;
  const uint64_t low = base[0] & (align - 1);
  if (low == 0 && (stride & (align - 1)) == 0) return op + 1;
  const auto window = static_cast<Window>(op->flags >> kWindowShift);
  return w.FailAccess(op, FaultKind::kMisaligned, 0, window, low != 0 ? base[0] : base[0] + stride,
                      static_cast<uint32_t>(align), op->count != 0);
}

const Op* Distribute(Warp& w, const Op* op) {
  const uint32_t* slots = w.extra + op->extra;
  const bool transposed = (op->imm & kTransposed) != 0;
  uint32_t words[kRowWords][kLanes];
  for (uint32_t word = 0; word < kRowWords; ++word) {
    const uint32_t* from = w.Lanes<uint32_t>(slots[op->count + word]);
    for (uint32_t i = 0; i < kLanes; ++i) words[word][i] = from[i];
  }
  for (uint32_t matrix = 0; matrix < op->count; ++matrix) {
    uint32_t* to = w.Lanes<uint32_t>(slots[matrix]);
    for (uint32_t i = 0; i < kLanes; ++i) {
      const RowPlace low = SourceOf(i, matrix, 0, transposed);
      const RowPlace high = SourceOf(i, matrix, 1, transposed);
      const uint32_t shift = i / kGroup % 2 * 16;  // of the column's half, where transposed
      to[i] = transposed ? (words[low.word][low.lane] >> shift & 0xffff) |
                               (words[high.word][high.lane] >> shift & 0xffff) << 16
                         : words[low.word][low.lane];
    }
  }
  return op + 1;
}

}  // namespace

void RegisterMatrices(HandlerTable& t) {
  Put(t, Fn::kMultiply, Ty::kF16, &MultiplyFloats<F16>);
  Put(t, Fn::kMultiply, Ty::kBf16, &MultiplyFloats<Bf16>);
  Put(t, Fn::kMultiply, Ty::kF32, &MultiplyFloats<Tf32>);
  Put(t, Fn::kMultiply, Ty::kF64, &MultiplyDoubles);
  Put(t, Fn::kMultiply, Ty::kU8, &MultiplyBytes<U8, U8>);
  Put(t, Fn::kMultiply, Ty::kS8, &MultiplyBytes<S8, S8>);
  Put(t, Fn::kMultiply, Ty::kU16, &MultiplyBytes<U8, S8>);
  Put(t, Fn::kMultiply, Ty::kS16, &MultiplyBytes<S8, U8>);
  Put(t, Fn::kMatrixAddress, Ty::kU64, &MatrixAddress);
  Put(t, Fn::kDistribute, Ty::kU32, &Distribute);
}

}  // namespace souk::gpu::cpu::SOUK_SIMD
