// Go's sumdb/note and sumdb/tlog judge our checkpoints, proofs, cosignatures and tiles, and agree
// with us on each that is corrupted.
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "integration/go_corruptions.h"
#include "integration/go_judge.h"
#include "ledger/log/tile_source.h"
#include "protocol/base/file.h"
#include "unit/ledger/ledger_testing.h"

namespace souk::ledger {
namespace {

// What our own code says.
bool WeAccept(const ProofCase& c) {
  TrustPolicy policy;
  policy.quorum = c.quorum;
  const auto log = NoteVerifier::ParseVkey(c.log);
  if (!log) return false;
  policy.logs = {*log};
  for (const std::string& vkey : c.witnesses) {
    const auto witness = NoteVerifier::ParseVkey(vkey, NoteKeyType::kCosignature);
    if (!witness) return false;
    policy.witnesses.push_back(*witness);
  }
  const auto proof = ParseProof(c.Text());
  return proof && VerifyProof(*proof, c.entry, policy);
}

void AddProof(GoJudge& judge, const std::string& name, const ProofCase& c) {
  std::vector<std::string> fields = {c.log, std::string(AsText(c.entry)), c.Text(),
                                     std::to_string(c.quorum)};
  fields.insert(fields.end(), c.witnesses.begin(), c.witnesses.end());
  judge.Add(name, "proof", fields, WeAccept(c));
}

std::string Lines(const std::vector<Digest>& hashes) {
  std::string lines;
  for (const Digest& hash : hashes) lines += ToBase64(hash.view()) + "\n";
  return lines;
}

// A log, and three witnesses that cosign its checkpoints.
struct CosignedLog {
  MemoryStore store;
  MemorySlotFile slots;
  Log log = *Log::Open(store, slots, TestSigner());

  void Grow(uint64_t count) { GrowTo(log.size() + count); }
  void GrowTo(uint64_t size) {
    while (log.size() < size) {
      const uint64_t next = std::min<uint64_t>(size - log.size(), kMaxCommitEntries);
      ASSERT_TRUE(log.Commit(Drafts(log.size(), next)));
    }
  }
  std::string CosignedNote() const {
    std::string note = log.checkpoint();
    const std::string text = log.head().ToText();
    for (uint8_t seed = 5; seed <= 7; ++seed) {
      note = *AddSignatures(note,
                            std::vector{*Cosign(text, TestWitness(seed), {1'700'000'000u + seed})});
    }
    return note;
  }
  ProofCase Prove(uint64_t index) const {
    ProofCase c{.entry = Leaf(index), .proof = *log.Proof(index)};
    c.proof.checkpoint = CosignedNote();
    return c;
  }
};

class GoProof : public testing::Test {
 protected:
  void SetUp() override {
    if (!GoJudge::Available()) GTEST_SKIP() << "needs golang-go and golang-golang-x-mod-dev";
  }
  GoJudge judge_;
};

// Small trees, trees of every shape below two tiles, and those around whole tiles of each level.
std::vector<uint64_t> ManySizes() {
  std::set<uint64_t> sizes = {65'535, 65'536, 65'537, 65'793};
  for (uint64_t size = 1; size <= 20; ++size) sizes.insert(size);
  for (uint64_t size = 51; size < 800; size += 31) sizes.insert(size);
  for (const uint64_t whole : {256, 512, 4096}) sizes.insert({whole - 1, whole, whole + 1});
  return {sizes.begin(), sizes.end()};
}

TEST_F(GoProof, AcceptsProofsAndCosignaturesUnderFiftyEightTreeSizes) {
  CosignedLog world;
  std::vector<std::pair<std::string, Checkpoint>> heads;
  ASSERT_EQ(ManySizes().size(), 58u);
  for (const uint64_t size : ManySizes()) {
    world.GrowTo(size);
    heads.emplace_back(world.CosignedNote(), world.log.head());
    const std::string name = "size " + std::to_string(world.log.size());
    for (const uint64_t index : {uint64_t{0}, world.log.size() / 2, world.log.size() - 1}) {
      const ProofCase c = world.Prove(index);
      EXPECT_TRUE(WeAccept(c)) << name;
      AddProof(judge_, name, c);
    }
    for (size_t old = 0; old < heads.size(); old += 7) {
      judge_.Add(name + " extends", "consistency",
                 {Vkey(TestSigner()), heads[old].first, heads.back().first,
                  Lines(*world.log.Consistency(heads[old].second.size))},
                 true);
    }
  }
  EXPECT_GT(judge_.Judge(), 58u * 4u);
}

TEST_F(GoProof, AgreesThatTheseAreProofsStill) {
  CosignedLog world;
  world.Grow(kProvenSize);
  const auto add = [&](const char* name, const std::function<void(ProofCase&)>& apply) {
    ProofCase c = world.Prove(kProvenIndex);
    apply(c);
    EXPECT_TRUE(WeAccept(c)) << name;
    AddProof(judge_, name, c);
  };
  add("as it was made", [](ProofCase&) {});
  add("extra data", [](ProofCase& c) { c.proof.extra = Bytes{1, 2, 3}; });
  add("an unknown key's line of nonsense", [](ProofCase& c) {
    c.EditNote([](Note& n) { n.signatures.push_back({"unknown", {1, 2, 3, 4}, {5}}); });
  });
  add("a known name with an unknown key id", [](ProofCase& c) {
    c.EditNote([](Note& n) { n.signatures.push_back({"souk.test/log", {1, 2, 3, 4}, {5}}); });
  });
  add("signatures in another order", [](ProofCase& c) {
    c.EditNote([](Note& n) { std::swap(n.signatures[0], n.signatures[3]); });
  });
  add("just enough cosignatures", [](ProofCase& c) {
    c.EditNote([](Note& n) { n.signatures.erase(n.signatures.begin() + 1); });
  });
  add("a reader who names no witness", [](ProofCase& c) {
    c.witnesses.clear();
    c.quorum = 0;
  });
  add("an extension line that all signed", [](ProofCase& c) {
    Checkpoint head = *ParseCheckpoint(ParseNote(c.proof.checkpoint)->text);
    head.extensions = {"an extension"};
    std::string note = *SignCheckpoint(head, TestSigner());
    for (uint8_t seed = 5; seed <= 6; ++seed) {
      note = *AddSignatures(note, std::vector{*Cosign(head.ToText(), TestWitness(seed), {9})});
    }
    c.proof.checkpoint = note;
  });
  EXPECT_EQ(judge_.Judge(), 8u);
}

TEST_F(GoProof, RejectsEveryCorruptionThatWeReject) {
  CosignedLog world;
  world.Grow(kProvenSize);
  EXPECT_GE(Corruptions().size(), 20u);
  for (const Corruption& corruption : Corruptions()) {
    ProofCase c = world.Prove(kProvenIndex);
    corruption.apply(c);
    EXPECT_FALSE(WeAccept(c)) << corruption.name;
    AddProof(judge_, corruption.name, c);
  }
  // A bit of the log's part of the text, anywhere.
  const ProofCase good = world.Prove(kProvenIndex);
  std::mt19937_64 random(3);
  for (int i = 0; i < 200;) {
    const size_t at = random() % good.Text().size();
    const auto bit = static_cast<char>(1 << random() % 8);
    // Go's base64 skips carriage returns and does not look at unused bits, ours refuses both.
    if ((good.Text()[at] ^ bit) == '\r' || good.Text()[at + 1] == '=') continue;
    ProofCase c = good;
    // All three witnesses are asked for, so that there is no line that does not matter.
    c.quorum = 3;
    c.edit = [at, bit](std::string& t) { t[at] = static_cast<char>(t[at] ^ bit); };
    EXPECT_FALSE(WeAccept(c)) << at << " " << int{bit};
    AddProof(judge_, "bit at " + std::to_string(at), c);
    ++i;
  }
  EXPECT_EQ(judge_.Judge(), 0u);
}

TEST_F(GoProof, RejectsEveryCorruptedConsistencyProofThatWeReject) {
  CosignedLog world;
  world.Grow(100);
  const Checkpoint old_head = world.log.head();
  world.Grow(200);
  const Checkpoint head = world.log.head();
  const auto good = *world.log.Consistency(100);
  const auto add = [&](const char* name, const Checkpoint& from, const std::vector<Digest>& proof) {
    const bool ours =
        VerifyConsistency(from.size, from.root, head.size, head.root, proof).has_value();
    judge_.Add(name, "consistency",
               {Vkey(TestSigner()), *SignCheckpoint(from, TestSigner()), world.CosignedNote(),
                Lines(proof)},
               ours);
  };
  add("as it was made", old_head, good);
  Checkpoint other = old_head;
  other.root = LeafHash({});
  add("another old root", other, good);
  other = old_head;
  other.size = 99;
  add("another old size", other, good);
  add("no hashes", old_head, {});
  for (size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i].bytes[i] ^= 1;
    add("a bit of a hash", old_head, bad);
    bad = good;
    bad.erase(bad.begin() + static_cast<ptrdiff_t>(i));
    add("a hash less", old_head, bad);
    bad = good;
    bad.insert(bad.begin() + static_cast<ptrdiff_t>(i), good[i]);
    add("a hash more", old_head, bad);
  }
  EXPECT_EQ(judge_.Judge(), 1u);
}

// Writes what tlog-tiles serves of a log, as a mirror of static files would hold it.
void ServeInto(const std::filesystem::path& folder, const LogReader& log) {
  const ServedHead head = NewestHead(log);
  std::vector<std::string> paths = {"checkpoint"};
  for (unsigned level = 0; level < kMaxTileLevels; ++level) {
    for (uint64_t index = 0;; ++index) {
      const uint64_t width = TileWidthAt({level, index}, head.size);
      if (width == 0) break;
      paths.push_back(TilePath({level, index}, width));
      if (level == 0) paths.push_back(EntryBundlePath(index, width));
    }
  }
  for (const std::string& path : paths) {
    const auto answer = AnswerLogPath(log, head, path);
    ASSERT_TRUE(answer) << path << ": " << answer.error().message;
    std::filesystem::create_directories((folder / path).parent_path());
    ASSERT_TRUE(WriteFileAtomic(folder / path, answer->body));
  }
}

TEST_F(GoProof, ReadsTheTreeAndTheEntriesFromServedTiles) {
  CosignedLog world;
  for (const uint64_t size : {1, 2, 255, 256, 257, 512, 700}) {
    world.Grow(size - world.log.size());
    const auto folder = judge_.folder() / std::to_string(size);
    ServeInto(folder, world.log.reader());
    judge_.Add(folder.string(), "tiles", {Vkey(TestSigner()), folder.string()}, true);
  }
  EXPECT_EQ(judge_.Judge(), 7u);
}

TEST_F(GoProof, RejectsServedTilesWithAnyBitChanged) {
  CosignedLog world;
  world.Grow(700);
  for (const char* path : {"checkpoint", "tile/0/000", "tile/0/002.p/188", "tile/1/000.p/2",
                           "tile/entries/001", "tile/entries/002.p/188"}) {
    const auto folder = judge_.folder() / std::to_string(std::hash<std::string>()(path));
    ServeInto(folder, world.log.reader());
    Bytes body = *ReadFile(folder / path, 1 << 20);
    body[body.size() / 2] ^= 1;
    ASSERT_TRUE(WriteFileAtomic(folder / path, body));
    judge_.Add(path, "tiles", {Vkey(TestSigner()), folder.string()}, false);
  }
  EXPECT_EQ(judge_.Judge(), 0u);
}

}  // namespace
}  // namespace souk::ledger
