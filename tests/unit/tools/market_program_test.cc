// souk on a market of real daemons on loopback: what a renter sees, from offers to evidence.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tools/souk/demo_market.h"
#include "tools/souk/job.h"
#include "unit/tools/run_program.h"

namespace souk::tools {
namespace {

using Doc = nlohmann::json;

class MarketProgram : public testing::Test {
 protected:
  void SetUp() override {
    // The daemons are beside the programs under test, not beside this test.
    ::setenv("PATH", (std::string(SOUK_BINARY_DIR "/bin:") + std::getenv("PATH")).c_str(), 1);
    auto market = DemoMarket::Start(folder_.path() / "market");
    ASSERT_TRUE(market.has_value()) << market.error().message;
    market_ = std::move(*market);
    ASSERT_TRUE(market_->IssueToRenter({10'000'000}, "test").has_value());
  }
  Ran Souk(const std::string& arguments) {
    return RunProgram("env SOUK_DIR='" + market_->renter().dir.string() + "' souk " + arguments,
                      folder_.path());
  }
  // Several commands of a renter, as in a terminal.
  Ran Script(const std::string& text) {
    std::ofstream(folder_ / "script") << text << "\n";
    return RunProgram("env SOUK_DIR='" + market_->renter().dir.string() + "' bash script",
                      folder_.path());
  }
  Doc SoukJson(const std::string& arguments) {
    const Ran ran = Souk(arguments + " --json");
    EXPECT_EQ(ran.code, 0) << arguments << ": " << ran.err;
    return ran.code == 0 ? Doc::parse(ran.out) : Doc();
  }

  TestFolder folder_;
  std::unique_ptr<DemoMarket> market_;
};

TEST(WhyNoResult, IsNeverEmpty) {
  const auto why = [](const char* refused, const char* sentence) {
    return WhyNoResult(
        {{"id", "5ab0f3a1aa"}, {"state", "lost"}, {"refused", refused}, {"sentence", sentence}});
  };
  EXPECT_EQ(why("no", "yes"), "job 5ab0f3a1 lost: no");
  EXPECT_EQ(why("", "yes"), "job 5ab0f3a1 lost: yes");
  EXPECT_NE(why("", "").find("souk logs 5ab0f3a1"), std::string::npos) << why("", "");
}

TEST_F(MarketProgram, OffersStandInTheQuerysOrderAndWhySaysTheRest) {
  const Ran ran = Souk("offers 'order by price desc'");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out.rfind("OFFER  PROVIDER  GPU", 0), 0u) << ran.out;
  EXPECT_LT(ran.out.find("helio"), ran.out.find("kite"));
  EXPECT_NE(ran.out.find("\n2 of 2 match\n"), std::string::npos) << ran.out;
  const Ran none = Souk("offers 'price <= 0.1'");
  EXPECT_EQ(none.code, 0);
  EXPECT_EQ(none.out, "0 of 2 match; for the rest: souk why 'price <= 0.1'\n");
  EXPECT_EQ(Souk("why").out, "2 of 2 match.\n");
  const Doc why = SoukJson("why 'price <= 0.1'");
  ASSERT_EQ(why["nearest"].size(), 2u);
  EXPECT_EQ(why["nearest"][0]["name"], "kite");
  EXPECT_EQ(why["nearest"][0]["field"], "price");
  const Ran bad = Souk("offers 'prise <= 2'");
  EXPECT_EQ(bad.code, 2);
  EXPECT_TRUE(IsOneLine(bad.err, "souk"));
}

TEST_F(MarketProgram, CreditsAreNotIssuedToARentersIdentity) {
  const auto issue = [&](const std::string& account, const std::string& reference) {
    return RunProgram("soukd issue --dir '" + market_->coop().dir.string() + "' " + account +
                      " 10 --reference " + reference);
  };
  const Ran lost = issue(market_->renter().id, "r1");
  EXPECT_EQ(lost.code, 1) << lost.out;
  EXPECT_TRUE(IsOneLine(lost.err, "soukd"));
  EXPECT_NE(lost.err.find("identity of ann"), std::string::npos) << lost.err;
  EXPECT_NE(lost.err.find("account in"), std::string::npos) << lost.err;
  // A provider is paid at its identity.
  EXPECT_EQ(issue(market_->kite().id, "r1").code, 0);
}

TEST_F(MarketProgram, NothingIsRentedUnasked) {
  const Ran ran = Souk("rent 'order by price' --for 1m");
  EXPECT_EQ(ran.code, 2);
  EXPECT_NE(ran.err.find("at risk"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("--yes"), std::string::npos) << ran.err;
  const Ran dear = Souk("rent 'order by price' --for 1h --yes --max-cost 0.1");
  EXPECT_EQ(dear.code, 1);
  EXPECT_NE(dear.err.find("0.420000"), std::string::npos) << dear.err;
  const Ran unknown = Souk("rent ffff --for 1m --yes");
  EXPECT_EQ(unknown.code, 1);
  EXPECT_TRUE(SoukJson("leases")["leases"].empty());
}

TEST_F(MarketProgram, ALeaseRunsJobsUntilItIsReleased) {
  const Ran rented = Souk("rent 'order by price' --for 10m --yes");
  ASSERT_EQ(rented.code, 0) << rented.err;
  EXPECT_EQ(rented.out.rfind("Lease ", 0), 0u) << rented.out;
  EXPECT_NE(rented.err.find("✓ reserved"), std::string::npos) << rented.err;
  EXPECT_NE(rented.err.find("✓ ready"), std::string::npos) << rented.err;
  const std::string id = rented.out.substr(6, rented.out.find(' ', 6) - 6);
  const Doc lease = SoukJson("leases " + id);
  EXPECT_EQ(lease["state"], "Metering");
  EXPECT_EQ(lease["peer_name"], "kite");
  const Ran ran = Souk("run " + kWorkloads + "mandelbrot/workload.toml --lease " + id);
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.out.find("done  job "), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("digests match"), std::string::npos) << ran.out;
  const Doc job = SoukJson("jobs")["jobs"][0];
  EXPECT_EQ(job["state"], "done");
  EXPECT_EQ(job["launch"], job["receipt"]["launches"]);
  const std::string job_id = job["id"].get<std::string>().substr(0, 8);
  const Doc fetched = SoukJson("fetch " + job_id + " --evidence -o out");
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "out" / "mandelbrot.png"));
  const Ran proof = RunProgram(
      "souk-audit check-proof --key \"$(cat out/evidence/key)\" out/evidence/receipt.entry "
      "out/evidence/receipt.proof",
      folder_.path());
  EXPECT_EQ(proof.code, 0) << proof.out << proof.err;
  // A third party takes the bundle where a directory is.
  const Ran verified = RunProgram("souk-audit verify out/evidence --json", folder_.path());
  EXPECT_EQ(verified.code, 1);
  EXPECT_EQ(Doc::parse(verified.out)["verdict"], "INCOMPLETE") << verified.out;
  const Ran replayed =
      RunProgram("souk-audit replay out/evidence --full --job " + job_id, folder_.path());
  EXPECT_EQ(replayed.code, 0) << replayed.out << replayed.err;
  const Ran logs = Souk("logs " + job_id);
  EXPECT_NE(logs.out.find("submitted on lease"), std::string::npos) << logs.out;
  const Doc released = SoukJson("release " + id);
  EXPECT_EQ(released["settled"], true);
  EXPECT_GT(released["paid_micro"], 0);
  const Doc balance = SoukJson("balance");
  EXPECT_EQ(balance["posted_micro"].get<int64_t>() + released["paid_micro"].get<int64_t>(),
            10'000'000);
  EXPECT_EQ(balance["held_micro"], 0);
  for (const std::string& book : {std::string("coop"), market_->coop().id}) {
    Doc named = SoukJson("balance --book " + book);
    named["at_ms"] = balance["at_ms"];
    EXPECT_EQ(named, balance);
  }
  const Ran unknown = Souk("balance --book bank");
  EXPECT_EQ(unknown.code, 1);
  EXPECT_NE(unknown.err.find("coop"), std::string::npos) << unknown.err;
  const Ran late = Souk("run " + kWorkloads + "mandelbrot/workload.toml --lease " + id);
  EXPECT_EQ(late.code, 1);
  EXPECT_TRUE(IsOneLine(late.err, "souk")) << late.err;
}

TEST_F(MarketProgram, ARunWithoutALeaseRentsAndReleases) {
  const Doc run = SoukJson("run " + kWorkloads + "reduction/workload.toml --yes --for 1m -o out");
  EXPECT_EQ(run["ok"], true);
  EXPECT_EQ(run["lease"]["settled"], true);
  EXPECT_EQ(run["cost_micro"], run["lease"]["paid_micro"]);
  EXPECT_FALSE(run["files"].empty());
  const Doc local = Doc::parse(RunProgram("souk run " + kWorkloads +
                                              "reduction/workload.toml --local --device cpu "
                                              "-o local --json",
                                          folder_.path())
                                   .out);
  // The same bits here and there.
  EXPECT_EQ("sha256:" + run["job"]["receipt"]["states_root"].get<std::string>(),
            local["states_root"]);
  for (size_t i = 0; i < run["files"].size(); ++i) {
    EXPECT_EQ(run["files"][i]["digest"], local["files"][i]["digest"]);
  }
}

// A job that goes on until somebody ends it.
void WriteEndlessWorkload(const TestFolder& folder) {
  std::ofstream(folder / "endless.ptx")
      << ".version 6.3\n.target sm_75\n.address_size 64\n.visible .entry endless(.param .u64 p)\n"
         "{\n$L:\n  bra $L;\n}\n";
  std::ofstream(folder / "endless.toml")
      << "name = \"endless\"\n[[module]]\npath = \"endless.ptx\"\n[[buffer]]\nname = \"x\"\n"
         "dtype = \"u64\"\nshape = [4]\noutput = \"x.npy\"\n[[launch]]\nkernel = \"endless\"\n"
         "grid = 1\nblock = 1\nargs = [\"x\"]\n[limits]\ntime = \"60s\"\n";
}

TEST_F(MarketProgram, AClosedTerminalReleasesWhatWasRentedForIt) {
  WriteEndlessWorkload(folder_);
  const Ran ran = Script(
      "(souk run endless.toml --yes --for 1m; echo $? >code) & "
      "for i in $(seq 100); do souk jobs | grep -q endless && break; sleep 0.1; done; "
      "kill -HUP $(pgrep -P $!); wait");
  EXPECT_EQ(ReadAll(folder_.path() / "code"), "1\n") << ran.err;
  EXPECT_NE(ran.err.find("interrupted; the lease was released"), std::string::npos) << ran.err;
  // For one who would not have waited for that.
  EXPECT_NE(ran.err.find("cut short: souk release "), std::string::npos) << ran.err;
  for (const Doc& lease : SoukJson("leases")["leases"]) EXPECT_EQ(lease["over"], true);
}

TEST_F(MarketProgram, ALeaseIsReleasedThoughTheDaemonDied) {
  WriteEndlessWorkload(folder_);
  const std::string daemon = std::to_string(market_->renter().process->pid());
  const Ran ran = Script(
      "souk run endless.toml --yes --for 1m & "
      "for i in $(seq 100); do souk jobs | grep -q endless && break; sleep 0.1; done; "
      "kill -KILL " +
      daemon + "; wait");
  EXPECT_NE(ran.err.find("the lease was released"), std::string::npos) << ran.err;
  for (const Doc& lease : SoukJson("leases")["leases"]) EXPECT_EQ(lease["over"], true);
  EXPECT_EQ(RunProgram("soukd stop --dir '" + market_->renter().dir.string() + "'").code, 0);
}

// Ten credits: enough for the first of two leases, not for both.
TEST_F(MarketProgram, WhatAllReplicasMayCostIsLookedAtBeforeTheFirstIsRented) {
  const std::string run =
      "run " + kWorkloads + "reduction/workload.toml --yes --replicate '2 of 2' --for ";
  const Ran dear = Souk(run + "18h");
  EXPECT_EQ(dear.code, 1) << dear.out;
  EXPECT_NE(dear.err.find("2 leases in book coop may cost"), std::string::npos) << dear.err;
  EXPECT_TRUE(SoukJson("leases")["leases"].empty());
  const Ran afforded = Souk(run + "1m");
  EXPECT_EQ(afforded.code, 0) << afforded.err;
  const Ran three =
      Souk("run " + kWorkloads + "reduction/workload.toml --yes --for 1m --replicate '2 of 3'");
  EXPECT_NE(three.err.find("replica 3 of 3, besides kite, helio: no other provider's offer fits"),
            std::string::npos)
      << three.err;
}

// A second one would leave them to whoever was told.
TEST_F(MarketProgram, AnInterruptAmidRentingNamesWhatIsHeldAlready) {
  const std::string helio = std::to_string(market_->helio().process->pid());
  const Ran ran = Script(
      "await() { for i in $(seq 100); do grep -q \"$1\" err && break; sleep 0.1; done; }\n"
      "kill -STOP " +
      helio + "; (souk run " + kWorkloads +
      "reduction/workload.toml --yes --for 1m --replicate '2 of 2' 2>err; true) & "
      "await '^rent  kite'; sleep 0.3; souk leases --json >leases; run=$(pgrep -P $!); "
      "kill -HUP $run; for i in $(seq 100); do test $(grep -c 'cut short' err) = 2 && break; "
      "sleep 0.1; done; kill -HUP $run; kill -CONT " +
      helio + "; wait");
  const std::string err = ReadAll(folder_.path() / "err");
  const Doc leases = Doc::parse(ReadAll(folder_.path() / "leases"))["leases"];
  EXPECT_EQ(leases.size(), 2u);
  for (const Doc& lease : leases) {
    const std::string id = lease["id"].get<std::string>().substr(0, 8);
    EXPECT_NE(err.find("cut short: souk release " + id), std::string::npos) << err;
  }
  // The one that costs is released at once, not after the one that nobody answers for.
  for (const Doc& lease : SoukJson("leases")["leases"]) {
    EXPECT_TRUE(lease["peer_name"] == "helio" || lease["state"] != "Metering") << lease.dump(1);
  }
}

// A flipped bit of what a former job left: the workload's own file goes in again.
TEST_F(MarketProgram, ADamagedBlobOfARenterIsWrittenAnew) {
  const std::string run = "run " + kWorkloads + "reduction/workload.toml ";
  ASSERT_EQ(Souk(run + "--yes --for 1m").code, 0);
  std::filesystem::path largest;  // its values
  for (const auto& file :
       std::filesystem::directory_iterator(market_->renter().dir / "blobs" / "sha256")) {
    if (largest.empty() || file.file_size() > std::filesystem::file_size(largest)) largest = file;
  }
  ASSERT_FALSE(largest.empty());
  {
    std::fstream bytes(largest, std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekg(-1, std::ios::end);
    const auto last = static_cast<char>(bytes.get() ^ 1);
    bytes.seekp(-1, std::ios::end);
    bytes.put(last);
  }
  // The other provider, which has not got them yet.
  const Doc lease = SoukJson("rent 'provider = \"helio\"' --for 1m --yes");
  const Ran again = Souk(run + "--lease " + lease["id"].get<std::string>());
  EXPECT_EQ(again.code, 0) << again.err;
}

TEST_F(MarketProgram, WhatTheReferenceDoesNotRunIsNotRented) {
  std::ofstream(folder_ / "deep.ptx")
      << ".version 6.3\n.target sm_75\n.address_size 64\n.visible .entry tex(.param .u64 p)\n"
         "{\n  .reg .b32 %r<3>;\n  mov.u32 %r1, %pm0;\n  ret;\n}\n";
  std::ofstream(folder_ / "deep.toml")
      << "[[module]]\npath = \"deep.ptx\"\n[[buffer]]\nname = \"x\"\ndtype = \"u64\"\n"
         "shape = [4]\n[[launch]]\nkernel = \"tex\"\ngrid = 1\nblock = 1\nargs = [\"x\"]\n";
  const Ran ran = Souk("run deep.toml --yes --for 1m");
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.err.find("the CPU reference does not run it"), std::string::npos) << ran.err;
  EXPECT_TRUE(SoukJson("leases")["leases"].empty());
}

TEST_F(MarketProgram, AJobThatFailsSaysWhyAndItsLeaseIsReleased) {
  std::ofstream(folder_ / "wild.ptx")
      << ".version 6.3\n.target sm_75\n.address_size 64\n.visible .entry wild(.param .u64 p)\n{\n"
         "  .reg .b64 %rd<3>;\n  ld.param.u64 %rd1, [p];\n  add.s64 %rd2, %rd1, 1073741824;\n"
         "  st.global.u64 [%rd2], %rd1;\n  ret;\n}\n";
  std::ofstream(folder_ / "wild.toml")
      << "name = \"wild\"\n[[module]]\npath = \"wild.ptx\"\n[[buffer]]\nname = \"x\"\n"
         "dtype = \"u64\"\nshape = [4]\noutput = \"x.npy\"\n[[launch]]\nkernel = \"wild\"\n"
         "grid = 1\nblock = 1\nargs = [\"x\"]\n[limits]\ntime = \"10s\"\n"
         "instructions = 1_000_000\n";
  const Ran ran = Souk("run wild.toml --yes --for 1m");
  EXPECT_EQ(ran.code, 1) << ran.out;
  EXPECT_NE(ran.err.find("failed"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("wild"), std::string::npos) << ran.err;
  for (const Doc& lease : SoukJson("leases")["leases"]) EXPECT_EQ(lease["over"], true);
}

}  // namespace
}  // namespace souk::tools
