#include "node/workload_class.h"

#include <algorithm>
#include <map>
#include <set>

#include "gpu/cpu/supported.h"
#include "gpu/ptx/classify.h"

namespace souk::node {
namespace {

using Kernels = std::map<uint32_t, std::set<std::string>>;  // by module

// Nesting is bounded by gpu::kMaxLoopDepth.
void CollectKernels(const std::vector<gpu::Step>& steps, Kernels& out) {
  for (const gpu::Step& step : steps) {
    if (step.launch) out[step.launch->module].insert(step.launch->kernel);
    if (step.loop) CollectKernels(step.loop->body, out);
  }
}

}  // namespace

Result<std::string> ClassOfWorkload(const gpu::Workload& workload,
                                    const std::function<Result<Bytes>(const Digest&)>& read) {
  Kernels kernels;
  CollectKernels(workload.steps, kernels);
  if (kernels.empty()) return std::string();
  ptx::Class weakest = ptx::Class::kExact;
  for (const auto& [index, names] : kernels) {
    ASSIGN_OR_RETURN(const Bytes text, read(workload.modules.at(index).digest));
    ASSIGN_OR_RETURN(const ptx::Module module, ptx::Parse(AsText(text)));
    for (const std::string& name : names) {
      const ptx::Function* kernel = module.FindKernel(name);
      if (kernel == nullptr) return Error(Code::kNotFound, "there is no kernel " + name);
      weakest = std::max(weakest, ptx::Classify(module, *kernel, gpu::cpu::WhyUnsupported).cls);
    }
  }
  return std::string(ptx::ClassName(weakest));
}

}  // namespace souk::node
