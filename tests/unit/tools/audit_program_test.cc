// souk-audit as a program: its output, its exit codes, and the formats that it hands to others.
#include "unit/tools/audit_program.h"

namespace souk::tools {
namespace {

// The clock's share of the output differs from run to run.
std::string WithoutTime(const std::string& text) {
  const size_t at = text.find("VALID ");
  return at == std::string::npos ? text : text.substr(0, at + 6);
}

TEST_F(AuditProgram, VerifiesASoundLedger) {
  const Ran ran = Audit("verify kite" + Key("kite"));
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_EQ(WithoutTime(ran.out),
            "kite, 17 entries, checkpoint signed (key from --key)\n" +
                world_.provider.id().ToString() +
                "\n✓ 12 signatures  ✓ tree  ✓ times  ✓ 1 lease  ✓ 1 job  ✓ debits = credits\n"
                "? omissions: no counterparty's receipts were at hand\n"
                "VALID ");
  EXPECT_EQ(ran.err, "");
  const Ran inner = Audit("verify kite/ledger" + Key("kite"));
  EXPECT_EQ(inner.code, 0) << inner.err;
}

TEST_F(AuditProgram, NamesTheBreachAndWhereToLook) {
  auto log = world_.BookLog();
  log.insert(log.begin() + AuditWorld::kPosted + 1, log[AuditWorld::kPosted]);
  ledger::Renumber(log);
  Make("bad", world_.book, log);
  const Ran ran = Audit("verify bad" + Key("bad"));
  EXPECT_EQ(ran.code, 1);
  const std::string escrow = world_.order.escrow.Short();
  EXPECT_NE(ran.out.find("✗ entry 5 breaks R6 \"one resolution per pending\": a post of escrow " +
                         escrow + ", which was resolved in 4\n" +
                         "  see: souk-audit show bad 5, souk-audit show bad 4\n"),
            std::string::npos)
      << ran.out;
  EXPECT_NE(ran.out.find("INVALID "), std::string::npos);
  const Ran as_json = Audit("verify bad --json" + Key("bad"));
  EXPECT_EQ(as_json.code, 1);
  const json report = json::parse(as_json.out);
  EXPECT_EQ(report["verdict"], "INVALID");
  EXPECT_EQ(report["ok"], false);
  EXPECT_EQ(report["findings"][0]["entry"], 5);
  EXPECT_EQ(report["findings"][0]["rule"], "R6");
  EXPECT_EQ(report["findings"][0]["see"], json::array({4}));
}

TEST_F(AuditProgram, PlansTheRepairOfNodesAlone) {
  ASSERT_EQ(Audit("export kite --tiles T" + Key("kite")).code, 0);
  for (const char* where : {"T", "http://127.0.0.1:1"}) {
    const Ran ran = Audit(std::string("verify --repair-plan ") + where);
    EXPECT_EQ(ran.code, 2) << where;
    EXPECT_NE(ran.err.find("a node's own directory"), std::string::npos) << ran.err;
  }
}

TEST_F(AuditProgram, RefusesALedgerUnderAnothersKey) {
  const Ran ran = Audit("verify kite" + Key("coop"));
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.out, "") << "nothing is said against the log";
  EXPECT_NE(ran.err.find("--key is the key of"), std::string::npos) << ran.err;
  const Ran junk = Audit("verify kite --key junk");
  EXPECT_EQ(junk.code, 2);
  EXPECT_NE(junk.err.find("--key junk"), std::string::npos) << junk.err;
}

TEST_F(AuditProgram, FindsAFlippedBitInTheDatabase) {
  for (const auto& item : std::filesystem::directory_iterator(folder_.path() / "kite/ledger")) {
    if (item.path().extension() != ".log" || item.file_size() < 100) continue;
    std::string bytes = ReadAll(item.path());
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
    std::ofstream(item.path(), std::ios::binary) << bytes;
  }
  const Ran ran = Audit("verify kite" + Key("kite"));
  EXPECT_EQ(ran.code, 1) << ran.out;
}

// No line of the plan is wider than a terminal of old.
bool IsNarrow(const std::string& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.size() > 80) return false;
  }
  return true;
}

TEST_F(AuditProgram, PlansTheRepairOfADamagedLedger) {
  const Ran whole = Audit("verify --repair-plan kite" + Key("kite"));
  EXPECT_EQ(whole.code, 0) << whole.out << whole.err;
  EXPECT_EQ(whole.out,
            "kite, 17 entries readable\n"
            "To do:\n"
            "  - Nothing: the ledger opens as it is.\n"
            "WHOLE\n");
  for (const auto& item : std::filesystem::directory_iterator(folder_.path() / "kite/ledger")) {
    if (item.path().extension() == ".log") std::filesystem::resize_file(item.path(), 0);
  }
  const Ran lost = Audit("verify --repair-plan kite" + Key("kite"));
  EXPECT_EQ(lost.code, 1);
  EXPECT_NE(lost.out.find("Entries 0 to 16 (17 in all) are missing or changed."), std::string::npos)
      << lost.out;
  EXPECT_NE(lost.out.find("soukd rebuild --from MIRROR"), std::string::npos) << lost.out;
  EXPECT_NE(lost.out.find("LOST\n"), std::string::npos);
  EXPECT_TRUE(IsNarrow(lost.out)) << lost.out;
  const json plan = json::parse(Audit("verify --repair-plan --json kite" + Key("kite")).out);
  EXPECT_EQ(plan["verdict"], "LOST");
  EXPECT_EQ(plan["ok"], false);
  EXPECT_EQ(plan["lost"], json::parse("[[0,17]]"));
  EXPECT_FALSE(plan["to_do"].empty());
}

TEST_F(AuditProgram, PlansWhereNotEvenTheDatabaseOpens) {
  std::filesystem::remove(folder_.path() / "kite/ledger/CURRENT");
  const Ran ran = Audit("verify --repair-plan kite" + Key("kite"));
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.out.find("The database cannot be opened"), std::string::npos) << ran.out << ran.err;
  EXPECT_TRUE(IsNarrow(ran.out)) << ran.out;
  const Ran keyless = Audit("verify --repair-plan kite");
  EXPECT_EQ(keyless.code, 1);
  EXPECT_TRUE(IsOneLine(keyless.err, "souk-audit")) << keyless.err;
}

TEST_F(AuditProgram, AsksForAKeyWhereNoneIsFound) {
  const Ran ran = Audit("verify kite");
  EXPECT_EQ(ran.code, 1);
  EXPECT_TRUE(IsOneLine(ran.err, "souk-audit"));
  EXPECT_NE(ran.err.find("--key"), std::string::npos);
}

TEST_F(AuditProgram, WithoutACheckpointNothingIsKnown) {
  std::filesystem::remove(folder_.path() / "kite/checkpoint");
  for (const char* where : {"kite", "kite/"}) {
    const Ran ran = Audit(std::string("verify ") + where + Key("kite"));
    EXPECT_EQ(ran.code, 1);
    EXPECT_NE(ran.out.find("INCOMPLETE"), std::string::npos) << ran.out << ran.err;
    EXPECT_NE(ran.out.find("the checkpoint file beside the ledger is missing"), std::string::npos);
  }
}

// The checkpoint signs entries, and not one is there: that is damage and not an empty ledger.
TEST_F(AuditProgram, FindsALedgerInvalidThatLostAllItsEntries) {
  const auto own = folder_.path() / "identity";
  const auto identity = IdentityFile::Create(own, folder_.path() / "successor", "");
  ASSERT_TRUE(identity);
  Make("lost", *identity, world_.ProviderLog());
  std::filesystem::copy_file(own, folder_.path() / "lost/identity");
  for (const auto& item : std::filesystem::directory_iterator(folder_.path() / "lost/ledger")) {
    if (item.path().extension() == ".log") std::filesystem::resize_file(item.path(), 0);
  }
  const Ran ran = Audit("verify lost");
  EXPECT_EQ(ran.code, 1);
  EXPECT_NE(ran.out.find("INVALID"), std::string::npos) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("acknowledged entries are missing"), std::string::npos) << ran.out;
}

TEST_F(AuditProgram, SaysWhereThereIsNoLedger) {
  const Ran ran = Audit("verify nowhere");
  EXPECT_EQ(ran.code, 1);
  EXPECT_EQ(ran.err, "souk-audit: there is no directory nowhere\n");
}

TEST_F(AuditProgram, ShowsTheExactBytesOfALeaf) {
  const Ran ran = Audit("show kite 4 --raw" + Key("kite"));
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, AsText(*EncodeEntry(world_.ProviderLog()[4])));
  const Ran beyond = Audit("show kite 17" + Key("kite"));
  EXPECT_EQ(beyond.code, 1);
  EXPECT_EQ(beyond.err, "souk-audit: there is no entry 17: the log has 17\n");
}

TEST_F(AuditProgram, ListsEntriesAndTheirDocuments) {
  const Ran ran = Audit("show kite --from 4 --count 2" + Key("kite"));
  EXPECT_EQ(ran.code, 0) << ran.err;
  const std::string lease = world_.order_document->id().Short();
  EXPECT_EQ(ran.out,
            "ENTRY  TIME          KIND        WHAT                                 "
            "DOCUMENTS\n"
            "    4  08:00:03.000  lease-step  lease " +
                lease +
                ": accepted → Reserved  order, acceptance\n"
                "    5  08:00:04.000  lease-step  lease " +
                lease + ": committed → Active   commit\n");
  const json list = json::parse(Audit("show kite --json" + Key("kite")).out);
  EXPECT_EQ(list.size(), 17u);
  EXPECT_EQ(list[6]["documents"][0]["kind"], "ready");
}

TEST_F(AuditProgram, ProvesAnEntryToWhoeverHasTheKey) {
  ASSERT_EQ(Audit("prove coop --entry 4 --out P" + Key("coop")).code, 0);
  ASSERT_EQ(Audit("show coop 4 --raw" + Key("coop") + " > E").code, 0);
  const Ran raw = Audit("show coop 4 --raw" + Key("coop"));
  std::ofstream(folder_ / "E", std::ios::binary) << raw.out;
  const Ran good = Audit("check-proof E P" + Key("coop"));
  EXPECT_EQ(good.code, 0) << good.out << good.err;
  EXPECT_EQ(good.out.rfind("✓ these ", 0), 0u) << good.out;
  std::ofstream(folder_ / "F", std::ios::binary) << raw.out << "x";
  const Ran bad = Audit("check-proof F P --json" + Key("coop"));
  EXPECT_EQ(bad.code, 1);
  EXPECT_EQ(json::parse(bad.out)["ok"], false);
  EXPECT_EQ(Audit("check-proof E P" + Key("kite")).code, 1);
  const Ran beyond = Audit("prove coop --entry 9 --out P" + Key("coop"));
  EXPECT_EQ(beyond.code, 1);
  EXPECT_TRUE(IsOneLine(beyond.err, "souk-audit"));
}

TEST_F(AuditProgram, ExportsTilesThatItVerifiesAgain) {
  const Ran exported = Audit("export kite --tiles T" + Key("kite"));
  EXPECT_EQ(exported.code, 0) << exported.err;
  EXPECT_EQ(exported.out.rfind("17 entries → T (4 files, ", 0), 0u) << exported.out;
  const Ran by_file = Audit("verify T");
  EXPECT_EQ(by_file.code, 0) << by_file.out << by_file.err;
  EXPECT_EQ(
      by_file.out.rfind("kite, 17 entries, checkpoint signed (key from the vkey beside it)", 0), 0u)
      << by_file.out;
  EXPECT_EQ(Audit("key T").out, keys_.at("kite") + "\n");
  EXPECT_EQ(Audit("show T 4" + Key("kite")).out, Audit("show kite 4" + Key("kite")).out);
  EXPECT_EQ(Audit("leases T").out, Audit("leases kite" + Key("kite")).out);
  // Tiles lead to the same tiles.
  EXPECT_EQ(Audit("export T --tiles U").code, 0);
  EXPECT_EQ(RunProgram("diff -r T U", folder_.path()).code, 0);
  const Ran again = Audit("export kite --tiles T" + Key("kite"));
  EXPECT_EQ(again.code, 1);
  EXPECT_EQ(again.err, "souk-audit: T is there already: nothing is overwritten\n");
  const json as_json = json::parse(Audit("export kite --tiles V/ --json" + Key("kite")).out);
  EXPECT_EQ(as_json["entries"], 17);
  EXPECT_EQ(as_json["tiles"], "V/");
}

TEST_F(AuditProgram, FindsTilesInvalidThatAreNotWhatWasSigned) {
  ASSERT_EQ(Audit("export kite --tiles T" + Key("kite")).code, 0);
  const Ran other = Audit("verify T" + Key("coop"));
  EXPECT_EQ(other.code, 1);
  EXPECT_EQ(other.out, "") << "nothing is said against the log";
  EXPECT_NE(other.err.find("--key is the key of"), std::string::npos) << other.err;
  const std::filesystem::path bundle = folder_.path() / "T/tile/entries/000.p/17";
  const std::string bytes = ReadAll(bundle);
  std::ofstream(bundle, std::ios::binary) << bytes.substr(0, bytes.size() - 1);
  const Ran cut = Audit("verify T");
  EXPECT_EQ(cut.code, 1);
  EXPECT_NE(cut.out.find("✗ tile/entries/000.p/17: entry bundle: an entry is cut off"),
            std::string::npos)
      << cut.out;
  EXPECT_NE(cut.out.find("INVALID"), std::string::npos);
  std::filesystem::remove(folder_.path() / "T/checkpoint");
  const Ran half = Audit("verify T --json");
  EXPECT_EQ(json::parse(half.out)["verdict"], "INVALID");
  EXPECT_EQ(json::parse(half.out)["findings"][0]["what"], "checkpoint is missing");
}

TEST_F(AuditProgram, ExportsALineForEachEntry) {
  const Ran lines = Audit("export kite --format jsonl" + Key("kite"));
  EXPECT_EQ(lines.code, 0) << lines.err;
  std::istringstream text(lines.out);
  const json list = json::parse(Audit("show kite --json" + Key("kite")).out);
  size_t entry = 0;
  for (std::string line; std::getline(text, line); ++entry) {
    json one = json::parse(line);
    EXPECT_EQ(one["entry"], entry);
    one.erase("entry");
    EXPECT_EQ(one, list.at(entry));
  }
  EXPECT_EQ(entry, 17u);
  const Ran into_file = Audit("export kite --format jsonl --out F" + Key("kite"));
  EXPECT_EQ(into_file.out, "17 entries → F\n");
  EXPECT_EQ(ReadAll(folder_.path() / "F"), lines.out);
  EXPECT_EQ(Audit("export kite --format jsonl --out F" + Key("kite")).code, 1);
  EXPECT_EQ(ReadAll(folder_.path() / "F"), lines.out);
  EXPECT_EQ(Audit("export kite --format jsonl --out nowhere/F" + Key("kite")).code, 1);
}

TEST_F(AuditProgram, ExportsTablesAsRfc4180HasThem) {
  // What cannot be read has its line too.
  auto log = world_.BookLog();
  log.resize(3);
  log[1].documents[0].back() ^= 1;
  Make("bad", world_.book, log);
  const Ran ran = Audit("export bad --format csv" + Key("bad"));
  EXPECT_EQ(ran.code, 0) << ran.err;
  std::vector<std::string> lines;
  std::istringstream text(ran.out);
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[0], "entry,time,rules,kind,summary,bytes,documents,ids,signers,outcome\r");
  EXPECT_EQ(lines[1].rfind("0,2027-01-15T08:00:00.000Z,1,opened,", 0), 0u) << lines[1];
  EXPECT_TRUE(lines[1].ends_with(",,,,\"{\"\"name\"\":\"\"coop\"\",\"\"peer\"\":\"\"" +
                                 world_.book.id().ToString() + "\"\"}\"\r"))
      << lines[1];
  EXPECT_NE(lines[2].find(",!issue,"), std::string::npos) << lines[2];
  EXPECT_EQ(lines[3].find('!'), std::string::npos) << lines[3];
  EXPECT_NE(lines[3].find(",escrow," + world_.escrow_document->id().Hex() + "," +
                          world_.escrow.account.ToString() + ","),
            std::string::npos)
      << lines[3];
}

TEST_F(AuditProgram, PrintsTheKeyThatVerifiersTake) {
  const Ran ran = Audit("key kite" + Key("kite"));
  EXPECT_EQ(ran.code, 0);
  EXPECT_EQ(ran.out, keys_.at("kite") + "\n");
}

TEST_F(AuditProgram, ListsLeasesAndBalances) {
  const json leases = json::parse(Audit("leases kite --json" + Key("kite")).out);
  ASSERT_EQ(leases["leases"].size(), 1u);
  EXPECT_EQ(leases["leases"][0]["state"], "Closed");
  EXPECT_EQ(leases["leases"][0]["due_micro"], 5000);
  const Ran text = Audit("leases kite" + Key("kite"));
  EXPECT_EQ(text.code, 0);
  EXPECT_NE(text.out.find("Closed, released"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("renter " + world_.renter.id().ToString().substr(0, 13)),
            std::string::npos)
      << text.out;
  EXPECT_NE(text.out.find("BEGUN"), std::string::npos) << text.out;
  const Ran balances = Audit("balances coop" + Key("coop"));
  EXPECT_EQ(balances.code, 0) << balances.err;
  EXPECT_NE(balances.out.find("(issued by the operator)  -1.000000"), std::string::npos)
      << balances.out;
  EXPECT_NE(balances.out.find("sum 0.000000: debits = credits = 1.005000 cr\n"), std::string::npos)
      << balances.out;
  const Ran slices = Audit("balances kite" + Key("kite"));
  EXPECT_NE(slices.out.find("CPU-1      1       0\n"), std::string::npos) << slices.out;
}

// What does not fit is left to souk-audit show and --json.
TEST_F(AuditProgram, FitsTheListOfLeasesIntoTheTerminal) {
  const std::string line = "souk-audit leases kite" + Key("kite");
  const std::string narrow = RunInTerminal(line, folder_.path(), 80);
  EXPECT_LE(WidestLine(narrow), 80u) << narrow;
  for (const char* title : {"WITH", "METERED", "DUE", "VOUCHED", "PAID", "STATE", "ENTRIES"}) {
    EXPECT_NE(narrow.find(title), std::string::npos) << title << "\n" << narrow;
  }
  EXPECT_NE(narrow.find("released"), std::string::npos) << narrow;
  const std::string wide = RunInTerminal(line, folder_.path(), 160);
  EXPECT_NE(wide.find("BEGUN"), std::string::npos) << wide;
}

TEST_F(AuditProgram, GoesOnFromASavedAudit) {
  const auto log = world_.ProviderLog();
  const std::vector<Entry> begun(log.begin(), log.begin() + 9);
  Make("half", world_.provider, begun);
  const std::string saved = (folder_.path() / "S").string();
  EXPECT_EQ(Audit("verify half --save " + saved + Key("half")).code, 0);
  EXPECT_EQ(std::filesystem::status(saved).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  const Ran more = Audit("verify kite --resume " + saved + " --json" + Key("kite"));
  EXPECT_EQ(more.code, 0) << more.out << more.err;
  json resumed = json::parse(more.out);
  json whole = json::parse(Audit("verify kite --json" + Key("kite")).out);
  EXPECT_EQ(resumed["resumed_from"], 9);
  EXPECT_EQ(whole["resumed_from"], 0);
  EXPECT_EQ(resumed["believed"].size(), 1u);
  for (json* report : {&resumed, &whole}) {
    for (const char* own : {"resumed_from", "signatures_from", "believed", "seconds"}) {
      report->erase(own);
    }
  }
  EXPECT_EQ(resumed, whole);
}

TEST_F(AuditProgram, FindsALogThatDoesNotContinueWhatWasSaved) {
  const std::string saved = (folder_.path() / "S").string();
  EXPECT_EQ(Audit("verify kite --save " + saved + Key("kite")).code, 0);
  auto log = world_.ProviderLog();
  log.resize(12);
  Make("older", world_.provider, log);
  const Ran older = Audit("verify older --resume " + saved + Key("older"));
  EXPECT_EQ(older.code, 1);
  EXPECT_NE(older.out.find("an earlier one of this log signs 17"), std::string::npos) << older.out;
  EXPECT_NE(older.out.find("INVALID"), std::string::npos) << older.out;
  const Ran anothers = Audit("verify coop --resume " + saved + Key("coop"));
  EXPECT_EQ(anothers.code, 1);
  EXPECT_TRUE(IsOneLine(anothers.err, "souk-audit")) << anothers.err;
  std::ofstream(saved, std::ios::binary) << "junk";
  const Ran junk = Audit("verify kite --resume " + saved + Key("kite"));
  EXPECT_EQ(junk.code, 1);
  EXPECT_NE(junk.err.find("no saved audit"), std::string::npos) << junk.err;
}

// Of the log it says nothing.
TEST_F(AuditProgram, AFileThatIsTooLargeToGoOnFromMakesNoLogInvalid) {
  const std::string file = (folder_.path() / "large").string();
  std::ofstream(file).close();
  for (const auto& [option, size] : {std::pair{"--resume", (uintmax_t{4} << 30) + 1},
                                     std::pair{"--from", (uintmax_t{1} << 20) + 1}}) {
    std::filesystem::resize_file(file, size);
    const Ran ran = Audit(fmt::format("verify kite {} {}{}", option, file, Key("kite")));
    EXPECT_EQ(ran.code, 1);
    EXPECT_EQ(ran.out, "");
    EXPECT_TRUE(IsOneLine(ran.err, "souk-audit")) << ran.err;
  }
}

TEST_F(AuditProgram, BelievesTheSignaturesUnderACheckpointThatItIsGiven) {
  ASSERT_EQ(Audit("prove kite --entry 4 --out P" + Key("kite")).code, 0);
  const std::string proof = ReadAll(folder_.path() / "P");
  std::ofstream(folder_.path() / "N", std::ios::binary) << proof.substr(proof.find("\n\n") + 2);
  const Ran ran = Audit("verify kite --from N" + Key("kite"));
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_NE(ran.out.find("entries 0 to 16 stand under N: their signatures were believed"),
            std::string::npos)
      << ran.out;
  std::ofstream(folder_.path() / "N", std::ios::binary) << "junk";
  EXPECT_EQ(Audit("verify kite --from N" + Key("kite")).code, 1);
}

TEST_F(AuditProgram, WritesNothingIntoANodesDirectory) {
  for (const char* where : {"kite/saved", "kite/ledger/saved", "./kite/../kite/saved"}) {
    const Ran ran = Audit(std::string("verify kite --save ") + where + Key("kite"));
    EXPECT_EQ(ran.code, 2) << where;
    EXPECT_TRUE(IsOneLine(ran.err, "souk-audit")) << ran.err;
  }
}

TEST_F(AuditProgram, ExitsTwoWhereTheCommandLineIsWrong) {
  for (const char* line : {"",
                           "verfy kite",
                           "verify",
                           "show kite --raw",
                           "prove kite --out P",
                           "verify kite --no-such",
                           "verify kite --from A --resume B",
                           "verify kite --repair-plan --save A",
                           "watch kite --rounds -1",
                           "show kite --count -1",
                           "timeline kite",
                           "timeline --lease 12",
                           "timeline kite --lease zz",
                           "verify kite --threads many",
                           "verify kite --threads 100000",
                           "prove kite --entry -1 --out P",
                           "prove kite --entry 1 --out - --json",
                           "challenge kite --lease zz",
                           "replicas kite --round zz",
                           "replay kite --job zz",
                           "replay kite --job 12 --time-limit soon",
                           "replicas kite --time-limit 5",
                           "export kite",
                           "export kite --tiles T --format csv",
                           "export kite --format xml",
                           "export kite --tiles T --out F",
                           "export kite --format csv --json",
                           "show kite --from -1",
                           "show kite 4 --raw --json"}) {
    const Ran ran = Audit(line);
    EXPECT_EQ(ran.code, 2) << line;
    EXPECT_TRUE(IsOneLine(ran.err, "souk-audit")) << line;
    // With --json programs are answered with a document too.
    const bool document = std::string_view(line).find("--json") != std::string_view::npos;
    EXPECT_EQ(ran.out.find("\"ok\": false") != std::string::npos, document) << line;
    EXPECT_EQ(ran.out.empty(), !document) << line;
  }
}

TEST_F(AuditProgram, FailsWhereALeaseIsUnknown) {
  const Ran unknown = Audit("challenge kite --lease ffff" + Key("kite"));
  EXPECT_EQ(unknown.code, 1) << unknown.out;
  EXPECT_TRUE(IsOneLine(unknown.err, "souk-audit")) << unknown.err;
  EXPECT_EQ(Audit("challenge kite" + Key("kite")).code, 0);
}

TEST_F(AuditProgram, FailsWhereItsOutputCannotBeWritten) {
  const Ran ran =
      RunProgram("sh -c 'souk-audit show kite" + Key("kite") + " >/dev/full'", folder_.path());
  EXPECT_NE(ran.code, 0);
}

}  // namespace
}  // namespace souk::tools
