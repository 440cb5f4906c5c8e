// Go's sumdb/note and sumdb/tlog judge our checkpoints and proofs.
#include <gmock/gmock.h>
#include <stdlib.h>

#include <cstdlib>
#include <fstream>

#include "protocol/base/file.h"
#include "unit/ledger/ledger_testing.h"

namespace souk::ledger {
namespace {

namespace fs = std::filesystem;

// Runs a shell command; its exit status, or -1.
int Shell(const std::string& command) {
  const int status = std::system(command.c_str());
  return status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class GoProof : public testing::Test {
 protected:
  // Built once; Debian's packages are a GOPATH, and nothing is fetched.
  static void SetUpTestSuite() {
    folder_ = new TestFolder;
    const std::string build = "cd '" SOUK_SOURCE_DIR
                              "/tests/integration/gocheck' && GO111MODULE=off "
                              "GOPATH=/usr/share/gocode GOFLAGS= GOCACHE='" +
                              (folder_->path() / "cache").string() + "' go build -o '" + Checker() +
                              "' main.go";
    if (!Available()) return;
    ASSERT_EQ(Shell(build), 0) << build;
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
  }
  void SetUp() override {
    if (!Available()) GTEST_SKIP() << "needs golang-go and golang-golang-x-mod-dev";
  }

  static bool Available() {
    return Shell("go version >/dev/null 2>&1") == 0 &&
           fs::exists("/usr/share/gocode/src/golang.org/x/mod/sumdb/note");
  }
  static std::string Checker() { return (folder_->path() / "gocheck").string(); }

  bool Accepts(const std::string& vkey, ByteView entry, const std::string& proof) {
    const fs::path entry_file = folder_->path() / "entry";
    const fs::path proof_file = folder_->path() / "proof";
    EXPECT_TRUE(WriteFileAtomic(entry_file, entry));
    EXPECT_TRUE(WriteFileAtomic(proof_file, AsBytes(proof)));
    const int status = Shell("'" + Checker() + "' '" + vkey + "' '" + entry_file.string() + "' '" +
                             proof_file.string() + "' 2>/dev/null");
    EXPECT_TRUE(status == 0 || status == 1) << status;
    return status == 0;
  }

  static TestFolder* folder_;
};

TestFolder* GoProof::folder_ = nullptr;

TEST_F(GoProof, AcceptsProofsUnderFortyFiveTreeSizes) {
  MemoryStore store;
  MemorySlotFile slots;
  Log log = *Log::Open(store, slots, TestSigner());
  const std::string vkey = TestSigner().Verifier().ToVkey();
  for (uint64_t step = 0; step < 45; ++step) {
    ASSERT_TRUE(log.Commit(Drafts(log.size(), step < 20 ? 1 : 31)));
    for (const uint64_t index : {uint64_t{0}, log.size() / 2, log.size() - 1}) {
      EXPECT_TRUE(Accepts(vkey, Leaf(index), log.Proof(index)->ToText()))
          << index << " of " << log.size();
    }
  }
}

TEST_F(GoProof, RejectsEveryCorruptionThatWeReject) {
  MemoryStore store;
  MemorySlotFile slots;
  Log log = *Log::Open(store, slots, TestSigner());
  ASSERT_TRUE(log.Commit(Drafts(0, 300)));
  const NoteVerifier verifier = TestSigner().Verifier();
  const std::string vkey = verifier.ToVkey();
  const std::string good = log.Proof(77)->ToText();
  ASSERT_TRUE(Accepts(vkey, Leaf(77), good));

  const auto both_refuse = [&](const std::string& key, ByteView entry, const std::string& text) {
    EXPECT_FALSE(Accepts(key, entry, text)) << text;
    const auto known = NoteVerifier::ParseVkey(key);
    const auto proof = ParseProof(text);
    EXPECT_FALSE(known && proof && VerifyProof(*proof, entry, *known)) << text;
  };
  both_refuse(vkey, Leaf(78), good);
  both_refuse(vkey, {}, good);
  both_refuse(TestSigner(2).Verifier().ToVkey(), Leaf(77), good);
  both_refuse(vkey.substr(1), Leaf(77), good);
  for (uint64_t index : {76, 78, 0, 299, 300}) {
    TlogProof moved = *log.Proof(77);
    moved.index = index;
    both_refuse(vkey, Leaf(77), moved.ToText());
  }
  TlogProof shorter = *log.Proof(77);
  shorter.hashes.pop_back();
  both_refuse(vkey, Leaf(77), shorter.ToText());
  TlogProof longer = *log.Proof(77);
  longer.hashes.push_back(longer.hashes[0]);
  both_refuse(vkey, Leaf(77), longer.ToText());
  TlogProof swapped = *log.Proof(77);
  std::swap(swapped.hashes[0], swapped.hashes[1]);
  both_refuse(vkey, Leaf(77), swapped.ToText());
  // A character changed, all over the text.
  std::mt19937_64 random(3);
  int changed = 0;
  while (changed < 40) {
    std::string bad = good;
    const size_t at = random() % bad.size();
    bad[at] = static_cast<char>(bad[at] ^ (1 << random() % 8));
    if (bad[at] == '\r') continue;  // Go's base64 skips carriage returns, ours refuses them
    both_refuse(vkey, Leaf(77), bad);
    ++changed;
  }
}

}  // namespace
}  // namespace souk::ledger
