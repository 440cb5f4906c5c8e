// Which .global and .const variables the cpu device has. A variable that is only declared is left
// out, and so is one whose initialiser holds the address of something left out or of a function
// that is only declared. Kernels that name such a variable are refused; others run.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "gpu/ptx/module.h"

namespace souk::gpu::cpu {

// Looks at each variable and each address in an initialiser once. Immutable.
class PlacedVariables {
 public:
  // An index of Module::functions, or ptx::kNoIndex for the module's own; an index of its
  // variables.
  using Key = std::pair<uint32_t, uint32_t>;

  explicit PlacedVariables(const ptx::Module& module);

  // Also false for variables of other state spaces.
  bool Has(const Key& key) const { return placed_.contains(key); }
  const std::set<Key>& keys() const { return placed_; }
  // Of keys(), those that a kernel of the module, or what it calls, names, and those that these
  // hold the addresses of. kernels: nullptr for all.
  std::set<Key> NamedBy(const std::set<std::string>* kernels) const;
  // Whether every .global and .const variable that the kernel, or what it calls, names is there.
  bool HasAllOf(const ptx::Function& kernel) const;

 private:
  template <typename F>
  void ForEachNamed(const ptx::Function& function, F f) const;

  const ptx::Module& module_;
  std::set<Key> placed_ = {};
};

const ptx::Variable& VariableOf(const ptx::Module& module, const PlacedVariables::Key& key);

}  // namespace souk::gpu::cpu
