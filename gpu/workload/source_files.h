// Files that a manifest or a CUDA source names. It may be a stranger's, and what is read may be
// sent to a provider or stand in an error; so that nothing outside the folder it came in is read,
// and nothing that is no regular file.
#pragma once

#include <filesystem>

#include "gpu/ptx/standard_headers.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"

namespace souk::gpu {

// Where `name` lies, links followed. kDenied outside `folder` ("": the working directory),
// kNotFound, kInvalidArgument.
Result<std::filesystem::path> FileBelow(const std::filesystem::path& folder,
                                        const std::string& name);
Result<Bytes> ReadFileBelow(const std::filesystem::path& folder, const std::string& name,
                            size_t most);

// The files below the folder that a CUDA source there includes, and those that they include, for
// CompileOptions::headers. A quoted name that is not beside `name` has to be one of the toolkit's.
Result<std::vector<ptx::Header>> HeadersBeside(const std::filesystem::path& folder,
                                               const std::string& name, const std::string& source);

}  // namespace souk::gpu
