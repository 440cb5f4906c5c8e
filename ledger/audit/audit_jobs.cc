// Offers, devices and jobs in a provider's log.
#include <fmt/format.h>

#include <algorithm>

#include "ledger/audit/audit_provider.h"
#include "ledger/audit/audit_receipt.h"

namespace souk::ledger {
// ---- Offers and devices ----------------------------------------------------------------------

void ProviderAudit::OnPublished(EntryCheck& check, const Published& published) {
  last_entry_ = check.index();
  for (size_t i = 0; i < check.documents(); ++i) {
    const DocumentRef& document = check.DocumentAt(i);
    if (!document) continue;
    if (document->kind() == Kind::kOffer) {
      OnOfferPublished(check, i);
    } else {
      OnWithdrawn(check, i);
    }
  }
  for (const souk::TransferRecord& record : published.transfers) {
    if (record.kind == souk::TransferRecord::Kind::kSingle) {
      OnFunding(check, record);
    } else {
      OnFreed(check, record);
    }
  }
}

void ProviderAudit::OnOfferPublished(EntryCheck& check, size_t place) {
  const auto offer = check.Take<Offer>(place);
  if (!offer) return;
  const DocumentRef& document = check.DocumentAt(place);
  check.That(document->signer() == self_, rules::kSigner,
             "the offer is not signed by this provider");
  check.That(offer->sequence > offer_sequence_, rules::kOffers, "an offer's sequence {} follows {}",
             offer->sequence, offer_sequence_);
  offer_sequence_ = std::max(offer_sequence_, offer->sequence);
  // What has expired backs no order any more.
  std::erase_if(offers_, [&](const auto& item) {
    return item.second.offer.expires + Hours(1) <= check.time();
  });
  offers_[document->id()] = {*offer, check.index(), 0};
}

void ProviderAudit::OnWithdrawn(EntryCheck& check, size_t place) {
  const auto withdrawal = check.Take<Withdrawal>(place);
  if (!withdrawal) return;
  check.That(check.DocumentAt(place)->signer() == self_, rules::kSigner,
             "the withdrawal is not signed by this provider");
  for (auto& [id, published] : offers_) {
    if (published.withdrawn == 0 && published.offer.sequence <= withdrawal->sequence) {
      published.withdrawn = check.index();
    }
  }
}

// The owner's word that a device has so many slices: once for each.
void ProviderAudit::OnFunding(EntryCheck& check, const souk::TransferRecord& record) {
  check.That(record.debit == book_.source() && record.credit == record.id && record.amount > 0,
             rules::kSlices, "slices are declared once for each device, into its own account");
  Decide(check, record);
}

void ProviderAudit::OnFreed(EntryCheck& check, const souk::TransferRecord& record) {
  const auto it = leases_.find(record.pending);
  if (record.kind != souk::TransferRecord::Kind::kVoid || it == leases_.end()) {
    check.Fail(rules::kSlices, "slices come back only by the void of a lease's reservation");
  } else {
    Lease& lease = it->second;
    check.That(lease.state == LeaseState::kClosing || lease.state == LeaseState::kClosed,
               rules::kSlices, {lease.last_entry},
               "the slices of lease {} came back while it is {}", it->first.Short(),
               LeaseStateName(lease.state));
    lease.reserved = false;
  }
  Decide(check, record);
}

void ProviderAudit::Decide(EntryCheck& check, const souk::TransferRecord& record) {
  ++transfers_;
  if (record.kind == souk::TransferRecord::Kind::kExpire) {
    check.Fail(rules::kSlices, "a reservation does not expire");
    return;
  }
  const TransferResult result = book_.Decide(record, check.time());
  if (result == TransferResult::kExceedsCredits) {
    const auto uuid = devices_.find(record.debit);
    check.Fail(rules::kSlices,
               fmt::format("{} slices more than are free on {}", record.amount,
                           uuid != devices_.end() ? uuid->second : "a device never declared"));
  } else if (result != TransferResult::kOk) {
    check.Fail(rules::kSlices,
               fmt::format("transfer {}: decided anew, {}", record.id.Short(), ResultName(result)));
  }
  if (const Status folded = book_.Fold(record, check.time()); !folded) {
    check.Fail(rules::kConserved, folded.error().message);
  }
}

// ---- Jobs ------------------------------------------------------------------------------------

void ProviderAudit::OnJob(EntryCheck& check, const JobStep& step) {
  Lease* lease = Find(check, step.lease);
  if (lease == nullptr) return;
  if (step.event == JobStep::Event::kAccepted) {
    const auto job = check.Take<Job>(0);
    if (!check.ExpectDocuments(1) || !job) return;
    const DocumentRef& document = check.DocumentAt(0);
    check.That(document->signer() == lease->renter, rules::kSigner,
               "the job is not signed by the lease's renter");
    check.That(document->id() == step.job && job->lease == step.lease, rules::kEvidence,
               "the job is another, or of another lease");
    check.That(lease->state == LeaseState::kMetering, rules::kJobs,
               "a job was taken while the lease is {}", LeaseStateName(lease->state));
    CheckRenterNumber(check, *lease, job->number);
    const auto [known, fresh] =
        jobs_.try_emplace(step.job, JobState{.lease = step.lease,
                                             .workload = job->workload.digest,
                                             .at = JobStep::Event::kAccepted,
                                             .entry = check.index(),
                                             .sealed = job->sealed});
    check.That(fresh, rules::kJobs, {known->second.entry}, "the job was taken before");
    ++lease->jobs;
    return;
  }
  const auto it = jobs_.find(step.job);
  if (!check.That(it != jobs_.end() && it->second.lease == step.lease, rules::kJobs,
                  "the job was never taken under this lease")) {
    return;
  }
  JobState& job = it->second;
  if (step.event == JobStep::Event::kRevealed) return OnRevealed(check, *lease, job, step);
  if (step.event == JobStep::Event::kStarted) {
    check.That(job.at == JobStep::Event::kAccepted, rules::kJobs, {job.entry},
               "the job was started before");
    check.ExpectDocuments(0);
  } else {
    const ReceiptJob told{self_, lease->acceptance.fence, job.workload, job.entry};
    if (!CheckReceipt(check, step, told)) return;
    check.That(step.event == JobStep::Event::kFinished && job.at != JobStep::Event::kFinished,
               rules::kJobs, {job.entry}, "the job was finished before");
  }
  job.at = step.event;
  job.entry = check.index();
}

void ProviderAudit::OnRevealed(EntryCheck& check, const Lease& lease, JobState& job,
                               const JobStep& step) {
  const auto reveal = check.Take<JobReveal>(0);
  if (!check.ExpectDocuments(1) || !reveal) return;
  check.That(check.DocumentAt(0)->signer() == lease.renter, rules::kSigner,
             "the reveal is not signed by the lease's renter");
  check.That(reveal->job == step.job && reveal->lease == step.lease, rules::kEvidence, {job.entry},
             "the reveal is of another job or lease");
  check.That(job.sealed && job.at == JobStep::Event::kFinished && !job.revealed, rules::kReplicas,
             {job.entry}, "a sealed job's result is revealed once, when there is one");
  job.revealed = true;
}

void ProviderAudit::OnChallenge(EntryCheck& check, const ChallengeStep& step) {
  Lease* lease = Find(check, step.lease);
  if (lease == nullptr) return;
  challenges_.OnStep(check, step,
                     {.renter = lease->renter,
                      .provider = self_,
                      .device = lease->acceptance.device,
                      .state = lease->state,
                      .renter_number = lease->renter_number,
                      .provider_number = lease->own_number});
}

// ---- The end ---------------------------------------------------------------------------------

void ProviderAudit::Finish(AuditReport& report) const {
  report.transfers += transfers_;
  report.leases += leases_.size();
  report.jobs += jobs_.size();
  if (const Status balanced = book_.book().Reconcile(); !balanced) {
    findings_.Add(last_entry_, rules::kConserved, "the device book: " + balanced.error().message);
  }
  if (!details_) return;
  for (const Digest& id : order_) {
    const Lease& lease = leases_.at(id);
    report.lease_list.push_back({.id = id,
                                 .provided = true,
                                 .counterparty = lease.renter,
                                 .book = lease.order.book,
                                 .device = lease.acceptance.device,
                                 .state = lease.state,
                                 .reason = lease.reason,
                                 .begun = lease.acceptance.accepted,
                                 .closed = lease.closed,
                                 .metered = MeteredAt(lease, report.to),
                                 .due = lease.closed.ms != 0 ? lease.due : DueAt(lease, report.to),
                                 .vouched = lease.best,
                                 .most = lease.order.max_cost,
                                 .paid = lease.paid,
                                 .settled = lease.settled,
                                 .first_entry = lease.first_entry,
                                 .last_entry = lease.last_entry,
                                 .jobs = lease.jobs});
  }
  for (const auto& [id, account] : book_.book().accounts()) {
    AuditedAccount line{.account = id,
                        .kind = id == book_.source() ? AuditedAccount::Kind::kDeclared
                                                     : AuditedAccount::Kind::kDevice,
                        .balance = account.Balance(),
                        .held = static_cast<int64_t>(account.debits_pending),
                        .incoming = static_cast<int64_t>(account.credits_pending)};
    if (const auto uuid = devices_.find(id); uuid != devices_.end()) line.device = uuid->second;
    report.account_list.push_back(std::move(line));
  }
}

}  // namespace souk::ledger
