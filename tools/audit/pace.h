// An audit beside a node at work takes only what the node leaves.
#pragma once

#include <filesystem>

namespace souk::tools {

// Where a node is at work on the ledger, this thread and those it starts from now on run when no
// other wants the processor or the disk. Returns whether they do.
bool YieldToNode(const std::filesystem::path& dir);

}  // namespace souk::tools
