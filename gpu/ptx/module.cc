#include "gpu/ptx/module.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace souk::ptx {

std::string SpecialName(Special special, uint64_t number) {
  static constexpr const char* kNames[] = {
#define X(name, text) text,
      SOUK_PTX_SPECIALS(X)
#undef X
  };
  if (special == Special::kEnvreg) return fmt::format("%envreg{}", number);
  // %pm0 … %pm7, then %pm0_64 … %pm7_64 as 32 + n.
  if (special == Special::kPm) {
    return number >= 32 ? fmt::format("%pm{}_64", number - 32) : fmt::format("%pm{}", number);
  }
  return kNames[static_cast<size_t>(special)];
}

Picks Picks::Decode(uint64_t value) {
  Picks picks;
  picks.halves = (value >> 4 & 1) != 0;
  picks.count = static_cast<uint8_t>(value & 7);
  for (size_t i = 0; i < 4; ++i) picks.at[i] = static_cast<uint8_t>(value >> (8 + 4 * i) & 7);
  return picks;
}

uint64_t Picks::Encode() const {
  uint64_t value = count | (halves ? 16u : 0u);
  for (size_t i = 0; i < 4; ++i) value |= uint64_t{at[i]} << (8 + 4 * i);
  return value;
}

uint64_t FloatBits(const Operand& constant, Type type) {
  const bool wide = TypeBits(type) == 64;
  double value = 0;
  if (constant.kind == OperandKind::kFloat32) {
    if (!wide) return constant.value;
    value = std::bit_cast<float>(static_cast<uint32_t>(constant.value));
  } else if (constant.kind == OperandKind::kFloat64) {
    if (wide) return constant.value;
    value = std::bit_cast<double>(constant.value);
  } else {
    value = static_cast<double>(static_cast<int64_t>(constant.value));
  }
  if (wide) return std::bit_cast<uint64_t>(value);
  return std::bit_cast<uint32_t>(static_cast<float>(value));
}

const Function* Module::FindFunction(std::string_view name) const {
  const auto at = std::find_if(functions.begin(), functions.end(),
                               [&](const Function& f) { return f.name == name; });
  return at != functions.end() ? &*at : nullptr;
}

const Function* Module::FindKernel(std::string_view name) const {
  const Function* const found = FindFunction(name);
  return found != nullptr && found->is_entry && found->defined ? found : nullptr;
}

const Variable* Module::FindVariable(std::string_view name) const {
  const auto at = std::find_if(variables.begin(), variables.end(),
                               [&](const Variable& v) { return v.name == name; });
  return at != variables.end() ? &*at : nullptr;
}

}  // namespace souk::ptx
