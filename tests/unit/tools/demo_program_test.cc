// The demo as a program: one document that a script can check.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "unit/tools/run_program.h"

namespace souk::tools {
namespace {

using nlohmann::json;

TEST(Demo, HoldsFromOfferToAudit) {
  const TestFolder folder;
  const Ran ran = RunProgram("souk demo --dir market --json", folder.path());
  ASSERT_EQ(ran.code, 0) << ran.err;
  const json demo = json::parse(ran.out);
  EXPECT_EQ(demo["ok"], true);
  EXPECT_GE(demo["accuracy"].get<double>(), 0.95);
  EXPECT_GT(demo["cost"].get<double>(), 0);
  EXPECT_EQ(demo["lease"].get<std::string>().size(), 64u);
  EXPECT_EQ(demo["job"].get<std::string>().size(), 64u);
  EXPECT_EQ(demo["class"], "exact");
  EXPECT_EQ(demo["offers"].size(), 2u);
  ASSERT_EQ(demo["audits"].size(), 4u);
  for (const json& audit : demo["audits"]) {
    EXPECT_EQ(audit["ok"], true) << audit;
    EXPECT_GT(audit["entries"], 0);
    EXPECT_EQ(audit["peer"].get<std::string>().rfind("souk1", 0), 0u);
  }
  int64_t before = 0;
  int64_t after = 0;
  for (const json& row : demo["balances"]) {
    before += row["before_micro"].get<int64_t>();
    after += row["after_micro"].get<int64_t>();
  }
  EXPECT_EQ(before, 0);
  EXPECT_EQ(after, 0);
  EXPECT_LE(demo["seconds"].get<double>(), 60);
  // What it left behind can be looked at.
  const Ran verify = RunProgram("souk-audit verify market/kite", folder.path());
  EXPECT_EQ(verify.code, 0) << verify.out << verify.err;
}

TEST(Demo, FitsTheTerminal) {
  const TestFolder folder;
  const std::string shown = RunInTerminal("souk demo --dir market", folder.path(), 80);
  EXPECT_NE(shown.find("Everything held"), std::string::npos) << shown;
  EXPECT_LE(WidestLine(shown), 80u) << shown;
}

TEST(Demo, LeavesAFolderThatIsNotEmptyAlone) {
  const TestFolder folder;
  std::filesystem::create_directory(folder.path() / "mine");
  std::ofstream(folder.path() / "mine" / "file") << "x";
  const Ran ran = RunProgram("souk demo --dir mine", folder.path());
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ReadAll(folder.path() / "mine" / "file"), "x");
}

}  // namespace
}  // namespace souk::tools
