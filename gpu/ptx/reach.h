// What a kernel can reach: what Classify builds on, and what that can cost.
#pragma once

#include <cstdint>
#include <vector>

#include "gpu/ptx/module.h"

namespace souk::ptx {

// The kernel and every function that it can call, directly or through any function pointer of the
// module, in the module's order after the kernel. Declared functions without a body are in it too.
std::vector<const Function*> ReachableFunctions(const Module& module, const Function& kernel);

// What the kernels of the module come to in all, every call inlined, in instructions; registers,
// variables and labels count an eighth. A call that no inlining can follow (through a pointer, or
// of a function that is running) counts as the whole module. Saturates. Each function is looked at
// once, however many kernels share it: whoever analyses or compiles kernel by kernel asks first.
uint64_t InlinedSize(const Module& module);

}  // namespace souk::ptx
