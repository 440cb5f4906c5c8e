// What a thread of a kernel does at most, as far as the code alone says.
#include <algorithm>
#include <set>

#include "gpu/cpu/ir.h"

namespace souk::gpu::cpu {

// Along Flow::order a block comes after all from which it is entered but by a loop's way back.
PathEstimate EstimatePath(const Ir& ir, const Flow& flow) {
  PathEstimate estimate;
  std::vector<uint64_t> until(flow.blocks.size(), 0);  // the longest way to the block's end
  std::set<uint32_t> heads;
  for (const uint32_t b : flow.order) {
    const Block& block = flow.blocks[b];
    for (const uint32_t p : block.pred) {
      const uint32_t position = flow.blocks[p].position;
      if (position == kNoReg) continue;  // unreachable
      if (position >= block.position) {
        heads.insert(b);
      } else {
        until[b] = std::max(until[b], until[p]);
      }
    }
    for (uint32_t i = block.begin; i < block.end; ++i) until[b] += ir.insts[i].cost;
    estimate.instructions = std::max(estimate.instructions, until[b]);
  }
  estimate.loops = static_cast<uint32_t>(heads.size());
  return estimate;
}

}  // namespace souk::gpu::cpu
