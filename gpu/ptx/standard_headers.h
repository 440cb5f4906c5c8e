// The standard library's headers for NVRTC, which has none of its own.
#pragma once

#include <string>
#include <vector>

namespace souk::ptx {

struct Header {
  std::string name = {};
  std::string text = {};
};

// What <cstdint>, <stdio.h>, <limits>, … give a kernel: the toolkit's libcu++ under the names of
// std. Those that are for host code alone (<vector>, <iostream>, …) are not among them.
const std::vector<Header>& StandardHeaders();

}  // namespace souk::ptx
