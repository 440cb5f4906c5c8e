// Matrix products by tensor cores: wmma from CUDA's header, and mma with ldmatrix by hand.
#include <cuda_fp16.h>
#include <mma.h>

namespace wmma = nvcuda::wmma;

// C = A·B, row after row; a warp computes 16 × 16 of it. Sizes need not be multiples of 16: what is
// beyond the edges is padded with zeros in shared memory.
template <typename T, typename Sum>
__device__ void product(Sum* c, const T* a, const T* b, int m, int n, int k) {
  __shared__ alignas(32) T tile_a[4][16 * 16];
  __shared__ alignas(32) T tile_b[4][16 * 16];
  __shared__ alignas(32) Sum tile_c[4][16 * 16];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int row = 16 * (blockIdx.y * 4 + warp), column = 16 * blockIdx.x;
  wmma::fragment<wmma::matrix_a, 16, 16, 16, T, wmma::row_major> fa;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, T, wmma::row_major> fb;
  wmma::fragment<wmma::accumulator, 16, 16, 16, Sum> sums;
  wmma::fill_fragment(sums, Sum(0));
  for (int x = 0; x < k; x += 16) {
    for (int i = lane; i < 256; i += 32) {
      const int r = i / 16, s = i % 16;
      tile_a[warp][i] = row + r < m && x + s < k ? a[(row + r) * k + x + s] : T(0);
      tile_b[warp][i] = x + r < k && column + s < n ? b[(x + r) * n + column + s] : T(0);
    }
    __syncwarp();
    wmma::load_matrix_sync(fa, tile_a[warp], 16);
    wmma::load_matrix_sync(fb, tile_b[warp], 16);
    wmma::mma_sync(sums, fa, fb, sums);
    __syncwarp();
  }
  wmma::store_matrix_sync(tile_c[warp], sums, 16, wmma::mem_row_major);
  __syncwarp();
  for (int i = lane; i < 256; i += 32) {
    const int r = row + i / 16, s = column + i % 16;
    if (r < m && s < n) c[r * n + s] = tile_c[warp][i];
  }
}

extern "C" __global__ void product_half(float* c, const __half* a, const __half* b, int m, int n, int k) {
  product<__half, float>(c, a, b, m, n, k);
}
extern "C" __global__ void product_bytes(int* c, const signed char* a, const signed char* b, int m, int n, int k) {
  product<signed char, int>(c, a, b, m, n, k);
}

// c = alpha·a·b + beta·c in halves, of 32 × 8 and 8 × 32, on fragments that are scaled element by
// element.
template <int kM, int kN>
__device__ void scaled(__half* c, const __half* a, const __half* b, float alpha, float beta) {
  wmma::fragment<wmma::matrix_a, kM, kN, 16, __half, wmma::col_major> fa;
  wmma::fragment<wmma::matrix_b, kM, kN, 16, __half, wmma::col_major> fb;
  wmma::fragment<wmma::accumulator, kM, kN, 16, __half> fc, sums;
  wmma::load_matrix_sync(fa, a, kM);
  wmma::load_matrix_sync(fb, b, 16);
  wmma::load_matrix_sync(fc, c, kN, wmma::mem_row_major);
  wmma::fill_fragment(sums, __half(0.0f));
  wmma::mma_sync(sums, fa, fb, sums);
  for (int i = 0; i < fc.num_elements; ++i) {
    fc.x[i] = __hadd(__hmul(__float2half(alpha), sums.x[i]), __hmul(__float2half(beta), fc.x[i]));
  }
  wmma::store_matrix_sync(c, fc, kM, wmma::mem_col_major);
}
extern "C" __global__ void scaled_half(__half* tall, __half* wide, const __half* a, const __half* b, float alpha,
                                       float beta) {
  if (threadIdx.x < 32) {
    scaled<32, 8>(tall, a, b, alpha, beta);
  } else {
    scaled<8, 32>(wide, b, a, alpha, beta);
  }
}

#if __CUDA_ARCH__ >= 800
__device__ unsigned shared_address(const void* p) { return unsigned(__cvta_generic_to_shared(p)); }

// 32 × 32 of C by one warp, 16 × 8 at a time: A as it lies, B transposed on the way.
extern "C" __global__ void mma_half(float* c, const __half* a, const __half* b, int k) {
  __shared__ alignas(16) __half tile_a[32][24];  // padded, as for bank conflicts
  __shared__ alignas(16) __half tile_b[16][40];
  const int lane = threadIdx.x, group = lane / 4, member = lane % 4;
  const int row = 32 * blockIdx.y, column = 32 * blockIdx.x, n = 32 * gridDim.x;
  float sums[2][4][4] = {};
  for (int x = 0; x < k; x += 16) {
    for (int i = 0; i < 16; ++i) tile_a[lane][i] = a[(row + lane) * k + x + i];
    for (int i = 0; i < 16; ++i) tile_b[i][lane] = b[(x + i) * n + column + lane];
    __syncwarp();
    for (int i = 0; i < 2; ++i) {
      unsigned fa[4];
      asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                   : "=r"(fa[0]), "=r"(fa[1]), "=r"(fa[2]), "=r"(fa[3])
                   : "r"(shared_address(&tile_a[16 * i + lane % 16][lane / 16 * 8])));
      for (int j = 0; j < 4; ++j) {
        unsigned fb[2];
        asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                     : "=r"(fb[0]), "=r"(fb[1])
                     : "r"(shared_address(&tile_b[lane % 16][8 * j])));
        float* s = sums[i][j];
        asm volatile(
            "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
            "{%0, %1, %2, %3};"
            : "+f"(s[0]), "+f"(s[1]), "+f"(s[2]), "+f"(s[3])
            : "r"(fa[0]), "r"(fa[1]), "r"(fa[2]), "r"(fa[3]), "r"(fb[0]), "r"(fb[1]));
      }
    }
    __syncwarp();
  }
  for (int i = 0; i < 2; ++i) {
    for (int j = 0; j < 4; ++j) {
      for (int e = 0; e < 4; ++e) {
        const int r = row + 16 * i + group + e / 2 * 8, s = column + 8 * j + member * 2 + e % 2;
        c[r * n + s] = sums[i][j][e];
      }
    }
  }
}

// A, of bytes, times the transpose of B: both lie as mma wants them.
extern "C" __global__ void mma_bytes(int* c, const signed char* a, const unsigned char* b, int k) {
  const int lane = threadIdx.x, group = lane / 4, member = lane % 4;
  const int row = 16 * blockIdx.y, column = 8 * blockIdx.x, n = 8 * gridDim.x;
  int sums[4] = {};
  for (int x = 0; x < k; x += 32) {
    unsigned fa[4], fb[2];
    for (int i = 0; i < 4; ++i) {
      fa[i] = *reinterpret_cast<const unsigned*>(&a[(row + group + i % 2 * 8) * k + x + member * 4 + i / 2 * 16]);
    }
    for (int i = 0; i < 2; ++i) {
      fb[i] = *reinterpret_cast<const unsigned*>(&b[(column + group) * k + x + member * 4 + i * 16]);
    }
    asm("mma.sync.aligned.m16n8k32.row.col.satfinite.s32.s8.u8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
        "{%8, %9}, {%0, %1, %2, %3};"
        : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
        : "r"(fa[0]), "r"(fa[1]), "r"(fa[2]), "r"(fa[3]), "r"(fb[0]), "r"(fb[1]));
  }
  for (int e = 0; e < 4; ++e) c[(row + group + e / 2 * 8) * n + column + member * 2 + e % 2] = sums[e];
}
#endif
