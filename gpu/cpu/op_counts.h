// Counting what each op of a program does (profile.h).
#pragma once

#include <vector>

#include "gpu/cpu/ir.h"
#include "gpu/cpu/profile.h"
#include "gpu/cpu/program.h"

namespace souk::gpu::cpu {

// How a program that is profiled finds the handlers that its counting ones stand before.
struct CountedOp {
  Handler run[2] = {nullptr, nullptr};
  uint32_t cost = 0;   // thread-instructions of a lane
  uint32_t bytes = 0;  // that a lane moves
};

// Of one launch; SystemState::counts while it runs.
struct OpCounts {
  explicit OpCounts(const Program& profiled) : program(&profiled), lanes(profiled.ops.size(), 0) {}
  const Program* program = nullptr;
  std::vector<uint64_t> lanes = {};  // by pc: that ran it
};

// Puts counting handlers into program.ops. emitted: the inst of each op.
void CountProgram(const std::vector<Inst>& emitted, Program& program);

void AddCounts(const OpCounts& counts, KernelProfile& profile);

}  // namespace souk::gpu::cpu
