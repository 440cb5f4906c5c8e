// souk-bench lease: from the wish to rent to the acceptance in hand, over loopback, with durable
// ledgers at the renter, the provider and the clearing peer.
#pragma once

#include <filesystem>
#include <vector>

#include "protocol/base/result.h"
#include "tools/bench.h"

namespace souk::bench {

struct LeaseBench {
  // An empty folder on the disk that is to be measured; the nodes in it are left behind, stopped.
  std::filesystem::path dir;
  size_t leases = 100;  // not 0
};

// Two rows, median and 99th percentile in milliseconds. The floor is the sum of the signatures,
// verifications, disk syncs and CURVE round trips that stand on the path, each measured in the same
// run; the ratio is figure / floor, and the target an upper bound.
Result<std::vector<BenchRow>> RunLeaseBench(const LeaseBench& options);

}  // namespace souk::bench
