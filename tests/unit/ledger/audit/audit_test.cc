// Documents and the log: each test breaks one rule of a sound ledger and expects the audit to name
// it at that entry.
#include <gtest/gtest.h>

#include "unit/ledger/audit/audit_verdicts.h"

namespace souk::ledger {
namespace {

using W = AuditWorld;

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

}  // namespace
}  // namespace souk::ledger
