#include "gpu/worker/proof_run.h"

#include <new>

#include "protocol/base/check.h"

namespace souk::gpu {

ProofRun::ProofRun(const wire::Prove& prove, Device& device) : prove_(prove), device_(device) {}

Result<Digest> ProofRun::Commit() {
  ASSIGN_OR_RETURN(DeviceProduct product, DeviceProduct::Load(device_, prove_.size));
  product_.emplace(std::move(product));
  return product_->Commit(prove_.seed, [this]() -> souk::Status {
    if (cancelled_) return Error(Code::kUnavailable, "cancelled");
    return Ok();
  });
}

void ProofRun::Compute() {
  const uint64_t started = BootMilliseconds();
  try {
    root_.emplace(Commit());
  } catch (const std::bad_alloc&) {
    root_.emplace(Error(Code::kExhausted, "the worker's memory is used up"));
  }
  milliseconds_ = BootMilliseconds() - started;
  done_ = true;
}

FromWorker ProofRun::Outcome() const {
  CHECK(done_ && root_);
  if (!*root_) {
    wire::ProofFailed failed;
    failed.challenge = prove_.challenge;
    failed.code = root_->error().code;
    failed.message = root_->error().message;
    return failed;
  }
  wire::Committed committed;
  committed.challenge = prove_.challenge;
  committed.root = **root_;
  committed.milliseconds = milliseconds_;
  return committed;
}

Result<wire::Opened> ProofRun::Open(const wire::Open& open, const JobFile& output) {
  if (!done_ || !root_->has_value()) {
    return Error(Code::kWrongState, "there is no product to open rows of");
  }
  ASSIGN_OR_RETURN(const Opening opening, product_->Open(open.rows));
  const Bytes bytes = EncodeOpening(opening);
  RETURN_IF_ERROR(WriteJobFile(output, bytes, "the opened rows"));
  wire::Opened opened;
  opened.challenge = prove_.challenge;
  opened.digest = Sha256(bytes);
  opened.bytes = bytes.size();
  return opened;
}

}  // namespace souk::gpu
