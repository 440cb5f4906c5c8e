// Capability challenges (R7), the verifier's side: asked of the devices of several leases at once,
// timed by this log, checked against a secret of which nothing is said before the verdict.
#include <algorithm>

#include "gpu/challenge/plan.h"
#include "node/agent/directory.h"
#include "node/agent/renter.h"
#include "node/agent/trusted.h"
#include "protocol/base/check.h"

namespace souk::node {
namespace {

// Roots and openings are told once; what was lost on its way is asked for.
constexpr Duration kAskForStepEvery = Seconds(1);
// How long a verdict is offered to a provider that does not answer.
constexpr Duration kAskWithVerdict = Minutes(10);

using ChallengeEvent = ChallengeStep::Event;

}  // namespace

// A secret of its own for each round, found again after a restart.
Digest Renter::ChallengeSecret(const Turn& turn, const Digest& nonce) {
  return Sha256Hasher()
      .Update(AsBytes("souk/secret"))
      .Update(turn.identity().DeriveNonce("challenge-secret", 0).view())
      .Update(nonce.view())
      .Finish();
}

void Renter::FoldChallenge(const Entry& entry, const ChallengeStep& step) {
  if (step.event == ChallengeEvent::kAsked) {
    const auto lease = leases_.find(step.lease);
    if (lease == leases_.end()) return;
    ChallengeState& asked = challenges_[step.challenge];
    asked.id = step.challenge;
    asked.lease = step.lease;
    asked.document = Trusted(entry.documents.at(0));
    asked.challenge = Content<Challenge>(asked.document);
    asked.asked = asked.since = entry.time;
    lease->second.number = asked.challenge.number;
    lease->second.open_challenge = step.challenge;
    rounds_[asked.challenge.nonce].push_back(step.challenge);
    open_challenges_.insert(step.challenge);
    ++challenges_made_;
    return;
  }
  const auto it = challenges_.find(step.challenge);
  // A provider's log has the same steps, but begins them otherwise.
  if (it == challenges_.end()) return;
  ChallengeState& one = it->second;
  Lease& lease = leases_.at(one.lease);
  one.since = entry.time;
  one.at = step.event;
  switch (step.event) {
    case ChallengeEvent::kCommitted:
      one.root_document = Trusted(entry.documents.at(0));
      one.root = Content<ChallengeRoot>(one.root_document);
      one.took = entry.time - one.asked;
      lease.provider_number = one.root.number;
      return;
    case ChallengeEvent::kRowsAsked:
      one.rows_document = Trusted(entry.documents.at(0));
      one.rows = Content<ChallengeRows>(one.rows_document);
      lease.number = one.rows.number;
      return;
    case ChallengeEvent::kOpened:
      one.opening_document = Trusted(entry.documents.at(0));
      one.opening = Content<ChallengeOpening>(one.opening_document);
      lease.provider_number = one.opening.number;
      return;
    case ChallengeEvent::kJudged:
      one.verdict_document = Trusted(entry.documents.at(0));
      one.decided = step.status;
      one.sentence = step.sentence;
      open_challenges_.erase(one.id);
      if (lease.open_challenge == one.id) lease.open_challenge.reset();
      return;
    case ChallengeEvent::kAsked:
    case ChallengeEvent::kTaken:
    case ChallengeEvent::kLapsed:
      return;
  }
}

// R4: what was not there by the end of a downtime may have come during it: nobody can tell whether
// in time. Rows that were asked for are waited for anew.
void Renter::FoldResumedChallenges(const Entry& entry) {
  for (const Digest& id : open_challenges_) {
    ChallengeState& one = challenges_.at(id);
    if (one.at == ChallengeEvent::kAsked)
      Decide(one, ChallengeStatus::kInterrupted, "this node was down");
    one.since = entry.time;
  }
}

void Renter::Decide(ChallengeState& one, ChallengeStatus status, std::string sentence) {
  if (one.decided) return;
  one.decided = status;
  one.sentence = std::move(sentence);
}

Result<ClaimedModel> Renter::ModelOf(const Turn& turn, const Lease& lease) {
  if (const auto* known = turn.directory().FindOffer(lease.order.offer, turn.now())) {
    return ClaimedModel{known->offer.device_kind, known->offer.model, known->offer.memory_bytes,
                        known->offer.fp32_mflops};
  }
  // The offer is replaced as soon as its slices are leased; another version says the same.
  std::optional<ClaimedModel> found;
  for (const Offer& offer : turn.directory().OffersOf(lease.order.provider, turn.now())) {
    const bool fits = lease.model.empty() ||
                      (offer.device_kind == lease.device_kind && offer.model == lease.model);
    if (!fits) continue;
    const ClaimedModel model{offer.device_kind, offer.model, offer.memory_bytes, offer.fp32_mflops};
    if (found && (found->kind != model.kind || found->model != model.model)) {
      return Error(Code::kConflict,
                   "the provider offers several models, and this node was "
                   "restarted since it rented one of them");
    }
    found = model;
  }
  if (found) return *found;
  return Error(Code::kNotFound, "no live offer of that provider says what the device is");
}

Result<std::vector<Renter::Lease*>> Renter::ToBeChallenged(const ChallengeCommand& what) {
  if (what.leases.empty() || what.leases.size() > limits::kChallengeDevices) {
    return Error(
        Code::kInvalidArgument,
        "a round challenges 1 to " + std::to_string(limits::kChallengeDevices) + " devices");
  }
  std::vector<Lease*> out;
  std::set<std::string> devices;
  for (const Digest& id : what.leases) {
    const auto it = leases_.find(id);
    if (it == leases_.end()) return Error(Code::kNotFound, "no such lease; see: souk leases");
    Lease& lease = it->second;
    if (lease.phase != Phase::kMetering) {
      return Error(Code::kWrongState, "lease " + id.Short() + " is " + PhaseName(lease.phase) +
                                          "; a challenge needs one that is metering");
    }
    if (lease.order.provider != leases_.at(what.leases[0]).order.provider) {
      return Error(Code::kInvalidArgument, "the leases are of different providers");
    }
    if (!devices.insert(lease.acceptance.device).second) {
      return Error(Code::kInvalidArgument, "two of the leases are of one device");
    }
    const bool busy = std::any_of(open_jobs_.begin(), open_jobs_.end(), [&](const Digest& job) {
      return jobs_.at(job).lease == id && jobs_.at(job).at == JobStep::Event::kSubmitted;
    });
    if (lease.open_challenge || busy) {
      return Error(Code::kWrongState, "lease " + id.Short() + " has " +
                                          (busy ? "an open job; a challenge needs the whole device"
                                                : "a challenge that is not judged yet"));
    }
    out.push_back(&lease);
  }
  return out;
}

void Renter::OnChallengeCommand(Turn& turn, uint64_t command, const ChallengeCommand& what) {
  const auto refuse = [&](const Error& error) {
    turn.Answer({.command = command, .status = error});
  };
  const auto leases = ToBeChallenged(what);
  if (!leases) return refuse(leases.error());
  const auto model = ModelOf(turn, *leases->front());
  if (!model) return refuse(model.error());
  for (const Lease* lease : *leases) {
    const auto its = ModelOf(turn, *lease);
    if (!its) return refuse(its.error());
    if (its->kind != model->kind || its->model != model->model) {
      return refuse(Error(Code::kInvalidArgument, "the leases are of different models"));
    }
  }
  const auto plan = gpu::PlanChallenge(
      {model->kind, model->model, model->memory_bytes, model->fp32_mflops}, what.size);
  if (!plan) return refuse(plan.error());
  if (what.rows == 0 || what.rows > limits::kChallengeRows || what.rows > plan->size) {
    return refuse(Error(Code::kInvalidArgument,
                        "1 to " +
                            std::to_string(std::min<size_t>(limits::kChallengeRows, plan->size)) +
                            " rows can be opened"));
  }
  // Never twice, however old the copy of this node's log is that it goes on from.
  Bytes when;
  PutLe(when, static_cast<uint64_t>(turn.wall().ms));
  const Digest nonce =
      Sha256Hasher()
          .Update(turn.identity().DeriveNonce("challenge", challenges_made_).view())
          .Update(leases->front()->id.view())
          .Update(when)
          .Finish();
  Challenge challenge{.nonce = nonce,
                      .device_kind = model->kind,
                      .model = model->model,
                      .size = plan->size,
                      .rows = what.rows,
                      .deadline = Millis(static_cast<int64_t>(plan->deadline_ms)),
                      .secret_digest = Sha256(ChallengeSecret(turn, nonce).view()),
                      .issued = turn.now()};
  for (const Lease* lease : *leases) challenge.devices.push_back(lease->acceptance.device);
  for (const Lease* lease : *leases) {
    challenge.lease = lease->id;
    challenge.number = lease->number + 1;
    const DocumentRef document = turn.Sign(challenge);
    turn.Append(
        ChallengeStep{
            .challenge = document->id(), .lease = lease->id, .event = ChallengeEvent::kAsked},
        {document});
  }
  turn.Answer({.command = command, .id = nonce});
}

// ---- Asking ----------------------------------------------------------------------------------

void Renter::AskForStep(Turn& turn, ChallengeState& one, const DocumentRef& document, Time until) {
  const PeerId& provider = leases_.at(one.lease).order.provider;
  challenge_asks_[document->id()] = one.id;
  if (one.acknowledged != document->id()) {
    if (!turn.Asking(document->id())) turn.Ask(provider, document, {.until = until});
    return;
  }
  // Said again, it is answered with what there is by now.
  if (turn.monotonic() < one.next_ask) return;
  one.next_ask = turn.monotonic() + kAskForStepEvery;
  turn.Tell(provider, document);
}

// Whose doing it is that the lease does not go on.
ChallengeStatus Renter::EndedBy(const Lease& lease) {
  switch (lease.phase) {
    case Phase::kPaused:
    case Phase::kReleasing:
      return ChallengeStatus::kInterrupted;
    default:
      break;
  }
  return lease.release_document || lease.reason == CloseReason::kEndReached ||
                 lease.reason == CloseReason::kUnpaid
             ? ChallengeStatus::kInterrupted
             : ChallengeStatus::kSilent;
}

void Renter::PursueChallenge(Turn& turn, ChallengeState& one, Blobs& blobs) {
  const Lease& lease = leases_.at(one.lease);
  const bool goes_on = lease.phase == Phase::kMetering;
  switch (one.at) {
    case ChallengeEvent::kAsked: {
      const Time until = one.asked + one.challenge.deadline;
      if (turn.now() > until) return Decide(one, ChallengeStatus::kLate, "no root came in time");
      if (!goes_on) return Decide(one, EndedBy(lease), "the lease does not go on");
      return AskForStep(turn, one, one.document, until + Millis(1));
    }
    case ChallengeEvent::kCommitted:
      // Recorded though it came late: otherwise the rows were asked for with it.
      return Decide(one, ChallengeStatus::kLate, "the root came after the deadline");
    case ChallengeEvent::kRowsAsked: {
      const Time until = one.since + limits::kChallengeWindow;
      if (turn.now() >= until) return Decide(one, ChallengeStatus::kSilent, "the rows do not come");
      if (!goes_on) return Decide(one, EndedBy(lease), "the lease does not go on");
      return AskForStep(turn, one, one.rows_document, until);
    }
    case ChallengeEvent::kOpened:
      return PursueOpening(turn, one, blobs);
    case ChallengeEvent::kTaken:
    case ChallengeEvent::kJudged:
    case ChallengeEvent::kLapsed:
      return;
  }
}

void Renter::PursueOpening(Turn& turn, ChallengeState& one, Blobs& blobs) {
  const BlobRef& blob = one.opening.blob;
  if (one.checking) return;
  if (blob.size != gpu::OpeningBytes(one.challenge.size, one.challenge.rows)) {
    return Decide(one, ChallengeStatus::kWrong, "the opened rows have another size");
  }
  if (turn.view().BlobSize(blob.digest) == blob.size) {
    const Lease& lease = leases_.at(one.lease);
    one.checking = true;
    return turn.Do(CheckOpening{
        .claim = {.challenge = one.id,
                  .seed = gpu::MatrixSeed(one.challenge.nonce, lease.order.provider.bytes,
                                          one.lease, lease.acceptance.device),
                  .size = one.challenge.size,
                  .root = one.root.root,
                  .rows = one.rows.rows},
        .secret = ChallengeSecret(turn, one.challenge.nonce),
        .blob = blob});
  }
  if (turn.now() >= one.since + limits::kLongestChallenge) {
    return Decide(one, ChallengeStatus::kSilent, "the opened rows do not come");
  }
  const Status comes = blobs.Fetch(turn, blob, leases_.at(one.lease).order.provider, one.id);
  if (!comes) Decide(one, ChallengeStatus::kSilent, "the opened rows: " + comes.error().message);
}

void Renter::PursueChallenges(Turn& turn, Blobs& blobs) {
  const std::set<Digest> open = open_challenges_;
  std::set<Digest> rounds;
  for (const Digest& id : open) {
    ChallengeState& one = challenges_.at(id);
    if (!one.decided) PursueChallenge(turn, one, blobs);
    if (one.decided) rounds.insert(one.challenge.nonce);
  }
  for (const Digest& nonce : rounds) {
    const auto& members = rounds_.at(nonce);
    if (std::all_of(members.begin(), members.end(),
                    [&](const Digest& id) { return challenges_.at(id).decided.has_value(); })) {
      Judge(turn, members);
    }
  }
}

void Renter::Judge(Turn& turn, const std::vector<Digest>& members) {
  const ChallengeState& first = challenges_.at(members.front());
  const Challenge& asked = first.challenge;
  const PeerId provider = leases_.at(first.lease).order.provider;
  ChallengeVerdict verdict{.nonce = asked.nonce,
                           .provider = provider,
                           .device_kind = asked.device_kind,
                           .model = asked.model,
                           .size = asked.size,
                           .rows = asked.rows,
                           .deadline = asked.deadline,
                           .secret = ChallengeSecret(turn, asked.nonce),
                           .judged = turn.now(),
                           .expires = turn.now() + limits::kVerdictLife};
  for (const Digest& id : members) {
    const ChallengeState& one = challenges_.at(id);
    verdict.results.push_back({.challenge = id,
                               .lease = one.lease,
                               .device = leases_.at(one.lease).acceptance.device,
                               .status = *one.decided,
                               .took = one.took});
  }
  const DocumentRef document = turn.Sign(verdict);
  for (const Digest& id : members) {
    ChallengeState& one = challenges_.at(id);
    for (const DocumentRef& over : {one.document, one.rows_document}) {
      if (!over) continue;
      turn.Settle(over->id());
      challenge_asks_.erase(over->id());
    }
    turn.Append(ChallengeStep{.challenge = id,
                              .lease = one.lease,
                              .event = ChallengeEvent::kJudged,
                              .status = *one.decided,
                              .sentence = one.sentence},
                {document});
  }
  challenge_asks_[document->id()] = members.front();
  turn.Ask(provider, document, {.until = turn.now() + kAskWithVerdict});
}

// ---- Answers ---------------------------------------------------------------------------------

void Renter::OnChallengeRoot(Turn& turn, const From& from, const DocumentRef& document) {
  const auto root = Decode<ChallengeRoot>(*document);
  const auto it = root ? challenges_.find(root->challenge) : challenges_.end();
  if (it == challenges_.end()) return;
  ChallengeState& one = it->second;
  Lease& lease = leases_.at(one.lease);
  if (from.peer != lease.order.provider || document->signer() != from.peer ||
      root->lease != one.lease || root->number <= lease.provider_number) {
    return;
  }
  Hear(lease, turn.now());
  if (one.at != ChallengeEvent::kAsked || one.decided) return;
  turn.Append(
      ChallengeStep{.challenge = one.id, .lease = one.lease, .event = ChallengeEvent::kCommitted},
      {document});
  turn.Settle(one.document->id());
  if (one.took > one.challenge.deadline) {
    return Decide(one, ChallengeStatus::kLate, "the root came after the deadline");
  }
  // The numbers leave this node after the batch that holds the root is on the disk.
  const DocumentRef rows = turn.Sign(
      ChallengeRows{.lease = one.lease,
                    .number = lease.number + 1,
                    .challenge = one.id,
                    .root = document->id(),
                    .rows = gpu::ChosenRows(ChallengeSecret(turn, one.challenge.nonce), one.id,
                                            one.challenge.size, one.challenge.rows)});
  turn.Append(
      ChallengeStep{.challenge = one.id, .lease = one.lease, .event = ChallengeEvent::kRowsAsked},
      {rows});
}

void Renter::OnChallengeOpening(Turn& turn, const From& from, const DocumentRef& document) {
  const auto opening = Decode<ChallengeOpening>(*document);
  const auto it = opening ? challenges_.find(opening->challenge) : challenges_.end();
  if (it == challenges_.end()) return;
  ChallengeState& one = it->second;
  Lease& lease = leases_.at(one.lease);
  if (from.peer != lease.order.provider || document->signer() != from.peer ||
      opening->lease != one.lease || opening->number <= lease.provider_number) {
    return;
  }
  Hear(lease, turn.now());
  if (one.at != ChallengeEvent::kRowsAsked || one.decided ||
      opening->rows != one.rows_document->id())
    return;
  turn.Settle(one.rows_document->id());
  turn.Append(
      ChallengeStep{.challenge = one.id, .lease = one.lease, .event = ChallengeEvent::kOpened},
      {document});
}

void Renter::OnOpeningChecked(const OpeningChecked& event) {
  const auto it = challenges_.find(event.challenge);
  if (it == challenges_.end() || it->second.at != ChallengeEvent::kOpened) return;
  Decide(it->second, event.passed ? ChallengeStatus::kPassed : ChallengeStatus::kWrong,
         event.sentence);
}

bool Renter::OnChallengeReply(Turn& turn, const From& from, const Digest& re) {
  const auto ask = challenge_asks_.find(re);
  if (ask == challenge_asks_.end()) return false;
  ChallengeState& one = challenges_.at(ask->second);
  Lease& lease = leases_.at(one.lease);
  if (from.peer != lease.order.provider) return true;
  Hear(lease, turn.now());
  turn.Settle(re);
  one.acknowledged = re;
  one.next_ask = turn.monotonic() + kAskForStepEvery;
  if (one.verdict_document && one.verdict_document->id() == re) challenge_asks_.erase(ask);
  return true;
}

bool Renter::OnChallengeRefusal(Turn& turn, const From& from, const Refusal& refusal,
                                bool passing) {
  const auto ask = challenge_asks_.find(refusal.re);
  if (ask == challenge_asks_.end()) return false;
  ChallengeState& one = challenges_.at(ask->second);
  if (passing || from.peer != leases_.at(one.lease).order.provider) return true;
  turn.Settle(refusal.re);
  challenge_asks_.erase(ask);
  Decide(one, ChallengeStatus::kRefused, refusal.sentence);
  return true;
}

// What was learnt and not yet judged when this node went down.
void Renter::StartChallenges(Turn& turn) {
  for (const auto& [id, one] : challenges_) {
    if (!one.verdict_document || turn.now() >= one.since + kAskWithVerdict) continue;
    challenge_asks_[one.verdict_document->id()] = id;
    turn.Ask(leases_.at(one.lease).order.provider, one.verdict_document,
             {.until = one.since + kAskWithVerdict});
  }
}

}  // namespace souk::node
