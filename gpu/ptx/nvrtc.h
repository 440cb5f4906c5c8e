// CUDA C++ to PTX through NVRTC, which is opened at run time: one binary serves machines with and
// without the CUDA Toolkit. Any thread; the library is opened once and stays open.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "gpu/ptx/standard_headers.h"
#include "protocol/base/result.h"

namespace souk::ptx {

struct CompileOptions {
  uint32_t architecture = 75;            // compute_75
  std::string architecture_suffix = {};  // "a", "f" or nothing
  // As errors and .file lines show it. #include "x" looks in this name's folder first; of a name
  // without one, in the working directory. Only the last part reaches the PTX.
  std::string name = "kernel.cu";
  std::vector<std::filesystem::path> include_dirs = {};
  // What an #include of that very name gives, before any file is looked for. StandardHeaders stand
  // behind them, and behind files of these names beside the source or in include_dirs.
  std::vector<Header> headers = {};
  std::vector<std::string> defines = {};  // "N=4"
  bool line_info = false;                 // .loc lines, for profiles
  // Whether a * b + c may become one fused operation. Without it a host reference that is built
  // without contraction computes the same bits.
  bool fmad = true;
  // Templates can keep the compiler busy for years. The largest sources take a minute or two.
  uint64_t milliseconds = 600'000;
  // Of address space, beside what this process has. Two macros can ask for more than any machine
  // has; the largest sources take some hundred MiB.
  uint64_t memory_bytes = uint64_t{4} << 30;
};

// The toolkit's root: $CUDA_HOME, $CUDA_PATH, the folder above nvcc on PATH, /usr/local/cuda, in
// that order; empty where none holds an NVRTC library.
std::filesystem::path FindToolkit();

// What NVRTC wrote, not yet canonical. kUnavailable where there is no NVRTC, with what was looked
// for; kInvalidArgument with the first error, and in lines below it the compiler's log (its first
// 16 KiB), where the source does not compile; kTooLarge beyond 16 MiB of source; kExhausted where
// the time or the memory is up. Runs in a process of its own, since NVRTC cannot be told to stop
// and ends its process where memory runs out.
Result<std::string> CompileCuda(std::string_view source, const CompileOptions& options);

// "13.0"; kUnavailable as above.
Result<std::string> NvrtcVersion();

}  // namespace souk::ptx
