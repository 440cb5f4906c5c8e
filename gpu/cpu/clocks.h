// Which of a block's accesses come before which: happens-before with vector clocks (Mattern; as in
// FastTrack, Flanagan and Freund 2009), with one clock for the block that moves on at every
// synchronisation. An access bears the time at which it was made; thread t knows of thread u a time
// before which all of u's accesses come before what t does now.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "gpu/cpu/warp.h"

namespace souk::gpu::cpu {

// One block at a time. Threads are numbered warp * 32 + lane.
//
// Three levels, so that what is usual is cheap: a barrier that every live thread passes raises the
// floor for all; lanes of a warp keep 32 × 32 times; only once a barrier of some of the threads
// completes are times kept between all pairs.
class Clocks {
 public:
  static constexpr uint32_t kNever = UINT32_MAX;  // no access is known to come before anything

  void BeginLaunch(uint32_t threads);
  void BeginBlock();
  uint32_t now() const { return now_; }
  // Accesses before it come before all that live threads do now, as far as they were made by
  // threads that took part in the barrier then (MeetAll); the others had exited.
  uint32_t floor() const { return floor_; }
  // The clock ran out: nothing is ordered any more.
  bool exhausted() const { return now_ >= kLast; }

  // Whether what u did at `time` comes before what t does now.
  bool Ordered(uint32_t u, uint32_t time, uint32_t t) const {
    if (time < known_full_[u] || u == t) return time != kNever;
    if (u / kLanes == t / kLanes) return time < lanes_[t * kLanes + u % kLanes];
    return !pairs_.empty() && time < pairs_[size_t{t} * threads_ + u];
  }
  // The same of all these lanes of a warp, and of all threads of the warps in a mask; what is no
  // thread of the block counts as ordered.
  bool LanesOrdered(uint32_t warp, uint32_t lanes, uint32_t time, uint32_t t) const;
  bool WarpsOrdered(uint32_t warps, uint32_t time, uint32_t t) const;

  // bar.warp.sync of these lanes.
  void MeetLanes(uint32_t warp, uint32_t lanes);
  // The lanes' bar.arrive: those who later wait at the barrier know of what they did before.
  void Arrive(uint32_t barrier, uint32_t warp, uint32_t lanes);
  // A barrier that every live thread waits at; live: per warp.
  void MeetAll(uint32_t barrier, const std::vector<uint32_t>& live);
  // A barrier of those that wait at it and of those that arrived. `partly`: warps whose arrivals
  // did not all count: they order nothing.
  void MeetSome(uint32_t barrier, const std::vector<uint32_t>& waiting, uint32_t partly);

 private:
  static constexpr uint32_t kLast = kNever - 1;

  void Tick() {
    if (now_ < kLast) ++now_;
  }
  // row = max(row, what t knows).
  void Gather(uint32_t t, std::vector<uint32_t>& row) const;
  void Learn(uint32_t t, const std::vector<uint32_t>& row);

  uint32_t count_ = 0;    // threads of the block
  uint32_t threads_ = 0;  // a multiple of 32
  uint32_t now_ = 0;
  uint32_t floor_ = 0;
  std::vector<uint32_t> known_full_ = {};  // by thread u: what every live thread knows of it
  std::vector<uint32_t> lanes_ = {};       // t, lane of t's warp
  std::vector<uint32_t> pairs_ = {};       // t, u; empty until some barrier of some threads
  std::map<std::pair<uint32_t, uint32_t>, std::vector<uint32_t>> arrived_ = {};  // barrier, warp
};

}  // namespace souk::gpu::cpu
