#include "node/blob_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "gpu/worker/descriptor.h"
#include "protocol/base/check.h"
#include "protocol/base/file.h"

namespace souk::node {
namespace {

using gpu::Descriptor;

constexpr const char* kBlobs = "blobs";
constexpr const char* kWhole = "sha256";
constexpr const char* kPartial = "partial";
constexpr size_t kReadAtOnce = 256 * 1024;

std::optional<uint64_t> SizeOf(const std::filesystem::path& path) {
  struct stat info = {};
  if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return static_cast<uint64_t>(info.st_size);
}

// False where it is not there.
bool IsOlder(const std::filesystem::path& path, std::chrono::milliseconds than) {
  struct stat info = {};
  if (::lstat(path.c_str(), &info) != 0) return false;
  const auto age = std::chrono::system_clock::now() -
                   std::chrono::system_clock::from_time_t(info.st_mtim.tv_sec);
  return age > than;
}

// A blob whose name may be lost is an error of the disk, whatever the reason.
Status KeepName(const std::filesystem::path& blob) {
  const Status synced = SyncFolder(blob.parent_path());
  if (!synced) return Error(Code::kIo, synced.error().message);
  return Ok();
}

Status WriteAll(int fd, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      // A full disk is not a broken one: the transfer waits, and the ledger finds out for itself.
      const Code code = errno == ENOSPC || errno == EDQUOT ? Code::kExhausted : Code::kIo;
      return Error(code, ErrnoError("writing a blob", errno).message);
    }
    bytes = bytes.subspan(static_cast<size_t>(wrote));
  }
  return Ok();
}

// Feeds all of the open file to the hasher, from where the descriptor stands.
Result<uint64_t> HashRest(int fd, Sha256Hasher& hasher) {
  Bytes buffer(kReadAtOnce);
  uint64_t total = 0;
  while (true) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error(Code::kIo, ErrnoError("reading a blob", errno).message);
    if (got == 0) return total;
    hasher.Update(ByteView(buffer).first(static_cast<size_t>(got)));
    total += static_cast<uint64_t>(got);
  }
}

}  // namespace

FileBlobStore::FileBlobStore(std::filesystem::path dir, const ledger::Log& log)
    : dir_(std::move(dir)), log_(log) {}

FileBlobStore::~FileBlobStore() {
  for (auto& [blob, partial] : partials_) ::close(partial.fd);
}

Result<std::unique_ptr<FileBlobStore>> FileBlobStore::Open(const std::filesystem::path& dir,
                                                           const ledger::Log& log) {
  RETURN_IF_ERROR(MakePrivateFolder(dir / kBlobs));
  RETURN_IF_ERROR(MakePrivateFolder(dir / kBlobs / kWhole));
  RETURN_IF_ERROR(MakePrivateFolder(dir / kBlobs / kPartial));
  auto store = std::unique_ptr<FileBlobStore>(new FileBlobStore(dir, log));
  store->SweepPartials();
  return store;
}

std::filesystem::path FileBlobStore::PathOf(const std::filesystem::path& dir, const Digest& blob) {
  return dir / kBlobs / kWhole / blob.Hex();
}
std::filesystem::path FileBlobStore::PartialPath(const Source& source) const {
  return dir_ / kBlobs / kPartial / (source.first.Hex() + "-" + ToHex(source.second.bytes));
}

std::optional<uint64_t> FileBlobStore::BlobSize(const Digest& blob) const {
  return SizeOf(PathOf(blob));
}

uint64_t FileBlobStore::PartialBlobSize(const Digest& blob, const PeerId& from) const {
  const auto it = partials_.find({blob, from});
  if (it != partials_.end()) return it->second.size;
  return SizeOf(PartialPath({blob, from})).value_or(0);
}

std::string FileBlobStore::Checkpoint() const {
  return log_.confirmed() && log_.head().size > 0 ? log_.checkpoint() : "";
}

Result<std::vector<Digest>> FileBlobStore::Consistency(uint64_t from, uint64_t to) const {
  RETURN_IF_ERROR(log_.health());
  if (to > log_.size()) return Error(Code::kInvalidArgument, "the log has not so many entries");
  return ledger::ConsistencyProof(from, to, log_.reader());
}

bool FileBlobStore::Indexed(const Digest& id) const {
  return FindEntry(id).has_value();
}

std::optional<uint64_t> FileBlobStore::FindEntry(const Digest& id) const {
  return log_.FindById(id).value_or(std::nullopt);
}

const ledger::MirroredLog* FileBlobStore::Mirrored(const std::string& origin) const {
  return mirrors_ == nullptr ? nullptr : mirrors_->Find(origin);
}

Result<Digest> FileBlobStore::MirroredRoot(const std::string& origin, uint64_t size) const {
  if (mirrors_ == nullptr) return Error(Code::kNotFound, "this node is no mirror");
  return mirrors_->RootAt(origin, size);
}

Result<Bytes> FileBlobStore::Read(const Digest& blob, uint64_t offset, uint32_t length) const {
  const std::filesystem::path path = PathOf(blob);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return Error(Code::kNotFound, "no such blob: " + blob.ToString());
  struct stat info = {};
  if (::fstat(file.get(), &info) != 0) return ErrnoError("reading " + path.string(), errno);
  const auto size = static_cast<uint64_t>(info.st_size);
  if (offset > size || length > size - offset) {
    return Error(Code::kInvalidArgument, "the blob has no such bytes");
  }
  Bytes out(length);
  size_t read = 0;
  while (read < out.size()) {
    const ssize_t got = ::pread(file.get(), out.data() + read, out.size() - read,
                                static_cast<off_t>(offset + read));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Error(Code::kIo, "reading " + path.string() + " failed");
    read += static_cast<size_t>(got);
  }
  return out;
}

// Each open blob is resumable from its file, so the one that rested longest can be closed.
void FileBlobStore::CloseOldest() {
  const auto oldest = std::min_element(
      partials_.begin(), partials_.end(),
      [](const auto& a, const auto& b) { return a.second.last_use < b.second.last_use; });
  ::close(oldest->second.fd);
  partials_.erase(oldest);
}

Result<FileBlobStore::Partial*> FileBlobStore::Resume(const Source& source) {
  const auto it = partials_.find(source);
  if (it == partials_.end()) {
    if (partials_.size() >= kPartials) CloseOldest();
    const std::filesystem::path path = PartialPath(source);
    Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return Error(Code::kIo, ErrnoError("opening " + path.string(), errno).message);
    Partial partial;
    ASSIGN_OR_RETURN(partial.size, HashRest(file.get(), partial.hasher));
    partial.fd = file.Release();
    partials_.emplace(source, std::move(partial));
  }
  Partial& partial = partials_.at(source);
  partial.last_use = ++uses_;
  return &partial;
}

Result<bool> FileBlobStore::Write(const WriteChunk& chunk) {
  const Source source{chunk.blob, chunk.from};
  ASSIGN_OR_RETURN(Partial* const partial, Resume(source));
  ByteView bytes = *chunk.bytes;
  if (chunk.total > limits::kBlobBytes || chunk.offset > partial->size ||
      chunk.offset + bytes.size() > chunk.total) {
    return Error(Code::kInvalidArgument, "these are not the blob's next bytes");
  }
  const uint64_t known = std::min<uint64_t>(partial->size - chunk.offset, bytes.size());
  bytes = bytes.subspan(known);
  if (const Status wrote = WriteAll(partial->fd, bytes); !wrote) {
    // Nobody knows how much arrived: the next write looks at the file again.
    ::close(partial->fd);
    partials_.erase(source);
    return wrote.error();
  }
  partial->hasher.Update(bytes);
  partial->size += bytes.size();
  if (partial->size < chunk.total) return false;
  return Complete(source);
}

void FileBlobStore::Drop(const DropPartial& drop) {
  const Source source{drop.blob, drop.from};
  const auto it = partials_.find(source);
  if (it != partials_.end()) {
    ::close(it->second.fd);
    partials_.erase(it);
  }
  ::unlink(PartialPath(source).c_str());
}

void FileBlobStore::SweepPartials() const {
  std::error_code error;
  const std::chrono::milliseconds kept(limits::kKeepResults.ms);
  for (const auto& file : std::filesystem::directory_iterator(dir_ / kBlobs / kPartial, error)) {
    if (IsOlder(file.path(), kept)) ::unlink(file.path().c_str());
  }
}

void FileBlobStore::Remove(const RemoveBlob& remove) {
  const std::filesystem::path path = PathOf(remove.blob);
  if (remove.even_new) {
    ::unlink(path.c_str());
    return;
  }
  if (!IsOlder(path, kNew)) return;
  // Out of the way first: whoever finds it there in this moment, and makes it new, is seen.
  const std::filesystem::path aside = dir_ / kBlobs / kPartial / remove.blob.Hex();
  if (::rename(path.c_str(), aside.c_str()) != 0) return;
  if (!IsOlder(aside, kNew)) (void)::link(aside.c_str(), path.c_str());
  ::unlink(aside.c_str());
}

Result<bool> FileBlobStore::Complete(const Source& source) {
  const Digest& blob = source.first;
  Partial& partial = partials_.at(source);
  const Descriptor file(partial.fd);
  const Digest digest = partial.hasher.Finish();
  partials_.erase(source);
  const std::filesystem::path path = PartialPath(source);
  if (digest != blob) {
    ::unlink(path.c_str());
    return Error(Code::kMismatch, "the bytes have not the digest " + blob.ToString());
  }
  if (::fsync(file.get()) != 0 || ::rename(path.c_str(), PathOf(blob).c_str()) != 0) {
    return Error(Code::kIo, ErrnoError("keeping a blob", errno).message);
  }
  RETURN_IF_ERROR(KeepName(PathOf(blob)));
  return true;
}

Result<bool> FileBlobStore::DropDamaged(const std::filesystem::path& dir, const Digest& blob) {
  const std::filesystem::path path = PathOf(dir, blob);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return ErrnoError("opening " + path.string(), errno);
  Sha256Hasher hasher;
  const auto hashed = HashRest(file.get(), hasher);
  if (!hashed) return hashed.error();
  if (hasher.Finish() == blob) return false;
  if (::unlink(path.c_str()) != 0) return ErrnoError("removing " + path.string(), errno);
  return true;
}

Status FileBlobStore::TakeIn(const std::filesystem::path& dir, const std::filesystem::path& path,
                             const Digest& blob) {
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (!file) return ErrnoError("opening " + path.string(), errno);
  Sha256Hasher hasher;
  const auto hashed = HashRest(file.get(), hasher);
  if (!hashed) return hashed.error();
  if (hasher.Finish() != blob) {
    return Error(Code::kMismatch, path.string() + " has not the digest " + blob.ToString());
  }
  const std::filesystem::path to = PathOf(dir, blob);
  // New, so that nobody removes it before this job's receipt holds it; and over what is there
  // already, which was right when it came and may have been damaged since. A rename onto the same
  // file does nothing, and leaves the second name.
  const std::filesystem::path aside = dir / kBlobs / kPartial / (blob.Hex() + "-made");
  const auto named = [&] {
    if (::utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW) != 0) return false;
    ::unlink(aside.c_str());
    const bool done =
        ::link(path.c_str(), aside.c_str()) == 0 && ::rename(aside.c_str(), to.c_str()) == 0;
    const int error = errno;
    ::unlink(aside.c_str());
    errno = error;
    return done;
  };
  if (::fsync(file.get()) != 0 || !named()) {
    return Error(Code::kIo, ErrnoError("keeping " + path.string(), errno).message);
  }
  return KeepName(to);
}

}  // namespace souk::node
