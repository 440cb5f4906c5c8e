#include "gpu/ptx/reach.h"

#include <set>

namespace souk::ptx {
namespace {

// Functions whose address is taken anywhere: an indirect call may lead to each.
std::vector<uint32_t> AddressTaken(const Module& module) {
  std::vector<uint32_t> taken;
  for (const Variable& v : module.variables) {
    for (const Relocation& r : v.relocations) {
      if (r.is_function) taken.push_back(r.target);
    }
  }
  for (const Function& f : module.functions) {
    for (const TargetTable& t : f.tables) {
      if (t.is_calls) taken.insert(taken.end(), t.targets.begin(), t.targets.end());
    }
    for (const Instruction& i : f.body) {
      if (module.OperationOf(i).opcode == Opcode::kCall) continue;
      for (const Operand& o : f.Operands(i)) {
        if (o.kind == OperandKind::kFunction) taken.push_back(o.index);
      }
    }
  }
  return taken;
}

}  // namespace

std::vector<const Function*> ReachableFunctions(const Module& module, const Function& kernel) {
  const uint32_t start = static_cast<uint32_t>(&kernel - module.functions.data());
  // Sets, not vectors over the module: a module of many kernels asks once for each.
  std::set<uint32_t> seen = {start};
  std::vector<uint32_t> open = {start};
  bool indirect_done = false;
  const auto reach = [&](uint32_t index) {
    if (seen.insert(index).second) open.push_back(index);
  };
  while (!open.empty()) {
    const Function& f = module.functions[open.back()];
    open.pop_back();
    bool indirect = false;
    for (const Instruction& i : f.body) {
      if (module.OperationOf(i).opcode != Opcode::kCall) continue;
      const Operand& callee = f.Operands(i)[1];
      if (callee.kind == OperandKind::kFunction) {
        reach(callee.index);
      } else {
        indirect = true;
      }
    }
    if (indirect && !indirect_done) {
      indirect_done = true;
      for (uint32_t index : AddressTaken(module)) reach(index);
    }
  }
  std::vector<const Function*> functions = {&kernel};
  for (const uint32_t i : seen) {
    if (i != start) functions.push_back(&module.functions[i]);
  }
  return functions;
}

}  // namespace souk::ptx
