// add-checkpoint: the request, the decision in each case, and what a witness can never do.
#include "ledger/witness/witness.h"

#include <gmock/gmock.h>
#include <rapidcheck/gtest.h>

#include "unit/ledger/c2sp/public_vectors.h"
#include "unit/ledger/witness/fork_testing.h"

namespace souk::ledger {
namespace {

using testing::HasSubstr;

constexpr PosixTime kNow{5000};

// A disk that keeps one note per origin, and can fail.
class NoteDisk : public WitnessStore {
 public:
  Status Persist(const CosignedHead& head) override {
    if (broken) return Error(Code::kIo, "the disk is full");
    notes[head.checkpoint.origin] = head.note;
    return Ok();
  }
  bool broken = false;
  std::map<std::string, std::string> notes;
};

// A witness of TestSigner()'s log, with its state and its disk.
struct WitnessWorld {
  Witness witness{TestWitness(5)};
  NoteDisk disk;
  WitnessState state = {{TestSigner().name, WitnessedLog{TestLogKeys(), {}}}};

  WitnessDecision Decide(const AddCheckpointRequest& request, PosixTime now = kNow) const {
    return *witness.AddCheckpoint(request.ToText(), state, now);
  }
  WitnessAnswer Ask(const AddCheckpointRequest& request, PosixTime now = kNow) {
    return *PersistAndAnswer(Decide(request, now), state, disk);
  }
  // Brings the witness to this size of the log.
  void Follow(const ForkedLog& log, uint64_t size) {
    const uint64_t from = Size();
    ASSERT_EQ(Ask({from, log.Proof(from, size), log.Head(size)}).status, WitnessStatus::kOk);
  }
  uint64_t Size() const {
    const auto& head = state.begin()->second.head;
    return head ? head->checkpoint.size : 0;
  }
  // What a restart reads.
  void Restart() {
    for (auto& [origin, log] : state) {
      log.head.reset();
      const auto note = disk.notes.find(origin);
      if (note == disk.notes.end()) continue;
      log.head = *CosignedHead::FromNote(note->second, log.keys, witness.signer().Verifier());
    }
  }
};

TEST(AddCheckpoint, ReadsTheExampleOfTheSpecification) {
  const auto request = ParseAddCheckpoint(vectors::kSofaRequest);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->old_size, 20852014u);
  EXPECT_EQ(request->proof.size(), 4u);
  EXPECT_EQ(ParseNote(request->checkpoint)->signatures.size(), 2u);
  EXPECT_EQ(request->ToText(), vectors::kSofaRequest);
}

TEST(AddCheckpoint, RefusesRequestsThatAreNotStrict) {
  const std::string hash = ToBase64(LeafHash({}).view()) + "\n";
  std::string most = "old 1\n";
  for (size_t i = 0; i < kMaxAddCheckpointHashes; ++i) most += hash;
  EXPECT_TRUE(ParseAddCheckpoint(most + "\nnote"));
  for (const std::string& bad : std::vector<std::string>{
           "", "old 1", "old 1\n", "old 1\n\n", "old 1\nnote", "\nnote", "old\n\nnote",
           "old \n\nnote", "old 01\n\nnote", "old -1\n\nnote", "old 1 \n\nnote", " old 1\n\nnote",
           "old 9223372036854775808\n\nnote", "old 1\r\n\r\nnote", "size 1\n\nnote",
           "old 1\nAAAA\n\nnote", "old 1\n" + hash.substr(1) + "\nnote",
           "old 1\n " + hash + "\nnote", most + hash + "\nnote"}) {
    EXPECT_FALSE(ParseAddCheckpoint(bad)) << bad;
  }
  EXPECT_EQ(ParseAddCheckpoint(std::string(kMaxAddCheckpointBytes + 1, 'x')).error().code,
            Code::kTooLarge);
}

RC_GTEST_PROP(AddCheckpoint, IsReadAsItWasWritten, ()) {
  AddCheckpointRequest request;
  request.old_size = *rc::gen::inRange<uint64_t>(0, kMaxTreeSize);
  request.proof.resize(*rc::gen::inRange<size_t>(0, kMaxAddCheckpointHashes + 1));
  for (size_t i = 0; i < request.proof.size(); ++i) request.proof[i] = LeafHash(Leaf(i));
  request.checkpoint = ForkedLog(5).Head(*rc::gen::inRange<uint64_t>(0, 6));
  RC_ASSERT(*ParseAddCheckpoint(request.ToText()) == request);
}

TEST(Witness, CosignsALogThatGrows) {
  WitnessWorld world;
  const ForkedLog log(40);
  for (const uint64_t size : {0u, 1u, 2u, 5u, 16u, 17u, 40u}) {
    const uint64_t from = world.Size();
    const WitnessAnswer answer = world.Ask({from, log.Proof(from, size), log.Head(size)});
    ASSERT_EQ(answer.status, WitnessStatus::kOk) << answer.body;
    // The answer's lines, put behind the checkpoint, are its cosignature.
    const TrustPolicy policy{TestLogKeys(), {TestWitness(5).Verifier()}, 1};
    const auto opened = OpenCosigned(log.Head(size) + answer.body, policy);
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(opened->checkpoint.size, size);
    EXPECT_EQ(opened->cosigned.front().time, kNow);
  }
  // The same again: a new cosignature, a later time.
  const WitnessAnswer again = world.Ask({40, {}, log.Head(40)}, {6000});
  EXPECT_EQ(again.status, WitnessStatus::kOk);
  EXPECT_EQ(world.state.begin()->second.head->time, PosixTime{6000});
}

TEST(Witness, FollowsTheLogOfAPublicTest) {
  NoteVerifier key{vectors::kRaceOrigin};
  const Bytes bytes = *FromHex(vectors::kRaceKeyHex);
  std::copy(bytes.begin(), bytes.end(), key.key.begin());
  WitnessState state = {{vectors::kRaceOrigin, WitnessedLog{{key}, {}}}};
  const Witness witness(TestWitness(5));
  NoteDisk disk;
  const auto ask = [&](const std::string& body) {
    return PersistAndAnswer(*witness.AddCheckpoint(body, state, kNow), state, disk)->status;
  };
  EXPECT_EQ(ask(vectors::kRaceTo1), WitnessStatus::kOk);
  // Both would do from 1; the second comes too late, whatever its size.
  EXPECT_EQ(ask(vectors::kRaceTo5), WitnessStatus::kOk);
  EXPECT_EQ(ask(vectors::kRaceTo3), WitnessStatus::kConflict);
  EXPECT_EQ(state.begin()->second.head->checkpoint.size, 5u);
  EXPECT_EQ(state.begin()->second.head->checkpoint.root.Hex(),
            "42bb57ad06420afa4882c4a63ac6a1ec77480b330b2f20dfc53a0caa5f564e36");
}

TEST(Witness, AnswersAConflictWithItsSize) {
  WitnessWorld world;
  const ForkedLog log(40);
  world.Follow(log, 20);
  for (const uint64_t old_size : {0u, 19u, 21u}) {
    const WitnessDecision decision =
        world.Decide({old_size, log.Proof(old_size, 40), log.Head(40)});
    EXPECT_EQ(decision.answer.status, WitnessStatus::kConflict) << old_size;
    EXPECT_EQ(decision.answer.body, "20\n");
    EXPECT_STREQ(decision.answer.content_type, "text/x.tlog.size");
    EXPECT_FALSE(decision.persist);
    EXPECT_FALSE(decision.fork);
  }
  WitnessWorld fresh;
  const WitnessDecision decision = fresh.Decide({20, log.Proof(20, 40), log.Head(40)});
  EXPECT_EQ(decision.answer.status, WitnessStatus::kConflict);
  EXPECT_EQ(decision.answer.body, "0\n");
}

TEST(Witness, RefusesWhatTheSpecificationRefuses) {
  WitnessWorld world;
  const ForkedLog log(40);
  world.Follow(log, 20);
  const auto status = [&world](const AddCheckpointRequest& request) {
    const WitnessDecision decision = world.Decide(request);
    EXPECT_FALSE(decision.persist);
    EXPECT_THAT(decision.answer.body, testing::Not(HasSubstr(vectors::kDash)));
    return decision.answer.status;
  };
  const auto proof = log.Proof(20, 40);
  EXPECT_EQ(status({20, proof, "no note"}), WitnessStatus::kBadRequest);
  EXPECT_EQ(status({20, proof, *SignNote("no checkpoint\n", TestSigner())}),
            WitnessStatus::kBadRequest);
  EXPECT_EQ(status({21, {}, log.Head(20)}), WitnessStatus::kBadRequest);
  EXPECT_EQ(status({20, proof, log.Head(40).substr(0, 100)}), WitnessStatus::kBadRequest);

  NoteSigner stranger = TestSigner(7);
  const Checkpoint head{stranger.name, 40, log.Root(40), {}};
  EXPECT_EQ(status({20, proof, *SignCheckpoint(head, stranger)}), WitnessStatus::kForbidden);
  // A signature of the known key that does not verify, beside a good one.
  Note two = *ParseNote(log.Head(40));
  two.signatures.push_back(ParseNote(log.Head(39))->signatures[0]);
  EXPECT_EQ(status({20, proof, two.ToText()}), WitnessStatus::kForbidden);
  stranger.name = "unknown.test/log";
  const Checkpoint unknown{stranger.name, 40, log.Root(40), {}};
  EXPECT_EQ(status({20, proof, *SignCheckpoint(unknown, stranger)}), WitnessStatus::kNotFound);

  EXPECT_EQ(status({20, {}, log.Head(40)}), WitnessStatus::kUnprocessable);
  auto bent = proof;
  bent[1].bytes[0] ^= 1;
  EXPECT_EQ(status({20, bent, log.Head(40)}), WitnessStatus::kUnprocessable);
  EXPECT_EQ(status({20, proof, log.Head(20)}), WitnessStatus::kUnprocessable);
}

TEST(Witness, TakesSignaturesOfOthersAndOfAnyOfTheLogsKeys) {
  WitnessWorld world;
  world.state.begin()->second.keys.push_back(TestSigner(2).Verifier());
  const ForkedLog log(40);
  const Checkpoint head{TestSigner().name, 40, log.Root(40), {}};
  Note note = *ParseNote(*SignCheckpoint(head, TestSigner(2)));
  note.signatures.push_back(*Cosign(note.text, TestWitness(9), {1}));
  EXPECT_EQ(world.Ask({0, {}, note.ToText()}).status, WitnessStatus::kOk);
  // Only what it needs is kept.
  EXPECT_EQ(ParseNote(world.disk.notes.begin()->second)->signatures.size(), 2u);
  world.Restart();
  EXPECT_EQ(world.Size(), 40u);
}

// The first eight rows are litewitness's tests'.
TEST(Witness, DecidesAboutEmptyTreesAsOthersDo) {
  const Digest leaf = LeafHash(Leaf(0));
  struct Row {
    uint64_t known, old_size, size;
    Digest root;
    std::vector<Digest> proof;
    WitnessStatus status;
  };
  for (const Row& row : std::vector<Row>{
           {0, 0, 0, EmptyRoot(), {}, WitnessStatus::kOk},
           {0, 0, 0, leaf, {}, WitnessStatus::kUnprocessable},
           {0, 0, 0, Digest{}, {}, WitnessStatus::kUnprocessable},
           {0, 0, 0, EmptyRoot(), {leaf}, WitnessStatus::kUnprocessable},
           {0, 0, 1, leaf, {}, WitnessStatus::kOk},
           {0, 0, 1, leaf, {leaf}, WitnessStatus::kUnprocessable},
           {1, 0, 1, leaf, {leaf}, WitnessStatus::kConflict},
           {1, 1, 0, EmptyRoot(), {}, WitnessStatus::kBadRequest},
           {1, 1, 1, leaf, {}, WitnessStatus::kOk},
           {1, 1, 1, EmptyRoot(), {}, WitnessStatus::kConflict},
       }) {
    WitnessWorld world;
    if (row.known > 0) world.Follow(ForkedLog(1), row.known);
    const Checkpoint head{TestSigner().name, row.size, row.root, {}};
    const AddCheckpointRequest request{row.old_size, row.proof,
                                       *SignCheckpoint(head, TestSigner())};
    EXPECT_EQ(world.Decide(request).answer.status, row.status)
        << row.known << " " << row.old_size << " " << row.size;
  }
}

TEST(Witness, FindsAForkAtItsOwnSizeWhateverTheRequestSays) {
  WitnessWorld world;
  world.Follow(ForkedLog(40, 5, 1), 20);
  const ForkedLog other(40, 5, 2);
  for (const uint64_t old_size : {0u, 7u, 20u}) {
    const WitnessDecision decision =
        world.Decide({old_size, other.Proof(old_size, 20), other.Head(20)});
    EXPECT_EQ(decision.answer.status, WitnessStatus::kConflict);
    EXPECT_EQ(decision.answer.body, "20\n");
    ASSERT_TRUE(decision.fork) << old_size;
    EXPECT_TRUE(VerifyForkEvidence(*decision.fork, TestLogKeys()));
  }
}

TEST(Witness, FindsAForkByAProofThatLeadsFromAnotherRoot) {
  WitnessWorld world;
  world.Follow(ForkedLog(40, 5, 1), 21);
  const ForkedLog other(40, 5, 2);
  const WitnessDecision decision = world.Decide({21, other.Proof(21, 40), other.Head(40)});
  EXPECT_EQ(decision.answer.status, WitnessStatus::kUnprocessable);
  ASSERT_TRUE(decision.fork);
  const auto fork = VerifyForkEvidence(*decision.fork, TestLogKeys());
  ASSERT_TRUE(fork) << fork.error().message;
  EXPECT_EQ(fork->other_root, other.Root(21));
  // A proof that leads nowhere says nothing.
  EXPECT_FALSE(world.Decide({21, {}, other.Head(40)}).fork);
}

TEST(Witness, CosignsNothingThatWouldNotFitEvidence) {
  WitnessWorld world;
  Checkpoint head{TestSigner().name, 3, LeafHash(Leaf(1)), {std::string(3000, 'x')}};
  EXPECT_EQ(world.Decide({0, {}, *SignCheckpoint(head, TestSigner())}).answer.status,
            WitnessStatus::kBadRequest);
}

TEST(Witness, NeverCosignsAnEarlierTimeForALargerTree) {
  WitnessWorld world;
  const ForkedLog log(40);
  EXPECT_EQ(world.Ask({0, {}, log.Head(20)}, {5000}).status, WitnessStatus::kOk);
  EXPECT_EQ(world.Ask({20, log.Proof(20, 40), log.Head(40)}, {4000}).status, WitnessStatus::kOk);
  EXPECT_EQ(world.state.begin()->second.head->time, PosixTime{5000});
}

TEST(Witness, AnswersNothingThatIsNotOnItsDisk) {
  WitnessWorld world;
  world.Follow(ForkedLog(40), 20);
  world.disk.broken = true;
  const ForkedLog log(40);
  const AddCheckpointRequest request{20, log.Proof(20, 40), log.Head(40)};
  EXPECT_EQ(PersistAndAnswer(world.Decide(request), world.state, world.disk).error().code,
            Code::kIo);
  EXPECT_EQ(world.Size(), 20u);
  world.disk.broken = false;
  world.Restart();
  EXPECT_EQ(world.Ask(request).status, WitnessStatus::kOk);
}

TEST(Witness, KnowsItsHeadAgainFromANoteAlone) {
  WitnessWorld world;
  world.Follow(ForkedLog(40), 20);
  const auto before = world.state.begin()->second.head;
  world.Restart();
  EXPECT_EQ(world.state.begin()->second.head, before);
  // Another witness's note, or one without a cosignature, is not its own.
  EXPECT_FALSE(CosignedHead::FromNote(before->note, TestLogKeys(), TestWitness(6).Verifier()));
  EXPECT_FALSE(
      CosignedHead::FromNote(ForkedLog(40).Head(20), TestLogKeys(), TestWitness(5).Verifier()));
}

TEST(Witness, SaysSoWhereItsStateHoldsNoKeysOfALog) {
  WitnessWorld world;
  world.state.begin()->second.keys = {TestWitness(6).Verifier()};
  const std::string body = AddCheckpointRequest{0, {}, ForkedLog(3).Head(3)}.ToText();
  EXPECT_FALSE(world.witness.AddCheckpoint(body, world.state, kNow));
  world.state.begin()->second.keys.clear();
  EXPECT_FALSE(world.witness.AddCheckpoint(body, world.state, kNow));
}

// Heads that a witness has told somebody about: all of one tree.
class Told {
 public:
  void Hear(const Checkpoint& head, PosixTime time) {
    for (const auto& [size, known] : heads_) {
      if (size == head.size) RC_ASSERT(known.first == head.root);
      if (size < head.size) RC_ASSERT(known.second <= time);
      if (size > head.size) RC_ASSERT(known.second >= time);
    }
    const auto at = heads_.emplace(head.size, std::pair(head.root, time)).first;
    at->second.second = std::max(at->second.second, time);
    RC_ASSERT(heads_.rbegin()->first == head.size);
  }
  // All of them are heads of this branch.
  bool FitIn(const ForkedLog& log) const {
    for (const auto& [size, known] : heads_) {
      if (log.Root(size) != known.first) return false;
    }
    return true;
  }

 private:
  std::map<uint64_t, std::pair<Digest, PosixTime>> heads_;
};

// Two branches, any requests, any clock, crashes at any moment: before the disk, or after it and
// before the answer.
RC_GTEST_PROP(Witness, NeverCosignsBothBranchesOfAFork, ()) {
  const uint64_t forked_at = *rc::gen::inRange<uint64_t>(0, 30);
  const ForkedLog branches[2] = {{30, forked_at, 1}, {30, forked_at, 2}};
  WitnessWorld world;
  Told told;
  const int steps = *rc::gen::inRange(1, 30);
  for (int i = 0; i < steps; ++i) {
    const ForkedLog& log = branches[*rc::gen::inRange(0, 2)];
    const bool polite = *rc::gen::inRange(0, 4) > 0;
    const uint64_t from = polite ? world.Size() : *rc::gen::inRange<uint64_t>(0, 31);
    const uint64_t size = *rc::gen::inRange<uint64_t>(from, 31);
    const PosixTime now{*rc::gen::inRange<uint64_t>(100, 200)};
    const WitnessDecision decision =
        world.Decide({from, log.Proof(from, size), log.Head(size)}, now);
    const int crash = *rc::gen::inRange(0, 10);
    if (crash != 0) {
      const auto answer = PersistAndAnswer(decision, world.state, world.disk);
      RC_ASSERT(answer);
      if (crash > 1 && answer->status == WitnessStatus::kOk) {
        told.Hear(decision.persist->checkpoint, decision.persist->time);
      }
    }
    if (crash < 2) world.Restart();
    if (decision.fork) RC_ASSERT(VerifyForkEvidence(*decision.fork, TestLogKeys()));
  }
  RC_ASSERT(told.FitIn(branches[0]) || told.FitIn(branches[1]));
}

}  // namespace
}  // namespace souk::ledger
