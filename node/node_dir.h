// A node's directory: where it is, and what lies in it.
#pragma once

#include <filesystem>
#include <string>

#include "ledger/c2sp/note.h"
#include "node/config.h"
#include "protocol/identity.h"

namespace souk::node {

struct NodeDir {
  std::filesystem::path path = {};
  std::filesystem::path identity() const { return path / "identity"; }
  std::filesystem::path successor() const { return path / "successor"; }
  std::filesystem::path config() const { return path / "config.toml"; }
  std::filesystem::path checkpoint() const { return path / "checkpoint"; }
  std::filesystem::path mirror() const { return path / "mirror"; }
};

// `given`, else $SOUK_DIR, else $XDG_DATA_HOME/souk, else ~/.local/share/souk; absolute.
Result<NodeDir> FindNodeDir(const std::string& given);

// Makes the directory (0700), the identity, the successor key, the slot file of an empty log and
// config.toml; neither identity nor config.toml may exist (kDuplicate). The slot file tells a node
// that never ran from one that lost its ledger. The clearing list of a provider that names none
// gets the bootstrap peers, or the node itself where it clears. A passphrase locks the identity;
// empty: none. After an error nothing is left of what it made.
Result<Identity> InitNodeDir(const NodeDir& dir, Config config, std::string_view passphrase);

// kDenied, kIo where it cannot be told.
Result<bool> HasIdentity(const NodeDir& dir);
// What signs the checkpoints of this identity's log.
ledger::NoteSigner LogSigner(const Identity& identity);

// The identity as the daemon and the tools load it: the passphrase is $SOUK_PASSPHRASE.
Result<Identity> LoadIdentity(const NodeDir& dir);

}  // namespace souk::node
