#include "node/agent/holds.h"

#include <algorithm>

#include "node/agent/trusted.h"

namespace souk::node {
void Holds::Fold(const Entry& entry) {
  if (const auto* job = std::get_if<JobStep>(&entry.outcome)) return FoldJob(entry, *job);
  if (const auto* step = std::get_if<ChallengeStep>(&entry.outcome)) {
    return FoldChallenge(entry, *step);
  }
  if (const auto* resumed = std::get_if<Resumed>(&entry.outcome)) {
    return FoldResumed(entry, *resumed);
  }
  if (const auto* settled = std::get_if<Settled>(&entry.outcome)) {
    const auto it = leases_.find(settled->lease);
    if (it != leases_.end() && it->second.rented) EndLease(settled->lease, entry.time);
  } else if (const auto* step = std::get_if<LeaseStep>(&entry.outcome)) {
    if (step->to == LeaseState::kClosed) EndLease(step->lease, entry.time);
  }
}

void Holds::FoldJob(const Entry& entry, const JobStep& step) {
  switch (step.event) {
    case JobStep::Event::kSubmitted:
    case JobStep::Event::kAccepted: {
      const auto job = Content<souk::Job>(Trusted(entry.documents.at(0)));
      jobs_[step.job].lease = step.lease;
      Hold(step.job, job.workload.digest);
      for (const BlobRef& blob : job.blobs) Hold(step.job, blob.digest);
      Lease& lease = leases_[step.lease];
      lease.rented = step.event == JobStep::Event::kSubmitted;
      lease.jobs.insert(step.job);
      return;
    }
    case JobStep::Event::kStarted:
    case JobStep::Event::kSealed:
    case JobStep::Event::kRevealed:
      return;
    case JobStep::Event::kFinished: {
      const auto it = jobs_.find(step.job);
      if (it == jobs_.end()) return;
      bool awaited = false;
      if (!entry.documents.empty()) {
        const auto receipt = Content<JobReceipt>(Trusted(entry.documents[0]));
        for (const JobOutput& output : receipt.outputs) Hold(step.job, output.blob.digest);
        awaited = leases_.at(it->second.lease).rented && !receipt.outputs.empty();
      }
      if (!awaited) it->second.over = entry.time;
      return TrySchedule(step.job);
    }
    case JobStep::Event::kFetched: {
      const auto it = jobs_.find(step.job);
      if (it == jobs_.end()) return;
      it->second.over = entry.time;
      return TrySchedule(step.job);
    }
  }
}

// To the holds a challenge is a job whose one blob, the opened rows, both sides keep.
void Holds::FoldChallenge(const Entry& entry, const ChallengeStep& step) {
  switch (step.event) {
    case ChallengeStep::Event::kAsked:
    case ChallengeStep::Event::kTaken: {
      jobs_[step.challenge].lease = step.lease;
      Lease& lease = leases_[step.lease];
      lease.rented = step.event == ChallengeStep::Event::kAsked;
      lease.jobs.insert(step.challenge);
      return;
    }
    case ChallengeStep::Event::kCommitted:
    case ChallengeStep::Event::kRowsAsked:
      return;
    case ChallengeStep::Event::kOpened:
    case ChallengeStep::Event::kJudged:
    case ChallengeStep::Event::kLapsed:
      break;
  }
  const auto it = jobs_.find(step.challenge);
  if (it == jobs_.end()) return;
  if (step.event == ChallengeStep::Event::kOpened) {
    const auto opening = Content<ChallengeOpening>(Trusted(entry.documents.at(0)));
    Hold(step.challenge, opening.blob.digest);
  }
  if (it->second.over) return;
  it->second.over = entry.time;
  TrySchedule(step.challenge);
}

// R4: what fell due while this node was down, nobody could fetch here: it is kept for as long
// again. A clock that runs ahead at a start deletes nothing by that either.
void Holds::FoldResumed(const Entry& entry, const Resumed& resumed) {
  const auto first = due_.lower_bound({resumed.down_since, {}});
  const auto last = due_.lower_bound({entry.time, {}});
  const std::vector<std::pair<Time, Digest>> missed(first, last);
  due_.erase(first, last);
  for (const auto& [time, job] : missed) due_.insert({entry.time + keep_, job});
}

void Holds::Hold(const Digest& job, const Digest& blob) {
  if (jobs_.at(job).blobs.insert(blob).second) ++blobs_[blob];
}

void Holds::EndLease(const Digest& id, Time at) {
  const auto it = leases_.find(id);
  if (it == leases_.end() || it->second.over) return;
  it->second.over = at;
  const std::set<Digest> jobs = it->second.jobs;
  for (const Digest& job : jobs) TrySchedule(job);
}

void Holds::TrySchedule(const Digest& id) {
  const Job& job = jobs_.at(id);
  const Lease& lease = leases_.at(job.lease);
  if (job.over && lease.over) due_.insert({std::max(*job.over, *lease.over) + keep_, id});
}

void Holds::LetGo(Turn& turn, const Digest& id) {
  const Job& job = jobs_.at(id);
  for (const Digest& blob : job.blobs) {
    const auto held = blobs_.find(blob);
    if (--held->second > 0) continue;
    blobs_.erase(held);
    if (turn.view().BlobSize(blob)) turn.Do(RemoveBlob{blob});
  }
  turn.Do(DropJob{id});
  const auto lease = leases_.find(job.lease);
  lease->second.jobs.erase(id);
  if (lease->second.jobs.empty()) leases_.erase(lease);
  jobs_.erase(id);
}

void Holds::RunTimers(Turn& turn) {
  for (size_t i = 0; i < kAtOnce && !due_.empty() && due_.begin()->first <= turn.now(); ++i) {
    const Digest job = due_.begin()->second;
    due_.erase(due_.begin());
    LetGo(turn, job);
  }
}

}  // namespace souk::node
