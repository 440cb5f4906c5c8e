#include "ledger/audit/audit_clearing.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/limits.h"
#include "protocol/text.h"

namespace souk::ledger {
namespace {

using RecordKind = souk::TransferRecord::Kind;

bool IsZeroOr(const Digest& stated, const Digest& expected) {
  return stated.IsZero() || stated == expected;
}

}  // namespace

void ClearingAudit::OnBooked(EntryCheck& check, const Booked& booked) {
  check.That(!booked.transfers.empty(), rules::kTransfers, "the entry books nothing");
  last_entry_ = check.index();
  const bool expires = !booked.transfers.empty() && booked.transfers[0].kind == RecordKind::kExpire;
  if (!expires) CheckNothingOverdue(check);
  size_t place = 0;  // of the document that the next transfer rests on
  for (const souk::TransferRecord& record : booked.transfers) {
    ++transfers_;
    switch (record.kind) {
      case RecordKind::kSingle:
        OnIssue(check, record, place++);
        break;
      case RecordKind::kPending:
        OnEscrow(check, record, place++);
        break;
      case RecordKind::kPost:
        OnPost(check, record, place++);
        break;
      case RecordKind::kVoid:
        OnVoid(check, record, place++);
        break;
      case RecordKind::kExpire:
        OnExpiry(check, record);
        break;
    }
    Fold(check, record);
  }
  check.ExpectDocuments(place);
}

// New credit is the operator's own word, given once per outside payment.
void ClearingAudit::OnIssue(EntryCheck& check, const souk::TransferRecord& record, size_t place) {
  const auto issue = check.Take<Issue>(place);
  if (!issue) return;
  const DocumentRef& document = check.DocumentAt(place);
  check.That(document->signer() == self_, rules::kAuthority,
             "the issue is not signed by this book's operator");
  check.That(record.id == document->id() && record.debit == book_.source() &&
                 record.credit == AccountId(issue->account) &&
                 record.amount == issue->amount.micro && record.amount > 0 &&
                 record.timeout.ms == 0 && record.pending.IsZero(),
             rules::kTransfers, "the transfer is not what the issue says");
  const auto [known, fresh] = references_.try_emplace(issue->reference, check.index());
  check.That(fresh, rules::kReference, {known->second}, "\"{}\" backed an issue before",
             issue->reference);
  owners_[AccountId(issue->account)] = issue->account;
  Decide(check, record);
}

void ClearingAudit::OnEscrow(EntryCheck& check, const souk::TransferRecord& record, size_t place) {
  const auto escrow = check.Take<Escrow>(place);
  if (!escrow) return;
  const DocumentRef& document = check.DocumentAt(place);
  check.That(document->signer() == escrow->account, rules::kAuthority,
             "the escrow is not signed by the account that it debits");
  check.That(escrow->book == self_, rules::kAuthority, "the escrow was signed for another book");
  check.That(record.id == EscrowId(escrow->account, escrow->nonce) &&
                 record.debit == AccountId(escrow->account) &&
                 record.credit == AccountId(escrow->payee) &&
                 record.amount == escrow->amount.micro && record.timeout == escrow->timeout &&
                 record.pending.IsZero(),
             rules::kTransfers, "the pending transfer is not what the escrow says");
  check.That(escrow->accept_by > check.time() && escrow->timeout > escrow->accept_by, rules::kLate,
             "the escrow was held after its accept_by");
  const auto resolved = resolved_.find(record.id);
  const auto open = open_.find(record.id);
  if (resolved != resolved_.end() || open != open_.end()) {
    const uint64_t before = open != open_.end() ? open->second.entry : resolved->second;
    check.Fail(rules::kTransfers, fmt::format("escrow {} was held before", record.id.Short()),
               {before});
    return;
  }
  Decide(check, record);
  owners_[AccountId(escrow->account)] = escrow->account;
  owners_[AccountId(escrow->payee)] = escrow->payee;
  Open& held = open_[record.id];
  held = {.terms = *escrow, .entry = check.index(), .accept_by = escrow->accept_by};
  due_.insert({held.due = std::min(held.accept_by, escrow->timeout), record.id});
}

// Moves the escrow to where its times stand now.
void ClearingAudit::Schedule(const Digest& escrow, Open& open) {
  const TransferRecord* held = book_.book().FindTransfer(escrow);
  if (held == nullptr) return;
  due_.erase({open.due, escrow});
  const Time timeout{held->timeout};
  open.due = open.shown ? timeout : std::min(open.accept_by, timeout);
  due_.insert({open.due, escrow});
}

void ClearingAudit::CheckNothingOverdue(EntryCheck& check) {
  if (due_.empty() || due_.begin()->first > check.time()) return;
  const auto& [due, escrow] = *due_.begin();
  check.Fail(rules::kOverdue,
             fmt::format("escrow {} was to return {} before", escrow.Short(),
                         FormatDuration(check.time() - due)),
             {open_.at(escrow).entry});
}

ClearingAudit::Open* ClearingAudit::FindOpen(EntryCheck& check, const Digest& escrow,
                                             const char* step) {
  const auto open = open_.find(escrow);
  if (open != open_.end()) return &open->second;
  const auto resolved = resolved_.find(escrow);
  if (resolved == resolved_.end()) {
    check.Fail(rules::kTransfers,
               fmt::format("{} of escrow {}, which this book never held", step, escrow.Short()));
  } else {
    check.Fail(rules::kResolution,
               fmt::format("{} of escrow {}, which was resolved in {}", step, escrow.Short(),
                           resolved->second),
               {resolved->second});
  }
  return nullptr;
}

void ClearingAudit::OnPost(EntryCheck& check, const souk::TransferRecord& record, size_t place) {
  const auto post = check.Take<Post>(place);
  const Open* open = FindOpen(check, record.pending, "a post");
  if (!post || open == nullptr) return;
  const DocumentRef& document = check.DocumentAt(place);
  const Escrow& terms = open->terms;
  check.That(document->signer() == terms.payee, rules::kAuthority, {open->entry},
             "the post is not signed by the escrow's payee");
  check.That(record.id == document->id() && record.pending == post->escrow &&
                 record.amount == post->amount.micro && record.amount > 0 &&
                 IsZeroOr(record.debit, AccountId(terms.account)) &&
                 IsZeroOr(record.credit, AccountId(terms.payee)),
             rules::kTransfers, "the transfer is not what the post says");
  check.That(open->shown && open->lease == post->lease, rules::kAuthority,
             "no acceptance of the post's lease was shown before");
  const DocumentRef& voucher_document = check.VoucherOf(place);
  if (voucher_document) {
    const auto voucher = Decode<Voucher>(*voucher_document);
    const bool fits = voucher && voucher_document->kind() == souk::Kind::kVoucher &&
                      voucher_document->signer() == terms.voucher_key &&
                      voucher->lease == post->lease && voucher->book == self_;
    check.That(fits, rules::kAuthority, {open->entry},
               "the post's voucher is not by the escrow's voucher key for this lease and book");
    if (fits) {
      check.That(post->amount <= voucher->amount, rules::kAuthority,
                 "the post takes {} cr where the voucher says {} cr", FormatCredits(post->amount),
                 FormatCredits(voucher->amount));
    }
  }
  Decide(check, record);
}

void ClearingAudit::OnVoid(EntryCheck& check, const souk::TransferRecord& record, size_t place) {
  const auto request = check.Take<Void>(place);
  const Open* open = FindOpen(check, record.pending, "a void");
  if (!request || open == nullptr) return;
  const DocumentRef& document = check.DocumentAt(place);
  check.That(document->signer() == open->terms.payee, rules::kAuthority, {open->entry},
             "the void is not signed by the escrow's payee");
  check.That(record.id == document->id() && record.pending == request->escrow, rules::kTransfers,
             "the transfer is not what the void says");
  Decide(check, record);
}

void ClearingAudit::OnExpiry(EntryCheck& check, const souk::TransferRecord& record) {
  const Open* open = FindOpen(check, record.pending, "the expiry");
  if (open == nullptr) return;
  check.That(record.id == record.pending && record.amount == 0 && record.debit.IsZero() &&
                 record.credit.IsZero() && record.timeout.ms == 0,
             rules::kTransfers, "an expiry says no more than which escrow it ends");
  const TransferRecord* held = book_.book().FindTransfer(record.pending);
  if (held == nullptr) return;
  // Unshown, it ends at accept_by already; shown or not, at its timeout.
  const Time due =
      open->shown ? Time{held->timeout} : std::min(open->accept_by, Time{held->timeout});
  check.That(check.time() >= due, rules::kEarly, {open->entry},
             "escrow {} expired {} before its {}", record.pending.Short(),
             FormatDuration(due - check.time()), open->shown ? "timeout" : "accept_by");
}

bool ClearingAudit::Decide(EntryCheck& check, const souk::TransferRecord& record) {
  const TransferResult result = book_.Decide(record, check.time());
  if (result == TransferResult::kOk) return true;
  const Rule* rule = &rules::kTransfers;
  if (result == TransferResult::kExceedsCredits || result == TransferResult::kExceedsDebits ||
      result == TransferResult::kExceedsPendingTransferAmount) {
    rule = &rules::kLimit;
  } else if (result == TransferResult::kPendingTransferExpired ||
             result == TransferResult::kTimeoutMustBeInTheFuture) {
    rule = &rules::kLate;
  } else if (result == TransferResult::kPendingTransferAlreadyPosted ||
             result == TransferResult::kPendingTransferAlreadyVoided) {
    rule = &rules::kResolution;
  }
  check.Fail(*rule, fmt::format("transfer {} of {} cr: decided anew, {}", record.id.Short(),
                                FormatCredits(Credits{record.amount}), ResultName(result)));
  return false;
}

void ClearingAudit::Fold(EntryCheck& check, const souk::TransferRecord& record) {
  const Status folded = book_.Fold(record, check.time());
  if (!folded) check.Fail(rules::kConserved, folded.error().message);
  if (record.kind != RecordKind::kSingle && record.kind != RecordKind::kPending)
    Resolve(check, record.pending);
}

void ClearingAudit::Resolve(const EntryCheck& check, const Digest& escrow) {
  const auto open = open_.find(escrow);
  if (open == open_.end()) return;
  due_.erase({open->second.due, escrow});
  open_.erase(open);
  resolved_.emplace(escrow, check.index());
}

void ClearingAudit::OnShown(EntryCheck& check, const Shown& shown) {
  CheckNothingOverdue(check);
  Open* open = FindOpen(check, shown.escrow, "an acceptance");
  if (!check.ExpectDocuments(2) || open == nullptr) return;
  const auto order = check.Take<Order>(0);
  const auto acceptance = check.Take<Acceptance>(1);
  if (!order || !acceptance) return;
  const Escrow& terms = open->terms;
  check.That(shown.lease == check.DocumentAt(0)->id() && acceptance->order == shown.lease,
             rules::kEvidence, "order and acceptance are of another lease");
  check.That(order->escrow == shown.escrow && order->book == self_ &&
                 order->provider == terms.payee && order->account == terms.account &&
                 order->voucher_key == terms.voucher_key && order->nonce == terms.nonce,
             rules::kEscrow, {open->entry},
             "the order shown is not the one that the escrow was made for");
  check.That(check.DocumentAt(1)->signer() == terms.payee, rules::kSigner,
             "the acceptance is not signed by the escrow's payee");
  check.That(!open->shown, rules::kEscrow, {open->shown_entry}, "the escrow backs a lease already");
  check.That(check.time() < open->accept_by, rules::kLate, {open->entry},
             "the acceptance was shown after the escrow's accept_by");
  open->shown = true;
  open->shown_entry = check.index();
  open->lease = shown.lease;
  Schedule(shown.escrow, *open);
}

// R4: every deadline that was missed meanwhile moves to resumed + window.
void ClearingAudit::OnResumed(EntryCheck& check, Time down_since) {
  // Downtime excuses nothing that was due while the node ran.
  if (!due_.empty() && due_.begin()->first <= down_since) CheckNothingOverdue(check);
  const Time to = check.time() + check.rule_set().window;
  const Status folded = book_.FoldResumed(check.time(), to);
  if (!folded) check.Fail(rules::kConserved, folded.error().message);
  for (auto& [id, open] : open_) {
    if (!open.shown && open.accept_by <= check.time()) open.accept_by = to;
    Schedule(id, open);
  }
}

void ClearingAudit::Finish(AuditReport& report, bool details) const {
  report.transfers += transfers_;
  if (const Status balanced = book_.book().Reconcile(); !balanced) {
    findings_.Add(last_entry_, rules::kConserved, balanced.error().message);
  }
  for (const auto& [id, account] : book_.book().accounts()) {
    report.debits = report.debits + Credits{static_cast<int64_t>(account.debits_posted)};
    report.credits = report.credits + Credits{static_cast<int64_t>(account.credits_posted)};
    if (!details) continue;
    AuditedAccount line{
        .account = id,
        .kind = id == book_.source() ? AuditedAccount::Kind::kIssues : AuditedAccount::Kind::kOwner,
        .balance = account.Balance(),
        .held = static_cast<int64_t>(account.debits_pending),
        .incoming = static_cast<int64_t>(account.credits_pending)};
    if (const auto owner = owners_.find(id); owner != owners_.end()) line.owner = owner->second;
    report.account_list.push_back(std::move(line));
  }
}

}  // namespace souk::ledger
