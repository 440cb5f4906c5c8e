// What bounds a worker before it takes any input, and what a job meets that asks for more.

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "gpu/worker/confine.h"
#include "unit/gpu/worker/worker_harness.h"

namespace souk::gpu {
namespace {

// "Seccomp_filters" of /proc/PID/status.
std::string StatusOf(pid_t pid, const std::string& field) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with(field + ":")) continue;
    const size_t at = line.find_first_not_of(" \t", field.size() + 1);
    return at == std::string::npos ? "" : line.substr(at);
  }
  return "";
}

// The hard limit, of /proc/PID/limits.
uint64_t LimitOf(pid_t pid, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/limits");
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with(name)) continue;
    std::istringstream words(line.substr(name.size()));
    std::string soft;
    std::string hard;
    words >> soft >> hard;
    return hard == "unlimited" ? UINT64_MAX : std::strtoull(hard.c_str(), nullptr, 10);
  }
  ADD_FAILURE() << name;
  return UINT64_MAX;
}

class WorkerLimitsTest : public WorkerTest {};

TEST_P(WorkerLimitsTest, IsConfinedBeforeItTakesAnyInput) {
  auto worker = StartReady();
  ASSERT_TRUE(worker);
  const pid_t pid = WorkerPid();
  // Mode 2 is a filter; bubblewrap put its own below the strict one.
  EXPECT_EQ(StatusOf(pid, "Seccomp"), "2");
  EXPECT_EQ(StatusOf(pid, "Seccomp_filters"), GetParam() == JailGrade::kNamespaces ? "2" : "1");
  EXPECT_EQ(StatusOf(pid, "NoNewPrivs"), "1");
  EXPECT_EQ(StatusOf(pid, "CapEff"), "0000000000000000");
  EXPECT_EQ(StatusOf(pid, "CapPrm"), "0000000000000000");
  EXPECT_EQ(StatusOf(pid, "CapBnd"), ::geteuid() == 0 || GetParam() == JailGrade::kNamespaces
                                         ? "0000000000000000"
                                         : StatusOf(::getpid(), "CapBnd"));
  // Of one thread and all: the filter holds on each.
  EXPECT_EQ(StatusOf(pid, "Threads"), "1");
}

TEST_P(WorkerLimitsTest, HasItsLimitsBeforeItTakesAnyInput) {
  WorkerSpec spec = Spec();
  spec.cpu_seconds = 100;
  auto worker = Start(spec);
  ASSERT_TRUE(worker);
  ASSERT_TRUE(Await<WorkerReady>(*worker));
  const pid_t pid = WorkerPid();
  if (AddressSpaceCanBeLimited()) {
    EXPECT_LE(LimitOf(pid, "Max address space"),
              (uint64_t{2} << 30) + 3 * spec.memory_bytes + (uint64_t{80} << 20));
  }
  EXPECT_LE(LimitOf(pid, "Max file size"), spec.output_bytes);
  EXPECT_LE(LimitOf(pid, "Max open files"), 1024u);
  EXPECT_EQ(LimitOf(pid, "Max core file size"), 0u);
  EXPECT_EQ(LimitOf(pid, "Max locked memory"), 0u);
  EXPECT_EQ(LimitOf(pid, "Max msgqueue size"), 0u);
  EXPECT_LE(LimitOf(pid, "Max cpu time"), 105u);
  // An ordinary user's worker without namespaces shares that user's limit.
  if (::geteuid() == 0 || GetParam() == JailGrade::kNamespaces) {
    EXPECT_LE(LimitOf(pid, "Max processes"), 1024u);
  }
}

INSTANTIATE_TEST_SUITE_P(Grades, WorkerLimitsTest,
                         testing::Values(JailGrade::kSeccomp, JailGrade::kLandlock,
                                         JailGrade::kNamespaces),
                         [](const auto& one) { return std::string(JailGradeName(one.param)); });

}  // namespace
}  // namespace souk::gpu
