#include "gpu/ptx/sizes.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "gpu/ptx/lexer.h"
#include "gpu/ptx/reach.h"
#include "gpu/ptx/targets.h"

namespace souk::ptx {
namespace {

// Each kernel is followed by itself, so that many kernels of many shared functions cost their
// product.
constexpr uint64_t kMostSteps = uint64_t{1} << 24;
constexpr uint64_t kMostSummed = uint64_t{1} << 62;

// Bytes in all once v stands behind the first ones; sums stop at about kMostSummed.
uint64_t Behind(uint64_t bytes, const Variable& v) {
  return AlignUp(std::min(bytes, kMostSummed), v.align) + v.size;
}

bool IsDynamic(const Variable& v) {
  return v.space == Space::kShared && v.size == 0;
}

// What a kernel's own instructions name, each once.
struct Named {
  std::vector<uint32_t> functions = {};
  std::vector<uint32_t> variables = {};  // Module::variables
  bool calls_pointers = false;
};

Named NamedBy(const Module& module, const Function& f) {
  Named named;
  for (const Operand& o : f.operands) {
    if (o.kind == OperandKind::kFunction) named.functions.push_back(o.index);
    const bool variable = o.kind == OperandKind::kVariable ||
                          (o.kind == OperandKind::kAddress && o.base == BaseKind::kVariable);
    if (variable && o.scope == VariableScope::kModule) named.variables.push_back(o.index);
  }
  for (const Instruction& i : f.body) {
    const bool call = module.OperationOf(i).opcode == Opcode::kCall;
    named.calls_pointers |= call && f.Operands(i)[1].kind == OperandKind::kRegister;
  }
  for (std::vector<uint32_t>* list : {&named.functions, &named.variables}) {
    std::sort(list->begin(), list->end());
    list->erase(std::unique(list->begin(), list->end()), list->end());
  }
  return named;
}

// As ptxas counts: the .shared variables of the module that what a kernel reaches names, the
// kernel's own, then those of the functions it reaches, used or not. It reaches a function whose
// address it holds as one that it calls, those in the initialisers of variables that it names, and
// through a pointer every one whose address is taken anywhere.
class SharedSizes {
 public:
  explicit SharedSizes(const Module& module)
      : module_(module),
        taken_(AddressTaken(module)),
        functions_(module.functions.size(), 0),
        variables_(module.variables.size(), 0) {
    for (const Function& f : module.functions) named_.push_back(NamedBy(module, f));
    for (const Variable& v : module.variables) {
      if (IsDynamic(v)) dynamic_align_ = std::max(dynamic_align_, v.align);
    }
  }

  // Nothing where it takes too many steps.
  std::optional<uint64_t> Of(uint32_t kernel) {
    ++round_;
    reached_.assign(1, kernel);
    used_.clear();
    functions_[kernel] = round_;
    bool calls_pointers = false;
    for (size_t next = 0; next < reached_.size(); ++next) {
      const Named& named = named_[reached_[next]];
      for (const uint32_t f : named.functions) Reach(f);
      for (const uint32_t v : named.variables) Name(v);
      if (named.calls_pointers && !calls_pointers) {
        calls_pointers = true;
        for (const uint32_t f : taken_) Reach(f);
      }
      steps_ += module_.functions[reached_[next]].variables.size();
      if (steps_ > kMostSteps) return std::nullopt;
    }
    return LaidOut();
  }

 private:
  void Reach(uint32_t f) {
    ++steps_;
    if (functions_[f] == round_ || module_.functions[f].is_entry) return;
    functions_[f] = round_;
    reached_.push_back(f);
  }

  void Name(uint32_t v) {
    ++steps_;
    if (variables_[v] == round_) return;
    variables_[v] = round_;
    const Variable& variable = module_.variables[v];
    if (variable.space == Space::kShared) used_.push_back(v);
    for (const Relocation& r : variable.relocations) {
      if (r.is_function) Reach(r.target);
    }
    steps_ += variable.relocations.size();
  }

  uint64_t LaidOut() {
    uint64_t bytes = 0;
    std::sort(used_.begin(), used_.end());
    for (const uint32_t v : used_) bytes = Behind(bytes, module_.variables[v]);
    std::sort(reached_.begin() + 1, reached_.end());  // the kernel stays first
    for (const uint32_t f : reached_) {
      for (const Variable& v : module_.functions[f].variables) {
        if (v.space == Space::kShared) bytes = Behind(bytes, v);
      }
    }
    // Where a dynamic part would begin: ptxas counts up to there though nothing names it.
    return bytes == 0 ? 0 : AlignUp(bytes, dynamic_align_);
  }

  const Module& module_;
  const std::vector<uint32_t> taken_;
  std::vector<Named> named_ = {};
  uint32_t dynamic_align_ = 1;
  uint64_t steps_ = 0;
  // The round in which each function was reached and each variable named last.
  std::vector<uint32_t> functions_;
  std::vector<uint32_t> variables_;
  uint32_t round_ = 0;
  // Of this round.
  std::vector<uint32_t> reached_ = {};
  std::vector<uint32_t> used_ = {};
};

// No kernel has more: nearly always little enough to look no further.
uint64_t AllShared(const Module& module) {
  uint64_t bytes = 0;
  uint64_t dynamic_align = 1;
  const auto add = [&](const std::vector<Variable>& variables) {
    for (const Variable& v : variables) {
      if (v.space != Space::kShared) continue;
      bytes = std::min(bytes, kMostSummed) + v.size + v.align;
      if (IsDynamic(v)) dynamic_align = std::max<uint64_t>(dynamic_align, v.align);
    }
  };
  add(module.variables);
  for (const Function& f : module.functions) add(f.variables);
  return AlignUp(bytes, dynamic_align);
}

}  // namespace

Status CheckShared(const Module& module) {
  const uint64_t most = MostStaticShared(module.target, module.target_suffix);
  if (AllShared(module) <= most) return Ok();
  SharedSizes sizes(module);
  for (uint32_t i = 0; i < module.functions.size(); ++i) {
    const Function& f = module.functions[i];
    if (!f.is_entry || !f.defined) continue;
    const std::optional<uint64_t> bytes = sizes.Of(i);
    if (!bytes) {
      return Error(Code::kTooLarge, "kernels that reach too much to tell their shared memory");
    }
    if (*bytes <= most) continue;
    return Error(
        Code::kTooLarge,
        fmt::format("line {}: kernel {} has {} bytes of static shared memory; {} are the "
                    "most on sm_{}{}",
                    f.line, Quoted(f.name), *bytes, most, module.target, module.target_suffix));
  }
  return Ok();
}

Status CheckConstants(const Module& module) {
  uint64_t bytes = 0;
  for (const Variable& v : module.variables) {
    if (v.space != Space::kConst) continue;
    bytes = Behind(bytes, v);
    if (bytes <= kMostConstant) continue;
    return Error(
        Code::kTooLarge,
        fmt::format("line {}: with {} the module has {} bytes of constants; {} are the most",
                    v.line, Quoted(v.name), bytes, kMostConstant));
  }
  return Ok();
}

}  // namespace souk::ptx
