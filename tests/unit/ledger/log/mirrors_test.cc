// Copies of others' logs (R3).
#include "ledger/log/mirrors.h"

#include "ledger/c2sp/entry_bundle.h"
#include "ledger/log/entry_range.h"
#include "unit/ledger/ledger_testing.h"

namespace souk::ledger {
namespace {

constexpr size_t kRoomy = 1 << 20;

// A log that grows, and a mirror of it.
class MirrorsTest : public testing::Test {
 protected:
  MirrorsTest() : origin(*Log::Open(origin_store, slots, TestSigner(), {.alone = true})) {
    Reopen();
  }
  void Reopen() {
    mirrors.reset();
    auto opened = Mirrors::Open(store);
    ASSERT_TRUE(opened) << opened.error().message;
    mirrors.emplace(std::move(*opened));
  }
  void Grow(uint64_t count) { ASSERT_TRUE(origin.Commit(Drafts(origin.size(), count))); }
  const MirroredLog& Held() const {
    static const MirroredLog nothing{.root = EmptyRoot()};
    const MirroredLog* found = mirrors->Find(Name());
    return found == nullptr ? nothing : *found;
  }
  // The next part under the log's newest checkpoint.
  Result<MirroredLog> Next() {
    range = *ReadEntries(origin.reader(), Held().size, origin.size(), kRoomy);
    return mirrors->Append(TestSigner().Verifier(), PartOf(range));
  }
  MirrorPart PartOf(const ProvenEntries& from) const {
    MirrorPart part{.from = from.from, .note = origin.checkpoint(), .hashes = from.hashes};
    if (from.count > 0) part.entries = *ParseEntryBundle(from.bundle, from.count);
    return part;
  }
  void CatchUp() {
    while (Held().head.size < origin.size()) {
      const auto stored = Next();
      ASSERT_TRUE(stored) << stored.error().message;
    }
  }
  static std::string Name() { return TestSigner().name; }

  MemoryStore origin_store;
  MemorySlotFile slots;
  Log origin;
  std::shared_ptr<DiskFaults> faults = std::make_shared<DiskFaults>();
  MemoryStore store{faults};
  std::optional<Mirrors> mirrors;
  ProvenEntries range;
};

TEST_F(MirrorsTest, HoldEveryEntryUnderTheCheckpointAndReadAsTheLogDoes) {
  for (const uint64_t more : {1, 5, 250, 600, 1, 70'000}) {
    for (uint64_t left = more; left > 0; left -= std::min<uint64_t>(left, kMaxCommitEntries)) {
      Grow(std::min<uint64_t>(left, kMaxCommitEntries));
    }
    CatchUp();
    EXPECT_EQ(Held().note, origin.checkpoint());
    EXPECT_EQ(Held().root, origin.head().root);
    EXPECT_TRUE(Held().whole());
    Reopen();
  }
  const auto copy = mirrors->Read(Name());
  ASSERT_TRUE(copy) << copy.error().message;
  uint64_t seen = 0;
  ASSERT_TRUE((*copy)->log().ForEach(0, [&](uint64_t index, ByteView entry) -> Status {
    EXPECT_EQ(ToBytes(entry), Leaf(index));
    ++seen;
    return Ok();
  }));
  EXPECT_EQ(seen, origin.size());
  for (const uint64_t size : {uint64_t{1}, uint64_t{255}, uint64_t{257}, origin.size()}) {
    EXPECT_EQ(*mirrors->RootAt(Name(), size), *origin.reader().RootAt(size)) << size;
  }
  EXPECT_EQ((*copy)->log().Proof(3)->hashes, origin.Proof(3)->hashes);
}

TEST_F(MirrorsTest, PartsBeforeTheCheckpointAreKeptAndNotWholeYet) {
  Grow(600);
  const auto stored = Next();
  ASSERT_TRUE(stored) << stored.error().message;
  EXPECT_EQ(stored->size, kTileWidth);
  EXPECT_EQ(stored->head.size, 0u);
  EXPECT_FALSE(stored->whole());
  EXPECT_FALSE(mirrors->Read(Name()));
  Reopen();
  EXPECT_EQ(Held().size, kTileWidth);
  EXPECT_EQ(Held().known_size, 600u);
  CatchUp();
  EXPECT_TRUE(mirrors->Read(Name()));
}

TEST_F(MirrorsTest, TheWholeCheckpointStaysReadableWhileTheNextIsOnItsWay) {
  Grow(300);
  CatchUp();
  Grow(600);
  ASSERT_TRUE(Next());
  EXPECT_GT(Held().size, 300u);
  const auto copy = mirrors->Read(Name());
  ASSERT_TRUE(copy);
  EXPECT_EQ((*copy)->log().size(), 300u);
  EXPECT_TRUE((*copy)->log().ForEach(0, [](uint64_t, ByteView) { return Ok(); }));
  EXPECT_EQ(*(*copy)->log().RootAt(300), *origin.reader().RootAt(300));
}

TEST_F(MirrorsTest, TakeNothingThatDoesNotLeadToWhatIsSigned) {
  Grow(10);
  CatchUp();
  Grow(300);
  const MirroredLog before = Held();
  range = *ReadEntries(origin.reader(), 10, origin.size(), kRoomy);
  const auto refused = [&](const MirrorPart& part, Code code) {
    const auto stored = mirrors->Append(TestSigner().Verifier(), part);
    ASSERT_FALSE(stored);
    EXPECT_EQ(stored.error().code, code) << stored.error().message;
    EXPECT_EQ(Held().size, before.size);
    EXPECT_EQ(Held().root, before.root);
  };
  const Bytes other = ToBytes(AsBytes("another"));
  MirrorPart changed = PartOf(range);
  changed.entries[7] = other;
  refused(changed, Code::kMismatch);
  MirrorPart missing = PartOf(range);
  missing.entries.erase(missing.entries.begin());
  refused(missing, Code::kMismatch);
  MirrorPart longer = PartOf(range);
  longer.entries.resize(400, other);
  refused(longer, Code::kConflict);
  MirrorPart later = PartOf(range);
  later.from = 11;
  refused(later, Code::kConflict);
  MirrorPart unproven = PartOf(range);
  unproven.hashes.clear();
  refused(unproven, Code::kMismatch);
  MirrorPart others = PartOf(range);
  others.note = *SignCheckpoint(origin.head(), TestSigner(9));
  refused(others, Code::kBadSignature);
  EXPECT_TRUE(mirrors->Append(TestSigner().Verifier(), PartOf(range)));
}

// Another history under the same key: what is held does not lead there.
TEST_F(MirrorsTest, TakeNothingOfAForkOfWhatTheyHold) {
  Grow(10);
  CatchUp();
  MemoryStore fork_store;
  MemorySlotFile fork_slots;
  Log fork = *Log::Open(fork_store, fork_slots, TestSigner(), {.alone = true});
  ASSERT_TRUE(fork.Commit(Drafts(100, 20)));
  range = *ReadEntries(fork.reader(), 10, 20, kRoomy);
  MirrorPart part{.from = 10, .note = fork.checkpoint(), .hashes = range.hashes};
  part.entries = *ParseEntryBundle(range.bundle, range.count);
  const auto stored = mirrors->Append(TestSigner().Verifier(), part);
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().code, Code::kMismatch);
  EXPECT_EQ(Held().note, origin.checkpoint());
}

// Every write fails once, in every way: what Append said is there stays there, and what is found
// afterwards is a beginning of the log.
TEST_F(MirrorsTest, KeepWhatTheyAcknowledgedOverEveryFailingWrite) {
  using Fault = DiskFaults::Kind;
  for (const Fault kind : {Fault::kLost, Fault::kTorn, Fault::kApplied, Fault::kZeroed}) {
    for (uint64_t at = 0; at < 6; ++at) {
      Grow(200);
      uint64_t acknowledged = Held().size;
      faults->FailAt(faults->writes() + at, kind);
      while (Held().size < origin.size()) {
        const auto stored = Next();
        if (!stored) {
          EXPECT_EQ(stored.error().code, Code::kIo);
          // It says nothing more before it has looked at the disk again.
          EXPECT_FALSE(Next());
          break;
        }
        acknowledged = stored->size;
      }
      store.Crash();
      faults->Restart();
      Reopen();
      ASSERT_GE(Held().size, acknowledged);
      EXPECT_EQ(Held().root, *origin.reader().RootAt(Held().size));
      CatchUp();
    }
  }
}

TEST_F(MirrorsTest, RefuseWhatWasChangedOnTheDiskAndSayWhatToDo) {
  Grow(300);
  CatchUp();
  for (auto& [key, value] : store.contents()) {
    if (value.empty()) continue;
    const Bytes kept = value;
    value[value.size() / 2] ^= 1;
    const auto opened = Mirrors::Open(store);
    if (!opened) {
      EXPECT_EQ(opened.error().code, Code::kCorrupt);
      EXPECT_NE(opened.error().message.find("Move the mirror's folder away"), std::string::npos);
    } else {
      // Within a full tile or its entries: whoever reads them finds out.
      const auto copy = opened->Read(Name());
      ASSERT_TRUE(copy);
      const Status read = (*copy)->log().ForEach(0, [](uint64_t, ByteView) { return Ok(); });
      EXPECT_TRUE(!read || (*copy)->log().head().root != origin.head().root);
    }
    value = kept;
  }
}

}  // namespace
}  // namespace souk::ledger
