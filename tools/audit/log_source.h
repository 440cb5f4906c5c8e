// What stands for a log where several are looked at: a node's directory, tiles, a URL, or an
// evidence bundle.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ledger/audit/audit_part.h"
#include "tools/audit/evidence.h"
#include "tools/audit/open_ledger.h"

namespace souk::tools {

// One of the two. The part that it tells is valid for as long as it is.
struct LogSource {
  std::optional<OpenedLedger> ledger = {};
  std::optional<OpenedEvidence> bundle = {};

  ledger::LogPart Part() const;
  const ledger::NoteVerifier& key() const { return ledger ? ledger->key : bundle->key; }
};

// `keys`: each is some log's; that of another is found. Errors name the directory.
Result<std::unique_ptr<LogSource>> OpenLogSource(const std::filesystem::path& dir,
                                                 const std::vector<std::string>& keys);

}  // namespace souk::tools
