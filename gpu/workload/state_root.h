// Merkle roots over device memory and over a run's commitments (R7), hashed as RFC 6962
// section 2.1: leaf = SHA-256(00 ‖ data), node = SHA-256(01 ‖ left ‖ right), split at the largest
// power of two.
#pragma once

#include <span>
#include <vector>

#include "gpu/workload/commitment.h"
#include "protocol/base/bytes.h"

namespace souk::gpu {

inline constexpr uint64_t kStatePageBytes = 4096;

// Takes leaves one by one; memory is logarithmic in their number.
class MerkleRoot {
 public:
  void Add(ByteView leaf);
  // A leaf by its hash.
  void AddHash(const Digest& leaf);
  // The root of all so far; SHA-256 of nothing where there are none.
  Digest Root() const;
  uint64_t leaves() const { return leaves_; }

 private:
  uint64_t leaves_ = 0;
  std::vector<Digest> peaks_;  // perfect subtrees, largest first
};

// The audit path of a leaf (RFC 6962 section 2.1.1), its sibling first.
std::vector<Digest> MerklePath(std::span<const Digest> leaf_hashes, uint64_t leaf);
// The root to which the path leads; compare it. `path` of a wrong length gives a wrong root.
Digest RootOfPath(const Digest& leaf_hash, uint64_t leaf, uint64_t leaves,
                  std::span<const Digest> path);
Digest LeafHash(ByteView leaf);

// How a state is cut: the buffers in order of declaration, each in pages of kStatePageBytes of
// which its last may be shorter.
class StatePages {
 public:
  explicit StatePages(std::vector<uint64_t> buffer_bytes);
  struct Place {
    size_t buffer = 0;
    uint64_t offset = 0;
    uint64_t bytes = 0;
  };
  uint64_t count() const { return first_.back(); }
  Place PlaceOf(uint64_t page) const;  // page < count()
  uint64_t PageOf(size_t buffer, uint64_t offset) const;
  const std::vector<uint64_t>& buffer_bytes() const { return bytes_; }

 private:
  std::vector<uint64_t> bytes_;
  std::vector<uint64_t> first_;  // page of each buffer, then the count
};

// The hash of every page of a state, kept from commitment to commitment.
class StateTree {
 public:
  explicit StateTree(uint64_t pages) : hashes_(pages) {}
  // True where the page is not what it was.
  bool Set(uint64_t page, ByteView bytes);
  Digest Root() const;
  const std::vector<Digest>& hashes() const { return hashes_; }

 private:
  std::vector<Digest> hashes_;
};

// Leaves: launch as u64 little-endian, then the state root.
Digest CommitmentsRoot(const std::vector<Commitment>& commitments);

}  // namespace souk::gpu
