// Leases and vouchers; offers, devices and jobs are in audit_jobs.cc.
#include "ledger/audit/audit_provider.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/limits.h"
#include "protocol/text.h"

namespace souk::ledger {
namespace {

bool IsOver(LeaseState state) {
  return state == LeaseState::kClosing || state == LeaseState::kClosed;
}

// Why a lease closes follows from what ended it, and where it stood; `ready`: whether the device
// was.
bool ReasonFits(CloseReason reason, LeaseEvent event, LeaseState from, bool ready) {
  const bool served = from == LeaseState::kMetering || from == LeaseState::kPaused;
  switch (event) {
    case LeaseEvent::kReleased:
      return reason == (served ? CloseReason::kReleased : CloseReason::kRenterWithdrew);
    case LeaseEvent::kCommitExpired:
      return reason == CloseReason::kNotCommitted;
    case LeaseEvent::kReadyExpired:
      return reason == (ready ? CloseReason::kUnpaid : CloseReason::kNotReady);
    case LeaseEvent::kVoucherLate:
    case LeaseEvent::kHoldUnpaid:
      return reason == CloseReason::kUnpaid;
    case LeaseEvent::kEndReached:
      return reason == CloseReason::kEndReached;
    case LeaseEvent::kNoticeOver:
      return reason == CloseReason::kDrained || reason == CloseReason::kDisplaced;
    case LeaseEvent::kDeviceLost:
      return reason == CloseReason::kDeviceLost || reason == CloseReason::kClearingLost ||
             reason == CloseReason::kProviderFault || reason == CloseReason::kPeerLost;
    case LeaseEvent::kAccepted:
    case LeaseEvent::kCommitted:
    case LeaseEvent::kReady:
    case LeaseEvent::kFirstVoucher:
    case LeaseEvent::kPauseAsked:
    case LeaseEvent::kResumed:
    case LeaseEvent::kExtended:
    case LeaseEvent::kNoticeGiven:
    case LeaseEvent::kSettled:
    case LeaseEvent::kSettleExpired:
      return false;  // these close nothing
  }
  return false;
}

void MoveMissed(Time& deadline, Time resumed, Time to) {
  if (deadline.ms != 0 && deadline <= resumed) deadline = to;
}

}  // namespace

// Slices come from nowhere but the owner's word; the source is an account that no device has.
ProviderAudit::ProviderAudit(const PeerId& self, bool details, Findings& findings)
    : self_(self), details_(details), findings_(findings), book_(DeviceAccountId("")) {}

ProviderAudit::Lease* ProviderAudit::Find(EntryCheck& check, const Digest& id) {
  const auto it = leases_.find(id);
  if (it != leases_.end()) return &it->second;
  check.Fail(rules::kTable, fmt::format("lease {} was never accepted", id.Short()));
  return nullptr;
}

Duration ProviderAudit::MeteredAt(const Lease& lease, Time now) {
  if (!lease.metering_since) return lease.metered;
  const Time until = std::min(now, lease.end);
  return lease.metered + std::max(Duration{}, until - *lease.metering_since);
}

Credits ProviderAudit::DueAt(const Lease& lease, Time now) {
  const auto due = AmountDue(lease.order.price, lease.order.slices, MeteredAt(lease, now));
  return due ? std::min(*due, lease.order.max_cost) : lease.order.max_cost;
}

// ---- Acceptance ------------------------------------------------------------------------------

void ProviderAudit::OnEscrowSeen(EntryCheck& check, const EscrowSeen& seen) {
  if (!check.ExpectDocuments(1)) return;
  const auto escrow = check.Take<Escrow>(0);
  if (!escrow) return;
  check.That(check.DocumentAt(0)->signer() == escrow->account, rules::kSigner,
             "the escrow is not signed by its account");
  check.That(seen.escrow == EscrowId(escrow->account, escrow->nonce) && escrow->payee == self_,
             rules::kEscrow, "the escrow is another's, or not for this provider");
  check.That(seen.book_size > 0 && !seen.book_root.IsZero(), rules::kEscrow,
             "the book's checkpoint that proved the escrow is missing");
  seen_[seen.lease] = {*escrow, check.index()};
}

void ProviderAudit::OnAccepted(EntryCheck& check, const LeaseStep& step) {
  CheckNothingOverdue(check);
  check.ExpectDocuments(2);
  const auto order = check.Take<Order>(0);
  const auto acceptance = check.Take<Acceptance>(1);
  if (!order || !acceptance) return;
  const DocumentRef& order_document = check.DocumentAt(0);
  const DocumentRef& own = check.DocumentAt(1);
  if (const auto known = leases_.find(step.lease); known != leases_.end()) {
    check.Fail(rules::kTable, fmt::format("lease {} was accepted before", step.lease.Short()),
               {known->second.first_entry});
    return;
  }
  Lease lease{.renter = order_document->signer(),
              .order = *order,
              .acceptance = *acceptance,
              .acceptance_id = own->id(),
              .first_entry = check.index(),
              .last_entry = check.index(),
              .commit_by = acceptance->commit_by,
              .ready_by = acceptance->ready_by};
  check.That(step.lease == order_document->id() && acceptance->order == step.lease &&
                 order->provider == self_,
             rules::kEvidence, "order and acceptance are not of this lease and provider");
  check.That(own->signer() == self_, rules::kSigner,
             "the acceptance is not signed by this provider");
  check.That(acceptance->fence == check.index(), rules::kFence, "the acceptance says {}",
             acceptance->fence);
  check.That(acceptance->accepted == check.time() && acceptance->commit_by > check.time() &&
                 acceptance->ready_by >= acceptance->commit_by &&
                 acceptance->settle_by >= acceptance->ready_by + order->duration,
             rules::kTerms, "the acceptance's times do not follow each other");
  const auto next = NextLeaseState(LeaseState::kNone, step.event);
  check.That(next && *next == step.to && step.metered.ms == 0 && step.due.micro == 0, rules::kTable,
             "an acceptance leads to a reservation at no cost");
  check.That(step.reason == CloseReason::kNone, rules::kReason,
             "a reason to close before it closes");
  CheckOffer(check, *order, lease);
  CheckEscrow(check, step, lease);
  CheckReservation(check, step, lease);
  lease.state = LeaseState::kReserved;
  reservations_[AccountId(order->account)] = step.lease;
  backed_.emplace(order->escrow, check.index());
  if (details_) order_.push_back(step.lease);
  Schedule(step.lease, leases_.emplace(step.lease, std::move(lease)).first->second);
}

void ProviderAudit::CheckOffer(EntryCheck& check, const Order& order, Lease& lease) {
  const auto it = offers_.find(order.offer);
  if (!check.That(it != offers_.end(), rules::kTerms, "the order is on an offer never published")) {
    return;
  }
  const Offer& offer = it->second.offer;
  const uint64_t entry = it->second.entry;
  lease.grace = offer.grace;
  check.That(it->second.withdrawn == 0, rules::kTerms, {entry}, "the offer was withdrawn in {}",
             it->second.withdrawn);
  check.That(check.time() < offer.expires, rules::kLate, {entry}, "the offer had expired");
  check.That(check.time() < order.expires, rules::kLate, "the order had expired");
  check.That(order.price == offer.price && order.hold_fee >= offer.hold_fee, rules::kTerms, {entry},
             "price or hold fee are not the offer's ({} for {} cr/h)", FormatRate(order.price),
             FormatRate(offer.price));
  check.That(order.slices > 0 && order.slices <= offer.slices &&
                 order.duration >= offer.min_duration && order.duration <= offer.max_duration,
             rules::kTerms, {entry}, "slices or duration are outside the offer's");
  check.That(std::find(offer.clearing_peers.begin(), offer.clearing_peers.end(), order.book) !=
                 offer.clearing_peers.end(),
             rules::kTerms, {entry}, "the offer does not name the order's clearing peer");
  // R6: end + notice + window <= settle_by, for the latest moment of readiness.
  check.That(lease.acceptance.ready_by + order.duration + offer.notice + check.rule_set().window <=
                 lease.acceptance.settle_by,
             rules::kEscrow, {entry}, "the lease may end too late to be settled");
  const auto most = AmountDue(order.price, order.slices, order.duration);
  check.That(most && *most <= order.max_cost, rules::kTerms,
             "the order's maximum does not cover its duration");
}

void ProviderAudit::CheckEscrow(EntryCheck& check, const LeaseStep& step, const Lease& lease) {
  const Order& order = lease.order;
  const auto used = backed_.find(order.escrow);
  if (used != backed_.end()) {
    check.Fail(rules::kEscrow, fmt::format("escrow {} backs another lease", order.escrow.Short()),
               {used->second});
  }
  const auto seen = seen_.find(step.lease);
  if (!check.That(seen != seen_.end(), rules::kEscrow, "the escrow was not checked before")) return;
  const Escrow& terms = seen->second.terms;
  check.That(order.escrow == EscrowId(order.account, order.nonce) && terms.nonce == order.nonce &&
                 terms.account == order.account && terms.book == order.book &&
                 terms.voucher_key == order.voucher_key && terms.amount == order.max_cost,
             rules::kEscrow, {seen->second.entry}, "the escrow is not what the order says");
  check.That(check.time() < terms.accept_by, rules::kLate, {seen->second.entry},
             "the escrow's accept_by had passed");
  check.That(lease.acceptance.settle_by + check.rule_set().window + check.rule_set().max_skew * 2 <=
                 terms.timeout,
             rules::kEscrow, {seen->second.entry},
             "the escrow may end before the lease is settled");
  seen_.erase(seen);
}

void ProviderAudit::CheckReservation(EntryCheck& check, const LeaseStep& step, const Lease& lease) {
  const auto open = reservations_.find(AccountId(lease.order.account));
  if (open != reservations_.end()) {
    check.Fail(rules::kTerms, "the account held an open reservation",
               {leases_.at(open->second).first_entry});
  }
  const Digest device = DeviceAccountId(lease.acceptance.device);
  devices_[device] = lease.acceptance.device;
  const bool fits = step.transfers.size() == 1 &&
                    step.transfers[0].kind == souk::TransferRecord::Kind::kPending &&
                    step.transfers[0].id == step.lease && step.transfers[0].debit == device &&
                    step.transfers[0].credit == book_.source() &&
                    step.transfers[0].amount == lease.order.slices &&
                    step.transfers[0].timeout.ms == 0;
  check.That(fits, rules::kSlices, "the reservation is not of the order's slices on its device");
  for (const souk::TransferRecord& record : step.transfers) Decide(check, record);
}

// ---- Steps -----------------------------------------------------------------------------------

void ProviderAudit::OnStep(EntryCheck& check, const LeaseStep& step) {
  last_entry_ = check.index();
  if (step.event == LeaseEvent::kAccepted) return OnAccepted(check, step);
  Lease* lease = Find(check, step.lease);
  if (lease == nullptr) return;
  const auto next = NextLeaseState(lease->state, step.event);
  if (!next) {
    check.Fail(rules::kTable, fmt::format("lease {}: {}", step.lease.Short(), next.error().message),
               {lease->last_entry});
  } else if (*next != step.to) {
    check.Fail(rules::kTable,
               fmt::format("lease {}: \"{}\" leads from {} to {}, not to {}", step.lease.Short(),
                           LeaseEventName(step.event), LeaseStateName(lease->state),
                           LeaseStateName(*next), LeaseStateName(step.to)),
               {lease->last_entry});
  }
  const bool closes = !IsOver(lease->state) && IsOver(step.to);
  CheckAmounts(check, *lease, step, closes);
  CheckEvent(check, *lease, step, closes);
  check.That(step.transfers.empty(), rules::kSlices, "only an acceptance reserves slices");
  Advance(check, *lease, step);
  Schedule(step.lease, *lease);
  if (lease->state != LeaseState::kReserved) {
    const auto open = reservations_.find(AccountId(lease->order.account));
    if (open != reservations_.end() && open->second == step.lease) reservations_.erase(open);
  }
}

void ProviderAudit::CheckAmounts(EntryCheck& check, const Lease& lease, const LeaseStep& step,
                                 bool closes) {
  const Duration metered = MeteredAt(lease, check.time());
  check.That(step.metered == metered, rules::kDue, "{} metered where the log's own times make {}",
             FormatDuration(step.metered), FormatDuration(metered));
  Credits due = {};
  if (closes) due = DueAt(lease, check.time());
  if (IsOver(lease.state)) due = lease.due;
  check.That(step.due == due, rules::kDue, "due {} cr where {} at {} cr/h makes {} cr",
             FormatCredits(step.due), FormatDuration(metered), FormatRate(lease.order.price),
             FormatCredits(due));
  if (!IsOver(step.to)) {
    check.That(step.reason == CloseReason::kNone, rules::kReason,
               "a reason to close before it closes");
  } else if (check.That(step.reason != CloseReason::kNone && IsKnown(step.reason), rules::kReason,
                        "there is no close reason")) {
    check.That(closes ? ReasonFits(step.reason, step.event, lease.state, lease.ready)
                      : step.reason == lease.reason,
               rules::kReason, {lease.last_entry}, "\"{}\" is not closed as \"{}\"",
               LeaseEventName(step.event), CloseReasonName(step.reason));
  }
}

void ProviderAudit::CheckEvent(EntryCheck& check, Lease& lease, const LeaseStep& step,
                               bool closes) {
  const auto due_at = [&](Time at, const char* what) {
    check.That(check.time() >= at, rules::kEarly, "\"{}\" {} before {}", LeaseEventName(step.event),
               FormatDuration(at - check.time()), what);
  };
  size_t documents = closes ? 1 : 0;
  const bool answers = step.event == LeaseEvent::kCommitted || step.event == LeaseEvent::kReady ||
                       step.event == LeaseEvent::kReleased ||
                       step.event == LeaseEvent::kFirstVoucher;
  if (answers) CheckNothingOverdue(check);
  switch (step.event) {
    case LeaseEvent::kCommitted:
      documents = 1;
      CheckCommit(check, lease, step.lease);
      break;
    case LeaseEvent::kReady:
      documents = 1;
      CheckReady(check, lease, step.lease);
      break;
    case LeaseEvent::kReleased: {
      documents = 2;
      const auto release = check.Take<Release>(0);
      if (!release) break;
      check.That(check.DocumentAt(0)->signer() == lease.renter && release->lease == step.lease,
                 rules::kSigner, "the release is not the renter's, for this lease");
      CheckRenterNumber(check, lease, release->number);
      break;
    }
    case LeaseEvent::kFirstVoucher:
      check.That(lease.ready && lease.best.micro > 0, rules::kVouchers,
                 "metering starts with the device ready and a voucher in hand");
      check.That(check.time() < lease.end, rules::kLate, "metering starts after the lease's end");
      break;
    case LeaseEvent::kCommitExpired:
      due_at(lease.commit_by, "commit_by");
      break;
    case LeaseEvent::kReadyExpired:
      due_at(lease.ready_by, "ready_by");
      break;
    case LeaseEvent::kEndReached:
      due_at(lease.end, "the lease's end");
      break;
    case LeaseEvent::kVoucherLate: {
      due_at(lease.not_late_before, "the window after downtime");
      if (lease.state != LeaseState::kMetering) break;
      const Duration covered = CoveredBy(lease.best, lease.order.price, lease.order.slices);
      check.That(MeteredAt(lease, check.time()) - covered >= lease.grace, rules::kEarly,
                 "the best voucher still covered this moment, or the grace did");
      break;
    }
    case LeaseEvent::kHoldUnpaid:
      due_at(std::max(lease.paused + lease.grace, lease.not_late_before), "the grace was over");
      break;
    case LeaseEvent::kResumed:
      check.That(lease.best >= DueAt(lease, check.time()), rules::kVouchers,
                 "resumed without a voucher for what is due");
      break;
    case LeaseEvent::kSettled:
      check.That(lease.best >= lease.due, rules::kVouchers,
                 "settled with a voucher of {} cr for {} cr", FormatCredits(lease.best),
                 FormatCredits(lease.due));
      break;
    case LeaseEvent::kSettleExpired:
      due_at(lease.settle_at, "settle_by");
      break;
    case LeaseEvent::kAccepted:
    case LeaseEvent::kPauseAsked:
    case LeaseEvent::kExtended:
    case LeaseEvent::kNoticeGiven:
    case LeaseEvent::kNoticeOver:
    case LeaseEvent::kDeviceLost:
      break;
  }
  if (!check.ExpectDocuments(documents)) return;
  if (closes) CheckClose(check, lease, step, documents - 1);
}

void ProviderAudit::CheckRenterNumber(EntryCheck& check, Lease& lease, uint64_t number) {
  check.That(number > lease.renter_number, rules::kNumbers, "the renter's number {} follows {}",
             number, lease.renter_number);
  lease.renter_number = std::max(lease.renter_number, number);
}

void ProviderAudit::CheckOwnNumber(EntryCheck& check, Lease& lease, uint64_t number) {
  check.That(number > lease.own_number, rules::kNumbers, "the provider's number {} follows {}",
             number, lease.own_number);
  lease.own_number = std::max(lease.own_number, number);
}

void ProviderAudit::CheckCommit(EntryCheck& check, Lease& lease, const Digest& id) {
  const auto commit = check.Take<Commit>(0);
  if (!commit) return;
  check.That(check.DocumentAt(0)->signer() == lease.renter, rules::kSigner,
             "the commit is not signed by the order's renter");
  check.That(commit->lease == id && commit->acceptance == lease.acceptance_id, rules::kEvidence,
             {lease.first_entry}, "the commit is for another acceptance");
  check.That(check.time() < lease.commit_by, rules::kLate, {lease.first_entry},
             "the commit came at or after commit_by");
  CheckRenterNumber(check, lease, commit->number);
  lease.commit_id = check.DocumentAt(0)->id();
}

void ProviderAudit::CheckReady(EntryCheck& check, Lease& lease, const Digest& id) {
  const auto ready = check.Take<Ready>(0);
  if (!ready) return;
  check.That(check.DocumentAt(0)->signer() == self_, rules::kSigner,
             "the ready is not signed by this provider");
  check.That(ready->lease == id && ready->commit == lease.commit_id && !lease.ready,
             rules::kEvidence, "the ready is for another commit, or the second one");
  check.That(ready->ready == check.time() && ready->end == ready->ready + lease.order.duration,
             rules::kTerms, "the lease's time is not the order's, from now");
  check.That(check.time() < lease.ready_by, rules::kLate, "ready at or after ready_by");
  CheckOwnNumber(check, lease, ready->number);
  lease.ready = true;
  lease.end = ready->end;
}

void ProviderAudit::CheckClose(EntryCheck& check, Lease& lease, const LeaseStep& step,
                               size_t place) {
  const auto close = check.Take<Close>(place);
  if (!close) return;
  check.That(check.DocumentAt(place)->signer() == self_, rules::kSigner,
             "the close is not signed by this provider");
  check.That(close->lease == step.lease && close->reason == step.reason &&
                 close->metered == step.metered && close->due == step.due &&
                 close->best == lease.best,
             rules::kEvidence, "the close says other than the log");
  CheckOwnNumber(check, lease, close->number);
}

void ProviderAudit::Advance(const EntryCheck& check, Lease& lease, const LeaseStep& step) {
  const LeaseState before = lease.state;
  const bool closes = !IsOver(before) && IsOver(step.to);
  if (closes) {
    lease.due = DueAt(lease, check.time());
    lease.settle_at = check.time() + check.rule_set().window;
  }
  if (before == LeaseState::kMetering && step.to != LeaseState::kMetering) {
    lease.metered = MeteredAt(lease, check.time());
    lease.metering_since.reset();
  }
  if (step.to == LeaseState::kMetering && before != LeaseState::kMetering) {
    lease.metering_since = check.time();
  }
  if (step.to == LeaseState::kPaused) lease.paused = check.time();
  if (step.to == LeaseState::kClosed) lease.closed = check.time();
  if (step.reason != CloseReason::kNone) lease.reason = step.reason;
  lease.state = step.to;
  lease.last_entry = check.index();
}

// By the provider's own timers; a late voucher is left out, which needs the metered time.
void ProviderAudit::Schedule(const Digest& id, Lease& lease) {
  due_.erase({lease.due_at, id});
  lease.due_at = {};
  switch (lease.state) {
    case LeaseState::kReserved:
      lease.due_at = lease.commit_by;
      break;
    case LeaseState::kActive:
      lease.due_at = lease.ready_by;
      break;
    case LeaseState::kMetering:
    case LeaseState::kPaused:
    case LeaseState::kDraining:
      lease.due_at = lease.end;
      break;
    case LeaseState::kClosing:
      lease.due_at = lease.settle_at;
      break;
    case LeaseState::kNone:
    case LeaseState::kClosed:
      return;
  }
  due_.insert({lease.due_at, id});
}

void ProviderAudit::CheckNothingOverdue(EntryCheck& check) {
  if (due_.empty() || due_.begin()->first > check.time()) return;
  const auto& [due, id] = *due_.begin();
  const Lease& lease = leases_.at(id);
  check.Fail(rules::kOverdue,
             fmt::format("lease {} was {} for {} too long", id.Short(), LeaseStateName(lease.state),
                         FormatDuration(check.time() - due)),
             {lease.last_entry});
}

void ProviderAudit::OnVoucher(EntryCheck& check, const VoucherTaken& taken) {
  CheckNothingOverdue(check);
  Lease* lease = Find(check, taken.lease);
  if (lease == nullptr) return;
  const VoucherLease vouched{lease->order, lease->best, lease->first_entry, lease->last_entry};
  if (!CheckVoucher(check, taken, vouched)) return;
  check.That(lease->ready && lease->state != LeaseState::kClosed, rules::kVouchers,
             "no voucher is taken before the device is ready, nor after the close");
  lease->best = std::max(lease->best, taken.best);
  lease->last_entry = check.index();
}

void ProviderAudit::OnSettled(EntryCheck& check, const Settled& settled) {
  Lease* lease = Find(check, settled.lease);
  if (lease == nullptr) return;
  const VoucherLease vouched{lease->order, lease->best, lease->first_entry, lease->last_entry};
  CheckSettlement(check, settled, vouched, lease->settled);
  lease->settled = true;
  lease->paid = settled.paid;
  lease->last_entry = check.index();
}

void ProviderAudit::OnResumed(EntryCheck& check, Time down_since) {
  // Downtime excuses nothing that was due while the node ran.
  if (!due_.empty() && due_.begin()->first <= down_since) CheckNothingOverdue(check);
  const Time to = check.time() + check.rule_set().window;
  for (auto& [id, lease] : leases_) {
    if (lease.state == LeaseState::kClosed && lease.settled) continue;
    MoveMissed(lease.commit_by, check.time(), to);
    MoveMissed(lease.ready_by, check.time(), to);
    MoveMissed(lease.settle_at, check.time(), to);
    lease.not_late_before = to;
    if (lease.metering_since) {
      // Downtime is metered only as far as it was vouched for.
      const Duration covered = CoveredBy(lease.best, lease.order.price, lease.order.slices);
      lease.metered =
          std::min(MeteredAt(lease, check.time()), std::max(MeteredAt(lease, down_since), covered));
      lease.metering_since = check.time();
    }
    Schedule(id, lease);
  }
}

}  // namespace souk::ledger
