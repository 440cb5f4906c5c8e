#include "gpu/cpu/block.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>

#include "gpu/cpu/accesses.h"
#include "gpu/cpu/checker.h"

namespace souk::gpu::cpu {
namespace {

// Thread-instructions that a warp runs before the block's other warps have their turn: only warps
// that wait for each other through memory need it.
inline constexpr uint64_t kSlice = 1u << 18;
// The same where blocks take turns, and most of them may do nothing but wait.
inline constexpr uint64_t kShortSlice = 1u << 11;
// Thread-instructions between two looks at the clock, and what a block's preparation counts as.
inline constexpr uint64_t kBetweenLooks = 1u << 18;
inline constexpr uint64_t kBlockCost = 1u << 10;

uint64_t SharedBytes(const Program& program, const LaunchShape& shape) {
  return shape.dynamic_shared_bytes == 0
             ? program.shared_bytes
             : program.dynamic_shared_offset + shape.dynamic_shared_bytes;
}

// Of a special register that holds one of the block's coordinates.
std::optional<uint32_t> AxisOf(ptx::Special special) {
  using ptx::Special;
  switch (special) {
    case Special::kCtaidX:
    case Special::kClusteridX:
      return 0;
    case Special::kCtaidY:
    case Special::kClusteridY:
      return 1;
    case Special::kCtaidZ:
    case Special::kClusteridZ:
      return 2;
    default:
      return std::nullopt;
  }
}

void Broadcast(uint8_t* at, uint8_t bytes, uint64_t value) {
  for (int i = 0; i < kLanes; ++i) std::memcpy(at + i * bytes, &value, bytes);
}

}  // namespace

Pages::~Pages() {
  if (data_ != nullptr) munmap(data_, size_);
}

bool Pages::Need(uint64_t bytes) {
  if (bytes <= size_) return true;
  if (data_ != nullptr) munmap(data_, size_);
  data_ = nullptr;
  size_ = 0;
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return false;
  data_ = static_cast<uint8_t*>(at);
  size_ = bytes;
  return true;
}

void Pages::Clear(uint64_t bytes) {
  // Giving large ranges back is cheaper than writing zeros that a kernel may never read.
  if (bytes >= (uint64_t{1} << 20)) {
    madvise(data_, size_, MADV_DONTNEED);
  } else if (bytes != 0) {
    std::memset(data_, 0, bytes);
  }
}

std::string Coordinates(uint64_t index, const Dim3& extent) {
  const uint64_t x = index % extent.x;
  const uint64_t y = index / extent.x % extent.y;
  const uint64_t z = index / extent.x / extent.y;
  return "(" + std::to_string(x) + "," + std::to_string(y) + "," + std::to_string(z) + ")";
}

uint64_t BlockRunner::Footprint(const Program& program, const LaunchShape& shape) {
  const uint64_t warps = (shape.threads() + kLanes - 1) / kLanes;
  return warps * (sizeof(Warp) + program.register_bytes + kLanes * program.local_bytes) +
         program.site_count * sizeof(Site) + program.param_bytes + program.dynamic_shared_offset +
         shape.dynamic_shared_bytes;
}

Status BlockRunner::Prepare(const Program& program, const LaunchShape& shape, const Memory& memory,
                            ByteView params, SystemState& system) {
  program_ = &program;
  shape_ = shape;
  memory_ = memory;
  sites_.assign(program.site_count, Site{});
  memory_.sites = sites_.data();
  params_ = ToBytes(params);
  memory_.params = params_.data();
  memory_.param_bytes = params_.size();
  memory_.system = &system;
  const uint32_t threads = shape.threads();
  const uint32_t warp_count = (threads + kLanes - 1) / kLanes;
  memory_.shared_bytes = SharedBytes(program, shape);
  if (program.checks != nullptr) {
    memory_.shared_bytes = program.shared_window + shape.dynamic_shared_bytes;
  }
  memory_.local_bytes = program.local_bytes;
  const uint64_t register_bytes = uint64_t{program.register_bytes} * warp_count;
  if (!registers_.Need(register_bytes + memory_.shared_bytes) ||
      !local_.Need(memory_.local_bytes * warp_count * kLanes)) {
    return Error(Code::kExhausted, "no memory for a block's registers");
  }
  memory_.shared = registers_.data() + register_bytes;
  memory_.local = local_.data();
  warps_.assign(warp_count, Warp{});
  for (uint32_t i = 0; i < warp_count; ++i) {
    Warp& w = warps_[i];
    w.regs = registers_.data() + uint64_t{program.register_bytes} * i;
    w.code = program.ops.data();
    w.extra = program.extra.data();
    w.memory = &memory_;
    w.index = i;
    FillWarp(i);
  }
  coordinates_.clear();
  for (const SpecialSlot& special : program.specials) {
    if (const std::optional<uint32_t> axis = AxisOf(special.special)) {
      coordinates_.push_back(CoordinateSlot{special.offset, *axis});
    }
  }
  return Ok();
}

// What stays the same from block to block.
void BlockRunner::FillWarp(uint32_t warp) {
  Warp& w = warps_[warp];
  w.Predicate(0) = kAllLanes;
  for (const ConstantSlot& c : program_->constants) {
    if (c.bytes == 1) {
      w.Predicate(c.offset) = c.value != 0 ? kAllLanes : 0;
    } else {
      Broadcast(w.regs + c.offset, c.bytes, c.value);
    }
  }
  for (const ParamSlot& p : program_->params) {
    uint64_t value = 0;
    std::memcpy(&value, params_.data() + p.at, p.size);
    const uint32_t shift = 64 - 8u * p.size;
    if (p.sign) value = static_cast<uint64_t>(static_cast<int64_t>(value << shift) >> shift);
    Broadcast(w.regs + p.offset, p.bytes, value);
  }
  using ptx::Special;
  for (const SpecialSlot& s : program_->specials) {
    uint32_t* lanes = w.Lanes<uint32_t>(s.offset);
    for (uint32_t i = 0; i < kLanes; ++i) {
      const uint32_t thread = warp * kLanes + i;
      uint32_t value = 0;
      switch (s.special) {
        case Special::kTidX:
          value = thread % shape_.block.x;
          break;
        case Special::kTidY:
          value = thread / shape_.block.x % shape_.block.y;
          break;
        case Special::kTidZ:
          value = thread / shape_.block.x / shape_.block.y;
          break;
        case Special::kNtidX:
          value = shape_.block.x;
          break;
        case Special::kNtidY:
          value = shape_.block.y;
          break;
        case Special::kNtidZ:
          value = shape_.block.z;
          break;
        case Special::kNctaidX:
        case Special::kNclusteridX:
          value = shape_.grid.x;
          break;
        case Special::kNctaidY:
        case Special::kNclusteridY:
          value = shape_.grid.y;
          break;
        case Special::kNctaidZ:
        case Special::kNclusteridZ:
          value = shape_.grid.z;
          break;
        case Special::kLaneid:
          value = i;
          break;
        case Special::kWarpid:
          value = warp;
          break;
        case Special::kNwarpid:
          value = static_cast<uint32_t>(warps_.size());
          break;
        case Special::kLanemaskEq:
          value = uint32_t{1} << i;
          break;
        case Special::kLanemaskLt:
          value = (uint32_t{1} << i) - 1;
          break;
        case Special::kLanemaskLe:
          value = (uint32_t{2} << i) - 1;
          break;
        case Special::kLanemaskGt:
          value = ~((uint32_t{2} << i) - 1);
          break;
        case Special::kLanemaskGe:
          value = ~((uint32_t{1} << i) - 1);
          break;
        case Special::kDynamicSmemSize:
          value = static_cast<uint32_t>(shape_.dynamic_shared_bytes);
          break;
        case Special::kTotalSmemSize:
          value = static_cast<uint32_t>(SharedBytes(*program_, shape_));
          break;
        case Special::kEnvreg:
          value = static_cast<uint32_t>(shape_.grid_workspace >> (s.number == 1 ? 32 : 0));
          break;
        // One multiprocessor; every block is a cluster of its own.
        case Special::kNsmid:
        case Special::kNtidW:
        case Special::kNctaidW:
        case Special::kNclusteridW:
        case Special::kClusterNctaidX:
        case Special::kClusterNctaidY:
        case Special::kClusterNctaidZ:
        case Special::kClusterNctaidW:
        case Special::kClusterNctarank:
          value = 1;
          break;
        default:
          value = 0;
          break;
      }
      lanes[i] = value;
    }
  }
  w.SetActive(kAllLanes);
  for (const Op& op : program_->prologue) op.run[0](w, &op);
}

// Where the block's coordinates are kept, those that differ from the last block's are written.
void BlockRunner::FillBlock(uint64_t block) {
  const uint32_t at[3] = {static_cast<uint32_t>(block % shape_.grid.x),
                          static_cast<uint32_t>(block / shape_.grid.x % shape_.grid.y),
                          static_cast<uint32_t>(block / shape_.grid.x / shape_.grid.y)};
  for (CoordinateSlot& slot : coordinates_) {
    const uint32_t value = at[slot.axis];
    if (slot.holds == value) continue;
    slot.holds = value;
    for (Warp& w : warps_) {
      uint32_t* const lanes = w.Lanes<uint32_t>(slot.offset);
      for (int i = 0; i < kLanes; ++i) lanes[i] = value;
    }
  }
}

void BlockRunner::StartWarps() {
  const uint32_t threads = shape_.threads();
  for (Warp& w : warps_) {
    for (const ClearedSlot& c : program_->cleared) std::memset(w.regs + c.offset, 0, c.bytes);
    const uint32_t left = threads - w.index * kLanes;
    w.live = left >= kLanes ? kAllLanes : (uint32_t{1} << left) - 1;
    w.released = 0;
    w.ready_count = 1;
    w.ready[0] = Fragment{0, w.live};
    w.waiting_count = 0;
    w.stop = Stop::kNone;
    w.last_pc = 0;
    w.executed = 0;
    if (w.has_arrived) {
      std::memset(w.arrived, 0, sizeof(w.arrived));
      std::memset(w.arriving, 0, sizeof(w.arriving));
      w.partly_arrived = 0;
      w.has_arrived = false;
    }
  }
  if (memory_.checker != nullptr) return;  // clears what variables have of their slots
  if (memory_.shared_bytes != 0) std::memset(memory_.shared, 0, memory_.shared_bytes);
  if (memory_.local_bytes != 0) local_.Clear(memory_.local_bytes * warps_.size() * kLanes);
}

// Looks at the clock some hundred times a second, however the work is cut into blocks.
bool BlockRunner::IsLate(uint64_t executed) {
  if (memory_.accesses != nullptr && memory_.accesses->stopped()) return true;
  unwatched_ += executed;
  if (unwatched_ < kBetweenLooks) return false;
  unwatched_ = 0;
  return std::chrono::steady_clock::now() >= deadline_;
}

void BlockRunner::Start(uint64_t block) {
  FillBlock(block);
  StartWarps();
  if (memory_.checker != nullptr) memory_.checker->BeginBlock(block, memory_, warps_);
}

BlockEnd BlockRunner::Run(uint64_t block, uint64_t limit, uint64_t* executed) {
  if (IsLate(kBlockCost)) return BlockEnd::kTimeOver;
  Start(block);
  BlockEnd end = BlockEnd::kPaused;
  while (end == BlockEnd::kPaused) end = Turn(kSlice, limit, executed);
  return end;
}

BlockEnd BlockRunner::Advance(uint64_t limit, uint64_t* executed) {
  return Turn(kShortSlice, limit, executed);
}

BlockEnd BlockRunner::Turn(uint64_t slice, uint64_t limit, uint64_t* executed) {
  bool ran = false;
  bool finished = true;
  for (Warp& w : warps_) {
    if (w.ready_count == 0) {
      finished = finished && w.waiting_count == 0;
      continue;
    }
    ran = true;
    const uint64_t before = w.executed;
    w.limit = before + std::min(slice, limit - *executed);
    const Op* op = w.stop == Stop::kSlice ? w.PickNext() : w.Pick();
    while (op != nullptr) op = op->run[w.full](w, op);
    *executed += w.executed - before;
    if (*executed > limit) return BlockEnd::kExhausted;
    if (w.stop == Stop::kFault) {
      fault_ = w.fault;
      return BlockEnd::kFault;
    }
    if (IsLate(w.executed - before)) return BlockEnd::kTimeOver;
    finished = finished && w.stop == Stop::kDone;
  }
  if (finished) return BlockEnd::kFinished;
  fault_ = Fault{};
  if (ReleaseBarriers() || ran) {
    return fault_.kind == FaultKind::kNone ? BlockEnd::kPaused : BlockEnd::kFault;
  }
  if (fault_.kind != FaultKind::kNone) return BlockEnd::kFault;
  // Nobody can go on: some threads wait for others that wait elsewhere.
  for (const Warp& w : warps_) {
    if (w.waiting_count == 0) continue;
    fault_.kind = FaultKind::kBarrierDeadlock;
    fault_.pc = w.waiting[0].pc;
    fault_.warp = w.index;
    fault_.lane = static_cast<uint32_t>(__builtin_ctz(w.waiting[0].mask));
    break;
  }
  return BlockEnd::kFault;
}

bool BlockRunner::ReleaseBarriers() {
  uint32_t waited_for = 0;
  for (const Warp& w : warps_) {
    for (uint32_t i = 0; i < w.waiting_count; ++i) {
      if (w.waiting[i].members == 0) waited_for |= uint32_t{1} << w.waiting[i].barrier;
    }
  }
  bool released = false;
  for (uint32_t b = 0; b < kBarriers; ++b) {
    if ((waited_for >> b) & 1) released = ReleaseBarrier(b) || released;
    if (fault_.kind != FaultKind::kNone) return false;
  }
  return released;
}

// Whether all that the barrier waits for have come: every thread that has not exited, or as many as
// its count says, a warp counting whole (PTX ISA bar, barrier). Where more have come than it
// counts, the arrivals go first, since who arrived may have let the others know, then the lower
// warps; the others wait for the next phase.
bool BlockRunner::ReleaseBarrier(uint32_t barrier) {
  uint32_t expected = 0;
  uint32_t came = 0;
  uint32_t waiting_warps = 0;
  uint32_t whole_warps = 0;
  bool all = true;
  for (Warp& w : warps_) {
    w.CountArrivals(barrier);  // lanes may have exited since
    uint32_t here = 0;
    for (uint32_t i = 0; i < w.waiting_count; ++i) {
      const Waiting& waiting = w.waiting[i];
      if (waiting.members != 0 || waiting.barrier != barrier) continue;
      here |= waiting.mask;
      expected = std::max(expected, waiting.expected);
    }
    came += w.arrived[barrier];
    const uint32_t bit = uint32_t{1} << w.index;
    if (here != 0) waiting_warps |= bit;
    if (here != 0 && w.IsWhole(here | w.Arriving(barrier))) {
      came += kLanes;
      whole_warps |= bit;
    }
    all = all && here == w.live;
  }
  if (expected == 0 ? !all : came < expected) return false;
  Phase phase{.warps = expected == 0 ? waiting_warps : 0};
  uint32_t left = expected == 0 ? UINT32_MAX : expected;
  for (const Warp& w : warps_) {
    phase.arrivals[w.index] = std::min(w.arrived[barrier], left);
    left -= phase.arrivals[w.index];
  }
  for (uint32_t of = whole_warps; expected != 0 && of != 0 && left >= kLanes; of &= of - 1) {
    phase.warps |= of & (0 - of);
    left -= kLanes;
  }
  for (const Warp& w : warps_) {
    if ((phase.warps >> w.index & 1) == 0) continue;
    for (uint32_t i = 0; i < w.waiting_count; ++i) {
      const Waiting& waiting = w.waiting[i];
      if (waiting.members != 0 || waiting.barrier != barrier) continue;
      // .aligned: all threads of the warp must execute the same instruction.
      const bool together = waiting.mask == w.live && (waiting.skipped & ~waiting.mask) == 0;
      if ((waiting.bits & kBarrierAligned) == 0 || together) continue;
      fault_.kind = FaultKind::kDivergentBarrier;
      fault_.pc = waiting.pc;
      fault_.warp = w.index;
      fault_.lane = static_cast<uint32_t>(__builtin_ctz(waiting.mask));
      return false;
    }
  }
  CompleteBarrier(barrier, phase);
  return true;
}

void BlockRunner::CompleteBarrier(uint32_t barrier, const Phase& phase) {
  if (memory_.checker != nullptr) {
    memory_.checker->CompleteBarrier(barrier, warps_, phase.warps, phase.arrivals);
  }
  constexpr uint64_t kReduces = kBarrierRedAnd | kBarrierRedOr | kBarrierRedPopc;
  uint32_t yes = 0;
  uint32_t votes = 0;
  for (Warp& w : warps_) {
    if ((phase.warps >> w.index & 1) == 0) continue;
    for (uint32_t i = 0; i < w.waiting_count; ++i) {
      const Waiting& waiting = w.waiting[i];
      if (waiting.members != 0 || waiting.barrier != barrier || (waiting.bits & kReduces) == 0) {
        continue;
      }
      const uint32_t p = w.Predicate(w.code[waiting.pc].c) & waiting.mask;
      yes += static_cast<uint32_t>(__builtin_popcount(p));
      votes += static_cast<uint32_t>(__builtin_popcount(waiting.mask));
    }
  }
  for (Warp& w : warps_) {
    w.arrived[barrier] -= phase.arrivals[w.index];
    if ((phase.warps >> w.index & 1) == 0) continue;
    uint32_t here = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < w.waiting_count; ++i) {
      const Waiting waiting = w.waiting[i];
      if (waiting.members != 0 || waiting.barrier != barrier) {
        w.waiting[kept++] = waiting;
        continue;
      }
      here |= waiting.mask;
      const Op& op = w.code[waiting.pc];
      if (waiting.bits & kBarrierRedPopc) {
        for (int lane = 0; lane < kLanes; ++lane) {
          if ((waiting.mask >> lane) & 1) w.Lanes<uint32_t>(op.dst)[lane] = yes;
        }
      } else if (waiting.bits & kReduces) {
        const bool holds = waiting.bits & kBarrierRedAnd ? yes == votes : yes != 0;
        uint32_t& d = w.Predicate(op.dst);
        d = holds ? d | waiting.mask : d & ~waiting.mask;
      }
      w.Push(waiting.pc + 1, waiting.mask);
    }
    w.waiting_count = kept;
    // Lanes that came by bar.arrive made the warp whole together with those that waited.
    if (here != 0 && w.IsWhole(here | w.Arriving(barrier))) w.TakeArrival(barrier);
  }
}

namespace {

const char* WindowName(Window window) {
  switch (window) {
    case Window::kGeneric:
      return "generic";
    case Window::kGlobal:
      return "global";
    case Window::kShared:
      return "shared";
    case Window::kLocal:
      return "local";
    case Window::kParam:
      return "param";
  }
  return "";
}

std::string Hex(uint64_t value) {
  char text[19];
  std::snprintf(text, sizeof(text), "0x%llx", static_cast<unsigned long long>(value));
  return text;
}

std::string Describe(const Fault& f) {
  const std::string access = std::string(f.write ? "store of " : "load of ") +
                             std::to_string(f.bytes) + (f.bytes == 1 ? " byte at " : " bytes at ") +
                             WindowName(f.window) + " address " + Hex(f.address);
  switch (f.kind) {
    case FaultKind::kOutOfBounds:
      return access + " is outside every allocation";
    case FaultKind::kMisaligned:
      return access + " is misaligned";
    case FaultKind::kReadOnly:
      return access + " is to read-only memory";
    case FaultKind::kTrap:
      return "trap";
    case FaultKind::kDivergentBarrier:
      return "divergent barrier: not all threads of the warp came to it";
    case FaultKind::kBarrierDeadlock:
      return "divergent barrier: threads wait here for others that wait elsewhere";
    case FaultKind::kBadBarrier:
      return "barrier number over 15, or a thread count that is no multiple of 32";
    case FaultKind::kBadBranchIndex:
      return "branch index beyond its table";
    case FaultKind::kAsyncSize:
      return "cp.async reads more than it copies, or a size that it cannot have";
    case FaultKind::kBadMbarrier:
      return "no mbarrier there, or a count that it cannot take";
    case FaultKind::kBadFree:
      return "free of " + Hex(f.address) + ", which malloc did not give";
    case FaultKind::kAssertion:  // FaultError has its words
      return "assertion";
    case FaultKind::kStackOverflow:
      return "stack overflow: calls nest too deep, or alloca takes too much (64 KiB a thread)";
    case FaultKind::kBadCall:
      return "a call of what is no function of this type, or a return on a damaged stack";
    case FaultKind::kPartialWarp:
      return "not all 32 threads of the warp came to it";
    case FaultKind::kDivergentMatrix:
      return "the threads of the warp name different matrices";
    case FaultKind::kUnchecked:
      return "too large to check";
    case FaultKind::kNone:
      break;
  }
  return "fault";
}

}  // namespace

Error BlockRunner::FaultError(uint64_t block) const {
  const uint64_t thread = uint64_t{fault_.warp} * kLanes + fault_.lane;
  return Error(
      Code::kFault,
      "kernel " + program_->name + ", line " + std::to_string(program_->lines[fault_.pc]) +
          ", block " + Coordinates(block, shape_.grid) + ", thread " +
          Coordinates(thread, shape_.block) + ": " +
          (fault_.kind == FaultKind::kAssertion ? memory_.system->assertion : Describe(fault_)));
}

}  // namespace souk::gpu::cpu
