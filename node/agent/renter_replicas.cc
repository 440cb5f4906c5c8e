// Replication (R7): one job on several providers, none of whom can have seen another's result when
// it commits to its own.
#include <algorithm>

#include "node/agent/renter.h"
#include "node/agent/trusted.h"
#include "protocol/limits.h"

namespace souk::node {

void Renter::OnReplicateCommand(Turn& turn, uint64_t command, const ReplicateCommand& what) {
  const auto refuse = [&](const Error& error) {
    turn.Answer({.command = command, .status = error});
  };
  const size_t of = what.leases.size();
  if (of < 2 || of > limits::kReplicas) {
    return refuse(Error(Code::kInvalidArgument, "a job is replicated on 2 to " +
                                                    std::to_string(limits::kReplicas) + " leases"));
  }
  if (!IsMajority(what.agree, of)) {
    return refuse(Error(Code::kInvalidArgument,
                        "more than half of the replicas must agree, and not more than there are"));
  }
  std::set<PeerId> providers;
  for (const Digest& id : what.leases) {
    const auto lease = ReadyForJob(id);
    if (!lease) return refuse(lease.error().Within("lease " + id.Short()));
    if (!providers.insert((*lease)->order.provider).second) {
      return refuse(Error(Code::kInvalidArgument,
                          "two of the leases are of one provider: it could answer for both"));
    }
  }
  // Never twice, however old the copy of this node's log is that it goes on from.
  Bytes when;
  PutLe(when, static_cast<uint64_t>(turn.wall().ms));
  const Digest round =
      Sha256Hasher()
          .Update(turn.identity().DeriveNonce("replication", replications_.size()).view())
          .Update(what.leases.front().view())
          .Update(when)
          .Finish();
  JobCommand job = what.job;
  job.sealed = true;
  std::vector<Digest> jobs;
  for (const Digest& lease : what.leases) {
    jobs.push_back(SubmitJob(turn, leases_.at(lease), job));
  }
  turn.Append(Replicated{.round = round, .jobs = jobs, .agree = what.agree}, {});
  turn.Answer({.command = command, .id = round});
}

void Renter::FoldReplicated(const Entry& entry, const Replicated& replicated) {
  Replication& replication = replications_[replicated.round];
  replication = {.round = replicated.round,
                 .jobs = replicated.jobs,
                 .agree = replicated.agree,
                 .asked = entry.time};
  for (const Digest& id : replicated.jobs) jobs_.at(id).round = replicated.round;
}

void Renter::FoldSealed(const Entry& entry, JobState& job) {
  job.seal_document = Trusted(entry.documents.at(0));
  job.seal = Content<JobSeal>(job.seal_document);
  if (!job.round) return;
  Replication& round = replications_.at(*job.round);
  if (++round.sealed != round.agree) return;
  round.enough_sealed = entry.time;
  round.reveal_by = RevealBy(round.asked, entry.time);
}

void Renter::FoldRevealed(const Entry& entry, JobState& job) {
  job.reveal_document = Trusted(entry.documents.at(0));
  job.revealed = entry.time;
  job.acknowledged = false;
  job.next_ask = {};
  if (!job.round) return;
  Replication& round = replications_.at(*job.round);
  if (round.revealed) return;
  round.revealed = true;
  for (const Digest& id : round.jobs) {
    JobState& other = jobs_.at(id);
    other.late = !other.seal && other.at == JobStep::Event::kSubmitted;
  }
}

// R4: a seal that is missing may have come while this node was down.
void Renter::FoldResumedReplicas(const Entry& entry, const RuleSet& rules) {
  for (auto& [id, round] : replications_) {
    if (round.enough_sealed.ms == 0) continue;
    round.reveal_by = std::max(round.reveal_by, entry.time + rules.window);
  }
}

void Renter::OnJobSeal(Turn& turn, const From& from, const DocumentRef& document) {
  const auto seal = Decode<JobSeal>(*document);
  const auto it = seal ? jobs_.find(seal->job) : jobs_.end();
  if (it == jobs_.end()) return;
  JobState& job = it->second;
  // The first one counts.
  if (job.at != JobStep::Event::kSubmitted || !job.job.sealed || job.seal) return;
  Lease& lease = leases_.at(job.lease);
  if (document->signer() != lease.order.provider || from.peer != lease.order.provider ||
      seal->lease != lease.id || seal->fence != lease.acceptance.fence) {
    return;
  }
  Hear(lease, turn.now());
  StopAsking(turn, job);
  turn.Append(JobStep{.job = job.id, .lease = lease.id, .event = JobStep::Event::kSealed},
              {document});
}

bool Renter::MayReveal(const Turn& turn, const JobState& job) const {
  if (!job.round) return true;
  const Replication& round = replications_.at(*job.round);
  const bool waited = round.enough_sealed.ms != 0 && turn.now() >= round.reveal_by;
  if (round.revealed || waited) return true;
  return std::all_of(round.jobs.begin(), round.jobs.end(), [&](const Digest& id) {
    const JobState& other = jobs_.at(id);
    return other.seal || other.at != JobStep::Event::kSubmitted;
  });
}

void Renter::RevealJobs(Turn& turn) {
  const std::set<Digest> open = open_jobs_;
  for (const Digest& id : open) {
    const JobState& job = jobs_.at(id);
    if (job.at != JobStep::Event::kSubmitted || !job.seal || job.reveal_document) continue;
    if (!MayReveal(turn, job)) continue;
    const DocumentRef reveal =
        turn.Sign(JobReveal{.job = id, .lease = job.lease, .seal = job.seal_document->id()});
    turn.Append(JobStep{.job = id, .lease = job.lease, .event = JobStep::Event::kRevealed},
                {reveal});
  }
}

std::vector<Replica> Renter::ReplicasOf(const Replication& replication, Time now) const {
  std::vector<Replica> replicas;
  for (const Digest& id : replication.jobs) {
    const JobState& job = jobs_.at(id);
    const bool silent = job.reveal_document && now >= job.revealed + kRevealWait;
    replicas.push_back({.receipt = job.receipt,
                        .late = job.late,
                        .over = job.at != JobStep::Event::kSubmitted || silent});
  }
  return replicas;
}

}  // namespace souk::node
