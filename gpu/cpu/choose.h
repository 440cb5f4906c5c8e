// From a PTX operation to what runs it: the one table behind lowering and "is it supported?".
#pragma once

#include "gpu/cpu/ops.h"
#include "gpu/ptx/operation.h"

namespace souk::gpu::cpu {

// How an operation's operands are read.
enum class Form : uint8_t {
  kPlain,  // d, then sources a, b, c, e of the types in Choice::source
  kNothing,
  kMov,
  kLoad,
  kStore,
  kAtom,
  kRed,
  kCvt,
  kCvta,
  kIsspacep,
  kSetp,
  kSet,
  kTestp,
  kHalfPairSet,
  kIntegerPair,  // add, min, max of .u16x2 and .s16x2: fn of ty on each half
  kVideo,
  kCarry,
  kShuffle,
  kVote,
  kMatch,
  kRedux,
  kElect,
  kWarpSync,
  kMatrix,  // wmma, mma, ldmatrix
  kBarrier,
  kCopyAsync,
  kCopyArrive,
  kCopyBulk,
  kMbarrier,
  kAsyncGroup,
  kBranch,
  kBranchIndexed,
  kExit,
  kReturn,
  kTrap,
  kCall,
  kAlloca,
  kStackSave,
  kStackRestore,
  kCachePolicy,
};

struct Choice {
  const char* reason = nullptr;  // why it is not run
  Form form = Form::kPlain;
  Fn fn = Fn::kNone;
  Ty ty = Ty::kNone;
  uint64_t imm = 0;
  uint8_t sources = 0;
  ptx::Type dst = ptx::Type::kNone;
  ptx::Type source[4] = {ptx::Type::kNone, ptx::Type::kNone, ptx::Type::kNone, ptx::Type::kNone};
};

Ty TyOf(ptx::Type type);
uint32_t RoundIndex(const ptx::Operation& operation);  // a Round
uint64_t FloatModifiers(const ptx::Operation& operation);

Choice Choose(const ptx::Operation& operation);

}  // namespace souk::gpu::cpu
