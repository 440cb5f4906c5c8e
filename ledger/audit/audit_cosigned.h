// What witnesses say of a log (R3, R4): that a tree of so many entries stood at a time.
//
// Their times bound the log's from above: an entry under a cosigned checkpoint was there when the
// witness signed, so its time may not lie further ahead of that than two clocks may lie apart, as
// more witnesses say than the quorum leaves over. From below they bound nothing: a witness that was
// away cosigns later what it was shown before.
#pragma once

#include <string>
#include <vector>

#include "ledger/audit/audit.h"
#include "ledger/c2sp/cosignature.h"

namespace souk::ledger {

// Adds to the report of an audit of `log`: findings where a cosigned tree is not this log's or an
// entry is dated ahead of its witnesses, and what could not be decided: a quorum of policy.quorum
// that no checkpoint has, entries beyond the newest that has it, a copy that ends before what was
// cosigned. `heads` were opened under that policy's keys, with any quorum. report.witnesses says
// who stands where.
void AuditCosigned(const LogReader& log, const std::vector<CosignedCheckpoint>& heads,
                   const TrustPolicy& policy, AuditReport& report);

}  // namespace souk::ledger
