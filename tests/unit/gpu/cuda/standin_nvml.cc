#include "unit/gpu/cuda/standin_nvml.h"

#include <cstdlib>
#include <cstring>

// The definitions below have to be those of nvml.h, which declares pointers to them.
#include "gpu/cuda/nvml.h"

#define STANDIN_API __attribute__((visibility("default")))

using namespace souk::gpu::cuda;     // NOLINT: this file is a C library in disguise
using namespace souk::gpu::standin;  // NOLINT

namespace {

NvmlState FromEnvironment() {
  NvmlState state;
  const char* const wish = std::getenv("SOUK_STANDIN_NVML");
  const std::string what = wish != nullptr ? wish : "";
  NvmlGpu& gpu = state.gpus[0];
  if (what == "ecc") gpu.uncorrected[0] = gpu.uncorrected[1] = 3;
  if (what == "lost") gpu.lost = 15;
  if (what == "hot") gpu.celsius = 90;
  if (what == "mig") {
    gpu.mig = 1;
    gpu.instances = {"MIG-80818283-8485-8687-8889-8a8b8c8d8e8f",
                     "MIG-90919293-9495-9697-9899-9a9b9c9d9e9f"};
  }
  return state;
}

int Failing(const char* name) {
  const auto& fail = StandinNvmlState()->fail;
  const auto found = fail.find(name);
  return found == fail.end() ? 0 : found->second;
}

// A handle is 1 + GPU × 100 + instance, instances counted from 1.
NvmlGpu& GpuOf(nvmlDevice_t device) {
  return StandinNvmlState()->gpus.at((reinterpret_cast<uintptr_t>(device) - 1) / 100);
}
size_t InstanceOf(nvmlDevice_t device) {
  return (reinterpret_cast<uintptr_t>(device) - 1) % 100;
}
int Copy(const std::string& text, char* to, unsigned length) {
  std::strncpy(to, text.c_str(), length);
  return 0;
}
template <typename Value, typename From>
int Tell(const char* name, Value* to, From value) {
  *to = static_cast<Value>(value);
  return Failing(name);
}

}  // namespace

extern "C" {

STANDIN_API NvmlState* StandinNvmlState() {
  static NvmlState state = FromEnvironment();
  return &state;
}

STANDIN_API int nvmlInit_v2() {
  return Failing("nvmlInit_v2");
}
STANDIN_API int nvmlSystemGetDriverVersion(char* version, unsigned length) {
  return Copy(StandinNvmlState()->driver, version, length);
}
STANDIN_API int nvmlDeviceGetCount_v2(unsigned* count) {
  const NvmlState& state = *StandinNvmlState();
  return Tell("nvmlDeviceGetCount_v2", count, state.count != ~0u ? state.count : state.gpus.size());
}
STANDIN_API int nvmlDeviceGetHandleByIndex_v2(unsigned index, nvmlDevice_t* device) {
  const NvmlGpu& gpu = StandinNvmlState()->gpus.at(index);
  if (gpu.lost != 0) return gpu.lost;
  *device = reinterpret_cast<nvmlDevice_t>(uintptr_t{1} + 100 * uintptr_t{index});
  return 0;
}
STANDIN_API int nvmlDeviceGetName(nvmlDevice_t device, char* name, unsigned length) {
  const std::string part = InstanceOf(device) != 0 ? " MIG 1g.5gb" : "";
  return Copy(GpuOf(device).name + part, name, length);
}
STANDIN_API int nvmlDeviceGetUUID(nvmlDevice_t device, char* uuid, unsigned length) {
  const NvmlGpu& gpu = GpuOf(device);
  const size_t instance = InstanceOf(device);
  return Copy(instance == 0 ? gpu.uuid : gpu.instances.at(instance - 1), uuid, length);
}
STANDIN_API int nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t* memory) {
  if (GpuOf(device).lost_later != 0) return GpuOf(device).lost_later;
  *memory = {GpuOf(device).memory, 0, 0};
  return 0;
}
STANDIN_API int nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t* pci) {
  return Copy(GpuOf(device).pci, pci->bus_id, sizeof(pci->bus_id));
}
STANDIN_API int nvmlDeviceGetEccMode(nvmlDevice_t device, int* current, int* pending) {
  *pending = 0;
  return Tell("nvmlDeviceGetEccMode", current, GpuOf(device).ecc);
}
STANDIN_API int nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, int error, int counter,
                                            unsigned long long* count) {
  const bool asked = error == 1 && (counter == 0 || counter == 1);
  return asked ? Tell("nvmlDeviceGetTotalEccErrors", count, GpuOf(device).uncorrected[counter]) : 2;
}
STANDIN_API int nvmlDeviceGetRemappedRows(nvmlDevice_t device, unsigned* corrected,
                                          unsigned* uncorrected, unsigned* pending,
                                          unsigned* failed) {
  const NvmlGpu& gpu = GpuOf(device);
  *corrected = 0;
  *uncorrected = gpu.remapped;
  *pending = gpu.remap_pending;
  return Tell("nvmlDeviceGetRemappedRows", failed, gpu.remap_failed);
}
STANDIN_API int nvmlDeviceGetRetiredPagesPendingStatus(nvmlDevice_t device, int* pending) {
  return Tell("nvmlDeviceGetRetiredPagesPendingStatus", pending, GpuOf(device).retirement_pending);
}
STANDIN_API int nvmlDeviceGetTemperature(nvmlDevice_t device, int, unsigned* celsius) {
  return Tell("nvmlDeviceGetTemperature", celsius, GpuOf(device).celsius);
}
STANDIN_API int nvmlDeviceGetTemperatureThreshold(nvmlDevice_t device, int which,
                                                  unsigned* celsius) {
  return Tell("nvmlDeviceGetTemperatureThreshold", celsius,
              which == 0 ? GpuOf(device).shutdown : GpuOf(device).slowdown);
}
STANDIN_API int nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device,
                                                          unsigned long long* reasons) {
  return Tell("nvmlDeviceGetCurrentClocksThrottleReasons", reasons, GpuOf(device).throttle);
}
STANDIN_API int nvmlDeviceGetClockInfo(nvmlDevice_t device, int clock, unsigned* mhz) {
  return Tell("nvmlDeviceGetClockInfo", mhz, clock == 1 ? GpuOf(device).sm_mhz : 2619u);
}
STANDIN_API int nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, int, unsigned* mhz) {
  return Tell("nvmlDeviceGetMaxClockInfo", mhz, GpuOf(device).most_sm_mhz);
}
STANDIN_API int nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned* milliwatts) {
  return Tell("nvmlDeviceGetPowerUsage", milliwatts, GpuOf(device).milliwatts);
}
STANDIN_API int nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t, unsigned* milliwatts) {
  return Tell("nvmlDeviceGetEnforcedPowerLimit", milliwatts, 700'000u);
}
STANDIN_API int nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned* current, unsigned* pending) {
  *pending = 0;
  return Tell("nvmlDeviceGetMigMode", current, GpuOf(device).mig);
}
STANDIN_API int nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned* count) {
  return Tell("nvmlDeviceGetMaxMigDeviceCount", count, GpuOf(device).most_instances);
}
STANDIN_API int nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned index,
                                                    nvmlDevice_t* instance) {
  const NvmlGpu& gpu = GpuOf(device);
  if (index >= gpu.instances.size() || gpu.instances[index].empty()) return 6;
  *instance = reinterpret_cast<nvmlDevice_t>(reinterpret_cast<uintptr_t>(device) + index + 1);
  return 0;
}

}  // extern "C"
