// Calls. Most are inlined. A function that calls itself, or whose address is taken, is lowered once
// and run as on a machine with a stack, every lane with its own (PTX ISA 7.2 "Call of functions",
// 9.7.12 call):
//
//   frame, in .local memory:  where the caller goes on (u32) | the caller's frame (u32)
//                             | parameters, return values | .local and .param variables
//                             | registers of callers that run again
//
// The caller writes a frame's first two parts at the top of the stack and jumps. The callee's
// epilogue is an indexed branch over all places that may have called it. Registers are the
// kernel's: a body that may be entered again before it is left saves those that it still needs
// around its calls. A return into a wrong place, which only a program that overwrites its stack can
// ask for, leads to another of the callee's callers, or is a fault.
#include <algorithm>

#include "gpu/cpu/lower.h"
#include "gpu/cpu/lower_types.h"
#include "gpu/ptx/reach.h"

namespace souk::gpu::cpu {

using ptx::Operand;
using ptx::OperandKind;
using ptx::Type;

namespace {

inline constexpr uint64_t kFrameHeader = 8;
inline constexpr uint64_t kFrameAlign = 16;
inline constexpr size_t kMostTableEntries = 0xffff;  // Inst::count

}  // namespace

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

Status Lowering::LayOutFrame(FrameLayout& layout) {
  uint64_t at = kFrameHeader;
  for (std::vector<FrameSlot>* slots : {&layout.params, &layout.returns}) {
    for (FrameSlot& slot : *slots) {
      if (slot.bytes > kStackBytes || at > kStackBytes) {
        return Error(Code::kTooLarge, "a call's parameters are larger than the stack");
      }
      slot.offset = ptx::AlignUp(at, std::min<uint64_t>(slot.align, kFrameAlign));
      at = slot.offset + slot.bytes;
    }
  }
  layout.bytes = ptx::AlignUp(at, kFrameAlign);
  return Ok();
}

Result<Lowering::FrameLayout> Lowering::LayoutOf(const ptx::Function& function) {
  FrameLayout layout;
  for (const ptx::Param& p : function.params) layout.params.push_back(FormalOf(function, p));
  for (const ptx::Param& p : function.returns) layout.returns.push_back(FormalOf(function, p));
  RETURN_IF_ERROR(LayOutFrame(layout));
  return layout;
}

Result<Lowering::FrameLayout> Lowering::LayoutOf(const ptx::Prototype& prototype) {
  const auto slots = [](const std::vector<ptx::Variable>& variables) {
    std::vector<FrameSlot> made;
    for (const ptx::Variable& v : variables) {
      FrameSlot slot;
      slot.type = v.is_array || v.vector > 1 ? Type::kNone : v.type;
      slot.bytes = v.space == ptx::Space::kReg ? RegisterBytes(v.type) : v.size;
      slot.align = v.space == ptx::Space::kReg ? RegisterBytes(v.type) : std::max(v.align, 1u);
      made.push_back(slot);
    }
    return made;
  };
  FrameLayout layout;
  layout.params = slots(prototype.params);
  layout.returns = slots(prototype.returns);
  RETURN_IF_ERROR(LayOutFrame(layout));
  return layout;
}

// Writes the callee's frame as far as the caller knows it. What jumps comes next.
Result<uint32_t> Lowering::BeginOutlinedCall(const FrameLayout& layout, Operands operands) {
  const Operands given = at_->function->Elements(operands[2]);
  if (given.size() != layout.params.size() ||
      at_->function->Elements(operands[0]).size() != layout.returns.size()) {
    return Refuse("the call's arguments do not fit");
  }
  for (size_t i = 0; i < given.size(); ++i) {
    const FrameSlot& formal = layout.params[i];
    RETURN_IF_ERROR(StoreArgument(given[i], formal, Slot{top_, formal.offset}));
  }
  if (sites_.size() >= kMostTableEntries) {
    return Error(Code::kTooLarge, "kernel of too many calls of functions that are not inlined");
  }
  headroom_ = std::max(headroom_, layout.bytes);
  const auto number = static_cast<uint32_t>(sites_.size());
  StoreLocal(Constant(4, number), Slot{top_, 0}, 4);
  StoreLocal(frame_, Slot{top_, 4}, 4);
  Site site;
  site.owner = inside_;
  site.label = NewLabel();
  site.save = Marker();
  sites_.push_back(site);
  return number;
}

Status Lowering::EndOutlinedCall(uint32_t site, const FrameLayout& layout, Operands operands) {
  PlaceLabel(sites_[site].label);
  sites_[site].restore = Marker();
  const Operands results = at_->function->Elements(operands[0]);
  for (size_t i = 0; i < results.size(); ++i) {
    const FrameSlot& formal = layout.returns[i];
    RETURN_IF_ERROR(LoadResult(results[i], formal, Slot{top_, formal.offset}));
  }
  return Ok();
}

// Which of taken_ the address is of; taken_.size() where it is of none.
Result<uint32_t> Lowering::PositionOfCallee(const Operand& operand) {
  ASSIGN_OR_RETURN(const uint32_t address, Source(operand, Type::kU64));
  const uint32_t from_first = NewReg(8);
  Emit(Fn::kSub, Ty::kU64, from_first, address, Constant(8, CodeAddress(0)));
  // Turned right by four: an address between two becomes a large number.
  const uint32_t high = NewReg(8);
  Emit(Fn::kShl, Ty::kU64, high, from_first, Constant(4, 60));
  const uint32_t low = NewReg(8);
  Emit(Fn::kShr, Ty::kU64, low, from_first, Constant(4, 4));
  const uint32_t position = NewReg(8);
  Emit(Fn::kOr, Ty::kU64, position, low, high);
  const uint32_t bounded = NewReg(8);
  Emit(Fn::kMin, Ty::kU64, bounded, position, Constant(8, taken_.size()));
  const uint32_t narrow = NewReg(4);
  Emit(Fn::kCvt + Index(Ty::kU64), Ty::kU32, narrow, bounded);
  return narrow;
}

Status Lowering::IndirectCall(Operands operands) {
  if (operands.size() < 4) return Refuse("an indirect call without a prototype");
  FrameLayout layout;
  if (operands[3].kind == OperandKind::kPrototype) {
    ASSIGN_OR_RETURN(layout, LayoutOf(at_->function->prototypes[operands[3].index]));
  } else {
    const ptx::TargetTable& table = at_->function->tables[operands[3].index];
    if (!table.is_calls || table.targets.empty()) return Refuse("table");
    ASSIGN_OR_RETURN(layout, LayoutOf(module_.functions[table.targets.front()]));
  }
  if (taken_.size() > kMostTableEntries) return Refuse("a module with over 65,535 functions");
  RETURN_IF_ERROR(Charge(taken_.size()));
  ASSIGN_OR_RETURN(const uint32_t position, PositionOfCallee(operands[1]));
  ASSIGN_OR_RETURN(const uint32_t site, BeginOutlinedCall(layout, operands));
  const std::vector<uint32_t> callees =
      ptx::MayLeadTo(module_, *at_->function, operands[3], taken_);
  const auto first = static_cast<uint32_t>(ir_.tables.size());
  ir_.tables.resize(first + taken_.size(), bad_call_);
  for (const uint32_t index : callees) {
    ASSIGN_OR_RETURN(Outlined* const outlined, OutlinedOf(module_.functions[index]));
    outlined->sites.push_back(site);
    const auto at = std::lower_bound(taken_.begin(), taken_.end(), index) - taken_.begin();
    ir_.tables[first + static_cast<size_t>(at)] = outlined->entry;
  }
  Inst& inst = Emit(Fn::kBranchIndexed, Ty::kNone);
  inst.a = position;
  inst.target = first;
  inst.count = static_cast<uint16_t>(taken_.size());
  inst.imm = static_cast<uint64_t>(FaultKind::kBadCall);
  return EndOutlinedCall(site, layout, operands);
}

// ---- Functions that are not inlined ----

Result<Lowering::Outlined*> Lowering::OutlinedOf(const ptx::Function& function) {
  const auto found = std::find_if(outlined_.begin(), outlined_.end(),
                                  [&](const auto& o) { return o->function == &function; });
  if (found != outlined_.end()) return found->get();
  auto outlined = std::make_unique<Outlined>();
  outlined->function = &function;
  ASSIGN_OR_RETURN(outlined->layout, LayoutOf(function));
  outlined->bytes = outlined->layout.bytes;
  outlined->entry = NewLabel();
  for (uint32_t* reg : {&outlined->bytes_reg, &outlined->room_reg}) {
    *reg = NewReg(4);
    ir_.regs[*reg].kind = RegKind::kConstant;
  }
  outlined_.push_back(std::move(outlined));
  return outlined_.back().get();
}

// Every cycle of direct calls has an edge back to a function that is being visited: these functions
// are not inlined. Calls through pointers lead to functions that are not either.
void Lowering::FindOutlined(const ptx::Function& kernel) {
  bool names_functions = false;
  bool indirect = false;
  for (const ptx::Function* f : ptx::ReachableFunctions(module_, kernel)) {
    for (const ptx::Instruction& i : f->body) {
      const ptx::Opcode opcode = module_.OperationOf(i).opcode;
      const Operands operands = f->Operands(i);
      if (opcode == ptx::Opcode::kCall) {
        indirect |= operands.size() > 1 && operands[1].kind != OperandKind::kFunction;
        continue;
      }
      has_stack_ |= opcode == ptx::Opcode::kAlloca || opcode == ptx::Opcode::kStacksave ||
                    opcode == ptx::Opcode::kStackrestore;
      for (const Operand& o : operands) names_functions |= o.kind == OperandKind::kFunction;
    }
  }
  if (indirect || names_functions) taken_ = ptx::AddressTaken(module_);
  std::vector<const ptx::Function*> roots = {&kernel};
  if (indirect) {
    for (const uint32_t index : taken_) roots.push_back(&module_.functions[index]);
  }
  FindRecursive(roots);
  has_stack_ |= indirect || !recursive_.empty();
}

void Lowering::FindRecursive(const std::vector<const ptx::Function*>& roots) {
  struct Visit {
    const ptx::Function* function = nullptr;
    size_t next = 0;  // instruction
  };
  std::map<const ptx::Function*, bool> open;  // false: done
  std::vector<Visit> stack;
  for (const ptx::Function* root : roots) {
    if (!open.emplace(root, true).second) continue;
    stack.push_back(Visit{root});
    while (!stack.empty()) {
      Visit& top = stack.back();
      if (top.next == top.function->body.size()) {
        open[top.function] = false;
        stack.pop_back();
        continue;
      }
      const ptx::Instruction& i = top.function->body[top.next++];
      if (module_.OperationOf(i).opcode != ptx::Opcode::kCall) continue;
      const Operands operands = top.function->Operands(i);
      if (operands.size() < 2 || operands[1].kind != OperandKind::kFunction) continue;
      const ptx::Function* callee = &module_.functions[operands[1].index];
      const auto [at, is_new] = open.emplace(callee, true);
      if (is_new) {
        stack.push_back(Visit{callee});
      } else if (at->second) {
        recursive_.insert(callee);
      }
    }
  }
}

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

Status Lowering::OutlinedBody(Outlined& outlined) {
  const ptx::Function& function = *outlined.function;
  inside_ = &outlined;
  instruction_ = nullptr;
  function_line_ = function.line;
  guard_ = kNoReg;
  guard_flip_ = false;
  counted_ = true;
  outlined.first_reg = static_cast<uint32_t>(ir_.regs.size());
  ASSIGN_OR_RETURN(outlined.instance, MakeInstance(function));
  Instance& instance = outlined.instance;
  instance.after = NewLabel();
  PlaceLabel(outlined.entry);
  Emit(Fn::kMov, Ty::kU32, frame_, top_);
  TrapOver(frame_, outlined.room_reg, FaultKind::kStackOverflow);
  Emit(Fn::kAdd, Ty::kU32, top_, frame_, outlined.bytes_reg);
  const auto place = [&](const std::vector<ptx::Param>& params, const std::vector<FrameSlot>& slots,
                         bool load) {
    for (size_t i = 0; i < params.size(); ++i) {
      if (!params[i].is_register) {
        instance.places[params[i].index] = Place{
            .known = true, .framed = true, .window = Window::kLocal, .address = slots[i].offset};
      } else if (load) {
        LoadLocal(instance.regs[params[i].index], Slot{frame_, slots[i].offset},
                  static_cast<uint32_t>(slots[i].bytes));
      }
    }
  };
  place(function.params, outlined.layout.params, /*load=*/true);
  place(function.returns, outlined.layout.returns, /*load=*/false);
  RETURN_IF_ERROR(Body(instance, 0));
  outlined.last_reg = static_cast<uint32_t>(ir_.regs.size());
  return Ok();
}

Status Lowering::Epilogue(Outlined& outlined) {
  const ptx::Function& function = *outlined.function;
  function_line_ = function.line;
  PlaceLabel(outlined.instance.after);
  for (size_t i = 0; i < function.returns.size(); ++i) {
    const ptx::Param& result = function.returns[i];
    if (!result.is_register) continue;
    const FrameSlot& slot = outlined.layout.returns[i];
    StoreLocal(outlined.instance.regs[result.index], Slot{frame_, slot.offset},
               static_cast<uint32_t>(slot.bytes));
  }
  const uint32_t site = NewReg(4);
  LoadLocal(site, Slot{frame_, 0}, 4);
  const uint32_t caller = NewReg(4);
  LoadLocal(caller, Slot{frame_, 4}, 4);
  Emit(Fn::kMov, Ty::kU32, top_, frame_);
  Emit(Fn::kMov, Ty::kU32, frame_, caller);
  RETURN_IF_ERROR(Charge(outlined.sites.back() + 1));
  const auto first = static_cast<uint32_t>(ir_.tables.size());
  ir_.tables.resize(first + outlined.sites.back() + 1, bad_call_);
  for (const uint32_t s : outlined.sites) ir_.tables[first + s] = sites_[s].label;
  Inst& inst = Emit(Fn::kBranchIndexed, Ty::kNone);
  inst.a = site;
  inst.target = first;
  inst.count = static_cast<uint16_t>(outlined.sites.back() + 1);
  inst.imm = static_cast<uint64_t>(FaultKind::kBadCall);
  return Ok();
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

// Puts stores and loads of what lives across each call in place of the site's markers.
Status Lowering::SaveAcrossCalls() {
  std::vector<uint32_t> points;
  for (const Site& site : sites_) points.push_back(site.restore);
  std::vector<std::vector<uint32_t>> saved(sites_.size());
  if (std::any_of(sites_.begin(), sites_.end(), [](const Site& s) { return s.owner != nullptr; })) {
    ASSIGN_OR_RETURN(const Flow flow, BuildFlow(ir_));
    ASSIGN_OR_RETURN(saved, LiveAtEntry(ir_, flow, points));
  }
  std::map<uint32_t, std::pair<size_t, bool>> markers;  // inst to site, and whether it saves
  for (size_t i = 0; i < sites_.size(); ++i) {
    Outlined* const owner = sites_[i].owner;
    if (owner == nullptr) continue;
    std::erase_if(saved[i],
                  [&](uint32_t r) { return r < owner->first_reg || r >= owner->last_reg; });
    RETURN_IF_ERROR(Charge(2 * saved[i].size()));
    markers[sites_[i].save] = {i, true};
    markers[sites_[i].restore] = {i, false};
  }
  if (markers.empty()) return Ok();
  for (const auto& outlined : outlined_) outlined->saved_at = ptx::AlignUp(outlined->bytes, 8);
  const std::vector<Inst> before = std::move(ir_.insts);
  ir_.insts.clear();
  std::vector<uint32_t> moved(before.size() + 1, 0);
  for (size_t i = 0; i < before.size(); ++i) {
    moved[i] = static_cast<uint32_t>(ir_.insts.size());
    ir_.insts.push_back(before[i]);
    const auto marker = markers.find(static_cast<uint32_t>(i));
    if (marker == markers.end()) continue;
    const auto [site, saves] = marker->second;
    Outlined& owner = *sites_[site].owner;
    uint64_t at = owner.saved_at;
    for (const uint32_t reg : saved[site]) {
      const uint32_t bytes = std::max<uint32_t>(ir_.regs[reg].bytes, 4);
      at = ptx::AlignUp(at, bytes);
      const uint32_t width = ir_.regs[reg].bytes;
      saves ? StoreLocal(reg, Slot{frame_, at}, width) : LoadLocal(reg, Slot{frame_, at}, width);
      at += bytes;
    }
    owner.bytes = std::max(owner.bytes, at);
    for (size_t k = moved[i]; k < ir_.insts.size(); ++k) ir_.insts[k].line = before[i].line;
  }
  moved[before.size()] = static_cast<uint32_t>(ir_.insts.size());
  for (uint32_t& label : ir_.labels) {
    if (label != kNoLabel) label = moved[label];
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
