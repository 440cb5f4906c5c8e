// How the renter's state follows from its log.
#include "node/agent/renter.h"
#include "node/agent/trusted.h"

namespace souk::node {
const char* Renter::PhaseName(Phase phase) {
  switch (phase) {
    case Phase::kEscrowing:
      return "Escrowing";
    case Phase::kOrdering:
      return "Ordering";
    case Phase::kLost:
      return "Lost";
    case Phase::kCommitting:
      return "Reserved";
    case Phase::kWaiting:
      return "Active";
    case Phase::kPaying:
      return "Active, ready";
    case Phase::kMetering:
      return "Active, metering";
    case Phase::kPaused:
      return "Paused";
    case Phase::kReleasing:
      return "Releasing";
    case Phase::kClosing:
      return "Closing";
    case Phase::kClosed:
      return "Closed";
  }
  std::abort();
}

void Renter::Fold(const Entry& entry, const RuleSet& rules) {
  if (std::holds_alternative<Ordered>(entry.outcome)) {
    const Digest id = std::get<Ordered>(entry.outcome).lease;
    Lease& lease = leases_[id];
    lease.id = id;
    lease.escrow_document = Trusted(entry.documents.at(0));
    lease.escrow = Content<Escrow>(lease.escrow_document);
    lease.order_document = Trusted(entry.documents.at(1));
    lease.order = Content<Order>(lease.order_document);
    lease.story.push_back({entry.time, "order"});
    open_leases_.insert(id);
    ++orders_made_;
    return;
  }
  if (const auto* seen = std::get_if<EscrowSeen>(&entry.outcome)) {
    const auto it = leases_.find(seen->lease);
    if (it == leases_.end() || it->second.phase != Phase::kEscrowing) return;
    it->second.phase = Phase::kOrdering;
    it->second.held = true;
    it->second.story.push_back({entry.time, "escrow held"});
    return;
  }
  if (const auto* taken = std::get_if<VoucherTaken>(&entry.outcome)) {
    const auto it = leases_.find(taken->lease);
    if (it == leases_.end()) return;
    it->second.best = taken->best;
    it->second.voucher_document = Trusted(entry.documents.at(0));
    return;
  }
  if (const auto* settled = std::get_if<Settled>(&entry.outcome)) {
    const auto it = leases_.find(settled->lease);
    if (it == leases_.end()) return;
    it->second.settled = true;
    it->second.paid = settled->paid;
    it->second.phase = Phase::kClosed;
    it->second.story.push_back({entry.time, "settled"});
    open_leases_.erase(settled->lease);
    return;
  }
  if (const auto* step = std::get_if<LeaseStep>(&entry.outcome)) return FoldLease(entry, *step);
  if (const auto* job = std::get_if<JobStep>(&entry.outcome)) return FoldJob(entry, *job);
  if (const auto* challenge = std::get_if<ChallengeStep>(&entry.outcome)) {
    return FoldChallenge(entry, *challenge);
  }
  if (const auto* replicated = std::get_if<Replicated>(&entry.outcome)) {
    return FoldReplicated(entry, *replicated);
  }
  if (std::holds_alternative<Resumed>(entry.outcome)) {
    FoldResumedChallenges(entry);
    FoldResumedReplicas(entry, rules);
  }
}

void Renter::FoldLease(const Entry& entry, const LeaseStep& step) {
  const auto it = leases_.find(step.lease);
  if (it == leases_.end()) return;
  Lease& lease = it->second;
  for (const Bytes& envelope : entry.documents) {
    const DocumentRef document = Trusted(envelope);
    if (document->kind() == Kind::kAcceptance) {
      lease.acceptance_document = document;
      lease.acceptance = Content<Acceptance>(document);
      lease.accepted_entry = lease.acceptance.fence;
    } else if (document->kind() == Kind::kCommit) {
      lease.number = Content<Commit>(document).number;
      lease.commit = document->id();
    } else if (document->kind() == Kind::kReady) {
      lease.ready_document = document;
      const Ready ready = Content<Ready>(document);
      lease.end = ready.end;
      lease.provider_number = ready.number;
    } else if (document->kind() == Kind::kRelease) {
      lease.release_document = document;
      lease.released = entry.time;
      lease.number = Content<souk::Release>(document).number;
    } else if (document->kind() == Kind::kClose) {
      lease.close_document = document;
      lease.provider_number = Content<Close>(document).number;
    }
  }
  lease.story.push_back({entry.time, LeaseEventName(step.event)});
  if (step.reason != CloseReason::kNone) lease.reason = step.reason;
  switch (step.event) {
    case LeaseEvent::kAccepted:
      lease.phase = Phase::kCommitting;
      return;
    case LeaseEvent::kCommitted:
      lease.phase = Phase::kWaiting;
      return;
    case LeaseEvent::kReady:
      lease.phase = Phase::kPaying;
      lease.ready = entry.time;
      lease.heard = entry.time;
      return;
    case LeaseEvent::kFirstVoucher:
      lease.phase = Phase::kMetering;
      return;
    case LeaseEvent::kReleased:
      lease.due = step.due;
      if (step.to == LeaseState::kClosed) {
        lease.phase = Phase::kLost;
        lease.sentence = "released before it began";
        return;
      }
      // Ours: the close is awaited. With a close in hand, it is the close that came first.
      lease.phase = lease.close_document ? Phase::kClosing : Phase::kReleasing;
      return;
    case LeaseEvent::kEndReached:
    case LeaseEvent::kDeviceLost:
    case LeaseEvent::kHoldUnpaid:
    case LeaseEvent::kNoticeOver:
    case LeaseEvent::kReadyExpired:
    case LeaseEvent::kCommitExpired:
      lease.phase = Phase::kClosing;
      lease.due = step.due;
      return;
    case LeaseEvent::kVoucherLate:
    case LeaseEvent::kPauseAsked:
      lease.phase = Phase::kPaused;
      return;
    case LeaseEvent::kResumed:
      lease.phase = Phase::kMetering;
      return;
    case LeaseEvent::kExtended:
    case LeaseEvent::kNoticeGiven:
    case LeaseEvent::kSettled:
    case LeaseEvent::kSettleExpired:
      return;
  }
}

void Renter::FoldJob(const Entry& entry, const JobStep& step) {
  if (step.event == JobStep::Event::kSubmitted) {
    const DocumentRef document = Trusted(entry.documents.at(0));
    JobState& job = jobs_[step.job];
    job.id = step.job;
    job.lease = step.lease;
    job.document = document;
    job.job = Content<Job>(document);
    open_jobs_.insert(step.job);
    const auto lease = leases_.find(step.lease);
    if (lease != leases_.end()) lease->second.number = job.job.number;
    return;
  }
  const auto it = jobs_.find(step.job);
  if (it == jobs_.end()) return;
  if (step.event == JobStep::Event::kFinished && it->second.at == JobStep::Event::kSubmitted) {
    it->second.at = step.event;
    if (!entry.documents.empty()) {
      it->second.receipt_document = Trusted(entry.documents.at(0));
      it->second.receipt = Content<JobReceipt>(it->second.receipt_document);
    }
    const bool outputs = it->second.receipt && !it->second.receipt->outputs.empty();
    if (!outputs) open_jobs_.erase(step.job);
  } else if (step.event == JobStep::Event::kSealed) {
    FoldSealed(entry, it->second);
  } else if (step.event == JobStep::Event::kRevealed) {
    FoldRevealed(entry, it->second);
  } else if (step.event == JobStep::Event::kFetched) {
    it->second.at = step.event;
    open_jobs_.erase(step.job);
  }
}

}  // namespace souk::node
