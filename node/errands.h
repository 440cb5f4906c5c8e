// One thread for what would hold up the loop: hashing and syncing large files.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "node/agent/event.h"

namespace souk::node {

// Errands run one after another, in order; each ends in one event. The owner's thread calls.
class Errands {
 public:
  using Errand = std::function<Event()>;

  Errands();
  // Waits for the errand that runs; those that wait are dropped.
  ~Errands();
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;

  void Run(Errand errand);
  // Readable when Collect has something.
  int fd() const { return event_; }
  void Collect(std::vector<Event>& out);

 private:
  void Work();

  int event_ = -1;
  std::mutex mutex_;
  std::condition_variable has_work_;
  std::deque<Errand> queue_ = {};
  std::vector<Event> finished_ = {};
  bool stopping_ = false;
  std::thread thread_ = {};
};

}  // namespace souk::node
