// Sweeps of faults over a log: each seed is a workload, interrupted at one step after another.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace souk::faults {

struct Tally {
  uint64_t points = 0;    // crashes and failing steps that were met
  uint64_t damages = 0;   // disks whose bytes were changed or taken away
  uint64_t restores = 0;  // older copies that were put back
  uint64_t refusals = 0;  // openings that were refused
  // With the point, to be met again.
  std::vector<std::string> violations;

  void Add(const Tally& more);
};

// On the store in memory: every write of the workload fails in every way, and soon after the
// restart another; then damages and an older copy.
Tally SweepMemory(uint64_t seed);

// On RocksDB and the slot file over a simulated disk under `folder`: `points` steps of the
// workload, each with one fault after the other, and a second one after the restart; then damages
// and an older copy.
Tally SweepRocksDb(uint64_t seed, uint64_t points, const std::filesystem::path& folder);

// On the slot file alone: the sync of a slot fails, the process starts again, and later the power
// is cut.
Tally SweepSlots(uint64_t seed, uint64_t points, const std::filesystem::path& folder);

// Processes of a ledger on the real disk in `folder`, each killed (SIGKILL) at a random instant.
Tally SweepKills(uint64_t seed, uint64_t kills, const std::filesystem::path& folder);

}  // namespace souk::faults
