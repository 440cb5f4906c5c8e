// A node from its directory to its end: everything opened in the order that R3 asks for, then the
// loop.
#pragma once

#include <functional>
#include <optional>

#include "node/node_dir.h"

namespace souk::node {

struct Roles {
  bool provider = false;
  bool renter = false;
  bool clearing = false;
  bool witness = false;
  bool mirror = false;
};
// "provider,renter". kInvalidArgument names the word.
Result<Roles> ParseRoles(std::string_view text);

struct DaemonOptions {
  NodeDir dir = {};
  // The operator vouches that nobody holds a newer checkpoint of this log (R3).
  bool alone = false;
  // Only these of the configured roles; `renter` may be asked for without being configured. A node
  // that only rents because it was asked so ends by itself when it has nothing to do.
  std::optional<Roles> roles = {};
};

struct Running {
  std::string name = {};
  std::string address = {};  // "souk1…@host:port/…"; the bare identity where nobody can connect
};

// Blocks until the node is told to stop (SIGTERM, SIGINT, `stop`) or is idle. `running` is called
// once it listens. Errors say what is wrong and what to do.
Status RunDaemon(const DaemonOptions& options, const std::function<void(const Running&)>& running);

// This node as others reach it; the endpoints that its card names.
std::vector<std::string> AdvertisedEndpoints(const Config& config, const std::string& listening);

}  // namespace souk::node
