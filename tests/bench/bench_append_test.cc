// Runs the benchmark small, so that it cannot rot. SOUK_BENCH_SECONDS makes it a measurement.
#include "tools/bench_append.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "test_folder.h"

namespace souk::bench {
namespace {

TEST(AppendBench, GivesARowWithItsFloorForEachGroupSize) {
  const TestFolder folder;
  AppendBench options;
  options.dir = folder.path();
  const char* seconds = std::getenv("SOUK_BENCH_SECONDS");
  options.seconds = seconds != nullptr ? std::atof(seconds) : 0.05;
  const auto rows = RunAppendBench(options);
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), options.groups.size());
  for (const BenchRow& row : *rows) {
    std::printf("%-28s %10.0f %s  floor %10.0f  ratio %.3f\n", row.name.c_str(), row.value,
                row.unit.c_str(), row.floor, row.ratio);
    EXPECT_GT(row.value, 0);
    EXPECT_GT(row.floor, 0);
    EXPECT_DOUBLE_EQ(row.ratio, row.value / row.floor);
    EXPECT_EQ(row.ok, row.ratio >= row.target);
  }
}

}  // namespace
}  // namespace souk::bench
