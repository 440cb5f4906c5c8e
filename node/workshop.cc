#include "node/workshop.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "gpu/cuda/gpu_list.h"
#include "gpu/worker/challenge.h"
#include "gpu/worker/worker_folder.h"
#include "gpu/workload/workload_codec.h"
#include "node/blob_store.h"
#include "protocol/base/check.h"
#include "protocol/base/file.h"
#include "protocol/limits.h"
#include "protocol/text.h"

namespace souk::node {
namespace {

constexpr const char* kJobs = "jobs";
constexpr const char* kSparePrefix = "spare-";
constexpr const char* kLeaseFile = "lease";
// A device whose spares die this often in a row is lost.
constexpr int kMaxFailures = 3;
// Execution is deterministic, so a job whose worker was killed is run again, once: a second death
// is its own doing.
constexpr int kMaxDeaths = 2;
constexpr int kProbeMs = 10'000;
constexpr int kMostGpus = 16;
// Past `until`, so that the lease's own settling never meets a worker that has just left.
constexpr uint64_t kKeepMarginMs = 60'000;
constexpr uint64_t kProbeKeepMs = 30'000;

Time WallNow() {
  timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return Time{int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000};
}

// An empty folder of this name. No worker of an older one may be alive.
Status FreshFolder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return Error(Code::kIo, "clearing " + path.string() + ": " + error.message());
  return MakePrivateFolder(path);
}

uint64_t KeepMs(Time until) {
  return static_cast<uint64_t>(std::max<int64_t>(0, (until - WallNow()).ms)) + kKeepMarginMs;
}

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

std::filesystem::path JailedWorkshop::JobFolder(const std::filesystem::path& dir,
                                                const Digest& job) {
  return dir / kJobs / job.Hex();
}
std::filesystem::path JailedWorkshop::SpareFolder(const Digest& lease) const {
  return options_.dir / kJobs / (kSparePrefix + lease.Hex());
}

JailedWorkshop::JailedWorkshop(WorkshopOptions options, gpu::Jail jail)
    : options_(std::move(options)), jail_(std::move(jail)) {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  CHECK(epoll_ >= 0);
  Watch(errands_.fd());
}

// Workers go on; the next daemon finds them.
JailedWorkshop::~JailedWorkshop() {
  ::close(epoll_);
}

Result<std::unique_ptr<JailedWorkshop>> JailedWorkshop::Open(const WorkshopOptions& options) {
  RETURN_IF_ERROR(MakePrivateFolder(options.dir / kJobs));
  auto jail = gpu::DetectJail(options.program);
  if (!jail) return jail.error().Within("starting " + options.program.string());
  auto shop = std::unique_ptr<JailedWorkshop>(new JailedWorkshop(options, std::move(*jail)));
  std::error_code error;
  for (const auto& folder : std::filesystem::directory_iterator(options.dir / kJobs, error)) {
    // Only where a worker may still live.
    if (!std::filesystem::exists(folder.path() / gpu::kSocketFile)) continue;
    const auto text = ReadFile(folder.path() / kLeaseFile, 256);
    const auto lease = text ? Digest::Parse(AsText(*text)) : Error(Code::kNotFound, "");
    if (lease) shop->left_.emplace(*lease, folder.path());
  }
  return shop;
}

void JailedWorkshop::Watch(int fd) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = fd;
  CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
}
void JailedWorkshop::Unwatch(const gpu::Worker& worker) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, worker.fd(), nullptr);
}

void JailedWorkshop::Note(const Digest& job, const std::string& line) const {
  const std::filesystem::path path = JobFolder(options_.dir, job) / kJobLog;
  const gpu::Descriptor file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  const std::string text = FormatTime(WallNow()) + " " + line + "\n";
  if (file) (void)!::write(file.get(), text.data(), text.size());
}

// ---- Devices ---------------------------------------------------------------------------------

gpu::WorkerSpec JailedWorkshop::SpecFor(const std::string& device,
                                        const std::filesystem::path& folder) const {
  gpu::WorkerSpec spec;
  spec.folder = folder;
  spec.program = options_.program;
  spec.device = device;
  const bool weak = device == "cpu" || options_.allow_weak_jail;
  spec.at_least = weak ? gpu::JailGrade::kSeccomp : gpu::JailGrade::kNamespaces;
  spec.memory_bytes = options_.cpu_memory_bytes;
  spec.threads = options_.cpu_threads;
  return spec;
}

// Nothing where the worker could not open the device.
Result<std::optional<gpu::DeviceInfo>> JailedWorkshop::Probe(const std::string& device) {
  std::string name = device;
  std::replace(name.begin(), name.end(), ':', '-');
  std::replace(name.begin(), name.end(), '/', '-');
  const std::filesystem::path folder = options_.dir / kJobs / ("probe-" + name);
  (void)gpu::KillStray(folder);
  RETURN_IF_ERROR(FreshFolder(folder));
  gpu::WorkerSpec spec = SpecFor(device, folder);
  spec.keep_ms = kProbeKeepMs;
  ASSIGN_OR_RETURN(const std::unique_ptr<gpu::Worker> worker, gpu::Worker::Start(spec, jail_));
  std::optional<gpu::DeviceInfo> found;
  std::string why;
  const int64_t give_up = WallNow().ms + kProbeMs;
  for (bool gone = false; !gone;) {
    pollfd one = {worker->fd(), POLLIN, 0};
    if (WallNow().ms > give_up || ::poll(&one, 1, 100) < 0) (void)worker->Kill();
    for (const gpu::WorkerEvent& event : worker->Receive()) {
      if (const auto* ready = std::get_if<gpu::WorkerReady>(&event)) {
        found = ready->device;
        (void)worker->Quit();
      } else if (const auto* exited = std::get_if<gpu::WorkerExited>(&event)) {
        gone = true;
        why = exited->failure.message;
      }
    }
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  if (!found && device == "cpu") return Error(Code::kUnavailable, "device cpu: " + why);
  if (!found) device_notes_.push_back("device " + device + " does not open: " + why);
  return found;
}

// By NVML's list, which knows MIG instances and which GPU is not fit; empty where there is none.
std::vector<std::string> JailedWorkshop::NameGpus() {
  std::vector<std::string> names;
  const auto lines = gpu::GpuLines(options_.program);
  if (!lines) {
    device_notes_.push_back(lines.error().message);
    return names;
  }
  for (const std::string& line : *lines) {
    const auto listed = gpu::ParseLine(line);
    if (!listed) {
      device_notes_.push_back(listed.error().message);
      continue;
    }
    if (listed->verdict.fitness != gpu::cuda::Fitness::kFit) {
      device_notes_.push_back("device " + listed->name + " is " +
                              gpu::VerdictText(listed->verdict));
    }
    if (listed->verdict.fitness != gpu::cuda::Fitness::kNotFit) names.push_back(listed->name);
  }
  return names;
}

Result<std::vector<FoundDevice>> JailedWorkshop::FindDevices(const std::string& wanted) {
  std::vector<FoundDevice> out;
  const auto add = [&](const std::string& name) -> Result<bool> {
    ASSIGN_OR_RETURN(const auto info, Probe(name));
    if (!info) return false;
    if (!devices_.try_emplace(info->uuid, name).second) {
      return Error(Code::kDuplicate, "device " + name + " is rented out already: name it once");
    }
    out.push_back({name, *info});
    return true;
  };
  if (wanted != "auto") {
    ASSIGN_OR_RETURN(const bool found, add(wanted == "cuda" ? "cuda:0" : wanted));
    if (found) return out;
    return Error(Code::kUnavailable, device_notes_.back() + "; set device = \"cpu\" or \"auto\"");
  }
  for (const std::string& name : NameGpus()) {
    // One that fails leaves the others to be rented out. A jail too weak for a GPU is not the end:
    // the CPU reference is content with less.
    const auto found = add(name);
    if (!found) device_notes_.push_back(found.error().message);
  }
  if (!out.empty()) return out;
  const bool driver =
      std::filesystem::exists("/dev/nvidiactl") || std::filesystem::exists("/dev/dxg");
  for (int i = 0; driver && i < kMostGpus; ++i) {
    const auto found = add("cuda:" + std::to_string(i));
    // A jail too weak for a GPU is not the end: the CPU reference is content with less.
    if (!found || !*found) break;
  }
  if (out.empty()) RETURN_IF_ERROR(add("cpu"));
  return out;
}

// ---- What the agent asks ---------------------------------------------------------------------

void JailedWorkshop::Start(const StartWorker& start) {
  const auto known = benches_.find(start.lease);
  if (known != benches_.end()) return;
  Bench& bench = benches_[start.lease];
  bench.start = start;
  if (!devices_.contains(start.device)) {
    return Break(bench, "device " + start.device + " is not in this machine any more");
  }
  Adopt(bench);
  if (!bench.spare) StartSpare(bench);
}

void JailedWorkshop::Stop(const StopWorker& stop) {
  Bench& bench = benches_[stop.lease];
  bench.start.lease = stop.lease;
  bench.stopping = true;
  bench.waiting.clear();
  if (bench.spare) Dismiss(bench, std::move(bench.spare));
  if (bench.running) Dismiss(bench, std::move(bench.running->worker));
  bench.running.reset();
  EndProof(bench);
  const auto [first, last] = left_.equal_range(stop.lease);
  for (auto it = first; it != last; ++it) bench.strays.push_back(it->second);
  left_.erase(stop.lease);
  for (const std::filesystem::path& folder : bench.strays) (void)gpu::KillStray(folder);
  // Even where there was no worker at all: the answer comes with the next Receive.
}

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

// ---- Spares ----------------------------------------------------------------------------------

// A spare of a former daemon, where one waits.
void JailedWorkshop::Adopt(Bench& bench) {
  const std::filesystem::path folder = SpareFolder(bench.start.lease);
  const auto [first, last] = left_.equal_range(bench.start.lease);
  for (auto it = first; it != last; ++it) {
    if (it->second != folder) continue;
    left_.erase(it);
    auto spare = gpu::Worker::Reattach(folder, bench.start.fence, KeepMs(bench.start.until));
    if (!spare) return;
    bench.spare = std::move(*spare);
    bench.spare_ready = false;
    return Watch(bench.spare->fd());
  }
}

void JailedWorkshop::StartSpare(Bench& bench) {
  const std::filesystem::path folder = SpareFolder(bench.start.lease);
  bench.spare_ready = false;
  (void)gpu::KillStray(folder);
  Status made = FreshFolder(folder);
  if (made) {
    made = WriteFileAtomic(folder / kLeaseFile, AsBytes(bench.start.lease.Hex()), 0600);
  }
  if (!made) return SpareFailed(bench, made.error().message);
  gpu::WorkerSpec spec = SpecFor(devices_.at(bench.start.device), folder);
  spec.fence = bench.start.fence;
  spec.keep_ms = KeepMs(bench.start.until);
  auto spare = gpu::Worker::Start(spec, jail_);
  // Trying again does not make the jail stronger.
  if (!spare && spare.error().code == Code::kDenied) return Break(bench, spare.error().message);
  if (!spare) return SpareFailed(bench, spare.error().message);
  bench.spare = std::move(*spare);
  Watch(bench.spare->fd());
}

void JailedWorkshop::SpareFailed(Bench& bench, const std::string& why) {
  bench.spare.reset();
  bench.spare_ready = false;
  if (++bench.failures >= kMaxFailures) return Break(bench, why);
  StartSpare(bench);
}

// The device counts as lost; the lease ends when its processes are gone.
void JailedWorkshop::Break(Bench& bench, const std::string& why) {
  if (bench.broken) return;
  bench.broken = why;
  Stop({bench.start.lease});
}

void JailedWorkshop::Dismiss(Bench& bench, std::unique_ptr<gpu::Worker> worker) {
  if (!worker) return;
  (void)worker->Kill();
  bench.leaving.push_back(std::move(worker));
}

void JailedWorkshop::ReadSpare(Bench& bench) {
  if (!bench.spare) return;
  for (const gpu::WorkerEvent& event : bench.spare->Receive()) {
    if (std::holds_alternative<gpu::WorkerReady>(event)) {
      bench.spare_ready = true;
      if (!bench.answered) (void)bench.spare->Challenge(bench.start.nonce.bytes);
    } else if (const auto* answered = std::get_if<gpu::WorkerAnswered>(&event)) {
      if (answered->nonce != bench.start.nonce.bytes || bench.answered) continue;
      if (answered->answer != gpu::ExpectedAnswer(bench.start.nonce.bytes)) {
        return Break(bench, "the device computes wrongly: it failed its challenge");
      }
      bench.answered = true;
      events_.push_back(WorkerReady{bench.start.lease, answered->answer});
    } else if (const auto* exited = std::get_if<gpu::WorkerExited>(&event)) {
      Unwatch(*bench.spare);
      return SpareFailed(bench, exited->failure.message);
    }
  }
}

// ---- Jobs ------------------------------------------------------------------------------------

void JailedWorkshop::Pump(Bench& bench) {
  const bool ready = !bench.stopping && !bench.running && bench.spare && bench.spare_ready;
  if (ready && bench.proof && !bench.proof->worker) {
    const Status begun = Begin(bench);
    if (!begun) ProofFailed(bench, begun.error().message);
  }
  while (!bench.stopping && !bench.running && !bench.proof && !bench.waiting.empty() &&
         bench.spare && bench.spare_ready) {
    const StartJob job = bench.waiting.front();
    bench.waiting.pop_front();
    const Status handed = Hand(bench, job);
    if (handed) continue;
    if (handed.error().code == Code::kMismatch) {
      LookForDamage(bench, job, handed.error().message);
    } else {
      Fail(job, JobStatus::kFailed, handed.error().message);
    }
  }
}

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

// ---- Challenges ------------------------------------------------------------------------------

void JailedWorkshop::Challenge(const StartChallenge& start) {
  const auto it = benches_.find(start.lease);
  if (it == benches_.end() || it->second.stopping) {
    events_.push_back(ChallengeFailed{start.challenge, "its lease has no worker"});
    return;
  }
  Bench& bench = it->second;
  if (bench.proof && bench.proof->start.challenge == start.challenge) {
    if (bench.proof->committed) events_.push_back(*bench.proof->committed);
    return;
  }
  EndProof(bench);
  bench.proof = Proof{.start = start};
  Pump(bench);
}

// The spare becomes the challenge's worker.
Status JailedWorkshop::Begin(Bench& bench) {
  const StartChallenge& start = bench.proof->start;
  const std::filesystem::path folder = JobFolder(options_.dir, start.challenge);
  (void)gpu::KillStray(folder);
  RETURN_IF_ERROR(FreshFolder(folder));
  RETURN_IF_ERROR(WriteFileAtomic(folder / kLeaseFile, AsBytes(start.lease.Hex()), 0600));
  Note(start.challenge,
       "challenged on lease " + start.lease.Short() + ", n = " + std::to_string(start.size));
  gpu::WorkerProof proof;
  proof.challenge = start.challenge;
  proof.fence = start.fence;
  proof.folder = folder;
  proof.seed = start.seed;
  proof.size = start.size;
  const Status begun = bench.spare->Prove(proof);
  bench.proof->worker = std::move(bench.spare);
  // Its exit is still to come.
  if (!begun) (void)bench.proof->worker->Kill();
  StartSpare(bench);
  return Ok();
}

void JailedWorkshop::Open(const OpenRows& open) {
  const auto it = benches_.find(open.lease);
  const bool here = it != benches_.end() && it->second.proof && it->second.proof->committed &&
                    it->second.proof->start.challenge == open.challenge;
  // Otherwise it is being computed again, and the agent asks once it is there.
  if (!here) return;
  const Status asked = it->second.proof->worker->Open(open.rows);
  if (!asked) ProofFailed(it->second, asked.error().message);
}

void JailedWorkshop::GiveUp(const StopChallenge& stop) {
  const auto it = benches_.find(stop.lease);
  if (it == benches_.end() || !it->second.proof) return;
  if (it->second.proof->start.challenge != stop.challenge) return;
  EndProof(it->second);
  Pump(it->second);
}

void JailedWorkshop::EndProof(Bench& bench) {
  if (!bench.proof) return;
  Dismiss(bench, std::move(bench.proof->worker));
  bench.proof.reset();
}

void JailedWorkshop::ProofFailed(Bench& bench, const std::string& why) {
  const Digest challenge = bench.proof->start.challenge;
  Note(challenge, why);
  events_.push_back(ChallengeFailed{challenge, why});
  EndProof(bench);
}

// Takes the opened rows into the blob store, on the errands' thread.
void JailedWorkshop::KeepOpening(const Proof& proof, const gpu::wire::Opened& opened) {
  const std::filesystem::path dir = options_.dir;
  const Digest challenge = proof.start.challenge;
  errands_.Run([dir, challenge, opened]() -> Event {
    const std::filesystem::path file = JobFolder(dir, challenge) / gpu::kOpeningFile;
    const Status kept = FileBlobStore::TakeIn(dir, file, opened.digest);
    if (!kept) return ChallengeFailed{challenge, "keeping the rows: " + kept.error().message};
    std::error_code error;
    const uint64_t bytes =
        std::filesystem::file_size(FileBlobStore::PathOf(dir, opened.digest), error);
    if (error || bytes != opened.bytes) {
      return ChallengeFailed{challenge, "the opened rows have another size"};
    }
    return ChallengeOpened{challenge, {opened.digest, bytes}};
  });
}

void JailedWorkshop::ReadProof(Bench& bench) {
  if (!bench.proof || !bench.proof->worker) return;
  for (const gpu::WorkerEvent& event : bench.proof->worker->Receive()) {
    if (const auto* committed = std::get_if<gpu::WorkerCommitted>(&event)) {
      const uint64_t most = static_cast<uint64_t>(limits::kLongestLease.ms);
      bench.proof->committed = ChallengeCommitted{
          bench.proof->start.challenge, committed->committed.root,
          Millis(static_cast<int64_t>(std::min(committed->committed.milliseconds, most)))};
      Note(bench.proof->start.challenge,
           "committed after " + std::to_string(committed->committed.milliseconds) + " ms");
      events_.push_back(*bench.proof->committed);
    } else if (const auto* opened = std::get_if<gpu::WorkerOpened>(&event)) {
      KeepOpening(*bench.proof, opened->opened);
      return EndProof(bench);
    } else if (const auto* failed = std::get_if<gpu::WorkerProofFailed>(&event)) {
      return ProofFailed(bench, failed->failed.message);
    } else if (const auto* refused = std::get_if<gpu::WorkerRefused>(&event)) {
      return ProofFailed(bench, refused->error.message);
    } else if (const auto* exited = std::get_if<gpu::WorkerExited>(&event)) {
      Unwatch(*bench.proof->worker);
      bench.proof->worker.reset();
      return ProofFailed(bench, exited->failure.message);
    }
  }
}

// ---- Every turn ------------------------------------------------------------------------------

void JailedWorkshop::ReadLeaving(Bench& bench) {
  std::erase_if(bench.leaving, [&](const std::unique_ptr<gpu::Worker>& worker) {
    bool gone = false;
    for (const gpu::WorkerEvent& event : worker->Receive()) {
      if (std::holds_alternative<gpu::WorkerExited>(event)) gone = true;
    }
    if (gone) Unwatch(*worker);
    return gone;
  });
  std::erase_if(bench.strays, [](const std::filesystem::path& folder) {
    return !gpu::OpenOuter(folder) && !gpu::OpenInner(folder);
  });
}

bool JailedWorkshop::Gone(Bench& bench) {
  return bench.stopping && bench.leaving.empty() && bench.strays.empty();
}

void JailedWorkshop::Receive(std::vector<Event>& out) {
  std::vector<Event> kept;
  errands_.Collect(kept);
  for (Event& event : kept) {
    if (const auto* ended = std::get_if<JobEnded>(&event)) {
      for (auto& [lease, bench] : benches_) bench.finishing.erase(ended->job);
      Note(ended->job, std::string(JobStatusName(ended->status)) +
                           (ended->sentence.empty() ? "" : ": " + ended->sentence));
    }
    events_.push_back(std::move(event));
  }
  for (auto it = benches_.begin(); it != benches_.end();) {
    Bench& bench = it->second;
    ReadRunning(bench);
    ReadProof(bench);
    ReadSpare(bench);
    Pump(bench);
    ReadLeaving(bench);
    if (!Gone(bench)) {
      ++it;
      continue;
    }
    std::error_code ignored;
    std::filesystem::remove_all(SpareFolder(it->first), ignored);
    events_.push_back(WorkerGone{.lease = it->first,
                                 .lost = bench.broken.has_value(),
                                 .sentence = bench.broken.value_or("")});
    it = benches_.erase(it);
  }
  for (Event& event : events_) out.push_back(std::move(event));
  events_.clear();
}

}  // namespace souk::node
