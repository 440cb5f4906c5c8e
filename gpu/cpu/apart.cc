#include "gpu/cpu/apart.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace souk::gpu::cpu {

using ptx::Compare;
using ptx::Special;

namespace {

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
