// The log over HTTP: what C2SP's clients ask for, and what others might.
#include "node/http/log_server.h"

#include <gmock/gmock.h>
#include <httplib.h>

#include <atomic>
#include <thread>

#include "ledger/c2sp/entry_bundle.h"
#include "ledger/log/entry_range.h"
#include "ledger/log/rocksdb_ledger.h"
#include "unit/ledger/ledger_testing.h"

namespace souk::node {
namespace {

using ledger::Drafts;
using ledger::TestSigner;
using testing::HasSubstr;

constexpr uint64_t kEntries = 600;

class LogServerTest : public testing::Test {
 protected:
  LogServerTest() : ledger_(*ledger::Ledger::Open(folder_.path(), TestSigner(), {.alone = true})) {
    EXPECT_TRUE(ledger_->log().Commit(Drafts(0, kEntries)));
  }

  void Serve(bool everyone) {
    auto opened = LogServer::Open({.listen = "127.0.0.1:0",
                                   .vkey = TestSigner().Verifier().ToVkey(),
                                   .readers = {everyone, {}}});
    ASSERT_TRUE(opened) << opened.error().message;
    server_ = std::move(*opened);
    server_->Publish(ledger_->log().reader(), ledger::NewestHead(ledger_->log().reader()));
  }
  httplib::Result Get(const std::string& path) const {
    httplib::Client client(server_->url());
    client.set_url_encode(false);
    auto result = client.Get(path);
    EXPECT_TRUE(result) << path;
    return result;
  }

  TestFolder folder_;
  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<LogServer> server_;
};

TEST_F(LogServerTest, ServesTheCheckpointTilesAndEntries) {
  Serve(/*everyone=*/true);
  const auto checkpoint = Get("/checkpoint");
  EXPECT_EQ(checkpoint->status, 200);
  EXPECT_EQ(checkpoint->body, ledger_->log().checkpoint());
  EXPECT_EQ(checkpoint->get_header_value("Content-Type"), "text/plain; charset=utf-8");
  EXPECT_EQ(checkpoint->get_header_value("Cache-Control"), "no-cache");

  const auto full = Get("/tile/0/001");
  EXPECT_EQ(full->status, 200);
  EXPECT_EQ(full->body.size(), ledger::kTileBytes);
  EXPECT_THAT(full->get_header_value("Cache-Control"), HasSubstr("immutable"));
  EXPECT_EQ(Get("/tile/0/002.p/88")->body.size(), 88u * 32);
  EXPECT_EQ(Get("/tile/1/000.p/2")->body.size(), 64u);

  const auto bundle = Get("/tile/entries/002.p/88");
  EXPECT_EQ(bundle->status, 200);
  const auto entries = ledger::ParseEntryBundle(AsBytes(bundle->body), 88);
  ASSERT_TRUE(entries) << entries.error().message;
  EXPECT_EQ(ToBytes(entries->front()), ledger::Leaf(512));
  EXPECT_EQ(ToBytes(entries->back()), ledger::Leaf(599));

  EXPECT_THAT(Get("/")->body, HasSubstr(TestSigner().Verifier().ToVkey()));
}

TEST_F(LogServerTest, ShowsCheckpointsAloneWhereTheCardOpensTheLogToNobody) {
  Serve(/*everyone=*/false);
  EXPECT_EQ(Get("/checkpoint")->status, 200);
  for (const char* path : {"/tile/0/001", "/tile/entries/000", "/tile/1/000.p/2", "/tile/x"}) {
    const auto refused = Get(path);
    EXPECT_EQ(refused->status, 403) << path;
    EXPECT_THAT(refused->body, HasSubstr("readers"));
  }
}

TEST_F(LogServerTest, HasOneSpellingOfEachNameAndNothingBeyondTheCheckpoint) {
  Serve(/*everyone=*/true);
  for (const char* path : {"/checkpoint/",
                           "//checkpoint",
                           "/checkpoint?x=1",
                           "/%63heckpoint",
                           "/tile/0/0",
                           "/tile/0/002",
                           "/tile/0/002.p/89",
                           "/tile/0/002.p/0",
                           "/tile/0/002.p/088",
                           "/tile/0/003",
                           "/tile/00/001",
                           "/tile/0/x000/001",
                           "/tile/entries/001.p/256",
                           "/tile/64/000",
                           "/tile/0/../0/001",
                           "/tile/0/x999/x999/x999/x999/x999/x999/999",
                           "/tile/-1/000",
                           "/tile/entries/",
                           "/../../etc/passwd",
                           "/tile/0/001.p/1/"}) {
    EXPECT_EQ(Get(path)->status, 404) << path;
  }
}

TEST_F(LogServerTest, TakesNothingButReads) {
  Serve(/*everyone=*/true);
  httplib::Client client(server_->url());
  EXPECT_EQ(client.Post("/checkpoint", "x", "text/plain")->status, 404);
  EXPECT_EQ(client.Put("/tile/0/001", "x", "text/plain")->status, 404);
  EXPECT_EQ(client.Delete("/checkpoint")->status, 404);
  const auto head = client.Head("/checkpoint");
  EXPECT_EQ(head->status, 200);
  EXPECT_TRUE(head->body.empty());
  EXPECT_EQ(client.Get("/" + std::string(20'000, 'a'))->status, 414);
  EXPECT_EQ(client.Get("/checkpoint")->status, 200);
}

TEST_F(LogServerTest, SaysThatNothingIsSignedYet) {
  auto opened = LogServer::Open({.listen = "127.0.0.1:0", .readers = {true, {}}});
  ASSERT_TRUE(opened);
  server_ = std::move(*opened);
  EXPECT_EQ(Get("/checkpoint")->status, 503);
}

int ConnectTo(const std::string& url) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)), 0);
  return fd;
}

// Connections whose requests never end: to each a byte now and then.
class SlowClients {
 public:
  SlowClients(const std::string& url, int count) {
    for (int i = 0; i < count; ++i) sockets_.push_back(ConnectTo(url));
    for (const int fd : sockets_) Send(fd, "GET /checkpoint HTTP/1.1\r\nX-Slow: ");
    sender_ = std::thread([this] {
      while (!done_) {
        for (const int fd : sockets_) Send(fd, "a");
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
      }
    });
  }
  ~SlowClients() {
    done_ = true;
    sender_.join();
    for (const int fd : sockets_) ::close(fd);
  }
  SlowClients(const SlowClients&) = delete;
  SlowClients& operator=(const SlowClients&) = delete;

 private:
  static void Send(int fd, std::string_view text) {
    (void)::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
  }

  std::vector<int> sockets_ = {};
  std::atomic<bool> done_ = false;
  std::thread sender_ = {};
};

TEST_F(LogServerTest, StandsManyWhoConnectAndSayNothing) {
  Serve(/*everyone=*/true);
  std::vector<int> idle;
  for (int i = 0; i < 8; ++i) idle.push_back(ConnectTo(server_->url()));
  httplib::Client client(server_->url());
  client.set_read_timeout(60);
  const auto answer = client.Get("/checkpoint");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  for (const int fd : idle) ::close(fd);
}

TEST_F(LogServerTest, BreaksOffWhoseRequestsTakeTooLong) {
  Serve(/*everyone=*/true);
  const SlowClients slow(server_->url(), 8);
  httplib::Client client(server_->url());
  client.set_read_timeout(30);
  const auto answer = client.Get("/checkpoint");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
}

// Many times as many as there are threads: who asks is answered all the same, and soon.
TEST_F(LogServerTest, TakesItsThreadsFromACrowdThatAsksForNothing) {
  Serve(/*everyone=*/true);
  const SlowClients slow(server_->url(), 70);
  httplib::Client client(server_->url());
  client.set_read_timeout(30);
  for (int i = 0; i < 3; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const auto answer = client.Get("/checkpoint");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  }
}

TEST_F(LogServerTest, EndsWhileOthersHoldTheirConnections) {
  Serve(/*everyone=*/true);
  const SlowClients slow(server_->url(), 24);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const auto start = std::chrono::steady_clock::now();
  server_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(4));
}

TEST_F(LogServerTest, AnswersWithTheWholeWhereThousandsOfRangesAreAskedFor) {
  Serve(/*everyone=*/true);
  std::string ranges = "bytes=0-";
  while (ranges.size() < 8000) ranges += ",0-";
  httplib::Client client(server_->url());
  const auto answer = client.Get("/tile/0/001", httplib::Headers{{"Range", ranges}});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body.size(), ledger::kTileBytes);
}

TEST_F(LogServerTest, AnswersRequestsThatCameTogether) {
  Serve(/*everyone=*/true);
  const int fd = ConnectTo(server_->url());
  const std::string one = "GET /checkpoint HTTP/1.1\r\nHost: x\r\n";
  const std::string both = one + "\r\n" + one + "Connection: close\r\n\r\n";
  ASSERT_EQ(::send(fd, both.data(), both.size(), MSG_NOSIGNAL), ssize_t(both.size()));
  std::string got(1 << 16, '\0');
  size_t size = 0;
  for (ssize_t n = 1; n > 0 && size < got.size();
       size += static_cast<size_t>(std::max(n, ssize_t{}))) {
    n = ::recv(fd, got.data() + size, got.size() - size, 0);
  }
  ::close(fd);
  got.resize(size);
  const size_t first = got.find("200 OK");
  ASSERT_NE(first, std::string::npos);
  EXPECT_NE(got.find("200 OK", first + 1), std::string::npos);
}

TEST_F(LogServerTest, ServesWhatWasPublishedWhileTheLogGrows) {
  Serve(/*everyone=*/true);
  std::atomic<bool> done = false;
  std::atomic<uint64_t> asked = 0;
  std::thread reader([&] {
    httplib::Client client(server_->url());
    while (!done) {
      const auto note = client.Get("/checkpoint");
      ASSERT_TRUE(note);
      const auto head = ledger::OpenCheckpoint(note->body, TestSigner().Verifier());
      ASSERT_TRUE(head) << head.error().message;
      // The newest tile of that head, or of a newer one, of which it is the beginning.
      const uint64_t width = head->size % 256;
      if (width == 0) continue;
      const ledger::TileId tile{0, head->size / 256};
      const auto answer = client.Get("/" + ledger::TilePath(tile, width));
      ASSERT_TRUE(answer);
      // It may have become full meanwhile, and then has another name.
      ASSERT_EQ(answer->status, 200);
      ASSERT_EQ(answer->body.size(), width * 32);
      ++asked;
    }
  });
  for (uint64_t at = kEntries; at < kEntries + 2000; at += 7) {
    ASSERT_TRUE(ledger_->log().Commit(Drafts(at, 7)));
    server_->Publish(ledger_->log().reader(), ledger::NewestHead(ledger_->log().reader()));
  }
  while (asked < 20) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  done = true;
  reader.join();
}

TEST(LogServer, SaysWhatIsWrongWithAnAddress) {
  for (const char* listen : {"", "127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:99999", "host:x"}) {
    const auto opened = LogServer::Open({.listen = listen});
    ASSERT_FALSE(opened) << listen;
    EXPECT_EQ(opened.error().code, Code::kInvalidArgument);
    EXPECT_THAT(opened.error().message, HasSubstr("127.0.0.1:7180"));
  }
  const auto first = LogServer::Open({.listen = "127.0.0.1:0"});
  ASSERT_TRUE(first);
  const std::string taken = (*first)->url().substr(std::string("http://").size());
  const auto second = LogServer::Open({.listen = taken});
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("[log] http"));
}

// Under the owner's name, within the owner's list.
TEST_F(LogServerTest, ServesTheLogsThatThisNodeMirrors) {
  Serve(/*everyone=*/false);
  ledger::MemoryStore store;
  auto mirrors = *ledger::Mirrors::Open(store);
  const ledger::LogReader& log = ledger_->log().reader();
  for (uint64_t at = 0; at < kEntries;) {
    const auto range = *ledger::ReadEntries(log, at, kEntries, 1 << 20);
    ledger::MirrorPart part{.from = at, .note = log.checkpoint(), .hashes = range.hashes};
    part.entries = *ledger::ParseEntryBundle(range.bundle, range.count);
    ASSERT_TRUE(mirrors.Append(TestSigner().Verifier(), part));
    at += range.count;
  }
  const PeerId open = Identity::FromSeed({1}).id(), closed = Identity::FromSeed({2}).id();
  const auto publish = [&](const PeerId& owner, bool everyone) {
    server_->PublishMirror(owner, *mirrors.Read(TestSigner().name), {everyone, {}});
  };
  publish(open, true);
  publish(closed, false);
  const std::string at = "/mirror/" + open.ToString();
  EXPECT_EQ(Get(at + "/checkpoint")->body, ledger_->log().checkpoint());
  EXPECT_EQ(Get(at + "/tile/0/001")->body.size(), ledger::kTileBytes);
  EXPECT_EQ(Get(at + "/tile/entries/000")->status, 200);
  EXPECT_EQ(Get(at + "/tile/0/099")->status, 404);
  EXPECT_EQ(Get("/mirror/" + closed.ToString() + "/checkpoint")->status, 200);
  EXPECT_EQ(Get("/mirror/" + closed.ToString() + "/tile/0/001")->status, 403);
  for (const char* nothing : {"/mirror", "/mirror/", "/mirror/souk1x/checkpoint"}) {
    EXPECT_NE(Get(nothing)->status, 200) << nothing;
  }
  EXPECT_EQ(Get(at)->status, 404);
  // This node's own log is another matter.
  EXPECT_EQ(Get("/tile/0/001")->status, 403);
}

}  // namespace
}  // namespace souk::node
