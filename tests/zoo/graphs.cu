// Graphs and dynamic programming.
using u32 = unsigned int;

extern "C" __global__ void bfs_level(int* level, int* changed, const int* start, const int* edge, int n, int depth) {
  const int v = blockIdx.x * blockDim.x + threadIdx.x;
  if (v >= n || level[v] != depth) return;
  for (int e = start[v]; e < start[v + 1]; ++e) {
    if (level[edge[e]] < 0) {
      level[edge[e]] = depth + 1;
      *changed = 1;
    }
  }
}
// With a frontier queue.
extern "C" __global__ void bfs_queue(int* level, int* next, int* next_size, const int* frontier, int size, const int* start, const int* edge, int depth) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= size) return;
  const int v = frontier[i];
  for (int e = start[v]; e < start[v + 1]; ++e) {
    if (atomicCAS(&level[edge[e]], -1, depth + 1) == -1) next[atomicAdd(next_size, 1)] = edge[e];
  }
}
extern "C" __global__ void relax(u32* distance, int* changed, const int* start, const int* edge, const u32* weight, int n) {
  const int v = blockIdx.x * blockDim.x + threadIdx.x;
  if (v >= n) return;
  const u32 d = *reinterpret_cast<volatile u32*>(&distance[v]);
  if (d == 0xffffffffu) return;
  for (int e = start[v]; e < start[v + 1]; ++e) {
    if (atomicMin(&distance[edge[e]], d + weight[e]) > d + weight[e]) *changed = 1;
  }
}
extern "C" __global__ void pagerank(float* out, const float* rank, const int* start, const int* edge, const int* degree, int n, float damping) {
  const int v = blockIdx.x * blockDim.x + threadIdx.x;
  if (v >= n) return;
  float sum = 0;
  for (int e = start[v]; e < start[v + 1]; ++e) sum += rank[edge[e]] / static_cast<float>(degree[edge[e]]);
  out[v] = fmaf(damping, sum, (1.0f - damping) / static_cast<float>(n));
}
extern "C" __global__ void triangles(u32* count, const int* start, const int* edge, int n) {
  const int v = blockIdx.x * blockDim.x + threadIdx.x;
  if (v >= n) return;
  u32 found = 0;
  for (int e = start[v]; e < start[v + 1]; ++e) {
    const int w = edge[e];
    if (w <= v) continue;
    int a = start[v], b = start[w];
    while (a < start[v + 1] && b < start[w + 1]) {
      if (edge[a] == edge[b]) found += edge[a] > w;
      const int x = edge[a], y = edge[b];
      a += x <= y;
      b += y <= x;
    }
  }
  if (found != 0) atomicAdd(count, found);
}
extern "C" __global__ void floyd_warshall(int* d, int n) {  // one block
  for (int k = 0; k < n; ++k) {
    for (int i = threadIdx.y; i < n; i += blockDim.y) {
      for (int j = threadIdx.x; j < n; j += blockDim.x) {
        const int through = d[i * n + k] + d[k * n + j];
        if (through < d[i * n + j]) d[i * n + j] = through;
      }
    }
    __syncthreads();
  }
}
// Needleman and Wunsch by antidiagonals of 16 × 16 tiles in shared memory.
extern "C" __global__ void needleman(int* score, const int* similarity, int columns, int penalty, int diagonal, int blocks) {
  __shared__ int s[17][17];
  __shared__ int sim[16][16];
  const int bx = diagonal < blocks ? blockIdx.x : blockIdx.x + diagonal - blocks + 1;
  const int by = diagonal - bx;
  const int t = threadIdx.x, base = columns * 16 * by + 16 * bx;
  for (int y = 0; y < 16; ++y) sim[y][t] = similarity[base + columns * (y + 1) + t + 1];
  if (t == 0) s[0][0] = score[base];
  s[t + 1][0] = score[base + columns * (t + 1)];
  s[0][t + 1] = score[base + t + 1];
  __syncthreads();
  for (int m = 0; m < 31; ++m) {
    const int x = t + 1, y = m - t + 1;
    if (y >= 1 && y <= 16) {
      s[y][x] = max(s[y - 1][x - 1] + sim[y - 1][x - 1], max(s[y][x - 1], s[y - 1][x]) - penalty);
    }
    __syncthreads();
  }
  for (int y = 0; y < 16; ++y) score[base + columns * (y + 1) + t + 1] = s[y + 1][t + 1];
}
// Smith and Waterman with affine gaps: a warp sweeps a pair, lanes pass diagonals on by shuffles.
extern "C" __global__ void smith_waterman(int* best, const unsigned char* query, const unsigned char* target, int target_length) {
  const int lane = threadIdx.x;
  const unsigned char q = query[blockIdx.x * 32 + lane];
  const unsigned char* t = target + blockIdx.x * target_length;
  int h = 0, e = 0, f = 0, diagonal = 0, most = 0;
  for (int step = 0; step < target_length + 31; ++step) {
    const int j = step - lane;
    int up = __shfl_up_sync(~0u, h, 1), upf = __shfl_up_sync(~0u, f, 1);
    if (lane == 0) {
      up = 0;
      upf = 0;
    }
    if (j >= 0 && j < target_length) {
      const int match = q == t[j] ? 3 : -2;
      e = max(h - 4, e - 1);
      f = max(up - 4, upf - 1);
      h = max(max(0, diagonal + match), max(e, f));
      most = max(most, h);
      diagonal = up;
    }
  }
  for (int d = 16; d > 0; d /= 2) most = max(most, __shfl_xor_sync(~0u, most, d));
  if (lane == 0) best[blockIdx.x] = most;
}
extern "C" __global__ void edit_distance(int* out, const char* a, const char* b, int length) {
  extern __shared__ short row[];
  short* mine = row + threadIdx.x * (length + 1);
  const char* x = a + threadIdx.x * length;
  const char* y = b + threadIdx.x * length;
  for (int j = 0; j <= length; ++j) mine[j] = static_cast<short>(j);
  for (int i = 1; i <= length; ++i) {
    short corner = mine[0];
    mine[0] = static_cast<short>(i);
    for (int j = 1; j <= length; ++j) {
      const short keep = mine[j];
      const int replace = corner + (x[i - 1] != y[j - 1]);
      mine[j] = static_cast<short>(min(replace, min(mine[j], mine[j - 1]) + 1));
      corner = keep;
    }
  }
  out[threadIdx.x] = mine[length];
}
extern "C" __global__ void knapsack(long long* out, const long long* in, int weight, long long value, int capacity) {
  const int c = blockIdx.x * blockDim.x + threadIdx.x;
  if (c > capacity) return;
  const long long skip = in[c];
  const long long take = c >= weight ? in[c - weight] + value : -1;
  out[c] = take > skip ? take : skip;
}
