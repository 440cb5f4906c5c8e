#include "tools/souk/demo_market.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "node/address.h"
#include "tools/souk/programs.h"

namespace souk::tools {
namespace fs = std::filesystem;
namespace {

constexpr Duration kUpWait = Seconds(20);

// A port that was free a moment ago. The nodes keep it over restarts, which port 0 would not.
Result<uint16_t> FreePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  const bool bound = fd >= 0 &&
                     ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (fd >= 0) ::close(fd);
  if (!bound) return Error(Code::kIo, "no free port on 127.0.0.1");
  return ntohs(address.sin_port);
}

Result<std::string> ListenAddress() {
  ASSIGN_OR_RETURN(const uint16_t port, FreePort());
  return fmt::format("tcp://127.0.0.1:{}", port);
}

Error Died(const DemoNode& node) {
  return Error(Code::kUnavailable,
               node.name + " did not come up; see " + (node.dir / "soukd.log").string());
}

}  // namespace

Status DemoMarket::Add(const fs::path& dir, const node::Config& config) {
  auto node = std::make_unique<DemoNode>();
  node->name = config.name;
  node->dir = dir / config.name;
  ASSIGN_OR_RETURN(const Identity identity,
                   node::InitNodeDir(node::NodeDir{node->dir}, config, ""));
  node->id = identity.id().ToString();
  ASSIGN_OR_RETURN(const fs::path program, FindProgram("soukd"));
  ASSIGN_OR_RETURN(node->process, Child::Start(program, {"run", "--dir", node->dir.string()},
                                               node->dir / "soukd.log"));
  const auto up = WaitUntil(kUpWait, Millis(10), [&]() -> Result<bool> {
    if (!node->process->Running()) return Died(*node);
    auto link = DaemonLink::Connect(node->dir);
    if (link) node->link.emplace(std::move(*link));
    return link.has_value();
  });
  if (!up) return up.error();
  if (!*up) return Died(*node);
  ASSIGN_OR_RETURN(const Json who, node->link->Ask({{"do", "id"}}));
  if (!who["addresses"].empty()) node->address = who["addresses"][0].get<std::string>();
  nodes_.push_back(std::move(node));
  return Ok();
}

Result<std::unique_ptr<DemoMarket>> DemoMarket::Start(const fs::path& dir) {
  std::unique_ptr<DemoMarket> market(new DemoMarket);
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) return Error(Code::kIo, "making " + dir.string() + ": " + error.message());
  ASSIGN_OR_RETURN(const std::string coop, ListenAddress());
  RETURN_IF_ERROR(market->Add(dir, {.name = "coop", .listen = coop, .clearing = true}));
  ASSIGN_OR_RETURN(const node::PeerAddress book, node::ParseAddress(market->coop().address));
  struct Provider {
    const char* name;
    int64_t price_micro;
    const char* region;
  };
  for (const Provider& one : {Provider{"kite", 420'000, "FR"}, Provider{"helio", 550'000, "DE"}}) {
    ASSIGN_OR_RETURN(const std::string listen, ListenAddress());
    node::Config config{.name = one.name, .listen = listen, .bootstrap = {book}};
    config.provider.enabled = true;
    config.provider.devices = {"cpu"};
    config.provider.price = {one.price_micro};
    config.provider.clearing_peers = {book.peer};
    config.provider.region = one.region;
    config.provider.allow_weak_jail = true;
    RETURN_IF_ERROR(market->Add(dir, config));
  }
  RETURN_IF_ERROR(market->Add(dir, {.name = "ann", .bootstrap = {book}, .renter = true}));
  const auto met = WaitUntil(kUpWait, Millis(20), [&]() -> Result<bool> {
    ASSIGN_OR_RETURN(const Json offers, market->renter().link->Ask({{"do", "offers"}}));
    if (NumberAt(offers, "total") < 2) return false;
    ASSIGN_OR_RETURN(const Json who, market->renter().link->Ask({{"do", "id"}}));
    for (const Json& account : who["accounts"]) {
      if (TextAt(account, "book") == market->coop().id) {
        market->renter_account_ = TextAt(account, "account");
      }
    }
    return !market->renter_account_.empty();
  });
  if (!met) return met.error();
  if (!*met) {
    return Error(Code::kUnavailable, "the renter did not see both offers; see " +
                                         (market->renter().dir / "soukd.log").string());
  }
  return market;
}

Status DemoMarket::IssueToRenter(Credits amount, const std::string& reference) {
  ASSIGN_OR_RETURN(const Json issued, coop().link->Ask({{"do", "issue"},
                                                        {"account", renter_account_},
                                                        {"amount_micro", amount.micro},
                                                        {"reference", reference}}));
  return Ok();
}

Result<std::vector<std::pair<std::string, Credits>>> DemoMarket::Balances() {
  ASSIGN_OR_RETURN(const Json book, coop().link->Ask({{"do", "accounts"}}));
  std::vector<std::pair<std::string, Credits>> out;
  for (const auto& node : nodes_) {
    const std::string key = node.get() == &renter() ? renter_account_ : node->id;
    Credits posted = {};
    for (const Json& account : book["accounts"]) {
      if (TextAt(account, "key") == key) posted = {NumberAt(account, "posted_micro")};
    }
    out.emplace_back(node->name, posted);
  }
  return out;
}

Status DemoMarket::WaitUntilQuiet() {
  const auto quiet = WaitUntil(Seconds(30), Millis(20), [&]() -> Result<bool> {
    for (DemoNode* provider : {&kite(), &helio()}) {
      ASSIGN_OR_RETURN(const Json all, provider->link->Ask({{"do", "leases"}}));
      for (const Json& lease : all["leases"]) {
        if (!FlagAt(lease, "over")) return false;
      }
      ASSIGN_OR_RETURN(const Json status, provider->link->Ask({{"do", "status"}}));
      for (const Json& device : status["devices"]) {
        if (TextAt(device, "state") != "idle") return false;
      }
    }
    return true;
  });
  if (!quiet) return quiet.error();
  if (!*quiet) return Error(Code::kUnavailable, "a provider has not settled its lease in time");
  return Ok();
}

Status DemoMarket::Stop() {
  // The renter first and the book last, so that nobody waits for one that is gone.
  for (auto it = nodes_.rbegin(); it != nodes_.rend(); ++it) {
    DemoNode& node = **it;
    node.link.reset();
    if (!node.process) continue;
    const int code = node.process->Stop();
    if (code != 0) {
      return Error(Code::kFault, fmt::format("{} ended with {}; see {}", node.name, code,
                                             (node.dir / "soukd.log").string()));
    }
  }
  return Ok();
}

}  // namespace souk::tools
