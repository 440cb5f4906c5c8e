// From an order to a lease: cheap checks, the escrow's proof from the book, the acceptance.
#include <algorithm>

#include "node/agent/directory.h"
#include "node/agent/provider.h"
#include "protocol/base/check.h"

namespace souk::node {
namespace {

Time SettleBy(Time accepted, const Order& order, const Offer& offer) {
  return accepted + limits::kReadyWindow + order.duration + offer.notice + limits::kWindow;
}

}  // namespace

const DeviceForRent* Provider::FreeDevice(const Settings& settings, const Offer& offer,
                                          uint32_t slices) const {
  for (const DeviceForRent& device : settings.provider.devices) {
    if (device.kind != offer.device_kind || device.model != offer.model) continue;
    if (book_.Find(ledger::DeviceAccountId(device.uuid)).Available() >= slices) return &device;
  }
  return nullptr;
}

bool Provider::CheckOrder(Turn& turn, const From& from, const Order& order) const {
  const auto refuse = [&](RefusalCode code, std::string sentence, std::string would_accept = "") {
    turn.Refuse(from, code, std::move(sentence), std::move(would_accept));
    return false;
  };
  if (order.provider != turn.self()) {
    return refuse(RefusalCode::kNotYours, "the order is for another provider");
  }
  if (draining_) return refuse(RefusalCode::kDraining, "this provider takes no new leases");
  if (order.expires <= turn.now()) return refuse(RefusalCode::kExpired, "the order has expired");
  if (order.expires > turn.now() + limits::kOrderLife + limits::kMaxSkew) {
    return refuse(RefusalCode::kTermsDiffer, "the order waits too long",
                  "expires at most 30 s from now");
  }
  const auto own = own_offers_.find(order.offer);
  if (own == own_offers_.end()) {
    return withdrawn_.contains(order.offer)
               ? refuse(RefusalCode::kOfferWithdrawn, "the offer was withdrawn or altered",
                        "an order on the newest offer")
               : refuse(RefusalCode::kOfferUnknown, "no such offer of this provider");
  }
  const Offer& offer = own->second.offer;
  if (offer.expires <= turn.now())
    return refuse(RefusalCode::kOfferExpired, "the offer has expired");
  if (order.price != offer.price || order.hold_fee < offer.hold_fee) {
    return refuse(RefusalCode::kTermsDiffer, "price or hold fee are not the offer's");
  }
  if (order.slices == 0 || order.slices > offer.slices) {
    return refuse(RefusalCode::kTermsDiffer, "the offer has not that many slices");
  }
  if (order.duration < offer.min_duration || order.duration > offer.max_duration) {
    return refuse(RefusalCode::kTermsDiffer, "the duration is outside the offer's bounds");
  }
  if (std::find(offer.clearing_peers.begin(), offer.clearing_peers.end(), order.book) ==
      offer.clearing_peers.end()) {
    return refuse(RefusalCode::kClearingNotAccepted,
                  "this provider does not accept that clearing peer");
  }
  const auto most = AmountDue(order.price, order.slices, order.duration);
  if (!most || *most > order.max_cost) {
    return refuse(RefusalCode::kTermsDiffer, "the escrow does not cover the whole duration");
  }
  if (order.escrow != EscrowId(order.account, order.nonce)) {
    return refuse(RefusalCode::kEscrowMismatch, "the escrow's id is not that of account and nonce");
  }
  if (escrows_.contains(order.escrow)) {
    return refuse(RefusalCode::kEscrowUsed, "this escrow backs another lease already");
  }
  for (const Digest& id : open_leases_) {
    const Lease& lease = leases_.at(id);
    if (lease.state == LeaseState::kReserved && lease.order.account == order.account) {
      return refuse(RefusalCode::kBusy, "this account holds an open reservation");
    }
  }
  if (FreeDevice(turn.settings(), offer, order.slices) == nullptr) {
    return refuse(RefusalCode::kNoCapacity, "every slice of this offer is leased");
  }
  return true;
}

void Provider::OnOrder(Turn& turn, const From& from) {
  const Digest id = from.document()->id();
  const auto known = leases_.find(id);
  if (known != leases_.end()) {
    return turn.Reply(from, {known->second.acceptance_document}, known->second.accepted_entry);
  }
  if (orders_.contains(id)) return;  // the book has been asked
  const auto order = Decode<Order>(*from.document());
  if (!order) return turn.Refuse(from, RefusalCode::kMalformed, order.error().message);
  if (!CheckOrder(turn, from, *order)) return;
  for (const PeerId& peer : {from.peer, order->book}) {
    const std::string doubt = turn.WhyDoubted(peer);
    if (doubt.empty()) continue;
    return turn.Refuse(from, RefusalCode::kLogDoubted, turn.directory().NameOf(peer) + " " + doubt);
  }
  if (orders_.size() >= limits::kConnections) {
    return turn.Refuse(from, RefusalCode::kBusy, "too many orders are open");
  }
  const DocumentRef fetch = turn.Sign(EscrowFetch{.escrow = order->escrow});
  orders_[id] = {.order = *order, .fetch = fetch, .until = order->expires, .event = *from.event};
  fetches_[fetch->id()] = id;
  turn.Ask(order->book, fetch, {.until = order->expires});
}

void Provider::OnEscrowProven(Turn& turn, const OpenOrder& open, const ProvenEntry& proven) {
  const Entry& entry = proven.entry;
  const From from{open.event.connection, open.event.document->signer(), &open.event};
  const Order& order = open.order;
  const auto mismatch = [&](const char* sentence) {
    turn.Refuse(from, RefusalCode::kEscrowMismatch, sentence);
  };
  const auto* booked = std::get_if<Booked>(&entry.outcome);
  if (booked == nullptr || booked->transfers.size() != 1 || entry.documents.size() != 1) {
    return mismatch("the book's entry is not an escrow");
  }
  const TransferRecord& record = booked->transfers[0];
  // The book's word is checked against what the account's owner signed.
  const auto document = Document::Open(entry.documents[0]);
  if (!document) return mismatch("the escrow's signature does not verify");
  const auto escrow = Decode<Escrow>(**document);
  if (!escrow || (*document)->signer() != order.account || escrow->account != order.account ||
      escrow->nonce != order.nonce || escrow->payee != turn.self() || escrow->book != order.book ||
      escrow->voucher_key != order.voucher_key || escrow->amount != order.max_cost) {
    return mismatch("the escrow is not what the order says");
  }
  if (record.kind != TransferRecord::Kind::kPending || record.id != order.escrow ||
      record.debit != ledger::AccountId(order.account) ||
      record.credit != ledger::AccountId(turn.self()) || record.amount != order.max_cost.micro ||
      record.timeout != escrow->timeout) {
    return mismatch("the book holds something else than the escrow says");
  }
  // The world may have changed while the book was asked.
  if (!CheckOrder(turn, from, order)) return;
  const Offer& offer = own_offers_.at(order.offer).offer;
  const Time settle_by = SettleBy(turn.now(), order, offer);
  if (settle_by + limits::kWindow + limits::kMaxSkew * 2 > escrow->timeout) {
    return turn.Refuse(from, RefusalCode::kEscrowMismatch, "the escrow ends too early",
                       "a timeout after settle_by + window + 2 max_skew");
  }
  if (escrow->accept_by <= turn.now()) return mismatch("the escrow's accept_by has passed");
  Accept(turn, open, *document, proven);
}

void Provider::Accept(Turn& turn, const OpenOrder& open, const DocumentRef& escrow_document,
                      const ProvenEntry& proven) {
  const From from{open.event.connection, open.event.document->signer(), &open.event};
  const Order& order = open.order;
  const Digest lease = open.event.document->id();
  const Offer& offer = own_offers_.at(order.offer).offer;
  const DeviceForRent* device = FreeDevice(turn.settings(), offer, order.slices);
  CHECK(device != nullptr);
  turn.Append(EscrowSeen{.lease = lease,
                         .escrow = order.escrow,
                         .book_size = proven.log_size,
                         .book_root = proven.log_root},
              {escrow_document});
  const DocumentRef acceptance =
      turn.Sign(Acceptance{.order = lease,
                           .fence = turn.log_size(),
                           .accepted = turn.now(),
                           .commit_by = turn.now() + limits::kCommitWindow,
                           .ready_by = turn.now() + limits::kReadyWindow,
                           .settle_by = SettleBy(turn.now(), order, offer),
                           .device = device->uuid});
  // The reservation: held without a timeout, returned once the worker is reaped (R5).
  const TransferRecord reservation{.id = lease,
                                   .kind = TransferRecord::Kind::kPending,
                                   .debit = ledger::DeviceAccountId(device->uuid),
                                   .credit = book_.source(),
                                   .amount = order.slices};
  CHECK(book_.Decide(reservation, turn.now()) == ledger::TransferResult::kOk);
  // Append first: a renter that saw the acceptance must find it in our ledger after a crash.
  const uint64_t entry = turn.Append(LeaseStep{.lease = lease,
                                               .event = LeaseEvent::kAccepted,
                                               .to = LeaseState::kReserved,
                                               .transfers = {reservation}},
                                     {open.event.document, acceptance});
  turn.Reply(from, {acceptance}, entry);
  AskBook(turn, lease);
}

}  // namespace souk::node
