// Broken invariants crash (STYLE 2). CHECK stays on in release.
#pragma once

namespace souk {
[[noreturn]] void CheckFailed(const char* file, int line, const char* what);
}  // namespace souk

#define CHECK(cond) \
  (static_cast<bool>(cond) ? static_cast<void>(0) : ::souk::CheckFailed(__FILE__, __LINE__, #cond))
