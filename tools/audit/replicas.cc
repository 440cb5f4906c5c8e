// souk-audit replicas: rounds of replication as a renter's log tells them, and who was right.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "protocol/codec.h"
#include "protocol/entry.h"
#include "protocol/replication.h"
#include "protocol/text.h"
#include "tools/audit/replay.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

namespace fs = std::filesystem;

struct ReplicaJob {
  Digest id = {};
  PeerId provider = {};
  Replica replica = {};
  bool sealed = false;
  // With --settle: what the CPU reference says of it.
  std::string settled =
      {};                // "right", "wrong", "undecided", "not replayed"; "" where there is none
  std::string why = {};  // of the last two
  std::string fault_file = {};
};

struct Round {
  Digest id = {};
  uint32_t agree = 0;
  uint64_t entry = 0;
  bool revealed = false;
  std::vector<ReplicaJob> jobs = {};
  ReplicationVerdict verdict = {};
  std::optional<size_t> right = {};  // with --settle: the first that the reference agrees with
};

std::vector<Replica> ReplicasOf(const Round& round) {
  std::vector<Replica> replicas;
  for (const ReplicaJob& job : round.jobs) replicas.push_back(job.replica);
  return replicas;
}

// Reads one log from front to back.
class RoundReader {
 public:
  Status Read(const ledger::LogReader& log) {
    for (uint64_t index = 0; index < log.signed_size(); ++index) {
      ASSIGN_OR_RETURN(const Bytes leaf, log.Entry(index));
      ASSIGN_OR_RETURN(const Entry entry, DecodeEntry(leaf));
      if (const auto* ordered = std::get_if<Ordered>(&entry.outcome)) {
        RETURN_IF_ERROR(OnOrdered(entry, *ordered));
      } else if (const auto* step = std::get_if<JobStep>(&entry.outcome)) {
        RETURN_IF_ERROR(OnJob(entry, *step));
      } else if (const auto* replicated = std::get_if<Replicated>(&entry.outcome)) {
        OnReplicated(index, *replicated);
      }
    }
    for (Round& round : rounds_) round.verdict = JudgeReplicas(ReplicasOf(round), round.agree);
    return Ok();
  }
  std::vector<Round> TakeRounds() { return std::move(rounds_); }

 private:
  Status OnOrdered(const Entry& entry, const Ordered& ordered) {
    ASSIGN_OR_RETURN(const DocumentRef document, Document::Open(entry.documents.at(1)));
    ASSIGN_OR_RETURN(const Order order, Decode<Order>(*document));
    providers_[ordered.lease] = order.provider;
    return Ok();
  }

  Status OnJob(const Entry& entry, const JobStep& step) {
    if (step.event == JobStep::Event::kSubmitted) leases_[step.job] = step.lease;
    const auto place = places_.find(step.job);
    if (place == places_.end()) return Ok();
    Round& round = rounds_[place->second.first];
    ReplicaJob& job = round.jobs[place->second.second];
    switch (step.event) {
      case JobStep::Event::kSealed:
        job.sealed = true;
        return Ok();
      case JobStep::Event::kRevealed:
        if (!round.revealed) {
          for (ReplicaJob& one : round.jobs) one.replica.late = !one.sealed && !one.replica.over;
        }
        round.revealed = true;
        return Ok();
      case JobStep::Event::kFinished: {
        job.replica.over = true;
        if (entry.documents.empty()) return Ok();
        ASSIGN_OR_RETURN(const DocumentRef document, Document::Open(entry.documents[0]));
        ASSIGN_OR_RETURN(job.replica.receipt, Decode<JobReceipt>(*document));
        return Ok();
      }
      case JobStep::Event::kSubmitted:
      case JobStep::Event::kAccepted:
      case JobStep::Event::kStarted:
      case JobStep::Event::kFetched:
        return Ok();
    }
    return Ok();
  }

  void OnReplicated(uint64_t index, const Replicated& replicated) {
    Round round{.id = replicated.round, .agree = replicated.agree, .entry = index};
    for (const Digest& id : replicated.jobs) {
      places_[id] = {rounds_.size(), round.jobs.size()};
      round.jobs.push_back({.id = id, .provider = providers_[leases_[id]]});
    }
    rounds_.push_back(std::move(round));
  }

 private:
  std::vector<Round> rounds_ = {};
  std::map<Digest, std::pair<size_t, size_t>> places_ = {};  // job: round, place there
  std::map<Digest, PeerId> providers_ = {};                  // by lease
  std::map<Digest, Digest> leases_ = {};                     // by job
};

bool SomebodyDiffers(const Round& round) {
  return std::any_of(round.verdict.standings.begin(), round.verdict.standings.end(),
                     [](ReplicaStanding one) { return one == ReplicaStanding::kDiffers; });
}

// Why a result that is the reference's too is no more right than another.
std::string WhyNoProof(const gpu::ReplayReport& report) {
  if (report.result_class != ptx::Class::kExact) {
    return fmt::format("the same result as here; its kernels are {}, which fixes none",
                       ptx::ClassName(report.result_class));
  }
  return "the same result as here; the checking mode found what leaves it open";
}

// Each different result is replayed once, whole and in checking mode; of one that is wrong, every
// signer gets a document of its own.
Status Settle(const OpenedLedger& ledger, const AuditTarget& target, const ReplicasCommand& command,
              const Countdown& time, Round& round) {
  std::vector<size_t> right;
  for (size_t i = 0; i < round.jobs.size(); ++i) {
    ReplicaJob& job = round.jobs[i];
    const auto& receipt = job.replica.receipt;
    if (!receipt || receipt->status != JobStatus::kDone) continue;
    const bool known = std::any_of(right.begin(), right.end(), [&](size_t other) {
      return FindDifference(*round.jobs[other].replica.receipt, *receipt).empty();
    });
    if (known) {
      job.settled = round.jobs[right.front()].settled;
      job.why = round.jobs[right.front()].why;
      continue;
    }
    ReplayCommand replay{.job = job.id.Hex(), .full = true, .check = true};
    replay.out = command.out / (job.id.Short() + ".fault");
    FolderBlobs blobs(BlobFolder(target.dir));
    auto found = FindJobCase(ledger.log(), replay.job, blobs);
    const auto replayed =
        found ? ReplayJob(std::move(*found), blobs, replay, time) : Result<Replayed>(found.error());
    if (!replayed) {
      job.settled = "not replayed";
      job.why = replayed.error().code == Code::kExhausted ? OutOfTime(replayed.error()).message
                                                          : replayed.error().message;
      continue;
    }
    const bool proves = replayed->report.result_class == ptx::Class::kExact &&
                        replayed->report.check && replayed->report.check->clean();
    if (replayed->report.agrees()) {
      right.push_back(i);
      job.settled = proves ? "right" : "undecided";
      if (!proves) job.why = WhyNoProof(replayed->report);
    } else if (!replayed->fault_file.empty()) {
      job.settled = "wrong";
      job.fault_file = replayed->fault_file;
    } else {
      job.settled = "undecided";
      job.why = "another result than here; " + replayed->why_no_fault;
    }
  }
  if (!right.empty() && round.jobs[right.front()].settled == "right") round.right = right.front();
  return Ok();
}

void PrintRound(const Round& round) {
  Print(fmt::format("round {}, entry {}: {} ({} of {} are to agree)\n", round.id.Short(),
                    round.entry, ReplicationOutcomeName(round.verdict.outcome), round.agree,
                    round.jobs.size()));
  const bool settled = std::any_of(round.jobs.begin(), round.jobs.end(),
                                   [](const ReplicaJob& job) { return !job.settled.empty(); });
  std::vector<Table::Column> columns = {{"JOB"}, {"PROVIDER"}, {"STANDING"}, {"DIFFERS IN"}};
  if (settled) columns.push_back({"REFERENCE"});
  Table table(columns);
  const std::vector<Replica> replicas = ReplicasOf(round);
  for (size_t i = 0; i < round.jobs.size(); ++i) {
    const ReplicaJob& job = round.jobs[i];
    // 80 columns at most.
    std::vector<std::string> row = {job.id.Short(), Shorten(job.provider.ToString(), 10),
                                    ReplicaStandingName(round.verdict.standings[i]),
                                    Shorten(DifferenceOf(replicas, round.verdict, i), 29)};
    if (settled) row.push_back(job.settled);
    table.Add(row);
  }
  Print(table);
  for (const ReplicaJob& job : round.jobs) {
    if (!job.why.empty()) PrintFolded(fmt::format("{}: {}\n", job.id.Short(), job.why));
    if (!job.fault_file.empty()) {
      PrintFolded(fmt::format("{}: fault document {}\n", job.id.Short(), job.fault_file));
    }
  }
}

Json RoundJson(const Round& round) {
  const std::vector<Replica> replicas = ReplicasOf(round);
  Json jobs = Json::array();
  for (size_t i = 0; i < round.jobs.size(); ++i) {
    const ReplicaJob& job = round.jobs[i];
    Json one = {{"job", job.id.Hex()},
                {"provider", job.provider.ToString()},
                {"standing", ReplicaStandingName(round.verdict.standings[i])},
                {"difference", DifferenceOf(replicas, round.verdict, i)}};
    if (!job.settled.empty()) one["settled"] = job.settled;
    if (!job.why.empty()) one["why"] = job.why;
    if (!job.fault_file.empty()) one["fault"] = job.fault_file;
    jobs.push_back(std::move(one));
  }
  Json json = {{"round", round.id.Hex()},
               {"entry", round.entry},
               {"agree", round.agree},
               {"of", round.jobs.size()},
               {"state", ReplicationOutcomeName(round.verdict.outcome)},
               {"jobs", std::move(jobs)}};
  if (round.verdict.result) json["result"] = round.jobs[*round.verdict.result].id.Hex();
  if (round.right) json["right"] = round.jobs[*round.right].id.Hex();
  return json;
}

}  // namespace

int RunReplicas(const AuditTarget& target, const ReplicasCommand& command) {
  const auto limit = ParseDuration(command.time_limit);
  if (!limit) return Misuse("--time-limit: " + limit.error().message);
  const auto ledger = OpenLedger(target.dir, target.vkey);
  if (!ledger) return Fail(ledger.error());
  RoundReader reader;
  if (const Status read = reader.Read(ledger->log()); !read) return Fail(read.error());
  std::vector<Round> rounds = reader.TakeRounds();
  if (!command.round.empty()) {
    std::vector<Digest> ids;
    ids.reserve(rounds.size());
    for (const Round& round : rounds) ids.push_back(round.id);
    const auto found = ResolveId(command.round, ids);
    if (!found) return Fail(found.error());
    std::erase_if(rounds, [&](const Round& round) { return round.id != *found; });
  }
  if (command.settle) {
    std::error_code error;
    if (!command.out.empty()) fs::create_directories(command.out, error);
    if (!command.out.empty() && !fs::is_directory(command.out)) {
      return Misuse(command.out.string() + " is no folder; --out names one for the documents");
    }
  }
  bool good = true;
  const Countdown time(*limit);
  for (Round& round : rounds) {
    const bool differs = SomebodyDiffers(round);
    if (command.settle && differs) {
      const Status settled = Settle(*ledger, target, command, time, round);
      if (!settled) return Fail(settled.error());
      good &= round.right.has_value() &&
              std::none_of(round.jobs.begin(), round.jobs.end(),
                           [](const ReplicaJob& job) { return job.settled == "not replayed"; });
    } else {
      good &= round.verdict.outcome == ReplicationOutcome::kAgreed && !differs;
    }
  }
  if (target.json) {
    Json list = Json::array();
    for (const Round& round : rounds) list.push_back(RoundJson(round));
    PrintJson({{"replications", std::move(list)}, {"good", good}});
    return good ? kDone : kFailed;
  }
  if (rounds.empty()) Print("no job of this log ran on several providers\n");
  for (const Round& round : rounds) {
    PrintRound(round);
    if (SomebodyDiffers(round) && !command.settle) {
      Print("who differs has proven nothing yet: --settle runs the whole job here\n");
    }
  }
  return good ? kDone : kFailed;
}

}  // namespace souk::tools
