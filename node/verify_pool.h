// The threads that verify: signatures are the bottleneck, so they are checked
// here before the event reaches the agent, never on the loop's thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "node/transport/transport.h"

namespace souk::node {

// Documents that were verified lately, by the digest of their envelope: gossip brings the same
// offer from many sides, and requests are repeated until they are answered. Repeats are not
// dropped, since each wants its answer; they only cost no second verification. Thread-safe,
// bounded.
class VerifiedDocuments {
 public:
  // Each of two generations; documents are at most 16 KiB.
  static constexpr size_t kGeneration = 1024;

  // As Document::Open; only successes are remembered.
  Result<DocumentRef> Open(ByteView envelope);

 private:
  std::mutex mutex_;
  std::unordered_map<Digest, DocumentRef, DigestHash> young_ = {}, old_ = {};
};

// Invariants: (1) what came over one connection comes out in its order; (2) nothing comes out for a
// connection after Forget.
// The loop's thread calls; the pool's threads only run OpenMessage. A mutex and a queue, which the
// thread sanitizer understands.
class VerifyPool {
 public:
  VerifyPool(size_t threads, size_t capacity);
  // What has not been collected is thrown away.
  ~VerifyPool();
  VerifyPool(const VerifyPool&) = delete;
  VerifyPool& operator=(const VerifyPool&) = delete;

  // How many more may be submitted: nothing more is read from the network where this is 0.
  size_t room() const { return capacity_ - in_flight_; }
  bool idle() const { return in_flight_ == 0; }
  void Submit(MessageArrived message);
  // Verified on this thread: for a single small message where nothing else is in flight, which is
  // not worth waking another thread and being woken by it.
  Event VerifyHere(const MessageArrived& message);
  // Something that needs no verification takes its place behind what came before it.
  void Pass(MessageRefused refused);

  // Readable when Collect has something.
  int fd() const { return event_; }
  // DocumentArrived and MessageRefused events.
  void Collect(std::vector<Event>& out);
  void Forget(ConnectionId connection) { lanes_.erase(connection); }

 private:
  struct Item {
    MessageArrived message = {};
    Event result = Tick{};
    bool done = false;  // under mutex_
  };
  using ItemRef = std::shared_ptr<Item>;
  void Work();
  Event Verify(const MessageArrived& message);
  void Wake();

  const size_t capacity_;
  int event_ = -1;
  VerifiedDocuments verified_ = {};
  // The loop's.
  std::map<ConnectionId, std::deque<ItemRef>> lanes_ = {};
  size_t in_flight_ = 0;
  // Shared.
  std::mutex mutex_;
  std::condition_variable has_work_;
  std::deque<ItemRef> queue_ = {};
  std::vector<ItemRef> finished_ = {};
  bool stopping_ = false;
  std::vector<std::thread> threads_ = {};
};

}  // namespace souk::node
