// Jobs and their blobs: what is run, what is stored, and how long it is kept (R5).
#include "unit/node/agent_market.h"

namespace souk::sim {
namespace {

// A refusal that passes is no answer: the same request may be taken later, and both would stand.
TEST_F(Market, AJobThatComesDuringAPauseRunsOnceTheLeaseIsPaid) {
  const Digest id = RentUntilMetering(Seconds(120));
  bool silent = true;
  world.tap = [&](int from, int to, const node::Frames& frames) {
    const bool carries = (*Document::Open(*frames[0]))->kind() == Kind::kCarry;
    return !silent || !carries || from != kRenter || to != kProvider;
  };
  for (int i = 0; i < 100 && ProvidersLease(id).state == LeaseState::kMetering; ++i) {
    world.RunFor(250);
  }
  ASSERT_EQ(ProvidersLease(id).state, LeaseState::kPaused);
  Command(kRenter, node::JobCommand{id, renter().blobs.Put({1}), {}, "work"});
  world.RunFor(600);
  ASSERT_TRUE(provider().agent->provider().jobs().empty());
  silent = false;
  world.RunFor(15'000);
  ASSERT_EQ(renter().agent->renter().jobs().size(), 1u);
  const auto& job = renter().agent->renter().jobs().begin()->second;
  EXPECT_EQ(job.refused, "");
  EXPECT_TRUE(job.receipt);
}

TEST_F(Market, AJobRunsAndItsOutputsAreFetched) {
  Rent(Seconds(60));
  world.RunFor(5000);
  const BlobRef workload = renter().blobs.Put({1, 2, 3});
  const BlobRef input = renter().blobs.Put(Bytes(3'000'000, 7));
  Command(kRenter, node::JobCommand{LastLease().id, workload, {input}, "test"});
  world.RunFor(15'000);
  ASSERT_EQ(renter().agent->renter().jobs().size(), 1u);
  const auto& job = renter().agent->renter().jobs().begin()->second;
  ASSERT_TRUE(job.receipt.has_value());
  EXPECT_TRUE(job.at == JobStep::Event::kFetched || job.receipt->status == JobStatus::kFailed);
}

// What a kill between a blob's last write and its renaming leaves: all of it, unfinished.
TEST_F(Market, ABlobThatCameWholeButWasNotFinishedIsFinished) {
  const Digest id = RentUntilMetering(Minutes(5));
  const Bytes small(300, 7), large(3'000'000, 8), torn(3'000'000, 9);
  const BlobRef inputs[] = {renter().blobs.Put(small), renter().blobs.Put(large),
                            renter().blobs.Put(torn)};
  provider().blobs.Leave(inputs[0].digest, renter().identity.id(), small);
  provider().blobs.Leave(inputs[1].digest, renter().identity.id(), large);
  provider().blobs.Leave(inputs[2].digest, renter().identity.id(), Bytes(torn.size(), 0));
  Command(kRenter,
          node::JobCommand{id, renter().blobs.Put({1}), {inputs[0], inputs[1], inputs[2]}, "work"});
  world.RunFor(15'000);
  const auto& jobs = provider().agent->provider().jobs();
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_GT(jobs.begin()->second.started.ms, 0);
}

TEST_F(Market, ABlobThatAFullDiskDidNotKeepComesAgain) {
  const Digest id = RentUntilMetering(Minutes(5));
  provider().blobs.full = true;
  const BlobRef input = renter().blobs.Put(Bytes(300, 7));
  Command(kRenter, node::JobCommand{id, renter().blobs.Put({1}), {input}, "work"});
  world.RunFor(20'000);
  const auto& jobs = provider().agent->provider().jobs();
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs.begin()->second.started.ms, 0);
  provider().blobs.full = false;
  world.RunFor(60'000);
  EXPECT_GT(jobs.begin()->second.started.ms, 0);
}

// A provider takes no number below one that it has taken: what waited for it comes in order.
TEST_F(Market, JobsThatWaitedForTheirProviderAllRun) {
  const Digest id = RentUntilMetering(Minutes(5));
  CutProvider();
  for (uint8_t i = 0; i < 10; ++i) {
    Command(kRenter, node::JobCommand{id, renter().blobs.Put({i}), {}, "work"});
  }
  world.RunFor(3000);
  world.tap = {};
  world.RunFor(60'000);
  const auto& jobs = renter().agent->renter().jobs();
  ASSERT_EQ(jobs.size(), 10u);
  for (const auto& [job, state] : jobs) {
    EXPECT_EQ(state.refused, "") << state.job.number;
    EXPECT_TRUE(state.receipt) << state.job.number;
  }
}

TEST_F(Market, AReceiptThatWasNotHeardIsAskedFor) {
  const Digest id = RentUntilMetering(Minutes(5));
  uint8_t number = 0;
  const auto run = [&](int count) {
    for (int i = 0; i < count; ++i) {
      Command(kRenter, node::JobCommand{id, renter().blobs.Put({number++}), {}, "work"});
    }
    world.RunFor(20'000);
  };
  for (int i = 0; i < 9; ++i) run(8);
  // The first of the last ones: receipts that are told, and answers that carry some.
  world.tap = [](int from, int to, const node::Frames& frames) {
    const Kind kind = (*Document::Open(*frames[0]))->kind();
    return from != kProvider || to != kRenter ||
           (kind != Kind::kJobReceipt && (kind != Kind::kReply || frames.size() < 3));
  };
  run(4);
  world.tap = {};
  run(4);
  const auto& jobs = renter().agent->renter().jobs();
  ASSERT_EQ(jobs.size(), 80u);
  for (const auto& [job, state] : jobs) EXPECT_TRUE(state.receipt) << state.job.number;
}

// A digest is in receipts and logs: to know it is not to have the bytes.
TEST_F(Market, WhatAnotherRenterBroughtIsNotTakenForThisOnes) {
  const Digest id = RentUntilMetering();
  const BlobRef secret = provider().blobs.Put({4, 2});
  Command(kRenter, node::JobCommand{id, renter().blobs.Put({1}), {secret}, "spy"});
  world.RunFor(15'000);
  ASSERT_EQ(provider().agent->provider().jobs().size(), 1u);
  const auto& job = provider().agent->provider().jobs().begin()->second;
  EXPECT_EQ(job.started.ms, 0);
  ASSERT_TRUE(job.receipt);
  EXPECT_EQ(Decode<JobReceipt>(*job.receipt)->status, JobStatus::kFailed);
  // Nor is it lost to whom it belongs.
  EXPECT_TRUE(provider().blobs.BlobSize(secret.digest));
  // Who has it gets it, though it is there already.
  (void)renter().blobs.Put({4, 2});
  Command(kRenter, node::JobCommand{id, renter().blobs.Put({2}), {secret}, "owner"});
  world.RunFor(15'000);
  const auto& jobs = provider().agent->provider().jobs();
  EXPECT_TRUE(std::any_of(jobs.begin(), jobs.end(),
                          [](const auto& item) { return item.second.started.ms != 0; }));
}

TEST_F(HostileLeases, WhatACancelledJobMadeIsNotKept) {
  Command(kRenter, node::JobCommand{id, renter().blobs.Put({1}), {}, "work"});
  world.RunFor(40);
  ASSERT_EQ(provider().agent->provider().jobs().size(), 1u);
  const auto& job = provider().agent->provider().jobs().begin()->second;
  ASSERT_EQ(job.at, JobStep::Event::kStarted);
  Command(kRenter, node::ReleaseCommand{id});
  world.RunFor(1000);
  ASSERT_TRUE(job.receipt);
  const BlobRef output = provider().blobs.Put({7, 7, 7});
  world.Tell(kProvider, node::JobEnded{.job = job.id, .outputs = {{"out", output}}});
  EXPECT_FALSE(provider().blobs.BlobSize(output.digest));
}

TEST_F(HostileLeases, MoreOpenJobsThanALeaseMayHaveAreRefused) {
  Insider insider(world, renter(), provider());
  for (uint64_t i = 0; i <= limits::kOpenJobsPerLease; ++i) {
    EXPECT_EQ(insider.Refusals(), 0u);
    insider.Say(Job{.lease = id, .number = 100 + i, .workload = {Sha256(AsBytes("never")), 9}});
  }
  EXPECT_EQ(insider.LastRefusal(), RefusalCode::kBusy);
  EXPECT_EQ(provider().agent->provider().jobs().size(), limits::kOpenJobsPerLease);
}

TEST_F(HostileLeases, ALeaseHasNoMoreStoredThanItsProviderSays) {
  Insider insider(world, renter(), provider());
  const uint64_t most = provider().settings.provider.lease_bytes;
  const auto job = [&](uint64_t number, std::vector<BlobRef> blobs) {
    insider.Say(
        Job{.lease = id, .number = number, .workload = {Sha256({}), 0}, .blobs = std::move(blobs)});
    return provider().agent->provider().jobs().size();
  };
  const auto blob = [](uint8_t which, uint64_t size) {
    return BlobRef{Sha256(Bytes{which}), size};
  };
  const uint64_t large = most / 4;
  EXPECT_EQ(job(100, {blob(1, large)}), 1u);
  EXPECT_EQ(job(101, {blob(2, large)}), 2u);
  EXPECT_EQ(job(102, {blob(3, large)}), 3u);
  // What the lease has brought already counts once.
  EXPECT_EQ(job(103, {blob(1, large)}), 4u);
  EXPECT_EQ(job(104, {blob(4, large - 1)}), 5u);
  EXPECT_EQ(insider.Refusals(), 0u);
  EXPECT_EQ(job(105, {blob(5, 2)}), 5u);
  EXPECT_EQ(insider.LastRefusal(), RefusalCode::kTooLarge);
  EXPECT_NE(insider.LastWouldAccept().find("at most 1 bytes"), std::string::npos);
  EXPECT_EQ(job(106, {blob(5, 1)}), 6u);
}

TEST_F(HostileLeases, OutputsBeyondWhatALeaseMayHaveStoredFailTheirJob) {
  const BlobRef workload = renter().blobs.Put({1});
  Command(kRenter, node::JobCommand{id, workload, {}, "work"});
  world.RunFor(40);
  ASSERT_EQ(provider().agent->provider().jobs().size(), 1u);
  const auto& job = provider().agent->provider().jobs().begin()->second;
  ASSERT_EQ(job.at, JobStep::Event::kStarted);
  const uint64_t rest = provider().settings.provider.lease_bytes - workload.size;
  std::vector<JobOutput> outputs = {{"small", provider().blobs.Put({7, 7, 7})}};
  for (uint8_t i = 0; i < 4; ++i) {
    const uint64_t size = i < 3 ? limits::kBlobBytes : rest - 3 * limits::kBlobBytes + 1;
    outputs.push_back({"out" + std::to_string(i), {Sha256(Bytes{9, i}), size}});
  }
  world.Tell(kProvider, node::JobEnded{.job = job.id, .outputs = outputs});
  ASSERT_TRUE(job.receipt);
  EXPECT_EQ(Decode<JobReceipt>(*job.receipt)->status, JobStatus::kFailed);
  EXPECT_TRUE(Decode<JobReceipt>(*job.receipt)->outputs.empty());
  EXPECT_FALSE(provider().blobs.BlobSize(outputs[0].blob.digest));
}

// R5: results outlive their lease by a week, of which the simulator's is short.
class Weeks : public HostileLeases {
 protected:
  static constexpr int64_t kWeek = kKeepResults.ms;
  // Runs a job of the lease to its end; the blobs that it brought and made.
  std::vector<Digest> RunJob(const Digest& lease, const std::vector<Bytes>& inputs) {
    // One in ten of the simulator's jobs fails.
    for (int i = 0; i < 3; ++i) {
      const BlobRef workload = renter().blobs.Put({++workloads});
      std::vector<Digest> all = {workload.digest};
      std::vector<BlobRef> blobs;
      for (const Bytes& input : inputs) {
        blobs.push_back(renter().blobs.Put(input));
        all.push_back(blobs.back().digest);
      }
      Command(kRenter, node::JobCommand{lease, workload, blobs, "work"});
      world.RunFor(8000);
      for (const auto& [job, state] : renter().agent->renter().jobs()) {
        if (state.job.workload.digest != workload.digest || !state.receipt) continue;
        for (const JobOutput& output : state.receipt->outputs) all.push_back(output.blob.digest);
        if (state.receipt->status == JobStatus::kDone) return all;
      }
    }
    ADD_FAILURE() << "no job came to its end";
    return {};
  }
  void EndLease(const Digest& lease) {
    Command(kRenter, node::ReleaseCommand{lease});
    world.RunFor(8000);
    EXPECT_EQ(RentersLease(lease).phase, node::Renter::Phase::kClosed);
  }
  static size_t Here(Peer& peer, const std::vector<Digest>& blobs) {
    return static_cast<size_t>(std::count_if(blobs.begin(), blobs.end(), [&](const Digest& blob) {
      return peer.blobs.BlobSize(blob).has_value();
    }));
  }
  uint8_t workloads = 0;
};

TEST_F(Weeks, WhatAJobBroughtAndMadeGoesAWeekAfterItsLease) {
  const std::vector<Digest> blobs = RunJob(id, {Bytes(1000, 1), Bytes(1000, 2)});
  ASSERT_EQ(blobs.size(), 4u);
  EndLease(id);
  world.RunFor(kWeek - 30'000);
  EXPECT_EQ(Here(provider(), blobs), 4u);
  EXPECT_EQ(Here(renter(), blobs), 4u);
  world.RunFor(40'000);
  EXPECT_EQ(Here(provider(), blobs), 0u);
  EXPECT_EQ(Here(renter(), blobs), 0u);
  // Nobody is served what is gone, and nobody's ledger minds.
  ExpectValid(kProvider);
  ExpectValid(kRenter);
}

TEST_F(Weeks, ABlobStaysForAsLongAsAnyJobHoldsIt) {
  const std::vector<Digest> first = RunJob(id, {Bytes(1000, 1), Bytes(1000, 2)});
  EndLease(id);
  const Digest other = RentUntilMetering(Minutes(20));
  const std::vector<Digest> second = RunJob(other, {Bytes(1000, 2), Bytes(1000, 3)});
  world.RunFor(kWeek + 30'000);
  ASSERT_EQ(ProvidersLease(other).state, LeaseState::kMetering);
  for (Peer* peer : {&provider(), &renter()}) {
    EXPECT_EQ(Here(*peer, second), 4u);
    EXPECT_EQ(Here(*peer, first), 1u);
  }
  EndLease(other);
  world.RunFor(kWeek + 30'000);
  EXPECT_EQ(Here(provider(), second), 0u);
}

TEST_F(Weeks, ARestartKnowsWhatIsStillHeldAndWhatIsNot) {
  const std::vector<Digest> blobs = RunJob(id, {Bytes(1000, 1)});
  EndLease(id);
  world.Restart(kProvider);
  EXPECT_EQ(Here(provider(), blobs), 3u);
  world.RunFor(kWeek - 60'000);
  world.Restart(kProvider);
  EXPECT_EQ(Here(provider(), blobs), 3u);
  // Until an entry says that it was up when that fell due.
  world.RunFor(4 * 60'000);
  EXPECT_EQ(Here(provider(), blobs), 0u);
  // As where the node died between its decision and the disk.
  const BlobRef again = provider().blobs.Put(Bytes(1000, 1));
  world.Restart(kProvider);
  world.RunFor(1000);
  EXPECT_EQ(Here(provider(), {again.digest}), 0u);
}

// R4: nobody could fetch it meanwhile.
TEST_F(Weeks, WhatFellDueWhileTheNodeWasDownIsKeptForAsLongAgain) {
  const std::vector<Digest> blobs = RunJob(id, {Bytes(1000, 1)});
  EndLease(id);
  world.away = kWeek + 60'000;
  world.Restart(kProvider);
  world.RunFor(kWeek + 70'000);
  ASSERT_TRUE(provider().up());
  EXPECT_EQ(Here(provider(), blobs), 3u);
  world.RunFor(kWeek);
  EXPECT_EQ(Here(provider(), blobs), 0u);
}

// One batch of the loop: it was let go, and then a job came that needs it.
TEST_F(Weeks, WhatALaterStepOfTheBatchHoldsIsNotRemoved) {
  const std::vector<Digest> blobs = RunJob(id, {Bytes(1000, 1)});
  node::Effects effects;
  for (const Digest& blob : blobs) effects.work.push_back(node::RemoveBlob{.blob = blob});
  std::vector<node::Event> follow;
  EXPECT_TRUE(provider().runner->Run(effects, follow));
  EXPECT_EQ(Here(provider(), blobs), 3u);
}

TEST_F(HostileLeases, AJobWhoseBlobsAreRefusedFailsAndHoldsNobodyUp) {
  Digest job;
  {
    // Its own node knows nothing of this job, so it serves nothing for it.
    Insider insider(world, renter(), provider());
    std::vector<BlobRef> blobs;
    for (uint8_t i = 0; i < 8; ++i) blobs.push_back({Sha256(Bytes{i}), 5'000'000});
    job = insider.Say(
        Job{.lease = id, .number = 100, .workload = {Sha256({}), 0}, .blobs = std::move(blobs)});
    world.RunFor(3000);
  }
  const auto& failed = provider().agent->provider().jobs().at(job);
  ASSERT_TRUE(failed.receipt);
  EXPECT_EQ(Decode<JobReceipt>(*failed.receipt)->status, JobStatus::kFailed);
}

TEST_F(HostileLeases, AnEmptyBlobOfAnotherDigestFailsItsJob) {
  Insider insider(world, renter(), provider());
  const Digest job =
      insider.Say(Job{.lease = id, .number = 100, .workload = {Sha256(AsBytes("x")), 0}});
  EXPECT_TRUE(provider().agent->provider().jobs().at(job).receipt);
}

TEST_F(HostileLeases, TransfersEndWithTheJobsThatWantThem) {
  const auto submit = [&](uint8_t from, size_t count) {
    std::vector<BlobRef> blobs;
    for (size_t i = 0; i < count; ++i) {
      blobs.push_back(renter().blobs.Put(Bytes(1000, static_cast<uint8_t>(from + i))));
    }
    Command(kRenter, node::JobCommand{LastLease().id, renter().blobs.Put({from}), blobs, "work"});
  };
  world.tap = [](int, int, const node::Frames& frames) {
    return (*Document::Open(*frames[0]))->kind() != Kind::kBlobChunk;
  };
  submit(1, 2 * node::Blobs::kActive);
  world.RunFor(3000);
  Command(kRenter, node::ReleaseCommand{id});
  world.RunFor(5000);
  world.tap = {};
  Rent(Seconds(60));
  world.RunFor(5000);
  ASSERT_EQ(LastLease().phase, node::Renter::Phase::kMetering);
  submit(100, 1);
  world.RunFor(20'000);
  EXPECT_TRUE(std::any_of(
      provider().agent->provider().jobs().begin(), provider().agent->provider().jobs().end(),
      [&](const auto& job) { return job.second.lease == LastLease().id && job.second.receipt; }));
}

TEST_F(HostileLeases, BlobsAreReadByTheJobsPartiesOnly) {
  const BlobRef secret = provider().blobs.Put({1, 2, 3});
  Stranger stranger(world, kProvider, 1);
  stranger.Send({stranger.Sign(BlobGet{.blob = secret.digest, .offset = 0, .length = 3})});
  EXPECT_EQ(stranger.Code(), RefusalCode::kNotYours);
}

}  // namespace
}  // namespace souk::sim
