// One log held against those of its counterparties: what they have of it must stand in it.
#include "ledger/audit/audit_omissions.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "unit/ledger/audit/audit_world.h"

namespace souk::ledger {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using W = AuditWorld;

// The three logs of the audit's world. The book's root that the parties were shown is its own.
struct ThreeParties {
  AuditWorld world = {};
  std::vector<Entry> provider = world.ProviderLog();
  std::vector<Entry> renter = world.RenterLog();
  std::vector<Entry> book = world.BookLog();

  ThreeParties() {
    const MemoryLog log(world.book, book);
    for (Entry* seen : {&provider[W::kEscrowSeen], &renter[W::kSeen]}) {
      auto& outcome = std::get<EscrowSeen>(seen->outcome);
      outcome.book_root = *log.reader().RootAt(outcome.book_size);
    }
  }

  // Each log goes on after the story, so that nothing can be on its way.
  void GoOn() {
    for (std::vector<Entry>* log : {&provider, &renter, &book}) {
      Renumber(*log);
      log->push_back({.sequence = log->size(),
                      .time = log->back().time + Minutes(10),
                      .outcome = Resumed{.down_since = log->back().time}});
    }
  }
  AuditReport OfProvider() { return Hold(world.provider, provider, world.renter, renter); }
  AuditReport OfRenter() { return Hold(world.renter, renter, world.provider, provider); }
  AuditReport OfBook() { return Hold(world.book, book, world.renter, renter); }

  static AuditReport Hold(const Identity& owner, const std::vector<Entry>& entries,
                          const Identity& other, const std::vector<Entry>& others) {
    const MemoryLog log(owner, entries);
    const MemoryLog with(other, others);
    AuditReport report = Audit(log.reader());
    const Status held = AuditOmissions(log.reader(), {WholeLog(with.reader())}, report);
    EXPECT_TRUE(held) << held.error().message;
    return report;
  }
};

// Without what the audit of the log alone finds, which sees gaps of its own.
std::vector<std::string> Omitted(const AuditReport& report) {
  std::vector<std::string> out;
  for (const Finding& finding : report.findings) {
    if (finding.name == std::string("what its owner signed stands in the log")) {
      out.push_back(fmt::format("{}: {}", finding.entry, finding.what));
    }
  }
  return out;
}

TEST(Omissions, NoneWhereTheLogsAreWhole) {
  ThreeParties parties;
  parties.GoOn();
  for (const AuditReport& report : {parties.OfProvider(), parties.OfRenter(), parties.OfBook()}) {
    EXPECT_EQ(report.verdict, Verdict::kValid) << Describe(report);
    EXPECT_THAT(report.unchecked, ElementsAre());
    ASSERT_EQ(report.with.size(), 1u);
  }
  const AuditReport of_provider = parties.OfProvider();
  EXPECT_EQ(of_provider.with[0].name, "ann");
  EXPECT_EQ(of_provider.with[0].peer, parties.world.renter.id());
  EXPECT_EQ(of_provider.with[0].documents, 4u) << "acceptance, ready, receipt, close";
  EXPECT_EQ(parties.OfRenter().with[0].documents, 3u) << "order, job, release";
  EXPECT_EQ(parties.OfBook().with[0].roots, 1u);
}

// The provider wrote its log anew, without the lease.
TEST(Omissions, AnAcceptanceNamesTheEntryWhereItStood) {
  ThreeParties parties;
  parties.provider.erase(parties.provider.begin() + W::kEscrowSeen,
                         parties.provider.begin() + W::kSettled + 1);
  for (int i = 0; i < 3; ++i) {
    parties.provider.push_back({.time = parties.provider.back().time + Minutes(1),
                                .outcome = Resumed{.down_since = parties.provider.back().time}});
  }
  parties.GoOn();
  const AuditReport report = parties.OfProvider();
  EXPECT_EQ(report.verdict, Verdict::kInvalid);
  const std::string acceptance = parties.world.acceptance_document->id().Short();
  const std::string lease = parties.world.order_document->id().Short();
  EXPECT_THAT(Omitted(report),
              ElementsAre("4: ann's entry 3 holds acceptance " + acceptance + " of lease " + lease +
                          ", signed by this log's owner for this entry, where something else "
                          "stands"));
  // Ready, receipt and close have no place of their own, nor does anything follow them.
  EXPECT_THAT(report.unchecked, testing::SizeIs(3)) << Describe(report);
}

TEST(Omissions, ALaterNumberShowsTheOneBefore) {
  ThreeParties parties;
  parties.provider.erase(parties.provider.begin() + W::kReady);
  parties.GoOn();
  const AuditReport report = parties.OfProvider();
  ASSERT_THAT(Omitted(report), testing::SizeIs(1)) << Describe(report);
  EXPECT_THAT(Omitted(report)[0], HasSubstr("ann's entry 5 holds ready "));
  EXPECT_THAT(Omitted(report)[0], HasSubstr("as its number 1, which is not here; here stands its "
                                            "number 2"));
}

TEST(Omissions, OneNumberIsNotSignedTwice) {
  ThreeParties parties;
  AuditWorld other;
  other.ready.end = other.ready.end + Seconds(5);
  other.SignAll();
  parties.renter[W::kReadySeen].documents[0] = EnvelopeOf(other.ready_document);
  parties.GoOn();
  EXPECT_TRUE(HasFinding(parties.OfProvider(), "numbers within a lease are used once",
                         "as its number 1; here that number is"));
}

TEST(Omissions, WhatNothingFollowsIsADoubt) {
  ThreeParties parties;
  parties.provider.erase(parties.provider.begin() + W::kJobDone);
  parties.GoOn();
  const AuditReport report = parties.OfProvider();
  EXPECT_THAT(Omitted(report), ElementsAre());
  ASSERT_THAT(report.unchecked, testing::SizeIs(1));
  EXPECT_THAT(report.unchecked[0], HasSubstr("ann's entry 9 holds job-receipt "));
  EXPECT_THAT(report.unchecked[0], HasSubstr("it was left out, or this copy of the log is older"));
  EXPECT_EQ(report.verdict, Verdict::kIncomplete) << Describe(report);
}

TEST(Omissions, AnOlderCopyIsNotAccused) {
  ThreeParties parties;
  parties.provider.resize(W::kReady);
  const AuditReport report = parties.OfProvider();
  EXPECT_EQ(report.verdict, Verdict::kValid) << Describe(report);
  EXPECT_THAT(report.unchecked,
              ElementsAre("omissions: 3 of the things that ann has of this log are younger than "
                          "this copy of it"));
}

TEST(Omissions, ARootThatTheBookDoesNotHaveIsADoubt) {
  ThreeParties parties;
  std::get<EscrowSeen>(parties.renter[W::kSeen].outcome).book_root = Sha256(AsBytes("other"));
  parties.GoOn();
  const AuditReport report = parties.OfBook();
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  ASSERT_THAT(report.unchecked, testing::SizeIs(1));
  EXPECT_THAT(report.unchecked[0], HasSubstr("ann's entry 2 says that this log's first 3 entries "
                                             "had another root"));
}

// A stranger who writes what it likes into its own log accuses nobody.
TEST(Omissions, NobodyIsAccusedOnASignatureThatIsNotThere) {
  ThreeParties parties;
  Bytes& forged = parties.renter[W::kReadySeen].documents[0];
  forged.back() ^= 1;
  parties.GoOn();
  const AuditReport report = parties.OfProvider();
  EXPECT_EQ(report.verdict, Verdict::kValid) << Describe(report);
  EXPECT_EQ(report.with[0].documents, 3u);
}

TEST(Omissions, SaysOfHowManyLeasesNobodyWasAsked) {
  ThreeParties parties;
  parties.GoOn();
  const Identity stranger = Identity::FromSeed({9});
  const std::vector<Entry> alone = {
      {.time = parties.world.start, .outcome = Opened{.name = "eve", .peer = stranger.id()}}};
  const AuditReport report =
      ThreeParties::Hold(parties.world.provider, parties.provider, stranger, alone);
  EXPECT_EQ(report.verdict, Verdict::kValid);
  EXPECT_THAT(
      report.unchecked,
      ElementsAre("omissions: 1 of 1 leases stand in no counterparty's ledger at hand whose "
                  "key is known"));
}

// Whoever has a renter's id can make a log in its name: it covers nothing, and its word is none.
TEST(Omissions, ALogUnderAKeyThatNobodyVouchesForCoversNothing) {
  ThreeParties parties;
  std::get<EscrowSeen>(parties.renter[W::kSeen].outcome).book_root = Sha256(AsBytes("other"));
  parties.GoOn();
  const MemoryLog provider(parties.world.provider, parties.provider);
  const MemoryLog book(parties.world.book, parties.book);
  const MemoryLog renter(parties.world.renter, parties.renter);
  LogPart forged = WholeLog(renter.reader());
  forged.vouched = false;
  AuditReport report = Audit(provider.reader());
  ASSERT_TRUE(AuditOmissions(provider.reader(), {forged}, report));
  EXPECT_EQ(report.verdict, Verdict::kValid);
  EXPECT_EQ(report.with[0].documents, 4u) << "the owner's own signatures are on these";
  EXPECT_THAT(report.unchecked, ElementsAre(HasSubstr("1 of 1 leases stand in no")));
  AuditReport of_book = Audit(book.reader());
  ASSERT_TRUE(AuditOmissions(book.reader(), {forged}, of_book));
  EXPECT_EQ(of_book.verdict, Verdict::kValid);
}

// A counterparty's ledger that does not tell of the lease says nothing about it.
TEST(Omissions, ACopyFromBeforeTheLeaseCoversNothing) {
  ThreeParties parties;
  parties.GoOn();
  parties.renter.resize(W::kOrdered);
  const AuditReport report = parties.OfProvider();
  EXPECT_EQ(report.verdict, Verdict::kValid);
  EXPECT_THAT(report.unchecked, ElementsAre(HasSubstr("1 of 1 leases stand in no")));
}

TEST(Omissions, TwoLedgersOfOneCounterpartyAreForCompare) {
  ThreeParties parties;
  const MemoryLog log(parties.world.provider, parties.provider);
  const MemoryLog renter(parties.world.renter, parties.renter);
  AuditReport report = Audit(log.reader());
  const Status held =
      AuditOmissions(log.reader(), {WholeLog(renter.reader()), WholeLog(renter.reader())}, report);
  ASSERT_FALSE(held);
  EXPECT_THAT(held.error().message, HasSubstr("souk-audit compare"));
}

// What a newer program wrote may be just what is looked for.
TEST(Omissions, EntriesThatThisProgramCannotReadAccuseNobody) {
  ThreeParties parties;
  parties.GoOn();
  for (uint64_t i = W::kAccepted; i < parties.provider.size(); ++i) {
    parties.provider[i].rules = kRulesVersion + 1;
  }
  const MemoryLog newer(parties.world.provider, parties.provider);
  const MemoryLog renter(parties.world.renter, parties.renter);
  AuditReport report = Audit(newer.reader());
  ASSERT_TRUE(AuditOmissions(newer.reader(), {WholeLog(renter.reader())}, report));
  EXPECT_EQ(report.verdict, Verdict::kIncomplete);
  EXPECT_THAT(report.findings, testing::IsEmpty()) << Describe(report);
  EXPECT_THAT(report.unchecked,
              testing::Contains(HasSubstr("in no entry that this program can read")));
  AuditReport of_renter = Audit(renter.reader());
  ASSERT_TRUE(AuditOmissions(renter.reader(), {WholeLog(newer.reader())}, of_renter));
  EXPECT_EQ(of_renter.verdict, Verdict::kValid) << Describe(of_renter);
  EXPECT_THAT(of_renter.unchecked, testing::Contains(HasSubstr("of kite do not read here")));
}

// The book's disk was put back to an older state, and it went on from there.
TEST(Omissions, ARootBeyondALogThatWentOnIsADoubt) {
  ThreeParties parties;
  parties.book.resize(1);
  EXPECT_EQ(parties.OfBook().verdict, Verdict::kValid) << "it may be a copy from before";
  parties.GoOn();
  const AuditReport report = parties.OfBook();
  EXPECT_EQ(report.verdict, Verdict::kIncomplete) << Describe(report);
  EXPECT_THAT(report.unchecked,
              testing::Contains(HasSubstr("ann's entry 2 says that it was shown 3 entries of this "
                                          "log: entries were taken away")));
}

TEST(Omissions, ACopyOfTheSameLogIsNoCounterparty) {
  const AuditWorld world;
  const MemoryLog log(world.provider, world.ProviderLog());
  AuditReport report = Audit(log.reader());
  const Status held = AuditOmissions(log.reader(), {WholeLog(log.reader())}, report);
  ASSERT_FALSE(held);
  EXPECT_EQ(held.error().code, Code::kInvalidArgument);
  EXPECT_THAT(held.error().message, HasSubstr("souk-audit compare"));
}

}  // namespace
}  // namespace souk::ledger
