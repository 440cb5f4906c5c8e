// Real souk-worker processes on the cpu device, in each grade that this machine allows.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <deque>
#include <fstream>
#include <map>

#include "gpu/ptx/module.h"
#include "gpu/worker/challenge.h"
#include "gpu/worker/packet_socket.h"
#include "gpu/worker/worker_client.h"
#include "gpu/worker/worker_folder.h"
#include "gpu/workload/npy.h"
#include "gpu/workload/run.h"
#include "gpu/workload/workload_codec.h"
#include "protocol/base/file.h"
#include "unit/gpu/worker/as_nobody.h"

namespace souk::gpu {
namespace {

using testing::HasSubstr;

constexpr uint32_t kElements = 256;
constexpr int kPatienceMs = 20'000;

constexpr std::string_view kKernels = R"(.version 6.3
.target sm_50
.address_size 64
.visible .entry triple(.param .u64 p0, .param .u64 p1)
{
	.reg .b32 %r<4>;
	.reg .b64 %rd<8>;
	ld.param.u64 %rd1, [p0];
	ld.param.u64 %rd2, [p1];
	cvta.to.global.u64 %rd3, %rd1;
	cvta.to.global.u64 %rd4, %rd2;
	mov.u32 %r1, %tid.x;
	mul.wide.u32 %rd5, %r1, 4;
	add.s64 %rd6, %rd3, %rd5;
	add.s64 %rd7, %rd4, %rd5;
	ld.global.u32 %r2, [%rd6];
	mul.lo.s32 %r3, %r2, 3;
	st.global.u32 [%rd7], %r3;
	ret;
}
.visible .entry spin(.param .u64 p0, .param .u64 p1)
{
$again:
	bra $again;
}
.visible .entry wild(.param .u64 p0, .param .u64 p1)
{
	.reg .b32 %r<2>;
	.reg .b64 %rd<2>;
	mov.u64 %rd1, 64;
	mov.u32 %r1, 7;
	st.global.u32 [%rd1], %r1;
	ret;
}
)";

std::filesystem::path Program() {
  return std::string(SOUK_BINARY_DIR) + "/bin/souk-worker";
}

// A folder that goes with the test.
class Folder {
 public:
  Folder() {
    std::string name = testing::TempDir() + "souk-worker-test-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::filesystem::path Make(const std::string& name) const {
    std::filesystem::create_directories(path_ / name);
    return path_ / name;
  }
  WorkerRun::Blob Store(ByteView bytes) const {
    const Digest digest = Sha256(bytes);
    EXPECT_TRUE(WriteFileAtomic(path_ / digest.Hex(), bytes));
    return {digest, path_ / digest.Hex()};
  }

 private:
  std::filesystem::path path_;
};

struct Task {
  std::string kernel = "triple";
  uint64_t launches = 1;
  uint64_t thread_instructions = uint64_t{1} << 40;
  uint64_t milliseconds = 600'000;
};

std::string CanonicalKernels() {
  Result<ptx::Module> module = ptx::Parse(kKernels);
  EXPECT_TRUE(module) << (module ? "" : module.error().message);
  Result<ptx::Module> canonical = ptx::Canonicalize(std::move(*module));
  EXPECT_TRUE(canonical) << (canonical ? "" : canonical.error().message);
  return ptx::Write(*canonical);
}

Bytes Inputs() {
  Bytes data;
  for (uint32_t i = 0; i < kElements; ++i) PutLe(data, i * i);
  return WriteNpy(DType::kU32, {kElements}, data);
}

Bytes ExpectedOutput() {
  Bytes data;
  for (uint32_t i = 0; i < kElements; ++i) PutLe(data, 3 * i * i);
  return WriteNpy(DType::kU32, {kElements}, data);
}

// Everything of `task` in the store, to run in `folder`.
WorkerRun MakeRun(const Folder& store, const std::filesystem::path& folder, const Task& task) {
  const std::string text = CanonicalKernels();
  const Bytes inputs = Inputs();
  Workload workload;
  workload.name = "test";
  workload.modules = {{Sha256(AsBytes(text)), text.size()}};
  Buffer in;
  in.name = "in";
  in.dtype = DType::kU32;
  in.shape = {kElements};
  in.input = BlobRef{Sha256(inputs), inputs.size()};
  Buffer out = in;
  out.name = "out";
  out.input.reset();
  workload.buffers = {in, out};
  KernelLaunch launch;
  launch.kernel = task.kernel;
  launch.block.x = kElements;
  for (const uint32_t buffer : {0u, 1u}) {
    Argument argument;
    argument.buffer = buffer;
    argument.value = Expression::Integer(0);
    launch.arguments.push_back(argument);
  }
  Loop loop;
  loop.count = task.launches;
  Step body;
  body.launch = launch;
  loop.body = {body};
  Step step;
  step.loop = loop;
  workload.steps = {step};
  Output output;
  output.buffer = 1;
  output.file = "out.npy";
  workload.outputs = {output};
  workload.limits.memory_bytes = 1 << 20;
  workload.limits.milliseconds = task.milliseconds;
  workload.limits.thread_instructions = task.thread_instructions;
  const Result<Bytes> encoded = EncodeWorkload(workload);
  EXPECT_TRUE(encoded) << (encoded ? "" : encoded.error().message);
  WorkerRun run;
  run.job = Sha256(AsBytes("job of " + task.kernel));
  run.fence = 5;
  run.folder = folder;
  const WorkerRun::Blob stored = store.Store(*encoded);
  run.workload_digest = stored.digest;
  run.workload = stored.path;
  run.blobs = {store.Store(AsBytes(text)), store.Store(inputs)};
  run.outputs = 1;
  return run;
}

// Events that came with an awaited one, after it.
std::deque<WorkerEvent>& Backlog(Worker& worker) {
  static std::map<Worker*, std::deque<WorkerEvent>> all;
  return all[&worker];
}

enum class Others { kRefuse, kSkip };

// Waits for an event of type T. What comes before it is dropped; an end or a refusal among that is
// a failure unless skipped.
template <typename T>
std::optional<T> Await(Worker& worker, Others others = Others::kRefuse) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  std::deque<WorkerEvent>& backlog = Backlog(worker);
  while (std::chrono::steady_clock::now() < give_up) {
    while (!backlog.empty()) {
      const WorkerEvent event = std::move(backlog.front());
      backlog.pop_front();
      if (const T* wanted = std::get_if<T>(&event)) return *wanted;
      if (others == Others::kSkip) continue;
      if (const auto* exited = std::get_if<WorkerExited>(&event)) {
        ADD_FAILURE() << "exited instead: " << exited->failure.message;
        return std::nullopt;
      }
      if (const auto* refused = std::get_if<WorkerRefused>(&event)) {
        ADD_FAILURE() << "refused instead: " << refused->error.message;
      }
    }
    struct pollfd one = {worker.fd(), POLLIN, 0};
    ::poll(&one, 1, 50);
    for (WorkerEvent& event : worker.Receive()) backlog.push_back(std::move(event));
  }
  ADD_FAILURE() << "waited in vain";
  return std::nullopt;
}

class WorkerTest : public testing::TestWithParam<JailGrade> {
 protected:
  void SetUp() override {
    const Result<Jail> jail = DetectJail(Program(), GetParam());
    ASSERT_TRUE(jail) << jail.error().message;
    if (jail->grade != GetParam()) {
      GTEST_SKIP() << "this machine refuses the grade " << JailGradeName(GetParam()) << ": "
                   << jail->why_not_stronger;
    }
    jail_ = *jail;
    folder_ = store_.Make("jobs/1");
  }
  // No worker outlives its test.
  void TearDown() override {
    if (!folder_.empty()) static_cast<void>(KillStray(folder_));
  }

  WorkerSpec Spec() const {
    WorkerSpec spec;
    spec.folder = folder_;
    spec.program = Program();
    spec.at_least = GetParam();
    spec.fence = 5;
    spec.memory_bytes = 64 << 20;
    spec.keep_ms = 60'000;
    spec.idle_ms = 30'000;
    return spec;
  }
  std::unique_ptr<Worker> Start(const WorkerSpec& spec) {
    Result<std::unique_ptr<Worker>> worker = Worker::Start(spec, jail_);
    EXPECT_TRUE(worker) << (worker ? "" : worker.error().message);
    if (worker) Backlog(**worker).clear();
    return worker ? std::move(*worker) : nullptr;
  }
  std::unique_ptr<Worker> Start() { return Start(Spec()); }
  // Ready to be spoken to.
  std::unique_ptr<Worker> StartReady() {
    auto worker = Start();
    if (worker && !Await<WorkerReady>(*worker)) return nullptr;
    return worker;
  }
  WorkerRun MakeRun(const Task& task) const { return gpu::MakeRun(store_, folder_, task); }
  WorkerResult RunToEnd(Worker& worker, const WorkerRun& run) {
    const Status sent = worker.Run(run);
    EXPECT_TRUE(sent) << (sent ? "" : sent.error().message);
    const auto finished = Await<WorkerFinished>(worker, Others::kSkip);
    return finished ? finished->result : WorkerResult();
  }
  Result<std::unique_ptr<Worker>> Reattach(uint64_t fence) {
    Result<std::unique_ptr<Worker>> worker = Worker::Reattach(folder_, fence);
    if (worker) Backlog(**worker).clear();
    return worker;
  }
  // Until the first launch has begun, or is about to within moments.
  void AwaitLaunch(Worker& worker) {
    std::optional<WorkerProgressed> progressed;
    do {
      ::usleep(10'000);
      ASSERT_TRUE(worker.AskStatus());
      progressed = Await<WorkerProgressed>(worker);
    } while (progressed && progressed->progress.launches_total == 0);
    ::usleep(100'000);
  }
  // A connection that says what it likes.
  Descriptor Raw() const {
    Result<Descriptor> socket = ConnectTo(folder_, kSocketFile);
    EXPECT_TRUE(socket) << (socket ? "" : socket.error().message);
    return socket ? std::move(*socket) : Descriptor();
  }
  static Packet Hear(const Descriptor& socket, int patience_ms = kPatienceMs) {
    struct pollfd one = {socket.get(), POLLIN, 0};
    ::poll(&one, 1, patience_ms);
    return ReceivePacket(socket.get());
  }
  Descriptor RawClient() const {
    Descriptor socket = Raw();
    wire::Hello hello;
    hello.fence = 5;
    EXPECT_TRUE(SendPacket(socket.get(), EncodeToWorker(hello)));
    EXPECT_EQ(Hear(socket).what, Packet::What::kMessage);
    return socket;
  }
  void ExpectStillServing() {
    const Descriptor socket = RawClient();
    wire::Challenge challenge;
    challenge.nonce.fill(3);
    ASSERT_TRUE(SendPacket(socket.get(), EncodeToWorker(challenge)));
    const Result<FromWorker> answer = DecodeFromWorker(Hear(socket).bytes);
    ASSERT_TRUE(answer);
    ASSERT_TRUE(std::holds_alternative<wire::Answer>(*answer));
    EXPECT_EQ(std::get<wire::Answer>(*answer).answer, ExpectedAnswer(challenge.nonce));
  }
  // The worker's own process, below bubblewrap's reaper or the supervisor; as the kernel says.
  pid_t WorkerPid() const {
    const Descriptor socket = Raw();
    EXPECT_TRUE(AskForSender(socket.get()));
    wire::Hello hello;
    hello.fence = 5;
    EXPECT_TRUE(SendPacket(socket.get(), EncodeToWorker(hello)));
    const pid_t pid = Hear(socket).sender;
    EXPECT_GT(pid, 1);
    return pid;
  }
  static std::optional<wire::Refused> HearRefusal(const Descriptor& socket) {
    const Result<FromWorker> message = DecodeFromWorker(Hear(socket).bytes);
    const auto* refused = message ? std::get_if<wire::Refused>(&*message) : nullptr;
    return refused == nullptr ? std::nullopt : std::optional<wire::Refused>(*refused);
  }

  Folder store_;
  std::filesystem::path folder_;
  Jail jail_;
};

TEST_P(WorkerTest, SaysItsGradeAndDevice) {
  auto worker = Start();
  ASSERT_TRUE(worker);
  const auto ready = Await<WorkerReady>(*worker);
  ASSERT_TRUE(ready);
  EXPECT_EQ(ready->grade, GetParam());
  EXPECT_EQ(ready->state, WorkerState::kIdle);
  EXPECT_EQ(ready->device.kind, "cpu");
}

TEST_P(WorkerTest, AnswersTheNonceAsAnyCpuCanCheck) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  Nonce nonce;
  nonce.fill(0x5a);
  ASSERT_TRUE(worker->Challenge(nonce));
  const auto answered = Await<WorkerAnswered>(*worker);
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->nonce, nonce);
  EXPECT_EQ(answered->answer, ExpectedAnswer(nonce));
}

TEST_P(WorkerTest, RunsAWorkloadAndLeavesADurableResult) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  Task task;
  task.launches = 3;
  const WorkerRun run = MakeRun(task);
  const WorkerResult result = RunToEnd(*worker, run);
  ASSERT_FALSE(result.failure) << result.failure->message;
  EXPECT_EQ(result.job, run.job);
  EXPECT_EQ(result.fence, 5u);
  EXPECT_EQ(result.workload, run.workload_digest);
  EXPECT_EQ(result.stats.launches, 3u);
  ASSERT_EQ(result.outputs.size(), 1u);
  EXPECT_EQ(result.outputs[0].file, "out.npy");
  const Result<Bytes> output = ReadFile(folder_ / OutputFileName(0), 1 << 20);
  ASSERT_TRUE(output);
  EXPECT_EQ(*output, ExpectedOutput());
  EXPECT_EQ(result.outputs[0].digest, Sha256(*output));
  ASSERT_EQ(result.commitments.size(), 2u);
  const Result<WorkerResult> outcome = ReadOutcome(folder_);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->commitments_root, result.commitments_root);
}

TEST_P(WorkerTest, QuitsWhenToldTo) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  ASSERT_TRUE(worker->Quit());
  const auto exited = Await<WorkerExited>(*worker);
  ASSERT_TRUE(exited);
  EXPECT_TRUE(exited->expected) << exited->failure.message;
  EXPECT_TRUE(worker->Receive().empty());
  EXPECT_EQ(Worker::Reattach(folder_, 5).error().code, Code::kNotFound);
}

TEST_P(WorkerTest, RunsASparesJobInTheJobsFolder) {
  WorkerSpec spec = Spec();
  spec.folder = store_.Make("spare");
  auto worker = Start(spec);
  ASSERT_TRUE(worker);
  ASSERT_TRUE(Await<WorkerReady>(*worker));
  const WorkerResult result = RunToEnd(*worker, MakeRun(Task{}));
  ASSERT_FALSE(result.failure) << result.failure->message;
  worker.reset();
  Result<std::unique_ptr<Worker>> again = Reattach(5);
  ASSERT_TRUE(again) << again.error().message;
  const auto ready = Await<WorkerReady>(**again);
  ASSERT_TRUE(ready);
  EXPECT_EQ(ready->state, WorkerState::kFinished);
}

// The daemon is a process of ours that starts a worker and dies by SIGKILL with the job running.
TEST_P(WorkerTest, OutlivesItsDaemonAndIsFoundAgain) {
  Task task;
  task.launches = 20'000;
  const WorkerRun run = MakeRun(task);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  Descriptor read_end(ends[0]);
  Descriptor write_end(ends[1]);
  const pid_t daemon = ::fork();
  if (daemon == 0) {
    auto worker = Worker::Start(Spec(), jail_);
    const bool running = worker && (*worker)->Run(run) && Await<WorkerProgressed>(**worker);
    const char said = running ? 'y' : 'n';
    static_cast<void>(!::write(write_end.get(), &said, 1));
    while (true) ::pause();
  }
  write_end.Close();
  char said = 0;
  ASSERT_EQ(::read(read_end.get(), &said, 1), 1);
  ASSERT_EQ(::kill(daemon, SIGKILL), 0);
  ASSERT_EQ(::waitpid(daemon, nullptr, 0), daemon);
  ASSERT_EQ(said, 'y');

  Result<std::unique_ptr<Worker>> worker = Reattach(5);
  ASSERT_TRUE(worker) << worker.error().message;
  ASSERT_TRUE(Await<WorkerReady>(**worker, Others::kSkip));
  const auto finished = Await<WorkerFinished>(**worker, Others::kSkip);
  ASSERT_TRUE(finished);
  ASSERT_FALSE(finished->result.failure) << finished->result.failure->message;
  EXPECT_EQ(finished->result.stats.launches, task.launches);
  EXPECT_EQ(*ReadFile(folder_ / OutputFileName(0), 1 << 20), ExpectedOutput());
  // It is nobody's child now, and ends all the same.
  ASSERT_TRUE((*worker)->Quit());
  const auto exited = Await<WorkerExited>(**worker);
  ASSERT_TRUE(exited);
  EXPECT_TRUE(exited->expected) << exited->failure.message;
}

TEST_P(WorkerTest, LeavesItsResultToADaemonThatComesLate) {
  {
    WorkerSpec spec = Spec();
    spec.idle_ms = 300;
    auto worker = Start(spec);
    ASSERT_TRUE(worker);
    ASSERT_TRUE(worker->Run(MakeRun(Task{})));
  }
  for (int i = 0; i < 200 && !ReadExitCode(folder_); ++i) ::usleep(50'000);
  const Result<WorkerResult> outcome = ReadOutcome(folder_);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_FALSE(outcome->failure) << outcome->failure->message;
  EXPECT_EQ(Worker::Reattach(folder_, 5).error().code, Code::kNotFound);
}

TEST_P(WorkerTest, RefusesALowerFence) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  Result<std::unique_ptr<Worker>> old = Reattach(4);
  ASSERT_TRUE(old);
  const auto refused = Await<WorkerRefused>(**old);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->error.code, Code::kDenied);
  // The holder of the lease is not disturbed; its own message of before is refused too.
  WorkerRun run = MakeRun(Task{});
  run.fence = 4;
  ASSERT_TRUE(worker->Run(run));
  const auto of_run = Await<WorkerRefused>(*worker);
  ASSERT_TRUE(of_run);
  EXPECT_EQ(of_run->error.code, Code::kDenied);
}

TEST_P(WorkerTest, RemembersTheHighestFence) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  Result<std::unique_ptr<Worker>> newer = Reattach(9);
  ASSERT_TRUE(newer);
  ASSERT_TRUE(Await<WorkerReady>(**newer));
  Result<std::unique_ptr<Worker>> old = Reattach(8);
  ASSERT_TRUE(old);
  ASSERT_TRUE(Await<WorkerRefused>(**old));
}

TEST_P(WorkerTest, ServesTheNewestConnection) {
  auto first = StartReady();
  ASSERT_TRUE(first);
  Result<std::unique_ptr<Worker>> second = Reattach(5);
  ASSERT_TRUE(second);
  ASSERT_TRUE(Await<WorkerReady>(**second));
  const WorkerResult result = RunToEnd(**second, MakeRun(Task{}));
  EXPECT_FALSE(result.failure);
  EXPECT_TRUE(first->Receive().empty());
  EXPECT_FALSE(first->AskStatus());
}

TEST_P(WorkerTest, IsNotDisturbedByWhoSaysNoHello) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  std::vector<Descriptor> silent;
  for (int i = 0; i < 3; ++i) silent.push_back(Raw());
  const Descriptor garbage = Raw();
  ASSERT_TRUE(SendPacket(garbage.get(), AsBytes("GET / HTTP/1.1")));
  EXPECT_EQ(Hear(garbage).what, Packet::What::kClosed);
  const Descriptor early = Raw();
  ASSERT_TRUE(SendPacket(early.get(), EncodeToWorker(wire::Quit())));
  EXPECT_EQ(Hear(early).what, Packet::What::kClosed);
  Nonce nonce = {};
  ASSERT_TRUE(worker->Challenge(nonce));
  EXPECT_TRUE(Await<WorkerAnswered>(*worker));
}

TEST_P(WorkerTest, EndsTheConnectionOnGarbageAndServesTheNext) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  const Descriptor client = RawClient();
  ASSERT_TRUE(SendPacket(client.get(), Bytes(100, 0xff)));
  const auto refused = HearRefusal(client);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, Code::kMalformed);
  EXPECT_EQ(Hear(client).what, Packet::What::kClosed);
  ExpectStillServing();
}

TEST_P(WorkerTest, EndsTheConnectionOnAnOversizedPacket) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  const Descriptor client = RawClient();
  const Bytes huge(kMaxPacketBytes + 1, 1);
  ASSERT_EQ(::send(client.get(), huge.data(), huge.size(), 0), static_cast<ssize_t>(huge.size()));
  EXPECT_TRUE(HearRefusal(client));
  EXPECT_EQ(Hear(client).what, Packet::What::kClosed);
  ExpectStillServing();
}

TEST_P(WorkerTest, TakesNoDescriptorWhereNoneBelongs) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  const Descriptor client = RawClient();
  const int file = STDIN_FILENO;
  ASSERT_TRUE(SendPacket(client.get(), EncodeToWorker(wire::Status()), {&file, 1}));
  EXPECT_TRUE(HearRefusal(client));
  EXPECT_EQ(Hear(client).what, Packet::What::kClosed);
  ExpectStillServing();
}

TEST_P(WorkerTest, RefusesDescriptorsThatAreNotWhatWasSaid) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  const Descriptor client = RawClient();
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Descriptor pipe_read(ends[0]);
  const Descriptor pipe_write(ends[1]);
  const Descriptor dir(::open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const WorkerRun::Blob blob = store_.Store(AsBytes("0123456789"));
  const Descriptor readable(::open(blob.path.c_str(), O_RDONLY | O_CLOEXEC));
  const Descriptor writable(::open(blob.path.c_str(), O_RDWR | O_CLOEXEC));
  const Descriptor path_only(::open(blob.path.c_str(), O_PATH | O_CLOEXEC));
  struct Case {
    int fd;
    FileEntry entry;
  };
  const std::vector<Case> cases = {
      {pipe_read.get(), {FileRole::kBlob, blob.digest, 0}},
      {dir.get(), {FileRole::kBlob, blob.digest, 10}},
      {client.get(), {FileRole::kResult, Digest{}, 10}},
      {path_only.get(), {FileRole::kBlob, blob.digest, 10}},
      {readable.get(), {FileRole::kBlob, blob.digest, 11}},
      {readable.get(), {FileRole::kOutput, Digest{}, 10}},
      {writable.get(), {FileRole::kBlob, blob.digest, 10}},
  };
  for (const Case& one : cases) {
    wire::Files files;
    files.entries = {one.entry};
    ASSERT_TRUE(SendPacket(client.get(), EncodeToWorker(files), {&one.fd, 1}));
    const auto refused = HearRefusal(client);
    ASSERT_TRUE(refused);
    EXPECT_TRUE(refused->code == Code::kInvalidArgument || refused->code == Code::kMismatch)
        << refused->message;
  }
  wire::Files two;
  two.entries = {{FileRole::kBlob, blob.digest, 10}, {FileRole::kBlob, blob.digest, 10}};
  const int one = readable.get();
  ASSERT_TRUE(SendPacket(client.get(), EncodeToWorker(two), {&one, 1}));
  const auto refused = HearRefusal(client);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, Code::kMalformed);
  // And without its files a run is refused.
  ASSERT_TRUE(SendPacket(client.get(), EncodeToWorker(wire::Run{5, Digest{}})));
  const auto of_run = HearRefusal(client);
  ASSERT_TRUE(of_run);
  EXPECT_EQ(of_run->code, Code::kInvalidArgument);
  ExpectStillServing();
}

TEST_P(WorkerTest, BoundsTheFilesOfARun) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  const Descriptor client = RawClient();
  const WorkerRun::Blob blob = store_.Store(AsBytes("0123456789"));
  const Descriptor readable(::open(blob.path.c_str(), O_RDONLY | O_CLOEXEC));
  wire::Files files;
  files.entries.assign(100, FileEntry{FileRole::kBlob, blob.digest, 10});
  const std::vector<int> fds(100, readable.get());
  for (int i = 0; i < 7; ++i) {
    ASSERT_TRUE(SendPacket(client.get(), EncodeToWorker(files), fds));
  }
  const auto refused = HearRefusal(client);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->code, Code::kTooLarge);
  ExpectStillServing();
}

TEST_P(WorkerTest, ReportsAWildAccessAsAFault) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  Task task;
  task.kernel = "wild";
  const WorkerResult result = RunToEnd(*worker, MakeRun(task));
  ASSERT_TRUE(result.failure);
  EXPECT_EQ(result.failure->code, Code::kFault) << result.failure->message;
}

TEST_P(WorkerTest, ReportsAnEndlessLoopAsExhausted) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  Task task;
  task.kernel = "spin";
  task.thread_instructions = 1'000'000;
  const WorkerResult result = RunToEnd(*worker, MakeRun(task));
  ASSERT_TRUE(result.failure);
  EXPECT_EQ(result.failure->code, Code::kExhausted) << result.failure->message;
}

TEST_P(WorkerTest, ReportsABlobThatIsNotItsDigest) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  const WorkerRun run = MakeRun(Task{});
  std::fstream(run.blobs[1].path).seekp(200).put('\x7f');
  const WorkerResult result = RunToEnd(*worker, run);
  ASSERT_TRUE(result.failure);
  EXPECT_EQ(result.failure->code, Code::kMismatch) << result.failure->message;
}

TEST_P(WorkerTest, ReportsABlobThatWasNotHandedOver) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  WorkerRun run = MakeRun(Task{});
  run.blobs.pop_back();
  const WorkerResult result = RunToEnd(*worker, run);
  ASSERT_TRUE(result.failure);
  EXPECT_EQ(result.failure->code, Code::kNotFound) << result.failure->message;
}

TEST_P(WorkerTest, WritesNoMoreThanItMay) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  WorkerRun run = MakeRun(Task{});
  run.output_bytes = 100;
  const WorkerResult result = RunToEnd(*worker, run);
  ASSERT_TRUE(result.failure);
  EXPECT_EQ(result.failure->code, Code::kTooLarge) << result.failure->message;
  EXPECT_EQ(std::filesystem::file_size(folder_ / OutputFileName(0)), 0u);
}

TEST_P(WorkerTest, RunsOneJobInItsLife) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  const WorkerRun run = MakeRun(Task{});
  EXPECT_FALSE(RunToEnd(*worker, run).failure);
  ASSERT_TRUE(worker->Run(run));
  const auto refused = Await<WorkerRefused>(*worker);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->error.code, Code::kWrongState);
}

TEST_P(WorkerTest, CancelsBetweenLaunches) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  Task task;
  task.launches = 1'000'000;
  ASSERT_TRUE(worker->Run(MakeRun(task)));
  ASSERT_TRUE(Await<WorkerProgressed>(*worker));
  ASSERT_TRUE(worker->Cancel());
  const auto finished = Await<WorkerFinished>(*worker, Others::kSkip);
  ASSERT_TRUE(finished);
  ASSERT_TRUE(finished->result.failure);
  EXPECT_THAT(finished->result.failure->message, HasSubstr("cancelled"));
}

TEST_P(WorkerTest, CancelsALaunchThatDoesNotReturn) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  Task task;
  task.kernel = "spin";
  ASSERT_TRUE(worker->Run(MakeRun(task)));
  AwaitLaunch(*worker);
  ASSERT_TRUE(worker->Cancel());
  const auto finished = Await<WorkerFinished>(*worker, Others::kSkip);
  ASSERT_TRUE(finished);
  ASSERT_TRUE(finished->result.failure);
  EXPECT_THAT(finished->result.failure->message, HasSubstr("cancelled"));
  EXPECT_TRUE(Await<WorkerExited>(*worker, Others::kSkip));
}

TEST_P(WorkerTest, EndsWhenIdleTooLong) {
  WorkerSpec spec = Spec();
  spec.idle_ms = 150;
  auto worker = Start(spec);
  ASSERT_TRUE(worker);
  ASSERT_TRUE(Await<WorkerReady>(*worker));
  // Not idle while it has a client.
  EXPECT_EQ(::poll(nullptr, 0, 400), 0);
  EXPECT_TRUE(worker->Receive().empty());
  worker.reset();
  for (int i = 0; i < 100 && !ReadExitCode(folder_); ++i) ::usleep(20'000);
  EXPECT_EQ(ReadExitCode(folder_), static_cast<int>(WorkerExit::kIdle));
}

TEST_P(WorkerTest, EndsWithItsTimeWhateverItDoes) {
  WorkerSpec spec = Spec();
  spec.keep_ms = 600;
  auto worker = Start(spec);
  ASSERT_TRUE(worker);
  Task task;
  task.kernel = "spin";
  ASSERT_TRUE(worker->Run(MakeRun(task)));
  const auto finished = Await<WorkerFinished>(*worker, Others::kSkip);
  ASSERT_TRUE(finished);
  ASSERT_TRUE(finished->result.failure);
  EXPECT_EQ(finished->result.failure->code, Code::kExpired);
  const auto exited = Await<WorkerExited>(*worker, Others::kSkip);
  ASSERT_TRUE(exited);
  EXPECT_EQ(exited->failure.code, Code::kExpired);
}

TEST_P(WorkerTest, IsKeptLongerWhenToldTo) {
  WorkerSpec spec = Spec();
  spec.keep_ms = 400;
  auto worker = Start(spec);
  ASSERT_TRUE(worker);
  ASSERT_TRUE(Await<WorkerReady>(*worker));
  ASSERT_TRUE(worker->KeepFor(60'000));
  EXPECT_EQ(::poll(nullptr, 0, 700), 0);
  ASSERT_TRUE(worker->AskStatus());
  EXPECT_TRUE(Await<WorkerReady>(*worker));
}

TEST_P(WorkerTest, UsesNoMoreProcessorTimeThanItMay) {
  WorkerSpec spec = Spec();
  spec.cpu_seconds = 1;
  auto worker = Start(spec);
  ASSERT_TRUE(worker);
  Task task;
  task.kernel = "spin";
  ASSERT_TRUE(worker->Run(MakeRun(task)));
  const auto exited = Await<WorkerExited>(*worker, Others::kSkip);
  ASSERT_TRUE(exited);
  EXPECT_FALSE(exited->expected);
  // RLIMIT_CPU's hard limit may come first.
  EXPECT_TRUE(exited->failure.code == Code::kExhausted || exited->failure.code == Code::kFault);
  EXPECT_THAT(exited->failure.message, testing::AnyOf(HasSubstr("SIGXCPU"), HasSubstr("SIGKILL")));
}

TEST_P(WorkerTest, DiesByKillAndSaysSo) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  Task task;
  task.kernel = "spin";
  ASSERT_TRUE(worker->Run(MakeRun(task)));
  ASSERT_TRUE(worker->Kill());
  const auto exited = Await<WorkerExited>(*worker, Others::kSkip);
  ASSERT_TRUE(exited);
  EXPECT_FALSE(exited->expected);
  EXPECT_EQ(exited->failure.code, Code::kFault);
  EXPECT_THAT(exited->failure.message, HasSubstr("SIGKILL"));
  const Result<WorkerResult> outcome = ReadOutcome(folder_);
  ASSERT_TRUE(outcome) << outcome.error().message;
  ASSERT_TRUE(outcome->failure);
  EXPECT_THAT(outcome->failure->message, HasSubstr("SIGKILL"));
}

TEST_P(WorkerTest, DiesByKillRightAfterItsStart) {
  for (int i = 0; i < 10; ++i) {
    auto worker = Start();
    ASSERT_TRUE(worker);
    ::usleep(static_cast<useconds_t>(i) * 700);
    ASSERT_TRUE(worker->Kill());
    ASSERT_TRUE(Await<WorkerExited>(*worker, Others::kSkip));
    EXPECT_FALSE(OpenInner(folder_));
  }
}

// A crash inside the jail, as a bug in a device would make.
TEST_P(WorkerTest, TellsACrashBySignalName) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  // A sanitizer would catch SIGSEGV.
  ASSERT_EQ(::kill(WorkerPid(), SIGABRT), 0);
  const auto exited = Await<WorkerExited>(*worker, Others::kSkip);
  ASSERT_TRUE(exited);
  EXPECT_EQ(exited->failure.code, Code::kFault);
  EXPECT_THAT(exited->failure.message, HasSubstr("SIGABRT"));
}

TEST_P(WorkerTest, IsKilledThoughItDoesNotAnswer) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  ASSERT_EQ(::kill(WorkerPid(), SIGSTOP), 0);
  worker.reset();
  ASSERT_TRUE(KillStray(folder_));
  for (int i = 0; i < 100 && !ReadExitCode(folder_); ++i) ::usleep(20'000);
  EXPECT_EQ(ReadExitCode(folder_), 128 + SIGKILL);
  EXPECT_TRUE(KillStray(folder_));
}

TEST_P(WorkerTest, LivesInAFolderWithALongPath) {
  WorkerSpec spec = Spec();
  folder_ = store_.Make(std::string(90, 'a') + "/" + std::string(90, 'b'));
  spec.folder = folder_;
  auto worker = Start(spec);
  ASSERT_TRUE(worker);
  EXPECT_TRUE(Await<WorkerReady>(*worker));
}

INSTANTIATE_TEST_SUITE_P(Grades, WorkerTest,
                         testing::Values(JailGrade::kSeccomp, JailGrade::kLandlock,
                                         JailGrade::kNamespaces),
                         [](const auto& one) { return std::string(JailGradeName(one.param)); });

TEST(Worker, IsNeverStartedInAWeakerJailThanAskedFor) {
  const Result<Jail> weak = DetectJail(Program(), JailGrade::kSeccomp);
  ASSERT_TRUE(weak) << weak.error().message;
  const Folder store;
  WorkerSpec spec;
  spec.folder = store.Make("job");
  spec.program = Program();
  spec.at_least = JailGrade::kLandlock;
  const Result<std::unique_ptr<Worker>> worker = Worker::Start(spec, *weak);
  ASSERT_FALSE(worker);
  EXPECT_EQ(worker.error().code, Code::kDenied);
  EXPECT_FALSE(std::filesystem::exists(spec.folder / kStartFile));
}

TEST(Worker, ServesAnOrdinaryUserToo) {
  if (::geteuid() != 0) GTEST_SKIP() << "all of these tests run as an ordinary user already";
  EXPECT_EQ(
      RunAsNobody("souk-worker",
                  "*Runs*:*Outlives*:*Kill*:*Crash*:*Idle*:*Fence*:*Reports*:*Folder*-Rogue*"),
      0)
      << "see above what failed as nobody";
}

// rogue_worker in the place of souk-worker; the number says what it does to us.
class RogueWorkerTest : public testing::Test {
 protected:
  std::unique_ptr<Worker> Start(uint32_t how) {
    const Result<Jail> jail = DetectJail(ProgramPath("rogue_worker"));
    EXPECT_TRUE(jail) << (jail ? "" : jail.error().message);
    if (!jail) return nullptr;
    WorkerSpec spec;
    spec.folder = store_.Make("job");
    spec.program = ProgramPath("rogue_worker");
    spec.at_least = jail->grade;
    spec.threads = how;
    Result<std::unique_ptr<Worker>> worker = Worker::Start(spec, *jail);
    EXPECT_TRUE(worker) << (worker ? "" : worker.error().message);
    if (worker) Backlog(**worker).clear();
    return worker ? std::move(*worker) : nullptr;
  }
  void TearDown() override { static_cast<void>(KillStray(store_.Make("job"))); }

  Folder store_;
};

TEST_F(RogueWorkerTest, IsKilledForSpeakingNonsense) {
  for (const uint32_t how : {1u, 2u, 3u}) {
    auto worker = Start(how);
    ASSERT_TRUE(worker);
    const auto exited = Await<WorkerExited>(*worker, Others::kSkip);
    ASSERT_TRUE(exited) << how;
    EXPECT_FALSE(exited->expected);
    EXPECT_EQ(exited->failure.code, Code::kFault);
    EXPECT_THAT(exited->failure.message, HasSubstr("taken over")) << how;
  }
}

TEST_F(RogueWorkerTest, HoldsNobodyUpByTalkingWithoutEnd) {
  auto worker = Start(4);
  ASSERT_TRUE(worker);
  ASSERT_TRUE(Await<WorkerReady>(*worker));
  for (int i = 0; i < 100; ++i) EXPECT_LE(worker->Receive().size(), 64u);
  ASSERT_TRUE(worker->Kill());
  EXPECT_TRUE(Await<WorkerExited>(*worker, Others::kSkip));
}

TEST_F(RogueWorkerTest, IsNotBelievedAResultThatIsNotThere) {
  auto worker = Start(5);
  ASSERT_TRUE(worker);
  const auto finished = Await<WorkerFinished>(*worker);
  ASSERT_TRUE(finished);
  EXPECT_TRUE(finished->result.failure);
}

TEST_F(RogueWorkerTest, ThatLeavesAtOnceIsGone) {
  auto worker = Start(6);
  ASSERT_TRUE(worker);
  EXPECT_TRUE(Await<WorkerExited>(*worker));
}

TEST(Worker, SaysWhichDeviceItCannotOpen) {
  const Result<Jail> jail = DetectJail(Program());
  ASSERT_TRUE(jail) << jail.error().message;
  const Folder store;
  WorkerSpec spec;
  spec.folder = store.Make("job");
  spec.program = Program();
  spec.at_least = jail->grade;
  spec.device = "cuda:99";
  Result<std::unique_ptr<Worker>> worker = Worker::Start(spec, *jail);
  ASSERT_TRUE(worker) << worker.error().message;
  const auto exited = Await<WorkerExited>(**worker, Others::kSkip);
  ASSERT_TRUE(exited);
  EXPECT_FALSE(exited->expected);
  EXPECT_EQ(exited->failure.code, Code::kUnavailable);
  EXPECT_THAT(exited->failure.message, HasSubstr("cannot open its device"));
}

TEST(Worker, OfAFolderWithoutOneIsNotFound) {
  const Folder store;
  const std::filesystem::path folder = store.Make("job");
  EXPECT_EQ(Worker::Reattach(folder, 1).error().code, Code::kNotFound);
  EXPECT_EQ(ReadOutcome(folder).error().code, Code::kNotFound);
  EXPECT_TRUE(KillStray(folder));
}

TEST(Worker, OfAnotherBootIsGone) {
  const Folder store;
  const std::filesystem::path folder = store.Make("job");
  const std::string start = "boot not-this-one\nouter " + std::to_string(::getpid()) + " 1\n";
  ASSERT_TRUE(WriteFileAtomic(folder / kStartFile, AsBytes(start)));
  const std::string status = "{ \"child-pid\": " + std::to_string(::getpid()) + " }\n";
  ASSERT_TRUE(WriteFileAtomic(folder / kStatusFile, AsBytes(status)));
  EXPECT_FALSE(OpenOuter(folder));
  EXPECT_FALSE(OpenInner(folder));
  // We are alive to see it.
  EXPECT_TRUE(KillStray(folder));
  const Result<WorkerResult> outcome = ReadOutcome(folder);
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->failure);
}

}  // namespace
}  // namespace souk::gpu
