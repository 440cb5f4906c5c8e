// What a kernel can reach: what Classify builds on, and what that can cost.
#pragma once

#include <cstdint>
#include <vector>

#include "gpu/ptx/module.h"

namespace souk::ptx {

// The kernel and every function that it can call, directly or through a pointer (MayLeadTo), in the
// module's order after the kernel. Declared functions without a body are in it too.
std::vector<const Function*> ReachableFunctions(const Module& module, const Function& kernel);

// Functions whose address is taken anywhere, ascending: what an indirect call may lead to. A
// device numbers them in this order.
std::vector<uint32_t> AddressTaken(const Module& module);

// Those of `taken` that the indirect call may lead to whose last operand, a kPrototype or kTable of
// the caller, is given: defined ones that the table names, or whose parameters and return values
// have the prototype's sizes and alignments.
std::vector<uint32_t> MayLeadTo(const Module& module, const Function& caller,
                                const Operand& prototype, const std::vector<uint32_t>& taken);

// What the kernels of the module come to in all, every call inlined, in instructions; registers,
// variables and labels count an eighth. A call that no inlining can follow (through a pointer, or
// of a function that is running) counts as the whole module. Saturates. Each function is looked at
// once, however many kernels share it: whoever analyses or compiles kernel by kernel asks first.
uint64_t InlinedSize(const Module& module);

}  // namespace souk::ptx
