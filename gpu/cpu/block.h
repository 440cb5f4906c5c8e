// Runs one block after another on the calling thread.
#pragma once

#include <chrono>
#include <vector>

#include "gpu/cpu/program.h"
#include "gpu/device.h"

namespace souk::gpu::cpu {

struct LaunchShape {
  Dim3 grid = {};
  Dim3 block = {};
  uint64_t dynamic_shared_bytes = 0;
  uint32_t threads() const { return block.x * block.y * block.z; }
  uint64_t blocks() const { return uint64_t{grid.x} * grid.y * grid.z; }
};

enum class BlockEnd : uint8_t { kFinished, kFault, kExhausted, kTimeOver };

// Memory that is mapped when asked for and kept for the next launch. Zeroed on demand.
class Pages {
 public:
  ~Pages();
  // At least `bytes`; contents undefined where it had to grow: then all zero. False: no memory.
  bool Need(uint64_t bytes);
  void Clear(uint64_t bytes);
  uint8_t* data() const { return data_; }

 private:
  uint8_t* data_ = nullptr;
  uint64_t size_ = 0;
};

// Owned by one thread during a launch.
// Invariant: what a block can read is a function of launch, memory and block alone: registers that
// may be read before they are written, .shared and .local are cleared before each block.
class BlockRunner {
 public:
  BlockRunner() = default;
  BlockRunner(const BlockRunner&) = delete;
  BlockRunner& operator=(const BlockRunner&) = delete;

  // memory: the device's; its shared, local, sites and params are set here.
  Status Prepare(const Program& program, const LaunchShape& shape, const Memory& memory,
                 ByteView params);
  // No block runs on past this for long. What a launch computes does not depend on it: it ends, or
  // it comes to nothing.
  void StopAt(std::chrono::steady_clock::time_point deadline) { deadline_ = deadline; }
  // Adds what the block used to *executed; stops where that exceeds limit.
  BlockEnd Run(uint64_t block, uint64_t limit, uint64_t* executed);

  // After kFault: "kernel k, line 12, block (0,0,0), thread (3,0,0): …".
  Error FaultError(uint64_t block) const;

 private:
  bool IsLate(uint64_t executed);
  void FillWarp(uint32_t warp);
  void FillBlock(uint64_t block);
  void StartWarps();
  // True where lanes were let go on. A fault is noted in fault_.
  bool ReleaseBarriers();
  bool ReleaseBarrier(uint32_t barrier);
  void CompleteBarrier(uint32_t barrier);

  const Program* program_ = nullptr;
  LaunchShape shape_ = {};
  Memory memory_ = {};
  std::vector<Warp> warps_ = {};
  std::vector<Site> sites_ = {};
  Bytes params_ = {};
  Pages registers_ = {};
  Pages shared_ = {};
  Pages local_ = {};
  Fault fault_ = {};
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  uint64_t unwatched_ = 0;  // thread-instructions since the clock was looked at
};

// "(1,2,3)" of a linear index.
std::string Coordinates(uint64_t index, const Dim3& extent);

}  // namespace souk::gpu::cpu
