#include "gpu/cuda/open_device.h"

#include <charconv>
#include <optional>

#include "gpu/cpu/cpu_device.h"
#include "gpu/cuda/cuda_device.h"
#include "protocol/base/processors.h"

namespace souk::gpu {
namespace {

constexpr std::string_view kCudaPrefix = "cuda:";
constexpr size_t kMostUuidBytes = 64;

Result<std::unique_ptr<Device>> OpenCpu() {
  return MakeCpuDevice({.threads = UsableProcessors()});
}

// The number in "cuda:0".
std::optional<uint32_t> CudaIndex(const std::string& name) {
  if (!name.starts_with(kCudaPrefix)) return std::nullopt;
  uint32_t index = 0;
  const char* const end = name.data() + name.size();
  const std::from_chars_result parsed =
      std::from_chars(name.data() + kCudaPrefix.size(), end, index);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return index;
}

// "GPU-…" or "MIG-…" in "cuda:GPU-…": a prefix, and then what UUIDs are made of; older drivers
// write "MIG-GPU-…/3/0".
std::optional<std::string> CudaUuid(const std::string& name) {
  if (!name.starts_with(kCudaPrefix)) return std::nullopt;
  std::string uuid = name.substr(kCudaPrefix.size());
  const bool known = uuid.starts_with("GPU-") || uuid.starts_with(kMigPrefix);
  const bool plain = uuid.find_first_not_of("0123456789abcdefGPUMI-/") == std::string::npos;
  if (!known || !plain || uuid.size() > kMostUuidBytes) return std::nullopt;
  return uuid;
}

}  // namespace

Status CheckDeviceName(const std::string& name) {
  if (name == "cpu" || name == "cuda" || name == "auto" || CudaIndex(name) || CudaUuid(name)) {
    return Ok();
  }
  return Error(Code::kInvalidArgument,
               "no device \"" + name + "\": write auto, cpu, cuda, cuda:0, or cuda:GPU-UUID");
}

Result<std::unique_ptr<Device>> OpenDevice(const std::string& name) {
  RETURN_IF_ERROR(CheckDeviceName(name));
  if (name == "cpu") return OpenCpu();
  if (name == "auto") {
    Result<std::unique_ptr<Device>> device = MakeCudaDevice(0);
    if (device) return device;
    return OpenCpu();
  }
  if (const auto uuid = CudaUuid(name)) {
    // Where another GPU has MIG on, the driver would show its first instance and nothing else.
    if (!cuda::SystemDriverIsOpen()) RETURN_IF_ERROR(ShowOnly(*uuid));
    return MakeCudaDevice(*uuid);
  }
  return MakeCudaDevice(CudaIndex(name).value_or(0));
}

Result<std::vector<NamedDevice>> ListDevices() {
  ASSIGN_OR_RETURN(std::vector<DeviceInfo> gpus, ListCudaDevices());
  std::vector<NamedDevice> devices;
  devices.reserve(gpus.size() + 1);
  for (DeviceInfo& info : gpus) {
    devices.push_back({kCudaPrefix.data() + std::to_string(devices.size()), std::move(info)});
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Device> cpu, OpenCpu());
  devices.push_back({"cpu", cpu->info()});
  return devices;
}

}  // namespace souk::gpu
