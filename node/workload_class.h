// What may be claimed of a job's results (DESIGN section 5): the weakest class among the kernels
// that its workload launches.
#pragma once

#include <functional>
#include <string>

#include "gpu/workload/workload.h"

namespace souk::node {

// "exact", "exact-ordered", "tolerant", "opaque"; "" where the workload launches nothing. Parses
// every module that is used, so not on the loop's thread. The workload has passed CheckWorkload.
// Errors: what `read` says, or a module that is no PTX or lacks the kernel.
Result<std::string> ClassOfWorkload(const gpu::Workload& workload,
                                    const std::function<Result<Bytes>(const Digest&)>& read);

}  // namespace souk::node
