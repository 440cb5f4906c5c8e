// What waits for an agent, and how much of it one turn takes: used by the daemon's loop and by the
// simulator.
#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "node/agent/agent.h"

namespace souk::node {

// Loop thread only.
// Invariants: (1) events reach the agent in their order; (2) after the agent closed a connection,
// nothing of it that waited reaches the agent; (3) one turn's effects go out together: a send never
// precedes the appends of a step before it.
class EventQueue {
 public:
  // The most that a turn takes on: one synced batch serves them all, and nobody waits for longer
  // than they take.
  static constexpr size_t kTurnEvents = 256;
  static constexpr size_t kTurnAppends = 1024;

  bool empty() const { return waiting_.empty(); }
  size_t size() const { return waiting_.size(); }
  void Add(Event event) { waiting_.push_back(std::move(event)); }
  // What the effects of a turn led to comes before what was waiting: it happened first.
  void AddFirst(std::vector<Event> events);

  // One turn; a tick where nothing waits, since timers are due on every turn.
  Effects Turn(Agent& agent, Now now);

 private:
  std::deque<Event> waiting_ = {};
};

}  // namespace souk::node
