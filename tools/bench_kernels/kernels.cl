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

__kernel void nbody(__global const float4* position, __global float4* acceleration, uint n) {
#pragma OPENCL FP_CONTRACT OFF
  __local float4 tile[128];
  uint l = get_local_id(0), i = get_global_id(0);
  float4 me = position[i];
  float ax = 0, ay = 0, az = 0;
  for (uint t = 0; t < n; t += 128) {
    tile[l] = position[t + l];
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint k = 0; k < 128; ++k) {
      float4 other = tile[k];
      float dx = other.x - me.x, dy = other.y - me.y, dz = other.z - me.z;
      float d2 = fma(dx, dx, fma(dy, dy, fma(dz, dz, 0.01f)));
      float inverse = 1.0f / sqrt(d2);
      float s = other.w * (inverse * (inverse * inverse));
      ax = fma(dx, s, ax);
      ay = fma(dy, s, ay);
      az = fma(dz, s, az);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
  acceleration[i] = (float4)(ax, ay, az, 0);
}

__kernel void histogram(__global const uint* in, __global uint* counts, uint n) {
  __local uint bins[256];
  uint l = get_local_id(0);
  bins[l] = 0;
  barrier(CLK_LOCAL_MEM_FENCE);
  for (uint i = get_global_id(0); i < n; i += get_global_size(0)) {
    uint v = in[i];
    atomic_inc(&bins[v & 255]);
    atomic_inc(&bins[v >> 8 & 255]);
    atomic_inc(&bins[v >> 16 & 255]);
    atomic_inc(&bins[v >> 24]);
  }
  barrier(CLK_LOCAL_MEM_FENCE);
  counts[get_group_id(0) * 256 + l] = bins[l];
}

__kernel void kmeans(__global const float* points, __global const float* centres,
                     __global uint* nearest, uint n) {
#pragma OPENCL FP_CONTRACT OFF
  __local float c[32 * 4];
  uint l = get_local_id(0), i = get_global_id(0);
  if (l < 128) c[l] = centres[l];
  barrier(CLK_LOCAL_MEM_FENCE);
  if (i >= n) return;
  float x = points[i], y = points[n + i], z = points[2 * n + i], w = points[3 * n + i];
  float best = 1e30f;
  uint at = 0;
  for (uint k = 0; k < 32; ++k) {
    float dx = x - c[4 * k], dy = y - c[4 * k + 1], dz = z - c[4 * k + 2], dw = w - c[4 * k + 3];
    float d = fma(dx, dx, fma(dy, dy, fma(dz, dz, dw * dw)));
    if (d < best) {
      best = d;
      at = k;
    }
  }
  nearest[i] = at;
}

__kernel void stencil(__global const float* in, __global float* out, uint width, uint height) {
#pragma OPENCL FP_CONTRACT OFF
  uint x = get_global_id(0), y = get_global_id(1);
  if (x >= width || y >= height) return;
  uint i = y * width + x;
  float v = in[i];
  if (x > 0 && y > 0 && x < width - 1 && y < height - 1) {
    float around = (in[i - 1] + in[i + 1]) + (in[i - width] + in[i + width]);
    v = fma(fma(-4.0f, v, around), 0.2f, v);
  }
  out[i] = v;
}
