// The kernel benchmark in small, so that it cannot rot: the figures are not judged here.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>

#include "tools/bench_kernel.h"

namespace souk::bench {
namespace {

TEST(KernelBench, BothSidesComputeTheSameAndEveryFigureIsThere) {
  KernelBench options;
  options.seconds = 0.01;
  options.shrink = 16;
  if (const char* full = std::getenv("SOUK_BENCH_FULL")) {
    options.seconds = std::atof(full);
    options.shrink = 1;
  }
  std::string note;
  const auto rows = RunKernelBench(options, &note);
  ASSERT_TRUE(rows) << rows.error().message;
  std::cout << note << "\n";
  EXPECT_EQ(rows->size(), 28u);  // nine kernels in three ways, and a rate
  for (const BenchRow& row : *rows) {
    EXPECT_GT(row.value, 0) << row.name;
    std::cout << row.name << ": " << row.value << " " << row.unit << ", floor " << row.floor
              << ", ratio " << row.ratio << " (target " << row.target << ")\n";
  }
}

}  // namespace
}  // namespace souk::bench
