// Unix stream sockets by folder and name: a folder's path may be longer than the 107 characters
// that an address holds.
#pragma once

#include <filesystem>

#include "protocol/base/result.h"

namespace souk::node::control {

// A listening, non-blocking socket, mode 0600; replaces what is there. The caller holds the
// folder's lock, so that what is there is a dead daemon's. The caller closes it.
Result<int> ListenAt(const std::filesystem::path& folder, const char* name, int backlog);

// A connected, non-blocking socket. kUnavailable where nobody listens.
Result<int> ConnectTo(const std::filesystem::path& folder, const char* name);

}  // namespace souk::node::control
