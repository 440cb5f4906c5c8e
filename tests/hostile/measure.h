// What a process has used of memory at most, as the kernel counts it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>

namespace souk::gpu::hostile {

struct Resident {
  uint64_t now_kib = 0;   // VmRSS
  uint64_t peak_kib = 0;  // VmHWM
};
// All zero where there is no such process.
Resident ResidentOf(pid_t pid);
// From now on the caller's own peak counts anew; heap that was freed is given back first. False
// where this kernel cannot (CONFIG_PROC_PAGE_MONITOR).
bool ForgetOwnPeak();

// The last lines of a run of the set: how many, how they ended, what took most.
class Tally {
 public:
  void Add(const std::string& name, const std::string& ended, uint64_t peak_kib, uint64_t ms);
  // Prints to stdout.
  void Print(const std::string& title) const;
  size_t count() const { return count_; }

 private:
  struct Most {
    std::string name = {};
    uint64_t value = 0;
  };
  size_t count_ = 0;
  uint64_t total_ms_ = 0;
  std::map<std::string, size_t> ends_ = {};
  Most memory_ = {};
  Most time_ = {};
};

}  // namespace souk::gpu::hostile
