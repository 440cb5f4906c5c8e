// mbarrier objects and asynchronous copies, by the toolkit's own wrappers. barriers.ptx is made of it:
// nvcc -std=c++17 -ptx -arch=compute_80.
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
#include <cuda/barrier>
#include <cuda/pipeline>

// A ring of tiles: half of the block fills what the other half sums up.
extern "C" __global__ void producer_consumer(const unsigned* in, unsigned* out, unsigned tiles) {
  using Barrier = cuda::barrier<cuda::thread_scope_block>;
  __shared__ unsigned tile[2][64];
  __shared__ Barrier full[2], empty[2];
  if (threadIdx.x == 0) {
    for (int i = 0; i < 2; ++i) {
      init(&full[i], blockDim.x);
      init(&empty[i], blockDim.x);
    }
  }
  __syncthreads();
  const unsigned half = blockDim.x / 2;
  if (threadIdx.x < half) {
    for (unsigned t = 0; t < tiles; ++t) {
      if (t >= 2) empty[t % 2].arrive_and_wait();
      tile[t % 2][threadIdx.x] = in[t * half + threadIdx.x] * 3;
      (void)full[t % 2].arrive();
    }
  } else {
    unsigned sum = 0;
    for (unsigned t = 0; t < tiles; ++t) {
      full[t % 2].arrive_and_wait();
      sum += tile[t % 2][threadIdx.x - half];
      if (t + 2 < tiles) (void)empty[t % 2].arrive();
    }
    out[threadIdx.x - half] = sum;
  }
}

extern "C" __global__ void pipelined(const unsigned* in, unsigned* out, unsigned n) {
  __shared__ unsigned buffer[2][64];
  auto block = cooperative_groups::this_thread_block();
  __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, 2> state;
  auto pipe = cuda::make_pipeline(block, &state);
  unsigned sum = 0;
  for (unsigned fetched = 0, used = 0; used < n; ++used) {
    for (; fetched < n && fetched < used + 2; ++fetched) {
      pipe.producer_acquire();
      cuda::memcpy_async(block, buffer[fetched % 2], in + fetched * 64, sizeof(unsigned) * 64, pipe);
      pipe.producer_commit();
    }
    pipe.consumer_wait();
    sum = sum * 5 + buffer[used % 2][(threadIdx.x + 1) % 64];
    pipe.consumer_release();
  }
  out[threadIdx.x] = sum;
}
