// What the reference gave when its results had been checked against plain references, ptxas and the
// ISA's text: a machine or a compiler on which it gives anything else is told from one on which it
// does not.
#pragma once

#include "gpu/conformance/suite.h"

namespace souk::gpu::conformance {

// Whether the group has a stored expectation of so many forms, and meets it.
bool IsExpected(const std::string& group, const GroupResult& result);

}  // namespace souk::gpu::conformance
