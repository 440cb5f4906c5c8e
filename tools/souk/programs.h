// Where Souk's other programs and sample workloads are.
#pragma once

#include <filesystem>
#include <string>

#include "protocol/base/result.h"

namespace souk::tools {

// "soukd", "souk-worker": beside this program, else on $PATH. kNotFound says where was looked.
Result<std::filesystem::path> FindProgram(const std::string& name);

// A sample workload's manifest: under $SOUK_WORKLOADS, ../share/souk/workloads beside this program,
// or the sources that it was built from.
Result<std::filesystem::path> FindSampleWorkload(const std::string& name);

}  // namespace souk::tools
