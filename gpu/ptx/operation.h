// What a PTX instruction does, apart from its operands: the opcode and its modifiers, decoded once
// into enums so that nobody compares strings later. Names follow PTX ISA 9.0.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.h"

namespace souk::ptx {

// clang-format off
#define SOUK_PTX_TYPES(X) \
  X(kPred, "pred", 1) X(kB1, "b1", 1) X(kU4, "u4", 4) X(kS4, "s4", 4) X(kU2, "u2", 2) X(kS2, "s2", 2) \
  X(kB4, "b4", 4) X(kB8, "b8", 8) X(kB16, "b16", 16) X(kB32, "b32", 32) X(kB64, "b64", 64) \
  X(kB128, "b128", 128) X(kU8, "u8", 8) X(kU16, "u16", 16) X(kU32, "u32", 32) X(kU64, "u64", 64) \
  X(kS8, "s8", 8) X(kS16, "s16", 16) X(kS32, "s32", 32) X(kS64, "s64", 64) \
  X(kU16x2, "u16x2", 32) X(kS16x2, "s16x2", 32) X(kU8x4, "u8x4", 32) X(kS8x4, "s8x4", 32) \
  X(kF16, "f16", 16) X(kF16x2, "f16x2", 32) X(kBf16, "bf16", 16) X(kBf16x2, "bf16x2", 32) \
  X(kF32, "f32", 32) X(kF32x2, "f32x2", 64) X(kF64, "f64", 64) X(kTf32, "tf32", 32) \
  X(kE4m3, "e4m3", 8) X(kE5m2, "e5m2", 8) X(kE3m2, "e3m2", 8) X(kE2m3, "e2m3", 8) X(kE2m1, "e2m1", 8) \
  X(kUe8m0, "ue8m0", 8) X(kUe4m3, "ue4m3", 8) \
  X(kE4m3x2, "e4m3x2", 16) X(kE5m2x2, "e5m2x2", 16) X(kE3m2x2, "e3m2x2", 16) X(kE2m3x2, "e2m3x2", 16) \
  X(kE2m1x2, "e2m1x2", 8) X(kUe8m0x2, "ue8m0x2", 16) X(kE4m3x4, "e4m3x4", 32) X(kE5m2x4, "e5m2x4", 32) \
  X(kE3m2x4, "e3m2x4", 32) X(kE2m3x4, "e2m3x4", 32) X(kE2m1x4, "e2m1x4", 16) \
  X(kB8x16, "b8x16", 128) X(kB6x16P32, "b6x16_p32", 128) X(kB4x16P64, "b4x16_p64", 128) \
  X(kTexref, "texref", 64) X(kSamplerref, "samplerref", 64) X(kSurfref, "surfref", 64)

#define SOUK_PTX_OPCODES(X) \
  X(kAbs, "abs") X(kActivemask, "activemask") X(kAdd, "add") X(kAddc, "addc") X(kAlloca, "alloca") \
  X(kAnd, "and") X(kApplypriority, "applypriority") X(kAtom, "atom") X(kBar, "bar") X(kBarrier, "barrier") \
  X(kBfe, "bfe") X(kBfi, "bfi") X(kBfind, "bfind") X(kBmsk, "bmsk") X(kBra, "bra") X(kBrev, "brev") \
  X(kBrkpt, "brkpt") X(kBrx, "brx") X(kCall, "call") X(kClusterlaunchcontrol, "clusterlaunchcontrol") \
  X(kClz, "clz") X(kCnot, "cnot") X(kCopysign, "copysign") X(kCos, "cos") X(kCp, "cp") \
  X(kCreatepolicy, "createpolicy") X(kCvt, "cvt") X(kCvta, "cvta") X(kDiscard, "discard") X(kDiv, "div") \
  X(kDp2a, "dp2a") X(kDp4a, "dp4a") X(kElect, "elect") X(kEx2, "ex2") X(kExit, "exit") X(kFence, "fence") \
  X(kFma, "fma") X(kFns, "fns") X(kGetctarank, "getctarank") X(kGriddepcontrol, "griddepcontrol") \
  X(kIsspacep, "isspacep") X(kIstypep, "istypep") X(kLd, "ld") X(kLdmatrix, "ldmatrix") X(kLdu, "ldu") \
  X(kLg2, "lg2") X(kLop3, "lop3") X(kMad, "mad") X(kMad24, "mad24") X(kMadc, "madc") X(kMapa, "mapa") \
  X(kMatch, "match") X(kMax, "max") X(kMbarrier, "mbarrier") X(kMembar, "membar") X(kMin, "min") \
  X(kMma, "mma") X(kMov, "mov") X(kMovmatrix, "movmatrix") X(kMul, "mul") X(kMul24, "mul24") \
  X(kMultimem, "multimem") X(kNanosleep, "nanosleep") X(kNeg, "neg") X(kNot, "not") X(kOr, "or") \
  X(kPmevent, "pmevent") X(kPopc, "popc") X(kPrefetch, "prefetch") X(kPrefetchu, "prefetchu") \
  X(kPrmt, "prmt") X(kRcp, "rcp") X(kRed, "red") X(kRedux, "redux") X(kRem, "rem") X(kRet, "ret") \
  X(kRsqrt, "rsqrt") X(kSad, "sad") X(kSelp, "selp") X(kSet, "set") X(kSetmaxnreg, "setmaxnreg") \
  X(kSetp, "setp") X(kShf, "shf") X(kShfl, "shfl") X(kShl, "shl") X(kShr, "shr") X(kSin, "sin") \
  X(kSlct, "slct") X(kSqrt, "sqrt") X(kSt, "st") X(kStackrestore, "stackrestore") \
  X(kStacksave, "stacksave") X(kStmatrix, "stmatrix") X(kSub, "sub") X(kSubc, "subc") X(kSuld, "suld") \
  X(kSuq, "suq") X(kSured, "sured") X(kSust, "sust") X(kSzext, "szext") X(kTanh, "tanh") \
  X(kTcgen05, "tcgen05") X(kTensormap, "tensormap") X(kTestp, "testp") X(kTex, "tex") X(kTld4, "tld4") \
  X(kTrap, "trap") X(kTxq, "txq") X(kVabsdiff, "vabsdiff") X(kVabsdiff2, "vabsdiff2") \
  X(kVabsdiff4, "vabsdiff4") X(kVadd, "vadd") X(kVadd2, "vadd2") X(kVadd4, "vadd4") \
  X(kVavrg2, "vavrg2") X(kVavrg4, "vavrg4") X(kVmad, "vmad") X(kVmax, "vmax") X(kVmax2, "vmax2") \
  X(kVmax4, "vmax4") X(kVmin, "vmin") X(kVmin2, "vmin2") X(kVmin4, "vmin4") X(kVote, "vote") \
  X(kVset, "vset") X(kVset2, "vset2") X(kVset4, "vset4") X(kVshl, "vshl") X(kVshr, "vshr") \
  X(kVsub, "vsub") X(kVsub2, "vsub2") X(kVsub4, "vsub4") X(kWgmma, "wgmma") X(kWmma, "wmma") X(kXor, "xor")
// clang-format on

enum class Type : uint8_t {
  kNone,
#define X(name, text, bits) name,
  SOUK_PTX_TYPES(X)
#undef X
};

enum class Opcode : uint8_t {
  kUnknown,  // an instruction or modifier that this parser does not know; see Operation::unknown
#define X(name, text) name,
  SOUK_PTX_OPCODES(X)
#undef X
};

uint32_t TypeBits(Type type);  // 0 for kNone; 1 for kPred
inline uint32_t TypeBytes(Type type) {
  return (TypeBits(type) + 7) / 8;
}
const char* TypeName(Type type);        // "f32", without the dot
const char* OpcodeName(Opcode opcode);  // "add"
bool IsFloat(Type type);                // any floating-point format, packed ones too
bool IsSigned(Type type);               // s4 .. s64, s16x2, s8x4
bool IsUnsigned(Type type);             // u4 .. u64, u16x2, u8x4

// kShared is .shared and .shared::cta; kParam is also .param::entry and .param::func.
enum class Space : uint8_t {
  kGeneric,
  kReg,
  kSreg,
  kConst,
  kGlobal,
  kLocal,
  kParam,
  kShared,
  kSharedCluster,
  kTex
};
// kRni .. kRpi round a float to an integral value (cvt). kRna: to nearest, ties away (cvt to tf32).
// kRs: stochastic.
enum class Rounding : uint8_t { kNone, kRn, kRz, kRm, kRp, kRni, kRzi, kRmi, kRpi, kRna, kRs };
// setp, set, vset. kLo, kLs, kHi, kHs are the unsigned forms of PTX; kEqu .. kGeu are true where an
// operand is NaN; kNum: both are numbers, kNan: one is NaN.
enum class Compare : uint8_t {
  kNone,
  kEq,
  kNe,
  kLt,
  kLe,
  kGt,
  kGe,
  kLo,
  kLs,
  kHi,
  kHs,
  kEqu,
  kNeu,
  kLtu,
  kLeu,
  kGtu,
  kGeu,
  kNum,
  kNan
};
// The second operation: setp.CMP.BOOL, atom.OP, red.OP, redux.sync.OP, bar.red.OP, vabsdiff4….add.
enum class Combine : uint8_t {
  kNone,
  kAnd,
  kOr,
  kXor,
  kAdd,
  kMin,
  kMax,
  kInc,
  kDec,
  kExch,
  kCas,
  kPopc
};
enum class MulMode : uint8_t { kNone, kLo, kHi, kWide };
enum class ShuffleMode : uint8_t { kNone, kUp, kDown, kBfly, kIdx };
enum class VoteMode : uint8_t { kNone, kAll, kAny, kUni, kBallot };  // vote; match: kAny, kAll
enum class BarrierMode : uint8_t { kNone, kSync, kArrive, kRed, kWait };
enum class PermuteMode : uint8_t { kNone, kF4e, kB4e, kRc8, kEcl, kEcr, kRc16 };
enum class TestProperty : uint8_t {
  kNone,
  kFinite,
  kInfinite,
  kNumber,
  kNotanumber,
  kNormal,
  kSubnormal
};
// kWeak is what no modifier means for ld, st; atom and red without one are kRelaxed, fence without
// one is kAcqRel and membar is kSc (ISA "Memory consistency model").
enum class Order : uint8_t { kWeak, kRelaxed, kAcquire, kRelease, kAcqRel, kSc };
// kNone where no scope is written: atom, red: as kGpu. membar.gl is kGpu.
enum class Scope : uint8_t { kNone, kCta, kCluster, kGpu, kSys };
enum class CacheOp : uint8_t { kNone, kCa, kCg, kCs, kLu, kCv, kWb, kWt };

// What only targets with a suffix have (sm_90a, sm_100f): those numbered `first` to `last`.
struct SuffixNeed {
  uint32_t first = 0;  // 0: any target will do
  uint32_t last = 0;
  bool only_a = false;  // not sm_100f
};

// One distinct opcode with its modifiers; Module::operations holds each once. The fields below
// `spelling` are a pure function of it (DecodeOperation). Fields that an opcode does not have keep
// their defaults.
struct Operation {
  std::string spelling = {};  // "add.rn.f32": as written, and as Write prints it
  Opcode opcode = Opcode::kUnknown;
  // Modifiers that no field below holds, without the dot, in order: wmma shapes and layouts, cache
  // hints, "tensor", "commit_group", "mbarrier::complete_tx::bytes", …
  std::vector<std::string> rest = {};
  std::string unknown = {};  // why the opcode is kUnknown: "instruction 'foo'", "modifier '.bar'"

  // Types in the order written: cvt.D.S, setp.T, set.D.T, dp4a.A.B, mma.D.A.B.C.
  Type type = Type::kNone;
  Type type2 = Type::kNone;
  Type type3 = Type::kNone;
  Type type4 = Type::kNone;

  Rounding rounding = Rounding::kNone;
  bool ftz = false;
  bool noftz = false;  // atom.add.noftz.f16
  bool sat = false;
  bool satfinite = false;
  bool relu = false;
  bool nan = false;      // min.NaN, max.NaN: NaN wins
  bool xorsign = false;  // min, max .xorsign.abs
  bool abs = false;      // redux.sync.min.abs.f32
  bool approx = false;
  bool full = false;     // div.full
  bool cc = false;       // add.cc, sub.cc, mad.cc, addc.cc, …: writes the carry flag
  bool uni = false;      // bra.uni, call.uni, ret.uni (a hint; vote.uni is VoteMode::kUni)
  bool to = false;       // cvta.to
  bool sync = false;     // shfl.sync, vote.sync, match.sync, redux.sync; bar has barrier_mode
  bool aligned = false;  // barrier.sync.aligned; bar.sync means the same and sets this too
  bool warp = false;     // bar.warp.sync
  bool cluster = false;  // barrier.cluster.*
  bool is_volatile = false;
  bool mmio = false;
  bool nc = false;        // ld.global.nc
  bool shiftamt = false;  // bfind.shiftamt
  bool right = false;     // shf.r
  bool wrap = false;      // shf.wrap, bmsk.wrap, szext.wrap
  bool clamp = false;     // shf.clamp, bmsk.clamp, szext.clamp; sust .clamp
  bool idx = false;       // brx.idx

  Compare compare = Compare::kNone;
  Combine combine = Combine::kNone;
  MulMode mul_mode = MulMode::kNone;
  ShuffleMode shuffle = ShuffleMode::kNone;
  VoteMode vote = VoteMode::kNone;
  BarrierMode barrier = BarrierMode::kNone;
  PermuteMode permute = PermuteMode::kNone;
  TestProperty test = TestProperty::kNone;

  uint8_t vector = 1;              // .v2, .v4, .v8
  Space space = Space::kGeneric;   // ld, st, atom, red, cvta, isspacep, prefetch; cp: destination
  Space space2 = Space::kGeneric;  // cp: source
  Order order = Order::kWeak;
  Scope scope = Scope::kNone;
  CacheOp cache = CacheOp::kNone;

  // The first .version (× 10) and target (sm_) that take this spelling; version_known is false
  // where the table of forms does not break the family down (wgmma, tcgen05, …).
  uint32_t needs_version = 0;
  uint32_t needs_target = 0;
  bool version_known = false;
  SuffixNeed needs_suffix = {};

  bool HasRest(std::string_view modifier) const;
};

// Decodes "add.rn.f32". Never fails: what is not known has opcode kUnknown and says why.
Operation DecodeOperation(std::string_view spelling);

}  // namespace souk::ptx
