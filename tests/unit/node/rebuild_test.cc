// A ledger from a copy of its log (R3).
#include "node/rebuild.h"

#include <gmock/gmock.h>

#include "ledger/c2sp/entry_bundle.h"
#include "ledger/log/entry_range.h"
#include "ledger/log/mirrors.h"
#include "ledger/log/rocksdb_ledger.h"
#include "ledger/log/tile_export.h"
#include "node/http/log_client.h"
#include "node/http/log_server.h"
#include "protocol/base/file.h"
#include "protocol/codec.h"
#include "test_folder.h"

namespace souk::node {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr uint64_t kEntries = 600;

class RebuildTest : public testing::Test {
 protected:
  RebuildTest() {
    fs::create_directories(lost_.path);
    fs::create_directories(origin_);
    auto opened = ledger::Ledger::Open(origin_, LogSigner(identity_), {.alone = true});
    EXPECT_TRUE(opened) << opened.error().message;
    std::vector<ledger::Draft> drafts;
    for (uint64_t i = 0; i < kEntries; ++i) drafts.push_back({LeafOf(i), {}});
    EXPECT_TRUE((*opened)->log().Commit(drafts));
    EXPECT_TRUE(ledger::ExportTiles((*opened)->log().reader(), LogSigner(identity_).Verifier(),
                                    folder_.path() / "tiles"));
    checkpoint_ = (*opened)->log().checkpoint();
  }
  static DocumentRef Offered(uint64_t i, const Identity& by) {
    return SignMessage(
        Withdrawal{.sequence = i, .issued = Time{1'700'000'000'000}, .peer = by.id()}, by.key());
  }
  // Every document stands in two entries: the first has its id.
  Bytes LeafOf(uint64_t i) const {
    Entry entry{.sequence = i, .time = Time{1'700'000'000'000}, .outcome = Published{}};
    entry.documents.push_back(Offered(i / 2, identity_)->envelope());
    return *EncodeEntry(entry);
  }
  Result<Rebuilt> Rebuild(const std::string& from) { return RebuildFrom(lost_, identity_, from); }
  std::string Tiles() const { return (folder_.path() / "tiles").string(); }
  void ExpectWhole() {
    const auto opened = ledger::Ledger::Open(lost_.path, LogSigner(identity_), {.alone = true});
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ((*opened)->log().checkpoint(), checkpoint_);
    for (uint64_t i = 0; i < kEntries; ++i) {
      ASSERT_EQ(*(*opened)->log().Entry(i), LeafOf(i)) << i;
      ASSERT_EQ((*opened)->log().FindById(Offered(i / 2, identity_)->id())->value(), i / 2 * 2);
    }
  }

  const Identity identity_ = Identity::FromSeed({5});
  TestFolder folder_;
  const fs::path origin_ = folder_.path() / "origin";
  const NodeDir lost_{folder_.path() / "lost"};
  std::string checkpoint_ = {};
};

TEST_F(RebuildTest, BringsEveryEntryAndItsIdsBack) {
  const auto rebuilt = Rebuild(Tiles());
  ASSERT_TRUE(rebuilt) << rebuilt.error().message;
  EXPECT_EQ(rebuilt->entries, kEntries);
  EXPECT_EQ(rebuilt->signed_before, 0u);
  ExpectWhole();
}

TEST_F(RebuildTest, TakesAUrl) {
  const auto origin = ledger::Ledger::Open(origin_, LogSigner(identity_), {.alone = true});
  ASSERT_TRUE(origin);
  const auto server = LogServer::Open({.listen = "127.0.0.1:0", .readers = {true, {}}});
  ASSERT_TRUE(server);
  (*server)->Publish((*origin)->log().reader(), ledger::NewestHead((*origin)->log().reader()));
  const auto rebuilt = Rebuild((*server)->url() + "/");
  ASSERT_TRUE(rebuilt) << rebuilt.error().message;
  ExpectWhole();
}

TEST_F(RebuildTest, ProvesThatTheCopyHasWhatThisNodeSigned) {
  fs::copy_file(origin_ / "checkpoint", lost_.checkpoint());
  const auto rebuilt = Rebuild(Tiles());
  ASSERT_TRUE(rebuilt) << rebuilt.error().message;
  EXPECT_EQ(rebuilt->signed_before, kEntries);
  ExpectWhole();
}

TEST_F(RebuildTest, RefusesACopyThatIsOlderThanWhatThisNodeSigned) {
  {
    const auto origin = ledger::Ledger::Open(origin_, LogSigner(identity_), {.alone = true});
    ASSERT_TRUE((*origin)->log().Commit({{LeafOf(kEntries), {}}}));
  }
  fs::copy_file(origin_ / "checkpoint", lost_.checkpoint());
  const auto rebuilt = Rebuild(Tiles());
  ASSERT_FALSE(rebuilt);
  EXPECT_EQ(rebuilt.error().code, Code::kConflict);
  EXPECT_THAT(rebuilt.error().message, HasSubstr("601"));
  EXPECT_FALSE(fs::exists(lost_.path / "ledger"));
}

TEST_F(RebuildTest, RefusesAnotherHistory) {
  const fs::path other = folder_.path() / "other";
  fs::create_directories(other);
  {
    const auto forked = ledger::Ledger::Open(other, LogSigner(identity_), {.alone = true});
    ASSERT_TRUE((*forked)->log().Commit({{LeafOf(7), {}}}));
  }
  fs::copy_file(other / "checkpoint", lost_.checkpoint());
  const auto rebuilt = Rebuild(Tiles());
  ASSERT_FALSE(rebuilt);
  EXPECT_EQ(rebuilt.error().code, Code::kConflict);
}

TEST_F(RebuildTest, OverwritesNoLedger) {
  fs::create_directories(lost_.path / "ledger");
  const auto rebuilt = Rebuild(Tiles());
  ASSERT_FALSE(rebuilt);
  EXPECT_EQ(rebuilt.error().code, Code::kDuplicate);
}

TEST_F(RebuildTest, RefusesADamagedCopyAndLeavesNothing) {
  const fs::path bundle = folder_.path() / "tiles/tile/entries/001";
  Bytes bytes = *ReadFile(bundle, 1 << 24);
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_TRUE(WriteFileAtomic(bundle, bytes));
  EXPECT_FALSE(Rebuild(Tiles()));
  EXPECT_TRUE(fs::is_empty(lost_.path));
  const auto stranger = RebuildFrom(lost_, Identity::FromSeed({6}), Tiles());
  EXPECT_FALSE(stranger);
  EXPECT_TRUE(fs::is_empty(lost_.path));
}

// The checkpoint file is lost, and what witnesses cosigned says that more was signed.
TEST_F(RebuildTest, RefusesACopyThatIsShorterThanWhatWitnessesCosigned) {
  std::string note;
  {
    const auto origin = ledger::Ledger::Open(origin_, LogSigner(identity_), {.alone = true});
    ASSERT_TRUE((*origin)->log().Commit({{LeafOf(kEntries), {}}}));
    note = (*origin)->log().checkpoint();
  }
  ASSERT_TRUE(WriteFileAtomic(lost_.path / "cosigned", AsBytes(note)));
  const auto rebuilt = Rebuild(Tiles());
  ASSERT_FALSE(rebuilt);
  EXPECT_EQ(rebuilt.error().code, Code::kConflict);
  ASSERT_TRUE(WriteFileAtomic(lost_.path / "cosigned", AsBytes("junk")));
  EXPECT_TRUE(Rebuild(Tiles()));
}

// What a rebuild that was killed left behind.
TEST_F(RebuildTest, SweepsWhatAKilledOneLeft) {
  fs::create_directories(lost_.path / ".rebuild-killed/ledger");
  ASSERT_TRUE(Rebuild(Tiles()));
  for (const auto& item : fs::directory_iterator(lost_.path)) {
    EXPECT_FALSE(item.path().filename().string().starts_with(".rebuild")) << item.path();
  }
}

TEST_F(RebuildTest, ANodesOwnDirectoryIsNoMirror) {
  const auto rebuilt = Rebuild(origin_.string());
  ASSERT_FALSE(rebuilt);
  EXPECT_EQ(rebuilt.error().code, Code::kInvalidArgument);
  EXPECT_THAT(rebuilt.error().message, HasSubstr("put it in place whole"));
  EXPECT_TRUE(fs::is_empty(lost_.path));
}

TEST_F(RebuildTest, SaysThatNobodyAnswers) {
  const auto rebuilt = Rebuild("http://127.0.0.1:1");
  ASSERT_FALSE(rebuilt);
  EXPECT_EQ(rebuilt.error().code, Code::kUnavailable);
  EXPECT_THAT(rebuilt.error().message, HasSubstr("http://127.0.0.1:1 does not answer"));
  EXPECT_FALSE(Rebuild("ftp://x"));
}

// What is fetched again is only news.
TEST_F(RebuildTest, FetchesFullTilesOnce) {
  const auto origin = ledger::Ledger::Open(origin_, LogSigner(identity_), {.alone = true});
  ASSERT_TRUE(origin);
  const fs::path into = folder_.path() / "fetched";
  const auto fetch = [&](bool everyone) {
    const auto server = LogServer::Open({.listen = "127.0.0.1:0", .readers = {everyone, {}}});
    (*server)->Publish((*origin)->log().reader(), ledger::NewestHead((*origin)->log().reader()));
    return FetchLog((*server)->url(), into);
  };
  ASSERT_TRUE(fetch(true));
  const auto first = fs::last_write_time(into / "tile/entries/000");
  ASSERT_TRUE((*origin)->log().Commit({{LeafOf(kEntries), {}}}));
  ASSERT_TRUE(fetch(true));
  EXPECT_EQ(fs::last_write_time(into / "tile/entries/000"), first);
  const auto key = [&](const ledger::Store&) -> Result<ledger::NoteVerifier> {
    return LogSigner(identity_).Verifier();
  };
  const auto tiles = ledger::TileView::Open(into, key);
  ASSERT_TRUE(tiles) << tiles.error().message;
  EXPECT_EQ((*tiles)->log().signed_size(), kEntries + 1);
  // Whose card opens the log to nobody serves it to nobody.
  fs::remove_all(into);
  const Status closed = fetch(false);
  ASSERT_FALSE(closed);
  EXPECT_THAT(closed.error().message, HasSubstr("403"));
}

// The folder of a node that mirrors this one.
class RebuildFromMirrorTest : public RebuildTest {
 protected:
  // The newest checkpoint; all entries under it, or some.
  void Mirror(uint64_t entries) {
    fs::create_directories(keeper_ / "mirror");
    const auto store = ledger::OpenRocksDb(keeper_ / "mirror", ledger::OpenMode::kCreate,
                                           ledger::FileChecks::kNone);
    ASSERT_TRUE(store) << store.error().message;
    auto mirrors = ledger::Mirrors::Open(**store);
    ASSERT_TRUE(mirrors);
    const auto origin = ledger::Ledger::Open(origin_, LogSigner(identity_), {.alone = true});
    const ledger::LogReader& log = (*origin)->log().reader();
    for (uint64_t at = 0; at < entries;) {
      const auto range = *ledger::ReadEntries(log, at, log.size(), 1 << 20);
      ledger::MirrorPart part{.from = at, .note = log.checkpoint(), .hashes = range.hashes};
      part.entries = *ledger::ParseEntryBundle(range.bundle, range.count);
      ASSERT_TRUE(mirrors->Append(LogSigner(identity_).Verifier(), part));
      at += range.count;
    }
  }
  const fs::path keeper_ = folder_.path() / "keeper";
};

TEST_F(RebuildFromMirrorTest, BringsEveryEntryBack) {
  Mirror(kEntries);
  fs::copy_file(origin_ / "checkpoint", lost_.checkpoint());
  const auto rebuilt = Rebuild(keeper_);
  ASSERT_TRUE(rebuilt) << rebuilt.error().message;
  EXPECT_EQ(rebuilt->entries, kEntries);
  EXPECT_EQ(rebuilt->signed_before, kEntries);
  EXPECT_EQ(rebuilt->mirror_knew, kEntries);
  ExpectWhole();
}

TEST_F(RebuildFromMirrorTest, TakesTheDatabaseItselfToo) {
  Mirror(kEntries);
  ASSERT_TRUE(Rebuild(keeper_ / "mirror"));
  ExpectWhole();
}

TEST_F(RebuildFromMirrorTest, RefusesAMirrorThatKnowsMoreThanItHolds) {
  Mirror(300);
  const auto rebuilt = Rebuild(keeper_);
  ASSERT_FALSE(rebuilt);
  EXPECT_EQ(rebuilt.error().code, Code::kConflict);
  EXPECT_THAT(rebuilt.error().message, HasSubstr("knows a checkpoint of 600 entries"));
  EXPECT_FALSE(fs::exists(lost_.path / "ledger"));
}

TEST_F(RebuildFromMirrorTest, SaysThatTheMirrorHoldsAnothersLogsOnly) {
  Mirror(kEntries);
  const auto rebuilt = RebuildFrom(lost_, Identity::FromSeed({6}), keeper_);
  ASSERT_FALSE(rebuilt);
  EXPECT_EQ(rebuilt.error().code, Code::kNotFound);
}

}  // namespace
}  // namespace souk::node
