#include <fmt/format.h>

#include <algorithm>

#include "gpu/ptx/canonical.h"
#include "gpu/ptx/parser.h"
#include "gpu/ptx/sizes.h"
#include "gpu/ptx/targets.h"

namespace souk::ptx {

Parser::Parser(std::string_view text, const Limits& limits)
    : text_(text), limits_(limits), lexer_(text, limits) {
  token_ = lexer_.Next();
  next_ = lexer_.Next();
}

void Parser::Advance() {
  token_ = next_;
  next_ = lexer_.Next();
}

Error Parser::At(uint32_t line, const std::string& what, Code code) const {
  return Error(code, fmt::format("line {}: {}", line, what));
}

Error Parser::Unexpected(const std::string& wanted) const {
  if (token_.kind == TokenKind::kBad) return lexer_.error();
  if (token_.kind == TokenKind::kEnd) {
    return At(token_.line, fmt::format("expected {}, but the text ends", wanted));
  }
  const std::string dot = token_.kind == TokenKind::kDot ? "." : "";
  return At(token_.line,
            fmt::format("expected {}, found {}", wanted, Quoted(dot + std::string(token_.text))));
}

bool Parser::Accept(std::string_view punct) {
  if (!token_.Is(punct)) return false;
  Advance();
  return true;
}

bool Parser::AcceptDot(std::string_view word) {
  if (!token_.IsDot(word)) return false;
  Advance();
  return true;
}

Status Parser::Expect(std::string_view punct) {
  if (!Accept(punct)) return Unexpected(fmt::format("'{}'", punct));
  return Ok();
}

Result<std::string_view> Parser::ExpectWord(const std::string& what) {
  if (token_.kind != TokenKind::kWord) return Unexpected(what);
  const std::string_view word = token_.text;
  Advance();
  return word;
}

Result<uint32_t> Parser::ExpectCount(const std::string& what, uint64_t most) {
  if (token_.kind != TokenKind::kInteger) return Unexpected(what);
  if (token_.value > most) {
    return At(token_.line, fmt::format("{} of {} is over {}", what, token_.value, most),
              Code::kTooLarge);
  }
  const uint32_t value = static_cast<uint32_t>(token_.value);
  Advance();
  return value;
}

Result<uint32_t> Parser::ExpectPositive(const std::string& what) {
  const uint32_t line = token_.line;
  ASSIGN_OR_RETURN(const uint32_t count, ExpectCount(what, INT32_MAX));
  if (count == 0) return At(line, what + " that is 0");
  return count;
}

Status Parser::CountName() {
  // Each costs some hundred bytes of memory against a few of text.
  if (++names_used_ > limits_.names) {
    return At(token_.line, "more names than a module may have", Code::kTooLarge);
  }
  return Ok();
}

Result<Module> Parser::Run() {
  RETURN_IF_ERROR(Header());
  while (token_.kind != TokenKind::kEnd) RETURN_IF_ERROR(Statement());
  RETURN_IF_ERROR(CheckDebugLabels());
  RETURN_IF_ERROR(ResolveAliases());
  NameStatics();
  RETURN_IF_ERROR(CheckNeeds(module_));
  RETURN_IF_ERROR(CheckShared(module_));
  RETURN_IF_ERROR(CheckConstants(module_));
  return std::move(module_);
}

Status Parser::Header() {
  if (!AcceptDot("version")) return Unexpected("'.version' as the first statement");
  RETURN_IF_ERROR(Version());
  if (!AcceptDot("target")) return Unexpected("'.target' after '.version'");
  RETURN_IF_ERROR(Target());
  if (!AcceptDot("address_size")) return Ok();
  const uint32_t line = token_.line;
  ASSIGN_OR_RETURN(module_.address_size, ExpectCount("an address size", 64));
  if (module_.address_size != 64) {
    return At(line, "only .address_size 64 is supported", Code::kUnsupported);
  }
  return Ok();
}

Status Parser::Version() {
  // The lexer reads "9.0" as a decimal literal.
  const std::string_view text = token_.text;
  const size_t dot = text.find('.');
  const bool plain = token_.kind == TokenKind::kFloat64 && dot != std::string_view::npos &&
                     dot >= 1 && dot <= 2 && text.size() == dot + 2 &&
                     text.find_first_not_of("0123456789.") == std::string_view::npos;
  if (!plain) return Unexpected("a version like 6.3");
  for (char c : text) {
    if (c != '.') module_.version = module_.version * 10 + static_cast<uint32_t>(c - '0');
  }
  if (!IsVersion(module_.version)) {
    return At(token_.line, "a .version that is not supported: " + Quoted(text), Code::kUnsupported);
  }
  Advance();
  return Ok();
}

Status Parser::Target() {
  const uint32_t line = token_.line;
  do {
    ASSIGN_OR_RETURN(const std::string_view name, ExpectWord("a target like sm_75"));
    if (name == "debug" || name == "texmode_unified") continue;
    if (name == "texmode_independent") {
      module_.texmode_independent = true;
      continue;
    }
    if (module_.target != 0) return At(line, "more than one sm_ target");
    RETURN_IF_ERROR(Architecture(name, line));
  } while (Accept(","));
  if (module_.target == 0) return At(line, "no sm_ target is given");
  return Ok();
}

// sm_75, sm_100a: its number and its suffix.
Status Parser::Architecture(std::string_view name, uint32_t line) {
  const size_t digits = std::min(name.find_first_not_of("0123456789", 3), name.size());
  uint32_t first = 0;
  if (name.starts_with("sm_") && (digits == 5 || digits == 6) && name[3] != '0') {
    for (char c : name.substr(3, digits - 3)) {
      module_.target = module_.target * 10 + static_cast<uint32_t>(c - '0');
    }
    module_.target_suffix = name.substr(digits);
    first = FirstVersionWith(module_.target, module_.target_suffix);
  }
  if (first == 0) {
    return At(line, "a target that is not supported: " + Quoted(name), Code::kUnsupported);
  }
  if (module_.version >= first) return Ok();
  return At(line, fmt::format(".target {} needs .version {}.{}", name, first / 10, first % 10));
}

Result<Linkage> Parser::AcceptLinkage() {
  Linkage linkage = Linkage::kInternal;
  if (token_.kind != TokenKind::kDot) return linkage;
  if (token_.text == "visible") linkage = Linkage::kVisible;
  if (token_.text == "extern") linkage = Linkage::kExtern;
  if (token_.text == "weak") linkage = Linkage::kWeak;
  if (token_.text == "common") linkage = Linkage::kCommon;
  if (linkage != Linkage::kInternal) Advance();
  return linkage;
}

Status Parser::Statement() {
  ASSIGN_OR_RETURN(const Linkage linkage, AcceptLinkage());
  if (linkage != Linkage::kCommon) {
    if (AcceptDot("entry")) return FunctionStatement(/*is_entry=*/true, linkage);
    if (AcceptDot("func")) return FunctionStatement(/*is_entry=*/false, linkage);
  }
  if (AcceptDot("global")) return ModuleVariables(Space::kGlobal, linkage);
  if (AcceptDot("const")) return ModuleVariables(Space::kConst, linkage);
  if (AcceptDot("shared")) return ModuleVariables(Space::kShared, linkage);
  if (linkage != Linkage::kInternal) return Unexpected("a variable or function");
  if (AcceptDot("file")) return File();
  if (AcceptDot("section")) return Section();
  if (AcceptDot("pragma")) return ModulePragma();
  if (AcceptDot("alias")) return Alias();
  if (token_.Is("@")) {
    return At(token_.line, "debug sections older than PTX 6.0 are not supported",
              Code::kUnsupported);
  }
  return Unexpected("a variable, function or section");
}

// .alias name, function;
Status Parser::Alias() {
  uint32_t functions[2] = {kNoIndex, kNoIndex};
  const uint32_t line = token_.line;
  if (module_.version < 63) return At(line, ".alias needs .version 6.3");
  for (uint32_t& function : functions) {
    if (&function != functions) RETURN_IF_ERROR(Expect(","));
    ASSIGN_OR_RETURN(const std::string_view name, ExpectWord("a function's name"));
    const Symbol* const symbol = names_.Find(name);
    if (symbol == nullptr || symbol->kind != SymbolKind::kFunction) {
      return At(line, "unknown function " + Quoted(name));
    }
    function = symbol->index;
  }
  if (!aliases_.try_emplace(functions[0], functions[1]).second) {
    return At(line, "a function that is an alias twice");
  }
  return Expect(";");
}

// Hints to ptxas's optimiser.
Status Parser::ModulePragma() {
  do {
    if (token_.kind != TokenKind::kString) return Unexpected("a pragma in quotes");
    const std::string fault = PragmaFault(token_.text, PragmaSite::kModule, /*is_entry=*/false);
    if (!fault.empty()) return At(token_.line, fault);
    Advance();
  } while (Accept(","));
  return Expect(";");
}

Status Parser::Skip(std::string_view closing) {
  while (!token_.Is(closing)) {
    if (token_.kind == TokenKind::kEnd || token_.kind == TokenKind::kBad) {
      return Unexpected(fmt::format("'{}'", closing));
    }
    Advance();
  }
  Advance();
  return Ok();
}

Result<Module> Parse(std::string_view text, const Limits& limits) {
  if (text.size() > limits.text_bytes) {
    return Error(Code::kTooLarge, fmt::format("a PTX module of {} bytes; {} is the most",
                                              text.size(), limits.text_bytes));
  }
  return Parser(text, limits).Run();
}

}  // namespace souk::ptx
