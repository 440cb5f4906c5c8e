// souk-audit verify as a process of its own, for the benches.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "protocol/base/result.h"

namespace souk::bench {

struct AuditCommand {
  std::filesystem::path program;
  std::filesystem::path dir;
  std::string vkey;
};

struct AuditRun {
  double seconds = 0;
  double peak_mib = 0;
};

// Its output goes nowhere.
Result<pid_t> StartAudit(const AuditCommand& command, const std::vector<std::string>& more = {});
// Waits for its end; kFault unless the ledger was valid.
Result<AuditRun> AwaitAudit(pid_t pid);
// Timed from outside, as a person would.
Result<AuditRun> RunAudit(const AuditCommand& command, const std::vector<std::string>& more = {});

}  // namespace souk::bench
