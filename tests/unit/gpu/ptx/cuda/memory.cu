// State spaces, vectors, caches, atomics, globals with initialisers.
__device__ int counter = 7;
__device__ int* pointer = &counter;
__device__ float table[2][3] = {{1.5f, 2.5f}, {3.5f}};
__device__ __managed__ int managed;
struct Big { char bytes[100]; };
extern __shared__ double dynamic[];

extern "C" __global__ void spaces(float4* a, const float2* __restrict__ b, Big big, int n) {
  __shared__ float tile[32][33];
  float local[20];
  for (int i = 0; i < n; ++i) local[(i * 7) % 20] = b[i].x;
  tile[threadIdx.y][threadIdx.x] = local[n % 20] + dynamic[threadIdx.x];
  __syncthreads();
  a[threadIdx.x] = make_float4(tile[threadIdx.x][threadIdx.y], table[n & 1][n % 3], *pointer, big.bytes[n]);
  a[n] = __ldcg(&a[n + 1]);
  __stcs(&a[n + 2], a[n + 3]);
  *(volatile int*)pointer = n;
  managed = n;
}

extern "C" __global__ void atomics(int* x, float* f, double* d, unsigned long long* u) {
  __shared__ int bins[64];
  bins[threadIdx.x & 63] = 0;
  __syncthreads();
  atomicAdd(&bins[x[threadIdx.x] & 63], 1);
  __syncthreads();
  x[0] = atomicCAS(&x[1], 2, 3) + atomicExch(&x[2], 5) + atomicMax(&x[3], 9) + atomicXor(&x[4], 1);
  atomicAdd(f, 1.5f);
  atomicAdd(d, 2.5);
  atomicInc((unsigned*)&x[5], 7u);
  atomicOr(u, 1ull);
  atomicMin(&counter, bins[threadIdx.x & 63]);
  __threadfence();
  __threadfence_block();
  __threadfence_system();
}
