// souk-worker's control loop: takes connections, one client at a time, and answers while a job runs
// on a thread of its own.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "gpu/device.h"
#include "gpu/worker/device_challenge.h"
#include "gpu/worker/job_run.h"
#include "gpu/worker/packet_socket.h"
#include "gpu/worker/proof_run.h"
#include "gpu/worker/wire.h"
#include "gpu/worker/worker_folder.h"

namespace souk::gpu {

// Invariants: (1) a connection says Hello with a fence no lower than any before, or it changes
// nothing; (2) the newest such connection is the client, the one before is closed; (3) at most one
// job or proof in the process's life; (4) no later than `keep until` the process ends.
// The control thread owns everything but what JobRun shares.
class WorkerLoop {
 public:
  struct Options {
    JailGrade grade = JailGrade::kNone;
    uint64_t fence = 0;
    uint64_t keep_ms = 0;
    uint64_t idle_ms = 0;
  };

  WorkerLoop(const Options& options, Descriptor listening, Device& device,
             DeviceChallenge challenge);

  // Until it is time to go. A job may still be in a launch: leave with _exit.
  WorkerExit Run();

 private:
  int PollTimeout(uint64_t now) const;
  void Turn(uint64_t now);
  void CheckDeadlines(uint64_t now);
  void CheckJob(uint64_t now);
  void CheckProof();
  void Accept();
  void ReadPending();
  void ReadClient();
  void Greet(const wire::Hello& hello);
  void Handle(ToWorker message, std::vector<Descriptor> files);
  void HandleChallenge(const wire::Challenge& challenge);
  void HandleFiles(const wire::Files& message, std::vector<Descriptor> files);
  void HandleRun(const wire::Run& run);
  void HandleCancel();
  void HandleProve(const wire::Prove& prove);
  void HandleOpen(const wire::Open& open);
  void SetKeep(uint64_t keep_ms);
  void Say(const FromWorker& message);
  void Refuse(const ToWorker& message, const Error& error);
  void SayReady();
  void SayFinished();
  WorkerState state() const;

  const Options options_;
  Descriptor listening_;
  Descriptor pending_;  // connected, has not said Hello
  Descriptor client_;
  Device& device_;
  DeviceChallenge challenge_;
  uint64_t highest_fence_;
  uint64_t keep_until_ = 0;
  uint64_t idle_since_ = 0;
  uint64_t progress_due_ = 0;
  uint64_t told_launches_ = 0;
  std::optional<uint64_t> give_up_at_ = {};  // a cancelled job that does not stop
  bool noticed_finish_ = false;
  std::optional<WorkerExit> exit_ = {};
  std::vector<JobFile> files_;
  std::unique_ptr<JobRun> job_;
  std::thread job_thread_;
  std::atomic<bool> job_failed_to_finish_ = false;
  std::unique_ptr<ProofRun> proof_;  // on the job's thread, which there is no job for then
  bool told_proof_ = false;
  Descriptor wake_;  // an eventfd: the job's thread has something to say
};

}  // namespace souk::gpu
