// Ledgers on disk and souk-audit over them, for the tests of it as a program.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ledger/log/rocksdb_ledger.h"
#include "unit/ledger/audit/audit_world.h"
#include "unit/tools/run_program.h"

namespace souk::tools {

using ledger::AuditWorld;
using nlohmann::json;

// Ledgers on disk, as a node leaves them.
class AuditProgram : public testing::Test {
 protected:
  void SetUp() override {
    Make("kite", world_.provider, world_.ProviderLog());
    Make("coop", world_.book, world_.BookLog());
  }
  std::string Make(const std::string& name, const Identity& owner,
                   const std::vector<Entry>& entries) {
    const std::filesystem::path dir = folder_.path() / name;
    std::filesystem::create_directories(dir);
    ledger::NoteSigner signer{.name = LogName(owner.id()),
                              .key = owner.CheckpointKey().public_key().bytes};
    signer.sign = [&owner](ByteView bytes) -> Result<ledger::Ed25519Signature> {
      return owner.CheckpointKey().Sign(bytes).bytes;
    };
    keys_[name] = signer.Verifier().ToVkey();
    auto opened = ledger::Ledger::Open(dir, signer);
    EXPECT_TRUE(opened.has_value());
    std::vector<ledger::Draft> drafts;
    for (const Entry& entry : entries) drafts.push_back({*EncodeEntry(entry), {}});
    EXPECT_TRUE((*opened)->log().Commit(drafts).has_value());
    return name;
  }
  // As souk fetch --evidence writes it, without blobs.
  void MakeEvidence(const std::string& ledger, const std::string& name) {
    const std::filesystem::path bundle = folder_.path() / name;
    std::filesystem::create_directories(bundle);
    std::ofstream(bundle / "key") << keys_.at(ledger) << "\n";
    const std::pair<std::string, uint64_t> leaves[] = {{"order", AuditWorld::kOrdered},
                                                       {"job", AuditWorld::kJobSent},
                                                       {"receipt", AuditWorld::kReceipt}};
    for (const auto& [leaf, index] : leaves) {
      const std::string number = std::to_string(index);
      const std::string into = name + "/" + leaf + ".proof";
      const Ran ran =
          Audit("prove " + ledger + " --entry " + number + " --out " + into + Key(ledger));
      ASSERT_EQ(ran.code, 0) << ran.err;
      std::ofstream(bundle / (leaf + ".entry"), std::ios::binary)
          << Audit("show " + ledger + " " + number + " --raw" + Key(ledger)).out;
    }
  }
  Ran Audit(const std::string& arguments) {
    return RunProgram("souk-audit " + arguments, folder_.path());
  }
  std::string Key(const std::string& name) const { return " --key '" + keys_.at(name) + "'"; }

  AuditWorld world_;
  TestFolder folder_;
  std::map<std::string, std::string> keys_;
};

}  // namespace souk::tools
