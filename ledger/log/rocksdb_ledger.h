// The one adapter to RocksDB, and a ledger directory as a node or an auditor opens it.
//
// DIR/ledger/    RocksDB
// DIR/checkpoint the two slots (slots.h)
// DIR/cosigned   a checkpoint with witnesses' lines, where the node has any; nothing rests on it
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "ledger/log/log.h"

namespace souk::ledger {

// rocksdb_disk.h. None is this machine's own disk.
struct LedgerDisk;

inline constexpr const char* kCosignedFile = "cosigned";

// A RocksDB database as a Store. Reads may come from any thread.
enum class OpenMode {
  kReadOnly,  // changes no byte on the disk; sees what was there when it was opened
  kExisting,  // read and write
  kCreate,    // read and write; makes the database where there is none
};
// Whether every table file is read once against the checksum that the manifest holds.
enum class FileChecks { kNone, kAll };
Result<std::unique_ptr<Store>> OpenRocksDb(const std::filesystem::path& path, OpenMode mode,
                                           FileChecks checks, const LedgerDisk* disk = nullptr);

class DirectoryLock;

// A node's ledger, open for writing and locked against a second process.
class Ledger {
 public:
  // `dir` exists. R3's start order: lock it (flock), look read-only, and only then open for
  // writing. Begins a new ledger where `dir` holds neither `ledger` nor `checkpoint`. The error
  // says what to do: put back what is damaged, or give what the machine refused, such as space.
  static Result<std::unique_ptr<Ledger>> Open(const std::filesystem::path& dir, NoteSigner signer,
                                              LogOptions options = {},
                                              const LedgerDisk* disk = nullptr);
  ~Ledger();

  Log& log() { return *log_; }
  const Store& store() const { return *store_; }
  Store& store() { return *store_; }

 private:
  Ledger();
  static Result<std::unique_ptr<Ledger>> OpenOnce(const std::filesystem::path& dir,
                                                  NoteSigner signer, LogOptions options,
                                                  const LedgerDisk* disk);

  // Destroyed last to first: the lock goes when everything is closed.
  std::unique_ptr<DirectoryLock> lock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<SlotFile> slots_;
  std::unique_ptr<Log> log_;
};

// Whether a node is at work on the ledger in its directory.
bool IsInUse(const std::filesystem::path& dir);

// A ledger for reading only, a live one too. `dir` is a node's directory or its `ledger`.
class LedgerView {
 public:
  // Asked once the store is open and before anything of it is believed.
  using FindKey = std::function<Result<NoteVerifier>(const Store&)>;

  struct Options {
    // Asked with that key: a checkpoint that the reader trusts (InspectOptions::known).
    std::function<Result<Checkpoint>(const NoteVerifier&)> known = {};
    bool skip_known = false;
  };

  static Result<std::unique_ptr<LedgerView>> Open(const std::filesystem::path& dir,
                                                  const FindKey& key, const Options& options);
  static Result<std::unique_ptr<LedgerView>> Open(const std::filesystem::path& dir,
                                                  const FindKey& key) {
    return Open(dir, key, Options());
  }
  static Result<std::unique_ptr<LedgerView>> Open(const std::filesystem::path& dir,
                                                  const NoteVerifier& log);

  const LogReader& log() const { return *reader_; }
  const Store& store() const { return *store_; }

 private:
  LedgerView() = default;
  static Result<std::unique_ptr<LedgerView>> OpenOnce(const std::filesystem::path& dir,
                                                      const FindKey& key, const Options& options,
                                                      bool live);

  std::unique_ptr<Store> store_;
  std::unique_ptr<LogReader> reader_;
};

}  // namespace souk::ledger
