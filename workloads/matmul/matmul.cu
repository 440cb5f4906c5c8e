// C = A · B in tiles through shared memory. Each sum runs over k in order.

constexpr int kTile = 16;

// A is m × k, B is k × n, C is m × n, row by row; one thread per element of C.
extern "C" __global__ void matmul(const float* a, const float* b, float* c, unsigned m, unsigned n,
                                  unsigned k) {
  __shared__ float ta[kTile][kTile];
  __shared__ float tb[kTile][kTile];
  const unsigned row = blockIdx.y * kTile + threadIdx.y;
  const unsigned column = blockIdx.x * kTile + threadIdx.x;
  float sum = 0.0f;
  for (unsigned base = 0; base < k; base += kTile) {
    const unsigned ka = base + threadIdx.x;
    const unsigned kb = base + threadIdx.y;
    ta[threadIdx.y][threadIdx.x] = row < m && ka < k ? a[row * k + ka] : 0.0f;
    tb[threadIdx.y][threadIdx.x] = kb < k && column < n ? b[kb * n + column] : 0.0f;
    __syncthreads();
#pragma unroll
    for (int i = 0; i < kTile; ++i) sum = __fmaf_rn(ta[threadIdx.y][i], tb[i][threadIdx.x], sum);
    __syncthreads();
  }
  if (row < m && column < n) c[row * n + column] = sum;
}
