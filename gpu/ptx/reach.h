// What a kernel can reach: what Classify builds on.
#pragma once

#include <vector>

#include "gpu/ptx/module.h"

namespace souk::ptx {

// The kernel and every function that it can call, directly or through any function pointer of the
// module, in the module's order after the kernel. Declared functions without a body are in it too.
std::vector<const Function*> ReachableFunctions(const Module& module, const Function& kernel);

}  // namespace souk::ptx
