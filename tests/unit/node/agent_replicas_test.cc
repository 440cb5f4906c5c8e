// Commit and reveal between agents (R7): no provider gives its result before all have committed,
// and what is not committed in time counts for nothing.
#include <gtest/gtest.h>

#include "ledger/audit/audit.h"
#include "protocol/base/check.h"
#include "sim/engine.h"

namespace souk::sim {
namespace {

constexpr int kProviders = 3;
constexpr int kFirst = 1;  // provider
constexpr int kOneRenter = 1 + kProviders;

// As a message of its own, or with a reply.
bool Carries(const node::Frames& frames, Kind kind) {
  return std::any_of(frames.begin(), frames.end(), [kind](const auto& frame) {
    const auto document = Document::Open(*frame);
    return document && (*document)->kind() == kind;
  });
}

class Replicas : public testing::Test {
 protected:
  Replicas() : world({.seed = 11, .providers = kProviders, .renters = 1, .faults = false}) {
    world.Boot();
    world.RunFor(1000);
    Command(0, node::IssueCommand{
                   renter().identity.AccountKey(world.peer(0).identity.id()).public_key(),
                   Credits{100'000'000}, "paid outside"});
    world.RunFor(1000);
  }
  ~Replicas() override {
    for (const std::string& violation : world.outcome().violations) ADD_FAILURE() << violation;
    for (int i = 1; i <= kOneRenter; ++i) ExpectValid(i);
  }

  Peer& renter() { return world.peer(kOneRenter); }
  const node::Renter& state() { return renter().agent->renter(); }
  void Command(int peer, auto what) { world.Tell(peer, node::CommandArrived{++commands, what}); }
  void ExpectValid(int peer) {
    const ledger::AuditReport report = ledger::Audit(world.peer(peer).log->reader());
    EXPECT_EQ(report.verdict, ledger::Verdict::kValid) << world.peer(peer).name();
    for (const ledger::Finding& finding : report.findings) {
      ADD_FAILURE() << "entry " << finding.entry << ": " << finding.name << ": " << finding.what;
    }
  }
  ReplicationVerdict Verdict(const node::Renter::Replication& round) {
    return state().VerdictOn(round, Time{1'700'000'000'000 + world.now()});
  }
  // A lease that is metering with each provider, in their order.
  std::vector<Digest> Leases() {
    std::vector<Digest> out;
    for (int i = 0; i < kProviders; ++i) {
      for (int tries = 0; tries < 3 && out.size() < static_cast<size_t>(i + 1); ++tries) {
        for (const OfferView& offer :
             renter().agent->directory().LiveOffers(Time{1'700'000'000'000 + world.now()})) {
          if (offer.provider != world.peer(kFirst + i).identity.id()) continue;
          Command(kOneRenter, node::RentCommand{.offer = offer.id,
                                                .book = world.peer(0).identity.id(),
                                                .duration = Minutes(5),
                                                .max_cost = Credits{10'000'000}});
          break;
        }
        world.RunFor(3000);
        for (const auto& [id, lease] : state().leases()) {
          const bool theirs = lease.order.provider == world.peer(kFirst + i).identity.id();
          if (theirs && lease.phase == node::Renter::Phase::kMetering) {
            out.push_back(id);
            break;
          }
        }
      }
    }
    CHECK(out.size() == kProviders);
    return out;
  }
  // A workload whose digest makes the simulated devices do what a test needs: never fail.
  node::JobCommand Work() {
    for (uint8_t salt = 0;; ++salt) {
      const BlobRef workload = renter().blobs.Put(Bytes{1, salt});
      if (workload.digest.bytes[0] < 25) continue;
      return {.workload = workload, .blobs = {}, .title = "work"};
    }
  }
  void Replicate(const std::vector<Digest>& leases, uint32_t agree = 2) {
    Command(kOneRenter, node::ReplicateCommand{.leases = leases, .job = Work(), .agree = agree});
  }
  const node::Renter::Replication& Round() {
    CHECK(state().replications().size() == 1);
    return state().replications().begin()->second;
  }
  const node::Renter::JobState& JobOf(int provider) {
    return state().jobs().at(Round().jobs[static_cast<size_t>(provider - kFirst)]);
  }
  World world;
  uint64_t commands = 0;
};

TEST_F(Replicas, AllCommitBeforeAnyRevealsAndTheVerdictFollows) {
  const auto leases = Leases();
  Replicate(leases);
  world.RunFor(20'000);
  ASSERT_EQ(Round().jobs.size(), leases.size());
  EXPECT_TRUE(Round().revealed);
  uint32_t lies = 0;
  for (int i = 0; i < kProviders; ++i) {
    const auto& job = JobOf(kFirst + i);
    ASSERT_TRUE(job.seal && job.receipt);
    EXPECT_EQ(job.receipt_document->id(), job.seal->receipt);
    EXPECT_FALSE(job.late);
    if (SimWorkshop::Lies(job.id)) ++lies;
  }
  const ReplicationVerdict verdict = Verdict(Round());
  if (lies == 0) {
    EXPECT_EQ(verdict.outcome, ReplicationOutcome::kAgreed);
  }
  for (int i = 0; i < kProviders; ++i) {
    const bool lied = SimWorkshop::Lies(JobOf(kFirst + i).id);
    if (lies == 1) {
      EXPECT_EQ(verdict.standings[static_cast<size_t>(i)],
                lied ? ReplicaStanding::kDiffers : ReplicaStanding::kAgrees);
    }
  }
}

// Over many rounds: whoever lies alone is named, and nobody else is.
TEST_F(Replicas, ALiarIsNamedAndNobodyElse) {
  const auto leases = Leases();
  for (int i = 0; i < 30; ++i) {
    Replicate(leases);
    world.RunFor(6000);
  }
  int named = 0;
  for (const auto& [id, round] : state().replications()) {
    const ReplicationVerdict verdict = Verdict(round);
    int lies = 0;
    for (const Digest& job : round.jobs) lies += SimWorkshop::Lies(job) ? 1 : 0;
    if (lies != 1) continue;
    EXPECT_EQ(verdict.outcome, ReplicationOutcome::kAgreed);
    for (size_t i = 0; i < round.jobs.size(); ++i) {
      EXPECT_EQ(verdict.standings[i], SimWorkshop::Lies(round.jobs[i]) ? ReplicaStanding::kDiffers
                                                                       : ReplicaStanding::kAgrees);
    }
    ++named;
  }
  EXPECT_GT(named, 0);
}

TEST_F(Replicas, NoResultLeavesAProviderWhileAnotherHasNotCommitted) {
  const auto leases = Leases();
  // What the last provider says of its job is lost.
  std::map<int, int> receipts, seals;
  world.tap = [&](int from, int to, const node::Frames& frames) {
    if (to != kOneRenter) return true;
    if (Carries(frames, Kind::kJobReceipt)) ++receipts[from];
    if (Carries(frames, Kind::kJobSeal)) ++seals[from];
    return from != kProviders || !Carries(frames, Kind::kJobSeal);
  };
  Replicate(leases);
  world.RunFor(30'000);
  EXPECT_GT(seals[kFirst], 0);
  EXPECT_TRUE(receipts.empty());
  EXPECT_FALSE(Round().revealed);
  EXPECT_EQ(Verdict(Round()).outcome, ReplicationOutcome::kOpen);
  // A minute after the first seal the others go on without it.
  world.RunFor(45'000);
  EXPECT_TRUE(Round().revealed);
  EXPECT_EQ(receipts.size(), 2u);
  EXPECT_TRUE(JobOf(kProviders).late);
  EXPECT_EQ(Verdict(Round()).standings[2], ReplicaStanding::kLate);
  EXPECT_NE(Verdict(Round()).outcome, ReplicationOutcome::kOpen);
  // What comes after that is taken as the job's result, and counts for nothing.
  world.tap = {};
  world.RunFor(15'000);
  EXPECT_TRUE(JobOf(kProviders).receipt.has_value());
  EXPECT_EQ(Verdict(Round()).standings[2], ReplicaStanding::kLate);
}

TEST_F(Replicas, ARestartGoesOnWithARoundWhereItWas) {
  const auto leases = Leases();
  Replicate(leases);
  world.RunFor(700);
  world.Restart(kOneRenter);
  world.Restart(kFirst);
  world.RunFor(20'000);
  EXPECT_TRUE(Round().revealed);
  EXPECT_NE(Verdict(Round()).outcome, ReplicationOutcome::kOpen);
  for (int i = 0; i < kProviders; ++i) EXPECT_FALSE(JobOf(kFirst + i).late);
}

TEST_F(Replicas, ASealedJobAloneIsRevealedAtOnce) {
  const auto leases = Leases();
  node::JobCommand job = Work();
  job.lease = leases[0];
  job.sealed = true;
  Command(kOneRenter, job);
  world.RunFor(10'000);
  ASSERT_EQ(state().jobs().size(), 1u);
  const auto& one = state().jobs().begin()->second;
  EXPECT_TRUE(one.seal && one.reveal_document && one.receipt);
  EXPECT_EQ(one.at, JobStep::Event::kFetched);
}

// Whoever shows a result before it is to be revealed, or another than it committed to, has none.
TEST_F(Replicas, AResultThatWasNotSealedIsNotTaken) {
  const auto leases = Leases();
  node::JobCommand command = Work();
  command.lease = leases[0];
  command.sealed = true;
  world.tap = [](int, int, const node::Frames& frames) {
    return !Carries(frames, Kind::kJobSeal) && !Carries(frames, Kind::kProgress);
  };
  Command(kOneRenter, command);
  world.RunFor(8000);
  const Digest id = state().jobs().begin()->first;
  const Peer& provider = world.peer(kFirst);
  const auto& lease = state().leases().at(leases[0]);
  const auto tell = [&](const auto& message) {
    node::DocumentArrived event{.curve = world.peer(kFirst).curve,
                                .document = SignMessage(message, provider.identity.key())};
    for (const auto& [connection, link] : renter().links) {
      if (link.peer == kFirst) event.connection = connection;
    }
    world.Tell(kOneRenter, event);
  };
  const JobReceipt receipt{.job = id,
                           .lease = lease.id,
                           .fence = lease.acceptance.fence,
                           .workload = command.workload.digest,
                           .result_class = "exact",
                           .started = limits::kEarliest,
                           .finished = limits::kEarliest};
  tell(receipt);
  world.RunFor(100);
  EXPECT_FALSE(state().jobs().at(id).receipt);
  EXPECT_NE(state().jobs().at(id).refused.find("before it was to reveal"), std::string::npos);
  EXPECT_EQ(state().jobs().at(id).at, JobStep::Event::kFinished);
  // The second one commits to a receipt, and shows another.
  Command(kOneRenter, command);
  world.RunFor(8000);
  Digest second;
  for (const auto& [job, what] : state().jobs()) {
    if (job != id) second = job;
  }
  tell(JobSeal{.job = second,
               .lease = lease.id,
               .fence = lease.acceptance.fence,
               .receipt = Digest{{1, 2, 3}}});
  world.RunFor(600);
  EXPECT_FALSE(state().jobs().at(second).receipt);
  EXPECT_NE(state().jobs().at(second).at, JobStep::Event::kFetched);
  world.tap = {};
}

TEST_F(Replicas, AreRefusedWhereTheyProveNothing) {
  const auto leases = Leases();
  Replicate({leases[0]}, 1);
  Replicate({leases[0], leases[0]});
  Replicate({leases[0], leases[1]}, 1);
  Replicate({leases[0], leases[1]}, 3);
  Replicate({leases[0], Digest{{9}}});
  world.RunFor(3000);
  EXPECT_TRUE(state().replications().empty());
  EXPECT_TRUE(state().jobs().empty());
}

TEST_F(Replicas, AProviderRevealsToNobodyButItsRenterAndNotWithoutItsSeal) {
  const auto leases = Leases();
  world.tap = [](int from, int, const node::Frames& frames) {
    return from != kOneRenter || !Carries(frames, Kind::kJobReveal);
  };
  node::JobCommand job = Work();
  job.lease = leases[0];
  job.sealed = true;
  Command(kOneRenter, job);
  world.RunFor(8000);
  const auto& theirs = world.peer(kFirst).agent->provider().jobs().begin()->second;
  ASSERT_TRUE(theirs.receipt);
  EXPECT_FALSE(theirs.revealed);
  const auto reveal = [&](const Identity& who, const JobReveal& what, const CurveKey& curve) {
    node::DocumentArrived event{.curve = curve, .document = SignMessage(what, who.key())};
    for (const auto& [connection, link] : world.peer(kFirst).links) {
      if (link.peer == kOneRenter) event.connection = connection;
    }
    world.Tell(kFirst, event);
  };
  reveal(renter().identity, {.job = theirs.id, .lease = leases[0], .seal = Digest{{7}}},
         renter().curve);
  world.RunFor(200);
  EXPECT_FALSE(theirs.revealed);
  // Nor may the output be read before.
  const auto receipt = Decode<JobReceipt>(*theirs.receipt);
  ASSERT_FALSE(receipt->outputs.empty());
  const Digest output = receipt->outputs[0].blob.digest;
  EXPECT_FALSE(
      world.peer(kFirst).agent->provider().MayRead(renter().identity.id(), theirs.id, output));
  world.tap = {};
  world.RunFor(10'000);
  EXPECT_TRUE(theirs.revealed);
  EXPECT_TRUE(
      world.peer(kFirst).agent->provider().MayRead(renter().identity.id(), theirs.id, output));
}

}  // namespace
}  // namespace souk::sim
