// The verifier's side of a capability challenge (R7): which rows it asks for, and whether what is
// opened are rows of A·B, in O(n²) instead of O(n³).
//
// Freivalds' check (R. Freivalds, "Probabilistic machines can use less running time", IFIP 1977),
// row by row over the field of p = 2^61 − 1: with a secret vector r of independent, uniform
// elements of the field, row c of C is right only if c·r = A_i·(B·r). For a row that differs from
// A_i·B in any element, the difference is not zero modulo p (elements of int32 differ by less than
// 2^33 < p), so exactly one in p choices of r lets it pass: at most 2^-60.9 for each row, 2^-54 for
// 64 of them together and 2^-52 for 256. What was not opened is not checked: with k of n rows
// opened, a prover that has s rows wrong is caught but with probability C(n−s, k)/C(n, k) ≤ (1 −
// s/n)^k.
//
// r and the row numbers follow from one secret, of which the prover knows no more than its digest
// until the verdict reveals it:
//   words of "souk/rows", of "souk/vector"  =  SHA-256(text ‖ secret ‖ challenge ‖ u64 counter)…
//   rows    u32 words modulo n; one that came before is passed over, until there are k; sorted
//   r       the low 61 bits of u64 words; p itself is passed over
// all little-endian.
#pragma once

#include <vector>

#include "gpu/challenge/matrix.h"
#include "gpu/challenge/opening.h"

namespace souk::gpu {

inline constexpr uint64_t kChallengePrime = (uint64_t{1} << 61) - 1;

// What the transcript says up to the row numbers.
struct ProductClaim {
  Digest challenge = {};  // the challenge document's id
  Digest seed = {};       // MatrixSeed
  uint32_t size = 0;
  Digest root = {};
  std::vector<uint32_t> rows = {};
};

// `count` distinct rows of `size`, growing. CHECKs that there are so many.
std::vector<uint32_t> ChosenRows(const Digest& secret, const Digest& challenge, uint32_t size,
                                 uint32_t count);
std::vector<uint64_t> SecretVector(const Digest& secret, const Digest& challenge, uint32_t size);

// (B·r)[t] = Σ B[t][j]·r[j] modulo p. With r[j] = h·2^31 + l, h < 2^30 and l < 2^31, both sums of
// n ≤ 2^16 products with an int8 stay below 2^54, so they are exact in int64.
std::vector<uint64_t> TimesVector(const MatrixKey& key, const std::vector<uint64_t>& r);

// Whether one row of C is row `row` of A·B. `b_r` is B·r.
bool IsRowOfProduct(const MatrixKey& key, uint32_t row, std::span<const int32_t> elements,
                    const std::vector<uint64_t>& r, const std::vector<uint64_t>& b_r);

// Ok where every opened row stands under the root and is right. kMalformed where the bytes are no
// opening of these rows, kMismatch where a proof or a row does not hold; the message says which.
// Takes n² steps (about 2 s at n = 16384) and O(n) memory.
Status CheckOpening(const ProductClaim& claim, const Digest& secret, ByteView opening);

}  // namespace souk::gpu
