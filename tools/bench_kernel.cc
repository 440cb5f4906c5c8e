#include "tools/bench_kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <utility>

#include "gpu/cpu/cpu_device.h"
#include "gpu/ptx/module.h"
#include "tools/bench_opencl.h"

namespace souk::bench {

extern const char* const kBenchPtx;     // bench_kernels/kernels.ptx
extern const char* const kBenchOpenCl;  // bench_kernels/kernels.cl

namespace {

using Clock = std::chrono::steady_clock;

// What both sides run: buffers first, then scalars, as the kernels declare them.
struct Work {
  std::string name;
  std::string kernel;
  gpu::Dim3 grid;
  gpu::Dim3 block;
  std::vector<Bytes> buffers;
  std::vector<uint32_t> scalars;
  size_t result;  // which buffer
  double items;   // per run, for the rate
  std::string unit;
  double target;  // of the ratio to PoCL (docs/performance.md)
};

uint32_t Mix(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352d;
  x = (x ^ (x >> 15)) * 0x846ca68b;
  return x ^ (x >> 16);
}
Bytes Words(size_t count) {
  Bytes bytes(count * 4);
  for (size_t i = 0; i < count; ++i) {
    const uint32_t v = Mix(static_cast<uint32_t>(i));
    std::memcpy(bytes.data() + 4 * i, &v, 4);
  }
  return bytes;
}
Bytes Floats(size_t count) {
  Bytes bytes(count * 4);
  for (size_t i = 0; i < count; ++i) {
    const float v = static_cast<float>(Mix(static_cast<uint32_t>(i)) >> 8) * 0x1p-24f;
    std::memcpy(bytes.data() + 4 * i, &v, 4);
  }
  return bytes;
}

std::vector<Work> Works(uint32_t shrink) {
  std::vector<Work> works;
  const uint32_t adds = (16u << 20) / shrink / 256 * 256;
  works.push_back(Work{"vectorAdd",
                       "vector_add",
                       {adds / 256, 1, 1},
                       {256, 1, 1},
                       {Floats(adds), Floats(adds), Bytes(size_t{4} * adds)},
                       {adds},
                       2,
                       static_cast<double>(adds),
                       "elements/s",
                       0.25});
  const uint32_t n = std::max(512 / shrink / 16 * 16, 16u);
  works.push_back(Work{fmt::format("shared-memory matmul {}", n),
                       "matmul",
                       {n / 16, n / 16, 1},
                       {16, 16, 1},
                       {Floats(size_t{n} * n), Floats(size_t{n} * n), Bytes(size_t{4} * n * n)},
                       {n},
                       2,
                       2.0 * n * n * n,
                       "flop/s",
                       0.25});
  const uint32_t hashes = (1u << 20) / shrink / 256 * 256;
  works.push_back(Work{"integer hash",
                       "integer_hash",
                       {hashes / 256, 1, 1},
                       {256, 1, 1},
                       {Bytes(size_t{4} * hashes)},
                       {64},
                       0,
                       64.0 * hashes,
                       "rounds/s",
                       1});
  const uint32_t sums = (4u << 20) / shrink / 256 * 256;
  works.push_back(Work{"shuffle reduction",
                       "shuffle_reduce",
                       {sums / 256, 1, 1},
                       {256, 1, 1},
                       {Words(sums), Bytes(size_t{4} * (sums / 256))},
                       {sums},
                       1,
                       static_cast<double>(sums),
                       "elements/s",
                       1});
  const uint32_t side = std::max(512 / shrink, 32u);
  works.push_back(Work{"Mandelbrot",
                       "mandelbrot",
                       {(side + 15) / 16, (side + 15) / 16, 1},
                       {16, 16, 1},
                       {Bytes(size_t{4} * side * side)},
                       {side, side, 256},
                       0,
                       static_cast<double>(side) * side,
                       "pixels/s",
                       1});
  return works;
}

// One run's seconds.
using TimedRun = std::function<Result<double>()>;

double Median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<long>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Both by turns, so that what else the machine does meanwhile, and how fast its clock happens to
// run, touches both; the medians of what fits into so many seconds.
Result<std::pair<double, double>> ByTurns(double seconds, const TimedRun& one,
                                          const TimedRun& other) {
  RETURN_IF_ERROR(one());  // warms the caches
  RETURN_IF_ERROR(other());
  std::vector<double> ones, others;
  double spent = 0;
  for (int i = 0; i < 400 && (i == 0 || spent < seconds); ++i) {
    ASSIGN_OR_RETURN(ones.emplace_back(), one());
    ASSIGN_OR_RETURN(others.emplace_back(), other());
    spent += ones.back() + others.back();
  }
  return std::pair(Median(ones), Median(others));
}

// The work on a cpu device of its own, ready to run again and again.
struct CpuRun {
  std::unique_ptr<gpu::Device> device;
  gpu::ModuleHandle module = {};
  gpu::LaunchRequest request = {};
  std::vector<gpu::DeviceAddress> buffers = {};
  uint64_t thread_instructions = 0;

  Result<double> Seconds() {
    gpu::LaunchBudget budget;
    budget.thread_instructions = uint64_t{1} << 50;
    const auto begin = Clock::now();
    ASSIGN_OR_RETURN(const gpu::LaunchStats stats, device->Launch(module, request, budget));
    thread_instructions = stats.thread_instructions;
    return std::chrono::duration<double>(Clock::now() - begin).count();
  }
  Result<Bytes> Outcome(const Work& work) const {
    Bytes result(work.buffers[work.result].size());
    RETURN_IF_ERROR(device->Read(buffers[work.result], result));
    return result;
  }
};

Result<CpuRun> PrepareCpu(const Work& work, uint32_t threads) {
  gpu::CpuDeviceOptions options;
  options.threads = threads;
  CpuRun run;
  run.device = gpu::MakeCpuDevice(options);
  ASSIGN_OR_RETURN(ptx::Module parsed, ptx::Parse(kBenchPtx));
  ASSIGN_OR_RETURN(const ptx::Module module, ptx::Canonicalize(std::move(parsed)));
  ASSIGN_OR_RETURN(run.module, run.device->Load(module));
  run.request.kernel = work.kernel;
  run.request.grid = work.grid;
  run.request.block = work.block;
  for (const Bytes& buffer : work.buffers) {
    ASSIGN_OR_RETURN(const gpu::DeviceAddress address, run.device->Allocate(buffer.size()));
    RETURN_IF_ERROR(run.device->Write(address, buffer));
    run.buffers.push_back(address);
    PutLe<uint64_t>(run.request.params, address);
  }
  for (const uint32_t scalar : work.scalars) PutLe<uint32_t>(run.request.params, scalar);
  return run;
}

// The same on PoCL.
struct OpenClRun {
  OpenClDevice& device;
  const Work& work;
  std::vector<OpenClDevice::Argument> arguments = {};
  std::vector<size_t> global = {}, local = {};

  Result<double> Seconds() { return device.Run(work.kernel, arguments, global, local); }
  Result<Bytes> Outcome() const {
    Bytes result(work.buffers[work.result].size());
    RETURN_IF_ERROR(device.Read(arguments[work.result].buffer, result));
    return result;
  }
};

Result<OpenClRun> PrepareOpenCl(OpenClDevice& device, const Work& work) {
  OpenClRun run{device, work};
  for (const Bytes& buffer : work.buffers) {
    OpenClDevice::Argument argument;
    ASSIGN_OR_RETURN(argument.buffer, device.Allocate(buffer));
    run.arguments.push_back(argument);
  }
  for (const uint32_t scalar : work.scalars) {
    OpenClDevice::Argument argument;
    argument.scalar = scalar;
    run.arguments.push_back(argument);
  }
  run.global = {size_t{work.grid.x} * work.block.x};
  run.local = {work.block.x};
  if (work.block.y > 1) {
    run.global.push_back(size_t{work.grid.y} * work.block.y);
    run.local.push_back(work.block.y);
  }
  return run;
}

BenchRow Row(const std::string& name, double value, const std::string& unit, double floor,
             double target) {
  BenchRow row;
  row.name = name;
  row.value = value;
  row.unit = unit;
  row.floor = floor;
  row.ratio = floor > 0 ? value / floor : 0;
  row.target = floor > 0 ? target : 0;
  if (floor > 0) row.ok = row.ratio >= row.target;
  return row;
}

}  // namespace

Result<std::vector<BenchRow>> RunKernelBench(const KernelBench& options, std::string* note) {
  std::vector<BenchRow> rows;
  Result<std::unique_ptr<OpenClDevice>> opencl = OpenClDevice::Open(kBenchOpenCl);
  *note = opencl ? "floor: OpenCL on " + (*opencl)->name() + ", one thread"
                 : "not compared with PoCL: " + opencl.error().message;
  *note += fmt::format("; handlers: {}", gpu::SimdLevelName(gpu::BestSimdLevel()));
  for (const Work& work : Works(std::max(options.shrink, 1u))) {
    ASSIGN_OR_RETURN(CpuRun ours, PrepareCpu(work, 1));
    const TimedRun run_ours = [&] { return ours.Seconds(); };
    double took = 0, floor = 0;
    if (opencl) {
      ASSIGN_OR_RETURN(OpenClRun theirs, PrepareOpenCl(**opencl, work));
      ASSIGN_OR_RETURN(const auto times,
                       ByTurns(2 * options.seconds, run_ours, [&] { return theirs.Seconds(); }));
      took = times.first;
      floor = work.items / times.second;
      ASSIGN_OR_RETURN(const Bytes result, ours.Outcome(work));
      ASSIGN_OR_RETURN(const Bytes their_result, theirs.Outcome());
      if (their_result != result) {
        return Error(Code::kMismatch, work.name + ": PoCL's result differs from the cpu device's");
      }
    } else {
      ASSIGN_OR_RETURN(const auto times, ByTurns(options.seconds, run_ours, run_ours));
      took = times.first;
    }
    rows.push_back(Row(work.name, work.items / took, work.unit, floor, work.target));
    if (work.kernel != "integer_hash") continue;
    const double rate = static_cast<double>(ours.thread_instructions) / took;
    rows.push_back(Row("interpreter rate, integer hash", rate, "thread-instructions/s", 2e9, 1));
    ASSIGN_OR_RETURN(CpuRun two, PrepareCpu(work, 2));
    ASSIGN_OR_RETURN(const auto scaling,
                     ByTurns(2 * options.seconds, run_ours, [&] { return two.Seconds(); }));
    ASSIGN_OR_RETURN(const Bytes result, ours.Outcome(work));
    ASSIGN_OR_RETURN(const Bytes result_of_two, two.Outcome(work));
    if (result_of_two != result) {
      return Error(Code::kMismatch, work.name + ": two threads give another result than one");
    }
    rows.push_back(Row("integer hash on two threads", work.items / scaling.second, work.unit,
                       work.items / scaling.first, 1.8));
  }
  return rows;
}

}  // namespace souk::bench
