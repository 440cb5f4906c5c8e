// Verifies a node's log from its bytes alone (R3 to R6): every signature checked, every outcome
// decided anew from the documents beside it. An audit of one log proves what is recorded, not that
// nothing was left out: that takes the counterparties' receipts.
//
// The tree itself, the checkpoint's signature and the stored tiles are checked where the log is
// opened (log.h, Inspect); LogReader rehashes each entry as it is read.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ledger/log/log.h"
#include "protocol/entry.h"

namespace souk::ledger {

enum class Verdict : uint8_t {
  kValid,
  kIncomplete,  // nothing is wrong, but something could not be checked
  kInvalid,
};
const char* VerdictName(Verdict verdict);  // "VALID"

// Whose log a checkpoint's name says it is; zeros where it is no peer's.
PeerId PeerOfLog(const std::string& origin);

// One breach of a rule.
struct Finding {
  uint64_t entry = 0;
  std::string rule = {};           // "R6"
  std::string name = {};           // "one resolution per pending"; audit_rules.h lists them
  std::string what = {};           // the sentence: what stands there and what should
  std::vector<uint64_t> see = {};  // other entries of the same log that it contradicts
};

// A lease as one log tells it.
struct AuditedLease {
  Digest id = {};
  bool provided = false;  // this node is the provider; otherwise the renter
  PeerId counterparty = {};
  PeerId book = {};
  std::string device = {};
  LeaseState state = LeaseState::kNone;
  CloseReason reason = CloseReason::kNone;
  Time begun = {};   // ordered (renter) or accepted (provider)
  Time closed = {};  // zero while it lives
  Duration metered = {};
  Credits due = {};
  Credits vouched = {};  // best voucher
  Credits most = {};     // the order's maximum
  Credits paid = {};     // as the book said; this log has its word only
  bool settled = false;
  uint64_t first_entry = 0;
  uint64_t last_entry = 0;
  uint32_t jobs = 0;
};

// An account of this node's own books at the end of the log.
struct AuditedAccount {
  enum class Kind : uint8_t { kIssues, kOwner, kDeclared, kDevice };
  Digest account = {};
  Kind kind = Kind::kOwner;
  PublicKey owner = {};     // zero where no document names it
  std::string device = {};  // uuid, of a device's account
  int64_t balance = 0;      // µcredits, or slices
  int64_t held = 0;         // debits pending
  int64_t incoming = 0;     // credits pending
};

// Whose log was held against this one (audit_omissions.h).
struct AuditedCounterparty {
  std::string name = {};
  PeerId peer = {};
  std::string key_from = {};  // how its key was found; for people
  uint64_t documents = 0;     // of this log's owner, which stand here too
  uint64_t roots = 0;         // of this log, which it was shown and which are its
  uint64_t leases = 0;        // of this log's, that it tells of
};

// One of the witnesses that the reader named (audit_cosigned.h).
struct AuditedWitness {
  std::string name = {};
  bool cosigned = false;  // any checkpoint of this log that was at hand
  uint64_t size = 0;      // the largest of them
  uint64_t seconds = 0;   // when, since 1970
};

// What a report of one log alone says is unchecked.
inline constexpr const char* kNoReceipts = "omissions: no counterparty's receipts were at hand";

struct AuditReport {
  Verdict verdict = Verdict::kValid;
  std::string name = {};  // as the first entry says
  PeerId peer = {};
  uint64_t entries = 0;  // audited: those under the checkpoint
  uint64_t signatures = 0;
  uint64_t leases = 0;
  uint64_t jobs = 0;
  uint64_t transfers = 0;
  Time from = {};
  Time to = {};
  Credits debits = {};  // posted, over the clearing book's accounts
  Credits credits = {};
  std::vector<Finding> findings = {};  // the first AuditOptions::max_findings
  uint64_t more_findings = 0;
  std::vector<std::string> unchecked = {};  // what would be needed for more, as sentences
  std::vector<AuditedCounterparty> with = {};
  std::vector<AuditedWitness> witnesses = {};
  size_t quorum = 0;  // of them, asked for
  // Entries below stood in the state that the audit went on from; they were not read again.
  uint64_t resumed_from = 0;
  // Of entries from there to below this the signatures were not checked (AuditOptions::trusted).
  uint64_t trusted = 0;
  // Where AuditOptions::save, and where all could be read: SavedAudit::Parse takes it.
  Bytes saved = {};
  // Only where AuditOptions::details; in the order of their first entry, and of account ids.
  std::vector<AuditedLease> lease_list = {};
  std::vector<AuditedAccount> account_list = {};
};

inline constexpr size_t kMaxFindings = 64;

struct AuditOptions {
  unsigned threads = 0;  // 0: all cores
  bool details = false;  // keep the lists; memory then grows with leases and accounts
  size_t max_findings = kMaxFindings;
  // The reader knows that the documents of entries below are signed, as by a checkpoint that an
  // earlier audit ended with: their signatures are not checked again.
  uint64_t trusted = 0;
  bool save = false;           // keep what is needed to go on from the checkpoint
  RuleSets rules = kRuleSets;  // the versions that are known
  // Called on the caller's thread some times a second at most.
  std::function<void(uint64_t done, uint64_t total)> progress = {};
};

class AuditFold;

// What an audit knew of a log's first entries, to be gone on from when there are more. The reader
// keeps it for itself: whoever can write the file can have an audit overlook what is in it.
//
//   "soukaudt" | u32 format | u32 newest known rules | u8 with details | u32 length, signed
//   checkpoint | u64 length, what the auditor knows (audit_archive.h) | SHA-256 of all before
// Little-endian. Made and read by programs of one format only.
class SavedAudit {
 public:
  // kMalformed; kUnsupported: another version's; kBadSignature: another log's; kMismatch: damaged.
  static Result<SavedAudit> Parse(ByteView file, const NoteVerifier& log,
                                  RuleSets known = kRuleSets);
  ~SavedAudit();
  SavedAudit(SavedAudit&&) noexcept;
  SavedAudit& operator=(SavedAudit&&) noexcept;

  // The checkpoint under which everything was audited.
  const Checkpoint& head() const { return head_; }

 private:
  friend AuditReport Audit(const LogReader& log, SavedAudit saved, const AuditOptions& options);
  SavedAudit();

  Checkpoint head_ = {};
  std::unique_ptr<AuditFold> fold_;
};

// Reads the log on the calling thread, checks signatures on all of `threads`. A hostile log gives
// findings, never an error.
AuditReport Audit(const LogReader& log, const AuditOptions& options = {});
// From where the saved one ended; `log` was opened as one that continues it (InspectOptions), and
// details are as they were saved. But for resumed_from the report is that of a whole audit.
AuditReport Audit(const LogReader& log, SavedAudit saved, const AuditOptions& options = {});

}  // namespace souk::ledger
