#include <fmt/format.h>

#include <algorithm>

#include "faults/sweeps.h"
#include "faults/workload.h"
#include "ledger/log/log_keys.h"
#include "ledger/log/memory_store.h"

namespace souk::faults {
namespace {

using ledger::DiskFaults;
using ledger::Log;
using ledger::MemorySlotFile;
using ledger::MemoryStore;
using Kind = DiskFaults::Kind;

class MemorySite : public Site {
 public:
  // All that a copy of the disk holds.
  struct Copy {
    std::map<Bytes, Bytes> store;
    std::optional<Bytes> slots;
  };

  Result<Log*> Open(ledger::NoteSigner signer, ledger::LogOptions options) override {
    auto log = Log::Open(store_, slots_, std::move(signer), options);
    if (!log) return log.error();
    log_ = std::make_unique<Log>(std::move(*log));
    return log_.get();
  }
  const ledger::Store& store() const override { return store_; }
  void Close() override { log_.reset(); }
  void Examine(Witness& witness) override {
    witness.CheckDiagnosis(
        ledger::Diagnose({.store = &store_, .slots = &slots_}, witness.Verifier()), &store_);
  }

  void FailAfter(uint64_t writes, Kind kind) { faults_->FailAt(faults_->writes() + writes, kind); }
  uint64_t writes() const { return faults_->writes(); }
  void Crash() {
    store_.Crash();
    faults_->Restart();
  }
  Copy Take() const { return {store_.contents(), *slots_.Read()}; }
  void Put(Copy copy) {
    store_.contents() = std::move(copy.store);
    slots_.contents() = std::move(copy.slots);
  }

 private:
  std::shared_ptr<DiskFaults> faults_ = std::make_shared<DiskFaults>();
  MemoryStore store_{faults_};
  MemorySlotFile slots_{faults_};
  std::unique_ptr<Log> log_;
};

constexpr Kind kFailures[] = {Kind::kLost, Kind::kTorn, Kind::kApplied, Kind::kZeroed};
constexpr const char* kFailureNames[] = {"lost", "torn", "applied", "zeroed"};
constexpr RunOptions kWork{.large_bytes = 600};

void Report(const Witness& witness, const std::string& where, Tally& tally) {
  for (const std::string& what : witness.violations())
    tally.violations.push_back(where + ": " + what);
}

// Two failing writes with a crash after each, then a last opening.
void TwoCrashes(uint64_t seed, uint64_t write, size_t how, Tally& tally) {
  sim::Rng rng(seed);
  MemorySite site;
  Witness witness;
  site.FailAfter(write, kFailures[how]);
  if (!RunOnce(site, witness, rng, Disk::kFailing, kWork)) ++tally.refusals;
  site.Crash();
  sim::Rng later(seed * 1000003 + write * 4 + how);
  site.FailAfter(later.Next() % 12, kFailures[later.Next() % 4]);
  if (!RunOnce(site, witness, later, Disk::kFailing, kWork)) ++tally.refusals;
  site.Crash();
  RunOnce(site, witness, later, Disk::kHonest, {.commits = 2});
  tally.points += 2;
  Report(witness, fmt::format("memory seed {} write {} {}", seed, write, kFailureNames[how]),
         tally);
}

// What may befall a disk that is not in use.
void DamageDisk(MemorySite& site, const std::vector<MemorySite::Copy>& older, sim::Rng& rng) {
  MemorySite::Copy disk = site.Take();
  // What neither the tree nor the head holds is under RocksDB's checksums alone.
  const auto some_value = [&]() -> auto{
    const uint8_t prefixes[] = {'e', 't', 'h'};
    const uint8_t prefix = prefixes[rng.Next() % 3];
    const auto from = disk.store.lower_bound(Bytes{prefix});
    const auto to = disk.store.lower_bound(Bytes{static_cast<uint8_t>(prefix + 1)});
    const auto count = std::distance(from, to);
    return count == 0 ? disk.store.find(ledger::HeadKey())
                      : std::next(from, static_cast<ptrdiff_t>(rng.Next() >> 1) % count);
  };
  switch (rng.Next() % 6) {
    case 0:
      // A disk that lied on syncs, of the last commit or for longer.
      disk.store = (rng.Chance(500) ? older.back() : older[rng.Next() % older.size()]).store;
      break;
    case 1:
      disk.slots = older[rng.Next() % older.size()].slots;
      break;
    case 2:
      disk.slots.reset();
      break;
    case 3:
      FlipOneBit(*disk.slots, rng);
      break;
    case 4: {
      const auto at = some_value();
      if (!at->second.empty()) FlipOneBit(at->second, rng);
      break;
    }
    default:
      disk.store.erase(some_value());
  }
  site.Put(std::move(disk));
}

void OneDamage(uint64_t seed, uint64_t number, Tally& tally) {
  sim::Rng rng(seed * 7919 + number);
  MemorySite site;
  Witness witness;
  std::vector<MemorySite::Copy> older;
  for (int run = 0; run < 6; ++run) {
    older.push_back(site.Take());
    RunOnce(site, witness, rng, Disk::kHonest, {.commits = 1, .large_groups = 150});
  }
  DamageDisk(site, older, rng);
  site.Examine(witness);
  if (!RunOnce(site, witness, rng, Disk::kDamaged, {.commits = 2})) ++tally.refusals;
  ++tally.damages;
  Report(witness, fmt::format("memory seed {} damage {}", seed, number), tally);
}

// A bit changes on its way to the disk, and no error tells.
void OneFlip(uint64_t seed, uint64_t write, Tally& tally) {
  sim::Rng rng(seed);
  MemorySite site;
  Witness witness;
  site.FailAfter(write, Kind::kFlipped);
  RunOnce(site, witness, rng, Disk::kFailing, kWork);
  site.Crash();
  if (!RunOnce(site, witness, rng, Disk::kDamaged, {.commits = 2})) ++tally.refusals;
  ++tally.damages;
  Report(witness, fmt::format("memory seed {} flip {}", seed, write), tally);
}

// A copy of the disk is put back after the node has gone on: no counterparty's copy fits it.
void OneRestore(uint64_t seed, uint64_t number, Tally& tally) {
  sim::Rng rng(seed * 104729 + number);
  MemorySite site;
  Witness witness;
  RunOnce(site, witness, rng, Disk::kHonest, {.commits = 1 + static_cast<int>(number % 5)});
  const MemorySite::Copy backup = site.Take();
  RunOnce(site, witness, rng, Disk::kHonest, {.commits = 8});
  const MemorySite::Copy newest = site.Take();
  site.Put(backup);
  CheckRestored(site, witness);
  site.Put(newest);
  RunOnce(site, witness, rng, Disk::kHonest, {.commits = 2});
  ++tally.restores;
  Report(witness, fmt::format("memory seed {} restore {}", seed, number), tally);
}

}  // namespace

void Tally::Add(const Tally& more) {
  points += more.points;
  damages += more.damages;
  restores += more.restores;
  refusals += more.refusals;
  violations.insert(violations.end(), more.violations.begin(), more.violations.end());
}

Tally SweepMemory(uint64_t seed) {
  Tally tally;
  // How many writes the workload has, where none fails.
  sim::Rng rng(seed);
  MemorySite site;
  Witness witness;
  RunOnce(site, witness, rng, Disk::kHonest, kWork);
  Report(witness, fmt::format("memory seed {}", seed), tally);
  for (uint64_t write = 0; write < site.writes(); ++write) {
    for (size_t how = 0; how < std::size(kFailures); ++how) TwoCrashes(seed, write, how, tally);
    OneFlip(seed, write, tally);
  }
  for (uint64_t number = 0; number < 24; ++number) OneDamage(seed, number, tally);
  for (uint64_t number = 0; number < 4; ++number) OneRestore(seed, number, tally);
  return tally;
}

}  // namespace souk::faults
