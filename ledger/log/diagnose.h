// What is wrong with a ledger that does not open: what is lost, what can be derived again, what to
// do.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "ledger/log/log.h"

namespace souk::ledger {

// Entries [from, to).
struct EntryRange {
  uint64_t from = 0;
  uint64_t to = 0;

  auto operator<=>(const EntryRange&) const = default;
};

struct Diagnosis {
  enum class Verdict {
    kWhole,      // opens as it is
    kHeals,      // opens, and the next commits mend it
    kDerivable,  // is refused, though every entry is here and proven
    kLost,       // entries, or the proof of them, are not here
  };
  enum class SlotState { kGood, kEmpty, kUnreadable, kForeign, kMissing };

  Verdict verdict = Verdict::kWhole;
  std::array<SlotState, 2> slots = {SlotState::kMissing, SlotState::kMissing};
  std::optional<Checkpoint> signed_head;      // the newest that can be read
  uint64_t signed_generation = 0;             // its
  std::optional<uint64_t> stored_generation;  // the database's
  uint64_t entries = 0;                       // that can be read
  // Acknowledged or written, and not here or not what was written. Ascending, apart.
  std::vector<EntryRange> lost;
  // Here, but nothing that can be read says whether they are what was written.
  std::vector<EntryRange> unproven;
  // Missing or not what the entries make.
  std::vector<TileId> tiles;

  // Sentences. Empty where there is nothing to say.
  std::vector<std::string> is_lost = {};
  std::vector<std::string> is_derivable = {};
  std::vector<std::string> to_do = {};
};

// What is there of a ledger, however little.
struct Remains {
  const Store* store = nullptr;  // none: the database does not open
  std::string store_error = {};  // then: why
  const SlotFile* slots = nullptr;
  // What an opening says that was tried before; empty where it opens, or was not tried.
  std::string refusal = {};
};

// Reads what can be read, each entry once, and writes nothing. Never fails: what cannot be read is
// what it tells about.
Diagnosis Diagnose(const Remains& remains, const NoteVerifier& log);

const char* DiagnosisName(Diagnosis::Verdict verdict);

}  // namespace souk::ledger
