#include "gpu/ptx/canonical.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "gpu/ptx/forms.h"
#include "gpu/ptx/lexer.h"
#include "gpu/ptx/sizes.h"

namespace souk::ptx {
namespace {

bool MayFuse(const Operation& op) {
  if (op.opcode != Opcode::kAdd && op.opcode != Opcode::kSub && op.opcode != Opcode::kMul) {
    return false;
  }
  return IsFloat(op.type) && op.rounding == Rounding::kNone;
}

Status RefuseUnknown(const Module& module) {
  for (const Function& f : module.functions) {
    for (const Instruction& i : f.body) {
      const Operation& op = module.OperationOf(i);
      if (op.opcode != Opcode::kUnknown) continue;
      return Error(Code::kUnsupported, fmt::format("line {}: {} is not known", i.line, op.unknown));
    }
  }
  return Ok();
}

// Functions of the driver's, which ptxas (CUDA 13.0) knows by name; nobody can take their address.
bool IsSystemFunction(std::string_view name) {
  return name == "vprintf" || name == "malloc" || name == "free" || name == "__assertfail" ||
         name.starts_with("__cuda_syscall_");
}

// A device links nothing to the module: what functions use it must define. Addresses in
// initialisers are left to the device, which refuses the kernels that reach them only; ptxas
// refuses the module.
Status RefuseUndefined(const Module& module) {
  std::vector<bool> called(module.functions.size(), false);
  std::vector<bool> held(module.functions.size(), false);  // by address
  for (const Variable& v : module.variables) {
    if (v.linkage != Linkage::kExtern || v.size != 0 || v.space == Space::kShared) continue;
    return Error(Code::kUnsupported,
                 fmt::format("line {}: variable {} is not in the module", v.line, Quoted(v.name)));
  }
  for (const Function& f : module.functions) {
    for (const Instruction& i : f.body) {
      const bool is_call = module.OperationOf(i).opcode == Opcode::kCall;
      for (const Operand& o : f.Operands(i)) {
        if (o.kind == OperandKind::kFunction) (is_call ? called : held)[o.index] = true;
      }
    }
    for (const TargetTable& table : f.tables) {
      for (uint32_t target : table.targets) {
        if (table.is_calls) held[target] = true;
      }
    }
  }
  for (size_t i = 0; i < module.functions.size(); ++i) {
    const Function& f = module.functions[i];
    const auto refuse = [&](const char* what) {
      return Error(Code::kUnsupported,
                   fmt::format("line {}: function {} {}", f.line, Quoted(f.name), what));
    };
    if (called[i] && f.is_entry) return refuse("is a kernel, and cannot be called");
    const bool is_needed = f.linkage != Linkage::kExtern || called[i];
    if (f.defined || !(held[i] || (is_needed && !IsSystemFunction(f.name)))) continue;
    return refuse("is not in the module");
  }
  return Ok();
}

// Rewrites spellings, keeps those in use, in order of first use.
void RewriteOperations(Module& module) {
  std::map<std::string, uint32_t, std::less<>> index_of;
  std::vector<uint32_t> moved(module.operations.size(), kNoIndex);
  std::vector<Operation> operations;
  for (Function& f : module.functions) {
    for (Instruction& i : f.body) {
      uint32_t& to = moved[i.operation];
      if (to == kNoIndex) {
        const Operation& old = module.operations[i.operation];
        std::string spelling = UnfusedSpelling(old);
        const auto [at, fresh] =
            index_of.try_emplace(spelling, static_cast<uint32_t>(operations.size()));
        if (fresh) operations.push_back(spelling == old.spelling ? old : DecodeOperation(spelling));
        to = at->second;
      }
      i.operation = to;
    }
  }
  module.operations = std::move(operations);
}

// Functions that are used before they are defined stand first, as Write declares them first.
void OrderFunctions(Module& module) {
  std::vector<bool> referenced(module.functions.size(), false);
  const auto note = [&](bool is_function, uint32_t target) {
    if (is_function) referenced[target] = true;
  };
  for (const Variable& v : module.variables) {
    for (const Relocation& r : v.relocations) note(r.is_function, r.target);
  }
  for (const Function& f : module.functions) {
    for (const Operand& o : f.operands) note(o.kind == OperandKind::kFunction, o.index);
    for (const TargetTable& t : f.tables) {
      for (uint32_t target : t.targets) note(t.is_calls, target);
    }
  }
  std::vector<uint32_t> order(module.functions.size());
  for (uint32_t i = 0; i < order.size(); ++i) {
    order[i] = i;
    module.functions[i].forward = !module.functions[i].is_entry || referenced[i];
  }
  const auto early = [&](uint32_t i) {
    return module.functions[i].forward || !module.functions[i].defined;
  };
  std::stable_partition(order.begin(), order.end(), early);
  std::vector<uint32_t> moved(order.size());
  std::vector<Function> functions;
  functions.reserve(order.size());
  for (uint32_t i = 0; i < order.size(); ++i) {
    moved[order[i]] = i;
    functions.push_back(std::move(module.functions[order[i]]));
  }
  module.functions = std::move(functions);
  for (Variable& v : module.variables) {
    for (Relocation& r : v.relocations) {
      if (r.is_function) r.target = moved[r.target];
    }
  }
  for (Function& f : module.functions) {
    for (Operand& o : f.operands) {
      if (o.kind == OperandKind::kFunction) o.index = moved[o.index];
    }
    for (TargetTable& t : f.tables) {
      for (uint32_t& target : t.targets) target = t.is_calls ? moved[target] : target;
    }
  }
}

// Trailing zeros of an initialiser are what an absent one means.
void TrimInitialiser(Variable& v) {
  const uint32_t size = TypeBytes(v.type);
  size_t keep = v.bytes.size();
  while (keep > 0 && v.bytes[keep - 1] == 0) --keep;
  if (!v.relocations.empty()) {
    std::sort(v.relocations.begin(), v.relocations.end(),
              [](const Relocation& a, const Relocation& b) { return a.offset < b.offset; });
    keep = std::max<size_t>(keep, v.relocations.back().offset + size);
  }
  if (size > 0) v.bytes.resize(std::min(v.bytes.size(), (keep + size - 1) / size * size));
  v.initialised = keep > 0;
}

const char* RegisterPrefix(Type type) {
  switch (type) {
    case Type::kPred:
      return "%p";
    case Type::kB16:
      return "%rs";
    case Type::kB32:
      return "%r";
    case Type::kB64:
      return "%rd";
    case Type::kF32:
      return "%f";
    case Type::kF64:
      return "%fd";
    default:
      return nullptr;
  }
}

void RenameRegisters(Function& f) {
  std::map<std::pair<Type, uint8_t>, uint32_t> counts;
  // Parameters that are registers are declared one by one in the header, so they are apart.
  size_t params = 0;
  for (const std::vector<Param>* list : {&f.returns, &f.params}) {
    for (const Param& param : *list) params += param.is_register ? 1 : 0;
  }
  for (size_t i = 0; i < f.registers.size(); ++i) {
    Register& reg = f.registers[i];
    if (i < params) {
      reg.name = fmt::format("%a_{}", i);
      continue;
    }
    const uint32_t number = counts[{reg.type, reg.vector}]++;
    const char* const prefix = reg.vector == 1 ? RegisterPrefix(reg.type) : nullptr;
    if (prefix != nullptr) {
      reg.name = fmt::format("{}{}", prefix, number);
    } else {
      reg.name = reg.vector == 1 ? fmt::format("%{}_{}", TypeName(reg.type), number)
                                 : fmt::format("%v{}{}_{}", reg.vector, TypeName(reg.type), number);
    }
  }
}

// Labels in use, one per place, by place.
void RenameLabels(Function& f, const std::string& stem) {
  std::map<uint32_t, uint32_t> by_target;  // place → new index
  const auto use = [&](uint32_t label) { by_target.try_emplace(f.labels[label].target, 0); };
  for (const Operand& o : f.operands) {
    if (o.kind == OperandKind::kLabel) use(o.index);
  }
  for (const TargetTable& t : f.tables) {
    if (!t.is_calls) std::for_each(t.targets.begin(), t.targets.end(), use);
  }
  std::vector<Label> labels;
  for (auto& [target, index] : by_target) {
    index = static_cast<uint32_t>(labels.size());
    Label label;
    label.name = fmt::format("{}L_{}", stem, index);
    label.target = target;
    labels.push_back(std::move(label));
  }
  const auto move = [&](uint32_t& label) { label = by_target.at(f.labels[label].target); };
  for (Operand& o : f.operands) {
    if (o.kind == OperandKind::kLabel) move(o.index);
  }
  for (TargetTable& t : f.tables) {
    if (!t.is_calls) std::for_each(t.targets.begin(), t.targets.end(), move);
  }
  f.labels = std::move(labels);
  for (size_t i = 0; i < f.tables.size(); ++i) f.tables[i].name = fmt::format("{}T_{}", stem, i);
  for (size_t i = 0; i < f.prototypes.size(); ++i) {
    f.prototypes[i].name = fmt::format("{}P_{}", stem, i);
  }
}

size_t ParameterVariables(const Function& f) {
  size_t count = 0;
  for (const std::vector<Param>* list : {&f.returns, &f.params}) {
    for (const Param& param : *list) count += param.is_register ? 0 : 1;
  }
  return count;
}

// "$", or as many more "_" as it takes to begin no name that stays.
std::string Stem(const Module& module) {
  std::string stem = "$";
  const auto avoid = [&](const std::string& name) {
    const size_t end = std::min(name.find_first_not_of('_', 1), name.size());
    if (name[0] == '$' && end >= stem.size()) stem = "$" + std::string(end, '_');
  };
  for (const Variable& v : module.variables) avoid(v.name);
  for (const Function& f : module.functions) {
    avoid(f.name);
    for (size_t i = 0; i < ParameterVariables(f); ++i) avoid(f.variables[i].name);
  }
  return stem;
}

void CanonicalFunction(Function& f, const std::string& stem) {
  RenameRegisters(f);
  RenameLabels(f, stem);
  for (size_t i = ParameterVariables(f); i < f.variables.size(); ++i) {
    f.variables[i].name = fmt::format("{}v_{}", stem, i - ParameterVariables(f));
  }
}

}  // namespace

std::string UnfusedSpelling(const Operation& op) {
  if (!MayFuse(op)) return op.spelling;
  const size_t dot = op.spelling.find('.');
  return op.spelling.substr(0, dot) + ".rn" + op.spelling.substr(dot);
}

Result<Module> Canonicalize(Module module) {
  RETURN_IF_ERROR(RefuseUnknown(module));
  RETURN_IF_ERROR(RefuseUndefined(module));
  RewriteOperations(module);
  OrderFunctions(module);
  for (Variable& v : module.variables) TrimInitialiser(v);
  const std::string stem = Stem(module);
  constexpr size_t kLongestStem = 64;
  if (stem.size() > kLongestStem) {
    return Error(Code::kUnsupported, "a module with a name of '$' and very many '_'");
  }
  for (Function& f : module.functions) CanonicalFunction(f, stem);
  module.version = LeastVersion(module);
  module.canonical = true;
  // Functions have moved, and what padding they need with them.
  RETURN_IF_ERROR(CheckShared(module));
  return module;
}

}  // namespace souk::ptx
