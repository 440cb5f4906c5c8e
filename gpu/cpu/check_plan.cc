#include "gpu/cpu/check_plan.h"

#include "gpu/cpu/checker.h"
#include "gpu/cpu/pointers.h"
#include "gpu/ptx/operation.h"

namespace souk::gpu::cpu {
namespace {

bool IsInteger(Ty ty) {
  return ty == Ty::kU16 || ty == Ty::kS16 || ty == Ty::kU32 || ty == Ty::kS32 || ty == Ty::kU64 ||
         ty == Ty::kS64;
}

// Which atomics commute with this one; nobody reads what it found.
uint8_t CommutingKind(const Inst& inst) {
  if (!IsInteger(inst.ty)) return kOrderShows;
  const bool wide = ElementBytes(inst.ty) == 8;
  const auto code = [](uint8_t kind, bool flag) {
    return static_cast<uint8_t>(2 * kind + (flag ? 1 : 0));
  };
  switch (static_cast<ptx::Combine>(inst.count)) {
    case ptx::Combine::kAdd:
      return code(1, wide);
    case ptx::Combine::kAnd:
      return code(2, wide);
    case ptx::Combine::kOr:
      return code(3, wide);
    case ptx::Combine::kXor:
      return code(4, wide);
    case ptx::Combine::kMin:
      return static_cast<uint8_t>(32 + Index(inst.ty));
    case ptx::Combine::kMax:
      return static_cast<uint8_t>(64 + Index(inst.ty));
    default:
      return kOrderShows;
  }
}

// PTX ISA 9.7.3, 9.7.4: single and half precision give "an unspecified NaN"; double precision keeps
// payloads, but which of two, and what an operation makes, is not said.
bool IsFloat(Ty ty) {
  return ty == Ty::kF32 || ty == Ty::kF64 || ty == Ty::kF16 || ty == Ty::kBf16 ||
         ty == Ty::kF16x2 || ty == Ty::kBf16x2;
}

// Whether the operation computes with numbers of its type, rather than with their bits.
bool IsArithmetic(const Inst& inst) {
  switch (inst.fn) {
    case Fn::kAdd:
    case Fn::kSub:
    case Fn::kMulLo:
    case Fn::kDiv:
    case Fn::kAbs:
    case Fn::kNeg:
    case Fn::kMin:
    case Fn::kMax:
    case Fn::kFma:
    case Fn::kAddFtz:
    case Fn::kSubFtz:
    case Fn::kMulFtz:
    case Fn::kFmaFtz:
    case Fn::kDivApprox:
    case Fn::kRcpApprox:
    case Fn::kSqrtApprox:
    case Fn::kFAbs:
    case Fn::kFNeg:
    case Fn::kFMin:
    case Fn::kFMax:
    case Fn::kEx2:
    case Fn::kLg2:
    case Fn::kSin:
    case Fn::kCos:
    case Fn::kRsqrt:
    case Fn::kTanh:
    case Fn::kRcpFtz64:
    case Fn::kRsqrtFtz64:
      return IsFloat(inst.ty);
    default:
      return IsFloat(inst.ty) && IsWithin(inst.fn, Fn::kFAdd, Fn::kFSqrtLast);
  }
}

Ty ReadsNans(const Inst& inst) {
  Ty type = inst.ty;
  if (IsWithin(inst.fn, Fn::kSetp, Fn::kSetpLast)) {
    if (type == Ty::kNone) type = Ty::kF32;  // with .ftz
  } else if (IsWithin(inst.fn, Fn::kCvt, Fn::kCvtLast)) {
    type = static_cast<Ty>(Index(inst.fn) - Index(Fn::kCvt));
  } else if (inst.fn == Fn::kCvtPack) {
    type = Ty::kF32;
  } else if (inst.fn != Fn::kTestp && !IsArithmetic(inst)) {
    return Ty::kNone;
  }
  // Of .xorsign.abs the sign of a NaN shows.
  if ((inst.fn == Fn::kFMin || inst.fn == Fn::kFMax) && (inst.imm & kXorsign) != 0) {
    return Ty::kNone;
  }
  return IsFloat(type) ? type : Ty::kNone;
}

// Whether the result is the same with any NaN among the operands, whatever the others are: a NaN
// (ISA 9.7.3), zero with .sat, or what a comparison has for unordered operands.
bool NanDecides(const Inst& inst) {
  const bool chooses =
      inst.fn == Fn::kMin || inst.fn == Fn::kMax || inst.fn == Fn::kFMin || inst.fn == Fn::kFMax;
  const bool compares = IsWithin(inst.fn, Fn::kSetp, Fn::kSetpLast) || inst.fn == Fn::kTestp;
  const bool pair = inst.ty == Ty::kF16x2 || inst.ty == Ty::kBf16x2;
  return compares || (IsArithmetic(inst) && !chooses && !pair);
}

Ty MakesNans(const Inst& inst) {
  if (inst.dst == kNoReg || !IsFloat(inst.ty)) return Ty::kNone;
  const bool converts =
      inst.fn == Fn::kCvtPack || (IsWithin(inst.fn, Fn::kCvt, Fn::kCvtLast) &&
                                  IsFloat(static_cast<Ty>(Index(inst.fn) - Index(Fn::kCvt))));
  if (!converts && !IsArithmetic(inst)) return Ty::kNone;
  const bool canonical = (inst.fn == Fn::kFMin || inst.fn == Fn::kFMax) &&
                         (inst.imm & (kNanWins | kXorsign)) == kNanWins;
  return canonical ? Ty::kNone : inst.ty;
}

bool IsShuffle(Fn fn) {
  return fn == Fn::kShflUp || fn == Fn::kShflDown || fn == Fn::kShflBfly || fn == Fn::kShflIdx;
}

// kNothing for one that is not followed; what only computes is kPlain.
Watch WatchOf(const Inst& inst) {
  const Fn fn = inst.fn;
  if (IsWithin(fn, Fn::kLd, Fn::kLdLast)) return Watch::kLoad;
  if (IsWithin(fn, Fn::kSt, Fn::kStLast)) return Watch::kStore;
  if (IsWithin(fn, Fn::kAtom, Fn::kAtomLast)) return Watch::kAtom;
  if (IsShuffle(fn)) return Watch::kShuffle;
  switch (fn) {
    case Fn::kCopyAsync:
      return Watch::kCopyAsync;
    case Fn::kAsyncGroup:
      return Watch::kAsyncGroup;
    case Fn::kVoteAll:
    case Fn::kVoteAny:
    case Fn::kVoteUni:
    case Fn::kVoteBallot:
    case Fn::kMatchAny:
    case Fn::kMatchAll:
    case Fn::kRedux:
      return Watch::kVote;
    case Fn::kWholeWarp:
      return Watch::kWholeWarp;
    case Fn::kMatrixAddress:
      return Watch::kPlain;
    case Fn::kMultiply:
      return Watch::kMultiply;
    case Fn::kDistribute:
      return Watch::kDistribute;
    case Fn::kActivemask:
      return Watch::kActivemask;
    case Fn::kElect:
      return Watch::kElect;
    case Fn::kWarpSync:
      return Watch::kWarpSync;
    case Fn::kJump:
    case Fn::kBranch:
    case Fn::kBranchIndexed:
    case Fn::kTrap:
    case Fn::kAssertFail:
      return Watch::kBranch;
    case Fn::kPrintf:
      return Watch::kPrint;
    case Fn::kExit:
      return Watch::kExit;
    case Fn::kBarrier:
      return Watch::kBarrier;
    case Fn::kIsspacep:
    case Fn::kCvta:
    case Fn::kCvtaCheck:
      return Watch::kPlain;
    case Fn::kMov:
      return inst.forgets ? Watch::kForget : Watch::kPlain;
    case Fn::kPack:
      return Watch::kPack;
    case Fn::kUnpack:
      return Watch::kUnpack;
    case Fn::kFns:
      return Watch::kDivide;  // of a base beyond 31 as of a divisor of zero
    case Fn::kDiv:
    case Fn::kRem:
      if (IsInteger(inst.ty)) return Watch::kDivide;
      break;
    default:
      break;
  }
  if (MakesNans(inst) != Ty::kNone) return Watch::kFloat;
  // What stands before the memory operations only computes; what may be added behind them does not.
  return Index(fn) < Index(Fn::kLd) && !inst.memory ? Watch::kPlain : Watch::kNothing;
}

// What is not a function of the launch and the thread's place in it.
bool IsChosenByDevice(ptx::Special special) {
  switch (special) {
    case ptx::Special::kWarpid:
    case ptx::Special::kNwarpid:
    case ptx::Special::kSmid:
    case ptx::Special::kNsmid:
    case ptx::Special::kGridid:
    case ptx::Special::kTotalSmemSize:
    case ptx::Special::kAggrSmemSize:
    case ptx::Special::kReservedSmemOffsetBegin:
    case ptx::Special::kReservedSmemOffsetEnd:
    case ptx::Special::kReservedSmemOffsetCap:
    case ptx::Special::kReservedSmemOffset0:
    case ptx::Special::kReservedSmemOffset1:
    case ptx::Special::kClock:
    case ptx::Special::kClockHi:
    case ptx::Special::kClock64:
    case ptx::Special::kGlobaltimer:
    case ptx::Special::kGlobaltimerLo:
    case ptx::Special::kGlobaltimerHi:
    case ptx::Special::kCurrentGraphExec:
    case ptx::Special::kEnvreg:
    case ptx::Special::kPm:
      return true;
    default:
      return false;
  }
}

class Planner {
 public:
  Planner(const Ir& ir, const Slots& slots, const std::vector<Inst>& emitted, Program& program)
      : ir_(ir), slots_(slots), emitted_(emitted), program_(program), pointers_(ir, emitted) {}

  Status Run() {
    if (emitted_.size() > kMostWatchedOps) {
      return Error(Code::kTooLarge, "the kernel has too many instructions to be checked");
    }
    for (const Inst& inst : emitted_) {
      if (WatchOf(inst) != Watch::kNothing) continue;
      return Error(Code::kUnsupported,
                   "line " + std::to_string(inst.line) +
                       ": an instruction that the checking mode does not follow");
    }
    FindReads();
    FindTracked();
    plan_.sources = pointers_.params();
    plan_.ops.reserve(emitted_.size());
    for (size_t pc = 0; pc < emitted_.size(); ++pc) Add(emitted_[pc], program_.ops[pc]);
    for (const uint32_t r : slots_.cleared) plan_.unwritten.push_back(number_[r]);
    for (uint32_t r = 0; r < ir_.regs.size(); ++r) {
      if (number_[r] == kUntracked || ir_.regs[r].kind != RegKind::kSpecial) continue;
      plan_.chosen.push_back({number_[r], static_cast<ptx::Special>(ir_.regs[r].value)});
    }
    RETURN_IF_ERROR(WatchFragments(ir_, slots_, emitted_, program_, plan_));
    plan_.shared_slots = ir_.shared_slots;
    plan_.local_slots = ir_.local_slots;
    program_.checks = std::make_shared<const CheckPlan>(std::move(plan_));
    return Ok();
  }

 private:
  void FindReads() {
    read_.assign(ir_.regs.size(), false);
    for (const Inst& inst : emitted_) {
      ForEachUse(ir_, inst, [&](uint32_t r) { read_[r] = true; });
    }
  }

  // The least set that holds what may begin undefined and whatever is computed from it.
  void FindTracked() {
    number_.assign(ir_.regs.size(), kUntracked);
    std::vector<uint32_t> open;
    const auto track = [&](uint32_t r) {
      if (number_[r] != kUntracked) return;
      number_[r] = plan_.tracked_count++;
      open.push_back(r);
    };
    for (const uint32_t r : slots_.cleared) track(r);
    std::vector<std::vector<uint32_t>> users(ir_.regs.size());
    for (uint32_t i = 0; i < emitted_.size(); ++i) {
      const Inst& inst = emitted_[i];
      if (Passes(inst)) ForEachUse(ir_, inst, [&](uint32_t r) { users[r].push_back(i); });
      ForEachUse(ir_, inst, [&](uint32_t r) {
        const VReg& reg = ir_.regs[r];
        if (reg.kind == RegKind::kSpecial && IsChosenByDevice(static_cast<ptx::Special>(reg.value)))
          track(r);
      });
      if (Begins(inst)) ForEachDef(ir_, inst, track);
    }
    while (!open.empty()) {
      const uint32_t r = open.back();
      open.pop_back();
      for (const uint32_t i : users[r]) ForEachDef(ir_, emitted_[i], track);
    }
  }

  // Whether an undefined operand makes the results so; else it is reported on the spot.
  static bool Passes(const Inst& inst) {
    switch (WatchOf(inst)) {
      case Watch::kPlain:
      case Watch::kPack:
      case Watch::kUnpack:
      case Watch::kFloat:
      case Watch::kDivide:
      case Watch::kShuffle:
      case Watch::kVote:
      case Watch::kMultiply:
      case Watch::kDistribute:
        return true;
      default:
        return false;
    }
  }

  // Whether results may be undefined whatever the operands are.
  bool Begins(const Inst& inst) const {
    switch (WatchOf(inst)) {
      case Watch::kLoad: {
        const auto window = static_cast<Window>(inst.flags >> kWindowShift);
        return window != Window::kGlobal && window != Window::kParam;
      }
      case Watch::kDivide: {
        if (inst.fn == Fn::kFns) return true;
        const VReg& divisor = ir_.regs[inst.b];
        return divisor.kind != RegKind::kConstant || divisor.value == 0;
      }
      case Watch::kFloat:
      case Watch::kForget:
      case Watch::kShuffle:
      case Watch::kElect:
      case Watch::kActivemask:
        return true;
      default:
        return false;
    }
  }

  uint32_t NumberOf(uint32_t reg) const { return reg == kNoReg ? kUntracked : number_[reg]; }
  uint8_t BytesOf(uint32_t reg) const { return reg == kNoReg ? uint8_t{0} : ir_.regs[reg].bytes; }

  // Registers only: what comes of undefined operands is undefined, at most.
  static bool Computes(Watch watch) {
    return watch == Watch::kPlain || watch == Watch::kPack || watch == Watch::kUnpack ||
           watch == Watch::kDivide;
  }

  void AddUsesAndDefs(const Inst& inst, WatchedOp& out) {
    out.uses = static_cast<uint32_t>(plan_.tracked.size());
    const auto add = [&](uint32_t r) {
      if (number_[r] != kUntracked) plan_.tracked.push_back(number_[r]);
    };
    Inst unguarded = inst;
    unguarded.guard = kNoReg;
    ForEachUse(ir_, unguarded, add);
    out.use_count = static_cast<uint32_t>(plan_.tracked.size()) - out.uses;
    out.defs = static_cast<uint32_t>(plan_.tracked.size());
    ForEachDef(ir_, inst, add);
    out.def_count = static_cast<uint32_t>(plan_.tracked.size()) - out.defs;
  }

  void AddElements(const Inst& inst, WatchedOp& out) {
    out.elements = static_cast<uint32_t>(plan_.tracked.size());
    PushElements(inst, out);
    out.element_count = static_cast<uint32_t>(plan_.tracked.size()) - out.elements;
  }

  void PushElements(const Inst& inst, WatchedOp& out) {
    if (out.watch == Watch::kShuffle) {
      plan_.tracked.push_back(NumberOf(inst.dst));
      plan_.tracked.push_back(inst.extra_count > 1 ? NumberOf(ir_.extras[inst.extra + 1].reg)
                                                   : kUntracked);
      return;
    }
    const bool has_one = out.watch == Watch::kLoad || out.watch == Watch::kStore;
    if (inst.extra_count == 0 && has_one) {
      plan_.tracked.push_back(NumberOf(out.watch == Watch::kLoad ? inst.dst : inst.b));
      return;
    }
    for (uint32_t i = 0; i < inst.extra_count; ++i) {
      plan_.tracked.push_back(NumberOf(ir_.extras[inst.extra + i].reg));
    }
  }

  void Add(const Inst& inst, Op& op) {
    WatchedOp out;
    out.run[0] = op.run[0];
    out.run[1] = op.run[1];
    out.watch = WatchOf(inst);
    out.bytes = ElementBytes(inst.ty);
    out.fn = inst.fn;
    out.ty = inst.ty;
    out.window = static_cast<Window>(inst.flags >> kWindowShift);
    out.non_coherent = (inst.flags & kNonCoherent) != 0;
    out.reads = ReadsNans(inst);
    out.makes = MakesNans(inst);
    out.nan_decides = out.reads != Ty::kNone && NanDecides(inst);
    if (out.watch == Watch::kLoad || out.watch == Watch::kStore) {
      const Fn first = out.watch == Watch::kLoad ? Fn::kLd : Fn::kSt;
      out.register_bytes = static_cast<uint8_t>(2u << (Index(inst.fn) - Index(first)) % 3);
    }
    if (out.watch == Watch::kForget) out.forgotten = inst.imm;
    out.uniform =
        (out.watch == Watch::kBranch || out.watch == Watch::kExit) && (inst.flags & kUniform) != 0;
    out.indexed = inst.fn == Fn::kBranchIndexed;
    out.a = NumberOf(inst.a);
    out.b = NumberOf(inst.b);
    out.c = NumberOf(inst.c);
    out.a_bytes = BytesOf(inst.a);
    out.b_bytes = BytesOf(inst.b);
    out.c_bytes = BytesOf(inst.c);
    out.def_bytes = IsCarry(inst.fn) ? uint8_t{8} : BytesOf(inst.dst);
    out.guard = NumberOf(inst.guard);
    AddUsesAndDefs(inst, out);
    const bool accesses = out.watch != Watch::kPrint;  // what that reads has several addresses
    if (accesses && (out.window == Window::kGlobal || out.window == Window::kGeneric)) {
      out.sources = pointers_.ParamsOf(out.watch == Watch::kCopyAsync ? inst.b : inst.a);
    }
    if (Computes(out.watch) || out.watch == Watch::kFloat || out.watch == Watch::kLoad ||
        out.watch == Watch::kStore || out.watch == Watch::kShuffle ||
        out.watch == Watch::kDistribute) {
      AddElements(inst, out);
    }
    if (out.watch == Watch::kAtom) {
      out.atomic = read_[inst.dst] ? kOrderShows : CommutingKind(inst);
    }
    const bool names_members = out.watch == Watch::kShuffle || out.watch == Watch::kVote ||
                               out.watch == Watch::kElect || out.watch == Watch::kWarpSync ||
                               out.watch == Watch::kWholeWarp;
    if (names_members) out.members = NumberOf(ir_.extras[inst.extra].reg);
    const bool registers_only = Computes(out.watch) || out.watch == Watch::kBranch;
    if (registers_only && !out.uniform && out.use_count == 0 && out.def_count == 0 &&
        out.guard == kUntracked) {
      out.watch = Watch::kNothing;
    }
    if (const Handler handler = ObservingHandler(out.watch)) op.run[0] = op.run[1] = handler;
    plan_.ops.push_back(out);
  }

  const Ir& ir_;
  const Slots& slots_;
  const std::vector<Inst>& emitted_;
  Program& program_;
  const Pointers pointers_;
  CheckPlan plan_ = {};
  std::vector<uint32_t> number_ = {};  // by register: its tracked number
  std::vector<bool> read_ = {};
};

}  // namespace

Status WatchProgram(const Ir& ir, const Slots& slots, const std::vector<Inst>& emitted,
                    Program& program) {
  return Planner(ir, slots, emitted, program).Run();
}

}  // namespace souk::gpu::cpu
