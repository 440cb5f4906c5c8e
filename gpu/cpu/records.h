// The checking mode's access records: for every word of memory that a launch touches who wrote it
// last, who has read it since, and whose atomics came to it; for every byte of a page once some
// access to the page is no whole word.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace souk::gpu::cpu {

// Which op of which thread: pc * 1024 + thread.
using OpOfThread = uint32_t;
inline constexpr uint32_t kMostWatchedOps = 1u << 22;
constexpr OpOfThread MakeOpOfThread(uint32_t pc, uint32_t thread) {
  return pc << 10 | thread;
}
constexpr uint32_t PcOf(OpOfThread who) {
  return who >> 10;
}
constexpr uint32_t ThreadOf(OpOfThread who) {
  return who & 1023;
}

// The threads of one block that did something to a place: lanes of one warp, or else all threads of
// some warps.
struct Party {
  uint32_t block = 0;  // plus 1; 0: nobody
  uint32_t other = 0;  // some block that did the same before, plus 1
  uint32_t time = 0;   // of the latest
  uint32_t mask = 0;   // lanes, or warps
  OpOfThread who = 0;  // the latest; its thread names the warp of lanes
  bool warps() const { return (other & kWarps) != 0; }
  uint32_t other_block() const { return other & ~kWarps; }
  static constexpr uint32_t kWarps = 1u << 31;
};

struct AccessRecord {
  uint32_t write_block = 0;  // plus 1; 0: never
  uint32_t write_time = 0;
  OpOfThread writer = 0;
  Party readers = {};
};
static_assert(sizeof(AccessRecord) == 32);

struct AtomicRecord {
  Party party = {};
  uint32_t kind = 0;  // WatchedOp::atomic
};

// What all records together may take.
class RecordBudget {
 public:
  explicit RecordBudget(uint64_t bytes) : left_(bytes) {}
  bool Take(uint64_t bytes) {
    if (bytes > left_) return false;
    left_ -= bytes;
    return true;
  }
  void Give(uint64_t bytes) { left_ += bytes; }

 private:
  uint64_t left_;
};

// Of 4 KiB of memory.
struct RecordPage {
  static constexpr uint32_t kBytes = 4096;
  std::unique_ptr<AccessRecord[]> records = nullptr;
  std::unique_ptr<AtomicRecord[]> atomics = nullptr;  // once there are some
  uint32_t shift = 2;                                 // of a record: 4 bytes, or 1

  uint32_t count() const { return kBytes >> shift; }
  // False: over the budget, nothing was allocated.
  bool Make(RecordBudget& budget);
  bool MakeAtomics(RecordBudget& budget);
  bool Split(RecordBudget& budget);
};

// A range of memory with its pages, made as they are touched.
struct RecordRegion {
  uint64_t begin = 0;
  uint64_t end = 0;
  std::vector<RecordPage> pages = {};

  bool Contains(uint64_t address, uint64_t bytes) const {
    return address >= begin && address <= end && bytes <= end - address;
  }
};

}  // namespace souk::gpu::cpu
