#include "gpu/workload/expression.h"

#include <gtest/gtest.h>

#include <bit>

namespace souk::gpu {
namespace {

Result<Number> Value(const std::string& text, const std::vector<int64_t>& variables = {}) {
  static const std::vector<std::string> kNames = {"epoch", "batch", "k"};
  const std::vector<std::string> names(kNames.begin(),
                                       kNames.begin() + static_cast<ptrdiff_t>(variables.size()));
  ASSIGN_OR_RETURN(const Expression expression, ParseExpression(text, names));
  return Evaluate(expression, variables);
}
int64_t Int(const std::string& text, const std::vector<int64_t>& variables = {}) {
  const Result<Number> value = Value(text, variables);
  EXPECT_TRUE(value && !value->is_float) << text << (value ? "" : ": " + value.error().message);
  return value ? value->integer : INT64_MIN;
}
double Real(const std::string& text, const std::vector<int64_t>& variables = {}) {
  const Result<Number> value = Value(text, variables);
  EXPECT_TRUE(value && value->is_float) << text << (value ? "" : ": " + value.error().message);
  return value ? value->real : -1e300;
}
Code CodeOf(const std::string& text, const std::vector<int64_t>& variables = {}) {
  const Result<Number> value = Value(text, variables);
  EXPECT_FALSE(value) << text;
  return value ? Code::kIo : value.error().code;
}

TEST(Expression, BindsMultiplicationTighterThanAddition) {
  EXPECT_EQ(Int("1 + 2 * 3"), 7);
  EXPECT_EQ(Int("(1 + 2) * 3"), 9);
  EXPECT_EQ(Int("10 - 4 - 3"), 3);
  EXPECT_EQ(Int("100 // 10 // 5"), 2);
  EXPECT_EQ(Int("-2 * -3"), 6);
  EXPECT_EQ(Int("--5"), 5);
  EXPECT_EQ(Int("+5 - +-3"), 8);
}

TEST(Expression, DividesIntegersTowardsMinusInfinityAsPythonDoes) {
  EXPECT_EQ(Int("-7 // 2"), -4);
  EXPECT_EQ(Int("-7 % 2"), 1);
  EXPECT_EQ(Int("7 // (-2)"), -4);
  EXPECT_EQ(Int("7 % (-2)"), -1);
  EXPECT_EQ(Int("-8 // 2"), -4);
  EXPECT_EQ(Int("(-9223372036854775807 - 1) % (-1)"), 0);
}

// The values are what Python prints.
TEST(Expression, DividesFloatsTowardsMinusInfinityAsPythonDoes) {
  const struct {
    const char* a;
    const char* b;
    double quotient, remainder;
  } cases[] = {{"7.5", "2", 3, 1.5},
               {"-7.5", "2", -4, 0.5},
               {"7.5", "-2", -4, -0.5},
               {"1", "0.1", 9, 0.09999999999999995},
               {"-1", "0.1", -10, 5.551115123125783e-17},
               {"0.3", "0.1", 2, 0.09999999999999998},
               {"1e17", "3.0", 3.3333333333333332e+16, 1},
               {"-1e-20", "1.0", -1, 1},
               {"-0.0", "3", -0.0, 0.0},
               {"5", "-0.5", -10, -0.0}};
  for (const auto& each : cases) {
    const std::string a = each.a;
    const double quotient = Real(a + " // " + each.b);
    const double remainder = Real(a + " % " + each.b);
    EXPECT_EQ(std::bit_cast<uint64_t>(quotient), std::bit_cast<uint64_t>(each.quotient))
        << a << " // " << each.b << " gave " << quotient;
    EXPECT_EQ(std::bit_cast<uint64_t>(remainder), std::bit_cast<uint64_t>(each.remainder))
        << a << " % " << each.b << " gave " << remainder;
  }
  EXPECT_EQ(CodeOf("1e300 // 1e-10"), Code::kOverflow);
}

TEST(Expression, GivesAFloatForSlashEvenOfIntegers) {
  EXPECT_EQ(Real("1 / 4"), 0.25);
  EXPECT_EQ(Real("epoch / 24", {6}), 0.25);
  EXPECT_EQ(Real("0.2 * (1 - epoch / 24)", {12}), 0.1);
  EXPECT_EQ(Real("1e-3 + .5"), 0.501);
}

TEST(Expression, SeesTheVariablesOfTheLoopsAround) {
  EXPECT_EQ(Int("epoch * 100 + batch * 10 + k", {1, 2, 3}), 123);
  EXPECT_EQ(Int("min(32, 1437 - batch * 32)", {0, 44}), 29);
  EXPECT_EQ(Int("max(epoch, 3)", {2}), 3);
  EXPECT_EQ(Int("pick(k, 5, 7, 11)", {0, 0, 2}), 11);
  EXPECT_EQ(CodeOf("epoch + batch", {1}), Code::kMalformed);
}

TEST(Expression, LetsAnInnerNameHideAnOuterOne) {
  const Result<Expression> expression = ParseExpression("i", {"i", "i"});
  ASSERT_TRUE(expression);
  EXPECT_EQ(*expression, Expression::Variable(1));
}

TEST(Expression, NeverWraps) {
  EXPECT_EQ(CodeOf("9223372036854775807 + 1"), Code::kOverflow);
  EXPECT_EQ(CodeOf("-9223372036854775807 - 2"), Code::kOverflow);
  EXPECT_EQ(CodeOf("4611686018427387904 * 2"), Code::kOverflow);
  EXPECT_EQ(CodeOf("(-9223372036854775807 - 1) // (-1)"), Code::kOverflow);
  EXPECT_EQ(CodeOf("-(-9223372036854775807 - 1)"), Code::kOverflow);
  EXPECT_EQ(CodeOf("1e308 * 10"), Code::kOverflow);
  EXPECT_EQ(CodeOf("9223372036854775808"), Code::kMalformed);
}

TEST(Expression, RefusesDivisionByZeroAndPicksOutsideTheList) {
  EXPECT_EQ(CodeOf("1 / 0"), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf("1 // 0"), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf("1 % 0"), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf("1 // 0.0"), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf("1.5 % 0"), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf("pick(epoch, 1, 2)", {2}), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf("pick(-1, 1, 2)"), Code::kInvalidArgument);
  EXPECT_EQ(CodeOf("pick(0.5, 1, 2)"), Code::kInvalidArgument);
}

TEST(Expression, RefusesWhatDoesNotParse) {
  for (const char* text : {"", "1 +", "(1", "1)", "1 2", "foo", "foo(1)", "min(1)", "min(1, 2, 3)",
                           "pick(1)", "1 ** 2", "$", "1e999", "+", "1..2", "pick()", "0x10"}) {
    EXPECT_EQ(CodeOf(text), Code::kMalformed) << text;
  }
}

TEST(Expression, RefusesDeepNestingAndGreatLength) {
  EXPECT_EQ(CodeOf(std::string(2000, '(') + "1" + std::string(2000, ')')), Code::kMalformed);
  std::string sum = "1";
  for (int i = 0; i < 400; ++i) sum += "+1";
  EXPECT_EQ(CodeOf(sum), Code::kMalformed);
  EXPECT_EQ(CodeOf(std::string(5000, ' ') + "1"), Code::kTooLarge);
}

TEST(Expression, RefusesProgramsThatWouldUnderflowTheStackOrLeaveTwoValues) {
  const auto check = [](std::vector<ExprStep> steps) {
    return CheckExpression(Expression{.steps = std::move(steps)}, 1).has_value();
  };
  EXPECT_TRUE(check({{ExprOp::kInt, 1}}));
  EXPECT_FALSE(check({}));
  EXPECT_FALSE(check({{ExprOp::kAdd, 0}}));
  EXPECT_FALSE(check({{ExprOp::kInt, 1}, {ExprOp::kAdd, 0}}));
  EXPECT_FALSE(check({{ExprOp::kInt, 1}, {ExprOp::kInt, 1}}));
  EXPECT_FALSE(check({{ExprOp::kVariable, 1}}));
  EXPECT_FALSE(check({{ExprOp::kInt, 1}, {ExprOp::kNegate, 9}}));
  EXPECT_FALSE(check({{ExprOp::kInt, 1}, {ExprOp::kPick, UINT64_MAX}}));
  EXPECT_FALSE(check({{ExprOp::kInt, 1}, {ExprOp::kPick, 0}}));
  EXPECT_FALSE(check({{static_cast<ExprOp>(99), 0}}));
  EXPECT_FALSE(check({{ExprOp::kFloat, std::bit_cast<uint64_t>(double{1} / 0.0)}}));
  EXPECT_FALSE(check(std::vector<ExprStep>(kMaxExpressionSteps + 1, {ExprOp::kInt, 1})));
}

}  // namespace
}  // namespace souk::gpu
