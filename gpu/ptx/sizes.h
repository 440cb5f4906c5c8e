// What ptxas bounds of a module's variables.
#pragma once

#include "gpu/ptx/module.h"

namespace souk::ptx {

// kTooLarge where a kernel has more static .shared than its target grants (MostStaticShared), or
// where the sizes cannot be told with bounded work.
Status CheckShared(const Module& module);

// kTooLarge where the .const variables of the module, used or not, do not fit (kMostConstant).
Status CheckConstants(const Module& module);

}  // namespace souk::ptx
