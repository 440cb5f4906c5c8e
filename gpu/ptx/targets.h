// The .version and .target values that there are, and what ptxas grants a target. From PTX ISA 9.0
// chapter 13, "Release Notes"; the limits are ptxas's own.
#pragma once

#include <cstdint>
#include <string_view>

namespace souk::ptx {

inline constexpr uint32_t kOldestVersion =
    60;  // the memory model and .sync instructions begin here

// Of 6.0 and later; × 10, as Module::version.
bool IsVersion(uint32_t version);

// The first .version, at least kOldestVersion, with the target sm_<number><suffix>; 0 where there
// is no such target.
uint32_t FirstVersionWith(uint32_t target, std::string_view suffix);

// Bytes of .shared variables that a kernel may have; a launch may add as many as the device grants.
uint32_t MostStaticShared(uint32_t target, std::string_view suffix);
inline constexpr uint32_t kMostConstant = 64 * 1024;  // of .const variables that a module may have

}  // namespace souk::ptx
