// The values of a run, compared: device against device, or a device against what is known.
#pragma once

#include <string>
#include <vector>

#include "gpu/conformance/case.h"

namespace souk::gpu::conformance {

struct Difference {
  std::string form = {};
  uint32_t row = 0;
  std::vector<std::string> inputs = {};  // as "f32 7fc00001"
  std::string expected = {};
  std::string found = {};
  std::string Text() const;  // one line
};

struct Comparison {
  uint64_t values = 0;
  uint64_t wrong = 0;
  uint64_t nan_payloads = 0;  // NaNs that differ where the ISA leaves the payload open
  // Of approximations, on either side (Judgement).
  double worst_ulp = 0;
  double worst_share = 0;
  std::vector<Difference> differences = {};  // the first of each form, at most kMostDifferences

  void Add(const Comparison& more);
};
inline constexpr size_t kMostDifferences = 16;

// Outputs of two devices. Bounded forms are judged each by itself.
Comparison CompareOutputs(const KernelRun& run, ByteView expected, ByteView found);

// The bounded forms of one output.
Comparison JudgeOutput(const KernelRun& run, ByteView found);

}  // namespace souk::gpu::conformance
