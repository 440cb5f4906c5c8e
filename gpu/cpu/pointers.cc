#include "gpu/cpu/pointers.h"

#include <algorithm>

#include "gpu/cpu/lower_types.h"

namespace souk::gpu::cpu {
namespace {

bool IsLoad(Fn fn) {
  return IsWithin(fn, Fn::kLd, Fn::kLdLast) || IsWithin(fn, Fn::kLdArray, Fn::kLdArrayLast) ||
         IsWithin(fn, Fn::kLdShifted, Fn::kLdShiftedLast);
}
bool IsStore(Fn fn) {
  return IsWithin(fn, Fn::kSt, Fn::kStLast) || IsWithin(fn, Fn::kStArray, Fn::kStArrayLast);
}

Window WindowOf(const Inst& inst) {
  return static_cast<Window>(inst.flags >> kWindowShift);
}

// Results are computed from the operands.
bool Computes(const Inst& inst) {
  return !IsLoad(inst.fn) && !IsStore(inst.fn) && !IsWithin(inst.fn, Fn::kAtom, Fn::kAtomLast);
}

// What stands there may be a pointer: generic memory holds what a thread put aside as well.
bool LoadsPointers(const Inst& inst) {
  return IsLoad(inst.fn) && WindowOf(inst) != Window::kGlobal && WindowOf(inst) != Window::kParam;
}

// Bytes of the smallest piece that the instruction writes of device memory; 0: it writes none.
uint32_t Writes(const Inst& inst) {
  if (inst.fn == Fn::kCopyBulk) return 16;
  if (inst.fn == Fn::kMbarrier) return 8;
  const bool open = WindowOf(inst) == Window::kGlobal || WindowOf(inst) == Window::kGeneric;
  const bool writes = IsStore(inst.fn) || IsWithin(inst.fn, Fn::kAtom, Fn::kAtomLast);
  return writes && open ? ElementBytes(inst.ty) : 0;
}

// The register that holds an address of device memory that the instruction reads.
uint32_t ReadsThrough(const Inst& inst) {
  if (inst.fn == Fn::kCopyAsync || inst.fn == Fn::kCopyBulk) return inst.b;
  if (inst.fn == Fn::kMbarrier) return inst.a;
  const bool open = WindowOf(inst) == Window::kGlobal || WindowOf(inst) == Window::kGeneric;
  const bool reads = IsLoad(inst.fn) || IsWithin(inst.fn, Fn::kAtom, Fn::kAtomLast);
  return reads && open ? inst.a : kNoReg;
}

}  // namespace

Pointers::Pointers(const Ir& ir, const std::vector<Inst>& insts) : from_(ir.regs.size(), 0) {
  std::vector<uint32_t> open;
  const auto add = [&](uint32_t r, uint64_t bits) {
    if ((from_[r] | bits) == from_[r]) return;
    from_[r] |= bits;
    open.push_back(r);
  };
  for (uint32_t r = 0; r < ir.regs.size(); ++r) {
    const VReg& reg = ir.regs[r];
    if (reg.kind == RegKind::kConstant && reg.bytes == 8 && reg.value >= kGlobalBase) add(r, kAny);
    if (reg.kind != RegKind::kParam || reg.bytes != 8) continue;
    if (params_.size() == kMost) {
      add(r, kAny);
      continue;
    }
    add(r, uint64_t{1} << params_.size());
    params_.push_back(static_cast<uint32_t>(reg.value));
  }
  std::vector<std::vector<uint32_t>> users(ir.regs.size());
  for (uint32_t i = 0; i < insts.size(); ++i) {
    const Inst& inst = insts[i];
    if (Computes(inst)) ForEachUse(ir, inst, [&](uint32_t r) { users[r].push_back(i); });
    if (LoadsPointers(inst)) ForEachDef(ir, inst, [&](uint32_t r) { add(r, kAny); });
  }
  while (!open.empty()) {
    const uint32_t r = open.back();
    open.pop_back();
    for (const uint32_t i : users[r]) {
      ForEachDef(ir, insts[i], [&](uint32_t d) { add(d, from_[r]); });
    }
  }
}

uint64_t Pointers::ParamsOf(uint32_t reg) const {
  return reg == kNoReg || (from_[reg] & kAny) != 0 ? 0 : from_[reg];
}

void FindTouched(const Ir& ir, Program& program) {
  const Pointers pointers(ir, ir.insts);
  uint64_t written = 0;
  uint64_t read = 0;
  program.smallest_write = kWordBytes;
  const auto add = [&](uint32_t reg, uint64_t& params, std::vector<uint64_t>& variables) {
    if (reg == kNoReg) return;
    params |= pointers.ParamsOf(reg);
    if (ir.regs[reg].kind == RegKind::kConstant) variables.push_back(ir.regs[reg].value);
  };
  for (const Inst& inst : ir.insts) {
    if (const uint32_t from = ReadsThrough(inst); from != kNoReg) {
      add(from, read, program.read_variables);
    }
    const uint32_t bytes = Writes(inst);
    if (bytes == 0) continue;
    program.smallest_write = std::min(program.smallest_write, bytes);
    add(inst.a, written, program.written_variables);
  }
  for (size_t i = 0; i < pointers.params().size(); ++i) {
    if ((written >> i & 1) != 0) program.written_params.push_back(pointers.params()[i]);
    if ((read >> i & 1) != 0) program.read_params.push_back(pointers.params()[i]);
  }
}

}  // namespace souk::gpu::cpu
