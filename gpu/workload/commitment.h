// What a run commits to on its way (R7).
#pragma once

#include "protocol/base/sha256.h"

namespace souk::gpu {

// The memory's root after `launch` launches; launch 0 is S0.
struct Commitment {
  uint64_t launch = 0;
  Digest state_root = {};
  bool operator==(const Commitment&) const = default;
};

}  // namespace souk::gpu
