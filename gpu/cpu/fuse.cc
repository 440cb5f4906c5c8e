// Fewer ops that do the same: what a kernel computes for each block anew though it comes to the
// same is computed once a launch, and a comparison becomes one op with the branch that it decides.
#include "gpu/cpu/ir.h"
#include "gpu/cpu/lower_types.h"
#include "gpu/ptx/operation.h"

namespace souk::gpu::cpu {
namespace {

// Each keeps registers of its own in every warp, which then find less room in the cache.
inline constexpr uint32_t kMostInvariants = 16;

bool IsConversion(const Inst& inst, Ty from, Ty to) {
  return inst.fn == Fn::kCvt + Index(from) && inst.ty == to;
}
bool Widens(const Inst& inst) {
  return IsConversion(inst, Ty::kU32, Ty::kU64) || IsConversion(inst, Ty::kS32, Ty::kS64) ||
         IsConversion(inst, Ty::kU32, Ty::kS64) || IsConversion(inst, Ty::kS32, Ty::kU64);
}
bool Narrows(const Inst& inst) {
  return IsConversion(inst, Ty::kU64, Ty::kU32) || IsConversion(inst, Ty::kS64, Ty::kS32) ||
         IsConversion(inst, Ty::kU64, Ty::kS32) || IsConversion(inst, Ty::kS64, Ty::kU32);
}

bool DiffersByBlock(ptx::Special special) {
  using ptx::Special;
  switch (special) {
    case Special::kCtaidX:
    case Special::kCtaidY:
    case Special::kCtaidZ:
    case Special::kClusteridX:
    case Special::kClusteridY:
    case Special::kClusteridZ:
      return true;
    default:
      return false;
  }
}

// Neither touches anything but its registers nor fails, and always comes to the same.
bool IsPlain(const Inst& inst) {
  if (inst.extra_count != 0 || inst.memory || inst.forgets) return false;
  switch (inst.fn) {
    case Fn::kMov:
    case Fn::kAdd:
    case Fn::kSub:
    case Fn::kMulLo:
    case Fn::kMulHi:
    case Fn::kMulWide:
    case Fn::kMadLo:
    case Fn::kMadWide:
    case Fn::kNeg:
    case Fn::kMin:
    case Fn::kMax:
    case Fn::kAnd:
    case Fn::kOr:
    case Fn::kXor:
    case Fn::kNot:
    case Fn::kShl:
    case Fn::kShr:
    case Fn::kLop3:
    case Fn::kBfe:
    case Fn::kSelp:
      return true;
    default:
      return (inst.fn > Fn::kSetp && inst.fn <= Fn::kSetpLast) ||
             (inst.fn >= Fn::kCvt && inst.fn <= Fn::kCvtLast);
  }
}

bool IsFusible(const Inst& inst) {
  const bool compares = (inst.fn > Fn::kSetp && inst.fn <= Fn::kSetpLast) ||
                        (inst.fn >= Fn::kSetpJoin && inst.fn <= Fn::kSetpJoinLast);
  if (!compares || inst.guard != kNoReg) return false;
  switch (inst.ty) {
    case Ty::kU32:
    case Ty::kS32:
    case Ty::kU64:
    case Ty::kS64:
    case Ty::kF32:
    case Ty::kF64:
      return true;
    default:
      return false;
  }
}
bool IsJoin(Fn fn) {
  return fn >= Fn::kSetpJoin && fn <= Fn::kSetpJoinLast;
}

class Fuser {
 public:
  Fuser(Ir& ir, const Flow& flow)
      : ir_(ir),
        flow_(flow),
        uses_(ir.regs.size(), 0),
        written_(ir.regs.size(), kNoReg),
        read_(ir.regs.size(), kNoReg) {
    for (const uint32_t b : flow.order) {
      for (uint32_t i = flow.blocks[b].begin; i < flow.blocks[b].end; ++i) {
        ForEachUse(ir, ir.insts[i], [&](uint32_t r) { ++uses_[r]; });
      }
    }
  }

  void Run() {
    for (const uint32_t b : flow_.order) {
      begin_ = flow_.blocks[b].begin;
      end_ = flow_.blocks[b].end;
      for (uint32_t i = begin_; i < flow_.blocks[b].end; ++i) {
        Inst& inst = ir_.insts[i];
        if (!inst.hoisted) {
          if (inst.ty == Ty::kPred && (inst.fn == Fn::kAnd || inst.fn == Fn::kOr)) Join(inst);
          if (inst.fn == Fn::kBranch || inst.fn == Fn::kExit) Decide(inst);
        }
        ForEachUse(ir_, inst, [&](uint32_t r) { read_[r] = i; });
        ForEachDef(ir_, inst, [&](uint32_t r) { written_[r] = i; });
      }
    }
  }

 private:
  bool IsHere(uint32_t at) const { return at >= begin_ && at < end_; }
  bool IsWrittenSince(uint32_t reg, uint32_t at) const {
    return reg != kNoReg && IsHere(written_[reg]) && written_[reg] > at;
  }

  // The comparison that the register has its value from, where it could as well stand where the
  // block has got to.
  uint32_t ComparisonOf(uint32_t reg) const {
    if (reg == kNoReg || !IsHere(written_[reg])) return kNoReg;
    const uint32_t at = written_[reg];
    const Inst& inst = ir_.insts[at];
    if (!IsFusible(inst) || inst.dst != reg || inst.hoisted) return kNoReg;
    if (IsHere(read_[reg]) && read_[reg] > at) return kNoReg;
    const bool moves =
        IsWrittenSince(inst.a, at) || IsWrittenSince(inst.b, at) || IsWrittenSince(inst.c, at);
    return moves ? kNoReg : at;
  }
  // It stays, for its costs; what it did is done later.
  void Leave(Inst& inst) {
    inst.fn = Fn::kNone;
    inst.dst = inst.a = inst.b = inst.c = kNoReg;
  }

  // p = comparison && q, p = comparison || q.
  void Join(Inst& inst) {
    if (inst.guard != kNoReg || inst.a == inst.b) return;
    for (const auto& [mine, other] : {std::pair(inst.a, inst.b), std::pair(inst.b, inst.a)}) {
      const uint32_t at = ComparisonOf(mine);
      if (at == kNoReg || IsJoin(ir_.insts[at].fn)) continue;
      if (uses_[mine] != 1 && inst.dst != mine) continue;
      Inst& comparison = ir_.insts[at];
      const uint64_t kind = inst.fn == Fn::kOr ? kJoinOr : kJoinAnd;
      inst.fn = Fn::kSetpJoin + (Index(comparison.fn) - Index(Fn::kSetp));
      inst.ty = comparison.ty;
      inst.a = comparison.a;
      inst.b = comparison.b;
      inst.c = other;
      inst.imm = kind;
      Leave(comparison);
      return;
    }
  }

  void Decide(Inst& inst) {
    const uint32_t at = ComparisonOf(inst.guard);
    if (at == kNoReg) return;
    Inst& comparison = ir_.insts[at];
    const bool join = IsJoin(comparison.fn);
    inst.compare =
        static_cast<uint8_t>(1 + Index(comparison.fn) - Index(join ? Fn::kSetpJoin : Fn::kSetp));
    inst.ty = comparison.ty;
    inst.dst = inst.guard;
    inst.guard = kNoReg;
    inst.a = comparison.a;
    inst.b = comparison.b;
    inst.c = comparison.c;
    inst.imm = join ? comparison.imm : kJoinAnd;
    Leave(comparison);
  }

  Ir& ir_;
  const Flow& flow_;
  std::vector<uint32_t> uses_;     // of each register
  std::vector<uint32_t> written_;  // the last inst that wrote it; of this block where it is here
  std::vector<uint32_t> read_;
  uint32_t begin_ = 0;  // of the block
  uint32_t end_ = 0;
};

}  // namespace

void DropConversions(Ir& ir, const Flow& flow) {
  const Definitions defs = FindDefinitions(ir, flow);
  for (const uint32_t b : flow.order) {
    for (uint32_t i = flow.blocks[b].begin; i < flow.blocks[b].end; ++i) {
      Inst& inst = ir.insts[i];
      if (!Narrows(inst) || inst.guard != kNoReg || inst.imm != 0) continue;
      if (defs.count[inst.a] != 1) continue;
      const uint32_t from = defs.inst[inst.a];
      const Inst& wide = ir.insts[from];
      if (!Widens(wide) || wide.imm != 0 || !ComesBefore(flow, from, i)) continue;
      const bool variable = ir.regs[wide.a].kind == RegKind::kVariable;
      if (variable && defs.count[wide.a] != 1) continue;
      if (variable && !ComesBefore(flow, defs.inst[wide.a], from)) continue;
      inst.fn = Fn::kMov;
      inst.ty = Ty::kU32;
      inst.a = wide.a;
    }
  }
}

void HoistInvariants(Ir& ir, const Flow& flow) {
  const Definitions defs = FindDefinitions(ir, flow);
  // Where a register is read before it is written it holds zeros, also in the first block.
  std::vector<bool> written_first(ir.regs.size(), true);
  for (const uint32_t b : flow.order) {
    for (uint32_t i = flow.blocks[b].begin; i < flow.blocks[b].end; ++i) {
      ForEachUse(ir, ir.insts[i], [&](uint32_t r) {
        if (defs.count[r] == 1 && !ComesBefore(flow, defs.inst[r], i)) written_first[r] = false;
      });
    }
  }
  uint32_t found = 0;
  for (const uint32_t b : flow.order) {
    for (uint32_t i = flow.blocks[b].begin; i < flow.blocks[b].end; ++i) {
      Inst& inst = ir.insts[i];
      if (found == kMostInvariants) return;
      if (!IsPlain(inst) || inst.guard != kNoReg || inst.dst == kNoReg) continue;
      if (defs.count[inst.dst] != 1 || !written_first[inst.dst]) continue;
      bool same = true;
      ForEachUse(ir, inst, [&](uint32_t r) {
        const VReg& reg = ir.regs[r];
        if (reg.kind == RegKind::kVariable) same = false;
        if (reg.kind == RegKind::kSpecial &&
            DiffersByBlock(static_cast<ptx::Special>(reg.value & 0xffffffff))) {
          same = false;
        }
      });
      if (!same) continue;
      inst.hoisted = true;
      ir.regs[inst.dst].kind = RegKind::kInvariant;
      ++found;
    }
  }
}

void FuseComparisons(Ir& ir, const Flow& flow) {
  Fuser(ir, flow).Run();
}

}  // namespace souk::gpu::cpu
