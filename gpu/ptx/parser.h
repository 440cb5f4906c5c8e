// The parser's state; only gpu/ptx/parse*.cc include it. One Parser reads one module, once.
// parse.cc: the module's own statements; parse_finish.cc: what is known at its end.
// parse_variable.cc: declarations and initialisers. parse_function.cc: headers, bodies, labels.
// parse_operand.cc: instructions and operands. parse_call.cc: calls and their types.
// parse_debug.cc: source locations and debug sections. parse_constant.cc: constant expressions.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/ptx/declarations.h"
#include "gpu/ptx/lexer.h"
#include "gpu/ptx/module.h"
#include "gpu/ptx/names.h"

namespace souk::ptx {

// A constant expression's value: 64-bit integer, or a float literal.
struct Constant {
  TokenKind kind = TokenKind::kInteger;  // kInteger, kFloat32, kFloat64
  bool is_unsigned = false;
  uint64_t value = 0;
};

class Parser {
 public:
  Parser(std::string_view text, const Limits& limits);
  Result<Module> Run();

 private:
  // What stands before the name in a declaration: ".align 8 .v2 .f32".
  struct Declaration {
    Space space = Space::kGlobal;
    Site site = Site::kModule;
    bool may_be_nameless = false;  // "_"
    Type type = Type::kNone;
    uint8_t vector = 1;
    uint32_t align = 0;  // 0: not written
    bool managed = false;
    bool is_pointer = false;
    Space pointee = Space::kGeneric;
    uint32_t pointee_align = 0;
  };
  // Labels of one { }: PTX hides a scope's labels from outside, and allows use before declaration.
  using LabelScope = std::map<std::string_view, uint32_t>;
  struct LabelState {
    std::string_view name = {};
    uint32_t first_use = 0;     // line
    uint32_t alias = kNoIndex;  // the outer label that it turned out to be
    uint32_t table = kNoIndex;
    uint32_t prototype = kNoIndex;
    bool declared = false;
    uint32_t target = kNoIndex;
  };

  // A place in the compiler's source: file, line, column.
  struct Place {
    std::array<uint32_t, 3> at = {};
    uint32_t number = 0;
    uint32_t line = 0;  // of the module's text
  };

  // Tokens.
  void Advance();
  Error At(uint32_t line, const std::string& what, Code code = Code::kMalformed) const;
  Error Unexpected(const std::string& wanted) const;
  Status Expect(std::string_view punct);
  bool Accept(std::string_view punct);
  bool AcceptDot(std::string_view word);
  Result<std::string_view> ExpectWord(const std::string& what);
  Result<uint32_t> ExpectCount(const std::string& what, uint64_t most);
  Result<uint32_t> ExpectPositive(const std::string& what);
  Status CountName();

  // parse.cc
  Status Header();
  Status Version();
  Status Target();
  Status Architecture(std::string_view name, uint32_t line);
  Status Statement();
  Status ModulePragma();
  Status Alias();
  Status Skip(std::string_view closing);
  Result<Linkage> AcceptLinkage();

  // parse_finish.cc
  Status ResolveAliases();
  void NameStatics();

  // parse_variable.cc
  Status Attributes(Declaration& declaration);
  Result<Declaration> DeclarationHead(Space space, Site site);
  Result<uint32_t> Alignment();
  Status ModuleVariables(Space space, Linkage linkage);
  Status FunctionVariables(Space space);
  Status StaticVariables(Space space);
  Result<std::string_view> DeclaredName(const std::string& what);
  Result<Variable> DeclaredVariable(const Declaration& declaration, bool may_be_empty);
  Result<Variable> DeclaredVariable(const Declaration& declaration, bool may_be_empty,
                                    std::vector<uint64_t>& dimensions);
  Status Dimensions(Variable& variable, std::vector<uint64_t>& dimensions);
  Status SizeVariable(Variable& variable, const std::vector<uint64_t>& dimensions);
  Status Initialiser(Variable& variable, std::vector<uint64_t>& dimensions);
  Status InitialiserList(Variable& variable, const std::vector<uint64_t>& dimensions, size_t level,
                         uint64_t first_scalar, uint64_t& scalars);
  Status InitialiserValue(Variable& variable, uint64_t scalar);
  Status StoreConstant(Variable& variable, uint64_t scalar, const Constant& constant);
  Status InitialiserAddress(Variable& variable, uint64_t scalar, uint8_t shift, bool masked);
  Result<uint32_t> AddModuleVariable(Variable variable, std::vector<uint64_t> shape);

  // parse_function.cc
  Status FunctionStatement(bool is_entry, Linkage linkage);
  Status Parameters(std::vector<Param>& params, uint64_t& bytes);
  Status Parameter(std::vector<Param>& params, uint64_t& bytes);
  Status FunctionDirectives();
  Status KernelDirective(bool& known);
  Status Dimensions3(uint32_t (&dimensions)[3]);
  Status AddFunction(uint32_t& index);
  Status Body();
  Status BodyStatement(bool& done);
  Status BodyDirective();
  Status Registers();
  Status PragmaStatement(PragmaSite site);
  Status LabelStatement(std::string_view name, uint32_t line);
  void OpenScope();
  void CloseScope();
  uint32_t UseLabel(std::string_view name);
  bool IsLabelHere(std::string_view name) const;
  Result<uint32_t> DeclareLabel(std::string_view name, uint32_t line);
  uint32_t FinalLabel(uint32_t label) const;
  Status FinishLabels();
  std::string TargetFault(const Instruction& instruction, uint32_t i) const;

  // parse_debug.cc
  Status File();
  Status SourceLocation();
  Status InlinedAt();
  Status Section();
  Status SectionValues();
  Status SectionReference();
  Status CheckDebugLabels();

  // parse_call.cc
  Status CallOperands(std::vector<Operand>& operands);
  Result<Operand> CallList();
  Status BranchTargets(uint32_t label, bool calls);
  Status CallPrototype(uint32_t label);
  Status PrototypeParameters(std::vector<Variable>& out, bool are_returns);

  // parse_operand.cc
  Status InstructionStatement();
  Status AddInstruction(Instruction instruction, const std::vector<Operand>& operands);
  Status VectorMove(const Instruction& instruction);
  Status Guard(Instruction& instruction);
  Result<uint32_t> OperationIndex();
  Result<uint32_t> OperationIndexOf(std::string spelling);
  Result<Operand> ParseOperand();
  Result<Operand> Primary();
  Result<Operand> Named();
  Result<Operand> NamedSymbol(Symbol& symbol, std::string_view name);
  Result<Operand> AddressOperand();
  Result<Operand> AddressBase();
  Result<Operand> Group(OperandKind kind, std::string_view closing);
  void SpreadVectors(std::vector<Operand>& operands);
  Operand StoreGroup(OperandKind kind, const std::vector<Operand>& elements);
  Status AcceptComponent(Operand& operand);
  Status AcceptOffset(uint64_t& offset);
  uint32_t UseRegister(Symbol& symbol, std::string_view name);

  // parse_constant.cc
  Result<Constant> ConstantExpression();
  Result<Constant> Conditional(size_t depth);
  Result<Constant> Binary(int lowest, size_t depth);
  Result<Constant> Unary(size_t depth);
  Result<Constant> Parenthesised(size_t depth);
  Result<Constant> Apply(std::string_view op, const Constant& a, const Constant& b);

  std::string_view text_;
  Limits limits_;
  Lexer lexer_;
  Token token_;
  Token next_;
  Module module_;
  std::vector<std::vector<uint64_t>> shapes_;  // of Module::variables: dimensions; 0 is "[]"
  Names names_;
  std::set<std::string, std::less<>> file_text_;  // owns the names that names_ views
  std::map<std::string, uint32_t, std::less<>> operations_;
  size_t initialiser_bytes_ = 0;
  size_t relocations_ = 0;
  size_t names_used_ = 0;
  std::vector<uint32_t> statics_;         // Module::variables that a function declares
  std::map<uint32_t, uint32_t> aliases_;  // Module::functions: alias and what it stands for
  std::set<uint32_t> file_numbers_;
  std::set<std::string_view> section_labels_;
  std::map<std::string_view, uint32_t> function_names_;  // .loc: labels; their first lines
  std::vector<Place> places_;                            // of .loc, in order
  std::vector<Place> inlined_;  // of inlined_at; number is that of the next of places_
  // Of functions that stand in tables of calls: those of one type. Each pair is compared once.
  std::set<std::pair<uint32_t, uint32_t>> same_types_;

  // Of the function being read.
  Function function_;
  bool labels_first_ = false;    // bra: a name is a label before it is anything else
  bool labels_allowed_ = false;  // a name that is nothing else is a label
  std::vector<LabelState> labels_;
  std::vector<LabelScope> label_scopes_;
};

}  // namespace souk::ptx
