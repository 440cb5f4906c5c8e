// A job's result looked at again on this machine's CPU: shared by replay and replicas.
#pragma once

#include <chrono>

#include "protocol/units.h"
#include "tools/audit/commands.h"
#include "tools/audit/job_case.h"

namespace souk::tools {

struct Replayed {
  JobCase job = {};
  gpu::ReplayReport report = {};
  std::string fault_file = {};    // the document that was written
  std::string why_no_fault = {};  // why none was
};

// Counts from where it is made.
class Countdown {
 public:
  explicit Countdown(Duration limit) : limit_(limit) {}
  // 0 where it is over.
  uint64_t LeftMs() const;

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  Duration limit_;
};

// `blobs`: what the job names. Draws its progress on stderr. With `command.check`, and
// where the result differs, writes a fault document or says why none can be made. kExhausted where
// the time is up before.
Result<Replayed> ReplayJob(JobCase job, FolderBlobs& blobs, const ReplayCommand& command,
                           const Countdown& time);

// The same with what it means, and how to give it more time.
Error OutOfTime(const Error& error);

}  // namespace souk::tools
