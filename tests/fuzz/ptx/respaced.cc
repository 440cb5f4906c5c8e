#include "fuzz/ptx/respaced.h"

#include "gpu/ptx/canonical.h"
#include "gpu/ptx/lexer.h"
#include "gpu/ptx/module.h"
#include "protocol/base/check.h"

namespace souk::ptx {
namespace {

Limits TextLimits() {
  Limits limits;
  limits.tokens = 1u << 15;
  limits.names = 1u << 13;
  limits.initialiser_bytes = 1u << 18;
  return limits;
}

// What was accepted by its size alone may be refused once it is respaced, so the second reading has
// no limits of its own.
Result<Module> CanonicalOf(std::string_view text) {
  ASSIGN_OR_RETURN(Module module, Parse(text));
  return Canonicalize(std::move(module));
}

}  // namespace

std::optional<std::string> Respaced(std::string_view text, uint64_t seed) {
  constexpr std::string_view kBlanks[] = {" ", "\n", "\t ", " /* ; */ ", " // x\n", "\r\n"};
  Lexer lexer(text, {});
  std::string out;
  while (true) {
    const Token token = lexer.Next();
    if (token.kind == TokenKind::kEnd) return out;
    if (token.kind == TokenKind::kBad) return std::nullopt;
    if (!token.glued && !out.empty()) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      out += kBlanks[(seed >> 33) % std::size(kBlanks)];
    }
    if (token.kind == TokenKind::kDot) out += '.';
    if (token.kind == TokenKind::kString) out += '"';
    out += token.text;
    if (token.kind == TokenKind::kString) out += '"';
  }
}

bool CheckCanonical(std::string_view text) {
  auto module = Parse(text, TextLimits());
  if (!module) return false;
  const Module before = *module;
  auto canonical = Canonicalize(std::move(*module));
  if (!canonical) return false;
  const std::string written = Write(*canonical);
  const auto again = CanonicalOf(written);
  CHECK(again && Write(*again) == written);
  if (const auto respaced = Respaced(text, text.size())) {
    const auto same = CanonicalOf(*respaced);
    CHECK(same && Write(*same) == written);
  }
  CHECK(before.functions.size() == canonical->functions.size());
  for (const Function& f : before.functions) {
    const Function* const g = canonical->FindFunction(f.name);
    CHECK(g != nullptr && g->body.size() == f.body.size());
    for (size_t i = 0; i < f.body.size(); ++i) {
      CHECK(UnfusedSpelling(before.OperationOf(f.body[i])) ==
            canonical->OperationOf(g->body[i]).spelling);
      CHECK(f.body[i].operand_count == g->body[i].operand_count);
    }
  }
  return true;
}

}  // namespace souk::ptx
