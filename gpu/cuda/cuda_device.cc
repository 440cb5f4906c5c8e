#include "gpu/cuda/cuda_device.h"

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>

#include "gpu/cuda/describe.h"
#include "gpu/cuda/staging.h"
#include "gpu/ptx/module.h"

namespace souk::gpu {
namespace {

using cuda::CUcontext;
using cuda::CUdevice;
using cuda::CUdeviceptr;
using cuda::CUfunction;
using cuda::CUmodule;
using cuda::CUresult;
using cuda::CUstream;
using cuda::Driver;
using cuda::kNotReady;
using cuda::kSuccess;
using Clock = std::chrono::steady_clock;

constexpr size_t kJitLogBytes = 16 * 1024;
constexpr char kOneInstance[] =
    "the driver is open already, and shows a process one MIG instance in its life";
// Up to here a launch may have its dynamic shared memory without asking first.
constexpr uint32_t kDefaultDynamicShared = 48 * 1024;

// A context on one GPU, with a stream for kernels and one for copies (Staging). One thread at a
// time.
// Invariants: (1) memory in allocations_ is the context's, and used_ is its sum; (2) broken_ is set
// once and for good; then nothing but the context's destruction reaches the driver; (3) a kernel
// starts after all that was written before, and nothing but Write and Read happens beside it.
class CudaDevice : public Device {
 public:
  CudaDevice(const Driver& driver, DeviceInfo info, CUcontext context)
      : driver_(driver), info_(std::move(info)), context_(context), staging_(driver) {}
  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;
  ~CudaDevice() override;

  // Once, before anything else.
  Status Open();

  const DeviceInfo& info() const override { return info_; }
  Result<ModuleHandle> LoadFor(const ptx::Module& module,
                               const std::set<std::string>* kernels) override;
  Result<DeviceAddress> Allocate(uint64_t bytes) override;
  Status Free(DeviceAddress address) override;
  Status Write(DeviceAddress to, ByteView from) override;
  Status Read(DeviceAddress from, std::span<uint8_t> to) override;
  Status ReadInPieces(DeviceAddress from, uint64_t bytes, const TakePiece& take) override;
  Result<LaunchStats> Launch(ModuleHandle module, const LaunchRequest& request,
                             const LaunchBudget& budget) override;
  Status StartLaunch(ModuleHandle module, const LaunchRequest& request,
                     const LaunchBudget& budget) override;
  Result<LaunchStats> FinishLaunch() override;

 private:
  struct Kernel {
    CUfunction function = nullptr;
    uint64_t param_bytes = 0;
    std::vector<uint64_t> param_offsets = {};
  };
  struct Global {
    std::string name = {};
    uint64_t bytes = 0;
  };
  struct Loaded {
    CUmodule module = nullptr;
    std::map<std::string, Kernel, std::less<>> kernels = {};
    std::vector<Global> globals = {};
  };
  struct UnderWay {
    std::string doing = {};
    uint64_t milliseconds = 0;
    Clock::time_point since = {};
  };

  // The context may have been left current on another thread.
  Status Enter() {
    if (broken_) return Error(Code::kWrongState, "this device broke earlier: " + why_broken_);
    return Check(driver_.cuCtxSetCurrent(context_), "cuCtxSetCurrent");
  }
  // What may happen only while no kernel runs.
  Status EnterAlone() {
    if (under_way_) return Error(Code::kWrongState, "a launch is under way");
    return Enter();
  }
  Status Check(CUresult result, const std::string& doing);
  void Break(const std::string& why) {
    broken_ = true;
    why_broken_ = why;
  }
  CUresult Queue(const Kernel& kernel, const LaunchRequest& request);
  Status CheckRange(DeviceAddress address, uint64_t bytes) const;
  Status CheckFresh(DeviceAddress address, uint64_t bytes);
  Status FindKernels(const ptx::Module& module, const std::set<std::string>* wanted,
                     Loaded& loaded);
  Result<const Kernel*> FindKernel(ModuleHandle module, const LaunchRequest& request) const;
  void ClearAll();

  const Driver& driver_;
  const DeviceInfo info_;
  CUcontext context_ = nullptr;
  CUstream compute_ = nullptr;
  cuda::Staging staging_;
  bool broken_ = false;
  bool runaway_ = false;  // a kernel still runs
  bool written_ = false;  // since the last launch
  std::string why_broken_;
  std::optional<UnderWay> under_way_;
  std::vector<Loaded> modules_;
  std::map<DeviceAddress, uint64_t> allocations_;
  uint64_t used_ = 0;
};

CudaDevice::~CudaDevice() {
  if (under_way_) (void)CudaDevice::FinishLaunch();
  // Destroying the context would wait for the kernel: the process, which is a jailed worker, ends
  // instead, and the driver cleans up after it.
  if (runaway_) return;
  if (driver_.cuCtxSetCurrent(context_) == kSuccess) {
    if (!broken_) ClearAll();
    if (runaway_) return;
    staging_.Close();
    if (compute_ != nullptr) (void)driver_.cuStreamDestroy_v2(compute_);
  }
  (void)driver_.cuCtxDestroy_v2(context_);
}

Status CudaDevice::Open() {
  const std::string doing = "making streams and pinned memory on " + info_.name;
  RETURN_IF_ERROR(Enter());
  RETURN_IF_ERROR(Check(driver_.cuStreamCreate(&compute_, cuda::kStreamNonBlocking), doing));
  return Check(staging_.Open(), doing);
}

Status CudaDevice::Check(CUresult result, const std::string& doing) {
  if (result == kSuccess) return Ok();
  if (result == kNotReady) {
    const std::string why =
        doing +
        ": the device does not answer; look for an Xid in the system's log (dmesg), reset "
        "the device or restart the machine";
    // As with a kernel that does not end, destroying the context would wait.
    runaway_ = true;
    Break(why);
    return Error(Code::kUnavailable, why);
  }
  Error error = DriverError(driver_, result, doing);
  if (cuda::IsSticky(result)) Break(error.message);
  return error;
}

// What this job leaves behind must not be there for the next one.
void CudaDevice::ClearAll() {
  const auto clear = [&](CUdeviceptr address, uint64_t bytes) {
    if (!broken_) (void)Check(staging_.Clear(address, bytes), "clearing memory");
  };
  for (const auto& allocation : allocations_) clear(allocation.first, allocation.second);
  for (const Loaded& loaded : modules_) {
    for (const Global& global : loaded.globals) {
      CUdeviceptr address = 0;
      size_t bytes = 0;
      const CUresult found =
          driver_.cuModuleGetGlobal_v2(&address, &bytes, loaded.module, global.name.c_str());
      if (found == kSuccess) clear(address, std::min<uint64_t>(bytes, global.bytes));
    }
  }
  if (broken_) return;
  for (const auto& allocation : allocations_) (void)driver_.cuMemFree_v2(allocation.first);
  for (const Loaded& loaded : modules_) (void)driver_.cuModuleUnload(loaded.module);
}

Result<ModuleHandle> CudaDevice::LoadFor(const ptx::Module& module,
                                         const std::set<std::string>* kernels) {
  RETURN_IF_ERROR(EnterAlone());
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
    log.back() = '\0';
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
    for (const auto& param : function.params) kernel.param_offsets.push_back(param.offset);
    RETURN_IF_ERROR(
        Check(driver_.cuModuleGetFunction(&kernel.function, loaded.module, function.name.c_str()),
              "finding kernel \"" + function.name + "\""));
    loaded.kernels.emplace(function.name, kernel);
  }
  for (const ptx::Variable& variable : module.variables) {
    if (variable.space == ptx::Space::kGlobal) {
      loaded.globals.push_back({variable.name, variable.size});
    }
  }
  return Ok();
}

// A driver that hands memory out twice would let one buffer's data into another.
Status CudaDevice::CheckFresh(DeviceAddress address, uint64_t bytes) {
  const auto after = allocations_.upper_bound(address);
  const bool below = after == allocations_.begin() ||
                     std::prev(after)->first + std::prev(after)->second <= address;
  const bool above = after == allocations_.end() || address + bytes <= after->first;
  if (address != 0 && address + bytes > address && below && above) return Ok();
  Break("the driver gave memory that is in use, or none");
  return Error(Code::kUnavailable, why_broken_);
}

Result<DeviceAddress> CudaDevice::Allocate(uint64_t bytes) {
  RETURN_IF_ERROR(EnterAlone());
  if (bytes == 0) return Error(Code::kInvalidArgument, "an allocation of no bytes");
  if (bytes > info_.memory_bytes - used_) {
    return Error(Code::kExhausted,
                 std::to_string(bytes) + " bytes exceed what the device has left");
  }
  CUdeviceptr address = 0;
  RETURN_IF_ERROR(Check(driver_.cuMemAlloc_v2(&address, bytes),
                        "allocating " + std::to_string(bytes) + " bytes"));
  RETURN_IF_ERROR(CheckFresh(address, bytes));
  allocations_.emplace(address, bytes);
  used_ += bytes;
  if (Status ok = Check(staging_.Clear(address, bytes), "clearing memory"); !ok) {
    // Uncleared memory may hold another tenant's data: it is not handed out.
    if (!broken_) (void)Free(address);
    return ok.error();
  }
  return address;
}

Status CudaDevice::Free(DeviceAddress address) {
  RETURN_IF_ERROR(EnterAlone());
  const auto found = allocations_.find(address);
  if (found == allocations_.end()) return Error(Code::kInvalidArgument, "no such allocation");
  Status cleared = Check(staging_.Clear(address, found->second), "clearing memory");
  if (broken_) return cleared;
  used_ -= found->second;
  allocations_.erase(found);
  Status freed = Check(driver_.cuMemFree_v2(address), "freeing memory");
  return cleared ? freed : cleared;
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
  written_ = true;
  return Check(staging_.Upload(to, from), "writing to the device");
}

Status CudaDevice::Read(DeviceAddress from, std::span<uint8_t> to) {
  uint8_t* at = to.data();
  return ReadInPieces(from, to.size(), [&](ByteView piece) {
    std::memcpy(at, piece.data(), piece.size());
    at += piece.size();
    return Ok();
  });
}

Status CudaDevice::ReadInPieces(DeviceAddress from, uint64_t bytes, const TakePiece& take) {
  RETURN_IF_ERROR(Enter());
  RETURN_IF_ERROR(CheckRange(from, bytes));
  Status taken;
  RETURN_IF_ERROR(Check(staging_.Download(from, bytes, take, taken), "reading from the device"));
  return taken;
}

Result<const CudaDevice::Kernel*> CudaDevice::FindKernel(ModuleHandle module,
                                                         const LaunchRequest& request) const {
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
  return &kernel;
}

Result<LaunchStats> CudaDevice::Launch(ModuleHandle module, const LaunchRequest& request,
                                       const LaunchBudget& budget) {
  RETURN_IF_ERROR(StartLaunch(module, request, budget));
  return FinishLaunch();
}

// The driver takes parameters from where they are and only reads; its interface does not say const.
CUresult CudaDevice::Queue(const Kernel& kernel, const LaunchRequest& request) {
  const Dim3& g = request.grid;
  const Dim3& b = request.block;
  auto* const params = const_cast<uint8_t*>(request.params.data());
  if (request.cooperative) {
    // This one takes an address for each parameter.
    std::vector<void*> each;
    for (const uint64_t offset : kernel.param_offsets) each.push_back(params + offset);
    return driver_.cuLaunchCooperativeKernel(kernel.function, g.x, g.y, g.z, b.x, b.y, b.z,
                                             request.dynamic_shared_bytes, compute_, each.data());
  }
  size_t size = request.params.size();
  void* extra[] = {cuda::kLaunchParamBufferPointer, params, cuda::kLaunchParamBufferSize, &size,
                   cuda::kLaunchParamEnd};
  return driver_.cuLaunchKernel(kernel.function, g.x, g.y, g.z, b.x, b.y, b.z,
                                request.dynamic_shared_bytes, compute_, nullptr, extra);
}

Status CudaDevice::StartLaunch(ModuleHandle module, const LaunchRequest& request,
                               const LaunchBudget& budget) {
  RETURN_IF_ERROR(EnterAlone());
  ASSIGN_OR_RETURN(const Kernel* const kernel, FindKernel(module, request));
  if (!request.only.empty()) {
    return Error(Code::kUnsupported, "a GPU runs all blocks of a grid");
  }
  if (budget.milliseconds == 0) return Error(Code::kExhausted, "the time limit is used up");
  if (request.dynamic_shared_bytes > kDefaultDynamicShared) {
    if (request.dynamic_shared_bytes > INT32_MAX) {
      return Error(Code::kInvalidArgument, "too much shared memory");
    }
    RETURN_IF_ERROR(Check(
        driver_.cuFuncSetAttribute(kernel->function, cuda::kMaxDynamicSharedSizeBytes,
                                   static_cast<int>(request.dynamic_shared_bytes)),
        "asking for " + std::to_string(request.dynamic_shared_bytes) + " bytes of shared memory"));
  }
  if (written_) {
    RETURN_IF_ERROR(Check(staging_.Precede(compute_), "writing to the device"));
    written_ = false;
  }
  const std::string doing = "kernel \"" + request.kernel + "\"";
  const Clock::time_point now = Clock::now();
  RETURN_IF_ERROR(Check(Queue(*kernel, request), doing));
  under_way_ = UnderWay{doing, budget.milliseconds, now};
  return Ok();
}

Result<LaunchStats> CudaDevice::FinishLaunch() {
  if (!under_way_) return Error(Code::kWrongState, "no launch is under way");
  const UnderWay launch = std::move(*under_way_);
  under_way_.reset();
  RETURN_IF_ERROR(Enter());
  const auto passed =
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - launch.since);
  const uint64_t left =
      launch.milliseconds - std::min(launch.milliseconds, static_cast<uint64_t>(passed.count()));
  const CUresult result = cuda::AwaitReady(left, [&] { return driver_.cuStreamQuery(compute_); });
  if (result == kNotReady) {
    runaway_ = true;
    const std::string why =
        launch.doing + " ran past its " + std::to_string(launch.milliseconds) + " ms";
    Break(why);
    return Error(Code::kExhausted, why);
  }
  RETURN_IF_ERROR(Check(result, launch.doing));
  return LaunchStats{};
}

}  // namespace

Result<std::vector<DeviceInfo>> ListCudaDevices(const Driver& driver) {
  ASSIGN_OR_RETURN(const std::vector<CUdevice> devices, cuda::Devices(driver));
  std::vector<DeviceInfo> infos;
  for (const CUdevice device : devices) {
    ASSIGN_OR_RETURN(DeviceInfo info, cuda::Describe(driver, device));
    infos.push_back(std::move(info));
  }
  return infos;
}

Result<std::unique_ptr<Device>> MakeCudaDevice(const Driver& driver, uint32_t index) {
  ASSIGN_OR_RETURN(const std::vector<CUdevice> devices, cuda::Devices(driver));
  if (index >= devices.size()) {
    return Error(Code::kNotFound, "no CUDA device " + std::to_string(index) + ", there are " +
                                      std::to_string(devices.size()));
  }
  ASSIGN_OR_RETURN(DeviceInfo info, cuda::Describe(driver, devices[index]));
  CUcontext context = nullptr;
  if (const CUresult result = driver.cuCtxCreate_v2(&context, 0, devices[index]);
      result != kSuccess) {
    return DriverError(driver, result, "making a context on " + info.name);
  }
  auto device = std::make_unique<CudaDevice>(driver, std::move(info), context);
  RETURN_IF_ERROR(device->Open());
  return std::unique_ptr<Device>(std::move(device));
}

Result<std::unique_ptr<Device>> MakeCudaDevice(const Driver& driver, const std::string& uuid) {
  ASSIGN_OR_RETURN(const std::vector<DeviceInfo> infos, ListCudaDevices(driver));
  for (size_t i = 0; i < infos.size(); ++i) {
    if (infos[i].uuid == uuid) return MakeCudaDevice(driver, static_cast<uint32_t>(i));
  }
  return Error(Code::kNotFound, "no CUDA device " + uuid + " among " +
                                    std::to_string(infos.size()) + " that this process sees");
}

Status ShowOnly(const std::string& uuid) {
  static std::mutex mutex;
  static std::string shown;
  const std::lock_guard<std::mutex> lock(mutex);
  if (shown == uuid) return Ok();
  if (!shown.empty() || cuda::SystemDriverIsOpen()) {
    return Error(Code::kWrongState, kOneInstance);
  }
  if (::setenv(kVisibleDevices, uuid.c_str(), /*overwrite=*/1) != 0) {
    return Error(Code::kInvalidArgument, "\"" + uuid + "\" is no uuid");
  }
  shown = uuid;
  return Ok();
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

Result<std::unique_ptr<Device>> MakeCudaDevice(const std::string& uuid) {
  const bool instance = uuid.starts_with(kMigPrefix);
  const bool was_open = cuda::SystemDriverIsOpen();
  if (instance && !was_open) RETURN_IF_ERROR(ShowOnly(uuid));
  const Result<Driver>& driver = cuda::SystemDriver();
  if (!driver) return driver.error();
  Result<std::unique_ptr<Device>> device = MakeCudaDevice(*driver, uuid);
  const bool hidden = !device && device.error().code == Code::kNotFound && instance && was_open;
  if (hidden) return Error(Code::kWrongState, kOneInstance);
  return device;
}

}  // namespace souk::gpu
