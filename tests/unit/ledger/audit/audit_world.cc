#include "unit/ledger/audit/audit_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <tuple>

#include "ledger/log/tile_export.h"

namespace souk::ledger {
namespace {

// For other readers (tests/integration/reader_test.cc): every ledger that is audited, once, as
// tiles in a folder of the one that the environment names.
void ExportForReaders(const LogReader& log, const NoteVerifier& key) {
  const char* const folder = std::getenv("SOUK_EXPORT_LEDGERS");
  if (folder == nullptr) return;
  const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
  const std::filesystem::path out =
      std::filesystem::path(folder) / (std::string(test->test_suite_name()) + "." + test->name() +
                                       "." + Sha256(AsBytes(log.checkpoint())).Short());
  if (std::filesystem::exists(out)) return;
  const auto exported = ExportTiles(log, key, out);
  EXPECT_TRUE(exported) << exported.error().message;
}

}  // namespace

NoteSigner LogSignerOf(const Identity& identity) {
  const SigningKey key = identity.CheckpointKey();
  NoteSigner signer{.name = LogName(identity.id()), .key = key.public_key().bytes};
  signer.sign = [&identity](ByteView bytes) -> Result<Ed25519Signature> {
    return identity.CheckpointKey().Sign(bytes).bytes;
  };
  return signer;
}

Bytes EnvelopeOf(const DocumentRef& document) {
  return document->envelope();
}

namespace {

void AddEntry(std::vector<Entry>& log, Time time, const Outcome& outcome,
              const std::vector<DocumentRef>& documents) {
  Entry entry{.sequence = log.size(), .time = time, .outcome = outcome};
  for (const DocumentRef& document : documents) entry.documents.push_back(EnvelopeOf(document));
  log.push_back(std::move(entry));
}

}  // namespace

AuditWorld::AuditWorld() {
  offer = {.sequence = 1,
           .issued = start,
           .expires = start + Hours(1),
           .device_kind = "cpu",
           .model = "CPU reference",
           .architecture = 90,
           .memory_bytes = 1 << 30,
           .count = 1,
           .slices = 1,
           .newest_ptx = 90,
           .price = {3'600'000},  // 1 µcr per millisecond
           .grace = Seconds(5),
           .notice = Seconds(60),
           .longest_interval = Seconds(60),
           .min_duration = Seconds(1),
           .max_duration = Hours(1),
           .region = "FR",
           .clearing_peers = {book.id()}};
  escrow = {.book = book.id(),
            .account = Account().public_key(),
            .payee = provider.id(),
            .nonce = nonce,
            .voucher_key = VoucherKey().public_key(),
            .amount = {600'000},
            .accept_by = start + Seconds(40),
            .timeout = start + Minutes(20)};
  order = {.provider = provider.id(),
           .nonce = nonce,
           .book = book.id(),
           .account = escrow.account,
           .escrow = EscrowId(escrow.account, nonce),
           .voucher_key = escrow.voucher_key,
           .slices = 1,
           .price = offer.price,
           .duration = Minutes(10),
           .max_cost = escrow.amount,
           .issued = start + Seconds(1),
           .expires = start + Seconds(31)};
  acceptance = {.fence = kAccepted,
                .accepted = start + Seconds(3),
                .commit_by = start + Seconds(8),
                .ready_by = start + Seconds(63),
                .settle_by = start + Seconds(63) + Minutes(10) + Seconds(60) + Seconds(10),
                .device = "CPU-1"};
  commit = {.number = 1, .nonce = Sha256(AsBytes("commit nonce"))};
  ready = {.number = 1, .ready = start + Seconds(5), .end = start + Seconds(5) + Minutes(10)};
  first_voucher = {1'000};
  second_voucher = {20'000};
  job = {.number = 2, .workload = {Sha256(AsBytes("workload")), 8}, .title = "digits"};
  receipt = {.fence = kAccepted,
             .device = "CPU-1",
             .device_name = "CPU reference",
             .launches = 4,
             .result_class = "exact",
             .started = start + Seconds(8),
             .finished = start + Seconds(9)};
  metered = Seconds(5);
  due = {5'000};
  SignAll();
}

DocumentRef AuditWorld::VoucherOf(Credits amount) const {
  return SignMessage(Voucher{.lease = order_document->id(), .book = book.id(), .amount = amount},
                     VoucherKey());
}

void AuditWorld::SignAll() {
  offer_document = SignMessage(offer, provider.key());
  escrow_document = SignEscrow(escrow);
  order.offer = offer_document->id();
  order_document = SignMessage(order, renter.key());
  const Digest lease = order_document->id();
  acceptance.order = lease;
  acceptance_document = SignMessage(acceptance, provider.key());
  commit.lease = lease;
  commit.acceptance = acceptance_document->id();
  commit_document = SignMessage(commit, renter.key());
  ready.lease = lease;
  ready.commit = commit_document->id();
  ready_document = SignMessage(ready, provider.key());
  voucher1 = VoucherOf(first_voucher);
  voucher2 = VoucherOf(second_voucher);
  job.lease = lease;
  job_document = SignMessage(job, renter.key());
  receipt.job = job_document->id();
  receipt.lease = lease;
  receipt.workload = job.workload.digest;
  receipt_document = SignMessage(receipt, provider.key());
  release_document = SignMessage(Release{.lease = lease, .number = 30}, renter.key());
  close_document = SignMessage(Close{.lease = lease,
                                     .number = 20,
                                     .reason = CloseReason::kReleased,
                                     .metered = metered,
                                     .due = due,
                                     .best = second_voucher},
                               provider.key());
}

DocumentRef AuditWorld::SignEscrow(const Escrow& what) const {
  return SignMessage(what, Account());
}

Escrow AuditWorld::OtherEscrow(const char* label) const {
  Escrow other = escrow;
  other.nonce = Sha256(AsBytes(label));
  other.amount = {50'000};
  return other;
}

souk::TransferRecord AuditWorld::PendingOf(const Escrow& what) {
  return {.id = EscrowId(what.account, what.nonce),
          .kind = souk::TransferRecord::Kind::kPending,
          .debit = AccountId(what.account),
          .credit = AccountId(what.payee),
          .amount = what.amount.micro,
          .timeout = what.timeout};
}

EscrowSeen AuditWorld::EscrowWasSeen() const {
  return {.lease = order_document->id(),
          .escrow = order.escrow,
          .book_size = 3,
          .book_root = Sha256(AsBytes("book"))};
}

std::vector<Entry> AuditWorld::ProviderLog() const {
  const Digest lease = order_document->id();
  const Digest device = DeviceAccountId("CPU-1");
  const Digest hardware = DeviceAccountId("");
  std::vector<Entry> log;
  const auto add = [&](int64_t at_ms, const Outcome& outcome,
                       const std::vector<DocumentRef>& documents = {}) {
    AddEntry(log, start + Millis(at_ms), outcome, documents);
  };
  using Kind = souk::TransferRecord::Kind;
  add(0, Opened{.name = "kite", .peer = provider.id()});
  add(0, Published{.transfers = {{.id = device,
                                  .kind = Kind::kSingle,
                                  .debit = hardware,
                                  .credit = device,
                                  .amount = 1}}});
  add(0, Published{}, {offer_document});
  add(3000, EscrowWasSeen(), {escrow_document});
  add(3000,
      LeaseStep{.lease = lease,
                .event = LeaseEvent::kAccepted,
                .to = LeaseState::kReserved,
                .transfers = {{.id = lease,
                               .kind = Kind::kPending,
                               .debit = device,
                               .credit = hardware,
                               .amount = 1}}},
      {order_document, acceptance_document});
  add(4000, LeaseStep{.lease = lease, .event = LeaseEvent::kCommitted, .to = LeaseState::kActive},
      {commit_document});
  add(5000, LeaseStep{.lease = lease, .event = LeaseEvent::kReady, .to = LeaseState::kActive},
      {ready_document});
  add(6000, VoucherTaken{.lease = lease, .best = first_voucher}, {voucher1});
  add(6000,
      LeaseStep{.lease = lease, .event = LeaseEvent::kFirstVoucher, .to = LeaseState::kMetering});
  add(7000, JobStep{.job = job_document->id(), .lease = lease, .event = JobStep::Event::kAccepted},
      {job_document});
  add(8000, JobStep{.job = job_document->id(), .lease = lease, .event = JobStep::Event::kStarted});
  add(9000, JobStep{.job = job_document->id(), .lease = lease, .event = JobStep::Event::kFinished},
      {receipt_document});
  add(10000, VoucherTaken{.lease = lease, .best = second_voucher}, {voucher2});
  add(11000,
      LeaseStep{.lease = lease,
                .event = LeaseEvent::kReleased,
                .to = LeaseState::kClosing,
                .reason = CloseReason::kReleased,
                .metered = metered,
                .due = due},
      {release_document, close_document});
  add(11000, LeaseStep{.lease = lease,
                       .event = LeaseEvent::kSettled,
                       .to = LeaseState::kClosed,
                       .reason = CloseReason::kReleased,
                       .metered = metered,
                       .due = due});
  add(11500,
      Published{
          .transfers = {{.id = Sha256(AsBytes("free")), .kind = Kind::kVoid, .pending = lease}}});
  add(12000, Settled{.lease = lease, .escrow = order.escrow, .paid = due});
  return log;
}

std::vector<Entry> AuditWorld::BookLog() const {
  const Digest lease = order_document->id();
  std::vector<Entry> log;
  const auto add = [&](int64_t at_ms, const Outcome& outcome,
                       const std::vector<DocumentRef>& documents = {}) {
    AddEntry(log, start + Millis(at_ms), outcome, documents);
  };
  using Kind = souk::TransferRecord::Kind;
  add(0, Opened{.name = "coop", .peer = book.id()});
  const DocumentRef issue = SignMessage(Issue{.account = escrow.account,
                                              .amount = {1'000'000},
                                              .reference = "invoice 7",
                                              .issued = start},
                                        book.key());
  add(500,
      Booked{.transfers = {{.id = issue->id(),
                            .kind = Kind::kSingle,
                            .debit = AccountId(book.id()),
                            .credit = AccountId(escrow.account),
                            .amount = 1'000'000}}},
      {issue});
  add(2000, Booked{.transfers = {PendingOf(escrow)}}, {escrow_document});
  add(3500, Shown{.escrow = order.escrow, .lease = lease}, {order_document, acceptance_document});
  const DocumentRef post = SignMessage(
      Post{.escrow = order.escrow, .amount = due, .voucher = voucher2->envelope(), .lease = lease},
      provider.key());
  add(11500,
      Booked{.transfers = {{.id = post->id(),
                            .kind = Kind::kPost,
                            .amount = due.micro,
                            .pending = order.escrow}}},
      {post});
  const Escrow second = OtherEscrow("second");
  const Digest second_id = EscrowId(second.account, second.nonce);
  add(12000, Booked{.transfers = {PendingOf(second)}}, {SignEscrow(second)});
  add(40000, Booked{.transfers = {{.id = second_id, .kind = Kind::kExpire, .pending = second_id}}});
  Escrow third = OtherEscrow("third");
  third.accept_by = start + Seconds(80);
  const Digest third_id = EscrowId(third.account, third.nonce);
  const DocumentRef request = SignMessage(Void{.escrow = third_id, .lease = lease}, provider.key());
  add(41000, Booked{.transfers = {PendingOf(third)}}, {SignEscrow(third)});
  add(42000, Booked{.transfers = {{.id = request->id(), .kind = Kind::kVoid, .pending = third_id}}},
      {request});
  return log;
}

std::vector<Entry> AuditWorld::RenterLog() const {
  const Digest lease = order_document->id();
  std::vector<Entry> log;
  const auto add = [&](int64_t at_ms, const Outcome& outcome,
                       const std::vector<DocumentRef>& documents = {}) {
    AddEntry(log, start + Millis(at_ms), outcome, documents);
  };
  const Digest job_id = job_document->id();
  add(0, Opened{.name = "ann", .peer = renter.id()});
  add(1000, Ordered{.lease = lease}, {escrow_document, order_document});
  add(2500, EscrowWasSeen());
  add(3100, LeaseStep{.lease = lease, .event = LeaseEvent::kAccepted, .to = LeaseState::kReserved},
      {acceptance_document});
  add(4100, LeaseStep{.lease = lease, .event = LeaseEvent::kCommitted, .to = LeaseState::kActive},
      {commit_document});
  add(5100, LeaseStep{.lease = lease, .event = LeaseEvent::kReady, .to = LeaseState::kActive},
      {ready_document});
  add(5100, VoucherTaken{.lease = lease, .best = first_voucher}, {voucher1});
  add(6100,
      LeaseStep{.lease = lease, .event = LeaseEvent::kFirstVoucher, .to = LeaseState::kMetering});
  add(6500, JobStep{.job = job_id, .lease = lease, .event = JobStep::Event::kSubmitted},
      {job_document});
  add(9100, JobStep{.job = job_id, .lease = lease, .event = JobStep::Event::kFinished},
      {receipt_document});
  add(9200, JobStep{.job = job_id, .lease = lease, .event = JobStep::Event::kFetched});
  add(9900, VoucherTaken{.lease = lease, .best = second_voucher}, {voucher2});
  add(10900, LeaseStep{.lease = lease, .event = LeaseEvent::kReleased, .to = LeaseState::kClosing},
      {release_document});
  add(11100,
      LeaseStep{.lease = lease,
                .event = LeaseEvent::kReleased,
                .to = LeaseState::kClosing,
                .reason = CloseReason::kReleased,
                .metered = metered,
                .due = due},
      {close_document});
  add(12100, Settled{.lease = lease, .escrow = order.escrow, .paid = due});
  return log;
}

void Renumber(std::vector<Entry>& entries) {
  for (size_t i = 0; i < entries.size(); ++i) entries[i].sequence = i;
}

MemoryLog::MemoryLog(const Identity& owner, const std::vector<Entry>& entries) {
  auto opened = Log::Open(store_, slots_, LogSignerOf(owner));
  EXPECT_TRUE(opened.has_value());
  log_.emplace(std::move(*opened));
  Add(LeavesOf(entries));
}

void MemoryLog::Add(const std::vector<Bytes>& leaves) {
  std::vector<Draft> drafts;
  for (const Bytes& leaf : leaves) drafts.push_back({leaf, {}});
  EXPECT_TRUE(log_->Commit(drafts).has_value());
}

std::vector<Bytes> LeavesOf(const std::vector<Entry>& entries) {
  std::vector<Bytes> leaves;
  for (const Entry& entry : entries) {
    auto leaf = EncodeEntry(entry);
    EXPECT_TRUE(leaf.has_value());
    leaves.push_back(std::move(*leaf));
  }
  return leaves;
}

namespace {

void ExpectSame(const AuditReport& resumed, const AuditReport& whole, size_t cut) {
  const auto totals = [](const AuditReport& r) {
    return std::tuple(r.verdict, r.name, r.peer, r.entries, r.signatures, r.leases, r.jobs,
                      r.transfers, r.from, r.to, r.debits, r.credits, r.more_findings, r.unchecked);
  };
  EXPECT_EQ(totals(resumed), totals(whole)) << "cut at " << cut;
  EXPECT_EQ(Describe(resumed), Describe(whole)) << "cut at " << cut;
  EXPECT_EQ(resumed.lease_list.size(), whole.lease_list.size());
  for (size_t i = 0; i < std::min(resumed.lease_list.size(), whole.lease_list.size()); ++i) {
    EXPECT_EQ(resumed.lease_list[i].id, whole.lease_list[i].id);
    EXPECT_EQ(resumed.lease_list[i].due, whole.lease_list[i].due);
    EXPECT_EQ(resumed.lease_list[i].last_entry, whole.lease_list[i].last_entry);
  }
  EXPECT_EQ(resumed.account_list.size(), whole.account_list.size());
  for (size_t i = 0; i < std::min(resumed.account_list.size(), whole.account_list.size()); ++i) {
    EXPECT_EQ(resumed.account_list[i].balance, whole.account_list[i].balance);
    EXPECT_EQ(resumed.account_list[i].held, whole.account_list[i].held);
    EXPECT_EQ(resumed.account_list[i].owner, whole.account_list[i].owner);
  }
}

// Stopped behind every entry and gone on from what was saved there, an audit says the same.
void ExpectTheSameFromEveryCut(const Identity& owner, const std::vector<Bytes>& leaves,
                               const LogReader& all, const AuditReport& whole,
                               AuditOptions options) {
  const NoteVerifier key = LogSignerOf(owner).Verifier();
  options.threads = 1;
  AuditOptions saving = options;
  saving.save = true;
  MemoryLog part(owner, {});
  AuditReport report = Audit(part.reader(), saving);
  for (size_t cut = 0; cut < leaves.size(); ++cut) {
    auto saved = SavedAudit::Parse(report.saved, key, options.rules);
    ASSERT_TRUE(saved.has_value()) << saved.error().message;
    EXPECT_EQ(saved->head().size, cut);
    ExpectSame(Audit(all, std::move(*saved), options), whole, cut);
    part.Add({leaves[cut]});
    report = Audit(part.reader(), *SavedAudit::Parse(report.saved, key, options.rules), saving);
  }
}

}  // namespace

AuditReport AuditLeaves(const Identity& owner, const std::vector<Bytes>& leaves,
                        const AuditOptions& options) {
  MemoryLog memory(owner, {});
  memory.Add(leaves);
  ExportForReaders(memory.reader(), LogSignerOf(owner).Verifier());
  AuditReport report = Audit(memory.reader(), options);
  if (options.max_findings == kMaxFindings && !options.progress) {
    ExpectTheSameFromEveryCut(owner, leaves, memory.reader(), report, options);
  }
  return report;
}

AuditReport AuditEntries(const Identity& owner, const std::vector<Entry>& entries,
                         const AuditOptions& options) {
  return AuditLeaves(owner, LeavesOf(entries), options);
}

std::string Describe(const AuditReport& report) {
  std::string out;
  for (const Finding& finding : report.findings) {
    out += finding.rule + " " + finding.name + " @" + std::to_string(finding.entry) + ": " +
           finding.what + "\n";
  }
  return out;
}

testing::AssertionResult HasFinding(const AuditReport& report, const char* name,
                                    const char* sentence) {
  for (const Finding& finding : report.findings) {
    if (finding.name == name && finding.what.find(sentence) != std::string::npos) {
      return testing::AssertionSuccess();
    }
  }
  return testing::AssertionFailure() << "expected \"" << name << "\": " << sentence << ", found:\n"
                                     << Describe(report);
}

}  // namespace souk::ledger
