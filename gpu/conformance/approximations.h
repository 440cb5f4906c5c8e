// How far approximate instructions may be from the truth: PTX ISA 9.7.3, the page of each
// instruction. The truth is computed in double precision, whose own error is 2^-29 of the bounds.
#pragma once

#include <span>

#include "gpu/conformance/case.h"

namespace souk::gpu::conformance {

struct Judgement {
  bool within = false;
  // The distance from the true value as a share of the bound, and, where the bound is relative, in
  // units of the last place of a float (for doubles, whose upper word is approximated, of 2^-20 of
  // the value). 0 for infinities, NaNs and zeros that are right.
  double share = 0;
  double ulp = 0;
};

// operands and result: bits, as slots and columns of the type have them; of a pair the worse half
// counts. .ftz forms may take subnormal operands
// for zeros and give zeros for subnormal results; sqrt, rcp and others without it must not.
Judgement Judge(Approximation approximation, ptx::Type type, bool ftz,
                std::span<const uint64_t> operands, uint64_t result);

// "2 ulp", "2^-20.5 absolute within ±2 pi": for people.
const char* BoundText(Approximation approximation, ptx::Type type);

}  // namespace souk::gpu::conformance
