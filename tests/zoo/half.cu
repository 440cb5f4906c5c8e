// Half precision and bfloat16: arithmetic, comparisons, conversions, functions.
#include <cuda_fp16.h>
#include <cuda_bf16.h>
using u16 = unsigned short;
using u32 = unsigned int;

__device__ u32 Bits(__half h) { return __half_as_ushort(h); }
__device__ u32 Bits(__half2 h) { return *reinterpret_cast<u32*>(&h); }
__device__ u32 Bits(__nv_bfloat16 h) { return __bfloat16_as_ushort(h); }
__device__ u32 Bits(__nv_bfloat162 h) { return *reinterpret_cast<u32*>(&h); }

extern "C" __global__ void half_scalar(u32* out, const u16* a, const u16* b, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const __half x = __ushort_as_half(a[i]), y = __ushort_as_half(b[i]);
  u32* o = out + 24 * i;
  o[0] = Bits(__hadd(x, y));
  o[1] = Bits(__hsub(x, y));
  o[2] = Bits(__hmul(x, y));
  o[3] = Bits(__hfma(x, y, x));
  o[4] = Bits(__hdiv(x, y));
  o[5] = Bits(__hneg(x)) << 16 | Bits(__habs(x));
  o[6] = Bits(__hadd_sat(x, y));
  o[7] = Bits(__hmin(x, y)) << 16 | Bits(__hmax(x, y));
  o[8] = __heq(x, y) | __hne(x, y) << 1 | __hlt(x, y) << 2 | __hle(x, y) << 3 | __hgt(x, y) << 4 |
         __hge(x, y) << 5 | __hltu(x, y) << 6 | __hgeu(x, y) << 7 | __hisnan(x) << 8 | (__hisinf(x) != 0) << 9;
  o[9] = __float_as_uint(__half2float(x));
  o[10] = Bits(__float2half_rz(__half2float(x) * 1.0009f));
  o[11] = static_cast<u32>(__half2int_rn(x));
  o[12] = static_cast<u32>(__half2short_rz(x));
  o[13] = Bits(__int2half_rn(static_cast<int>(a[i]) * 3 - 70000));
  o[14] = Bits(__uint2half_ru(b[i]));
  o[15] = Bits(hfloor(x)) << 16 | Bits(hrint(x));
  o[16] = Bits(hceil(x)) << 16 | Bits(htrunc(y));
  o[17] = Bits(hsqrt(__habs(x)));
  o[18] = Bits(hrcp(y));
  o[19] = Bits(__double2half(__half2float(x) * 0.3333));
  o[20] = static_cast<u32>(__half2ull_rz(__habs(y)));
  o[21] = static_cast<u32>(__half2uint_rd(y));
  o[22] = Bits(__hfma_relu(x, y, y));
  o[23] = Bits(__hcmadd(__halves2half2(x, y), __halves2half2(y, x), __halves2half2(x, x)));
}
extern "C" __global__ void half_pairs(u32* out, const u32* a, const u32* b, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const __half2 x = *reinterpret_cast<const __half2*>(a + i), y = *reinterpret_cast<const __half2*>(b + i);
  u32* o = out + 16 * i;
  o[0] = Bits(__hadd2(x, y));
  o[1] = Bits(__hsub2(x, y));
  o[2] = Bits(__hmul2(x, y));
  o[3] = Bits(__hfma2(x, y, y));
  o[4] = Bits(__h2div(x, y));
  o[5] = Bits(__hneg2(x));
  o[6] = Bits(__habs2(x));
  o[7] = Bits(__hmin2(x, y));
  o[8] = Bits(__hmax2_nan(x, y));
  o[9] = Bits(__heq2(x, y));
  o[10] = Bits(__hltu2(x, y));
  o[11] = __hbgt2(x, y) | __hbne2(x, y) << 1 | __heq2_mask(x, y);
  o[12] = Bits(__lowhigh2highlow(x));
  o[13] = Bits(__lows2half2(x, y));
  o[14] = Bits(__highs2half2(x, y));
  o[15] = Bits(__floats2half2_rn(__low2float(x), __high2float(y)));
}
extern "C" __global__ void bfloat_scalar(u32* out, const u16* a, const u16* b, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const __nv_bfloat16 x = __ushort_as_bfloat16(a[i]), y = __ushort_as_bfloat16(b[i]);
  u32* o = out + 16 * i;
  o[0] = Bits(__hadd(x, y));
  o[1] = Bits(__hsub(x, y));
  o[2] = Bits(__hmul(x, y));
  o[3] = Bits(__hfma(x, y, x));
  o[4] = Bits(__hdiv(x, y));
  o[5] = Bits(__hneg(x)) << 16 | Bits(__habs(x));
  o[6] = Bits(__hmin(x, y)) << 16 | Bits(__hmax(x, y));
  o[7] = __heq(x, y) | __hne(x, y) << 1 | __hlt(x, y) << 2 | __hgtu(x, y) << 3 | __hisnan(y) << 4;
  o[8] = __float_as_uint(__bfloat162float(x));
  o[9] = Bits(__float2bfloat16_rz(__bfloat162float(x) * 1.01f));
  o[10] = static_cast<u32>(__bfloat162int_rz(x));
  o[11] = Bits(__int2bfloat16_rn(static_cast<int>(a[i]) * 12345));
  o[12] = Bits(__float2bfloat16_rn(__bfloat162float(y) / 3.0f));
  o[13] = Bits(__hadd2(__halves2bfloat162(x, y), __halves2bfloat162(y, y)));
  o[14] = Bits(__hfma2(__halves2bfloat162(x, y), __halves2bfloat162(y, y), __halves2bfloat162(x, x)));
  o[15] = Bits(__hmul2(__halves2bfloat162(x, y), __halves2bfloat162(y, x)));
}
// Approximate: within the documented bounds only.
extern "C" __global__ void half_functions(u16* out, const u16* a, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  const __half x = __ushort_as_half(a[i]);
  u16* o = out + 10 * i;
  o[0] = __half_as_ushort(hsin(x));
  o[1] = __half_as_ushort(hcos(x));
  o[2] = __half_as_ushort(hexp(x));
  o[3] = __half_as_ushort(hexp2(x));
  o[4] = __half_as_ushort(hexp10(x));
  o[5] = __half_as_ushort(hlog(__habs(x)));
  o[6] = __half_as_ushort(hlog2(__habs(x)));
  o[7] = __half_as_ushort(hlog10(__habs(x)));
  o[8] = __half_as_ushort(hrsqrt(__habs(x)));
  o[9] = __half_as_ushort(htanh(x));
}
