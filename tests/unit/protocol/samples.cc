#include "unit/protocol/samples.h"

#include "protocol/limits.h"

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

namespace {

std::string Name(Rng& rng) {
  return AnyText(rng, limits::kNameBytes);
}
std::string Sentence(Rng& rng) {
  return AnyText(rng, limits::kSentenceBytes);
}
uint32_t Any32(Rng& rng) {
  return static_cast<uint32_t>(rng.Any());
}
uint32_t Slices(Rng& rng) {
  return static_cast<uint32_t>(1 + rng.Below(limits::kSlices));
}

template <typename Enum>
Enum UpTo(Rng& rng, Enum last) {
  return static_cast<Enum>(rng.Below(static_cast<uint64_t>(last) + 1));
}

template <typename Enum>
Enum AnyKnown(Rng& rng) {
  while (true) {
    const auto code = static_cast<Enum>(rng.Below(4000));
    if (IsKnown(code)) return code;
  }
}

template <typename Make>
auto ListOf(Rng& rng, size_t most, Make make) {
  std::vector<decltype(make(rng))> out;
  const size_t size = rng.Below(most + 1);
  for (size_t i = 0; i < size; ++i) out.push_back(make(rng));
  return out;
}

BlobRef AnyBlob(Rng& rng) {
  BlobRef out;
  out.digest = AnyDigest(rng);
  out.size = rng.Below(limits::kBlobBytes + 1);
  return out;
}

JobOutput AnyOutput(Rng& rng) {
  JobOutput out;
  out.name = Name(rng);
  out.blob = AnyBlob(rng);
  return out;
}

// Distinct by their ends.
std::vector<std::string> AnyDevices(Rng& rng) {
  std::vector<std::string> out;
  const size_t count = 1 + rng.Below(limits::kChallengeDevices);
  for (size_t i = 0; i < count; ++i) {
    out.push_back(AnyText(rng, limits::kNameBytes - 4) + "-" + std::to_string(i));
  }
  return out;
}

uint32_t AnyMatrixSize(Rng& rng) {
  return limits::kLeastChallenge << rng.Below(11);
}

std::string Note(Rng& rng) {
  return AnyText(rng, 100) + "\n" + AnyText(rng, 100) + "\n\n— " + AnyText(rng, 100) + "\n";
}

Bytes NestedEnvelope(Rng& rng) {
  return AnyBytes(rng, limits::kNestedBytes);
}

}  // namespace

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

template <>
Order Any<Order>(Rng& rng) {
  Order m;
  m.offer = AnyDigest(rng);
  m.provider = AnyKey(rng);
  m.nonce = AnyDigest(rng);
  m.book = AnyKey(rng);
  m.account = AnyKey(rng);
  m.escrow = AnyDigest(rng);
  m.voucher_key = AnyKey(rng);
  m.slices = Slices(rng);
  m.price = AnyRate(rng);
  m.duration = AnyDuration(rng);
  m.max_cost = AnyCredits(rng);
  m.hold_fee = AnyCredits(rng);
  m.issued = AnyTime(rng);
  m.expires = AnyTime(rng);
  return m;
}

template <>
Acceptance Any<Acceptance>(Rng& rng) {
  Acceptance m;
  m.order = AnyDigest(rng);
  m.fence = rng.Any();
  m.accepted = AnyTime(rng);
  m.commit_by = AnyTime(rng);
  m.ready_by = AnyTime(rng);
  m.settle_by = AnyTime(rng);
  m.device = Name(rng);
  return m;
}

template <>
Commit Any<Commit>(Rng& rng) {
  Commit m;
  m.lease = AnyDigest(rng);
  m.number = rng.Any();
  m.acceptance = AnyDigest(rng);
  m.nonce = AnyDigest(rng);
  return m;
}

template <>
Ready Any<Ready>(Rng& rng) {
  Ready m;
  m.lease = AnyDigest(rng);
  m.number = rng.Any();
  m.commit = AnyDigest(rng);
  m.answer = AnyDigest(rng);
  m.ready = AnyTime(rng);
  m.end = AnyTime(rng);
  return m;
}

template <>
VoucherAck Any<VoucherAck>(Rng& rng) {
  VoucherAck m;
  m.lease = AnyDigest(rng);
  m.best = AnyCredits(rng);
  if (rng.Coin()) m.metered_from = AnyTime(rng);
  return m;
}

template <>
Job Any<Job>(Rng& rng) {
  Job m;
  m.lease = AnyDigest(rng);
  m.number = rng.Any();
  m.workload = AnyBlob(rng);
  m.blobs = ListOf(rng, limits::kBlobsPerJob, AnyBlob);
  m.title = Name(rng);
  m.sealed = rng.Below(2) == 1;
  return m;
}

template <>
Progress Any<Progress>(Rng& rng) {
  Progress m;
  m.job = AnyDigest(rng);
  m.launches = Any32(rng);
  m.launch = static_cast<uint32_t>(rng.Below(uint64_t{m.launches} + 1));
  m.due = AnyCredits(rng);
  return m;
}

template <>
JobReceipt Any<JobReceipt>(Rng& rng) {
  JobReceipt m;
  m.job = AnyDigest(rng);
  m.lease = AnyDigest(rng);
  m.fence = rng.Any();
  m.status = UpTo(rng, JobStatus::kLost);
  m.sentence = Sentence(rng);
  m.device = Name(rng);
  m.device_name = Name(rng);
  m.architecture = Any32(rng);
  m.driver = Name(rng);
  m.workload = AnyDigest(rng);
  m.outputs = ListOf(rng, limits::kOutputsPerJob, AnyOutput);
  m.states_root = AnyDigest(rng);
  m.launches = rng.Any();
  m.thread_instructions = rng.Any();
  if (rng.Coin()) m.result_class = AnyToken(rng);
  if (rng.Coin()) m.started = AnyTime(rng);
  m.finished = AnyTime(rng);
  return m;
}

template <>
Release Any<Release>(Rng& rng) {
  Release m;
  m.lease = AnyDigest(rng);
  m.number = rng.Any();
  return m;
}

template <>
Close Any<Close>(Rng& rng) {
  Close m;
  m.lease = AnyDigest(rng);
  m.number = rng.Any();
  m.reason = AnyKnown<CloseReason>(rng);
  m.metered = AnyDuration(rng);
  m.due = AnyCredits(rng);
  m.best = AnyCredits(rng);
  return m;
}

template <>
LeaseQuery Any<LeaseQuery>(Rng& rng) {
  LeaseQuery m;
  m.lease = AnyDigest(rng);
  return m;
}

template <>
Challenge Any<Challenge>(Rng& rng) {
  Challenge m;
  m.lease = AnyDigest(rng);
  m.number = rng.Any();
  m.nonce = AnyDigest(rng);
  m.devices = AnyDevices(rng);
  m.device_kind = AnyToken(rng);
  m.model = Name(rng);
  m.size = AnyMatrixSize(rng);
  m.rows = static_cast<uint32_t>(1 + rng.Below(limits::kLeastChallenge));
  m.deadline = Millis(
      static_cast<int64_t>(rng.Below(static_cast<uint64_t>(limits::kLongestChallenge.ms) + 1)));
  m.secret_digest = AnyDigest(rng);
  m.issued = AnyTime(rng);
  return m;
}

template <>
ChallengeRoot Any<ChallengeRoot>(Rng& rng) {
  ChallengeRoot m;
  m.lease = AnyDigest(rng);
  m.number = rng.Any();
  m.challenge = AnyDigest(rng);
  m.root = AnyDigest(rng);
  m.took = AnyDuration(rng);
  return m;
}

template <>
ChallengeRows Any<ChallengeRows>(Rng& rng) {
  ChallengeRows m;
  m.lease = AnyDigest(rng);
  m.number = rng.Any();
  m.challenge = AnyDigest(rng);
  m.root = AnyDigest(rng);
  uint32_t row = 0;
  const size_t count = 1 + rng.Below(limits::kChallengeRows);
  for (size_t i = 0; i < count; ++i) {
    m.rows.push_back(row);
    row += 1 + static_cast<uint32_t>(rng.Below(limits::kMostChallenge / limits::kChallengeRows));
  }
  return m;
}

template <>
JobSeal Any<JobSeal>(Rng& rng) {
  JobSeal m;
  m.job = AnyDigest(rng);
  m.lease = AnyDigest(rng);
  m.fence = rng.Any();
  m.receipt = AnyDigest(rng);
  return m;
}

template <>
JobReveal Any<JobReveal>(Rng& rng) {
  JobReveal m;
  m.job = AnyDigest(rng);
  m.lease = AnyDigest(rng);
  m.seal = AnyDigest(rng);
  return m;
}

template <>
ChallengeOpening Any<ChallengeOpening>(Rng& rng) {
  ChallengeOpening m;
  m.lease = AnyDigest(rng);
  m.number = rng.Any();
  m.challenge = AnyDigest(rng);
  m.rows = AnyDigest(rng);
  m.blob = AnyBlob(rng);
  return m;
}

template <>
ChallengeVerdict Any<ChallengeVerdict>(Rng& rng) {
  ChallengeVerdict m;
  m.nonce = AnyDigest(rng);
  m.provider = AnyKey(rng);
  m.device_kind = AnyToken(rng);
  m.model = Name(rng);
  m.size = AnyMatrixSize(rng);
  m.rows = static_cast<uint32_t>(1 + rng.Below(limits::kLeastChallenge));
  m.deadline = Millis(
      static_cast<int64_t>(rng.Below(static_cast<uint64_t>(limits::kLongestChallenge.ms) + 1)));
  for (const std::string& device : AnyDevices(rng)) {
    m.results.push_back({AnyDigest(rng), AnyDigest(rng), device,
                         UpTo(rng, ChallengeStatus::kInterrupted), AnyDuration(rng)});
  }
  m.secret = AnyDigest(rng);
  m.judged = std::min(AnyTime(rng), limits::kLatest - limits::kLongestVerdictLife);
  m.expires = m.judged + Millis(static_cast<int64_t>(
                             rng.Below(static_cast<uint64_t>(limits::kLongestVerdictLife.ms))));
  return m;
}

TransferRecord AnyTransfer(Rng& rng) {
  TransferRecord out;
  out.id = AnyDigest(rng);
  out.kind = UpTo(rng, TransferRecord::Kind::kExpire);
  out.debit = AnyDigest(rng);
  out.credit = AnyDigest(rng);
  out.amount = AnyCredits(rng).micro;
  out.pending = AnyDigest(rng);
  if (rng.Coin()) out.timeout = AnyTime(rng);
  return out;
}

namespace {

std::vector<TransferRecord> Transfers(Rng& rng) {
  return ListOf(rng, 20, AnyTransfer);
}

Outcome Make(Rng& rng, Opened m) {
  m.name = AnyText(rng, limits::kEndpointBytes);
  m.peer = AnyKey(rng);
  return m;
}
Outcome Make(Rng& rng, Resumed m) {
  m.down_since = AnyTime(rng);
  return m;
}
Outcome Make(Rng& rng, Published m) {
  m.transfers = Transfers(rng);
  return m;
}
Outcome Make(Rng& rng, LeaseStep m) {
  m.lease = AnyDigest(rng);
  m.event = UpTo(rng, LeaseEvent::kSettleExpired);
  m.to = UpTo(rng, LeaseState::kClosed);
  m.reason = AnyKnown<CloseReason>(rng);
  m.metered = AnyDuration(rng);
  m.due = AnyCredits(rng);
  m.transfers = Transfers(rng);
  return m;
}
Outcome Make(Rng& rng, Ordered m) {
  m.lease = AnyDigest(rng);
  return m;
}
Outcome Make(Rng& rng, EscrowSeen m) {
  m.lease = AnyDigest(rng);
  m.escrow = AnyDigest(rng);
  m.book_size = rng.Any();
  m.book_root = AnyDigest(rng);
  return m;
}
Outcome Make(Rng& rng, VoucherTaken m) {
  m.lease = AnyDigest(rng);
  m.best = AnyCredits(rng);
  return m;
}
Outcome Make(Rng& rng, JobStep m) {
  m.job = AnyDigest(rng);
  m.lease = AnyDigest(rng);
  m.event = UpTo(rng, JobStep::Event::kRevealed);
  m.status = UpTo(rng, JobStatus::kLost);
  return m;
}
Outcome Make(Rng& rng, Booked m) {
  m.transfers = Transfers(rng);
  return m;
}
Outcome Make(Rng& rng, Shown m) {
  m.escrow = AnyDigest(rng);
  m.lease = AnyDigest(rng);
  return m;
}
Outcome Make(Rng& rng, Settled m) {
  m.lease = AnyDigest(rng);
  m.escrow = AnyDigest(rng);
  m.paid = AnyCredits(rng);
  return m;
}

Outcome Make(Rng& rng, ChallengeStep m) {
  m.challenge = AnyDigest(rng);
  m.lease = AnyDigest(rng);
  m.event = UpTo(rng, ChallengeStep::Event::kLapsed);
  m.status = UpTo(rng, ChallengeStatus::kInterrupted);
  m.sentence = Sentence(rng);
  return m;
}

Outcome Make(Rng& rng, Replicated m) {
  m.round = AnyDigest(rng);
  const size_t jobs = rng.Below(limits::kReplicas + 1);
  for (size_t i = 0; i < jobs; ++i) m.jobs.push_back(AnyDigest(rng));
  m.agree = 1 + static_cast<uint32_t>(rng.Below(limits::kReplicas));
  return m;
}

template <size_t kIndex = 0>
Outcome MakeAt(Rng& rng, size_t index) {
  if constexpr (kIndex + 1 < std::variant_size_v<Outcome>) {
    if (index != kIndex) return MakeAt<kIndex + 1>(rng, index);
  }
  return Make(rng, std::variant_alternative_t<kIndex, Outcome>());
}

}  // namespace

Outcome AnyOutcome(Rng& rng, size_t index) {
  return MakeAt(rng, index);
}

Entry AnyEntry(Rng& rng, size_t outcome_index) {
  Entry out;
  out.sequence = rng.Any();
  out.time = AnyTime(rng);
  out.rules = kRulesVersion;
  out.outcome = AnyOutcome(rng, outcome_index);
  out.documents = ListOf(rng, limits::kDocumentsPerEntry, [](Rng& r) { return AnyBytes(r, 5000); });
  return out;
}

LogReceipt AnyReceipt(Rng& rng) {
  LogReceipt out;
  out.leaf = AnyBytes(rng, limits::kEntryBytes);
  out.index = rng.Any();
  out.inclusion = ListOf(rng, limits::kProofHashes, AnyDigest);
  out.note = Note(rng);
  out.consistent_from = rng.Any();
  out.consistency = ListOf(rng, limits::kProofHashes, AnyDigest);
  return out;
}

}  // namespace souk::samples
