// libFuzzer: ptx_fuzz -max_len=8192 -dict=tests/fuzz/ptx.dict CORPUS tests/fuzz/ptx_corpus
#include <cstddef>
#include <cstdint>

#include "fuzz/ptx_round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  souk::ptx::RoundTrip({reinterpret_cast<const char*>(data), size});
  return 0;
}
