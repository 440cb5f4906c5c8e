// Of capability challenges, asked and answered.
#include <algorithm>

#include "node/control/answers.h"

namespace souk::node::control {
namespace {

using nlohmann::json;
using Step = ChallengeStep::Event;

// What is being done about it; once judged, what it came to.
const char* StateName(Step at, const std::optional<ChallengeStatus>& status) {
  switch (at) {
    case Step::kAsked:
    case Step::kTaken:
      return "computing";
    case Step::kCommitted:
      return "committed";
    case Step::kRowsAsked:
      return "opening";
    case Step::kOpened:
      return "checking";
    case Step::kJudged:
      return status ? ChallengeStatusName(*status) : "judged";
    case Step::kLapsed:
      return "lapsed";
  }
  std::abort();
}

json ChallengeRow(const Asked& asked, const Digest& id, const Digest& lease,
                  const Challenge& challenge, const PeerId& peer, const std::string& device) {
  return {{"id", id.Hex()},
          {"round", challenge.nonce.Hex()},
          {"lease", lease.Hex()},
          {"peer", peer.ToString()},
          {"peer_name", asked.NameOf(peer)},
          {"device", device},
          {"model", challenge.model},
          {"size", challenge.size},
          {"rows", challenge.rows},
          {"deadline_in_ms", challenge.deadline.ms},
          {"asked_ms", challenge.issued.ms}};
}

void AddVerdict(const DocumentRef& document, json& row) {
  if (!document) return;
  row["verdict"] = document->id().Hex();
  if (const auto verdict = Decode<ChallengeVerdict>(*document)) {
    row["expires_ms"] = verdict->expires.ms;
  }
}

json VerifierRow(const Asked& asked, const Renter::ChallengeState& one) {
  const Renter::Lease& lease = asked.agent().renter().leases().at(one.lease);
  json row = ChallengeRow(asked, one.id, one.lease, one.challenge, lease.order.provider,
                          lease.acceptance.device);
  row["side"] = "verifier";
  row["state"] = StateName(one.at, one.decided);
  row["over"] = one.at == Step::kJudged;
  row["took_in_ms"] = one.took.ms;
  row["sentence"] = one.sentence;
  AddVerdict(one.verdict_document, row);
  return row;
}

json ProverRow(const Asked& asked, const Provider::ChallengeState& one) {
  const Provider::Lease& lease = asked.agent().provider().leases().at(one.lease);
  json row =
      ChallengeRow(asked, one.id, one.lease, one.challenge, lease.renter, lease.acceptance.device);
  std::optional<ChallengeStatus> status;
  const auto verdict =
      one.verdict ? Decode<ChallengeVerdict>(*one.verdict) : Error(Code::kNotFound, "");
  if (verdict) {
    for (const ChallengeResult& result : verdict->results) {
      if (result.challenge == one.id) status = result.status;
    }
  }
  const auto root = one.root ? Decode<ChallengeRoot>(*one.root) : Error(Code::kNotFound, "");
  row["side"] = "prover";
  row["state"] = StateName(one.at, status);
  row["over"] = one.at == Step::kJudged || one.at == Step::kLapsed;
  row["took_in_ms"] = root ? root->took.ms : 0;
  row["sentence"] = one.sentence;
  AddVerdict(one.verdict, row);
  return row;
}

}  // namespace

Answer AnswerChallenges(const Asked& asked, Fields& fields) {
  const auto round = fields.Id("round"), lease = fields.Id("lease");
  RETURN_IF_ERROR(fields.Done());
  json rows = json::array();
  const auto wanted = [&](const auto& one) {
    return (!round || *round == one.challenge.nonce) && (!lease || *lease == one.lease);
  };
  for (const auto& [id, one] : asked.agent().renter().challenges()) {
    if (wanted(one)) rows.push_back(VerifierRow(asked, one));
  }
  for (const auto& [id, one] : asked.agent().provider().challenges()) {
    if (wanted(one)) rows.push_back(ProverRow(asked, one));
  }
  std::stable_sort(rows.begin(), rows.end(), [](const json& a, const json& b) {
    return a["asked_ms"].get<int64_t>() > b["asked_ms"].get<int64_t>();
  });
  return json{{"challenges", std::move(rows)}};
}

}  // namespace souk::node::control
