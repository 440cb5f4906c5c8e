// The conformance set: every instruction family that the cpu device runs, applied to values where
// instructions go wrong. A device passes where it makes of each what the reference makes, bit for
// bit; approximate instructions, where both are within the ISA's bounds.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gpu/conformance/compare.h"
#include "gpu/device.h"

namespace souk::gpu::conformance {

// All of it; families stand together. About 10 MB of PTX, made in a tenth of a second.
std::vector<Module> AllModules();

// What one group of forms gave, on the reference.
struct GroupResult {
  uint32_t forms = 0;
  uint64_t digest = 0;  // the first 8 bytes of the SHA-256 of names and values
};

struct FamilyReport {
  std::string family = {};
  uint32_t forms = 0;
  uint32_t skipped = 0;  // forms that the device's architecture or driver does not have
  Comparison comparison = {};
  // On the reference alone.
  std::map<std::string, GroupResult> groups = {};
  std::vector<std::string> unexpected = {};  // groups that differ from their stored expectation
  std::string error = {};                    // what kept a module from running; names it
  bool Ok() const { return error.empty() && comparison.wrong == 0 && unexpected.empty(); }
};

using DeviceOpener = std::function<Result<std::unique_ptr<Device>>()>;

struct Plan {
  DeviceOpener reference = {};
  // Compared with the reference. Without it the reference is compared with stored expectations and,
  // where instructions are approximate, with the ISA's bounds. Opened anew after a failure.
  DeviceOpener subject = {};
  std::vector<std::string> families = {};  // all where empty
  uint32_t block = 0;                      // another block size for what any block size can run
};

// Calls `done` with each family as it is finished. An error is a device that does not open.
Status RunPlan(const Plan& plan, const std::function<void(const FamilyReport&)>& done);

// The names of the families, in the order of RunPlan.
std::vector<std::string> Families();

// Lines for expected.inc.
std::string ExpectationLines(const FamilyReport& report);

}  // namespace souk::gpu::conformance
