// Of rounds of replicas: one job on several providers.
#include <algorithm>

#include "node/control/answers.h"

namespace souk::node::control {
namespace {

using nlohmann::json;

json ReplicaRow(const Asked& asked, const Renter::JobState& job, ReplicaStanding standing,
                const std::optional<JobReceipt>& result) {
  const Renter::Lease& lease = asked.agent().renter().leases().at(job.lease);
  const json whole = RenterJobRow(asked, job);
  json row = {{"job", job.id.Hex()},
              {"lease", job.lease.Hex()},
              {"peer", lease.order.provider.ToString()},
              {"peer_name", asked.NameOf(lease.order.provider)},
              {"state", whole["state"]},
              {"launch", whole["launch"]},
              {"launches", whole["launches"]},
              {"standing", ReplicaStandingName(standing)},
              {"difference", result && job.receipt ? FindDifference(*result, *job.receipt) : ""},
              {"sentence", whole["sentence"]},
              {"over", whole["over"]}};
  if (whole.contains("receipt")) row["receipt"] = whole["receipt"];
  return row;
}

json RoundRow(const Asked& asked, const Renter::Replication& round) {
  const Renter& renter = asked.agent().renter();
  const ReplicationVerdict verdict = renter.VerdictOn(round);
  json row = {
      {"round", round.round.Hex()}, {"title", renter.jobs().at(round.jobs.front()).job.title},
      {"agree", round.agree},       {"of", round.jobs.size()},
      {"asked_ms", round.asked.ms}, {"state", ReplicationOutcomeName(verdict.outcome)},
      {"revealed", round.revealed}};
  if (round.first_sealed.ms != 0) row["reveal_by_ms"] = round.reveal_by.ms;
  // What the others are compared with: the result that holds, or the first there is.
  std::optional<JobReceipt> result;
  if (verdict.result) {
    row["result"] = round.jobs[*verdict.result].Hex();
    result = renter.jobs().at(round.jobs[*verdict.result]).receipt;
  }
  bool fetched = true;
  json jobs = json::array();
  for (size_t i = 0; i < round.jobs.size(); ++i) {
    const Renter::JobState& job = renter.jobs().at(round.jobs[i]);
    if (!result) result = job.receipt;
    jobs.push_back(ReplicaRow(asked, job, verdict.standings[i], result));
    fetched &= job.late || jobs.back()["over"].get<bool>();
  }
  row["over"] = verdict.outcome != ReplicationOutcome::kOpen && fetched;
  row["jobs"] = std::move(jobs);
  return row;
}

}  // namespace

Answer AnswerReplications(const Asked& asked, Fields& fields) {
  const auto wanted = fields.Id("round");
  RETURN_IF_ERROR(fields.Done());
  std::vector<const Renter::Replication*> rounds;
  for (const auto& [id, round] : asked.agent().renter().replications()) {
    if (!wanted || *wanted == id) rounds.push_back(&round);
  }
  if (wanted && rounds.empty()) return Error(Code::kNotFound, "no such round; see: souk replicas");
  std::stable_sort(rounds.begin(), rounds.end(),
                   [](const auto* a, const auto* b) { return a->asked > b->asked; });
  json rows = json::array();
  for (const Renter::Replication* round : rounds) rows.push_back(RoundRow(asked, *round));
  return json{{"replications", std::move(rows)}};
}

}  // namespace souk::node::control
