// Replication (R7): one job on providers of different identities, each of whom commits to its
// result before any is revealed. What is asked for, how long stragglers are waited for, and what
// the results come to: the same for the renter who runs the round, its tools, and the auditor of
// its log. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/messages.h"

namespace souk {

// How often a renter has a job computed more than once, and what it takes for an answer.
struct ReplicationPolicy {
  uint32_t agree = 1;        // so many results must be the same
  uint32_t of = 1;           // of so many providers
  uint32_t per_million = 0;  // of all jobs; the others run once. 0: "none"
  // Under every policy but "none" each job is sealed, so that a provider cannot tell by its job
  // whether it is the only one.
  bool sealed() const { return per_million > 0; }
  bool operator==(const ReplicationPolicy&) const = default;
};
// "none"; "sample P": two providers for a share P of the jobs, 0 < P ≤ 1; "N of M": always, with
// M / 2 < N ≤ M, 2 ≤ M ≤ limits::kReplicas. kInvalidArgument says what is wrong.
Result<ReplicationPolicy> ParseReplicationPolicy(std::string_view text);
std::string FormatReplicationPolicy(const ReplicationPolicy& policy);

// When seals that are still missing are not waited for any more: twice as long again as the others
// took, and at least a minute. `enough`: when as many seals of the round were recorded as are to
// agree; before that nothing is revealed while a replica may still come.
Time RevealBy(Time asked, Time enough);
// A replica that was told to show its result, and has not after so long, counts as without one.
inline constexpr Duration kRevealWait = Minutes(1);

// A job of a round, as the renter's log has it.
struct Replica {
  std::optional<JobReceipt> receipt = {};  // revealed, and the one that was sealed
  bool late = false;                       // it had not sealed when the round was revealed
  bool over = false;                       // nothing more comes, or not in time
};
enum class ReplicaStanding : uint8_t {
  kOpen,
  kAgrees,
  kDiffers,
  kUnlike,    // another device, and the kernels' class fixes no result across devices
  kAlone,     // the only result there is
  kLate,      // it could have copied: it counts for nothing
  kNoResult,  // refused, cancelled, lost or silent; failed where another one did not
};
const char* ReplicaStandingName(ReplicaStanding standing);
enum class ReplicationOutcome : uint8_t {
  kOpen,
  kAgreed,      // `agree` results are the same; others may differ, and are named, or still come
  kDisagreed,   // results differ, and none has `agree` of them
  kIncomplete,  // too few results, none of which contradict each other
};
const char* ReplicationOutcomeName(ReplicationOutcome outcome);
struct ReplicationVerdict {
  ReplicationOutcome outcome = ReplicationOutcome::kOpen;
  std::vector<ReplicaStanding> standings = {};  // one per replica
  std::optional<size_t> result = {};            // the first that agrees, once agreed
};
// 2 · agree > replicas.size(). A failure is compared with failures only: a limit of time can be one
// provider's own. Proves nothing against who differs: that takes a replay in checking
// mode (R7).
ReplicationVerdict JudgeReplicas(std::span<const Replica> replicas, uint32_t agree);
// Whether so many of so many can settle a round: more than half, and not more than there are.
bool IsMajority(uint32_t agree, size_t of);
// What that replica's result and the one that holds, or else the first one, do not share, as
// FindDifference says it. "" where the replica counts for nothing. `verdict` is of these replicas.
std::string DifferenceOf(std::span<const Replica> replicas, const ReplicationVerdict& verdict,
                         size_t place);

// What differs between two receipts' results, for people: "output digits", "the states after its
// launches"; "" where nothing does.
std::string FindDifference(const JobReceipt& a, const JobReceipt& b);
// Whether two receipts' results must be the same if both computed truly: the class fixes them, or
// device model, architecture and driver are the same.
bool AreComparable(const JobReceipt& a, const JobReceipt& b);

}  // namespace souk
