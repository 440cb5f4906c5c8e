// kill -9 of any process of a market, at random moments of a lease and a job; then a restart.
// Nothing that was acknowledged may be lost, every ledger verifies, and the renter finishes or is
// refunded.
//
// SOUK_KILL_POINTS says how many moments (8, or 200 with SOUK_LONG as tools/check --long sets it),
// SOUK_KILL_SEED which.
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <thread>

#include "integration/nodes.h"
#include "ledger/audit/audit.h"
#include "ledger/log/rocksdb_ledger.h"
#include "protocol/base/file.h"
#include "protocol/entry.h"
#include "sim/rng.h"

namespace souk::integration {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::strtoull(value, nullptr, 10) : otherwise;
}

void Sleep(int64_t milliseconds) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

Result<ledger::NoteVerifier> VerifierOf(const Node& node) {
  ASSIGN_OR_RETURN(const Identity identity, IdentityFile::Load(node.dir() / "identity", ""));
  return ledger::NoteVerifier{LogName(identity.id()), identity.CheckpointKey().public_key().bytes};
}

class KillTest : public testing::Test {
 protected:
  void SetUp() override {
    coop_.Init({"--roles", "clearing", "--listen", "127.0.0.1:0"});
    coop_.Start();
    FixPort(coop_);
    for (Node* provider : {&kite_, &helio_}) {
      provider->Init({"--roles", "provider", "--listen", "127.0.0.1:0", "--device", "cpu",
                      "--price", "36", "--bootstrap", coop_.address()});
      provider->Start();
      FixPort(*provider);
    }
    ann_.Init({"--roles", "renter", "--bootstrap", coop_.address()});
    ann_.Start();
    IssueTo(coop_, ann_, 1'000'000'000);
  }

  // A node that comes back must be found where it was.
  static void FixPort(Node& node) {
    const std::string& address = node.address();
    const size_t at = address.find('@'), slash = address.rfind('/');
    const std::filesystem::path path = node.dir() / "config.toml";
    std::string text(AsText(*ReadFile(path, 1 << 20)));
    text.replace(text.find("127.0.0.1:0"), 11, address.substr(at + 1, slash - at - 1));
    ASSERT_TRUE(WriteFileAtomic(path, AsBytes(text), 0600));
  }

  // One lease with one job, as far as the node answers: a dead process ends it early.
  void RentAndRun() {
    const json offers = ann_.AskUntil(
        {{"do", "offers"}}, [](const json& answer) { return answer["matches"] >= 1; }, 60'000);
    if (offers.is_null()) return;
    const auto pick = static_cast<size_t>(rng_.Next() % offers["offers"].size());
    const json rent = ann_.Ask(
        {{"do", "rent"}, {"offer", offers["offers"][pick]["id"]}, {"duration_in_ms", 20'000}});
    if (!rent.is_null()) lease_ = rent["lease"].get<std::string>();
  }

  // Submits once the lease meters; true when done.
  bool TrySubmit() {
    const json leases = ann_.Ask({{"do", "leases"}, {"id", lease_}});
    if (leases.is_null() || leases["leases"].empty() ||
        leases["leases"][0]["state"] != "Metering") {
      return false;
    }
    json blobs = json::array();
    for (const Bytes& blob : work_.blobs) {
      const BlobRef ref = ann_.PutBlob(blob);
      blobs.push_back({{"digest", ref.digest.Hex()}, {"size", ref.size}});
    }
    const BlobRef encoding = ann_.PutBlob(work_.encoding);
    ann_.Ask({{"do", "job"},
              {"lease", lease_},
              {"workload", {{"digest", encoding.digest.Hex()}, {"size", encoding.size}}},
              {"blobs", blobs},
              {"title", "congruence"}});
    return true;
  }

  void RememberHeads() {
    for (Node* node : all_) {
      const auto verifier = VerifierOf(*node);
      const auto view = verifier ? ledger::LedgerView::Open(node->dir(), *verifier)
                                 : Result<std::unique_ptr<ledger::LedgerView>>(verifier.error());
      if (!view) continue;  // caught in the middle of a write
      const auto& head = (*view)->log().head();
      heads_[node] = {head.size, head.root};
    }
  }

  void CheckHeads() {
    for (const auto& [node, head] : heads_) {
      const auto verifier = VerifierOf(*node);
      ASSERT_TRUE(verifier) << verifier.error().message;
      const auto view = ledger::LedgerView::Open(node->dir(), *verifier);
      ASSERT_TRUE(view) << view.error().message;
      ASSERT_GE((*view)->log().size(), head.first) << "acknowledged entries are gone";
      EXPECT_EQ(*(*view)->log().RootAt(head.first), head.second) << "acknowledged entries changed";
    }
  }

  // kill -9 of the node, or of one of its workers.
  void KillSomething() {
    Node* victim = all_[rng_.Next() % all_.size()];
    if (victim != &coop_ && victim != &ann_ && rng_.Chance(400)) {
      // A worker's process id stands in its folder's status; any souk-worker below the node's jobs.
      KillWorkersOf(*victim);
      return;
    }
    killed_ = victim;
    victim->Kill();
    Sleep(rng_.Between(0, 300));
    victim->Start();
  }

  void KillWorkersOf(const Node& node) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const std::string pid = entry.path().filename();
      if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
      // One that ended meanwhile cannot be read, and needs no killing.
      const auto line = ReadFile(entry.path() / "cmdline", 1 << 16);
      if (!line || AsText(*line).find("souk-worker") == std::string::npos) continue;
      // Only ours: its output goes into the node's own folder.
      std::error_code ignored;
      const auto log = std::filesystem::read_symlink(entry.path() / "fd/2", ignored);
      if (log.string().rfind(node.dir().string(), 0) != 0) continue;
      ::kill(std::atoi(pid.c_str()), SIGKILL);
    }
  }

  TestFolder folder_;
  Node coop_{folder_.path() / "coop", "coop"};
  Node kite_{folder_.path() / "kite", "kite"};
  Node helio_{folder_.path() / "helio", "helio"};
  Node ann_{folder_.path() / "ann", "ann"};
  std::vector<Node*> all_ = {&coop_, &kite_, &helio_, &ann_};
  std::map<Node*, std::pair<uint64_t, Digest>> heads_ = {};
  uint64_t seed_ = FromEnvironment("SOUK_KILL_SEED", 1);
  sim::Rng rng_{seed_};
  CongruenceWork work_{200};
  std::string lease_ = {};
  Node* killed_ = nullptr;
};

TEST_F(KillTest, NothingAcknowledgedIsLostAndTheRenterFinishesOrIsRefunded) {
  const uint64_t points =
      FromEnvironment("SOUK_KILL_POINTS", std::getenv("SOUK_LONG") != nullptr ? 200 : 8);
  uint64_t finished = 0, refunded = 0;
  for (uint64_t point = 0; point < points && !HasFailure(); ++point) {
    SCOPED_TRACE("point " + std::to_string(point) + " of seed " + std::to_string(seed_));
    RentAndRun();
    const auto start = std::chrono::steady_clock::now();
    const auto kill_at = start + std::chrono::milliseconds(rng_.Between(0, 1500));
    bool submitted = false;
    while (std::chrono::steady_clock::now() < kill_at) {
      submitted = submitted || TrySubmit();
      Sleep(10);
    }
    RememberHeads();
    KillSomething();
    CheckHeads();
    if (!submitted) Sleep(300);
    if (!submitted) TrySubmit();
    Sleep(500);
    ann_.Ask({{"do", "release"}, {"lease", lease_}});
    const json over = ann_.AskUntil(
        {{"do", "leases"}, {"id", lease_}},
        [](const json& answer) { return answer["leases"][0]["over"].get<bool>(); }, 150'000);
    ASSERT_FALSE(over.is_null());
    const int64_t paid = over["leases"][0]["paid_micro"].get<int64_t>();
    (paid > 0 ? finished : refunded) += 1;
    EXPECT_EQ(ann_.AskUntil(
                  {{"do", "balance"}}, [](const json& answer) { return answer["held_micro"] == 0; },
                  60'000)["held_micro"],
              0);
  }
  for (Node* node : all_) EXPECT_EQ(node->Stop(), 0);
  for (Node* node : all_) {
    const auto verifier = VerifierOf(*node);
    ASSERT_TRUE(verifier);
    const auto view = ledger::LedgerView::Open(node->dir(), *verifier);
    ASSERT_TRUE(view) << view.error().message;
    const ledger::AuditReport report = ledger::Audit((*view)->log());
    EXPECT_NE(report.verdict, ledger::Verdict::kInvalid) << node->dir();
    for (const ledger::Finding& finding : report.findings) {
      ADD_FAILURE() << node->dir() << " entry " << finding.entry << " breaks " << finding.rule
                    << " " << finding.name << ": " << finding.what;
    }
  }
  std::printf("kill points %llu, seed %llu: %llu paid, %llu refunded\n",
              static_cast<unsigned long long>(points), static_cast<unsigned long long>(seed_),
              static_cast<unsigned long long>(finished), static_cast<unsigned long long>(refunded));
}

}  // namespace
}  // namespace souk::integration
