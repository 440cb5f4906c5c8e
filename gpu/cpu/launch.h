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
  // Thread-instructions used; kExhausted over budget, in instructions or time; kFault.
  Result<uint64_t> Run(const Program& program, const LaunchShape& shape, const Memory& memory,
                       ByteView params, uint32_t threads, const LaunchBudget& budget);

 private:
  std::vector<std::unique_ptr<BlockRunner>> runners_ = {};  // kept for their memory
};

}  // namespace souk::gpu::cpu
