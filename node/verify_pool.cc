#include "node/verify_pool.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "protocol/base/check.h"

namespace souk::node {

Result<DocumentRef> VerifiedDocuments::Open(ByteView envelope) {
  // Cheap checks first: Document::Open refuses these before it hashes anything.
  if (envelope.size() > limits::kDocumentBytes) return Document::Open(envelope);
  const Digest digest = Sha256(envelope);
  {
    const std::lock_guard lock(mutex_);
    const auto young = young_.find(digest);
    if (young != young_.end()) return young->second;
    const auto old = old_.find(digest);
    if (old != old_.end()) return old->second;
  }
  ASSIGN_OR_RETURN(DocumentRef document, Document::Open(envelope));
  const std::lock_guard lock(mutex_);
  if (young_.size() >= kGeneration) {
    old_ = std::move(young_);
    young_.clear();
  }
  young_[digest] = document;
  return document;
}

VerifyPool::VerifyPool(size_t threads, size_t capacity)
    : capacity_(capacity), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(event_ >= 0 && threads > 0);
  for (size_t i = 0; i < threads; ++i) threads_.push_back(std::thread([this] { Work(); }));
}

VerifyPool::~VerifyPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  has_work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  ::close(event_);
}

void VerifyPool::Wake() {
  const uint64_t one = 1;
  // Full means that it is readable already.
  (void)!::write(event_, &one, sizeof(one));
}

void VerifyPool::Submit(MessageArrived message) {
  CHECK(in_flight_ < capacity_);
  ++in_flight_;
  auto item = std::make_shared<Item>();
  item->message = std::move(message);
  lanes_[item->message.connection].push_back(item);
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(item));
  }
  has_work_.notify_one();
}

Event VerifyPool::VerifyHere(const MessageArrived& message) {
  CHECK(in_flight_ == 0);
  return Verify(message);
}

void VerifyPool::Pass(MessageRefused refused) {
  CHECK(in_flight_ < capacity_);
  ++in_flight_;
  auto item = std::make_shared<Item>();
  item->message.connection = refused.connection;
  item->result = std::move(refused);
  item->done = true;
  lanes_[item->message.connection].push_back(item);
  {
    const std::lock_guard lock(mutex_);
    finished_.push_back(std::move(item));
  }
  Wake();
}

Event VerifyPool::Verify(const MessageArrived& message) {
  auto opened =
      OpenMessage(message.frames, [this](ByteView envelope) { return verified_.Open(envelope); });
  if (!opened) {
    return MessageRefused{.connection = message.connection,
                          .curve = message.curve,
                          .code = opened.error().code,
                          .sentence = std::move(opened.error().sentence)};
  }
  return DocumentArrived{.connection = message.connection,
                         .curve = message.curve,
                         .document = std::move(opened->document),
                         .carried = std::move(opened->carried),
                         .receipt = std::move(opened->receipt),
                         .bundle = std::move(opened->bundle),
                         .chunk = std::move(opened->chunk)};
}

void VerifyPool::Work() {
  while (true) {
    ItemRef item;
    {
      std::unique_lock lock(mutex_);
      has_work_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      item = std::move(queue_.front());
      queue_.pop_front();
    }
    Event result = Verify(item->message);
    {
      const std::lock_guard lock(mutex_);
      item->result = std::move(result);
      item->message.frames.clear();
      item->done = true;
      finished_.push_back(std::move(item));
    }
    Wake();
  }
}

void VerifyPool::Collect(std::vector<Event>& out) {
  uint64_t count = 0;
  (void)!::read(event_, &count, sizeof(count));
  const std::lock_guard lock(mutex_);
  in_flight_ -= finished_.size();
  for (const ItemRef& item : finished_) {
    const auto lane = lanes_.find(item->message.connection);
    if (lane == lanes_.end()) continue;
    std::deque<ItemRef>& waiting = lane->second;
    while (!waiting.empty() && waiting.front()->done) {
      out.push_back(std::move(waiting.front()->result));
      waiting.pop_front();
    }
    if (waiting.empty()) lanes_.erase(lane);
  }
  finished_.clear();
}

}  // namespace souk::node
