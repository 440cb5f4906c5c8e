// souk doctor: what on this machine would stop a lease or a job, and what to do about it.
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

#include "gpu/cuda/gpu_list.h"
#include "gpu/cuda/open_device.h"
#include "gpu/ptx/nvrtc.h"
#include "gpu/worker/jail.h"
#include "node/control/client.h"
#include "node/node_dir.h"
#include "protocol/limits.h"
#include "protocol/text.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"
#include "tools/souk/commands.h"
#include "tools/souk/daemon_link.h"
#include "tools/souk/programs.h"

namespace souk::tools {
namespace {

// By then a daemon has met whoever lets it in.
constexpr Duration kSettled = Seconds(5);

struct Check {
  enum class Mark { kGood, kWarn, kBad };
  std::string name = {};
  Mark mark = Mark::kGood;
  std::string what = {};
};

Check Good(const char* name, std::string what) {
  return {name, Check::Mark::kGood, std::move(what)};
}
Check Warn(const char* name, std::string what) {
  return {name, Check::Mark::kWarn, std::move(what)};
}
Check Bad(const char* name, std::string what) {
  return {name, Check::Mark::kBad, std::move(what)};
}

Check CheckIdentity(const node::NodeDir& dir) {
  const auto lives_here = node::HasIdentity(dir);
  if (!lives_here) return Bad("identity", lives_here.error().message);
  if (!*lives_here) {
    return Bad("identity", "none in " + dir.path.string() + " → souk init");
  }
  const auto identity = node::LoadIdentity(dir);
  if (!identity) return Bad("identity", identity.error().message);
  return Good("identity", "keys 0600, " + identity->id().ToString().substr(0, 13) + "…");
}

// Wall clocks may differ by max_skew (R4); the kernel knows whether anything keeps this one right.
Check CheckClock() {
  struct timex state = {};
  const int result = ::adjtimex(&state);
  if (result == -1) return Warn("clock", "the kernel does not say whether it is synchronised");
  const double error_s = static_cast<double>(state.maxerror) / 1e6;
  const bool synchronised = result != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
  if (!synchronised) {
    return Warn("clock", fmt::format("nothing synchronises it; peers allow {} s → timedatectl",
                                     limits::kMaxSkew.ms / 1000));
  }
  return Good("clock", fmt::format("±{:.2f} s", error_s));
}

Check CheckJail() {
  const auto worker = FindProgram("souk-worker");
  if (!worker) return Warn("jail", worker.error().message);
  const auto jail = gpu::DetectJail(*worker);
  if (!jail) return Bad("jail", jail.error().message);
  if (jail->grade == gpu::JailGrade::kNamespaces) return Good("jail", "namespaces+seccomp");
  return Warn("jail",
              fmt::format("{} only: {}", gpu::JailGradeName(jail->grade), jail->why_not_stronger));
}

Check CheckNvrtc() {
  const auto version = ptx::NvrtcVersion();
  if (!version) {
    return Warn("nvrtc", "not found: .cu needs the CUDA Toolkit; PTX runs");
  }
  return Good("nvrtc", *version);
}

Check CheckGpu() {
  const auto devices = gpu::ListDevices();
  if (!devices) return Warn("gpu", devices.error().message);
  std::string list;
  for (const gpu::NamedDevice& device : *devices) {
    if (device.info.kind != "cuda") continue;
    list += fmt::format("{}{} ({}, driver {})", list.empty() ? "" : ", ", device.info.name,
                        FormatSize(device.info.memory_bytes), device.info.driver);
  }
  if (list.empty()) return Warn("gpu", "none: jobs run on the CPU reference device");
  return Good("gpu", list);
}

// "NVIDIA H200, 41 °C, 120 of 700 W, 1980 MHz".
std::string GpuState(const gpu::cuda::GpuRecord& gpu) {
  std::string text = gpu.name;
  if (gpu.health.celsius) text += fmt::format(", {} °C", *gpu.health.celsius);
  if (gpu.health.milliwatts && gpu.health.most_milliwatts) {
    text += fmt::format(", {} of {} W", *gpu.health.milliwatts / 1000,
                        *gpu.health.most_milliwatts / 1000);
  }
  if (gpu.health.sm_mhz) text += fmt::format(", {} MHz", *gpu.health.sm_mhz);
  if (gpu.mig) text += fmt::format(", {} MIG instances", gpu.instances.size());
  return text;
}

// One line for each GPU that NVML knows; none where there is no NVML.
std::vector<Check> CheckHealth() {
  const auto& nvml = gpu::cuda::SystemNvml();
  if (!nvml && nvml.error().code == Code::kNotFound) return {};
  if (!nvml) return {Warn("health", nvml.error().message)};
  const auto gpus = gpu::cuda::ReadInventory(*nvml);
  if (!gpus) return {Warn("health", gpus.error().message)};
  std::vector<Check> out;
  for (const gpu::cuda::GpuRecord& one : *gpus) {
    const std::string what = GpuState(one) + ": " + gpu::VerdictText(one.verdict);
    switch (one.verdict.fitness) {
      case gpu::cuda::Fitness::kFit:
        out.push_back(Good("health", what));
        break;
      case gpu::cuda::Fitness::kDegraded:
        out.push_back(Warn("health", what));
        break;
      case gpu::cuda::Fitness::kNotFit:
        out.push_back(Bad("health", what));
        break;
    }
  }
  return out;
}

Check CheckDisk(const node::NodeDir& dir) {
  std::error_code error;
  std::filesystem::path there = dir.path;
  while (!std::filesystem::exists(there, error) && there.has_parent_path() &&
         there != there.parent_path()) {
    there = there.parent_path();
  }
  struct statvfs state = {};
  if (::statvfs(there.c_str(), &state) != 0) return Bad("disk", "cannot be asked");
  if (::access(there.c_str(), W_OK) != 0) {
    return Bad("disk", there.string() + ": " + std::strerror(errno) +
                           " → make it writable for this user, or choose another with --dir");
  }
  const uint64_t free = static_cast<uint64_t>(state.f_bavail) * state.f_frsize;
  const std::string what = FormatSize(free) + " free in " + there.string();
  // A node stops at the first failed write, rather than lose an entry.
  if (free < (uint64_t{256} << 20)) return Bad("disk", what + ": a full disk stops the node");
  if (free < (uint64_t{2} << 30)) return Warn("disk", what);
  return Good("disk", what);
}

// Whether something accepts TCP connections there.
Status Reach(const std::string& endpoint) {
  const std::string rest = endpoint.substr(endpoint.find("//") + 2);
  const size_t colon = rest.rfind(':');
  if (colon == std::string::npos) return Error(Code::kMalformed, "no port");
  std::string host = rest.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), rest.substr(colon + 1).c_str(), &hints, &found) != 0) {
    return Error(Code::kNotFound, "unknown host");
  }
  Status status = Error(Code::kUnavailable, "no address");
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    const int fd = ::socket(one->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;
    int problem = ::connect(fd, one->ai_addr, one->ai_addrlen) == 0 ? 0 : errno;
    if (problem == EINPROGRESS) {
      pollfd wait = {fd, POLLOUT, 0};
      socklen_t size = sizeof(problem);
      problem = ETIMEDOUT;
      if (::poll(&wait, 1, 2000) == 1) ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size);
    }
    ::close(fd);
    if (problem == 0) {
      status = Ok();
      break;
    }
    status = Error(Code::kUnavailable, problem == ECONNREFUSED ? "refused"
                                       : problem == ETIMEDOUT  ? "does not answer"
                                                               : std::strerror(problem));
  }
  ::freeaddrinfo(found);
  return status;
}

// Why a daemon that has run for a while lacks a connection to this bootstrap peer, which answers:
// what it says, or another is there than the address says. Empty where it does not lack it.
std::string WhyNotLetIn(const Json& status, const node::PeerAddress& peer) {
  if (NumberAt(status, "uptime_in_ms") < kSettled.ms) return "";
  for (const Json& one : status["bootstrap"]) {
    if (TextAt(one, "peer") != peer.peer.ToString() || FlagAt(one, "connected")) continue;
    const std::string refused = TextAt(one, "refused");
    if (!refused.empty()) return "does not let this node in: " + refused;
    return "answers, but not as the peer of that address → compare the address with what `soukd "
           "run` prints there";
  }
  return "";
}

std::vector<Check> CheckPeers(const node::NodeDir& dir, const std::optional<Json>& status) {
  const auto identity = node::LoadIdentity(dir);
  if (!identity) return {};
  const auto config = node::LoadConfig(dir.config(), identity->id());
  if (!config) return {Bad("config", config.error().message)};
  std::vector<Check> out = {Good("config", dir.config().string())};
  if (config->bootstrap.empty() && config->listen.empty()) {
    out.push_back(Bad("peers",
                      "none to start from → souk init --bootstrap ADDRESS, or "
                      "bootstrap in config.toml"));
  }
  for (const node::PeerAddress& peer : config->bootstrap) {
    const std::string host = peer.endpoint.substr(peer.endpoint.find("//") + 2);
    const Status reached = Reach(peer.endpoint);
    const std::string why = reached && status ? WhyNotLetIn(*status, peer) : "";
    if (!why.empty()) {
      out.push_back(Bad("peers", fmt::format("{} {}", host, why)));
      continue;
    }
    out.push_back(reached ? Good("peers", host + " answers")
                          : Bad("peers", host + " " + reached.error().message +
                                             " → is it up? else bootstrap in config.toml"));
  }
  return out;
}

Check CheckDaemon(const node::NodeDir& dir) {
  auto client = node::control::Client::Connect(dir.path);
  if (!client) {
    const auto config = node::LoadConfig(dir.config(), PeerId{});
    if (config && !config->listen.empty() && Reach(config->listen)) {
      return Bad(
          "daemon",
          config->listen + " is taken by another program → another [node] listen in config.toml");
    }
    return Good("daemon", config && !config->renter
                              ? "not running → soukd run"
                              : "not running; souk starts it when it needs one");
  }
  const auto status = client->Call({{"do", "status"}});
  if (!status) return Bad("daemon", status.error().message);
  if (status->contains("log_ahead_in_ms")) {
    return Bad(
        "daemon",
        fmt::format(
            "the ledger's time is {} ahead of the clock, which was wrong once → wait "
            "until it gets there, or begin anew with another --dir",
            FormatDuration(Millis((*status)["log_ahead_in_ms"].get<int64_t>() / 1000 * 1000))));
  }
  if (status->contains("may_sign_why")) {
    return Warn("daemon", (*status)["may_sign_why"].get<std::string>());
  }
  return Good("daemon", fmt::format("running, {} peers, {} offers",
                                    (*status)["peers_connected"].get<uint64_t>(),
                                    (*status)["offers_known"].get<uint64_t>()));
}

const char* MarkName(Check::Mark mark) {
  switch (mark) {
    case Check::Mark::kGood:
      return "ok";
    case Check::Mark::kWarn:
      return "warning";
    case Check::Mark::kBad:
      return "problem";
  }
  return "?";
}

std::string MarkText(Check::Mark mark) {
  switch (mark) {
    case Check::Mark::kGood:
      return Styled(stdout, Style::kGood, "✓");
    case Check::Mark::kWarn:
      return Styled(stdout, Style::kWarn, "!");
    case Check::Mark::kBad:
      return Styled(stdout, Style::kBad, "✗");
  }
  return "?";
}

}  // namespace

int RunDoctor(const Common& common) {
  const auto dir = node::FindNodeDir(common.dir);
  if (!dir) return Fail(dir.error());
  std::vector<Check> checks = {CheckIdentity(*dir), CheckClock(), CheckJail(),
                               CheckNvrtc(),        CheckGpu(),   CheckDisk(*dir)};
  for (Check& check : CheckHealth()) checks.push_back(std::move(check));
  std::optional<Json> status;
  if (auto client = node::control::Client::Connect(dir->path)) {
    if (auto answer = client->Call({{"do", "status"}})) status = Json(*answer);
  }
  for (Check& check : CheckPeers(*dir, status)) checks.push_back(std::move(check));
  if (checks[0].mark == Check::Mark::kGood) checks.push_back(CheckDaemon(*dir));
  size_t problems = 0;
  Json list = Json::array();
  for (const Check& check : checks) {
    if (check.mark == Check::Mark::kBad) ++problems;
    if (common.json) {
      list.push_back({{"name", check.name}, {"mark", MarkName(check.mark)}, {"what", check.what}});
    } else {
      PrintFolded(fmt::format("{} {:<9} {}\n", MarkText(check.mark), check.name, check.what),
                  /*indent=*/12);
    }
  }
  if (common.json) {
    PrintJson({{"ok", problems == 0}, {"problems", problems}, {"checks", std::move(list)}});
  } else if (problems > 0) {
    Print(fmt::format("{} problem{}\n", problems, problems == 1 ? "" : "s"));
  }
  return problems == 0 ? kDone : kFailed;
}

}  // namespace souk::tools
