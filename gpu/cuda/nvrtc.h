// Compiles CUDA C++ to PTX with the CUDA Toolkit's NVRTC, opened at run time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/base/result.h"

namespace souk::gpu {

struct CudaSource {
  std::string text = {};
  std::string name = {};  // for diagnostics: "digits.cu"
  uint32_t arch = 75;     // compute capability × 10
  // Whether a * b + c may become one fused operation. Without it a C++ reference on the host that
  // is built without contraction computes the same bits.
  bool fmad = true;
};

// PTX as NVRTC writes it; ptx::Canonicalize comes after. kUnavailable where there is no toolkit,
// kMalformed with the compiler's log where the source does not compile. Files with host code are
// refused by NVRTC; `nvcc -ptx` takes them.
Result<std::string> CompileCuda(const CudaSource& source);

// "NVRTC 13.0", or why there is none.
Result<std::string> NvrtcVersion();

}  // namespace souk::gpu
