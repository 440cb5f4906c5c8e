// Counting what each op of a program does (profile.h).
#pragma once

#include <vector>

#include "gpu/cpu/ir.h"
#include "gpu/cpu/profile.h"
#include "gpu/cpu/program.h"

namespace souk::gpu::cpu {

// Thread-instructions of a lane.
struct LineCost {
  uint32_t line = 0;
  uint32_t cost = 0;
};

// How a program that is profiled finds the handlers that its counting ones stand before.
struct CountedOp {
  Handler run[2] = {nullptr, nullptr};
  uint32_t bytes = 0;                // that a lane moves
  std::vector<LineCost> costs = {};  // whose sum is Op::cost: what ran since the last control op
};

// Of one launch; SystemState::counts while it runs.
struct OpCounts {
  explicit OpCounts(const Program& profiled)
      : program(&profiled), lanes(profiled.ops.size(), 0), executed(profiled.ops.size(), 0) {}
  const Program* program = nullptr;
  std::vector<uint64_t> lanes = {};     // by pc: that ran it
  std::vector<uint64_t> executed = {};  // by pc: thread-instructions that it charged
};

// Puts counting handlers into program.ops. Of each op: its inst, and CountedOp::costs.
void CountProgram(const std::vector<Inst>& emitted, std::vector<std::vector<LineCost>> costs,
                  Program& program);

void AddCounts(const OpCounts& counts, KernelProfile& profile);

}  // namespace souk::gpu::cpu
