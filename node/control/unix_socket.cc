#include "node/control/unix_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "protocol/base/check.h"
#include "protocol/base/file.h"

namespace souk::node::control {
namespace {

// Calls `use` with an address that reaches `name` through the folder's descriptor.
template <typename Use>
int WithAddress(int folder, const char* name, const Use& use) {
  const std::string path = "/proc/self/fd/" + std::to_string(folder) + "/" + name;
  sockaddr_un address = {};
  CHECK(path.size() < sizeof(address.sun_path));
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return use(reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

Result<int> OpenFolder(const std::filesystem::path& folder) {
  const int fd = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoError("opening " + folder.string(), errno);
  return fd;
}

Result<int> NewSocket() {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return ErrnoError("socket", errno);
  return fd;
}

}  // namespace

Result<int> ListenAt(const std::filesystem::path& folder, const char* name, int backlog) {
  ASSIGN_OR_RETURN(const int dir, OpenFolder(folder));
  const auto fd = NewSocket();
  if (!fd) {
    ::close(dir);
    return fd.error();
  }
  ::unlinkat(dir, name, 0);
  int rc = WithAddress(dir, name, [&](const sockaddr* address, socklen_t length) {
    return ::bind(*fd, address, length);
  });
  if (rc == 0) rc = ::fchmodat(dir, name, 0600, 0);
  if (rc == 0) rc = ::listen(*fd, backlog);
  const int error = errno;
  ::close(dir);
  if (rc == 0) return *fd;
  ::close(*fd);
  return ErrnoError("listening at " + (folder / name).string(), error);
}

Result<int> ConnectTo(const std::filesystem::path& folder, const char* name) {
  ASSIGN_OR_RETURN(const int dir, OpenFolder(folder));
  const auto fd = NewSocket();
  if (!fd) {
    ::close(dir);
    return fd.error();
  }
  const int rc = WithAddress(dir, name, [&](const sockaddr* address, socklen_t length) {
    return ::connect(*fd, address, length);
  });
  const int error = errno;
  ::close(dir);
  if (rc == 0) return *fd;
  ::close(*fd);
  // EAGAIN: its backlog is full.
  if (error == ENOENT || error == ECONNREFUSED || error == EAGAIN) {
    return Error(Code::kUnavailable, "no daemon answers at " + (folder / name).string());
  }
  return ErrnoError("connecting to " + (folder / name).string(), error);
}

}  // namespace souk::node::control
