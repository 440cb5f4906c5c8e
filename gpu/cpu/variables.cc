#include "gpu/cpu/variables.h"

#include <algorithm>
#include <vector>

#include "gpu/ptx/reach.h"

namespace souk::gpu::cpu {
namespace {

bool IsInMemory(const ptx::Variable& v) {
  return v.space == ptx::Space::kGlobal || v.space == ptx::Space::kConst;
}

bool IsDefined(const ptx::Variable& v) {
  return v.size != 0 && (v.linkage != ptx::Linkage::kExtern || v.initialised);
}

bool IsVariable(const ptx::Operand& o) {
  return o.kind == ptx::OperandKind::kVariable ||
         (o.kind == ptx::OperandKind::kAddress && o.base == ptx::BaseKind::kVariable);
}

}  // namespace

const ptx::Variable& VariableOf(const ptx::Module& module, const PlacedVariables::Key& key) {
  return key.first == ptx::kNoIndex ? module.variables[key.second]
                                    : module.functions[key.first].variables[key.second];
}

PlacedVariables::PlacedVariables(const ptx::Module& module) : module_(module) {
  // By target: only the module's own variables can be one.
  std::vector<std::vector<Key>> holders(module.variables.size());
  std::vector<Key> left_out;
  const auto look = [&](uint32_t function, const std::vector<ptx::Variable>& variables) {
    for (size_t i = 0; i < variables.size(); ++i) {
      const ptx::Variable& v = variables[i];
      const Key key = {function, static_cast<uint32_t>(i)};
      bool there = IsInMemory(v) && IsDefined(v);
      for (const ptx::Relocation& r : v.relocations) {
        if (r.is_function) {
          there = there && module.functions[r.target].defined;
        } else {
          holders[r.target].push_back(key);
        }
      }
      if (there) {
        placed_.insert(key);
      } else if (function == ptx::kNoIndex) {
        left_out.push_back(key);
      }
    }
  };
  look(ptx::kNoIndex, module.variables);
  for (size_t f = 0; f < module.functions.size(); ++f) {
    look(static_cast<uint32_t>(f), module.functions[f].variables);
  }
  while (!left_out.empty()) {
    const Key target = left_out.back();
    left_out.pop_back();
    for (const Key& holder : holders[target.second]) {
      if (placed_.erase(holder) != 0 && holder.first == ptx::kNoIndex) left_out.push_back(holder);
    }
  }
}

template <typename F>
void PlacedVariables::ForEachNamed(const ptx::Function& function, F f) const {
  const auto own = static_cast<uint32_t>(&function - module_.functions.data());
  for (const ptx::Operand& o : function.operands) {
    if (!IsVariable(o)) continue;
    const Key key = {o.scope == ptx::VariableScope::kModule ? ptx::kNoIndex : own, o.index};
    if (IsInMemory(VariableOf(module_, key))) f(key);
  }
}

bool PlacedVariables::HasAllOf(const ptx::Function& kernel) const {
  bool all = true;
  for (const ptx::Function* f : ptx::ReachableFunctions(module_, kernel)) {
    ForEachNamed(*f, [&](const Key& key) { all &= Has(key); });
  }
  return all;
}

std::set<PlacedVariables::Key> PlacedVariables::NamedBy(
    const std::set<std::string>* kernels) const {
  std::set<const ptx::Function*> functions;
  for (const ptx::Function& kernel : module_.functions) {
    if (!kernel.is_entry || !kernel.defined) continue;
    if (kernels != nullptr && !kernels->contains(kernel.name)) continue;
    for (const ptx::Function* f : ptx::ReachableFunctions(module_, kernel)) functions.insert(f);
  }
  std::set<Key> named;
  std::vector<Key> open;
  const auto take = [&](const Key& key) {
    if (Has(key) && named.insert(key).second) open.push_back(key);
  };
  for (const ptx::Function* f : functions) ForEachNamed(*f, take);
  while (!open.empty()) {
    const Key key = open.back();
    open.pop_back();
    for (const ptx::Relocation& r : VariableOf(module_, key).relocations) {
      if (!r.is_function) take({ptx::kNoIndex, r.target});
    }
  }
  return named;
}

}  // namespace souk::gpu::cpu
