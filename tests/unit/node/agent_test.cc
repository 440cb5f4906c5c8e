// The agent against honest peers on a quiet network, and against strangers who break the rules.
// Each refusal is typed and changes nothing (R2).
#include <gtest/gtest.h>

#include "ledger/audit.h"
#include "sim/engine.h"

namespace souk::sim {
namespace {

constexpr int kBook = 0, kProvider = 1, kRenter = 2;

// A clearing peer, one provider with two devices, one renter with a million µcredits.
class Market : public testing::Test {
 protected:
  explicit Market(bool providers_clear = false)
      : world({.seed = 7,
               .providers = 1,
               .renters = 1,
               .faults = false,
               .verbose = std::getenv("SOUK_VERBOSE") != nullptr,
               .providers_clear = providers_clear}) {
    world.Boot();
    world.RunFor(1000);
    Issue(kBook, 1'000'000);
  }
  ~Market() override {
    for (const std::string& violation : world.outcome().violations) ADD_FAILURE() << violation;
  }

  Peer& book() { return world.peer(kBook); }
  Peer& provider() { return world.peer(kProvider); }
  Peer& renter() { return world.peer(kRenter); }
  void Command(int peer, auto what) { world.Tell(peer, node::CommandArrived{++commands, what}); }
  void Issue(int by, int64_t amount) {
    const PeerId id = world.peer(by).identity.id();
    Command(by, node::IssueCommand{renter().identity.AccountKey(id).public_key(), Credits{amount},
                                   "paid outside " + std::to_string(commands)});
  }
  // As the renter sees them.
  std::vector<OfferView> LiveOffers() {
    return renter().agent->directory().LiveOffers(Time{1'700'000'000'000 + world.now()});
  }
  OfferView Offer() {
    const auto offers = LiveOffers();
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
  // The renter's own lease, by id.
  const node::Renter::Lease& RentersLease(const Digest& id) {
    return renter().agent->renter().leases().at(id);
  }
  Credits CostOf(const node::Renter::Lease& lease, Duration metered) {
    return *AmountDue(lease.order.price, lease.order.slices, metered);
  }
  // One in thirty of the simulator's workers never gets ready: then the next one is taken.
  Digest RentUntilMetering(Duration duration = Seconds(60)) {
    for (int i = 0; i < 3; ++i) {
      Rent(duration);
      world.RunFor(3000);
      if (LastLease().phase == node::Renter::Phase::kMetering) return LastLease().id;
      Command(kRenter, node::ReleaseCommand{LastLease().id});
      world.RunFor(3000);
    }
    ADD_FAILURE() << "no lease came to metering";
    return LastLease().id;
  }
  void ExpectValid(int peer) {
    const ledger::AuditReport report = ledger::Audit(world.peer(peer).log->reader());
    EXPECT_EQ(report.verdict, ledger::Verdict::kValid) << world.peer(peer).name();
    for (const ledger::Finding& finding : report.findings) {
      ADD_FAILURE() << "entry " << finding.entry << ": " << finding.name << ": " << finding.what;
    }
  }
  // Everything between renter and provider is lost.
  void CutProvider() {
    world.tap = [](int from, int to, const node::Frames&) {
      return std::min(from, to) != kProvider || std::max(from, to) != kRenter;
    };
  }
  // Something on the connection between the renter and that peer, as if it had sent it.
  void TellRenter(node::DocumentArrived event, int from) {
    event.curve = world.peer(from).curve;
    for (const auto& [connection, link] : renter().links) {
      if (link.peer == from) event.connection = connection;
    }
    world.Tell(kRenter, event);
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
  // Shows the peer this checkpoint of its own log.
  void Show(std::string checkpoint) {
    HelloAs(identity_, identity_.Curve().public_key(), std::move(checkpoint));
  }
  void HelloAs(const Identity& who, const CurveKey& curve_on_card, std::string theirs = "") {
    const DocumentRef card = SignMessage(Card{.name = "stranger",
                                              .curve = curve_on_card,
                                              .checkpoint_key = who.CheckpointKey().public_key(),
                                              .log_name = LogName(who.id()),
                                              .sequence = 1,
                                              .issued = Wall(),
                                              .expires = Wall() + Hours(1),
                                              .peer = who.id()},
                                         who.key());
    Send({SignMessage(
              souk::Hello{.card = card->id(), .sent = Wall(), .your_checkpoint = std::move(theirs)},
              who.key()),
          card});
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
      if (from == provider_.index && refusal) refusals_.push_back(*refusal);
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
  RefusalCode LastRefusal() const {
    return refusals_.empty() ? RefusalCode{} : refusals_.back().code;
  }
  std::string LastWouldAccept() const {
    return refusals_.empty() ? "" : refusals_.back().would_accept;
  }

 private:
  World& world_;
  Peer& renter_;
  Peer& provider_;
  std::vector<Refusal> refusals_ = {};
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

// R6: the renter's exposure is one interval, whatever the provider does.
TEST_F(Market, ASilentProviderIsGivenNoFurtherVoucher) {
  for (const bool restart : {false, true}) {
    const Digest id = RentUntilMetering();
    CutProvider();
    // What was on its way when the provider fell silent.
    world.RunFor(200);
    if (restart) world.Restart(kRenter);
    world.RunFor(8000);
    const Credits best = RentersLease(id).best;
    world.RunFor(20'000);
    EXPECT_EQ(RentersLease(id).best, best);
    EXPECT_LE(best, CostOf(RentersLease(id), Seconds(3 + 8 + 8))) << restart;
    world.tap = {};
    Command(kRenter, node::ReleaseCommand{id});
    world.RunFor(30'000);
    EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kClosed);
  }
  ExpectValid(kRenter);
}

// R6: "up to its own clock", which stops where the renter lets go.
TEST_F(Market, AReleasedLeaseIsPaidUpToItsReleaseHoweverLateTheCloseComes) {
  for (const bool restart : {false, true}) {
    const Digest id = RentUntilMetering();
    CutProvider();
    Command(kRenter, node::ReleaseCommand{id});
    const Duration used = RentersLease(id).released - RentersLease(id).ready;
    if (restart) world.Restart(kRenter);
    world.RunFor(4000);
    world.tap = {};
    world.RunFor(30'000);
    const auto& lease = RentersLease(id);
    EXPECT_EQ(lease.phase, node::Renter::Phase::kClosed);
    EXPECT_GT(lease.paid.micro, 0);
    EXPECT_LE(lease.due, CostOf(lease, used + Millis(used.ms / 100) + Seconds(1))) << restart;
    EXPECT_LE(lease.paid, std::max(lease.due, lease.best));
  }
  ExpectValid(kRenter);
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

// The checkpoint of `to`'s log that the last hello from one to the other showed.
std::function<bool(int, int, const node::Frames&)> ShownBy(int from, int to, std::string* shown) {
  return [=](int sender, int receiver, const node::Frames& frames) {
    const auto hello = Decode<Hello>(**Document::OpenTrusted(*frames[0]));
    if (sender == from && receiver == to && hello) *shown = hello->your_checkpoint;
    return true;
  };
}

TEST_F(Market, TheBookShowsTheCheckpointUnderWhichItsWordWasRecorded) {
  for (const int peer : {kProvider, kRenter}) {
    Rent(Seconds(60));
    world.RunFor(4000);
    const Digest id = LastLease().id;
    Command(kRenter, node::ReleaseCommand{id});
    world.RunFor(8000);
    ASSERT_TRUE(ProvidersLease(id).settled);
    uint64_t settled = 0;
    for (uint64_t i = 0; i < world.peer(peer).log->size(); ++i) {
      const auto entry = DecodeEntry(*world.peer(peer).log->Entry(i));
      if (std::holds_alternative<Settled>(entry->outcome)) settled = i + 1;
    }
    std::string shown;
    // What arrives second continues what was proven; what arrives first is the newest.
    world.tap = [&, peer, see = ShownBy(kBook, peer, &shown)](int from, int to,
                                                              const auto& frames) {
      return !shown.empty() || see(from, to, frames);
    };
    world.Restart(kBook);
    world.Restart(peer);
    world.tap = {};
    const auto note = ledger::ParseNote(shown);
    ASSERT_TRUE(note) << peer;
    EXPECT_GE(ledger::ParseCheckpoint(note->text)->size, settled) << peer;
  }
}

TEST_F(Market, OnlyWhoMetAnEarlierRunConfirmsALog) {
  const std::string newest = book().log->checkpoint();
  // Those who met it are away.
  world.tap = [](int, int, const node::Frames&) { return false; };
  world.Restart(kBook);
  ASSERT_FALSE(book().agent->may_sign());
  Stranger echo(world, kBook, 77);
  world.RunFor(1000);
  for (const node::Frames& frames : world.inbox) {
    const auto said = Decode<Hello>(**Document::OpenTrusted(*frames[0]));
    if (!said) continue;
    EXPECT_EQ(said->my_checkpoint, "") << "shown to somebody who could echo it";
  }
  echo.Show(newest);
  world.RunFor(1000);
  EXPECT_FALSE(book().agent->may_sign()) << "a stranger's copy is no counterparty's";
  world.tap = {};
  world.RunFor(20'000);
  EXPECT_TRUE(book().agent->may_sign()) << "the provider and the renter met it before";
}

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

// R6: the renter's exposure is the interval of the offer that it took.
TEST_F(Market, AnIntervalGrowsNoLongerThanTheReplacedOfferSays) {
  const Digest id = RentUntilMetering(Minutes(5));
  world.RunFor(90'000);
  EXPECT_EQ(RentersLease(id).interval, provider().settings.provider.longest_interval);
  world.Restart(kRenter);
  world.RunFor(60'000);
  EXPECT_EQ(RentersLease(id).interval, provider().settings.provider.longest_interval);
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
    if (from == kRenter && to == kProvider && kind != Kind::kHello) ++sent;
    return from != kProvider && to != kProvider;
  };
  Command(kRenter, node::JobCommand{id, renter().blobs.Put({1}), {}, "work"});
  world.RunFor(RentersLease(id).acceptance.settle_by.ms - 1'700'000'000'000 - world.now() + 1000);
  EXPECT_GT(sent, 10);
  const int before = sent;
  world.RunFor(20'000);
  EXPECT_EQ(sent, before);
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

// The first receipt of a connection proves nothing: the hello crossed with what was seen since.
TEST_F(Market, AFirstAcceptanceWaitsForNoPause) {
  Rent(Seconds(60));
  world.RunFor(150);
  EXPECT_GE(LastLease().phase, node::Renter::Phase::kWaiting);
}

// What of the renter's is not heard, and how far it comes then.
class Withdrawn : public Market,
                  public testing::WithParamInterface<std::pair<Kind, node::Renter::Phase>> {};

TEST_P(Withdrawn, AReleaseBeforeTheLeaseBeganHoldsOverARestart) {
  using Phase = node::Renter::Phase;
  const auto [unheard, phase] = GetParam();
  world.tap = [kind = unheard](int from, int, const node::Frames& frames) {
    return from != kRenter || (*Document::OpenTrusted(*frames[0]))->kind() != kind;
  };
  Rent(Seconds(60));
  world.RunFor(1000);
  const Digest id = LastLease().id;
  ASSERT_EQ(RentersLease(id).phase, phase);
  Command(kRenter, node::ReleaseCommand{id});
  world.tap = {};
  world.Restart(kRenter);
  world.RunFor(1000);
  EXPECT_EQ(RentersLease(id).sentence, "released before it began");
  world.RunFor(60'000);
  EXPECT_EQ(RentersLease(id).phase, Phase::kClosed);
  EXPECT_FALSE(RentersLease(id).ready_document);
  EXPECT_EQ(provider().agent->provider().leases().contains(id), phase == Phase::kCommitting);
  EXPECT_EQ(Balance(), Credits{1'000'000});
  ExpectValid(kRenter);
  ExpectValid(kProvider);
}

INSTANTIATE_TEST_SUITE_P(Renter, Withdrawn,
                         testing::Values(std::pair{Kind::kCarry, node::Renter::Phase::kEscrowing},
                                         std::pair{Kind::kOrder, node::Renter::Phase::kOrdering},
                                         std::pair{Kind::kCommit,
                                                   node::Renter::Phase::kCommitting}));

// R5 "Reserved | release": the slices are not kept until commit_by.
TEST_F(Market, AReservationThatIsReleasedFreesItsSlicesAtOnce) {
  world.tap = [](int, int, const node::Frames& frames) {
    return (*Document::OpenTrusted(*frames[0]))->kind() != Kind::kCommit;
  };
  Rent(Seconds(60));
  world.RunFor(1000);
  const Digest id = LastLease().id;
  ASSERT_TRUE(ProvidersLease(id).reserved);
  Command(kRenter, node::ReleaseCommand{id});
  world.RunFor(500);
  EXPECT_FALSE(ProvidersLease(id).reserved);
  EXPECT_EQ(ProvidersLease(id).reason, CloseReason::kRenterWithdrew);
  EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kClosed);
  EXPECT_EQ(Balance(), Credits{1'000'000});
}

// ---- Roles that meet in one node -------------------------------------------------------------

class OwnBook : public Market {
 protected:
  OwnBook() : Market(/*providers_clear=*/true) { Issue(kProvider, 500'000); }
};

TEST_F(OwnBook, AProviderClearsItsOwnLeases) {
  Command(kRenter, node::RentCommand{.offer = Offer().id,
                                     .book = provider().identity.id(),
                                     .duration = Seconds(60),
                                     .max_cost = Credits{500'000}});
  world.RunFor(5000);
  const Digest id = LastLease().id;
  ASSERT_EQ(RentersLease(id).phase, node::Renter::Phase::kMetering);
  const BlobRef workload = renter().blobs.Put({1, 2, 3});
  Command(kRenter, node::JobCommand{id, workload, {}, "test"});
  world.RunFor(8000);
  EXPECT_TRUE(renter().agent->renter().jobs().begin()->second.receipt.has_value());
  world.Restart(kProvider);
  world.RunFor(3000);
  Command(kRenter, node::ReleaseCommand{id});
  world.RunFor(8000);
  EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kClosed);
  EXPECT_GT(RentersLease(id).paid.micro, 0);
  EXPECT_TRUE(ProvidersLease(id).settled);
  EXPECT_EQ(RentersLease(id).paid, ProvidersLease(id).paid);
  for (const int peer : {kBook, kProvider, kRenter}) ExpectValid(peer);
}

TEST_F(Market, NobodyRentsFromHimself) {
  // A provider that rents as well.
  node::Settings settings = provider().settings;
  settings.renter.enabled = true;
  node::Agent both(provider().identity, settings, provider().blobs);
  (void)both.Begin({.wall = Time{1'700'000'000'000}, .monotonic = {}}, /*may_sign=*/true);
  const auto offers = both.directory().LiveOffers(Time{1'700'000'000'000});
  ASSERT_EQ(offers.size(), 1u);
  const node::Effects effects =
      both.Step(node::CommandArrived{1, node::RentCommand{.offer = offers[0].id,
                                                          .book = book().identity.id(),
                                                          .duration = Seconds(60),
                                                          .max_cost = Credits{1'000'000}}},
                {.wall = Time{1'700'000'000'001}, .monotonic = Millis(1)});
  ASSERT_EQ(effects.answers.size(), 1u);
  ASSERT_FALSE(effects.answers[0].status);
  EXPECT_NE(effects.answers[0].status.error().message.find("own"), std::string::npos);
}

// A provider that vanishes after its acceptance would keep the escrow held for its notice.
TEST_F(Market, AnOfferWithANoticeOfMoreThanAnHourIsNotRented) {
  node::Settings settings = provider().settings;
  settings.provider.notice = limits::kLongestNotice + Millis(1);
  node::Agent slow(provider().identity, settings, provider().blobs);
  (void)slow.Begin({.wall = Time{1'700'000'000'000}, .monotonic = {}}, /*may_sign=*/true);
  const auto offers = slow.directory().LiveOffers(Time{1'700'000'000'000});
  ASSERT_EQ(offers.size(), 1u);
  souk::Offer offer = offers[0].offer;
  offer.sequence += 100;
  offer.issued = Time{1'700'000'000'000 + world.now()};
  offer.expires = offer.issued + Minutes(5);
  const DocumentRef document = SignMessage(offer, provider().identity.key());
  const DocumentRef bundle = SignMessage(Bundle{.count = 1}, book().identity.key());
  const auto entries = renter().log->size();
  TellRenter({.document = bundle, .carried = {document}}, kBook);
  Command(kRenter, node::RentCommand{.offer = document->id(),
                                     .book = book().identity.id(),
                                     .duration = Seconds(60),
                                     .max_cost = Credits{1'000'000}});
  EXPECT_NE(renter().agent->directory().FindOffer(document->id(), offer.issued), nullptr);
  EXPECT_EQ(renter().log->size(), entries);
}

// ---- A provider and a book that lie to the renter --------------------------------------------

class Liars : public Market {
 protected:
  ~Liars() override { ExpectValid(kRenter); }
  template <typename Message>
  void ProviderSays(const Message& message) {
    TellRenter({.document = SignMessage(message, provider().identity.key())}, kProvider);
  }
  // The provider's answer with the receipt of whatever entry it likes.
  void ProviderReplies(const Digest& re, uint64_t entry) {
    node::Effects effects;
    for (const auto& [connection, link] : provider().links) {
      if (link.peer != kRenter) continue;
      effects.sends = {{connection, node::ReplyParts{.re = re, .entry = entry}, {}}};
    }
    std::vector<node::Event> follow;
    ASSERT_TRUE(provider().runner->Run(std::move(effects), follow));
  }
  // Those kinds of the provider's messages are lost.
  void DropFromProvider(std::set<Kind> kinds) {
    world.tap = [kinds](int from, int, const node::Frames& frames) {
      const auto document = *Document::OpenTrusted(*frames[0]);
      return from != kProvider || !kinds.contains(document->kind());
    };
  }
  Digest Ordered() {
    Rent(Seconds(60));
    return LastLease().id;
  }
};

TEST_F(Liars, ACloseBeforeTheAcceptanceLosesTheOrder) {
  DropFromProvider({Kind::kReply, Kind::kClose});
  const Digest id = Ordered();
  world.RunFor(1000);
  ASSERT_EQ(RentersLease(id).phase, node::Renter::Phase::kOrdering);
  ProviderSays(Close{.lease = id, .number = 1, .reason = CloseReason::kNotCommitted});
  EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kLost);
  world.tap = {};
  world.RunFor(30'000);
  EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kClosed);
  EXPECT_EQ(Balance(), Credits{1'000'000});
}

TEST_F(Liars, TheReceiptOfAnotherLeasesCommitCommitsNothing) {
  const Digest first = RentUntilMetering();
  DropFromProvider({Kind::kReply});
  std::optional<Digest> asked;
  world.tap = [&, drop = world.tap](int from, int to, const node::Frames& frames) {
    const auto document = *Document::OpenTrusted(*frames[0]);
    if (from == kRenter && document->kind() == Kind::kCommit) asked = document->id();
    return !asked || from != kProvider || drop(from, to, frames);
  };
  const Digest second = Ordered();
  world.RunFor(1000);
  ASSERT_EQ(RentersLease(second).phase, node::Renter::Phase::kCommitting);
  world.tap = {};
  ProviderReplies(*asked, ProvidersLease(first).committed_entry);
  world.RunFor(6);
  EXPECT_EQ(RentersLease(second).commit, Digest{});
  world.RunFor(3000);
}

TEST_F(Liars, AReadyThatDoesNotFitIsNotTaken) {
  for (int lie = 0; lie < 3; ++lie) {
    DropFromProvider({Kind::kReady});
    // Queries are answered with the honest one.
    world.tap = [drop = world.tap](int from, int to, const node::Frames& frames) {
      const auto kind = (*Document::OpenTrusted(*frames[0]))->kind();
      return kind != Kind::kLeaseQuery && drop(from, to, frames);
    };
    const Digest id = Ordered();
    world.RunFor(2500);
    if (!ProvidersLease(id).ready_document) continue;  // the simulator's worker never came
    ASSERT_EQ(RentersLease(id).phase, node::Renter::Phase::kWaiting);
    Ready ready = *Decode<Ready>(*ProvidersLease(id).ready_document);
    if (lie == 0) ready.end = ready.end + Millis(1);
    if (lie == 1) ready.number = 0;
    if (lie == 2) ready.commit = Sha256(AsBytes("another"));
    ProviderSays(ready);
    EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kReleasing) << lie;
    world.tap = {};
    world.RunFor(30'000);
    EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kClosed);
    EXPECT_EQ(Balance(), Credits{1'000'000});
  }
}

TEST_F(Liars, ACloseThatDoesNotFitIsNotTaken) {
  for (int lie = 0; lie < 2; ++lie) {
    const Digest id = RentUntilMetering();
    Close close{.lease = id, .number = 9, .reason = CloseReason::kReleased, .metered = Seconds(1)};
    if (lie == 0) close.metered = Seconds(61);
    if (lie == 1) close.number = RentersLease(id).provider_number;
    ProviderSays(close);
    EXPECT_FALSE(RentersLease(id).close_document) << lie;
    world.RunFor(10'000);
    EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kClosed);
  }
}

TEST_F(Liars, NoMoreIsDueThanTheMeteredTimeCosts) {
  const Digest id = RentUntilMetering();
  world.RunFor(5000);
  ProviderSays(Close{.lease = id,
                     .number = 9,
                     .reason = CloseReason::kReleased,
                     .metered = Millis(10),
                     .due = RentersLease(id).order.max_cost});
  EXPECT_EQ(RentersLease(id).due, CostOf(RentersLease(id), Millis(10)));
}

TEST_F(Liars, JobsAreAnsweredByTheirProviderAndOnce) {
  const Digest id = RentUntilMetering();
  DropFromProvider({Kind::kReply, Kind::kJobReceipt});
  const BlobRef workload = renter().blobs.Put({1, 2, 3});
  Command(kRenter, node::JobCommand{id, workload, {}, "test"});
  const auto& jobs = renter().agent->renter().jobs();
  const Digest job = jobs.begin()->first;
  const Refusal refusal{.re = job, .code = RefusalCode::kNotPaid, .sentence = "no"};
  TellRenter({.document = SignMessage(refusal, book().identity.key())}, kBook);
  EXPECT_EQ(jobs.at(job).at, JobStep::Event::kSubmitted);
  JobReceipt receipt{.job = job,
                     .lease = id,
                     .fence = RentersLease(id).acceptance.fence,
                     .status = JobStatus::kFailed,
                     .workload = workload.digest,
                     .finished = Time{1'700'000'000'000 + world.now()}};
  ProviderSays(receipt);
  EXPECT_EQ(jobs.at(job).at, JobStep::Event::kFinished);
  ProviderSays(refusal);
  receipt.sentence = "again";
  ProviderSays(receipt);
  EXPECT_EQ(jobs.at(job).refused, "");
}

// R6: a book that says that it paid shows by whose word.
TEST_F(Liars, APaymentWithoutTheProvidersPostIsNotTaken) {
  const Digest id = RentUntilMetering();
  const auto& lease = RentersLease(id);
  const Credits best = lease.best;
  const SigningKey voucher_key = renter().identity.VoucherKey(lease.order.nonce);
  const Voucher voucher{.lease = id, .book = book().identity.id(), .amount = best};
  const auto post = [&](Credits amount, const DocumentRef& by) {
    return SignMessage(
        Post{
            .escrow = lease.order.escrow, .amount = amount, .voucher = by->envelope(), .lease = id},
        provider().identity.key());
  };
  const DocumentRef good = SignMessage(voucher, voucher_key);
  Voucher more = voucher;
  more.amount = best + Credits{1};
  const auto record = [&](const DocumentRef& document, Credits amount) {
    return TransferRecord{.id = document->id(),
                          .kind = TransferRecord::Kind::kPost,
                          .amount = amount.micro,
                          .pending = lease.order.escrow};
  };
  struct Lie {
    TransferRecord record;
    std::vector<DocumentRef> documents;
  };
  const DocumentRef honest = post(best, good);
  const DocumentRef above = post(more.amount, SignMessage(more, voucher_key));
  const DocumentRef forged = post(best, SignMessage(voucher, provider().identity.key()));
  const Lie lies[] = {
      {record(honest, best), {}},                     // no post at all
      {record(above, more.amount), {above}},          // a voucher that was never given
      {record(forged, best), {forged}},               // nor by this renter
      {record(honest, best - Credits{1}), {honest}},  // another amount
  };
  // The book's own log says so: nothing else is checked there.
  std::optional<Digest> asked;
  world.tap = [&](int from, int to, const node::Frames& frames) {
    const auto document = *Document::OpenTrusted(*frames[0]);
    if (from == kRenter && to == kBook && document->kind() == Kind::kCarry) asked = document->id();
    return from != kBook && to != kBook;
  };
  Command(kRenter, node::ReleaseCommand{id});
  world.RunFor(2000);
  ASSERT_EQ(lease.phase, node::Renter::Phase::kClosing);
  ASSERT_TRUE(asked.has_value());
  for (const Lie& lie : lies) {
    Entry entry{.sequence = book().log->size(),
                .time = Time{1'700'000'000'000 + world.now()},
                .outcome = Booked{.transfers = {lie.record}}};
    for (const DocumentRef& document : lie.documents) entry.documents = {document->envelope()};
    ASSERT_TRUE(book().log->Commit({{*EncodeEntry(entry), {}}}));
    node::Effects effects;
    for (const auto& [connection, link] : book().links) {
      if (link.peer != kRenter) continue;
      effects.sends = {{connection, node::ReplyParts{.re = *asked, .entry = entry.sequence}, {}}};
    }
    world.tap = {};
    std::vector<node::Event> follow;
    ASSERT_TRUE(book().runner->Run(std::move(effects), follow));
    world.tap = [](int, int to, const node::Frames&) { return to != kBook; };
    world.RunFor(6);
    EXPECT_FALSE(lease.settled);
    EXPECT_EQ(lease.sentence, "the book says that it paid, but not by whose voucher");
  }
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
  constexpr int kDocuments = 10'000;
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

TEST_F(HostileLeases, ALeaseHasNoMoreStoredThanItsProviderSays) {
  Insider insider(world, renter(), provider());
  const uint64_t most = provider().settings.provider.lease_bytes;
  const auto job = [&](uint64_t number, std::vector<BlobRef> blobs) {
    insider.Say(Job{.lease = id, .number = number, .workload = {Sha256({}), 0}, .blobs = blobs});
    return provider().agent->provider().jobs().size();
  };
  const auto blob = [](uint8_t which, uint64_t size) {
    return BlobRef{Sha256(Bytes{which}), size};
  };
  const uint64_t large = most / 4;
  EXPECT_EQ(job(100, {blob(1, large)}), 1u);
  EXPECT_EQ(job(101, {blob(2, large)}), 2u);
  EXPECT_EQ(job(102, {blob(3, large)}), 3u);
  // What the lease has brought already counts once.
  EXPECT_EQ(job(103, {blob(1, large)}), 4u);
  EXPECT_EQ(job(104, {blob(4, large - 1)}), 5u);
  EXPECT_EQ(insider.Refusals(), 0u);
  EXPECT_EQ(job(105, {blob(5, 2)}), 5u);
  EXPECT_EQ(insider.LastRefusal(), RefusalCode::kTooLarge);
  EXPECT_NE(insider.LastWouldAccept().find("at most 1 bytes"), std::string::npos);
  EXPECT_EQ(job(106, {blob(5, 1)}), 6u);
}

TEST_F(HostileLeases, OutputsBeyondWhatALeaseMayHaveStoredFailTheirJob) {
  const BlobRef workload = renter().blobs.Put({1});
  Command(kRenter, node::JobCommand{id, workload, {}, "work"});
  world.RunFor(40);
  ASSERT_EQ(provider().agent->provider().jobs().size(), 1u);
  const auto& job = provider().agent->provider().jobs().begin()->second;
  ASSERT_EQ(job.at, JobStep::Event::kStarted);
  const uint64_t rest = provider().settings.provider.lease_bytes - workload.size;
  std::vector<JobOutput> outputs = {{"small", provider().blobs.Put({7, 7, 7})}};
  for (uint8_t i = 0; i < 4; ++i) {
    const uint64_t size = i < 3 ? limits::kBlobBytes : rest - 3 * limits::kBlobBytes + 1;
    outputs.push_back({"out" + std::to_string(i), {Sha256(Bytes{9, i}), size}});
  }
  world.Tell(kProvider, node::JobEnded{.job = job.id, .outputs = outputs});
  ASSERT_TRUE(job.receipt);
  EXPECT_EQ(Decode<JobReceipt>(*job.receipt)->status, JobStatus::kFailed);
  EXPECT_TRUE(Decode<JobReceipt>(*job.receipt)->outputs.empty());
  EXPECT_FALSE(provider().blobs.BlobSize(outputs[0].blob.digest));
}

// R5: results outlive their lease by a week, of which the simulator's is short.
class Weeks : public HostileLeases {
 protected:
  static constexpr int64_t kWeek = kKeepResults.ms;
  // Runs a job of the lease to its end; the blobs that it brought and made.
  std::vector<Digest> RunJob(const Digest& lease, const std::vector<Bytes>& inputs) {
    // One in ten of the simulator's jobs fails.
    for (int i = 0; i < 3; ++i) {
      const BlobRef workload = renter().blobs.Put({++workloads});
      std::vector<Digest> all = {workload.digest};
      std::vector<BlobRef> blobs;
      for (const Bytes& input : inputs) {
        blobs.push_back(renter().blobs.Put(input));
        all.push_back(blobs.back().digest);
      }
      Command(kRenter, node::JobCommand{lease, workload, blobs, "work"});
      world.RunFor(8000);
      for (const auto& [job, state] : renter().agent->renter().jobs()) {
        if (state.job.workload.digest != workload.digest || !state.receipt) continue;
        for (const JobOutput& output : state.receipt->outputs) all.push_back(output.blob.digest);
        if (state.receipt->status == JobStatus::kDone) return all;
      }
    }
    ADD_FAILURE() << "no job came to its end";
    return {};
  }
  void EndLease(const Digest& lease) {
    Command(kRenter, node::ReleaseCommand{lease});
    world.RunFor(8000);
    EXPECT_EQ(RentersLease(lease).phase, node::Renter::Phase::kClosed);
  }
  static size_t Here(Peer& peer, const std::vector<Digest>& blobs) {
    return static_cast<size_t>(std::count_if(blobs.begin(), blobs.end(), [&](const Digest& blob) {
      return peer.blobs.BlobSize(blob).has_value();
    }));
  }
  uint8_t workloads = 0;
};

TEST_F(Weeks, WhatAJobBroughtAndMadeGoesAWeekAfterItsLease) {
  const std::vector<Digest> blobs = RunJob(id, {Bytes(1000, 1), Bytes(1000, 2)});
  ASSERT_EQ(blobs.size(), 4u);
  EndLease(id);
  world.RunFor(kWeek - 30'000);
  EXPECT_EQ(Here(provider(), blobs), 4u);
  EXPECT_EQ(Here(renter(), blobs), 4u);
  world.RunFor(40'000);
  EXPECT_EQ(Here(provider(), blobs), 0u);
  EXPECT_EQ(Here(renter(), blobs), 0u);
  // Nobody is served what is gone, and nobody's ledger minds.
  ExpectValid(kProvider);
  ExpectValid(kRenter);
}

TEST_F(Weeks, ABlobStaysForAsLongAsAnyJobHoldsIt) {
  const std::vector<Digest> first = RunJob(id, {Bytes(1000, 1), Bytes(1000, 2)});
  EndLease(id);
  const Digest other = RentUntilMetering(Minutes(20));
  const std::vector<Digest> second = RunJob(other, {Bytes(1000, 2), Bytes(1000, 3)});
  world.RunFor(kWeek + 30'000);
  ASSERT_EQ(ProvidersLease(other).state, LeaseState::kMetering);
  for (Peer* peer : {&provider(), &renter()}) {
    EXPECT_EQ(Here(*peer, second), 4u);
    EXPECT_EQ(Here(*peer, first), 1u);
  }
  EndLease(other);
  world.RunFor(kWeek + 30'000);
  EXPECT_EQ(Here(provider(), second), 0u);
}

TEST_F(Weeks, ARestartKnowsWhatIsStillHeldAndWhatIsNot) {
  const std::vector<Digest> blobs = RunJob(id, {Bytes(1000, 1)});
  EndLease(id);
  world.Restart(kProvider);
  EXPECT_EQ(Here(provider(), blobs), 3u);
  world.RunFor(kWeek - 60'000);
  world.Restart(kProvider);
  EXPECT_EQ(Here(provider(), blobs), 3u);
  // Until an entry says that it was up when that fell due.
  world.RunFor(4 * 60'000);
  EXPECT_EQ(Here(provider(), blobs), 0u);
  // As where the node died between its decision and the disk.
  const BlobRef again = provider().blobs.Put(Bytes(1000, 1));
  world.Restart(kProvider);
  world.RunFor(1000);
  EXPECT_EQ(Here(provider(), {again.digest}), 0u);
}

// R4: nobody could fetch it meanwhile.
TEST_F(Weeks, WhatFellDueWhileTheNodeWasDownIsKeptForAsLongAgain) {
  const std::vector<Digest> blobs = RunJob(id, {Bytes(1000, 1)});
  EndLease(id);
  world.away = kWeek + 60'000;
  world.Restart(kProvider);
  world.RunFor(kWeek + 70'000);
  ASSERT_TRUE(provider().up());
  EXPECT_EQ(Here(provider(), blobs), 3u);
  world.RunFor(kWeek);
  EXPECT_EQ(Here(provider(), blobs), 0u);
}

// One batch of the loop: it was let go, and then a job came that needs it.
TEST_F(Weeks, WhatALaterStepOfTheBatchHoldsIsNotRemoved) {
  const std::vector<Digest> blobs = RunJob(id, {Bytes(1000, 1)});
  node::Effects effects;
  for (const Digest& blob : blobs) effects.work.push_back(node::RemoveBlob{.blob = blob});
  std::vector<node::Event> follow;
  EXPECT_TRUE(provider().runner->Run(std::move(effects), follow));
  EXPECT_EQ(Here(provider(), blobs), 3u);
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
  Command(kBook, node::IssueCommand{account.public_key(), Credits{4200}, "a burst"});
  const Time accept_by = stranger.Wall() + Seconds(20);
  for (uint64_t i = 0; i < 4200; ++i) {
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
  ASSERT_EQ(balance().debits_pending, 4200u);
  world.RunFor(25'000);
  ASSERT_TRUE(book().up());
  EXPECT_EQ(balance().debits_pending, 0u);
  EXPECT_EQ(balance().Balance(), 4200);
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
