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

constexpr uint32_t kGroup = 4;  // lanes that share a place across

// Lane i's element e of a piece stands at across + i / 4, along + i % 4 * width + e.
struct Place {
  uint32_t across;
  uint32_t along;
};
SOUK_INLINE Place PlaceOf(uint32_t piece, uint32_t across, uint32_t along, uint32_t width,
                          bool along_first) {
  const uint32_t step = kGroup * width;
  const uint32_t count = along_first ? along / step : across / 8;
  const uint32_t inner = piece % count;
  const uint32_t outer = piece / count;
  return along_first ? Place{outer * 8, inner * step} : Place{inner * 8, outer * step};
}

template <typename T>
SOUK_INLINE T Element(uint32_t word, uint32_t e, Multiplicand kind) {
  if constexpr (sizeof(T) == 4 && !kIsSigned<T>) {
    const uint32_t byte = word >> (8 * e) & 0xff;
    return kind == Multiplicand::kS8 ? static_cast<uint32_t>(static_cast<int8_t>(byte)) : byte;
  } else {
    if (kind == Multiplicand::kTf32) return Bits<float>(word & 0xffffe000);
    const auto half = static_cast<uint16_t>(word >> (16 * e));
    return kind == Multiplicand::kF16 ? HalfToFloat(half) : Bf16ToFloat(half);
  }
}
SOUK_INLINE uint32_t WidthOf(Multiplicand kind) {
  switch (kind) {
    case Multiplicand::kF16:
    case Multiplicand::kBf16:
      return 2;
    case Multiplicand::kU8:
    case Multiplicand::kS8:
      return 4;
    default:
      return 1;
  }
}

// A as rows of k, or B as rows of n (`turned`): what the innermost loop runs over is contiguous.
template <typename T>
SOUK_INLINE uint32_t Gather(Warp& w, const uint32_t* slots, uint32_t across, uint32_t along,
                            Multiplicand kind, bool turned, T* to) {
  const uint32_t width = WidthOf(kind);
  const uint32_t pieces = across / 8 * (along / (kGroup * width));
  for (uint32_t p = 0; p < pieces; ++p) {
    const Place at = PlaceOf(p, across, along, width, turned);
    for (uint32_t e = 0; e < width; ++e) {
      alignas(64) T values[kLanes];
      if constexpr (sizeof(T) == 8) {
        const T* from = w.Lanes<T>(slots[p]);
        SOUK_LANES(i) {
          values[i] = from[i];
        }
      } else {
        const uint32_t* from = w.Lanes<uint32_t>(slots[p]);
        SOUK_LANES(i) {
          values[i] = Element<T>(from[i], e, kind);
        }
      }
      for (uint32_t i = 0; i < kLanes; ++i) {
        const uint32_t x = at.across + i / kGroup;
        const uint32_t y = at.along + i % kGroup * width + e;
        to[turned ? y * across + x : x * along + y] = values[i];
      }
    }
  }
  return pieces;
}

// Calls act(slot, half, from, step): where element after element of a register of C or D stands in
// rows of n. half: 0 or 1 where a register holds two.
template <typename F>
SOUK_INLINE uint32_t ForAccumulators(const uint32_t* slots, const Product& p, bool half, F act) {
  const uint32_t pieces = p.m / 8 * (p.n / 8);
  for (uint32_t i = 0; i < pieces; ++i) {
    const Place at = PlaceOf(i, p.m, p.n, 2, false);
    for (uint32_t e = 0; e < 2; ++e) {
      act(slots[half ? i : 2 * i + e], e, at.across * p.n + at.along + e);
    }
  }
  return half ? pieces : 2 * pieces;
}
SOUK_INLINE uint32_t OffsetOf(uint32_t lane, uint32_t n) {
  return lane / kGroup * n + lane % kGroup * 2;
}

struct FloatSum {
  static float Do(float a, float b, float sum) { return sum + a * b; }
};
struct DoubleSum {
  static double Do(double a, double b, double sum) { return Canonical(Fma(a, b, sum), a, b, sum); }
};
struct WordSum {
  static uint32_t Do(uint32_t a, uint32_t b, uint32_t sum) { return sum + a * b; }
};

template <class F, typename T, uint32_t kColumns>
void Accumulate(const T* a, const T* b, T* sums, uint32_t m, uint32_t k) {
  for (uint32_t i = 0; i < m; ++i) {
    T row[kColumns];
    for (uint32_t j = 0; j < kColumns; ++j) row[j] = sums[i * kColumns + j];
    for (uint32_t x = 0; x < k; ++x) {
      const T factor = a[i * k + x];
      for (uint32_t j = 0; j < kColumns; ++j) row[j] = F::Do(factor, b[x * kColumns + j], row[j]);
    }
    for (uint32_t j = 0; j < kColumns; ++j) sums[i * kColumns + j] = row[j];
  }
}
template <class F, typename T>
SOUK_INLINE void AccumulateAny(const T* a, const T* b, T* sums, const Product& p) {
  if (p.n == 8) return Accumulate<F, T, 8>(a, b, sums, p.m, p.k);
  if (p.n == 16) return Accumulate<F, T, 16>(a, b, sums, p.m, p.k);
  return Accumulate<F, T, 32>(a, b, sums, p.m, p.k);
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

const Op* MultiplyFloats(Warp& w, const Op* op) {
  const Product p = Product::Unpack(op->imm);
  Matrices<float> x;
  const uint32_t* slots = SourceSlots(w, op, p);
  slots += Gather(w, slots, p.m, p.k, p.a, false, x.a);
  slots += Gather(w, slots, p.n, p.k, p.b, true, x.b);
  ForAccumulators(slots, p, p.half_c, [&](uint32_t slot, uint32_t e, uint32_t first) {
    const uint32_t* from = w.Lanes<uint32_t>(slot);
    for (uint32_t i = 0; i < kLanes; ++i) {
      const auto half = static_cast<uint16_t>(from[i] >> (16 * e));
      x.sums[first + OffsetOf(i, p.n)] = p.half_c ? HalfToFloat(half) : Bits<float>(from[i]);
    }
  });
  AccumulateAny<FloatSum>(x.a, x.b, x.sums, p);
  ForAccumulators(w.extra + op->extra, p, p.half_d, [&](uint32_t slot, uint32_t e, uint32_t first) {
    uint32_t* to = w.Lanes<uint32_t>(slot);
    for (uint32_t i = 0; i < kLanes; ++i) {
      const float sum = x.sums[first + OffsetOf(i, p.n)];
      if (!p.half_d) {
        to[i] = Bits<uint32_t>(Canonical(sum));
      } else {
        const uint32_t half = FloatToHalf(sum);
        to[i] = e == 0 ? half : to[i] | half << 16;
      }
    }
  });
  return op + 1;
}

const Op* MultiplyDoubles(Warp& w, const Op* op) {
  const Product p = Product::Unpack(op->imm);
  Matrices<double> x;
  const uint32_t* slots = SourceSlots(w, op, p);
  slots += Gather(w, slots, p.m, p.k, p.a, false, x.a);
  slots += Gather(w, slots, p.n, p.k, p.b, true, x.b);
  ForAccumulators(slots, p, false, [&](uint32_t slot, uint32_t, uint32_t first) {
    const double* from = w.Lanes<double>(slot);
    for (uint32_t i = 0; i < kLanes; ++i) x.sums[first + OffsetOf(i, p.n)] = from[i];
  });
  AccumulateAny<DoubleSum>(x.a, x.b, x.sums, p);
  ForAccumulators(w.extra + op->extra, p, false, [&](uint32_t slot, uint32_t, uint32_t first) {
    double* to = w.Lanes<double>(slot);
    for (uint32_t i = 0; i < kLanes; ++i) to[i] = x.sums[first + OffsetOf(i, p.n)];
  });
  return op + 1;
}

// The sum of the products fits in 32 bits; only C may take it beyond.
const Op* MultiplyBytes(Warp& w, const Op* op) {
  const Product p = Product::Unpack(op->imm);
  Matrices<uint32_t> x;
  const uint32_t* slots = SourceSlots(w, op, p);
  slots += Gather(w, slots, p.m, p.k, p.a, false, x.a);
  slots += Gather(w, slots, p.n, p.k, p.b, true, x.b);
  for (uint32_t i = 0; i < p.m * p.n; ++i) x.sums[i] = 0;
  AccumulateAny<WordSum>(x.a, x.b, x.sums, p);
  ForAccumulators(slots, p, false, [&](uint32_t slot, uint32_t, uint32_t first) {
    const uint32_t* from = w.Lanes<uint32_t>(slot);
    for (uint32_t i = 0; i < kLanes; ++i) {
      uint32_t& sum = x.sums[first + OffsetOf(i, p.n)];
      const int64_t exact =
          int64_t{static_cast<int32_t>(sum)} + int64_t{static_cast<int32_t>(from[i])};
      const int64_t most = INT32_MAX;
      const int64_t least = INT32_MIN;
      const int64_t clamped = exact > most ? most : exact < least ? least : exact;
      sum = static_cast<uint32_t>(p.satfinite ? clamped : exact);
    }
  });
  ForAccumulators(w.extra + op->extra, p, false, [&](uint32_t slot, uint32_t, uint32_t first) {
    uint32_t* to = w.Lanes<uint32_t>(slot);
    for (uint32_t i = 0; i < kLanes; ++i) to[i] = x.sums[first + OffsetOf(i, p.n)];
  });
  return op + 1;
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
  Put(t, Fn::kMultiply, Ty::kF32, &MultiplyFloats);
  Put(t, Fn::kMultiply, Ty::kF64, &MultiplyDoubles);
  Put(t, Fn::kMultiply, Ty::kS32, &MultiplyBytes);
  Put(t, Fn::kDistribute, Ty::kU32, &Distribute);
}

}  // namespace souk::gpu::cpu::SOUK_SIMD
