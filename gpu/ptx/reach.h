// What a kernel can reach, and where addresses flow: what Classify builds on.
#pragma once

#include <vector>

#include "gpu/ptx/module.h"

namespace souk::ptx {

// The kernel and every function that it can call, directly or through any function pointer of the
// module, in the module's order after the kernel. Declared functions without a body are in it too.
std::vector<const Function*> ReachableFunctions(const Module& module, const Function& kernel);

// Per register of f: whether it may hold an address or something computed from one. Addresses come
// from cvta, mapa, alloca, address-of, and from being used as one in [ ]; loads from memory start
// anew (an address that travels through memory is not followed).
std::vector<bool> AddressRegisters(const Module& module, const Function& f);

}  // namespace souk::ptx
