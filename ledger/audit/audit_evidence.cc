#include "ledger/audit/audit_evidence.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "ledger/audit/audit_fold.h"
#include "ledger/c2sp/proof.h"

namespace souk::ledger {
namespace {

// One document and where it stands.
struct Held {
  DocumentRef document = {};
  uint64_t entry = 0;
};

class EvidenceAudit {
 public:
  explicit EvidenceAudit(const NoteVerifier& log) : log_(log) {}

  void Add(const EvidenceLeaf& leaf);
  void CheckJobs();
  void CheckBlobs(const std::vector<EvidenceBlob>& blobs);
  void TellLeases();
  AuditReport Finish();

 private:
  bool That(bool holds, uint64_t entry, const Rule& rule, std::string what) {
    if (!holds) findings_.Add(entry, rule, std::move(what));
    return holds;
  }
  void CheckHead(uint64_t entry, const Checkpoint& head);
  void CheckJob(const Held& held, const Job& job);
  void CheckReceipt(const Held& held, const JobReceipt& receipt);
  void Need(std::string sentence) {
    if (std::find(needs_.begin(), needs_.end(), sentence) == needs_.end()) {
      needs_.push_back(std::move(sentence));
    }
  }
  void NeedBlob(const BlobRef& blob, const char* what) { named_.emplace(blob.digest, what); }

  const NoteVerifier& log_;
  Findings findings_{kMaxFindings};
  AuditReport report_ = {};
  std::map<Digest, Held> documents_ = {};  // by id
  std::map<uint64_t, Outcome> outcomes_ = {};
  std::map<uint64_t, Digest> roots_ = {};  // by size of the tree
  std::map<Digest, const char*> named_ = {};
  std::vector<std::string> needs_ = {};
};

void EvidenceAudit::Add(const EvidenceLeaf& leaf) {
  const auto proof = ParseProof(leaf.proof);
  const uint64_t index = proof ? proof->index : 0;
  const auto head =
      proof ? VerifyProof(*proof, leaf.leaf, log_) : Result<Checkpoint>(proof.error());
  if (!head) {
    That(false, index, rules::kTree, fmt::format("{}: {}", leaf.name, head.error().message));
    return;
  }
  CheckHead(index, *head);
  CheckedEntry checked = CheckEntry(index, leaf.leaf);
  ++report_.entries;
  report_.signatures += checked.signatures;
  for (Finding& finding : checked.findings) findings_.Add(std::move(finding));
  if (checked.newer_rules != 0) {
    Need(fmt::format("entry {} follows rules version {}: a newer souk-audit is needed to judge it",
                     index, checked.newer_rules));
  }
  if (!checked.readable) return;
  That(checked.entry.sequence == index, index, rules::kSequence,
       fmt::format("it says {}", checked.entry.sequence));
  outcomes_.emplace(index, checked.entry.outcome);
  const Time time = checked.entry.time;
  report_.from = report_.from.ms == 0 ? time : std::min(report_.from, time);
  report_.to = std::max(report_.to, time);
  for (const DocumentRef& document : checked.documents) {
    if (document) documents_.emplace(document->id(), Held{document, index});
  }
}

void EvidenceAudit::CheckHead(uint64_t entry, const Checkpoint& head) {
  const auto [known, fresh] = roots_.try_emplace(head.size, head.root);
  That(fresh || known->second == head.root, entry, rules::kAppendOnly,
       fmt::format("two roots are signed for {} entries: the log was forked", head.size));
}

void EvidenceAudit::CheckJob(const Held& held, const Job& job) {
  ++report_.jobs;
  NeedBlob(job.workload, "workload");
  for (const BlobRef& blob : job.blobs) NeedBlob(blob, "input");
  const auto order = documents_.find(job.lease);
  if (order == documents_.end() || order->second.document->kind() != Kind::kOrder) {
    return Need("the lease's order is not here: who rented, and from whom");
  }
  That(order->second.document->signer() == held.document->signer(), held.entry, rules::kSigner,
       "the job is not signed by the lease's renter");
}

void EvidenceAudit::CheckReceipt(const Held& held, const JobReceipt& receipt) {
  for (const JobOutput& output : receipt.outputs) NeedBlob(output.blob, "output");
  const auto job_at = documents_.find(receipt.job);
  if (job_at == documents_.end()) return Need("the job that the receipt answers is not here");
  const auto job = Decode<Job>(*job_at->second.document);
  if (!That(job.has_value(), held.entry, rules::kJobs, "the receipt answers what is no job"))
    return;
  That(receipt.lease == job->lease && receipt.workload == job->workload.digest, held.entry,
       rules::kJobs, "the receipt answers another job, or of another lease");
  const auto order_at = documents_.find(job->lease);
  if (order_at == documents_.end()) return;
  const auto order = Decode<Order>(*order_at->second.document);
  if (!order) return;
  That(held.document->signer() == order->provider, held.entry, rules::kSigner,
       "the receipt is not signed by the lease's provider");
}

void EvidenceAudit::CheckJobs() {
  bool any_receipt = false;
  for (const auto& [id, held] : documents_) {
    if (held.document->kind() == Kind::kJob) {
      const auto job = Decode<Job>(*held.document);
      if (That(job.has_value(), held.entry, rules::kEvidence, "the job does not read")) {
        CheckJob(held, *job);
      }
    } else if (held.document->kind() == Kind::kJobReceipt) {
      any_receipt = true;
      const auto receipt = Decode<JobReceipt>(*held.document);
      if (That(receipt.has_value(), held.entry, rules::kEvidence, "the receipt does not read")) {
        CheckReceipt(held, *receipt);
      }
    }
  }
  if (report_.jobs == 0) Need("no job is here");
  if (report_.jobs > 0 && !any_receipt) {
    Need("no receipt is here: whether the job was done, the provider's word is missing");
  }
}

void EvidenceAudit::CheckBlobs(const std::vector<EvidenceBlob>& blobs) {
  for (const EvidenceBlob& blob : blobs) {
    That(blob.named == blob.found, 0, rules::kEvidence,
         fmt::format("blob {} has other bytes, whose digest is {}", blob.named.Short(),
                     blob.found.Short()));
    named_.erase(blob.named);
  }
  std::map<std::string, size_t> missing;
  for (const auto& [digest, what] : named_) ++missing[what];
  for (const auto& [what, count] : missing) {
    Need(fmt::format("{} {} blob{} {} not here", count, what, count == 1 ? "" : "s",
                     count == 1 ? "is" : "are"));
  }
}

// Takes what one entry says of its lease.
void Tell(uint64_t entry, const Outcome& outcome, std::map<Digest, AuditedLease>& leases) {
  const auto find = [&](const Digest& id) -> AuditedLease* {
    const auto lease = leases.find(id);
    if (lease == leases.end()) return nullptr;
    lease->second.first_entry = std::min(lease->second.first_entry, entry);
    lease->second.last_entry = std::max(lease->second.last_entry, entry);
    return &lease->second;
  };
  if (const auto* ordered = std::get_if<Ordered>(&outcome)) {
    find(ordered->lease);
  } else if (const auto* step = std::get_if<LeaseStep>(&outcome)) {
    AuditedLease* const lease = find(step->lease);
    if (lease == nullptr) return;
    lease->state = step->to;
    lease->metered = std::max(lease->metered, step->metered);
    lease->due = std::max(lease->due, step->due);
    if (step->reason != CloseReason::kNone) lease->reason = step->reason;
  } else if (const auto* taken = std::get_if<VoucherTaken>(&outcome)) {
    AuditedLease* const lease = find(taken->lease);
    if (lease != nullptr) lease->vouched = std::max(lease->vouched, taken->best);
  } else if (const auto* job = std::get_if<JobStep>(&outcome)) {
    AuditedLease* const lease = find(job->lease);
    const bool begins =
        job->event == JobStep::Event::kSubmitted || job->event == JobStep::Event::kAccepted;
    if (lease != nullptr && begins) ++lease->jobs;
  } else if (const auto* settled = std::get_if<Settled>(&outcome)) {
    AuditedLease* const lease = find(settled->lease);
    if (lease == nullptr) return;
    lease->settled = true;
    lease->paid = settled->paid;
  }
}

void EvidenceAudit::TellLeases() {
  const PeerId self = PeerOfLog(log_.name);
  std::map<Digest, AuditedLease> leases;
  for (const auto& [id, held] : documents_) {
    if (held.document->kind() != Kind::kOrder) continue;
    const auto order = Decode<Order>(*held.document);
    if (!order) continue;
    AuditedLease& lease = leases[id];
    lease.id = id;
    lease.provided = order->provider == self;
    lease.counterparty = lease.provided ? held.document->signer() : order->provider;
    lease.book = order->book;
    lease.begun = order->issued;
    lease.most = order->max_cost;
    lease.first_entry = lease.last_entry = held.entry;
  }
  for (const auto& [entry, outcome] : outcomes_) Tell(entry, outcome, leases);
  for (auto& [id, lease] : leases) report_.lease_list.push_back(std::move(lease));
}

AuditReport EvidenceAudit::Finish() {
  report_.peer = PeerOfLog(log_.name);
  report_.verdict = Verdict::kIncomplete;
  Need(
      "the rest of the log is not here: what followed, and that nothing was left out, shows "
      "souk-audit verify on the node's directory");
  Need("the provider's side is its own log's to tell: souk-audit timeline with both directories");
  Need("the result was not computed again: souk-audit replay does that");
  report_.unchecked = std::move(needs_);
  findings_.MoveInto(report_);
  return std::move(report_);
}

}  // namespace

Result<std::map<uint64_t, const EvidenceLeaf*>> PlacesOf(const Evidence& evidence) {
  std::map<uint64_t, const EvidenceLeaf*> places;
  for (const EvidenceLeaf& leaf : evidence.leaves) {
    const auto proof = ParseProof(leaf.proof);
    if (!proof) return Error(Code::kMalformed, leaf.name + ".proof: " + proof.error().message);
    places.emplace(proof->index, &leaf);
  }
  return places;
}

AuditReport AuditEvidence(const Evidence& evidence, const NoteVerifier& log) {
  EvidenceAudit audit(log);
  for (const EvidenceLeaf& leaf : evidence.leaves) audit.Add(leaf);
  audit.CheckJobs();
  audit.CheckBlobs(evidence.blobs);
  audit.TellLeases();
  return audit.Finish();
}

}  // namespace souk::ledger
