// souk's end of the daemon: finds it, or starts it for renting, and asks it.
#pragma once

#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

#include "node/control/client.h"
#include "node/node_dir.h"
#include "tools/common/json.h"
#include "tools/souk/commands.h"

namespace souk::tools {

class DaemonLink {
 public:
  // Connects; where no daemon runs, starts `soukd run --roles renter` detached and waits for it.
  // Errors say what to do. `for_market` waits a moment for peers and offers where the daemon is
  // young, so that the first answer is not an empty one.
  static Result<DaemonLink> Reach(const Common& common, bool for_market = false);
  // The same where the directory is known and a daemon must run already.
  static Result<DaemonLink> Connect(const std::filesystem::path& dir);

  Result<Json> Ask(const Json& request, Duration timeout = Seconds(15));
  const std::filesystem::path& dir() const { return dir_; }

  // The one lease or job whose id begins so; the newest first in the lists that are searched.
  Result<Json> FindLease(const std::string& prefix);
  Result<Json> FindJob(const std::string& prefix);
  Result<Json> LeaseById(const std::string& id);
  // The lease as soon as its phase is not `phase` any more, or when `within` is over.
  Result<Json> WatchLease(const std::string& id, const std::string& phase, Duration within);
  Result<Json> JobById(const std::string& id);

 private:
  DaemonLink(node::control::Client client, std::filesystem::path dir)
      : client_(std::move(client)), dir_(std::move(dir)) {}
  void WaitForMarket();

  node::control::Client client_;
  std::filesystem::path dir_;
};

// While one lives, Ctrl-C, SIGTERM and a closed terminal (SIGHUP) end what is being waited for
// instead of the program, so that a lease can be given back; a second one ends the program. One at
// a time.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  static bool Interrupted();
  // What follows is to be waited for again.
  static void Forget();

 private:
  static constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> before_ = {};
};

// Asks `look` every few milliseconds until it gives true or an error, or time is up (false).
// kExhausted, "interrupted", where an InterruptGuard heard so.
Result<bool> WaitUntil(Duration at_most, Duration pause, const std::function<Result<bool>()>& look);

// Fields that the protocol promises; a missing one is an error of the program, caught by main.
std::string TextAt(const Json& json, const char* key);
int64_t NumberAt(const Json& json, const char* key);  // 0 where it is absent
bool FlagAt(const Json& json, const char* key);       // false where it is absent

// The shortest unambiguous form of each row's "id".
std::vector<std::string> ShortIdsOf(const Json& rows);
std::string ShortIdOf(const Json& row, const Json& rows);

}  // namespace souk::tools
