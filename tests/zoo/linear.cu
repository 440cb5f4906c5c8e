// Dense and sparse linear algebra.
#include <cuda_fp16.h>
using u32 = unsigned int;

template <typename T, int kTile>
__device__ void TiledProduct(T* c, const T* a, const T* b, int m, int n, int k) {
  __shared__ T as[kTile][kTile];
  __shared__ T bs[kTile][kTile + 1];
  const int x = threadIdx.x, y = threadIdx.y;
  const int row = blockIdx.y * kTile + y, col = blockIdx.x * kTile + x;
  T sum = 0;
  for (int t = 0; t < k; t += kTile) {
    as[y][x] = row < m && t + x < k ? a[row * k + t + x] : T(0);
    bs[y][x] = col < n && t + y < k ? b[(t + y) * n + col] : T(0);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kTile; ++i) sum = fma(as[y][i], bs[i][x], sum);
    __syncthreads();
  }
  if (row < m && col < n) c[row * n + col] = sum;
}
extern "C" __global__ void product_f32(float* c, const float* a, const float* b, int m, int n, int k) {
  TiledProduct<float, 16>(c, a, b, m, n, k);
}
extern "C" __global__ void product_f64(double* c, const double* a, const double* b, int m, int n, int k) {
  TiledProduct<double, 8>(c, a, b, m, n, k);
}
// 4 × 4 results a thread, read as vectors.
extern "C" __global__ void product_blocked(float* c, const float4* a, const float4* b, int n) {
  const int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  float sum[4][4] = {};
  for (int k = 0; k < n; k += 4) {
    float4 rows[4], cols[4];
    for (int i = 0; i < 4; ++i) rows[i] = a[((4 * y + i) * n + k) / 4];
    for (int i = 0; i < 4; ++i) cols[i] = b[((k + i) * n) / 4 + x];
    for (int i = 0; i < 4; ++i) {
      const float r[4] = {rows[i].x, rows[i].y, rows[i].z, rows[i].w};
      for (int j = 0; j < 4; ++j) {
        sum[i][0] = fmaf(r[j], cols[j].x, sum[i][0]);
        sum[i][1] = fmaf(r[j], cols[j].y, sum[i][1]);
        sum[i][2] = fmaf(r[j], cols[j].z, sum[i][2]);
        sum[i][3] = fmaf(r[j], cols[j].w, sum[i][3]);
      }
    }
  }
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) c[(4 * y + i) * n + 4 * x + j] = sum[i][j];
  }
}
extern "C" __global__ void product_int8(int* c, const int* a, const int* bt, int n, int words) {
  const int row = blockIdx.y * blockDim.y + threadIdx.y, col = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= n || col >= n) return;
  int sum = 0;
  for (int k = 0; k < words; ++k) sum = __dp4a(a[row * words + k], bt[col * words + k], sum);
  c[row * n + col] = sum;
}
extern "C" __global__ void product_half(__half* c, const __half2* a, const __half2* bt, int n, int pairs) {
  const int row = blockIdx.y * blockDim.y + threadIdx.y, col = blockIdx.x * blockDim.x + threadIdx.x;
  __half2 sum = __float2half2_rn(0.0f);
  for (int k = 0; k < pairs; ++k) sum = __hfma2(a[row * pairs + k], bt[col * pairs + k], sum);
  c[row * n + col] = __hadd(__low2half(sum), __high2half(sum));
}
extern "C" __global__ void transpose(float* out, const float* in, int width, int height) {
  __shared__ float tile[32][33];
  int x = blockIdx.x * 32 + threadIdx.x;
  int y = blockIdx.y * 32 + threadIdx.y;
  for (int j = 0; j < 32; j += 8) {
    if (x < width && y + j < height) tile[threadIdx.y + j][threadIdx.x] = in[(y + j) * width + x];
  }
  __syncthreads();
  x = blockIdx.y * 32 + threadIdx.x;
  y = blockIdx.x * 32 + threadIdx.y;
  for (int j = 0; j < 32; j += 8) {
    if (x < height && y + j < width) out[(y + j) * height + x] = tile[threadIdx.x][threadIdx.y + j];
  }
}
// A block factors one matrix of 32 × 32, in place.
extern "C" __global__ void lu(double* matrices) {
  __shared__ double a[32][33];
  double* m = matrices + blockIdx.x * 1024;
  const int x = threadIdx.x, y = threadIdx.y;
  a[y][x] = m[y * 32 + x];
  __syncthreads();
  for (int k = 0; k < 31; ++k) {
    if (x == k && y > k) a[y][k] = a[y][k] / a[k][k];
    __syncthreads();
    if (x > k && y > k) a[y][x] = fma(-a[y][k], a[k][x], a[y][x]);
    __syncthreads();
  }
  m[y * 32 + x] = a[y][x];
}
extern "C" __global__ void cholesky(float* matrices, int n) {
  extern __shared__ float s[];
  float* m = matrices + blockIdx.x * n * n;
  for (int i = threadIdx.x; i < n * n; i += blockDim.x) s[i] = m[i];
  __syncthreads();
  for (int k = 0; k < n; ++k) {
    if (threadIdx.x == 0) s[k * n + k] = sqrtf(s[k * n + k]);
    __syncthreads();
    for (int i = k + 1 + threadIdx.x; i < n; i += blockDim.x) s[i * n + k] = s[i * n + k] / s[k * n + k];
    __syncthreads();
    for (int j = k + 1; j < n; ++j) {
      for (int i = j + threadIdx.x; i < n; i += blockDim.x) {
        s[i * n + j] = fmaf(-s[i * n + k], s[j * n + k], s[i * n + j]);
      }
    }
    __syncthreads();
  }
  for (int i = threadIdx.x; i < n * n; i += blockDim.x) m[i] = i % n > i / n ? 0.0f : s[i];
}
// Givens rotations, one thread a column.
extern "C" __global__ void qr_givens(double* a, int n) {
  const int col = threadIdx.x;
  for (int j = 0; j < n; ++j) {
    for (int i = n - 1; i > j; --i) {
      const double p = a[(i - 1) * n + j], q = a[i * n + j];
      const double r = sqrt(fma(p, p, __dmul_rn(q, q)));
      const double c = r == 0 ? 1 : p / r, s = r == 0 ? 0 : q / r;
      __syncthreads();
      if (col >= j && col < n) {
        const double u = a[(i - 1) * n + col], v = a[i * n + col];
        a[(i - 1) * n + col] = fma(c, u, __dmul_rn(s, v));
        a[i * n + col] = fma(c, v, -__dmul_rn(s, u));
      }
      __syncthreads();
    }
  }
}
extern "C" __global__ void jacobi(float* out, const float* a, const float* b, const float* x, int n) {
  const int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= n) return;
  float sum = b[row];
  for (int j = 0; j < n; ++j) {
    if (j != row) sum = fmaf(-a[row * n + j], x[j], sum);
  }
  out[row] = sum / a[row * n + row];
}
// Conjugate gradients on one block: sparse rows, shared reductions.
__device__ double BlockDot(double v, double* part) {
  const int t = threadIdx.x;
  __syncthreads();
  part[t] = v;
  for (int s = blockDim.x / 2; s > 0; s /= 2) {
    __syncthreads();
    if (t < s) part[t] += part[t + s];
  }
  __syncthreads();
  return part[0];
}
extern "C" __global__ void conjugate_gradients(double* x, const int* start, const int* column,
                                               const double* value, const double* b, int steps) {
  __shared__ double part[128], p[128];
  const int t = threadIdx.x;
  double xi = 0, r = b[t];
  p[t] = r;
  double rr = BlockDot(r * r, part);
  for (int k = 0; k < steps; ++k) {
    double ap = 0;
    for (int e = start[t]; e < start[t + 1]; ++e) ap = fma(value[e], p[column[e]], ap);
    const double alpha = rr / BlockDot(__dmul_rn(p[t], ap), part);
    xi = fma(alpha, p[t], xi);
    r = fma(-alpha, ap, r);
    const double next = BlockDot(__dmul_rn(r, r), part);
    const double pt = fma(next / rr, p[t], r);
    p[t] = pt;
    rr = next;
    __syncthreads();
  }
  x[t] = xi;
}
extern "C" __global__ void spmv_ell(float* y, const float* value, const int* column, const float* x,
                                    int rows, int width) {
  const int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  float sum = 0;
  for (int k = 0; k < width; ++k) {
    const int c = __ldg(&column[k * rows + row]);
    if (c >= 0) sum = fmaf(__ldg(&value[k * rows + row]), __ldg(&x[c]), sum);
  }
  y[row] = sum;
}
// Small matrices by value.
struct Matrix3 {
  float m[3][3];
};
__device__ __noinline__ Matrix3 Multiply(Matrix3 a, Matrix3 b) {
  Matrix3 c;
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      c.m[i][j] = fmaf(a.m[i][2], b.m[2][j], fmaf(a.m[i][1], b.m[1][j], __fmul_rn(a.m[i][0], b.m[0][j])));
    }
  }
  return c;
}
extern "C" __global__ void matrix_power(Matrix3* out, Matrix3 base, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  Matrix3 r = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  Matrix3 b = base;
  for (int e = i; e != 0; e /= 2) {
    if (e & 1) r = Multiply(r, b);
    b = Multiply(b, b);
  }
  out[i] = r;
}
