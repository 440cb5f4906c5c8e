// Clocks against the definition of happens-before, kept as plain sets.
#include "gpu/cpu/clocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace souk::gpu::cpu {
namespace {

// Each thread's set of accesses that come before what it does next; a synchronisation is the union
// of the participants' sets. Nothing here knows of times, floors or warps.
class Definition {
 public:
  explicit Definition(uint32_t threads) : before_(threads) {}

  void Access(uint32_t t, uint32_t access) { before_[t].insert(access); }
  bool Ordered(uint32_t access, uint32_t t) const { return before_[t].contains(access); }
  void Meet(const std::set<uint32_t>& threads, const std::set<uint32_t>& more) {
    std::set<uint32_t> all = more;
    for (const uint32_t t : threads) all.insert(before_[t].begin(), before_[t].end());
    for (const uint32_t t : threads) before_[t] = all;
  }
  const std::set<uint32_t>& Of(uint32_t t) const { return before_[t]; }

 private:
  std::vector<std::set<uint32_t>> before_;
};

class Pair {
 public:
  Pair(uint32_t threads, uint32_t seed) : threads_(threads), random_(seed), definition_(threads) {
    clocks_.BeginLaunch(threads);
    Begin();
  }

  void Begin() {
    clocks_.BeginBlock();
    definition_ = Definition(threads_);
    accesses_.clear();
    arrived_.clear();
    live_.clear();
    for (uint32_t t = 0; t < threads_; ++t) live_.insert(t);
  }

  void Step() {
    switch (random_() % 16) {
      case 0:
        return MeetLanes();
      case 1:
        return Arrive();
      case 2:
        return MeetSome();
      case 3:
        if (random_() % 4 == 0) MeetAll();
        return;
      case 4:
        if (random_() % 4 == 0 && live_.size() > 1) live_.erase(Pick());
        return;
      default: {
        const uint32_t t = Pick();
        accesses_.push_back({t, clocks_.now()});
        definition_.Access(t, static_cast<uint32_t>(accesses_.size() - 1));
        return;
      }
    }
  }

  // How many pairs there were, and how many of them are ordered.
  void Compare(uint64_t* pairs, uint64_t* ordered) {
    for (uint32_t a = 0; a < accesses_.size(); ++a) {
      for (const uint32_t t : live_) {
        const bool is = definition_.Ordered(a, t);
        EXPECT_EQ(clocks_.Ordered(accesses_[a].thread, accesses_[a].time, t), is)
            << "access " << a << " of thread " << accesses_[a].thread << " and thread " << t;
        ++*pairs;
        *ordered += is ? 1 : 0;
        if (accesses_[a].time < clocks_.floor() && live_.contains(accesses_[a].thread)) {
          EXPECT_TRUE(is);
        }
      }
    }
  }

 private:
  struct Access {
    uint32_t thread;
    uint32_t time;
  };

  uint32_t Pick() {
    auto at = live_.begin();
    std::advance(at, random_() % live_.size());
    return *at;
  }
  std::vector<uint32_t> Masks(const std::set<uint32_t>& threads) const {
    std::vector<uint32_t> masks((threads_ + kLanes - 1) / kLanes, 0);
    for (const uint32_t t : threads) masks[t / kLanes] |= uint32_t{1} << (t % kLanes);
    return masks;
  }
  std::set<uint32_t> SomeOfWarp(uint32_t warp) {
    std::set<uint32_t> some;
    const uint32_t mask = random_() % 3 == 0 ? kAllLanes : static_cast<uint32_t>(random_());
    for (const uint32_t t : live_) {
      if (t / kLanes == warp && ((mask >> (t % kLanes)) & 1) != 0) some.insert(t);
    }
    return some;
  }

  void MeetLanes() {
    const uint32_t warp = Pick() / kLanes;
    const std::set<uint32_t> some = SomeOfWarp(warp);
    if (some.empty()) return;
    definition_.Meet(some, {});
    clocks_.MeetLanes(warp, Masks(some)[warp]);
  }
  void Arrive() {
    const uint32_t warp = Pick() / kLanes;
    const std::set<uint32_t> some = SomeOfWarp(warp);
    const uint32_t barrier = random_() % 2;
    if (some.empty()) return;
    for (const uint32_t t : some) {
      arrived_[barrier].insert(definition_.Of(t).begin(), definition_.Of(t).end());
    }
    clocks_.Arrive(barrier, warp, Masks(some)[warp]);
  }
  void MeetSome() {
    const uint32_t barrier = random_() % 2;
    std::set<uint32_t> some = SomeOfWarp(Pick() / kLanes);
    some.merge(SomeOfWarp(Pick() / kLanes));
    if (some.empty()) return;
    definition_.Meet(some, arrived_[barrier]);
    arrived_[barrier].clear();
    clocks_.MeetSome(barrier, Masks(some), 0);
  }
  void MeetAll() {
    const uint32_t barrier = random_() % 2;
    definition_.Meet(live_, arrived_[barrier]);
    arrived_[barrier].clear();
    clocks_.MeetAll(barrier, Masks(live_));
  }

  uint32_t threads_;
  std::mt19937 random_;
  Clocks clocks_ = {};
  Definition definition_;
  std::vector<Access> accesses_ = {};
  std::map<uint32_t, std::set<uint32_t>> arrived_ = {};
  std::set<uint32_t> live_ = {};
};

TEST(Clocks, OrderWhatTheDefinitionOrdersAndNothingElse) {
  uint64_t pairs = 0;
  uint64_t ordered = 0;
  for (uint32_t seed = 0; seed < 60; ++seed) {
    Pair pair(seed % 3 == 0 ? 32 : seed % 3 == 1 ? 70 : 128, seed);
    for (int block = 0; block < 3; ++block) {
      if (block != 0) pair.Begin();
      for (int step = 0; step < 120; ++step) pair.Step();
      pair.Compare(&pairs, &ordered);
      if (testing::Test::HasFailure()) return;
    }
  }
  EXPECT_GT(ordered, pairs / 10);
  EXPECT_LT(ordered, pairs * 9 / 10);
}

TEST(Clocks, OrderNothingOfAWarpWhoseArrivalsDidNotAllCount) {
  Clocks clocks;
  clocks.BeginLaunch(96);
  clocks.BeginBlock();
  const uint32_t time = clocks.now();
  clocks.Arrive(1, 0, 0x0000ffff);
  clocks.Arrive(1, 1, kAllLanes);
  clocks.MeetSome(1, {0, 0, kAllLanes}, /*partly=*/1);
  EXPECT_FALSE(clocks.Ordered(0, time, 64));
  EXPECT_TRUE(clocks.Ordered(32, time, 64));
  EXPECT_FALSE(clocks.Ordered(64, time, 32)) << "an arrival learns nothing";
}

TEST(Clocks, KnowNothingThatNeverEnds) {
  Clocks clocks;
  clocks.BeginLaunch(32);
  clocks.BeginBlock();
  clocks.MeetAll(0, {kAllLanes});
  EXPECT_FALSE(clocks.Ordered(5, Clocks::kNever, 5));
  EXPECT_FALSE(clocks.Ordered(5, Clocks::kNever, 6));
}

}  // namespace
}  // namespace souk::gpu::cpu
