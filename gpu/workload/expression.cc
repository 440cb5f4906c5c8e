#include "gpu/workload/expression.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "protocol/base/check.h"

namespace souk::gpu {
namespace {

// How many numbers an op takes from the stack; it leaves one. -1: no such op.
int Takes(const ExprStep& step) {
  switch (step.op) {
    case ExprOp::kInt:
    case ExprOp::kFloat:
    case ExprOp::kVariable:
      return 0;
    case ExprOp::kNegate:
      return 1;
    case ExprOp::kAdd:
    case ExprOp::kSub:
    case ExprOp::kMul:
    case ExprOp::kDiv:
    case ExprOp::kFloorDiv:
    case ExprOp::kMod:
    case ExprOp::kMin:
    case ExprOp::kMax:
      return 2;
    case ExprOp::kPick:
      return 1 + static_cast<int>(std::min<uint64_t>(step.operand, kMaxExpressionSteps));
  }
  return -1;
}

Error Overflow() {
  return {Code::kOverflow, "an integer leaves 64 bits"};
}

Result<Number> Float(double value) {
  if (!std::isfinite(value)) return Error(Code::kOverflow, "a float is not finite");
  return Number{.is_float = true, .real = value};
}

Result<Number> Integers(ExprOp op, int64_t a, int64_t b) {
  int64_t value = 0;
  bool overflowed = false;
  if (op == ExprOp::kAdd) overflowed = __builtin_add_overflow(a, b, &value);
  if (op == ExprOp::kSub) overflowed = __builtin_sub_overflow(a, b, &value);
  if (op == ExprOp::kMul) overflowed = __builtin_mul_overflow(a, b, &value);
  if (overflowed) return Overflow();
  return Number{.integer = value};
}

// Rounds towards minus infinity, as Python does.
Result<Number> Floored(ExprOp op, int64_t a, int64_t b) {
  if (b == 0) return Error(Code::kInvalidArgument, "division by zero");
  if (b == -1) {  // the one quotient that overflows, and the one remainder that traps
    if (op == ExprOp::kMod) return Number{};
    if (a == INT64_MIN) return Overflow();
    return Number{.integer = -a};
  }
  const int64_t quotient = a / b;
  const int64_t remainder = a % b;
  const bool adjust = remainder != 0 && (remainder < 0) != (b < 0);
  if (op == ExprOp::kMod) return Number{.integer = adjust ? remainder + b : remainder};
  return Number{.integer = adjust ? quotient - 1 : quotient};
}

// The same on floats: the remainder is exact and has the divisor's sign, and the quotient is the
// integer nearest to (a - remainder) / b.
Result<Number> FlooredReals(ExprOp op, double a, double b) {
  if (b == 0) return Error(Code::kInvalidArgument, "division by zero");
  double remainder = std::fmod(a, b);
  double quotient = (a - remainder) / b;
  if (remainder == 0) {
    remainder = std::copysign(0.0, b);
  } else if ((remainder < 0) != (b < 0)) {
    remainder += b;
    quotient -= 1;
  }
  if (op == ExprOp::kMod) return Float(remainder);
  const double floored = std::floor(quotient);
  if (quotient == 0) return Float(std::copysign(0.0, a / b));
  return Float(quotient - floored > 0.5 ? floored + 1 : floored);
}

bool Less(const Number& a, const Number& b) {
  if (!a.is_float && !b.is_float) return a.integer < b.integer;
  return a.AsReal() < b.AsReal();
}

Result<Number> Binary(ExprOp op, const Number& a, const Number& b) {
  const bool integers = !a.is_float && !b.is_float;
  switch (op) {
    case ExprOp::kAdd:
      if (!integers) return Float(a.AsReal() + b.AsReal());
      return Integers(op, a.integer, b.integer);
    case ExprOp::kSub:
      if (!integers) return Float(a.AsReal() - b.AsReal());
      return Integers(op, a.integer, b.integer);
    case ExprOp::kMul:
      if (!integers) return Float(a.AsReal() * b.AsReal());
      return Integers(op, a.integer, b.integer);
    case ExprOp::kDiv:
      if (b.AsReal() == 0) return Error(Code::kInvalidArgument, "division by zero");
      return Float(a.AsReal() / b.AsReal());
    case ExprOp::kFloorDiv:
    case ExprOp::kMod:
      if (!integers) return FlooredReals(op, a.AsReal(), b.AsReal());
      return Floored(op, a.integer, b.integer);
    case ExprOp::kMin:
      return Less(b, a) ? b : a;
    case ExprOp::kMax:
      return Less(a, b) ? b : a;
    case ExprOp::kInt:
    case ExprOp::kFloat:
    case ExprOp::kVariable:
    case ExprOp::kNegate:
    case ExprOp::kPick:
      break;
  }
  std::abort();
}

Result<Number> Negate(const Number& a) {
  if (a.is_float) return Float(-a.real);
  return Integers(ExprOp::kSub, 0, a.integer);
}

// values: the index, then the list.
Result<Number> Pick(const Number* values, size_t count) {
  if (values[0].is_float) return Error(Code::kInvalidArgument, "pick's index is not an integer");
  const int64_t index = values[0].integer;
  if (index < 0 || static_cast<uint64_t>(index) >= count) {
    return Error(Code::kInvalidArgument, "pick's index " + std::to_string(index) +
                                             " is outside its " + std::to_string(count) +
                                             " values");
  }
  return values[1 + index];
}

}  // namespace

bool HasOperand(ExprOp op) {
  return op == ExprOp::kInt || op == ExprOp::kFloat || op == ExprOp::kVariable ||
         op == ExprOp::kPick;
}

Expression Expression::Integer(int64_t value) {
  return {.steps = {{ExprOp::kInt, static_cast<uint64_t>(value)}}};
}
Expression Expression::Float(double value) {
  return {.steps = {{ExprOp::kFloat, std::bit_cast<uint64_t>(value)}}};
}
Expression Expression::Variable(uint32_t depth) {
  return {.steps = {{ExprOp::kVariable, depth}}};
}

Status CheckExpression(const Expression& expression, size_t variables) {
  if (expression.steps.empty()) return Error(Code::kMalformed, "an expression is empty");
  if (expression.steps.size() > kMaxExpressionSteps) {
    return Error(Code::kTooLarge,
                 "an expression has more than " + std::to_string(kMaxExpressionSteps) + " steps");
  }
  size_t depth = 0;
  for (const ExprStep& step : expression.steps) {
    const int takes = Takes(step);
    if (takes < 0) return Error(Code::kMalformed, "an expression has an unknown operation");
    if (static_cast<size_t>(takes) > depth) {
      return Error(Code::kMalformed, "an expression lacks an operand");
    }
    if (!HasOperand(step.op) && step.operand != 0) {
      return Error(Code::kMalformed, "an expression has a stray operand");
    }
    if (step.op == ExprOp::kVariable && step.operand >= variables) {
      return Error(Code::kMalformed, "an expression names a loop that it is not in");
    }
    if (step.op == ExprOp::kFloat && !std::isfinite(std::bit_cast<double>(step.operand))) {
      return Error(Code::kMalformed, "an expression holds a float that is not finite");
    }
    if (step.op == ExprOp::kPick && (step.operand == 0 || step.operand > kMaxExpressionSteps)) {
      return Error(Code::kMalformed, "an expression's pick has no values");
    }
    depth = depth - static_cast<size_t>(takes) + 1;
  }
  if (depth != 1) return Error(Code::kMalformed, "an expression leaves more than one value");
  return Ok();
}

Result<Number> Evaluate(const Expression& expression, const std::vector<int64_t>& variables) {
  Number stack[kMaxExpressionSteps];
  size_t top = 0;
  for (const ExprStep& step : expression.steps) {
    const size_t takes = static_cast<size_t>(Takes(step));
    CHECK(takes <= top && top - takes < kMaxExpressionSteps);
    top -= takes;
    Number* at = stack + top;
    switch (step.op) {
      case ExprOp::kInt:
        *at = Number{.integer = static_cast<int64_t>(step.operand)};
        break;
      case ExprOp::kFloat:
        *at = Number{.is_float = true, .real = std::bit_cast<double>(step.operand)};
        break;
      case ExprOp::kVariable:
        CHECK(step.operand < variables.size());
        *at = Number{.integer = variables[step.operand]};
        break;
      case ExprOp::kNegate: {
        ASSIGN_OR_RETURN(*at, Negate(*at));
        break;
      }
      case ExprOp::kPick: {
        ASSIGN_OR_RETURN(*at, Pick(at, takes - 1));
        break;
      }
      case ExprOp::kAdd:
      case ExprOp::kSub:
      case ExprOp::kMul:
      case ExprOp::kDiv:
      case ExprOp::kFloorDiv:
      case ExprOp::kMod:
      case ExprOp::kMin:
      case ExprOp::kMax: {
        ASSIGN_OR_RETURN(*at, Binary(step.op, at[0], at[1]));
        break;
      }
    }
    ++top;
  }
  CHECK(top == 1);
  return stack[0];
}

namespace {

// Recursive descent: sum = product (± product)*, product = unary (*|/|//|% unary)*,
// unary = (-|+) unary | primary, primary = number | name | name(list) | (sum).
class Parser {
 public:
  Parser(std::string_view text, const std::vector<std::string>& names)
      : text_(text), names_(names) {}

  Result<Expression> Parse() {
    RETURN_IF_ERROR(Sum(0));
    Skip();
    if (at_ != text_.size()) return Wrong("unexpected '" + std::string(1, text_[at_]) + "'");
    return std::move(out_);
  }

 private:
  Error Wrong(const std::string& what) const {
    return {Code::kMalformed, "expression \"" + std::string(text_.substr(0, 200)) + "\", column " +
                                  std::to_string(at_ + 1) + ": " + what};
  }
  void Skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool Take(std::string_view token) {
    Skip();
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  Status Emit(ExprOp op, uint64_t operand = 0) {
    if (out_.steps.size() >= kMaxExpressionSteps) return Wrong("the expression is too long");
    out_.steps.push_back({op, operand});
    return Ok();
  }

  Status Sum(size_t depth) {
    if (depth > kMaxExpressionDepth) return Wrong("the expression is nested too deeply");
    RETURN_IF_ERROR(Product(depth));
    while (true) {
      const bool add = Take("+");
      if (!add && !Take("-")) return Ok();
      RETURN_IF_ERROR(Product(depth));
      RETURN_IF_ERROR(Emit(add ? ExprOp::kAdd : ExprOp::kSub));
    }
  }

  Status Product(size_t depth) {
    RETURN_IF_ERROR(Unary(depth));
    while (true) {
      ExprOp op = ExprOp::kMul;
      if (Take("*")) {
        op = ExprOp::kMul;
      } else if (Take("//")) {
        op = ExprOp::kFloorDiv;
      } else if (Take("/")) {
        op = ExprOp::kDiv;
      } else if (Take("%")) {
        op = ExprOp::kMod;
      } else {
        return Ok();
      }
      RETURN_IF_ERROR(Unary(depth));
      RETURN_IF_ERROR(Emit(op));
    }
  }

  Status Unary(size_t depth) {
    bool negative = false;
    while (true) {
      if (Take("-")) {
        negative = !negative;
      } else if (!Take("+")) {
        break;
      }
    }
    RETURN_IF_ERROR(Primary(depth));
    return negative ? Emit(ExprOp::kNegate) : Ok();
  }

  Status Primary(size_t depth) {
    Skip();
    if (at_ == text_.size()) return Wrong("a value is missing");
    const char c = text_[at_];
    if (c == '(') {
      ++at_;
      RETURN_IF_ERROR(Sum(depth + 1));
      return Take(")") ? Ok() : Status(Wrong("')' is missing"));
    }
    if ((c >= '0' && c <= '9') || c == '.') return Literal();
    const std::string_view name = Name();
    if (name.empty()) return Wrong("unexpected '" + std::string(1, c) + "'");
    if (Take("(")) return Call(name, depth);
    // From the inside out: an inner loop's variable hides an outer one of the same name.
    for (size_t i = names_.size(); i-- > 0;) {
      if (names_[i] == name) return Emit(ExprOp::kVariable, i);
    }
    return Wrong("no loop variable \"" + std::string(name) + "\"");
  }

  std::string_view Name() {
    const size_t begin = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) {
      ++at_;
    }
    return text_.substr(begin, at_ - begin);
  }

  Status Literal() {
    const char* const begin = text_.data() + at_;
    const char* const end = text_.data() + text_.size();
    uint64_t integer = 0;
    const std::from_chars_result whole = std::from_chars(begin, end, integer);
    double real = 0;
    const std::from_chars_result all = std::from_chars(begin, end, real);
    if (all.ec != std::errc() || !std::isfinite(real)) return Wrong("not a number");
    // Longer as a float means that it has a point or an exponent.
    const bool is_float = whole.ec == std::errc::invalid_argument || all.ptr != whole.ptr;
    at_ += static_cast<size_t>(all.ptr - begin);
    if (is_float) return Emit(ExprOp::kFloat, std::bit_cast<uint64_t>(real));
    if (whole.ec != std::errc() || integer > INT64_MAX) return Wrong("an integer leaves 64 bits");
    return Emit(ExprOp::kInt, integer);
  }

  Status Call(std::string_view name, size_t depth) {
    size_t arguments = 0;
    do {
      RETURN_IF_ERROR(Sum(depth + 1));
      ++arguments;
    } while (Take(","));
    if (!Take(")")) return Wrong("')' is missing");
    if (name == "min" || name == "max") {
      if (arguments != 2) return Wrong(std::string(name) + " takes two values");
      return Emit(name == "min" ? ExprOp::kMin : ExprOp::kMax);
    }
    if (name == "pick") {
      if (arguments < 2) return Wrong("pick takes an index and a list");
      return Emit(ExprOp::kPick, arguments - 1);
    }
    return Wrong("no function \"" + std::string(name) + "\"");
  }

  std::string_view text_;
  const std::vector<std::string>& names_;
  size_t at_ = 0;
  Expression out_;
};

}  // namespace

Result<Expression> ParseExpression(std::string_view text, const std::vector<std::string>& names) {
  if (text.size() > 4096) return Error(Code::kTooLarge, "an expression exceeds 4,096 characters");
  ASSIGN_OR_RETURN(Expression expression, Parser(text, names).Parse());
  RETURN_IF_ERROR(CheckExpression(expression, names.size()));
  return expression;
}

}  // namespace souk::gpu
