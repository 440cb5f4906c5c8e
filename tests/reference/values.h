// Values that instructions are likely to get wrong.
#pragma once

#include <cstdint>

#include "sim/rng.h"

namespace souk::reference {

// A value of so many bits (16, 32 or 64): corners of integers and of every float format that lives
// in such a register, small numbers, floats near one, tiny and huge ones, and plain noise.
uint64_t EdgeValue(sim::Rng& rng, uint32_t bits);

}  // namespace souk::reference
