#include "node/agent/log_clock.h"

#include <algorithm>

namespace souk::node {
namespace {

// As many counterparties as R4 asks for.
constexpr size_t kClockWitnesses = 2;

bool Within(Duration apart, Duration bound) {
  return apart <= bound && apart >= Duration{} - bound;
}

}  // namespace

void LogClock::Start(Time last, Now now, bool vouched) {
  base_time_ = std::max(now.wall, last);
  base_monotonic_ = now.monotonic;
  stands_at_ = base_time_;
  accepted_ = vouched ? Departure(now) : Duration{};
  start_settled_ = vouched;
  Look(now);
}

Time LogClock::Running(Now now) const {
  return base_time_ + (now.monotonic - base_monotonic_);
}

Time LogClock::At(Now now) const {
  return doubtful_ ? stands_at_ : Running(now);
}

void LogClock::Trust(Now now) {
  if (doubtful_) witnesses_.clear();
  doubtful_ = false;
  contradicted_ = false;
  stands_at_ = Running(now);
}

void LogClock::Look(Now now) {
  const Duration departure = Departure(now);
  if (contradicted_ && Within(departure, limits::kMaxSkew)) return;
  if (Within(departure, limits::kMaxSkew)) {
    accepted_ = {};
    return Trust(now);
  }
  if (Within(departure - accepted_, limits::kMaxSkew)) return Trust(now);
  if (!doubtful_) witnesses_.clear();
  doubtful_ = true;
  // It stood ahead of a clock that has caught up meanwhile: it goes on from where it stands.
  if (now.wall < Running(now) && Within(now.wall - stands_at_, limits::kMaxSkew)) {
    base_time_ = stands_at_;
    base_monotonic_ = now.monotonic;
    accepted_ = {};
    Trust(now);
  }
}

void LogClock::OnHello(const PeerId& peer, Time sent, Now now) {
  const Duration apart = sent - Running(now);
  // Beyond the skew it may have been on its way.
  if (!Within(apart, limits::kMaxSkew + limits::kWindow)) return OnContradiction(peer);
  if (!Within(apart, limits::kMaxSkew) || (!doubtful_ && start_settled_)) return;
  against_.erase(peer);
  witnesses_.insert(peer);
  if (witnesses_.size() < kClockWitnesses) return;
  start_settled_ = true;
  if (!doubtful_) return;
  accepted_ = Departure(now);
  Trust(now);
}

// Whoever agreed before goes on agreeing: it says no second hello while it is connected.
void LogClock::OnContradiction(const PeerId& peer) {
  if (doubtful_ || start_settled_) return;
  witnesses_.erase(peer);
  against_.insert(peer);
  if (against_.size() >= kClockWitnesses) doubtful_ = contradicted_ = true;
}

}  // namespace souk::node
