#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>

#include "gpu/ptx/operands.h"
#include "gpu/ptx/parser.h"

namespace souk::ptx {
namespace {

// %tid.x, %clock64, %envreg3, %pm2_64. False where there is none of that name.
bool FindSpecial(std::string_view name, Operand& operand) {
  static const auto* const specials = new std::map<std::string_view, Special>{
#define X(special, text) {text, Special::special},
      SOUK_PTX_SPECIALS(X)
#undef X
  };
  operand.kind = OperandKind::kSpecial;
  if (const auto at = specials->find(name); at != specials->end()) {
    operand.index = static_cast<uint32_t>(at->second);
    return true;
  }
  for (uint64_t i = 0; i < 40; ++i) {
    for (Special special : {Special::kEnvreg, Special::kPm}) {
      if (special == Special::kEnvreg && i >= 32) continue;
      if (special == Special::kPm && i >= 8 && i < 32) continue;
      if (SpecialName(special, i) != name) continue;
      operand.index = static_cast<uint32_t>(special);
      operand.value = i;
      return true;
    }
  }
  return false;
}

Component FindComponent(std::string_view name) {
  if (name == "x" || name == "r") return Component::kX;
  if (name == "y" || name == "g") return Component::kY;
  if (name == "z" || name == "b") return Component::kZ;
  if (name == "w" || name == "a") return Component::kW;
  if (name == "b0") return Component::kB0;
  if (name == "b1") return Component::kB1;
  if (name == "b2") return Component::kB2;
  if (name == "b3") return Component::kB3;
  if (name == "h0") return Component::kH0;
  if (name == "h1") return Component::kH1;
  return Component::kAll;
}

// "h10", "b7654": two to four digits. (To ptxas b1024 is a type, and stands nowhere here.)
std::optional<Picks> FindPicks(std::string_view name) {
  if (name.size() < 3 || name.size() > 5 || (name[0] != 'h' && name[0] != 'b')) return std::nullopt;
  if (name == "b1024") return std::nullopt;
  Picks picks;
  picks.halves = name[0] == 'h';
  for (size_t i = name.size() - 1; i >= 1; --i) {
    if (name[i] < '0' || name[i] > '7') return std::nullopt;
    picks.at[picks.count++] = static_cast<uint8_t>(name[i] - '0');
  }
  return picks;
}

// What the module's header does not grant the operation; empty where it has all.
std::string Lack(const Operation& op, const Module& m) {
  const SuffixNeed& need = op.needs_suffix;
  if (op.needs_target > m.target) return fmt::format("it needs .target sm_{}", op.needs_target);
  if (op.needs_version > m.version) {
    return fmt::format("it needs .version {}.{}", op.needs_version / 10, op.needs_version % 10);
  }
  const bool suits = need.first <= m.target && m.target <= need.last &&
                     (m.target_suffix == "a" || (m.target_suffix == "f" && !need.only_a));
  return need.first == 0 || suits ? "" : fmt::format("sm_{}{} lacks it", m.target, m.target_suffix);
}

Operand Literal(const Constant& constant) {
  Operand operand;
  operand.kind = constant.kind == TokenKind::kInteger   ? OperandKind::kInteger
                 : constant.kind == TokenKind::kFloat32 ? OperandKind::kFloat32
                                                        : OperandKind::kFloat64;
  operand.value = constant.value;
  return operand;
}

}  // namespace

Result<uint32_t> Parser::OperationIndex() {
  std::string spelling(token_.text);
  Advance();
  while (token_.kind == TokenKind::kDot) {
    spelling += '.';
    spelling += token_.text;
    Advance();
  }
  if (spelling.size() > limits_.identifier_bytes) {
    return At(token_.line, "an instruction's name too long", Code::kTooLarge);
  }
  return OperationIndexOf(std::move(spelling));
}

Result<uint32_t> Parser::OperationIndexOf(std::string spelling) {
  const auto at = operations_.find(spelling);
  if (at != operations_.end()) return at->second;
  RETURN_IF_ERROR(CountName());
  const uint32_t index = static_cast<uint32_t>(module_.operations.size());
  module_.operations.push_back(DecodeOperation(spelling));
  operations_.emplace(std::move(spelling), index);
  return index;
}

Status Parser::Guard(Instruction& instruction) {
  if (!Accept("@")) return Ok();
  instruction.guard_negated = Accept("!");
  const uint32_t line = token_.line;
  ASSIGN_OR_RETURN(const std::string_view name, ExpectWord("a predicate"));
  Symbol* const symbol = names_.Find(name);
  if (symbol == nullptr || symbol->kind != SymbolKind::kRegister || symbol->type != Type::kPred) {
    return At(line, Quoted(name) + " is no predicate register");
  }
  instruction.guard = UseRegister(*symbol, name);
  return Ok();
}

Status Parser::InstructionStatement() {
  Instruction instruction;
  instruction.line = token_.line;
  RETURN_IF_ERROR(Guard(instruction));
  if (token_.kind != TokenKind::kWord) return Unexpected("an instruction");
  if (token_.text == "mov" && next_.IsDot("v4")) return VectorMove(instruction);
  ASSIGN_OR_RETURN(instruction.operation, OperationIndex());
  const Opcode opcode = module_.operations[instruction.operation].opcode;
  std::vector<Operand> operands;
  if (opcode == Opcode::kUnknown) {
    // Its operands' grammar is not known either. Reports name it; Canonicalize refuses it.
    RETURN_IF_ERROR(Skip(";"));
  } else if (opcode == Opcode::kCall) {
    RETURN_IF_ERROR(CallOperands(operands));
  } else if (!token_.Is(";")) {
    labels_first_ = opcode == Opcode::kBra;
    labels_allowed_ = labels_first_ || opcode == Opcode::kBrx;
    do {
      ASSIGN_OR_RETURN(const Operand operand, ParseOperand());
      operands.push_back(operand);
    } while (Accept(",") && operands.size() < limits_.vector_elements);
    labels_first_ = labels_allowed_ = false;
    if (opcode == Opcode::kMov) SpreadVectors(operands);
  }
  if (opcode != Opcode::kUnknown) RETURN_IF_ERROR(Expect(";"));
  return AddInstruction(instruction, operands);
}

Status Parser::AddInstruction(Instruction instruction, const std::vector<Operand>& operands) {
  const Opcode opcode = module_.operations[instruction.operation].opcode;
  instruction.first_operand = static_cast<uint32_t>(function_.operands.size());
  instruction.operand_count = static_cast<uint32_t>(operands.size());
  function_.operands.insert(function_.operands.end(), operands.begin(), operands.end());
  const Operation& op = module_.operations[instruction.operation];
  if (const std::string lack = Lack(op, module_); !lack.empty()) {
    return At(instruction.line, Quoted(op.spelling) + ": " + lack);
  }
  if (opcode != Opcode::kUnknown && opcode != Opcode::kCall) {
    const std::string fault = OperandFault(op, module_, function_, function_.Operands(instruction),
                                           instruction.guard != kNoIndex);
    if (!fault.empty()) return At(instruction.line, Quoted(op.spelling) + ": " + fault);
  }
  function_.body.push_back(instruction);
  return Ok();
}

// mov.v4.u32 {%a, %b, _, %d}, %tid: one mov of each element that is wanted.
Status Parser::VectorMove(const Instruction& instruction) {
  static constexpr std::pair<std::string_view, Special> kVectors[] = {
      {"%tid", Special::kTidX},
      {"%ntid", Special::kNtidX},
      {"%ctaid", Special::kCtaidX},
      {"%nctaid", Special::kNctaidX},
      {"%clusterid", Special::kClusteridX},
      {"%nclusterid", Special::kNclusteridX},
      {"%cluster_ctaid", Special::kClusterCtaidX},
      {"%cluster_nctaid", Special::kClusterNctaidX}};
  Advance();
  Advance();
  if (!token_.IsDot("u32") && !token_.IsDot("b32") && !token_.IsDot("s32")) {
    return Unexpected("a type of 32 bits");
  }
  ASSIGN_OR_RETURN(const uint32_t operation, OperationIndexOf("mov." + std::string(token_.text)));
  Advance();
  ASSIGN_OR_RETURN(const Operand written, ParseOperand());
  std::vector<Operand> operands = {written};
  SpreadVectors(operands);
  RETURN_IF_ERROR(Expect(","));
  const auto source =
      std::find_if(std::begin(kVectors), std::end(kVectors), [&](const auto& vector) {
        return token_.kind == TokenKind::kWord && token_.text == vector.first;
      });
  if (source == std::end(kVectors) || names_.Find(token_.text) != nullptr) {
    return At(token_.line, "mov.v4 is known of %tid and its like only", Code::kUnsupported);
  }
  Advance();
  RETURN_IF_ERROR(Expect(";"));
  if (operands[0].kind != OperandKind::kVector || operands[0].count != 4) {
    return At(instruction.line, "'mov.v4': operand 1 must be four registers");
  }
  const std::span<const Operand> group = function_.Elements(operands[0]);
  const std::vector<Operand> elements(group.begin(), group.end());
  size_t wanted = 0;
  for (uint32_t i = 0; i < elements.size(); ++i) {
    if (elements[i].kind == OperandKind::kSink) continue;
    Operand special;
    special.kind = OperandKind::kSpecial;
    special.index = static_cast<uint32_t>(source->second) + i;
    Instruction move = instruction;
    move.operation = operation;
    RETURN_IF_ERROR(AddInstruction(move, {elements[i], special}));
    ++wanted;
  }
  return wanted > 0 ? Ok() : At(instruction.line, "'mov.v4': nothing is wanted");
}

// mov.b64 %l, v: to ptxas the same as mov.b64 %l, {v.x, v.y}, which the rest of gpu/ knows.
void Parser::SpreadVectors(std::vector<Operand>& operands) {
  for (Operand& operand : operands) {
    if (operand.kind != OperandKind::kRegister || operand.component != Component::kAll) continue;
    const uint8_t count = function_.registers[operand.index].vector;
    if (count == 1 || operand.negated) continue;
    std::vector<Operand> elements(count, operand);
    for (uint8_t i = 0; i < count; ++i) {
      elements[i].component = static_cast<Component>(static_cast<uint8_t>(Component::kX) + i);
    }
    operand = StoreGroup(OperandKind::kVector, elements);
  }
}

Operand Parser::StoreGroup(OperandKind kind, const std::vector<Operand>& elements) {
  Operand group;
  group.kind = kind;
  group.index = static_cast<uint32_t>(function_.operands.size());
  group.count = static_cast<uint32_t>(elements.size());
  function_.operands.insert(function_.operands.end(), elements.begin(), elements.end());
  return group;
}

Result<Operand> Parser::Group(OperandKind kind, std::string_view closing) {
  Advance();  // the opening bracket
  std::vector<Operand> elements;
  if (!token_.Is(closing)) {
    do {
      if (elements.size() >= limits_.vector_elements) {
        return At(token_.line, "a list of operands that is too long", Code::kTooLarge);
      }
      // No list holds a list, save [a, {b, c}]: so recursion ends here.
      if (token_.Is("{") || token_.Is("[")) return Unexpected("a register or a constant");
      ASSIGN_OR_RETURN(const Operand element, ParseOperand());
      elements.push_back(element);
    } while (Accept(","));
  }
  RETURN_IF_ERROR(Expect(closing));
  return StoreGroup(kind, elements);
}

// A primary, or two as "p|q".
Result<Operand> Parser::ParseOperand() {
  ASSIGN_OR_RETURN(const Operand first, Primary());
  const bool may_pair = first.kind == OperandKind::kRegister || first.kind == OperandKind::kSink ||
                        first.kind == OperandKind::kVector;
  if (!may_pair || !Accept("|")) return first;
  ASSIGN_OR_RETURN(const Operand second, Primary());
  if (second.kind != OperandKind::kRegister && second.kind != OperandKind::kSink) {
    return Unexpected("a register after '|'");
  }
  return StoreGroup(OperandKind::kPair, {first, second});
}

Result<Operand> Parser::Primary() {
  if (token_.Is("{")) return Group(OperandKind::kVector, "}");
  if (token_.Is("[")) return AddressOperand();
  const bool sign = token_.Is("!") || token_.Is("-");
  if (sign && next_.kind == TokenKind::kWord && next_.text != "WARP_SZ") {
    Advance();
    ASSIGN_OR_RETURN(Operand operand, Named());
    if (operand.kind != OperandKind::kRegister) return Unexpected("a register");
    operand.negated = true;
    return operand;
  }
  if (token_.kind == TokenKind::kWord && token_.text != "WARP_SZ") return Named();
  ASSIGN_OR_RETURN(const Constant constant, ConstantExpression());
  return Literal(constant);
}

uint32_t Parser::UseRegister(Symbol& symbol, std::string_view name) {
  if (symbol.index == kNoIndex) {
    symbol.index = static_cast<uint32_t>(function_.registers.size());
    Register reg;
    reg.name = std::string(name);
    reg.type = symbol.type;
    reg.vector = symbol.vector;
    function_.registers.push_back(std::move(reg));
    ++names_used_;
  }
  return symbol.index;
}

Result<Operand> Parser::Named() {
  const std::string_view name = token_.text;
  const uint32_t line = token_.line;
  Operand operand;
  if (name == "_") {
    Advance();
    return operand;
  }
  Symbol* const symbol = labels_first_ ? nullptr : names_.Find(name);
  if (symbol != nullptr) {
    Advance();
    return NamedSymbol(*symbol, name);
  }
  if (!labels_first_ && name[0] == '%') {
    const bool dotted = next_.kind == TokenKind::kDot && next_.glued;
    const size_t length = dotted ? name.size() + 1 + next_.text.size() : name.size();
    if (FindSpecial(std::string_view(name.data(), length), operand)) {
      Advance();
      if (dotted) Advance();
      return operand;
    }
  }
  if (!labels_allowed_) return At(line, "unknown name " + Quoted(name));
  RETURN_IF_ERROR(CountName());
  operand.kind = OperandKind::kLabel;
  operand.index = UseLabel(name);
  Advance();
  return operand;
}

Result<Operand> Parser::NamedSymbol(Symbol& symbol, std::string_view name) {
  Operand operand;
  switch (symbol.kind) {
    case SymbolKind::kRegister:
      operand.kind = OperandKind::kRegister;
      operand.index = UseRegister(symbol, name);
      RETURN_IF_ERROR(AcceptComponent(operand));
      return operand;
    case SymbolKind::kFunction:
      operand.kind = OperandKind::kFunction;
      operand.index = symbol.index;
      return operand;
    case SymbolKind::kModuleVariable:
    case SymbolKind::kFunctionVariable:
      break;
  }
  const bool in_module = symbol.kind == SymbolKind::kModuleVariable;
  operand.kind = OperandKind::kVariable;
  operand.scope = in_module ? VariableScope::kModule : VariableScope::kFunction;
  operand.index = symbol.index;
  const Variable& variable =
      in_module ? module_.variables[operand.index] : function_.variables[operand.index];
  if (Accept("[")) {  // x[3]: its fourth element
    ASSIGN_OR_RETURN(const Constant element, ConstantExpression());
    if (element.kind != TokenKind::kInteger) return Unexpected("an element's number");
    operand.value = element.value * TypeBytes(variable.type) * variable.vector;
    RETURN_IF_ERROR(Expect("]"));
    return operand;
  }
  RETURN_IF_ERROR(AcceptOffset(operand.value));
  return operand;
}

Status Parser::AcceptComponent(Operand& operand) {
  if (token_.kind != TokenKind::kDot || !token_.glued) return Ok();
  operand.component = FindComponent(token_.text);
  if (operand.component == Component::kAll) {
    const std::optional<Picks> picks = FindPicks(token_.text);
    if (!picks) return Unexpected("a register's part");
    operand.component = Component::kPicks;
    operand.value = picks->Encode();
  }
  Advance();
  return Ok();
}

// "+4", "+-4", "+4*2", "+8-4"; never "-4", as ptxas has it.
Status Parser::AcceptOffset(uint64_t& offset) {
  constexpr int kMultiplicative = 10;
  if (token_.Is("-")) return Unexpected("'+'");
  while (token_.Is("+") || token_.Is("-")) {
    const bool minus = token_.Is("-");
    Advance();
    ASSIGN_OR_RETURN(const Constant value, Binary(kMultiplicative, 0));
    if (value.kind != TokenKind::kInteger) return Unexpected("an integer offset");
    offset += minus ? uint64_t{0} - value.value : value.value;
  }
  return Ok();
}

// The inside of [ ] up to "]" or ",".
Result<Operand> Parser::AddressBase() {
  Operand address;
  address.kind = OperandKind::kAddress;
  if (token_.kind != TokenKind::kWord || token_.text == "WARP_SZ") {
    ASSIGN_OR_RETURN(const Constant constant, ConstantExpression());
    if (constant.kind != TokenKind::kInteger) return Unexpected("an address");
    address.value = constant.value;
    return address;
  }
  const uint32_t line = token_.line;
  if (next_.Is("[")) return At(line, "an address has an offset, and no element's number");
  ASSIGN_OR_RETURN(const Operand base, Named());
  address.index = base.index;
  if (base.kind == OperandKind::kRegister && base.component == Component::kAll) {
    address.base = BaseKind::kRegister;
    RETURN_IF_ERROR(AcceptOffset(address.value));
    return address;
  }
  if (base.kind != OperandKind::kVariable)
    return At(line, "an address needs a register or variable");
  address.base = BaseKind::kVariable;
  address.scope = base.scope;
  address.value = base.value;
  return address;
}

Result<Operand> Parser::AddressOperand() {
  Advance();  // [
  ASSIGN_OR_RETURN(const Operand address, AddressBase());
  if (Accept("]")) return address;
  std::vector<Operand> elements = {address};
  while (Accept(",")) {
    if (elements.size() >= limits_.vector_elements) {
      return At(token_.line, "a list of operands that is too long", Code::kTooLarge);
    }
    if (token_.Is("[")) return Unexpected("coordinates");
    ASSIGN_OR_RETURN(const Operand element, ParseOperand());
    elements.push_back(element);
  }
  RETURN_IF_ERROR(Expect("]"));
  return StoreGroup(OperandKind::kBracket, elements);
}

}  // namespace souk::ptx
