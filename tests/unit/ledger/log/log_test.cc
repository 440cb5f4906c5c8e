// The log on a store in memory: commit, start, crash and refusal (R3).
#include "ledger/log/log.h"

#include <gmock/gmock.h>

#include <map>

#include "ledger/log/log_keys.h"
#include "unit/ledger/ledger_testing.h"

namespace souk::ledger {
namespace {

using testing::HasSubstr;

constexpr LogOptions kAlone{.alone = true};

// A disk, and the log that a node keeps on it.
struct Disk {
  std::shared_ptr<DiskFaults> faults = std::make_shared<DiskFaults>();
  MemoryStore store{faults};
  MemorySlotFile slots{faults};

  Result<Log> Open(LogOptions options = kAlone) {
    return Log::Open(store, slots, TestSigner(), options);
  }
  // Loses what was not synced, and is whole again.
  void Crash() {
    store.Crash();
    faults->Restart();
  }
  auto State() const { return std::pair(store.contents(), *slots.Read()); }
};

// A disk with a log of `entries` entries in commits of three.
void Fill(Disk& disk, uint64_t entries) {
  Log log = *disk.Open();
  for (uint64_t i = 0; i < entries; i += 3) {
    ASSERT_TRUE(log.Commit(Drafts(i, std::min<uint64_t>(3, entries - i))));
  }
}

TEST(Log, BeginsEmptyAndSigned) {
  Disk disk;
  const auto log = disk.Open({});
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ(log->size(), 0u);
  EXPECT_TRUE(log->confirmed());
  const auto head = OpenCheckpoint(log->checkpoint(), TestSigner().Verifier());
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->size, 0u);
  EXPECT_EQ(head->root, EmptyRoot());
}

TEST(Log, ProvesEveryEntryUnderTheCheckpointItReturned) {
  Disk disk;
  Log log = *disk.Open();
  std::vector<Bytes> leaves;
  for (uint64_t count : {1, 2, 253, 1, 0, 3, 300}) {
    const auto committed = log.Commit(Drafts(leaves.size(), count));
    ASSERT_TRUE(committed) << committed.error().message;
    EXPECT_EQ(committed->first, leaves.size());
    for (uint64_t i = 0; i < count; ++i) leaves.push_back(Leaf(leaves.size()));
    EXPECT_EQ(committed->size, leaves.size());
    const auto head = *OpenCheckpoint(committed->checkpoint, TestSigner().Verifier());
    EXPECT_EQ(head.size, leaves.size());
    EXPECT_EQ(head.root, NaiveRoot(leaves));
  }
  for (uint64_t i = 0; i < leaves.size(); ++i) {
    EXPECT_EQ(*log.Entry(i), leaves[i]);
    EXPECT_EQ(**log.FindById(IdOf(i)), i);
    const auto proof = ParseProof(log.Proof(i)->ToText());
    EXPECT_TRUE(VerifyProof(*proof, leaves[i], TestSigner().Verifier())) << i;
  }
  EXPECT_FALSE(log.FindById(IdOf(leaves.size()))->has_value());
  EXPECT_EQ(log.Entry(leaves.size()).error().code, Code::kNotFound);
}

TEST(Log, ProvesItselfConsistentWithWhatItSignedBefore) {
  Disk disk;
  Log log = *disk.Open();
  std::vector<Checkpoint> heads = {log.head()};
  for (uint64_t i = 0; i < 40; ++i) {
    ASSERT_TRUE(log.Commit(Drafts(17 * i, 17)));
    heads.push_back(log.head());
  }
  for (const Checkpoint& old : heads) {
    EXPECT_TRUE(VerifyConsistency(old.size, old.root, log.head().size, log.head().root,
                                  *log.Consistency(old.size)));
  }
}

TEST(Log, IsReadInOrderFromAnyEntry) {
  Disk disk;
  Fill(disk, 600);
  const Log log = *disk.Open();
  uint64_t next = 250;
  ASSERT_TRUE(log.reader().ForEach(250, [&next](uint64_t index, ByteView entry) -> Status {
    EXPECT_EQ(index, next);
    EXPECT_EQ(ToBytes(entry), Leaf(next++));
    return Ok();
  }));
  EXPECT_EQ(next, 600u);
  const auto stopped = log.reader().ForEach(
      0, [](uint64_t, ByteView) -> Status { return Error(Code::kDenied, "enough"); });
  EXPECT_EQ(stopped.error().message, "enough");
}

TEST(Log, ServesTilesAsTheyStandAtItsSize) {
  Disk disk;
  Fill(disk, 600);
  const Log log = *disk.Open();
  EXPECT_EQ(log.reader().Tile({0, 1})->size(), 256u);
  EXPECT_EQ(log.reader().Tile({0, 1})->at(5), LeafHash(Leaf(261)));
  EXPECT_EQ(log.reader().Tile({0, 2})->size(), 88u);
  EXPECT_EQ(log.reader().Tile({1, 0})->size(), 2u);
  EXPECT_EQ(log.reader().Tile({1, 1}).error().code, Code::kNotFound);
  EXPECT_EQ(log.reader().Tile({2, 0}).error().code, Code::kNotFound);
}

TEST(Log, TakesTheCallersKeysIntoTheSameBatch) {
  Disk disk;
  Log log = *disk.Open();
  WriteBatch extra;
  extra.Put(ToBytes(AsBytes("account")), Bytes{1});
  const uint64_t writes = disk.faults->writes();
  ASSERT_TRUE(log.Commit(Drafts(0, 2), extra));
  EXPECT_EQ(disk.faults->writes(), writes + 2) << "one batch and one slot";
  EXPECT_EQ(**disk.store.Get(AsBytes("account")), Bytes{1});
}

TEST(Log, RefusesABadCommitWithoutChangingAnything) {
  Disk disk;
  Log log = *disk.Open();
  ASSERT_TRUE(log.Commit(Drafts(0, 2)));
  const auto before = disk.State();
  WriteBatch theft;
  theft.Put(HeadKey(), Bytes{1});
  std::vector<Draft> many(kMaxCommitEntries + 1);
  EXPECT_EQ(log.Commit({Draft{Bytes(kMaxEntryBytes + 1), {}}}).error().code, Code::kTooLarge);
  EXPECT_EQ(log.Commit({Draft{{}, std::vector<Digest>(kMaxIdsPerEntry + 1)}}).error().code,
            Code::kTooLarge);
  EXPECT_EQ(log.Commit(many).error().code, Code::kTooLarge);
  EXPECT_EQ(log.Commit(Drafts(1, 1)).error().code, Code::kDuplicate);
  EXPECT_EQ(log.Commit({Draft{Leaf(7), {IdOf(7)}}, Draft{Leaf(8), {IdOf(7)}}}).error().code,
            Code::kDuplicate);
  EXPECT_EQ(log.Commit(Drafts(2, 1), theft).error().code, Code::kInvalidArgument);
  EXPECT_EQ(disk.State(), before);
  EXPECT_TRUE(log.health());
  EXPECT_TRUE(log.Commit({Draft{Bytes(kMaxEntryBytes), {IdOf(2)}}}));
}

TEST(Log, FindsEverythingAgainAfterARestart) {
  Disk disk;
  Fill(disk, 700);
  const auto before = disk.State();
  const auto log = disk.Open();
  ASSERT_TRUE(log) << log.error().message;
  EXPECT_EQ(disk.State(), before);
  EXPECT_EQ(log->size(), 700u);
  std::vector<Bytes> leaves;
  for (uint64_t i = 0; i < 700; ++i) leaves.push_back(Leaf(i));
  EXPECT_EQ(log->head().root, NaiveRoot(leaves));
  EXPECT_TRUE(VerifyProof(*log->Proof(3), Leaf(3), TestSigner().Verifier()));
}

TEST(Log, SignsNothingNewAfterARestartUntilACounterpartyConfirms) {
  Disk disk;
  Fill(disk, 4);
  const std::string held = disk.Open()->checkpoint();
  Log log = *disk.Open({});
  EXPECT_FALSE(log.confirmed());
  const auto refused = log.Commit(Drafts(4, 1));
  EXPECT_EQ(refused.error().code, Code::kUnavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("--alone"));
  EXPECT_TRUE(log.Entry(3)) << "reading is not affected";

  const std::string foreign = *SignCheckpoint(log.head(), TestSigner(9));
  EXPECT_EQ(log.Confirm(foreign).error().code, Code::kBadSignature);
  EXPECT_FALSE(log.confirmed());
  ASSERT_TRUE(log.health()) << "a stranger's note stops nothing";

  EXPECT_TRUE(log.Confirm(held));
  EXPECT_TRUE(log.Commit(Drafts(4, 1)));
}

TEST(Log, ARestoredBackupMeetsTheNewerCheckpointThatACounterpartyHolds) {
  Disk disk;
  Fill(disk, 6);
  Disk backup;
  backup.store.contents() = disk.store.contents();
  backup.slots.contents() = disk.slots.contents();
  Log newer = *disk.Open();
  const std::string held = newer.Commit(Drafts(6, 2))->checkpoint;

  Log restored = *backup.Open({});
  const auto refused = restored.Confirm(held);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("8 entries"));
  EXPECT_FALSE(restored.Commit(Drafts(100, 1)));
  EXPECT_FALSE(restored.Confirm(restored.checkpoint())) << "stopped for good";
}

TEST(Log, BeginsNoSecondLogUnderAKeyWhoseFirstLogIsLost) {
  Disk disk;
  const auto refused = disk.Open({.made = true});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("would contradict the first"));
  EXPECT_FALSE(disk.slots.contents()) << "nothing was written";

  ASSERT_TRUE(disk.slots.Create(*FirstSlot(TestSigner())));
  const auto first = disk.Open({.made = true});
  ASSERT_TRUE(first) << "made, and never ran";
  EXPECT_TRUE(first->confirmed());

  Disk alone;
  EXPECT_TRUE(alone.Open({.alone = true, .made = true}));
}

TEST(Log, AnybodysCopyStopsAForkAndConfirmsNothing) {
  Disk disk;
  Fill(disk, 4);
  const std::string held = disk.Open()->checkpoint();
  Log log = *disk.Open({});
  EXPECT_TRUE(log.Compare(held));
  EXPECT_FALSE(log.confirmed());
  Disk twin;
  Fill(twin, 5);
  EXPECT_EQ(log.Compare(twin.Open()->checkpoint()).error().code, Code::kConflict);
  EXPECT_FALSE(log.health());
}

TEST(Log, AForkMeetsTheOtherRootThatACounterpartyHolds) {
  Disk disk;
  Fill(disk, 6);
  Disk twin;
  twin.store.contents() = disk.store.contents();
  twin.slots.contents() = disk.slots.contents();
  ASSERT_TRUE(twin.Open()->Commit(Drafts(50, 2)));
  const std::string held = disk.Open()->Commit(Drafts(6, 1))->checkpoint;
  Log log = *twin.Open({});
  const auto refused = log.Confirm(held);
  EXPECT_EQ(refused.error().code, Code::kConflict);
  EXPECT_THAT(refused.error().message, HasSubstr("fork"));
}

TEST(Log, EveryWriteErrorStopsItForGood) {
  for (uint64_t write : {0, 1}) {
    Disk disk;
    Log log = *disk.Open();
    disk.faults->FailAt(disk.faults->writes() + write, DiskFaults::Kind::kLost);
    EXPECT_EQ(log.Commit(Drafts(0, 1)).error().code, Code::kIo);
    disk.faults->Restart();
    EXPECT_FALSE(log.Commit(Drafts(1, 1)));
    EXPECT_FALSE(log.Entry(0));
    EXPECT_FALSE(log.Proof(0));
    EXPECT_THAT(log.health().error().message, HasSubstr("restart"));
  }
}

// A store whose reads return one entry otherwise than it was written, or not at all.
class LyingStore : public MemoryStore {
 public:
  explicit LyingStore(bool lost = false) : lost_(lost) {}

  Result<std::optional<Bytes>> Get(ByteView key) const override {
    auto value = MemoryStore::Get(key);
    if (ParseEntryKey(key) != 1 || !value || !*value) return value;
    if (lost_) return std::optional<Bytes>();
    (**value)[0] ^= 4;
    return value;
  }
  Status Scan(ByteView begin, ByteView end, const Visitor& visit) const override {
    return MemoryStore::Scan(begin, end, [&](ByteView key, ByteView value) {
      Bytes changed = ToBytes(value);
      if (ParseEntryKey(key) == 1 && lost_) return true;
      if (ParseEntryKey(key) == 1) changed[0] ^= 4;
      return visit(key, changed);
    });
  }

 private:
  const bool lost_;
};

TEST(Log, SignsNothingThatReadsBackOtherwiseThanItWasWritten) {
  // Few are read back one by one, many in one pass.
  for (const uint64_t count : {1, 2, 8, 9, 300}) {
    for (const bool lost : {false, true}) {
      LyingStore store(lost);
      MemorySlotFile slots;
      Log log = *Log::Open(store, slots, TestSigner(), kAlone);
      ASSERT_TRUE(log.Commit(Drafts(0, 1)));
      const auto before = slots.contents();
      EXPECT_EQ(log.Commit(Drafts(1, count)).error().code, Code::kCorrupt) << count << lost;
      EXPECT_EQ(slots.contents(), before);
      EXPECT_FALSE(log.Commit(Drafts(1 + count, 1)));
    }
  }
}

// Every checkpoint that left the signer, across restarts.
struct SignedHeads {
  std::map<uint64_t, Digest> roots;
  bool forked = false;

  NoteSigner Recorder() {
    NoteSigner signer = TestSigner();
    signer.sign = [this, inner = signer.sign](ByteView text) {
      const Checkpoint head = *ParseCheckpoint(AsText(text));
      const auto [at, is_new] = roots.emplace(head.size, head.root);
      forked = forked || (!is_new && at->second != head.root);
      return inner(text);
    };
    return signer;
  }
};

// Runs commits until one fails or all are done; returns the entries that were acknowledged.
uint64_t RunCommits(Disk& disk, NoteSigner signer, uint64_t from, uint64_t salt, int commits) {
  auto log = Log::Open(disk.store, disk.slots, std::move(signer), kAlone);
  if (!log) return from;
  uint64_t acknowledged = from;
  for (int i = 0; i < commits; ++i) {
    std::vector<Draft> drafts;
    const uint64_t count = 1 + (log->size() * 7 + salt) % 5;
    for (uint64_t k = 0; k < count; ++k) {
      const Bytes leaf =
          ToBytes(AsBytes(std::to_string(log->size() + k) + "/" + std::to_string(salt)));
      drafts.push_back(Draft{leaf, {Sha256(leaf)}});
    }
    const auto committed = log->Commit(drafts);
    if (!committed) break;
    acknowledged = committed->size;
  }
  return acknowledged;
}

TEST(Log, LosesNothingAcknowledgedAndForksNothingWhereverItCrashes) {
  uint64_t crashes = 0;
  for (const auto kind :
       {DiskFaults::Kind::kLost, DiskFaults::Kind::kTorn, DiskFaults::Kind::kApplied}) {
    for (uint64_t first = 0; first < 40; ++first) {
      for (uint64_t second : {0, 1, 2, 3, 4, 7}) {
        Disk disk;
        SignedHeads heads;
        disk.faults->FailAt(first, kind);
        uint64_t acknowledged = RunCommits(disk, heads.Recorder(), 0, first, 30);
        disk.Crash();
        // A second crash, soon after the restart or within it.
        disk.faults->FailAt(disk.faults->writes() + second, kind);
        acknowledged =
            std::max(acknowledged, RunCommits(disk, heads.Recorder(), 0, 1000 + second, 30));
        disk.Crash();
        crashes += 2;

        const auto log = Log::Open(disk.store, disk.slots, heads.Recorder(), kAlone);
        ASSERT_TRUE(log) << log.error().message << " at " << first << ", " << second;
        ASSERT_GE(log->size(), acknowledged);
        ASSERT_EQ(log->head().size, log->size()) << "what was kept is signed";
        ASSERT_FALSE(heads.forked);
        for (const auto& [size, root] : heads.roots) {
          ASSERT_LE(size, log->size());
          ASSERT_EQ(*log->reader().RootAt(size), root) << "a signed head is not in our past";
        }
      }
    }
  }
  EXPECT_GE(crashes, 1000u);
}

// A planted bug, to know that the sweep above can fail: the store forgets to sync.
class UnsyncedStore : public MemoryStore {
 public:
  Status Write(const WriteBatch& batch, Durability) override {
    return MemoryStore::Write(batch, Durability::kUnsynced);
  }
};

TEST(Log, ADiskThatDoesNotSyncIsNoticedAtTheNextStart) {
  UnsyncedStore store;
  MemorySlotFile slots;
  {
    Log log = *Log::Open(store, slots, TestSigner(), kAlone);
    for (uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(log.Commit(Drafts(i, 1)));
  }
  store.Crash();
  const auto log = Log::Open(store, slots, TestSigner(), kAlone);
  ASSERT_FALSE(log);
  EXPECT_THAT(log.error().message, HasSubstr("acknowledged entries are missing"));
}

// What can be wrong with a disk at start, and what the refusal must say.
struct Damage {
  const char* name;
  void (*apply)(Disk& disk);
  const char* says;
};

Bytes& FirstWithPrefix(Disk& disk, uint8_t prefix) {
  return disk.store.contents().lower_bound(Bytes{prefix})->second;
}

// The log's state some commits ago.
Disk& Older() {
  static Disk* const older = [] {
    auto* disk = new Disk;
    Fill(*disk, 294);
    return disk;
  }();
  return *older;
}

const Damage kDamages[] = {
    {"no slot file", [](Disk& d) { d.slots.contents().reset(); }, "checkpoint file is missing"},
    {"an empty slot file", [](Disk& d) { d.slots.contents()->clear(); }, "neither slot"},
    {"both slots wiped", [](Disk& d) { d.slots.contents() = Bytes(2 * kSlotBytes); },
     "neither slot"},
    {"both slots damaged",
     [](Disk& d) {
       (*d.slots.contents())[100] ^= 1;
       (*d.slots.contents())[kSlotBytes + 100] ^= 1;
     },
     "neither slot"},
    {"slots of another log",
     [](Disk& d) {
       MemoryStore store;
       d.slots.contents().reset();
       ASSERT_TRUE(Log::Open(store, d.slots, TestSigner(5)));
     },
     "signature"},
    {"an empty database", [](Disk& d) { d.store.contents().clear(); },
     "acknowledged entries are missing"},
    {"an older database", [](Disk& d) { d.store.contents() = Older().store.contents(); },
     "acknowledged entries are missing"},
    {"older slots", [](Disk& d) { d.slots.contents() = Older().slots.contents(); },
     "older than the database"},
    {"no head", [](Disk& d) { d.store.contents().erase(HeadKey()); }, "lost the log's head"},
    {"a short head", [](Disk& d) { d.store.contents()[HeadKey()].pop_back(); }, "head"},
    {"the first entry gone", [](Disk& d) { d.store.contents().erase(EntryKey(0)); },
     "entry 0 is missing"},
    {"the last entry gone", [](Disk& d) { d.store.contents().erase(EntryKey(299)); },
     "299 entries are there"},
    {"an entry between gone", [](Disk& d) { d.store.contents().erase(EntryKey(77)); },
     "entry 77 is missing"},
    {"an entry too many", [](Disk& d) { d.store.contents()[EntryKey(300)] = Leaf(300); },
     "beyond the checkpoint"},
    {"a bit in an early entry", [](Disk& d) { FirstWithPrefix(d, 'e')[3] ^= 1; },
     "does not fit the entries"},
    {"a bit in a late entry", [](Disk& d) { d.store.contents()[EntryKey(298)][0] ^= 1; },
     "not those that the checkpoint signs"},
    {"a bit in a tile", [](Disk& d) { FirstWithPrefix(d, 't')[4000] ^= 1; },
     "does not fit the entries"},
    {"no tile",
     [](Disk& d) {
       d.store.contents().erase(TileKey({0, 0}));
     },
     "does not fit the entries"},
    {"a damaged slot whose generation the database lacks",
     [](Disk& d) {
       const Bytes newer = *d.slots.contents();
       d.store.contents() = Older().store.contents();
       d.slots.contents() = Older().slots.contents();
       // Generation 98 is the older disk's; the slot of 99 was written and then damaged.
       const Bytes next = *EncodeSlot(99, "checkpoint");
       std::copy(next.begin(), next.end(), d.slots.contents()->begin() + kSlotBytes);
       (*d.slots.contents())[kSlotBytes + 30] ^= 1;
     },
     "acknowledged entries are missing"},
};

TEST(Log, RefusesToStartOnADamagedDiskSayingWhyAndTouchingNothing) {
  for (const Damage& damage : kDamages) {
    Disk disk;
    Fill(disk, 300);
    damage.apply(disk);
    const auto before = disk.State();
    const auto log = disk.Open();
    ASSERT_FALSE(log) << damage.name;
    EXPECT_THAT(log.error().message, HasSubstr(damage.says)) << damage.name;
    EXPECT_THAT(log.error().message, HasSubstr("soukd init")) << damage.name;
    EXPECT_EQ(disk.State(), before) << damage.name;
  }
}

TEST(Log, EveryFlippedBitIsHarmlessOrRefused) {
  Disk good;
  Fill(good, 262);
  const Checkpoint head = good.Open()->head();
  uint64_t refused = 0;
  uint64_t harmless = 0;
  const auto try_disk = [&](Disk& disk) {
    const auto log = disk.Open();
    if (!log) {
      EXPECT_FALSE(log.error().message.empty());
      ++refused;
      return;
    }
    ++harmless;
    ASSERT_EQ(log->head(), head);
    for (uint64_t i = 0; i < head.size; i += 37) ASSERT_EQ(*log->Entry(i), Leaf(i));
  };
  Disk disk;
  disk.store.contents() = good.store.contents();
  uint64_t counter = 0;
  for (auto& [key, value] : disk.store.contents()) {
    if (IsCallerKey(key) || key[0] == kIdPrefix) continue;
    for (size_t byte = 0; byte<value.size(); byte += value.size()> 100 ? 97 : 5) {
      const auto mask = static_cast<uint8_t>(1u << (counter++ % 8));
      disk.slots.contents() = good.slots.contents();
      value[byte] ^= mask;
      try_disk(disk);
      value[byte] ^= mask;
    }
  }
  EXPECT_EQ(harmless, 0u) << "every bit of entries, tiles and head counts";
  EXPECT_GE(refused, 400u);
  for (size_t byte = 0; byte < 2 * kSlotBytes; byte += 13) {
    const auto mask = static_cast<uint8_t>(1u << (counter++ % 8));
    disk.store.contents() = good.store.contents();
    disk.slots.contents() = good.slots.contents();
    (*disk.slots.contents())[byte] ^= mask;
    try_disk(disk);
  }
  EXPECT_GE(harmless, 500u) << "one slot suffices";
}

TEST(Log, ADamagedSlotIsHealedByTheNextCommits) {
  Disk disk;
  Fill(disk, 9);
  (*disk.slots.contents())[kSlotBytes + 50] ^= 1;  // generation 3, the newest
  {
    Log log = *disk.Open();
    EXPECT_EQ(log.size(), 9u);
    ASSERT_FALSE(log.reader().remarks().empty());
    EXPECT_THAT(log.reader().remarks()[0], HasSubstr("damaged"));
    ASSERT_TRUE(log.Commit(Drafts(9, 1)));
  }
  (*disk.slots.contents())[50] ^= 1;  // now the other
  EXPECT_EQ(disk.Open()->size(), 10u);
}

TEST(Log, ALiveReaderTakesAStoreThatIsAheadOfItsSlots) {
  Disk disk;
  Fill(disk, 9);
  MemorySlotFile earlier;
  earlier.contents() = disk.slots.contents();
  {
    Log log = *disk.Open();
    for (uint64_t i = 9; i < 14; ++i) ASSERT_TRUE(log.Commit(Drafts(i, 1)));
  }
  const auto verifier = TestSigner().Verifier();
  EXPECT_FALSE(Inspect(disk.store, earlier, verifier));
  auto found = Inspect(disk.store, earlier, verifier, InspectOptions{.live = true});
  ASSERT_TRUE(found) << found.error().message;
  const LogReader reader(disk.store, std::move(*found));
  EXPECT_EQ(reader.size(), 14u);
  EXPECT_EQ(reader.signed_size(), 9u);
  EXPECT_TRUE(VerifyProof(*reader.Proof(8), Leaf(8), verifier));
  EXPECT_FALSE(reader.Proof(9)) << "not signed yet, as far as this reader knows";
}

TEST(Log, IsLookedAtFromAKnownCheckpointOn) {
  const NoteVerifier key = TestSigner().Verifier();
  for (const uint64_t known_size : {0, 1, 255, 256, 300, 511, 512, 600}) {
    Disk disk;
    Fill(disk, known_size);
    const Checkpoint known = disk.Open()->head();
    {
      Log log = *disk.Open();
      ASSERT_TRUE(log.Commit(Drafts(known_size, 700)));
    }
    const auto whole = Inspect(disk.store, disk.slots, key);
    const auto part = Inspect(disk.store, disk.slots, key, {.known = known, .skip_known = true});
    ASSERT_TRUE(part) << part.error().message;
    EXPECT_EQ(part->root, whole->root);
    EXPECT_EQ(part->size, known_size + 700);
    const LogReader reader(disk.store, *part);
    EXPECT_EQ(*reader.RootAt(known_size), known.root);
    EXPECT_EQ(*reader.Entry(known_size + 5), Leaf(known_size + 5));
    EXPECT_TRUE(Inspect(disk.store, disk.slots, key, {.known = known}));

    Checkpoint other = known;
    other.root = Sha256(AsBytes("another tree"));
    for (const bool skip : {false, true}) {
      const auto fork = Inspect(disk.store, disk.slots, key, {.known = other, .skip_known = skip});
      ASSERT_FALSE(fork);
      EXPECT_THAT(fork.error().message, HasSubstr("an earlier checkpoint of this log"));
    }
  }
}

TEST(Log, IsNoContinuationOfACheckpointWithMoreEntries) {
  Disk disk;
  Fill(disk, 10);
  Checkpoint known = disk.Open()->head();
  known.size = 11;
  const auto found = Inspect(disk.store, disk.slots, TestSigner().Verifier(),
                             {.known = known, .skip_known = true});
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::kConflict);
}

TEST(Log, OnlyAWholeLookFindsWhatChangedBelowAKnownCheckpoint) {
  Disk disk;
  Fill(disk, 600);
  const Checkpoint known = disk.Open()->head();
  const NoteVerifier key = TestSigner().Verifier();
  disk.store.contents()[EntryKey(3)].back() ^= 1;
  EXPECT_FALSE(Inspect(disk.store, disk.slots, key, {.known = known}));
  EXPECT_TRUE(Inspect(disk.store, disk.slots, key, {.known = known, .skip_known = true}));
  disk.store.contents()[TileKey({0, 1})].back() ^= 1;
  EXPECT_FALSE(Inspect(disk.store, disk.slots, key, {.known = known, .skip_known = true}));
}

}  // namespace
}  // namespace souk::ledger
