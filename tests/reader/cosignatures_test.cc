// Cosigned checkpoints, judged by ledger/c2sp and by the second reader.
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "ledger/c2sp/cosignature.h"
#include "ledger/log/tile_export.h"
#include "reader/reader_testing.h"
#include "reader/readers.h"
#include "unit/ledger/audit/audit_world.h"
#include "unit/ledger/ledger_testing.h"

namespace souk::reader {
namespace {

using ledger::Cosign;
using ledger::NoteSigner;
using ledger::NoteVerifier;
using ledger::TestSigner;
using ledger::TestWitness;

std::string CosignedNote(const std::string& note, const NoteSigner& witness, uint64_t time) {
  const std::string text = ledger::ParseNote(note)->text;
  return *ledger::AddSignatures(note, std::vector{*Cosign(text, witness, {time})});
}

// As ours: null where the note is refused.
nlohmann::json TimesIn(const std::string& note, const ledger::TrustPolicy& policy) {
  const auto opened = ledger::OpenCosigned(note, policy);
  if (!opened) return nullptr;
  nlohmann::json times = std::vector<nlohmann::json>(policy.witnesses.size());
  for (const auto& [witness, time] : opened->cosigned) times[witness] = time.seconds;
  return times;
}

// A note under the log's key, two witnesses of whom one cosigned twice, and a stranger.
std::string ManyCosigned() {
  const ledger::Checkpoint head{"souk.test/log", 7, ledger::LeafHash(ledger::Leaf(1)), {}};
  std::string note = *ledger::SignCheckpoint(head, TestSigner());
  note = CosignedNote(note, TestWitness(1), 1000);
  note = CosignedNote(note, TestWitness(1), 3000);
  note = CosignedNote(note, TestWitness(2), ledger::kLatestPosixTime.seconds);
  return CosignedNote(note, TestWitness(9), 5);
}

TEST_F(SecondReader, JudgesCosignaturesAsOurs) {
  const ledger::TrustPolicy policy{
      {TestSigner().Verifier()},
      {TestWitness(1).Verifier(), TestWitness(2).Verifier(), TestWitness(3).Verifier()},
      0};
  std::ofstream file(At("cosignatures"));
  int count = 0, taken = 0;
  const auto judge = [&](const std::string& name, const std::string& note) {
    nlohmann::json line = {{"name", name},
                           {"note", ToHex(AsBytes(note))},
                           {"log", policy.logs[0].ToVkey()},
                           {"witnesses", nlohmann::json::array()},
                           {"times", TimesIn(note, policy)}};
    for (const NoteVerifier& witness : policy.witnesses)
      line["witnesses"].push_back(witness.ToVkey());
    taken += line["times"].is_null() ? 0 : 1;
    ++count;
    file << line.dump() << "\n";
    return line["times"];
  };
  const std::string good = ManyCosigned();
  EXPECT_EQ(judge("whole", good),
            nlohmann::json({3000, ledger::kLatestPosixTime.seconds, nullptr}));
  const auto note = *ledger::ParseNote(good);
  // Each witness's bytes, of the time and of the signature, with any bit changed; and too few or
  // many.
  for (size_t line = 1; line < note.signatures.size(); ++line) {
    for (size_t bit = 0; bit < 8 * ledger::kCosignatureBytes; bit += 5) {
      auto changed = note;
      changed.signatures[line].signature[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      judge(std::to_string(line) + " bit " + std::to_string(bit), changed.ToText());
    }
    for (const size_t bytes : {0, 1, 8, 64, 71, 73}) {
      auto changed = note;
      changed.signatures[line].signature.resize(bytes);
      judge(std::to_string(line) + " bytes " + std::to_string(bytes), changed.ToText());
    }
    auto without = note;
    without.signatures.erase(without.signatures.begin() + static_cast<long>(line));
    EXPECT_FALSE(judge("without " + std::to_string(line), without.ToText()).is_null());
    // One witness's signature under another's name, and under the log's.
    for (size_t other = 0; other < note.signatures.size(); ++other) {
      auto moved = note;
      moved.signatures[line].signature = note.signatures[other].signature;
      judge("moved " + std::to_string(line) + std::to_string(other), moved.ToText());
    }
  }
  // Every text that the same lines stand below.
  std::mt19937_64 random(4);
  for (int i = 0; i < 200; ++i) {
    std::string changed = good;
    changed[random() % changed.size()] ^= static_cast<char>(1 << random() % 8);
    judge("flip " + std::to_string(i), changed);
  }
  file.close();
  EXPECT_GE(count - taken, 200);
  EXPECT_GE(taken, 100) << "the stranger's lines may be what they will";
  const tools::Ran ran =
      tools::RunProgram("python3 -B " SOUK_SOURCE_DIR "/tests/reader/check_cosignatures.py '" +
                        At("cosignatures").string() + "'");
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out, std::to_string(count) + "\n");
}

TEST_F(SecondReader, AsksForAQuorumOfTheWitnessesThatItIsGiven) {
  GrowingLog log(world_.provider);
  log.Add(world_.ProviderLog());
  const fs::path tiles = At("tiles");
  log.Export(tiles);
  std::string note = log.log().checkpoint();
  const auto last = static_cast<uint64_t>(world_.ProviderLog().back().time.ms) / 1000;
  note = CosignedNote(note, TestWitness(1), last);
  note = CosignedNote(note, TestWitness(2), last + 1000);
  std::ofstream(tiles / "checkpoint") << note;
  std::string options;
  for (const uint8_t seed : std::to_array<uint8_t>({1, 2, 3}))
    options += " --witness " + TestWitness(seed).Verifier().ToVkey();
  // Three of three, unless fewer are asked for.
  const Verdict few = ReadByPython(tiles, options);
  EXPECT_EQ(few.word, "INCOMPLETE") << few.said;
  const tools::Ran enough = RunPython(tiles, options + " --quorum 2");
  EXPECT_EQ(enough.code, 0) << enough.out << enough.err;
  const auto times = nlohmann::json::parse(enough.out)["cosigned"];
  EXPECT_EQ(times[TestWitness(1).Verifier().ToVkey()], last);
  EXPECT_EQ(times[TestWitness(3).Verifier().ToVkey()], nullptr);
  EXPECT_EQ(ReadByPython(tiles).word, "VALID");
  // A log's key is no witness's, nor is one witness two.
  EXPECT_EQ(RunPython(tiles, "--witness " + log.vkey()).code, 2);
  const std::string one = " --witness " + TestWitness(1).Verifier().ToVkey();
  EXPECT_EQ(RunPython(tiles, one + one).code, 2);
  EXPECT_EQ(RunPython(tiles, one + " --quorum 2").code, 2);
  // A named witness's bad cosignature refuses the checkpoint.
  char& inside = note[note.size() - 8];
  inside = inside == 'A' ? 'B' : 'A';
  std::ofstream(tiles / "checkpoint") << note;
  EXPECT_EQ(ReadByPython(tiles, options + " --quorum 1").word, "INVALID");
  EXPECT_EQ(ReadByPython(tiles, one).word, "VALID") << "the other is not named";
}

// A log's exported checkpoint with the lines of two witnesses, the first of whom signed so many
// seconds before the last entry: both readers say the same.
TEST(Cosignatures, BothReadersJudgeTheirTimes) {
  if (!PythonIsThere()) GTEST_SKIP() << "needs python3-cryptography";
  const ledger::AuditWorld world;
  const auto entries = world.ProviderLog();
  const ledger::MemoryLog log(world.provider, entries);
  const NoteVerifier key = ledger::LogSignerOf(world.provider).Verifier();
  const TestFolder folder;
  const std::filesystem::path tiles = folder.path() / "T";
  ASSERT_TRUE(ledger::ExportTiles(log.reader(), key, tiles));
  const auto last = static_cast<uint64_t>(entries.back().time.ms) / 1000;
  const std::string named = "--key '" + key.ToVkey() + "' --witness '" +
                            TestWitness(5).Verifier().ToVkey() + "' --witness '" +
                            TestWitness(6).Verifier().ToVkey() + "' ";
  struct Case {
    uint64_t first;   // seconds before the last entry
    uint64_t second;  // the same
    int quorum;
    const char* word;
  };
  for (const Case& one :
       {Case{0, 0, 2, "VALID"}, Case{60, 0, 2, "VALID"}, Case{62, 0, 2, "INVALID"},
        Case{62, 0, 1, "VALID"}, Case{62, 62, 1, "INVALID"}, Case{62, 900, 0, "INVALID"}}) {
    std::string note = CosignedNote(log.reader().checkpoint(), TestWitness(5), last - one.first);
    note = CosignedNote(note, TestWitness(6), last - one.second);
    std::ofstream(tiles / "checkpoint", std::ios::binary) << note;
    const std::string options = named + "--quorum " + std::to_string(one.quorum);
    const Verdict audit = ReadBySoukAudit(tiles, options);
    EXPECT_EQ(audit.word, one.word) << one.first << " " << one.second << " " << one.quorum << "\n"
                                    << audit.said;
    EXPECT_TRUE(Agree(audit, ReadByPython(tiles, options)));
  }
  // One of two, where both are asked for.
  std::ofstream(tiles / "checkpoint", std::ios::binary)
      << CosignedNote(log.reader().checkpoint(), TestWitness(5), last);
  const Verdict audit = ReadBySoukAudit(tiles, named);
  EXPECT_EQ(audit.word, "INCOMPLETE") << audit.said;
  EXPECT_TRUE(Agree(audit, ReadByPython(tiles, named)));
}

}  // namespace
}  // namespace souk::reader
