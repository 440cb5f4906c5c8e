// What a renter pays and takes (R5, R6), and a provider and a book that lie to it.
#include "unit/node/agent_market.h"

namespace souk::sim {
namespace {

TEST_F(Market, TheRenterPaysNoMoreThanOneIntervalAhead) {
  Rent(Seconds(60));
  world.RunFor(12'000);
  const auto& lease = LastLease();
  ASSERT_EQ(lease.phase, node::Renter::Phase::kMetering);
  const Duration covered = CoveredBy(lease.best, lease.order.price, 1);
  const Duration elapsed = ProvidersLease(lease.id).first_metered.ms == 0
                               ? Duration{}
                               : Time{1'700'000'000'000 + world.now()} - lease.ready;
  EXPECT_LE(covered, elapsed + Seconds(8) + Seconds(1));  // the offer's longest interval
}

// R6: the renter's exposure is one interval, whatever the provider does.
TEST_F(Market, ASilentProviderIsGivenNoFurtherVoucher) {
  for (const bool restart : {false, true}) {
    const Digest id = RentUntilMetering();
    CutProvider();
    // What was on its way when the provider fell silent.
    world.RunFor(200);
    if (restart) world.Restart(kRenter);
    world.RunFor(8000);
    const Credits best = RentersLease(id).best;
    world.RunFor(20'000);
    EXPECT_EQ(RentersLease(id).best, best);
    EXPECT_LE(best, CostOf(RentersLease(id), Seconds(3 + 8 + 8))) << restart;
    world.tap = {};
    Command(kRenter, node::ReleaseCommand{id});
    world.RunFor(30'000);
    EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kClosed);
  }
  ExpectValid(kRenter);
}

// R6: "up to its own clock", which stops where the renter lets go.
TEST_F(Market, AReleasedLeaseIsPaidUpToItsReleaseHoweverLateTheCloseComes) {
  for (const bool restart : {false, true}) {
    const Digest id = RentUntilMetering();
    CutProvider();
    Command(kRenter, node::ReleaseCommand{id});
    const Duration used = RentersLease(id).released - RentersLease(id).ready;
    if (restart) world.Restart(kRenter);
    world.RunFor(4000);
    world.tap = {};
    world.RunFor(30'000);
    const auto& lease = RentersLease(id);
    EXPECT_EQ(lease.phase, node::Renter::Phase::kClosed);
    EXPECT_GT(lease.paid.micro, 0);
    EXPECT_LE(lease.due, CostOf(lease, used + Millis(used.ms / 100) + Seconds(1))) << restart;
    EXPECT_LE(lease.paid, std::max(lease.due, lease.best));
  }
  ExpectValid(kRenter);
}

// R6: one interval, and nothing else, whatever the other does. It is silent for most of the lease,
// and then claims all of it.
// Its provider role was off for a while: what the lease is owed still arrives.
TEST_F(Market, AVoucherThatWasRefusedInPassingIsGivenAgain) {
  const Digest id = RentUntilMetering();
  Digest given;
  world.tap = [&](int from, int to, const node::Frames& frames) {
    const DocumentRef document = *Document::Open(*frames[0]);
    if (from != kRenter || to != kProvider || document->kind() != Kind::kCarry) return true;
    given = document->id();
    return false;
  };
  const Credits before = RentersLease(id).best;
  for (int i = 0; i < 20 && RentersLease(id).best == before; ++i) world.RunFor(500);
  ASSERT_GT(RentersLease(id).best, before);
  ASSERT_NE(given, Digest());
  const Refusal refusal{
      .re = given, .code = RefusalCode::kUnsupported, .sentence = "this node is no provider"};
  TellRenter({.document = SignMessage(refusal, provider().identity.key())}, kProvider);
  world.tap = {};
  world.RunFor(15'000);
  EXPECT_EQ(ProvidersLease(id).state, LeaseState::kMetering);
  EXPECT_GT(ProvidersLease(id).best, before);
  EXPECT_EQ(RentersLease(id).sentence, "");
}

// A book whose clearing role is off says nothing of what it will pay.
TEST_F(Market, ARefusalOfTheBookDoesNotSettleWhatItHolds) {
  const Digest id = RentUntilMetering(Seconds(10));
  world.RunFor(3000);
  const Credits promised = RentersLease(id).best;
  ASSERT_GT(promised.micro, 0);
  Digest asked;
  world.tap = [&](int from, int to, const node::Frames& frames) {
    if (std::max(from, to) == kProvider || std::min(from, to) == kProvider) return false;
    const DocumentRef document = *Document::Open(*frames[0]);
    if (from == kRenter && to == kBook && document->kind() == Kind::kCarry) asked = document->id();
    return asked == Digest();
  };
  for (int i = 0; i < 300 && asked == Digest(); ++i) world.RunFor(1000);
  ASSERT_NE(asked, Digest());
  ASSERT_EQ(RentersLease(id).phase, node::Renter::Phase::kLost);
  for (const RefusalCode code : {RefusalCode::kUnsupported, RefusalCode::kEscrowMissing}) {
    const Refusal refusal{.re = asked, .code = code, .sentence = "not now"};
    TellRenter({.document = SignMessage(refusal, book().identity.key())}, kBook);
    EXPECT_FALSE(RentersLease(id).settled);
  }
  // The provider is back, and posts.
  world.tap = {};
  world.RunFor(60'000);
  EXPECT_TRUE(RentersLease(id).settled);
  EXPECT_GT(RentersLease(id).paid.micro, 0);
  EXPECT_EQ(RentersLease(id).paid, ProvidersLease(id).paid);
}

TEST_F(Market, ASilentProviderIsPaidForOneIntervalOfItsSilence) {
  const Digest id = RentUntilMetering(Seconds(60));
  const auto& lease = RentersLease(id);
  CutProvider();
  const Duration before = Time{1'700'000'000'000 + world.now()} - lease.ready;
  world.RunFor(50'000);
  const DocumentRef close = SignMessage(Close{.lease = id,
                                              .number = 1000,
                                              .reason = CloseReason::kEndReached,
                                              .metered = Seconds(60),
                                              .due = lease.order.max_cost},
                                        provider().identity.key());
  TellRenter({.document = close}, kProvider);
  ASSERT_EQ(lease.phase, node::Renter::Phase::kClosing);
  // The last one that a voucher went out for.
  const Duration own = before + lease.interval;
  EXPECT_LE(own, Seconds(20));
  EXPECT_LE(lease.due, CostOf(lease, own + Millis(own.ms / 100) + Seconds(1)));
  EXPECT_LE(lease.best, CostOf(lease, own + Millis(lease.interval.ms / 2)));
}

// R6: the renter's exposure is the interval of the offer that it took.
TEST_F(Market, AnIntervalGrowsNoLongerThanTheReplacedOfferSays) {
  const Digest id = RentUntilMetering(Minutes(5));
  world.RunFor(90'000);
  EXPECT_EQ(RentersLease(id).interval, provider().settings.provider.longest_interval);
  world.Restart(kRenter);
  world.RunFor(60'000);
  EXPECT_EQ(RentersLease(id).interval, provider().settings.provider.longest_interval);
}

// What of the renter's is not heard, and how far it comes then.
class Withdrawn : public Market,
                  public testing::WithParamInterface<std::pair<Kind, node::Renter::Phase>> {};

TEST_P(Withdrawn, AReleaseBeforeTheLeaseBeganHoldsOverARestart) {
  using Phase = node::Renter::Phase;
  const auto [unheard, phase] = GetParam();
  world.tap = [kind = unheard](int from, int, const node::Frames& frames) {
    return from != kRenter || (*Document::OpenTrusted(*frames[0]))->kind() != kind;
  };
  Rent(Seconds(60));
  world.RunFor(1000);
  const Digest id = LastLease().id;
  ASSERT_EQ(RentersLease(id).phase, phase);
  Command(kRenter, node::ReleaseCommand{id});
  world.tap = {};
  world.Restart(kRenter);
  world.RunFor(1000);
  EXPECT_EQ(RentersLease(id).sentence, "released before it began");
  world.RunFor(60'000);
  EXPECT_EQ(RentersLease(id).phase, Phase::kClosed);
  EXPECT_FALSE(RentersLease(id).ready_document);
  EXPECT_EQ(provider().agent->provider().leases().contains(id), phase == Phase::kCommitting);
  EXPECT_EQ(Balance(), Credits{1'000'000});
  ExpectValid(kRenter);
  ExpectValid(kProvider);
}

INSTANTIATE_TEST_SUITE_P(Renter, Withdrawn,
                         testing::Values(std::pair{Kind::kCarry, node::Renter::Phase::kEscrowing},
                                         std::pair{Kind::kOrder, node::Renter::Phase::kOrdering},
                                         std::pair{Kind::kCommit,
                                                   node::Renter::Phase::kCommitting}));

// R5 "Reserved | release": the slices are not kept until commit_by.
TEST_F(Market, AReservationThatIsReleasedFreesItsSlicesAtOnce) {
  world.tap = [](int, int, const node::Frames& frames) {
    return (*Document::OpenTrusted(*frames[0]))->kind() != Kind::kCommit;
  };
  Rent(Seconds(60));
  world.RunFor(1000);
  const Digest id = LastLease().id;
  ASSERT_TRUE(ProvidersLease(id).reserved);
  Command(kRenter, node::ReleaseCommand{id});
  world.RunFor(500);
  EXPECT_FALSE(ProvidersLease(id).reserved);
  EXPECT_EQ(ProvidersLease(id).reason, CloseReason::kRenterWithdrew);
  EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kClosed);
  EXPECT_EQ(Balance(), Credits{1'000'000});
}

TEST_F(Market, NobodyRentsFromHimself) {
  // A provider that rents as well.
  node::Settings settings = provider().settings;
  settings.renter.enabled = true;
  node::Agent both(provider().identity, settings, provider().blobs);
  (void)both.Begin({.wall = Time{1'700'000'000'000}, .monotonic = {}}, /*may_sign=*/true);
  const auto offers = both.directory().LiveOffers(Time{1'700'000'000'000});
  ASSERT_EQ(offers.size(), 1u);
  const node::Effects effects =
      both.Step(node::CommandArrived{1, node::RentCommand{.offer = offers[0].id,
                                                          .book = book().identity.id(),
                                                          .duration = Seconds(60),
                                                          .max_cost = Credits{1'000'000}}},
                {.wall = Time{1'700'000'000'001}, .monotonic = Millis(1)});
  ASSERT_EQ(effects.answers.size(), 1u);
  ASSERT_FALSE(effects.answers[0].status);
  EXPECT_NE(effects.answers[0].status.error().message.find("own"), std::string::npos);
}

// A provider that vanishes after its acceptance would keep the escrow held for its notice.
TEST_F(Market, AnOfferWithANoticeOfMoreThanAnHourIsNotRented) {
  node::Settings settings = provider().settings;
  settings.provider.notice = limits::kLongestNotice + Millis(1);
  node::Agent slow(provider().identity, settings, provider().blobs);
  (void)slow.Begin({.wall = Time{1'700'000'000'000}, .monotonic = {}}, /*may_sign=*/true);
  const auto offers = slow.directory().LiveOffers(Time{1'700'000'000'000});
  ASSERT_EQ(offers.size(), 1u);
  souk::Offer offer = offers[0].offer;
  offer.sequence += 100;
  offer.issued = Time{1'700'000'000'000 + world.now()};
  offer.expires = offer.issued + Minutes(5);
  const DocumentRef document = SignMessage(offer, provider().identity.key());
  const DocumentRef bundle = SignMessage(Bundle{.count = 1}, book().identity.key());
  const auto entries = renter().log->size();
  TellRenter({.document = bundle, .carried = {document}}, kBook);
  Command(kRenter, node::RentCommand{.offer = document->id(),
                                     .book = book().identity.id(),
                                     .duration = Seconds(60),
                                     .max_cost = Credits{1'000'000}});
  EXPECT_NE(renter().agent->directory().FindOffer(document->id(), offer.issued), nullptr);
  EXPECT_EQ(renter().log->size(), entries);
}

class Liars : public Market {
 protected:
  ~Liars() override { ExpectValid(kRenter); }
  template <typename Message>
  void ProviderSays(const Message& message) {
    TellRenter({.document = SignMessage(message, provider().identity.key())}, kProvider);
  }
  // The provider's answer with the receipt of whatever entry it likes.
  void ProviderReplies(const Digest& re, uint64_t entry) {
    node::Effects effects;
    for (const auto& [connection, link] : provider().links) {
      if (link.peer != kRenter) continue;
      effects.sends = {{connection, node::ReplyParts{.re = re, .entry = entry}, {}}};
    }
    std::vector<node::Event> follow;
    ASSERT_TRUE(provider().runner->Run(effects, follow));
  }
  // Those kinds of the provider's messages are lost.
  void DropFromProvider(const std::set<Kind>& kinds) {
    world.tap = [kinds](int from, int, const node::Frames& frames) {
      const auto document = *Document::OpenTrusted(*frames[0]);
      return from != kProvider || !kinds.contains(document->kind());
    };
  }
  Digest Ordered() {
    Rent(Seconds(60));
    return LastLease().id;
  }
};

TEST_F(Liars, ACloseBeforeTheAcceptanceLosesTheOrder) {
  DropFromProvider({Kind::kReply, Kind::kClose});
  const Digest id = Ordered();
  world.RunFor(1000);
  ASSERT_EQ(RentersLease(id).phase, node::Renter::Phase::kOrdering);
  ProviderSays(Close{.lease = id, .number = 1, .reason = CloseReason::kNotCommitted});
  EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kLost);
  world.tap = {};
  world.RunFor(30'000);
  EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kClosed);
  EXPECT_EQ(Balance(), Credits{1'000'000});
}

TEST_F(Liars, TheReceiptOfAnotherLeasesCommitCommitsNothing) {
  const Digest first = RentUntilMetering();
  DropFromProvider({Kind::kReply});
  std::optional<Digest> asked;
  world.tap = [&, drop = world.tap](int from, int to, const node::Frames& frames) {
    const auto document = *Document::OpenTrusted(*frames[0]);
    if (from == kRenter && document->kind() == Kind::kCommit) asked = document->id();
    return !asked || from != kProvider || drop(from, to, frames);
  };
  const Digest second = Ordered();
  world.RunFor(1000);
  ASSERT_EQ(RentersLease(second).phase, node::Renter::Phase::kCommitting);
  world.tap = {};
  ProviderReplies(*asked, ProvidersLease(first).committed_entry);
  world.RunFor(6);
  EXPECT_EQ(RentersLease(second).commit, Digest{});
  world.RunFor(3000);
}

TEST_F(Liars, AReadyThatDoesNotFitIsNotTaken) {
  for (int lie = 0; lie < 3; ++lie) {
    DropFromProvider({Kind::kReady});
    // Queries are answered with the honest one.
    world.tap = [drop = world.tap](int from, int to, const node::Frames& frames) {
      const auto kind = (*Document::OpenTrusted(*frames[0]))->kind();
      return kind != Kind::kLeaseQuery && drop(from, to, frames);
    };
    const Digest id = Ordered();
    world.RunFor(2500);
    if (!ProvidersLease(id).ready_document) continue;  // the simulator's worker never came
    ASSERT_EQ(RentersLease(id).phase, node::Renter::Phase::kWaiting);
    Ready ready = *Decode<Ready>(*ProvidersLease(id).ready_document);
    if (lie == 0) ready.end = ready.end + Millis(1);
    if (lie == 1) ready.number = 0;
    if (lie == 2) ready.commit = Sha256(AsBytes("another"));
    ProviderSays(ready);
    EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kReleasing) << lie;
    world.tap = {};
    world.RunFor(30'000);
    EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kClosed);
    EXPECT_EQ(Balance(), Credits{1'000'000});
  }
}

TEST_F(Liars, ACloseThatDoesNotFitIsNotTaken) {
  for (int lie = 0; lie < 2; ++lie) {
    const Digest id = RentUntilMetering();
    Close close{.lease = id, .number = 9, .reason = CloseReason::kReleased, .metered = Seconds(1)};
    if (lie == 0) close.metered = Seconds(61);
    if (lie == 1) close.number = RentersLease(id).provider_number;
    ProviderSays(close);
    EXPECT_FALSE(RentersLease(id).close_document) << lie;
    world.RunFor(10'000);
    EXPECT_EQ(RentersLease(id).phase, node::Renter::Phase::kClosed);
  }
}

TEST_F(Liars, NoMoreIsDueThanTheMeteredTimeCosts) {
  const Digest id = RentUntilMetering();
  world.RunFor(5000);
  ProviderSays(Close{.lease = id,
                     .number = 9,
                     .reason = CloseReason::kReleased,
                     .metered = Millis(10),
                     .due = RentersLease(id).order.max_cost});
  EXPECT_EQ(RentersLease(id).due, CostOf(RentersLease(id), Millis(10)));
}

TEST_F(Liars, JobsAreAnsweredByTheirProviderAndOnce) {
  const Digest id = RentUntilMetering();
  DropFromProvider({Kind::kReply, Kind::kJobReceipt});
  const BlobRef workload = renter().blobs.Put({1, 2, 3});
  Command(kRenter, node::JobCommand{id, workload, {}, "test"});
  const auto& jobs = renter().agent->renter().jobs();
  const Digest job = jobs.begin()->first;
  const Refusal refusal{.re = job, .code = RefusalCode::kNotPaid, .sentence = "no"};
  TellRenter({.document = SignMessage(refusal, book().identity.key())}, kBook);
  EXPECT_EQ(jobs.at(job).at, JobStep::Event::kSubmitted);
  JobReceipt receipt{.job = job,
                     .lease = id,
                     .fence = RentersLease(id).acceptance.fence,
                     .status = JobStatus::kFailed,
                     .workload = workload.digest,
                     .finished = Time{1'700'000'000'000 + world.now()}};
  ProviderSays(receipt);
  EXPECT_EQ(jobs.at(job).at, JobStep::Event::kFinished);
  ProviderSays(refusal);
  receipt.sentence = "again";
  ProviderSays(receipt);
  EXPECT_EQ(jobs.at(job).refused, "");
}

// R6: a book that says that it paid shows by whose word.
TEST_F(Liars, APaymentWithoutTheProvidersPostIsNotTaken) {
  const Digest id = RentUntilMetering();
  const auto& lease = RentersLease(id);
  const Credits best = lease.best;
  const SigningKey voucher_key = renter().identity.VoucherKey(lease.order.nonce);
  const Voucher voucher{.lease = id, .book = book().identity.id(), .amount = best};
  const auto post = [&](Credits amount, const DocumentRef& by) {
    return SignMessage(
        Post{
            .escrow = lease.order.escrow, .amount = amount, .voucher = by->envelope(), .lease = id},
        provider().identity.key());
  };
  const DocumentRef good = SignMessage(voucher, voucher_key);
  Voucher more = voucher;
  more.amount = best + Credits{1};
  const auto record = [&](const DocumentRef& document, Credits amount) {
    return TransferRecord{.id = document->id(),
                          .kind = TransferRecord::Kind::kPost,
                          .amount = amount.micro,
                          .pending = lease.order.escrow};
  };
  struct Lie {
    TransferRecord record;
    std::vector<DocumentRef> documents;
  };
  const DocumentRef honest = post(best, good);
  const DocumentRef above = post(more.amount, SignMessage(more, voucher_key));
  const DocumentRef forged = post(best, SignMessage(voucher, provider().identity.key()));
  const Lie lies[] = {
      {record(honest, best), {}},                     // no post at all
      {record(above, more.amount), {above}},          // a voucher that was never given
      {record(forged, best), {forged}},               // nor by this renter
      {record(honest, best - Credits{1}), {honest}},  // another amount
  };
  // The book's own log says so: nothing else is checked there.
  std::optional<Digest> asked;
  world.tap = [&](int from, int to, const node::Frames& frames) {
    const auto document = *Document::OpenTrusted(*frames[0]);
    if (from == kRenter && to == kBook && document->kind() == Kind::kCarry) asked = document->id();
    return from != kBook && to != kBook;
  };
  Command(kRenter, node::ReleaseCommand{id});
  world.RunFor(2000);
  ASSERT_EQ(lease.phase, node::Renter::Phase::kClosing);
  ASSERT_TRUE(asked.has_value());
  for (const Lie& lie : lies) {
    Entry entry{.sequence = book().log->size(),
                .time = Time{1'700'000'000'000 + world.now()},
                .outcome = Booked{.transfers = {lie.record}}};
    for (const DocumentRef& document : lie.documents) entry.documents = {document->envelope()};
    ASSERT_TRUE(book().log->Commit({{*EncodeEntry(entry), {}}}));
    node::Effects effects;
    for (const auto& [connection, link] : book().links) {
      if (link.peer != kRenter) continue;
      effects.sends = {{connection, node::ReplyParts{.re = *asked, .entry = entry.sequence}, {}}};
    }
    world.tap = {};
    std::vector<node::Event> follow;
    ASSERT_TRUE(book().runner->Run(effects, follow));
    world.tap = [](int, int to, const node::Frames&) { return to != kBook; };
    world.RunFor(6);
    EXPECT_FALSE(lease.settled);
    EXPECT_EQ(lease.sentence, "the book says that it paid, but not by whose voucher");
  }
}

}  // namespace
}  // namespace souk::sim
