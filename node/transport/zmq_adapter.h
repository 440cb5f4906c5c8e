// The one adapter to libzmq: owned contexts, sockets and messages, errors as values. Only
// transport.cc and its parts include this.
#pragma once

#include <zmq.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/message.h"

namespace souk::node::zmq {

class Context {
 public:
  Context();
  // Waits until what was sent has left or lingered away.
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  void* get() const { return context_; }

 private:
  void* context_;
};

// One message in all its frames.
struct Message {
  Frames frames = {};
  // Of the last frame: which TCP connection brought it (ZMQ_SRCFD), and who ZAP said it is.
  int fd = -1;
  std::string user = {};
  // More frames or bytes than were asked for came, and were thrown away.
  bool cut = false;
};

// What became of a message that was to be sent.
enum class Sent { kQueued, kFull, kUnreachable };

// Used by one thread. Movable.
class Socket {
 public:
  Socket() = default;
  Socket(const Context& context, int type);
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;

  explicit operator bool() const { return socket_ != nullptr; }

  // Options that this program sets are always known: a failure is a mistake of ours (CHECK).
  void Set(int option, int value);
  void Set(int option, int64_t value);
  void Set(int option, std::string_view value);
  void SetKey(int option, ByteView key);

  Status Bind(const std::string& endpoint);
  Status Connect(const std::string& endpoint);
  // "tcp://0.0.0.0:45123": the endpoint bound last, with its port.
  std::string LastEndpoint() const;
  // Events of this socket go to a PAIR that is connected to the returned one, which must outlive
  // this socket.
  Socket Monitor(const Context& context, const std::string& name, int events);

  // Becomes readable when something may have changed; then HasInput is asked. Any call on the
  // socket may use the signal up, so HasInput is asked before every wait.
  int fd() const;
  bool HasInput() const;

  // Nothing where no whole message waits.
  std::optional<Message> Receive(size_t max_frames, size_t max_bytes);
  // `to` goes first where it is not empty (ROUTER). Large frames are not copied.
  Sent Send(ByteView to, const Frames& frames);

 private:
  void* socket_ = nullptr;
};

}  // namespace souk::node::zmq
