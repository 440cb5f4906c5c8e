#include "ledger/audit/audit_voucher.h"

#include <fmt/format.h>

#include "protocol/text.h"

namespace souk::ledger {

bool CheckVoucher(EntryCheck& check, const VoucherTaken& taken, const VoucherLease& lease) {
  if (!check.ExpectDocuments(1)) return false;
  const auto voucher = check.Take<Voucher>(0);
  if (!voucher) return false;
  const Order& order = lease.order;
  check.That(check.DocumentAt(0)->signer() == order.voucher_key, rules::kVouchers,
             {lease.first_entry}, "the voucher is not signed by the order's voucher key");
  check.That(
      voucher->lease == taken.lease && voucher->book == order.book && voucher->amount == taken.best,
      rules::kVouchers, "the voucher is for another lease, book or amount");
  check.That(taken.best > lease.best, rules::kVouchers, {lease.last_entry},
             "a voucher of {} cr after one of {} cr", FormatCredits(taken.best),
             FormatCredits(lease.best));
  check.That(taken.best <= order.max_cost, rules::kVouchers, {lease.first_entry},
             "a voucher of {} cr where the order ends at {} cr", FormatCredits(taken.best),
             FormatCredits(order.max_cost));
  return true;
}

void CheckSettlement(EntryCheck& check, const Settled& settled, const VoucherLease& lease,
                     bool settled_before) {
  check.ExpectDocuments(0);
  check.That(settled.escrow == lease.order.escrow, rules::kSettlement, {lease.first_entry},
             "the settlement is of another escrow");
  check.That(!settled_before, rules::kResolution, {lease.last_entry},
             "the lease's escrow was settled before");
  check.That(settled.paid <= lease.best, rules::kSettlement,
             "the book paid {} cr for a voucher of {} cr", FormatCredits(settled.paid),
             FormatCredits(lease.best));
}

}  // namespace souk::ledger
