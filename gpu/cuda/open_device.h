// Devices by the names people write.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gpu/device.h"

namespace souk::gpu {

// Whether OpenDevice takes such a name, whatever devices there are. kInvalidArgument.
Status CheckDeviceName(const std::string& name);

// "cpu", "cuda:0", "cuda:GPU-…" or "cuda:MIG-…" (a UUID), "cuda" (the first), or "auto": cuda where
// there is one, else cpu.
Result<std::unique_ptr<Device>> OpenDevice(const std::string& name);

// Every device of this machine by name, the CPU reference last.
struct NamedDevice {
  std::string name = {};
  DeviceInfo info = {};
};
Result<std::vector<NamedDevice>> ListDevices();

}  // namespace souk::gpu
