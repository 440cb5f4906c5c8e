// Evidence of a fork (R3): what it takes, and that it cannot be made against an honest log.
#include "ledger/witness/fork_evidence.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "ledger/c2sp/cosignature.h"
#include "unit/ledger/c2sp/public_vectors.h"
#include "unit/ledger/witness/fork_testing.h"

namespace souk::ledger {
namespace {

using Verdict = HeadComparison::Verdict;

// Two heads of 20 entries that differ from entry 5 on.
ForkEvidence TwoRoots() {
  return *CompareHeads(ForkedLog(20, 5, 1).Head(20), ForkedLog(20, 5, 2).Head(20), TestLogKeys())
              ->evidence;
}

// A head of 13 of one branch, and one of 20 of another with its proof.
ForkEvidence WithProof() {
  const ForkedLog later(20, 5, 2);
  return *CompareHeads(ForkedLog(20, 5, 1).Head(13), later.Head(20), TestLogKeys(),
                       later.Proof(13, 20))
              ->evidence;
}

TEST(ForkEvidence, IsTwoSignedRootsAtOneSize) {
  const ForkEvidence evidence = TwoRoots();
  EXPECT_FALSE(evidence.proven_root);
  const auto fork = VerifyForkEvidence(evidence, TestLogKeys());
  ASSERT_TRUE(fork) << fork.error().message;
  EXPECT_EQ(fork->earlier.size, 20u);
  EXPECT_EQ(fork->later.size, 20u);
  EXPECT_EQ(fork->other_root, fork->later.root);
  EXPECT_NE(fork->other_root, fork->earlier.root);
}

TEST(ForkEvidence, IsAProofIntoTheLaterRootFromAnotherThanTheSignedOne) {
  const ForkEvidence evidence = WithProof();
  const auto fork = VerifyForkEvidence(evidence, TestLogKeys());
  ASSERT_TRUE(fork) << fork.error().message;
  EXPECT_EQ(fork->earlier.size, 13u);
  EXPECT_EQ(fork->later.size, 20u);
  EXPECT_EQ(fork->other_root, ForkedLog(20, 5, 2).Root(13));
}

TEST(ForkEvidence, TakesTheProversWordForTheRootWhereTheProofCannotSayIt) {
  // At 16, a complete tree, a proof begins at a root that the verifier brings.
  const ForkedLog later(20, 5, 2);
  const std::string early = ForkedLog(20, 5, 1).Head(16);
  const auto proof = later.Proof(16, 20);
  const auto alone = CompareHeads(early, later.Head(20), TestLogKeys(), proof);
  EXPECT_EQ(alone->verdict, Verdict::kUnproven);
  const auto named = CompareHeads(early, later.Head(20), TestLogKeys(), proof, later.Root(16));
  ASSERT_EQ(named->verdict, Verdict::kFork);
  EXPECT_TRUE(VerifyForkEvidence(*named->evidence, TestLogKeys()));
}

RC_GTEST_PROP(ForkEvidence, HoldsForEveryPairOfSizesOfTwoBranches, ()) {
  const uint64_t size = *rc::gen::inRange<uint64_t>(1, 70);
  const uint64_t old_size = *rc::gen::inRange<uint64_t>(1, size + 1);
  const uint64_t forked_at = *rc::gen::inRange<uint64_t>(0, old_size);
  const ForkedLog one(size, forked_at, 1);
  const ForkedLog other(size, forked_at, 2);
  const auto found = CompareHeads(other.Head(size), one.Head(old_size), TestLogKeys(),
                                  other.Proof(old_size, size), other.Root(old_size));
  RC_ASSERT(found);
  RC_ASSERT(found->verdict == Verdict::kFork);
  const auto again = ParseForkEvidence(found->evidence->ToText());
  RC_ASSERT(again);
  RC_ASSERT(*again == *found->evidence);
  RC_ASSERT(VerifyForkEvidence(*again, TestLogKeys()));
  // Against another log's key it is nothing.
  RC_ASSERT(!VerifyForkEvidence(*again, std::vector{TestSigner(9).Verifier()}));
}

RC_GTEST_PROP(ForkEvidence, CannotBeMadeAgainstALogThatOnlyGrows, ()) {
  const uint64_t size = *rc::gen::inRange<uint64_t>(1, 70);
  const uint64_t old_size = *rc::gen::inRange<uint64_t>(0, size + 1);
  const ForkedLog log(size);
  auto proof = log.Proof(old_size, size);
  const auto honest = CompareHeads(log.Head(old_size), log.Head(size), TestLogKeys(), proof);
  RC_ASSERT(honest->verdict == Verdict::kConsistent);
  // A liar has the two notes, and may name any root and bend any proof.
  ForkEvidence lie{log.Head(old_size), log.Head(size), LeafHash(Leaf(1000)), proof};
  RC_ASSERT(!VerifyForkEvidence(lie, TestLogKeys()));
  lie.proven_root = log.Root(*rc::gen::inRange<uint64_t>(0, size + 1));
  RC_ASSERT(!VerifyForkEvidence(lie, TestLogKeys()));
  if (!lie.proof.empty()) {
    lie.proof[*rc::gen::inRange<size_t>(0, lie.proof.size())].bytes[3] ^= 1;
    RC_ASSERT(!VerifyForkEvidence(lie, TestLogKeys()));
    if (const auto root = ProvenOldRoot(old_size, size, log.Root(size), lie.proof)) {
      RC_FAIL("a bent proof leads to the root");
    }
  }
  lie.proven_root.reset();
  lie.proof.clear();
  RC_ASSERT(!VerifyForkEvidence(lie, TestLogKeys()));
  std::swap(lie.earlier, lie.later);
  RC_ASSERT(!VerifyForkEvidence(lie, TestLogKeys()));
}

TEST(ForkEvidence, ARefusedProofIsNone) {
  const auto nothing =
      CompareHeads(ForkedLog(20, 5, 1).Head(13), ForkedLog(20, 5, 2).Head(20), TestLogKeys());
  ASSERT_TRUE(nothing);
  EXPECT_EQ(nothing->verdict, Verdict::kUnproven);
  EXPECT_FALSE(nothing->evidence);
}

TEST(ForkEvidence, KeepsTheLogsOwnSignatureAlone) {
  const ForkedLog one(20, 5, 1);
  const auto text = ParseNote(one.Head(20))->text;
  std::string cosigned = one.Head(20);
  for (uint8_t i = 0; i < 90; ++i) {
    cosigned = *AddSignatures(cosigned, std::vector{*Cosign(text, TestWitness(i), {1})});
  }
  const auto found = CompareHeads(cosigned, ForkedLog(20, 5, 2).Head(20), TestLogKeys());
  EXPECT_EQ(found->evidence->earlier, one.Head(20));
}

TEST(ForkEvidence, MayBeUnderTwoKeysOfOneLog) {
  const NoteSigner second = TestSigner(2);
  const ForkedLog one(20, 5, 1);
  Checkpoint head{second.name, 20, ForkedLog(20, 5, 2).Root(20), {}};
  const std::vector<NoteVerifier> keys = {TestSigner().Verifier(), second.Verifier()};
  const auto found = CompareHeads(one.Head(20), *SignCheckpoint(head, second), keys);
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->verdict, Verdict::kFork);
  EXPECT_TRUE(VerifyForkEvidence(*found->evidence, keys));
  EXPECT_FALSE(VerifyForkEvidence(*found->evidence, TestLogKeys()));
}

TEST(ForkEvidence, ReadsAsItIsDocumented) {
  const ForkEvidence evidence = WithProof();
  std::string text = "souk/fork-evidence@v1\nroot " + ToBase64(evidence.proven_root->view()) + "\n";
  for (const Digest& hash : evidence.proof) text += ToBase64(hash.view()) + "\n";
  text += "\nnote " + std::to_string(evidence.earlier.size()) + "\n" + evidence.earlier;
  text += "note " + std::to_string(evidence.later.size()) + "\n" + evidence.later;
  EXPECT_EQ(evidence.ToText(), text);
  EXPECT_EQ(*ParseForkEvidence(text), evidence);
  EXPECT_EQ(*ParseForkEvidence(TwoRoots().ToText()), TwoRoots());
}

TEST(ForkEvidence, RefusesTextThatIsNotStrict) {
  const std::string good = WithProof().ToText();
  const std::string hash = ToBase64(LeafHash({}).view()) + "\n";
  const std::string head = "souk/fork-evidence@v1\n";
  std::string too_many = head + "root " + hash;
  for (size_t i = 0; i <= kMaxProofHashes; ++i) too_many += hash;
  for (const std::string& bad : std::vector<std::string>{
           std::string(), head, head + "\n", head + "\nnote 1\nx", head + "\nnote 1\nxnote 1\nyz",
           head + "\nnote 01\nxnote 1\ny", head + "\nnote 0\nnote 1\ny",
           head + "\nnote 2\nxnote 1\n",
           head + "\nnote 6145\n" + std::string(6145, 'x') + "note 1\ny",
           head + "\nnote 18446744073709551615\nxnote 1\ny", head + hash + "\nnote 1\nxnote 1\ny",
           head + "root \n\nnote 1\nxnote 1\ny", head + "root AAAA\n\nnote 1\nxnote 1\ny",
           too_many + "\nnote 1\nxnote 1\ny", "souk/fork-evidence@v2\n\nnote 1\nxnote 1\ny",
           good + "\n", good.substr(0, good.size() - 1), " " + good}) {
    EXPECT_FALSE(ParseForkEvidence(bad)) << bad;
  }
  EXPECT_TRUE(ParseForkEvidence(head + "\nnote 1\nxnote 1\ny"));
  EXPECT_EQ(ParseForkEvidence(std::string(1 << 20, 'x')).error().code, Code::kTooLarge);
}

TEST(ForkEvidence, RefusesEveryFlippedBit) {
  for (const ForkEvidence& evidence : {TwoRoots(), WithProof()}) {
    const std::string good = evidence.ToText();
    for (size_t bit = 0; bit < 8 * good.size(); ++bit) {
      std::string bad = good;
      bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
      const auto parsed = ParseForkEvidence(bad);
      EXPECT_FALSE(parsed && VerifyForkEvidence(*parsed, TestLogKeys())) << bit;
    }
  }
}

TEST(ForkEvidence, FitsADocumentHoweverLongItsParts) {
  NoteSigner signer = TestSigner();
  Checkpoint head{signer.name, 3, LeafHash(Leaf(1)), {std::string(5000, 'x')}};
  const std::string one = *SignCheckpoint(head, signer);
  head.root = LeafHash(Leaf(2));
  const std::string other = *SignCheckpoint(head, signer);
  auto found = CompareHeads(one, other, TestLogKeys());
  ASSERT_TRUE(found) << found.error().message;
  found->evidence->proven_root = LeafHash({});
  found->evidence->proof.resize(kMaxProofHashes);
  const auto parsed = ParseForkEvidence(found->evidence->ToText());
  EXPECT_TRUE(parsed) << parsed.error().message;
  // Beyond that the fork is not said to be none, but cannot be handed on.
  head = {signer.name, 3, LeafHash(Leaf(1)), {std::string(7000, 'x')}};
  EXPECT_EQ(CompareHeads(*SignCheckpoint(head, signer), other, TestLogKeys()).error().code,
            Code::kTooLarge);
}

RC_GTEST_PROP(Merkle, SaysWhichOldRootAProofProves, ()) {
  const uint64_t size = *rc::gen::inRange<uint64_t>(2, 100);
  const uint64_t old_size = *rc::gen::inRange<uint64_t>(1, size);
  const ForkedLog log(size);
  const auto said = ProvenOldRoot(old_size, size, log.Root(size), log.Proof(old_size, size));
  if (std::has_single_bit(old_size)) {
    RC_ASSERT(said.error().code == Code::kInvalidArgument);
  } else {
    RC_ASSERT(*said == log.Root(old_size));
  }
  RC_ASSERT(!ProvenOldRoot(old_size, size, log.Root(old_size), log.Proof(old_size, size)));
}

}  // namespace
}  // namespace souk::ledger
