// What a stranger's CUDA source includes. NVRTC opens whatever file an #include names, and what it
// reads may end in the PTX that a provider is sent; so that every file is found here first, and
// nothing else can be named.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.h"

namespace souk::gpu {

struct Include {
  uint32_t line = 0;
  std::string name = {};
  bool quoted = false;  // "name", not <name>
};

// Every #include of the text, those in comments and strings too: a directive that this reading
// missed would be obeyed by the compiler. kDenied with the line for a name that could leave the
// include folders (absolute, or with "..", or made by a macro), and for #embed, #import and
// #include_next. Pure.
Result<std::vector<Include>> IncludesOf(std::string_view source);

}  // namespace souk::gpu
