// Capability challenges between agents (R7): when they are asked, what is answered, and whose
// verdict an offer may show.
#include "node/agent/directory.h"
#include "unit/node/agent_market.h"

namespace souk::sim {
namespace {

using Step = ChallengeStep::Event;

class Challenges : public Market {
 protected:
  Challenges() {
    provider().workshop.cheats = false;
    provider().workshop.product_takes = Millis(300);
  }
  void Ask(std::vector<Digest> leases) {
    Command(kRenter, node::ChallengeCommand{.leases = std::move(leases), .rows = 8, .size = 64});
  }
  // Of the renter's challenges the one under this lease, and its verdict.
  const node::Renter::ChallengeState& Of(const Digest& lease) {
    for (const auto& [id, one] : renter().agent->renter().challenges()) {
      if (one.lease == lease) return one;
    }
    CHECK(false && "no challenge under the lease");
    std::abort();
  }
  ChallengeVerdict VerdictOn(const Digest& lease) {
    const auto& one = Of(lease);
    CHECK(one.verdict_document != nullptr);
    return *Decode<ChallengeVerdict>(*one.verdict_document);
  }
  // The provider's offer as that peer sees it.
  OfferView SeenBy(int peer) {
    const auto offers =
        world.peer(peer).agent->directory().AllOffers(Time{1'700'000'000'000 + world.now()});
    CHECK(offers.size() == 1);
    return offers[0];
  }
  // What it sent to the renter is lost from here on.
  template <typename Message>
  void Lose() {
    world.tap = [](int, int, const node::Frames& frames) {
      return (*Document::Open(*frames[0]))->kind() != KindOf<Message>::value;
    };
  }
};

TEST_F(Challenges, ADeviceThatComputesPassesAndBothLogsTellOfIt) {
  const Digest lease = RentUntilMetering(Minutes(2));
  Ask({lease});
  world.RunFor(6000);
  EXPECT_EQ(Of(lease).decided, ChallengeStatus::kPassed) << Of(lease).sentence;
  const auto& theirs = provider().agent->provider().challenges().at(Of(lease).id);
  EXPECT_EQ(theirs.at, Step::kJudged);
  EXPECT_EQ(theirs.verdict->id(), Of(lease).verdict_document->id());
  EXPECT_EQ(VerdictOn(lease).expires, VerdictOn(lease).judged + limits::kVerdictLife);
  ExpectValid(kRenter);
  ExpectValid(kProvider);
}

TEST_F(Challenges, RowsThatAreNotTheProductsAreCaught) {
  provider().workshop.cheats = true;
  const Digest lease = RentUntilMetering(Minutes(2));
  Ask({lease});
  world.RunFor(6000);
  EXPECT_EQ(Of(lease).decided, ChallengeStatus::kWrong);
  EXPECT_EQ(SeenBy(kRenter).claim.grade, Grade::kDeclared);
  ExpectValid(kRenter);
  ExpectValid(kProvider);
}

TEST_F(Challenges, ARootThatComesLateIsAskedForNoRows) {
  provider().workshop.product_takes = Seconds(8);
  const Digest lease = RentUntilMetering(Minutes(2));
  Ask({lease});
  world.RunFor(15'000);
  EXPECT_EQ(Of(lease).decided, ChallengeStatus::kLate);
  EXPECT_EQ(Of(lease).rows_document, nullptr);
  EXPECT_EQ(provider().agent->provider().challenges().begin()->second.rows, nullptr);
  ExpectValid(kRenter);
  ExpectValid(kProvider);
}

TEST_F(Challenges, ARootThatIsLostIsAskedForAgain) {
  const Digest lease = RentUntilMetering(Minutes(2));
  int lost = 0;
  world.tap = [&](int, int, const node::Frames& frames) {
    return (*Document::Open(*frames[0]))->kind() != Kind::kChallengeRoot || ++lost > 1;
  };
  Ask({lease});
  world.RunFor(10'000);
  world.tap = {};
  EXPECT_GT(lost, 1);
  EXPECT_EQ(Of(lease).decided, ChallengeStatus::kPassed) << Of(lease).sentence;
}

TEST_F(Challenges, RowsThatNeverComeAreSilence) {
  const Digest lease = RentUntilMetering(Minutes(4));
  Lose<ChallengeOpening>();
  Ask({lease});
  world.RunFor(70'000);
  world.tap = {};
  EXPECT_EQ(Of(lease).decided, ChallengeStatus::kSilent);
}

// R7: "all claimed devices at once".
TEST_F(Challenges, OffersAreChallengedWhereAllTheirDevicesPassedAtOnce) {
  const Digest first = RentUntilMetering(Minutes(5));
  Ask({first});
  world.RunFor(6000);
  ASSERT_EQ(Of(first).decided, ChallengeStatus::kPassed);
  EXPECT_EQ(SeenBy(kRenter).claim.grade, Grade::kDeclared) << "one of two devices";
  const Digest second = RentUntilMetering(Minutes(5));
  Ask({first, second});
  world.RunFor(8000);
  const ChallengeVerdict verdict = VerdictOn(second);
  ASSERT_EQ(verdict.results.size(), 2u);
  ASSERT_TRUE(Passed(verdict));
  EXPECT_EQ(SeenBy(kRenter).offer.grade, Grade::kChallenged);
  EXPECT_EQ(SeenBy(kRenter).claim.verifier, renter().identity.id());
  EXPECT_EQ(SeenBy(kRenter).claim.verdict, Of(second).verdict_document->id());
  // Who does not trust the verifier sees a claim.
  EXPECT_EQ(SeenBy(kBook).offer.grade, Grade::kDeclared);
  EXPECT_EQ(SeenBy(kBook).claim.grade, Grade::kChallenged);
  EXPECT_FALSE(SeenBy(kBook).claim.believed);
  ExpectValid(kRenter);
  ExpectValid(kProvider);
}

TEST_F(Challenges, OneDeviceThatCheatsKeepsTheGradeFromAll) {
  const Digest first = RentUntilMetering(Minutes(5)), second = RentUntilMetering(Minutes(5));
  provider().workshop.cheating_devices = {RentersLease(second).acceptance.device};
  Ask({first, second});
  world.RunFor(8000);
  EXPECT_EQ(Of(first).decided, ChallengeStatus::kPassed);
  EXPECT_EQ(Of(second).decided, ChallengeStatus::kWrong);
  EXPECT_FALSE(Passed(VerdictOn(first)));
  EXPECT_EQ(SeenBy(kRenter).claim.grade, Grade::kDeclared);
}

TEST_F(Challenges, AreAskedUnderALeaseThatIsMeteringAlone) {
  const Digest lease = RentUntilMetering(Minutes(2));
  Command(kRenter, node::ReleaseCommand{lease});
  world.RunFor(3000);
  Ask({lease});
  world.RunFor(1000);
  EXPECT_TRUE(renter().agent->renter().challenges().empty());
}

TEST_F(Challenges, NeedTheWholeDevice) {
  const Digest lease = RentUntilMetering(Minutes(2));
  provider().workshop.product_takes = Millis(1500);
  Ask({lease});
  world.RunFor(100);
  Command(kRenter, node::JobCommand{lease, renter().blobs.Put({1}), {}, "work"});
  Ask({lease});
  world.RunFor(100);
  EXPECT_TRUE(renter().agent->renter().jobs().empty());
  EXPECT_EQ(renter().agent->renter().challenges().size(), 1u);
  world.RunFor(8000);
  EXPECT_EQ(Of(lease).decided, ChallengeStatus::kPassed);
  Command(kRenter, node::JobCommand{lease, renter().blobs.Put({1}), {}, "work"});
  world.RunFor(100);
  EXPECT_EQ(renter().agent->renter().jobs().size(), 1u);
}

TEST_F(Challenges, EndWithTheirLease) {
  const Digest lease = RentUntilMetering(Minutes(2));
  provider().workshop.product_takes = Millis(1800);
  Ask({lease});
  world.RunFor(300);
  Command(kRenter, node::ReleaseCommand{lease});
  world.RunFor(8000);
  EXPECT_EQ(Of(lease).decided, ChallengeStatus::kInterrupted);
  EXPECT_FALSE(ProvidersLease(lease).open_challenge);
  EXPECT_EQ(ProvidersLease(lease).state, LeaseState::kClosed);
  ExpectValid(kRenter);
  ExpectValid(kProvider);
}

// A provider turned hostile replays what was once true.
TEST_F(Challenges, AnEarlierRootOrOpeningAnswersNothing) {
  const Digest lease = RentUntilMetering(Minutes(4));
  Ask({lease});
  world.RunFor(6000);
  const node::Renter::ChallengeState first = Of(lease);
  ASSERT_EQ(first.decided, ChallengeStatus::kPassed);
  Lose<ChallengeRoot>();
  Ask({lease});
  world.RunFor(600);
  for (const DocumentRef& old : {first.root_document, first.opening_document}) {
    TellRenter({.document = old}, kProvider);
  }
  world.RunFor(100);
  for (const auto& [id, one] : renter().agent->renter().challenges()) {
    EXPECT_EQ(one.at, id == first.id ? Step::kJudged : Step::kAsked);
  }
  world.tap = {};
}

// A renter turned hostile, towards the provider.
class HostileChallenges : public Challenges {
 protected:
  HostileChallenges() : lease(RentUntilMetering(Minutes(5))) {}
  Challenge Good() {
    const auto& known = ProvidersLease(lease);
    const DeviceForRent& device = provider().settings.provider.devices[0];
    return {.lease = lease,
            .number = known.renter_number + 1,
            .nonce = Sha256(AsBytes("nonce")),
            .devices = {known.acceptance.device},
            .device_kind = device.kind,
            .model = device.model,
            .size = 64,
            .rows = 4,
            .deadline = Seconds(5),
            .secret_digest = Sha256(Sha256(AsBytes("secret")).view()),
            .issued = Time{1'700'000'000'000 + world.now()}};
  }
  using DeviceForRent = node::DeviceForRent;
  const Digest lease;
};

TEST_F(HostileChallenges, AreRefusedWhereTheyFitNoLeaseOrDevice) {
  Insider insider(world, renter(), provider());
  const auto refused = [&](auto change, RefusalCode code) {
    Challenge challenge = Good();
    change(challenge);
    insider.Say(challenge);
    world.RunFor(100);
    EXPECT_EQ(insider.LastRefusal(), code);
    EXPECT_TRUE(provider().agent->provider().challenges().empty());
  };
  refused([](Challenge& c) { c.lease = Sha256(AsBytes("no lease")); }, RefusalCode::kLeaseUnknown);
  refused([](Challenge& c) { c.number = 0; }, RefusalCode::kWrongNumber);
  refused([](Challenge& c) { c.devices = {"another"}; }, RefusalCode::kTermsDiffer);
  refused([](Challenge& c) { c.model = "a faster one"; }, RefusalCode::kTermsDiffer);
  refused([](Challenge& c) { c.device_kind = "cuda"; }, RefusalCode::kTermsDiffer);
  refused([](Challenge& c) { c.size = limits::kMostChallenge; }, RefusalCode::kTooLarge);
}

TEST_F(HostileChallenges, AreBoundedPerLease) {
  Insider insider(world, renter(), provider());
  for (size_t i = 0; i <= limits::kChallengesPerLease; ++i) {
    Challenge challenge = Good();
    const Digest id = insider.Say(challenge);
    world.RunFor(600);
    // It is given up at once, by a verdict that it was late.
    insider.Say(ChallengeVerdict{
        .nonce = challenge.nonce,
        .provider = provider().identity.id(),
        .device_kind = challenge.device_kind,
        .model = challenge.model,
        .size = challenge.size,
        .rows = challenge.rows,
        .deadline = challenge.deadline,
        .results = {{id, lease, challenge.devices[0], ChallengeStatus::kLate, Duration{}}},
        .secret = Sha256(AsBytes("secret")),
        .judged = challenge.issued,
        .expires = challenge.issued});
    world.RunFor(100);
  }
  EXPECT_EQ(ProvidersLease(lease).challenges, limits::kChallengesPerLease);
  EXPECT_EQ(insider.LastRefusal(), RefusalCode::kNotFound) << "the verdict on what was refused";
  ExpectValid(kProvider);
}

TEST_F(HostileChallenges, RowsAreOpenedOnceAndOnlyAsTheChallengeSays) {
  Insider insider(world, renter(), provider());
  const Digest id = insider.Say(Good());
  const auto rows = [&](auto change) {
    ChallengeRows message{.lease = lease,
                          .number = ProvidersLease(lease).renter_number + 1,
                          .challenge = id,
                          .rows = {1, 5, 9, 13}};
    const auto& known = provider().agent->provider().challenges().at(id);
    if (known.root) message.root = known.root->id();
    change(message);
    insider.Say(message);
    world.RunFor(50);
    return insider.LastRefusal();
  };
  world.RunFor(100);
  EXPECT_EQ(rows([](ChallengeRows&) {}), RefusalCode::kLeaseWrongState) << "before the root";
  world.RunFor(600);
  ASSERT_EQ(provider().agent->provider().challenges().at(id).at, Step::kCommitted);
  EXPECT_EQ(rows([](ChallengeRows& r) { r.rows = {1}; }), RefusalCode::kTermsDiffer);
  EXPECT_EQ(rows([](ChallengeRows& r) { r.rows = {1, 2, 3, 64}; }), RefusalCode::kTermsDiffer);
  EXPECT_EQ(rows([](ChallengeRows& r) { r.root = Digest{}; }), RefusalCode::kTermsDiffer);
  EXPECT_EQ(rows([](ChallengeRows& r) { r.rows = {}; }), RefusalCode::kMalformed);
  EXPECT_EQ(rows([](ChallengeRows& r) { r.rows = {1, 1, 2, 3}; }), RefusalCode::kMalformed);
  EXPECT_EQ(rows([](ChallengeRows& r) { r.challenge = Digest{}; }), RefusalCode::kNotFound);
  ASSERT_EQ(provider().agent->provider().challenges().at(id).at, Step::kCommitted);
  const size_t before = insider.Refusals();
  rows([](ChallengeRows&) {});
  world.RunFor(600);
  EXPECT_EQ(insider.Refusals(), before);
  ASSERT_EQ(provider().agent->provider().challenges().at(id).at, Step::kOpened);
  EXPECT_EQ(rows([](ChallengeRows& r) {
              r.rows = {2, 6, 10, 14};
            }),
            RefusalCode::kLeaseWrongState)
      << "a second list";
  ExpectValid(kProvider);
}

TEST_F(HostileChallenges, VerdictsAreTakenFromWhoAskedAndAsItWas) {
  Insider insider(world, renter(), provider());
  const Challenge challenge = Good();
  const Digest id = insider.Say(challenge);
  world.RunFor(1000);
  const auto say = [&](auto change) {
    ChallengeVerdict verdict{
        .nonce = challenge.nonce,
        .provider = provider().identity.id(),
        .device_kind = challenge.device_kind,
        .model = challenge.model,
        .size = challenge.size,
        .rows = challenge.rows,
        .deadline = challenge.deadline,
        .results = {{id, lease, challenge.devices[0], ChallengeStatus::kSilent, Millis(300)}},
        .secret = Sha256(AsBytes("secret")),
        .judged = challenge.issued,
        .expires = challenge.issued + Hours(1)};
    change(verdict);
    insider.Say(verdict);
    world.RunFor(50);
    EXPECT_EQ(insider.LastRefusal(), RefusalCode::kTermsDiffer);
    EXPECT_EQ(provider().agent->provider().challenges().at(id).verdict, nullptr);
  };
  // Passed, though nothing was opened.
  say([](ChallengeVerdict& v) { v.results[0].status = ChallengeStatus::kPassed; });
  say([](ChallengeVerdict& v) { v.secret = Digest{}; });
  say([](ChallengeVerdict& v) { v.size = 128; });
  say([](ChallengeVerdict& v) { v.nonce = Digest{}; });
  say([](ChallengeVerdict& v) { v.model = "another"; });
  say([](ChallengeVerdict& v) { v.results[0].device = "another"; });
  Stranger stranger(world, kProvider, 9);
  world.RunFor(200);
  stranger.Send({stranger.Sign(ChallengeVerdict{.provider = provider().identity.id(),
                                                .device_kind = challenge.device_kind,
                                                .size = 64,
                                                .rows = 4,
                                                .results = {{.challenge = id}},
                                                .judged = challenge.issued,
                                                .expires = challenge.issued})});
  world.RunFor(200);
  EXPECT_EQ(stranger.Code(), RefusalCode::kNotFound);
}

// ---- What a reader believes ------------------------------------------------------------------

class Belief : public testing::Test {
 protected:
  const Identity verifier = Identity::FromSeed({1}), seller = Identity::FromSeed({2});
  const Time now{1'700'000'000'000};

  ChallengeVerdict Verdict() const {
    ChallengeVerdict out{.provider = seller.id(),
                         .device_kind = "cuda",
                         .model = "H200",
                         .size = 64,
                         .rows = 8,
                         .judged = now,
                         .expires = now + Hours(24)};
    for (const char* device : {"GPU-1", "GPU-2"}) {
      out.results.push_back({.device = device, .status = ChallengeStatus::kPassed});
    }
    return out;
  }
  OfferView Seen(const ChallengeVerdict& verdict, const Identity& signer,
                 std::set<PeerId> trusted) const {
    return SeenAs(SignMessage(verdict, signer.key())->envelope(), std::move(trusted));
  }
  OfferView SeenAs(Bytes verdict, std::set<PeerId> trusted) const {
    node::Directory directory;
    directory.Trust(std::move(trusted));
    const souk::Offer offer{.sequence = 1,
                            .issued = now,
                            .expires = now + Hours(1),
                            .device_kind = "cuda",
                            .model = "H200",
                            .count = 2,
                            .slices = 2,
                            .grade = Grade::kChallenged,
                            .max_duration = Hours(1),
                            .peer = seller.id(),
                            .verdict = std::move(verdict)};
    const auto accepted = directory.Accept(SignMessage(offer, seller.key()), now);
    CHECK(accepted.has_value() && *accepted);
    return directory.AllOffers(now).at(0);
  }
};

TEST_F(Belief, IsInVerdictsOfThoseWhoAreTrusted) {
  EXPECT_EQ(Seen(Verdict(), verifier, {verifier.id()}).offer.grade, Grade::kChallenged);
  const OfferView claimed = Seen(Verdict(), verifier, {});
  EXPECT_EQ(claimed.offer.grade, Grade::kDeclared);
  EXPECT_EQ(claimed.claim.grade, Grade::kChallenged);
  EXPECT_EQ(claimed.claim.verifier, verifier.id());
}

TEST_F(Belief, IsNotInClaimsWithoutAVerdict) {
  EXPECT_EQ(SeenAs({}, {verifier.id()}).offer.grade, Grade::kDeclared);
  EXPECT_EQ(SeenAs(Bytes(100, 7), {verifier.id()}).offer.grade, Grade::kDeclared);
}

TEST_F(Belief, IsNotInForgedSignatures) {
  Bytes envelope = SignMessage(Verdict(), verifier.key())->envelope();
  envelope.back() ^= 1;
  EXPECT_EQ(SeenAs(envelope, {verifier.id()}).offer.grade, Grade::kDeclared);
}

TEST_F(Belief, IsNotInVerdictsOnOthersOnFewerDevicesOrOnFailures) {
  const auto grade = [&](auto change) {
    ChallengeVerdict verdict = Verdict();
    change(verdict);
    return Seen(verdict, verifier, {verifier.id()}).offer.grade;
  };
  EXPECT_EQ(grade([&](ChallengeVerdict& v) { v.provider = verifier.id(); }), Grade::kDeclared);
  EXPECT_EQ(grade([](ChallengeVerdict& v) { v.model = "T4"; }), Grade::kDeclared);
  EXPECT_EQ(grade([](ChallengeVerdict& v) { v.device_kind = "cpu"; }), Grade::kDeclared);
  EXPECT_EQ(grade([](ChallengeVerdict& v) { v.results.pop_back(); }), Grade::kDeclared);
  EXPECT_EQ(grade([](ChallengeVerdict& v) { v.results[1].device = "GPU-1"; }), Grade::kDeclared);
  EXPECT_EQ(grade([](ChallengeVerdict& v) { v.results[1].status = ChallengeStatus::kLate; }),
            Grade::kDeclared);
  EXPECT_EQ(grade([&](ChallengeVerdict& v) { v.judged = v.expires = now; }), Grade::kDeclared);
}

}  // namespace
}  // namespace souk::sim
