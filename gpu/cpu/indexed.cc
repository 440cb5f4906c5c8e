// Finds accesses of arrays: [base + i * scale], where base is the same for all lanes and i a 32-bit
// register. The sum in 64 bits is then not made at all; the access works on the 32-bit indices,
// which takes half the vectors, and sees at a glance whether neighbouring lanes read neighbours.
#include <algorithm>

#include "gpu/cpu/ir.h"
#include "gpu/cpu/lower_types.h"

namespace souk::gpu::cpu {
namespace {

// Scales stand in Op::count.
inline constexpr uint64_t kMostScale = 0xffff;
inline constexpr int kMostPasses = 8;

struct ArrayIndex {
  uint32_t base = kNoReg;
  uint32_t index = kNoReg;
  uint64_t scale = 0;
  bool is_signed = false;
  // What all lanes add to the index, modulo 2^32, or subtract.
  uint32_t offset = kNoReg;
  bool minus = false;
};

class ArrayFinder {
 public:
  ArrayFinder(Ir& ir, const Flow& flow) : ir_(ir), flow_(flow) {
    count_.assign(ir.regs.size(), 0);
    only_.assign(ir.regs.size(), kNoReg);
    last_.assign(ir.regs.size(), kNoReg);
    for (const uint32_t b : flow.order) {
      for (uint32_t i = flow.blocks[b].begin; i < flow.blocks[b].end; ++i) {
        ForEachDef(ir, ir.insts[i], [&](uint32_t r) {
          ++count_[r];
          only_[r] = i;
        });
      }
    }
  }

  void Run() {
    for (const uint32_t b : flow_.order) {
      const Block& block = flow_.blocks[b];
      block_ = b;
      for (uint32_t i = block.begin; i < block.end; ++i) {
        if (ArrayIndex found = Find(i); found.base != kNoReg) {
          if (TakesOffset(ir_.insts[i])) FindOffset(found);
          Replace(ir_.insts[i], found);
        }
        ForEachDef(ir_, ir_.insts[i], [&](uint32_t r) { last_[r] = i; });
      }
    }
  }

 private:
  static bool IsLoad(Fn fn) { return fn >= Fn::kLd && fn <= Fn::kLdLast; }
  static bool IsStore(Fn fn) { return fn >= Fn::kSt && fn <= Fn::kStLast; }

  // Where the register got the value that inst `at` reads, if that is one whole write: in this
  // block, or the only one there is.
  uint32_t Definition(uint32_t reg, uint32_t at) const {
    if (reg == kNoReg || ir_.regs[reg].kind != RegKind::kVariable) return kNoReg;
    const uint32_t here = last_[reg];
    const bool in_block = here != kNoReg && flow_.block_of[here] == block_ && here < at;
    const uint32_t def = in_block ? here : count_[reg] == 1 ? only_[reg] : kNoReg;
    if (def == kNoReg || ir_.insts[def].guard != kNoReg || ir_.insts[def].dst != reg) return kNoReg;
    return in_block || ComesBefore(flow_, def, at) ? def : kNoReg;
  }

  bool IsUniform(uint32_t reg) const {
    return reg != kNoReg &&
           (ir_.regs[reg].kind == RegKind::kParam || ir_.regs[reg].kind == RegKind::kConstant);
  }
  bool IsConstant(uint32_t reg) const {
    return reg != kNoReg && ir_.regs[reg].kind == RegKind::kConstant;
  }

  // Whether what inst `from` read in `reg` is what inst `to` would read there. All of them stand in
  // this block; or each register has one write, which dominates the next one's, and then no path
  // leads from the first to the last that skips one between.
  bool Holds(uint32_t reg, uint32_t from, uint32_t to) const {
    if (ir_.regs[reg].kind != RegKind::kVariable) return true;
    if (flow_.block_of[from] == block_ && flow_.block_of[to] == block_) {
      const uint32_t here = last_[reg];
      return here == kNoReg || flow_.block_of[here] != block_ || here < from;
    }
    return count_[reg] == 1 && ComesBefore(flow_, only_[reg], from);
  }
  // The same for what lies between: written once, or within this block.
  bool Follows(uint32_t reg, uint32_t def) const {
    return count_[reg] == 1 || flow_.block_of[def] == block_;
  }

  // i * scale as inst `at` reads it in `reg`.
  ArrayIndex Product(uint32_t reg, uint32_t at) const {
    const uint32_t def = Definition(reg, at);
    if (def == kNoReg || !Follows(reg, def)) return {};
    const Inst& inst = ir_.insts[def];
    ArrayIndex found;
    if (inst.fn == Fn::kMulWide && IsConstant(inst.b)) {
      found = {kNoReg, inst.a, ir_.regs[inst.b].value, inst.ty == Ty::kS32};
      if (inst.ty != Ty::kS32 && inst.ty != Ty::kU32) return {};
    } else if (inst.fn == Fn::kShl && inst.ty == Ty::kU64 && IsConstant(inst.b) &&
               ir_.regs[inst.b].value < 16) {
      found = Extension(inst.a, def);
      if (found.index == kNoReg) return {};
      found.scale = uint64_t{1} << ir_.regs[inst.b].value;
    } else {
      found = Extension(reg, at);
      return found;
    }
    if (found.scale == 0 || found.scale > kMostScale) return {};
    if (found.is_signed && found.scale > 0x7fff) return {};
    return Holds(found.index, def, at_) ? found : ArrayIndex{};
  }

  // cvt.u64.u32, cvt.s64.s32: a scale of one.
  ArrayIndex Extension(uint32_t reg, uint32_t at) const {
    const uint32_t def = Definition(reg, at);
    if (def == kNoReg || !Follows(reg, def)) return {};
    const Inst& inst = ir_.insts[def];
    const auto from = [&](Ty ty) { return inst.fn == Fn::kCvt + cpu::Index(ty); };
    const bool to_64 = inst.ty == Ty::kU64 || inst.ty == Ty::kS64;
    const bool is_signed = from(Ty::kS32) && to_64;
    const bool is_unsigned = from(Ty::kU32) && to_64;
    if (!is_signed && !is_unsigned) return {};
    return Holds(inst.a, def, at_) ? ArrayIndex{kNoReg, inst.a, 1, is_signed} : ArrayIndex{};
  }

  ArrayIndex Find(uint32_t i) {
    const Inst& access = ir_.insts[i];
    if (!IsLoad(access.fn) && !IsStore(access.fn)) return {};
    const auto window = static_cast<Window>(access.flags >> kWindowShift);
    if ((window != Window::kGlobal && window != Window::kGeneric) || access.count != 1 ||
        (access.flags & kNarrowAddress) != 0) {
      return {};
    }
    at_ = i;
    const uint32_t def = Definition(access.a, i);
    if (def == kNoReg || !Follows(access.a, def)) return {};
    const Inst& sum = ir_.insts[def];
    if (sum.fn == Fn::kMadWide && (sum.ty == Ty::kU32 || sum.ty == Ty::kS32) && IsConstant(sum.b) &&
        IsUniform(sum.c)) {
      const uint64_t scale = ir_.regs[sum.b].value;
      const bool fits = scale != 0 && scale <= (sum.ty == Ty::kS32 ? 0x7fffu : kMostScale);
      if (!fits || !Holds(sum.a, def, i)) return {};
      return {sum.c, sum.a, scale, sum.ty == Ty::kS32};
    }
    if (sum.fn != Fn::kAdd || (sum.ty != Ty::kU64 && sum.ty != Ty::kS64)) return {};
    for (const auto& [base, other] : {std::pair(sum.a, sum.b), std::pair(sum.b, sum.a)}) {
      if (!IsUniform(base) || other == kNoReg) continue;
      ArrayIndex found = Product(other, def);
      if (found.index == kNoReg) continue;
      found.base = base;
      return found;
    }
    return {};
  }

  // Loads of whole registers (memory_array.cc).
  static bool TakesOffset(const Inst& access) {
    return IsLoad(access.fn) && (access.ty == Ty::kU32 || access.ty == Ty::kU64) &&
           (static_cast<uint32_t>(access.fn) - static_cast<uint32_t>(Fn::kLd)) % 3 ==
               (access.ty == Ty::kU32 ? 1 : 2);
  }

  // i = j + offset, as compilers write the neighbours of an element.
  void FindOffset(ArrayIndex& found) const {
    const uint32_t def = Definition(found.index, at_);
    if (def == kNoReg || !Follows(found.index, def)) return;
    const Inst& sum = ir_.insts[def];
    const bool adds = sum.fn == Fn::kAdd;
    if ((!adds && sum.fn != Fn::kSub) || (sum.ty != Ty::kU32 && sum.ty != Ty::kS32)) return;
    for (const auto& [index, offset] : {std::pair(sum.a, sum.b), std::pair(sum.b, sum.a)}) {
      if (IsUniform(offset) && index != kNoReg && Holds(index, def, at_)) {
        found.index = index;
        found.offset = offset;
        found.minus = !adds;
        return;
      }
      if (!adds) return;
    }
  }

  void Replace(Inst& access, const ArrayIndex& found) {
    const bool load = IsLoad(access.fn);
    const auto width =
        (static_cast<uint32_t>(access.fn) - static_cast<uint32_t>(load ? Fn::kLd : Fn::kSt)) % 3;
    access.fn = (load ? Fn::kLdArray : Fn::kStArray) + width;
    if (found.offset != kNoReg) {
      access.fn = Fn::kLdShifted + (width - 1);
      access.b = found.offset;
      if (found.minus) access.flags |= kMinusOffset;
    }
    access.a = found.base;
    access.c = found.index;
    access.count = static_cast<uint16_t>(found.scale);
    if (found.is_signed) access.flags |= kSignedIndex;
  }

  Ir& ir_;
  const Flow& flow_;
  std::vector<uint32_t> count_ = {};  // writes of each register
  std::vector<uint32_t> only_ = {};   // the last of them; the only one where count is 1
  std::vector<uint32_t> last_ = {};   // the last before the inst that is looked at
  uint32_t block_ = 0;
  uint32_t at_ = 0;
};

bool IsPure(Fn fn) {
  return fn == Fn::kMov || fn == Fn::kAdd || fn == Fn::kSub || fn == Fn::kMulWide ||
         fn == Fn::kMadWide || fn == Fn::kShl || (fn >= Fn::kCvt && fn <= Fn::kCvtLast);
}

// What nothing reads any more is counted, not run.
void DropUnread(Ir& ir) {
  for (int pass = 0; pass < kMostPasses; ++pass) {
    std::vector<bool> read(ir.regs.size(), false);
    for (const Inst& inst : ir.insts) {
      ForEachUse(ir, inst, [&](uint32_t r) { read[r] = true; });
    }
    bool changed = false;
    for (Inst& inst : ir.insts) {
      if (!IsPure(inst.fn) || inst.dst == kNoReg || read[inst.dst]) continue;
      inst.fn = Fn::kNone;
      inst.dst = inst.a = inst.b = inst.c = inst.guard = kNoReg;
      changed = true;
    }
    if (!changed) return;
  }
}

}  // namespace

void FindArrays(Ir& ir, const Flow& flow) {
  ArrayFinder(ir, flow).Run();
  DropUnread(ir);
}

}  // namespace souk::gpu::cpu
