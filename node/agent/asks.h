// Requests that want an answer: sent at once, again after a pause that doubles, and as soon as a
// lost connection is back. Requests are idempotent by id (R2), so repeating is harmless.
#pragma once

#include <map>

#include "node/agent/turn.h"

namespace souk::node {

// Loop thread only. Not in the ledger: after a restart the roles ask anew from their state.
class Asks {
 public:
  static constexpr Duration kFirstPause = Millis(250);
  static constexpr Duration kLongestPause = Seconds(4);

  // Asking again for a document that is being asked for changes nothing.
  void Add(Turn& turn, const PeerId& peer, DocumentRef document);
  void Remove(const Digest& document) { asks_.erase(document); }
  bool Has(const Digest& document) const { return asks_.contains(document); }
  // The peer's connection is bound: what it has not answered goes out now.
  void OnBound(Turn& turn, const PeerId& peer);
  void RunTimers(Turn& turn);

 private:
  struct Ask {
    PeerId peer = {};
    DocumentRef document = {};
    Duration next = {};  // monotonic
    Duration pause = {};
  };
  std::map<Digest, Ask> asks_ = {};
};

}  // namespace souk::node
