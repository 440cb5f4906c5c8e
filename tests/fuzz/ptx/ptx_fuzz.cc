// build/fuzz/bin/fuzz_ptx -max_len=8192 -dict=tests/fuzz/ptx/ptx.dict CORPUS tests/fuzz/ptx/seeds
#include <cstddef>
#include <cstdint>

#include "fuzz/ptx/round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  souk::ptx::RoundTrip({reinterpret_cast<const char*>(data), size});
  return 0;
}
