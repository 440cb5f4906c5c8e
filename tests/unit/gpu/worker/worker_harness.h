// What the tests of real souk-worker processes share: a workload to run, waiting for events, and a
// fixture that runs in each grade of jail that this machine allows.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <deque>
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

inline constexpr uint32_t kElements = 256;
inline constexpr int kPatienceMs = 20'000;

inline constexpr std::string_view kKernels = R"(.version 6.3
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

inline std::filesystem::path Program() {
  return ProgramPath("souk-worker");
}

// A folder for a test's jobs and the blobs that they name.
class Folder {
 public:
  std::filesystem::path Make(const std::string& name) const {
    std::filesystem::create_directories(folder_ / name);
    return folder_ / name;
  }
  WorkerRun::Blob Store(ByteView bytes) const {
    const Digest digest = Sha256(bytes);
    EXPECT_TRUE(WriteFileAtomic(folder_ / digest.Hex(), bytes));
    return {digest, folder_ / digest.Hex()};
  }

 private:
  TestFolder folder_;
};

struct Task {
  std::string kernel = "triple";
  uint64_t launches = 1;
  uint64_t thread_instructions = uint64_t{1} << 40;
  uint64_t milliseconds = 600'000;
};

inline std::string CanonicalKernels() {
  Result<ptx::Module> module = ptx::Parse(kKernels);
  EXPECT_TRUE(module) << (module ? "" : module.error().message);
  Result<ptx::Module> canonical = ptx::Canonicalize(std::move(*module));
  EXPECT_TRUE(canonical) << (canonical ? "" : canonical.error().message);
  return ptx::Write(*canonical);
}

inline Bytes Inputs() {
  Bytes data;
  for (uint32_t i = 0; i < kElements; ++i) PutLe(data, i * i);
  return WriteNpy(DType::kU32, {kElements}, data);
}

inline Bytes ExpectedOutput() {
  Bytes data;
  for (uint32_t i = 0; i < kElements; ++i) PutLe(data, 3 * i * i);
  return WriteNpy(DType::kU32, {kElements}, data);
}

// Everything of `task` in the store, to run in `folder`.
inline WorkerRun MakeRun(const Folder& store, const std::filesystem::path& folder,
                         const Task& task) {
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
inline std::deque<WorkerEvent>& Backlog(Worker& worker) {
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

}  // namespace souk::gpu
