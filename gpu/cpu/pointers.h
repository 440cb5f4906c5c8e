// Which of a kernel's pointers a register is computed from.
#pragma once

#include <cstdint>
#include <vector>

#include "gpu/cpu/ir.h"
#include "gpu/cpu/program.h"

namespace souk::gpu::cpu {

class Pointers {
 public:
  // Along any path of these instructions.
  Pointers(const Ir& ir, const std::vector<Inst>& insts);

  // Where the parameters stand that are pointers, eight bytes each; of a set of them, a bit each.
  const std::vector<uint32_t>& params() const { return params_; }
  // 0: nothing is known, since it comes from memory or from a variable's address as well.
  uint64_t ParamsOf(uint32_t reg) const;

 private:
  static constexpr uint64_t kAny = uint64_t{1} << 63;
  static constexpr size_t kMost = 63;

  std::vector<uint32_t> params_ = {};
  std::vector<uint64_t> from_ = {};  // by register
};

// Fills in what the program may write and read of device memory, as far as the instructions show:
// the pointers that its accesses go through, and the smallest piece that it writes.
void FindTouched(const Ir& ir, Program& program);

}  // namespace souk::gpu::cpu
