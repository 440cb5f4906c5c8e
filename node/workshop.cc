#include "node/workshop.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "gpu/worker/challenge.h"
#include "gpu/worker/worker_folder.h"
#include "node/workshop_folders.h"
#include "protocol/base/check.h"
#include "protocol/base/file.h"
#include "protocol/text.h"

namespace souk::node {
namespace {

constexpr const char* kSparePrefix = "spare-";
// A device whose spares die this often in a row is lost.
constexpr int kMaxFailures = 3;
// Past `until`, so that the lease's own settling never meets a worker that has just left.
constexpr uint64_t kKeepMarginMs = 60'000;

}  // namespace

Time WallNow() {
  timespec now = {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return Time{int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000};
}

Status FreshFolder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return Error(Code::kIo, "clearing " + path.string() + ": " + error.message());
  return MakePrivateFolder(path);
}

uint64_t KeepMs(Time until) {
  return static_cast<uint64_t>(std::max<int64_t>(0, (until - WallNow()).ms)) + kKeepMarginMs;
}

std::filesystem::path JailedWorkshop::JobFolder(const std::filesystem::path& dir,
                                                const Digest& job) {
  return dir / kJobsFolder / job.Hex();
}
std::filesystem::path JailedWorkshop::SpareFolder(const Digest& lease) const {
  return options_.dir / kJobsFolder / (kSparePrefix + lease.Hex());
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
  RETURN_IF_ERROR(MakePrivateFolder(options.dir / kJobsFolder));
  auto jail = gpu::DetectJail(options.program);
  if (!jail) return jail.error().Within("starting " + options.program.string());
  auto shop = std::unique_ptr<JailedWorkshop>(new JailedWorkshop(options, std::move(*jail)));
  std::error_code error;
  for (const auto& folder : std::filesystem::directory_iterator(options.dir / kJobsFolder, error)) {
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

// ---- Leases and their spares -----------------------------------------------------------------

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

// ---- Every turn ------------------------------------------------------------------------------

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
