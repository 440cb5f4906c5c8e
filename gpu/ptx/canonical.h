// Steps of Canonicalize that tests and reports use by themselves.
#pragma once

#include "gpu/ptx/module.h"

namespace souk::ptx {

// The least .version (× 10, at least 60) that takes the module's target, directives and
// instructions, or the module's own where an instruction's first version is not tabled.
uint32_t LeastVersion(const Module& module);

// What Parse asks in the end: that .version and .target have what functions use beside
// instructions, and what ptxas refuses of their headers.
Status CheckNeeds(const Module& module);

// Add, sub, mul on floating point without a rounding get .rn: without it the driver may fuse them
// (ISA "add": "an add instruction with no rounding modifier … may be optimized aggressively").
std::string UnfusedSpelling(const Operation& operation);

}  // namespace souk::ptx
