// What may be claimed of a workload's results.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "gpu/ptx/classify.h"
#include "gpu/workload/workload.h"

namespace souk::gpu {

// The names of the kernels that the workload launches, by module. CheckWorkload has passed.
std::vector<std::set<std::string>> LaunchedKernels(const Workload& workload);

// The weakest class among the kernels that the workload launches, given what it binds to their
// parameters; kExact where it launches nothing.
// `modules` are the workload's, canonical and in its order; CheckKernels has found every kernel.
ptx::Class ClassOfWorkload(const Workload& workload, const std::vector<ptx::Module>& modules);

}  // namespace souk::gpu
