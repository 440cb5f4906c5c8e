// souk-gpucheck: whether this machine's GPUs make of every instruction what the reference makes.
#pragma once

#include <string>
#include <vector>

#include "gpu/conformance/suite.h"
#include "tools/gpucheck/timing.h"

namespace souk::tools {

struct GpuCheckOptions {
  bool json = false;
  bool list = false;                // names the families, checks nothing
  bool print_expectations = false;  // for gpu/conformance/expected.inc, checks nothing
  bool require_gpu = false;         // no GPU is a failure
  bool time = true;
  uint32_t shrink = 1;                     // of what is timed
  std::vector<std::string> families = {};  // all where empty
  std::vector<std::string> devices = {};   // "cuda:0", "cuda:GPU-…"; every GPU where empty
};

// What was found of one device; of the reference alone where there is no GPU.
struct DeviceCheck {
  std::string name = {};  // "cuda:0"; "cpu" for the reference alone
  gpu::DeviceInfo info = {};
  std::vector<gpu::conformance::FamilyReport> families = {};
  std::vector<KernelTiming> timings = {};
  std::string error = {};  // what kept it from being checked or timed
  bool Ok() const;
};

// Prints as it goes, or one JSON document at the end. 0: all is well; 1: something is not; 2: the
// options name what is not there.
int RunGpuCheck(const GpuCheckOptions& options, const std::string& version);

}  // namespace souk::tools
