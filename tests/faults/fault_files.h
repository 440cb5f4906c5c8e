// RocksDB's files on a simulated disk: its public FileSystemWrapper over this machine's file
// system.
#pragma once

#include <memory>

#include "faults/sim_disk.h"
#include "ledger/log/rocksdb_disk.h"

namespace souk::faults {

// A ledger's disk for Ledger::Open. Background work of the database runs while the caller of a step
// waits, so that a seed meets the same steps in the same order again.
class FaultyDisk {
 public:
  explicit FaultyDisk(SimDisk& disk);
  ~FaultyDisk();
  const ledger::LedgerDisk& ledger_disk() const { return ledger_disk_; }

 private:
  class TurnEnv;
  std::unique_ptr<TurnEnv> env_;
  ledger::LedgerDisk ledger_disk_;
};

}  // namespace souk::faults
