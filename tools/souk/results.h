// What a workload hands back, as files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "gpu/workload/workload.h"

namespace souk::tools {

// Of "done  …" and the lines below it.
inline constexpr size_t kDoneIndent = 6;

struct ResultFile {
  std::filesystem::path path = {};
  Digest digest = {};
  uint64_t bytes = 0;
  // Where an output is one number: "0.9722"; accuracy and the like are read so.
  std::string scalar = {};
};

struct ResultBytes {
  std::string file = {};  // a plain file name
  Bytes npy = {};         // of gpu::kPrintedFile: text
};

// Whether SaveResults can make that folder, or write into it; changes nothing.
Status CheckResultsFolder(const std::filesystem::path& dir);

// Writes the outputs into `dir` (made where missing), and the images that `workload` wants drawn
// from them. Refuses names that are no plain file names.
Result<std::vector<ResultFile>> SaveResults(const std::filesystem::path& dir,
                                            const gpu::Workload& workload,
                                            const std::vector<ResultBytes>& outputs);

// The number in a .npy of one element; empty where it holds more.
std::string ScalarOf(ByteView npy);

}  // namespace souk::tools
