// Memory as the reference's threads see it: every space is a range of one generic address space
// (PTX ISA 5.1, "Generic Addressing"), at places of the reference's own choosing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpu/ptx/module.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace souk::reference {

struct Launch;

class Memory {
 public:
  // Lays out the kernel's and the module's variables. The launch must outlive this.
  Memory(const ptx::Module& module, const ptx::Function& kernel, const Launch& launch);

  // .shared is cleared for each block, .local for each thread.
  void BeginBlock();
  void BeginThread();

  // A variable's address within its own space.
  Result<uint64_t> AddressOf(ptx::VariableScope scope, uint32_t index) const;
  // The generic address of an address within the space; generic and global ones are that already.
  uint64_t Generic(ptx::Space space, uint64_t address) const;
  bool IsIn(ptx::Space space, uint64_t generic) const;

  static Status Aligned(uint64_t generic, uint64_t size);
  // At most 8 bytes, low first. kFault outside every range.
  Result<uint64_t> Read(uint64_t generic, uint32_t size) const;
  Status Write(uint64_t generic, uint32_t size, uint64_t bits);

 private:
  Result<std::span<uint8_t>> At(uint64_t generic, uint32_t size) const;
  void Place(const ptx::Variable& variable, std::vector<uint64_t>& addresses);

  const Launch& launch_;
  std::vector<uint64_t> of_module_ = {};  // addresses of its variables, kNowhere where not placed
  std::vector<uint64_t> of_kernel_ = {};
  mutable Bytes shared_ = {};
  mutable Bytes local_ = {};
  mutable Bytes constant_ = {};
  mutable Bytes params_ = {};
};

}  // namespace souk::reference
