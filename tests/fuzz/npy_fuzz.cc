// What parses is written back and parses to the same; pictures are drawn from any of it.
#include "gpu/workload/npy.h"
#include "gpu/workload/png.h"
#include "protocol/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace souk;
  using namespace souk::gpu;
  const ByteView file(data, size);
  const Result<NpyHeader> header = ParseNpy(file);
  if (!header) return 0;
  const Bytes again = WriteNpy(header->dtype, header->shape, file.subspan(header->data_offset));
  const Result<NpyHeader> second = ParseNpy(again);
  CHECK(second && second->dtype == header->dtype && second->shape == header->shape);
  (void)PngFromNpy(file);
  return 0;
}
