#include "gpu/cpu/checker.h"

#include <algorithm>
#include <cstring>

namespace souk::gpu {

const char* FindingKindName(FindingKind kind) {
  switch (kind) {
    case FindingKind::kBlockConflict:
      return "block-conflict";
    case FindingKind::kRace:
      return "race";
    case FindingKind::kAtomicOrder:
      return "atomic-order";
    case FindingKind::kUninitialised:
      return "uninitialised";
    case FindingKind::kAbsentLane:
      return "absent-lane";
    case FindingKind::kDeviceChoice:
      return "device-choice";
    case FindingKind::kUnspecified:
      return "unspecified";
    case FindingKind::kStaleRead:
      return "stale-read";
    case FindingKind::kOpenBarrier:
      return "open-barrier";
    case FindingKind::kStrayAddress:
      return "stray-address";
  }
  return "?";
}

const char* FindingKindText(FindingKind kind) {
  switch (kind) {
    case FindingKind::kBlockConflict:
      return "conflict between blocks";
    case FindingKind::kRace:
      return "race within a block";
    case FindingKind::kAtomicOrder:
      return "order of atomics";
    case FindingKind::kUninitialised:
      return "uninitialised read";
    case FindingKind::kAbsentLane:
      return "absent lane";
    case FindingKind::kDeviceChoice:
      return "the device's choice";
    case FindingKind::kUnspecified:
      return "result that the ISA leaves open";
    case FindingKind::kStaleRead:
      return "stale read-only load";
    case FindingKind::kOpenBarrier:
      return "who meets whom at a barrier is open";
    case FindingKind::kStrayAddress:
      return "outside every variable";
  }
  return "?";
}

}  // namespace souk::gpu

namespace souk::gpu::cpu {
namespace {

inline constexpr size_t kMostFindings = 64;
// Pairs of lines that are told apart; further ones count as found, but no longer as distinct.
inline constexpr size_t kMostPairs = 1u << 16;
inline constexpr uint64_t kMostBlocks = Party::kWarps - 2;

// Offsets in .shared and .local count as if variables stood side by side, in order of mention.
uint64_t PackedOffset(const std::vector<uint64_t>& slots, uint64_t slot, uint64_t offset) {
  uint64_t before = 0;
  for (size_t i = 0; i < offset / slot; ++i) before += slots[i];
  return before + offset % slot;
}

void ClearSlots(uint8_t* at, const std::vector<uint64_t>& slots, uint64_t slot, size_t repeats,
                uint64_t stride) {
  for (size_t r = 0; r < repeats; ++r) {
    for (size_t i = 0; i < slots.size(); ++i) {
      if (slots[i] != 0) std::memset(at + r * stride + i * slot, 0, slots[i]);
    }
  }
}

}  // namespace

Error Checker::TooLarge(const std::string& kernel) {
  return Error(Code::kExhausted, "kernel " + kernel +
                                     ": too large to check: its access records would take more "
                                     "memory than they may");
}

Status Checker::BeginLaunch(const Program& program, const LaunchShape& shape,
                            const std::vector<Allocation>& allocations) {
  program_ = &program;
  plan_ = program.checks.get();
  shape_ = shape;
  exhausted_ = false;
  if (shape.blocks() > kMostBlocks) return TooLarge(program.name);
  const uint32_t warps = (shape.threads() + kLanes - 1) / kLanes;
  local_bytes_ = program.local_bytes;
  const uint64_t registers = uint64_t{warps} * plan_->tracked_count;
  const auto pages = [](uint64_t bytes) {
    return (bytes + RecordPage::kBytes - 1) / RecordPage::kBytes;
  };
  uint64_t all_pages = 0;
  for (const Allocation& a : allocations) all_pages += pages(a.end - a.begin);
  shared_slots_ = plan_->shared_slots;
  shared_slots_.back() = shape.dynamic_shared_bytes;
  // Of what is only touched where variables are.
  uint64_t variables = 0;
  for (const uint64_t bytes : plan_->local_slots) variables += bytes * warps * kLanes;
  for (const uint64_t bytes : shared_slots_) variables += bytes;
  const uint64_t open_bytes = registers * kLanes * sizeof(uint64_t);
  fixed_bytes_ = registers * 8 + open_bytes + variables + all_pages * sizeof(RecordPage);
  if (!budget_.Take(fixed_bytes_)) {
    fixed_bytes_ = 0;
    return TooLarge(program.name);
  }
  if (!open_.Need(open_bytes) || !local_defined_.Need(local_bytes_ * warps * kLanes) ||
      !shared_defined_.Need(program.shared_window + shape.dynamic_shared_bytes)) {
    return TooLarge(program.name);
  }
  undefined_.assign(registers, 0);
  origins_.assign(registers, kNeverWritten);
  for (const Allocation& a : allocations) {
    RecordRegion region;
    region.begin = a.begin;
    region.end = a.end;
    region.pages.resize(pages(a.end - a.begin));
    regions_.push_back(std::move(region));
  }
  last_region_ = nullptr;
  clocks_.BeginLaunch(shape.threads());
  return Ok();
}

void Checker::ListWrites(const RecordRegion& region) {
  for (size_t number = 0; number < region.pages.size(); ++number) {
    const RecordPage& page = region.pages[number];
    if (page.records == nullptr) continue;
    for (uint32_t i = 0; i < page.count(); ++i) {
      uint32_t block = page.records[i].write_block;
      if (block == 0 && page.atomics != nullptr) block = page.atomics[i].party.block;
      if (block == 0) continue;
      const uint64_t offset = number * RecordPage::kBytes + (uint64_t{i} << page.shift);
      // The last word of an allocation may be cut off.
      const uint64_t bytes =
          std::min(uint64_t{1} << page.shift, region.end - region.begin - offset);
      WrittenRange* const last = writes_.empty() ? nullptr : &writes_.back();
      if (last != nullptr && last->allocation == region.begin && last->block == block - 1 &&
          last->offset + last->bytes == offset) {
        last->bytes += bytes;
      } else {
        writes_.push_back({region.begin, offset, bytes, uint64_t{block} - 1});
      }
    }
  }
}

void Checker::EndLaunch() {
  writes_.clear();
  if (list_writes_) {
    for (const RecordRegion& region : regions_) ListWrites(region);
  }
  const auto give = [&](RecordRegion& region) {
    for (RecordPage& page : region.pages) {
      if (page.records != nullptr) budget_.Give(uint64_t{page.count()} * sizeof(AccessRecord));
      if (page.atomics != nullptr) budget_.Give(uint64_t{page.count()} * sizeof(AtomicRecord));
    }
  };
  for (RecordRegion& region : regions_) give(region);
  give(shared_);
  for (const auto& [thread, copies] : copies_) budget_.Give(copies.open.size() * sizeof(Copy));
  budget_.Give(fixed_bytes_);
  fixed_bytes_ = 0;
  regions_.clear();
  sources_.clear();
  shared_ = RecordRegion{};
  copies_.clear();
  undefined_loads_.clear();
  nan_loads_.clear();
  ++launch_;
  ++report_.launches;
}

void Checker::BeginBlock(uint64_t block, const Memory& memory, const std::vector<Warp>& warps) {
  block_ = static_cast<uint32_t>(block) + 1;
  if (sources_.empty()) {
    for (const uint32_t at : plan_->sources) {
      uint64_t address = 0;
      if (at + sizeof(address) <= memory.param_bytes) {
        std::memcpy(&address, memory.params + at, sizeof(address));
      }
      sources_.push_back(FindRegion(address, 0));
    }
  }
  clocks_.BeginBlock();
  if (shared_.end != memory.shared_bytes) {
    shared_.end = memory.shared_bytes;
    shared_.pages.resize((memory.shared_bytes + RecordPage::kBytes - 1) / RecordPage::kBytes);
  }
  ClearSlots(memory.shared, shared_slots_, kSharedSlot, 1, 0);
  ClearSlots(shared_defined_.data(), shared_slots_, kSharedSlot, 1, 0);
  if (local_bytes_ != 0) {
    const size_t threads = warps.size() * kLanes;
    ClearSlots(memory.local, plan_->local_slots, kLocalSlot, threads, local_bytes_);
    ClearSlots(local_defined_.data(), plan_->local_slots, kLocalSlot, threads, local_bytes_);
  }
  std::fill(undefined_.begin(), undefined_.end(), 0);
  for (const Warp& w : warps) {
    for (const uint32_t r : plan_->unwritten) Undefine(w, r, kAllLanes, kAllLanes, kNeverWritten);
    for (const CheckPlan::Chosen& chosen : plan_->chosen) {
      Undefine(w, chosen.tracked, kAllLanes, kAllLanes,
               kSpecialOrigin | static_cast<uint32_t>(chosen.special));
    }
  }
  meetings_.assign(warps.size(), {});
  parties_.fill(0);
  for (const auto& [thread, copies] : copies_) budget_.Give(copies.open.size() * sizeof(Copy));
  copies_.clear();
}

void Checker::CheckPhase(uint32_t barrier, const std::vector<Warp>& warps, uint32_t chosen,
                         std::span<const uint32_t> arrivals) {
  uint32_t expected = 0;
  uint32_t pc = 0;
  uint64_t thread = 0;
  bool alike = true;
  for (const Warp& w : warps) {
    for (uint32_t i = 0; i < w.waiting_count; ++i) {
      const Waiting& waiting = w.waiting[i];
      if (waiting.members != 0 || waiting.barrier != barrier) continue;
      if (expected == 0) {
        pc = waiting.pc;
        thread = uint64_t{w.index} * kLanes + static_cast<uint32_t>(__builtin_ctz(waiting.mask));
      }
      alike = alike && (expected == 0 || expected == waiting.expected);
      expected = std::max(expected, waiting.expected);
    }
    if (arrivals[w.index] != 0 || w.arrived[barrier] != 0) {
      parties_[barrier] |= uint32_t{1} << w.index;
    }
  }
  parties_[barrier] |= chosen;
  const auto took_part = static_cast<uint32_t>(__builtin_popcount(parties_[barrier]));
  if (alike && took_part * kLanes <= expected) return;
  Report(FindingKind::kOpenBarrier, pc, block_ - uint64_t{1}, thread, pc, thread, Spot{});
}

void Checker::CompleteBarrier(uint32_t barrier, const std::vector<Warp>& warps, uint32_t chosen,
                              std::span<const uint32_t> arrivals) {
  std::vector<uint32_t> waiting(warps.size(), 0);
  std::vector<uint32_t> live(warps.size(), 0);
  uint32_t partly = 0;
  uint32_t lived = 0;  // threads
  bool counted = false;
  bool all = true;
  for (const Warp& w : warps) {
    for (uint32_t i = 0; i < w.waiting_count; ++i) {
      if (w.waiting[i].members != 0 || w.waiting[i].barrier != barrier) continue;
      if ((chosen >> w.index & 1) != 0) waiting[w.index] |= w.waiting[i].mask;
      counted = counted || w.waiting[i].expected != 0;
    }
    live[w.index] = w.live;
    lived += static_cast<uint32_t>(__builtin_popcount(w.live));
    const uint32_t arriving = w.Arriving(barrier);
    if (arriving != 0 && !w.IsWhole(waiting[w.index] | arriving)) partly |= uint32_t{1} << w.index;
    all = all && waiting[w.index] == w.live;
  }
  if (counted) CheckPhase(barrier, warps, chosen, arrivals);
  // A barrier with a count does not wait for anybody to exit: that some have is a matter of luck.
  if (all && (!counted || lived == shape_.threads())) {
    parties_.fill(0);
    clocks_.MeetAll(barrier, live);
  } else {
    clocks_.MeetSome(barrier, waiting, partly);
  }
}

void Checker::NameModuleAndAllocations(ModuleHandle module,
                                       const std::function<uint64_t(uint64_t address)>& number_of) {
  for (; named_ < report_.findings.size(); ++named_) {
    Finding& f = report_.findings[named_];
    f.module = module;
    if (f.allocation != Finding::kVariable) f.allocation = number_of(f.allocation);
  }
}

CheckReport Checker::TakeReport() {
  CheckReport report = std::move(report_);
  report_ = CheckReport{};
  named_ = 0;
  found_.clear();
  return report;
}

// ---- findings ----

const char* Checker::WhatOf(uint32_t pc) const {
  switch (plan_->ops[pc].watch) {
    case Watch::kLoad:
      return "load";
    case Watch::kStore:
      return "store";
    case Watch::kAtom:
      return "atomic";
    case Watch::kCopyAsync:
      return "cp.async";
    case Watch::kAsyncGroup:
      return "cp.async wait";
    case Watch::kShuffle:
      return "shuffle";
    case Watch::kVote:
      return "vote";
    case Watch::kWholeWarp:
    case Watch::kMultiply:
    case Watch::kDistribute:
      return "matrix instruction";
    case Watch::kElect:
      return "elect";
    case Watch::kActivemask:
      return "activemask";
    case Watch::kWarpSync:
      return "warp barrier";
    case Watch::kBranch:
    case Watch::kExit:
      return "branch";
    case Watch::kBarrier:
      return "barrier";
    case Watch::kPrint:
      return "printf";
    case Watch::kDivide:
      return "division";
    case Watch::kFloat:
      return "NaN";
    case Watch::kNothing:
    case Watch::kPlain:
    case Watch::kForget:
    case Watch::kPack:
    case Watch::kUnpack:
      return "instruction";
  }
  return "instruction";
}

bool Checker::IsOfNan(uint32_t origin) const {
  if (origin >= kSpecialOrigin) return false;
  return plan_->ops[origin].watch == Watch::kFloat || nan_loads_.contains(origin);
}

// Counts one more of the finding; a new one, to be filled in, where it is the first of its kind
// between these two and still to be listed.
Finding* Checker::Count(FindingKind kind, uint32_t first, uint32_t second) {
  constexpr uint32_t kUnlisted = UINT32_MAX;
  const std::pair<const Program*, uint64_t> key = {
      program_, static_cast<uint64_t>(kind) << 60 | uint64_t{first} << 28 | second};
  const auto found = found_.find(key);
  if (found != found_.end()) {
    if (found->second != kUnlisted) ++report_.findings[found->second].times;
    return nullptr;
  }
  if (report_.distinct != 0 && found_.size() >= kMostPairs) return nullptr;
  ++report_.distinct;
  const bool listed = report_.findings.size() < kMostFindings;
  found_[key] = listed ? static_cast<uint32_t>(report_.findings.size()) : kUnlisted;
  if (!listed) return nullptr;
  report_.findings.push_back(NewFinding(kind));
  return &report_.findings.back();
}

Finding Checker::NewFinding(FindingKind kind) const {
  Finding f;
  f.kind = kind;
  f.launch = launch_;
  f.kernel = program_->name;
  f.grid = shape_.grid;
  f.block = shape_.block;
  f.times = 1;
  return f;
}

void Checker::Place(const Spot& spot, Finding& finding) const {
  finding.offset = spot.offset;
  switch (spot.space) {
    case Space::kGlobal:
      finding.space = "global";
      // Its address, until NameModuleAndAllocations.
      finding.allocation = spot.region->begin;
      break;
    case Space::kShared:
      finding.space = "shared";
      finding.offset = PackedOffset(shared_slots_, kSharedSlot, spot.offset);
      break;
    case Space::kLocal:
      finding.space = "local";
      finding.offset = PackedOffset(plan_->local_slots, kLocalSlot, spot.offset);
      break;
    case Space::kNone:
      break;
  }
}

void Checker::Report(FindingKind kind, uint32_t first_pc, uint64_t first_block,
                     uint64_t first_thread, uint32_t second_pc, uint64_t second_thread,
                     const Spot& spot) {
  Finding* const f = Count(kind, first_pc, second_pc);
  if (f == nullptr) return;
  f->first = {program_->lines[first_pc], WhatOf(first_pc), first_block, first_thread};
  f->second = {program_->lines[second_pc], WhatOf(second_pc), block_ - uint64_t{1}, second_thread};
  Place(spot, *f);
}

void Checker::ReportUndefined(uint32_t origin, const Warp& w, const Op* op, uint32_t lane,
                              const char* decides) {
  const bool from_op = origin < kSpecialOrigin;
  FindingKind kind = FindingKind::kUninitialised;
  if (origin != kNeverWritten && !from_op) kind = FindingKind::kDeviceChoice;
  if (from_op) {
    const Watch watch = plan_->ops[origin].watch;
    if (watch == Watch::kShuffle || watch == Watch::kVote) kind = FindingKind::kAbsentLane;
    if (watch == Watch::kElect || watch == Watch::kActivemask) kind = FindingKind::kDeviceChoice;
    if (watch == Watch::kDivide || IsOfNan(origin)) kind = FindingKind::kUnspecified;
  }
  const auto pc = static_cast<uint32_t>(op - w.code);
  Finding* const f = Count(kind, origin, pc);
  if (f == nullptr) return;
  const uint64_t thread = uint64_t{w.index} * kLanes + lane;
  const uint64_t block = block_ - uint64_t{1};
  f->second = {program_->lines[pc], std::string(WhatOf(pc)) + ": " + decides, block, thread};
  f->first.block = block;
  f->first.thread = thread;
  if (origin == kNeverWritten) {
    f->first.what = "a register that was never written";
  } else if (!from_op) {
    f->first.what = ptx::SpecialName(static_cast<ptx::Special>(origin & ~kSpecialOrigin), 0);
  } else {
    f->first.line = program_->lines[origin];
    f->first.what = nan_loads_.contains(origin) ? "NaN" : WhatOf(origin);
    const auto spot = undefined_loads_.find(origin);
    if (spot != undefined_loads_.end()) Place(spot->second, *f);
  }
}

}  // namespace souk::gpu::cpu
