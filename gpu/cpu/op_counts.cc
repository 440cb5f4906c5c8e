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
  const Op* const next = (*counts.program->counted)[pc].run[w.full](w, op);
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

void CountProgram(const std::vector<Inst>& emitted, Program& program) {
  auto counted = std::make_shared<std::vector<CountedOp>>();
  for (size_t pc = 0; pc < program.ops.size(); ++pc) {
    Op& op = program.ops[pc];
    counted->push_back({{op.run[0], op.run[1]}, emitted[pc].cost, BytesMoved(emitted[pc])});
    op.run[0] = op.run[1] = &Counting;
  }
  program.counted = std::move(counted);
}

void AddCounts(const OpCounts& counts, KernelProfile& profile) {
  for (size_t pc = 0; pc < counts.lanes.size(); ++pc) {
    const CountedOp& op = (*counts.program->counted)[pc];
    const uint64_t lanes = counts.lanes[pc];
    if (lanes == 0 || (op.cost == 0 && op.bytes == 0)) continue;
    LineCount& line = profile.lines[counts.program->lines[pc]];
    line.thread_instructions += lanes * op.cost;
    line.bytes += lanes * op.bytes;
    profile.bytes += lanes * op.bytes;
  }
}

}  // namespace souk::gpu::cpu
