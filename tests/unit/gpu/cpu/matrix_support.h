// For tests of matrix instructions: matrices of their types, products on the host, PTX.
#pragma once

#include <string>
#include <vector>

#include "protocol/base/bytes.h"

namespace souk::gpu::cpu_test {

struct Elements {
  uint32_t bits = 32;                // of each
  std::vector<uint64_t> words = {};  // row after row
  std::string type = {};
};

struct ProductTypes {
  std::string a, b, c, d;
};

uint32_t BitsOfType(const std::string& type);  // "tf32": 32

// Mostly numbers near one, sometimes zeros, subnormals, infinities and NaNs; integers of any size.
Elements RandomElements(const std::string& type, size_t count, uint64_t seed);

// What the cpu device promises (gpu/cpu/matrix.cc).
Elements Multiply(const Elements& a, const Elements& b, const Elements& c,
                  const ProductTypes& types, int m, int n, int k, bool satfinite);

bool HasNan(const Elements& matrix);
void ExpectElements(const Elements& got, const Elements& want, const std::string& what);

// The beginning of a kernel k of four buffers, with %p<4>, %r<8>, %rd<16>; %r0 is %tid.x.
extern const char* const kMatrixHead;
std::string List(const std::string& prefix, int count);  // "{%d0, %d1}"
// Loads registers prefix0 … of a lane from the buffer, or stores them to it: register after
// register, 32 lanes each.
std::string MoveRegisters(bool store, const std::string& prefix, int count, uint32_t bits,
                          int buffer);

}  // namespace souk::gpu::cpu_test
