// JailedWorkshop: which devices this machine has.
#include <poll.h>

#include <algorithm>

#include "gpu/cuda/gpu_list.h"
#include "gpu/worker/worker_folder.h"
#include "node/workshop.h"
#include "node/workshop_folders.h"

namespace souk::node {
namespace {

constexpr int kProbeMs = 10'000;
constexpr int kMostGpus = 16;
constexpr uint64_t kProbeKeepMs = 30'000;

}  // namespace

// ---- Devices ---------------------------------------------------------------------------------

// Nothing where the worker could not open the device.
Result<std::optional<gpu::DeviceInfo>> JailedWorkshop::Probe(const std::string& device) {
  std::string name = device;
  std::replace(name.begin(), name.end(), ':', '-');
  std::replace(name.begin(), name.end(), '/', '-');
  const std::filesystem::path folder = options_.dir / kJobsFolder / ("probe-" + name);
  (void)gpu::KillStray(folder);
  RETURN_IF_ERROR(FreshFolder(folder));
  gpu::WorkerSpec spec = SpecFor(device, folder);
  spec.keep_ms = kProbeKeepMs;
  ASSIGN_OR_RETURN(const std::unique_ptr<gpu::Worker> worker, gpu::Worker::Start(spec, jail_));
  std::optional<gpu::DeviceInfo> found;
  std::string why;
  const int64_t give_up = WallNow().ms + kProbeMs;
  for (bool gone = false; !gone;) {
    pollfd one = {worker->fd(), POLLIN, 0};
    if (WallNow().ms > give_up || ::poll(&one, 1, 100) < 0) (void)worker->Kill();
    for (const gpu::WorkerEvent& event : worker->Receive()) {
      if (const auto* ready = std::get_if<gpu::WorkerReady>(&event)) {
        found = ready->device;
        (void)worker->Quit();
      } else if (const auto* exited = std::get_if<gpu::WorkerExited>(&event)) {
        gone = true;
        why = exited->failure.message;
      }
    }
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  if (!found && device == "cpu") return Error(Code::kUnavailable, "device cpu: " + why);
  if (!found) device_notes_.push_back("device " + device + " does not open: " + why);
  return found;
}

// By NVML's list, which knows MIG instances and which GPU is not fit; empty where there is none.
std::vector<std::string> JailedWorkshop::NameGpus() {
  std::vector<std::string> names;
  const auto lines = gpu::GpuLines(options_.program);
  if (!lines) {
    device_notes_.push_back(lines.error().message);
    return names;
  }
  for (const std::string& line : *lines) {
    const auto listed = gpu::ParseLine(line);
    if (!listed) {
      device_notes_.push_back(listed.error().message);
      continue;
    }
    if (listed->verdict.fitness != gpu::cuda::Fitness::kFit) {
      device_notes_.push_back("device " + listed->name + " is " +
                              gpu::VerdictText(listed->verdict));
    }
    if (listed->verdict.fitness != gpu::cuda::Fitness::kNotFit) names.push_back(listed->name);
  }
  return names;
}

Result<std::vector<FoundDevice>> JailedWorkshop::FindDevices(const std::string& wanted) {
  std::vector<FoundDevice> out;
  const auto add = [&](const std::string& name) -> Result<bool> {
    ASSIGN_OR_RETURN(const auto info, Probe(name));
    if (!info) return false;
    if (!devices_.try_emplace(info->uuid, name).second) {
      return Error(Code::kDuplicate, "device " + name + " is rented out already: name it once");
    }
    out.push_back({name, *info});
    return true;
  };
  if (wanted != "auto") {
    ASSIGN_OR_RETURN(const bool found, add(wanted == "cuda" ? "cuda:0" : wanted));
    if (found) return out;
    return Error(Code::kUnavailable, device_notes_.back() + "; set device = \"cpu\" or \"auto\"");
  }
  for (const std::string& name : NameGpus()) {
    // One that fails leaves the others to be rented out. A jail too weak for a GPU is not the end:
    // the CPU reference is content with less.
    const auto found = add(name);
    if (!found) device_notes_.push_back(found.error().message);
  }
  if (!out.empty()) return out;
  const bool driver =
      std::filesystem::exists("/dev/nvidiactl") || std::filesystem::exists("/dev/dxg");
  for (int i = 0; driver && i < kMostGpus; ++i) {
    const auto found = add("cuda:" + std::to_string(i));
    // A jail too weak for a GPU is not the end: the CPU reference is content with less.
    if (!found || !*found) break;
  }
  if (out.empty()) RETURN_IF_ERROR(add("cpu"));
  return out;
}

}  // namespace souk::node
