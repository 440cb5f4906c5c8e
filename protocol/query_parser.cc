// A recursive-descent parser; kDepth bounds the recursion, kTextBytes all else.
#include <charconv>
#include <cmath>

#include "protocol/plain_text.h"
#include "protocol/query_tree.h"
#include "protocol/text.h"

namespace souk::query {
namespace {

struct Token {
  enum class Kind { kEnd, kWord, kNumber, kString, kSymbol };
  Kind kind = Kind::kEnd;
  std::string_view text = {};  // without a string's quotes
  size_t at = 0;
};

bool IsDigit(char c) {
  return c >= '0' && c <= '9';
}
bool IsLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

Error At(size_t position, const std::string& what) {
  return Error(Code::kMalformed, "column " + std::to_string(position + 1) + ": " + what);
}

std::string Quoted(std::string_view text) {
  return "'" + ToPlainText(text, 40) + "'";
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Result<Token> Next() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) {
      ++at_;
    }
    const size_t start = at_;
    if (at_ == text_.size()) return Token{Token::Kind::kEnd, {}, start};
    const char c = text_[at_];
    if (IsLetter(c)) return Take(Token::Kind::kWord, start, WordEnd());
    if (IsDigit(c)) return Take(Token::Kind::kNumber, start, WordEnd());
    if (c == '"' || c == '\'') return String(c);
    for (const std::string_view symbol :
         {"<=", ">=", "!=", "≤", "≥", "≠", "=", "<", ">", "~", "(", ")", ",", "+", "-", "*", "/"}) {
      if (text_.substr(at_, symbol.size()) == symbol) {
        return Take(Token::Kind::kSymbol, start, start + symbol.size());
      }
    }
    return At(start, Quoted(text_.substr(start, CharacterEnd() - start)) + " has no meaning here");
  }

 private:
  // Of the UTF-8 character that begins here.
  size_t CharacterEnd() const {
    size_t end = at_ + 1;
    while (end < text_.size() && (static_cast<uint8_t>(text_[end]) & 0xC0) == 0x80) ++end;
    return end;
  }

  // Words and numbers alike: letters, digits and points.
  size_t WordEnd() const {
    size_t end = at_;
    while (end < text_.size() &&
           (IsLetter(text_[end]) || IsDigit(text_[end]) || text_[end] == '.')) {
      ++end;
    }
    return end;
  }

  Token Take(Token::Kind kind, size_t start, size_t end) {
    at_ = end;
    return Token{kind, text_.substr(start, end - start), start};
  }

  Result<Token> String(char quote) {
    const size_t start = at_;
    const size_t end = text_.find(quote, start + 1);
    if (end == std::string_view::npos) return At(start, "the text that begins here has no end");
    at_ = end + 1;
    return Token{Token::Kind::kString, text_.substr(start + 1, end - start - 1), start};
  }

  std::string_view text_;
  size_t at_ = 0;
};

const char* Example(Type type) {
  switch (type) {
    case Type::kNumber:
      return "a number such as 4";
    case Type::kCredits:
    case Type::kRate:
      return "credits such as 2.5";
    case Type::kBytes:
      return "a size such as 24GiB";
    case Type::kSeconds:
      return "a duration such as 10m";
    case Type::kBits:
      return "a rate such as 500Mbps";
    case Type::kTime:
      return "a time such as \"2026-03-01T14:00:00Z\"";
    case Type::kGrade:
      return "declared, challenged or attested";
    case Type::kJail:
      return "none, landlock or namespaces";
    case Type::kText:
    case Type::kIds:
      return "text in quotes";
  }
  return "a value";
}

Result<double> PlainNumber(std::string_view text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (read.ec == std::errc::result_out_of_range || (read.ec == std::errc() && std::isinf(value))) {
    return Error(Code::kTooLarge, "too large");
  }
  if (read.ec != std::errc() || read.ptr != end) return Error(Code::kMalformed, "not a number");
  return value;
}

Result<double> Bits(std::string_view text) {
  constexpr std::pair<std::string_view, double> kUnits[] = {
      {"kbps", 1e3}, {"Mbps", 1e6}, {"Gbps", 1e9}};
  for (const auto& unit : kUnits) {
    const size_t size = unit.first.size();
    if (text.size() <= size || text.substr(text.size() - size) != unit.first) continue;
    ASSIGN_OR_RETURN(const double number, PlainNumber(text.substr(0, text.size() - size)));
    return number * unit.second;
  }
  return Error(Code::kMalformed, "no unit");
}

Result<double> NumberFor(Type type, std::string_view text) {
  switch (type) {
    case Type::kNumber:
    case Type::kCredits:
    case Type::kRate:
      return PlainNumber(text);
    case Type::kBytes: {
      // "24" is more likely 24 GiB forgotten than 24 bytes.
      if (IsDigit(text.back()) && text != "0") return Error(Code::kMalformed, "no unit");
      ASSIGN_OR_RETURN(const uint64_t bytes, ParseSize(text));
      return static_cast<double>(bytes);
    }
    case Type::kSeconds: {
      if (text == "0") return 0.0;
      ASSIGN_OR_RETURN(const Duration duration, ParseDuration(text));
      return static_cast<double>(duration.ms) / 1000;
    }
    case Type::kBits:
      if (text == "0") return 0.0;
      return Bits(text);
    case Type::kTime:
    case Type::kGrade:
    case Type::kJail:
    case Type::kText:
    case Type::kIds:
      break;
  }
  return Error(Code::kMalformed, "not a number");
}

class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text) {}

  Result<Tree> Parse() {
    RETURN_IF_ERROR(Advance());
    if (!AtEnd() && !IsWord("order") && !IsWord("limit")) {
      ASSIGN_OR_RETURN(tree_.where, Or(0));
    }
    RETURN_IF_ERROR(OrderBy());
    RETURN_IF_ERROR(Limit());
    if (!AtEnd()) {
      return At(token_.at,
                "expected 'and', 'or', 'order by', 'limit' or the end, not " + Quoted(token_.text));
    }
    return std::move(tree_);
  }

 private:
  Status Advance() {
    ASSIGN_OR_RETURN(token_, lexer_.Next());
    return Ok();
  }
  bool AtEnd() const { return token_.kind == Token::Kind::kEnd; }
  bool IsWord(std::string_view word) const {
    return token_.kind == Token::Kind::kWord && LowerCase(token_.text) == word;
  }
  bool IsSymbol(std::string_view symbol) const {
    return token_.kind == Token::Kind::kSymbol && token_.text == symbol;
  }
  std::string Shown() const { return AtEnd() ? "the end of the query" : Quoted(token_.text); }
  Status Expect(std::string_view symbol) {
    if (!IsSymbol(symbol)) {
      return At(token_.at, "expected '" + std::string(symbol) + "', not " + Shown());
    }
    return Advance();
  }
  Status CheckDepth(int depth) const {
    if (depth < kDepth) return Ok();
    return At(token_.at, "nested deeper than " + std::to_string(kDepth) + " levels");
  }
  size_t Add(Node node) {
    tree_.nodes.push_back(std::move(node));
    return tree_.nodes.size() - 1;
  }
  size_t AddParent(Node::Kind kind, std::vector<size_t> children) {
    Node node;
    node.kind = kind;
    node.children = std::move(children);
    return Add(std::move(node));
  }

  // ---- predicates

  Result<size_t> Or(int depth) {
    std::vector<size_t> children;
    while (true) {
      ASSIGN_OR_RETURN(const size_t child, And(depth));
      children.push_back(child);
      if (!IsWord("or")) break;
      RETURN_IF_ERROR(Advance());
    }
    return children.size() == 1 ? children[0] : AddParent(Node::Kind::kOr, std::move(children));
  }

  Result<size_t> And(int depth) {
    std::vector<size_t> children;
    while (true) {
      ASSIGN_OR_RETURN(const size_t child, Not(depth));
      children.push_back(child);
      if (!IsWord("and")) break;
      RETURN_IF_ERROR(Advance());
    }
    return children.size() == 1 ? children[0] : AddParent(Node::Kind::kAnd, std::move(children));
  }

  Result<size_t> Not(int depth) {
    RETURN_IF_ERROR(CheckDepth(depth));
    if (IsWord("not")) {
      RETURN_IF_ERROR(Advance());
      ASSIGN_OR_RETURN(const size_t child, Not(depth + 1));
      return AddParent(Node::Kind::kNot, {child});
    }
    if (IsSymbol("(")) {
      RETURN_IF_ERROR(Advance());
      ASSIGN_OR_RETURN(const size_t child, Or(depth + 1));
      RETURN_IF_ERROR(Expect(")"));
      return child;
    }
    return Comparison();
  }

  Result<const Field*> TakeField() {
    if (token_.kind != Token::Kind::kWord) {
      return At(token_.at, "expected a field such as gpu.memory, not " + Shown());
    }
    const Field* const field = FindField(LowerCase(token_.text));
    if (field == nullptr) {
      std::string known;
      for (const Field& each : Fields())
        known += (known.empty() ? "" : ", ") + std::string(each.name);
      return At(token_.at, "no field " + Quoted(token_.text) + "; there are " + known);
    }
    RETURN_IF_ERROR(Advance());
    return field;
  }

  Result<Op> TakeOp() {
    constexpr std::pair<std::string_view, Op> kOps[] = {
        {"=", Op::kEqual},   {"!=", Op::kNotEqual},     {"≠", Op::kNotEqual},
        {"<", Op::kLess},    {"<=", Op::kLessEqual},    {"≤", Op::kLessEqual},
        {">", Op::kGreater}, {">=", Op::kGreaterEqual}, {"≥", Op::kGreaterEqual},
        {"~", Op::kContains}};
    for (const auto& each : kOps) {
      if (!IsSymbol(each.first)) continue;
      RETURN_IF_ERROR(Advance());
      return each.second;
    }
    if (IsWord("in")) {
      RETURN_IF_ERROR(Advance());
      return Op::kIn;
    }
    return At(token_.at, "expected =, !=, <, <=, >, >=, ~ or in, not " + Shown());
  }

  Result<size_t> Comparison() {
    Predicate predicate;
    ASSIGN_OR_RETURN(predicate.field, TakeField());
    const size_t op_at = token_.at;
    ASSIGN_OR_RETURN(predicate.op, TakeOp());
    RETURN_IF_ERROR(CheckOp(predicate, op_at));
    const bool list = predicate.op == Op::kIn;
    if (list) RETURN_IF_ERROR(Expect("("));
    while (true) {
      ASSIGN_OR_RETURN(Literal literal, TakeLiteral(*predicate.field));
      predicate.literals.push_back(std::move(literal));
      if (!list) break;
      if (!IsSymbol(",")) {
        RETURN_IF_ERROR(Expect(")"));
        break;
      }
      RETURN_IF_ERROR(Advance());
    }
    tree_.predicates.push_back(std::move(predicate));
    Node node;
    node.predicate = tree_.predicates.size() - 1;
    return Add(std::move(node));
  }

  static Status CheckOp(const Predicate& predicate, size_t at) {
    const bool numeric = IsNumeric(predicate.field->type);
    const std::string name = predicate.field->name;
    if (numeric && predicate.op == Op::kContains) {
      return At(at, name + " is not text; compare it with =, !=, <, <=, >, >= or in");
    }
    const bool orders = predicate.op == Op::kLess || predicate.op == Op::kLessEqual ||
                        predicate.op == Op::kGreater || predicate.op == Op::kGreaterEqual;
    if (!numeric && orders) return At(at, name + " is text; compare it with =, !=, ~ or in");
    return Ok();
  }

  Result<Literal> TakeLiteral(const Field& field) {
    const Token token = token_;
    const Error wrong = At(token.at, std::string("expected ") + Example(field.type) + " for " +
                                         field.name + ", not " + Shown());
    if (token.kind == Token::Kind::kEnd || token.kind == Token::Kind::kSymbol) return wrong;
    if (token.text.size() > kLiteralBytes) return At(token.at, "this value is too long");
    const bool string = token.kind == Token::Kind::kString;
    Literal literal;
    literal.text = LowerCase(token.text);
    literal.source = string ? "\"" + std::string(token.text) + "\"" : std::string(token.text);
    if (!IsPlainText(token.text)) return At(token.at, "this value is not plain text");
    if (field.type == Type::kGrade || field.type == Type::kJail) {
      const auto level = ParseLevel(field.type, literal.text);
      if (!level) return wrong;
      literal.number = *level;
    } else if (field.type == Type::kTime) {
      const auto time = ParseTime(token.text);
      if (!time) return wrong;
      literal.number = static_cast<double>(time->ms);
    } else if (IsNumeric(field.type)) {
      if (token.kind != Token::Kind::kNumber) return wrong;
      const auto number = NumberFor(field.type, token.text);
      if (!number)
        return number.error().code == Code::kTooLarge ? At(token.at, "too large") : wrong;
      literal.number = *number;
    } else if (!string) {
      return wrong;
    }
    RETURN_IF_ERROR(Advance());
    return literal;
  }

  // ---- order by, limit

  Status OrderBy() {
    if (!IsWord("order")) return Ok();
    RETURN_IF_ERROR(Advance());
    if (!IsWord("by")) return At(token_.at, "expected 'by' after 'order', not " + Shown());
    RETURN_IF_ERROR(Advance());
    ASSIGN_OR_RETURN(tree_.order_by, Sum(0));
    if (IsWord("asc") || IsWord("desc")) {
      tree_.descending = IsWord("desc");
      RETURN_IF_ERROR(Advance());
    }
    return Ok();
  }

  Status Limit() {
    if (!IsWord("limit")) return Ok();
    RETURN_IF_ERROR(Advance());
    size_t limit = 0;
    const char* const end = token_.text.data() + token_.text.size();
    const auto read = std::from_chars(token_.text.data(), end, limit);
    if (token_.kind != Token::Kind::kNumber || read.ec != std::errc() || read.ptr != end) {
      return At(token_.at, "expected how many after 'limit', not " + Shown());
    }
    tree_.limit = limit;
    return Advance();
  }

  Result<size_t> Sum(int depth) {
    ASSIGN_OR_RETURN(size_t left, Product(depth));
    while (IsSymbol("+") || IsSymbol("-")) {
      const Node::Kind kind = IsSymbol("+") ? Node::Kind::kAdd : Node::Kind::kSubtract;
      RETURN_IF_ERROR(Advance());
      ASSIGN_OR_RETURN(const size_t right, Product(depth));
      left = AddParent(kind, {left, right});
    }
    return left;
  }

  Result<size_t> Product(int depth) {
    ASSIGN_OR_RETURN(size_t left, Factor(depth));
    while (IsSymbol("*") || IsSymbol("/")) {
      const Node::Kind kind = IsSymbol("*") ? Node::Kind::kMultiply : Node::Kind::kDivide;
      RETURN_IF_ERROR(Advance());
      ASSIGN_OR_RETURN(const size_t right, Factor(depth));
      left = AddParent(kind, {left, right});
    }
    return left;
  }

  Result<size_t> Factor(int depth) {
    RETURN_IF_ERROR(CheckDepth(depth));
    Node node;
    if (IsSymbol("-")) {
      RETURN_IF_ERROR(Advance());
      ASSIGN_OR_RETURN(const size_t child, Factor(depth + 1));
      return AddParent(Node::Kind::kNegate, {child});
    }
    if (IsSymbol("(")) {
      RETURN_IF_ERROR(Advance());
      ASSIGN_OR_RETURN(const size_t child, Sum(depth + 1));
      RETURN_IF_ERROR(Expect(")"));
      return child;
    }
    if (token_.kind == Token::Kind::kNumber) {
      const auto number = PlainNumber(token_.text);
      if (!number) return At(token_.at, "expected a number, not " + Shown());
      node.kind = Node::Kind::kNumber;
      node.number = *number;
      RETURN_IF_ERROR(Advance());
      return Add(std::move(node));
    }
    const size_t at = token_.at;
    node.kind = Node::Kind::kField;
    ASSIGN_OR_RETURN(node.field, TakeField());
    if (!IsNumeric(node.field->type)) {
      return At(at, std::string(node.field->name) + " is not a number");
    }
    return Add(std::move(node));
  }

  Lexer lexer_;
  Token token_ = {};
  Tree tree_ = {};
};

}  // namespace

Result<Tree> ParseTree(std::string_view text) {
  if (text.size() > kTextBytes) {
    return Error(Code::kTooLarge, "a query has at most " + std::to_string(kTextBytes) + " bytes");
  }
  return Parser(text).Parse();
}

}  // namespace souk::query
