// souk-audit verify on a ledger that is being written: it never says that something is wrong.
// SOUK_LIVE_AUDITS says how many times it looks; SOUK_LONG makes it 50.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "ledger/log/rocksdb_ledger.h"
#include "unit/ledger/audit/audit_world.h"
#include "unit/tools/run_program.h"

namespace souk::tools {
namespace {

using ledger::AuditWorld;

// A node of which nothing is known but that it starts, writes and stops. Each start flushes what
// was written, so that files come and go as they do in days of a node at work.
class BusyNode {
 public:
  BusyNode(std::filesystem::path dir, const AuditWorld& world)
      : dir_(std::move(dir)), world_(world) {
    for (const Entry& entry : world.ProviderLog()) Add(entry);
    open_ = Open();
    EXPECT_TRUE(Commit());
    thread_ = std::thread([this] { Work(); });
  }
  ~BusyNode() {
    stop_ = true;
    thread_.join();
  }
  uint64_t entries() const { return written_; }

 private:
  std::unique_ptr<ledger::Ledger> Open() {
    for (int i = 0; i < 200; ++i) {
      auto opened =
          ledger::Ledger::Open(dir_, ledger::LogSignerOf(world_.provider), {.alone = true});
      if (opened) return std::move(*opened);
      // An auditor holds the directory while it begins.
      EXPECT_EQ(opened.error().code, Code::kUnavailable) << opened.error().message;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return nullptr;
  }
  void Add(Entry entry) {
    entry.sequence = next_++;
    time_ = entry.time;
    auto leaf = EncodeEntry(entry);
    EXPECT_TRUE(leaf.has_value());
    drafts_.push_back({std::move(*leaf), {}});
  }
  bool Commit() {
    const auto committed = open_->log().Commit(drafts_);
    drafts_.clear();
    if (committed) written_ = committed->size;
    return committed.has_value();
  }
  void Work() {
    for (uint64_t commits = 1; !stop_; ++commits) {
      for (int i = 0; i < 32; ++i) {
        Add({.time = time_ + Millis(1), .outcome = Resumed{.down_since = time_}});
      }
      if (!Commit()) ADD_FAILURE() << "a commit failed";
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (commits % 20 != 0) continue;
      open_.reset();
      open_ = Open();
      if (open_ == nullptr) return;
    }
  }

  std::filesystem::path dir_;
  const AuditWorld& world_;
  std::unique_ptr<ledger::Ledger> open_ = {};
  std::vector<ledger::Draft> drafts_ = {};
  uint64_t next_ = 0;
  Time time_ = {};
  std::atomic<uint64_t> written_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

int Audits() {
  if (const char* value = std::getenv("SOUK_LIVE_AUDITS")) return std::atoi(value);
  return std::getenv("SOUK_LONG") != nullptr ? 50 : 6;
}

TEST(LiveAudit, FindsALedgerThatIsBeingWrittenValid) {
  const AuditWorld world;
  const TestFolder folder;
  const std::filesystem::path dir = folder.path() / "kite";
  std::filesystem::create_directories(dir);
  const std::string key = ledger::LogSignerOf(world.provider).Verifier().ToVkey();
  const BusyNode node(dir, world);
  const std::string saved = (folder.path() / "saved").string();
  for (int i = 0; i < Audits(); ++i) {
    // Whole, at full speed, and on from the audit before.
    std::string line = "souk-audit verify kite --key '" + key + "' --save " + saved;
    if (i % 3 == 1) line += " --full-speed";
    if (i % 3 == 2) line += " --resume " + saved;
    const Ran ran = RunProgram(line, folder.path());
    EXPECT_EQ(ran.code, 0) << "look " << i << ", " << node.entries() << " entries\n"
                           << ran.out << ran.err;
  }
  EXPECT_GT(node.entries(), 100u);
}

}  // namespace
}  // namespace souk::tools
