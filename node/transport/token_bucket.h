// How much of something is allowed per time: fills evenly, up to a burst.
#pragma once

#include <algorithm>

#include "protocol/units.h"

namespace souk::node {

struct RateLimit {
  double per_second = 0;
  double burst = 0;
};

class TokenBucket {
 public:
  TokenBucket() = default;
  TokenBucket(RateLimit limit, Duration now) : tokens_(limit.burst), filled_(now) {}

  // Takes `count` where they are there. The limit may change between calls.
  bool Take(RateLimit limit, double count, Duration now) {
    const double seconds = static_cast<double>(std::max<int64_t>(0, (now - filled_).ms)) / 1000.0;
    tokens_ = std::min(limit.burst, tokens_ + seconds * limit.per_second);
    filled_ = now;
    if (tokens_ < count) return false;
    tokens_ -= count;
    return true;
  }

 private:
  double tokens_ = 0;
  Duration filled_ = {};
};

}  // namespace souk::node
