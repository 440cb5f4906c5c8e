// The stack of a kernel that needs one: where it stands in .local memory, loads and stores there,
// and what a kernel says to it itself.
#include <algorithm>

#include "gpu/cpu/lower.h"
#include "gpu/cpu/lower_types.h"

namespace souk::gpu::cpu {

using ptx::OperandKind;
using ptx::Type;

// ---- Memory of the stack ----

void Lowering::StoreLocal(uint32_t reg, Slot to, uint32_t bytes) {
  if (ir_.regs[reg].bytes == 1) {
    const uint32_t word = NewReg(4);
    Emit(Fn::kSelp, Ty::kU32, word, Constant(4, 1), Constant(4, 0), reg);
    reg = word;
    bytes = 4;
  }
  const uint32_t window = static_cast<uint32_t>(Window::kLocal);
  Inst& inst = Emit(Fn::kSt + 3 * window + WidthIndex(ir_.regs[reg].bytes),
                    MemoryType(bytes == 1 ? Type::kU8 : UnsignedOfBytes(bytes), bytes));
  inst.a = to.base;
  inst.b = reg;
  inst.imm = to.offset;
  inst.flags = AddressFlags(Window::kLocal, /*narrow=*/true);
  inst.memory = true;
  inst.count = 1;
}

void Lowering::LoadLocal(uint32_t reg, Slot from, uint32_t bytes) {
  const bool is_predicate = ir_.regs[reg].bytes == 1;
  const uint32_t loaded = is_predicate ? NewReg(4) : reg;
  if (is_predicate) bytes = 4;
  const uint32_t window = static_cast<uint32_t>(Window::kLocal);
  Inst& inst = Emit(Fn::kLd + 3 * window + WidthIndex(ir_.regs[loaded].bytes),
                    MemoryType(bytes == 1 ? Type::kU8 : UnsignedOfBytes(bytes), bytes));
  inst.dst = loaded;
  inst.a = from.base;
  inst.imm = from.offset;
  inst.flags = AddressFlags(Window::kLocal, /*narrow=*/true);
  inst.memory = true;
  inst.count = 1;
  if (is_predicate) {
    // Both are words: there is a handler.
    (void)CompareInto(reg, ptx::Compare::kNe, Type::kU32, loaded, Constant(4, 0));
  }
}

// In steps as wide as the offsets' alignment allows: bases are multiples of kFrameAlign.
void Lowering::CopyLocal(Slot to, Slot from, uint64_t bytes) {
  for (uint64_t done = 0; done < bytes;) {
    uint32_t step = 8;
    while (step > bytes - done || ((to.offset + done) | (from.offset + done)) % step != 0) {
      step /= 2;
    }
    const uint32_t word = NewReg(std::max(step, 2u));
    LoadLocal(word, Slot{from.base, from.offset + done}, step);
    StoreLocal(word, Slot{to.base, to.offset + done}, step);
    done += step;
  }
}

// A fault where value > limit.
void Lowering::TrapOver(uint32_t value, uint32_t limit, FaultKind kind) {
  const uint32_t over = NewReg(1);
  const Type type = ir_.regs[value].bytes == 8 ? Type::kU64 : Type::kU32;
  (void)CompareInto(over, ptx::Compare::kGt, type, value, limit);
  Inst& trap = Emit(Fn::kTrap, Ty::kNone);
  trap.guard = over;
  trap.imm = static_cast<uint64_t>(kind);
}

uint32_t Lowering::Marker() {
  Emit(Fn::kNone, Ty::kNone);
  missing_ = false;
  return static_cast<uint32_t>(ir_.insts.size() - 1);
}

// ---- Its beginning and end ----

void Lowering::BeginStack() {
  if (!has_stack_) return;
  counted_ = true;
  frame_ = NewReg(4);
  top_ = NewReg(4);
  bad_call_ = NewLabel();
  for (uint32_t* reg : {&stack_begin_, &stack_end_}) {
    *reg = NewReg(4);
    ir_.regs[*reg].kind = RegKind::kConstant;
  }
  Emit(Fn::kMov, Ty::kU32, frame_, stack_begin_);
  Emit(Fn::kMov, Ty::kU32, top_, stack_begin_);
}

// Bodies are lowered after the kernel's, one after another: each owns a range of registers.
Status Lowering::FinishStack(const ptx::Function& kernel) {
  if (!has_stack_) return Ok();
  if (apart_) {
    return Error(Code::kUnsupported,
                 "the checking mode does not follow a stack: functions that call themselves or are "
                 "called through a pointer, alloca");
  }
  for (size_t i = 0; i < outlined_.size(); ++i) RETURN_IF_ERROR(OutlinedBody(*outlined_[i]));
  inside_ = nullptr;
  instruction_ = nullptr;
  guard_ = kNoReg;
  guard_flip_ = false;
  counted_ = true;
  for (const auto& outlined : outlined_) RETURN_IF_ERROR(Epilogue(*outlined));
  function_line_ = kernel.line;
  PlaceLabel(bad_call_);
  Emit(Fn::kTrap, Ty::kNone).imm = static_cast<uint64_t>(FaultKind::kBadCall);
  RETURN_IF_ERROR(SaveAcrossCalls());
  const uint64_t begin = ptx::AlignUp(ir_.local_bytes, kFrameAlign);
  ir_.local_bytes = begin + kStackBytes + headroom_;
  if (ir_.local_bytes > kMostLocalBytes) {
    return Error(Code::kTooLarge, "local memory and stack over 512 KiB a thread");
  }
  ir_.regs[stack_begin_].value = begin;
  ir_.regs[stack_end_].value = begin + kStackBytes;
  for (const auto& outlined : outlined_) {
    const uint64_t bytes = ptx::AlignUp(outlined->bytes, kFrameAlign);
    if (bytes > kStackBytes) {
      return Error(Code::kTooLarge, "a frame of " + outlined->function->name +
                                        " is larger than the stack of 64 KiB");
    }
    ir_.regs[outlined->bytes_reg].value = bytes;
    ir_.regs[outlined->room_reg].value = begin + kStackBytes - bytes;
  }
  return Ok();
}

// ---- alloca, stacksave, stackrestore: PTX ISA 9.7.17 ----

uint32_t Lowering::Widened(uint32_t reg) {
  if (ir_.regs[reg].bytes == 8) return reg;
  const uint32_t wide = NewReg(8);
  Emit(Fn::kCvt + Index(Ty::kU32), Ty::kU64, wide, reg);
  return wide;
}

uint32_t Lowering::Aligned(uint32_t reg, uint64_t align) {
  const uint32_t sum = NewReg(8);
  Emit(Fn::kAdd, Ty::kU64, sum, reg, Constant(8, align - 1));
  const uint32_t cut = NewReg(8);
  Emit(Fn::kAnd, Ty::kU64, cut, sum, Constant(8, ~(align - 1)));
  return cut;
}

// The frame at hand grows.
Status Lowering::Alloca(Operands operands) {
  if (operands.size() != 2 && operands.size() != 3) return Refuse("operands");
  uint64_t align = kFrameAlign;
  if (operands.size() == 3) {
    const uint64_t given = operands[2].value;
    const bool is_power = given != 0 && (given & (given - 1)) == 0;
    if (operands[2].kind != OperandKind::kInteger || !is_power || given > 4096) {
      return Refuse("alignment");
    }
    align = std::max(align, given);
  }
  const Type type = operation_->type;
  ASSIGN_OR_RETURN(const uint32_t dst, Dest(operands[0], type));
  ASSIGN_OR_RETURN(const uint32_t size, Source(operands[1], type));
  // In 64 bits nothing wraps once the size is known to be no more than the stack's end.
  const uint32_t whole = Widened(size);
  const uint32_t end = Widened(stack_end_);
  TrapOver(whole, end, FaultKind::kStackOverflow);
  const uint32_t begin = Aligned(Widened(top_), align);
  const uint32_t sum = NewReg(8);
  Emit(Fn::kAdd, Ty::kU64, sum, begin, whole);
  const uint32_t next = Aligned(sum, kFrameAlign);
  TrapOver(next, end, FaultKind::kStackOverflow);
  Emit(Fn::kCvt + Index(Ty::kU64), Ty::kU32, top_, next);
  if (ir_.regs[dst].bytes == 8) {
    Emit(Fn::kMov, Ty::kU64, dst, begin);
  } else {
    Emit(Fn::kCvt + Index(Ty::kU64), Ty::kU32, dst, begin);
  }
  return Ok();
}

Status Lowering::StackSave(Operands operands) {
  if (operands.size() != 1) return Refuse("operands");
  ASSIGN_OR_RETURN(const uint32_t dst, Dest(operands[0], operation_->type));
  if (ir_.regs[dst].bytes == 4) {
    Emit(Fn::kMov, Ty::kU32, dst, top_);
  } else {
    Emit(Fn::kCvt + Index(Ty::kU32), Ty::kU64, dst, top_);
  }
  return Ok();
}

// A value that stacksave never gave leads to accesses outside the thread's memory, which are
// faults, or to damage within it.
Status Lowering::StackRestore(Operands operands) {
  if (operands.size() != 1) return Refuse("operands");
  ASSIGN_OR_RETURN(const uint32_t source, Source(operands[0], operation_->type));
  if (ir_.regs[source].bytes == 4) {
    Emit(Fn::kMov, Ty::kU32, top_, source);
  } else {
    Emit(Fn::kCvt + Index(Ty::kU64), Ty::kU32, top_, source);
  }
  return Ok();
}

}  // namespace souk::gpu::cpu
