#include "tools/bench_kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <limits>
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
  double target;  // of the ratio to PoCL (DESIGN section 9)
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

struct Measured {
  double seconds = 0;  // of one run, the best of all
  uint64_t thread_instructions = 0;
  Bytes result = {};
};

// The best of the runs that fit: a busy machine only ever adds.
Result<double> Best(double seconds, const std::function<Result<double>()>& run) {
  ASSIGN_OR_RETURN(double best, run());
  double spent = 0;
  for (int i = 0; i < 200 && spent < seconds; ++i) {
    ASSIGN_OR_RETURN(const double took, run());
    best = std::min(best, took);
    spent += took;
  }
  return best;
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
  Result<Measured> Outcome(const Work& work, double seconds) {
    Measured measured;
    measured.seconds = seconds;
    measured.thread_instructions = thread_instructions;
    measured.result.resize(work.buffers[work.result].size());
    RETURN_IF_ERROR(device->Read(buffers[work.result], measured.result));
    return measured;
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

Result<Measured> OnCpuDevice(const Work& work, double seconds) {
  ASSIGN_OR_RETURN(CpuRun run, PrepareCpu(work, 1));
  ASSIGN_OR_RETURN(const double best, Best(seconds, [&] { return run.Seconds(); }));
  return run.Outcome(work, best);
}

// One thread and two by turns, so that what else the machine does meanwhile disturbs both.
Result<std::pair<Measured, Measured>> OneAndTwoThreads(const Work& work, double seconds) {
  ASSIGN_OR_RETURN(CpuRun one, PrepareCpu(work, 1));
  ASSIGN_OR_RETURN(CpuRun two, PrepareCpu(work, 2));
  double best_two = std::numeric_limits<double>::infinity();
  const auto turn = [&]() -> Result<double> {
    ASSIGN_OR_RETURN(const double took, two.Seconds());
    best_two = std::min(best_two, took);
    return one.Seconds();
  };
  ASSIGN_OR_RETURN(const double best_one, Best(2 * seconds, turn));
  ASSIGN_OR_RETURN(Measured measured_one, one.Outcome(work, best_one));
  ASSIGN_OR_RETURN(Measured measured_two, two.Outcome(work, best_two));
  return std::pair(std::move(measured_one), std::move(measured_two));
}

Result<Measured> OnOpenCl(OpenClDevice& device, const Work& work, double seconds) {
  std::vector<OpenClDevice::Argument> arguments;
  for (const Bytes& buffer : work.buffers) {
    OpenClDevice::Argument argument;
    ASSIGN_OR_RETURN(argument.buffer, device.Allocate(buffer));
    arguments.push_back(argument);
  }
  const int result = arguments[work.result].buffer;
  for (const uint32_t scalar : work.scalars) {
    OpenClDevice::Argument argument;
    argument.scalar = scalar;
    arguments.push_back(argument);
  }
  std::vector<size_t> global = {size_t{work.grid.x} * work.block.x};
  std::vector<size_t> local = {work.block.x};
  if (work.block.y > 1) {
    global.push_back(size_t{work.grid.y} * work.block.y);
    local.push_back(work.block.y);
  }
  Measured measured;
  ASSIGN_OR_RETURN(measured.seconds, Best(seconds, [&] {
                     return device.Run(work.kernel, arguments, global, local);
                   }));
  measured.result.resize(work.buffers[work.result].size());
  RETURN_IF_ERROR(device.Read(result, measured.result));
  return measured;
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
    ASSIGN_OR_RETURN(const Measured ours, OnCpuDevice(work, options.seconds));
    double floor = 0;
    if (opencl) {
      ASSIGN_OR_RETURN(const Measured theirs, OnOpenCl(**opencl, work, options.seconds));
      if (theirs.result != ours.result) {
        return Error(Code::kMismatch, work.name + ": PoCL's result differs from the cpu device's");
      }
      floor = work.items / theirs.seconds;
    }
    rows.push_back(Row(work.name, work.items / ours.seconds, work.unit, floor, work.target));
    if (work.kernel != "integer_hash") continue;
    const double rate = static_cast<double>(ours.thread_instructions) / ours.seconds;
    rows.push_back(Row("interpreter rate, integer hash", rate, "thread-instructions/s", 2e9, 1));
    ASSIGN_OR_RETURN(const auto scaling, OneAndTwoThreads(work, options.seconds));
    const auto& [one, two] = scaling;
    if (one.result != ours.result || two.result != ours.result) {
      return Error(Code::kMismatch, work.name + ": two threads give another result than one");
    }
    rows.push_back(Row("integer hash on two threads", work.items / two.seconds, work.unit,
                       work.items / one.seconds, 1.8));
  }
  return rows;
}

}  // namespace souk::bench
