#include "tools/gpucheck/timing.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>

#include "gpu/cuda/cuda_device.h"
#include "gpu/ptx/module.h"

namespace souk::bench {
extern const char* const kBenchPtx;  // bench_kernels/kernels.ptx
}

namespace souk::tools {
namespace {

using gpu::cuda::CUcontext;
using gpu::cuda::CUdeviceptr;
using gpu::cuda::CUfunction;
using gpu::cuda::CUmodule;
using gpu::cuda::CUresult;
using gpu::cuda::CUstream;
using gpu::cuda::Driver;
using gpu::cuda::kSuccess;
using Clock = std::chrono::steady_clock;

constexpr double kSecondsPerKernel = 1;
constexpr double kSecondsPerTurn = 0.02;

// Buffers by size, then scalars: the parameters of the kernels in bench_kernels/kernels.ptx.
struct TimedKernel {
  std::string name;
  std::string kernel;
  gpu::Dim3 grid;
  gpu::Dim3 block;
  std::vector<uint64_t> buffers;
  std::vector<uint32_t> scalars;
};

// Large enough that a launch takes far longer than to ask for it.
std::vector<TimedKernel> TimedKernels(uint32_t shrink) {
  const uint32_t adds = std::max((64u << 20) / shrink / 256 * 256, 256u);
  const uint32_t n = std::max(2048 / shrink / 16 * 16, 16u);
  const uint32_t hashes = std::max((16u << 20) / shrink / 256 * 256, 256u);
  const uint32_t side = std::max(4096 / shrink / 16 * 16, 16u);
  const uint64_t square = uint64_t{4} * n * n;
  return {{"vectorAdd",
           "vector_add",
           {adds / 256, 1, 1},
           {256, 1, 1},
           {uint64_t{4} * adds, uint64_t{4} * adds, uint64_t{4} * adds},
           {adds}},
          {"matmul", "matmul", {n / 16, n / 16, 1}, {16, 16, 1}, {square, square, square}, {n}},
          {"integer hash",
           "integer_hash",
           {hashes / 256, 1, 1},
           {256, 1, 1},
           {uint64_t{4} * hashes},
           {64}},
          {"shuffle reduction",
           "shuffle_reduce",
           {adds / 256, 1, 1},
           {256, 1, 1},
           {uint64_t{4} * adds, uint64_t{4} * (adds / 256)},
           {adds}},
          {"Mandelbrot",
           "mandelbrot",
           {side / 16, side / 16, 1},
           {16, 16, 1},
           {uint64_t{4} * side * side},
           {side, side, 256}}};
}

Bytes Parameters(const TimedKernel& kernel, const std::vector<uint64_t>& addresses) {
  Bytes params;
  for (const uint64_t address : addresses) PutLe(params, address);
  for (const uint32_t scalar : kernel.scalars) PutLe(params, scalar);
  return params;
}

// What a program without Souk does: a context, a module, memory, launches, and one wait.
class BareProgram {
 public:
  explicit BareProgram(const Driver& driver) : driver_(driver) {}
  BareProgram(const BareProgram&) = delete;
  BareProgram& operator=(const BareProgram&) = delete;
  ~BareProgram() {
    if (context_ != nullptr) (void)driver_.cuCtxDestroy_v2(context_);
  }

  Status Open(uint32_t index, const std::string& text) {
    gpu::cuda::CUdevice device = 0;
    RETURN_IF_ERROR(Check(driver_.cuDeviceGet(&device, static_cast<int>(index)), "cuDeviceGet"));
    RETURN_IF_ERROR(Check(driver_.cuCtxCreate_v2(&context_, 0, device), "cuCtxCreate"));
    RETURN_IF_ERROR(
        Check(driver_.cuStreamCreate(&stream_, gpu::cuda::kStreamNonBlocking), "cuStreamCreate"));
    return Check(driver_.cuModuleLoadDataEx(&module_, text.c_str(), 0, nullptr, nullptr),
                 "cuModuleLoadData");
  }

  Status Prepare(const TimedKernel& kernel) {
    RETURN_IF_ERROR(Check(driver_.cuCtxSetCurrent(context_), "cuCtxSetCurrent"));
    RETURN_IF_ERROR(Check(driver_.cuModuleGetFunction(&function_, module_, kernel.kernel.c_str()),
                          "cuModuleGetFunction"));
    for (const uint64_t bytes : kernel.buffers) {
      CUdeviceptr address = 0;
      RETURN_IF_ERROR(Check(driver_.cuMemAlloc_v2(&address, bytes), "cuMemAlloc"));
      buffers_.push_back(address);
      RETURN_IF_ERROR(Check(driver_.cuMemsetD8Async(address, 0, bytes, stream_), "cuMemset"));
    }
    params_ = Parameters(kernel, buffers_);
    return Check(driver_.cuCtxSynchronize(), "cuCtxSynchronize");
  }
  Status Launch(const TimedKernel& kernel) {
    RETURN_IF_ERROR(Check(driver_.cuCtxSetCurrent(context_), "cuCtxSetCurrent"));
    size_t size = params_.size();
    void* extra[] = {gpu::cuda::kLaunchParamBufferPointer, params_.data(),
                     gpu::cuda::kLaunchParamBufferSize, &size, gpu::cuda::kLaunchParamEnd};
    RETURN_IF_ERROR(Check(driver_.cuLaunchKernel(function_, kernel.grid.x, kernel.grid.y,
                                                 kernel.grid.z, kernel.block.x, kernel.block.y,
                                                 kernel.block.z, 0, stream_, nullptr, extra),
                          "cuLaunchKernel"));
    return Check(driver_.cuCtxSynchronize(), "cuCtxSynchronize");
  }
  void Release() {
    (void)driver_.cuCtxSetCurrent(context_);
    for (const uint64_t address : buffers_) (void)driver_.cuMemFree_v2(address);
    buffers_.clear();
  }

 private:
  Status Check(CUresult result, const char* doing) {
    if (result == kSuccess) return Ok();
    return DriverError(driver_, result, doing);
  }

  const Driver& driver_;
  CUcontext context_ = nullptr;
  CUstream stream_ = nullptr;
  CUmodule module_ = nullptr;
  CUfunction function_ = nullptr;
  std::vector<uint64_t> buffers_;
  Bytes params_;
};

Result<double> SecondsOf(int launches, const std::function<Status()>& launch) {
  const Clock::time_point start = Clock::now();
  for (int i = 0; i < launches; ++i) RETURN_IF_ERROR(launch());
  return std::chrono::duration<double>(Clock::now() - start).count() / launches;
}

double MedianOf(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// By turns, so that clocks and temperatures touch both.
Result<KernelTiming> CompareByTurns(const std::string& name, const std::function<Status()>& device,
                                    const std::function<Status()>& bare, double seconds) {
  RETURN_IF_ERROR(device());
  RETURN_IF_ERROR(bare());
  ASSIGN_OR_RETURN(const double once, SecondsOf(1, bare));
  const int launches = static_cast<int>(std::clamp(kSecondsPerTurn / once, 1.0, 1000.0));
  std::vector<double> devices, bares;
  double spent = 0;
  while (devices.size() < 3 || (spent < seconds && devices.size() < 100)) {
    ASSIGN_OR_RETURN(devices.emplace_back(), SecondsOf(launches, device));
    ASSIGN_OR_RETURN(bares.emplace_back(), SecondsOf(launches, bare));
    spent += (devices.back() + bares.back()) * launches;
  }
  return KernelTiming{name, MedianOf(devices) * 1e6, MedianOf(bares) * 1e6};
}

Result<KernelTiming> TimeKernel(const TimedKernel& kernel, gpu::Device& device,
                                gpu::ModuleHandle module, BareProgram& bare, double seconds) {
  gpu::LaunchRequest request{.kernel = kernel.kernel, .grid = kernel.grid, .block = kernel.block};
  std::vector<uint64_t> buffers;
  for (const uint64_t bytes : kernel.buffers) {
    ASSIGN_OR_RETURN(buffers.emplace_back(), device.Allocate(bytes));
  }
  request.params = Parameters(kernel, buffers);
  RETURN_IF_ERROR(bare.Prepare(kernel));
  const auto through_device = [&]() -> Status {
    ASSIGN_OR_RETURN([[maybe_unused]] const gpu::LaunchStats stats,
                     device.Launch(module, request, {}));
    return Ok();
  };
  Result<KernelTiming> timing = CompareByTurns(
      kernel.name, through_device, [&] { return bare.Launch(kernel); }, seconds);
  bare.Release();
  for (const uint64_t address : buffers) RETURN_IF_ERROR(device.Free(address));
  return timing;
}

}  // namespace

Result<std::vector<KernelTiming>> TimeKernels(const Driver& driver, uint32_t index,
                                              uint32_t shrink) {
  ASSIGN_OR_RETURN(ptx::Module parsed, ptx::Parse(bench::kBenchPtx));
  ASSIGN_OR_RETURN(const ptx::Module canonical, ptx::Canonicalize(std::move(parsed)));
  ASSIGN_OR_RETURN(const std::unique_ptr<gpu::Device> device, gpu::MakeCudaDevice(driver, index));
  ASSIGN_OR_RETURN(const gpu::ModuleHandle module, device->Load(canonical));
  BareProgram bare(driver);
  RETURN_IF_ERROR(bare.Open(index, ptx::Write(canonical)));
  const double seconds = kSecondsPerKernel / shrink;
  std::vector<KernelTiming> timings;
  for (const TimedKernel& kernel : TimedKernels(shrink)) {
    ASSIGN_OR_RETURN(timings.emplace_back(), TimeKernel(kernel, *device, module, bare, seconds));
  }
  return timings;
}

}  // namespace souk::tools
