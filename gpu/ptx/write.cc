#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>

#include "gpu/ptx/module.h"
#include "protocol/base/check.h"

namespace souk::ptx {
namespace {

constexpr const char* kSpaces[] = {"",      "reg",   "sreg",   "const",           "global",
                                   "local", "param", "shared", "shared::cluster", "tex"};
constexpr const char* kComponents[] = {"",    ".x",  ".y",  ".z",  ".w", ".b0",
                                       ".b1", ".b2", ".b3", ".h0", ".h1"};

uint32_t NaturalAlign(const Variable& v) {
  return std::min<uint32_t>(std::max(1u, TypeBytes(v.type)) * v.vector, 128);
}

// One text, appended to piece by piece.
class Writer {
 public:
  explicit Writer(const Module& module) : module_(module) {}

  std::string WriteModule();
  void WriteOperands(const Function& function, const Instruction& instruction);
  std::string Take() { return std::move(out_); }

 private:
  template <typename... Args>
  void Print(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
  }
  // Prints all, with ", " between.
  template <typename Items, typename Each>
  void Join(const Items& items, const Each& each) {
    bool first = true;
    for (const auto& item : items) {
      if (!first) out_ += ", ";
      first = false;
      each(item);
    }
  }

  void WriteLinkage(Linkage linkage);
  void WriteDeclaration(const Variable& v, const Param* param);
  void WriteModuleVariable(const Variable& v);
  void WriteInitialiser(const Variable& v);
  void WriteScalar(const Variable& v, uint64_t scalar, size_t& relocation);
  void WriteRelocation(const Relocation& relocation);
  void WriteParams(const Function& f, const std::vector<Param>& params);
  void WriteHeader(const Function& f);
  void WriteDirectives(const Directives& d);
  void WriteFunction(const Function& f);
  void WriteRegisters(const Function& f);
  void WriteBody(const Function& f);
  void WriteTable(const Function& f, const TargetTable& table);
  void WritePrototype(const Prototype& prototype);
  void WriteCall(const Function& f, std::span<const Operand> operands);
  void WriteOperand(const Function& f, const Operand& operand);
  void WritePicks(const Picks& picks);
  void WriteAddress(const Function& f, const Operand& operand);
  void WriteOffset(uint64_t offset);
  void WriteGroup(const Function& f, const Operand& group, const char* open, const char* close);
  const std::string& VariableName(const Function& f, const Operand& operand) const;

  const Module& module_;
  std::string out_;
};

void Writer::WriteLinkage(Linkage linkage) {
  switch (linkage) {
    case Linkage::kInternal:
      return;
    case Linkage::kVisible:
      out_ += ".visible ";
      return;
    case Linkage::kExtern:
      out_ += ".extern ";
      return;
    case Linkage::kWeak:
      out_ += ".weak ";
      return;
    case Linkage::kCommon:
      out_ += ".common ";
      return;
  }
}

// ".param .align 8 .b8 name[16]"; param adds .ptr.
void Writer::WriteDeclaration(const Variable& v, const Param* param) {
  Print(".{} ", kSpaces[static_cast<size_t>(v.space)]);
  if (v.managed) out_ += ".attribute(.managed) ";
  if (v.align != NaturalAlign(v)) Print(".align {} ", v.align);
  if (v.vector > 1) Print(".v{} ", v.vector);
  Print(".{} ", TypeName(v.type));
  if (param != nullptr && param->is_pointer) {
    out_ += ".ptr ";
    if (param->pointee != Space::kGeneric) {
      Print(".{} ", kSpaces[static_cast<size_t>(param->pointee)]);
    }
    if (param->pointee_align != 0) Print(".align {} ", param->pointee_align);
  }
  out_ += v.name;
  if (v.is_array && v.size == 0) out_ += "[]";
  if (v.is_array && v.size != 0) Print("[{}]", v.elements);
}

void Writer::WriteRelocation(const Relocation& r) {
  if (r.masked) Print("0x{:X}(", uint64_t{0xff} << r.shift);
  if (r.generic) out_ += "generic(";
  out_ += r.is_function ? module_.functions[r.target].name : module_.variables[r.target].name;
  if (r.generic) out_ += ')';
  WriteOffset(static_cast<uint64_t>(r.addend));
  if (r.masked) out_ += ')';
}

void Writer::WriteScalar(const Variable& v, uint64_t scalar, size_t& relocation) {
  const uint32_t size = TypeBytes(v.type);
  const uint64_t offset = scalar * size;
  if (relocation < v.relocations.size() && v.relocations[relocation].offset == offset) {
    WriteRelocation(v.relocations[relocation++]);
    return;
  }
  uint64_t bits = 0;
  for (uint32_t i = 0; i < size && offset + i < v.bytes.size(); ++i) {
    bits |= uint64_t{v.bytes[offset + i]} << (8 * i);
  }
  if (v.type == Type::kF32) {
    Print("0f{:08X}", bits);
  } else if (v.type == Type::kF64) {
    Print("0d{:016X}", bits);
  } else if (IsSigned(v.type)) {
    const uint32_t unused = 64 - 8 * std::max(size, 1u);
    Print("{}", static_cast<int64_t>(bits << unused) >> unused);
  } else {
    Print("{}", bits);
  }
}

void Writer::WriteInitialiser(const Variable& v) {
  size_t relocation = 0;
  out_ += " = ";
  if (!v.is_array && v.vector == 1) {
    WriteScalar(v, 0, relocation);
    return;
  }
  uint64_t scalars = (v.bytes.size() + TypeBytes(v.type) - 1) / TypeBytes(v.type);
  scalars = (scalars + v.vector - 1) / v.vector * v.vector;  // ptxas wants vectors whole
  const bool nested = v.vector > 1 && v.is_array;
  out_ += '{';
  for (uint64_t i = 0; i < scalars; ++i) {
    if (i > 0) out_ += ", ";
    if (nested && i % v.vector == 0) out_ += '{';
    WriteScalar(v, i, relocation);
    if (nested && i % v.vector == v.vector - 1u) out_ += '}';
  }
  out_ += '}';
}

void Writer::WriteModuleVariable(const Variable& v) {
  WriteLinkage(v.linkage);
  WriteDeclaration(v, nullptr);
  if (v.initialised) WriteInitialiser(v);
  out_ += ";\n";
}

void Writer::WriteParams(const Function& f, const std::vector<Param>& params) {
  out_ += '(';
  Join(params, [&](const Param& param) {
    if (!param.is_register) {
      WriteDeclaration(f.variables[param.index], &param);
      return;
    }
    const Register& reg = f.registers[param.index];
    out_ += ".reg ";
    if (reg.vector > 1) Print(".v{} ", reg.vector);
    Print(".{} {}", TypeName(reg.type), reg.name);
  });
  out_ += ')';
}

void Writer::WriteHeader(const Function& f) {
  WriteLinkage(f.linkage);
  out_ += f.is_entry ? ".entry " : ".func ";
  if (!f.returns.empty()) {
    WriteParams(f, f.returns);
    out_ += ' ';
  }
  out_ += f.name;
  WriteParams(f, f.params);
  if (f.directives.noreturn) out_ += " .noreturn";
}

void Writer::WriteDirectives(const Directives& d) {
  const auto triple = [&](const char* name, const uint32_t(&v)[3]) {
    if (v[0] != 0) Print(".{} {}, {}, {}\n", name, v[0], v[1], v[2]);
  };
  const auto number = [&](const char* name, uint32_t v) {
    if (v != 0) Print(".{} {}\n", name, v);
  };
  triple("maxntid", d.maxntid);
  triple("reqntid", d.reqntid);
  number("minnctapersm", d.minnctapersm);
  number("maxnreg", d.maxnreg);
  triple("reqnctapercluster", d.reqnctapercluster);
  number("maxclusterrank", d.maxclusterrank);
  if (d.explicitcluster) out_ += ".explicitcluster\n";
  if (d.blocksareclusters) out_ += ".blocksareclusters\n";
}

// A canonical function's registers are numbered from 0 within each type.
void Writer::WriteRegisters(const Function& f) {
  std::map<std::string_view, std::pair<const Register*, size_t>> ranges;
  size_t params = 0;
  for (const std::vector<Param>* list : {&f.returns, &f.params}) {
    for (const Param& param : *list) params += param.is_register ? 1 : 0;
  }
  for (size_t i = 0; i < f.registers.size(); ++i) {
    const Register& reg = f.registers[i];
    if (i < params) continue;  // declared in the header
    const std::string_view name = reg.name;
    const size_t digits = name.size() - 1 - name.find_last_not_of("0123456789");
    auto& range = ranges[name.substr(0, name.size() - digits)];
    range.first = &reg;
    ++range.second;
  }
  for (const auto& [prefix, range] : ranges) {
    out_ += "\t.reg ";
    if (range.first->vector > 1) Print(".v{} ", range.first->vector);
    Print(".{} {}<{}>;\n", TypeName(range.first->type), prefix, range.second);
  }
}

void Writer::WriteTable(const Function& f, const TargetTable& table) {
  Print("{}: {} ", table.name, table.is_calls ? ".calltargets" : ".branchtargets");
  Join(table.targets, [&](uint32_t target) {
    out_ += table.is_calls ? module_.functions[target].name : f.labels[target].name;
  });
  out_ += ";\n";
}

void Writer::WritePrototype(const Prototype& prototype) {
  const auto list = [&](const std::vector<Variable>& variables) {
    out_ += '(';
    Join(variables, [&](const Variable& v) { WriteDeclaration(v, nullptr); });
    out_ += ')';
  };
  Print("{}: .callprototype ", prototype.name);
  list(prototype.returns);
  out_ += " _ ";
  list(prototype.params);
  out_ += prototype.noreturn ? " .noreturn;\n" : ";\n";
}

void Writer::WriteBody(const Function& f) {
  size_t label = 0, table = 0, prototype = 0, pragma = 0;
  for (size_t i = 0; i <= f.body.size(); ++i) {
    for (; label < f.labels.size() && f.labels[label].target == i; ++label) {
      Print("{}:\n", f.labels[label].name);
    }
    for (; table < f.tables.size() && f.tables[table].position == i; ++table) {
      WriteTable(f, f.tables[table]);
    }
    for (; prototype < f.prototypes.size() && f.prototypes[prototype].position == i; ++prototype) {
      WritePrototype(f.prototypes[prototype]);
    }
    for (; pragma < f.pragmas.size() && f.pragmas[pragma].position == i; ++pragma) {
      Print("\t.pragma \"{}\";\n", f.pragmas[pragma].text);
    }
    if (i == f.body.size()) break;
    out_ += '\t';
    WriteOperands(f, f.body[i]);
    out_ += ";\n";
  }
}

void Writer::WriteFunction(const Function& f) {
  WriteHeader(f);
  out_ += '\n';
  WriteDirectives(f.directives);
  out_ += "{\n";
  WriteRegisters(f);
  size_t params = 0;
  for (const std::vector<Param>* list : {&f.returns, &f.params}) {
    for (const Param& param : *list) params += param.is_register ? 0 : 1;
  }
  for (size_t i = params; i < f.variables.size(); ++i) {
    out_ += '\t';
    WriteDeclaration(f.variables[i], nullptr);
    out_ += ";\n";
  }
  WriteBody(f);
  out_ += "}\n";
}

void Writer::WriteOffset(uint64_t offset) {
  if (offset != 0) Print("+{}", static_cast<int64_t>(offset));
}

const std::string& Writer::VariableName(const Function& f, const Operand& operand) const {
  return operand.scope == VariableScope::kModule ? module_.variables[operand.index].name
                                                 : f.variables[operand.index].name;
}

void Writer::WriteAddress(const Function& f, const Operand& operand) {
  switch (operand.base) {
    case BaseKind::kNone:
      Print("{}", operand.offset());
      return;
    case BaseKind::kRegister:
      out_ += f.registers[operand.index].name;
      break;
    case BaseKind::kVariable:
      out_ += VariableName(f, operand);
      break;
  }
  WriteOffset(operand.value);
}

void Writer::WriteGroup(const Function& f, const Operand& group, const char* open,
                        const char* close) {
  out_ += open;
  Join(f.Elements(group), [&](const Operand& element) { WriteOperand(f, element); });
  out_ += close;
}

void Writer::WritePicks(const Picks& picks) {
  out_ += picks.halves ? ".h" : ".b";
  for (size_t i = picks.count; i-- > 0;) out_ += static_cast<char>('0' + picks.at[i]);
}

void Writer::WriteOperand(const Function& f, const Operand& operand) {
  switch (operand.kind) {
    case OperandKind::kSink:
      out_ += '_';
      return;
    case OperandKind::kRegister: {
      const Register& reg = f.registers[operand.index];
      if (operand.negated) out_ += reg.type == Type::kPred ? '!' : '-';
      out_ += reg.name;
      if (operand.component == Component::kPicks) {
        WritePicks(Picks::Decode(operand.value));
      } else {
        out_ += kComponents[static_cast<size_t>(operand.component)];
      }
      return;
    }
    case OperandKind::kInteger:
      // "-9223372036854775808" would negate a literal that is out of range.
      if (operand.value == uint64_t{1} << 63) {
        out_ += "0x8000000000000000";
      } else {
        Print("{}", static_cast<int64_t>(operand.value));
      }
      return;
    case OperandKind::kFloat32:
      Print("0f{:08X}", operand.value);
      return;
    case OperandKind::kFloat64:
      Print("0d{:016X}", operand.value);
      return;
    case OperandKind::kSpecial:
      out_ += SpecialName(static_cast<Special>(operand.index), operand.value);
      return;
    case OperandKind::kVariable:
      out_ += VariableName(f, operand);
      WriteOffset(operand.value);
      return;
    case OperandKind::kFunction:
      out_ += module_.functions[operand.index].name;
      return;
    case OperandKind::kLabel:
      out_ += f.labels[operand.index].name;
      return;
    case OperandKind::kTable:
      out_ += f.tables[operand.index].name;
      return;
    case OperandKind::kPrototype:
      out_ += f.prototypes[operand.index].name;
      return;
    case OperandKind::kAddress:
      out_ += '[';
      WriteAddress(f, operand);
      out_ += ']';
      return;
    case OperandKind::kVector:
      return WriteGroup(f, operand, "{", "}");
    case OperandKind::kTuple:
      return WriteGroup(f, operand, "(", ")");
    case OperandKind::kPair: {
      const std::span<const Operand> pair = f.Elements(operand);
      WriteOperand(f, pair[0]);
      out_ += '|';
      return WriteOperand(f, pair[1]);
    }
    case OperandKind::kBracket: {
      const std::span<const Operand> elements = f.Elements(operand);
      out_ += '[';
      WriteAddress(f, elements[0]);
      for (const Operand& element : elements.subspan(1)) {
        out_ += ", ";
        WriteOperand(f, element);
      }
      out_ += ']';
      return;
    }
  }
}

void Writer::WriteCall(const Function& f, std::span<const Operand> operands) {
  if (operands[0].count > 0) {
    WriteOperand(f, operands[0]);
    out_ += ", ";
  }
  Join(operands.subspan(1), [&](const Operand& operand) { WriteOperand(f, operand); });
}

void Writer::WriteOperands(const Function& f, const Instruction& instruction) {
  if (instruction.guard != kNoIndex) {
    Print("@{}{} ", instruction.guard_negated ? "!" : "", f.registers[instruction.guard].name);
  }
  const Operation& op = module_.OperationOf(instruction);
  out_ += op.spelling;
  const std::span<const Operand> operands = f.Operands(instruction);
  if (operands.empty()) return;
  out_ += ' ';
  if (op.opcode == Opcode::kCall) {
    WriteCall(f, operands);
  } else {
    Join(operands, [&](const Operand& operand) { WriteOperand(f, operand); });
  }
}

std::string Writer::WriteModule() {
  Print(".version {}.{}\n.target sm_{}{}{}\n.address_size 64\n", module_.version / 10,
        module_.version % 10, module_.target, module_.target_suffix,
        module_.texmode_independent ? ", texmode_independent" : "");
  for (const Function& f : module_.functions) {
    if (f.defined && !f.forward) continue;
    WriteHeader(f);
    out_ += ";\n";
  }
  for (const Variable& v : module_.variables) WriteModuleVariable(v);
  for (const Function& f : module_.functions) {
    if (f.defined) WriteFunction(f);
  }
  return Take();
}

}  // namespace

std::string Write(const Module& module) {
  CHECK(module.canonical);
  return Writer(module).WriteModule();
}

std::string WriteInstruction(const Module& module, const Function& function,
                             const Instruction& instruction) {
  Writer writer(module);
  writer.WriteOperands(function, instruction);
  return writer.Take();
}

}  // namespace souk::ptx
