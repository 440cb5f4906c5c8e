// Runs that a provider claims, made of whatever states it likes: for tests of what looks at them.
#pragma once

#include <vector>

#include "gpu/workload/replay.h"

namespace souk::gpu {

// The buffers' contents at one commitment.
using HostBuffers = std::vector<Bytes>;

struct ForgedRun {
  ClaimedResult claim = {};
  Bytes states = {};  // a states file
};

// What an honest provider has: the states of a run on the cpu device, S0 first.
Result<std::vector<HostBuffers>> HonestStates(const Workload& workload, MemoryBlobs& blobs);

// The receipt's side of a run with these states, consistent in itself: commitments, states file and
// outputs (of the last state; swaps are not followed).
ForgedRun Claimed(const Workload& workload, const std::vector<HostBuffers>& states);

}  // namespace souk::gpu
