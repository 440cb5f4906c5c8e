// Blocks beside each other on several threads: what each thread's blocks touched of device memory,
// and what stood there before. Where no thread's blocks touched what another's wrote, the launch
// came to the same as its blocks one after the other: each thread runs its blocks in order, and
// each place that is written belongs to one thread. Else it is undone and run again in order. So
// results never depend on how many threads there are.
//
// What a launch only reads is not noted. Which allocations it writes is expected from the
// instructions (pointers.h); a write to another is a surprise, and the launch begins anew.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "gpu/cpu/block.h"
#include "gpu/cpu/warp.h"

namespace souk::gpu::cpu {

class ThreadAccesses;

// Of one launch at a time; kept for its memory.
class Accesses {
 public:
  static constexpr uint64_t kPageBytes = 4096;
  enum class Stopped : uint8_t { kNo, kSurprise, kNoMemory, kSlow };

  // budget: bytes that all records and saved pages may take.
  explicit Accesses(uint64_t budget);
  ~Accesses();
  Accesses(const Accesses&) = delete;
  Accesses& operator=(const Accesses&) = delete;

  // smallest_write: Program's. expected: where allocations begin that will be written. Both must
  // stay. False: no memory.
  bool Begin(const Memory& memory, uint32_t smallest_write, uint32_t threads,
             const std::set<uint64_t>& expected);
  ThreadAccesses& Of(size_t thread) { return *threads_[thread]; }

  // ---- any thread, while blocks run ----
  bool stopped() const { return stopped_.load(std::memory_order_relaxed) != Stopped::kNo; }
  // Only the first one's reason counts.
  void Stop(Stopped why, uint64_t surprise = 0);

  // ---- once all threads have come to an end ----
  Stopped why() const { return stopped_.load(std::memory_order_relaxed); }
  // Where the allocation begins that was written unexpectedly.
  uint64_t surprise() const { return surprise_; }
  bool Conflict() const;
  // Memory is as it was at Begin.
  void Undo();
  void End();

 private:
  friend class ThreadAccesses;
  enum class PageState : uint8_t { kClean, kSaving, kSaved };

  bool Take(uint64_t bytes);
  std::atomic_ref<uint8_t> StateOf(uint64_t page) {
    return std::atomic_ref<uint8_t>(states_.data()[page]);
  }

  std::atomic<int64_t> left_;
  std::atomic<Stopped> stopped_ = Stopped::kNo;
  uint64_t surprise_ = 0;  // of the thread that stopped them
  uint8_t* arena_ = nullptr;
  const Allocation* allocations_ = nullptr;
  std::vector<uint8_t> expected_ = {};  // by allocation
  uint32_t shift_ = 2;                  // bytes of a bit of the records, as a power of two
  uint32_t words_ = 0;                  // of a page's writes, and of its reads
  Pages states_ = {};                   // PageState, by page
  std::vector<std::unique_ptr<ThreadAccesses>> threads_ = {};
};

// What one thread's blocks touched. That thread's alone while blocks run.
class ThreadAccesses {
 public:
  explicit ThreadAccesses(Accesses& all) : all_(all) {}

  // An access to the allocation, about to be made; before a write the page is saved. *notes: what
  // is to be noted of others to it. False: the launch stops, and the access must not be made.
  bool Note(size_t allocation, uint64_t address, uint32_t bytes, bool write, uint8_t* notes);
  // The same of what is known to lie in an expected allocation.
  bool NoteBits(uint64_t address, uint32_t bytes, bool write);
  bool stopped() const { return all_.stopped(); }

 private:
  friend class Accesses;
  // Of a page: whether it is saved, its writes, its reads; a bit each.
  using Record = uint64_t*;
  static constexpr uint64_t kNoPage = UINT64_MAX;
  static constexpr size_t kChunkRecords = 64;
  static constexpr size_t kChunkPages = 16;

  bool Open(uint64_t page);
  Record RecordOf(uint64_t page) const {
    const uint32_t number = reinterpret_cast<const uint32_t*>(table_.data())[page];
    return number == 0 ? nullptr : RecordAt(number - 1);
  }
  Record RecordAt(size_t number) const {
    return records_[number / kChunkRecords].get() + number % kChunkRecords * record_words_;
  }
  Record MakeRecord(uint64_t page);
  bool Save(uint64_t page);
  void Forget();

  Accesses& all_;
  Pages table_ = {};  // by page: the number of its record plus 1, 32 bits each
  size_t record_words_ = 0;
  uint64_t last_page_ = kNoPage;
  Record last_record_ = nullptr;
  std::vector<std::unique_ptr<uint64_t[]>> records_ = {};  // in chunks
  std::vector<uint64_t> pages_ = {};                       // of each record
  std::vector<std::unique_ptr<uint8_t[]>> copies_ = {};    // in chunks
  std::vector<uint64_t> saved_ = {};                       // the page of each copy
};

}  // namespace souk::gpu::cpu
