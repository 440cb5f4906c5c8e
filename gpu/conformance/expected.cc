#include "gpu/conformance/expected.h"

#include <string_view>

namespace souk::gpu::conformance {
namespace {

struct Expectation {
  std::string_view group;
  uint32_t forms;
  uint64_t digest;
};

// Written by `souk-gpucheck --print-expectations`, sorted by group.
constexpr Expectation kExpectations[] = {
#include "gpu/conformance/expected.inc"
};

}  // namespace

bool IsExpected(const std::string& group, const GroupResult& result) {
  for (const Expectation& row : kExpectations) {
    if (row.group == group) return row.forms == result.forms && row.digest == result.digest;
  }
  return false;
}

}  // namespace souk::gpu::conformance
