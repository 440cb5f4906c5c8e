// A disk that fails as disks do, under a real folder: what is written stands in the folder at once,
// as in the page cache; what a power cut leaves of it a seed decides. Shared by a database's files
// (fault_files.h) and a slot file, so that "the n-th step" counts both.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ledger/log/slots.h"
#include "sim/rng.h"

namespace souk::faults {

enum class Fault {
  kPowerCut,  // this step and all later ones fail, and touch nothing
  kIoError,   // this step fails; later ones work
  kBroken,    // this step and all later ones fail, without a power cut
  kDiskFull,  // this and all that need space fail, until Mend
};
inline constexpr Fault kFaults[] = {Fault::kPowerCut, Fault::kIoError, Fault::kBroken,
                                    Fault::kDiskFull};
const char* FaultName(Fault fault);

// What one step asks of the disk.
enum class Step { kCreate, kWrite, kSync, kClose, kRename, kDelete, kFolder, kFolderSync };

// What becomes of a step.
struct Verdict {
  int error_number = 0;  // 0: it succeeds
  bool happens = true;   // a failing step may have done its work nevertheless
  uint64_t share = 0;    // of a failing write that happens: how much of it, in 1/1000
};

// Any thread.
class SimDisk {
 public:
  // What stands in `root` already is durable.
  SimDisk(std::filesystem::path root, uint64_t seed);

  // The step with this number (from 0) meets the fault.
  void FailAt(uint64_t step, Fault fault);
  // Reads from this one on (from 0) end early once: fewer bytes than there are.
  void CutReadAt(uint64_t read);
  // The fault is over, without a power cut: the process is started again.
  void Mend();
  // The power comes back: the folder holds what was durable, and of the rest what the seed leaves:
  // nothing, a part torn at any byte, all of it with zeros in it; new names or not. Every file of
  // it is closed.
  void PowerCut();
  uint64_t steps() const;
  uint64_t reads() const;
  bool failed() const;  // whether the planned fault was met

  const std::filesystem::path& root() const { return root_; }

  // For the files (fault_files.cc).
  Verdict Next(Step step);
  bool NextReadIsCut();
  void Created(const std::filesystem::path& path);
  void Grew(const std::filesystem::path& path, uint64_t bytes);
  void Cut(const std::filesystem::path& path, uint64_t size);
  void Synced(const std::filesystem::path& path);
  // A sync failed. What Linux may do then: what was not written stays to be read, counts as
  // written, and no later sync writes it.
  void SyncFailed(const std::filesystem::path& path);
  // Before it is done: what is overwritten is kept while its old name is durable.
  void Renaming(const std::filesystem::path& from, const std::filesystem::path& to);
  void Deleting(const std::filesystem::path& path);
  void MadeFolder(const std::filesystem::path& path);
  void FolderSynced(const std::filesystem::path& path);

  // For the slots.
  std::unique_ptr<ledger::SlotMedium> Slots(const std::filesystem::path& path);
  Status SyncFolder(const std::filesystem::path& path);

 private:
  class Medium;
  // A file's bytes, wherever its names are.
  struct File {
    uint64_t size = 0;
    uint64_t synced = 0;        // this much from the start is durable
    std::optional<Bytes> kept;  // its bytes, where no current name has them any more
    // Writes within it since it was synced (the slots): what they replaced and what they wrote.
    struct Overwrite {
      size_t offset = 0;
      Bytes before;
      Bytes after;
      bool dropped = false;  // SyncFailed
    };
    std::vector<Overwrite> overwrites;
    bool dropped = false;  // SyncFailed: beyond `synced` nothing becomes durable any more
    bool is_folder = false;
  };
  using FileRef = std::shared_ptr<File>;
  // A change of names that no sync of its folder has made durable: one or both of put and erase.
  struct NameChange {
    std::filesystem::path folder;
    std::optional<std::pair<std::string, FileRef>> put;
    std::optional<std::string> erase;
  };

  std::string NameOf(const std::filesystem::path& path) const;
  void Keep(const std::string& name);
  static void Apply(const NameChange& change, std::map<std::string, FileRef>& names);
  void ApplySomeChanges();
  Bytes After(const std::string& name, const File& file);
  void ChooseOverwrites(const File& file, Bytes& bytes);

  const std::filesystem::path root_;
  mutable std::mutex mutex_;
  sim::Rng rng_;
  uint64_t steps_ = 0;
  uint64_t reads_ = 0;
  std::optional<uint64_t> fail_at_;
  Fault fault_ = Fault::kPowerCut;
  bool failed_ = false;
  bool dead_ = false;
  bool full_ = false;
  std::optional<uint64_t> cut_read_;
  // By their paths from root.
  std::map<std::string, FileRef> names_;
  std::map<std::string, FileRef> durable_;
  std::vector<NameChange> changes_;
};

}  // namespace souk::faults
