#include "node/agent/directory.h"

#include <algorithm>

#include "node/address.h"
#include "node/agent/connections.h"
#include "node/agent/heads.h"

namespace souk::node {
namespace {

constexpr size_t kGoneKept = 4096;
constexpr Duration kSweepEvery = Seconds(10);

// Whoever issued it may have a clock that differs from ours.
Status CheckLife(Time issued, Time expires, Duration longest, Time now) {
  if (expires <= now) return Error(Code::kExpired, "it has expired");
  if (issued > now + limits::kMaxSkew * 2) {
    return Error(Code::kMalformed, "it is issued in the future");
  }
  if (expires - issued > longest) return Error(Code::kMalformed, "it expires too late");
  return Ok();
}

Status CheckSigner(const PeerId& peer, const Document& document) {
  if (peer == document.signer()) return Ok();
  return Error(Code::kMalformed, "it names another peer than its signer");
}

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
  if (document->kind() == Kind::kWithdrawal) return AcceptWithdrawal(document, now);
  return Error(Code::kUnsupported, "gossip carries cards, offers and withdrawals");
}

void Directory::Restore(const DocumentRef& document) {
  const auto card = Decode<Card>(*document);
  // It was accepted once: only now there is no telling how late it is.
  if (card) (void)AcceptCard(document, card->issued);
}

Status Directory::CheckCard(const Card& card, const Document& document) {
  RETURN_IF_ERROR(CheckSigner(card.peer, document));
  for (const std::string& endpoint : card.endpoints) {
    RETURN_IF_ERROR(CheckEndpoint(endpoint));
  }
  return Ok();
}

Result<bool> Directory::AcceptCard(const DocumentRef& document, Time now) {
  ASSIGN_OR_RETURN(Card card, Decode<Card>(*document));
  RETURN_IF_ERROR(CheckCard(card, *document));
  RETURN_IF_ERROR(CheckLife(card.issued, card.expires, limits::kCardLife, now));
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
  RETURN_IF_ERROR(CheckSigner(offer.peer, *document));
  RETURN_IF_ERROR(CheckLife(offer.issued, offer.expires, limits::kOfferLife, now));
  const auto known = offers_.find(document->signer());
  if ((known == offers_.end() && offers_.size() >= limits::kPeers) ||
      by_id_.size() >= limits::kOffers) {
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
  const CapabilityClaim claim = ClaimOf(offer);
  offer.verdict = {};
  peer.offers[key] = {document->signer(), std::move(offer), document, claim};
  return true;
}

// Signatures are checked where somebody believes them: so an offer costs no stranger's time.
CapabilityClaim Directory::ClaimOf(const Offer& offer) const {
  CapabilityClaim claim{.grade = offer.grade};
  if (offer.verdict.empty()) return claim;
  auto document = Document::OpenTrusted(offer.verdict);
  const auto verdict =
      document ? Decode<ChallengeVerdict>(**document) : Result<ChallengeVerdict>(document.error());
  if (!verdict) return claim;
  claim.verifier = (*document)->signer();
  claim.verdict = (*document)->id();
  claim.until = verdict->expires;
  if (!trusted_.contains(claim.verifier)) return claim;
  // "All claimed devices at once": as many as the offer says, each once.
  std::set<std::string> devices;
  for (const ChallengeResult& result : verdict->results) devices.insert(result.device);
  claim.believed = offer.grade == Grade::kChallenged && Passed(*verdict) &&
                   verdict->provider == offer.peer && verdict->model == offer.model &&
                   verdict->device_kind == offer.device_kind && devices.size() >= offer.count &&
                   Document::Open(offer.verdict).has_value();
  return claim;
}

Result<bool> Directory::AcceptWithdrawal(const DocumentRef& document, Time now) {
  ASSIGN_OR_RETURN(const Withdrawal withdrawal, Decode<Withdrawal>(*document));
  RETURN_IF_ERROR(CheckSigner(withdrawal.peer, *document));
  // Nothing that it names can be accepted any more after this.
  const Time ends = withdrawal.issued + limits::kOfferLife + limits::kMaxSkew * 2;
  RETURN_IF_ERROR(CheckLife(withdrawal.issued, ends, ends - withdrawal.issued, now));
  // Made-up identities withdraw nothing.
  const auto known = offers_.find(document->signer());
  if (known == offers_.end() && !cards_.contains(document->signer())) {
    return Error(Code::kNotFound, "a withdrawal by an unknown peer");
  }
  if (known == offers_.end() && offers_.size() >= limits::kPeers) {
    return Error(Code::kExhausted, "the directory of offers is full");
  }
  PeerOffers& peer = offers_[document->signer()];
  if (withdrawal.sequence <= peer.withdrawn_up_to) return false;
  peer.withdrawal_ends = ends;
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
  if (known != nullptr) {
    const std::vector<std::string>& endpoints = known->card.endpoints;
    const auto numeric = std::find_if(endpoints.begin(), endpoints.end(), IsNumericEndpoint);
    if (numeric != endpoints.end()) return PeerAddress{peer, *numeric, known->card.curve};
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
  std::vector<OfferView> out = AllOffers(now);
  std::erase_if(out, [](const OfferView& view) { return view.offer.slices == 0; });
  return out;
}

std::vector<OfferView> Directory::AllOffers(Time now) const {
  std::vector<OfferView> out;
  for (const auto& [peer, offers] : offers_) {
    for (const auto& [key, known] : offers.offers) {
      if (known.offer.expires <= now) continue;
      OfferView view{known.document->id(), peer, NameOf(peer), known.offer, known.claim};
      view.claim.believed = known.claim.believed && known.claim.until > now;
      view.offer.grade = view.claim.believed ? Grade::kChallenged : Grade::kDeclared;
      out.push_back(std::move(view));
    }
  }
  return out;
}

std::vector<Offer> Directory::OffersOf(const PeerId& peer, Time now) const {
  std::vector<Offer> out;
  const auto it = offers_.find(peer);
  if (it == offers_.end()) return out;
  for (const auto& [key, known] : it->second.offers) {
    if (known.offer.expires > now) out.push_back(known.offer);
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

std::vector<Digest> Directory::NextPage(Announcing& announcing) const {
  std::vector<Digest> ids;
  const auto from = [&](const auto& map) {
    return announcing.after ? map.upper_bound(*announcing.after) : map.begin();
  };
  if (!announcing.cards_told) {
    auto it = from(cards_);
    for (; it != cards_.end() && ids.size() < limits::kGossipIds; ++it) {
      ids.push_back(it->second.document->id());
      announcing.after = it->first;
    }
    if (it == cards_.end()) announcing = {.cards_told = true};
    if (!ids.empty()) return ids;
  }
  for (auto it = from(offers_); it != offers_.end() && ids.size() < limits::kGossipIds; ++it) {
    if (it->second.withdrawal) ids.push_back(it->second.withdrawal->id());
    for (const auto& [key, known] : it->second.offers) ids.push_back(known.document->id());
    announcing.after = it->first;
  }
  return ids;
}

void Directory::AnnounceMore(Turn& turn, ConnectionId connection) {
  const auto it = announcing_.find(connection);
  if (it == announcing_.end()) return;
  const std::vector<Digest> page = NextPage(it->second);
  if (page.empty()) {
    announcing_.erase(it);
    return;
  }
  it->second.unanswered = (page.size() + limits::kGossipIds - 1) / limits::kGossipIds;
  it->second.next = turn.monotonic() + kPageEvery;
  TellHave(turn, connection, page);
}

void Directory::OnBound(Turn& turn, ConnectionId connection) {
  // All at once would fill the queue of a newcomer, who then would be cut as one that does not
  // read.
  announcing_[connection] = {};
  AnnounceMore(turn, connection);
}

void Directory::OnHave(Turn& turn, ConnectionId connection, const Have& have) const {
  Want want;
  for (const Digest& id : have.ids) {
    if (!by_id_.contains(id) && !gone_.contains(id)) want.ids.push_back(id);
  }
  if (!want.ids.empty()) turn.TellConnection(connection, turn.Sign(want));
}

void Directory::OnWant(Turn& turn, ConnectionId connection, const Want& want) {
  std::vector<DocumentRef> documents;
  for (const Digest& id : want.ids) {
    const auto it = by_id_.find(id);
    if (it != by_id_.end()) documents.push_back(it->second);
  }
  if (documents.empty()) return;
  const Bundle bundle{.count = static_cast<uint32_t>(documents.size())};
  turn.TellConnection(connection, turn.Sign(bundle), std::move(documents));
  const auto newcomer = announcing_.find(connection);
  if (newcomer == announcing_.end()) return;
  if (newcomer->second.unanswered > 0) --newcomer->second.unanswered;
  if (newcomer->second.unanswered == 0) AnnounceMore(turn, connection);
}

void Directory::OnBundle(Turn& turn, ConnectionId connection,
                         const std::vector<DocumentRef>& documents,
                         const std::vector<ConnectionId>& everyone) {
  std::vector<Digest> news;
  for (const DocumentRef& document : documents) {
    const bool of_logs = document->kind() == Kind::kHead || document->kind() == Kind::kFork;
    if (of_logs && (by_id_.contains(document->id()) || gone_.contains(document->id()))) continue;
    const Result<bool> accepted =
        of_logs ? turn.heads().Accept(turn, document) : Accept(document, turn.now());
    if (!accepted || !*accepted) continue;
    if (of_logs) Index(document);
    news.push_back(document->id());
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
  for (const ConnectionId connection : everyone) {
    if (document->kind() == Kind::kWithdrawal) {
      turn.TellConnection(connection, turn.Sign(Bundle{.count = 1}), {document});
    } else {
      TellHave(turn, connection, {document->id()});
    }
  }
}

void Directory::Relay(Turn& turn, const DocumentRef& document,
                      const std::vector<ConnectionId>& everyone) {
  Index(document);
  Announce(turn, {document->id()}, /*from=*/0, everyone);
}

void Directory::Retire(const DocumentRef& document) {
  if (!document) return;
  Forget(document);
  gone_.insert(document->id());
}

void Directory::RunTimers(Turn& turn, const Connections& connections) {
  std::erase_if(announcing_, [&](const auto& item) { return !connections.Bound(item.first); });
  // Who has all of a page asks for nothing.
  std::vector<ConnectionId> due;
  for (const auto& [connection, announcing] : announcing_) {
    if (turn.monotonic() >= announcing.next) due.push_back(connection);
  }
  for (const ConnectionId connection : due) AnnounceMore(turn, connection);
  if (turn.monotonic() < next_sweep_) return;
  next_sweep_ = turn.monotonic() + kSweepEvery;
  Sweep(turn.now());
}

void Directory::Sweep(Time now) {
  std::erase_if(cards_, [&](const auto& item) {
    if (item.first == self_ || item.second.card.expires > now) return false;
    Forget(item.second.document);
    return true;
  });
  for (auto& [id, peer] : offers_) {
    std::erase_if(peer.offers, [&](const auto& offer) {
      if (offer.second.offer.expires > now) return false;
      Forget(offer.second.document);
      return true;
    });
    if (peer.withdrawal && peer.withdrawal_ends <= now) {
      Forget(peer.withdrawal);
      peer.withdrawal = {};
      peer.withdrawn_up_to = 0;
    }
  }
  std::erase_if(offers_, [](const auto& item) {
    return item.second.offers.empty() && !item.second.withdrawal;
  });
  while (gone_.size() > kGoneKept) gone_.erase(gone_.begin());
}

}  // namespace souk::node
