// What a provider and a renter record of vouchers and settlements is judged alike (R6). Internal to
// the auditor.
#pragma once

#include "ledger/audit/audit_rules.h"

namespace souk::ledger {

// The lease as the log told it so far.
struct VoucherLease {
  const Order& order;
  Credits best = {};
  uint64_t first_entry = 0;
  uint64_t last_entry = 0;
};

// False where the voucher is not there to be judged.
bool CheckVoucher(EntryCheck& check, const VoucherTaken& taken, const VoucherLease& lease);

// The book's word: its own log proves it. Here it may not exceed what the renter signed, and comes
// once.
void CheckSettlement(EntryCheck& check, const Settled& settled, const VoucherLease& lease,
                     bool settled_before);

}  // namespace souk::ledger
