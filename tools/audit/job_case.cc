#include "tools/audit/job_case.h"

#include <map>

#include "gpu/workload/workload_codec.h"
#include "protocol/base/file.h"
#include "protocol/codec.h"
#include "protocol/entry.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace souk::tools {
namespace {

// The job's documents among a log's entries: both sides of a lease record both.
struct JobDocuments {
  DocumentRef job = {};
  DocumentRef receipt = {};
};

using Jobs = std::map<Digest, JobDocuments>;

Status Collect(ByteView leaf, Jobs& jobs) {
  ASSIGN_OR_RETURN(const Entry entry, DecodeEntry(leaf));
  const auto* const step = std::get_if<JobStep>(&entry.outcome);
  if (step == nullptr) return Ok();
  for (const Bytes& envelope : entry.documents) {
    ASSIGN_OR_RETURN(DocumentRef document, Document::Open(envelope));
    if (document->kind() == Kind::kJob)
      jobs[step->job].job = std::move(document);
    else if (document->kind() == Kind::kJobReceipt)
      jobs[step->job].receipt = std::move(document);
  }
  return Ok();
}

Result<JobCase> FindAmong(const Jobs& jobs, const std::string& id, gpu::BlobSource& blobs) {
  std::vector<Digest> ids;
  for (const auto& [job, documents] : jobs) ids.push_back(job);
  ASSIGN_OR_RETURN(const Digest found, ResolveId(id, ids));
  const JobDocuments& documents = jobs.at(found);
  if (!documents.job) {
    return Error(Code::kNotFound, "this log does not hold the job " + found.Short() + " itself");
  }
  if (!documents.receipt) {
    return Error(Code::kWrongState, "job " + found.Short() + " has no receipt yet");
  }
  ASSIGN_OR_RETURN(const Job job, Decode<Job>(*documents.job));
  ASSIGN_OR_RETURN(Bytes encoded,
                   gpu::ReadChecked(blobs, {job.workload.digest, job.workload.size}));
  return MakeJobCase(documents.job, documents.receipt, std::move(encoded));
}

}  // namespace

Result<Bytes> FolderBlobs::Read(const gpu::BlobRef& blob) {
  Result<Bytes> bytes = ReadFile(folder_ / blob.digest.Hex(), limits::kBlobBytes);
  if (!bytes && bytes.error().code == Code::kNotFound) {
    return Error(Code::kNotFound,
                 "blob " + blob.digest.ToString() + " is not in " + folder_.string());
  }
  return bytes;
}

gpu::ClaimedResult JobCase::Claim(gpu::BlobSource& blobs) const {
  gpu::ClaimedResult claim;
  claim.commitments_root = receipt.states_root;
  for (const JobOutput& output : receipt.outputs) {
    if (output.name == gpu::kStatesFile || output.name == gpu::kPrintedFile) continue;
    gpu::ClaimedResult::Output one{output.name, output.blob.digest, {}};
    Result<Bytes> npy = gpu::ReadChecked(blobs, {output.blob.digest, output.blob.size});
    if (npy) one.npy = std::move(*npy);
    claim.outputs.push_back(std::move(one));
  }
  return claim;
}

std::optional<gpu::BlobRef> JobCase::States() const {
  for (const JobOutput& output : receipt.outputs) {
    if (output.name == gpu::kStatesFile) return gpu::BlobRef{output.blob.digest, output.blob.size};
  }
  return std::nullopt;
}

Result<JobCase> MakeJobCase(DocumentRef job, DocumentRef receipt, Bytes encoded_workload) {
  JobCase made;
  if (job->kind() != Kind::kJob || receipt->kind() != Kind::kJobReceipt) {
    return Error(Code::kMalformed, "these are no job and its receipt");
  }
  ASSIGN_OR_RETURN(made.job, Decode<Job>(*job));
  ASSIGN_OR_RETURN(made.receipt, Decode<JobReceipt>(*receipt));
  if (made.receipt.job != job->id() || made.receipt.lease != made.job.lease ||
      made.receipt.workload != made.job.workload.digest) {
    return Error(Code::kMismatch, "the receipt is not of this job");
  }
  if (made.receipt.status != JobStatus::kDone) {
    return Error(Code::kWrongState, std::string("the job is ") +
                                        std::string(JobStatusName(made.receipt.status)) +
                                        ": there is no result to look at");
  }
  if (Sha256(encoded_workload) != made.job.workload.digest) {
    return Error(Code::kMismatch, "the workload is not the one that the job names");
  }
  ASSIGN_OR_RETURN(made.workload, gpu::DecodeWorkload(encoded_workload));
  made.encoded_workload = std::move(encoded_workload);
  made.job_document = std::move(job);
  made.receipt_document = std::move(receipt);
  return made;
}

Result<JobCase> FindJobCase(const ledger::LogReader& log, const std::string& id,
                            gpu::BlobSource& blobs) {
  Jobs jobs;
  for (uint64_t index = 0; index < log.signed_size(); ++index) {
    ASSIGN_OR_RETURN(const Bytes leaf, log.Entry(index));
    RETURN_IF_ERROR(Collect(leaf, jobs));
  }
  return FindAmong(jobs, id, blobs);
}

Result<JobCase> FindJobCase(const ledger::Evidence& evidence, const std::string& id,
                            gpu::BlobSource& blobs) {
  Jobs jobs;
  for (const ledger::EvidenceLeaf& one : evidence.leaves) {
    RETURN_IF_ERROR(Collect(one.leaf, jobs));
  }
  return FindAmong(jobs, id, blobs);
}

}  // namespace souk::tools
