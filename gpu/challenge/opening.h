// Opened rows of C with their proofs: the blob that answers a challenge's row numbers (R7).
//
//   "soukrows" size:u32 count:u32, then for each row, growing:
//   row:u32, its n elements (int32), log2(n) hashes of 32 bytes       all little-endian
#pragma once

#include <vector>

#include "gpu/challenge/product_tree.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace souk::gpu {

inline constexpr uint32_t kMostOpenedRows = 256;

struct OpenedRow {
  uint32_t row = 0;
  std::vector<int32_t> elements = {};
  std::vector<Digest> proof = {};
  bool operator==(const OpenedRow&) const = default;
};

struct Opening {
  uint32_t size = 0;
  std::vector<OpenedRow> rows = {};
  bool operator==(const Opening&) const = default;
};

// Bytes of an opening; what comes must have exactly so many.
uint64_t OpeningBytes(uint32_t size, uint32_t rows);

Bytes EncodeOpening(const Opening& opening);
// kMalformed for anything but an opening of these rows of a matrix of this size, checked before
// anything is allocated.
Result<Opening> DecodeOpening(ByteView bytes, uint32_t size, std::span<const uint32_t> rows);

}  // namespace souk::gpu
