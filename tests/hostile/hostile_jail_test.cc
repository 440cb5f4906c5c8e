// The hostile set in jailed souk-workers, one for each case: in the strongest jail that this
// machine allows all of it, in each weaker one the worst.
#include <gtest/gtest.h>

#include <algorithm>

#include "hostile/hostile_set.h"
#include "hostile/measure.h"
#include "sanitized.h"
#include "unit/gpu/worker/worker_harness.h"

namespace souk::gpu::hostile {
namespace {

// What soukd gives a worker unless told otherwise (node/workshop.h).
constexpr uint64_t kMemoryBytes = uint64_t{1} << 30;

struct Trial {
  JailGrade grade = JailGrade::kNone;
  Case one = {};
};
void PrintTo(const Trial& trial, std::ostream* out) {
  *out << trial.one.name << " in " << JailGradeName(trial.grade);
}

const Jail& JailOf(JailGrade grade) {
  static std::map<JailGrade, Jail> known;
  const auto found = known.find(grade);
  if (found != known.end()) return found->second;
  const Result<Jail> jail = DetectJail(Program(), grade);
  return known[grade] = jail ? *jail : Jail();
}

std::vector<Trial> Trials() {
  std::vector<Trial> out;
  const JailGrade best = JailOf(JailGrade::kNamespaces).grade;
  for (const Case& one : AllCases()) {
    for (const JailGrade grade :
         {JailGrade::kSeccomp, JailGrade::kLandlock, JailGrade::kNamespaces}) {
      if (grade == best || (one.is_worst && grade < best)) out.push_back({grade, one});
    }
  }
  return out;
}

class HostileJailTest : public testing::TestWithParam<Trial> {
 protected:
  static void TearDownTestSuite() { tally_.Print("hostile set, jailed workers"); }

  WorkerRun RunOf(const Job& job, const Workload* known) const {
    WorkerRun run;
    run.job = Sha256(AsBytes(GetParam().one.name));
    run.fence = 1;
    run.folder = folder_;
    const WorkerRun::Blob encoding = store_.Store(job.encoding);
    run.workload_digest = encoding.digest;
    run.workload = encoding.path;
    for (const Bytes& blob : job.blobs) run.blobs.push_back(store_.Store(blob));
    run.outputs = known != nullptr ? static_cast<uint32_t>(known->outputs.size()) : 1;
    return run;
  }

  // The worker's process, as the kernel names the sender of what it says. Takes the connection
  // over.
  pid_t PidOf() const {
    const Result<Descriptor> socket = ConnectTo(folder_, kSocketFile);
    if (!socket || !AskForSender(socket->get())) return 0;
    if (!SendPacket(socket->get(), EncodeToWorker(wire::Hello{.fence = 1}))) return 0;
    struct pollfd one = {socket->get(), POLLIN, 0};
    ::poll(&one, 1, kPatienceMs);
    return ReceivePacket(socket->get()).sender;
  }

  Folder store_;
  const std::filesystem::path folder_ = store_.Make("job");
  static Tally tally_;
};
Tally HostileJailTest::tally_ = {};

TEST_P(HostileJailTest, EndsAsItMust) {
  const Case& one = GetParam().one;
  const Job job = one.make();
  WorkerSpec spec;
  spec.folder = folder_;
  spec.program = Program();
  spec.at_least = GetParam().grade;
  spec.fence = 1;
  spec.memory_bytes = kMemoryBytes;
  spec.keep_ms = 120'000;
  Result<std::unique_ptr<Worker>> worker = Worker::Start(spec, JailOf(GetParam().grade));
  ASSERT_TRUE(worker) << worker.error().message;
  Backlog(**worker).clear();
  ASSERT_TRUE(Await<WorkerReady>(**worker));
  const Result<Workload> known = DecodeWorkload(job.encoding);
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE((*worker)->Run(RunOf(job, known ? &*known : nullptr)));
  const auto finished = Await<WorkerFinished>(**worker);
  const auto ms = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                            std::chrono::steady_clock::now() - start)
                                            .count());
  ASSERT_TRUE(finished) << "its worker told nothing";
  const std::optional<Error>& failure = finished->result.failure;
  const Result<Bytes> output = ReadFile(folder_ / OutputFileName(0), 1 << 20);
  EXPECT_EQ(WhyWrong(one, failure, output.value_or(Bytes())), "");
  // It is whole: it still answers, and leaves when told to.
  const uint64_t peak_kib = ResidentOf(PidOf()).peak_kib;
  EXPECT_GT(peak_kib, 0u);
  ASSERT_TRUE(KillStray(folder_));
  tally_.Add(one.name, failure ? CodeName(failure->code) : "runs", peak_kib, ms);
  RecordProperty("said", failure ? failure->message.substr(0, 200) : "");
  RecordProperty("ms", std::to_string(ms));
  RecordProperty("peak_kib", std::to_string(peak_kib));
  if (kSanitized) return;
  // A worker that waits has 10 MiB.
  EXPECT_LE(ms, one.milliseconds);
  EXPECT_LE(peak_kib, (uint64_t{one.mebibytes} + 16) * 1024);
}

INSTANTIATE_TEST_SUITE_P(Set, HostileJailTest, testing::ValuesIn(Trials()), [](const auto& trial) {
  std::string name = std::string(JailGradeName(trial.param.grade)) + "_" + trial.param.one.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(HostileJail, IsThere) {
  EXPECT_GE(JailOf(JailGrade::kNamespaces).grade, JailGrade::kSeccomp);
}

}  // namespace
}  // namespace souk::gpu::hostile
