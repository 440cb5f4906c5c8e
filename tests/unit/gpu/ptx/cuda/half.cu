// Half and bfloat16 arithmetic, and conversions between all formats.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

extern "C" __global__ void halves(__half* h, __half2* h2, __nv_bfloat16* b, __nv_bfloat162* b2, float* f) {
  const int i = threadIdx.x;
  h[i] = h[i] * h[i + 1] + h[i + 2] - __hneg(h[i + 3]);
  h2[i] = __hmul2(h2[i], h2[i + 1]) + h2[i + 2];
  h2[i] = __hfma2(h2[i], h2[i], h2[i]);
  b[i] = b[i] * b[i + 1] + b[i + 2];
  b2[i] = __hmul2(b2[i], b2[i + 1]) + b2[i + 2];
  f[i] = __half2float(h[i]) + __bfloat162float(b[i]) + (h[i] < h[i + 1] ? 1.0f : 0.0f);
  h[i] = __float2half_rz(f[i]) + __int2half_rn(i) + hsqrt(h[i]) + hexp(h[i]);
  b[i] = __float2bfloat16(f[i]);
  f[i] += (float)__half2int_rz(h[i]) + __half2float(__hmax(h[i], h[i + 1])) + (float)__hisnan(h[i]);
  atomicAdd(h2, h2[i]);
}
