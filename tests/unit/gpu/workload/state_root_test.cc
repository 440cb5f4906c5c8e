#include "gpu/workload/state_root.h"

#include <gtest/gtest.h>

namespace souk::gpu {
namespace {

// RFC 6962 section 2.1, word for word.
Digest Reference(const std::vector<Bytes>& leaves) {
  if (leaves.empty()) return Sha256({});
  if (leaves.size() == 1) {
    Bytes leaf = {0};
    Append(leaf, leaves[0]);
    return Sha256(leaf);
  }
  size_t k = 1;
  while (k * 2 < leaves.size()) k *= 2;
  const auto middle = leaves.begin() + static_cast<ptrdiff_t>(k);
  Bytes node = {1};
  Append(node, Reference({leaves.begin(), middle}).view());
  Append(node, Reference({middle, leaves.end()}).view());
  return Sha256(node);
}

TEST(MerkleRoot, IsThatOfRfc6962ForEverySize) {
  std::vector<Bytes> leaves;
  MerkleRoot merkle;
  for (size_t i = 0; i < 70; ++i) {
    EXPECT_EQ(merkle.Root(), Reference(leaves)) << i;
    leaves.push_back(Bytes(i, static_cast<uint8_t>(i)));
    merkle.Add(leaves.back());
  }
}

TEST(StateHasher, CutsEachBufferIntoPagesOfItsOwn) {
  Bytes first(kStatePageBytes + 100);
  for (size_t i = 0; i < first.size(); ++i) first[i] = static_cast<uint8_t>(i * 7);
  const Bytes second(50, 9);
  StateHasher hasher;
  hasher.BeginBuffer();
  hasher.Update(first);
  hasher.BeginBuffer();
  hasher.Update(second);
  const Bytes page(first.begin(), first.begin() + kStatePageBytes);
  const Bytes rest(first.begin() + kStatePageBytes, first.end());
  EXPECT_EQ(hasher.Finish(), Reference({page, rest, second}));
}

TEST(StateHasher, DoesNotDependOnHowTheBytesArrive) {
  Bytes bytes(5 * kStatePageBytes + 17);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i >> 3);
  StateHasher whole;
  whole.BeginBuffer();
  whole.Update(bytes);
  const Digest expected = whole.Finish();
  for (const size_t piece : {1u, 1000u, 4096u, 5000u, 9000u}) {
    StateHasher hasher;
    hasher.BeginBuffer();
    for (size_t at = 0; at < bytes.size(); at += piece) {
      hasher.Update(ByteView(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    }
    EXPECT_EQ(hasher.Finish(), expected) << piece;
  }
}

TEST(CommitmentsRoot, BindsLaunchNumbersAndRoots) {
  const std::vector<Commitment> commitments = {{0, Sha256(AsBytes("a"))},
                                               {5, Sha256(AsBytes("b"))}};
  Bytes first = {0, 0, 0, 0, 0, 0, 0, 0};
  Append(first, commitments[0].state_root.view());
  Bytes second = {5, 0, 0, 0, 0, 0, 0, 0};
  Append(second, commitments[1].state_root.view());
  EXPECT_EQ(CommitmentsRoot(commitments), Reference({first, second}));
}

}  // namespace
}  // namespace souk::gpu
