// The book: each test breaks one rule of a sound ledger and expects the audit to name it at that
// entry.
#include <gtest/gtest.h>

#include "unit/ledger/audit/audit_verdicts.h"

namespace souk::ledger {
namespace {

using Kind = souk::TransferRecord::Kind;
using W = AuditWorld;

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

TEST(Audit, FindsAnExpiryThatSaysMoreThanWhichEscrowItEnds) {
  const AuditWorld world;
  const auto broken = [&](const auto& change) {
    auto log = world.BookLog();
    change(std::get<Booked>(log[W::kExpired2].outcome).transfers.at(0));
    return AuditEntries(world.book, log);
  };
  using Record = souk::TransferRecord;
  constexpr const char* kName = "transfers are what their documents say";
  EXPECT_TRUE(Breaks(broken([](Record& r) { r.id = Sha256(AsBytes("x")); }), kName, W::kExpired2));
  EXPECT_TRUE(Breaks(broken([](Record& r) { r.amount = 1; }), kName, W::kExpired2));
  EXPECT_TRUE(Breaks(broken([](Record& r) { r.debit = r.pending; }), kName, W::kExpired2));
  EXPECT_TRUE(Breaks(broken([](Record& r) { r.credit = r.pending; }), kName, W::kExpired2));
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

}  // namespace
}  // namespace souk::ledger
