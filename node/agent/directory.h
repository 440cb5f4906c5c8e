// Cards and offers as gossip brings them (R2): digests first, then bodies; the highest sequence
// wins, a withdrawal lasts until its offers have expired; each names its signer.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "node/agent/turn.h"
#include "protocol/query.h"

namespace souk::node {

// Loop thread only. Bounded by limits::kPeers and limits::kOffersPerPeer. Not in the ledger.
class Directory {
 public:
  // The next page of what is known goes to a newcomer once it has taken the last one, or after
  // this.
  static constexpr Duration kPageEvery = Millis(200);

  struct KnownCard {
    Card card = {};
    DocumentRef document = {};
  };
  struct KnownOffer {
    PeerId provider = {};
    Offer offer = {};  // without its verdict, which stands in the document
    DocumentRef document = {};
    CapabilityClaim claim = {};
  };

  // Whose verdicts on others' devices are believed (R7); to be told before anything is accepted.
  void Trust(std::set<PeerId> verifiers) { trusted_ = std::move(verifiers); }
  void SetOwnCard(DocumentRef document, Card card);
  const DocumentRef& own_card() const { return own_card_; }

  // A card that this node remembered over a restart.
  void Restore(const DocumentRef& card);
  // Whether the card names its signer, and endpoints that can be ones.
  static Status CheckCard(const Card& card, const Document& document);

  // True where it was news. Expired or older documents are kExpired, others kMalformed…
  Result<bool> Accept(const DocumentRef& document, Time now);

  const KnownCard* FindCard(const PeerId& peer) const;
  // From the card only numeric addresses: libzmq would look a stranger's names up in its I/O
  // thread, and everyone would wait for the resolver. A name is taken from one's own bootstrap
  // list.
  std::optional<PeerAddress> FindAddress(const PeerId& peer, const Settings& settings) const;
  // Live at `now`: neither expired nor withdrawn nor replaced.
  const KnownOffer* FindOffer(const Digest& id, Time now) const;
  // Was it known and withdrawn or replaced?
  bool WasWithdrawn(const Digest& id) const { return gone_.contains(id); }
  // Those with slices to let.
  std::vector<OfferView> LiveOffers(Time now) const;
  // Leased out (no slices) or not.
  std::vector<OfferView> AllOffers(Time now) const;
  // What one peer offers, leased out or not.
  std::vector<Offer> OffersOf(const PeerId& peer, Time now) const;
  std::vector<KnownCard> Cards() const;
  std::string NameOf(const PeerId& peer) const;

  // Gossip. A new binding is told every live digest, page by page; news is told to every other
  // binding.
  void OnBound(Turn& turn, ConnectionId connection);
  void OnHave(Turn& turn, ConnectionId connection, const Have& have) const;
  void OnWant(Turn& turn, ConnectionId connection, const Want& want);
  void OnBundle(Turn& turn, ConnectionId connection, const std::vector<DocumentRef>& documents,
                const std::vector<ConnectionId>& everyone);
  // To all but the connection that brought it.
  static void Announce(Turn& turn, const std::vector<Digest>& news, ConnectionId from,
                       const std::vector<ConnectionId>& everyone);
  // This node's own news. A withdrawal goes out whole: who withdraws may be about to go, and would
  // answer no want.
  void Publish(Turn& turn, const DocumentRef& document, const std::vector<ConnectionId>& everyone);
  // Heads and forks (heads.h), which are not kept here but can be asked for here.
  void RestoreRelayed(const DocumentRef& document) { Index(document); }
  void Relay(Turn& turn, const DocumentRef& document, const std::vector<ConnectionId>& everyone);
  // Nobody needs it any more, nor is it asked for again.
  void Retire(const DocumentRef& document);
  static void TellHave(Turn& turn, ConnectionId connection, const std::vector<Digest>& ids);
  void RunTimers(Turn& turn, const Connections& connections);

 private:
  using OfferKey = std::pair<std::string, std::string>;  // device kind, model
  struct PeerOffers {
    std::map<OfferKey, KnownOffer> offers = {};
    uint64_t withdrawn_up_to = 0;
    DocumentRef withdrawal = {};
    Time withdrawal_ends = {};
  };
  // How far a newcomer has been told: all cards first, so that it knows whose the rest is.
  struct Announcing {
    bool cards_told = false;
    std::optional<PeerId> after = {};
    size_t unanswered = 0;
    Duration next = {};
  };
  Result<bool> AcceptCard(const DocumentRef& document, Time now);
  Result<bool> AcceptOffer(const DocumentRef& document, Time now);
  Result<bool> AcceptWithdrawal(const DocumentRef& document, Time now);
  CapabilityClaim ClaimOf(const Offer& offer) const;
  std::vector<Digest> NextPage(Announcing& announcing) const;
  // Forgets what was to be announced where all of it has been.
  void AnnounceMore(Turn& turn, ConnectionId connection);
  void Sweep(Time now);
  void Index(const DocumentRef& document) { by_id_[document->id()] = document; }
  void Forget(const DocumentRef& document);

  DocumentRef own_card_ = {};
  PeerId self_ = {};
  std::set<PeerId> trusted_ = {};
  std::map<PeerId, KnownCard> cards_ = {};
  std::map<PeerId, PeerOffers> offers_ = {};
  std::map<Digest, DocumentRef> by_id_ = {};
  // Offers that were withdrawn or replaced; bounded, the oldest digests go first by value.
  std::set<Digest> gone_ = {};
  std::map<ConnectionId, Announcing> announcing_ = {};
  Duration next_sweep_ = {};
};

}  // namespace souk::node
