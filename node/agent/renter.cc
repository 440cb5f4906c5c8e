// Leases and their money; commands and jobs are in renter_jobs.cc, challenges in
// renter_challenges.cc, folding in renter_fold.cc.
#include "node/agent/renter.h"

#include <algorithm>

#include "gpu/worker/challenge.h"
#include "ledger/book/node_book.h"
#include "node/agent/directory.h"
#include "protocol/base/check.h"
#include "protocol/lease_terms.h"

namespace souk::node {
namespace {

constexpr Duration kQueryEvery = Seconds(1);
// Twice within an interval, so that one lost answer costs the provider nothing.
constexpr Duration kQueryWhileMetering = Seconds(3);
constexpr Duration kQueryAtFirst = Millis(500);
constexpr Duration kAskAgain = Millis(300);
constexpr Duration kAskAgainAtMost = Seconds(5);
// The commit is a renter's first document of a lease; what withdraws it is above that, whether or
// not the commit was sent.
constexpr uint64_t kCommitNumber = 1;

// The lease has begun and neither side has ended it.
bool MayRelease(Renter::Phase phase) {
  switch (phase) {
    case Renter::Phase::kWaiting:
    case Renter::Phase::kPaying:
    case Renter::Phase::kMetering:
    case Renter::Phase::kPaused:
      return true;
    case Renter::Phase::kEscrowing:
    case Renter::Phase::kOrdering:
    case Renter::Phase::kLost:
    case Renter::Phase::kCommitting:
    case Renter::Phase::kReleasing:
    case Renter::Phase::kClosing:
    case Renter::Phase::kClosed:
      return false;
  }
  std::abort();
}

// Whether another answer to the same is to be expected: the peer has just started or is busy, or
// one of its roles is switched off.
bool IsPassing(RefusalCode code) {
  switch (code) {
    case RefusalCode::kNotBound:
    case RefusalCode::kRateLimited:
    case RefusalCode::kBusy:
    case RefusalCode::kUnsupported:
      return true;
    default:
      return false;
  }
}

// R6: a claim is paid up to the renter's own clock + 1 % + 1 s.
Duration Tolerated(Duration own) {
  return own + Millis(own.ms / 100) + Seconds(1);
}

}  // namespace

DocumentRef Renter::CarryOf(Turn& turn, const DocumentRef& document) const {
  return turn.Sign(Carry{.documents = {document->envelope()}});
}

bool Renter::Asked(Turn& turn, const Lease& lease) const {
  if (!lease.asking || lease.asked_in != lease.phase) return false;
  return turn.Asking(lease.asking->id()) || turn.monotonic() < lease.next_query;
}

const PeerId& Renter::AskedOf(const Lease& lease, Ask what) {
  return what == Ask::kEscrow ? lease.order.book : lease.order.provider;
}

void Renter::AskNow(Turn& turn, Lease& lease, Ask what, DocumentRef document) {
  if (lease.asking && lease.asking->id() != document->id()) turn.Settle(lease.asking->id());
  // An answer that changes nothing is likely to come again.
  const bool again = lease.asking && lease.asked_in == lease.phase;
  lease.ask_pause = again ? std::min(lease.ask_pause * 2, kAskAgainAtMost) : kAskAgain;
  lease.asking = document;
  lease.asked_in = lease.phase;
  lease.next_query = turn.monotonic() + lease.ask_pause;
  asks_[document->id()] = {lease.id, what};
  turn.Ask(AskedOf(lease, what), std::move(document), HowLong(lease, what));
}

AskFor Renter::HowLong(const Lease& lease, Ask what) {
  // Nobody can hold us to a lease after that: without the acceptance, one would be over by then for
  // want of a commit.
  const Time over = lease.acceptance_document
                        ? lease.acceptance.settle_by
                        : lease.order.expires + limits::kMaxSkew + limits::kCommitWindow;
  switch (what) {
    case Ask::kEscrow:
      // What was paid is only in the book.
      return {.until = lease.escrow.timeout + limits::kMaxSkew * 2, .even_after = true};
    case Ask::kOrder:
      return {.until = lease.order.expires + limits::kMaxSkew};
    case Ask::kCommit:
    case Ask::kVoucher:
    case Ask::kQuery:
    case Ask::kRelease:
      return {.until = over};
  }
  std::abort();
}

void Renter::TryGiveUp(Turn& turn, Lease& lease) {
  if (lease.best.micro > 0 || turn.now() < lease.escrow.timeout + limits::kMaxSkew * 2) return;
  RecordSettled(turn, lease, Credits{});
}

void Renter::Query(Turn& turn, Lease& lease, Duration every) {
  if (turn.monotonic() < lease.next_query) return;
  lease.next_query = turn.monotonic() + every;
  const DocumentRef query = turn.Sign(LeaseQuery{.lease = lease.id});
  asks_[query->id()] = {lease.id, Ask::kQuery};
  turn.Tell(lease.order.provider, query);
}

Digest Renter::CommitNonce(Turn& turn, const Lease& lease) const {
  const Digest secret = turn.identity().DeriveNonce("commit", lease.acceptance.fence);
  return Sha256Hasher().Update(secret.view()).Update(lease.id.view()).Finish();
}

void Renter::Start(Turn& turn) {
  const std::set<Digest> open = open_leases_;
  for (const Digest& id : open) {
    Lease& lease = leases_.at(id);
    if (lease.ready.ms != 0) {
      lease.heard = turn.now();
      lease.served = std::min(std::max(lease.heard - lease.ready, Duration{}),
                              CoveredBy(lease.best, lease.order.price, lease.order.slices));
    }
    if (lease.best.micro > 0 && lease.phase != Phase::kLost) SendVoucher(turn, lease);
    Pursue(turn, id);
  }
  StartChallenges(turn);
}

// Does what the lease's phase asks for next. Idempotent; called every turn.
void Renter::Pursue(Turn& turn, const Digest& id) {
  Lease& lease = leases_.at(id);
  const Time now = turn.now();
  if (lease.phase == Phase::kEscrowing && now >= lease.escrow.accept_by) {
    Lose(turn, lease, "the clearing peer did not answer in time");
  } else if (lease.phase == Phase::kOrdering && now >= lease.order.expires + limits::kMaxSkew) {
    Lose(turn, lease, "the provider did not answer in time");
  } else if (lease.acceptance_document && now >= lease.acceptance.settle_by &&
             lease.phase != Phase::kClosing && lease.phase != Phase::kClosed &&
             lease.phase != Phase::kLost) {
    Lose(turn, lease, "the provider was lost");
  }
  switch (lease.phase) {
    case Phase::kLost:
      // Withdrawn: a provider that has accepted frees its slices at once.
      if (lease.release_document && lease.held && !lease.release_answered &&
          now < HowLong(lease, Ask::kRelease).until) {
        asks_[lease.release_document->id()] = {id, Ask::kRelease};
        turn.Ask(lease.order.provider, lease.release_document, HowLong(lease, Ask::kRelease));
      }
      // The question is the escrow itself: the book must not hold it because of that.
      if (!lease.held && now < lease.escrow.accept_by) return;
      [[fallthrough]];
    case Phase::kEscrowing:
    case Phase::kClosing:
      if (!Asked(turn, lease)) {
        AskNow(turn, lease, Ask::kEscrow, CarryOf(turn, lease.escrow_document));
      }
      return TryGiveUp(turn, lease);
    case Phase::kOrdering:
      if (!Asked(turn, lease)) AskNow(turn, lease, Ask::kOrder, lease.order_document);
      return;
    case Phase::kCommitting:
      if (Asked(turn, lease)) return;
      return AskNow(turn, lease, Ask::kCommit,
                    turn.Sign(Commit{.lease = id,
                                     .number = kCommitNumber,
                                     .acceptance = lease.acceptance_document->id(),
                                     .nonce = CommitNonce(turn, lease)}));
    case Phase::kWaiting:
    case Phase::kPaying:
    case Phase::kPaused:
      return Query(turn, lease, kQueryEvery);
    case Phase::kMetering:
      PayInterval(turn, lease);
      return Query(turn, lease,
                   std::clamp(Millis(lease.interval.ms / 2), kQueryAtFirst, kQueryWhileMetering));
    case Phase::kReleasing:
      if (!Asked(turn, lease)) AskNow(turn, lease, Ask::kRelease, lease.release_document);
      return;
    case Phase::kClosed:
      return;
  }
}

// Not recorded: whatever was held comes back by the book's own rules, and that is recorded.
void Renter::Lose(Turn& turn, Lease& lease, std::string sentence) {
  lease.phase = Phase::kLost;
  lease.sentence = std::move(sentence);
  if (lease.voucher_carry) turn.Settle(lease.voucher_carry->id());
}

void Renter::OnEscrowEntry(Turn& turn, Lease& lease, const ProvenEntry& proven) {
  const auto* booked = std::get_if<Booked>(&proven.entry.outcome);
  if (booked == nullptr) return;
  for (const TransferRecord& record : booked->transfers) {
    if (record.kind == TransferRecord::Kind::kPending && record.id == lease.order.escrow) {
      if (lease.phase != Phase::kEscrowing) return;
      if (record.amount != lease.order.max_cost.micro) return;
      turn.Append(EscrowSeen{.lease = lease.id,
                             .escrow = record.id,
                             .book_size = proven.log_size,
                             .book_root = proven.log_root},
                  {});
      return Pursue(turn, lease.id);
    }
    if (record.pending != lease.order.escrow || lease.settled) continue;
    const bool paid = record.kind == TransferRecord::Kind::kPost;
    if (paid && !IsPaid(lease, record, proven.entry)) {
      lease.sentence = "the book says that it paid, but not by whose voucher";
      return;
    }
    return RecordSettled(turn, lease, paid ? Credits{record.amount} : Credits{});
  }
}

void Renter::RecordSettled(Turn& turn, Lease& lease, Credits paid) {
  for (const DocumentRef& asked : {lease.asking, lease.voucher_carry, lease.release_document}) {
    if (asked) turn.Settle(asked->id());
  }
  turn.Append(Settled{.lease = lease.id, .escrow = lease.order.escrow, .paid = paid}, {});
}

// R6: every debit carries its owner's signature. The book's word that it paid is taken with the
// provider's post, and the voucher within that.
bool Renter::IsPaid(const Lease& lease, const TransferRecord& record, const Entry& entry) const {
  if (entry.documents.size() != 1) return false;
  const auto document = Document::Open(entry.documents[0]);
  const auto post = document ? Decode<Post>(**document) : Result<Post>(document.error());
  if (!post || (*document)->signer() != lease.order.provider || (*document)->id() != record.id ||
      post->escrow != lease.order.escrow || post->lease != lease.id ||
      post->amount.micro != record.amount) {
    return false;
  }
  const auto signed_voucher = Document::Open(post->voucher);
  const auto voucher =
      signed_voucher ? Decode<Voucher>(**signed_voucher) : Result<Voucher>(signed_voucher.error());
  return voucher && (*signed_voucher)->signer() == lease.order.voucher_key &&
         voucher->lease == lease.id && voucher->book == lease.order.book &&
         voucher->amount <= lease.best && post->amount <= voucher->amount;
}

void Renter::OnAcceptance(Turn& turn, const From& from, Lease& lease, const DocumentRef& document) {
  if (lease.phase != Phase::kOrdering) return;
  const auto acceptance = Decode<Acceptance>(*document);
  if (!acceptance || acceptance->order != lease.id || document->signer() != lease.order.provider)
    return;
  if (acceptance->settle_by + limits::kWindow + limits::kMaxSkew * 2 > lease.escrow.timeout ||
      acceptance->commit_by <= acceptance->accepted || acceptance->accepted > lease.order.expires) {
    return Lose(turn, lease, "the acceptance's times do not fit the order");
  }
  const auto proven = turn.CheckReceipt(from, from.event->receipt);
  if (!proven) return;  // asked again
  const Entry& entry = proven->entry;
  const auto* step = std::get_if<LeaseStep>(&entry.outcome);
  if (step == nullptr || step->event != LeaseEvent::kAccepted || step->lease != lease.id ||
      entry.sequence != acceptance->fence) {
    return Lose(turn, lease, "the provider's log does not hold the acceptance");
  }
  turn.Append(
      LeaseStep{.lease = lease.id, .event = LeaseEvent::kAccepted, .to = LeaseState::kReserved},
      {document});
  Pursue(turn, lease.id);
}

void Renter::OnCommitted(Turn& turn, const From& from, Lease& lease) {
  const auto proven = turn.CheckReceipt(from, from.event->receipt);
  if (!proven) return;  // asked again
  const auto* step = std::get_if<LeaseStep>(&proven->entry.outcome);
  // The commit that was asked, byte by byte: another lease's is this renter's as well.
  if (step == nullptr || step->lease != lease.id || step->event != LeaseEvent::kCommitted ||
      proven->entry.documents.size() != 1 ||
      proven->entry.documents[0] != lease.asking->envelope()) {
    return;
  }
  turn.Settle(lease.asking->id());
  turn.Append(
      LeaseStep{.lease = lease.id, .event = LeaseEvent::kCommitted, .to = LeaseState::kActive},
      {lease.asking});
}

// What does not fit (lease_terms.h), here and in OnClose, must not stand in this log: its auditor
// asks the same.
void Renter::OnReady(Turn& turn, Lease& lease, const DocumentRef& document) {
  if (lease.phase != Phase::kWaiting || document->signer() != lease.order.provider) return;
  const auto ready = Decode<Ready>(*document);
  if (!ready || ready->lease != lease.id) return;
  if (FindMisfit(*ready, lease.order, lease.commit, lease.provider_number)) {
    lease.sentence = "the provider's word that it is ready does not fit the order";
    return Release(turn, lease);
  }
  const Digest nonce = CommitNonce(turn, lease);
  gpu::Nonce asked = {};
  std::copy(nonce.bytes.begin(), nonce.bytes.end(), asked.begin());
  if (ready->answer != gpu::ExpectedAnswer(asked)) {
    lease.sentence = "the device's answer to the nonce is wrong";
    return Release(turn, lease);
  }
  turn.Append(LeaseStep{.lease = lease.id, .event = LeaseEvent::kReady, .to = LeaseState::kActive},
              {document});
  PayInterval(turn, lease);
}

// What a provider says at the end of a silence proves nothing of what it did meanwhile.
Duration Renter::ServedUntil(const Lease& lease, Time until) {
  const Duration silence =
      std::clamp(until - lease.heard, Duration{}, std::max(lease.interval, limits::kFirstInterval));
  return std::clamp(lease.served + silence, Duration{}, std::max(until - lease.ready, Duration{}));
}

void Renter::Hear(Lease& lease, Time now) {
  if (lease.ready.ms == 0) return;
  lease.served = ServedUntil(lease, now);
  lease.heard = now;
}

Credits Renter::OwnDue(const Lease& lease, Duration metered) const {
  const auto due =
      AmountDue(lease.order.price, lease.order.slices, std::min(metered, lease.order.duration));
  CHECK(due.has_value());  // the escrow was computed for the whole duration
  return std::min(*due, lease.order.max_cost);
}

void Renter::SendVoucher(Turn& turn, Lease& lease) {
  if (lease.voucher_carry) turn.Settle(lease.voucher_carry->id());
  lease.voucher_carry = CarryOf(turn, lease.voucher_document);
  asks_[lease.voucher_carry->id()] = {lease.id, Ask::kVoucher};
  turn.Ask(lease.order.provider, lease.voucher_carry, HowLong(lease, Ask::kVoucher));
}

void Renter::PayUpTo(Turn& turn, Lease& lease, Credits amount) {
  if (amount <= lease.best) return;
  const SigningKey key = turn.identity().VoucherKey(lease.order.nonce);
  const DocumentRef voucher =
      SignMessage(Voucher{.lease = lease.id, .book = lease.order.book, .amount = amount}, key);
  // Append first: after a crash we must know what we have given away.
  turn.Append(VoucherTaken{.lease = lease.id, .best = amount}, {voucher});
  SendVoucher(turn, lease);
}

// The offer is replaced as soon as its slices are leased. After a restart the shortest that its
// provider offers is meant, and until one is heard of, the first: more vouchers, and less at risk.
Duration Renter::LongestInterval(const Turn& turn, const Lease& lease) const {
  if (lease.longest_interval) return *lease.longest_interval;
  std::optional<Duration> shortest;
  for (const Offer& offer : turn.directory().OffersOf(lease.order.provider, turn.now())) {
    shortest = std::min(shortest.value_or(offer.longest_interval), offer.longest_interval);
  }
  return shortest.value_or(limits::kFirstInterval);
}

// One interval ahead (R6): the first covers 1 s, each next one twice the last, up to the offer's.
void Renter::PayInterval(Turn& turn, Lease& lease) {
  // A provider that is silent, or down, gets one interval and no more. After a restart the last
  // voucher was sent again (Start).
  if (lease.acknowledged < lease.best) return;
  const Duration covered = CoveredBy(lease.best, lease.order.price, lease.order.slices);
  const Duration served = ServedUntil(lease, turn.now());
  // Half of the last interval is left for the voucher to arrive.
  if (lease.best.micro > 0 && served + Millis(lease.interval.ms / 2) < covered) return;
  const Duration longest = LongestInterval(turn, lease);
  const Duration next =
      lease.interval.ms == 0
          ? limits::kFirstInterval
          : std::min(lease.interval * 2, std::max(longest, limits::kFirstInterval));
  lease.interval = next;
  // Free devices are paid with the smallest voucher: it is the assent that counts.
  PayUpTo(turn, lease,
          std::max(OwnDue(lease, served + next), lease.best.micro == 0 ? Credits{1} : Credits{}));
}

void Renter::OnVoucherAck(Turn& turn, Lease& lease, const DocumentRef& document) {
  const auto ack = Decode<VoucherAck>(*document);
  if (!ack || ack->lease != lease.id || document->signer() != lease.order.provider) return;
  Hear(lease, turn.now());
  lease.acknowledged = std::max(lease.acknowledged, std::min(ack->best, lease.best));
  if (lease.voucher_carry && ack->best >= lease.best) turn.Settle(lease.voucher_carry->id());
  if (lease.phase == Phase::kPaying && ack->best >= lease.best && ack->metered_from.ms != 0) {
    turn.Append(
        LeaseStep{
            .lease = lease.id, .event = LeaseEvent::kFirstVoucher, .to = LeaseState::kMetering},
        {});
  }
}

void Renter::OnClose(Turn& turn, Lease& lease, const DocumentRef& document) {
  const auto close = Decode<Close>(*document);
  if (!close || close->lease != lease.id || document->signer() != lease.order.provider) return;
  if (lease.release_document && lease.phase == Phase::kLost) {
    lease.release_answered = true;
    return turn.Settle(lease.release_document->id());
  }
  if (lease.close_document || lease.phase == Phase::kClosed || lease.phase == Phase::kLost) return;
  if (!lease.acceptance_document) {
    // The acceptance's answer was lost, and commit_by has passed: there was no lease.
    return Lose(turn, lease, "the provider closed it before its acceptance arrived");
  }
  if (FindMisfit(*close, lease.order, lease.provider_number)) {
    lease.sentence = "the provider's close does not fit the order";
    if (MayRelease(lease.phase)) Release(turn, lease);
    return;
  }
  // The claim is paid up to our own clock, which stopped where we let go: however late the close
  // comes, nobody computed for us since. Nor, for all we know, where we heard nothing.
  Credits most = {};
  if (lease.ready.ms != 0) {
    const Time until = lease.released.ms != 0 ? lease.released : turn.now();
    most = OwnDue(lease, Tolerated(ServedUntil(lease, until)));
  }
  const Credits due = std::min(ClaimOf(*close, lease.order), most);
  LeaseEvent event = LeaseEvent::kEndReached;
  if (close->reason == CloseReason::kReleased || close->reason == CloseReason::kRenterWithdrew) {
    event = LeaseEvent::kReleased;
  } else if (close->reason == CloseReason::kDeviceLost ||
             close->reason == CloseReason::kClearingLost) {
    event = LeaseEvent::kDeviceLost;
  } else if (close->reason == CloseReason::kUnpaid) {
    event = LeaseEvent::kHoldUnpaid;
  } else if (close->reason == CloseReason::kNotReady) {
    event = LeaseEvent::kReadyExpired;
  } else if (close->reason == CloseReason::kNotCommitted) {
    event = LeaseEvent::kCommitExpired;
  }
  turn.Append(LeaseStep{.lease = lease.id,
                        .event = event,
                        .to = LeaseState::kClosing,
                        .reason = close->reason,
                        .metered = close->metered,
                        .due = due},
              {document});
  PayUpTo(turn, lease, due);
  Pursue(turn, lease.id);
}

void Renter::Release(Turn& turn, Lease& lease) {
  const DocumentRef document =
      turn.Sign(souk::Release{.lease = lease.id, .number = lease.number + 1});
  turn.Append(
      LeaseStep{.lease = lease.id, .event = LeaseEvent::kReleased, .to = LeaseState::kClosing},
      {document});
  Pursue(turn, lease.id);
}

// Before the commit's receipt: nothing is metered, and the escrow comes back by the book's rules.
// Recorded, so that a restart neither orders nor commits what was let go.
void Renter::Withdraw(Turn& turn, Lease& lease) {
  if (lease.asking) turn.Settle(lease.asking->id());
  const DocumentRef document =
      turn.Sign(souk::Release{.lease = lease.id, .number = kCommitNumber + 1});
  turn.Append(LeaseStep{.lease = lease.id,
                        .event = LeaseEvent::kReleased,
                        .to = LeaseState::kClosed,
                        .reason = CloseReason::kRenterWithdrew},
              {document});
  Pursue(turn, lease.id);
}

void Renter::OnLeaseDocument(Turn& turn, const From& from, const DocumentRef& document) {
  if (document->kind() == Kind::kJobReceipt) return OnJobReceipt(turn, from, document);
  if (document->kind() == Kind::kJobSeal) return OnJobSeal(turn, from, document);
  if (document->kind() == Kind::kChallengeRoot) return OnChallengeRoot(turn, from, document);
  if (document->kind() == Kind::kChallengeOpening) return OnChallengeOpening(turn, from, document);
  if (document->kind() == Kind::kProgress) {
    const auto progress = Decode<Progress>(*document);
    const auto it = progress ? jobs_.find(progress->job) : jobs_.end();
    if (it == jobs_.end() || leases_.at(it->second.lease).order.provider != from.peer) return;
    Hear(leases_.at(it->second.lease), turn.now());
    it->second.launch = progress->launch;
    it->second.launches = progress->launches;
    it->second.due = progress->due;
    return;
  }
  Digest id;
  if (document->kind() == Kind::kReady) {
    const auto ready = Decode<Ready>(*document);
    if (ready) id = ready->lease;
  } else if (document->kind() == Kind::kVoucherAck) {
    const auto ack = Decode<VoucherAck>(*document);
    if (ack) id = ack->lease;
  } else if (document->kind() == Kind::kClose) {
    const auto close = Decode<Close>(*document);
    if (close) id = close->lease;
  } else if (document->kind() == Kind::kAcceptance) {
    const auto acceptance = Decode<Acceptance>(*document);
    if (acceptance) id = acceptance->order;
  }
  const auto it = leases_.find(id);
  if (it == leases_.end() || it->second.order.provider != from.peer) return;
  if (document->kind() == Kind::kReady) OnReady(turn, it->second, document);
  if (document->kind() == Kind::kVoucherAck) OnVoucherAck(turn, it->second, document);
  if (document->kind() == Kind::kClose) OnClose(turn, it->second, document);
  if (document->kind() == Kind::kAcceptance) OnAcceptance(turn, from, it->second, document);
}

bool Renter::OnReply(Turn& turn, const From& from, const Reply& reply) {
  const auto balance = balance_asks_.find(reply.re);
  if (balance != balance_asks_.end()) {
    if (balance->second.book != from.peer || from.event->carried.size() != 1) return true;
    const auto statement = Decode<Statement>(*from.event->carried[0]);
    if (!statement || from.event->carried[0]->signer() != from.peer) return true;
    turn.Settle(reply.re);
    turn.Answer({.command = balance->second.command, .statement = *statement});
    balance_asks_.erase(balance);
    return true;
  }
  if (job_asks_.contains(reply.re)) return OnJobReply(turn, from, reply.re);
  if (OnChallengeReply(turn, from, reply.re)) return true;
  const auto ask = asks_.find(reply.re);
  if (ask == asks_.end()) return false;
  const Ask what = ask->second.what;
  Lease& lease = leases_.at(ask->second.lease);
  if (from.peer != AskedOf(lease, what)) return true;
  if (what == Ask::kEscrow) {
    const auto proven = turn.CheckReceipt(from, from.event->receipt);
    if (!proven) return true;  // asked again
    turn.Settle(reply.re);
    OnEscrowEntry(turn, lease, *proven);
    return true;
  }
  if (what == Ask::kCommit && lease.phase == Phase::kCommitting && lease.asking->id() == reply.re) {
    OnCommitted(turn, from, lease);
  }
  for (const DocumentRef& document : from.event->carried) OnLeaseDocument(turn, from, document);
  return true;
}

bool Renter::OnRefusal(Turn& turn, const From& from, const Refusal& refusal) {
  const bool passing = IsPassing(refusal.code);
  if (job_asks_.contains(refusal.re)) {
    // A paused lease goes on once it is paid for; what was refused must not be done then unseen.
    const bool paused = refusal.code == RefusalCode::kNotPaid;
    return OnJobRefusal(turn, from, refusal, passing || paused);
  }
  if (OnChallengeRefusal(turn, from, refusal, passing)) return true;
  const auto ask = asks_.find(refusal.re);
  if (ask == asks_.end()) return false;
  const Ask what = ask->second.what;
  Lease& lease = leases_.at(ask->second.lease);
  if (from.peer != AskedOf(lease, what)) return true;
  // Who asks for a lease is told at once that a role is off; what has begun waits for it to return.
  const bool begins = lease.phase == Phase::kEscrowing || lease.phase == Phase::kOrdering;
  const bool off = refusal.code == RefusalCode::kUnsupported;
  if (passing && !(off && begins)) return true;
  turn.Settle(refusal.re);
  // Why it was lost was said already.
  if (lease.phase != Phase::kLost) lease.sentence = refusal.sentence;
  if (what == Ask::kEscrow) {
    OnEscrowRefused(turn, lease, refusal);
  } else if ((what == Ask::kOrder && lease.phase == Phase::kOrdering) ||
             (what == Ask::kCommit && lease.phase == Phase::kCommitting)) {
    Lose(turn, lease, refusal.sentence);
  } else if (what == Ask::kRelease) {
    lease.release_answered = true;
  }
  return true;
}

// A book that held the escrow answers with its entry, never with a refusal. So where it was seen
// held, a refusal settles nothing.
void Renter::OnEscrowRefused(Turn& turn, Lease& lease, const Refusal& refusal) {
  if (lease.held) return;
  if (lease.phase == Phase::kEscrowing) {
    // A role that is off says nothing of what the book did before.
    if (refusal.code == RefusalCode::kUnsupported) return Lose(turn, lease, refusal.sentence);
    // Nothing is held, and nothing will be: it was refused by the book itself.
    RecordSettled(turn, lease, Credits{});
  } else if (lease.phase == Phase::kLost && turn.now() >= lease.escrow.accept_by) {
    // The book never held it, and by now it cannot.
    RecordSettled(turn, lease, Credits{});
  }
}

void Renter::RunTimers(Turn& turn, Blobs& blobs) {
  const std::set<Digest> open = open_leases_;
  for (const Digest& id : open) Pursue(turn, id);
  PursueJobs(turn, blobs);
  PursueChallenges(turn, blobs);
  EndBalanceAsks(turn);
}

}  // namespace souk::node
