// A provider whose log a mirror keeps: its ledger is lost, and comes back from there (R3).
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "integration/nodes.h"
#include "protocol/base/file.h"

namespace souk::integration {
namespace {

namespace fs = std::filesystem;

std::string TextOf(const fs::path& path) {
  return std::string(AsText(ReadFile(path, 1 << 20).value_or(Bytes{})));
}

// The identity, as `soukd init` said it.
std::string IdOf(const Node& node) {
  const std::string said = TextOf(node.dir().string() + ".init");
  const size_t at = said.find(" is souk1");
  return said.substr(at + 4, said.find('\n') - at - 4);
}

void Replace(const Node& node, const std::string& what, const std::string& with) {
  const fs::path path = node.dir() / "config.toml";
  std::string text = TextOf(path);
  const size_t at = text.find(what);
  ASSERT_NE(at, std::string::npos) << what;
  text.replace(at, what.size(), with);
  ASSERT_TRUE(WriteFileAtomic(path, AsBytes(text), 0600));
}

class MirrorTest : public testing::Test {
 protected:
  // kite provides and keeps its own book; keep rents there, and mirrors kite. No receipt of kite's
  // leaves before keep has stored and cosigned its entry.
  void SetUp() override {
    kite_.Init({"--roles", "provider,clearing", "--listen", "127.0.0.1:0", "--device", "cpu",
                "--price", "36"});
    kite_.Start();
    kite_.KeepPort();
    keep_.Init(
        {"--roles", "renter,witness", "--listen", "127.0.0.1:0", "--bootstrap", kite_.address()});
    Replace(keep_, "\nof = []", "\nof = [\"" + IdOf(kite_) + "\"]");
    ASSERT_EQ(kite_.Stop(), 0);
    Replace(kite_, "readers = [\"everyone\"]", "readers = [\"" + IdOf(keep_) + "\"]");
    Replace(kite_, "witnesses = []", "witnesses = [\"" + IdOf(keep_) + "\"]");
    Replace(kite_, "quorum = 0", "quorum = 1");
    kite_.Start({"--alone"});
    keep_.Start();
    IssueTo(kite_, keep_, 10'000'000);
  }

  void RentAndClose() {
    const json offer = keep_.AskUntil(
        {{"do", "offers"}}, [](const json& answer) { return answer["matches"] == 1; })["offers"][0];
    const json rent = keep_.Ask({{"do", "rent"}, {"offer", offer["id"]}, {"duration_in_ms", 2000}});
    ASSERT_FALSE(rent.is_null());
    keep_.AskUntil({{"do", "leases"}, {"id", rent["lease"]}},
                   [](const json& answer) { return answer["leases"][0]["over"].get<bool>(); });
  }

  // Until the mirror has all of kite's log, and kite appends no more.
  void WaitUntilMirrored() {
    uint64_t entries = 0;
    for (int quiet = 0; quiet < 3;) {
      const uint64_t now = kite_.Ask({{"do", "status"}})["log_entries"].get<uint64_t>();
      keep_.AskUntil({{"do", "status"}}, [&](const json& status) {
        return status["mirrors"].size() == 1 && status["mirrors"][0]["entries"] >= now;
      });
      quiet = now == entries ? quiet + 1 : 0;
      entries = now;
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
  }

  int Run(const std::vector<std::string>& command, std::string& said) {
    const fs::path out = folder_.path() / "out";
    Process process(command, out, out);
    const int code = process.Wait(60'000);
    said = TextOf(out);
    return code;
  }
  int Rebuild(std::string& said) {
    return Run({ProgramPath("soukd"), "rebuild", "--dir", kite_.dir(), "--from", keep_.dir()},
               said);
  }
  void ExpectValid() {
    std::string said;
    EXPECT_EQ(Run({ProgramPath("souk-audit"), "verify", kite_.dir()}, said), 0) << said;
    EXPECT_NE(said.find("VALID"), std::string::npos) << said;
  }

  TestFolder folder_;
  Node kite_{folder_.path() / "kite", "kite"};
  Node keep_{folder_.path() / "keep", "keep"};
};

TEST_F(MirrorTest, ALostLedgerComesBackFromARunningMirrorAndGoesOn) {
  RentAndClose();
  WaitUntilMirrored();
  kite_.Kill();
  for (const char* lost : {"ledger", "checkpoint", "blobs"}) fs::remove_all(kite_.dir() / lost);
  std::string said;
  ASSERT_EQ(Rebuild(said), 0) << said;
  EXPECT_NE(said.find("the mirror knows no checkpoint beyond"), std::string::npos) << said;
  ExpectValid();

  kite_.Start({"--alone"});
  RentAndClose();
  WaitUntilMirrored();
  const json status = keep_.Ask({{"do", "status"}});
  EXPECT_EQ(status["mirrors"][0]["behind"], 0);
  EXPECT_FALSE(status["mirrors"][0].contains("trouble")) << status["mirrors"].dump();
  EXPECT_TRUE(keep_.Ask({{"do", "forks"}})["forks"].empty());
  ASSERT_EQ(kite_.Stop(), 0);
  ExpectValid();
}

// Its log and its counterparty's are held against each other, and both against the witness: while
// the nodes work, and after.
TEST_F(MirrorTest, AnAuditHearsWitnessAndCounterparty) {
  RentAndClose();
  WaitUntilMirrored();
  const std::string witness = keep_.Ask({{"do", "id"}})["witness_vkey"];
  const auto verify = [&](const Node& node, const Node& other) {
    std::string said;
    const int code = Run({ProgramPath("souk-audit"), "verify", node.dir(), "--with", other.dir(),
                          "--witness", witness, "--json"},
                         said);
    EXPECT_EQ(code, 0) << said;
    return json::parse(said, nullptr, false);
  };
  // What was cosigned is written down every few seconds.
  while (!fs::exists(kite_.dir() / "cosigned")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  EXPECT_EQ(verify(kite_, keep_)["verdict"], "VALID");
  ASSERT_EQ(kite_.Stop(), 0);
  ASSERT_EQ(keep_.Stop(), 0);
  const json report = verify(kite_, keep_);
  EXPECT_EQ(report["verdict"], "VALID");
  EXPECT_EQ(report["quorum"], 1);
  EXPECT_GT(report["witnesses"][0]["size"], 10);
  EXPECT_EQ(report["with"][0]["name"], "keep");
  EXPECT_GE(report["with"][0]["documents"], 3);
  EXPECT_EQ(report["with"][0]["roots"], 1);
  // Nobody has cosigned the renter's.
  std::string said;
  const std::vector<std::string> renter = {ProgramPath("souk-audit"), "verify", keep_.dir(),
                                           "--witness", witness};
  EXPECT_EQ(Run(renter, said), 1);
  EXPECT_NE(said.find("INCOMPLETE"), std::string::npos) << said;
  EXPECT_NE(said.find("no checkpoint here is cosigned"), std::string::npos) << said;
}

// The log is open to the mirror alone, and the two share no disk: kite asks over the wire, where it
// alone gets its log back.
TEST_F(MirrorTest, ALostLedgerComesBackOverTheWire) {
  RentAndClose();
  WaitUntilMirrored();
  kite_.Kill();
  const auto rebuild = [&](const Node& node, const std::string& from, std::string& said) {
    return Run({ProgramPath("soukd"), "rebuild", "--dir", node.dir(), "--from", from}, said);
  };
  std::string said;
  EXPECT_EQ(rebuild(kite_, keep_.address(), said), 1);
  EXPECT_NE(said.find("is still there: move it away"), std::string::npos) << said;
  for (const char* lost : {"ledger", "checkpoint", "blobs"}) fs::remove_all(kite_.dir() / lost);
  Node eve(folder_.path() / "eve", "eve");
  eve.Init({"--roles", "renter"});
  EXPECT_EQ(rebuild(eve, keep_.address(), said), 1);
  EXPECT_NE(said.find("mirrors no such log"), std::string::npos) << said;
  ASSERT_EQ(rebuild(kite_, keep_.address(), said), 0) << said;
  EXPECT_NE(said.find("the mirror knows no checkpoint beyond"), std::string::npos) << said;
  ExpectValid();

  // Its witness, whom its config names, confirms that the copy was the newest.
  kite_.Start();
  RentAndClose();
  WaitUntilMirrored();
  EXPECT_TRUE(keep_.Ask({{"do", "forks"}})["forks"].empty());
  ASSERT_EQ(kite_.Stop(), 0);
  ExpectValid();
}

// The mirror was killed and started again while the log grew.
TEST_F(MirrorTest, AMirrorThatWasKilledCatchesUp) {
  RentAndClose();
  keep_.Kill();
  keep_.Start({"--alone"});
  RentAndClose();
  WaitUntilMirrored();
  ASSERT_EQ(kite_.Stop(), 0);
  ASSERT_EQ(keep_.Stop(), 0);
  fs::remove_all(kite_.dir() / "ledger");
  // The checkpoint file is still there: what it signed must all be in the mirror. It also signed
  // the withdrawal with which kite stopped, of which the mirror may not have heard.
  std::string said;
  const int code = Rebuild(said);
  if (code == 0) {
    ExpectValid();
  } else {
    EXPECT_NE(said.find("and this node signed"), std::string::npos) << said;
  }
}

}  // namespace
}  // namespace souk::integration
