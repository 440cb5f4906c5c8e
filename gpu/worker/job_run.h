// One job in the worker: descriptors in, outputs and a durable result out.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "gpu/device.h"
#include "gpu/worker/descriptor.h"
#include "gpu/worker/result_file.h"
#include "gpu/worker/wire.h"

namespace souk::gpu {

// A descriptor that the daemon handed over.
struct JobFile {
  FileEntry entry = {};
  Descriptor file = {};
};

// kInvalidArgument unless it is a regular file, open the right way and, where read, of the size
// that was said. Whatever else could block, be shared, or lead out of the jail.
Status CheckJobFile(const JobFile& file);

// kTooLarge beyond what may be written to it; durable where it is Ok.
Status WriteJobFile(const JobFile& file, ByteView bytes, const std::string& name);

// Invariants: (1) the result file is written once, by whoever is first of Execute and Abandon;
// (2) finished() is true only after it is durable.
// Threads: Execute runs on its own; all else may be called from the control thread meanwhile.
class JobRun {
 public:
  // Needs exactly one workload and one result file among the files. kInvalidArgument.
  static Status CheckFiles(const std::vector<JobFile>& files);

  JobRun(const wire::Run& run, std::vector<JobFile> files, Device& device);

  // Runs the workload, writes outputs and result. Returns once finished() or when the result cannot
  // be written.
  Status Execute();

  // Asks Execute to stop at its next launch.
  void Cancel() { cancelled_ = true; }
  // Writes the failure as the result, unless there is one. Execute may still be in a launch; the
  // process must end soon.
  Status Abandon(const Error& why);

  bool finished() const { return finished_; }
  const Digest& job() const { return run_.job; }
  wire::Progress progress() const;

 private:
  Result<WorkerResult> RunToResult();
  Result<std::vector<OutputFile>> WriteOutputs(const std::vector<RunOutput>& outputs);
  std::vector<const JobFile*> FilesBeside(size_t outputs) const;
  void KeepPrinted(WorkerResult& result) const;
  Status WriteResult(WorkerResult result);
  const JobFile& Find(FileRole role) const;

  const wire::Run run_;
  const std::vector<JobFile> files_;
  Device& device_;
  std::string printed_ = {};               // job thread
  const JobFile* printed_file_ = nullptr;  // job thread
  const uint64_t started_ms_;
  std::atomic<bool> cancelled_ = false;
  std::atomic<bool> finished_ = false;
  std::atomic<uint64_t> launches_done_ = 0;
  std::atomic<uint64_t> launches_total_ = 0;
  std::atomic<uint64_t> thread_instructions_ = 0;
  std::mutex writing_result_;
};

// Milliseconds since boot, through suspends: leases go on while a laptop sleeps.
uint64_t BootMilliseconds();

}  // namespace souk::gpu
