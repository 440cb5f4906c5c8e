// Real souk-worker processes on the cpu device, in each grade that this machine allows.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>

#include <fstream>

#include "gpu/challenge/verify.h"
#include "unit/gpu/worker/as_nobody.h"
#include "unit/gpu/worker/worker_harness.h"

namespace souk::gpu {
namespace {

using testing::HasSubstr;

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
  EXPECT_EQ(exited->failure.code, Code::kExhausted);
  EXPECT_THAT(exited->failure.message, HasSubstr("SIGXCPU"));
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

WorkerProof ProofIn(const std::filesystem::path& folder) {
  WorkerProof proof;
  proof.challenge = Sha256(AsBytes("challenge"));
  proof.fence = 5;
  proof.folder = folder;
  proof.seed = Sha256(AsBytes("seed"));
  proof.size = 128;
  return proof;
}

TEST_P(WorkerTest, RunsAChallengeAndOpensTheRowsThatAreAskedFor) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  const WorkerProof proof = ProofIn(folder_);
  ASSERT_TRUE(worker->Prove(proof));
  const auto committed = Await<WorkerCommitted>(*worker);
  ASSERT_TRUE(committed);
  EXPECT_EQ(committed->committed.challenge, proof.challenge);
  const Digest secret = Sha256(AsBytes("secret"));
  const ProductClaim claim = {proof.challenge, proof.seed, proof.size, committed->committed.root,
                              ChosenRows(secret, proof.challenge, proof.size, 16)};
  ASSERT_TRUE(worker->Open(claim.rows));
  const auto opened = Await<WorkerOpened>(*worker);
  ASSERT_TRUE(opened);
  const Result<Bytes> bytes = ReadFile(folder_ / kOpeningFile, 1 << 20);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(opened->opened.digest, Sha256(*bytes));
  EXPECT_EQ(opened->opened.bytes, bytes->size());
  const souk::Status checked = CheckOpening(claim, secret, *bytes);
  EXPECT_TRUE(checked) << checked.error().message;
}

TEST_P(WorkerTest, RefusesAChallengeUnderAnOldFenceOrBesideAJob) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  WorkerProof proof = ProofIn(folder_);
  proof.fence = 4;
  ASSERT_TRUE(worker->Prove(proof));
  const auto refused = Await<WorkerRefused>(*worker, Others::kSkip);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->error.code, Code::kDenied);
  EXPECT_EQ(worker->Run(MakeRun(Task())).error().code, Code::kWrongState);
}

TEST_P(WorkerTest, SaysThatAProductDoesNotFitItsDevice) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  WorkerProof proof = ProofIn(folder_);
  proof.size = 8192;
  ASSERT_TRUE(worker->Prove(proof));
  const auto failed = Await<WorkerProofFailed>(*worker);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->failed.code, Code::kExhausted);
}

TEST(Worker, ServesAnOrdinaryUserToo) {
  if (::geteuid() != 0) GTEST_SKIP() << "all of these tests run as an ordinary user already";
  EXPECT_EQ(
      RunAsNobody("souk-worker",
                  "*Runs*:*Outlives*:*Kill*:*Crash*:*Idle*:*Fence*:*Reports*:*Folder*-Rogue*"),
      0)
      << "see above what failed as nobody";
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
