// Do a launch's arguments fit its kernel's parameters?
#pragma once

#include "gpu/ptx/module.h"
#include "gpu/workload/workload.h"

namespace souk::gpu {

// Count, sizes, and kinds: no float for an integer parameter, no integer or pointer for a float
// one. Untyped (.b32) parameters take both. kMismatch, naming kernel, argument and parameter.
Status CheckArguments(const ptx::Function& kernel, const std::vector<Argument>& arguments);

// The kernel of every launch is in its module and takes its arguments. modules[i] is
// workload.modules[i]; the workload must have passed CheckWorkload. kNotFound, kMismatch.
Status CheckKernels(const Workload& workload, const std::vector<ptx::Module>& modules);

// Canonical PTX text as a workload names it → module. kMismatch where the text is not canonical.
Result<ptx::Module> ParseCanonical(std::string_view text);

}  // namespace souk::gpu
