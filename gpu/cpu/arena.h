// Device memory of the cpu device: one reservation, whose pages cost nothing until they are
// touched. Addresses are kGlobalBase plus an offset into it, never host pointers.
#pragma once

#include <cstdint>
#include <vector>

#include "gpu/cpu/warp.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace souk::gpu::cpu {

// One thread at a time.
// Invariants: (1) allocations are sorted, aligned to 256 bytes and at least `gap` bytes apart;
// large ones have their pages to themselves; (2) memory outside allocations is zero or untouched;
// (3) where packed_, no gap between two allocations is worth looking at for another.
class Arena {
 public:
  // most: allocations at a time.
  explicit Arena(uint64_t memory_bytes, uint64_t gap = 1, size_t most = 1u << 16)
      : memory_bytes_(memory_bytes), gap_(gap), most_(most) {}
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // From here on an allocation has whole pages, and may have another side.
  static constexpr uint64_t kLargeBytes = uint64_t{1} << 18;

  // Zeroed. kExhausted over memory_bytes, over so many allocations, or where the machine has no
  // address space.
  Result<uint64_t> Allocate(uint64_t bytes);
  // Also what Allocate never gave: kNotFound.
  Status Free(uint64_t address);
  // Kernels may only read it from now on.
  void Seal(uint64_t address);
  // Host address of [address, address + bytes) where it lies within one allocation.
  Result<uint8_t*> Host(uint64_t address, uint64_t bytes);

  // Gives a large allocation as much memory again (Allocation::other), whose bytes are of no
  // meaning; it stays until Free. False: no memory.
  bool MakeOther(size_t index);
  // What was the other side is now what the allocation holds.
  void TurnOver(size_t index);

  const std::vector<Allocation>& allocations() const { return allocations_; }

 private:
  using Allocations = std::vector<Allocation>;

  Status Reserve();
  static void DropOther(Allocation& allocation, uint8_t* home);
  // The allocation that begins there, or the end.
  Allocations::iterator Find(uint64_t address);

  uint64_t memory_bytes_;
  uint64_t gap_;
  size_t most_;
  uint64_t reserved_ = 0;
  uint64_t used_ = 0;
  uint8_t* base_ = nullptr;
  Allocations allocations_ = {};
  bool packed_ = true;
};

}  // namespace souk::gpu::cpu
