#include "gpu/workload/run.h"

#include <algorithm>
#include <chrono>

#include "gpu/ptx/module.h"
#include "gpu/workload/arguments.h"
#include "gpu/workload/npy.h"
#include "gpu/workload/schedule.h"
#include "gpu/workload/state_root.h"
#include "gpu/workload/workload_class.h"

namespace souk::gpu {
namespace {

using Clock = std::chrono::steady_clock;

uint64_t MicrosecondsSince(Clock::time_point start) {
  const auto passed = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
  return static_cast<uint64_t>(passed.count());
}

// Memory is hashed and moved in pieces, so that a large buffer is not copied whole.
constexpr uint64_t kPieceBytes = 4 << 20;

// Frees what it allocated, whatever happens: the device may serve the next job.
class DeviceMemory {
 public:
  explicit DeviceMemory(Device& device) : device_(device) {}
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  ~DeviceMemory() {
    // On a broken device this fails, and the device clears itself when it goes.
    for (const DeviceAddress address : addresses_) (void)device_.Free(address);
  }
  Status Allocate(uint64_t bytes) {
    ASSIGN_OR_RETURN(const DeviceAddress address, device_.Allocate(bytes));
    addresses_.push_back(address);
    return Ok();
  }
  DeviceAddress at(size_t buffer) const { return addresses_[buffer]; }

 private:
  Device& device_;
  std::vector<DeviceAddress> addresses_;
};

Result<Bytes> ReadChecked(BlobSource& blobs, const BlobRef& ref) {
  ASSIGN_OR_RETURN(Bytes bytes, blobs.Read(ref));
  if (bytes.size() != ref.bytes || Sha256(bytes) != ref.digest) {
    return Error(Code::kMismatch, "blob " + ref.digest.ToString() + " is not what its digest says");
  }
  return bytes;
}

// One run. The members follow the order in which a run uses them.
class Run {
 public:
  Run(const Workload& workload, BlobSource& blobs, Device& device, const RunOptions& options)
      : workload_(workload), blobs_(blobs), device_(device), options_(options), memory_(device) {}

  Result<RunResult> Go() {
    RETURN_IF_ERROR(CheckWorkload(workload_));
    ASSIGN_OR_RETURN(progress_.launches_total, CountLaunches(workload_.steps));
    instructions_left_ =
        std::min(workload_.limits.thread_instructions, options_.budget.thread_instructions);
    milliseconds_ = std::min(workload_.limits.milliseconds, options_.budget.milliseconds);

    const Clock::time_point start = Clock::now();
    RETURN_IF_ERROR(LoadModules());
    RETURN_IF_ERROR(CheckKernels(workload_, modules_));
    result_.result_class = ClassOfWorkload(workload_, modules_);
    RETURN_IF_ERROR(LoadBuffers());
    result_.stats.load_us = MicrosecondsSince(start);
    RETURN_IF_ERROR(Commit(0));
    RETURN_IF_ERROR(LaunchAll());
    RETURN_IF_ERROR(ReadOutputs());
    result_.commitments_root = CommitmentsRoot(result_.commitments);
    return std::move(result_);
  }

 private:
  Status LoadModules() {
    const std::vector<std::set<std::string>> kernels = LaunchedKernels(workload_);
    for (size_t i = 0; i < workload_.modules.size(); ++i) {
      const std::string where = "module " + std::to_string(i + 1);
      Result<Bytes> text = ReadChecked(blobs_, workload_.modules[i]);
      if (!text) return text.error().Within(where);
      Result<ptx::Module> module = ParseCanonical(AsText(*text));
      if (!module) return module.error().Within(where);
      Result<ModuleHandle> handle = device_.LoadFor(*module, &kernels[i]);
      if (!handle) return handle.error().Within(where);
      modules_.push_back(std::move(*module));
      handles_.push_back(*handle);
    }
    return Ok();
  }

  Status LoadBuffers() {
    for (const Buffer& buffer : workload_.buffers) {
      if (Status ok = LoadBuffer(buffer); !ok) {
        return ok.error().Within("buffer \"" + buffer.name + "\"");
      }
    }
    return Ok();
  }

  Status LoadBuffer(const Buffer& buffer) {
    const uint64_t bytes = BufferBytes(buffer);
    RETURN_IF_ERROR(memory_.Allocate(bytes));
    const DeviceAddress address = memory_.at(sizes_.size());
    sizes_.push_back(bytes);
    if (buffer.input) {
      ASSIGN_OR_RETURN(const Bytes file, ReadChecked(blobs_, *buffer.input));
      ASSIGN_OR_RETURN(const NpyHeader header, ParseNpy(file));
      if (header.dtype != buffer.dtype || header.shape != buffer.shape) {
        return Error(Code::kMismatch, "its input has another dtype or shape");
      }
      return device_.Write(address, ByteView(file).subspan(header.data_offset));
    }
    if (!buffer.fill) return Ok();  // Allocate cleared it
    Bytes piece;
    piece.reserve(std::min(bytes, kPieceBytes));
    while (piece.size() < std::min(bytes, kPieceBytes)) Append(piece, *buffer.fill);
    for (uint64_t at = 0; at < bytes; at += piece.size()) {
      const size_t take = static_cast<size_t>(std::min<uint64_t>(piece.size(), bytes - at));
      RETURN_IF_ERROR(device_.Write(address + at, ByteView(piece).first(take)));
    }
    return Ok();
  }

  Status LaunchAll() {
    Schedule schedule(workload_);
    RETURN_IF_ERROR(Report());
    const Clock::time_point start = Clock::now();
    while (true) {
      ASSIGN_OR_RETURN(const std::optional<ScheduledLaunch> next, schedule.Next());
      if (!next) break;
      if (Status ok = LaunchOne(*next, MicrosecondsSince(start) / 1000); !ok) {
        return ok.error().Within("launch " + std::to_string(next->index + 1) + " of " +
                                 std::to_string(progress_.launches_total) + " (" +
                                 next->launch->kernel + ")");
      }
      ++progress_.launches_done;
      const bool last = progress_.launches_done == progress_.launches_total;
      const uint64_t interval = workload_.commit_interval;
      if (last || (interval != 0 && progress_.launches_done % interval == 0)) {
        RETURN_IF_ERROR(Commit(progress_.launches_done));
      }
      RETURN_IF_ERROR(Report());
    }
    bindings_ = schedule.bindings();
    result_.stats.launches = progress_.launches_done;
    result_.stats.thread_instructions = progress_.thread_instructions;
    return Ok();
  }

  Status LaunchOne(const ScheduledLaunch& next, uint64_t passed_ms) {
    if (passed_ms >= milliseconds_) {
      return Error(Code::kExhausted,
                   "the time limit of " + std::to_string(milliseconds_) + " ms is used up");
    }
    const KernelLaunch& launch = *next.launch;
    LaunchRequest request{.kernel = launch.kernel,
                          .grid = launch.grid,
                          .block = launch.block,
                          .dynamic_shared_bytes = launch.dynamic_shared_bytes,
                          .params = ParameterBytes(next),
                          .cooperative = launch.cooperative};
    const LaunchBudget budget{.thread_instructions = instructions_left_,
                              .milliseconds = milliseconds_ - passed_ms};
    const Clock::time_point start = Clock::now();
    const Result<LaunchStats> stats = device_.Launch(handles_[launch.module], request, budget);
    result_.stats.launch_us += MicrosecondsSince(start);
    const std::string printed = device_.TakePrinted();
    if (options_.printed && !printed.empty()) options_.printed(printed);
    if (!stats) return stats.error();
    instructions_left_ -= std::min(instructions_left_, stats->thread_instructions);
    progress_.thread_instructions += stats->thread_instructions;
    return Ok();
  }

  // Each parameter at the offset that PTX ISA's layout gives it; gaps are zero.
  Bytes ParameterBytes(const ScheduledLaunch& next) const {
    const ptx::Function& kernel = *modules_[next.launch->module].FindKernel(next.launch->kernel);
    Bytes params(kernel.param_bytes);
    for (size_t i = 0; i < next.arguments.size(); ++i) {
      const ArgumentValue& value = next.arguments[i];
      Bytes bytes = value.bytes;
      if (value.buffer) PutLe(bytes, memory_.at(*value.buffer) + value.offset_bytes);
      std::copy(bytes.begin(), bytes.end(),
                params.begin() + static_cast<ptrdiff_t>(kernel.params[i].offset));
    }
    return params;
  }

  Status Commit(uint64_t launch) {
    const Clock::time_point start = Clock::now();
    StateHasher hasher;
    for (size_t i = 0; i < sizes_.size(); ++i) {
      hasher.BeginBuffer();
      Bytes piece(std::min(sizes_[i], kPieceBytes));
      for (uint64_t at = 0; at < sizes_[i]; at += kPieceBytes) {
        const std::span<uint8_t> part(piece.data(), std::min(kPieceBytes, sizes_[i] - at));
        RETURN_IF_ERROR(device_.Read(memory_.at(i) + at, part));
        hasher.Update(part);
      }
    }
    result_.commitments.push_back({launch, hasher.Finish()});
    result_.stats.commit_us += MicrosecondsSince(start);
    return Ok();
  }

  Status ReadOutputs() {
    const Clock::time_point start = Clock::now();
    for (const Output& output : workload_.outputs) {
      const Buffer& buffer = workload_.buffers[output.buffer];
      const uint32_t memory = bindings_[output.buffer];
      RunOutput out{.file = output.file, .npy = NpyHeaderFor(buffer.dtype, buffer.shape)};
      const size_t offset = out.npy.size();
      out.npy.resize(offset + sizes_[memory]);
      RETURN_IF_ERROR(device_.Read(memory_.at(memory), std::span(out.npy).subspan(offset)));
      out.digest = Sha256(out.npy);
      result_.outputs.push_back(std::move(out));
    }
    result_.stats.read_us = MicrosecondsSince(start);
    return Ok();
  }

  Status Report() const { return options_.progress ? options_.progress(progress_) : Ok(); }

  const Workload& workload_;
  BlobSource& blobs_;
  Device& device_;
  const RunOptions& options_;
  uint64_t instructions_left_ = 0;
  uint64_t milliseconds_ = 0;
  std::vector<ptx::Module> modules_;
  std::vector<ModuleHandle> handles_;
  DeviceMemory memory_;
  std::vector<uint64_t> sizes_;  // of the buffers in memory_
  RunProgress progress_;
  std::vector<uint32_t> bindings_;
  RunResult result_;
};

}  // namespace

BlobRef MemoryBlobs::Add(Bytes bytes) {
  const BlobRef ref{Sha256(bytes), bytes.size()};
  blobs_.emplace(ref.digest, std::move(bytes));
  return ref;
}

Result<Bytes> MemoryBlobs::Read(const BlobRef& blob) {
  const auto found = blobs_.find(blob.digest);
  if (found == blobs_.end()) {
    return Error(Code::kNotFound, "blob " + blob.digest.ToString() + " is not here");
  }
  return found->second;
}

Result<RunResult> RunWorkload(const Workload& workload, BlobSource& blobs, Device& device,
                              const RunOptions& options) {
  return Run(workload, blobs, device, options).Go();
}

}  // namespace souk::gpu
