// The commitment to C = A·B (R7): an RFC 6962 tree (section 2.1, as gpu/workload/state_root.h) over
// its rows.
//
// So that a device hashes its rows by itself (device_product.h), in parallel, a row is a leaf
// through its segments: a segment is 64 elements, 256 bytes little-endian; the leaf's data are the
// SHA-256 digests of the row's segments, in order, and its hash SHA-256(00 ‖ data). n is a power of
// two, so the tree is perfect and every proof has log2(n) hashes, the leaf's sibling first.
#pragma once

#include <span>
#include <vector>

#include "protocol/base/sha256.h"

namespace souk::gpu {

inline constexpr uint32_t kSegmentElements = 64;

// The leaf hash of a row from its segments' digests (32 bytes each, in order).
Digest RowLeaf(ByteView segment_digests);
// The same from the row itself. Its size is a multiple of kSegmentElements.
Digest RowLeaf(std::span<const int32_t> row);

// Invariant: the number of leaves is a power of two, at least 1.
class ProductTree {
 public:
  explicit ProductTree(std::vector<Digest> leaves);
  const Digest& root() const { return levels_.back()[0]; }
  std::vector<Digest> Proof(uint32_t row) const;

 private:
  std::vector<std::vector<Digest>> levels_ = {};  // leaves first
};

// Hashes in a proof of a tree of so many leaves, a power of two.
uint32_t ProofHashes(uint32_t leaves);
Digest RootFromProof(const Digest& leaf, uint32_t row, std::span<const Digest> proof);

}  // namespace souk::gpu
