// Mirrors: they follow logs, and cosign what they hold (R3).
#include <fmt/format.h>

#include "ledger/c2sp/cosignature.h"
#include "ledger/c2sp/entry_bundle.h"
#include "unit/node/forker.h"

namespace souk::sim {
namespace {

constexpr int kFirstMirror = 2;

// A book whose receipts wait for two mirrors, and a provider whose log they keep too.
class Mirrored : public testing::Test {
 protected:
  explicit Mirrored(std::vector<PeerId> others = {})
      : world({.seed = 12,
               .providers = 1,
               .renters = 2,
               .faults = false,
               .witnesses = 2,
               .quorum = 2,
               .mirrors = 2,
               .mirrored = std::move(others)}) {
    world.Boot();
    world.tap = [this](int from, int, const node::Frames& frames) {
      CheckCosigned(from, frames);
      return !silent.contains(from);
    };
    world.RunFor(8000);
  }
  ~Mirrored() override {
    for (const std::string& violation : world.outcome().violations) ADD_FAILURE() << violation;
  }
  Peer& book() { return world.peer(0); }
  Peer& mirror(int i = 0) { return world.peer(kFirstMirror + i); }
  void Issue() {
    const PeerId id = book().identity.id();
    world.Tell(
        0, node::CommandArrived{
               ++commands, node::IssueCommand{mirror().identity.AccountKey(id).public_key(),
                                              Credits{1000}, "paid " + std::to_string(commands)}});
  }
  const ledger::MirroredLog* Held(Peer& by, const Peer& of) {
    return by.mirrors->Find(LogName(of.identity.id()));
  }
  void ExpectCaughtUp(const Peer& of) {
    for (int i = 0; i < 2; ++i) {
      const ledger::MirroredLog* held = Held(mirror(i), of);
      ASSERT_NE(held, nullptr) << of.name();
      EXPECT_EQ(held->head.size, of.log->size());
      EXPECT_EQ(held->head.root, of.log->head().root);
      EXPECT_EQ(held->note, of.log->checkpoint());
    }
  }
  // Whatever a mirror cosigned stands on its disk, whatever becomes of its memory now.
  void CheckCosigned(int from, const node::Frames& frames) {
    if (from < kFirstMirror) return;
    const DocumentRef document = *Document::OpenTrusted(*frames[0]);
    if (document->kind() != Kind::kCosigned || Decode<Cosigned>(*document)->status != 200) return;
    ++cosigned;
    ledger::MemoryStore disk = world.peer(from).mirror_store;
    disk.Crash();
    const auto mirrors = ledger::Mirrors::Open(disk);
    ASSERT_TRUE(mirrors) << mirrors.error().message;
    for (const auto& [origin, log] : world.peer(from).agent->witnessing().logs()) {
      if (!log.head) continue;
      const auto root = mirrors->RootAt(origin, log.head->checkpoint.size);
      ASSERT_TRUE(root) << "cosigned and not stored: " << log.head->checkpoint.size;
      EXPECT_EQ(*root, log.head->checkpoint.root);
    }
  }

  World world;
  std::set<int> silent;
  uint64_t commands = 0;
  int cosigned = 0;
};

TEST_F(Mirrored, FollowTheLogsOfABookAndOfItsProviders) {
  for (int i = 0; i < 5; ++i) {
    Issue();
    world.RunFor(1000);
  }
  world.RunFor(8000);
  ExpectCaughtUp(book());
  ExpectCaughtUp(world.peer(1));
  EXPECT_GT(cosigned, 0);
  // Their cosignatures make the quorum.
  EXPECT_EQ(book().agent->cosigning().size(), book().log->size());
}

TEST_F(Mirrored, GoOnThroughTheirOwnRestartsAndTheLogs) {
  for (int round = 0; round < 4; ++round) {
    Issue();
    world.RunFor(700);
    const int who = round == 3 ? 0 : kFirstMirror + round % 2;
    world.peer(who).alone = true;
    world.Restart(who);
    Issue();
    world.RunFor(15'000);
    ExpectCaughtUp(book());
    EXPECT_EQ(book().agent->cosigning().size(), book().log->size());
  }
}

// One entry after the other, with a failing disk at each of the mirror's writes.
TEST_F(Mirrored, NeverCosignWhatACrashTakesFromThem) {
  using Fault = ledger::DiskFaults::Kind;
  mirror().alone = true;
  for (const Fault kind : {Fault::kLost, Fault::kTorn, Fault::kApplied}) {
    for (uint64_t at = 0; at < 6; ++at) {
      mirror().faults->FailAt(mirror().faults->writes() + at, kind);
      Issue();
      world.RunFor(2000);
      Issue();
      world.RunFor(4000);
    }
  }
  mirror().faults->Restart();
  world.RunFor(20'000);
  EXPECT_GT(world.outcome().crashes, 5u);
  ExpectCaughtUp(book());
}

TEST_F(Mirrored, NoReceiptLeavesBeforeItsEntryIsMirrored) {
  // The entries do not get through, the questions do.
  world.tap = [](int, int, const node::Frames& frames) {
    return (*Document::OpenTrusted(*frames[0]))->kind() != Kind::kEntries;
  };
  const uint64_t before = book().agent->cosigning().size();
  Issue();
  world.RunFor(8000);
  EXPECT_EQ(book().agent->cosigning().size(), before);
  world.tap = {};
  world.RunFor(15'000);
  EXPECT_EQ(book().agent->cosigning().size(), book().log->size());
}

TEST_F(Mirrored, ALostFolderIsFetchedAgainBeforeAnythingIsCosigned) {
  Issue();
  world.RunFor(5000);
  ASSERT_EQ(book().agent->cosigning().size(), book().log->size());
  mirror().alone = true;
  mirror().mirror_store = ledger::MemoryStore(mirror().faults);
  mirror().mirror_lost = true;
  world.Restart(kFirstMirror);
  Issue();
  world.RunFor(15'000);
  ExpectCaughtUp(book());
}

class MirroredJanus : public Mirrored {
 protected:
  MirroredJanus() : Mirrored({Identity::FromSeed({99, 9}).id()}) {
    forker.readers = {mirror().identity.id(), mirror(1).identity.id()};
  }
  void AnswerFor(const Branch& branch, int64_t ms) {
    for (int64_t at = 0; at < ms; at += 100) {
      world.RunFor(100);
      forker.AnswerFrom(branch, kFirstMirror);
    }
  }
  const ledger::MirroredLog* HeldOfJanus() {
    return mirror().mirrors->Find(LogName(forker.identity.id()));
  }
  std::optional<Cosigned> Ask(const Branch& branch) {
    world.inbox.clear();
    const ledger::AddCheckpointRequest request{.old_size = 0,
                                               .checkpoint = branch.log->checkpoint()};
    forker.Tell(kFirstMirror,
                AddCheckpoint{.request = request.ToText(), .witness = mirror().identity.id()});
    for (int i = 0; i < 30; ++i) {
      world.RunFor(100);
      for (const node::Frames& frames : world.inbox) {
        const DocumentRef document = *Document::OpenTrusted(*frames[0]);
        if (document->kind() == Kind::kCosigned) return *Decode<Cosigned>(*document);
      }
      forker.AnswerFrom(branch, kFirstMirror);
    }
    return std::nullopt;
  }

  Forker forker{world};
};

TEST_F(MirroredJanus, AForkIsKeptAsEvidenceAndNotCosigned) {
  forker.Meet(kFirstMirror, forker.left);
  AnswerFor(forker.left, 4000);
  ASSERT_NE(HeldOfJanus(), nullptr);
  EXPECT_EQ(HeldOfJanus()->note, forker.left.log->checkpoint());
  const auto first = Ask(forker.left);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->status, 200);

  forker.right.Grow("right", 3);
  forker.Meet(kFirstMirror, forker.right);
  EXPECT_FALSE(Ask(forker.right));
  AnswerFor(forker.right, 15'000);
  // What it held stays, the evidence is there for everyone, and nothing more is cosigned.
  EXPECT_EQ(HeldOfJanus()->note, forker.left.log->checkpoint());
  EXPECT_TRUE(mirror().agent->heads().forks().contains(forker.identity.id()));
  EXPECT_TRUE(mirror(1).agent->heads().forks().contains(forker.identity.id()));
  EXPECT_FALSE(Ask(forker.right));
  EXPECT_FALSE(Ask(forker.left));
  EXPECT_EQ(
      mirror().agent->witnessing().logs().at(LogName(forker.identity.id())).head->checkpoint.root,
      forker.left.log->head().root);
}

TEST_F(MirroredJanus, OneThatDoesNotNameTheMirrorAsAReaderIsNotAskedAndSaysWhy) {
  forker.readers = {};
  forker.Meet(kFirstMirror, forker.left);
  AnswerFor(forker.left, 4000);
  EXPECT_EQ(HeldOfJanus(), nullptr);
  EXPECT_NE(mirror().agent->mirroring().logs().at(forker.identity.id()).trouble.find("readers"),
            std::string::npos);
  EXPECT_FALSE(Ask(forker.left));
}

TEST_F(MirroredJanus, AMirrorGivesALogBackToItsOwnerAndToTheReadersOnItsCard) {
  forker.readers.push_back(Identity::FromSeed({71, 1, 2, 3}).id());
  forker.Meet(kFirstMirror, forker.left);
  AnswerFor(forker.left, 4000);
  const uint64_t size = forker.left.log->size();
  const EntriesGet all{.log = forker.identity.id(), .from = 0, .size = size};
  const auto given = [&]() -> std::optional<Entries> {
    world.RunFor(300);
    for (const node::Frames& frames : world.inbox) {
      const DocumentRef document = *Document::OpenTrusted(*frames[0]);
      if (document->kind() != Kind::kEntries) continue;
      const auto entries = *Decode<Entries>(*document);
      EXPECT_EQ(ledger::ParseEntryBundle(*frames[1], entries.count)->size(), size);
      return entries;
    }
    return std::nullopt;
  };
  world.inbox.clear();
  forker.Tell(kFirstMirror, all);
  const auto to_owner = given();
  ASSERT_TRUE(to_owner);
  EXPECT_EQ(to_owner->note, forker.left.log->checkpoint());

  Stranger reader(world, kFirstMirror, 71), other(world, kFirstMirror, 72);
  world.RunFor(500);
  world.inbox.clear();
  reader.Send({reader.Sign(all)});
  EXPECT_TRUE(given());
  world.inbox.clear();
  other.Send({other.Sign(all)});
  EXPECT_FALSE(given());
  EXPECT_EQ(other.Code(), RefusalCode::kNotYours);
  world.inbox.clear();
  reader.Send({reader.Sign(EntriesGet{.log = all.log, .from = 0, .size = size + 1})});
  EXPECT_FALSE(given());
  EXPECT_EQ(reader.Code(), RefusalCode::kNotFound);
  world.inbox.clear();
  reader.Send({reader.Sign(EntriesGet{.log = reader.identity().id(), .from = 0, .size = 0})});
  EXPECT_FALSE(given());
  EXPECT_EQ(reader.Code(), RefusalCode::kNotYours) << "its own log, which nobody mirrors";
}

TEST_F(MirroredJanus, WhatIsNotMirroredIsNotCosignedByOneThatOnlyMirrors) {
  Stranger stranger(world, kFirstMirror, 71);
  world.RunFor(500);
  const ledger::AddCheckpointRequest request{
      .old_size = 0,
      .checkpoint = *ledger::SignCheckpoint({LogName(stranger.identity().id()), 1, Sha256({}), {}},
                                            SignerFor(stranger.identity()))};
  stranger.Send({stranger.Sign(
      AddCheckpoint{.request = request.ToText(), .witness = mirror().identity.id()})});
  world.RunFor(500);
  EXPECT_EQ(stranger.Code(), RefusalCode::kUnsupported);
}

}  // namespace
}  // namespace souk::sim
