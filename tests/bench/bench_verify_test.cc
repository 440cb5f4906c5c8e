#include "tools/bench_verify.h"

#include <gtest/gtest.h>

#include "test_folder.h"

namespace souk::bench {
namespace {

TEST(VerifyBench, MeasuresAValidLedgerBesideItsFloor) {
  const TestFolder folder;
  const auto rows = RunVerifyBench(
      {.dir = folder.path(), .audit_program = SOUK_BINARY_DIR "/bin/souk-audit", .entries = 400});
  ASSERT_TRUE(rows.has_value()) << rows.error().message;
  ASSERT_EQ(rows->size(), 3u);
  EXPECT_GT((*rows)[0].value, 0);
  EXPECT_GT((*rows)[0].floor, 0);
  EXPECT_GT((*rows)[1].value, 0);
  EXPECT_GT((*rows)[2].value, 0);
  EXPECT_DOUBLE_EQ((*rows)[2].floor, (*rows)[2].value / (*rows)[2].ratio);
}

}  // namespace
}  // namespace souk::bench
