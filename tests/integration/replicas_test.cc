// One job on three real providers, of which one lies (R7): its result is outvoted and named, a
// replay says who was right, and the fault document convicts it.
#include <gtest/gtest.h>

#include "integration/nodes.h"
#include "unit/tools/run_program.h"

namespace souk::integration {
namespace {

using tools::Ran;
using tools::RunProgram;

class ReplicasTest : public testing::Test {
 protected:
  // soukd takes the worker that lies beside it.
  static std::filesystem::path LyingSoukd(const std::filesystem::path& folder) {
    std::filesystem::create_directories(folder);
    std::filesystem::copy_file(ProgramPath("soukd"), folder / "soukd");
    std::filesystem::copy_file(ProgramPath("lying_worker"), folder / "souk-worker");
    return folder / "soukd";
  }
  void SetUp() override {
    coop_.Init({"--roles", "clearing", "--listen", "127.0.0.1:0"});
    coop_.Start();
    for (Node* provider : providers_) {
      provider->Init({"--roles", "provider", "--listen", "127.0.0.1:0", "--device", "cpu",
                      "--price", "3.6", "--bootstrap", coop_.address()});
      provider->Start();
    }
    ann_.Init({"--roles", "renter", "--bootstrap", coop_.address()});
    ann_.Start();
    IssueTo(coop_, ann_, 10'000'000);
    ann_.AskUntil({{"do", "offers"}}, [](const json& answer) { return answer["matches"] == 3; });
  }
  Ran Run(const std::string& arguments) {
    return RunProgram("souk run '" SOUK_SOURCE_DIR
                      "/workloads/matmul/workload.toml' --yes --for 1m "
                      "--dir '" +
                          ann_.dir().string() + "' --out results " + arguments,
                      folder_.path());
  }
  Ran Audit(const std::string& command, const std::string& arguments = "") {
    return RunProgram("souk-audit " + command + " '" + ann_.dir().string() + "' " + arguments,
                      folder_.path());
  }

  TestFolder folder_ = {};
  Node coop_{folder_.path() / "coop", "coop"};
  Node kite_{folder_.path() / "kite", "kite"};
  Node helio_{folder_.path() / "helio", "helio"};
  Node mallory_{folder_.path() / "mallory", "mallory", LyingSoukd(folder_.path() / "lies")};
  Node ann_{folder_.path() / "ann", "ann"};
  std::array<Node*, 3> providers_ = {&kite_, &helio_, &mallory_};
};

TEST_F(ReplicasTest, ALiarIsOutvotedNamedAndConvicted) {
  const Ran ran = Run("--replicate '2 of 3'");
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("2 of 3 agree"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("differs"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("--settle"), std::string::npos) << ran.out;

  const json round = ann_.Ask({{"do", "replications"}})["replications"][0];
  EXPECT_EQ(round["state"], "agreed") << round.dump(1);
  for (const json& job : round["jobs"]) {
    EXPECT_EQ(job["standing"], job["peer_name"] == "mallory" ? "differs" : "agrees") << job.dump(1);
  }
  // The result that was fetched is what this machine computes.
  const Ran local =
      RunProgram("souk run '" SOUK_SOURCE_DIR "/workloads/matmul/workload.toml' --local --out here",
                 folder_.path());
  EXPECT_EQ(local.code, 0) << local.err;
  EXPECT_EQ(tools::ReadAll(folder_ / "results/c.npy"), tools::ReadAll(folder_ / "here/c.npy"));

  const Ran before = Audit("replicas");
  EXPECT_EQ(before.code, 1) << before.out << before.err;
  EXPECT_LE(tools::WidestLine(before.out), 80u) << before.out;
  const Ran listed = RunProgram("souk replicas --dir '" + ann_.dir().string() + "'");
  EXPECT_LE(tools::WidestLine(listed.out.substr(0, listed.out.find("  souk-audit replicas"))), 80u)
      << listed.out;
  const Ran text = Audit("replicas", "--settle --out .");
  EXPECT_LE(tools::WidestLine(text.out), 80u) << text.out;
  // All of it was run, none of it a sample.
  for (const json& job : round["jobs"]) {
    const Ran full = Audit("replay", "--full --job " + job["job"].get<std::string>());
    EXPECT_EQ(full.code, job["peer_name"] == "mallory" ? 1 : 0) << full.out << full.err;
    EXPECT_EQ(full.out.find("a sample"), std::string::npos) << full.out;
  }
  const std::string one = round["jobs"][0]["job"].get<std::string>();
  const Ran late = Audit("replay", "--full --time-limit 0s --job " + one);
  EXPECT_EQ(late.code, 1) << late.out;
  EXPECT_NE(late.err.find("nothing is decided: the time limit is used up after launch 0 of "),
            std::string::npos)
      << late.err;
  const Ran unsettled = Audit("replicas", "--settle --time-limit 0s --json --out .");
  EXPECT_EQ(unsettled.code, 1) << unsettled.out << unsettled.err;
  EXPECT_EQ(json::parse(unsettled.out)["replications"][0]["jobs"][0]["settled"], "not replayed");
  const Ran settled = Audit("replicas", "--settle --json --out .");
  EXPECT_EQ(settled.code, 0) << settled.out << settled.err;
  const json told = json::parse(settled.out)["replications"][0];
  std::string fault;
  for (const json& job : told["jobs"]) {
    const bool lied = job["provider"] == mallory_.peer_id();
    EXPECT_EQ(job["settled"], lied ? "wrong" : "right") << job.dump(1);
    if (lied) fault = job["fault"].get<std::string>();
  }
  const Ran checked = RunProgram("souk-audit check-fault '" + fault + "'", folder_.path());
  EXPECT_EQ(checked.code, 0) << checked.out << checked.err;
  EXPECT_NE(checked.out.find(mallory_.peer_id()), std::string::npos) << checked.out;
  const Ran hurried =
      RunProgram("souk-audit check-fault --time-limit 0s '" + fault + "'", folder_.path());
  EXPECT_EQ(hurried.code, 1) << hurried.out << hurried.err;
  EXPECT_NE(hurried.err.find("nothing is decided: the time limit"), std::string::npos)
      << hurried.err;
  for (Node* node : {&ann_, &kite_, &mallory_, &coop_}) {
    const Ran verified = RunProgram("souk-audit verify '" + node->dir().string() + "'");
    EXPECT_EQ(verified.code, 0) << verified.out << verified.err;
  }
}

TEST_F(ReplicasTest, OneOfTwoConvictsNobodyAndTheRunFails) {
  kite_.Stop();
  ann_.AskUntil({{"do", "offers"}}, [](const json& answer) { return answer["matches"] == 2; });
  const Ran ran = Run("--replicate '2 of 2'");
  EXPECT_NE(ran.code, 0) << ran.out;
  EXPECT_NE(ran.out.find("differs"), std::string::npos) << ran.out << ran.err;
  const Ran settled = Audit("replicas", "--settle --out .");
  EXPECT_EQ(settled.code, 0) << settled.out << settled.err;
  EXPECT_NE(settled.out.find("fault document"), std::string::npos) << settled.out;
  // Three replicas need three providers.
  const Ran three = Run("--replicate '2 of 3'");
  EXPECT_NE(three.code, 0);
  EXPECT_NE(three.err.find("replica 3 of 3"), std::string::npos) << three.err;
  EXPECT_NE(three.err.find("no other provider's offer fits"), std::string::npos) << three.err;
}

TEST_F(ReplicasTest, APolicyIsExplainedWhereItIsNone) {
  const Ran ran = Run("--replicate '1 of 3'");
  EXPECT_EQ(ran.code, 2) << ran.err;
  EXPECT_TRUE(tools::IsOneLine(ran.err, "souk")) << ran.err;
}

}  // namespace
}  // namespace souk::integration
