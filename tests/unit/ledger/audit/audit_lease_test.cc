// Leases and jobs: each test breaks one rule of a sound ledger and expects the audit to name it at
// that entry.
#include <gtest/gtest.h>

#include "unit/ledger/audit/audit_verdicts.h"

namespace souk::ledger {
namespace {

using Kind = souk::TransferRecord::Kind;
using W = AuditWorld;

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

// A lost device is the provider's fault, a release is nobody's.
TEST(Audit, FindsACloseForAnotherReasonThanItsEvents) {
  AuditWorld world;
  auto log = world.ProviderLog();
  const auto close = Decode<Close>(*world.close_document);
  Close other = *close;
  other.reason = CloseReason::kDeviceLost;
  const DocumentRef signed_again = SignMessage(other, world.provider.key());
  StepAt(log, W::kReleased).reason = other.reason;
  StepAt(log, W::kClosed).reason = other.reason;
  log[W::kReleased].documents[1] = EnvelopeOf(signed_again);
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "a close says why", W::kReleased));
}

TEST(Audit, FindsAReasonThatChangesAfterTheClose) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  StepAt(log, W::kClosed).reason = CloseReason::kUnpaid;
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "a close says why", W::kClosed));
}

TEST(Audit, FindsAReasonBeforeTheClose) {
  const AuditWorld world;
  for (const uint64_t at : {W::kAccepted, W::kCommitted, W::kMetering}) {
    auto log = world.ProviderLog();
    StepAt(log, at).reason = CloseReason::kUnpaid;
    EXPECT_TRUE(Breaks(AuditEntries(world.provider, log), "a close says why", at));
  }
}

TEST(Audit, FindsAmountsAndReasonsInARentersOwnSteps) {
  const AuditWorld world;
  for (const uint64_t at :
       {W::kAcceptance, W::kCommit, W::kReadySeen, W::kPaying, W::kReleaseSent}) {
    auto log = world.RenterLog();
    StepAt(log, at).due = {1};
    EXPECT_TRUE(Breaks(AuditEntries(world.renter, log), "due follows from metered time", at));
    log = world.RenterLog();
    StepAt(log, at).reason = CloseReason::kDeviceLost;
    EXPECT_TRUE(Breaks(AuditEntries(world.renter, log), "a close says why", at));
  }
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
