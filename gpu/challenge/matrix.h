// The matrices of a capability challenge (R7), as the verifier's CPU and the prover's device make
// them alike: from a seed that nobody knew before the challenge was asked.
//
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC
// 2011) is the generator: counter-based, so that any element is found without the others; 32-bit
// multiplications and xors only, which every GPU has at full rate; and without structure that a
// product of such matrices could be had cheaper by. It is no cipher and need not be: the seed is
// fresh and public, and what has to stay secret (verify.h) comes from SHA-256.
//
//   seed   = SHA-256("souk/matrix" ‖ nonce ‖ prover ‖ lease ‖ u32 length of device ‖ device)
//   s0…s7  = the seed as little-endian u32
//   block b of matrix m:  Philox4x32-10 with key (s0, s1), counter (b, m, s2, s3)
//
// A block's four words, little-endian, are 16 elements of int8. A (m = 0) lies row by row. Of B
// (m = 1) the transpose does, so that both are read along the sum: element i·n + t of A is A[i][t],
// element j·n + t of Bᵀ is B[t][j].
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/base/sha256.h"

namespace souk::gpu {

// C = A·B is exact in int32: |C[i][j]| ≤ n·2^14 ≤ 2^30.
inline constexpr uint32_t kLeastProduct = 64;
inline constexpr uint32_t kMostProduct = 65'536;
// A power of two between the two.
bool IsProductSize(uint32_t size);

inline constexpr uint32_t kBlockElements = 16;

enum class Matrix : uint32_t { kA = 0, kBTransposed = 1 };

// `prover`: the 32 bytes of the provider's identity.
Digest MatrixSeed(const Digest& nonce, ByteView prover, const Digest& lease,
                  std::string_view device);

std::array<uint32_t, 4> Philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key);

// What a seed fixes; the kernel that fills a matrix gets the same words.
struct MatrixKey {
  explicit MatrixKey(const Digest& seed);
  std::array<uint32_t, 2> key = {};
  std::array<uint32_t, 2> high = {};  // of the counter
};

// Row `row` of A, or of Bᵀ, into `out`, whose size is n.
void FillRow(const MatrixKey& key, Matrix matrix, uint32_t row, std::span<int8_t> out);

}  // namespace souk::gpu
