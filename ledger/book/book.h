// Double-entry books after TigerBeetle: immutable transfers, two-phase transfers, linked chains,
// and its result codes in its order of precedence (R6). https://docs.tigerbeetle.com/reference
//
// Decisions and facts are apart: a BookDraft decides transfers against a book, each seeing what the
// ones before it changed, and gathers the facts; Book::Apply folds facts. A restart folds the facts
// that its log recorded and never decides again (R3). Two kinds of book use this: the money of a
// clearing peer (amounts are µcredits) and the slices of a provider's devices (amounts are slices).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <variant>
#include <vector>

#include "protocol/base/sha256.h"

namespace souk::ledger {

// Milliseconds of log time (R4) since the Unix epoch.
using TimeMs = int64_t;
// In the unit of the accounts' ledger. Balances stay below 2^63.
using Amount = uint64_t;
inline constexpr Amount kMaxAmount = (Amount{1} << 63) - 1;

struct Account {
  Digest id;
  uint32_t ledger = 0;  // the unit; transfers stay within one
  uint16_t code = 0;    // what the account is for; the caller's numbering, never 0
  bool debits_must_not_exceed_credits = false;
  bool credits_must_not_exceed_debits = false;
  Amount debits_pending = 0;
  Amount debits_posted = 0;
  Amount credits_pending = 0;
  Amount credits_posted = 0;

  bool operator==(const Account&) const = default;
  // credits_posted - debits_posted.
  int64_t Balance() const;
  // What can still be debited where debits must not exceed credits: pending debits count.
  Amount Available() const;
};

enum class TransferKind : uint8_t { kSingle = 0, kPending = 1, kPost = 2, kVoid = 3 };

struct Transfer {
  Digest id;
  Digest debit_account;   // for post and void: zero, or the pending transfer's
  Digest credit_account;  // likewise
  // Post: at most what is pending, and the rest returns to the debit account; 0 posts all of it.
  // Void: 0 or exactly what is pending.
  Amount amount = 0;
  TransferKind kind = TransferKind::kSingle;
  Digest pending_id;    // post and void: which pending transfer they resolve
  TimeMs timeout = 0;   // pending only: from this instant on it can only expire; 0 for never
  uint32_t ledger = 0;  // for post and void: 0, or the pending transfer's
  uint16_t code = 0;    // for post and void: 0, or the pending transfer's
  bool linked = false;  // stands or falls with the next transfer

  bool operator==(const Transfer&) const = default;
};

// In TigerBeetle's order, which is the order of precedence. Values are stored: never renumber.
enum class AccountResult : uint8_t {
  kOk = 0,
  kIdMustNotBeZero = 6,
  kFlagsAreMutuallyExclusive = 8,
  kDebitsPendingMustBeZero = 9,
  kDebitsPostedMustBeZero = 10,
  kCreditsPendingMustBeZero = 11,
  kCreditsPostedMustBeZero = 12,
  kLedgerMustNotBeZero = 13,
  kCodeMustNotBeZero = 14,
  kExistsWithDifferentFlags = 15,
  kExistsWithDifferentLedger = 19,
  kExistsWithDifferentCode = 20,
  kExists = 21,
};

enum class TransferResult : uint8_t {
  kOk = 0,
  kLinkedEventFailed = 1,
  kLinkedEventChainOpen = 2,
  kIdMustNotBeZero = 5,
  kDebitAccountIdMustNotBeZero = 8,
  kCreditAccountIdMustNotBeZero = 10,
  kAccountsMustBeDifferent = 12,
  kPendingIdMustBeZero = 13,
  kPendingIdMustNotBeZero = 14,
  kPendingIdMustBeDifferent = 16,
  kTimeoutReservedForPendingTransfer = 17,
  kAmountMustNotBeZero = 18,
  kLedgerMustNotBeZero = 19,
  kCodeMustNotBeZero = 20,
  kDebitAccountNotFound = 21,
  kCreditAccountNotFound = 22,
  kAccountsMustHaveTheSameLedger = 23,
  kTransferMustHaveTheSameLedgerAsAccounts = 24,
  kPendingTransferNotFound = 25,
  kPendingTransferNotPending = 26,
  kPendingTransferHasDifferentDebitAccountId = 27,
  kPendingTransferHasDifferentCreditAccountId = 28,
  kPendingTransferHasDifferentLedger = 29,
  kPendingTransferHasDifferentCode = 30,
  kExceedsPendingTransferAmount = 31,
  kPendingTransferHasDifferentAmount = 32,
  kPendingTransferAlreadyPosted = 33,
  kPendingTransferAlreadyVoided = 34,
  kPendingTransferExpired = 35,
  kExistsWithDifferentFlags = 36,
  kExistsWithDifferentDebitAccountId = 37,
  kExistsWithDifferentCreditAccountId = 38,
  kExistsWithDifferentAmount = 39,
  kExistsWithDifferentPendingId = 40,
  kExistsWithDifferentTimeout = 44,
  kExistsWithDifferentCode = 45,
  kExists = 46,
  kOverflowsDebitsPending = 47,
  kOverflowsCreditsPending = 48,
  kOverflowsDebitsPosted = 49,
  kOverflowsCreditsPosted = 50,
  kOverflowsDebits = 51,
  kOverflowsCredits = 52,
  // Not TigerBeetle's, whose timeouts are relative: the instant has passed already. In the place of
  // its overflows_timeout.
  kTimeoutMustBeInTheFuture = 53,
  kExceedsCredits = 54,
  kExceedsDebits = 55,
};

// TigerBeetle's names: "exceeds_credits".
const char* ResultName(AccountResult result);
const char* ResultName(TransferResult result);

// What became of a pending transfer.
enum class PendingState : uint8_t { kNotPending, kOpen, kPosted, kVoided, kExpired };

// A transfer as it stands in the book.
struct TransferRecord {
  Transfer transfer;  // as created: accounts, amount, ledger and code filled in
  TimeMs created = 0;
  PendingState state = PendingState::kNotPending;
  TimeMs timeout = 0;  // of a pending transfer as it stands now: a postponement may have moved it
  Digest resolved_by;  // the post or void

  bool operator==(const TransferRecord&) const = default;
};

// Facts, to be recorded in a log and folded in its order.
struct AccountOpened {
  Account account;
  bool operator==(const AccountOpened&) const = default;
};
struct TransferCreated {
  Transfer transfer;  // filled in as in TransferRecord
  TimeMs at = 0;
  bool operator==(const TransferCreated&) const = default;
};
struct PendingExpired {
  Digest id;
  TimeMs at = 0;
  bool operator==(const PendingExpired&) const = default;
};
// R4: after downtime every deadline that was missed moves to resumed + window.
struct TimeoutMoved {
  Digest id;
  TimeMs timeout = 0;
  bool operator==(const TimeoutMoved&) const = default;
};
using BookFact = std::variant<AccountOpened, TransferCreated, PendingExpired, TimeoutMoved>;

// Reading, shared by a book and a draft upon it.
class BookView {
 public:
  virtual ~BookView() = default;
  // Null where there is none; valid until the next change.
  virtual const Account* FindAccount(const Digest& id) const = 0;
  virtual const TransferRecord* FindTransfer(const Digest& id) const = 0;

  // What would become of it now. `linked` is ignored: see BookDraft::Create.
  TransferResult Decide(const Transfer& transfer, TimeMs now) const;
  AccountResult Decide(const Account& account) const;
};

// Invariants: (1) over all accounts of a ledger, debits equal credits, pending and posted alike;
// (2) a pending transfer is resolved at most once; (3) no balance reaches 2^63. One thread.
class Book : public BookView {
 public:
  const Account* FindAccount(const Digest& id) const override;
  const TransferRecord* FindTransfer(const Digest& id) const override;

  // Folds one fact. Bounds and existence are checked, so that a hostile log cannot break an
  // invariant; limits (exceeds_*) and times are not: they were decided. kCorrupt changes nothing.
  Status Apply(const BookFact& fact);
  Status Apply(std::span<const BookFact> facts);

  // Pending transfers with timeout <= now, earliest first, then by id.
  std::vector<Digest> Due(TimeMs now) const;
  // The next instant at which Due changes; none where nothing is due to expire.
  std::optional<TimeMs> NextTimeout() const;

  // In the order of ids.
  const std::map<Digest, Account>& accounts() const { return accounts_; }
  const std::map<Digest, TransferRecord>& transfers() const { return transfers_; }

  // What folds to this book, in an order that Apply takes.
  std::vector<BookFact> Facts() const;

  // Invariant (1), recomputed from scratch: accounts against each other and against the transfers.
  Status Reconcile() const;

 private:
  std::map<Digest, Account> accounts_;
  std::map<Digest, TransferRecord> transfers_;
  std::set<std::pair<TimeMs, Digest>> timeouts_;
};

// Decides upon a book that stays unchanged meanwhile; the facts are what happened, in order.
class BookDraft : public BookView {
 public:
  explicit BookDraft(const Book& base) : base_(&base) {}

  const Account* FindAccount(const Digest& id) const override;
  const TransferRecord* FindTransfer(const Digest& id) const override;

  AccountResult Open(const Account& account);
  // One transfer alone; `linked` is an open chain.
  TransferResult Create(const Transfer& transfer, TimeMs now);
  // Linked chains stand or fall whole: where one of a chain fails, the others of it are
  // kLinkedEventFailed and leave no trace.
  std::vector<TransferResult> Create(std::span<const Transfer> transfers, TimeMs now);
  // Expires what is due at `now`; to be called before anything else of the same turn (R4).
  std::vector<Digest> ExpireDue(TimeMs now);
  // Moves every timeout that is due at `resumed`, and so was missed while the node was down, to
  // `timeout`.
  void PostponeMissed(TimeMs resumed, TimeMs timeout);

  const std::vector<BookFact>& facts() const { return facts_; }

 private:
  void Add(const BookFact& fact);

  const Book* base_;
  std::map<Digest, Account> accounts_;
  std::map<Digest, TransferRecord> transfers_;
  std::vector<BookFact> facts_;
};

}  // namespace souk::ledger
