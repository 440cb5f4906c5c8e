// Cards, gossip, logs and money.
#include "unit/protocol/samples_parts.h"

namespace souk::samples {

Digest AnyDigest(Rng& rng) {
  Digest out;
  for (uint8_t& byte : out.bytes) byte = static_cast<uint8_t>(rng.Any());
  return out;
}

PublicKey AnyKey(Rng& rng) {
  return PublicKey{AnyDigest(rng).bytes};
}

Time AnyTime(Rng& rng) {
  const auto years = static_cast<uint64_t>(limits::kLatest.ms - limits::kEarliest.ms);
  return limits::kEarliest + Duration{static_cast<int64_t>(rng.Below(years + 1))};
}

Duration AnyDuration(Rng& rng) {
  return Duration{static_cast<int64_t>(rng.Below(limits::kLongestLease.ms + 1))};
}

Credits AnyCredits(Rng& rng) {
  return Credits{static_cast<int64_t>(rng.Below(limits::kAmount.micro + 1))};
}

Rate AnyRate(Rng& rng) {
  return Rate{static_cast<int64_t>(rng.Below(limits::kPrice.micro_per_hour + 1))};
}

std::string AnyText(Rng& rng, size_t most) {
  static const char* const kCharacters[] = {"a", "Z", "0", " ", ".", "é", "€", "𝄞", "\"", "/"};
  std::string out;
  const size_t target = rng.Below(most + 1);
  while (true) {
    const std::string next = kCharacters[rng.Below(std::size(kCharacters))];
    if (out.size() + next.size() > target) return out;
    out += next;
  }
}

std::string AnyToken(Rng& rng) {
  std::string out = "a";
  while (rng.Below(8) != 0) out.push_back("abcxyz0189-"[rng.Below(11)]);
  return out.substr(0, limits::kNameBytes);
}

Bytes AnyBytes(Rng& rng, size_t most) {
  Bytes out(rng.Below(most + 1));
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(rng.Any());
  return out;
}

Result<DocumentRef> Unsigned(Kind kind, ByteView payload) {
  const std::string_view name = KindName(kind);
  Bytes envelope = {static_cast<uint8_t>(name.size())};
  Append(envelope, AsBytes(name));
  envelope.resize(envelope.size() + 32 + 64);
  PutLe(envelope, static_cast<uint32_t>(payload.size()));
  Append(envelope, payload);
  return Document::OpenTrusted(envelope);
}

template <>
Card Any<Card>(Rng& rng) {
  Card m;
  m.name = Name(rng);
  m.endpoints =
      ListOf(rng, limits::kEndpoints, [](Rng& r) { return AnyText(r, limits::kEndpointBytes); });
  m.curve.bytes = AnyDigest(rng).bytes;
  m.checkpoint_key = AnyKey(rng);
  m.log_name = AnyText(rng, limits::kEndpointBytes);
  m.epoch = Any32(rng);
  m.successor = AnyDigest(rng);
  m.provides = rng.Coin();
  m.clears = rng.Coin();
  m.rents = rng.Coin();
  m.sequence = rng.Any();
  m.issued = AnyTime(rng);
  m.expires = AnyTime(rng);
  m.peer = AnyKey(rng);
  m.open_log = rng.Coin();
  m.readers = ListOf(rng, limits::kLogReaders, AnyKey);
  m.log_url = AnyText(rng, limits::kEndpointBytes);
  if (rng.Coin()) m.witness_key = AnyKey(rng);
  return m;
}

template <>
Offer Any<Offer>(Rng& rng) {
  Offer m;
  m.sequence = rng.Any();
  m.issued = AnyTime(rng);
  m.expires = AnyTime(rng);
  m.device_kind = AnyToken(rng);
  m.model = Name(rng);
  m.architecture = Any32(rng);
  m.memory_bytes = rng.Any();
  m.count = Slices(rng);
  m.slices = Slices(rng);
  m.driver = Name(rng);
  m.cuda_version = Any32(rng);
  m.newest_ptx = Any32(rng);
  m.grade = UpTo(rng, Grade::kAttested);
  m.fp32_mflops = rng.Any();
  m.jail = UpTo(rng, JailGrade::kNamespaces);
  m.price = AnyRate(rng);
  if (rng.Coin()) m.interruptible_price = AnyRate(rng);
  m.hold_price = AnyRate(rng);
  m.hold_fee = AnyCredits(rng);
  m.grace = AnyDuration(rng);
  m.notice = AnyDuration(rng);
  m.longest_interval = AnyDuration(rng);
  m.min_duration = AnyDuration(rng);
  m.max_duration = std::max(m.min_duration, AnyDuration(rng));
  if (rng.Coin()) m.region = "FR";
  m.clearing_peers = ListOf(rng, limits::kClearingPeersPerOffer, AnyKey);
  m.bond_share = AnyCredits(rng);
  m.bandwidth_kbps = rng.Any();
  m.peer = AnyKey(rng);
  if (rng.Coin()) m.verdict = NestedEnvelope(rng);
  return m;
}

template <>
Withdrawal Any<Withdrawal>(Rng& rng) {
  Withdrawal m;
  m.sequence = rng.Any();
  m.issued = AnyTime(rng);
  m.peer = AnyKey(rng);
  return m;
}

template <>
Hello Any<Hello>(Rng& rng) {
  Hello m;
  m.card = AnyDigest(rng);
  m.oldest_version = static_cast<uint32_t>(1 + rng.Below(10));
  m.newest_version = m.oldest_version + static_cast<uint32_t>(rng.Below(3));
  m.sent = AnyTime(rng);
  if (rng.Coin()) m.your_checkpoint = Note(rng);
  if (rng.Coin()) m.my_checkpoint = Note(rng);
  m.answer = rng.Coin();
  return m;
}

template <>
Have Any<Have>(Rng& rng) {
  Have m;
  m.ids = ListOf(rng, limits::kGossipIds, AnyDigest);
  return m;
}

template <>
Want Any<Want>(Rng& rng) {
  Want m;
  m.ids = ListOf(rng, limits::kGossipIds, AnyDigest);
  return m;
}

template <>
Bundle Any<Bundle>(Rng& rng) {
  Bundle m;
  m.count = static_cast<uint32_t>(rng.Below(limits::kGossipIds + 1));
  return m;
}

template <>
Refusal Any<Refusal>(Rng& rng) {
  Refusal m;
  m.re = AnyDigest(rng);
  m.code = AnyKnown<RefusalCode>(rng);
  m.sentence = Sentence(rng);
  m.would_accept = Sentence(rng);
  return m;
}

template <>
Carry Any<Carry>(Rng& rng) {
  Carry m;
  m.documents = ListOf(rng, limits::kDocumentsPerEntry, [](Rng& r) { return AnyBytes(r, 1500); });
  return m;
}

template <>
Reply Any<Reply>(Rng& rng) {
  Reply m;
  m.re = AnyDigest(rng);
  m.documents = static_cast<uint32_t>(rng.Below(limits::kGossipIds + 1));
  if (rng.Coin()) m.receipt = AnyDigest(rng);
  return m;
}

template <>
Head Any<Head>(Rng& rng) {
  Head m;
  m.peer = AnyKey(rng);
  m.note = AnyText(rng, limits::kNoteBytes);
  return m;
}

template <>
Fork Any<Fork>(Rng& rng) {
  Fork m;
  m.card = AnyBytes(rng, limits::kNestedBytes);
  m.evidence = AnyText(rng, limits::kEvidenceBytes);
  return m;
}

template <>
ConsistencyGet Any<ConsistencyGet>(Rng& rng) {
  ConsistencyGet m;
  m.from = rng.Any() >> 1;
  m.to = m.from + rng.Below(1 << 20);
  return m;
}

template <>
Consistency Any<Consistency>(Rng& rng) {
  Consistency m;
  m.re = AnyDigest(rng);
  m.from = rng.Any();
  m.to = rng.Any();
  m.hashes = ListOf(rng, limits::kProofHashes, AnyDigest);
  return m;
}

template <>
AddCheckpoint Any<AddCheckpoint>(Rng& rng) {
  AddCheckpoint m;
  m.request = AnyText(rng, limits::kAddCheckpointBytes);
  m.witness = AnyKey(rng);
  return m;
}

template <>
Cosigned Any<Cosigned>(Rng& rng) {
  Cosigned m;
  m.re = AnyDigest(rng);
  m.status = static_cast<uint16_t>(rng.Below(600));
  m.body = AnyText(rng, limits::kNoteBytes);
  return m;
}

template <>
EntryGet Any<EntryGet>(Rng& rng) {
  EntryGet m;
  m.log = AnyKey(rng);
  m.reader = AnyKey(rng);
  m.index = rng.Any();
  if (rng.Below(2) == 0) m.document = AnyDigest(rng);
  return m;
}

template <>
EntriesGet Any<EntriesGet>(Rng& rng) {
  EntriesGet m;
  m.log = AnyKey(rng);
  m.from = rng.Any() >> 1;
  m.size = m.from + rng.Below(1 << 20);
  return m;
}

template <>
Entries Any<Entries>(Rng& rng) {
  Entries m;
  m.re = AnyDigest(rng);
  m.log = AnyKey(rng);
  m.from = rng.Any() >> 1;
  m.count = static_cast<uint32_t>(rng.Below(limits::kEntriesAtOnce + 1));
  m.size = m.from + m.count + rng.Below(1 << 20);
  m.hashes = ListOf(rng, limits::kProofHashes, AnyDigest);
  if (m.count > 0) m.bundle = AnyDigest(rng);
  m.note = AnyText(rng, limits::kNoteBytes);
  return m;
}

template <>
BlobGet Any<BlobGet>(Rng& rng) {
  BlobGet m;
  m.blob = AnyDigest(rng);
  m.offset = rng.Below(limits::kBlobBytes + 1);
  m.length = static_cast<uint32_t>(rng.Below(limits::kBlobChunkBytes + 1));
  m.job = AnyDigest(rng);
  return m;
}

template <>
BlobChunk Any<BlobChunk>(Rng& rng) {
  BlobChunk m;
  m.blob = AnyDigest(rng);
  m.total = rng.Below(limits::kBlobBytes + 1);
  m.offset = rng.Below(m.total + 1);
  m.job = AnyDigest(rng);
  return m;
}

template <>
Issue Any<Issue>(Rng& rng) {
  Issue m;
  m.account = AnyKey(rng);
  m.amount = AnyCredits(rng);
  m.reference = AnyText(rng, limits::kEndpointBytes);
  m.issued = AnyTime(rng);
  return m;
}

template <>
Escrow Any<Escrow>(Rng& rng) {
  Escrow m;
  m.book = AnyKey(rng);
  m.account = AnyKey(rng);
  m.payee = AnyKey(rng);
  m.nonce = AnyDigest(rng);
  m.voucher_key = AnyKey(rng);
  m.amount = AnyCredits(rng);
  m.accept_by = AnyTime(rng);
  m.timeout = AnyTime(rng);
  return m;
}

template <>
EscrowFetch Any<EscrowFetch>(Rng& rng) {
  EscrowFetch m;
  m.escrow = AnyDigest(rng);
  return m;
}

template <>
Voucher Any<Voucher>(Rng& rng) {
  Voucher m;
  m.lease = AnyDigest(rng);
  m.book = AnyKey(rng);
  m.amount = AnyCredits(rng);
  return m;
}

template <>
Post Any<Post>(Rng& rng) {
  Post m;
  m.escrow = AnyDigest(rng);
  m.amount = AnyCredits(rng);
  m.voucher = NestedEnvelope(rng);
  m.lease = AnyDigest(rng);
  return m;
}

template <>
Void Any<Void>(Rng& rng) {
  Void m;
  m.escrow = AnyDigest(rng);
  m.lease = AnyDigest(rng);
  return m;
}

template <>
Show Any<Show>(Rng& rng) {
  Show m;
  m.escrow = AnyDigest(rng);
  m.order = NestedEnvelope(rng);
  m.acceptance = NestedEnvelope(rng);
  return m;
}

template <>
AccountQuery Any<AccountQuery>(Rng& rng) {
  AccountQuery m;
  m.book = AnyKey(rng);
  m.account = AnyKey(rng);
  m.sent = AnyTime(rng);
  return m;
}

template <>
Statement Any<Statement>(Rng& rng) {
  Statement m;
  m.account = AnyKey(rng);
  m.posted = Credits{static_cast<int64_t>(rng.Any() >> 1)};
  m.held = Credits{static_cast<int64_t>(rng.Any() >> 1)};
  m.incoming = Credits{static_cast<int64_t>(rng.Any() >> 1)};
  m.at = AnyTime(rng);
  return m;
}

}  // namespace souk::samples
