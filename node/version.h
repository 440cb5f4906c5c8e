// Which Souk this is.
#pragma once

namespace souk::node {
inline constexpr const char* kSoukVersion = SOUK_VERSION;
}  // namespace souk::node
