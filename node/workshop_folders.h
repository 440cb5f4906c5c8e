// Folders of the workers below DIR/jobs: what the parts of JailedWorkshop share.
#pragma once

#include <filesystem>

#include "protocol/base/result.h"
#include "protocol/units.h"

namespace souk::node {

inline constexpr const char* kJobsFolder = "jobs";
inline constexpr const char* kLeaseFile = "lease";

// By the wall clock.
Time WallNow();

// An empty folder of this name. No worker of an older one may be alive.
Status FreshFolder(const std::filesystem::path& path);

// For so long a worker of a lease that ends then is kept, where its daemon is gone.
uint64_t KeepMs(Time until);

}  // namespace souk::node
