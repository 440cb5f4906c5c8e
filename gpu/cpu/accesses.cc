#include "gpu/cpu/accesses.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

namespace souk::gpu::cpu {
namespace {

// Bits first to last of a run of words.
void SetBits(uint64_t* words, uint32_t first, uint32_t last) {
  const uint64_t from = ~uint64_t{0} << (first & 63);
  const uint64_t to = ~uint64_t{0} >> (63 - (last & 63));
  if (first / 64 == last / 64) {
    words[first / 64] |= from & to;
    return;
  }
  words[first / 64] |= from;
  for (uint32_t i = first / 64 + 1; i < last / 64; ++i) words[i] = ~uint64_t{0};
  words[last / 64] |= to;
}

// Memory may end while a kernel runs: then blocks run in order, with less. (On a thread of its own
// no exception could be caught.)
template <typename T>
bool HasRoom(std::vector<T>& list) {
  if (list.size() < list.capacity()) return true;
  try {
    list.reserve(list.size() * 2 + 64);
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}
template <typename T>
bool AddChunk(std::vector<std::unique_ptr<T[]>>& chunks, size_t size) {
  if (!HasRoom(chunks)) return false;
  std::unique_ptr<T[]> chunk(new (std::nothrow) T[size]);
  if (chunk == nullptr) return false;
  chunks.push_back(std::move(chunk));
  return true;
}

// Of a size that compilers do not know they make a string instruction, which takes twice as long.
__attribute__((noinline)) void Copy(uint8_t* to, const uint8_t* from, size_t bytes) {
  std::memcpy(to, from, bytes);
}

}  // namespace

Accesses::Accesses(uint64_t budget) : left_(static_cast<int64_t>(budget)) {}
Accesses::~Accesses() = default;

bool Accesses::Take(uint64_t bytes) {
  if (left_.fetch_sub(static_cast<int64_t>(bytes)) >= static_cast<int64_t>(bytes)) return true;
  left_ += static_cast<int64_t>(bytes);
  return false;
}

bool Accesses::Begin(const Memory& memory, Arena& arena, uint32_t smallest_write, uint32_t threads,
                     const Expected& expected) {
  Forget();  // of a launch that was not run to its end
  stopped_ = Stopped::kNo;
  arena_ = &arena;
  allocations_ = memory.allocations;
  allocation_count_ = memory.allocation_count;
  ways_.assign(memory.allocation_count, Way::kNotAtAll);
  const uint64_t bytes = memory.allocation_count == 0
                             ? 0
                             : memory.allocations[memory.allocation_count - 1].end - kGlobalBase;
  const uint64_t pages = bytes / kPageBytes + 1;
  shift_ = static_cast<uint32_t>(std::countr_zero(smallest_write));
  words_ = static_cast<uint32_t>(kPageBytes >> shift_) / 64;
  if (!states_.Need(pages)) return false;
  for (const uint64_t begin : expected.written) {
    const Allocation* const found =
        std::lower_bound(allocations_, allocations_ + allocation_count_, begin,
                         [](const Allocation& a, uint64_t x) { return a.begin < x; });
    if (found == allocations_ + allocation_count_ || found->begin != begin) continue;
    const auto index = static_cast<size_t>(found - allocations_);
    const bool aside = !expected.read.contains(begin) && MayGoAside(index, arena);
    ways_[index] = aside ? Way::kAside : Way::kSaved;
    if (aside) MarkAside(*found);
  }
  while (threads_.size() < threads) threads_.push_back(std::make_unique<ThreadAccesses>(*this));
  for (const auto& thread : threads_) {
    if (!thread->table_.Need(pages * sizeof(uint32_t))) return false;
    // Chunks of another width are of no use.
    if (thread->record_words_ != 1 + 2 * size_t{words_}) {
      left_ += static_cast<int64_t>(thread->records_.size() * ThreadAccesses::kChunkRecords *
                                    thread->record_words_ * 8);
      thread->records_.clear();
      thread->record_words_ = 1 + 2 * size_t{words_};
    }
  }
  return true;
}

void Accesses::BeginApart() {
  stopped_ = Stopped::kNo;
  allocation_count_ = 0;
  ways_.clear();
}

// What stands aside stays there for the next launch, but is no part of the budget once its
// allocation is gone: it is looked at anew each time.
bool Accesses::MayGoAside(size_t allocation, Arena& arena) {
  uint64_t others = allocations_[allocation].end - allocations_[allocation].begin;
  for (size_t i = 0; i < allocation_count_; ++i) {
    const Allocation& a = allocations_[i];
    if (i != allocation && a.other != nullptr) others += a.end - a.begin;
  }
  const int64_t left = left_;
  return left > 0 && others <= static_cast<uint64_t>(left) && arena.MakeOther(allocation);
}

void Accesses::MarkAside(const Allocation& allocation) {
  const uint64_t first = (allocation.begin - kGlobalBase) / kPageBytes;
  const uint64_t last = (allocation.end - 1 - kGlobalBase) / kPageBytes;
  aside_.push_back(PageRange{first, last - first + 1});
  Mark(aside_.back(), PageState::kSaved);
}

void Accesses::Mark(const PageRange& pages, PageState state) {
  std::memset(states_.data() + pages.first, static_cast<int>(state), pages.count);
}

uint8_t* Accesses::PageAt(uint64_t page) const {
  const uint64_t address = kGlobalBase + page * kPageBytes;
  const Allocation* const after =
      std::upper_bound(allocations_, allocations_ + allocation_count_, address,
                       [](uint64_t x, const Allocation& a) { return x < a.begin; });
  // A page before the first allocation that begins in it: those that share pages stand in their
  // places in the reservation.
  const Allocation& found =
      after == allocations_ || (after - 1)->end <= address ? *after : *(after - 1);
  return found.host + static_cast<int64_t>(address - found.begin);
}

// Of all threads together.
uint64_t Accesses::WrittenBits(uint64_t page, uint32_t word) const {
  uint64_t bits = 0;
  for (const auto& thread : threads_) {
    if (const uint64_t* const record = thread->RecordOf(page)) bits |= record[1 + word];
  }
  return bits;
}

// Whatever was not written comes from the side that it stands on; the smaller part is copied.
void Accesses::Publish(size_t allocation) {
  const Allocation& a = allocations_[allocation];
  const uint64_t first = (a.begin - kGlobalBase) / kPageBytes;
  const uint64_t pages = (a.end - a.begin + kPageBytes - 1) / kPageBytes;
  const uint64_t unit = uint64_t{1} << shift_;
  uint64_t written = 0;
  for (uint64_t p = 0; p < pages; ++p) {
    for (uint32_t i = 0; i < words_; ++i) {
      written += static_cast<uint64_t>(std::popcount(WrittenBits(first + p, i))) * unit;
    }
  }
  if (written == 0) return;
  const bool turn = written >= (a.end - a.begin) / 2;
  uint8_t* const to = turn ? a.other : a.host;
  const uint8_t* const from = turn ? a.host : a.other;
  for (uint64_t p = 0; p < pages; ++p) {
    for (uint32_t i = 0; i < words_; ++i) {
      const uint64_t bits = WrittenBits(first + p, i);
      uint64_t left = turn ? ~bits : bits;
      while (left != 0) {
        const int low = std::countr_zero(left);
        const int count = std::countr_one(left >> low);
        const uint64_t at = p * kPageBytes + (uint64_t{i} * 64 + static_cast<uint64_t>(low)) * unit;
        std::memcpy(to + at, from + at, static_cast<uint64_t>(count) * unit);
        if (low + count >= 64) break;
        left &= ~uint64_t{0} << (low + count);
      }
    }
  }
  if (turn) arena_->TurnOver(allocation);
}

void Accesses::Stop(Stopped why, uint64_t surprise) {
  Stopped none = Stopped::kNo;
  if (stopped_.compare_exchange_strong(none, why)) surprise_ = surprise;
}

bool Accesses::Conflict() const {
  for (size_t t = 1; t < threads_.size(); ++t) {
    const ThreadAccesses& mine = *threads_[t];
    for (size_t number = 0; number < mine.pages_.size(); ++number) {
      const uint64_t* const my_writes = mine.RecordAt(number) + 1;
      const uint64_t* const my_reads = my_writes + words_;
      for (size_t u = 0; u < t; ++u) {
        const uint64_t* const other = threads_[u]->RecordOf(mine.pages_[number]);
        if (other == nullptr) continue;
        const uint64_t* const writes = other + 1;
        const uint64_t* const reads = writes + words_;
        uint64_t both = 0;
        for (uint32_t i = 0; i < words_; ++i) {
          both |= (my_writes[i] & (writes[i] | reads[i])) | (my_reads[i] & writes[i]);
        }
        if (both != 0) return true;
      }
    }
  }
  return false;
}

void Accesses::Undo() {
  for (const auto& thread : threads_) {
    for (size_t i = 0; i < thread->saved_.size(); ++i) {
      std::memcpy(PageAt(thread->saved_[i]),
                  thread->copies_[i / ThreadAccesses::kChunkPages].get() +
                      i % ThreadAccesses::kChunkPages * kPageBytes,
                  kPageBytes);
    }
  }
  Forget();
}

void Accesses::End() {
  for (size_t i = 0; i < allocation_count_; ++i) {
    if (ways_[i] == Way::kAside) Publish(i);
  }
  Forget();
}

void Accesses::Forget() {
  for (const auto& thread : threads_) thread->Forget();
  for (const PageRange& pages : aside_) Mark(pages, PageState::kClean);
  aside_.clear();
}

bool ThreadAccesses::Note(size_t allocation, uint64_t address, uint32_t bytes, Touch touch,
                          uint8_t* notes) {
  using Way = Accesses::Way;
  using Stopped = Accesses::Stopped;
  const Way way = all_.ways_[allocation];
  const bool write = touch != Touch::kRead;
  *notes = way == Way::kSaved ? kNoteReads | kNoteWrites : kNoteWrites;
  const bool surprises =
      way == Way::kAside ? touch != Touch::kWrite : way == Way::kNotAtAll && write;
  if (surprises) {
    all_.Stop(way == Way::kAside ? Stopped::kReadToo : Stopped::kWrittenToo,
              all_.allocations_[allocation].begin);
    return false;
  }
  return way == Way::kNotAtAll || NoteBits(address, bytes, write);
}

bool ThreadAccesses::NoteBits(uint64_t address, uint32_t bytes, bool write) {
  const uint64_t offset = address - kGlobalBase;
  const auto in_page = static_cast<uint32_t>(offset % Accesses::kPageBytes);
  const uint32_t here = std::min(bytes, static_cast<uint32_t>(Accesses::kPageBytes) - in_page);
  const uint64_t page = offset / Accesses::kPageBytes;
  if (page != last_page_ && !Open(page)) return false;
  if (write && last_record_[0] == 0) {
    if (!Save(page)) return false;
    last_record_[0] = 1;
  }
  SetBits(last_record_ + 1 + (write ? 0 : all_.words_), in_page >> all_.shift_,
          (in_page + here - 1) >> all_.shift_);
  return here == bytes || NoteBits(address + here, bytes - here, write);
}

// Makes the page's record the last one.
bool ThreadAccesses::Open(uint64_t page) {
  Record record = RecordOf(page);
  if (record == nullptr) record = MakeRecord(page);
  if (record == nullptr) return false;
  last_page_ = page;
  last_record_ = record;
  return true;
}

ThreadAccesses::Record ThreadAccesses::MakeRecord(uint64_t page) {
  const size_t number = pages_.size();
  if (number == records_.size() * kChunkRecords) {
    const size_t words = kChunkRecords * record_words_;
    if (!all_.Take(words * 8) || !AddChunk(records_, words)) {
      all_.Stop(Accesses::Stopped::kNoMemory);
      return nullptr;
    }
  }
  if (!HasRoom(pages_)) {
    all_.Stop(Accesses::Stopped::kNoMemory);
    return nullptr;
  }
  pages_.push_back(page);
  reinterpret_cast<uint32_t*>(table_.data())[page] = static_cast<uint32_t>(number + 1);
  const Record record = RecordAt(number);
  std::memset(record, 0, record_words_ * 8);
  return record;
}

// Whoever comes first saves the page; the others wait for it.
bool ThreadAccesses::Save(uint64_t page) {
  using State = Accesses::PageState;
  const auto as_byte = [](State state) { return static_cast<uint8_t>(state); };
  const std::atomic_ref<uint8_t> state = all_.StateOf(page);
  while (true) {
    uint8_t found = as_byte(State::kClean);
    if (state.compare_exchange_weak(found, as_byte(State::kSaving))) break;
    if (found == as_byte(State::kSaved)) return true;
    if (all_.stopped()) return false;
  }
  const size_t number = saved_.size();
  bool room = true;
  if (number == copies_.size() * kChunkPages) {
    constexpr size_t kBytes = kChunkPages * Accesses::kPageBytes;
    room = all_.Take(kBytes) && AddChunk(copies_, kBytes);
  }
  if (!room || !HasRoom(saved_)) {
    all_.Stop(Accesses::Stopped::kNoMemory);
    state.store(as_byte(State::kClean));
    return false;
  }
  Copy(copies_[number / kChunkPages].get() + number % kChunkPages * Accesses::kPageBytes,
       all_.PageAt(page), Accesses::kPageBytes);
  saved_.push_back(page);
  state.store(as_byte(State::kSaved), std::memory_order_release);
  return true;
}

void ThreadAccesses::Forget() {
  for (const uint64_t page : pages_) reinterpret_cast<uint32_t*>(table_.data())[page] = 0;
  pages_.clear();
  last_page_ = kNoPage;
  for (const uint64_t page : saved_) {
    all_.states_.data()[page] = static_cast<uint8_t>(Accesses::PageState::kClean);
  }
  saved_.clear();
}

bool NoteRun(Warp& w, const Op* op, uint64_t address, uint32_t bytes, bool write) {
  if (w.memory->accesses->NoteBits(address, bytes, write)) return true;
  w.Fail(op, FaultKind::kNone, 0);
  return false;
}

bool NoteEach(Warp& w, const Op* op, uint64_t begin, const uint64_t* offsets, uint32_t bytes,
              bool write) {
  for (int i = 0; i < kLanes; ++i) {
    if (i != 0 && offsets[i] == offsets[i - 1]) continue;
    if (!NoteRun(w, op, begin + offsets[i], bytes, write)) return false;
  }
  return true;
}

}  // namespace souk::gpu::cpu
