#include "gpu/workload/png.h"

#include <zlib.h>

#include "gpu/workload/npy.h"

namespace souk::gpu {
namespace {

void PutBe32(Bytes& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

void PutChunk(Bytes& out, std::string_view type, ByteView data) {
  PutBe32(out, static_cast<uint32_t>(data.size()));
  const size_t covered = out.size();  // the checksum covers type and data
  Append(out, AsBytes(type));
  Append(out, data);
  const uLong crc = crc32(0, out.data() + covered, static_cast<uInt>(out.size() - covered));
  PutBe32(out, static_cast<uint32_t>(crc));
}

// Every row behind filter type 0 (none).
Bytes FilteredRows(ByteView pixels, uint64_t height, uint64_t row_bytes) {
  Bytes rows;
  rows.reserve(height * (row_bytes + 1));
  for (uint64_t y = 0; y < height; ++y) {
    rows.push_back(0);
    Append(rows, pixels.subspan(y * row_bytes, row_bytes));
  }
  return rows;
}

}  // namespace

Result<Bytes> WritePng(ByteView pixels, uint64_t height, uint64_t width, uint32_t channels) {
  if (channels != 1 && channels != 3) {
    return Error(Code::kInvalidArgument, "an image has 1 channel (grey) or 3 (RGB)");
  }
  if (height == 0 || width == 0 || height > 65535 || width > 65535) {
    return Error(Code::kInvalidArgument, "an image's sides are 1 to 65,535 pixels");
  }
  if (pixels.size() != height * width * channels) {
    return Error(Code::kMismatch, "an image's pixels do not fit its size");
  }
  // zlib counts a whole chunk in 32 bits; so does PNG, with the top bit clear.
  if (pixels.size() > 1u << 30) return Error(Code::kTooLarge, "an image exceeds 1 GiB");
  const Bytes rows = FilteredRows(pixels, height, width * channels);
  Bytes packed(compressBound(static_cast<uLong>(rows.size())));
  uLongf packed_bytes = static_cast<uLongf>(packed.size());
  if (compress2(packed.data(), &packed_bytes, rows.data(), static_cast<uLong>(rows.size()), 6) !=
      Z_OK) {
    return Error(Code::kExhausted, "an image could not be compressed: out of memory");
  }
  packed.resize(packed_bytes);

  static constexpr uint8_t kSignature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  Bytes out = ToBytes(kSignature);
  Bytes header;
  PutBe32(header, static_cast<uint32_t>(width));
  PutBe32(header, static_cast<uint32_t>(height));
  const uint8_t colour = channels == 1 ? 0 : 2;
  Append(header, std::array<uint8_t, 5>{8, colour, 0, 0, 0});  // 8 bits, deflate, not interlaced
  PutChunk(out, "IHDR", header);
  PutChunk(out, "IDAT", packed);
  PutChunk(out, "IEND", {});
  return out;
}

Result<Bytes> PngFromNpy(ByteView npy) {
  ASSIGN_OR_RETURN(const NpyHeader header, ParseNpy(npy));
  const bool grey = header.shape.size() == 2;
  const bool rgb = header.shape.size() == 3 && header.shape[2] == 3;
  if (header.dtype != DType::kU8 || (!grey && !rgb)) {
    return Error(Code::kMismatch, "an image is u8 of height × width, or × 3");
  }
  return WritePng(npy.subspan(header.data_offset), header.shape[0], header.shape[1], grey ? 1 : 3);
}

}  // namespace souk::gpu
