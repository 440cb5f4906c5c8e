// Scans, compactions, sorts, histograms.
using u32 = unsigned int;
using u64 = unsigned long long;

extern "C" __global__ void scan_hillis(int* out, const int* in, int n) {
  extern __shared__ int two[];
  const int t = threadIdx.x;
  int a = 0, b = n;
  two[t] = t < n ? in[t] : 0;
  __syncthreads();
  for (int d = 1; d < n; d *= 2) {
    two[b + t] = two[a + t] + (t >= d ? two[a + t - d] : 0);
    __syncthreads();
    const int swap = a;
    a = b;
    b = swap;
  }
  if (t < n) out[t] = two[a + t];
}
#define PAD(i) ((i) + ((i) >> 5))
extern "C" __global__ void scan_blelloch(u32* out, u32* sums, const u32* in) {
  __shared__ u32 x[512 + 16];
  const int t = threadIdx.x;
  const int base = blockIdx.x * 512;
  x[PAD(2 * t)] = in[base + 2 * t];
  x[PAD(2 * t + 1)] = in[base + 2 * t + 1];
  int offset = 1;
  for (int d = 256; d > 0; d >>= 1, offset *= 2) {
    __syncthreads();
    if (t < d) x[PAD(offset * (2 * t + 2) - 1)] += x[PAD(offset * (2 * t + 1) - 1)];
  }
  if (t == 0) {
    sums[blockIdx.x] = x[PAD(511)];
    x[PAD(511)] = 0;
  }
  for (int d = 1; d < 512; d *= 2) {
    offset >>= 1;
    __syncthreads();
    if (t < d) {
      const int a = PAD(offset * (2 * t + 1) - 1), b = PAD(offset * (2 * t + 2) - 1);
      const u32 v = x[a];
      x[a] = x[b];
      x[b] += v;
    }
  }
  __syncthreads();
  out[base + 2 * t] = x[PAD(2 * t)];
  out[base + 2 * t + 1] = x[PAD(2 * t + 1)];
}
__device__ u64 WarpScan(u64 v) {
  for (int d = 1; d < 32; d *= 2) {
    const u64 other = __shfl_up_sync(~0u, v, d);
    if (threadIdx.x % 32 >= d) v += other;
  }
  return v;
}
// Decoupled look-back: a block waits for its predecessors' sums.
extern "C" __global__ void scan_look_back(u64* out, const u32* in, volatile u64* state, u32* next) {
  __shared__ u32 tile;
  __shared__ u64 warps[8], before;
  if (threadIdx.x == 0) tile = atomicAdd(next, 1);
  __syncthreads();
  const u32 i = tile * 256 + threadIdx.x;
  const u64 mine = WarpScan(in[i]);
  if (threadIdx.x % 32 == 31) warps[threadIdx.x / 32] = mine;
  __syncthreads();
  u64 offset = 0, total = 0;
  for (u32 w = 0; w < 8; ++w) {
    if (w < threadIdx.x / 32) offset += warps[w];
    total += warps[w];
  }
  if (threadIdx.x == 0) {
    state[tile] = total << 2 | (tile == 0 ? 2 : 1);
    __threadfence();
    u64 sum = 0;
    for (int t = static_cast<int>(tile) - 1; t >= 0;) {
      const u64 s = state[t];
      if ((s & 3) == 0) continue;
      sum += s >> 2;
      if ((s & 3) == 2) break;
      --t;
    }
    if (tile != 0) state[tile] = (sum + total) << 2 | 2;
    before = sum;
  }
  __syncthreads();
  out[i] = before + offset + mine;
}
// Keeps what is odd, in order within a block.
extern "C" __global__ void compact(int* out, int* count, const int* in, int n) {
  __shared__ int base[33];
  const int i = blockIdx.x * blockDim.x + threadIdx.x, lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  const int v = i < n ? in[i] : 0;
  const bool keep = i < n && (v & 1);
  const u32 ballot = __ballot_sync(~0u, keep);
  if (lane == 0) base[warp] = __popc(ballot);
  __syncthreads();
  if (threadIdx.x == 0) {
    int sum = 0;
    for (int w = 0; w < blockDim.x / 32; ++w) {
      const int c = base[w];
      base[w] = sum;
      sum += c;
    }
    base[32] = atomicAdd(count, sum);
  }
  __syncthreads();
  if (keep) out[base[32] + base[warp] + __popc(ballot & ((1u << lane) - 1))] = v;
}
extern "C" __global__ void bitonic_shared(int* data) {
  __shared__ int x[1024];
  int* d = data + blockIdx.x * 1024;
  x[threadIdx.x] = d[threadIdx.x];
  x[threadIdx.x + 512] = d[threadIdx.x + 512];
  for (u32 size = 2; size <= 1024; size <<= 1) {
    for (u32 stride = size / 2; stride > 0; stride >>= 1) {
      __syncthreads();
      const u32 pos = 2 * threadIdx.x - (threadIdx.x & (stride - 1));
      const bool up = (threadIdx.x & (size / 2)) == 0;
      const int a = x[pos], b = x[pos + stride];
      if ((a > b) == up) {
        x[pos] = b;
        x[pos + stride] = a;
      }
    }
  }
  __syncthreads();
  d[threadIdx.x] = x[threadIdx.x];
  d[threadIdx.x + 512] = x[threadIdx.x + 512];
}
extern "C" __global__ void bitonic_step(float* x, u32 j, u32 k) {
  const u32 i = blockIdx.x * blockDim.x + threadIdx.x;
  const u32 other = i ^ j;
  if (other <= i) return;
  const float a = x[i], b = x[other];
  if ((i & k) == 0 ? a > b : a < b) {
    x[i] = b;
    x[other] = a;
  }
}
// One 4-bit digit: counts, then a stable scatter.
extern "C" __global__ void radix_count(u32* counts, const u32* in, int shift) {
  __shared__ u32 bins[16];
  if (threadIdx.x < 16) bins[threadIdx.x] = 0;
  __syncthreads();
  atomicAdd(&bins[in[blockIdx.x * blockDim.x + threadIdx.x] >> shift & 15], 1);
  __syncthreads();
  if (threadIdx.x < 16) counts[threadIdx.x * gridDim.x + blockIdx.x] = bins[threadIdx.x];
}
extern "C" __global__ void radix_scan(u32* counts, int n) {  // one thread
  u32 sum = 0;
  for (int i = 0; i < n; ++i) {
    const u32 c = counts[i];
    counts[i] = sum;
    sum += c;
  }
}
extern "C" __global__ void radix_scatter(u32* out, const u32* in, const u32* counts, int shift) {
  __shared__ u32 seen[8][16];
  const u32 lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const u32 key = in[blockIdx.x * blockDim.x + threadIdx.x];
  const u32 digit = key >> shift & 15;
  if (lane < 16) seen[warp][lane] = 0;
  __syncwarp();
  const u32 peers = __match_any_sync(~0u, digit);
  const u32 rank = __popc(peers & ((1u << lane) - 1));
  if (rank == 0) seen[warp][digit] = __popc(peers);
  __syncthreads();
  u32 before = counts[digit * gridDim.x + blockIdx.x] + rank;
  for (u32 w = 0; w < warp; ++w) before += seen[w][digit];
  out[before] = key;
}
// Merge sort: each thread finds its element's place in the sibling run by bisection.
extern "C" __global__ void merge_pass(int* out, const int* in, int width, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const int run = i / width, first = run * width;
  const int sibling = (run ^ 1) * width;
  const int v = in[i];
  int low = sibling < n ? sibling : n, high = sibling + width < n ? sibling + width : n;
  const int start = low;
  while (low < high) {
    const int mid = (low + high) / 2;
    const bool before = (run & 1) ? in[mid] <= v : in[mid] < v;
    if (before) low = mid + 1; else high = mid;
  }
  const int pair = run / 2 * 2 * width;
  out[pair + (i - first) + (low - start)] = v;
}
extern "C" __global__ void odd_even_sort(short* x, int n) {
  for (int pass = 0; pass < n; ++pass) {
    const int i = 2 * threadIdx.x + (pass & 1);
    if (i + 1 < n && x[i] > x[i + 1]) {
      const short v = x[i];
      x[i] = x[i + 1];
      x[i + 1] = v;
    }
    __syncthreads();
  }
}
// Histograms: private in shared memory, per warp and merged, and of many bins in global memory.
extern "C" __global__ void histogram_shared(u32* bins, const unsigned char* in, int n) {
  __shared__ u32 own[4][256];
  for (int i = threadIdx.x; i < 1024; i += blockDim.x) own[i / 256][i % 256] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    atomicAdd(&own[threadIdx.x / 32 % 4][in[i]], 1u);
  }
  __syncthreads();
  for (int i = threadIdx.x; i < 256; i += blockDim.x) {
    const u32 sum = own[0][i] + own[1][i] + own[2][i] + own[3][i];
    if (sum != 0) atomicAdd(&bins[i], sum);
  }
}
extern "C" __global__ void histogram_aggregated(u32* bins, const u32* in, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const u32 bin = in[i] * 2654435761u >> 20;
  const u32 same = __match_any_sync(__activemask(), bin);
  if (__ffs(same) - 1 == threadIdx.x % 32) atomicAdd(&bins[bin], __popc(same));
}
