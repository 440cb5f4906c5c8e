// Cards and offers as gossip brings them (R2): digests first, then bodies; the highest sequence
// wins, a withdrawal lasts until its offers have expired.
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
  struct KnownCard {
    Card card = {};
    DocumentRef document = {};
  };
  struct KnownOffer {
    PeerId provider = {};
    Offer offer = {};
    DocumentRef document = {};
  };

  void SetOwnCard(DocumentRef document, Card card);
  const DocumentRef& own_card() const { return own_card_; }

  // True where it was news. Expired or older documents are kExpired, others kMalformed…
  Result<bool> Accept(const DocumentRef& document, Time now);

  const KnownCard* FindCard(const PeerId& peer) const;
  // Also an address from the bootstrap list.
  std::optional<PeerAddress> FindAddress(const PeerId& peer, const Settings& settings) const;
  // Live at `now`: neither expired nor withdrawn nor replaced.
  const KnownOffer* FindOffer(const Digest& id, Time now) const;
  // Was it known and withdrawn or replaced?
  bool WasWithdrawn(const Digest& id) const { return gone_.contains(id); }
  std::vector<OfferView> LiveOffers(Time now) const;
  std::vector<KnownCard> Cards() const;
  std::string NameOf(const PeerId& peer) const;

  // Gossip. A new binding is told every live digest; news is told to every other binding.
  void OnBound(Turn& turn, ConnectionId connection) const;
  void OnHave(Turn& turn, ConnectionId connection, const Have& have) const;
  void OnWant(Turn& turn, ConnectionId connection, const Want& want) const;
  void OnBundle(Turn& turn, ConnectionId connection, const std::vector<DocumentRef>& documents,
                const std::vector<ConnectionId>& everyone);
  // To all but the connection that brought it.
  static void Announce(Turn& turn, const std::vector<Digest>& news, ConnectionId from,
                       const std::vector<ConnectionId>& everyone);
  // This node's own news.
  void Publish(Turn& turn, const DocumentRef& document, const std::vector<ConnectionId>& everyone);
  void RunTimers(Turn& turn);

 private:
  using OfferKey = std::pair<std::string, std::string>;  // device kind, model
  struct PeerOffers {
    std::map<OfferKey, KnownOffer> offers = {};
    uint64_t withdrawn_up_to = 0;
    DocumentRef withdrawal = {};
  };
  Result<bool> AcceptCard(const DocumentRef& document, Time now);
  Result<bool> AcceptOffer(const DocumentRef& document, Time now);
  Result<bool> AcceptWithdrawal(const DocumentRef& document);
  void Index(const DocumentRef& document) { by_id_[document->id()] = document; }
  void Forget(const DocumentRef& document);
  static void TellHave(Turn& turn, ConnectionId connection, const std::vector<Digest>& ids);

  DocumentRef own_card_ = {};
  PeerId self_ = {};
  std::map<PeerId, KnownCard> cards_ = {};
  std::map<PeerId, PeerOffers> offers_ = {};
  std::map<Digest, DocumentRef> by_id_ = {};
  // Offers that were withdrawn or replaced; bounded, the oldest digests go first by value.
  std::set<Digest> gone_ = {};
  Duration next_sweep_ = {};
};

}  // namespace souk::node
