// Log time, and whether it can be trusted (R4).
#pragma once

#include <set>

#include "protocol/identity.h"
#include "protocol/limits.h"

namespace souk::node {

// Log time follows the monotonic clock from the start on. Where the wall clock departs from it by
// more than kMaxSkew, one of the two is wrong: log time stands still, so that nothing expires,
// until the wall clock agrees again, or two counterparties' hellos agree with the monotonic clock,
// or the operator says so at the start. A start whose clock two counterparties contradict, before
// two have agreed, is in doubt as well: later they are not asked, or any two could stop a node.
// Loop thread only. Invariants: (1) At never runs back; (2) a doubtful clock stands still.
class LogClock {
 public:
  // `last` is the newest entry's time. `vouched`: the operator says that the clock is right
  // (--alone).
  void Start(Time last, Now now, bool vouched);
  // Once a turn, before At is asked.
  void Look(Now now);
  // From somebody whom an earlier run met.
  void OnHello(const PeerId& peer, Time sent, Now now);
  // The same, where all that is known is that this node's own hello said no time of theirs.
  void OnContradiction(const PeerId& peer);

  Time At(Now now) const;
  // What it would be without the doubt.
  Time Running(Now now) const;
  bool doubtful() const { return doubtful_; }
  // Whether counterparties raised the doubt.
  bool contradicted() const { return contradicted_; }
  // How far the wall clock is ahead of it.
  Duration Departure(Now now) const { return now.wall - Running(now); }

 private:
  void Trust(Now now);

  Time base_time_ = {};
  Duration base_monotonic_ = {};
  Time stands_at_ = {};              // when it was last trusted
  Duration accepted_ = {};           // a departure that was vouched for
  std::set<PeerId> witnesses_ = {};  // who agree, since the start or the doubt
  std::set<PeerId> against_ = {};    // who contradict the start
  bool start_settled_ = false;
  bool contradicted_ = false;  // the doubt is theirs: that the two clocks agree settles nothing
  bool doubtful_ = false;
};

}  // namespace souk::node
