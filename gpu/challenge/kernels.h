// The PTX of a capability challenge (R7): the same text on a GPU and on the CPU reference, .target
// sm_61 for dp4a (PTX ISA "Integer Arithmetic Instructions: dp4a"); 32-bit arithmetic only, so that
// every result is fixed by the ISA.
//
//   souk_fill (u64 out, u32 key0, key1, matrix, high0, high1, blocks)
//       block b of 16 elements by thread b (matrix.h); 256 threads a block
//   souk_multiply (u64 a, u64 b_transposed, u64 c, u32 n, u32 first_tile)
//       C in tiles of 64 × 64, a tile a block of 16 × 16 threads, from row `first_tile`·64 on; each
//       thread sums 4 × 4 elements, four products per dp4a, over tiles in shared memory
//   souk_hash (u64 c, u64 out, u32 segments)
//       SHA-256 (FIPS 180-4) of segment s of 64 elements by thread s (product_tree.h)
#pragma once

#include <cstdint>
#include <string>

namespace souk::gpu {

inline constexpr uint32_t kFillThreads = 256;
inline constexpr uint32_t kHashThreads = 128;
inline constexpr uint32_t kTile = 64;         // rows and columns of C
inline constexpr uint32_t kTileThreads = 16;  // along each side

// Written anew on each call; some 2,500 lines.
std::string ChallengeKernels();

}  // namespace souk::gpu
