#include "tools/audit/open_ledger.h"

#include <fmt/format.h>

#include <cstdlib>

#include "ledger/audit/audit_key.h"
#include "node/http/log_client.h"
#include "tools/audit/evidence.h"
#include "tools/common/terminal.h"

namespace souk::tools {
namespace fs = std::filesystem;
namespace {

Status CheckHoldsLedger(const fs::path& dir) {
  std::error_code error;
  const auto unreadable = [&] {
    return Error(Code::kDenied, "looking into " + dir.string() + ": " + error.message());
  };
  if (!fs::is_directory(dir, error)) {
    if (error == std::errc::permission_denied) return unreadable();
    return Error(Code::kNotFound, "there is no directory " + dir.string());
  }
  if (!fs::exists(dir / "ledger", error)) {
    if (error) return unreadable();
    if (IsEvidence(dir)) {
      return Error(Code::kUnsupported, dir.string() +
                                           " is an evidence bundle, single entries of a log: this "
                                           "takes a whole one");
    }
    return Error(Code::kNotFound, "there is no ledger in " + dir.string() +
                                      ": name a node's directory, or its ledger/");
  }
  return Ok();
}

Result<Identity> LoadIdentity(const fs::path& dir) {
  const char* passphrase = std::getenv("SOUK_PASSPHRASE");
  return IdentityFile::Load(dir / "identity", passphrase != nullptr ? passphrase : "");
}

Result<ledger::NoteVerifier> KeyFromIdentity(const fs::path& dir, const PeerId& peer) {
  const auto identity = LoadIdentity(dir);
  if (!identity || identity->id() != peer) {
    return Error(Code::kNotFound,
                 "the checkpoint's key is not in the ledger, and no identity beside it says it: "
                 "give it with --key (souk-audit key DIR on the node prints it)");
  }
  return ledger::NoteVerifier{LogName(peer), identity->CheckpointKey().public_key().bytes};
}

// Under another's key every log looks damaged.
Status CheckKeyIsOf(const OpenedLedger& log) {
  if (log.key.name == LogName(log.peer)) return Ok();
  return Error(Code::kInvalidArgument,
               fmt::format("--key is the key of {}, and this log says that it is {}", log.key.name,
                           LogName(log.peer)));
}

// Beside tiles the owner may have written down the key.
Status KeyFromTiles(const fs::path& dir, OpenedLedger& out) {
  ASSIGN_OR_RETURN(const auto beside, ledger::ReadTilesKey(dir));
  if (!beside && out.key.name.empty()) {
    return Error(Code::kNotFound,
                 "the checkpoint's key is not in the ledger, and no vkey file beside it says it: "
                 "give it with --key (souk-audit key DIR on the node prints it)");
  }
  if (!beside) return Ok();
  if (out.key.name.empty()) {
    out.key = *beside;
    out.key_from = OpenedLedger::kVkeyBeside;
    return Ok();
  }
  if (beside->ToVkey() == out.key.ToVkey()) return Ok();
  return Error(Code::kMismatch, fmt::format("the vkey file says {}, {} says {}", beside->ToVkey(),
                                            out.key_from, out.key.ToVkey()));
}

// FindOwner for tiles.
Status FindOwnerOfTiles(const ledger::Store& store, const fs::path& dir, const std::string& vkey,
                        OpenedLedger& out) {
  const auto owner = ledger::ReadLogOwner(store);
  if (owner) {
    out.name = owner->name;
    out.peer = owner->peer;
  }
  if (!vkey.empty()) {
    ASSIGN_OR_RETURN(out.key, ledger::NoteVerifier::ParseVkey(vkey));
    out.key_from = "--key";
    if (owner) RETURN_IF_ERROR(CheckKeyIsOf(out));
  } else if (owner && owner->key) {
    out.key = *owner->key;
    out.key_from = "the card in entry 0";
  }
  return KeyFromTiles(dir, out);
}

// Names the owner and the key in `out`.
Status FindOwner(const ledger::Store& store, const fs::path& dir, const std::string& vkey,
                 OpenedLedger& out) {
  auto owner = ledger::ReadLogOwner(store);
  if (owner) {
    out.name = owner->name;
    out.peer = owner->peer;
  }
  if (!vkey.empty()) {
    ASSIGN_OR_RETURN(out.key, ledger::NoteVerifier::ParseVkey(vkey));
    out.key_from = "--key";
    // What cannot be read at all is a finding for whoever looks further, given the key.
    return owner ? CheckKeyIsOf(out) : Ok();
  }
  if (owner && owner->key) {
    out.key = *owner->key;
    out.key_from = "the card in entry 0";
    return Ok();
  }
  // Where even entry 0 is lost, the key still says that it was there.
  if (!owner) {
    const auto identity = LoadIdentity(dir);
    if (!identity) return owner.error();
    out.peer = identity->id();
    out.key = {LogName(out.peer), identity->CheckpointKey().public_key().bytes};
    out.key_from = "the identity beside it";
    return Ok();
  }
  ASSIGN_OR_RETURN(out.key, KeyFromIdentity(dir, owner->peer));
  out.key_from = "the identity beside it";
  return Ok();
}

// What a database is asked on opening (InspectOptions::known). Tiles are read whole anyway.
Status CheckContinues(const OpenedLedger& opened, const ledger::LedgerView::Options& options) {
  if (!options.known) return Ok();
  ASSIGN_OR_RETURN(const ledger::Checkpoint known, options.known(opened.key));
  if (known.size > opened.log().signed_size()) {
    return Error(
        Code::kConflict,
        fmt::format("the checkpoint signs {} entries, but an earlier one of this log signs "
                    "{}: this is an older copy, or a fork",
                    opened.log().signed_size(), known.size));
  }
  ASSIGN_OR_RETURN(const Digest root, opened.log().RootAt(known.size));
  if (root == known.root) return Ok();
  return Error(Code::kCorrupt, fmt::format("the first {} entries are not those that an earlier "
                                           "checkpoint of this log signs",
                                           known.size));
}

// Fetched whole into a folder of its own, and read from there.
Result<OpenedLedger> OpenUrl(const std::string& url, const std::string& vkey,
                             const ledger::LedgerView::Options& view = {}) {
  OpenedLedger out;
  ASSIGN_OR_RETURN(out.folder, FetchedFolder::Make());
  const fs::path& folder = out.folder->path();
  const bool shown = IsTerminal(stderr);
  node::FetchOptions options;
  if (!vkey.empty()) {
    ASSIGN_OR_RETURN(options.key, ledger::NoteVerifier::ParseVkey(vkey));
  }
  if (shown) {
    options.progress = [](uint64_t done, uint64_t total) {
      fmt::print(stderr, "\r\x1b[Kfetching {} of {} entries", done, total);
    };
  }
  const Status fetched = node::FetchLog(url, folder, options);
  if (shown) fmt::print(stderr, "\r\x1b[K");
  if (!fetched) return fetched.error();
  const auto find_key = [&](const ledger::Store& store) -> Result<ledger::NoteVerifier> {
    RETURN_IF_ERROR(FindOwnerOfTiles(store, folder, vkey, out));
    return out.key;
  };
  ASSIGN_OR_RETURN(out.tiles, ledger::TileView::Open(folder, find_key));
  RETURN_IF_ERROR(CheckContinues(out, view));
  return out;
}

}  // namespace

fs::path NodeDirectory(const fs::path& where) {
  std::error_code error;
  if (fs::exists(where / "checkpoint", error) || !fs::exists(where / "CURRENT", error)) {
    return where;
  }
  fs::path dir = fs::absolute(where, error).lexically_normal();
  if (dir.filename().empty()) dir = dir.parent_path();
  return dir.parent_path();
}

fs::path BlobFolder(const fs::path& dir) {
  return NodeDirectory(dir) / "blobs" / "sha256";
}

Result<OpenedLedger> FindLedger(const fs::path& where, const std::string& vkey) {
  if (node::IsLogUrl(where.string())) return OpenUrl(where.string(), vkey);
  if (ledger::HoldsTiles(where)) {
    ASSIGN_OR_RETURN(const auto store, ledger::TileView::OpenStore(where));
    OpenedLedger out;
    RETURN_IF_ERROR(FindOwnerOfTiles(*store, where, vkey, out));
    return out;
  }
  const fs::path dir = NodeDirectory(where);
  RETURN_IF_ERROR(CheckHoldsLedger(dir));
  ASSIGN_OR_RETURN(
      const auto store,
      ledger::OpenRocksDb(dir / "ledger", ledger::OpenMode::kReadOnly, ledger::FileChecks::kNone));
  OpenedLedger out;
  RETURN_IF_ERROR(FindOwner(*store, dir, vkey, out));
  return out;
}

Result<ledger::NoteVerifier> FindLogKey(const fs::path& where, const std::string& vkey) {
  if (!vkey.empty()) return ledger::NoteVerifier::ParseVkey(vkey);
  if (auto found = FindLedger(where, vkey)) return found->key;
  const auto identity = LoadIdentity(NodeDirectory(where));
  if (!identity) {
    return Error(Code::kNotFound,
                 "neither the ledger nor an identity beside it says the checkpoint's key: give it "
                 "with --key");
  }
  return ledger::NoteVerifier{LogName(identity->id()),
                              identity->CheckpointKey().public_key().bytes};
}

Result<OpenedLedger> OpenLedger(const fs::path& where, const std::string& vkey,
                                const ledger::LedgerView::Options& options) {
  if (node::IsLogUrl(where.string())) return OpenUrl(where.string(), vkey, options);
  OpenedLedger out;
  if (ledger::HoldsTiles(where)) {
    const auto find_key = [&](const ledger::Store& store) -> Result<ledger::NoteVerifier> {
      RETURN_IF_ERROR(FindOwnerOfTiles(store, where, vkey, out));
      return out.key;
    };
    ASSIGN_OR_RETURN(out.tiles, ledger::TileView::Open(where, find_key));
    RETURN_IF_ERROR(CheckContinues(out, options));
    return out;
  }
  const fs::path dir = NodeDirectory(where);
  RETURN_IF_ERROR(CheckHoldsLedger(dir));
  const auto find_key = [&](const ledger::Store& store) -> Result<ledger::NoteVerifier> {
    RETURN_IF_ERROR(FindOwner(store, dir, vkey, out));
    return out.key;
  };
  ASSIGN_OR_RETURN(out.view, ledger::LedgerView::Open(dir, find_key, options));
  return out;
}

}  // namespace souk::tools
