#include "ledger/log/tile_export.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>

#include "ledger/c2sp/entry_bundle.h"
#include "ledger/log/log_keys.h"
#include "protocol/base/file.h"

namespace souk::ledger {
namespace {

namespace fs = std::filesystem;

// The end of ForEach once everything that is signed was seen.
constexpr const char* kEnough = "the end of what is signed";

// A folder that is not there yet under its name. Goes with its object unless it was published.
class UnpublishedFolder {
 public:
  static Result<UnpublishedFolder> MakeBeside(const fs::path& out) {
    std::error_code error;
    if (fs::symlink_status(out, error).type() != fs::file_type::not_found) {
      return Error(Code::kDuplicate, out.string() + " is there already: nothing is overwritten");
    }
    std::string name = out.string() + ".partial-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) return ErrnoError("making " + out.string(), errno);
    return UnpublishedFolder(name);
  }
  explicit UnpublishedFolder(fs::path path) : path_(std::move(path)) {}
  UnpublishedFolder(UnpublishedFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  UnpublishedFolder& operator=(UnpublishedFolder&&) = delete;
  ~UnpublishedFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }

  const fs::path& path() const { return path_; }

  Status Publish(const fs::path& out) {
    RETURN_IF_ERROR(SyncFileSystem(path_));
    // Fails where something stands there by now.
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, out.c_str(), RENAME_NOREPLACE) != 0 &&
        // A file system that does not know the flag: rename(2) replaces an empty folder at most.
        (errno != EINVAL || ::rename(path_.c_str(), out.c_str()) != 0)) {
      return ErrnoError("making " + out.string(), errno);
    }
    path_.clear();
    return SyncFolder(out.parent_path());
  }

 private:
  // All that the folder's file system has not written yet: syncing thousands of files one by one
  // takes minutes.
  static Status SyncFileSystem(const fs::path& folder) {
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return ErrnoError("opening " + folder.string(), errno);
    const int failed = ::syncfs(fd);
    const int why = errno;
    ::close(fd);
    return failed != 0 ? Status(ErrnoError("syncing " + folder.string(), why)) : Ok();
  }

  fs::path path_;
};

// Writes bundles and tiles as entries come.
class TileWriter {
 public:
  explicit TileWriter(fs::path root) : root_(std::move(root)) {}

  Status Add(ByteView entry) {
    AppendToBundle(bundle_, entry);
    Status tiles = Ok();
    edge_.Append(LeafHash(entry), [&](TileId tile, std::span<const Digest> hashes) {
      if (tiles) tiles = Write(TilePath(tile, kTileWidth), EncodeTile(hashes));
    });
    RETURN_IF_ERROR(tiles);
    return edge_.size() % kTileWidth == 0 ? WriteBundle(kTileWidth) : Ok();
  }
  // What is not full yet.
  Status Finish() {
    const uint64_t left = edge_.size() % kTileWidth;
    if (left > 0) RETURN_IF_ERROR(WriteBundle(left));
    for (unsigned level = 0; level < kMaxTileLevels; ++level) {
      const auto hashes = edge_.PartialTile(level);
      if (hashes.empty()) continue;
      const TileId tile = EdgeTile(level, edge_.size());
      RETURN_IF_ERROR(Write(TilePath(tile, hashes.size()), EncodeTile(hashes)));
    }
    return Ok();
  }
  Status Write(const fs::path& name, ByteView bytes) {
    const fs::path path = root_ / name;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) return ErrnoError("making " + path.parent_path().string(), error.value());
    errno = 0;
    std::ofstream file(path, std::ios::binary);
    file.write(AsText(bytes).data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (!file) return ErrnoError("writing " + path.string(), errno);
    ++written_.files;
    written_.bytes += bytes.size();
    return Ok();
  }

  Digest Root() const { return edge_.Root(); }
  ExportedTiles written() const {
    ExportedTiles out = written_;
    out.entries = edge_.size();
    return out;
  }

 private:
  Status WriteBundle(uint64_t width) {
    RETURN_IF_ERROR(Write(EntryBundlePath((edge_.size() - 1) / kTileWidth, width), bundle_));
    bundle_.clear();
    return Ok();
  }

  fs::path root_;
  TreeEdge edge_;
  Bytes bundle_;
  ExportedTiles written_;
};

}  // namespace

TileId EdgeTile(unsigned level, uint64_t size) {
  const unsigned shift = kTileHeight * (level + 1);
  return {level, shift < 64 ? size >> shift : 0};
}

Result<ExportedTiles> ExportTiles(const LogReader& log, const NoteVerifier& key,
                                  const fs::path& out, const ExportProgress& progress) {
  // With a slash at its end a path names nothing that a folder could be renamed to.
  const fs::path target = out.has_filename() ? out : out.parent_path();
  ASSIGN_OR_RETURN(UnpublishedFolder folder, UnpublishedFolder::MakeBeside(target));
  TileWriter writer(folder.path());
  const uint64_t total = log.signed_size();
  bool ended = false;
  const Status read = log.ForEach(0, [&](uint64_t index, ByteView entry) -> Status {
    if (index == total) {
      ended = true;
      return Error(Code::kNotFound, kEnough);
    }
    RETURN_IF_ERROR(writer.Add(entry));
    const uint64_t done = index + 1;
    if (progress && (done % kTileWidth == 0 || done == total)) progress(done, total);
    return Ok();
  });
  if (!ended) RETURN_IF_ERROR(read);
  RETURN_IF_ERROR(writer.Finish());
  if (writer.written().entries != total || writer.Root() != log.head().root) {
    return Error(Code::kCorrupt, "the entries do not lead to the root that the checkpoint signs");
  }
  RETURN_IF_ERROR(writer.Write("vkey", AsBytes(key.ToVkey() + "\n")));
  RETURN_IF_ERROR(writer.Write("checkpoint", AsBytes(log.checkpoint())));
  RETURN_IF_ERROR(folder.Publish(target));
  return writer.written();
}

}  // namespace souk::ledger
