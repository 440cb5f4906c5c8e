// Kernels for checking_test.cc: right ones, and beside them what is wrong with their neighbours.
// kernels.ptx is made from this file by:
//   nvcc -ptx -arch=compute_80 -o kernels.ptx kernels.cu
typedef unsigned int u32;

#define KERNEL extern "C" __global__ void

// ---- Between blocks ----

KERNEL vector_add(const float* a, const float* b, float* c, u32 n) {
  const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) c[i] = a[i] + b[i];
}

// Blocks collide where the data says so.
KERNEL scatter(const u32* index, u32* out, u32 n) {
  const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[index[i]] = 7;
}

// Reads what the next block writes.
KERNEL shift_in_place(float* a, u32 n) {
  const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  const float next = i + 1 < n ? a[i + 1] : 0.0f;
  __syncthreads();
  if (i < n) a[i] = next;
}

KERNEL shift(const float* a, float* out, u32 n) {
  const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = i + 1 < n ? a[i + 1] : 0.0f;
}

// Neighbouring threads, and blocks, share words but no bytes.
KERNEL bytes(const unsigned char* in, unsigned char* out, u32 n) {
  const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = in[i] + 1;
}

KERNEL histogram(const unsigned char* in, u32* counts, u32 n) {
  __shared__ u32 local[256];
  for (u32 i = threadIdx.x; i < 256; i += blockDim.x) local[i] = 0;
  __syncthreads();
  const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) atomicAdd(&local[in[i]], 1);
  __syncthreads();
  for (u32 b = threadIdx.x; b < 256; b += blockDim.x) atomicAdd(&counts[b], local[b]);
}

KERNEL mixed_atomics(u32* out) {
  if (blockIdx.x & 1) {
    atomicAdd(&out[threadIdx.x], 3);
  } else {
    atomicMax(&out[threadIdx.x], 3);
  }
}

KERNEL atomic_and_store(u32* out) {
  if (blockIdx.x == 0) {
    out[threadIdx.x] = 1;
  } else {
    atomicAdd(&out[threadIdx.x], 3);
  }
}

KERNEL ticket(u32* counter, u32* out) { out[atomicAdd(counter, 1)] = blockIdx.x; }

KERNEL float_atomics(float* sum) { atomicAdd(sum, 1.0f + threadIdx.x); }

// ---- Within a block ----

template <bool kFirst, bool kSecond>
__device__ void multiply(const float* a, const float* b, float* c, u32 n) {
  __shared__ float x[16][16], y[16][16];
  const u32 row = blockIdx.y * 16 + threadIdx.y;
  const u32 column = blockIdx.x * 16 + threadIdx.x;
  float sum = 0;
  for (u32 t = 0; t < n / 16; ++t) {
    x[threadIdx.y][threadIdx.x] = a[row * n + t * 16 + threadIdx.x];
    y[threadIdx.y][threadIdx.x] = b[(t * 16 + threadIdx.y) * n + column];
    if (kFirst) __syncthreads();
    for (int k = 0; k < 16; ++k) sum += x[threadIdx.y][k] * y[k][threadIdx.x];
    if (kSecond) __syncthreads();
  }
  c[row * n + column] = sum;
}
KERNEL matmul(const float* a, const float* b, float* c, u32 n) { multiply<true, true>(a, b, c, n); }
KERNEL matmul_no_first(const float* a, const float* b, float* c, u32 n) {
  multiply<false, true>(a, b, c, n);
}
KERNEL matmul_no_second(const float* a, const float* b, float* c, u32 n) {
  multiply<true, false>(a, b, c, n);
}

// Radius 2, tile with a halo.
KERNEL stencil(const float* in, float* out, u32 n) {
  extern __shared__ float tile[];
  const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  tile[threadIdx.x + 2] = i < n ? in[i] : 0.0f;
  if (threadIdx.x < 2) {
    tile[threadIdx.x] = i >= 2 ? in[i - 2] : 0.0f;
    const u32 after = i + blockDim.x;
    tile[threadIdx.x + blockDim.x + 2] = after < n ? in[after] : 0.0f;
  }
  __syncthreads();
  float sum = 0;
  for (int k = 0; k < 5; ++k) sum += tile[threadIdx.x + k];
  if (i < n) out[i] = sum;
}

// Two dimensions in device memory alone: rows are read by several warps.
KERNEL stencil2d(const float* in, float* out, u32 width, u32 height) {
  const u32 x = blockIdx.x * blockDim.x + threadIdx.x;
  const u32 y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x == 0 || y == 0 || x + 1 >= width || y + 1 >= height) return;
  const float* p = in + y * width + x;
  out[y * width + x] = 0.25f * (p[-1] + p[1] + p[-(int)width] + p[width]);
}

template <bool kSync>
__device__ void reduce_tree(const u32* in, u32* out) {
  __shared__ u32 sums[256];
  sums[threadIdx.x] = in[blockIdx.x * 256 + threadIdx.x];
  for (u32 s = 128; s > 0; s /= 2) {
    __syncthreads();
    if (threadIdx.x < s) sums[threadIdx.x] += sums[threadIdx.x + s];
  }
  if (kSync) __syncthreads();
  if (threadIdx.x == (kSync ? 33u : 0u)) out[blockIdx.x] = sums[0];
}
KERNEL reduce(const u32* in, u32* out) { reduce_tree<true>(in, out); }
KERNEL reduce_same_thread(const u32* in, u32* out) { reduce_tree<false>(in, out); }

// The last warp goes on without a block's barrier.
template <int kHow>  // 0: none, 1: volatile, 2: __syncwarp, 3: __syncwarp only between the halves
__device__ void reduce_warp(const u32* in, u32* out) {
  __shared__ u32 sums[64];
  sums[threadIdx.x] = in[blockIdx.x * 64 + threadIdx.x];
  __syncthreads();
  if (threadIdx.x >= 32) return;
  volatile u32* const v = sums;
  const u32 lane = threadIdx.x;
  for (u32 s = 32; s > 0; s /= 2) {
    u32 sum = 0;
    if (kHow == 1) {
      v[lane] = v[lane] + v[lane + s];
      continue;
    }
    sum = sums[lane] + sums[lane + s];
    if (kHow >= 2) __syncwarp();
    sums[lane] = sum;
    if (kHow == 2) __syncwarp();
    if (kHow == 0) asm volatile("" ::: "memory");
  }
  if (lane == 0) out[blockIdx.x] = sums[0];
}
KERNEL warp_without_sync(const u32* in, u32* out) { reduce_warp<0>(in, out); }
KERNEL warp_volatile(const u32* in, u32* out) { reduce_warp<1>(in, out); }
KERNEL warp_with_sync(const u32* in, u32* out) { reduce_warp<2>(in, out); }
KERNEL warp_half_sync(const u32* in, u32* out) { reduce_warp<3>(in, out); }

// Two halves of a warp, each with its own mask.
KERNEL halves(const u32* in, u32* out, u32 wrong) {
  __shared__ u32 x[32];
  const u32 lane = threadIdx.x;
  const u32 half = lane < 16 ? 0x0000ffffu : 0xffff0000u;
  x[lane] = in[lane];
  if (lane < 16) {
    __syncwarp(half);
  } else {
    __syncwarp(half);
  }
  out[lane] = x[(lane ^ 1 ^ (wrong ? 16 : 0)) & 31];
}

// All lanes of one store, one word.
KERNEL one_word(u32* out) { out[blockIdx.x] = threadIdx.x; }
KERNEL one_word_by_one(u32* out) {
  if (threadIdx.x == 0) out[blockIdx.x] = 5;
}

// Bytes of one word by different threads, then read as a word.
KERNEL bytes_to_words(const unsigned char* in, u32* out, u32 wrong) {
  __shared__ unsigned char x[256];
  x[threadIdx.x] = in[threadIdx.x];
  if (!wrong) __syncthreads();
  if (threadIdx.x < 64) out[threadIdx.x] = reinterpret_cast<u32*>(x)[threadIdx.x];
}

KERNEL scan(const u32* in, u32* out) {
  __shared__ u32 x[2][128];
  u32 from = 0;
  x[0][threadIdx.x] = in[blockIdx.x * 128 + threadIdx.x];
  __syncthreads();
  for (u32 d = 1; d < 128; d *= 2) {
    u32 sum = x[from][threadIdx.x];
    if (threadIdx.x >= d) sum += x[from][threadIdx.x - d];
    x[1 - from][threadIdx.x] = sum;
    from = 1 - from;
    __syncthreads();
  }
  out[blockIdx.x * 128 + threadIdx.x] = x[from][threadIdx.x];
}

KERNEL bitonic(u32* data) {
  __shared__ u32 x[256];
  x[threadIdx.x] = data[blockIdx.x * 256 + threadIdx.x];
  for (u32 k = 2; k <= 256; k *= 2) {
    for (u32 j = k / 2; j > 0; j /= 2) {
      __syncthreads();
      const u32 other = threadIdx.x ^ j;
      const u32 mine = x[threadIdx.x], theirs = x[other];
      const bool up = (threadIdx.x & k) == 0;
      const bool first = threadIdx.x < other;
      const u32 low = mine < theirs ? mine : theirs, high = mine < theirs ? theirs : mine;
      __syncthreads();
      x[threadIdx.x] = (up == first) ? low : high;
    }
  }
  data[blockIdx.x * 256 + threadIdx.x] = x[threadIdx.x];
}

// Threads beyond n leave; the others go on, with words that all have read.
KERNEL early_return(const u32* in, u32* out, u32 n) {
  __shared__ u32 x[128];
  if (threadIdx.x >= n) return;
  x[threadIdx.x] = in[threadIdx.x];
  u32 sum = 0;
  for (u32 round = 0; round < 3; ++round) {
    __syncthreads();
    for (u32 i = 0; i < n; ++i) sum += x[i];
    __syncthreads();
    x[threadIdx.x] = sum;
  }
  out[threadIdx.x] = sum;
}

// A thread stores and leaves; nothing says that the others' barrier waits for the store.
KERNEL store_and_leave(const u32* in, u32* out) {
  __shared__ u32 x[64];
  x[threadIdx.x] = in[threadIdx.x];
  if (threadIdx.x == 3) return;
  __syncthreads();
  out[threadIdx.x] = x[63 - threadIdx.x];
}

// One warp makes, the other takes (PTX ISA bar, "producer/consumer").
template <int kTake, bool kBack>
__device__ void hand_over(const u32* in, u32* out) {
  __shared__ u32 x[32];
  const u32 lane = threadIdx.x & 31;
  for (u32 i = 0; i < 4; ++i) {
    if (threadIdx.x < 32) {
      if (i != 0 && kBack) asm volatile("bar.sync 2, 64;" ::: "memory");
      x[lane] = in[i * 32 + lane];
      asm volatile("bar.arrive 1, 64;" ::: "memory");
    } else if (threadIdx.x < 64) {
      asm volatile("bar.sync %0, 64;" ::"n"(kTake) : "memory");
      out[i * 32 + lane] = x[31 - lane];
      if (i != 3 && kBack) asm volatile("bar.arrive 2, 64;" ::: "memory");
    }
  }
}
KERNEL producer_consumer(const u32* in, u32* out) { hand_over<1, true>(in, out); }
KERNEL producer_in_haste(const u32* in, u32* out) {
  __shared__ u32 x[32];
  const u32 lane = threadIdx.x & 31;
  if (threadIdx.x < 32) {
    x[lane] = in[lane];
    asm volatile("bar.arrive 1, 64;" ::: "memory");
    x[lane] = in[lane + 32];  // the consumer may still read
  } else {
    asm volatile("bar.sync 1, 64;" ::: "memory");
    out[lane] = x[31 - lane];
  }
}

// Pairs of warps, each pair with a barrier of its own; wrong: reads another pair's words.
KERNEL pairs(const u32* in, u32* out, u32 wrong) {
  __shared__ u32 x[128];
  const u32 pair = threadIdx.x / 64;
  x[threadIdx.x] = in[threadIdx.x];
  asm volatile("bar.sync %0, 64;" ::"r"(pair + 1) : "memory");
  out[threadIdx.x] = x[(wrong ? 127 : 0) ^ threadIdx.x ^ (wrong ? 0 : 63)];
}

// What a pair knows spreads with the next barrier it takes part in.
KERNEL chain(const u32* in, u32* out) {
  __shared__ u32 x[32];
  const u32 warp = threadIdx.x / 32, lane = threadIdx.x & 31;
  if (warp == 0) {
    x[lane] = in[lane];
    asm volatile("bar.sync 1, 64;" ::: "memory");
  } else if (warp == 1) {
    asm volatile("bar.sync 1, 64;" ::: "memory");
    asm volatile("bar.sync 2, 64;" ::: "memory");
  } else {
    asm volatile("bar.sync 2, 64;" ::: "memory");
    out[lane] = x[31 - lane];
  }
}

KERNEL spin(u32* flag, u32* out) {
  volatile u32* const f = flag;
  if (threadIdx.x == 32) {
    out[0] = 5;
    __threadfence();
    *f = 1;
  } else if (threadIdx.x == 0) {
    while (*f == 0) {
    }
    __threadfence();
    out[1] = out[0];
  }
}

// ---- cp.async ----

template <bool kWait, bool kBarrier, int kLeft>
__device__ void copy_async(const u32* in, u32* out) {
  __shared__ u32 x[2][64];
  const u32 t = threadIdx.x;
  for (u32 k = 0; k < 2; ++k) {
    const u32 to = static_cast<u32>(__cvta_generic_to_shared(&x[k][t]));
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(to), "l"(in + k * 64 + t)
                 : "memory");
    asm volatile("cp.async.commit_group;" ::: "memory");
  }
  if (kWait) asm volatile("cp.async.wait_group %0;" ::"n"(kLeft) : "memory");
  if (kBarrier) __syncthreads();
  out[t] = x[0][63 - t];
  if (kLeft == 0) out[64 + t] = x[1][63 - t];
}
KERNEL async_right(const u32* in, u32* out) { copy_async<true, true, 0>(in, out); }
KERNEL async_first(const u32* in, u32* out) { copy_async<true, true, 1>(in, out); }
KERNEL async_no_wait(const u32* in, u32* out) { copy_async<false, true, 0>(in, out); }
KERNEL async_no_barrier(const u32* in, u32* out) { copy_async<true, false, 0>(in, out); }

// ---- What was never written ----

KERNEL shared_partly(const u32* in, u32* out, u32 n) {
  __shared__ u32 x[64];
  if (threadIdx.x < n) x[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  out[threadIdx.x] = x[63 - threadIdx.x];
}
// Reads them, and uses them for nothing.
KERNEL shared_unused(const u32* in, u32* out, u32 n) {
  __shared__ u32 x[64];
  if (threadIdx.x < n) x[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  const u32 value = reinterpret_cast<volatile u32*>(x)[63 - threadIdx.x];
  if (63 - threadIdx.x < n) out[threadIdx.x] = value;
}
KERNEL local_partly(const u32* in, u32* out, u32 n) {
  u32 x[16];
  for (u32 i = 0; i < n; ++i) x[in[i] & 15] = in[i];
  out[threadIdx.x] = x[in[threadIdx.x] & 15];
}
KERNEL shared_counter(u32* out) {
  __shared__ u32 count;
  atomicAdd(&count, 1);
  __syncthreads();
  if (threadIdx.x == 0) out[0] = count;
}

// ---- Between lanes ----

KERNEL shuffle_sum(const u32* in, u32* out) {
  u32 sum = in[blockIdx.x * blockDim.x + threadIdx.x];
  for (int d = 16; d > 0; d /= 2) sum += __shfl_down_sync(0xffffffffu, sum, d);
  if ((threadIdx.x & 31) == 0) out[(blockIdx.x * blockDim.x + threadIdx.x) / 32] = sum;
}
KERNEL shuffle_absent(const u32* in, u32* out) {
  const u32 value = in[threadIdx.x];
  if (threadIdx.x < 8) out[threadIdx.x] = __shfl_sync(0xffu, value, threadIdx.x + 4);
}
KERNEL active(u32* out) { out[threadIdx.x] = __activemask(); }
KERNEL quotient(const u32* a, const u32* b, u32* out) {
  out[threadIdx.x] = a[threadIdx.x] / b[threadIdx.x];
}
KERNEL ballot(const u32* in, u32* out) {
  const u32 votes = __ballot_sync(0xffffffffu, in[threadIdx.x] > 4);
  if (threadIdx.x == 0) out[0] = __popc(votes);
}

// __ldg of what the same thread stored.
KERNEL stale(u32* a, u32* out) {
  a[threadIdx.x] = threadIdx.x;
  __syncthreads();
  out[threadIdx.x] = __ldg(&a[threadIdx.x]);
}
KERNEL beyond(const u32* a, u32* out, u32 far) { out[threadIdx.x] = a[threadIdx.x + far]; }

// Two arrays: what lies behind the first is the second here, and elsewhere elsewhere.
KERNEL over_the_end(const u32* in, u32* out, u32 far) {
  __shared__ u32 x[32];
  __shared__ u32 y[32];
  x[threadIdx.x] = in[threadIdx.x];
  y[threadIdx.x] = in[threadIdx.x] + 5;
  __syncthreads();
  out[threadIdx.x] = x[threadIdx.x + far] + y[threadIdx.x ^ 1];
}
KERNEL over_the_local_end(const u32* in, u32* out, u32 far) {
  u32 x[8];
  for (u32 i = 0; i < 8; ++i) x[i] = in[i];
  for (u32 i = 0; i < far; ++i) x[i ^ in[i]] = i;
  out[threadIdx.x] = x[in[threadIdx.x] & 7];
}
