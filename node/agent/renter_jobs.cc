// What the owner asks for, and jobs with their results.
#include <algorithm>

#include "node/agent/directory.h"
#include "node/agent/renter.h"
#include "protocol/base/check.h"
#include "protocol/lease_terms.h"
#include "protocol/text.h"

namespace souk::node {
namespace {

// How long after a lease's end its provider is still asked for a receipt that is missing.
constexpr Duration kAskForReceipt = Seconds(30);
// A receipt is told once; what was lost on its way is asked for.
constexpr Duration kAskForReceiptEvery = Seconds(5);
// Somebody waits for the answer.
constexpr Duration kAskForBalance = Seconds(30);

}  // namespace

void Renter::OnRent(Turn& turn, uint64_t command, const RentCommand& rent) {
  const auto refuse = [&](Code code, std::string sentence) {
    turn.Answer({.command = command, .status = Error(code, std::move(sentence))});
  };
  const Directory::KnownOffer* known = turn.directory().FindOffer(rent.offer, turn.now());
  if (known == nullptr) return refuse(Code::kNotFound, "no such live offer; see: souk offers");
  // One log holds one side of a lease: its steps name the lease, not the side.
  if (known->provider == turn.self()) {
    return refuse(Code::kInvalidArgument,
                  "the offer is this node's own: nobody rents from himself");
  }
  for (const PeerId& peer : {known->provider, rent.book}) {
    const std::string doubt = turn.WhyDoubted(peer);
    if (doubt.empty()) continue;
    return refuse(Code::kConflict,
                  turn.directory().NameOf(peer) + " " + doubt + "; see: souk forks");
  }
  const Offer& offer = known->offer;
  if (std::find(offer.clearing_peers.begin(), offer.clearing_peers.end(), rent.book) ==
      offer.clearing_peers.end()) {
    return refuse(Code::kInvalidArgument, "the offer does not accept that clearing peer");
  }
  if (rent.duration < offer.min_duration || rent.duration > offer.max_duration) {
    return refuse(Code::kInvalidArgument, "the duration is outside the offer's bounds");
  }
  if (offer.notice > limits::kLongestNotice) {
    return refuse(
        Code::kInvalidArgument,
        "the offer's notice is more than an hour: a provider that vanishes would keep the "
        "escrow held for as long");
  }
  if (rent.slices == 0 || rent.slices > offer.slices) {
    return refuse(Code::kInvalidArgument, "the offer has not that many slices");
  }
  const auto cost = AmountDue(offer.price, rent.slices, rent.duration);
  if (!cost) return refuse(cost.error().code, cost.error().message);
  // At least one µcredit: a voucher must be able to say yes.
  const Credits held = std::max(*cost, Credits{1});
  if (held > rent.max_cost) {
    return refuse(Code::kExhausted, "it could cost " + FormatCredits(held) + " cr, more than the " +
                                        FormatCredits(rent.max_cost) + " cr that are allowed");
  }

  const SigningKey account = turn.identity().AccountKey(rent.book);
  const Digest nonce = turn.identity().DeriveNonce("order", orders_made_);
  const PublicKey voucher_key = turn.identity().VoucherKey(nonce).public_key();
  const Time expires = turn.now() + limits::kOrderLife;
  // R6: settle_by + window + 2·max_skew ≤ timeout, for the latest moment of acceptance.
  const Time settle_by =
      expires + limits::kReadyWindow + rent.duration + offer.notice + limits::kWindow;
  const DocumentRef escrow = SignMessage(
      Escrow{.book = rent.book,
             .account = account.public_key(),
             .payee = known->provider,
             .nonce = nonce,
             .voucher_key = voucher_key,
             .amount = held,
             .accept_by = expires + limits::kWindow,
             .timeout = settle_by + limits::kWindow + limits::kMaxSkew * 2 + limits::kMaxSkew},
      account);
  const DocumentRef order = turn.Sign(Order{.offer = rent.offer,
                                            .provider = known->provider,
                                            .nonce = nonce,
                                            .book = rent.book,
                                            .account = account.public_key(),
                                            .escrow = EscrowId(account.public_key(), nonce),
                                            .voucher_key = voucher_key,
                                            .slices = rent.slices,
                                            .price = offer.price,
                                            .duration = rent.duration,
                                            .max_cost = held,
                                            .hold_fee = offer.hold_fee,
                                            .issued = turn.now(),
                                            .expires = expires});
  turn.Append(Ordered{.lease = order->id()}, {escrow, order});
  Lease& lease = leases_.at(order->id());
  lease.longest_interval = offer.longest_interval;
  lease.device_kind = offer.device_kind;
  lease.model = offer.model;
  turn.Answer({.command = command, .id = order->id()});
  Pursue(turn, order->id());
}

void Renter::OnReleaseCommand(Turn& turn, uint64_t command, const ReleaseCommand& what) {
  const auto it = leases_.find(what.lease);
  if (it == leases_.end()) {
    return turn.Answer(
        {.command = command, .status = Error(Code::kNotFound, "no such lease; see: souk leases")});
  }
  Lease& lease = it->second;
  turn.Answer({.command = command, .id = lease.id});
  switch (lease.phase) {
    case Phase::kWaiting:
    case Phase::kPaying:
    case Phase::kMetering:
    case Phase::kPaused:
      return Release(turn, lease);
    case Phase::kEscrowing:
    case Phase::kOrdering:
    case Phase::kCommitting:
      return Withdraw(turn, lease);
    case Phase::kLost:
    case Phase::kReleasing:
    case Phase::kClosing:
    case Phase::kClosed:
      return;
  }
}

Result<Renter::Lease*> Renter::ReadyForJob(const Digest& id) {
  const auto it = leases_.find(id);
  if (it == leases_.end()) return Error(Code::kNotFound, "no such lease; see: souk leases");
  Lease& lease = it->second;
  if (lease.phase != Phase::kMetering) {
    return Error(Code::kWrongState, std::string("the lease is ") + PhaseName(lease.phase) +
                                        "; a job needs one that is metering");
  }
  if (lease.open_challenge) {
    return Error(Code::kWrongState,
                 "the device is being challenged under this lease; try again once that is judged: "
                 "souk challenges");
  }
  // Here rather than by the provider's refusal: a job that is asked for again later would meet the
  // number of a younger one.
  const auto waiting = std::count_if(open_jobs_.begin(), open_jobs_.end(), [&](const Digest& one) {
    const JobState& open = jobs_.at(one);
    return open.lease == id && open.at == JobStep::Event::kSubmitted;
  });
  if (static_cast<size_t>(waiting) >= limits::kOpenJobsPerLease) {
    return Error(Code::kExhausted, "the lease has as many open jobs as a provider takes: " +
                                       std::to_string(limits::kOpenJobsPerLease));
  }
  return &lease;
}

Digest Renter::SubmitJob(Turn& turn, const Lease& lease, const JobCommand& what) {
  const DocumentRef job = turn.Sign(Job{.lease = lease.id,
                                        .number = lease.number + 1,
                                        .workload = what.workload,
                                        .blobs = what.blobs,
                                        .title = what.title,
                                        .sealed = what.sealed});
  turn.Append(JobStep{.job = job->id(), .lease = lease.id, .event = JobStep::Event::kSubmitted},
              {job});
  return job->id();
}

void Renter::OnJobCommand(Turn& turn, uint64_t command, const JobCommand& what) {
  const auto lease = ReadyForJob(what.lease);
  if (!lease) return turn.Answer({.command = command, .status = lease.error()});
  turn.Answer({.command = command, .id = SubmitJob(turn, **lease, what)});
}

void Renter::OnBalanceCommand(Turn& turn, uint64_t command, const BalanceCommand& what) {
  const SigningKey account = turn.identity().AccountKey(what.book);
  const DocumentRef query = SignMessage(
      AccountQuery{.book = what.book, .account = account.public_key(), .sent = turn.wall()},
      account);
  const DocumentRef carry = CarryOf(turn, query);
  const Time until = turn.now() + kAskForBalance;
  balance_asks_[carry->id()] = {command, what.book, until};
  turn.Ask(what.book, carry, {.until = until});
}

void Renter::EndBalanceAsks(Turn& turn) {
  std::erase_if(balance_asks_, [&](const auto& item) {
    if (turn.now() < item.second.until) return false;
    turn.Answer({.command = item.second.command,
                 .status = Error(Code::kUnavailable, "the clearing peer does not answer")});
    return true;
  });
}

bool Renter::OnJobReply(Turn& turn, const From& from, const Digest& re) {
  const auto ask = job_asks_.find(re);
  JobState& job = jobs_.at(ask->second);
  Lease& lease = leases_.at(job.lease);
  if (from.peer != lease.order.provider) return true;
  Hear(lease, turn.now());
  // The provider has the job; its receipt comes by itself.
  turn.Settle(re);
  job_asks_.erase(ask);
  job.acknowledged = true;
  job.next_ask = turn.monotonic() + kAskForReceiptEvery;
  return true;
}

bool Renter::OnJobRefusal(Turn& turn, const From& from, const Refusal& refusal, bool passing) {
  const auto ask = job_asks_.find(refusal.re);
  JobState& job = jobs_.at(ask->second);
  if (passing || from.peer != leases_.at(job.lease).order.provider) return true;
  turn.Settle(refusal.re);
  job_asks_.erase(ask);
  if (job.at != JobStep::Event::kSubmitted) return true;
  RefuseResult(turn, job, refusal.sentence);
  return true;
}

void Renter::OnJobReceipt(Turn& turn, const From& from, const DocumentRef& document) {
  const auto receipt = Decode<JobReceipt>(*document);
  const auto it = receipt ? jobs_.find(receipt->job) : jobs_.end();
  if (it == jobs_.end() || it->second.at != JobStep::Event::kSubmitted) return;
  Lease& lease = leases_.at(it->second.lease);
  if (document->signer() != lease.order.provider || from.peer != lease.order.provider ||
      receipt->lease != lease.id || receipt->fence != lease.acceptance.fence ||
      receipt->workload != it->second.job.workload.digest) {
    return;
  }
  Hear(lease, turn.now());
  StopAsking(turn, it->second);
  const JobState& job = it->second;
  if (job.job.sealed && !job.reveal_document) {
    return RefuseResult(turn, it->second,
                        "its provider gave the result before it was to reveal it");
  }
  if (job.job.sealed && document->id() != job.seal->receipt) {
    return RefuseResult(turn, it->second,
                        "its provider revealed another result than it had sealed");
  }
  turn.Append(JobStep{.job = it->first,
                      .lease = lease.id,
                      .event = JobStep::Event::kFinished,
                      .status = receipt->status},
              {document});
}

void Renter::RefuseResult(Turn& turn, JobState& job, std::string why) {
  job.refused = std::move(why);
  turn.Append(JobStep{.job = job.id,
                      .lease = job.lease,
                      .event = JobStep::Event::kFinished,
                      .status = JobStatus::kFailed},
              {});
}

DocumentRef Renter::QuestionOf(const JobState& job) {
  if (job.reveal_document) return job.reveal_document;
  return job.seal ? nullptr : job.document;
}

void Renter::StopAsking(Turn& turn, const JobState& job) {
  for (const DocumentRef& document : {job.document, job.reveal_document}) {
    if (!document) continue;
    turn.Settle(document->id());
    job_asks_.erase(document->id());
  }
}

// A provider takes no number below one that it has taken (R1), so a lease's jobs are asked for one
// after the other, in the order of their numbers.
void Renter::AskForJobs(Turn& turn) {
  std::map<Digest, JobState*> next;  // by lease
  for (const Digest& id : open_jobs_) {
    JobState& job = jobs_.at(id);
    const DocumentRef question = QuestionOf(job);
    if (job.at != JobStep::Event::kSubmitted || !question) continue;
    const Lease& lease = leases_.at(job.lease);
    const bool over = lease.phase == Phase::kClosed;
    if (job.acknowledged || over) {
      // It answers a job that it knows with the receipt, or its seal.
      if (turn.monotonic() < job.next_ask) continue;
      job.next_ask = turn.monotonic() + kAskForReceiptEvery;
      job_asks_[question->id()] = id;
      turn.Tell(lease.order.provider, question);
      continue;
    }
    if (turn.now() >= lease.acceptance.settle_by) continue;
    JobState*& first = next[job.lease];
    if (first == nullptr || job.job.number < first->job.number) first = &job;
  }
  for (const auto& [lease, job] : next) {
    const DocumentRef question = QuestionOf(*job);
    if (turn.Asking(question->id())) continue;
    job_asks_[question->id()] = job->id;
    turn.Ask(leases_.at(lease).order.provider, question,
             {.until = leases_.at(lease).acceptance.settle_by});
  }
}

void Renter::PursueJobs(Turn& turn, Blobs& blobs) {
  RevealJobs(turn);
  AskForJobs(turn);
  const std::set<Digest> open = open_jobs_;
  for (const Digest& id : open) {
    JobState& job = jobs_.at(id);
    Lease& lease = leases_.at(job.lease);
    if (job.at == JobStep::Event::kSubmitted) {
      // Where its round waits, the round decides when to go on.
      if (lease.phase != Phase::kClosed || !QuestionOf(job)) continue;
      Query(turn, lease, Seconds(1));
      const Time closed = lease.story.empty() ? turn.now() : lease.story.back().first;
      if (turn.now() >= std::max(closed, job.revealed) + kAskForReceipt) {
        StopAsking(turn, job);
        turn.Append(JobStep{.job = id,
                            .lease = job.lease,
                            .event = JobStep::Event::kFinished,
                            .status = JobStatus::kLost},
                    {});
      }
      continue;
    }
    bool complete = true;
    const auto give_up = [&](std::string why) {
      job.refused = std::move(why);
      turn.Append(JobStep{.job = id,
                          .lease = job.lease,
                          .event = JobStep::Event::kFetched,
                          .status = JobStatus::kFailed},
                  {});
    };
    if (BytesOf(job.receipt->outputs) > limits::kBlobBytes) {
      give_up("its outputs are larger together than a job's may be");
      continue;
    }
    for (const JobOutput& output : job.receipt->outputs) {
      if (turn.view().BlobSize(output.blob.digest)) continue;
      complete = false;
      const Status comes = blobs.Fetch(turn, output.blob, lease.order.provider, id);
      if (comes) continue;
      give_up("output " + output.name + ": " + comes.error().message);
      break;
    }
    if (complete) {
      turn.Append(JobStep{.job = id,
                          .lease = job.lease,
                          .event = JobStep::Event::kFetched,
                          .status = job.receipt->status},
                  {});
    }
  }
}

bool Renter::MayRead(const PeerId& peer, const Digest& job, const Digest& blob) const {
  const auto it = jobs_.find(job);
  if (it == jobs_.end() || leases_.at(it->second.lease).order.provider != peer) return false;
  const Job& what = it->second.job;
  return what.workload.digest == blob ||
         std::any_of(what.blobs.begin(), what.blobs.end(),
                     [&](const BlobRef& one) { return one.digest == blob; });
}

}  // namespace souk::node
