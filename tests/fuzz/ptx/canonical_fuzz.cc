// The canonicaliser: build/fuzz/bin/fuzz_canonical -dict=tests/fuzz/ptx/ptx.dict CORPUS
// tests/fuzz/ptx/seeds tests/fuzz/ptx/kernels
#include <cstddef>
#include <cstdint>

#include "fuzz/ptx/respaced.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  souk::ptx::CheckCanonical({reinterpret_cast<const char*>(data), size});
  return 0;
}
