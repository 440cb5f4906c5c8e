#include "node/agent/directory.h"

#include <algorithm>

namespace souk::node {
namespace {

constexpr size_t kGoneKept = 4096;
constexpr Duration kSweepEvery = Seconds(10);

}  // namespace

void Directory::SetOwnCard(DocumentRef document, Card card) {
  if (own_card_) Forget(own_card_);
  self_ = document->signer();
  own_card_ = document;
  Index(document);
  cards_[self_] = {std::move(card), std::move(document)};
}

void Directory::Forget(const DocumentRef& document) {
  if (document) by_id_.erase(document->id());
}

Result<bool> Directory::Accept(const DocumentRef& document, Time now) {
  if (by_id_.contains(document->id())) return false;
  if (document->signer() == self_) return false;  // an echo of our own older news
  if (document->kind() == Kind::kCard) return AcceptCard(document, now);
  if (document->kind() == Kind::kOffer) return AcceptOffer(document, now);
  if (document->kind() == Kind::kWithdrawal) return AcceptWithdrawal(document);
  return Error(Code::kUnsupported, "gossip carries cards, offers and withdrawals");
}

Result<bool> Directory::AcceptCard(const DocumentRef& document, Time now) {
  ASSIGN_OR_RETURN(Card card, Decode<Card>(*document));
  if (card.expires <= now) return Error(Code::kExpired, "the card has expired");
  const auto it = cards_.find(document->signer());
  if (it == cards_.end() && cards_.size() >= limits::kPeers) {
    return Error(Code::kExhausted, "the directory of cards is full");
  }
  if (it != cards_.end()) {
    if (it->second.card.sequence >= card.sequence) return false;
    Forget(it->second.document);
  }
  Index(document);
  cards_[document->signer()] = {std::move(card), document};
  return true;
}

Result<bool> Directory::AcceptOffer(const DocumentRef& document, Time now) {
  ASSIGN_OR_RETURN(Offer offer, Decode<Offer>(*document));
  if (offer.expires <= now) return Error(Code::kExpired, "the offer has expired");
  const auto known = offers_.find(document->signer());
  if (known == offers_.end() && offers_.size() >= limits::kPeers) {
    return Error(Code::kExhausted, "the directory of offers is full");
  }
  PeerOffers& peer = offers_[document->signer()];
  if (offer.sequence <= peer.withdrawn_up_to) return false;
  const OfferKey key{offer.device_kind, offer.model};
  const auto it = peer.offers.find(key);
  if (it == peer.offers.end() && peer.offers.size() >= limits::kOffersPerPeer) {
    return Error(Code::kExhausted, "this peer has too many offers");
  }
  if (it != peer.offers.end()) {
    if (it->second.offer.sequence >= offer.sequence) return false;
    gone_.insert(it->second.document->id());
    Forget(it->second.document);
  }
  Index(document);
  peer.offers[key] = {document->signer(), std::move(offer), document};
  return true;
}

Result<bool> Directory::AcceptWithdrawal(const DocumentRef& document) {
  ASSIGN_OR_RETURN(const Withdrawal withdrawal, Decode<Withdrawal>(*document));
  const auto known = offers_.find(document->signer());
  if (known == offers_.end() && offers_.size() >= limits::kPeers) {
    return Error(Code::kExhausted, "the directory of offers is full");
  }
  PeerOffers& peer = offers_[document->signer()];
  if (withdrawal.sequence <= peer.withdrawn_up_to) return false;
  peer.withdrawn_up_to = withdrawal.sequence;
  Forget(peer.withdrawal);
  peer.withdrawal = document;
  Index(document);
  for (auto it = peer.offers.begin(); it != peer.offers.end();) {
    if (it->second.offer.sequence <= withdrawal.sequence) {
      gone_.insert(it->second.document->id());
      Forget(it->second.document);
      it = peer.offers.erase(it);
    } else {
      ++it;
    }
  }
  return true;
}

const Directory::KnownCard* Directory::FindCard(const PeerId& peer) const {
  const auto it = cards_.find(peer);
  return it == cards_.end() ? nullptr : &it->second;
}

std::optional<PeerAddress> Directory::FindAddress(const PeerId& peer,
                                                  const Settings& settings) const {
  const KnownCard* known = FindCard(peer);
  if (known != nullptr && !known->card.endpoints.empty()) {
    return PeerAddress{peer, known->card.endpoints.front(), known->card.curve};
  }
  for (const PeerAddress& address : settings.bootstrap) {
    if (address.peer == peer) return address;
  }
  return std::nullopt;
}

const Directory::KnownOffer* Directory::FindOffer(const Digest& id, Time now) const {
  const auto it = by_id_.find(id);
  if (it == by_id_.end() || it->second->kind() != Kind::kOffer) return nullptr;
  const auto peer = offers_.find(it->second->signer());
  if (peer == offers_.end()) return nullptr;
  for (const auto& [key, known] : peer->second.offers) {
    if (known.document->id() == id) return known.offer.expires > now ? &known : nullptr;
  }
  return nullptr;
}

std::string Directory::NameOf(const PeerId& peer) const {
  const KnownCard* known = FindCard(peer);
  return known != nullptr ? known->card.name : peer.ToString().substr(0, 12);
}

std::vector<OfferView> Directory::LiveOffers(Time now) const {
  std::vector<OfferView> out;
  for (const auto& [peer, offers] : offers_) {
    for (const auto& [key, known] : offers.offers) {
      if (known.offer.expires <= now) continue;
      out.push_back({known.document->id(), peer, NameOf(peer), known.offer});
    }
  }
  return out;
}

std::vector<Directory::KnownCard> Directory::Cards() const {
  std::vector<KnownCard> out;
  for (const auto& [peer, known] : cards_) out.push_back(known);
  return out;
}

void Directory::TellHave(Turn& turn, ConnectionId connection, const std::vector<Digest>& ids) {
  for (size_t i = 0; i < ids.size(); i += limits::kGossipIds) {
    const size_t end = std::min(ids.size(), i + limits::kGossipIds);
    turn.TellConnection(connection, turn.Sign(Have{.ids = {ids.begin() + static_cast<long>(i),
                                                           ids.begin() + static_cast<long>(end)}}));
  }
}

void Directory::OnBound(Turn& turn, ConnectionId connection) const {
  std::vector<Digest> ids;
  for (const auto& [id, document] : by_id_) ids.push_back(id);
  TellHave(turn, connection, ids);
}

void Directory::OnHave(Turn& turn, ConnectionId connection, const Have& have) const {
  Want want;
  for (const Digest& id : have.ids) {
    if (!by_id_.contains(id) && !gone_.contains(id)) want.ids.push_back(id);
  }
  if (!want.ids.empty()) turn.TellConnection(connection, turn.Sign(want));
}

void Directory::OnWant(Turn& turn, ConnectionId connection, const Want& want) const {
  std::vector<DocumentRef> documents;
  for (const Digest& id : want.ids) {
    const auto it = by_id_.find(id);
    if (it != by_id_.end()) documents.push_back(it->second);
  }
  if (documents.empty()) return;
  const Bundle bundle{.count = static_cast<uint32_t>(documents.size())};
  turn.TellConnection(connection, turn.Sign(bundle), std::move(documents));
}

void Directory::OnBundle(Turn& turn, ConnectionId connection,
                         const std::vector<DocumentRef>& documents,
                         const std::vector<ConnectionId>& everyone) {
  std::vector<Digest> news;
  for (const DocumentRef& document : documents) {
    const Result<bool> accepted = Accept(document, turn.now());
    if (accepted && *accepted) news.push_back(document->id());
  }
  Announce(turn, news, connection, everyone);
}

void Directory::Announce(Turn& turn, const std::vector<Digest>& news, ConnectionId from,
                         const std::vector<ConnectionId>& everyone) {
  for (const ConnectionId other : everyone) {
    if (other != from) TellHave(turn, other, news);
  }
}

void Directory::Publish(Turn& turn, const DocumentRef& document,
                        const std::vector<ConnectionId>& everyone) {
  // Accept() drops echoes of our own documents, so own news goes in under another self.
  const PeerId self = self_;
  self_ = {};
  const Result<bool> accepted = Accept(document, turn.now());
  self_ = self;
  if (!accepted || !*accepted) return;
  for (const ConnectionId connection : everyone) TellHave(turn, connection, {document->id()});
}

void Directory::RunTimers(Turn& turn) {
  if (turn.monotonic() < next_sweep_) return;
  next_sweep_ = turn.monotonic() + kSweepEvery;
  for (auto& [peer, offers] : offers_) {
    for (auto it = offers.offers.begin(); it != offers.offers.end();) {
      if (it->second.offer.expires <= turn.now()) {
        Forget(it->second.document);
        it = offers.offers.erase(it);
      } else {
        ++it;
      }
    }
  }
  while (gone_.size() > kGoneKept) gone_.erase(gone_.begin());
}

}  // namespace souk::node
