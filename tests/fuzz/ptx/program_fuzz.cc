// The interpreter on programs that are grammatical by construction: each statement of a kernel
// comes from kStatementBytes of the input, so that a mutation changes one statement and leaves the
// others.
#include <cstddef>
#include <cstdint>

#include "fuzz/ptx/program_text.h"
#include "fuzz/ptx/run_kernels.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  souk::ptx::RunKernels(souk::ptx::ProgramText({data, size}));
  return 0;
}
