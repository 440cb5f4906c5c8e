#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "gpu/ptx/declarations.h"
#include "gpu/ptx/forms.h"
#include "gpu/ptx/parser.h"

namespace souk::ptx {
namespace {

// Far above any device's memory; keeps sums of sizes from overflowing.
constexpr uint64_t kMaxVariableBytes = uint64_t{1} << 44;
constexpr uint32_t kMaxAlign = 1u << 16;
constexpr uint32_t kMaxParamAlign = 128;

// What .ptr may name.
bool PointeeOf(std::string_view word, Space& space) {
  if (word == "global") space = Space::kGlobal;
  if (word == "const") space = Space::kConst;
  if (word == "shared") space = Space::kShared;
  if (word == "local") space = Space::kLocal;
  return space != Space::kGeneric;
}

// Whether an array and its declaration before have the same dimensions; "[]" is any first one.
bool SameShape(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && (i > 0 || (a[i] != 0 && b[i] != 0))) return false;
  }
  return true;
}

uint32_t NaturalAlign(Type type, uint8_t vector) {
  return std::min<uint32_t>(std::max(1u, TypeBytes(type)) * vector, 128);
}

}  // namespace

Status Parser::Attributes(Declaration& declaration) {
  RETURN_IF_ERROR(Expect("("));
  do {
    if (AcceptDot("managed")) {
      declaration.managed = true;
    } else {
      return At(token_.line, "an .attribute that is not supported", Code::kUnsupported);
    }
  } while (Accept(","));
  return Expect(")");
}

Result<uint32_t> Parser::Alignment() {
  const uint32_t line = token_.line;
  ASSIGN_OR_RETURN(const uint32_t align, ExpectCount("an alignment", kMaxAlign));
  if (!std::has_single_bit(align)) return At(line, "an alignment that is no power of two");
  return align;
}

// {.align n} {.attribute(...)} {.v2} .type {.ptr {.space} {.align n}}
Result<Parser::Declaration> Parser::DeclarationHead(Space space, Site site) {
  Declaration declaration;
  declaration.space = space;
  declaration.site = site;
  const uint32_t line = token_.line;
  while (true) {
    if (declaration.align == 0 && AcceptDot("align")) {
      ASSIGN_OR_RETURN(declaration.align, Alignment());
    } else if (AcceptDot("attribute")) {
      RETURN_IF_ERROR(Attributes(declaration));
    } else {
      break;
    }
  }
  if (declaration.managed && space != Space::kGlobal) {
    return At(line, ".managed is for .global variables");
  }
  if (token_.IsDot("v2") || token_.IsDot("v4")) {
    declaration.vector = token_.text == "v2" ? 2 : 4;
    Advance();
  }
  if (token_.kind == TokenKind::kDot) declaration.type = FindType(token_.text);
  if (declaration.type == Type::kNone) return Unexpected("a type");
  Advance();
  const std::string fault = TypeFault(module_, space, site, declaration.type, declaration.vector);
  if (!fault.empty()) return At(line, fault);
  if (site != Site::kEntryParam || !AcceptDot("ptr")) return declaration;
  declaration.is_pointer = true;
  if (token_.kind == TokenKind::kDot && PointeeOf(token_.text, declaration.pointee)) Advance();
  if (AcceptDot("align")) {
    ASSIGN_OR_RETURN(declaration.pointee_align, Alignment());
  }
  return declaration;
}

Status Parser::Dimensions(Variable& variable, std::vector<uint64_t>& dimensions) {
  while (Accept("[")) {
    variable.is_array = true;
    if (dimensions.size() >= limits_.initialiser_depth) {
      return At(token_.line, "too many array dimensions", Code::kTooLarge);
    }
    if (Accept("]")) {
      if (!dimensions.empty()) return At(token_.line, "only the first dimension may be left open");
      dimensions.push_back(0);
      continue;
    }
    ASSIGN_OR_RETURN(const Constant size, ConstantExpression());
    if (size.kind != TokenKind::kInteger || size.value > kMaxVariableBytes) {
      return At(token_.line, "an array size that is no count, or too large", Code::kTooLarge);
    }
    dimensions.push_back(size.value);
    RETURN_IF_ERROR(Expect("]"));
  }
  return Ok();
}

Status Parser::SizeVariable(Variable& variable, const std::vector<uint64_t>& dimensions) {
  uint64_t elements = 1;
  for (uint64_t dimension : dimensions) {
    if (__builtin_mul_overflow(elements, dimension, &elements)) elements = UINT64_MAX;
  }
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(elements, uint64_t{TypeBytes(variable.type)} * variable.vector,
                             &bytes) ||
      bytes > kMaxVariableBytes) {
    return At(token_.line, "variable " + Quoted(variable.name) + " is too large", Code::kTooLarge);
  }
  variable.elements = elements;
  variable.size = bytes;
  return Ok();
}

Result<std::string_view> Parser::DeclaredName(const std::string& what) {
  const uint32_t line = token_.line;
  ASSIGN_OR_RETURN(const std::string_view name, ExpectWord(what));
  RETURN_IF_ERROR(CountName());
  if (name == "_") return At(line, "'_' is no name");
  return name;
}

Result<Variable> Parser::DeclaredVariable(const Declaration& declaration, bool may_be_empty) {
  std::vector<uint64_t> dimensions;
  return DeclaredVariable(declaration, may_be_empty, dimensions);
}

Result<Variable> Parser::DeclaredVariable(const Declaration& declaration, bool may_be_empty,
                                          std::vector<uint64_t>& dimensions) {
  Variable variable;
  variable.line = token_.line;
  // Of a kernel's parameter and of a prototype's "_" is one, that nobody can use.
  std::string_view name = token_.text;
  if (name == "_" && declaration.may_be_nameless) {
    Advance();
    RETURN_IF_ERROR(CountName());
  } else {
    ASSIGN_OR_RETURN(name, DeclaredName("a variable's name"));
  }
  if (token_.Is("<")) {
    return At(token_.line, "only registers may be declared as name<count>", Code::kUnsupported);
  }
  variable.name = std::string(name);
  variable.space = declaration.space;
  variable.type = declaration.type;
  variable.vector = declaration.vector;
  variable.managed = declaration.managed;
  variable.align = declaration.align;
  variable.explicit_align = declaration.align != 0;
  if (!variable.explicit_align) variable.align = NaturalAlign(variable.type, variable.vector);
  RETURN_IF_ERROR(Dimensions(variable, dimensions));
  RETURN_IF_ERROR(SizeVariable(variable, dimensions));
  if (token_.Is("=")) RETURN_IF_ERROR(Initialiser(variable, dimensions));
  if (variable.size == 0 && !may_be_empty) {
    return At(variable.line, "variable " + Quoted(name) + " has no size");
  }
  return variable;
}

Result<uint32_t> Parser::AddModuleVariable(Variable variable, std::vector<uint64_t> shape) {
  const std::string_view name = *file_text_.emplace(variable.name).first;
  if (name[0] == '%') {
    return At(variable.line, "a module variable named like a register: " + Quoted(name),
              Code::kUnsupported);
  }
  const uint32_t index = static_cast<uint32_t>(module_.variables.size());
  Symbol symbol;
  symbol.kind = SymbolKind::kModuleVariable;
  symbol.index = index;
  if (names_.Declare(name, symbol)) {
    module_.variables.push_back(std::move(variable));
    shapes_.push_back(std::move(shape));
    return index;
  }
  // Declared before: one of the two must be .extern, and both must agree.
  const Symbol& before = *names_.Find(name);
  const bool is_variable = before.kind == SymbolKind::kModuleVariable;
  Variable* const old = is_variable ? &module_.variables[before.index] : nullptr;
  const bool agrees = old != nullptr && old->space == variable.space &&
                      old->type == variable.type && old->vector == variable.vector &&
                      SameShape(shapes_[before.index], shape);
  const bool is_extern = variable.linkage == Linkage::kExtern;
  const bool was_extern = agrees && old->linkage == Linkage::kExtern;
  if (!agrees || (!was_extern && !is_extern)) {
    return At(variable.line, Quoted(name) + " is declared twice");
  }
  if (was_extern && variable.linkage == Linkage::kInternal) {
    return At(variable.line, Quoted(name) + " is .extern, so no other module may define it alone");
  }
  if (!variable.relocations.empty()) {
    // Its targets may stand after the first declaration, where Write would print it.
    return At(variable.line, "an .extern variable that is later initialised with addresses",
              Code::kUnsupported);
  }
  const bool says_less = is_extern && variable.size == 0;
  if (was_extern && !says_less) {
    *old = std::move(variable);
    shapes_[before.index] = std::move(shape);
  }
  return before.index;
}

Status Parser::ModuleVariables(Space space, Linkage linkage) {
  ASSIGN_OR_RETURN(const Declaration declaration, DeclarationHead(space, Site::kModule));
  if (linkage == Linkage::kCommon && space != Space::kGlobal) {
    return At(token_.line, ".common is for .global variables");
  }
  do {
    const bool is_extern = linkage == Linkage::kExtern;
    std::vector<uint64_t> shape;
    ASSIGN_OR_RETURN(Variable variable, DeclaredVariable(declaration, is_extern, shape));
    variable.linkage = linkage;
    if (variable.initialised && space != Space::kGlobal && space != Space::kConst) {
      return At(variable.line, "only .global and .const variables have initialisers");
    }
    if (variable.initialised && is_extern) {
      return At(variable.line, "an .extern variable with an initialiser");
    }
    ASSIGN_OR_RETURN([[maybe_unused]] const uint32_t index,
                     AddModuleVariable(std::move(variable), std::move(shape)));
  } while (Accept(","));
  return Expect(";");
}

Status Parser::FunctionVariables(Space space) {
  ASSIGN_OR_RETURN(const Declaration declaration, DeclarationHead(space, Site::kFunction));
  do {
    const std::string_view name = token_.text;
    ASSIGN_OR_RETURN(Variable variable, DeclaredVariable(declaration, /*may_be_empty=*/false));
    if (variable.initialised) return At(variable.line, "a function's variable has an initialiser");
    Symbol symbol;
    symbol.kind = SymbolKind::kFunctionVariable;
    symbol.index = static_cast<uint32_t>(function_.variables.size());
    if (!names_.Declare(name, symbol) || IsLabelHere(name))
      return At(variable.line, Quoted(name) + " is declared twice");
    if (space == Space::kParam && variable.align > kMaxParamAlign) {
      return At(variable.line, "an argument aligned to more than 128 bytes");
    }
    function_.variables.push_back(std::move(variable));
  } while (Accept(","));
  return Expect(";");
}

// A function's .global and .const variables live as long as the module, and become its own.
Status Parser::StaticVariables(Space space) {
  ASSIGN_OR_RETURN(const Declaration declaration, DeclarationHead(space, Site::kFunction));
  do {
    const std::string_view name = token_.text;
    ASSIGN_OR_RETURN(Variable variable, DeclaredVariable(declaration, /*may_be_empty=*/false));
    Symbol symbol;
    symbol.kind = SymbolKind::kModuleVariable;
    symbol.index = static_cast<uint32_t>(module_.variables.size());
    if (!names_.Declare(name, symbol) || IsLabelHere(name)) {
      return At(variable.line, Quoted(name) + " is declared twice");
    }
    statics_.push_back(symbol.index);
    module_.variables.push_back(std::move(variable));
    shapes_.emplace_back();
  } while (Accept(","));
  return Expect(";");
}

Status Parser::Initialiser(Variable& variable, std::vector<uint64_t>& dimensions) {
  Advance();  // =
  variable.initialised = true;
  if (TypeBytes(variable.type) == 0 || variable.type >= Type::kTexref) {
    return At(token_.line, "initialisers of this type are not supported", Code::kUnsupported);
  }
  uint64_t scalars = 0;
  if (!token_.Is("{")) {
    if (variable.is_array || variable.vector > 1) return Unexpected("'{'");
    return InitialiserValue(variable, 0);
  }
  const bool open = !dimensions.empty() && dimensions[0] == 0;
  std::vector<uint64_t> shape = dimensions;
  if (variable.vector > 1) shape.push_back(variable.vector);
  if (shape.empty()) return Unexpected("a value");
  // While the size is open any count may follow; it is counted afterwards.
  if (open) shape[0] = kMaxVariableBytes;
  RETURN_IF_ERROR(InitialiserList(variable, shape, 0, 0, scalars));
  if (!open) return Ok();
  uint64_t row = 1;
  for (size_t i = 1; i < shape.size(); ++i) row *= shape[i];
  dimensions[0] = (scalars + row - 1) / std::max<uint64_t>(row, 1);
  return SizeVariable(variable, dimensions);
}

// Recursion is as deep as the variable has dimensions, which Dimensions bounds.
Status Parser::InitialiserList(Variable& variable, const std::vector<uint64_t>& dimensions,
                               size_t level, uint64_t first_scalar, uint64_t& scalars) {
  RETURN_IF_ERROR(Expect("{"));
  // SizeVariable has bounded every product of inner dimensions, save under an open first one.
  uint64_t inner = 1;
  for (size_t i = level + 1; i < dimensions.size(); ++i) {
    if (__builtin_mul_overflow(inner, dimensions[i], &inner) || inner > kMaxVariableBytes) {
      return At(token_.line, "an array that is too large", Code::kTooLarge);
    }
  }
  uint64_t span = 0;
  if (__builtin_mul_overflow(inner, dimensions[level], &span)) span = UINT64_MAX;
  span = std::min(span, kMaxVariableBytes);
  uint64_t at = 0;
  while (!token_.Is("}")) {
    if (at >= span) return At(token_.line, "more initialisers than elements");
    if (level + 1 < dimensions.size()) {
      RETURN_IF_ERROR(InitialiserList(variable, dimensions, level + 1, first_scalar + at, scalars));
      at += inner;
    } else {
      RETURN_IF_ERROR(InitialiserValue(variable, first_scalar + at));
      ++at;
    }
    if (!Accept(",")) break;
  }
  const bool is_vector = variable.vector > 1 && level + 1 == dimensions.size();
  if (is_vector && at != span) return At(token_.line, "a vector with too few values");
  scalars = std::max(scalars, first_scalar + at);
  return Expect("}");
}

Status Parser::InitialiserValue(Variable& variable, uint64_t scalar) {
  if (token_.kind == TokenKind::kWord && token_.text != "WARP_SZ") {
    return InitialiserAddress(variable, scalar, /*shift=*/0, /*masked=*/false);
  }
  if (token_.kind == TokenKind::kInteger && next_.Is("(")) {
    // 0xFF00(x): byte 1 of x's address (PTX 7.1).
    const uint64_t mask = token_.value;
    const int shift = mask == 0 ? 0 : std::countr_zero(mask);
    if (shift % 8 != 0 || mask >> shift != 0xff || variable.type != Type::kU8) {
      return Unexpected("a mask of one whole byte, for a variable of .u8");
    }
    Advance();
    Advance();
    RETURN_IF_ERROR(InitialiserAddress(variable, scalar, static_cast<uint8_t>(shift), true));
    return Expect(")");
  }
  ASSIGN_OR_RETURN(const Constant constant, ConstantExpression());
  return StoreConstant(variable, scalar, constant);
}

Status Parser::StoreConstant(Variable& variable, uint64_t scalar, const Constant& constant) {
  const uint32_t size = TypeBytes(variable.type);
  uint64_t bits = constant.value;
  const bool is_float = variable.type == Type::kF32 || variable.type == Type::kF64;
  if (is_float && constant.kind != TokenKind::kInteger) {
    Operand literal;
    literal.kind =
        constant.kind == TokenKind::kFloat32 ? OperandKind::kFloat32 : OperandKind::kFloat64;
    literal.value = constant.value;
    bits = FloatBits(literal, variable.type);
  } else if (constant.kind != TokenKind::kInteger || IsFloat(variable.type) || size > 8) {
    return At(token_.line, "a value that does not fit the variable's type");
  }
  const uint64_t offset = scalar * size;
  const size_t end = offset + size;
  if (end > variable.bytes.size()) {
    if (end > limits_.initialiser_bytes ||
        (initialiser_bytes_ += end - variable.bytes.size()) > limits_.initialiser_bytes) {
      return At(token_.line, "initialisers are too large", Code::kTooLarge);
    }
    variable.bytes.resize(end);
  }
  for (uint32_t i = 0; i < size; ++i) {
    variable.bytes[offset + i] = static_cast<uint8_t>(bits >> (8 * i));
  }
  return Ok();
}

Status Parser::InitialiserAddress(Variable& variable, uint64_t scalar, uint8_t shift, bool masked) {
  Relocation relocation;
  relocation.shift = shift;
  relocation.masked = masked;
  relocation.size = static_cast<uint8_t>(TypeBytes(variable.type));
  if (!masked && variable.type != Type::kU64) {
    return At(token_.line, "an address needs a variable of .u64");
  }
  relocation.offset = scalar * relocation.size;
  relocation.generic = token_.text == "generic" && next_.Is("(");
  if (relocation.generic) {
    Advance();
    Advance();
  }
  const uint32_t line = token_.line;
  ASSIGN_OR_RETURN(const std::string_view name, ExpectWord("a name"));
  const Symbol* const symbol = names_.Find(name);
  const bool is_function = symbol != nullptr && symbol->kind == SymbolKind::kFunction;
  const bool is_variable = symbol != nullptr && symbol->kind == SymbolKind::kModuleVariable;
  if (!is_function && !is_variable) return At(line, "unknown name " + Quoted(name));
  const Space space = is_function ? Space::kGeneric : module_.variables[symbol->index].space;
  if (is_variable && space != Space::kGlobal && space != Space::kConst) {
    return At(line, "an address of a variable that is neither .global nor .const");
  }
  relocation.is_function = is_function;
  relocation.target = symbol->index;
  if (relocation.generic) RETURN_IF_ERROR(Expect(")"));
  if (is_function && (relocation.generic || token_.Is("+"))) {
    return At(line, "an address of a function stands alone");
  }
  uint64_t addend = 0;
  RETURN_IF_ERROR(AcceptOffset(addend));
  relocation.addend = static_cast<int64_t>(addend);
  if (++relocations_ > limits_.relocations) {
    return At(line, "more addresses in initialisers than a module may have", Code::kTooLarge);
  }
  variable.relocations.push_back(relocation);
  return StoreConstant(variable, scalar, Constant{});
}

}  // namespace souk::ptx
