// A worker's messages in both directions, and its result file: what decodes encodes to the same
// bytes.
#include "gpu/worker/result_file.h"
#include "gpu/worker/wire.h"
#include "protocol/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const souk::ByteView bytes(data, size);
  const auto to = souk::gpu::DecodeToWorker(bytes);
  if (to) CHECK(souk::gpu::EncodeToWorker(*to) == souk::ToBytes(bytes));
  const auto from = souk::gpu::DecodeFromWorker(bytes);
  if (from) CHECK(souk::gpu::EncodeFromWorker(*from) == souk::ToBytes(bytes));
  const auto result = souk::gpu::DecodeResult(bytes);
  if (result) CHECK(souk::gpu::EncodeResult(*result).value() == souk::ToBytes(bytes));
  return 0;
}
