// What documents say: one plain struct per kind. codec.h turns them into Cap'n Proto payloads and
// back; schema.capnp is their wire form. Every struct is checked against limits.h when decoded.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/sha256.h"
#include "protocol/identity.h"
#include "protocol/units.h"

namespace souk {

// R5: typed close reasons. 1xxx renter, 2xxx provider, 3xxx network or device.
enum class CloseReason : uint16_t {
  kNone = 0,
  kReleased = 1000,        // the renter is done
  kNotCommitted = 1001,    // no commit by commit_by
  kUnpaid = 1002,          // voucher or hold late beyond grace
  kRenterWithdrew = 1003,  // released before ready
  kEndReached = 1004,      // the leased time is over
  kNotReady = 2000,        // the device was not ready by ready_by
  kDrained = 2001,         // the provider drains
  kDisplaced = 2002,       // an interruptible lease gave way
  kProviderFault = 2003,   // the provider's own failure
  kPeerLost = 3000,        // the other side stayed unreachable
  kDeviceLost = 3001,      // the device failed
  kClearingLost = 3002,    // the clearing peer stayed unreachable
};
const char* CloseReasonName(CloseReason reason);

// Typed refusals (R2). The sentence is for people, the code for programs.
enum class RefusalCode : uint16_t {
  kMalformed = 1,
  kTooLarge = 2,
  kUnknownKind = 3,
  kNotBound = 4,     // say hello first
  kWrongSigner = 5,  // signed by another than the connection's identity
  kWrongVersion = 6,
  kRateLimited = 7,
  kExpired = 8,
  kDuplicate = 9,  // used once already, in another way
  kNotFound = 10,
  kNotYours = 11,
  kBusy = 12,
  kBadSignature = 13,
  kUnsupported = 14,
  kOfferUnknown = 100,
  kOfferWithdrawn = 101,
  kOfferExpired = 102,
  kTermsDiffer = 103,  // the order is not on the offer's terms
  kNoCapacity = 104,
  kDraining = 105,
  kClearingNotAccepted = 106,
  kLogDoubted = 107,  // a log has forked, or its owner does not prove that it has not
  kEscrowMissing = 200,
  kEscrowUsed = 201,
  kEscrowMismatch = 202,  // amount, payee, book, voucher key or times do not fit the order
  kInsufficientFunds = 203,
  kAccountUnknown = 204,
  kVoucherTooLow = 205,
  kVoucherWrongKey = 206,
  kOverEscrow = 207,
  kReferenceUsed = 208,
  kEscrowClosed = 209,
  kLeaseUnknown = 300,
  kLeaseWrongState = 301,
  kWrongNumber = 302,
  kNotPaid = 303,  // no voucher covers this moment
  kBlobMismatch = 304,
  kWorkloadRefused = 305,
  kJobUnknown = 306,
};
const char* RefusalCodeName(RefusalCode code);
// Whether a number from the wire is one of the above; the names of others are "unknown".
bool IsKnown(CloseReason reason);
bool IsKnown(RefusalCode code);

enum class Grade : uint8_t { kDeclared, kChallenged, kAttested };
const char* GradeName(Grade grade);
enum class JailGrade : uint8_t { kNone, kLandlock, kNamespaces };
const char* JailGradeName(JailGrade grade);

// What gossip carries names its own signer, so that nobody else's signature on the same payload,
// with the same id, is taken for it.
struct Card {
  std::string name = {};
  std::vector<std::string> endpoints = {};  // "tcp://host:port", best first; may be empty
  CurveKey curve = {};
  PublicKey checkpoint_key = {};
  std::string log_name = {};  // the origin line of its checkpoints
  uint32_t epoch = 1;
  Digest successor = {};  // of the offline successor key (R1)
  bool provides = false;
  bool clears = false;
  bool rents = false;
  uint64_t sequence = 0;  // the highest wins
  Time issued = {};
  Time expires = {};
  PeerId peer = {};  // the signer
  // R3, who reads the whole log: everyone, or these mirrors and auditors. Others see checkpoints.
  bool open_log = false;
  std::vector<PeerId> readers = {};
  std::string log_url = {};  // "http://host:port" that serves it as C2SP tiles; may be empty
  std::optional<PublicKey> witness_key = {};  // of its cosignatures; none: it witnesses nobody
  bool operator==(const Card&) const = default;
};

struct Offer {
  uint64_t sequence = 0;
  Time issued = {};
  Time expires = {};
  std::string device_kind = {};  // "cuda" or "cpu"
  std::string model = {};        // "NVIDIA H200"
  uint32_t architecture = 0;     // compute capability × 10
  uint64_t memory_bytes = 0;     // per device
  uint32_t count = 0;            // devices
  uint32_t slices = 0;           // what can be leased at once
  std::string driver = {};
  uint32_t cuda_version = 0;  // 13000 for 13.0; 0 on cpu
  uint32_t newest_ptx = 0;    // × 10
  Grade grade = Grade::kDeclared;
  uint64_t fp32_mflops = 0;  // figures that the grade stands for; 0 unknown
  JailGrade jail = JailGrade::kNone;
  Rate price = {};
  std::optional<Rate> interruptible_price = {};
  Rate hold_price = {};
  Credits hold_fee = {};
  Duration grace = {};
  Duration notice = {};
  Duration longest_interval = {};
  Duration min_duration = {};
  Duration max_duration = {};
  std::string region = {};  // ISO 3166 alpha-2
  std::vector<PeerId> clearing_peers = {};
  Credits bond_share = {};
  uint64_t bandwidth_kbps = 0;
  PeerId peer = {};  // the signer
  // Envelope of the ChallengeVerdict that the grade `challenged` rests on; empty: none. Proves
  // something to those only who trust its signer (R7).
  Bytes verdict = {};
  bool operator==(const Offer&) const = default;
};

// Withdraws every offer of its signer with a sequence up to and including this one.
struct Withdrawal {
  uint64_t sequence = 0;
  Time issued = {};
  PeerId peer = {};  // the signer
  bool operator==(const Withdrawal&) const = default;
};

struct Hello {
  Digest card = {};             // sent along as an attachment
  uint32_t oldest_version = 1;  // wire versions that the sender talks
  uint32_t newest_version = 1;
  Time sent = {};
  std::string your_checkpoint = {};  // newest signed note of the other's log that the sender holds
  std::string my_checkpoint = {};    // of the sender's own log, for the other to hold
  bool answer = false;               // this hello answers one
  bool operator==(const Hello&) const = default;
};

struct Have {
  std::vector<Digest> ids = {};
  bool operator==(const Have&) const = default;
};
struct Want {
  std::vector<Digest> ids = {};
  bool operator==(const Want&) const = default;
};
// The bodies are attachments: envelopes of cards, offers and withdrawals.
struct Bundle {
  uint32_t count = 0;
  bool operator==(const Bundle&) const = default;
};

struct Refusal {
  Digest re = {};  // the refused document's id; zero where it had none
  RefusalCode code = RefusalCode::kMalformed;
  std::string sentence = {};
  std::string would_accept = {};
  bool operator==(const Refusal&) const = default;
};

// A signed head of somebody's log, as gossip hands it on (R2, R3). The note's own signature is what
// counts; whoever wraps it has the same id.
struct Head {
  PeerId peer = {};       // whose log
  std::string note = {};  // signed by that log's key alone
  bool operator==(const Head&) const = default;
};
// Evidence that a log has forked (R3), with what is needed to check it.
struct Fork {
  Bytes card = {};            // envelope of the log's owner's card: it names the log's key
  std::string evidence = {};  // ledger/witness/fork_evidence.h
  bool operator==(const Fork&) const = default;
};
// Asks a log's owner for a consistency proof between two of its sizes.
struct ConsistencyGet {
  uint64_t from = 0;
  uint64_t to = 0;
  bool operator==(const ConsistencyGet&) const = default;
};
struct Consistency {
  Digest re = {};
  uint64_t from = 0;
  uint64_t to = 0;
  std::vector<Digest> hashes = {};  // RFC 6962 section 2.1.2
  bool operator==(const Consistency&) const = default;
};
// What C2SP's tlog-witness has in the body of add-checkpoint, and in the answer's status and body.
struct AddCheckpoint {
  std::string request = {};
  PeerId witness = {};  // who is asked: the same to two of them has two ids
  bool operator==(const AddCheckpoint&) const = default;
};
struct Cosigned {
  Digest re = {};
  uint16_t status = 0;  // of HTTP: 200, 400, 403, 404, 409, 422
  std::string body = {};
  bool operator==(const Cosigned&) const = default;
};

// Asks for one entry of a log, by its index or by a document in it: whom its documents name may
// read it (protocol/log_access.h). Answered as what was asked when it was made, with a log receipt.
struct EntryGet {
  PeerId log = {};     // whose; it is asked of its owner
  PeerId reader = {};  // the connection's identity; an account's key may sign for it, carried
  uint64_t index = 0;  // where `document` is not set
  std::optional<Digest> document = {};
  bool operator==(const EntryGet&) const = default;
};
// A mirror or auditor asks for entries from `from` on, below `size`, with the proof that they stand
// in the tree of that size. Where `from` is `size`: for the newest checkpoint alone.
struct EntriesGet {
  PeerId log = {};
  uint64_t from = 0;
  uint64_t size = 0;
  bool operator==(const EntriesGet&) const = default;
};
// As many entries as fit an attachment: a C2SP entry bundle of `count`. `hashes` prove that the
// tree of `size` continues the one that ends with them (RFC 6962 section 2.1.2).
struct Entries {
  Digest re = {};
  PeerId log = {};
  uint64_t from = 0;
  uint32_t count = 0;
  uint64_t size = 0;
  std::vector<Digest> hashes = {};
  std::optional<Digest> bundle = {};  // SHA-256 of the attachment; none where there are no entries
  std::string note = {};              // the newest checkpoint of the log
  bool operator==(const Entries&) const = default;
};

// Documents signed by another key of the sender (account or voucher key), carried by its identity.
struct Carry {
  std::vector<Bytes> documents = {};  // envelopes
  bool operator==(const Carry&) const = default;
};

// Answers `re`. The attachments hold envelopes of `documents` documents and, where `receipt` is
// set, one log receipt after them whose SHA-256 it is.
struct Reply {
  Digest re = {};
  uint32_t documents = 0;
  std::optional<Digest> receipt = {};
  bool operator==(const Reply&) const = default;
};

struct BlobGet {
  Digest blob = {};
  uint64_t offset = 0;
  uint32_t length = 0;  // at most limits::kBlobChunkBytes
  Digest job = {};      // the job it belongs to: only its parties may read
  bool operator==(const BlobGet&) const = default;
};
// The bytes are the one attachment.
struct BlobChunk {
  Digest blob = {};
  uint64_t offset = 0;
  uint64_t total = 0;
  Digest job = {};
  bool operator==(const BlobChunk&) const = default;
};

// The clearing operator's word that `account` owns `amount` more. `reference` names what was paid
// outside, and is used once.
struct Issue {
  PublicKey account = {};
  Credits amount = {};
  std::string reference = {};
  Time issued = {};
  bool operator==(const Issue&) const = default;
};

// What an issue may name as paid outside: a name of at most limits::kNameBytes.
bool IsReference(std::string_view text);

// Signed by the account's key: hold `amount` for the payee (R6).
struct Escrow {
  PeerId book = {};
  PublicKey account = {};      // the signer
  PublicKey payee = {};        // the provider's identity, its account in every book
  Digest nonce = {};           // the order's
  PublicKey voucher_key = {};  // whose vouchers may be posted against it
  Credits amount = {};
  Time accept_by = {};
  Time timeout = {};
  bool operator==(const Escrow&) const = default;
};
// The pending transfer's id: SHA-256("souk/escrow" ‖ account ‖ nonce).
Digest EscrowId(const PublicKey& account, const Digest& nonce);

struct EscrowFetch {
  Digest escrow = {};
  bool operator==(const EscrowFetch&) const = default;
};

// Signed by the voucher key. Cumulative over the lease (R6).
struct Voucher {
  Digest lease = {};
  PeerId book = {};
  Credits amount = {};
  bool operator==(const Voucher&) const = default;
};

// The provider asks the book to pay: at most what the voucher says, less what was posted already.
struct Post {
  Digest escrow = {};
  Credits amount = {};  // cumulative over the lease; at most the voucher's
  Bytes voucher = {};   // envelope
  Digest lease = {};
  bool operator==(const Post&) const = default;
};
struct Void {
  Digest escrow = {};
  Digest lease = {};
  bool operator==(const Void&) const = default;
};
// The provider shows the book that it accepted (R6: before accept_by).
struct Show {
  Digest escrow = {};
  Bytes order = {};  // envelopes
  Bytes acceptance = {};
  bool operator==(const Show&) const = default;
};

// Signed by the account's key, carried.
struct AccountQuery {
  PeerId book = {};
  PublicKey account = {};
  Time sent = {};
  bool operator==(const AccountQuery&) const = default;
};
struct Statement {
  PublicKey account = {};
  Credits posted = {};    // credits posted − debits posted
  Credits held = {};      // debits pending
  Credits incoming = {};  // credits pending
  Time at = {};
  bool operator==(const Statement&) const = default;
};

struct Order {
  Digest offer = {};
  PeerId provider = {};
  Digest nonce = {};
  PeerId book = {};
  PublicKey account = {};
  Digest escrow = {};
  PublicKey voucher_key = {};
  uint32_t slices = 1;
  Rate price = {};
  Duration duration = {};  // metered time that is leased
  Credits max_cost = {};   // the escrow's amount
  Credits hold_fee = {};
  Time issued = {};
  Time expires = {};  // the last moment at which it may be accepted
  bool operator==(const Order&) const = default;
};

struct Acceptance {
  Digest order = {};   // also the lease's id
  uint64_t fence = 0;  // index of the entry that records it (R5)
  Time accepted = {};
  Time commit_by = {};
  Time ready_by = {};
  Time settle_by = {};
  std::string device = {};  // uuid
  bool operator==(const Acceptance&) const = default;
};

struct Commit {
  Digest lease = {};
  uint64_t number = 0;  // R1: the signer's next number within the lease
  Digest acceptance = {};
  Digest nonce = {};  // for the device to answer
  bool operator==(const Commit&) const = default;
};

struct Ready {
  Digest lease = {};
  uint64_t number = 0;
  Digest commit = {};
  Digest answer = {};  // the device's answer to the commit's nonce (gpu/worker/challenge.h)
  Time ready = {};     // metering starts with the first voucher, never before this
  Time end = {};       // ready + duration
  bool operator==(const Ready&) const = default;
};

struct VoucherAck {
  Digest lease = {};
  Credits best = {};
  Time metered_from = {};  // set with the first, else zero
  bool operator==(const VoucherAck&) const = default;
};

struct BlobRef {
  Digest digest = {};
  uint64_t size = 0;
  bool operator==(const BlobRef&) const = default;
};

struct Job {
  Digest lease = {};
  uint64_t number = 0;
  BlobRef workload = {};            // the encoded workload (gpu/workload/workload.h)
  std::vector<BlobRef> blobs = {};  // modules and inputs it names
  std::string title = {};
  // The provider gives a JobSeal in place of the receipt, and the receipt once it is told to
  // reveal. Jobs that are replicated and those that are not look alike.
  bool sealed = false;
  bool operator==(const Job&) const = default;
};

struct Progress {
  Digest job = {};
  uint32_t launch = 0;
  uint32_t launches = 0;
  Credits due = {};
  bool operator==(const Progress&) const = default;
};

enum class JobStatus : uint8_t {
  kDone,
  kFailed,     // the workload's own fault: the sentence says which
  kCancelled,  // the lease ended first
  kLost,       // the worker or device was lost
};
const char* JobStatusName(JobStatus status);

struct JobOutput {
  std::string name = {};
  BlobRef blob = {};
  bool operator==(const JobOutput&) const = default;
};

struct JobReceipt {
  Digest job = {};
  Digest lease = {};
  uint64_t fence = 0;
  JobStatus status = JobStatus::kDone;
  std::string sentence = {};  // why it failed
  std::string device = {};
  std::string device_name = {};
  uint32_t architecture = 0;
  std::string driver = {};
  Digest workload = {};
  std::vector<JobOutput> outputs = {};
  Digest states_root = {};  // R7: over (launch, state root) pairs
  uint64_t launches = 0;
  uint64_t thread_instructions = 0;
  std::string result_class = {};  // "exact", "exact-ordered", "tolerant", "opaque"
  Time started = {};              // zero where it never started
  Time finished = {};
  bool operator==(const JobReceipt&) const = default;
};

// Provider → renter: the commitment to a sealed job's result. The receipt's id covers its
// signature, which nobody else can make, so it binds, and says nothing of the result.
struct JobSeal {
  Digest job = {};
  Digest lease = {};
  uint64_t fence = 0;
  Digest receipt = {};  // id of the signed JobReceipt
  bool operator==(const JobSeal&) const = default;
};

// Renter → provider, once every replica's seal is in the renter's log, or its time is over.
// Answered with the receipt.
struct JobReveal {
  Digest job = {};
  Digest lease = {};
  Digest seal = {};  // id of the JobSeal
  bool operator==(const JobReveal&) const = default;
};

struct Release {
  Digest lease = {};
  uint64_t number = 0;
  bool operator==(const Release&) const = default;
};

struct Close {
  Digest lease = {};
  uint64_t number = 0;
  CloseReason reason = CloseReason::kNone;
  Duration metered = {};
  Credits due = {};
  Credits best = {};  // best voucher
  bool operator==(const Close&) const = default;
};

// ---- The capability challenge (R7) -----------------------------------------------------------
//
// Under a lease that is metering, its renter has the leased device compute C = A·B over matrices
// that a fresh nonce fixes (gpu/challenge/matrix.h), takes a commitment to C, and only then says
// which rows it wants to see. The devices of a round are asked at once, one Challenge per lease,
// with one nonce and one secret.

// Renter → provider.
struct Challenge {
  Digest lease = {};
  uint64_t number = 0;                    // R1: the signer's next number within the lease
  Digest nonce = {};                      // of the round
  std::vector<std::string> devices = {};  // uuids of the round, this lease's among them; distinct
  std::string device_kind = {};           // as the offer claimed it
  std::string model = {};
  uint32_t size = 0;       // n: A, B and C have n × n elements; a power of two
  uint32_t rows = 0;       // how many will be asked for
  Duration deadline = {};  // from the verifier's entry of this document to that of the root
  // Of the secret from which the rows and the verifier's vector follow; the verdict reveals it.
  Digest secret_digest = {};
  Time issued = {};
  bool operator==(const Challenge&) const = default;
};

// Provider → renter: the commitment.
struct ChallengeRoot {
  Digest lease = {};
  uint64_t number = 0;
  Digest challenge = {};
  Digest root = {};    // over the rows of C (gpu/challenge/product_tree.h)
  Duration took = {};  // as the prover measured it; nothing rests on it
  bool operator==(const ChallengeRoot&) const = default;
};

// Renter → provider, once the root is in the renter's log.
struct ChallengeRows {
  Digest lease = {};
  uint64_t number = 0;
  Digest challenge = {};
  Digest root = {};                 // id of the ChallengeRoot
  std::vector<uint32_t> rows = {};  // growing
  bool operator==(const ChallengeRows&) const = default;
};

// Provider → renter: the rows with their proofs, as a blob (gpu/challenge/opening.h).
struct ChallengeOpening {
  Digest lease = {};
  uint64_t number = 0;
  Digest challenge = {};
  Digest rows = {};  // id of the ChallengeRows
  BlobRef blob = {};
  bool operator==(const ChallengeOpening&) const = default;
};

enum class ChallengeStatus : uint8_t {
  kPassed,
  kLate,         // no root by the deadline
  kWrong,        // a row, or its proof, is not of A·B
  kRefused,      // the provider would not, or its device could not
  kSilent,       // committed, but the rows did not come
  kInterrupted,  // the verifier was down, or the lease ended: nobody's proof of anything
};
const char* ChallengeStatusName(ChallengeStatus status);

struct ChallengeResult {
  Digest challenge = {};
  Digest lease = {};
  std::string device = {};
  ChallengeStatus status = ChallengeStatus::kInterrupted;
  Duration took = {};  // by the verifier's log; zero where no root came
  bool operator==(const ChallengeResult&) const = default;
};

// Renter → provider: what the verifier found of a round, and its secret. Anyone who holds the
// round's documents and blobs can check it again.
struct ChallengeVerdict {
  Digest nonce = {};
  PeerId provider = {};
  std::string device_kind = {};
  std::string model = {};
  uint32_t size = 0;
  uint32_t rows = 0;
  Duration deadline = {};
  std::vector<ChallengeResult> results = {};  // one per device of the round
  Digest secret = {};
  Time judged = {};
  Time expires = {};
  bool operator==(const ChallengeVerdict&) const = default;
};
// Whether every device of the round passed.
bool Passed(const ChallengeVerdict& verdict);

// "Tell me all you know": answered with every document of the lease that the asker may lack.
struct LeaseQuery {
  Digest lease = {};
  bool operator==(const LeaseQuery&) const = default;
};

}  // namespace souk
