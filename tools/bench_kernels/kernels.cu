extern "C" __global__ void vector_add(const float* a, const float* b, float* c, unsigned n) {
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) c[i] = a[i] + b[i];
}

extern "C" __global__ void matmul(const float* a, const float* b, float* c, unsigned n) {
  __shared__ float as[16][16];
  __shared__ float bs[16][16];
  unsigned x = blockIdx.x * 16 + threadIdx.x;
  unsigned y = blockIdx.y * 16 + threadIdx.y;
  float sum = 0;
  for (unsigned t = 0; t < n; t += 16) {
    as[threadIdx.y][threadIdx.x] = a[y * n + t + threadIdx.x];
    bs[threadIdx.y][threadIdx.x] = b[(t + threadIdx.y) * n + x];
    __syncthreads();
    for (unsigned k = 0; k < 16; ++k) sum = __fmaf_rn(as[threadIdx.y][k], bs[k][threadIdx.x], sum);
    __syncthreads();
  }
  c[y * n + x] = sum;
}

extern "C" __global__ void integer_hash(unsigned* out, unsigned rounds) {
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned h = i;
  for (unsigned r = 0; r < rounds; ++r) {
    h ^= h >> 16;
    h *= 0x7feb352du;
    h ^= h >> 15;
    h *= 0x846ca68bu;
    h ^= h >> 16;
    h += r;
  }
  out[i] = h;
}

extern "C" __global__ void shuffle_reduce(const unsigned* in, unsigned* out, unsigned n) {
  __shared__ unsigned part[8];
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned v = i < n ? in[i] : 0;
  for (int d = 16; d > 0; d >>= 1) v += __shfl_down_sync(0xffffffff, v, d);
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = v;
  __syncthreads();
  if (threadIdx.x < 32) {
    v = threadIdx.x < 8 ? part[threadIdx.x] : 0;
    for (int d = 4; d > 0; d >>= 1) v += __shfl_down_sync(0xffffffff, v, d);
    if (threadIdx.x == 0) out[blockIdx.x] = v;
  }
}

extern "C" __global__ void mandelbrot(unsigned* out, unsigned width, unsigned height, unsigned most) {
  unsigned x = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= width || y >= height) return;
  float cr = __fmaf_rn((float)x, 3.0f / (float)width, -2.0f);
  float ci = __fmaf_rn((float)y, 2.0f / (float)height, -1.0f);
  float zr = 0, zi = 0;
  unsigned k = 0;
  while (k < most) {
    float r2 = __fmul_rn(zr, zr), i2 = __fmul_rn(zi, zi);
    if (__fadd_rn(r2, i2) > 4.0f) break;
    float t = __fadd_rn(__fsub_rn(r2, i2), cr);
    zi = __fmaf_rn(__fmul_rn(2.0f, zr), zi, ci);
    zr = t;
    ++k;
  }
  out[y * width + x] = k;
}

// All pairs through tiles of shared memory; positions and masses as float4.
extern "C" __global__ void nbody(const float4* position, float4* acceleration, unsigned n) {
  __shared__ float4 tile[128];
  unsigned i = blockIdx.x * 128 + threadIdx.x;
  float4 me = position[i];
  float ax = 0, ay = 0, az = 0;
  for (unsigned t = 0; t < n; t += 128) {
    tile[threadIdx.x] = position[t + threadIdx.x];
    __syncthreads();
    for (unsigned k = 0; k < 128; ++k) {
      float4 other = tile[k];
      float dx = __fsub_rn(other.x, me.x);
      float dy = __fsub_rn(other.y, me.y);
      float dz = __fsub_rn(other.z, me.z);
      float d2 = __fmaf_rn(dx, dx, __fmaf_rn(dy, dy, __fmaf_rn(dz, dz, 0.01f)));
      float inverse = __fdiv_rn(1.0f, __fsqrt_rn(d2));
      float s = __fmul_rn(other.w, __fmul_rn(inverse, __fmul_rn(inverse, inverse)));
      ax = __fmaf_rn(dx, s, ax);
      ay = __fmaf_rn(dy, s, ay);
      az = __fmaf_rn(dz, s, az);
    }
    __syncthreads();
  }
  acceleration[i] = make_float4(ax, ay, az, 0);
}

// Bytes counted in shared memory, then added to the block's own row of counts.
extern "C" __global__ void histogram(const unsigned* in, unsigned* counts, unsigned n) {
  __shared__ unsigned bins[256];
  bins[threadIdx.x] = 0;
  __syncthreads();
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    unsigned v = in[i];
    atomicAdd(&bins[v & 255], 1u);
    atomicAdd(&bins[v >> 8 & 255], 1u);
    atomicAdd(&bins[v >> 16 & 255], 1u);
    atomicAdd(&bins[v >> 24], 1u);
  }
  __syncthreads();
  counts[blockIdx.x * 256 + threadIdx.x] = bins[threadIdx.x];
}

// The nearest of 32 centres of four dimensions, which lie in shared memory.
extern "C" __global__ void kmeans(const float* points, const float* centres, unsigned* nearest,
                                  unsigned n) {
  __shared__ float c[32 * 4];
  if (threadIdx.x < 128) c[threadIdx.x] = centres[threadIdx.x];
  __syncthreads();
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float x = points[i], y = points[n + i], z = points[2 * n + i], w = points[3 * n + i];
  float best = 1e30f;
  unsigned at = 0;
  for (unsigned k = 0; k < 32; ++k) {
    float dx = __fsub_rn(x, c[4 * k]), dy = __fsub_rn(y, c[4 * k + 1]);
    float dz = __fsub_rn(z, c[4 * k + 2]), dw = __fsub_rn(w, c[4 * k + 3]);
    float d = __fmaf_rn(dx, dx, __fmaf_rn(dy, dy, __fmaf_rn(dz, dz, __fmul_rn(dw, dw))));
    if (d < best) {
      best = d;
      at = k;
    }
  }
  nearest[i] = at;
}

// One step of a five-point stencil; the edge stays.
extern "C" __global__ void stencil(const float* in, float* out, unsigned width, unsigned height) {
  unsigned x = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= width || y >= height) return;
  unsigned i = y * width + x;
  float v = in[i];
  if (x > 0 && y > 0 && x < width - 1 && y < height - 1) {
    float around = __fadd_rn(__fadd_rn(in[i - 1], in[i + 1]),
                             __fadd_rn(in[i - width], in[i + width]));
    v = __fmaf_rn(__fmaf_rn(-4.0f, v, around), 0.2f, v);
  }
  out[i] = v;
}
