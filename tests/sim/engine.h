// Virtual time, chance and the network between peers.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <vector>

#include "sim/checker.h"
#include "sim/peers.h"
#include "sim/world.h"

namespace souk::sim {

class World {
 public:
  explicit World(const Options& options);
  Outcome Run();

  // For tests that drive the peers themselves: Boot once, then RunFor and what is below.
  void Boot();
  void RunFor(int64_t ms);
  const Outcome& outcome() const { return outcome_; }
  // A connection from somebody who is no peer; what the peer answers lands in `inbox`.
  node::ConnectionId Knock(int peer, const CurveKey& curve);
  void Say(int peer, node::ConnectionId connection, const node::Frames& frames);
  std::vector<node::Frames> inbox = {};
  // Kill -9 and restart at once.
  void Restart(int peer);
  // How long a peer that crashes on a quiet network stays away.
  int64_t away = 1000;
  // Seen for every message between peers; returning false drops it.
  std::function<bool(int from, int to, const node::Frames&)> tap = {};

  Rng& rng() { return rng_; }
  Peer& peer(int index) { return *peers_[static_cast<size_t>(index)]; }
  int64_t now() const { return now_; }

  // Runs `what` that many virtual milliseconds from now.
  void At(int64_t after_ms, std::function<void()> what);
  // An event for the peer's agent; nothing where the peer is down.
  void Tell(int peer, const node::Event& event);
  int FindEndpoint(const std::string& endpoint) const;
  void OnSent(Peer& from, const node::Frames& frames);
  // The other end hears that a connection was closed, as with TCP.
  void HangUp(int from, node::ConnectionId out, const Peer::Link& link);
  void Carry(int from, node::ConnectionId out, const Peer::Link& link, node::Frames frames);

 private:
  struct Due {
    int64_t at = 0;
    uint64_t order = 0;
    std::function<void()> what = {};
  };
  struct Later {
    bool operator()(const Due& a, const Due& b) const {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };

  void Make();
  void Start(Peer& peer);
  void Crash(Peer& peer);
  void Add(Peer& peer, const node::Event& event);
  void Turn(Peer& peer);
  bool RunEffects(Peer& peer, const node::Effects& effects);
  std::unique_ptr<node::Agent> Restored(Peer& peer);
  void CheckNewEntries(Peer& peer);
  void CheckFold(Peer& peer);
  void Arrive(int to, node::ConnectionId connection, const CurveKey& curve,
              const node::Frames& frames);
  void MindTheLonely(Peer& peer);
  void Tick(int peer);
  void Mischief();
  void Errand(Peer& renter);
  void Trace(const Peer& peer, const node::Event& event);
  bool Faulty() const { return faults_ && outcome_.steps < options_.steps; }
  bool Quiet() const;
  void CheckChallenges();
  void CheckReplications();
  Now NowFor(const Peer& peer) const;

  std::map<node::ConnectionId, CurveKey> strangers_ = {};
  const Options options_;
  Rng rng_;
  int64_t now_ = 0;
  uint64_t next_order_ = 0;
  std::priority_queue<Due, std::vector<Due>, Later> due_ = {};
  std::vector<std::unique_ptr<Peer>> peers_ = {};
  Outcome outcome_ = {};
  Checker checker_{outcome_.violations};
  Sha256Hasher trace_ = {};
  bool faults_ = true;
  std::map<std::pair<int, int>, int64_t> cut_ = {};  // pair of peers, until
  // The last arrival of a peer's messages on a connection, while the network is quiet.
  std::map<std::pair<int, node::ConnectionId>, int64_t> arrived_ = {};
  uint64_t next_command_ = 1;
  uint64_t open_commands_ = 0;
  Digest answered_ = {};
};

}  // namespace souk::sim
