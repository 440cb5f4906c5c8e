// A product on the host, as an honest prover's device makes it.
#pragma once

#include <numeric>
#include <vector>

#include "gpu/challenge/verify.h"

namespace souk::gpu {

using Rows = std::vector<std::vector<int32_t>>;

inline std::vector<std::vector<int8_t>> HostMatrix(const Digest& seed, Matrix matrix, uint32_t n) {
  const MatrixKey key(seed);
  std::vector<std::vector<int8_t>> out(n, std::vector<int8_t>(n));
  for (uint32_t i = 0; i < n; ++i) FillRow(key, matrix, i, out[i]);
  return out;
}

inline Rows HostProduct(const Digest& seed, uint32_t n) {
  const auto a = HostMatrix(seed, Matrix::kA, n);
  const auto b = HostMatrix(seed, Matrix::kBTransposed, n);
  Rows c(n, std::vector<int32_t>(n));
  for (uint32_t i = 0; i < n; ++i) {
    for (uint32_t j = 0; j < n; ++j) {
      c[i][j] = std::inner_product(a[i].begin(), a[i].end(), b[j].begin(), int32_t{0});
    }
  }
  return c;
}

inline ProductTree TreeOf(const Rows& rows) {
  std::vector<Digest> leaves;
  for (const auto& row : rows) leaves.push_back(RowLeaf(row));
  return ProductTree(std::move(leaves));
}

inline Bytes OpeningOf(const Rows& c, const ProductTree& tree, const std::vector<uint32_t>& rows) {
  Opening opening{.size = static_cast<uint32_t>(c.size())};
  for (const uint32_t row : rows) opening.rows.push_back({row, c[row], tree.Proof(row)});
  return EncodeOpening(opening);
}

inline Digest NumberedDigest(std::string_view what, uint64_t number) {
  Bytes bytes;
  PutLe(bytes, number);
  return Sha256Hasher().Update(AsBytes(what)).Update(bytes).Finish();
}

inline Digest TestSeed(uint64_t number = 0) {
  return MatrixSeed(NumberedDigest("nonce", number), NumberedDigest("prover", 0).view(),
                    NumberedDigest("lease", 0), "GPU-1");
}

}  // namespace souk::gpu
