// Whether a log left out what its counterparties hold of it (R3). A node writes down what it signs
// under a lease before it sends it, so what others have of it must stand in its log.
//
// An omission is proven where the owner's own signature says the place: an acceptance names its
// entry, and a log that goes on with a lease's later numbers had the earlier ones. What
// counterparties merely say, and what may be younger than this copy of the log, is told and not
// held against it.
#pragma once

#include <vector>

#include "ledger/audit/audit.h"
#include "ledger/audit/audit_part.h"

namespace souk::ledger {

// Adds to the report of an audit of `log` what the others' entries show: findings where something
// was left out, else what could not be decided. Each log is read once more, in order; memory grows
// with the leases. Signatures of what is held against the log are checked; whether the others' logs
// are sound is not looked at. kInvalidArgument where one of the others is the same peer's; errors
// of reading them.
Status AuditOmissions(const LogReader& log, const std::vector<LogPart>& others,
                      AuditReport& report);

}  // namespace souk::ledger
