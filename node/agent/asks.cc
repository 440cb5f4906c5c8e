#include "node/agent/asks.h"

#include <algorithm>

namespace souk::node {

void Asks::Restart(Turn& turn, Ask& ask) {
  turn.Tell(ask.peer, ask.document);
  ask.since = turn.monotonic();
  ask.pause = kFirstPause;
  ask.next = turn.monotonic() + ask.pause;
}

void Asks::Add(Turn& turn, const PeerId& peer, DocumentRef document, const AskFor& how) {
  if (Has(document->id())) return;
  Ask& ask = asks_[document->id()];
  ask = {.peer = peer, .document = std::move(document), .how = how};
  Restart(turn, ask);
}

void Asks::OnBound(Turn& turn, const PeerId& peer) {
  for (auto& [id, ask] : asks_) {
    if (ask.peer == peer) Restart(turn, ask);
  }
}

void Asks::RunTimers(Turn& turn) {
  std::erase_if(asks_, [&](const auto& item) {
    const AskFor& how = item.second.how;
    return !how.even_after && turn.now() >= how.until;
  });
  for (auto& [id, ask] : asks_) {
    if (turn.monotonic() < ask.next) continue;
    turn.Tell(ask.peer, ask.document);
    Duration longest = kLongestPause;
    if (turn.monotonic() - ask.since >= kPatience) {
      longest = kLongestSilence;
      const Duration left = ask.how.until - turn.now();
      if (left.ms > 0) longest = std::clamp(Millis(left.ms / 8), kLongestPause, longest);
    }
    ask.pause = std::min(ask.pause * 2, longest);
    ask.next = turn.monotonic() + ask.pause;
  }
}

}  // namespace souk::node
