#include "ledger/book/book.h"

#include <fmt/format.h>

#include <cstdlib>

#include "protocol/base/check.h"

namespace souk::ledger {
namespace {

// Both at most kMaxAmount, so the sum cannot wrap.
bool Overflows(Amount balance, Amount more) {
  return balance + more > kMaxAmount;
}

bool Resolves(TransferKind kind) {
  return kind == TransferKind::kPost || kind == TransferKind::kVoid;
}

Error Corrupt(const std::string& why) {
  return Error(Code::kCorrupt, "book: " + why);
}

// create_transfer_exists in TigerBeetle's state machine.
TransferResult CompareWithExisting(const Transfer& t, const TransferRecord& existing) {
  const Transfer& e = existing.transfer;
  if (t.kind != e.kind || t.linked != e.linked) return TransferResult::kExistsWithDifferentFlags;
  // A post or void may leave out what it takes from its pending transfer.
  const bool resolves = Resolves(t.kind);
  if (t.debit_account != e.debit_account && !(resolves && t.debit_account.IsZero())) {
    return TransferResult::kExistsWithDifferentDebitAccountId;
  }
  if (t.credit_account != e.credit_account && !(resolves && t.credit_account.IsZero())) {
    return TransferResult::kExistsWithDifferentCreditAccountId;
  }
  if (t.amount != e.amount && !(resolves && t.amount == 0)) {
    return TransferResult::kExistsWithDifferentAmount;
  }
  if (t.pending_id != e.pending_id) return TransferResult::kExistsWithDifferentPendingId;
  if (t.timeout != e.timeout) return TransferResult::kExistsWithDifferentTimeout;
  if (t.code != e.code && !(resolves && t.code == 0)) {
    return TransferResult::kExistsWithDifferentCode;
  }
  return TransferResult::kExists;
}

// What is wrong with the transfer whatever stands in the book.
TransferResult DecideForm(const Transfer& t) {
  if (t.id.IsZero()) return TransferResult::kIdMustNotBeZero;
  if (Resolves(t.kind)) {
    if (t.pending_id.IsZero()) return TransferResult::kPendingIdMustNotBeZero;
    if (t.pending_id == t.id) return TransferResult::kPendingIdMustBeDifferent;
    if (t.timeout != 0) return TransferResult::kTimeoutReservedForPendingTransfer;
    return TransferResult::kOk;
  }
  if (t.debit_account.IsZero()) return TransferResult::kDebitAccountIdMustNotBeZero;
  if (t.credit_account.IsZero()) return TransferResult::kCreditAccountIdMustNotBeZero;
  if (t.debit_account == t.credit_account) return TransferResult::kAccountsMustBeDifferent;
  if (!t.pending_id.IsZero()) return TransferResult::kPendingIdMustBeZero;
  if (t.kind != TransferKind::kPending && t.timeout != 0) {
    return TransferResult::kTimeoutReservedForPendingTransfer;
  }
  if (t.amount == 0) return TransferResult::kAmountMustNotBeZero;
  if (t.ledger == 0) return TransferResult::kLedgerMustNotBeZero;
  if (t.code == 0) return TransferResult::kCodeMustNotBeZero;
  return TransferResult::kOk;
}

TransferResult DecideBalances(const Transfer& t, const Account& debit, const Account& credit,
                              TimeMs now) {
  if (t.amount > kMaxAmount) {
    return t.kind == TransferKind::kPending ? TransferResult::kOverflowsDebitsPending
                                            : TransferResult::kOverflowsDebitsPosted;
  }
  if (t.kind == TransferKind::kPending) {
    if (Overflows(debit.debits_pending, t.amount)) return TransferResult::kOverflowsDebitsPending;
    if (Overflows(credit.credits_pending, t.amount)) {
      return TransferResult::kOverflowsCreditsPending;
    }
  }
  if (Overflows(debit.debits_posted, t.amount)) return TransferResult::kOverflowsDebitsPosted;
  if (Overflows(credit.credits_posted, t.amount)) return TransferResult::kOverflowsCreditsPosted;
  if (Overflows(debit.debits_pending + debit.debits_posted, t.amount)) {
    return TransferResult::kOverflowsDebits;
  }
  if (Overflows(credit.credits_pending + credit.credits_posted, t.amount)) {
    return TransferResult::kOverflowsCredits;
  }
  if (t.timeout != 0 && t.timeout <= now) return TransferResult::kTimeoutMustBeInTheFuture;
  if (debit.debits_must_not_exceed_credits &&
      debit.debits_pending + debit.debits_posted + t.amount > debit.credits_posted) {
    return TransferResult::kExceedsCredits;
  }
  if (credit.credits_must_not_exceed_debits &&
      credit.credits_pending + credit.credits_posted + t.amount > credit.debits_posted) {
    return TransferResult::kExceedsDebits;
  }
  return TransferResult::kOk;
}

// post_or_void_pending_transfer in TigerBeetle's state machine.
TransferResult DecideResolution(const BookView& book, const Transfer& t, TimeMs now) {
  const TransferRecord* pending = book.FindTransfer(t.pending_id);
  if (pending == nullptr) return TransferResult::kPendingTransferNotFound;
  const Transfer& p = pending->transfer;
  if (p.kind != TransferKind::kPending) return TransferResult::kPendingTransferNotPending;
  if (!t.debit_account.IsZero() && t.debit_account != p.debit_account) {
    return TransferResult::kPendingTransferHasDifferentDebitAccountId;
  }
  if (!t.credit_account.IsZero() && t.credit_account != p.credit_account) {
    return TransferResult::kPendingTransferHasDifferentCreditAccountId;
  }
  if (t.ledger != 0 && t.ledger != p.ledger) {
    return TransferResult::kPendingTransferHasDifferentLedger;
  }
  if (t.code != 0 && t.code != p.code) return TransferResult::kPendingTransferHasDifferentCode;
  const Amount amount = t.amount == 0 ? p.amount : t.amount;
  if (amount > p.amount) return TransferResult::kExceedsPendingTransferAmount;
  if (t.kind == TransferKind::kVoid && amount < p.amount) {
    return TransferResult::kPendingTransferHasDifferentAmount;
  }
  if (const TransferRecord* e = book.FindTransfer(t.id)) return CompareWithExisting(t, *e);
  switch (pending->state) {
    case PendingState::kPosted:
      return TransferResult::kPendingTransferAlreadyPosted;
    case PendingState::kVoided:
      return TransferResult::kPendingTransferAlreadyVoided;
    case PendingState::kExpired:
      return TransferResult::kPendingTransferExpired;
    case PendingState::kNotPending:
    case PendingState::kOpen:
      break;
  }
  // R4: whether or not the expiry has been written yet.
  if (pending->timeout != 0 && now >= pending->timeout) {
    return TransferResult::kPendingTransferExpired;
  }
  return TransferResult::kOk;
}

// The transfer as it is recorded: what a post or void left out is taken from the pending one.
Transfer FilledIn(const BookView& book, const Transfer& t) {
  Transfer out = t;
  if (!Resolves(t.kind)) return out;
  const Transfer& p = book.FindTransfer(t.pending_id)->transfer;
  out.debit_account = p.debit_account;
  out.credit_account = p.credit_account;
  out.ledger = p.ledger;
  out.code = p.code;
  if (out.amount == 0) out.amount = p.amount;
  return out;
}

// What one fact changes. Book and BookDraft apply the same changes to their own maps.
struct Changes {
  std::vector<Account> accounts;
  std::vector<TransferRecord> transfers;
};

Result<Changes> Effect(const BookView& book, const AccountOpened& fact) {
  if (book.Decide(fact.account) != AccountResult::kOk) {
    return Corrupt("an account cannot have been opened so");
  }
  Changes changes;
  changes.accounts.push_back(fact.account);
  return changes;
}

Result<Changes> Resolution(const BookView& book, const Digest& pending_id, const Digest& by,
                           PendingState state, Amount posted) {
  const TransferRecord* pending = book.FindTransfer(pending_id);
  if (pending == nullptr || pending->state != PendingState::kOpen) {
    return Corrupt("a transfer that is not pending cannot have been resolved");
  }
  if (posted > pending->transfer.amount) return Corrupt("more was posted than was pending");
  Account debit = *book.FindAccount(pending->transfer.debit_account);
  Account credit = *book.FindAccount(pending->transfer.credit_account);
  if (Overflows(debit.debits_posted, posted) || Overflows(credit.credits_posted, posted)) {
    return Corrupt("a balance overflows");
  }
  debit.debits_pending -= pending->transfer.amount;
  credit.credits_pending -= pending->transfer.amount;
  debit.debits_posted += posted;
  credit.credits_posted += posted;
  TransferRecord record = *pending;
  record.state = state;
  record.resolved_by = by;
  Changes changes;
  changes.accounts = {debit, credit};
  changes.transfers = {record};
  return changes;
}

Result<Changes> Effect(const BookView& book, const TransferCreated& fact) {
  const Transfer& t = fact.transfer;
  if (DecideForm(t) != TransferResult::kOk || book.FindTransfer(t.id) != nullptr ||
      t.amount > kMaxAmount) {
    return Corrupt("a transfer cannot have been created so");
  }
  TransferRecord record;
  record.transfer = t;
  record.created = fact.at;
  if (Resolves(t.kind)) {
    const bool post = t.kind == TransferKind::kPost;
    ASSIGN_OR_RETURN(
        Changes changes,
        Resolution(book, t.pending_id, t.id, post ? PendingState::kPosted : PendingState::kVoided,
                   post ? t.amount : 0));
    if (FilledIn(book, t) != t) return Corrupt("a resolution differs from what was pending");
    changes.transfers.push_back(record);
    return changes;
  }
  const Account* debit_now = book.FindAccount(t.debit_account);
  const Account* credit_now = book.FindAccount(t.credit_account);
  if (debit_now == nullptr || credit_now == nullptr || debit_now->ledger != t.ledger ||
      credit_now->ledger != t.ledger) {
    return Corrupt("a transfer between accounts that are not there");
  }
  Account debit = *debit_now;
  Account credit = *credit_now;
  if (Overflows(debit.debits_pending + debit.debits_posted, t.amount) ||
      Overflows(credit.credits_pending + credit.credits_posted, t.amount)) {
    return Corrupt("a balance overflows");
  }
  if (t.kind == TransferKind::kPending) {
    debit.debits_pending += t.amount;
    credit.credits_pending += t.amount;
    record.state = PendingState::kOpen;
    record.timeout = t.timeout;
  } else {
    debit.debits_posted += t.amount;
    credit.credits_posted += t.amount;
  }
  Changes changes;
  changes.accounts = {debit, credit};
  changes.transfers = {record};
  return changes;
}

Result<Changes> Effect(const BookView& book, const PendingExpired& fact) {
  return Resolution(book, fact.id, Digest{}, PendingState::kExpired, 0);
}

Result<Changes> Effect(const BookView& book, const TimeoutMoved& fact) {
  const TransferRecord* pending = book.FindTransfer(fact.id);
  if (pending == nullptr || pending->state != PendingState::kOpen || pending->timeout == 0 ||
      fact.timeout < pending->timeout) {
    return Corrupt("a timeout cannot have been moved so");
  }
  Changes changes;
  changes.transfers = {*pending};
  changes.transfers.back().timeout = fact.timeout;
  return changes;
}

Result<Changes> Effect(const BookView& book, const BookFact& fact) {
  return std::visit([&book](const auto& f) { return Effect(book, f); }, fact);
}

template <typename Value>
const Value* Find(const std::map<Digest, Value>& map, const Digest& id) {
  const auto found = map.find(id);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

int64_t Account::Balance() const {
  return static_cast<int64_t>(credits_posted) - static_cast<int64_t>(debits_posted);
}

Amount Account::Available() const {
  const Amount used = debits_pending + debits_posted;
  return credits_posted > used ? credits_posted - used : 0;
}

TransferResult BookView::Decide(const Transfer& t, TimeMs now) const {
  if (const TransferResult form = DecideForm(t); form != TransferResult::kOk) return form;
  if (Resolves(t.kind)) return DecideResolution(*this, t, now);
  const Account* debit = FindAccount(t.debit_account);
  if (debit == nullptr) return TransferResult::kDebitAccountNotFound;
  const Account* credit = FindAccount(t.credit_account);
  if (credit == nullptr) return TransferResult::kCreditAccountNotFound;
  if (debit->ledger != credit->ledger) return TransferResult::kAccountsMustHaveTheSameLedger;
  if (t.ledger != debit->ledger) {
    return TransferResult::kTransferMustHaveTheSameLedgerAsAccounts;
  }
  // What exists already must not meet limits that its first creation has used up.
  if (const TransferRecord* e = FindTransfer(t.id)) return CompareWithExisting(t, *e);
  return DecideBalances(t, *debit, *credit, now);
}

AccountResult BookView::Decide(const Account& a) const {
  if (a.id.IsZero()) return AccountResult::kIdMustNotBeZero;
  if (a.debits_must_not_exceed_credits && a.credits_must_not_exceed_debits) {
    return AccountResult::kFlagsAreMutuallyExclusive;
  }
  if (a.debits_pending != 0) return AccountResult::kDebitsPendingMustBeZero;
  if (a.debits_posted != 0) return AccountResult::kDebitsPostedMustBeZero;
  if (a.credits_pending != 0) return AccountResult::kCreditsPendingMustBeZero;
  if (a.credits_posted != 0) return AccountResult::kCreditsPostedMustBeZero;
  if (a.ledger == 0) return AccountResult::kLedgerMustNotBeZero;
  if (a.code == 0) return AccountResult::kCodeMustNotBeZero;
  const Account* e = FindAccount(a.id);
  if (e == nullptr) return AccountResult::kOk;
  if (a.debits_must_not_exceed_credits != e->debits_must_not_exceed_credits ||
      a.credits_must_not_exceed_debits != e->credits_must_not_exceed_debits) {
    return AccountResult::kExistsWithDifferentFlags;
  }
  if (a.ledger != e->ledger) return AccountResult::kExistsWithDifferentLedger;
  if (a.code != e->code) return AccountResult::kExistsWithDifferentCode;
  return AccountResult::kExists;
}

const Account* Book::FindAccount(const Digest& id) const {
  return Find(accounts_, id);
}

const TransferRecord* Book::FindTransfer(const Digest& id) const {
  return Find(transfers_, id);
}

Status Book::Apply(const BookFact& fact) {
  ASSIGN_OR_RETURN(const Changes changes, Effect(*this, fact));
  for (const Account& account : changes.accounts) accounts_[account.id] = account;
  for (const TransferRecord& record : changes.transfers) {
    TransferRecord& slot = transfers_[record.transfer.id];
    if (slot.state == PendingState::kOpen && slot.timeout != 0) {
      timeouts_.erase({slot.timeout, record.transfer.id});
    }
    slot = record;
    if (slot.state == PendingState::kOpen && slot.timeout != 0) {
      timeouts_.emplace(slot.timeout, record.transfer.id);
    }
  }
  return Ok();
}

Status Book::Apply(std::span<const BookFact> facts) {
  for (const BookFact& fact : facts) RETURN_IF_ERROR(Apply(fact));
  return Ok();
}

std::vector<Digest> Book::Due(TimeMs now) const {
  std::vector<Digest> due;
  for (const auto& [timeout, id] : timeouts_) {
    if (timeout > now) break;
    due.push_back(id);
  }
  return due;
}

std::optional<TimeMs> Book::NextTimeout() const {
  if (timeouts_.empty()) return std::nullopt;
  return timeouts_.begin()->first;
}

std::vector<BookFact> Book::Facts() const {
  std::vector<BookFact> facts;
  facts.reserve(accounts_.size() + transfers_.size());
  for (const auto& [id, account] : accounts_) {
    Account fresh = account;
    fresh.debits_pending = fresh.debits_posted = 0;
    fresh.credits_pending = fresh.credits_posted = 0;
    facts.emplace_back(AccountOpened{fresh});
  }
  // Each pending transfer with its resolution behind it: all at once could overflow a balance.
  for (const auto& [id, record] : transfers_) {
    if (Resolves(record.transfer.kind)) continue;
    facts.emplace_back(TransferCreated{record.transfer, record.created});
    if (record.timeout != record.transfer.timeout && record.state != PendingState::kNotPending) {
      facts.emplace_back(TimeoutMoved{id, record.timeout});
    }
    if (record.state == PendingState::kExpired) {
      facts.emplace_back(PendingExpired{id, record.timeout});
    } else if (!record.resolved_by.IsZero()) {
      const TransferRecord& resolution = transfers_.at(record.resolved_by);
      facts.emplace_back(TransferCreated{resolution.transfer, resolution.created});
    }
  }
  return facts;
}

Status Book::Reconcile() const {
  // Every balance anew from the transfers.
  std::map<Digest, Account> expected;
  for (const auto& [id, record] : transfers_) {
    const Transfer& t = record.transfer;
    Account& debit = expected[t.debit_account];
    Account& credit = expected[t.credit_account];
    if (t.kind == TransferKind::kSingle || t.kind == TransferKind::kPost) {
      debit.debits_posted += t.amount;
      credit.credits_posted += t.amount;
    } else if (record.state == PendingState::kOpen) {
      debit.debits_pending += t.amount;
      credit.credits_pending += t.amount;
    }
  }
  struct Sums {
    __extension__ __int128 posted = 0;
    __extension__ __int128 pending = 0;
  };
  std::map<uint32_t, Sums> sums;
  for (const auto& [id, account] : accounts_) {
    const Account& fold = expected[id];
    if (account.debits_posted != fold.debits_posted ||
        account.credits_posted != fold.credits_posted ||
        account.debits_pending != fold.debits_pending ||
        account.credits_pending != fold.credits_pending) {
      return Corrupt("the balance of " + id.Hex() + " is not the sum of its transfers");
    }
    sums[account.ledger].posted += account.debits_posted;
    sums[account.ledger].posted -= account.credits_posted;
    sums[account.ledger].pending += account.debits_pending;
    sums[account.ledger].pending -= account.credits_pending;
  }
  for (const auto& [ledger, sum] : sums) {
    if (sum.posted != 0 || sum.pending != 0) {
      return Corrupt(fmt::format("debits and credits of ledger {} differ", ledger));
    }
  }
  return Ok();
}

const Account* BookDraft::FindAccount(const Digest& id) const {
  const Account* own = Find(accounts_, id);
  return own != nullptr ? own : base_->FindAccount(id);
}

const TransferRecord* BookDraft::FindTransfer(const Digest& id) const {
  const TransferRecord* own = Find(transfers_, id);
  return own != nullptr ? own : base_->FindTransfer(id);
}

void BookDraft::Add(const BookFact& fact) {
  const auto changes = Effect(*this, fact);
  CHECK(changes.has_value());  // it was decided a moment ago
  for (const Account& account : changes->accounts) accounts_[account.id] = account;
  for (const TransferRecord& record : changes->transfers) {
    transfers_[record.transfer.id] = record;
  }
  facts_.push_back(fact);
}

AccountResult BookDraft::Open(const Account& account) {
  const AccountResult result = Decide(account);
  if (result == AccountResult::kOk) Add(AccountOpened{account});
  return result;
}

TransferResult BookDraft::Create(const Transfer& transfer, TimeMs now) {
  if (transfer.linked) return TransferResult::kLinkedEventChainOpen;
  const TransferResult result = Decide(transfer, now);
  if (result == TransferResult::kOk) Add(TransferCreated{FilledIn(*this, transfer), now});
  return result;
}

std::vector<TransferResult> BookDraft::Create(std::span<const Transfer> transfers, TimeMs now) {
  std::vector<TransferResult> results;
  results.reserve(transfers.size());
  for (size_t first = 0; first < transfers.size();) {
    size_t last = first;
    while (last < transfers.size() && transfers[last].linked) ++last;
    const bool open = last == transfers.size();
    const size_t end = open ? last : last + 1;
    if (!open && end - first == 1) {
      results.push_back(Create(transfers[first], now));
      first = end;
      continue;
    }
    // The chain is tried on a copy of what this draft holds so far.
    BookDraft trial = *this;
    size_t failed = end;
    TransferResult why = TransferResult::kOk;
    for (size_t i = first; i < end && failed == end; ++i) {
      why = open && i + 1 == end ? TransferResult::kLinkedEventChainOpen
                                 : trial.Decide(transfers[i], now);
      if (why == TransferResult::kOk) {
        trial.Add(TransferCreated{FilledIn(trial, transfers[i]), now});
      } else {
        failed = i;
      }
    }
    for (size_t i = first; i < end; ++i) {
      results.push_back(failed == end ? TransferResult::kOk
                        : i == failed ? why
                                      : TransferResult::kLinkedEventFailed);
    }
    if (failed == end) *this = std::move(trial);
    first = end;
  }
  return results;
}

std::vector<Digest> BookDraft::ExpireDue(TimeMs now) {
  std::vector<Digest> expired;
  for (const Digest& id : base_->Due(now)) {
    const TransferRecord* pending = FindTransfer(id);
    if (pending->state != PendingState::kOpen || pending->timeout > now) continue;
    Add(PendingExpired{id, now});
    expired.push_back(id);
  }
  return expired;
}

void BookDraft::PostponeMissed(TimeMs resumed, TimeMs timeout) {
  for (const Digest& id : base_->Due(resumed)) {
    const TransferRecord* pending = FindTransfer(id);
    if (pending->state != PendingState::kOpen || pending->timeout >= timeout) continue;
    Add(TimeoutMoved{id, timeout});
  }
}

const char* ResultName(AccountResult result) {
  switch (result) {
    case AccountResult::kOk:
      return "ok";
    case AccountResult::kIdMustNotBeZero:
      return "id_must_not_be_zero";
    case AccountResult::kFlagsAreMutuallyExclusive:
      return "flags_are_mutually_exclusive";
    case AccountResult::kDebitsPendingMustBeZero:
      return "debits_pending_must_be_zero";
    case AccountResult::kDebitsPostedMustBeZero:
      return "debits_posted_must_be_zero";
    case AccountResult::kCreditsPendingMustBeZero:
      return "credits_pending_must_be_zero";
    case AccountResult::kCreditsPostedMustBeZero:
      return "credits_posted_must_be_zero";
    case AccountResult::kLedgerMustNotBeZero:
      return "ledger_must_not_be_zero";
    case AccountResult::kCodeMustNotBeZero:
      return "code_must_not_be_zero";
    case AccountResult::kExistsWithDifferentFlags:
      return "exists_with_different_flags";
    case AccountResult::kExistsWithDifferentLedger:
      return "exists_with_different_ledger";
    case AccountResult::kExistsWithDifferentCode:
      return "exists_with_different_code";
    case AccountResult::kExists:
      return "exists";
  }
  std::abort();
}

const char* ResultName(TransferResult result) {
  switch (result) {
    case TransferResult::kOk:
      return "ok";
    case TransferResult::kLinkedEventFailed:
      return "linked_event_failed";
    case TransferResult::kLinkedEventChainOpen:
      return "linked_event_chain_open";
    case TransferResult::kIdMustNotBeZero:
      return "id_must_not_be_zero";
    case TransferResult::kDebitAccountIdMustNotBeZero:
      return "debit_account_id_must_not_be_zero";
    case TransferResult::kCreditAccountIdMustNotBeZero:
      return "credit_account_id_must_not_be_zero";
    case TransferResult::kAccountsMustBeDifferent:
      return "accounts_must_be_different";
    case TransferResult::kPendingIdMustBeZero:
      return "pending_id_must_be_zero";
    case TransferResult::kPendingIdMustNotBeZero:
      return "pending_id_must_not_be_zero";
    case TransferResult::kPendingIdMustBeDifferent:
      return "pending_id_must_be_different";
    case TransferResult::kTimeoutReservedForPendingTransfer:
      return "timeout_reserved_for_pending_transfer";
    case TransferResult::kAmountMustNotBeZero:
      return "amount_must_not_be_zero";
    case TransferResult::kLedgerMustNotBeZero:
      return "ledger_must_not_be_zero";
    case TransferResult::kCodeMustNotBeZero:
      return "code_must_not_be_zero";
    case TransferResult::kDebitAccountNotFound:
      return "debit_account_not_found";
    case TransferResult::kCreditAccountNotFound:
      return "credit_account_not_found";
    case TransferResult::kAccountsMustHaveTheSameLedger:
      return "accounts_must_have_the_same_ledger";
    case TransferResult::kTransferMustHaveTheSameLedgerAsAccounts:
      return "transfer_must_have_the_same_ledger_as_accounts";
    case TransferResult::kPendingTransferNotFound:
      return "pending_transfer_not_found";
    case TransferResult::kPendingTransferNotPending:
      return "pending_transfer_not_pending";
    case TransferResult::kPendingTransferHasDifferentDebitAccountId:
      return "pending_transfer_has_different_debit_account_id";
    case TransferResult::kPendingTransferHasDifferentCreditAccountId:
      return "pending_transfer_has_different_credit_account_id";
    case TransferResult::kPendingTransferHasDifferentLedger:
      return "pending_transfer_has_different_ledger";
    case TransferResult::kPendingTransferHasDifferentCode:
      return "pending_transfer_has_different_code";
    case TransferResult::kExceedsPendingTransferAmount:
      return "exceeds_pending_transfer_amount";
    case TransferResult::kPendingTransferHasDifferentAmount:
      return "pending_transfer_has_different_amount";
    case TransferResult::kPendingTransferAlreadyPosted:
      return "pending_transfer_already_posted";
    case TransferResult::kPendingTransferAlreadyVoided:
      return "pending_transfer_already_voided";
    case TransferResult::kPendingTransferExpired:
      return "pending_transfer_expired";
    case TransferResult::kExistsWithDifferentFlags:
      return "exists_with_different_flags";
    case TransferResult::kExistsWithDifferentDebitAccountId:
      return "exists_with_different_debit_account_id";
    case TransferResult::kExistsWithDifferentCreditAccountId:
      return "exists_with_different_credit_account_id";
    case TransferResult::kExistsWithDifferentAmount:
      return "exists_with_different_amount";
    case TransferResult::kExistsWithDifferentPendingId:
      return "exists_with_different_pending_id";
    case TransferResult::kExistsWithDifferentTimeout:
      return "exists_with_different_timeout";
    case TransferResult::kExistsWithDifferentCode:
      return "exists_with_different_code";
    case TransferResult::kExists:
      return "exists";
    case TransferResult::kOverflowsDebitsPending:
      return "overflows_debits_pending";
    case TransferResult::kOverflowsCreditsPending:
      return "overflows_credits_pending";
    case TransferResult::kOverflowsDebitsPosted:
      return "overflows_debits_posted";
    case TransferResult::kOverflowsCreditsPosted:
      return "overflows_credits_posted";
    case TransferResult::kOverflowsDebits:
      return "overflows_debits";
    case TransferResult::kOverflowsCredits:
      return "overflows_credits";
    case TransferResult::kTimeoutMustBeInTheFuture:
      return "timeout_must_be_in_the_future";
    case TransferResult::kExceedsCredits:
      return "exceeds_credits";
    case TransferResult::kExceedsDebits:
      return "exceeds_debits";
  }
  std::abort();
}

}  // namespace souk::ledger
