#include "gpu/challenge/matrix.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "unit/gpu/challenge/honest.h"

namespace souk::gpu {
namespace {

using Words = std::array<uint32_t, 4>;

// The known answers of Random123 1.14, tests/kat_vectors, philox4x32 10.
TEST(Philox, GivesTheAnswersOfItsAuthors) {
  EXPECT_EQ(Philox4x32({0, 0, 0, 0}, {0, 0}),
            (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(Philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(MatrixSeed, DependsOnNoncePeerLeaseAndDevice) {
  const Digest one = NumberedDigest("a", 1), other = NumberedDigest("a", 2);
  std::set<Digest> seeds;
  for (const Digest& nonce : {one, other}) {
    for (const Digest& prover : {one, other}) {
      for (const Digest& lease : {one, other}) {
        for (const char* device : {"GPU-1", "GPU-2", ""}) {
          seeds.insert(MatrixSeed(nonce, prover.view(), lease, device));
        }
      }
    }
  }
  EXPECT_EQ(seeds.size(), 24u);
}

TEST(FillRow, GivesEachMatrixAndRowItsOwnElements) {
  const MatrixKey key(TestSeed());
  std::set<std::vector<int8_t>> rows;
  for (const Matrix matrix : {Matrix::kA, Matrix::kBTransposed}) {
    for (uint32_t row = 0; row < 256; ++row) {
      std::vector<int8_t> elements(256);
      FillRow(key, matrix, row, elements);
      rows.insert(elements);
    }
  }
  EXPECT_EQ(rows.size(), 512u);
}

// The layout that matrix.h states, element by element.
TEST(FillRow, NumbersBlocksAlongTheRows) {
  const Digest seed = TestSeed();
  const uint8_t* const s = seed.bytes.data();
  std::vector<int8_t> row(64);
  FillRow(MatrixKey(seed), Matrix::kBTransposed, 3, row);
  const Words words = Philox4x32({3 * 4 + 2, 1, GetLe<uint32_t>(s + 8), GetLe<uint32_t>(s + 12)},
                                 {GetLe<uint32_t>(s), GetLe<uint32_t>(s + 4)});
  EXPECT_EQ(row[2 * 16], static_cast<int8_t>(words[0] & 0xff));
  EXPECT_EQ(row[2 * 16 + 7], static_cast<int8_t>(words[1] >> 24));
}

TEST(IsProductSize, TakesPowersOfTwoWithinBoundsOnly) {
  for (const uint32_t size : {64u, 128u, 4096u, 65'536u}) EXPECT_TRUE(IsProductSize(size)) << size;
  for (const uint32_t size : {0u, 1u, 32u, 65u, 96u, 131'072u, ~0u}) {
    EXPECT_FALSE(IsProductSize(size)) << size;
  }
}

}  // namespace
}  // namespace souk::gpu
