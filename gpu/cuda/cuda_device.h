// GPUs through the CUDA driver API, opened at run time: one binary serves machines with and
// without.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gpu/cuda/driver.h"
#include "gpu/device.h"

namespace souk::gpu {

// The driver's devices in its order; empty, not an error, where there is no driver or no GPU.
// Errors are a driver that is there and fails.
Result<std::vector<DeviceInfo>> ListCudaDevices();

// A context of its own on the device (never the primary context, which other code in the process
// may share). kNotFound where there is no driver or no such device.
// Beyond device.h: a kernel that outlives its milliseconds cannot be ended through the driver API;
// it is kExhausted, the device is broken from then on, and only the end of the process stops the
// kernel. Memory is cleared before it is handed out and before it is given back.
Result<std::unique_ptr<Device>> MakeCudaDevice(uint32_t index);

// By "GPU-…" or "MIG-…", as DeviceInfo::uuid has it. The driver enumerates one MIG instance per
// process, and which one only CUDA_VISIBLE_DEVICES says, read when it starts (CUDA C++ Programming
// Guide, "CUDA Environment Variables"; MIG User Guide, "CUDA Device Enumeration"). So this sets it,
// and an instance can be opened only before the process has opened the driver for anything else:
// kWrongState. A worker runs one job on one device, so it never is.
Result<std::unique_ptr<Device>> MakeCudaDevice(const std::string& uuid);

// What the last does first: the process sees this GPU or MIG instance, and no other device, from
// now on.
Status ShowOnly(const std::string& uuid);

inline constexpr char kMigPrefix[] = "MIG-";
inline constexpr char kVisibleDevices[] = "CUDA_VISIBLE_DEVICES";

// The same on a driver of the caller's, which must outlive the device.
Result<std::vector<DeviceInfo>> ListCudaDevices(const cuda::Driver& driver);
Result<std::unique_ptr<Device>> MakeCudaDevice(const cuda::Driver& driver, uint32_t index);
Result<std::unique_ptr<Device>> MakeCudaDevice(const cuda::Driver& driver, const std::string& uuid);

}  // namespace souk::gpu
