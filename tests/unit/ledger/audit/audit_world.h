// One lease as provider, renter and clearing peer record it, entry by entry, for tests that break
// one rule of it each. Every document is really signed.
#pragma once

#include <gtest/gtest.h>

#include <optional>

#include "ledger/audit/audit.h"
#include "ledger/book/node_book.h"
#include "ledger/log/memory_store.h"
#include "protocol/codec.h"

namespace souk::ledger {

struct AuditWorld {
  Identity book = Identity::FromSeed({1});
  Identity provider = Identity::FromSeed({2});
  Identity renter = Identity::FromSeed({3});

  // What the documents say; change them before Make…() to change the story.
  Time start{1'800'000'000'000};
  Offer offer = {};
  Digest nonce = Sha256(AsBytes("order nonce"));
  Escrow escrow = {};
  Order order = {};
  Acceptance acceptance = {};
  Commit commit = {};
  Ready ready = {};
  Credits first_voucher = {};
  Credits second_voucher = {};
  Job job = {};
  JobReceipt receipt = {};
  Duration metered = {};
  Credits due = {};

  // The documents, signed by those whom the story wants.
  DocumentRef offer_document, escrow_document, order_document, acceptance_document, commit_document,
      ready_document, voucher1, voucher2, job_document, receipt_document, release_document,
      close_document;

  // Signs everything anew from the fields above, in their order of dependency.
  AuditWorld();
  void SignAll();

  // Where the entries of the story stand.
  enum ProviderAt : uint64_t {
    kFunded = 1,
    kOffered,
    kEscrowSeen,
    kAccepted,
    kCommitted,
    kReady,
    kVoucher1,
    kMetering,
    kJobTaken,
    kJobStarted,
    kJobDone,
    kVoucher2,
    kReleased,
    kClosed,
    kFreed,
    kSettled,
  };
  enum BookAt : uint64_t {
    kIssue = 1,
    kHeld,
    kShown,
    kPosted,
    kHeld2,
    kExpired2,
    kHeld3,
    kVoided3
  };
  enum RenterAt : uint64_t {
    kOrdered = 1,
    kSeen,
    kAcceptance,
    kCommit,
    kReadySeen,
    kGiven1,
    kPaying,
    kJobSent,
    kReceipt,
    kFetched,
    kGiven2,
    kReleaseSent,
    kClose,
    kPaid,
  };
  std::vector<Entry> ProviderLog() const;
  std::vector<Entry> BookLog() const;
  std::vector<Entry> RenterLog() const;

  SigningKey Account() const { return renter.AccountKey(book.id()); }
  SigningKey VoucherKey() const { return renter.VoucherKey(nonce); }
  DocumentRef VoucherOf(Credits amount) const;
  EscrowSeen EscrowWasSeen() const;
  // Another escrow of the renter's account for the provider.
  Escrow OtherEscrow(const char* label) const;
  DocumentRef SignEscrow(const Escrow& what) const;
  static souk::TransferRecord PendingOf(const Escrow& what);
};

// After entries were put in or taken out.
void Renumber(std::vector<Entry>& entries);
Bytes EnvelopeOf(const DocumentRef& document);

// How its log's checkpoints are signed. The identity outlives the signer.
NoteSigner LogSignerOf(const Identity& identity);
std::vector<Bytes> LeavesOf(const std::vector<Entry>& entries);

// A log of these entries in memory. The owner outlives it.
class MemoryLog {
 public:
  MemoryLog(const Identity& owner, const std::vector<Entry>& entries);
  void Add(const std::vector<Bytes>& leaves);
  const LogReader& reader() const { return log_->reader(); }

 private:
  MemoryStore store_;
  MemorySlotFile slots_;
  std::optional<Log> log_;
};

// Commits the entries to a log of `owner` in memory and audits it: at once, and again with a stop
// behind every entry, which must say the same.
AuditReport AuditEntries(const Identity& owner, const std::vector<Entry>& entries,
                         const AuditOptions& options = {});
// The same with leaves that need not be entries at all.
AuditReport AuditLeaves(const Identity& owner, const std::vector<Bytes>& leaves,
                        const AuditOptions& options = {});

// "R6 one resolution per pending @7" for each finding, for messages and comparisons.
std::string Describe(const AuditReport& report);

// Whether the rule of that name was broken, as a sentence with these words says.
testing::AssertionResult HasFinding(const AuditReport& report, const char* name,
                                    const char* sentence);

}  // namespace souk::ledger
