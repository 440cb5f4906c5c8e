// The checking mode (R7): a cpu device that runs whole launches as the plain one does, byte for
// byte, and finds on the way what would keep their result from being a function of the state before
// them. Only its verdict makes a differing result a fault: a kernel whose class is exact, and whose
// launch is clean here, ends the same on every device that keeps to the PTX ISA.
//
// What it finds, and what it takes for a finding although no device would show it, is said with
// FindingKind. It errs on that side: a finding convicts nobody.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gpu/cpu/cpu_device.h"

namespace souk::gpu {

enum class FindingKind : uint8_t {
  // Two blocks touch one byte, and not both of them only read it, nor both by integer atomics that
  // commute and whose old value nobody reads. Stores of equal values count.
  kBlockConflict,
  // Two threads of a block do, and no barrier orders them: PTX ISA "Memory Consistency Model",
  // causality order. Orders: bar.sync, bar.red, bar.arrive before those, bar.warp.sync; program
  // order; cp.async.wait_group and wait_all for the thread's own copies. Lanes of a warp are
  // threads like any others, also those of one instruction. No order is taken from atomics, fences,
  // volatile accesses, shuffles or votes. A thread that has exited is done reading when a barrier
  // without a count lets the others pass, since that has waited for its exit; what it stored need
  // not be there.
  kRace,
  // Atomics of two threads or blocks that no barrier orders, which do not commute or whose old
  // value is read.
  kAtomicOrder,
  // A register that was never written, or bytes of .shared or .local memory that the block or
  // thread never wrote, decide something: a branch, a guard of an access, an address, what stands
  // in .global memory or is printed, which lanes take part. Undefined values that are only moved,
  // computed with or dropped are none.
  kUninitialised,
  // The same of what a shuffle read from a lane that was not there; or lanes meet at different
  // instructions, or name a member mask that they are not in.
  kAbsentLane,
  // The same of what the device or driver chooses: %warpid, %smid, activemask, elect.
  kDeviceChoice,
  // The same of a quotient or remainder by zero (ISA div, rem: "machine-specific"), and of the bits
  // of a NaN that an operation with floats made or passed on (ISA 9.7.3: "unspecified"), but for
  // those by which it is a quiet NaN. Or lanes part at a branch that is said not to part them
  // (.uni). ISA rem leaves negative operands to the machine too; they are none of these, since it
  // is CUDA C++'s %, of which C++ says what must come ([expr.mul]), and the conformance table holds
  // every device to that.
  kUnspecified,
  // ld.global.nc of bytes that the same launch wrote before.
  kStaleRead,
  // An access to .shared or .local memory that lies in none of its variables, or to another buffer
  // than those that its address is computed from: where a device puts them is its own affair.
  // (Buffers are not told apart where the address comes out of .shared or .local memory.)
  kStrayAddress,
  // A barrier with a count that more warps come to than it counts, since all threads of the block
  // last met, or with which they give different counts: who goes on with whom is a matter of luck.
  kOpenBarrier,
};
const char* FindingKindName(FindingKind kind);  // "block-conflict", as JSON has it
const char* FindingKindText(FindingKind kind);  // "conflict between blocks", for people

// One of the two sides of a finding.
struct FindingAccess {
  static constexpr uint64_t kUnknown = UINT64_MAX;
  uint32_t line = 0;           // in the PTX that was loaded; 0: none (a register never written)
  std::string what = {};       // "store", "load", "atomic", "copy", "register", "branch", …
  uint64_t block = kUnknown;   // linear: x + y · grid.x + …
  uint64_t thread = kUnknown;  // linear in the block; unknown where several may be meant
};

struct Finding {
  FindingKind kind = FindingKind::kRace;
  uint64_t launch = 0;  // of this device, from 0
  ModuleHandle module = 0;
  std::string kernel = {};
  Dim3 grid = {};
  Dim3 block = {};
  FindingAccess first = {};
  FindingAccess second = {};  // the later one, or what an undefined value decides
  const char* space = "";     // "global", "shared", "local"; empty where no memory is meant
  // global: which of Allocate's calls, from 0; kVariable: a module's variable.
  static constexpr uint64_t kVariable = UINT64_MAX;
  uint64_t allocation = kVariable;
  uint64_t offset = 0;  // in the allocation, or in the block's or thread's memory
  uint64_t times = 0;   // how often the two lines met so
};

struct CheckReport {
  std::vector<Finding> findings = {};  // the first of each kind and pair of lines, at most 64
  uint64_t distinct = 0;               // pairs of lines, those left out included
  uint64_t launches = 0;
  bool clean() const { return distinct == 0; }
};

// Global memory that a block wrote, in one piece.
struct WrittenRange {
  uint64_t allocation = 0;  // as Finding::allocation
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t block = 0;  // linear; the last that wrote there
};

struct CheckingOptions {
  uint64_t memory_bytes = uint64_t{4} << 30;  // as CpuDeviceOptions
  // Of the access records: 32 bytes for each word that a launch touches, 128 where single bytes of
  // its page are. Launch is kExhausted, "too large to check", before more is allocated.
  uint64_t record_bytes = uint64_t{4} << 30;
  SimdLevel simd = SimdLevel::kAvx512;
  bool list_writes = false;  // for TakeWrites
};

// As a Device: Launch runs on one thread, in block order. Its buffers stand 4 GiB apart (at most
// 1,024 of them), so that running over the end of one is a fault and never another's bytes, which
// would lie elsewhere on another device. Kernels are refused (kUnsupported) where an instruction is
// one that the checking mode does not follow, or they need a stack: of these, exact or not, nothing
// is ever proven, and `souk inspect` says so before (ReportKernels).
class CheckingDevice : public Device {
 public:
  // Of the launches since the last call. A launch that ended in an error is checked up to there.
  virtual CheckReport TakeReport() = 0;
  // What the last launch wrote, sorted by place. Once.
  virtual std::vector<WrittenRange> TakeWrites() = 0;
};
std::unique_ptr<CheckingDevice> MakeCheckingDevice(const CheckingOptions& options = {});

}  // namespace souk::gpu
