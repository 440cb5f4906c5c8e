// What a ledger lies on where that is not this machine's own disk: for tests, whose disks have
// faults.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "ledger/log/slots.h"

namespace rocksdb {
class Env;
}

namespace souk::ledger {

struct LedgerDisk {
  // Under the database; outlives every ledger on it.
  rocksdb::Env* env = nullptr;
  // Under the slots.
  std::function<std::unique_ptr<SlotMedium>(const std::filesystem::path&)> slots;
  // What the database keeps in memory before it makes a table; 0: as always. A small one flushes
  // and compacts within a short test.
  size_t write_buffer_bytes = 0;
};

}  // namespace souk::ledger
