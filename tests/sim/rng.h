// SplitMix64 (Steele, Lea, Flood 2014): a seed's chances, the same on every machine.
#pragma once

#include <cstdint>

namespace souk::sim {

class Rng {
 public:
  explicit Rng(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  // In [low, high].
  int64_t Between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(Next() % static_cast<uint64_t>(high - low + 1));
  }
  // True in `per_mille` of 1000.
  bool Chance(uint64_t per_mille) { return Next() % 1000 < per_mille; }

 private:
  uint64_t state_;
};

}  // namespace souk::sim
