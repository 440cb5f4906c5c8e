// Faults at every step of a log's life: nothing acknowledged is lost unseen, no fork is signed, and
// every refusal says what to do (R3).
//
// SOUK_FAULT_MEMORY, SOUK_FAULT_ROCKSDB and SOUK_FAULT_KILLS say how many points each sweep meets
// at least, SOUK_FAULT_SEED which seed is the first.
#include "faults/sweeps.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "sanitized.h"
#include "test_folder.h"

namespace souk::faults {
namespace {

uint64_t Wanted(const char* name, uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value != nullptr ? std::strtoull(value, nullptr, 10) : Thinned(otherwise);
}

uint64_t FirstSeed() {
  const char* const value = std::getenv("SOUK_FAULT_SEED");
  return value != nullptr ? std::strtoull(value, nullptr, 10) : 1;
}

// Seed after seed, until so many points were met.
template <typename Sweep>
void SweepSeeds(const char* where, uint64_t wanted, const Sweep& sweep) {
  Tally all;
  uint64_t seed = FirstSeed();
  while (all.points < wanted && all.violations.size() < 10) all.Add(sweep(seed++));
  for (const std::string& violation : all.violations) ADD_FAILURE() << violation;
  std::printf(
      "%s, seeds %llu to %llu: %llu points, %llu damaged disks, %llu older copies, %llu refusals, "
      "%zu violations\n",
      where, static_cast<unsigned long long>(FirstSeed()),
      static_cast<unsigned long long>(seed - 1), static_cast<unsigned long long>(all.points),
      static_cast<unsigned long long>(all.damages), static_cast<unsigned long long>(all.restores),
      static_cast<unsigned long long>(all.refusals), all.violations.size());
}

TEST(FaultSweep, R3NothingAcknowledgedIsLostUnseenOnTheStoreInMemory) {
  SweepSeeds("memory", Wanted("SOUK_FAULT_MEMORY", 2000), SweepMemory);
}

TEST(FaultSweep, R3ASlotWhoseSyncFailedIsWrittenAnewAtTheNextStart) {
  const TestFolder folder;
  SweepSeeds("slots", Thinned(80),
             [&](uint64_t seed) { return SweepSlots(seed, 20, folder.path()); });
}

TEST(FaultSweep, R3NothingAcknowledgedIsLostUnseenOnRocksDb) {
  const TestFolder folder;
  SweepSeeds("rocksdb", Wanted("SOUK_FAULT_ROCKSDB", 60),
             [&](uint64_t seed) { return SweepRocksDb(seed, Thinned(16), folder.path()); });
}

TEST(FaultSweep, R3NothingAcknowledgedIsLostToAKillAtAnyInstant) {
  const uint64_t kills = Wanted("SOUK_FAULT_KILLS", 20);
  uint64_t left = kills;
  SweepSeeds("kill -9", kills, [&](uint64_t seed) {
    const TestFolder folder;
    const uint64_t some = std::min<uint64_t>(left, 20);
    left -= some;
    return SweepKills(seed, some, folder.path());
  });
}

}  // namespace
}  // namespace souk::faults
