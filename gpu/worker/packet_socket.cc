#include "gpu/worker/packet_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "gpu/worker/wire.h"
#include "protocol/base/check.h"
#include "protocol/base/file.h"

namespace souk::gpu {
namespace {

// A pending connection beside the one in use; more are refused by the kernel.
constexpr int kBacklog = 4;

// sun_path holds 107 characters, paths may be longer: go through the folder's descriptor.
struct Address {
  Descriptor folder = {};
  sockaddr_un address = {};
};

Result<Address> AddressOf(const std::filesystem::path& folder, const char* name) {
  Address out;
  out.folder = Descriptor(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!out.folder) return ErrnoError("opening " + folder.string(), errno);
  const std::string path = "/proc/self/fd/" + std::to_string(out.folder.get()) + "/" + name;
  CHECK(path.size() < sizeof(out.address.sun_path));
  out.address.sun_family = AF_UNIX;
  std::memcpy(out.address.sun_path, path.c_str(), path.size() + 1);
  return out;
}

Result<Descriptor> NewSocket() {
  Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return ErrnoError("socket", errno);
  return socket;
}

void TakeControl(msghdr& header, Packet& packet) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != SOL_SOCKET) continue;
    if (part->cmsg_type == SCM_CREDENTIALS) {
      ucred sender = {};
      std::memcpy(&sender, CMSG_DATA(part), sizeof(sender));
      packet.sender = sender.pid;
    } else if (part->cmsg_type == SCM_RIGHTS) {
      const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
        packet.files.push_back(Descriptor(fd));
      }
    }
  }
}

}  // namespace

Status SendPacket(int socket, ByteView bytes, std::span<const int> files) {
  CHECK(!bytes.empty() && bytes.size() <= kMaxPacketBytes && files.size() <= kMaxPacketFiles);
  iovec part = {const_cast<uint8_t*>(bytes.data()), bytes.size()};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxPacketFiles)] = {};
  if (!files.empty()) {
    header.msg_control = control;
    header.msg_controllen = CMSG_SPACE(files.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(files.size_bytes());
    std::memcpy(CMSG_DATA(rights), files.data(), files.size_bytes());
  }
  while (::sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (errno == EAGAIN) return Error(Code::kUnavailable, "the other end does not read");
    return Error(Code::kUnavailable, ErrnoError("sending", errno).message);
  }
  return Ok();
}

Packet ReceivePacket(int socket) {
  Packet packet;
  packet.bytes.resize(kMaxPacketBytes);
  iovec part = {packet.bytes.data(), packet.bytes.size()};
  alignas(
      cmsghdr) char control[CMSG_SPACE(sizeof(int) * kMaxPacketFiles) + CMSG_SPACE(sizeof(ucred))];
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    // ECONNRESET comes once where the other end left without reading all; what it had sent before
    // still waits behind it.
  } while (got < 0 && (errno == EINTR || errno == ECONNRESET));
  if (got < 0 && errno == EAGAIN) {
    packet.bytes.clear();
    return packet;
  }
  if (got <= 0) {
    packet.bytes.clear();
    packet.what = Packet::What::kClosed;
    return packet;
  }
  // Also of a packet that is refused: descriptors not taken over here would stay open for ever.
  TakeControl(header, packet);
  packet.bytes.resize(static_cast<size_t>(got));
  packet.what = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ? Packet::What::kTooLarge
                                                                   : Packet::What::kMessage;
  return packet;
}

Status AskForSender(int socket) {
  const int on = 1;
  if (::setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) {
    return ErrnoError("SO_PASSCRED", errno);
  }
  return Ok();
}

Result<Descriptor> ListenAt(const std::filesystem::path& folder, const char* name) {
  ASSIGN_OR_RETURN(const Address at, AddressOf(folder, name));
  ASSIGN_OR_RETURN(Descriptor socket, NewSocket());
  const std::string where = (folder / name).string();
  if (::unlinkat(at.folder.get(), name, 0) != 0 && errno != ENOENT) {
    return ErrnoError("removing " + where, errno);
  }
  const auto* address = reinterpret_cast<const sockaddr*>(&at.address);
  if (::bind(socket.get(), address, sizeof(at.address)) != 0) {
    return ErrnoError("binding " + where, errno);
  }
  if (::fchmodat(at.folder.get(), name, 0600, 0) != 0) return ErrnoError("chmod " + where, errno);
  if (::listen(socket.get(), kBacklog) != 0) return ErrnoError("listening at " + where, errno);
  return socket;
}

Result<Descriptor> ConnectTo(const std::filesystem::path& folder, const char* name) {
  ASSIGN_OR_RETURN(const Address at, AddressOf(folder, name));
  ASSIGN_OR_RETURN(Descriptor socket, NewSocket());
  const auto* address = reinterpret_cast<const sockaddr*>(&at.address);
  if (::connect(socket.get(), address, sizeof(at.address)) != 0) {
    const std::string doing = "connecting to " + (folder / name).string();
    if (errno == ECONNREFUSED || errno == ENOENT) {
      return Error(Code::kNotFound, ErrnoError(doing, errno).message);
    }
    if (errno == EAGAIN) return Error(Code::kUnavailable, doing + ": too many wait already");
    return ErrnoError(doing, errno);
  }
  return socket;
}

}  // namespace souk::gpu
