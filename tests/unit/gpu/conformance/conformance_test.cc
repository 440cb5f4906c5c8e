#include <gtest/gtest.h>

#include <set>

#include "gpu/conformance/batch.h"
#include "gpu/conformance/suite.h"
#include "gpu/cpu/cpu_device.h"
#include "gpu/cpu/supported.h"
#include "gpu/ptx/forms.h"
#include "gpu/ptx/module.h"
#include "unit/gpu/ptx/sample.h"

namespace souk::gpu::conformance {
namespace {

DeviceOpener Cpu(SimdLevel level) {
  return [level]() -> Result<std::unique_ptr<Device>> {
    CpuDeviceOptions options;
    options.simd = level;
    options.memory_bytes = uint64_t{1} << 28;
    return MakeCpuDevice(options);
  };
}

std::vector<FamilyReport> RunAll(const Plan& plan) {
  std::vector<FamilyReport> reports;
  const Status ran = RunPlan(plan, [&](const FamilyReport& r) { reports.push_back(r); });
  EXPECT_TRUE(ran) << (ran ? "" : ran.error().message);
  return reports;
}

void ExpectAllOk(const std::vector<FamilyReport>& reports) {
  for (const FamilyReport& report : reports) {
    EXPECT_EQ(report.error, "") << report.family;
    EXPECT_EQ(report.comparison.wrong, 0u) << report.family;
    for (const Difference& one : report.comparison.differences) ADD_FAILURE() << one.Text();
    for (const std::string& group : report.unexpected) {
      ADD_FAILURE() << group << ": " << report.groups.at(group).forms << " forms, digest "
                    << std::hex << report.groups.at(group).digest
                    << ", which is not what expected.inc has. If this is meant: souk-gpucheck "
                       "--print-expectations > gpu/conformance/expected.inc";
    }
  }
}

TEST(Conformance, TheReferenceMeetsItsExpectationsAndTheBoundsAtEveryLevel) {
  for (const SimdLevel level : {SimdLevel::kBaseline, SimdLevel::kAvx2, SimdLevel::kAvx512}) {
    if (level > BestSimdLevel()) continue;
    const std::vector<FamilyReport> reports = RunAll({.reference = Cpu(level)});
    EXPECT_GE(reports.size(), 17u);
    ExpectAllOk(reports);
  }
}

TEST(Conformance, LevelsAgreeBitForBit) {
  for (const SimdLevel level : {SimdLevel::kAvx2, SimdLevel::kAvx512}) {
    if (level > BestSimdLevel()) continue;
    const auto reports = RunAll({.reference = Cpu(SimdLevel::kBaseline), .subject = Cpu(level)});
    ExpectAllOk(reports);
    for (const FamilyReport& report : reports) {
      EXPECT_GT(report.comparison.values, 0u) << report.family;
      EXPECT_EQ(report.comparison.nan_payloads, 0u) << report.family;
      EXPECT_EQ(report.skipped, 0u) << report.family;
    }
  }
}

// No warp is full then, so that the handlers for some lanes run.
TEST(Conformance, PartOfAWarpGivesWhatAWholeOneDoes) {
  ExpectAllOk(RunAll({.reference = Cpu(SimdLevel::kAvx512), .block = 24}));
}

// What the cpu device says that it runs, it loads, and the set has a case of it.
TEST(Conformance, CoversEverySpellingThatTheReferenceRuns) {
  std::set<std::string> covered;
  for (const FormCase& one : RegisterForms())
    covered.insert(one.form.substr(0, one.form.find_first_of(", ")));
  size_t supported = 0;
#define X(name, text) ptx::Opcode::name,
  for (const ptx::Opcode opcode : {SOUK_PTX_OPCODES(X)}) {
#undef X
    if (HasNoRegisterForm(opcode)) continue;
    for (const std::string& spelling : ptx::Spellings(opcode)) {
      const ptx::Operation operation = ptx::DecodeOperation(spelling);
      if (cpu::WhyUnsupportedOperation(operation)) continue;
      // Canonical form writes the .rn.
      const bool fusible =
          opcode == ptx::Opcode::kAdd || opcode == ptx::Opcode::kSub || opcode == ptx::Opcode::kMul;
      if (fusible && ptx::IsFloat(operation.type) && operation.rounding == ptx::Rounding::kNone) {
        continue;
      }
      ++supported;
      EXPECT_TRUE(covered.contains(spelling)) << spelling;
    }
  }
  EXPECT_GT(supported, 4000u);
}

TEST(Conformance, CoversEveryKindOfMemoryAndWarpOperation) {
  std::set<std::string> seen;
  for (const Module& module : AllModules()) {
    const auto parsed = ptx::Parse(module.text);
    ASSERT_TRUE(parsed) << module.family << ": " << parsed.error().message;
    for (const ptx::Operation& operation : parsed->operations) {
      seen.insert(ptx::OpcodeName(operation.opcode));
    }
  }
  for (const char* opcode : {"ld",       "ldu",    "st",   "atom",  "red",   "cp",    "cvta",
                             "isspacep", "shfl",   "vote", "match", "redux", "elect", "bar",
                             "barrier",  "membar", "add",  "addc",  "dp4a",  "lop3",  "cvt"}) {
    EXPECT_TRUE(seen.contains(opcode)) << opcode;
  }
}

TEST(Conformance, PtxasTakesEveryModule) {
  if (!ptx::HavePtxas()) GTEST_SKIP() << "no ptxas here";
  for (const Module& module : AllModules()) {
    const auto parsed = ptx::Parse(module.text);
    ASSERT_TRUE(parsed);
    const auto canonical = ptx::Canonicalize(*parsed);
    ASSERT_TRUE(canonical);
    EXPECT_LE(canonical->target, module.target) << module.family;
    const std::string target = "sm_" + std::to_string(std::max(module.target, 75u));
    EXPECT_EQ(ptx::PtxasErrors(ptx::Write(*canonical), target).substr(0, 2000), "")
        << module.family << " for " << target;
  }
}

}  // namespace
}  // namespace souk::gpu::conformance
