#include "node/daemon.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "ledger/log/rocksdb_ledger.h"
#include "node/address.h"
#include "node/blob_store.h"
#include "node/http/log_server.h"
#include "node/loop.h"
#include "protocol/base/file.h"
#include "protocol/base/processors.h"
#include "protocol/text.h"

namespace souk::node {
namespace {

constexpr size_t kPoolCapacity = 1024;
// Of the machine's cores some are for kernels, the loop and libzmq.
constexpr size_t kMostPoolThreads = 8;

std::string FirstOutsideAddress() {
  std::string found = "127.0.0.1";
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return found;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    const bool up = (one->ifa_flags & IFF_UP) != 0 && (one->ifa_flags & IFF_LOOPBACK) == 0;
    if (!up || one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    char text[INET_ADDRSTRLEN] = {};
    const auto* address = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
    if (::inet_ntop(AF_INET, &address->sin_addr, text, sizeof(text)) == nullptr) continue;
    found = text;
    break;
  }
  ::freeifaddrs(all);
  return found;
}

// Threads that are started from here on leave these to the loop; so do workers, which a Ctrl-C in
// the daemon's terminal must not end.
void BlockSignals() {
  sigset_t ours;
  ::sigemptyset(&ours);
  ::sigaddset(&ours, SIGTERM);
  ::sigaddset(&ours, SIGINT);
  (void)::pthread_sigmask(SIG_BLOCK, &ours, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

void RaiseFileLimit() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

Status ApplyRoles(const Roles& roles, Config& config) {
  const auto missing = [](const char* role) {
    return Error(Code::kInvalidArgument, std::string("this node is not configured as ") + role +
                                             ": set [" + role + "] enabled = true in config.toml");
  };
  if (roles.provider && !config.provider.enabled) return missing("provider");
  if (roles.clearing && !config.clearing) return missing("clearing");
  config.provider.enabled = roles.provider;
  config.clearing = roles.clearing;
  if (roles.witness && !config.witness) return missing("witness");
  config.renter = roles.renter;
  if (roles.mirror && !config.mirror.enabled()) {
    return Error(Code::kInvalidArgument,
                 "this node is not configured as mirror: say whose, [mirror] of in config.toml");
  }
  config.witness = roles.witness;
  if (!roles.mirror) config.mirror = {};
  return Ok();
}

JailGrade ToWire(gpu::JailGrade grade) {
  switch (grade) {
    case gpu::JailGrade::kNone:
    case gpu::JailGrade::kSeccomp:
      return JailGrade::kNone;
    case gpu::JailGrade::kLandlock:
      return JailGrade::kLandlock;
    case gpu::JailGrade::kNamespaces:
      return JailGrade::kNamespaces;
  }
  std::abort();
}

// CUDA's version from the newest PTX that its driver takes: 9.0 came with 13.0, 8.x with 12.x, 7.x
// with 11.x (PTX ISA, "Release Notes").
uint32_t CudaVersionOf(const gpu::DeviceInfo& info) {
  if (info.kind != "cuda" || info.newest_ptx < 70) return 0;
  return (info.newest_ptx / 10 + 4) * 1000 + info.newest_ptx % 10 * 10;
}

DeviceForRent ForRent(const FoundDevice& device) {
  return {.uuid = device.info.uuid,
          .kind = device.info.kind,
          .model = device.info.name,
          .architecture = device.info.architecture,
          .memory_bytes = device.info.memory_bytes,
          .driver = device.info.driver,
          .cuda_version = CudaVersionOf(device.info),
          .newest_ptx = device.info.newest_ptx,
          .slices = 1};
}

std::filesystem::path WorkerProgram() {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  std::filesystem::path beside = self.parent_path() / "souk-worker";
  if (std::filesystem::exists(beside)) return beside;
  return "/usr/libexec/souk/souk-worker";
}

Settings MakeSettings(const Config& config, const Digest& successor) {
  Settings settings;
  settings.name = config.name;
  settings.successor = successor;
  settings.bootstrap = config.bootstrap;
  settings.clearing.enabled = config.clearing;
  settings.renter.enabled = config.renter;
  settings.trusted_verifiers = config.trusted_verifiers;
  settings.witness.enabled = config.witness;
  settings.mirror = config.mirror;
  settings.log.everyone = config.log_everyone;
  settings.log.readers = config.log_readers;
  settings.log.witnesses = config.log_witnesses;
  settings.log.quorum = config.log_quorum;
  const ProviderConfig& from = config.provider;
  ProviderSettings& to = settings.provider;
  to.enabled = from.enabled;
  to.price = from.price;
  to.hold_price = from.hold_price;
  to.hold_fee = from.hold_fee;
  to.grace = from.grace;
  to.notice = from.notice;
  to.longest_interval = from.longest_interval;
  to.min_duration = from.min_duration;
  to.max_duration = from.max_duration;
  to.offer_life = from.offer_life;
  to.region = from.region;
  to.clearing_peers = from.clearing_peers;
  to.lease_bytes = from.lease_bytes;
  return settings;
}

// The mirror's database with what it holds: closed last.
class Mirror {
 public:
  static Result<std::unique_ptr<Mirror>> Open(const std::filesystem::path& dir) {
    RETURN_IF_ERROR(MakePrivateFolder(dir));
    std::unique_ptr<Mirror> mirror(new Mirror);
    ASSIGN_OR_RETURN(mirror->store_, ledger::OpenRocksDb(dir, ledger::OpenMode::kCreate,
                                                         ledger::FileChecks::kNone));
    ASSIGN_OR_RETURN(ledger::Mirrors mirrors, ledger::Mirrors::Open(*mirror->store_));
    mirror->mirrors_ = std::make_unique<ledger::Mirrors>(std::move(mirrors));
    return mirror;
  }
  ledger::Mirrors& mirrors() { return *mirrors_; }

 private:
  Mirror() = default;
  std::unique_ptr<ledger::Store> store_ = {};
  std::unique_ptr<ledger::Mirrors> mirrors_ = {};
};

// What the CPU reference device is to take, against what the machine has.
Status CheckFitsHere(uint64_t cpu_memory_bytes) {
  const long pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page <= 0) return Ok();
  const uint64_t here = static_cast<uint64_t>(pages) * static_cast<uint64_t>(page);
  if (cpu_memory_bytes <= here) return Ok();
  return Error(Code::kInvalidArgument,
               "config.toml offers cpu_memory = \"" + FormatSize(cpu_memory_bytes) +
                   "\", and this machine has " + std::to_string(here >> 20) + " MiB");
}

// Opens the jail and the devices; the settings learn what there is.
Result<std::unique_ptr<JailedWorkshop>> OpenWorkshop(const DaemonOptions& options,
                                                     const ProviderConfig& config,
                                                     ProviderSettings& settings) {
  WorkshopOptions how;
  how.dir = options.dir.path;
  how.program = WorkerProgram();
  how.allow_weak_jail = config.allow_weak_jail;
  how.cpu_memory_bytes = config.cpu_memory_bytes;
  how.cpu_threads = config.cpu_threads;
  ASSIGN_OR_RETURN(auto workshop, JailedWorkshop::Open(how));
  settings.jail = ToWire(workshop->jail().grade);
  for (const std::string& wanted : config.devices) {
    if (wanted == "cpu") RETURN_IF_ERROR(CheckFitsHere(config.cpu_memory_bytes));
    ASSIGN_OR_RETURN(const auto found, workshop->FindDevices(wanted));
    for (const FoundDevice& device : found) {
      if (wanted == "auto" && device.name == "cpu") {
        RETURN_IF_ERROR(CheckFitsHere(config.cpu_memory_bytes));
      }
      settings.devices.push_back(ForRent(device));
    }
  }
  for (const std::string& note : workshop->device_notes()) {
    std::fprintf(stderr, "soukd: %s\n", note.c_str());
  }
  return workshop;
}

// A newer soukd went on with this ledger: what it decided this one would misjudge.
Status KnowsItsRules(const ledger::LogReader& log) {
  if (log.size() == 0) return Ok();
  ASSIGN_OR_RETURN(const Bytes newest, log.Entry(log.size() - 1));
  const uint32_t rules = RulesOfLeaf(newest);
  if (rules <= kRulesVersion) return Ok();
  return Error(
      Code::kUnsupported,
      fmt::format("the ledger goes on by rules version {}, and this soukd knows versions up "
                  "to {}: start the soukd that wrote it, or a newer one. Nothing was changed",
                  rules, kRulesVersion));
}

Status RestoreAgent(const ledger::Ledger& ledger, const ledger::Log& log, Agent& agent) {
  RETURN_IF_ERROR(log.reader().ForEach(
      0, [&](uint64_t index, ByteView leaf) { return agent.Restore(index, leaf); }));
  const Bytes begin = {Runner::kFactPrefix}, end = {Runner::kFactPrefix + 1};
  return ledger.store().Scan(begin, end, [&](ByteView key, ByteView value) {
    agent.RestoreFact(AsText(key.subspan(1)), value);
    return true;
  });
}

size_t PoolThreads() {
  return std::clamp<size_t>(UsableProcessors() / 2, 1, kMostPoolThreads);
}

Running Describe(const Agent& agent) {
  const std::vector<std::string>& endpoints = agent.settings().endpoints;
  const PeerId& id = agent.identity().id();
  return {agent.settings().name,
          endpoints.empty()
              ? id.ToString()
              : FormatAddress({id, endpoints[0], agent.identity().Curve().public_key()})};
}

}  // namespace

Result<Roles> ParseRoles(std::string_view text) {
  Roles roles;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view word = text.substr(0, comma);
    if (word == "provider") {
      roles.provider = true;
    } else if (word == "renter") {
      roles.renter = true;
    } else if (word == "clearing") {
      roles.clearing = true;
    } else if (word == "witness") {
      roles.witness = true;
    } else if (word == "mirror") {
      roles.mirror = true;
    } else {
      return Error(Code::kInvalidArgument,
                   "there is no role \"" + std::string(word) +
                       "\"; the roles are provider, renter, clearing, witness and mirror");
    }
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  if (!roles.provider && !roles.renter && !roles.clearing && !roles.witness && !roles.mirror) {
    return Error(Code::kInvalidArgument,
                 "name a role: provider, renter, clearing, witness or mirror");
  }
  return roles;
}

std::vector<std::string> AdvertisedEndpoints(const Config& config, const std::string& listening) {
  if (!config.advertise.empty()) return config.advertise;
  if (listening.empty()) return {};
  const size_t colon = listening.rfind(':');
  const std::string host = listening.substr(6, colon - 6), port = listening.substr(colon);
  if (host != "0.0.0.0" && host != "*" && host != "[::]") return {listening};
  return {"tcp://" + FirstOutsideAddress() + port};
}

Status RunDaemon(const DaemonOptions& options, const std::function<void(const Running&)>& running) {
  BlockSignals();
  RaiseFileLimit();
  ASSIGN_OR_RETURN(const Identity identity, LoadIdentity(options.dir));
  ASSIGN_OR_RETURN(const Digest successor, IdentityFile::SuccessorDigest(options.dir.identity()));
  ASSIGN_OR_RETURN(Config config, LoadConfig(options.dir.config(), identity.id()));
  if (options.roles) RETURN_IF_ERROR(ApplyRoles(*options.roles, config));
  if (!config.provider.enabled && !config.renter && !config.clearing && !config.witness &&
      !config.mirror.enabled()) {
    return Error(Code::kInvalidArgument,
                 options.dir.config().string() +
                     ": no role is enabled: provider, renter, clearing, witness or mirror");
  }

  ASSIGN_OR_RETURN(
      const auto ledger,
      ledger::Ledger::Open(options.dir.path, LogSigner(identity),
                           {.alone = options.alone, .made = true, .fits = KnowsItsRules}));
  ledger::Log& log = ledger->log();

  Settings settings = MakeSettings(config, successor);
  std::unique_ptr<JailedWorkshop> workshop;
  if (config.provider.enabled) {
    ASSIGN_OR_RETURN(workshop, OpenWorkshop(options, config.provider, settings.provider));
  }
  ASSIGN_OR_RETURN(const auto blobs, FileBlobStore::Open(options.dir.path, log));
  std::unique_ptr<Mirror> mirror;
  if (config.mirror.enabled()) {
    ASSIGN_OR_RETURN(mirror, Mirror::Open(options.dir.mirror()));
    blobs->SetMirrors(&mirror->mirrors());
  }
  const CurveKeyPair curve = identity.Curve();
  auto opened = Transport::Open(curve, {.listen = config.listen});
  if (!opened) {
    return Error(opened.error().code,
                 opened.error().message + "; set another [node] listen in config.toml");
  }
  const auto transport = std::move(*opened);
  settings.endpoints = AdvertisedEndpoints(config, transport->listening());
  const bool only_asked_to_rent = options.roles && !options.roles->provider &&
                                  !options.roles->clearing && !options.roles->witness &&
                                  !options.roles->mirror;
  std::unique_ptr<LogServer> log_server;
  if (!config.log_http.empty() && !only_asked_to_rent) {
    ASSIGN_OR_RETURN(log_server,
                     LogServer::Open({.listen = config.log_http,
                                      .vkey = LogSigner(identity).Verifier().ToVkey(),
                                      .readers = {config.log_everyone, config.log_readers}}));
    settings.log.url = log_server->url();
  }

  Agent agent(identity, settings, *blobs);
  RETURN_IF_ERROR(RestoreAgent(*ledger, log, agent));
  VerifyPool pool(PoolThreads(), kPoolCapacity);
  NoWorkshop no_jobs;
  FileOpeningChecker checker(options.dir.path);
  Loop* loop = nullptr;
  Workshop& shop = workshop ? static_cast<Workshop&>(*workshop) : no_jobs;
  Runner runner({agent, log, ledger->store(), *transport, shop, *blobs, checker,
                 mirror ? &mirror->mirrors() : nullptr},
                [&](const CommandAnswer& answer) { loop->OnAnswer(answer); });
  const control::Facts facts = {
      .agent = agent,
      .log = log,
      .runner = runner,
      .blobs = *blobs,
      .dir = options.dir.path,
      .listening = transport->listening(),
      .log_url = settings.log.url,
      .started = ReadClocks().wall,
      .jail = workshop ? gpu::JailGradeName(workshop->jail().grade) : "",
      .jail_why = workshop ? workshop->jail().why_not_stronger : "",
      .device_notes = workshop ? workshop->device_notes() : std::vector<std::string>()};
  ASSIGN_OR_RETURN(const auto control, control::Server::Open(facts));
  Loop turns(
      {agent, runner, *transport, pool, workshop.get(), *control, checker, log, log_server.get(),
       mirror ? &mirror->mirrors() : nullptr, options.dir.path / ledger::kCosignedFile},
      only_asked_to_rent);
  loop = &turns;
  running(Describe(agent));
  return turns.Run(agent.Begin(ReadClocks(), log.confirmed()));
}

}  // namespace souk::node
