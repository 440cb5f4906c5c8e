// One lease across the logs of its parties.
#include "ledger/audit/audit_timeline.h"

#include <gmock/gmock.h>

#include <functional>

#include "unit/ledger/audit/audit_world.h"

namespace souk::ledger {
namespace {

using testing::HasSubstr;
using W = AuditWorld;

// The three logs of the audit's world, each changed a little.
struct ThreeLogs {
  AuditWorld world = {};
  std::vector<Entry> provider = world.ProviderLog();
  std::vector<Entry> renter = world.RenterLog();
  std::vector<Entry> book = world.BookLog();

  Result<Timeline> Tell() {
    const MemoryLog a(world.provider, provider);
    const MemoryLog b(world.renter, renter);
    const MemoryLog c(world.book, book);
    return TellLease(world.order_document->id(),
                     {WholeLog(a.reader()), WholeLog(b.reader()), WholeLog(c.reader())});
  }
};

std::string All(const Timeline& timeline) {
  std::string out;
  for (const Disagreement& one : timeline.disagreements) {
    out += (one.contradicts ? "! " : "? ") + one.what + "\n";
  }
  return out;
}

const TimelineStep* Find(const Timeline& timeline, const std::string& step) {
  for (const TimelineStep& one : timeline.steps) {
    if (one.step == step) return &one;
  }
  return nullptr;
}

TEST(Timeline, MergesWhatTheThreeSawOfOneStep) {
  ThreeLogs logs;
  const auto told = logs.Tell();
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(All(*told), "");
  ASSERT_EQ(told->stories.size(), 3u);
  EXPECT_EQ(told->stories[0].role, LeaseRole::kProvider);
  EXPECT_EQ(told->stories[1].role, LeaseRole::kRenter);
  EXPECT_EQ(told->stories[2].role, LeaseRole::kBook);
  const TimelineStep* const accepted = Find(*told, "accepted");
  ASSERT_NE(accepted, nullptr);
  ASSERT_EQ(accepted->cells.size(), 3u);
  EXPECT_EQ(accepted->cells[0].entry, W::kAccepted);
  EXPECT_EQ(accepted->cells[1].entry, W::kAcceptance);
  EXPECT_EQ(accepted->cells[2].entry, W::kShown);
  const TimelineStep* const paid = Find(*told, "paid");
  ASSERT_NE(paid, nullptr);
  EXPECT_EQ(paid->cells.size(), 3u);
  for (size_t i = 1; i < told->steps.size(); ++i) {
    EXPECT_LE(told->steps[i - 1].time, told->steps[i].time);
  }
}

TEST(Timeline, SaysWhereOneHoldsAnAmountThatAnotherDoesNot) {
  ThreeLogs logs;
  std::get<Settled>(logs.renter[W::kPaid].outcome).paid = {4'000};
  const auto told = logs.Tell();
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_THAT(All(*told), HasSubstr("! paid: kite's entry 16 says 0.005000 cr, ann's entry 14 says "
                                    "0.004000 cr"));
}

TEST(Timeline, SaysWhereTwoAcceptancesWereSigned) {
  ThreeLogs logs;
  AuditWorld other;
  other.acceptance.device = "CPU-2";
  other.SignAll();
  logs.renter[W::kAcceptance].documents[0] = EnvelopeOf(other.acceptance_document);
  const auto told = logs.Tell();
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_THAT(All(*told), HasSubstr("! accepted: "));
}

TEST(Timeline, SaysWhatALogThatWentOnDoesNotHold) {
  ThreeLogs logs;
  logs.provider.erase(logs.provider.begin() + W::kVoucher2);
  logs.provider.push_back({.time = logs.provider.back().time + Minutes(1),
                           .outcome = Resumed{.down_since = logs.provider.back().time}});
  Renumber(logs.provider);
  const auto told = logs.Tell();
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(All(*told),
            "? voucher for 0.020000 cr: ann's entry 11 has it, kite's log of 17 entries does "
            "not\n");
}

TEST(Timeline, WhatMayBeOnItsWayIsNotMissing) {
  ThreeLogs logs;
  logs.renter.resize(W::kClose);
  const auto told = logs.Tell();
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(All(*told), "");
}

TEST(Timeline, SaysWhichDocumentDoesNotOpen) {
  ThreeLogs logs;
  logs.provider[W::kCommitted].documents[0].back() ^= 1;
  const auto told = logs.Tell();
  ASSERT_TRUE(told) << told.error().message;
  ASSERT_EQ(told->stories[0].problems.size(), 1u);
  EXPECT_THAT(told->stories[0].problems[0], HasSubstr("entry 5, document 0"));
}

TEST(Timeline, NeedsTheOrder) {
  ThreeLogs logs;
  const MemoryLog book(logs.world.book, {logs.book[0], logs.book[1], logs.book[2]});
  const auto told = TellLease(logs.world.order_document->id(), {WholeLog(book.reader())});
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, Code::kNotFound);
}

}  // namespace
}  // namespace souk::ledger
