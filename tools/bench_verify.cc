#include "tools/bench_verify.h"

#include <sodium.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "ledger/log/rocksdb_ledger.h"
#include "protocol/base/processors.h"
#include "tools/bench_audit_run.h"
#include "tools/bench_leases.h"

namespace souk::bench {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kTarget = 0.8;
constexpr double kMemoryMiB = 300;
// Of the time that the whole takes, where the first nine tenths were audited and saved before.
constexpr double kResumeTarget = 0.15;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
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

// Until the log has so many entries.
Status WriteLeases(LeaseWriter& writer, const fs::path& dir, uint64_t entries) {
  constexpr uint64_t kGroup = 2048;  // with a lease more it still fits a commit
  ASSIGN_OR_RETURN(const auto node, ledger::Ledger::Open(dir, writer.Signer(), {.alone = true}));
  while (writer.written() < entries) {
    const uint64_t missing = entries - writer.written();
    ASSIGN_OR_RETURN(const auto drafts, writer.Next(std::min(kGroup, missing)));
    ASSIGN_OR_RETURN(const ledger::Committed committed, node->log().Commit(drafts));
  }
  return Ok();
}

}  // namespace

Result<std::vector<BenchRow>> RunVerifyBench(const VerifyBench& options) {
  const fs::path dir = options.dir / "node";
  // Not in it: an audit writes nothing into a node's directory.
  const fs::path saved = options.dir / "saved";
  std::error_code error;
  fs::create_directories(dir, error);
  LeaseWriter writer;
  const AuditCommand audit{options.audit_program, dir, writer.vkey()};
  RETURN_IF_ERROR(WriteLeases(writer, dir, options.entries - options.entries / 10));
  const auto first = RunAudit(audit, {"--save", saved.string()});
  if (!first) return first.error();
  RETURN_IF_ERROR(WriteLeases(writer, dir, options.entries));
  const auto signatures = static_cast<double>(writer.signatures());
  // In turns, since a shared machine's pace drifts; the floor stands on both sides of the figure.
  const double before = FloorRate(writer.kept());
  ASSIGN_OR_RETURN(const AuditRun run, RunAudit(audit));
  const double after = FloorRate(writer.kept());
  ASSIGN_OR_RETURN(const AuditRun resumed, RunAudit(audit, {"--resume", saved.string()}));
  const double floor = (before + after) / 2;
  if (before == 0 || after == 0) return Error(Code::kBadSignature, "the floor's own check failed");
  const double rate = signatures / run.seconds;
  const std::string size = std::to_string(writer.written()) + " entries";
  return std::vector<BenchRow>{{"verify, " + size, rate, "signatures/s", floor, rate / floor,
                                kTarget, rate / floor >= kTarget},
                               {"verify memory, " + size, run.peak_mib, "MiB", kMemoryMiB,
                                run.peak_mib / kMemoryMiB, 1, run.peak_mib <= kMemoryMiB},
                               {"verify on from 90 %, " + size, resumed.seconds, "s", run.seconds,
                                resumed.seconds / run.seconds, kResumeTarget,
                                resumed.seconds <= kResumeTarget * run.seconds}};
}

}  // namespace souk::bench
