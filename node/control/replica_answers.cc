// Of rounds of replicas: one job on several providers.
#include <algorithm>

#include "node/control/answers.h"

namespace souk::node::control {
namespace {

using nlohmann::json;

// So long after the first was shown the others are not waited for where enough agree.
constexpr Duration kGrace = Seconds(5);

json ReplicaRow(const Asked& asked, const Renter::JobState& job, ReplicaStanding standing,
                const std::string& difference) {
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
              {"difference", difference},
              {"sentence", whole["sentence"]},
              {"over", whole["over"]}};
  if (whole.contains("receipt")) row["receipt"] = whole["receipt"];
  return row;
}

json RoundRow(const Asked& asked, const Renter::Replication& round) {
  const Renter& renter = asked.agent().renter();
  const std::vector<Replica> replicas = renter.ReplicasOf(round, asked.log_time());
  const ReplicationVerdict verdict = JudgeReplicas(replicas, round.agree);
  json row = {
      {"round", round.round.Hex()}, {"title", renter.jobs().at(round.jobs.front()).job.title},
      {"agree", round.agree},       {"of", round.jobs.size()},
      {"asked_ms", round.asked.ms}, {"state", ReplicationOutcomeName(verdict.outcome)},
      {"revealed", round.revealed}};
  if (round.enough_sealed.ms != 0) row["reveal_by_ms"] = round.reveal_by.ms;
  bool all_over = true;
  bool shown_long_ago = false;
  std::string best;  // of those that agree, one whose outputs are here
  json jobs = json::array();
  for (size_t i = 0; i < round.jobs.size(); ++i) {
    const Renter::JobState& job = renter.jobs().at(round.jobs[i]);
    const ReplicaStanding standing = verdict.standings[i];
    jobs.push_back(ReplicaRow(asked, job, standing, DifferenceOf(replicas, verdict, i)));
    const bool over = jobs.back()["over"].get<bool>();
    const bool counts =
        standing != ReplicaStanding::kLate && standing != ReplicaStanding::kNoResult;
    all_over &= !counts || over;
    shown_long_ago |= job.reveal_document && asked.log_time() >= job.revealed + kGrace;
    if (verdict.result && standing == ReplicaStanding::kAgrees && over && best.empty()) {
      best = job.id.Hex();
    }
  }
  if (verdict.result) row["result"] = best.empty() ? round.jobs[*verdict.result].Hex() : best;
  row["over"] = verdict.outcome != ReplicationOutcome::kOpen &&
                (all_over || (!best.empty() && shown_long_ago));
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
