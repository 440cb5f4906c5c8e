// What the driver provides to kernels: printf, assert, malloc, a grid that waits for itself, clocks.
// system.ptx is made of it: nvcc -ptx -arch=compute_75.
#include <cassert>
#include <cooperative_groups.h>
#include <cstdio>

namespace cg = cooperative_groups;

extern "C" __global__ void say(unsigned* out, const char* text) {
  int n = printf("%d/%02u: %-6s|%6.2f|%c|%lld|%#x|%5.3s|%e|%%\n", blockIdx.x, threadIdx.x, text,
                 1.5 * threadIdx.x, 'a' + threadIdx.x, -5000000000ll - threadIdx.x, 255u, text,
                 12345.678f);
  out[blockIdx.x * blockDim.x + threadIdx.x] = n;
}

extern "C" __global__ void flood(unsigned times) {
  for (unsigned i = 0; i < times; ++i) printf("%100d\n", i);
}

extern "C" __global__ void claim(unsigned* out) {
  assert(threadIdx.x < 40);
  out[threadIdx.x] = threadIdx.x;
}

extern "C" __global__ void heap(unsigned* out) {
  unsigned* p = (unsigned*)malloc((threadIdx.x + 1) * 4);
  for (unsigned i = 0; i <= threadIdx.x; ++i) p[i] = i * threadIdx.x;
  unsigned sum = 0;
  for (unsigned i = 0; i <= threadIdx.x; ++i) sum += p[i];
  out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
  free(p);
}

extern "C" __global__ void free_twice(unsigned* out) {
  void* p = malloc(100);
  out[0] = malloc(size_t(1) << 30) == nullptr;
  free(p);
  free(p);
}

extern "C" __global__ void grid_sum(unsigned* data, unsigned rounds) {
  cg::grid_group g = cg::this_grid();
  unsigned n = g.size(), i = g.thread_rank();
  for (unsigned r = 0; r < rounds; ++r) {
    unsigned x = data[(i + 100) % n];
    g.sync();
    data[i] += x * 3 + r;
    g.sync();
  }
}

extern "C" __global__ void clocks(unsigned* out) {
  long long a = clock64();
  unsigned c = clock();
  while (clock64() - a < 100) {
  }
  out[threadIdx.x] = (clock64() > a) + (clock() != c);
}
