// Sum, smallest and largest of an array through warp shuffles. The tree of additions is fixed, so
// that the float sum has the same bits everywhere.

struct Summary {
  float sum;
  float low;
  float high;
};

__device__ Summary Merge(Summary a, Summary b) {
  return {a.sum + b.sum, fminf(a.low, b.low), fmaxf(a.high, b.high)};
}

__device__ Summary Shifted(Summary s, int by) {
  return {__shfl_down_sync(0xffffffffu, s.sum, by), __shfl_down_sync(0xffffffffu, s.low, by),
          __shfl_down_sync(0xffffffffu, s.high, by)};
}

// Blocks of 256. Each writes {sum, low, high} of its part of the input; launched again over these
// with one block, `stride` 3, it gives the whole.
extern "C" __global__ void reduce(const float* in, unsigned count, unsigned stride, float* out) {
  __shared__ Summary warps[8];
  Summary mine = {0.0f, __int_as_float(0x7f800000), __int_as_float(0xff800000)};
  const unsigned step = gridDim.x * blockDim.x;
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
    const float* at = in + static_cast<unsigned long long>(i) * stride;
    mine = Merge(mine, {at[0], at[stride == 3 ? 1 : 0], at[stride == 3 ? 2 : 0]});
  }
  for (int by = 16; by > 0; by /= 2) mine = Merge(mine, Shifted(mine, by));
  const unsigned lane = threadIdx.x % 32;
  if (lane == 0) warps[threadIdx.x / 32] = mine;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  mine = lane < 8 ? warps[lane] : Summary{0.0f, warps[0].low, warps[0].high};
  for (int by = 4; by > 0; by /= 2) mine = Merge(mine, Shifted(mine, by));
  if (lane != 0) return;
  out[blockIdx.x * 3] = mine.sum;
  out[blockIdx.x * 3 + 1] = mine.low;
  out[blockIdx.x * 3 + 2] = mine.high;
}
