// One lease's story across the logs of its provider, its renter and its clearing peer: what each
// wrote down, merged by the ids of the documents, and where they say different things. Pure.
//
// A document is the same wherever it stands, so the same step in two logs is one step of the story.
// Signatures of the documents that are met are checked; whether the logs are sound is Audit's to
// say.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ledger/audit/audit_part.h"
#include "protocol/entry.h"

namespace souk::ledger {

enum class LeaseRole : uint8_t { kProvider, kRenter, kBook };
const char* LeaseRoleName(LeaseRole role);  // "provider"

// One step as one log has it.
struct LeaseNote {
  std::string step = {};  // "accepted", "voucher"…: what happened; the same in every log
  Digest id = {};         // of the document; zero where none stands behind the step
  std::string what = {};  // the step in a few words
  std::string says = {};  // what must be the same wherever the step stands: an amount, a status
  uint64_t entry = 0;
  Time time = {};
};

// What one log holds of a lease.
struct LeaseStory {
  std::string name = {};  // of the log's owner
  PeerId peer = {};
  std::optional<LeaseRole> role = {};  // as the order says; none where the log has no part in it
  uint64_t entries = 0;
  bool whole = true;  // else an evidence bundle, which need not hold what the log does
  Time end = {};      // of its last entry
  std::vector<LeaseNote> notes = {};
  std::vector<std::string> problems = {};  // what could not be read, as sentences
};

struct TimelineCell {
  size_t story = 0;  // its place in Timeline::stories
  uint64_t entry = 0;
  Time time = {};
  std::string says = {};
};
struct TimelineStep {
  std::string step = {};
  Digest id = {};
  std::string what = {};
  Time time = {};                        // the earliest
  std::vector<TimelineCell> cells = {};  // in the order of the stories, one each at most
};
struct Disagreement {
  bool contradicts = false;  // else one log lacks what another has
  std::string what = {};
};

struct Timeline {
  Digest lease = {};
  Digest escrow = {};
  std::vector<LeaseStory> stories = {};
  std::vector<TimelineStep> steps = {};
  std::vector<Disagreement> disagreements = {};  // contradictions first
};

// The leases that a log names.
Result<std::vector<Digest>> LeasesNamed(const LogPart& log);

// `logs` are read whole, one after the other. kNotFound where none of them holds the lease's order:
// without it nobody's part is known.
Result<Timeline> TellLease(const Digest& lease, const std::vector<LogPart>& logs);

}  // namespace souk::ledger
