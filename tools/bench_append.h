// souk-bench append: whole appends with verification, beside the same work done bare.
#pragma once

#include <filesystem>
#include <vector>

#include "protocol/base/result.h"
#include "tools/bench.h"

namespace souk::bench {

struct AppendBench {
  // An empty folder on the disk that is to be measured; the databases in it are left behind.
  std::filesystem::path dir;
  std::vector<size_t> groups = {1, 16, 256, 4096};
  double seconds = 4;  // per group, floor and figure together
};

// One row per group size, in entries per second. An append verifies the entry's signature, and then
// commits it with its group: Log::Commit. The floor is what no ledger can leave out: the same
// signatures verified, one synced batch with the same keys and bytes, one checkpoint signed, one
// slot of 4 KiB written and synced. Both take turns in short rounds, since a disk's pace drifts.
Result<std::vector<BenchRow>> RunAppendBench(const AppendBench& options);

}  // namespace souk::bench
