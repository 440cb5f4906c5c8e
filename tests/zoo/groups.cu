// Cooperative groups.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
namespace cg = cooperative_groups;
using u32 = unsigned int;

extern "C" __global__ void group_ranks(u32* out) {
  const cg::thread_block block = cg::this_thread_block();
  const auto warp = cg::tiled_partition<32>(block);
  const auto eight = cg::tiled_partition<8>(warp);
  const auto two = cg::tiled_partition<2>(eight);
  u32* o = out + 8 * (blockIdx.x * block.size() + block.thread_rank());
  o[0] = block.thread_rank();
  o[1] = warp.meta_group_rank() * 100 + warp.thread_rank();
  o[2] = eight.meta_group_rank() * 100 + eight.thread_rank();
  o[3] = two.shfl_xor(block.thread_rank(), 1);
  o[4] = block.group_index().x + 10 * block.thread_index().y;
  o[5] = eight.shfl_down(block.thread_rank(), 3);
  o[6] = eight.ballot(block.thread_rank() % 3 == 0);
  o[7] = static_cast<u32>(eight.any(block.thread_rank() == 5)) + 2 * static_cast<u32>(eight.all(block.thread_rank() > 7));
}
template <typename G>
__device__ int Sum(const G& group, int* shared, int v) {
  const int lane = group.thread_rank();
  for (int i = group.size() / 2; i > 0; i /= 2) {
    shared[lane] = v;
    group.sync();
    if (lane < i) v += shared[lane + i];
    group.sync();
  }
  return v;
}
extern "C" __global__ void group_sums(int* out, const int* in) {
  extern __shared__ int shared[];
  const auto block = cg::this_thread_block();
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const int whole = Sum(block, shared, in[i]);
  if (block.thread_rank() == 0) out[blockIdx.x] = whole;
  block.sync();
  const auto tile = cg::tiled_partition<16>(block);
  const int part = Sum(tile, shared + block.thread_rank() - tile.thread_rank(), in[i]);
  if (tile.thread_rank() == 0) out[gridDim.x + i / 16] = part;
}
extern "C" __global__ void group_reduce(int* out, const int* in) {
  const auto block = cg::this_thread_block();
  const auto tile = cg::tiled_partition<32>(block);
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  int* o = out + 6 * i;
  o[0] = cg::reduce(tile, in[i], cg::plus<int>());
  o[1] = cg::reduce(tile, in[i], cg::greater<int>());
  const auto four = cg::tiled_partition<4>(tile);
  o[2] = cg::reduce(four, in[i], cg::bit_xor<int>());
  o[3] = cg::inclusive_scan(tile, in[i]);
  o[4] = cg::exclusive_scan(four, in[i], cg::plus<int>());
  o[5] = cg::reduce(four, in[i], [](int a, int b) { return a * 3 + b * 3; });
}
extern "C" __global__ void group_coalesced(u32* count, u32* out, const int* in) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = 0;
  if (in[i] % 3 == 0) {
    const cg::coalesced_group active = cg::coalesced_threads();
    u32 base = 0;
    if (active.thread_rank() == 0) base = atomicAdd(count, active.size());
    base = active.shfl(base, 0);
    out[i] = 1 + base + active.thread_rank();
  }
}
extern "C" __global__ void group_labels(u32* out, const int* in) {
  const auto tile = cg::tiled_partition<32>(cg::this_thread_block());
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  const auto same = cg::labeled_partition(tile, in[i] & 3);
  const auto halves = cg::binary_partition(tile, in[i] > 500);
  u32* o = out + 3 * i;
  o[0] = same.size() * 100 + same.thread_rank();
  o[1] = halves.size() * 100 + halves.thread_rank();
  o[2] = cg::reduce(same, in[i], cg::plus<int>());
}
// Tiles of several warps meet in memory: the block's own, or what the driver reserves.
template <unsigned kSize, typename B>
__device__ void LargeTiles(int* o, const B& block, int v) {
  const auto tile = cg::tiled_partition<kSize>(block);
  o[0] = tile.meta_group_rank() * 1000 + tile.thread_rank();
  o[1] = cg::reduce(tile, v, cg::plus<int>());
  o[2] = cg::reduce(tile, v, cg::less<int>());
  tile.sync();
  o[3] = tile.shfl(v, 37);
  o[4] = tile.any(v > 990) + 2 * tile.all(v >= 0);
}
extern "C" __global__ void group_large(int* out, const int* in) {
  __shared__ cg::block_tile_memory<256> memory;
  const auto block = cg::this_thread_block(memory);
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  LargeTiles<64>(out + 10 * i, block, in[i]);
  LargeTiles<128>(out + 10 * i + 5, block, in[i]);
}
#if __CUDA_ARCH__ >= 800
extern "C" __global__ void group_reserved(int* out, const int* in) {
  const auto block = cg::this_thread_block();
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  LargeTiles<64>(out + 10 * i, block, in[i]);
  LargeTiles<128>(out + 10 * i + 5, block, in[i]);
}
#endif
