// libcu++: atomics, barriers, pipelines, asynchronous copies.
#include <cuda/atomic>
#include <cuda/barrier>
#include <cuda/pipeline>
#include <cuda/std/array>
#include <cuda/std/limits>
#include <cuda/std/tuple>
#include <cooperative_groups.h>
#include <cooperative_groups/memcpy_async.h>
#include <cuda_pipeline.h>
namespace cg = cooperative_groups;
using u32 = unsigned int;

extern "C" __global__ void cxx_atomics(int* x, u32* out) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  cuda::atomic_ref<int, cuda::thread_scope_device> a(x[0]), m(x[1]);
  a.fetch_add(i, cuda::memory_order_relaxed);
  m.fetch_max(i * 7 % 101);
  cuda::atomic_ref<int> c(x[2]);
  int seen = c.load(cuda::memory_order_acquire);
  while (!c.compare_exchange_weak(seen, seen + 2, cuda::memory_order_acq_rel)) {
  }
  __shared__ cuda::atomic<u32, cuda::thread_scope_block> local;
  if (threadIdx.x == 0) local.store(0);
  __syncthreads();
  local++;
  local |= 0x1000;
  __syncthreads();
  out[i] = local.load();
  cuda::atomic_thread_fence(cuda::memory_order_seq_cst, cuda::thread_scope_device);
}
extern "C" __global__ void cxx_barrier(int* out, const int* in) {
  __shared__ cuda::barrier<cuda::thread_scope_block> bar;
  __shared__ int x[128];
  const auto block = cg::this_thread_block();
  if (block.thread_rank() == 0) init(&bar, block.size());
  block.sync();
  int v = in[blockIdx.x * 128 + threadIdx.x];
  for (int k = 0; k < 4; ++k) {
    x[threadIdx.x] = v;
    auto token = bar.arrive();
    v = v * 3 + k;
    bar.wait(std::move(token));
    v += x[(threadIdx.x + 1) % 128];
    bar.arrive_and_wait();
  }
  out[blockIdx.x * 128 + threadIdx.x] = v;
}
extern "C" __global__ void cxx_copies(int* out, const int* in, int tiles) {
  __shared__ __align__(16) int x[2][256];
  __shared__ cuda::barrier<cuda::thread_scope_block> bar;
  const auto block = cg::this_thread_block();
  if (block.thread_rank() == 0) init(&bar, block.size());
  block.sync();
  int sum = 0;
  for (int t = 0; t < tiles; ++t) {
    cuda::memcpy_async(block, x[0], in + t * 256, cuda::aligned_size_t<16>(sizeof(int) * 256), bar);
    bar.arrive_and_wait();
    sum += x[0][threadIdx.x] + x[0][255 - threadIdx.x];
    block.sync();
    cg::memcpy_async(block, x[1], in + t * 256, sizeof(int) * 256);
    cg::wait(block);
    sum ^= x[1][(threadIdx.x * 3) % 256];
    block.sync();
  }
  out[threadIdx.x] = sum;
}
extern "C" __global__ void cxx_pipeline(int* out, const int* in, int tiles) {
  constexpr int kStages = 2;
  __shared__ __align__(16) int x[kStages][128];
  __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, kStages> state;
  const auto block = cg::this_thread_block();
  auto pipe = cuda::make_pipeline(block, &state);
  int sum = 0;
  for (int compute = 0, fetch = 0; compute < tiles; ++compute) {
    for (; fetch < tiles && fetch < compute + kStages; ++fetch) {
      pipe.producer_acquire();
      cuda::memcpy_async(block, x[fetch % kStages], in + fetch * 128, cuda::aligned_size_t<16>(512), pipe);
      pipe.producer_commit();
    }
    pipe.consumer_wait();
    sum = sum * 3 + x[compute % kStages][(threadIdx.x + compute) % 128];
    pipe.consumer_release();
  }
  out[threadIdx.x] = sum;
}
extern "C" __global__ void raw_pipeline(float* out, const float4* in) {
  __shared__ float4 x[64];
  __pipeline_memcpy_async(&x[threadIdx.x], &in[threadIdx.x], sizeof(float4));
  __pipeline_commit();
  __pipeline_memcpy_async(&x[32 + threadIdx.x], &in[32 + threadIdx.x], sizeof(float4), threadIdx.x < 16 ? 0 : 8);
  __pipeline_commit();
  __pipeline_wait_prior(1);
  const float first = x[threadIdx.x].x + x[threadIdx.x].w;
  __pipeline_wait_prior(0);
  __syncthreads();
  const float4 v = x[32 + (threadIdx.x ^ 1)];
  out[threadIdx.x] = first + v.x + v.y + v.z;
}
extern "C" __global__ void cxx_types(double* out) {
  cuda::std::array<double, 4> a = {1, 2, 3, static_cast<double>(threadIdx.x)};
  const cuda::std::tuple<int, double> t(threadIdx.x, 0.5);
  double sum = cuda::std::get<0>(t) * cuda::std::get<1>(t);
  for (const double v : a) sum += v;
  out[threadIdx.x] = sum + cuda::std::numeric_limits<short>::max();
}
