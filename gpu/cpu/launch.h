// Runs all blocks of a launch, on one thread or several. The result is that of running them one
// after the other: the same count, and the same error where there is one.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "gpu/cpu/accesses.h"
#include "gpu/cpu/block.h"

namespace souk::gpu::cpu {

// One launch at a time.
class Launcher {
 public:
  // note_bytes: what may be spent on undoing a launch on several threads; beyond it blocks run in
  // order.
  explicit Launcher(uint64_t note_bytes) : accesses_(note_bytes) {}

  // Thread-instructions used; kExhausted over budget, in instructions or time; kFault. Where
  // shape.grid_workspace is set all blocks live at once and take turns on one thread; kTooLarge
  // where they are too many for that. The program must stay. system: the heap, and what may still
  // be printed; what was printed is added to it.
  // memory: of the arena's allocations.
  Result<uint64_t> Run(const Program& program, const LaunchShape& shape, const Memory& memory,
                       Arena& arena, ByteView params, uint32_t threads, const LaunchBudget& budget,
                       SystemState& system);

 private:
  using Deadline = std::chrono::steady_clock::time_point;

  Result<uint64_t> RunTogether(const Program& program, const LaunchShape& shape,
                               const LaunchBudget& budget);
  // Blocks beside each other. Nothing where they got into each other's way, or no thread can be
  // had: then memory is as it was.
  std::optional<Result<uint64_t>> RunBeside(const Program& program, const LaunchShape& shape,
                                            Memory memory, Arena& arena, ByteView params,
                                            uint32_t threads, const LaunchBudget& budget,
                                            Deadline deadline);
  Status PrepareRunners(const Program& program, const LaunchShape& shape, const Memory& memory,
                        ByteView params, size_t count, Deadline deadline, SystemState& system);

  // What former launches have shown of a program.
  struct Learned {
    bool in_order = false;            // its blocks get into each other's way
    std::set<uint64_t> written = {};  // allocations that it wrote unexpectedly
    std::set<uint64_t> read = {};     // likewise
  };

  std::vector<std::unique_ptr<BlockRunner>> runners_ = {};  // kept for their memory
  Accesses accesses_;
  std::map<const Program*, Learned> learned_ = {};
};

// A cooperative grid: host memory that its blocks may take together, and how many there may be.
inline constexpr uint64_t kMostResidentBytes = uint64_t{1} << 29;
inline constexpr uint64_t kMostResidentBlocks = 4096;

}  // namespace souk::gpu::cpu
