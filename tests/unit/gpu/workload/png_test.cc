#include "gpu/workload/png.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "gpu/workload/npy.h"

namespace souk::gpu {
namespace {

uint32_t Be32(const Bytes& bytes, size_t at) {
  return uint32_t{bytes[at]} << 24 | uint32_t{bytes[at + 1]} << 16 | uint32_t{bytes[at + 2]} << 8 |
         bytes[at + 3];
}

struct Chunk {
  std::string type;
  Bytes data;
};
// Checks signature, lengths and checksums on the way.
std::vector<Chunk> ChunksOf(const Bytes& png) {
  std::vector<Chunk> chunks;
  EXPECT_EQ(AsText(ByteView(png).first(8)), "\x89PNG\r\n\x1a\n");
  for (size_t at = 8; at < png.size();) {
    const uint32_t length = Be32(png, at);
    const ByteView covered = ByteView(png).subspan(at + 4, 4 + length);
    EXPECT_EQ(Be32(png, at + 8 + length), crc32(0, covered.data(), 4 + length));
    chunks.push_back({std::string(AsText(covered.first(4))), ToBytes(covered.subspan(4))});
    at += 12 + length;
  }
  return chunks;
}

TEST(Png, HoldsTheRowsOfThePicture) {
  const Bytes pixels = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
  const Result<Bytes> png = WritePng(pixels, 2, 3, 3);
  ASSERT_TRUE(png);
  const std::vector<Chunk> chunks = ChunksOf(*png);
  ASSERT_EQ(chunks.size(), 3u);
  EXPECT_EQ(chunks[0].type, "IHDR");
  EXPECT_EQ(chunks[0].data, (Bytes{0, 0, 0, 3, 0, 0, 0, 2, 8, 2, 0, 0, 0}));
  EXPECT_EQ(chunks[1].type, "IDAT");
  EXPECT_EQ(chunks[2].type, "IEND");
  Bytes rows(100);
  uLongf size = rows.size();
  ASSERT_EQ(uncompress(rows.data(), &size, chunks[1].data.data(), chunks[1].data.size()), Z_OK);
  rows.resize(size);
  EXPECT_EQ(rows, (Bytes{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 10, 11, 12, 13, 14, 15, 16, 17, 18}));
}

TEST(Png, DrawsGreyAndColourArrays) {
  EXPECT_EQ(ChunksOf(*PngFromNpy(WriteNpy(DType::kU8, {2, 2}, Bytes(4))))[0].data[9], 0);
  EXPECT_EQ(ChunksOf(*PngFromNpy(WriteNpy(DType::kU8, {2, 2, 3}, Bytes(12))))[0].data[9], 2);
}

TEST(Png, RefusesWhatIsNoPicture) {
  EXPECT_FALSE(WritePng(Bytes(5), 2, 3, 1));
  EXPECT_FALSE(WritePng(Bytes(6), 2, 3, 2));
  EXPECT_FALSE(WritePng({}, 0, 3, 1));
  EXPECT_FALSE(WritePng(Bytes(65536), 1, 65536, 1));
  EXPECT_FALSE(PngFromNpy(WriteNpy(DType::kF32, {2, 2}, Bytes(16))));
  EXPECT_FALSE(PngFromNpy(WriteNpy(DType::kU8, {2, 2, 4}, Bytes(16))));
  EXPECT_FALSE(PngFromNpy(WriteNpy(DType::kU8, {4}, Bytes(4))));
  EXPECT_FALSE(PngFromNpy(Bytes(3)));
}

}  // namespace
}  // namespace souk::gpu
