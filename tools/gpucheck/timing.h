// Kernels on the cuda device against the same PTX launched by hand through the driver API.
#pragma once

#include <string>
#include <vector>

#include "gpu/cuda/driver.h"
#include "gpu/device.h"

namespace souk::tools {

struct KernelTiming {
  std::string name = {};
  double device_us = 0;  // a launch through gpu::Device, median
  double bare_us = 0;    // the same through the driver API alone
  double Ratio() const { return bare_us > 0 ? device_us / bare_us : 0; }
};
// docs/performance.md: within 1 %.
inline constexpr double kTimingTarget = 1.01;

// By turns, about a second for each kernel. shrink: sizes are divided by it. `index` is the
// driver's number of the device.
Result<std::vector<KernelTiming>> TimeKernels(const gpu::cuda::Driver& driver, uint32_t index,
                                              uint32_t shrink);

}  // namespace souk::tools
