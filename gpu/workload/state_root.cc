#include "gpu/workload/state_root.h"

#include <algorithm>

namespace souk::gpu {
namespace {

Digest Node(const Digest& left, const Digest& right) {
  Bytes bytes = {1};
  Append(bytes, left.view());
  Append(bytes, right.view());
  return Sha256(bytes);
}

Digest RootOf(std::span<const Digest> leaves) {
  MerkleRoot merkle;
  for (const Digest& leaf : leaves) merkle.AddHash(leaf);
  return merkle.Root();
}

// The largest power of two below n, which is over 1.
uint64_t SplitAt(uint64_t n) {
  uint64_t k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

}  // namespace

Digest LeafHash(ByteView leaf) {
  static constexpr uint8_t kLeaf[] = {0};
  return Sha256Hasher().Update(kLeaf).Update(leaf).Finish();
}

void MerkleRoot::Add(ByteView leaf) {
  AddHash(LeafHash(leaf));
}

void MerkleRoot::AddHash(const Digest& leaf) {
  Digest digest = leaf;
  // Each trailing one bit of the count is a perfect subtree as large as the one just made.
  for (uint64_t count = leaves_; (count & 1) != 0; count >>= 1) {
    digest = Node(peaks_.back(), digest);
    peaks_.pop_back();
  }
  peaks_.push_back(digest);
  ++leaves_;
}

Digest MerkleRoot::Root() const {
  if (peaks_.empty()) return Sha256({});
  Digest root = peaks_.back();
  for (size_t i = peaks_.size() - 1; i-- > 0;) root = Node(peaks_[i], root);
  return root;
}

std::vector<Digest> MerklePath(std::span<const Digest> leaf_hashes, uint64_t leaf) {
  std::vector<Digest> path;
  while (leaf_hashes.size() > 1) {
    const uint64_t k = SplitAt(leaf_hashes.size());
    if (leaf < k) {
      path.push_back(RootOf(leaf_hashes.subspan(k)));
      leaf_hashes = leaf_hashes.first(k);
    } else {
      path.push_back(RootOf(leaf_hashes.first(k)));
      leaf_hashes = leaf_hashes.subspan(k);
      leaf -= k;
    }
  }
  std::reverse(path.begin(), path.end());
  return path;
}

Digest RootOfPath(const Digest& leaf_hash, uint64_t leaf, uint64_t leaves,
                  std::span<const Digest> path) {
  if (leaf >= leaves) return {};
  // From the root down: which side the leaf is on at each level.
  std::vector<bool> is_right;
  uint64_t n = leaves;
  for (uint64_t at = leaf; n > 1;) {
    const uint64_t k = SplitAt(n);
    is_right.push_back(at >= k);
    if (at >= k) {
      at -= k;
      n -= k;
    } else {
      n = k;
    }
  }
  if (path.size() != is_right.size()) return {};
  Digest digest = leaf_hash;
  for (size_t i = 0; i < path.size(); ++i) {
    const bool right = is_right[is_right.size() - 1 - i];
    digest = right ? Node(path[i], digest) : Node(digest, path[i]);
  }
  return digest;
}

StatePages::StatePages(std::vector<uint64_t> buffer_bytes) : bytes_(std::move(buffer_bytes)) {
  uint64_t page = 0;
  for (const uint64_t bytes : bytes_) {
    first_.push_back(page);
    page += (bytes + kStatePageBytes - 1) / kStatePageBytes;
  }
  first_.push_back(page);
}

StatePages::Place StatePages::PlaceOf(uint64_t page) const {
  // The last buffer that begins at or before it; empty ones begin where the next one does.
  const auto after = std::upper_bound(first_.begin(), first_.end() - 1, page);
  Place place;
  place.buffer = static_cast<size_t>(after - first_.begin()) - 1;
  place.offset = (page - first_[place.buffer]) * kStatePageBytes;
  place.bytes = std::min(kStatePageBytes, bytes_[place.buffer] - place.offset);
  return place;
}

uint64_t StatePages::PageOf(size_t buffer, uint64_t offset) const {
  return first_[buffer] + offset / kStatePageBytes;
}

bool StateTree::Set(uint64_t page, ByteView bytes) {
  const Digest hash = LeafHash(bytes);
  const bool changed = hashes_[page] != hash;
  hashes_[page] = hash;
  return changed;
}

Digest StateTree::Root() const {
  return RootOf(hashes_);
}

Digest CommitmentsRoot(const std::vector<Commitment>& commitments) {
  MerkleRoot merkle;
  for (const Commitment& commitment : commitments) {
    Bytes leaf;
    PutLe(leaf, commitment.launch);
    Append(leaf, commitment.state_root.view());
    merkle.Add(leaf);
  }
  return merkle.Root();
}

}  // namespace souk::gpu
