// souk-worker and who speaks to it, against peers that do not keep to the protocol.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>

#include "unit/gpu/worker/as_nobody.h"
#include "unit/gpu/worker/worker_harness.h"

namespace souk::gpu {
namespace {

using testing::HasSubstr;

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

INSTANTIATE_TEST_SUITE_P(Grades, WorkerTest,
                         testing::Values(JailGrade::kSeccomp, JailGrade::kLandlock,
                                         JailGrade::kNamespaces),
                         [](const auto& one) { return std::string(JailGradeName(one.param)); });

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

}  // namespace
}  // namespace souk::gpu
