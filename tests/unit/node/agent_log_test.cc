// What an agent's log holds: batches, restarts, and who may confirm it (R3).
#include "unit/node/agent_market.h"

namespace souk::sim {
namespace {

TEST_F(Market, MoreEntriesThanACommitTakesAreCommittedBeforeAnythingIsSent) {
  const uint64_t first = book().log->size();
  node::Effects effects;
  for (uint64_t i = 0; i < 10'000; ++i) effects.appends.push_back({LeafAt(first + i), {}});
  bool answered = false;
  std::vector<node::Event> follow;
  node::Runner runner({*book().agent, *book().log, book().store, book(), book().workshop,
                       book().blobs, book().checker},
                      [&](const node::CommandAnswer&) {
                        answered = true;
                        EXPECT_EQ(book().log->size(), first + 10'000);
                      });
  effects.answers.push_back({});
  EXPECT_TRUE(runner.Run(std::move(effects), follow));
  EXPECT_TRUE(answered);
  EXPECT_EQ(*book().log->Entry(first + 9999), LeafAt(first + 9999));
}

TEST_F(Market, AnIdThatComesTwiceInABatchNamesTheFirstEntry) {
  const uint64_t first = book().log->size();
  const Digest id = Sha256(AsBytes("both answers to one commit"));
  node::Effects effects;
  for (uint64_t i = 0; i < 5000; ++i) effects.appends.push_back({LeafAt(first + i), {}});
  for (const uint64_t i : {3u, 4u, 4999u}) effects.appends[i].ids = {id};
  std::vector<node::Event> follow;
  EXPECT_TRUE(book().runner->Run(std::move(effects), follow));
  EXPECT_EQ(*book().log->FindById(id), first + 3);
}

TEST_F(Market, EachPeerFindsItsLeaseAgainAfterARestart) {
  for (const int peer : {kProvider, kRenter, kBook}) {
    Rent(Seconds(60));
    world.RunFor(4000);
    const Digest id = LastLease().id;
    ASSERT_EQ(LastLease().phase, node::Renter::Phase::kMetering) << peer;
    world.Restart(peer);
    world.RunFor(6000);
    EXPECT_EQ(renter().agent->renter().leases().at(id).phase, node::Renter::Phase::kMetering)
        << peer;
    Command(kRenter, node::ReleaseCommand{id});
    world.RunFor(8000);
    EXPECT_EQ(renter().agent->renter().leases().at(id).phase, node::Renter::Phase::kClosed) << peer;
    EXPECT_TRUE(ProvidersLease(id).settled) << peer;
  }
}

// The checkpoint of `to`'s log that the last hello from one to the other showed.
std::function<bool(int, int, const node::Frames&)> ShownBy(int from, int to, std::string* shown) {
  return [=](int sender, int receiver, const node::Frames& frames) {
    const auto hello = Decode<Hello>(**Document::OpenTrusted(*frames[0]));
    if (sender == from && receiver == to && hello) *shown = hello->your_checkpoint;
    return true;
  };
}

TEST_F(Market, TheBookShowsTheCheckpointUnderWhichItsWordWasRecorded) {
  for (const int peer : {kProvider, kRenter}) {
    Rent(Seconds(60));
    world.RunFor(4000);
    const Digest id = LastLease().id;
    Command(kRenter, node::ReleaseCommand{id});
    world.RunFor(8000);
    ASSERT_TRUE(ProvidersLease(id).settled);
    uint64_t settled = 0;
    for (uint64_t i = 0; i < world.peer(peer).log->size(); ++i) {
      const auto entry = DecodeEntry(*world.peer(peer).log->Entry(i));
      if (std::holds_alternative<Settled>(entry->outcome)) settled = i + 1;
    }
    std::string shown;
    // What arrives second continues what was proven; what arrives first is the newest.
    world.tap = [&, peer, see = ShownBy(kBook, peer, &shown)](int from, int to,
                                                              const auto& frames) {
      return !shown.empty() || see(from, to, frames);
    };
    world.Restart(kBook);
    world.Restart(peer);
    world.tap = {};
    const auto note = ledger::ParseNote(shown);
    ASSERT_TRUE(note) << peer;
    EXPECT_GE(ledger::ParseCheckpoint(note->text)->size, settled) << peer;
  }
}

TEST_F(Market, OnlyWhoMetAnEarlierRunConfirmsALog) {
  const std::string newest = book().log->checkpoint();
  // Those who met it are away.
  world.tap = [](int, int, const node::Frames&) { return false; };
  world.Restart(kBook);
  ASSERT_FALSE(book().agent->may_sign());
  Stranger echo(world, kBook, 77);
  world.RunFor(1000);
  for (const node::Frames& frames : world.inbox) {
    const auto said = Decode<Hello>(**Document::OpenTrusted(*frames[0]));
    if (!said) continue;
    EXPECT_EQ(said->my_checkpoint, "") << "shown to somebody who could echo it";
  }
  echo.Show(newest);
  world.RunFor(1000);
  EXPECT_FALSE(book().agent->may_sign()) << "a stranger's copy is no counterparty's";
  world.tap = {};
  world.RunFor(20'000);
  EXPECT_TRUE(book().agent->may_sign()) << "the provider and the renter met it before";
}

// ---- Versions of the rules -------------------------------------------------------------------

ledger::NoteSigner OwnSigner(const Identity& owner) {
  ledger::NoteSigner signer{.name = LogName(owner.id()),
                            .key = owner.CheckpointKey().public_key().bytes};
  signer.sign = [&owner](ByteView bytes) -> Result<ledger::Ed25519Signature> {
    return owner.CheckpointKey().Sign(bytes).bytes;
  };
  return signer;
}

// A program that knows a second version, on the provider's log.
class NextProvider {
 public:
  NextProvider(Peer& peer, RuleSets known) : signer_(OwnSigner(peer.identity)) {
    node::Settings settings = peer.settings;
    settings.rules = known;
    agent_.emplace(peer.identity, settings, peer.blobs);
    log_.emplace(*ledger::Log::Open(store_, slots_, signer_));
  }
  Status Restore(const std::vector<Bytes>& leaves) {
    std::vector<ledger::Draft> drafts;
    for (size_t i = 0; i < leaves.size(); ++i) {
      RETURN_IF_ERROR(agent_->Restore(i, leaves[i]));
      drafts.push_back({leaves[i], {}});
    }
    EXPECT_TRUE(log_->Commit(drafts));
    return Ok();
  }
  // What it appends first.
  std::vector<Entry> Begin(Now now) {
    const node::Effects effects = agent_->Begin(now, /*may_sign=*/true);
    std::vector<Entry> entries;
    std::vector<ledger::Draft> drafts;
    for (const auto& append : effects.appends) {
      entries.push_back(*DecodeEntry(append.leaf, 2));
      drafts.push_back({append.leaf, {}});
    }
    EXPECT_TRUE(log_->Commit(drafts));
    return entries;
  }
  ledger::AuditReport Audit(RuleSets known) const {
    ledger::AuditOptions options;
    options.rules = known;
    return ledger::Audit(log_->reader(), options);
  }
  std::vector<Bytes> Leaves() const {
    std::vector<Bytes> leaves;
    for (uint64_t i = 0; i < log_->size(); ++i) leaves.push_back(*log_->Entry(i));
    return leaves;
  }

 private:
  ledger::NoteSigner signer_;
  ledger::MemoryStore store_;
  ledger::MemorySlotFile slots_;
  std::optional<ledger::Log> log_;
  std::optional<node::Agent> agent_;
};

constexpr RuleSet kNextVersions[] = {
    kRuleSets[0], {.version = 2, .window = Seconds(10), .max_skew = Seconds(30)}};

TEST_F(Market, ANewerProgramUpgradesItsLogOnceAndAnOlderOneLeavesItAlone) {
  RentUntilMetering();
  std::vector<Bytes> leaves;
  for (uint64_t i = 0; i < provider().log->size(); ++i) {
    leaves.push_back(*provider().log->Entry(i));
  }
  const Time wall{1'700'000'000'000 + world.now()};
  NextProvider next(provider(), kNextVersions);
  ASSERT_TRUE(next.Restore(leaves));
  const std::vector<Entry> begun = next.Begin({.wall = wall, .monotonic = Seconds(1)});
  ASSERT_GE(begun.size(), 2u);
  EXPECT_TRUE(std::holds_alternative<Resumed>(begun[0].outcome));
  EXPECT_EQ(begun[0].rules, 1u) << "the window of what was missed is the old one";
  ASSERT_TRUE(std::holds_alternative<Upgraded>(begun[1].outcome));
  EXPECT_EQ(std::get<Upgraded>(begun[1].outcome), (Upgraded{.from = 1, .to = 2}));
  for (size_t i = 1; i < begun.size(); ++i) EXPECT_EQ(begun[i].rules, 2u) << i;
  EXPECT_EQ(next.Audit(kNextVersions).verdict, ledger::Verdict::kValid);
  EXPECT_EQ(next.Audit(kRuleSets).verdict, ledger::Verdict::kIncomplete);

  NextProvider again(provider(), kNextVersions);
  ASSERT_TRUE(again.Restore(next.Leaves()));
  for (const Entry& entry : again.Begin({.wall = wall + Seconds(9), .monotonic = Seconds(1)})) {
    EXPECT_FALSE(std::holds_alternative<Upgraded>(entry.outcome));
    EXPECT_EQ(entry.rules, 2u);
  }
  EXPECT_EQ(again.Audit(kNextVersions).verdict, ledger::Verdict::kValid);

  NextProvider older(provider(), kRuleSets);
  const Status refused = older.Restore(next.Leaves());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
}

}  // namespace
}  // namespace souk::sim
