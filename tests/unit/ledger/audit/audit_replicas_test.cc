// Sealed jobs and rounds of replicas in a log (R7): each test breaks one rule of a sound story.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "unit/ledger/audit/audit_world.h"

namespace souk::ledger {
namespace {

using Event = JobStep::Event;
using W = AuditWorld;

constexpr const char* kRule = "replicas are committed to before any is revealed";

// One lease of a round, with its sealed job.
struct Part {
  AuditWorld world = {};
  JobSeal seal = {};
  JobReveal reveal = {};
  DocumentRef seal_document = {}, reveal_document = {};
  Duration sealed = Millis(8000), revealed = Millis(8700);

  explicit Part(uint8_t provider) {
    world.provider = Identity::FromSeed({provider});
    world.nonce = Sha256(Bytes{provider});
    world.order.provider = world.escrow.payee = world.provider.id();
    world.order.nonce = world.escrow.nonce = world.nonce;
    world.order.escrow = EscrowId(world.escrow.account, world.nonce);
    world.order.voucher_key = world.escrow.voucher_key = world.VoucherKey().public_key();
    world.job.sealed = true;
  }
  Digest job() const { return world.job_document->id(); }
  JobStep Step(Event event) const {
    return {.job = job(), .lease = world.order_document->id(), .event = event};
  }
  void SignAll() {
    world.SignAll();
    seal.job = reveal.job = job();
    seal.lease = reveal.lease = world.order_document->id();
    seal.fence = world.acceptance.fence;
    if (seal.receipt.IsZero()) seal.receipt = world.receipt_document->id();
    seal_document = SignMessage(seal, (sealed_by != nullptr ? *sealed_by : world.provider).key());
    if (reveal.seal.IsZero()) reveal.seal = seal_document->id();
    reveal_document =
        SignMessage(reveal, (revealed_by != nullptr ? *revealed_by : world.renter).key());
  }
  const Identity* sealed_by = nullptr;
  const Identity* revealed_by = nullptr;
};

// The renter's log of two leases whose jobs are one round, and their providers' logs.
struct Story {
  Part a{2}, b{4};
  std::optional<Part> c = {};
  uint32_t agree = 2;
  std::vector<const Part*> round = {&a, &b};
  std::function<void(std::vector<Entry>&)> alter = {};

  static void Put(std::vector<Entry>& log, Time at, const Outcome& outcome,
                  std::vector<Bytes> documents) {
    const auto behind =
        std::find_if(log.begin(), log.end(), [at](const Entry& entry) { return entry.time > at; });
    log.insert(behind, {.time = at, .outcome = outcome, .documents = std::move(documents)});
  }
  static void PutSteps(std::vector<Entry>& log, const Part& part) {
    Put(log, part.world.start + part.sealed, part.Step(Event::kSealed),
        {part.seal_document->envelope()});
    Put(log, part.world.start + part.revealed, part.Step(Event::kRevealed),
        {part.reveal_document->envelope()});
  }
  static void Add(std::vector<Entry>& log, const Part& part) {
    const std::vector<Entry> others = part.world.RenterLog();
    for (size_t i = 1; i < others.size(); ++i) {
      Put(log, others[i].time, others[i].outcome, others[i].documents);
    }
  }
  std::vector<Entry> RentersLog() {
    a.SignAll();
    b.SignAll();
    std::vector<Entry> log = a.world.RenterLog();
    Add(log, b);
    if (c) {
      c->SignAll();
      Add(log, *c);
    }
    Replicated replicated{.round = Sha256(AsBytes("round")), .agree = agree};
    for (const Part* part : round) replicated.jobs.push_back(part->job());
    Put(log, a.world.start + Millis(6500), replicated, {});
    PutSteps(log, a);
    PutSteps(log, b);
    if (c) PutSteps(log, *c);
    if (alter) alter(log);
    Renumber(log);
    return log;
  }
  AuditReport Renters() { return AuditEntries(a.world.renter, RentersLog()); }
  AuditReport Providers() {
    a.SignAll();
    std::vector<Entry> log = a.world.ProviderLog();
    Put(log, a.world.start + Millis(9000), a.Step(Event::kRevealed),
        {a.reveal_document->envelope()});
    if (alter) alter(log);
    Renumber(log);
    return AuditEntries(a.world.provider, log);
  }
};

// The entry of a job's step.
std::vector<Entry>::iterator Find(std::vector<Entry>& log, const Digest& job, Event event) {
  return std::find_if(log.begin(), log.end(), [&](const Entry& entry) {
    const auto* step = std::get_if<JobStep>(&entry.outcome);
    return step != nullptr && step->job == job && step->event == event;
  });
}

void ExpectBreaks(const std::function<void(Story&)>& change, const char* sentence,
                  const char* rule = kRule) {
  Story story;
  change(story);
  EXPECT_TRUE(HasFinding(story.Renters(), rule, sentence));
}

TEST(AuditReplicas, FindsASoundRoundValidOnBothSides) {
  const AuditReport renter = Story().Renters(), provider = Story().Providers();
  EXPECT_EQ(renter.verdict, Verdict::kValid) << Describe(renter);
  EXPECT_EQ(provider.verdict, Verdict::kValid) << Describe(provider);
}

TEST(AuditReplicas, NothingIsRevealedWhileAnotherHasNotSealed) {
  ExpectBreaks([](Story& s) { s.a.revealed = Millis(8200), s.b.sealed = Millis(8400); },
               "neither sealed nor over");
  // One that is over has nothing to seal.
  Story over;
  over.a.revealed = Millis(8200);
  over.b.sealed = Millis(8400);
  over.alter = [&](std::vector<Entry>& log) {
    for (const Event event : {Event::kFetched, Event::kRevealed, Event::kSealed}) {
      log.erase(Find(log, over.b.job(), event));
    }
    Entry lost = *Find(log, over.b.job(), Event::kFinished);
    log.erase(Find(log, over.b.job(), Event::kFinished));
    std::get<JobStep>(lost.outcome).status = JobStatus::kCancelled;
    lost.documents.clear();
    Story::Put(log, over.b.world.start + Millis(8100), lost.outcome, {});
  };
  const AuditReport report = over.Renters();
  EXPECT_EQ(report.verdict, Verdict::kValid) << Describe(report);
}

// A minute after as many have sealed as are to agree, where that came within half a minute.
TEST(AuditReplicas, AStragglerIsLeftBehindOnceItsTimeIsOver) {
  for (const int64_t at : {68'500, 68'499}) {
    Story story;
    story.b.sealed = Millis(8500);
    story.a.revealed = story.b.revealed = Millis(at);
    story.c.emplace(uint8_t{5});
    story.round.push_back(&*story.c);
    story.alter = [&](std::vector<Entry>& log) {
      for (const Event event :
           {Event::kSealed, Event::kRevealed, Event::kFinished, Event::kFetched}) {
        log.erase(Find(log, story.c->job(), event));
      }
      for (const Part* part : {&story.a, &story.b}) {
        for (const Event event : {Event::kFinished, Event::kFetched}) {
          const Entry entry = *Find(log, part->job(), event);
          log.erase(Find(log, part->job(), event));
          Story::Put(log, part->world.start + Millis(70'000), entry.outcome, entry.documents);
        }
      }
    };
    const AuditReport report = story.Renters();
    if (at == 68'500) {
      EXPECT_EQ(report.verdict, Verdict::kValid) << Describe(report);
    } else {
      EXPECT_TRUE(HasFinding(report, kRule, "neither sealed nor over"));
    }
  }
}

// One seal alone says nothing of how long the others need.
TEST(AuditReplicas, OneSealSetsNoTime) {
  Story story;
  story.a.revealed = Millis(100'000);
  story.alter = [&](std::vector<Entry>& log) {
    for (const Event event :
         {Event::kSealed, Event::kRevealed, Event::kFinished, Event::kFetched}) {
      log.erase(Find(log, story.b.job(), event));
    }
    for (const Event event : {Event::kFinished, Event::kFetched}) {
      const Entry entry = *Find(log, story.a.job(), event);
      log.erase(Find(log, story.a.job(), event));
      Story::Put(log, story.a.world.start + Millis(100'001), entry.outcome, entry.documents);
    }
  };
  EXPECT_TRUE(HasFinding(story.Renters(), kRule, "neither sealed nor over"));
}

TEST(AuditReplicas, TheReceiptIsTheOneThatWasSealedAndComesAfterTheReveal) {
  ExpectBreaks([](Story& s) { s.a.seal.receipt = Sha256(AsBytes("another")); },
               "is not the one that was sealed");
  ExpectBreaks([](Story& s) { s.a.revealed = s.b.revealed = Millis(9150); },
               "taken before it was revealed");
  ExpectBreaks(
      [](Story& s) {
        s.alter = [&s](std::vector<Entry>& log) {
          log.erase(Find(log, s.a.job(), Event::kRevealed));
        };
      },
      "taken before it was revealed");
}

TEST(AuditReplicas, WhatIsRevealedWasSealedOnce) {
  ExpectBreaks([](Story& s) { s.a.reveal.seal = Sha256(AsBytes("another")); },
               "what is revealed was sealed before");
  ExpectBreaks(
      [](Story& s) {
        s.alter = [&s](std::vector<Entry>& log) {
          log.insert(log.end() - 1, *Find(log, s.a.job(), Event::kSealed));
          log[log.size() - 2].time = log.back().time;
        };
      },
      "a job is sealed once");
  ExpectBreaks([](Story& s) { s.a.world.job.sealed = false; }, "where it asks");
}

TEST(AuditReplicas, SealsAreTheProvidersAndRevealsTheRenters) {
  constexpr const char* kSigned = "documents are signed by whom they bind";
  ExpectBreaks([](Story& s) { s.a.sealed_by = &s.b.world.provider; }, "not signed by the lease",
               kSigned);
  ExpectBreaks([](Story& s) { s.a.revealed_by = &s.b.world.provider; }, "not signed by this renter",
               kSigned);
}

TEST(AuditReplicas, ARoundIsOneWorkloadOnDifferentProviders) {
  ExpectBreaks([](Story& s) { s.agree = 1; }, "1 of 2 replicas are to agree");
  ExpectBreaks([](Story& s) { s.agree = 3; }, "3 of 2 replicas are to agree");
  ExpectBreaks([](Story& s) { s.round = {&s.a}; }, "2 of 1 replicas are to agree");
  ExpectBreaks([](Story& s) { s.b.world.job.workload.digest = Sha256(AsBytes("another")); },
               "different workloads");
  ExpectBreaks([](Story& s) { s.round = {&s.a, &s.a}; }, "no result and is in no other round");
  ExpectBreaks([](Story& s) { s.round = {&s.a, &s.a}; }, "two replicas are one provider's");
  ExpectBreaks(
      [](Story& s) {
        s.alter = [](std::vector<Entry>& log) {
          const auto round = std::find_if(log.begin(), log.end(), [](const Entry& entry) {
            return std::holds_alternative<Replicated>(entry.outcome);
          });
          std::get<Replicated>(round->outcome).jobs[1] = Sha256(AsBytes("no job"));
        };
      },
      "was never sent");
  ExpectBreaks(
      [](Story& s) {
        s.alter = [](std::vector<Entry>& log) {
          const auto round = std::find_if(log.begin(), log.end(), [](const Entry& entry) {
            return std::holds_alternative<Replicated>(entry.outcome);
          });
          std::get<Replicated>(round->outcome).jobs[0] = Sha256(AsBytes("no job"));
        };
      },
      "was never sent");
  ExpectBreaks(
      [](Story& s) {
        s.alter = [](std::vector<Entry>& log) {
          const auto round = std::find_if(log.begin(), log.end(), [](const Entry& entry) {
            return std::holds_alternative<Replicated>(entry.outcome);
          });
          log.insert(round, *round);
        };
      },
      "the round was begun before");
}

TEST(AuditReplicas, AProviderRevealsASealedResultOnceItIsAsked) {
  Story unsealed;
  unsealed.a.world.job.sealed = false;
  EXPECT_TRUE(HasFinding(unsealed.Providers(), kRule, "a sealed job's result is revealed once"));
  Story twice;
  twice.alter = [&](std::vector<Entry>& log) {
    const auto revealed = Find(log, twice.a.job(), Event::kRevealed);
    log.insert(revealed, *revealed);
  };
  EXPECT_TRUE(HasFinding(twice.Providers(), kRule, "a sealed job's result is revealed once"));
  Story foreign;
  foreign.a.revealed_by = &foreign.b.world.provider;
  EXPECT_TRUE(HasFinding(foreign.Providers(), "documents are signed by whom they bind",
                         "not signed by the lease's renter"));
}

}  // namespace
}  // namespace souk::ledger
