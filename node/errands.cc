#include "node/errands.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "protocol/base/check.h"

namespace souk::node {

Errands::Errands() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  CHECK(event_ >= 0);
  thread_ = std::thread([this] { Work(); });
}

Errands::~Errands() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  has_work_.notify_all();
  thread_.join();
  ::close(event_);
}

void Errands::Run(Errand errand) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(errand));
  }
  has_work_.notify_one();
}

void Errands::Work() {
  while (true) {
    Errand errand;
    {
      std::unique_lock lock(mutex_);
      has_work_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      errand = std::move(queue_.front());
      queue_.pop_front();
    }
    Event event = errand();
    {
      const std::lock_guard lock(mutex_);
      finished_.push_back(std::move(event));
    }
    const uint64_t one = 1;
    (void)!::write(event_, &one, sizeof(one));
  }
}

void Errands::Collect(std::vector<Event>& out) {
  uint64_t count = 0;
  (void)!::read(event_, &count, sizeof(count));
  const std::lock_guard lock(mutex_);
  for (Event& event : finished_) out.push_back(std::move(event));
  finished_.clear();
}

}  // namespace souk::node
