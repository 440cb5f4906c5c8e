// What the checking mode found, for people and for programs.
#pragma once

#include <string>

#include "gpu/cpu/checking.h"
#include "gpu/workload/manifest.h"
#include "tools/common/json.h"

namespace souk::tools {

// {"clean": …, "launches": …, "distinct": …, "findings": [{kind, kernel, launch, first, second,
// place, times}]}. The manifest's workload ran alone on the device. A line is one of the canonical
// PTX; `source` is "kernel.cu:12", or null where the module has no lines of a source.
Json FindingsJson(const gpu::CheckReport& report, const gpu::Manifest& manifest);
// "check 12 launches: clean", or what was found, a few lines for each; each line ends in a newline.
std::string FindingsText(const gpu::CheckReport& report, const gpu::Manifest& manifest);

}  // namespace souk::tools
