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

bool Accesses::Begin(const Memory& memory, uint32_t smallest_write, uint32_t threads,
                     const std::set<uint64_t>& expected) {
  stopped_ = Stopped::kNo;
  arena_ = memory.arena;
  allocations_ = memory.allocations;
  expected_.assign(memory.allocation_count, 0);
  for (size_t i = 0; i < memory.allocation_count; ++i) {
    expected_[i] = expected.contains(memory.allocations[i].begin) ? 1 : 0;
  }
  const uint64_t bytes = memory.allocation_count == 0
                             ? 0
                             : memory.allocations[memory.allocation_count - 1].end - kGlobalBase;
  const uint64_t pages = bytes / kPageBytes + 1;
  shift_ = static_cast<uint32_t>(std::countr_zero(smallest_write));
  words_ = static_cast<uint32_t>(kPageBytes >> shift_) / 64;
  if (!states_.Need(pages)) return false;
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
      std::memcpy(arena_ + thread->saved_[i] * kPageBytes,
                  thread->copies_[i / ThreadAccesses::kChunkPages].get() +
                      i % ThreadAccesses::kChunkPages * kPageBytes,
                  kPageBytes);
    }
  }
  End();
}

void Accesses::End() {
  for (const auto& thread : threads_) thread->Forget();
}

bool ThreadAccesses::Note(size_t allocation, uint64_t address, uint32_t bytes, bool write,
                          uint8_t* notes) {
  const bool expected = all_.expected_[allocation] != 0;
  *notes = expected ? kNoteReads | kNoteWrites : kNoteWrites;
  if (expected) return NoteBits(address, bytes, write);
  if (!write) return true;
  all_.Stop(Accesses::Stopped::kSurprise, all_.allocations_[allocation].begin);
  return false;
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
       all_.arena_ + page * Accesses::kPageBytes, Accesses::kPageBytes);
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
