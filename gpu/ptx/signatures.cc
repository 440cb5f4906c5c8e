// The table of operands behind OperandSignature.
#include "gpu/ptx/matrix.h"
#include "gpu/ptx/operands.h"

namespace souk::ptx {
namespace {

struct SignatureRow {
  Opcode opcode;
  const char* signature;
};

constexpr SignatureRow kSignatures[] = {
    {Opcode::kAbs, "Dt St"},
    {Opcode::kActivemask, "D3"},
    {Opcode::kAdd, "Dt St St"},
    {Opcode::kAddc, "Dt St St"},
    {Opcode::kAnd, "Dt St St"},
    {Opcode::kApplypriority, "A I"},
    {Opcode::kBfe, "Dt St S8 S8"},
    {Opcode::kBfi, "Dt St St S8 S8"},
    {Opcode::kBfind, "D4 St"},
    {Opcode::kBmsk, "D4 S4 S4"},
    {Opcode::kBra, "L"},
    {Opcode::kBrev, "Dt St"},
    {Opcode::kBrkpt, ""},
    {Opcode::kBrx, "S4 B"},
    {Opcode::kClz, "D4 St"},
    {Opcode::kCnot, "Dt St"},
    {Opcode::kCopysign, "Dt St St"},
    {Opcode::kCos, "Dt St"},
    {Opcode::kCvta, "Dt St"},
    {Opcode::kDiscard, "A I"},
    {Opcode::kDiv, "Dt St St"},
    {Opcode::kDp2a, "D4 Sd Sd S4"},
    {Opcode::kDp4a, "D4 Sd Sd S4"},
    {Opcode::kElect, "P4 S4"},
    {Opcode::kEx2, "Dt St"},
    {Opcode::kExit, ""},
    {Opcode::kFma, "Dt St St St"},
    {Opcode::kFns, "D3 S3 S3 S3"},
    {Opcode::kGriddepcontrol, ""},
    {Opcode::kIsspacep, "D1 Sp"},
    {Opcode::kLdu, "Vt A"},
    {Opcode::kLg2, "Dt St"},
    {Opcode::kMad24, "Dt St St St"},
    {Opcode::kMadc, "Dt St St St"},
    {Opcode::kMembar, ""},
    {Opcode::kMov, "Mt Mt"},
    {Opcode::kMul24, "Dt St St"},
    {Opcode::kNanosleep, "S4"},
    {Opcode::kNeg, "Dt St"},
    {Opcode::kNot, "Dt St"},
    {Opcode::kOr, "Dt St St"},
    {Opcode::kPmevent, "I"},
    {Opcode::kPopc, "D4 St"},
    {Opcode::kPrefetch, "A"},
    {Opcode::kPrefetchu, "A"},
    {Opcode::kPrmt, "D3 S3 S3 S3"},
    {Opcode::kRcp, "Dt St"},
    {Opcode::kRem, "Dt St St"},
    {Opcode::kRet, ""},
    {Opcode::kRsqrt, "Dt St"},
    {Opcode::kSad, "Dt St St St"},
    {Opcode::kSelp, "Dt St St S1"},
    {Opcode::kSetmaxnreg, "I"},
    {Opcode::kShf, "D3 S3 S3 S4"},
    {Opcode::kShl, "Dt St S4"},
    {Opcode::kShr, "Dt St S4"},
    {Opcode::kSin, "Dt St"},
    {Opcode::kSlct, "Dt St St Su"},
    {Opcode::kSqrt, "Dt St"},
    {Opcode::kSub, "Dt St St"},
    {Opcode::kSubc, "Dt St St"},
    {Opcode::kSzext, "Dt St S4"},
    {Opcode::kTanh, "Dt St"},
    {Opcode::kTestp, "D1 St"},
    {Opcode::kTrap, ""},
    {Opcode::kVmad, "Dv Sv Sv Sv"},
    {Opcode::kVabsdiff2, "Dv Sv Sv Sv"},
    {Opcode::kVabsdiff4, "Dv Sv Sv Sv"},
    {Opcode::kVadd2, "Dv Sv Sv Sv"},
    {Opcode::kVadd4, "Dv Sv Sv Sv"},
    {Opcode::kVavrg2, "Dv Sv Sv Sv"},
    {Opcode::kVavrg4, "Dv Sv Sv Sv"},
    {Opcode::kVmax2, "Dv Sv Sv Sv"},
    {Opcode::kVmax4, "Dv Sv Sv Sv"},
    {Opcode::kVmin2, "Dv Sv Sv Sv"},
    {Opcode::kVmin4, "Dv Sv Sv Sv"},
    {Opcode::kVset2, "Dv Sv Sv Sv"},
    {Opcode::kVset4, "Dv Sv Sv Sv"},
    {Opcode::kVsub2, "Dv Sv Sv Sv"},
    {Opcode::kVsub4, "Dv Sv Sv Sv"},
    {Opcode::kXor, "Dt St St"},
};

bool IsPackedFloat(Type type) {
  return type == Type::kF16x2 || type == Type::kBf16x2 ||
         (type >= Type::kE4m3x2 && type <= Type::kE2m1x4);
}

// [destination], [source], bytes, [mbarrier], multicast's mask, cache policy, bytes' mask
const char* BulkSignature(const Operation& op) {
  const bool hint = op.HasRest("L2::cache_hint");
  if (op.HasRest("tensor")) return nullptr;
  if (op.HasRest("prefetch")) return hint ? "A Sm Sh" : "A Sm";
  if (op.HasRest("bulk_group")) {
    if (op.HasRest("cp_mask")) return hint ? "A A Sm Sh S5" : "A A Sm S5";
    return hint ? "A A Sm Sh" : "A A Sm";
  }
  if (op.HasRest("multicast::cluster")) return hint ? "A A Sm A S5 Sh" : "A A Sm A S5";
  return hint ? "A A Sm A Sh" : "A A Sm A";
}

const char* MbarrierSignature(const Operation& op) {
  const bool parity = op.HasRest("parity");
  if (op.HasRest("init")) return "A S4";
  if (op.HasRest("inval")) return "A";
  if (op.HasRest("test_wait")) return parity ? "D1 A Sy" : "D1 A S6";
  if (op.HasRest("try_wait")) return parity ? "D1 A Sy ?S4" : "D1 A S6 ?S4";
  if (op.HasRest("pending_count")) return "D4 S6";
  if (op.HasRest("arrive") || op.HasRest("arrive_drop")) {
    // Of a barrier of another block nobody gets the state.
    const bool far = op.space == Space::kSharedCluster;
    if (op.HasRest("expect_tx")) return far ? "N A S4" : "G6 A S4";
    if (op.HasRest("noComplete")) return "G6 A Sn";
    return far ? "N A ?Sn" : "G6 A ?Sn";
  }
  return "A S4";  // expect_tx, complete_tx
}

const char* SignatureByModifiers(const Operation& op) {
  const bool hint = op.HasRest("L2::cache_hint");
  switch (op.opcode) {
    case Opcode::kAdd:
    case Opcode::kSub:
      return op.type2 != Type::kNone ? "Dt Su St" : nullptr;
    case Opcode::kFma:
      return op.type2 != Type::kNone ? "Dt Su Su St" : nullptr;
    case Opcode::kMul:
      return op.mul_mode == MulMode::kWide ? "Dw St St" : "Dt St St";
    case Opcode::kMad:
      return op.mul_mode == MulMode::kWide ? "Dw St St Sw" : "Dt St St St";
    case Opcode::kLd:
      return hint ? "Vt A Sh" : "Vt A";
    case Opcode::kSt:
      if (op.HasRest("async") || op.HasRest("bulk")) return nullptr;
      return hint ? "A Wt Sh" : "A Wt";
    case Opcode::kMin:
    case Opcode::kMax:
      if (op.type != Type::kF32) return "Dt St St";
      return op.abs && !op.xorsign ? "Dt St St St" : op.xorsign ? "Dt St St" : "Dt St St ?St";
    case Opcode::kVabsdiff:
    case Opcode::kVadd:
    case Opcode::kVmax:
    case Opcode::kVmin:
    case Opcode::kVset:
    case Opcode::kVshl:
    case Opcode::kVshr:
    case Opcode::kVsub:
      // Without a second operation a fourth operand is for merging into part of the destination.
      return op.combine == Combine::kNone ? "Dv Sv Sv ?Sv" : "Dv Sv Sv Sv";
    case Opcode::kAtom:
      if (op.vector > 1) return nullptr;
      if (op.combine == Combine::kCas) return hint ? "Gt A St St Sh" : "Gt A St St";
      return hint ? "Gt A St Sh" : "Gt A St";
    case Opcode::kRed:
      if (op.vector > 1 || op.HasRest("async")) return nullptr;
      return hint ? "A St Sh" : "A St";
    case Opcode::kBar:
    case Opcode::kBarrier:
      if (op.cluster) return "";
      if (op.barrier == BarrierMode::kRed) {
        return op.combine == Combine::kPopc ? "D4 Sb ?Sc S1" : "D1 Sb ?Sc S1";
      }
      if (op.warp) return "S4";
      return op.barrier == BarrierMode::kArrive ? "Sb Sc" : "Sb ?Sc";
    case Opcode::kCp:
      if (op.HasRest("commit_group") || op.HasRest("wait_all")) return "";
      if (op.HasRest("wait_group")) return "I";
      if (op.HasRest("arrive")) return "A";
      if (op.HasRest("bulk")) return BulkSignature(op);
      return hint ? "A A I ?Sz Sh" : "A A I ?Sz";
    case Opcode::kCvt:
      if (op.HasRest("pack")) return op.type3 == Type::kNone ? "D4 Su Su" : "D4 Su Su S3";
      if (op.rounding == Rounding::kRs) return nullptr;
      return IsPackedFloat(op.type) && op.type2 == Type::kF32 ? "Dt Su Su" : "Dt Su";
    case Opcode::kLop3:
      return op.combine == Combine::kNone ? "D3 S3 S3 S3 I" : "P3 S3 S3 S3 I S1";
    case Opcode::kMatch:
      return op.vote == VoteMode::kAll ? "Q4 St S4" : "D4 St S4";
    case Opcode::kRedux:
      return IsFloat(op.type) ? "Dt St S4" : "D4 S4 S4";
    case Opcode::kSet:
      if (op.combine == Combine::kNone) return "Dt Su Su";
      return HasBf16(op) ? "Dt Su Su Sr" : "Dt Su Su S1";
    case Opcode::kSetp:
      if (op.type == Type::kF16 || op.type == Type::kBf16) {
        if (op.combine == Combine::kNone) return "D1 St St";
        return HasBf16(op) ? "D1 St St Sr" : "D1 St St S1";
      }
      if (op.combine == Combine::kNone) return "Et St St";
      return HasBf16(op) ? "Et St St Sr" : "Et St St S1";
    case Opcode::kShfl:
      return op.sync ? "Q3 S3 S3 S3 S4" : "Q3 S3 S3 S3";
    case Opcode::kVote:
      if (op.vote == VoteMode::kBallot) return op.sync ? "D3 S1 S4" : "D3 S1";
      return op.sync ? "D1 S1 S4" : "D1 S1";
    case Opcode::kMbarrier:
      return MbarrierSignature(op);
    case Opcode::kCreatepolicy:
      if (op.HasRest("range")) return "D6 A S4 S4";
      return op.HasRest("cvt") ? "D6 S6" : "D6 ?Sf";
    case Opcode::kFence:
      return op.HasRest("tensormap::generic") && op.order == Order::kAcquire ? "A I" : "";
    case Opcode::kWmma:
    case Opcode::kMma:
    case Opcode::kLdmatrix:
      return MatrixSignature(op);
    default:
      return nullptr;
  }
}

}  // namespace

bool HasBf16(const Operation& op) {
  const auto is_bf16 = [](Type t) { return t == Type::kBf16 || t == Type::kBf16x2; };
  return is_bf16(op.type) || is_bf16(op.type2);
}

const char* OperandSignature(const Operation& op) {
  if (const char* const found = SignatureByModifiers(op)) return found;
  for (const SignatureRow& row : kSignatures) {
    if (row.opcode == op.opcode) return row.signature;
  }
  return nullptr;
}

}  // namespace souk::ptx
