// A lease from the order to the settlement (R5), between honest peers and where one falls silent.
#include "unit/node/agent_market.h"

namespace souk::sim {
namespace {

TEST_F(Market, ALeaseIsRentedPaidReleasedAndSettled) {
  Rent(Seconds(60));
  world.RunFor(5000);
  ASSERT_EQ(LastLease().phase, node::Renter::Phase::kMetering);
  const Digest id = LastLease().id;
  world.RunFor(10'000);
  Command(kRenter, node::ReleaseCommand{id});
  world.RunFor(5000);
  EXPECT_EQ(LastLease().phase, node::Renter::Phase::kClosed);
  EXPECT_EQ(ProvidersLease(id).state, LeaseState::kClosed);
  EXPECT_TRUE(ProvidersLease(id).settled);
  EXPECT_FALSE(ProvidersLease(id).reserved);
  EXPECT_EQ(LastLease().paid, ProvidersLease(id).due);
  EXPECT_GT(LastLease().paid.micro, 0);
  EXPECT_EQ(Balance(), Credits{1'000'000} - LastLease().paid);
}

TEST_F(Market, TheEndOfTheLeasedTimeClosesTheLease) {
  Rent(Seconds(3));
  world.RunFor(30'000);
  EXPECT_EQ(LastLease().phase, node::Renter::Phase::kClosed);
  EXPECT_EQ(LastLease().reason, CloseReason::kEndReached);
  EXPECT_LE(LastLease().paid, LastLease().order.max_cost);
}

TEST_F(Market, AnUncommittedOrderIsClosedAndItsEscrowReturned) {
  world.tap = [](int, int, const node::Frames& frames) {
    return (*Document::Open(*frames[0]))->kind() != Kind::kCommit;
  };
  Rent(Seconds(60));
  world.RunFor(20'000);
  EXPECT_EQ(ProvidersLease(LastLease().id).reason, CloseReason::kNotCommitted);
  EXPECT_EQ(Balance(), Credits{1'000'000});
}

TEST_F(Market, ARenterThatFallsSilentIsPausedAndClosed) {
  Rent(Seconds(120));
  world.RunFor(5000);
  const Digest id = LastLease().id;
  ASSERT_EQ(ProvidersLease(id).state, LeaseState::kMetering);
  world.tap = [](int from, int, const node::Frames&) { return from != kRenter; };
  world.RunFor(60'000);
  EXPECT_EQ(ProvidersLease(id).state, LeaseState::kClosed);
  EXPECT_EQ(ProvidersLease(id).reason, CloseReason::kUnpaid);
  // Its exposure: what was metered beyond the vouchers is at most the grace.
  EXPECT_LE(CoveredBy(ProvidersLease(id).due, ProvidersLease(id).order.price, 1),
            CoveredBy(ProvidersLease(id).best, ProvidersLease(id).order.price, 1) + Seconds(6));
}

TEST_F(Market, AProviderThatVanishesCostsTheRenterAtMostItsVouchers) {
  Rent(Seconds(10));
  world.RunFor(4000);
  world.tap = [](int from, int to, const node::Frames&) {
    return from != kProvider && to != kProvider;
  };
  world.RunFor(10 * 60'000);
  EXPECT_EQ(LastLease().phase, node::Renter::Phase::kClosed);
  EXPECT_EQ(LastLease().paid, Credits{});
  EXPECT_EQ(Balance(), Credits{1'000'000});
  world.tap = {};
  world.RunFor(60'000);
}

TEST_F(HostileLeases, NobodyElseCommitsReleasesSubmitsOrPays) {
  Stranger stranger(world, kProvider, 1);
  const uint64_t size = provider().log->size();
  const auto expect_unknown = [&](DocumentRef document) {
    stranger.Send({std::move(document)});
    EXPECT_EQ(stranger.Code(), RefusalCode::kLeaseUnknown);
    world.inbox.clear();
  };
  expect_unknown(stranger.Sign(Commit{.lease = id, .number = 9}));
  expect_unknown(stranger.Sign(Release{.lease = id, .number = 9}));
  expect_unknown(stranger.Sign(Job{.lease = id, .number = 9, .workload = {Sha256({}), 1}}));
  expect_unknown(stranger.Sign(LeaseQuery{.lease = id}));
  const DocumentRef voucher =
      stranger.Sign(Voucher{.lease = id, .book = book().identity.id(), .amount = Credits{999}});
  expect_unknown(stranger.Sign(Carry{.documents = {voucher->envelope()}}));
  ExpectUnchanged(size);
}

TEST_F(HostileLeases, AVoucherByAnotherKeyLowerOrAboveTheEscrowIsRefused) {
  // The renter itself turns hostile: its own connection, its own keys.
  std::vector<Refusal> refusals;
  world.tap = [&](int from, int, const node::Frames& frames) {
    const auto document = Document::Open(*frames[0]);
    if (from == kProvider && (*document)->kind() == Kind::kRefusal) {
      refusals.push_back(*Decode<Refusal>(**document));
    }
    return true;
  };
  const auto& lease = LastLease();
  const SigningKey key = renter().identity.VoucherKey(lease.order.nonce);
  const auto pay = [&](Credits amount, const SigningKey& with) {
    const DocumentRef voucher =
        SignMessage(Voucher{.lease = id, .book = book().identity.id(), .amount = amount}, with);
    const DocumentRef carry =
        SignMessage(Carry{.documents = {voucher->envelope()}}, renter().identity.key());
    node::DocumentArrived event{.curve = renter().curve, .document = carry, .carried = {voucher}};
    for (const auto& [connection, link] : provider().links) {
      if (link.peer == kRenter) event.connection = connection;
    }
    const Credits before = ProvidersLease(id).best;
    world.Tell(kProvider, event);
    EXPECT_EQ(ProvidersLease(id).best, before);
    return refusals.empty() ? RefusalCode{0} : refusals.back().code;
  };
  EXPECT_EQ(pay(lease.best + Credits{1}, renter().identity.key()), RefusalCode::kVoucherWrongKey);
  EXPECT_EQ(pay(Credits{1}, key), RefusalCode::kVoucherTooLow);
  EXPECT_EQ(pay(lease.order.max_cost + Credits{1}, key), RefusalCode::kOverEscrow);
}

TEST_F(HostileLeases, APausedLeaseComputesNothing) {
  const BlobRef workload = renter().blobs.Put({1});
  Command(kRenter, node::JobCommand{id, workload, {}, "work"});
  world.RunFor(40);
  ASSERT_EQ(provider().agent->provider().jobs().size(), 1u);
  const auto& job = provider().agent->provider().jobs().begin()->second;
  ASSERT_EQ(job.at, JobStep::Event::kStarted);
  // The device takes its time, and no voucher comes.
  world.tap = [](int from, int, const node::Frames&) { return from != kRenter; };
  provider().workshop.Cancel({id, job.id});
  world.RunFor(provider().settings.provider.grace.ms + 9000);
  EXPECT_NE(ProvidersLease(id).state, LeaseState::kMetering);
  ASSERT_TRUE(job.receipt);
  EXPECT_EQ(Decode<JobReceipt>(*job.receipt)->status, JobStatus::kCancelled);
  EXPECT_NE(Decode<JobReceipt>(*job.receipt)->sentence.find("paused"), std::string::npos);
}

TEST_F(Market, NoWorkIsDoneOnAnEscrowThatTheBookWasNotShown) {
  world.tap = [](int from, int to, const node::Frames& frames) {
    return from != kProvider || to != kBook || (*Document::Open(*frames[0]))->kind() != Kind::kShow;
  };
  Rent(Minutes(10));
  world.RunFor(8000);
  ASSERT_EQ(LastLease().phase, node::Renter::Phase::kMetering);
  const Digest id = LastLease().id;
  Command(kRenter, node::JobCommand{id, renter().blobs.Put({1}), {}, "work"});
  world.RunFor(8000);
  ASSERT_EQ(provider().agent->provider().jobs().size(), 1u);
  EXPECT_EQ(provider().agent->provider().jobs().begin()->second.at, JobStep::Event::kAccepted);
  world.RunFor(60'000);
  EXPECT_EQ(ProvidersLease(id).state, LeaseState::kClosed);
  EXPECT_EQ(ProvidersLease(id).reason, CloseReason::kClearingLost);
}

TEST_F(Market, AFirstVoucherAfterTheEndStartsNothing) {
  bool lost = true;
  world.tap = [&](int from, int to, const node::Frames& frames) {
    // Vouchers travel so.
    const bool carries = (*Document::Open(*frames[0]))->kind() == Kind::kCarry;
    return !lost || !carries || from != kRenter || to != kProvider;
  };
  Rent(Seconds(4));
  world.RunFor(3000);
  const Digest id = LastLease().id;
  ASSERT_EQ(ProvidersLease(id).state, LeaseState::kActive);
  ASSERT_TRUE(ProvidersLease(id).ready_document);
  world.RunFor(3000);
  lost = false;
  world.RunFor(20'000);
  EXPECT_EQ(ProvidersLease(id).state, LeaseState::kClosed);
  EXPECT_EQ(ProvidersLease(id).reason, CloseReason::kEndReached);
  EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kClosed);
  EXPECT_EQ(RentersLease(id).paid, Credits{});
  ExpectValid(kProvider);
  ExpectValid(kRenter);
}

// A node that dies in its first turn after a downtime has nothing overdue in its log either.
TEST_F(Market, AnEndThatWasMissedIsResolvedBeforeAnythingNewIsSaid) {
  const Digest id = RentUntilMetering(Seconds(20));
  const int64_t left = ProvidersLease(id).end.ms - (1'700'000'000'000 + world.now());
  ASSERT_GT(left, 500);
  world.RunFor(left - 300);
  ASSERT_EQ(ProvidersLease(id).state, LeaseState::kMetering);
  world.Restart(kProvider);
  uint64_t resumed = 0, ended = 0;
  for (uint64_t i = 0; i < provider().log->size(); ++i) {
    const auto entry = DecodeEntry(*provider().log->Entry(i));
    ASSERT_TRUE(entry);
    if (std::holds_alternative<Resumed>(entry->outcome)) resumed = i;
    const auto* step = std::get_if<LeaseStep>(&entry->outcome);
    if (step != nullptr && step->event == LeaseEvent::kEndReached) ended = i;
  }
  EXPECT_GT(resumed, 0u);
  EXPECT_EQ(ended, resumed + 1);
  ExpectValid(kProvider);
}

TEST_F(Market, WhatTheBookWasShownIsKnownAfterARestartWithoutTheBook) {
  Rent(Minutes(10));
  world.RunFor(5000);
  const Digest id = LastLease().id;
  ASSERT_TRUE(ProvidersLease(id).shown);
  world.tap = [](int from, int to, const node::Frames&) { return from != kBook && to != kBook; };
  world.Restart(kProvider);
  world.RunFor(90'000);
  EXPECT_EQ(ProvidersLease(id).state, LeaseState::kMetering);
}

// A refusal that says nothing of the escrow settles nothing: the book's role was off for a while.
TEST_F(Market, ARefusalThatIsNotAboutTheEscrowSettlesNothing) {
  const Digest id = RentUntilMetering();
  world.RunFor(5000);
  Digest post;
  world.tap = [&](int from, int to, const node::Frames& frames) {
    const DocumentRef document = *Document::Open(*frames[0]);
    if (from != kProvider || to != kBook || document->kind() != Kind::kPost) return true;
    post = document->id();
    return false;
  };
  Command(kRenter, node::ReleaseCommand{id});
  world.RunFor(15'000);
  ASSERT_NE(post, Digest());
  const Refusal refusal{
      .re = post, .code = RefusalCode::kUnsupported, .sentence = "this node is no clearing peer"};
  node::DocumentArrived event{.curve = book().curve,
                              .document = SignMessage(refusal, book().identity.key())};
  for (const auto& [connection, link] : provider().links) {
    if (link.peer == kBook) event.connection = connection;
  }
  world.Tell(kProvider, event);
  EXPECT_FALSE(ProvidersLease(id).settled);
  world.tap = {};
  world.RunFor(30'000);
  EXPECT_TRUE(ProvidersLease(id).settled);
  EXPECT_GT(ProvidersLease(id).paid.micro, 0);
}

}  // namespace
}  // namespace souk::sim
