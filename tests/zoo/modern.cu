// What sm_90 brought: atomics on vectors, election, launches that depend on others.
#include <cuda_fp16.h>
using u32 = unsigned int;

extern "C" __global__ void vector_atomics(float4* f4, float2* f2, __half2* h, const float* in) {
  const float v = in[threadIdx.x];
  atomicAdd(f2, make_float2(v, 1.0f));
  atomicAdd(f4, make_float4(v, 2 * v, 3 * v, 1.0f));
  atomicAdd(h, __floats2half2_rn(1.0f, 2.0f));
}
extern "C" __global__ void elected(u32* out) {
  u32 leader = 0, is = 0;
  asm volatile(
      "{\n\t.reg .pred p;\n\telect.sync %0|p, 0xffffffff;\n\tselp.u32 %1, 1, 0, p;\n\t}"
      : "=r"(leader), "=r"(is));
  out[threadIdx.x] = is;
}
extern "C" __global__ void dependent(int* out, const int* in) {
  asm volatile("griddepcontrol.wait;" ::: "memory");
  out[threadIdx.x] = in[threadIdx.x] * 2;
  asm volatile("griddepcontrol.launch_dependents;");
}
