// R1, R5, R6: what a renter takes of its provider's ready and close.
#include "protocol/lease_terms.h"

#include <gtest/gtest.h>

#include "protocol/limits.h"

namespace souk {
namespace {

const Digest kCommit = Sha256(AsBytes("commit"));

Order AnOrder() {
  return {.slices = 2, .price = Rate{3'600'000}, .duration = Seconds(10)};
}
Ready AReady() {
  return {.number = 5,
          .commit = kCommit,
          .ready = limits::kEarliest,
          .end = limits::kEarliest + Seconds(10)};
}
Close AClose() {
  return {.number = 6, .metered = Seconds(10), .due = Credits{20'000}};
}

TEST(LeaseTerms, AReadyAnswersTheCommitForTheOrdersTimeUnderANewNumber) {
  EXPECT_EQ(FindMisfit(AReady(), AnOrder(), kCommit, 4), std::nullopt);
  EXPECT_EQ(FindMisfit(AReady(), AnOrder(), Digest{}, 4), Misfit::kOtherCommit);
  EXPECT_EQ(FindMisfit(AReady(), AnOrder(), kCommit, 5), Misfit::kUsedNumber);
  for (const Duration off : {Millis(-1), Millis(1)}) {
    Ready ready = AReady();
    ready.end = ready.end + off;
    EXPECT_EQ(FindMisfit(ready, AnOrder(), kCommit, 4), Misfit::kOtherTimes);
  }
}

TEST(LeaseTerms, ACloseMetersNoMoreThanWasLeasedUnderANewNumber) {
  EXPECT_EQ(FindMisfit(AClose(), AnOrder(), 5), std::nullopt);
  EXPECT_EQ(FindMisfit(AClose(), AnOrder(), 6), Misfit::kUsedNumber);
  Close close = AClose();
  close.metered = Seconds(10) + Millis(1);
  EXPECT_EQ(FindMisfit(close, AnOrder(), 5), Misfit::kTooLong);
}

TEST(LeaseTerms, AClaimIsNoMoreThanTheMeteredTimeCosts) {
  // 2 slices for 10 s at 3.6 credits an hour.
  EXPECT_EQ(ClaimOf(AClose(), AnOrder()), Credits{20'000});
  Close close = AClose();
  close.due = Credits{20'001};
  EXPECT_EQ(ClaimOf(close, AnOrder()), Credits{20'000});
  close.due = Credits{7};
  EXPECT_EQ(ClaimOf(close, AnOrder()), Credits{7});
}

}  // namespace
}  // namespace souk
