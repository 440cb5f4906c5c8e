#include "gpu/ptx/calls.h"

#include <fmt/format.h>

#include <algorithm>

namespace souk::ptx {
namespace {

// A parameter as the callee declares it, or what a call gives for it.
struct Value {
  Type type = Type::kNone;
  uint8_t vector = 1;
  bool is_array = false;
  bool is_register = false;
  uint64_t size = 0;  // of an array; 0: any
  uint32_t align = 1;
};

struct Formals {
  std::vector<Value> returns = {};
  std::vector<Value> params = {};
};

Value ValueOf(const Register& reg) {
  Value value;
  value.type = reg.type;
  value.vector = reg.vector;
  value.is_register = true;
  value.align = TypeBytes(reg.type) * reg.vector;
  return value;
}

Value ValueOf(const Variable& variable) {
  Value value;
  value.type = variable.type;
  value.vector = variable.vector;
  value.is_array = variable.is_array;
  value.is_register = variable.space == Space::kReg;
  value.size = variable.size;
  value.align = variable.align;
  return value;
}

Formals FormalsOf(const Function& f) {
  const auto values = [&](const std::vector<Param>& params) {
    std::vector<Value> all;
    all.reserve(params.size());
    for (const Param& param : params) {
      all.push_back(param.is_register ? ValueOf(f.registers[param.index])
                                      : ValueOf(f.variables[param.index]));
    }
    return all;
  };
  return {values(f.returns), values(f.params)};
}

Formals FormalsOf(const Prototype& prototype) {
  Formals formals;
  for (const Variable& v : prototype.returns) formals.returns.push_back(ValueOf(v));
  for (const Variable& v : prototype.params) formals.params.push_back(ValueOf(v));
  return formals;
}

bool IsBits(Type type) {
  return type >= Type::kB8 && type <= Type::kB128;
}

bool Agree(Type a, Type b) {
  if (TypeBits(a) != TypeBits(b) || a == Type::kPred || b == Type::kPred) return a == b;
  const auto is_any = [](Type type) { return IsBits(type) || type == Type::kF16x2; };
  return a == b || is_any(a) || is_any(b) || (!IsFloat(a) && !IsFloat(b));
}

// The elements of two arrays of one size: bits are those of any type.
bool ElementsAgree(Type a, Type b) {
  return IsBits(a) || IsBits(b) || (TypeBits(a) == TypeBits(b) && Agree(a, b));
}

// "In ABI compilation, passing predicate, 8-bit and 16-bit parameters … is not supported": but as
// bits, or as .f16.
bool IsTooSmall(const Value& formal) {
  switch (formal.type) {
    case Type::kPred:
    case Type::kU8:
    case Type::kS8:
    case Type::kU16:
    case Type::kS16:
      return !formal.is_array;
    default:
      return false;
  }
}

std::string ConstantFault(const Value& formal, const Operand& constant) {
  const bool is_float = formal.type == Type::kF32 || formal.type == Type::kF64;
  const bool takes_float = is_float || formal.type == Type::kB32 || formal.type == Type::kB64;
  const bool fits = constant.kind == OperandKind::kInteger ? !IsFloat(formal.type) : takes_float;
  return fits && !formal.is_array && formal.vector == 1 ? "" : "does not have the parameter's type";
}

std::string ValueFault(const Value& formal, const Value& actual) {
  const bool types =
      formal.is_array ? ElementsAgree(formal.type, actual.type) : Agree(formal.type, actual.type);
  const bool sizes = !formal.is_array || formal.size == 0 || formal.size == actual.size;
  if (formal.is_array != actual.is_array || formal.vector != actual.vector || !types || !sizes) {
    return "does not have the parameter's type";
  }
  return formal.align == actual.align ? "" : "does not have the parameter's alignment";
}

class CallChecker {
 public:
  explicit CallChecker(const Function& caller) : caller_(caller) {
    for (const std::vector<Param>* list : {&caller.returns, &caller.params}) {
      for (const Param& param : *list) own_params_ += param.is_register ? 0 : 1;
    }
  }

  std::string Check(std::span<const Operand> operands, const Formals& formals) const {
    const std::span<const Operand> returns = caller_.Elements(operands[0]);
    const std::span<const Operand> arguments = caller_.Elements(operands[2]);
    const bool is_open = !formals.params.empty() && formals.params.back().is_array &&
                         formals.params.back().size == 0;
    if (returns.size() != formals.returns.size()) {
      return fmt::format("it returns {} values, not {}", formals.returns.size(), returns.size());
    }
    if (arguments.size() > formals.params.size() ||
        arguments.size() + (is_open ? 1 : 0) < formals.params.size()) {
      return fmt::format("it takes {} arguments, not {}", formals.params.size(), arguments.size());
    }
    for (size_t i = 0; i < returns.size(); ++i) {
      const std::string fault = Fault(formals.returns[i], returns[i], /*is_return=*/true);
      if (!fault.empty()) return fmt::format("return value {} {}", i + 1, fault);
    }
    for (size_t i = 0; i < arguments.size(); ++i) {
      const std::string fault = Fault(formals.params[i], arguments[i], /*is_return=*/false);
      if (!fault.empty()) return fmt::format("argument {} {}", i + 1, fault);
    }
    return "";
  }

  std::string CalleeFault(std::span<const Operand> operands) const {
    const Operand& callee = operands[1];
    if (callee.kind == OperandKind::kFunction) return "";  // of kernels Canonicalize speaks
    const Register& reg = caller_.registers[callee.index];
    const bool is_address = callee.component == Component::kAll && reg.vector == 1 &&
                            !IsFloat(reg.type) && TypeBits(reg.type) >= 32 &&
                            TypeBits(reg.type) <= 64;
    return is_address ? "" : "a function's address is a register of 64 bits";
  }

 private:
  std::string Fault(const Value& formal, const Operand& actual, bool is_return) const {
    if (IsTooSmall(formal)) return "is a predicate, or a number of less than 32 bits";
    switch (actual.kind) {
      case OperandKind::kSink:
        return is_return ? "" : "is none";
      case OperandKind::kRegister:
        return ValueFault(formal, ValueOf(caller_.registers[actual.index]));
      case OperandKind::kInteger:
      case OperandKind::kFloat32:
      case OperandKind::kFloat64:
        return is_return ? "is a constant" : ConstantFault(formal, actual);
      case OperandKind::kVariable: {
        if (actual.scope != VariableScope::kFunction ||
            caller_.variables[actual.index].space != Space::kParam) {
          return "is no .param variable";
        }
        if (actual.index < own_params_) return "is a parameter of the caller's own";
        return ValueFault(formal, ValueOf(caller_.variables[actual.index]));
      }
      default:
        return "is neither a register, a constant nor a .param variable";
    }
  }

  const Function& caller_;
  uint32_t own_params_ = 0;
};

}  // namespace

std::string CallFault(const Module& module, const Function& caller,
                      std::span<const Operand> operands) {
  const CallChecker checker(caller);
  std::string fault = checker.CalleeFault(operands);
  if (!fault.empty()) return fault;
  if (operands[1].kind == OperandKind::kFunction) {
    return checker.Check(operands, FormalsOf(module.functions[operands[1].index]));
  }
  if (operands[3].kind == OperandKind::kPrototype) {
    return checker.Check(operands, FormalsOf(caller.prototypes[operands[3].index]));
  }
  // All functions of a table are of one type.
  const uint32_t target = caller.tables[operands[3].index].targets[0];
  return checker.Check(operands, FormalsOf(module.functions[target]));
}

}  // namespace souk::ptx
