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
  Look(now);
}

Time LogClock::Running(Now now) const {
  return base_time_ + (now.monotonic - base_monotonic_);
}

Time LogClock::At(Now now) const {
  return doubtful_ ? stands_at_ : Running(now);
}

void LogClock::Trust(Now now) {
  doubtful_ = false;
  witnesses_.clear();
  stands_at_ = Running(now);
}

void LogClock::Look(Now now) {
  const Duration departure = Departure(now);
  if (Within(departure, limits::kMaxSkew)) {
    accepted_ = {};
    return Trust(now);
  }
  if (Within(departure - accepted_, limits::kMaxSkew)) return Trust(now);
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
  if (!doubtful_ || !Within(sent - Running(now), limits::kMaxSkew)) return;
  witnesses_.insert(peer);
  if (witnesses_.size() < kClockWitnesses) return;
  accepted_ = Departure(now);
  Trust(now);
}

}  // namespace souk::node
