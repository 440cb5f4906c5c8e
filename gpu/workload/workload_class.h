// What may be claimed of a workload's results (DESIGN section 5).
#pragma once

#include <vector>

#include "gpu/ptx/classify.h"
#include "gpu/workload/workload.h"

namespace souk::gpu {

// The weakest class among the kernels that the workload launches; kExact where it launches nothing.
// `modules` are the workload's, canonical and in its order; CheckKernels has found every kernel.
ptx::Class ClassOfWorkload(const Workload& workload, const std::vector<ptx::Module>& modules);

}  // namespace souk::gpu
