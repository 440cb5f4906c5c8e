#include "protocol/base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "protocol/base/check.h"

namespace souk {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Status WriteAll(int fd, ByteView bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t wrote = ::write(fd, bytes.data(), bytes.size());
    if (wrote < 0) {
      if (errno == EINTR) continue;
      return ErrnoError("writing " + path.string(), errno);
    }
    bytes = bytes.subspan(static_cast<size_t>(wrote));
  }
  return Ok();
}

// Writes `beside` and renames it to `path`; after an error `beside` may be there.
Status Put(const std::filesystem::path& beside, const std::filesystem::path& path, ByteView bytes,
           mode_t mode) {
  const Descriptor file(
      ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode_t{0600}));
  if (file.get() < 0) {
    // Those who asked know nothing of the file beside theirs.
    const std::filesystem::path folder = path.parent_path();
    const int why = errno;
    std::error_code error;
    if (why == ENOENT && !folder.empty() && !std::filesystem::exists(folder, error)) {
      return Error(Code::kNotFound,
                   "writing " + path.string() + ": there is no folder " + folder.string());
    }
    return ErrnoError("writing " + path.string(), why);
  }
  RETURN_IF_ERROR(WriteAll(file.get(), bytes, path));
  if (::fchmod(file.get(), mode) != 0 || ::fsync(file.get()) != 0) {
    return ErrnoError("writing " + path.string(), errno);
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    return ErrnoError("writing " + path.string(), errno);
  }
  return Ok();
}

}  // namespace

Error ErrnoError(const std::string& doing, int error_number) {
  const Code code = error_number == ENOENT                            ? Code::kNotFound
                    : error_number == EACCES || error_number == EPERM ? Code::kDenied
                                                                      : Code::kIo;
  return Error(code, doing + ": " + std::strerror(error_number));
}

Result<Bytes> ReadFile(const std::filesystem::path& path, size_t max_bytes) {
  // Opening a named pipe, or reading from a terminal, would wait for somebody else.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return ErrnoError("opening " + path.string(), errno);
  struct stat info = {};
  if (::fstat(file.get(), &info) != 0) return ErrnoError("reading " + path.string(), errno);
  if (S_ISDIR(info.st_mode)) return Error(Code::kInvalidArgument, path.string() + " is a folder");
  if (!S_ISREG(info.st_mode)) {
    return Error(Code::kInvalidArgument, path.string() + " is no regular file");
  }
  if (info.st_size > 0 && static_cast<uint64_t>(info.st_size) > max_bytes) {
    return Error(Code::kTooLarge, path.string() + " has " + std::to_string(info.st_size) +
                                      " bytes, at most " + std::to_string(max_bytes) +
                                      " are taken");
  }
  // Sizes of /proc files are not known: read until the end or one byte past the bound.
  Bytes out;
  out.reserve(static_cast<size_t>(info.st_size));
  uint8_t buffer[65536];
  while (true) {
    const ssize_t got = ::read(file.get(), buffer, sizeof(buffer));
    if (got < 0) {
      if (errno == EINTR) continue;
      return ErrnoError("reading " + path.string(), errno);
    }
    if (got == 0) return out;
    if (out.size() + static_cast<size_t>(got) > max_bytes) {
      return Error(Code::kTooLarge,
                   path.string() + " has more than " + std::to_string(max_bytes) + " bytes");
    }
    out.insert(out.end(), buffer, buffer + got);
  }
}

Status WriteFileAtomic(const std::filesystem::path& path, ByteView bytes, unsigned mode) {
  struct stat there = {};
  if (::stat(path.c_str(), &there) == 0 && !S_ISREG(there.st_mode)) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (file.get() < 0) return ErrnoError("writing " + path.string(), errno);
    return WriteAll(file.get(), bytes, path);
  }
  const std::filesystem::path beside = path.string() + ".tmp" + std::to_string(::getpid());
  if (Status put = Put(beside, path, bytes, static_cast<mode_t>(mode)); !put) {
    ::unlink(beside.c_str());
    return put;
  }
  return SyncFolder(path.parent_path());
}

Status SyncFolder(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder.empty() ? "." : folder;
  const Descriptor dir(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir.get() < 0 || ::fsync(dir.get()) != 0) {
    return ErrnoError("syncing " + path.string(), errno);
  }
  return Ok();
}

Status MakePrivateFolder(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoError("making " + path.string(), errno);
  }
  return Ok();
}

void OpenStandardStreams() noexcept {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number, hence fd. Inherited like the others.
    CHECK(::open("/dev/null", O_RDWR) == fd);
  }
}

}  // namespace souk
