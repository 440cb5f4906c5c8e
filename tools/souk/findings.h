// What the checking mode found, for people and for programs.
#pragma once

#include <string>

#include "gpu/cpu/checking.h"
#include "gpu/workload/workload.h"
#include "tools/common/json.h"

namespace souk::tools {

// {"clean": …, "launches": …, "distinct": …, "findings": [{kind, kernel, launch, first, second,
// place, times}]}. Buffers are those of the workload that ran alone on the device.
Json FindingsJson(const gpu::CheckReport& report, const gpu::Workload& workload);
// "check 12 launches: clean" or a table of the findings; each line ends in a newline.
std::string FindingsText(const gpu::CheckReport& report, const gpu::Workload& workload);

}  // namespace souk::tools
