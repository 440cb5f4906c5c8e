#include "protocol/document.h"

#include <algorithm>
#include <string>

#include "protocol/base/check.h"
#include "protocol/limits.h"

namespace souk {
namespace {

constexpr std::string_view kDomain = "souk/v1/";
constexpr size_t kSignerBytes = 32;
constexpr size_t kSignatureBytes = 64;

// In the order of Kind.
constexpr std::string_view kKindNames[] = {
    "card",
    "offer",
    "withdrawal",
    "hello",
    "have",
    "want",
    "bundle",
    "refusal",
    "carry",
    "reply",
    "blob-get",
    "blob-chunk",
    "issue",
    "escrow",
    "escrow-fetch",
    "voucher",
    "post",
    "void",
    "show",
    "account-query",
    "statement",
    "order",
    "acceptance",
    "commit",
    "ready",
    "voucher-ack",
    "job",
    "progress",
    "job-receipt",
    "release",
    "close",
    "lease-query",
    "challenge",
    "challenge-root",
    "challenge-rows",
    "challenge-opening",
    "challenge-verdict",
    "job-seal",
    "job-reveal",
    "head",
    "fork",
    "consistency-get",
    "consistency",
    "add-checkpoint",
    "cosigned",
    "entry-get",
    "entries-get",
    "entries",
};
static_assert(std::size(kKindNames) == static_cast<size_t>(kLastKind) + 1);

bool IsKindCharacter(uint8_t c) {
  return (c >= 'a' && c <= 'z') || c == '-';
}

Bytes BytesToSign(Kind kind, ByteView payload) {
  const std::string_view name = KindName(kind);
  Bytes out;
  out.reserve(kDomain.size() + name.size() + 1 + payload.size());
  Append(out, AsBytes(kDomain));
  Append(out, AsBytes(name));
  out.push_back(0);
  Append(out, payload);
  return out;
}

// Takes `size` bytes off the front; empty where they are not there.
ByteView Take(ByteView& rest, size_t size) {
  if (rest.size() < size) return {};
  const ByteView taken = rest.first(size);
  rest = rest.subspan(size);
  return taken;
}

}  // namespace

std::string_view KindName(Kind kind) {
  const size_t index = static_cast<size_t>(kind);
  CHECK(index < std::size(kKindNames));
  return kKindNames[index];
}

Result<Kind> ParseKind(std::string_view name) {
  const auto* const found = std::find(std::begin(kKindNames), std::end(kKindNames), name);
  if (found == std::end(kKindNames)) {
    return Error(Code::kUnsupported, "unknown kind of document: " + std::string(name));
  }
  return static_cast<Kind>(found - std::begin(kKindNames));
}

Bytes Document::SignedBytes() const {
  return BytesToSign(kind_, payload());
}

Result<std::shared_ptr<Document>> Document::Parse(ByteView envelope) {
  if (envelope.size() > limits::kDocumentBytes) {
    return Error(Code::kTooLarge, "a document has at most 16 KiB");
  }
  const Error malformed(Code::kMalformed, "not a signed document");
  ByteView rest = envelope;
  const ByteView kind_size = Take(rest, 1);
  if (kind_size.empty() || kind_size[0] == 0 || kind_size[0] > limits::kKindBytes) return malformed;
  const ByteView name = Take(rest, kind_size[0]);
  if (name.empty() || !std::all_of(name.begin(), name.end(), IsKindCharacter)) return malformed;
  const ByteView signer = Take(rest, kSignerBytes);
  const ByteView signature = Take(rest, kSignatureBytes);
  const ByteView payload_size = Take(rest, sizeof(uint32_t));
  if (signer.empty() || signature.empty() || payload_size.empty()) return malformed;
  if (GetLe<uint32_t>(payload_size.data()) != rest.size()) return malformed;
  ASSIGN_OR_RETURN(const Kind kind, ParseKind(AsText(name)));

  std::shared_ptr<Document> document(new Document());
  document->kind_ = kind;
  std::copy(signer.begin(), signer.end(), document->signer_.bytes.begin());
  std::copy(signature.begin(), signature.end(), document->signature_.bytes.begin());
  document->envelope_ = ToBytes(envelope);
  document->payload_at_ = envelope.size() - rest.size();
  return document;
}

Result<DocumentRef> Document::Open(ByteView envelope) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Document> document, Parse(envelope));
  const Bytes covered = document->SignedBytes();
  if (!VerifySignature(document->signer_, covered, document->signature_)) {
    return Error(Code::kBadSignature,
                 std::string(KindName(document->kind_)) + ": the signature is not its signer's");
  }
  document->id_ = Sha256(covered);
  return DocumentRef(document);
}

Result<DocumentRef> Document::OpenTrusted(ByteView envelope) {
  ASSIGN_OR_RETURN(const std::shared_ptr<Document> document, Parse(envelope));
  document->id_ = Sha256(document->SignedBytes());
  return DocumentRef(document);
}

DocumentRef Document::Sign(Kind kind, ByteView payload, const SigningKey& key) {
  const std::string_view name = KindName(kind);
  const Bytes covered = BytesToSign(kind, payload);
  std::shared_ptr<Document> document(new Document());
  document->kind_ = kind;
  document->signer_ = key.public_key();
  document->signature_ = key.Sign(covered);
  document->id_ = Sha256(covered);

  Bytes& envelope = document->envelope_;
  envelope.reserve(1 + name.size() + kSignerBytes + kSignatureBytes + 4 + payload.size());
  envelope.push_back(static_cast<uint8_t>(name.size()));
  Append(envelope, AsBytes(name));
  Append(envelope, document->signer_.bytes);
  Append(envelope, document->signature_.bytes);
  PutLe(envelope, static_cast<uint32_t>(payload.size()));
  document->payload_at_ = envelope.size();
  Append(envelope, payload);
  CHECK(envelope.size() <= limits::kDocumentBytes);
  return document;
}

}  // namespace souk
