#include <fmt/format.h>

#include "faults/sim_disk.h"
#include "faults/sweeps.h"
#include "faults/witness.h"
#include "ledger/log/memory_store.h"

namespace souk::faults {
namespace fs = std::filesystem;
namespace {

using ledger::Log;

// The database is beyond doubt here: only the slot file's disk fails.
class SlotsSite {
 public:
  SlotsSite(const fs::path& dir, uint64_t seed) : dir_(dir), disk_(dir, seed) {}

  // One start with commits of a fact each, until one fails.
  void Run(uint64_t commits) {
    const auto slots = ledger::SlotsOn(disk_.Slots(dir_ / "checkpoint"));
    auto log = Log::Open(store_, *slots, witness_.Signer(), {.alone = true});
    if (!log) {
      witness_.Violation("a disk that keeps what it synced is refused: " + log.error().message);
      return;
    }
    witness_.Check(*log, store_);
    for (uint64_t i = 0; i < commits && CommitFact(*log); ++i) {
    }
  }
  SimDisk& disk() { return disk_; }
  const Witness& witness() const { return witness_; }

 private:
  bool CommitFact(Log& log) {
    ledger::WriteBatch extra;
    extra.Put(FactKey(), FactValue(++facts_));
    witness_.Attempts({}, facts_);
    const auto committed = log.Commit({}, extra);
    if (committed) witness_.Acknowledged(*committed);
    return committed.has_value();
  }

  const fs::path dir_;
  SimDisk disk_;
  ledger::MemoryStore store_;
  Witness witness_;
  uint64_t facts_ = 0;
};

}  // namespace

Tally SweepSlots(uint64_t seed, uint64_t points, const fs::path& folder) {
  Tally tally;
  for (uint64_t point = 0; point < points; ++point) {
    const fs::path dir = folder / "slots";
    fs::remove_all(dir);
    fs::create_directories(dir);
    SlotsSite site(dir, seed * 1000003 + point);
    site.Run(1 + point % 3);
    // The start writes the file anew in five steps.
    site.disk().FailAt(site.disk().steps() + 5 + point % 9, Fault::kIoError);
    site.Run(6);
    tally.points += site.disk().failed() ? 1 : 0;
    site.disk().Mend();
    site.Run(1 + point % 2);
    site.disk().PowerCut();
    site.Run(2);
    for (const std::string& what : site.witness().violations()) {
      tally.violations.push_back(fmt::format("slots seed {} point {}: {}", seed, point, what));
    }
  }
  fs::remove_all(folder / "slots");
  return tally;
}

}  // namespace souk::faults
