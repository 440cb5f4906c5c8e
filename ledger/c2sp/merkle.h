// The RFC 6962 Merkle tree over SHA-256, and its proofs (RFC 6962 section 2.1, RFC 9162
// section 2.1).
//
// A node (level, index) is the root over the leaves [index << level, (index + 1) << level); a tree
// of n leaves is made of such complete nodes, one per set bit of n. Everything here is pure; sizes
// are below 2^63.
#pragma once

#include <span>
#include <vector>

#include "protocol/base/sha256.h"

namespace souk::ledger {

// Checkpoints carry sizes as decimal text that other tools read into a signed 64-bit integer.
inline constexpr uint64_t kMaxTreeSize = (uint64_t{1} << 63) - 1;
// A path in a tree of less than 2^63 leaves; a consistency proof can carry one hash more.
inline constexpr size_t kMaxProofHashes = 64;

// The root of the empty tree: SHA-256 of nothing.
Digest EmptyRoot();
// SHA-256(00 || entry).
Digest LeafHash(ByteView entry);
// SHA-256(01 || left || right).
Digest NodeHash(const Digest& left, const Digest& right);

// Where the complete nodes of a tree come from. Callers ask only for nodes that are complete in the
// tree that the reader serves: (index + 1) << level <= size.
class HashReader {
 public:
  virtual ~HashReader() = default;
  virtual Result<Digest> ReadNode(unsigned level, uint64_t index) const = 0;
};

// The root over the first `size` leaves.
Result<Digest> TreeRoot(uint64_t size, const HashReader& hashes);

// PATH(index, D[size]): from the leaf's sibling up to the root's child. kInvalidArgument unless
// index < size.
Result<std::vector<Digest>> InclusionProof(uint64_t index, uint64_t size, const HashReader& hashes);

// PROOF(old_size, D[size]); empty where old_size is 0 or size. kInvalidArgument unless
// old_size <= size.
Result<std::vector<Digest>> ConsistencyProof(uint64_t old_size, uint64_t size,
                                             const HashReader& hashes);

// kMismatch unless the proof has exactly the length that (index, size) asks for and leads from the
// leaf hash to the root.
Status VerifyInclusion(uint64_t index, uint64_t size, const Digest& leaf_hash,
                       std::span<const Digest> proof, const Digest& root);

// kMismatch unless the tree of `size` leaves with `root` extends that of `old_size` with
// `old_root`. The empty tree is extended by every tree, with an empty proof.
Status VerifyConsistency(uint64_t old_size, const Digest& old_root, uint64_t size,
                         const Digest& root, std::span<const Digest> proof);

// The root at `old_size` that a consistency proof into the tree of `size` leaves with `root` is a
// proof for, whoever signed whatever: R3's evidence begins with it. kMismatch where the proof does
// not lead to `root`; kInvalidArgument where a proof does not say its old root: at sizes that are
// powers of two, where the verifier brings it, and where old_size is 0 or not below `size`.
Result<Digest> ProvenOldRoot(uint64_t old_size, uint64_t size, const Digest& root,
                             std::span<const Digest> proof);

}  // namespace souk::ledger
