// Integer, single and double arithmetic with every rounding that CUDA names.
struct Terms { int a; double b; float c[3]; };
__constant__ float coefficients[16] = {1.0f, 2.0f, 3.0f};

extern "C" __global__ void singles(float* x, Terms t, int n) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float v = x[i] * t.c[1] + coefficients[i & 15];
  v = __fadd_rz(v, t.c[0]) - __fmul_ru(v, t.c[2]) + __fmaf_rd(v, v, v) + __frcp_rn(v) + sqrtf(v);
  v += fminf(v, 1.0f) + fmaxf(v, -0.0f) + fabsf(v) + truncf(v) + ceilf(v) + rintf(v);
  v += __expf(v) + __logf(v) + __sinf(v) + sinf(v) + powf(v, 1.5f) + v / 3.0f + fmodf(v, 2.0f);
  x[i] = __saturatef(v) + copysignf(v, t.c[0]) + (isnan(v) ? 1.0f : 0.0f);
}

extern "C" __global__ void doubles(double* x, Terms t) {
  double v = x[threadIdx.x] * t.b + 2.5;
  v = v / 3.0 + sqrt(v) + fma(v, v, v) + floor(v) + sin(v) + exp(v) + __dadd_ru(v, 1.0);
  x[threadIdx.x] = v + (double)(long long)v + (double)(unsigned)v + (float)v;
}

extern "C" __global__ void integers(unsigned* x, long long* y, unsigned char* z) {
  unsigned a = x[threadIdx.x], b = x[threadIdx.x + 1];
  long long c = y[threadIdx.x];
  a = a / b + a % 7 + __umulhi(a, b) + __popc(a) + __clz(b) + __brev(a) + __ffs(b) + __byte_perm(a, b, 0x5140);
  a ^= __funnelshift_l(a, b, 5) + __funnelshift_r(a, b, b) + __umul24(a, b) + __usad(a, b, 3);
  c = c / 3 + c % 5 + __mul64hi(c, c) + (c >> 3) + (c << (a & 63)) + __popcll(c) + abs((int)a);
  z[threadIdx.x] = (unsigned char)(a > b ? min(a, b) : max((int)a, -5));
  x[threadIdx.x] = a + __dp4a((int)a, (int)b, 3) + __vabsdiffu4(a, b) + __vaddss2(a, b);
  y[threadIdx.x] = c;
}
