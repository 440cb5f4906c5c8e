#include "node/control/client.h"

#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "node/control/unix_socket.h"
#include "protocol/base/file.h"

namespace souk::node::control {
namespace {

int64_t MonotonicMs() {
  timespec now = {};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

Error TooLate() {
  return Error(Code::kUnavailable, "the daemon did not answer in time");
}
Error WentAway() {
  return Error(Code::kUnavailable, "the daemon closed the connection");
}

Status WaitFor(int fd, short events, int64_t deadline_ms) {
  while (true) {
    const int64_t left = deadline_ms - MonotonicMs();
    if (left <= 0) return TooLate();
    pollfd one = {fd, events, 0};
    const int ready = ::poll(&one, 1, static_cast<int>(std::min<int64_t>(left, 60'000)));
    if (ready > 0) return Ok();
    if (ready < 0 && errno != EINTR) return ErrnoError("poll", errno);
  }
}

// A code that a newer daemon may know and this client does not is kUnavailable.
Code CodeFromName(const std::string& name) {
  for (auto code = static_cast<int>(Code::kInvalidArgument); code <= static_cast<int>(Code::kFault);
       ++code) {
    if (name == CodeName(static_cast<Code>(code))) return static_cast<Code>(code);
  }
  return Code::kUnavailable;
}

}  // namespace

Result<Client> Client::Connect(const std::filesystem::path& dir) {
  const auto fd = ConnectTo(dir, kSocketName);
  if (!fd && (fd.error().code == Code::kUnavailable || fd.error().code == Code::kNotFound)) {
    return Error(Code::kUnavailable, "no daemon runs on " + dir.string() +
                                         "; start one: soukd run --dir " + dir.string());
  }
  if (!fd) return fd.error();
  return Client(*fd);
}

Client::~Client() {
  if (fd_ >= 0) ::close(fd_);
}
Client::Client(Client&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), read_(std::move(other.read_)) {}
Client& Client::operator=(Client&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
    read_ = std::move(other.read_);
  }
  return *this;
}

Status Client::WriteAll(std::string_view bytes, int64_t deadline_ms) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN) {
      RETURN_IF_ERROR(WaitFor(fd_, POLLOUT, deadline_ms));
    } else if (errno != EINTR) {
      return WentAway();
    }
  }
  return Ok();
}

Result<std::string> Client::ReadLine(int64_t deadline_ms) {
  size_t searched = 0;
  while (true) {
    const size_t end = read_.find('\n', searched);
    if (end != std::string::npos) {
      std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      return line;
    }
    searched = read_.size();
    if (searched > kResponseBytes) return Error(Code::kTooLarge, "the daemon's answer is too long");
    char buffer[64 * 1024];
    const ssize_t got = ::recv(fd_, buffer, sizeof(buffer), 0);
    if (got > 0) {
      read_.append(buffer, static_cast<size_t>(got));
    } else if (got == 0) {
      return WentAway();
    } else if (errno == EAGAIN) {
      RETURN_IF_ERROR(WaitFor(fd_, POLLIN, deadline_ms));
    } else if (errno != EINTR) {
      return WentAway();
    }
  }
}

Result<nlohmann::json> Client::Call(const nlohmann::json& request, Duration timeout) {
  const int64_t deadline_ms = MonotonicMs() + timeout.ms;
  const std::string text =
      request.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (text.size() > kRequestBytes) return Error(Code::kTooLarge, "the request is too long");
  RETURN_IF_ERROR(WriteAll(text, deadline_ms));
  ASSIGN_OR_RETURN(const std::string line, ReadLine(deadline_ms));
  nlohmann::json response = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  const auto ok = response.is_object() ? response.find("ok") : response.end();
  if (!response.is_object() || ok == response.end() || !ok->is_boolean()) {
    return Error(Code::kMalformed, "the daemon's answer is not what was agreed; is it older?");
  }
  if (ok->get<bool>()) return response;
  const auto code = response.find("code");
  const auto error = response.find("error");
  return Error(code != response.end() && code->is_string() ? CodeFromName(code->get<std::string>())
                                                           : Code::kUnavailable,
               error != response.end() && error->is_string() ? error->get<std::string>()
                                                             : "the daemon refused");
}

}  // namespace souk::node::control
