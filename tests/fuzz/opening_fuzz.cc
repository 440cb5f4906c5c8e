// The opened rows of a challenge: what decodes encodes to the same bytes, and nothing passes the
// check against a root of zeros.
#include "gpu/challenge/verify.h"
#include "protocol/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  // The input says which rows are asked for; of the smallest matrix, so that whole ones are found.
  const souk::ByteView bytes(data + 2, size - 2);
  const uint32_t first = data[0] % souk::gpu::kLeastProduct;
  std::vector<uint32_t> rows = {first};
  if (data[1] % 2 == 1 && first + 1 < souk::gpu::kLeastProduct) rows.push_back(first + 1);
  const auto opening = souk::gpu::DecodeOpening(bytes, souk::gpu::kLeastProduct, rows);
  if (opening) CHECK(souk::gpu::EncodeOpening(*opening) == souk::ToBytes(bytes));
  const souk::gpu::ProductClaim claim = {.size = souk::gpu::kLeastProduct, .rows = rows};
  CHECK(!souk::gpu::CheckOpening(claim, souk::Digest(), bytes));
  return 0;
}
