// Units that must not be mixed up: time, money, prices (STYLE 3).
#pragma once

#include <compare>
#include <cstdint>

#include "protocol/base/result.h"

namespace souk {

struct Duration {
  int64_t ms = 0;
  auto operator<=>(const Duration&) const = default;
};
inline constexpr Duration Millis(int64_t n) {
  return Duration{n};
}
inline constexpr Duration Seconds(int64_t n) {
  return Duration{n * 1000};
}
inline constexpr Duration Minutes(int64_t n) {
  return Duration{n * 60'000};
}
inline constexpr Duration Hours(int64_t n) {
  return Duration{n * 3'600'000};
}
inline constexpr Duration operator+(Duration a, Duration b) {
  return {a.ms + b.ms};
}
inline constexpr Duration operator-(Duration a, Duration b) {
  return {a.ms - b.ms};
}
inline constexpr Duration operator*(Duration a, int64_t n) {
  return {a.ms * n};
}

// Milliseconds since 1970 UTC. Values from peers are bounded by limits.h before arithmetic.
struct Time {
  int64_t ms = 0;
  auto operator<=>(const Time&) const = default;
};
inline constexpr Time operator+(Time t, Duration d) {
  return {t.ms + d.ms};
}
inline constexpr Time operator-(Time t, Duration d) {
  return {t.ms - d.ms};
}
inline constexpr Duration operator-(Time a, Time b) {
  return {a.ms - b.ms};
}

// What the loop reads once per turn (R4): the wall clock, and the monotonic clock that log time
// follows.
struct Now {
  Time wall = {};
  Duration monotonic = {};
};

// Millionths of a credit. Never negative in documents; differences may be.
struct Credits {
  int64_t micro = 0;
  auto operator<=>(const Credits&) const = default;
};
inline constexpr Credits operator+(Credits a, Credits b) {
  return {a.micro + b.micro};
}
inline constexpr Credits operator-(Credits a, Credits b) {
  return {a.micro - b.micro};
}

// Millionths of a credit per slice and hour.
struct Rate {
  int64_t micro_per_hour = 0;
  auto operator<=>(const Rate&) const = default;
};

// R6: floor(price × slices × metered ms / 3,600,000) in 128 bits. kOverflow where the result does
// not fit; kInvalidArgument for negative inputs.
Result<Credits> AmountDue(Rate price, uint32_t slices, Duration metered);

// The longest metered time for which AmountDue is at most `paid`; the far future for a price of 0.
Duration CoveredBy(Credits paid, Rate price, uint32_t slices);

}  // namespace souk
