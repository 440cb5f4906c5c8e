#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "gpu/ptx/calls.h"
#include "gpu/ptx/parser.h"

namespace souk::ptx {
Status Parser::Parameter(std::vector<Param>& params, uint64_t& bytes) {
  if (params.size() >= limits_.parameters) {
    return At(token_.line, "more parameters than a function may have", Code::kTooLarge);
  }
  const bool is_return = &params == &function_.returns;
  if (!params.empty()) {
    const Param& last = params.back();
    if (!last.is_register && function_.variables[last.index].size == 0) {
      return At(token_.line, "only the last parameter may have no size");
    }
  }
  Param param;
  const Site site = function_.is_entry ? Site::kEntryParam : Site::kFuncParam;
  if (!function_.is_entry && AcceptDot("reg")) {
    ASSIGN_OR_RETURN(const Declaration declaration, DeclarationHead(Space::kReg, site));
    ASSIGN_OR_RETURN(const std::string_view name, DeclaredName("a parameter's name"));
    param.is_register = true;
    param.index = static_cast<uint32_t>(function_.registers.size());
    Register reg;
    reg.name = std::string(name);
    reg.type = declaration.type;
    reg.vector = declaration.vector;
    function_.registers.push_back(std::move(reg));
    params.push_back(param);
    return Ok();
  }
  if (!AcceptDot("param")) return Unexpected("'.param'");
  ASSIGN_OR_RETURN(Declaration declaration, DeclarationHead(Space::kParam, site));
  declaration.may_be_nameless = function_.is_entry;
  std::vector<uint64_t> shape;
  ASSIGN_OR_RETURN(Variable variable, DeclaredVariable(declaration, /*may_be_empty=*/true, shape));
  if (variable.initialised) return At(variable.line, "a parameter has an initialiser");
  if (shape.size() > 1) return At(variable.line, "a parameter of more than one dimension");
  if (variable.size == 0 && (function_.is_entry || is_return)) {
    return At(variable.line, "a parameter without a size");
  }
  param.index = static_cast<uint32_t>(function_.variables.size());
  param.offset = AlignUp(bytes, variable.align);
  param.is_pointer = declaration.is_pointer;
  param.pointee = declaration.pointee;
  param.pointee_align = declaration.pointee_align;
  bytes = param.offset + variable.size;
  function_.variables.push_back(std::move(variable));
  params.push_back(param);
  return Ok();
}

Status Parser::Parameters(std::vector<Param>& params, uint64_t& bytes) {
  RETURN_IF_ERROR(Expect("("));
  if (Accept(")")) return Ok();
  do {
    RETURN_IF_ERROR(Parameter(params, bytes));
  } while (Accept(","));
  const bool has_memory = std::any_of(params.begin(), params.end(),
                                      [](const Param& param) { return !param.is_register; });
  if (&params == &function_.returns && params.size() > 1 && has_memory) {
    return At(token_.line, "several return values, not all of them registers");
  }
  return Expect(")");
}

Status Parser::Dimensions3(uint32_t (&dimensions)[3]) {
  for (uint32_t& dimension : dimensions) dimension = 1;
  for (size_t i = 0; i < 3; ++i) {
    if (i > 0 && !Accept(",")) break;
    ASSIGN_OR_RETURN(dimensions[i], ExpectPositive("a number of threads or blocks"));
  }
  return Ok();
}

// .maxntid, .minnctapersm, …
Status Parser::KernelDirective(bool& known) {
  Directives& d = function_.directives;
  known = true;
  if (AcceptDot("maxntid")) return Dimensions3(d.maxntid);
  if (AcceptDot("reqntid")) return Dimensions3(d.reqntid);
  if (AcceptDot("reqnctapercluster")) return Dimensions3(d.reqnctapercluster);
  const std::pair<const char*, uint32_t*> numbers[] = {{"minnctapersm", &d.minnctapersm},
                                                       {"maxnreg", &d.maxnreg},
                                                       {"maxclusterrank", &d.maxclusterrank}};
  for (const auto& [name, field] : numbers) {
    if (!AcceptDot(name)) continue;
    ASSIGN_OR_RETURN(*field, ExpectPositive("a number"));
    return Ok();
  }
  const std::pair<const char*, bool*> flags[] = {{"explicitcluster", &d.explicitcluster},
                                                 {"blocksareclusters", &d.blocksareclusters}};
  for (const auto& [name, field] : flags) {
    if (!AcceptDot(name)) continue;
    *field = true;
    return Ok();
  }
  if (AcceptDot("pragma")) return PragmaStatement(PragmaSite::kHeader);
  known = false;
  return Ok();
}

Status Parser::FunctionDirectives() {
  const uint32_t line = token_.line;
  if (!function_.is_entry) {
    function_.directives.noreturn = AcceptDot("noreturn");
  } else {
    bool known = true;
    size_t count = 0;
    for (; token_.kind == TokenKind::kDot && known; ++count)
      RETURN_IF_ERROR(KernelDirective(known));
    if (known && count > 0 && token_.Is(";")) return Unexpected("the kernel's body");
  }
  if (token_.kind == TokenKind::kDot) return Unexpected("a function's directive");
  const std::string fault = DirectivesFault(function_);
  return fault.empty() ? Ok() : At(line, Quoted(function_.name) + " " + fault);
}

// Declares function_ under its name, or finds the declaration that it repeats.
Status Parser::AddFunction(uint32_t& index) {
  const std::string_view name = function_.name;
  const Symbol* const before = names_.Find(name);
  if (before != nullptr) {
    if (before->kind != SymbolKind::kFunction) {
      return At(function_.line, Quoted(name) + " is declared twice");
    }
    index = before->index;
    const std::string fault = RedeclarationFault(module_.functions[index], function_);
    return fault.empty() ? Ok() : At(function_.line, Quoted(name) + " " + fault);
  }
  if (name[0] == '%') {
    return At(function_.line, "a function named like a register: " + Quoted(name),
              Code::kUnsupported);
  }
  index = static_cast<uint32_t>(module_.functions.size());
  Symbol symbol;
  symbol.kind = SymbolKind::kFunction;
  symbol.index = index;
  names_.Declare(*file_text_.emplace(name).first, symbol);
  module_.functions.push_back(function_);
  return Ok();
}

Status Parser::FunctionStatement(bool is_entry, Linkage linkage) {
  function_ = Function{};
  function_.is_entry = is_entry;
  function_.linkage = linkage;
  uint64_t return_bytes = 0;
  if (!is_entry && token_.Is("(")) RETURN_IF_ERROR(Parameters(function_.returns, return_bytes));
  function_.line = token_.line;
  ASSIGN_OR_RETURN(const std::string_view name, DeclaredName("a function's name"));
  function_.name = std::string(name);
  if (token_.Is("(")) RETURN_IF_ERROR(Parameters(function_.params, function_.param_bytes));
  RETURN_IF_ERROR(FunctionDirectives());
  function_.defined = !token_.Is(";");
  if (function_.defined && linkage == Linkage::kExtern) {
    return At(function_.line, Quoted(name) + " is .extern, but has a body");
  }
  uint32_t index = kNoIndex;
  RETURN_IF_ERROR(AddFunction(index));
  if (Accept(";")) return Ok();
  RETURN_IF_ERROR(Body());
  module_.functions[index] = std::move(function_);
  return Ok();
}

void Parser::OpenScope() {
  names_.Enter();
  label_scopes_.emplace_back();
}

// What this scope used and did not declare is the outer scope's business.
void Parser::CloseScope() {
  names_.Leave();
  LabelScope scope = std::move(label_scopes_.back());
  label_scopes_.pop_back();
  if (label_scopes_.empty()) {
    label_scopes_.push_back(std::move(scope));  // kept for FinishLabels
    return;
  }
  for (const auto& [name, label] : scope) {
    if (labels_[label].declared) continue;
    const auto [outer, inserted] = label_scopes_.back().try_emplace(name, label);
    if (!inserted) labels_[label].alias = outer->second;
  }
}

Status Parser::Body() {
  labels_.clear();
  label_scopes_.clear();
  OpenScope();
  // Views of function_.variables' names would dangle as the vector grows: keep the text's.
  for (const std::vector<Param>* params : {&function_.returns, &function_.params}) {
    for (const Param& param : *params) {
      Symbol symbol;
      symbol.index = param.index;
      std::string_view name;
      if (param.is_register) {
        name = *file_text_.emplace(function_.registers[param.index].name).first;
        symbol.type = function_.registers[param.index].type;
        symbol.vector = function_.registers[param.index].vector;
      } else {
        name = *file_text_.emplace(function_.variables[param.index].name).first;
        symbol.kind = SymbolKind::kFunctionVariable;
      }
      if (name != "_" && !names_.Declare(name, symbol)) {
        return At(function_.line, "two parameters are named " + Quoted(name));
      }
    }
  }
  RETURN_IF_ERROR(Expect("{"));
  const size_t outermost = label_scopes_.size();
  bool done = false;
  while (!done) {
    if (token_.Is("}") && label_scopes_.size() == outermost) {
      Advance();
      done = true;
    } else {
      RETURN_IF_ERROR(BodyStatement(done));
    }
  }
  CloseScope();
  return FinishLabels();
}

Status Parser::BodyStatement(bool& done) {
  done = false;
  if (token_.Is("{")) {
    if (label_scopes_.size() > limits_.scope_depth) {
      return At(token_.line, "scopes nested too deeply", Code::kTooLarge);
    }
    Advance();
    OpenScope();
    return Ok();
  }
  if (Accept("}")) {
    CloseScope();
    return Ok();
  }
  if (token_.kind == TokenKind::kDot) return BodyDirective();
  if (token_.kind == TokenKind::kWord && next_.Is(":")) {
    const std::string_view name = token_.text;
    const uint32_t line = token_.line;
    Advance();
    Advance();
    return LabelStatement(name, line);
  }
  if (token_.kind == TokenKind::kWord || token_.Is("@")) return InstructionStatement();
  return Unexpected("an instruction");
}

Status Parser::BodyDirective() {
  if (AcceptDot("reg")) return Registers();
  if (AcceptDot("local")) return FunctionVariables(Space::kLocal);
  if (AcceptDot("shared")) return FunctionVariables(Space::kShared);
  if (AcceptDot("param")) return FunctionVariables(Space::kParam);
  if (AcceptDot("global")) return StaticVariables(Space::kGlobal);
  if (AcceptDot("const")) return StaticVariables(Space::kConst);
  if (AcceptDot("loc")) return SourceLocation();
  if (AcceptDot("pragma")) return PragmaStatement(PragmaSite::kBody);
  return Unexpected("an instruction or a declaration");
}

// .reg .b32 %a, %b<8>;
Status Parser::Registers() {
  ASSIGN_OR_RETURN(const Declaration declaration, DeclarationHead(Space::kReg, Site::kFunction));
  do {
    const uint32_t line = token_.line;
    ASSIGN_OR_RETURN(const std::string_view name, DeclaredName("a register's name"));
    bool fresh = false;
    if (Accept("<")) {
      uint32_t count = 0;
      ASSIGN_OR_RETURN(count, ExpectCount("a number of registers", INT32_MAX));
      RETURN_IF_ERROR(Expect(">"));
      fresh = names_.DeclareRange(name, count, declaration.type, declaration.vector);
    } else {
      Symbol symbol;
      symbol.type = declaration.type;
      symbol.vector = declaration.vector;
      fresh = names_.Declare(name, symbol);
    }
    if (!fresh || IsLabelHere(name)) return At(line, Quoted(name) + " is declared twice");
  } while (Accept(","));
  return Expect(";");
}

Status Parser::PragmaStatement(PragmaSite site) {
  do {
    if (token_.kind != TokenKind::kString) return Unexpected("a pragma in quotes");
    // Printed back verbatim, so nothing that could end the string.
    for (char c : token_.text) {
      if (c < 0x20 || c > 0x7e || c == '\\') return Unexpected("a plain pragma");
    }
    const std::string fault = PragmaFault(token_.text, site, function_.is_entry);
    if (!fault.empty()) return At(token_.line, fault);
    RETURN_IF_ERROR(CountName());
    Pragma pragma;
    pragma.text = std::string(token_.text);
    pragma.position = static_cast<uint32_t>(function_.body.size());
    function_.pragmas.push_back(std::move(pragma));
    Advance();
  } while (Accept(","));
  return Expect(";");
}

uint32_t Parser::UseLabel(std::string_view name) {
  const uint32_t fresh = static_cast<uint32_t>(labels_.size());
  const auto [at, inserted] = label_scopes_.back().try_emplace(name, fresh);
  if (inserted) {
    LabelState state;
    state.name = name;
    state.first_use = token_.line;
    labels_.push_back(state);
  }
  return at->second;
}

bool Parser::IsLabelHere(std::string_view name) const {
  const auto at = label_scopes_.back().find(name);
  return at != label_scopes_.back().end() && labels_[at->second].declared;
}

Result<uint32_t> Parser::DeclareLabel(std::string_view name, uint32_t line) {
  RETURN_IF_ERROR(CountName());
  const uint32_t label = UseLabel(name);
  if (labels_[label].declared || names_.IsDeclaredHere(name))
    return At(line, "label " + Quoted(name) + " is declared twice");
  labels_[label].declared = true;
  labels_[label].target = static_cast<uint32_t>(function_.body.size());
  return label;
}

Status Parser::LabelStatement(std::string_view name, uint32_t line) {
  ASSIGN_OR_RETURN(const uint32_t label, DeclareLabel(name, line));
  if (AcceptDot("branchtargets")) return BranchTargets(label, /*calls=*/false);
  if (AcceptDot("calltargets")) return BranchTargets(label, /*calls=*/true);
  if (AcceptDot("callprototype")) return CallPrototype(label);
  return Ok();
}

uint32_t Parser::FinalLabel(uint32_t label) const {
  // As long as scopes are deep.
  while (labels_[label].alias != kNoIndex) label = labels_[label].alias;
  return label;
}

// Every use now finds its label; operands that name tables and prototypes become that.
Status Parser::FinishLabels() {
  const LabelState* unknown = nullptr;
  for (const auto& [name, label] : label_scopes_.back()) {
    const LabelState& state = labels_[label];
    if (state.declared) continue;
    if (unknown == nullptr || state.first_use < unknown->first_use) unknown = &state;
  }
  if (unknown != nullptr) return At(unknown->first_use, "unknown label " + Quoted(unknown->name));

  std::vector<uint32_t> dense(labels_.size(), kNoIndex);
  for (size_t i = 0; i < labels_.size(); ++i) {
    const LabelState& state = labels_[i];
    if (!state.declared || state.table != kNoIndex || state.prototype != kNoIndex) continue;
    dense[i] = static_cast<uint32_t>(function_.labels.size());
    Label label;
    label.name = std::string(state.name);
    label.target = state.target;
    function_.labels.push_back(std::move(label));
  }
  for (Operand& operand : function_.operands) {
    if (operand.kind != OperandKind::kLabel) continue;
    const uint32_t label = FinalLabel(operand.index);
    const LabelState& state = labels_[label];
    operand.index = dense[label];
    if (state.table != kNoIndex) {
      operand.kind = OperandKind::kTable;
      operand.index = state.table;
    } else if (state.prototype != kNoIndex) {
      operand.kind = OperandKind::kPrototype;
      operand.index = state.prototype;
    }
  }
  for (TargetTable& table : function_.tables) {
    if (table.is_calls) continue;
    for (uint32_t& target : table.targets) {
      target = dense[FinalLabel(target)];
      if (target == kNoIndex) return At(function_.line, "a branch table that leads to a table");
    }
  }
  for (uint32_t i = 0; i < function_.body.size(); ++i) {
    const std::string fault = TargetFault(function_.body[i], i);
    if (!fault.empty()) return At(function_.body[i].line, fault);
  }
  return Ok();
}

// Empty where instruction i goes to what its opcode may go to: a table or prototype stands before
// its use.
std::string Parser::TargetFault(const Instruction& instruction, uint32_t i) const {
  const std::span<const Operand> operands = function_.Operands(instruction);
  const auto is_table = [&](const Operand& o, bool calls) {
    if (o.kind != OperandKind::kTable) return false;
    const TargetTable& table = function_.tables[o.index];
    return table.is_calls == calls && table.position <= i;
  };
  switch (module_.OperationOf(instruction).opcode) {
    case Opcode::kBra:
      return operands[0].kind == OperandKind::kLabel ? "" : "bra needs a label";
    case Opcode::kBrx:
      return is_table(operands[1], false) ? "" : "brx needs .branchtargets that stand before it";
    case Opcode::kCall: {
      const bool direct = operands[1].kind == OperandKind::kFunction;
      if (direct && operands.size() > 3) return "only a call through a register has a type";
      if (direct) return CallFault(module_, function_, operands);
      const bool known =
          operands.size() > 3 &&
          (is_table(operands[3], true) || (operands[3].kind == OperandKind::kPrototype &&
                                           function_.prototypes[operands[3].index].position <= i));
      return known ? CallFault(module_, function_, operands)
                   : "a call through a register needs its type before it";
    }
    default:
      return "";
  }
}

}  // namespace souk::ptx
