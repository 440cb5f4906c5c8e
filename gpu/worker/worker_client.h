// The daemon's end of a souk-worker: start it, find it again, speak with it, end it.
//
// A worker lives in a folder of its own (0700), first the lease's spare, then jobs/ID:
//   worker.sock     its listening socket; how a restarted daemon finds it again
//   worker.start    grade, boot and process, to find a worker that no longer answers
//   worker.status   child-pid at start, exit-code at the end (written outside the jail)
//   worker.log      what it printed; normally empty
//   result          what the run gave (result_file.h)
//   output.N        the N-th output, .npy
//   opening         the opened rows of a challenge's product
// A worker outlives the daemon and ends by itself: when told to, when kept past keep_ms, or when it
// has had no client and no work for idle_ms.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "gpu/worker/descriptor.h"
#include "gpu/worker/jail.h"
#include "gpu/worker/result_file.h"
#include "gpu/worker/wire.h"

namespace souk::gpu {

struct WorkerSpec {
  // Must exist; gets the worker.* files. Made anew, or left by a worker that has ended.
  std::filesystem::path folder = {};
  std::filesystem::path program = {};  // souk-worker
  std::string device = "cpu";          // as OpenDevice takes it
  // A weaker jail than this is refused with kDenied, never used.
  JailGrade at_least = JailGrade::kNamespaces;
  uint64_t fence = 0;                  // the lease's acceptance (R5)
  uint64_t memory_bytes = 1ull << 30;  // what device "cpu" may allocate in all
  uint64_t output_bytes = 1ull << 30;  // the largest file it may write
  uint64_t cpu_seconds = 0;            // processor time of all threads; 0: no limit
  uint32_t threads = 1;                // of device "cpu"
  uint64_t keep_ms = 3'600'000;        // ends itself this long after its start
  uint64_t idle_ms = 60'000;           // ends itself after this long without client and work
};

// One run. Files are opened by the client; the worker gets descriptors only.
struct WorkerRun {
  Digest job = {};
  uint64_t fence = 0;
  std::filesystem::path folder = {};  // jobs/ID: worker.*, result and output.N end up here
  Digest workload_digest = {};
  std::filesystem::path workload = {};  // its encoding
  struct Blob {
    Digest digest = {};
    std::filesystem::path path = {};
  };
  std::vector<Blob> blobs = {};
  uint32_t outputs = 0;
  uint64_t output_bytes = 1ull << 30;  // the most for any one
};

// One capability challenge (gpu/challenge/matrix.h), instead of a run.
struct WorkerProof {
  Digest challenge = {};
  uint64_t fence = 0;
  std::filesystem::path folder = {};  // jobs/ID: worker.* and the opened rows end up here
  Digest seed = {};
  uint32_t size = 0;
};

// What a worker tells. Past tense: each has happened.
struct WorkerReady {
  JailGrade grade = JailGrade::kNone;
  WorkerState state = WorkerState::kIdle;
  DeviceInfo device = {};
};
struct WorkerAnswered {
  Nonce nonce = {};
  Digest answer = {};
};
struct WorkerProgressed {
  wire::Progress progress = {};
};
// The run is over and its result is durable: outputs or a typed failure.
struct WorkerFinished {
  WorkerResult result = {};
};
struct WorkerRefused {
  uint8_t of = 0;
  Error error = Error(Code::kMalformed, "");
};
// The product is computed; it stays in the worker until rows of it are asked for.
struct WorkerCommitted {
  wire::Committed committed = {};
};
// The opened rows are durable in the worker's folder (kOpeningFile).
struct WorkerOpened {
  wire::Opened opened = {};
};
struct WorkerProofFailed {
  wire::ProofFailed failed = {};
};
// The process is gone; always the last event. `failure` says how: "ended by SIGSYS: …". A run that
// was not finished before has failed with it.
struct WorkerExited {
  bool expected = false;  // quit, idle or end of its time
  Error failure = Error(Code::kFault, "");
};
using WorkerEvent =
    std::variant<WorkerReady, WorkerAnswered, WorkerProgressed, WorkerFinished, WorkerRefused,
                 WorkerCommitted, WorkerOpened, WorkerProofFailed, WorkerExited>;

// One worker as the daemon sees it. One thread; no call blocks on the worker.
// Invariants: (1) after WorkerExited there are no further events; (2) destroying the object closes
// the connection and leaves the process alone; (3) Kill ends this worker's process or none.
class Worker {
 public:
  // Ready comes as an event. The jail is DetectJail's finding; kDenied where it is weaker than
  // at_least. Nothing of the folder's older worker may be alive.
  static Result<std::unique_ptr<Worker>> Start(const WorkerSpec& spec, const Jail& jail);

  // Finds the worker of this folder again. kNotFound where none lives there any more: then
  // ReadOutcome(folder) says what became of it. A worker that does not answer can be killed.
  static Result<std::unique_ptr<Worker>> Reattach(const std::filesystem::path& folder,
                                                  uint64_t fence, uint64_t keep_ms = 0);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Readable whenever Receive has something to say (an epoll descriptor; level-triggered).
  int fd() const;
  const std::filesystem::path& folder() const;

  // Everything that has arrived; never blocks.
  std::vector<WorkerEvent> Receive();

  // These send; kUnavailable where the worker is gone or does not read (16 packets lie unread).
  Status Challenge(const Nonce& nonce);
  // Moves the worker's files to run.folder, opens the files and hands them over. Once only.
  Status Run(const WorkerRun& run);
  // Moves the worker's files to proof.folder and begins. Instead of Run; once only.
  Status Prove(const WorkerProof& proof);
  // After WorkerCommitted.
  Status Open(const std::vector<uint32_t>& rows);
  Status AskStatus();
  Status Cancel();
  Status Quit();
  Status KeepFor(uint64_t milliseconds);

  // Ends the process with SIGKILL; WorkerExited follows.
  Status Kill();

 private:
  class Impl;
  explicit Worker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// What became of a worker that is gone: its result; or the failure that its end means, where it was
// ended before one was durable. kUnavailable while it lives.
Result<WorkerResult> ReadOutcome(const std::filesystem::path& folder);

// Ends whatever worker of this folder still lives, also one that does not answer: by its
// worker.start and worker.status, checked against the process's own namespace or start time, so
// that a process that got its number since is left alone. Ok where none lives.
Status KillStray(const std::filesystem::path& folder);

}  // namespace souk::gpu
