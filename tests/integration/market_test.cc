// A market of real processes on loopback: a clearing peer, a provider with the cpu device, a
// renter.
#include <gtest/gtest.h>
#include <signal.h>

#include "integration/nodes.h"
#include "protocol/base/file.h"
#include "reader/readers.h"

namespace souk::integration {
namespace {

constexpr int64_t kIssued = 10'000'000;
// 36 credits an hour: a hundredth of a credit a second, so that seconds are worth counting.
constexpr const char* kPrice = "36";

class MarketTest : public testing::Test {
 protected:
  void SetUp() override {
    coop_.Init({"--roles", "clearing", "--listen", "127.0.0.1:0"});
    coop_.Start();
    // A node that comes back must be found where it was.
    coop_.KeepPort();
    kite_.Init({"--roles", "provider", "--listen", "127.0.0.1:0", "--device", "cpu", "--price",
                kPrice, "--bootstrap", coop_.address()});
    kite_.Start();
    kite_.KeepPort();
    ann_.Init({"--roles", "renter", "--bootstrap", coop_.address()});
    ann_.Start();
    account_ = IssueTo(coop_, ann_, kIssued);
  }

  json WaitForOffer() {
    return ann_.AskUntil({{"do", "offers"}},
                         [](const json& answer) { return answer["matches"] == 1; })["offers"][0];
  }

  // The id of a lease that is metering.
  std::string Rent(int64_t duration_ms) {
    const json offer = WaitForOffer();
    const json rent =
        ann_.Ask({{"do", "rent"}, {"offer", offer["id"]}, {"duration_in_ms", duration_ms}});
    if (rent.is_null()) return "";
    std::string lease = rent["lease"].get<std::string>();
    WaitForLease(lease, [](const json& row) { return row["state"] == "Metering"; });
    return lease;
  }

  json WaitForLease(const std::string& lease, const std::function<bool(const json&)>& done,
                    int milliseconds = 30'000) {
    return ann_.AskUntil(
        {{"do", "leases"}, {"id", lease}},
        [&](const json& answer) { return done(answer["leases"][0]); }, milliseconds)["leases"][0];
  }

  std::string Submit(const std::string& lease, const CongruenceWork& work) {
    json blobs = json::array();
    for (const Bytes& blob : work.blobs) {
      const BlobRef ref = ann_.PutBlob(blob);
      blobs.push_back({{"digest", ref.digest.Hex()}, {"size", ref.size}});
    }
    const BlobRef encoding = ann_.PutBlob(work.encoding);
    const json job =
        ann_.Ask({{"do", "job"},
                  {"lease", lease},
                  {"workload", {{"digest", encoding.digest.Hex()}, {"size", encoding.size}}},
                  {"blobs", blobs},
                  {"title", "congruence"}});
    return job.is_null() ? "" : job["job"].get<std::string>();
  }

  json WaitForJob(const std::string& job, const std::function<bool(const json&)>& done,
                  int milliseconds = 60'000) {
    return ann_.AskUntil(
        {{"do", "jobs"}, {"id", job}}, [&](const json& answer) { return done(answer["jobs"][0]); },
        milliseconds)["jobs"][0];
  }
  json WaitForResult(const std::string& job) {
    return WaitForJob(job, [](const json& row) { return row["over"].get<bool>(); });
  }

  json Release(const std::string& lease) {
    ann_.Ask({{"do", "release"}, {"lease", lease}});
    return WaitForLease(lease, [](const json& row) { return row["over"].get<bool>(); });
  }

  // Every credit that was issued is somewhere, and nothing is held any more.
  void CheckBooks(int64_t paid) {
    const json kite = kite_.AskUntil({{"do", "leases"}}, [](const json& answer) {
      for (const json& row : answer["leases"]) {
        if (!row["over"].get<bool>()) return false;
      }
      return true;
    });
    int64_t earned = 0;
    for (const json& row : kite["leases"]) earned += row["paid_micro"].get<int64_t>();
    EXPECT_EQ(earned, paid);
    const json balance = ann_.Ask({{"do", "balance"}});
    EXPECT_EQ(balance["account"], account_);
    EXPECT_EQ(balance["posted_micro"], kIssued - paid);
    EXPECT_EQ(balance["held_micro"], 0);
    const json own = coop_.Ask({{"do", "balance"}});
    EXPECT_EQ(own["issued_micro"], kIssued);
    int64_t sum = 0, kites = 0;
    const json accounts = coop_.Ask({{"do", "accounts"}});
    for (const json& row : accounts["accounts"]) {
      sum += row["posted_micro"].get<int64_t>();
      EXPECT_EQ(row["held_micro"], 0);
      if (row.value("key", "") == kite_.peer_id()) kites = row["posted_micro"].get<int64_t>();
    }
    EXPECT_EQ(sum, 0);
    EXPECT_EQ(kites, paid);
  }

  // Each log as it stands, while its node runs.
  void CheckLogs() {
    for (const Node* node : {&coop_, &kite_, &ann_}) {
      SCOPED_TRACE(node->dir());
      reader::ExpectBothReadersTake(node->dir());
    }
  }

  TestFolder folder_;
  Node coop_{folder_.path() / "coop", "coop"};
  Node kite_{folder_.path() / "kite", "kite"};
  Node ann_{folder_.path() / "ann", "ann"};
  std::string account_ = {};
};

TEST_F(MarketTest, TakesALeaseFromItsOfferToItsSettlement) {
  const json offer = WaitForOffer();
  EXPECT_EQ(offer["name"], "kite");
  EXPECT_EQ(offer["kind"], "cpu");
  EXPECT_EQ(offer["price_micro"], 36'000'000);
  EXPECT_EQ(offer["clearing_peers"][0]["name"], "coop");

  const std::string lease = Rent(600'000);
  ASSERT_FALSE(lease.empty());
  const CongruenceWork work(50);
  const std::string job = Submit(lease, work);
  ASSERT_FALSE(job.empty());
  const json result = WaitForResult(job);
  EXPECT_EQ(result["state"], "done") << result.dump(2);
  ASSERT_EQ(result["outputs"].size(), 1u);
  EXPECT_EQ(result["outputs"][0]["name"], "numbers.npy");
  EXPECT_EQ(ann_.BlobBytes(result["outputs"][0]["digest"].get<std::string>()), work.expected);
  EXPECT_EQ(result["receipt"]["launches"], 50);
  EXPECT_EQ(result["receipt"]["device_name"], offer["model"]);
  EXPECT_EQ(result["receipt"]["class"], "exact");

  const json closed = Release(lease);
  EXPECT_TRUE(closed["settled"].get<bool>());
  EXPECT_EQ(closed["reason_code"], 1000);
  const int64_t paid = closed["paid_micro"].get<int64_t>();
  EXPECT_GT(paid, 0);
  EXPECT_EQ(paid, closed["due_micro"].get<int64_t>());
  EXPECT_LT(paid, closed["max_micro"].get<int64_t>());
  CheckBooks(paid);

  // The device is free again, once its worker is reaped (R5): that may be after the settlement.
  const json status = kite_.AskUntil(
      {{"do", "status"}},
      [](const json& answer) { return answer["devices"][0]["state"] == "idle"; }, 10'000);
  EXPECT_EQ(status["devices"][0]["state"], "idle");
  EXPECT_EQ(status["earned_micro"], paid);
  CheckLogs();
  for (Node* node : {&coop_, &kite_, &ann_}) {
    EXPECT_EQ(node->Stop(), 0) << node->Errors();
    EXPECT_EQ(node->Errors(), "");
  }
}

TEST_F(MarketTest, ExplainsWhyAnOfferDoesNotMatch) {
  WaitForOffer();
  const json why = ann_.Ask({{"do", "why"}, {"query", "price <= 30"}});
  EXPECT_EQ(why["matches"], 0);
  ASSERT_EQ(why["nearest"].size(), 1u);
  EXPECT_EQ(why["nearest"][0]["field"], "price");
  EXPECT_EQ(why["nearest"][0]["name"], "kite");
  EXPECT_NEAR(why["nearest"][0]["off_by"].get<double>(), 0.2, 1e-9);
}

TEST_F(MarketTest, LeavesALeaseThatCouldNotBePaidAlone) {
  const json offer = WaitForOffer();
  // An hour costs 36 credits, the account holds 10.
  const json rent =
      ann_.Ask({{"do", "rent"}, {"offer", offer["id"]}, {"duration_in_ms", 3'600'000}});
  const json lease = WaitForLease(rent["lease"].get<std::string>(),
                                  [](const json& row) { return row["over"].get<bool>(); });
  EXPECT_FALSE(lease["sentence"].get<std::string>().empty());
  CheckBooks(0);
}

TEST_F(MarketTest, AnswersAWatchWhenThePhaseChanges) {
  const json rent =
      ann_.Ask({{"do", "rent"}, {"offer", WaitForOffer()["id"]}, {"duration_in_ms", 60'000}});
  const json& id = rent["lease"];
  json row = {{"phase", "none"}, {"state", "None"}};
  while (row["state"] != "Metering") {
    const json before = row;
    row = ann_.Ask({{"do", "watch"}, {"id", id}, {"phase", before["phase"]}})["leases"][0];
    ASSERT_NE(row["phase"], before["phase"]) << row;
  }
  // Nothing changes any more: the time that was said, in whole milliseconds of the daemon's clock,
  // and the same row.
  const auto start = std::chrono::steady_clock::now();
  const json same = ann_.Ask(
      {{"do", "watch"}, {"id", id}, {"phase", row["phase"]}, {"within_in_ms", 200}})["leases"][0];
  EXPECT_GE(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(199));
  EXPECT_EQ(same["phase"], row["phase"]);
  Release(id.get<std::string>());
}

TEST_F(MarketTest, RefusesWhatMakesNoSenseOnItsSocket) {
  WaitForOffer();
  const std::string zeros(64, '0');
  EXPECT_NE(ann_.ErrorOf({{"do", "dance"}}), "");
  EXPECT_NE(ann_.ErrorOf({{"do", "offers"}, {"qery", ""}}).find("qery"), std::string::npos);
  EXPECT_NE(ann_.ErrorOf({{"do", "offers"}, {"query", "price <= "}}), "");
  EXPECT_NE(ann_.ErrorOf({{"do", "rent"}, {"offer", zeros}, {"duration_in_ms", 1000}}), "");
  EXPECT_NE(ann_.ErrorOf({{"do", "rent"}, {"offer", zeros}, {"duration_in_ms", -1}}), "");
  EXPECT_NE(ann_.ErrorOf({{"do", "release"}, {"lease", zeros}}), "");
  EXPECT_NE(ann_.ErrorOf({{"do", "leases"}, {"id", "12"}}), "");
  EXPECT_NE(ann_.ErrorOf({{"do", "watch"}, {"id", zeros}, {"phase", ""}}), "");
  EXPECT_NE(ann_.ErrorOf({{"do", "watch"}, {"id", zeros}}).find("phase"), std::string::npos);
  EXPECT_NE(ann_.ErrorOf({{"do", "drain"}}).find("provider"), std::string::npos);
  EXPECT_NE(ann_.ErrorOf(
                {{"do", "issue"}, {"account", account_}, {"amount_micro", 1}, {"reference", "x"}}),
            "");
  EXPECT_NE(coop_.ErrorOf({{"do", "issue"},
                           {"account", account_},
                           {"amount_micro", 1},
                           {"reference", "invoice 1"}}),
            "");
  EXPECT_EQ(coop_.Ask({{"do", "balance"}})["issued_micro"], kIssued);
}

TEST_F(MarketTest, TakesNoLeasesWhileItDrains) {
  const std::string before = WaitForOffer()["id"].get<std::string>();
  kite_.Ask({{"do", "drain"}});
  ann_.AskUntil({{"do", "offers"}}, [](const json& answer) { return answer["matches"] == 0; });
  EXPECT_NE(ann_.ErrorOf({{"do", "rent"}, {"offer", before}, {"duration_in_ms", 60'000}}), "");
  kite_.Ask({{"do", "resume"}});
  WaitForOffer();
}

TEST_F(MarketTest, OffersNothingOfAStoppedProviderUntilItIsBack) {
  WaitForOffer();
  EXPECT_EQ(kite_.Stop(), 0);
  ann_.AskUntil(
      {{"do", "offers"}}, [](const json& answer) { return answer["matches"] == 0; }, 5000);
  kite_.Start();
  WaitForOffer();
}

TEST_F(MarketTest, RefusesASecondDaemonOnTheSameDirectory) {
  Process second({ProgramPath("soukd"), "run", "--dir", coop_.dir()}, folder_.path() / "second.out",
                 folder_.path() / "second.err");
  EXPECT_EQ(second.Wait(20'000), 1);
  const auto error = ReadFile(folder_.path() / "second.err", 4096);
  ASSERT_TRUE(error);
  EXPECT_NE(std::string(AsText(*error)).find("another process is using"), std::string::npos);
  EXPECT_EQ(coop_.Ask({{"do", "id"}})["name"], "coop");
}

TEST_F(MarketTest, NoticesAPeerThatHangsAndTakesItBack) {
  WaitForOffer();
  const auto connected = [this](int count) {
    coop_.AskUntil({{"do", "status"}},
                   [&](const json& status) { return status["peers_connected"] == count; });
  };
  connected(2);
  kite_.process().Signal(SIGSTOP);
  connected(1);
  kite_.process().Signal(SIGCONT);
  connected(2);
}

TEST_F(MarketTest, EndsANodeThatOnlyRentsByAStopOverItsSocket) {
  ann_.Ask({{"do", "stop"}});
  EXPECT_EQ(ann_.process().Wait(10'000), 0);
  EXPECT_FALSE(std::filesystem::exists(ann_.dir() / "control.sock"));
  EXPECT_NE(ann_.ErrorOf({{"do", "status"}}).find("no daemon runs"), std::string::npos);
}

// kill −9 of each process while a job runs: nothing acknowledged is lost, the job's result is
// right, and the books add up.
class KillTest : public MarketTest, public testing::WithParamInterface<std::string> {
 protected:
  void KillAndRestart(Node& node) {
    node.Kill();
    node.Start();
  }
  // The job's own worker, by the number of its process as bubblewrap wrote it.
  void KillWorker(const std::string& job) {
    const auto status = ReadFile(kite_.dir() / "jobs" / job / "worker.status", 4096);
    ASSERT_TRUE(status);
    const std::string text(AsText(*status));
    const size_t at = text.find("\"child-pid\":");
    ASSERT_NE(at, std::string::npos) << text;
    ASSERT_EQ(::kill(std::stoi(text.substr(at + 12)), SIGKILL), 0);
  }
};

TEST_P(KillTest, LosesNothing) {
  const std::string lease = Rent(240'000);
  ASSERT_FALSE(lease.empty());
  const CongruenceWork work(60'000);
  const std::string job = Submit(lease, work);
  ASSERT_FALSE(job.empty());
  WaitForJob(job, [](const json& row) { return row["launch"].get<uint64_t>() > 0; });
  if (GetParam() == "clearing") KillAndRestart(coop_);
  if (GetParam() == "provider") KillAndRestart(kite_);
  if (GetParam() == "renter") KillAndRestart(ann_);
  if (GetParam() == "worker") KillWorker(job);
  if (GetParam() == "everyone") {
    for (Node* node : {&coop_, &kite_, &ann_}) node->Kill();
    for (Node* node : {&coop_, &kite_, &ann_}) node->Start();
  }
  const json result = WaitForResult(job);
  EXPECT_EQ(result["state"], "done") << result.dump(2);
  ASSERT_EQ(result["outputs"].size(), 1u);
  EXPECT_EQ(ann_.BlobBytes(result["outputs"][0]["digest"].get<std::string>()), work.expected);
  const json closed = Release(lease);
  EXPECT_EQ(closed["reason_code"], 1000) << closed.dump(2);
  CheckBooks(closed["paid_micro"].get<int64_t>());
  CheckLogs();
}

INSTANTIATE_TEST_SUITE_P(Processes, KillTest,
                         testing::Values("clearing", "provider", "renter", "worker", "everyone"),
                         [](const auto& process) { return process.param; });

}  // namespace
}  // namespace souk::integration
