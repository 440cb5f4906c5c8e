// souk init and id.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>

#include "node/address.h"
#include "node/control/client.h"
#include "node/node_dir.h"
#include "protocol/limits.h"
#include "protocol/plain_text.h"
#include "tools/common/json.h"
#include "tools/common/terminal.h"
#include "tools/souk/commands.h"

namespace souk::tools {
namespace {

std::string HostName() {
  char host[65] = {};
  return ::gethostname(host, sizeof(host) - 1) == 0 && host[0] != '\0' ? host : "souk";
}

// What a running daemon adds: how others reach this node, and its accounts.
Json AskDaemon(const node::NodeDir& dir) {
  auto client = node::control::Client::Connect(dir.path);
  if (!client) return nullptr;
  auto answer = client->Call({{"do", "id"}});
  return answer ? Json(*answer) : Json(nullptr);
}

}  // namespace

int RunInit(const Common& common, const InitOptions& options) {
  const auto dir = node::FindNodeDir(common.dir);
  if (!dir) return Fail(dir.error());
  node::Config config{.name = options.name.empty() ? HostName() : options.name, .renter = true};
  if (config.name.size() > limits::kNameBytes || !IsName(config.name)) {
    return Misuse("--name: must be plain, visible text of 1 to 64 bytes");
  }
  for (const std::string& text : options.bootstrap) {
    const auto address = node::ParseAddress(text);
    if (!address) return Misuse("--bootstrap: " + address.error().message);
    config.bootstrap.push_back(*address);
  }
  const char* passphrase = std::getenv("SOUK_PASSPHRASE");
  const auto identity = node::InitNodeDir(*dir, config, passphrase == nullptr ? "" : passphrase);
  if (!identity) return Fail(identity.error());
  if (common.json) {
    PrintJson({{"id", identity->id().ToString()},
               {"name", config.name},
               {"dir", dir->path.string()},
               {"successor", dir->successor().string()}});
    return kDone;
  }
  Print(fmt::format("{} is {}\n", config.name, identity->id().ToString()));
  Print(fmt::format("  {} says what it does\n", dir->config().string()));
  Print(
      fmt::format("  {} is the only key that can replace the identity: move it off this machine\n",
                  dir->successor().string()));
  if (config.bootstrap.empty()) {
    Print("Next: name a peer to start from as bootstrap in config.toml, then souk offers\n");
  } else {
    Print("Next: souk offers\n");
  }
  return kDone;
}

int RunId(const Common& common) {
  const auto dir = node::FindNodeDir(common.dir);
  if (!dir) return Fail(dir.error());
  const auto identity = node::LoadIdentity(*dir);
  if (!identity) return Fail(identity.error());
  const Json running = AskDaemon(*dir);
  if (common.json) {
    Json out = {{"id", identity->id().ToString()},
                {"dir", dir->path.string()},
                {"curve", ToHex(identity->Curve().public_key().view())},
                {"running", !running.is_null()}};
    if (!running.is_null()) {
      for (const char* key :
           {"name", "roles", "addresses", "vkey", "witness_vkey", "log_entries", "accounts"}) {
        if (running.contains(key)) out[key] = running[key];
      }
    }
    PrintJson(out);
    return kDone;
  }
  Print(identity->id().ToString() + "\n");
  if (running.is_null()) return kDone;
  for (const Json& address : running["addresses"]) {
    Print(fmt::format("  reached at {}\n", address.get<std::string>()));
  }
  for (const Json& account : running["accounts"]) {
    Print(fmt::format("  account in {}: {}\n", account["book_name"].get<std::string>(),
                      account["account"].get<std::string>()));
  }
  return kDone;
}

}  // namespace souk::tools
