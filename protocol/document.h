// Signed documents (R1): `{kind, payload, signer, signature}`. The exact bytes received are
// verified, stored and passed on. Only a verified Document can be decoded (codec.h).
//
// Envelope, all integers little-endian:
//   u8 kind length | kind (ASCII a-z and '-') | 32 signer | 64 signature | u32 payload length |
//   payload
// with nothing after it. The signature covers "souk/v1/" + kind + "\0" + payload, and the id is the
// SHA-256 of those same bytes, never of the envelope.
#pragma once

#include <memory>
#include <string_view>

#include "protocol/identity.h"

namespace souk {

enum class Kind : uint8_t {
  // Told to everyone (gossip).
  kCard,
  kOffer,
  kWithdrawal,
  // Between two connected peers.
  kHello,
  kHave,
  kWant,
  kBundle,
  kRefusal,
  kCarry,
  kReply,
  kBlobGet,
  kBlobChunk,
  // Money.
  kIssue,
  kEscrow,
  kEscrowFetch,
  kVoucher,
  kPost,
  kVoid,
  kShow,
  kAccountQuery,
  kStatement,
  // A lease.
  kOrder,
  kAcceptance,
  kCommit,
  kReady,
  kVoucherAck,
  kJob,
  kProgress,
  kJobReceipt,
  kRelease,
  kClose,
  kLeaseQuery,
  // The capability challenge, under a lease.
  kChallenge,
  kChallengeRoot,
  kChallengeRows,
  kChallengeOpening,
  kChallengeVerdict,
  // Commit and reveal of a job's result, under a lease.
  kJobSeal,
  kJobReveal,
  // Others' logs: gossip of their heads, and what witnesses are asked.
  kHead,
  kFork,
  kConsistencyGet,
  kConsistency,
  kAddCheckpoint,
  kCosigned,
  // Entries of a log, for whom R3 lets read them.
  kEntryGet,
  kEntriesGet,
  kEntries,
};
inline constexpr Kind kLastKind = Kind::kEntries;
// "card", "offer", "job-receipt"…; the name that is signed.
std::string_view KindName(Kind kind);
Result<Kind> ParseKind(std::string_view name);

class Document;
// Shared and immutable: one buffer serves the event, the ledger and the sends.
using DocumentRef = std::shared_ptr<const Document>;

class Document {
 public:
  // Parses and verifies. kTooLarge, kMalformed, kUnsupported (unknown kind), kBadSignature.
  // Everything but the signature is checked first (R2). Thread-safe.
  static Result<DocumentRef> Open(ByteView envelope);
  // The envelope must fit limits::kDocumentBytes: a sender that could exceed it cuts before.
  static DocumentRef Sign(Kind kind, ByteView payload, const SigningKey& key);
  // For bytes that this node's own ledger holds: the tree has vouched for them, the signature was
  // checked before they were appended. Parses only.
  static Result<DocumentRef> OpenTrusted(ByteView envelope);

  Kind kind() const { return kind_; }
  const PublicKey& signer() const { return signer_; }
  const Signature& signature() const { return signature_; }
  const Digest& id() const { return id_; }
  ByteView payload() const { return ByteView(envelope_).subspan(payload_at_); }
  const Bytes& envelope() const { return envelope_; }

 private:
  Document() = default;
  static Result<std::shared_ptr<Document>> Parse(ByteView envelope);
  Bytes SignedBytes() const;

  Bytes envelope_ = {};
  size_t payload_at_ = 0;
  Kind kind_ = Kind::kCard;
  PublicKey signer_ = {};
  Signature signature_ = {};
  Digest id_ = {};
};

}  // namespace souk
