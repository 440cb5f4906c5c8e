// Requests that want an answer: sent at once, again after a pause that doubles, and as soon as a
// lost connection is back. Requests are idempotent by id (R2), so repeating is harmless. Each ends
// where by the rules no answer can matter any more, and only there.
#pragma once

#include <map>

#include "node/agent/turn.h"

namespace souk::node {

// Loop thread only. Not in the ledger: after a restart the roles ask anew from their state.
class Asks {
 public:
  static constexpr Duration kFirstPause = Millis(250);
  // While what is missing is likely a lost message.
  static constexpr Duration kPatience = Minutes(1);
  static constexpr Duration kLongestPause = Seconds(4);
  // Of a peer that seems gone; but never so long that the deadline comes within eight of them.
  static constexpr Duration kLongestSilence = Minutes(5);

  // Asking again for a document that is being asked for changes nothing.
  void Add(Turn& turn, const PeerId& peer, DocumentRef document, const AskFor& how);
  void Remove(const Digest& document) { asks_.erase(document); }
  bool Has(const Digest& document) const { return asks_.contains(document); }
  // The peer's connection is bound: what it has not answered goes out now.
  void OnBound(Turn& turn, const PeerId& peer);
  void RunTimers(Turn& turn);

 private:
  struct Ask {
    PeerId peer = {};
    DocumentRef document = {};
    AskFor how = {};
    Duration since = {};  // monotonic: asked first, or connected anew
    Duration next = {};   // monotonic
    Duration pause = {};
  };
  static void Restart(Turn& turn, Ask& ask);
  std::map<Digest, Ask> asks_ = {};
};

}  // namespace souk::node
