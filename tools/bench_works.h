// What souk-bench kernel runs on both sides.
#pragma once

#include <string>
#include <vector>

#include "gpu/device.h"
#include "protocol/base/bytes.h"

namespace souk::bench {

// Buffers first, then scalars, as the kernels declare them (bench_kernels/kernels.cu, kernels.cl).
struct Work {
  std::string name = {};
  std::string kernel = {};
  gpu::Dim3 grid = {};
  gpu::Dim3 block = {};
  std::vector<Bytes> buffers = {};
  std::vector<uint32_t> scalars = {};
  size_t result = 0;  // which buffer
  double items = 0;   // per run, for the rate
  std::string unit = {};
  double target = 0;  // of the ratio to PoCL (docs/performance.md)
};

// shrink: how many times smaller than what is published, for tests.
std::vector<Work> KernelWorks(uint32_t shrink);

}  // namespace souk::bench
