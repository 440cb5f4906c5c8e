// Others' heads compared, and what follows from a fork (R3).
#include "node/agent/heads.h"
#include "unit/node/forker.h"

namespace souk::sim {
namespace {

// What anyone can do with what the peer holds against the forker.
void ExpectProof(Peer& peer, const PeerId& forker) {
  const auto& forks = peer.agent->heads().forks();
  const auto it = forks.find(forker);
  ASSERT_NE(it, forks.end()) << peer.name();
  const auto key = *ledger::NoteVerifier::ParseVkey(it->second.vkey);
  const auto evidence = ledger::ParseForkEvidence(it->second.evidence);
  ASSERT_TRUE(evidence) << evidence.error().message;
  const auto fork = ledger::VerifyForkEvidence(*evidence, {&key, 1});
  EXPECT_TRUE(fork) << fork.error().message;
}

// R3, Must show: 100 peers, of whom each sees one of two histories.
TEST(Heads, AForkShownToTwoGroupsOfAHundredPeersIsKnownToAllWithinTwoRounds) {
  constexpr int kPeers = 100;
  World world({.seed = 3, .providers = 1, .renters = kPeers - 2, .faults = false, .meshed = true});
  world.Boot();
  world.RunFor(8000);
  Forker forker(world);
  for (int i = 0; i < kPeers; ++i) forker.Meet(i, i % 2 == 0 ? forker.left : forker.right);
  world.RunFor(2 * node::Heads::kRound.ms);
  for (int i = 0; i < kPeers; ++i) ExpectProof(world.peer(i), forker.identity.id());
  for (const std::string& violation : world.outcome().violations) ADD_FAILURE() << violation;
}

// No size was signed twice: one of the peers must get a proof that leads elsewhere.
TEST_F(Market, AForkOfDifferentSizesIsProvenByTheForkersOwnProof) {
  Forker forker(world);
  forker.right.Grow("right", 3);
  forker.Meet(kRenter, forker.left);
  world.RunFor(1000);
  forker.Meet(kRenter, forker.right);
  world.RunFor(node::Heads::kRound.ms + 100);
  ASSERT_EQ(forker.Questions(), 1u);
  forker.AnswerFrom(forker.right, kRenter);
  world.RunFor(node::Heads::kRound.ms);
  for (Peer* peer : {&renter(), &provider(), &book()}) ExpectProof(*peer, forker.identity.id());
}

TEST_F(Market, WhoDoesNotProveThatItsLogIsOneIsDoubtedAndNotAccused) {
  Forker forker(world);
  forker.right.Grow("right", 3);
  forker.Meet(kRenter, forker.left);
  world.RunFor(1000);
  forker.Meet(kRenter, forker.right);
  world.RunFor(60'000);
  EXPECT_GE(forker.Questions(), 3u);
  EXPECT_EQ(renter().agent->heads().DoubtOf(forker.identity.id()), node::Heads::Doubt::kUnproven);
  EXPECT_TRUE(renter().agent->heads().forks().empty());
  // It thinks better of it.
  world.inbox.clear();
  forker.Meet(kRenter, forker.left);
  world.RunFor(15'000);
}

TEST_F(Market, AnHonestLogThatGrowsIsNeverDoubted) {
  for (int i = 0; i < 4; ++i) {
    const Digest lease = RentUntilMetering(Seconds(10));
    world.RunFor(20'000);
    (void)lease;
  }
  for (Peer* peer : {&renter(), &provider(), &book()}) {
    for (Peer* other : {&renter(), &provider(), &book()}) {
      EXPECT_EQ(peer->agent->heads().WhyDoubted(other->identity.id()), "")
          << peer->name() << " of " << other->name();
    }
    EXPECT_TRUE(peer->agent->heads().forks().empty());
  }
}

TEST_F(Market, AForkIsRememberedOverARestartAndToldToNewcomers) {
  Forker forker(world);
  forker.Meet(kRenter, forker.left);
  world.RunFor(500);
  // Nobody else hears of it yet.
  world.tap = [](int, int, const node::Frames&) { return false; };
  forker.Meet(kRenter, forker.right);
  world.RunFor(1000);
  ExpectProof(renter(), forker.identity.id());
  EXPECT_TRUE(book().agent->heads().forks().empty());
  world.tap = {};
  world.Restart(kRenter);
  ExpectProof(renter(), forker.identity.id());
  world.RunFor(10'000);
  ExpectProof(book(), forker.identity.id());
  ExpectProof(provider(), forker.identity.id());
}

TEST_F(Market, GetsNoNewLeaseOnceItsLogHasForked) {
  // The provider's key signs a second history, at every size that the first one had.
  const ledger::NoteSigner signer = SignerFor(provider().identity);
  Stranger gossip(world, kRenter, 55);
  world.RunFor(500);
  // It would stop, as it should: another copy of its log has signed under its key.
  world.tap = [](int, int to, const node::Frames&) { return to != kProvider; };
  for (uint64_t size = 1; size <= provider().log->size(); ++size) {
    const std::string note =
        *ledger::SignCheckpoint({signer.name, size, Sha256(AsBytes("other")), {}}, signer);
    gossip.Send({gossip.Sign(Bundle{.count = 1}),
                 gossip.Sign(Head{.peer = provider().identity.id(), .note = note})});
  }
  world.RunFor(2 * node::Heads::kRound.ms);
  ExpectProof(renter(), provider().identity.id());
  const uint64_t before = renter().log->size();
  Rent(Seconds(10));
  world.RunFor(2000);
  EXPECT_EQ(renter().log->size(), before) << "no order was made";
}

TEST_F(Market, AFalseAccusationConvincesNobody) {
  Branch ours(provider().identity, "ours");
  const Identity liar = Identity::FromSeed({7, 7});
  Branch lie(liar, "lie");
  const auto evidence = [](const std::string& earlier, const std::string& later) {
    return ledger::ForkEvidence{.earlier = earlier, .later = later}.ToText();
  };
  const Bytes card =
      renter().agent->directory().FindCard(provider().identity.id())->document->envelope();
  Stranger gossip(world, kRenter, 55);
  world.RunFor(500);
  const std::string& honest = provider().log->checkpoint();
  for (const Fork& fork :
       {Fork{.card = card, .evidence = evidence(honest, honest)},
        Fork{.card = card, .evidence = evidence(honest, lie.log->checkpoint())},
        Fork{.card = card, .evidence = evidence(lie.log->checkpoint(), lie.log->checkpoint())},
        Fork{.card = {}, .evidence = evidence(honest, ours.log->checkpoint())},
        Fork{.card = card, .evidence = "souk/fork-evidence@v1\n"}}) {
    gossip.Send({gossip.Sign(Bundle{.count = 1}), gossip.Sign(fork)});
  }
  world.RunFor(2 * node::Heads::kRound.ms);
  EXPECT_TRUE(renter().agent->heads().forks().empty());
}

}  // namespace
}  // namespace souk::sim
