// Which part of a matrix of wmma a lane holds is the device's affair (ISA wmma.load: "the
// distribution of fragments … is unspecified"). So that no result depends on it, a register that
// wmma reads holds in all lanes the part that is asked for, or one and the same value. A register
// never holds two parts in turn, nor part of it in some lanes and a value in others: what writes a
// value does so for the whole warp. Who computes with a part has a class that promises nothing.
#include "gpu/cpu/checker.h"

namespace souk::gpu::cpu {
namespace {

Error NotFollowed(const Inst& inst) {
  return Error(Code::kUnsupported, "line " + std::to_string(inst.line) +
                                       ": a register of a matrix that the checking mode does not "
                                       "follow");
}

// Calls act(register, part, is_def) for the registers that an inst of wmma has as parts.
template <typename F>
void ForParts(const Ir& ir, const Inst& inst, F act) {
  if (inst.part != kNoPart) {
    const bool is_def = inst.dst != kNoReg;
    act(is_def ? inst.dst : inst.fn == Fn::kUnpack ? inst.a : inst.b, inst.part, is_def);
  }
  for (uint32_t i = 0; i < inst.extra_count; ++i) {
    const ExtraReg& extra = ir.extras[inst.extra + i];
    if (extra.part != kNoPart) act(extra.reg, extra.part, extra.is_def);
  }
}

bool EndsBlock(Fn fn) {
  return fn == Fn::kJump || fn == Fn::kBranch || fn == Fn::kBranchIndexed || fn == Fn::kExit ||
         fn == Fn::kTrap;
}

// Which part each register holds wherever it holds one, and, along the insts in order, where it is
// known to hold another value: one that was given to it since the basic block began.
class Parts {
 public:
  explicit Parts(const Ir& ir)
      : ir_(ir), held_(ir.regs.size(), kNoPart), plain_in_(ir.regs.size(), 0) {}

  // nullptr, or the inst at which a register gets a second part.
  const Inst* Find(const std::vector<Inst>& emitted) {
    do {
      changed_ = false;
      Begin();
      for (const Inst& inst : emitted) {
        if (!Step(inst)) return &inst;
      }
    } while (changed_);
    return nullptr;
  }

  void Begin() { ++block_; }
  bool Step(const Inst& inst) {
    bool one = true;
    const auto give = [&](uint32_t reg, uint32_t part) {
      one &= held_[reg] == kNoPart || held_[reg] == part;
      changed_ |= held_[reg] != part;
      held_[reg] = part;
      plain_in_[reg] = 0;
    };
    const uint32_t copied = CopiedPart(inst);
    ForEachDef(ir_, inst, [&](uint32_t reg) {
      if (copied == kNoPart && inst.guard == kNoReg) plain_in_[reg] = block_;
    });
    if (copied != kNoPart) give(inst.dst, copied);
    ForParts(ir_, inst, [&](uint32_t reg, uint32_t part, bool is_def) {
      if (is_def) give(reg, part);
    });
    if (EndsBlock(inst.fn)) ++block_;
    return one;
  }

  uint32_t Held(uint32_t reg) const { return held_[reg]; }
  // What it may hold before the next Step.
  uint32_t HeldNow(uint32_t reg) const { return plain_in_[reg] == block_ ? kNoPart : held_[reg]; }
  uint32_t CopiedPart(const Inst& inst) const {
    return inst.fn == Fn::kMov && inst.part == kNoPart ? HeldNow(inst.a) : kNoPart;
  }

 private:
  const Ir& ir_;
  std::vector<uint32_t> held_;
  std::vector<uint64_t> plain_in_;  // the last block that has given the register a value
  uint64_t block_ = 0;
  bool changed_ = false;
};

const Op* ObserveParts(Warp& w, const Op* op) {
  Checker& checker = *w.memory->checker;
  const WatchedOp& p = checker.PlanOf(w, op);
  checker.ReadParts(w, op, p);
  const Op* const next = p.next[w.full](w, op);
  if (next != nullptr) checker.WroteParts(w, op, p);
  return next;
}

}  // namespace

Status WatchFragments(const Ir& ir, const Slots& slots, const std::vector<Inst>& emitted,
                      Program& program, CheckPlan& plan) {
  Parts parts(ir);
  if (const Inst* const bad = parts.Find(emitted)) return NotFollowed(*bad);
  parts.Begin();
  for (size_t pc = 0; pc < emitted.size(); ++pc) {
    const Inst& inst = emitted[pc];
    WatchedOp& watched = plan.ops[pc];
    watched.parts = static_cast<uint32_t>(plan.parts.size());
    const auto add = [&](uint32_t reg, bool copies) {
      plan.parts.push_back({slots.offset[reg], ir.regs[reg].bytes, copies});
    };
    bool strange = false;
    bool gives_part = false;
    ForParts(ir, inst, [&](uint32_t reg, uint32_t part, bool is_def) {
      gives_part |= is_def;
      if (is_def) return;
      const uint32_t held = parts.HeldNow(reg);
      strange |= held != kNoPart && held != part;
      if (held == kNoPart) add(reg, false);
    });
    if (strange) return NotFollowed(inst);
    watched.part_uses = static_cast<uint32_t>(plan.parts.size()) - watched.parts;
    if (!gives_part) {
      const bool copies = parts.CopiedPart(inst) != kNoPart;
      ForEachDef(ir, inst, [&](uint32_t reg) {
        if (parts.Held(reg) != kNoPart) add(reg, copies);
      });
    }
    parts.Step(inst);
    watched.part_defs =
        static_cast<uint32_t>(plan.parts.size()) - watched.parts - watched.part_uses;
    if (watched.part_uses + watched.part_defs == 0) continue;
    Op& op = program.ops[pc];
    watched.next[0] = op.run[0];
    watched.next[1] = op.run[1];
    op.run[0] = op.run[1] = &ObserveParts;
  }
  return Ok();
}

bool Checker::IsUniform(Warp& w, const CheckPlan::PartRegister& reg) const {
  uint64_t differs = 0;
  for (int i = 1; i < kLanes; ++i) {
    differs |= reg.bytes == 8 ? w.Lanes<uint64_t>(reg.slot)[i] ^ w.Lanes<uint64_t>(reg.slot)[0]
                              : w.Lanes<uint32_t>(reg.slot)[i] ^ w.Lanes<uint32_t>(reg.slot)[0];
  }
  return differs == 0;
}

void Checker::ReportPart(Warp& w, const Op* op) {
  const auto pc = static_cast<uint32_t>(op - w.code);
  const Actor a = ActorOf(w, op, static_cast<uint32_t>(__builtin_ctz(w.active)));
  Report(FindingKind::kDeviceChoice, pc, block_ - uint64_t{1}, a.thread, pc, a.thread, Spot{});
}

void Checker::ReadParts(Warp& w, const Op* op, const WatchedOp& p) {
  for (uint32_t i = 0; i < p.part_uses; ++i) {
    if (!IsUniform(w, plan_->parts[p.parts + i])) return ReportPart(w, op);
  }
}

void Checker::WroteParts(Warp& w, const Op* op, const WatchedOp& p) {
  for (uint32_t i = p.part_uses; i < p.part_uses + p.part_defs; ++i) {
    const CheckPlan::PartRegister& reg = plan_->parts[p.parts + i];
    const bool whole = w.Mask(op) == w.live;
    if (!whole || (!reg.copies && !IsUniform(w, reg))) return ReportPart(w, op);
  }
}

}  // namespace souk::gpu::cpu
