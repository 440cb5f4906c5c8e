#include "ledger/log/rocksdb_ledger.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "ledger/log/log_keys.h"
#include "ledger/log/memory_store.h"
#include "ledger/log/rocksdb_disk.h"
#include "ledger/log/start.h"
#include "protocol/base/file.h"

namespace souk::ledger {
namespace fs = std::filesystem;
namespace {

// After an opening for writing: RocksDB drops what it did not read of its log.
constexpr const char* kLateAdvice =
    ". The end of its log may be gone. Put the whole ledger directory back from before this start, "
    "or begin anew elsewhere: soukd init --dir OTHER";

// What the machine refuses, which damages nothing, and what helps.
struct Lack {
  int error_number;
  const char* remedy;
};
constexpr Lack kLacks[] = {
    {ENOSPC, "free space on {}"},
    {EDQUOT, "free space on {}"},
    {EFBIG, "allow larger files (ulimit -f)"},
    {EMFILE, "allow more open files (ulimit -n)"},
    {ENFILE, "allow more open files (sysctl fs.file-max)"},
    {EACCES, "let this user read and write all of {}"},
    {EPERM, "let this user read and write all of {}"},
    {EROFS, "make the file system of {} writable"},
};

// Found by the error's text: RocksDB tells errno in no other way.
const Lack* FindLack(const Error& why) {
  if (why.code == Code::kCorrupt) return nullptr;
  for (const Lack& lack : kLacks) {
    if (why.message.find(std::strerror(lack.error_number)) != std::string::npos) return &lack;
  }
  return nullptr;
}

Error Refuse(const Error& why) {
  return FindLack(why) != nullptr ? why : Error(why.code, why.message + kRefusalAdvice);
}

// With what to do where the machine is at fault. Every error of an opening passes here last.
Error WithRemedy(const Error& why, const fs::path& dir) {
  const Lack* const lack = FindLack(why);
  if (lack == nullptr) return why;
  return Error(why.code, fmt::format("{}. Nothing is damaged: {} and start again", why.message,
                                     fmt::format(fmt::runtime(lack->remedy), dir.string())));
}

// Whether `path` holds a RocksDB database. A folder with data but no CURRENT has lost it; what a
// crash during the very first opening leaves has no data yet.
Result<bool> HoldsDatabase(const fs::path& path) {
  std::error_code error;
  const bool there = fs::exists(path, error);
  const bool current = there && fs::exists(path / "CURRENT", error);
  if (error) return ErrnoError("reading " + path.string(), error.value());
  if (!there) return false;
  // Opening a pipe would wait for its writer.
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;  // a live one's files come and go
    const fs::file_status status = at->status(gone);
    if (!fs::exists(status) || fs::is_regular_file(status) || fs::is_directory(status)) continue;
    return Refuse(Error(Code::kCorrupt, at->path().string() + " is no regular file"));
  }
  if (error) return Error(Code::kIo, "reading " + path.string() + ": " + error.message());
  if (current) return true;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    const fs::path extension = at->path().extension();
    const bool data =
        extension == ".sst" || (extension == ".log" && at->file_size(error) > 0 && !error);
    if (data) {
      return Refuse(Error(Code::kCorrupt, "the file CURRENT is missing in " + path.string()));
    }
  }
  if (error) return Error(Code::kIo, "reading " + path.string() + ": " + error.message());
  return false;
}

// The look of R3, which changes nothing. The slots must have been read before, where another
// process is writing.
Result<std::unique_ptr<Store>> OpenToLook(const fs::path& path, FileChecks checks,
                                          const LedgerDisk* disk) {
  ASSIGN_OR_RETURN(const bool exists, HoldsDatabase(path));
  if (!exists) return std::unique_ptr<Store>(std::make_unique<MemoryStore>());
  auto store = OpenRocksDb(path, OpenMode::kReadOnly, checks, disk);
  if (!store) return Refuse(store.error());
  return store;
}

}  // namespace

// A lock on the node's directory itself: it needs no file and goes with the process.
class DirectoryLock {
 public:
  // Waits a moment for an auditor that is looking; a daemon stays.
  static Result<std::unique_ptr<DirectoryLock>> Take(const fs::path& dir, int kind) {
    const int fd = ::open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return ErrnoError("opening " + dir.string(), errno);
    std::unique_ptr<DirectoryLock> lock(new DirectoryLock(fd));
    const int tries = kind == LOCK_EX ? 40 : 1;
    for (int i = 0; i < tries; ++i) {
      if (i > 0) std::this_thread::sleep_for(std::chrono::milliseconds(25));
      if (::flock(fd, kind | LOCK_NB) == 0) return lock;
      if (errno != EWOULDBLOCK && errno != EINTR) {
        return ErrnoError("locking " + dir.string(), errno);
      }
    }
    return Error(Code::kUnavailable, "another process is using the ledger in " + dir.string() +
                                         ": stop it first, or choose another directory with --dir");
  }
  ~DirectoryLock() { ::close(fd_); }
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}
  int fd_;
};

Ledger::Ledger() = default;
Ledger::~Ledger() = default;

Result<std::unique_ptr<Ledger>> Ledger::Open(const fs::path& dir, NoteSigner signer,
                                             LogOptions options, const LedgerDisk* disk) {
  auto opened = OpenOnce(dir, std::move(signer), options, disk);
  if (!opened) return WithRemedy(opened.error(), dir);
  return opened;
}

Result<std::unique_ptr<Ledger>> Ledger::OpenOnce(const fs::path& dir, NoteSigner signer,
                                                 LogOptions options, const LedgerDisk* disk) {
  std::unique_ptr<Ledger> ledger(new Ledger);
  ASSIGN_OR_RETURN(ledger->lock_, DirectoryLock::Take(dir, LOCK_EX));
  const fs::path path = dir / "ledger";
  const fs::path slots = dir / "checkpoint";
  ledger->slots_ = disk != nullptr ? SlotsOn(disk->slots(slots)) : OpenSlotFile(slots);
  std::optional<Inspection> found;
  {
    ASSIGN_OR_RETURN(const auto look, OpenToLook(path, FileChecks::kAll, disk));
    ASSIGN_OR_RETURN(found, Inspect(*look, *ledger->slots_, signer.Verifier()));
    if (options.fits != nullptr) RETURN_IF_ERROR(options.fits(LogReader(*look, *found)));
  }
  RETURN_IF_ERROR(CheckMayBegin(*found, options));
  const OpenMode mode = found->generation == 0 ? OpenMode::kCreate : OpenMode::kExisting;
  auto store = OpenRocksDb(path, mode, FileChecks::kNone, disk);
  if (!store) return Refuse(store.error());
  ledger->store_ = std::move(*store);
  // The two openings must have seen the same.
  ASSIGN_OR_RETURN(const auto head, ledger->store_->Get(HeadKey()));
  const std::optional<Bytes> expected =
      found->generation == 0
          ? std::nullopt
          : std::optional<Bytes>(EncodeHead(Head{found->generation, found->size, found->root}));
  if (head != expected) {
    return Error(Code::kCorrupt, "the database in " + path.string() +
                                     " opens for writing otherwise than it was read" + kLateAdvice);
  }
  ASSIGN_OR_RETURN(Log log, Log::OpenInspected(*ledger->store_, *ledger->slots_, std::move(signer),
                                               options, std::move(*found)));
  ledger->log_ = std::make_unique<Log>(std::move(log));
  return ledger;
}

bool IsInUse(const fs::path& dir) {
  const auto lock = DirectoryLock::Take(dir, LOCK_SH);
  return !lock && lock.error().code == Code::kUnavailable;
}

Result<std::unique_ptr<LedgerView>> LedgerView::Open(const fs::path& where,
                                                     const NoteVerifier& log) {
  return Open(where, [&log](const Store&) -> Result<NoteVerifier> { return log; });
}

Result<std::unique_ptr<LedgerView>> LedgerView::Open(const fs::path& where, const FindKey& key,
                                                     const Options& options) {
  fs::path dir = where;
  std::error_code error;
  // DIR/ledger was named: DIR is meant.
  if (!fs::exists(dir / "checkpoint", error) && fs::exists(dir / "CURRENT", error)) {
    dir = fs::absolute(dir, error).lexically_normal();
    if (dir.filename().empty()) dir = dir.parent_path();
    dir = dir.parent_path();
  }
  if (!fs::exists(dir / "checkpoint", error) && !fs::exists(dir / "ledger", error)) {
    return Error(Code::kNotFound, "there is no ledger in " + where.string());
  }
  // A node that is starting or running holds the lock: then its files change under our hands.
  const auto lock = DirectoryLock::Take(dir, LOCK_SH);
  if (!lock && lock.error().code != Code::kUnavailable) return WithRemedy(lock.error(), dir);
  const bool live = !lock.has_value();
  Error last(Code::kUnavailable, "");
  // Compaction deletes files between our reading their names and opening them: look again.
  for (int attempt = 0; attempt < (live ? 20 : 1); ++attempt) {
    auto view = OpenOnce(dir, key, options, live);
    if (view) return view;
    last = view.error();
    if (live) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return WithRemedy(last, dir);
}

Result<std::unique_ptr<LedgerView>> LedgerView::OpenOnce(const fs::path& dir, const FindKey& key,
                                                         const Options& options, bool live) {
  std::unique_ptr<LedgerView> view(new LedgerView);
  // The slots first: the store may only be ahead of them.
  ASSIGN_OR_RETURN(auto slots, OpenSlotFile(dir / "checkpoint")->Read());
  MemorySlotFile frozen;
  frozen.contents() = std::move(slots);
  const bool in_part = live || options.skip_known;
  ASSIGN_OR_RETURN(view->store_,
                   OpenToLook(dir / "ledger", in_part ? FileChecks::kNone : FileChecks::kAll,
                              /*disk=*/nullptr));
  ASSIGN_OR_RETURN(const NoteVerifier log, key(*view->store_));
  InspectOptions inspect{.live = live, .skip_known = options.skip_known};
  if (options.known) {
    ASSIGN_OR_RETURN(inspect.known, options.known(log));
  }
  ASSIGN_OR_RETURN(Inspection found, Inspect(*view->store_, frozen, log, inspect));
  if (found.fresh) return Error(Code::kNotFound, "there is no ledger in " + dir.string());
  view->reader_ = std::make_unique<LogReader>(*view->store_, std::move(found));
  return view;
}

}  // namespace souk::ledger
