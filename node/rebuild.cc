#include "node/rebuild.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <set>
#include <string_view>
#include <thread>

#include "ledger/log/mirrors.h"
#include "ledger/log/rocksdb_ledger.h"
#include "node/address.h"
#include "node/http/log_client.h"
#include "node/mirror_client.h"
#include "protocol/base/file.h"
#include "protocol/codec.h"

namespace souk::node {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kScratch = ".rebuild-";

// A folder that is gone afterwards.
class Scratch {
 public:
  static Result<std::unique_ptr<Scratch>> Make(const fs::path& parent) {
    std::string name = (parent / (std::string(kScratch) + "XXXXXX")).string();
    if (::mkdtemp(name.data()) == nullptr)
      return ErrnoError("making a folder in " + parent.string(), errno);
    return std::unique_ptr<Scratch>(new Scratch(name));
  }
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  const fs::path& path() const { return path_; }

 private:
  explicit Scratch(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

// The node's directory, for as long as this lives: neither its daemon nor another rebuild is at
// work.
class RebuildLock {
 public:
  static Result<std::unique_ptr<RebuildLock>> Take(const fs::path& dir) {
    const int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return ErrnoError("opening " + dir.string(), errno);
    std::unique_ptr<RebuildLock> lock(new RebuildLock(fd));
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
    return Error(Code::kConflict, "a node or another rebuild is at work in " + dir.string());
  }
  ~RebuildLock() { ::close(fd_); }
  RebuildLock(const RebuildLock&) = delete;
  RebuildLock& operator=(const RebuildLock&) = delete;

 private:
  explicit RebuildLock(int fd) : fd_(fd) {}
  const int fd_;
};

// Under the lock: what a rebuild that was killed left behind.
void Sweep(const fs::path& dir) {
  std::error_code error;
  std::vector<fs::path> left;
  for (fs::directory_iterator at(dir, error), end; !error && at != end; at.increment(error)) {
    if (at->path().filename().string().starts_with(kScratch)) left.push_back(at->path());
  }
  for (const fs::path& path : left) fs::remove_all(path, error);
}

// The newest head that this node signed, as its checkpoint file says, or the checkpoint that
// witnesses cosigned; none where there is neither, or nothing in them reads.
Result<std::optional<ledger::Checkpoint>> SignedBefore(const NodeDir& dir,
                                                       const ledger::NoteVerifier& key) {
  ASSIGN_OR_RETURN(const auto bytes, ledger::OpenSlotFile(dir.checkpoint())->Read());
  std::optional<ledger::Checkpoint> newest;
  if (const auto note = ReadFile(dir.path / ledger::kCosignedFile, ledger::kMaxNoteBytes)) {
    if (auto head = ledger::OpenCheckpoint(AsText(*note), key)) newest = std::move(*head);
  }
  if (!bytes) return newest;
  for (size_t at = 0; at + ledger::kSlotBytes <= bytes->size(); at += ledger::kSlotBytes) {
    const ledger::Slot slot = ledger::DecodeSlot(ByteView(*bytes).subspan(at, ledger::kSlotBytes));
    if (slot.state != ledger::Slot::State::kReadable) continue;
    auto head = ledger::OpenCheckpoint(slot.payload, key);
    if (head && (!newest || head->size > newest->size)) newest = std::move(*head);
  }
  return newest;
}

// The ids by which an entry is found again: of its documents, each in the first entry that has it,
// as the agent appended them.
class Ids {
 public:
  explicit Ids(const ledger::Log& log) : log_(log) {}

  Result<std::vector<Digest>> Of(ByteView leaf) {
    std::vector<Digest> ids;
    const auto entry = DecodeEntry(leaf);
    // Of newer rules: kept, and not found by its documents.
    if (!entry) return ids;
    for (const Bytes& envelope : entry->documents) {
      const auto document = Document::OpenTrusted(envelope);
      if (!document) continue;
      ASSIGN_OR_RETURN(const auto taken, log_.FindById((*document)->id()));
      if (!taken && named_.insert((*document)->id()).second) ids.push_back((*document)->id());
    }
    return ids;
  }
  void Committed() { named_.clear(); }

 private:
  const ledger::Log& log_;
  std::set<Digest> named_ = {};  // by drafts that are not committed yet
};

Status CopyEntries(const ledger::LogReader& copy, ledger::Log& log,
                   const RebuildProgress& progress) {
  Ids ids(log);
  std::vector<ledger::Draft> drafts;
  const auto flush = [&]() -> Status {
    ASSIGN_OR_RETURN(const ledger::Committed committed, log.Commit(drafts));
    drafts.clear();
    ids.Committed();
    if (progress) progress(committed.size, copy.signed_size());
    return Ok();
  };
  RETURN_IF_ERROR(copy.ForEach(0, [&](uint64_t, ByteView leaf) -> Status {
    ledger::Draft draft{ToBytes(leaf), {}};
    ASSIGN_OR_RETURN(draft.ids, ids.Of(leaf));
    drafts.push_back(std::move(draft));
    return drafts.size() == ledger::kMaxCommitEntries ? flush() : Ok();
  }));
  return drafts.empty() ? Ok() : flush();
}

Status CheckContinues(const ledger::LogReader& copy, const ledger::Checkpoint& before) {
  if (before.size > copy.signed_size()) {
    return Error(
        Code::kConflict,
        fmt::format("the copy has {} entries, and this node signed {}: find a newer copy; a "
                    "log that signs fewer again would contradict itself",
                    copy.signed_size(), before.size));
  }
  ASSIGN_OR_RETURN(const Digest root, copy.RootAt(before.size));
  if (root == before.root) return Ok();
  return Error(Code::kConflict,
               fmt::format("the first {} entries of the copy are others than this node signed",
                           before.size));
}

// A ledger that is there is not written over.
Status CheckRoom(const NodeDir& dir) {
  std::error_code error;
  if (fs::exists(dir.path / "ledger", error) || error) {
    return Error(Code::kDuplicate, (dir.path / "ledger").string() +
                                       " is still there: move it away first, it may hold what the "
                                       "copy lacks (souk-audit verify --repair-plan says what)");
  }
  return Ok();
}

// The database of a mirror, where that is what was named.
std::optional<fs::path> FindMirror(const fs::path& from) {
  std::error_code error;
  if (fs::exists(from / "mirror" / "CURRENT", error)) return from / "mirror";
  if (fs::exists(from / "CURRENT", error)) return from;
  return std::nullopt;
}

// A running node's files change while they are being opened.
Result<std::unique_ptr<ledger::Store>> OpenMirror(const fs::path& path) {
  constexpr int kTries = 20;
  for (int i = 1;; ++i) {
    auto store = ledger::OpenRocksDb(path, ledger::OpenMode::kReadOnly, ledger::FileChecks::kNone);
    if (store || i == kTries) return store;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

// `where`: the mirror, in words. `known_size`: the newest checkpoint that it knows signs so many.
Result<Rebuilt> RebuildFromCopy(const NodeDir& dir, const Identity& identity,
                                const ledger::Mirrors& mirrors, const std::string& where,
                                uint64_t known_size, const RebuildProgress& progress) {
  const ledger::NoteVerifier key = LogSigner(identity).Verifier();
  const ledger::MirroredLog* const held = mirrors.Find(key.name);
  if (held == nullptr) {
    return Error(Code::kNotFound, where + " holds nothing of this node's log");
  }
  if (held->vkey != key.ToVkey()) {
    return Error(Code::kInvalidArgument, "the mirror holds a log of this name under another key");
  }
  known_size = std::max(known_size, held->known_size);
  if (known_size > held->head.size) {
    return Error(Code::kConflict,
                 fmt::format("the mirror knows a checkpoint of {} entries, and holds {} of them: "
                             "a log that goes on from there would contradict itself. Find a mirror "
                             "that has all, or begin anew elsewhere: soukd init --dir OTHER",
                             known_size, held->size));
  }
  ASSIGN_OR_RETURN(const auto copy, mirrors.Read(key.name));
  ASSIGN_OR_RETURN(Rebuilt rebuilt, RebuildLedger(dir, identity, copy->log(), progress));
  rebuilt.mirror_knew = known_size;
  return rebuilt;
}

Result<Rebuilt> RebuildFromFolder(const NodeDir& dir, const Identity& identity,
                                  const fs::path& path, const RebuildProgress& progress) {
  ASSIGN_OR_RETURN(const auto store, OpenMirror(path));
  ASSIGN_OR_RETURN(const ledger::Mirrors mirrors, ledger::Mirrors::Open(*store));
  return RebuildFromCopy(dir, identity, mirrors, path.string(), 0, progress);
}

Result<Rebuilt> RebuildFromPeer(const NodeDir& dir, const Identity& identity,
                                const PeerAddress& mirror, const RebuildProgress& progress) {
  ASSIGN_OR_RETURN(const auto scratch, Scratch::Make(dir.path));
  ASSIGN_OR_RETURN(const auto store,
                   ledger::OpenRocksDb(scratch->path() / "mirror", ledger::OpenMode::kCreate,
                                       ledger::FileChecks::kNone));
  ASSIGN_OR_RETURN(ledger::Mirrors mirrors, ledger::Mirrors::Open(*store));
  ASSIGN_OR_RETURN(const ledger::Checkpoint known,
                   FetchFromMirror(identity, mirror, mirrors, {.progress = progress}));
  return RebuildFromCopy(dir, identity, mirrors, mirror.endpoint, known.size, progress);
}

}  // namespace

Result<Rebuilt> RebuildLedger(const NodeDir& dir, const Identity& identity,
                              const ledger::LogReader& copy, const RebuildProgress& progress) {
  const ledger::NoteSigner signer = LogSigner(identity);
  if (copy.head().origin != signer.name) {
    return Error(Code::kInvalidArgument, fmt::format("that is the log of {}, and this node's is {}",
                                                     copy.head().origin, signer.name));
  }
  RETURN_IF_ERROR(CheckRoom(dir));
  std::error_code error;
  ASSIGN_OR_RETURN(const auto before, SignedBefore(dir, signer.Verifier()));
  if (before) RETURN_IF_ERROR(CheckContinues(copy, *before));
  ASSIGN_OR_RETURN(const auto scratch, Scratch::Make(dir.path));
  {
    ASSIGN_OR_RETURN(const auto made,
                     ledger::Ledger::Open(scratch->path(), signer, {.alone = true}));
    RETURN_IF_ERROR(CopyEntries(copy, made->log(), progress));
    if (made->log().head().size != copy.signed_size() ||
        made->log().head().root != copy.head().root) {
      return Error(Code::kCorrupt, "the copy's entries do not lead to the root that it signs");
    }
  }
  // Between the two a start finds a database ahead of its checkpoint file, and refuses; rebuilding
  // again then says what to move away.
  fs::rename(scratch->path() / "ledger", dir.path / "ledger", error);
  if (error) return Error(Code::kIo, "moving the ledger to its place: " + error.message());
  ASSIGN_OR_RETURN(const Bytes slots,
                   ReadFile(scratch->path() / "checkpoint", 2 * ledger::kSlotBytes));
  // Makes both names durable: they stand in one folder.
  RETURN_IF_ERROR(WriteFileAtomic(dir.checkpoint(), slots));
  return Rebuilt{.entries = copy.signed_size(), .signed_before = before ? before->size : 0};
}

Result<Rebuilt> RebuildFrom(const NodeDir& dir, const Identity& identity, const std::string& from,
                            const RebuildProgress& progress) {
  const ledger::NoteVerifier key = LogSigner(identity).Verifier();
  const auto find_key = [&](const ledger::Store&) -> Result<ledger::NoteVerifier> { return key; };
  ASSIGN_OR_RETURN(const auto lock, RebuildLock::Take(dir.path));
  RETURN_IF_ERROR(CheckRoom(dir));
  Sweep(dir.path);
  if (from.starts_with("souk1") && from.find('@') != std::string::npos) {
    ASSIGN_OR_RETURN(const PeerAddress mirror, ParseAddress(from));
    return RebuildFromPeer(dir, identity, mirror, progress);
  }
  if (const auto mirror = IsLogUrl(from) ? std::nullopt : FindMirror(from)) {
    return RebuildFromFolder(dir, identity, *mirror, progress);
  }
  std::error_code error;
  if (!IsLogUrl(from) && fs::exists(fs::path(from) / "ledger" / "CURRENT", error)) {
    return Error(Code::kInvalidArgument,
                 from +
                     " is a node's own directory, and no mirror of others: put it in place whole, "
                     "or name tiles of it: souk-audit export " +
                     from + " --tiles TILES");
  }
  if (!IsLogUrl(from)) {
    ASSIGN_OR_RETURN(const auto tiles, ledger::TileView::Open(from, find_key));
    return RebuildLedger(dir, identity, tiles->log(), progress);
  }
  ASSIGN_OR_RETURN(const auto scratch, Scratch::Make(dir.path));
  RETURN_IF_ERROR(FetchLog(from, scratch->path(), {.key = key}));
  ASSIGN_OR_RETURN(const auto tiles, ledger::TileView::Open(scratch->path(), find_key));
  return RebuildLedger(dir, identity, tiles->log(), progress);
}

}  // namespace souk::node
