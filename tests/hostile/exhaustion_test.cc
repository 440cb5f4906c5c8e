// Jobs that take all the memory that a worker may have: they end, where they cannot do with less,
// with a sentence of the worker's own, not by the kernel's choice of a process to kill.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <fstream>

#include "gpu/worker/confine.h"
#include "hostile/hostile_set.h"
#include "hostile/measure.h"
#include "unit/gpu/worker/worker_harness.h"

namespace souk::gpu::hostile {
namespace {

// A root that lacks CAP_SYS_RESOURCE, of a worker that became nobody.
constexpr const char* kNoRight = "this process may not limit what its worker may have";

class ExhaustionTest : public WorkerTest {
 protected:
  void SetUp() override {
    if (!AddressSpaceCanBeLimited()) {
      GTEST_SKIP() << "a sanitizer's shadow needs all address space";
    }
    WorkerTest::SetUp();
  }

  WorkerRun RunOf(const Job& job) const {
    WorkerRun run;
    run.job = Sha256(job.encoding);
    run.fence = 5;
    run.folder = folder_;
    const WorkerRun::Blob encoding = store_.Store(job.encoding);
    run.workload_digest = encoding.digest;
    run.workload = encoding.path;
    for (const Bytes& blob : job.blobs) run.blobs.push_back(store_.Store(blob));
    run.outputs = 1;
    return run;
  }
};

// Workers whose address space is made to end just behind what they have.
class HeadroomTest : public ExhaustionTest {
 protected:
  static uint64_t AddressSpaceOf(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
    uint64_t pages = 0;
    file >> pages;
    return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  }
  // False where this process may not limit another user's.
  static bool LeaveAddressSpace(pid_t pid, uint64_t more) {
    const uint64_t most = AddressSpaceOf(pid) + more;
    const rlimit limit = {most, most};
    return ::prlimit(pid, RLIMIT_AS, &limit, nullptr) == 0;
  }
  // To ask which process it is takes the connection over.
  std::unique_ptr<Worker> Again() {
    Result<std::unique_ptr<Worker>> worker = Reattach(5);
    EXPECT_TRUE(worker);
    if (!worker || !Await<WorkerReady>(**worker)) return nullptr;
    return std::move(*worker);
  }
};

// What a thread's registers and local memory take is not in memory_bytes: eight threads of the
// device at 512 MiB each are more than a worker may have in all. It runs on one, as it would on a
// device that has one.
TEST_P(ExhaustionTest, RunsALaunchThatAsksForAllMemoryOnOneThread) {
  WorkerSpec spec = Spec();
  spec.threads = 8;
  auto worker = Start(spec);
  ASSERT_TRUE(worker);
  const Kernel kernel{.body =
                          ".local .b8 l[524288]; st.local.u32 [l], %r0; ld.local.u32 %r1, [l]; "
                          "st.global.u32 [%rd0], 7;",
                      .grid = {64, 1, 1},
                      .block = {1024, 1, 1}};
  const WorkerResult result = RunToEnd(*worker, RunOf(JobOf(kernel)));
  EXPECT_FALSE(result.failure) << result.failure->message;
  EXPECT_LE(ResidentOf(WorkerPid()).peak_kib, 64u * 1024);
}

// Wherever in its work the memory ends.
TEST_P(HeadroomTest, EndsAModuleThatTakesAllMemory) {
  const Job job = JobOf(
      Header() + Each(60'000, [](const std::string& i) { return ".func f" + i + "(){ret;}\n"; }) +
      TextOf(Kernel{.body = "st.global.u32 [%rd0], 7;"}).substr(Header().size()));
  size_t exhausted = 0;
  size_t done = 0;
  for (const uint64_t mebibytes : {0, 1, 2, 4, 8, 12, 16, 20, 24, 32, 40, 48, 64, 96, 256}) {
    SCOPED_TRACE(mebibytes);
    ASSERT_TRUE(StartReady());
    const pid_t pid = WorkerPid();
    auto worker = Again();
    ASSERT_TRUE(worker);
    if (!LeaveAddressSpace(pid, mebibytes << 20)) GTEST_SKIP() << kNoRight;
    const WorkerResult result = RunToEnd(*worker, RunOf(job));
    ASSERT_NE(result.workload, Digest{}) << "its worker is gone";
    if (result.failure) {
      EXPECT_EQ(result.failure->code, Code::kExhausted) << result.failure->message;
      ++exhausted;
    } else {
      ++done;
    }
    // The worker itself is whole.
    ASSERT_TRUE(worker->AskStatus());
    EXPECT_TRUE(Await<WorkerProgressed>(*worker));
    ASSERT_TRUE(KillStray(folder_));
  }
  EXPECT_GE(exhausted, 5u);
  EXPECT_GE(done, 1u);
}

TEST_P(HeadroomTest, StillAnswersWhileAJobHoldsAllMemory) {
  ASSERT_TRUE(StartReady());
  const pid_t pid = WorkerPid();
  auto worker = Again();
  ASSERT_TRUE(worker);
  const Kernel kernel{
      .body = "L: bra L;", .thread_instructions = UINT64_MAX, .milliseconds = 60'000};
  ASSERT_TRUE(worker->Run(RunOf(JobOf(kernel))));
  AwaitLaunch(*worker);
  if (!LeaveAddressSpace(pid, 0)) GTEST_SKIP() << kNoRight;
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(worker->AskStatus());
    ASSERT_TRUE(Await<WorkerProgressed>(*worker)) << i;
  }
  ASSERT_TRUE(worker->Cancel());
  const auto finished = Await<WorkerFinished>(*worker, Others::kSkip);
  ASSERT_TRUE(finished);
  ASSERT_TRUE(finished->result.failure);
  EXPECT_EQ(finished->result.failure->code, Code::kUnavailable)
      << finished->result.failure->message;
}

// A device of many threads, of which the machine gives only some: the result is the same.
TEST_P(HeadroomTest, RunsOnAsManyThreadsAsThereAre) {
  WorkerSpec spec = Spec();
  spec.threads = 16;
  {
    auto worker = Start(spec);
    ASSERT_TRUE(worker);
    ASSERT_TRUE(Await<WorkerReady>(*worker));
  }
  const pid_t pid = WorkerPid();
  auto worker = Again();
  ASSERT_TRUE(worker);
  // The job's own stack and some of the sixteen.
  if (!LeaveAddressSpace(pid, 24u << 20)) GTEST_SKIP() << kNoRight;
  const Kernel kernel{.body =
                          "mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; "
                          "mad.lo.s32 %r3, %r1, %r2, %r0; mul.wide.u32 %rd1, %r3, 4; "
                          "add.s64 %rd2, %rd0, %rd1; st.global.u32 [%rd2], %r3;",
                      .grid = {10, 1, 1},
                      .block = {25, 1, 1}};
  const WorkerResult result = RunToEnd(*worker, RunOf(JobOf(kernel)));
  ASSERT_NE(result.workload, Digest{}) << "its worker is gone";
  ASSERT_FALSE(result.failure) << result.failure->message;
  EXPECT_EQ(result.result_class, ptx::Class::kExact);
}

std::string NameOf(const testing::TestParamInfo<JailGrade>& one) {
  return JailGradeName(one.param);
}
INSTANTIATE_TEST_SUITE_P(Grades, ExhaustionTest,
                         testing::Values(JailGrade::kSeccomp, JailGrade::kLandlock,
                                         JailGrade::kNamespaces),
                         NameOf);
// The strongest that there is: memory ends alike in each.
INSTANTIATE_TEST_SUITE_P(Grade, HeadroomTest, testing::Values([] {
                           const Result<Jail> best = DetectJail(Program());
                           return best ? best->grade : JailGrade::kNone;
                         }()),
                         NameOf);

}  // namespace
}  // namespace souk::gpu::hostile
