#include "node/agent/clearing.h"

#include "node/agent/trusted.h"
#include "protocol/base/check.h"

namespace souk::node {
namespace {

using ledger::AccountId;
using ledger::TransferResult;

TransferRecord Pending(const Escrow& escrow, const Digest& id) {
  return {.id = id,
          .kind = TransferRecord::Kind::kPending,
          .debit = AccountId(escrow.account),
          .credit = AccountId(escrow.payee),
          .amount = escrow.amount.micro,
          .timeout = escrow.timeout};
}

}  // namespace

Clearing::Clearing(const PeerId& operator_key) : book_(AccountId(operator_key)) {}

void Clearing::Fold(const Entry& entry, const RuleSet& rules) {
  if (std::holds_alternative<Resumed>(entry.outcome)) {
    const Time to = entry.time + rules.window;
    CHECK(book_.FoldResumed(entry.time, to).has_value());
    std::set<std::pair<Time, Digest>> moved;
    for (const auto& [at, id] : unshown_) {
      Time& accept_by = escrows_.at(id).accept_by;
      if (at <= entry.time) accept_by = to;
      moved.insert({accept_by, id});
    }
    unshown_ = std::move(moved);
    return;
  }
  if (const auto* shown = std::get_if<Shown>(&entry.outcome)) {
    EscrowState& state = escrows_.at(shown->escrow);
    unshown_.erase({state.accept_by, shown->escrow});
    state.shown = true;
    state.lease = shown->lease;
    state.last_entry = entry.sequence;
    return;
  }
  const auto* booked = std::get_if<Booked>(&entry.outcome);
  if (booked == nullptr) return;
  for (const TransferRecord& record : booked->transfers) {
    CHECK(book_.Fold(record, entry.time).has_value());
    if (record.kind == TransferRecord::Kind::kPending) {
      const DocumentRef document = Trusted(entry.documents.at(0));
      const auto escrow = Content<Escrow>(document);
      escrows_[record.id] = {.escrow = escrow,
                             .document = document->id(),
                             .held_entry = entry.sequence,
                             .last_entry = entry.sequence,
                             .accept_by = escrow.accept_by};
      owners_[AccountId(escrow.account)] = escrow.account;
      unshown_.insert({escrow.accept_by, record.id});
    } else if (record.kind == TransferRecord::Kind::kSingle) {
      const auto issue = Content<Issue>(Trusted(entry.documents.at(0)));
      references_.insert(issue.reference);
      owners_[AccountId(issue.account)] = issue.account;
    } else {
      EscrowState& state = escrows_.at(record.pending);
      state.settled_by = record.id;
      state.last_entry = entry.sequence;
      unshown_.erase({state.accept_by, record.pending});
    }
  }
}

void Clearing::RunTimers(Turn& turn) {
  // One entry each: an expiry is found by its escrow, and a burst of them stays below an entry's
  // size. All that is due comes before anything else is decided (R4), so nothing bounds a burst but
  // the escrows there are; the runner splits its commit.
  for (const TransferRecord& record : book_.DueExpiries(turn.now())) {
    turn.Append(Booked{.transfers = {record}}, {});
  }
  while (!unshown_.empty() && unshown_.begin()->first <= turn.now()) {
    const Digest id = unshown_.begin()->second;
    turn.Append(
        Booked{.transfers = {{.id = id, .kind = TransferRecord::Kind::kExpire, .pending = id}}},
        {});
  }
}

bool Clearing::RefuseResult(Turn& turn, const From& from, TransferResult result) const {
  if (result == TransferResult::kOk) return false;
  const std::string sentence = std::string("the book refuses: ") + ledger::ResultName(result);
  RefusalCode code = RefusalCode::kEscrowMismatch;
  if (result == TransferResult::kExceedsCredits) code = RefusalCode::kInsufficientFunds;
  if (result == TransferResult::kExceedsPendingTransferAmount) code = RefusalCode::kOverEscrow;
  if (result == TransferResult::kPendingTransferAlreadyPosted ||
      result == TransferResult::kPendingTransferAlreadyVoided ||
      result == TransferResult::kPendingTransferExpired) {
    code = RefusalCode::kEscrowClosed;
  }
  turn.Refuse(from, code, sentence);
  return true;
}

void Clearing::ReplyEscrow(Turn& turn, const From& from, const EscrowState& state) const {
  turn.Reply(from, {}, state.last_entry);
}

void Clearing::OnEscrow(Turn& turn, const From& from, const DocumentRef& document) {
  const auto escrow = Decode<Escrow>(*document);
  if (!escrow) return turn.Refuse(from, RefusalCode::kMalformed, escrow.error().message);
  if (escrow->account != document->signer()) {
    return turn.Refuse(from, RefusalCode::kWrongSigner, "an escrow is signed by its account's key");
  }
  if (escrow->book != turn.self()) {
    return turn.Refuse(from, RefusalCode::kClearingNotAccepted, "the escrow names another book");
  }
  const Digest id = EscrowId(escrow->account, escrow->nonce);
  const auto known = escrows_.find(id);
  if (known != escrows_.end()) {
    if (known->second.document != document->id()) {
      return turn.Refuse(from, RefusalCode::kEscrowUsed, "this nonce holds another escrow");
    }
    return ReplyEscrow(turn, from, known->second);
  }
  if (escrow->accept_by <= turn.now() || escrow->timeout <= escrow->accept_by) {
    return turn.Refuse(from, RefusalCode::kExpired, "the escrow's times have passed",
                       "accept_by in the future, timeout after it");
  }
  if (escrow->accept_by > turn.now() + limits::kLongestAccept) {
    return turn.Refuse(from, RefusalCode::kTermsDiffer,
                       "the escrow would be held too long without an acceptance; is a clock wrong?",
                       "accept_by at most 10 minutes from now");
  }
  const TransferRecord pending = Pending(*escrow, id);
  if (RefuseResult(turn, from, book_.Decide(pending, turn.now()))) return;
  const uint64_t entry = turn.Append(Booked{.transfers = {pending}}, {document});
  turn.Reply(from, {}, entry);
}

Clearing::EscrowState* Clearing::FindForPayee(Turn& turn, const From& from, const Digest& escrow) {
  const auto it = escrows_.find(escrow);
  if (it == escrows_.end()) {
    turn.Refuse(from, RefusalCode::kEscrowMissing, "no such escrow in this book");
    return nullptr;
  }
  if (it->second.escrow.payee != from.peer) {
    turn.Refuse(from, RefusalCode::kNotYours, "the escrow is for another payee");
    return nullptr;
  }
  return &it->second;
}

void Clearing::OnEscrowFetch(Turn& turn, const From& from) {
  const auto fetch = Decode<EscrowFetch>(*from.document());
  if (!fetch) return turn.Refuse(from, RefusalCode::kMalformed, fetch.error().message);
  const EscrowState* state = FindForPayee(turn, from, fetch->escrow);
  if (state == nullptr) return;
  if (!state->settled_by.IsZero()) {
    return turn.Refuse(from, RefusalCode::kEscrowClosed,
                       "the escrow was settled or returned already");
  }
  turn.Reply(from, {}, state->held_entry);
}

void Clearing::OnShow(Turn& turn, const From& from) {
  const auto show = Decode<Show>(*from.document());
  if (!show) return turn.Refuse(from, RefusalCode::kMalformed, show.error().message);
  const EscrowState* state = FindForPayee(turn, from, show->escrow);
  if (state == nullptr) return;
  if (state->shown || !state->settled_by.IsZero()) return ReplyEscrow(turn, from, *state);
  const DocumentRef order_document = from.event->carried.at(0);
  const DocumentRef acceptance_document = from.event->carried.at(1);
  const auto order = Decode<Order>(*order_document);
  const auto acceptance = Decode<Acceptance>(*acceptance_document);
  const Escrow& held = state->escrow;
  if (!order || !acceptance || order->escrow != show->escrow || order->account != held.account ||
      order->nonce != held.nonce || order->voucher_key != held.voucher_key ||
      order->book != turn.self() || order->provider != from.peer ||
      acceptance_document->signer() != from.peer || acceptance->order != order_document->id()) {
    return turn.Refuse(from, RefusalCode::kEscrowMismatch,
                       "order and acceptance do not fit the escrow");
  }
  const uint64_t entry = turn.Append(Shown{.escrow = show->escrow, .lease = order_document->id()},
                                     {order_document, acceptance_document});
  turn.Reply(from, {}, entry);
}

void Clearing::OnPost(Turn& turn, const From& from) {
  const auto post = Decode<Post>(*from.document());
  if (!post) return turn.Refuse(from, RefusalCode::kMalformed, post.error().message);
  const EscrowState* state = FindForPayee(turn, from, post->escrow);
  if (state == nullptr) return;
  if (state->settled_by == from.document()->id()) return ReplyEscrow(turn, from, *state);
  if (!state->shown || state->lease != post->lease) {
    return turn.Refuse(from, RefusalCode::kEscrowMismatch, "no acceptance of this lease was shown");
  }
  const DocumentRef voucher_document = from.event->carried.at(0);
  const auto voucher = Decode<Voucher>(*voucher_document);
  if (!voucher || voucher_document->signer() != state->escrow.voucher_key) {
    return turn.Refuse(from, RefusalCode::kVoucherWrongKey,
                       "the voucher is not by the escrow's voucher key");
  }
  if (voucher->lease != post->lease || voucher->book != turn.self()) {
    return turn.Refuse(from, RefusalCode::kEscrowMismatch,
                       "the voucher is for another lease or book");
  }
  if (post->amount > voucher->amount || post->amount.micro <= 0) {
    return turn.Refuse(from, RefusalCode::kVoucherTooLow,
                       "the post asks for more than the voucher says");
  }
  const TransferRecord record{.id = from.document()->id(),
                              .kind = TransferRecord::Kind::kPost,
                              .amount = post->amount.micro,
                              .pending = post->escrow};
  if (RefuseResult(turn, from, book_.Decide(record, turn.now()))) return;
  const uint64_t entry = turn.Append(Booked{.transfers = {record}}, {from.document()});
  turn.Reply(from, {}, entry);
}

void Clearing::OnVoid(Turn& turn, const From& from) {
  const auto request = Decode<Void>(*from.document());
  if (!request) return turn.Refuse(from, RefusalCode::kMalformed, request.error().message);
  const EscrowState* state = FindForPayee(turn, from, request->escrow);
  if (state == nullptr) return;
  if (!state->settled_by.IsZero()) return ReplyEscrow(turn, from, *state);
  const TransferRecord record{
      .id = from.document()->id(), .kind = TransferRecord::Kind::kVoid, .pending = request->escrow};
  if (RefuseResult(turn, from, book_.Decide(record, turn.now()))) return;
  const uint64_t entry = turn.Append(Booked{.transfers = {record}}, {from.document()});
  turn.Reply(from, {}, entry);
}

void Clearing::OnAccountQuery(Turn& turn, const From& from, const DocumentRef& document) {
  const auto query = Decode<AccountQuery>(*document);
  if (!query) return turn.Refuse(from, RefusalCode::kMalformed, query.error().message);
  if (query->account != document->signer() || query->book != turn.self()) {
    return turn.Refuse(from, RefusalCode::kNotYours, "an account is shown to its owner");
  }
  const ledger::Account account = book_.Find(AccountId(query->account));
  const Statement statement{.account = query->account,
                            .posted = {account.Balance()},
                            .held = {static_cast<int64_t>(account.debits_pending)},
                            .incoming = {static_cast<int64_t>(account.credits_pending)},
                            .at = turn.now()};
  turn.Reply(from, {turn.Sign(statement)});
}

void Clearing::OnIssue(Turn& turn, uint64_t command, const IssueCommand& what) {
  const auto refuse = [&](Code code, const char* sentence) {
    turn.Answer({.command = command, .status = Error(code, sentence)});
  };
  if (what.amount.micro <= 0 || what.amount > limits::kAmount) {
    return refuse(Code::kInvalidArgument, "an issue is of more than 0 and at most 10^9 credits");
  }
  if (!IsReference(what.reference)) {
    return refuse(Code::kInvalidArgument,
                  "an issue names what was paid outside: --reference, one line of plain text of at "
                  "most 64 bytes");
  }
  if (references_.contains(what.reference)) {
    return refuse(Code::kDuplicate, "this reference was used already");
  }
  const DocumentRef document = turn.Sign(Issue{.account = what.account,
                                               .amount = what.amount,
                                               .reference = what.reference,
                                               .issued = turn.now()});
  const TransferRecord record{.id = document->id(),
                              .kind = TransferRecord::Kind::kSingle,
                              .debit = book_.source(),
                              .credit = AccountId(what.account),
                              .amount = what.amount.micro};
  const TransferResult result = book_.Decide(record, turn.now());
  if (result != TransferResult::kOk) return refuse(Code::kConflict, ledger::ResultName(result));
  turn.Append(Booked{.transfers = {record}}, {document});
  turn.Answer({.command = command, .id = document->id()});
}

}  // namespace souk::node
