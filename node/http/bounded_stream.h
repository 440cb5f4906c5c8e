// A connection to somebody who may send anything: cpp-httplib bounds no answer's headers and no
// exchange's time. For the adapters in this folder alone.
#pragma once

#include <httplib.h>
#include <poll.h>

#include <array>
#include <chrono>
#include <functional>

namespace souk::node {

// One thread. The socket, and what TLS there is over it, are the caller's.
class BoundedStream final : public httplib::Stream {
 public:
  using Clock = std::chrono::steady_clock;

  // `ended` is asked while it waits: true breaks the connection off.
  explicit BoundedStream(
      socket_t socket, SSL* tls = nullptr, std::function<bool()> ended = [] { return false; });

  // From here on everything together: until when, and how many bytes are taken.
  void Allow(std::chrono::milliseconds time, size_t bytes) {
    until_ = Clock::now() + time;
    bytes_left_ = bytes;
  }
  // Whether something can be read within this time.
  bool AwaitInput(std::chrono::milliseconds time) const {
    return Await(POLLIN, Clock::now() + time);
  }
  // Whether the time is over, or as many bytes came.
  bool IsOver() const { return bytes_left_ == 0 || Clock::now() >= until_; }

  bool is_readable() const override { return Await(POLLIN, until_); }
  bool is_writable() const override { return Await(POLLOUT, until_); }
  ssize_t read(char* to, size_t size) override;
  ssize_t write(const char* from, size_t size) override;
  // Nothing here looks at addresses.
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  socket_t socket() const override { return socket_; }

 private:
  bool Await(short events, Clock::time_point until) const;
  // As recv().
  ssize_t Fill();
  ssize_t ReadTls(size_t most);

  const socket_t socket_;
  SSL* const tls_;
  const std::function<bool()> ended_;
  Clock::time_point until_ = {};
  size_t bytes_left_ = 0;
  // httplib reads lines byte by byte.
  std::array<char, 16 << 10> buffer_ = {};
  size_t begin_ = 0, end_ = 0;  // of what is in it
};

}  // namespace souk::node
