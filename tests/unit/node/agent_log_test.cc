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

}  // namespace
}  // namespace souk::sim
