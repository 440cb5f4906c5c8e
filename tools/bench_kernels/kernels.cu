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
