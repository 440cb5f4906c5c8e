// Rounds of replicas: watched, drawn as a table, listed.
#include <fmt/format.h>

#include <algorithm>

#include "protocol/text.h"
#include "tools/souk/job.h"

namespace souk::tools {
namespace {

Result<Json> RoundById(DaemonLink& link, const std::string& round) {
  ASSIGN_OR_RETURN(const Json found, link.Ask({{"do", "replications"}, {"round", round}}));
  return found["replications"].at(0);
}

bool AnyDiffers(const Json& round) {
  return std::any_of(round["jobs"].begin(), round["jobs"].end(),
                     [](const Json& job) { return TextAt(job, "standing") == "differs"; });
}

// How far the slowest is, and how many have committed.
void Draw(ProgressLine& line, const Json& round) {
  size_t sealed = 0;
  double least = 1;
  for (const Json& job : round["jobs"]) {
    const std::string state = TextAt(job, "state");
    if (state != "sending" && state != "queued" && state != "running") {
      ++sealed;
      continue;
    }
    const auto launches = static_cast<double>(NumberAt(job, "launches"));
    least = std::min(least,
                     launches == 0 ? 0 : static_cast<double>(NumberAt(job, "launch")) / launches);
  }
  line.Show("run", fmt::format("{} of {} committed", sealed, round["jobs"].size()), least, "");
}

}  // namespace

Result<Json> WatchRound(DaemonLink& link, const std::string& id) {
  ProgressLine line;
  Json round;
  while (true) {
    ASSIGN_OR_RETURN(round, RoundById(link, id));
    Draw(line, round);
    if (FlagAt(round, "over")) break;
    if (InterruptGuard::Interrupted()) return Error(Code::kExhausted, "interrupted");
    std::this_thread::sleep_for(std::chrono::milliseconds(25));
  }
  line.Finish();
  return round;
}

std::string ReplicasTable(const Json& round) {
  // 80 columns at most.
  Table table({{"JOB"}, {"PROVIDER"}, {"STATE"}, {"STANDING"}, {"DIFFERS IN"}});
  std::string sentences;
  for (const Json& job : round["jobs"]) {
    const std::string id = TextAt(job, "job").substr(0, 8);
    const std::string sentence = TextAt(job, "sentence");
    table.Add({id, Shorten(TextAt(job, "peer_name"), 13), TextAt(job, "state"),
               TextAt(job, "standing"), Shorten(TextAt(job, "difference"), 29)});
    if (!sentence.empty()) sentences += fmt::format("{}: {}\n", id, sentence);
  }
  return table.ToText(ColumnsOf(stdout)) + sentences;
}

std::string SettleHint(const Json& round, const std::string& dir) {
  if (!AnyDiffers(round)) return "";
  return fmt::format(
      "who differs has proven nothing yet; who was right says:\n"
      "  souk-audit replicas {} --round {} --settle\n",
      dir, TextAt(round, "round").substr(0, 8));
}

int RunReplicaList(const Common& common, const std::string& id) {
  auto link = DaemonLink::Reach(common);
  if (!link) return Fail(link.error());
  const auto all = link->Ask({{"do", "replications"}});
  if (!all) return Fail(all.error());
  Json rounds = (*all)["replications"];
  if (!id.empty()) {
    std::vector<Digest> ids;
    for (const Json& round : rounds) {
      ids.push_back(Digest::Parse(TextAt(round, "round")).value_or(Digest{}));
    }
    const auto found = ResolveId(id, ids);
    if (!found) return Fail(found.error());
    Json one = Json::array();
    for (const Json& round : rounds) {
      if (TextAt(round, "round") == found->Hex()) one.push_back(round);
    }
    rounds = std::move(one);
  }
  if (common.json) {
    PrintJson({{"replications", rounds}});
    return kDone;
  }
  if (rounds.empty()) Print("no job ran on several providers; see: souk run --help, --replicate\n");
  for (const Json& round : rounds) {
    Print(fmt::format("round {}  {}  {} ({} of {} are to agree)\n",
                      TextAt(round, "round").substr(0, 8), TextAt(round, "title"),
                      TextAt(round, "state"), NumberAt(round, "agree"), NumberAt(round, "of")));
    Print(ReplicasTable(round));
    Print(SettleHint(round, link->dir().string()));
  }
  return kDone;
}

}  // namespace souk::tools
