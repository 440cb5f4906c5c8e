// The quick form: some seeds, each twice. tools/check --long runs a thousand (docs/testing.md).
#include <gtest/gtest.h>

#include "sim/world.h"

namespace souk::sim {
namespace {

class Seeds : public testing::TestWithParam<uint64_t> {};

TEST_P(Seeds, NothingForbiddenHappensAndEverySeedRepeatsItself) {
  const Options options{.seed = GetParam()};
  const Outcome first = sim::Run(options);
  for (const std::string& violation : first.violations) ADD_FAILURE() << violation;
  EXPECT_GE(first.steps, options.steps);
  EXPECT_EQ(sim::Run(options).trace, first.trace);
}

INSTANTIATE_TEST_SUITE_P(Simulator, Seeds, testing::Range<uint64_t>(1, 13));

// Nothing that the book tells leaves before a mirror has stored and cosigned it.
TEST(Simulator, MirrorsHoldWhatTheyCosigned) {
  for (uint64_t seed = 1; seed < 4; ++seed) {
    const Outcome outcome = sim::Run({.seed = seed, .witnesses = 1, .quorum = 1, .mirrors = 1});
    for (const std::string& violation : outcome.violations) ADD_FAILURE() << violation;
  }
}

TEST(Simulator, SeedsAreBusy) {
  uint64_t leases = 0, jobs = 0, crashes = 0, passed = 0, caught = 0, rounds = 0, differing = 0;
  // Few seeds come to a challenge or to replicas that differ; of these some do.
  for (uint64_t seed = 99; seed < 105; ++seed) {
    const Outcome outcome = sim::Run({.seed = seed});
    leases += outcome.leases;
    jobs += outcome.jobs;
    crashes += outcome.crashes;
    passed += outcome.passed;
    caught += outcome.caught;
    rounds += outcome.rounds;
    differing += outcome.differing;
  }
  EXPECT_GT(leases, 12u);
  EXPECT_GT(jobs, 3u);
  EXPECT_GT(crashes, 12u);
  EXPECT_GT(passed, 0u);
  EXPECT_GT(caught, 0u);
  EXPECT_GT(rounds, 0u);
  EXPECT_GT(differing, 0u);
}

}  // namespace
}  // namespace souk::sim
