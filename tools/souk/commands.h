// What souk does, one function per command; main.cc reads the command line. Each returns the exit
// code.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace souk::tools {

// What every command takes.
struct Common {
  std::string dir = {};  // --dir; empty: $SOUK_DIR, else the default
  bool json = false;
};

// ---- without a market (init.cc, kernels.cc, run_local.cc, doctor.cc) --------------------------

struct InitOptions {
  std::string name = {};
  std::vector<std::string> bootstrap = {};
};
int RunInit(const Common& common, const InitOptions& options);
int RunId(const Common& common);
int RunDoctor(const Common& common);

struct CompileOptions {
  std::filesystem::path source = {};
  std::filesystem::path out = {};
  uint32_t arch = 75;
  bool fmad = true;
};
int RunCompile(const Common& common, const CompileOptions& options);
int RunInspect(const Common& common, const std::filesystem::path& file);

struct RunOptions {
  std::filesystem::path manifest = {};
  std::filesystem::path out = {};  // empty: results/<id>
  // --local
  bool local = false;
  std::string device = {};  // empty: auto
  bool check = false;
  bool profile = false;
  // On the market.
  // Empty: rent what is needed, and release it afterwards; else one, or one for each replica.
  std::vector<std::string> leases = {};
  std::string replicate = {};  // a policy (protocol/replication.h); empty: the manifest's
  std::string duration = {};   // empty: the manifest's
  std::string max_cost = {};
  std::string book = {};
  bool yes = false;
};
int RunRun(const Common& common, const RunOptions& options);
int RunLocally(const Common& common, const RunOptions& options);

// ---- on the market, through the daemon (market.cc, lease.cc, run_remote.cc, jobs.cc) ----------

int RunOffers(const Common& common, const std::string& query, size_t limit);
int RunWhy(const Common& common, const std::string& query);
// `out`: a folder for the proofs; empty: only listed.
int RunForks(const Common& common, const std::filesystem::path& out);

struct RentOptions {
  std::string query = {};  // or an offer's id, or a prefix of it
  std::string duration = {};
  std::string max_cost = {};
  std::string book = {};
  uint32_t slices = 1;
  bool yes = false;
  bool challenge = false;  // the device, as soon as the lease is metering
};
int RunRent(const Common& common, const RentOptions& options);
int RunLeaseList(const Common& common, const std::string& id, bool open);
int RunRelease(const Common& common, const std::string& id);

struct ChallengeOptions {
  std::vector<std::string> leases = {};
  uint32_t rows = 64;
  uint32_t size = 0;  // 0: by the device's model
};
int RunChallenge(const Common& common, const ChallengeOptions& options);
int RunChallengeList(const Common& common, const std::string& lease);
int RunBalance(const Common& common, const std::string& book);

int RunRemotely(const Common& common, const RunOptions& options);
int RunReplicaList(const Common& common, const std::string& round);
int RunJobs(const Common& common, const std::string& id);
int RunLogs(const Common& common, const std::string& id, bool follow);
struct FetchOptions {
  std::string job = {};
  std::filesystem::path out = {};
  bool evidence = false;
};
int RunFetch(const Common& common, const FetchOptions& options);

// ---- the whole market on this machine (demo.cc) -----------------------------------------------

struct DemoOptions {
  std::filesystem::path dir = {};       // empty: a new one under the temporary directory
  std::filesystem::path workload = {};  // empty: the digits beside the sources
};
int RunDemo(const Common& common, const DemoOptions& options);

}  // namespace souk::tools
