// A kernel out of bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace souk::ptx {

inline constexpr size_t kStatementBytes = 4;

// A module whose kernel has one statement for each kStatementBytes: straight-line instructions of
// every form that the device runs, branches to any statement, branch tables, barriers, exchanges
// within the warp, atomics and accesses at wild addresses, calls. The parser takes it.
std::string ProgramText(std::span<const uint8_t> bytes);

}  // namespace souk::ptx
