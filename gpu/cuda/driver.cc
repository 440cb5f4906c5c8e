#include "gpu/cuda/driver.h"

#include <dlfcn.h>

namespace souk::gpu::cuda {
namespace {

constexpr CUresult kStubLibrary = 34;
constexpr CUresult kNoDevice = 100;

struct ResultRow {
  CUresult result;
  Code code;
  bool sticky;
};
// cuda.h, CUresult. What is not listed is kUnavailable: the driver, not the workload, failed.
constexpr ResultRow kResults[] = {
    {1, Code::kInvalidArgument, false},    // INVALID_VALUE
    {2, Code::kExhausted, false},          // OUT_OF_MEMORY
    {100, Code::kNotFound, false},         // NO_DEVICE
    {101, Code::kNotFound, false},         // INVALID_DEVICE
    {200, Code::kMalformed, false},        // INVALID_IMAGE
    {201, Code::kWrongState, false},       // INVALID_CONTEXT
    {209, Code::kUnsupported, false},      // NO_BINARY_FOR_GPU
    {214, Code::kUnavailable, true},       // ECC_UNCORRECTABLE
    {218, Code::kMalformed, false},        // INVALID_PTX
    {222, Code::kUnsupported, false},      // UNSUPPORTED_PTX_VERSION
    {400, Code::kInvalidArgument, false},  // INVALID_HANDLE
    {500, Code::kNotFound, false},         // NOT_FOUND
    {700, Code::kFault, true},             // ILLEGAL_ADDRESS
    {701, Code::kExhausted, false},        // LAUNCH_OUT_OF_RESOURCES
    {702, Code::kExhausted, true},         // LAUNCH_TIMEOUT
    {709, Code::kWrongState, true},        // CONTEXT_IS_DESTROYED
    {710, Code::kFault, true},             // ASSERT
    {714, Code::kFault, true},             // HARDWARE_STACK_ERROR
    {715, Code::kFault, true},             // ILLEGAL_INSTRUCTION
    {716, Code::kFault, true},             // MISALIGNED_ADDRESS
    {717, Code::kFault, true},             // INVALID_ADDRESS_SPACE
    {718, Code::kFault, true},             // INVALID_PC
    {719, Code::kFault, true},             // LAUNCH_FAILED
    {801, Code::kUnsupported, false},      // NOT_SUPPORTED
    {999, Code::kUnavailable, true},       // UNKNOWN
};

const ResultRow* Find(CUresult result) {
  for (const ResultRow& row : kResults) {
    if (row.result == result) return &row;
  }
  return nullptr;
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
  return driver;
}

const Result<Driver>& SystemDriver() {
  static const Result<Driver> driver = LoadDriver("libcuda.so.1");
  return driver;
}

Error DriverError(const Driver& driver, CUresult result, const std::string& doing) {
  const char* name = nullptr;
  const char* text = nullptr;
  // Both leave null for a result that the driver itself does not know.
  (void)driver.cuGetErrorName(result, &name);
  (void)driver.cuGetErrorString(result, &text);
  const ResultRow* row = Find(result);
  std::string message = doing + ": " + (text != nullptr ? text : "unknown error") + " (";
  message += (name != nullptr ? name : std::to_string(result)) + std::string(")");
  return Error(row != nullptr ? row->code : Code::kUnavailable, message);
}

bool IsSticky(CUresult result) {
  const ResultRow* row = Find(result);
  return row != nullptr && row->sticky;
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
