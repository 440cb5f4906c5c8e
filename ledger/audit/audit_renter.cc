#include "ledger/audit/audit_renter.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/audit/audit_receipt.h"
#include "protocol/limits.h"
#include "protocol/replication.h"
#include "protocol/text.h"

namespace souk::ledger {
RenterAudit::Lease* RenterAudit::Find(EntryCheck& check, const Digest& id) {
  const auto it = leases_.find(id);
  if (it != leases_.end()) return &it->second;
  check.Fail(rules::kTable, fmt::format("lease {} was never ordered", id.Short()));
  return nullptr;
}

void RenterAudit::OnOrdered(EntryCheck& check, const Ordered& ordered) {
  if (!check.ExpectDocuments(2)) return;
  const auto escrow = check.Take<Escrow>(0);
  const auto order = check.Take<Order>(1);
  if (!escrow || !order) return;
  const DocumentRef& document = check.DocumentAt(1);
  check.That(document->signer() == self_, rules::kSigner, "the order is not signed by this renter");
  check.That(document->id() == ordered.lease, rules::kEvidence, "the order is of another lease");
  check.That(check.DocumentAt(0)->signer() == escrow->account && escrow->account == order->account,
             rules::kAuthority, "the escrow is not signed by the account that it debits");
  check.That(order->escrow == EscrowId(escrow->account, escrow->nonce) &&
                 escrow->nonce == order->nonce && escrow->book == order->book &&
                 escrow->payee == order->provider && escrow->voucher_key == order->voucher_key &&
                 escrow->amount == order->max_cost,
             rules::kEscrow, "the escrow is not what the order says");
  check.That(order->expires <= escrow->accept_by && escrow->accept_by < escrow->timeout,
             rules::kEscrow, "the escrow ends before the order could be accepted");
  const auto most = AmountDue(order->price, order->slices, order->duration);
  check.That(most && *most <= order->max_cost, rules::kTerms,
             "the order's maximum does not cover its duration");
  const auto [used, fresh] = escrows_.try_emplace(order->escrow, check.index());
  check.That(fresh, rules::kEscrow, {used->second}, "the escrow backs another order");
  if (leases_.contains(ordered.lease)) {
    check.Fail(rules::kTable, "the lease was ordered before",
               {leases_.at(ordered.lease).first_entry});
    return;
  }
  if (details_) order_.push_back(ordered.lease);
  leases_.emplace(ordered.lease, Lease{.order = *order,
                                       .escrow_timeout = escrow->timeout,
                                       .first_entry = check.index(),
                                       .last_entry = check.index()});
}

void RenterAudit::OnEscrowSeen(EntryCheck& check, const EscrowSeen& seen) {
  Lease* lease = Find(check, seen.lease);
  if (lease == nullptr) return;
  check.That(seen.escrow == lease->order.escrow && lease->state == LeaseState::kNone,
             rules::kEscrow, {lease->first_entry},
             "the escrow is not this order's, or came after the acceptance");
  check.That(seen.book_size > 0 && !seen.book_root.IsZero(), rules::kEscrow,
             "the book's checkpoint that proved the escrow is missing");
  check.ExpectDocuments(0);
  lease->escrow_seen = true;
  lease->last_entry = check.index();
}

void RenterAudit::OnStep(EntryCheck& check, const LeaseStep& step) {
  Lease* lease = Find(check, step.lease);
  if (lease == nullptr) return;
  check.That(step.transfers.empty(), rules::kSlices, "a renter reserves no slices");
  // The provider's close ends the lease from wherever the renter believed it to be, once.
  const DocumentRef& first = check.DocumentAt(0);
  if (first && first->kind() == Kind::kClose) {
    OnClose(check, *lease, step);
  } else {
    // R5's table begins with the acceptance; before it an order may be withdrawn.
    const bool withdrawn = lease->state == LeaseState::kNone && step.event == LeaseEvent::kReleased;
    const auto next = withdrawn ? Result<LeaseState>(LeaseState::kClosed)
                                : NextLeaseState(lease->state, step.event);
    if (!next || *next != step.to) {
      check.Fail(
          rules::kTable,
          next ? fmt::format("lease {}: \"{}\" leads from {} to {}, not to {}", step.lease.Short(),
                             LeaseEventName(step.event), LeaseStateName(lease->state),
                             LeaseStateName(*next), LeaseStateName(step.to))
               : fmt::format("lease {}: {}", step.lease.Short(), next.error().message),
          {lease->last_entry});
    }
    OnOwnStep(check, *lease, step);
  }
  if (step.event == LeaseEvent::kFirstVoucher) {
    check.That(lease->ready && lease->best.micro > 0, rules::kVouchers,
               "metering starts with the device ready and a voucher given");
  }
  if (step.reason != CloseReason::kNone) lease->reason = step.reason;
  lease->state = step.to;
  lease->last_entry = check.index();
}

// A step that is not the provider's close.
void RenterAudit::OnOwnStep(EntryCheck& check, Lease& lease, const LeaseStep& step) {
  check.That(step.metered.ms == 0 && step.due.micro == 0, rules::kDue,
             "only the provider's close says what is due");
  const bool withdrawn = step.event == LeaseEvent::kReleased && step.to == LeaseState::kClosed;
  check.That(step.reason == (withdrawn ? CloseReason::kRenterWithdrew : CloseReason::kNone),
             rules::kReason, "a reason that this step does not have");
  switch (step.event) {
    case LeaseEvent::kAccepted:
      return OnAccepted(check, lease, step);
    case LeaseEvent::kCommitted:
      return OnCommitted(check, lease, step);
    case LeaseEvent::kReady:
      return OnReady(check, lease, step);
    case LeaseEvent::kReleased:
      return OnReleased(check, lease, step);
    case LeaseEvent::kCommitExpired:
    case LeaseEvent::kReadyExpired:
    case LeaseEvent::kHoldUnpaid:
    case LeaseEvent::kEndReached:
    case LeaseEvent::kDeviceLost:
      check.Take<Close>(0);  // there is none, which is the finding
      return;
    case LeaseEvent::kFirstVoucher:
    case LeaseEvent::kVoucherLate:
    case LeaseEvent::kResumed:
    case LeaseEvent::kSettled:
    case LeaseEvent::kSettleExpired:
      check.ExpectDocuments(0);
      return;
    case LeaseEvent::kPauseAsked:
    case LeaseEvent::kExtended:
    case LeaseEvent::kNoticeGiven:
    case LeaseEvent::kNoticeOver:
      return;  // not written by these rules
  }
}

void RenterAudit::OnAccepted(EntryCheck& check, Lease& lease, const LeaseStep& step) {
  const auto acceptance = check.Take<Acceptance>(0);
  if (!check.ExpectDocuments(1) || !acceptance) return;
  check.That(check.DocumentAt(0)->signer() == lease.order.provider, rules::kSigner,
             {lease.first_entry}, "the acceptance is not signed by the order's provider");
  check.That(acceptance->order == step.lease, rules::kEvidence,
             "the acceptance is of another order");
  check.That(lease.escrow_seen, rules::kEscrow, "accepted before the book held the escrow");
  check.That(acceptance->settle_by + check.rule_set().window + check.rule_set().max_skew * 2 <=
                 lease.escrow_timeout,
             rules::kEscrow, {lease.first_entry}, "the escrow may end before the lease is settled");
  lease.acceptance_id = check.DocumentAt(0)->id();
  lease.fence = acceptance->fence;
  lease.device = acceptance->device;
}

void RenterAudit::OnCommitted(EntryCheck& check, Lease& lease, const LeaseStep& step) {
  const auto commit = check.Take<Commit>(0);
  if (!check.ExpectDocuments(1) || !commit) return;
  check.That(check.DocumentAt(0)->signer() == self_, rules::kSigner,
             "the commit is not signed by this renter");
  check.That(commit->lease == step.lease && commit->acceptance == lease.acceptance_id,
             rules::kEvidence, "the commit is for another acceptance");
  check.That(commit->number > lease.own_number, rules::kNumbers, "number {} follows {}",
             commit->number, lease.own_number);
  lease.own_number = std::max(lease.own_number, commit->number);
  lease.commit_id = check.DocumentAt(0)->id();
}

void RenterAudit::OnReady(EntryCheck& check, Lease& lease, const LeaseStep& step) {
  const auto ready = check.Take<Ready>(0);
  if (!check.ExpectDocuments(1) || !ready) return;
  check.That(check.DocumentAt(0)->signer() == lease.order.provider, rules::kSigner,
             "the ready is not signed by the order's provider");
  check.That(ready->lease == step.lease && !lease.ready, rules::kEvidence,
             "the ready is for another lease, or the second one");
  CheckFits(check, FindMisfit(*ready, lease.order, lease.commit_id, lease.provider_number));
  lease.provider_number = std::max(lease.provider_number, ready->number);
  lease.ready = true;
}

void RenterAudit::CheckFits(EntryCheck& check, std::optional<Misfit> misfit) {
  if (!misfit) return;
  const auto fail = [&](const Rule& rule) { check.Fail(rule, MisfitSentence(*misfit)); };
  switch (*misfit) {
    case Misfit::kOtherCommit:
      return fail(rules::kEvidence);
    case Misfit::kOtherTimes:
      return fail(rules::kTerms);
    case Misfit::kTooLong:
      return fail(rules::kDue);
    case Misfit::kUsedNumber:
      return fail(rules::kNumbers);
  }
}

void RenterAudit::OnReleased(EntryCheck& check, Lease& lease, const LeaseStep& step) {
  const auto release = check.Take<Release>(0);
  if (!check.ExpectDocuments(1) || !release) return;
  check.That(check.DocumentAt(0)->signer() == self_ && release->lease == step.lease, rules::kSigner,
             "the release is not this renter's, for this lease");
  check.That(release->number > lease.own_number, rules::kNumbers, "number {} follows {}",
             release->number, lease.own_number);
  lease.own_number = std::max(lease.own_number, release->number);
}

void RenterAudit::OnClose(EntryCheck& check, Lease& lease, const LeaseStep& step) {
  const auto close = check.Take<Close>(0);
  if (!check.ExpectDocuments(1) || !close) return;
  check.That(check.DocumentAt(0)->signer() == lease.order.provider, rules::kSigner,
             {lease.first_entry}, "the close is not signed by the order's provider");
  check.That(
      close->lease == step.lease && close->reason == step.reason && close->metered == step.metered,
      rules::kEvidence, "the close says other than the log");
  check.That(step.to == LeaseState::kClosing && !lease.closed_by_provider &&
                 lease.state != LeaseState::kClosed && lease.state != LeaseState::kNone,
             rules::kTable, {lease.last_entry}, "a lease is closed once, after it was accepted");
  // R6: the renter pays the claim, or less where its own clock says so.
  check.That(step.due <= close->due, rules::kDue, "{} cr granted where {} cr are claimed",
             FormatCredits(step.due), FormatCredits(close->due));
  check.That(step.due <= ClaimOf(*close, lease.order), rules::kDue,
             "what is granted is more than the metered time costs");
  CheckFits(check, FindMisfit(*close, lease.order, lease.provider_number));
  lease.provider_number = std::max(lease.provider_number, close->number);
  lease.closed_by_provider = true;
  lease.due = step.due;
  lease.metered = close->metered;
  lease.closed = check.time();
}

void RenterAudit::OnVoucher(EntryCheck& check, const VoucherTaken& taken) {
  Lease* lease = Find(check, taken.lease);
  if (lease == nullptr) return;
  const VoucherLease vouched{lease->order, lease->best, lease->first_entry, lease->last_entry};
  if (!CheckVoucher(check, taken, vouched)) return;
  check.That(lease->ready, rules::kVouchers, "no voucher is given before the device is ready");
  lease->best = std::max(lease->best, taken.best);
  lease->last_entry = check.index();
}

void RenterAudit::OnJob(EntryCheck& check, const JobStep& step) {
  Lease* lease = Find(check, step.lease);
  if (lease == nullptr) return;
  if (step.event == JobStep::Event::kSubmitted) {
    const auto job = check.Take<Job>(0);
    if (!check.ExpectDocuments(1) || !job) return;
    check.That(check.DocumentAt(0)->signer() == self_, rules::kSigner,
               "the job is not signed by this renter");
    check.That(check.DocumentAt(0)->id() == step.job && job->lease == step.lease, rules::kEvidence,
               "the job is another, or of another lease");
    check.That(lease->state == LeaseState::kMetering, rules::kJobs,
               "a job was sent while the lease is {}", LeaseStateName(lease->state));
    check.That(job->number > lease->own_number, rules::kNumbers, "number {} follows {}",
               job->number, lease->own_number);
    lease->own_number = std::max(lease->own_number, job->number);
    const auto [known, fresh] =
        jobs_.try_emplace(step.job, JobState{.lease = step.lease,
                                             .workload = job->workload.digest,
                                             .entry = check.index(),
                                             .sealed = job->sealed});
    check.That(fresh, rules::kJobs, {known->second.entry}, "the job was sent before");
    ++lease->jobs;
    return;
  }
  const auto it = jobs_.find(step.job);
  if (!check.That(it != jobs_.end() && it->second.lease == step.lease, rules::kJobs,
                  "the job was never sent under this lease")) {
    return;
  }
  JobState& job = it->second;
  if (step.event == JobStep::Event::kSealed) return OnSealed(check, *lease, job, step);
  if (step.event == JobStep::Event::kRevealed) return OnRevealed(check, job, step);
  if (step.event == JobStep::Event::kFinished) {
    check.That(job.at == JobStep::Event::kSubmitted, rules::kJobs, {job.entry},
               "the job was finished before");
    // Refused or lost: then there is none.
    if (step.status == JobStatus::kDone || check.documents() > 0) {
      OnReceipt(check, *lease, job, step);
    }
  } else {
    check.That(step.event == JobStep::Event::kFetched && job.at == JobStep::Event::kFinished,
               rules::kJobs, {job.entry}, "only a finished job's results are fetched");
    check.ExpectDocuments(0);
  }
  job.at = step.event;
  job.entry = check.index();
}

void RenterAudit::OnReceipt(EntryCheck& check, const Lease& lease, const JobState& job,
                            const JobStep& step) {
  const ReceiptJob told{lease.order.provider, lease.fence, job.workload, job.entry};
  if (!CheckReceipt(check, step, told)) return;
  check.That(!job.sealed || (job.revealed && check.DocumentAt(0)->id() == job.committed),
             rules::kReplicas, {job.entry},
             "the receipt is not the one that was sealed, or was taken before it was revealed");
}

void RenterAudit::OnSealed(EntryCheck& check, const Lease& lease, JobState& job,
                           const JobStep& step) {
  const auto seal = check.Take<JobSeal>(0);
  if (!check.ExpectDocuments(1) || !seal) return;
  check.That(check.DocumentAt(0)->signer() == lease.order.provider, rules::kSigner,
             "the seal is not signed by the lease's provider");
  check.That(seal->job == step.job && seal->lease == step.lease && seal->fence == lease.fence,
             rules::kEvidence, {job.entry}, "the seal is of another job, lease or fence");
  check.That(job.sealed && job.at == JobStep::Event::kSubmitted && job.committed.IsZero(),
             rules::kReplicas, {job.entry},
             "a job is sealed once, before it is over, where it asks");
  job.seal = check.DocumentAt(0)->id();
  job.committed = seal->receipt;
  if (!job.round) return;
  Round& round = rounds_.at(*job.round);
  if (++round.sealed == round.agree) round.enough = check.time();
}

void RenterAudit::OnRevealed(EntryCheck& check, JobState& job, const JobStep& step) {
  const auto reveal = check.Take<JobReveal>(0);
  if (!check.ExpectDocuments(1) || !reveal) return;
  check.That(check.DocumentAt(0)->signer() == self_, rules::kSigner,
             "the reveal is not signed by this renter");
  check.That(reveal->job == step.job && reveal->lease == step.lease, rules::kEvidence, {job.entry},
             "the reveal is of another job or lease");
  check.That(!job.committed.IsZero() && reveal->seal == job.seal && !job.revealed &&
                 job.at == JobStep::Event::kSubmitted,
             rules::kReplicas, {job.entry}, "what is revealed was sealed before, and once");
  job.revealed = true;
  if (!job.round) return;
  Round& round = rounds_.at(*job.round);
  if (round.revealed) return;
  round.revealed = true;
  const bool all = std::all_of(round.jobs.begin(), round.jobs.end(), [&](const Digest& id) {
    const JobState& other = jobs_.at(id);
    return !other.committed.IsZero() || other.at != JobStep::Event::kSubmitted;
  });
  const bool waited = round.enough.ms != 0 && check.time() >= RevealBy(round.asked, round.enough);
  check.That(all || waited, rules::kReplicas, {round.entry},
             "revealed while other replicas were neither sealed nor over");
}

void RenterAudit::OnReplicated(EntryCheck& check, const Replicated& replicated) {
  check.ExpectDocuments(0);
  const size_t of = replicated.jobs.size();
  check.That(of >= 2 && IsMajority(replicated.agree, of), rules::kReplicas,
             "{} of {} replicas are to agree", replicated.agree, of);
  if (!check.That(!rounds_.contains(replicated.round), rules::kReplicas,
                  "the round was begun before")) {
    return;
  }
  Round round{.jobs = {}, .agree = replicated.agree, .entry = check.index(), .asked = check.time()};
  std::vector<PeerId> providers;
  for (const Digest& id : replicated.jobs) {
    const auto it = jobs_.find(id);
    if (!check.That(it != jobs_.end(), rules::kReplicas, "replica {} was never sent", id.Short())) {
      continue;
    }
    JobState& job = it->second;
    check.That(
        job.sealed && job.committed.IsZero() && job.at == JobStep::Event::kSubmitted && !job.round,
        rules::kReplicas, {job.entry},
        "a replica is a sealed job that has no result and is in no other round");
    // The first that was sent sets the workload: what the entry names need not be there.
    const JobState& first = round.jobs.empty() ? job : jobs_.at(round.jobs.front());
    check.That(job.workload == first.workload, rules::kReplicas, {job.entry},
               "the replicas are of different workloads");
    const PeerId& provider = leases_.at(job.lease).order.provider;
    check.That(std::find(providers.begin(), providers.end(), provider) == providers.end(),
               rules::kReplicas, {job.entry}, "two replicas are one provider's");
    providers.push_back(provider);
    job.round = replicated.round;
    round.jobs.push_back(id);
  }
  rounds_.emplace(replicated.round, std::move(round));
}

void RenterAudit::OnChallenge(EntryCheck& check, const ChallengeStep& step) {
  Lease* lease = Find(check, step.lease);
  if (lease == nullptr) return;
  challenges_.OnStep(check, step,
                     {.renter = self_,
                      .provider = lease->order.provider,
                      .device = lease->device,
                      .state = lease->state,
                      .renter_number = lease->own_number,
                      .provider_number = lease->provider_number});
}

void RenterAudit::OnSettled(EntryCheck& check, const Settled& settled) {
  Lease* lease = Find(check, settled.lease);
  if (lease == nullptr) return;
  const VoucherLease vouched{lease->order, lease->best, lease->first_entry, lease->last_entry};
  CheckSettlement(check, settled, vouched, lease->settled);
  lease->settled = true;
  lease->paid = settled.paid;
  lease->state = LeaseState::kClosed;
  if (lease->closed.ms == 0) lease->closed = check.time();
  lease->last_entry = check.index();
}

void RenterAudit::Finish(AuditReport& report) const {
  report.leases += leases_.size();
  report.jobs += jobs_.size();
  for (const Digest& id : order_) {
    const Lease& lease = leases_.at(id);
    report.lease_list.push_back({.id = id,
                                 .provided = false,
                                 .counterparty = lease.order.provider,
                                 .book = lease.order.book,
                                 .state = lease.state,
                                 .reason = lease.reason,
                                 .begun = lease.order.issued,
                                 .closed = lease.closed,
                                 .metered = lease.metered,
                                 .due = lease.due,
                                 .vouched = lease.best,
                                 .most = lease.order.max_cost,
                                 .paid = lease.paid,
                                 .settled = lease.settled,
                                 .first_entry = lease.first_entry,
                                 .last_entry = lease.last_entry,
                                 .jobs = lease.jobs});
  }
}

}  // namespace souk::ledger
