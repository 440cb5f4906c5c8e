// What a provider and a renter record of a voucher is judged alike (R6). Internal to the auditor.
#pragma once

#include "ledger/audit_rules.h"

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

}  // namespace souk::ledger
