// Versions of the rules: a second one, which only these tests know.
#include <gtest/gtest.h>

#include "unit/ledger/audit/audit_verdicts.h"

namespace souk::ledger {
namespace {

using W = AuditWorld;

constexpr RuleSet kTwoVersions[] = {kRuleSets[0],
                                    {.version = 2, .window = Seconds(20), .max_skew = Seconds(30)}};
const AuditOptions kBothVersions{.rules = kTwoVersions};

void Upgrade(std::vector<Entry>& log, Time time) {
  log.push_back({.time = time, .rules = 2, .outcome = Upgraded{.from = 1, .to = 2}});
}
// The reservation, and a downtime at whose end its commit_by is missed.
std::vector<Entry> ReservedAndBack(const AuditWorld& world, Time back) {
  auto log = world.ProviderLog();
  log.resize(W::kCommitted);
  log.push_back({.time = back, .outcome = Resumed{.down_since = log.back().time}});
  return log;
}
Entry CommitAt(const AuditWorld& world, Time time, uint32_t version) {
  return {.time = time,
          .rules = version,
          .outcome = LeaseStep{.lease = world.order_document->id(),
                               .event = LeaseEvent::kCommitted,
                               .to = LeaseState::kActive},
          .documents = {EnvelopeOf(world.commit_document)}};
}

TEST(AuditVersions, AnUpgradeStartsTheNextOne) {
  const AuditWorld world;
  const Time back = world.start + Seconds(100);
  auto log = ReservedAndBack(world, back);
  Upgrade(log, back);
  log.push_back(CommitAt(world, back + Seconds(1), 2));
  Renumber(log);
  EXPECT_TRUE(IsValid(AuditEntries(world.provider, log, kBothVersions)));
  const AuditReport older = AuditEntries(world.provider, log);
  EXPECT_EQ(older.verdict, Verdict::kIncomplete) << Describe(older);
  ASSERT_FALSE(older.unchecked.empty());
  EXPECT_NE(older.unchecked[0].find("version 2"), std::string::npos) << older.unchecked[0];
  EXPECT_NE(older.unchecked[0].find("a newer souk-audit is needed"), std::string::npos);
}

TEST(AuditVersions, EachEntryIsJudgedByItsOwn) {
  const AuditWorld world;
  const Time back = world.start + Seconds(100);
  const auto committed = [&](Duration after, bool upgraded_before) {
    auto log = ReservedAndBack(world, back);
    if (upgraded_before) {
      Upgrade(log, back);
      // Down once more, now under the new version.
      log.push_back({.time = back, .rules = 2, .outcome = Resumed{.down_since = back}});
    }
    log.push_back(CommitAt(world, back + after, upgraded_before ? 2 : 1));
    Renumber(log);
    return AuditEntries(world.provider, log, kBothVersions);
  };
  EXPECT_TRUE(IsValid(committed(Seconds(9), false)));
  EXPECT_TRUE(Breaks(committed(Seconds(10), false), "nothing succeeds late", W::kCommitted + 1));
  // The window of version 1 had begun: 10 s, which the new version does not reach back to.
  EXPECT_TRUE(IsValid(committed(Seconds(9), true)));
  EXPECT_TRUE(Breaks(committed(Seconds(10), true), "nothing succeeds late", W::kCommitted + 3));
}

TEST(AuditVersions, TheWindowIsThatOfTheVersionOfTheResumption) {
  const AuditWorld world;
  const Time back = world.start + Seconds(100);
  const auto committed = [&](Duration after) {
    auto log = world.ProviderLog();
    log.resize(W::kCommitted);
    Upgrade(log, log.back().time);
    log.push_back({.time = back, .rules = 2, .outcome = Resumed{.down_since = log.back().time}});
    log.push_back(CommitAt(world, back + after, 2));
    Renumber(log);
    return AuditEntries(world.provider, log, kBothVersions);
  };
  EXPECT_TRUE(IsValid(committed(Seconds(19))));
  EXPECT_TRUE(Breaks(committed(Seconds(20)), "nothing succeeds late", W::kCommitted + 2));
}

TEST(AuditVersions, FindsAVersionThatNoUpgradeStarted) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  for (size_t i = W::kSettled; i < log.size(); ++i) log[i].rules = 2;
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log, kBothVersions),
                     "an upgrade starts each rules version", W::kSettled));
}

TEST(AuditVersions, FindsAVersionThatFalls) {
  const AuditWorld world;
  auto log = world.ProviderLog();
  Upgrade(log, log.back().time);
  log.push_back({.time = log.back().time, .outcome = Resumed{.down_since = log.back().time}});
  Renumber(log);
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, log, kBothVersions), "rules versions never fall",
                     log.size() - 1));
}

TEST(AuditVersions, FindsAnUpgradeThatLeadsElsewhere) {
  const AuditWorld world;
  const auto upgraded = [&](const Upgraded& how, uint32_t version) {
    auto log = world.ProviderLog();
    log.push_back({.time = log.back().time, .rules = version, .outcome = how});
    Renumber(log);
    return AuditEntries(world.provider, log, kBothVersions);
  };
  const uint64_t at = world.ProviderLog().size();
  const char* const rule = "an upgrade starts each rules version";
  EXPECT_TRUE(IsValid(upgraded({.from = 1, .to = 2}, 2)));
  EXPECT_TRUE(Breaks(upgraded({.from = 2, .to = 2}, 2), rule, at));
  EXPECT_TRUE(Breaks(upgraded({.from = 1, .to = 3}, 2), rule, at));
  EXPECT_TRUE(Breaks(upgraded({.from = 1, .to = 2}, 1), rule, at)) << "decided under the old one";
  EXPECT_TRUE(Breaks(upgraded({.from = 1, .to = 1}, 1), rule, at));
}

TEST(AuditVersions, ALogBeginsUnderTheNewest) {
  const AuditWorld world;
  auto book = world.BookLog();
  for (Entry& entry : book) entry.rules = 2;
  EXPECT_TRUE(IsValid(AuditEntries(world.book, book, kBothVersions)));
  auto provider = world.ProviderLog();
  for (Entry& entry : provider) entry.rules = 2;
  EXPECT_TRUE(Breaks(AuditEntries(world.provider, provider, kBothVersions),
                     "one escrow backs one lease and outlives it", W::kAccepted))
      << "the time to settle is a window of the old version's";
}

}  // namespace
}  // namespace souk::ledger
