// A log's URL at which somebody answers who is no log at all.
#include "node/http/log_client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "protocol/base/result.h"
#include "test_folder.h"

namespace souk::node {
namespace {

using testing::HasSubstr;

// Says `first` to whoever connects, and then `again` for as long as they listen.
class RudeServer {
 public:
  RudeServer(std::string first, std::string again, std::chrono::milliseconds pause = {})
      : first_(std::move(first)), again_(std::move(again)), pause_(pause) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at = {};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&at), sizeof(at)), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    socklen_t size = sizeof(at);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    thread_ = std::thread([this] { Serve(); });
  }
  ~RudeServer() {
    done_ = true;
    thread_.join();
    ::close(listener_);
  }
  RudeServer(const RudeServer&) = delete;
  RudeServer& operator=(const RudeServer&) = delete;

  const std::string& url() const { return url_; }
  uint64_t sent() const { return sent_; }

 private:
  void Serve() {
    while (!done_) {
      pollfd one{.fd = listener_, .events = POLLIN, .revents = 0};
      if (::poll(&one, 1, 20) <= 0) continue;
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      bool listens = Send(fd, first_);
      while (listens && !done_ && !again_.empty()) {
        std::this_thread::sleep_for(pause_);
        listens = Send(fd, again_);
      }
      ::close(fd);
    }
  }
  bool Send(int fd, std::string_view text) {
    while (!text.empty() && !done_) {
      pollfd one{.fd = fd, .events = POLLOUT, .revents = 0};
      if (::poll(&one, 1, 20) == 0) continue;
      const ssize_t wrote = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
      if (wrote < 0) return false;
      sent_ += static_cast<uint64_t>(wrote);
      text.remove_prefix(static_cast<size_t>(wrote));
    }
    return !done_;
  }

  std::string first_;
  std::string again_;
  std::chrono::milliseconds pause_;
  int listener_ = -1;
  std::string url_ = {};
  std::atomic<bool> done_ = false;
  std::atomic<uint64_t> sent_ = 0;
  std::thread thread_ = {};
};

// How fetching from it fails, which must be soon and before many bytes were taken.
Error Refusal(const RudeServer& server, std::optional<ledger::NoteVerifier> key = {}) {
  const TestFolder folder;
  const auto start = std::chrono::steady_clock::now();
  const Status fetched =
      FetchLog(server.url(), folder.path() / "log",
               {.key = std::move(key), .file_time = std::chrono::milliseconds(500)});
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  // What the kernel's buffers take is among it.
  EXPECT_LT(server.sent(), 64u << 20);
  EXPECT_FALSE(fetched);
  return fetched ? Error(Code::kInvalidArgument, "it was fetched") : fetched.error();
}

TEST(LogClient, LeavesHeadersWithoutEnd) {
  const RudeServer lines("HTTP/1.1 200 OK\r\n", "X-Header: " + std::string(5000, 'y') + "\r\n");
  EXPECT_THAT(Refusal(lines).message, HasSubstr("without end"));
  const RudeServer one("HTTP/1.1 200 OK\r\nX-Header: ", std::string(5000, 'y'));
  EXPECT_THAT(Refusal(one).message, HasSubstr("without end"));
}

TEST(LogClient, LeavesAnswersThatOnlyAnnounceAnother) {
  const RudeServer server("", "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(Refusal(server).code, Code::kUnavailable);
}

TEST(LogClient, LeavesWhoSendsAByteNowAndThen) {
  const std::chrono::milliseconds pause(50);
  const RudeServer headers("HTTP/1.1 200 OK\r\nX-Header: ", "y", pause);
  EXPECT_THAT(Refusal(headers).message, HasSubstr("longer"));
  const RudeServer body("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", "y", pause);
  EXPECT_THAT(Refusal(body).message, HasSubstr("longer"));
}

TEST(LogClient, LeavesABodyWithoutEnd) {
  const RudeServer server("HTTP/1.1 200 OK\r\n\r\n", std::string(5000, 'y'));
  EXPECT_EQ(Refusal(server).code, Code::kTooLarge);
}

// A checkpoint may claim millions of entries.
TEST(LogClient, EndsWithTheFirstPartThatCannotBeOne) {
  const std::string note =
      "souk/x\n67000000\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\xe2\x80\x94 souk/x "
      "AAAAAAA=\n";
  const RudeServer server("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
                              std::to_string(note.size()) + "\r\n\r\n" + note,
                          "");
  EXPECT_THAT(Refusal(server).message, HasSubstr("/tile/entries/000"));
  const Error unsigned_note =
      Refusal(server, ledger::NoteSigner::FromSeed("souk/x", {1}).Verifier());
  EXPECT_EQ(unsigned_note.code, Code::kBadSignature);
  EXPECT_THAT(unsigned_note.message, HasSubstr("/checkpoint: "));
}

TEST(LogClient, SaysWhatIsNoUrlOfALog) {
  const TestFolder folder;
  for (const char* url : {"http://", "http:///x", "http://:80", "http://127.0.0.1:", "http://[::1",
                          "http://127.0.0.1:99999", "http://127.0.0.1:x", "http://[::1]x",
                          "http://a b/", "http://a@127.0.0.1/", "http://127.0.0.1:1\r\nX: y"}) {
    const Status fetched = FetchLog(url, folder.path() / "log");
    ASSERT_FALSE(fetched) << url;
    EXPECT_EQ(fetched.error().code, Code::kInvalidArgument) << url;
  }
}

}  // namespace
}  // namespace souk::node
