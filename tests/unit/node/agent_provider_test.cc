// Offers, and orders that break the rules: each refusal is typed and changes nothing (R2).
#include "unit/node/agent_market.h"

namespace souk::sim {
namespace {

TEST_F(Market, AFullDeviceRefusesTheNextOrder) {
  // Who has not heard that all is leased orders on what was offered before.
  world.tap = [](int from, int to, const node::Frames& frames) {
    const Kind kind = (*Document::Open(*frames[0]))->kind();
    return to != kRenter || (kind != Kind::kHave && kind != Kind::kBundle) || from < 0;
  };
  Rent(Seconds(300));
  world.RunFor(4000);
  Rent(Seconds(300));
  world.RunFor(4000);
  EXPECT_EQ(provider().agent->provider().leases().size(), 2u);
  Rent(Seconds(300));
  world.RunFor(4000);
  EXPECT_EQ(LastLease().phase, node::Renter::Phase::kLost);
  EXPECT_NE(LastLease().sentence.find("every slice"), std::string::npos) << LastLease().sentence;
}

TEST_F(Market, AnOfferSaysHowManySlicesAreFree) {
  EXPECT_EQ(Offer().offer.slices, 2u);
  const Digest first = RentUntilMetering(Minutes(5));
  EXPECT_EQ(Offer().offer.slices, 1u);
  RentUntilMetering(Minutes(5));
  EXPECT_TRUE(LiveOffers().empty());
  // Still so where it is published anew, and after a restart.
  world.RunFor(provider().settings.provider.offer_life.ms / 2);
  EXPECT_TRUE(LiveOffers().empty());
  world.Restart(kProvider);
  EXPECT_TRUE(LiveOffers().empty());
  Command(kRenter, node::ReleaseCommand{first});
  world.RunFor(5000);
  EXPECT_EQ(Offer().offer.slices, 1u);
  ExpectValid(kProvider);
  ExpectValid(kRenter);
}

TEST_F(Market, AtMostOneVersionOfAnOfferASecond) {
  const uint64_t before = Offer().offer.sequence;
  const int64_t since = world.now();
  for (int i = 0; i < 20; ++i) {
    if (!LiveOffers().empty()) Rent(Seconds(60));
    world.RunFor(150);
    Command(kRenter, node::ReleaseCommand{LastLease().id});
    world.RunFor(150);
  }
  world.RunFor(3000);
  EXPECT_EQ(Offer().offer.slices, 2u);
  EXPECT_LE(Offer().offer.sequence - before,
            static_cast<uint64_t>((world.now() - since) / 1000) + 2);
}

class HostileOrders : public Hostile {
 protected:
  Order GoodOrder(const Stranger& stranger) {
    const OfferView offer = Offer();
    const Digest nonce = Sha256(AsBytes("nonce"));
    const SigningKey account = stranger.identity().AccountKey(book().identity.id());
    return {.offer = offer.id,
            .provider = provider().identity.id(),
            .nonce = nonce,
            .book = book().identity.id(),
            .account = account.public_key(),
            .escrow = EscrowId(account.public_key(), nonce),
            .voucher_key = stranger.identity().VoucherKey(nonce).public_key(),
            .slices = 1,
            .price = offer.offer.price,
            .duration = Seconds(60),
            .max_cost = Credits{900'000},
            .issued = stranger.Wall(),
            .expires = stranger.Wall() + Seconds(20)};
  }
  RefusalCode Try(Stranger& stranger, const Order& order) {
    const uint64_t size = provider().log->size();
    stranger.Send({stranger.Sign(order)});
    world.RunFor(3000);
    ExpectUnchanged(size);
    return stranger.Code();
  }
};

TEST_F(HostileOrders, WithoutEscrow) {
  Stranger stranger(world, kProvider, 1);
  EXPECT_EQ(Try(stranger, GoodOrder(stranger)), RefusalCode::kEscrowMissing);
}

TEST_F(HostileOrders, OnAnUnknownOffer) {
  Stranger stranger(world, kProvider, 1);
  Order order = GoodOrder(stranger);
  order.offer = Sha256(AsBytes("no such"));
  EXPECT_EQ(Try(stranger, order), RefusalCode::kOfferUnknown);
}

TEST_F(HostileOrders, OnAWithdrawnOffer) {
  Stranger stranger(world, kProvider, 1);
  const Order order = GoodOrder(stranger);
  Command(kProvider, node::DrainCommand{true});
  Command(kProvider, node::DrainCommand{false});
  EXPECT_EQ(Try(stranger, order), RefusalCode::kOfferWithdrawn);
}

TEST_F(HostileOrders, OnADrainingProvider) {
  Stranger stranger(world, kProvider, 1);
  const Order order = GoodOrder(stranger);
  Command(kProvider, node::DrainCommand{true});
  EXPECT_EQ(Try(stranger, order), RefusalCode::kDraining);
}

TEST_F(Market, AStoppedProviderOffersNothingUntilItIsBack) {
  const Digest lease = RentUntilMetering();
  ASSERT_EQ(LiveOffers().size(), 1u);
  const uint64_t before = LiveOffers()[0].offer.sequence;
  std::vector<node::Event> follow;
  const Now now{.wall = Time{1'700'000'000'000 + world.now()},
                .monotonic = Millis(world.now() - provider().started_at)};
  ASSERT_TRUE(provider().runner->Run(provider().agent->End(now), follow));
  // It answers nobody any more.
  world.tap = [](int from, int to, const node::Frames&) {
    return from != kProvider && to != kProvider;
  };
  world.RunFor(200);
  EXPECT_TRUE(LiveOffers().empty());
  EXPECT_TRUE(book().agent->directory().LiveOffers(Time{1'700'000'000'000 + world.now()}).empty());
  world.tap = {};
  world.Restart(kProvider);
  ASSERT_EQ(LiveOffers().size(), 1u);
  EXPECT_GT(LiveOffers()[0].offer.sequence, before);
  // Its leases go on.
  world.RunFor(5000);
  EXPECT_EQ(RentersLease(lease).phase, node::Renter::Phase::kMetering);
  ExpectValid(kProvider);
}

TEST_F(Market, ADrainedProviderStaysSoOverARestart) {
  Command(kProvider, node::DrainCommand{true});
  world.Restart(kProvider);
  world.RunFor(5000);
  EXPECT_TRUE(provider().agent->provider().draining());
  EXPECT_TRUE(
      renter().agent->directory().LiveOffers(Time{1'700'000'000'000 + world.now()}).empty());
  Command(kProvider, node::DrainCommand{false});
  world.Restart(kProvider);
  world.RunFor(5000);
  EXPECT_FALSE(provider().agent->provider().draining());
  EXPECT_EQ(Offer().provider, provider().identity.id());
}

TEST_F(HostileOrders, AtAnotherPriceOrOutsideTheBounds) {
  Stranger stranger(world, kProvider, 1);
  Order order = GoodOrder(stranger);
  order.price = Rate{order.price.micro_per_hour + 1};
  EXPECT_EQ(Try(stranger, order), RefusalCode::kTermsDiffer);
  order = GoodOrder(stranger);
  order.slices = 3;
  EXPECT_EQ(Try(stranger, order), RefusalCode::kTermsDiffer);
  order = GoodOrder(stranger);
  order.duration = Hours(25);
  EXPECT_EQ(Try(stranger, order), RefusalCode::kTermsDiffer);
}

TEST_F(HostileOrders, AtTheInstantItExpires) {
  Stranger stranger(world, kProvider, 1);
  Order order = GoodOrder(stranger);
  order.expires = stranger.Wall();
  EXPECT_EQ(Try(stranger, order), RefusalCode::kExpired);
}

TEST_F(HostileOrders, ForAnotherProviderOrBook) {
  Stranger stranger(world, kProvider, 1);
  Order order = GoodOrder(stranger);
  order.provider = renter().identity.id();
  EXPECT_EQ(Try(stranger, order), RefusalCode::kNotYours);
  order = GoodOrder(stranger);
  order.book = renter().identity.id();
  EXPECT_EQ(Try(stranger, order), RefusalCode::kClearingNotAccepted);
}

TEST_F(HostileOrders, WithAnEscrowThatBacksAnotherLease) {
  Rent(Seconds(60));
  world.RunFor(5000);
  Stranger stranger(world, kProvider, 1);
  Order order = GoodOrder(stranger);
  order.account = LastLease().order.account;
  order.nonce = LastLease().order.nonce;
  order.escrow = LastLease().order.escrow;
  // Not by Try: the honest lease goes on, and its vouchers grow the log.
  stranger.Send({stranger.Sign(order)});
  world.RunFor(3000);
  EXPECT_EQ(stranger.Code(), RefusalCode::kEscrowUsed);
  EXPECT_EQ(provider().agent->provider().leases().size(), 1u);
}

TEST_F(HostileOrders, WithAnEscrowIdThatIsNotItsOwn) {
  Stranger stranger(world, kProvider, 1);
  Order order = GoodOrder(stranger);
  order.escrow = Sha256(AsBytes("another"));
  EXPECT_EQ(Try(stranger, order), RefusalCode::kEscrowMismatch);
}

}  // namespace
}  // namespace souk::sim
