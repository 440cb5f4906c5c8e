// Capability challenges (R7), the prover's side: computed on the leased device, committed to,
// opened where the renter asks; and the verdicts that the offers rest on.
#include <algorithm>

#include "gpu/challenge/plan.h"
#include "node/agent/provider.h"
#include "node/agent/trusted.h"

namespace souk::node {
namespace {

// From the document to the root at most: what the renter allows, and time to be wrong about it.
Duration AtMost(const Challenge& challenge) {
  return challenge.deadline + limits::kChallengeWindow;
}

bool IsOpen(ChallengeStep::Event at) {
  return at == ChallengeStep::Event::kTaken || at == ChallengeStep::Event::kCommitted ||
         at == ChallengeStep::Event::kRowsAsked;
}

}  // namespace

void Provider::FoldChallenge(const Entry& entry, const ChallengeStep& step) {
  if (step.event == ChallengeStep::Event::kTaken) {
    const auto lease = leases_.find(step.lease);
    if (lease == leases_.end()) return;
    ChallengeState& taken = challenges_[step.challenge];
    taken.document = Trusted(entry.documents.at(0));
    taken.id = step.challenge;
    taken.lease = step.lease;
    taken.challenge = Content<Challenge>(taken.document);
    taken.since = entry.time;
    lease->second.renter_number = taken.challenge.number;
    lease->second.open_challenge = step.challenge;
    ++lease->second.challenges;
    return;
  }
  const auto it = challenges_.find(step.challenge);
  if (it == challenges_.end()) return;
  ChallengeState& one = it->second;
  Lease& lease = leases_.at(one.lease);
  one.since = entry.time;
  switch (step.event) {
    case ChallengeStep::Event::kAsked:
    case ChallengeStep::Event::kTaken:
      return;
    case ChallengeStep::Event::kCommitted:
      one.root = Trusted(entry.documents.at(0));
      lease.provider_number = Content<ChallengeRoot>(one.root).number;
      break;
    case ChallengeStep::Event::kRowsAsked:
      one.rows = Trusted(entry.documents.at(0));
      lease.renter_number = Content<ChallengeRows>(one.rows).number;
      break;
    case ChallengeStep::Event::kOpened: {
      one.opening = Trusted(entry.documents.at(0));
      const auto opening = Content<ChallengeOpening>(one.opening);
      lease.provider_number = opening.number;
      Store(lease, opening.blob);
      break;
    }
    case ChallengeStep::Event::kJudged: {
      one.verdict = Trusted(entry.documents.at(0));
      const auto verdict = Content<ChallengeVerdict>(one.verdict);
      if (Passed(verdict)) verdicts_[one.verdict->id()] = {verdict, one.verdict};
      verdicts_moved_ = true;
      break;
    }
    case ChallengeStep::Event::kLapsed:
      one.sentence = step.sentence;
      break;
  }
  if (IsOpen(one.at) && !IsOpen(step.event)) lease.open_challenge.reset();
  one.at = step.event;
}

void Provider::BeginChallenge(Turn& turn, const ChallengeState& one) const {
  const Lease& lease = leases_.at(one.lease);
  turn.Do(StartChallenge{.lease = one.lease,
                         .fence = lease.acceptance.fence,
                         .challenge = one.id,
                         .seed = gpu::MatrixSeed(one.challenge.nonce, turn.self().bytes, one.lease,
                                                 lease.acceptance.device),
                         .size = one.challenge.size});
}

void Provider::TellChallenge(Turn& turn, const From& from, const ChallengeState& one) const {
  if (one.at == ChallengeStep::Event::kLapsed) {
    return turn.Refuse(from, RefusalCode::kLeaseWrongState, one.sentence);
  }
  if (one.opening) {
    turn.TellConnection(from.connection, one.opening);
  } else if (one.root) {
    turn.TellConnection(from.connection, one.root);
  }
  turn.Reply(from, {});
}

bool Provider::CheckChallenge(Turn& turn, const From& from, const Lease& lease,
                              const Challenge& challenge) const {
  const auto refuse = [&](RefusalCode code, std::string sentence, std::string would_accept = "") {
    turn.Refuse(from, code, std::move(sentence), std::move(would_accept));
    return false;
  };
  if (lease.state != LeaseState::kMetering) {
    const bool paused = lease.state == LeaseState::kPaused;
    return refuse(paused ? RefusalCode::kNotPaid : RefusalCode::kLeaseWrongState,
                  std::string("the lease is ") + LeaseStateName(lease.state),
                  "a challenge while the lease is metering");
  }
  if (lease.open_challenge || HasOpenJob(lease.id)) {
    return refuse(RefusalCode::kBusy, "the device is at work for this lease");
  }
  // Until the book holds the escrow for this lease, work might be done for nothing.
  if (!lease.shown) return refuse(RefusalCode::kBusy, "the book has not seen the lease yet");
  if (lease.challenges >= limits::kChallengesPerLease) {
    return refuse(RefusalCode::kTooLarge, "the lease has had as many challenges as it may have",
                  "at most " + std::to_string(limits::kChallengesPerLease));
  }
  const auto& devices = turn.settings().provider.devices;
  const auto device = std::find_if(devices.begin(), devices.end(), [&](const DeviceForRent& one) {
    return one.uuid == lease.acceptance.device;
  });
  const auto& named = challenge.devices;
  if (device == devices.end() ||
      std::find(named.begin(), named.end(), device->uuid) == named.end() ||
      challenge.device_kind != device->kind || challenge.model != device->model) {
    return refuse(RefusalCode::kTermsDiffer,
                  "the challenge is for another device than the lease's");
  }
  if (gpu::ProductBytes(challenge.size) > device->memory_bytes) {
    return refuse(RefusalCode::kTooLarge, "the matrices are larger than the device's memory");
  }
  return CheckNumber(turn, from, lease, challenge.number);
}

void Provider::OnChallenge(Turn& turn, const From& from) {
  const Digest id = from.document()->id();
  const auto challenge = Decode<Challenge>(*from.document());
  if (!challenge) return turn.Refuse(from, RefusalCode::kMalformed, challenge.error().message);
  Lease* lease = FindFor(turn, from, challenge->lease);
  if (lease == nullptr) return;
  const auto known = challenges_.find(id);
  if (known != challenges_.end()) return TellChallenge(turn, from, known->second);
  if (!CheckChallenge(turn, from, *lease, *challenge)) return;
  turn.Append(
      ChallengeStep{.challenge = id, .lease = lease->id, .event = ChallengeStep::Event::kTaken},
      {from.document()});
  turn.Reply(from, {});
  BeginChallenge(turn, challenges_.at(id));
}

void Provider::OnChallengeCommitted(Turn& turn, const ChallengeCommitted& event) {
  const auto it = challenges_.find(event.challenge);
  if (it == challenges_.end()) return;
  const ChallengeState& one = it->second;
  if (one.at == ChallengeStep::Event::kRowsAsked) {
    // Computed again after a restart.
    return turn.Do(OpenRows{one.lease, one.id, Content<ChallengeRows>(one.rows).rows});
  }
  if (one.at != ChallengeStep::Event::kTaken) return;
  const Lease& lease = leases_.at(one.lease);
  const DocumentRef root =
      turn.Sign(ChallengeRoot{.lease = one.lease,
                              .number = lease.provider_number + 1,
                              .challenge = one.id,
                              .root = event.root,
                              .took = std::clamp(event.took, Duration{}, limits::kLongestLease)});
  turn.Append(
      ChallengeStep{
          .challenge = one.id, .lease = one.lease, .event = ChallengeStep::Event::kCommitted},
      {root});
  turn.Tell(lease.renter, root);
}

void Provider::OnChallengeRows(Turn& turn, const From& from) {
  const auto asked = Decode<ChallengeRows>(*from.document());
  if (!asked) return turn.Refuse(from, RefusalCode::kMalformed, asked.error().message);
  Lease* lease = FindFor(turn, from, asked->lease);
  if (lease == nullptr) return;
  const auto it = challenges_.find(asked->challenge);
  if (it == challenges_.end() || it->second.lease != lease->id) {
    return turn.Refuse(from, RefusalCode::kNotFound, "no such challenge under this lease");
  }
  const ChallengeState& one = it->second;
  if (one.rows && one.rows->id() == from.document()->id()) return TellChallenge(turn, from, one);
  if (one.at != ChallengeStep::Event::kCommitted) {
    return turn.Refuse(from, RefusalCode::kLeaseWrongState,
                       one.rows ? "other rows were asked for before"
                                : "nothing was committed to that rows could be asked of");
  }
  if (asked->root != one.root->id() || asked->rows.size() != one.challenge.rows ||
      asked->rows.back() >= one.challenge.size) {
    return turn.Refuse(
        from, RefusalCode::kTermsDiffer,
        "the rows are not as many as the challenge says, or of another root",
        std::to_string(one.challenge.rows) + " rows below " + std::to_string(one.challenge.size));
  }
  if (!CheckNumber(turn, from, *lease, asked->number)) return;
  turn.Append(
      ChallengeStep{
          .challenge = one.id, .lease = one.lease, .event = ChallengeStep::Event::kRowsAsked},
      {from.document()});
  turn.Reply(from, {});
  turn.Do(OpenRows{one.lease, one.id, asked->rows});
}

void Provider::OnChallengeOpened(Turn& turn, const ChallengeOpened& event) {
  const auto it = challenges_.find(event.challenge);
  if (it == challenges_.end() || it->second.at != ChallengeStep::Event::kRowsAsked) {
    if (it == challenges_.end() || !it->second.opening) {
      turn.Do(RemoveBlob{.blob = event.blob.digest, .even_new = true});
    }
    return;
  }
  const ChallengeState& one = it->second;
  const Lease& lease = leases_.at(one.lease);
  if (!HasRoom(lease, {event.blob}, turn.settings().provider.lease_bytes)) {
    turn.Do(RemoveBlob{.blob = event.blob.digest, .even_new = true});
    return LapseChallenge(turn, one.lease, "the lease may have no more stored");
  }
  const DocumentRef opening = turn.Sign(ChallengeOpening{.lease = one.lease,
                                                         .number = lease.provider_number + 1,
                                                         .challenge = one.id,
                                                         .rows = one.rows->id(),
                                                         .blob = event.blob});
  turn.Append(
      ChallengeStep{
          .challenge = one.id, .lease = one.lease, .event = ChallengeStep::Event::kOpened},
      {opening});
  turn.Tell(lease.renter, opening);
}

void Provider::OnChallengeFailed(Turn& turn, const ChallengeFailed& event) {
  const auto it = challenges_.find(event.challenge);
  if (it == challenges_.end() || !IsOpen(it->second.at)) return;
  LapseChallenge(turn, it->second.lease, event.sentence);
}

void Provider::LapseChallenge(Turn& turn, const Digest& id, const std::string& why) {
  const Lease& lease = leases_.at(id);
  if (!lease.open_challenge) return;
  const Digest challenge = *lease.open_challenge;
  turn.Append(ChallengeStep{.challenge = challenge,
                            .lease = id,
                            .event = ChallengeStep::Event::kLapsed,
                            .sentence = why},
              {});
  turn.Do(StopChallenge{.lease = id, .challenge = challenge});
}

void Provider::RunChallengeTimers(Turn& turn, const Digest& id) {
  const Lease& lease = leases_.at(id);
  if (!lease.open_challenge) return;
  const ChallengeState& one = challenges_.at(*lease.open_challenge);
  // Rows may have to be computed again, after a restart.
  const bool waits = one.at == ChallengeStep::Event::kCommitted;
  const Duration most = waits ? limits::kChallengeWindow : AtMost(one.challenge);
  if (turn.now() < std::max(one.since, lease.not_late_before) + most) return;
  LapseChallenge(turn, id, waits ? "no rows were asked for in time" : "the device took too long");
}

// Whether what the verdict says of this challenge is so, as far as this log can tell.
bool Provider::FitsChallenge(const ChallengeVerdict& verdict, const ChallengeResult& result,
                             const PeerId& self) const {
  const auto it = challenges_.find(result.challenge);
  if (it == challenges_.end()) return false;
  const ChallengeState& one = it->second;
  const Challenge& asked = one.challenge;
  return verdict.provider == self && verdict.nonce == asked.nonce && verdict.size == asked.size &&
         verdict.rows == asked.rows && verdict.deadline == asked.deadline &&
         verdict.device_kind == asked.device_kind && verdict.model == asked.model &&
         result.lease == one.lease && result.device == leases_.at(one.lease).acceptance.device &&
         Sha256(verdict.secret.view()) == asked.secret_digest &&
         (result.status != ChallengeStatus::kPassed || one.opening);
}

void Provider::OnChallengeVerdict(Turn& turn, const From& from) {
  const auto verdict = Decode<ChallengeVerdict>(*from.document());
  if (!verdict) return turn.Refuse(from, RefusalCode::kMalformed, verdict.error().message);
  std::vector<const ChallengeResult*> ours;
  for (const ChallengeResult& result : verdict->results) {
    const auto it = challenges_.find(result.challenge);
    if (it == challenges_.end()) continue;
    const ChallengeState& one = it->second;
    if (leases_.at(one.lease).renter != from.peer) continue;
    if (one.verdict && one.verdict->id() == from.document()->id()) return turn.Reply(from, {});
    if (one.verdict || !FitsChallenge(*verdict, result, turn.self())) {
      return turn.Refuse(from, RefusalCode::kTermsDiffer,
                         one.verdict ? "the challenge was judged before"
                                     : "the verdict does not fit the challenge");
    }
    ours.push_back(&result);
  }
  if (ours.empty()) {
    return turn.Refuse(from, RefusalCode::kNotFound,
                       "the verdict is of no challenge of yours here");
  }
  for (const ChallengeResult* result : ours) {
    const Digest lease = result->lease;
    if (leases_.at(lease).open_challenge == result->challenge) {
      turn.Do(StopChallenge{.lease = lease, .challenge = result->challenge});
    }
    turn.Append(ChallengeStep{.challenge = result->challenge,
                              .lease = lease,
                              .event = ChallengeStep::Event::kJudged,
                              .status = result->status},
                {from.document()});
  }
  turn.Reply(from, {});
}

// The devices of a model are `challenged` where one round had them all pass at once. Of several
// such verdicts that of a peer in whose book this provider is paid comes first: others trust it
// too; then the one that lasts longest.
DocumentRef Provider::VerdictFor(const ProviderSettings& mine, const Offer& offer, Time now) const {
  std::set<std::string> devices;
  for (const DeviceForRent& device : mine.devices) {
    if (device.kind == offer.device_kind && device.model == offer.model)
      devices.insert(device.uuid);
  }
  DocumentRef best;
  std::pair<bool, Time> rank = {};
  for (const auto& [id, known] : verdicts_) {
    const ChallengeVerdict& verdict = known.verdict;
    if (verdict.expires <= now || verdict.device_kind != offer.device_kind ||
        verdict.model != offer.model) {
      continue;
    }
    std::set<std::string> passed;
    for (const ChallengeResult& result : verdict.results) passed.insert(result.device);
    if (!std::includes(passed.begin(), passed.end(), devices.begin(), devices.end())) continue;
    const bool book = std::find(mine.clearing_peers.begin(), mine.clearing_peers.end(),
                                known.document->signer()) != mine.clearing_peers.end();
    const std::pair<bool, Time> its = {book, verdict.expires};
    if (best && its <= rank) continue;
    best = known.document;
    rank = its;
  }
  return best;
}

bool Provider::MayReadOpening(const PeerId& peer, const Digest& challenge,
                              const Digest& blob) const {
  const auto it = challenges_.find(challenge);
  return it != challenges_.end() && leases_.at(it->second.lease).renter == peer &&
         it->second.opening && Content<ChallengeOpening>(it->second.opening).blob.digest == blob;
}

}  // namespace souk::node
