// Stencils, convolutions, images, physics on grids.
using u32 = unsigned int;
using u8 = unsigned char;

__constant__ float taps[9];
__constant__ int sharpen[3][3] = {{0, -1, 0}, {-1, 5, -1}, {0, -1, 0}};

extern "C" __global__ void set_taps_by_copy(float* out) {  // what a host's cudaMemcpyToSymbol left
  if (threadIdx.x < 9) out[threadIdx.x] = taps[threadIdx.x];
}
extern "C" __global__ void stencil_1d(int* out, const int* in, int n) {
  __shared__ int x[256 + 6];
  const int i = blockIdx.x * 256 + threadIdx.x;
  x[threadIdx.x + 3] = i < n ? in[i] : 0;
  if (threadIdx.x < 3) {
    x[threadIdx.x] = i >= 3 ? in[i - 3] : 0;
    x[threadIdx.x + 259] = i + 256 < n ? in[i + 256] : 0;
  }
  __syncthreads();
  int sum = 0;
  for (int k = -3; k <= 3; ++k) sum += x[threadIdx.x + 3 + k];
  if (i < n) out[i] = sum;
}
extern "C" __global__ void heat_2d(double* out, const double* in, int w, int h, double alpha) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= w || y >= h) return;
  const double c = in[y * w + x];
  const double l = x > 0 ? in[y * w + x - 1] : c, r = x + 1 < w ? in[y * w + x + 1] : c;
  const double u = y > 0 ? in[(y - 1) * w + x] : c, d = y + 1 < h ? in[(y + 1) * w + x] : c;
  out[y * w + x] = fma(alpha, __dadd_rn(__dadd_rn(__dadd_rn(l, r), __dadd_rn(u, d)), __dmul_rn(-4.0, c)), c);
}
// 3D, marching along z with three planes in registers.
extern "C" __global__ void stencil_3d(float* out, const float* in, int w, int h, int d) {
  __shared__ float plane[10][34];
  const int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 8 + threadIdx.y;
  const int area = w * h, at = y * w + x;
  float below = 0, here = in[at], above = in[area + at];
  for (int z = 1; z + 1 < d; ++z) {
    below = here;
    here = above;
    above = in[(z + 1) * area + at];
    __syncthreads();
    plane[threadIdx.y + 1][threadIdx.x + 1] = here;
    if (threadIdx.y == 0 && y > 0) plane[0][threadIdx.x + 1] = in[z * area + at - w];
    if (threadIdx.y == 7 && y + 1 < h) plane[9][threadIdx.x + 1] = in[z * area + at + w];
    if (threadIdx.x == 0 && x > 0) plane[threadIdx.y + 1][0] = in[z * area + at - 1];
    if (threadIdx.x == 31 && x + 1 < w) plane[threadIdx.y + 1][33] = in[z * area + at + 1];
    __syncthreads();
    if (x > 0 && x + 1 < w && y > 0 && y + 1 < h) {
      const float sum = below + above + plane[threadIdx.y][threadIdx.x + 1] +
                        plane[threadIdx.y + 2][threadIdx.x + 1] + plane[threadIdx.y + 1][threadIdx.x] +
                        plane[threadIdx.y + 1][threadIdx.x + 2];
      out[z * area + at] = fmaf(0.1f, sum, 0.4f * here);
    }
  }
}
extern "C" __global__ void convolve_rows(float* out, const float* in, int w, int h, const float* weights) {
  __shared__ float row[128 + 8];
  const int x = blockIdx.x * 128 + threadIdx.x, y = blockIdx.y;
  for (int i = threadIdx.x; i < 136; i += 128) {
    const int at = blockIdx.x * 128 + i - 4;
    row[i] = at >= 0 && at < w ? in[y * w + at] : 0.0f;
  }
  __syncthreads();
  float sum = 0;
#pragma unroll
  for (int k = 0; k < 9; ++k) sum = fmaf(weights[k], row[threadIdx.x + k], sum);
  if (x < w) out[y * w + x] = sum;
}
extern "C" __global__ void sharpen_image(uchar4* out, const uchar4* in, int w, int h) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= w || y >= h) return;
  int r = 0, g = 0, b = 0;
  for (int dy = -1; dy <= 1; ++dy) {
    for (int dx = -1; dx <= 1; ++dx) {
      const int sx = min(max(x + dx, 0), w - 1), sy = min(max(y + dy, 0), h - 1);
      const uchar4 p = in[sy * w + sx];
      const int k = sharpen[dy + 1][dx + 1];
      r += k * p.x;
      g += k * p.y;
      b += k * p.z;
    }
  }
  uchar4 q;
  q.x = static_cast<u8>(min(max(r, 0), 255));
  q.y = static_cast<u8>(min(max(g, 0), 255));
  q.z = static_cast<u8>(min(max(b, 0), 255));
  q.w = in[y * w + x].w;
  out[y * w + x] = q;
}
extern "C" __global__ void sobel(u8* out, const u8* in, int w, int h) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x == 0 || y == 0 || x >= w - 1 || y >= h - 1) return;
  const u8* p = in + y * w + x;
  const int gx = p[-w + 1] + 2 * p[1] + p[w + 1] - p[-w - 1] - 2 * p[-1] - p[w - 1];
  const int gy = p[w - 1] + 2 * p[w] + p[w + 1] - p[-w - 1] - 2 * p[-w] - p[-w + 1];
  out[y * w + x] = static_cast<u8>(min(abs(gx) + abs(gy), 255));
}
extern "C" __global__ void median_3x3(u8* out, const u8* in, int w, int h) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x == 0 || y == 0 || x >= w - 1 || y >= h - 1) return;
  u8 v[9];
  for (int i = 0; i < 9; ++i) v[i] = in[(y + i / 3 - 1) * w + x + i % 3 - 1];
  for (int i = 0; i <= 4; ++i) {
    int least = i;
    for (int j = i + 1; j < 9; ++j) {
      if (v[j] < v[least]) least = j;
    }
    const u8 t = v[i];
    v[i] = v[least];
    v[least] = t;
  }
  out[y * w + x] = v[4];
}
extern "C" __global__ void life(u8* out, const u8* in, int w, int h) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= w || y >= h) return;
  int n = 0;
  for (int dy = -1; dy <= 1; ++dy) {
    for (int dx = -1; dx <= 1; ++dx) n += in[(y + dy + h) % h * w + (x + dx + w) % w];
  }
  const u8 alive = in[y * w + x];
  n -= alive;
  out[y * w + x] = n == 3 || (alive && n == 2);
}
// Temperature of a chip, with power and three resistances.
extern "C" __global__ void hotspot(float* out, const float* in, const float* power, int n, float step,
                                   float rx, float ry, float rz) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= n || y >= n) return;
  const float c = in[y * n + x];
  const float north = in[max(y - 1, 0) * n + x], south = in[min(y + 1, n - 1) * n + x];
  const float west = in[y * n + max(x - 1, 0)], east = in[y * n + min(x + 1, n - 1)];
  float d = power[y * n + x];
  d = fmaf(fmaf(-2.0f, c, __fadd_rn(south, north)), ry, d);
  d = fmaf(fmaf(-2.0f, c, __fadd_rn(east, west)), rx, d);
  d = fmaf(__fsub_rn(80.0f, c), rz, d);
  out[y * n + x] = fmaf(step, d, c);
}
// Speckle-reducing diffusion: divisions, and exp for the images it starts from.
extern "C" __global__ void srad_prepare(float* image, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) image[i] = expf(image[i] / 255.0f);
}
extern "C" __global__ void srad_coefficient(float* c, const float* image, int w, int h, float q0) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= w || y >= h) return;
  const float j = image[y * w + x];
  const float dn = image[max(y - 1, 0) * w + x] - j, ds = image[min(y + 1, h - 1) * w + x] - j;
  const float dw = image[y * w + max(x - 1, 0)] - j, de = image[y * w + min(x + 1, w - 1)] - j;
  const float g2 = fmaf(de, de, fmaf(dw, dw, fmaf(ds, ds, __fmul_rn(dn, dn)))) / __fmul_rn(j, j);
  const float l = __fadd_rn(__fadd_rn(dn, ds), __fadd_rn(dw, de)) / j;
  const float num = fmaf(0.5f, g2, -__fmul_rn(0.0625f, __fmul_rn(l, l)));
  const float den = fmaf(0.25f, l, 1.0f);
  const float q = num / __fmul_rn(den, den);
  const float v = 1.0f / (1.0f + (q - q0) / __fmul_rn(q0, 1.0f + q0));
  c[y * w + x] = v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v;
}
// Least path down a grid, several rows a launch, halo in shared memory.
extern "C" __global__ void pathfinder(int* out, const int* wall, const int* in, int cols, int row, int rows) {
  __shared__ int previous[256], result[256];
  const int x = static_cast<int>(blockIdx.x * (256 - 2 * rows) + threadIdx.x) - rows;
  const bool valid = x >= 0 && x < cols;
  if (valid) previous[threadIdx.x] = in[x];
  __syncthreads();
  bool computed = false;
  for (int i = 0; i < rows; ++i) {
    computed = false;
    if (threadIdx.x >= i + 1 && threadIdx.x <= 254 - i && valid) {
      computed = true;
      const int left = x > 0 ? previous[threadIdx.x - 1] : 0x7fffffff;
      const int right = x + 1 < cols ? previous[threadIdx.x + 1] : 0x7fffffff;
      result[threadIdx.x] = min(min(left, previous[threadIdx.x]), right) + wall[(row + i) * cols + x];
    }
    __syncthreads();
    if (i == rows - 1) break;
    if (computed) previous[threadIdx.x] = result[threadIdx.x];
    __syncthreads();
  }
  if (computed) out[x] = result[threadIdx.x];
}
// Julia set, colour by squared modulus; doubles.
extern "C" __global__ void julia(unsigned short* out, int w, int h, double cx, double cy, int most) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= w || y >= h) return;
  double re = fma(3.0 / w, static_cast<double>(x), -1.5), im = fma(2.0 / h, static_cast<double>(y), -1.0);
  int k = 0;
  while (k < most && fma(re, re, __dmul_rn(im, im)) < 4.0) {
    const double t = __dadd_rn(fma(re, re, -__dmul_rn(im, im)), cx);
    im = fma(__dmul_rn(2.0, re), im, cy);
    re = t;
    ++k;
  }
  out[y * w + x] = static_cast<unsigned short>(k);
}
