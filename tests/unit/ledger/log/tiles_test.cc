// A log written as C2SP tiles, and read back from them.
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "ledger/log/tile_export.h"
#include "ledger/log/tile_reader.h"
#include "protocol/base/file.h"
#include "unit/ledger/ledger_testing.h"

namespace souk::ledger {
namespace {

namespace fs = std::filesystem;

std::set<std::string> FilesIn(const fs::path& dir) {
  std::set<std::string> names;
  for (const auto& item : fs::recursive_directory_iterator(dir)) {
    if (item.is_regular_file()) names.insert(fs::relative(item.path(), dir).string());
  }
  return names;
}

Result<std::unique_ptr<TileView>> OpenTiles(const fs::path& dir, uint8_t seed = 1) {
  return TileView::Open(
      dir, [seed](const Store&) -> Result<NoteVerifier> { return TestSigner(seed).Verifier(); });
}

// A log in memory, and a folder that it is written to.
class TileLog {
 public:
  void Grow(uint64_t size) {
    while (log_->size() < size) {
      const uint64_t more = std::min<uint64_t>(size - log_->size(), kMaxCommitEntries);
      ASSERT_TRUE(log_->Commit(Drafts(log_->size(), more)));
    }
  }
  Result<ExportedTiles> Export(const std::string& name) {
    return ExportTiles(log_->reader(), TestSigner().Verifier(), folder_ / name);
  }
  fs::path At(const std::string& name) const { return folder_.path() / name; }
  const Log& log() const { return *log_; }

 protected:
  TestFolder folder_;
  std::shared_ptr<DiskFaults> faults_ = std::make_shared<DiskFaults>();
  MemoryStore store_{faults_};
  MemorySlotFile slots_{faults_};
  Result<Log> log_ = Log::Open(store_, slots_, TestSigner());
};

class Tiles : public testing::Test, public TileLog {};

TEST_F(Tiles, StandWhereC2spSays) {
  Grow(65'536 + 256 + 3);
  const auto written = Export("out");
  ASSERT_TRUE(written) << written.error().message;
  const std::set<std::string> files = FilesIn(At("out"));
  EXPECT_EQ(written->entries, 65'795u);
  EXPECT_EQ(written->files, files.size());
  EXPECT_EQ(files.size(), 258u + 258 + 2 + 1 + 2);  // entries, levels 0 to 2, the two texts
  for (const char* name :
       {"checkpoint", "vkey", "tile/0/000", "tile/0/256", "tile/0/257.p/3", "tile/1/000",
        "tile/1/001.p/1", "tile/2/000.p/1", "tile/entries/000", "tile/entries/257.p/3"}) {
    EXPECT_TRUE(files.contains(name)) << name;
  }
  EXPECT_EQ(AsText(*ReadFile(At("out/checkpoint"), 4096)), log_->checkpoint());
  EXPECT_EQ(AsText(*ReadFile(At("out/vkey"), 4096)), TestSigner().Verifier().ToVkey() + "\n");
  const Bytes bundle = *ReadFile(At("out/tile/entries/257.p/3"), 4096);
  EXPECT_EQ(AsText(bundle).substr(0, 13), std::string("\0\x0b", 2) + "entry 65792");
  EXPECT_EQ(fs::status(At("out")).permissions() & fs::perms::all, fs::perms::owner_all);
}

TEST_F(Tiles, ReadBackAsTheLogTheyCameFrom) {
  for (const uint64_t size : {0, 1, 2, 255, 256, 257, 511, 512, 513, 65'537}) {
    Grow(size);
    const std::string name = std::to_string(size);
    ASSERT_TRUE(Export(name));
    const auto view = OpenTiles(At(name));
    ASSERT_TRUE(view) << size << ": " << view.error().message;
    const LogReader& read = (*view)->log();
    EXPECT_EQ(read.head(), log_->head());
    EXPECT_EQ(read.size(), size);
    if (size == 0) continue;
    for (const uint64_t index : {uint64_t{0}, size / 2, size - 1}) {
      EXPECT_EQ(*read.Entry(index), Leaf(index));
      EXPECT_EQ(*read.Proof(index), *log_->Proof(index));
    }
    EXPECT_FALSE(read.Entry(size));
    EXPECT_EQ(*read.Consistency(size / 3), *log_->Consistency(size / 3));
    EXPECT_FALSE(read.FindById(IdOf(0))->has_value());
    // What they were written from is what they are written to.
    ASSERT_TRUE(ExportTiles(read, TestSigner().Verifier(), At(name + "again")));
    EXPECT_EQ(FilesIn(At(name)), FilesIn(At(name + "again")));
  }
}

TEST_F(Tiles, HoldWhatTheCheckpointSignsAndNoMore) {
  Grow(300);
  const std::string signed_note = log_->checkpoint();
  // The batch is written, its slot is not.
  faults_->FailAt(faults_->writes() + 1, DiskFaults::Kind::kLost);
  EXPECT_FALSE(log_->Commit(Drafts(300, 300)));
  faults_->Restart();
  auto found = Inspect(store_, slots_, TestSigner().Verifier());
  ASSERT_TRUE(found) << found.error().message;
  const LogReader reader(store_, std::move(*found));
  ASSERT_EQ(reader.size(), 600u);
  std::vector<std::pair<uint64_t, uint64_t>> seen;
  const auto written =
      ExportTiles(reader, TestSigner().Verifier(), At("out"),
                  [&](uint64_t done, uint64_t total) { seen.emplace_back(done, total); });
  ASSERT_TRUE(written) << written.error().message;
  EXPECT_EQ(written->entries, 300u);
  EXPECT_EQ(seen, (std::vector<std::pair<uint64_t, uint64_t>>{{256, 300}, {300, 300}}));
  EXPECT_TRUE(FilesIn(At("out")).contains("tile/entries/001.p/44"));
  EXPECT_EQ((*OpenTiles(At("out")))->log().checkpoint(), signed_note);
}

TEST_F(Tiles, AreNeverWrittenOverWhatIsThere) {
  Grow(3);
  fs::create_directory(At("folder"));
  std::ofstream(At("file")) << "mine";
  fs::create_symlink("nowhere", At("link"));
  for (const char* name : {"folder", "file", "link"}) {
    EXPECT_EQ(Export(name).error().code, Code::kDuplicate) << name;
  }
  EXPECT_EQ(Export("nowhere/out").error().code, Code::kNotFound);
  EXPECT_EQ(FilesIn(folder_.path()), (std::set<std::string>{"file"})) << "nothing else is left";
}

TEST_F(Tiles, AreNotThereWhereTheLogIsDamaged) {
  Grow(600);
  Bytes& entry = store_.contents()[Bytes{'e', 0, 0, 0, 0, 0, 0, 2, 1}];
  ASSERT_EQ(entry, Leaf(513));
  entry[0] ^= 1;
  EXPECT_EQ(Export("out").error().code, Code::kCorrupt);
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

// What one change to a directory leads to; each is undone again.
class DamagedTiles : public testing::Test {
 protected:
  // Grown once: under sanitizers that takes longer than the tests.
  static void SetUpTestSuite() {
    whole_ = std::make_unique<TileLog>();
    whole_->Grow(65'536 + 300);
    ASSERT_TRUE(whole_->Export("out"));
  }
  static void TearDownTestSuite() { whole_.reset(); }
  void SetUp() override { fs::copy(whole_->At("out"), At("out"), fs::copy_options::recursive); }
  fs::path At(const std::string& name) const { return folder_.path() / name; }
  testing::AssertionResult IsRefused() {
    const auto view = OpenTiles(At("out"));
    if (view) return testing::AssertionFailure() << "taken";
    const Code code = view.error().code;
    const bool damaged = code == Code::kCorrupt || code == Code::kMismatch ||
                         code == Code::kMalformed || code == Code::kBadSignature ||
                         code == Code::kTooLarge;
    if (damaged) return testing::AssertionSuccess();
    return testing::AssertionFailure() << CodeName(code) << ": " << view.error().message;
  }
  testing::AssertionResult ChangeIsRefused(const std::string& name,
                                           const std::function<void(Bytes&)>& change) {
    const fs::path path = At("out/" + name);
    const Bytes good = *ReadFile(path, 1 << 25);
    Bytes bad = good;
    change(bad);
    std::ofstream(path, std::ios::binary) << AsText(bad);
    const auto refused = IsRefused();
    std::ofstream(path, std::ios::binary) << AsText(good);
    return refused;
  }
  testing::AssertionResult MoveIsRefused(const std::string& from, const std::string& to) {
    fs::rename(At("out/" + from), At("out/" + to));
    const auto refused = IsRefused();
    fs::rename(At("out/" + to), At("out/" + from));
    return refused;
  }

  TestFolder folder_;
  static inline std::unique_ptr<TileLog> whole_;
};

TEST_F(DamagedTiles, AreRefusedWhicheverFileIsChangedOrMissing) {
  const char* const kinds[] = {"checkpoint",     "tile/entries/000", "tile/entries/257.p/44",
                               "tile/0/000",     "tile/0/257.p/44",  "tile/1/000",
                               "tile/1/001.p/1", "tile/2/000.p/1"};
  for (const std::string name : kinds) {
    EXPECT_TRUE(MoveIsRefused(name, "elsewhere")) << name;
    for (const size_t share : {0, 1, 2}) {
      EXPECT_TRUE(ChangeIsRefused(name, [&](Bytes& bytes) {
        bytes[(bytes.size() - 1) * share / 2] ^= 1;
      })) << name;
    }
    EXPECT_TRUE(ChangeIsRefused(name, [](Bytes& bytes) { bytes.pop_back(); })) << name;
    EXPECT_TRUE(ChangeIsRefused(name, [](Bytes& bytes) { bytes.push_back(0); })) << name;
    EXPECT_TRUE(ChangeIsRefused(name, [](Bytes& bytes) { bytes.clear(); })) << name;
  }
  EXPECT_TRUE(OpenTiles(At("out")));
}

TEST_F(DamagedTiles, AreRefusedInAnotherOrderWidthOrUnderAnotherKey) {
  fs::rename(At("out/tile/0/001"), At("out/tile/0/x"));
  fs::rename(At("out/tile/0/002"), At("out/tile/0/001"));
  EXPECT_TRUE(MoveIsRefused("tile/0/x", "tile/0/002"));
  fs::rename(At("out/tile/0/001"), At("out/tile/0/002"));
  fs::rename(At("out/tile/0/x"), At("out/tile/0/001"));
  EXPECT_TRUE(MoveIsRefused("tile/entries/257.p/44", "tile/entries/257.p/43"));
  EXPECT_TRUE(MoveIsRefused("tile/2/000.p", "tile/2/001.p"));
  EXPECT_EQ(OpenTiles(At("out"), /*seed=*/2).error().code, Code::kBadSignature);
  EXPECT_TRUE(OpenTiles(At("out")));
}

TEST_F(DamagedTiles, AreRefusedWhereTheCheckpointSignsMoreThanIsThere) {
  Checkpoint head = whole_->log().head();
  for (const uint64_t size : {head.size + 1, kMaxTreeSize}) {
    head.size = size;
    EXPECT_TRUE(ChangeIsRefused("checkpoint", [&](Bytes& bytes) {
      bytes = ToBytes(AsBytes(*SignCheckpoint(head, TestSigner())));
    }));
  }
}

TEST(TilesKey, IsReadWhereItStands) {
  const TestFolder folder;
  EXPECT_FALSE(ReadTilesKey(folder.path())->has_value());
  EXPECT_FALSE(HoldsTiles(folder.path()));
  const std::string vkey = TestSigner().Verifier().ToVkey();
  ASSERT_TRUE(WriteFileAtomic(folder.path() / "vkey", AsBytes(vkey + "\n")));
  EXPECT_EQ((*ReadTilesKey(folder.path()))->ToVkey(), vkey);
  EXPECT_TRUE(HoldsTiles(folder.path()));
  ASSERT_TRUE(WriteFileAtomic(folder.path() / "vkey", AsBytes(vkey + "\n\n")));
  EXPECT_EQ(ReadTilesKey(folder.path()).error().code, Code::kCorrupt);
  fs::create_directory(folder.path() / "ledger");
  EXPECT_FALSE(HoldsTiles(folder.path())) << "a node's directory";
}

}  // namespace
}  // namespace souk::ledger
