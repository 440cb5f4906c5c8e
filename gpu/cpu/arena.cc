#include "gpu/cpu/arena.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace souk::gpu::cpu {
namespace {

inline constexpr uint64_t kAlign = 256;
inline constexpr uint64_t kPage = 4096;

uint64_t RoundUp(uint64_t value, uint64_t step) {
  return (value + step - 1) / step * step;
}
uint64_t AlignmentOf(uint64_t bytes) {
  return bytes >= Arena::kLargeBytes ? kPage : kAlign;
}

}  // namespace

Arena::~Arena() {
  for (Allocation& a : allocations_) DropOther(a, base_ + (a.begin - kGlobalBase));
  if (base_ != nullptr) munmap(base_, reserved_);
}

Status Arena::Reserve() {
  if (base_ != nullptr) return Ok();
  if (memory_bytes_ > (uint64_t{1} << 43)) {
    return Error(Code::kExhausted, "the cpu device has at most 8 TiB");
  }
  // Rounding and the gap behind each allocation cost at most this beyond memory_bytes.
  const uint64_t large = std::min<uint64_t>(most_, memory_bytes_ / kLargeBytes);
  const uint64_t slack = most_ * (2 * kAlign + gap_) + large * 2 * kPage;
  reserved_ = RoundUp(memory_bytes_ + slack, kPage);
  void* at = mmap(nullptr, reserved_, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) {
    return Error(Code::kExhausted, "no address space for " + std::to_string(memory_bytes_) +
                                       " bytes of device memory");
  }
  base_ = static_cast<uint8_t*>(at);
  return Ok();
}

Result<uint64_t> Arena::Allocate(uint64_t bytes) {
  if (bytes == 0) return Error(Code::kInvalidArgument, "an allocation of no bytes");
  if (bytes > memory_bytes_ - used_ || used_ > memory_bytes_) {
    return Error(Code::kExhausted, "allocating " + std::to_string(bytes) +
                                       " bytes: " + std::to_string(memory_bytes_ - used_) + " of " +
                                       std::to_string(memory_bytes_) + " are left");
  }
  if (allocations_.size() >= most_) {
    return Error(Code::kExhausted, "more than " + std::to_string(most_) + " allocations");
  }
  RETURN_IF_ERROR(Reserve());
  // First fit. One gap's worth stays free behind each allocation, so that running over an end is
  // never running into a neighbour.
  const uint64_t alignment = AlignmentOf(bytes);
  uint64_t at = kGlobalBase;
  size_t index = 0;
  const auto skip_one = [&] {
    const Allocation& before = allocations_[index];
    at = RoundUp(RoundUp(before.end + gap_, AlignmentOf(before.end - before.begin)), alignment);
    ++index;
  };
  // A module's variables come one after the other: looking for a gap for each would take the square
  // of their number.
  if (packed_ && !allocations_.empty()) {
    index = allocations_.size() - 1;
    skip_one();
  }
  while (index < allocations_.size() &&
         allocations_[index].begin < RoundUp(at + bytes + gap_, alignment)) {
    skip_one();
  }
  if (at - kGlobalBase + bytes > reserved_) {
    return Error(Code::kExhausted,
                 "device memory is too fragmented for " + std::to_string(bytes) + " bytes");
  }
  used_ += bytes;
  allocations_.insert(allocations_.begin() + static_cast<ptrdiff_t>(index),
                      Allocation{at, at + bytes, true, base_ + (at - kGlobalBase), nullptr});
  return at;
}

Arena::Allocations::iterator Arena::Find(uint64_t address) {
  const auto found = std::lower_bound(allocations_.begin(), allocations_.end(), address,
                                      [](const Allocation& a, uint64_t x) { return a.begin < x; });
  const bool begins = found != allocations_.end() && found->begin == address;
  return begins ? found : allocations_.end();
}

Status Arena::Free(uint64_t address) {
  const auto found = Find(address);
  if (found == allocations_.end()) return Error(Code::kNotFound, "no allocation begins there");
  DropOther(*found, base_ + (address - kGlobalBase));
  // Whole pages go back to the system, which hands them out zeroed; the ends are cleared.
  const uint64_t begin = found->begin - kGlobalBase;
  const uint64_t end = found->end - kGlobalBase;
  const uint64_t first_page = std::min((begin + kPage - 1) / kPage * kPage, end);
  const uint64_t last_page = std::max(end / kPage * kPage, first_page);
  std::memset(base_ + begin, 0, first_page - begin);
  if (last_page > first_page) madvise(base_ + first_page, last_page - first_page, MADV_DONTNEED);
  std::memset(base_ + last_page, 0, end - last_page);
  used_ -= found->end - found->begin;
  packed_ = packed_ && found + 1 == allocations_.end();
  allocations_.erase(found);
  if (allocations_.empty()) packed_ = true;
  return Ok();
}

bool Arena::MakeOther(size_t index) {
  Allocation& a = allocations_[index];
  if (a.other != nullptr) return true;
  if (a.end - a.begin < kLargeBytes) return false;
  void* const at = mmap(nullptr, RoundUp(a.end - a.begin, kPage), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return false;
  a.other = static_cast<uint8_t*>(at);
  return true;
}

void Arena::TurnOver(size_t index) {
  std::swap(allocations_[index].host, allocations_[index].other);
}

// home: its place in the reservation, which stays.
void Arena::DropOther(Allocation& allocation, uint8_t* home) {
  if (allocation.other == nullptr) return;
  uint8_t* const mine = allocation.host == home ? allocation.other : allocation.host;
  munmap(mine, RoundUp(allocation.end - allocation.begin, kPage));
  allocation.host = home;
  allocation.other = nullptr;
}

void Arena::Seal(uint64_t address) {
  const auto found = Find(address);
  if (found != allocations_.end()) found->writable = false;
}

Result<uint8_t*> Arena::Host(uint64_t address, uint64_t bytes) {
  const auto after = std::upper_bound(allocations_.begin(), allocations_.end(), address,
                                      [](uint64_t x, const Allocation& a) { return x < a.begin; });
  if (after == allocations_.begin()) return Error(Code::kInvalidArgument, "not device memory");
  const Allocation& a = *(after - 1);
  if (address > a.end || bytes > a.end - address) {
    return Error(Code::kInvalidArgument, "the range leaves its allocation");
  }
  return a.host + (address - a.begin);
}

}  // namespace souk::gpu::cpu
