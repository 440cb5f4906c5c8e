// Witnesses and those who ask them (R3).
#include "ledger/c2sp/cosignature.h"
#include "unit/node/agent_market.h"

namespace souk::sim {
namespace {

constexpr int kWitnesses = 4, kQuorum = 3;

// The book's checkpoints are cosigned by the renters, of whom three of four must have done it
// before a receipt leaves.
class Witnessed : public testing::Test {
 protected:
  explicit Witnessed(size_t quorum = kQuorum)
      : world({.seed = 11,
               .providers = 1,
               .renters = kWitnesses,
               .faults = false,
               .witnesses = kWitnesses,
               .quorum = quorum}) {
    world.Boot();
    world.RunFor(3000);
  }
  ~Witnessed() override {
    for (const std::string& violation : world.outcome().violations) ADD_FAILURE() << violation;
  }
  Peer& book() { return world.peer(0); }
  Peer& witness(int i) { return world.peer(2 + i); }
  void Issue(int64_t amount) {
    const PeerId id = book().identity.id();
    world.Tell(0, node::CommandArrived{
                      ++commands,
                      node::IssueCommand{witness(0).identity.AccountKey(id).public_key(),
                                         Credits{amount}, "paid " + std::to_string(commands)}});
  }
  ledger::TrustPolicy Policy() {
    ledger::TrustPolicy policy{
        {{LogName(book().identity.id()), book().identity.CheckpointKey().public_key().bytes}},
        {},
        kQuorum};
    for (int i = 0; i < kWitnesses; ++i) {
      const Identity& one = witness(i).identity;
      policy.witnesses.push_back({WitnessName(one.id()), one.WitnessKey().public_key().bytes,
                                  ledger::NoteKeyType::kCosignature});
    }
    return policy;
  }
  void Silence(const std::set<int>& silent) {
    world.tap = [silent](int from, int, const node::Frames&) { return !silent.contains(from); };
  }

  World world;
  uint64_t commands = 0;
};

TEST_F(Witnessed, CosignWhatContinuesWhatTheySaw) {
  Issue(1000);
  world.RunFor(3000);
  Issue(1000);
  world.RunFor(3000);
  const auto opened = ledger::OpenCosigned(book().agent->cosigning().note(), Policy());
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->checkpoint.size, book().log->size());
  EXPECT_GE(opened->cosigned.size(), size_t{kQuorum});
  for (int i = 0; i < kWitnesses; ++i) {
    EXPECT_EQ(book().agent->cosigning().stands().at(witness(i).identity.id()), book().log->size());
  }
}

class WitnessedUnasked : public Witnessed {
 protected:
  WitnessedUnasked() : Witnessed(0) {}
};

// Nothing waits for them: so the lines of all come together on one checkpoint, and of those who
// answer where one is away.
TEST_F(WitnessedUnasked, AllWhoAnswerStandOnOneCheckpoint) {
  Issue(1000);
  world.RunFor(3000);
  ledger::TrustPolicy all = Policy();
  all.quorum = kWitnesses;
  const auto opened = ledger::OpenCosigned(book().agent->cosigning().note(), all);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(opened->checkpoint.size, book().log->size());
  Silence({2});
  Issue(1000);
  world.RunFor(8000);
  all.quorum = kWitnesses - 1;
  const auto later = ledger::OpenCosigned(book().agent->cosigning().note(), all);
  ASSERT_TRUE(later) << later.error().message;
  EXPECT_EQ(later->checkpoint.size, book().log->size());
}

// The provider asks the book for a receipt: it comes with the quorum's lines, or not at all.
TEST_F(Witnessed, AReceiptWaitsForTheQuorum) {
  std::vector<std::string> notes;
  const auto note = [&](int from, int to, const node::Frames& frames) {
    const auto document = Document::OpenTrusted(*frames[0]);
    if (from != 0 || to < 2 || (*document)->kind() != Kind::kReply) return;
    const auto reply = Decode<Reply>(**document);
    if (reply->receipt) notes.push_back(DecodeReceipt(*frames[1 + reply->documents])->note);
  };
  // Two of four are silent: no quorum of three.
  world.tap = [&](int from, int to, const node::Frames& frames) {
    note(from, to, frames);
    return from != 4 && from != 5;
  };
  Issue(1'000'000);
  world.RunFor(500);
  const auto offers =
      witness(0).agent->directory().LiveOffers(Time{1'700'000'000'000 + world.now()});
  ASSERT_FALSE(offers.empty());
  world.Tell(2,
             node::CommandArrived{++commands, node::RentCommand{.offer = offers[0].id,
                                                                .book = book().identity.id(),
                                                                .duration = Seconds(60),
                                                                .max_cost = Credits{1'000'000}}});
  world.RunFor(4000);
  EXPECT_TRUE(notes.empty());
  world.tap = [&](int from, int to, const node::Frames& frames) {
    note(from, to, frames);
    return true;
  };
  world.RunFor(8000);
  ASSERT_FALSE(notes.empty());
  for (const std::string& one : notes) {
    const auto opened = ledger::OpenCosigned(one, Policy());
    EXPECT_TRUE(opened) << opened.error().message;
  }
}

TEST_F(Witnessed, AWitnessGoesOnAfterARestartFromWhereItCosigned) {
  Issue(1000);
  world.RunFor(3000);
  world.peer(2).alone = true;
  world.Restart(2);
  EXPECT_EQ(
      witness(0).agent->witnessing().logs().at(LogName(book().identity.id())).head->checkpoint.size,
      book().log->size());
  Issue(1000);
  world.RunFor(5000);
  EXPECT_EQ(book().agent->cosigning().stands().at(witness(0).identity.id()), book().log->size());
}

TEST_F(Witnessed, TheAskerGoesOnAfterARestartFromWhereTheyStand) {
  Issue(1000);
  world.RunFor(3000);
  world.Restart(0);
  world.RunFor(10'000);
  Issue(1000);
  world.RunFor(5000);
  for (int i = 0; i < kWitnesses; ++i) {
    EXPECT_EQ(book().agent->cosigning().stands().at(witness(i).identity.id()), book().log->size());
  }
}

TEST_F(Market, OneThatIsNoWitnessSaysSo) {
  Stranger asker(world, kRenter, 41);
  world.RunFor(500);
  asker.Send({asker.Sign(AddCheckpoint{.request = "old 0\n\nx\n"})});
  world.RunFor(500);
  EXPECT_EQ(asker.Code(), RefusalCode::kUnsupported);
}

TEST_F(Witnessed, AForkShownToAWitnessIsRefusedAndBecomesEvidence) {
  // Another history under the provider's key, shown by a stranger.
  const Identity& owner = world.peer(1).identity;
  world.tap = [](int, int to, const node::Frames&) { return to != 1; };
  auto key = std::make_shared<SigningKey>(owner.CheckpointKey());
  const auto note_of = [&](const char* what, uint64_t size) {
    const ledger::NoteSigner signer{
        LogName(owner.id()), key->public_key().bytes,
        [&](ByteView text) -> Result<ledger::Ed25519Signature> { return key->Sign(text).bytes; }};
    return *ledger::SignCheckpoint({signer.name, size, Sha256(AsBytes(what)), {}}, signer);
  };
  Stranger asker(world, 2, 41);
  world.RunFor(500);
  const auto ask = [&](const std::string& note, uint64_t old) {
    const ledger::AddCheckpointRequest request{.old_size = old, .checkpoint = note};
    asker.Send({asker.Sign(
        AddCheckpoint{.request = request.ToText(), .witness = witness(0).identity.id()})});
    world.RunFor(500);
    const auto document = Document::Open(*world.inbox.back()[0]);
    return *Decode<Cosigned>(**document);
  };
  EXPECT_EQ(ask(note_of("one", 1000), 0).status, 200);
  EXPECT_EQ(ask(note_of("another", 1000), 1000).status, 409);
  EXPECT_EQ(ask(note_of("further", 2000), 1000).status, 422);
  EXPECT_TRUE(witness(0).agent->heads().forks().contains(owner.id()));
}

}  // namespace
}  // namespace souk::sim
