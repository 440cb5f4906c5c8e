#include "node/node_dir.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <vector>

#include "ledger/log/log.h"
#include "protocol/base/file.h"
#include "protocol/entry.h"

namespace souk::node {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// An error where it cannot be told: another user's directory is not an empty one.
Result<bool> Exists(const std::filesystem::path& path) {
  std::error_code error;
  const bool exists = std::filesystem::exists(path, error);
  if (error) return ErrnoError("looking for " + path.string(), error.value());
  return exists;
}

// Takes back what InitNodeDir made, unless it is done: files, then folders, the innermost first.
class Undo {
 public:
  Undo() = default;
  ~Undo() {
    std::error_code ignored;  // a folder that holds something else stays
    for (auto at = made_.rbegin(); at != made_.rend(); ++at) std::filesystem::remove(*at, ignored);
  }
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  void Made(std::filesystem::path path) { made_.push_back(std::move(path)); }
  void Done() { made_.clear(); }

 private:
  std::vector<std::filesystem::path> made_ = {};
};

// `dir` and the folders above it that are missing.
Status MakeFolders(const std::filesystem::path& dir, Undo& undo) {
  std::vector<std::filesystem::path> missing;
  std::error_code error;
  for (auto at = dir.parent_path(); !at.empty() && !std::filesystem::exists(at, error);
       at = at.parent_path()) {
    missing.push_back(at);
  }
  for (auto at = missing.rbegin(); at != missing.rend(); ++at) {
    if (std::filesystem::create_directory(*at, error)) undo.Made(*at);
  }
  if (::mkdir(dir.c_str(), 0700) == 0) {
    undo.Made(dir);
  } else if (errno != EEXIST) {
    return ErrnoError("making " + dir.string(), errno);
  }
  if (::chmod(dir.c_str(), 0700) != 0) return ErrnoError("chmod 0700", errno);
  return Ok();
}

// Whether a node's log is here, or what it signed last.
Result<bool> HoldsLog(const NodeDir& dir) {
  ASSIGN_OR_RETURN(const bool signed_here, Exists(dir.checkpoint()));
  ASSIGN_OR_RETURN(const bool entries_here, Exists(dir.path / "ledger"));
  return signed_here || entries_here;
}

// Another key cannot go on with what stands there.
Error LostIdentity(const NodeDir& dir) {
  return Error(
      Code::kNotFound,
      "the identity of the node in " + dir.path.string() +
          " is missing: put its file back from a copy, or begin anew elsewhere: soukd init "
          "--dir OTHER");
}

}  // namespace

Result<bool> HasIdentity(const NodeDir& dir) {
  return Exists(dir.identity());
}

Result<NodeDir> FindNodeDir(const std::string& given) {
  std::filesystem::path path = given;
  if (path.empty()) path = Environment("SOUK_DIR");
  if (path.empty() && !Environment("XDG_DATA_HOME").empty()) {
    path = std::filesystem::path(Environment("XDG_DATA_HOME")) / "souk";
  }
  if (path.empty() && !Environment("HOME").empty()) {
    path = std::filesystem::path(Environment("HOME")) / ".local/share/souk";
  }
  if (path.empty()) return Error(Code::kNotFound, "where does this node live? say --dir DIR");
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) return Error(Code::kIo, path.string() + ": " + error.message());
  return NodeDir{absolute.lexically_normal()};
}

Result<Identity> InitNodeDir(const NodeDir& dir, Config config, std::string_view passphrase) {
  Undo undo;
  RETURN_IF_ERROR(MakeFolders(dir.path, undo));
  // What another key signed must not go.
  ASSIGN_OR_RETURN(const bool identified, HasIdentity(dir));
  ASSIGN_OR_RETURN(const bool lived_here, HoldsLog(dir));
  if (lived_here && !identified) return LostIdentity(dir);
  ASSIGN_OR_RETURN(const bool configured, Exists(dir.config()));
  if (configured) {
    return Error(Code::kDuplicate, dir.config().string() + " is there already; edit it instead");
  }
  if (identified) {
    return Error(Code::kDuplicate, dir.config().string() +
                                       " is missing beside an identity: soukd " +
                                       "init --dir OTHER with the same options makes one to copy");
  }
  auto identity = IdentityFile::Create(dir.identity(), dir.successor(), passphrase);
  if (!identity) return identity.error();
  undo.Made(dir.successor());
  undo.Made(dir.identity());
  std::vector<PeerId>& clearing = config.provider.clearing_peers;
  if (config.provider.enabled && clearing.empty()) {
    for (const PeerAddress& peer : config.bootstrap) clearing.push_back(peer.peer);
    if (config.clearing) clearing = {identity->id()};
  }
  const std::string text = WriteConfig(config);
  // What cannot be read back must not be written.
  const auto parsed = ParseConfig(text, dir.config().string(), identity->id());
  if (!parsed) return parsed.error();
  ASSIGN_OR_RETURN(const Bytes slot, ledger::FirstSlot(LogSigner(*identity)));
  RETURN_IF_ERROR(ledger::OpenSlotFile(dir.checkpoint())->Create(slot));
  undo.Made(dir.checkpoint());
  RETURN_IF_ERROR(WriteFileAtomic(dir.config(), AsBytes(text), 0600));
  undo.Done();
  return identity;
}

ledger::NoteSigner LogSigner(const Identity& identity) {
  const auto key = std::make_shared<SigningKey>(identity.CheckpointKey());
  return {.name = LogName(identity.id()),
          .key = key->public_key().bytes,
          .sign = [key](ByteView message) -> Result<ledger::Ed25519Signature> {
            return key->Sign(message).bytes;
          }};
}

Result<Identity> LoadIdentity(const NodeDir& dir) {
  ASSIGN_OR_RETURN(const bool lives_here, HasIdentity(dir));
  if (!lives_here) {
    ASSIGN_OR_RETURN(const bool lived_here, HoldsLog(dir));
    if (lived_here) return LostIdentity(dir);
    return Error(Code::kNotFound, "no node lives in " + dir.path.string() +
                                      "; begin with: soukd init --dir " + dir.path.string());
  }
  return IdentityFile::Load(dir.identity(), Environment("SOUK_PASSPHRASE"));
}

}  // namespace souk::node
