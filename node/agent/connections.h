// Which connection belongs to which identity (R2). A connection may only say hello until a hello,
// signed by the identity and with a card that names the CURVE key of this very connection, binds
// it.
#pragma once

#include <map>
#include <optional>

#include "node/agent/turn.h"

namespace souk::node {

// Loop thread only. Invariants: (1) a bound connection's CURVE key stood on the bound peer's card;
// (2) at most one connection attempt per peer is open.
class Connections {
 public:
  static constexpr Duration kFirstRetry = Millis(200);
  static constexpr Duration kLongestRetry = Seconds(5);
  // An outgoing connection that has not been bound by then is given up; longer than the transport's
  // own patience with a handshake, so that one that stalls has a second chance.
  static constexpr Duration kHelloWait = Seconds(3);
  // Strikes are forgotten one by one: over months every peer makes a mistake now and then.
  static constexpr int kStrikesToBan = 100;
  static constexpr Duration kStrikeLife = Seconds(1);

  // The peer that the connection is bound to.
  std::optional<PeerId> Bound(ConnectionId connection) const;
  std::vector<ConnectionId> AllBound() const;
  // The newest bound connection to the peer, where there is one.
  std::optional<ConnectionId> Newest(const PeerId& peer) const;

  // The newest bound connection to the peer; where there is none, an attempt is begun (if an
  // endpoint is known and it is time) and nothing is returned.
  std::optional<ConnectionId> Reach(Turn& turn, const PeerId& peer);

  // Also tells what is held of the other log.
  void SayHello(Turn& turn, ConnectionId connection, const std::optional<PeerId>& to, bool answer);
  // Says hello again: the other side has forgotten us (it restarted), or has not heard our answer.
  void OnNotBound(Turn& turn, ConnectionId connection);
  // A peer that was reached does not let us in: what it said is kept until it does.
  void OnHelloRefused(const From& from, const Refusal& refusal);
  // Empty where it has said nothing, or is bound.
  std::string WhyRefused(const PeerId& peer) const;
  // Tells whether this hello bound the connection anew. The card is put into the directory by the
  // caller.
  enum class HelloResult { kBound, kKnown, kRefused };
  HelloResult OnHello(Turn& turn, const DocumentArrived& event);
  // An attempt that was refused at once is not repeated at once.
  void OnLost(Turn& turn, ConnectionId connection);
  // Another nonsensical message; bans when there were too many.
  void Strike(Turn& turn, ConnectionId connection);
  // Keeps the bootstrap peers connected, and forgets attempts that came to nothing.
  void RunTimers(Turn& turn);

 private:
  struct Link {
    CurveKey curve = {};
    std::optional<PeerId> peer = {};
    bool outgoing = false;
    Duration opened = {};
    int strikes = 0;
    Duration strikes_counted = {};  // when the last one was forgotten
  };
  struct Attempt {
    std::optional<ConnectionId> connection = {};
    Duration next = {};
    Duration pause = kFirstRetry;
    std::string refused = {};  // the peer's words
  };

  std::map<ConnectionId, Link> links_ = {};
  std::map<PeerId, ConnectionId> newest_ = {};
  std::map<PeerId, Attempt> attempts_ = {};
  ConnectionId next_outgoing_ = 2;
};

}  // namespace souk::node
