// Runs one block after another on the calling thread.
#pragma once

#include <array>
#include <chrono>
#include <new>
#include <vector>

#include "gpu/cpu/program.h"
#include "gpu/cpu/system_calls.h"
#include "gpu/device.h"

namespace souk::gpu::cpu {

struct LaunchShape {
  Dim3 grid = {};
  Dim3 block = {};
  uint64_t dynamic_shared_bytes = 0;
  // All blocks live at once, and can wait for each other. Where the grid's workspace lies, which
  // %envreg1 (high half) and %envreg2 hold, as cooperative_groups/details/driver_abi.h has it; 0
  // where the grid is not cooperative.
  uint64_t grid_workspace = 0;
  const std::vector<uint64_t>* only = nullptr;  // blocks that run, growing; nullptr: all
  uint32_t threads() const { return block.x * block.y * block.z; }
  uint64_t blocks() const { return uint64_t{grid.x} * grid.y * grid.z; }
};

enum class BlockEnd : uint8_t { kFinished, kFault, kExhausted, kTimeOver, kPaused };

// Of a grid's workspace: struct grid_workspace { unsigned wsSize, barrier; }.
inline constexpr uint64_t kGridWorkspaceBytes = 8;

// A vector whose elements share no line of the cache with anything else: what one thread writes
// all the time must not lie beside what another reads.
template <typename T>
struct ApartAllocator {
  using value_type = T;
  ApartAllocator() = default;
  template <typename U>
  explicit ApartAllocator(const ApartAllocator<U>&) {}
  T* allocate(size_t n) {
    const size_t bytes = (n * sizeof(T) + kApartBytes - 1) / kApartBytes * kApartBytes;
    return static_cast<T*>(::operator new(bytes, std::align_val_t(kApartBytes)));
  }
  void deallocate(T* at, size_t) { ::operator delete(at, std::align_val_t(kApartBytes)); }
  bool operator==(const ApartAllocator&) const { return true; }
};
template <typename T>
using ApartVector = std::vector<T, ApartAllocator<T>>;

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
class alignas(kApartBytes) BlockRunner {
 public:
  BlockRunner() = default;
  BlockRunner(const BlockRunner&) = delete;
  BlockRunner& operator=(const BlockRunner&) = delete;

  // memory: the device's; its shared, local, sites and params are set here.
  // system: shared by the runners of one thread; it outlives the launch.
  Status Prepare(const Program& program, const LaunchShape& shape, const Memory& memory,
                 ByteView params, SystemState& system);
  // No block runs on past this for long. What a launch computes does not depend on it: it ends, or
  // it comes to nothing.
  void StopAt(std::chrono::steady_clock::time_point deadline) { deadline_ = deadline; }
  // Adds what the block used to *executed; stops where that exceeds limit.
  BlockEnd Run(uint64_t block, uint64_t limit, uint64_t* executed);
  // The same in parts, for blocks that take turns: Start once, then Advance until it is not
  // kPaused.
  void Start(uint64_t block);
  BlockEnd Advance(uint64_t limit, uint64_t* executed);
  // Bytes of host memory that a block of the program takes.
  static uint64_t Footprint(const Program& program, const LaunchShape& shape);

  // After kFault: "kernel k, line 12, block (0,0,0), thread (3,0,0): …".
  Error FaultError(uint64_t block) const;

 private:
  // Lets every warp run for a slice. kPaused: there is more to do.
  BlockEnd Turn(uint64_t slice, uint64_t limit, uint64_t* executed);
  bool IsLate(uint64_t executed);
  void FillWarp(uint32_t warp);
  void FillBlock(uint64_t block);
  void StartWarps();
  // True where lanes were let go on. A fault is noted in fault_.
  bool ReleaseBarriers();
  bool ReleaseBarrier(uint32_t barrier);
  // Who takes part: waiting warps, a bit each, and of each warp's arrivals so many threads.
  struct Phase {
    uint32_t warps = 0;
    std::array<uint32_t, kLanes> arrivals = {};  // by warp
  };
  void CompleteBarrier(uint32_t barrier, const Phase& phase);

  const Program* program_ = nullptr;
  LaunchShape shape_ = {};
  Memory memory_ = {};
  // A register that holds one of the block's coordinates, and what it holds now.
  struct CoordinateSlot {
    uint32_t offset = 0;
    uint32_t axis = 0;
    uint64_t holds = UINT64_MAX;  // no coordinate
  };
  std::vector<Warp> warps_ = {};
  ApartVector<CoordinateSlot> coordinates_ = {};
  ApartVector<Site> sites_ = {};
  Bytes params_ = {};
  Pages registers_ = {};  // and shared memory behind them
  Pages local_ = {};
  Fault fault_ = {};
  std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
  uint64_t unwatched_ = 0;  // thread-instructions since the clock was looked at
};

// "(1,2,3)" of a linear index.
std::string Coordinates(uint64_t index, const Dim3& extent);

}  // namespace souk::gpu::cpu
