#include "gpu/cpu/op_counts.h"

#include "gpu/cpu/system_calls.h"

namespace souk::gpu::cpu {
namespace {

// An op that has lanes wait for others is run again when they have come, and counted then.
const Op* Counting(Warp& w, const Op* op) {
  OpCounts& counts = *w.memory->system->counts;
  const auto pc = static_cast<size_t>(op - w.code);
  const uint32_t mask = w.Mask(op);
  const uint32_t waiting = w.waiting_count;
  const uint64_t executed = w.executed;
  const Op* const next = (*counts.program->counted)[pc].run[w.full](w, op);
  counts.executed[pc] += w.executed - executed;
  if (w.waiting_count <= waiting) {
    counts.lanes[pc] += static_cast<uint64_t>(__builtin_popcount(mask));
  }
  return next;
}

uint32_t BytesMoved(const Inst& inst) {
  if (!inst.memory) return 0;
  if (inst.fn == Fn::kCopyAsync) return static_cast<uint32_t>(inst.imm);
  const bool access = inst.fn >= Fn::kLd && inst.fn <= Fn::kStLast;
  return ElementBytes(inst.ty) * (access ? inst.count : 1u);
}

}  // namespace

void CountProgram(const std::vector<Inst>& emitted, std::vector<std::vector<LineCost>> costs,
                  Program& program) {
  auto counted = std::make_shared<std::vector<CountedOp>>();
  for (size_t pc = 0; pc < program.ops.size(); ++pc) {
    Op& op = program.ops[pc];
    counted->push_back({{op.run[0], op.run[1]}, BytesMoved(emitted[pc]), std::move(costs[pc])});
    op.run[0] = op.run[1] = &Counting;
  }
  program.counted = std::move(counted);
}

// The lines' thread-instructions add up to what the launch used.
void AddCounts(const OpCounts& counts, KernelProfile& profile) {
  for (size_t pc = 0; pc < counts.lanes.size(); ++pc) {
    const CountedOp& op = (*counts.program->counted)[pc];
    const uint64_t bytes = counts.lanes[pc] * op.bytes;
    if (bytes != 0) profile.lines[counts.program->lines[pc]].bytes += bytes;
    profile.bytes += bytes;
    const uint64_t executed = counts.executed[pc];
    if (executed == 0) continue;
    const uint32_t cost = counts.program->ops[pc].cost;
    if (cost == 0) {
      profile.lines[counts.program->lines[pc]].thread_instructions += executed;
      continue;
    }
    for (const LineCost& one : op.costs) {
      profile.lines[one.line].thread_instructions += executed / cost * one.cost;
    }
  }
}

}  // namespace souk::gpu::cpu
