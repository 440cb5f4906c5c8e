#include "node/http/bounded_stream.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace souk::node {
namespace {

// How soon an end is noticed.
constexpr std::chrono::milliseconds kLook{100};

}  // namespace

// Never blocks but in poll(): a part of a TLS record would hold SSL_read for as long as it likes.
BoundedStream::BoundedStream(socket_t socket, SSL* tls, std::function<bool()> ended)
    : socket_(socket), tls_(tls), ended_(std::move(ended)) {
  (void)::fcntl(socket_, F_SETFL, ::fcntl(socket_, F_GETFL) | O_NONBLOCK);
}

bool BoundedStream::Await(short events, Clock::time_point until) const {
  if (events == POLLIN && begin_ < end_) return true;
  if (events == POLLIN && tls_ != nullptr && SSL_pending(tls_) > 0) return true;
  while (!ended_()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return false;
    pollfd one{.fd = socket_, .events = events, .revents = 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::min(left, kLook).count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
  return false;
}

ssize_t BoundedStream::ReadTls(size_t most) {
  while (true) {
    const int got = SSL_read(tls_, buffer_.data(), static_cast<int>(most));
    if (got > 0) return got;
    switch (SSL_get_error(tls_, got)) {
      case SSL_ERROR_WANT_READ:
        if (!Await(POLLIN, until_)) return -1;
        break;
      case SSL_ERROR_WANT_WRITE:
        if (!Await(POLLOUT, until_)) return -1;
        break;
      case SSL_ERROR_ZERO_RETURN:
        return 0;
      default:
        return -1;
    }
  }
}

ssize_t BoundedStream::Fill() {
  const size_t most = std::min(buffer_.size(), bytes_left_);
  if (most == 0 || !is_readable()) return -1;
  const ssize_t got =
      tls_ != nullptr ? ReadTls(most) : ::recv(socket_, buffer_.data(), most, MSG_DONTWAIT);
  if (got <= 0) return got;
  bytes_left_ -= static_cast<size_t>(got);
  begin_ = 0;
  end_ = static_cast<size_t>(got);
  return got;
}

ssize_t BoundedStream::read(char* to, size_t size) {
  // Also of what is buffered: who sends on and on ends here.
  if (Clock::now() >= until_) return -1;
  if (begin_ == end_) {
    const ssize_t got = Fill();
    if (got <= 0) return got;
  }
  const size_t taken = std::min(size, end_ - begin_);
  std::memcpy(to, buffer_.data() + begin_, taken);
  begin_ += taken;
  return static_cast<ssize_t>(taken);
}

ssize_t BoundedStream::write(const char* from, size_t size) {
  while (is_writable()) {
    if (tls_ == nullptr) {
      const ssize_t wrote = ::send(socket_, from, size, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (wrote >= 0 || (errno != EAGAIN && errno != EINTR)) return wrote;
      continue;
    }
    const int wrote = SSL_write(tls_, from, static_cast<int>(std::min<size_t>(size, 1 << 14)));
    if (wrote > 0) return wrote;
    const int why = SSL_get_error(tls_, wrote);
    if (why == SSL_ERROR_WANT_READ && !Await(POLLIN, until_)) return -1;
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return -1;
  }
  return -1;
}

}  // namespace souk::node
