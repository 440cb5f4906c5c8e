#include "gpu/challenge/product_tree.h"

#include <bit>

#include "protocol/base/bytes.h"
#include "protocol/base/check.h"

namespace souk::gpu {
namespace {

Digest TreeNode(const Digest& left, const Digest& right) {
  static constexpr uint8_t kNode[] = {1};
  return Sha256Hasher().Update(kNode).Update(left.view()).Update(right.view()).Finish();
}

}  // namespace

Digest RowLeaf(ByteView segment_digests) {
  static constexpr uint8_t kLeaf[] = {0};
  return Sha256Hasher().Update(kLeaf).Update(segment_digests).Finish();
}

Digest RowLeaf(std::span<const int32_t> row) {
  CHECK(row.size() % kSegmentElements == 0);
  Bytes digests;
  Bytes segment;
  for (size_t at = 0; at < row.size(); at += kSegmentElements) {
    segment.clear();
    for (const int32_t element : row.subspan(at, kSegmentElements)) {
      PutLe(segment, static_cast<uint32_t>(element));
    }
    Append(digests, Sha256(segment).view());
  }
  return RowLeaf(digests);
}

ProductTree::ProductTree(std::vector<Digest> leaves) {
  CHECK(std::has_single_bit(leaves.size()));
  levels_.push_back(std::move(leaves));
  while (levels_.back().size() > 1) {
    const std::vector<Digest>& below = levels_.back();
    std::vector<Digest> level;
    level.reserve(below.size() / 2);
    for (size_t i = 0; i < below.size(); i += 2) level.push_back(TreeNode(below[i], below[i + 1]));
    levels_.push_back(std::move(level));
  }
}

std::vector<Digest> ProductTree::Proof(uint32_t row) const {
  CHECK(row < levels_[0].size());
  std::vector<Digest> out;
  for (size_t level = 0; level + 1 < levels_.size(); ++level, row >>= 1) {
    out.push_back(levels_[level][row ^ 1]);
  }
  return out;
}

uint32_t ProofHashes(uint32_t leaves) {
  return static_cast<uint32_t>(std::countr_zero(leaves));
}

Digest RootFromProof(const Digest& leaf, uint32_t row, std::span<const Digest> proof) {
  Digest hash = leaf;
  for (const Digest& sibling : proof) {
    hash = (row & 1) == 0 ? TreeNode(hash, sibling) : TreeNode(sibling, hash);
    row >>= 1;
  }
  return hash;
}

}  // namespace souk::gpu
