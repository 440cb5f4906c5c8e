#include "gpu/ptx/names.h"

#include <algorithm>

namespace souk::ptx {
namespace {

struct Numbered {
  std::string_view prefix = {};
  uint32_t number = 0;
};

// "%r12" as number 12 of %r. As ptxas does, all digits at the end are the number, which wraps, and
// "%r012" is the same. Nothing where no digit is at the end.
std::optional<Numbered> SplitNumber(std::string_view name) {
  const size_t last = name.find_last_not_of("0123456789");
  if (last == std::string_view::npos || last + 1 == name.size()) return std::nullopt;
  Numbered numbered{name.substr(0, last + 1), 0};
  for (char digit : name.substr(last + 1)) {
    numbered.number = numbered.number * 10 + static_cast<uint32_t>(digit - '0');
  }
  return numbered;
}

}  // namespace

void Names::Leave() {
  Undo& undo = undo_.back();
  for (auto at = undo.symbols.rbegin(); at != undo.symbols.rend(); ++at) {
    if (at->second) {
      symbols_[at->first] = *at->second;
    } else {
      symbols_.erase(at->first);
    }
  }
  for (auto at = undo.ranges.rbegin(); at != undo.ranges.rend(); ++at) {
    if (at->second) {
      ranges_[at->first] = *at->second;
    } else {
      ranges_.erase(at->first);
    }
  }
  undo_.pop_back();
}

void Names::Put(std::string_view name, const Symbol& symbol) {
  const auto [at, inserted] = symbols_.try_emplace(name, symbol);
  std::optional<Symbol> before;
  if (!inserted) {
    before = at->second;
    at->second = symbol;
  }
  undo_[symbol.depth].symbols.emplace_back(name, before);
}

bool Names::Declare(std::string_view name, Symbol symbol) {
  symbol.depth = static_cast<uint32_t>(depth());
  const auto at = symbols_.find(name);
  if (at != symbols_.end() && at->second.depth == symbol.depth) return false;
  if (const auto numbered = SplitNumber(name)) {
    const auto range = ranges_.find(numbered->prefix);
    if (range != ranges_.end() && range->second.depth == symbol.depth &&
        numbered->number < range->second.count) {
      return false;
    }
    const auto [least, first] = undo_.back().least.try_emplace(numbered->prefix, numbered->number);
    if (!first) least->second = std::min(least->second, numbered->number);
  }
  Put(name, symbol);
  return true;
}

bool Names::IsDeclaredHere(std::string_view name) const {
  const auto at = symbols_.find(name);
  return at != symbols_.end() && at->second.depth == depth() && !at->second.in_range;
}

bool Names::DeclareRange(std::string_view prefix, uint32_t count, Type type, uint8_t vector) {
  const uint32_t here = static_cast<uint32_t>(depth());
  const auto least = undo_.back().least.find(prefix);
  if (least != undo_.back().least.end() && least->second < count) return false;
  const Range range{count, type, vector, here};
  const auto [at, inserted] = ranges_.try_emplace(prefix, range);
  std::optional<Range> before;
  if (!inserted) {
    if (at->second.depth == here) return false;
    before = at->second;
    at->second = range;
  }
  undo_.back().ranges.emplace_back(prefix, before);
  undo_.back().has_ranges = true;
  return true;
}

// Only the digits at the end make a number: "%r12" is number 12 of %r, and never number 2 of a
// range that is called %r1, which thus has no names. (ptxas also takes "%r012" for number 12.)
const Names::Range* Names::FindRange(std::string_view name) const {
  constexpr size_t kMaxDigits = 9;
  const auto numbered = SplitNumber(name);
  if (!numbered) return nullptr;
  const size_t digits = name.size() - numbered->prefix.size();
  const bool leading_zero = digits > 1 && name[numbered->prefix.size()] == '0';
  if (digits > kMaxDigits || leading_zero) return nullptr;
  const auto at = ranges_.find(numbered->prefix);
  return at != ranges_.end() && numbered->number < at->second.count ? &at->second : nullptr;
}

Symbol* Names::Find(std::string_view name) {
  const auto at = symbols_.find(name);
  if (at != symbols_.end()) {
    // A range declared further in than the symbol would hide it.
    bool hidden = false;
    for (size_t i = at->second.depth + 1; i < undo_.size(); ++i) hidden |= undo_[i].has_ranges;
    if (!hidden) return &at->second;
  }
  const Range* const range = FindRange(name);
  if (range == nullptr || (at != symbols_.end() && at->second.depth >= range->depth)) {
    return at != symbols_.end() ? &at->second : nullptr;
  }
  Symbol symbol;
  symbol.type = range->type;
  symbol.vector = range->vector;
  symbol.depth = range->depth;
  symbol.in_range = true;
  Put(name, symbol);
  return &symbols_[name];
}

}  // namespace souk::ptx
