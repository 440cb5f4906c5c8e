#include "gpu/cpu/clocks.h"

#include <algorithm>

namespace souk::gpu::cpu {

void Clocks::BeginLaunch(uint32_t threads) {
  count_ = threads;
  threads_ = (threads + kLanes - 1) / kLanes * kLanes;
  now_ = 0;
  known_full_.assign(threads_, 0);
  lanes_.assign(size_t{threads_} * kLanes, 0);
  pairs_.clear();
}

// The clock goes on from block to block: what the last block left in the tables is then of a time
// before anything that this one does, and need not be cleared.
void Clocks::BeginBlock() {
  if (now_ > UINT32_MAX / 2) BeginLaunch(count_);
  Tick();
  floor_ = now_;
  std::fill(known_full_.begin(), known_full_.end(), now_);
  arrived_.clear();
}

bool Clocks::LanesOrdered(uint32_t warp, uint32_t lanes, uint32_t time, uint32_t t) const {
  for (uint32_t left = lanes; left != 0; left &= left - 1) {
    const uint32_t u = warp * kLanes + static_cast<uint32_t>(__builtin_ctz(left));
    if (u < count_ && !Ordered(u, time, t)) return false;
  }
  return true;
}

bool Clocks::WarpsOrdered(uint32_t warps, uint32_t time, uint32_t t) const {
  for (uint32_t left = warps; left != 0; left &= left - 1) {
    if (!LanesOrdered(static_cast<uint32_t>(__builtin_ctz(left)), kAllLanes, time, t)) return false;
  }
  return true;
}

void Clocks::Gather(uint32_t t, std::vector<uint32_t>& row) const {
  if (!pairs_.empty()) {
    const uint32_t* const pairs = &pairs_[size_t{t} * threads_];
    for (uint32_t u = 0; u < threads_; ++u) row[u] = std::max(row[u], pairs[u]);
  }
  const uint32_t first = t / kLanes * kLanes;
  for (uint32_t i = 0; i < kLanes; ++i) {
    row[first + i] = std::max(row[first + i], lanes_[t * kLanes + i]);
  }
}

void Clocks::Learn(uint32_t t, const std::vector<uint32_t>& row) {
  std::copy(row.begin(), row.end(), pairs_.begin() + static_cast<ptrdiff_t>(size_t{t} * threads_));
  const auto first = row.begin() + static_cast<ptrdiff_t>(t / kLanes * kLanes);
  std::copy(first, first + kLanes, lanes_.begin() + static_cast<ptrdiff_t>(t * kLanes));
}

void Clocks::MeetLanes(uint32_t warp, uint32_t lanes) {
  Tick();
  if (exhausted()) return;
  if (!pairs_.empty()) {
    std::vector<uint32_t> row(threads_, 0);
    for (uint32_t left = lanes; left != 0; left &= left - 1) {
      Gather(warp * kLanes + static_cast<uint32_t>(__builtin_ctz(left)), row);
    }
    for (uint32_t i = 0; i < kLanes; ++i) {
      if ((lanes >> i) & 1) row[warp * kLanes + i] = now_;
    }
    for (uint32_t left = lanes; left != 0; left &= left - 1) {
      Learn(warp * kLanes + static_cast<uint32_t>(__builtin_ctz(left)), row);
    }
    return;
  }
  uint32_t row[kLanes] = {};
  uint32_t* const table = &lanes_[size_t{warp} * kLanes * kLanes];
  // All members learn `now` of each other; of the others they learn what one of them knew.
  if (lanes != kAllLanes) {
    for (uint32_t left = lanes; left != 0; left &= left - 1) {
      const uint32_t* const known = table + static_cast<uint32_t>(__builtin_ctz(left)) * kLanes;
      for (int i = 0; i < kLanes; ++i) row[i] = std::max(row[i], known[i]);
    }
  }
  for (uint32_t i = 0; i < kLanes; ++i) {
    if ((lanes >> i) & 1) row[i] = now_;
  }
  for (uint32_t left = lanes; left != 0; left &= left - 1) {
    std::copy(row, row + kLanes, table + static_cast<uint32_t>(__builtin_ctz(left)) * kLanes);
  }
}

void Clocks::Arrive(uint32_t barrier, uint32_t warp, uint32_t lanes) {
  Tick();
  if (exhausted()) return;
  std::vector<uint32_t>& row = arrived_[{barrier, warp}];
  row.resize(threads_, 0);
  for (uint32_t left = lanes; left != 0; left &= left - 1) {
    const uint32_t t = warp * kLanes + static_cast<uint32_t>(__builtin_ctz(left));
    Gather(t, row);
    row[t] = now_;
  }
}

void Clocks::MeetAll(uint32_t barrier, const std::vector<uint32_t>& live) {
  Tick();
  if (exhausted()) return;
  floor_ = now_;
  for (uint32_t u = 0; u < threads_; ++u) {
    const uint32_t warp = u / kLanes;
    if ((live[warp] >> (u % kLanes)) & 1) {
      known_full_[u] = now_;
      continue;
    }
    // Of one that has exited all learn what one of them knew.
    uint32_t& known = known_full_[u];
    for (uint32_t left = live[warp]; left != 0; left &= left - 1) {
      const uint32_t t = warp * kLanes + static_cast<uint32_t>(__builtin_ctz(left));
      known = std::max(known, lanes_[t * kLanes + u % kLanes]);
    }
    for (uint32_t t = 0; t < threads_ && !pairs_.empty(); ++t) {
      if ((live[t / kLanes] >> (t % kLanes)) & 1) {
        known = std::max(known, pairs_[size_t{t} * threads_ + u]);
      }
    }
  }
  for (uint32_t warp = 0; warp < live.size(); ++warp) {
    const auto found = arrived_.find({barrier, warp});
    if (found == arrived_.end()) continue;
    for (uint32_t u = 0; u < threads_; ++u) {
      known_full_[u] = std::max(known_full_[u], found->second[u]);
    }
    arrived_.erase(found);
  }
}

void Clocks::MeetSome(uint32_t barrier, const std::vector<uint32_t>& waiting, uint32_t partly) {
  Tick();
  if (exhausted()) return;
  if (pairs_.empty()) pairs_.assign(size_t{threads_} * threads_, 0);
  std::vector<uint32_t> row(threads_, 0);
  for (uint32_t warp = 0; warp < waiting.size(); ++warp) {
    for (uint32_t left = waiting[warp]; left != 0; left &= left - 1) {
      const uint32_t t = warp * kLanes + static_cast<uint32_t>(__builtin_ctz(left));
      Gather(t, row);
    }
    const auto found = arrived_.find({barrier, warp});
    if (found == arrived_.end()) continue;
    if (((partly >> warp) & 1) == 0) {
      for (uint32_t u = 0; u < threads_; ++u) row[u] = std::max(row[u], found->second[u]);
    }
    arrived_.erase(found);
  }
  for (uint32_t warp = 0; warp < waiting.size(); ++warp) {
    for (uint32_t left = waiting[warp]; left != 0; left &= left - 1) {
      row[warp * kLanes + static_cast<uint32_t>(__builtin_ctz(left))] = now_;
    }
  }
  for (uint32_t warp = 0; warp < waiting.size(); ++warp) {
    for (uint32_t left = waiting[warp]; left != 0; left &= left - 1) {
      Learn(warp * kLanes + static_cast<uint32_t>(__builtin_ctz(left)), row);
    }
  }
}

}  // namespace souk::gpu::cpu
