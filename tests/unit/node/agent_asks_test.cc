// Questions that are not answered: how often they are asked again, and when they end (R5, R6).
#include "unit/node/agent_market.h"

namespace souk::sim {
namespace {

// How often such messages went, or would have gone, from one to the other.
std::function<bool(int, int, const node::Frames&)> Cut(int peer, int from, Kind kind, int* sent) {
  return [=](int sender, int receiver, const node::Frames& frames) {
    if (sender == from && receiver == peer && (*Document::OpenTrusted(*frames[0]))->kind() == kind)
      ++*sent;
    return sender != peer && receiver != peer;
  };
}

TEST_F(Market, APostIsAskedForUntilItIsPaidButEverMoreRarely) {
  const Digest id = RentUntilMetering(Minutes(20));
  world.RunFor(5000);
  int posts = 0;
  world.tap = Cut(kBook, kProvider, Kind::kPost, &posts);
  Command(kRenter, node::ReleaseCommand{id});
  world.RunFor(8000);
  ASSERT_EQ(ProvidersLease(id).state, LeaseState::kClosed);
  ASSERT_GT(ProvidersLease(id).due.micro, 0);
  world.RunFor(15 * 60'000);
  EXPECT_GT(posts, 10);
  EXPECT_LT(posts, 50);
  world.tap = {};
  // Well before the escrow ends.
  world.RunFor(3 * 60'000);
  EXPECT_TRUE(ProvidersLease(id).settled);
  EXPECT_GT(ProvidersLease(id).paid.micro, 0);
  EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kClosed);
}

TEST_F(Market, APostIsStillAskedForAfterTheEscrowsEnd) {
  const Digest id = RentUntilMetering(Seconds(60));
  world.RunFor(5000);
  int posts = 0;
  world.tap = Cut(kBook, kProvider, Kind::kPost, &posts);
  world.RunFor(30 * 60'000);
  ASSERT_EQ(ProvidersLease(id).state, LeaseState::kClosed);
  EXPECT_FALSE(ProvidersLease(id).settled);
  EXPECT_FALSE(renter().agent->renter().Idle());
  world.tap = {};
  world.RunFor(6 * 60'000);
  EXPECT_TRUE(ProvidersLease(id).settled);
  EXPECT_TRUE(renter().agent->renter().Idle());
}

TEST_F(Market, NobodyWaitsForABookThatIsGoneWhereNothingWasGiven) {
  // The provider accepts, the commit never arrives: nothing is due, and the book is gone.
  world.tap = [](int, int, const node::Frames& frames) {
    return (*Document::Open(*frames[0]))->kind() != Kind::kCommit;
  };
  Rent(Seconds(10));
  world.RunFor(1000);
  const Digest id = LastLease().id;
  ASSERT_EQ(ProvidersLease(id).state, LeaseState::kReserved);
  int voids = 0;
  world.tap = [&, cut = Cut(kBook, kProvider, Kind::kVoid, &voids)](int from, int to,
                                                                    const node::Frames& frames) {
    return cut(from, to, frames) && (*Document::Open(*frames[0]))->kind() != Kind::kCommit;
  };
  world.RunFor(10 * 60'000);
  EXPECT_TRUE(ProvidersLease(id).settled);
  EXPECT_EQ(ProvidersLease(id).paid, Credits{});
  EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kClosed);
  EXPECT_TRUE(renter().agent->renter().Idle());
  const int before = voids;
  world.RunFor(20 * 60'000);
  EXPECT_EQ(voids, before);
  ExpectValid(kProvider);
  ExpectValid(kRenter);
  world.tap = {};
  world.RunFor(60'000);
  EXPECT_EQ(Balance(), Credits{1'000'000});
}

TEST_F(Market, AQuestionForTheBalanceEnds) {
  int asked = 0;
  world.tap = Cut(kBook, kRenter, Kind::kCarry, &asked);
  Command(kRenter, node::BalanceCommand{book().identity.id()});
  world.RunFor(60'000);
  EXPECT_GT(asked, 5);
  const int before = asked;
  world.RunFor(10 * 60'000);
  EXPECT_EQ(asked, before);
}

TEST_F(Market, AProviderThatIsGoneIsAskedNothingPastTheLeasesEnd) {
  const Digest id = RentUntilMetering(Seconds(10));
  int sent = 0;
  world.tap = [&](int from, int to, const node::Frames& frames) {
    const Kind kind = (*Document::OpenTrusted(*frames[0]))->kind();
    // Gossip of others' news asks for nothing.
    const bool asks = kind != Kind::kHello && kind != Kind::kHave;
    if (from == kRenter && to == kProvider && asks) ++sent;
    return from != kProvider && to != kProvider;
  };
  Command(kRenter, node::JobCommand{id, renter().blobs.Put({1}), {}, "work"});
  world.RunFor(RentersLease(id).acceptance.settle_by.ms - 1'700'000'000'000 - world.now() + 1000);
  EXPECT_GT(sent, 10);
  const int before = sent;
  world.RunFor(20'000);
  EXPECT_EQ(sent, before);
}

// The first receipt of a connection proves nothing: the hello crossed with what was seen since.
TEST_F(Market, AFirstAcceptanceWaitsForNoPause) {
  Rent(Seconds(60));
  world.RunFor(150);
  EXPECT_GE(LastLease().phase, node::Renter::Phase::kWaiting);
}

}  // namespace
}  // namespace souk::sim
