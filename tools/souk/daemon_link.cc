#include "tools/souk/daemon_link.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "protocol/base/file.h"
#include "protocol/text.h"
#include "tools/common/terminal.h"
#include "tools/souk/programs.h"

extern char** environ;  // NOLINT: POSIX names it so

namespace souk::tools {
namespace fs = std::filesystem;
namespace {

volatile std::sig_atomic_t interrupted = 0;

constexpr Duration kStartWait = Seconds(15);
constexpr Duration kMarketWait = Seconds(5);
// A daemon younger than this may not have met its peers yet.
constexpr Duration kYoung = Seconds(6);

// The last thing that a daemon said before it ended.
std::string LastLine(const fs::path& log) {
  const auto bytes = ReadFile(log, 1 << 20);
  if (!bytes) return "";
  std::string text(AsText(*bytes));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

// Detached: its own session, nothing of this terminal, its words in DIR/soukd.log.
Result<pid_t> StartDaemon(const fs::path& dir) {
  ASSIGN_OR_RETURN(const fs::path program, FindProgram("soukd"));
  const fs::path log = dir / "soukd.log";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  const std::string path = program.string();
  const std::string where = dir.string();
  const char* arguments[] = {path.c_str(), "run",    "--dir", where.c_str(),
                             "--roles",    "renter", nullptr};
  pid_t pid = 0;
  const int error = posix_spawn(&pid, path.c_str(), &actions, &attributes,
                                const_cast<char* const*>(arguments), environ);  // NOLINT
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  // What can fail here is opening the log; the program was found.
  if (error != 0)
    return ErrnoError("starting " + path + " with its words in " + log.string(), error);
  return pid;
}

Result<node::control::Client> StartAndConnect(const fs::path& dir) {
  ASSIGN_OR_RETURN(const pid_t pid, StartDaemon(dir));
  std::optional<node::control::Client> client;
  const auto ready = WaitUntil(kStartWait, Millis(20), [&]() -> Result<bool> {
    auto tried = node::control::Client::Connect(dir);
    if (tried) {
      client.emplace(std::move(*tried));
      return true;
    }
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) != pid) return false;
    const std::string last = LastLine(dir / "soukd.log");
    return Error(Code::kUnavailable,
                 last.empty() ? "soukd ended at once, and its log could not be written; run it to "
                                "see why: soukd run --roles renter --dir " +
                                    dir.string()
                              : last);
  });
  if (!ready) return ready.error();
  if (!*ready) {
    return Error(Code::kUnavailable,
                 "soukd was started but does not answer; see " + (dir / "soukd.log").string());
  }
  return std::move(*client);
}

}  // namespace

InterruptGuard::InterruptGuard() {
  Forget();
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one acts as it always does
  for (size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &before_[i]);
    // nohup and shells in the background ignore some; what was ignored stays so.
    if (before_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
}

InterruptGuard::~InterruptGuard() {
  for (size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
  Forget();
}

bool InterruptGuard::Interrupted() {
  return interrupted != 0;
}

void InterruptGuard::Forget() {
  interrupted = 0;
}

Result<bool> WaitUntil(Duration at_most, Duration pause,
                       const std::function<Result<bool>()>& look) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(at_most.ms);
  while (true) {
    ASSIGN_OR_RETURN(const bool done, look());
    if (done) return true;
    if (InterruptGuard::Interrupted()) return Error(Code::kExhausted, "interrupted");
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(pause.ms));
  }
}

Result<DaemonLink> DaemonLink::Connect(const fs::path& dir) {
  ASSIGN_OR_RETURN(auto client, node::control::Client::Connect(dir));
  return DaemonLink(std::move(client), dir);
}

Result<DaemonLink> DaemonLink::Reach(const Common& common, bool for_market) {
  ASSIGN_OR_RETURN(const node::NodeDir dir, node::FindNodeDir(common.dir));
  auto client = node::control::Client::Connect(dir.path);
  if (!client) {
    ASSIGN_OR_RETURN(const bool lives_there, node::HasIdentity(dir));
    if (!lives_there) {
      return Error(Code::kNotFound, "there is no identity in " + dir.path.string() +
                                        ": make one with souk init, or name another --dir");
    }
    // Started as a renter, a provider's node would hold its ledger and provide nothing.
    ASSIGN_OR_RETURN(const node::Config config, node::LoadConfig(dir.config(), PeerId{}));
    if (!config.renter) {
      return Error(Code::kUnavailable, "no daemon runs on " + dir.path.string() +
                                           ", which is no renter; start it: soukd run --dir " +
                                           dir.path.string());
    }
    client = StartAndConnect(dir.path);
  }
  if (!client) return client.error();
  DaemonLink link(std::move(*client), dir.path);
  if (for_market) link.WaitForMarket();
  return link;
}

void DaemonLink::WaitForMarket() {
  (void)WaitUntil(kMarketWait, Millis(50), [&]() -> Result<bool> {
    ASSIGN_OR_RETURN(const Json status, Ask({{"do", "status"}}));
    if (NumberAt(status, "uptime_in_ms") >= kYoung.ms) return true;
    bool connected = true;
    for (const Json& peer : status["bootstrap"]) connected = connected && FlagAt(peer, "connected");
    return connected && NumberAt(status, "offers_known") > 0 && !status.contains("may_sign_why");
  });
}

Result<Json> DaemonLink::Ask(const Json& request, Duration timeout) {
  auto answer = client_.Call(nlohmann::json(request), timeout);
  if (!answer) return answer.error();
  answer->erase("ok");
  return Json(*answer);
}

namespace {

Result<Json> FindRow(const Json& rows, const std::string& prefix, const char* what,
                     const char* command) {
  std::vector<Digest> ids;
  for (const Json& row : rows) {
    ASSIGN_OR_RETURN(const Digest id, Digest::Parse(TextAt(row, "id")));
    ids.push_back(id);
  }
  const auto id = ResolveId(prefix, ids);
  if (!id && id.error().code == Code::kNotFound) {
    return Error(Code::kNotFound,
                 fmt::format("there is no {} {}; see: souk {}", what, prefix, command));
  }
  if (!id) return id.error();
  for (const Json& row : rows) {
    if (TextAt(row, "id") == id->Hex()) return row;
  }
  return Error(Code::kNotFound, fmt::format("there is no {} {}", what, prefix));
}

Result<Json> OnlyRow(const Result<Json>& answer, const char* list) {
  if (!answer) return answer.error();
  if (!answer->contains(list) || (*answer)[list].empty()) {
    return Error(Code::kNotFound, "the daemon does not know it any more");
  }
  return (*answer)[list][0];
}

}  // namespace

Result<Json> DaemonLink::FindLease(const std::string& prefix) {
  ASSIGN_OR_RETURN(const Json all, Ask({{"do", "leases"}}));
  return FindRow(all["leases"], prefix, "lease", "leases");
}

Result<Json> DaemonLink::FindJob(const std::string& prefix) {
  ASSIGN_OR_RETURN(const Json all, Ask({{"do", "jobs"}}));
  return FindRow(all["jobs"], prefix, "job", "jobs");
}

Result<Json> DaemonLink::LeaseById(const std::string& id) {
  return OnlyRow(Ask({{"do", "leases"}, {"id", id}}), "leases");
}

Result<Json> DaemonLink::WatchLease(const std::string& id, const std::string& phase,
                                    Duration within) {
  const Json request = {{"do", "watch"}, {"id", id}, {"phase", phase}, {"within_in_ms", within.ms}};
  return OnlyRow(Ask(request, within + Seconds(15)), "leases");
}

Result<Json> DaemonLink::JobById(const std::string& id) {
  return OnlyRow(Ask({{"do", "jobs"}, {"id", id}}), "jobs");
}

std::string TextAt(const Json& json, const char* key) {
  const auto at = json.find(key);
  return at == json.end() || !at->is_string() ? std::string() : at->get<std::string>();
}

int64_t NumberAt(const Json& json, const char* key) {
  const auto at = json.find(key);
  return at == json.end() || !at->is_number() ? 0 : at->get<int64_t>();
}

bool FlagAt(const Json& json, const char* key) {
  const auto at = json.find(key);
  return at != json.end() && at->is_boolean() && at->get<bool>();
}

std::vector<std::string> ShortIdsOf(const Json& rows) {
  std::vector<Digest> ids;
  for (const Json& row : rows) ids.push_back(Digest::Parse(TextAt(row, "id")).value_or(Digest{}));
  return ShortIds(ids);
}

std::string ShortIdOf(const Json& row, const Json& rows) {
  std::vector<Digest> ids;
  for (const Json& one : rows) ids.push_back(Digest::Parse(TextAt(one, "id")).value_or(Digest{}));
  return ShortId(Digest::Parse(TextAt(row, "id")).value_or(Digest{}), ids);
}

}  // namespace souk::tools
