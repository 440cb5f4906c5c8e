#include "gpu/worker/worker_loop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "protocol/base/check.h"

namespace souk::gpu {
namespace {

constexpr uint64_t kProgressEveryMs = 100;
// A cancelled job stops between two launches; one that computes on is left and dies with the
// process.
constexpr uint64_t kCancelGraceMs = 500;
// Beyond any lease; keeps sums of milliseconds far from overflow.
constexpr uint64_t kMaxKeepMs = 400ull * 24 * 3600 * 1000;
// The kernel's own alarm, should this loop ever hang: later than the loop would act.
constexpr uint64_t kAlarmSlackMs = 5000;
constexpr int kPacketsPerTurn = 16;

uint8_t KindOf(const ToWorker& message) {
  return static_cast<uint8_t>(1 + message.index());
}

}  // namespace

WorkerLoop::WorkerLoop(const Options& options, Descriptor listening, Device& device,
                       DeviceChallenge challenge)
    : options_(options),
      listening_(std::move(listening)),
      device_(device),
      challenge_(challenge),
      highest_fence_(options.fence),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(wake_);
  idle_since_ = BootMilliseconds();
  SetKeep(options.keep_ms);
}

WorkerState WorkerLoop::state() const {
  if (proof_) return proof_->done() ? WorkerState::kIdle : WorkerState::kRunning;
  if (!job_) return WorkerState::kIdle;
  return job_->finished() ? WorkerState::kFinished : WorkerState::kRunning;
}

void WorkerLoop::SetKeep(uint64_t keep_ms) {
  keep_ms = std::min(keep_ms, kMaxKeepMs);
  keep_until_ = BootMilliseconds() + keep_ms;
  const uint64_t alarm_ms = keep_ms + kAlarmSlackMs;
  const itimerval alarm = {
      {0, 0},
      {static_cast<time_t>(alarm_ms / 1000), static_cast<suseconds_t>(alarm_ms % 1000 * 1000)}};
  ::setitimer(ITIMER_REAL, &alarm, nullptr);
}

int WorkerLoop::PollTimeout(uint64_t now) const {
  uint64_t next = keep_until_;
  const bool running = state() == WorkerState::kRunning;
  if (!client_ && !running) next = std::min(next, idle_since_ + options_.idle_ms);
  if (client_ && running) next = std::min(next, std::max(progress_due_, now + 1));
  if (give_up_at_) next = std::min(next, *give_up_at_);
  // An hour at most, as poll takes an int.
  return next <= now ? 0 : static_cast<int>(std::min<uint64_t>(next - now, 3'600'000));
}

WorkerExit WorkerLoop::Run() {
  while (!exit_) {
    std::array<pollfd, 4> wait = {pollfd{listening_.get(), POLLIN, 0},
                                  pollfd{pending_.get(), POLLIN, 0},
                                  pollfd{client_.get(), POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
    const int ready = ::poll(wait.data(), wait.size(), PollTimeout(BootMilliseconds()));
    if (ready < 0 && errno != EINTR) return WorkerExit::kUsage;
    if (ready > 0) {
      // The client first: what it said before another came was said in time.
      if (wait[2].revents != 0) ReadClient();
      if (wait[1].revents != 0) ReadPending();
      if (wait[0].revents != 0) Accept();
      uint64_t count = 0;
      if (wait[3].revents != 0 && ::read(wake_.get(), &count, sizeof(count)) < 0) continue;
    }
    Turn(BootMilliseconds());
  }
  return *exit_;
}

void WorkerLoop::Turn(uint64_t now) {
  if (exit_) return;
  CheckJob(now);
  CheckProof();
  CheckDeadlines(now);
}

void WorkerLoop::CheckJob(uint64_t now) {
  if (!job_) return;
  if (job_failed_to_finish_) {
    exit_ = WorkerExit::kNoResult;
    return;
  }
  if (state() == WorkerState::kFinished) {
    if (!noticed_finish_) {
      noticed_finish_ = true;
      idle_since_ = now;
      SayFinished();
    }
    return;
  }
  if (give_up_at_ && now >= *give_up_at_) {
    const Status abandoned = job_->Abandon(Error(Code::kUnavailable, "cancelled"));
    SayFinished();
    exit_ = abandoned ? WorkerExit::kQuit : WorkerExit::kNoResult;
    return;
  }
  if (client_ && now >= progress_due_) {
    const wire::Progress progress = job_->progress();
    progress_due_ = now + kProgressEveryMs;
    if (progress.launches_done != told_launches_) Say(progress);
    told_launches_ = progress.launches_done;
  }
}

void WorkerLoop::CheckProof() {
  if (!proof_ || told_proof_ || !proof_->done()) return;
  told_proof_ = true;
  idle_since_ = BootMilliseconds();
  Say(proof_->Outcome());
}

void WorkerLoop::CheckDeadlines(uint64_t now) {
  if (exit_) return;
  if (now >= keep_until_) {
    exit_ = WorkerExit::kTimeOver;
    if (state() != WorkerState::kRunning || proof_) return;
    const Status abandoned =
        job_->Abandon(Error(Code::kExpired, "the time that the worker was kept for is over"));
    if (!abandoned) exit_ = WorkerExit::kNoResult;
    SayFinished();
    return;
  }
  if (!client_ && state() != WorkerState::kRunning && now >= idle_since_ + options_.idle_ms) {
    exit_ = WorkerExit::kIdle;
  }
}

void WorkerLoop::Accept() {
  const int fd = ::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  // The newest connection is the one that matters: an older one that never spoke makes way.
  if (fd < 0) return;
  pending_ = Descriptor(fd);
  idle_since_ = BootMilliseconds();
}

void WorkerLoop::ReadPending() {
  const Packet packet = ReceivePacket(pending_.get());
  if (packet.what == Packet::What::kNothing) return;
  Result<ToWorker> message = packet.what == Packet::What::kMessage
                                 ? DecodeToWorker(packet.bytes)
                                 : Result<ToWorker>(Error(Code::kMalformed, "no Hello"));
  const auto* hello = message ? std::get_if<wire::Hello>(&*message) : nullptr;
  if (hello == nullptr || !packet.files.empty()) {
    pending_.Close();
    return;
  }
  Greet(*hello);
}

void WorkerLoop::Greet(const wire::Hello& hello) {
  std::optional<Error> refusal;
  if (hello.protocol != kWorkerProtocol) {
    refusal =
        Error(Code::kUnsupported, "this worker speaks protocol " + std::to_string(kWorkerProtocol) +
                                      ", not " + std::to_string(hello.protocol));
  } else if (hello.fence < highest_fence_) {
    refusal = Error(Code::kDenied, "fence " + std::to_string(hello.fence) + " is older than " +
                                       std::to_string(highest_fence_));
  }
  if (refusal) {
    wire::Refused refused;
    refused.of = KindOf(hello);
    refused.code = refusal->code;
    refused.message = refusal->message;
    static_cast<void>(SendPacket(pending_.get(), EncodeFromWorker(refused)));
    pending_.Close();
    return;
  }
  highest_fence_ = hello.fence;
  client_ = std::move(pending_);
  // Files that the last client did not get to use are not the next one's.
  if (!job_) files_.clear();
  if (hello.keep_ms != 0) SetKeep(hello.keep_ms);
  SayReady();
  if (state() == WorkerState::kFinished) SayFinished();
}

void WorkerLoop::ReadClient() {
  for (int i = 0; i < kPacketsPerTurn && client_ && !exit_; ++i) {
    Packet packet = ReceivePacket(client_.get());
    if (packet.what == Packet::What::kNothing) return;
    if (packet.what == Packet::What::kMessage) {
      Result<ToWorker> message = DecodeToWorker(packet.bytes);
      const bool may_have_files = message && std::holds_alternative<wire::Files>(*message);
      if (message && (may_have_files || packet.files.empty())) {
        Handle(std::move(*message), std::move(packet.files));
        continue;
      }
    }
    if (packet.what != Packet::What::kClosed) {
      wire::Refused refused;
      refused.message = "a packet that does not parse";
      Say(refused);
    }
    client_.Close();
    idle_since_ = BootMilliseconds();
  }
}

void WorkerLoop::Handle(ToWorker message, std::vector<Descriptor> files) {
  if (const auto* challenge = std::get_if<wire::Challenge>(&message)) {
    HandleChallenge(*challenge);
  } else if (const auto* handed = std::get_if<wire::Files>(&message)) {
    HandleFiles(*handed, std::move(files));
  } else if (const auto* run = std::get_if<wire::Run>(&message)) {
    HandleRun(*run);
  } else if (std::holds_alternative<wire::Status>(message)) {
    if (job_) {
      Say(job_->progress());
    } else {
      SayReady();
    }
  } else if (std::holds_alternative<wire::Cancel>(message)) {
    HandleCancel();
  } else if (std::holds_alternative<wire::Quit>(message)) {
    exit_ = WorkerExit::kQuit;
  } else if (const auto* keep = std::get_if<wire::KeepFor>(&message)) {
    SetKeep(keep->keep_ms);
  } else if (const auto* prove = std::get_if<wire::Prove>(&message)) {
    HandleProve(*prove);
  } else if (const auto* open = std::get_if<wire::Open>(&message)) {
    HandleOpen(*open);
  } else {
    Refuse(message, Error(Code::kWrongState, "Hello comes first, and once"));
  }
}

void WorkerLoop::HandleChallenge(const wire::Challenge& challenge) {
  if (state() == WorkerState::kRunning) {
    return Refuse(challenge, Error(Code::kWrongState, "the device is busy with a job"));
  }
  const Result<Digest> answer = challenge_.Answer(challenge.nonce);
  if (!answer) return Refuse(challenge, answer.error());
  wire::Answer message;
  message.nonce = challenge.nonce;
  message.answer = *answer;
  Say(message);
}

void WorkerLoop::HandleFiles(const wire::Files& message, std::vector<Descriptor> files) {
  if (job_) return Refuse(message, Error(Code::kWrongState, "a worker runs one job in its life"));
  if (files.size() != message.entries.size()) {
    return Refuse(message, Error(Code::kMalformed, "descriptors and entries differ in number"));
  }
  if (files_.size() + files.size() > kMaxRunFiles) {
    return Refuse(message, Error(Code::kTooLarge, "too many files for one run"));
  }
  for (size_t i = 0; i < files.size(); ++i) {
    JobFile file;
    file.entry = message.entries[i];
    file.file = std::move(files[i]);
    const Status checked = CheckJobFile(file);
    if (!checked) {
      // All or nothing: a run without one of its files must not start.
      files_.clear();
      return Refuse(message, checked.error());
    }
    files_.push_back(std::move(file));
  }
}

void WorkerLoop::HandleRun(const wire::Run& run) {
  if (job_ || proof_) {
    return Refuse(run, Error(Code::kWrongState, "a worker runs one job in its life"));
  }
  if (run.fence < highest_fence_) {
    return Refuse(run,
                  Error(Code::kDenied, "fence " + std::to_string(run.fence) + " is older than " +
                                           std::to_string(highest_fence_)));
  }
  const Status checked = JobRun::CheckFiles(files_);
  if (!checked) return Refuse(run, checked.error());
  highest_fence_ = run.fence;
  job_ = std::make_unique<JobRun>(run, std::move(files_), device_);
  files_.clear();
  try {
    job_thread_ = std::thread([this] {
      if (!job_->Execute()) job_failed_to_finish_ = true;
      const uint64_t one = 1;
      // Cannot fail: the counter is far from full.
      if (::write(wake_.get(), &one, sizeof(one)) < 0) return;
    });
  } catch (const std::system_error&) {
    const Error why(Code::kExhausted, "the worker has no memory left for the job's thread");
    if (!job_->Abandon(why)) job_failed_to_finish_ = true;
  }
}

void WorkerLoop::HandleProve(const wire::Prove& prove) {
  if (job_ || proof_) {
    return Refuse(prove, Error(Code::kWrongState, "a worker runs one job in its life"));
  }
  if (prove.fence < highest_fence_) {
    return Refuse(prove,
                  Error(Code::kDenied, "fence " + std::to_string(prove.fence) + " is older than " +
                                           std::to_string(highest_fence_)));
  }
  highest_fence_ = prove.fence;
  proof_ = std::make_unique<ProofRun>(prove, device_);
  job_thread_ = std::thread([this] {
    proof_->Compute();
    const uint64_t one = 1;
    if (::write(wake_.get(), &one, sizeof(one)) < 0) return;
  });
}

// Some reads of the device and a small file: short enough for this thread.
void WorkerLoop::HandleOpen(const wire::Open& open) {
  const std::vector<JobFile> files = std::move(files_);
  files_.clear();
  if (!proof_ || !proof_->done() || proof_->challenge() != open.challenge || files.size() != 1 ||
      files[0].entry.role != FileRole::kOutput) {
    return Refuse(open, Error(Code::kWrongState,
                              "rows are opened of what was committed to, into one output file"));
  }
  const Result<wire::Opened> opened = proof_->Open(open, files[0]);
  if (opened) return Say(*opened);
  wire::ProofFailed failed;
  failed.challenge = open.challenge;
  failed.code = opened.error().code;
  failed.message = opened.error().message;
  Say(failed);
}

void WorkerLoop::HandleCancel() {
  if (proof_) return proof_->Cancel();
  if (state() != WorkerState::kRunning) {
    return Refuse(wire::Cancel(), Error(Code::kWrongState, "no job runs"));
  }
  job_->Cancel();
  if (!give_up_at_) give_up_at_ = BootMilliseconds() + kCancelGraceMs;
}

// A client that does not read loses messages, never the worker: it asks again when it is back.
void WorkerLoop::Say(const FromWorker& message) {
  if (client_) static_cast<void>(SendPacket(client_.get(), EncodeFromWorker(message)));
}

void WorkerLoop::Refuse(const ToWorker& message, const Error& error) {
  wire::Refused refused;
  refused.of = KindOf(message);
  refused.code = error.code;
  refused.message = error.message;
  Say(refused);
}

void WorkerLoop::SayReady() {
  wire::Ready ready;
  ready.grade = options_.grade;
  ready.state = state();
  ready.device = device_.info();
  Say(ready);
}

void WorkerLoop::SayFinished() {
  // The last figures first: a short job would otherwise end at none.
  Say(job_->progress());
  wire::Finished finished;
  finished.job = job_->job();
  Say(finished);
}

}  // namespace souk::gpu
