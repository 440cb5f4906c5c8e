// Kernels and variables by the names that a CUDA source gives them, and values for variables, as a
// CUDA program gives them by cudaMemcpyToSymbol.
#pragma once

#include <string>
#include <string_view>

#include "gpu/ptx/module.h"

namespace souk::gpu {

// "ns::scale" of _ZN2ns5scaleEPfi: the name without parameters and template arguments, and without
// namespaces that have no name (Itanium C++ ABI 5.1, "External Names"). Other names come back as
// they are.
std::string SourceName(std::string_view symbol);

// The kernel of that name: as the PTX has it, else the only one that has it in the source. nullptr
// where there is none, or more than one.
const ptx::Function* FindKernelNamed(const ptx::Module& module, std::string_view name);

// The .const or .global variable of that name, found likewise, holds `bytes` when it is loaded:
// they become its initialiser, so that the module itself says what its kernels read. kNotFound,
// naming the variables that there are; kMismatch where it has another size; kUnsupported where it
// holds addresses. module: as Parse gives it, not canonical yet.
Status SetVariable(ptx::Module& module, const std::string& name, ByteView bytes);

}  // namespace souk::gpu
