#include "gpu/cpu/lower.h"

#include <algorithm>
#include <optional>

#include "gpu/cpu/lower_types.h"
#include "gpu/ptx/reach.h"

namespace souk::gpu::cpu {

using ptx::Operand;
using ptx::OperandKind;
using ptx::Type;

const char* WhyUnsupportedSpecial(ptx::Special special, uint64_t number) {
  using ptx::Special;
  switch (special) {
    case Special::kEnvreg:
      // Where a cooperative grid's workspace lies (kGridWorkspace of block.h).
      return number == 1 || number == 2 ? nullptr : "the register is the driver's own";
    case Special::kPm:
      return "the register is the driver's own";
    case Special::kCurrentGraphExec:
    case Special::kAggrSmemSize:
      return "special register";
    default:
      return nullptr;
  }
}

namespace {

// Where the reserved part of .shared lies: at its beginning.
std::optional<uint64_t> ReservedSharedOffset(ptx::Special special) {
  switch (special) {
    case ptx::Special::kReservedSmemOffsetBegin:
    case ptx::Special::kReservedSmemOffset0:
      return 0;
    case ptx::Special::kReservedSmemOffset1:
      return kReservedSharedBytes / 2;
    case ptx::Special::kReservedSmemOffsetEnd:
    case ptx::Special::kReservedSmemOffsetCap:
      return kReservedSharedBytes;
    default:
      return std::nullopt;
  }
}

}  // namespace

Error Lowering::Refuse(const std::string& why) const {
  return Error(Code::kUnsupported, "line " + std::to_string(instruction_->line) + ": " +
                                       operation_->spelling + ": " + why);
}

uint32_t Lowering::NewReg(uint32_t bytes) {
  VReg reg;
  reg.bytes = static_cast<uint8_t>(bytes);
  ir_.regs.push_back(reg);
  return static_cast<uint32_t>(ir_.regs.size() - 1);
}

uint32_t Lowering::Constant(uint32_t bytes, uint64_t value) {
  if (bytes == 1) value = value != 0 ? 1 : 0;
  if (bytes == 2) value &= 0xffff;
  if (bytes == 4) value &= 0xffffffff;
  const auto key = std::make_pair(bytes, value);
  const auto found = constants_.find(key);
  if (found != constants_.end()) return found->second;
  const uint32_t reg = NewReg(bytes);
  ir_.regs[reg].kind = RegKind::kConstant;
  ir_.regs[reg].value = value;
  constants_[key] = reg;
  return reg;
}

Inst& Lowering::Emit(Fn fn, Ty ty) {
  if (handlers_.At(fn, ty).some == nullptr) missing_ = true;
  Inst inst;
  inst.fn = fn;
  inst.ty = ty;
  inst.guard = guard_;
  inst.guard_flip = guard_flip_;
  inst.line = instruction_ != nullptr ? instruction_->line : function_line_;
  const bool branches = fn == Fn::kBranch || fn == Fn::kBranchIndexed || fn == Fn::kExit;
  if (branches && operation_ != nullptr && operation_->uni) inst.flags = kUniform;
  if (!counted_) {
    inst.cost = 1;
    counted_ = true;
  }
  ir_.insts.push_back(inst);
  return ir_.insts.back();
}

Inst& Lowering::Emit(Fn fn, Ty ty, uint32_t dst, uint32_t a, uint32_t b, uint32_t c) {
  Inst& inst = Emit(fn, ty);
  inst.dst = dst;
  inst.a = a;
  inst.b = b;
  inst.c = c;
  // What only this instruction reads may be computed in every lane; an unguarded write is a whole
  // one, which keeps the register's life short.
  if (dst != kNoReg && dst >= temporaries_ && ir_.regs[dst].kind == RegKind::kVariable) {
    inst.guard = kNoReg;
    inst.guard_flip = false;
  }
  return inst;
}

// Only right after the inst was emitted: extras of one inst stand together.
void Lowering::AddExtra(Inst& inst, uint32_t reg, bool is_def) {
  if (inst.extra_count == 0) inst.extra = static_cast<uint32_t>(ir_.extras.size());
  ir_.extras.push_back(ExtraReg{reg, is_def});
  ++inst.extra_count;
}

uint32_t Lowering::NewLabel() {
  ir_.labels.push_back(kNoLabel);
  return static_cast<uint32_t>(ir_.labels.size() - 1);
}
void Lowering::PlaceLabel(uint32_t label) {
  ir_.labels[label] = static_cast<uint32_t>(ir_.insts.size());
}

// ---- Operands ----

Result<uint32_t> Lowering::Register(const Operand& operand) {
  const ptx::Register& reg = at_->function->registers[operand.index];
  if (RegisterBytes(reg.type) == 0) return Refuse("registers of this type");
  const uint32_t first = at_->regs[operand.index];
  switch (operand.component) {
    case ptx::Component::kAll:
      if (reg.vector != 1) return Refuse("a whole vector register");
      return first;
    case ptx::Component::kX:
    case ptx::Component::kY:
    case ptx::Component::kZ:
    case ptx::Component::kW: {
      const uint32_t part =
          static_cast<uint32_t>(operand.component) - static_cast<uint32_t>(ptx::Component::kX);
      if (part >= reg.vector) return Refuse("no such element");
      return first + part;
    }
    default:
      return Refuse("parts of registers");
  }
}

Result<uint32_t> Lowering::SpecialRegister(const Operand& operand, Type type) {
  const auto special = static_cast<ptx::Special>(operand.index);
  if (const char* why = WhyUnsupportedSpecial(special, operand.value)) return Refuse(why);
  if (operand.component != ptx::Component::kAll) return Refuse("whole vector registers");
  if (special == ptx::Special::kIsExplicitCluster) return Constant(1, 0);
  const uint32_t bytes = RegisterBytes(type);
  if (const auto offset = ReservedSharedOffset(special)) return Constant(bytes, *offset);
  if (ptx::IsClock(special)) return Clock(special, bytes);
  const auto key = std::make_pair(operand.index, operand.value);
  uint32_t reg = 0;
  const auto found = specials_.find(key);
  if (found != specials_.end()) {
    reg = found->second;
  } else {
    reg = NewReg(4);
    ir_.regs[reg].kind = RegKind::kSpecial;
    ir_.regs[reg].value = operand.index | operand.value << 32;
    specials_[key] = reg;
  }
  if (bytes == 4) return reg;
  if (bytes != 2 && bytes != 8) return Refuse("width of a special register");
  const uint32_t other = NewReg(bytes);
  Emit(Fn::kCvt + Index(Ty::kU32), bytes == 2 ? Ty::kU16 : Ty::kU64, other, reg);
  return other;
}

// Read anew each time: not a register that holds its value for good.
Result<uint32_t> Lowering::Clock(ptx::Special special, uint32_t bytes) {
  const bool whole = special == ptx::Special::kClock64 || special == ptx::Special::kGlobaltimer;
  const bool high = special == ptx::Special::kClockHi || special == ptx::Special::kGlobaltimerHi;
  if (bytes != 4 && bytes != 8) return Refuse("width of a special register");
  const uint32_t reg = NewReg(whole ? 8 : 4);
  Emit(Fn::kClock, whole ? Ty::kU64 : Ty::kU32, reg, kNoReg).imm = high ? 32 : 0;
  if (bytes == ir_.regs[reg].bytes) return reg;
  const uint32_t other = NewReg(bytes);
  const Ty from = whole ? Ty::kU64 : Ty::kU32;
  Emit(Fn::kCvt + Index(from), whole ? Ty::kU32 : Ty::kU64, other, reg);
  return other;
}

Result<uint32_t> Lowering::WideSource(const Operand& operand, Type type) {
  const uint32_t bytes = RegisterBytes(type);
  if (bytes == 0) return Refuse("operand type");
  switch (operand.kind) {
    case OperandKind::kRegister: {
      ASSIGN_OR_RETURN(const uint32_t reg, Register(operand));
      if (operand.negated) return Refuse("negated operand");
      const uint32_t has = ir_.regs[reg].bytes;
      if (has < bytes || (has == 1) != (bytes == 1)) return Refuse("operand of the wrong width");
      return reg;
    }
    case OperandKind::kInteger:
      return Constant(bytes, operand.value);
    case OperandKind::kFloat32:
    case OperandKind::kFloat64:
      return Constant(bytes, ptx::FloatBits(operand, type));
    case OperandKind::kSpecial:
      return SpecialRegister(operand, type);
    case OperandKind::kVariable: {
      ASSIGN_OR_RETURN(const Place place, PlaceOf(operand.scope, operand.index));
      if (bytes != 8 && (bytes != 4 || place.window == Window::kGlobal)) {
        return Refuse("an address does not fit");
      }
      const uint32_t fixed = Constant(bytes, place.address + operand.value);
      if (!place.framed) return fixed;
      const uint32_t address = NewReg(bytes);
      Emit(Fn::kAdd, TyOf(type), address, bytes == 8 ? Widened(frame_) : frame_, fixed);
      return address;
    }
    case OperandKind::kFunction: {
      const auto at = std::lower_bound(taken_.begin(), taken_.end(), operand.index);
      if (bytes != 8 || at == taken_.end() || *at != operand.index) return Refuse("operand");
      return Constant(8, CodeAddress(static_cast<size_t>(at - taken_.begin())));
    }
    default:
      return Refuse("operand");
  }
}

Result<uint32_t> Lowering::Source(const Operand& operand, Type type) {
  ASSIGN_OR_RETURN(const uint32_t reg, WideSource(operand, type));
  if (ir_.regs[reg].bytes != RegisterBytes(type)) return Refuse("operand of the wrong width");
  return reg;
}

Result<uint32_t> Lowering::Dest(const Operand& operand, Type type) {
  const uint32_t bytes = RegisterBytes(type);
  if (bytes == 0) return Refuse("operand type");
  if (operand.kind == OperandKind::kSink) return NewReg(bytes);
  if (operand.kind != OperandKind::kRegister) return Refuse("destination");
  ASSIGN_OR_RETURN(const uint32_t reg, Register(operand));
  if (ir_.regs[reg].bytes != bytes) return Refuse("destination of the wrong width");
  return reg;
}

Result<uint32_t> Lowering::Condition(const Operand& operand) {
  Operand plain = operand;
  plain.negated = false;
  ASSIGN_OR_RETURN(const uint32_t reg, Source(plain, Type::kPred));
  if (!operand.negated) return reg;
  const uint32_t flipped = NewReg(1);
  Emit(Fn::kNot, Ty::kPred, flipped, reg);
  return flipped;
}

Status Lowering::PairDest(const Operand& operand, Type type, uint32_t* dst, uint32_t* pred) {
  *pred = kNoReg;
  if (operand.kind != OperandKind::kPair) {
    ASSIGN_OR_RETURN(*dst, Dest(operand, type));
    return Ok();
  }
  const Operands elements = at_->function->Elements(operand);
  ASSIGN_OR_RETURN(*dst, Dest(elements[0], type));
  ASSIGN_OR_RETURN(*pred, Dest(elements[1], Type::kPred));
  return Ok();
}

// ---- Variables ----

Result<Lowering::Place> Lowering::AllocateVariable(const ptx::Variable& variable, uint32_t function,
                                                   uint32_t index) {
  Place place;
  place.known = true;
  const auto align = [](uint64_t at, uint64_t to) { return (at + to - 1) / to * to; };
  switch (variable.space) {
    case ptx::Space::kGlobal:
    case ptx::Space::kConst:
      place.window = Window::kGlobal;
      place.address = address_of_(function, index);
      if (place.address == 0) {
        return Refuse("variable " + variable.name +
                      (variable.relocations.empty()
                           ? " is not defined"
                           : " holds the address of what is not in the module"));
      }
      return place;
    case ptx::Space::kLocal:
    case ptx::Space::kParam: {  // a call's frame
      place.window = Window::kLocal;
      place.framed = inside_ != nullptr;
      uint64_t& used = place.framed ? inside_->bytes : ir_.local_bytes;
      place.address = align(used, std::max<uint64_t>(variable.align, 1));
      if (variable.size > kMostLocalBytes || place.address + variable.size > kMostLocalBytes) {
        return Error(Code::kTooLarge, "local memory over 512 KiB a thread");
      }
      used = place.address + variable.size;
      if (apart_ && variable.space == ptx::Space::kLocal) {
        ASSIGN_OR_RETURN(place.address, TakeSlot(ir_.local_slots, kLocalSlot, variable.size));
      } else if (apart_) {
        ir_.local_slots[0] = ir_.local_bytes;
      }
      return place;
    }
    case ptx::Space::kShared: {
      place.window = Window::kShared;
      const auto found = shared_.find(std::make_pair(function, index));
      // extern .shared x[]: all of them begin where the static ones end.
      place.address = found != shared_.end() ? found->second
                      : apart_               ? (ir_.shared_slots.size() - 1) * kSharedSlot
                                             : ir_.dynamic_shared_offset;
      return place;
    }
    default:
      return Refuse("variables of this state space");
  }
}

Result<Lowering::Place> Lowering::PlaceOf(ptx::VariableScope scope, uint32_t index) {
  if (scope == ptx::VariableScope::kModule) {
    return AllocateVariable(module_.variables[index], ptx::kNoIndex, index);
  }
  Place& place = at_->places[index];
  if (!place.known) {
    const auto function = static_cast<uint32_t>(at_->function - module_.functions.data());
    ASSIGN_OR_RETURN(place, AllocateVariable(at_->function->variables[index], function, index));
  }
  return place;
}

Result<Lowering::Address> Lowering::AddressOfOperand(const Operand& operand, ptx::Space space) {
  Address address;
  address.offset = operand.value;
  const bool entry = at_->function->is_entry;
  switch (space) {
    case ptx::Space::kGeneric:
      address.window = Window::kGeneric;
      break;
    case ptx::Space::kShared:
      address.window = Window::kShared;
      break;
    case ptx::Space::kLocal:
      address.window = Window::kLocal;
      break;
    case ptx::Space::kParam:
      address.window = entry ? Window::kParam : Window::kLocal;
      break;
    default:
      address.window = Window::kGlobal;
      break;
  }
  if (operand.kind != OperandKind::kAddress) return Refuse("address");
  if (operand.base == ptx::BaseKind::kRegister) {
    Operand base = operand;
    base.kind = OperandKind::kRegister;
    ASSIGN_OR_RETURN(address.reg, Register(base));
    const uint32_t bytes = ir_.regs[address.reg].bytes;
    address.narrow = bytes == 4;
    if (bytes != 8 && bytes != 4) return Refuse("address of the wrong width");
    // Handlers add the offset in 32 bits where the register has them.
    const int64_t offset = operand.offset();
    if (address.narrow && (offset < INT32_MIN || offset > INT32_MAX)) return Refuse("offset");
    return address;
  }
  // Handlers add in 32 bits here too: what is out of bounds must not wrap into them. (ISA
  // "Addresses as Operands": offsets are 32-bit signed integers; a bare address in a window is
  // unsigned.)
  const bool in_window = address.window != Window::kGlobal && address.window != Window::kGeneric;
  const int64_t most = operand.base == ptx::BaseKind::kVariable ? INT32_MAX : UINT32_MAX;
  if (in_window && (operand.offset() < INT32_MIN || operand.offset() > most)) {
    return Refuse("offset");
  }
  address.reg = Constant(4, 0);
  address.narrow = true;
  address.fixed = true;
  if (operand.base == ptx::BaseKind::kVariable) {
    ASSIGN_OR_RETURN(const Place place, PlaceOf(operand.scope, operand.index));
    address.offset += place.address;
    if (place.framed) {
      address.reg = frame_;
      address.fixed = false;
    }
    if (space == ptx::Space::kParam) address.window = place.window;
    if (space == ptx::Space::kGeneric && place.window != Window::kGlobal) {
      return Refuse("a variable's own address is not a generic one");
    }
  }
  return address;
}

Result<uint32_t> Lowering::AddressValue(const Operand& operand, ptx::Space space) {
  ASSIGN_OR_RETURN(const Address address, AddressOfOperand(operand, space));
  uint32_t reg = address.reg;
  if (address.narrow) {
    const uint32_t wide = NewReg(8);
    Emit(Fn::kCvt + Index(Ty::kU32), Ty::kU64, wide, reg);
    reg = wide;
  }
  if (address.offset == 0) return reg;
  const uint32_t sum = NewReg(8);
  Emit(Fn::kAdd, Ty::kU64, sum, reg, Constant(8, address.offset));
  return sum;
}

Status Lowering::One(const ptx::Instruction& instruction, uint32_t depth) {
  instruction_ = &instruction;
  operation_ = &module_.OperationOf(instruction);
  counted_ = false;
  missing_ = false;
  temporaries_ = static_cast<uint32_t>(ir_.regs.size());
  guard_ = kNoReg;
  guard_flip_ = instruction.guard_negated;
  const Choice choice = Choose(*operation_);
  if (choice.reason != nullptr) return Refuse(choice.reason);
  if (instruction.guard != ptx::kNoIndex) {
    guard_ = at_->regs[instruction.guard];
    if (ir_.regs[guard_].bytes != 1) return Refuse("guard is not a predicate");
  }
  if (ir_.insts.size() > kMostInstructions) {
    return Error(Code::kTooLarge, "kernel of more than 1,048,576 instructions");
  }
  // Lanes that a guard keeps out of these must go on without waiting for them.
  const bool around = choice.form == Form::kShuffle || choice.form == Form::kVote ||
                      choice.form == Form::kMatch || choice.form == Form::kRedux ||
                      choice.form == Form::kElect || choice.form == Form::kWarpSync ||
                      choice.form == Form::kMatrix || choice.form == Form::kBarrier ||
                      choice.form == Form::kCall || choice.form == Form::kBranchIndexed ||
                      choice.form == Form::kAlloca || choice.form == Form::kStackRestore;
  uint32_t skip = kNoLabel;
  if (around && guard_ != kNoReg) {
    skip = NewLabel();
    guard_flip_ = !guard_flip_;
    Emit(Fn::kBranch, Ty::kNone).target = skip;
    guard_ = kNoReg;
  }
  if (guard_ == kNoReg) guard_flip_ = false;
  const Operands operands = at_->function->Operands(instruction);
  RETURN_IF_ERROR(Dispatch(choice, operands, depth));
  if (missing_) return Refuse("operand types");
  if (!counted_) {
    // Nothing to do, but an instruction all the same: counted with what comes next.
    guard_ = kNoReg;
    Emit(Fn::kNone, Ty::kNone);
    missing_ = false;
  }
  if (skip != kNoLabel) PlaceLabel(skip);
  return Ok();
}

Status Lowering::Body(Instance& instance, uint32_t depth) {
  const ptx::Function& function = *instance.function;
  std::vector<std::pair<uint32_t, uint32_t>> labels;  // position, label
  for (size_t i = 0; i < function.labels.size(); ++i) {
    labels.emplace_back(function.labels[i].target, instance.labels[i]);
  }
  std::sort(labels.begin(), labels.end());
  size_t next = 0;
  for (size_t i = 0; i <= function.body.size(); ++i) {
    for (; next < labels.size() && labels[next].first <= i; ++next) {
      PlaceLabel(labels[next].second);
    }
    if (i == function.body.size()) break;
    at_ = &instance;
    RETURN_IF_ERROR(One(function.body[i], depth));
  }
  // Falling off the end returns.
  guard_ = kNoReg;
  guard_flip_ = false;
  counted_ = true;
  if (instance.after == kNoLabel) {
    Emit(Fn::kExit, Ty::kNone);
  } else {
    Emit(Fn::kJump, Ty::kNone).target = instance.after;
  }
  return Ok();
}

// .shared variables that the kernel and what it calls name: static ones side by side, then the
// dynamic part, whose start must be known before the first address is taken.
Status Lowering::LayOutShared(const ptx::Function& kernel) {
  uint64_t dynamic_align = 16;
  const std::vector<const ptx::Function*> functions = ptx::ReachableFunctions(module_, kernel);
  const auto names_reserved = [](const Operand& operand) {
    return operand.kind == OperandKind::kSpecial &&
           ReservedSharedOffset(static_cast<ptx::Special>(operand.index));
  };
  for (const ptx::Function* reached : functions) {
    if (std::any_of(reached->operands.begin(), reached->operands.end(), names_reserved)) {
      ir_.shared_bytes = kReservedSharedBytes;
    }
  }
  if (apart_ && ir_.shared_bytes != 0) {
    RETURN_IF_ERROR(TakeSlot(ir_.shared_slots, kSharedSlot, ir_.shared_bytes));
  }
  for (const ptx::Function* reached : functions) {
    const ptx::Function& function = *reached;
    const auto number = static_cast<uint32_t>(&function - module_.functions.data());
    for (const Operand& operand : function.operands) {
      const bool names =
          operand.kind == OperandKind::kVariable ||
          (operand.kind == OperandKind::kAddress && operand.base == ptx::BaseKind::kVariable);
      if (!names) continue;
      const bool of_module = operand.scope == ptx::VariableScope::kModule;
      const ptx::Variable& variable =
          of_module ? module_.variables[operand.index] : function.variables[operand.index];
      if (variable.space != ptx::Space::kShared) continue;
      const uint64_t align = std::max<uint64_t>(variable.align, 1);
      if (variable.size == 0) {
        ir_.dynamic_shared = true;
        dynamic_align = std::max(dynamic_align, align);
        continue;
      }
      const auto key = std::make_pair(of_module ? ptx::kNoIndex : number, operand.index);
      if (shared_.count(key) != 0) continue;
      const uint64_t address = ptx::AlignUp(ir_.shared_bytes, align);
      if (variable.size > kMostSharedBytes || address + variable.size > kMostSharedBytes) {
        return Error(Code::kTooLarge, "kernel " + kernel.name + ": shared memory over 227 KiB");
      }
      shared_[key] = address;
      ir_.shared_bytes = address + variable.size;
      if (apart_) {
        ASSIGN_OR_RETURN(shared_[key], TakeSlot(ir_.shared_slots, kSharedSlot, variable.size));
      }
    }
  }
  ir_.dynamic_shared_offset = ptx::AlignUp(ir_.shared_bytes, dynamic_align);
  if (apart_) RETURN_IF_ERROR(TakeSlot(ir_.shared_slots, kSharedSlot, 0));
  return Ok();
}

// The window's offset of a slot of its own.
Result<uint64_t> Lowering::TakeSlot(std::vector<uint64_t>& slots, uint64_t slot, uint64_t bytes) {
  // Offsets within a warp's windows have 32 bits.
  constexpr size_t kMostSlots = 100;
  if (slots.size() >= kMostSlots) {
    return Error(Code::kTooLarge, "the kernel has too many .shared or .local variables to check");
  }
  slots.push_back(bytes);
  return (slots.size() - 1) * slot;
}

Result<Ir> Lowering::Run(const ptx::Function& kernel) {
  ASSIGN_OR_RETURN(Instance instance, MakeInstance(kernel));
  for (const ptx::Param& param : kernel.params) {
    if (param.is_register) continue;
    Place& place = instance.places[param.index];
    place.known = true;
    place.window = Window::kParam;
    place.address = param.offset;
  }
  ir_.param_bytes = kernel.param_bytes;
  function_line_ = kernel.line;
  if (apart_) ir_.local_slots = {0};
  RETURN_IF_ERROR(LayOutShared(kernel));
  FindOutlined(kernel);
  BeginStack();
  RETURN_IF_ERROR(Body(instance, 0));
  RETURN_IF_ERROR(FinishStack(kernel));
  return std::move(ir_);
}

Result<Ir> Lower(const ptx::Module& module, const ptx::Function& kernel,
                 const AddressOf& address_of, const HandlerTable& handlers, bool apart) {
  return Lowering(module, address_of, handlers, apart).Run(kernel);
}

}  // namespace souk::gpu::cpu
