// Shuffles, votes, matches, cooperative groups.
#include <cooperative_groups.h>
namespace cg = cooperative_groups;

extern "C" __global__ void warps(int* x, float* f) {
  int v = x[threadIdx.x];
  for (int d = 16; d > 0; d >>= 1) v += __shfl_down_sync(~0u, v, d);
  v += __shfl_xor_sync(~0u, v, 1) + __shfl_sync(~0u, v, 3, 8) + __shfl_up_sync(~0u, v, 2);
  v += __ballot_sync(~0u, v > 3) + __any_sync(~0u, v) + __all_sync(~0u, v) + __activemask();
  v += __match_any_sync(~0u, v);
  int all = 0;
  v += __match_all_sync(~0u, v, &all) + all;
  __syncwarp();
  v += __syncthreads_count(v) + __syncthreads_or(v) + __syncthreads_and(v);
  f[threadIdx.x] = __shfl_xor_sync(~0u, f[threadIdx.x], 4) + v;
#if __CUDA_ARCH__ >= 800
  v += __reduce_add_sync(~0u, v) + __reduce_or_sync(~0u, v);
#endif
  x[threadIdx.x] = v + clock() + clock64();
}

extern "C" __global__ void groups(int* x) {
  auto grid = cg::this_grid();
  auto block = cg::this_thread_block();
  auto tile = cg::tiled_partition<16>(block);
  x[grid.thread_rank()] = tile.shfl_down(x[block.thread_rank()], 2) + tile.any(x[0]);
  grid.sync();
  x[0] += x[1];
}
