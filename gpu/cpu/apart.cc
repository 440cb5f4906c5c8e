#include "gpu/cpu/apart.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <optional>

#include "gpu/cpu/lower_types.h"

namespace souk::gpu::cpu {
namespace {

inline constexpr size_t kMostTerms = 4096;
inline constexpr size_t kMostAccesses = 64;
inline constexpr size_t kMostConditions = 32;  // of an access
inline constexpr int kMostDepth = 64;
inline constexpr uint32_t kMostNested = 256;   // terms in each other: each takes stack
inline constexpr uint32_t kMostAssumed = 256;  // predicates that are looked at for an access

using ptx::Compare;
using ptx::Special;

bool Is32(Ty ty) {
  return ty == Ty::kU32 || ty == Ty::kS32;
}
bool Is64(Ty ty) {
  return ty == Ty::kU64 || ty == Ty::kS64;
}

// ---- What the instructions say ----

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

// ---- What a launch makes of it ----

// tid.x, .y, .z, ctaid.x, .y, .z; behind them parts: terms of which the conditions tell more than
// their coordinates do.
inline constexpr size_t kCoordinates = 6;
inline constexpr size_t kMostParts = 6;
inline constexpr size_t kVariables = kCoordinates + kMostParts;

struct Range {
  __int128 low = 0;
  __int128 high = 0;  // inclusive
};

// number + the sum of factor × variable, modulo 2 to the power of the term's bits.
struct LinearForm {
  int64_t number = 0;
  std::array<int64_t, kVariables> factors = {};

  bool is_number() const {
    return std::all_of(factors.begin(), factors.end(), [](int64_t f) { return f == 0; });
  }
};

struct Part {
  uint32_t term = 0;
  Range range = {};
  LinearForm form = {};  // of coordinates
};

class Evaluation {
 public:
  Evaluation(const AddressPlan& plan, const LaunchShape& shape, ByteView params)
      : plan_(plan), params_(params), shape_(shape) {
    const uint32_t extents[kCoordinates] = {shape.block.x, shape.block.y, shape.block.z,
                                            shape.grid.x,  shape.grid.y,  shape.grid.z};
    for (size_t i = 0; i < kCoordinates; ++i) ranges_[i] = Range{0, int64_t{extents[i]} - 1};
    plain_.values.assign(plan.terms.size(), std::nullopt);
    plain_.done.assign(plan.terms.size(), false);
  }

  // The access's address.
  std::optional<LinearForm> Address(const AccessPlan& access) {
    access_ = &access;
    narrowed_.values.assign(plan_.terms.size(), std::nullopt);
    narrowed_.done.assign(plan_.terms.size(), false);
    std::optional<LinearForm> form = Value(access.address, /*narrowing=*/true);
    if (!form) return std::nullopt;
    const auto offset = static_cast<int64_t>(access.offset);
    if (__builtin_add_overflow(form->number, offset, &form->number)) return std::nullopt;
    return form;
  }

  Range RangeOf(const LinearForm& form) const {
    Range range{form.number, form.number};
    for (size_t i = 0; i < kVariables; ++i) {
      const __int128 factor = form.factors[i];
      if (factor == 0) continue;
      range.low += factor * (factor > 0 ? ranges_[i].low : ranges_[i].high);
      range.high += factor * (factor > 0 ? ranges_[i].high : ranges_[i].low);
    }
    return range;
  }

  // Whether blocks that come within `reach` of each other's value of the form are one block.
  bool TellsBlocks(const LinearForm& form, __int128 reach) const {
    if (AreDigits(form, reach, /*threads_together=*/false)) return NamesBlock(form);
    const bool has_parts = std::any_of(form.factors.begin() + kCoordinates, form.factors.end(),
                                       [](int64_t f) { return f != 0; });
    return !has_parts && AreDigits(form, reach, /*threads_together=*/true) && NamesBlock(form);
  }

 private:
  std::optional<LinearForm> Value(uint32_t term, bool narrowing) {
    Values& known = narrowing ? narrowed_ : plain_;
    if (!known.done[term]) {
      known.done[term] = true;
      std::optional<LinearForm> form = Compute(term, narrowing);
      if (narrowing && form && plan_.terms[term].bits == 32) Narrow(term, *form);
      known.values[term] = form;
    }
    return known.values[term];
  }

  std::optional<LinearForm> Compute(uint32_t index, bool narrowing) {
    const Term& term = plan_.terms[index];
    using Kind = Term::Kind;
    LinearForm form;
    switch (term.kind) {
      case Kind::kUnknown:
        return std::nullopt;
      case Kind::kNumber:
        form.number = Signed(term.value, term.bits);
        return form;
      case Kind::kParam: {
        if (term.value + term.bytes > params_.size() || term.bytes > 8) return std::nullopt;
        uint64_t value = 0;
        std::memcpy(&value, params_.data() + term.value, term.bytes);
        if (term.is_signed) {
          value = static_cast<uint64_t>(Signed(value, static_cast<uint8_t>(term.bytes * 8)));
        }
        form.number = Signed(value, term.bits);
        return form;
      }
      case Kind::kSpecial:
        return OfSpecial(static_cast<Special>(term.value & 0xffffffff));
      case Kind::kExtend: {
        const std::optional<LinearForm> a = Value(term.a, narrowing);
        if (!a) return std::nullopt;
        return Exact(*a, term.is_signed);
      }
      case Kind::kNarrow:
        return Value(term.a, narrowing);
      case Kind::kSum:
      case Kind::kDifference:
      case Kind::kProduct:
        break;
    }
    std::optional<LinearForm> a = Value(term.a, narrowing);
    std::optional<LinearForm> b = Value(term.b, narrowing);
    if (!a || !b) return std::nullopt;
    if (term.kind != Kind::kProduct) {
      if (term.kind == Kind::kDifference) b = Times(*b, -1);
      return b ? Sum(*a, *b) : std::nullopt;
    }
    if (a->is_number()) std::swap(a, b);
    return b->is_number() ? Times(*a, b->number) : std::nullopt;
  }

  static int64_t Signed(uint64_t value, uint8_t bits) {
    const int shift = 64 - bits;
    return static_cast<int64_t>(value << shift) >> shift;
  }
  static std::optional<LinearForm> Sum(LinearForm a, const LinearForm& b) {
    bool over = __builtin_add_overflow(a.number, b.number, &a.number);
    for (size_t i = 0; i < kVariables; ++i) {
      over |= __builtin_add_overflow(a.factors[i], b.factors[i], &a.factors[i]);
    }
    return over ? std::nullopt : std::optional<LinearForm>(a);
  }
  static std::optional<LinearForm> Times(LinearForm a, int64_t n) {
    bool over = __builtin_mul_overflow(a.number, n, &a.number);
    for (int64_t& factor : a.factors) over |= __builtin_mul_overflow(factor, n, &factor);
    return over ? std::nullopt : std::optional<LinearForm>(a);
  }

  std::optional<LinearForm> OfSpecial(Special special) const {
    LinearForm form;
    const auto coordinate = [&](size_t i) {
      form.factors[i] = 1;
      return form;
    };
    const auto number = [&](uint32_t n) {
      form.number = Signed(n, 32);
      return form;
    };
    switch (special) {
      case Special::kTidX:
        return coordinate(0);
      case Special::kTidY:
        return coordinate(1);
      case Special::kTidZ:
        return coordinate(2);
      case Special::kCtaidX:
        return coordinate(3);
      case Special::kCtaidY:
        return coordinate(4);
      case Special::kCtaidZ:
        return coordinate(5);
      case Special::kNtidX:
        return number(shape_.block.x);
      case Special::kNtidY:
        return number(shape_.block.y);
      case Special::kNtidZ:
        return number(shape_.block.z);
      case Special::kNctaidX:
        return number(shape_.grid.x);
      case Special::kNctaidY:
        return number(shape_.grid.y);
      case Special::kNctaidZ:
        return number(shape_.grid.z);
      default:
        return std::nullopt;
    }
  }

  // A 32-bit value as a number of its own, no longer modulo 2^32.
  std::optional<LinearForm> Exact(LinearForm form, bool is_signed) const {
    constexpr __int128 kTop = __int128{1} << 32;
    if (form.is_number()) {
      form.number = is_signed
                        ? Signed(static_cast<uint64_t>(form.number), 32)
                        : static_cast<int64_t>(static_cast<uint64_t>(form.number) & (kTop - 1));
      return form;
    }
    const Range range = RangeOf(form);
    const __int128 low = is_signed ? -kTop / 2 : 0;
    const __int128 end = is_signed ? kTop / 2 : kTop;
    return range.low >= low && range.high < end ? std::optional<LinearForm>(form) : std::nullopt;
  }

  // Where the access's conditions tell more of the term than its form does, it becomes a part.
  void Narrow(uint32_t term, LinearForm& form) {
    Range range = RangeOf(form);
    if (form.is_number() || range.low < 0 || range.high >= (__int128{1} << 31)) return;
    for (size_t i = kCoordinates; i < kVariables; ++i) {
      if (form.factors[i] != 0) return;
    }
    const Range before = range;
    for (const Condition& condition : access_->conditions) {
      if (condition.left == term) Bound(condition.right, condition, condition.compare, range);
      if (condition.right == term)
        Bound(condition.left, condition, Turned(condition.compare), range);
    }
    const bool same = range.low == before.low && range.high == before.high;
    if (same || range.low > range.high) return;
    size_t at = 0;
    while (at < parts_.size() && (parts_[at].term != term || parts_[at].range.low != range.low ||
                                  parts_[at].range.high != range.high)) {
      ++at;
    }
    if (at == kMostParts) return;
    if (at == parts_.size()) {
      parts_.push_back(Part{term, range, form});
      ranges_[kCoordinates + at] = range;
    }
    form = LinearForm{};
    form.factors[kCoordinates + at] = 1;
  }

  static Compare Turned(Compare compare) {
    switch (compare) {
      case Compare::kLt:
        return Compare::kGt;
      case Compare::kLe:
        return Compare::kGe;
      case Compare::kGt:
        return Compare::kLt;
      case Compare::kGe:
        return Compare::kLe;
      default:
        return compare;
    }
  }
  static Compare Negated(Compare compare) {
    switch (compare) {
      case Compare::kLt:
        return Compare::kGe;
      case Compare::kLe:
        return Compare::kGt;
      case Compare::kGt:
        return Compare::kLe;
      case Compare::kGe:
        return Compare::kLt;
      case Compare::kEq:
        return Compare::kNe;
      case Compare::kNe:
        return Compare::kEq;
      default:
        return Compare::kNone;
    }
  }

  // value COMPARE other, where the value is from 0 to below 2^31.
  void Bound(uint32_t other, const Condition& condition, Compare compare, Range& range) {
    const std::optional<LinearForm> form = Value(other, /*narrowing=*/false);
    if (!form || !form->is_number()) return;
    const std::optional<LinearForm> exact = Exact(*form, condition.is_signed);
    if (!exact) return;
    const __int128 n = exact->number;
    switch (condition.holds ? compare : Negated(compare)) {
      case Compare::kLt:
        range.high = std::min(range.high, n - 1);
        break;
      case Compare::kLe:
        range.high = std::min(range.high, n);
        break;
      case Compare::kGt:
        range.low = std::max(range.low, n + 1);
        break;
      case Compare::kGe:
        range.low = std::max(range.low, n);
        break;
      case Compare::kNe:
        if (n == range.low) ++range.low;
        break;
      default:
        break;
    }
  }

  // Whether two values of the form that lie less than `reach` apart are of the same variables: each
  // factor is larger than all that the smaller ones can make up, and reach, together.
  // threads_together: of the threads' coordinates nothing is said.
  bool AreDigits(const LinearForm& form, __int128 reach, bool threads_together) const {
    std::vector<std::pair<__int128, __int128>> digits;  // factor, the most that it makes up
    __int128 below = 0;
    for (size_t i = 0; i < kVariables; ++i) {
      const __int128 factor = form.factors[i] < 0 ? -__int128{form.factors[i]} : form.factors[i];
      const __int128 most = factor * (ranges_[i].high - ranges_[i].low);
      if (most == 0) continue;
      if (threads_together && i < kCoordinates / 2) {
        below += most;
      } else {
        digits.emplace_back(factor, most);
      }
    }
    std::sort(digits.begin(), digits.end());
    for (const auto& [factor, most] : digits) {
      if (factor < below + reach) return false;
      below += most;
    }
    return true;
  }
  // Whether the form's variables are one block's only.
  bool NamesBlock(const LinearForm& form) const {
    std::array<bool, kCoordinates> named = {};
    for (size_t i = 0; i < kCoordinates; ++i) named[i] = form.factors[i] != 0;
    for (size_t p = 0; p < parts_.size(); ++p) {
      if (form.factors[kCoordinates + p] == 0) continue;
      const bool digits = AreDigits(parts_[p].form, 1, /*threads_together=*/false);
      for (size_t i = 0; digits && i < kCoordinates; ++i) {
        named[i] = named[i] || parts_[p].form.factors[i] != 0;
      }
    }
    for (size_t i = kCoordinates / 2; i < kCoordinates; ++i) {
      if (ranges_[i].high > 0 && !named[i]) return false;
    }
    return true;
  }

  const AddressPlan& plan_;
  ByteView params_;
  const LaunchShape& shape_;
  const AccessPlan* access_ = nullptr;
  std::array<Range, kVariables> ranges_ = {};
  std::vector<Part> parts_ = {};
  // By term. Each is found out once: it may stand in others any number of times.
  struct Values {
    std::vector<std::optional<LinearForm>> values = {};
    std::vector<bool> done = {};
  };
  Values narrowed_ = {};  // for access_
  Values plain_ = {};
};

struct Placed {
  LinearForm form = {};
  uint32_t bytes = 0;
  size_t allocation = 0;
  bool reads = false;
  bool writes = false;
};

// Which allocation all of it lies in.
std::optional<size_t> AllocationOf(const Memory& memory, const Range& range, uint32_t bytes) {
  const Allocation* const end = memory.allocations + memory.allocation_count;
  const Allocation* const after =
      std::upper_bound(memory.allocations, end, range.low,
                       [](__int128 x, const Allocation& a) { return x < a.begin; });
  if (after == memory.allocations || range.high + bytes > (after - 1)->end) return std::nullopt;
  return static_cast<size_t>(after - 1 - memory.allocations);
}

}  // namespace

std::shared_ptr<const AddressPlan> FollowAddresses(const Ir& ir, const Flow& flow) {
  return Follower(ir, flow).Run();
}

bool AreBlocksApart(const AddressPlan& plan, const LaunchShape& shape, const Memory& memory,
                    ByteView params) {
  Evaluation evaluation(plan, shape, params);
  std::vector<Placed> placed;
  for (const AccessPlan& access : plan.accesses) {
    const std::optional<LinearForm> form = evaluation.Address(access);
    if (!form) return false;
    const auto allocation = AllocationOf(memory, evaluation.RangeOf(*form), access.bytes);
    if (!allocation) return false;
    placed.push_back(Placed{*form, access.bytes, *allocation, access.reads, access.writes});
  }
  for (const Placed& write : placed) {
    if (!write.writes) continue;
    for (const Placed& other : placed) {
      if (other.allocation != write.allocation) continue;
      if (other.reads || other.form.factors != write.form.factors) return false;
      const __int128 distance = __int128{other.form.number} - write.form.number;
      const __int128 reach =
          (distance < 0 ? -distance : distance) + std::max(write.bytes, other.bytes);
      if (!evaluation.TellsBlocks(write.form, reach)) return false;
    }
  }
  return true;
}

}  // namespace souk::gpu::cpu
