// R6: what is due, and how far a payment reaches.
#include "protocol/units.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "protocol/limits.h"

namespace souk {
namespace {

constexpr int64_t kHour = 3'600'000;

TEST(AmountDue, IsTheFloorOfPriceTimesSlicesTimesTime) {
  EXPECT_EQ(AmountDue(Rate{420'000}, 1, Minutes(10))->micro, 70'000);  // 0.42 cr/h for 10 minutes
  EXPECT_EQ(AmountDue(Rate{420'000}, 4, Hours(1))->micro, 1'680'000);
  EXPECT_EQ(AmountDue(Rate{1}, 1, Millis(kHour - 1))->micro, 0);
  EXPECT_EQ(AmountDue(Rate{1}, 1, Millis(kHour))->micro, 1);
  EXPECT_EQ(AmountDue(Rate{1}, 3, Millis(kHour - 1))->micro, 2);
  EXPECT_EQ(AmountDue(Rate{0}, 7, Hours(1))->micro, 0);
  EXPECT_EQ(AmountDue(Rate{5}, 0, Hours(1))->micro, 0);
}

TEST(AmountDue, SaysWhereTheResultDoesNotFit) {
  EXPECT_EQ(AmountDue(Rate{INT64_MAX}, 1, Millis(kHour))->micro, INT64_MAX);
  EXPECT_EQ(AmountDue(Rate{INT64_MAX}, 1, Millis(kHour + 1)).error().code, Code::kOverflow);
  EXPECT_EQ(AmountDue(Rate{INT64_MAX}, 2, Millis(kHour)).error().code, Code::kOverflow);
  // Beyond 128 bits.
  EXPECT_EQ(AmountDue(Rate{INT64_MAX}, UINT32_MAX, Millis(INT64_MAX)).error().code,
            Code::kOverflow);
}

TEST(AmountDue, RefusesNegativeInputs) {
  EXPECT_EQ(AmountDue(Rate{-1}, 1, Millis(1)).error().code, Code::kInvalidArgument);
  EXPECT_EQ(AmountDue(Rate{1}, 1, Millis(-1)).error().code, Code::kInvalidArgument);
}

TEST(CoveredBy, IsTheFarFutureWhereNothingIsDue) {
  EXPECT_EQ(CoveredBy(Credits{0}, Rate{0}, 1).ms, limits::kLatest.ms);
  EXPECT_EQ(CoveredBy(Credits{0}, Rate{1}, 0).ms, limits::kLatest.ms);
  EXPECT_EQ(CoveredBy(Credits{INT64_MAX}, Rate{1}, 1).ms, limits::kLatest.ms);
  EXPECT_LE(limits::kLatest + CoveredBy(Credits{0}, Rate{0}, 1), Time{INT64_MAX});
}

TEST(CoveredBy, IsNothingForLessThanNothing) {
  EXPECT_EQ(CoveredBy(Credits{-1}, Rate{1}, 1).ms, 0);
}

// The longest time at which no more than `paid` is due: one millisecond later more is.
RC_GTEST_PROP(CoveredBy, IsTheInverseOfAmountDue, ()) {
  const Credits paid{*rc::gen::inRange<int64_t>(0, limits::kAmount.micro)};
  const Rate price{*rc::gen::inRange<int64_t>(1, limits::kPrice.micro_per_hour)};
  const auto slices = *rc::gen::inRange<uint32_t>(1, limits::kSlices);
  const Duration covered = CoveredBy(paid, price, slices);
  RC_ASSERT(AmountDue(price, slices, covered).value() <= paid);
  if (covered.ms < limits::kLatest.ms) {
    RC_ASSERT(AmountDue(price, slices, covered + Millis(1)).value() > paid);
  }
}

RC_GTEST_PROP(AmountDue, NeverFallsAsTimePasses, ()) {
  const Rate price{*rc::gen::inRange<int64_t>(0, limits::kPrice.micro_per_hour)};
  const auto slices = *rc::gen::inRange<uint32_t>(0, limits::kSlices);
  const Duration one{*rc::gen::inRange<int64_t>(0, limits::kLongestLease.ms)};
  const Duration other{*rc::gen::inRange<int64_t>(0, limits::kLongestLease.ms)};
  RC_ASSERT((one <= other) ==
            (AmountDue(price, slices, one).value() <= AmountDue(price, slices, other).value() &&
             one <= other));
  // Any lease at any price within limits.h can be computed.
  RC_ASSERT(AmountDue(price, slices, limits::kLongestLease).has_value());
}

}  // namespace
}  // namespace souk
