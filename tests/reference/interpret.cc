#include "reference/interpret.h"

#include "reference/families.h"
#include "reference/memory.h"
#include "reference/thread.h"

namespace souk::reference {

std::optional<std::string> WhyNot(const ptx::Operation& op) {
  if (FamilyOf(op) != Family::kNone) return std::nullopt;
  return "not a straight-line instruction that the reference knows";
}

Result<std::vector<BoundedStore>> Run(const ptx::Module& module, const ptx::Function& kernel,
                                      const Launch& launch) {
  std::vector<BoundedStore> stores;
  Memory memory(module, kernel, launch);
  const Extent& block = launch.block;
  for (uint32_t b = 0; b < launch.grid.x * launch.grid.y * launch.grid.z; ++b) {
    Place place;
    place.ctaid = {b % launch.grid.x, b / launch.grid.x % launch.grid.y,
                   b / launch.grid.x / launch.grid.y};
    memory.BeginBlock();
    for (uint32_t t = 0; t < block.x * block.y * block.z; ++t) {
      place.thread = t;
      place.tid = {t % block.x, t / block.x % block.y, t / block.x / block.y};
      memory.BeginThread();
      RETURN_IF_ERROR(Thread(module, kernel, launch, place, memory, stores).Run());
    }
  }
  return stores;
}

}  // namespace souk::reference
