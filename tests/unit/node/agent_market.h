// A quiet market of three agents, for tests of what they do; and strangers who break its rules.
#pragma once

#include <gtest/gtest.h>

#include "ledger/audit/audit.h"
#include "protocol/base/check.h"
#include "sim/engine.h"

namespace souk::sim {

inline constexpr int kBook = 0, kProvider = 1, kRenter = 2;

// A clearing peer, one provider with two devices, one renter with a million µcredits.
class Market : public testing::Test {
 protected:
  explicit Market(bool providers_clear = false, std::vector<PeerId> readers = {})
      : world({.seed = 7,
               .providers = 1,
               .renters = 1,
               .faults = false,
               .verbose = std::getenv("SOUK_VERBOSE") != nullptr,
               .providers_clear = providers_clear,
               .readers = std::move(readers)}) {
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
    CHECK(last != nullptr);
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

inline Bytes LeafAt(uint64_t index) {
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

class Hostile : public Market {
 protected:
  // Whatever a test does to the provider, its log must not grow by it.
  void ExpectUnchanged(uint64_t size) { EXPECT_EQ(provider().log->size(), size); }
};

class HostileLeases : public Hostile {
 protected:
  HostileLeases() {
    Rent(Seconds(60));
    world.RunFor(5000);
    id = LastLease().id;
  }
  Digest id;
};

}  // namespace souk::sim
