// Leaves of a node's log (R3): `{sequence, time, rules, kind, outcome, documents}`. The outcome is
// what was decided; a restart folds outcomes and never decides again.
#pragma once

#include <variant>
#include <vector>

#include "protocol/lease.h"
#include "protocol/messages.h"
#include "protocol/rules.h"

namespace souk {

// A transfer between two accounts of this node's own books, as TigerBeetle means it. All ids are
// digests; ledger/book/book.h has the semantics.
struct TransferRecord {
  enum class Kind : uint8_t { kSingle, kPending, kPost, kVoid, kExpire };
  Digest id = {};
  Kind kind = Kind::kSingle;
  Digest debit = {};
  Digest credit = {};
  int64_t amount = 0;   // µcredits in a clearing book, slices in a device book
  Digest pending = {};  // the transfer that is posted, voided or expired
  Time timeout = {};    // of a pending; zero for none
  bool operator==(const TransferRecord&) const = default;
};

// The first entry of a log.
struct Opened {
  std::string name = {};
  PeerId peer = {};
  bool operator==(const Opened&) const = default;
};
// R4: after downtime; every deadline missed meanwhile moves to `time` + window.
struct Resumed {
  Time down_since = {};
  bool operator==(const Resumed&) const = default;
};
// The provider's devices: an offer or withdrawal was published; transfers in its device book fund
// the slices of devices seen first, and return a lease's slices once its worker is reaped.
struct Published {
  std::vector<TransferRecord> transfers = {};
  bool operator==(const Published&) const = default;
};
// Every step of a lease, in the provider's and in the renter's log.
struct LeaseStep {
  Digest lease = {};
  LeaseEvent event = LeaseEvent::kAccepted;
  LeaseState to = LeaseState::kNone;
  CloseReason reason = CloseReason::kNone;
  Duration metered = {};  // cumulative, where the step ends a metered span
  Credits due = {};
  std::vector<TransferRecord> transfers = {};  // device reservations in the provider's book
  bool operator==(const LeaseStep&) const = default;
};
// The renter began to rent: the documents are the escrow and the order.
struct Ordered {
  Digest lease = {};
  bool operator==(const Ordered&) const = default;
};
// The escrow's receipt from the book arrived (renter), or was checked (provider).
struct EscrowSeen {
  Digest lease = {};
  Digest escrow = {};
  uint64_t book_size = 0;  // the book's checkpoint that proved it
  Digest book_root = {};
  bool operator==(const EscrowSeen&) const = default;
};
struct VoucherTaken {  // renter: given; provider: accepted
  Digest lease = {};
  Credits best = {};
  bool operator==(const VoucherTaken&) const = default;
};
struct JobStep {
  enum class Event : uint8_t {
    kSubmitted,  // renter
    kAccepted,   // provider
    kStarted,    // provider
    kFinished,   // both
    kFetched,    // renter
    kSealed,     // renter, of sealed jobs: the commitment is here
    kRevealed,   // both, of sealed jobs: renter before, provider after it finished
  };
  Digest job = {};
  Digest lease = {};
  Event event = Event::kSubmitted;
  JobStatus status = JobStatus::kDone;
  bool operator==(const JobStep&) const = default;
};
// The clearing peer's decisions: transfers that were applied, in order.
struct Booked {
  std::vector<TransferRecord> transfers = {};
  bool operator==(const Booked&) const = default;
};
// The clearing peer was shown an acceptance in time.
struct Shown {
  Digest escrow = {};
  Digest lease = {};
  bool operator==(const Shown&) const = default;
};
// What the book told a party of one of its escrows: settled (paid) or returned.
struct Settled {
  Digest lease = {};
  Digest escrow = {};
  Credits paid = {};
  bool operator==(const Settled&) const = default;
};

// Every step of a capability challenge (R7), in the verifier's (the renter's) and in the prover's
// (the provider's) log. docs/ledger-format.md says which documents stand beside which event.
struct ChallengeStep {
  enum class Event : uint8_t {
    kAsked,      // verifier
    kTaken,      // prover
    kCommitted,  // both
    kRowsAsked,  // both
    kOpened,     // both
    kJudged,     // both
    kLapsed,     // prover: given up, `sentence` says why
  };
  Digest challenge = {};
  Digest lease = {};
  Event event = Event::kAsked;
  ChallengeStatus status = ChallengeStatus::kPassed;  // of kJudged; else kPassed
  std::string sentence = {};
  bool operator==(const ChallengeStep&) const = default;
};

// The renter's: these jobs, submitted just before, are one computation on several providers (R7).
// Their results are revealed together, and hold where `agree` of them are the same
// (protocol/replication.h).
struct Replicated {
  Digest round = {};
  std::vector<Digest> jobs = {};
  uint32_t agree = 0;
  bool operator==(const Replicated&) const = default;
};

// R3: from this entry on, itself included, the log's owner decides under another version of the
// rules (rules.h). Only such an entry changes the version, and never back.
struct Upgraded {
  uint32_t from = 0;
  uint32_t to = 0;
  bool operator==(const Upgraded&) const = default;
};

// A variant's index is the wire kind: append only.
using Outcome =
    std::variant<Opened, Resumed, Published, LeaseStep, Ordered, EscrowSeen, VoucherTaken, JobStep,
                 Booked, Shown, Settled, ChallengeStep, Replicated, Upgraded>;
// "opened", "lease-step"…
const char* OutcomeName(const Outcome& outcome);

// The origin line of a peer's checkpoints: "souk/<its identity>".
std::string LogName(const PeerId& peer);
// Under which a peer cosigns others' checkpoints: "souk/witness/souk1…".
std::string WitnessName(const PeerId& peer);

struct Entry {
  uint64_t sequence = 0;  // its index in the log
  Time time = {};         // log time (R4)
  uint32_t rules = kRulesVersion;
  Outcome outcome = {};
  std::vector<Bytes> documents = {};  // envelopes, exact bytes
  bool operator==(const Entry&) const = default;
};

// What a counterparty is handed for an entry: the leaf, its inclusion in a signed checkpoint, and
// consistency from a size that the receiver saw before (0: none).
struct LogReceipt {
  Bytes leaf = {};
  uint64_t index = 0;
  std::vector<Digest> inclusion = {};
  std::string note = {};  // signed checkpoint
  uint64_t consistent_from = 0;
  std::vector<Digest> consistency = {};
  bool operator==(const LogReceipt&) const = default;
};

}  // namespace souk
