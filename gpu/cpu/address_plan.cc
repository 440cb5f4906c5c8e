#include "gpu/cpu/address_plan.h"

#include <algorithm>
#include <map>
#include <utility>

#include "gpu/cpu/lower_types.h"

namespace souk::gpu::cpu {

using ptx::Compare;

namespace {

inline constexpr size_t kMostTerms = 4096;
inline constexpr size_t kMostAccesses = 64;
inline constexpr size_t kMostConditions = 32;  // of an access
inline constexpr int kMostDepth = 64;
inline constexpr uint32_t kMostNested = 256;   // terms in each other: each takes stack
inline constexpr uint32_t kMostAssumed = 256;  // predicates that are looked at for an access

bool Is32(Ty ty) {
  return ty == Ty::kU32 || ty == Ty::kS32;
}
bool Is64(Ty ty) {
  return ty == Ty::kU64 || ty == Ty::kS64;
}

class Follower {
 public:
  Follower(const Ir& ir, const Flow& flow)
      : ir_(ir), flow_(flow), defs_(FindDefinitions(ir, flow)) {
    plan_.terms.push_back(Term{});  // unknown
  }

  std::shared_ptr<const AddressPlan> Run() {
    for (const uint32_t b : flow_.order) {
      for (uint32_t i = flow_.blocks[b].begin; i < flow_.blocks[b].end; ++i) {
        if (!Take(i)) return nullptr;
      }
    }
    return std::make_shared<const AddressPlan>(std::move(plan_));
  }

 private:
  // False: the instruction touches device memory in a way that cannot be followed.
  bool Take(uint32_t at) {
    const Inst& inst = ir_.insts[at];
    const bool loads = IsWithin(inst.fn, Fn::kLd, Fn::kLdLast);
    const bool stores = IsWithin(inst.fn, Fn::kSt, Fn::kStLast);
    const bool updates = IsWithin(inst.fn, Fn::kAtom, Fn::kAtomLast);
    if (inst.fn == Fn::kMbarrier || inst.fn == Fn::kCopyAsync || inst.fn == Fn::kCopyBulk) {
      return false;
    }
    if (!loads && !stores && !updates) return !inst.memory;
    const auto window = static_cast<Window>(inst.flags >> kWindowShift);
    if (window != Window::kGlobal && window != Window::kGeneric) return true;
    AccessPlan access;
    if ((inst.flags & kNarrowAddress) != 0 || inst.a == kNoReg) return false;
    access.address = TermOf(inst.a, at, 0);
    if (access.address == 0 || plan_.accesses.size() == kMostAccesses) return false;
    access.offset = inst.imm;
    access.bytes = ElementBytes(inst.ty) * (updates ? 1u : inst.count);
    access.reads = !stores;
    access.writes = !loads;
    FindConditions(at, access.conditions);
    plan_.accesses.push_back(std::move(access));
    return true;
  }

  uint32_t Add(Term term) {
    if (plan_.terms.size() == kMostTerms) return 0;
    const uint32_t nested = 1 + std::max(nested_[term.a], nested_[term.b]);
    if (nested > kMostNested) return 0;
    plan_.terms.push_back(term);
    nested_.push_back(nested);
    return static_cast<uint32_t>(plan_.terms.size() - 1);
  }
  uint32_t Join(Term::Kind kind, uint8_t bits, uint32_t a, uint32_t b) {
    if (a == 0 || b == 0) return 0;
    return Add(Term{.kind = kind, .bits = bits, .a = a, .b = b});
  }
  uint32_t Extend(uint32_t a, bool is_signed) {
    if (a == 0) return 0;
    return Add(Term{.kind = Term::Kind::kExtend, .bits = 64, .is_signed = is_signed, .a = a});
  }

  // As inst `at` reads the register; 0: unknown.
  uint32_t TermOf(uint32_t reg, uint32_t at, int depth) {
    if (reg == kNoReg || depth > kMostDepth) return 0;
    const VReg& r = ir_.regs[reg];
    if (r.bytes != 4 && r.bytes != 8) return 0;
    if (r.kind == RegKind::kVariable) {
      // Every read sees what the only write made: it comes first on each way.
      const uint32_t def = defs_.inst[reg];
      if (defs_.count[reg] != 1 || !ComesBefore(flow_, def, at)) return 0;
    }
    if (const auto found = known_.find(reg); found != known_.end()) return found->second;
    const uint32_t term = MakeTerm(reg, r, depth);
    known_.emplace(reg, term);
    return term;
  }

  uint32_t MakeTerm(uint32_t reg, const VReg& r, int depth) {
    const auto bits = static_cast<uint8_t>(r.bytes * 8);
    switch (r.kind) {
      case RegKind::kConstant:
        return Add(Term{.kind = Term::Kind::kNumber, .bits = bits, .value = r.value});
      case RegKind::kParam:
        return Add(Term{.kind = Term::Kind::kParam,
                        .bits = bits,
                        .is_signed = (r.value >> 40 & 1) != 0,
                        .bytes = static_cast<uint8_t>(r.value >> 32),
                        .value = r.value & 0xffffffff});
      case RegKind::kSpecial:
        return Add(Term{.kind = Term::Kind::kSpecial, .bits = bits, .value = r.value});
      case RegKind::kVariable:
        return TermOfInst(defs_.inst[reg], depth + 1);
      case RegKind::kInvariant:
        break;
    }
    return 0;
  }

  uint32_t TermOfInst(uint32_t at, int depth) {
    const Inst& inst = ir_.insts[at];
    if (inst.guard != kNoReg || inst.extra_count != 0 || inst.forgets) return 0;
    const bool narrow = Is32(inst.ty);
    if (!narrow && !Is64(inst.ty)) return 0;
    const uint8_t bits = narrow ? 32 : 64;
    const auto of = [&](uint32_t reg) { return TermOf(reg, at, depth); };
    using Kind = Term::Kind;
    switch (inst.fn) {
      case Fn::kMov:
        return of(inst.a);
      case Fn::kAdd:
        return Join(Kind::kSum, bits, of(inst.a), of(inst.b));
      case Fn::kSub:
        return Join(Kind::kDifference, bits, of(inst.a), of(inst.b));
      case Fn::kMulLo:
        return Join(Kind::kProduct, bits, of(inst.a), of(inst.b));
      case Fn::kMadLo:
        return Join(Kind::kSum, bits, Join(Kind::kProduct, bits, of(inst.a), of(inst.b)),
                    of(inst.c));
      case Fn::kMulWide:
      case Fn::kMadWide: {
        if (!narrow) return 0;
        const bool is_signed = inst.ty == Ty::kS32;
        const uint32_t product =
            Join(Kind::kProduct, 64, Extend(of(inst.a), is_signed), Extend(of(inst.b), is_signed));
        return inst.fn == Fn::kMulWide ? product : Join(Kind::kSum, 64, product, of(inst.c));
      }
      case Fn::kShl: {
        const VReg& by = ir_.regs[inst.b];
        if (by.kind != RegKind::kConstant || by.value >= bits) return 0;
        const uint32_t factor =
            Add(Term{.kind = Kind::kNumber, .bits = bits, .value = uint64_t{1} << by.value});
        return Join(Kind::kProduct, bits, of(inst.a), factor);
      }
      default:
        break;
    }
    if (inst.imm != 0) return 0;
    if (inst.fn == Fn::kCvt + Index(Ty::kU32) || inst.fn == Fn::kCvt + Index(Ty::kS32)) {
      return narrow ? of(inst.a) : Extend(of(inst.a), inst.fn == Fn::kCvt + Index(Ty::kS32));
    }
    if (inst.fn == Fn::kCvt + Index(Ty::kU64) || inst.fn == Fn::kCvt + Index(Ty::kS64)) {
      const uint32_t a = of(inst.a);
      if (!narrow || a == 0) return a;
      return Add(Term{.kind = Kind::kNarrow, .bits = 32, .a = a});
    }
    return 0;
  }

  // What the branches and exits on every way to inst `at` show, and its own guard.
  void FindConditions(uint32_t at, std::vector<Condition>& out) {
    const Inst& access = ir_.insts[at];
    assumed_ = 0;
    if (access.guard != kNoReg) Assume(access.guard, !access.guard_flip, at, 0, out);
    uint32_t block = flow_.block_of[at];
    FindExits(flow_.blocks[block].begin, at, out);
    for (int steps = 0; steps < 256; ++steps) {
      const uint32_t above = flow_.blocks[block].dominator;
      if (above == kNoReg || above == block) return;
      const Block& from = flow_.blocks[above];
      const Inst& last = ir_.insts[from.end - 1];
      if (last.fn == Fn::kBranch && last.guard != kNoReg && flow_.blocks[block].pred.size() == 1) {
        const uint32_t target = flow_.block_of[ir_.labels[last.target]];
        if (target != above + 1) {
          const bool taken = block == target;
          Assume(last.guard, taken != last.guard_flip, from.end - 1, 0, out);
        }
      }
      FindExits(from.begin, from.end, out);
      block = above;
    }
  }
  void FindExits(uint32_t begin, uint32_t end, std::vector<Condition>& out) {
    for (uint32_t i = begin; i < end; ++i) {
      const Inst& inst = ir_.insts[i];
      if (inst.fn == Fn::kExit && inst.guard != kNoReg) {
        Assume(inst.guard, inst.guard_flip, i, 0, out);
      }
    }
  }

  // The predicate, as inst `at` reads it, is `holds`.
  void Assume(uint32_t predicate, bool holds, uint32_t at, int depth, std::vector<Condition>& out) {
    if (depth > kMostDepth || out.size() >= kMostConditions) return;
    // A predicate may stand twice in the next one, and that twice in the one behind it.
    if (++assumed_ > kMostAssumed) return;
    const uint32_t def = defs_.inst[predicate];
    if (ir_.regs[predicate].kind != RegKind::kVariable || defs_.count[predicate] != 1) return;
    if (!ComesBefore(flow_, def, at)) return;
    const Inst& inst = ir_.insts[def];
    if (inst.guard != kNoReg || inst.dst != predicate) return;
    if (inst.fn == Fn::kOr || inst.fn == Fn::kAnd) {
      if (inst.ty != Ty::kPred || holds != (inst.fn == Fn::kAnd)) return;
      Assume(inst.a, holds, def, depth + 1, out);
      Assume(inst.b, holds, def, depth + 1, out);
    } else if (inst.fn == Fn::kNot && inst.ty == Ty::kPred) {
      Assume(inst.a, !holds, def, depth + 1, out);
    } else if (inst.fn == Fn::kMov && inst.ty == Ty::kPred) {
      Assume(inst.a, holds, def, depth + 1, out);
    } else if (inst.fn > Fn::kSetp && inst.fn <= Fn::kSetpLast && Is32(inst.ty)) {
      Condition condition;
      condition.left = TermOf(inst.a, def, 0);
      condition.right = TermOf(inst.b, def, 0);
      condition.compare = static_cast<Compare>(Index(inst.fn) - Index(Fn::kSetp));
      condition.is_signed = inst.ty == Ty::kS32;
      condition.holds = holds;
      if (condition.left != 0 && condition.right != 0) out.push_back(condition);
    }
  }

  const Ir& ir_;
  const Flow& flow_;
  const Definitions defs_;
  std::map<uint32_t, uint32_t> known_ = {};  // terms of registers
  AddressPlan plan_ = {};
  std::vector<uint32_t> nested_ = {0};  // by term
  uint32_t assumed_ = 0;                // for the access
};

}  // namespace

std::shared_ptr<const AddressPlan> FollowAddresses(const Ir& ir, const Flow& flow) {
  return Follower(ir, flow).Run();
}

}  // namespace souk::gpu::cpu
