// Replays what the fuzzers of protocol/ start from and what they found, in every build.
#include <gtest/gtest.h>

#include <filesystem>

#include "protocol/base/file.h"
#include "unit/protocol/fuzz_targets.h"
#include "unit/protocol/samples.h"

namespace souk {
namespace {

const std::filesystem::path kCorpus =
    std::filesystem::path(SOUK_SOURCE_DIR) / "tests/fuzz/protocol/corpus";

class FuzzTarget : public testing::TestWithParam<fuzz::Target> {};

TEST_P(FuzzTarget, TakesItsCorpusAndWhatLiesNearIt) {
  size_t files = 0;
  samples::Rng rng(1);
  for (const auto& file : std::filesystem::directory_iterator(kCorpus / GetParam().name)) {
    const Bytes bytes = *ReadFile(file.path(), 1 << 20);
    SCOPED_TRACE(file.path().string());
    ++files;
    GetParam().run(bytes);
    for (int round = 0; round < 50; ++round) {
      Bytes near = bytes;
      if (near.empty()) break;
      near[rng.Below(near.size())] = static_cast<uint8_t>(rng.Any());
      if (rng.Below(4) == 0) near.resize(rng.Below(near.size() + 1));
      GetParam().run(near);
    }
  }
  EXPECT_GT(files, 0u) << "no corpus";
}

INSTANTIATE_TEST_SUITE_P(Protocol, FuzzTarget, testing::ValuesIn(fuzz::kTargets),
                         [](const auto& target) { return target.param.name; });

}  // namespace
}  // namespace souk
