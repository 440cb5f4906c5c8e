#include "tools/audit/open_ledger.h"

#include <cstdlib>

#include "ledger/audit_key.h"

namespace souk::tools {
namespace fs = std::filesystem;
namespace {

// DIR where DIR or DIR/ledger was named.
fs::path NodeDirectory(const fs::path& where) {
  std::error_code error;
  if (fs::exists(where / "checkpoint", error) || !fs::exists(where / "CURRENT", error)) {
    return where;
  }
  fs::path dir = fs::absolute(where, error).lexically_normal();
  if (dir.filename().empty()) dir = dir.parent_path();
  return dir.parent_path();
}

Result<ledger::LogOwner> ReadOwner(const fs::path& dir) {
  std::error_code error;
  if (!fs::is_directory(dir, error)) {
    return Error(Code::kNotFound, "there is no directory " + dir.string());
  }
  if (!fs::exists(dir / "ledger", error)) {
    return Error(Code::kNotFound, "there is no ledger in " + dir.string() +
                                      ": name a node's directory, or its ledger/");
  }
  ASSIGN_OR_RETURN(
      const auto store,
      ledger::OpenRocksDb(dir / "ledger", ledger::OpenMode::kReadOnly, ledger::FileChecks::kNone));
  return ledger::ReadLogOwner(*store);
}

Result<ledger::NoteVerifier> KeyFromIdentity(const fs::path& dir, const PeerId& peer) {
  const char* passphrase = std::getenv("SOUK_PASSPHRASE");
  const auto identity =
      IdentityFile::Load(dir / "identity", passphrase != nullptr ? passphrase : "");
  if (!identity || identity->id() != peer) {
    return Error(Code::kNotFound,
                 "the checkpoint's key is not in the ledger, and no identity beside it says it: "
                 "give it with --key (souk-audit key DIR on the node prints it)");
  }
  return ledger::NoteVerifier{LogName(peer), identity->CheckpointKey().public_key().bytes};
}

}  // namespace

Result<OpenedLedger> FindLedger(const fs::path& where, const std::string& vkey) {
  const fs::path dir = NodeDirectory(where);
  auto owner = ReadOwner(dir);
  OpenedLedger out;
  if (!vkey.empty()) {
    ASSIGN_OR_RETURN(out.key, ledger::NoteVerifier::ParseVkey(vkey));
    out.key_from = "--key";
    // What cannot be read is a finding for whoever looks further, given the key.
    if (owner) {
      out.name = owner->name;
      out.peer = owner->peer;
    }
    return out;
  }
  if (!owner) return owner.error();
  out.name = owner->name;
  out.peer = owner->peer;
  if (owner->key) {
    out.key = *owner->key;
    out.key_from = "the card in entry 0";
    return out;
  }
  ASSIGN_OR_RETURN(out.key, KeyFromIdentity(dir, owner->peer));
  out.key_from = "the identity beside it";
  return out;
}

Result<OpenedLedger> OpenLedger(const fs::path& where, const std::string& vkey) {
  ASSIGN_OR_RETURN(OpenedLedger out, FindLedger(where, vkey));
  ASSIGN_OR_RETURN(out.view, ledger::LedgerView::Open(NodeDirectory(where), out.key));
  return out;
}

}  // namespace souk::tools
