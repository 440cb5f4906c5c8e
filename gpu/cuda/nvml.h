// Which GPUs there are and how they are, through NVML (libnvidia-ml.so.1), opened at run time. It
// makes no context and runs nothing. Names, values and signatures are those of nvml.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/result.h"

namespace souk::gpu::cuda {

using nvmlReturn_t = int;
using nvmlDevice_t = struct nvmlDevice_st*;
struct nvmlMemory_t {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};
struct nvmlPciInfo_t {
  char bus_id_legacy[16];
  unsigned domain;
  unsigned bus;
  unsigned device;
  unsigned pci_device_id;
  unsigned pci_subsystem_id;
  char bus_id[32];
};

// clang-format off
#define SOUK_NVML_FUNCTIONS(X)                                                                \
  X(nvmlInit_v2, ())                                                                          \
  X(nvmlSystemGetDriverVersion, (char* version, unsigned length))                             \
  X(nvmlDeviceGetCount_v2, (unsigned* count))                                                 \
  X(nvmlDeviceGetHandleByIndex_v2, (unsigned index, nvmlDevice_t* device))                    \
  X(nvmlDeviceGetName, (nvmlDevice_t device, char* name, unsigned length))                    \
  X(nvmlDeviceGetUUID, (nvmlDevice_t device, char* uuid, unsigned length))                    \
  X(nvmlDeviceGetMemoryInfo, (nvmlDevice_t device, nvmlMemory_t* memory))

// What a driver may lack, and then does not tell.
#define SOUK_NVML_OPTIONAL_FUNCTIONS(X)                                                       \
  X(nvmlDeviceGetPciInfo_v3, (nvmlDevice_t device, nvmlPciInfo_t* pci))                       \
  X(nvmlDeviceGetEccMode, (nvmlDevice_t device, int* current, int* pending))                  \
  X(nvmlDeviceGetTotalEccErrors, (nvmlDevice_t device, int error, int counter, unsigned long long* count)) \
  X(nvmlDeviceGetRemappedRows, (nvmlDevice_t device, unsigned* corrected, unsigned* uncorrected, unsigned* pending, unsigned* failed)) \
  X(nvmlDeviceGetRetiredPagesPendingStatus, (nvmlDevice_t device, int* pending))              \
  X(nvmlDeviceGetTemperature, (nvmlDevice_t device, int sensor, unsigned* celsius))           \
  X(nvmlDeviceGetTemperatureThreshold, (nvmlDevice_t device, int threshold, unsigned* celsius)) \
  X(nvmlDeviceGetCurrentClocksThrottleReasons, (nvmlDevice_t device, unsigned long long* reasons)) \
  X(nvmlDeviceGetClockInfo, (nvmlDevice_t device, int clock, unsigned* mhz))                  \
  X(nvmlDeviceGetMaxClockInfo, (nvmlDevice_t device, int clock, unsigned* mhz))               \
  X(nvmlDeviceGetPowerUsage, (nvmlDevice_t device, unsigned* milliwatts))                     \
  X(nvmlDeviceGetEnforcedPowerLimit, (nvmlDevice_t device, unsigned* milliwatts))             \
  X(nvmlDeviceGetMigMode, (nvmlDevice_t device, unsigned* current, unsigned* pending))        \
  X(nvmlDeviceGetMaxMigDeviceCount, (nvmlDevice_t device, unsigned* count))                   \
  X(nvmlDeviceGetMigDeviceHandleByIndex, (nvmlDevice_t device, unsigned index, nvmlDevice_t* instance))
// clang-format on

// Function pointers into one loaded library. It stays loaded for the life of the process.
struct Nvml {
#define X(name, signature) nvmlReturn_t(*name) signature = nullptr;  // NOLINT: a declarator
  SOUK_NVML_FUNCTIONS(X)
  SOUK_NVML_OPTIONAL_FUNCTIONS(X)
#undef X
};

// Opens and initialises it. kNotFound where there is no such library or no driver is loaded;
// kUnavailable where it is there and fails.
Result<Nvml> LoadNvml(const std::string& library);

// The machine's, loaded on first use. Thread-safe.
const Result<Nvml>& SystemNvml();

// What a device tells; nothing where it does not.
struct GpuHealth {
  std::optional<bool> ecc_on = {};
  std::optional<uint64_t> uncorrected_now = {};   // ECC errors since the last reset
  std::optional<uint64_t> uncorrected_ever = {};  // and in all
  std::optional<uint32_t> remapped_rows = {};     // for uncorrectable errors
  std::optional<bool> remap_pending = {};
  std::optional<bool> remap_failed = {};
  std::optional<bool> retirement_pending = {};  // of pages, before the A100
  std::optional<uint32_t> celsius = {};
  std::optional<uint32_t> slowdown_celsius = {};
  std::optional<uint32_t> shutdown_celsius = {};
  std::optional<uint64_t> throttle_reasons = {};  // nvmlClocksThrottleReason…
  std::optional<uint32_t> sm_mhz = {};
  std::optional<uint32_t> most_sm_mhz = {};
  std::optional<uint32_t> memory_mhz = {};
  std::optional<uint32_t> milliwatts = {};
  std::optional<uint32_t> most_milliwatts = {};
  // Why the library does not speak of the device at all: it is lost, or must be reset.
  std::string lost = {};
};

enum class Fitness : uint8_t {
  kFit,
  kDegraded,  // a lease gets what it pays for more slowly, or the operator should act soon
  kNotFit     // a lease would lose its work
};
const char* FitnessName(Fitness fitness);  // "fit", "degraded", "not fit"

struct Verdict {
  Fitness fitness = Fitness::kFit;
  std::vector<std::string> reasons = {};  // each says what to do
};
// Pure.
Verdict JudgeHealth(const GpuHealth& health);

struct MigInstance {
  std::string uuid = {};  // "MIG-…", as CUDA_VISIBLE_DEVICES takes it
  std::string name = {};
  uint64_t memory_bytes = 0;
};

struct GpuRecord {
  std::string name = {};
  std::string uuid = {};
  std::string pci = {};  // "00000000:3B:00.0"
  std::string driver = {};
  uint64_t memory_bytes = 0;
  bool mig = false;
  std::vector<MigInstance> instances = {};  // its slices, where MIG is on
  GpuHealth health = {};
  Verdict verdict = {};
};

// Every GPU, in NVML's order, which is the bus's and need not be CUDA's. One that is lost stands
// there with what is known of it. kUnavailable where the library makes no sense.
Result<std::vector<GpuRecord>> ReadInventory(const Nvml& nvml);

// The verdict on the GPU or MIG instance; fit where nothing is known of it.
Verdict VerdictOn(const std::vector<GpuRecord>& gpus, const std::string& uuid);

}  // namespace souk::gpu::cuda
