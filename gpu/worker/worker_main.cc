// souk-worker: one jailed process per job. Started by the daemon alone (worker_client.h); 3 is its
// listening socket. It meets nothing of the renter before it is in its jail.
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>

#include "gpu/cpu/cpu_device.h"
#include "gpu/cuda/gpu_list.h"
#include "gpu/cuda/open_device.h"
#include "gpu/worker/confine.h"
#include "gpu/worker/worker_loop.h"
#include "protocol/base/file.h"

namespace souk::gpu {
namespace {

constexpr int kListening = 3;
// What the worker needs beside the device's memory: code, stacks, and twice that memory again for
// blobs and outputs on their way.
constexpr uint64_t kOwnAddressSpace = uint64_t{2} << 30;
constexpr uint64_t kMemoryCopies = 3;
constexpr uint64_t kThreadAddressSpace = uint64_t{80} << 20;  // a stack and a malloc arena
constexpr uint64_t kOpenFiles = 1024;                         // kMaxRunFiles and some

struct Arguments {
  JailGrade grade = JailGrade::kNone;
  int supervise = -1;
  bool probe = false;
  std::string device = "cpu";
  uint64_t memory_bytes = 0;
  uint64_t output_bytes = 0;
  uint64_t cpu_seconds = 0;
  uint32_t threads = 1;
  uint64_t keep_ms = 0;
  uint64_t idle_ms = 0;
  uint64_t fence = 0;
};

[[noreturn]] void Leave(WorkerExit code, const std::string& why) {
  if (!why.empty()) std::fprintf(stderr, "%s\n", why.c_str());
  // Not exit(): a thread may be in a launch, and a sanitizer's last rites are no jail's business.
  ::_exit(static_cast<int>(code));
}

// The daemon writes these, so a wrong one is a mistake of ours: no friendliness.
Arguments ParseArguments(int argc, char** argv) {
  Arguments out;
  std::map<std::string, std::string> given;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--probe") == 0) {
      out.probe = true;
    } else if (std::strcmp(argv[i], "-h") == 0 || std::strcmp(argv[i], "--help") == 0) {
      std::puts("souk-worker runs one job in a jail. soukd starts it; there is nothing to type.");
      std::exit(0);
    } else if (i + 1 < argc) {
      given[argv[i]] = argv[i + 1];
      ++i;
    } else {
      Leave(WorkerExit::kUsage, std::string(argv[i]) + " needs a value");
    }
  }
  const auto number = [&](const char* name, uint64_t fallback) {
    const auto found = given.find(name);
    return found == given.end() ? fallback : std::strtoull(found->second.c_str(), nullptr, 10);
  };
  const auto grade = ParseJailGrade(given["--grade"]);
  if (!grade) Leave(WorkerExit::kUsage, "souk-worker is started by soukd");
  out.grade = *grade;
  out.supervise = given.count("--supervise") != 0 ? std::atoi(given["--supervise"].c_str()) : -1;
  if (given.count("--device") != 0) out.device = given["--device"];
  out.memory_bytes = number("--memory", 0);
  out.output_bytes = number("--output", 0);
  out.cpu_seconds = number("--cpu-seconds", 0);
  out.threads = static_cast<uint32_t>(number("--threads", 1));
  out.keep_ms = number("--keep-ms", 0);
  out.idle_ms = number("--idle-ms", 0);
  out.fence = number("--fence", 0);
  return out;
}

// For the daemon, which loads no driver: before any jail, because nobody's input is near.
int PrintGpus() {
  const Result<std::vector<ListedGpu>> gpus = ListGpus();
  if (!gpus) {
    std::fprintf(stderr, "%s\n", gpus.error().message.c_str());
    return 1;
  }
  for (const ListedGpu& gpu : *gpus) std::printf("%s\n", ToLine(gpu).c_str());
  return 0;
}

// A GPU that would lose its lease's work is not opened.
Result<std::unique_ptr<Device>> Open(const Arguments& arguments) {
  if (arguments.device != "cpu") {
    ASSIGN_OR_RETURN(std::unique_ptr<Device> device, OpenDevice(arguments.device));
    RETURN_IF_ERROR(CheckFit(device->info()));
    return device;
  }
  CpuDeviceOptions options;
  options.memory_bytes = arguments.memory_bytes;
  options.threads = arguments.threads;
  return MakeCpuDevice(options);
}

void EnterJail(const Arguments& arguments, FilterFor use) {
  ProcessLimits limits;
  limits.address_space = kOwnAddressSpace + kMemoryCopies * arguments.memory_bytes +
                         arguments.threads * kThreadAddressSpace;
  limits.file_bytes = arguments.output_bytes;
  limits.cpu_seconds = arguments.cpu_seconds;
  limits.open_files = kOpenFiles;
  Status entered = ApplyLimits(limits, use);
  if (entered) entered = EnterGrade(arguments.grade, use);
  if (!entered) Leave(WorkerExit::kJail, entered.error().message);
}

int Main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--libraries") == 0) {
    PrintLibraries();
    return 0;
  }
  if (argc == 2 && std::strcmp(argv[1], "--gpus") == 0) return PrintGpus();
  const Arguments arguments = ParseArguments(argc, argv);
  const FilterFor use = arguments.device == "cpu" ? FilterFor::kCpu : FilterFor::kGpu;
  // A longer write than RLIMIT_FSIZE allows is an error to report, not an end.
  ::signal(SIGXFSZ, SIG_IGN);
  // Few arenas, so that their address space fits the limit.
  ::mallopt(M_ARENA_MAX, 2);
  if (arguments.supervise >= 0) Supervise(arguments.supervise);
  if (!arguments.probe) ::close_range(kListening + 1, ~0u, 0);
  EnterJail(arguments, use);
  if (arguments.probe) {
    const Status strict = InstallStrictFilter(use);
    Leave(strict ? WorkerExit::kQuit : WorkerExit::kJail, strict ? "" : strict.error().message);
  }
  Result<std::unique_ptr<Device>> device = Open(arguments);
  if (!device) Leave(WorkerExit::kDevice, device.error().message);
  Result<DeviceChallenge> challenge = DeviceChallenge::Load(**device);
  if (!challenge) Leave(WorkerExit::kDevice, challenge.error().message);
  WorkerLoop::Options options;
  options.grade = arguments.grade;
  options.fence = arguments.fence;
  options.keep_ms = arguments.keep_ms;
  options.idle_ms = arguments.idle_ms;
  WorkerLoop loop(options, Descriptor(kListening), **device, *challenge);
  const Status strict = InstallStrictFilter(use);
  if (!strict) Leave(WorkerExit::kJail, strict.error().message);
  Leave(loop.Run(), "");
}

}  // namespace
}  // namespace souk::gpu

int main(int argc, char** argv) {
  souk::OpenStandardStreams();
  return souk::gpu::Main(argc, argv);
}
