// soukd: the node daemon, and its operator's commands.
#include <fmt/core.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>

#include "node/address.h"
#include "node/control/client.h"
#include "node/daemon.h"
#include "node/rebuild.h"
#include "node/version.h"
#include "protocol/base/file.h"
#include "protocol/limits.h"
#include "protocol/plain_text.h"
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
  config.witness = roles.witness;
  if (roles.mirror) {
    return Error(Code::kInvalidArgument,
                 "--roles: say whose log is mirrored in config.toml, [mirror] of, after init");
  }
  // A book is public unless its keeper says otherwise (R3).
  config.log_everyone = roles.clearing;
  config.name = arguments.name;
  if (config.name.empty()) {
    char host[65] = {};
    config.name = ::gethostname(host, sizeof(host) - 1) == 0 && host[0] != '\0' ? host : "souk";
  }
  if (config.name.size() > limits::kNameBytes || !IsName(config.name)) {
    return Error(Code::kInvalidArgument, "--name: must be plain, visible text of 1 to 64 bytes");
  }
  const bool reachable = roles.provider || roles.clearing || roles.witness;
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

using Row = std::vector<std::string>;

// Two spaces apart, by characters; the first row holds the titles.
std::string Columns(const std::vector<Row>& rows) {
  const auto width = [](const std::string& text) {
    return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<uint8_t>(c) & 0xc0) != 0x80;  // the first byte of a character
    }));
  };
  Row::size_type columns = rows[0].size();
  std::vector<size_t> widths(columns, 0);
  for (const Row& row : rows) {
    for (size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < columns; ++i) {
      line += row[i] + std::string(widths[i] - width(row[i]) + 2, ' ');
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  return out;
}

// One row per lease; a device without one has a row as well.
std::vector<Row> DeviceRows(const json& devices) {
  const int64_t now = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  std::vector<Row> rows = {{"DEV", "GPU", "STATE", "LEASE", "CR/H", "ENDS"}};
  for (size_t i = 0; i < devices.size(); ++i) {
    const json& device = devices[i];
    const Row start = {std::to_string(i), device["model"].get<std::string>(),
                       device["state"].get<std::string>()};
    const std::string price = FormatRate({device["price_micro"].get<int64_t>()});
    const auto add = [&](const std::string& lease, const std::string& ends) {
      rows.push_back(start);
      rows.back().insert(rows.back().end(), {lease, price, ends});
    };
    for (const json& lease : device["leases"]) {
      const auto ends = lease.find("ends_ms");
      add(lease["id"].get<std::string>().substr(0, 8),
          ends == lease.end() ? "–" : RoughDuration(Millis(ends->get<int64_t>() - now)));
    }
    if (device["leases"].empty()) add("–", "–");
  }
  return rows;
}

std::string MirrorLine(const json& mirror) {
  const uint64_t behind = mirror["behind"].get<uint64_t>();
  std::string out = fmt::format("mirrors {}: {} entries, {} KiB", mirror["name"].get<std::string>(),
                                mirror["entries"].get<uint64_t>(),
                                (mirror["bytes"].get<uint64_t>() + 1023) / 1024);
  if (behind > 0) out += fmt::format(", {} behind", behind);
  const std::string trouble = mirror.value("trouble", "");
  return out + (trouble.empty() ? "" : " (" + trouble + ")") + "\n";
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
  if (const std::string url = status["log_url"]; !url.empty()) {
    out +=
        "log served at " + url + (status["log_open"].get<bool>() ? "\n" : " (checkpoint only)\n");
  }
  for (const json& mirror : status.value("mirrors", json::array())) out += MirrorLine(mirror);
  if (status.contains("log_ahead_in_ms")) {
    out += "! the ledger's time is " +
           RoughDuration(Millis(status["log_ahead_in_ms"].get<int64_t>())) +
           " ahead of the clock, which was wrong once: until the clock gets there others take "
           "nothing that this node signs\n";
  }
  if (status.contains("clock_why")) out += "! " + status["clock_why"].get<std::string>() + "\n";
  if (status.contains("may_sign_why"))
    out += "! " + status["may_sign_why"].get<std::string>() + "\n";
  for (const json& peer : status["bootstrap"]) {
    if (peer["connected"].get<bool>()) continue;
    out += "! " + peer["endpoint"].get<std::string>() +
           (peer.contains("refused")
                ? " does not let this node in: " + peer["refused"].get<std::string>()
                : " does not answer") +
           "\n";
  }
  if (status.contains("jail")) {
    const json& jail = status["jail"];
    out += "jail " + jail["grade"].get<std::string>();
    out += jail.contains("why") ? " (" + jail["why"].get<std::string>() + ")\n" : "\n";
  }
  for (const json& note : status.value("device_notes", json::array())) {
    out += "! " + note.get<std::string>() + "\n";
  }
  if (!status["devices"].empty()) out += Columns(DeviceRows(status["devices"]));
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
  out += "  vkey     " + id["vkey"].get<std::string>() + "\n";
  if (!id["witness_vkey"].is_null()) {
    out += "  witness  " + id["witness_vkey"].get<std::string>() + "\n";
  }
  return out;
}

Status Rebuild(const Common& common, const std::string& from) {
  ASSIGN_OR_RETURN(const NodeDir dir, FindNodeDir(common.dir));
  ASSIGN_OR_RETURN(const Identity identity, LoadIdentity(dir));
  const bool shown = !common.as_json && ::isatty(STDERR_FILENO) == 1;
  const auto progress = [&](uint64_t done, uint64_t total) {
    if (shown) fmt::print(stderr, "\r\x1b[K{} of {} entries", done, total);
  };
  const auto rebuilt = RebuildFrom(dir, identity, from, progress);
  if (shown) fmt::print(stderr, "\r\x1b[K");
  if (!rebuilt) return rebuilt.error();
  if (common.as_json) {
    std::cout << json{{"entries", rebuilt->entries},
                      {"signed_before", rebuilt->signed_before},
                      {"mirror_knew", rebuilt->mirror_knew}}
                     .dump(2)
              << "\n";
    return Ok();
  }
  fmt::print("{} entries are back, in the tree that this node signed", rebuilt->entries);
  if (rebuilt->signed_before > 0) {
    fmt::print("; it is known to have signed {}, and all of them are there",
               rebuilt->signed_before);
  }
  if (rebuilt->mirror_knew > 0) {
    fmt::print("; the mirror knows no checkpoint beyond {}", rebuilt->mirror_knew);
  }
  fmt::print("\nNext: soukd run --dir {}\n", dir.path.string());
  return Ok();
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
  std::string roles = {}, account = {}, amount = {}, reference = {}, from = {};

  CommandLine() {
    app.require_subcommand(1);
    app.set_version_flag("--version", std::string("soukd ") + kSoukVersion);
    AddInit();
    CLI::App* run = Add("run", "Run this node until it is told to stop");
    run->add_flag("--alone", alone, "Sign unasked whether this log is the newest");
    run->add_option("--roles", roles, "Only: provider,renter,clearing,witness,mirror");
    CLI::App* rebuild = Add("rebuild", "Make the ledger again from a copy of its log");
    rebuild->add_option("--from", from, "A mirror's address or folder, tiles, or their URL")
        ->required()
        ->type_name("MIRROR");
    rebuild->footer(
        "The node must be stopped, and what is left of its ledger/ moved away. The next\n"
        "run waits for a counterparty to confirm that the copy was the newest, as after\n"
        "every start.");
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
    command->add_option("--roles", init.roles, "provider,renter,clearing,witness")
        ->capture_default_str();
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
                      "Rent a GPU out where namespaces are refused");
    command->footer(
        "With SOUK_PASSPHRASE set the identity is locked; soukd run then needs it too.");
  }
};

// What can be judged of a command line before anything is done.
Status CheckArguments(const CommandLine& line) {
  const CLI::App& command = *line.app.get_subcommands().front();
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& value : option->results()) {
      if (!value.empty()) continue;
      return Error(Code::kInvalidArgument,
                   option->get_name() + " is empty: give a value, or leave it out");
    }
  }
  if (command.get_name() == "init") {
    const auto config = MakeConfig(line.init);
    return config ? Ok() : Status(config.error());
  }
  if (command.get_name() == "run" && !line.roles.empty()) {
    const auto roles = ParseRoles(line.roles);
    if (!roles) return roles.error().Within("--roles");
  }
  if (command.get_name() != "issue") return Ok();
  const auto account = PublicKey::Parse(line.account);
  if (!account) return account.error().Within("ACCOUNT");
  const auto credits = ParseCredits(line.amount);
  if (!credits) return credits.error().Within("AMOUNT");
  if (credits->micro <= 0) return Error(Code::kInvalidArgument, "AMOUNT: must be above 0");
  if (!IsReference(line.reference)) {
    return Error(Code::kInvalidArgument,
                 "--reference must be one line of plain text of at most 64 bytes");
  }
  return Ok();
}

Status Dispatch(const CommandLine& line) {
  const std::string what = line.app.get_subcommands().front()->get_name();
  const Common& common = line.common;
  if (what == "init") return Init(common, line.init);
  if (what == "run") return Run(common, line.alone, line.roles);
  if (what == "rebuild") return Rebuild(common, line.from);
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

// One line on stderr, and with --json one document on stdout. Others' words may stand in it.
int Fail(bool as_json, const Error& error, int exit_code) {
  std::cerr << "soukd: " << ToVisible(error.message) << "\n";
  if (as_json) {
    std::cout << json{{"ok", false}, {"error", error.message}, {"code", CodeName(error.code)}}.dump(
                     2, ' ', false, json::error_handler_t::replace)
              << std::endl;
  }
  return exit_code;
}

// CLI11 complains first of what is missing; an option that nobody declared is often why.
std::string WhyNotParsed(const CLI::App& app, const CLI::ParseError& error) {
  for (const std::string& word : app.remaining(/*recurse=*/true)) {
    if (word.size() > 1 && word[0] == '-')
      return "there is no option " + word.substr(0, word.find('='));
  }
  if (app.get_subcommands().empty()) return "a command is missing";
  const std::string what = error.what();
  return what.substr(0, what.find('\n'));
}

int RunCommand(CommandLine& line, int argc, char** argv) {
  const auto misuse = [&](const std::string& sentence) {
    const bool as_json = std::any_of(
        argv, argv + argc, [](std::string_view argument) { return argument == "--json"; });
    return Fail(as_json, Error(Code::kInvalidArgument, sentence), /*exit_code=*/2);
  };
  const auto named = [&](const CLI::App* command) { return command->get_name() == argv[1]; };
  const CLI::App& app = line.app;
  if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(named).empty()) {
    return misuse(fmt::format("there is no command \"{}\"; see soukd --help", argv[1]));
  }
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 has codes of its own; misuse is 2 everywhere in Souk.
    if (error.get_exit_code() == 0) return line.app.exit(error, std::cout, std::cerr);
    return misuse(WhyNotParsed(line.app, error) + "; see soukd --help");
  }
  if (const Status good = CheckArguments(line); !good) return misuse(good.error().message);
  if (const Status done = Dispatch(line); !done) {
    const bool init = line.app.get_subcommands().front()->get_name() == "init";
    const bool wrong = init && done.error().code == Code::kInvalidArgument;
    return Fail(line.common.as_json, done.error(), wrong ? 2 : 1);
  }
  return 0;
}

int Main(int argc, char** argv) {
  CommandLine line;
  int code = 1;
  try {
    code = RunCommand(line, argc, argv);
  } catch (const std::exception& error) {
    return Fail(false, Error(Code::kIo, std::string("unexpected: ") + error.what()), 1);
  }
  std::cout.flush();
  if (code == 0 && (!std::cout || std::fflush(stdout) != 0 || std::ferror(stdout) != 0)) {
    return Fail(false, Error(Code::kIo, "writing to standard output failed"), 1);
  }
  return code;
}

}  // namespace
}  // namespace souk::node

// Nothing escapes but a mistake in declaring the options, which ends the program.
// NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) {
  souk::OpenStandardStreams();
  return souk::node::Main(argc, argv);
}
