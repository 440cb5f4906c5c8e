#include "ledger/c2sp/merkle.h"

#include <algorithm>
#include <bit>

namespace souk::ledger {
namespace {

// The largest power of two below n (n > 1): where RFC 6962 splits a tree.
uint64_t SplitPoint(uint64_t n) {
  return std::bit_floor(n - 1);
}

// The root over [begin, end), where begin is a multiple of a power of two that is at least the
// length: the ranges that RFC 6962's splits make. The complete nodes in it are the set bits of its
// length, largest first.
Result<Digest> RangeRoot(uint64_t begin, uint64_t end, const HashReader& hashes) {
  std::vector<Digest> nodes;
  for (uint64_t at = begin; at < end;) {
    const unsigned level = static_cast<unsigned>(std::bit_width(end - at)) - 1;
    ASSIGN_OR_RETURN(const Digest node, hashes.ReadNode(level, at >> level));
    nodes.push_back(node);
    at += uint64_t{1} << level;
  }
  if (nodes.empty()) return EmptyRoot();
  Digest root = nodes.back();
  for (size_t i = nodes.size() - 1; i-- > 0;) root = NodeHash(nodes[i], root);
  return root;
}

Error BadSize(uint64_t size) {
  return Error(Code::kInvalidArgument, "a tree has no " + std::to_string(size) + " leaves");
}

Error WrongLength(const char* what) {
  return Error(Code::kMismatch, std::string(what) + " has the wrong number of hashes");
}

// The two roots that a consistency proof leads to.
struct RootPair {
  Digest old_root;
  Digest root;
};

// RFC 9162 section 2.1.4.2, for 0 < old_size < size. `old_root` is where the path starts if the old
// tree is a complete one; otherwise it is not looked at.
Result<RootPair> FoldConsistency(uint64_t old_size, const Digest& old_root, uint64_t size,
                                 std::span<const Digest> proof) {
  uint64_t node = old_size - 1;
  uint64_t last = size - 1;
  while ((node & 1) != 0) {
    node >>= 1;
    last >>= 1;
  }
  // A complete old tree is a node of the new one: its root starts the path unsaid.
  Digest old_hash = old_root;
  if (!std::has_single_bit(old_size)) {
    if (proof.empty()) return WrongLength("the consistency proof");
    old_hash = proof.front();
    proof = proof.subspan(1);
  }
  Digest new_hash = old_hash;
  for (const Digest& sibling : proof) {
    if (last == 0) return WrongLength("the consistency proof");
    if ((node & 1) != 0 || node == last) {
      old_hash = NodeHash(sibling, old_hash);
      new_hash = NodeHash(sibling, new_hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      new_hash = NodeHash(new_hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  if (last != 0) return WrongLength("the consistency proof");
  return RootPair{old_hash, new_hash};
}

}  // namespace

Digest EmptyRoot() {
  return Sha256({});
}

Digest LeafHash(ByteView entry) {
  thread_local Sha256Hasher hasher;
  constexpr uint8_t prefix[1] = {0};
  return hasher.Update(prefix).Update(entry).Finish();
}

Digest NodeHash(const Digest& left, const Digest& right) {
  std::array<uint8_t, 65> input;
  input[0] = 1;
  std::copy(left.bytes.begin(), left.bytes.end(), input.begin() + 1);
  std::copy(right.bytes.begin(), right.bytes.end(), input.begin() + 33);
  return Sha256(input);
}

Result<Digest> TreeRoot(uint64_t size, const HashReader& hashes) {
  if (size > kMaxTreeSize) return BadSize(size);
  return RangeRoot(0, size, hashes);
}

Result<std::vector<Digest>> InclusionProof(uint64_t index, uint64_t size,
                                           const HashReader& hashes) {
  if (size > kMaxTreeSize) return BadSize(size);
  if (index >= size) {
    return Error(Code::kInvalidArgument, "entry " + std::to_string(index) +
                                             " is not in a tree of " + std::to_string(size) +
                                             " leaves");
  }
  std::vector<Digest> proof;
  uint64_t begin = 0;
  uint64_t end = size;
  while (end - begin > 1) {
    const uint64_t middle = begin + SplitPoint(end - begin);
    const bool left = index < middle;
    ASSIGN_OR_RETURN(const Digest sibling,
                     left ? RangeRoot(middle, end, hashes) : RangeRoot(begin, middle, hashes));
    proof.push_back(sibling);
    (left ? end : begin) = middle;
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

Result<std::vector<Digest>> ConsistencyProof(uint64_t old_size, uint64_t size,
                                             const HashReader& hashes) {
  if (size > kMaxTreeSize) return BadSize(size);
  if (old_size > size) {
    return Error(Code::kInvalidArgument, "a tree of " + std::to_string(size) +
                                             " leaves does not extend one of " +
                                             std::to_string(old_size));
  }
  std::vector<Digest> proof;
  if (old_size == 0 || old_size == size) return proof;
  uint64_t begin = 0;
  uint64_t end = size;
  // RFC 6962 SUBPROOF's flag: the verifier knows the root of [begin, old_size) already.
  bool known = true;
  while (end != old_size) {
    const uint64_t middle = begin + SplitPoint(end - begin);
    const bool left = old_size <= middle;
    ASSIGN_OR_RETURN(const Digest sibling,
                     left ? RangeRoot(middle, end, hashes) : RangeRoot(begin, middle, hashes));
    proof.push_back(sibling);
    (left ? end : begin) = middle;
    known = known && left;
  }
  if (!known) {
    ASSIGN_OR_RETURN(const Digest last, RangeRoot(begin, end, hashes));
    proof.push_back(last);
  }
  std::reverse(proof.begin(), proof.end());
  return proof;
}

// RFC 9162 section 2.1.3.2.
Status VerifyInclusion(uint64_t index, uint64_t size, const Digest& leaf_hash,
                       std::span<const Digest> proof, const Digest& root) {
  if (size > kMaxTreeSize || index >= size) {
    return Error(Code::kMismatch, "the entry is not in a tree of that size");
  }
  uint64_t node = index;
  uint64_t last = size - 1;
  Digest hash = leaf_hash;
  for (const Digest& sibling : proof) {
    if (last == 0) return WrongLength("the inclusion proof");
    if ((node & 1) != 0 || node == last) {
      hash = NodeHash(sibling, hash);
      // A right edge without sibling on some levels: skip to where it has one.
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = NodeHash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  if (last != 0) return WrongLength("the inclusion proof");
  if (hash != root) {
    return Error(Code::kMismatch, "the inclusion proof does not lead to the root");
  }
  return Ok();
}

Status VerifyConsistency(uint64_t old_size, const Digest& old_root, uint64_t size,
                         const Digest& root, std::span<const Digest> proof) {
  if (size > kMaxTreeSize || old_size > size) {
    return Error(Code::kMismatch, "a tree does not shrink");
  }
  if (old_size == 0 || old_size == size) {
    if (!proof.empty()) return WrongLength("the consistency proof");
    if (old_root != (old_size == 0 ? EmptyRoot() : root)) {
      return Error(Code::kMismatch, "two roots at one size");
    }
    if (size == 0 && root != EmptyRoot()) return Error(Code::kMismatch, "two roots at one size");
    return Ok();
  }
  ASSIGN_OR_RETURN(const RootPair roots, FoldConsistency(old_size, old_root, size, proof));
  if (roots.old_root != old_root || roots.root != root) {
    return Error(Code::kMismatch, "the newer tree does not extend the older");
  }
  return Ok();
}

Result<Digest> ProvenOldRoot(uint64_t old_size, uint64_t size, const Digest& root,
                             std::span<const Digest> proof) {
  if (size > kMaxTreeSize || old_size == 0 || old_size >= size || std::has_single_bit(old_size)) {
    return Error(Code::kInvalidArgument, "a consistency proof does not say its old root there");
  }
  ASSIGN_OR_RETURN(const RootPair roots, FoldConsistency(old_size, Digest{}, size, proof));
  if (roots.root != root) {
    return Error(Code::kMismatch, "the consistency proof does not lead to the root");
  }
  return roots.old_root;
}

}  // namespace souk::ledger
