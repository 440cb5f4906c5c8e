#include "ledger/c2sp/merkle.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include <map>

#include "ledger/c2sp/tiles.h"
#include "unit/ledger/ledger_testing.h"

namespace souk::ledger {
namespace {

Digest D(std::string_view hex) {
  return *Digest::Parse(hex);
}

// Serves the nodes of a tree that is held whole.
class WholeTree : public HashReader {
 public:
  explicit WholeTree(std::vector<Bytes> leaves) : leaves_(std::move(leaves)) {}
  const std::vector<Bytes>& leaves() const { return leaves_; }
  Digest Root(size_t size) const { return NaiveRoot(std::span(leaves_).subspan(0, size)); }

  Result<Digest> ReadNode(unsigned level, uint64_t index) const override {
    const uint64_t begin = index << level;
    const uint64_t count = uint64_t{1} << level;
    EXPECT_LE(begin + count, leaves_.size()) << "asked for a node that is not complete";
    return NaiveRoot(std::span(leaves_).subspan(begin, count));
  }

 private:
  std::vector<Bytes> leaves_;
};

// The edge and the tiles that fell from it.
class TiledTree : public HashReader {
 public:
  void Append(ByteView leaf) {
    edge_.Append(LeafHash(leaf), [this](TileId id, std::span<const Digest> hashes) {
      EXPECT_EQ(hashes.size(), kTileWidth);
      EXPECT_TRUE(tiles_.emplace(id, std::vector<Digest>(hashes.begin(), hashes.end())).second);
    });
  }
  const TreeEdge& edge() const { return edge_; }
  const std::map<TileId, std::vector<Digest>>& tiles() const { return tiles_; }

  Result<Digest> ReadNode(unsigned level, uint64_t index) const override {
    if (edge_.Holds(level, index)) return edge_.Node(level, index);
    const unsigned row = level % kTileHeight;
    const auto& tile = tiles_.at(TileId{level / kTileHeight, index >> (kTileHeight - row)});
    return SubtreeRoot(std::span(tile).subspan((index << row) % kTileWidth, size_t{1} << row));
  }

 private:
  TreeEdge edge_;
  std::map<TileId, std::vector<Digest>> tiles_;
};

// The eight leaves and the roots that Certificate Transparency's implementations test with.
const char* const kCtLeaves[] = {"",
                                 "00",
                                 "10",
                                 "2021",
                                 "3031",
                                 "40414243",
                                 "5051525354555657",
                                 "606162636465666768696a6b6c6d6e6f"};
const char* const kCtRoots[] = {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                                "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                                "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                                "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                                "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                                "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                                "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

std::vector<Bytes> CtLeaves() {
  std::vector<Bytes> leaves;
  for (const char* hex : kCtLeaves) leaves.push_back(*FromHex(hex));
  return leaves;
}

std::vector<Bytes> NumberedLeaves(size_t count) {
  std::vector<Bytes> leaves;
  for (size_t i = 0; i < count; ++i) leaves.push_back(Leaf(i));
  return leaves;
}

TEST(Merkle, HashesTheEmptyTreeAsNothing) {
  EXPECT_EQ(EmptyRoot(), D("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
}

TEST(Merkle, GivesTheRootsOfCertificateTransparency) {
  const WholeTree tree(CtLeaves());
  TiledTree tiled;
  for (size_t size = 1; size <= 8; ++size) {
    tiled.Append(tree.leaves()[size - 1]);
    EXPECT_EQ(*TreeRoot(size, tree), D(kCtRoots[size - 1])) << size;
    EXPECT_EQ(tiled.edge().Root(), D(kCtRoots[size - 1])) << size;
  }
}

TEST(Merkle, GivesTheInclusionProofsOfCertificateTransparency) {
  const WholeTree tree(CtLeaves());
  const auto proof = *InclusionProof(5, 8, tree);
  EXPECT_THAT(proof, testing::ElementsAre(
                         D("bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"),
                         D("ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"),
                         D("d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7")));
  EXPECT_THAT(
      *InclusionProof(2, 3, tree),
      testing::ElementsAre(D("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125")));
}

TEST(Merkle, GivesTheConsistencyProofsOfCertificateTransparency) {
  const WholeTree tree(CtLeaves());
  EXPECT_THAT(
      *ConsistencyProof(6, 8, tree),
      testing::ElementsAre(D("0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"),
                           D("ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"),
                           D("d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7")));
  EXPECT_THAT(
      *ConsistencyProof(2, 5, tree),
      testing::ElementsAre(D("5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"),
                           D("bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b")));
}

TEST(Merkle, ProvesEveryEntryOfEverySize) {
  constexpr size_t kMost = 70;
  const WholeTree tree(NumberedLeaves(kMost));
  for (size_t size = 1; size <= kMost; ++size) {
    for (size_t index = 0; index < size; ++index) {
      const auto proof = *InclusionProof(index, size, tree);
      EXPECT_TRUE(VerifyInclusion(index, size, LeafHash(Leaf(index)), proof, tree.Root(size)));
    }
  }
}

TEST(Merkle, ProvesEverySizeConsistentWithEveryLater) {
  constexpr size_t kMost = 50;
  const WholeTree tree(NumberedLeaves(kMost));
  for (size_t size = 0; size <= kMost; ++size) {
    for (size_t old_size = 0; old_size <= size; ++old_size) {
      const auto proof = *ConsistencyProof(old_size, size, tree);
      EXPECT_TRUE(VerifyConsistency(old_size, tree.Root(old_size), size, tree.Root(size), proof))
          << old_size << " " << size;
    }
  }
}

RC_GTEST_PROP(Merkle, TilesGiveTheSameTreeAsTheDefinition, ()) {
  const size_t size = *rc::gen::inRange<size_t>(1, 1500);
  const size_t index = *rc::gen::inRange<size_t>(0, size);
  const size_t old_size = *rc::gen::inRange<size_t>(0, size + 1);
  const WholeTree whole(NumberedLeaves(size));
  TiledTree tiled;
  for (const Bytes& leaf : whole.leaves()) tiled.Append(leaf);
  RC_ASSERT(tiled.edge().Root() == whole.Root(size));
  RC_ASSERT(*TreeRoot(old_size, tiled) == whole.Root(old_size));
  RC_ASSERT(*InclusionProof(index, size, tiled) == *InclusionProof(index, size, whole));
  RC_ASSERT(*ConsistencyProof(old_size, size, tiled) == *ConsistencyProof(old_size, size, whole));
}

TEST(Merkle, TilesOfSeventyThousandLeavesAreThoseOfTheSpecification) {
  TiledTree tree;
  for (uint64_t i = 0; i < 70000; ++i) tree.Append(Leaf(i));
  std::map<unsigned, size_t> full;
  for (const auto& [id, hashes] : tree.tiles()) ++full[id.level];
  EXPECT_THAT(full, testing::ElementsAre(testing::Pair(0u, 273u), testing::Pair(1u, 1u)));
  EXPECT_EQ(tree.edge().PartialTile(0).size(), 112u);
  EXPECT_EQ(tree.edge().PartialTile(1).size(), 17u);
  EXPECT_EQ(tree.edge().PartialTile(2).size(), 1u);
  EXPECT_EQ(TileWidthAt({0, 273}, 70000), 112u);
  EXPECT_EQ(TileWidthAt({1, 1}, 70000), 17u);
  EXPECT_EQ(TileWidthAt({2, 0}, 70000), 1u);
  EXPECT_EQ(TileWidthAt({3, 0}, 70000), 0u);
  EXPECT_EQ(TileWidthAt({0, 0}, 256), 256u);
  EXPECT_EQ(TileWidthAt({1, 0}, 256), 1u);
  EXPECT_EQ(TileWidthAt({0, 1}, 256), 0u);
}

TEST(Merkle, WritesTilePathsAsTheSpecification) {
  EXPECT_EQ(TilePath({0, 1234067}, 256), "tile/0/x001/x234/067");
  EXPECT_EQ(TilePath({1, 5}, 17), "tile/1/005.p/17");
  EXPECT_EQ(TilePath({0, 1000}, 256), "tile/0/x001/000");
  EXPECT_EQ(TilePath({0, 999999}, 256), "tile/0/x999/999");
  EXPECT_EQ(TilePath({0, 1000000}, 256), "tile/0/x001/x000/000");
  EXPECT_EQ(EntryBundlePath(273, 112), "tile/entries/273.p/112");
}

RC_GTEST_PROP(Merkle, RefusesAnInclusionProofWithAnyPartChanged, ()) {
  const size_t size = *rc::gen::inRange<size_t>(1, 300);
  const size_t index = *rc::gen::inRange<size_t>(0, size);
  const WholeTree tree(NumberedLeaves(size));
  const Digest root = tree.Root(size);
  const Digest leaf = LeafHash(Leaf(index));
  const auto proof = *InclusionProof(index, size, tree);
  auto longer = proof;
  longer.push_back(root);
  RC_ASSERT(!VerifyInclusion(index, size, leaf, longer, root));
  if (!proof.empty()) {
    RC_ASSERT(!VerifyInclusion(index, size, leaf, std::span(proof).subspan(1), root));
    auto changed = proof;
    changed[*rc::gen::inRange<size_t>(0, proof.size())].bytes[*rc::gen::inRange(0, 32)] ^= 1;
    RC_ASSERT(!VerifyInclusion(index, size, leaf, changed, root));
    RC_ASSERT(!VerifyInclusion((index + 1) % size, size, leaf, proof, root));
  }
  RC_ASSERT(!VerifyInclusion(index, size, LeafHash(Leaf(size)), proof, root));
  RC_ASSERT(!VerifyInclusion(size, size, leaf, proof, root));
  RC_ASSERT(!VerifyInclusion(index, uint64_t{1} << 63, leaf, proof, root));
}

RC_GTEST_PROP(Merkle, RefusesAConsistencyProofForAForkedTree, ()) {
  const size_t size = *rc::gen::inRange<size_t>(2, 200);
  const size_t old_size = *rc::gen::inRange<size_t>(1, size);
  auto leaves = NumberedLeaves(size);
  const Digest honest_old = NaiveRoot(std::span(leaves).subspan(0, old_size));
  // One old entry is replaced: no proof that the forker can make fits the old root.
  leaves[*rc::gen::inRange<size_t>(0, old_size)].push_back('!');
  const WholeTree forked(std::move(leaves));
  const auto proof = *ConsistencyProof(old_size, size, forked);
  RC_ASSERT(!VerifyConsistency(old_size, honest_old, size, forked.Root(size), proof));
}

TEST(Merkle, RefusesAConsistencyProofOfTheWrongLength) {
  const WholeTree tree(NumberedLeaves(20));
  auto proof = *ConsistencyProof(7, 20, tree);
  EXPECT_FALSE(VerifyConsistency(7, tree.Root(7), 20, tree.Root(20), std::span(proof).subspan(1)));
  proof.push_back(tree.Root(3));
  EXPECT_FALSE(VerifyConsistency(7, tree.Root(7), 20, tree.Root(20), proof));
  EXPECT_FALSE(VerifyConsistency(20, tree.Root(20), 20, tree.Root(20), proof));
  EXPECT_FALSE(VerifyConsistency(0, EmptyRoot(), 20, tree.Root(20), proof));
  EXPECT_FALSE(VerifyConsistency(7, tree.Root(7), 20, tree.Root(20), {}));
  EXPECT_FALSE(VerifyConsistency(21, tree.Root(20), 20, tree.Root(20), {}));
  EXPECT_FALSE(VerifyConsistency(20, tree.Root(19), 20, tree.Root(20), {}));
}

TEST(Merkle, SaysWhatItCannotProve) {
  const WholeTree tree(NumberedLeaves(3));
  EXPECT_EQ(InclusionProof(3, 3, tree).error().code, Code::kInvalidArgument);
  EXPECT_EQ(InclusionProof(0, 0, tree).error().code, Code::kInvalidArgument);
  EXPECT_EQ(ConsistencyProof(4, 3, tree).error().code, Code::kInvalidArgument);
}

}  // namespace
}  // namespace souk::ledger
