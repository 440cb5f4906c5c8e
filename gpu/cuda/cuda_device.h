// GPUs through the CUDA driver API, opened at run time: one binary serves machines with and
// without.
#pragma once

#include <memory>
#include <vector>

#include "gpu/device.h"

namespace souk::gpu {

// The driver's devices in its order; empty, not an error, where there is no driver or no GPU.
// Errors are a driver that is there and fails.
Result<std::vector<DeviceInfo>> ListCudaDevices();

// A context of its own on the device (never the primary context, which other code in the process
// may share). kUnavailable without a driver, kNotFound where there is no such device.
Result<std::unique_ptr<Device>> MakeCudaDevice(uint32_t index);

}  // namespace souk::gpu
