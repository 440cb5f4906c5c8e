// How large a challenge a device gets, and how long it may take (R7: a deadline per model).
//
// The figure behind a deadline is the device's peak rate of dp4a, the instruction that the product
// is computed with (kernels.h). It is held to a quarter of that, and has half again as long and two
// seconds for what lies around it: the answer's way, the matrices, the hashes. So a challenge tells
// an H200 from a T4, not from an H100; and as tensor cores multiply bytes faster than dp4a does, a
// smaller device that is programmed for them may pass for a larger one of a few times its rate.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/base/result.h"

namespace souk::gpu {

struct ChallengePlan {
  uint32_t size = 0;
  uint64_t deadline_ms = 0;
};

// As the offer claims the device; 0 where it does not say.
struct ClaimedDevice {
  std::string_view kind = {};  // "cuda", "cpu"
  std::string_view model = {};
  uint64_t memory_bytes = 0;
  uint64_t fp32_mflops = 0;
};

// Billions of operations (a multiplication or an addition of bytes) per second: of the model where
// it is known, else by the figures that are claimed. 0 where neither says anything.
uint64_t Int8GigaOps(const ClaimedDevice& device);

// Bytes that a product of this size takes on the device (device_product.h).
uint64_t ProductBytes(uint32_t size);

// `size`: wished for; else the one that takes the device about two seconds, within half of its
// memory. kInvalidArgument where the wish is no size, or too large for the device or the longest
// deadline (ten minutes).
Result<ChallengePlan> PlanChallenge(const ClaimedDevice& device, std::optional<uint32_t> size);

}  // namespace souk::gpu
