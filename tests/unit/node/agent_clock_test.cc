// R4: clocks that jump, while a node runs and across its restarts.
#include "node/agent/log_clock.h"
#include "unit/node/agent_market.h"

namespace souk::sim {
namespace {

using node::LogClock;

constexpr int64_t kStart = 1'700'000'000'000;

// The wall clock and the monotonic clock after so many milliseconds.
Now After(int64_t ms, int64_t jump = 0) {
  return {.wall = Time{kStart + ms + jump}, .monotonic = Duration{5'000 + ms}};
}

PeerId SomePeer(uint8_t seed) {
  return Identity::FromSeed({seed, 9}).id();
}

TEST(LogClock, R4FollowsTheMonotonicClockWhileTheWallClockDriftsWithinBounds) {
  LogClock clock;
  clock.Start(Time{}, After(0), /*vouched=*/false);
  clock.Look(After(1'000, 29'000));
  EXPECT_FALSE(clock.doubtful());
  EXPECT_EQ(clock.At(After(1'000, 29'000)), Time{kStart + 1'000});
}

TEST(LogClock, R4StandsStillAfterAJumpUntilTheWallClockIsBack) {
  for (const int64_t jump : {3'600'000, -3'600'000}) {
    LogClock clock;
    clock.Start(Time{}, After(0), false);
    clock.Look(After(1'000));
    clock.Look(After(2'000, jump));
    EXPECT_TRUE(clock.doubtful());
    EXPECT_EQ(clock.At(After(2'000, jump)), Time{kStart + 1'000});
    clock.Look(After(60'000, jump));
    EXPECT_EQ(clock.At(After(60'000, jump)), Time{kStart + 1'000});
    clock.Look(After(61'000));
    EXPECT_FALSE(clock.doubtful());
    EXPECT_EQ(clock.At(After(61'000)), Time{kStart + 61'000}) << "nothing of the time is lost";
  }
}

TEST(LogClock, R4ALogThatIsAheadWaitsForTheClock) {
  LogClock clock;
  const Time last{kStart + 600'000};
  clock.Start(last, After(0), false);
  EXPECT_TRUE(clock.doubtful());
  EXPECT_EQ(clock.At(After(0)), last);
  clock.Look(After(500'000));
  EXPECT_EQ(clock.At(After(500'000)), last);
  clock.Look(After(580'000));
  EXPECT_FALSE(clock.doubtful()) << "as near as clocks may differ";
  EXPECT_EQ(clock.At(After(581'000)), last + Seconds(1)) << "it never runs back";
}

TEST(LogClock, R4AStartThatTwoCounterpartiesContradictIsInDoubt) {
  const auto hello = [](LogClock& clock, uint8_t peer, int64_t ms, int64_t ahead) {
    clock.OnHello(SomePeer(peer), After(ms, ahead).wall, After(ms));
  };
  LogClock clock;
  clock.Start(Time{}, After(0), false);
  hello(clock, 1, 1'000, -45'000);
  hello(clock, 1, 2'000, -45'000);
  EXPECT_FALSE(clock.doubtful()) << "one counterparty is not two";
  clock.Look(After(3'000));
  hello(clock, 2, 3'500, -45'000);
  EXPECT_TRUE(clock.doubtful());
  EXPECT_TRUE(clock.contradicted());
  clock.Look(After(60'000));
  EXPECT_TRUE(clock.doubtful()) << "that its two clocks agree is no answer";
  EXPECT_EQ(clock.At(After(60'000)), Time{kStart + 3'000});
  hello(clock, 3, 61'000, 0);
  hello(clock, 4, 62'000, 0);
  EXPECT_FALSE(clock.doubtful());
  EXPECT_EQ(clock.At(After(62'000)), Time{kStart + 62'000});

  // Who agreed before the doubt is one of the two.
  LogClock between;
  between.Start(Time{}, After(0), false);
  hello(between, 5, 500, 0);
  between.OnContradiction(SomePeer(1));
  hello(between, 2, 1'000, 50'000);
  ASSERT_TRUE(between.doubtful());
  hello(between, 6, 2'000, 0);
  EXPECT_FALSE(between.doubtful());

  // The wall clock was set right: the log waits for it.
  LogClock fast;
  fast.Start(Time{}, After(0, 45'000), false);
  for (const uint8_t peer : {uint8_t{1}, uint8_t{2}})
    fast.OnHello(SomePeer(peer), After(500).wall, After(500, 45'000));
  ASSERT_TRUE(fast.contradicted());
  fast.Look(After(1'000));
  EXPECT_TRUE(fast.doubtful());
  fast.Look(After(16'000));
  EXPECT_FALSE(fast.doubtful());
  EXPECT_EQ(fast.At(After(16'000)), Time{kStart + 45'000});

  // Two who agree settle the start: nobody stops the node after.
  LogClock settled;
  settled.Start(Time{}, After(0), false);
  hello(settled, 1, 1'000, 0);
  hello(settled, 2, 1'000, 29'000);
  hello(settled, 3, 2'000, 100'000);
  hello(settled, 4, 2'000, 100'000);
  EXPECT_FALSE(settled.doubtful());
  // So does the operator.
  LogClock vouched;
  vouched.Start(Time{}, After(0), true);
  hello(vouched, 3, 2'000, 100'000);
  hello(vouched, 4, 2'000, 100'000);
  EXPECT_FALSE(vouched.doubtful());
}

TEST(LogClock, R4TwoCounterpartiesOrTheOperatorSettleADoubt) {
  LogClock clock;
  clock.Start(Time{}, After(0), false);
  const auto jumped = [](int64_t ms) { return After(ms, 3'600'000); };
  clock.Look(jumped(1'000));
  ASSERT_TRUE(clock.doubtful());
  clock.OnHello(SomePeer(1), jumped(2'000).wall, jumped(2'000));
  clock.OnHello(SomePeer(1), After(2'000).wall, jumped(2'000));
  clock.OnHello(SomePeer(1), After(3'000).wall, jumped(3'000));
  EXPECT_TRUE(clock.doubtful()) << "one counterparty is not two";
  clock.OnHello(SomePeer(2), After(4'000).wall, jumped(4'000));
  EXPECT_FALSE(clock.doubtful());
  clock.Look(jumped(5'000));
  EXPECT_FALSE(clock.doubtful());
  EXPECT_EQ(clock.At(jumped(5'000)), Time{kStart + 5'000});
  clock.Look(After(6'000, 7'200'000));
  EXPECT_TRUE(clock.doubtful()) << "another jump is another doubt";

  LogClock vouched;
  vouched.Start(Time{kStart + 600'000}, After(0), /*vouched=*/true);
  EXPECT_FALSE(vouched.doubtful());
  EXPECT_EQ(vouched.At(After(1'000)), Time{kStart + 601'000});
}

TEST_F(Market, R4AClockThatJumpsForwardExpiresNothingAndBeginsNoLease) {
  const Digest id = RentUntilMetering(Seconds(20));
  for (const int64_t jump : {86'400'000, -86'400'000}) {
    provider().skew_ms += jump;
    world.RunFor(2'000);
    EXPECT_EQ(ProvidersLease(id).state, LeaseState::kMetering);
    EXPECT_NE(provider().agent->ClockDoubt(
                  {.wall = Time{kStart + world.now() + jump}, .monotonic = Millis(world.now())}),
              "");
    const size_t leases = provider().agent->provider().leases().size();
    Rent(Seconds(20));
    world.RunFor(3'000);
    EXPECT_EQ(provider().agent->provider().leases().size(), leases) << "no lease begins";
    provider().skew_ms -= jump;
    world.RunFor(500);
    EXPECT_EQ(ProvidersLease(id).state, LeaseState::kMetering);
  }
  world.RunFor(30'000);
  EXPECT_EQ(ProvidersLease(id).state, LeaseState::kClosed);
  ExpectValid(kProvider);
  ExpectValid(kBook);
}

TEST_F(Market, R4ABookWhoseClockJumpsHoldsEscrowsUntilItIsBack) {
  RentUntilMetering(Seconds(20));
  const Credits before = Balance();
  book().skew_ms += 3'600'000;
  world.RunFor(5'000);
  EXPECT_EQ(Balance(), before) << "no escrow expired";
  ExpectValid(kBook);
  book().skew_ms -= 3'600'000;
  world.RunFor(60'000);
  ExpectValid(kBook);
  ExpectValid(kProvider);
}

TEST_F(Market, R4AStartWhoseClockContradictsTheCounterpartiesDecidesNothing) {
  const Digest id = RentUntilMetering(Seconds(60));
  provider().alone = false;
  provider().skew_ms += 86'400'000;
  world.Restart(kProvider);
  world.RunFor(2'000);
  EXPECT_FALSE(provider().agent->may_sign()) << "their hellos do not agree";
  EXPECT_EQ(ProvidersLease(id).state, LeaseState::kMetering);
  // The operator sets the clock and starts it again.
  provider().skew_ms -= 86'400'000;
  world.Restart(kProvider);
  world.RunFor(5'000);
  EXPECT_TRUE(provider().agent->may_sign());
  ExpectValid(kProvider);
}

TEST_F(Market, R4AClockThatWasSetBackAcrossARestartLetsNoTimeRunBack) {
  const Digest id = RentUntilMetering(Seconds(60));
  const Time before = provider().agent->LogTime(
      {.wall = Time{kStart + world.now()}, .monotonic = Millis(world.now())});
  provider().alone = false;
  provider().skew_ms -= 45'000;
  world.Restart(kProvider);
  world.RunFor(5'000);
  EXPECT_EQ(ProvidersLease(id).state, LeaseState::kMetering);
  world.RunFor(60'000);
  EXPECT_NE(ProvidersLease(id).state, LeaseState::kMetering);
  Time last = {};
  for (uint64_t i = 0; i < provider().log->size(); ++i) {
    const Time time = DecodeEntry(*provider().log->Entry(i))->time;
    EXPECT_GE(time, last);
    last = time;
  }
  EXPECT_GE(last, before - Seconds(60));
  ExpectValid(kProvider);
}

}  // namespace
}  // namespace souk::sim
