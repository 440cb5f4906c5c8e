// What can be said once the whole module is read.
#include <fmt/format.h>

#include <set>

#include "gpu/ptx/parser.h"

namespace souk::ptx {

// Whoever names an alias gets the function itself; the rest of gpu/ knows no aliases.
Status Parser::ResolveAliases() {
  if (aliases_.empty()) return Ok();
  std::vector<Function>& functions = module_.functions;
  std::vector<uint32_t> stands_for(functions.size());
  for (uint32_t i = 0; i < functions.size(); ++i) {
    uint32_t to = i;
    for (size_t steps = 0; aliases_.contains(to); ++steps) {
      if (steps > limits_.scope_depth) return At(functions[i].line, "aliases that never end");
      to = aliases_.at(to);
    }
    stands_for[i] = to;
    if (to == i) continue;
    const std::string fault = AliasFault(functions[i], functions[to]);
    if (!fault.empty()) return At(functions[i].line, Quoted(functions[i].name) + " " + fault);
  }
  std::vector<uint32_t> moved(functions.size(), kNoIndex);
  std::vector<Function> kept;
  for (uint32_t i = 0; i < functions.size(); ++i) {
    if (stands_for[i] != i) continue;
    moved[i] = static_cast<uint32_t>(kept.size());
    kept.push_back(std::move(functions[i]));
  }
  functions = std::move(kept);
  const auto resolve = [&](uint32_t& function) { function = moved[stands_for[function]]; };
  for (Variable& v : module_.variables) {
    for (Relocation& r : v.relocations) {
      if (r.is_function) resolve(r.target);
    }
  }
  for (Function& f : functions) {
    for (Operand& o : f.operands) {
      if (o.kind == OperandKind::kFunction) resolve(o.index);
    }
    for (TargetTable& table : f.tables) {
      for (uint32_t& target : table.targets) {
        if (table.is_calls) resolve(target);
      }
    }
  }
  return Ok();
}

// Names that nothing else in the module has, so that no scope hides them.
void Parser::NameStatics() {
  if (statics_.empty()) return;
  std::set<std::string, std::less<>> taken;
  for (const Variable& v : module_.variables) taken.insert(v.name);
  for (const Function& f : module_.functions) {
    taken.insert(f.name);
    for (const Variable& v : f.variables) taken.insert(v.name);
  }
  size_t number = 0;
  for (const uint32_t index : statics_) {
    std::string name;
    do {
      name = fmt::format("static_{}", number++);
    } while (taken.contains(name));
    module_.variables[index].name = std::move(name);
  }
}

}  // namespace souk::ptx
