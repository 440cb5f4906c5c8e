// Physics, signals, finance, clustering.
using u32 = unsigned int;
using u64 = unsigned long long;

extern "C" __global__ void nbody(float4* acceleration, const float4* body, int n, float softening) {
  extern __shared__ float4 tile[];
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const float4 me = body[i];
  float ax = 0, ay = 0, az = 0;
  for (int t = 0; t < n; t += blockDim.x) {
    tile[threadIdx.x] = body[t + threadIdx.x];
    __syncthreads();
#pragma unroll 8
    for (int k = 0; k < blockDim.x; ++k) {
      const float dx = tile[k].x - me.x, dy = tile[k].y - me.y, dz = tile[k].z - me.z;
      const float d2 = fmaf(dz, dz, fmaf(dy, dy, fmaf(dx, dx, softening)));
      const float inverse = 1.0f / sqrtf(d2);
      const float s = __fmul_rn(tile[k].w, __fmul_rn(inverse, __fmul_rn(inverse, inverse)));
      ax = fmaf(dx, s, ax);
      ay = fmaf(dy, s, ay);
      az = fmaf(dz, s, az);
    }
    __syncthreads();
  }
  acceleration[i] = make_float4(ax, ay, az, 0);
}
// Radix-2 transform of 256 points a block, twiddles from a table.
extern "C" __global__ void fft(double2* data, const double2* twiddle) {
  __shared__ double2 x[256];
  double2* d = data + blockIdx.x * 256;
  const int t = threadIdx.x;
  x[__brev(t) >> 24] = d[t];
  x[__brev(t + 128) >> 24] = d[t + 128];
  for (int half = 1; half < 256; half *= 2) {
    __syncthreads();
    const int k = t & (half - 1), at = 2 * t - k;
    const double2 w = twiddle[k * (128 / half)], a = x[at], b = x[at + half];
    const double re = fma(b.x, w.x, -__dmul_rn(b.y, w.y)), im = fma(b.x, w.y, __dmul_rn(b.y, w.x));
    x[at] = make_double2(a.x + re, a.y + im);
    x[at + half] = make_double2(a.x - re, a.y - im);
  }
  __syncthreads();
  d[t] = x[t];
  d[t + 128] = x[t + 128];
}
extern "C" __global__ void black_scholes(float2* out, const float* price, const float* strike, const float* years,
                                         float rate, float volatility, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const float s = price[i], x = strike[i], t = years[i];
  const float root = sqrtf(t);
  const float d1 = (logf(s / x) + (rate + 0.5f * volatility * volatility) * t) / (volatility * root);
  const float d2 = d1 - volatility * root;
  const float discount = expf(-rate * t);
  const float call = s * normcdff(d1) - x * discount * normcdff(d2);
  out[i] = make_float2(call, call + x * discount - s);
}
// Binomial tree of one option a block; doubles.
extern "C" __global__ void binomial(double* out, const double* strike, double up, double down, double pu, double pd, int steps) {
  __shared__ double value[257];
  const int t = threadIdx.x;
  double price = 100.0;
  for (int k = 0; k < steps; ++k) price *= k < t ? up : down;
  value[t] = fmax(price - strike[blockIdx.x], 0.0);
  for (int s = steps; s > 0; --s) {
    __syncthreads();
    double v = 0;
    if (t < s) v = fma(pu, value[t + 1], __dmul_rn(pd, value[t]));
    __syncthreads();
    if (t < s) value[t] = v;
  }
  if (t == 0) out[blockIdx.x] = value[0];
}
// Paths of a stock by Box and Muller's method.
extern "C" __global__ void monte_carlo(float* out, int steps, float drift, float volatility) {
  const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  u32 s = i * 747796405u + 2891336453u;
  const auto uniform = [&s] {
    s ^= s << 13;
    s ^= s >> 17;
    s ^= s << 5;
    return (s >> 8) * 5.9604645e-8f + 2.9802322e-8f;
  };
  float price = 1;
  for (int k = 0; k < steps; ++k) {
    const float r = sqrtf(-2.0f * logf(uniform()));
    const float z = r * cosf(6.2831853f * uniform());
    price *= expf(drift + volatility * z);
  }
  out[i] = price;
}
extern "C" __global__ void kmeans_assign(int* cluster, float* distance, const float* point, const float* centre, int n, int k, int dims) {
  extern __shared__ float c[];
  for (int j = threadIdx.x; j < k * dims; j += blockDim.x) c[j] = centre[j];
  __syncthreads();
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  int best = 0;
  float least = 3.4e38f;
  for (int j = 0; j < k; ++j) {
    float d = 0;
    for (int m = 0; m < dims; ++m) {
      const float e = point[m * n + i] - c[j * dims + m];
      d = fmaf(e, e, d);
    }
    if (d < least) {
      least = d;
      best = j;
    }
  }
  cluster[i] = best;
  distance[i] = least;
}
// The eight nearest of each query, kept sorted in registers.
extern "C" __global__ void nearest(int* out, const int2* point, const int2* query, int n) {
  const int2 q = query[blockIdx.x * blockDim.x + threadIdx.x];
  u64 best[8];
  for (int k = 0; k < 8; ++k) best[k] = ~0ull;
  for (int i = 0; i < n; ++i) {
    const long long dx = point[i].x - q.x, dy = point[i].y - q.y;
    u64 key = static_cast<u64>(dx * dx + dy * dy) << 16 | static_cast<u32>(i);
#pragma unroll
    for (int k = 0; k < 8; ++k) {
      if (key < best[k]) {
        const u64 t = best[k];
        best[k] = key;
        key = t;
      }
    }
  }
  for (int k = 0; k < 8; ++k) out[(blockIdx.x * blockDim.x + threadIdx.x) * 8 + k] = static_cast<int>(best[k] & 0xffff);
}
// Particles in boxes act on those of neighbouring boxes.
struct Particle {
  double x, y, z, charge;
};
extern "C" __global__ void lava(double4_16a* force, const Particle* particle, const int* neighbour, int each, double a2) {
  __shared__ Particle other[64];
  const int box = blockIdx.x, t = threadIdx.x;
  const Particle me = particle[box * each + t];
  double4_16a f = make_double4_16a(0, 0, 0, 0);
  for (int k = 0; k < 5; ++k) {
    const int from = neighbour[box * 5 + k];
    if (from < 0) continue;
    __syncthreads();
    other[t] = particle[from * each + t];
    __syncthreads();
    for (int j = 0; j < each; ++j) {
      const double dx = me.x - other[j].x, dy = me.y - other[j].y, dz = me.z - other[j].z;
      const double r2 = fma(dx, dx, fma(dy, dy, __dmul_rn(dz, dz)));
      const double v = exp(-a2 * r2);
      const double s = 2 * v * other[j].charge;
      f.x += v * other[j].charge;
      f.y += s * dx;
      f.z += s * dy;
      f.w += s * dz;
    }
  }
  force[box * each + t] = f;
}
extern "C" __global__ void mandelbrot(u32* out, int w, int h, float x0, float y0, float step, int most) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= w || y >= h) return;
  const float cr = fmaf(step, static_cast<float>(x), x0), ci = fmaf(step, static_cast<float>(y), y0);
  float re = 0, im = 0;
  int k = 0;
  for (; k < most; ++k) {
    const float re2 = __fmul_rn(re, re), im2 = __fmul_rn(im, im);
    if (__fadd_rn(re2, im2) > 4.0f) break;
    im = fmaf(__fmul_rn(2.0f, re), im, ci);
    re = __fadd_rn(__fsub_rn(re2, im2), cr);
  }
  out[y * w + x] = k == most ? 0 : k * 0x010305u | 0xff000000u;
}
// A neural layer with activations, a softmax, a layer normalisation.
extern "C" __global__ void dense_layer(float* out, const float* in, const float* weight, const float* bias, int inputs, int outputs, int kind) {
  const int o = blockIdx.x * blockDim.x + threadIdx.x;
  if (o >= outputs) return;
  float sum = bias[o];
  for (int k = 0; k < inputs; ++k) sum = fmaf(in[blockIdx.y * inputs + k], weight[k * outputs + o], sum);
  float v = sum;
  switch (kind) {
    case 0: v = fmaxf(sum, 0.0f); break;
    case 1: v = 1.0f / (1.0f + expf(-sum)); break;
    case 2: v = tanhf(sum); break;
    case 3: v = 0.5f * sum * (1.0f + erff(sum * 0.70710678f)); break;
  }
  out[blockIdx.y * outputs + o] = v;
}
template <typename F>
__device__ float OfBlock(float v, float* part, F f) {
  for (int d = 16; d > 0; d /= 2) v = f(v, __shfl_xor_sync(~0u, v, d));
  __syncthreads();
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
  __syncthreads();
  v = part[threadIdx.x % (blockDim.x / 32)];
  for (int d = 16; d > 0; d /= 2) v = f(v, __shfl_xor_sync(~0u, v, d));
  return v;
}
extern "C" __global__ void softmax(float* out, const float* in, int columns) {
  __shared__ float part[32];
  const float* row = in + blockIdx.x * columns;
  float most = -3.4e38f;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) most = fmaxf(most, row[c]);
  most = OfBlock(most, part, [](float a, float b) { return fmaxf(a, b); });
  float sum = 0;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) sum += __expf(row[c] - most);
  const float lanes = 32.0f / (blockDim.x / 32);
  sum = OfBlock(sum, part, [](float a, float b) { return a + b; }) / lanes;
  for (int c = threadIdx.x; c < columns; c += blockDim.x) out[blockIdx.x * columns + c] = __expf(row[c] - most) / sum;
}
