// The fuzzers' seeds, and what they once found, hold without a fuzzer too.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "fuzz/ptx/program_text.h"
#include "fuzz/ptx/respaced.h"
#include "fuzz/ptx/round_trip.h"
#include "fuzz/ptx/run_kernels.h"
#include "gpu/ptx/module.h"
#include "protocol/base/file.h"

namespace souk::ptx {
namespace {

using EachSeed = std::function<void(const std::filesystem::path&, const Bytes&)>;

// Returns how many there are.
size_t ForEachSeed(const std::string& folder, const EachSeed& each) {
  size_t seeds = 0;
  const std::string path = std::string(SOUK_SOURCE_DIR) + "/tests/fuzz/ptx/" + folder;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    const auto bytes = ReadFile(entry.path(), 1u << 20);
    EXPECT_TRUE(bytes) << entry.path();
    if (bytes) each(entry.path(), *bytes);
    ++seeds;
  }
  return seeds;
}

bool IsGood(const std::filesystem::path& path) {
  return path.filename().string().rfind("good_", 0) == 0;
}

TEST(PtxSeeds, EndInTheSameTextOrAnError) {
  EXPECT_GE(ForEachSeed("seeds",
                        [](const auto& path, const Bytes& bytes) {
                          const bool accepted = RoundTrip(AsText(bytes));
                          if (IsGood(path)) {
                            EXPECT_TRUE(accepted) << path;
                          }
                        }),
            10u);
}

TEST(PtxSeeds, HaveOneCanonicalFormHoweverTheyAreSpaced) {
  for (const char* folder : {"seeds", "kernels"}) {
    ForEachSeed(folder, [&](const auto& path, const Bytes& bytes) {
      const bool accepted = CheckCanonical(AsText(bytes));
      if (IsGood(path)) {
        EXPECT_TRUE(accepted) << path;
      }
    });
  }
}

TEST(PtxSeeds, KernelsEndAlikeAtEveryLevelOfVectorInstructions) {
  int done = 0;
  EXPECT_GE(ForEachSeed("kernels", [&](const auto&,
                                       const Bytes& bytes) { done += RunKernels(AsText(bytes)); }),
            11u);
  // The others fault, spin or trap, as they are meant to.
  EXPECT_GE(done, 7);
}

TEST(PtxSeeds, ProgramsMadeOfBytesAreTakenByTheParser) {
  EXPECT_GE(ForEachSeed("programs",
                        [](const auto& path, const Bytes& bytes) {
                          const std::string text = ProgramText(bytes);
                          const auto module = Parse(text);
                          EXPECT_TRUE(module)
                              << path << ": " << (module ? "" : module.error().message) << "\n"
                              << text;
                          RunKernels(text);
                        }),
            8u);
}

}  // namespace
}  // namespace souk::ptx
