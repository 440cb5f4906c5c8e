#include "gpu/workload/workload_class.h"

#include <algorithm>
#include <map>

#include "gpu/cpu/supported.h"
#include "gpu/cpu/variables.h"
#include "protocol/base/check.h"

namespace souk::gpu {
namespace {

// Nesting is bounded by kMaxLoopDepth, and module numbers by CheckWorkload.
void CollectKernels(const std::vector<Step>& steps, std::vector<std::set<std::string>>& out) {
  for (const Step& step : steps) {
    if (step.launch) out.at(step.launch->module).insert(step.launch->kernel);
    if (step.loop) CollectKernels(step.loop->body, out);
  }
}

// By module and kernel: what all launches together give each of its parameters.
using Bindings = std::map<std::pair<uint32_t, std::string>, std::vector<ptx::Bound>>;

void CollectBindings(const std::vector<Step>& steps, Bindings& out) {
  for (const Step& step : steps) {
    if (step.loop) CollectBindings(step.loop->body, out);
    if (!step.launch) continue;
    const std::vector<Argument>& arguments = step.launch->arguments;
    const auto [at, is_new] = out.try_emplace({step.launch->module, step.launch->kernel});
    std::vector<ptx::Bound>& bound = at->second;
    for (size_t i = 0; i < arguments.size(); ++i) {
      const ptx::Bound now =
          arguments[i].kind == ArgumentKind::kPointer ? ptx::Bound::kAddress : ptx::Bound::kNumber;
      if (is_new) {
        bound.push_back(now);
      } else if (bound.at(i) != now) {
        bound[i] = ptx::Bound::kEither;
      }
    }
  }
}

// What every CPU can run again, else kOpaque.
ptx::Class ClassOfKernel(const ptx::Module& module, const cpu::PlacedVariables& variables,
                         const ptx::Function& kernel, const std::vector<ptx::Bound>& bound) {
  if (!variables.HasAllOf(kernel)) return ptx::Class::kOpaque;
  return ptx::Classify(module, kernel, cpu::WhyUnsupported, bound).cls;
}

}  // namespace

std::vector<std::set<std::string>> LaunchedKernels(const Workload& workload) {
  std::vector<std::set<std::string>> kernels(workload.modules.size());
  CollectKernels(workload.steps, kernels);
  return kernels;
}

ptx::Class ClassOfWorkload(const Workload& workload, const std::vector<ptx::Module>& modules) {
  const std::vector<std::set<std::string>> launched = LaunchedKernels(workload);
  Bindings bindings;
  CollectBindings(workload.steps, bindings);
  ptx::Class weakest = ptx::Class::kExact;
  for (size_t i = 0; i < modules.size(); ++i) {
    const ptx::Module& module = modules[i];
    if (launched[i].empty()) continue;
    if (!cpu::CheckSize(module)) return ptx::Class::kOpaque;
    const cpu::PlacedVariables variables(module);
    for (const std::string& name : launched[i]) {
      const ptx::Function* kernel = module.FindKernel(name);
      CHECK(kernel != nullptr);
      const std::vector<ptx::Bound>& bound = bindings.at({static_cast<uint32_t>(i), name});
      weakest = std::max(weakest, ClassOfKernel(module, variables, *kernel, bound));
    }
  }
  return weakest;
}

}  // namespace souk::gpu
