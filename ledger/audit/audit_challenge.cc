#include "ledger/audit/audit_challenge.h"

#include <fmt/format.h>

#include <algorithm>

#include "protocol/limits.h"

namespace souk::ledger {

using Step = ChallengeStep::Event;

bool ChallengeAudit::IsOpen(Step at) {
  return at == Step::kAsked || at == Step::kTaken || at == Step::kCommitted ||
         at == Step::kRowsAsked;
}

void ChallengeAudit::CheckNumber(EntryCheck& check, uint64_t number, uint64_t& last) {
  check.That(number > last, rules::kNumbers, "number {} follows {}", number, last);
  last = std::max(last, number);
}

void ChallengeAudit::OnStep(EntryCheck& check, const ChallengeStep& step, const Lease& lease) {
  const bool begins = step.event == Step::kAsked || step.event == Step::kTaken;
  const bool ours = side_ == Side::kVerifier
                        ? step.event != Step::kTaken && step.event != Step::kLapsed
                        : step.event != Step::kAsked;
  if (!check.That(ours, rules::kChallenges, "the step is the other side's")) return;
  if (begins) return OnBegun(check, step, lease);
  const auto it = challenges_.find(step.challenge);
  if (!check.That(it != challenges_.end() && it->second.lease == step.lease, rules::kChallenges,
                  "the challenge was never begun under this lease")) {
    return;
  }
  State& state = it->second;
  switch (step.event) {
    case Step::kAsked:
    case Step::kTaken:
      return;
    case Step::kCommitted:
      OnRoot(check, state, lease);
      break;
    case Step::kRowsAsked:
      OnRows(check, state, lease);
      break;
    case Step::kOpened:
      OnOpening(check, state, lease);
      break;
    case Step::kJudged:
      OnVerdict(check, step, state, lease);
      break;
    case Step::kLapsed:
      check.ExpectDocuments(0);
      check.That(IsOpen(state.at), rules::kChallenges, {state.entry},
                 "what was opened or judged does not lapse");
      break;
  }
  if (!IsOpen(step.event)) open_.erase(step.lease);
  state.at = step.event;
  state.entry = check.index();
}

void ChallengeAudit::OnBegun(EntryCheck& check, const ChallengeStep& step, const Lease& lease) {
  const auto challenge = check.Take<Challenge>(0);
  if (!check.ExpectDocuments(1) || !challenge) return;
  const DocumentRef& document = check.DocumentAt(0);
  check.That(document->signer() == lease.renter, rules::kSigner,
             "the challenge is not signed by the lease's renter");
  check.That(document->id() == step.challenge && challenge->lease == step.lease, rules::kEvidence,
             "the challenge is another, or of another lease");
  check.That(lease.state == LeaseState::kMetering, rules::kChallenges,
             "a challenge was begun while the lease is {}", LeaseStateName(lease.state));
  const auto& named = challenge->devices;
  check.That(std::find(named.begin(), named.end(), lease.device) != named.end(), rules::kChallenges,
             "the lease's device {} is not among those that the challenge names", lease.device);
  CheckNumber(check, challenge->number, lease.renter_number);
  const auto [open, only] = open_.try_emplace(step.lease, step.challenge);
  check.That(only, rules::kChallenges, "another challenge {} is open under the lease",
             open->second.Short());
  const auto [known, fresh] = challenges_.try_emplace(step.challenge, State{.lease = step.lease,
                                                                            .challenge = *challenge,
                                                                            .at = step.event,
                                                                            .entry = check.index(),
                                                                            .asked = check.time()});
  check.That(fresh, rules::kChallenges, {known->second.entry}, "the challenge was begun before");
}

void ChallengeAudit::OnRoot(EntryCheck& check, State& state, const Lease& lease) {
  const auto root = check.Take<ChallengeRoot>(0);
  if (!check.ExpectDocuments(1) || !root) return;
  check.That(check.DocumentAt(0)->signer() == lease.provider, rules::kSigner,
             "the root is not signed by the lease's provider");
  check.That((state.at == Step::kAsked || state.at == Step::kTaken) && root->lease == state.lease,
             rules::kChallenges, {state.entry}, "a challenge is committed to once");
  CheckNumber(check, root->number, lease.provider_number);
  state.root = check.DocumentAt(0)->id();
  state.committed = check.time();
}

void ChallengeAudit::OnRows(EntryCheck& check, State& state, const Lease& lease) {
  const auto rows = check.Take<ChallengeRows>(0);
  if (!check.ExpectDocuments(1) || !rows) return;
  check.That(check.DocumentAt(0)->signer() == lease.renter, rules::kSigner,
             "the rows are not asked for by the lease's renter");
  check.That(state.at == Step::kCommitted && rows->root == state.root && rows->lease == state.lease,
             rules::kChallenges, {state.entry}, "rows are asked for once, of the root before them");
  check.That(rows->rows.size() == state.challenge.rows && rows->rows.back() < state.challenge.size,
             rules::kChallenges, "{} rows where the challenge says {} below {}", rows->rows.size(),
             state.challenge.rows, state.challenge.size);
  check.That(side_ == Side::kProver || state.committed - state.asked <= state.challenge.deadline,
             rules::kLate, {state.entry}, "rows are asked for of a root that came late");
  CheckNumber(check, rows->number, lease.renter_number);
  state.rows = check.DocumentAt(0)->id();
}

void ChallengeAudit::OnOpening(EntryCheck& check, State& state, const Lease& lease) {
  const auto opening = check.Take<ChallengeOpening>(0);
  if (!check.ExpectDocuments(1) || !opening) return;
  check.That(check.DocumentAt(0)->signer() == lease.provider, rules::kSigner,
             "the opening is not signed by the lease's provider");
  check.That(
      state.at == Step::kRowsAsked && opening->rows == state.rows && opening->lease == state.lease,
      rules::kChallenges, {state.entry}, "what is opened are the rows that were asked for");
  CheckNumber(check, opening->number, lease.provider_number);
  state.opened = true;
}

void ChallengeAudit::OnVerdict(EntryCheck& check, const ChallengeStep& step, const State& state,
                               const Lease& lease) {
  const auto verdict = check.Take<ChallengeVerdict>(0);
  if (!check.ExpectDocuments(1) || !verdict) return;
  check.That(check.DocumentAt(0)->signer() == lease.renter, rules::kSigner,
             "the verdict is not signed by the lease's renter");
  check.That(state.at != Step::kJudged, rules::kChallenges, {state.entry},
             "a challenge is judged once");
  const Challenge& asked = state.challenge;
  check.That(verdict->nonce == asked.nonce && verdict->provider == lease.provider &&
                 verdict->device_kind == asked.device_kind && verdict->model == asked.model &&
                 verdict->size == asked.size && verdict->rows == asked.rows &&
                 verdict->deadline == asked.deadline,
             rules::kChallenges, {state.entry}, "the verdict is of another challenge");
  check.That(Sha256(verdict->secret.view()) == asked.secret_digest, rules::kChallenges,
             {state.entry}, "the secret is not the one that the challenge fixed");
  const auto result =
      std::find_if(verdict->results.begin(), verdict->results.end(),
                   [&](const ChallengeResult& one) { return one.challenge == step.challenge; });
  if (!check.That(result != verdict->results.end(), rules::kChallenges,
                  "the verdict does not name the challenge")) {
    return;
  }
  check.That(result->lease == step.lease && result->device == lease.device &&
                 result->status == step.status,
             rules::kChallenges, "the verdict says other than the log of lease, device or result");
  check.That(result->status != ChallengeStatus::kPassed || state.opened, rules::kChallenges,
             {state.entry}, "nothing passes that was not opened");
  if (side_ == Side::kVerifier) CheckTimes(check, *result, state);
}

// What the verifier's own log has to say of when.
void ChallengeAudit::CheckTimes(EntryCheck& check, const ChallengeResult& result,
                                const State& state) {
  const bool committed = state.committed.ms != 0;
  const Duration took = committed ? state.committed - state.asked : Duration{};
  check.That(result.took == took, rules::kChallenges, {state.entry},
             "the root took {} ms by this log, {} ms by the verdict", took.ms, result.took.ms);
  const bool in_time = committed && took <= state.challenge.deadline;
  check.That(result.status != ChallengeStatus::kPassed || in_time, rules::kLate, {state.entry},
             "a late root passed");
  check.That(result.status != ChallengeStatus::kLate || !in_time, rules::kEarly, {state.entry},
             "a root that came in time counts as late");
  check.That(result.status != ChallengeStatus::kLate || committed ||
                 check.time() - state.asked > state.challenge.deadline,
             rules::kEarly, {state.entry}, "counted as late before the deadline");
}

}  // namespace souk::ledger
