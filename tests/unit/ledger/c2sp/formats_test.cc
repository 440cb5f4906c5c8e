// Signed notes, checkpoints and proofs: what is written, and what is refused.
#include <gmock/gmock.h>

#include "ledger/c2sp/checkpoint.h"
#include "ledger/c2sp/note.h"
#include "ledger/c2sp/proof.h"
#include "unit/ledger/c2sp/public_vectors.h"
#include "unit/ledger/ledger_testing.h"

namespace souk::ledger {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// From Go's documentation of golang.org/x/mod/sumdb/note.
constexpr const char* kGoVkey =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr const char* kGoNote =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "\xe2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/"
    "SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

Checkpoint SomeCheckpoint() {
  return Checkpoint{"souk.test/log", 20852163, LeafHash(Leaf(1)), {}};
}

TEST(Note, VerifiesTheExampleOfGosDocumentation) {
  const auto verifier = NoteVerifier::ParseVkey(kGoVkey);
  ASSERT_TRUE(verifier) << verifier.error().message;
  EXPECT_EQ(verifier->ToVkey(), kGoVkey);
  const auto note = ParseNote(kGoNote);
  ASSERT_TRUE(note) << note.error().message;
  EXPECT_EQ(note->ToText(), kGoNote);
  const auto signers = VerifyNote(*note, {&*verifier, 1});
  ASSERT_TRUE(signers) << signers.error().message;
  EXPECT_THAT(*signers, ElementsAre(0u));
}

TEST(Note, IgnoresUnknownKeysAndNamesTheKnown) {
  const NoteSigner ours = TestSigner(1);
  NoteSigner other = TestSigner(2);
  other.name = "witness.test";
  Note note = *ParseNote(*SignNote("text\n", ours));
  note.signatures.push_back(ParseNote(*SignNote("text\n", other))->signatures[0]);
  const std::vector<NoteVerifier> known = {TestSigner(3).Verifier(), ours.Verifier()};
  const auto signers = VerifyNote(*ParseNote(note.ToText()), known);
  ASSERT_TRUE(signers) << signers.error().message;
  EXPECT_THAT(*signers, ElementsAre(1u));
}

TEST(Note, RejectsAKnownKeysBadSignatureBesideAGoodOne) {
  const NoteSigner ours = TestSigner(1);
  NoteSigner other = TestSigner(2);
  other.name = "witness.test";
  Note note = *ParseNote(*SignNote("text\n", ours));
  note.signatures.push_back(ParseNote(*SignNote("other text\n", other))->signatures[0]);
  const std::vector<NoteVerifier> known = {ours.Verifier(), other.Verifier()};
  EXPECT_EQ(VerifyNote(note, known).error().code, Code::kBadSignature);
}

TEST(Note, RejectsANoteThatNobodyKnownSigned) {
  const Note note = *ParseNote(*SignNote("text\n", TestSigner(1)));
  const NoteVerifier other = TestSigner(2).Verifier();
  EXPECT_EQ(VerifyNote(note, {&other, 1}).error().code, Code::kBadSignature);
}

TEST(Note, RejectsEveryFlippedBitOfWhatWasSigned) {
  const std::string good = *SignNote("a text of\nsome lines\n", TestSigner());
  const NoteVerifier known = TestSigner().Verifier();
  for (size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      const auto note = ParseNote(bad);
      EXPECT_FALSE(note && VerifyNote(*note, {&known, 1})) << i << " " << bit;
    }
  }
}

TEST(Note, RefusesAHundredThousandSignaturesWithoutDecodingThem) {
  const std::string good = *SignNote("text\n", TestSigner());
  std::string line = good.substr(good.find("\n\n") + 2);
  std::string many = good;
  for (int i = 0; i < 100000; ++i) many += line;
  EXPECT_EQ(ParseNote(many).error().code, Code::kTooLarge);
  // Below the size bound it is the count that refuses.
  std::string hundred_and_one = "text\n\n";
  for (int i = 0; i < 101; ++i) hundred_and_one += line;
  EXPECT_EQ(ParseNote(hundred_and_one).error().code, Code::kTooLarge);
  std::string hundred = "text\n\n";
  for (int i = 0; i < 100; ++i) hundred += line;
  EXPECT_TRUE(ParseNote(hundred));
}

TEST(Note, RefusesWhatIsNotANote) {
  const std::string good = *SignNote("text\n", TestSigner());
  const std::string line = good.substr(good.find("\n\n") + 2);
  const std::string prefix = "\xe2\x80\x94 ";
  for (const std::string& bad : std::vector<std::string>{std::string(),
                                                         std::string("\n"),
                                                         std::string("\n\n"),
                                                         std::string("text\n"),
                                                         std::string("text\n\n"),
                                                         std::string("text\n") + line,
                                                         good.substr(0, good.size() - 1),
                                                         good + "\n",
                                                         "te\x01xt\n\n" + line,
                                                         "te\rxt\n\n" + line,
                                                         "te\xffxt\n\n" + line,
                                                         "te\xc0\xaft\n\n" + line,
                                                         "te\xed\xa0\x80\n\n" + line,
                                                         "te\xf4\x90\x80\x80\n\n" + line,
                                                         "text\n\n" + prefix + "a+b AAAAAAA=\n",
                                                         "text\n\n" + prefix + " AAAAAAA=\n",
                                                         "text\n\n" + prefix +
                                                             "a\xc2\xa0"
                                                             "b AAAAAAA=\n",
                                                         "text\n\n" + prefix + "name\n",
                                                         "text\n\n" + prefix + "name AAAAAA==\n",
                                                         "text\n\n" + prefix + "name AAAAAA\n",
                                                         "text\n\n" + prefix + "name AAAAAA= =\n",
                                                         "text\n\n- name AAAAAAA=\n"}) {
    EXPECT_FALSE(ParseNote(bad)) << bad;
  }
}

TEST(Note, TextMayHoldBlankLines) {
  const std::string text = "first\n\nsecond\n";
  const auto note = ParseNote(*SignNote(text, TestSigner()));
  ASSERT_TRUE(note);
  EXPECT_EQ(note->text, text);
}

TEST(Note, RefusesVerifierKeysThatDoNotFit) {
  const std::string good = TestSigner().Verifier().ToVkey();
  ASSERT_TRUE(NoteVerifier::ParseVkey(good));
  std::string wrong_id = good;
  wrong_id[good.find('+') + 1] = wrong_id[good.find('+') + 1] == '0' ? '1' : '0';
  EXPECT_EQ(NoteVerifier::ParseVkey(wrong_id).error().code, Code::kMismatch);
  for (const std::string& bad : std::vector<std::string>{
           std::string(), std::string("name"), std::string("name+00000000"),
           std::string("name+00000000+"), std::string("+00000000+AQ=="), "a b" + good, good + "=",
           std::string("n+0000000+AQ=="), good.substr(0, good.size() - 4)}) {
    EXPECT_FALSE(NoteVerifier::ParseVkey(bad)) << bad;
  }
}

TEST(Note, RefusesToSignWhatIsNotNoteText) {
  for (const char* bad : {"", "no newline", "bell\x07\n", "latin\xe9\n"}) {
    EXPECT_FALSE(SignNote(bad, TestSigner())) << bad;
  }
}

// libsodium refuses low-order keys and non-canonical signatures; a note must not be softer.
TEST(Note, RefusesLowOrderKeysAndNonCanonicalSignatures) {
  const NoteSigner signer = TestSigner();
  Note note = *ParseNote(*SignNote("text\n", signer));
  // S + L: the same equation holds, RFC 8032 forbids it.
  constexpr uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7,
                                 0xa2, 0xde, 0xf9, 0xde, 0x14, 0,    0,    0,    0,    0,    0,
                                 0,    0,    0,    0,    0,    0,    0,    0,    0,    0x10};
  unsigned carry = 0;
  for (size_t i = 0; i < 32; ++i) {
    carry += note.signatures[0].signature[32 + i] + order[i];
    note.signatures[0].signature[32 + i] = static_cast<uint8_t>(carry);
    carry >>= 8;
  }
  const NoteVerifier known = signer.Verifier();
  EXPECT_FALSE(VerifyNote(note, {&known, 1}));

  // The identity point as key: the all-zero scalar would sign everything.
  NoteVerifier low = known;
  low.key = {1};
  Note forged;
  forged.text = "text\n";
  Bytes signature(64);
  signature[0] = 1;
  forged.signatures.push_back(NoteSignature{low.name, low.Id(), signature});
  EXPECT_FALSE(VerifyNote(forged, {&low, 1}));
}

TEST(Checkpoint, ReadsTheExampleOfTheSpecification) {
  const auto checkpoint = ParseCheckpoint(
      "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n");
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->origin, "example.com/behind-the-sofa");
  EXPECT_EQ(checkpoint->size, 20852163u);
  EXPECT_EQ(ToBase64(checkpoint->root.view()), "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=");
}

TEST(Checkpoint, ReadsTheTreeOfGosTests) {
  const auto checkpoint = ParseCheckpoint(vectors::kGoTree);
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->size, 123456789012u);
  EXPECT_EQ(checkpoint->root, LeafHash(AsBytes("hello world")));
  EXPECT_EQ(checkpoint->ToText(), vectors::kGoTree);
}

TEST(Checkpoint, KeepsExtensionLines) {
  Checkpoint with = SomeCheckpoint();
  with.extensions = {"one", "two words"};
  EXPECT_EQ(*ParseCheckpoint(with.ToText()), with);
}

TEST(Checkpoint, RefusesSizesThatOtherToolsReadOtherwise) {
  for (const char* bad :
       {"", "007", "00", "-1", "+1", " 1", "1 ", "0x10", "1e3", "18446744073709551616",
        "18446744073709551615", "9223372036854775808", "99999999999999999999"}) {
    EXPECT_FALSE(ParseTreeSize(bad)) << bad;
  }
  EXPECT_EQ(*ParseTreeSize("0"), 0u);
  EXPECT_EQ(*ParseTreeSize("9223372036854775807"), kMaxTreeSize);
}

TEST(Checkpoint, RefusesTextThatIsNotStrict) {
  const std::string root = ToBase64(LeafHash({}).view());
  for (const std::string& bad : std::vector<std::string>{
           std::string(), std::string("\n"), std::string("o\n"), std::string("o\n1\n"),
           "\n1\n" + root + "\n", "o\n01\n" + root + "\n", "o\n1\n" + root,
           "o\n1\n" + root + "\n\n", "o\n1\n" + root + "\n\nx\n", "o\n1\n" + root.substr(4) + "\n",
           std::string("o\n1\nAAAA\n"), "o\n1\n" + root + "\nx"}) {
    EXPECT_FALSE(ParseCheckpoint(bad)) << bad;
  }
}

TEST(Checkpoint, IsTakenFromItsOwnLogOnly) {
  const std::string note = *SignCheckpoint(SomeCheckpoint(), TestSigner());
  EXPECT_EQ(*OpenCheckpoint(note, TestSigner().Verifier()), SomeCheckpoint());
  EXPECT_EQ(OpenCheckpoint(note, TestSigner(2).Verifier()).error().code, Code::kBadSignature);
  // The right key under another origin.
  const std::string text = Checkpoint{"elsewhere", 1, EmptyRoot(), {}}.ToText();
  EXPECT_EQ(OpenCheckpoint(*SignNote(text, TestSigner()), TestSigner().Verifier()).error().code,
            Code::kMismatch);
}

TEST(Checkpoint, IsNotSignedWhereItsTextWouldSaySomethingElse) {
  Checkpoint bad = SomeCheckpoint();
  bad.extensions = {""};
  EXPECT_FALSE(SignCheckpoint(bad, TestSigner()));
  bad.extensions = {"two\nlines"};
  EXPECT_FALSE(SignCheckpoint(bad, TestSigner()));
  bad = SomeCheckpoint();
  bad.origin = "another";
  EXPECT_FALSE(SignCheckpoint(bad, TestSigner()));
}

TlogProof SomeProof() {
  TlogProof proof;
  proof.index = 0;
  proof.hashes = {LeafHash(Leaf(1))};
  Checkpoint head{"souk.test/log", 2, NodeHash(LeafHash(Leaf(0)), LeafHash(Leaf(1))), {}};
  proof.checkpoint = *SignCheckpoint(head, TestSigner());
  return proof;
}

TEST(Proof, IsReadAsItWasWritten) {
  TlogProof proof = SomeProof();
  EXPECT_EQ(*ParseProof(proof.ToText()), proof);
  proof.extra = Bytes{1, 2, 3};
  EXPECT_EQ(*ParseProof(proof.ToText()), proof);
  EXPECT_THAT(proof.ToText(), HasSubstr("c2sp.org/tlog-proof@v1\nextra AQID\nindex 0\n"));
  proof.extra = Bytes{};
  EXPECT_EQ(*ParseProof(proof.ToText()), proof);
}

TEST(Proof, HoldsForItsEntryOnly) {
  const NoteVerifier log = TestSigner().Verifier();
  EXPECT_EQ(VerifyProof(SomeProof(), Leaf(0), log)->size, 2u);
  EXPECT_FALSE(VerifyProof(SomeProof(), Leaf(1), log));
  EXPECT_FALSE(VerifyProof(SomeProof(), Leaf(0), TestSigner(2).Verifier()));
  TlogProof moved = SomeProof();
  moved.index = 1;
  EXPECT_FALSE(VerifyProof(moved, Leaf(0), log));
  moved.index = 2;
  EXPECT_FALSE(VerifyProof(moved, Leaf(0), log));
}

TEST(Proof, RefusesTextThatIsNotStrict) {
  const TlogProof proof = SomeProof();
  const std::string good = proof.ToText();
  const std::string hash = ToBase64(proof.hashes[0].view()) + "\n";
  const std::string head = "c2sp.org/tlog-proof@v1\n";
  std::string too_many = head + "index 0\n";
  for (size_t i = 0; i <= kMaxProofHashes; ++i) too_many += hash;
  for (const std::string& bad : std::vector<std::string>{
           std::string(), head, head + "index 0\n", head + "index 0\n\n",
           head + "\n" + proof.checkpoint, "c2sp.org/tlog-proof@v2\nindex 0\n\n" + proof.checkpoint,
           " " + good, head + "index 00\n\n" + proof.checkpoint,
           head + "index 9223372036854775808\n\n" + proof.checkpoint,
           head + "index 0\nAAAA\n\n" + proof.checkpoint,
           head + "index 0\n" + hash.substr(1) + "\n" + proof.checkpoint,
           head + "extra !\nindex 0\n\n" + proof.checkpoint,
           head + "index 0\nextra AQID\n\n" + proof.checkpoint,
           too_many + "\n" + proof.checkpoint}) {
    EXPECT_FALSE(ParseProof(bad)) << bad;
  }
}

}  // namespace
}  // namespace souk::ledger
