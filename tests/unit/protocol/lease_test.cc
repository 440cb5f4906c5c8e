// R5: the table, row by row and hole by hole.
#include "protocol/lease.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace souk {
namespace {

using S = LeaseState;
using E = LeaseEvent;

constexpr int kStates = static_cast<int>(S::kClosed) + 1;
constexpr int kEvents = static_cast<int>(E::kSettleExpired) + 1;

// R5 again, in the order of the rules' own table, written apart from the code.
const std::map<std::pair<S, E>, S>& Rules() {
  static const std::map<std::pair<S, E>, S> rules = [] {
    std::map<std::pair<S, E>, S> out;
    const auto row = [&](std::initializer_list<S> from, std::initializer_list<E> events, S to) {
      for (const S state : from) {
        for (const E event : events) out[{state, event}] = to;
      }
    };
    const std::initializer_list<S> active = {S::kActive, S::kMetering};
    row({S::kNone}, {E::kAccepted}, S::kReserved);
    row({S::kReserved}, {E::kCommitted}, S::kActive);
    row({S::kReserved}, {E::kCommitExpired, E::kReleased, E::kDeviceLost}, S::kClosed);
    row({S::kActive}, {E::kReady}, S::kActive);
    row({S::kActive}, {E::kFirstVoucher}, S::kMetering);
    row({S::kActive}, {E::kReadyExpired}, S::kClosed);
    row({S::kMetering}, {E::kVoucherLate, E::kPauseAsked}, S::kPaused);
    row({S::kPaused}, {E::kResumed}, S::kMetering);
    row({S::kPaused}, {E::kHoldUnpaid}, S::kClosing);
    for (const S same : {S::kActive, S::kMetering, S::kPaused}) row({same}, {E::kExtended}, same);
    row(active, {E::kNoticeGiven}, S::kDraining);
    row({S::kPaused}, {E::kNoticeGiven}, S::kDraining);
    row({S::kDraining}, {E::kVoucherLate, E::kNoticeOver}, S::kClosing);
    for (const S from : {S::kActive, S::kMetering, S::kPaused, S::kDraining}) {
      row({from}, {E::kReleased, E::kEndReached, E::kDeviceLost}, S::kClosing);
    }
    row({S::kClosing}, {E::kSettled, E::kSettleExpired}, S::kClosed);
    return out;
  }();
  return rules;
}

TEST(Lease, DecidesEveryPairOfStateAndEventAsR5Does) {
  for (int state = 0; state < kStates; ++state) {
    for (int event = 0; event < kEvents; ++event) {
      const auto from = static_cast<S>(state);
      const auto what = static_cast<E>(event);
      const auto next = NextLeaseState(from, what);
      const auto rule = Rules().find({from, what});
      const std::string name = std::string(LeaseStateName(from)) + " + " + LeaseEventName(what);
      ASSERT_EQ(next.has_value(), rule != Rules().end()) << name;
      if (next) {
        EXPECT_EQ(*next, rule->second) << name;
      } else {
        EXPECT_EQ(next.error().code, Code::kWrongState);
        EXPECT_NE(next.error().message.find(LeaseStateName(from)), std::string::npos);
        EXPECT_NE(next.error().message.find(LeaseEventName(what)), std::string::npos);
      }
    }
  }
}

TEST(Lease, HasOneRowPerStateAndEvent) {
  std::set<std::pair<S, E>> seen;
  for (const LeaseTransition& row : LeaseTransitions()) {
    EXPECT_TRUE(seen.emplace(row.from, row.event).second);
  }
  EXPECT_EQ(seen.size(), Rules().size());
}

TEST(Lease, NeverLeavesClosedAndNeverReturnsToNone) {
  for (const LeaseTransition& row : LeaseTransitions()) {
    EXPECT_NE(row.from, S::kClosed);
    EXPECT_NE(row.to, S::kNone);
  }
}

TEST(Lease, CanBeClosedFromEveryStateThatItCanReach) {
  std::set<S> reached = {S::kNone};
  std::set<S> closable = {S::kClosed};
  for (int round = 0; round < kStates; ++round) {
    for (const LeaseTransition& row : LeaseTransitions()) {
      if (reached.count(row.from) != 0) reached.insert(row.to);
      if (closable.count(row.to) != 0) closable.insert(row.from);
    }
  }
  EXPECT_EQ(reached.size(), static_cast<size_t>(kStates));
  EXPECT_EQ(closable.size(), static_cast<size_t>(kStates));
}

TEST(Lease, RefusesAnExtensionWhileDraining) {
  EXPECT_FALSE(NextLeaseState(S::kDraining, E::kExtended));
}

TEST(Lease, MetersOnlyAfterTheFirstVoucher) {
  for (const LeaseTransition& row : LeaseTransitions()) {
    if (row.to == S::kMetering && row.from != S::kMetering) {
      EXPECT_TRUE((row.from == S::kActive && row.event == E::kFirstVoucher) ||
                  (row.from == S::kPaused && row.event == E::kResumed));
    }
  }
}

TEST(CloseReason, IsNumberedByWhoseItIs) {
  std::set<std::string> names;
  int known = 0;
  for (int code = 0; code <= UINT16_MAX; ++code) {
    const auto reason = static_cast<CloseReason>(code);
    if (!IsKnown(reason)) {
      EXPECT_STREQ(CloseReasonName(reason), "unknown");
      continue;
    }
    ++known;
    names.insert(CloseReasonName(reason));
    EXPECT_TRUE(code == 0 || (code >= 1000 && code < 4000));
  }
  EXPECT_EQ(known, 13);
  EXPECT_EQ(names.size(), 13u);
}

TEST(RefusalCode, HasADistinctNameEach) {
  std::set<std::string> names;
  int known = 0;
  for (int code = 0; code <= UINT16_MAX; ++code) {
    if (!IsKnown(static_cast<RefusalCode>(code))) continue;
    ++known;
    names.insert(RefusalCodeName(static_cast<RefusalCode>(code)));
  }
  EXPECT_EQ(known, 39);
  EXPECT_EQ(names.size(), static_cast<size_t>(known));
  EXPECT_FALSE(IsKnown(RefusalCode{}));
}

}  // namespace
}  // namespace souk
