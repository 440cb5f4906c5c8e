// What must hold of any module that is given to the cpu device.
#pragma once

#include <string_view>

namespace souk::ptx {

// Parses, canonicalises, reports, loads and runs every kernel on small memory and a small budget,
// at the lowest and at the best level of vector instructions. CHECKs that both end alike: the same
// error, or the same bytes and count of instructions. Returns how many kernels ran to their end.
int RunKernels(std::string_view text);

}  // namespace souk::ptx
