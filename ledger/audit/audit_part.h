// What an auditor may have of somebody's log, for those who look at several of them.
#pragma once

#include <functional>
#include <string>

#include "ledger/audit/audit_evidence.h"
#include "ledger/log/log.h"

namespace souk::ledger {

// What is at hand of one log: all of it, or the entries of an evidence bundle.
struct LogPart {
  using Visit = std::function<Status(uint64_t index, ByteView leaf)>;

  PeerId peer = {};
  std::string name = {};  // of its owner, where entry 0 may be missing
  uint64_t entries = 0;
  bool whole = true;  // what is not here is not in the log
  // Whether its key is known to be the peer's: its card or the reader says so, not only the copy.
  bool vouched = true;
  std::string key_from = {};  // for people
  std::function<Status(const Visit&)> for_each = {};
};
// The log outlives the part.
LogPart WholeLog(const LogReader& log);
// So does the evidence, which is of `log`.
LogPart PartOfLog(const Evidence& evidence, const NoteVerifier& log);

}  // namespace souk::ledger
