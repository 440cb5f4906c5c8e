// What a damaged ledger is said to have lost, and what to do about it.
#include "ledger/log/diagnose.h"

#include <gmock/gmock.h>

#include "ledger/log/log_keys.h"
#include "unit/ledger/ledger_testing.h"

namespace souk::ledger {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Verdict = Diagnosis::Verdict;
using State = Diagnosis::SlotState;

// A log of 700 entries, two full tiles and a part of a third, in commits of 7.
class Diagnosed : public testing::Test {
 protected:
  void SetUp() override {
    Log log = *Log::Open(store_, slots_, TestSigner(), {.alone = true});
    for (uint64_t i = 0; i < 700; i += 7) ASSERT_TRUE(log.Commit(Drafts(i, 7)));
  }
  Diagnosis Look() {
    const auto before = std::pair(store_.contents(), slots_.contents());
    const Diagnosis found = Diagnose({.store = &store_, .slots = &slots_}, TestSigner().Verifier());
    EXPECT_EQ(before, std::pair(store_.contents(), slots_.contents())) << "it changed something";
    const bool opens = found.verdict == Verdict::kWhole || found.verdict == Verdict::kHeals;
    EXPECT_EQ(opens, Inspect(store_, slots_, TestSigner().Verifier()).has_value());
    EXPECT_FALSE(found.to_do.empty());
    return found;
  }
  Bytes& Entry(uint64_t index) { return store_.contents().at(EntryKey(index)); }
  Bytes& Tile(TileId tile) { return store_.contents().at(TileKey(tile)); }

  MemoryStore store_;
  MemorySlotFile slots_;
};

TEST_F(Diagnosed, AWholeLedgerLacksNothing) {
  const Diagnosis found = Look();
  EXPECT_EQ(found.verdict, Verdict::kWhole);
  EXPECT_EQ(found.entries, 700u);
  EXPECT_THAT(found.is_lost, IsEmpty());
  EXPECT_THAT(found.is_derivable, IsEmpty());
  EXPECT_THAT(found.to_do, ElementsAre("Nothing: the ledger opens as it is."));
}

TEST_F(Diagnosed, OneDamagedSlotHeals) {
  (*slots_.contents())[100] ^= 1;
  const Diagnosis found = Look();
  EXPECT_EQ(found.verdict, Verdict::kHeals);
  EXPECT_EQ(found.slots[0], State::kUnreadable);
  EXPECT_THAT(found.to_do, ElementsAre("Start the node: soukd run."));
}

TEST_F(Diagnosed, AChangedEntryIsToldByItsTile) {
  Entry(300)[2] ^= 1;
  const Diagnosis found = Look();
  EXPECT_EQ(found.verdict, Verdict::kLost);
  EXPECT_THAT(found.lost, ElementsAre(EntryRange{300, 301}));
  EXPECT_THAT(found.unproven, IsEmpty()) << "the signed root proves all others";
  EXPECT_THAT(found.tiles, IsEmpty());
  EXPECT_THAT(found.is_lost, ElementsAre("Entry 300 (1 in all) is missing or changed."));
  EXPECT_THAT(found.to_do[1], HasSubstr("when it held 700 entries or more"));
}

TEST_F(Diagnosed, AChangedTileIsToldByItsEntries) {
  Tile({0, 1})[4000] ^= 1;
  const Diagnosis found = Look();
  EXPECT_EQ(found.verdict, Verdict::kDerivable);
  EXPECT_THAT(found.lost, IsEmpty());
  EXPECT_THAT(found.tiles, ElementsAre(TileId{0, 1}));
  EXPECT_THAT(found.is_derivable, ElementsAre(HasSubstr("tile/0/001: from the entries")));
  EXPECT_THAT(found.to_do[0], HasSubstr("Every entry is here and proven"));
}

TEST_F(Diagnosed, OneOfEachIsToldApartByTheSignedRoot) {
  Entry(5)[0] ^= 1;
  Tile({0, 1})[7] ^= 1;
  const Diagnosis found = Look();
  EXPECT_THAT(found.lost, ElementsAre(EntryRange{5, 6}));
  EXPECT_THAT(found.tiles, ElementsAre(TileId{0, 1}));
  EXPECT_THAT(found.unproven, IsEmpty());
}

TEST_F(Diagnosed, MissingEntriesAreCountedInStretches) {
  for (const uint64_t index : {3, 256, 257, 258, 511}) store_.contents().erase(EntryKey(index));
  const Diagnosis found = Look();
  EXPECT_THAT(found.lost,
              ElementsAre(EntryRange{3, 4}, EntryRange{256, 259}, EntryRange{511, 512}));
  EXPECT_THAT(found.is_lost[0],
              "Entry 3, entries 256 to 258, entry 511 (5 in all) are missing or changed.");
  EXPECT_THAT(found.unproven, IsEmpty());
}

TEST_F(Diagnosed, BehindTheLastTileNobodyTellsWhichEntryChanged) {
  Entry(600)[0] ^= 1;
  const Diagnosis found = Look();
  EXPECT_EQ(found.verdict, Verdict::kLost);
  EXPECT_THAT(found.lost, IsEmpty());
  EXPECT_THAT(found.unproven, ElementsAre(EntryRange{0, 700}));
  EXPECT_THAT(found.is_lost, ElementsAre(HasSubstr("nothing that can be read here tells")));
}

TEST_F(Diagnosed, TheOlderCheckpointStillProvesWhatItSigned) {
  Entry(698)[0] ^= 1;
  const Diagnosis found = Look();
  EXPECT_THAT(found.unproven, ElementsAre(EntryRange{693, 700}));
}

TEST_F(Diagnosed, ADatabaseThatEndsEarlyHasLostWhatWasSigned) {
  MemoryStore older;
  MemorySlotFile its_slots;
  {
    Log log = *Log::Open(older, its_slots, TestSigner(), {.alone = true});
    for (uint64_t i = 0; i < 350; i += 7) ASSERT_TRUE(log.Commit(Drafts(i, 7)));
  }
  store_.contents() = older.contents();
  const Diagnosis found = Look();
  EXPECT_EQ(found.verdict, Verdict::kLost);
  EXPECT_THAT(found.lost, ElementsAre(EntryRange{350, 700}));
  EXPECT_THAT(found.is_lost[1], "The database ends at generation 50; generation 100 was signed.");

  store_.contents() = older.contents();
  std::swap(slots_.contents(), its_slots.contents());
  EXPECT_EQ(Look().verdict, Verdict::kWhole) << "both of one moment";
}

TEST_F(Diagnosed, WithoutTheCheckpointFileOnlyTheHeadSpeaks) {
  slots_.contents().reset();
  const Diagnosis found = Look();
  EXPECT_EQ(found.verdict, Verdict::kLost);
  EXPECT_EQ(found.slots[0], State::kMissing);
  EXPECT_THAT(found.lost, IsEmpty());
  EXPECT_THAT(found.unproven, IsEmpty()) << "the database's own head proves them";
  EXPECT_THAT(found.is_lost, ElementsAre(HasSubstr("what was signed last cannot be told")));
}

TEST_F(Diagnosed, AnOlderCheckpointFileIsSaidToBeOlder) {
  const auto older = slots_.contents();
  {
    Log log = *Log::Open(store_, slots_, TestSigner(), {.alone = true});
    for (uint64_t i = 700; i < 707; ++i) ASSERT_TRUE(log.Commit(Drafts(i, 1)));
  }
  slots_.contents() = older;
  const Diagnosis found = Look();
  EXPECT_EQ(found.verdict, Verdict::kLost);
  EXPECT_THAT(found.unproven, IsEmpty());
  EXPECT_THAT(found.is_lost, ElementsAre(HasSubstr("generations 101 to 107")));
}

TEST_F(Diagnosed, AnothersCheckpointsCountForNothing) {
  MemoryStore store;
  slots_.contents().reset();
  ASSERT_TRUE(Log::Open(store, slots_, TestSigner(5)));
  const Diagnosis found = Look();
  EXPECT_EQ(found.slots[0], State::kForeign);
  EXPECT_FALSE(found.signed_head);
  EXPECT_THAT(found.is_lost, ElementsAre(HasSubstr("not signed with this log's key")));
}

TEST_F(Diagnosed, ADatabaseThatDoesNotOpenHasLostAllOfIt) {
  const Diagnosis found = Diagnose({.store_error = "the file CURRENT is missing", .slots = &slots_},
                                   TestSigner().Verifier());
  EXPECT_EQ(found.verdict, Verdict::kLost);
  EXPECT_THAT(found.lost, ElementsAre(EntryRange{0, 700}));
  EXPECT_THAT(found.is_lost[0], HasSubstr("CURRENT is missing"));
}

TEST_F(Diagnosed, AHeadThatLiesAboutItsSizeCostsNothing) {
  store_.contents()[HeadKey()] = EncodeHead({100, uint64_t{1} << 62, {}});
  const Diagnosis found = Look();
  EXPECT_EQ(found.verdict, Verdict::kLost);
  EXPECT_EQ(found.entries, 700u);
  EXPECT_THAT(found.unproven, IsEmpty()) << "the checkpoint proves what is here";
}

TEST_F(Diagnosed, AMissingHeadIsDerivable) {
  store_.contents().erase(HeadKey());
  const Diagnosis found = Look();
  EXPECT_EQ(found.verdict, Verdict::kDerivable);
  EXPECT_THAT(found.is_derivable, ElementsAre(HasSubstr("head: from the checkpoint")));
}

// A store that cannot read some of its blocks.
class BrokenBlocks : public MemoryStore {
 public:
  std::vector<EntryRange> broken;

  Result<std::optional<Bytes>> Get(ByteView key) const override {
    if (IsBroken(key)) return Error(Code::kCorrupt, "block checksum mismatch");
    return MemoryStore::Get(key);
  }
  Status Scan(ByteView begin, ByteView end, const Visitor& visit) const override {
    bool failed = false;
    RETURN_IF_ERROR(MemoryStore::Scan(begin, end, [&](ByteView key, ByteView value) {
      failed = IsBroken(key);
      return !failed && visit(key, value);
    }));
    if (failed) return Error(Code::kCorrupt, "block checksum mismatch");
    return Ok();
  }

 private:
  bool IsBroken(ByteView key) const {
    const auto index = ParseEntryKey(key);
    return index && std::any_of(broken.begin(), broken.end(), [&](const EntryRange& range) {
             return *index >= range.from && *index < range.to;
           });
  }
};

TEST_F(Diagnosed, BlocksThatCannotBeReadAreSteppedOver) {
  BrokenBlocks store;
  store.contents() = store_.contents();
  store.broken = {{10, 20}, {290, 310}};
  const Diagnosis found = Diagnose({.store = &store, .slots = &slots_}, TestSigner().Verifier());
  EXPECT_EQ(found.verdict, Verdict::kLost);
  EXPECT_THAT(found.lost, ElementsAre(EntryRange{10, 20}, EntryRange{290, 310}));
  EXPECT_THAT(found.unproven, IsEmpty()) << "their tiles hold their hashes";
  EXPECT_EQ(found.entries, 670u);
}

TEST(Diagnose, NothingAtAllIsNoLedger) {
  MemoryStore store;
  MemorySlotFile slots;
  const Diagnosis found = Diagnose({.store = &store, .slots = &slots}, TestSigner().Verifier());
  EXPECT_EQ(found.verdict, Verdict::kLost);
  EXPECT_THAT(found.is_lost, ElementsAre(HasSubstr("There is no ledger here")));
}

}  // namespace
}  // namespace souk::ledger
