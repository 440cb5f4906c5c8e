#include "node/agent/connections.h"

#include <algorithm>

#include "node/agent/counterparties.h"
#include "node/agent/directory.h"
#include "protocol/text.h"

namespace souk::node {

namespace {

bool IsOutgoing(ConnectionId connection) {
  return connection % 2 == 0;
}

}  // namespace

std::optional<PeerId> Connections::Bound(ConnectionId connection) const {
  const auto it = links_.find(connection);
  if (it == links_.end()) return std::nullopt;
  return it->second.peer;
}

std::vector<ConnectionId> Connections::AllBound() const {
  std::vector<ConnectionId> out;
  for (const auto& [peer, connection] : newest_) out.push_back(connection);
  return out;
}

std::optional<ConnectionId> Connections::Newest(const PeerId& peer) const {
  const auto it = newest_.find(peer);
  return it == newest_.end() ? std::nullopt : std::optional<ConnectionId>(it->second);
}

std::optional<ConnectionId> Connections::Reach(Turn& turn, const PeerId& peer) {
  const auto it = newest_.find(peer);
  if (it != newest_.end()) return it->second;
  Attempt& attempt = attempts_[peer];
  if (attempt.connection || turn.monotonic() < attempt.next) return std::nullopt;
  const auto address = turn.directory().FindAddress(peer, turn.settings());
  if (!address) return std::nullopt;
  const ConnectionId connection = next_outgoing_;
  next_outgoing_ += 2;
  attempt.connection = connection;
  links_[connection] = {
      .curve = address->curve, .peer = {}, .outgoing = true, .opened = turn.monotonic()};
  turn.Do(Connect{connection, address->endpoint, address->curve});
  SayHello(turn, connection, peer, /*answer=*/false);
  return std::nullopt;
}

void Connections::SayHello(Turn& turn, ConnectionId connection, const std::optional<PeerId>& to,
                           bool answer) {
  turn.SendHello(connection, {.card = turn.directory().own_card(),
                              .sent = turn.wall(),
                              .your_checkpoint = to ? turn.NewestNoteOf(*to) : "",
                              .answer = answer});
  // What was only seen stops a log that holds less; receipts are to continue what was proven.
  if (!to || turn.NoteOf(*to) == turn.NewestNoteOf(*to)) return;
  turn.SendHello(connection, {.card = turn.directory().own_card(),
                              .sent = turn.wall(),
                              .your_checkpoint = turn.NoteOf(*to),
                              .answer = true});
}

void Connections::OnNotBound(Turn& turn, ConnectionId connection) {
  const auto it = links_.find(connection);
  if (it == links_.end()) return;
  // One that was opened to here lacks our answer: it was lost, or refused as too fast.
  SayHello(turn, connection, it->second.peer, /*answer=*/!it->second.outgoing);
}

void Connections::OnHelloRefused(const From& from, const Refusal& refusal) {
  const auto attempt = attempts_.find(from.peer);
  if (attempt == attempts_.end() || attempt->second.connection != from.connection) return;
  attempt->second.refused = refusal.sentence;
}

std::string Connections::WhyRefused(const PeerId& peer) const {
  const auto attempt = attempts_.find(peer);
  return attempt == attempts_.end() ? std::string() : attempt->second.refused;
}

Connections::HelloResult Connections::OnHello(Turn& turn, const DocumentArrived& event) {
  const From from{event.connection, event.document->signer(), &event};
  const Result<Hello> hello = Decode<Hello>(*event.document);
  const auto refuse = [&](RefusalCode code, const char* sentence) {
    turn.Refuse(from, code, sentence);
    return HelloResult::kRefused;
  };
  if (!hello) return refuse(RefusalCode::kMalformed, hello.error().message.c_str());
  if (hello->oldest_version > 1 || hello->newest_version < 1) {
    return refuse(RefusalCode::kWrongVersion, "this node talks wire version 1");
  }
  const Duration age = turn.wall() - hello->sent;
  if (age > limits::kMaxSkew * 2 || age < Duration{} - limits::kMaxSkew * 2) {
    const Duration apart = age < Duration{} ? Duration{} - age : age;
    const std::string sentence = "our clocks differ by " +
                                 FormatDuration(Duration{apart.ms / 1000 * 1000}) +
                                 ", or the hello was held up";
    return refuse(RefusalCode::kExpired, sentence.c_str());
  }
  if (event.carried.size() != 1 || event.carried[0]->id() != hello->card ||
      event.carried[0]->signer() != event.document->signer()) {
    return refuse(RefusalCode::kWrongSigner, "a hello comes with its signer's own card");
  }
  const Result<Card> card = Decode<Card>(*event.carried[0]);
  if (!card) return refuse(RefusalCode::kMalformed, card.error().message.c_str());
  if (const Status sound = Directory::CheckCard(*card, *event.carried[0]); !sound) {
    return refuse(RefusalCode::kMalformed, sound.error().message.c_str());
  }
  if (card->curve != event.curve) {
    return refuse(RefusalCode::kWrongSigner,
                  "the card names another CURVE key than this connection's");
  }
  if (card->expires <= turn.now()) return refuse(RefusalCode::kExpired, "the card has expired");

  const PeerId peer = event.document->signer();
  // The answer to an attempt that was given up meanwhile: the connection is closed.
  if (IsOutgoing(event.connection) && !links_.contains(event.connection)) {
    return HelloResult::kKnown;
  }
  if (links_.size() >= limits::kConnections && !links_.contains(event.connection)) {
    return refuse(RefusalCode::kBusy, "too many connections");
  }
  Link& link = links_[event.connection];
  if (link.peer && *link.peer != peer) {
    return refuse(RefusalCode::kWrongSigner, "this connection is bound to another identity");
  }
  const bool news = link.peer != peer;
  link.peer = peer;
  link.curve = event.curve;
  newest_[peer] = event.connection;
  attempts_.erase(peer);
  if (!hello->answer) SayHello(turn, event.connection, peer, /*answer=*/true);
  turn.Do(ConfirmLog{event.connection, peer, hello->your_checkpoint});
  turn.OfferNote(peer, *card, hello->my_checkpoint);
  // A hello that is no answer comes from a side that has just begun: it lacks our news.
  return news || !hello->answer ? HelloResult::kBound : HelloResult::kKnown;
}

void Connections::OnLost(Turn& turn, ConnectionId connection) {
  const auto it = links_.find(connection);
  if (it == links_.end()) return;
  if (it->second.peer) {
    const auto newest = newest_.find(*it->second.peer);
    if (newest != newest_.end() && newest->second == connection) newest_.erase(newest);
  }
  for (auto& [peer, attempt] : attempts_) {
    if (attempt.connection != connection) continue;
    attempt.connection.reset();
    attempt.next = turn.monotonic() + attempt.pause;
    attempt.pause = std::min(attempt.pause * 2, kLongestRetry);
  }
  links_.erase(it);
}

void Connections::Strike(Turn& turn, ConnectionId connection) {
  const auto it = links_.find(connection);
  // An unbound incoming connection has no link: the transport bounds what those may send.
  if (it == links_.end()) return;
  Link& link = it->second;
  const Duration quiet = turn.monotonic() - link.strikes_counted;
  link.strikes -= static_cast<int>(std::min<int64_t>(link.strikes, quiet.ms / kStrikeLife.ms));
  if (quiet >= kStrikeLife) link.strikes_counted = turn.monotonic();
  if (++link.strikes < kStrikesToBan) return;
  turn.Do(Disconnect{connection, /*ban=*/!it->second.outgoing});
  OnLost(turn, connection);
}

void Connections::RunTimers(Turn& turn) {
  std::vector<ConnectionId> stale;
  for (auto& [peer, attempt] : attempts_) {
    if (!attempt.connection) continue;
    const auto link = links_.find(*attempt.connection);
    if (link == links_.end() || turn.monotonic() - link->second.opened < kHelloWait) continue;
    stale.push_back(*attempt.connection);
    attempt.connection.reset();
    attempt.pause = std::min(attempt.pause * 2, kLongestRetry);
    attempt.next = turn.monotonic() + attempt.pause;
  }
  for (const ConnectionId connection : stale) {
    turn.Do(Disconnect{connection, /*ban=*/false});
    OnLost(turn, connection);
  }
  for (const PeerAddress& address : turn.settings().bootstrap) {
    if (address.peer != turn.self()) Reach(turn, address.peer);
  }
}

}  // namespace souk::node
