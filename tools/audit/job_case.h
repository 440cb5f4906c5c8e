// One job as a node's directory holds it: what was signed, and the blobs that it names.
#pragma once

#include <filesystem>
#include <optional>

#include "gpu/workload/replay.h"
#include "protocol/document.h"
#include "protocol/messages.h"
#include "tools/audit/evidence.h"
#include "tools/audit/open_ledger.h"

namespace souk::tools {

// Blobs of a node's store, or of the files of an evidence folder.
class FolderBlobs : public gpu::BlobSource {
 public:
  explicit FolderBlobs(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Result<Bytes> Read(const gpu::BlobRef& blob) override;

 private:
  std::filesystem::path folder_;
};

struct JobCase {
  DocumentRef job_document = {};
  DocumentRef receipt_document = {};
  Job job = {};
  JobReceipt receipt = {};
  Bytes encoded_workload = {};
  gpu::Workload workload = {};

  // What the receipt says, with the outputs' bytes where `blobs` has them whole.
  gpu::ClaimedResult Claim(gpu::BlobSource& blobs) const;
  // Of the states; nothing where the receipt names none.
  std::optional<gpu::BlobRef> States() const;
};

// Job and receipt belong together: the receipt's signer is the job's provider as far as the two
// documents can say, it names the job and its workload, and its job is done. The workload's bytes
// are those that both name.
Result<JobCase> MakeJobCase(DocumentRef job, DocumentRef receipt, Bytes encoded_workload);

// `id`: of the job, or a prefix of it. kNotFound, kConflict; kWrongState where the job is not done.
Result<JobCase> FindJobCase(const ledger::LogReader& log, const std::string& id,
                            gpu::BlobSource& blobs);
Result<JobCase> FindJobCase(const ledger::Evidence& evidence, const std::string& id,
                            gpu::BlobSource& blobs);

}  // namespace souk::tools
