// Every standard header that kernels can use, under its C++ and its C name.
#include <cassert>
#include <cinttypes>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <stdio.h>
#include <limits>
#include <algorithm>
#include <type_traits>
#include <utility>
#include <cstring>
#include <cstdlib>
#include <climits>
#include <cfloat>
#include <array>
#include <tuple>
#include <complex>
#include <numeric>
#include <functional>
#include <stdint.h>
#include <math.h>
#include <string.h>
#include <float.h>
#include <limits.h>
#include <stddef.h>
#include <inttypes.h>
#include <assert.h>
#include <stdlib.h>
#include <time.h>
#include <atomic>
#include <chrono>
#include <bit>
#include <bitset>
#include <memory>
#include <optional>
#include <variant>
#include <span>
#include <ratio>
#include <initializer_list>
#include <iterator>
template <typename T, std::enable_if_t<std::is_integral<T>::value, int> = 0> __device__ T f(T a) { return std::max(a, T{3}); }
__global__ void k(std::int32_t* x, uint64_t n, float* y) {
  std::array<int, 4> a{1, 2, 3, 4};
  int best = std::numeric_limits<int>::lowest();
  for (int v : a) best = std::max(best, v);
  float m = FLT_MAX, q = std::fabs(-3.0f) + std::pow(2.0f, y[0]);
  std::pair<int, float> p{best, m};
  uint8_t bytes[8]; memcpy(bytes, &n, 8); memset(bytes, 0, 2);
  std::swap(x[0], x[1]);
  x[threadIdx.x] = f(p.first) + INT_MAX / 3 + (int)bytes[3] + (isnan(q) ? 1 : abs(x[3])) + std::abs(x[2]) + (int)std::min<long>(3, x[4]) + (int)SIZE_MAX + (int)(q < DBL_MAX) + (int)CHAR_BIT;
  y[1] = std::isinf(y[1]) ? INFINITY : NAN;
  y[2] = M_PI;
  assert(n < 5);
  if (n == 7) std::printf("%d\n", x[0]);
  if (n == 8) printf("%d\n", x[1]);
}
