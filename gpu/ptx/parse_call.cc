// Calls, and the types of those that go through a register.
#include <fmt/format.h>

#include "gpu/ptx/parser.h"

namespace souk::ptx {

// call [(returns),] callee [, (arguments)] [, prototype or table]
Status Parser::CallOperands(std::vector<Operand>& operands) {
  Operand returns = StoreGroup(OperandKind::kTuple, {});
  Operand arguments = returns;
  if (token_.Is("(")) {
    ASSIGN_OR_RETURN(returns, CallList());
    RETURN_IF_ERROR(Expect(","));
  }
  const uint32_t line = token_.line;
  if (token_.kind != TokenKind::kWord) return Unexpected("a function or a register");
  ASSIGN_OR_RETURN(const Operand callee, Named());
  if (callee.kind != OperandKind::kFunction && callee.kind != OperandKind::kRegister) {
    return At(line, "call needs a function or a register");
  }
  operands = {returns, callee, arguments};
  bool more = Accept(",");
  if (more && token_.Is("(")) {
    ASSIGN_OR_RETURN(operands[2], CallList());
    more = Accept(",");
  }
  if (!more) return Ok();
  ASSIGN_OR_RETURN(const std::string_view name, ExpectWord("a prototype"));
  Operand prototype;
  prototype.kind = OperandKind::kLabel;  // FinishLabels makes it kPrototype or kTable
  RETURN_IF_ERROR(CountName());
  prototype.index = UseLabel(name);
  operands.push_back(prototype);
  return Ok();
}

// (a, b): names alone, and constants.
Result<Operand> Parser::CallList() {
  Advance();  // (
  std::vector<Operand> elements;
  if (!token_.Is(")")) {
    do {
      if (elements.size() >= limits_.parameters) {
        return At(token_.line, "a list of operands that is too long", Code::kTooLarge);
      }
      const bool is_name = token_.kind == TokenKind::kWord && token_.text != "WARP_SZ";
      if (is_name && !next_.Is(",") && !next_.Is(")")) {
        Advance();
        return Unexpected("',' or ')'");
      }
      if (token_.Is("{") || token_.Is("[")) return Unexpected("a register or a constant");
      ASSIGN_OR_RETURN(const Operand element, ParseOperand());
      const bool is_signed = element.kind == OperandKind::kRegister && element.negated;
      if (is_signed) return At(token_.line, "an argument with a sign");
      elements.push_back(element);
    } while (Accept(","));
  }
  RETURN_IF_ERROR(Expect(")"));
  return StoreGroup(OperandKind::kTuple, elements);
}

Status Parser::BranchTargets(uint32_t label, bool calls) {
  TargetTable table;
  table.name = std::string(labels_[label].name);
  table.is_calls = calls;
  table.position = static_cast<uint32_t>(function_.body.size());
  do {
    const uint32_t line = token_.line;
    ASSIGN_OR_RETURN(const std::string_view name, ExpectWord("a target"));
    if (!calls) {
      table.targets.push_back(UseLabel(name));
      continue;
    }
    const Symbol* const symbol = names_.Find(name);
    if (symbol == nullptr || symbol->kind != SymbolKind::kFunction) {
      return At(line, "unknown function " + Quoted(name));
    }
    const uint32_t first = table.targets.empty() ? symbol->index : table.targets[0];
    if (first != symbol->index && !same_types_.contains({first, symbol->index})) {
      if (!SameTypes(module_.functions[first], module_.functions[symbol->index])) {
        return At(line, "a table of functions of different types");
      }
      same_types_.emplace(first, symbol->index);
    }
    table.targets.push_back(symbol->index);
  } while (Accept(","));
  labels_[label].table = static_cast<uint32_t>(function_.tables.size());
  function_.tables.push_back(std::move(table));
  return Expect(";");
}

Status Parser::PrototypeParameters(std::vector<Variable>& out, bool are_returns) {
  RETURN_IF_ERROR(Expect("("));
  if (Accept(")")) return Ok();
  bool has_memory = false;
  do {
    if (out.size() >= limits_.parameters) {
      return At(token_.line, "more parameters than a function may have", Code::kTooLarge);
    }
    if (!out.empty() && out.back().size == 0) {
      return At(token_.line, "only the last parameter may have no size");
    }
    const bool is_register = AcceptDot("reg");
    if (!is_register && !AcceptDot("param")) return Unexpected("'.param'");
    has_memory |= !is_register;
    const Space space = is_register ? Space::kReg : Space::kParam;
    ASSIGN_OR_RETURN(Declaration declaration, DeclarationHead(space, Site::kFuncParam));
    declaration.may_be_nameless = true;
    std::vector<uint64_t> shape;
    ASSIGN_OR_RETURN(Variable variable,
                     DeclaredVariable(declaration, /*may_be_empty=*/true, shape));
    if (variable.initialised) return At(variable.line, "a parameter has an initialiser");
    if (shape.size() > (is_register ? 0 : 1)) {
      return At(variable.line, "a parameter of too many dimensions");
    }
    variable.name = "_";
    out.push_back(std::move(variable));
  } while (Accept(","));
  if (are_returns && has_memory && (out.size() > 1 || out.back().size == 0)) {
    return At(token_.line, "a return value is one parameter with a size, or several registers");
  }
  return Expect(")");
}

// name: .callprototype (returns) _ (parameters) [.noreturn];
Status Parser::CallPrototype(uint32_t label) {
  Prototype prototype;
  prototype.name = std::string(labels_[label].name);
  prototype.position = static_cast<uint32_t>(function_.body.size());
  if (token_.Is("(")) RETURN_IF_ERROR(PrototypeParameters(prototype.returns, true));
  if (token_.kind != TokenKind::kWord || token_.text != "_") return Unexpected("'_'");
  Advance();
  if (token_.Is("(")) RETURN_IF_ERROR(PrototypeParameters(prototype.params, false));
  if (token_.IsDot("noreturn") && !prototype.returns.empty()) return Unexpected("';'");
  prototype.noreturn = AcceptDot("noreturn");
  labels_[label].prototype = static_cast<uint32_t>(function_.prototypes.size());
  function_.prototypes.push_back(std::move(prototype));
  return Expect(";");
}

}  // namespace souk::ptx
