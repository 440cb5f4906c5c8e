#include "node/transport/transport.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "node/transport/zmq_adapter.h"
#include "protocol/base/check.h"

namespace souk::node {
namespace {

// A frame somewhat over the bound still reaches us and is refused with a sentence; what is far over
// it cuts the connection within libzmq.
constexpr int64_t kLargestFrame = static_cast<int64_t>(limits::kBlobChunkBytes) + 64 * 1024;
constexpr size_t kMessageBytes = 2 * limits::kBlobChunkBytes + limits::kDocumentBytes;
// Messages that wait in each direction and connection: the windows of a few transfers.
constexpr int kSendQueue = 128;
constexpr int kReceiveQueue = 64;
constexpr int kLingerMs = 500;
constexpr int kReconnectMs = 100;
constexpr int kLongestReconnectMs = 500;
constexpr size_t kZapAtOnce = 64;
constexpr size_t kBanned = 65'536;
// What a dead connection has brought before its end may still be on its way to us.
constexpr Duration kLastWords = Millis(20);
constexpr Duration kLongestWake = Seconds(1);
constexpr Duration kTombstone = Seconds(1);
// A connection that is told why it is closed needs a moment to read it.
constexpr Duration kFarewell = Millis(100);
constexpr Duration kUnboundCutEvery = Millis(500);
constexpr Duration kRateRefusalEvery = Seconds(1);

std::string ToUser(const CurveKey& key) {
  return ToHex(key.view());
}
Result<CurveKey> FromUser(const std::string& user) {
  ASSIGN_OR_RETURN(const Bytes bytes, FromHex(user));
  CurveKey key;
  if (bytes.size() != key.bytes.size()) return Error(Code::kMalformed, "no CURVE key");
  std::copy(bytes.begin(), bytes.end(), key.bytes.begin());
  return key;
}

SharedBytes Text(std::string_view text) {
  return std::make_shared<const Bytes>(ToBytes(AsBytes(text)));
}

}  // namespace

class Transport::Impl {
 public:
  Impl(const CurveKeyPair& keys, const TransportOptions& options);
  ~Impl();
  Status Listen();

  void Receive(size_t max, Duration monotonic, const std::function<bool(ConnectionId)>& is_bound,
               std::vector<Incoming>& out);
  bool HasInput() const;
  void Open(const Connect& connect);
  void Close(const Disconnect& disconnect);
  void Deliver(ConnectionId to, const Frames& frames);

  const std::string& listening() const { return listening_; }
  int fd() const { return epoll_; }

 private:
  struct Peer {
    ConnectionId id = 0;
    CurveKey curve = {};
    TokenBucket frames = {};
    TokenBucket bytes = {};
    Duration rate_refused = Duration{INT64_MIN / 2};
    // Set once it is known to be dead; lost when its last words have been read.
    std::optional<Duration> dying = {};
    // Incoming.
    Bytes routing = {};
    int fd = -1;
    // Outgoing.
    zmq::Socket monitor = {};  // outlives the dealer
    zmq::Socket dealer = {};
    int dealer_fd = -1, monitor_fd = -1;
    bool established = false;
  };

  void Watch(int fd);
  void Unwatch(int fd);
  void SetCommon(zmq::Socket& socket) const;
  void AnswerZap();
  void ReadRouterMonitor();
  void ReadMonitor(Peer& peer);
  Peer* Recognise(const zmq::Message& message, std::vector<Incoming>& out);
  Peer* Admit(const Bytes& routing, const CurveKey& curve, int fd, std::vector<Incoming>& out);
  void Take(Peer& peer, zmq::Message message, bool bound, std::vector<Incoming>& out);
  size_t ReadRouter(size_t max, const std::function<bool(ConnectionId)>& is_bound,
                    std::vector<Incoming>& out);
  size_t ReadDealer(Peer& peer, size_t max, bool bound, std::vector<Incoming>& out);
  void BuryTheDead(bool router_is_empty, std::vector<Incoming>& out);
  void RunCuts();
  void CutTheUnbound(const std::function<bool(ConnectionId)>& is_bound);
  void Forget(ConnectionId id);
  void Lose(ConnectionId id, std::vector<Incoming>& out);
  void Cut(int fd);

  const CurveKeyPair& keys_;
  const TransportOptions options_;
  zmq::Context context_;
  zmq::Socket zap_, router_monitor_, router_;  // the monitor outlives the router
  std::string listening_ = {};
  int epoll_ = -1;

  std::map<ConnectionId, Peer> peers_ = {};
  std::map<Bytes, ConnectionId> by_routing_ = {};
  std::map<int, ConnectionId> by_fd_ = {};
  // A message came over a descriptor whose former connection's end has not been told yet.
  std::map<int, int> untold_ends_ = {};
  std::map<CurveKey, std::deque<ConnectionId>> by_key_ = {};
  // TCP connections, with or without a handshake yet, and since when.
  std::map<int, Duration> accepted_ = {};
  std::map<Bytes, Duration> tombstones_ = {};
  std::set<CurveKey> banned_ = {};
  std::vector<ConnectionId> failed_ = {};  // found dead while sending
  struct PlannedCut {
    ConnectionId id = 0;
    std::optional<Duration> at = {};
  };
  std::vector<PlannedCut> cuts_ = {};
  std::set<ConnectionId> closing_ = {};
  ConnectionId next_incoming_ = 1;
  uint64_t monitors_ = 0;
  ConnectionId read_first_ = 0;  // round robin among the outgoing
  Duration now_ = {};
  Duration next_unbound_cut_ = {};
};

Transport::Impl::Impl(const CurveKeyPair& keys, const TransportOptions& options)
    : keys_(keys), options_(options) {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  CHECK(epoll_ >= 0);
  zap_ = zmq::Socket(context_, ZMQ_REP);
  CHECK(zap_.Bind("inproc://zeromq.zap.01").has_value());
  Watch(zap_.fd());
}

Transport::Impl::~Impl() {
  ::close(epoll_);
}

void Transport::Impl::Watch(int fd) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.fd = fd;
  CHECK(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0);
}
void Transport::Impl::Unwatch(int fd) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

void Transport::Impl::SetCommon(zmq::Socket& socket) const {
  socket.Set(ZMQ_MAXMSGSIZE, kLargestFrame);
  socket.Set(ZMQ_SNDHWM, kSendQueue);
  socket.Set(ZMQ_RCVHWM, kReceiveQueue);
  socket.Set(ZMQ_LINGER, kLingerMs);
  socket.Set(ZMQ_HANDSHAKE_IVL, static_cast<int>(options_.handshake.ms));
  socket.Set(ZMQ_HEARTBEAT_IVL, static_cast<int>(options_.heartbeat.ms));
  socket.Set(ZMQ_HEARTBEAT_TIMEOUT, static_cast<int>(options_.heartbeat_timeout.ms));
  socket.SetKey(ZMQ_CURVE_SECRETKEY, keys_.secret());
  socket.SetKey(ZMQ_CURVE_PUBLICKEY, keys_.public_key().view());
}

Status Transport::Impl::Listen() {
  if (options_.listen.empty()) return Ok();
  router_ = zmq::Socket(context_, ZMQ_ROUTER);
  SetCommon(router_);
  router_.Set(ZMQ_CURVE_SERVER, 1);
  router_.Set(ZMQ_ZAP_DOMAIN, "souk");
  // Without it, what is sent to a lost peer vanishes without a word.
  router_.Set(ZMQ_ROUTER_MANDATORY, 1);
  if (options_.listen.find('[') != std::string::npos) router_.Set(ZMQ_IPV6, 1);
  router_monitor_ =
      router_.Monitor(context_, "router", ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED);
  RETURN_IF_ERROR(router_.Bind(options_.listen));
  listening_ = router_.LastEndpoint();
  Watch(router_.fd());
  Watch(router_monitor_.fd());
  return Ok();
}

// ZMQ RFC 27: a request's frames are version, request id, domain, address, identity, mechanism,
// key.
void Transport::Impl::AnswerZap() {
  for (size_t i = 0; i < kZapAtOnce; ++i) {
    const auto request = zap_.Receive(16, 4096);
    if (!request) return;
    CurveKey key;
    const Frames& frames = request->frames;
    const bool sane = frames.size() == 7 && AsText(*frames[5]) == "CURVE" &&
                      frames[6]->size() == key.bytes.size();
    if (sane) std::copy(frames[6]->begin(), frames[6]->end(), key.bytes.begin());
    const bool welcome = sane && !banned_.contains(key) && accepted_.size() <= options_.connections;
    zap_.Send({},
              {Text("1.0"), frames.size() > 1 ? frames[1] : Text(""), Text(welcome ? "200" : "400"),
               Text(welcome ? "OK" : "refused"), Text(welcome ? ToUser(key) : ""), Text("")});
  }
}

void Transport::Impl::ReadRouterMonitor() {
  while (router_monitor_) {
    const auto event = router_monitor_.Receive(2, 4096);
    if (!event) return;
    if (event->frames.empty() || event->frames[0]->size() < 6) continue;
    const auto kind = GetLe<uint16_t>(event->frames[0]->data());
    const auto fd = static_cast<int>(GetLe<uint32_t>(event->frames[0]->data() + 2));
    if (kind == ZMQ_EVENT_ACCEPTED) accepted_[fd] = now_;
    if (kind != ZMQ_EVENT_DISCONNECTED) continue;
    accepted_.erase(fd);
    const auto untold = untold_ends_.find(fd);
    if (untold != untold_ends_.end()) {
      // The end of a connection that we took for dead when its descriptor came back with another.
      if (--untold->second == 0) untold_ends_.erase(untold);
      continue;
    }
    const auto it = by_fd_.find(fd);
    if (it != by_fd_.end()) peers_.at(it->second).dying = now_;
  }
}

void Transport::Impl::ReadMonitor(Peer& peer) {
  while (true) {
    const auto event = peer.monitor.Receive(2, 4096);
    if (!event) return;
    if (event->frames.empty() || event->frames[0]->size() < 6) continue;
    switch (GetLe<uint16_t>(event->frames[0]->data())) {
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        peer.established = true;
        break;
      // Before that libzmq tries again by itself: the other side may just be starting.
      case ZMQ_EVENT_DISCONNECTED:
        if (peer.established && !peer.dying) peer.dying = now_;
        break;
      // Refused, or not who we meant: trying again at once is of no use.
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        if (!peer.dying) peer.dying = now_;
        break;
      default:
        break;
    }
  }
}

Transport::Impl::Peer* Transport::Impl::Recognise(const zmq::Message& message,
                                                  std::vector<Incoming>& out) {
  const Bytes& routing = *message.frames[0];
  // Ids that libzmq makes begin with zero and do not come again. A chosen one could be given up and
  // taken by somebody else; none of ours chooses.
  if (routing.empty() || routing[0] != 0) {
    Cut(message.fd);
    return nullptr;
  }
  const auto known = by_routing_.find(routing);
  if (known != by_routing_.end()) return &peers_.at(known->second);
  if (tombstones_.contains(routing)) return nullptr;
  const auto curve = FromUser(message.user);
  if (!curve) return nullptr;
  return Admit(routing, *curve, message.fd, out);
}

Transport::Impl::Peer* Transport::Impl::Admit(const Bytes& routing, const CurveKey& curve, int fd,
                                              std::vector<Incoming>& out) {
  const auto former = by_fd_.find(fd);
  if (former != by_fd_.end()) {
    // The descriptor is another connection's now, so the one that had it is gone.
    if (!peers_.at(former->second).dying) ++untold_ends_[fd];
    Lose(former->second, out);
  }
  std::deque<ConnectionId>& same_key = by_key_[curve];
  if (same_key.size() >= options_.connections_per_key) {
    const ConnectionId oldest = same_key.front();
    Cut(peers_.at(oldest).fd);
    ++untold_ends_[peers_.at(oldest).fd];
    Lose(oldest, out);
  }
  const ConnectionId id = next_incoming_;
  next_incoming_ += 2;
  by_key_[curve].push_back(id);
  by_routing_[routing] = id;
  by_fd_[fd] = id;
  Peer& peer = peers_[id];
  peer.id = id;
  peer.curve = curve;
  peer.routing = routing;
  peer.fd = fd;
  peer.frames = TokenBucket(options_.stranger_frames, now_);
  peer.bytes = TokenBucket(options_.stranger_bytes, now_);
  return &peer;
}

void Transport::Impl::Take(Peer& peer, zmq::Message message, bool bound,
                           std::vector<Incoming>& out) {
  std::vector<size_t> sizes;
  double total = 0;
  for (const SharedBytes& frame : message.frames) {
    sizes.push_back(frame->size());
    total += static_cast<double>(frame->size());
  }
  const RateLimit frames = bound ? options_.bound_frames : options_.stranger_frames;
  const RateLimit bytes = bound ? options_.bound_bytes : options_.stranger_bytes;
  const bool slow_enough = peer.frames.Take(frames, static_cast<double>(sizes.size()), now_) &&
                           peer.bytes.Take(bytes, total, now_);
  if (!slow_enough) {
    // Saying so costs a signature: once a second is enough.
    if (now_ - peer.rate_refused < kRateRefusalEvery) return;
    peer.rate_refused = now_;
    out.push_back(MessageRefused{.connection = peer.id,
                                 .curve = peer.curve,
                                 .code = RefusalCode::kRateLimited,
                                 .sentence = "too many messages; some were thrown away"});
    return;
  }
  if (message.cut) {
    out.push_back(MessageRefused{.connection = peer.id,
                                 .curve = peer.curve,
                                 .code = RefusalCode::kTooLarge,
                                 .sentence = "too many frames, or a message over 2 MiB"});
    return;
  }
  if (const auto fits = CheckFrameSizes(sizes); !fits) {
    out.push_back(MessageRefused{.connection = peer.id,
                                 .curve = peer.curve,
                                 .code = fits.error().code,
                                 .sentence = fits.error().sentence});
    return;
  }
  out.push_back(MessageArrived{
      .connection = peer.id, .curve = peer.curve, .frames = std::move(message.frames)});
}

size_t Transport::Impl::ReadRouter(size_t max, const std::function<bool(ConnectionId)>& is_bound,
                                   std::vector<Incoming>& out) {
  size_t count = 0;
  while (router_ && count < max) {
    auto message = router_.Receive(limits::kFramesPerMessage + 2, kMessageBytes);
    if (!message) break;
    ++count;
    if (message->frames.empty()) continue;
    Peer* peer = Recognise(*message, out);
    if (peer == nullptr || closing_.contains(peer->id)) continue;
    message->frames.erase(message->frames.begin());
    Take(*peer, std::move(*message), is_bound(peer->id), out);
  }
  return count;
}

size_t Transport::Impl::ReadDealer(Peer& peer, size_t max, bool bound, std::vector<Incoming>& out) {
  size_t count = 0;
  while (count < max) {
    auto message = peer.dealer.Receive(limits::kFramesPerMessage + 1, kMessageBytes);
    if (!message) break;
    ++count;
    peer.established = true;
    Take(peer, std::move(*message), bound, out);
  }
  return count;
}

void Transport::Impl::Receive(size_t max, Duration monotonic,
                              const std::function<bool(ConnectionId)>& is_bound,
                              std::vector<Incoming>& out) {
  now_ = monotonic;
  AnswerZap();
  ReadRouterMonitor();
  const std::vector<ConnectionId> failed = std::exchange(failed_, {});
  for (const ConnectionId id : failed) {
    if (peers_.contains(id)) {
      Lose(id, out);
    } else {
      out.push_back(ConnectionLost{id});
    }
  }
  // Half for the router, the rest for what this node opened, beginning where the last turn ended.
  const size_t share = std::max<size_t>(1, max / 2);
  const size_t got = ReadRouter(share, is_bound, out);
  size_t left = max - std::min(max, got);
  std::vector<ConnectionId> outgoing;
  for (const auto& [id, peer] : peers_) {
    if (peer.dealer) outgoing.push_back(id);
  }
  const auto first = std::lower_bound(outgoing.begin(), outgoing.end(), read_first_);
  std::rotate(outgoing.begin(), first, outgoing.end());
  for (const ConnectionId id : outgoing) {
    Peer& peer = peers_.at(id);
    ReadMonitor(peer);
    if (left > 0) {
      left -= ReadDealer(peer, std::min(left, share), is_bound(id), out);
      read_first_ = id + 1;
    }
  }
  BuryTheDead(/*router_is_empty=*/got < share, out);
  RunCuts();
  CutTheUnbound(is_bound);
}

void Transport::Impl::BuryTheDead(bool router_is_empty, std::vector<Incoming>& out) {
  std::vector<ConnectionId> dead;
  for (const auto& [id, peer] : peers_) {
    if (!peer.dying || now_ - *peer.dying < kLastWords) continue;
    const bool read = peer.dealer ? !peer.dealer.HasInput() : router_is_empty;
    // Under a flood from others the router is never empty; a tombstone takes what comes late.
    if (read || now_ - *peer.dying > kLongestWake) dead.push_back(id);
  }
  for (const ConnectionId id : dead) Lose(id, out);
  std::erase_if(tombstones_, [&](const auto& item) { return now_ - item.second > kTombstone; });
}

void Transport::Impl::RunCuts() {
  for (PlannedCut& cut : cuts_) {
    if (!cut.at) cut.at = now_ + kFarewell;
    if (now_ < *cut.at) continue;
    const auto it = peers_.find(cut.id);
    if (it != peers_.end() && !it->second.dying) Cut(it->second.fd);
  }
  std::erase_if(cuts_, [&](const PlannedCut& cut) { return cut.at && now_ >= *cut.at; });
}

void Transport::Impl::CutTheUnbound(const std::function<bool(ConnectionId)>& is_bound) {
  if (now_ < next_unbound_cut_) return;
  next_unbound_cut_ = now_ + kUnboundCutEvery;
  for (const auto& [fd, since] : accepted_) {
    if (now_ - since < options_.unbound) continue;
    const auto peer = by_fd_.find(fd);
    if (peer == by_fd_.end() || !is_bound(peer->second)) Cut(fd);
  }
}

// R2: the one way to cut a ROUTER's peer. libzmq notices, and its monitor tells.
void Transport::Impl::Cut(int fd) {
  if (fd >= 0) ::shutdown(fd, SHUT_RDWR);
}

void Transport::Impl::Forget(ConnectionId id) {
  const auto it = peers_.find(id);
  if (it == peers_.end()) return;
  Peer& peer = it->second;
  if (peer.dealer) {
    Unwatch(peer.dealer_fd);
    Unwatch(peer.monitor_fd);
  } else {
    by_routing_.erase(peer.routing);
    tombstones_[peer.routing] = now_;
    const auto fd = by_fd_.find(peer.fd);
    if (fd != by_fd_.end() && fd->second == id) by_fd_.erase(fd);
    auto same_key = by_key_.find(peer.curve);
    std::erase(same_key->second, id);
    if (same_key->second.empty()) by_key_.erase(same_key);
  }
  closing_.erase(id);
  peers_.erase(it);
}

void Transport::Impl::Lose(ConnectionId id, std::vector<Incoming>& out) {
  if (!peers_.contains(id)) return;
  // One that the agent closed is forgotten there already.
  if (!closing_.contains(id)) out.push_back(ConnectionLost{id});
  Forget(id);
}

bool Transport::Impl::HasInput() const {
  if (!failed_.empty() || zap_.HasInput()) return true;
  if (router_ && (router_.HasInput() || router_monitor_.HasInput())) return true;
  return std::any_of(peers_.begin(), peers_.end(), [](const auto& item) {
    return item.second.dealer && (item.second.dealer.HasInput() || item.second.monitor.HasInput());
  });
}

void Transport::Impl::Open(const Connect& connect) {
  CHECK(connect.connection % 2 == 0 && !peers_.contains(connect.connection));
  Peer peer;
  peer.id = connect.connection;
  peer.curve = connect.server;
  peer.frames = TokenBucket(options_.stranger_frames, now_);
  peer.bytes = TokenBucket(options_.stranger_bytes, now_);
  peer.dealer = zmq::Socket(context_, ZMQ_DEALER);
  SetCommon(peer.dealer);
  peer.dealer.SetKey(ZMQ_CURVE_SERVERKEY, connect.server.view());
  peer.dealer.Set(ZMQ_RECONNECT_IVL, kReconnectMs);
  peer.dealer.Set(ZMQ_RECONNECT_IVL_MAX, kLongestReconnectMs);
  if (connect.endpoint.find('[') != std::string::npos) peer.dealer.Set(ZMQ_IPV6, 1);
  peer.monitor = peer.dealer.Monitor(context_, "dealer-" + std::to_string(++monitors_),
                                     ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
                                         ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                                         ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL);
  // An endpoint that does not even parse is like one where nobody answers.
  if (!peer.dealer.Connect(connect.endpoint)) peer.dying = now_;
  peer.dealer_fd = peer.dealer.fd();
  peer.monitor_fd = peer.monitor.fd();
  Watch(peer.dealer_fd);
  Watch(peer.monitor_fd);
  peers_.emplace(connect.connection, std::move(peer));
}

void Transport::Impl::Close(const Disconnect& disconnect) {
  const auto it = peers_.find(disconnect.connection);
  if (it == peers_.end()) return;
  if (disconnect.ban && banned_.size() < kBanned) banned_.insert(it->second.curve);
  if (it->second.dealer) return Forget(disconnect.connection);
  closing_.insert(disconnect.connection);
  if (disconnect.ban) {
    Cut(it->second.fd);
  } else {
    cuts_.push_back({disconnect.connection, std::nullopt});
  }
}

void Transport::Impl::Deliver(ConnectionId to, const Frames& frames) {
  const auto it = peers_.find(to);
  if (std::find(failed_.begin(), failed_.end(), to) != failed_.end()) return;
  // Whoever still sends to it has not heard, or has forgotten, that it is gone.
  if (it == peers_.end()) return failed_.push_back(to);
  Peer& peer = it->second;
  const zmq::Sent sent =
      peer.dealer ? peer.dealer.Send({}, frames) : router_.Send(peer.routing, frames);
  // One that does not read is as good as gone: what was promised to it is asked for again.
  if (sent == zmq::Sent::kQueued || closing_.contains(to)) return;
  if (!peer.dealer && sent == zmq::Sent::kFull) Cut(peer.fd);
  if (!peer.dealer && !peer.dying) ++untold_ends_[peer.fd];
  failed_.push_back(to);
}

Result<std::unique_ptr<Transport>> Transport::Open(const CurveKeyPair& keys,
                                                   const TransportOptions& options) {
  auto impl = std::make_unique<Impl>(keys, options);
  RETURN_IF_ERROR(impl->Listen());
  return std::unique_ptr<Transport>(new Transport(std::move(impl)));
}

Transport::Transport(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Transport::~Transport() = default;
const std::string& Transport::listening() const {
  return impl_->listening();
}
int Transport::fd() const {
  return impl_->fd();
}
bool Transport::HasInput() const {
  return impl_->HasInput();
}
void Transport::Receive(size_t max, Duration monotonic,
                        const std::function<bool(ConnectionId)>& is_bound,
                        std::vector<Incoming>& out) {
  impl_->Receive(max, monotonic, is_bound, out);
}
void Transport::Open(const Connect& connect) {
  impl_->Open(connect);
}
void Transport::Close(const Disconnect& disconnect) {
  impl_->Close(disconnect);
}
void Transport::Deliver(ConnectionId to, Frames frames) {
  impl_->Deliver(to, frames);
}

}  // namespace souk::node
