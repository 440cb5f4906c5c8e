// The pass over a log: entries are read in order on the caller's thread, checked alone on all cores
// in batches, and folded in order on the caller's thread again.
#include "ledger/audit/audit.h"

#include <fmt/format.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "ledger/audit/audit_clearing.h"
#include "ledger/audit/audit_provider.h"
#include "ledger/audit/audit_renter.h"
#include "protocol/base/processors.h"

namespace souk::ledger {
namespace {

// A batch is a few milliseconds of verification; so many of them per thread keep all busy while
// memory stays flat.
constexpr size_t kBatchEntries = 128;
constexpr size_t kBatchesPerThread = 8;

struct Batch {
  uint64_t first = 0;
  std::vector<Bytes> leaves = {};
  std::vector<CheckedEntry> checked = {};
  bool done = false;

  void Check() {
    checked.reserve(leaves.size());
    for (size_t i = 0; i < leaves.size(); ++i) checked.push_back(CheckEntry(first + i, leaves[i]));
    leaves.clear();
  }
};

// Checks batches on `threads` threads, the caller's among them, and hands them back in order.
class Checkers {
 public:
  explicit Checkers(unsigned threads) : most_(threads * kBatchesPerThread) {
    for (unsigned i = 1; i < threads; ++i) threads_.emplace_back([this] { Work(); });
  }
  ~Checkers() {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  bool Full() const { return in_order_.size() >= most_; }
  bool Empty() const { return in_order_.empty(); }
  void Submit(std::shared_ptr<Batch> batch) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(batch);
    }
    in_order_.push_back(std::move(batch));
    wake_.notify_one();
  }
  // The oldest batch, checked. The caller works too while it waits.
  std::shared_ptr<Batch> Next() {
    std::shared_ptr<Batch> oldest = in_order_.front();
    in_order_.pop_front();
    std::unique_lock lock(mutex_);
    while (!oldest->done) {
      if (!waiting_.empty()) {
        CheckOne(lock);
      } else {
        finished_.wait(lock);
      }
    }
    return oldest;
  }

 private:
  void Work() {
    std::unique_lock lock(mutex_);
    while (true) {
      wake_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
      if (stop_) return;
      CheckOne(lock);
    }
  }
  void CheckOne(std::unique_lock<std::mutex>& lock) {
    const std::shared_ptr<Batch> batch = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    batch->Check();
    lock.lock();
    batch->done = true;
    finished_.notify_all();
  }

  size_t most_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable finished_;
  std::deque<std::shared_ptr<Batch>> waiting_ = {};   // under mutex_
  bool stop_ = false;                                 // under mutex_
  std::deque<std::shared_ptr<Batch>> in_order_ = {};  // caller's thread only
  std::vector<std::thread> threads_ = {};
};

// Folds entries in order and decides each outcome anew.
class Fold {
 public:
  Fold(const PeerId& self, const AuditOptions& options)
      : self_(self),
        details_(options.details),
        findings_(options.max_findings),
        provider_(self, options.details, findings_),
        renter_(self, options.details, findings_),
        clearing_(self, findings_) {}

  void Add(CheckedEntry& checked);
  AuditReport Finish(uint64_t entries);
  Findings& findings() { return findings_; }

 private:
  void CheckFrame(EntryCheck& check);
  void OnOutcome(EntryCheck& check);
  void OnOpened(EntryCheck& check, const Opened& opened);

  PeerId self_;
  bool details_;
  Findings findings_;
  ProviderAudit provider_;
  RenterAudit renter_;
  ClearingAudit clearing_;
  AuditReport report_ = {};
  bool any_ = false;
  Time previous_ = {};  // of the entry before
  uint32_t rules_ = 0;
  uint64_t newer_rules_ = 0;  // entries that this program is too old for
  uint64_t first_newer_ = 0;
  uint64_t openings_ = 0;  // of challenges
};

void Fold::Add(CheckedEntry& checked) {
  report_.signatures += checked.signatures;
  for (Finding& finding : checked.findings) findings_.Add(std::move(finding));
  if (!checked.readable) {
    if (checked.newer_rules && newer_rules_++ == 0) first_newer_ = checked.index;
    return;
  }
  EntryCheck check(findings_, checked);
  check.That(newer_rules_ == 0, rules::kVersions, {first_newer_},
             "known rules after newer ones in {}", first_newer_);
  previous_ = report_.to;
  CheckFrame(check);
  OnOutcome(check);
}

void Fold::CheckFrame(EntryCheck& check) {
  const Entry& entry = check.entry();
  check.That(entry.sequence == check.index(), rules::kSequence, "it says {}", entry.sequence);
  check.That(entry.rules >= rules_, rules::kVersions, "rules version {} after {}", entry.rules,
             rules_);
  rules_ = std::max(rules_, entry.rules);
  if (any_) {
    check.That(entry.time >= report_.to, rules::kTimes, "{} ms before the entry before it",
               report_.to.ms - entry.time.ms);
  } else {
    report_.from = entry.time;
  }
  report_.to = std::max(report_.to, entry.time);
  any_ = true;
}

void Fold::OnOpened(EntryCheck& check, const Opened& opened) {
  check.That(check.index() == 0, rules::kOpened, "a log opens with its first entry only");
  check.That(opened.peer == self_, rules::kOpened,
             "it names another peer than the checkpoint's name does");
  report_.name = opened.name;
  if (check.documents() == 0) return;
  const auto card = check.Take<Card>(0);
  if (!check.ExpectDocuments(1) || !card) return;
  check.That(check.DocumentAt(0)->signer() == self_ && card->log_name == LogName(self_),
             rules::kSigner, "the card beside it is not this peer's own");
}

void Fold::OnOutcome(EntryCheck& check) {
  const Outcome& outcome = check.entry().outcome;
  if (check.index() == 0) {
    check.That(std::holds_alternative<Opened>(outcome), rules::kOpened,
               "the first entry is \"{}\", not \"opened\"", OutcomeName(outcome));
  }
  if (const auto* opened = std::get_if<Opened>(&outcome)) return OnOpened(check, *opened);
  if (const auto* resumed = std::get_if<Resumed>(&outcome)) {
    check.That(resumed->down_since == previous_, rules::kDowntime,
               "it was down since {} ms after it", resumed->down_since.ms - previous_.ms);
    check.ExpectDocuments(0);
    provider_.OnResumed(check, resumed->down_since);
    return clearing_.OnResumed(check, resumed->down_since);
  }
  if (const auto* published = std::get_if<Published>(&outcome)) {
    return provider_.OnPublished(check, *published);
  }
  if (const auto* ordered = std::get_if<Ordered>(&outcome)) {
    return renter_.OnOrdered(check, *ordered);
  }
  if (const auto* seen = std::get_if<EscrowSeen>(&outcome)) {
    return renter_.Knows(seen->lease) ? renter_.OnEscrowSeen(check, *seen)
                                      : provider_.OnEscrowSeen(check, *seen);
  }
  if (const auto* step = std::get_if<LeaseStep>(&outcome)) {
    return renter_.Knows(step->lease) ? renter_.OnStep(check, *step)
                                      : provider_.OnStep(check, *step);
  }
  if (const auto* taken = std::get_if<VoucherTaken>(&outcome)) {
    return renter_.Knows(taken->lease) ? renter_.OnVoucher(check, *taken)
                                       : provider_.OnVoucher(check, *taken);
  }
  if (const auto* step = std::get_if<JobStep>(&outcome)) {
    return renter_.Knows(step->lease) ? renter_.OnJob(check, *step) : provider_.OnJob(check, *step);
  }
  if (const auto* step = std::get_if<ChallengeStep>(&outcome)) {
    if (step->event == ChallengeStep::Event::kOpened) ++openings_;
    return renter_.Knows(step->lease) ? renter_.OnChallenge(check, *step)
                                      : provider_.OnChallenge(check, *step);
  }
  if (const auto* replicated = std::get_if<Replicated>(&outcome)) {
    return renter_.OnReplicated(check, *replicated);
  }
  if (const auto* settled = std::get_if<Settled>(&outcome)) {
    return renter_.Knows(settled->lease) ? renter_.OnSettled(check, *settled)
                                         : provider_.OnSettled(check, *settled);
  }
  if (const auto* booked = std::get_if<Booked>(&outcome)) return clearing_.OnBooked(check, *booked);
  if (const auto* shown = std::get_if<Shown>(&outcome)) return clearing_.OnShown(check, *shown);
}

AuditReport Fold::Finish(uint64_t entries) {
  report_.peer = self_;
  report_.entries = entries;
  provider_.Finish(report_);
  renter_.Finish(report_);
  clearing_.Finish(report_, details_);
  if (report_.debits != report_.credits) {
    findings_.Add(entries == 0 ? 0 : entries - 1, rules::kConserved,
                  "the accounts' debits and credits differ");
  }
  if (newer_rules_ > 0) {
    report_.unchecked.push_back(
        fmt::format("{} entries from {} on follow newer rules than this program knows: update it",
                    newer_rules_, first_newer_));
    report_.verdict = Verdict::kIncomplete;
  }
  if (findings_.any()) report_.verdict = Verdict::kInvalid;
  if (openings_ > 0) {
    report_.unchecked.push_back(
        fmt::format("the rows of {} challenge{}: souk-audit challenge computes them again",
                    openings_, openings_ == 1 ? "" : "s"));
  }
  report_.unchecked.emplace_back("omissions: no counterparty's receipts were at hand");
  findings_.MoveInto(report_);
  return std::move(report_);
}

// Says how far it is, some times a second.
class Ticker {
 public:
  Ticker(const AuditOptions& options, uint64_t total) : options_(options), total_(total) {}
  void At(uint64_t done) {
    const auto now = std::chrono::steady_clock::now();
    if (!options_.progress || (done < total_ && now - last_ < std::chrono::milliseconds(100))) {
      return;
    }
    last_ = now;
    options_.progress(done, total_);
  }

 private:
  const AuditOptions& options_;
  uint64_t total_;
  std::chrono::steady_clock::time_point last_ = {};
};

Status ReadAll(const LogReader& log, Checkers& checkers, Fold& fold, Ticker& ticker) {
  const uint64_t total = log.signed_size();
  auto batch = std::make_shared<Batch>();
  const auto take_one = [&] {
    const std::shared_ptr<Batch> done = checkers.Next();
    for (CheckedEntry& checked : done->checked) fold.Add(checked);
    ticker.At(done->first + done->checked.size());
  };
  const auto submit = [&](uint64_t next) {
    while (checkers.Full()) take_one();
    checkers.Submit(std::move(batch));
    batch = std::make_shared<Batch>();
    batch->first = next;
  };
  // Entries beyond the checkpoint carry nobody's signature yet.
  bool ended = false;
  const Status read = log.ForEach(0, [&](uint64_t index, ByteView leaf) -> Status {
    if (index >= total) {
      ended = true;
      return Error(Code::kNotFound, "the end of what is signed");
    }
    batch->leaves.push_back(ToBytes(leaf));
    if (batch->leaves.size() == kBatchEntries) submit(index + 1);
    return Ok();
  });
  if (!batch->leaves.empty()) submit(total);
  while (!checkers.Empty()) take_one();
  return ended ? Ok() : read;
}

}  // namespace

const char* VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kValid:
      return "VALID";
    case Verdict::kIncomplete:
      return "INCOMPLETE";
    case Verdict::kInvalid:
      return "INVALID";
  }
  return "?";
}

AuditReport Audit(const LogReader& log, const AuditOptions& options) {
  const uint64_t total = log.signed_size();
  // The name under which the checkpoint is signed says whose log this is (protocol/entry.h).
  const std::string& origin = log.head().origin;
  const size_t slash = origin.find('/');
  const auto self = PublicKey::Parse(
      slash == std::string::npos ? std::string_view() : std::string_view(origin).substr(slash + 1));
  Fold fold(self ? *self : PeerId{}, options);
  if (!self || LogName(*self) != origin) {
    fold.findings().Add(0, rules::kOpened,
                        fmt::format("the checkpoint's name \"{}\" is no peer's", origin));
  }
  Ticker ticker(options, total);
  {
    Checkers checkers(options.threads != 0 ? options.threads : UsableProcessors());
    const Status read = ReadAll(log, checkers, fold, ticker);
    if (!read) fold.findings().Add(total, rules::kReadable, read.error().message);
  }
  AuditReport report = fold.Finish(total);
  if (log.size() > total) {
    report.unchecked.push_back(
        fmt::format("{} entries beyond the checkpoint are not signed yet", log.size() - total));
  }
  for (const std::string& remark : log.remarks()) report.unchecked.push_back(remark);
  return report;
}

}  // namespace souk::ledger
