#include "gpu/worker/worker_client.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "gpu/challenge/opening.h"
#include "gpu/worker/packet_socket.h"
#include "gpu/worker/process_id.h"
#include "gpu/worker/worker_folder.h"
#include "protocol/base/file.h"

namespace souk::gpu {
namespace {

// So that one worker that talks without end cannot hold the daemon's loop.
constexpr int kMaxPacketsPerReceive = 64;
// Of a worker that has ended; its socket's buffer holds less.
constexpr int kMaxDrains = 16;

Result<Descriptor> OpenForWriting(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return ErrnoError("creating " + path.string(), errno);
  return file;
}

bool IsOpen(int socket) {
  struct pollfd one = {socket, POLLRDHUP, 0};
  return ::poll(&one, 1, 0) == 0;
}

std::vector<std::string> WorkerArguments(const WorkerSpec& spec) {
  return {"--device",      spec.device,
          "--memory",      std::to_string(spec.memory_bytes),
          "--output",      std::to_string(spec.output_bytes),
          "--cpu-seconds", std::to_string(spec.cpu_seconds),
          "--threads",     std::to_string(spec.threads),
          "--keep-ms",     std::to_string(spec.keep_ms),
          "--idle-ms",     std::to_string(spec.idle_ms),
          "--fence",       std::to_string(spec.fence)};
}

// Descriptors to hand over, with what each is for.
struct Handover {
  std::vector<FileEntry> entries = {};
  std::vector<Descriptor> files = {};

  Status AddReadable(FileRole role, const Digest& digest, const std::filesystem::path& path) {
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat info = {};
    if (!file || ::fstat(file.get(), &info) != 0) {
      return ErrnoError("opening " + path.string(), errno);
    }
    if (!S_ISREG(info.st_mode)) return Error(Code::kInvalidArgument, path.string() + " is no file");
    Add({role, digest, static_cast<uint64_t>(info.st_size)}, std::move(file));
    return Ok();
  }
  Status AddWritable(FileRole role, uint64_t bytes, const std::filesystem::path& path) {
    ASSIGN_OR_RETURN(Descriptor file, OpenForWriting(path));
    Add({role, Digest{}, bytes}, std::move(file));
    return Ok();
  }
  void Add(const FileEntry& entry, Descriptor file) {
    entries.push_back(entry);
    files.push_back(std::move(file));
  }
};

Result<Handover> OpenFiles(const WorkerRun& run) {
  if (run.blobs.size() + run.outputs + 2 > kMaxRunFiles) {
    return Error(Code::kTooLarge, "a run of more than " + std::to_string(kMaxRunFiles) + " files");
  }
  Handover out;
  RETURN_IF_ERROR(out.AddReadable(FileRole::kWorkload, run.workload_digest, run.workload));
  for (const WorkerRun::Blob& blob : run.blobs) {
    RETURN_IF_ERROR(out.AddReadable(FileRole::kBlob, blob.digest, blob.path));
  }
  for (uint32_t i = 0; i < run.outputs; ++i) {
    RETURN_IF_ERROR(
        out.AddWritable(FileRole::kOutput, run.output_bytes, run.folder / OutputFileName(i)));
  }
  RETURN_IF_ERROR(out.AddWritable(FileRole::kResult, kMaxResultBytes, run.folder / kResultFile));
  // Their names first: a result that is durable but cannot be found is none.
  RETURN_IF_ERROR(SyncFolder(run.folder));
  return out;
}

}  // namespace

// Invariants: socket_ is in epoll_ while it is open; watched_ is the process whose end is the
// worker's end (the outermost one where it lives) and is in epoll_ until WorkerExited.
class Worker::Impl {
 public:
  explicit Impl(std::filesystem::path folder) : folder_(std::move(folder)) {}
  ~Impl() {
    // Started by us and ended unseen: leave no zombie where that costs nothing.
    if (child_ > 0 && !exited_) ::waitpid(child_, nullptr, WNOHANG);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status Start(const WorkerSpec& spec, const Jail& jail);
  Status Reattach(uint64_t fence, uint64_t keep_ms);
  std::vector<WorkerEvent> Receive();
  Status Send(const ToWorker& message, std::span<const int> files = {});
  Status Run(const WorkerRun& run);
  Status Prove(const WorkerProof& proof);
  Status Open(const std::vector<uint32_t>& rows);
  Status Kill();

  int fd() const { return epoll_.get(); }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  Status Connect(uint64_t fence, uint64_t keep_ms);
  Status MoveTo(const std::filesystem::path& folder);
  Status Watch(int fd);
  void Drain(std::vector<WorkerEvent>& events);
  void Handle(const Packet& packet, std::vector<WorkerEvent>& events);
  void NoteSender(pid_t sender);
  void Disconnect();
  void Misbehaved(const std::string& what);
  void NoteExit(std::vector<WorkerEvent>& events);
  WorkerEvent Finish(const Digest& job);

  std::filesystem::path folder_;
  Descriptor epoll_;
  Descriptor socket_;
  Descriptor watched_;
  Descriptor inner_;  // the worker's own process, once a packet has come from it
  pid_t child_ = 0;   // the outermost process where it is our child
  bool running_ = false;
  std::optional<wire::Prove> proving_;
  bool exited_ = false;
  std::optional<Error> misdeed_;
};

Status Worker::Impl::Watch(int fd) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = fd;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return ErrnoError("epoll_ctl", errno);
  }
  return Ok();
}

Status Worker::Impl::Connect(uint64_t fence, uint64_t keep_ms) {
  epoll_ = Descriptor(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return ErrnoError("epoll_create1", errno);
  ASSIGN_OR_RETURN(socket_, ConnectTo(folder_, kSocketFile));
  RETURN_IF_ERROR(AskForSender(socket_.get()));
  RETURN_IF_ERROR(Watch(socket_.get()));
  wire::Hello hello;
  hello.fence = fence;
  hello.keep_ms = keep_ms;
  return Send(hello);
}

Status Worker::Impl::Start(const WorkerSpec& spec, const Jail& jail) {
  if (jail.grade < spec.at_least) {
    return Error(Code::kDenied, std::string("the jail here is ") + JailGradeName(jail.grade) +
                                    ", at least " + JailGradeName(spec.at_least) +
                                    " was asked for (" + jail.why_not_stronger + ")");
  }
  ASSIGN_OR_RETURN(Descriptor listening, ListenAt(folder_, kSocketFile));
  ASSIGN_OR_RETURN(const Descriptor log, OpenForWriting(folder_ / kLogFile));
  ASSIGN_OR_RETURN(const Descriptor status, OpenForWriting(folder_ / kStatusFile));
  ::unlink((folder_ / kResultFile).c_str());
  JailedCommand command;
  command.program = spec.program;
  command.arguments = WorkerArguments(spec);
  command.descriptors = {listening.get()};
  command.log = log.get();
  command.status = status.get();
  command.gpu = spec.device != "cpu";
  ASSIGN_OR_RETURN(child_, StartJailed(jail, command));
  // Or a worker that dies at once would leave us waiting at our own socket.
  listening.Close();
  watched_ = OpenPidfd(child_);
  if (!watched_) return ErrnoError("pidfd_open", errno);
  RETURN_IF_ERROR(WriteStartFile(folder_, child_));
  RETURN_IF_ERROR(Connect(spec.fence, 0));
  return Watch(watched_.get());
}

Status Worker::Impl::Reattach(uint64_t fence, uint64_t keep_ms) {
  RETURN_IF_ERROR(Connect(fence, keep_ms));
  watched_ = OpenOuter(folder_);
  if (!watched_) watched_ = OpenInner(folder_);
  if (!watched_) return Ok();
  return Watch(watched_.get());
}

Status Worker::Impl::Send(const ToWorker& message, std::span<const int> files) {
  if (!socket_) return Error(Code::kUnavailable, "the worker's connection is closed");
  return SendPacket(socket_.get(), EncodeToWorker(message), files);
}

Status Worker::Impl::MoveTo(const std::filesystem::path& folder) {
  if (folder == folder_) return Ok();
  RETURN_IF_ERROR(MoveWorkerFiles(folder_, folder));
  folder_ = folder;
  return Ok();
}

Status Worker::Impl::Prove(const WorkerProof& proof) {
  if (running_ || proving_) return Error(Code::kWrongState, "a worker runs one job in its life");
  RETURN_IF_ERROR(MoveTo(proof.folder));
  wire::Prove prove;
  prove.fence = proof.fence;
  prove.challenge = proof.challenge;
  prove.seed = proof.seed;
  prove.size = proof.size;
  RETURN_IF_ERROR(Send(prove));
  proving_ = prove;
  return Ok();
}

Status Worker::Impl::Open(const std::vector<uint32_t>& rows) {
  if (!proving_) return Error(Code::kWrongState, "the worker proves nothing");
  if (rows.empty() || rows.size() > kMaxOpenRows) {
    return Error(Code::kInvalidArgument, "so many rows are not opened at once");
  }
  Handover handover;
  RETURN_IF_ERROR(handover.AddWritable(
      FileRole::kOutput, OpeningBytes(proving_->size, static_cast<uint32_t>(rows.size())),
      folder_ / kOpeningFile));
  RETURN_IF_ERROR(SyncFolder(folder_));
  wire::Files files;
  files.entries = handover.entries;
  const int file = handover.files[0].get();
  RETURN_IF_ERROR(Send(files, std::span<const int>(&file, 1)));
  wire::Open open;
  open.challenge = proving_->challenge;
  open.rows = rows;
  return Send(open);
}

Status Worker::Impl::Run(const WorkerRun& run) {
  if (running_ || proving_) return Error(Code::kWrongState, "a worker runs one job in its life");
  RETURN_IF_ERROR(MoveTo(run.folder));
  ASSIGN_OR_RETURN(const Handover handover, OpenFiles(run));
  for (size_t at = 0; at < handover.entries.size(); at += kMaxPacketFiles) {
    const size_t end = std::min(at + kMaxPacketFiles, handover.entries.size());
    wire::Files message;
    std::vector<int> files;
    for (size_t i = at; i < end; ++i) {
      message.entries.push_back(handover.entries[i]);
      files.push_back(handover.files[i].get());
    }
    RETURN_IF_ERROR(Send(message, files));
  }
  wire::Run start;
  start.fence = run.fence;
  start.job = run.job;
  RETURN_IF_ERROR(Send(start));
  running_ = true;
  return Ok();
}

void Worker::Impl::Disconnect() {
  if (!socket_) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket_.get(), nullptr);
  socket_.Close();
}

// Whoever speaks nonsense from within the jail is no longer our program.
void Worker::Impl::Misbehaved(const std::string& what) {
  misdeed_ = Error(Code::kFault, "the worker was taken over or is broken: " + what);
  static_cast<void>(Kill());
  Disconnect();
}

// The first packet tells whom to kill. The connection still being open afterwards proves that the
// number had not passed on to another process before it was held.
void Worker::Impl::NoteSender(pid_t sender) {
  if (inner_ || sender <= 1 || sender == ::getpid()) return;
  Descriptor pidfd = OpenPidfd(sender);
  if (!pidfd || !IsOpen(socket_.get())) return;
  inner_ = std::move(pidfd);
  PreferWhenMemoryRunsOut(sender);
  if (watched_) return;
  watched_ = OpenPidfd(sender);
  if (watched_ && !Watch(watched_.get())) watched_.Close();
}

WorkerEvent Worker::Impl::Finish(const Digest& job) {
  running_ = false;
  WorkerFinished finished;
  Result<WorkerResult> result = ReadResult(folder_ / kResultFile);
  if (result && result->job == job) {
    finished.result = std::move(*result);
  } else {
    finished.result.job = job;
    finished.result.failure =
        result ? Error(Code::kCorrupt, "the result is of another job") : result.error();
  }
  return finished;
}

void Worker::Impl::Handle(const Packet& packet, std::vector<WorkerEvent>& events) {
  Result<FromWorker> message = DecodeFromWorker(packet.bytes);
  if (!message) return Misbehaved(message.error().message);
  if (!packet.files.empty()) return Misbehaved("it sent descriptors");
  NoteSender(packet.sender);
  if (const auto* ready = std::get_if<wire::Ready>(&*message)) {
    running_ = ready->state == WorkerState::kRunning;
    WorkerReady event;
    event.grade = ready->grade;
    event.state = ready->state;
    event.device = ready->device;
    events.push_back(std::move(event));
  } else if (const auto* answer = std::get_if<wire::Answer>(&*message)) {
    WorkerAnswered event;
    event.nonce = answer->nonce;
    event.answer = answer->answer;
    events.push_back(event);
  } else if (const auto* progress = std::get_if<wire::Progress>(&*message)) {
    WorkerProgressed event;
    event.progress = *progress;
    events.push_back(event);
  } else if (const auto* finished = std::get_if<wire::Finished>(&*message)) {
    events.push_back(Finish(finished->job));
  } else if (const auto* refused = std::get_if<wire::Refused>(&*message)) {
    WorkerRefused event;
    event.of = refused->of;
    event.error = Error(refused->code, refused->message);
    events.push_back(std::move(event));
  } else if (const auto* committed = std::get_if<wire::Committed>(&*message)) {
    WorkerCommitted event;
    event.committed = *committed;
    events.push_back(event);
  } else if (const auto* opened = std::get_if<wire::Opened>(&*message)) {
    WorkerOpened event;
    event.opened = *opened;
    events.push_back(event);
  } else if (const auto* failed = std::get_if<wire::ProofFailed>(&*message)) {
    WorkerProofFailed event;
    event.failed = *failed;
    events.push_back(std::move(event));
  }
}

void Worker::Impl::Drain(std::vector<WorkerEvent>& events) {
  for (int i = 0; i < kMaxPacketsPerReceive && socket_; ++i) {
    const Packet packet = ReceivePacket(socket_.get());
    switch (packet.what) {
      case Packet::What::kNothing:
        return;
      case Packet::What::kMessage:
        Handle(packet, events);
        break;
      case Packet::What::kTooLarge:
        Misbehaved("it sent an oversized packet");
        break;
      case Packet::What::kClosed:
        Disconnect();
        break;
    }
  }
}

void Worker::Impl::NoteExit(std::vector<WorkerEvent>& events) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, watched_.get(), nullptr);
  Disconnect();
  exited_ = true;
  std::optional<int> code;
  int status = 0;
  if (child_ > 0 && ::waitpid(child_, &status, 0) == child_) {
    code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  // What was written down is of the worker itself, not of the one that watched it.
  if (const std::optional<int> written = ReadExitCode(folder_)) code = written;
  if (running_) {
    const Result<WorkerResult> result = ReadResult(folder_ / kResultFile);
    if (result) events.push_back(Finish(result->job));
  }
  WorkerExited event;
  event.expected = !misdeed_ && code && IsOrdinaryExit(*code) && !running_;
  event.failure = misdeed_ ? *misdeed_
                  : code   ? DescribeExit(*code, folder_)
                           : Error(Code::kFault, "the worker is gone; nobody saw how it ended");
  events.push_back(std::move(event));
}

std::vector<WorkerEvent> Worker::Impl::Receive() {
  std::vector<WorkerEvent> events;
  if (exited_) return events;
  // Looked at before the socket: what a worker said before its end comes before its end.
  const bool ended = watched_ && HasEnded(watched_);
  Drain(events);
  if (!ended) return events;
  for (int i = 0; i < kMaxDrains && socket_; ++i) Drain(events);
  // The jail's outer process may be gone a moment before the worker is; or was killed, and nobody
  // else would end the worker.
  if (Descriptor inner = OpenInner(folder_)) {
    KillByPidfd(inner);
    if (Watch(inner.get())) {
      watched_ = std::move(inner);
      return events;
    }
  }
  NoteExit(events);
  return events;
}

Status Worker::Impl::Kill() {
  if (exited_) return Ok();
  if (inner_ && !HasEnded(inner_)) {
    KillByPidfd(inner_);
    return Ok();
  }
  return KillStray(folder_);
}

Worker::Worker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Worker::~Worker() = default;

Result<std::unique_ptr<Worker>> Worker::Start(const WorkerSpec& spec, const Jail& jail) {
  auto impl = std::make_unique<Impl>(spec.folder);
  const Status started = impl->Start(spec, jail);
  if (!started) {
    static_cast<void>(impl->Kill());
    return started.error();
  }
  return std::unique_ptr<Worker>(new Worker(std::move(impl)));
}

Result<std::unique_ptr<Worker>> Worker::Reattach(const std::filesystem::path& folder,
                                                 uint64_t fence, uint64_t keep_ms) {
  auto impl = std::make_unique<Impl>(folder);
  RETURN_IF_ERROR(impl->Reattach(fence, keep_ms));
  return std::unique_ptr<Worker>(new Worker(std::move(impl)));
}

int Worker::fd() const {
  return impl_->fd();
}
const std::filesystem::path& Worker::folder() const {
  return impl_->folder();
}
std::vector<WorkerEvent> Worker::Receive() {
  return impl_->Receive();
}

Status Worker::Challenge(const Nonce& nonce) {
  wire::Challenge message;
  message.nonce = nonce;
  return impl_->Send(message);
}
Status Worker::Run(const WorkerRun& run) {
  return impl_->Run(run);
}
Status Worker::Prove(const WorkerProof& proof) {
  return impl_->Prove(proof);
}
Status Worker::Open(const std::vector<uint32_t>& rows) {
  return impl_->Open(rows);
}
Status Worker::AskStatus() {
  return impl_->Send(wire::Status());
}
Status Worker::Cancel() {
  return impl_->Send(wire::Cancel());
}
Status Worker::Quit() {
  return impl_->Send(wire::Quit());
}
Status Worker::KeepFor(uint64_t milliseconds) {
  wire::KeepFor message;
  message.keep_ms = milliseconds;
  return impl_->Send(message);
}
Status Worker::Kill() {
  return impl_->Kill();
}

}  // namespace souk::gpu
