// A log held against what witnesses cosigned of it.
#include "ledger/audit/audit_cosigned.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "unit/ledger/audit/audit_world.h"

namespace souk::ledger {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

NoteSigner WitnessOf(uint8_t seed) {
  return NoteSigner::FromSeed(fmt::format("witness/{}", seed), {seed}, NoteKeyType::kCosignature);
}

// The provider's log, and three witnesses of it.
struct Witnessed {
  AuditWorld world = {};
  std::vector<Entry> entries = world.ProviderLog();
  std::vector<NoteSigner> witnesses = {WitnessOf(1), WitnessOf(2), WitnessOf(3)};
  size_t quorum = 3;

  TrustPolicy Policy() const {
    TrustPolicy policy{{LogSignerOf(world.provider).Verifier()}, {}, quorum};
    for (const NoteSigner& witness : witnesses) policy.witnesses.push_back(witness.Verifier());
    return policy;
  }
  uint64_t SecondsAt(uint64_t entry) const {
    return static_cast<uint64_t>(entries[entry].time.ms) / 1000;
  }
  // The first `size` entries, cosigned by the first `count` witnesses at so many seconds.
  CosignedCheckpoint Head(uint64_t size, size_t count, uint64_t seconds) const {
    const MemoryLog log(world.provider, entries);
    const std::string origin = log.reader().head().origin;
    const std::string text = Checkpoint{origin, size, *log.reader().RootAt(size), {}}.ToText();
    std::string note = *SignNote(text, LogSignerOf(world.provider));
    for (size_t i = 0; i < count; ++i) {
      note = *AddSignatures(note, std::vector{*Cosign(text, witnesses[i], {seconds + i})});
    }
    TrustPolicy any = Policy();
    any.quorum = 0;
    return *OpenCosigned(note, any);
  }
  AuditReport Hold(const std::vector<CosignedCheckpoint>& heads) const {
    const MemoryLog log(world.provider, entries);
    AuditReport report = Audit(log.reader());
    std::erase(report.unchecked, kNoReceipts);
    AuditCosigned(log.reader(), heads, Policy(), report);
    return report;
  }
};

TEST(Cosigned, ByAllWitnessesInTimeIsSound) {
  const Witnessed log;
  const uint64_t last = log.entries.size() - 1;
  const AuditReport report = log.Hold({log.Head(last + 1, 3, log.SecondsAt(last))});
  EXPECT_EQ(report.verdict, Verdict::kValid) << Describe(report);
  EXPECT_THAT(report.unchecked, ElementsAre());
  ASSERT_EQ(report.witnesses.size(), 3u);
  for (const AuditedWitness& witness : report.witnesses) {
    EXPECT_TRUE(witness.cosigned);
    EXPECT_EQ(witness.size, last + 1);
  }
  EXPECT_EQ(report.witnesses[2].seconds, log.SecondsAt(last) + 2);
}

// Skew and the part of a second that a cosignature does not say are allowed, and not a millisecond
// more.
TEST(Cosigned, NoEntryIsDatedAheadOfItsWitnesses) {
  Witnessed log;
  const uint64_t last = log.entries.size() - 1;
  const uint64_t seconds = log.SecondsAt(last);
  log.entries[last].time = Time{static_cast<int64_t>(seconds + 61) * 1000};
  EXPECT_EQ(log.Hold({log.Head(last + 1, 1, seconds)}).findings.size(), 0u);
  log.entries[last].time = log.entries[last].time + Millis(1);
  const AuditReport report = log.Hold({log.Head(last + 1, 1, seconds)});
  EXPECT_EQ(report.verdict, Verdict::kInvalid);
  EXPECT_TRUE(HasFinding(report, "no entry is dated ahead of its witnesses",
                         "61 s after witness/1 cosigned it"));
}

// As many may be wrong as the quorum leaves over.
TEST(Cosigned, AWitnessWhoseClockIsWrongFramesNobody) {
  Witnessed log;
  log.quorum = 2;
  const uint64_t last = log.entries.size() - 1;
  const uint64_t seconds = log.SecondsAt(last);
  CosignedCheckpoint all = log.Head(last + 1, 3, seconds);
  all.cosigned[0].time = {seconds - 100};
  const AuditReport report = log.Hold({all});
  EXPECT_EQ(report.verdict, Verdict::kValid) << Describe(report);
  EXPECT_THAT(report.unchecked,
              ElementsAre(HasSubstr("1 of 3 witnesses say so, and 1 may be wrong")));
  EXPECT_EQ(log.Hold({log.Head(last + 1, 2, seconds - 100)}).verdict, Verdict::kInvalid);
}

// Only where an older head is at hand does an entry show that was dated ahead and overtaken since.
TEST(Cosigned, AnOlderHeadBoundsTheTimesUnderIt) {
  Witnessed log;
  const uint64_t last = log.entries.size() - 1;
  for (uint64_t i = 6; i <= last; ++i) log.entries[i].time = log.entries[i].time + Minutes(2);
  const uint64_t before = log.SecondsAt(5);
  const auto newest = log.Head(last + 1, 3, log.SecondsAt(last));
  const char* const rule = "no entry is dated ahead of its witnesses";
  EXPECT_FALSE(HasFinding(log.Hold({newest}), rule, ""));
  EXPECT_TRUE(HasFinding(log.Hold({newest, log.Head(7, 3, before)}), rule, "s after witness/"));
}

TEST(Cosigned, ByTooFewIsIncomplete) {
  Witnessed log;
  const uint64_t last = log.entries.size() - 1;
  const AuditReport report = log.Hold({log.Head(last + 1, 2, log.SecondsAt(last))});
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  ASSERT_THAT(report.unchecked, testing::SizeIs(1));
  EXPECT_THAT(report.unchecked[0], HasSubstr("by 3 of the 3 witnesses (2 cosigned any)"));
  log.quorum = 2;
  EXPECT_EQ(log.Hold({log.Head(last + 1, 2, log.SecondsAt(last))}).verdict, Verdict::kValid);
}

// Witnesses that cosigned different sizes make no quorum together.
TEST(Cosigned, AQuorumIsOfOneCheckpoint) {
  Witnessed log;
  log.quorum = 2;
  std::swap(log.witnesses[0], log.witnesses[2]);
  const auto one = log.Head(3, 1, log.SecondsAt(3));
  std::swap(log.witnesses[0], log.witnesses[2]);
  EXPECT_EQ(log.Hold({one, log.Head(4, 1, log.SecondsAt(4))}).verdict, Verdict::kIncomplete);
}

// It is one checkpoint, in however many files its lines come.
TEST(Cosigned, LinesOfOneCheckpointCountTogether) {
  Witnessed log;
  const uint64_t last = log.entries.size() - 1;
  const uint64_t seconds = log.SecondsAt(last);
  const CosignedCheckpoint all = log.Head(last + 1, 3, seconds);
  std::vector<CosignedCheckpoint> apart(3, all);
  for (size_t i = 0; i < 3; ++i) apart[i].cosigned = {all.cosigned[i]};
  EXPECT_EQ(log.Hold(apart).verdict, Verdict::kValid);
  log.quorum = 2;
  for (size_t i = 0; i < 2; ++i) apart[i].cosigned[0].time = {seconds - 100};
  EXPECT_EQ(log.Hold(apart).verdict, Verdict::kInvalid);
  // The first of them at a larger tree: it held that entry as well.
  apart[0] = log.Head(last + 1, 1, seconds - 100);
  apart[1] = log.Head(last, 2, seconds - 100);
  apart[1].cosigned.erase(apart[1].cosigned.begin());
  EXPECT_EQ(log.Hold({apart[0], apart[1]}).verdict, Verdict::kInvalid);
}

TEST(Cosigned, SaysWhatIsBeyond) {
  const Witnessed log;
  const AuditReport report = log.Hold({log.Head(10, 3, log.SecondsAt(9))});
  EXPECT_EQ(report.verdict, Verdict::kValid);
  EXPECT_THAT(report.unchecked, ElementsAre("7 of 17 entries are beyond what witnesses cosigned"));
}

TEST(Cosigned, AnotherTreeIsAFork) {
  const Witnessed log;
  Witnessed forked;
  forked.entries[2].time = forked.entries[2].time + Millis(1);
  const AuditReport report = forked.Hold({log.Head(10, 1, log.SecondsAt(9))});
  EXPECT_EQ(report.verdict, Verdict::kInvalid);
  EXPECT_TRUE(HasFinding(report, "a log only grows", "witness/1 cosigned, another tree of 10"));
}

TEST(Cosigned, ACopyThatEndsBeforeIsOlder) {
  const Witnessed log;
  Witnessed shorter;
  shorter.entries.resize(12);
  const AuditReport report = shorter.Hold({log.Head(17, 3, log.SecondsAt(16))});
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  EXPECT_THAT(report.unchecked[0],
              HasSubstr("cosigned 17 entries of this log, and this copy has 12"));
}

}  // namespace
}  // namespace souk::ledger
