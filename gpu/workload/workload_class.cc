#include "gpu/workload/workload_class.h"

#include <algorithm>

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

// What every CPU can run again, else kOpaque.
ptx::Class ClassOfKernel(const ptx::Module& module, const cpu::PlacedVariables& variables,
                         const ptx::Function& kernel) {
  if (!variables.HasAllOf(kernel)) return ptx::Class::kOpaque;
  return ptx::Classify(module, kernel, cpu::WhyUnsupported).cls;
}

}  // namespace

std::vector<std::set<std::string>> LaunchedKernels(const Workload& workload) {
  std::vector<std::set<std::string>> kernels(workload.modules.size());
  CollectKernels(workload.steps, kernels);
  return kernels;
}

ptx::Class ClassOfWorkload(const Workload& workload, const std::vector<ptx::Module>& modules) {
  const std::vector<std::set<std::string>> launched = LaunchedKernels(workload);
  ptx::Class weakest = ptx::Class::kExact;
  for (size_t i = 0; i < modules.size(); ++i) {
    const ptx::Module& module = modules[i];
    if (launched[i].empty()) continue;
    if (!cpu::CheckSize(module)) return ptx::Class::kOpaque;
    const cpu::PlacedVariables variables(module);
    for (const std::string& name : launched[i]) {
      const ptx::Function* kernel = module.FindKernel(name);
      CHECK(kernel != nullptr);
      weakest = std::max(weakest, ClassOfKernel(module, variables, *kernel));
    }
  }
  return weakest;
}

}  // namespace souk::gpu
