#include "ledger/book/node_book.h"

#include "protocol/base/check.h"

namespace souk::ledger {
namespace {

constexpr uint32_t kUnit = 1;
constexpr uint16_t kCode = 1;

Transfer ToTransfer(const souk::TransferRecord& record) {
  using From = souk::TransferRecord::Kind;
  TransferKind kind = TransferKind::kSingle;
  switch (record.kind) {
    case From::kSingle:
      kind = TransferKind::kSingle;
      break;
    case From::kPending:
      kind = TransferKind::kPending;
      break;
    case From::kPost:
      kind = TransferKind::kPost;
      break;
    case From::kVoid:
    case From::kExpire:
      kind = TransferKind::kVoid;
      break;
  }
  const bool resolves = kind == TransferKind::kPost || kind == TransferKind::kVoid;
  return {.id = record.id,
          .debit_account = record.debit,
          .credit_account = record.credit,
          .amount = static_cast<Amount>(record.amount),
          .kind = kind,
          .pending_id = record.pending,
          .timeout = record.timeout.ms,
          .ledger = resolves ? 0 : kUnit,
          .code = resolves ? uint16_t{0} : kCode};
}

}  // namespace

Digest AccountId(const PublicKey& key) {
  return Sha256Hasher().Update(AsBytes("souk/account")).Update(key.view()).Finish();
}
Digest DeviceAccountId(std::string_view uuid) {
  return Sha256Hasher().Update(AsBytes("souk/device")).Update(AsBytes(uuid)).Finish();
}

Account NodeBook::Fresh(const Digest& id) const {
  return {
      .id = id, .ledger = kUnit, .code = kCode, .debits_must_not_exceed_credits = id != source_};
}

Account NodeBook::Find(const Digest& account) const {
  const Account* found = book_.FindAccount(account);
  return found != nullptr ? *found : Fresh(account);
}

Status NodeBook::OpenAccounts(const souk::TransferRecord& record) {
  for (const Digest& id : {record.debit, record.credit}) {
    if (id.IsZero() || book_.FindAccount(id) != nullptr) continue;
    RETURN_IF_ERROR(book_.Apply(AccountOpened{Fresh(id)}));
  }
  return Ok();
}

TransferResult NodeBook::Decide(const souk::TransferRecord& record, Time now) const {
  CHECK(record.kind != souk::TransferRecord::Kind::kExpire);
  BookDraft draft(book_);
  for (const Digest& id : {record.debit, record.credit}) {
    if (!id.IsZero() && draft.FindAccount(id) == nullptr) draft.Open(Fresh(id));
  }
  return draft.Create(ToTransfer(record), now.ms);
}

std::vector<souk::TransferRecord> NodeBook::DueExpiries(Time now) const {
  std::vector<souk::TransferRecord> out;
  for (const Digest& id : book_.Due(now.ms)) {
    out.push_back({.id = id, .kind = souk::TransferRecord::Kind::kExpire, .pending = id});
  }
  return out;
}

Status NodeBook::Fold(const souk::TransferRecord& record, Time at) {
  if (record.amount < 0) return Error(Code::kCorrupt, "a transfer of a negative amount");
  if (record.kind == souk::TransferRecord::Kind::kExpire) {
    return book_.Apply(PendingExpired{record.pending, at.ms});
  }
  RETURN_IF_ERROR(OpenAccounts(record));
  Transfer transfer = ToTransfer(record);
  // A recorded fact is filled in; the record leaves out what the pending transfer says already.
  if (const ledger::TransferRecord* pending = book_.FindTransfer(record.pending);
      pending != nullptr && !record.pending.IsZero()) {
    transfer.debit_account = pending->transfer.debit_account;
    transfer.credit_account = pending->transfer.credit_account;
    transfer.ledger = pending->transfer.ledger;
    transfer.code = pending->transfer.code;
    if (transfer.amount == 0) transfer.amount = pending->transfer.amount;
  }
  return book_.Apply(TransferCreated{transfer, at.ms});
}

Status NodeBook::FoldResumed(Time resumed, Time to) {
  BookDraft draft(book_);
  draft.PostponeMissed(resumed.ms, to.ms);
  return book_.Apply(draft.facts());
}

}  // namespace souk::ledger
