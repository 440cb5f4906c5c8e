#include "tools/bench_verify.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace souk::bench {
namespace {

TEST(VerifyBench, MeasuresAValidLedgerBesideItsFloor) {
  std::string dir = (std::filesystem::temp_directory_path() / "souk-bench-XXXXXX").string();
  ASSERT_NE(::mkdtemp(dir.data()), nullptr);
  const auto rows = RunVerifyBench(
      {.dir = dir, .audit_program = SOUK_BINARY_DIR "/bin/souk-audit", .entries = 400});
  std::filesystem::remove_all(dir);
  ASSERT_TRUE(rows.has_value()) << rows.error().message;
  ASSERT_EQ(rows->size(), 2u);
  EXPECT_GT((*rows)[0].value, 0);
  EXPECT_GT((*rows)[0].floor, 0);
  EXPECT_GT((*rows)[1].value, 0);
}

}  // namespace
}  // namespace souk::bench
