// Reductions of all kinds.
using u32 = unsigned int;
using u64 = unsigned long long;

// Sum through shared memory, first half of the work at load.
extern "C" __global__ void sum_shared(int* out, const int* in, u32 n) {
  extern __shared__ int part[];
  const u32 t = threadIdx.x;
  const u32 i = blockIdx.x * blockDim.x * 2 + t;
  int v = i < n ? in[i] : 0;
  if (i + blockDim.x < n) v += in[i + blockDim.x];
  part[t] = v;
  __syncthreads();
  for (u32 s = blockDim.x / 2; s > 0; s >>= 1) {
    if (t < s) part[t] += part[t + s];
    __syncthreads();
  }
  if (t == 0) out[blockIdx.x] = part[0];
}

// Interleaved addressing with divergent lanes, then an unrolled volatile warp.
template <u32 kBlock>
__device__ void SumUnrolled(volatile float* part, u32 t) {
  if (kBlock >= 512 && t < 256) part[t] += part[t + 256];
  __syncthreads();
  if (kBlock >= 256 && t < 128) part[t] += part[t + 128];
  __syncthreads();
  if (kBlock >= 128 && t < 64) part[t] += part[t + 64];
  __syncthreads();
  if (t < 32) {
    for (u32 s = 32; s > 0; s /= 2) {
      const float v = part[t] + part[t + s];
      __syncwarp();
      part[t] = v;
      __syncwarp();
    }
  }
}
extern "C" __global__ void sum_unrolled(float* out, const float* in, u32 n) {
  __shared__ float part[256 + 32];
  const u32 t = threadIdx.x;
  if (t < 32) part[256 + t] = 0;
  float v = 0;
  for (u32 i = blockIdx.x * 256 + t; i < n; i += gridDim.x * 256) v += in[i];
  part[t] = v;
  __syncthreads();
  SumUnrolled<256>(part, t);
  if (t == 0) out[blockIdx.x] = part[0];
}

// By warp shuffles, any type.
template <typename T, typename F>
__device__ T BlockReduce(T v, T identity, F f) {
  __shared__ T parts[32];
  const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  for (int d = 16; d > 0; d /= 2) v = f(v, __shfl_down_sync(0xffffffffu, v, d));
  if (lane == 0) parts[warp] = v;
  __syncthreads();
  v = threadIdx.x < blockDim.x / 32 ? parts[lane] : identity;
  if (warp == 0) {
    for (int d = 16; d > 0; d /= 2) v = f(v, __shfl_xor_sync(0xffffffffu, v, d));
  }
  return v;
}
extern "C" __global__ void sum_double(double* out, const double* in, u32 n) {
  double v = 0;
  for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) v += in[i];
  v = BlockReduce(v, 0.0, [](double a, double b) { return a + b; });
  if (threadIdx.x == 0) out[blockIdx.x] = v;
}
extern "C" __global__ void max_and_where(u64* out, const float* in, u32 n) {
  u64 best = 0;
  for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    const u32 bits = __float_as_uint(in[i]);
    const u32 order = bits ^ (static_cast<int>(bits) < 0 ? 0xffffffffu : 0x80000000u);
    const u64 key = static_cast<u64>(order) << 32 | ~i;
    best = best > key ? best : key;
  }
  best = BlockReduce(best, static_cast<u64>(0), [](u64 a, u64 b) { return a > b ? a : b; });
  if (threadIdx.x == 0) atomicMax(out, best);
}
struct Range {
  float low, high;
};
extern "C" __global__ void range_of(Range* out, const float* in, u32 n) {
  __shared__ float lows[256];
  __shared__ float highs[256];
  Range r = {3.4e38f, -3.4e38f};
  for (u32 i = threadIdx.x; i < n; i += blockDim.x) {
    r.low = fminf(r.low, in[i]);
    r.high = fmaxf(r.high, in[i]);
  }
  lows[threadIdx.x] = r.low;
  highs[threadIdx.x] = r.high;
  for (u32 s = blockDim.x / 2; s > 0; s /= 2) {
    __syncthreads();
    if (threadIdx.x < s) {
      lows[threadIdx.x] = fminf(lows[threadIdx.x], lows[threadIdx.x + s]);
      highs[threadIdx.x] = fmaxf(highs[threadIdx.x], highs[threadIdx.x + s]);
    }
  }
  if (threadIdx.x == 0) *out = Range{lows[0], highs[0]};
}
// The last block to finish adds what the others left: __threadfence and a ticket.
__device__ u32 tickets = 0;
extern "C" __global__ void sum_last_block(int* out, volatile int* parts, const int* in, u32 n) {
  __shared__ bool last;
  int v = 0;
  for (u32 i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) v += in[i];
  v = BlockReduce(v, 0, [](int a, int b) { return a + b; });
  if (threadIdx.x == 0) {
    parts[blockIdx.x] = v;
    __threadfence();
    last = atomicInc(&tickets, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (!last) return;
  int sum = 0;
  for (u32 i = threadIdx.x; i < gridDim.x; i += blockDim.x) sum += parts[i];
  sum = BlockReduce(sum, 0, [](int a, int b) { return a + b; });
  if (threadIdx.x == 0) *out = sum;
}
// Welford's mean and variance, merged pairwise.
struct Moments {
  double count, mean, m2;
};
__device__ __noinline__ Moments Merge(const Moments& a, const Moments& b) {
  const double n = a.count + b.count;
  if (n == 0) return a;
  const double d = b.mean - a.mean;
  return Moments{n, __fma_rn(d, __ddiv_rn(b.count, n), a.mean),
                 __dadd_rn(__dadd_rn(a.m2, b.m2), __ddiv_rn(__dmul_rn(__dmul_rn(d, d), __dmul_rn(a.count, b.count)), n))};
}
extern "C" __global__ void moments(Moments* out, const float* in, u32 n) {
  __shared__ Moments part[128];
  Moments m = {0, 0, 0};
  for (u32 i = threadIdx.x; i < n; i += blockDim.x) m = Merge(m, Moments{1, in[i], 0});
  part[threadIdx.x] = m;
  for (u32 s = blockDim.x / 2; s > 0; s /= 2) {
    __syncthreads();
    if (threadIdx.x < s) part[threadIdx.x] = Merge(part[threadIdx.x], part[threadIdx.x + s]);
  }
  if (threadIdx.x == 0) *out = part[0];
}
// Any, all, count through barriers that reduce.
extern "C" __global__ void votes(int* out, const int* in, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const int v = i < n ? in[i] : 0;
  const int some = __syncthreads_or(v > 990);
  const int every = __syncthreads_and(v >= 0);
  const int count = __syncthreads_count(v % 3 == 0);
  if (threadIdx.x == 0) {
    out[3 * blockIdx.x] = some != 0;
    out[3 * blockIdx.x + 1] = every != 0;
    out[3 * blockIdx.x + 2] = count;
  }
}
// Dot product with fused multiply-adds.
extern "C" __global__ void dot(float* out, const float* a, const float* b, u32 n) {
  float v = 0;
  for (u32 i = threadIdx.x; i < n; i += blockDim.x) v = fmaf(a[i], b[i], v);
  v = BlockReduce(v, 0.0f, [](float x, float y) { return x + y; });
  if (threadIdx.x == 0) *out = v;
}
// Rows of different lengths, one warp each.
extern "C" __global__ void segments(long long* out, const int* in, const int* start, int rows) {
  const int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32;
  if (row >= rows) return;
  long long v = 0;
  for (int i = start[row] + threadIdx.x % 32; i < start[row + 1]; i += 32) v += in[i];
  for (int d = 16; d > 0; d /= 2) v += __shfl_down_sync(~0u, v, d);
  if (threadIdx.x % 32 == 0) out[row] = v;
}
