// Launches whose blocks keep to places of their own, as far as the instructions show: each address
// that is accessed is a sum of coordinates times numbers, and no two blocks come to the same. Then
// blocks run on several threads with nothing noted (accesses.h is for all the others). Sound, and
// complete for nothing: what is not understood is not apart.
#pragma once

#include "gpu/cpu/address_plan.h"
#include "gpu/cpu/block.h"

namespace souk::gpu::cpu {

// True: what one block of the launch writes no other block touches, nor does any block read it.
bool AreBlocksApart(const AddressPlan& plan, const LaunchShape& shape, const Memory& memory,
                    ByteView params);

}  // namespace souk::gpu::cpu
