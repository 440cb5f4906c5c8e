// souk-audit timeline: one lease as several logs tell it.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "ledger/audit/audit_timeline.h"
#include "protocol/text.h"
#include "tools/audit/commands.h"
#include "tools/audit/log_source.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

using ledger::LeaseStory;
using ledger::Timeline;
using ledger::TimelineCell;
using ledger::TimelineStep;

std::string RoleName(const LeaseStory& story) {
  return story.role ? ledger::LeaseRoleName(*story.role) : "no part in it";
}

const TimelineCell* CellOf(const TimelineStep& step, size_t story) {
  for (const TimelineCell& cell : step.cells) {
    if (cell.story == story) return &cell;
  }
  return nullptr;
}

Json StepJson(const TimelineStep& step) {
  Json in = Json::array();
  for (const TimelineCell& cell : step.cells) {
    in.push_back({{"ledger", cell.story},
                  {"entry", cell.entry},
                  {"time", JsonTime(cell.time)},
                  {"says", cell.says.empty() ? Json() : Json(cell.says)}});
  }
  return {{"step", step.step},
          {"id", step.id.IsZero() ? Json() : Json(step.id.Hex())},
          {"what", step.what},
          {"time", JsonTime(step.time)},
          {"in", std::move(in)}};
}

void PrintTimelineJson(const Timeline& timeline, const std::vector<std::filesystem::path>& dirs,
                       bool agree) {
  Json ledgers = Json::array();
  Json problems = Json::array();
  for (size_t i = 0; i < timeline.stories.size(); ++i) {
    const LeaseStory& story = timeline.stories[i];
    ledgers.push_back({{"dir", dirs[i].string()},
                       {"name", story.name},
                       {"peer", story.peer.ToString()},
                       {"role", story.role ? Json(RoleName(story)) : Json()},
                       {"whole", story.whole},
                       {"entries", story.entries}});
    for (const std::string& problem : story.problems) {
      problems.push_back({{"ledger", i}, {"what", problem}});
    }
  }
  Json steps = Json::array();
  for (const TimelineStep& step : timeline.steps) steps.push_back(StepJson(step));
  Json disagreements = Json::array();
  for (const ledger::Disagreement& one : timeline.disagreements) {
    disagreements.push_back({{"contradicts", one.contradicts}, {"what", one.what}});
  }
  PrintJson({{"lease", timeline.lease.Hex()},
             {"escrow", timeline.escrow.Hex()},
             {"agree", agree},
             {"ledgers", std::move(ledgers)},
             {"steps", std::move(steps)},
             {"disagreements", std::move(disagreements)},
             {"problems", std::move(problems)}});
}

void PrintTimeline(const Timeline& timeline) {
  std::string who = "lease " + timeline.lease.Short();
  std::vector<Table::Column> columns = {{"TIME"}, {"WHAT"}};
  for (const LeaseStory& story : timeline.stories) {
    who += fmt::format(", {} {}", RoleName(story), story.name);
    columns.push_back({Shorten(story.name, kNameColumns), Align::kRight});
  }
  PrintFolded(who + "\n");
  Table table(columns);
  for (const TimelineStep& step : timeline.steps) {
    std::vector<std::string> row = {LocalClockMillis(step.time), step.what};
    for (size_t i = 0; i < timeline.stories.size(); ++i) {
      const TimelineCell* const cell = CellOf(step, i);
      row.push_back(cell == nullptr ? "–" : std::to_string(cell->entry));
    }
    table.Add(std::move(row));
  }
  Print(table);
  for (const ledger::Disagreement& one : timeline.disagreements) {
    const std::string mark =
        one.contradicts ? Styled(stdout, Style::kBad, "✗") : Styled(stdout, Style::kWarn, "?");
    PrintFolded(fmt::format("{} {}\n", mark, one.what));
  }
  for (const LeaseStory& story : timeline.stories) {
    for (const std::string& problem : story.problems) {
      PrintFolded(
          fmt::format("{} {}: {}\n", Styled(stdout, Style::kBad, "✗"), story.name, problem));
    }
  }
}

// The last line.
std::string TimelineConclusion(const Timeline& timeline) {
  const size_t logs = timeline.stories.size();
  if (logs == 1) return "one log only: whether the others agree, their ledgers say";
  const auto contradicts = [](const ledger::Disagreement& one) { return one.contradicts; };
  const auto& all = timeline.disagreements;
  const auto worse = std::count_if(all.begin(), all.end(), contradicts);
  if (worse > 0) return fmt::format("the {} logs contradict each other in {} places", logs, worse);
  if (!all.empty()) {
    return fmt::format("the {} logs agree in what they hold; {} steps are not in all", logs,
                       all.size());
  }
  if (std::any_of(timeline.stories.begin(), timeline.stories.end(),
                  [](const LeaseStory& story) { return !story.problems.empty(); })) {
    return fmt::format("the {} logs agree in what could be read of them", logs);
  }
  const bool whole = std::all_of(timeline.stories.begin(), timeline.stories.end(),
                                 [](const LeaseStory& story) { return story.whole; });
  return fmt::format("the {} logs agree{}", logs, whole ? "" : " as far as evidence bundles tell");
}

}  // namespace

int RunTimeline(const TimelineCommand& command) {
  std::vector<std::unique_ptr<LogSource>> opened;
  std::vector<ledger::LogPart> logs;
  std::vector<Digest> leases;
  for (const std::filesystem::path& dir : command.dirs) {
    auto one = OpenLogSource(dir, command.keys);
    if (!one) return Fail(one.error());
    const auto named = ledger::LeasesNamed((*one)->Part());
    if (!named) return Fail(Error(named.error().code, dir.string() + ": " + named.error().message));
    leases.insert(leases.end(), named->begin(), named->end());
    opened.push_back(std::move(*one));
  }
  const auto lease = ResolveId(command.lease, leases);
  if (!lease) return Fail(lease.error());
  logs.reserve(opened.size());
  for (const auto& one : opened) logs.push_back(one->Part());
  const auto timeline = ledger::TellLease(*lease, logs);
  if (!timeline) return Fail(timeline.error());
  const bool read = std::all_of(timeline->stories.begin(), timeline->stories.end(),
                                [](const LeaseStory& story) { return story.problems.empty(); });
  const bool agree = read && timeline->disagreements.empty();
  if (command.json) {
    PrintTimelineJson(*timeline, command.dirs, agree);
  } else {
    PrintTimeline(*timeline);
    Print(TimelineConclusion(*timeline) + "\n");
  }
  return agree ? kDone : kFailed;
}

}  // namespace souk::tools
