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

Bytes LeafAt(uint64_t index) {
  return *EncodeEntry({.sequence = index, .time = Time{1'700'000'000'000}, .outcome = Published{}});
}

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
                                              .expires = Wall() + Hours(1)},
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

// A renter turned hostile: its own keys, on its own connection to the provider.
class Insider {
 public:
  Insider(World& world, Peer& renter, Peer& provider)
      : world_(world), renter_(renter), provider_(provider) {
    world_.tap = [this](int from, int, const node::Frames& frames) {
      const auto document = Document::Open(*frames[0]);
      const auto refusal = Decode<Refusal>(**document);
      if (from == provider_.index && refusal) refusals_.push_back(refusal->code);
      return true;
    };
  }
  ~Insider() { world_.tap = {}; }
  template <typename Message>
  Digest Say(const Message& message) {
    const DocumentRef document = SignMessage(message, renter_.identity.key());
    node::DocumentArrived event{.curve = renter_.curve, .document = document};
    for (const auto& [connection, link] : provider_.links) {
      if (link.peer == renter_.index) event.connection = connection;
    }
    world_.Tell(provider_.index, event);
    return document->id();
  }
  size_t Refusals() const { return refusals_.size(); }
  RefusalCode LastRefusal() const { return refusals_.empty() ? RefusalCode{} : refusals_.back(); }

 private:
  World& world_;
  Peer& renter_;
  Peer& provider_;
  std::vector<RefusalCode> refusals_ = {};
};

// ---- The commit ------------------------------------------------------------------------------

TEST_F(Market, MoreEntriesThanACommitTakesAreCommittedBeforeAnythingIsSent) {
  const uint64_t first = book().log->size();
  node::Effects effects;
  for (uint64_t i = 0; i < 10'000; ++i) effects.appends.push_back({LeafAt(first + i), {}});
  bool answered = false;
  std::vector<node::Event> follow;
  node::Runner runner(
      {*book().agent, *book().log, book().store, book(), book().workshop, book().blobs},
      [&](const node::CommandAnswer&) {
        answered = true;
        EXPECT_EQ(book().log->size(), first + 10'000);
      });
  effects.answers.push_back({});
  EXPECT_TRUE(runner.Run(std::move(effects), follow));
  EXPECT_TRUE(answered);
  EXPECT_EQ(*book().log->Entry(first + 9999), LeafAt(first + 9999));
}

TEST_F(Market, AnIdThatComesTwiceInABatchNamesTheFirstEntry) {
  const uint64_t first = book().log->size();
  const Digest id = Sha256(AsBytes("both answers to one commit"));
  node::Effects effects;
  for (uint64_t i = 0; i < 5000; ++i) effects.appends.push_back({LeafAt(first + i), {}});
  for (const uint64_t i : {3u, 4u, 4999u}) effects.appends[i].ids = {id};
  std::vector<node::Event> follow;
  EXPECT_TRUE(book().runner->Run(std::move(effects), follow));
  EXPECT_EQ(*book().log->FindById(id), first + 3);
}

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
  EXPECT_EQ(Try(stranger, order), RefusalCode::kEscrowUsed);
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

TEST_F(HostileLeases, MoreOpenJobsThanALeaseMayHaveAreRefused) {
  Insider insider(world, renter(), provider());
  for (uint64_t i = 0; i <= limits::kOpenJobsPerLease; ++i) {
    EXPECT_EQ(insider.Refusals(), 0u);
    insider.Say(Job{.lease = id, .number = 100 + i, .workload = {Sha256(AsBytes("never")), 9}});
  }
  EXPECT_EQ(insider.LastRefusal(), RefusalCode::kBusy);
  EXPECT_EQ(provider().agent->provider().jobs().size(), limits::kOpenJobsPerLease);
}

TEST_F(HostileLeases, AJobWhoseBlobsAreRefusedFailsAndHoldsNobodyUp) {
  Digest job;
  {
    // Its own node knows nothing of this job, so it serves nothing for it.
    Insider insider(world, renter(), provider());
    std::vector<BlobRef> blobs;
    for (uint8_t i = 0; i < 8; ++i) blobs.push_back({Sha256(Bytes{i}), 5'000'000});
    job = insider.Say(Job{.lease = id, .number = 100, .workload = {Sha256({}), 0}, .blobs = blobs});
    world.RunFor(3000);
  }
  const auto& failed = provider().agent->provider().jobs().at(job);
  ASSERT_TRUE(failed.receipt);
  EXPECT_EQ(Decode<JobReceipt>(*failed.receipt)->status, JobStatus::kFailed);
}

TEST_F(HostileLeases, AnEmptyBlobOfAnotherDigestFailsItsJob) {
  Insider insider(world, renter(), provider());
  const Digest job =
      insider.Say(Job{.lease = id, .number = 100, .workload = {Sha256(AsBytes("x")), 0}});
  EXPECT_TRUE(provider().agent->provider().jobs().at(job).receipt);
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

TEST_F(HostileLeases, TransfersEndWithTheJobsThatWantThem) {
  const auto submit = [&](uint8_t from, size_t count) {
    std::vector<BlobRef> blobs;
    for (uint8_t i = 0; i < count; ++i) {
      blobs.push_back(renter().blobs.Put(Bytes(1000, static_cast<uint8_t>(from + i))));
    }
    Command(kRenter, node::JobCommand{LastLease().id, renter().blobs.Put({from}), blobs, "work"});
  };
  world.tap = [](int, int, const node::Frames& frames) {
    return (*Document::Open(*frames[0]))->kind() != Kind::kBlobChunk;
  };
  submit(1, 2 * node::Blobs::kActive);
  world.RunFor(3000);
  Command(kRenter, node::ReleaseCommand{id});
  world.RunFor(5000);
  world.tap = {};
  Rent(Seconds(60));
  world.RunFor(5000);
  ASSERT_EQ(LastLease().phase, node::Renter::Phase::kMetering);
  submit(100, 1);
  world.RunFor(20'000);
  EXPECT_TRUE(std::any_of(
      provider().agent->provider().jobs().begin(), provider().agent->provider().jobs().end(),
      [&](const auto& job) { return job.second.lease == LastLease().id && job.second.receipt; }));
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

TEST_F(Hostile, EscrowsThatAllExpireAtOneInstantDoNotStopTheBook) {
  Stranger stranger(world, kBook, 1);
  const SigningKey account = stranger.identity().AccountKey(book().identity.id());
  Command(kBook, node::IssueCommand{account.public_key(), Credits{5000}, "a burst"});
  const Time accept_by = stranger.Wall() + Seconds(20);
  for (uint64_t i = 0; i < 5000; ++i) {
    Bytes nonce;
    PutLe(nonce, i);
    const DocumentRef escrow = SignMessage(Escrow{.book = book().identity.id(),
                                                  .account = account.public_key(),
                                                  .payee = provider().identity.id(),
                                                  .nonce = Sha256(nonce),
                                                  .voucher_key = account.public_key(),
                                                  .amount = Credits{1},
                                                  .accept_by = accept_by,
                                                  .timeout = accept_by + Hours(1)},
                                           account);
    stranger.Send({stranger.Sign(Carry{.documents = {escrow->envelope()}})});
  }
  const auto balance = [&] {
    return book().agent->clearing().book().Find(ledger::AccountId(account.public_key()));
  };
  ASSERT_EQ(balance().debits_pending, 5000u);
  world.RunFor(25'000);
  ASSERT_TRUE(book().up());
  EXPECT_EQ(balance().debits_pending, 0u);
  EXPECT_EQ(balance().Balance(), 5000);
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
