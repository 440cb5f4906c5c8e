// Paths and bodies of tlog-tiles: what is written is read, and nothing else.
#include "ledger/c2sp/tile_path.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "ledger/c2sp/entry_bundle.h"
#include "unit/ledger/ledger_testing.h"

namespace souk::ledger {
namespace {

using Kind = LogResource::Kind;

TEST(TilePath, ReadsThePathsOfTheSpecification) {
  EXPECT_EQ(*ParseLogPath("checkpoint"), LogResource{});
  EXPECT_EQ(*ParseLogPath("tile/0/x001/x234/067"),
            (LogResource{Kind::kHashTile, {0, 1234067}, 256}));
  EXPECT_EQ(*ParseLogPath("tile/1/005.p/17"), (LogResource{Kind::kHashTile, {1, 5}, 17}));
  EXPECT_EQ(*ParseLogPath("tile/63/000"), (LogResource{Kind::kHashTile, {63, 0}, 256}));
  EXPECT_EQ(*ParseLogPath("tile/entries/273.p/112"),
            (LogResource{Kind::kEntryBundle, {0, 273}, 112}));
  EXPECT_EQ(*ParseLogPath("tile/entries/x009/x223/x372/x036/x854/x775/807"),
            (LogResource{Kind::kEntryBundle, {0, kMaxTreeSize}, 256}));
}

TEST(TilePath, RefusesEveryOtherSpelling) {
  for (const char* bad : {"",
                          "/",
                          "/checkpoint",
                          "checkpoint/",
                          "Checkpoint",
                          "tile",
                          "tile/",
                          "tile/0",
                          "tile/0/",
                          "/tile/0/000",
                          "tile/00/000",
                          "tile/01/000",
                          "tile/64/000",
                          "tile/-1/000",
                          "tile/+1/000",
                          "tile/1e0/000",
                          "tile/data/000",
                          "tile/8/0/000",
                          "tile/0/0",
                          "tile/0/00",
                          "tile/0/0000",
                          "tile/0/00a",
                          "tile/0/-01",
                          "tile/0/ 01",
                          "tile/0/x000/000",
                          "tile/0/x000/x001/000",
                          "tile/0/001/000",
                          "tile/0/x001",
                          "tile/0/x001/",
                          "tile/0/x001/x000",
                          "tile/0/x01/000",
                          "tile/0/X001/000",
                          "tile/0/x001//000",
                          "tile/0/x001/000/",
                          "tile/0/../0/000",
                          "tile/0/./000",
                          "tile/0/%30%30%30",
                          "tile/0/000.p",
                          "tile/0/000.p/",
                          "tile/0/000.p/0",
                          "tile/0/000.p/00",
                          "tile/0/000.p/01",
                          "tile/0/000.p/256",
                          "tile/0/000.p/1000",
                          "tile/0/000.p/5/",
                          "tile/0/000.p/5.p/5",
                          "tile/0/000.P/5",
                          "tile/0/000p/5",
                          "tile/0/.p/5",
                          "tile/entries/",
                          "tile/entries/0/000",
                          "tile/Entries/000",
                          "tile/0/x009/x223/x372/x036/x854/x775/808",
                          "tile/0/x018/x446/x744/x073/x709/x551/616",
                          "tile/0/x999/x999/x999/x999/x999/x999/x999/999"}) {
    EXPECT_FALSE(ParseLogPath(bad)) << bad;
  }
  EXPECT_FALSE(ParseLogPath(std::string("tile/0/000\0", 11)));
  EXPECT_FALSE(ParseLogPath("tile/0/" + std::string(1 << 20, 'x')));
}

RC_GTEST_PROP(TilePath, IsReadAsItWasWritten, ()) {
  const uint64_t bits = *rc::gen::inRange<uint64_t>(0, 63);
  LogResource resource;
  resource.kind = *rc::gen::element(Kind::kHashTile, Kind::kEntryBundle);
  resource.tile.index = *rc::gen::inRange<uint64_t>(0, uint64_t{1} << bits);
  if (resource.kind == Kind::kHashTile) resource.tile.level = *rc::gen::inRange(0u, 64u);
  resource.width = *rc::gen::inRange<uint64_t>(1, 257);
  const auto again = ParseLogPath(resource.ToPath());
  RC_ASSERT(again);
  RC_ASSERT(*again == resource);
}

RC_GTEST_PROP(TilePath, OfAnyBytesIsTheOnlyPathOfItsResource, (const std::string& tail)) {
  for (const std::string& path : {tail, "tile/0/" + tail, "tile/entries/000.p/" + tail}) {
    const auto resource = ParseLogPath(path);
    if (resource) RC_ASSERT(resource->ToPath() == path);
  }
}

RC_GTEST_PROP(EntryBundle, IsReadAsItWasWritten, ()) {
  const size_t width = *rc::gen::inRange<size_t>(1, 257);
  std::vector<Bytes> entries;
  Bytes bundle;
  for (size_t i = 0; i < width; ++i) {
    entries.push_back(Bytes(*rc::gen::inRange<size_t>(0, 300), static_cast<uint8_t>(i)));
    AppendToBundle(bundle, entries.back());
  }
  const auto read = ParseEntryBundle(bundle, width);
  RC_ASSERT(read);
  for (size_t i = 0; i < width; ++i) RC_ASSERT(ToBytes((*read)[i]) == entries[i]);
  // Neither more nor fewer entries, and no byte more or less.
  RC_ASSERT(!ParseEntryBundle(bundle, width + 1));
  RC_ASSERT(!ParseEntryBundle(bundle, width - 1));
  RC_ASSERT(!ParseEntryBundle(ByteView(bundle).first(bundle.size() - 1), width));
  bundle.push_back(0);
  RC_ASSERT(!ParseEntryBundle(bundle, width));
}

TEST(EntryBundle, CarriesLengthsBigEndianUpToTheirMost) {
  Bytes bundle;
  AppendToBundle(bundle, Bytes(258, 7));
  EXPECT_EQ(bundle[0], 1);
  EXPECT_EQ(bundle[1], 2);
  AppendToBundle(bundle, Bytes(kMaxBundledEntryBytes, 8));
  AppendToBundle(bundle, {});
  const auto read = ParseEntryBundle(bundle, 3);
  ASSERT_TRUE(read);
  EXPECT_EQ((*read)[1].size(), kMaxBundledEntryBytes);
  EXPECT_TRUE((*read)[2].empty());
  EXPECT_FALSE(ParseEntryBundle({}, 0));
  EXPECT_FALSE(ParseEntryBundle({}, 1));
  EXPECT_FALSE(ParseEntryBundle(bundle, uint64_t{1} << 40));
}

TEST(HashTile, IsReadAsItWasWritten) {
  std::vector<Digest> hashes;
  for (uint64_t i = 0; i < kTileWidth; ++i) {
    hashes.push_back(LeafHash(Leaf(i)));
    EXPECT_EQ(*ParseHashTile(EncodeHashTile(hashes), hashes.size()), hashes);
  }
  const Bytes full = EncodeHashTile(hashes);
  EXPECT_EQ(full.size(), kTileBytes);
  EXPECT_FALSE(ParseHashTile(full, 255));
  EXPECT_FALSE(ParseHashTile(full, 257));
  EXPECT_FALSE(ParseHashTile(ByteView(full).first(31), 1));
  EXPECT_FALSE(ParseHashTile({}, 0));
  EXPECT_FALSE(ParseHashTile(full, uint64_t{1} << 59));
}

}  // namespace
}  // namespace souk::ledger
