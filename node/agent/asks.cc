#include "node/agent/asks.h"

#include <algorithm>

namespace souk::node {

void Asks::Add(Turn& turn, const PeerId& peer, DocumentRef document) {
  if (Has(document->id())) return;
  turn.Tell(peer, document);
  const Digest id = document->id();
  asks_[id] = {peer, std::move(document), turn.monotonic() + kFirstPause, kFirstPause};
}

void Asks::OnBound(Turn& turn, const PeerId& peer) {
  for (auto& [id, ask] : asks_) {
    if (ask.peer != peer) continue;
    turn.Tell(peer, ask.document);
    ask.pause = kFirstPause;
    ask.next = turn.monotonic() + ask.pause;
  }
}

void Asks::RunTimers(Turn& turn) {
  for (auto& [id, ask] : asks_) {
    if (turn.monotonic() < ask.next) continue;
    turn.Tell(ask.peer, ask.document);
    ask.pause = std::min(ask.pause * 2, kLongestPause);
    ask.next = turn.monotonic() + ask.pause;
  }
}

}  // namespace souk::node
