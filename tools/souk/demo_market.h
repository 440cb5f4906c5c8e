// The demo's nodes: real daemons on loopback, each in its own folder.
#pragma once

#include <memory>

#include "tools/souk/child.h"
#include "tools/souk/daemon_link.h"

namespace souk::tools {

struct DemoNode {
  std::string name = {};
  std::filesystem::path dir = {};
  std::string id = {};       // souk1…
  std::string address = {};  // as bootstrap lists take it
  std::optional<Child> process = {};
  std::optional<DaemonLink> link = {};
};

// A clearing peer, two providers with different prices on the CPU reference device, and a renter.
// Ends its daemons with itself.
class DemoMarket {
 public:
  // Makes the nodes under `dir`, starts them, and waits until the renter sees both offers.
  static Result<std::unique_ptr<DemoMarket>> Start(const std::filesystem::path& dir);

  DemoNode& coop() { return *nodes_[0]; }
  DemoNode& kite() { return *nodes_[1]; }
  DemoNode& helio() { return *nodes_[2]; }
  DemoNode& renter() { return *nodes_[3]; }
  const std::vector<std::unique_ptr<DemoNode>>& nodes() const { return nodes_; }

  // The operator's word that the renter paid outside.
  Status IssueToRenter(Credits amount, const std::string& reference);
  // µcredits of each node's account in the book; the operator's is what it issued, negative.
  Result<std::vector<std::pair<std::string, Credits>>> Balances();
  // Until every provider has settled its leases and freed its device.
  Status WaitUntilQuiet();
  // Each must end cleanly.
  Status Stop();

 private:
  Status Add(const std::filesystem::path& dir, const node::Config& config);

  std::vector<std::unique_ptr<DemoNode>> nodes_ = {};
  std::string renter_account_ = {};
};

}  // namespace souk::tools
