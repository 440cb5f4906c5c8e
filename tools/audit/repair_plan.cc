// souk-audit verify --repair-plan: a damaged ledger in words.
#include <fmt/format.h>

#include "ledger/log/diagnose.h"
#include "node/http/log_client.h"
#include "tools/audit/commands.h"
#include "tools/audit/evidence.h"
#include "tools/audit/open_ledger.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace {

using ledger::Diagnosis;

// Of a plan that is read on a terminal or printed.
constexpr size_t kPlanColumns = 80;

Json RangesJson(const std::vector<ledger::EntryRange>& ranges) {
  Json out = Json::array();
  for (const ledger::EntryRange& range : ranges) out.push_back({range.from, range.to});
  return out;
}

Json TilesJson(const std::vector<ledger::TileId>& tiles) {
  Json out = Json::array();
  for (const ledger::TileId tile : tiles) out.push_back(ledger::TilePath(tile, ledger::kTileWidth));
  return out;
}

const char* SlotName(Diagnosis::SlotState state) {
  using State = Diagnosis::SlotState;
  switch (state) {
    case State::kGood:
      return "good";
    case State::kEmpty:
      return "empty";
    case State::kUnreadable:
      return "damaged";
    case State::kForeign:
      return "foreign";
    case State::kMissing:
      return "missing";
  }
  return "";
}

bool Opens(const Diagnosis& found) {
  return found.verdict == Diagnosis::Verdict::kWhole || found.verdict == Diagnosis::Verdict::kHeals;
}

void PrintPlanAsJson(const std::string& dir, const Diagnosis& found) {
  Json json = {{"verdict", ledger::DiagnosisName(found.verdict)},
               {"ok", Opens(found)},
               {"dir", dir},
               {"entries", found.entries},
               {"slots", {SlotName(found.slots[0]), SlotName(found.slots[1])}},
               {"signed_entries", Json()},
               {"signed_generation", Json()},
               {"stored_generation", Json()},
               {"lost", RangesJson(found.lost)},
               {"unproven", RangesJson(found.unproven)},
               {"tiles", TilesJson(found.tiles)},
               {"is_lost", found.is_lost},
               {"is_derivable", found.is_derivable},
               {"to_do", found.to_do}};
  if (found.signed_head) {
    json["signed_entries"] = found.signed_head->size;
    json["signed_generation"] = found.signed_generation;
  }
  if (found.stored_generation) json["stored_generation"] = *found.stored_generation;
  PrintJson(json);
}

void PrintPart(const char* title, const std::vector<std::string>& sentences) {
  if (sentences.empty()) return;
  Print(fmt::format("{}\n", title));
  for (const std::string& sentence : sentences) {
    Print(Fold("  - " + sentence + "\n", kPlanColumns, /*indent=*/4));
  }
}

void PrintPlan(const std::string& dir, const Diagnosis& found) {
  Print(Fold(fmt::format("{}, {} entr{} readable\n", dir, WithCommas(found.entries),
                         found.entries == 1 ? "y" : "ies"),
             kPlanColumns, /*indent=*/2));
  PrintPart("Lost:", found.is_lost);
  PrintPart("Derived again:", found.is_derivable);
  PrintPart("To do:", found.to_do);
  Print(fmt::format("{}\n", Styled(stdout, Opens(found) ? Style::kGood : Style::kBad,
                                   ledger::DiagnosisName(found.verdict))));
}

}  // namespace

int RunRepairPlan(const AuditTarget& target) {
  if (node::IsLogUrl(target.dir.string()) || ledger::HoldsTiles(target.dir) ||
      IsEvidence(target.dir)) {
    return Misuse("--repair-plan is for a node's own directory; verify without it looks at copies");
  }
  const std::filesystem::path dir = NodeDirectory(target.dir);
  std::error_code error;
  if (!std::filesystem::is_directory(dir, error)) {
    return Fail(Error(Code::kNotFound, "there is no directory " + dir.string()));
  }
  const auto key = FindLogKey(dir, target.vkey);
  if (!key && !target.vkey.empty()) {
    return Misuse(fmt::format("--key {}: {}", target.vkey, key.error().message));
  }
  if (!key) return Fail(key.error());
  // The opening looks at more than the entries, such as every file's checksum.
  const auto view = ledger::LedgerView::Open(dir, *key);
  const auto store =
      ledger::OpenRocksDb(dir / "ledger", ledger::OpenMode::kReadOnly, ledger::FileChecks::kNone);
  const auto slots = ledger::OpenSlotFile(dir / "checkpoint");
  const Diagnosis found = ledger::Diagnose({.store = store ? store->get() : nullptr,
                                            .store_error = store ? "" : store.error().message,
                                            .slots = slots.get(),
                                            .refusal = view ? "" : view.error().message},
                                           *key);
  if (target.json) {
    PrintPlanAsJson(target.dir.string(), found);
  } else {
    PrintPlan(target.dir.string(), found);
  }
  return Opens(found) ? kDone : kFailed;
}

}  // namespace souk::tools
