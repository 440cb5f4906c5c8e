#include "tools/bench_works.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace souk::bench {
namespace {

// Ratios to PoCL on one thread: faster where code is integer, divergent or exchanges between lanes,
// within four times elsewhere.
constexpr double kFaster = 1;
constexpr double kWithinFour = 0.25;

uint32_t Mix(uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352d;
  x = (x ^ (x >> 15)) * 0x846ca68b;
  return x ^ (x >> 16);
}
Bytes Words(size_t count) {
  Bytes bytes(count * 4);
  for (size_t i = 0; i < count; ++i) {
    const uint32_t v = Mix(static_cast<uint32_t>(i));
    std::memcpy(bytes.data() + 4 * i, &v, 4);
  }
  return bytes;
}
Bytes Floats(size_t count) {
  Bytes bytes(count * 4);
  for (size_t i = 0; i < count; ++i) {
    const float v = static_cast<float>(Mix(static_cast<uint32_t>(i)) >> 8) * 0x1p-24f;
    std::memcpy(bytes.data() + 4 * i, &v, 4);
  }
  return bytes;
}

Work VectorAdd(uint32_t shrink) {
  const uint32_t n = (16u << 20) / shrink / 256 * 256;
  return {.name = fmt::format("vectorAdd {}M", n >> 20),
          .kernel = "vector_add",
          .grid = {n / 256, 1, 1},
          .block = {256, 1, 1},
          .buffers = {Floats(n), Floats(n), Bytes(size_t{4} * n)},
          .scalars = {n},
          .result = 2,
          .items = static_cast<double>(n),
          .unit = "elements/s",
          .target = kWithinFour};
}

Work MatMul(uint32_t shrink) {
  const uint32_t n = std::max(512 / shrink / 16 * 16, 16u);
  return {.name = fmt::format("shared-memory matmul {}", n),
          .kernel = "matmul",
          .grid = {n / 16, n / 16, 1},
          .block = {16, 16, 1},
          .buffers = {Floats(size_t{n} * n), Floats(size_t{n} * n), Bytes(size_t{4} * n * n)},
          .scalars = {n},
          .result = 2,
          .items = 2.0 * n * n * n,
          .unit = "flop/s",
          .target = kWithinFour};
}

Work IntegerHash(uint32_t shrink) {
  const uint32_t n = (1u << 20) / shrink / 256 * 256;
  return {.name = "integer hash",
          .kernel = "integer_hash",
          .grid = {n / 256, 1, 1},
          .block = {256, 1, 1},
          .buffers = {Bytes(size_t{4} * n)},
          .scalars = {64},
          .result = 0,
          .items = 64.0 * n,
          .unit = "rounds/s",
          .target = kFaster};
}

Work ShuffleReduction(uint32_t shrink) {
  const uint32_t n = (4u << 20) / shrink / 256 * 256;
  return {.name = "shuffle reduction",
          .kernel = "shuffle_reduce",
          .grid = {n / 256, 1, 1},
          .block = {256, 1, 1},
          .buffers = {Words(n), Bytes(size_t{4} * (n / 256))},
          .scalars = {n},
          .result = 1,
          .items = static_cast<double>(n),
          .unit = "elements/s",
          .target = kFaster};
}

Work Mandelbrot(uint32_t shrink) {
  const uint32_t side = std::max(512 / shrink, 32u);
  return {.name = "Mandelbrot",
          .kernel = "mandelbrot",
          .grid = {(side + 15) / 16, (side + 15) / 16, 1},
          .block = {16, 16, 1},
          .buffers = {Bytes(size_t{4} * side * side)},
          .scalars = {side, side, 256},
          .result = 0,
          .items = static_cast<double>(side) * side,
          .unit = "pixels/s",
          .target = kFaster};
}

Work NBody(uint32_t shrink) {
  const uint32_t n = std::max(4096 / shrink / 128 * 128, 128u);
  return {.name = fmt::format("n-body {}", n),
          .kernel = "nbody",
          .grid = {n / 128, 1, 1},
          .block = {128, 1, 1},
          .buffers = {Floats(size_t{4} * n), Bytes(size_t{16} * n)},
          .scalars = {n},
          .result = 1,
          .items = static_cast<double>(n) * n,
          .unit = "pairs/s",
          .target = kWithinFour};
}

Work Histogram(uint32_t shrink) {
  const uint32_t n = (2u << 20) / shrink / 256 * 256;
  const uint32_t blocks = std::max(64 / shrink, 1u);
  return {.name = "histogram",
          .kernel = "histogram",
          .grid = {blocks, 1, 1},
          .block = {256, 1, 1},
          .buffers = {Words(n), Bytes(size_t{1024} * blocks)},
          .scalars = {n},
          .result = 1,
          .items = 4.0 * n,
          .unit = "bytes/s",
          .target = kFaster};
}

Work KMeans(uint32_t shrink) {
  const uint32_t n = (1u << 20) / shrink / 256 * 256;
  return {.name = "k-means, 32 centres",
          .kernel = "kmeans",
          .grid = {n / 256, 1, 1},
          .block = {256, 1, 1},
          .buffers = {Floats(size_t{4} * n), Floats(128), Bytes(size_t{4} * n)},
          .scalars = {n},
          .result = 2,
          .items = static_cast<double>(n),
          .unit = "points/s",
          .target = kWithinFour};
}

Work Stencil(uint32_t shrink) {
  const uint32_t side = std::max(2048 / shrink, 32u);
  return {.name = fmt::format("stencil {}", side),
          .kernel = "stencil",
          .grid = {(side + 31) / 32, (side + 7) / 8, 1},
          .block = {32, 8, 1},
          .buffers = {Floats(size_t{side} * side), Bytes(size_t{4} * side * side)},
          .scalars = {side, side},
          .result = 1,
          .items = static_cast<double>(side) * side,
          .unit = "cells/s",
          .target = kWithinFour};
}

}  // namespace

std::vector<Work> KernelWorks(uint32_t shrink) {
  return {VectorAdd(shrink),        MatMul(shrink),     IntegerHash(shrink),
          ShuffleReduction(shrink), Mandelbrot(shrink), NBody(shrink),
          Histogram(shrink),        KMeans(shrink),     Stencil(shrink)};
}

}  // namespace souk::bench
