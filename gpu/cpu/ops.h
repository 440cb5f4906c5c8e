// The interpreter's internal instructions: what a handler does (Fn) on which lane type (Ty). PTX
// operations are lowered to these once per kernel (lower.cc); each pair has its handlers in the
// HandlerTable.
#pragma once

#include <cstdint>

namespace souk::gpu::cpu {

// How a lane is stored: predicates as one bit of a 32-bit mask, the others lane after lane.
enum class Ty : uint8_t {
  kPred,
  kU8,
  kS8,
  kU16,
  kS16,
  kU32,
  kS32,
  kU64,
  kS64,
  kF16,
  kF16x2,
  kBf16,
  kBf16x2,
  kF32,
  kF64,
  kNone,
};

// Bytes of a lane's value; 0 of predicates and of none.
constexpr uint8_t ElementBytes(Ty ty) {
  switch (ty) {
    case Ty::kU8:
    case Ty::kS8:
      return 1;
    case Ty::kU16:
    case Ty::kS16:
    case Ty::kF16:
    case Ty::kBf16:
      return 2;
    case Ty::kU32:
    case Ty::kS32:
    case Ty::kF32:
    case Ty::kF16x2:
    case Ty::kBf16x2:
      return 4;
    case Ty::kU64:
    case Ty::kS64:
    case Ty::kF64:
      return 8;
    case Ty::kPred:
    case Ty::kNone:
      break;
  }
  return 0;
}
inline constexpr uint32_t kTyCount = 16;
constexpr uint32_t Index(Ty ty) {
  return static_cast<uint32_t>(ty);
}

// Operands: d = f(a, b, c), each a register; imm holds modifiers; extra holds further registers.
enum class Fn : uint16_t {
  kNone,
  kMov,   // d = a; also kPred
  kPack,  // d = elements extra[0 .. count), low first; Ty is the element's
  kUnpack,
  kLowHalf,  // 16 bits of a 32-bit register
  kHighHalf,

  // Integers and, where the name fits, floats with .rn, without .ftz and .sat.
  kAdd,
  kSub,
  kMulLo,
  kMulHi,
  kMulWide,
  kMadLo,
  kMadHi,
  kMadWide,
  kMadHiSat,
  kMul24Lo,
  kMul24Hi,
  kMad24Lo,
  kMad24Hi,
  kMad24HiSat,
  kAddSat,
  kSubSat,
  kDiv,
  kRem,
  kAbs,
  kNeg,
  kMin,
  kMax,
  kMinRelu,
  kMaxRelu,
  kSad,
  kAddCarry,  // c: the carry flag (a predicate), read with imm & 1, written with imm & 2
  kSubCarry,
  kMadLoCarry,  // extra: the addend; c: the carry flag
  kMadHiCarry,

  kAnd,
  kOr,
  kXor,
  kNot,
  kCnot,
  kShl,
  kShr,
  kShfLeftWrap,
  kShfLeftClamp,
  kShfRightWrap,
  kShfRightClamp,
  kLop3,  // imm: the look-up table
  kPrmt,  // imm: PermuteMode
  kBfe,
  kBfi,  // extra: length
  kBfind,
  kBfindShift,
  kBrev,
  kPopc,
  kClz,
  kBmskClamp,
  kBmskWrap,
  kSzextClamp,
  kSzextWrap,
  kFns,
  kDp4a,  // imm: bit 0: a is signed, bit 1: b is signed
  kDp2aLo,
  kDp2aHi,
  kVideo,  // imm: VideoSpec

  kSelp,  // c: predicate
  kSlctS32,
  kSlctF32,  // imm & kFtz
  kSetp,     // + Compare; d: predicate
  kSetpLast = kSetp + 20,
  // + Compare, as the next: the comparison's result joined with the predicate c; imm: Join.
  kSetpJoin,
  kSetpJoinLast = kSetpJoin + 20,
  kSetpBranch,  // the same, then a branch of the lanes where d ^ guard_flip holds; flags:
                // kEndsLanes
  kSetpBranchLast = kSetpBranch + 20,

  // Floats with the modifiers in imm (see kRoundMask …).
  kFAdd,  // + Round, as the next six
  kFAddLast = kFAdd + 3,
  kFSub,
  kFSubLast = kFSub + 3,
  kFMul,
  kFMulLast = kFMul + 3,
  kFFma,
  kFFmaLast = kFFma + 3,
  kFDiv,
  kFDivLast = kFDiv + 3,
  kFRcp,
  kFRcpLast = kFRcp + 3,
  kFSqrt,
  kFSqrtLast = kFSqrt + 3,
  kFma,     // .rn, without .ftz and .sat
  kAddFtz,  // .rn.ftz
  kSubFtz,
  kMulFtz,
  kFmaFtz,
  kDivApprox,  // also .full
  kRcpApprox,
  kSqrtApprox,
  kFAbs,
  kFNeg,
  kFMin,
  kFMax,
  kCopysign,
  kTestp,  // imm: TestProperty
  kEx2,
  kLg2,
  kSin,
  kCos,
  kRsqrt,
  kTanh,
  kRcpFtz64,    // rcp.approx.ftz.f64
  kRsqrtFtz64,  // rsqrt.approx.ftz.f64

  kCvt,  // + Ty of the source; Ty is the destination's; imm: modifiers
  kCvtLast = kCvt + kTyCount,
  kCvtPack,  // cvt.f16x2.f32 d, a, b: a to the high half

  // Memory. kLd + 3 × Window + {0: 16, 1: 32, 2: 64}-bit register; Ty is the memory's type.
  // Address: a (kNoSlot: none) + imm; count elements, with more than one from extra on.
  kLd,
  kLdLast = kLd + 15,
  kSt,
  kStLast = kSt + 15,
  // Of arrays (indexed.cc): a + imm is one address for all lanes, c a 32-bit index, count its
  // scale, b what is stored. + {0: 16, 1: 32, 2: 64}-bit register; Ty is the memory's type.
  kLdArray,
  kLdArrayLast = kLdArray + 2,
  kStArray,
  kStArrayLast = kStArray + 2,
  // The same where all lanes add b to the 32-bit index, modulo 2^32. + {0: 32, 1: 64}-bit register.
  kLdShifted,
  kLdShiftedLast = kLdShifted + 1,
  // + Window. a: address, b, c: operands; d may be the sink. imm: offset; count: Combine.
  kAtom,
  kAtomLast = kAtom + 5,
  kCopyAsync,   // cp.async: a: shared address, b: global address, c: bytes to read; imm: bytes
  kAsyncGroup,  // cp.async.commit_group, wait_group, wait_all: nothing to do; imm: kAsync…
  kIsspacep,    // imm: Window
  kCvta,        // imm: what is added
  kCvtaCheck,

  // Between lanes. extra: the member mask register.
  kShflUp,  // d, a; b: lane, c: clamp; extra: members, d's predicate
  kShflDown,
  kShflBfly,
  kShflIdx,
  kVoteAll,
  kVoteAny,
  kVoteUni,
  kVoteBallot,
  kMatchAny,
  kMatchAll,
  kRedux,  // count: Combine
  kActivemask,
  kElect,
  kWarpSync,
  kWholeWarp,  // a fault where not all 32 lanes come
  // A fault where lanes name different matrices, or rows are misaligned. a: where it begins, b:
  // bytes from row to row, or imm >> 8; imm & 0xff: alignment; count: 1 for a store.
  kMatrixAddress,
  kMultiply,    // matrix.h
  kDistribute,  // matrix.h

  // Control. target: an op's index; cost: thread-instructions since the last control op.
  kJump,
  kBranch,
  kBranchIndexed,  // brx.idx: a: index; extra: targets; imm: the FaultKind of a bad index, or 0
  kExit,
  kTrap,           // imm: FaultKind, or 0
  kBarrier,        // imm: BarrierBits; a: id, b: count, c: predicate (red)
  kMbarrier,       // mbarrier.h
  kCopyBulk,       // a: where to, b: from; c: bytes; imm & 1: into .shared
  kMbarrierCount,  // d: arrivals that the state a awaits
  kClock,          // imm: the bit of the counter that is the result's lowest
  // system_calls.h
  kPrintf,
  kAssertFail,
  kMalloc,
  kFree,

  kCount,
};

constexpr Fn operator+(Fn fn, uint32_t n) {
  return static_cast<Fn>(static_cast<uint32_t>(fn) + n);
}
constexpr uint32_t Index(Fn fn) {
  return static_cast<uint32_t>(fn);
}

// Modifiers of floating-point operations, in Op::imm. Conversions keep their Round in the low bits.
inline constexpr uint64_t kRoundMask = 3;
inline constexpr uint64_t kFtz = 8;
inline constexpr uint64_t kSat = 16;
inline constexpr uint64_t kFull = 32;  // div.full
inline constexpr uint64_t kNanWins = 64;
inline constexpr uint64_t kXorsign = 128;
inline constexpr uint64_t kRelu = 256;
inline constexpr uint64_t kIntegral = 512;  // cvt.rni, .rzi, .rmi, .rpi of a float to a float
inline constexpr uint64_t kSatfinite = 1024;

enum class Round : uint8_t { kNearest, kZero, kDown, kUp };

// Kernel state spaces as windows of one 64-bit generic address space (PTX ISA "Generic
// Addressing"). Offsets into them are what .shared, .local and .param addresses are.
enum class Window : uint8_t { kGeneric, kGlobal, kShared, kLocal, kParam };
inline constexpr uint64_t kSharedBase = uint64_t{1} << 44;
inline constexpr uint64_t kLocalBase = uint64_t{2} << 44;
inline constexpr uint64_t kParamBase = uint64_t{3} << 44;
inline constexpr uint64_t kWindowBytes = uint64_t{1} << 32;
inline constexpr uint64_t kGlobalBase = uint64_t{4} << 44;
// Functions stand in no memory: their addresses are of no window.
inline constexpr uint64_t kCodeBase = uint64_t{6} << 44;
constexpr uint64_t CodeAddress(uint64_t position) {  // of ptx::AddressTaken
  return kCodeBase + 16 * (position + 1);
}

// Op::imm of kSetpJoin: what is turned before and after (comparison & c).
inline constexpr uint64_t kJoinAnd = 0;
inline constexpr uint64_t kJoinOr = 1;  // of all three: a | b = ~(~a & ~b)

// Op::imm of kAsyncGroup; kAsyncWait + n: all groups but the last n.
inline constexpr uint64_t kAsyncCommit = 0;
inline constexpr uint64_t kAsyncWaitAll = 1;
inline constexpr uint64_t kAsyncWait = 2;

// Op::imm of kBarrier.
inline constexpr uint64_t kBarrierArrive = 1;
inline constexpr uint64_t kBarrierAligned = 2;
inline constexpr uint64_t kBarrierCounted = 4;
inline constexpr uint64_t kBarrierRedAnd = 8;
inline constexpr uint64_t kBarrierRedOr = 16;
inline constexpr uint64_t kBarrierRedPopc = 32;

}  // namespace souk::gpu::cpu
