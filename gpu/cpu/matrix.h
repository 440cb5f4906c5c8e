// How a matrix product's shape and types stand in Op::imm.
#pragma once

#include <cstdint>

#include "gpu/cpu/warp.h"

namespace souk::gpu::cpu {

// kMultiply: D = A·B + C. Op's further registers are those of D, A, B and C in the order of their
// pieces (ptx/matrix.h). Ty is the type of A and B, with kF32 for .tf32, and where only A is signed
// kS16, only B kU16.
struct Product {
  uint32_t m = 0;
  uint32_t n = 0;
  uint32_t k = 0;
  bool half_c = false;  // of .f16
  bool half_d = false;
  bool satfinite = false;
  uint8_t rounding = 0;  // Round; of doubles

  SOUK_INLINE uint64_t Pack() const {
    return uint64_t{m} | uint64_t{n} << 8 | uint64_t{k} << 16 | uint64_t{half_c} << 24 |
           uint64_t{half_d} << 25 | uint64_t{satfinite} << 26 | uint64_t{rounding} << 27;
  }
  static SOUK_INLINE Product Unpack(uint64_t imm) {
    Product p;
    p.m = imm & 0xff;
    p.n = imm >> 8 & 0xff;
    p.k = imm >> 16 & 0xff;
    p.half_c = (imm >> 24 & 1) != 0;
    p.half_d = (imm >> 25 & 1) != 0;
    p.satfinite = (imm >> 26 & 1) != 0;
    p.rounding = imm >> 27 & 3;
    return p;
  }
};
inline constexpr uint32_t kMostAcross = 32;  // of m and n
inline constexpr uint32_t kMostAlong = 32;   // of k

// kDistribute: Op::count matrices, imm & 1: transposed. Further registers: one of each matrix, then
// the four words of the rows that each lane has loaded.
inline constexpr uint32_t kRowWords = 4;
inline constexpr uint64_t kTransposed = 1;

// The lane that has loaded the row, and the word in it, of what `lane` gets of a matrix; half: 0 or
// 1, of the two elements. Transposed: the other element of the word it is not in is the next
// lane's.
struct RowPlace {
  uint32_t lane;
  uint32_t word;
};
SOUK_INLINE RowPlace SourceOf(uint32_t lane, uint32_t matrix, uint32_t half, bool transposed) {
  if (transposed) return RowPlace{8 * matrix + lane % 4 * 2 + half, lane / 8};
  return RowPlace{8 * matrix + lane / 4, lane % 4};
}

}  // namespace souk::gpu::cpu
