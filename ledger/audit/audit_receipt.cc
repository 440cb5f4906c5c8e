#include "ledger/audit/audit_receipt.h"

namespace souk::ledger {

bool CheckReceipt(EntryCheck& check, const JobStep& step, const ReceiptJob& job) {
  const auto receipt = check.Take<JobReceipt>(0);
  if (!check.ExpectDocuments(1) || !receipt) return false;
  check.That(check.DocumentAt(0)->signer() == job.provider, rules::kSigner,
             "the receipt is not signed by the lease's provider");
  check.That(receipt->job == step.job && receipt->lease == step.lease &&
                 receipt->fence == job.fence && receipt->status == step.status &&
                 receipt->workload == job.workload,
             rules::kJobs, {job.entry}, "the receipt answers another job, lease or fence");
  return true;
}

}  // namespace souk::ledger
