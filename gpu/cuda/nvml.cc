#include "gpu/cuda/nvml.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>

#include "gpu/cuda/describe.h"

namespace souk::gpu::cuda {
namespace {

// nvmlReturn_t.
constexpr nvmlReturn_t kNvmlSuccess = 0;
constexpr nvmlReturn_t kNvmlNotFound = 6;
constexpr nvmlReturn_t kNvmlDriverNotLoaded = 9;
constexpr nvmlReturn_t kNvmlGpuIsLost = 15;
constexpr nvmlReturn_t kNvmlResetRequired = 16;
constexpr nvmlReturn_t kNvmlVersionMismatch = 18;
// Arguments.
constexpr int kUncorrected = 1;  // NVML_MEMORY_ERROR_TYPE_UNCORRECTED
constexpr int kVolatile = 0;     // NVML_VOLATILE_ECC
constexpr int kAggregate = 1;    // NVML_AGGREGATE_ECC
constexpr int kGpuSensor = 0;    // NVML_TEMPERATURE_GPU
constexpr int kShutdown = 0;     // NVML_TEMPERATURE_THRESHOLD_SHUTDOWN
constexpr int kSlowdown = 1;     // NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
constexpr int kSmClock = 1;      // NVML_CLOCK_SM
constexpr int kMemoryClock = 2;  // NVML_CLOCK_MEM
// nvmlClocksThrottleReason…
constexpr uint64_t kHwSlowdown = 0x8;
constexpr uint64_t kSwThermal = 0x20;
constexpr uint64_t kHwThermal = 0x40;
constexpr uint64_t kPowerBrake = 0x80;

// What is beyond these no device says in earnest.
constexpr unsigned kMostGpus = 64;
constexpr unsigned kMostInstances = 16;
constexpr uint32_t kMostCelsius = 200;
constexpr uint32_t kMostMhz = 100'000;
constexpr uint32_t kMostMilliwatts = 10'000'000;
constexpr uint64_t kMostMemoryBytes = uint64_t{1} << 48;
constexpr unsigned kTextBytes = 96;  // NVML_DEVICE_UUID_V2_BUFFER_SIZE, and names are no longer

Error NvmlError(nvmlReturn_t result, const std::string& doing) {
  const std::string text = doing + ": NVML error " + std::to_string(result);
  switch (result) {
    case kNvmlDriverNotLoaded:
      return Error(Code::kNotFound, "NVIDIA's kernel module is not loaded");
    case kNvmlVersionMismatch:
      return Error(
          Code::kUnavailable,
          "NVIDIA's library and kernel module are of different drivers: load the new module, "
          "or restart");
    default:
      return Error(Code::kUnavailable, text);
  }
}

// Calls an optional function; nothing where it is not there, does not know, or tells more than
// `most`.
template <typename Value, typename Function, typename... Arguments>
std::optional<Value> Ask(Function function, uint64_t most, nvmlDevice_t device,
                         Arguments... arguments) {
  Value value = {};
  if (function == nullptr || function(device, arguments..., &value) != kNvmlSuccess) return {};
  if (static_cast<uint64_t>(value) > most) return {};
  return value;
}

template <typename Function>
std::string AskText(Function function, nvmlDevice_t device) {
  char text[kTextBytes + 1] = {};
  if (function(device, text, kTextBytes) != kNvmlSuccess) return "";
  return PrintableText(std::string_view(text, kTextBytes));
}

void ReadMemoryHealth(const Nvml& nvml, nvmlDevice_t device, GpuHealth& health) {
  int current = 0;
  int pending = 0;
  if (nvml.nvmlDeviceGetEccMode != nullptr &&
      nvml.nvmlDeviceGetEccMode(device, &current, &pending) == kNvmlSuccess) {
    health.ecc_on = current != 0;
  }
  using Count = unsigned long long;
  health.uncorrected_now =
      Ask<Count>(nvml.nvmlDeviceGetTotalEccErrors, UINT64_MAX, device, kUncorrected, kVolatile);
  health.uncorrected_ever =
      Ask<Count>(nvml.nvmlDeviceGetTotalEccErrors, UINT64_MAX, device, kUncorrected, kAggregate);
  unsigned corrected = 0;
  unsigned uncorrected = 0;
  unsigned waits = 0;
  unsigned failed = 0;
  if (nvml.nvmlDeviceGetRemappedRows != nullptr &&
      nvml.nvmlDeviceGetRemappedRows(device, &corrected, &uncorrected, &waits, &failed) ==
          kNvmlSuccess) {
    health.remapped_rows = uncorrected;
    health.remap_pending = waits != 0;
    health.remap_failed = failed != 0;
  }
  if (const auto retires =
          Ask<int>(nvml.nvmlDeviceGetRetiredPagesPendingStatus, UINT32_MAX, device)) {
    health.retirement_pending = *retires != 0;
  }
}

GpuHealth ReadHealth(const Nvml& nvml, nvmlDevice_t device) {
  GpuHealth health;
  ReadMemoryHealth(nvml, device, health);
  health.celsius = Ask<unsigned>(nvml.nvmlDeviceGetTemperature, kMostCelsius, device, kGpuSensor);
  const auto threshold = [&](int which) {
    return Ask<unsigned>(nvml.nvmlDeviceGetTemperatureThreshold, kMostCelsius, device, which);
  };
  health.slowdown_celsius = threshold(kSlowdown);
  health.shutdown_celsius = threshold(kShutdown);
  health.throttle_reasons =
      Ask<unsigned long long>(nvml.nvmlDeviceGetCurrentClocksThrottleReasons, UINT64_MAX, device);
  health.sm_mhz = Ask<unsigned>(nvml.nvmlDeviceGetClockInfo, kMostMhz, device, kSmClock);
  health.most_sm_mhz = Ask<unsigned>(nvml.nvmlDeviceGetMaxClockInfo, kMostMhz, device, kSmClock);
  health.memory_mhz = Ask<unsigned>(nvml.nvmlDeviceGetClockInfo, kMostMhz, device, kMemoryClock);
  health.milliwatts = Ask<unsigned>(nvml.nvmlDeviceGetPowerUsage, kMostMilliwatts, device);
  health.most_milliwatts =
      Ask<unsigned>(nvml.nvmlDeviceGetEnforcedPowerLimit, kMostMilliwatts, device);
  return health;
}

uint64_t ReadMemoryBytes(const Nvml& nvml, nvmlDevice_t device) {
  nvmlMemory_t memory = {};
  if (nvml.nvmlDeviceGetMemoryInfo(device, &memory) != kNvmlSuccess) return 0;
  return memory.total <= kMostMemoryBytes ? memory.total : 0;
}

void ReadInstances(const Nvml& nvml, nvmlDevice_t device, GpuRecord& gpu) {
  unsigned current = 0;
  unsigned pending = 0;
  if (nvml.nvmlDeviceGetMigMode == nullptr || nvml.nvmlDeviceGetMaxMigDeviceCount == nullptr ||
      nvml.nvmlDeviceGetMigDeviceHandleByIndex == nullptr ||
      nvml.nvmlDeviceGetMigMode(device, &current, &pending) != kNvmlSuccess || current == 0) {
    return;
  }
  gpu.mig = true;
  const unsigned count =
      Ask<unsigned>(nvml.nvmlDeviceGetMaxMigDeviceCount, kMostInstances, device).value_or(0);
  for (unsigned i = 0; i < count; ++i) {
    nvmlDevice_t instance = nullptr;
    // Instances may have gaps between them.
    if (nvml.nvmlDeviceGetMigDeviceHandleByIndex(device, i, &instance) != kNvmlSuccess) continue;
    MigInstance one{.uuid = AskText(nvml.nvmlDeviceGetUUID, instance),
                    .name = AskText(nvml.nvmlDeviceGetName, instance),
                    .memory_bytes = ReadMemoryBytes(nvml, instance)};
    if (!one.uuid.empty()) gpu.instances.push_back(std::move(one));
  }
}

// What is known of a device that NVML gives no handle to.
std::string LostText(nvmlReturn_t result) {
  switch (result) {
    case kNvmlGpuIsLost:
      return "it has fallen off the bus (Xid 79 in the system's log): restart the machine";
    case kNvmlResetRequired:
      return "it must be reset: nvidia-smi --gpu-reset";
    default:
      return "the driver does not open it (NVML error " + std::to_string(result) +
             "): look for an Xid in the system's log (dmesg)";
  }
}

GpuRecord ReadGpu(const Nvml& nvml, unsigned index, const std::string& driver) {
  GpuRecord gpu{.name = "GPU " + std::to_string(index), .driver = driver};
  nvmlDevice_t device = nullptr;
  nvmlReturn_t result = nvml.nvmlDeviceGetHandleByIndex_v2(index, &device);
  if (result == kNvmlSuccess) {
    if (std::string name = AskText(nvml.nvmlDeviceGetName, device); !name.empty()) gpu.name = name;
    gpu.uuid = AskText(nvml.nvmlDeviceGetUUID, device);
    nvmlMemory_t memory = {};
    // A device that was lost meanwhile gives itself away at the first question that it must answer.
    result = nvml.nvmlDeviceGetMemoryInfo(device, &memory);
  }
  if (result == kNvmlGpuIsLost || result == kNvmlResetRequired || device == nullptr) {
    gpu.health.lost = LostText(result);
    gpu.verdict = JudgeHealth(gpu.health);
    return gpu;
  }
  gpu.memory_bytes = ReadMemoryBytes(nvml, device);
  nvmlPciInfo_t pci = {};
  if (nvml.nvmlDeviceGetPciInfo_v3 != nullptr &&
      nvml.nvmlDeviceGetPciInfo_v3(device, &pci) == kNvmlSuccess) {
    gpu.pci = PrintableText(std::string_view(pci.bus_id, sizeof(pci.bus_id)));
  }
  gpu.health = ReadHealth(nvml, device);
  ReadInstances(nvml, device, gpu);
  gpu.verdict = JudgeHealth(gpu.health);
  if (gpu.mig && gpu.instances.empty()) {
    gpu.verdict.fitness = Fitness::kNotFit;
    gpu.verdict.reasons.push_back(
        "MIG is on, but it has no instances: make some with nvidia-smi mig -cgi … -C");
  }
  return gpu;
}

void Find(Verdict& verdict, Fitness fitness, std::string reason) {
  verdict.fitness = std::max(verdict.fitness, fitness);
  verdict.reasons.push_back(std::move(reason));
}

// ECC, remapped rows, retired pages: NVIDIA GPU Memory Error Management.
void JudgeMemory(const GpuHealth& health, Verdict& verdict) {
  if (health.uncorrected_now.value_or(0) > 0) {
    Find(verdict, Fitness::kNotFit,
         std::to_string(*health.uncorrected_now) +
             " memory errors that ECC could not correct since the last reset: reset it with "
             "nvidia-smi --gpu-reset, retire it if they come back");
  }
  if (health.remap_failed.value_or(false)) {
    Find(verdict, Fitness::kNotFit,
         "a faulty row of memory could not be remapped: have the device replaced");
  }
  if (health.remap_pending.value_or(false)) {
    Find(verdict, Fitness::kDegraded,
         "a faulty row of memory waits for a reset to be remapped: nvidia-smi --gpu-reset");
  }
  if (health.retirement_pending.value_or(false)) {
    Find(verdict, Fitness::kDegraded,
         "a faulty page of memory waits for a reset to be retired: nvidia-smi --gpu-reset");
  }
  if (!health.ecc_on.value_or(true)) {
    Find(verdict, Fitness::kDegraded,
         "ECC is off, so that memory errors go unseen: nvidia-smi --ecc-config=1, then reset");
  }
}

void JudgeHeat(const GpuHealth& health, Verdict& verdict) {
  const std::string at =
      health.celsius ? std::to_string(*health.celsius) + " °C" : "a temperature that it hides";
  if (health.celsius && health.shutdown_celsius && *health.celsius >= *health.shutdown_celsius) {
    return Find(verdict, Fitness::kNotFit, "it is about to shut down at " + at + ": cool it");
  }
  const bool hot =
      health.celsius && health.slowdown_celsius && *health.celsius >= *health.slowdown_celsius;
  const uint64_t reasons = health.throttle_reasons.value_or(0);
  if (hot || (reasons & (kSwThermal | kHwThermal)) != 0) {
    return Find(verdict, Fitness::kDegraded, "it slows down at " + at + ": cool it");
  }
  if ((reasons & (kHwSlowdown | kPowerBrake)) != 0) {
    Find(verdict, Fitness::kDegraded,
         "the machine's power supply slows it down: check cables and power limits");
  }
}

}  // namespace

Result<Nvml> LoadNvml(const std::string& library) {
  void* const handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return Error(Code::kNotFound, "no NVML here (" + library + " cannot be opened)");
  }
  Nvml nvml;
  std::string missing;
#define X(name, signature) nvml.name = reinterpret_cast<decltype(nvml.name)>(dlsym(handle, #name));
  SOUK_NVML_FUNCTIONS(X)
  SOUK_NVML_OPTIONAL_FUNCTIONS(X)
#undef X
#define X(name, signature) \
  if (nvml.name == nullptr) missing = #name;
  SOUK_NVML_FUNCTIONS(X)
#undef X
  if (!missing.empty()) {
    return Error(Code::kUnavailable, library + " is too old: it lacks " + missing);
  }
  if (const nvmlReturn_t result = nvml.nvmlInit_v2(); result != kNvmlSuccess) {
    return NvmlError(result, "starting NVML");
  }
  return nvml;
}

const Result<Nvml>& SystemNvml() {
  static const Result<Nvml> nvml = LoadNvml("libnvidia-ml.so.1");
  return nvml;
}

const char* FitnessName(Fitness fitness) {
  switch (fitness) {
    case Fitness::kFit:
      return "fit";
    case Fitness::kDegraded:
      return "degraded";
    case Fitness::kNotFit:
      return "not fit";
  }
  std::abort();
}

Verdict JudgeHealth(const GpuHealth& health) {
  Verdict verdict;
  if (!health.lost.empty()) {
    Find(verdict, Fitness::kNotFit, health.lost);
    return verdict;
  }
  JudgeMemory(health, verdict);
  JudgeHeat(health, verdict);
  return verdict;
}

Result<std::vector<GpuRecord>> ReadInventory(const Nvml& nvml) {
  unsigned count = 0;
  const nvmlReturn_t counted = nvml.nvmlDeviceGetCount_v2(&count);
  if (counted == kNvmlNotFound) return std::vector<GpuRecord>();
  if (counted != kNvmlSuccess) return NvmlError(counted, "counting GPUs");
  if (count > kMostGpus) {
    return Error(Code::kUnavailable, "NVML speaks of " + std::to_string(count) + " GPUs");
  }
  char version[kTextBytes + 1] = {};
  if (nvml.nvmlSystemGetDriverVersion(version, kTextBytes) != kNvmlSuccess) version[0] = 0;
  const std::string driver = PrintableText(std::string_view(version, kTextBytes));
  std::vector<GpuRecord> gpus;
  for (unsigned i = 0; i < count; ++i) gpus.push_back(ReadGpu(nvml, i, driver));
  return gpus;
}

Verdict VerdictOn(const std::vector<GpuRecord>& gpus, const std::string& uuid) {
  for (const GpuRecord& gpu : gpus) {
    if (gpu.uuid == uuid) return gpu.verdict;
    for (const MigInstance& instance : gpu.instances) {
      if (instance.uuid == uuid) return gpu.verdict;
    }
  }
  return {};
}

}  // namespace souk::gpu::cuda
