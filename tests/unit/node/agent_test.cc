// The agent against honest peers on a quiet network, and against strangers who break the rules.
// Each refusal is typed and changes nothing (R2).
#include <gtest/gtest.h>

#include "sim/engine.h"

namespace souk::sim {
namespace {

constexpr int kBook = 0, kProvider = 1, kRenter = 2;

// A clearing peer, one provider with two devices, one renter with a million µcredits.
class Market : public testing::Test {
 protected:
  Market()
      : world({.seed = 7,
               .providers = 1,
               .renters = 1,
               .faults = false,
               .verbose = std::getenv("SOUK_VERBOSE") != nullptr}) {
    world.Boot();
    world.RunFor(1000);
    Issue(1'000'000);
  }
  ~Market() override {
    for (const std::string& violation : world.outcome().violations) ADD_FAILURE() << violation;
  }

  Peer& book() { return world.peer(kBook); }
  Peer& provider() { return world.peer(kProvider); }
  Peer& renter() { return world.peer(kRenter); }
  void Command(int peer, auto what) { world.Tell(peer, node::CommandArrived{++commands, what}); }
  void Issue(int64_t amount) {
    Command(kBook,
            node::IssueCommand{renter().identity.AccountKey(book().identity.id()).public_key(),
                               Credits{amount}, "paid outside " + std::to_string(commands)});
  }
  OfferView Offer() {
    const auto offers = renter().agent->directory().LiveOffers(
        renter().agent->LogTime({.wall = {}, .monotonic = Millis(world.now())}));
    EXPECT_EQ(offers.size(), 1u);
    return offers.at(0);
  }
  void Rent(Duration duration) {
    Command(kRenter, node::RentCommand{.offer = Offer().id,
                                       .book = book().identity.id(),
                                       .duration = duration,
                                       .max_cost = Credits{1'000'000}});
  }
  const node::Renter::Lease& LastLease() {
    const node::Renter::Lease* last = nullptr;
    for (const auto& [id, lease] : renter().agent->renter().leases()) {
      if (last == nullptr || lease.order.issued > last->order.issued) last = &lease;
    }
    return *last;
  }
  const node::Provider::Lease& ProvidersLease(const Digest& id) {
    return provider().agent->provider().leases().at(id);
  }
  Credits Balance() {
    return {book()
                .agent->clearing()
                .book()
                .Find(ledger::AccountId(
                    renter().identity.AccountKey(book().identity.id()).public_key()))
                .Balance()};
  }

  World world;
  uint64_t commands = 0;
};

// Somebody with a key of their own who talks to one peer.
class Stranger {
 public:
  Stranger(World& world, int peer, uint8_t seed, bool hello = true)
      : world_(world), peer_(peer), identity_(Identity::FromSeed({seed, 1, 2, 3})) {
    connection_ = world.Knock(peer, identity_.Curve().public_key());
    if (hello) Hello(identity_.Curve().public_key());
  }
  void Hello(const CurveKey& curve_on_card) { HelloAs(identity_, curve_on_card); }
  void HelloAs(const Identity& who, const CurveKey& curve_on_card) {
    const DocumentRef card = SignMessage(Card{.name = "stranger",
                                              .curve = curve_on_card,
                                              .checkpoint_key = who.CheckpointKey().public_key(),
                                              .log_name = LogName(who.id()),
                                              .sequence = 1,
                                              .issued = Wall(),
                                              .expires = Wall() + Hours(1),
                                              .peer = who.id()},
                                         who.key());
    Send({SignMessage(souk::Hello{.card = card->id(), .sent = Wall()}, who.key()), card});
  }
  Time Wall() const { return Time{1'700'000'000'000 + world_.now()}; }
  void Send(const std::vector<DocumentRef>& documents) {
    node::Frames frames;
    for (const DocumentRef& document : documents) {
      frames.push_back(std::make_shared<const Bytes>(document->envelope()));
    }
    world_.Say(peer_, connection_, frames);
  }
  void SendRaw(Bytes bytes) {
    world_.Say(peer_, connection_, {std::make_shared<const Bytes>(std::move(bytes))});
  }
  template <typename Message>
  DocumentRef Sign(const Message& message) const {
    return SignMessage(message, identity_.key());
  }
  // The last refusal that came back, or none.
  std::optional<Refusal> Refused() const {
    for (auto it = world_.inbox.rbegin(); it != world_.inbox.rend(); ++it) {
      const auto document = Document::Open(*(*it)[0]);
      if (document && (*document)->kind() == Kind::kRefusal) return *Decode<Refusal>(**document);
    }
    return std::nullopt;
  }
  RefusalCode Code() const {
    const auto refusal = Refused();
    return refusal ? refusal->code : RefusalCode{0};
  }
  const Identity& identity() const { return identity_; }

 private:
  World& world_;
  int peer_;
  Identity identity_;
  node::ConnectionId connection_ = 0;
};

// ---- The whole way ---------------------------------------------------------------------------

TEST_F(Market, OffersArriveByGossip) {
  EXPECT_EQ(Offer().provider, provider().identity.id());
}

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

TEST_F(Market, TheRenterPaysNoMoreThanOneIntervalAhead) {
  Rent(Seconds(60));
  world.RunFor(12'000);
  const auto& lease = LastLease();
  ASSERT_EQ(lease.phase, node::Renter::Phase::kMetering);
  const Duration covered = CoveredBy(lease.best, lease.order.price, 1);
  const Duration elapsed = ProvidersLease(lease.id).first_metered.ms == 0
                               ? Duration{}
                               : Time{1'700'000'000'000 + world.now()} - lease.ready;
  EXPECT_LE(covered, elapsed + Seconds(8) + Seconds(1));  // the offer's longest interval
}

TEST_F(Market, AJobRunsAndItsOutputsAreFetched) {
  Rent(Seconds(60));
  world.RunFor(5000);
  const BlobRef workload = renter().blobs.Put({1, 2, 3});
  const BlobRef input = renter().blobs.Put(Bytes(3'000'000, 7));
  Command(kRenter, node::JobCommand{LastLease().id, workload, {input}, "test"});
  world.RunFor(15'000);
  ASSERT_EQ(renter().agent->renter().jobs().size(), 1u);
  const auto& job = renter().agent->renter().jobs().begin()->second;
  ASSERT_TRUE(job.receipt.has_value());
  EXPECT_TRUE(job.at == JobStep::Event::kFetched || job.receipt->status == JobStatus::kFailed);
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

TEST_F(Market, EachPeerFindsItsLeaseAgainAfterARestart) {
  for (const int peer : {kProvider, kRenter, kBook}) {
    Rent(Seconds(60));
    world.RunFor(4000);
    const Digest id = LastLease().id;
    ASSERT_EQ(LastLease().phase, node::Renter::Phase::kMetering) << peer;
    world.Restart(peer);
    world.RunFor(6000);
    EXPECT_EQ(renter().agent->renter().leases().at(id).phase, node::Renter::Phase::kMetering)
        << peer;
    Command(kRenter, node::ReleaseCommand{id});
    world.RunFor(8000);
    EXPECT_EQ(renter().agent->renter().leases().at(id).phase, node::Renter::Phase::kClosed) << peer;
    EXPECT_TRUE(ProvidersLease(id).settled) << peer;
  }
}

TEST_F(Market, AFullDeviceRefusesTheNextOrder) {
  Rent(Seconds(300));
  world.RunFor(4000);
  Rent(Seconds(300));
  world.RunFor(4000);
  Rent(Seconds(300));
  world.RunFor(4000);
  EXPECT_EQ(LastLease().phase, node::Renter::Phase::kLost);
  EXPECT_NE(LastLease().sentence.find("every slice"), std::string::npos) << LastLease().sentence;
}

TEST_F(Market, AnEmptyAccountCannotRent) {
  Rent(Seconds(60));
  const Credits first = LastLease().order.max_cost;
  world.RunFor(3000);
  // Whatever is left is too little for more than it.
  Command(kRenter, node::RentCommand{.offer = Offer().id,
                                     .book = book().identity.id(),
                                     .duration = Hours(1),
                                     .max_cost = Credits{100'000'000}});
  world.RunFor(3000);
  if (LastLease().order.max_cost > Credits{1'000'000} - first) {
    EXPECT_EQ(LastLease().phase, node::Renter::Phase::kClosed);
    EXPECT_NE(LastLease().sentence.find("exceeds_credits"), std::string::npos)
        << LastLease().sentence;
  }
}

TEST_F(Market, AReferenceIsIssuedForOnce) {
  const Credits before = Balance();
  const auto again = [&] {
    Command(kBook,
            node::IssueCommand{renter().identity.AccountKey(book().identity.id()).public_key(),
                               Credits{5}, "receipt 17"});
  };
  again();
  again();
  EXPECT_EQ(Balance(), before + Credits{5});
}

TEST_F(Market, AHelloAfterItsConnectionWasGivenUpBindsNothing) {
  node::Frames answer;
  world.tap = [&](int from, int to, const node::Frames& frames) {
    if (from == kBook && to == kRenter && answer.empty()) answer = frames;
    return from != kBook || to != kRenter;
  };
  world.Restart(kRenter);
  ASSERT_FALSE(answer.empty());
  node::DocumentArrived late{.connection = 2, .curve = book().curve};
  late.document = *Document::Open(*answer.at(0));
  late.carried = {*Document::Open(*answer.at(1))};
  ASSERT_EQ(late.document->kind(), Kind::kHello);
  world.Tell(kRenter, late);
  EXPECT_FALSE(renter().agent->connections().Bound(late.connection));
  // The book is reached by another attempt.
  world.tap = {};
  world.RunFor(10'000);
  EXPECT_EQ(renter().agent->connections().AllBound().size(), 1u);
}

TEST_F(Market, ATooFastPeerIsNotBanned) {
  const auto bound = provider().agent->connections().AllBound();
  ASSERT_EQ(bound.size(), 1u);
  for (int i = 0; i < 200; ++i) {
    world.Tell(kProvider, node::MessageRefused{.connection = bound[0],
                                               .curve = book().curve,
                                               .code = RefusalCode::kRateLimited});
  }
  EXPECT_EQ(provider().agent->connections().AllBound(), bound);
}

TEST_F(Market, StrikesAreForgottenWithTime) {
  const auto bound = provider().agent->connections().AllBound();
  ASSERT_EQ(bound.size(), 1u);
  const node::MessageRefused nonsense{.connection = bound[0], .curve = book().curve};
  for (int i = 0; i < 60; ++i) world.Tell(kProvider, nonsense);
  world.RunFor(60'000);
  for (int i = 0; i < 60; ++i) world.Tell(kProvider, nonsense);
  EXPECT_EQ(provider().agent->connections().AllBound(), bound);
  for (int i = 0; i < 60; ++i) world.Tell(kProvider, nonsense);
  EXPECT_TRUE(provider().agent->connections().AllBound().empty());
}

TEST_F(Market, WhoWasThereBeforeHearsOfANewcomersCard) {
  const Stranger newcomer(world, kBook, 9);
  world.RunFor(1000);
  EXPECT_NE(renter().agent->directory().FindCard(newcomer.identity().id()), nullptr);
}

// ---- Hostile messages ------------------------------------------------------------------------

class Hostile : public Market {
 protected:
  // Whatever a test does to the provider, its log must not grow by it.
  void ExpectUnchanged(uint64_t size) { EXPECT_EQ(provider().log->size(), size); }
};

TEST_F(Hostile, AnUnknownConnectionMayOnlySayHello) {
  Stranger stranger(world, kProvider, 1, /*hello=*/false);
  const uint64_t size = provider().log->size();
  stranger.Send({stranger.Sign(LeaseQuery{})});
  EXPECT_EQ(stranger.Code(), RefusalCode::kNotBound);
  ExpectUnchanged(size);
}

TEST_F(Hostile, ACardWithAnotherCurveKeyDoesNotBind) {
  Stranger stranger(world, kProvider, 1, /*hello=*/false);
  stranger.Hello(renter().curve);
  EXPECT_EQ(stranger.Code(), RefusalCode::kWrongSigner);
  stranger.Send({stranger.Sign(LeaseQuery{})});
  EXPECT_EQ(stranger.Code(), RefusalCode::kNotBound);
}

// Else one connection could make this node remember any number of peers.
TEST_F(Hostile, AConnectionIsBoundToOneIdentityForItsLife) {
  Stranger stranger(world, kProvider, 1);
  const Identity other = Identity::FromSeed({2, 1, 2, 3});
  stranger.HelloAs(other, stranger.identity().Curve().public_key());
  EXPECT_EQ(stranger.Code(), RefusalCode::kWrongSigner);
  EXPECT_EQ(provider().agent->directory().FindCard(other.id()), nullptr);
}

TEST_F(Hostile, AMessageByAnotherThanTheConnectionsIdentityIsRefused) {
  Stranger stranger(world, kProvider, 1);
  const uint64_t size = provider().log->size();
  stranger.Send({SignMessage(LeaseQuery{}, renter().identity.key())});
  EXPECT_EQ(stranger.Code(), RefusalCode::kWrongSigner);
  ExpectUnchanged(size);
}

TEST_F(Hostile, WronglySignedAndTruncatedBytesAreRefused) {
  Stranger stranger(world, kProvider, 1);
  const uint64_t size = provider().log->size();
  Bytes bytes = stranger.Sign(LeaseQuery{.lease = Sha256({})})->envelope();
  bytes.back() ^= 1;
  stranger.SendRaw(bytes);
  EXPECT_EQ(stranger.Code(), RefusalCode::kBadSignature);
  bytes.pop_back();
  stranger.SendRaw(bytes);
  EXPECT_EQ(stranger.Code(), RefusalCode::kMalformed);
  stranger.SendRaw(Bytes(20'000, 0));
  EXPECT_EQ(stranger.Code(), RefusalCode::kTooLarge);
  stranger.SendRaw({});
  EXPECT_EQ(stranger.Code(), RefusalCode::kMalformed);
  ExpectUnchanged(size);
}

TEST_F(Hostile, EndlessNonsenseEndsTheConnection) {
  Stranger stranger(world, kProvider, 1);
  for (int i = 0; i < 200; ++i) stranger.SendRaw({1, 2, 3});
  const size_t answers = world.inbox.size();
  EXPECT_LT(answers, 150u);
}

// ---- Gossip ----------------------------------------------------------------------------------

class Gossip : public Hostile {
 protected:
  Card GoodCard(const Stranger& clock, const PublicKey& peer) {
    return {.name = "many",
            .endpoints = {"tcp://10.1.2.3:7100"},
            .log_name = "log",
            .sequence = 1,
            .issued = clock.Wall(),
            .expires = clock.Wall() + Hours(1),
            .peer = peer};
  }
  static void SendBundle(Stranger& from, const std::vector<DocumentRef>& documents) {
    std::vector<DocumentRef> all = {
        from.Sign(Bundle{.count = static_cast<uint32_t>(documents.size())})};
    all.insert(all.end(), documents.begin(), documents.end());
    from.Send(all);
  }
  const node::Directory& directory() { return provider().agent->directory(); }
};

TEST_F(Gossip, ANewcomerGetsALargeDirectoryPageByPage) {
  constexpr int kDocuments = 20'000;
  Stranger feeder(world, kProvider, 1);
  std::vector<DocumentRef> page;
  for (int i = 0; i < kDocuments; ++i) {
    const SigningKey key = SigningKey::FromSeed(Sha256(AsBytes(std::to_string(i))).bytes);
    page.push_back(SignMessage(GoodCard(feeder, key.public_key()), key));
    if (page.size() < limits::kGossipIds) continue;
    SendBundle(feeder, page);
    page.clear();
  }
  SendBundle(feeder, page);
  ASSERT_GE(directory().Cards().size(), static_cast<size_t>(kDocuments));

  world.inbox.clear();
  Stranger newcomer(world, kProvider, 2);
  std::set<Digest> got;
  for (int quiet_ms = 0; quiet_ms < 2'000; quiet_ms += 20) {
    // What waits for a newcomer that does not read at once stays far below its queue.
    ASSERT_LT(world.inbox.size(), 32u);
    for (const node::Frames& frames : std::exchange(world.inbox, {})) {
      const DocumentRef document = *Document::Open(*frames[0]);
      if (const auto have = Decode<Have>(*document)) {
        newcomer.Send({newcomer.Sign(Want{.ids = have->ids})});
      }
      if (document->kind() != Kind::kBundle) continue;
      quiet_ms = 0;
      for (size_t i = 1; i < frames.size(); ++i) {
        got.insert((*Document::OpenTrusted(*frames[i]))->id());
      }
    }
    world.RunFor(20);
  }
  EXPECT_GE(got.size(), static_cast<size_t>(kDocuments));
}

TEST_F(Gossip, AnothersSignatureOnTheSamePayloadIsNotTaken) {
  Stranger stranger(world, kProvider, 1);
  const Identity victim = Identity::FromSeed({7, 7});
  const Card card = GoodCard(stranger, victim.id());
  SendBundle(stranger, {stranger.Sign(card)});
  SendBundle(stranger, {SignMessage(card, victim.key())});
  ASSERT_NE(directory().FindCard(victim.id()), nullptr);
  EXPECT_NE(directory().FindCard(stranger.identity().id())->card.name, card.name);
}

TEST_F(Gossip, WhatLivesTooLongOrComesFromTheFutureIsNotTaken) {
  Stranger stranger(world, kProvider, 1);
  const Identity other = Identity::FromSeed({7, 7});
  Card card = GoodCard(stranger, other.id());
  card.expires = card.issued + limits::kCardLife + Millis(1);
  SendBundle(stranger, {SignMessage(card, other.key())});
  card.issued = stranger.Wall() + Hours(1);
  card.expires = card.issued + Hours(1);
  SendBundle(stranger, {SignMessage(card, other.key())});
  EXPECT_EQ(directory().FindCard(other.id()), nullptr);
}

TEST_F(Gossip, AnExpiredCardIsForgotten) {
  Stranger stranger(world, kProvider, 1);
  const Identity other = Identity::FromSeed({7, 7});
  Card card = GoodCard(stranger, other.id());
  card.expires = card.issued + Seconds(5);
  SendBundle(stranger, {SignMessage(card, other.key())});
  EXPECT_NE(directory().FindCard(other.id()), nullptr);
  world.RunFor(20'000);
  EXPECT_EQ(directory().FindCard(other.id()), nullptr);
}

TEST_F(Gossip, OnlyNumericTcpEndpointsOfCardsAreDialled) {
  Stranger stranger(world, kProvider, 1);
  const auto address = [&](uint8_t seed, std::vector<std::string> endpoints) -> std::string {
    const Identity other = Identity::FromSeed({7, seed});
    Card card = GoodCard(stranger, other.id());
    card.endpoints = std::move(endpoints);
    SendBundle(stranger, {SignMessage(card, other.key())});
    const auto found = directory().FindAddress(other.id(), {});
    return found ? found->endpoint : "";
  };
  EXPECT_EQ(address(1, {"tcp://slow.example:1", "tcp://10.0.0.9:1"}), "tcp://10.0.0.9:1");
  EXPECT_EQ(address(2, {"tcp://[::1]:80"}), "tcp://[::1]:80");
  EXPECT_EQ(address(3, {"tcp://slow.example:1"}), "");
  EXPECT_EQ(address(4, {"tcp://10.0.0.9:1", "ipc:///run/x"}), "");
  EXPECT_EQ(address(5, {"tcp://10.0.0.9:1;10.0.0.8:2"}), "");
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

class HostileLeases : public Hostile {
 protected:
  HostileLeases() {
    Rent(Seconds(60));
    world.RunFor(5000);
    id = LastLease().id;
  }
  Digest id;
};

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

TEST_F(HostileLeases, BlobsAreReadByTheJobsPartiesOnly) {
  const BlobRef secret = provider().blobs.Put({1, 2, 3});
  Stranger stranger(world, kProvider, 1);
  stranger.Send({stranger.Sign(BlobGet{.blob = secret.digest, .offset = 0, .length = 3})});
  EXPECT_EQ(stranger.Code(), RefusalCode::kNotYours);
}

TEST_F(HostileLeases, TheBookPaysNobodyElse) {
  Stranger stranger(world, kBook, 1);
  const uint64_t size = book().log->size();
  const auto& lease = LastLease();
  const DocumentRef voucher =
      SignMessage(Voucher{.lease = id, .book = book().identity.id(), .amount = Credits{1}},
                  renter().identity.VoucherKey(lease.order.nonce));
  stranger.Send({stranger.Sign(Post{.escrow = lease.order.escrow,
                                    .amount = Credits{1},
                                    .voucher = voucher->envelope(),
                                    .lease = id})});
  EXPECT_EQ(stranger.Code(), RefusalCode::kNotYours);
  stranger.Send({stranger.Sign(Void{.escrow = lease.order.escrow, .lease = id})});
  EXPECT_EQ(stranger.Code(), RefusalCode::kNotYours);
  stranger.Send({stranger.Sign(EscrowFetch{.escrow = lease.order.escrow})});
  EXPECT_EQ(stranger.Code(), RefusalCode::kNotYours);
  EXPECT_EQ(book().log->size(), size);
}

TEST_F(HostileLeases, AnAccountIsShownToItsOwnerOnly) {
  Stranger stranger(world, kBook, 1);
  const PublicKey account = LastLease().order.account;
  const DocumentRef query = stranger.Sign(
      AccountQuery{.book = book().identity.id(), .account = account, .sent = stranger.Wall()});
  stranger.Send({stranger.Sign(Carry{.documents = {query->envelope()}})});
  EXPECT_EQ(stranger.Code(), RefusalCode::kNotYours);
}

}  // namespace
}  // namespace souk::sim
