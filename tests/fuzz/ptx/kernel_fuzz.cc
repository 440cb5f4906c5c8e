// The interpreter on any text: build/fuzz/bin/fuzz_kernel -dict=tests/fuzz/ptx/ptx.dict CORPUS
// tests/fuzz/ptx/kernels
#include <cstddef>
#include <cstdint>

#include "fuzz/ptx/run_kernels.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  souk::ptx::RunKernels({reinterpret_cast<const char*>(data), size});
  return 0;
}
