#include "gpu/workload/manifest_values.h"

#include <bit>
#include <charconv>
#include <cmath>

namespace souk::gpu {
namespace {

struct Unit {
  std::string_view name;
  uint64_t factor;
};
constexpr Unit kSizes[] = {
    {"B", 1}, {"KiB", 1ull << 10}, {"MiB", 1ull << 20}, {"GiB", 1ull << 30}, {"TiB", 1ull << 40}};
constexpr Unit kTimes[] = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};

template <size_t N>
Result<uint64_t> WithUnit(std::string_view text, const Unit (&units)[N], const char* example) {
  uint64_t value = 0;
  const std::from_chars_result parsed =
      std::from_chars(text.data(), text.data() + text.size(), value);
  std::string_view rest = text.substr(static_cast<size_t>(parsed.ptr - text.data()));
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  if (parsed.ec == std::errc()) {
    for (const Unit& unit : units) {
      if (rest != unit.name) continue;
      if (__builtin_mul_overflow(value, unit.factor, &value)) {
        return Error(Code::kOverflow, "it leaves 64 bits");
      }
      return value;
    }
  }
  return Error(Code::kMalformed, "\"" + std::string(text.substr(0, 64)) +
                                     "\" is not a whole number with a unit, as \"" + example +
                                     "\"");
}

bool IsFloat(DType dtype) {
  return dtype == DType::kF16 || dtype == DType::kF32 || dtype == DType::kF64;
}

bool FitsInteger(DType dtype, int64_t value) {
  const unsigned bits = DTypeBytes(dtype) * 8;
  switch (dtype) {
    case DType::kBool:
      return value == 0 || value == 1;
    case DType::kI8:
    case DType::kI16:
    case DType::kI32:
      return value >= -(int64_t{1} << (bits - 1)) && value < int64_t{1} << (bits - 1);
    case DType::kI64:
      return true;
    case DType::kU8:
    case DType::kU16:
    case DType::kU32:
      return value >= 0 && value < int64_t{1} << bits;
    case DType::kU64:
      return value >= 0;
    case DType::kF16:
    case DType::kF32:
    case DType::kF64:
      return true;
  }
  return false;
}

}  // namespace

Result<uint64_t> ParseByteSize(std::string_view text) {
  return WithUnit(text, kSizes, "512 MiB");
}
Result<uint64_t> ParseDurationMs(std::string_view text) {
  return WithUnit(text, kTimes, "30s");
}

Result<uint64_t> ParseCredits(std::string_view text) {
  const Error wrong(Code::kMalformed, "\"" + std::string(text.substr(0, 64)) +
                                          "\" is not an amount of credits, as \"0.05\"");
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string fraction(point == std::string_view::npos ? "" : text.substr(point + 1));
  if (whole.empty() || fraction.size() > 6 ||
      (point != std::string_view::npos && fraction.empty())) {
    return wrong;
  }
  fraction.resize(6, '0');
  uint64_t credits = 0;
  uint64_t micro = 0;
  const std::from_chars_result left =
      std::from_chars(whole.data(), whole.data() + whole.size(), credits);
  const std::from_chars_result right =
      std::from_chars(fraction.data(), fraction.data() + fraction.size(), micro);
  if (left.ec != std::errc() || left.ptr != whole.data() + whole.size() ||
      right.ec != std::errc() || right.ptr != fraction.data() + fraction.size()) {
    return wrong;
  }
  if (__builtin_mul_overflow(credits, uint64_t{1'000'000}, &credits) ||
      __builtin_add_overflow(credits, micro, &credits) || credits > INT64_MAX) {
    return Error(Code::kOverflow, "an amount of credits leaves 64 bits");
  }
  return credits;
}

Result<Bytes> ElementFromInteger(DType dtype, int64_t value) {
  if (IsFloat(dtype)) return ElementFromReal(dtype, static_cast<double>(value));
  if (!FitsInteger(dtype, value)) {
    return Error(Code::kOverflow, std::to_string(value) + " does not fit " + DTypeName(dtype));
  }
  Bytes bytes;
  PutLe(bytes, static_cast<uint64_t>(value));
  bytes.resize(DTypeBytes(dtype));
  return bytes;
}

Result<Bytes> ElementFromReal(DType dtype, double value) {
  if (!IsFloat(dtype)) {
    return Error(Code::kInvalidArgument, std::string("a float does not fit ") + DTypeName(dtype));
  }
  // The largest finite value plus half its last place: from there rounding gives infinity.
  const double bound = dtype == DType::kF16   ? 65520.0
                       : dtype == DType::kF32 ? 0x1.ffffffp127
                                              : HUGE_VAL;
  if (!(std::fabs(value) < bound)) {
    return Error(Code::kOverflow, std::string("a value does not fit ") + DTypeName(dtype));
  }
  Bytes bytes;
  if (dtype == DType::kF16) PutLe(bytes, HalfFromReal(value));
  if (dtype == DType::kF32) PutLe(bytes, std::bit_cast<uint32_t>(static_cast<float>(value)));
  if (dtype == DType::kF64) PutLe(bytes, std::bit_cast<uint64_t>(value));
  return bytes;
}

uint16_t HalfFromReal(double value) {
  const uint32_t sign = std::signbit(value) ? 0x8000u : 0u;
  const double magnitude = std::fabs(value);
  if (magnitude >= 65520.0) return static_cast<uint16_t>(sign | 0x7c00u);
  int exponent = 0;
  (void)std::frexp(magnitude, &exponent);  // magnitude < 2^exponent
  // One unit in the last place: 2^(e-11) for normal numbers, 2^-24 for all below 2^-14.
  const int unit = magnitude == 0 ? -24 : std::max(exponent - 11, -24);
  // Exact scaling, then one rounding; std::nearbyint rounds to even in the default mode.
  const auto units = static_cast<uint32_t>(std::nearbyint(std::ldexp(magnitude, -unit)));
  // Biased exponent and fraction lie side by side, so a carry from rounding lands where it must.
  const uint32_t base = static_cast<uint32_t>(unit + 24) << 10;
  return static_cast<uint16_t>(sign | (base + units));
}

}  // namespace souk::gpu
