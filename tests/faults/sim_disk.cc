#include "faults/sim_disk.h"

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "protocol/base/check.h"
#include "protocol/base/file.h"

namespace souk::faults {
namespace fs = std::filesystem;
namespace {

constexpr size_t kMaxFile = 1 << 28;

Bytes Contents(const fs::path& path) {
  auto bytes = ReadFile(path, kMaxFile);
  return bytes ? std::move(*bytes) : Bytes();
}

void PutContents(const fs::path& path, ByteView bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
}

Status AsStatus(const Verdict& verdict, const char* doing, const fs::path& path) {
  if (verdict.error_number == 0) return Ok();
  return ErrnoError(std::string(doing) + " " + path.string(), verdict.error_number);
}

}  // namespace

const char* FaultName(Fault fault) {
  switch (fault) {
    case Fault::kPowerCut:
      return "power cut";
    case Fault::kIoError:
      return "one I/O error";
    case Fault::kBroken:
      return "I/O errors";
    case Fault::kDiskFull:
      return "full disk";
  }
  return "";
}

SimDisk::SimDisk(fs::path root, uint64_t seed) : root_(std::move(root)), rng_(seed) {
  for (const auto& entry : fs::recursive_directory_iterator(root_)) {
    auto file = std::make_shared<File>();
    file->is_folder = entry.is_directory();
    if (!file->is_folder) file->size = file->synced = entry.file_size();
    names_[NameOf(entry.path())] = file;
  }
  durable_ = names_;
}

std::string SimDisk::NameOf(const fs::path& path) const {
  return path.lexically_relative(root_).string();
}

void SimDisk::FailAt(uint64_t step, Fault fault) {
  const std::lock_guard lock(mutex_);
  fail_at_ = step;
  fault_ = fault;
  failed_ = false;
}

void SimDisk::CutReadAt(uint64_t read) {
  const std::lock_guard lock(mutex_);
  cut_read_ = read;
}

void SimDisk::Mend() {
  const std::lock_guard lock(mutex_);
  fail_at_.reset();
  cut_read_.reset();
  dead_ = false;
  full_ = false;
}

uint64_t SimDisk::steps() const {
  const std::lock_guard lock(mutex_);
  return steps_;
}

uint64_t SimDisk::reads() const {
  const std::lock_guard lock(mutex_);
  return reads_;
}

bool SimDisk::failed() const {
  const std::lock_guard lock(mutex_);
  return failed_;
}

bool SimDisk::NextReadIsCut() {
  const std::lock_guard lock(mutex_);
  if (cut_read_ != reads_++) return false;
  failed_ = true;
  return true;
}

Verdict SimDisk::Next(Step step) {
  const std::lock_guard lock(mutex_);
  const bool now = fail_at_ == steps_++;
  if (dead_) return {EIO, /*happens=*/false};
  const bool needs_space = step == Step::kCreate || step == Step::kWrite || step == Step::kFolder;
  if (full_ && needs_space) return {ENOSPC, /*happens=*/false};
  if (!now) return {};
  failed_ = true;
  Verdict verdict{EIO, /*happens=*/rng_.Chance(500), rng_.Next() % 1000};
  switch (fault_) {
    case Fault::kPowerCut:
    case Fault::kBroken:
      dead_ = true;
      break;
    case Fault::kIoError:
      break;
    case Fault::kDiskFull:
      full_ = true;
      if (!needs_space) return {};
      verdict.error_number = ENOSPC;
      break;
  }
  return verdict;
}

void SimDisk::Created(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  const std::string name = NameOf(path);
  auto file = std::make_shared<File>();
  names_[name] = file;
  changes_.push_back({path.parent_path(), std::pair(name, file), std::nullopt});
}

void SimDisk::Grew(const fs::path& path, uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (const auto at = names_.find(NameOf(path)); at != names_.end()) at->second->size += bytes;
}

void SimDisk::Cut(const fs::path& path, uint64_t size) {
  const std::lock_guard lock(mutex_);
  const auto at = names_.find(NameOf(path));
  if (at == names_.end()) return;
  at->second->size = std::min(at->second->size, size);
  at->second->synced = std::min(at->second->synced, size);
}

void SimDisk::Synced(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  const auto at = names_.find(NameOf(path));
  if (at == names_.end()) return;
  File& file = *at->second;
  if (!file.dropped) file.synced = file.size;
  std::erase_if(file.overwrites, [](const File::Overwrite& write) { return !write.dropped; });
}

void SimDisk::SyncFailed(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  const auto at = names_.find(NameOf(path));
  if (at == names_.end() || !rng_.Chance(500)) return;
  at->second->dropped = true;
  for (File::Overwrite& write : at->second->overwrites) write.dropped = true;
}

// Its bytes go from the folder, but a power cut may bring its durable name back.
void SimDisk::Keep(const std::string& name) {
  const auto at = names_.find(name);
  if (at != names_.end() && !at->second->is_folder) at->second->kept = Contents(root_ / name);
}

void SimDisk::Renaming(const fs::path& from, const fs::path& to) {
  const std::lock_guard lock(mutex_);
  const std::string old_name = NameOf(from);
  const std::string new_name = NameOf(to);
  Keep(new_name);
  const auto at = names_.find(old_name);
  if (at == names_.end()) return;
  const FileRef file = at->second;
  names_.erase(at);
  names_[new_name] = file;
  changes_.push_back({to.parent_path(), std::pair(new_name, file), old_name});
}

void SimDisk::Deleting(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  const std::string name = NameOf(path);
  Keep(name);
  names_.erase(name);
  changes_.push_back({path.parent_path(), std::nullopt, name});
}

void SimDisk::MadeFolder(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  const std::string name = NameOf(path);
  if (names_.contains(name) || name.starts_with('.')) return;
  auto folder = std::make_shared<File>();
  folder->is_folder = true;
  names_[name] = folder;
  changes_.push_back({path.parent_path(), std::pair(name, folder), std::nullopt});
}

void SimDisk::Apply(const NameChange& change, std::map<std::string, FileRef>& names) {
  if (change.erase) names.erase(*change.erase);
  if (change.put) names[change.put->first] = change.put->second;
}

void SimDisk::FolderSynced(const fs::path& path) {
  const std::lock_guard lock(mutex_);
  const auto of_folder = [&](const NameChange& change) {
    return NameOf(change.folder) == NameOf(path);
  };
  for (const NameChange& change : changes_) {
    if (of_folder(change)) Apply(change, durable_);
  }
  std::erase_if(changes_, of_folder);
}

// File systems with a journal keep names in order, and RocksDB relies on it: one sync of the folder
// is to make a new manifest durable and the CURRENT that names it.
void SimDisk::ApplySomeChanges() {
  const size_t first_lost = rng_.Chance(500) ? rng_.Next() % (changes_.size() + 1) : 0;
  for (size_t i = 0; i < first_lost; ++i) Apply(changes_[i], durable_);
  changes_.clear();
}

// Each sector holds the old bytes or the new; one that was being written, a part of them, or zeros.
void SimDisk::ChooseOverwrites(const File& file, Bytes& bytes) {
  for (auto write = file.overwrites.rbegin(); write != file.overwrites.rend(); ++write) {
    std::copy(write->before.begin(), write->before.end(),
              bytes.begin() + static_cast<ptrdiff_t>(write->offset));
  }
  for (const File::Overwrite& write : file.overwrites) {
    for (size_t at = 0; at < write.after.size(); at += 512) {
      const auto length = std::min<size_t>(512, write.after.size() - at);
      const auto from = write.after.begin() + static_cast<ptrdiff_t>(at);
      const auto to = bytes.begin() + static_cast<ptrdiff_t>(write.offset + at);
      const uint64_t what = write.dropped ? 0 : rng_.Next() % 8;
      if (what >= 3) std::copy_n(from, what == 3 ? rng_.Next() % length : length, to);
      if (what == 4) std::fill_n(to, length, uint8_t{0});
    }
  }
}

Bytes SimDisk::After(const std::string& name, const File& file) {
  Bytes bytes = file.kept ? *file.kept : Bytes();
  if (!file.kept) {
    for (const auto& [current, of] : names_) {
      if (of.get() == &file) bytes = Contents(root_ / current);
    }
  }
  bytes.resize(std::min<size_t>(bytes.size(), file.size));
  ChooseOverwrites(file, bytes);
  if (file.synced >= bytes.size()) return bytes;
  const uint64_t unsynced = bytes.size() - file.synced;
  // A manifest with zeros in it RocksDB refuses. A file system that writes data before sizes leaves
  // none.
  const bool never_zeroed = name.find("MANIFEST") != std::string::npos;
  switch (rng_.Next() % (never_zeroed ? 3 : 4)) {
    case 0:
      bytes.resize(file.synced);
      break;  // lost
    case 1:
      bytes.resize(file.synced + rng_.Next() % (unsynced + 1));
      break;  // torn
    case 2:
      break;   // all there
    case 3: {  // zeroed
      const uint64_t from = file.synced + rng_.Next() % unsynced;
      const uint64_t to = from + 1 + rng_.Next() % (bytes.size() - from);
      std::fill(bytes.begin() + static_cast<ptrdiff_t>(from),
                bytes.begin() + static_cast<ptrdiff_t>(to), uint8_t{0});
      break;
    }
    default:
      break;
  }
  return bytes;
}

void SimDisk::PowerCut() {
  Mend();
  const std::lock_guard lock(mutex_);
  ApplySomeChanges();
  std::map<std::string, Bytes> image;
  for (const auto& [name, file] : durable_) {
    if (file->is_folder) continue;
    const fs::path folder = fs::path(name).parent_path();
    if (!folder.empty() && !durable_.contains(folder.string())) continue;
    image[name] = After(name, *file);
  }
  for (const auto& [name, file] : names_) {
    if (!file->is_folder) fs::remove(root_ / name);
  }
  for (const auto& [name, file] : names_) {
    if (file->is_folder && !durable_.contains(name)) fs::remove_all(root_ / name);
  }
  std::map<std::string, FileRef> found;
  for (const auto& [name, file] : durable_) {
    if (file->is_folder) found[name] = file;
  }
  for (const auto& [name, bytes] : image) {
    PutContents(root_ / name, bytes);
    auto file = std::make_shared<File>();
    file->size = file->synced = bytes.size();
    found[name] = file;
  }
  names_ = found;
  durable_ = std::move(found);
}

Status SimDisk::SyncFolder(const fs::path& path) {
  const Verdict verdict = Next(Step::kFolderSync);
  if (verdict.happens) FolderSynced(path);
  return AsStatus(verdict, "syncing", path);
}

// The slots' file on the disk.
class SimDisk::Medium : public ledger::SlotMedium {
 public:
  Medium(SimDisk& disk, fs::path path) : disk_(disk), path_(std::move(path)) {}

  Result<std::optional<Bytes>> Read() const override {
    std::error_code error;
    if (!fs::exists(path_, error)) return std::optional<Bytes>();
    Bytes bytes = Contents(path_);
    if (disk_.NextReadIsCut()) bytes.resize(bytes.size() / 2);
    return std::optional<Bytes>(std::move(bytes));
  }

  // As WriteFileAtomic: beside it, synced, renamed, the folder synced.
  Status Replace(ByteView bytes) override {
    const fs::path beside = path_.string() + ".tmp";
    if (Status put = PutBeside(beside, bytes); !put) {
      disk_.Deleting(beside);
      fs::remove(beside);
      return put;
    }
    return disk_.SyncFolder(path_.parent_path());
  }

  Status WriteAt(size_t offset, ByteView bytes) override {
    const Verdict verdict = disk_.Next(Step::kWrite);
    if (verdict.happens) {
      const size_t share = verdict.error_number == 0 ? 1000 : verdict.share;
      Overwrite(offset, bytes.subspan(0, bytes.size() * share / 1000));
    }
    return AsStatus(verdict, "writing", path_);
  }

  Status Sync() override {
    const Verdict verdict = disk_.Next(Step::kSync);
    if (verdict.happens) disk_.Synced(path_);
    if (!verdict.happens) disk_.SyncFailed(path_);
    return AsStatus(verdict, "syncing", path_);
  }

 private:
  Status PutBeside(const fs::path& beside, ByteView bytes) {
    RETURN_IF_ERROR(AsStatus(disk_.Next(Step::kCreate), "creating", beside));
    disk_.Created(beside);
    PutContents(beside, {});
    RETURN_IF_ERROR(AsStatus(disk_.Next(Step::kWrite), "writing", beside));
    PutContents(beside, bytes);
    disk_.Grew(beside, bytes.size());
    RETURN_IF_ERROR(AsStatus(disk_.Next(Step::kSync), "syncing", beside));
    disk_.Synced(beside);
    const Verdict renamed = disk_.Next(Step::kRename);
    if (renamed.happens) {
      disk_.Renaming(beside, path_);
      fs::rename(beside, path_);
    }
    return AsStatus(renamed, "renaming", beside);
  }

  void Overwrite(size_t offset, ByteView bytes) {
    Bytes all = Contents(path_);
    CHECK(offset + bytes.size() <= all.size());
    const auto start = all.begin() + static_cast<ptrdiff_t>(offset);
    const std::lock_guard lock(disk_.mutex_);
    File& file = *disk_.names_.at(disk_.NameOf(path_));
    file.overwrites.push_back(
        {offset, Bytes(start, start + static_cast<ptrdiff_t>(bytes.size())), ToBytes(bytes)});
    std::copy(bytes.begin(), bytes.end(), start);
    PutContents(path_, all);
  }

  SimDisk& disk_;
  fs::path path_;
};

std::unique_ptr<ledger::SlotMedium> SimDisk::Slots(const fs::path& path) {
  return std::make_unique<Medium>(*this, path);
}

}  // namespace souk::faults
