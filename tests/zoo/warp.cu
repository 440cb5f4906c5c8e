// Between the lanes of a warp.
using u32 = unsigned int;
using u64 = unsigned long long;

extern "C" __global__ void shuffles(u64* out, const u64* in) {
  const u32 t = threadIdx.x, lane = t % 32;
  const u64 x = in[t];
  u64* o = out + 16 * t;
  const int i = static_cast<int>(x);
  o[0] = static_cast<u32>(__shfl_sync(~0u, i, 5));
  o[1] = static_cast<u32>(__shfl_sync(~0u, i, lane * 7, 8));
  o[2] = static_cast<u32>(__shfl_up_sync(~0u, i, 3));
  o[3] = static_cast<u32>(__shfl_up_sync(~0u, i, 2, 16));
  o[4] = static_cast<u32>(__shfl_down_sync(~0u, i, 9));
  o[5] = static_cast<u32>(__shfl_down_sync(~0u, i, 1, 4));
  o[6] = static_cast<u32>(__shfl_xor_sync(~0u, i, 31));
  o[7] = static_cast<u32>(__shfl_xor_sync(~0u, i, 5, 8));
  o[8] = __shfl_sync(~0u, x, lane ^ 1);
  o[9] = static_cast<u64>(__shfl_down_sync(~0u, static_cast<long long>(x), 4));
  o[10] = static_cast<u64>(__double_as_longlong(__shfl_xor_sync(~0u, __longlong_as_double(static_cast<long long>(x)), 2)));
  o[11] = __float_as_uint(__shfl_up_sync(~0u, __uint_as_float(static_cast<u32>(x)), 1));
  o[12] = __shfl_sync(~0u, static_cast<u32>(x), static_cast<int>(x & 63));
  o[13] = static_cast<u64>(static_cast<long>(__shfl_xor_sync(~0u, static_cast<long>(x), 16)));
  if (lane % 2 == 0) {
    o[14] = static_cast<u32>(__shfl_down_sync(0x55555555u, i, 2));
    o[15] = __ballot_sync(0x55555555u, x & 4);
  } else {
    o[14] = static_cast<u32>(__shfl_xor_sync(0xaaaaaaaau, i, 4));
    o[15] = __ballot_sync(0xaaaaaaaau, x & 8);
  }
}
extern "C" __global__ void warp_votes(u32* out, const u32* in, int n) {
  const u32 t = blockIdx.x * blockDim.x + threadIdx.x;
  const u32 v = t < n ? in[t] : 0;
  u32* o = out + 8 * t;
  o[0] = __ballot_sync(~0u, v & 1);
  o[1] = __all_sync(~0u, v < 1000) | __any_sync(~0u, v > 900) << 1 | __uni_sync(~0u, v >> 9) << 2;
  o[2] = __match_any_sync(~0u, v & 7);
  int all = 0;
  o[3] = __match_all_sync(~0u, v >> 10, &all);
  o[4] = static_cast<u32>(all);
  o[5] = __match_any_sync(~0u, static_cast<u64>(v % 5) << 33);
  u32 lt, ge, laneid;
  asm volatile("mov.u32 %0, %%lanemask_lt;" : "=r"(lt));
  asm volatile("mov.u32 %0, %%lanemask_ge;" : "=r"(ge));
  asm volatile("mov.u32 %0, %%laneid;" : "=r"(laneid));
  o[6] = lt ^ ge;
  o[7] = laneid + warpSize;
}
// A warp that splits: queues by ballot, sleeps, syncs of parts.
extern "C" __global__ void divergent(u32* out, const u32* in) {
  __shared__ u32 queue[64];
  __shared__ u32 length;
  const u32 t = threadIdx.x, lane = t % 32;
  if (t == 0) length = 0;
  __syncthreads();
  u32 v = in[t], rounds = 0;
  while (__any_sync(~0u, v > 3)) {
    if (v > 3) {
      v = v & 1 ? v - 3 : v / 2;
      if (v > 100) __nanosleep(10);
    }
    ++rounds;
  }
  const bool mine = v == 2;
  const u32 who = __ballot_sync(~0u, mine);
  u32 base = 0;
  if (lane == 0 && who != 0) base = atomicAdd(&length, __popc(who));
  base = __shfl_sync(~0u, base, 0);
  if (mine) queue[base + __popc(who & ((1u << lane) - 1))] = t;
  __syncthreads();
  if (lane < 8) {
    queue[32 + lane] += v;
    __syncwarp(0xff);
    rounds += queue[32 + (lane ^ 1)] > 1000;
  }
  __syncthreads();
  out[t] = rounds * 1000 + v * 100 + length;
}
#if __CUDA_ARCH__ >= 800
extern "C" __global__ void warp_reductions(u32* out, const u32* in) {
  const u32 t = threadIdx.x, v = in[t];
  u32* o = out + 8 * t;
  o[0] = __reduce_add_sync(~0u, v);
  o[1] = __reduce_min_sync(~0u, v);
  o[2] = __reduce_max_sync(~0u, v);
  o[3] = static_cast<u32>(__reduce_min_sync(~0u, static_cast<int>(v)));
  o[4] = static_cast<u32>(__reduce_max_sync(~0u, static_cast<int>(v)));
  o[5] = __reduce_and_sync(~0u, v);
  o[6] = __reduce_or_sync(~0u, v & 0xf0f);
  o[7] = t % 32 < 10 ? __reduce_xor_sync(0x3ffu, v) : 0;
}
#endif
