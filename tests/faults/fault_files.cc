#include "faults/fault_files.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>

namespace souk::faults {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus ToIoStatus(const Verdict& verdict, const std::string& name) {
  if (verdict.error_number == 0) return IOStatus::OK();
  const char* const why = std::strerror(verdict.error_number);
  if (verdict.error_number == ENOSPC) return IOStatus::NoSpace(name, why);
  // The status owns its text.
  return IOStatus::IOError(name, why);  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks)
}

// The database's own threads do their work while the threads of its callers wait.
class Turns {
 public:
  void Begin() {
    const std::lock_guard lock(mutex_);
    ++pending_;
  }
  void End() {
    const std::lock_guard lock(mutex_);
    --pending_;
    idle_.notify_all();
  }
  // Not for long: one that holds the database's mutex would wait for ever.
  void Wait() {
    if (in_background) return;
    std::unique_lock lock(mutex_);
    idle_.wait_for(lock, std::chrono::milliseconds(20), [this] { return pending_ == 0; });
  }

  static thread_local bool in_background;

 private:
  std::mutex mutex_;
  std::condition_variable idle_;
  int pending_ = 0;
};
thread_local bool Turns::in_background = false;

// What a caller's thread does next, after everything that was scheduled before it.
Verdict NextStep(SimDisk& disk, Turns& turns, Step step) {
  turns.Wait();
  return disk.Next(step);
}

class FaultyWritable : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyWritable(std::unique_ptr<rocksdb::FSWritableFile> file, std::string name, SimDisk& disk,
                 Turns& turns)
      : FSWritableFileOwnerWrapper(std::move(file)),
        name_(std::move(name)),
        disk_(disk),
        turns_(turns) {}

  using FSWritableFileOwnerWrapper::Append;
  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* dbg) override {
    const Verdict verdict = NextStep(disk_, turns_, Step::kWrite);
    if (verdict.happens) {
      const size_t share = verdict.error_number == 0 ? 1000 : verdict.share;
      const Slice part(data.data(), data.size() * share / 1000);
      IOStatus wrote = target()->Append(part, options, dbg);
      if (!wrote.ok()) return wrote;
      disk_.Grew(name_, part.size());
    }
    return ToIoStatus(verdict, name_);
  }
  IOStatus Append(const Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*info*/, IODebugContext* dbg) override {
    return Append(data, options, dbg);
  }
  IOStatus PositionedAppend(const Slice&, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::NotSupported("PositionedAppend");
  }
  IOStatus PositionedAppend(const Slice&, uint64_t, const IOOptions&,
                            const rocksdb::DataVerificationInfo&, IODebugContext*) override {
    return IOStatus::NotSupported("PositionedAppend");
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* dbg) override {
    const Verdict verdict = NextStep(disk_, turns_, Step::kWrite);
    if (verdict.happens) {
      IOStatus cut = target()->Truncate(size, options, dbg);
      if (!cut.ok()) return cut;
      disk_.Cut(name_, size);
    }
    return ToIoStatus(verdict, name_);
  }
  IOStatus Sync(const IOOptions&, IODebugContext*) override { return SyncNow(); }
  IOStatus Fsync(const IOOptions&, IODebugContext*) override { return SyncNow(); }
  // Begins the writing and promises nothing.
  IOStatus RangeSync(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override {
    return ToIoStatus(NextStep(disk_, turns_, Step::kSync), name_);
  }
  IOStatus Close(const IOOptions& options, IODebugContext* dbg) override {
    const Verdict verdict = NextStep(disk_, turns_, Step::kClose);
    IOStatus closed = target()->Close(options, dbg);
    return verdict.error_number == 0 ? closed : ToIoStatus(verdict, name_);
  }
  // Nothing is reserved ahead: the folder is to hold what was written.
  void PrepareWrite(size_t, size_t, const IOOptions&, IODebugContext*) override {}
  IOStatus Allocate(uint64_t, uint64_t, const IOOptions&, IODebugContext*) override {
    return IOStatus::OK();
  }

 private:
  // Within the process a power cut is simulated: nothing needs to reach the machine's own disk.
  IOStatus SyncNow() {
    const Verdict verdict = NextStep(disk_, turns_, Step::kSync);
    if (verdict.happens) {
      disk_.Synced(name_);
    } else {
      disk_.SyncFailed(name_);
    }
    return ToIoStatus(verdict, name_);
  }

  const std::string name_;
  SimDisk& disk_;
  Turns& turns_;
};

class FaultySequential : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  FaultySequential(std::unique_ptr<rocksdb::FSSequentialFile> file, SimDisk& disk)
      : FSSequentialFileOwnerWrapper(std::move(file)), disk_(disk) {}
  IOStatus Read(size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* dbg) override {
    IOStatus status = target()->Read(n, options, result, scratch, dbg);
    if (status.ok() && disk_.NextReadIsCut()) *result = Slice(result->data(), result->size() / 2);
    return status;
  }

 private:
  SimDisk& disk_;
};

class FaultyRandom : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  FaultyRandom(std::unique_ptr<rocksdb::FSRandomAccessFile> file, SimDisk& disk)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), disk_(disk) {}
  IOStatus Read(uint64_t offset, size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* dbg) const override {
    IOStatus status = target()->Read(offset, n, options, result, scratch, dbg);
    if (status.ok() && disk_.NextReadIsCut()) *result = Slice(result->data(), result->size() / 2);
    return status;
  }
  IOStatus MultiRead(rocksdb::FSReadRequest* requests, size_t count, const IOOptions& options,
                     IODebugContext* dbg) override {
    // One by one, so that each can be cut.
    for (size_t i = 0; i < count; ++i) {
      rocksdb::FSReadRequest& request = requests[i];
      request.status =
          Read(request.offset, request.len, options, &request.result, request.scratch, dbg);
    }
    return IOStatus::OK();
  }

 private:
  SimDisk& disk_;
};

class FaultyFolder : public rocksdb::FSDirectoryWrapper {
 public:
  FaultyFolder(std::unique_ptr<rocksdb::FSDirectory> folder, std::string name, SimDisk& disk,
               Turns& turns)
      : FSDirectoryWrapper(std::move(folder)), name_(std::move(name)), disk_(disk), turns_(turns) {}
  IOStatus Fsync(const IOOptions&, IODebugContext*) override {
    const Verdict verdict = NextStep(disk_, turns_, Step::kFolderSync);
    if (verdict.happens) disk_.FolderSynced(name_);
    return ToIoStatus(verdict, name_);
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* dbg,
                               const rocksdb::DirFsyncOptions&) override {
    return Fsync(options, dbg);
  }

 private:
  const std::string name_;
  SimDisk& disk_;
  Turns& turns_;
};

class FaultyFiles : public rocksdb::FileSystemWrapper {
 public:
  FaultyFiles(SimDisk& disk, Turns& turns)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), disk_(disk), turns_(turns) {}
  const char* Name() const override { return "SoukFaultyFiles"; }

  IOStatus NewSequentialFile(const std::string& name, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSSequentialFile>* result,
                             IODebugContext* dbg) override {
    std::unique_ptr<rocksdb::FSSequentialFile> file;
    IOStatus status = target()->NewSequentialFile(name, options, &file, dbg);
    if (status.ok()) *result = std::make_unique<FaultySequential>(std::move(file), disk_);
    return status;
  }
  IOStatus NewRandomAccessFile(const std::string& name, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* result,
                               IODebugContext* dbg) override {
    std::unique_ptr<rocksdb::FSRandomAccessFile> file;
    IOStatus status = target()->NewRandomAccessFile(name, options, &file, dbg);
    if (status.ok()) *result = std::make_unique<FaultyRandom>(std::move(file), disk_);
    return status;
  }
  IOStatus NewWritableFile(const std::string& name, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* result,
                           IODebugContext* dbg) override {
    const Verdict verdict = NextStep(disk_, turns_, Step::kCreate);
    if (verdict.happens) {
      std::unique_ptr<rocksdb::FSWritableFile> file;
      IOStatus status = target()->NewWritableFile(name, options, &file, dbg);
      if (!status.ok()) return status;
      disk_.Created(name);
      *result = std::make_unique<FaultyWritable>(std::move(file), name, disk_, turns_);
      if (verdict.error_number != 0) result->reset();
    }
    return ToIoStatus(verdict, name);
  }
  IOStatus ReopenWritableFile(const std::string& name, const FileOptions&,
                              std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) override {
    return IOStatus::NotSupported("ReopenWritableFile", name);
  }
  IOStatus ReuseWritableFile(const std::string& name, const std::string&, const FileOptions&,
                             std::unique_ptr<rocksdb::FSWritableFile>*, IODebugContext*) override {
    return IOStatus::NotSupported("ReuseWritableFile", name);
  }
  IOStatus NewRandomRWFile(const std::string& name, const FileOptions&,
                           std::unique_ptr<rocksdb::FSRandomRWFile>*, IODebugContext*) override {
    return IOStatus::NotSupported("NewRandomRWFile", name);
  }
  IOStatus NewDirectory(const std::string& name, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* result,
                        IODebugContext* dbg) override {
    std::unique_ptr<rocksdb::FSDirectory> folder;
    IOStatus status = target()->NewDirectory(name, options, &folder, dbg);
    if (status.ok()) {
      *result = std::make_unique<FaultyFolder>(std::move(folder), name, disk_, turns_);
    }
    return status;
  }
  IOStatus CreateDir(const std::string& name, const IOOptions& options,
                     IODebugContext* dbg) override {
    return MakeFolder(name, target()->CreateDir(name, options, dbg));
  }
  IOStatus CreateDirIfMissing(const std::string& name, const IOOptions& options,
                              IODebugContext* dbg) override {
    if (target()->FileExists(name, options, dbg).ok()) return IOStatus::OK();
    const Verdict verdict = NextStep(disk_, turns_, Step::kFolder);
    if (verdict.error_number != 0) return ToIoStatus(verdict, name);
    return MakeFolder(name, target()->CreateDirIfMissing(name, options, dbg));
  }
  IOStatus DeleteFile(const std::string& name, const IOOptions& options,
                      IODebugContext* dbg) override {
    const Verdict verdict = NextStep(disk_, turns_, Step::kDelete);
    if (verdict.happens) {
      disk_.Deleting(name);
      IOStatus status = target()->DeleteFile(name, options, dbg);
      if (!status.ok()) return status;
    }
    return ToIoStatus(verdict, name);
  }
  IOStatus Truncate(const std::string& name, size_t size, const IOOptions& options,
                    IODebugContext* dbg) override {
    const Verdict verdict = NextStep(disk_, turns_, Step::kWrite);
    if (verdict.happens) {
      IOStatus status = target()->Truncate(name, size, options, dbg);
      if (!status.ok()) return status;
      disk_.Cut(name, size);
    }
    return ToIoStatus(verdict, name);
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* dbg) override {
    const Verdict verdict = NextStep(disk_, turns_, Step::kRename);
    if (verdict.happens) {
      disk_.Renaming(from, to);
      IOStatus status = target()->RenameFile(from, to, options, dbg);
      if (!status.ok()) return status;
    }
    return ToIoStatus(verdict, from);
  }
  IOStatus LinkFile(const std::string& from, const std::string&, const IOOptions&,
                    IODebugContext*) override {
    return IOStatus::NotSupported("LinkFile", from);
  }

 private:
  IOStatus MakeFolder(const std::string& name, const IOStatus& made) {
    if (made.ok()) disk_.MadeFolder(name);
    return made;
  }

  SimDisk& disk_;
  Turns& turns_;
};

}  // namespace

// Counts what is scheduled, for Turns.
class FaultyDisk::TurnEnv : public rocksdb::EnvWrapper {
 public:
  static std::unique_ptr<TurnEnv> On(SimDisk& disk) {
    auto turns = std::make_unique<Turns>();
    auto files = std::make_shared<FaultyFiles>(disk, *turns);
    return std::unique_ptr<TurnEnv>(new TurnEnv(std::move(turns), files));
  }

  void Schedule(void (*function)(void* arg), void* arg, Priority priority, void* tag,
                void (*unschedule)(void* arg)) override {
    turns_->Begin();
    target()->Schedule(&Run, new Work{function, unschedule, arg, turns_.get()}, priority, tag,
                       &Drop);
  }

 private:
  struct Work {
    void (*function)(void* arg);
    void (*unschedule)(void* arg);
    void* arg;
    Turns* turns;
  };
  static void Run(void* arg) {
    const std::unique_ptr<Work> work(static_cast<Work*>(arg));
    Turns::in_background = true;
    work->function(work->arg);
    Turns::in_background = false;
    work->turns->End();
  }
  static void Drop(void* arg) {
    const std::unique_ptr<Work> work(static_cast<Work*>(arg));
    if (work->unschedule != nullptr) work->unschedule(work->arg);
    work->turns->End();
  }

  TurnEnv(std::unique_ptr<Turns> turns, const std::shared_ptr<FaultyFiles>& files)
      : EnvWrapper(rocksdb::NewCompositeEnv(files)), turns_(std::move(turns)) {
    file_system_ = files;
    system_clock_ = rocksdb::Env::Default()->GetSystemClock();
  }

  std::unique_ptr<Turns> turns_;
};

FaultyDisk::FaultyDisk(SimDisk& disk) : env_(TurnEnv::On(disk)) {
  ledger_disk_.env = env_.get();
  ledger_disk_.slots = [&disk](const std::filesystem::path& path) { return disk.Slots(path); };
  ledger_disk_.write_buffer_bytes = 64 << 10;
}

FaultyDisk::~FaultyDisk() = default;

}  // namespace souk::faults
