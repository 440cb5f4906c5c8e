// A kernel between PTX and ops: internal instructions on virtual registers, with every call
// inlined. Made by lower.cc, ordered by flow.cc, given register slots by slots.cc, written as a
// Program by emit.cc.
#pragma once

#include <string>
#include <vector>

#include "gpu/cpu/ops.h"
#include "gpu/ptx/module.h"

namespace souk::gpu::cpu {

inline constexpr uint32_t kNoReg = UINT32_MAX;
inline constexpr uint32_t kNoLabel = UINT32_MAX;

// Which part of which matrix of wmma a register holds, or is to hold where it is read: parts that
// are not the same are never equal. The checking mode asks (check_fragments.cc).
inline constexpr uint32_t kNoPart = 0;

// Inst::flags of a branch: all active lanes are promised to go the same way (.uni).
inline constexpr uint16_t kUniform = 1;

// kInvariant: written once a launch, by an inst that is hoisted.
enum class RegKind : uint8_t { kVariable, kConstant, kSpecial, kParam, kInvariant };

struct VReg {
  uint8_t bytes = 4;  // of a lane; 1: a predicate
  RegKind kind = RegKind::kVariable;
  uint64_t value = 0;  // the constant, ptx::Special (its number << 32), or where a parameter stands
};

struct ExtraReg {
  uint32_t reg = kNoReg;
  bool is_def = false;
  uint32_t part = kNoPart;
};

struct Inst {
  Fn fn = Fn::kNone;
  Ty ty = Ty::kNone;
  uint32_t dst = kNoReg;
  uint32_t a = kNoReg;
  uint32_t b = kNoReg;
  uint32_t c = kNoReg;
  uint32_t guard = kNoReg;
  bool guard_flip = false;
  uint64_t imm = 0;
  uint32_t extra = 0;  // first in Ir::extras
  uint16_t extra_count = 0;
  uint16_t count = 0;  // Op::count
  uint16_t flags = 0;
  bool memory = false;  // has a site
  // kBranch, kExit: 1 + the ptx::Compare of a and b, as kSetpJoin, whose result, also in dst, is
  // the guard.
  uint8_t compare = 0;
  bool hoisted = false;  // runs once a launch in each warp, all lanes, before its first block
  // kMov, of a register to itself: what it holds is a former call's. imm: the same of .local
  // memory, its address and (<< 32) its bytes.
  bool forgets = false;
  uint32_t target = kNoLabel;  // label; kBranchIndexed: first in Ir::tables
  uint32_t part = kNoPart;     // of its one register that may be one: dst, or of a store b
  uint32_t line = 0;
  uint32_t cost = 0;  // thread-instructions: 1 on the first of a PTX instruction's
};

struct Ir {
  std::vector<VReg> regs = {};
  std::vector<Inst> insts = {};
  std::vector<ExtraReg> extras = {};
  std::vector<uint32_t> labels = {};  // label to its index in insts
  std::vector<uint32_t> tables = {};  // labels of kBranchIndexed
  uint64_t shared_bytes = 0;          // static
  uint64_t dynamic_shared_offset = 0;
  bool dynamic_shared = false;
  uint64_t local_bytes = 0;
  uint64_t param_bytes = 0;
  // Where variables stand apart (lower.h): the bytes of each one's slot. The first local slot holds
  // the frames of calls, the last shared one the dynamic part, whose size a launch says.
  std::vector<uint64_t> shared_slots = {};
  std::vector<uint64_t> local_slots = {};
};
// Larger than all of a block's shared, or a thread's local, memory together, twice: from inside one
// variable no offset that stays within the memory leads to another, before or behind.
inline constexpr uint64_t kSharedSlot = uint64_t{1} << 19;
inline constexpr uint64_t kLocalSlot = uint64_t{1} << 20;

inline bool IsWithin(Fn fn, Fn first, Fn last) {
  return Index(fn) >= Index(first) && Index(fn) <= Index(last);
}
inline bool IsGuarded(const Inst& inst) {
  return inst.guard != kNoReg || inst.compare != 0;
}
inline bool IsCarry(Fn fn) {
  return fn == Fn::kAddCarry || fn == Fn::kSubCarry || fn == Fn::kMadLoCarry ||
         fn == Fn::kMadHiCarry;
}

template <typename F>
void ForEachUse(const Ir& ir, const Inst& inst, F f) {
  if (inst.a != kNoReg) f(inst.a);
  if (inst.b != kNoReg) f(inst.b);
  if (inst.c != kNoReg && !(IsCarry(inst.fn) && (inst.imm & 1) == 0)) f(inst.c);
  if (inst.guard != kNoReg) f(inst.guard);
  for (uint32_t i = 0; i < inst.extra_count; ++i) {
    const ExtraReg& extra = ir.extras[inst.extra + i];
    if (!extra.is_def) f(extra.reg);
  }
}
template <typename F>
void ForEachDef(const Ir& ir, const Inst& inst, F f) {
  if (inst.dst != kNoReg) f(inst.dst);
  if (IsCarry(inst.fn) && (inst.imm & 2) != 0) f(inst.c);
  for (uint32_t i = 0; i < inst.extra_count; ++i) {
    const ExtraReg& extra = ir.extras[inst.extra + i];
    if (extra.is_def) f(extra.reg);
  }
}

// A basic block: insts [begin, end). succ: blocks; where the block does not end in a branch or exit
// the next one. In Flow::order each block stands once, entry first; unreachable ones are left out.
struct Block {
  uint32_t begin = 0;
  uint32_t end = 0;
  std::vector<uint32_t> succ = {};
  std::vector<uint32_t> pred = {};
  uint32_t dominator = kNoReg;  // immediate
  uint32_t position = kNoReg;   // in order
};
struct Flow {
  std::vector<Block> blocks = {};
  std::vector<uint32_t> order = {};
  std::vector<uint32_t> block_of = {};  // by inst
};

// Whether every way to inst `second` passes inst `first`. False as well where that would take long
// to find out.
bool ComesBefore(const Flow& flow, uint32_t first, uint32_t second);

// Where each register is written. An inst with a guard, which may leave the register as it was,
// counts twice.
struct Definitions {
  std::vector<uint32_t> count = {};
  std::vector<uint32_t> inst = {};  // the last one
};
Definitions FindDefinitions(const Ir& ir, const Flow& flow);

// Blocks in an order in which a loop's body stands before what follows the loop: the order in which
// a diverged warp runs them (warp.h).
// kTooLarge where branches are so many and so far that finding dominators would take long, as in
// PostDominators.
Result<Flow> BuildFlow(const Ir& ir);

// Of what forgets, keeps only what may be read before it is written.
Status DropIdleForgets(Ir& ir, const Flow& flow);

// For each block the nearest other one that every path from it to the kernel's end passes; kNoReg
// where there is none.
Result<std::vector<uint32_t>> PostDominators(const Flow& flow);

// Instructions of a thread along the longest way through, every loop once, and how many loops there
// are.
struct PathEstimate {
  uint64_t instructions = 0;
  uint32_t loops = 0;
};
PathEstimate EstimatePath(const Ir& ir, const Flow& flow);

// Replaces registers that are copies of one value for good by that value.
void ForwardCopies(Ir& ir, const Flow& flow);

// Turns conversions of a 32-bit register to 64 bits and back into copies.
void DropConversions(Ir& ir, const Flow& flow);

// Marks what comes to the same in every block of a launch (Inst::hoisted).
void HoistInvariants(Ir& ir, const Flow& flow);

// Joins comparisons with the predicate logic and the branches that are all that reads them.
void FuseComparisons(Ir& ir, const Flow& flow);

// Turns loads and stores of [base + i * scale] into those of arrays.
void FindArrays(Ir& ir, const Flow& flow);

// Compilers ask every shuffle for its predicate and seldom read it: those that nothing reads are
// not made.
void DropUnreadPredicates(Ir& ir);

struct Slots {
  std::vector<uint32_t> offset = {};   // by register: bytes into the register file; kNoReg: unused
  std::vector<uint32_t> cleared = {};  // registers that may be read before they are written
  uint32_t bytes = 0;                  // of one warp's register file
};
// The registers that are alive at the beginning of the blocks that these insts are in; none for
// unreachable ones.
Result<std::vector<std::vector<uint32_t>>> LiveAtEntry(const Ir& ir, const Flow& flow,
                                                       const std::vector<uint32_t>& insts);
// kTooLarge where the kernel needs more than limit bytes of registers for a warp.
Result<Slots> AssignSlots(const Ir& ir, const Flow& flow, uint32_t limit);

}  // namespace souk::gpu::cpu
