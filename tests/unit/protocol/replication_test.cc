// Policies, and what the results of replicas come to (R7).
#include "protocol/replication.h"

#include <gtest/gtest.h>

#include "protocol/limits.h"

namespace souk {
namespace {

ReplicationPolicy Parsed(const char* text) {
  const auto policy = ParseReplicationPolicy(text);
  EXPECT_TRUE(policy) << text << ": " << (policy ? "" : policy.error().message);
  return policy.value_or(ReplicationPolicy());
}

TEST(ReplicationPolicy, IsNoneASampleOrSoManyOfSoMany) {
  EXPECT_EQ(Parsed("none"), ReplicationPolicy());
  EXPECT_FALSE(Parsed("none").sealed());
  EXPECT_EQ(Parsed("2 of 3"), (ReplicationPolicy{2, 3, 1'000'000}));
  EXPECT_EQ(Parsed("  16  of 16 "), (ReplicationPolicy{16, 16, 1'000'000}));
  EXPECT_EQ(Parsed("sample 0.05"), (ReplicationPolicy{2, 2, 50'000}));
  EXPECT_EQ(Parsed("sample 1"), (ReplicationPolicy{2, 2, 1'000'000}));
  for (const char* text : {"none", "2 of 3", "sample 0.05"}) {
    EXPECT_EQ(FormatReplicationPolicy(Parsed(text)), text);
  }
}

TEST(ReplicationPolicy, SaysWhatIsWrongWithAnythingElse) {
  for (const char* text : {"",
                           "2",
                           "of",
                           "2 of",
                           "1 of 1",
                           "3 of 2",
                           "1 of 2",
                           "2 of 4",
                           "0 of 2",
                           "-1 of 2",
                           "2 of 17",
                           "2 of 3 4",
                           "2 von 3",
                           "sample",
                           "sample 0",
                           "sample -0.1",
                           "sample 1.1",
                           "sample nan",
                           "sample inf",
                           "sample 1e-9",
                           "sample 0.1x",
                           "always",
                           "99999999999 of 99999999999"}) {
    const auto policy = ParseReplicationPolicy(text);
    ASSERT_FALSE(policy) << text;
    EXPECT_EQ(policy.error().code, Code::kInvalidArgument);
    EXPECT_NE(policy.error().message.find("N of M"), std::string::npos);
  }
}

TEST(RevealBy, WaitsTwiceAsLongAsEnoughOthersTookAndAMinuteAtLeast) {
  const Time asked = limits::kEarliest;
  EXPECT_EQ(RevealBy(asked, asked + Seconds(1)), asked + Seconds(61));
  EXPECT_EQ(RevealBy(asked, asked + Minutes(10)), asked + Minutes(30));
}

Replica Of(uint8_t output, const char* claimed = "exact", const char* device = "A") {
  JobReceipt receipt{.device_name = device, .result_class = claimed};
  receipt.outputs = {{"out.npy", {Digest{{output}}, 8}}};
  return {.receipt = receipt, .over = true};
}

std::string Standings(const ReplicationVerdict& verdict) {
  std::string out;
  for (const ReplicaStanding one : verdict.standings) {
    out += std::string(out.empty() ? "" : ", ") + ReplicaStandingName(one);
  }
  return out;
}

TEST(JudgeReplicas, TheResultThatEnoughShareHoldsAndWhoDiffersIsNamed) {
  const std::vector<Replica> replicas = {Of(9), Of(1), Of(1)};
  const auto verdict = JudgeReplicas(replicas, 2);
  EXPECT_EQ(verdict.outcome, ReplicationOutcome::kAgreed);
  EXPECT_EQ(verdict.result, 1u);
  EXPECT_EQ(Standings(verdict), "differs, agrees, agrees");
  EXPECT_EQ(FindDifference(*replicas[1].receipt, *replicas[0].receipt), "output out.npy");
}

TEST(JudgeReplicas, WhereTooFewAgreeNothingHolds) {
  const auto two = JudgeReplicas(std::vector<Replica>{Of(1), Of(2)}, 2);
  EXPECT_EQ(two.outcome, ReplicationOutcome::kDisagreed);
  EXPECT_EQ(two.result, std::nullopt);
  EXPECT_EQ(Standings(two), "differs, differs");
  const auto three = JudgeReplicas(std::vector<Replica>{Of(1), Of(1), Of(2)}, 3);
  EXPECT_EQ(three.outcome, ReplicationOutcome::kDisagreed);
}

TEST(JudgeReplicas, WhatIsMissingIsNoContradiction) {
  Replica lost{.over = true};
  Replica cancelled = Of(3);
  cancelled.receipt->status = JobStatus::kCancelled;
  const auto verdict = JudgeReplicas(std::vector<Replica>{Of(1), lost, cancelled}, 2);
  EXPECT_EQ(verdict.outcome, ReplicationOutcome::kIncomplete);
  EXPECT_EQ(Standings(verdict), "alone, no result, no result");
  const auto none = JudgeReplicas(std::vector<Replica>{lost, lost}, 2);
  EXPECT_EQ(none.outcome, ReplicationOutcome::kIncomplete);
}

TEST(JudgeReplicas, IsOpenUntilEnoughAgreeOrAllAreOverButTheLate) {
  Replica running;
  EXPECT_EQ(JudgeReplicas(std::vector<Replica>{Of(1), Of(2), running}, 2).outcome,
            ReplicationOutcome::kOpen);
  const auto early = JudgeReplicas(std::vector<Replica>{Of(1), Of(1), running}, 2);
  EXPECT_EQ(early.outcome, ReplicationOutcome::kAgreed);
  EXPECT_EQ(Standings(early), "agrees, agrees, open");
  running.late = true;
  const auto verdict = JudgeReplicas(std::vector<Replica>{Of(1), Of(1), running}, 2);
  EXPECT_EQ(verdict.outcome, ReplicationOutcome::kAgreed);
  EXPECT_EQ(Standings(verdict), "agrees, agrees, late");
}

TEST(JudgeReplicas, ALateResultCountsForNothing) {
  Replica late = Of(1);
  late.late = true;
  const auto verdict = JudgeReplicas(std::vector<Replica>{Of(1), late}, 2);
  EXPECT_EQ(verdict.outcome, ReplicationOutcome::kIncomplete);
  EXPECT_EQ(Standings(verdict), "alone, late");
}

// "the same device" means one whose results must be the same bits: model, architecture and driver.
TEST(JudgeReplicas, WhatNoClassFixesIsComparedOnLikeDevicesAlone) {
  const auto unlike =
      JudgeReplicas(std::vector<Replica>{Of(1, "tolerant", "A"), Of(2, "tolerant", "B")}, 2);
  EXPECT_EQ(unlike.outcome, ReplicationOutcome::kIncomplete);
  EXPECT_EQ(Standings(unlike), "unlike device, unlike device");
  const auto like =
      JudgeReplicas(std::vector<Replica>{Of(1, "tolerant", "A"), Of(2, "tolerant", "A")}, 2);
  EXPECT_EQ(like.outcome, ReplicationOutcome::kDisagreed);
  const auto exact =
      JudgeReplicas(std::vector<Replica>{Of(1, "exact-ordered", "A"), Of(2, "exact", "B")}, 2);
  EXPECT_EQ(exact.outcome, ReplicationOutcome::kDisagreed);
  const auto two_of_three = JudgeReplicas(
      std::vector<Replica>{Of(1, "tolerant", "A"), Of(1, "tolerant", "A"), Of(2, "tolerant", "B")},
      2);
  EXPECT_EQ(two_of_three.outcome, ReplicationOutcome::kAgreed);
  EXPECT_EQ(Standings(two_of_three), "agrees, agrees, unlike device");
}

// One may have run out of its time where the others did not.
TEST(JudgeReplicas, FailingIsAResultWhereAllFail) {
  Replica failed = Of(1);
  failed.receipt->status = JobStatus::kFailed;
  failed.receipt->outputs.clear();
  const auto verdict = JudgeReplicas(std::vector<Replica>{Of(1), failed, Of(1)}, 2);
  EXPECT_EQ(verdict.outcome, ReplicationOutcome::kAgreed);
  EXPECT_EQ(Standings(verdict), "agrees, no result, agrees");
  const auto both = JudgeReplicas(std::vector<Replica>{failed, failed}, 2);
  EXPECT_EQ(both.outcome, ReplicationOutcome::kAgreed);
}

TEST(FindDifference, NamesTheFirstThatDiffers) {
  const JobReceipt one = *Of(1).receipt;
  JobReceipt other = one;
  EXPECT_EQ(FindDifference(one, other), "");
  other.thread_instructions = 77;  // as it was counted, which devices do not agree on
  other.finished = limits::kEarliest;
  EXPECT_EQ(FindDifference(one, other), "");
  other.states_root = Digest{{1}};
  EXPECT_EQ(FindDifference(one, other), "the states after its launches");
  other.outputs.push_back(other.outputs[0]);
  EXPECT_EQ(FindDifference(one, other), "which outputs there are");
}

}  // namespace
}  // namespace souk
