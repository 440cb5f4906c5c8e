// Draws 8-bit pixels as PNG (ISO/IEC 15948): grey (height × width) or RGB (height × width × 3).
#pragma once

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace souk::gpu {

// pixels.size() must be height × width × channels; channels 1 or 3; sides 1 to 65,535.
Result<Bytes> WritePng(ByteView pixels, uint64_t height, uint64_t width, uint32_t channels);

// From a .npy of dtype u8 and shape (h, w) or (h, w, 3).
Result<Bytes> PngFromNpy(ByteView npy);

}  // namespace souk::gpu
