#include "tools/bench_live.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>

#include "ledger/log/rocksdb_ledger.h"
#include "tools/bench_audit_run.h"
#include "tools/bench_leases.h"

namespace souk::bench {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kAuditedTarget = 0.9;
constexpr int kRounds = 10;

// Audits the ledger time after time until it is stopped.
class Auditing {
 public:
  explicit Auditing(const AuditCommand& command) : thread_([this, command] { Run(command); }) {}
  ~Auditing() { Join(); }
  // Waits for the audit that is under way.
  Status Stop() {
    Join();
    if (failed_) return *failed_;
    return Ok();
  }

 private:
  void Join() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  void Run(const AuditCommand& command) {
    while (!stop_ && !failed_) {
      if (const auto run = RunAudit(command); !run) failed_ = run.error();
    }
  }

  std::atomic<bool> stop_{false};
  std::optional<Error> failed_ = {};
  std::thread thread_;
};

struct Pace {
  double entries = 0;
  double seconds = 0;
  double Rate() const { return seconds > 0 ? entries / seconds : 0; }
};

// Commits groups for about so long; making the entries is not counted.
Status AppendForAWhile(ledger::Ledger& node, LeaseWriter& writer, size_t group, double seconds,
                       Pace& pace) {
  for (double spent = 0; spent < seconds;) {
    ASSIGN_OR_RETURN(const auto drafts, writer.Next(group));
    const auto begin = Clock::now();
    ASSIGN_OR_RETURN(const ledger::Committed committed, node.log().Commit(drafts));
    const double took = std::chrono::duration<double>(Clock::now() - begin).count();
    spent += took;
    pace.seconds += took;
    pace.entries += static_cast<double>(drafts.size());
  }
  return Ok();
}

}  // namespace

Result<std::vector<BenchRow>> RunLiveBench(const LiveBench& options) {
  const fs::path dir = options.dir / "node";
  std::error_code error;
  fs::create_directories(dir, error);
  LeaseWriter writer;
  ASSIGN_OR_RETURN(const auto node, ledger::Ledger::Open(dir, writer.Signer(), {.alone = true}));
  while (writer.written() < options.entries) {
    ASSIGN_OR_RETURN(const auto drafts, writer.Next(options.group));
    ASSIGN_OR_RETURN(const ledger::Committed committed, node->log().Commit(drafts));
  }
  const double slice = options.seconds / (2 * kRounds);
  Pace quiet;
  Pace audited;
  for (int i = 0; i < kRounds; ++i) {
    RETURN_IF_ERROR(AppendForAWhile(*node, writer, options.group, slice, quiet));
    Auditing auditing({options.audit_program, dir, writer.vkey()});
    RETURN_IF_ERROR(AppendForAWhile(*node, writer, options.group, slice, audited));
    RETURN_IF_ERROR(auditing.Stop());
  }
  BenchRow row;
  row.name = fmt::format("append in groups of {} while audited", options.group);
  row.value = audited.Rate();
  row.unit = "entries/s";
  row.floor = quiet.Rate();
  row.ratio = row.value / row.floor;
  row.target = kAuditedTarget;
  row.ok = row.ratio >= row.target;
  return std::vector<BenchRow>{row};
}

}  // namespace souk::bench
