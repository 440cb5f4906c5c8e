// What the sample workloads must compute, written as plain host loops: the same operations in the
// same order, each rounded once, so that kernels of class exact match bit for bit.
#pragma once

#include <cstdint>
#include <vector>

namespace souk::gpu {

using Floats = std::vector<float>;

struct DigitsData {
  std::vector<uint8_t> train_images = {};  // 64 per image
  std::vector<uint8_t> train_labels = {};
  std::vector<uint8_t> test_images = {};
  std::vector<uint8_t> test_labels = {};
};
struct DigitsResult {
  Floats w1 = {};  // 65 × 64
  Floats w2 = {};  // 65 × 10
  std::vector<uint8_t> predictions = {};
  std::vector<uint32_t> confusion = {};  // 10 × 10: [label][prediction]
  float accuracy = 0;
};
DigitsResult TrainDigits(const DigitsData& data);

// positions: x, y, z, mass; velocities: x, y, z, 0; both advanced in place.
void StepBodies(Floats& positions, Floats& velocities, int steps, float dt, float softening);

Floats MultiplyMatrices(const Floats& a, const Floats& b, int m, int n, int k);

std::vector<uint8_t> DrawMandelbrot(int width, int height, float left, float top, float scale,
                                    uint32_t limit);

std::vector<uint32_t> CountBytes(const std::vector<uint8_t>& data);

// {sum, low, high} with the additions in the order of the kernel's tree.
Floats ReduceTree(const Floats& values);

}  // namespace souk::gpu
