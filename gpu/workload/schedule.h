// Walks a workload's launches in order: loops unrolled one launch at a time, swaps applied,
// arguments evaluated. Memory does not grow with the number of launches.
#pragma once

#include "gpu/workload/workload.h"

namespace souk::gpu {

// One argument of one launch, evaluated.
struct ArgumentValue {
  std::optional<uint32_t> buffer = {};  // pointer: to this buffer of the workload, swaps applied
  uint64_t offset_bytes = 0;            // pointer: at most the buffer's size
  Bytes bytes = {};                     // all else
};

struct ScheduledLaunch {
  uint64_t index = 0;  // 0-based, over the whole run
  const KernelLaunch* launch = nullptr;
  std::vector<ArgumentValue> arguments = {};
};

// Invariants: the workload has passed CheckWorkload and outlives the schedule.
class Schedule {
 public:
  explicit Schedule(const Workload& workload);

  // The next launch, or nothing after the last. Errors name the launch and argument: a value
  // outside its type, an offset outside its buffer, arithmetic that fails.
  Result<std::optional<ScheduledLaunch>> Next();

  // Which buffer stands behind each name now.
  const std::vector<uint32_t>& bindings() const { return bindings_; }

 private:
  struct Frame {
    const std::vector<Step>* body = nullptr;
    const Loop* loop = nullptr;  // null for the outermost
    size_t at = 0;
  };

  // Swaps, then the next iteration, or back to the loop around.
  void EndOfBody();

  const Workload& workload_;
  std::vector<Frame> frames_;
  std::vector<int64_t> variables_;
  std::vector<uint32_t> bindings_;
  uint64_t index_ = 0;
};

}  // namespace souk::gpu
