// What a log serves by tlog-tiles' paths, read back by a client that has nothing else.
#include "ledger/log/tile_source.h"

#include <gmock/gmock.h>
#include <rapidcheck.h>

#include "ledger/c2sp/entry_bundle.h"
#include "unit/ledger/ledger_testing.h"

namespace souk::ledger {
namespace {

// A log in memory, grown to some sizes; the heads that it signed on the way.
struct GrownLog {
  MemoryStore store;
  MemorySlotFile slots;
  Log log = *Log::Open(store, slots, TestSigner());
  std::vector<ServedHead> heads;

  explicit GrownLog(const std::vector<uint64_t>& sizes) {
    for (const uint64_t size : sizes) {
      EXPECT_TRUE(log.Commit(Drafts(log.size(), size - log.size())));
      heads.push_back(NewestHead(log.reader()));
    }
  }
  Result<LogAnswer> Get(const ServedHead& head, std::string_view path) const {
    return AnswerLogPath(log.reader(), head, path);
  }
};

// A client's tree: the hashes of a served size, from tiles alone.
class ServedTree : public HashReader {
 public:
  ServedTree(const GrownLog& served, const ServedHead& head) : served_(served), head_(head) {}

  Result<Digest> ReadNode(unsigned level, uint64_t index) const override {
    const unsigned row = level % kTileHeight;
    const TileId tile{level / kTileHeight, index >> (kTileHeight - row)};
    const uint64_t width = TileWidthAt(tile, head_.size);
    ASSIGN_OR_RETURN(const auto answer, served_.Get(head_, TilePath(tile, width)));
    ASSIGN_OR_RETURN(const auto hashes, ParseHashTile(answer.body, width));
    return SubtreeRoot(std::span(hashes).subspan((index << row) % kTileWidth, size_t{1} << row));
  }

 private:
  const GrownLog& served_;
  const ServedHead& head_;
};

void ExpectServesItself(const GrownLog& served, const ServedHead& head) {
  const auto note = served.Get(head, "checkpoint");
  ASSERT_TRUE(note) << note.error().message;
  EXPECT_STREQ(note->content_type, "text/plain; charset=utf-8");
  EXPECT_FALSE(note->immutable);
  const auto checkpoint = OpenCheckpoint(AsText(note->body), TestSigner().Verifier());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  ASSERT_EQ(checkpoint->size, head.size);
  EXPECT_EQ(*TreeRoot(head.size, ServedTree(served, head)), checkpoint->root);
  for (uint64_t first = 0; first < head.size; first += kTileWidth) {
    const uint64_t width = std::min(kTileWidth, head.size - first);
    const auto bundle = served.Get(head, EntryBundlePath(first / kTileWidth, width));
    ASSERT_TRUE(bundle) << bundle.error().message;
    EXPECT_STREQ(bundle->content_type, "application/octet-stream");
    EXPECT_TRUE(bundle->immutable);
    const auto entries = ParseEntryBundle(bundle->body, width);
    ASSERT_TRUE(entries) << entries.error().message;
    for (uint64_t i = 0; i < width; ++i) EXPECT_EQ(ToBytes((*entries)[i]), Leaf(first + i));
  }
}

TEST(TileSource, ServesEverySignedTreeToAClientThatHasNothingElse) {
  const GrownLog served({1, 2, 255, 256, 257, 700, 1024, 1300});
  for (const ServedHead& head : served.heads) ExpectServesItself(served, head);
}

TEST(TileSource, ServesALargeTreeWithTilesOfThreeLevels) {
  const GrownLog served({4096, 8192, 8200});
  const ServedHead& head = served.heads.back();
  EXPECT_EQ(*TreeRoot(head.size, ServedTree(served, head)), served.log.head().root);
  EXPECT_EQ(served.Get(head, "tile/1/000.p/32")->body.size(), 32u * 32u);
  EXPECT_FALSE(served.Get(head, "tile/1/000"));
}

TEST(TileSource, ServesNothingBeyondTheHead) {
  const GrownLog served({300, 520});
  const ServedHead& early = served.heads[0];
  EXPECT_TRUE(served.Get(early, "tile/0/001.p/44"));
  EXPECT_TRUE(served.Get(early, "tile/entries/001.p/44"));
  // A narrower one was the tile of an earlier size.
  EXPECT_TRUE(served.Get(early, "tile/0/001.p/43"));
  for (const char* path :
       {"tile/0/001.p/45", "tile/0/001", "tile/entries/001.p/45", "tile/entries/001",
        "tile/0/002.p/1", "tile/entries/002.p/8", "tile/1/000.p/2", "tile/2/000.p/1",
        "tile/8/000.p/1", "tile/63/000.p/1", "tile/0/x009/x223/x372/x036/x854/x775/807"}) {
    EXPECT_EQ(served.Get(early, path).error().code, Code::kNotFound) << path;
  }
  const ServedHead& late = served.heads[1];
  for (const char* path : {"tile/0/001.p/45", "tile/0/001", "tile/entries/001", "tile/1/000.p/2",
                           "tile/0/002.p/8", "tile/entries/002.p/8"}) {
    EXPECT_TRUE(served.Get(late, path)) << path;
  }
  EXPECT_FALSE(served.Get(late, "tile/0/002.p/9"));
}

TEST(TileSource, AnswersEveryStrangePathWithNotFound) {
  const GrownLog served({300});
  EXPECT_TRUE(rc::check([&served](const std::string& tail) {
    for (const std::string& path : {tail, "tile/" + tail, "tile/entries/000.p/" + tail}) {
      const auto answer = served.Get(served.heads[0], path);
      if (!answer) RC_ASSERT(answer.error().code == Code::kNotFound);
    }
  }));
}

TEST(TileSource, ServesNoHeadThatTheLogHasNotSigned) {
  const GrownLog served({10});
  ServedHead beyond = served.heads[0];
  beyond.size = 11;
  EXPECT_EQ(served.Get(beyond, "checkpoint").error().code, Code::kInvalidArgument);
}

TEST(TileSource, OfAnEmptyLogHasTheCheckpointAlone) {
  const GrownLog served({0});
  EXPECT_TRUE(served.Get(served.heads[0], "checkpoint"));
  EXPECT_FALSE(served.Get(served.heads[0], "tile/0/000.p/1"));
  EXPECT_FALSE(served.Get(served.heads[0], "tile/entries/000.p/1"));
}

TEST(TileSource, SaysSoWhereAnEntryIsDamaged) {
  GrownLog served({300});
  Bytes key = {'e', 0, 0, 0, 0, 0, 0, 0, 5};
  WriteBatch damage;
  damage.Put(key, Leaf(6));
  ASSERT_TRUE(served.store.Write(damage, Durability::kSynced));
  EXPECT_EQ(served.Get(served.heads[0], "tile/entries/000").error().code, Code::kCorrupt);
  EXPECT_TRUE(served.Get(served.heads[0], "tile/entries/001.p/44"));
}

}  // namespace
}  // namespace souk::ledger
