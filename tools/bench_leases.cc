#include "tools/bench_leases.h"

#include "ledger/book/node_book.h"
#include "protocol/limits.h"

namespace souk::bench {
namespace {

constexpr size_t kVouchersPerLease = 10;
// Enough for a floor's rate.
constexpr size_t kMostKept = 50'000;

}  // namespace

ledger::NoteSigner LeaseWriter::Signer() const {
  const SigningKey key = provider_.CheckpointKey();
  ledger::NoteSigner signer{.name = LogName(provider_.id()), .key = key.public_key().bytes};
  signer.sign = [this](ByteView bytes) -> Result<ledger::Ed25519Signature> {
    return provider_.CheckpointKey().Sign(bytes).bytes;
  };
  return signer;
}

Status LeaseWriter::Add(Outcome outcome, const std::vector<DocumentRef>& documents) {
  Entry entry{.sequence = next_++, .time = now_, .outcome = std::move(outcome)};
  for (const DocumentRef& document : documents) {
    entry.documents.push_back(document->envelope());
    ++signatures_;
    if (kept_.size() < kMostKept) kept_.push_back(document);
  }
  ASSIGN_OR_RETURN(Bytes leaf, EncodeEntry(entry));
  drafts_.push_back({std::move(leaf), {}});
  return Ok();
}

Status LeaseWriter::AddLease(uint64_t number) {
  const Digest nonce = Sha256(AsBytes("lease " + std::to_string(number)));
  const SigningKey voucher_key = renter_.VoucherKey(nonce);
  const Escrow escrow{.book = book_,
                      .account = account_.public_key(),
                      .payee = provider_.id(),
                      .nonce = nonce,
                      .voucher_key = voucher_key.public_key(),
                      .amount = {60'000},
                      .accept_by = now_ + Seconds(40),
                      .timeout = now_ + Minutes(10)};
  const Order order{.offer = offer_->id(),
                    .provider = provider_.id(),
                    .nonce = nonce,
                    .book = book_,
                    .account = escrow.account,
                    .escrow = EscrowId(escrow.account, nonce),
                    .voucher_key = escrow.voucher_key,
                    .price = terms_.price,
                    .duration = Minutes(1),
                    .max_cost = escrow.amount,
                    .issued = now_,
                    .expires = now_ + Seconds(30)};
  const DocumentRef order_document = SignMessage(order, renter_.key());
  lease_ = order_document->id();
  const Acceptance acceptance{
      .order = lease_,
      .fence = next_ + 1,
      .accepted = now_,
      .commit_by = now_ + Seconds(5),
      .ready_by = now_ + Seconds(60),
      .settle_by = now_ + Seconds(60) + order.duration + terms_.notice + limits::kWindow,
      .device = "CPU-1"};
  const DocumentRef accepted = SignMessage(acceptance, provider_.key());
  const DocumentRef commit = SignMessage(
      Commit{.lease = lease_, .number = 1, .acceptance = accepted->id()}, renter_.key());
  RETURN_IF_ERROR(Add(EscrowSeen{.lease = lease_,
                                 .escrow = order.escrow,
                                 .book_size = 3,
                                 .book_root = Sha256(AsBytes("the book's log at size 3"))},
                      {SignMessage(escrow, account_)}));
  LeaseStep reserved = Step(LeaseEvent::kAccepted, LeaseState::kReserved);
  reserved.transfers = {{.id = lease_,
                         .kind = TransferRecord::Kind::kPending,
                         .debit = ledger::DeviceAccountId("CPU-1"),
                         .credit = ledger::DeviceAccountId(""),
                         .amount = 1}};
  RETURN_IF_ERROR(Add(reserved, {order_document, accepted}));
  RETURN_IF_ERROR(Add(Step(LeaseEvent::kCommitted, LeaseState::kActive), {commit}));
  RETURN_IF_ERROR(Add(Step(LeaseEvent::kReady, LeaseState::kActive),
                      {SignMessage(Ready{.lease = lease_,
                                         .number = 1,
                                         .commit = commit->id(),
                                         .ready = now_,
                                         .end = now_ + order.duration},
                                   provider_.key())}));
  for (size_t i = 1; i <= kVouchersPerLease; ++i) {
    const Credits amount{static_cast<int64_t>(i)};
    RETURN_IF_ERROR(
        Add(VoucherTaken{.lease = lease_, .best = amount},
            {SignMessage(Voucher{.lease = lease_, .book = book_, .amount = amount}, voucher_key)}));
    if (i == 1) {
      RETURN_IF_ERROR(Add(Step(LeaseEvent::kFirstVoucher, LeaseState::kMetering)));
    }
  }
  now_ = now_ + Millis(5);
  LeaseStep released = Step(LeaseEvent::kReleased, LeaseState::kClosing);
  released.reason = CloseReason::kReleased;
  released.metered = Millis(5);
  released.due = {5};
  RETURN_IF_ERROR(Add(released, {SignMessage(Release{.lease = lease_, .number = 2}, renter_.key()),
                                 SignMessage(Close{.lease = lease_,
                                                   .number = 2,
                                                   .reason = CloseReason::kReleased,
                                                   .metered = released.metered,
                                                   .due = released.due,
                                                   .best = {kVouchersPerLease}},
                                             provider_.key())}));
  released.event = LeaseEvent::kSettled;
  released.to = LeaseState::kClosed;
  RETURN_IF_ERROR(Add(released));
  RETURN_IF_ERROR(
      Add(Published{.transfers = {{.id = Sha256(AsBytes("free " + std::to_string(number))),
                                   .kind = TransferRecord::Kind::kVoid,
                                   .pending = lease_}}}));
  return Add(Settled{.lease = lease_, .escrow = order.escrow, .paid = {5}});
}

Result<std::vector<ledger::Draft>> LeaseWriter::Next(size_t entries) {
  drafts_.clear();
  if (next_ == 0) RETURN_IF_ERROR(AddBeginning());
  while (drafts_.size() < entries) RETURN_IF_ERROR(AddLease(leases_++));
  return std::move(drafts_);
}

Status LeaseWriter::AddBeginning() {
  RETURN_IF_ERROR(Add(Opened{.name = "bench", .peer = provider_.id()}));
  const Digest device = ledger::DeviceAccountId("CPU-1");
  RETURN_IF_ERROR(Add(Published{
      .transfers = {
          {.id = device, .debit = ledger::DeviceAccountId(""), .credit = device, .amount = 1}}}));
  terms_ = {.sequence = 1,
            .issued = now_,
            .expires = now_ + Hours(24 * 30),
            .device_kind = "cpu",
            .model = "CPU reference",
            .memory_bytes = 1 << 30,
            .count = 1,
            .slices = 1,
            .price = {3'600'000},
            .grace = Seconds(5),
            .notice = Seconds(60),
            .longest_interval = Seconds(60),
            .min_duration = Seconds(1),
            .max_duration = Hours(1),
            .region = "FR",
            .clearing_peers = {book_}};
  offer_ = SignMessage(terms_, provider_.key());
  return Add(Published{}, {offer_});
}

}  // namespace souk::bench
