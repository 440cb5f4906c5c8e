#include "node/transport/zmq_adapter.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "protocol/base/check.h"

namespace souk::node::zmq {
namespace {

// Below this a copy is cheaper than a reference that two threads count.
constexpr size_t kCopyBelow = 2048;

class Part {
 public:
  Part() { CHECK(zmq_msg_init(&part_) == 0); }
  ~Part() { zmq_msg_close(&part_); }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  zmq_msg_t* get() { return &part_; }
  ByteView bytes() {
    return {static_cast<const uint8_t*>(zmq_msg_data(&part_)), zmq_msg_size(&part_)};
  }

 private:
  zmq_msg_t part_;
};

void Release(void*, void* hint) {
  delete static_cast<SharedBytes*>(hint);
}

// A part that holds the frame: shared where it is large.
void Fill(zmq_msg_t* part, const SharedBytes& frame) {
  if (frame->size() < kCopyBelow) {
    CHECK(zmq_msg_init_size(part, frame->size()) == 0);
    if (!frame->empty()) std::memcpy(zmq_msg_data(part), frame->data(), frame->size());
    return;
  }
  auto* keep = new SharedBytes(frame);
  CHECK(zmq_msg_init_data(part, const_cast<uint8_t*>(frame->data()), frame->size(), Release,
                          keep) == 0);
}

Error ZmqError(const std::string& doing) {
  return Error(errno == EADDRINUSE ? Code::kConflict : Code::kIo,
               doing + ": " + zmq_strerror(errno));
}

// Sends one part that is filled in already; closes it on failure.
Sent SendPart(void* socket, zmq_msg_t* part, int flags) {
  while (zmq_msg_send(part, socket, flags | ZMQ_DONTWAIT) < 0) {
    if (errno == EINTR) continue;
    const Sent result = errno == EAGAIN ? Sent::kFull : Sent::kUnreachable;
    zmq_msg_close(part);
    return result;
  }
  return Sent::kQueued;
}

}  // namespace

Context::Context() : context_(zmq_ctx_new()) {
  CHECK(context_ != nullptr);
  CHECK(zmq_ctx_set(context_, ZMQ_MAX_SOCKETS, 16'384) == 0);
}
Context::~Context() {
  while (zmq_ctx_term(context_) != 0 && errno == EINTR) {
  }
}

Socket::Socket(const Context& context, int type) : socket_(zmq_socket(context.get(), type)) {
  CHECK(socket_ != nullptr);
}
Socket::~Socket() {
  if (socket_ == nullptr) return;
  // libzmq keeps a closed socket for as long as it lingers. An event then would be sent to a PAIR
  // that nobody reads, which blocks the I/O thread of all connections for ever.
  CHECK(zmq_socket_monitor(socket_, nullptr, 0) == 0);
  zmq_close(socket_);
}
Socket::Socket(Socket&& other) noexcept : socket_(std::exchange(other.socket_, nullptr)) {}
Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(socket_, other.socket_);
  return *this;
}

void Socket::Set(int option, int value) {
  CHECK(zmq_setsockopt(socket_, option, &value, sizeof(value)) == 0);
}
void Socket::Set(int option, int64_t value) {
  CHECK(zmq_setsockopt(socket_, option, &value, sizeof(value)) == 0);
}
void Socket::Set(int option, std::string_view value) {
  CHECK(zmq_setsockopt(socket_, option, value.data(), value.size()) == 0);
}
void Socket::SetKey(int option, ByteView key) {
  CHECK(zmq_setsockopt(socket_, option, key.data(), key.size()) == 0);
}

Status Socket::Bind(const std::string& endpoint) {
  if (zmq_bind(socket_, endpoint.c_str()) != 0) return ZmqError("listening at " + endpoint);
  return Ok();
}
Status Socket::Connect(const std::string& endpoint) {
  if (zmq_connect(socket_, endpoint.c_str()) != 0) return ZmqError("connecting to " + endpoint);
  return Ok();
}

std::string Socket::LastEndpoint() const {
  char text[512] = {};
  size_t size = sizeof(text);
  CHECK(zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, text, &size) == 0);
  return text;
}

Socket Socket::Monitor(const Context& context, const std::string& name, int events) {
  const std::string endpoint = "inproc://" + name;
  CHECK(zmq_socket_monitor(socket_, endpoint.c_str(), events) == 0);
  Socket pair(context, ZMQ_PAIR);
  CHECK(zmq_connect(pair.socket_, endpoint.c_str()) == 0);
  return pair;
}

int Socket::fd() const {
  int fd = -1;
  size_t size = sizeof(fd);
  CHECK(zmq_getsockopt(socket_, ZMQ_FD, &fd, &size) == 0);
  return fd;
}

bool Socket::HasInput() const {
  int events = 0;
  size_t size = sizeof(events);
  while (zmq_getsockopt(socket_, ZMQ_EVENTS, &events, &size) != 0) CHECK(errno == EINTR);
  return (events & ZMQ_POLLIN) != 0;
}

std::optional<Message> Socket::Receive(size_t max_frames, size_t max_bytes) {
  Message out;
  size_t total = 0;
  while (true) {
    Part part;
    while (zmq_msg_recv(part.get(), socket_, ZMQ_DONTWAIT) < 0) {
      if (errno == EINTR) continue;
      // Frames of one message arrive together: there is none.
      return std::nullopt;
    }
    const ByteView bytes = part.bytes();
    if (out.frames.size() == max_frames || bytes.size() > max_bytes - total) {
      out.cut = true;
    } else {
      total += bytes.size();
      out.frames.push_back(std::make_shared<const Bytes>(bytes.begin(), bytes.end()));
    }
    if (zmq_msg_more(part.get()) != 0) continue;
    out.fd = zmq_msg_get(part.get(), ZMQ_SRCFD);
    const char* user = zmq_msg_gets(part.get(), "User-Id");
    if (user != nullptr) out.user = user;
    return out;
  }
}

Sent Socket::Send(ByteView to, const Frames& frames) {
  CHECK(!frames.empty());
  zmq_msg_t part;
  if (!to.empty()) {
    CHECK(zmq_msg_init_size(&part, to.size()) == 0);
    std::memcpy(zmq_msg_data(&part), to.data(), to.size());
    // A router that is full or does not know the peer says so here, before anything is queued.
    const Sent sent = SendPart(socket_, &part, ZMQ_SNDMORE);
    if (sent != Sent::kQueued) return sent;
  }
  for (size_t i = 0; i < frames.size(); ++i) {
    Fill(&part, frames[i]);
    const Sent sent = SendPart(socket_, &part, i + 1 < frames.size() ? ZMQ_SNDMORE : 0);
    if (sent != Sent::kQueued) return sent;
  }
  return Sent::kQueued;
}

}  // namespace souk::node::zmq
