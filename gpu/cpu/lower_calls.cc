// Calls. Most are inlined: the callee's body stands at the call, with registers and variables of
// its own. Functions that are not inlined are in lower_outlined.cc.
#include <algorithm>

#include "gpu/cpu/lower.h"
#include "gpu/cpu/lower_types.h"

namespace souk::gpu::cpu {

using ptx::Operand;
using ptx::OperandKind;
using ptx::Type;

Status Lowering::Charge(uint64_t count) {
  lowered_ += count;
  if (lowered_ <= kMostLowered) return Ok();
  return Error(Code::kTooLarge, "kernel of too many inlined registers, variables and branches");
}

Result<Lowering::Instance> Lowering::MakeInstance(const ptx::Function& function) {
  RETURN_IF_ERROR(Charge(function.registers.size() + function.labels.size() +
                         function.variables.size() + function.tables.size()));
  Instance instance;
  instance.function = &function;
  for (const ptx::Register& reg : function.registers) {
    instance.regs.push_back(static_cast<uint32_t>(ir_.regs.size()));
    const uint32_t bytes = std::max(RegisterBytes(reg.type), 1u);
    for (uint32_t i = 0; i < std::max<uint32_t>(reg.vector, 1); ++i) NewReg(bytes);
  }
  for (size_t i = 0; i < function.labels.size(); ++i) instance.labels.push_back(NewLabel());
  instance.places.resize(function.variables.size());
  instance.tables.assign(function.tables.size(), kNoReg);
  instance.carry = NewReg(1);
  return instance;
}

// ---- Parameters ----

Lowering::Slot Lowering::SlotOf(const Place& place) {
  return Slot{place.framed ? frame_ : Constant(4, 0), place.address};
}

Status Lowering::StoreArgument(const Operand& actual, const FrameSlot& formal, Slot to) {
  if (actual.kind == OperandKind::kVariable) {
    ASSIGN_OR_RETURN(const Place place, ParamPlace(actual, formal.bytes));
    RETURN_IF_ERROR(Charge(formal.bytes / 4));
    CopyLocal(to, SlotOf(place), formal.bytes);
    return Ok();
  }
  if (RegisterBytes(formal.type) != formal.bytes) return Refuse("an argument does not fit");
  ASSIGN_OR_RETURN(const uint32_t reg, Source(actual, formal.type));
  StoreLocal(reg, to, static_cast<uint32_t>(formal.bytes));
  return Ok();
}

Status Lowering::LoadResult(const Operand& actual, const FrameSlot& formal, Slot from) {
  if (actual.kind == OperandKind::kSink) return Ok();
  if (actual.kind == OperandKind::kVariable) {
    ASSIGN_OR_RETURN(const Place place, ParamPlace(actual, formal.bytes));
    RETURN_IF_ERROR(Charge(formal.bytes / 4));
    CopyLocal(SlotOf(place), from, formal.bytes);
    return Ok();
  }
  if (RegisterBytes(formal.type) != formal.bytes) return Refuse("the return value does not fit");
  ASSIGN_OR_RETURN(const uint32_t reg, Dest(actual, formal.type));
  LoadLocal(reg, from, static_cast<uint32_t>(formal.bytes));
  return Ok();
}

// Of a .param variable that a call names.
Result<Lowering::Place> Lowering::ParamPlace(const Operand& operand, uint64_t bytes) {
  const ptx::Variable& given = operand.scope == ptx::VariableScope::kModule
                                   ? module_.variables[operand.index]
                                   : at_->function->variables[operand.index];
  if (given.space != ptx::Space::kParam || given.size < bytes || operand.value != 0) {
    return Refuse("an argument or a return value does not fit");
  }
  ASSIGN_OR_RETURN(const Place place, PlaceOf(operand.scope, operand.index));
  if (place.window != Window::kLocal) return Refuse("a kernel's parameter as an argument");
  return place;
}

Lowering::FrameSlot Lowering::FormalOf(const ptx::Function& function, const ptx::Param& param) {
  FrameSlot slot;
  if (param.is_register) {
    slot.type = function.registers[param.index].type;
    slot.bytes = slot.align = RegisterBytes(slot.type);
  } else {
    const ptx::Variable& v = function.variables[param.index];
    slot.type = v.is_array || v.vector > 1 ? Type::kNone : v.type;
    slot.bytes = v.size;
    slot.align = std::max(v.align, 1u);
  }
  return slot;
}

// Of an inlined call: .param variables stand for .param variables, the rest is moved.
Status Lowering::BindParams(Instance& callee, const std::vector<ptx::Param>& formal,
                            const Operand& actual) {
  const Operands elements = at_->function->Elements(actual);
  if (elements.size() != formal.size()) return Refuse("the call's arguments do not fit");
  for (size_t i = 0; i < formal.size(); ++i) {
    if (formal[i].is_register || elements[i].kind != OperandKind::kVariable) continue;
    const FrameSlot want = FormalOf(*callee.function, formal[i]);
    ASSIGN_OR_RETURN(callee.places[formal[i].index], ParamPlace(elements[i], want.bytes));
  }
  return Ok();
}

Status Lowering::MoveParams(Instance& callee, const std::vector<ptx::Param>& formal,
                            const Operand& actual, bool returns) {
  const Operands elements = at_->function->Elements(actual);
  for (size_t i = 0; i < formal.size(); ++i) {
    const Operand& element = elements[i];
    const FrameSlot want = FormalOf(*callee.function, formal[i]);
    if (!formal[i].is_register) {
      if (element.kind == OperandKind::kVariable || element.kind == OperandKind::kSink) continue;
      Place& place = callee.places[formal[i].index];
      if (!place.known) {
        ASSIGN_OR_RETURN(place,
                         AllocateVariable(callee.function->variables[formal[i].index], 0, 0));
      }
      RETURN_IF_ERROR(returns ? LoadResult(element, want, SlotOf(place))
                              : StoreArgument(element, want, SlotOf(place)));
      continue;
    }
    const uint32_t reg = callee.regs[formal[i].index];
    const uint32_t bytes = ir_.regs[reg].bytes;
    if (element.kind == OperandKind::kSink) continue;
    if (element.kind == OperandKind::kVariable) {
      ASSIGN_OR_RETURN(const Place place, ParamPlace(element, bytes));
      returns ? StoreLocal(reg, SlotOf(place), bytes) : LoadLocal(reg, SlotOf(place), bytes);
      continue;
    }
    const Ty ty = TyOf(UnsignedOfBytes(bytes));
    if (returns) {
      ASSIGN_OR_RETURN(const uint32_t dst, Dest(element, want.type));
      Emit(Fn::kMov, ty, dst, reg);
    } else {
      ASSIGN_OR_RETURN(const uint32_t source, Source(element, want.type));
      Emit(Fn::kMov, ty, reg, source);
    }
  }
  return Ok();
}

// ---- Calls ----

Status Lowering::Call(Operands operands, uint32_t depth) {
  if (operands.size() < 3) return Refuse("operands");
  if (operands[1].kind != OperandKind::kFunction) return IndirectCall(operands);
  const ptx::Function& callee = module_.functions[operands[1].index];
  if (!callee.defined) {
    const SystemCall call = FindSystemCall(callee.name);
    if (call != SystemCall::kNone) return CallSystem(call, callee, operands);
    return Refuse("the function " + callee.name + " is not in the module");
  }
  if (callee.is_entry) return Refuse("a kernel cannot be called");
  if (!recursive_.contains(&callee)) return InlineCall(callee, operands, depth);
  ASSIGN_OR_RETURN(Outlined* const outlined, OutlinedOf(callee));
  ASSIGN_OR_RETURN(const uint32_t site, BeginOutlinedCall(outlined->layout, operands));
  outlined->sites.push_back(site);
  Emit(Fn::kJump, Ty::kNone).target = outlined->entry;
  return EndOutlinedCall(site, outlined->layout, operands);
}

Status Lowering::InlineCall(const ptx::Function& callee, Operands operands, uint32_t depth) {
  if (depth >= kDeepestCall) return Refuse("calls nest too deep");
  ASSIGN_OR_RETURN(Instance instance, MakeInstance(callee));
  RETURN_IF_ERROR(BindParams(instance, callee.returns, operands[0]));
  RETURN_IF_ERROR(BindParams(instance, callee.params, operands[2]));
  // A function's registers and variables are new with each call (PTX ISA 7.1), while an inlined
  // body in a loop has the same ones again.
  if (apart_) {
    RETURN_IF_ERROR(ForgetVariables(instance));
    Forget(RegistersOf(instance));
  }
  RETURN_IF_ERROR(MoveParams(instance, callee.params, operands[2], /*returns=*/false));
  instance.after = NewLabel();
  uint32_t top = kNoReg;
  if (has_stack_) {  // what the callee takes by alloca goes with it
    top = NewReg(4);
    Emit(Fn::kMov, Ty::kU32, top, top_);
  }
  Instance* const caller = at_;
  const ptx::Instruction* const instruction = instruction_;
  const ptx::Operation* const operation = operation_;
  RETURN_IF_ERROR(Body(instance, depth + 1));
  at_ = caller;
  instruction_ = instruction;
  operation_ = operation;
  guard_ = kNoReg;
  PlaceLabel(instance.after);
  // ISA 9.7.2: the flag "is not preserved across calls".
  if (apart_) Forget({caller->carry});
  if (has_stack_) Emit(Fn::kMov, Ty::kU32, top_, top);
  return MoveParams(instance, callee.returns, operands[0], /*returns=*/true);
}

// ---- What the checking mode takes for the end of values ----

void Lowering::Forget(const std::vector<uint32_t>& registers) {
  for (const uint32_t r : registers) {
    const uint32_t bytes = ir_.regs[r].bytes;
    Emit(Fn::kMov, bytes == 1 ? Ty::kPred : TyOf(UnsignedOfBytes(bytes)), r, r).forgets = true;
  }
  // What is alive is known at the beginnings of blocks.
  const uint32_t begin = NewLabel();
  Emit(Fn::kJump, Ty::kNone).target = begin;
  PlaceLabel(begin);
}

// What stands in .local memory, but for the arguments.
Status Lowering::ForgetVariables(Instance& instance) {
  const ptx::Function& function = *instance.function;
  std::vector<bool> given(function.variables.size(), false);
  for (const ptx::Param& param : function.params) {
    if (!param.is_register) given[param.index] = true;
  }
  for (size_t i = 0; i < function.variables.size(); ++i) {
    const ptx::Variable& v = function.variables[i];
    if (given[i] || (v.space != ptx::Space::kLocal && v.space != ptx::Space::kParam)) continue;
    Place& place = instance.places[i];
    if (!place.known) {
      ASSIGN_OR_RETURN(place, AllocateVariable(v, 0, 0));
    }
    const uint32_t unused = NewReg(4);
    Inst& inst = Emit(Fn::kMov, Ty::kU32, unused, unused);
    inst.forgets = true;
    inst.imm = v.size << 32 | place.address;
  }
  return Ok();
}

// All that a copy of a function has, its carry flag too.
std::vector<uint32_t> Lowering::RegistersOf(const Instance& instance) const {
  std::vector<uint32_t> registers = {instance.carry};
  for (size_t i = 0; i < instance.regs.size(); ++i) {
    const ptx::Register& reg = instance.function->registers[i];
    if (RegisterBytes(reg.type) == 0) continue;
    for (uint32_t k = 0; k < std::max<uint32_t>(reg.vector, 1); ++k) {
      registers.push_back(instance.regs[i] + k);
    }
  }
  return registers;
}

}  // namespace souk::gpu::cpu
