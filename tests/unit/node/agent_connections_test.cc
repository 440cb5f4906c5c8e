// Connections and gossip (R2): honest peers, and strangers who break the rules.
#include "unit/node/agent_market.h"

namespace souk::sim {
namespace {

TEST_F(Market, OffersArriveByGossip) {
  EXPECT_EQ(Offer().provider, provider().identity.id());
}

TEST_F(Market, AHelloAfterItsConnectionWasGivenUpBindsNothing) {
  node::Frames answer;
  world.tap = [&](int from, int to, const node::Frames& frames) {
    if (from == kBook && to == kRenter && answer.empty()) answer = frames;
    return from != kBook || to != kRenter;
  };
  world.Restart(kRenter);
  ASSERT_FALSE(answer.empty());
  node::DocumentArrived late{.connection = 2, .curve = book().curve};
  late.document = *Document::Open(*answer.at(0));
  late.carried = {*Document::Open(*answer.at(1))};
  ASSERT_EQ(late.document->kind(), Kind::kHello);
  world.Tell(kRenter, late);
  EXPECT_FALSE(renter().agent->connections().Bound(late.connection));
  // The book is reached by another attempt.
  world.tap = {};
  world.RunFor(10'000);
  EXPECT_EQ(renter().agent->connections().AllBound().size(), 1u);
}

TEST_F(Market, WhoIsRefusedForItsClockIsToldSo) {
  const PeerId to = book().identity.id();
  EXPECT_EQ(renter().agent->connections().WhyRefused(to), "");
  renter().skew_ms += 3'600'000;
  world.Restart(kRenter);
  world.RunFor(5'000);
  EXPECT_NE(renter().agent->connections().WhyRefused(to).find("clocks differ by "),
            std::string::npos)
      << renter().agent->connections().WhyRefused(to);
  renter().skew_ms -= 3'600'000;
  world.RunFor(20'000);
  EXPECT_EQ(renter().agent->connections().WhyRefused(to), "");
  EXPECT_EQ(renter().agent->connections().AllBound().size(), 1u);
}

TEST_F(Market, ATooFastPeerIsNotBanned) {
  const auto bound = provider().agent->connections().AllBound();
  ASSERT_EQ(bound.size(), 1u);
  for (int i = 0; i < 200; ++i) {
    world.Tell(kProvider, node::MessageRefused{.connection = bound[0],
                                               .curve = book().curve,
                                               .code = RefusalCode::kRateLimited});
  }
  EXPECT_EQ(provider().agent->connections().AllBound(), bound);
}

TEST_F(Market, StrikesAreForgottenWithTime) {
  const auto bound = provider().agent->connections().AllBound();
  ASSERT_EQ(bound.size(), 1u);
  const node::MessageRefused nonsense{.connection = bound[0], .curve = book().curve};
  for (int i = 0; i < 60; ++i) world.Tell(kProvider, nonsense);
  world.RunFor(60'000);
  for (int i = 0; i < 60; ++i) world.Tell(kProvider, nonsense);
  EXPECT_EQ(provider().agent->connections().AllBound(), bound);
  for (int i = 0; i < 60; ++i) world.Tell(kProvider, nonsense);
  EXPECT_TRUE(provider().agent->connections().AllBound().empty());
}

TEST_F(Market, WhoWasThereBeforeHearsOfANewcomersCard) {
  const Stranger newcomer(world, kBook, 9);
  world.RunFor(1000);
  EXPECT_NE(renter().agent->directory().FindCard(newcomer.identity().id()), nullptr);
}

TEST_F(Hostile, AnUnknownConnectionMayOnlySayHello) {
  Stranger stranger(world, kProvider, 1, /*hello=*/false);
  const uint64_t size = provider().log->size();
  stranger.Send({stranger.Sign(LeaseQuery{})});
  EXPECT_EQ(stranger.Code(), RefusalCode::kNotBound);
  ExpectUnchanged(size);
}

TEST_F(Hostile, WhoLacksTheAnswerToItsHelloGetsItAgain) {
  Stranger stranger(world, kProvider, 1);
  world.inbox.clear();
  stranger.Send({stranger.Sign(Refusal{.code = RefusalCode::kNotBound, .sentence = "say hello"})});
  ASSERT_FALSE(world.inbox.empty());
  const auto hello = Decode<souk::Hello>(**Document::Open(*world.inbox[0][0]));
  ASSERT_TRUE(hello);
  EXPECT_TRUE(hello->answer);
}

TEST_F(Hostile, ACardWithAnotherCurveKeyDoesNotBind) {
  Stranger stranger(world, kProvider, 1, /*hello=*/false);
  stranger.Hello(renter().curve);
  EXPECT_EQ(stranger.Code(), RefusalCode::kWrongSigner);
  stranger.Send({stranger.Sign(LeaseQuery{})});
  EXPECT_EQ(stranger.Code(), RefusalCode::kNotBound);
}

// Else one connection could make this node remember any number of peers.
TEST_F(Hostile, AConnectionIsBoundToOneIdentityForItsLife) {
  Stranger stranger(world, kProvider, 1);
  const Identity other = Identity::FromSeed({2, 1, 2, 3});
  stranger.HelloAs(other, stranger.identity().Curve().public_key());
  EXPECT_EQ(stranger.Code(), RefusalCode::kWrongSigner);
  EXPECT_EQ(provider().agent->directory().FindCard(other.id()), nullptr);
}

TEST_F(Hostile, AMessageByAnotherThanTheConnectionsIdentityIsRefused) {
  Stranger stranger(world, kProvider, 1);
  const uint64_t size = provider().log->size();
  stranger.Send({SignMessage(LeaseQuery{}, renter().identity.key())});
  EXPECT_EQ(stranger.Code(), RefusalCode::kWrongSigner);
  ExpectUnchanged(size);
}

TEST_F(Hostile, WronglySignedAndTruncatedBytesAreRefused) {
  Stranger stranger(world, kProvider, 1);
  const uint64_t size = provider().log->size();
  Bytes bytes = stranger.Sign(LeaseQuery{.lease = Sha256({})})->envelope();
  bytes.back() ^= 1;
  stranger.SendRaw(bytes);
  EXPECT_EQ(stranger.Code(), RefusalCode::kBadSignature);
  bytes.pop_back();
  stranger.SendRaw(bytes);
  EXPECT_EQ(stranger.Code(), RefusalCode::kMalformed);
  stranger.SendRaw(Bytes(20'000, 0));
  EXPECT_EQ(stranger.Code(), RefusalCode::kTooLarge);
  stranger.SendRaw({});
  EXPECT_EQ(stranger.Code(), RefusalCode::kMalformed);
  ExpectUnchanged(size);
}

TEST_F(Hostile, EndlessNonsenseEndsTheConnection) {
  Stranger stranger(world, kProvider, 1);
  for (int i = 0; i < 200; ++i) stranger.SendRaw({1, 2, 3});
  const size_t answers = world.inbox.size();
  EXPECT_LT(answers, 150u);
}

class Gossip : public Hostile {
 protected:
  Card GoodCard(const Stranger& clock, const PublicKey& peer) {
    return {.name = "many",
            .endpoints = {"tcp://10.1.2.3:7100"},
            .log_name = "log",
            .sequence = 1,
            .issued = clock.Wall(),
            .expires = clock.Wall() + Hours(1),
            .peer = peer};
  }
  static void SendBundle(Stranger& from, const std::vector<DocumentRef>& documents) {
    std::vector<DocumentRef> all = {
        from.Sign(Bundle{.count = static_cast<uint32_t>(documents.size())})};
    all.insert(all.end(), documents.begin(), documents.end());
    from.Send(all);
  }
  const node::Directory& directory() { return provider().agent->directory(); }
};

TEST_F(Gossip, ANewcomerGetsALargeDirectoryPageByPage) {
  constexpr int kDocuments = 10'000;
  Stranger feeder(world, kProvider, 1);
  std::vector<DocumentRef> page;
  for (int i = 0; i < kDocuments; ++i) {
    const SigningKey key = SigningKey::FromSeed(Sha256(AsBytes(std::to_string(i))).bytes);
    page.push_back(SignMessage(GoodCard(feeder, key.public_key()), key));
    if (page.size() < limits::kGossipIds) continue;
    SendBundle(feeder, page);
    page.clear();
  }
  SendBundle(feeder, page);
  ASSERT_GE(directory().Cards().size(), static_cast<size_t>(kDocuments));

  world.inbox.clear();
  Stranger newcomer(world, kProvider, 2);
  std::set<Digest> got;
  for (int quiet_ms = 0; quiet_ms < 2'000; quiet_ms += 20) {
    // What waits for a newcomer that does not read at once stays far below its queue.
    ASSERT_LT(world.inbox.size(), 32u);
    for (const node::Frames& frames : std::exchange(world.inbox, {})) {
      const DocumentRef document = *Document::Open(*frames[0]);
      if (const auto have = Decode<Have>(*document)) {
        newcomer.Send({newcomer.Sign(Want{.ids = have->ids})});
      }
      if (document->kind() != Kind::kBundle) continue;
      quiet_ms = 0;
      for (size_t i = 1; i < frames.size(); ++i) {
        got.insert((*Document::OpenTrusted(*frames[i]))->id());
      }
    }
    world.RunFor(20);
  }
  EXPECT_GE(got.size(), static_cast<size_t>(kDocuments));
}

TEST_F(Gossip, AnothersSignatureOnTheSamePayloadIsNotTaken) {
  Stranger stranger(world, kProvider, 1);
  const Identity victim = Identity::FromSeed({7, 7});
  const Card card = GoodCard(stranger, victim.id());
  SendBundle(stranger, {stranger.Sign(card)});
  SendBundle(stranger, {SignMessage(card, victim.key())});
  ASSERT_NE(directory().FindCard(victim.id()), nullptr);
  EXPECT_NE(directory().FindCard(stranger.identity().id())->card.name, card.name);
}

TEST_F(Gossip, WhatLivesTooLongOrComesFromTheFutureIsNotTaken) {
  Stranger stranger(world, kProvider, 1);
  const Identity other = Identity::FromSeed({7, 7});
  Card card = GoodCard(stranger, other.id());
  card.expires = card.issued + limits::kCardLife + Millis(1);
  SendBundle(stranger, {SignMessage(card, other.key())});
  card.issued = stranger.Wall() + Hours(1);
  card.expires = card.issued + Hours(1);
  SendBundle(stranger, {SignMessage(card, other.key())});
  EXPECT_EQ(directory().FindCard(other.id()), nullptr);
}

TEST_F(Gossip, AnExpiredCardIsForgotten) {
  Stranger stranger(world, kProvider, 1);
  const Identity other = Identity::FromSeed({7, 7});
  Card card = GoodCard(stranger, other.id());
  card.expires = card.issued + Seconds(5);
  SendBundle(stranger, {SignMessage(card, other.key())});
  EXPECT_NE(directory().FindCard(other.id()), nullptr);
  world.RunFor(20'000);
  EXPECT_EQ(directory().FindCard(other.id()), nullptr);
}

TEST_F(Gossip, OnlyNumericTcpEndpointsOfCardsAreDialled) {
  Stranger stranger(world, kProvider, 1);
  const auto address = [&](uint8_t seed, std::vector<std::string> endpoints) -> std::string {
    const Identity other = Identity::FromSeed({7, seed});
    Card card = GoodCard(stranger, other.id());
    card.endpoints = std::move(endpoints);
    SendBundle(stranger, {SignMessage(card, other.key())});
    const auto found = directory().FindAddress(other.id(), {});
    return found ? found->endpoint : "";
  };
  EXPECT_EQ(address(1, {"tcp://slow.example:1", "tcp://10.0.0.9:1"}), "tcp://10.0.0.9:1");
  EXPECT_EQ(address(2, {"tcp://[::1]:80"}), "tcp://[::1]:80");
  EXPECT_EQ(address(3, {"tcp://slow.example:1"}), "");
  EXPECT_EQ(address(4, {"tcp://10.0.0.9:1", "ipc:///run/x"}), "");
  EXPECT_EQ(address(5, {"tcp://10.0.0.9:1;10.0.0.8:2"}), "");
}

}  // namespace
}  // namespace souk::sim
