// Integer and float expressions over loop variables: what makes the arguments of a repeated launch
// differ from one iteration to the next ("0.1 * (1 - epoch / 30)", "batch * 64").
//
// Semantics are Python's, so that a manifest means what its author expects: integers are 64 bits
// (leaving that range is an error, never a wrap), floats are IEEE binary64, `/` gives a float, `//`
// and `%` round towards minus infinity. Operators + - * / // % and parentheses; functions
// min(a, b), max(a, b) and pick(i, v0, v1, …), which is the list's i-th value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.h"

namespace souk::gpu {

enum class ExprOp : uint8_t {
  kInt = 1,   // push; operand: the integer in two's complement
  kFloat,     // push; operand: the bits of a finite binary64
  kVariable,  // push; operand: the loop's depth, 0 is the outermost
  kAdd,
  kSub,
  kMul,
  kDiv,
  kFloorDiv,
  kMod,
  kNegate,
  kMin,
  kMax,
  kPick,  // operand: how many values stand above the index on the stack
};

// Whether a step with it carries an operand.
bool HasOperand(ExprOp op);

struct ExprStep {
  ExprOp op = ExprOp::kInt;
  uint64_t operand = 0;  // 0 where the op has none
  bool operator==(const ExprStep&) const = default;
};

// A program for a stack machine that leaves one number.
struct Expression {
  std::vector<ExprStep> steps = {};
  bool operator==(const Expression&) const = default;

  static Expression Integer(int64_t value);
  static Expression Float(double value);
  static Expression Variable(uint32_t depth);
  bool IsInteger(int64_t value) const { return *this == Integer(value); }
};

inline constexpr size_t kMaxExpressionSteps = 256;
inline constexpr size_t kMaxExpressionDepth = 32;  // nested parentheses, and the stack

struct Number {
  bool is_float = false;
  int64_t integer = 0;
  double real = 0;
  double AsReal() const { return is_float ? real : static_cast<double>(integer); }
};

// Stack effect, operand ranges, variables below `variables`. kMalformed.
Status CheckExpression(const Expression& expression, size_t variables);

// The expression must have passed CheckExpression with variables.size(). kOverflow where an integer
// leaves 64 bits or a float is not finite; kInvalidArgument for division by zero or a pick
// outside its list.
Result<Number> Evaluate(const Expression& expression, const std::vector<int64_t>& variables);

// names[d] is the variable of the loop at depth d; an inner name hides an outer one. kMalformed.
Result<Expression> ParseExpression(std::string_view text, const std::vector<std::string>& names);

}  // namespace souk::gpu
