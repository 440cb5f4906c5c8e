// A node's own book as its log records it: protocol/entry.h's TransferRecords decided and folded
// over ledger/book/book.h. Used twice: a clearing peer's money, and the slices of a provider's
// devices.
#pragma once

#include "ledger/book/book.h"
#include "protocol/entry.h"

namespace souk::ledger {

// The account of a key in a clearing book: SHA-256("souk/account" ‖ key).
Digest AccountId(const PublicKey& key);
// The account that holds a device's free slices: SHA-256("souk/device" ‖ uuid).
Digest DeviceAccountId(std::string_view uuid);

// One book with one unit. Accounts open themselves when they are first named: the source (the
// operator's issues, a provider's hardware) may owe, every other account may not. Loop thread only.
class NodeBook {
 public:
  explicit NodeBook(Digest source) : source_(source) {}

  // What would become of `record` now. Changes nothing: an entry that records it is folded.
  TransferResult Decide(const souk::TransferRecord& record, Time now) const;
  // The expiries that are due, to be recorded before anything else of the turn (R4).
  std::vector<souk::TransferRecord> DueExpiries(Time now) const;

  // Folds what a log recorded at `at`. kCorrupt where it breaks an invariant of the book.
  Status Fold(const souk::TransferRecord& record, Time at);
  // Folds a `resumed` entry: every timeout in [0, resumed) moves to `to`.
  Status FoldResumed(Time resumed, Time to);

  // Takes another's Facts, before anything else is folded.
  Status Restore(std::span<const BookFact> facts) { return book_.Apply(facts); }

  const Book& book() const { return book_; }
  const Digest& source() const { return source_; }
  // Zeros where the account was never named.
  Account Find(const Digest& account) const;

 private:
  Account Fresh(const Digest& id) const;
  Status OpenAccounts(const souk::TransferRecord& record);

  Digest source_;
  Book book_;
};

}  // namespace souk::ledger
