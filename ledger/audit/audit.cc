// The pass over a log: entries are read in order on the caller's thread, checked alone on all cores
// in batches, and folded in order on the caller's thread again.
#include "ledger/audit/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "ledger/audit/audit_fold.h"
#include "protocol/base/processors.h"

namespace souk::ledger {
namespace {

// A batch is a few milliseconds of verification; so many of them per thread keep all busy while
// memory stays flat.
constexpr size_t kBatchEntries = 128;
constexpr size_t kBatchesPerThread = 8;

struct Batch {
  uint64_t first = 0;
  Bytes leaves = {};              // one behind the other
  std::vector<size_t> ends = {};  // of each
  Signatures signatures = Signatures::kChecked;
  uint32_t newest_rules = kRulesVersion;
  std::vector<CheckedEntry> checked = {};
  bool done = false;

  void Add(ByteView leaf) {
    Append(leaves, leaf);
    ends.push_back(leaves.size());
  }
  void Check() {
    checked.reserve(ends.size());
    size_t begin = 0;
    for (size_t i = 0; i < ends.size(); ++i) {
      const ByteView leaf = ByteView(leaves).subspan(begin, ends[i] - begin);
      checked.push_back(CheckEntry(first + i, leaf, signatures, newest_rules));
      begin = ends[i];
    }
    leaves = {};
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

struct Range {
  uint64_t from = 0;
  uint64_t trusted = 0;  // below: signatures are known to be good
  uint64_t end = 0;
};

Status ReadAll(const LogReader& log, const Range& range, Checkers& checkers, AuditFold& fold,
               Ticker& ticker) {
  std::shared_ptr<Batch> batch;
  const auto begin_at = [&](uint64_t first) {
    batch = std::make_shared<Batch>();
    batch->first = first;
    batch->newest_rules = fold.newest_rules();
    batch->signatures = first < range.trusted ? Signatures::kTrusted : Signatures::kChecked;
  };
  const auto take_one = [&] {
    const std::shared_ptr<Batch> done = checkers.Next();
    for (CheckedEntry& checked : done->checked) fold.Add(checked);
    ticker.At(done->first + done->checked.size());
  };
  const auto submit = [&] {
    while (checkers.Full()) take_one();
    checkers.Submit(std::move(batch));
  };
  // Entries beyond the checkpoint carry nobody's signature yet.
  bool ended = false;
  begin_at(range.from);
  const Status read = log.ForEach(range.from, [&](uint64_t index, ByteView leaf) -> Status {
    if (index >= range.end) {
      ended = true;
      return Error(Code::kNotFound, "the end of what is signed");
    }
    batch->Add(leaf);
    if (batch->ends.size() == kBatchEntries || index + 1 == range.trusted) {
      submit();
      begin_at(index + 1);
    }
    return Ok();
  });
  if (!batch->ends.empty()) submit();
  while (!checkers.Empty()) take_one();
  return ended ? Ok() : read;
}

AuditReport RunAudit(const LogReader& log, AuditFold& fold, const Range& range,
                     const AuditOptions& options) {
  Ticker ticker(options, range.end);
  bool whole = false;
  {
    Checkers checkers(options.threads != 0 ? options.threads : UsableProcessors());
    const Status read = ReadAll(log, range, checkers, fold, ticker);
    whole = read.has_value();
    if (!whole) fold.findings().Add(range.end, rules::kReadable, read.error().message);
  }
  Bytes saved;
  if (options.save && whole) saved = SaveAudit(fold, log.checkpoint());
  AuditReport report = fold.Finish(range.end);
  report.saved = std::move(saved);
  report.resumed_from = range.from;
  report.trusted = std::max(range.from, range.trusted);
  if (log.size() > range.end) {
    report.unchecked.push_back(
        fmt::format("{} entries beyond the checkpoint are not signed yet", log.size() - range.end));
  }
  for (const std::string& remark : log.remarks()) report.unchecked.push_back(remark);
  return report;
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

// The name under which the checkpoint is signed says whose log this is (protocol/entry.h).
PeerId PeerOfLog(const std::string& origin) {
  const size_t slash = origin.find('/');
  if (slash == std::string::npos) return {};
  const auto peer = PublicKey::Parse(std::string_view(origin).substr(slash + 1));
  return peer && LogName(*peer) == origin ? *peer : PeerId{};
}

AuditReport Audit(const LogReader& log, const AuditOptions& options) {
  const std::string& origin = log.head().origin;
  const PeerId self = PeerOfLog(origin);
  AuditFold fold(self, options);
  if (self.IsZero()) {
    fold.findings().Add(0, rules::kOpened,
                        fmt::format("the checkpoint's name \"{}\" is no peer's", origin));
  }
  const uint64_t end = log.signed_size();
  return RunAudit(log, fold, {.trusted = std::min(options.trusted, end), .end = end}, options);
}

AuditReport Audit(const LogReader& log, SavedAudit saved, const AuditOptions& options) {
  AuditFold& fold = *saved.fold_;
  const Checkpoint& known = saved.head();
  const uint64_t end = log.signed_size();
  const auto root = log.RootAt(std::min(known.size, end));
  if (log.head().origin != known.origin || known.size > end || !root || *root != known.root) {
    fold.findings().Add(
        std::min(known.size, end), rules::kAppendOnly,
        fmt::format("the log does not continue the {} entries that were audited", known.size));
    return RunAudit(log, fold, {.from = end, .end = end}, options);
  }
  return RunAudit(log, fold, {.from = known.size, .end = end}, options);
}

}  // namespace souk::ledger
