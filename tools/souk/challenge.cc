// souk challenge and challenges.
#include <fmt/format.h>

#include <algorithm>

#include "protocol/limits.h"
#include "protocol/text.h"
#include "tools/souk/market.h"

namespace souk::tools {
namespace {

Result<Json> RoundOf(DaemonLink& link, const std::string& round) {
  ASSIGN_OR_RETURN(Json found, link.Ask({{"do", "challenges"}, {"round", round}}));
  return found["challenges"];
}

bool AllOver(const Json& challenges) {
  return std::all_of(challenges.begin(), challenges.end(),
                     [](const Json& one) { return FlagAt(one, "over"); });
}

std::string StateText(const Json& one) {
  const std::string sentence = TextAt(one, "sentence");
  return TextAt(one, "state") + (sentence.empty() ? "" : ": " + sentence);
}

}  // namespace

bool AllPassed(const Json& challenges) {
  return !challenges.empty() &&
         std::all_of(challenges.begin(), challenges.end(),
                     [](const Json& one) { return TextAt(one, "state") == "passed"; });
}

std::string ChallengesTable(const Json& challenges) {
  Table table({{"CHALLENGE"},
               {"SIDE"},
               {"WITH"},
               {"GPU"},
               {"DEVICE"},
               {"N", Align::kRight},
               {"ROWS", Align::kRight},
               {"TOOK", Align::kRight},
               {"OF", Align::kRight},
               {"STATE"}});
  const std::vector<std::string> ids = ShortIdsOf(challenges);
  for (size_t i = 0; i < challenges.size(); ++i) {
    const Json& one = challenges[i];
    const int64_t took = NumberAt(one, "took_in_ms");
    table.Add({ids[i], TextAt(one, "side"), Shorten(TextAt(one, "peer_name"), kNameColumns),
               TextAt(one, "model"), TextAt(one, "device"), std::to_string(NumberAt(one, "size")),
               std::to_string(NumberAt(one, "rows")),
               took == 0 ? "–" : FormatElapsed(static_cast<double>(took) / 1000),
               FormatElapsed(static_cast<double>(NumberAt(one, "deadline_in_ms")) / 1000),
               StateText(one)});
  }
  return table.rows() > 0 ? table.ToText(ColumnsOf(stdout)) : "no challenges\n";
}

Result<Json> ChallengeDevices(DaemonLink& link, const std::vector<std::string>& leases,
                              uint32_t rows, uint32_t size) {
  Json request = {{"do", "challenge"}, {"leases", leases}, {"rows", rows}};
  if (size != 0) request["size"] = size;
  ASSIGN_OR_RETURN(const Json begun, link.Ask(request));
  const std::string round = TextAt(begun, "round");
  Json challenges;
  // The computation, the row numbers, the rows' way here, and the check.
  const Duration most = limits::kLongestChallenge * 2 + limits::kChallengeWindow * 2;
  ASSIGN_OR_RETURN(const bool judged, WaitUntil(most, Millis(100), [&]() -> Result<bool> {
                     ASSIGN_OR_RETURN(challenges, RoundOf(link, round));
                     return AllOver(challenges);
                   }));
  if (!judged) return Error(Code::kUnavailable, "not judged yet; see: souk challenges");
  return challenges;
}

int RunChallenge(const Common& common, const ChallengeOptions& options) {
  auto link = DaemonLink::Reach(common);
  if (!link) return Fail(link.error());
  std::vector<std::string> leases;
  for (const std::string& prefix : options.leases) {
    const auto lease = link->FindLease(prefix);
    if (!lease) return Fail(lease.error());
    leases.push_back(TextAt(*lease, "id"));
  }
  const InterruptGuard guard;
  const auto challenges = ChallengeDevices(*link, leases, options.rows, options.size);
  if (!challenges) return Fail(challenges.error());
  if (common.json) {
    PrintJson({{"challenges", *challenges}, {"passed", AllPassed(*challenges)}});
  } else {
    Print(ChallengesTable(*challenges));
    if (AllPassed(*challenges)) {
      PrintFolded(
          "It holds for you and for those who trust you. It excludes neither a device elsewhere "
          "that answers for this one, nor one device behind two identities.\n",
          /*indent=*/0);
    }
  }
  return AllPassed(*challenges) ? kDone : kFailed;
}

int RunChallengeList(const Common& common, const std::string& lease) {
  auto link = DaemonLink::Reach(common);
  if (!link) return Fail(link.error());
  Json request = {{"do", "challenges"}};
  if (!lease.empty()) {
    const auto found = link->FindLease(lease);
    if (!found) return Fail(found.error());
    request["lease"] = TextAt(*found, "id");
  }
  const auto all = link->Ask(request);
  if (!all) return Fail(all.error());
  if (common.json) {
    PrintJson(*all);
  } else {
    Print(ChallengesTable((*all)["challenges"]));
  }
  return kDone;
}

}  // namespace souk::tools
