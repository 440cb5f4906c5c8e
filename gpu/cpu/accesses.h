// Blocks beside each other on several threads: what each thread's blocks touched of device memory,
// and what stood there before. Where no thread's blocks touched what another's wrote, the launch
// came to the same as its blocks one after the other: each thread runs its blocks in order, and
// each place that is written belongs to one thread. Else it is undone and run again in order. So
// results never depend on how many threads there are.
//
// What a launch only reads is not noted. Which allocations it writes is expected from the
// instructions (pointers.h); a write to another is a surprise, and the launch begins anew.
//
// So that it can be undone, a page is saved before its first write. A large allocation that a
// launch seems to write only is written aside instead, into memory of its own, which becomes the
// allocation's at the end: that spares most kernels' results the copy. A read of one is a surprise
// too.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <vector>

#include "gpu/cpu/arena.h"
#include "gpu/cpu/block.h"
#include "gpu/cpu/warp.h"

namespace souk::gpu::cpu {

class ThreadAccesses;

// Of one launch at a time; kept for its memory.
class Accesses {
 public:
  static constexpr uint64_t kPageBytes = 4096;
  enum class Stopped : uint8_t { kNo, kWrittenToo, kReadToo, kNoMemory, kSlow };
  // Where allocations begin that a launch will write, and those that it will read.
  struct Expected {
    std::set<uint64_t> written = {};
    std::set<uint64_t> read = {};
  };

  // budget: bytes that all records and saved pages may take.
  explicit Accesses(uint64_t budget);
  ~Accesses();
  Accesses(const Accesses&) = delete;
  Accesses& operator=(const Accesses&) = delete;

  // smallest_write: Program's. memory and arena must stay until the end. False: no memory. What was
  // begun and neither undone nor ended must not have been run.
  bool Begin(const Memory& memory, Arena& arena, uint32_t smallest_write, uint32_t threads,
             const Expected& expected);
  // Of a launch of which nothing need be noted, since its blocks are apart and read nothing that
  // they write: it may as well be run again as be undone.
  void BeginApart();
  ThreadAccesses& Of(size_t thread) { return *threads_[thread]; }

  // ---- any thread, while blocks run ----
  bool stopped() const { return stopped_.load(std::memory_order_relaxed) != Stopped::kNo; }
  // Only the first one's reason counts.
  void Stop(Stopped why, uint64_t surprise = 0);

  // ---- once all threads have come to an end ----
  Stopped why() const { return stopped_.load(std::memory_order_relaxed); }
  // Where the allocation begins that was written, or read, unexpectedly.
  uint64_t surprise() const { return surprise_; }
  bool Conflict() const;
  // Memory is as it was at Begin.
  void Undo();
  // Memory is as the blocks left it. The arena may have turned allocations over.
  void End();

 private:
  friend class ThreadAccesses;
  enum class PageState : uint8_t { kClean, kSaving, kSaved };

  // How an allocation is written: not at all, as far as is known; its pages are saved before;
  // aside.
  enum class Way : uint8_t { kNotAtAll, kSaved, kAside };

  bool Take(uint64_t bytes);
  bool MayGoAside(size_t allocation, Arena& arena);
  struct PageRange {
    uint64_t first = 0;
    uint64_t count = 0;
  };
  // Until Forget its pages are nobody's to save.
  void MarkAside(const Allocation& allocation);
  void Mark(const PageRange& pages, PageState state);
  // Of a page's host memory, which no large allocation shares with others.
  uint8_t* PageAt(uint64_t page) const;
  uint64_t WrittenBits(uint64_t page, uint32_t word) const;
  void Publish(size_t allocation);
  void Forget();
  std::atomic_ref<uint8_t> StateOf(uint64_t page) {
    return std::atomic_ref<uint8_t>(states_.data()[page]);
  }

  std::atomic<int64_t> left_;
  std::atomic<Stopped> stopped_ = Stopped::kNo;
  uint64_t surprise_ = 0;  // of the thread that stopped them
  Arena* arena_ = nullptr;
  const Allocation* allocations_ = nullptr;
  size_t allocation_count_ = 0;
  std::vector<Way> ways_ = {};         // by allocation
  std::vector<PageRange> aside_ = {};  // of those that are written aside
  uint32_t shift_ = 2;                 // bytes of a bit of the records, as a power of two
  uint32_t words_ = 0;                 // of a page's writes, and of its reads
  Pages states_ = {};                  // PageState, by page
  std::vector<std::unique_ptr<ThreadAccesses>> threads_ = {};
};

// What one thread's blocks touched. That thread's alone while blocks run.
class ThreadAccesses {
 public:
  explicit ThreadAccesses(Accesses& all) : all_(all) {}

  // An access to the allocation, about to be made; before a write the page is saved. *notes: what
  // is to be noted of others to it. False: the launch stops, and the access must not be made.
  bool Note(size_t allocation, uint64_t address, uint32_t bytes, Touch touch, uint8_t* notes);
  // Where the allocation is to be written instead; nullptr: where it is.
  uint8_t* AsideOf(size_t allocation) const {
    const bool aside = all_.ways_[allocation] == Accesses::Way::kAside;
    return aside ? all_.allocations_[allocation].other : nullptr;
  }
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
