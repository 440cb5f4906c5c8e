#include "ledger/log/diagnose_words.h"

#include <fmt/format.h>

#include <algorithm>

namespace souk::ledger {
namespace {

using State = Diagnosis::SlotState;
using Verdict = Diagnosis::Verdict;

// So many ranges or tiles are named; more are counted.
constexpr size_t kMostNamed = 8;

std::string RangeText(const EntryRange& range) {
  if (range.to - range.from == 1) return fmt::format("entry {}", range.from);
  return fmt::format("entries {} to {}", range.from, range.to - 1);
}

std::string RangesText(const std::vector<EntryRange>& ranges) {
  std::string text;
  for (size_t i = 0; i < std::min(ranges.size(), kMostNamed); ++i) {
    text += (i > 0 ? ", " : "") + RangeText(ranges[i]);
  }
  if (ranges.size() > kMostNamed)
    text += fmt::format(" and {} more stretches", ranges.size() - kMostNamed);
  return text;
}

uint64_t Count(const std::vector<EntryRange>& ranges) {
  uint64_t count = 0;
  for (const EntryRange& range : ranges) count += range.to - range.from;
  return count;
}

const char* SlotText(State state) {
  switch (state) {
    case State::kGood:
      return "readable";
    case State::kEmpty:
      return "empty";
    case State::kUnreadable:
      return "damaged";
    case State::kForeign:
      return "not signed with this log's key";
    case State::kMissing:
      return "missing";
  }
  return "";
}

void TellLostEntries(const DiagnosisFacts& facts, Diagnosis& out) {
  if (!facts.store_error.empty()) {
    out.is_lost.push_back("The database cannot be opened: " + facts.store_error + ".");
  }
  if (!out.lost.empty()) {
    const uint64_t count = Count(out.lost);
    std::string text = RangesText(out.lost);
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
    out.is_lost.push_back(fmt::format("{} ({} in all) {} missing or changed.", text, count,
                                      count == 1 ? "is" : "are"));
  }
  if (!out.unproven.empty()) {
    out.is_lost.push_back(
        fmt::format("Of {} nothing that can be read here tells whether {} what was written.",
                    RangesText(out.unproven), Count(out.unproven) == 1 ? "it is" : "they are"));
  }
}

bool TellSlots(const DiagnosisFacts& facts, Diagnosis& out) {
  if (!facts.slots_error.empty()) {
    out.is_lost.push_back("The checkpoint file cannot be read: " + facts.slots_error + ".");
    return true;
  }
  if (out.signed_head) return false;
  if (out.slots[0] == State::kMissing) {
    out.is_lost.emplace_back(
        "The checkpoint file is missing: what was signed last cannot be told from here.");
  } else {
    out.is_lost.push_back(
        fmt::format("No checkpoint can be read (slot 0 is {}, slot 1 is {}): what was signed last "
                    "cannot be told "
                    "from here.",
                    SlotText(out.slots[0]), SlotText(out.slots[1])));
  }
  return true;
}

// The two parts are of different moments.
bool TellGenerations(Diagnosis& out) {
  if (!out.signed_head || !out.stored_generation) return false;
  if (*out.stored_generation < out.signed_generation) {
    out.is_lost.push_back(
        fmt::format("The database ends at generation {}; generation {} was signed.",
                    *out.stored_generation, out.signed_generation));
    return true;
  }
  if (*out.stored_generation > out.signed_generation + 1) {
    out.is_lost.push_back(fmt::format(
        "The checkpoints of generations {} to {}: the checkpoint file is older than the database.",
        out.signed_generation + 1, *out.stored_generation));
    return true;
  }
  return false;
}

void TellDerivable(const DiagnosisFacts& facts, Diagnosis& out) {
  for (const std::string& remark : facts.remarks) out.is_derivable.push_back(remark + ".");
  if (!out.tiles.empty()) {
    std::string text;
    for (size_t i = 0; i < std::min(out.tiles.size(), kMostNamed); ++i) {
      text += (i > 0 ? ", " : "") + TilePath(out.tiles[i], kTileWidth);
    }
    if (out.tiles.size() > kMostNamed) {
      text += fmt::format(" and {} more", out.tiles.size() - kMostNamed);
    }
    out.is_derivable.push_back(fmt::format("{}: from the entries, where these are here.", text));
  }
  if (facts.refusal.empty()) return;
  const auto bad = [&](State state) {
    return out.signed_head && (state == State::kUnreadable || state == State::kForeign);
  };
  for (unsigned i = 0; i < 2; ++i) {
    if (bad(out.slots[i])) {
      out.is_derivable.push_back(
          fmt::format("Slot {} of the checkpoint file: by the next commit.", i));
    }
  }
  if (!out.stored_generation && facts.store_error.empty() && out.signed_head) {
    out.is_derivable.emplace_back("The database's head: from the checkpoint and the entries.");
  }
  if (!out.is_derivable.empty() || !facts.store_error.empty()) return;
  // Such as a file's checksum; what to do about it is said below.
  const std::string why = facts.refusal.substr(0, facts.refusal.find(". Nothing was changed"));
  out.is_derivable.push_back("What the database's own files hold beside the entries: " + why + ".");
}

void TellRemedies(const Diagnosis& found, std::vector<std::string>& to_do) {
  const uint64_t size = found.signed_head ? found.signed_head->size : 0;
  to_do.emplace_back("Stop the node, and copy the whole directory as it is to a safe place first.");
  to_do.push_back(fmt::format(
      "If a copy of the whole node directory exists that was made {}: put it back whole, then "
      "soukd "
      "run without --alone, so that a counterparty can say whether it is the newest.",
      size > 0 ? fmt::format("when it held {} entries or more", size) : "after the last entry"));
  to_do.emplace_back(
      "If a mirror keeps this log: soukd rebuild --from MIRROR makes it anew and proves that it is "
      "all there.");
  to_do.emplace_back(
      "--alone is for a copy of which you know that nothing was signed after it. With an older one "
      "it "
      "signs a fork, which counterparties can prove.");
  if (found.verdict == Verdict::kLost) {
    to_do.emplace_back(
        "If there is neither copy nor mirror: soukd init --dir OTHER begins a new ledger under a "
        "new "
        "key. This one's key must never sign again.");
  }
}

}  // namespace

void PutIntoWords(const DiagnosisFacts& facts, Diagnosis& out) {
  if (facts.fresh) {
    out.verdict = Verdict::kLost;
    out.is_lost.emplace_back("There is no ledger here: neither entries nor checkpoints.");
    TellRemedies(out, out.to_do);
    return;
  }
  const bool opens = facts.refusal.empty() && facts.store_error.empty();
  if (opens) {
    out.verdict = facts.remarks.empty() ? Verdict::kWhole : Verdict::kHeals;
    TellDerivable(facts, out);
    out.to_do.emplace_back(facts.remarks.empty() ? "Nothing: the ledger opens as it is."
                                                 : "Start the node: soukd run.");
    return;
  }
  TellLostEntries(facts, out);
  const bool no_slot = TellSlots(facts, out);
  const bool apart = TellGenerations(out);
  TellDerivable(facts, out);
  const bool lost =
      !out.lost.empty() || !out.unproven.empty() || !facts.store_error.empty() || no_slot || apart;
  out.verdict = lost ? Verdict::kLost : Verdict::kDerivable;
  if (!lost) {
    out.to_do.emplace_back(
        "Every entry is here and proven. No command writes into a damaged ledger, so it is "
        "replaced:");
  }
  TellRemedies(out, out.to_do);
}

}  // namespace souk::ledger
