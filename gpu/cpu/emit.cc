// Writes a kernel's ops: blocks in their order, registers as slots.
#include <algorithm>
#include <map>
#include <utility>

#include "gpu/cpu/apart.h"
#include "gpu/cpu/check_plan.h"
#include "gpu/cpu/ir.h"
#include "gpu/cpu/lower.h"
#include "gpu/cpu/op_counts.h"
#include "gpu/cpu/pointers.h"
#include "gpu/cpu/program.h"

namespace souk::gpu::cpu {
namespace {

// Of one warp. No compiler's output comes near; 32 warps of it are 64 MiB.
inline constexpr uint32_t kMostRegisterBytes = 2u << 20;

class Emitter {
 public:
  Emitter(const Ir& ir, const Flow& flow, const std::vector<uint32_t>& after, const Slots& slots,
          const HandlerTable& handlers, Program& program, std::vector<Inst>* emitted)
      : ir_(ir),
        flow_(flow),
        after_(after),
        slots_(slots),
        handlers_(handlers),
        program_(program),
        emitted_(emitted) {}

  void Run() {
    start_.assign(flow_.blocks.size(), 0);
    for (size_t k = 0; k < flow_.order.size(); ++k) {
      const uint32_t b = flow_.order[k];
      next_ = k + 1 < flow_.order.size() ? flow_.order[k + 1] : kNoReg;
      start_[b] = static_cast<uint32_t>(program_.ops.size());
      EmitBlock(b);
    }
    for (size_t i = 0; i < program_.ops.size(); ++i) {
      if (targets_[i] != kNoReg) program_.ops[i].target = start_[targets_[i]];
    }
    for (const uint32_t at : table_entries_) program_.extra[at] = start_[program_.extra[at]];
    Registers();
  }
  std::vector<std::vector<LineCost>> TakeCosts() { return std::move(costs_); }

 private:
  uint32_t Slot(uint32_t reg) const {
    return reg == kNoReg || slots_.offset[reg] == kNoReg ? 0 : slots_.offset[reg];
  }
  uint32_t BlockOf(uint32_t label) const { return flow_.block_of[ir_.labels[label]]; }

  Op OpOf(const Inst& inst) {
    const bool compares = inst.compare != 0;
    const Fn fn = compares ? Fn::kSetpBranch + (inst.compare - 1u) : inst.fn;
    const HandlerPair& pair = handlers_.At(fn, inst.ty);
    Op op;
    // The last handler of a guarded exit may be `some` (control.cc looks at the guard in each).
    // Those who look at every op need it to come back to them.
    const bool guarded = inst.guard != kNoReg;
    op.run[0] = pair.some;
    op.run[1] = guarded || emitted_ != nullptr ? pair.some : pair.full;
    op.dst = Slot(inst.dst);
    op.a = Slot(inst.a);
    op.b = Slot(inst.b);
    op.c = Slot(inst.c);
    op.guard = Slot(inst.guard);  // the first slot is always true
    op.guard_flip = inst.guard_flip ? kAllLanes : 0;
    op.imm = inst.imm;
    op.count = inst.count;
    op.flags = inst.flags;
    if (compares && inst.fn == Fn::kExit) op.flags |= kEndsLanes;
    op.extra = static_cast<uint32_t>(program_.extra.size());
    for (uint32_t i = 0; i < inst.extra_count; ++i) {
      program_.extra.push_back(Slot(ir_.extras[inst.extra + i].reg));
    }
    return op;
  }
  Op& Add(const Inst& inst, uint32_t target_block) {
    Op op = OpOf(inst);
    if (inst.memory) op.target = program_.site_count++;
    program_.ops.push_back(op);
    if (emitted_ != nullptr) {
      emitted_->push_back(inst);
      costs_.emplace_back();
    }
    program_.lines.push_back(inst.line);
    targets_.push_back(target_block);
    return program_.ops.back();
  }
  // Control ops carry the cost of what ran since the last one.
  Op& AddControl(const Inst& inst, uint32_t target_block) {
    Op& op = Add(inst, target_block);
    op.cost = cost_;
    cost_ = 0;
    if (emitted_ != nullptr) costs_.back() = std::exchange(since_, {});
    return op;
  }
  void AddJump(uint32_t block, uint32_t line) {
    Inst jump;
    jump.fn = Fn::kJump;
    jump.line = line;
    AddControl(jump, block);
  }
  // Goes on in `block`: by falling into it where it stands next and nobody else comes there.
  void GoTo(uint32_t block, uint32_t line) {
    if (block == next_ && flow_.blocks[block].pred.size() == 1) return;
    AddJump(block, line);
  }
  bool OnlyExits(uint32_t b) const {
    const Block& block = flow_.blocks[b];
    for (uint32_t i = block.begin; i + 1 < block.end; ++i) {
      if (ir_.insts[i].fn != Fn::kNone) return false;
    }
    const Inst& last = ir_.insts[block.end - 1];
    return last.fn == Fn::kExit && !IsGuarded(last);
  }

  // target: where lanes come to that went around the barrier (Waiting::skip_pc).
  void EmitBarrier(uint32_t b, const Inst& inst) {
    const uint32_t skip = after_[b] == kNoReg || OnlyExits(after_[b]) ? kNoReg : after_[b];
    Op& op = AddControl(inst, skip);
    if (skip == kNoReg) op.target = kNever;
  }

  void EmitBranch(uint32_t b, const Inst& inst) {
    const uint32_t taken = BlockOf(inst.target);
    const uint32_t other = b + 1;
    if (OnlyExits(taken) && taken != other) {
      // An early return ends its lanes on the spot; nobody has to come back for them.
      Inst exit = inst;
      exit.fn = Fn::kExit;
      AddControl(exit, kNoReg);
      GoTo(other, inst.line);
      return;
    }
    if (taken == next_ && other != next_) {
      Inst turned = inst;
      turned.guard_flip = !turned.guard_flip;
      AddControl(turned, other);
      return;
    }
    AddControl(inst, taken);
    if (other != next_) AddJump(other, inst.line);
  }

  void EmitBlock(uint32_t b) {
    const Block& block = flow_.blocks[b];
    for (uint32_t i = block.begin; i < block.end; ++i) {
      const Inst& inst = ir_.insts[i];
      cost_ += inst.cost;
      if (emitted_ != nullptr && inst.cost != 0) since_.push_back({inst.line, inst.cost});
      if (inst.hoisted) {
        program_.prologue.push_back(OpOf(inst));
        continue;
      }
      switch (inst.fn) {
        case Fn::kNone:
          break;
        case Fn::kJump:
          GoTo(BlockOf(inst.target), inst.line);
          return;
        case Fn::kBranch:
          EmitBranch(b, inst);
          return;
        case Fn::kBranchIndexed: {
          Op& op = AddControl(inst, kNoReg);
          const auto [table, is_new] =
              tables_.try_emplace(inst.target, static_cast<uint32_t>(program_.extra.size()));
          op.extra = table->second;
          if (!is_new) return;
          for (uint32_t k = 0; k < inst.count; ++k) {
            table_entries_.push_back(static_cast<uint32_t>(program_.extra.size()));
            program_.extra.push_back(BlockOf(ir_.tables[inst.target + k]));
          }
          return;
        }
        case Fn::kExit:
          AddControl(inst, kNoReg);
          if (!IsGuarded(inst)) return;
          break;
        case Fn::kBarrier:
          EmitBarrier(b, inst);
          break;
        case Fn::kTrap:
          Add(inst, kNoReg);
          if (inst.guard == kNoReg) return;
          break;
        default:
          Add(inst, kNoReg);
          break;
      }
    }
    GoTo(b + 1, ir_.insts[block.end - 1].line);
  }

  void Registers() {
    program_.register_bytes = slots_.bytes;
    for (uint32_t r = 0; r < ir_.regs.size(); ++r) {
      if (slots_.offset[r] == kNoReg) continue;
      const VReg& reg = ir_.regs[r];
      if (reg.kind == RegKind::kConstant) {
        program_.constants.push_back(ConstantSlot{slots_.offset[r], reg.bytes, reg.value});
      }
      if (reg.kind == RegKind::kParam) {
        ParamSlot param;
        param.offset = slots_.offset[r];
        param.bytes = reg.bytes;
        param.at = static_cast<uint32_t>(reg.value);
        param.size = static_cast<uint8_t>(reg.value >> 32);
        param.sign = (reg.value >> 40 & 1) != 0;
        program_.params.push_back(param);
      }
      if (reg.kind == RegKind::kSpecial) {
        program_.specials.push_back(SpecialSlot{slots_.offset[r],
                                                static_cast<ptx::Special>(reg.value & 0xffffffff),
                                                static_cast<uint32_t>(reg.value >> 32)});
      }
    }
    for (const uint32_t r : slots_.cleared) {
      const uint32_t bytes = ir_.regs[r].bytes == 1 ? 4u : ir_.regs[r].bytes * 32u;
      program_.cleared.push_back(ClearedSlot{slots_.offset[r], bytes});
    }
  }

  const Ir& ir_;
  const Flow& flow_;
  const std::vector<uint32_t>& after_;  // PostDominators, where there are barriers
  const Slots& slots_;
  const HandlerTable& handlers_;
  Program& program_;
  std::vector<uint32_t> start_ = {};
  std::vector<uint32_t> targets_ = {};             // of each op: a block, or kNoReg
  std::vector<uint32_t> table_entries_ = {};       // in Program::extra: blocks until the end
  std::map<uint32_t, uint32_t> tables_ = {};       // first in Ir::tables, in Program::extra
  std::vector<Inst>* emitted_ = nullptr;           // of each op; nullptr where nobody asks
  std::vector<std::vector<LineCost>> costs_ = {};  // likewise
  std::vector<LineCost> since_ = {};               // the last control op: those of cost_
  uint32_t next_ = kNoReg;
  uint32_t cost_ = 0;
};

}  // namespace

Result<Program> Compile(const ptx::Module& module, const ptx::Function& kernel,
                        const AddressOf& address_of, const HandlerTable& handlers,
                        Watching watching) {
  const bool checked = watching == Watching::kChecked;
  ASSIGN_OR_RETURN(Ir ir, Lower(module, kernel, address_of, handlers, /*apart=*/checked));
  ASSIGN_OR_RETURN(const Flow flow, BuildFlow(ir));
  if (checked) RETURN_IF_ERROR(DropIdleForgets(ir, flow));
  DropConversions(ir, flow);
  ForwardCopies(ir, flow);
  std::shared_ptr<const AddressPlan> addresses;
  if (watching == Watching::kNothing) addresses = FollowAddresses(ir, flow);
  if (!checked) FindArrays(ir, flow);  // the checking mode looks at whole addresses
  DropUnreadPredicates(ir);
  if (!checked) {
    HoistInvariants(ir, flow);
    FuseComparisons(ir, flow);
  }
  ASSIGN_OR_RETURN(const Slots slots, AssignSlots(ir, flow, kMostRegisterBytes));
  std::vector<uint32_t> after;
  const bool has_barriers = std::any_of(ir.insts.begin(), ir.insts.end(),
                                        [](const Inst& inst) { return inst.fn == Fn::kBarrier; });
  if (has_barriers) {
    ASSIGN_OR_RETURN(after, PostDominators(flow));
  }
  Program program;
  program.addresses = std::move(addresses);
  program.name = kernel.name;
  program.shared_bytes = ir.shared_bytes;
  program.dynamic_shared = ir.dynamic_shared;
  program.dynamic_shared_offset = ir.dynamic_shared_offset;
  program.local_bytes = (ir.local_bytes + 15) / 16 * 16;
  program.param_bytes = ir.param_bytes;
  program.directives = kernel.directives;
  const PathEstimate path = EstimatePath(ir, flow);
  program.path_instructions = path.instructions;
  program.loops = path.loops;
  program.uses_heap = std::any_of(ir.insts.begin(), ir.insts.end(), [](const Inst& inst) {
    return inst.fn == Fn::kMalloc || inst.fn == Fn::kFree;
  });
  std::vector<Inst> emitted;
  Emitter emitter(ir, flow, after, slots, handlers, program,
                  watching != Watching::kNothing ? &emitted : nullptr);
  emitter.Run();
  if (!checked) FindTouched(ir, program);
  if (watching == Watching::kCounted) CountProgram(emitted, emitter.TakeCosts(), program);
  if (checked) {
    program.shared_window = (ir.shared_slots.size() - 1) * kSharedSlot;
    if (ir.local_bytes != 0) program.local_bytes = ir.local_slots.size() * kLocalSlot;
  }
  if (checked) RETURN_IF_ERROR(WatchProgram(ir, slots, emitted, program));
  return program;
}

}  // namespace souk::gpu::cpu
