#include "gpu/cuda/describe.h"

#include <algorithm>
#include <cstring>

#include "protocol/base/file.h"

namespace souk::gpu::cuda {
namespace {

// More than any device has, so that sums of sizes stay within 64 bits.
constexpr uint64_t kMostMemory = uint64_t{1} << 48;
constexpr int kMostMultiprocessors = 4096;

std::string UuidText(const char* prefix, const CUuuid& uuid) {
  const std::string hex = ToHex(ByteView(uuid.bytes));
  return prefix + hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
}

// cuDeviceGetUuid gives the GPU's, cuDeviceGetUuid_v2 that of the MIG instance where it is one.
CUresult Identify(const Driver& driver, CUdevice device, std::string& uuid) {
  CUuuid gpu = {};
  if (const CUresult result = driver.cuDeviceGetUuid(&gpu, device); result != kSuccess) {
    return result;
  }
  uuid = UuidText("GPU-", gpu);
  if (driver.cuDeviceGetUuid_v2 == nullptr) return kSuccess;
  CUuuid instance = {};
  if (const CUresult result = driver.cuDeviceGetUuid_v2(&instance, device); result != kSuccess) {
    return result;
  }
  if (std::memcmp(&gpu, &instance, sizeof(gpu)) != 0) uuid = UuidText("MIG-", instance);
  return kSuccess;
}

// "580.65.06" stands in the first line of the kernel module's version file; the driver API only
// knows the CUDA version.
std::string DriverVersion(const Driver& driver) {
  std::string cuda = "CUDA " + std::to_string(driver.version / 1000) + "." +
                     std::to_string(driver.version % 1000 / 10);
  const Result<Bytes> file = ReadFile("/proc/driver/nvidia/version", 4096);
  if (!file) return cuda;
  std::string_view text = AsText(*file);
  text = text.substr(0, text.find('\n'));
  for (size_t at = text.find_first_of("0123456789"); at != std::string_view::npos;
       at = text.find_first_of("0123456789", at)) {
    const size_t end = std::min(text.find_first_not_of("0123456789.", at), text.size());
    if (text.substr(at, end - at).find('.') != std::string_view::npos) {
      return std::string(text.substr(at, end - at));
    }
    at = end;
  }
  return cuda;
}

Error Nonsense(const std::string& what) {
  return Error(Code::kUnavailable, "the CUDA driver describes a device without sense: " + what);
}

}  // namespace

std::string PrintableText(std::string_view text) {
  std::string out(text.substr(0, text.find('\0')));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

Result<std::vector<CUdevice>> Devices(const Driver& driver) {
  int count = 0;
  if (const CUresult result = driver.cuDeviceGetCount(&count); result != kSuccess) {
    return DriverError(driver, result, "counting CUDA devices");
  }
  if (count < 0 || count > kMostDevices) {
    return Error(Code::kUnavailable,
                 "the CUDA driver speaks of " + std::to_string(count) + " devices");
  }
  std::vector<CUdevice> devices;
  for (int i = 0; i < count; ++i) {
    CUdevice device = 0;
    if (const CUresult result = driver.cuDeviceGet(&device, i); result != kSuccess) {
      return DriverError(driver, result, "opening CUDA device " + std::to_string(i));
    }
    devices.push_back(device);
  }
  return devices;
}

Result<DeviceInfo> Describe(const Driver& driver, CUdevice device) {
  char name[256] = {};
  std::string uuid;
  size_t memory = 0;
  int major = 0;
  int minor = 0;
  int multiprocessors = 0;
  const CUresult results[] = {
      driver.cuDeviceGetName(name, sizeof(name) - 1, device),
      Identify(driver, device, uuid),
      driver.cuDeviceTotalMem_v2(&memory, device),
      driver.cuDeviceGetAttribute(&major, kComputeCapabilityMajor, device),
      driver.cuDeviceGetAttribute(&minor, kComputeCapabilityMinor, device),
      driver.cuDeviceGetAttribute(&multiprocessors, kMultiprocessorCount, device)};
  for (const CUresult result : results) {
    if (result != kSuccess) return DriverError(driver, result, "describing a CUDA device");
  }
  if (major < 1 || major > 99 || minor < 0 || minor > 9) {
    return Nonsense("compute capability " + std::to_string(major) + "." + std::to_string(minor));
  }
  if (multiprocessors < 1 || multiprocessors > kMostMultiprocessors) {
    return Nonsense(std::to_string(multiprocessors) + " multiprocessors");
  }
  if (memory == 0 || memory > kMostMemory) {
    return Nonsense(std::to_string(memory) + " bytes of memory");
  }
  return DeviceInfo{.kind = "cuda",
                    .name = PrintableText(std::string_view(name, sizeof(name))),
                    .uuid = uuid,
                    .architecture = static_cast<uint32_t>(major * 10 + minor),
                    .newest_ptx = NewestPtx(driver.version),
                    .memory_bytes = memory,
                    .multiprocessors = static_cast<uint32_t>(multiprocessors),
                    .driver = DriverVersion(driver)};
}

}  // namespace souk::gpu::cuda
