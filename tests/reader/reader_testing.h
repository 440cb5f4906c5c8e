// What the tests of the two readers share.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "ledger/log/tile_export.h"
#include "reader/readers.h"
#include "unit/ledger/audit/audit_world.h"

namespace souk::reader {

namespace fs = std::filesystem;
using ledger::AuditWorld;

inline ledger::NoteSigner SignerOf(const Identity& owner) {
  ledger::NoteSigner signer{.name = LogName(owner.id()),
                            .key = owner.CheckpointKey().public_key().bytes};
  signer.sign = [&owner](ByteView bytes) -> Result<ledger::Ed25519Signature> {
    return owner.CheckpointKey().Sign(bytes).bytes;
  };
  return signer;
}

// A log in memory that grows.
class GrowingLog {
 public:
  explicit GrowingLog(const Identity& owner)
      : signer_(SignerOf(owner)), log_(*ledger::Log::Open(store_, slots_, signer_)) {}

  void Add(const std::vector<Bytes>& leaves) {
    std::vector<ledger::Draft> drafts;
    for (size_t i = 0; i < leaves.size(); ++i) {
      drafts.push_back({leaves[i], {}});
      if (drafts.size() < ledger::kMaxCommitEntries && i + 1 < leaves.size()) continue;
      ASSERT_TRUE(log_.Commit(drafts).has_value());
      drafts.clear();
    }
  }
  void Add(const std::vector<Entry>& entries) {
    std::vector<Bytes> leaves;
    for (const Entry& entry : entries) leaves.push_back(*EncodeEntry(entry));
    Add(leaves);
  }
  void Export(const fs::path& out) {
    const auto exported = ledger::ExportTiles(log_.reader(), signer_.Verifier(), out);
    ASSERT_TRUE(exported) << exported.error().message;
  }
  const ledger::Log& log() const { return log_; }
  std::string vkey() const { return signer_.Verifier().ToVkey(); }

 private:
  ledger::MemoryStore store_;
  ledger::MemorySlotFile slots_;
  ledger::NoteSigner signer_;
  ledger::Log log_;
};

// Entries that say that nothing happened, up to `size` in all.
inline std::vector<Entry> Idle(uint64_t first, uint64_t size, Time time) {
  std::vector<Entry> entries;
  for (uint64_t i = first; i < size; ++i) {
    entries.push_back({.sequence = i, .time = time, .outcome = Resumed{.down_since = time}});
  }
  return entries;
}

class SecondReader : public testing::Test {
 protected:
  void SetUp() override {
    if (!PythonIsThere()) GTEST_SKIP() << "needs python3-cryptography";
  }
  fs::path At(const std::string& name) const { return folder_.path() / name; }

  TestFolder folder_;
  AuditWorld world_;
};

}  // namespace souk::reader
