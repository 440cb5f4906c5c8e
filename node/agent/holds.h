// How long a node keeps what its jobs brought and made (R2: keep-until; R5: results outlive the
// lease).
#pragma once

#include <map>
#include <optional>
#include <set>

#include "node/agent/turn.h"

namespace souk::node {

// Loop thread only.
// Invariants: (1) the state is the fold of this log, less what was let go in this run, which a
// restart lets go again; (2) a job, or a challenge, holds its blobs for as long as it or its lease
// is open, and `keep` longer; (3) a blob goes with the last job that holds it, whichever role's
// that was.
class Holds {
 public:
  // Jobs that are let go in one turn: each may be some hundred files.
  static constexpr size_t kAtOnce = 8;

  explicit Holds(Duration keep) : keep_(keep) {}

  void Fold(const Entry& entry);
  void RunTimers(Turn& turn);
  bool IsHeld(const Digest& blob) const { return blobs_.contains(blob); }

 private:
  struct Job {
    Digest lease = {};
    std::set<Digest> blobs = {};
    std::optional<Time> over = {};  // finished, and its results fetched where they are awaited
  };
  struct Lease {
    bool rented = false;  // by this node: then it is over with the book's last word
    std::set<Digest> jobs = {};
    std::optional<Time> over = {};
  };
  void FoldJob(const Entry& entry, const JobStep& step);
  void FoldChallenge(const Entry& entry, const ChallengeStep& step);
  void FoldResumed(const Entry& entry, const Resumed& resumed);
  void Hold(const Digest& job, const Digest& blob);
  void EndLease(const Digest& lease, Time at);
  // Where job and lease are over: lets it go in time.
  void TrySchedule(const Digest& job);
  void LetGo(Turn& turn, const Digest& job);

  const Duration keep_;
  std::map<Digest, Job> jobs_ = {};
  std::map<Digest, Lease> leases_ = {};    // with jobs
  std::map<Digest, uint64_t> blobs_ = {};  // how many jobs hold each
  std::set<std::pair<Time, Digest>> due_ = {};
};

}  // namespace souk::node
