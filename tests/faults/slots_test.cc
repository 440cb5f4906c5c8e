// The slot file on a disk whose syncs fail.
#include <gtest/gtest.h>

#include "faults/sim_disk.h"
#include "faults/witness.h"
#include "ledger/log/memory_store.h"
#include "test_folder.h"

namespace souk::faults {
namespace {

using ledger::Log;

TEST(SlotFaults, R3ASlotWhoseSyncFailedIsWrittenAnewAtTheNextStart) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    const TestFolder folder;
    SimDisk disk(folder.path(), seed);
    ledger::MemoryStore store;
    Witness witness;
    const auto open = [&] { return ledger::SlotsOn(disk.Slots(folder.path() / "checkpoint")); };
    const auto commit = [&](Log& log, uint64_t fact) {
      ledger::WriteBatch extra;
      extra.Put(FactKey(), FactValue(fact));
      witness.Attempts({}, fact);
      const auto committed = log.Commit({}, extra);
      if (committed) witness.Acknowledged(*committed);
      return committed.has_value();
    };
    {
      const auto slots = open();
      Log log = *Log::Open(store, *slots, witness.Signer(), {.alone = true});
      for (uint64_t fact = 1; fact <= 4; ++fact) ASSERT_TRUE(commit(log, fact));
      // The slot's write, then its sync.
      disk.FailAt(disk.steps() + 1, Fault::kIoError);
      EXPECT_FALSE(commit(log, 5));
    }
    disk.Mend();
    {
      const auto slots = open();
      Log log = *Log::Open(store, *slots, witness.Signer(), {.alone = true});
      ASSERT_TRUE(commit(log, 6));
    }
    disk.PowerCut();
    const auto slots = open();
    const auto log = Log::Open(store, *slots, witness.Signer(), {.alone = true});
    ASSERT_TRUE(log) << "seed " << seed << ": " << log.error().message;
    witness.Check(*log, store);
    for (const std::string& what : witness.violations()) ADD_FAILURE() << seed << ": " << what;
  }
}

}  // namespace
}  // namespace souk::faults
