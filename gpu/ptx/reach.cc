#include "gpu/ptx/reach.h"

#include <algorithm>

namespace souk::ptx {
namespace {

// Functions whose address is taken anywhere: an indirect call may lead to each.
std::vector<uint32_t> AddressTaken(const Module& module) {
  std::vector<uint32_t> taken;
  for (const Variable& v : module.variables) {
    for (const Relocation& r : v.relocations) {
      if (r.is_function) taken.push_back(r.target);
    }
  }
  for (const Function& f : module.functions) {
    for (const TargetTable& t : f.tables) {
      if (t.is_calls) taken.insert(taken.end(), t.targets.begin(), t.targets.end());
    }
    for (const Instruction& i : f.body) {
      if (module.OperationOf(i).opcode == Opcode::kCall) continue;
      for (const Operand& o : f.Operands(i)) {
        if (o.kind == OperandKind::kFunction) taken.push_back(o.index);
      }
    }
  }
  return taken;
}

bool IsAddressSource(Opcode opcode) {
  return opcode == Opcode::kCvta || opcode == Opcode::kMapa || opcode == Opcode::kAlloca ||
         opcode == Opcode::kStacksave;
}

// Results that cannot carry an address, whatever goes in.
bool ForgetsAddress(Opcode opcode) {
  switch (opcode) {
    case Opcode::kSetp:
    case Opcode::kSet:
    case Opcode::kLd:
    case Opcode::kLdu:
    case Opcode::kAtom:
    case Opcode::kTestp:
    case Opcode::kIsspacep:
    case Opcode::kVote:
    case Opcode::kTex:
    case Opcode::kSuld:
      return true;
    default:
      return false;
  }
}

class AddressFlow {
 public:
  AddressFlow(const Module& module, const Function& f)
      : module_(module), f_(f), holds_(f.registers.size(), false) {}

  std::vector<bool> Run() {
    // An instruction per edge; each round adds a register or is the last. Chains in program order
    // settle in one round; the bound keeps hostile orders from costing a square.
    constexpr int kRounds = 64;
    bool changed = true;
    for (int round = 0; changed; ++round) {
      if (round == kRounds) {
        std::fill(holds_.begin(), holds_.end(), true);
        break;
      }
      changed = false;
      for (const Instruction& i : f_.body) changed |= Step(i);
    }
    return holds_;
  }

 private:
  bool Holds(const Operand& o) const {
    switch (o.kind) {
      case OperandKind::kRegister:
        return holds_[o.index];
      case OperandKind::kVariable:
      case OperandKind::kFunction:
        return true;
      case OperandKind::kVector:
      case OperandKind::kPair: {
        const std::span<const Operand> parts = f_.Elements(o);
        return std::any_of(parts.begin(), parts.end(),
                           [&](const Operand& part) { return Holds(part); });
      }
      default:
        return false;
    }
  }

  bool Mark(const Operand& o) {
    if (o.kind == OperandKind::kVector || o.kind == OperandKind::kPair) {
      bool changed = false;
      for (const Operand& part : f_.Elements(o)) changed |= Mark(part);
      return changed;
    }
    return o.kind == OperandKind::kRegister && MarkRegister(o.index);
  }

  bool MarkRegister(uint32_t index) {
    if (holds_[index] || f_.registers[index].type == Type::kPred) return false;
    holds_[index] = true;
    return true;
  }

  bool Step(const Instruction& i) {
    const Opcode opcode = module_.OperationOf(i).opcode;
    const std::span<const Operand> operands = f_.Operands(i);
    if (operands.empty() || opcode == Opcode::kUnknown) return false;
    bool changed = false;
    for (const Operand& o : operands) {
      if (o.kind == OperandKind::kAddress && o.base == BaseKind::kRegister) {
        changed |= MarkRegister(o.index);
      }
    }
    if (opcode == Opcode::kCvta && operands.size() > 1) changed |= Mark(operands[1]);
    if (IsAddressSource(opcode)) return Mark(operands[0]) || changed;
    if (opcode == Opcode::kCall || ForgetsAddress(opcode) || opcode == Opcode::kSt) return changed;
    const bool any = std::any_of(operands.begin() + 1, operands.end(),
                                 [&](const Operand& o) { return Holds(o); });
    return (any && Mark(operands[0])) || changed;
  }

  const Module& module_;
  const Function& f_;
  std::vector<bool> holds_;
};

}  // namespace

std::vector<const Function*> ReachableFunctions(const Module& module, const Function& kernel) {
  const uint32_t start = static_cast<uint32_t>(&kernel - module.functions.data());
  std::vector<bool> seen(module.functions.size(), false);
  std::vector<uint32_t> open = {start};
  seen[start] = true;
  bool indirect_done = false;
  const auto reach = [&](uint32_t index) {
    if (seen[index]) return;
    seen[index] = true;
    open.push_back(index);
  };
  while (!open.empty()) {
    const Function& f = module.functions[open.back()];
    open.pop_back();
    bool indirect = false;
    for (const Instruction& i : f.body) {
      if (module.OperationOf(i).opcode != Opcode::kCall) continue;
      const Operand& callee = f.Operands(i)[1];
      if (callee.kind == OperandKind::kFunction) {
        reach(callee.index);
      } else {
        indirect = true;
      }
    }
    if (indirect && !indirect_done) {
      indirect_done = true;
      for (uint32_t index : AddressTaken(module)) reach(index);
    }
  }
  std::vector<const Function*> functions = {&kernel};
  for (uint32_t i = 0; i < seen.size(); ++i) {
    if (seen[i] && i != start) functions.push_back(&module.functions[i]);
  }
  return functions;
}

std::vector<bool> AddressRegisters(const Module& module, const Function& f) {
  return AddressFlow(module, f).Run();
}

}  // namespace souk::ptx
