// souk-audit as a program, where it looks at more than a node's own directory: counterparties'
// ledgers, witnesses, copies, URLs and evidence bundles.
#include <arpa/inet.h>
#include <sys/socket.h>

#include "unit/tools/audit_program.h"

namespace souk::tools {
namespace {

TEST_F(AuditProgram, HoldsALogAgainstItsCounterpartys) {
  Make("ann", world_.renter, world_.RenterLog());
  const Ran ran = Audit("verify kite --with ann" + Key("kite"));
  EXPECT_EQ(ran.code, 1) << "ann's key is not to be found";
  EXPECT_TRUE(IsOneLine(ran.err, "souk-audit")) << ran.err;
  EXPECT_NE(ran.err.find("--with: ann: "), std::string::npos) << ran.err;
  const Ran tiles = Audit("export ann --tiles ann.tiles" + Key("ann"));
  ASSERT_EQ(tiles.code, 0) << tiles.err;
  const Ran held = Audit("verify kite --with ann.tiles" + Key("kite"));
  EXPECT_EQ(held.code, 0) << held.out << held.err;
  EXPECT_NE(held.out.find("✓ of what ann has (key from the vkey beside it), 4 documents and 0 "
                          "roots stand here; it tells of 1 lease\n"),
            std::string::npos)
      << held.out;
  EXPECT_NE(held.out.find("1 of 1 leases stand in no"), std::string::npos) << held.out;
  const Ran keyed =
      Audit("verify kite --with ann --with-key '" + keys_.at("ann") + "'" + Key("kite"));
  EXPECT_EQ(keyed.code, 0) << keyed.out << keyed.err;
  EXPECT_EQ(keyed.out.find("omissions"), std::string::npos) << keyed.out;
  for (const std::string& key : {std::string("junk"), keys_.at("coop")}) {
    const Ran other = Audit("verify kite --with ann.tiles --with-key '" + key + "'" + Key("kite"));
    EXPECT_EQ(other.code, 1) << other.out;
    EXPECT_NE(other.err.find("--with-key " + key), std::string::npos) << other.err;
  }
  EXPECT_EQ(Audit("verify kite --with-key junk" + Key("kite")).code, 2);
  const Ran same = Audit("verify ann.tiles --with ann.tiles");
  EXPECT_EQ(same.code, 1);
  EXPECT_NE(same.err.find("another copy of the same log"), std::string::npos) << same.err;
}

// What an earlier audit saw is asked of copies, too.
TEST_F(AuditProgram, TilesContinueWhatWasAuditedOrAreRefused) {
  ASSERT_EQ(Audit("export kite --tiles whole" + Key("kite")).code, 0);
  ASSERT_EQ(Audit("verify kite --save saved" + Key("kite")).code, 0);
  const Ran resumed = Audit("verify whole --resume saved");
  EXPECT_EQ(resumed.code, 0) << resumed.out << resumed.err;
  EXPECT_NE(resumed.out.find("were not read again"), std::string::npos) << resumed.out;
  auto log = world_.ProviderLog();
  log.back().time = log.back().time + Millis(1);
  log.push_back({.sequence = log.size(),
                 .time = log.back().time,
                 .outcome = Resumed{.down_since = log.back().time}});
  Make("forked", world_.provider, log);
  ASSERT_EQ(Audit("export forked --tiles forked.tiles" + Key("kite")).code, 0);
  for (const char* where : {"forked", "forked.tiles"}) {
    const Ran ran = Audit(std::string("verify ") + where + " --resume saved" + Key("kite"));
    EXPECT_EQ(ran.code, 1) << where;
    EXPECT_NE(ran.out.find("INVALID"), std::string::npos) << where << ran.out << ran.err;
  }
  for (const char* option : {"--resume nowhere", "--from nowhere"}) {
    const Ran ran = Audit(std::string("verify whole ") + option);
    EXPECT_EQ(ran.code, 1) << option;
    EXPECT_EQ(ran.out, "") << option;
  }
  const Ran another = Audit("verify coop --resume saved" + Key("coop"));
  EXPECT_EQ(another.code, 1);
  EXPECT_EQ(another.out, "");
}

TEST_F(AuditProgram, TheCosignedFileBesideALogCanDoItNoHarm) {
  const ledger::NoteSigner witness =
      ledger::NoteSigner::FromSeed("witness", {7}, ledger::NoteKeyType::kCosignature);
  const std::string command =
      "verify kite --quorum 0 --witness '" + witness.Verifier().ToVkey() + "'" + Key("kite");
  ASSERT_EQ(Audit(command).code, 0);
  for (const char* bytes : {"", "junk", "souk/x\n1\nAAAA\n\n"}) {
    std::ofstream(folder_.path() / "kite/cosigned") << bytes;
    const Ran ran = Audit(command);
    EXPECT_EQ(ran.code, 0) << ran.out;
    EXPECT_NE(ran.out.find("kite/cosigned is no checkpoint of this log"), std::string::npos)
        << ran.out;
  }
}

TEST_F(AuditProgram, TellsMistakesInWitnessesFromFaultsOfTheLog) {
  const ledger::NoteSigner witness =
      ledger::NoteSigner::FromSeed("witness", {7}, ledger::NoteKeyType::kCosignature);
  const std::string named = " --witness '" + witness.Verifier().ToVkey() + "'";
  for (const std::string& misuse :
       {std::string(" --witness junk"), " --witness '" + keys_.at("kite") + "'", named + named,
        named + " --quorum 2", std::string(" --quorum 1"), std::string(" --cosigned x")}) {
    const Ran ran = Audit("verify kite" + misuse + Key("kite"));
    EXPECT_EQ(ran.code, 2) << misuse << ran.out << ran.err;
    EXPECT_EQ(ran.out, "") << misuse;
  }
  const Ran missing = Audit("verify kite --cosigned nowhere" + named + Key("kite"));
  EXPECT_EQ(missing.code, 1);
  EXPECT_NE(missing.err.find("nowhere"), std::string::npos) << missing.err;
  std::ofstream(folder_.path() / "junk") << "junk";
  const Ran junk = Audit("verify kite --cosigned junk" + named + Key("kite"));
  EXPECT_EQ(junk.code, 1);
  EXPECT_EQ(junk.out, "") << "nothing is said against the log";
  const Ran nobody = Audit("verify kite" + named + Key("kite"));
  EXPECT_EQ(nobody.code, 1);
  EXPECT_NE(nobody.out.find("0 of 1 witness\n"), std::string::npos) << nobody.out;
  EXPECT_NE(nobody.out.find("INCOMPLETE"), std::string::npos) << nobody.out;
}

// A server that takes connections and says nothing: the program waits when it is ended, beside a
// database with threads of its own.
TEST_F(AuditProgram, LeavesNothingOfAUrlWhereASignalEndsIt) {
  const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at = {};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(at);
  ASSERT_EQ(::bind(server, reinterpret_cast<sockaddr*>(&at), size), 0);
  ASSERT_EQ(::listen(server, 8), 0);
  ASSERT_EQ(::getsockname(server, reinterpret_cast<sockaddr*>(&at), &size), 0);
  std::filesystem::create_directories(folder_.path() / "tmp");
  const std::string url = "http://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
  for (const auto& [signal, code] : {std::pair("TERM", 241), {"INT", 254}, {"HUP", 255}}) {
    // A shell has what it runs in the background ignore SIGINT.
    const Ran ran = RunProgram(
        "python3 -c 'import os, subprocess, sys, time\n"
        "audit = subprocess.Popen([\"souk-audit\", \"verify\", \"kite\", \"--key\", \"" +
            keys_.at("kite") + "\", \"--with\", \"" + url +
            "\"], "
            "env=dict(os.environ, TMPDIR=\"tmp\"))\n"
            "while not os.listdir(\"tmp\"): time.sleep(0.01)\n"
            "import signal\naudit.send_signal(signal.SIG" +
            signal +
            ")\n"
            "sys.exit(audit.wait() % 256)'",
        folder_.path());
    EXPECT_EQ(ran.code, code) << signal << ran.err;
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path() / "tmp")) << signal;
  }
  ::close(server);
}

TEST_F(AuditProgram, TellsALeaseAcrossLedgers) {
  Make("ann", world_.renter, world_.RenterLog());
  const std::string keys = Key("kite") + Key("ann") + Key("coop");
  const std::string lease = world_.order_document->id().Hex().substr(0, 8);
  const Ran ran = Audit("timeline kite ann coop --lease " + lease + keys);
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_EQ(ran.out.rfind("lease " + lease + ", provider kite, renter ann, book coop\n", 0), 0u)
      << ran.out;
  EXPECT_NE(ran.out.find("accepted                            4    3     3\n"), std::string::npos)
      << ran.out;
  EXPECT_NE(ran.out.find("the 3 logs agree\n"), std::string::npos) << ran.out;
  std::istringstream lines(ran.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 84u) << line;
  const json told = json::parse(Audit("timeline kite ann coop --json --lease " + lease + keys).out);
  EXPECT_EQ(told["agree"], true);
  EXPECT_EQ(told["ledgers"][1]["role"], "renter");
  EXPECT_EQ(told["lease"], world_.order_document->id().Hex());

  auto lying = world_.RenterLog();
  std::get<Settled>(lying[AuditWorld::kPaid].outcome).paid = {4'000};
  Make("ann2", world_.renter, lying);
  const Ran differs = Audit("timeline kite ann2 --lease " + lease + keys + Key("ann2"));
  EXPECT_EQ(differs.code, 1);
  EXPECT_NE(differs.out.find("✗ paid: kite's entry 16 says 0.005000 cr, ann's entry 14 says "
                             "0.004000 cr\n"),
            std::string::npos)
      << differs.out;
  EXPECT_EQ(Audit("timeline kite --lease ffff" + keys).code, 1);
  const Ran alone = Audit("timeline kite --lease " + lease + keys);
  EXPECT_EQ(alone.code, 0) << alone.out;
}

TEST_F(AuditProgram, TakesAnEvidenceBundleForADirectory) {
  Make("ann", world_.renter, world_.RenterLog());
  MakeEvidence("ann", "evidence");
  const std::filesystem::path bundle = folder_.path() / "evidence";
  const Ran ran = Audit("verify evidence");
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.out.find("INCOMPLETE"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("the key came with the bundle"), std::string::npos) << ran.out;
  EXPECT_NE(ran.out.find("1 workload blob is not here"), std::string::npos) << ran.out;
  EXPECT_EQ(Audit("key evidence").out, keys_.at("ann") + "\n");
  EXPECT_EQ(json::parse(Audit("show evidence --json").out).size(), 3u);
  EXPECT_EQ(Audit("show evidence 8 --raw").out, AsText(*EncodeEntry(world_.RenterLog()[8])));
  std::ofstream(bundle / "job.entry", std::ios::binary | std::ios::app) << "x";
  const json broken = json::parse(Audit("verify evidence --json").out);
  EXPECT_EQ(broken["verdict"], "INVALID");
}

TEST_F(AuditProgram, TellsAsMuchOfALeaseAsAnEvidenceBundleHolds) {
  Make("ann", world_.renter, world_.RenterLog());
  MakeEvidence("ann", "evidence");
  const std::string lease = world_.order_document->id().Hex();
  const json leases = json::parse(Audit("leases evidence --json").out);
  EXPECT_EQ(leases["whole"], false);
  ASSERT_EQ(leases["leases"].size(), 1u);
  EXPECT_EQ(leases["leases"][0]["id"], lease);
  EXPECT_EQ(leases["leases"][0]["side"], "renter");
  EXPECT_EQ(leases["leases"][0]["with"], world_.provider.id().ToString());
  EXPECT_EQ(leases["leases"][0]["jobs"], 1);
  EXPECT_EQ(leases["leases"][0]["last_entry"], uint64_t{AuditWorld::kReceipt});
  EXPECT_NE(Audit("leases evidence").out.find("as far as the entries of this evidence bundle tell"),
            std::string::npos);
  const Ran balances = Audit("balances evidence");
  EXPECT_EQ(balances.code, 0);
  EXPECT_NE(balances.out.find("holds no book"), std::string::npos) << balances.out;

  const Ran told = Audit("timeline evidence kite --lease " + lease + Key("kite") + " --json");
  EXPECT_EQ(told.code, 0) << told.out << told.err;
  const json timeline = json::parse(told.out);
  EXPECT_EQ(timeline["agree"], true) << "a bundle lacks nothing: " << told.out;
  EXPECT_EQ(timeline["ledgers"][0]["role"], "renter");
  EXPECT_EQ(timeline["ledgers"][0]["whole"], false);
  EXPECT_EQ(timeline["ledgers"][1]["role"], "provider");
}

TEST_F(AuditProgram, HandsOnWhatAnEvidenceBundleHolds) {
  Make("ann", world_.renter, world_.RenterLog());
  MakeEvidence("ann", "evidence");
  EXPECT_EQ(Audit("prove evidence --entry 8 --out -").out,
            Audit("prove ann --entry 8 --out -" + Key("ann")).out);
  const Ran missing = Audit("prove evidence --entry 2 --out -");
  EXPECT_EQ(missing.code, 1);
  EXPECT_NE(missing.err.find("entry 2 is not here"), std::string::npos) << missing.err;
  std::istringstream lines(Audit("export evidence --format jsonl").out);
  std::vector<json> entries;
  for (std::string line; std::getline(lines, line);) entries.push_back(json::parse(line));
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[2]["entry"], uint64_t{AuditWorld::kReceipt});
  EXPECT_EQ(json::parse(Audit("show evidence --from 2 --json").out).size(), 2u);
  for (const char* const line : {"export evidence --tiles T", "challenge evidence",
                                 "replicas evidence", "watch evidence --rounds 1"}) {
    const Ran ran = Audit(line);
    EXPECT_EQ(ran.code, 1) << line;
    EXPECT_NE(ran.err.find("is an evidence bundle"), std::string::npos) << line << ran.err;
  }
}

TEST_F(AuditProgram, ComparesAnEvidenceBundleWithACopyOfTheLog) {
  Make("ann", world_.renter, world_.RenterLog());
  MakeEvidence("ann", "evidence");
  const Ran same = Audit("compare evidence ann" + Key("ann"));
  EXPECT_EQ(same.code, 0) << same.out << same.err;
  EXPECT_NE(same.out.find("CONSISTENT"), std::string::npos) << same.out;
  EXPECT_EQ(Audit("compare evidence evidence").code, 0);

  auto shorter = world_.RenterLog();
  shorter.pop_back();
  Make("short", world_.renter, shorter);
  const Ran open = Audit("compare short evidence" + Key("ann"));
  EXPECT_EQ(open.code, 1);
  EXPECT_NE(open.out.find("INCOMPLETE"), std::string::npos) << open.out;

  auto other = world_.RenterLog();
  std::get<Settled>(other[AuditWorld::kPaid].outcome).paid = {4'000};
  Make("other", world_.renter, other);
  MakeEvidence("other", "evidence2");
  for (const std::string& line : {"compare evidence other --out A.fork" + Key("ann"),
                                  std::string("compare evidence evidence2 --out B.fork")}) {
    const Ran fork = Audit(line);
    EXPECT_EQ(fork.code, 1) << line;
    EXPECT_NE(fork.out.find("FORK"), std::string::npos) << line << fork.out << fork.err;
  }
  for (const char* const file : {"A.fork", "B.fork"}) {
    EXPECT_EQ(Audit(std::string("check-fork ") + file + Key("ann")).code, 0) << file;
  }
}

}  // namespace
}  // namespace souk::tools
