// Offers, leases and their money. Orders are in provider_orders.cc, jobs in provider_jobs.cc,
// challenges in provider_challenges.cc, folding in provider_fold.cc.
#include "node/agent/provider.h"

#include <algorithm>

#include "node/agent/directory.h"
#include "protocol/base/check.h"

namespace souk::node {
namespace {

// Everything an offer says but when it was said, how much was free then, and what was shown of it.
Bytes Terms(Offer offer) {
  offer.sequence = 1;
  offer.slices = 1;
  offer.grade = Grade::kDeclared;
  offer.verdict.clear();
  offer.issued = offer.expires = limits::kEarliest;
  return EncodePayload(offer);
}

Digest FreeId(const Digest& lease) {
  return Sha256Hasher().Update(AsBytes("souk/free")).Update(lease.view()).Finish();
}

// What a book says of the escrow itself.
bool IsAboutEscrow(RefusalCode code) {
  switch (code) {
    case RefusalCode::kEscrowMissing:
    case RefusalCode::kEscrowUsed:
    case RefusalCode::kEscrowMismatch:
    case RefusalCode::kEscrowClosed:
    case RefusalCode::kNotYours:
    case RefusalCode::kOverEscrow:
    case RefusalCode::kVoucherTooLow:
    case RefusalCode::kVoucherWrongKey:
      return true;
    default:
      return false;
  }
}

bool IsOver(LeaseState state) {
  return state == LeaseState::kClosing || state == LeaseState::kClosed;
}

}  // namespace

Duration Provider::MeteredAt(const Lease& lease, Time now) {
  if (!lease.metering_since) return lease.metered;
  const Time until = std::min(now, lease.end);
  return lease.metered + std::max(Duration{}, until - *lease.metering_since);
}

Credits Provider::DueAt(const Lease& lease, Time now) {
  const auto due = AmountDue(lease.order.price, lease.order.slices, MeteredAt(lease, now));
  // The most was computed for the whole duration when the order was checked, without overflow.
  CHECK(due.has_value());
  return std::min(*due, lease.order.max_cost);
}

std::vector<Offer> Provider::CurrentOffers(const Settings& settings, const PeerId& self,
                                           Time now) const {
  const ProviderSettings& mine = settings.provider;
  std::map<std::pair<std::string, std::string>, Offer> models;
  for (const DeviceForRent& device : mine.devices) {
    Offer& offer = models[{device.kind, device.model}];
    offer.device_kind = device.kind;
    offer.model = device.model;
    offer.architecture = device.architecture;
    offer.memory_bytes = device.memory_bytes;
    offer.count += 1;
    offer.slices += SlicesLeft(device);
    offer.driver = device.driver;
    offer.cuda_version = device.cuda_version;
    offer.newest_ptx = device.newest_ptx;
    offer.jail = mine.jail;
    offer.price = mine.price;
    offer.hold_price = mine.hold_price;
    offer.hold_fee = mine.hold_fee;
    offer.grace = mine.grace;
    offer.notice = mine.notice;
    offer.longest_interval = mine.longest_interval;
    offer.min_duration = mine.min_duration;
    offer.max_duration = mine.max_duration;
    offer.region = mine.region;
    offer.clearing_peers = mine.clearing_peers;
    offer.peer = self;
  }
  std::vector<Offer> out;
  out.reserve(models.size());
  for (auto& [key, offer] : models) {
    if (const DocumentRef verdict = VerdictFor(mine, offer, now)) {
      offer.grade = Grade::kChallenged;
      offer.verdict = verdict->envelope();
    }
    out.push_back(std::move(offer));
  }
  return out;
}

void Provider::FundDevices(Turn& turn) {
  std::vector<TransferRecord> transfers;
  for (const DeviceForRent& device : turn.settings().provider.devices) {
    const Digest account = ledger::DeviceAccountId(device.uuid);
    if (book_.book().FindAccount(account) != nullptr) continue;
    transfers.push_back({.id = account,
                         .kind = TransferRecord::Kind::kSingle,
                         .debit = book_.source(),
                         .credit = account,
                         .amount = device.slices});
  }
  if (!transfers.empty()) turn.Append(Published{.transfers = std::move(transfers)}, {});
}

void Provider::WithdrawOffers(Turn& turn) {
  if (own_offers_.empty()) return;
  const DocumentRef withdrawal =
      turn.Sign(Withdrawal{.sequence = offer_sequence_, .issued = turn.now(), .peer = turn.self()});
  turn.Append(Published{}, {withdrawal});
  turn.Publish(withdrawal);
}

uint32_t Provider::SlicesLeft(const DeviceForRent& device) const {
  const auto free = book_.Find(ledger::DeviceAccountId(device.uuid)).Available();
  return static_cast<uint32_t>(std::clamp<ledger::Amount>(free, 0, device.slices));
}

const Offer* Provider::NewestLike(const Offer& offer) const {
  const Offer* newest = nullptr;
  for (const auto& [id, own] : own_offers_) {
    if (own.offer.device_kind != offer.device_kind || own.offer.model != offer.model) continue;
    if (newest == nullptr || own.offer.sequence > newest->sequence) newest = &own.offer;
  }
  return newest;
}

void Provider::ForgetOldOffers(Time now) {
  std::erase_if(own_offers_, [&](const auto& item) { return item.second.offer.expires <= now; });
  std::erase_if(verdicts_, [&](const auto& item) { return item.second.verdict.expires <= now; });
  if (own_offers_.size() <= kOwnOffers) return;
  std::vector<uint64_t> sequences;
  for (const auto& [id, own] : own_offers_) sequences.push_back(own.offer.sequence);
  const auto oldest = sequences.end() - static_cast<long>(kOwnOffers);
  std::nth_element(sequences.begin(), oldest, sequences.end());
  std::erase_if(own_offers_,
                [&](const auto& item) { return item.second.offer.sequence < *oldest; });
}

void Provider::PublishOffer(Turn& turn, Offer offer) {
  offer.sequence = offer_sequence_ + 1;
  offer.issued = turn.now();
  offer.expires = turn.now() + turn.settings().provider.offer_life;
  const DocumentRef document = turn.Sign(offer);
  turn.Append(Published{}, {document});
  turn.Publish(document);
}

void Provider::PublishOffers(Turn& turn) {
  ForgetOldOffers(turn.now());
  const std::vector<Offer> current =
      draining_ ? std::vector<Offer>{} : CurrentOffers(turn.settings(), turn.self(), turn.now());
  std::set<Bytes> wanted;
  for (const Offer& offer : current) wanted.insert(Terms(offer));
  const bool altered = std::any_of(own_offers_.begin(), own_offers_.end(), [&](const auto& item) {
    return !wanted.contains(Terms(item.second.offer));
  });
  if (altered) WithdrawOffers(turn);
  for (const Offer& offer : current) PublishOffer(turn, offer);
  republish_at_ = turn.now() + Millis(turn.settings().provider.offer_life.ms / 2);
  next_news_ = turn.monotonic() + kNewsEvery;
  slices_moved_ = verdicts_moved_ = false;
}

void Provider::OfferWhatIsFree(Turn& turn) {
  if (!slices_moved_ && !verdicts_moved_) return;
  slices_moved_ = verdicts_moved_ = false;
  if (draining_) return;
  ForgetOldOffers(turn.now());
  const bool due = turn.monotonic() >= next_news_;
  for (const Offer& offer : CurrentOffers(turn.settings(), turn.self(), turn.now())) {
    const Offer* newest = NewestLike(offer);
    if (newest == nullptr || (newest->slices == offer.slices && newest->verdict == offer.verdict)) {
      continue;
    }
    // Nobody comes for what is said to be leased: that it is free again is said at once.
    if (!due && newest->slices != 0) {
      slices_moved_ = true;
      continue;
    }
    PublishOffer(turn, offer);
    next_news_ = turn.monotonic() + kNewsEvery;
  }
}

void Provider::Start(Turn& turn) {
  FundDevices(turn);
  // Nobody may have heard of it before this node went down.
  if (withdrawal_) turn.Publish(withdrawal_);
  PublishOffers(turn);
  const std::set<Digest> open = open_leases_;
  for (const Digest& id : open) {
    const Lease& lease = leases_.at(id);
    const bool working = lease.state == LeaseState::kActive ||
                         lease.state == LeaseState::kMetering ||
                         lease.state == LeaseState::kPaused || lease.state == LeaseState::kDraining;
    if (working) {
      turn.Do(StartWorker{id, lease.acceptance.fence, lease.acceptance.device, lease.nonce,
                          lease.acceptance.settle_by + limits::kWindow});
    } else if (lease.reserved && IsOver(lease.state)) {
      turn.Do(StopWorker{id});
    }
    AskBook(turn, id);
  }
  // A worker may outlive its settled lease by a crash between the two.
  for (const auto& [id, lease] : leases_) {
    if (lease.reserved && !open.contains(id)) turn.Do(StopWorker{id});
  }
  for (const Digest& id : open_jobs_) {
    const JobState& job = jobs_.at(id);
    if (job.at != JobStep::Event::kStarted) continue;
    turn.Do(StartJob{job.lease, leases_.at(job.lease).acceptance.fence, id, job.job.workload,
                     job.job.blobs});
  }
  for (const Digest& id : open) {
    const Lease& lease = leases_.at(id);
    if (lease.open_challenge) BeginChallenge(turn, challenges_.at(*lease.open_challenge));
  }
}

void Provider::Restore(std::string_view key, ByteView value) {
  if (key == kDrainingKey) draining_ = value.size() == 1 && value[0] != 0;
  if (!key.starts_with(kShownKey)) return;
  const auto lease = Digest::Parse(key.substr(std::string_view(kShownKey).size()));
  const auto it = lease ? leases_.find(*lease) : leases_.end();
  if (it != leases_.end()) it->second.shown = true;
}

void Provider::OnDrain(Turn& turn, bool drain) {
  draining_ = drain;
  turn.Remember(kDrainingKey, Bytes{static_cast<uint8_t>(drain)});
  PublishOffers(turn);
}

// ---- The lease -------------------------------------------------------------------------------

void Provider::Step(Turn& turn, const Digest& id, LeaseEvent event, CloseReason reason,
                    const std::vector<DocumentRef>& documents) {
  const Lease& lease = leases_.at(id);
  const auto to = NextLeaseState(lease.state, event);
  CHECK(to.has_value());
  const bool over = IsOver(*to);
  turn.Append(LeaseStep{.lease = id,
                        .event = event,
                        .to = *to,
                        .reason = reason,
                        .metered = MeteredAt(lease, turn.now()),
                        .due = IsOver(lease.state) ? lease.due
                               : over              ? DueAt(lease, turn.now())
                                                   : Credits{}},
              documents);
}

void Provider::StartClosing(Turn& turn, const Digest& id, LeaseEvent event, CloseReason reason,
                            std::vector<DocumentRef> documents) {
  const Lease& lease = leases_.at(id);
  const bool had_worker = lease.state != LeaseState::kReserved;
  LapseChallenge(turn, id, std::string("the lease ended: ") + CloseReasonName(reason));
  CancelJobs(turn, id,
             reason == CloseReason::kDeviceLost ? JobStatus::kLost : JobStatus::kCancelled,
             std::string("the lease ended: ") + CloseReasonName(reason));
  const DocumentRef close = turn.Sign(Close{.lease = id,
                                            .number = lease.provider_number + 1,
                                            .reason = reason,
                                            .metered = MeteredAt(lease, turn.now()),
                                            .due = DueAt(lease, turn.now()),
                                            .best = lease.best});
  documents.push_back(close);
  Step(turn, id, event, reason, documents);
  turn.Tell(lease.renter, close);
  if (had_worker) {
    turn.Do(StopWorker{id});
  } else {
    FreeSlices(turn, id);
  }
  if (lease.state == LeaseState::kClosed) {
    AskBook(turn, id);
  } else {
    TrySettle(turn, id, /*expired=*/false);
  }
}

void Provider::TrySettle(Turn& turn, const Digest& id, bool expired) {
  const Lease& lease = leases_.at(id);
  if (lease.state != LeaseState::kClosing || (lease.best < lease.due && !expired)) return;
  Step(turn, id, lease.best < lease.due ? LeaseEvent::kSettleExpired : LeaseEvent::kSettled,
       lease.reason);
  AskBook(turn, id);
}

void Provider::FreeSlices(Turn& turn, const Digest& id) {
  const Lease& lease = leases_.at(id);
  if (!lease.reserved) return;
  const TransferRecord record{.id = FreeId(id), .kind = TransferRecord::Kind::kVoid, .pending = id};
  CHECK(book_.Decide(record, turn.now()) == ledger::TransferResult::kOk);
  turn.Append(Published{.transfers = {record}}, {});
}

// What the book must still hear of this lease: the acceptance, then what to do with the escrow.
void Provider::AskBook(Turn& turn, const Digest& id) {
  const Lease& lease = leases_.at(id);
  if (lease.settled) return;
  DocumentRef ask;
  if (lease.state == LeaseState::kClosed) {
    const Credits amount = std::min(lease.best, lease.due);
    if (amount.micro == 0) {
      ask = turn.Sign(Void{.escrow = lease.order.escrow, .lease = id});
    } else if (lease.shown) {
      ask = turn.Sign(Post{.escrow = lease.order.escrow,
                           .amount = amount,
                           .voucher = lease.voucher_document->envelope(),
                           .lease = id});
    }
  }
  if (!ask && !lease.shown) {
    ask = turn.Sign(Show{.escrow = lease.order.escrow,
                         .order = lease.order_document->envelope(),
                         .acceptance = lease.acceptance_document->envelope()});
  }
  if (!ask) return;
  book_asks_[ask->id()] = id;
  // Whether a post was taken before the escrow's end is to be known after it too.
  const Time ends = lease.escrow_ends + limits::kMaxSkew * 2;
  turn.Ask(lease.order.book, ask, {.until = ends, .even_after = ask->kind() == Kind::kPost});
}

// A book that is gone: past its timeout the escrow is the renter's again by the book's own rules,
// where this node has posted nothing.
void Provider::TryGiveUp(Turn& turn, const Digest& id) {
  const Lease& lease = leases_.at(id);
  if (lease.settled || turn.now() < lease.escrow_ends + limits::kMaxSkew * 2) return;
  if (lease.shown && std::min(lease.best, lease.due).micro > 0) return;
  turn.Append(Settled{.lease = id, .escrow = lease.order.escrow}, {});
}

void Provider::OnBookReply(Turn& turn, const From& from, const Digest& id, const Entry& entry) {
  Lease& lease = leases_.at(id);
  if (from.peer != lease.order.book) return;
  if (const auto* shown = std::get_if<Shown>(&entry.outcome)) {
    if (shown->escrow != lease.order.escrow || shown->lease != id) return;
    lease.shown = true;
    turn.Remember(kShownKey + id.Hex(), {});
    turn.Settle(from.document()->id());
    return AskBook(turn, id);
  }
  const auto* booked = std::get_if<Booked>(&entry.outcome);
  if (booked == nullptr || lease.settled) return;
  for (const TransferRecord& record : booked->transfers) {
    if (record.pending != lease.order.escrow) continue;
    const bool paid = record.kind == TransferRecord::Kind::kPost;
    turn.Append(Settled{.lease = id,
                        .escrow = lease.order.escrow,
                        .paid = paid ? Credits{record.amount} : Credits{}},
                {});
    if (!paid) LoseEscrow(turn, id);
    return;
  }
}

// The escrow is gone: nothing that this lease still does would be paid.
void Provider::LoseEscrow(Turn& turn, const Digest& id) {
  const Lease& lease = leases_.at(id);
  if (IsOver(lease.state)) return;
  StartClosing(turn, id, LeaseEvent::kDeviceLost, CloseReason::kClearingLost);
}

bool Provider::OnReply(Turn& turn, const From& from, const Reply& reply) {
  const auto fetch = fetches_.find(reply.re);
  if (fetch != fetches_.end()) {
    const auto open = orders_.find(fetch->second);
    if (open == orders_.end() || open->second.order.book != from.peer) return true;
    const auto proven = turn.CheckReceipt(from, from.event->receipt);
    if (!proven && proven.error().code == Code::kUnavailable) return true;  // asked again
    const OpenOrder order = open->second;
    turn.Settle(reply.re);
    orders_.erase(open);
    fetches_.erase(fetch);
    if (proven) {
      OnEscrowProven(turn, order, *proven);
    } else {
      const From asker{order.event.connection, order.event.document->signer(), &order.event};
      turn.Refuse(asker, RefusalCode::kEscrowMismatch,
                  "the book's proof does not hold: " + proven.error().message);
    }
    return true;
  }
  const auto ask = book_asks_.find(reply.re);
  if (ask == book_asks_.end()) return false;
  const Digest lease = ask->second;
  if (leases_.at(lease).order.book != from.peer) return true;
  const auto proven = turn.CheckReceipt(from, from.event->receipt);
  if (!proven) return true;  // asked again
  turn.Settle(reply.re);
  book_asks_.erase(ask);
  OnBookReply(turn, from, lease, proven->entry);
  return true;
}

bool Provider::OnRefusal(Turn& turn, const From& from, const Refusal& refusal) {
  const bool passing = refusal.code == RefusalCode::kNotBound ||
                       refusal.code == RefusalCode::kRateLimited ||
                       refusal.code == RefusalCode::kBusy;
  const auto fetch = fetches_.find(refusal.re);
  if (fetch != fetches_.end()) {
    const auto open = orders_.find(fetch->second);
    if (passing || open == orders_.end() || open->second.order.book != from.peer) return true;
    const From asker{open->second.event.connection, open->second.event.document->signer(),
                     &open->second.event};
    turn.Refuse(asker, RefusalCode::kEscrowMissing, "the book says: " + refusal.sentence);
    turn.Settle(refusal.re);
    orders_.erase(open);
    fetches_.erase(fetch);
    return true;
  }
  const auto ask = book_asks_.find(refusal.re);
  if (ask == book_asks_.end()) return false;
  const Digest id = ask->second;
  // Anything else may be otherwise tomorrow: its clearing role was off, or it did not understand.
  const bool final = IsAboutEscrow(refusal.code) && !passing;
  if (!final || leases_.at(id).order.book != from.peer) return true;
  turn.Settle(refusal.re);
  book_asks_.erase(ask);
  // A book that refuses has returned the escrow, or never held it: nothing is to be had from it.
  if (!leases_.at(id).settled) {
    turn.Append(Settled{.lease = id, .escrow = leases_.at(id).order.escrow}, {});
    LoseEscrow(turn, id);
  }
  return true;
}

Provider::Lease* Provider::FindFor(Turn& turn, const From& from, const Digest& id) {
  const auto it = leases_.find(id);
  if (it == leases_.end() || it->second.renter != from.peer) {
    turn.Refuse(from, RefusalCode::kLeaseUnknown, "no such lease of yours");
    return nullptr;
  }
  return &it->second;
}

bool Provider::CheckNumber(Turn& turn, const From& from, const Lease& lease,
                           uint64_t number) const {
  // A refused document's number stays unused, so numbers grow but may leave gaps (R1).
  if (number > lease.renter_number) return true;
  turn.Refuse(from, RefusalCode::kWrongNumber, "this number was used by another document",
              "number " + std::to_string(lease.renter_number + 1));
  return false;
}

void Provider::OnCommit(Turn& turn, const From& from) {
  const auto commit = Decode<Commit>(*from.document());
  if (!commit) return turn.Refuse(from, RefusalCode::kMalformed, commit.error().message);
  Lease* lease = FindFor(turn, from, commit->lease);
  if (lease == nullptr) return;
  if (lease->commit_document && lease->commit_document->id() == from.document()->id()) {
    return turn.Reply(from, {}, lease->committed_entry);
  }
  if (lease->state != LeaseState::kReserved) {
    return turn.Refuse(from, RefusalCode::kLeaseWrongState,
                       std::string("the lease is ") + LeaseStateName(lease->state));
  }
  if (!CheckNumber(turn, from, *lease, commit->number)) return;
  if (commit->acceptance != lease->acceptance_document->id()) {
    return turn.Refuse(from, RefusalCode::kTermsDiffer, "the commit names another acceptance");
  }
  if (turn.now() >= lease->commit_by) {
    return turn.Refuse(from, RefusalCode::kExpired, "commit_by has passed");
  }
  Step(turn, lease->id, LeaseEvent::kCommitted, CloseReason::kNone, {from.document()});
  turn.Reply(from, {}, lease->committed_entry);
  turn.Do(StartWorker{lease->id, lease->acceptance.fence, lease->acceptance.device, lease->nonce,
                      lease->acceptance.settle_by + limits::kWindow});
}

void Provider::OnWorkerReady(Turn& turn, const WorkerReady& event) {
  const auto it = leases_.find(event.lease);
  if (it == leases_.end() || it->second.state != LeaseState::kActive || it->second.ready_document)
    return;
  Lease& lease = it->second;
  const DocumentRef ready = turn.Sign(Ready{.lease = lease.id,
                                            .number = lease.provider_number + 1,
                                            .commit = lease.commit_document->id(),
                                            .answer = event.answer,
                                            .ready = turn.now(),
                                            .end = turn.now() + lease.order.duration});
  Step(turn, lease.id, LeaseEvent::kReady, CloseReason::kNone, {ready});
  turn.Tell(lease.renter, ready);
}

void Provider::OnWorkerGone(Turn& turn, const WorkerGone& event) {
  const auto it = leases_.find(event.lease);
  if (it == leases_.end()) return;
  if (!IsOver(it->second.state) && it->second.state != LeaseState::kReserved) {
    StartClosing(turn, event.lease, LeaseEvent::kDeviceLost, CloseReason::kDeviceLost);
  }
  // Jobs that ended with their lease: their worker may have been done before it went.
  for (const Digest& id : it->second.jobs) {
    if (!HasResults(jobs_.at(id))) turn.Do(DropJob{.job = id, .but_log = true});
  }
  FreeSlices(turn, event.lease);
}

void Provider::AckVoucher(Turn& turn, const From& from, const Lease& lease) {
  turn.TellConnection(from.connection, turn.Sign(VoucherAck{.lease = lease.id,
                                                            .best = lease.best,
                                                            .metered_from = lease.first_metered}));
}

void Provider::OnVoucher(Turn& turn, const From& from, const DocumentRef& document) {
  const auto voucher = Decode<Voucher>(*document);
  if (!voucher) return turn.Refuse(from, RefusalCode::kMalformed, voucher.error().message);
  Lease* lease = FindFor(turn, from, voucher->lease);
  if (lease == nullptr) return;
  if (document->signer() != lease->order.voucher_key || voucher->book != lease->order.book) {
    return turn.Refuse(from, RefusalCode::kVoucherWrongKey,
                       "not signed by the order's voucher key");
  }
  if (lease->voucher_document && lease->voucher_document->id() == document->id()) {
    return AckVoucher(turn, from, *lease);
  }
  const bool ready = lease->state != LeaseState::kActive || lease->ready_document;
  if (lease->state == LeaseState::kReserved || lease->state == LeaseState::kClosed || !ready) {
    return turn.Refuse(from, RefusalCode::kLeaseWrongState,
                       std::string("the lease is ") + LeaseStateName(lease->state));
  }
  if (voucher->amount <= lease->best) {
    return turn.Refuse(from, RefusalCode::kVoucherTooLow, "a voucher must be above the best so far",
                       "more than " + std::to_string(lease->best.micro) + " µcr");
  }
  if (voucher->amount > lease->order.max_cost) {
    return turn.Refuse(from, RefusalCode::kOverEscrow, "the voucher is above the escrow");
  }
  turn.Append(VoucherTaken{.lease = lease->id, .best = voucher->amount}, {document});
  if (lease->state == LeaseState::kActive) {
    Step(turn, lease->id, LeaseEvent::kFirstVoucher, CloseReason::kNone);
  } else if (lease->state == LeaseState::kPaused && lease->best >= DueAt(*lease, turn.now())) {
    Step(turn, lease->id, LeaseEvent::kResumed, CloseReason::kNone);
  }
  AckVoucher(turn, from, *lease);
  TrySettle(turn, lease->id, /*expired=*/false);
}

void Provider::OnRelease(Turn& turn, const From& from) {
  const auto release = Decode<Release>(*from.document());
  if (!release) return turn.Refuse(from, RefusalCode::kMalformed, release.error().message);
  Lease* lease = FindFor(turn, from, release->lease);
  if (lease == nullptr) return;
  if (lease->close_document) return turn.TellConnection(from.connection, lease->close_document);
  if (!CheckNumber(turn, from, *lease, release->number)) return;
  StartClosing(turn, lease->id, LeaseEvent::kReleased,
               lease->state == LeaseState::kMetering || lease->state == LeaseState::kPaused
                   ? CloseReason::kReleased
                   : CloseReason::kRenterWithdrew,
               {from.document()});
}

void Provider::OnLeaseQuery(Turn& turn, const From& from) {
  const auto query = Decode<LeaseQuery>(*from.document());
  if (!query) return turn.Refuse(from, RefusalCode::kMalformed, query.error().message);
  const Lease* lease = FindFor(turn, from, query->lease);
  if (lease == nullptr) return;
  std::vector<DocumentRef> documents = {lease->acceptance_document};
  if (lease->ready_document) documents.push_back(lease->ready_document);
  if (lease->best.micro > 0) {
    documents.push_back(turn.Sign(
        VoucherAck{.lease = lease->id, .best = lease->best, .metered_from = lease->first_metered}));
  }
  // The newest: earlier ones were heard, or are asked for by their jobs.
  for (auto id = lease->jobs.rbegin(); id != lease->jobs.rend(); ++id) {
    if (documents.size() + 1 >= limits::kGossipIds) break;
    if (const JobState& job = jobs_.at(*id); job.receipt) {
      documents.push_back(ResultOf(turn, job));
    }
  }
  if (lease->close_document) documents.push_back(lease->close_document);
  turn.Reply(from, std::move(documents), lease->accepted_entry);
}

// ---- Time ------------------------------------------------------------------------------------

void Provider::RunLeaseTimers(Turn& turn, const Digest& id) {
  const Lease& lease = leases_.at(id);
  const Time now = turn.now();
  // The book gives an escrow back that it was shown nothing for by then.
  if (!lease.shown && now >= std::max(lease.accept_by, lease.not_late_before)) {
    LoseEscrow(turn, id);
  }
  switch (lease.state) {
    case LeaseState::kReserved:
      if (now >= lease.commit_by) {
        StartClosing(turn, id, LeaseEvent::kCommitExpired, CloseReason::kNotCommitted);
      }
      return;
    case LeaseState::kActive:
      // Whose silence it was: the device's, or the renter's who never said yes to it.
      if (lease.ready_document && now >= lease.end) {
        StartClosing(turn, id, LeaseEvent::kEndReached, CloseReason::kEndReached);
      } else if (now >= lease.ready_by) {
        StartClosing(turn, id, LeaseEvent::kReadyExpired,
                     lease.ready_document ? CloseReason::kUnpaid : CloseReason::kNotReady);
      }
      return;
    case LeaseState::kMetering: {
      if (now >= lease.end) {
        return StartClosing(turn, id, LeaseEvent::kEndReached, CloseReason::kEndReached);
      }
      const Duration covered = CoveredBy(lease.best, lease.order.price, lease.order.slices);
      const Duration over = MeteredAt(lease, now) - covered;
      if (over >= lease.grace && now >= lease.not_late_before) {
        // A paused lease is not metered, so it computes nothing.
        LapseChallenge(turn, id, "the lease paused: its voucher is late");
        StopJobs(turn, id);
        CancelJobs(turn, id, JobStatus::kCancelled, "the lease paused: its voucher is late");
        Step(turn, id, LeaseEvent::kVoucherLate, CloseReason::kNone);
      }
      return;
    }
    case LeaseState::kPaused:
      if (now >= lease.end) {
        StartClosing(turn, id, LeaseEvent::kEndReached, CloseReason::kEndReached);
      } else if (now >= std::max(lease.paused + lease.grace, lease.not_late_before)) {
        StartClosing(turn, id, LeaseEvent::kHoldUnpaid, CloseReason::kUnpaid);
      }
      return;
    case LeaseState::kClosing:
      if (now >= lease.settle_at) TrySettle(turn, id, /*expired=*/true);
      return;
    case LeaseState::kClosed:
      return TryGiveUp(turn, id);
    case LeaseState::kDraining:
    case LeaseState::kNone:
      return;
  }
}

void Provider::RunTimers(Turn& turn) {
  const std::set<Digest> open = open_leases_;
  for (const Digest& id : open) {
    RunLeaseTimers(turn, id);
    RunChallengeTimers(turn, id);
  }
  for (auto it = orders_.begin(); it != orders_.end();) {
    if (it->second.until > turn.now()) {
      ++it;
      continue;
    }
    turn.Settle(it->second.fetch->id());
    fetches_.erase(it->second.fetch->id());
    it = orders_.erase(it);
  }
  if (turn.now() >= republish_at_) PublishOffers(turn);
}

}  // namespace souk::node
