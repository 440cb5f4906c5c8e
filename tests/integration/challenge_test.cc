// Capability challenges between real processes on loopback (R7): the device computes in its jail,
// the offer shows what came of it, and the auditor computes it again from either ledger.
#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <cstdio>

#include "integration/nodes.h"
#include "protocol/base/file.h"

namespace souk::integration {
namespace {

struct ProgramResult {
  int code = -1;
  std::string out = {};
};

ProgramResult RunTool(const std::string& program, const std::string& arguments) {
  ProgramResult result;
  std::FILE* pipe =
      ::popen((ProgramPath(program).string() + " " + arguments + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return result;
  std::array<char, 4096> buffer = {};
  size_t got = 0;
  while ((got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0) {
    result.out.append(buffer.data(), got);
  }
  const int status = ::pclose(pipe);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

class ChallengeTest : public testing::Test {
 protected:
  void SetUp() override {
    coop_.Init({"--roles", "clearing", "--listen", "127.0.0.1:0"});
    coop_.Start();
    kite_.Init({"--roles", "provider", "--listen", "127.0.0.1:0", "--device", "cpu", "--price",
                "36", "--bootstrap", coop_.address()});
    kite_.Start();
    kite_.KeepPort();
    ann_.Init({"--roles", "renter", "--bootstrap", coop_.address()});
    ann_.Start();
    IssueTo(coop_, ann_, 10'000'000);
  }
  json Offer() {
    return ann_.AskUntil({{"do", "offers"}},
                         [](const json& answer) { return answer["matches"] == 1; })["offers"][0];
  }
  std::string Rent() {
    const json rent =
        ann_.Ask({{"do", "rent"}, {"offer", Offer()["id"]}, {"duration_in_ms", 120'000}});
    if (rent.is_null()) return "";
    std::string lease = rent["lease"].get<std::string>();
    ann_.AskUntil({{"do", "leases"}, {"id", lease}},
                  [](const json& answer) { return answer["leases"][0]["state"] == "Metering"; });
    return lease;
  }
  // The challenge under this lease, once it is over.
  json Challenge(const std::string& lease) {
    ann_.Ask({{"do", "challenge"}, {"leases", {lease}}, {"rows", 16}, {"size", 128}});
    return ann_.AskUntil({{"do", "challenges"}, {"lease", lease}}, [](const json& answer) {
      return !answer["challenges"].empty() && answer["challenges"][0]["over"];
    })["challenges"][0];
  }

  TestFolder folder_ = {};
  Node coop_{folder_.path() / "coop", "coop"};
  Node kite_{folder_.path() / "kite", "kite"};
  Node ann_{folder_.path() / "ann", "ann"};
};

TEST_F(ChallengeTest, ADevicePassesAndItsOfferAndBothLedgersSaySo) {
  const std::string lease = Rent();
  ASSERT_NE(lease, "");
  const json challenge = Challenge(lease);
  EXPECT_EQ(challenge["state"], "passed") << challenge.dump(1);
  EXPECT_LT(challenge["took_in_ms"], challenge["deadline_in_ms"]);
  ann_.Ask({{"do", "release"}, {"lease", lease}});
  const json offer = ann_.AskUntil({{"do", "offers"}}, [](const json& answer) {
    return answer["matches"] == 1 && answer["offers"][0].contains("claim");
  })["offers"][0];
  EXPECT_EQ(offer["grade"], "challenged");
  EXPECT_EQ(offer["claim"]["verifier_name"], "you");
  EXPECT_EQ(offer["claim"]["verdict"], challenge["verdict"]);
  // The clearing peer does not trust ann.
  const json seen = coop_.AskUntil({{"do", "offers"}}, [](const json& answer) {
    return answer["matches"] == 1 && answer["offers"][0].contains("claim");
  })["offers"][0];
  EXPECT_EQ(seen["grade"], "declared");
  EXPECT_FALSE(seen["claim"]["believed"]);
  for (const Node* node : {&ann_, &kite_}) {
    const ProgramResult verified = RunTool("souk-audit", "verify " + node->dir().string());
    EXPECT_EQ(verified.code, 0) << verified.out;
    const ProgramResult again = RunTool("souk-audit", "challenge --json " + node->dir().string());
    EXPECT_EQ(again.code, 0) << again.out;
    EXPECT_NE(again.out.find("are the product's"), std::string::npos) << again.out;
  }
}

TEST_F(ChallengeTest, AnAlteredBlobIsFoundByTheAuditor) {
  const std::string lease = Rent();
  ASSERT_EQ(Challenge(lease)["state"], "passed");
  for (const auto& blob : std::filesystem::directory_iterator(ann_.dir() / "blobs" / "sha256")) {
    std::filesystem::permissions(blob.path(), std::filesystem::perms::owner_all);
    Bytes bytes = *ReadFile(blob.path(), 1 << 20);
    bytes.back() ^= 1;
    ASSERT_TRUE(WriteFileAtomic(blob.path(), bytes));
  }
  const ProgramResult again = RunTool("souk-audit", "challenge " + ann_.dir().string());
  EXPECT_EQ(again.code, 1);
  EXPECT_NE(again.out.find("damaged"), std::string::npos) << again.out;
}

TEST_F(ChallengeTest, AProviderThatIsKilledMeanwhileAnswersAfterwards) {
  const std::string lease = Rent();
  ASSERT_NE(lease, "");
  ann_.Ask({{"do", "challenge"}, {"leases", {lease}}, {"rows", 16}, {"size", 128}});
  kite_.Kill();
  kite_.Start({"--alone"});
  const json challenge = ann_.AskUntil(
      {{"do", "challenges"}, {"lease", lease}},
      [](const json& a) { return !a["challenges"].empty() && a["challenges"][0]["over"]; },
      90'000)["challenges"][0];
  // In time or not: it is judged, and no wrong row is made of it.
  EXPECT_TRUE(challenge["state"] == "passed" || challenge["state"] == "late") << challenge.dump(1);
}

TEST_F(ChallengeTest, TheCommandSaysWhatCameOfIt) {
  const std::string lease = Rent();
  ASSERT_NE(lease, "");
  const std::string dir = " --dir " + ann_.dir().string();
  const ProgramResult challenged =
      RunTool("souk", "challenge --size 128 --rows 16 " + lease.substr(0, 8) + dir);
  EXPECT_EQ(challenged.code, 0) << challenged.out;
  EXPECT_NE(challenged.out.find("passed"), std::string::npos) << challenged.out;
  const ProgramResult offers = RunTool("souk", "challenges" + dir);
  EXPECT_NE(offers.out.find("verifier"), std::string::npos) << offers.out;
  const ProgramResult none = RunTool("souk", "challenge --size 100 " + lease + dir);
  EXPECT_NE(none.code, 0);
  EXPECT_NE(none.out.find("power of two"), std::string::npos) << none.out;
  const ProgramResult large = RunTool("souk", "challenge --size 65536 " + lease + dir);
  EXPECT_NE(large.code, 0);
}

TEST_F(ChallengeTest, ARentedDeviceCanBeChallengedAtOnce) {
  Offer();
  const ProgramResult rented = RunTool(
      "souk", "rent 'order by price' --for 1m --yes --challenge --dir " + ann_.dir().string());
  EXPECT_EQ(rented.code, 0) << rented.out;
  EXPECT_NE(rented.out.find("passed"), std::string::npos) << rented.out;
  EXPECT_NE(rented.out.find("Lease "), std::string::npos) << rented.out;
}

}  // namespace
}  // namespace souk::integration
