// Whole files: bounded reads, and writes that are either there in full or not at all.
#pragma once

#include <filesystem>

#include "protocol/base/bytes.h"

namespace souk {

// At most max_bytes; a larger file is kTooLarge before anything is allocated for it.
Result<Bytes> ReadFile(const std::filesystem::path& path, size_t max_bytes);

// Writes beside the path, fsyncs, renames over it, fsyncs the folder; after an error nothing stays
// beside it. mode as in chmod(2). What stands there and is no regular file, such as a device or a
// pipe, is written to and stays.
Status WriteFileAtomic(const std::filesystem::path& path, ByteView bytes, unsigned mode = 0644);

// Makes the names in a folder last: what was made, renamed or removed there is so after a power
// cut. An empty path is the current folder, as parent_path() says of a bare name.
Status SyncFolder(const std::filesystem::path& folder);

// For its owner alone; no error where it is there already. The folder above it must be there.
Status MakePrivateFolder(const std::filesystem::path& path);

// For the start of main. Opens /dev/null as whichever of standard input, output and error is
// closed, so that no file that the program opens takes its number and receives what is printed.
void OpenStandardStreams() noexcept;

// errno as an Error: "opening PATH: No such file or directory".
Error ErrnoError(const std::string& doing, int error_number);

}  // namespace souk
