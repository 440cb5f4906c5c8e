#include "unit/gpu/workload/references.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace souk::gpu {
namespace {

constexpr int kPixels = 64;
constexpr int kHidden = 64;
constexpr int kClasses = 10;
constexpr int kBatch = 32;
constexpr int kEpochs = 20;
constexpr float kMomentum = 0.9f;

uint64_t Mix(uint64_t z) {
  z += 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

Floats InitialWeights(uint32_t rows, uint32_t columns, float scale, uint32_t seed) {
  Floats weights(size_t{rows} * columns);
  for (uint32_t i = 0; i < (rows - 1) * columns; ++i) {
    const auto bits = static_cast<uint32_t>(Mix((uint64_t{seed} << 32) + i) >> 40);
    weights[i] = (static_cast<float>(bits) / 8388608.0f - 1.0f) * scale;
  }
  return weights;
}

// The polynomial of digits.cu; everything in binary32.
float ExpOfNegative(float x) {
  if (x < -87.0f) return 0.0f;
  const float n = std::nearbyint(x * 1.44269504f);
  float r = std::fma(n, -0.693359375f, x);
  r = std::fma(n, 2.12194440e-4f, r);
  float p = 1.98412698e-4f;
  for (const float c :
       {1.38888889e-3f, 8.33333333e-3f, 4.16666667e-2f, 1.66666667e-1f, 0.5f, 1.0f, 1.0f}) {
    p = std::fma(p, r, c);
  }
  return p * std::ldexp(1.0f, static_cast<int>(n));
}

// Row-major.
size_t Place(int row, int columns, int column) {
  return static_cast<size_t>(row) * static_cast<size_t>(columns) + static_cast<size_t>(column);
}

// inputs then 1 for the bias, which comes first in the sum.
template <typename Input>
float Weighted(const Floats& weights, int inputs, int outputs, int output, Input input) {
  float sum = weights[Place(inputs, outputs, output)];
  for (int i = 0; i < inputs; ++i) {
    sum = std::fma(input(i), weights[Place(i, outputs, output)], sum);
  }
  return sum;
}

std::array<float, kHidden> HiddenOf(const uint8_t* image, const Floats& w1) {
  std::array<float, kHidden> hidden = {};
  for (int j = 0; j < kHidden; ++j) {
    const float sum = Weighted(w1, kPixels, kHidden, j,
                               [image](int i) { return static_cast<float>(image[i]) / 16.0f; });
    hidden[static_cast<size_t>(j)] = std::max(sum, 0.0f);
  }
  return hidden;
}

std::array<float, kClasses> LogitsOf(const std::array<float, kHidden>& hidden, const Floats& w2) {
  std::array<float, kClasses> logits = {};
  for (int k = 0; k < kClasses; ++k) {
    logits[static_cast<size_t>(k)] = Weighted(
        w2, kHidden, kClasses, k, [&hidden](int j) { return hidden[static_cast<size_t>(j)]; });
  }
  return logits;
}

// A butterfly over 32 lanes: at each step every lane adds its partner's value.
float WarpSum(std::array<float, 32> lanes) {
  for (size_t step = 16; step > 0; step /= 2) {
    std::array<float, 32> next = {};
    for (size_t lane = 0; lane < 32; ++lane) next[lane] = lanes[lane] + lanes[lane ^ step];
    lanes = next;
  }
  return lanes[0];
}

std::array<float, kClasses> LogitGradients(const std::array<float, kClasses>& logits, int label) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  std::array<float, 32> e = {};
  for (size_t k = 0; k < kClasses; ++k) e[k] = ExpOfNegative(logits[k] - largest);
  const float sum = WarpSum(e);
  std::array<float, kClasses> delta = {};
  for (size_t k = 0; k < kClasses; ++k) {
    const float target = static_cast<int>(k) == label ? 1.0f : 0.0f;
    delta[k] = (e[k] / sum - target) / static_cast<float>(kBatch);
  }
  return delta;
}

void Descend(Floats& weights, Floats& velocity, size_t at, float gradient, float rate) {
  velocity[at] = std::fma(kMomentum, velocity[at], -(rate * gradient));
  weights[at] = weights[at] + velocity[at];
}

struct Network {
  Floats w1 = InitialWeights(kPixels + 1, kHidden, 0.21650635f, 1);
  Floats w2 = InitialWeights(kHidden + 1, kClasses, 0.28474739f, 2);
  Floats v1 = Floats(w1.size());
  Floats v2 = Floats(w2.size());
};

void TrainBatch(Network& net, const uint8_t* images, const uint8_t* labels, float rate) {
  std::vector<std::array<float, kHidden>> hidden(kBatch);
  std::vector<std::array<float, kClasses>> delta(kBatch);
  std::vector<std::array<float, kHidden>> delta_hidden(kBatch);
  for (size_t s = 0; s < kBatch; ++s) {
    hidden[s] = HiddenOf(images + s * kPixels, net.w1);
    delta[s] = LogitGradients(LogitsOf(hidden[s], net.w2), labels[s]);
    for (size_t j = 0; j < kHidden; ++j) {
      float sum = 0;
      for (size_t k = 0; k < kClasses; ++k) {
        sum = std::fma(net.w2[j * kClasses + k], delta[s][k], sum);
      }
      delta_hidden[s][j] = hidden[s][j] > 0 ? sum : 0.0f;
    }
  }
  for (size_t j = 0; j <= kHidden; ++j) {
    for (size_t k = 0; k < kClasses; ++k) {
      float gradient = 0;
      for (size_t s = 0; s < kBatch; ++s) {
        gradient = std::fma(j < kHidden ? hidden[s][j] : 1.0f, delta[s][k], gradient);
      }
      Descend(net.w2, net.v2, j * kClasses + k, gradient, rate);
    }
  }
  for (size_t i = 0; i <= kPixels; ++i) {
    for (size_t j = 0; j < kHidden; ++j) {
      float gradient = 0;
      for (size_t s = 0; s < kBatch; ++s) {
        const float input =
            i < kPixels ? static_cast<float>(images[s * kPixels + i]) / 16.0f : 1.0f;
        gradient = std::fma(input, delta_hidden[s][j], gradient);
      }
      Descend(net.w1, net.v1, i * kHidden + j, gradient, rate);
    }
  }
}

struct Summary {
  float sum = 0;
  float low = std::numeric_limits<float>::infinity();
  float high = -std::numeric_limits<float>::infinity();
};

Summary Merge(const Summary& a, const Summary& b) {
  return {a.sum + b.sum, std::min(a.low, b.low), std::max(a.high, b.high)};
}

// Lane i takes lane i + by; lanes without one keep their own, as shfl.down does.
Summary Down(std::vector<Summary> lanes, size_t from) {
  for (size_t by = from; by > 0; by /= 2) {
    std::vector<Summary> next(lanes.size());
    for (size_t i = 0; i < lanes.size(); ++i) {
      next[i] = Merge(lanes[i], lanes[i + by < lanes.size() ? i + by : i]);
    }
    lanes = next;
  }
  return lanes[0];
}

// One block of 256 threads over every grid-th element.
Summary ReduceBlock(const std::vector<Summary>& in, size_t block, size_t blocks) {
  std::vector<Summary> warps;
  for (size_t warp = 0; warp < 8; ++warp) {
    std::vector<Summary> lanes(32);
    for (size_t lane = 0; lane < 32; ++lane) {
      for (size_t i = block * 256 + warp * 32 + lane; i < in.size(); i += blocks * 256) {
        lanes[lane] = Merge(lanes[lane], in[i]);
      }
    }
    warps.push_back(Down(lanes, 16));
  }
  std::vector<Summary> lanes = warps;
  lanes.resize(32, Summary{0.0f, warps[0].low, warps[0].high});
  return Down(lanes, 4);
}

}  // namespace

DigitsResult TrainDigits(const DigitsData& data) {
  Network net;
  const size_t batches = data.train_labels.size() / kBatch;
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const auto rate = static_cast<float>(0.2 * (1 - epoch / 24.0));
    for (size_t batch = 0; batch < batches; ++batch) {
      TrainBatch(net, &data.train_images[batch * kBatch * kPixels],
                 &data.train_labels[batch * kBatch], rate);
    }
  }
  DigitsResult result{.w1 = net.w1, .w2 = net.w2, .confusion = std::vector<uint32_t>(100)};
  uint32_t right = 0;
  for (size_t s = 0; s < data.test_labels.size(); ++s) {
    const auto logits = LogitsOf(HiddenOf(&data.test_images[s * kPixels], net.w1), net.w2);
    const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
    result.predictions.push_back(static_cast<uint8_t>(best));
    ++result.confusion[data.test_labels[s] * size_t{10} + static_cast<size_t>(best)];
    right += data.test_labels[s] == best ? 1 : 0;
  }
  result.accuracy = static_cast<float>(right) / static_cast<float>(data.test_labels.size());
  return result;
}

void StepBodies(Floats& positions, Floats& velocities, int steps, float dt, float softening) {
  const size_t n = positions.size() / 4;
  for (int step = 0; step < steps; ++step) {
    Floats next = positions;
    for (size_t i = 0; i < n; ++i) {
      const float* me = &positions[i * 4];
      std::array<float, 3> a = {};
      for (size_t j = 0; j < n; ++j) {
        const float* other = &positions[j * 4];
        const std::array<float, 3> d = {other[0] - me[0], other[1] - me[1], other[2] - me[2]};
        const float r2 =
            std::fma(d[0], d[0], std::fma(d[1], d[1], std::fma(d[2], d[2], softening)));
        const float inverse = 1.0f / std::sqrt(r2);
        const float pull = other[3] * inverse * inverse * inverse;
        for (size_t axis = 0; axis < 3; ++axis) a[axis] = std::fma(d[axis], pull, a[axis]);
      }
      for (size_t axis = 0; axis < 3; ++axis) {
        float& v = velocities[i * 4 + axis];
        v = std::fma(a[axis], dt, v);
        next[i * 4 + axis] = std::fma(v, dt, me[axis]);
      }
    }
    positions = next;
  }
}

Floats MultiplyMatrices(const Floats& a, const Floats& b, int m, int n, int k) {
  Floats c(static_cast<size_t>(m * n));
  for (int row = 0; row < m; ++row) {
    for (int column = 0; column < n; ++column) {
      float sum = 0;
      for (int i = 0; i < k; ++i) {
        sum = std::fma(a[Place(row, k, i)], b[Place(i, n, column)], sum);
      }
      c[Place(row, n, column)] = sum;
    }
  }
  return c;
}

std::vector<uint8_t> DrawMandelbrot(int width, int height, float left, float top, float scale,
                                    uint32_t limit) {
  std::vector<uint8_t> pixels;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const float cr = left + static_cast<float>(x) * scale;
      const float ci = top - static_cast<float>(y) * scale;
      float zr = 0;
      float zi = 0;
      uint32_t n = 0;
      for (; n < limit; ++n) {
        const float rr = zr * zr;
        const float ii = zi * zi;
        if (rr + ii > 4.0f) break;
        zi = 2.0f * zr * zi + ci;
        zr = rr - ii + cr;
      }
      const bool inside = n == limit;
      const uint32_t shade = inside ? 0 : n * 255 / limit;
      const uint32_t glow = inside ? 0 : std::min(255u, 40 + n * 6);
      pixels.push_back(static_cast<uint8_t>(std::min(255u, shade * 4)));
      pixels.push_back(static_cast<uint8_t>(std::min(255u, glow * 3 / 4)));
      pixels.push_back(static_cast<uint8_t>(inside ? 0 : 255 - shade));
    }
  }
  return pixels;
}

std::vector<uint32_t> CountBytes(const std::vector<uint8_t>& data) {
  std::vector<uint32_t> bins(256);
  for (const uint8_t byte : data) ++bins[byte];
  return bins;
}

Floats ReduceTree(const Floats& values) {
  std::vector<Summary> in;
  for (const float value : values) in.push_back(Summary{value, value, value});
  std::vector<Summary> partial;
  for (size_t block = 0; block < 20; ++block) partial.push_back(ReduceBlock(in, block, 20));
  const Summary whole = ReduceBlock(partial, 0, 1);
  return {whole.sum, whole.low, whole.high};
}

}  // namespace souk::gpu
