// A job's result looked at again on this machine's CPU: shared by replay and replicas.
#pragma once

#include "tools/audit/commands.h"
#include "tools/audit/job_case.h"

namespace souk::tools {

struct Replayed {
  JobCase job = {};
  gpu::ReplayReport report = {};
  std::string fault_file = {};    // the document that was written
  std::string why_no_fault = {};  // why none was
};

// `dir`: of the node whose ledger it is. Draws its progress on stderr. With `command.check`, and
// where the result differs, writes a fault document or says why none can be made.
Result<Replayed> ReplayJob(const OpenedLedger& ledger, const std::filesystem::path& dir,
                           const ReplayCommand& command);

}  // namespace souk::tools
