#include "gpu/cuda/cuda_device.h"

#include <chrono>
#include <map>
#include <thread>

#include "gpu/ptx/module.h"
#include "protocol/base/file.h"

namespace souk::gpu {
namespace {

using cuda::CUcontext;
using cuda::CUdevice;
using cuda::CUdeviceptr;
using cuda::CUfunction;
using cuda::CUmodule;
using cuda::CUresult;
using cuda::Driver;
using cuda::kSuccess;
using Clock = std::chrono::steady_clock;

constexpr size_t kJitLogBytes = 16 * 1024;
// Up to here a launch may have its dynamic shared memory without asking first.
constexpr uint32_t kDefaultDynamicShared = 48 * 1024;
constexpr auto kSpin = std::chrono::milliseconds(2);
constexpr auto kNap = std::chrono::microseconds(50);

std::string UuidText(const cuda::CUuuid& uuid) {
  const std::string hex = ToHex(ByteView(uuid.bytes));
  return "GPU-" + hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
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

Result<DeviceInfo> Describe(const Driver& driver, CUdevice device) {
  char name[256] = {};
  cuda::CUuuid uuid = {};
  size_t memory = 0;
  int major = 0;
  int minor = 0;
  int multiprocessors = 0;
  const CUresult results[] = {
      driver.cuDeviceGetName(name, sizeof(name) - 1, device),
      driver.cuDeviceGetUuid(&uuid, device),
      driver.cuDeviceTotalMem_v2(&memory, device),
      driver.cuDeviceGetAttribute(&major, cuda::kComputeCapabilityMajor, device),
      driver.cuDeviceGetAttribute(&minor, cuda::kComputeCapabilityMinor, device),
      driver.cuDeviceGetAttribute(&multiprocessors, cuda::kMultiprocessorCount, device)};
  for (const CUresult result : results) {
    if (result != kSuccess) return DriverError(driver, result, "describing a CUDA device");
  }
  if (major < 1 || major > 99 || minor < 0 || minor > 9 || multiprocessors < 0) {
    return Error(Code::kUnavailable, "a CUDA device describes itself without sense");
  }
  return DeviceInfo{.kind = "cuda",
                    .name = name,
                    .uuid = UuidText(uuid),
                    .architecture = static_cast<uint32_t>(major * 10 + minor),
                    .newest_ptx = cuda::NewestPtx(driver.version),
                    .memory_bytes = memory,
                    .multiprocessors = static_cast<uint32_t>(multiprocessors),
                    .driver = DriverVersion(driver)};
}

// A context on one GPU. One thread at a time.
// Invariants: (1) memory in allocations_ is the context's, and used_ is its sum; (2) broken_ is set
// once and for good; then nothing but the context's destruction reaches the driver.
class CudaDevice : public Device {
 public:
  CudaDevice(const Driver& driver, DeviceInfo info, CUcontext context)
      : driver_(driver), info_(std::move(info)), context_(context) {}
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;
  ~CudaDevice() override;

  const DeviceInfo& info() const override { return info_; }
  Result<ModuleHandle> LoadFor(const ptx::Module& module,
                               const std::set<std::string>* kernels) override;
  Result<DeviceAddress> Allocate(uint64_t bytes) override;
  Status Free(DeviceAddress address) override;
  Status Write(DeviceAddress to, ByteView from) override;
  Status Read(DeviceAddress from, std::span<uint8_t> to) override;
  Result<LaunchStats> Launch(ModuleHandle module, const LaunchRequest& request,
                             const LaunchBudget& budget) override;

 private:
  struct Kernel {
    CUfunction function = nullptr;
    uint64_t param_bytes = 0;
  };
  struct Loaded {
    CUmodule module = nullptr;
    std::map<std::string, Kernel, std::less<>> kernels = {};
    std::vector<std::string> globals = {};
  };

  // The context may have been left current on another thread.
  Status Enter() {
    if (broken_) return Error(Code::kWrongState, "this device broke earlier: " + why_broken_);
    return Check(driver_.cuCtxSetCurrent(context_), "cuCtxSetCurrent");
  }
  Status Check(CUresult result, const std::string& doing) {
    if (result == kSuccess) return Ok();
    Error error = DriverError(driver_, result, doing);
    if (cuda::IsSticky(result)) Break(error.message);
    return error;
  }
  void Break(const std::string& why) {
    broken_ = true;
    why_broken_ = why;
  }
  Status CheckRange(DeviceAddress address, uint64_t bytes) const;
  Status FindKernels(const ptx::Module& module, const std::set<std::string>* wanted,
                     Loaded& loaded);
  Status WaitFor(const std::string& kernel, uint64_t milliseconds);
  void ClearAll();

  const Driver& driver_;
  const DeviceInfo info_;
  CUcontext context_ = nullptr;
  bool broken_ = false;
  bool runaway_ = false;  // a kernel still runs
  std::string why_broken_;
  std::vector<Loaded> modules_;
  std::map<DeviceAddress, uint64_t> allocations_;
  uint64_t used_ = 0;
};

CudaDevice::~CudaDevice() {
  // Destroying the context would wait for the kernel: the process, which is a jailed worker, ends
  // instead, and the driver cleans up after it.
  if (runaway_) return;
  if (!broken_ && driver_.cuCtxSetCurrent(context_) == kSuccess) ClearAll();
  (void)driver_.cuCtxDestroy_v2(context_);
}

// What this job leaves behind must not be there for the next one.
void CudaDevice::ClearAll() {
  for (const auto& allocation : allocations_) {
    (void)driver_.cuMemsetD8_v2(allocation.first, 0, allocation.second);
  }
  for (const Loaded& loaded : modules_) {
    for (const std::string& name : loaded.globals) {
      CUdeviceptr address = 0;
      size_t bytes = 0;
      if (driver_.cuModuleGetGlobal_v2(&address, &bytes, loaded.module, name.c_str()) == kSuccess) {
        (void)driver_.cuMemsetD8_v2(address, 0, bytes);
      }
    }
  }
  (void)driver_.cuCtxSynchronize();
  for (const auto& allocation : allocations_) (void)driver_.cuMemFree_v2(allocation.first);
  for (const Loaded& loaded : modules_) (void)driver_.cuModuleUnload(loaded.module);
}

Result<ModuleHandle> CudaDevice::LoadFor(const ptx::Module& module,
                                         const std::set<std::string>* kernels) {
  RETURN_IF_ERROR(Enter());
  if (!module.canonical) return Error(Code::kInvalidArgument, "the module is not canonical");
  const std::string text = ptx::Write(module);
  std::string log(kJitLogBytes, '\0');
  int options[] = {cuda::kJitErrorLogBuffer, cuda::kJitErrorLogBufferSizeBytes};
  void* values[] = {log.data(),
                    reinterpret_cast<void*>(uintptr_t{kJitLogBytes - 1})};  // NOLINT: the API's way
  Loaded loaded;
  const CUresult result =
      driver_.cuModuleLoadDataEx(&loaded.module, text.c_str(), 2, options, values);
  if (Status ok = Check(result, "loading PTX"); !ok) {
    log.resize(log.find('\0'));
    while (!log.empty() && log.back() == '\n') log.pop_back();
    if (log.empty()) return ok.error();
    return Error(ok.error().code, ok.error().message + "\n" + log);
  }
  if (Status ok = FindKernels(module, kernels, loaded); !ok) {
    (void)driver_.cuModuleUnload(loaded.module);
    return ok.error();
  }
  modules_.push_back(std::move(loaded));
  return static_cast<ModuleHandle>(modules_.size() - 1);
}

Status CudaDevice::FindKernels(const ptx::Module& module, const std::set<std::string>* wanted,
                               Loaded& loaded) {
  for (const ptx::Function& function : module.functions) {
    if (!function.is_entry || !function.defined) continue;
    if (wanted != nullptr && !wanted->contains(function.name)) continue;
    Kernel kernel{.param_bytes = function.param_bytes};
    RETURN_IF_ERROR(
        Check(driver_.cuModuleGetFunction(&kernel.function, loaded.module, function.name.c_str()),
              "finding kernel \"" + function.name + "\""));
    loaded.kernels.emplace(function.name, kernel);
  }
  for (const ptx::Variable& variable : module.variables) {
    if (variable.space == ptx::Space::kGlobal) loaded.globals.push_back(variable.name);
  }
  return Ok();
}

Result<DeviceAddress> CudaDevice::Allocate(uint64_t bytes) {
  RETURN_IF_ERROR(Enter());
  if (bytes == 0) return Error(Code::kInvalidArgument, "an allocation of no bytes");
  if (bytes > info_.memory_bytes - used_) {
    return Error(Code::kExhausted,
                 std::to_string(bytes) + " bytes exceed what the device has left");
  }
  CUdeviceptr address = 0;
  RETURN_IF_ERROR(Check(driver_.cuMemAlloc_v2(&address, bytes),
                        "allocating " + std::to_string(bytes) + " bytes"));
  allocations_.emplace(address, bytes);
  used_ += bytes;
  CUresult cleared = driver_.cuMemsetD8_v2(address, 0, bytes);
  if (cleared == kSuccess) cleared = driver_.cuCtxSynchronize();
  if (Status ok = Check(cleared, "clearing memory"); !ok) {
    // Uncleared memory may hold another tenant's data: it is not handed out.
    if (!broken_) (void)Free(address);
    return ok.error();
  }
  return address;
}

Status CudaDevice::Free(DeviceAddress address) {
  RETURN_IF_ERROR(Enter());
  const auto found = allocations_.find(address);
  if (found == allocations_.end()) return Error(Code::kInvalidArgument, "no such allocation");
  const CUresult cleared = driver_.cuMemsetD8_v2(address, 0, found->second);
  const CUresult done = cleared == kSuccess ? driver_.cuCtxSynchronize() : cleared;
  used_ -= found->second;
  allocations_.erase(found);
  const CUresult freed = driver_.cuMemFree_v2(address);
  RETURN_IF_ERROR(Check(done, "clearing memory"));
  return Check(freed, "freeing memory");
}

Status CudaDevice::CheckRange(DeviceAddress address, uint64_t bytes) const {
  auto after = allocations_.upper_bound(address);
  if (after != allocations_.begin()) {
    const auto& [start, size] = *--after;
    const uint64_t offset = address - start;
    if (offset <= size && bytes <= size - offset) return Ok();
  }
  return Error(Code::kInvalidArgument, "the range is not within one allocation");
}

Status CudaDevice::Write(DeviceAddress to, ByteView from) {
  RETURN_IF_ERROR(Enter());
  RETURN_IF_ERROR(CheckRange(to, from.size()));
  if (from.empty()) return Ok();
  return Check(driver_.cuMemcpyHtoD_v2(to, from.data(), from.size()), "writing to the device");
}

Status CudaDevice::Read(DeviceAddress from, std::span<uint8_t> to) {
  RETURN_IF_ERROR(Enter());
  RETURN_IF_ERROR(CheckRange(from, to.size()));
  if (to.empty()) return Ok();
  return Check(driver_.cuMemcpyDtoH_v2(to.data(), from, to.size()), "reading from the device");
}

Result<LaunchStats> CudaDevice::Launch(ModuleHandle module, const LaunchRequest& request,
                                       const LaunchBudget& budget) {
  RETURN_IF_ERROR(Enter());
  if (module >= modules_.size()) return Error(Code::kInvalidArgument, "no such module");
  const auto found = modules_[module].kernels.find(request.kernel);
  if (found == modules_[module].kernels.end()) {
    return Error(Code::kNotFound, "no kernel \"" + request.kernel + "\"");
  }
  const Kernel& kernel = found->second;
  if (request.params.size() != kernel.param_bytes) {
    return Error(Code::kInvalidArgument,
                 "kernel \"" + request.kernel + "\" takes " + std::to_string(kernel.param_bytes) +
                     " bytes of parameters, not " + std::to_string(request.params.size()));
  }
  if (budget.milliseconds == 0) return Error(Code::kExhausted, "the time limit is used up");
  if (request.dynamic_shared_bytes > kDefaultDynamicShared) {
    if (request.dynamic_shared_bytes > INT32_MAX) {
      return Error(Code::kInvalidArgument, "too much shared memory");
    }
    RETURN_IF_ERROR(Check(
        driver_.cuFuncSetAttribute(kernel.function, cuda::kMaxDynamicSharedSizeBytes,
                                   static_cast<int>(request.dynamic_shared_bytes)),
        "asking for " + std::to_string(request.dynamic_shared_bytes) + " bytes of shared memory"));
  }
  Bytes params = request.params;
  size_t size = params.size();
  void* extra[] = {cuda::kLaunchParamBufferPointer, params.data(), cuda::kLaunchParamBufferSize,
                   &size, cuda::kLaunchParamEnd};
  const std::string doing = "kernel \"" + request.kernel + "\"";
  RETURN_IF_ERROR(
      Check(driver_.cuLaunchKernel(kernel.function, request.grid.x, request.grid.y, request.grid.z,
                                   request.block.x, request.block.y, request.block.z,
                                   request.dynamic_shared_bytes, nullptr, nullptr, extra),
            doing));
  RETURN_IF_ERROR(WaitFor(doing, budget.milliseconds));
  return LaunchStats{};
}

// Spins while a launch is young, as most are done by then, and naps afterwards.
Status CudaDevice::WaitFor(const std::string& doing, uint64_t milliseconds) {
  const Clock::time_point start = Clock::now();
  while (true) {
    const CUresult result = driver_.cuStreamQuery(nullptr);
    if (result != cuda::kNotReady) return Check(result, doing);
    const auto passed = Clock::now() - start;
    const auto passed_ms = std::chrono::duration_cast<std::chrono::milliseconds>(passed).count();
    if (static_cast<uint64_t>(passed_ms) >= milliseconds) {
      runaway_ = true;
      const std::string why = doing + " ran past its " + std::to_string(milliseconds) + " ms";
      Break(why);
      return Error(Code::kExhausted, why);
    }
    if (passed > kSpin) std::this_thread::sleep_for(kNap);
  }
}

}  // namespace

Result<std::vector<DeviceInfo>> ListCudaDevices(const Driver& driver) {
  int count = 0;
  if (const CUresult result = driver.cuDeviceGetCount(&count); result != kSuccess) {
    return DriverError(driver, result, "counting CUDA devices");
  }
  std::vector<DeviceInfo> devices;
  for (int i = 0; i < count; ++i) {
    CUdevice device = 0;
    if (const CUresult result = driver.cuDeviceGet(&device, i); result != kSuccess) {
      return DriverError(driver, result, "opening CUDA device " + std::to_string(i));
    }
    ASSIGN_OR_RETURN(DeviceInfo info, Describe(driver, device));
    devices.push_back(std::move(info));
  }
  return devices;
}

Result<std::unique_ptr<Device>> MakeCudaDevice(const Driver& driver, uint32_t index) {
  int count = 0;
  if (const CUresult result = driver.cuDeviceGetCount(&count); result != kSuccess) {
    return DriverError(driver, result, "counting CUDA devices");
  }
  if (index >= static_cast<uint32_t>(count)) {
    return Error(Code::kNotFound, "no CUDA device " + std::to_string(index) + ", there are " +
                                      std::to_string(count));
  }
  CUdevice device = 0;
  if (const CUresult result = driver.cuDeviceGet(&device, static_cast<int>(index));
      result != kSuccess) {
    return DriverError(driver, result, "opening CUDA device " + std::to_string(index));
  }
  ASSIGN_OR_RETURN(DeviceInfo info, Describe(driver, device));
  CUcontext context = nullptr;
  if (const CUresult result = driver.cuCtxCreate_v2(&context, 0, device); result != kSuccess) {
    return DriverError(driver, result, "making a context on " + info.name);
  }
  return std::unique_ptr<Device>(std::make_unique<CudaDevice>(driver, std::move(info), context));
}

Result<std::vector<DeviceInfo>> ListCudaDevices() {
  const Result<Driver>& driver = cuda::SystemDriver();
  if (driver) return ListCudaDevices(*driver);
  if (driver.error().code == Code::kNotFound) return std::vector<DeviceInfo>();
  return driver.error();
}

Result<std::unique_ptr<Device>> MakeCudaDevice(uint32_t index) {
  const Result<Driver>& driver = cuda::SystemDriver();
  if (!driver) return driver.error();
  return MakeCudaDevice(*driver, index);
}

}  // namespace souk::gpu
