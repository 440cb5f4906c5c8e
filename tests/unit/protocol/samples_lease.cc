// Leases, jobs and challenges.
#include "unit/protocol/samples_parts.h"

namespace souk::samples {

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

}  // namespace souk::samples
