// Runs a workload on a device, start to end, and says what R7 has a receipt commit to.
#pragma once

#include <functional>

#include "gpu/workload/session.h"

namespace souk::gpu {

struct RunProgress {
  uint64_t launches_done = 0;
  uint64_t launches_total = 0;
  uint64_t thread_instructions = 0;
};

// Where the states of a run go (Workload::keep_states): before each commitment the pages that
// differ from the one before it, in order; before that to S0, which follows from the workload,
// none.
class StateSink {
 public:
  virtual ~StateSink() = default;
  virtual Status OnPage(uint64_t page, ByteView bytes) = 0;
  virtual Status OnCommitment(const Commitment& commitment) = 0;
};

struct RunOptions {
  // Tightens the workload's own limits; never widens them.
  LaunchBudget budget = {};
  // Called before the first launch and after each; an error stops the run with that error.
  std::function<Status(const RunProgress&)> progress = {};
  StateSink* states = nullptr;  // none: nobody wants them
  // What kernels printed (Device::TakePrinted), after the launch that did, be its end good or bad.
  std::function<void(std::string_view)> printed = {};
};

struct RunStats {
  uint64_t launches = 0;
  uint64_t thread_instructions = 0;  // 0 where the device does not count
  uint64_t load_us = 0;              // blobs, modules, inputs
  uint64_t launch_us = 0;
  uint64_t commit_us = 0;
  uint64_t read_us = 0;
};

struct RunResult {
  std::vector<RunOutput> outputs = {};            // in the workload's order
  std::vector<Commitment> commitments = {};       // S0, every commit_interval launches, the end
  Digest commitments_root = {};                   // CommitmentsRoot(commitments)
  ptx::Class result_class = ptx::Class::kOpaque;  // ClassOfWorkload
  RunStats stats = {};
};

// Checks the workload, every blob's digest, that each module is canonical, and each launch's
// arguments against the kernel's parameters, all before the first launch. On any error nothing of
// the run stays on the device, unless the device itself is broken (kFault).
Result<RunResult> RunWorkload(const Workload& workload, BlobSource& blobs, Device& device,
                              const RunOptions& options = {});

}  // namespace souk::gpu
