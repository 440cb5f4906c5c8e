// How long a run that decides something may take: replays and the search for faults.
#pragma once

#include <chrono>
#include <cstdint>

#include "protocol/base/result.h"

namespace souk::gpu {

// Counts from where it is made. One thread.
class TimeLimit {
 public:
  explicit TimeLimit(uint64_t milliseconds) : milliseconds_(milliseconds) {}

  // What a launch may still take; kExhausted, with how far it came, where nothing is left.
  Result<uint64_t> Left(uint64_t launches_done, uint64_t launches) const {
    const auto passed = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                                  std::chrono::steady_clock::now() - start_)
                                                  .count());
    if (passed < milliseconds_) return milliseconds_ - passed;
    return Error(Code::kExhausted, "the time limit is used up after launch " +
                                       std::to_string(launches_done) + " of " +
                                       std::to_string(launches));
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  uint64_t milliseconds_;
};

}  // namespace souk::gpu
