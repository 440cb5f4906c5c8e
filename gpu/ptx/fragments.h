// Who looks into a matrix that wmma has spread over a warp.
#pragma once

#include <vector>

#include "gpu/ptx/module.h"

namespace souk::ptx {

// For each instruction of the function's body whether it may read a register that holds a part of a
// matrix of wmma: ISA wmma.load: "the distribution of fragments … is unspecified". wmma itself and
// copies do not count; a copy holds what its source does.
std::vector<bool> FragmentReaders(const Module& module, const Function& function);

}  // namespace souk::ptx
