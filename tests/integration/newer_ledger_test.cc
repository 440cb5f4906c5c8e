// An older soukd that is started on what a newer one wrote.
#include <gtest/gtest.h>

#include <map>

#include "ledger/log/rocksdb_ledger.h"
#include "protocol/base/file.h"
#include "unit/ledger/audit/audit_world.h"
#include "unit/tools/run_program.h"

namespace souk::tools {
namespace {

namespace fs = std::filesystem;

std::map<std::string, Bytes> FilesOf(const fs::path& dir) {
  std::map<std::string, Bytes> files;
  for (const auto& file : fs::recursive_directory_iterator(dir)) {
    if (file.is_regular_file()) files[file.path().string()] = *ReadFile(file.path(), 1 << 26);
  }
  return files;
}

TEST(NewerLedger, IsLeftAloneAndSaysWhatItNeeds) {
  const TestFolder folder;
  const fs::path dir = folder.path() / "ann";
  const Ran made = RunProgram("soukd init --dir ann --name ann", folder.path());
  ASSERT_EQ(made.code, 0) << made.err;
  const auto identity = IdentityFile::Load(dir / "identity", "");
  ASSERT_TRUE(identity.has_value());
  const Time start{1'800'000'000'000};
  const uint32_t newer = kRulesVersion + 1;
  {
    const auto ledger =
        ledger::Ledger::Open(dir, ledger::LogSignerOf(*identity), {.alone = true, .made = true});
    ASSERT_TRUE(ledger.has_value()) << ledger.error().message;
    const std::vector<Entry> entries = {
        {.time = start, .outcome = Opened{.name = "ann", .peer = identity->id()}},
        {.sequence = 1,
         .time = start,
         .rules = newer,
         .outcome = Upgraded{.from = kRulesVersion, .to = newer}}};
    std::vector<ledger::Draft> drafts;
    for (const Bytes& leaf : ledger::LeavesOf(entries)) drafts.push_back({leaf, {}});
    ASSERT_TRUE((*ledger)->log().Commit(drafts).has_value());
  }
  const auto before = FilesOf(dir);
  const Ran ran = RunProgram("soukd run --dir ann --alone", folder.path());
  EXPECT_EQ(ran.code, 1) << ran.out << ran.err;
  EXPECT_NE(ran.err.find("version " + std::to_string(newer)), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("start the soukd that wrote it, or a newer one"), std::string::npos)
      << ran.err;
  EXPECT_EQ(FilesOf(dir), before) << "nothing may be changed";

  const Ran audit = RunProgram("souk-audit verify ann", folder.path());
  EXPECT_EQ(audit.code, 1);
  EXPECT_NE(audit.out.find("INCOMPLETE"), std::string::npos) << audit.out;
  EXPECT_NE(audit.out.find("a newer souk-audit is needed"), std::string::npos) << audit.out;
}

}  // namespace
}  // namespace souk::tools
