// One capability challenge in the worker (R7): the product is computed and committed to, and kept
// on the device until rows of it are asked for.
#pragma once

#include <atomic>
#include <optional>

#include "gpu/challenge/device_product.h"
#include "gpu/worker/job_run.h"

namespace souk::gpu {

// Invariant: the product's memory lives as long as the object, and only while no job runs.
// Threads: Compute runs on its own; done() and Cancel may be called meanwhile, all else after it.
class ProofRun {
 public:
  ProofRun(const wire::Prove& prove, Device& device);

  // Returns once done().
  void Compute();
  // Asks Compute to stop at its next launch.
  void Cancel() { cancelled_ = true; }

  bool done() const { return done_; }
  const Digest& challenge() const { return prove_.challenge; }
  // What to tell of it: wire::Committed or wire::ProofFailed.
  FromWorker Outcome() const;
  // Writes the opening of these rows; `output` is open for writing.
  Result<wire::Opened> Open(const wire::Open& open, const JobFile& output);

 private:
  Result<Digest> Commit();

  const wire::Prove prove_;
  Device& device_;
  std::optional<DeviceProduct> product_ = {};
  std::optional<Result<Digest>> root_ = {};
  uint64_t milliseconds_ = 0;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> done_ = false;
};

}  // namespace souk::gpu
