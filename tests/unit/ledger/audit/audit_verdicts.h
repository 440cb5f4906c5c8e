// What the tests of whole ledgers ask of a report, and where in a log they change something.
#pragma once

#include <gtest/gtest.h>

#include "unit/ledger/audit/audit_world.h"

namespace souk::ledger {

inline bool Names(const AuditReport& report, const char* name, uint64_t entry) {
  for (const Finding& finding : report.findings) {
    if (finding.name == name && finding.entry == entry) return true;
  }
  return false;
}

inline testing::AssertionResult Breaks(const AuditReport& report, const char* name,
                                       uint64_t entry) {
  if (report.verdict == Verdict::kInvalid && Names(report, name, entry)) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << VerdictName(report.verdict) << ", expected \"" << name
                                     << "\" at " << entry << ", found:\n"
                                     << Describe(report);
}

inline testing::AssertionResult IsValid(const AuditReport& report) {
  if (report.verdict == Verdict::kValid) return testing::AssertionSuccess();
  return testing::AssertionFailure() << VerdictName(report.verdict) << ":\n" << Describe(report);
}

inline LeaseStep& StepAt(std::vector<Entry>& log, uint64_t at) {
  return std::get<LeaseStep>(log[at].outcome);
}
inline souk::TransferRecord& TransferAt(std::vector<Entry>& log, uint64_t at) {
  return std::get<Booked>(log[at].outcome).transfers[0];
}

}  // namespace souk::ledger
