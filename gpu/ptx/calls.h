// Whether a call suits what it calls.
#pragma once

#include <span>
#include <string>

#include "gpu/ptx/module.h"

namespace souk::ptx {

// Empty where the call's return values and arguments are as many, and of the types, sizes and
// alignments that its callee, its prototype or the functions of its table have, else what is wrong.
// `operands` are those of a call of `caller` whose labels are resolved. What ptxas (CUDA 13.0)
// checks; ISA 9.0 sections 7.1 and 9.7.12 ("call").
std::string CallFault(const Module& module, const Function& caller,
                      std::span<const Operand> operands);

}  // namespace souk::ptx
