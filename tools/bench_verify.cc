#include "tools/bench_verify.h"

#include <sodium.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "ledger/book/node_book.h"
#include "ledger/log/rocksdb_ledger.h"
#include "protocol/base/processors.h"
#include "protocol/codec.h"
#include "protocol/limits.h"

namespace souk::bench {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kTarget = 0.8;
constexpr double kMemoryMiB = 300;
constexpr size_t kVouchersPerLease = 10;
// Enough for the floor's rate; kept in memory.
constexpr size_t kFloorSignatures = 50'000;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A provider's log of one lease after another: 19 entries and 17 signatures each.
class LeaseWriter {
 public:
  explicit LeaseWriter(const fs::path& dir) : dir_(dir) {}

  Status Write(uint64_t entries);
  uint64_t written() const { return next_; }
  uint64_t signatures() const { return signatures_; }
  std::string vkey() const { return Signer().Verifier().ToVkey(); }
  const std::vector<DocumentRef>& kept() const { return kept_; }

 private:
  ledger::NoteSigner Signer() const {
    const SigningKey key = provider_.CheckpointKey();
    ledger::NoteSigner signer{.name = LogName(provider_.id()), .key = key.public_key().bytes};
    signer.sign = [this](ByteView bytes) -> Result<ledger::Ed25519Signature> {
      return provider_.CheckpointKey().Sign(bytes).bytes;
    };
    return signer;
  }
  Status Add(Outcome outcome, const std::vector<DocumentRef>& documents = {});
  Status Flush();
  Status AddLease(uint64_t number);
  LeaseStep Step(LeaseEvent event, LeaseState to) const {
    return {.lease = lease_, .event = event, .to = to};
  }

  fs::path dir_;
  Identity provider_ = Identity::FromSeed({11});
  Identity renter_ = Identity::FromSeed({12});
  PeerId book_ = Identity::FromSeed({13}).id();
  SigningKey account_ = renter_.AccountKey(book_);
  Time now_{1'800'000'000'000};
  DocumentRef offer_ = {};
  Offer terms_ = {};
  Digest lease_ = {};
  std::unique_ptr<ledger::Ledger> ledger_ = {};
  std::vector<ledger::Draft> drafts_ = {};
  std::vector<DocumentRef> kept_ = {};
  uint64_t next_ = 0;
  uint64_t signatures_ = 0;
};

Status LeaseWriter::Add(Outcome outcome, const std::vector<DocumentRef>& documents) {
  Entry entry{.sequence = next_++, .time = now_, .outcome = std::move(outcome)};
  for (const DocumentRef& document : documents) {
    entry.documents.push_back(document->envelope());
    ++signatures_;
    if (kept_.size() < kFloorSignatures) kept_.push_back(document);
  }
  ASSIGN_OR_RETURN(Bytes leaf, EncodeEntry(entry));
  drafts_.push_back({std::move(leaf), {}});
  return drafts_.size() < 4096 ? Ok() : Flush();
}

Status LeaseWriter::Flush() {
  if (drafts_.empty()) return Ok();
  ASSIGN_OR_RETURN(const ledger::Committed committed, ledger_->log().Commit(drafts_));
  drafts_.clear();
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

Status LeaseWriter::Write(uint64_t entries) {
  ASSIGN_OR_RETURN(ledger_, ledger::Ledger::Open(dir_, Signer(), {.alone = true}));
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
  RETURN_IF_ERROR(Add(Published{}, {offer_}));
  for (uint64_t number = 0; next_ < entries; ++number) RETURN_IF_ERROR(AddLease(number));
  RETURN_IF_ERROR(Flush());
  ledger_.reset();
  return Ok();
}

struct Bare {
  Bytes message;
  const Document* document;
};

// libsodium on every core over the bytes that the signatures cover, prepared beforehand.
double FloorRate(const std::vector<DocumentRef>& documents) {
  std::vector<Bare> bare;
  for (const DocumentRef& document : documents) {
    Bytes message = ToBytes(AsBytes("souk/v1/"));
    Append(message, AsBytes(KindName(document->kind())));
    message.push_back(0);
    Append(message, document->payload());
    bare.push_back({std::move(message), document.get()});
  }
  const unsigned cores = UsableProcessors();
  std::vector<std::thread> threads;
  std::vector<size_t> good(cores, 0);
  const auto start = Clock::now();
  for (unsigned core = 0; core < cores; ++core) {
    threads.emplace_back([&, core] {
      for (size_t i = core; i < bare.size(); i += cores) {
        const Document& document = *bare[i].document;
        good[core] += crypto_sign_verify_detached(document.signature().bytes.data(),
                                                  bare[i].message.data(), bare[i].message.size(),
                                                  document.signer().bytes.data()) == 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = SecondsSince(start);
  size_t all = 0;
  for (const size_t one : good) all += one;
  return all == bare.size() ? static_cast<double>(all) / seconds : 0;
}

struct AuditRun {
  double seconds = 0;
  double peak_mib = 0;
};

// Timed from outside, as a person would; its output goes nowhere.
Result<AuditRun> RunAudit(const VerifyBench& options, const std::string& vkey) {
  const std::string program = options.audit_program.string();
  const std::string dir = options.dir.string();
  const auto start = Clock::now();
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (std::freopen("/dev/null", "w", stdout) == nullptr) ::_exit(127);
    ::execl(program.c_str(), program.c_str(), "verify", dir.c_str(), "--key", vkey.c_str(),
            "--json", nullptr);
    ::_exit(127);
  }
  if (pid < 0) return Error(Code::kIo, "souk-audit could not be started");
  int status = 0;
  rusage usage = {};
  ::wait4(pid, &status, 0, &usage);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Error(Code::kFault, "souk-audit did not find the bench's ledger valid");
  }
  return AuditRun{SecondsSince(start), static_cast<double>(usage.ru_maxrss) / 1024};
}

}  // namespace

Result<std::vector<BenchRow>> RunVerifyBench(const VerifyBench& options) {
  LeaseWriter writer(options.dir);
  RETURN_IF_ERROR(writer.Write(options.entries));
  const auto signatures = static_cast<double>(writer.signatures());
  // In turns, since a shared machine's pace drifts; the floor stands on both sides of the figure.
  const double before = FloorRate(writer.kept());
  ASSIGN_OR_RETURN(const AuditRun run, RunAudit(options, writer.vkey()));
  const double after = FloorRate(writer.kept());
  const double floor = (before + after) / 2;
  if (before == 0 || after == 0) return Error(Code::kBadSignature, "the floor's own check failed");
  const double rate = signatures / run.seconds;
  const std::string size = std::to_string(writer.written()) + " entries";
  return std::vector<BenchRow>{{"verify, " + size, rate, "signatures/s", floor, rate / floor,
                                kTarget, rate / floor >= kTarget},
                               {"verify memory, " + size, run.peak_mib, "MiB", kMemoryMiB,
                                run.peak_mib / kMemoryMiB, 1, run.peak_mib <= kMemoryMiB}};
}

}  // namespace souk::bench
