// The second reader and souk-audit judge the same ledgers: good ones, bad ones, damaged ones.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <random>

#include "protocol/base/file.h"
#include "reader/reader_testing.h"

namespace souk::reader {
namespace {

// ---- Ledgers ---------------------------------------------------------------------------------

// Which verdict each leads to follows from kRuleShares: INVALID where the audit's findings are of
// rules that the second reader checks, VALID where only books show them.
TEST_F(SecondReader, AgreesOnEveryLedgerOfTheAuditsOwnTests) {
  fs::create_directory(At("ledgers"));
  for (const char* program : {"audit_test", "audit_challenge_test", "audit_replicas_test"}) {
    const tools::Ran ran =
        tools::RunProgram("env SOUK_EXPORT_LEDGERS='" + At("ledgers").string() + "' " +
                          std::string(SOUK_BINARY_DIR "/tests/unit/ledger/") + program);
    ASSERT_EQ(ran.code, 0) << program << ran.out;
  }
  std::vector<fs::path> ledgers;
  std::string further;
  for (const auto& ledger : fs::directory_iterator(At("ledgers"))) {
    ledgers.push_back(ledger.path());
    if (ledgers.size() > 1) further += " '" + ledger.path().string() + "'";
  }
  std::istringstream lines(RunPython(ledgers.at(0), further).out);
  std::map<std::pair<std::string, std::string>, int> verdicts;
  for (const fs::path& ledger : ledgers) {
    std::string line;
    std::getline(lines, line);
    const Verdict audit = ReadBySoukAudit(ledger), python = ToVerdict(0, line);
    EXPECT_TRUE(Agree(audit, python)) << ledger.filename();
    ++verdicts[{audit.word, python.word}];
  }
  EXPECT_GE((verdicts[{"VALID", "VALID"}]), 15);
  EXPECT_GE((verdicts[{"INVALID", "INVALID"}]), 20);
  EXPECT_GE((verdicts[{"INVALID", "VALID"}]), 100) << "what only books show";
  EXPECT_GE((verdicts[{"INCOMPLETE", "INCOMPLETE"}]), 2);
  EXPECT_EQ(verdicts.size(), 4u) << "nothing else can be";
}

TEST_F(SecondReader, AgreesOnTheGoldenLedgers) {
  for (uint32_t version = 1; version <= kRulesVersion; ++version) {
    for (const char* log : {"provider", "renter", "book"}) {
      const fs::path golden =
          fs::path(SOUK_SOURCE_DIR "/tests/golden") / ("rules-" + std::to_string(version)) / log;
      const Verdict audit = ReadBySoukAudit(golden), python = ReadByPython(golden);
      EXPECT_TRUE(Agree(audit, python)) << golden;
      EXPECT_EQ(python.word, "VALID") << python.said;
    }
  }
}

// Of upgrades that this version's readers judge: there is no newer one to go to.
TEST_F(SecondReader, AgreesOnUpgrades) {
  const Time start = world_.start;
  const auto judge = [&](const char* name, const Upgraded& how, uint32_t rules) {
    GrowingLog log(world_.provider);
    log.Add(std::vector<Entry>{
        {.time = start, .outcome = Opened{.name = "kite", .peer = world_.provider.id()}},
        {.sequence = 1, .time = start, .rules = rules, .outcome = how}});
    log.Export(At(name));
    const Verdict audit = ReadBySoukAudit(At(name)), python = ReadByPython(At(name));
    EXPECT_TRUE(Agree(audit, python)) << name;
    return python.word;
  };
  const uint32_t known = kRulesVersion;
  EXPECT_EQ(judge("same", {.from = known, .to = known}, known), "INVALID");
  EXPECT_EQ(judge("ahead", {.from = known, .to = known + 1}, known), "INVALID");
  EXPECT_EQ(judge("newer", {.from = known, .to = known + 1}, known + 1), "INCOMPLETE");
}

TEST_F(SecondReader, AgreesAroundTheBoundariesOfTiles) {
  GrowingLog log(world_.provider);
  const Time start = world_.start;
  for (const uint64_t size : {0, 1, 2, 255, 256, 257, 511, 512, 513, 65'535, 65'536, 65'537}) {
    if (size == 1) {
      log.Add(std::vector<Entry>{
          {.time = start, .outcome = Opened{.name = "kite", .peer = world_.provider.id()}}});
    } else if (size > 1) {
      log.Add(Idle(log.log().size(), size, start));
    }
    const fs::path tiles = At(std::to_string(size));
    log.Export(tiles);
    const Verdict audit = ReadBySoukAudit(tiles), python = ReadByPython(tiles);
    EXPECT_TRUE(Agree(audit, python)) << size;
    EXPECT_EQ(python.word, "VALID") << python.said;
    EXPECT_EQ(python.entries, size);
  }
}

// Every leaf is an entry with something changed. Which of them read is the whole question: a reader
// that takes what another refuses splits the market.
TEST_F(SecondReader, ReadsJustTheChangedEntriesThatSoukAuditReads) {
  const char* const asked = std::getenv("SOUK_CHANGED_ENTRIES");
  const uint64_t changed = asked == nullptr ? 6000 : std::stoull(asked);
  std::vector<Bytes> good;
  for (const auto& log : {world_.ProviderLog(), world_.BookLog(), world_.RenterLog()}) {
    for (const Entry& entry : log) good.push_back(*EncodeEntry(entry));
  }
  std::mt19937_64 random(4);
  const auto below = [&](uint64_t bound) { return random() % bound; };
  std::vector<Bytes> leaves;
  for (uint64_t i = 0; i < changed; ++i) {
    Bytes leaf = good[i % good.size()];
    // Most pointers and numbers stand in front; a bit, a byte, or a whole word.
    const size_t span = below(2) == 0 ? leaf.size() : std::min<size_t>(leaf.size(), 128);
    const size_t at = below(span);
    switch (below(5)) {
      case 0:
        leaf[at] ^= static_cast<uint8_t>(1 << below(8));
        break;
      case 1:
        leaf[at] = static_cast<uint8_t>(random());
        break;
      case 2:
        for (size_t j = at / 8 * 8; j < at / 8 * 8 + 8; ++j) leaf[j] = 0;
        break;
      case 3: {  // another word of the same leaf
        const size_t from = below(leaf.size() / 8) * 8;
        for (size_t j = 0; j < 8; ++j) leaf[at / 8 * 8 + j] = leaf[from + j];
        break;
      }
      default:  // an element's code, or a count
        leaf[at / 8 * 8 + 4] = static_cast<uint8_t>(leaf[at / 8 * 8 + 4] ^ (1 << below(6)));
    }
    leaves.push_back(std::move(leaf));
  }
  GrowingLog log(world_.provider);
  log.Add(leaves);
  log.Export(At("tiles"));
  const auto report = ledger::Audit(log.log().reader(), {.max_findings = SIZE_MAX});
  const Verdict python = ReadByPython(At("tiles"), "--most 100000000");
  std::set<std::pair<uint64_t, std::string>> expected;
  uint64_t unreadable = 0;
  for (const ledger::Finding& finding : report.findings) {
    const RuleShare* const rule = FindRule(finding.name);
    ASSERT_NE(rule, nullptr) << finding.name;
    if (rule->share == Share::kWhole) expected.emplace(finding.entry, finding.name);
    unreadable += finding.name == "every entry can be read" ? 1 : 0;
  }
  for (const auto& finding : expected) {
    EXPECT_TRUE(python.findings.contains(finding))
        << "overlooked: " << finding.first << " " << finding.second;
  }
  for (const auto& finding : python.findings) {
    const bool whole = FindRule(finding.second)->share == Share::kWhole;
    EXPECT_TRUE(!whole || expected.contains(finding))
        << "found alone: " << finding.first << " " << finding.second;
  }
  EXPECT_EQ(python.signatures, report.signatures);
  EXPECT_GT(unreadable, changed / 4);
  EXPECT_LT(unreadable, changed * 3 / 4);
}

TEST_F(SecondReader, ChecksInclusionProofs) {
  GrowingLog log(world_.provider);
  std::vector<Entry> entries = world_.ProviderLog();
  log.Add(entries);
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(At(name), std::ios::binary) << text;
    return " --proof '" + At(name).string() + "'";
  };
  const std::string early = write("early", log.log().Proof(3)->ToText());
  log.Add(Idle(entries.size(), 600, entries.back().time));
  log.Export(At("tiles"));
  std::string proofs = early;
  for (const uint64_t index : {0, 1, 255, 256, 511, 599}) {
    proofs += write(std::to_string(index), log.log().Proof(index)->ToText());
  }
  EXPECT_EQ(ReadByPython(At("tiles"), proofs).word, "VALID");

  ledger::TlogProof bad = *log.log().Proof(256);
  bad.index = 257;
  EXPECT_EQ(ReadByPython(At("tiles"), write("index", bad.ToText())).word, "INVALID");
  bad = *log.log().Proof(256);
  bad.hashes.pop_back();
  EXPECT_EQ(ReadByPython(At("tiles"), write("short", bad.ToText())).word, "INVALID");
  bad = *log.log().Proof(256);
  bad.hashes[2].bytes[7] ^= 1;
  EXPECT_EQ(ReadByPython(At("tiles"), write("hash", bad.ToText())).word, "INVALID");
  // A proof of the same log's other history.
  GrowingLog fork(world_.provider);
  entries[4].time = entries[4].time + Millis(1);
  fork.Add(entries);
  EXPECT_EQ(ReadByPython(At("tiles"), write("fork", fork.log().Proof(3)->ToText())).word,
            "INVALID");
}

// ---- Damaged exports -------------------------------------------------------------------------

struct Corruption {
  const char* name;
  std::function<void(const fs::path&)> damage;
};

Bytes ReadAllOf(const fs::path& path) {
  return *ReadFile(path, 1 << 25);
}
void WriteAllOf(const fs::path& path, ByteView bytes) {
  std::ofstream(path, std::ios::binary) << AsText(bytes);
}
std::function<void(const fs::path&)> Changed(const std::string& file,
                                             const std::function<void(Bytes&)>& change) {
  return [=](const fs::path& dir) {
    Bytes bytes = ReadAllOf(dir / file);
    change(bytes);
    WriteAllOf(dir / file, bytes);
  };
}
std::function<void(const fs::path&)> Flipped(const std::string& file, double share) {
  return Changed(file, [=](Bytes& bytes) {
    bytes[static_cast<size_t>(static_cast<double>(bytes.size() - 1) * share)] ^= 1;
  });
}
std::function<void(const fs::path&)> Removed(const std::string& file) {
  return [=](const fs::path& dir) { fs::remove(dir / file); };
}
std::function<void(const fs::path&)> Renamed(const std::string& from, const std::string& to) {
  return [=](const fs::path& dir) {
    fs::create_directories((dir / to).parent_path());
    fs::rename(dir / from, dir / to);
  };
}
std::function<void(const fs::path&)> Swapped(const std::string& a, const std::string& b) {
  return [=](const fs::path& dir) {
    const Bytes first = ReadAllOf(dir / a);
    WriteAllOf(dir / a, ReadAllOf(dir / b));
    WriteAllOf(dir / b, first);
  };
}

TEST_F(SecondReader, RefusesEveryDamagedExportAsSoukAuditDoes) {
  GrowingLog log(world_.provider);
  const std::vector<Entry> story = world_.ProviderLog();
  log.Add(story);
  log.Add(Idle(story.size(), 600, story.back().time));
  log.Export(At("good"));
  ASSERT_EQ(ReadByPython(At("good")).word, "VALID");

  const ledger::NoteSigner own = SignerOf(world_.provider), other = SignerOf(world_.renter);
  const auto signed_anew = [&](const std::function<void(ledger::Checkpoint&)>& change,
                               ledger::NoteSigner signer) {
    ledger::Checkpoint head = log.log().head();
    head.origin = signer.name;
    change(head);
    const std::string note = *ledger::SignCheckpoint(head, signer);
    return Changed("checkpoint", [=](Bytes& bytes) { bytes = ToBytes(AsBytes(note)); });
  };
  const auto keep = [](ledger::Checkpoint& /*head*/) {};
  ledger::NoteSigner impostor = other;
  impostor.name = own.name;
  const std::string text = log.log().head().ToText();
  const auto as_text = [&](const std::function<void(std::string&)>& change) {
    return Changed("checkpoint", [=](Bytes& bytes) {
      std::string note(AsText(bytes));
      change(note);
      bytes = ToBytes(AsBytes(note));
    });
  };
  const Corruption corruptions[] = {
      {"a bit of the checkpoint's size", Flipped("checkpoint", 0.3)},
      {"a bit of the checkpoint's root", Flipped("checkpoint", 0.4)},
      {"a bit of its signature", Flipped("checkpoint", 0.9)},
      {"a bit of a full bundle", Flipped("tile/entries/000", 0.5)},
      {"a bit of the partial bundle", Flipped("tile/entries/002.p/88", 0.5)},
      {"a bit of a length in a bundle", Flipped("tile/entries/001", 0)},
      {"a bit of a full tile", Flipped("tile/0/001", 0.5)},
      {"a bit of a partial tile", Flipped("tile/0/002.p/88", 1)},
      {"a bit of a tile above", Flipped("tile/1/000.p/2", 0)},
      {"a bit of the key", Flipped("vkey", 0.9)},
      {"a bit of the key's name", Flipped("vkey", 0.2)},
      {"a bundle cut short", Changed("tile/entries/001", [](Bytes& b) { b.pop_back(); })},
      {"a byte behind a bundle", Changed("tile/entries/001", [](Bytes& b) { b.push_back(0); })},
      {"an empty bundle", Changed("tile/entries/000", [](Bytes& b) { b.clear(); })},
      {"an entry more in a bundle", Changed("tile/entries/002.p/88",
                                            [](Bytes& b) {
                                              b.insert(b.end(), {0, 1, 'x'});
                                            })},
      {"a byte moved to the next entry", Changed("tile/entries/001",
                                                 [](Bytes& b) {
                                                   const size_t size = b[0] * 256u + b[1];
                                                   --b[1];
                                                   std::swap(b[size + 1], b[size + 2]);
                                                 })},
      {"a tile cut short", Changed("tile/0/000", [](Bytes& b) { b.resize(8160); })},
      {"a hash too many", Changed("tile/1/000.p/2", [](Bytes& b) { b.resize(96); })},
      {"two hashes of a tile swapped",
       Changed("tile/0/000",
               [](Bytes& b) { std::swap_ranges(b.begin(), b.begin() + 32, b.begin() + 32); })},
      {"no bundle", Removed("tile/entries/001")},
      {"no partial bundle", Removed("tile/entries/002.p/88")},
      {"no tile", Removed("tile/0/000")},
      {"no tile above", Removed("tile/1/000.p/2")},
      {"no checkpoint", Removed("checkpoint")},
      {"two tiles swapped", Swapped("tile/0/000", "tile/0/001")},
      {"two bundles swapped", Swapped("tile/entries/000", "tile/entries/001")},
      {"a bundle under another width", Renamed("tile/entries/002.p/88", "tile/entries/002.p/87")},
      {"a tile under another width", Renamed("tile/0/002.p/88", "tile/0/002.p/89")},
      {"a partial tile under the name of a full one", Renamed("tile/1/000.p/2", "tile/1/000")},
      {"a checkpoint of another key", signed_anew(keep, impostor)},
      {"a checkpoint of another log", signed_anew(keep, other)},
      {"another log's checkpoint and key",
       [&](const fs::path& dir) {
         signed_anew(keep, other)(dir);
         WriteAllOf(dir / "vkey", AsBytes(other.Verifier().ToVkey() + "\n"));
       }},
      {"a checkpoint of one entry less",
       signed_anew([](ledger::Checkpoint& head) { --head.size; }, own)},
      {"a checkpoint of one entry more",
       signed_anew([](ledger::Checkpoint& head) { ++head.size; }, own)},
      {"a checkpoint of another root",
       signed_anew([](ledger::Checkpoint& head) { head.root.bytes[0] ^= 1; }, own)},
      {"no signature", as_text([&](std::string& note) { note = text + "\n"; })},
      {"no blank line", as_text([&](std::string& note) { note.erase(text.size(), 1); })},
      {"a second, bad signature by the same key", as_text([&](std::string& note) {
         std::string line = note.substr(text.size() + 1);
         line[line.size() - 5] = line[line.size() - 5] == 'A' ? 'B' : 'A';
         note += line;
       })},
      {"a leading zero", as_text([](std::string& note) { note.insert(note.find('\n') + 1, "0"); })},
      {"a carriage return", as_text([](std::string& note) { note.insert(note.find('\n'), "\r"); })},
      {"text behind the signatures", as_text([](std::string& note) { note += "x\n"; })},
      {"a key of another length", Changed("vkey", [](Bytes& b) { b.insert(b.end() - 2, 'A'); })},
      {"a key and a second line", Changed("vkey", [](Bytes& b) { b.push_back('\n'); })},
  };
  EXPECT_GE(std::size(corruptions), 40u);
  for (const Corruption& one : corruptions) {
    fs::copy(At("good"), At("bad"), fs::copy_options::recursive);
    one.damage(At("bad"));
    const Verdict audit = ReadBySoukAudit(At("bad")), python = ReadByPython(At("bad"));
    EXPECT_EQ(audit.word, "INVALID") << one.name << "\n" << audit.said;
    EXPECT_EQ(python.word, "INVALID") << one.name << "\n" << python.said;
    EXPECT_EQ(audit.code, 1) << one.name;
    EXPECT_EQ(python.code, 1) << one.name;
    fs::remove_all(At("bad"));
  }
}

TEST_F(SecondReader, TakesTheKeyFromWhereSoukAuditTakesIt) {
  GrowingLog log(world_.provider);
  log.Add(world_.ProviderLog());
  log.Export(At("tiles"));
  const std::string key = "--key '" + log.vkey() + "'";
  const std::string other = "--key '" + SignerOf(world_.renter).Verifier().ToVkey() + "'";
  EXPECT_EQ(ReadByPython(At("tiles"), key).word, "VALID");
  EXPECT_EQ(ReadByPython(At("tiles"), other).code, 2) << "a mistake says nothing of the log";
  EXPECT_EQ(ReadBySoukAudit(At("tiles"), other).word, "");
  const ledger::NoteVerifier stale{SignerOf(world_.provider).name, SignerOf(world_.renter).key};
  const std::string own = "--key '" + stale.ToVkey() + "'";
  EXPECT_EQ(ReadByPython(At("tiles"), own).word, "INVALID");
  EXPECT_EQ(ReadBySoukAudit(At("tiles"), own).word, "INVALID");
  fs::remove(At("tiles/vkey"));
  EXPECT_EQ(ReadByPython(At("tiles")).code, 2);
  EXPECT_EQ(ReadBySoukAudit(At("tiles")).word, "");
  EXPECT_EQ(ReadByPython(At("tiles"), key).word, "VALID");
  EXPECT_EQ(ReadBySoukAudit(At("tiles"), key).word, "VALID");
  EXPECT_EQ(ReadByPython(At("nowhere")).code, 2);
  EXPECT_EQ(ReadByPython(At("tiles"), "--key junk").code, 2);
}

// ---- The page --------------------------------------------------------------------------------

std::string WithoutBlanks(std::string text) {
  std::erase_if(text, [](char c) { return c == ' ' || c == '\n'; });
  return text;
}

// Section 11 of docs/ledger-format.md is this log.
TEST(LedgerFormatPage, ShowsALogThatIsWhatItSays) {
  std::array<uint8_t, 32> seed = {};
  for (uint8_t i = 0; i < 32; ++i) seed[i] = i;
  const Identity kite = Identity::FromSeed(seed);
  const Time start{1'800'000'000'000};
  const DocumentRef withdrawal =
      SignMessage(Withdrawal{.sequence = 7, .issued = start, .peer = kite.id()}, kite.key());
  const std::vector<Entry> entries = {
      {.sequence = 0, .time = start, .outcome = Opened{.name = "kite", .peer = kite.id()}},
      {.sequence = 1,
       .time = start + Seconds(1),
       .outcome = Published{},
       .documents = {withdrawal->envelope()}}};
  GrowingLog log(kite);
  log.Add(entries);
  std::string page(AsText(*ReadFile(SOUK_SOURCE_DIR "/docs/ledger-format.md", 1 << 20)));
  page.erase(0, page.find("## 11."));
  const std::string dense = WithoutBlanks(page);
  const auto expect_shown = [&](const std::string& what, const std::string& text) {
    EXPECT_NE(dense.find(WithoutBlanks(text)), std::string::npos) << what << ":\n" << text;
  };
  for (const Entry& entry : entries) {
    const Bytes leaf = *EncodeEntry(entry);
    expect_shown("a leaf", ToHex(leaf));
    expect_shown("its hash", ToHex(ledger::LeafHash(leaf).view()));
  }
  expect_shown("the document", ToHex(withdrawal->envelope()));
  expect_shown("its id", withdrawal->id().Hex());
  expect_shown("the root", ToHex(log.log().head().root.view()));
  expect_shown("the checkpoint", log.log().checkpoint());
  expect_shown("the key", log.vkey());
  expect_shown("the proof", log.log().Proof(1)->ToText());
  if (!PythonIsThere()) return;
  const TestFolder folder;
  log.Export(folder.path() / "tiles");
  const Verdict audit = ReadBySoukAudit(folder.path() / "tiles");
  EXPECT_EQ(audit.word, "VALID") << audit.said;
  EXPECT_TRUE(Agree(audit, ReadByPython(folder.path() / "tiles")));
}

}  // namespace
}  // namespace souk::reader
