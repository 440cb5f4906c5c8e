__kernel void vector_add(__global const float* a, __global const float* b, __global float* c,
                         uint n) {
  uint i = get_global_id(0);
  if (i < n) c[i] = a[i] + b[i];
}

__kernel void matmul(__global const float* a, __global const float* b, __global float* c, uint n) {
  __local float as[16][16];
  __local float bs[16][16];
  uint tx = get_local_id(0), ty = get_local_id(1);
  uint x = get_global_id(0), y = get_global_id(1);
  float sum = 0;
  for (uint t = 0; t < n; t += 16) {
    as[ty][tx] = a[y * n + t + tx];
    bs[ty][tx] = b[(t + ty) * n + x];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint k = 0; k < 16; ++k) sum = fma(as[ty][k], bs[k][tx], sum);
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  c[y * n + x] = sum;
}

__kernel void integer_hash(__global uint* out, uint rounds) {
  uint i = get_global_id(0);
  uint h = i;
  for (uint r = 0; r < rounds; ++r) {
    h ^= h >> 16;
    h *= 0x7feb352du;
    h ^= h >> 15;
    h *= 0x846ca68bu;
    h ^= h >> 16;
    h += r;
  }
  out[i] = h;
}

// PoCL 3.1 has no shuffles: its exchange between items is local memory.
__kernel void shuffle_reduce(__global const uint* in, __global uint* out, uint n) {
  __local uint part[256];
  uint t = get_local_id(0), i = get_global_id(0);
  part[t] = i < n ? in[i] : 0;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (uint d = 128; d > 0; d >>= 1) {
    if (t < d) part[t] += part[t + d];
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  if (t == 0) out[get_group_id(0)] = part[0];
}

__kernel void mandelbrot(__global uint* out, uint width, uint height, uint most) {
#pragma OPENCL FP_CONTRACT OFF
  uint x = get_global_id(0), y = get_global_id(1);
  if (x >= width || y >= height) return;
  float cr = fma((float)x, 3.0f / (float)width, -2.0f);
  float ci = fma((float)y, 2.0f / (float)height, -1.0f);
  float zr = 0, zi = 0;
  uint k = 0;
  while (k < most) {
    float r2 = zr * zr, i2 = zi * zi;
    if (r2 + i2 > 4.0f) break;
    float t = (r2 - i2) + cr;
    zi = fma(2.0f * zr, zi, ci);
    zr = t;
    ++k;
  }
  out[y * width + x] = k;
}
