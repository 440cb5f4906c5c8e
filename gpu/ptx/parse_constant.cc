// Constant expressions (ISA 9.0 sections 4.5.3 to 4.5.5): C's operators on 64-bit integers, where
// an operation with an unsigned side is unsigned. As ptxas does: ~ and ^ give .u64 always, and %
// takes .u64. Floats take a sign only.
#include <algorithm>

#include "gpu/ptx/parser.h"

namespace souk::ptx {
namespace {

int Precedence(const Token& token) {
  if (token.kind != TokenKind::kPunct) return 0;
  const std::string_view op = token.text;
  if (op == "||") return 1;
  if (op == "&&") return 2;
  if (op == "|") return 3;
  if (op == "^") return 4;
  if (op == "&") return 5;
  if (op == "==" || op == "!=") return 6;
  if (op == "<" || op == ">" || op == "<=" || op == ">=") return 7;
  if (op == "<<" || op == ">>") return 8;
  if (op == "+" || op == "-") return 9;
  if (op == "*" || op == "/" || op == "%") return 10;
  return 0;
}

Constant Integer(uint64_t value, bool is_unsigned) {
  Constant constant;
  constant.value = value;
  constant.is_unsigned = is_unsigned;
  return constant;
}

uint64_t Quotient(const Constant& a, const Constant& b, bool is_unsigned) {
  if (is_unsigned) return a.value / b.value;
  // The one quotient that does not fit wraps.
  if (b.value == UINT64_MAX) return uint64_t{0} - a.value;
  return static_cast<uint64_t>(static_cast<int64_t>(a.value) / static_cast<int64_t>(b.value));
}

bool Less(const Constant& a, const Constant& b, bool is_unsigned) {
  return is_unsigned ? a.value < b.value
                     : static_cast<int64_t>(a.value) < static_cast<int64_t>(b.value);
}

uint64_t ShiftRight(const Constant& a, uint64_t by) {
  if (a.is_unsigned) return by > 63 ? 0 : a.value >> by;
  return static_cast<uint64_t>(static_cast<int64_t>(a.value) >> std::min<uint64_t>(by, 63));
}

}  // namespace

Result<Constant> Parser::ConstantExpression() {
  return Conditional(0);
}

Result<Constant> Parser::Conditional(size_t depth) {
  ASSIGN_OR_RETURN(const Constant condition, Binary(1, depth));
  if (!token_.Is("?")) return condition;
  if (depth >= limits_.expression_depth || condition.kind != TokenKind::kInteger) {
    return Unexpected("a simpler constant expression");
  }
  Advance();
  ASSIGN_OR_RETURN(const Constant yes, Conditional(depth + 1));
  RETURN_IF_ERROR(Expect(":"));
  ASSIGN_OR_RETURN(const Constant no, Conditional(depth + 1));
  return condition.value != 0 ? yes : no;
}

Result<Constant> Parser::Binary(int lowest, size_t depth) {
  ASSIGN_OR_RETURN(Constant left, Unary(depth));
  while (true) {
    const int precedence = Precedence(token_);
    if (precedence < lowest) return left;
    if (precedence == 0) return left;
    const std::string_view op = token_.text;
    Advance();
    // Binary calls itself with a higher precedence each time: at most ten deep.
    ASSIGN_OR_RETURN(const Constant right, Binary(precedence + 1, depth));
    ASSIGN_OR_RETURN(left, Apply(op, left, right));
  }
}

Result<Constant> Parser::Apply(std::string_view op, const Constant& a, const Constant& b) {
  if (a.kind != TokenKind::kInteger || b.kind != TokenKind::kInteger) {
    return At(token_.line, "arithmetic on float constants is not supported", Code::kUnsupported);
  }
  const bool u = a.is_unsigned || b.is_unsigned;
  if (op == "+") return Integer(a.value + b.value, u);
  if (op == "-") return Integer(a.value - b.value, u);
  if (op == "*") return Integer(a.value * b.value, u);
  if (op == "/" || op == "%") {
    if (b.value == 0) return At(token_.line, "a constant is divided by zero");
    return op == "/" ? Integer(Quotient(a, b, u), u) : Integer(a.value % b.value, true);
  }
  if (op == "<<") return Integer(b.value > 63 ? 0 : a.value << b.value, a.is_unsigned);
  if (op == ">>") return Integer(ShiftRight(a, b.value), a.is_unsigned);
  if (op == "&") return Integer(a.value & b.value, u);
  if (op == "|") return Integer(a.value | b.value, u);
  if (op == "^") return Integer(a.value ^ b.value, true);
  if (op == "&&") return Integer(a.value != 0 && b.value != 0, false);
  if (op == "||") return Integer(a.value != 0 || b.value != 0, false);
  if (op == "==") return Integer(a.value == b.value, false);
  if (op == "!=") return Integer(a.value != b.value, false);
  if (op == "<") return Integer(Less(a, b, u), false);
  if (op == ">") return Integer(Less(b, a, u), false);
  if (op == "<=") return Integer(!Less(b, a, u), false);
  return Integer(!Less(a, b, u), false);  // >=
}

Result<Constant> Parser::Unary(size_t depth) {
  if (depth >= limits_.expression_depth) {
    return At(token_.line, "a constant expression nested too deeply", Code::kTooLarge);
  }
  const std::string_view op = token_.kind == TokenKind::kPunct ? token_.text : "";
  if (op == "(") return Parenthesised(depth);
  if (op == "-" || op == "+" || op == "~" || op == "!") {
    Advance();
    ASSIGN_OR_RETURN(Constant value, Unary(depth + 1));
    const bool is_integer = value.kind == TokenKind::kInteger;
    if (op == "-" && value.kind == TokenKind::kFloat32) value.value ^= 0x80000000u;
    if (op == "-" && value.kind == TokenKind::kFloat64) value.value ^= uint64_t{1} << 63;
    if (op == "-" && is_integer) value.value = uint64_t{0} - value.value;
    if (op == "~" && is_integer) value = Integer(~value.value, true);
    if (op == "!" && is_integer) value = Integer(value.value == 0, false);
    if (!is_integer && (op == "~" || op == "!")) return Unexpected("an integer constant");
    return value;
  }
  if (token_.kind == TokenKind::kInteger || token_.kind == TokenKind::kFloat32 ||
      token_.kind == TokenKind::kFloat64) {
    Constant value;
    value.kind = token_.kind;
    value.value = token_.value;
    value.is_unsigned = token_.is_unsigned;
    Advance();
    return value;
  }
  if (token_.kind == TokenKind::kWord && token_.text == "WARP_SZ") {
    Advance();
    return Integer(32, false);
  }
  return Unexpected("a constant");
}

// "(expression)", or a cast: "(.s64) unary".
Result<Constant> Parser::Parenthesised(size_t depth) {
  Advance();
  if (token_.IsDot("s64") || token_.IsDot("u64")) {
    const bool is_unsigned = token_.text == "u64";
    Advance();
    RETURN_IF_ERROR(Expect(")"));
    ASSIGN_OR_RETURN(Constant value, Unary(depth + 1));
    if (value.kind != TokenKind::kInteger) return Unexpected("an integer constant");
    value.is_unsigned = is_unsigned;
    return value;
  }
  ASSIGN_OR_RETURN(const Constant value, Conditional(depth + 1));
  RETURN_IF_ERROR(Expect(")"));
  return value;
}

}  // namespace souk::ptx
