// Runs all blocks of a launch, on one thread or several. The result is that of running them one
// after the other: the same count, and the same error where there is one.
#pragma once

#include <memory>
#include <vector>

#include "gpu/cpu/block.h"

namespace souk::gpu::cpu {

// One launch at a time.
class Launcher {
 public:
  // Thread-instructions used; kExhausted over budget, in instructions or time; kFault. Where
  // shape.grid_workspace is set all blocks live at once and take turns on one thread; kTooLarge
  // where they are too many for that. system: the heap, and what may still be printed; what was
  // printed is added to it.
  Result<uint64_t> Run(const Program& program, const LaunchShape& shape, const Memory& memory,
                       ByteView params, uint32_t threads, const LaunchBudget& budget,
                       SystemState& system);

 private:
  Result<uint64_t> RunTogether(const Program& program, const LaunchShape& shape,
                               const LaunchBudget& budget);
  std::vector<std::unique_ptr<BlockRunner>> runners_ = {};  // kept for their memory
};

// A cooperative grid: host memory that its blocks may take together, and how many there may be.
inline constexpr uint64_t kMostResidentBytes = uint64_t{1} << 29;
inline constexpr uint64_t kMostResidentBlocks = 4096;

}  // namespace souk::gpu::cpu
