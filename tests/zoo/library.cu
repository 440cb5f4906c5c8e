// What comes with the toolkit: CUB's blocks, complex numbers, 8-bit floats.
#include <cub/block/block_load.cuh>
#include <cub/block/block_radix_sort.cuh>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_scan.cuh>
#include <cub/warp/warp_reduce.cuh>
#include <cuComplex.h>
#include <cuda_fp8.h>
#include <cuda/std/complex>

extern "C" __global__ void cub_blocks(int* sums, int* prefix, const int* in) {
  using Reduce = cub::BlockReduce<int, 128>;
  using Scan = cub::BlockScan<int, 128>;
  __shared__ union {
    typename Reduce::TempStorage reduce;
    typename Scan::TempStorage scan;
  } memory;
  const int i = blockIdx.x * 128 + threadIdx.x;
  const int sum = Reduce(memory.reduce).Sum(in[i]);
  __syncthreads();
  int before = 0, total = 0;
  Scan(memory.scan).ExclusiveSum(in[i], before, total);
  prefix[i] = before;
  if (threadIdx.x == 0) sums[blockIdx.x] = sum - total + sum;
}
extern "C" __global__ void cub_sort(unsigned* data) {
  using Load = cub::BlockLoad<unsigned, 64, 4, cub::BLOCK_LOAD_TRANSPOSE>;
  using Sort = cub::BlockRadixSort<unsigned, 64, 4>;
  __shared__ union {
    typename Load::TempStorage load;
    typename Sort::TempStorage sort;
  } memory;
  unsigned keys[4];
  Load(memory.load).Load(data + blockIdx.x * 256, keys);
  __syncthreads();
  Sort(memory.sort).Sort(keys);
  for (int k = 0; k < 4; ++k) data[blockIdx.x * 256 + threadIdx.x * 4 + k] = keys[k];
}
extern "C" __global__ void cub_warps(float* out, const float* in) {
  using Reduce = cub::WarpReduce<float>;
  __shared__ typename Reduce::TempStorage memory[4];
  const int warp = threadIdx.x / 32;
  const float most = Reduce(memory[warp]).Reduce(in[threadIdx.x], [](float a, float b) { return a > b ? a : b; });
  if (threadIdx.x % 32 == 0) out[warp] = most;
}
extern "C" __global__ void complex_numbers(double2* out, const double2* in) {
  const int i = threadIdx.x;
  const cuDoubleComplex a = in[i], b = in[(i + 1) % 32];
  out[4 * i] = cuCadd(a, b);
  out[4 * i + 1] = cuCmul(a, b);
  out[4 * i + 2] = cuCdiv(a, b);
  const cuda::std::complex<double> z(a.x, a.y), w(b.x, b.y);
  const cuda::std::complex<double> p = z * w + cuda::std::conj(z) - w * 2.0;
  out[4 * i + 3] = make_double2(p.real(), p.imag());
}
extern "C" __global__ void floats_of_8_bits(unsigned* out, const float* in, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const __nv_fp8_e4m3 a(in[i]);
  const __nv_fp8_e5m2 b(in[i]);
  out[4 * i] = a.__x;
  out[4 * i + 1] = b.__x;
  out[4 * i + 2] = __float_as_uint(static_cast<float>(a));
  out[4 * i + 3] = __float_as_uint(static_cast<float>(b));
}
