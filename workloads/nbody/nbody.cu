// Gravity among n bodies, all pairs, leapfrog. Positions go from one buffer to the other, so that no
// block reads what another writes; sums run in the order of the bodies.

constexpr int kTile = 64;

// n is a multiple of kTile; one thread per body.
extern "C" __global__ void step(const float4* from, float4* to, float4* velocities, unsigned n,
                                float dt, float softening) {
  __shared__ float4 tile[kTile];
  const unsigned i = blockIdx.x * kTile + threadIdx.x;
  const float4 me = from[i];
  float ax = 0.0f;
  float ay = 0.0f;
  float az = 0.0f;
  for (unsigned base = 0; base < n; base += kTile) {
    tile[threadIdx.x] = from[base + threadIdx.x];
    __syncthreads();
#pragma unroll 4
    for (int j = 0; j < kTile; ++j) {
      const float4 other = tile[j];
      const float dx = other.x - me.x;
      const float dy = other.y - me.y;
      const float dz = other.z - me.z;
      const float r2 = __fmaf_rn(dx, dx, __fmaf_rn(dy, dy, __fmaf_rn(dz, dz, softening)));
      // rsqrt is only approximate on GPUs; a correctly rounded root and quotient are exact.
      const float inverse = 1.0f / sqrtf(r2);
      const float pull = other.w * inverse * inverse * inverse;
      ax = __fmaf_rn(dx, pull, ax);
      ay = __fmaf_rn(dy, pull, ay);
      az = __fmaf_rn(dz, pull, az);
    }
    __syncthreads();
  }
  float4 v = velocities[i];
  v.x = __fmaf_rn(ax, dt, v.x);
  v.y = __fmaf_rn(ay, dt, v.y);
  v.z = __fmaf_rn(az, dt, v.z);
  velocities[i] = v;
  to[i] = make_float4(__fmaf_rn(v.x, dt, me.x), __fmaf_rn(v.y, dt, me.y), __fmaf_rn(v.z, dt, me.z),
                      me.w);
}
