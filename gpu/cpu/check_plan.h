// What the checking mode watches of each op of a program: which registers may hold an undefined
// value, and which handlers stand behind the observing ones (checker.h).
#pragma once

#include <vector>

#include "gpu/cpu/ir.h"
#include "gpu/cpu/program.h"

namespace souk::gpu::cpu {

// What an op is to the checker.
enum class Watch : uint8_t {
  kNothing,
  kPlain,  // registers only
  kForget,
  kPack,
  kUnpack,
  kFloat,  // a result that may be a NaN whose bits the ISA leaves open
  kDivide,
  kLoad,
  kStore,
  kAtom,
  kCopyAsync,
  kAsyncGroup,
  kShuffle,
  kVote,  // also match and redux: a result from all members
  kWholeWarp,
  kMultiply,    // a result from all lanes' operands
  kDistribute,  // rows of ldmatrix
  kElect,
  kActivemask,
  kWarpSync,
  kBranch,  // also an indexed one, and trap
  kExit,
  kBarrier,
  kPrint,
};

inline constexpr uint32_t kUntracked = UINT32_MAX;

// Atomics of one kind commute, unless it is this one.
inline constexpr uint8_t kOrderShows = 0xff;

// Numbers of tracked registers: those that may be undefined. Each has a mask of lanes per warp.
struct WatchedOp {
  Handler run[2] = {nullptr, nullptr};  // what the op does
  Watch watch = Watch::kNothing;
  uint8_t bytes = 0;   // of an element of what is loaded, stored or computed; 0: a predicate
  uint8_t atomic = 0;  // which kind
  Fn fn = Fn::kNone;
  Ty ty = Ty::kNone;
  Window window = Window::kGeneric;
  bool non_coherent = false;
  // Of a NaN of this type among its operands it sees nothing but that it is one; kNone: none.
  Ty reads = Ty::kNone;
  bool nan_decides = false;    // one such NaN fixes the result, but for its bits
  Ty makes = Ty::kNone;        // the NaNs that it may give, whose bits are open
  uint8_t register_bytes = 0;  // loads and stores: of a lane's register
  bool uniform = false;        // a branch that all lanes are promised to take alike
  bool indexed = false;        // brx.idx
  uint32_t a = kUntracked;
  uint32_t b = kUntracked;
  uint32_t c = kUntracked;
  // Of those registers' lanes: 1 of a predicate, 0 where there is no operand.
  uint8_t a_bytes = 0;
  uint8_t b_bytes = 0;
  uint8_t c_bytes = 0;
  uint8_t def_bytes = 0;  // of the one result; 8 where there are more
  uint32_t guard = kUntracked;
  uint32_t members = kUntracked;
  uint32_t uses = 0;  // in CheckPlan::tracked: all that are read, without the guard
  uint32_t use_count = 0;
  uint32_t defs = 0;
  uint32_t def_count = 0;
  // Of the address in device memory: which of CheckPlan::sources it is computed from, as bits; 0
  // where that is not known.
  uint64_t sources = 0;
  uint64_t forgotten = 0;  // Inst::imm of what forgets .local memory
  // Registers of wmma's matrices, in CheckPlan::parts: those that the op reads as such and that
  // hold none, and those it writes that elsewhere hold one. next: behind the handler that looks at
  // them.
  uint32_t parts = 0;
  uint32_t part_uses = 0;
  uint32_t part_defs = 0;
  Handler next[2] = {nullptr, nullptr};
  // Loads and stores: of each element; shuffles: of the value and the predicate; what computes: of
  // its extra operands. kUntracked where it is none.
  uint32_t elements = 0;
  uint32_t element_count = 0;
};

struct CheckPlan {
  std::vector<WatchedOp> ops = {};  // by pc
  std::vector<uint32_t> tracked = {};
  uint32_t tracked_count = 0;
  std::vector<uint32_t> unwritten = {};  // undefined when the block starts
  struct Chosen {
    uint32_t tracked = 0;
    ptx::Special special = ptx::Special::kWarpid;
  };
  std::vector<Chosen> chosen = {};  // by the device
  // Where parameters stand that addresses are computed from: eight bytes each.
  std::vector<uint32_t> sources = {};
  // Bytes of each slot (Ir).
  std::vector<uint64_t> shared_slots = {};
  std::vector<uint64_t> local_slots = {};
  struct PartRegister {
    uint32_t slot = 0;
    uint32_t bytes = 0;
    bool copies = false;  // the op moves such a register here
  };
  std::vector<PartRegister> parts = {};
};

// check_fragments.cc: fills in the parts of each op. kUnsupported where a register holds now this
// part of a matrix and now that, or is read as another than it is.
Status WatchFragments(const Ir& ir, const Slots& slots, const std::vector<Inst>& emitted,
                      Program& program, CheckPlan& plan);

// Puts observing handlers into program.ops. emitted: the inst of each op. kUnsupported names an
// instruction that the checking mode does not follow.
Status WatchProgram(const Ir& ir, const Slots& slots, const std::vector<Inst>& emitted,
                    Program& program);

}  // namespace souk::gpu::cpu
