// Counts the 256 values of a byte array: atomics in shared memory, then in global memory. Integer
// sums do not depend on the order, but blocks do write the same words: class exact-ordered.

extern "C" __global__ void histogram(const unsigned char* data, unsigned count, unsigned* bins) {
  __shared__ unsigned local[256];
  local[threadIdx.x] = 0;
  __syncthreads();
  const unsigned stride = gridDim.x * blockDim.x;
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += stride) {
    atomicAdd(&local[data[i]], 1u);
  }
  __syncthreads();
  atomicAdd(&bins[threadIdx.x], local[threadIdx.x]);
}
