// A running warp: registers, the lanes that run, and those that wait. Handlers get it with their
// op. One thread owns a warp at any time.
//
// Divergence. The lanes of a warp are split into fragments, each at one pc. The ready fragment with
// the lowest pc runs until, at the end of a basic block, it reaches or passes another ready
// fragment's pc; fragments at one pc merge. Code is laid out so that every loop's body comes before
// what follows the loop (flow.cc), hence the lowest pc reconverges where the paths meet, while any
// lane can still run on its own (PTX ISA "Independent Thread Scheduling").
#pragma once

#include <cstddef>
#include <cstdint>

#include "gpu/cpu/ops.h"

// Inline functions of this header and handlers.h are compiled in several levels of vector
// instructions; none may be left as a symbol of its own that the linker could share among them.
#define SOUK_INLINE inline __attribute__((always_inline))

// What handlers seldom do: within them it would cost the usual way its registers.
#define SOUK_APART __attribute__((noinline, cold))

namespace souk::gpu::cpu {

inline constexpr int kLanes = 32;
inline constexpr uint32_t kAllLanes = 0xffffffff;
inline constexpr uint32_t kNever = UINT32_MAX;  // no pc
inline constexpr uint32_t kBarriers = 16;       // of a block

struct Warp;
struct Op;
struct SystemState;
class Checker;
class ThreadAccesses;
// Runs op and returns the next one, or nullptr when the warp stops (Warp::stop says why).
using Handler = const Op* (*)(Warp&, const Op*);

// Registers are byte offsets into Warp::regs.
struct alignas(64) Op {
  Handler run[2] = {nullptr, nullptr};  // [1]: all 32 lanes run, no guard
  uint32_t dst = 0;
  uint32_t a = 0;
  uint32_t b = 0;
  uint32_t c = 0;
  uint32_t guard = 0;       // a predicate, all ones where there is no guard
  uint32_t guard_flip = 0;  // ~0: negated
  uint64_t imm = 0;
  uint32_t extra = 0;  // first index in Warp::extra
  uint16_t count = 0;
  uint16_t flags = 0;
  uint32_t target = 0;  // control: an op's index; memory: the site's number
  uint32_t cost = 0;
};
static_assert(sizeof(Op) == 64);

struct Allocation {
  uint64_t begin = 0;  // device addresses
  uint64_t end = 0;
  bool writable = true;
  uint8_t* host = nullptr;   // where its bytes are
  uint8_t* other = nullptr;  // as much memory again, or nullptr (Arena::MakeOther)
};

// The window or allocation that a memory instruction met last: device addresses and where they are.
struct Site {
  uint64_t begin = 0;
  uint64_t size = 0;
  uint8_t* host = nullptr;
  bool writable = false;
  uint8_t notes = 0;  // kNote… (accesses.h): accesses that are to be noted before they are made
};

// All memory that a block's lanes can name.
struct Memory {
  const Allocation* allocations = nullptr;
  size_t allocation_count = 0;
  Site* sites = nullptr;  // Op::target
  uint8_t* shared = nullptr;
  uint64_t shared_bytes = 0;
  uint8_t* local = nullptr;  // thread after thread
  uint64_t local_bytes = 0;  // of one thread, a multiple of 16
  uint8_t* params = nullptr;
  uint64_t param_bytes = 0;
  SystemState* system = nullptr;       // system_calls.h
  Checker* checker = nullptr;          // while a launch is checked
  ThreadAccesses* accesses = nullptr;  // while blocks run on several threads
};

enum class Stop : uint8_t { kNone, kDone, kBlocked, kSlice, kFault };

enum class FaultKind : uint8_t {
  kNone,
  kOutOfBounds,
  kMisaligned,
  kReadOnly,
  kTrap,
  kDivergentBarrier,
  kBarrierDeadlock,
  kBadBarrier,
  kBadBranchIndex,
  kAsyncSize,
  kBadMbarrier,
  kAssertion,
  kBadFree,
  kStackOverflow,
  kBadCall,
  kPartialWarp,
  kDivergentMatrix,
  kUnchecked,  // the checker has no memory for more
};

struct Fault {
  FaultKind kind = FaultKind::kNone;
  uint32_t pc = 0;
  uint32_t warp = 0;
  uint32_t lane = 0;
  uint64_t address = 0;
  uint32_t bytes = 0;
  Window window = Window::kGeneric;
  bool write = false;
};

struct Fragment {
  uint32_t pc = 0;
  uint32_t mask = 0;
};

struct Waiting {
  uint32_t pc = 0;
  uint32_t mask = 0;
  uint32_t members = 0;   // warp-level: who must come; 0: at a block's barrier
  uint32_t barrier = 0;   // block-level: which
  uint32_t expected = 0;  // threads that it waits for; 0: all
  uint64_t bits = 0;      // kBarrier…
  // Where every path from the barrier comes to. Lanes that reach it while others of their warp wait
  // have gone around the barrier; where they do not come to it after all, it was divergent.
  uint32_t skip_pc = kNever;
  uint32_t skipped = 0;  // such lanes
};

uint32_t CountLanes(uint32_t mask);

// Processors fetch lines of the cache in pairs.
inline constexpr size_t kApartBytes = 128;

struct alignas(kApartBytes) Warp {
  uint8_t* regs = nullptr;
  uint32_t active = 0;        // lanes of the running fragment
  uint32_t full = 0;          // 1 where active is all lanes
  uint32_t lanes = 0;         // popcount of active
  uint32_t next_pc = kNever;  // lowest pc of the other ready fragments
  uint64_t executed = 0;      // thread-instructions
  uint64_t limit = 0;         // stop there
  const Op* code = nullptr;
  const uint32_t* extra = nullptr;
  Memory* memory = nullptr;

  uint32_t live = 0;      // lanes that have not exited
  uint32_t released = 0;  // lanes whose warp-level wait is over
  uint32_t index = 0;     // in the block
  Stop stop = Stop::kNone;
  uint32_t last_pc = 0;
  uint32_t ready_count = 0;
  uint32_t waiting_count = 0;
  // bar.arrive, by barrier: threads that count, and how often each lane has come while others of
  // its warp had not; those lanes' barriers.
  uint32_t arrived[kBarriers] = {};
  uint8_t arriving[kBarriers][kLanes] = {};
  uint32_t partly_arrived = 0;
  bool has_arrived = false;  // since the block began
  Fragment ready[kLanes];
  Waiting waiting[kLanes];
  Fault fault;

  template <typename T>
  SOUK_INLINE T* Lanes(uint32_t slot) {
    return reinterpret_cast<T*>(regs + slot);
  }
  SOUK_INLINE uint32_t& Predicate(uint32_t slot) {
    return *reinterpret_cast<uint32_t*>(regs + slot);
  }
  SOUK_INLINE uint32_t Mask(const Op* op) {
    return active & (Predicate(op->guard) ^ op->guard_flip);
  }

  SOUK_INLINE void SetActive(uint32_t mask) {
    active = mask;
    full = mask == kAllLanes ? 1 : 0;
    lanes = full != 0 ? kLanes : CountLanes(mask);
  }
  // Makes lanes ready at pc.
  void Push(uint32_t pc, uint32_t mask);
  // Takes the ready fragment with the lowest pc; nullptr with stop set where there is none.
  const Op* Pick();
  // Takes the one after the last that ran, and lets it run past the others: so that a lane that
  // spins at a low pc cannot keep the others from what it waits for.
  const Op* PickNext();
  // True where no lane is left: nothing is ready and nobody waits. All active lanes have exited.
  SOUK_INLINE bool EndsWith(uint32_t mask) const {
    return mask == active && (ready_count | waiting_count) == 0;
  }
  // Exit of some of the active lanes.
  const Op* Exit(const Op* op, uint32_t mask);
  // True where the active lanes may pass the warp-level synchronisation; else they wait and the
  // next op is in *next.
  bool PassMembers(const Op* op, uint32_t members, const Op** next);
  // bar.arrive of the active lanes. A warp counts whole, once every lane of it that lives has come
  // (PTX ISA barrier: "all non-exited threads from its warp").
  void Arrive(uint32_t barrier);
  void CountArrivals(uint32_t barrier);
  bool IsWhole(uint32_t lanes_that_came) const { return (live & ~lanes_that_came) == 0; }
  // Takes one arrival from each lane that has come in part.
  void TakeArrival(uint32_t barrier);
  // Lanes that have come to the barrier without their warp counting yet.
  uint32_t Arriving(uint32_t barrier) const;
  const Op* WaitAtBarrier(const Op* op, uint32_t barrier, uint32_t expected, uint64_t bits);
  void ReleaseMembers();
  const Op* Fail(const Op* op, FaultKind kind, uint32_t lane);
  const Op* FailAccess(const Op* op, FaultKind kind, uint32_t lane, Window window, uint64_t address,
                       uint32_t bytes, bool write);
};

// Op::flags of kSetpBranch: the lanes exit.
inline constexpr uint16_t kEndsLanes = 2;

// Op::flags of memory instructions.
inline constexpr uint16_t kNarrowAddress = 1;  // the address register has 32 bits
inline constexpr uint16_t kNonCoherent = 2;    // ld.global.nc
inline constexpr uint16_t kSignedIndex = 4;    // kLdArray, kLdShifted, kStArray
inline constexpr uint16_t kMinusOffset = 8;    // kLdShifted
inline constexpr uint16_t kWindowShift = 4;    // Window, above

// Where the lane's access stands, or nullptr with the fault noted and stop set: out of bounds,
// misaligned, read-only. Remembers the site.
enum class Touch : uint8_t { kRead, kWrite, kUpdate };
uint8_t* Resolve(Warp& w, const Op* op, uint32_t lane, Window window, uint64_t address,
                 uint32_t bytes, Touch touch);

// Site::notes.
inline constexpr uint8_t kNoteReads = 1;
inline constexpr uint8_t kNoteWrites = 2;
// Notes an access, of all lanes together or of each `bytes` at begin + its offset; offsets of lanes
// that do not run are those of one that does. False, with stop set, where the launch is to be run
// in another way: the access must not be made.
bool NoteRun(Warp& w, const Op* op, uint64_t address, uint32_t bytes, bool write);
bool NoteEach(Warp& w, const Op* op, uint64_t begin, const uint64_t* offsets, uint32_t bytes,
              bool write);

// Continue at pc: the end of every basic block.
SOUK_INLINE const Op* Continue(Warp& w, uint32_t pc) {
  if (w.executed >= w.limit) [[unlikely]] {
    w.Push(pc, w.active);
    w.stop = Stop::kSlice;
    return nullptr;
  }
  if (pc >= w.next_pc) {
    w.Push(pc, w.active);
    return w.Pick();
  }
  return w.code + pc;
}

}  // namespace souk::gpu::cpu
