// How souk-gpucheck says what it found.
#pragma once

#include <nlohmann/json.hpp>

#include "tools/gpucheck/check.h"

namespace souk::tools {

// "FAMILY            FORMS      VALUES  WORST …"
std::string FamilyHeading();
// One line, and below it what went wrong, a few lines at most.
std::string FamilyText(const gpu::conformance::FamilyReport& report);
std::string TimingHeading();
std::string TimingText(const KernelTiming& timing);
// "NVIDIA H200, sm_90, PTX 9.0, driver 580.65.06, GPU-…"
std::string DeviceText(const gpu::DeviceInfo& info);

// The last line: what all that proves, and what not.
std::string Statement(const std::vector<DeviceCheck>& checks, const std::string& why_no_gpu);

nlohmann::json CheckJson(const DeviceCheck& check);

}  // namespace souk::tools
