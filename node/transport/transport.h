// Connections between peers (R2): one ROUTER that others connect to, and a DEALER for each
// connection that this node opens; CURVE on both, ZAP to learn who connects and to refuse the
// banned. Bounds that need no cryptography of ours are kept here: frame sizes, frames, messages and
// bytes per connection and time, connections per key, what may wait to be sent.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <variant>

#include "node/runner.h"
#include "node/transport/token_bucket.h"
#include "protocol/limits.h"

namespace souk::node {

// A message whose frames are within bounds; nothing in it is verified yet.
struct MessageArrived {
  ConnectionId connection = 0;
  CurveKey curve = {};  // of the other side
  Frames frames = {};
};

struct TransportOptions {
  // Where to listen, "tcp://0.0.0.0:7100"; port 0 takes a free one; empty: nowhere.
  std::string listen = {};
  // Per connection. A frame counts as a message, since each may hold a signature to verify.
  RateLimit stranger_frames = {100, 200};
  RateLimit stranger_bytes = {1 << 20, 4 << 20};
  RateLimit bound_frames = {5'000, 10'000};
  RateLimit bound_bytes = {1 << 30, 1 << 30};
  // More than one: a peer that reconnects before we saw its old connection die.
  size_t connections_per_key = 8;
  size_t connections = limits::kConnections;
  // Who connects must be bound by then, or is cut: silence takes no places.
  Duration unbound = Seconds(5);
  // An attempt that is no CURVE connection by then is begun anew.
  Duration handshake = Seconds(2);
  Duration heartbeat = Seconds(2);
  Duration heartbeat_timeout = Seconds(6);
};

// Loop thread only.
// Invariants: (1) a connection's CURVE key never changes, and its number is never used again;
// (2) after ConnectionLost nothing more comes from a connection, and each message to it leads to
// another ConnectionLost.
class Transport : public Network {
 public:
  using Incoming = std::variant<MessageArrived, MessageRefused, ConnectionLost>;

  // kConflict where the address is taken. The keys outlive the transport.
  static Result<std::unique_ptr<Transport>> Open(const CurveKeyPair& keys,
                                                 const TransportOptions& options);
  // What was sent last has up to half a second to leave.
  ~Transport() override;

  // "tcp://0.0.0.0:45123", with the port that was taken; empty where nobody can connect.
  const std::string& listening() const;

  // Readable when Receive may have something; HasInput is asked before every wait.
  int fd() const;
  bool HasInput() const;
  // At most `max`, in the order of each connection. `is_bound` tells which limits hold.
  void Receive(size_t max, Duration monotonic, const std::function<bool(ConnectionId)>& is_bound,
               std::vector<Incoming>& out);

  void Open(const Connect& connect) override;
  void Close(const Disconnect& disconnect) override;
  void Deliver(ConnectionId to, Frames frames) override;

 private:
  class Impl;
  explicit Transport(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace souk::node
