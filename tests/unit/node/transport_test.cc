// Real sockets on loopback: who is told apart, what is bounded, how connections end.
#include "node/transport/transport.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#include <chrono>
#include <thread>

namespace souk::node {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

const CurveKeyPair& KeysOf(uint8_t seed) {
  static std::map<uint8_t, CurveKeyPair> keys;
  const auto it = keys.find(seed);
  if (it != keys.end()) return it->second;
  std::array<uint8_t, 32> bytes = {};
  bytes[0] = seed;
  return keys.emplace(seed, Identity::FromSeed(bytes).Curve()).first->second;
}

SharedBytes Frame(size_t size, uint8_t fill = 'x') {
  return std::make_shared<const Bytes>(size, fill);
}
SharedBytes Frame(std::string_view text) {
  return std::make_shared<const Bytes>(ToBytes(AsBytes(text)));
}

// A transport with what it received; time is the test's own, so that limits can be met at will.
class Node {
 public:
  explicit Node(uint8_t seed, TransportOptions options = {}) {
    auto transport = Transport::Open(KeysOf(seed), options);
    if (transport) transport_ = std::move(*transport);
  }
  Transport& operator*() { return *transport_; }
  Transport* operator->() { return transport_.get(); }
  explicit operator bool() const { return transport_ != nullptr; }

  void Poll(size_t max = 100) {
    transport_->Receive(
        max, now, [&](ConnectionId id) { return bound.contains(id); }, all);
  }
  template <typename T>
  std::vector<T> Of() const {
    std::vector<T> out;
    for (const auto& one : all) {
      if (const auto* what = std::get_if<T>(&one)) out.push_back(*what);
    }
    return out;
  }

  std::vector<Transport::Incoming> all = {};
  std::set<ConnectionId> bound = {};
  Duration now = Seconds(1000);

 private:
  std::unique_ptr<Transport> transport_ = {};
};

// Lets the nodes work until the condition holds; five seconds are for ever.
template <typename Condition>
bool Until(const std::vector<Node*>& nodes, const Condition& condition, int limit_ms = 5'000) {
  const auto give_up = steady_clock::now() + milliseconds(limit_ms);
  while (steady_clock::now() < give_up) {
    for (Node* node : nodes) {
      node->now = node->now + Millis(2);
      node->Poll();
    }
    if (condition()) return true;
    std::this_thread::sleep_for(milliseconds(2));
  }
  return false;
}

TransportOptions Listening() {
  TransportOptions options;
  options.listen = "tcp://127.0.0.1:0";
  return options;
}

class TransportTest : public testing::Test {
 protected:
  void Connect(ConnectionId id, uint8_t server_seed = 1) {
    client_->Open({id, server_->listening(), KeysOf(server_seed).public_key()});
  }
  Node server_{1, Listening()};
  Node client_{2};
};

TEST_F(TransportTest, BringsFramesAndTheCurveKeyOfWhoSentThem) {
  Connect(2);
  client_->Deliver(2, {Frame("one"), Frame(5'000), Frame("")});
  ASSERT_TRUE(Until({&server_, &client_}, [&] { return !server_.Of<MessageArrived>().empty(); }));
  const MessageArrived message = server_.Of<MessageArrived>()[0];
  EXPECT_EQ(message.connection % 2, 1u);
  EXPECT_EQ(message.curve, KeysOf(2).public_key());
  ASSERT_EQ(message.frames.size(), 3u);
  EXPECT_EQ(AsText(*message.frames[0]), "one");
  EXPECT_EQ(*message.frames[1], Bytes(5'000, 'x'));
  EXPECT_TRUE(message.frames[2]->empty());

  server_->Deliver(message.connection, {Frame("answer")});
  ASSERT_TRUE(Until({&server_, &client_}, [&] { return !client_.Of<MessageArrived>().empty(); }));
  EXPECT_EQ(client_.Of<MessageArrived>()[0].connection, 2u);
  EXPECT_EQ(client_.Of<MessageArrived>()[0].curve, KeysOf(1).public_key());
}

TEST_F(TransportTest, ReachesAServerThatStartsLater) {
  const std::string endpoint = server_->listening();
  { const Node gone(std::move(server_)); }
  client_->Open({2, endpoint, KeysOf(1).public_key()});
  client_->Deliver(2, {Frame("early")});
  std::this_thread::sleep_for(milliseconds(300));
  client_.Poll();
  TransportOptions options;
  options.listen = endpoint;
  Node late(1, options);
  ASSERT_TRUE(late);
  EXPECT_TRUE(Until({&late, &client_}, [&] { return !late.Of<MessageArrived>().empty(); }));
}

TEST_F(TransportTest, TellsTheServerThatAClientIsGone) {
  Connect(2);
  client_->Deliver(2, {Frame("hello")});
  ASSERT_TRUE(Until({&server_, &client_}, [&] { return !server_.Of<MessageArrived>().empty(); }));
  const ConnectionId id = server_.Of<MessageArrived>()[0].connection;
  client_->Close({2, false});
  ASSERT_TRUE(Until({&server_, &client_}, [&] { return !server_.Of<ConnectionLost>().empty(); }));
  EXPECT_EQ(server_.Of<ConnectionLost>()[0].connection, id);
  // A message to it, now or later, is answered by its end again: nobody talks to it for ever.
  server_->Deliver(id, {Frame("too late")});
  EXPECT_TRUE(
      Until({&server_, &client_}, [&] { return server_.Of<ConnectionLost>().size() == 2; }));
}

TEST_F(TransportTest, ReadsAClientsLastWordsBeforeItsEnd) {
  Connect(2);
  for (int i = 0; i < 30; ++i) client_->Deliver(2, {Frame("word")});
  ASSERT_TRUE(
      Until({&server_, &client_}, [&] { return server_.Of<MessageArrived>().size() >= 1; }));
  for (int i = 0; i < 20; ++i) client_->Deliver(2, {Frame("last")});
  client_->Close({2, false});
  ASSERT_TRUE(Until({&server_, &client_}, [&] { return !server_.Of<ConnectionLost>().empty(); }));
  EXPECT_EQ(server_.Of<MessageArrived>().size(), 50u);
  EXPECT_TRUE(std::holds_alternative<ConnectionLost>(server_.all.back()));
}

TEST_F(TransportTest, TellsTheClientThatItsServerIsGone) {
  Connect(2);
  client_->Deliver(2, {Frame("hello")});
  ASSERT_TRUE(Until({&server_, &client_}, [&] { return !server_.Of<MessageArrived>().empty(); }));
  { const Node gone(std::move(server_)); }
  ASSERT_TRUE(Until({&client_}, [&] { return !client_.Of<ConnectionLost>().empty(); }));
  EXPECT_EQ(client_.Of<ConnectionLost>()[0].connection, 2u);
}

TEST_F(TransportTest, GivesEachConnectionANumberOfItsOwn) {
  std::set<ConnectionId> seen;
  for (ConnectionId id = 2; id <= 12; id += 2) {
    Connect(id);
    client_->Deliver(id, {Frame("hello")});
    const size_t count = seen.size();
    ASSERT_TRUE(
        Until({&server_, &client_}, [&] { return server_.Of<MessageArrived>().size() > count; }));
    seen.insert(server_.Of<MessageArrived>().back().connection);
    EXPECT_EQ(seen.size(), count + 1);
    // Descriptors are used again at once; numbers are not.
    if (id % 4 == 0) client_->Close({id, false});
  }
}

TEST_F(TransportTest, KeepsOnlySoManyConnectionsPerKey) {
  TransportOptions options = Listening();
  options.connections_per_key = 3;
  Node server(1, options);
  for (ConnectionId id = 2; id <= 10; id += 2) {
    client_->Open({id, server->listening(), KeysOf(1).public_key()});
    client_->Deliver(id, {Frame("hello")});
  }
  ASSERT_TRUE(Until({&server, &client_}, [&] {
    return server.Of<MessageArrived>().size() == 5 && server.Of<ConnectionLost>().size() == 2 &&
           client_.Of<ConnectionLost>().size() == 2;
  }));
}

TEST_F(TransportTest, ServesNobodyButTheKeyThatWasMeant) {
  // Somebody else answers at the endpoint: nothing that was meant for key 3 is readable to it.
  Connect(2, /*server_seed=*/3);
  client_->Deliver(2, {Frame("secret")});
  EXPECT_FALSE(Until(
      {&server_, &client_}, [&] { return !server_.Of<MessageArrived>().empty(); }, 700));
}

TEST_F(TransportTest, CutsABannedConnectionAndRefusesItsKey) {
  Connect(2);
  client_->Deliver(2, {Frame("hello")});
  ASSERT_TRUE(Until({&server_, &client_}, [&] { return !server_.Of<MessageArrived>().empty(); }));
  server_->Close({server_.Of<MessageArrived>()[0].connection, /*ban=*/true});
  ASSERT_TRUE(Until({&server_, &client_}, [&] { return !client_.Of<ConnectionLost>().empty(); }));
  EXPECT_TRUE(server_.Of<ConnectionLost>().empty());  // who closed it need not be told
  server_.all.clear();
  Connect(4);
  client_->Deliver(4, {Frame("me again")});
  ASSERT_TRUE(
      Until({&server_, &client_}, [&] { return client_.Of<ConnectionLost>().size() == 2; }));
  EXPECT_TRUE(server_.all.empty());
  // Another key is welcome.
  Node other(3);
  other->Open({2, server_->listening(), KeysOf(1).public_key()});
  other->Deliver(2, {Frame("hello")});
  EXPECT_TRUE(Until({&server_, &other}, [&] { return !server_.Of<MessageArrived>().empty(); }));
}

TEST_F(TransportTest, RefusesMessagesOutOfBoundsWithASentence) {
  Connect(2);
  client_->Deliver(2, {Frame(limits::kDocumentBytes + 1)});
  client_->Deliver(2, {Frame("a"), Frame(limits::kBlobChunkBytes + 1)});
  client_->Deliver(2, {Frame("a"), Frame(1 << 20), Frame(1 << 20), Frame(1 << 10)});
  client_->Deliver(2, Frames(limits::kFramesPerMessage + 2, Frame("a")));
  client_->Deliver(2, {Frame("fine")});
  ASSERT_TRUE(Until({&server_, &client_}, [&] { return !server_.Of<MessageArrived>().empty(); }));
  const auto refused = server_.Of<MessageRefused>();
  ASSERT_EQ(refused.size(), 4u);
  for (const MessageRefused& one : refused) {
    EXPECT_EQ(one.code, RefusalCode::kTooLarge);
    EXPECT_FALSE(one.sentence.empty());
    EXPECT_EQ(one.curve, KeysOf(2).public_key());
  }
  EXPECT_EQ(AsText(*server_.Of<MessageArrived>()[0].frames[0]), "fine");
}

TEST_F(TransportTest, CutsWhoSendsAFrameFarOverTheBound) {
  Connect(2);
  client_->Deliver(2, {Frame("hello")});
  ASSERT_TRUE(Until({&server_, &client_}, [&] { return !server_.Of<MessageArrived>().empty(); }));
  client_->Deliver(2, {Frame(size_t{8} << 20)});
  ASSERT_TRUE(Until({&server_, &client_}, [&] { return !server_.Of<ConnectionLost>().empty(); }));
  EXPECT_EQ(server_.Of<MessageArrived>().size(), 1u);
}

TEST_F(TransportTest, LimitsAStrangersRateAndSaysSoOnceASecond) {
  TransportOptions options = Listening();
  options.stranger_frames = {10, 20};
  Node server(1, options);
  client_->Open({2, server->listening(), KeysOf(1).public_key()});
  for (int i = 0; i < 100; ++i) client_->Deliver(2, {Frame("hello")});
  // Time stands still for the server, so that only the burst passes.
  const auto give_up = steady_clock::now() + milliseconds(500);
  while (steady_clock::now() < give_up) server.Poll();
  EXPECT_EQ(server.Of<MessageArrived>().size(), 20u);
  ASSERT_EQ(server.Of<MessageRefused>().size(), 1u);
  EXPECT_EQ(server.Of<MessageRefused>()[0].code, RefusalCode::kRateLimited);

  server.now = server.now + Seconds(1);
  for (int i = 0; i < 15; ++i) client_->Deliver(2, {Frame("hello")});
  const auto again = steady_clock::now() + milliseconds(500);
  while (steady_clock::now() < again) server.Poll();
  EXPECT_EQ(server.Of<MessageArrived>().size(), 30u);
  EXPECT_EQ(server.Of<MessageRefused>().size(), 2u);
}

TEST_F(TransportTest, GivesABoundPeerMore) {
  TransportOptions options = Listening();
  options.stranger_frames = {0, 5};
  options.bound_frames = {0, 5};
  Node server(1, options);
  client_->Open({2, server->listening(), KeysOf(1).public_key()});
  client_->Deliver(2, {Frame("hello")});
  ASSERT_TRUE(Until({&server, &client_}, [&] { return !server.Of<MessageArrived>().empty(); }));
  server.bound.insert(server.Of<MessageArrived>()[0].connection);
  for (int i = 0; i < 4; ++i) client_->Deliver(2, {Frame("hello")});
  EXPECT_TRUE(Until({&server, &client_}, [&] { return server.Of<MessageArrived>().size() == 5; }));
}

TEST_F(TransportTest, GivesUpOnWhoDoesNotRead) {
  Connect(2);
  client_->Deliver(2, {Frame("hello")});
  ASSERT_TRUE(Until({&server_, &client_}, [&] { return !server_.Of<MessageArrived>().empty(); }));
  const ConnectionId id = server_.Of<MessageArrived>()[0].connection;
  // The client does not poll; the kernel's buffers and the queues of both sides fill.
  for (int i = 0; i < 2'000 && server_.Of<ConnectionLost>().empty(); ++i) {
    server_->Deliver(id, {Frame("a"), Frame(1 << 20)});
    server_.Poll();
  }
  ASSERT_EQ(server_.Of<ConnectionLost>().size(), 1u);
  EXPECT_EQ(server_.Of<ConnectionLost>()[0].connection, id);
}

TEST_F(TransportTest, SaysThatItsAddressIsTaken) {
  TransportOptions options;
  options.listen = server_->listening();
  const auto second = Transport::Open(KeysOf(3), options);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::kConflict);
  EXPECT_NE(second.error().message.find(options.listen), std::string::npos);
}

TEST_F(TransportTest, TreatsAnEndpointThatIsNoneAsOneWhereNobodyAnswers) {
  client_->Open({2, "tcp://no port here", KeysOf(1).public_key()});
  client_->Deliver(2, {Frame("hello")});
  EXPECT_TRUE(Until({&client_}, [&] { return !client_.Of<ConnectionLost>().empty(); }));
}

// Takes TCP connections and never says a word.
class SilentServer {
 public:
  SilentServer() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd_, 64), 0);
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    endpoint_ = "tcp://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~SilentServer() { ::close(fd_); }
  const std::string& endpoint() const { return endpoint_; }

 private:
  const int fd_;
  std::string endpoint_ = {};
};

// libzmq tells of a failed handshake from its only I/O thread, which must find somebody to tell or
// nobody at all, whenever we close the connection.
TEST_F(TransportTest, ASilentServerStopsNoOtherConnection) {
  TransportOptions options;
  options.handshake = Millis(200);
  Node client(2, options);
  client->Open({2, server_->listening(), KeysOf(1).public_key()});
  client->Deliver(2, {Frame("hello")});
  ASSERT_TRUE(Until({&server_, &client}, [&] { return !server_.Of<MessageArrived>().empty(); }));

  const SilentServer silent;
  for (ConnectionId id = 4; id <= 40; id += 2) {
    client->Open({id, silent.endpoint(), KeysOf(3).public_key()});
    client->Deliver(id, {Frame("hello")});
  }
  // Some before their handshake's end, some about then, some after it.
  for (ConnectionId id = 4; id <= 40; id += 2) {
    (void)Until(
        {&client}, [] { return false; }, 20);
    client->Close({id, false});
  }
  (void)Until(
      {&client}, [] { return false; }, 500);

  client->Deliver(2, {Frame("still there")});
  EXPECT_TRUE(Until({&server_, &client}, [&] { return server_.Of<MessageArrived>().size() == 2; }));
}

// libzmq's own client, to do what ours never would.
class RawClient {
 public:
  RawClient(const std::string& endpoint, uint8_t seed, const char* routing_id) {
    context_ = zmq_ctx_new();
    socket_ = zmq_socket(context_, ZMQ_DEALER);
    const int linger = 0;
    zmq_setsockopt(socket_, ZMQ_LINGER, &linger, sizeof(linger));
    if (routing_id != nullptr) {
      zmq_setsockopt(socket_, ZMQ_ROUTING_ID, routing_id, std::strlen(routing_id));
    }
    const CurveKeyPair& keys = KeysOf(seed);
    zmq_setsockopt(socket_, ZMQ_CURVE_SECRETKEY, keys.secret().data(), 32);
    zmq_setsockopt(socket_, ZMQ_CURVE_PUBLICKEY, keys.public_key().bytes.data(), 32);
    zmq_setsockopt(socket_, ZMQ_CURVE_SERVERKEY, KeysOf(1).public_key().bytes.data(), 32);
    zmq_connect(socket_, endpoint.c_str());
  }
  ~RawClient() {
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  void Say(const std::string& text) { zmq_send(socket_, text.data(), text.size(), ZMQ_DONTWAIT); }

 private:
  void* context_;
  void* socket_;
};

TEST_F(TransportTest, CutsWhoDoesNotBindInTime) {
  Connect(2);
  Connect(4);
  client_->Deliver(2, {Frame("hello")});
  client_->Deliver(4, {Frame("hello")});
  RawClient mute(server_->listening(), 5, nullptr);
  ASSERT_TRUE(
      Until({&server_, &client_}, [&] { return server_.Of<MessageArrived>().size() == 2; }));
  const ConnectionId friendly = server_.Of<MessageArrived>()[0].connection;
  server_.bound.insert(friendly);
  server_.now = server_.now + Seconds(6);
  ASSERT_TRUE(Until({&server_, &client_}, [&] {
    return !server_.Of<ConnectionLost>().empty() && !client_.Of<ConnectionLost>().empty();
  }));
  EXPECT_EQ(server_.Of<ConnectionLost>().size(), 1u);
  EXPECT_NE(server_.Of<ConnectionLost>()[0].connection, friendly);
}

TEST_F(TransportTest, CutsWhoChoosesItsOwnRoutingId) {
  RawClient chooser(server_->listening(), 5, "mine");
  chooser.Say("hello");
  EXPECT_FALSE(Until(
      {&server_}, [&] { return !server_.all.empty(); }, 700));
  RawClient plain(server_->listening(), 5, nullptr);
  plain.Say("hello");
  EXPECT_TRUE(Until({&server_}, [&] { return !server_.Of<MessageArrived>().empty(); }));
}

}  // namespace
}  // namespace souk::node
