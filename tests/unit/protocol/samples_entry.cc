// Entries with their outcomes, and receipts of them.
#include "unit/protocol/samples_parts.h"

namespace souk::samples {

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

Outcome Make(Rng& rng, Upgraded m) {
  m.from = 1 + static_cast<uint32_t>(rng.Below(1'000'000));
  m.to = m.from + 1 + static_cast<uint32_t>(rng.Below(10));
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
