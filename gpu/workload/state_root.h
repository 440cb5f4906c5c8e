// Merkle roots over device memory and over a run's commitments (R7), hashed as RFC 6962
// section 2.1: leaf = SHA-256(00 ‖ data), node = SHA-256(01 ‖ left ‖ right), split at the largest
// power of two.
#pragma once

#include "gpu/workload/run.h"

namespace souk::gpu {

inline constexpr uint64_t kStatePageBytes = 4096;

// Takes leaves one by one; memory is logarithmic in their number.
class MerkleRoot {
 public:
  void Add(ByteView leaf);
  // The root of all so far; SHA-256 of nothing where there are none.
  Digest Root() const;
  uint64_t leaves() const { return leaves_; }

 private:
  uint64_t leaves_ = 0;
  std::vector<Digest> peaks_;  // perfect subtrees, largest first
};

// A state: the buffers in order of declaration, each in pages of kStatePageBytes of which its last
// may be shorter. One leaf per page.
class StateHasher {
 public:
  // Starts the next buffer's bytes anew at a page; any number of calls per buffer.
  void BeginBuffer();
  void Update(ByteView bytes);
  Digest Finish();

 private:
  void Flush();
  Bytes page_;
  MerkleRoot merkle_;
};

// Leaves: launch as u64 little-endian, then the state root.
Digest CommitmentsRoot(const std::vector<Commitment>& commitments);

}  // namespace souk::gpu
