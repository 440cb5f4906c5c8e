// Opens what an auditor is handed: a node's directory, the `ledger` folder in it, a directory of
// tiles as `souk-audit export --tiles` writes it, or the URL at which a node serves its log.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "ledger/log/rocksdb_ledger.h"
#include "ledger/log/tile_reader.h"
#include "protocol/identity.h"
#include "tools/audit/fetched_folder.h"

namespace souk::tools {

struct OpenedLedger {
  std::string name = {};  // as the first entry says
  PeerId peer = {};
  ledger::NoteVerifier key = {};
  // "--key", "the card in entry 0", "the identity beside it", "the vkey beside it".
  std::string key_from = {};
  // But for the last of these, it is known to be the peer's own.
  bool vouched() const { return key_from != kVkeyBeside; }
  static constexpr const char* kVkeyBeside = "the vkey beside it";
  // Holds what a URL brought, for as long as it is read.
  std::shared_ptr<FetchedFolder> folder = {};
  // One of the two.
  std::unique_ptr<ledger::LedgerView> view = {};
  std::unique_ptr<ledger::TileView> tiles = {};

  const ledger::LogReader& log() const { return view ? view->log() : tiles->log(); }
};

// Where the node of such a directory keeps its blobs, each under its digest in hex.
std::filesystem::path BlobFolder(const std::filesystem::path& dir);

// Only whose log it is and with which key it signs; the tree is not looked at.
// The key is `vkey` where given, else named by the log's first entry, else derived from the
// identity file in the directory (passphrase: $SOUK_PASSPHRASE), or the `vkey` file's beside tiles.
// A vkey file that says another key than the one that is taken is kMismatch.
Result<OpenedLedger> FindLedger(const std::filesystem::path& dir, const std::string& vkey);

// The key alone, also where the database does not open: `vkey`, else as above, else the identity's
// in the directory.
Result<ledger::NoteVerifier> FindLogKey(const std::filesystem::path& dir, const std::string& vkey);

// The node's directory where it, or the `ledger` in it, was named.
std::filesystem::path NodeDirectory(const std::filesystem::path& where);

// The same, with R3's look: checkpoint, tree and tiles. Works on a stopped and on a live node, and
// on tiles.
Result<OpenedLedger> OpenLedger(const std::filesystem::path& dir, const std::string& vkey,
                                const ledger::LedgerView::Options& options = {});

}  // namespace souk::tools
