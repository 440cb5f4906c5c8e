// A node's directory (DESIGN section 1): where it is, and what lies in it.
#pragma once

#include <filesystem>
#include <string>

#include "node/config.h"
#include "protocol/identity.h"

namespace souk::node {

struct NodeDir {
  std::filesystem::path path = {};
  std::filesystem::path identity() const { return path / "identity"; }
  std::filesystem::path successor() const { return path / "successor"; }
  std::filesystem::path config() const { return path / "config.toml"; }
};

// `given`, else $SOUK_DIR, else $XDG_DATA_HOME/souk, else ~/.local/share/souk; absolute.
Result<NodeDir> FindNodeDir(const std::string& given);

// Makes the directory (0700), the identity, the successor key and config.toml, none of which may
// exist (kDuplicate). The clearing list of a provider that names none gets the bootstrap peers, or
// the node itself where it clears. A passphrase locks the identity; empty: none.
Result<Identity> InitNodeDir(const NodeDir& dir, Config config, std::string_view passphrase);

// kDenied, kIo where it cannot be told.
Result<bool> HasIdentity(const NodeDir& dir);

// The identity as the daemon and the tools load it: the passphrase is $SOUK_PASSPHRASE.
Result<Identity> LoadIdentity(const NodeDir& dir);

}  // namespace souk::node
