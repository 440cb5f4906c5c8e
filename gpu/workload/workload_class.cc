#include "gpu/workload/workload_class.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "gpu/cpu/supported.h"
#include "protocol/base/check.h"

namespace souk::gpu {
namespace {

using Kernels = std::set<std::pair<uint32_t, std::string>>;  // module, name

// Nesting is bounded by kMaxLoopDepth.
void CollectKernels(const std::vector<Step>& steps, Kernels& out) {
  for (const Step& step : steps) {
    if (step.launch) out.insert({step.launch->module, step.launch->kernel});
    if (step.loop) CollectKernels(step.loop->body, out);
  }
}

}  // namespace

ptx::Class ClassOfWorkload(const Workload& workload, const std::vector<ptx::Module>& modules) {
  Kernels kernels;
  CollectKernels(workload.steps, kernels);
  std::vector<bool> fits;
  fits.reserve(modules.size());
  for (const ptx::Module& module : modules) fits.push_back(cpu::CheckSize(module).has_value());
  ptx::Class weakest = ptx::Class::kExact;
  for (const auto& [index, name] : kernels) {
    const ptx::Module& module = modules.at(index);
    const ptx::Function* kernel = module.FindKernel(name);
    CHECK(kernel != nullptr);
    if (!fits[index]) return ptx::Class::kOpaque;
    weakest = std::max(weakest, ptx::Classify(module, *kernel, cpu::WhyUnsupported).cls);
  }
  return weakest;
}

}  // namespace souk::gpu
