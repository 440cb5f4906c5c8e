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

Bytes Counted(size_t size, uint8_t by) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i * by);
  return bytes;
}

TEST(StatePages, CutEachBufferIntoPagesOfItsOwn) {
  const StatePages pages({kStatePageBytes + 100, 50, 2 * kStatePageBytes});
  ASSERT_EQ(pages.count(), 5u);
  const uint64_t buffers[] = {0, 0, 1, 2, 2};
  const uint64_t bytes[] = {kStatePageBytes, 100, 50, kStatePageBytes, kStatePageBytes};
  for (uint64_t page = 0; page < 5; ++page) {
    const StatePages::Place place = pages.PlaceOf(page);
    EXPECT_EQ(place.buffer, buffers[page]) << page;
    EXPECT_EQ(place.bytes, bytes[page]) << page;
    EXPECT_EQ(pages.PageOf(place.buffer, place.offset + place.bytes - 1), page);
  }
}

TEST(StateTree, IsThatOfItsPagesAndTellsWhichChanged) {
  const Bytes first = Counted(kStatePageBytes, 7);
  const Bytes second = Counted(50, 9);
  StateTree tree(2);
  EXPECT_TRUE(tree.Set(0, first));
  EXPECT_TRUE(tree.Set(1, second));
  EXPECT_EQ(tree.Root(), Reference({first, second}));
  EXPECT_FALSE(tree.Set(0, first));
  EXPECT_TRUE(tree.Set(1, first));
  EXPECT_EQ(tree.Root(), Reference({first, first}));
}

TEST(MerklePath, LeadsToTheRootFromEveryLeafAndNowhereElse) {
  for (size_t n = 1; n < 40; ++n) {
    std::vector<Bytes> leaves;
    std::vector<Digest> hashes;
    for (size_t i = 0; i < n; ++i) {
      leaves.push_back(Counted(20 + i, 3));
      hashes.push_back(LeafHash(leaves.back()));
    }
    const Digest root = Reference(leaves);
    for (size_t i = 0; i < n; ++i) {
      std::vector<Digest> path = MerklePath(hashes, i);
      EXPECT_EQ(RootOfPath(hashes[i], i, n, path), root);
      EXPECT_NE(RootOfPath(LeafHash(Counted(5, 1)), i, n, path), root);
      if (n > 1) {
        EXPECT_NE(RootOfPath(hashes[i], (i + 1) % n, n, path), root);
      }
      path.emplace_back();
      EXPECT_NE(RootOfPath(hashes[i], i, n, path), root);
    }
    EXPECT_NE(RootOfPath(hashes[0], n, n, MerklePath(hashes, 0)), root);
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
