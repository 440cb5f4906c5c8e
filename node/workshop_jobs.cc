// JailedWorkshop: jobs, from the spare that takes one to its outputs in the blob store.
#include <algorithm>

#include "gpu/worker/worker_folder.h"
#include "gpu/workload/workload_codec.h"
#include "node/blob_store.h"
#include "node/workshop.h"
#include "node/workshop_folders.h"
#include "protocol/base/file.h"
#include "protocol/limits.h"

namespace souk::node {
namespace {

// Execution is deterministic, so a job whose worker was killed is run again, once: a second death
// is its own doing.
constexpr int kMaxDeaths = 2;

static_assert(gpu::kMaxOutputs == limits::kOutputsPerJob);
static_assert(gpu::kMaxOutputBytes == limits::kBlobBytes);

Result<gpu::Workload> ReadWorkload(const std::filesystem::path& dir, const StartJob& job) {
  const auto bytes =
      ReadFile(FileBlobStore::PathOf(dir, job.workload.digest), gpu::kMaxWorkloadBytes);
  if (!bytes) return bytes.error().Within("the workload");
  // What does not decode would say less.
  if (Sha256(*bytes) != job.workload.digest) {
    return Error(Code::kMismatch, "the workload is not " + job.workload.digest.ToString());
  }
  auto workload = gpu::DecodeWorkload(*bytes);
  if (!workload) return workload.error().Within("the workload");
  RETURN_IF_ERROR(gpu::CheckWorkload(*workload));
  return workload;
}

// Two more than it has outputs, for its states and what its kernels print; as long as a receipt can
// name them.
uint32_t FilesForOutputs(const gpu::Workload& workload) {
  const size_t outputs = workload.outputs.size();
  return static_cast<uint32_t>(outputs + 2 <= limits::kOutputsPerJob ? outputs + 2 : outputs);
}
// Which of them.
uint32_t FileOf(const gpu::Workload& workload, const std::string& output, size_t index) {
  const auto outputs = static_cast<uint32_t>(workload.outputs.size());
  if (output == gpu::kStatesFile) return outputs;
  return output == gpu::kPrintedFile ? outputs + 1 : static_cast<uint32_t>(index);
}

// A worker that was taken over writes what it likes into its result.
Status CheckIsOf(const gpu::WorkerResult& result, const StartJob& job,
                 const gpu::Workload& workload) {
  std::vector<std::string> due;
  if (!result.failure) {
    for (const gpu::Output& output : workload.outputs) due.push_back(output.file);
  }
  const size_t own = due.size();
  for (size_t i = own; i < std::min(result.outputs.size(), own + 2); ++i) {
    const std::string& file = result.outputs[i].file;
    const bool states = i == own && file == gpu::kStatesFile && workload.keep_states;
    if (states || file == gpu::kPrintedFile) due.push_back(file);
  }
  const bool fits = result.workload == job.workload.digest &&
                    std::equal(result.outputs.begin(), result.outputs.end(), due.begin(), due.end(),
                               [](const gpu::OutputFile& one, const std::string& file) {
                                 return one.file == file;
                               });
  if (!fits) return Error(Code::kFault, "the worker's result is not of this workload");
  return Ok();
}

// Takes the outputs into the blob store, on the errands' thread. Each must be in the job's folder:
// by its digest alone a worker could claim another job's.
JobEnded KeepOutputs(const std::filesystem::path& dir, const StartJob& job,
                     const gpu::WorkerResult& result) {
  JobEnded ended{.job = job.job,
                 .status = result.failure ? JobStatus::kFailed : JobStatus::kDone,
                 .sentence = result.failure ? result.failure->message : "",
                 .states_root = result.commitments_root,
                 .launches = result.stats.launches,
                 .thread_instructions = result.stats.thread_instructions,
                 .result_class = result.failure ? "" : ptx::ClassName(result.result_class)};
  const auto lose = [&](const std::string& why) {
    // What was taken in already is named, for the agent to have it removed.
    return JobEnded{.job = job.job,
                    .status = JobStatus::kLost,
                    .sentence = why,
                    .outputs = std::move(ended.outputs)};
  };
  const auto workload = ReadWorkload(dir, job);
  const Status fits =
      workload ? CheckIsOf(result, job, *workload) : Status(workload.error().Within("keeping"));
  if (!fits) return lose(fits.error().message);
  const std::filesystem::path folder = JailedWorkshop::JobFolder(dir, job.job);
  for (size_t i = 0; i < result.outputs.size(); ++i) {
    const gpu::OutputFile& output = result.outputs[i];
    const uint32_t index = FileOf(*workload, output.file, i);
    if (index >= FilesForOutputs(*workload)) return lose("output " + output.file + " has no file");
    const std::filesystem::path file = folder / gpu::OutputFileName(index);
    const Status kept = FileBlobStore::TakeIn(dir, file, output.digest);
    if (!kept) return lose("keeping output " + output.file + ": " + kept.error().message);
    std::error_code error;
    const uint64_t bytes =
        std::filesystem::file_size(FileBlobStore::PathOf(dir, output.digest), error);
    if (error || bytes != output.bytes) return lose("output " + output.file + " has another size");
    ended.outputs.push_back({output.file, {output.digest, output.bytes}});
  }
  return ended;
}

// A blob that came whole can be damaged since, by a disk or a hand: looks at the one that the
// failure names. On the errands' thread.
JobEnded DropDamagedBlobs(const std::filesystem::path& dir, const StartJob& job,
                          const std::string& failure) {
  JobEnded ended{.job = job.job, .status = JobStatus::kFailed, .sentence = failure};
  std::vector<BlobRef> blobs = job.blobs;
  blobs.push_back(job.workload);
  for (const BlobRef& blob : blobs) {
    // A job that fails for its own mistakes is not to make this machine read all that it names.
    if (failure.find(blob.digest.Hex()) == std::string::npos) continue;
    if (!FileBlobStore::DropDamaged(dir, blob.digest).value_or(false)) continue;
    ended.sentence = "blob " + blob.digest.ToString() +
                     " was damaged on the provider's disk and is removed there: send the job again";
  }
  return ended;
}

}  // namespace

void JailedWorkshop::Run(const StartJob& job) {
  const auto it = benches_.find(job.lease);
  if (it == benches_.end() || it->second.stopping) {
    return Fail(job, JobStatus::kLost, "its lease has no worker");
  }
  Bench& bench = it->second;
  const bool known = (bench.running && bench.running->job.job == job.job) ||
                     bench.finishing.contains(job.job) ||
                     std::any_of(bench.waiting.begin(), bench.waiting.end(),
                                 [&](const StartJob& one) { return one.job == job.job; });
  if (known || Reattach(bench, job)) return;
  bench.waiting.push_back(job);
  Pump(bench);
}

void JailedWorkshop::Cancel(const StopJob& cancelled) {
  const auto it = benches_.find(cancelled.lease);
  if (it == benches_.end()) return;
  Bench& bench = it->second;
  std::erase_if(bench.waiting,
                [&](const StartJob& waiting) { return waiting.job == cancelled.job; });
  if (!bench.running || bench.running->job.job != cancelled.job) return;
  Note(cancelled.job, "cancelled");
  Dismiss(bench, std::move(bench.running->worker));
  bench.running.reset();
  Pump(bench);
}

// Its outputs there are second names of what the blob store has, or had.
void JailedWorkshop::Drop(const DropJob& job) {
  std::error_code ignored;
  const std::filesystem::path folder = JobFolder(options_.dir, job.job);
  if (!job.but_log) {
    std::filesystem::remove_all(folder, ignored);
    return;
  }
  for (const auto& file : std::filesystem::directory_iterator(folder, ignored)) {
    if (file.path().filename() != kJobLog) std::filesystem::remove_all(file.path(), ignored);
  }
}

// ---- Jobs ------------------------------------------------------------------------------------

// What the worker gets. Errors are the job's own.
Result<gpu::WorkerRun> JailedWorkshop::Prepare(const StartJob& job) const {
  ASSIGN_OR_RETURN(const gpu::Workload workload, ReadWorkload(options_.dir, job));
  gpu::WorkerRun run;
  run.job = job.job;
  run.fence = job.fence;
  run.folder = JobFolder(options_.dir, job.job);
  run.workload_digest = job.workload.digest;
  run.workload = FileBlobStore::PathOf(options_.dir, job.workload.digest);
  run.outputs = FilesForOutputs(workload);
  std::set<Digest> brought;
  for (const BlobRef& blob : job.blobs) brought.insert(blob.digest);
  for (const gpu::BlobRef& blob : gpu::BlobsOf(workload)) {
    if (!brought.contains(blob.digest)) {
      return Error(Code::kNotFound, "the workload names blob " + blob.digest.ToString() +
                                        ", which the job does not bring");
    }
    run.blobs.push_back({blob.digest, FileBlobStore::PathOf(options_.dir, blob.digest)});
  }
  return run;
}

// The spare becomes the job's worker, and the lease gets a new one.
Status JailedWorkshop::Hand(Bench& bench, const StartJob& job) {
  ASSIGN_OR_RETURN(const gpu::WorkerRun run, Prepare(job));
  (void)gpu::KillStray(run.folder);
  RETURN_IF_ERROR(FreshFolder(run.folder));
  RETURN_IF_ERROR(WriteFileAtomic(run.folder / kLeaseFile, AsBytes(job.lease.Hex()), 0600));
  Note(job.job, "started on lease " + job.lease.Short() + ", fence " + std::to_string(job.fence));
  const Status ran = bench.spare->Run(run);
  bench.running = Work{job, std::move(bench.spare), false};
  // Its exit is still to come; then it is tried with the next one.
  if (!ran) (void)bench.running->worker->Kill();
  StartSpare(bench);
  return Ok();
}

// A job of a former daemon: finished, running, or neither.
bool JailedWorkshop::Reattach(Bench& bench, const StartJob& job) {
  const std::filesystem::path folder = JobFolder(options_.dir, job.job);
  std::erase_if(left_, [&](const auto& item) { return item.second == folder; });
  const auto result = gpu::ReadResult(folder / gpu::kResultFile);
  if (result && result->job == job.job) {
    // Nobody needs the worker any more.
    auto worker = gpu::Worker::Reattach(folder, bench.start.fence);
    if (worker) {
      Watch((*worker)->fd());
      Dismiss(bench, std::move(*worker));
    }
    Finish(bench, job, *result);
    return true;
  }
  if (bench.running) return false;
  auto worker = gpu::Worker::Reattach(folder, bench.start.fence, KeepMs(bench.start.until));
  if (!worker) return false;
  Watch((*worker)->fd());
  bench.running = Work{job, std::move(*worker), false};
  return true;
}

void JailedWorkshop::ReadRunning(Bench& bench) {
  if (!bench.running) return;
  Work& work = *bench.running;
  for (const gpu::WorkerEvent& event : work.worker->Receive()) {
    if (const auto* ready = std::get_if<gpu::WorkerReady>(&event)) {
      // Found again, but the former daemon went before it had handed the job over.
      if (ready->state == gpu::WorkerState::kIdle) {
        const auto run = Prepare(work.job);
        if (!run || !work.worker->Run(*run)) (void)work.worker->Kill();
      }
    } else if (const auto* progress = std::get_if<gpu::WorkerProgressed>(&event)) {
      events_.push_back(
          JobProgressed{.job = work.job.job,
                        .launch = static_cast<uint32_t>(progress->progress.launches_done),
                        .launches = static_cast<uint32_t>(progress->progress.launches_total)});
    } else if (const auto* finished = std::get_if<gpu::WorkerFinished>(&event)) {
      work.finished = true;
      Finish(bench, work.job, finished->result);
    } else if (const auto* exited = std::get_if<gpu::WorkerExited>(&event)) {
      Unwatch(*work.worker);
      if (!work.finished) return RunnerDied(bench, exited->failure);
      work.worker.reset();
    }
  }
  if (!work.finished) return;
  // Its result is durable, and whatever it still is, it must not outlive its job.
  Dismiss(bench, std::move(work.worker));
  bench.running.reset();
  Pump(bench);
}

void JailedWorkshop::RunnerDied(Bench& bench, const Error& why) {
  const StartJob job = bench.running->job;
  bench.running.reset();
  Note(job.job, why.message);
  if (++bench.deaths[job.job] < kMaxDeaths) {
    bench.waiting.push_front(job);
  } else {
    // What used its processor time or memory up does so again; the rest is ours.
    Fail(job, why.code == Code::kExhausted ? JobStatus::kFailed : JobStatus::kLost, why.message);
  }
  Pump(bench);
}

void JailedWorkshop::LookForDamage(Bench& bench, const StartJob& job, const std::string& why) {
  bench.finishing.insert(job.job);
  errands_.Run(
      [dir = options_.dir, job, why]() -> Event { return DropDamagedBlobs(dir, job, why); });
}

void JailedWorkshop::Finish(Bench& bench, const StartJob& job, const gpu::WorkerResult& result) {
  const std::filesystem::path dir = options_.dir;
  if (result.failure && result.failure->code == Code::kMismatch) {
    return LookForDamage(bench, job, result.failure->message);
  }
  if (result.failure && result.outputs.empty()) {
    return Fail(job, JobStatus::kFailed, result.failure->message);
  }
  if (!result.failure) bench.failures = 0;
  bench.finishing.insert(job.job);
  errands_.Run([dir, job, result]() -> Event { return KeepOutputs(dir, job, result); });
}

void JailedWorkshop::Fail(const StartJob& job, JobStatus status, const std::string& sentence) {
  Note(job.job, std::string(JobStatusName(status)) + ": " + sentence);
  events_.push_back(JobEnded{.job = job.job, .status = status, .sentence = sentence});
}

}  // namespace souk::node
