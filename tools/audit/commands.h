// What souk-audit does, one function per command; main.cc reads the command line. Each returns the
// exit code.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace souk::tools {

struct AuditTarget {
  std::filesystem::path dir = {};
  std::string vkey = {};  // empty: found (open_ledger.h)
  bool json = false;
};

struct VerifyOptions {
  unsigned threads = 0;               // 0: all cores
  bool full_speed = false;            // also where a node is at work on the ledger
  std::filesystem::path from = {};    // a checkpoint whose entries' signatures are known to be good
  std::filesystem::path resume = {};  // an audit that was saved
  std::filesystem::path save = {};
  std::vector<std::filesystem::path> with = {};      // counterparties' logs (log_source.h)
  std::vector<std::string> with_keys = {};           // each is the key of one of these
  std::vector<std::string> witnesses = {};           // keys of those whom the reader trusts
  std::optional<uint64_t> quorum = {};               // of them; none: SafeQuorum
  std::vector<std::filesystem::path> cosigned = {};  // checkpoints with their lines
};
int RunVerify(const AuditTarget& target, const VerifyOptions& options);
// What is lost of a damaged ledger, what can be derived again, and what to do
// (ledger/log/diagnose.h).
int RunRepairPlan(const AuditTarget& target);

struct ShowOptions {
  std::optional<uint64_t> entry = {};  // none: the list
  bool raw = false;                    // the leaf's exact bytes
  uint64_t from = 0;
  uint64_t count = 0;  // 0: all
};
int RunShow(const AuditTarget& target, const ShowOptions& options);

// Everything in a form that others read: tiles (a directory), or one line for each entry.
struct ExportCommand {
  std::filesystem::path tiles = {};  // the directory, which must not be there yet
  std::string format = {};           // "jsonl" or "csv", where it is no tiles
  std::filesystem::path out = {};    // of that format; empty: stdout
};
int RunExport(const AuditTarget& target, const ExportCommand& command);

int RunLeases(const AuditTarget& target);
int RunBalances(const AuditTarget& target);
int RunKey(const AuditTarget& target);

struct TimelineCommand {
  std::vector<std::filesystem::path> dirs = {};
  std::vector<std::string> keys = {};  // each is some log's; those of the others are found
  std::string lease = {};              // a prefix
  bool json = false;
};
int RunTimeline(const TimelineCommand& command);

// A ledger or document comes from a stranger, and its kernels run for as long as its workload says.
inline constexpr const char* kTimeLimit = "1h";

struct ReplayCommand {
  std::string job = {};
  uint64_t blocks = 64;
  std::optional<uint64_t> words = {};  // none: as many as blocks
  bool full = false;
  bool check = false;              // in checking mode; writes a fault document where one is proven
  std::filesystem::path out = {};  // of the document; empty: JOB.fault
  std::optional<uint64_t> seed = {};  // none: a random one
  std::string time_limit = kTimeLimit;
};
int RunReplay(const AuditTarget& target, const ReplayCommand& command);
struct ReplicasCommand {
  std::string round = {};               // a prefix; empty: all
  bool settle = false;                  // replays what differs, whole and in checking mode
  std::filesystem::path out = {};       // folder of the fault documents; empty: this one
  std::string time_limit = kTimeLimit;  // of all that is settled
};
int RunReplicas(const AuditTarget& target, const ReplicasCommand& command);
struct CheckFaultCommand {
  std::filesystem::path file = {};
  std::string time_limit = kTimeLimit;
  bool json = false;
};
int RunCheckFault(const CheckFaultCommand& command);

// Computes the log's challenges again; `lease`: only those of leases whose ids begin so.
int RunChallengeAudit(const AuditTarget& target, const std::string& lease);

struct CompareCommand {
  std::filesystem::path one = {};
  std::filesystem::path other = {};
  std::string vkey = {};           // of the log; empty: found
  std::filesystem::path out = {};  // of the proof of a fork; empty: log.fork
  bool json = false;
};
int RunCompare(const CompareCommand& command);
struct WatchCommand {
  std::vector<std::filesystem::path> sources = {};
  std::string vkey = {};
  std::filesystem::path out = {};  // of the proof of a fork; empty: log.fork
  std::string every = "10s";
  uint64_t rounds = 0;  // 0: until it is ended
  bool json = false;    // one document a line
};
int RunWatch(const WatchCommand& command);
int RunCheckFork(const std::filesystem::path& file, const std::string& vkey, bool json);

int RunProve(const AuditTarget& target, uint64_t entry, const std::filesystem::path& out);
int RunCheckProof(const std::string& vkey, const std::filesystem::path& entry,
                  const std::filesystem::path& proof, bool json);

}  // namespace souk::tools
