// The part of the CUDA driver API that Souk calls, declared here so that building needs no CUDA
// headers. Names, values and signatures are those of cuda.h; all have been stable since CUDA 11.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "protocol/base/result.h"

namespace souk::gpu::cuda {

using CUresult = int;
using CUdevice = int;
using CUdeviceptr = unsigned long long;
using CUcontext = struct CUctx_st*;
using CUmodule = struct CUmod_st*;
using CUfunction = struct CUfunc_st*;
using CUstream = struct CUstream_st*;
using CUevent = struct CUevent_st*;
struct CUuuid {
  unsigned char bytes[16];
};

inline constexpr CUresult kSuccess = 0;
inline constexpr CUresult kNotReady = 600;

enum DeviceAttribute : int {
  kMultiprocessorCount = 16,
  kComputeCapabilityMajor = 75,
  kComputeCapabilityMinor = 76,
};
inline constexpr unsigned kStreamNonBlocking = 1;     // CU_STREAM_NON_BLOCKING
inline constexpr unsigned kEventDisableTiming = 2;    // CU_EVENT_DISABLE_TIMING
inline constexpr int kMaxDynamicSharedSizeBytes = 8;  // CU_FUNC_ATTRIBUTE_…
enum JitOption : int { kJitErrorLogBuffer = 5, kJitErrorLogBufferSizeBytes = 6 };
// CU_LAUNCH_PARAM_…: the parameter space as one block of bytes.
inline void* const kLaunchParamEnd = nullptr;
inline void* const kLaunchParamBufferPointer = reinterpret_cast<void*>(uintptr_t{1});  // NOLINT
inline void* const kLaunchParamBufferSize = reinterpret_cast<void*>(uintptr_t{2});     // NOLINT

// clang-format off
#define SOUK_CUDA_FUNCTIONS(X)                                                                \
  X(cuInit, (unsigned flags))                                                                 \
  X(cuDriverGetVersion, (int* version))                                                       \
  X(cuGetErrorName, (CUresult error, const char** name))                                      \
  X(cuGetErrorString, (CUresult error, const char** text))                                    \
  X(cuDeviceGetCount, (int* count))                                                           \
  X(cuDeviceGet, (CUdevice* device, int ordinal))                                             \
  X(cuDeviceGetName, (char* name, int size, CUdevice device))                                 \
  X(cuDeviceGetUuid, (CUuuid* uuid, CUdevice device))                                         \
  X(cuDeviceTotalMem_v2, (size_t* bytes, CUdevice device))                                    \
  X(cuDeviceGetAttribute, (int* value, int attribute, CUdevice device))                       \
  X(cuCtxCreate_v2, (CUcontext* context, unsigned flags, CUdevice device))                    \
  X(cuCtxDestroy_v2, (CUcontext context))                                                     \
  X(cuCtxSetCurrent, (CUcontext context))                                                     \
  X(cuCtxSynchronize, ())                                                                     \
  X(cuModuleLoadDataEx, (CUmodule* module, const void* image, unsigned count, int* options, void** values)) \
  X(cuModuleUnload, (CUmodule module))                                                        \
  X(cuModuleGetFunction, (CUfunction* function, CUmodule module, const char* name))           \
  X(cuModuleGetGlobal_v2, (CUdeviceptr* address, size_t* bytes, CUmodule module, const char* name)) \
  X(cuFuncSetAttribute, (CUfunction function, int attribute, int value))                      \
  X(cuMemAlloc_v2, (CUdeviceptr* address, size_t bytes))                                      \
  X(cuMemFree_v2, (CUdeviceptr address))                                                      \
  X(cuMemAllocHost_v2, (void** memory, size_t bytes))                                         \
  X(cuMemFreeHost, (void* memory))                                                            \
  X(cuMemsetD8Async, (CUdeviceptr address, unsigned char value, size_t bytes, CUstream stream)) \
  X(cuMemcpyHtoDAsync_v2, (CUdeviceptr to, const void* from, size_t bytes, CUstream stream))  \
  X(cuMemcpyDtoHAsync_v2, (void* to, CUdeviceptr from, size_t bytes, CUstream stream))        \
  X(cuLaunchKernel, (CUfunction function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, CUstream stream, void** params, void** extra)) \
  X(cuLaunchCooperativeKernel, (CUfunction function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, CUstream stream, void** params)) \
  X(cuStreamCreate, (CUstream* stream, unsigned flags))                                       \
  X(cuStreamDestroy_v2, (CUstream stream))                                                    \
  X(cuStreamQuery, (CUstream stream))                                                         \
  X(cuStreamWaitEvent, (CUstream stream, CUevent event, unsigned flags))                      \
  X(cuEventCreate, (CUevent* event, unsigned flags))                                          \
  X(cuEventRecord, (CUevent event, CUstream stream))                                          \
  X(cuEventQuery, (CUevent event))                                                            \
  X(cuEventDestroy_v2, (CUevent event))

// Younger than CUDA 11.0: null where the driver lacks them.
#define SOUK_CUDA_YOUNG_FUNCTIONS(X)                                                          \
  X(cuDeviceGetUuid_v2, (CUuuid* uuid, CUdevice device))
// clang-format on

// Function pointers into one loaded driver. It stays loaded for the life of the process.
struct Driver {
#define X(name, signature) CUresult(*name) signature = nullptr;  // NOLINT: a declarator
  SOUK_CUDA_FUNCTIONS(X)
  SOUK_CUDA_YOUNG_FUNCTIONS(X)
#undef X
  std::string library = {};
  int version = 0;  // 13000 is CUDA 13.0
  // For a copy of a few MiB, which takes a millisecond, or to clear a device, which takes less than
  // a second. One that takes longer has hung or is gone.
  uint64_t patience_ms = 30'000;
};

// Opens the library and initialises it. kNotFound where there is no such library, it is the
// toolkit's stub, or it has no device; kUnavailable where it is there and fails.
Result<Driver> LoadDriver(const std::string& library);

// The machine's driver (libcuda.so.1), loaded on first use; the same answer ever after.
// Thread-safe.
const Result<Driver>& SystemDriver();
// Whether SystemDriver was called before.
bool SystemDriverIsOpen();

// What a result says about who failed, and so about what can go on.
enum class Failure : uint8_t {
  kCall,    // this call was refused; the context is whole
  kKernel,  // a kernel's own doing, which ends its context; the device is whole
  kDevice,  // the hardware (Xid 48, 63, 74, 79, 92, 94, 95 in the system's log)
  kSystem,  // the driver or what it depends on: fabric manager, MPS, its versions
};
Failure FailureOf(CUresult result);

// "allocating 16 bytes: out of memory (CUDA_ERROR_OUT_OF_MEMORY)", with the code that callers
// branch on: kFault is the kernel's, kUnavailable the device's or the system's, and then the
// message ends with what to do.
Error DriverError(const Driver& driver, CUresult result, const std::string& doing);

// Whether a result leaves the context unusable (driver API, "errors that are sticky"). A result
// that is not in the table may mean anything, so it does.
bool IsSticky(CUresult result);

// Newest PTX .version × 10 that a CUDA version (13000) takes: PTX ISA, "Release Notes".
uint32_t NewestPtx(int cuda_version);

}  // namespace souk::gpu::cuda
