// The observer of the checking mode (checking.h says what it finds). Programs that were compiled
// for checking hold its handlers, which look at what an op is about to do, tell the checker, and
// run the op. So memory, results and the order in which lanes run are those of a plain launch.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "gpu/cpu/block.h"
#include "gpu/cpu/check_bits.h"
#include "gpu/cpu/check_plan.h"
#include "gpu/cpu/checking.h"
#include "gpu/cpu/clocks.h"
#include "gpu/cpu/records.h"

namespace souk::gpu::cpu {

// nullptr for kNothing.
Handler ObservingHandler(Watch watch);

// One launch at a time, on one thread.
// Invariants: (1) a record of an earlier launch is never seen; (2) an access record of .shared, and
// the order between threads, hold for the current block alone; (3) records never take more than
// record_bytes.
class Checker {
 public:
  Checker(uint64_t record_bytes, bool list_writes)
      : list_writes_(list_writes), budget_(record_bytes) {}

  // allocations must stay until EndLaunch. kExhausted where the launch is too large to check.
  Status BeginLaunch(const Program& program, const LaunchShape& shape,
                     const std::vector<Allocation>& allocations);
  void EndLaunch();
  // The launch was stopped because its records became too many.
  bool exhausted() const { return exhausted_; }
  static Error TooLarge(const std::string& kernel);

  // Of findings that are new. number_of: which allocation begins at an address.
  void NameModuleAndAllocations(ModuleHandle module,
                                const std::function<uint64_t(uint64_t address)>& number_of);
  CheckReport TakeReport();
  // Of the last launch, where they are listed. allocation: the address where it begins.
  std::vector<WrittenRange> TakeWrites() { return std::move(writes_); }

  // ---- BlockRunner ----
  void BeginBlock(uint64_t block, const Memory& memory, const std::vector<Warp>& warps);
  // Before the waiting lanes are let go.
  // chosen: the waiting warps that go on; arrivals: of each warp's so many threads count.
  void CompleteBarrier(uint32_t barrier, const std::vector<Warp>& warps, uint32_t chosen,
                       std::span<const uint32_t> arrivals);

  // ---- observing handlers ----
  const WatchedOp& PlanOf(const Warp& w, const Op* op) const {
    return plan_->ops[static_cast<size_t>(op - w.code)];
  }
  void Compute(Warp& w, const Op* op, const WatchedOp& p);
  void Unpack(Warp& w, const Op* op, const WatchedOp& p);
  // After it has run; mask: the lanes that did.
  void NoteNans(Warp& w, const Op* op, const WatchedOp& p, uint32_t mask);
  void Forget(Warp& w, const Op* op, const WatchedOp& p);
  void Load(Warp& w, const Op* op, const WatchedOp& p);
  void Store(Warp& w, const Op* op, const WatchedOp& p);
  void Atom(Warp& w, const Op* op, const WatchedOp& p);
  void CopyAsync(Warp& w, const Op* op, const WatchedOp& p);
  void AsyncGroup(Warp& w, const Op* op, const WatchedOp& p);
  void Shuffle(Warp& w, const Op* op, const WatchedOp& p);
  void ReadParts(Warp& w, const Op* op, const WatchedOp& p);
  void WroteParts(Warp& w, const Op* op, const WatchedOp& p);
  void Multiply(Warp& w, const Op* op, const WatchedOp& p);
  void Distribute(Warp& w, const Op* op, const WatchedOp& p);
  void Vote(Warp& w, const Op* op, const WatchedOp& p);
  void Choose(Warp& w, const Op* op, const WatchedOp& p);
  void WarpSync(Warp& w, const Op* op, const WatchedOp& p);
  void Branch(Warp& w, const Op* op, const WatchedOp& p);
  void Barrier(Warp& w, const Op* op, const WatchedOp& p);
  void Print(Warp& w, const Op* op, const WatchedOp& p);

  // ---- system calls ----
  // Bytes that the lane hands to the driver, before they are read.
  void HandOver(Warp& w, const Op* op, uint32_t lane, uint64_t address, uint32_t bytes);

 private:
  enum class Space : uint8_t { kNone, kGlobal, kShared, kLocal };
  struct Spot {
    Space space = Space::kNone;
    RecordRegion* region = nullptr;
    uint64_t offset = 0;         // in the region; local: in the thread's memory
    uint8_t* defined = nullptr;  // for each byte: kValue and so on
  };
  struct Actor {
    uint32_t thread = 0;
    uint32_t warp = 0;
    uint32_t lane = 0;
    OpOfThread who = 0;
  };
  struct Copy {
    uint64_t shared = 0;
    uint64_t global = 0;
    uint32_t bytes = 0;
    uint32_t read = 0;
    uint32_t pc = 0;
    uint32_t time = 0;
    uint32_t group = 0;
  };
  struct ThreadCopies {
    uint32_t committed = 0;
    std::deque<Copy> open = {};
  };
  struct Meeting {  // lanes that have come to a bar.warp.sync before others
    uint32_t members = 0;
    uint32_t lanes = 0;
  };
  // Of each byte of .shared or .local memory: its bits that are a value. None of kNothing, which
  // was never written or of what was not, nor of kOfNan; in between come only those of a NaN.
  static constexpr uint8_t kNothing = 0;
  static constexpr uint8_t kOfNan = 1;
  static constexpr uint8_t kValue = 0xff;
  static uint8_t OpenBitsOfByte(uint8_t defined) {
    return defined == kOfNan ? uint8_t{0xff} : static_cast<uint8_t>(~defined);
  }
  // Where an undefined value came from: a pc, or one of these.
  static constexpr uint32_t kNeverWritten = UINT32_MAX;
  static constexpr uint32_t kSpecialOrigin = 1u << 31;

  // ---- undefined registers (checker_ops.cc) ----
  uint32_t* Undefined(const Warp& w) { return undefined_.data() + RowOf(w); }
  // By lane, of those that are undefined: which bits are open (check_bits.h).
  uint64_t* Open(const Warp& w, uint32_t tracked) {
    return reinterpret_cast<uint64_t*>(open_.data()) + (RowOf(w) + tracked) * kLanes;
  }
  uint32_t* Origin(const Warp& w) { return origins_.data() + RowOf(w); }
  size_t RowOf(const Warp& w) const { return size_t{w.index} * plan_->tracked_count; }
  void Define(Warp& w, const WatchedOp& p, uint32_t lanes);
  // bad: of the lanes, those that become undefined; open: by lane, which of their bits; nullptr:
  // all.
  void Undefine(const Warp& w, uint32_t tracked, uint32_t lanes, uint32_t bad, uint32_t origin,
                const uint64_t* open = nullptr);
  using OpenLanes = std::array<uint64_t, kLanes>;
  uint64_t OpenIn(const Warp& w, uint32_t tracked, uint32_t lane);
  OpenValue ValueOf(Warp& w, uint32_t slot, uint32_t bytes, uint32_t tracked, uint32_t lane);
  // *from: the tracked register from which the result's open bits come.
  uint64_t OpenResult(Warp& w, const Op* op, const WatchedOp& p, uint32_t lane, uint32_t* from);
  // Both fill in the open bits of results, and return where those of the first come from.
  uint32_t ComputeOpen(Warp& w, const Op* op, const WatchedOp& p, uint32_t lanes, OpenLanes& open);
  uint32_t PackOpen(Warp& w, const WatchedOp& p, uint32_t lanes, OpenLanes& open);
  // Whether a value is undefined because it is a NaN, or comes of its bits.
  bool IsOfNan(uint32_t origin) const;
  // Reports lanes in which the tracked register is undefined, and counts it as defined from then
  // on: one mistake is not reported over and over.
  void MustBeDefined(Warp& w, const Op* op, uint32_t tracked, uint32_t lanes, const char* decides);
  void AllMustBeDefined(Warp& w, const Op* op, const WatchedOp& p, uint32_t lanes,
                        const char* decides);
  bool IsUniform(Warp& w, const CheckPlan::PartRegister& reg) const;
  void ReportPart(Warp& w, const Op* op);
  void CheckMembers(Warp& w, const Op* op, const WatchedOp& p);

  // ---- memory (checker_memory.cc) ----
  // False where the op itself will fail, or the place has no records (parameters).
  bool Locate(const Warp& w, const Op* op, uint32_t lane, Window window, uint64_t address,
              uint32_t bytes, Spot* spot);
  bool LocateOperand(const Warp& w, const Op* op, const WatchedOp& p, uint32_t lane, uint32_t bytes,
                     Spot* spot);
  // Whether the place lies in the variable of its slot; reported where not.
  bool InVariable(const Warp& w, const Op* op, uint32_t lane, Space space, uint64_t address,
                  uint32_t bytes);
  // Whether the region is one that the op's address was computed from; reported where not.
  bool IsOwn(const Warp& w, const Op* op, const WatchedOp& p, uint32_t lane, const Spot& spot);
  RecordRegion* FindRegion(uint64_t address, uint64_t bytes);
  template <typename F>
  void ForRecords(const Spot& spot, uint32_t bytes, F act);
  void Read(const Spot& spot, uint32_t bytes, const Actor& a);
  void Write(const Spot& spot, uint32_t bytes, const Actor& a, uint32_t time);
  void DoAtomic(const Spot& spot, uint32_t bytes, const Actor& a, uint8_t kind);
  template <bool kShared>
  void ReadRecord(RecordPage& page, uint32_t i, const Spot& spot, const Actor& a);
  template <bool kShared>
  void CheckWriter(const AccessRecord& r, const Spot& spot, const Actor& a);
  template <bool kShared>
  void CheckParty(const Party& party, const Spot& spot, const Actor& a, bool atomics);
  template <bool kShared>
  void Join(Party& party, const Actor& a);
  void CompleteCopies(uint32_t thread, ThreadCopies& copies, uint32_t before);
  void NoteReadOnly(const Spot& spot, uint32_t bytes, const Warp& w, const Op* op, uint32_t lane);
  // Bits of the `count` elements from the spot on that are not a value.
  static uint32_t UndefinedElements(const Spot& spot, uint32_t bytes, uint32_t count);
  // For findings: where the op at pc met what is undefined first, and that a NaN was among it.
  void NoteUndefinedLoad(uint32_t pc, const Spot& spot, uint32_t bytes);
  static uint64_t OpenBitsOfElement(const uint8_t* defined, uint32_t bytes);
  static void StoreOpen(uint8_t* defined, uint32_t bytes, uint64_t open, bool of_nan);
  Actor ActorOf(const Warp& w, const Op* op, uint32_t lane) const {
    const uint32_t thread = w.index * kLanes + lane;
    return {thread, w.index, lane, MakeOpOfThread(static_cast<uint32_t>(op - w.code), thread)};
  }

  void ListWrites(const RecordRegion& region);

  // Whether a barrier with a count could have brought others together than it did.
  void CheckPhase(uint32_t barrier, const std::vector<Warp>& warps, uint32_t chosen,
                  std::span<const uint32_t> arrivals);

  // ---- findings (checker.cc) ----
  void Report(FindingKind kind, uint32_t first_pc, uint64_t first_block, uint64_t first_thread,
              uint32_t second_pc, uint64_t second_thread, const Spot& spot);
  void ReportAbsent(const Warp& w, const Op* op, uint32_t lane);
  void ReportUndefined(uint32_t origin, const Warp& w, const Op* op, uint32_t lane,
                       const char* decides);
  Finding* Count(FindingKind kind, uint32_t first, uint32_t second);
  Finding NewFinding(FindingKind kind) const;
  void Place(const Spot& spot, Finding& finding) const;
  const char* WhatOf(uint32_t pc) const;

  const Program* program_ = nullptr;
  const CheckPlan* plan_ = nullptr;
  LaunchShape shape_ = {};
  bool list_writes_;
  std::vector<WrittenRange> writes_ = {};
  RecordBudget budget_;
  uint64_t fixed_bytes_ = 0;  // of the budget: given back at the end, as those of the pages
  bool exhausted_ = false;

  uint32_t block_ = 0;  // plus 1
  Clocks clocks_ = {};
  std::vector<RecordRegion> regions_ = {};  // global, sorted
  RecordRegion* last_region_ = nullptr;
  std::vector<const RecordRegion*> sources_ = {};  // where each of the plan's points, or nullptr
  RecordRegion shared_ = {};
  Pages shared_defined_ = {};
  Pages local_defined_ = {};
  std::vector<uint64_t> shared_slots_ = {};  // the plan's, with the launch's dynamic bytes
  uint64_t local_bytes_ = 0;                 // of a thread
  std::vector<uint32_t> undefined_ = {};     // warp, tracked register: lanes
  Pages open_ = {};                          // the same, by lane: bits
  std::vector<uint32_t> origins_ = {};
  std::vector<std::vector<Meeting>> meetings_ = {};  // by warp
  // By barrier: warps that took part in phases with a count since the whole block last met.
  std::array<uint32_t, kBarriers> parties_ = {};
  std::unordered_map<uint32_t, ThreadCopies> copies_ = {};

  uint64_t launch_ = 0;
  CheckReport report_ = {};
  size_t named_ = 0;  // findings whose allocation is no address any more
  // Kernel, kind and pcs: the index in findings.
  std::map<std::pair<const Program*, uint64_t>, uint32_t> found_ = {};
  std::unordered_map<uint32_t, Spot> undefined_loads_ = {};  // by pc: the first
  std::unordered_set<uint32_t> nan_loads_ = {};              // pcs at which a NaN came back
};

}  // namespace souk::gpu::cpu
