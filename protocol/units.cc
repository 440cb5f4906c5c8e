#include "protocol/units.h"

#include <algorithm>

#include "protocol/limits.h"

namespace souk {
namespace {

using Wide = unsigned __int128;
constexpr int64_t kMsPerHour = 3'600'000;
// What "for ever" is: added to any time that limits.h allows, it stays within 63 bits.
constexpr Duration kFarFuture{limits::kLatest.ms};

}  // namespace

Result<Credits> AmountDue(Rate price, uint32_t slices, Duration metered) {
  if (price.micro_per_hour < 0) return Error(Code::kInvalidArgument, "a price is never negative");
  if (metered.ms < 0) return Error(Code::kInvalidArgument, "a metered time is never negative");
  // 63 + 32 bits fit; the last factor may not.
  const Wide per_hour = static_cast<Wide>(price.micro_per_hour) * slices;
  Wide product = 0;
  if (__builtin_mul_overflow(per_hour, static_cast<Wide>(metered.ms), &product) ||
      product / kMsPerHour > static_cast<Wide>(INT64_MAX)) {
    return Error(Code::kOverflow, "the amount due does not fit 63 bits of millionths");
  }
  return Credits{static_cast<int64_t>(product / kMsPerHour)};
}

Duration CoveredBy(Credits paid, Rate price, uint32_t slices) {
  if (paid.micro < 0) return Duration{0};
  if (price.micro_per_hour <= 0 || slices == 0) return kFarFuture;
  // The largest t with floor(p·t / h) <= paid is the largest with p·t < (paid + 1)·h.
  const Wide per_hour = static_cast<Wide>(price.micro_per_hour) * slices;
  const Wide longest = ((static_cast<Wide>(paid.micro) + 1) * kMsPerHour - 1) / per_hour;
  return Duration{static_cast<int64_t>(std::min(longest, static_cast<Wide>(kFarFuture.ms)))};
}

}  // namespace souk
