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

}  // namespace

void MerkleRoot::Add(ByteView leaf) {
  static constexpr uint8_t kLeaf[] = {0};
  Digest digest = Sha256Hasher().Update(kLeaf).Update(leaf).Finish();
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

void StateHasher::BeginBuffer() {
  Flush();
}

void StateHasher::Update(ByteView bytes) {
  while (!bytes.empty()) {
    if (page_.empty() && bytes.size() >= kStatePageBytes) {  // whole pages without a copy
      merkle_.Add(bytes.first(kStatePageBytes));
      bytes = bytes.subspan(kStatePageBytes);
      continue;
    }
    const size_t take = std::min<size_t>(bytes.size(), kStatePageBytes - page_.size());
    Append(page_, bytes.first(take));
    bytes = bytes.subspan(take);
    if (page_.size() == kStatePageBytes) Flush();
  }
}

Digest StateHasher::Finish() {
  Flush();
  return merkle_.Root();
}

void StateHasher::Flush() {
  if (page_.empty()) return;
  merkle_.Add(page_);
  page_.clear();
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
