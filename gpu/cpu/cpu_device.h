// The CPU reference device: an interpreter over warps of 32 lanes. Its results
// are those that the PTX ISA fixes, bit for bit, and never depend on timing or on the number of
// threads.
#pragma once

#include <memory>

#include "gpu/device.h"

namespace souk::gpu {
namespace cpu {
class Checker;
}

// Which vector instructions the handlers were compiled for. Results are the same on each.
enum class SimdLevel : uint8_t { kBaseline, kAvx2, kAvx512 };

struct CpuDeviceOptions {
  // What Allocate gives out in all; reserved, not touched.
  uint64_t memory_bytes = uint64_t{4} << 30;
  // Blocks of kernels whose class is `exact` are spread over so many threads; the others run in
  // block order on one.
  uint32_t threads = 1;
  // The best that both the machine and this allow.
  SimdLevel simd = SimdLevel::kAvx512;
  // What watches every launch; must outlive the device. See MakeCheckingDevice (checking.h).
  cpu::Checker* checker = nullptr;
};

// The best level of this machine, among those that were built.
SimdLevel BestSimdLevel();
const char* SimdLevelName(SimdLevel level);  // "baseline", "avx2", "avx512"

// Cannot fail except by running out of address space, which the first Allocate reports.
std::unique_ptr<Device> MakeCpuDevice(const CpuDeviceOptions& options);

}  // namespace souk::gpu
