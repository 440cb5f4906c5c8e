// What a provider and a renter record of a job's receipt is judged alike (R7). Internal to the
// auditor.
#pragma once

#include "ledger/audit/audit_rules.h"

namespace souk::ledger {

// The job as the log told it so far.
struct ReceiptJob {
  const PeerId& provider;
  uint64_t fence = 0;
  const Digest& workload;
  uint64_t entry = 0;  // the job's last
};

// False where the receipt is not there to be judged.
bool CheckReceipt(EntryCheck& check, const JobStep& step, const ReceiptJob& job);

}  // namespace souk::ledger
