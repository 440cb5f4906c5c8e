#include "unit/gpu/cuda/standin.h"

#include <algorithm>
#include <cstring>
#include <memory>

// The definitions below have to be those of driver.h, which declares pointers to them.
#include "gpu/cuda/driver.h"

using namespace souk::gpu::cuda;     // NOLINT: this file is a C library in disguise
using namespace souk::gpu::standin;  // NOLINT

namespace souk::gpu::cuda {
struct CUctx_st {
  int device;
};
struct CUmod_st {
  int unused;
};
struct CUfunc_st {
  std::string name;
};
}  // namespace souk::gpu::cuda

namespace {

constexpr CUdeviceptr kGlobalAddress = 0x500;
// Kept to the end of the process: a device that runs away never destroys its context.
std::vector<std::unique_ptr<CUctx_st>> contexts;
std::vector<std::unique_ptr<CUmod_st>> modules;
std::vector<std::unique_ptr<CUfunc_st>> functions;
bool endless = false;

// Counts the call; what it must fail with, or 0.
int Enter(const char* name, bool in_context = false) {
  State& state = *StandinState();
  ++state.calls[name];
  if (const auto found = state.fail.find(name); found != state.fail.end()) {
    const int result = found->second;
    state.fail.erase(found);
    return result;
  }
  return in_context ? state.sticky : 0;
}

uint8_t* At(CUdeviceptr address, size_t bytes) {
  State& state = *StandinState();
  if (address == kGlobalAddress && bytes <= state.module_global.size()) {
    return state.module_global.data();
  }
  auto after = state.memory.upper_bound(address);
  if (after == state.memory.begin()) return nullptr;
  --after;
  const size_t offset = address - after->first;
  if (offset > after->second.size() || bytes > after->second.size() - offset) return nullptr;
  return after->second.data() + offset;
}

}  // namespace

extern "C" {

State* StandinState() {
  static State state;
  return &state;
}

CUresult cuInit(unsigned) {
  return Enter("cuInit");
}
CUresult cuDriverGetVersion(int* version) {
  *version = StandinState()->version;
  return Enter("cuDriverGetVersion");
}
CUresult cuGetErrorName(CUresult error, const char** name) {
  *name = error == 2     ? "CUDA_ERROR_OUT_OF_MEMORY"
          : error == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                         : nullptr;
  return *name == nullptr ? 1 : 0;
}
CUresult cuGetErrorString(CUresult error, const char** text) {
  *text = error == 2     ? "out of memory"
          : error == 700 ? "an illegal memory access was encountered"
                         : nullptr;
  return *text == nullptr ? 1 : 0;
}
CUresult cuDeviceGetCount(int* count) {
  *count = StandinState()->devices;
  return Enter("cuDeviceGetCount");
}
CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  *device = ordinal;
  return Enter("cuDeviceGet");
}
CUresult cuDeviceGetName(char* name, int size, CUdevice device) {
  std::strncpy(name, device == 0 ? "Stand-in A" : "Stand-in B", static_cast<size_t>(size));
  return Enter("cuDeviceGetName");
}
CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  for (int i = 0; i < 16; ++i) uuid->bytes[i] = static_cast<unsigned char>(i + 16 * device);
  return Enter("cuDeviceGetUuid");
}
CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice) {
  *bytes = 1 << 20;
  return Enter("cuDeviceTotalMem_v2");
}
CUresult cuDeviceGetAttribute(int* value, int attribute, CUdevice) {
  *value = attribute == kComputeCapabilityMajor   ? 9
           : attribute == kComputeCapabilityMinor ? 0
                                                  : 132;
  return Enter("cuDeviceGetAttribute");
}
CUresult cuCtxCreate_v2(CUcontext* context, unsigned, CUdevice device) {
  if (const int failed = Enter("cuCtxCreate_v2")) return failed;
  contexts.push_back(std::make_unique<CUctx_st>(CUctx_st{device}));
  *context = contexts.back().get();
  ++StandinState()->contexts;
  return 0;
}
CUresult cuCtxDestroy_v2(CUcontext) {
  --StandinState()->contexts;
  return Enter("cuCtxDestroy_v2");
}
CUresult cuCtxSetCurrent(CUcontext) {
  return Enter("cuCtxSetCurrent", true);
}
CUresult cuCtxSynchronize() {
  return Enter("cuCtxSynchronize", true);
}
CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned count, int* options,
                            void** values) {
  State& state = *StandinState();
  state.image = static_cast<const char*>(image);
  const int failed = Enter("cuModuleLoadDataEx", true);
  if (failed != 0) {
    for (unsigned i = 0; i < count; ++i) {
      if (options[i] == kJitErrorLogBuffer) {
        constexpr char kLog[] = "ptxas fatal : line 7: no such thing\n";
        std::memcpy(values[i], kLog, sizeof(kLog));
      }
    }
    return failed;
  }
  modules.push_back(std::make_unique<CUmod_st>());
  *module = modules.back().get();
  ++state.modules;
  return 0;
}
CUresult cuModuleUnload(CUmodule) {
  --StandinState()->modules;
  return Enter("cuModuleUnload", true);
}
CUresult cuModuleGetFunction(CUfunction* function, CUmodule, const char* name) {
  if (const int failed = Enter("cuModuleGetFunction", true)) return failed;
  functions.push_back(std::make_unique<CUfunc_st>(CUfunc_st{name}));
  *function = functions.back().get();
  return 0;
}
CUresult cuModuleGetGlobal_v2(CUdeviceptr* address, size_t* bytes, CUmodule, const char*) {
  *address = kGlobalAddress;
  *bytes = StandinState()->module_global.size();
  return Enter("cuModuleGetGlobal_v2", true);
}
CUresult cuFuncSetAttribute(CUfunction, int attribute, int value) {
  if (attribute == kMaxDynamicSharedSizeBytes) StandinState()->max_shared = value;
  return Enter("cuFuncSetAttribute", true);
}
CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t bytes) {
  if (const int failed = Enter("cuMemAlloc_v2", true)) return failed;
  State& state = *StandinState();
  *address = 0x10000;
  if (!state.memory.empty()) {
    const auto& last = *state.memory.rbegin();
    *address = (last.first + last.second.size() + 4096) / 256 * 256;
  }
  state.memory.emplace(*address, std::vector<uint8_t>(bytes, 0xaa));  // another tenant's data
  return 0;
}
CUresult cuMemFree_v2(CUdeviceptr address) {
  State& state = *StandinState();
  const auto found = state.memory.find(address);
  if (found == state.memory.end()) return 1;
  state.dirty_frees +=
      std::any_of(found->second.begin(), found->second.end(), [](uint8_t b) { return b != 0; });
  state.memory.erase(found);
  return Enter("cuMemFree_v2", true);
}
CUresult cuMemsetD8_v2(CUdeviceptr address, unsigned char value, size_t bytes) {
  if (const int failed = Enter("cuMemsetD8_v2", true)) return failed;
  uint8_t* at = At(address, bytes);
  if (at == nullptr) return 1;
  std::memset(at, value, bytes);
  return 0;
}
CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t bytes) {
  if (const int failed = Enter("cuMemcpyHtoD_v2", true)) return failed;
  uint8_t* at = At(to, bytes);
  if (at == nullptr) return 1;
  std::memcpy(at, from, bytes);
  return 0;
}
CUresult cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t bytes) {
  if (const int failed = Enter("cuMemcpyDtoH_v2", true)) return failed;
  const uint8_t* at = At(from, bytes);
  if (at == nullptr) return 1;
  std::memcpy(to, at, bytes);
  return 0;
}
CUresult cuLaunchKernel(CUfunction function, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
                        unsigned by, unsigned bz, unsigned shared, CUstream, void**, void** extra) {
  if (const int failed = Enter("cuLaunchKernel", true)) return failed;
  State& state = *StandinState();
  Launch launch{function->name, {gx, gy, gz}, {bx, by, bz}, shared, {}};
  const uint8_t* params = nullptr;
  size_t size = 0;
  for (int i = 0; extra[i] != kLaunchParamEnd; i += 2) {
    if (extra[i] == kLaunchParamBufferPointer) params = static_cast<const uint8_t*>(extra[i + 1]);
    if (extra[i] == kLaunchParamBufferSize) size = *static_cast<const size_t*>(extra[i + 1]);
  }
  launch.params.assign(params, params + size);
  state.launches.push_back(launch);
  endless = launch.kernel == "endless";
  if (launch.kernel == "fault") state.sticky = 700;
  if (launch.kernel == "store" && params != nullptr) {
    CUdeviceptr address = 0;
    std::memcpy(&address, params, sizeof(address));
    const uint32_t value = 42;
    std::memcpy(At(address, 4), &value, 4);
  }
  return 0;
}
CUresult cuStreamQuery(CUstream) {
  const int result = Enter("cuStreamQuery", true);
  return result == 0 && endless ? kNotReady : result;
}

}  // extern "C"
