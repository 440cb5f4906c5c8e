// What the driver says of its devices, checked before anyone relies on it.
#pragma once

#include <string_view>
#include <vector>

#include "gpu/cuda/driver.h"
#include "gpu/device.h"

namespace souk::gpu::cuda {

// A machine has at most 16 GPUs with 7 MIG instances each, of which a process sees one.
inline constexpr int kMostDevices = 64;

// In the driver's order. kUnavailable where it fails or makes no sense.
Result<std::vector<CUdevice>> Devices(const Driver& driver);

// uuid is "GPU-…", or "MIG-…" where the device is a MIG instance.
Result<DeviceInfo> Describe(const Driver& driver, CUdevice device);

// Up to its first NUL; what is not printable becomes "?".
std::string PrintableText(std::string_view text);

}  // namespace souk::gpu::cuda
