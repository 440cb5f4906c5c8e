#include "gpu/cuda/driver.h"

#include <dlfcn.h>

#include <atomic>
#include <cstring>

namespace souk::gpu::cuda {
namespace {

constexpr CUresult kStubLibrary = 34;
constexpr CUresult kNoDevice = 100;
// 1000 × major + 10 × minor.
constexpr int kOldestCuda = 5000;
constexpr int kNewestCuda = 99990;

struct ResultRow {
  CUresult result;
  Code code;
  Failure failure;
  bool sticky;
  const char* advice;  // nullptr where the driver's own text says enough
};

constexpr char kMemoryFails[] =
    "the device's memory fails (Xid 48 or 63 in the system's log): take it out of rent, reset it "
    "with nvidia-smi --gpu-reset, and retire it if that comes back";
constexpr char kHardware[] =
    "look for an Xid in the system's log (dmesg), reset the device with nvidia-smi --gpu-reset";
constexpr char kLost[] =
    "the device may have fallen off the bus (Xid 79 in the system's log): restart the machine";

// cuda.h, CUresult.
constexpr ResultRow kResults[] = {
    {1, Code::kInvalidArgument, Failure::kCall, false, nullptr},  // INVALID_VALUE
    {2, Code::kExhausted, Failure::kCall, false, nullptr},        // OUT_OF_MEMORY
    {3, Code::kWrongState, Failure::kSystem, true, nullptr},      // NOT_INITIALIZED
    {4, Code::kUnavailable, Failure::kSystem, true, nullptr},     // DEINITIALIZED
    {34, Code::kNotFound, Failure::kSystem, true, nullptr},       // STUB_LIBRARY
    {36, Code::kUnavailable, Failure::kSystem, false, "install a newer driver"},
    // DEVICE_UNAVAILABLE
    {46, Code::kUnavailable, Failure::kDevice, true,
     "another process has the device to itself, or it is closed to all: see the compute mode in "
     "nvidia-smi"},
    {100, Code::kNotFound, Failure::kSystem, true, nullptr},                  // NO_DEVICE
    {101, Code::kNotFound, Failure::kCall, false, nullptr},                   // INVALID_DEVICE
    {102, Code::kUnavailable, Failure::kSystem, true, "license the device"},  // DEVICE_NOT_LICENSED
    {200, Code::kMalformed, Failure::kCall, false, nullptr},                  // INVALID_IMAGE
    {201, Code::kWrongState, Failure::kCall, true, nullptr},                  // INVALID_CONTEXT
    {209, Code::kUnsupported, Failure::kCall, false, nullptr},                // NO_BINARY_FOR_GPU
    {214, Code::kUnavailable, Failure::kDevice, true, kMemoryFails},          // ECC_UNCORRECTABLE
    {218, Code::kMalformed, Failure::kCall, false, nullptr},                  // INVALID_PTX
    // NVLINK_UNCORRECTABLE
    {220, Code::kUnavailable, Failure::kDevice, true,
     "an NVLink fails (Xid 74 in the system's log): check its bridge, reset the device"},
    // JIT_COMPILER_NOT_FOUND
    {221, Code::kUnavailable, Failure::kSystem, false,
     "libnvidia-ptxjitcompiler.so.1 is missing: install the whole driver"},
    {222, Code::kUnsupported, Failure::kCall, false, nullptr},  // UNSUPPORTED_PTX_VERSION
    // JIT_COMPILATION_DISABLED
    {223, Code::kUnavailable, Failure::kSystem, false, "unset CUDA_DISABLE_PTX_JIT"},
    // CONTAINED
    {226, Code::kUnavailable, Failure::kDevice, true,
     "the device contained an error of its own (Xid 94 in the system's log): start the job again; "
     "reset the device if that comes back"},
    {300, Code::kMalformed, Failure::kCall, false, nullptr},        // INVALID_SOURCE
    {304, Code::kUnavailable, Failure::kSystem, true, kHardware},   // OPERATING_SYSTEM
    {400, Code::kInvalidArgument, Failure::kCall, false, nullptr},  // INVALID_HANDLE
    {401, Code::kWrongState, Failure::kCall, false, nullptr},       // ILLEGAL_STATE
    {500, Code::kNotFound, Failure::kCall, false, nullptr},         // NOT_FOUND
    {700, Code::kFault, Failure::kKernel, true, nullptr},           // ILLEGAL_ADDRESS
    {701, Code::kExhausted, Failure::kCall, false, nullptr},        // LAUNCH_OUT_OF_RESOURCES
    {702, Code::kExhausted, Failure::kKernel, true, nullptr},       // LAUNCH_TIMEOUT
    {709, Code::kWrongState, Failure::kSystem, true, nullptr},      // CONTEXT_IS_DESTROYED
    {710, Code::kFault, Failure::kKernel, true, nullptr},           // ASSERT
    {714, Code::kFault, Failure::kKernel, true, nullptr},           // HARDWARE_STACK_ERROR
    {715, Code::kFault, Failure::kKernel, true, nullptr},           // ILLEGAL_INSTRUCTION
    {716, Code::kFault, Failure::kKernel, true, nullptr},           // MISALIGNED_ADDRESS
    {717, Code::kFault, Failure::kKernel, true, nullptr},           // INVALID_ADDRESS_SPACE
    {718, Code::kFault, Failure::kKernel, true, nullptr},           // INVALID_PC
    {719, Code::kFault, Failure::kKernel, true, nullptr},           // LAUNCH_FAILED
    {720, Code::kTooLarge, Failure::kCall, false, nullptr},         // COOPERATIVE_LAUNCH_TOO_LARGE
    {721, Code::kFault, Failure::kKernel, true, nullptr},           // TENSOR_MEMORY_LEAK
    {800, Code::kDenied, Failure::kCall, false, nullptr},           // NOT_PERMITTED
    {801, Code::kUnsupported, Failure::kCall, false, nullptr},      // NOT_SUPPORTED
    // SYSTEM_NOT_READY
    {802, Code::kUnavailable, Failure::kSystem, true,
     "the fabric manager does not run: systemctl start nvidia-fabricmanager"},
    // SYSTEM_DRIVER_MISMATCH
    {803, Code::kUnavailable, Failure::kSystem, true,
     "kernel module and library are of different drivers: load the new module, or restart"},
    // COMPAT_NOT_SUPPORTED_ON_DEVICE
    {804, Code::kUnavailable, Failure::kSystem, true,
     "take the forward-compatibility package off the library path"},
    {805, Code::kUnavailable, Failure::kSystem, true, "restart MPS"},   // MPS_CONNECTION_FAILED
    {806, Code::kUnavailable, Failure::kSystem, true, "restart MPS"},   // MPS_RPC_FAILURE
    {807, Code::kUnavailable, Failure::kSystem, true, "wait for MPS"},  // MPS_SERVER_NOT_READY
    // MPS_MAX_CLIENTS_REACHED, MPS_MAX_CONNECTIONS_REACHED
    {808, Code::kUnavailable, Failure::kSystem, true, "MPS has no room for another client"},
    {809, Code::kUnavailable, Failure::kSystem, true, "MPS has no room for another client"},
    {810, Code::kUnavailable, Failure::kSystem, true,
     "another client of MPS brought this one down: rent without MPS"},  // MPS_CLIENT_TERMINATED
    {909, Code::kUnavailable, Failure::kSystem, true, kHardware},       // TIMEOUT
    {911, Code::kUnavailable, Failure::kDevice, true, kHardware},       // EXTERNAL_DEVICE
    {999, Code::kUnavailable, Failure::kDevice, true, kLost},           // UNKNOWN
};
constexpr ResultRow kUnlisted = {0, Code::kUnavailable, Failure::kSystem, true, nullptr};

const ResultRow& Find(CUresult result) {
  for (const ResultRow& row : kResults) {
    if (row.result == result) return row;
  }
  return kUnlisted;
}

// What the driver says of itself is shown to people: no longer than a line, and printable.
constexpr size_t kMostText = 256;
std::string DriverText(const char* text) {
  std::string out(text, strnlen(text, kMostText));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

}  // namespace

Result<Driver> LoadDriver(const std::string& library) {
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return Error(Code::kNotFound, "no CUDA driver here (" + library + " cannot be opened)");
  }
  Driver driver;
  driver.library = library;
  std::string missing;
#define X(name, signature)                                                     \
  driver.name = reinterpret_cast<decltype(driver.name)>(dlsym(handle, #name)); \
  if (driver.name == nullptr) missing = #name;
  SOUK_CUDA_FUNCTIONS(X)
#undef X
#define X(name, signature) \
  driver.name = reinterpret_cast<decltype(driver.name)>(dlsym(handle, #name));
  SOUK_CUDA_YOUNG_FUNCTIONS(X)
#undef X
  if (!missing.empty()) {
    return Error(Code::kUnavailable,
                 "the CUDA driver " + library + " is too old: it lacks " + missing);
  }
  if (const CUresult result = driver.cuInit(0); result != kSuccess) {
    const bool none = result == kStubLibrary || result == kNoDevice;
    return Error(none ? Code::kNotFound : Code::kUnavailable,
                 DriverError(driver, result, "starting the CUDA driver").message);
  }
  if (driver.cuDriverGetVersion(&driver.version) != kSuccess) {
    return Error(Code::kUnavailable, "the CUDA driver " + library + " does not tell its version");
  }
  if (driver.version < kOldestCuda || driver.version > kNewestCuda) {
    return Error(Code::kUnavailable, "the CUDA driver " + library + " is of version " +
                                         std::to_string(driver.version) + ", which makes no sense");
  }
  return driver;
}

namespace {
std::atomic<bool> system_driver_open = false;
}

const Result<Driver>& SystemDriver() {
  system_driver_open = true;
  static const Result<Driver> driver = LoadDriver("libcuda.so.1");
  return driver;
}

bool SystemDriverIsOpen() {
  return system_driver_open;
}

Error DriverError(const Driver& driver, CUresult result, const std::string& doing) {
  const char* name = nullptr;
  const char* text = nullptr;
  // Both leave null for a result that the driver itself does not know.
  (void)driver.cuGetErrorName(result, &name);
  (void)driver.cuGetErrorString(result, &text);
  const ResultRow& row = Find(result);
  std::string message =
      doing + ": " + (text != nullptr ? DriverText(text) : "unknown error") + " (";
  message += (name != nullptr ? DriverText(name) : std::to_string(result)) + ")";
  if (row.advice != nullptr) message += std::string("; ") + row.advice;
  return Error(row.code, message);
}

Failure FailureOf(CUresult result) {
  return Find(result).failure;
}

bool IsSticky(CUresult result) {
  return Find(result).sticky;
}

uint32_t NewestPtx(int cuda_version) {
  struct Row {
    int cuda;
    uint32_t ptx;
  };
  static constexpr Row kRows[] = {{13010, 91}, {13000, 90}, {12090, 88}, {12080, 87}, {12070, 86},
                                  {12050, 85}, {12040, 84}, {12030, 83}, {12020, 82}, {12010, 81},
                                  {12000, 80}, {11080, 78}, {11070, 77}, {11060, 76}, {11050, 75},
                                  {11040, 74}, {11030, 73}, {11020, 72}, {11010, 71}, {11000, 70}};
  for (const Row& row : kRows) {
    if (cuda_version >= row.cuda) return row.ptx;
  }
  return 65;
}

}  // namespace souk::gpu::cuda
