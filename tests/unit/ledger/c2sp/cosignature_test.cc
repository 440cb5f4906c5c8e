// Keys of both types, cosignatures, and quorums of witnesses.
#include "ledger/c2sp/cosignature.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "unit/ledger/c2sp/public_vectors.h"
#include "unit/ledger/ledger_testing.h"

namespace souk::ledger {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Cosigned = CosignedCheckpoint::Cosigned;

std::string SomeText() {
  return Checkpoint{"souk.test/log", 7, LeafHash(Leaf(1)), {}}.ToText();
}

// A checkpoint that the log signed, and these witnesses after it at time 1000 and on.
std::string SomeCosigned(const std::vector<NoteSigner>& witnesses) {
  std::string note = *SignNote(SomeText(), TestSigner());
  uint64_t time = 1000;
  for (const NoteSigner& witness : witnesses) {
    note = *AddSignatures(note, std::vector{*Cosign(SomeText(), witness, {time++})});
  }
  return note;
}

TrustPolicy Trusting(const std::vector<NoteSigner>& witnesses, size_t quorum) {
  TrustPolicy policy{{TestSigner().Verifier()}, {}, quorum};
  for (const NoteSigner& witness : witnesses) policy.witnesses.push_back(witness.Verifier());
  return policy;
}

TEST(Cosignature, OfFourPublicWitnessesOfAPublicLogVerifies) {
  TrustPolicy policy{{*NoteVerifier::ParseVkey(vectors::kArcheVkey)}, {}, 4};
  for (const std::string& vkey : vectors::kArcheWitnesses) {
    const auto witness = NoteVerifier::ParseVkey(vkey, NoteKeyType::kCosignature);
    ASSERT_TRUE(witness) << witness.error().message;
    EXPECT_EQ(witness->ToVkey(), vkey);
    policy.witnesses.push_back(*witness);
  }
  const auto opened = OpenCosigned(vectors::kArcheNote, policy);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->checkpoint.size, 1432088532u);
  const PosixTime at{vectors::kArcheTime};
  EXPECT_THAT(opened->cosigned,
              ElementsAre(Cosigned{0, at}, Cosigned{1, at}, Cosigned{2, at}, Cosigned{3, at}));
  // A digit of the size changed, every cosignature is void.
  std::string changed = vectors::kArcheNote;
  changed.replace(changed.find("1432088532"), 10, "1432088533");
  for (const NoteVerifier& witness : policy.witnesses) {
    EXPECT_FALSE(VerifyNote(*ParseNote(changed), {&witness, 1}));
  }
}

TEST(Cosignature, ReadsTheExampleOfTheSpecification) {
  const std::string text =
      vectors::kSofaText + "\n" + vectors::kSofaLine + vectors::kSofaWitnessLine;
  const auto note = ParseNote(text);
  ASSERT_TRUE(note) << note.error().message;
  EXPECT_EQ(note->ToText(), text);
  const auto cosignature = ParseCosignature(note->signatures[1].signature);
  ASSERT_TRUE(cosignature) << cosignature.error().message;
  EXPECT_EQ(cosignature->time.seconds, vectors::kSofaWitnessTime);
  EXPECT_EQ(CosignedMessage(cosignature->time, note->text),
            "cosignature/v1\ntime 1679315147\n" + vectors::kSofaText);
  EXPECT_FALSE(ParseCosignature(note->signatures[0].signature));
}

TEST(Cosignature, LinesOfAnAnswerAreReadAlone) {
  const auto lines = ParseSignatureLines(vectors::kWitnessAnswer);
  ASSERT_TRUE(lines) << lines.error().message;
  ASSERT_EQ(lines->size(), 3u);
  std::string again;
  for (const NoteSignature& line : *lines) again += line.ToLine();
  EXPECT_EQ(again, vectors::kWitnessAnswer);
  for (const std::string& bad :
       {std::string(), std::string("\n"), vectors::kWitnessAnswer + "\n",
        vectors::kWitnessAnswer.substr(0, vectors::kWitnessAnswer.size() - 1),
        vectors::kSofaText + vectors::kWitnessAnswer}) {
    EXPECT_FALSE(ParseSignatureLines(bad)) << bad;
  }
}

TEST(Note, SignsByteForByteAsGoDoes) {
  std::array<uint8_t, 32> seed = {};
  const Bytes bytes = *FromHex(vectors::kPeterSeedHex);
  std::copy(bytes.begin(), bytes.end(), seed.begin());
  const NoteSigner peter = NoteSigner::FromSeed("PeterNeumann", seed);
  EXPECT_EQ(peter.Verifier().ToVkey(), vectors::kPeterVkey);
  EXPECT_EQ(*SignNote(vectors::kNoteText, peter), vectors::kNoteText + "\n" + vectors::kPeterLine);
}

TEST(Note, WithTwoSignersOfGosTestsIsReadByWhoKnowsEither) {
  const std::string text = vectors::kNoteText + "\n" + vectors::kPeterLine + vectors::kEnochLine;
  const NoteVerifier peter = *NoteVerifier::ParseVkey(vectors::kPeterVkey);
  const NoteVerifier enoch = *NoteVerifier::ParseVkey(vectors::kEnochVkey);
  const Note note = *ParseNote(text);
  EXPECT_THAT(*VerifyNote(note, std::vector{peter}), ElementsAre(0u));
  EXPECT_THAT(*VerifyNote(note, std::vector{peter, enoch}), ElementsAre(0u, 1u));
  EXPECT_THAT(*SignersAmong(note, std::vector{TestSigner().Verifier()}), ElementsAre());
  EXPECT_FALSE(VerifyNote(note, {}));
  // Peter's line with four characters more, as in Go's test: his key is known, so the note is
  // refused.
  std::string longer = vectors::kPeterLine;
  longer.insert(60, "ABCD");
  const Note bad = *ParseNote(vectors::kNoteText + "\n" + longer + vectors::kEnochLine);
  EXPECT_EQ(VerifyNote(bad, std::vector{peter, enoch}).error().code, Code::kBadSignature);
  EXPECT_THAT(*VerifyNote(bad, std::vector{enoch}), ElementsAre(0u));
}

TEST(Note, RefusesTheBadVerifierKeysOfGosTests) {
  const std::string& good = vectors::kPeterVkey;
  for (size_t begin = 0; begin < good.size(); ++begin) {
    for (size_t end = begin; end <= good.size(); ++end) {
      if (begin == 0 && end == good.size()) continue;
      EXPECT_FALSE(NoteVerifier::ParseVkey(good.substr(begin, end - begin)));
    }
    std::string changed = good;
    ++changed[begin];
    EXPECT_FALSE(NoteVerifier::ParseVkey(changed)) << changed;
  }
  // A key of a wrong length, and one of an unknown type, each with the id that fits.
  EXPECT_FALSE(NoteVerifier::ParseVkey(
      "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY=="));
  EXPECT_EQ(
      NoteVerifier::ParseVkey("PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
          .error()
          .code,
      Code::kUnsupported);
}

TEST(Note, AKeyOfOneTypeNeverPassesForTheOther) {
  const NoteSigner witness = TestWitness(5);
  const std::string vkey = witness.Verifier().ToVkey();
  EXPECT_EQ(NoteVerifier::ParseVkey(vkey).error().code, Code::kUnsupported);
  EXPECT_EQ(*NoteVerifier::ParseVkey(vkey, NoteKeyType::kCosignature), witness.Verifier());
  const std::string log = TestSigner().Verifier().ToVkey();
  EXPECT_EQ(NoteVerifier::ParseVkey(log, NoteKeyType::kCosignature).error().code,
            Code::kUnsupported);
  // One key, one name, two types: two key ids, and neither verifies what the other signed.
  NoteSigner as_log = TestWitness(5);
  as_log.type = NoteKeyType::kEd25519;
  EXPECT_NE(as_log.Verifier().Id(), witness.Verifier().Id());
  const NoteSignature by_witness = *Cosign(SomeText(), witness, {1});
  const NoteSignature by_log = ParseNote(*SignNote(SomeText(), as_log))->signatures[0];
  EXPECT_TRUE(VerifySignature(SomeText(), witness.Verifier(), by_witness.signature));
  EXPECT_FALSE(VerifySignature(SomeText(), as_log.Verifier(), by_witness.signature));
  EXPECT_FALSE(VerifySignature(SomeText(), witness.Verifier(), by_log.signature));
  // A cosignature under the origin's name does not make a checkpoint the log's.
  NoteSigner as_origin = witness;
  as_origin.name = "souk.test/log";
  Note note{SomeText(), {*Cosign(SomeText(), as_origin, {1})}};
  EXPECT_EQ(OpenCheckpoint(note.ToText(), as_origin.Verifier()).error().code, Code::kUnsupported);
  EXPECT_FALSE(SignNote(SomeText(), witness));
  EXPECT_FALSE(Cosign(SomeText(), TestSigner(), {1}));
}

TEST(Cosignature, IsMadeOfCheckpointsOnlyAndWithATimeThatIsAllowed) {
  const NoteSigner witness = TestWitness(5);
  EXPECT_TRUE(Cosign(SomeText(), witness, kLatestPosixTime));
  EXPECT_FALSE(Cosign(SomeText(), witness, {kLatestPosixTime.seconds + 1}));
  EXPECT_FALSE(Cosign("a text\n", witness, {1}));
  Bytes late = Cosign(SomeText(), witness, kLatestPosixTime)->signature;
  EXPECT_TRUE(ParseCosignature(late));
  late[0] = 0x80;
  EXPECT_FALSE(ParseCosignature(late));
  EXPECT_FALSE(ParseCosignature(ByteView(late).first(71)));
  late.push_back(0);
  EXPECT_FALSE(ParseCosignature(late));
}

RC_GTEST_PROP(Cosignature, IsVoidForEveryOtherTimeTextAndBit, ()) {
  const NoteSigner witness = TestWitness(5);
  const PosixTime time{*rc::gen::inRange<uint64_t>(0, kLatestPosixTime.seconds)};
  Checkpoint head{"souk.test/log", *rc::gen::inRange<uint64_t>(0, 1000), LeafHash(Leaf(3)), {}};
  if (*rc::gen::arbitrary<bool>()) head.extensions = {"an extension"};
  const std::string text = head.ToText();
  NoteSignature line = *Cosign(text, witness, time);
  RC_ASSERT(line == ParseSignatureLines(line.ToLine())->front());
  RC_ASSERT(VerifySignature(text, witness.Verifier(), line.signature));
  RC_ASSERT(ParseCosignature(line.signature)->time == time);
  head.size += 1;
  RC_ASSERT(!VerifySignature(head.ToText(), witness.Verifier(), line.signature));
  RC_ASSERT(!VerifySignature(text + "more\n", witness.Verifier(), line.signature));
  line.signature[*rc::gen::inRange<size_t>(0, line.signature.size())] ^=
      static_cast<uint8_t>(1 << *rc::gen::inRange(0, 8));
  RC_ASSERT(!VerifySignature(text, witness.Verifier(), line.signature));
}

TEST(Trust, CountsTheWitnessesThatTheReaderNames) {
  const std::string note = SomeCosigned({TestWitness(5), TestWitness(6), TestWitness(7)});
  // Witness 7 is not named, witness 8 did not cosign.
  const auto opened =
      OpenCosigned(note, Trusting({TestWitness(8), TestWitness(6), TestWitness(5)}, 2));
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_THAT(opened->cosigned, ElementsAre(Cosigned{1, {1001}}, Cosigned{2, {1000}}));
  const auto short_of =
      OpenCosigned(note, Trusting({TestWitness(8), TestWitness(6), TestWitness(5)}, 3));
  EXPECT_EQ(short_of.error().code, Code::kUnavailable);
  EXPECT_THAT(short_of.error().message, HasSubstr("2 of the 3"));
  // Without any witness the log's word is enough.
  EXPECT_TRUE(OpenCosigned(note, Trusting({}, 0)));
}

TEST(Trust, IgnoresUnknownKeysAndRefusesAKnownOnesBadSignature) {
  const std::string good = SomeCosigned({TestWitness(5), TestWitness(6)});
  Note note = *ParseNote(good);
  note.signatures[2].signature[20] ^= 1;  // witness 6
  EXPECT_TRUE(OpenCosigned(note.ToText(), Trusting({TestWitness(5)}, 1)));
  EXPECT_EQ(OpenCosigned(note.ToText(), Trusting({TestWitness(5), TestWitness(6)}, 1)).error().code,
            Code::kBadSignature);
  // Also where a good one stands beside it, and where it is malformed.
  for (const Bytes& bad : {note.signatures[2].signature, Bytes(71), Bytes(64, 1)}) {
    Note both = *ParseNote(good);
    both.signatures.push_back(both.signatures[2]);
    both.signatures.back().signature = bad;
    EXPECT_EQ(OpenCosigned(both.ToText(), Trusting({TestWitness(6)}, 1)).error().code,
              Code::kBadSignature);
  }
}

TEST(Trust, NeedsTheLogsOwnSignature) {
  const NoteSigner witness = TestWitness(5);
  Note note{SomeText(), {*Cosign(SomeText(), witness, {1})}};
  EXPECT_EQ(OpenCosigned(note.ToText(), Trusting({witness}, 1)).error().code, Code::kBadSignature);
  // Either of a log's two keys will do while it changes them.
  TrustPolicy two{{TestSigner(2).Verifier(), TestSigner(1).Verifier()}, {}, 0};
  EXPECT_TRUE(OpenCosigned(SomeCosigned({}), two));
  // The origin must be the keys' name.
  NoteSigner other = TestSigner();
  other.name = "elsewhere";
  TrustPolicy elsewhere{{other.Verifier()}, {}, 0};
  EXPECT_EQ(OpenCosigned(*SignNote(SomeText(), other), elsewhere).error().code, Code::kMismatch);
}

TEST(Trust, TakesALaterCosignatureOfAWitnessForItsLast) {
  const NoteSigner witness = TestWitness(5);
  std::string note = SomeCosigned({});
  for (const uint64_t time : {5u, 9u, 7u}) {
    note = *AddSignatures(note, std::vector{*Cosign(SomeText(), witness, {time})});
  }
  EXPECT_THAT(OpenCosigned(note, Trusting({witness}, 1))->cosigned, ElementsAre(Cosigned{0, {9}}));
}

TEST(Trust, RefusesPoliciesThatSayMoreThanTheyCanHold) {
  const std::string note = SomeCosigned({TestWitness(5)});
  // One key under two names: its cosignature does not say which, and would count twice.
  NoteSigner twin = TestWitness(5);
  twin.name = "witness.test/twin";
  EXPECT_FALSE(OpenCosigned(note, Trusting({TestWitness(5), twin}, 1)));
  EXPECT_FALSE(OpenCosigned(note, Trusting({TestWitness(5)}, 2)));
  TrustPolicy no_log = Trusting({TestWitness(5)}, 1);
  no_log.logs.clear();
  EXPECT_FALSE(OpenCosigned(note, no_log));
  TrustPolicy witness_as_log = Trusting({}, 0);
  witness_as_log.logs.push_back(TestWitness(5).Verifier());
  EXPECT_FALSE(OpenCosigned(note, witness_as_log));
  TrustPolicy log_as_witness = Trusting({TestSigner(3)}, 1);
  EXPECT_FALSE(OpenCosigned(note, log_as_witness));
}

TEST(Trust, QuorumIsMoreThanTwoThirds) {
  EXPECT_EQ(SafeQuorum(0), 0u);
  EXPECT_EQ(SafeQuorum(1), 1u);
  EXPECT_EQ(SafeQuorum(2), 2u);
  EXPECT_EQ(SafeQuorum(3), 3u);
  EXPECT_EQ(SafeQuorum(4), 3u);
  EXPECT_EQ(SafeQuorum(7), 5u);
  for (size_t n = 1; n < 100; ++n) {
    // Two quorums share more than a third: one of them is honest.
    EXPECT_GT(3 * (2 * SafeQuorum(n) - n), n);
    EXPECT_LE(SafeQuorum(n), n);
  }
}

TEST(Note, TakesMoreSignaturesEachOnceAndUpToItsBound) {
  const NoteSignature line = *Cosign(SomeText(), TestWitness(5), {1});
  const std::string once = SomeCosigned({});
  const std::string twice = *AddSignatures(once, std::vector{line, line});
  EXPECT_EQ(twice, once + line.ToLine());
  EXPECT_EQ(*AddSignatures(twice, std::vector{line}), twice);
  std::vector<NoteSignature> many;
  for (uint64_t i = 0; i < kMaxNoteSignatures - 1; ++i) {
    many.push_back(*Cosign(SomeText(), TestWitness(5), {i}));
  }
  EXPECT_TRUE(AddSignatures(once, many));
  many.push_back(*Cosign(SomeText(), TestWitness(6), {1}));
  EXPECT_EQ(AddSignatures(once, many).error().code, Code::kTooLarge);
  NoteSignature smuggler = line;
  smuggler.name = "a AAAAAAA=\n" + vectors::kDash + "b";
  EXPECT_FALSE(AddSignatures(once, std::vector{smuggler}));
  const Note kept = KeepSignaturesOf(*ParseNote(twice), std::vector{TestWitness(5).Verifier()});
  EXPECT_THAT(kept.signatures, ElementsAre(line));
}

}  // namespace
}  // namespace souk::ledger
