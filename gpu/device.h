// A device that runs canonical PTX: the CPU reference (gpu/cpu) or a GPU (gpu/cuda).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace souk::ptx {
struct Module;
}

namespace souk::gpu {

struct DeviceInfo {
  std::string kind = {};  // "cpu" or "cuda"
  std::string name = {};  // "CPU reference", "NVIDIA H200"
  std::string uuid = {};  // stable over restarts; "GPU-…" as the driver writes it, or "CPU-…"
  uint32_t architecture = 0;  // compute capability × 10: 90 is sm_90; the newest .target it takes
  uint32_t newest_ptx = 0;    // .version × 10: 90 is 9.0
  uint64_t memory_bytes = 0;  // what a workload may allocate in all
  uint32_t multiprocessors = 0;  // cores on the cpu device
  std::string driver = {};       // "580.65.06"; empty on the cpu device
};

struct Dim3 {
  uint32_t x = 1;
  uint32_t y = 1;
  uint32_t z = 1;
};

// One kernel launch. params holds the parameter space as PTX ISA "Kernel function parameters" lays
// it out: each parameter at its own alignment, in the order of declaration; its size must be
// exactly that of the kernel's parameter space.
struct LaunchRequest {
  std::string kernel = {};
  Dim3 grid = {};
  Dim3 block = {};
  uint32_t dynamic_shared_bytes = 0;
  Bytes params = {};
  // All blocks at once, so that the grid can wait for itself (cudaLaunchCooperativeKernel).
  bool cooperative = false;
  // Linear numbers (x + y · grid.x + z · grid.x · grid.y) of the blocks that run, growing; empty:
  // all. The cpu device only, and of grids that are not cooperative: to look at some blocks of what
  // another device has run.
  std::vector<uint64_t> only = {};
};

// What a launch may use before it is stopped with kExhausted.
struct LaunchBudget {
  uint64_t thread_instructions = UINT64_MAX;  // counted by the cpu device
  uint64_t milliseconds = UINT64_MAX;         // of wall time
};

struct LaunchStats {
  uint64_t thread_instructions = 0;  // 0 where the device does not count
};

using ModuleHandle = uint32_t;
// An address in device memory as kernels see it. 0 is never a valid address.
using DeviceAddress = uint64_t;

// One context on one device. One thread at a time. All memory and modules go with the object.
// A kernel's own misdeed (wild or misaligned access, trap, divergent barrier) is kFault with
// kernel, line, block and thread in its message; after it the contents of memory are not defined
// and every later call fails with kWrongState. The same goes for a launch that used up its budget
// (kExhausted), since how far its blocks had come is left to chance; but memory may be given back
// and taken. A device that fails by itself is kUnavailable, breaks as after a fault, and may be
// found out by a later call than the one it failed in.
class Device {
 public:
  virtual ~Device() = default;

  virtual const DeviceInfo& info() const = 0;

  // The module must come from ptx::Canonicalize. What the device does not run in a kernel of
  // `kernels` is kUnsupported, named with its line; no other kernel of the module can be launched,
  // and none of them is looked at where the device compiles by itself. nullptr: all kernels.
  virtual Result<ModuleHandle> LoadFor(const ptx::Module& module,
                                       const std::set<std::string>* kernels) = 0;
  Result<ModuleHandle> Load(const ptx::Module& module) { return LoadFor(module, nullptr); }

  // Cleared to zero, aligned to 256 bytes. kExhausted where memory_bytes would be exceeded; nothing
  // is touched before that is known.
  virtual Result<DeviceAddress> Allocate(uint64_t bytes) = 0;
  virtual Status Free(DeviceAddress address) = 0;

  // The range must lie within one allocation. `from` has been taken when Write returns; it is there
  // before any later Read or launch looks.
  virtual Status Write(DeviceAddress to, ByteView from) = 0;
  virtual Status Read(DeviceAddress from, std::span<uint8_t> to) = 0;

  // Reads a range piece by piece, in order, for a reader that works on each piece (hashes it) while
  // the next is on its way. Ends early with the first error of `take`. `take` must not call the
  // device, and a piece is gone once it returns. All pieces but the last are multiples of 1 MiB.
  using TakePiece = std::function<Status(ByteView)>;
  virtual Status ReadInPieces(DeviceAddress from, uint64_t bytes, const TakePiece& take) = 0;

  // What kernels printed since the last call, in the order in which they did; at most 1 MiB in a
  // device's life, then a line that says so. Empty on a GPU, whose driver prints to this process's
  // standard output.
  virtual std::string TakePrinted() { return {}; }

  // Runs to completion. A cooperative grid whose blocks cannot all be resident is kTooLarge.
  virtual Result<LaunchStats> Launch(ModuleHandle module, const LaunchRequest& request,
                                     const LaunchBudget& budget) = 0;

  // The same in two halves, between which the caller may do other things and copy to and from
  // memory that the kernel does not touch; anything else may be kWrongState meanwhile. The budget's
  // time runs from the start. A device without a processor of its own runs the kernel in the first
  // half.
  virtual Status StartLaunch(ModuleHandle module, const LaunchRequest& request,
                             const LaunchBudget& budget) {
    if (launched_) return Error(Code::kWrongState, "a launch is under way");
    launched_ = Launch(module, request, budget);
    return Ok();
  }
  // kWrongState where no launch was started.
  virtual Result<LaunchStats> FinishLaunch() {
    if (!launched_) return Error(Code::kWrongState, "no launch is under way");
    Result<LaunchStats> launched = std::move(*launched_);
    launched_.reset();
    return launched;
  }

 private:
  std::optional<Result<LaunchStats>> launched_ = {};
};

}  // namespace souk::gpu
