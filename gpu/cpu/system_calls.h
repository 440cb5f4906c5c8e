// The functions that CUDA's driver provides to kernels (PTX Writer's Guide to Interoperability,
// "System Calls"): vprintf, malloc, free, __assertfail.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "gpu/cpu/warp.h"

namespace souk::gpu::cpu {

struct OpCounts;

enum class SystemCall : uint8_t { kNone, kPrintf, kMalloc, kFree, kAssertFail };

// kNone where the device has no such function.
SystemCall FindSystemCall(std::string_view name);

// What a launch may still print; the driver's buffer has 1 MiB too.
inline constexpr uint64_t kMostPrintedBytes = 1u << 20;
// CUDA's default, cudaLimitMallocHeapSize.
inline constexpr uint64_t kHeapBytes = 8u << 20;

// The device heap: first fit in one range of device memory, 16-byte grains. Deterministic.
class Heap {
 public:
  Heap(uint64_t begin, uint64_t bytes) { free_[begin] = bytes; }
  // 0 where no free range is large enough, as in CUDA. Adds to *looked_at the ranges it went over.
  uint64_t Allocate(uint64_t bytes, uint64_t* looked_at);
  // False where nothing that Allocate gave begins there.
  bool Free(uint64_t address);

 private:
  std::map<uint64_t, uint64_t> free_ = {};  // begin to bytes; never adjacent
  std::map<uint64_t, uint64_t> used_ = {};
};

// What system calls of the blocks on one thread leave behind.
struct SystemState {
  std::string printed = {};
  uint64_t print_left = kMostPrintedBytes;
  bool cut = false;  // something did not fit
  std::string assertion = {};
  Heap* heap = nullptr;        // where the program calls malloc
  OpCounts* counts = nullptr;  // while a launch is profiled (op_counts.h)
};

}  // namespace souk::gpu::cpu
