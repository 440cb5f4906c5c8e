// What each part of an audit knows, field by field. What follows from other fields is not kept:
// the queues of what is due are made anew.
#include "ledger/audit/audit_keep.h"

#include "ledger/audit/audit_fold.h"

namespace souk::ledger {
namespace {

template <typename Archive>
void KeepBook(Archive& archive, NodeBook& book) {
  std::vector<BookFact> facts;
  if constexpr (!Archive::kReads) facts = book.book().Facts();
  archive(facts);
  if constexpr (Archive::kReads) archive.Require(book.Restore(facts).has_value());
}

bool IsRunning(LeaseState state) {
  return state != LeaseState::kNone && state != LeaseState::kClosed;
}

}  // namespace

template <typename Archive>
void Findings::Keep(Archive& archive) {
  archive(more_, kept_);
  if constexpr (Archive::kReads) archive.Require(kept_.size() <= most_);
}

// ---- Provider --------------------------------------------------------------------------------

template <typename Archive>
void ProviderAudit::PublishedOffer::Keep(Archive& archive, PublishedOffer& value) {
  auto& [offer, entry, withdrawn] = value;
  archive(offer, entry, withdrawn);
}
template <typename Archive>
void ProviderAudit::SeenEscrow::Keep(Archive& archive, SeenEscrow& value) {
  auto& [terms, entry] = value;
  archive(terms, entry);
}
template <typename Archive>
void ProviderAudit::Lease::Keep(Archive& archive, Lease& value) {
  auto& [renter, order, acceptance, acceptance_id, commit_id, grace, state, reason, first_entry,
         last_entry, renter_number, own_number, best, ready, reserved, settled, paid, commit_by,
         ready_by, settle_at, end, paused, closed, not_late_before, metering_since, metered, due,
         jobs, due_at] = value;
  archive(renter, order, acceptance, acceptance_id, commit_id, grace, state, reason, first_entry,
          last_entry, renter_number, own_number, best, ready, reserved, settled, paid, commit_by,
          ready_by, settle_at, end, paused, closed, not_late_before, metering_since, metered, due,
          jobs, due_at);
}
template <typename Archive>
void ProviderAudit::JobState::Keep(Archive& archive, JobState& value) {
  auto& [lease, workload, at, entry, sealed, revealed] = value;
  archive(lease, workload, at, entry, sealed, revealed);
}

template <typename Archive>
void ProviderAudit::Keep(Archive& archive) {
  KeepBook(archive, book_);
  archive(offers_, offer_sequence_, seen_, backed_, leases_, reservations_, jobs_, challenges_,
          devices_, order_, transfers_, last_entry_);
  if constexpr (Archive::kReads) {
    due_.clear();
    for (const auto& [id, lease] : leases_) {
      if (IsRunning(lease.state)) due_.insert({lease.due_at, id});
    }
  }
}

bool ProviderAudit::IsWhole() const {
  const auto known = [this](const Digest& lease) { return leases_.contains(lease); };
  return std::all_of(reservations_.begin(), reservations_.end(),
                     [&](const auto& item) { return known(item.second); }) &&
         std::all_of(order_.begin(), order_.end(), known);
}

// ---- Renter ----------------------------------------------------------------------------------

template <typename Archive>
void RenterAudit::Lease::Keep(Archive& archive, Lease& value) {
  auto& [order, escrow_timeout, acceptance_id, fence, device, state, reason, first_entry,
         last_entry, own_number, provider_number, commit_id, best, escrow_seen, ready,
         closed_by_provider, settled, paid, due, metered, closed, jobs] = value;
  archive(order, escrow_timeout, acceptance_id, fence, device, state, reason, first_entry,
          last_entry, own_number, provider_number, commit_id, best, escrow_seen, ready,
          closed_by_provider, settled, paid, due, metered, closed, jobs);
}
template <typename Archive>
void RenterAudit::JobState::Keep(Archive& archive, JobState& value) {
  auto& [lease, workload, at, entry, sealed, seal, committed, revealed, round] = value;
  archive(lease, workload, at, entry, sealed, seal, committed, revealed, round);
}
template <typename Archive>
void RenterAudit::Round::Keep(Archive& archive, Round& value) {
  auto& [jobs, agree, entry, asked, sealed, enough, revealed] = value;
  archive(jobs, agree, entry, asked, sealed, enough, revealed);
}

template <typename Archive>
void RenterAudit::Keep(Archive& archive) {
  archive(leases_, escrows_, jobs_, rounds_, challenges_, order_);
}

bool RenterAudit::IsWhole() const {
  const auto known = [this](const Digest& lease) { return leases_.contains(lease); };
  const auto job_is_whole = [&](const auto& item) {
    return known(item.second.lease) && (!item.second.round || rounds_.contains(*item.second.round));
  };
  const auto round_is_whole = [&](const auto& item) {
    const std::vector<Digest>& replicas = item.second.jobs;
    return std::all_of(replicas.begin(), replicas.end(),
                       [this](const Digest& job) { return jobs_.contains(job); });
  };
  return std::all_of(order_.begin(), order_.end(), known) &&
         std::all_of(jobs_.begin(), jobs_.end(), job_is_whole) &&
         std::all_of(rounds_.begin(), rounds_.end(), round_is_whole);
}

// ---- Clearing peer, challenges ---------------------------------------------------------------

template <typename Archive>
void ClearingAudit::Open::Keep(Archive& archive, Open& value) {
  auto& [terms, entry, accept_by, shown, shown_entry, lease, due] = value;
  archive(terms, entry, accept_by, shown, shown_entry, lease, due);
}

template <typename Archive>
void ClearingAudit::Keep(Archive& archive) {
  KeepBook(archive, book_);
  archive(open_, resolved_, references_, owners_, transfers_, last_entry_);
  if constexpr (Archive::kReads) {
    due_.clear();
    for (const auto& [escrow, open] : open_) due_.insert({open.due, escrow});
  }
}

template <typename Archive>
void ChallengeAudit::State::Keep(Archive& archive, State& value) {
  auto& [lease, challenge, at, entry, asked, committed, root, rows, opened] = value;
  archive(lease, challenge, at, entry, asked, committed, root, rows, opened);
}

template <typename Archive>
void ChallengeAudit::Keep(Archive& archive) {
  archive(challenges_, open_);
}

// ---- All -------------------------------------------------------------------------------------

template <typename Archive>
void AuditFold::Keep(Archive& archive) {
  archive(report_.name, report_.signatures, report_.from, report_.to, any_, previous_, rules_,
          newer_rules_, first_newer_, newest_seen_, openings_, findings_, provider_, renter_,
          clearing_);
}

template void AuditFold::Keep(StateWriter& archive);
template void AuditFold::Keep(StateReader& archive);

}  // namespace souk::ledger
