#include "gpu/cpu/cpu_device.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <map>
#include <optional>

#include "gpu/cpu/arena.h"
#include "gpu/cpu/checker.h"
#include "gpu/cpu/launch.h"
#include "gpu/cpu/lower.h"
#include "gpu/cpu/op_counts.h"
#include "gpu/cpu/supported.h"
#include "gpu/cpu/variables.h"
#include "gpu/ptx/classify.h"
#include "gpu/ptx/reach.h"

namespace souk::gpu {
namespace {

using cpu::Arena;
using cpu::LaunchShape;
using cpu::PlacedVariables;
using cpu::Program;

// The newest this device knows (ptx::Parse reads up to ISA 9.0).
inline constexpr uint32_t kNewestTarget = 100;
inline constexpr uint32_t kNewestVersion = 90;
inline constexpr size_t kMostModules = 4096;
// PTX ISA "Kernel function parameters": 32,764 bytes.
inline constexpr uint64_t kMostParamBytes = 32764;

inline constexpr size_t kMostAllocations = 1u << 16;
// While checking: what runs over the end of a buffer must not find another.
inline constexpr uint64_t kCheckedGap = uint64_t{4} << 30;
inline constexpr size_t kMostChecked = 1024;
// Of its memory, what blocks beside each other may take to be undone.
inline constexpr uint64_t kNotedShare = 4;

struct LoadedModule {
  std::map<std::string, Program> kernels = {};
};

class CpuDevice : public Device {
 public:
  explicit CpuDevice(const CpuDeviceOptions& options, Profile* profile = nullptr)
      : options_(options),
        profile_(profile),
        level_(std::min(options.simd, BestSimdLevel())),
        arena_(options.memory_bytes, options.checker != nullptr ? kCheckedGap : 1,
               options.checker != nullptr ? kMostChecked : kMostAllocations),
        launcher_(options.memory_bytes / kNotedShare) {
    options_.threads = options.checker != nullptr ? 1 : std::clamp(options_.threads, 1u, 256u);
    info_.kind = "cpu";
    info_.name = "CPU reference";
    info_.uuid = "CPU-reference";
    info_.architecture = kNewestTarget;
    info_.newest_ptx = kNewestVersion;
    info_.memory_bytes = options_.memory_bytes;
    info_.multiprocessors = options_.threads;
  }

  const DeviceInfo& info() const override { return info_; }

  Result<ModuleHandle> LoadFor(const ptx::Module& module,
                               const std::set<std::string>* kernels) override;
  Result<DeviceAddress> Allocate(uint64_t bytes) override {
    RETURN_IF_ERROR(CheckMemory());
    return arena_.Allocate(bytes);
  }
  Status Free(DeviceAddress address) override {
    RETURN_IF_ERROR(CheckMemory());
    return arena_.Free(address);
  }
  Status Write(DeviceAddress to, ByteView from) override {
    RETURN_IF_ERROR(CheckWhole());
    if (from.empty()) return Ok();
    ASSIGN_OR_RETURN(uint8_t* const at, arena_.Host(to, from.size()));
    std::memcpy(at, from.data(), from.size());
    return Ok();
  }
  Status Read(DeviceAddress from, std::span<uint8_t> to) override {
    RETURN_IF_ERROR(CheckWhole());
    if (to.empty()) return Ok();
    ASSIGN_OR_RETURN(const uint8_t* const at, arena_.Host(from, to.size()));
    std::memcpy(to.data(), at, to.size());
    return Ok();
  }
  std::string TakePrinted() override;
  Status ReadInPieces(DeviceAddress from, uint64_t bytes, const TakePiece& take) override {
    RETURN_IF_ERROR(CheckWhole());
    if (bytes == 0) return Ok();
    ASSIGN_OR_RETURN(const uint8_t* const at, arena_.Host(from, bytes));
    return take(ByteView(at, bytes));
  }
  Result<LaunchStats> Launch(ModuleHandle module, const LaunchRequest& request,
                             const LaunchBudget& budget) override;

 private:
  Status CheckWhole() const {
    if (!broken_ && !spent_) return Ok();
    return Error(Code::kWrongState, "a kernel broke this device's context: " + why_broken_);
  }
  // Memory may be given back after a launch that used up its budget.
  Status CheckMemory() const { return broken_ ? CheckWhole() : Ok(); }
  Status MakeHeap();
  Result<uint64_t> RunProgram(const Program& program, const LaunchRequest& request,
                              const LaunchBudget& budget);
  Status PlaceVariables(const ptx::Module& module, const std::set<PlacedVariables::Key>& placed,
                        std::map<PlacedVariables::Key, uint64_t>& addresses);

  cpu::Watching HowWatched() const {
    if (options_.checker != nullptr) return cpu::Watching::kChecked;
    return profile_ != nullptr ? cpu::Watching::kCounted : cpu::Watching::kNothing;
  }

  CpuDeviceOptions options_;
  Profile* profile_;  // nullptr: nobody counts
  SimdLevel level_;
  DeviceInfo info_ = {};
  Arena arena_;
  std::vector<LoadedModule> modules_ = {};
  size_t ops_ = 0;  // of everything ever compiled
  cpu::Launcher launcher_;
  cpu::SystemState system_ = {};
  std::unique_ptr<cpu::Heap> heap_ = nullptr;
  bool said_cut_ = false;
  bool broken_ = false;  // by a fault
  bool spent_ = false;   // a launch used up its budget: nobody knows what memory holds
  std::string why_broken_ = {};
};

// .global and .const variables get memory of their own, so that running over one's end is seen.
// Only those that the kernels can reach: CUDA's headers declare thousands.
Status CpuDevice::PlaceVariables(const ptx::Module& module,
                                 const std::set<PlacedVariables::Key>& placed,
                                 std::map<PlacedVariables::Key, uint64_t>& addresses) {
  for (const PlacedVariables::Key& key : placed) {
    ASSIGN_OR_RETURN(addresses[key], arena_.Allocate(cpu::VariableOf(module, key).size));
  }
  std::vector<uint32_t> functions;
  for (const auto& [key, address] : addresses) {
    const ptx::Variable& v = cpu::VariableOf(module, key);
    ASSIGN_OR_RETURN(uint8_t* const at, arena_.Host(address, v.size));
    if (!v.bytes.empty()) {
      std::memcpy(at, v.bytes.data(), std::min<uint64_t>(v.bytes.size(), v.size));
    }
    for (const ptx::Relocation& r : v.relocations) {
      if (r.size > 8 || r.offset > v.size || v.size - r.offset < r.size) {
        return Error(Code::kMalformed, "variable " + v.name + ": initialiser");
      }
      if (r.is_function && functions.empty()) functions = ptx::AddressTaken(module);
      const auto at_function = std::lower_bound(functions.begin(), functions.end(), r.target);
      const uint64_t target =
          r.is_function ? cpu::CodeAddress(static_cast<uint64_t>(at_function - functions.begin()))
                        : addresses.at({ptx::kNoIndex, r.target});
      uint64_t value = (target + static_cast<uint64_t>(r.addend)) >> (r.shift & 63);
      if (r.masked) value &= 0xff;
      std::memcpy(at + r.offset, &value, r.size);
    }
    if (v.space == ptx::Space::kConst) arena_.Seal(address);
  }
  return Ok();
}

Result<ModuleHandle> CpuDevice::LoadFor(const ptx::Module& module,
                                        const std::set<std::string>* kernels) {
  RETURN_IF_ERROR(CheckWhole());
  if (modules_.size() >= kMostModules) return Error(Code::kExhausted, "too many modules");
  RETURN_IF_ERROR(cpu::CheckSize(module));
  std::map<PlacedVariables::Key, uint64_t> addresses;
  // Last first: each then leaves the end of the arena's list.
  const auto give_back = [&] {
    for (auto entry = addresses.rbegin(); entry != addresses.rend(); ++entry) {
      if (entry->second != 0) (void)arena_.Free(entry->second);
    }
  };
  if (Status done = PlaceVariables(module, PlacedVariables(module).NamedBy(kernels), addresses);
      !done) {
    give_back();
    return done.error();
  }
  const cpu::AddressOf address_of = [&](uint32_t function, uint32_t variable) -> uint64_t {
    const auto found = addresses.find({function, variable});
    return found == addresses.end() ? 0 : found->second;
  };
  LoadedModule loaded;
  for (const ptx::Function& kernel : module.functions) {
    if (!kernel.is_entry || !kernel.defined) continue;
    if (kernels != nullptr && !kernels->contains(kernel.name)) continue;
    Result<Program> program =
        cpu::Compile(module, kernel, address_of, cpu::Handlers(level_), HowWatched());
    if (!program) {
      give_back();
      return program.error().Within("kernel " + kernel.name);
    }
    ops_ += program->ops.size();
    if (ops_ > cpu::kMostOps) {
      give_back();
      return Error(Code::kTooLarge, "the modules have more than 4,194,304 instructions in all");
    }
    program->exact = ptx::Classify(module, kernel, cpu::WhyUnsupported).cls == ptx::Class::kExact;
    loaded.kernels.emplace(kernel.name, std::move(*program));
  }
  modules_.push_back(std::move(loaded));
  return static_cast<ModuleHandle>(modules_.size() - 1);
}

Status CheckShape(const Program& program, const LaunchRequest& request) {
  const auto wrong = [&](const std::string& why) {
    return Error(Code::kInvalidArgument, "launching " + program.name + ": " + why);
  };
  const Dim3& g = request.grid;
  const Dim3& b = request.block;
  // CUDA's limits for every architecture since sm_30.
  if (g.x == 0 || g.y == 0 || g.z == 0 || g.x > 0x7fffffff || g.y > 65535 || g.z > 65535) {
    return wrong("a grid has 1 to 2147483647 x 65535 x 65535 blocks");
  }
  if (b.x == 0 || b.y == 0 || b.z == 0 || b.x > 1024 || b.y > 1024 || b.z > 64 ||
      b.x * b.y * b.z > 1024) {
    return wrong("a block has 1 to 1024 threads, at most 64 of them in z");
  }
  const uint32_t threads = b.x * b.y * b.z;
  const uint32_t* req = program.directives.reqntid;
  if (req[0] != 0 &&
      (b.x != req[0] || b.y != std::max(req[1], 1u) || b.z != std::max(req[2], 1u))) {
    return wrong("the kernel requires another block size (.reqntid)");
  }
  const uint32_t* max = program.directives.maxntid;
  if (max[0] != 0 && threads > uint64_t{max[0]} * std::max(max[1], 1u) * std::max(max[2], 1u)) {
    return wrong("more threads than the kernel allows (.maxntid)");
  }
  const bool growing =
      std::is_sorted(request.only.begin(), request.only.end(), std::less_equal<>());
  if (!request.only.empty() &&
      (request.cooperative || !growing || request.only.back() >= uint64_t{g.x} * g.y * g.z)) {
    return wrong("the blocks that are to run are not blocks of the grid, each once and in order");
  }
  if (request.params.size() != program.param_bytes) {
    return wrong(std::to_string(request.params.size()) +
                 " bytes of parameters given, the kernel has " +
                 std::to_string(program.param_bytes));
  }
  if (request.params.size() > kMostParamBytes) return wrong("over 32764 bytes of parameters");
  if (program.dynamic_shared_offset + request.dynamic_shared_bytes > cpu::kMostSharedBytes) {
    return Error(Code::kTooLarge, "launching " + program.name + ": shared memory over 227 KiB");
  }
  return Ok();
}

// CUDA's heap is the context's too: it outlives launches.
Status CpuDevice::MakeHeap() {
  if (heap_ != nullptr) return Ok();
  Result<uint64_t> begin = arena_.Allocate(cpu::kHeapBytes);
  if (!begin) return begin.error().Within("8 MiB for what kernels malloc");
  heap_ = std::make_unique<cpu::Heap>(*begin, cpu::kHeapBytes);
  system_.heap = heap_.get();
  return Ok();
}

std::string CpuDevice::TakePrinted() {
  std::string printed = std::move(system_.printed);
  system_.printed.clear();
  if (system_.cut && !said_cut_) {
    said_cut_ = true;
    printed += "\n[what was printed beyond 1 MiB is not kept]\n";
  }
  return printed;
}

Result<uint64_t> CpuDevice::RunProgram(const Program& program, const LaunchRequest& request,
                                       const LaunchBudget& budget) {
  if (program.uses_heap) RETURN_IF_ERROR(MakeHeap());
  LaunchShape shape;
  shape.grid = request.grid;
  shape.block = request.block;
  shape.dynamic_shared_bytes = request.dynamic_shared_bytes;
  if (!request.only.empty()) shape.only = &request.only;
  if (request.cooperative) {
    ASSIGN_OR_RETURN(shape.grid_workspace, arena_.Allocate(cpu::kGridWorkspaceBytes));
    ASSIGN_OR_RETURN(uint8_t* const at,
                     arena_.Host(shape.grid_workspace, cpu::kGridWorkspaceBytes));
    *at = cpu::kGridWorkspaceBytes;  // wsSize
  }
  cpu::Memory memory;
  memory.allocations = arena_.allocations().data();
  memory.allocation_count = arena_.allocations().size();
  if (options_.checker != nullptr) {
    if (request.cooperative) {
      return Error(Code::kUnsupported, "the checking mode does not follow cooperative grids");
    }
    RETURN_IF_ERROR(options_.checker->BeginLaunch(program, shape, arena_.allocations()));
    memory.checker = options_.checker;
  }
  Result<uint64_t> executed = launcher_.Run(program, shape, memory, arena_, request.params,
                                            program.exact ? options_.threads : 1, budget, system_);
  if (options_.checker != nullptr) {
    options_.checker->EndLaunch();
    if (options_.checker->exhausted()) return cpu::Checker::TooLarge(program.name);
  }
  if (!executed &&
      (executed.error().code == Code::kFault || executed.error().code == Code::kExhausted)) {
    (executed.error().code == Code::kFault ? broken_ : spent_) = true;
    why_broken_ = executed.error().message;
  }
  if (request.cooperative) (void)arena_.Free(shape.grid_workspace);
  return executed;
}

Result<LaunchStats> CpuDevice::Launch(ModuleHandle module, const LaunchRequest& request,
                                      const LaunchBudget& budget) {
  RETURN_IF_ERROR(CheckWhole());
  if (module >= modules_.size()) return Error(Code::kNotFound, "no such module");
  const auto found = modules_[module].kernels.find(request.kernel);
  if (found == modules_[module].kernels.end()) {
    return Error(Code::kNotFound, "no kernel " + request.kernel + " in the module");
  }
  const Program& program = found->second;
  RETURN_IF_ERROR(CheckShape(program, request));
  std::optional<cpu::OpCounts> counts;
  if (profile_ != nullptr) system_.counts = &counts.emplace(program);
  const auto start = std::chrono::steady_clock::now();
  Result<uint64_t> executed = RunProgram(program, request, budget);
  system_.counts = nullptr;
  if (counts) {
    KernelProfile& profile = (*profile_)[{module, request.kernel}];
    ++profile.launches;
    profile.nanoseconds +=
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                  std::chrono::steady_clock::now() - start)
                                  .count());
    profile.thread_instructions += executed.value_or(0);
    cpu::AddCounts(*counts, profile);
  }
  if (!executed) return executed.error();
  LaunchStats stats;
  stats.thread_instructions = *executed;
  return stats;
}

}  // namespace

std::unique_ptr<Device> MakeCpuDevice(const CpuDeviceOptions& options) {
  return std::make_unique<CpuDevice>(options);
}

std::unique_ptr<Device> MakeProfilingDevice(const CpuDeviceOptions& options, Profile& profile) {
  CpuDeviceOptions one_thread = options;
  one_thread.threads = 1;
  return std::make_unique<CpuDevice>(one_thread, &profile);
}

}  // namespace souk::gpu
