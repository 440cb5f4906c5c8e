// What souk run --local --profile shows.
#pragma once

#include "gpu/cpu/profile.h"
#include "gpu/ptx/module.h"
#include "tools/common/json.h"

namespace souk::tools {

// modules: those of the workload, as its manifest left them: with the lines of their sources.
Json ProfileJson(const gpu::Profile& profile, const std::vector<ptx::Module>& modules);
// A table of kernels, then the hottest lines of each.
std::string ProfileText(const gpu::Profile& profile, const std::vector<ptx::Module>& modules);

}  // namespace souk::tools
