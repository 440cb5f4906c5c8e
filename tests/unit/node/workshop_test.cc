// Leases' workers as real processes on the cpu device.
#include "node/workshop.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include <chrono>

#include "gpu/worker/challenge.h"
#include "gpu/worker/worker_folder.h"
#include "integration/nodes.h"
#include "node/blob_store.h"
#include "node/opening_checker.h"
#include "protocol/base/file.h"

namespace souk::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

Digest IdOf(const std::string& name) {
  return Sha256(AsBytes(name));
}

class WorkshopTest : public testing::Test {
 protected:
  void SetUp() override {
    options_.dir = folder_.path();
    options_.program = integration::ProgramPath("souk-worker");
    options_.cpu_memory_bytes = 64 << 20;
    std::filesystem::create_directories(folder_.path() / "blobs/sha256");
    std::filesystem::create_directories(folder_.path() / "blobs/partial");
    Reopen();
  }
  void TearDown() override {
    for (const Digest& lease : started_) shop_->Stop({lease});
    for (const Digest& lease : started_) {
      Wait<WorkerGone>([&](const WorkerGone& gone) { return gone.lease == lease; });
    }
  }
  // As a daemon that was killed and started again.
  void Reopen() {
    shop_.reset();
    events_.clear();
    auto shop = JailedWorkshop::Open(options_);
    ASSERT_TRUE(shop) << shop.error().message;
    shop_ = std::move(*shop);
    const auto found = shop_->FindDevices("cpu");
    ASSERT_TRUE(found) << found.error().message;
    device_ = found->at(0).info.uuid;
  }

  StartWorker StartOf(const Digest& lease) const {
    timespec now = {};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return {.lease = lease,
            .fence = 7,
            .device = device_,
            .nonce = IdOf("nonce"),
            .until = Time{int64_t{now.tv_sec} * 1000} + Minutes(10)};
  }
  void Start(const Digest& lease) {
    shop_->Start(StartOf(lease));
    started_.insert(lease);
  }
  StartJob JobOf(const Digest& lease, const std::string& name,
                 const integration::CongruenceWork& work) {
    StartJob job = {.lease = lease, .fence = 7, .job = IdOf(name)};
    job.workload = Put(work.encoding);
    for (const Bytes& blob : work.blobs) job.blobs.push_back(Put(blob));
    return job;
  }
  BlobRef Put(const Bytes& bytes) {
    const Digest digest = Sha256(bytes);
    EXPECT_TRUE(WriteFileAtomic(FileBlobStore::PathOf(folder_.path(), digest), bytes));
    return {digest, bytes.size()};
  }

  // The first event of that kind that fits, taken out of what happened.
  template <typename T>
  std::optional<T> Wait(const std::function<bool(const T&)>& fits, int limit_ms = 30'000) {
    const auto give_up = steady_clock::now() + milliseconds(limit_ms);
    while (true) {
      for (auto it = events_.begin(); it != events_.end(); ++it) {
        const T* event = std::get_if<T>(&*it);
        if (event == nullptr || !fits(*event)) continue;
        const T found = *event;
        events_.erase(it);
        return found;
      }
      if (steady_clock::now() > give_up) return std::nullopt;
      pollfd one = {shop_->fd(), POLLIN, 0};
      ::poll(&one, 1, 20);
      shop_->Receive(events_);
    }
  }
  template <typename T>
  std::optional<T> Wait() {
    return Wait<T>([](const T&) { return true; });
  }

  void KillWorkerIn(const std::filesystem::path& folder) {
    const auto text = ReadFile(folder / gpu::kStatusFile, 4096);
    ASSERT_TRUE(text);
    const std::string status(AsText(*text));
    const size_t at = status.find("\"child-pid\":");
    ASSERT_NE(at, std::string::npos);
    ASSERT_EQ(::kill(std::stoi(status.substr(at + 12)), SIGKILL), 0);
  }
  std::filesystem::path JobFolder(const std::string& name) const {
    return JailedWorkshop::JobFolder(folder_.path(), IdOf(name));
  }
  std::filesystem::path SpareFolder(const Digest& lease) const {
    return folder_.path() / "jobs" / ("spare-" + lease.Hex());
  }

  TestFolder folder_;
  WorkshopOptions options_ = {};
  std::unique_ptr<JailedWorkshop> shop_ = {};
  std::string device_ = {};
  std::vector<Event> events_ = {};
  std::set<Digest> started_ = {};
  const Digest lease_ = IdOf("lease");
};

TEST_F(WorkshopTest, AnswersTheCommitsNonceOnceItsWorkerIsThere) {
  Start(lease_);
  const auto ready = Wait<WorkerReady>();
  ASSERT_TRUE(ready);
  EXPECT_EQ(ready->lease, lease_);
  EXPECT_EQ(ready->answer, gpu::ExpectedAnswer(IdOf("nonce").bytes));
}

TEST_F(WorkshopTest, RunsJobsOneAfterAnotherAndKeepsTheirOutputs) {
  Start(lease_);
  const integration::CongruenceWork first(10), second(20);
  shop_->Run(JobOf(lease_, "first", first));
  shop_->Run(JobOf(lease_, "second", second));
  shop_->Run(JobOf(lease_, "second", second));  // said twice, run once
  for (const auto& [name, work] : {std::pair("first", &first), std::pair("second", &second)}) {
    const auto ended = Wait<JobEnded>();
    ASSERT_TRUE(ended) << name;
    EXPECT_EQ(ended->job, IdOf(name));
    EXPECT_EQ(ended->status, JobStatus::kDone) << ended->sentence;
    EXPECT_EQ(ended->result_class, "exact");
    ASSERT_EQ(ended->outputs.size(), 1u);
    EXPECT_EQ(ended->outputs[0].name, "numbers.npy");
    const auto bytes =
        ReadFile(FileBlobStore::PathOf(folder_.path(), ended->outputs[0].blob.digest), 1 << 20);
    ASSERT_TRUE(bytes);
    EXPECT_EQ(*bytes, work->expected);
  }
  EXPECT_FALSE(Wait<JobEnded>([](const JobEnded&) { return true; }, 300));
}

TEST_F(WorkshopTest, SaysThatAWorkerIsGoneOnlyWhenNoProcessOfTheLeaseLives) {
  Start(lease_);
  ASSERT_TRUE(Wait<WorkerReady>());
  shop_->Run(JobOf(lease_, "long", integration::CongruenceWork(500'000)));
  ASSERT_TRUE(Wait<JobProgressed>());
  shop_->Stop({lease_});
  const auto gone = Wait<WorkerGone>();
  ASSERT_TRUE(gone);
  EXPECT_FALSE(gone->lost);
  EXPECT_FALSE(gpu::OpenInner(JobFolder("long")));
  EXPECT_FALSE(gpu::OpenOuter(JobFolder("long")));
  EXPECT_FALSE(std::filesystem::exists(SpareFolder(lease_)));
  started_.clear();
}

TEST_F(WorkshopTest, SaysSoTooWhereThereWasNoWorker) {
  shop_->Stop({lease_});
  const auto gone = Wait<WorkerGone>();
  ASSERT_TRUE(gone);
  EXPECT_EQ(gone->lease, lease_);
  EXPECT_FALSE(gone->lost);
}

TEST_F(WorkshopTest, RunsAJobAgainWhoseWorkerWasKilled) {
  Start(lease_);
  const integration::CongruenceWork work(60'000);
  shop_->Run(JobOf(lease_, "job", work));
  ASSERT_TRUE(Wait<JobProgressed>([](const JobProgressed& event) { return event.launch > 0; }));
  KillWorkerIn(JobFolder("job"));
  const auto ended = Wait<JobEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, JobStatus::kDone) << ended->sentence;
  EXPECT_EQ(ended->outputs.at(0).blob.digest, Sha256(work.expected));
}

TEST_F(WorkshopTest, ReplacesASpareThatWasKilled) {
  Start(lease_);
  ASSERT_TRUE(Wait<WorkerReady>());
  KillWorkerIn(SpareFolder(lease_));
  shop_->Run(JobOf(lease_, "job", integration::CongruenceWork(5)));
  const auto ended = Wait<JobEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, JobStatus::kDone) << ended->sentence;
}

TEST_F(WorkshopTest, RunsTheNextJobOnceOneWasCancelled) {
  Start(lease_);
  const integration::CongruenceWork endless(500'000), next(10);
  const StartJob first = JobOf(lease_, "endless", endless);
  shop_->Run(first);
  shop_->Run(JobOf(lease_, "next", next));
  ASSERT_TRUE(Wait<JobProgressed>());
  shop_->Cancel({lease_, first.job});
  const auto ended = Wait<JobEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->job, IdOf("next"));
  EXPECT_EQ(ended->status, JobStatus::kDone);
}

TEST_F(WorkshopTest, FailsAJobThatNamesABlobItDoesNotBring) {
  Start(lease_);
  StartJob job = JobOf(lease_, "job", integration::CongruenceWork(5));
  job.blobs.pop_back();
  shop_->Run(job);
  const auto ended = Wait<JobEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, JobStatus::kFailed);
  EXPECT_NE(ended->sentence.find("which the job does not bring"), std::string::npos);
}

// A bit that a disk turned after the blob had come.
TEST_F(WorkshopTest, RemovesABlobThatIsDamagedSoThatTheNextJobBringsItAnew) {
  Start(lease_);
  const integration::CongruenceWork work(10);
  const StartJob job = JobOf(lease_, "damaged", work);
  for (const BlobRef& blob : {job.blobs.back(), job.workload}) {
    StartJob one = job;
    one.job = IdOf(blob.digest.Hex());
    const std::filesystem::path path = FileBlobStore::PathOf(folder_.path(), blob.digest);
    auto bytes = ReadFile(path, 1 << 20);
    ASSERT_TRUE(bytes);
    bytes->back() ^= 1;
    ASSERT_TRUE(WriteFileAtomic(path, *bytes));
    shop_->Run(one);
    const auto ended = Wait<JobEnded>();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->status, JobStatus::kFailed);
    EXPECT_NE(ended->sentence.find(blob.digest.ToString()), std::string::npos) << ended->sentence;
    EXPECT_NE(ended->sentence.find("send the job again"), std::string::npos) << ended->sentence;
    EXPECT_FALSE(std::filesystem::exists(path));
    bytes->back() ^= 1;
    ASSERT_TRUE(WriteFileAtomic(path, *bytes));
  }
  shop_->Run(job);
  const auto ended = Wait<JobEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, JobStatus::kDone) << ended->sentence;
}

TEST_F(WorkshopTest, FailsAJobWhoseWorkloadIsNone) {
  Start(lease_);
  StartJob job = JobOf(lease_, "job", integration::CongruenceWork(5));
  job.workload = Put(Bytes(100, 'x'));
  shop_->Run(job);
  const auto ended = Wait<JobEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, JobStatus::kFailed);
  EXPECT_FALSE(ended->sentence.empty());
}

TEST_F(WorkshopTest, CountsADeviceAsLostThatIsNotThere) {
  StartWorker start = StartOf(lease_);
  start.device = "GPU-gone";
  shop_->Start(start);
  const auto gone = Wait<WorkerGone>();
  ASSERT_TRUE(gone);
  EXPECT_TRUE(gone->lost);
  EXPECT_NE(gone->sentence.find("GPU-gone"), std::string::npos);
}

TEST_F(WorkshopTest, FindsARunningJobAgainAfterARestart) {
  Start(lease_);
  const integration::CongruenceWork work(100'000);
  const StartJob job = JobOf(lease_, "job", work);
  shop_->Run(job);
  ASSERT_TRUE(Wait<JobProgressed>([](const JobProgressed& event) { return event.launch > 0; }));
  const auto before = ReadFile(JobFolder("job") / gpu::kStartFile, 4096);
  Reopen();
  Start(lease_);
  shop_->Run(job);
  const auto ended = Wait<JobEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, JobStatus::kDone) << ended->sentence;
  EXPECT_EQ(ended->outputs.at(0).blob.digest, Sha256(work.expected));
  // It was that very process.
  EXPECT_EQ(*ReadFile(JobFolder("job") / gpu::kStartFile, 4096), *before);
}

TEST_F(WorkshopTest, FindsAResultThatNobodyHasSeen) {
  Start(lease_);
  const integration::CongruenceWork work(10);
  const StartJob job = JobOf(lease_, "job", work);
  shop_->Run(job);
  ASSERT_TRUE(Wait<JobEnded>());
  for (int i = 0; i < 2; ++i) {
    Reopen();
    Start(lease_);
    shop_->Run(job);
    const auto ended = Wait<JobEnded>();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->status, JobStatus::kDone) << ended->sentence;
    EXPECT_EQ(ended->outputs.at(0).blob.digest, Sha256(work.expected));
  }
}

TEST_F(WorkshopTest, BelievesNoResultWithOtherOutputsThanTheWorkloads) {
  Start(lease_);
  const integration::CongruenceWork work(10);
  const StartJob job = JobOf(lease_, "job", work);
  shop_->Run(job);
  ASSERT_TRUE(Wait<JobEnded>());
  const auto honest = gpu::ReadResult(JobFolder("job") / gpu::kResultFile);
  ASSERT_TRUE(honest);
  const BlobRef others = Put(Bytes{1, 2, 3});
  using Change = std::function<void(gpu::WorkerResult&)>;
  const std::vector<Change> changes = {
      [&](gpu::WorkerResult& result) {
        result.outputs[0].digest = others.digest;
        result.outputs[0].bytes = others.size;
        std::filesystem::remove(JobFolder("job") / gpu::OutputFileName(0));
      },
      [](gpu::WorkerResult& result) { result.outputs.resize(300, result.outputs[0]); },
      [](gpu::WorkerResult& result) { result.outputs.clear(); },
      [](gpu::WorkerResult& result) { result.outputs[0].file = "other.npy"; },
      [](gpu::WorkerResult& result) { result.workload = IdOf("another"); }};
  for (const Change& change : changes) {
    gpu::WorkerResult result = *honest;
    change(result);
    ASSERT_TRUE(WriteFileAtomic(JobFolder("job") / gpu::kResultFile, *gpu::EncodeResult(result)));
    Reopen();
    Start(lease_);
    shop_->Run(job);
    const auto ended = Wait<JobEnded>();
    ASSERT_TRUE(ended);
    EXPECT_EQ(ended->status, JobStatus::kLost);
    EXPECT_TRUE(ended->outputs.empty());
  }
}

StartChallenge ChallengeOf(const Digest& lease, uint32_t size = 128) {
  return {.lease = lease,
          .fence = 7,
          .challenge = IdOf("challenge"),
          .seed = IdOf("seed"),
          .size = size};
}

TEST_F(WorkshopTest, RunsAChallengeAndKeepsTheRowsThatAreAskedFor) {
  Start(lease_);
  const StartChallenge start = ChallengeOf(lease_);
  shop_->Challenge(start);
  shop_->Challenge(start);  // said twice, computed once
  const auto committed = Wait<ChallengeCommitted>();
  ASSERT_TRUE(committed);
  CheckOpening check;
  check.claim = {start.challenge, start.seed, start.size, committed->root,
                 gpu::ChosenRows(IdOf("secret"), start.challenge, start.size, 8)};
  check.secret = IdOf("secret");
  shop_->Open({lease_, start.challenge, check.claim.rows});
  const auto opened = Wait<ChallengeOpened>();
  ASSERT_TRUE(opened);
  check.blob = opened->blob;
  const OpeningChecked passed = CheckOpeningIn(folder_.path(), check);
  EXPECT_TRUE(passed.passed) << passed.sentence;
  // Other rows than those that were asked for.
  check.claim.rows = gpu::ChosenRows(IdOf("another"), start.challenge, start.size, 8);
  EXPECT_FALSE(CheckOpeningIn(folder_.path(), check).passed);
  // The lease goes on.
  shop_->Run(JobOf(lease_, "job", integration::CongruenceWork(10)));
  const auto ended = Wait<JobEnded>();
  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->status, JobStatus::kDone) << ended->sentence;
}

TEST_F(WorkshopTest, SaysWhyAChallengeCannotBeComputed) {
  shop_->Challenge(ChallengeOf(IdOf("no lease")));
  const auto homeless = Wait<ChallengeFailed>();
  ASSERT_TRUE(homeless);
  EXPECT_EQ(homeless->sentence, "its lease has no worker");
  Start(lease_);
  shop_->Challenge(ChallengeOf(lease_, 8192));
  const auto failed = Wait<ChallengeFailed>();
  ASSERT_TRUE(failed);
  EXPECT_NE(failed->sentence.find("allocating"), std::string::npos) << failed->sentence;
}

TEST_F(WorkshopTest, SaysSoWhereAChallengesWorkerIsKilled) {
  Start(lease_);
  shop_->Challenge(ChallengeOf(lease_));
  ASSERT_TRUE(Wait<ChallengeCommitted>());
  KillWorkerIn(JobFolder("challenge"));
  EXPECT_TRUE(Wait<ChallengeFailed>());
}

TEST_F(WorkshopTest, StopsAChallengeThatIsNotWantedAnyMore) {
  Start(lease_);
  shop_->Challenge(ChallengeOf(lease_));
  ASSERT_TRUE(Wait<ChallengeCommitted>());
  shop_->GiveUp(StopChallenge{lease_, IdOf("challenge")});
  shop_->Open({lease_, IdOf("challenge"), {1}});
  EXPECT_FALSE(Wait<ChallengeOpened>([](const ChallengeOpened&) { return true; }, 500));
  shop_->Run(JobOf(lease_, "job", integration::CongruenceWork(10)));
  EXPECT_TRUE(Wait<JobEnded>());
}

// A daemon that was killed has it computed anew, to the same root.
TEST_F(WorkshopTest, ComputesAChallengeAgainAfterARestart) {
  Start(lease_);
  shop_->Challenge(ChallengeOf(lease_));
  const auto before = Wait<ChallengeCommitted>();
  ASSERT_TRUE(before);
  Reopen();
  Start(lease_);
  shop_->Challenge(ChallengeOf(lease_));
  const auto after = Wait<ChallengeCommitted>();
  ASSERT_TRUE(after);
  EXPECT_EQ(after->root, before->root);
}

TEST_F(WorkshopTest, StopsWhatAFormerDaemonLeft) {
  Start(lease_);
  shop_->Run(JobOf(lease_, "job", integration::CongruenceWork(500'000)));
  ASSERT_TRUE(Wait<JobProgressed>());
  Reopen();
  shop_->Stop({lease_});
  started_.clear();
  const auto gone = Wait<WorkerGone>();
  ASSERT_TRUE(gone);
  EXPECT_FALSE(gpu::OpenInner(JobFolder("job")));
  EXPECT_FALSE(gpu::OpenInner(SpareFolder(lease_)));
}

}  // namespace
}  // namespace souk::node
