// Atomics of every kind and type, and what is built of them.
#include <cuda_fp16.h>
#include <cuda_bf16.h>
using u32 = unsigned int;
using u64 = unsigned long long;

extern "C" __global__ void atomics_32(u32* x, int* s, const u32* in) {
  const u32 v = in[blockIdx.x * blockDim.x + threadIdx.x];
  atomicAdd(&x[0], v);
  atomicSub(&x[1], v);
  atomicMin(&x[2], v);
  atomicMax(&x[3], v);
  atomicAnd(&x[4], v | 0xff);
  atomicOr(&x[5], v & 0xf0f0);
  atomicXor(&x[6], v);
  atomicInc(&x[7], 37);
  atomicDec(&x[8], 41);
  atomicMin(&s[0], static_cast<int>(v));
  atomicMax(&s[1], static_cast<int>(v));
  atomicAdd(&s[2], static_cast<int>(v));
  atomicAdd_block(&x[9], 2);
  atomicAdd_system(&x[10], 3);
}
extern "C" __global__ void atomics_64(u64* x, long long* s, const u64* in) {
  const u64 v = in[blockIdx.x * blockDim.x + threadIdx.x];
  atomicAdd(&x[0], v);
  atomicMin(&x[1], v);
  atomicMax(&x[2], v);
  atomicAnd(&x[3], v | 0xff);
  atomicOr(&x[4], v & 0xf0f0f0f0f0f0f0f0ull);
  atomicXor(&x[5], v);
  atomicMin(&s[0], static_cast<long long>(v));
  atomicMax(&s[1], static_cast<long long>(v));
}
// Values come back: each ticket is taken once, exchanges form a chain.
extern "C" __global__ void tickets(u32* out, u32* state, u64* chain) {
  __shared__ u32 local;
  const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  if (threadIdx.x == 0) local = 100;
  __syncthreads();
  out[atomicAdd(&state[0], 1)] = i;
  atomicAdd(&state[1], atomicExch(&local, i));
  chain[i] = atomicExch(&chain[gridDim.x * blockDim.x], i);
}
// Sums of small integers, exact in every order.
extern "C" __global__ void atomics_real(float* f, double* d, const int* in) {
  const int v = in[blockIdx.x * blockDim.x + threadIdx.x];
  atomicAdd(f, static_cast<float>(v));
  atomicAdd(d, static_cast<double>(v) * 0.5);
  __shared__ float part;
  if (threadIdx.x == 0) part = 0;
  __syncthreads();
  atomicAdd(&part, static_cast<float>(v));
  __syncthreads();
  if (threadIdx.x == 0) atomicExch(&f[1 + blockIdx.x], part);
}
// Compare and swap: a maximum of floats, a double product, 16-bit words.
__device__ float AtomicMax(float* at, float v) {
  int old = __float_as_int(*at), seen;
  do {
    seen = old;
    if (__int_as_float(seen) >= v) break;
    old = atomicCAS(reinterpret_cast<int*>(at), seen, __float_as_int(v));
  } while (old != seen);
  return __int_as_float(old);
}
extern "C" __global__ void cas_loops(float* most, u64* product, unsigned short* halves, const float* in, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  AtomicMax(most, in[i]);
  u64 old = *product, seen;
  do {
    seen = old;
    old = atomicCAS(product, seen, seen * 3);
  } while (old != seen);
  unsigned short was = halves[i % 3], assumed;
  do {
    assumed = was;
    was = atomicCAS(&halves[i % 3], assumed, static_cast<unsigned short>(assumed + i));
  } while (was != assumed);
}
// A lock: only one lane at a time is in.
extern "C" __global__ void spin_lock(int* lock, volatile int* shared_count, int rounds) {
  for (int k = 0; k < rounds; ++k) {
    bool done = false;
    while (!done) {
      if (atomicCAS(lock, 0, 1) == 0) {
        __threadfence();
        *shared_count = *shared_count + 1;
        __threadfence();
        atomicExch(lock, 0);
        done = true;
      }
    }
  }
}
// Blocks wait for each other in order.
extern "C" __global__ void turnstile(int* out, volatile int* turn, int* at) {
  if (threadIdx.x == 0) {
    while (*turn != blockIdx.x) {
    }
    out[(*at)++] = blockIdx.x * 10;
    __threadfence();
    *turn = blockIdx.x + 1;
  }
}
extern "C" __global__ void atomics_half(__half2* h, __half* s, __nv_bfloat162* b, const int* in) {
  const float v = static_cast<float>(in[threadIdx.x] & 3);
  atomicAdd(&h[0], __floats2half2_rn(v, 1.0f));
  atomicAdd(s, __float2half(v));
  atomicAdd(b, __floats2bfloat162_rn(1.0f, v * 0.5f));
}
// A hash table by open addressing.
extern "C" __global__ void hash_insert(u64* slots, int capacity, const u32* keys, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  u32 at = keys[i] * 2654435761u % capacity;
  while (true) {
    const u64 was = atomicCAS(&slots[at], 0ull, static_cast<u64>(keys[i]) << 32 | 1);
    if (was == 0) return;
    if (was >> 32 == keys[i]) {
      atomicAdd(&slots[at], 1ull);
      return;
    }
    at = (at + 1) % capacity;
  }
}
// Disjoint sets: the least of each.
__device__ u32 Root(volatile u32* parent, u32 x) {
  while (parent[x] != x) x = parent[x];
  return x;
}
extern "C" __global__ void unite(u32* parent, const uint2* edges, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  u32 a = edges[i].x, b = edges[i].y;
  while (true) {
    a = Root(parent, a);
    b = Root(parent, b);
    if (a == b) return;
    if (a > b) {
      const u32 t = a;
      a = b;
      b = t;
    }
    if (atomicCAS(&parent[b], b, a) == b) return;
  }
}
extern "C" __global__ void flatten(u32* parent, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) parent[i] = Root(parent, i);
}
