// souk-audit compare and check-fork as a program.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ledger/log/rocksdb_ledger.h"
#include "protocol/base/file.h"
#include "test_folder.h"
#include "unit/ledger/ledger_testing.h"
#include "unit/tools/run_program.h"

namespace souk::tools {
namespace {

using nlohmann::json;

class ForkProgram : public testing::Test {
 protected:
  // A copy of one log with `shared` first entries, then `own` that are this copy's.
  void Make(const std::string& name, uint64_t shared, uint64_t own) {
    const std::filesystem::path dir = folder_.path() / name;
    std::filesystem::create_directories(dir);
    auto opened = ledger::Ledger::Open(dir, ledger::TestSigner(), {.alone = true});
    ASSERT_TRUE(opened) << opened.error().message;
    std::vector<ledger::Draft> drafts = ledger::Drafts(0, shared);
    for (uint64_t i = 0; i < own; ++i) {
      drafts.push_back({ToBytes(AsBytes(name + std::to_string(i))), {}});
    }
    ASSERT_TRUE((*opened)->log().Commit(drafts));
  }
  Ran Audit(const std::string& arguments) {
    return RunProgram("souk-audit " + arguments, folder_.path());
  }
  const std::string key_ = " --key '" + ledger::TestSigner().Verifier().ToVkey() + "'";
  TestFolder folder_;
};

TEST_F(ForkProgram, SaysThatACopyContinuesAnother) {
  Make("old", 300, 0);
  Make("new", 700, 0);
  for (const char* order : {"old new", "new old", "old old"}) {
    const Ran ran = Audit(std::string("compare ") + order + key_);
    EXPECT_EQ(ran.code, 0) << ran.err;
    EXPECT_NE(ran.out.find("CONSISTENT"), std::string::npos) << ran.out;
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "log.fork"));
  }
}

TEST_F(ForkProgram, ProvesAForkToWhoeverHasTheKey) {
  Make("left", 300, 5);
  Make("right", 300, 260);
  Make("same", 300, 5);
  for (const std::string pair : {"left right", "right left", "left same"}) {
    const Ran ran = Audit("compare " + pair + " --json --out proof" + key_);
    EXPECT_EQ(ran.code, 1) << ran.err;
    const json report = json::parse(ran.out);
    EXPECT_EQ(report["verdict"], "FORK");
    EXPECT_EQ(report["first_difference"], 300);
    const Ran checked = Audit("check-fork proof" + key_);
    EXPECT_EQ(checked.code, 0) << checked.out << checked.err;
    EXPECT_NE(checked.out.find("FORK PROVEN"), std::string::npos);
  }
  const Ran shown = Audit("compare left right" + key_);
  EXPECT_EQ(shown.code, 1);
  EXPECT_NE(shown.out.find("from entry 300 on"), std::string::npos) << shown.out;
  EXPECT_NE(shown.out.find("souk-audit check-fork log.fork"), std::string::npos) << shown.out;
}

TEST_F(ForkProgram, KeepsTheProofOfAnotherFork) {
  Make("left", 300, 5);
  Make("right", 300, 260);
  Make("third", 100, 7);
  EXPECT_EQ(Audit("compare left right" + key_).code, 1);
  const auto first = ReadFile(folder_.path() / "log.fork", 1 << 20);
  ASSERT_TRUE(first);
  EXPECT_EQ(Audit("compare left right" + key_).code, 1);
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "log-2.fork"));
  const Ran other = Audit("compare left third" + key_);
  EXPECT_NE(other.out.find("souk-audit check-fork log-2.fork"), std::string::npos) << other.out;
  EXPECT_EQ(Audit("check-fork log-2.fork" + key_).code, 0);
  const auto kept = ReadFile(folder_.path() / "log.fork", 1 << 20);
  ASSERT_TRUE(kept);
  EXPECT_EQ(*kept, *first);
}

TEST_F(ForkProgram, ProvesNothingFromWhatWasTamperedWith) {
  Make("left", 300, 5);
  Make("right", 300, 260);
  ASSERT_EQ(Audit("compare left right --out proof" + key_).code, 1);
  const Bytes good = *ReadFile(folder_.path() / "proof", 1 << 20);
  for (size_t i = 0; i < good.size(); i += 7) {
    Bytes bad = good;
    bad[i] = static_cast<uint8_t>(bad[i] ^ 1);
    ASSERT_TRUE(WriteFileAtomic(folder_.path() / "bad", bad));
    const Ran ran = Audit("check-fork bad --json" + key_);
    EXPECT_EQ(ran.code, 1) << "byte " << i << " " << ran.out;
  }
  const std::string other = " --key '" + ledger::TestSigner(2).Verifier().ToVkey() + "'";
  EXPECT_EQ(Audit("check-fork proof" + other).code, 1);
  EXPECT_EQ(Audit("check-fork proof --key junk").code, 2);
  EXPECT_EQ(Audit("check-fork nothing" + key_).code, 1);
  EXPECT_EQ(Audit("compare left nothing" + key_).code, 1);
}

}  // namespace
}  // namespace souk::tools
