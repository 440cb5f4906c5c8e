// One thread of a launch as the reference runs it: its registers, and what each instruction does to
// them and to memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "gpu/ptx/module.h"
#include "reference/families.h"
#include "reference/interpret.h"
#include "reference/memory.h"
#include "reference/rules.h"

namespace souk::reference {

// Where a thread stands in its launch.
struct Place {
  uint32_t thread = 0;  // linear, within its block
  Extent tid = {};
  Extent ctaid = {};
};

// Runs once. Invariant: a register's bits are a value, or those of an approximate result; such a
// result may be stored whole, and reading it otherwise is kUnsupported.
class Thread {
 public:
  // All that is referred to must outlive this; `stores` gets the thread's bounded stores.
  Thread(const ptx::Module& module, const ptx::Function& kernel, const Launch& launch,
         const Place& place, Memory& memory, std::vector<BoundedStore>& stores)
      : module_(module),
        kernel_(kernel),
        launch_(launch),
        place_(place),
        memory_(memory),
        stores_(stores),
        registers_(kernel.registers.size(), 0),
        bounded_(kernel.registers.size()) {}

  // To its ret, exit or end. Errors name line and instruction; codes as of Run in interpret.h.
  Status Run();

 private:
  using Operands = std::span<const ptx::Operand>;

  Status One(const ptx::Operation& op, Operands o);

  // thread_values.cc: on registers alone
  Status Plain(const ptx::Operation& op, Operands o, Family family);
  Status Approximation(const ptx::Operation& op, Operands o);
  Status Lop3(const ptx::Operation& op, Operands o);
  Status Set(const ptx::Operation& op, Operands o);
  Status Setp(const ptx::Operation& op, Operands o);
  Status Mov(const ptx::Operation& op, Operands o);
  Status Video(const ptx::Operation& op, Operands o);

  // thread_memory.cc
  Status Load(const ptx::Operation& op, Operands o);
  Status Store(const ptx::Operation& op, Operands o);
  Status StoreBounded(uint32_t reg, uint64_t address, uint32_t size);
  Status Atom(const ptx::Operation& op, Operands o);
  Status Cvta(const ptx::Operation& op, Operands o);
  Status Isspacep(const ptx::Operation& op, Operands o);
  // Generic.
  Result<uint64_t> AddressIn(const ptx::Operand& o, ptx::Space space);
  const ptx::Variable& VariableOf(const ptx::Operand& o) const {
    return o.scope == ptx::VariableScope::kModule ? module_.variables[o.index]
                                                  : kernel_.variables[o.index];
  }

  // Operands.
  Result<uint64_t> Fetch(const ptx::Operand& o, ptx::Type type);
  Result<uint64_t> SpecialValue(const ptx::Operand& o) const;
  Status Write(const ptx::Operand& o, ptx::Type type, uint64_t bits);
  // A vector's or pair's elements, else the operand itself.
  Operands Parts(const ptx::Operand& o) const {
    const bool several = o.kind == ptx::OperandKind::kVector || o.kind == ptx::OperandKind::kPair;
    return several ? kernel_.Elements(o) : Operands(&o, 1);
  }

  const ptx::Module& module_;
  const ptx::Function& kernel_;
  const Launch& launch_;
  const Place place_;
  Memory& memory_;
  std::vector<BoundedStore>& stores_;
  std::vector<uint64_t> registers_;            // each with no bits beyond its type's
  std::vector<std::vector<Bounded>> bounded_;  // empty, or the parts of an approximate result
  bool carry_ = false;
};

}  // namespace souk::reference
