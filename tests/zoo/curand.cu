// cuRAND's generators. Its header's tables make a megabyte of PTX, so that none stands here.
#include <curand_kernel.h>

extern "C" __global__ void curand_philox(unsigned* words, float* uniform, float* normal, unsigned long long seed) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  curandStatePhilox4_32_10_t state;
  curand_init(seed, i, 0, &state);
  for (int k = 0; k < 4; ++k) words[4 * i + k] = curand(&state);
  uniform[i] = curand_uniform(&state);
  normal[i] = curand_normal(&state);
}
extern "C" __global__ void curand_xorwow(unsigned* words, double* uniform, unsigned seed) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  curandState state;
  curand_init(seed, i, 3, &state);
  for (int k = 0; k < 4; ++k) words[4 * i + k] = curand(&state);
  uniform[i] = curand_uniform_double(&state);
}
