// How much of a sweep a sanitized program does.
#pragma once

#include <cstddef>

namespace souk {

// Under a sanitizer everything takes ten times as long, and each kind of step is to be seen, not
// each step: the whole sweep is the release preset's.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

// An eighth of `whole` where the program is sanitized.
constexpr size_t Thinned(size_t whole) {
  return kSanitized ? whole / 8 : whole;
}

}  // namespace souk
