// Each test breaks one rule of a sound ledger and expects the audit to name it at that entry.
#include <gtest/gtest.h>

#include "unit/ledger/audit/audit_world.h"

namespace souk::ledger {
namespace {

using Kind = souk::TransferRecord::Kind;
using W = AuditWorld;

bool Names(const AuditReport& report, const char* name, uint64_t entry) {
  for (const Finding& finding : report.findings) {
    if (finding.name == name && finding.entry == entry) return true;
  }
  return false;
}

testing::AssertionResult Breaks(const AuditReport& report, const char* name, uint64_t entry) {
  if (report.verdict == Verdict::kInvalid && Names(report, name, entry)) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << VerdictName(report.verdict) << ", expected \"" << name
                                     << "\" at " << entry << ", found:\n"
                                     << Describe(report);
}

testing::AssertionResult IsValid(const AuditReport& report) {
  if (report.verdict == Verdict::kValid) return testing::AssertionSuccess();
  return testing::AssertionFailure() << VerdictName(report.verdict) << ":\n" << Describe(report);
}

LeaseStep& StepAt(std::vector<Entry>& log, uint64_t at) {
  return std::get<LeaseStep>(log[at].outcome);
}
souk::TransferRecord& TransferAt(std::vector<Entry>& log, uint64_t at) {
  return std::get<Booked>(log[at].outcome).transfers[0];
}

// ---- Sound ledgers ---------------------------------------------------------------------------

TEST(Audit, FindsSoundLedgersOfAllRolesValid) {
  const AuditWorld world;
  const AuditReport provider = AuditEntries(world.provider, world.ProviderLog());
  EXPECT_TRUE(IsValid(provider));
  EXPECT_EQ(provider.name, "kite");
  EXPECT_EQ(provider.peer, world.provider.id());
  EXPECT_EQ(provider.entries, 17u);
  EXPECT_EQ(provider.leases, 1u);
  EXPECT_EQ(provider.jobs, 1u);
  EXPECT_EQ(provider.signatures, 12u);
  const AuditReport book = AuditEntries(world.book, world.BookLog());
  EXPECT_TRUE(IsValid(book));
  EXPECT_EQ(book.debits, book.credits);
  EXPECT_EQ(book.debits.micro, 1'005'000);
  EXPECT_EQ(book.signatures, 9u);  // the post's voucher among them
  EXPECT_TRUE(IsValid(AuditEntries(world.renter, world.RenterLog())));
}

TEST(Audit, GivesTheSameReportOnAnyNumberOfThreads) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  StepAt(log, W::kReleased).due = {5'001};
  const std::string one = Describe(AuditEntries(world.provider, log, {.threads = 1}));
  EXPECT_FALSE(one.empty());
  EXPECT_EQ(one, Describe(AuditEntries(world.provider, log, {.threads = 4})));
}

TEST(Audit, ListsLeasesAndAccountsWhereAsked) {
  const AuditWorld world;
  const AuditReport provider = AuditEntries(world.provider, world.ProviderLog(), {.details = true});
  ASSERT_EQ(provider.lease_list.size(), 1u);
  const AuditedLease& lease = provider.lease_list[0];
  EXPECT_EQ(lease.id, world.order_document->id());
  EXPECT_EQ(lease.counterparty, world.renter.id());
  EXPECT_EQ(lease.state, LeaseState::kClosed);
  EXPECT_EQ(lease.due.micro, 5'000);
  EXPECT_EQ(lease.metered, Seconds(5));
  EXPECT_TRUE(lease.settled);
  const AuditReport book = AuditEntries(world.book, world.BookLog(), {.details = true});
  int64_t sum = 0;
  for (const AuditedAccount& account : book.account_list) {
    sum += account.balance;
    if (account.owner == world.provider.id()) {
      EXPECT_EQ(account.balance, 5'000);
    }
    if (account.owner == world.escrow.account) {
      EXPECT_EQ(account.balance, 995'000);
    }
  }
  EXPECT_EQ(sum, 0);
}

TEST(Audit, CountsEveryFindingButKeepsTheFirst) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  for (size_t i = 1; i < log.size(); ++i) log[i].sequence += 7;
  const AuditReport report = AuditEntries(world.provider, log, {.max_findings = 3});
  EXPECT_EQ(report.findings.size(), 3u);
  EXPECT_EQ(report.more_findings, 13u);
}

TEST(Audit, ReportsProgressUpToTheEnd) {
  const AuditWorld world;
  std::vector<std::pair<uint64_t, uint64_t>> seen;
  AuditEntries(
      world.provider, world.ProviderLog(),
      {.progress = [&](uint64_t done, uint64_t total) { seen.emplace_back(done, total); }});
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back(), (std::pair<uint64_t, uint64_t>(17, 17)));
}

// ---- R1 --------------------------------------------------------------------------------------

TEST(Audit, FindsADocumentWithABadSignature) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  log[W::kVoucher1].documents[0].back() ^= 1;
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "every document is signed", W::kVoucher1));
}

TEST(Audit, FindsABadSignatureWithinAPost) {
  const AuditWorld world;
  auto log = world.BookLog();
  Bytes forged = world.voucher2->envelope();
  forged.back() ^= 1;
  const DocumentRef post = SignMessage(Post{.escrow = world.order.escrow,
                                            .amount = world.due,
                                            .voucher = forged,
                                            .lease = world.order_document->id()},
                                       world.provider.key());
  log[W::kPosted].documents[0] = EnvelopeOf(post);
  TransferAt(log, W::kPosted).id = post->id();
  EXPECT_TRUE(Breaks(AuditEntries(world.book, log), "every document is signed", W::kPosted));
}

TEST(Audit, FindsACommitThatAnotherSigned) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  const DocumentRef forged = SignMessage(world.commit, world.book.key());
  log[W::kCommitted].documents[0] = EnvelopeOf(forged);
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "documents are signed by whom they bind",
                     W::kCommitted));
}

TEST(Audit, FindsANumberThatWasUsedBefore) {
  AuditWorld world;
  world.job.number = 1;
  world.SignAll();
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, world.ProviderLog()),
                     "numbers within a lease are used once", W::kJobTaken));
  EXPECT_TRUE(Breaks(AuditEntries(world.renter, world.RenterLog()),
                     "numbers within a lease are used once", W::kJobSent));
}

// ---- R3 and R4 -------------------------------------------------------------------------------

TEST(Audit, FindsALeafThatIsNoEntry) {
  const AuditWorld world;
  std::vector<Bytes> leaves;
  for (const Entry& entry : world.ProviderLog()) leaves.push_back(*EncodeEntry(entry));
  leaves[W::kSettled] = ToBytes(AsBytes("not an entry"));
  EXPECT_TRUE(Breaks(AuditLeaves(world.provider, leaves), "every entry can be read", W::kSettled));
}

TEST(Audit, IsIncompleteWhereRulesAreNewer) {
  const AuditWorld world;
  std::vector<Bytes> leaves;
  auto log = world.ProviderLog();
  log.push_back({.sequence = log.size(),
                 .time = log.back().time,
                 .rules = kRulesVersion + 1,
                 .outcome = Resumed{.down_since = world.start}});
  for (const Entry& entry : log) leaves.push_back(*EncodeEntry(entry));
  const AuditReport report = AuditLeaves(world.provider, leaves);
  EXPECT_EQ(report.verdict, Verdict::kIncomplete) << Describe(report);
}

TEST(Audit, IsIncompleteWhereNewerRulesHaveAnOutcomeThatItDoesNotKnow) {
  const AuditWorld world;
  std::vector<Bytes> leaves;
  auto log = world.ProviderLog();
  log.push_back({.sequence = log.size(),
                 .time = log.back().time,
                 .rules = kRulesVersion + 1,
                 .outcome = Resumed{.down_since = world.start}});
  for (const Entry& entry : log) leaves.push_back(*EncodeEntry(entry));
  // The union's tag stands behind framing, root pointer, sequence, time and rules.
  uint8_t& tag = leaves.back()[8 + 8 + 8 + 8 + 4];
  ASSERT_EQ(tag, 1);
  tag = 99;
  const AuditReport report = AuditLeaves(world.provider, leaves);
  EXPECT_EQ(report.verdict, Verdict::kIncomplete) << Describe(report);
}

TEST(Audit, FindsASequenceThatIsNotTheIndex) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  log[W::kReady].sequence = 40;
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "the sequence is the index", W::kReady));
}

TEST(Audit, FindsALogUnderAnothersName) {
  const AuditWorld world;
  EXPECT_TRUE(Breaks(AuditEntries(world.renter, world.ProviderLog()),
                     "a log opens once, under its own name", 0));
}

TEST(Audit, FindsALogThatOpensTwice) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  log.push_back({.sequence = log.size(),
                 .time = log.back().time,
                 .outcome = Opened{.name = "kite", .peer = world.provider.id()}});
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "a log opens once, under its own name",
                     log.size() - 1));
}

TEST(Audit, FindsAnothersCardBesideTheOpening) {
  const AuditWorld world;
  const auto card_of = [](const Identity& whose) {
    return EnvelopeOf(SignMessage(Card{.name = "kite",
                                       .checkpoint_key = whose.CheckpointKey().public_key(),
                                       .log_name = LogName(whose.id()),
                                       .sequence = 1,
                                       .issued = Time{1'800'000'000'000},
                                       .expires = Time{1'800'000'000'000} + Hours(1)},
                                  whose.key()));
  };
  auto log = world.ProviderLog();
  log[0].documents = {card_of(world.provider)};
  EXPECT_TRUE(IsValid(AuditEntries(world.provider, log)));
  log[0].documents = {card_of(world.renter)};
  EXPECT_TRUE(
      Breaks(AuditEntries(world.provider, log), "documents are signed by whom they bind", 0));
}

TEST(Audit, FindsTimeThatRunsBack) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  log[W::kFreed].time = world.start + Seconds(10);
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "log time never runs back", W::kFreed));
}

TEST(Audit, FindsAnOutcomeWithoutItsDocument) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  log[W::kVoucher1].documents.clear();
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "an outcome stands with its documents",
                     W::kVoucher1));
}

// ---- R5 --------------------------------------------------------------------------------------

TEST(Audit, FindsAStepThatTheTableLacks) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  StepAt(log, W::kMetering).event = LeaseEvent::kResumed;
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "leases follow the table", W::kMetering));
}

TEST(Audit, FindsAStepToAnotherStateThanTheTables) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  StepAt(log, W::kCommitted).to = LeaseState::kMetering;
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "leases follow the table", W::kCommitted));
}

TEST(Audit, FindsAStepOfALeaseNeverAccepted) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  log.erase(log.begin() + W::kAccepted);
  Renumber(log);
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "leases follow the table", W::kAccepted));
}

TEST(Audit, FindsAFenceThatIsNotTheEntry) {
  AuditWorld world;
  world.acceptance.fence = 9;
  world.receipt.fence = 9;
  world.SignAll();
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, world.ProviderLog()),
                     "the fence is the acceptance's entry", W::kAccepted));
}

TEST(Audit, FindsAnOrderAtAnotherPriceThanTheOffers) {
  AuditWorld world;
  world.order.price = {1'800'000};
  world.due = {2'500};
  world.SignAll();
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, world.ProviderLog()),
                     "an order is accepted on the offer's terms", W::kAccepted));
}

TEST(Audit, FindsAnOrderOnAWithdrawnOffer) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  log[W::kOffered].documents.push_back(EnvelopeOf(
      SignMessage(Withdrawal{.sequence = 1, .issued = world.start}, world.provider.key())));
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "an order is accepted on the offer's terms",
                     W::kAccepted));
}

TEST(Audit, FindsAnOrderOnAnExpiredOffer) {
  AuditWorld world;
  world.offer.expires = world.start + Seconds(2);
  world.SignAll();
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, world.ProviderLog()), "nothing succeeds late",
                     W::kAccepted));
}

TEST(Audit, FindsASliceLeasedTwice) {
  AuditWorld world;
  auto log = world.ProviderLog();
  // A second order of another account, accepted on the same device while the first one runs.
  AuditWorld second;
  second.nonce = Sha256(AsBytes("another"));
  second.renter = Identity::FromSeed({9});
  second.escrow.account = second.Account().public_key();
  second.escrow.nonce = second.nonce;
  second.escrow.voucher_key = second.VoucherKey().public_key();
  second.order.account = second.escrow.account;
  second.order.nonce = second.nonce;
  second.order.voucher_key = second.escrow.voucher_key;
  second.order.escrow = EscrowId(second.escrow.account, second.nonce);
  second.acceptance.fence = W::kCommitted + 2;
  second.acceptance.accepted = world.start + Seconds(4);
  second.SignAll();
  std::vector<Entry> more = second.ProviderLog();
  more[W::kEscrowSeen].time = more[W::kAccepted].time = world.start + Seconds(4);
  log.insert(log.begin() + W::kCommitted + 1, more[W::kAccepted]);
  log.insert(log.begin() + W::kCommitted + 1, more[W::kEscrowSeen]);
  Renumber(log);
  const AuditReport report = AuditEntries(world.provider, log);
  EXPECT_TRUE(Breaks(report, "no slice is leased twice", W::kCommitted + 2));
}

TEST(Audit, FindsSlicesFreedWhileTheLeaseRuns) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  Entry freed = log[W::kFreed];
  log.erase(log.begin() + W::kFreed);
  freed.time = log[W::kJobTaken].time;
  log.insert(log.begin() + W::kJobTaken, freed);
  Renumber(log);
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "no slice is leased twice", W::kJobTaken));
}

TEST(Audit, FindsSlicesDeclaredTwice) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  Entry again = log[W::kFunded];
  std::get<Published>(again.outcome).transfers[0].id = Sha256(AsBytes("again"));
  log.insert(log.begin() + W::kFunded + 1, again);
  Renumber(log);
  EXPECT_TRUE(
      Breaks(AuditEntries(world.provider, log), "no slice is leased twice", W::kFunded + 1));
}

TEST(Audit, FindsAnExpiryThatCameEarly) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  log.resize(W::kCommitted);
  const DocumentRef close = SignMessage(
      Close{.lease = world.order_document->id(), .number = 1, .reason = CloseReason::kNotCommitted},
      world.provider.key());
  const auto expired_at = [&](Time at) {
    auto copy = log;
    copy.push_back({.sequence = W::kCommitted,
                    .time = at,
                    .outcome = LeaseStep{.lease = world.order_document->id(),
                                         .event = LeaseEvent::kCommitExpired,
                                         .to = LeaseState::kClosed,
                                         .reason = CloseReason::kNotCommitted},
                    .documents = {EnvelopeOf(close)}});
    return AuditEntries(world.provider, copy);
  };
  EXPECT_TRUE(Breaks(expired_at(world.acceptance.commit_by - Millis(1)), "nothing expires early",
                     W::kCommitted));
  EXPECT_TRUE(IsValid(expired_at(world.acceptance.commit_by)));
}

TEST(Audit, FindsACommitAtTheInstantItExpires) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  for (size_t i = W::kCommitted; i < log.size(); ++i) log[i].time = world.acceptance.commit_by;
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "nothing succeeds late", W::kCommitted));
}

TEST(Audit, MovesDeadlinesMissedWhileTheNodeWasDown) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  log.resize(W::kCommitted);
  const Time back = world.start + Seconds(100);
  log.push_back({.time = back, .outcome = Resumed{.down_since = world.start + Seconds(3)}});
  log.push_back({.time = back + Seconds(1),
                 .outcome = LeaseStep{.lease = world.order_document->id(),
                                      .event = LeaseEvent::kCommitted,
                                      .to = LeaseState::kActive},
                 .documents = {EnvelopeOf(world.commit_document)}});
  Renumber(log);
  EXPECT_TRUE(IsValid(AuditEntries(world.provider, log)));
}

TEST(Audit, FindsDowntimeThatBeganBeforeTheEntryBeforeIt) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  log.resize(W::kCommitted);
  log.push_back({.time = world.start + Seconds(100),
                 .outcome = Resumed{.down_since = log.back().time - Millis(1)}});
  Renumber(log);
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "downtime begins with the entry before it",
                     W::kCommitted));
}

TEST(Audit, FindsAReservationThatOutlivedItsCommitBy) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  log.resize(W::kCommitted + 1);
  log[W::kCommitted].time = world.acceptance.commit_by;
  EXPECT_TRUE(
      Breaks(AuditEntries(world.provider, log), "what is due is resolved first", W::kCommitted));
}

TEST(Audit, FindsAnEscrowThatWasNotReturnedAtAcceptBy) {
  const AuditWorld world;
  auto log = world.BookLog();
  // The second escrow is never shown; at the end it would return.
  log.resize(W::kExpired2);
  const Time late = world.escrow.accept_by + Millis(1);
  log.push_back({.time = late,
                 .outcome = Booked{.transfers = {{.id = world.order.escrow,
                                                  .kind = Kind::kVoid,
                                                  .pending = world.order.escrow}}}});
  Renumber(log);
  EXPECT_TRUE(Breaks(AuditEntries(world.book, log), "what is due is resolved first", W::kExpired2));
}

TEST(Audit, FindsKnownRulesAfterUnknownOnes) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  log[W::kSettled - 1].rules = kRulesVersion + 1;
  std::vector<Bytes> leaves;
  for (const Entry& entry : log) leaves.push_back(*EncodeEntry(entry));
  EXPECT_TRUE(
      Breaks(AuditLeaves(world.provider, leaves), "rules versions never fall", W::kSettled));
}

TEST(Audit, FindsACloseWithoutAReason) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  StepAt(log, W::kReleased).reason = CloseReason::kNone;
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "a close says why", W::kReleased));
}

TEST(Audit, FindsAnOfferWithAnOldSequence) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  log.insert(log.begin() + W::kOffered + 1, log[W::kOffered]);
  Renumber(log);
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "offers carry a growing sequence",
                     W::kOffered + 1));
}

// ---- R6: leases ------------------------------------------------------------------------------

TEST(Audit, FindsADueThatDoesNotFollowFromTheTime) {
  AuditWorld world;
  world.due = {5'001};
  world.SignAll();
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, world.ProviderLog()),
                     "due follows from metered time", W::kReleased));
}

TEST(Audit, FindsMeteredTimeThatTheLogDoesNotShow) {
  AuditWorld world;
  world.metered = Seconds(6);
  world.due = {6'000};
  world.SignAll();
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, world.ProviderLog()),
                     "due follows from metered time", W::kReleased));
}

TEST(Audit, FindsAnEqualVoucher) {
  AuditWorld world;
  world.second_voucher = world.first_voucher;
  world.SignAll();
  const char* rule = "vouchers grow, by the order's key, up to its maximum";
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, world.ProviderLog()), rule, W::kVoucher2));
  EXPECT_TRUE(Breaks(AuditEntries(world.renter, world.RenterLog()), rule, W::kGiven2));
}

TEST(Audit, FindsAVoucherAboveTheOrder) {
  AuditWorld world;
  world.second_voucher = {600'001};
  world.SignAll();
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, world.ProviderLog()),
                     "vouchers grow, by the order's key, up to its maximum", W::kVoucher2));
}

TEST(Audit, FindsAVoucherByAnotherKey) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  const DocumentRef forged = SignMessage(Voucher{.lease = world.order_document->id(),
                                                 .book = world.book.id(),
                                                 .amount = world.first_voucher},
                                         world.renter.key());
  log[W::kVoucher1].documents[0] = EnvelopeOf(forged);
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log),
                     "vouchers grow, by the order's key, up to its maximum", W::kVoucher1));
}

TEST(Audit, FindsASettlementAboveTheVoucher) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  std::get<Settled>(log[W::kSettled].outcome).paid = {20'001};
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "a settlement stays within the voucher",
                     W::kSettled));
  auto renter = world.RenterLog();
  std::get<Settled>(renter[W::kPaid].outcome).paid = {20'001};
  EXPECT_TRUE(Breaks(AuditEntries(world.renter, renter), "a settlement stays within the voucher",
                     W::kPaid));
}

TEST(Audit, FindsAnEscrowThatBacksTwoLeases) {
  AuditWorld world;
  auto log = world.ProviderLog();
  AuditWorld second;
  second.order.issued = world.start + Millis(1500);  // another order, the same escrow
  second.acceptance.fence = log.size() + 1;
  second.acceptance.accepted = world.start + Seconds(15);
  second.acceptance.commit_by = world.start + Seconds(20);
  second.SignAll();
  auto more = second.ProviderLog();
  for (const uint64_t at : {W::kEscrowSeen, W::kAccepted}) {
    log.push_back(more[at]);
    log.back().time = world.start + Seconds(15);
  }
  Renumber(log);
  EXPECT_TRUE(
      Breaks(AuditEntries(world.provider, log), "one escrow backs one lease and outlives it", 18));
}

TEST(Audit, FindsAnEscrowThatEndsBeforeItsLease) {
  AuditWorld world;
  world.escrow.timeout = world.acceptance.settle_by + Seconds(10) + Seconds(59);
  world.SignAll();
  const char* rule = "one escrow backs one lease and outlives it";
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, world.ProviderLog()), rule, W::kAccepted));
  EXPECT_TRUE(Breaks(AuditEntries(world.renter, world.RenterLog()), rule, W::kAcceptance));
}

TEST(Audit, FindsAnEscrowSeenWithoutTheBooksCheckpoint) {
  const AuditWorld world;
  const char* rule = "one escrow backs one lease and outlives it";
  auto provider = world.ProviderLog();
  std::get<EscrowSeen>(provider[W::kEscrowSeen].outcome).book_size = 0;
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, provider), rule, W::kEscrowSeen));
  auto renter = world.RenterLog();
  const auto seen = std::find_if(renter.begin(), renter.end(), [](const Entry& entry) {
    return std::holds_alternative<EscrowSeen>(entry.outcome);
  });
  std::get<EscrowSeen>(seen->outcome).book_root = {};
  EXPECT_TRUE(Breaks(AuditEntries(world.renter, renter), rule, seen->sequence));
}

TEST(Audit, FindsARenterWhoGrantsMoreThanTheClaim) {
  const AuditWorld world;
  auto log = world.RenterLog();
  StepAt(log, W::kClose).due = {5'001};
  EXPECT_TRUE(Breaks(AuditEntries(world.renter, log), "due follows from metered time", W::kClose));
}

// ---- R6: the book ----------------------------------------------------------------------------

TEST(Audit, FindsAnEscrowThatItsAccountDidNotSign) {
  const AuditWorld world;
  auto log = world.BookLog();
  log[W::kHeld].documents[0] = EnvelopeOf(SignMessage(world.escrow, world.provider.key()));
  EXPECT_TRUE(
      Breaks(AuditEntries(world.book, log), "every debit has its owner's signature", W::kHeld));
}

TEST(Audit, FindsATransferOfAnotherAmountThanTheEscrows) {
  const AuditWorld world;
  auto log = world.BookLog();
  TransferAt(log, W::kHeld).amount -= 1;
  EXPECT_TRUE(
      Breaks(AuditEntries(world.book, log), "transfers are what their documents say", W::kHeld));
}

TEST(Audit, FindsAnIssueThatTheOperatorDidNotSign) {
  const AuditWorld world;
  auto log = world.BookLog();
  const DocumentRef forged = SignMessage(Issue{.account = world.escrow.account,
                                               .amount = {1'000'000},
                                               .reference = "invoice 7",
                                               .issued = world.start},
                                         world.renter.key());
  log[W::kIssue].documents[0] = EnvelopeOf(forged);
  TransferAt(log, W::kIssue).id = forged->id();
  EXPECT_TRUE(
      Breaks(AuditEntries(world.book, log), "every debit has its owner's signature", W::kIssue));
}

TEST(Audit, FindsAReferenceUsedTwice) {
  const AuditWorld world;
  auto log = world.BookLog();
  const DocumentRef again = SignMessage(Issue{.account = world.escrow.account,
                                              .amount = {2},
                                              .reference = "invoice 7",
                                              .issued = world.start + Seconds(1)},
                                        world.book.key());
  Entry entry = log[W::kIssue];
  entry.documents[0] = EnvelopeOf(again);
  std::get<Booked>(entry.outcome).transfers[0].id = again->id();
  std::get<Booked>(entry.outcome).transfers[0].amount = 2;
  log.insert(log.begin() + W::kIssue + 1, entry);
  Renumber(log);
  const AuditReport report = AuditEntries(world.book, log);
  EXPECT_TRUE(Breaks(report, "an outside reference is used once", W::kIssue + 1));
  EXPECT_EQ(report.findings[0].see, std::vector<uint64_t>{W::kIssue});
}

TEST(Audit, FindsAnEscrowAboveTheBalance) {
  const AuditWorld world;
  auto log = world.BookLog();
  const DocumentRef less = SignMessage(Issue{.account = world.escrow.account,
                                             .amount = {599'999},
                                             .reference = "invoice 7",
                                             .issued = world.start},
                                       world.book.key());
  log[W::kIssue].documents[0] = EnvelopeOf(less);
  TransferAt(log, W::kIssue).id = less->id();
  TransferAt(log, W::kIssue).amount = 599'999;
  EXPECT_TRUE(Breaks(AuditEntries(world.book, log), "debits never exceed credits", W::kHeld));
}

TEST(Audit, FindsAPendingResolvedTwiceAndNamesTheFirst) {
  const AuditWorld world;
  auto log = world.BookLog();
  log.insert(log.begin() + W::kPosted + 1, log[W::kPosted]);
  Renumber(log);
  const AuditReport report = AuditEntries(world.book, log);
  EXPECT_TRUE(Breaks(report, "one resolution per pending", W::kPosted + 1));
  EXPECT_EQ(report.findings[0].see, std::vector<uint64_t>{W::kPosted});
}

TEST(Audit, FindsAPostThatThePayeeDidNotSign) {
  const AuditWorld world;
  auto log = world.BookLog();
  const DocumentRef forged = SignMessage(Post{.escrow = world.order.escrow,
                                              .amount = world.due,
                                              .voucher = world.voucher2->envelope(),
                                              .lease = world.order_document->id()},
                                         world.book.key());
  log[W::kPosted].documents[0] = EnvelopeOf(forged);
  TransferAt(log, W::kPosted).id = forged->id();
  EXPECT_TRUE(
      Breaks(AuditEntries(world.book, log), "every debit has its owner's signature", W::kPosted));
}

TEST(Audit, FindsAPostAboveItsVoucher) {
  AuditWorld world;
  auto log = world.BookLog();
  const DocumentRef more = SignMessage(Post{.escrow = world.order.escrow,
                                            .amount = {20'001},
                                            .voucher = world.voucher2->envelope(),
                                            .lease = world.order_document->id()},
                                       world.provider.key());
  log[W::kPosted].documents[0] = EnvelopeOf(more);
  TransferAt(log, W::kPosted).id = more->id();
  TransferAt(log, W::kPosted).amount = 20'001;
  EXPECT_TRUE(
      Breaks(AuditEntries(world.book, log), "every debit has its owner's signature", W::kPosted));
}

TEST(Audit, FindsAPostWhoseVoucherIsByAnotherKey) {
  AuditWorld world;
  auto log = world.BookLog();
  const DocumentRef forged = SignMessage(Voucher{.lease = world.order_document->id(),
                                                 .book = world.book.id(),
                                                 .amount = world.second_voucher},
                                         world.provider.key());
  const DocumentRef post = SignMessage(Post{.escrow = world.order.escrow,
                                            .amount = world.due,
                                            .voucher = forged->envelope(),
                                            .lease = world.order_document->id()},
                                       world.provider.key());
  log[W::kPosted].documents[0] = EnvelopeOf(post);
  TransferAt(log, W::kPosted).id = post->id();
  EXPECT_TRUE(
      Breaks(AuditEntries(world.book, log), "every debit has its owner's signature", W::kPosted));
}

TEST(Audit, FindsAPostWithoutAnAcceptanceShown) {
  const AuditWorld world;
  auto log = world.BookLog();
  log.erase(log.begin() + W::kShown);
  Renumber(log);
  EXPECT_TRUE(Breaks(AuditEntries(world.book, log), "every debit has its owner's signature",
                     W::kPosted - 1));
}

TEST(Audit, FindsAPostAtItsTimeout) {
  AuditWorld world;
  auto log = world.BookLog();
  log.resize(W::kPosted + 1);
  log[W::kPosted].time = world.escrow.timeout;
  EXPECT_TRUE(Breaks(AuditEntries(world.book, log), "nothing succeeds late", W::kPosted));
  log[W::kPosted].time = world.escrow.timeout - Millis(1);
  EXPECT_TRUE(IsValid(AuditEntries(world.book, log)));
}

TEST(Audit, FindsAVoidThatThePayeeDidNotSign) {
  const AuditWorld world;
  auto log = world.BookLog();
  const Digest escrow = TransferAt(log, W::kVoided3).pending;
  const DocumentRef forged =
      SignMessage(Void{.escrow = escrow, .lease = world.order_document->id()}, world.renter.key());
  log[W::kVoided3].documents[0] = EnvelopeOf(forged);
  TransferAt(log, W::kVoided3).id = forged->id();
  EXPECT_TRUE(
      Breaks(AuditEntries(world.book, log), "every debit has its owner's signature", W::kVoided3));
}

TEST(Audit, FindsAnEscrowThatExpiredEarly) {
  const AuditWorld world;
  auto log = world.BookLog();
  log[W::kExpired2].time = world.escrow.accept_by - Millis(1);
  EXPECT_TRUE(Breaks(AuditEntries(world.book, log), "nothing expires early", W::kExpired2));
}

TEST(Audit, FindsAShownEscrowThatExpiredAtAcceptBy) {
  const AuditWorld world;
  auto log = world.BookLog();
  log.resize(W::kPosted);
  log.push_back({.sequence = W::kPosted,
                 .time = world.escrow.accept_by,
                 .outcome = Booked{.transfers = {{.id = world.order.escrow,
                                                  .kind = Kind::kExpire,
                                                  .pending = world.order.escrow}}}});
  EXPECT_TRUE(Breaks(AuditEntries(world.book, log), "nothing expires early", W::kPosted));
}

TEST(Audit, FindsAnAcceptanceShownLate) {
  const AuditWorld world;
  auto log = world.BookLog();
  log.resize(W::kPosted);
  log[W::kShown].time = world.escrow.accept_by;
  EXPECT_TRUE(Breaks(AuditEntries(world.book, log), "nothing succeeds late", W::kShown));
}

TEST(Audit, FindsAnAcceptanceOfAnotherEscrowsOrder) {
  const AuditWorld world;
  auto log = world.BookLog();
  AuditWorld other;
  other.order.max_cost = {599'999};
  other.order.voucher_key = other.renter.id();
  other.SignAll();
  log.resize(W::kPosted);
  std::get<Shown>(log[W::kShown].outcome).lease = other.order_document->id();
  log[W::kShown].documents = {EnvelopeOf(other.order_document),
                              EnvelopeOf(other.acceptance_document)};
  EXPECT_TRUE(Breaks(AuditEntries(world.book, log), "one escrow backs one lease and outlives it",
                     W::kShown));
}

TEST(Audit, FindsDocumentsWhereNoneBelong) {
  const AuditWorld world;
  const auto with_one = [&](std::vector<Entry> log, uint64_t at, const Outcome& outcome) {
    if (outcome.index() != log[at].outcome.index()) {
      log.insert(log.begin() + static_cast<long>(at),
                 {.time = log[at - 1].time, .outcome = outcome});
    }
    log[at].documents = {EnvelopeOf(world.release_document)};
    Renumber(log);
    return log;
  };
  const char* const rule = "an outcome stands with its documents";
  const auto provider = world.ProviderLog(), renter = world.RenterLog();
  for (const uint64_t at : {W::kMetering, W::kJobStarted, W::kSettled}) {
    EXPECT_TRUE(Breaks(AuditEntries(world.provider, with_one(provider, at, provider[at].outcome)),
                       rule, at));
  }
  for (const uint64_t at : {W::kSeen, W::kPaying, W::kFetched, W::kPaid}) {
    EXPECT_TRUE(
        Breaks(AuditEntries(world.renter, with_one(renter, at, renter[at].outcome)), rule, at));
  }
  auto expired = renter;
  expired.resize(W::kReadySeen + 1);
  expired[W::kReadySeen].outcome = LeaseStep{.lease = world.order_document->id(),
                                             .event = LeaseEvent::kReadyExpired,
                                             .to = LeaseState::kClosed};
  expired[W::kReadySeen].documents.clear();
  EXPECT_TRUE(Breaks(AuditEntries(world.renter, expired), rule, W::kReadySeen));
  const Resumed resumed{.down_since = provider[0].time};
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, with_one(provider, 1, resumed)), rule, 1));
}

// ---- R7 --------------------------------------------------------------------------------------

TEST(Audit, FindsAReceiptForAnotherFence) {
  AuditWorld world;
  world.receipt.fence = 3;
  world.SignAll();
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, world.ProviderLog()), "a receipt answers its job",
                     W::kJobDone));
  EXPECT_TRUE(Breaks(AuditEntries(world.renter, world.RenterLog()), "a receipt answers its job",
                     W::kReceipt));
}

TEST(Audit, FindsAJobTakenBeforeMetering) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  log[W::kJobTaken].time = log[W::kReady].time;
  std::swap(log[W::kJobTaken], log[W::kVoucher1]);
  Renumber(log);
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "a receipt answers its job", W::kVoucher1));
}

}  // namespace
}  // namespace souk::ledger
