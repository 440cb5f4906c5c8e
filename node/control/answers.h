// What control.sock's questions are answered with, read from the agent between its steps (api.h).
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ledger/log/log.h"
#include "node/config.h"
#include "node/control/fields.h"
#include "node/runner.h"

namespace souk::node::control {

// All of it outlives the server. Read on the loop's thread only.
struct Facts {
  const Agent& agent;
  const ledger::Log& log;
  const Runner& runner;
  const BlobStore& blobs;
  std::filesystem::path dir = {};
  std::string listening = {};  // "tcp://…"; empty: nowhere
  std::string log_url = {};    // "http://…": where the log is served; empty: nowhere
  Time started = {};
  std::string jail = {};  // grade; empty where this node runs no jobs
  std::string jail_why = {};
  std::vector<std::string> device_notes = {};  // GPUs passed over or degraded, when it started
};

// A question and when it is asked.
struct Asked {
  const Facts& facts;
  Now now = {};

  const Agent& agent() const { return facts.agent; }
  const Settings& settings() const { return facts.agent.settings(); }
  Time log_time() const { return facts.agent.LogTime(now); }
  // "you" for this node.
  std::string NameOf(const PeerId& peer) const;
};

using Answer = Result<nlohmann::json>;
Answer AnswerId(const Asked& asked, Fields& fields);
Answer AnswerStatus(const Asked& asked, Fields& fields);
Answer AnswerPeers(const Asked& asked, Fields& fields);
Answer AnswerForks(const Asked& asked, Fields& fields);
Answer AnswerAccounts(const Asked& asked, Fields& fields);
Answer AnswerOffers(const Asked& asked, Fields& fields);
Answer AnswerWhy(const Asked& asked, Fields& fields);
Answer AnswerLeases(const Asked& asked, Fields& fields);
Answer AnswerLease(const Asked& asked, const Digest& id);
Answer AnswerJobs(const Asked& asked, Fields& fields);
// A row of `jobs`.
nlohmann::json RenterJobRow(const Asked& asked, const Renter::JobState& job);
Answer AnswerReplications(const Asked& asked, Fields& fields);
Answer AnswerChallenges(const Asked& asked, Fields& fields);
Answer AnswerLogs(const Asked& asked, Fields& fields);
// Of a clearing peer's own book.
Answer AnswerOwnBalance(const Asked& asked);

// The clearing peer that a balance or a lease is meant for where none was named.
Result<PeerId> OnlyClearingPeer(const Asked& asked);

}  // namespace souk::node::control
