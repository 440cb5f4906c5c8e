// souk-bench append --audited: what an audit of the ledger costs the node that writes it.
#pragma once

#include <filesystem>
#include <vector>

#include "protocol/base/result.h"
#include "tools/bench.h"

namespace souk::bench {

struct LiveBench {
  // An empty folder; the ledger in it is left behind.
  std::filesystem::path dir;
  std::filesystem::path audit_program;
  uint64_t entries = 20'000;  // before anything is measured, so that an audit has to read
  size_t group = 256;
  double seconds = 20;  // with and without audits together
};

// One row: entries per second while souk-audit verify looks at the ledger, time after time, and as
// the floor without it; both take turns. kFault where an audit found the ledger other than valid.
Result<std::vector<BenchRow>> RunLiveBench(const LiveBench& options);

}  // namespace souk::bench
