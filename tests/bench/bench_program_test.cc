// souk-bench as people call it, in small: every figure stands beside its floor.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/tools/run_program.h"

namespace souk::tools {
namespace {

using Json = nlohmann::json;

void ExpectRows(const std::string& line, size_t least) {
  const Ran ran = RunProgram(line + " --json");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json rows = Json::parse(ran.out, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(rows.is_array()) << ran.out;
  EXPECT_GE(rows.size(), least);
  for (const Json& row : rows) {
    EXPECT_GT(row.at("value").get<double>(), 0) << row;
    EXPECT_GT(row.at("floor").get<double>(), 0) << row;
    EXPECT_NEAR(row.at("ratio").get<double>(),
                row.at("value").get<double>() / row.at("floor").get<double>(), 1e-6)
        << row;
    // What the machine gives is not judged.
    const bool judged = row.at("name").get<std::string>().find("apart") == std::string::npos;
    if (judged) {
      EXPECT_GT(row.at("target").get<double>(), 0) << row;
    }
    EXPECT_EQ(row.at("target").is_null(), !judged) << row;
    EXPECT_EQ(row.at("ok").is_boolean(), judged) << row;
    EXPECT_FALSE(row.at("unit").get<std::string>().empty()) << row;
  }
}

TEST(BenchProgram, MeasuresAppends) {
  ExpectRows("souk-bench append --groups 1 --groups 16 --seconds 0.05", 2);
}
TEST(BenchProgram, MeasuresAppendsBesideAnAudit) {
  ExpectRows("souk-bench append --audited --seconds 0.4", 1);
}
TEST(BenchProgram, MeasuresVerification) {
  ExpectRows("souk-bench verify --entries 400", 1);
}
TEST(BenchProgram, MeasuresLeases) {
  ExpectRows("souk-bench lease --leases 2", 2);
}
TEST(BenchProgram, MeasuresKernelsBesidePocl) {
  void* opencl = ::dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
  if (opencl == nullptr) GTEST_SKIP() << "no OpenCL here: pocl-opencl-icd is missing";
  ::dlclose(opencl);
  ExpectRows("souk-bench kernel --seconds 0.01 --shrink 16", 7);
}

TEST(BenchProgram, RefusesWhatCannotBeMeasured) {
  for (const char* line :
       {"lease --leases 0", "lease --leases -1", "kernel --shrink 0", "kernel --seconds -1",
        "kernel --seconds nan", "append --seconds nan", "append --groups 0", "append --seconds 0",
        "verify --entries 0", "query", ""}) {
    const Ran ran = RunProgram(std::string("souk-bench ") + line);
    EXPECT_EQ(ran.code, 2) << line;
    EXPECT_TRUE(IsOneLine(ran.err, "souk-bench")) << line;
  }
}

}  // namespace
}  // namespace souk::tools
