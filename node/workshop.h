// Leases' workers: one jailed spare per lease that has seen no input, and one worker per running
// job. All of it is found again after a restart of the daemon, through
//   DIR/jobs/spare-<lease>/   the spare (gpu/worker/worker_client.h says what lies there)
//   DIR/jobs/<job>/           the job's worker, `lease`, `result`, `log`, outputs on their way
//   DIR/jobs/<challenge>/     a challenge's worker and its opened rows; not found again, since the
//                             agent has it computed anew
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <memory>

#include "gpu/worker/worker_client.h"
#include "node/errands.h"
#include "node/runner.h"

namespace souk::node {

struct WorkshopOptions {
  std::filesystem::path dir = {};      // the node's
  std::filesystem::path program = {};  // souk-worker
  // Without it, `cuda` needs a jail of grade namespaces.
  bool allow_weak_jail = false;
  uint64_t cpu_memory_bytes = uint64_t{1} << 30;
  uint32_t cpu_threads = 1;
};

// One device of this machine, as a worker that opened it told.
struct FoundDevice {
  std::string name = {};  // as OpenDevice takes it: "cpu", "cuda:0"
  gpu::DeviceInfo info = {};
};

// Loop thread only; what takes long (hashing outputs) runs on a thread of its own.
// Invariants: (1) at most one job or challenge of a lease runs at a time, the others wait in order;
// (2) a worker runs one job in its life; (3) after WorkerGone no process of the lease lives.
class JailedWorkshop : public Workshop {
 public:
  // Finds out what jail this machine allows (about 20 ms). kNotFound where souk-worker is not
  // there.
  static Result<std::unique_ptr<JailedWorkshop>> Open(const WorkshopOptions& options);
  ~JailedWorkshop() override;

  const gpu::Jail& jail() const { return jail_; }

  // "cpu", "cuda:0", "cuda:GPU-…", "cuda:MIG-…", "cuda", or "auto" (every GPU that is fit for a
  // lease, each MIG instance by itself, or the CPU reference where there is none). Each is opened
  // once by a jailed worker, so that no driver is ever loaded into the daemon. Blocks for up to ten
  // seconds each. What is found can be named in Start.
  Result<std::vector<FoundDevice>> FindDevices(const std::string& wanted);
  // GPUs that it passed over or that are degraded, one sentence each.
  const std::vector<std::string>& device_notes() const { return device_notes_; }

  void Start(const StartWorker& start) override;
  void Stop(const StopWorker& stop) override;
  void Run(const StartJob& job) override;
  void Cancel(const StopJob& cancelled) override;
  void Drop(const DropJob& job) override;
  void Challenge(const StartChallenge& start) override;
  void Open(const OpenRows& open) override;
  void GiveUp(const StopChallenge& stop) override;

  // Readable when Receive has something. Receive is also to be called every few dozen milliseconds.
  int fd() const { return epoll_; }
  void Receive(std::vector<Event>& out);

  static std::filesystem::path JobFolder(const std::filesystem::path& dir, const Digest& job);
  // What was written down of a job's life, for `logs`.
  static constexpr const char* kJobLog = "log";

 private:
  struct Work {  // a job with its worker
    StartJob job = {};
    std::unique_ptr<gpu::Worker> worker = {};
    bool finished = false;
  };
  struct Proof {  // a challenge with its worker, once a spare was there for it
    StartChallenge start = {};
    std::unique_ptr<gpu::Worker> worker = {};
    std::optional<ChallengeCommitted> committed = {};
  };
  struct Bench {  // a lease
    StartWorker start = {};
    std::unique_ptr<gpu::Worker> spare = {};
    bool spare_ready = false;
    bool answered = false;
    int failures = 0;  // spares in a row that died before they were of use
    std::deque<StartJob> waiting = {};
    std::optional<Work> running = {};
    std::optional<Proof> proof = {};    // no job runs meanwhile: the agent sees to it
    std::map<Digest, int> deaths = {};  // of workers of one job
    std::set<Digest> finishing = {};    // their outputs are being kept
    std::vector<std::unique_ptr<gpu::Worker>> leaving = {};
    std::vector<std::filesystem::path> strays = {};  // folders of workers that we lost sight of
    bool stopping = false;
    std::optional<std::string> broken = {};  // why the device counts as lost
  };

  explicit JailedWorkshop(WorkshopOptions options, gpu::Jail jail);
  gpu::WorkerSpec SpecFor(const std::string& device, const std::filesystem::path& folder) const;
  Result<std::optional<gpu::DeviceInfo>> Probe(const std::string& device);
  std::vector<std::string> NameGpus();
  std::filesystem::path SpareFolder(const Digest& lease) const;
  void Watch(int fd);
  void Unwatch(const gpu::Worker& worker);
  void Adopt(Bench& bench);
  void StartSpare(Bench& bench);
  void SpareFailed(Bench& bench, const std::string& why);
  void Break(Bench& bench, const std::string& why);
  void Pump(Bench& bench);
  Status Hand(Bench& bench, const StartJob& job);
  Result<gpu::WorkerRun> Prepare(const StartJob& job) const;
  bool Reattach(Bench& bench, const StartJob& job);
  void ReadSpare(Bench& bench);
  void ReadRunning(Bench& bench);
  void ReadLeaving(Bench& bench);
  Status Begin(Bench& bench);
  void ReadProof(Bench& bench);
  void EndProof(Bench& bench);
  void ProofFailed(Bench& bench, const std::string& why);
  void KeepOpening(const Proof& proof, const gpu::wire::Opened& opened);
  void RunnerDied(Bench& bench, const Error& why);
  void Finish(Bench& bench, const StartJob& job, const gpu::WorkerResult& result);
  // A digest did not fit: the job fails, and the blob that was damaged is removed.
  void LookForDamage(Bench& bench, const StartJob& job, const std::string& why);
  void Fail(const StartJob& job, JobStatus status, const std::string& sentence);
  void Dismiss(Bench& bench, std::unique_ptr<gpu::Worker> worker);
  void Note(const Digest& job, const std::string& line) const;
  bool Gone(Bench& bench);

  const WorkshopOptions options_;
  const gpu::Jail jail_;
  int epoll_ = -1;
  std::map<std::string, std::string> devices_ = {};  // uuid, name
  std::vector<std::string> device_notes_ = {};
  std::map<Digest, Bench> benches_ = {};
  std::multimap<Digest, std::filesystem::path> left_ = {};  // lease, folders of a former daemon
  std::vector<Event> events_ = {};
  Errands errands_;
};

// Of a node that runs no jobs: its agent never asks.
class NoWorkshop : public Workshop {
 public:
  void Start(const StartWorker&) override {}
  void Stop(const StopWorker&) override {}
  void Run(const StartJob&) override {}
  void Cancel(const StopJob&) override {}
  void Drop(const DropJob&) override {}
  void Challenge(const StartChallenge&) override {}
  void Open(const OpenRows&) override {}
  void GiveUp(const StopChallenge&) override {}
};

}  // namespace souk::node
