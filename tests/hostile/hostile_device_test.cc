// The hostile set on the cpu device in process: each case in a child of its own, so that what it
// does to its process is seen and is not the next one's.
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>

#include "gpu/cpu/cpu_device.h"
#include "gpu/ptx/module.h"
#include "gpu/workload/run.h"
#include "gpu/workload/workload_codec.h"
#include "hostile/hostile_set.h"
#include "hostile/measure.h"
#include "sanitized.h"

namespace souk::gpu::hostile {
namespace {

using Clock = std::chrono::steady_clock;

uint64_t Since(Clock::time_point start) {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count());
}

// What a child tells of its case.
struct Told {
  uint64_t ms = 0;
  uint64_t peak_kib = 0;
  char ended[24] = {};   // the code's name
  char said[200] = {};   // the beginning of its sentence
  char wrong[800] = {};  // empty: nothing
};

void Put(char* to, size_t size, const std::string& text) {
  text.copy(to, std::min(text.size(), size - 1));
}

Result<RunResult> Execute(const Job& job, MemoryBlobs& blobs, Device& device) {
  ASSIGN_OR_RETURN(const Workload work, DecodeWorkload(job.encoding));
  return RunWorkload(work, blobs, device);
}

Told RunHere(const Case& one) {
  Told told;
  const Job job = one.make();
  MemoryBlobs blobs;
  for (const Bytes& blob : job.blobs) blobs.Add(blob);
  const bool measured = ForgetOwnPeak();
  const uint64_t before = ResidentOf(::getpid()).now_kib;
  const auto start = Clock::now();
  const std::unique_ptr<Device> device = MakeCpuDevice({.memory_bytes = uint64_t{1} << 30});
  const Result<RunResult> run = Execute(job, blobs, *device);
  told.ms = Since(start);
  if (measured) told.peak_kib = ResidentOf(::getpid()).peak_kib - before;
  std::optional<Error> failure;
  if (!run) failure = run.error();
  Put(told.ended, sizeof(told.ended), run ? "runs" : CodeName(failure->code));
  if (failure) Put(told.said, sizeof(told.said), failure->message);
  Put(told.wrong, sizeof(told.wrong),
      WhyWrong(one, failure, run ? ByteView(run->outputs[0].npy) : ByteView()));
  return told;
}

// Nothing where the child did not tell.
std::optional<Told> RunInChild(const Case& one, int patience_ms, int* status) {
  int ends[2];
  if (::pipe(ends) != 0) return std::nullopt;
  const pid_t child = ::fork();
  if (child == 0) {
    const Told told = RunHere(one);
    ::_exit(::write(ends[1], &told, sizeof(told)) == sizeof(told) ? 0 : 1);
  }
  ::close(ends[1]);
  struct pollfd wait = {ends[0], POLLIN, 0};
  Told told;
  const bool heard =
      ::poll(&wait, 1, patience_ms) == 1 && ::read(ends[0], &told, sizeof(told)) == sizeof(told);
  if (!heard) ::kill(child, SIGKILL);
  ::close(ends[0]);
  ::waitpid(child, status, 0);
  return heard ? std::optional(told) : std::nullopt;
}

class HostileDeviceTest : public testing::TestWithParam<Case> {
 protected:
  static void TearDownTestSuite() { tally_.Print("hostile set, cpu device in process"); }
  static Tally tally_;
};
Tally HostileDeviceTest::tally_ = {};

TEST_P(HostileDeviceTest, EndsAsItMust) {
  const Case& one = GetParam();
  int status = 0;
  const std::optional<Told> told = RunInChild(one, 120'000, &status);
  ASSERT_TRUE(told) << "its process told nothing; status " << status;
  EXPECT_STREQ(told->wrong, "");
  tally_.Add(one.name, told->ended, told->peak_kib, told->ms);
  RecordProperty("said", told->said);
  RecordProperty("ms", std::to_string(told->ms));
  RecordProperty("peak_kib", std::to_string(told->peak_kib));
  if (kSanitized) return;
  EXPECT_LE(told->ms, one.milliseconds);
  EXPECT_LE(told->peak_kib, uint64_t{one.mebibytes} * 1024);
}

INSTANTIATE_TEST_SUITE_P(Set, HostileDeviceTest, testing::ValuesIn(AllCases()),
                         [](const auto& one) {
                           std::string name = one.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// What is refused by its size is not read.
TEST(HostileSet, DoesNotReadAGibibyteOfPtx) {
  constexpr size_t kGibibyte = size_t{1} << 30;
  void* at =
      ::mmap(nullptr, kGibibyte, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(at, MAP_FAILED);
  const uint64_t before = ResidentOf(::getpid()).now_kib;
  const auto module = ptx::Parse({static_cast<const char*>(at), kGibibyte});
  ASSERT_FALSE(module);
  EXPECT_EQ(module.error().code, Code::kTooLarge);
  // The sanitizer's own pages come and go.
  EXPECT_LE(ResidentOf(::getpid()).now_kib, before + (kSanitized ? 16'384 : 1024));
  ::munmap(at, kGibibyte);
}

TEST(HostileSet, HasManyCasesOfDistinctNames) {
  std::set<std::string> names;
  size_t errors = 0;
  for (const Case& one : AllCases()) {
    EXPECT_TRUE(names.insert(one.name).second) << one.name;
    errors += one.code ? 1 : 0;
  }
  EXPECT_GE(errors, 250u);
}

}  // namespace
}  // namespace souk::gpu::hostile
