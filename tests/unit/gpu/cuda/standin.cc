#include "unit/gpu/cuda/standin.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>

#include "gpu/cpu/cpu_device.h"
// The definitions below have to be those of driver.h, which declares pointers to them.
#include "gpu/cuda/driver.h"
#include "gpu/ptx/module.h"

#define STANDIN_API __attribute__((visibility("default")))

using namespace souk::gpu::cuda;     // NOLINT: this file is a C library in disguise
using namespace souk::gpu::standin;  // NOLINT

namespace souk::gpu::cuda {
struct CUctx_st {
  int number;
  std::unique_ptr<Device> device;
  int sticky = 0;  // every call in the context fails with it
};
struct CUmod_st {
  CUctx_st* context;
  ModuleHandle handle;
  ptx::Module module;
};
struct CUfunc_st {
  CUmod_st* module;
  std::string name;
};
struct CUstream_st {
  CUctx_st* context;
  std::deque<std::function<CUresult()>> queue;
  uint64_t queued = 0;
  uint64_t done = 0;
  bool asked = false;
  int kernels = 0;  // in the queue
};
struct CUevent_st {
  CUstream_st* stream = nullptr;
  uint64_t position = 0;
  bool asked = false;
};
}  // namespace souk::gpu::cuda

namespace {

constexpr CUdeviceptr kGlobalAddress = 0x500;
constexpr CUresult kInvalidValue = 1;
// Kept to the end of the process: a device that runs away never destroys its context.
std::vector<std::unique_ptr<CUctx_st>> contexts;
std::vector<std::unique_ptr<CUmod_st>> modules;
std::vector<std::unique_ptr<CUfunc_st>> functions;
std::vector<std::unique_ptr<CUstream_st>> streams;
std::vector<std::unique_ptr<CUevent_st>> events;
// Never destroyed: what a device that is given up leaves behind is no leak of the tests.
auto& pinned = *new std::map<void*, size_t>();
CUctx_st* current = nullptr;

// "a=b" in the environment.
std::pair<std::string, std::string> Wish(const char* name) {
  const char* const value = std::getenv(name);
  const std::string text = value != nullptr ? value : "";
  const size_t equals = text.find('=');
  if (equals == std::string::npos) return {};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

// Counts the call; what it must fail with, or 0.
int Enter(const char* name, bool in_context = false) {
  State& state = *StandinState();
  ++state.calls[name];
  static const auto wish = Wish("SOUK_STANDIN_FAIL");
  if (wish.first == name) return std::atoi(wish.second.c_str());
  if (const auto found = state.fail.find(name); found != state.fail.end()) {
    const int result = found->second;
    state.fail.erase(found);
    if (in_context && current != nullptr && IsSticky(result)) current->sticky = result;
    return result;
  }
  if (!in_context) return 0;
  return current == nullptr ? 201 : current->sticky;
}

CUresult Apply(CUctx_st& context, CUresult result) {
  if (result != 0 && IsSticky(result)) context.sticky = result;
  return result;
}

// Runs what was queued up to a position.
CUresult Drain(CUstream_st& stream, uint64_t position) {
  while (stream.done < position && !stream.queue.empty()) {
    if (stream.context->sticky != 0) return stream.context->sticky;
    const auto work = std::move(stream.queue.front());
    stream.queue.pop_front();
    ++stream.done;
    if (const CUresult result = Apply(*stream.context, work()); result != 0) return result;
  }
  return stream.context->sticky;
}

void Queue(CUstream_st& stream, std::function<CUresult()> work) {
  stream.queue.push_back(std::move(work));
  ++stream.queued;
  stream.asked = false;
}

CUresult Write(CUctx_st& context, CUdeviceptr to, const void* from, size_t bytes) {
  State& state = *StandinState();
  if (to == kGlobalAddress && bytes <= state.module_global.size()) {
    std::memcpy(state.module_global.data(), from, bytes);
    return 0;
  }
  const souk::ByteView view(static_cast<const uint8_t*>(from), bytes);
  return context.device->Write(to, view) ? 0 : kInvalidValue;
}

bool KernelIsQueued(const CUctx_st& context) {
  return std::any_of(streams.begin(), streams.end(), [&](const auto& stream) {
    return stream->context == &context && stream->kernels > 0;
  });
}

CUresult RunKernel(CUctx_st& context, souk::gpu::ModuleHandle module,
                   const souk::gpu::LaunchRequest& request) {
  State& state = *StandinState();
  if (const auto found = state.fault.find(request.kernel); found != state.fault.end()) {
    return found->second;
  }
  const auto wish = Wish("SOUK_STANDIN_FAULT");
  if (wish.first == request.kernel && !wish.first.empty()) return std::atoi(wish.second.c_str());
  const auto ran = context.device->Launch(module, request, {});
  if (ran) return 0;
  const bool misaligned = ran.error().message.find("aligned") != std::string::npos;
  return ran.error().code != souk::Code::kFault ? kInvalidValue : misaligned ? 716 : 700;
}

void QueueKernel(const CUfunc_st& function, CUstream_st& stream, souk::gpu::LaunchRequest request) {
  request.kernel = function.name;
  const auto& g = request.grid;
  const auto& b = request.block;
  StandinState()->launches.push_back({function.name,
                                      {g.x, g.y, g.z},
                                      {b.x, b.y, b.z},
                                      request.dynamic_shared_bytes,
                                      request.params,
                                      function.module->context->number,
                                      request.cooperative});
  ++stream.kernels;
  const auto handle = function.module->handle;
  Queue(stream, [&stream, handle, request = std::move(request)] {
    --stream.kernels;
    return RunKernel(*stream.context, handle, request);
  });
  if (function.name == "endless") stream.kernels = -1;
}

std::string WithWrongInstruction(std::string text) {
  const auto [right, wrong] = Wish("SOUK_STANDIN_WRONG");
  if (right.empty()) return text;
  for (size_t at = text.find(right); at != std::string::npos; at = text.find(right, at)) {
    text.replace(at, right.size(), wrong);
    at += wrong.size();
  }
  return text;
}

}  // namespace

extern "C" {

STANDIN_API State* StandinState() {
  static State state;
  return &state;
}

STANDIN_API CUresult cuInit(unsigned) {
  if (std::getenv("SOUK_STANDIN_MIG") != nullptr) {
    State& state = *StandinState();
    state.mig = true;
    state.devices = 1;
    if (const char* shown = std::getenv("CUDA_VISIBLE_DEVICES")) {
      const std::string uuid = shown;
      state.first_instance = uuid.starts_with("MIG-9091") ? 1 : 0;
      state.devices = uuid.starts_with("MIG-8081") || uuid.starts_with("MIG-9091") ? 1 : 0;
    }
  }
  if (const char* count = std::getenv("SOUK_STANDIN_DEVICES")) {
    StandinState()->devices = std::atoi(count);
  }
  return Enter("cuInit");
}
STANDIN_API CUresult cuDriverGetVersion(int* version) {
  *version = StandinState()->version;
  return Enter("cuDriverGetVersion");
}
STANDIN_API CUresult cuGetErrorName(CUresult error, const char** name) {
  static const std::map<int, const char*> names = {
      {2, "CUDA_ERROR_OUT_OF_MEMORY"},       {46, "CUDA_ERROR_DEVICE_UNAVAILABLE"},
      {214, "CUDA_ERROR_ECC_UNCORRECTABLE"}, {700, "CUDA_ERROR_ILLEGAL_ADDRESS"},
      {719, "CUDA_ERROR_LAUNCH_FAILED"},     {802, "CUDA_ERROR_SYSTEM_NOT_READY"}};
  const auto found = names.find(error);
  *name = found == names.end() ? nullptr : found->second;
  return *name == nullptr ? 1 : 0;
}
STANDIN_API CUresult cuGetErrorString(CUresult error, const char** text) {
  static const std::map<int, const char*> texts = {
      {2, "out of memory"},
      {46, "CUDA-capable device(s) is/are busy or unavailable"},
      {214, "uncorrectable ECC error encountered"},
      {700, "an illegal memory access was encountered"},
      {719, "unspecified launch failure"},
      {802, "system not yet initialized"}};
  const auto found = texts.find(error);
  *text = found == texts.end() ? nullptr : found->second;
  return *text == nullptr ? 1 : 0;
}
STANDIN_API CUresult cuDeviceGetCount(int* count) {
  *count = StandinState()->devices;
  return Enter("cuDeviceGetCount");
}
STANDIN_API CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  *device = ordinal;
  return Enter("cuDeviceGet");
}
STANDIN_API CUresult cuDeviceGetName(char* name, int size, CUdevice device) {
  const std::string given = StandinState()->name;
  const std::string text = !given.empty() ? given : device == 0 ? "Stand-in A" : "Stand-in B";
  std::strncpy(name, text.c_str(), static_cast<size_t>(size));
  return Enter("cuDeviceGetName");
}
STANDIN_API CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  for (int i = 0; i < 16; ++i) uuid->bytes[i] = static_cast<unsigned char>(i + 16 * device);
  return Enter("cuDeviceGetUuid");
}
STANDIN_API CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device) {
  const State& state = *StandinState();
  const int first = (state.mig ? 0x80 : 0) + 16 * (device + state.first_instance);
  for (int i = 0; i < 16; ++i) uuid->bytes[i] = static_cast<unsigned char>(first + i);
  return Enter("cuDeviceGetUuid_v2");
}
STANDIN_API CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice) {
  *bytes = StandinState()->memory_bytes;
  return Enter("cuDeviceTotalMem_v2");
}
STANDIN_API CUresult cuDeviceGetAttribute(int* value, int attribute, CUdevice) {
  const int capability = StandinState()->compute_capability;
  *value = attribute == kComputeCapabilityMajor   ? capability / 10
           : attribute == kComputeCapabilityMinor ? capability % 10
                                                  : 132;
  return Enter("cuDeviceGetAttribute");
}

STANDIN_API CUresult cuCtxCreate_v2(CUcontext* context, unsigned, CUdevice) {
  if (const int failed = Enter("cuCtxCreate_v2")) return failed;
  souk::gpu::CpuDeviceOptions options;
  options.memory_bytes = StandinState()->memory_bytes;
  contexts.push_back(std::make_unique<CUctx_st>(
      CUctx_st{static_cast<int>(contexts.size()), souk::gpu::MakeCpuDevice(options)}));
  *context = current = contexts.back().get();
  ++StandinState()->contexts;
  return 0;
}
STANDIN_API CUresult cuCtxDestroy_v2(CUcontext context) {
  --StandinState()->contexts;
  context->device.reset();
  if (current == context) current = nullptr;
  return Enter("cuCtxDestroy_v2");
}
STANDIN_API CUresult cuCtxSetCurrent(CUcontext context) {
  current = context;
  return Enter("cuCtxSetCurrent");
}
STANDIN_API CUresult cuCtxSynchronize() {
  if (const int failed = Enter("cuCtxSynchronize", true)) return failed;
  CUresult result = 0;
  for (const auto& stream : streams) {
    if (stream->context == current && result == 0) result = Drain(*stream, stream->queued);
  }
  return result;
}

STANDIN_API CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned count,
                                        int* options, void** values) {
  State& state = *StandinState();
  state.image = static_cast<const char*>(image);
  int failed = Enter("cuModuleLoadDataEx", true);
  std::string log = "ptxas fatal : line 7: no such thing\n";
  if (failed == 0) {
    souk::ptx::Module canonical;
    const auto load = [&]() -> souk::Result<souk::gpu::ModuleHandle> {
      ASSIGN_OR_RETURN(souk::ptx::Module parsed,
                       souk::ptx::Parse(WithWrongInstruction(state.image)));
      ASSIGN_OR_RETURN(canonical, souk::ptx::Canonicalize(std::move(parsed)));
      return current->device->Load(canonical);
    };
    const auto loaded = load();
    if (loaded) {
      modules.push_back(
          std::make_unique<CUmod_st>(CUmod_st{current, *loaded, std::move(canonical)}));
      *module = modules.back().get();
      ++state.modules;
      return 0;
    }
    failed = 218;
    log = loaded.error().message + "\n";
  }
  size_t room = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == kJitErrorLogBufferSizeBytes) room = reinterpret_cast<size_t>(values[i]);
  }
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] != kJitErrorLogBuffer) continue;
    std::memcpy(values[i], log.c_str(), std::min(room, log.size() + 1));
  }
  return failed;
}
STANDIN_API CUresult cuModuleUnload(CUmodule) {
  --StandinState()->modules;
  return Enter("cuModuleUnload", true);
}
STANDIN_API CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
  if (const int failed = Enter("cuModuleGetFunction", true)) return failed;
  functions.push_back(std::make_unique<CUfunc_st>(CUfunc_st{module, name}));
  *function = functions.back().get();
  return 0;
}
STANDIN_API CUresult cuModuleGetGlobal_v2(CUdeviceptr* address, size_t* bytes, CUmodule,
                                          const char*) {
  *address = kGlobalAddress;
  *bytes = StandinState()->module_global.size();
  return Enter("cuModuleGetGlobal_v2", true);
}
STANDIN_API CUresult cuFuncSetAttribute(CUfunction, int attribute, int value) {
  if (attribute == kMaxDynamicSharedSizeBytes) StandinState()->max_shared = value;
  return Enter("cuFuncSetAttribute", true);
}

STANDIN_API CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t bytes) {
  if (const int failed = Enter("cuMemAlloc_v2", true)) return failed;
  State& state = *StandinState();
  if (state.same_address && !state.memory.empty()) {
    *address = state.memory.begin()->first.second;
    return 0;
  }
  const auto allocated = current->device->Allocate(bytes);
  if (!allocated) return 2;
  *address = *allocated;
  state.memory.emplace(std::pair(current->number, *address), bytes);
  // Another tenant's data.
  return Write(*current, *address, std::vector<uint8_t>(bytes, 0xaa).data(), bytes);
}
STANDIN_API CUresult cuMemFree_v2(CUdeviceptr address) {
  State& state = *StandinState();
  const auto found = state.memory.find(std::pair(current->number, address));
  if (found == state.memory.end()) return kInvalidValue;
  (void)cuCtxSynchronize();
  std::vector<uint8_t> held(found->second);
  const bool readable = static_cast<bool>(current->device->Read(address, held));
  state.dirty_frees +=
      readable && std::any_of(held.begin(), held.end(), [](uint8_t b) { return b != 0; });
  state.memory.erase(found);
  (void)current->device->Free(address);
  return Enter("cuMemFree_v2", true);
}
STANDIN_API CUresult cuMemAllocHost_v2(void** memory, size_t bytes) {
  if (const int failed = Enter("cuMemAllocHost_v2", true)) return failed;
  *memory = std::malloc(bytes);
  pinned[*memory] = bytes;
  ++StandinState()->pinned;
  return 0;
}
STANDIN_API CUresult cuMemFreeHost(void* memory) {
  State& state = *StandinState();
  const auto found = pinned.find(memory);
  if (found == pinned.end()) return kInvalidValue;
  const auto* const bytes = static_cast<const uint8_t*>(memory);
  state.dirty_frees += std::any_of(bytes, bytes + found->second, [](uint8_t b) { return b != 0; });
  pinned.erase(found);
  std::free(memory);
  --state.pinned;
  return Enter("cuMemFreeHost", true);
}

STANDIN_API CUresult cuMemsetD8Async(CUdeviceptr address, unsigned char value, size_t bytes,
                                     CUstream stream) {
  if (const int failed = Enter("cuMemsetD8Async", true)) return failed;
  Queue(*stream, [=] {
    return Write(*stream->context, address, std::vector<uint8_t>(bytes, value).data(), bytes);
  });
  return 0;
}
STANDIN_API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes,
                                          CUstream stream) {
  if (const int failed = Enter("cuMemcpyHtoDAsync_v2", true)) return failed;
  Queue(*stream, [=] {
    StandinState()->copies_beside_kernels += KernelIsQueued(*stream->context);
    return Write(*stream->context, to, from, bytes);
  });
  return 0;
}
STANDIN_API CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes,
                                          CUstream stream) {
  if (const int failed = Enter("cuMemcpyDtoHAsync_v2", true)) return failed;
  Queue(*stream, [=] {
    StandinState()->copies_beside_kernels += KernelIsQueued(*stream->context);
    const std::span<uint8_t> out(static_cast<uint8_t*>(to), bytes);
    return stream->context->device->Read(from, out) ? 0 : kInvalidValue;
  });
  return 0;
}

STANDIN_API CUresult cuLaunchKernel(CUfunction function, unsigned gx, unsigned gy, unsigned gz,
                                    unsigned bx, unsigned by, unsigned bz, unsigned shared,
                                    CUstream stream, void**, void** extra) {
  if (const int failed = Enter("cuLaunchKernel", true)) return failed;
  const uint8_t* params = nullptr;
  size_t size = 0;
  for (int i = 0; extra[i] != kLaunchParamEnd; i += 2) {
    if (extra[i] == kLaunchParamBufferPointer) params = static_cast<const uint8_t*>(extra[i + 1]);
    if (extra[i] == kLaunchParamBufferSize) size = *static_cast<const size_t*>(extra[i + 1]);
  }
  souk::gpu::LaunchRequest request{.grid = {gx, gy, gz},
                                   .block = {bx, by, bz},
                                   .dynamic_shared_bytes = shared,
                                   .params = {params, params + size}};
  QueueKernel(*function, *stream, std::move(request));
  return 0;
}
STANDIN_API CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned gx, unsigned gy,
                                               unsigned gz, unsigned bx, unsigned by, unsigned bz,
                                               unsigned shared, CUstream stream, void** params) {
  if (const int failed = Enter("cuLaunchCooperativeKernel", true)) return failed;
  const souk::ptx::Function* const kernel = function->module->module.FindKernel(function->name);
  souk::gpu::LaunchRequest request{.grid = {gx, gy, gz},
                                   .block = {bx, by, bz},
                                   .dynamic_shared_bytes = shared,
                                   .params = souk::Bytes(kernel->param_bytes),
                                   .cooperative = true};
  for (size_t i = 0; i < kernel->params.size(); ++i) {
    const souk::ptx::Param& param = kernel->params[i];
    std::memcpy(request.params.data() + param.offset, params[i],
                kernel->variables[param.index].size);
  }
  QueueKernel(*function, *stream, std::move(request));
  return 0;
}

STANDIN_API CUresult cuStreamCreate(CUstream* stream, unsigned flags) {
  if (const int failed = Enter("cuStreamCreate", true)) return failed;
  // Otherwise the legacy stream would serialise copies and kernels.
  if (flags != kStreamNonBlocking) return kInvalidValue;
  streams.push_back(std::make_unique<CUstream_st>(CUstream_st{current, {}}));
  *stream = streams.back().get();
  ++StandinState()->streams;
  return 0;
}
STANDIN_API CUresult cuStreamDestroy_v2(CUstream stream) {
  stream->queue.clear();
  --StandinState()->streams;
  return Enter("cuStreamDestroy_v2");
}
STANDIN_API CUresult cuStreamQuery(CUstream stream) {
  if (const int failed = Enter("cuStreamQuery", true)) return failed;
  if (StandinState()->hung || stream->kernels < 0) return kNotReady;
  if (!stream->queue.empty() && !stream->asked) {
    stream->asked = true;
    return kNotReady;
  }
  return Drain(*stream, stream->queued);
}
STANDIN_API CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned) {
  if (const int failed = Enter("cuStreamWaitEvent", true)) return failed;
  CUstream_st* const other = event->stream;
  const uint64_t position = event->position;
  if (other != nullptr) Queue(*stream, [=] { return Drain(*other, position); });
  return 0;
}
STANDIN_API CUresult cuEventCreate(CUevent* event, unsigned) {
  if (const int failed = Enter("cuEventCreate", true)) return failed;
  events.push_back(std::make_unique<CUevent_st>());
  *event = events.back().get();
  ++StandinState()->events;
  return 0;
}
STANDIN_API CUresult cuEventRecord(CUevent event, CUstream stream) {
  if (const int failed = Enter("cuEventRecord", true)) return failed;
  *event = CUevent_st{stream, stream->queued};
  return 0;
}
STANDIN_API CUresult cuEventQuery(CUevent event) {
  if (const int failed = Enter("cuEventQuery", true)) return failed;
  if (event->stream == nullptr) return 0;
  if (StandinState()->hung) return kNotReady;
  if (event->stream->done < event->position && !event->asked) {
    event->asked = true;
    return kNotReady;
  }
  return Drain(*event->stream, event->position);
}
STANDIN_API CUresult cuEventDestroy_v2(CUevent) {
  --StandinState()->events;
  return Enter("cuEventDestroy_v2");
}

}  // extern "C"
