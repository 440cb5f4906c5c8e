// How the provider's state follows from its log.
#include "node/agent/provider.h"
#include "node/agent/trusted.h"
#include "protocol/base/check.h"

namespace souk::node {
// Slices come from nowhere but the owner's word; the source is an account that no device has.
Provider::Provider() : book_(ledger::DeviceAccountId("")) {}

void Provider::Fold(const Entry& entry, const RuleSet& rules) {
  if (const auto* resumed = std::get_if<Resumed>(&entry.outcome))
    return FoldResumed(entry, *resumed, rules);
  if (const auto* step = std::get_if<LeaseStep>(&entry.outcome))
    return FoldLease(entry, *step, rules);
  if (const auto* job = std::get_if<JobStep>(&entry.outcome)) return FoldJob(entry, *job);
  if (const auto* step = std::get_if<ChallengeStep>(&entry.outcome)) {
    return FoldChallenge(entry, *step);
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
    if (it->second.state == LeaseState::kClosed) open_leases_.erase(settled->lease);
    return;
  }
  if (const auto* seen = std::get_if<EscrowSeen>(&entry.outcome)) {
    // A renter's log has the same, without the escrow.
    if (entry.documents.empty()) return;
    escrows_seen_[seen->lease] = Content<Escrow>(Trusted(entry.documents[0]));
    return;
  }
  const auto* published = std::get_if<Published>(&entry.outcome);
  if (published == nullptr) return;
  for (const TransferRecord& record : published->transfers) {
    CHECK(book_.Fold(record, entry.time).has_value());
    slices_moved_ = true;
    if (record.kind == TransferRecord::Kind::kVoid) leases_.at(record.pending).reserved = false;
  }
  for (const Bytes& envelope : entry.documents) {
    const DocumentRef document = Trusted(envelope);
    if (document->kind() == Kind::kOffer) {
      const Offer offer = Content<Offer>(document);
      offer_sequence_ = std::max(offer_sequence_, offer.sequence);
      own_offers_[document->id()] = {offer, document};
    } else {
      const Withdrawal withdrawal = Content<Withdrawal>(document);
      withdrawal_ = document;
      for (const auto& [id, own] : own_offers_) {
        if (own.offer.sequence <= withdrawal.sequence) withdrawn_.insert(id);
      }
      std::erase_if(own_offers_, [&](const auto& item) { return withdrawn_.contains(item.first); });
    }
  }
}

void Provider::FoldResumed(const Entry& entry, const Resumed& resumed, const RuleSet& rules) {
  const Time to = entry.time + rules.window;
  for (const Digest& id : open_leases_) {
    Lease& lease = leases_.at(id);
    for (Time* deadline : {&lease.commit_by, &lease.ready_by, &lease.settle_at}) {
      if (deadline->ms != 0 && *deadline <= entry.time) *deadline = to;
    }
    // The end is not moved: what was leased is over (R5 "a pause never moves the end").
    lease.not_late_before = to;
    if (!lease.metering_since) continue;
    // The renter heard nothing meanwhile, and pays for no silence but what it had vouched for.
    const Duration covered = CoveredBy(lease.best, lease.order.price, lease.order.slices);
    lease.metered = std::min(MeteredAt(lease, entry.time),
                             std::max(MeteredAt(lease, resumed.down_since), covered));
    lease.metering_since = entry.time;
  }
}

void Provider::FoldLease(const Entry& entry, const LeaseStep& step, const RuleSet& rules) {
  if (step.event == LeaseEvent::kAccepted) {
    const DocumentRef order_document = Trusted(entry.documents.at(0));
    // A renter's log has the same step, with the acceptance alone.
    if (order_document->kind() != Kind::kOrder) return;
    const Order order = Content<Order>(order_document);
    Lease& lease = leases_[step.lease];
    lease.id = step.lease;
    lease.renter = order_document->signer();
    lease.order = order;
    lease.order_document = order_document;
    lease.acceptance_document = Trusted(entry.documents.at(1));
    lease.acceptance = Content<Acceptance>(lease.acceptance_document);
    lease.accepted_entry = entry.sequence;
    lease.commit_by = lease.acceptance.commit_by;
    lease.ready_by = lease.acceptance.ready_by;
    lease.reserved = true;
    const auto escrow = escrows_seen_.find(step.lease);
    if (escrow != escrows_seen_.end()) {
      lease.accept_by = escrow->second.accept_by;
      lease.escrow_ends = escrow->second.timeout;
      escrows_seen_.erase(escrow);
    }
    // It was accepted on a live offer, so the offer is here.
    lease.grace = own_offers_.at(order.offer).offer.grace;
    escrows_[order.escrow] = step.lease;
    open_leases_.insert(step.lease);
  }
  const auto it = leases_.find(step.lease);
  if (it == leases_.end()) return;
  Lease& lease = it->second;
  for (const TransferRecord& record : step.transfers) {
    CHECK(book_.Fold(record, entry.time).has_value());
    slices_moved_ = true;
  }
  for (const Bytes& envelope : entry.documents) {
    const DocumentRef document = Trusted(envelope);
    if (document->kind() == Kind::kCommit) {
      lease.commit_document = document;
      lease.committed_entry = entry.sequence;
      const Commit commit = Content<Commit>(document);
      lease.nonce = commit.nonce;
      lease.renter_number = commit.number;
    } else if (document->kind() == Kind::kReady) {
      lease.ready_document = document;
      const Ready ready = Content<Ready>(document);
      lease.end = ready.end;
      lease.provider_number = ready.number;
    } else if (document->kind() == Kind::kRelease) {
      lease.renter_number = Content<Release>(document).number;
      lease.renter_documents.insert(document->id());
    } else if (document->kind() == Kind::kClose) {
      lease.close_document = document;
      lease.provider_number = Content<Close>(document).number;
    }
  }
  const LeaseState before = lease.state;
  lease.state = step.to;
  if (step.reason != CloseReason::kNone) lease.reason = step.reason;
  if (before == LeaseState::kMetering && step.to != LeaseState::kMetering) {
    lease.metered = step.metered;
    lease.metering_since.reset();
  }
  if (step.to == LeaseState::kMetering && before != LeaseState::kMetering) {
    lease.metering_since = entry.time;
    if (lease.first_metered.ms == 0) lease.first_metered = entry.time;
  }
  if (step.to == LeaseState::kPaused) lease.paused = entry.time;
  if (before != LeaseState::kClosing && before != LeaseState::kClosed &&
      (step.to == LeaseState::kClosing || step.to == LeaseState::kClosed)) {
    lease.due = step.due;
    lease.settle_at = entry.time + rules.window;
  }
  // No job comes any more.
  if (lease.state == LeaseState::kClosed) lease.stored.clear();
  if (lease.state == LeaseState::kClosed && lease.settled) open_leases_.erase(lease.id);
}

void Provider::Store(Lease& lease, const BlobRef& blob) {
  uint64_t& size = lease.stored[blob.digest];
  if (blob.size <= size) return;
  lease.stored_bytes += blob.size - size;
  size = blob.size;
}

void Provider::FoldJob(const Entry& entry, const JobStep& step) {
  if (step.event == JobStep::Event::kAccepted) {
    const auto lease = leases_.find(step.lease);
    if (lease == leases_.end()) return;
    JobState& job = jobs_[step.job];
    job.document = Trusted(entry.documents.at(0));
    job.id = step.job;
    job.lease = step.lease;
    job.job = Content<Job>(job.document);
    lease->second.renter_number = job.job.number;
    lease->second.renter_documents.insert(step.job);
    lease->second.jobs.push_back(step.job);
    Store(lease->second, job.job.workload);
    for (const BlobRef& blob : job.job.blobs) Store(lease->second, blob);
    open_jobs_.insert(step.job);
  }
  const auto it = jobs_.find(step.job);
  if (it == jobs_.end()) return;
  if (step.event == JobStep::Event::kRevealed) {
    it->second.revealed = true;
    return;
  }
  it->second.at = step.event;
  std::set<Digest>& brought = brought_[leases_.at(it->second.lease).renter];
  if (step.event == JobStep::Event::kStarted) {
    it->second.started = entry.time;
    brought.insert(it->second.job.workload.digest);
    for (const BlobRef& blob : it->second.job.blobs) brought.insert(blob.digest);
  }
  if (step.event == JobStep::Event::kFinished) {
    it->second.receipt = Trusted(entry.documents.at(0));
    const auto receipt = Content<JobReceipt>(it->second.receipt);
    for (const JobOutput& output : receipt.outputs) {
      Store(leases_.at(it->second.lease), output.blob);
      brought.insert(output.blob.digest);
    }
    open_jobs_.erase(step.job);
  }
}

}  // namespace souk::node
