#include "tools/bench_kernel.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "gpu/cpu/cpu_device.h"
#include "gpu/ptx/module.h"
#include "tools/bench_opencl.h"
#include "tools/bench_works.h"

namespace souk::bench {

extern const char* const kBenchPtx;     // bench_kernels/kernels.ptx
extern const char* const kBenchOpenCl;  // bench_kernels/kernels.cl

namespace {

using Clock = std::chrono::steady_clock;

// One run's seconds.
using TimedRun = std::function<Result<double>()>;

double Median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<long>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// All by turns, so that what else the machine does meanwhile, and how fast its clock happens to
// run, touches each; the medians of what fits into so many seconds, in the order of `runs`.
Result<std::vector<double>> ByTurns(double seconds, const std::vector<TimedRun>& runs) {
  for (const TimedRun& run : runs) RETURN_IF_ERROR(run());  // warms the caches
  std::vector<std::vector<double>> times(runs.size());
  double spent = 0;
  for (int turn = 0; turn < 400 && (turn == 0 || spent < seconds); ++turn) {
    for (size_t i = 0; i < runs.size(); ++i) {
      ASSIGN_OR_RETURN(times[i].emplace_back(), runs[i]());
      spent += times[i].back();
    }
  }
  std::vector<double> medians;
  for (std::vector<double>& of_one : times) medians.push_back(Median(of_one));
  return medians;
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

// Two launches at the same time that share nothing but the machine: the longer one's seconds. Two
// threads of one launch can at best take half of that.
Result<double> SecondsOfBoth(CpuRun& one, CpuRun& other) {
  Result<double> others = 0.0;
  std::thread beside([&] { others = other.Seconds(); });
  const Result<double> ones = one.Seconds();
  beside.join();
  RETURN_IF_ERROR(ones);
  RETURN_IF_ERROR(others);
  return std::max(*ones, *others);
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
  if (row.target > 0) row.ok = row.ratio >= row.target;
  return row;
}

}  // namespace

Result<std::vector<BenchRow>> RunKernelBench(const KernelBench& options, std::string* note) {
  std::vector<BenchRow> rows;
  Result<std::unique_ptr<OpenClDevice>> opencl = OpenClDevice::Open(kBenchOpenCl);
  *note = opencl ? "floor: OpenCL on " + (*opencl)->name() + ", one thread"
                 : "not compared with PoCL: " + opencl.error().message;
  *note += fmt::format("; handlers: {}", gpu::SimdLevelName(gpu::BestSimdLevel()));
  for (const Work& work : KernelWorks(std::max(options.shrink, 1u))) {
    if (work.name.find(options.only) == std::string::npos) continue;
    ASSIGN_OR_RETURN(CpuRun ours, PrepareCpu(work, 1));
    const TimedRun run_ours = [&] { return ours.Seconds(); };
    double took = 0, floor = 0;
    if (opencl) {
      ASSIGN_OR_RETURN(OpenClRun theirs, PrepareOpenCl(**opencl, work));
      ASSIGN_OR_RETURN(const auto times,
                       ByTurns(2 * options.seconds, {run_ours, [&] { return theirs.Seconds(); }}));
      took = times[0];
      floor = work.items / times[1];
      ASSIGN_OR_RETURN(const Bytes result, ours.Outcome(work));
      ASSIGN_OR_RETURN(const Bytes their_result, theirs.Outcome());
      if (their_result != result) {
        return Error(Code::kMismatch, work.name + ": PoCL's result differs from the cpu device's");
      }
    } else {
      ASSIGN_OR_RETURN(const auto times, ByTurns(options.seconds, {run_ours}));
      took = times[0];
    }
    rows.push_back(Row(work.name, work.items / took, work.unit, floor, work.target));
    if (work.kernel == "integer_hash") {
      const double rate = static_cast<double>(ours.thread_instructions) / took;
      rows.push_back(Row("interpreter rate, integer hash", rate, "thread-instructions/s", 2e9, 1));
    }
    ASSIGN_OR_RETURN(CpuRun two, PrepareCpu(work, 2));
    ASSIGN_OR_RETURN(CpuRun another, PrepareCpu(work, 1));
    ASSIGN_OR_RETURN(const auto times,
                     ByTurns(3 * options.seconds, {run_ours, [&] { return two.Seconds(); },
                                                   [&] { return SecondsOfBoth(ours, another); }}));
    ASSIGN_OR_RETURN(const Bytes result, ours.Outcome(work));
    ASSIGN_OR_RETURN(const Bytes result_of_two, two.Outcome(work));
    if (result_of_two != result) {
      return Error(Code::kMismatch, work.name + ": two threads give another result than one");
    }
    const double of_one = work.items / times[0];
    rows.push_back(
        Row(work.name + " on two threads", work.items / times[1], work.unit, of_one, 1.8));
    rows.push_back(
        Row(work.name + ", two launches apart", 2 * work.items / times[2], work.unit, of_one, 0));
  }
  return rows;
}

}  // namespace souk::bench
