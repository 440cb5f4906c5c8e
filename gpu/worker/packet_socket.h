// Unix SOCK_SEQPACKET with descriptors: one send is one packet, whole or not at all.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "gpu/worker/descriptor.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace souk::gpu {

struct Packet {
  enum class What {
    kNothing,   // none has arrived
    kMessage,   // bytes and files
    kTooLarge,  // longer than kMaxPacketBytes or with more files than fit; it is lost
    kClosed,    // the other end is gone
  };
  What what = What::kNothing;
  Bytes bytes = {};
  std::vector<Descriptor> files = {};
  pid_t sender = 0;  // as the kernel vouches for; 0 unless AskForSender was called
};

// Never blocks, never raises SIGPIPE. kUnavailable: the other end is gone or does not read.
Status SendPacket(int socket, ByteView bytes, std::span<const int> files = {});

// Never blocks. Descriptors arrive close-on-exec.
Packet ReceivePacket(int socket);

// From now on every packet says which process sent it.
Status AskForSender(int socket);

// Sockets at a path of any length in `folder`. Bind replaces what is there, mode 0600.
Result<Descriptor> ListenAt(const std::filesystem::path& folder, const char* name);
// kNotFound where nobody listens.
Result<Descriptor> ConnectTo(const std::filesystem::path& folder, const char* name);

}  // namespace souk::gpu
