// Where a kernel's work goes: counts for each line of its PTX, for `souk run --local --profile`.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gpu/cpu/cpu_device.h"

namespace souk::gpu {

// Of one line of the PTX that was loaded.
struct LineCount {
  uint64_t thread_instructions = 0;
  uint64_t bytes = 0;  // that its loads, stores and atomics moved, of all threads
};

struct KernelProfile {
  uint64_t launches = 0;
  uint64_t nanoseconds = 0;
  uint64_t thread_instructions = 0;
  uint64_t bytes = 0;
  std::map<uint32_t, LineCount> lines = {};
};

// By module (of LoadFor's calls, from 0) and kernel.
using Profile = std::map<std::pair<uint32_t, std::string>, KernelProfile>;

// A cpu device that counts, on one thread, into `profile`, which must outlive it.
std::unique_ptr<Device> MakeProfilingDevice(const CpuDeviceOptions& options, Profile& profile);

}  // namespace souk::gpu
