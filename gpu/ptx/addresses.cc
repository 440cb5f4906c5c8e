#include "gpu/ptx/addresses.h"

#include <algorithm>

namespace souk::ptx {
namespace {

bool IsZero(const Operand& o) {
  return o.kind == OperandKind::kInteger && o.value == 0;
}

bool NamesVariable(const Operand& o) {
  return o.kind == OperandKind::kAddress && o.base == BaseKind::kVariable &&
         o.scope == VariableScope::kFunction;
}

}  // namespace

AddressFlow::AddressFlow(const Module& module, const std::vector<const Function*>& functions,
                         std::span<const Bound> bound)
    : module_(module) {
  for (const Function* f : functions) {
    Levels& levels = levels_[f];
    levels.registers.assign(f->registers.size(), Holds::kNothing);
    levels.variables.assign(f->variables.size(), Holds::kNothing);
    for (const Operand& o : f->operands) {
      const bool in_module = o.scope == VariableScope::kModule &&
                             (o.kind == OperandKind::kVariable ||
                              (o.kind == OperandKind::kAddress && o.base == BaseKind::kVariable));
      if (in_module) relocated_ |= !module.variables[o.index].relocations.empty();
      const bool own = o.kind == OperandKind::kVariable && o.scope == VariableScope::kFunction;
      const bool is_parameter =
          own && f->is_entry &&
          std::any_of(f->params.begin(), f->params.end(),
                      [&](const Param& p) { return !p.is_register && p.index == o.index; });
      parameters_named_ |= is_parameter;
    }
    for (const Variable& v : f->variables) relocated_ |= !v.relocations.empty();
  }
  Seed(*functions.front(), bound);
  Run(functions);
}

void AddressFlow::Seed(const Function& kernel, std::span<const Bound> bound) {
  for (size_t i = 0; i < kernel.params.size(); ++i) {
    const Param& param = kernel.params[i];
    if (param.is_register || (!bound.empty() && bound[i] == Bound::kNumber)) continue;
    const Variable& v = kernel.variables[param.index];
    const bool is_float = IsFloat(v.type) && !v.is_array && v.vector == 1;
    if (v.size != 8 || is_float) continue;
    // What is now an address and now a number is good for nothing.
    const bool either = !bound.empty() && bound[i] == Bound::kEither;
    sources_.push_back(
        {param.offset, param.offset + v.size, either ? Holds::kDerived : Holds::kAddress});
  }
}

void AddressFlow::Run(const std::vector<const Function*>& functions) {
  // Chains in program order settle in one round; the bound keeps hostile orders from costing a
  // square.
  constexpr int kRounds = 64;
  for (int round = 0; round < kRounds; ++round) {
    changed_ = false;
    for (const Function* f : functions) {
      for (const Instruction& i : f->body) Step(*f, i);
    }
    if (!changed_) return;
  }
  for (auto& [f, levels] : levels_) {
    std::fill(levels.registers.begin(), levels.registers.end(), Holds::kDerived);
  }
}

Holds AddressFlow::OfRegister(const Function& f, uint32_t index) const {
  return At(f).registers[index];
}

Holds AddressFlow::OfBase(const Function& f, const Operand& address) const {
  const bool has_register =
      address.kind == OperandKind::kAddress && address.base == BaseKind::kRegister;
  return has_register ? OfRegister(f, address.index) : Holds::kNothing;
}

Holds AddressFlow::Of(const Function& f, const Operand& operand) const {
  switch (operand.kind) {
    case OperandKind::kRegister:
      return operand.component == Component::kAll || OfRegister(f, operand.index) == Holds::kNothing
                 ? OfRegister(f, operand.index)
                 : Holds::kDerived;
    case OperandKind::kVariable:
    case OperandKind::kFunction:
      return Holds::kPlace;
    case OperandKind::kVector:
    case OperandKind::kPair: {
      Holds most = Holds::kNothing;
      for (const Operand& part : f.Elements(operand)) most = std::max(most, Of(f, part));
      return most;
    }
    default:
      return Holds::kNothing;
  }
}

void AddressFlow::Raise(Holds& held, Holds what) {
  if (what <= held) return;
  held = what;
  changed_ = true;
}

void AddressFlow::Mark(const Function& f, const Operand& operand, Holds what) {
  if (what == Holds::kNothing) return;
  if (operand.kind == OperandKind::kVector || operand.kind == OperandKind::kPair) {
    // A part of an address is no address.
    for (const Operand& part : f.Elements(operand)) Mark(f, part, Holds::kDerived);
  } else if (operand.kind == OperandKind::kRegister) {
    Raise(At(f).registers[operand.index], what);
  }
}

void AddressFlow::Store(const Function& f, const Operation& op, const Operand& to, Holds what) {
  if (what == Holds::kNothing) return;
  if (op.space == Space::kShared) Raise(shared_, what);
  if (op.space == Space::kLocal) Raise(local_, what);
  if (op.space != Space::kParam) return;
  const bool whole = NamesVariable(to) && to.value == 0 && TypeBits(op.type) == 64;
  if (NamesVariable(to)) Raise(At(f).variables[to.index], whole ? what : Holds::kDerived);
  if (!NamesVariable(to)) Raise(local_, Holds::kDerived);
}

Holds AddressFlow::LoadParameter(const Function& f, const Operation& op,
                                 const Operand& from) const {
  const bool whole = op.vector <= 1 && TypeBits(op.type) == 64;
  if (!NamesVariable(from)) {
    const bool any = parameters_named_ && !sources_.empty();
    return any || local_ != Holds::kNothing ? Holds::kDerived : Holds::kNothing;
  }
  const Holds stored = At(f).variables[from.index];
  if (stored != Holds::kNothing) return whole && from.value == 0 ? stored : Holds::kDerived;
  if (!f.is_entry) return Holds::kNothing;
  for (const Param& param : f.params) {
    if (param.is_register || param.index != from.index) continue;
    const uint64_t begin = param.offset + from.value;
    const uint64_t end = begin + uint64_t{TypeBytes(op.type)} * std::max<uint32_t>(op.vector, 1);
    for (const auto& [first, last, holds] : sources_) {
      if (begin == first && end == last && whole) return holds;
      if (begin < last && first < end) return Holds::kDerived;
    }
  }
  return Holds::kNothing;
}

Holds AddressFlow::Load(const Function& f, const Operation& op, const Operand& from) const {
  const auto some = [](bool tainted) { return tainted ? Holds::kDerived : Holds::kNothing; };
  const bool in_module = from.base == BaseKind::kVariable && from.scope == VariableScope::kModule;
  switch (op.space) {
    case Space::kParam:
      return LoadParameter(f, op, from);
    case Space::kShared:
      return some(shared_ != Holds::kNothing);
    case Space::kLocal:
      return some(local_ != Holds::kNothing);
    case Space::kConst:
    case Space::kGlobal:
      // In the tables of a compiler the whole word is a place. Offsets may lead elsewhere only
      // where a register has a part in them.
      if (in_module && module_.variables[from.index].relocations.empty() &&
          from.value < module_.variables[from.index].size) {
        return Holds::kNothing;
      }
      return some(relocated_);
    default:
      return some(relocated_ || shared_ != Holds::kNothing || local_ != Holds::kNothing ||
                  (parameters_named_ && !sources_.empty()));
  }
}

Holds AddressFlow::Computed(const Function& f, const Operation& op,
                            std::span<const Operand> operands) const {
  Holds most = Holds::kNothing;
  size_t tainted = 0;
  for (const Operand& o : operands.subspan(1)) {
    const Holds holds = Of(f, o);
    most = std::max(most, holds);
    tainted += holds != Holds::kNothing;
  }
  if (most == Holds::kNothing || most == Holds::kDerived) return most;
  const bool wide = operands[0].kind == OperandKind::kRegister;
  switch (op.opcode) {
    case Opcode::kMov:
      return wide && TypeBits(op.type) == 64 ? most : wide ? Holds::kPlace : Holds::kDerived;
    case Opcode::kCvta:
      return most;
    case Opcode::kCvt:  // a window's address between its 32 and 64 bits
      return IsFloat(op.type) || IsFloat(op.type2) ? Holds::kDerived : Holds::kPlace;
    case Opcode::kSelp:
      return Of(f, operands.back()) == Holds::kNothing ? most : Holds::kDerived;
    case Opcode::kAdd:
      return tainted == 1 ? Holds::kPlace : Holds::kDerived;
    case Opcode::kSub:
      return Of(f, operands.back()) == Holds::kNothing ? Holds::kPlace : Holds::kDerived;
    case Opcode::kMad:
      return tainted == 1 && Of(f, operands.back()) != Holds::kNothing ? Holds::kPlace
                                                                       : Holds::kDerived;
    case Opcode::kShfl:
      return tainted == 1 && Of(f, operands[1]) != Holds::kNothing ? Holds::kPlace
                                                                   : Holds::kDerived;
    case Opcode::kIsspacep:  // of a place: what every device says
      return Holds::kNothing;
    case Opcode::kSetp: {
      // No buffer stands at zero: a check for null says nothing about where it stands.
      const bool null_check = (op.compare == Compare::kEq || op.compare == Compare::kNe) &&
                              most == Holds::kAddress && tainted == 1 && operands.size() == 3 &&
                              TypeBits(op.type) == 64 &&
                              (IsZero(operands[1]) || IsZero(operands[2]));
      return null_check ? Holds::kNothing : Holds::kDerived;
    }
    default:
      return Holds::kDerived;
  }
}

void AddressFlow::Call(const Function& f, std::span<const Operand> operands) {
  const std::span<const Operand> returns = f.Elements(operands[0]);
  const std::span<const Operand> arguments =
      operands.size() > 2 ? f.Elements(operands[2]) : std::span<const Operand>();
  const auto held = [&](const Function& at, const Operand& o) {
    return o.kind == OperandKind::kVariable && o.scope == VariableScope::kFunction
               ? At(at).variables[o.index]
               : Of(at, o);
  };
  const auto give = [&](const Operand& o, Holds what) {
    if (o.kind == OperandKind::kVariable && o.scope == VariableScope::kFunction) {
      Raise(At(f).variables[o.index], what);
    } else {
      Mark(f, o, what);
    }
  };
  const bool direct =
      operands[1].kind == OperandKind::kFunction && module_.functions[operands[1].index].defined;
  if (!direct) {
    // Whoever is called: what goes in may come out, and an indirect callee may get it.
    Holds most = Holds::kNothing;
    for (const Operand& o : arguments) most = std::max(most, held(f, o));
    if (operands[1].kind != OperandKind::kFunction && most != Holds::kNothing) {
      for (auto& [other, levels] : levels_) {
        for (const Param& p : other->params) {
          if (other->is_entry) break;
          Raise(p.is_register ? levels.registers[p.index] : levels.variables[p.index],
                Holds::kDerived);
        }
      }
    }
    const bool unknown = operands[1].kind != OperandKind::kFunction;
    if (most != Holds::kNothing || unknown) {
      for (const Operand& o : returns) give(o, Holds::kDerived);
    }
    return;
  }
  const Function& callee = module_.functions[operands[1].index];
  Levels& levels = At(callee);
  const auto formal = [&](const Param& p) -> Holds& {
    return p.is_register ? levels.registers[p.index] : levels.variables[p.index];
  };
  for (size_t i = 0; i < std::min(arguments.size(), callee.params.size()); ++i) {
    Raise(formal(callee.params[i]), held(f, arguments[i]));
  }
  for (size_t i = 0; i < std::min(returns.size(), callee.returns.size()); ++i) {
    give(returns[i], formal(callee.returns[i]));
  }
}

void AddressFlow::Step(const Function& f, const Instruction& i) {
  const Operation& op = module_.OperationOf(i);
  const std::span<const Operand> operands = f.Operands(i);
  if (operands.empty() || op.opcode == Opcode::kUnknown) return;
  if (op.opcode == Opcode::kCall) return Call(f, operands);
  if (op.opcode == Opcode::kMapa || op.opcode == Opcode::kAlloca ||
      op.opcode == Opcode::kStacksave) {
    return Mark(f, operands[0], Holds::kPlace);
  }
  // A cache policy is the device's own bits too, and good in its one place only.
  if (op.opcode == Opcode::kCreatepolicy) return Mark(f, operands[0], Holds::kPlace);
  Holds result = Computed(f, op, operands);
  // Whether an address carries depends on where it lies.
  const bool reads_carry =
      op.opcode == Opcode::kAddc || op.opcode == Opcode::kSubc || op.opcode == Opcode::kMadc;
  if (reads_carry) result = std::max(result, At(f).carry);
  if (op.cc && result != Holds::kNothing) Raise(At(f).carry, Holds::kDerived);
  // A number becomes an address here, by adding where the device keeps the window.
  if (op.opcode == Opcode::kCvta && result == Holds::kNothing) result = Holds::kPlace;
  // In which window a number would lie depends on where the windows are.
  if (op.opcode == Opcode::kIsspacep && Of(f, operands[1]) == Holds::kNothing) {
    result = Holds::kDerived;
  }
  // Whatever names memory first and values behind it may store them: st, red, atom, cp.
  Holds stored = Holds::kNothing;
  for (const Operand& o : operands) stored = std::max(stored, Of(f, o));
  for (const Operand& o : operands) {
    if (o.kind != OperandKind::kAddress) continue;
    if (op.opcode == Opcode::kCp && relocated_) stored = Holds::kDerived;
    const bool reads_only = op.opcode == Opcode::kLd || op.opcode == Opcode::kLdu;
    if (!reads_only) Store(f, op, o, stored);
    if (op.opcode != Opcode::kSt) result = std::max(result, Load(f, op, o));
  }
  Mark(f, operands[0], result);
}

}  // namespace souk::ptx
