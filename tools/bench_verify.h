// souk-bench verify: souk-audit over a ledger of many leases, beside the same signatures checked
// bare.
#pragma once

#include <filesystem>
#include <vector>

#include "protocol/base/result.h"
#include "tools/bench.h"

namespace souk::bench {

struct VerifyBench {
  // An empty folder; the ledger in it is left behind.
  std::filesystem::path dir;
  // souk-audit, which is timed as people run it: opening, rehashing and deciding included.
  std::filesystem::path audit_program;
  uint64_t entries = 100'000;
};

// Three rows: signatures a second (floor: libsodium alone on all cores, the same bytes, in the same
// run), the auditor's peak memory in MiB (floor: what docs/performance.md allows it), and the
// seconds from an audit that was saved after nine tenths (floor: those of the whole).
Result<std::vector<BenchRow>> RunVerifyBench(const VerifyBench& options);

}  // namespace souk::bench
