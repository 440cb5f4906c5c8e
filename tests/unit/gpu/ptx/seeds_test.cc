// The fuzzer's seeds, and what it once found, hold without a fuzzer too.
#include <gtest/gtest.h>

#include <filesystem>

#include "fuzz/ptx/round_trip.h"
#include "protocol/base/file.h"

namespace souk::ptx {
namespace {

TEST(PtxSeeds, EndInTheSameTextOrAnError) {
  size_t seeds = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(SOUK_SOURCE_DIR) +
                                                               "/tests/fuzz/ptx/seeds")) {
    const auto bytes = ReadFile(entry.path(), 1u << 20);
    ASSERT_TRUE(bytes) << entry.path();
    const bool accepted = RoundTrip(AsText(*bytes));
    const bool is_good = entry.path().filename().string().rfind("good_", 0) == 0;
    if (is_good) {
      EXPECT_TRUE(accepted) << entry.path();
    }
    ++seeds;
  }
  EXPECT_GE(seeds, 10u);
}

}  // namespace
}  // namespace souk::ptx
