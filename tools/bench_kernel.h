// souk-bench kernel: kernels on the cpu device beside the same kernels in OpenCL on PoCL.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/base/result.h"
#include "tools/bench.h"

namespace souk::bench {

struct KernelBench {
  double seconds = 1;  // per kernel and side, after one run to warm up
  // Divides the sizes: 1 is what the design's figures are for, tests use more.
  uint32_t shrink = 1;
  std::string only = {};  // kernels whose name holds this
};

// One row per kernel: items per second on one thread, the floor being PoCL's rate on one thread;
// both results are compared first, and where they differ it is kMismatch. Then the interpreter's
// own rate in thread-instructions, what a second thread gives, and what two launches at once that
// share nothing give together: where these do not get twice of one, it is the machine. Where there
// is no PoCL the floors and ratios are 0, targets too, and *note says why.
Result<std::vector<BenchRow>> RunKernelBench(const KernelBench& options, std::string* note);

}  // namespace souk::bench
