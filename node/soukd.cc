// soukd: the node daemon, and its operator's commands.
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "node/address.h"
#include "node/control/client.h"
#include "node/daemon.h"
#include "node/version.h"
#include "protocol/text.h"

namespace souk::node {
namespace {

using nlohmann::json;

// What every command takes.
struct Common {
  std::string dir = {};
  bool as_json = false;
};

struct InitArguments {
  std::string roles = "renter";
  std::string name = {};
  std::string listen = {};
  std::vector<std::string> advertise = {};
  std::vector<std::string> bootstrap = {};
  std::vector<std::string> clearing = {};
  std::vector<std::string> devices = {"auto"};
  std::string price = {};
  std::string region = "ZZ";
  bool allow_weak_jail = false;
};

// ---- init ------------------------------------------------------------------------------------

template <typename T, typename Parse>
Status ParseAll(const std::vector<std::string>& texts, const char* option, const Parse& parse,
                std::vector<T>& out) {
  for (const std::string& text : texts) {
    auto value = parse(text);
    if (!value) return value.error().Within(option);
    out.push_back(std::move(*value));
  }
  return Ok();
}

Result<Config> MakeConfig(const InitArguments& arguments) {
  Config config;
  ASSIGN_OR_RETURN(const Roles roles, ParseRoles(arguments.roles));
  config.renter = roles.renter;
  config.clearing = roles.clearing;
  config.provider.enabled = roles.provider;
  config.name = arguments.name;
  if (config.name.empty()) {
    char host[65] = {};
    config.name = ::gethostname(host, sizeof(host) - 1) == 0 && host[0] != '\0' ? host : "souk";
  }
  const bool reachable = roles.provider || roles.clearing;
  const std::string listen =
      arguments.listen.empty() && reachable ? "0.0.0.0:7100" : arguments.listen;
  if (!listen.empty()) {
    const auto endpoint = ParseHostPort(listen, /*free_port=*/true);
    if (!endpoint) return endpoint.error().Within("--listen");
    config.listen = *endpoint;
  }
  const auto advertised = [](const std::string& text) { return ParseHostPort(text, false); };
  RETURN_IF_ERROR(ParseAll(arguments.advertise, "--advertise", advertised, config.advertise));
  RETURN_IF_ERROR(ParseAll(arguments.bootstrap, "--bootstrap", ParseAddress, config.bootstrap));
  RETURN_IF_ERROR(
      ParseAll(arguments.clearing, "--clearing", PeerId::Parse, config.provider.clearing_peers));
  config.provider.devices = arguments.devices;
  config.provider.region = arguments.region;
  config.provider.allow_weak_jail = arguments.allow_weak_jail;
  const auto price = ParseRate(arguments.price.empty() ? "0.10" : arguments.price);
  if (!price) return price.error().Within("--price");
  config.provider.price = *price;
  return config;
}

Status Init(const Common& common, const InitArguments& arguments) {
  ASSIGN_OR_RETURN(const NodeDir dir, FindNodeDir(common.dir));
  ASSIGN_OR_RETURN(const Config config, MakeConfig(arguments));
  const char* passphrase = std::getenv("SOUK_PASSPHRASE");
  ASSIGN_OR_RETURN(const Identity identity,
                   InitNodeDir(dir, config, passphrase == nullptr ? "" : passphrase));
  if (common.as_json) {
    std::cout << json{{"id", identity.id().ToString()},
                      {"name", config.name},
                      {"dir", dir.path.string()},
                      {"curve", ToHex(identity.Curve().public_key().view())}}
                     .dump(2)
              << "\n";
    return Ok();
  }
  fmt::print("{} is {}\n", config.name, identity.id().ToString());
  fmt::print("  {} says what it does\n", dir.config().string());
  fmt::print("  {} is the only key that can replace the identity: move it off this machine\n",
             dir.successor().string());
  fmt::print("Next: soukd run --dir {}\n", dir.path.string());
  return Ok();
}

// ---- run -------------------------------------------------------------------------------------

// systemd's readiness protocol (sd_notify(3)): one datagram to $NOTIFY_SOCKET.
void NotifyReady() {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(path);
  if (length >= sizeof(address.sun_path)) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const std::string ready = "READY=1";
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  (void)::sendto(fd, ready.data(), ready.size(), MSG_NOSIGNAL,
                 reinterpret_cast<const sockaddr*>(&address), size);
  ::close(fd);
}

Status Run(const Common& common, bool alone, const std::string& roles) {
  DaemonOptions options;
  ASSIGN_OR_RETURN(options.dir, FindNodeDir(common.dir));
  options.alone = alone;
  if (!roles.empty()) {
    const auto parsed = ParseRoles(roles);
    if (!parsed) return parsed.error().Within("--roles");
    options.roles = *parsed;
  }
  return RunDaemon(options, [&](const Running& running) {
    if (common.as_json) {
      std::cout << json{{"name", running.name}, {"address", running.address}}.dump() << std::endl;
    } else {
      std::cout << running.name << " is running: " << running.address << std::endl;
    }
    NotifyReady();
  });
}

// ---- Commands to a running daemon ------------------------------------------------------------

Result<json> Ask(const Common& common, const json& request) {
  ASSIGN_OR_RETURN(const NodeDir dir, FindNodeDir(common.dir));
  ASSIGN_OR_RETURN(auto client, control::Client::Connect(dir.path));
  return client.Call(request);
}

// With --json the whole answer, else `text` of it.
template <typename Text>
Status Tell(const Common& common, const json& request, const Text& text) {
  ASSIGN_OR_RETURN(const json answer, Ask(common, request));
  if (common.as_json) {
    std::cout << answer.dump(2) << "\n";
  } else {
    fmt::print("{}", text(answer));
  }
  return Ok();
}

std::string StatusText(const json& status) {
  std::string roles;
  for (const json& role : status["roles"]) {
    roles += (roles.empty() ? "" : ", ") + role.get<std::string>();
  }
  std::string out =
      fmt::format("{}  up {}  log {}  peers {}  {}{}\n", status["name"].get<std::string>(),
                  RoughDuration(Millis(status["uptime_in_ms"].get<int64_t>())),
                  status["log_entries"].get<uint64_t>(), status["peers_connected"].get<uint64_t>(),
                  roles, status["draining"].get<bool>() ? ", draining" : "");
  if (status.contains("may_sign_why"))
    out += "! " + status["may_sign_why"].get<std::string>() + "\n";
  for (const json& peer : status["bootstrap"]) {
    if (peer["connected"].get<bool>()) continue;
    out += "! " + peer["endpoint"].get<std::string>() + " does not answer\n";
  }
  if (status.contains("jail")) {
    const json& jail = status["jail"];
    out += "jail " + jail["grade"].get<std::string>();
    out += jail.contains("why") ? " (" + jail["why"].get<std::string>() + ")\n" : "\n";
  }
  for (const json& device : status["devices"]) {
    const json& leases = device["leases"];
    out += fmt::format(
        "{}  {}  {}  {} cr/h{}\n", device["uuid"].get<std::string>(),
        device["model"].get<std::string>(), device["state"].get<std::string>(),
        FormatRate({device["price_micro"].get<int64_t>()}),
        leases.empty() ? "" : "  lease " + leases[0]["id"].get<std::string>().substr(0, 8));
  }
  out += fmt::format("earned {} cr, owed {} cr, spent {} cr\n",
                     FormatCredits({status["earned_micro"].get<int64_t>()}),
                     FormatCredits({status["owed_micro"].get<int64_t>()}),
                     FormatCredits({status["spent_micro"].get<int64_t>()}));
  return out;
}

std::string IdText(const json& id) {
  std::string out = id["name"].get<std::string>() + "  " + id["id"].get<std::string>() + "\n";
  for (const json& address : id["addresses"])
    out += "  address  " + address.get<std::string>() + "\n";
  for (const json& account : id["accounts"]) {
    out += "  account  " + account["account"].get<std::string>() + " in the book of " +
           account["book_name"].get<std::string>() + "\n";
  }
  return out + "  vkey     " + id["vkey"].get<std::string>() + "\n";
}

Status Issue(const Common& common, const std::string& account, const std::string& amount,
             const std::string& reference) {
  const auto credits = ParseCredits(amount);
  if (!credits) return credits.error().Within("AMOUNT");
  const json request = {{"do", "issue"},
                        {"account", account},
                        {"amount_micro", credits->micro},
                        {"reference", reference}};
  return Tell(common, request, [&](const json&) {
    return fmt::format("issued {} cr to {}\n", FormatCredits(*credits), account);
  });
}

// ---- The command line ------------------------------------------------------------------------

void AddCommon(CLI::App* command, Common& common) {
  command->add_option("--dir", common.dir, "The node's directory ($SOUK_DIR)")->type_name("DIR");
  command->add_flag("--json", common.as_json, "Print one JSON document");
}

struct CommandLine {
  CLI::App app{"The Souk node: provides, rents and clears.", "soukd"};
  Common common = {};
  InitArguments init = {};
  bool alone = false;
  std::string roles = {}, account = {}, amount = {}, reference = {};

  CommandLine() {
    app.require_subcommand(1);
    app.set_version_flag("--version", std::string("soukd ") + kSoukVersion);
    AddInit();
    CLI::App* run = Add("run", "Run this node until it is told to stop");
    run->add_flag("--alone", alone,
                  "Sign without a counterparty's word that this log is the newest");
    run->add_option("--roles", roles, "Only these: provider,renter,clearing");
    Add("status", "What this node is doing");
    Add("id", "This node's names and addresses");
    Add("drain", "Take no new leases; running ones go on");
    Add("resume", "Take leases again");
    Add("stop", "Stop the daemon; workers go on and are found again");
    CLI::App* issue = Add("issue", "Put credits into an account of this node's book");
    issue->add_option("account", account, "souk1…, as the owner's `souk id` prints it")->required();
    issue->add_option("amount", amount, "Credits")->required();
    issue->add_option("--reference", reference, "What was paid outside; works once")->required();
  }

  CLI::App* Add(const char* name, const char* what) {
    CLI::App* command = app.add_subcommand(name, what);
    AddCommon(command, common);
    return command;
  }

  void AddInit() {
    CLI::App* command = Add("init", "Make a node's directory: identity and config.toml");
    command->add_option("--roles", init.roles, "provider,renter,clearing")->capture_default_str();
    command->add_option("--name", init.name, "What others see; the host's name without it");
    command->add_option("--listen", init.listen,
                        "HOST:PORT; port 0 takes a free one at each start");
    command->add_option("--advertise", init.advertise, "HOST:PORT as others reach it");
    command->add_option("--bootstrap", init.bootstrap, "Address lines of peers to ask first");
    command->add_option("--clearing", init.clearing, "In whose books this provider may be paid");
    command->add_option("--device", init.devices, "auto, cpu, cuda:0")->capture_default_str();
    command->add_option("--price", init.price, "Credits per slice and hour; 0.10 without it");
    command->add_option("--region", init.region, "ISO 3166, two letters")->capture_default_str();
    command->add_flag("--allow-weak-jail", init.allow_weak_jail,
                      "Rent a GPU out although this machine refuses namespaces");
  }
};

Status Dispatch(const CommandLine& line) {
  const std::string what = line.app.get_subcommands().front()->get_name();
  const Common& common = line.common;
  if (what == "init") return Init(common, line.init);
  if (what == "run") return Run(common, line.alone, line.roles);
  if (what == "issue") return Issue(common, line.account, line.amount, line.reference);
  const json request = {{"do", what}};
  if (what == "status") return Tell(common, request, StatusText);
  if (what == "id") return Tell(common, request, IdText);
  return Tell(common, request, [&](const json&) -> std::string {
    if (what == "drain") return "takes no new leases; running ones go on\n";
    if (what == "resume") return "takes leases\n";
    return "stopping\n";
  });
}

int Main(int argc, char** argv) {
  CommandLine line;
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 has codes of its own; misuse is 2 everywhere in Souk.
    return line.app.exit(error, std::cout, std::cerr) == 0 ? 0 : 2;
  }
  const Status done = Dispatch(line);
  if (done) return 0;
  std::cerr << "soukd: " << done.error().message << "\n";
  return 1;
}

}  // namespace
}  // namespace souk::node

int main(int argc, char** argv) {
  return souk::node::Main(argc, argv);
}
