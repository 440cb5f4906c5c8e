// The hostile set through a market of real nodes: signed jobs of one renter under one lease. After
// each the provider still answers, the lease goes on, and a good job gives the right result.
#include <gtest/gtest.h>

#include <cstdlib>

#include "hostile/hostile_set.h"
#include "hostile/measure.h"
#include "integration/nodes.h"
#include "protocol/base/file.h"

namespace souk::integration {
namespace {

using gpu::hostile::Case;

constexpr int kPatienceMs = 60'000;
// What a provider's daemon may grow by over the whole set: it holds receipts and a log, never a
// job's own data.
constexpr uint64_t kDaemonGrowthKib = 64 * 1024;

class HostileMarketTest : public testing::Test {
 protected:
  void SetUp() override {
    coop_.Init({"--roles", "clearing", "--listen", "127.0.0.1:0"});
    coop_.Start();
    kite_.Init({"--roles", "provider", "--listen", "127.0.0.1:0", "--device", "cpu", "--price",
                "36", "--bootstrap", coop_.address()});
    kite_.Start();
    ann_.Init({"--roles", "renter", "--bootstrap", coop_.address()});
    ann_.Start();
    IssueTo(coop_, ann_, 1'000'000'000);
    const json offer = ann_.AskUntil({{"do", "offers"}},
                                     [](const json& answer) { return answer["matches"] == 1; });
    const json rent = ann_.Ask(
        {{"do", "rent"}, {"offer", offer["offers"][0]["id"]}, {"duration_in_ms", 3'600'000}});
    lease_ = rent["lease"].get<std::string>();
    ann_.AskUntil({{"do", "leases"}, {"id", lease_}},
                  [](const json& answer) { return answer["leases"][0]["state"] == "Metering"; });
  }

  // The job's row once it is over.
  json Run(const Bytes& encoding, const std::vector<Bytes>& blobs, const std::string& title) {
    json refs = json::array();
    for (const Bytes& blob : blobs) {
      const BlobRef ref = ann_.PutBlob(blob);
      refs.push_back({{"digest", ref.digest.Hex()}, {"size", ref.size}});
    }
    const BlobRef workload = ann_.PutBlob(encoding);
    json job = ann_.Ask({{"do", "job"},
                         {"lease", lease_},
                         {"workload", {{"digest", workload.digest.Hex()}, {"size", workload.size}}},
                         {"blobs", refs},
                         {"title", title}});
    if (job.is_null()) return job;
    return ann_.AskUntil(
        {{"do", "jobs"}, {"id", job["job"]}},
        [](const json& answer) { return answer["jobs"][0]["over"].get<bool>(); },
        kPatienceMs)["jobs"][0];
  }

  void ExpectAsWanted(const Case& one, const json& row) {
    const std::string sentence = row["sentence"].get<std::string>();
    if (one.code) {
      EXPECT_EQ(row["state"], "failed") << sentence;
      // A receipt says no code: the sentence alone tells.
      EXPECT_EQ(gpu::hostile::WhyWrong(one, Error(*one.code, sentence), {}), "");
      return;
    }
    ASSERT_EQ(row["state"], "done") << sentence;
    const Bytes output = ann_.BlobBytes(row["outputs"][0]["digest"].get<std::string>());
    EXPECT_EQ(gpu::hostile::WhyWrong(one, std::nullopt, output), "");
  }

  void ExpectUnharmed() {
    const json good = Run(good_.encoding, good_.blobs, "good");
    ASSERT_EQ(good["state"], "done") << good.dump(2);
    EXPECT_EQ(ann_.BlobBytes(good["outputs"][0]["digest"].get<std::string>()), good_.expected);
    const json status = kite_.Ask({{"do", "status"}});
    EXPECT_EQ(status["devices"][0]["state"], "leased") << status.dump(2);
    const json lease = ann_.Ask({{"do", "leases"}, {"id", lease_}})["leases"][0];
    EXPECT_EQ(lease["state"], "Metering") << lease.dump(2);
  }

  TestFolder folder_;
  Node coop_{folder_.path() / "coop", "coop"};
  Node kite_{folder_.path() / "kite", "kite"};
  Node ann_{folder_.path() / "ann", "ann"};
  std::string lease_ = {};
  const CongruenceWork good_ = CongruenceWork(3);
};

TEST_F(HostileMarketTest, LeavesTheDaemonUnharmed) {
  const bool all = std::getenv("SOUK_HOSTILE_LONG") != nullptr;
  gpu::hostile::Tally tally;
  ExpectUnharmed();
  const pid_t daemon = kite_.process().pid();
  const uint64_t before = gpu::hostile::ResidentOf(daemon).now_kib;
  for (const Case& one : gpu::hostile::AllCases()) {
    if (!all && !one.is_worst) continue;
    SCOPED_TRACE(one.name);
    const gpu::hostile::Job job = one.make();
    const auto start = std::chrono::steady_clock::now();
    const json row = Run(job.encoding, job.blobs, one.name);
    ASSERT_FALSE(row.is_null());
    ExpectAsWanted(one, row);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - start);
    tally.Add(one.name, row["state"].get<std::string>(), gpu::hostile::ResidentOf(daemon).peak_kib,
              static_cast<uint64_t>(ms.count()));
    ASSERT_NO_FATAL_FAILURE(ExpectUnharmed());
  }
  tally.Print("hostile set, through a market (memory: of the provider's soukd)");
  EXPECT_GE(tally.count(), all ? 300u : 20u);
  EXPECT_LE(gpu::hostile::ResidentOf(daemon).peak_kib, before + kDaemonGrowthKib);
  ann_.Ask({{"do", "release"}, {"lease", lease_}});
  const json closed = ann_.AskUntil({{"do", "leases"}, {"id", lease_}}, [](const json& answer) {
    return answer["leases"][0]["over"].get<bool>();
  })["leases"][0];
  EXPECT_TRUE(closed["settled"].get<bool>()) << closed.dump(2);
  EXPECT_EQ(closed["reason_code"], 1000);
  for (Node* node : {&ann_, &kite_, &coop_}) {
    EXPECT_EQ(node->Stop(), 0) << node->Errors();
    EXPECT_EQ(node->Errors(), "");
  }
}

}  // namespace
}  // namespace souk::integration
