#include "gpu/workload/run.h"

#include <algorithm>
#include <chrono>

namespace souk::gpu {
namespace {

using Clock = std::chrono::steady_clock;

uint64_t MicrosecondsSince(Clock::time_point start) {
  const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
  return static_cast<uint64_t>(passed.count());
}

// One run, start to end.
class Run {
 public:
  Run(const Workload& workload, const RunOptions& options)
      : workload_(workload),
        options_(options),
        instructions_left_(
            std::min(workload.limits.thread_instructions, options.budget.thread_instructions)),
        milliseconds_(std::min(workload.limits.milliseconds, options.budget.milliseconds)) {}

  Result<RunResult> Go(BlobSource& blobs, Device& device) {
    const Clock::time_point start = Clock::now();
    ASSIGN_OR_RETURN(session_, WorkloadSession::Open(workload_, blobs, device));
    progress_.launches_total = session_->launches();
    result_.result_class = session_->result_class();
    result_.stats.load_us = MicrosecondsSince(start);
    RETURN_IF_ERROR(Commit(0));
    RETURN_IF_ERROR(LaunchAll(device));
    const Clock::time_point reading = Clock::now();
    ASSIGN_OR_RETURN(result_.outputs, session_->Outputs());
    result_.stats.read_us = MicrosecondsSince(reading);
    result_.commitments_root = CommitmentsRoot(result_.commitments);
    return std::move(result_);
  }

 private:
  Status LaunchAll(Device& device) {
    RETURN_IF_ERROR(Report());
    const Clock::time_point start = Clock::now();
    while (progress_.launches_done < progress_.launches_total) {
      RETURN_IF_ERROR(LaunchOne(device, MicrosecondsSince(start) / 1000));
      ++progress_.launches_done;
      const bool last = progress_.launches_done == progress_.launches_total;
      const uint64_t interval = workload_.commit_interval;
      if (last || (interval != 0 && progress_.launches_done % interval == 0)) {
        RETURN_IF_ERROR(Commit(progress_.launches_done));
      }
      RETURN_IF_ERROR(Report());
    }
    result_.stats.launches = progress_.launches_done;
    result_.stats.thread_instructions = progress_.thread_instructions;
    return Ok();
  }

  Status LaunchOne(Device& device, uint64_t passed_ms) {
    if (passed_ms >= milliseconds_) {
      ASSIGN_OR_RETURN(const KernelLaunch* const launch, session_->Upcoming());
      return Error(Code::kExhausted, "launch " + std::to_string(progress_.launches_done + 1) +
                                         " of " + std::to_string(progress_.launches_total) + " (" +
                                         launch->kernel + "): the time limit of " +
                                         std::to_string(milliseconds_) + " ms is used up");
    }
    const LaunchBudget budget{.thread_instructions = instructions_left_,
                              .milliseconds = milliseconds_ - passed_ms};
    const Clock::time_point start = Clock::now();
    const Result<LaunchStats> stats = session_->Launch(budget);
    result_.stats.launch_us += MicrosecondsSince(start);
    const std::string printed = device.TakePrinted();
    if (options_.printed && !printed.empty()) options_.printed(printed);
    if (!stats) return stats.error();
    instructions_left_ -= std::min(instructions_left_, stats->thread_instructions);
    progress_.thread_instructions += stats->thread_instructions;
    return Ok();
  }

  Status Commit(uint64_t launch) {
    const Clock::time_point start = Clock::now();
    StateSink* const sink = options_.states;
    WorkloadSession::Changed changed;
    if (sink != nullptr && launch != 0) {
      changed = [sink](uint64_t page, ByteView bytes) { return sink->OnPage(page, bytes); };
    }
    ASSIGN_OR_RETURN(const Digest root, session_->StateRoot(changed));
    result_.commitments.push_back({launch, root});
    if (sink != nullptr) RETURN_IF_ERROR(sink->OnCommitment(result_.commitments.back()));
    result_.stats.commit_us += MicrosecondsSince(start);
    return Ok();
  }

  Status Report() const { return options_.progress ? options_.progress(progress_) : Ok(); }

  const Workload& workload_;
  const RunOptions& options_;
  uint64_t instructions_left_;
  uint64_t milliseconds_;
  std::unique_ptr<WorkloadSession> session_ = nullptr;
  RunProgress progress_ = {};
  RunResult result_ = {};
};

}  // namespace

Result<RunResult> RunWorkload(const Workload& workload, BlobSource& blobs, Device& device,
                              const RunOptions& options) {
  return Run(workload, options).Go(blobs, device);
}

}  // namespace souk::gpu
